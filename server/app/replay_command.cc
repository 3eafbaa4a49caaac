// See replay_command.h.
#include "server/app/replay_command.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "server/audit/replay.h"
#include "server/audit/replay_text.h"
#include "server/base/error.h"
#include "server/shard/checkpoint_history.h"
#include "server/shard/ledger_file.h"
#include "server/shard/replay_source.h"

namespace keyledger::app {
namespace {

constexpr uint64_t kFindingsListed = 100'000;

// Keys as given: a verifier key, or a file with one a line.
absl::StatusOr<std::vector<std::string>> ReadKeys(const std::vector<std::string>& given) {
  std::vector<std::string> keys;
  for (const std::string& text : given) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(text, error)) {
      keys.push_back(text);
      continue;
    }
    std::ifstream in(text);
    const size_t before = keys.size();
    std::string line;
    while (std::getline(in, line)) {
      if (!line.empty() && line[0] != '#') keys.push_back(line);
    }
    if (!in.eof() || in.bad()) return absl::UnavailableError(fmt::format("{} cannot be read", text));
    // Without a key nothing signed is checked: that must be asked for, not come of a file that was not filled.
    if (keys.size() == before) {
      return absl::FailedPreconditionError(fmt::format(
          "{} has no key in it; give a file with one a line, or leave --replay-keys out to check no signatures", text));
    }
  }
  return keys;
}

// The stores, opened to be read.
struct DirectoryAtRest {
  std::vector<std::unique_ptr<store::ShardStore>> open;
  shard::ReplayStores stores;
};

absl::StatusOr<DirectoryAtRest> OpenAtRest(const Options& options) {
  std::error_code error;
  if (!std::filesystem::exists(options.data_dir + "/LEDGER", error)) {
    return absl::FailedPreconditionError(fmt::format("{} is not the data directory of a ledger", options.data_dir));
  }
  KL_ASSIGN_OR_RETURN(const shard::LedgerIdentity identity, shard::OpenLedgerFile(options.data_dir, options.shards));
  DirectoryAtRest directory;
  directory.stores.ledger_id = identity.ledger_id;
  for (uint32_t shard = 0; shard < identity.shard_count; ++shard) {
    store::StoreOptions store;
    store.path = shard::ShardDirectory(options.data_dir, shard);
    store.ledger_id = identity.ledger_id;
    store.shard = shard;
    store.shard_count = identity.shard_count;
    store.disk_reserve_bytes = 0;
    store.read_only = true;
    KL_ASSIGN_OR_RETURN(std::unique_ptr<store::ShardStore> opened, store::ShardStore::Open(store));
    directory.stores.stores.push_back(opened.get());
    directory.open.push_back(std::move(opened));
  }
  const std::string checkpoints =
      options.checkpoint_dir.empty() ? options.data_dir + "/checkpoints" : options.checkpoint_dir;
  directory.stores.checkpoints = [checkpoints](uint32_t shard, uint64_t, const auto& visit) {
    return shard::ReadCheckpointHistory(shard::CheckpointHistoryPath(checkpoints, shard), visit);
  };
  return directory;
}

absl::StatusOr<audit::v1::ReplayReport> Replay(const Options& options) {
  audit::ReplayOptions replay;
  KL_ASSIGN_OR_RETURN(replay.trusted_keys, ReadKeys(options.replay_keys));
  KL_ASSIGN_OR_RETURN(DirectoryAtRest directory, OpenAtRest(options));
  const bool json = options.replay_report == "json";
  audit::Findings findings(kFindingsListed, [json](const audit::v1::Finding& finding) {
    fmt::print("{}", json ? audit::FindingToJson(finding) + "\n" : audit::FormatFinding(finding));
  });
  const auto source = shard::MakeLedgerSource(std::move(directory.stores));
  KL_ASSIGN_OR_RETURN(audit::v1::ReplayReport report, audit::Replay(*source, replay, findings));
  fmt::print("{}", json ? audit::ReportToJson(report) + "\n" : audit::FormatReport(report));
  return report;
}

}  // namespace

int RunReplay(const Options& options) {
  const absl::StatusOr<audit::v1::ReplayReport> report = Replay(options);
  if (!report.ok()) {
    fmt::print(stderr, "keyledgerd: cannot replay: {}\n", MessageOf(report.status()));
    return kReplayCannotRun;
  }
  if (std::fflush(stdout) != 0) return kReplayCannotRun;
  return report->findings() == 0 ? 0 : kReplayFound;
}

}  // namespace keyledger::app

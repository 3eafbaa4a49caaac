// What the tests of checkpoints stand on: a ledger whose checkpoints and keys lie beside its data, that can be stopped
// between any two steps as a crash would.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "server/merkle/proof.h"
#include "tests/unit/shard/shard_fixture.h"

namespace keyledger::testing {

inline std::string FileText(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

inline void WriteText(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

class CheckpointedLedger {
 public:
  explicit CheckpointedLedger(uint32_t shards = 1) {
    options_.data_dir = directory_ / "data";
    options_.shard_count = shards;
    options_.disk_reserve_bytes = 0;
    options_.sweep_interval = std::chrono::milliseconds(0);
    options_.checkpoints.emplace();
    options_.checkpoints->directory = directory_ / "checkpoints";
    options_.checkpoints->key_directory = directory_ / "keys";
    options_.checkpoints->interval = std::chrono::milliseconds(0);
    options_.checkpoints->before_step = [this](std::string_view step) -> absl::Status {
      steps_.emplace_back(step);
      if (steps_.size() > steps_max_) return absl::AbortedError("crashed");
      return absl::OkStatus();
    };
  }
  ~CheckpointedLedger() { Close(); }

  absl::Status Open() {
    KL_CHECK(ledger_ == nullptr);
    auto ledger = shard::Ledger::Open(options_, clock_);
    if (ledger.ok()) ledger_ = *std::move(ledger);
    return ledger.status();
  }
  void MustOpen() {
    const absl::Status opened = Open();
    ASSERT_TRUE(opened.ok()) << opened;
  }
  void Close() { ledger_.reset(); }
  // From the next step on every step fails, so that nothing is written at the stop either; the machine is up again
  // afterwards.
  void CrashAfterSteps(size_t steps) { steps_max_ = steps_.size() + steps; }
  bool crashed() const { return steps_.size() > steps_max_; }
  void Recover() {
    Close();
    steps_max_ = ~size_t{0};
    steps_.clear();
  }
  const std::vector<std::string>& steps() const { return steps_; }

  // Appends `count` records: an account each.
  void Grow(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      const std::string id = fmt::format("{}-{}", account_prefix_, next_account_++);
      std::promise<AppendOutcome> promise;
      ledger_->Append(Command(id, "open", {Opened()}),
                      [&](AppendOutcome outcome) { promise.set_value(std::move(outcome)); });
      const AppendOutcome outcome = promise.get_future().get();
      ASSERT_TRUE(outcome.ok()) << outcome.status();
    }
  }
  void NameAccounts(const std::string& prefix) { account_prefix_ = prefix; }

  shard::PublishedCheckpoint MustPublish(uint32_t shard = 0) {
    auto published = keeper().Publish(shard);
    EXPECT_TRUE(published.ok()) << published.status();
    KL_CHECK(published.ok() && published->has_value());
    return **published;
  }

  // "" or the first thing wrong: every checkpoint ever published is one of the log as it is, signed by a key on the
  // record, and each key but the first is covered by a checkpoint that the one before it signed too.
  std::string CheckHistory(uint32_t shard) {
    const shard::CheckpointHistory& history = keeper().history(shard);
    const std::vector<shard::PublishedKey> keys = keeper().keys(shard);
    std::vector<bool> covered(keys.size(), false);
    uint64_t size_before = 0;
    for (uint64_t i = 0; i < history.count(); ++i) {
      const auto entry = history.Read(i);
      if (!entry.ok()) return MessageOf(entry.status());
      if (entry->checkpoint.size < size_before) return fmt::format("entry {} goes back", i);
      size_before = entry->checkpoint.size;
      const auto opened = merkle::OpenNote(entry->note, keeper().verifier_keys(shard));
      if (!opened.ok()) return MessageOf(opened.status());
      merkle::TileNodes nodes = ledger_->shard(shard).Nodes();
      const auto root = merkle::RootOf(entry->checkpoint.size, nodes.reader());
      if (!root.ok() || *root != entry->checkpoint.root) return fmt::format("entry {} is not of this log", i);
      for (size_t k = 1; k < keys.size(); ++k) {
        const auto signed_by = [&](const merkle::VerifierKey& key) {
          return std::find(opened->verified.begin(), opened->verified.end(), key) != opened->verified.end();
        };
        if (entry->checkpoint.size > keys[k].position && signed_by(keys[k - 1].key) && signed_by(keys[k].key))
          covered[k] = true;
      }
    }
    for (size_t k = 1; k < keys.size(); ++k) {
      if (!covered[k]) return fmt::format("key {} is covered by no checkpoint that the key before it signed", k);
    }
    return "";
  }

  shard::Ledger& ledger() { return *ledger_; }
  shard::CheckpointKeeper& keeper() { return ledger_->checkpoints(); }
  shard::LedgerOptions& options() { return options_; }
  FakeClock& clock() { return clock_; }
  std::string data() const { return directory_ / "data"; }
  std::string file(const std::string& name) const { return directory_ / name; }
  std::string checkpoint_file() const { return directory_ / "checkpoints/shard-000.checkpoint"; }
  std::string history_file() const { return directory_ / "checkpoints/shard-000.history"; }
  std::string key_file() const { return directory_ / "keys/signing.pem"; }

 private:
  const TempDir directory_{TempDir::Place::kMemory};
  FakeClock clock_{kToday};
  shard::LedgerOptions options_;
  std::vector<std::string> steps_;
  size_t steps_max_ = ~size_t{0};
  std::string account_prefix_ = "a";
  uint64_t next_account_ = 0;
  std::unique_ptr<shard::Ledger> ledger_;
};

}  // namespace keyledger::testing

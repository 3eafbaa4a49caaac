// See replay.h.
#include "server/audit/replay.h"

#include <fmt/format.h>

#include "server/audit/account_check.h"
#include "server/audit/log_check.h"
#include "server/audit/replay_run.h"
#include "server/base/error.h"
#include "server/base/ids.h"

namespace keyledger::audit {
namespace {

// Records in no stream that are named; all are counted.
constexpr uint64_t kUnseenNamedMax = 1'000;

class Replayer {
 public:
  Replayer(RecordSource& source, const ReplayOptions& options, Findings& findings)
      : run_(source, options, findings), shards_(source.shard_count()) {}

  absl::StatusOr<v1::ReplayReport> Run() {
    std::vector<merkle::VerifierKey> trusted;
    for (const std::string& text : run_.options.trusted_keys) {
      KL_ASSIGN_OR_RETURN(merkle::VerifierKey key, merkle::VerifierKey::Parse(text));
      trusted.push_back(std::move(key));
    }
    run_.basis.programs.resize(shards_);
    run_.replayed.resize(shards_);
    for (uint32_t shard = 0; shard < shards_; ++shard) {
      run_.progress.set_records_total(run_.progress.records_total() + run_.source.record_count(shard));
    }
    KL_RETURN_IF_ERROR(ReadLogs(trusted));
    if (run_.options.decisions) {
      KL_RETURN_IF_ERROR(ReadAccounts());
      run_.ReportHeld();
      CheckTotal();
    } else {
      run_.NotChecked("the accounts: decisions were not derived again and points not counted, as was asked");
    }
    return Report();
  }

 private:
  bool whole() const { return run_.source.scope() == SourceScope::kLedger; }

  absl::Status ReadLogs(const std::vector<merkle::VerifierKey>& trusted) {
    std::vector<PublishedVersion> first;
    for (uint32_t shard = 0; shard < shards_; ++shard) {
      LogCheck log(run_, shard, trusted);
      KL_RETURN_IF_ERROR(log.Run());
      if (shard == 0) {
        first = log.published();
      } else if (!log.published().empty()) {
        ComparePrograms(first, shard, log.published());
      }
    }
    run_.basis.transfers.Finish(run_.source.account_id(), shards_,
                                [&](v1::Finding finding) { run_.Report(std::move(finding)); });
    if (const uint64_t excused = run_.basis.transfers.excused(); excused > 0) {
      run_.NotChecked(
          fmt::format("the other side of {} transfers, recorded no earlier than the last record that was read of the "
                      "shard where it belongs: it may stand behind that",
                      excused));
    }
    return absl::OkStatus();
  }

  // Every shard publishes the same programs in the same order; one may not have come as far as the first.
  void ComparePrograms(const std::vector<PublishedVersion>& first, uint32_t shard,
                       const std::vector<PublishedVersion>& published) {
    for (size_t i = 0; i < published.size(); ++i) {
      const PublishedVersion& here = published[i];
      if (i < first.size() && first[i].program_id == here.program_id && first[i].version == here.version &&
          first[i].digest == here.digest) {
        continue;
      }
      v1::Finding finding;
      finding.set_kind(v1::FINDING_KIND_BAD_PROGRAM);
      finding.set_shard(shard);
      finding.set_position(here.position);
      finding.set_account_id(std::string(kProgramsStream));
      finding.set_program(fmt::format("{}@{}", here.program_id, here.version));
      finding.set_expected(i < first.size() ? fmt::format("{}@{}", first[i].program_id, first[i].version) : "nothing");
      finding.set_found(finding.program());
      finding.set_message(
          fmt::format("program {} of shard {} is not what shard 0 published in its place", finding.program(), shard));
      return run_.Report(std::move(finding));
    }
  }

  absl::Status ReadAccounts() {
    for (uint32_t shard = 0; shard < shards_; ++shard) {
      if (whole()) run_.replayed[shard].assign(run_.source.record_count(shard), false);
      if (!whole() && shard != ShardOf(run_.source.account_id(), shards_)) continue;
      const absl::Status listed = run_.source.ListStreams(shard, [&](const std::string& stream) -> absl::Status {
        if (IsOwnStream(stream)) return whole() ? ReadOwnStream(shard, stream) : absl::OkStatus();
        if (!whole() && stream != run_.source.account_id()) return absl::OkStatus();
        AccountCheck account(run_, shard, stream);
        const absl::Status read =
            run_.source.ReadStream(shard, stream, [&](const StoredRecord& stored) { return account.Take(stored); });
        return read.ok() ? account.Finish(total_) : read;
      });
      KL_RETURN_IF_ERROR(listed);
      if (whole()) FindUnseen(shard);
    }
    return absl::OkStatus();
  }

  // The ledger's own records decide nothing here: only that they are all there.
  absl::Status ReadOwnStream(uint32_t shard, const std::string& stream) {
    uint64_t next = 0;
    return run_.source.ReadStream(shard, stream, [&](const StoredRecord& stored) -> absl::Status {
      KL_RETURN_IF_ERROR(run_.Read(false));
      if (stored.position < run_.replayed[shard].size()) run_.replayed[shard][stored.position] = true;
      events::v1::EventRecord record;
      const uint64_t revision = next++;
      if (!stored.damage.ok() || !record.ParseFromArray(stored.bytes.data(), static_cast<int>(stored.bytes.size())) ||
          (record.account_id() == stream && record.revision() == revision)) {
        return absl::OkStatus();
      }
      next = record.revision() + 1;
      if (run_.IsSuspect(shard, stored.position)) return absl::OkStatus();
      v1::Finding finding;
      finding.set_kind(record.revision() > revision ? v1::FINDING_KIND_MISSING_RECORD
                                                    : v1::FINDING_KIND_MISPLACED_RECORD);
      finding.set_shard(shard);
      finding.set_position(stored.position);
      finding.set_account_id(stream);
      finding.set_revision(record.revision());
      finding.set_expected(fmt::format("revision {} of '{}'", revision, stream));
      finding.set_found(fmt::format("revision {} of '{}'", record.revision(), record.account_id()));
      finding.set_message(fmt::format("the stream '{}' of shard {} goes on with another record than its revision {}",
                                      stream, shard, revision));
      run_.Report(std::move(finding));
      return absl::OkStatus();
    });
  }

  // Records of the log that are in no stream: nobody has replayed them.
  void FindUnseen(uint32_t shard) {
    uint64_t unseen = 0;
    for (uint64_t position = 0; position < run_.replayed[shard].size(); ++position) {
      if (run_.replayed[shard][position] || run_.IsSuspect(shard, position)) continue;
      if (++unseen > kUnseenNamedMax) continue;
      run_.Report(v1::FINDING_KIND_MISSING_RECORD, shard, position, "in the stream of its account", "in no stream",
                  fmt::format("record {} of shard {} is in the log, but its account's stream does not lead to it",
                              position, shard));
    }
    if (unseen > kUnseenNamedMax)
      run_.NotChecked(fmt::format("{} records of shard {} that are in no stream", unseen, shard));
  }

  void CheckTotal() {
    const Int128 apart = total_.transferred_in - total_.transferred_out - run_.basis.transfers.under_way();
    if (!whole() || (apart == 0 && total_.Surplus() == 0)) return;
    // Where an account differs, or was left, the sum says nothing new.
    if (run_.findings.count() > 0) return;
    run_.Report(v1::FINDING_KIND_POINTS_NOT_CONSERVED, 0, std::nullopt, "transfers that cancel each other",
                total_.Format(), "the points of all accounts together do not add up");
  }

  v1::ReplayReport Report() {
    v1::ReplayReport& report = run_.report;
    report.set_accounts(run_.progress.accounts_replayed());
    report.set_records(run_.progress.records_replayed());
    report.set_programs(run_.programs_named.size());
    *report.mutable_points() = total_.ToProto();
    run_.findings.Summarize(report);
    if (run_.options.decisions && !run_.basis.reviews.empty()) {
      run_.NotChecked(
          fmt::format("the cuts that {} population reviews froze, the ranks they name as evidence, and whether "
                      "they passed an account over: that takes all accounts at once",
                      run_.basis.reviews.size()));
    }
    if (!whole()) run_.NotChecked("the logs of the ledger: only what one account rests on was at hand");
    return std::move(report);
  }

  ReplayRun run_;
  const uint32_t shards_;
  PointsParts total_;
};

}  // namespace

absl::StatusOr<v1::ReplayReport> Replay(RecordSource& source, const ReplayOptions& options, Findings& findings) {
  return Replayer(source, options, findings).Run();
}

}  // namespace keyledger::audit

// ReplayRun: a replay under way: what it reads, what it has found, how far it is; and the basis of decisions, which the
// first pass collects for the second. Internal to the room.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <absl/status/status.h>

#include "keyledger/events/v1/record.pb.h"
#include "server/audit/program_history.h"
#include "server/audit/replay.h"
#include "server/audit/transfer_match.h"
#include "server/merkle/tree.h"

namespace keyledger::audit {

// What decisions rest on beside the account's own records.
struct Basis {
  // By shard.
  std::vector<ProgramHistory> programs;
  // By review_id.
  std::map<std::string, events::v1::ReviewStarted> reviews;
  // Purchases that a return names: hashes of account, merchant and invoice.
  std::unordered_set<uint64_t> returned_purchases;
  TransferMatch transfers;
};

// Names a purchase in Basis::returned_purchases.
uint64_t PurchaseHash(const std::string& account_id, const std::string& merchant, const std::string& invoice);

// Threads: thread-compatible.
class ReplayRun {
 public:
  ReplayRun(RecordSource& record_source, const ReplayOptions& replay_options, Findings& found)
      : source(record_source), options(replay_options), findings(found) {}

  // Counts a record read. Errors: those of on_step.
  absl::Status Read(bool first_pass);
  // Tells how far it is.
  absl::Status Step();

  // Reports something about a record, or about a shard (no record).
  void Report(v1::FindingKind kind, uint32_t shard, std::optional<uint64_t> position, const std::string& expected,
              const std::string& found, const std::string& message);
  void Report(v1::Finding finding);
  // Whether something was found about this record in the first pass, so that it is not said again.
  bool IsSuspect(uint32_t shard, uint64_t position) const { return suspects_.contains({shard, position}); }
  // Adds a sentence to the report, once.
  void NotChecked(const std::string& text);

  RecordSource& source;
  const ReplayOptions& options;
  Findings& findings;
  v1::ReplayProgress progress;
  v1::ReplayReport report;
  Basis basis;
  // Program versions that decisions name.
  std::set<std::pair<std::string, uint32_t>> programs_named;
  // By shard and position: the second pass has seen the record. Of kLedger.
  std::vector<std::vector<bool>> replayed;

 private:
  uint64_t reads_ = 0;
  // Bounded: see kSuspectsMax in replay_run.cc.
  std::set<std::pair<uint32_t, uint64_t>> suspects_;
};

// Whether every timestamp in the record is one that the ledger could have written.
bool HasSoundTimes(const google::protobuf::Message& message);

}  // namespace keyledger::audit

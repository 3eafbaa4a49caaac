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

// A purchase: its account and its revision there.
using PurchaseName = std::pair<std::string, uint64_t>;

// Threads: thread-compatible.
class ReplayRun {
 public:
  ReplayRun(RecordSource& record_source, const ReplayOptions& replay_options, Findings& found)
      : source(record_source), options(replay_options), findings(found) {}

  // Counts a record read. Errors: those of on_step.
  absl::Status Read(bool first_pass);
  // Counts one that is read once more. Errors: those of on_step.
  absl::Status ReadAgain();
  // Tells how far it is.
  absl::Status Step();

  // Reports something about a record, or about a shard (no record).
  void Report(v1::FindingKind kind, uint32_t shard, std::optional<uint64_t> position, const std::string& expected,
              const std::string& found, const std::string& message);
  void Report(v1::Finding finding);
  // Whether something was found about this record in the first pass, so that it is not said again.
  bool IsSuspect(uint32_t shard, uint64_t position) const { return suspects_.contains({shard, position}); }

  // The purchase's own records differ: what rests on it is not said to.
  void Distrust(PurchaseName purchase);
  bool IsDistrusted(const PurchaseName& purchase) const { return distrusted_.contains(purchase); }
  // From here on findings are about what rests on that purchase: they wait until all accounts were replayed, since its
  // own account may come later. Nothing: they are reported at once.
  void HoldBack(std::optional<PurchaseName> rests_on) { held_for_ = std::move(rests_on); }
  // Reports what was held back, but for what rests on purchases that turned out to differ.
  void ReportHeld();

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
  // Bounded likewise.
  std::set<PurchaseName> distrusted_;
  std::optional<PurchaseName> held_for_;
  // Bounded: see kHeldMax in replay_run.cc.
  std::vector<std::pair<PurchaseName, v1::Finding>> held_;
};

// A sentence about what was not checked.
std::string DoubtfulPurchases(const std::string& account_id);

// Whether every timestamp in the record is one that the ledger could have written.
bool HasSoundTimes(const google::protobuf::Message& message);

}  // namespace keyledger::audit

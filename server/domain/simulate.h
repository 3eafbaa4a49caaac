// Simulate: what an account's history would have come to under another program. Pure: the facts of its stream are
// decided again by Decide, beside what the ledger recorded; there is no second set of rules here.
//
// The period [from, to) cuts a stream by its order: what stands before the first record that occurred at `from` or
// later is history for both sides, and from the first record that occurred at `to` or later on nothing counts. Within,
// the actual side folds what was recorded; the simulated side submits the facts again, one by one, against its own
// state. A fact that the simulated side refuses (a redemption of points that were not earned) is left out there and
// counted. Both sides end with what falls due before `to`. Points and tiers are compared; stages of lifecycles are
// decided, but not compared.
//
// A transfer is submitted again by its sender like any other fact. Accounts are simulated one by one, so what its
// receiver made of it is taken as recorded: what came in comes in on both sides, and a transfer ends on the simulated
// side as it ended, if it was sent there. A merge of two accounts likewise; and goods that were bought on the account
// that ended come back against the purchase and the points that are on record there.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "keyledger/events/v1/record.pb.h"
#include "server/domain/account_state.h"
#include "server/domain/decide.h"
#include "server/domain/program_set.h"

namespace keyledger::domain {

// Points moved in the period, and what is left at its end.
struct PointsFlow {
  // By accrual; adjustments are the same on both sides and not counted.
  int64_t issued = 0;
  int64_t redeemed = 0;
  int64_t expired = 0;
  int64_t reversed = 0;
  int64_t outstanding = 0;

  bool operator==(const PointsFlow&) const = default;
};

// How one side came out.
struct SimulatedSide {
  PointsFlow flow;
  // Of issued, by rule_id.
  std::map<std::string, int64_t> issued_by_rule;
  // Held at the end; tier_id empty: none.
  TierStanding tier;
  // The decision that gave it, if it was taken in the period, and when.
  std::optional<events::v1::TierAssigned> assigned;
  Micros assigned_time = 0;
};

struct AccountSimulation {
  // False: nothing of the account occurred before `to`; the rest is then empty.
  bool exists = false;
  // At the end, by what was recorded.
  std::string region;
  std::string segment;
  SimulatedSide actual;
  SimulatedSide simulated;
  // Facts that the simulated side refused, and the first refusal.
  int64_t refused_facts = 0;
  std::string first_refusal;

  bool Changed() const;
};

// What a simulation runs under.
struct SimulationRules {
  Micros from = 0;
  Micros to = 0;
  // As published.
  std::shared_ptr<const ProgramSet> actual;
  // Made by SimulatedPrograms.
  std::shared_ptr<const ProgramSet> simulated;
};

// The published programs with `program` in force over [from, to), whatever its own effective range says. It takes the
// place of the other versions of its id from `from` on, and competes with other programs by region and priority as it
// would if it were published. Errors: those of CompiledProgram::Compile.
absl::StatusOr<std::shared_ptr<const ProgramSet>> SimulatedPrograms(const ProgramSet& published,
                                                                    programs::v1::Program program, Micros from,
                                                                    Micros to);

// One account: give all records of the stream in order to Observe; then what merged_purchases() names to AddMerged, and
// the records from replay_from() on, if there is one, to Replay; then ask for the result. Memory: the two states, and
// of the purchases those that a return names. Threads: thread-compatible. Lifetime: the rules must outlive it.
class AccountSimulator {
 public:
  AccountSimulator(std::string account_id, const SimulationRules& rules);

  // Folds a record into the actual side. Returns false when it and all later ones are past the period.
  // Errors: DATA_LOSS (kStoreDamaged).
  absl::StatusOr<bool> Observe(const events::v1::EventRecord& record);
  // Revision of the first record that Replay has to see; nothing: none.
  std::optional<uint64_t> replay_from() const {
    return first_in_period_.has_value() && !returned_.empty() ? 0 : first_in_period_;
  }
  // Purchases of merged accounts that Replay has to know.
  const std::set<PurchaseKey>& merged_purchases() const { return merged_named_; }
  void AddMerged(RecordedPurchase purchase);
  // Submits the fact to the simulated side; ends as Observe does.
  absl::StatusOr<bool> Replay(const events::v1::EventRecord& record);
  absl::StatusOr<AccountSimulation> Finish();

 private:
  using InvoiceKey = std::pair<std::string, std::string>;

  absl::Status Submit(const events::v1::EventRecord& record, Micros occurred);
  // Takes over a step of a transfer that the other account decided.
  absl::Status TakeOver(const events::v1::EventRecord& record, Micros occurred);
  void KeepSubmitted(Outcome outcome);
  // What the return is linked to, if it is known here.
  const RecordedPurchase* FindReturned(const events::v1::PurchaseReturned& returned) const;
  // Remembers a purchase that a return will name.
  void Remember(const events::v1::EventRecord& record);
  void RememberSubmitted(const Outcome& outcome);
  static void Count(const events::v1::Event& event, Micros occurred, SimulatedSide& side);
  absl::Status End(AccountState& state, const ProgramSet& programs, SimulatedSide& side);

  const std::string account_id_;
  const SimulationRules& rules_;
  AccountState actual_;
  AccountState simulated_;
  AccountSimulation result_;
  // Revision of the first record in the period; nothing: none so far.
  std::optional<uint64_t> first_in_period_;
  // Purchases of the account itself that a return of the period names.
  std::set<InvoiceKey> returned_;
  RecordedPurchases purchases_;
  std::unordered_map<uint64_t, RecordedPurchase*> purchases_by_revision_;
  // The same of accounts that were merged into it.
  std::set<PurchaseKey> merged_named_;
  std::map<PurchaseKey, RecordedPurchase> merged_;
};

}  // namespace keyledger::domain

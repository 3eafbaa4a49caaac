// Decision: a request being decided, fact by fact. Internal to the room: decide.cc holds the request and the facts
// about the account, decide_purchases.cc what is bought and returned, decide_points.cc movements of points,
// decide_tiers.cc tiers fixed by a person, decide_conduct.cc what is granted and given, decide_relation.cc contracts
// and what else is known of the relationship, decide_owner.cc who is responsible, decide_items.cc steps of items.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "server/base/checked.h"
#include "server/base/error.h"
#include "server/domain/accrual.h"
#include "server/domain/decide.h"
#include "server/domain/limits.h"
#include "server/domain/program_check.h"
#include "server/domain/returns.h"
#include "server/domain/work.h"

namespace keyledger::domain {

// Threads: thread-compatible. Lifetime: what it was made with must outlive it.
class Decision {
 public:
  Decision(const AccountState& state, const DecideInput& input, const ProgramSet& programs)
      : input_(input), work_(state, programs) {}

  absl::StatusOr<Outcome> Run();

 private:
  const AccountState& state() const { return work_.state(); }
  int fact_index() const { return static_cast<int>(index_); }
  absl::Status RefuseHere(Reason reason, const std::string& what) const {
    return MakeError(reason, fmt::format("events[{}]: {}", index_, what));
  }
  // Names the event in an error that came from further down.
  absl::Status Here(const absl::Status& status) const {
    if (status.ok()) return status;
    absl::Status named = RefuseHere(ReasonOf(status), MessageOf(status));
    for (const auto& [key, value] : MetadataOf(status)) AddMetadata(named, key, value);
    return named;
  }
  absl::Status Closed() const { return RefuseHere(Reason::kAccountClosed, "the account is closed; reopen it first"); }
  // The refusal of what an account in its lifecycle does not take (TakenWhen).
  absl::Status NotTaken() const;
  absl::Status Record(const Fact& fact) { return Here(work_.RecordFact(fact.event, fact.occurred, fact_index())); }
  const std::string& RegionOf(const std::string& region) const { return region.empty() ? state().region : region; }

  absl::Status DecideFact(const Fact& fact);
  absl::Status DecidePayload(const Fact& fact);
  // `lots_before`: LotsIfMany before the fact.
  absl::Status CheckLimits(int64_t lots_before) const;

  // Measures the account at its clock, the latest moment it knows of, and raises it if it has earned that. A purchase
  // that comes late counts now. Begins the lifecycles that the account has not begun.
  absl::Status Rise();
  // As Rise, after a return: where a rule asks for little, less can be enough.
  absl::Status RiseAfterReturn();
  // The tier held, as a program sees it: its id and multiplier. No tier: an empty id and 1x.
  std::pair<std::string, int64_t> Multiplier(const CompiledProgram& program) const;

  absl::Status DecideTierLock(const Fact& fact);
  absl::Status DecideTierUnlock(const Fact& fact);

  absl::Status DecideDiscount(const Fact& fact);
  // A gift, a commission or a service.
  absl::Status DecideGiven(const Fact& fact);
  // Records what a fact brought that went beyond limits which flag; `fact_revision` is the fact's.
  absl::Status Flag(const Fact& fact, uint64_t fact_revision, const CompiledProgram* program, ComplianceFlags flags);

  absl::Status DecideOwner(const Fact& fact);
  // Completes it with the roles that go over.
  absl::Status DecideTransferOfRoles(const Fact& fact);
  // An empty role: any.
  absl::Status NotAssigned(const std::string& role, const std::string& person) const;
  // A step of an item, with the guards that are in no table.
  absl::Status DecideItem(const Fact& fact);
  absl::Status DecideMerge(const Fact& fact);
  absl::Status DecideRetraction(const Fact& fact);
  // Whether the account can end in another. Errors: FAILED_PRECONDITION (kMergeNotPossible).
  absl::Status CheckMerge(const events::v1::AccountMerged& merged) const;

  absl::Status DecideRelation(const Fact& fact);
  // A contract renewed, amended, breached or ended.
  absl::Status DecideContractStep(const Fact& fact);
  absl::Status ContractNotOpen(const std::string& contract_id) const;

  absl::Status DecidePurchase(const Fact& fact);
  absl::Status Accrue(Micros occurred, const CompiledProgram& program, const Earned& earned, uint64_t purchase_revision,
                      const std::string& tier_id);
  // Nothing: the return names no purchase that the ledger knows.
  absl::StatusOr<std::optional<LinkedPurchase>> FindPurchase(const events::v1::PurchaseReturned& returned) const;
  // A purchase recorded earlier in this request. The result points into events(): use it before recording anything.
  LinkedPurchase FromRequest(size_t at) const;
  absl::Status DecideReturn(const Fact& fact);
  absl::Status DecideUnlinkedReturn(const Fact& fact);
  // Completes a purchase paid with points.
  absl::Status PayWithPoints(const Fact& fact, events::v1::PurchaseRecorded& purchase);
  // Gives back the points that paid for what is returned.
  absl::Status Restore(const Fact& fact, const events::v1::PurchaseReturned& returned, uint64_t return_revision,
                       const std::vector<ReturnedLine>& before);
  // Points that the account may still come to owe under the program.
  int64_t DebtLeft(const CompiledProgram* program) const;
  absl::Status Reverse(const Fact& fact, uint64_t return_revision, events::v1::PointsReversed reversed,
                       const CompiledProgram* program);

  absl::Status CheckAvailable(int64_t requested) const;
  // Checks that so many points can be redeemed now, as far as the account, its program and its balance go, takes them
  // from lots, and says which maximums they count towards.
  absl::Status Allocate(const Fact& fact, int64_t points,
                        google::protobuf::RepeatedPtrField<events::v1::LotAllocation>* allocations,
                        google::protobuf::RepeatedPtrField<events::v1::PeriodCount>* counts);
  absl::Status DecideRedemption(const Fact& fact);
  absl::Status DecideReservation(const Fact& fact);
  absl::Status CheckReservation(const Fact& fact) const;
  // The open reservation that a fact ends.
  absl::StatusOr<const Reservation*> FindReservation(const std::string& id, Micros occurred) const;
  absl::Status DecideCapture(const Fact& fact);
  absl::Status DecideRelease(const Fact& fact);
  absl::Status DecideTransfer(const Fact& fact);
  absl::Status DecideAdjustment(const Fact& fact);

  const DecideInput& input_;
  Work work_;
  size_t index_ = 0;
  // Purchases of this request by merchant and invoice: index in events().
  std::map<std::pair<std::string, std::string>, size_t> recorded_;
};

}  // namespace keyledger::domain

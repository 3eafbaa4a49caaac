// Decide: the request, the facts about the account, and its standing. See decide.h for the contract, decision.h for the
// rest; standing.h, accrual.h, returns.h and lots.h hold the rules.
#include "server/domain/decide.h"

#include <algorithm>

#include "server/domain/decision.h"
#include "server/domain/item_guards.h"
#include "server/domain/proto_time.h"
#include "server/domain/stages.h"
#include "server/domain/standing.h"

namespace keyledger::domain {

using events::v1::Event;

namespace {

// Lots with points left, counted only where there may be too many: emptied ones are in the list until the end.
// Otherwise zero.
int64_t LotsIfMany(const AccountState& state) {
  if (state.lots.size() <= kLotsMax) return 0;
  return std::count_if(state.lots.begin(), state.lots.end(), [](const Lot& lot) { return lot.remaining > 0; });
}

}  // namespace

absl::StatusOr<Outcome> Decision::Run() {
  for (index_ = 0; index_ < input_.facts.size(); ++index_) KL_RETURN_IF_ERROR(DecideFact(input_.facts[index_]));
  return work_.Finish();
}

absl::Status Decision::DecideFact(const Fact& fact) {
  if (!IsTimestampRange(fact.occurred)) {
    return RefuseHere(Reason::kArithmeticRange, "occurred_time leaves the years 1 to 9999");
  }
  const bool opens = fact.event.has_account_opened();
  if (state().lifecycle == Lifecycle::kNone && !opens) {
    return RefuseHere(
        Reason::kAccountNotFound,
        fmt::format("account '{}' does not exist; its first event must be AccountOpened", input_.account_id));
  }
  if (state().lifecycle != Lifecycle::kNone && opens) {
    return RefuseHere(Reason::kAccountExists, fmt::format("account '{}' exists already", input_.account_id));
  }
  if (!TakenWhen(state(), fact.event)) return NotTaken();
  KL_RETURN_IF_ERROR(Here(work_.AdvanceTo(std::max(state().clock, fact.occurred))));
  const uint64_t revision = state().next_revision;
  const int64_t lots = LotsIfMany(state());
  KL_RETURN_IF_ERROR(DecidePayload(fact));
  KL_RETURN_IF_ERROR(CheckLimits(lots));
  KL_RETURN_IF_ERROR(Here(work_.SettleLots(revision)));
  return Here(work_.PayDebt(fact_index()));
}

absl::Status Decision::NotTaken() const {
  if (state().lifecycle != Lifecycle::kMerged) return Closed();
  const std::string& into = state().merge.into_account_id;
  absl::Status status =
      RefuseHere(Reason::kAccountMerged, fmt::format("the account was merged into '{}'; append to that", into));
  AddMetadata(status, "into_account_id", into);
  return status;
}

absl::Status Decision::CheckLimits(int64_t lots_before) const {
  if (state().facts.size() > kFactsMax) {
    return RefuseHere(Reason::kAccountLimit, fmt::format("the account would hold more than {} facts", kFactsMax));
  }
  if (state().metrics.size() > kCurrenciesMax) {
    return RefuseHere(Reason::kAccountLimit,
                      fmt::format("the account would trade in more than {} currencies", kCurrenciesMax));
  }
  // Lots that come back at the end of a hold or a transfer may bring an account beyond; it can still do what adds none.
  if (const int64_t lots = LotsIfMany(state()); lots > static_cast<int64_t>(kLotsMax) && lots > lots_before) {
    return RefuseHere(Reason::kAccountLimit, fmt::format("the account would hold more than {} lots", kLotsMax));
  }
  return absl::OkStatus();
}

absl::Status Decision::DecidePayload(const Fact& fact) {
  switch (fact.event.payload_case()) {
    case Event::kAccountOpened:
    case Event::kAccountFactsUpdated:
      KL_RETURN_IF_ERROR(Record(fact));
      return Rise();
    case Event::kAccountClosed:
      if (state().lifecycle == Lifecycle::kClosed) return Closed();
      return Record(fact);
    case Event::kAccountReopened:
      if (state().lifecycle == Lifecycle::kOpen) {
        return RefuseHere(Reason::kAccountNotClosed, "the account is open; only a closed one can be reopened");
      }
      return Record(fact);
    case Event::kPurchaseRecorded:
      return DecidePurchase(fact);
    case Event::kPurchaseReturned:
      KL_RETURN_IF_ERROR(DecideReturn(fact));
      return RiseAfterReturn();
    case Event::kTierLocked:
      return DecideTierLock(fact);
    case Event::kTierUnlocked:
      return DecideTierUnlock(fact);
    case Event::kDiscountGranted:
      return DecideDiscount(fact);
    case Event::kGiftGiven:
    case Event::kCommissionPaid:
    case Event::kServiceProvided:
      return DecideGiven(fact);
    case Event::kPointsRedeemed:
      return DecideRedemption(fact);
    case Event::kPointsAdjusted:
      return DecideAdjustment(fact);
    case Event::kPointsReserved:
      return DecideReservation(fact);
    case Event::kReservationCaptured:
      return DecideCapture(fact);
    case Event::kReservationReleased:
      return DecideRelease(fact);
    case Event::kPointsTransferSent:
      return DecideTransfer(fact);
    case Event::kReferralRecorded:
    case Event::kReferralConverted:
    case Event::kClubJoined:
    case Event::kContractSigned:
    case Event::kContractRenewed:
    case Event::kContractEnded:
    case Event::kContractAmended:
    case Event::kContractBreached:
      return DecideRelation(fact);
    case Event::kOwnerAssigned:
    case Event::kOwnerReleased:
    case Event::kOwnerTransferred:
      return DecideOwner(fact);
    case Event::kInteractionPlanned:
    case Event::kInteractionMade:
    case Event::kInteractionMissed:
    case Event::kHandoverGiven:
    case Event::kHandoverAcknowledged:
    case Event::kOpportunityOpened:
    case Event::kOpportunityMoved:
    case Event::kQuoteProposed:
    case Event::kQuoteRevised:
    case Event::kQuoteApprovalRequested:
    case Event::kQuoteApprovalGiven:
    case Event::kQuoteApprovalRefused:
    case Event::kQuoteMoved:
    case Event::kOrderPlaced:
    case Event::kOrderEnded:
    case Event::kPaymentReceived:
    case Event::kPaymentExceptionGranted:
    case Event::kIssueOpened:
    case Event::kIssueMoved:
    case Event::kPromisePublished:
    case Event::kPromiseKept:
    case Event::kPromiseBroken:
    case Event::kPromiseWithdrawn:
    case Event::kPlanDrafted:
    case Event::kPlanAgreed:
    case Event::kPlanReviewed:
    case Event::kPlanEnded:
    case Event::kEntitlementGranted:
    case Event::kEntitlementUsed:
    case Event::kEntitlementRevoked:
    case Event::kObligationAgreed:
    case Event::kObligationEnded:
    case Event::kSanctionImposed:
    case Event::kSanctionLifted:
    case Event::kLoanIssued:
    case Event::kLoanReturned:
    case Event::kCommissionAccrued:
    case Event::kCommissionRefused:
      return DecideItem(fact);
    case Event::kScoreStated:
      KL_RETURN_IF_ERROR(Record(fact));
      return Rise();
    case Event::kAccountMerged:
      return DecideMerge(fact);
    case Event::kFactRetracted:
      return DecideRetraction(fact);
    default:
      return Record(fact);
  }
}

absl::Status Decision::Rise() {
  // Another account is measured in its stead.
  if (state().lifecycle == Lifecycle::kMerged) return absl::OkStatus();
  const Micros now = state().clock;
  const CompiledProgram* program = work_.programs().Select(now, state().region);
  if (program == nullptr) return absl::OkStatus();
  if (program->program().has_tier_ladder()) {
    if (auto assigned = EvaluateRise(state(), *program, now); assigned.has_value()) {
      Event event;
      *event.mutable_tier_assigned() = std::move(*assigned);
      KL_RETURN_IF_ERROR(Here(work_.RecordDecision(std::move(event), now, fact_index(), program)));
    }
  }
  for (events::v1::StageChanged& begun : BeginStages(state(), *program)) {
    Event event;
    *event.mutable_stage_changed() = std::move(begun);
    KL_RETURN_IF_ERROR(Here(work_.RecordDecision(std::move(event), now, fact_index(), program)));
  }
  return absl::OkStatus();
}

absl::Status Decision::RiseAfterReturn() {
  const CompiledProgram* program = work_.programs().Select(state().clock, state().region);
  return program == nullptr || program->rules().tiers_only_cease ? absl::OkStatus() : Rise();
}

std::pair<std::string, int64_t> Decision::Multiplier(const CompiledProgram& program) const {
  const programs::v1::TierLadder& ladder = program.program().tier_ladder();
  const auto held = FindHeldTier(ladder, state().tier);
  if (!held.has_value()) return {"", 1000};
  const programs::v1::Tier& tier = ladder.tiers(held->index);
  return {tier.tier_id(), tier.has_multiplier_milli() ? tier.multiplier_milli() : 1000};
}

absl::StatusOr<Outcome> Decide(const AccountState& state, const DecideInput& input, const ProgramSet& programs) {
  return Decision(state, input, programs).Run();
}

}  // namespace keyledger::domain

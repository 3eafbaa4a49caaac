// The fold of the account itself: one function per kind of event; evolve_trade.cc folds what was bought and
// returned, evolve_points.cc what moves points, evolve_conduct.cc what limits are held against. See evolve.h for the
// contract, fold.h for how faults are told apart.
#include "server/domain/evolve.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/base/checked.h"
#include "server/base/error.h"
#include "server/domain/fold.h"
#include "server/domain/proto_time.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;

// Drops counts that no maximum is held against any more.
void PruneCounts(AccountState& state) {
  std::erase_if(state.counts, [&](const auto& entry) { return IsForgotten(state, entry.first.second); });
}

FoldResult FoldOpened(AccountState& state, const events::v1::AccountOpened& opened, Micros occurred) {
  if (state.next_revision != 0) return Contradiction("an account opened twice");
  state.lifecycle = Lifecycle::kOpen;
  state.open_time = occurred;
  state.display_name = opened.display_name();
  state.region = opened.region();
  state.segment = opened.segment();
  state.owner = opened.owner();
  for (const auto& fact : opened.facts()) state.facts[fact.key()] = fact.value();
  return kFolded;
}

FoldResult FoldFacts(AccountState& state, const events::v1::AccountFactsUpdated& updated) {
  if (updated.has_display_name()) state.display_name = updated.display_name();
  if (updated.has_region()) state.region = updated.region();
  if (updated.has_segment()) state.segment = updated.segment();
  if (updated.has_owner()) state.owner = updated.owner();
  for (const auto& fact : updated.set_facts()) state.facts[fact.key()] = fact.value();
  for (const auto& key : updated.removed_keys()) state.facts.erase(key);
  return kFolded;
}

FoldResult FoldTier(AccountState& state, const Event& event, Micros occurred) {
  switch (event.payload_case()) {
    case Event::kTierLocked:
      state.tier_lock = {event.tier_locked().ladder_id(),
                         event.tier_locked().has_until() ? MicrosOf(event.tier_locked().until()) : kNever};
      return kFolded;
    case Event::kTierUnlocked:
      state.tier_lock = TierLock();
      return kFolded;
    case Event::kTierAssigned:
      state.tier = {event.tier_assigned().ladder_id(), event.tier_assigned().tier_id(), occurred, 0, kNever};
      return kFolded;
    default:
      state.tier.grace_review = occurred;
      state.tier.grace_until = MicrosOf(event.tier_grace_started().until());
      return kFolded;
  }
}

FoldResult FoldStage(AccountState& state, const events::v1::StageChanged& changed, Micros occurred) {
  if (changed.ladder_id().empty() || changed.stage_id().empty()) return Contradiction("a stage without a name");
  state.stages[changed.ladder_id()] = {changed.stage_id(), occurred};
  return kFolded;
}

FoldResult FoldPayload(AccountState& state, const Event& event, Micros occurred, EmptyLots empty_lots) {
  switch (event.payload_case()) {
    case Event::kAccountOpened:
      return FoldOpened(state, event.account_opened(), occurred);
    case Event::kAccountFactsUpdated:
      return FoldFacts(state, event.account_facts_updated());
    case Event::kAccountClosed:
      state.lifecycle = Lifecycle::kClosed;
      return kFolded;
    case Event::kAccountReopened:
      state.lifecycle = Lifecycle::kOpen;
      return kFolded;
    case Event::kPurchaseRecorded: {
      const FoldResult paid = FoldPointsPaid(state, event.purchase_recorded(), empty_lots);
      if (!paid.ok()) return paid;
      return FoldPurchase(state, event.purchase_recorded(), occurred);
    }
    case Event::kPurchaseReturned:
      return FoldReturn(state, event.purchase_returned(), occurred);
    case Event::kCustomEvent:
    case Event::kContactRecorded:
    case Event::kContactRemoved:
    case Event::kFactRetracted:
    case Event::kContactPlaced:
    case Event::kNeedStated:
    case Event::kSignalObserved:
    case Event::kPositionStated:
    case Event::kAssetValued:
    case Event::kImportantDayStated:
    case Event::kTenderListStated:
    case Event::kEvaluationRecorded:
    case Event::kAdaptationRecorded:
    case Event::kAccountCeded:
    case Event::kDemandForecastStated:
    case Event::kViolationRecorded:
    case Event::kReferralAsked:
    case Event::kReferralGiven:
    case Event::kReferralConverted:
    case Event::kAdvanceRecorded:
      return kFolded;
    case Event::kScoreStated:
      state.facts[event.score_stated().score_id()] = std::to_string(event.score_stated().value());
      return kFolded;
    case Event::kOwnerAssigned:
    case Event::kOwnerReleased:
    case Event::kOwnerTransferred:
      return FoldOwner(state, event, occurred);
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
      return FoldItem(state, event, occurred);
    case Event::kAccountMerged:
    case Event::kAccountMergeReceived:
    case Event::kAccountMergeCompleted:
    case Event::kAccountMergeReturned:
      return FoldMerge(state, event, occurred, empty_lots);
    case Event::kTierLocked:
    case Event::kTierUnlocked:
    case Event::kTierAssigned:
    case Event::kTierGraceStarted:
      return FoldTier(state, event, occurred);
    case Event::kDiscountGranted:
    case Event::kGiftGiven:
    case Event::kCommissionPaid:
    case Event::kServiceProvided:
    case Event::kMarketPriceObserved:
    case Event::kComplianceFlagged:
      return FoldConduct(state, event, occurred);
    case Event::kSurveyAnswered:
    case Event::kBudgetStated:
    case Event::kSupplierRankStated:
    case Event::kCostRecorded:
    case Event::kReferralRecorded:
    case Event::kClubJoined:
    case Event::kClubLeft:
    case Event::kCompetitorMoveObserved:
    case Event::kContractSigned:
    case Event::kContractRenewed:
    case Event::kContractEnded:
    case Event::kContractAmended:
    case Event::kContractBreached:
      return FoldRelation(state, event);
    case Event::kStageChanged:
      return FoldStage(state, event.stage_changed(), occurred);
    case Event::kReviewStarted:
    case Event::kReviewCompleted:
      return Contradiction("a review in the stream of an account");
    case Event::kProgramPublished:
      return Contradiction("a program published to an account");
    case Event::kSubjectErased:
    case Event::kLegalHoldPlaced:
    case Event::kLegalHoldReleased:
    case Event::kErasureRefused:
    case Event::kPersonalDataRead:
    case Event::kSigningKeyPublished:
    case Event::kForecastRecorded:
    case Event::kPortfolioTransferStarted:
    case Event::kPortfolioTransferCompleted:
      return Contradiction("a record of the ledger about itself in the stream of an account");
    case Event::PAYLOAD_NOT_SET:
      return Contradiction("an event of a kind this version does not know");
    default:
      return FoldPoints(state, event, occurred, empty_lots);
  }
}

}  // namespace

FoldResult Fold(AccountState& state, const Event& event, Micros occurred, EmptyLots empty_lots) {
  if (state.next_revision == 0 && event.payload_case() != Event::kAccountOpened) {
    return Contradiction("a stream that does not begin with AccountOpened");
  }
  const FoldResult result = FoldPayload(state, event, occurred, empty_lots);
  if (!result.ok()) return result;
  state.next_revision += 1;
  const Micros before = state.clock;
  state.clock = std::max(state.clock, occurred);
  // Once a day of the account's clock is often enough to forget, and a busy account has many counts.
  if (state.clock / kMicrosPerDay != before / kMicrosPerDay) {
    PruneCounts(state);
    PruneItems(state);
  }
  PruneMetrics(state);
  return result;
}

absl::Status Evolve(AccountState& state, const Event& event, Micros occurred) {
  const uint64_t revision = state.next_revision;
  const FoldResult result = Fold(state, event, occurred, EmptyLots::kRemove);
  if (!result.ok()) {
    return MakeError(Reason::kStoreDamaged,
                     fmt::format("the record at revision {} does not fold: {}", revision, result.what));
  }
  return absl::OkStatus();
}

}  // namespace keyledger::domain

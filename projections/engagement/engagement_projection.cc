// See engagement_projection.h.
#include "projections/engagement/engagement_projection.h"

#include <algorithm>
#include <string>

#include "projections/engagement/engagement_rows.h"
#include "projections/engagement/owner_index.h"
#include "projections/engine/record_time.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/event_kinds.h"

namespace keyledger::projections {
namespace {

using domain::ItemKind;
using engagement::RowsOf;
using engagement::RowTag;
using events::v1::Event;

// Adds up lines of one category and bundle: rows of purchases stay small however many articles there are.
void AddLine(const events::v1::PurchaseLine& line, events::v1::PurchaseRecorded& purchase) {
  const auto fits = [&line](const events::v1::PurchaseLine& other) {
    return other.category() == line.category() && other.bundle_id() == line.bundle_id() &&
           other.amount().currency_code() == line.amount().currency_code() &&
           other.has_single_amount() == line.has_single_amount() &&
           other.single_amount().currency_code() == line.single_amount().currency_code();
  };
  auto& lines = *purchase.mutable_lines();
  const auto found = std::find_if(lines.begin(), lines.end(), fits);
  const bool is_new = found == lines.end();
  events::v1::PurchaseLine& sum = is_new ? *lines.Add() : *found;
  if (is_new) {
    sum.set_category(line.category());
    sum.set_bundle_id(line.bundle_id());
    sum.mutable_amount()->set_currency_code(line.amount().currency_code());
    if (line.has_single_amount()) {
      sum.mutable_single_amount()->set_currency_code(line.single_amount().currency_code());
    }
  }
  const auto add = [](int64_t a, int64_t b) {
    int64_t total = 0;
    return __builtin_add_overflow(a, b, &total) ? std::numeric_limits<int64_t>::max() : total;
  };
  sum.set_quantity(add(sum.quantity(), line.quantity()));
  sum.mutable_amount()->set_micros(add(sum.amount().micros(), line.amount().micros()));
  if (line.has_single_amount()) {
    sum.mutable_single_amount()->set_micros(add(sum.single_amount().micros(), line.single_amount().micros()));
  }
}

// Folds one record.
class Folder {
 public:
  Folder(const RecordView& record, Rows& rows)
      : account_id_(record.record.account_id()),
        actor_(record.record.actor()),
        source_(record.record.event()),
        times_{record.occurred, record.recorded, record.record.position(), record.record.revision()},
        rows_(rows) {}

  absl::Status Fold() {
    Timeline();
    switch (source_.payload_case()) {
      case Event::kFactRetracted:
        engagement::RetractionKey(account_id_, source_.fact_retracted().position(), times_, key_);
        return Put(source_);
      case Event::kPurchaseRecorded:
        return Purchase();
      case Event::kTierAssigned:
        return Tier();
      case Event::kContactRecorded:
      case Event::kContactRemoved:
      case Event::kContactPlaced:
        return Contact();
      default:
        break;
    }
    KL_RETURN_IF_ERROR(Account());
    KL_RETURN_IF_ERROR(People());
    KL_RETURN_IF_ERROR(Interaction());
    KL_RETURN_IF_ERROR(Knowledge());
    KL_RETURN_IF_ERROR(Given());
    KL_RETURN_IF_ERROR(Care());
    KL_RETURN_IF_ERROR(Agreement());
    return Pipeline();
  }

 private:
  absl::Status Put(const Event& event) {
    engagement::PutRow(times_, event, value_);
    rows_.Add(key_, value_);
    return absl::OkStatus();
  }

  absl::Status Put(RowTag tag, const Event& event) {
    engagement::AccountRowKey(account_id_, tag, times_, key_);
    return Put(event);
  }

  absl::Status Put(uint8_t kind, const std::string& item_id, const Event& event) {
    engagement::ItemRowKey(account_id_, kind, item_id, times_, key_);
    return Put(event);
  }

  absl::Status Item(ItemKind kind, const std::string& item_id) { return Put(RowsOf(kind), item_id, source_); }

  void Timeline() {
    engagement::AccountRowKey(account_id_, RowTag::kTimeline, times_, key_);
    engagement::PutTimelineRow(times_, static_cast<int>(source_.payload_case()), value_);
    rows_.Add(key_, value_);
  }

  absl::Status Purchase() {
    const events::v1::PurchaseRecorded& recorded = source_.purchase_recorded();
    Event event;
    events::v1::PurchaseRecorded& purchase = *event.mutable_purchase_recorded();
    purchase.set_sale_mode(recorded.sale_mode());
    purchase.set_order_id(recorded.order_id());
    for (const events::v1::PurchaseLine& line : recorded.lines()) AddLine(line, purchase);
    return Put(RowTag::kTrade, event);
  }

  absl::Status Tier() {
    Event event = source_;
    event.mutable_tier_assigned()->clear_met();
    event.mutable_tier_assigned()->clear_missed();
    return Put(RowTag::kTier, event);
  }

  // Nothing sealed comes into a row: an erased subject has nothing to be taken out of here.
  absl::Status Contact() {
    Event event = source_;
    if (event.has_contact_recorded()) {
      event.mutable_contact_recorded()->mutable_person()->clear_sealed();
      for (auto& related : *event.mutable_contact_recorded()->mutable_related())
        related.mutable_person()->clear_sealed();
    }
    return Put(RowTag::kContact, event);
  }

  absl::Status Account() {
    Event event;
    switch (source_.payload_case()) {
      case Event::kAccountOpened:
      case Event::kAccountFactsUpdated:
      case Event::kAccountClosed:
      case Event::kAccountReopened:
      case Event::kOwnerAssigned:
      case Event::kOwnerReleased:
      case Event::kOwnerTransferred:
      case Event::kClubJoined:
      case Event::kClubLeft:
      case Event::kReferralRecorded:
        return Put(RowTag::kAccount, source_);
      case Event::kScoreStated:
        event = source_;
        if (event.score_stated().person().empty()) event.mutable_score_stated()->set_person(actor_);
        return Put(RowTag::kAccount, event);
      case Event::kAccountMerged:
        event.mutable_account_merged()->set_into_account_id(source_.account_merged().into_account_id());
        return Put(RowTag::kAccount, event);
      case Event::kAccountMergeReceived:
        event.mutable_account_merge_received()->set_from_account_id(source_.account_merge_received().from_account_id());
        return Put(RowTag::kAccount, event);
      case Event::kAccountMergeReturned:
        event.mutable_account_merge_returned()->set_into_account_id(source_.account_merge_returned().into_account_id());
        return Put(RowTag::kAccount, event);
      case Event::kAccountMergeCompleted:
        event.mutable_account_merge_completed()->set_into_account_id(
            source_.account_merge_completed().into_account_id());
        KL_RETURN_IF_ERROR(Put(RowTag::kAccount, event));
        engagement::MergeKey(account_id_, times_, key_);
        return Put(event);
      default:
        return absl::OkStatus();
    }
  }

  absl::Status Index(std::string_view person, engagement::OwnedBy by = engagement::OwnedBy::kName) {
    if (person.empty()) return absl::OkStatus();
    return engagement::AddOwned(person, account_id_, by, rows_);
  }

  // People who take on a role, and those whom what is open, or may be due later, names: a duty may rest on them.
  absl::Status People() {
    switch (source_.payload_case()) {
      case Event::kAccountOpened:
        return Index(source_.account_opened().owner(), engagement::OwnedBy::kRole);
      case Event::kAccountFactsUpdated:
        return Index(source_.account_facts_updated().owner(), engagement::OwnedBy::kRole);
      case Event::kOwnerAssigned:
        return Index(source_.owner_assigned().person(), engagement::OwnedBy::kRole);
      case Event::kOwnerTransferred:
        return Index(source_.owner_transferred().to_person(), engagement::OwnedBy::kRole);
      case Event::kInteractionPlanned:
        for (const std::string& person : source_.interaction_planned().people()) KL_RETURN_IF_ERROR(Index(person));
        return absl::OkStatus();
      case Event::kInteractionMade:
        // What is to follow rests on the first.
        if (!source_.interaction_made().people().empty()) {
          KL_RETURN_IF_ERROR(Index(source_.interaction_made().people(0)));
        }
        return Index(source_.interaction_made().next_step().person());
      case Event::kHandoverGiven:
        return Index(source_.handover_given().to_person());
      case Event::kHandoverAcknowledged:
        KL_RETURN_IF_ERROR(Index(source_.handover_acknowledged().person()));
        return Index(source_.handover_acknowledged().next_step().person());
      case Event::kIssueOpened:
        return Index(source_.issue_opened().person());
      case Event::kIssueMoved:
        return Index(source_.issue_moved().person());
      case Event::kPromisePublished:
        return Index(source_.promise_published().person());
      case Event::kPlanDrafted:
        return Index(source_.plan_drafted().person());
      case Event::kQuoteApprovalRequested:
        return Index(source_.quote_approval_requested().person());
      default:
        return absl::OkStatus();
    }
  }

  absl::Status NextStep(const events::v1::NextStep& step, const Event& event) {
    engagement::NextStepKey(account_id_, MicrosOf(step.due_time()), times_, key_);
    return Put(event);
  }

  absl::Status Interaction() {
    Event event = source_;
    switch (source_.payload_case()) {
      case Event::kInteractionPlanned:
        event.mutable_interaction_planned()->clear_preparation();
        return Put(RowsOf(ItemKind::kInteraction), source_.interaction_planned().interaction_id(), event);
      case Event::kInteractionMissed:
        return Item(ItemKind::kInteraction, source_.interaction_missed().interaction_id());
      case Event::kInteractionMade:
        return Made();
      case Event::kReferralAsked:
        if (event.referral_asked().person().empty()) event.mutable_referral_asked()->set_person(actor_);
        return Put(RowTag::kInteraction, event);
      case Event::kReferralGiven:
      case Event::kReferralConverted:
        return Put(RowTag::kInteraction, source_);
      case Event::kHandoverGiven:
        return Item(ItemKind::kHandover, source_.handover_given().handover_id());
      case Event::kHandoverAcknowledged:
        if (source_.handover_acknowledged().has_next_step()) {
          KL_RETURN_IF_ERROR(NextStep(source_.handover_acknowledged().next_step(), source_));
        }
        return Item(ItemKind::kHandover, source_.handover_acknowledged().handover_id());
      default:
        return absl::OkStatus();
    }
  }

  absl::Status Made() {
    const events::v1::InteractionMade& source = source_.interaction_made();
    if (source.has_next_step()) {
      Event step;
      step.mutable_interaction_made()->set_kind(source.kind());
      *step.mutable_interaction_made()->mutable_people() = source.people();
      *step.mutable_interaction_made()->mutable_next_step() = source.next_step();
      KL_RETURN_IF_ERROR(NextStep(source.next_step(), step));
    }
    if (!source.interaction_id().empty()) {
      Event end;
      end.mutable_interaction_made()->set_kind(source.kind());
      end.mutable_interaction_made()->set_interaction_id(source.interaction_id());
      KL_RETURN_IF_ERROR(Put(RowsOf(ItemKind::kInteraction), source.interaction_id(), end));
    }
    Event event = source_;
    events::v1::InteractionMade& made = *event.mutable_interaction_made();
    made.clear_purpose();
    made.clear_preparation();
    made.clear_result();
    made.clear_next_step();
    return Put(RowTag::kInteraction, event);
  }

  absl::Status Knowledge() {
    Event event;
    switch (source_.payload_case()) {
      case Event::kNeedStated:
      case Event::kPositionStated:
      case Event::kImportantDayStated:
      case Event::kAssetValued:
      case Event::kTenderListStated:
      case Event::kEvaluationRecorded:
      case Event::kAdaptationRecorded:
      case Event::kAccountCeded:
      case Event::kSurveyAnswered:
      case Event::kCompetitorMoveObserved:
        return Put(RowTag::kKnowledge, source_);
      case Event::kSignalObserved:
        event = source_;
        event.mutable_signal_observed()->clear_description();
        return Put(RowTag::kKnowledge, event);
      default:
        return absl::OkStatus();
    }
  }

  // What was given, paid or broken; some of it is a step of an item, too.
  absl::Status Given() {
    switch (source_.payload_case()) {
      case Event::kGiftGiven:
      case Event::kCommissionPaid:
      case Event::kCommissionAccrued:
      case Event::kCommissionRefused:
      case Event::kServiceProvided:
      case Event::kLoanIssued:
      case Event::kCostRecorded:
      case Event::kAdvanceRecorded:
      case Event::kViolationRecorded:
      case Event::kSanctionImposed:
      case Event::kSanctionLifted:
      case Event::kComplianceFlagged:
        return Put(RowTag::kGiven, source_);
      default:
        return absl::OkStatus();
    }
  }

  absl::Status Care() {
    Event event;
    switch (source_.payload_case()) {
      case Event::kIssueOpened:
        return Item(ItemKind::kIssue, source_.issue_opened().issue_id());
      case Event::kIssueMoved:
        event = source_;
        event.mutable_issue_moved()->clear_note();
        return Put(RowsOf(ItemKind::kIssue), source_.issue_moved().issue_id(), event);
      case Event::kLoanIssued:
        return Item(ItemKind::kLoan, source_.loan_issued().loan_id());
      case Event::kLoanReturned:
        return Item(ItemKind::kLoan, source_.loan_returned().loan_id());
      case Event::kCommissionAccrued:
        return Item(ItemKind::kCommission, source_.commission_accrued().commission_id());
      case Event::kCommissionPaid:
        if (source_.commission_paid().commission_id().empty()) return absl::OkStatus();
        return Item(ItemKind::kCommission, source_.commission_paid().commission_id());
      case Event::kCommissionRefused:
        if (source_.commission_refused().commission_id().empty()) return absl::OkStatus();
        return Item(ItemKind::kCommission, source_.commission_refused().commission_id());
      default:
        return absl::OkStatus();
    }
  }

  absl::Status Agreement() {
    switch (source_.payload_case()) {
      case Event::kContractSigned:
        return Item(ItemKind::kContract, source_.contract_signed().contract_id());
      case Event::kContractRenewed:
        return Item(ItemKind::kContract, source_.contract_renewed().contract_id());
      case Event::kContractEnded:
        return Item(ItemKind::kContract, source_.contract_ended().contract_id());
      case Event::kContractAmended:
        return Item(ItemKind::kContract, source_.contract_amended().contract_id());
      case Event::kContractBreached:
        return Item(ItemKind::kContract, source_.contract_breached().contract_id());
      case Event::kPromisePublished:
        return Item(ItemKind::kPromise, source_.promise_published().promise_id());
      case Event::kPromiseKept:
        return Item(ItemKind::kPromise, source_.promise_kept().promise_id());
      case Event::kPromiseBroken:
        return Item(ItemKind::kPromise, source_.promise_broken().promise_id());
      case Event::kPromiseWithdrawn:
        return Item(ItemKind::kPromise, source_.promise_withdrawn().promise_id());
      case Event::kSanctionImposed:
        return Item(ItemKind::kSanction, source_.sanction_imposed().sanction_id());
      case Event::kSanctionLifted:
        return Item(ItemKind::kSanction, source_.sanction_lifted().sanction_id());
      default:
        return Terms();
    }
  }

  absl::Status Terms() {
    Event event;
    switch (source_.payload_case()) {
      case Event::kPlanDrafted:
        return Item(ItemKind::kPlan, source_.plan_drafted().plan_id());
      case Event::kPlanAgreed:
        return Item(ItemKind::kPlan, source_.plan_agreed().plan_id());
      case Event::kPlanReviewed:
        event = source_;
        event.mutable_plan_reviewed()->clear_note();
        return Put(RowsOf(ItemKind::kPlan), source_.plan_reviewed().plan_id(), event);
      case Event::kPlanEnded:
        return Item(ItemKind::kPlan, source_.plan_ended().plan_id());
      case Event::kEntitlementGranted:
        return Item(ItemKind::kEntitlement, source_.entitlement_granted().entitlement_id());
      case Event::kEntitlementUsed:
        return Item(ItemKind::kEntitlement, source_.entitlement_used().entitlement_id());
      case Event::kEntitlementRevoked:
        return Item(ItemKind::kEntitlement, source_.entitlement_revoked().entitlement_id());
      case Event::kObligationAgreed:
        return Item(ItemKind::kObligation, source_.obligation_agreed().obligation_id());
      case Event::kObligationEnded:
        return Item(ItemKind::kObligation, source_.obligation_ended().obligation_id());
      default:
        return absl::OkStatus();
    }
  }

  absl::Status Pipeline() {
    switch (source_.payload_case()) {
      case Event::kOpportunityOpened:
        return Item(ItemKind::kOpportunity, source_.opportunity_opened().opportunity_id());
      case Event::kOpportunityMoved:
        return Item(ItemKind::kOpportunity, source_.opportunity_moved().opportunity_id());
      case Event::kQuoteProposed:
        return Item(ItemKind::kQuote, source_.quote_proposed().quote_id());
      case Event::kQuoteRevised:
        return Item(ItemKind::kQuote, source_.quote_revised().quote_id());
      case Event::kQuoteApprovalRequested:
        return Item(ItemKind::kQuote, source_.quote_approval_requested().quote_id());
      case Event::kQuoteApprovalGiven:
        return Item(ItemKind::kQuote, source_.quote_approval_given().quote_id());
      case Event::kQuoteApprovalRefused:
        return Item(ItemKind::kQuote, source_.quote_approval_refused().quote_id());
      case Event::kQuoteMoved:
        return Item(ItemKind::kQuote, source_.quote_moved().quote_id());
      case Event::kOrderPlaced:
        return Item(ItemKind::kOrder, source_.order_placed().order_id());
      case Event::kOrderEnded:
        return Item(ItemKind::kOrder, source_.order_ended().order_id());
      case Event::kPaymentReceived:
        return Put(engagement::kPaymentRows, source_.payment_received().quote_id(), source_);
      case Event::kPaymentExceptionGranted:
        return Put(engagement::kPaymentRows, source_.payment_exception_granted().quote_id(), source_);
      case Event::kDemandForecastStated:
        return Put(engagement::kForecastRows, "", source_);
      default:
        return absl::OkStatus();
    }
  }

  const std::string& account_id_;
  const std::string& actor_;
  const Event& source_;
  const engagement::RowTimes times_;
  Rows& rows_;
  std::string key_;
  std::string value_;
};

}  // namespace

absl::Status EngagementProjection::Apply(const RecordView& record, Rows& rows) const {
  if (IsOwnStream(record.record.account_id()) || domain::IsOwn(record.record.event())) return absl::OkStatus();
  return Folder(record, rows).Fold();
}

std::shared_ptr<const Projection> MakeEngagementProjection() { return std::make_shared<EngagementProjection>(); }

}  // namespace keyledger::projections

// See items.h. The tables come first, then which event is which step, then what a step does.
#include "server/domain/items.h"

#include <algorithm>

#include "server/domain/proto_time.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;
using Names = std::span<const std::string_view>;

// Names of states and steps: number n stands at n - 1.
struct Machine {
  std::string_view name;
  Names states;
  Names steps;
  std::span<const Transition> transitions;
};

constexpr std::string_view kOpenOnly[] = {"open"};

namespace interaction {
enum State : uint8_t { kPlanned = 1 };
enum Step : uint8_t { kPlan = 1, kMade, kMissed, kPostponed };
constexpr std::string_view kStates[] = {"planned"};
constexpr std::string_view kSteps[] = {"planned", "made", "missed", "postponed"};
constexpr Transition kTable[] = {
    {0, kPlan, kPlanned}, {kPlanned, kMade, 0}, {kPlanned, kMissed, 0}, {kPlanned, kPostponed, kPlanned}};
}  // namespace interaction

namespace opportunity {
// As OpportunityStage.
enum Stage : uint8_t { kLead = 1, kQualified, kSolution, kNegotiation, kWon, kLost, kDropped, kOpened };
constexpr std::string_view kStates[] = {"lead", "qualified", "solution", "negotiation"};
constexpr std::string_view kSteps[] = {"lead", "qualified", "solution", "negotiation",
                                       "won",  "lost",      "dropped",  "opened"};
constexpr Transition kTable[] = {
    {0, kOpened, kLead},
    // A stage to itself: only the figures change.
    {kLead, kLead, kLead},
    {kLead, kQualified, kQualified},
    {kLead, kLost, 0},
    {kLead, kDropped, 0},
    {kQualified, kLead, kLead},
    {kQualified, kQualified, kQualified},
    {kQualified, kSolution, kSolution},
    {kQualified, kLost, 0},
    {kQualified, kDropped, 0},
    {kSolution, kQualified, kQualified},
    {kSolution, kSolution, kSolution},
    {kSolution, kNegotiation, kNegotiation},
    {kSolution, kLost, 0},
    {kSolution, kDropped, 0},
    {kNegotiation, kSolution, kSolution},
    {kNegotiation, kNegotiation, kNegotiation},
    {kNegotiation, kWon, 0},
    {kNegotiation, kLost, 0},
    {kNegotiation, kDropped, 0},
};
static_assert(int{kDropped} == int{events::v1::OPPORTUNITY_STAGE_DROPPED} &&
              int{events::v1::OpportunityStage_MAX} == int{kDropped});
}  // namespace opportunity

namespace quote {
using namespace quote_state;  // The states of this machine, by their names.
// Those of QuoteMoved as in QuoteStep, then the others.
enum Step : uint8_t {
  kEnter = 1,
  kProductCleared,
  kLegalCleared,
  kFinanceCleared,
  kIssue,
  kConfirm,
  kMeetPayment,
  kMeetConditions,
  kStartProduction,
  kWithdraw,
  kDecline,
  kExpire,
  kPropose,
  kRevise,
  kRequestApproval,
  kGiveApproval,
  kRefuseApproval
};
constexpr std::string_view kStates[] = {"in_approval", "approved",  "refused",     "entered",       "cleared",
                                        "issued",      "confirmed", "payment_met", "conditions_met"};
constexpr std::string_view kSteps[] = {
    "entered",     "product_cleared", "legal_cleared",      "finance_cleared", "issued",          "confirmed",
    "payment_met", "conditions_met",  "production_started", "withdrawn",       "declined",        "expired",
    "proposed",    "revised",         "approval_requested", "approval_given",  "approval_refused"};
constexpr Transition kTable[] = {
    {0, kPropose, kApproved},
    {0, kPropose, kInApproval},
    {kInApproval, kRequestApproval, kInApproval},
    {kInApproval, kGiveApproval, kApproved},
    {kInApproval, kRefuseApproval, kRefused},
    {kInApproval, kRevise, kApproved},
    {kInApproval, kRevise, kInApproval},
    {kInApproval, kWithdraw, 0},
    {kApproved, kEnter, kEntered},
    {kApproved, kRevise, kApproved},
    {kApproved, kRevise, kInApproval},
    {kApproved, kWithdraw, 0},
    {kApproved, kExpire, 0},
    {kRefused, kRevise, kApproved},
    {kRefused, kRevise, kInApproval},
    {kRefused, kWithdraw, 0},
    // The third of the clearances, whichever it is, clears the quote.
    {kEntered, kProductCleared, kEntered},
    {kEntered, kProductCleared, kCleared},
    {kEntered, kLegalCleared, kEntered},
    {kEntered, kLegalCleared, kCleared},
    {kEntered, kFinanceCleared, kEntered},
    {kEntered, kFinanceCleared, kCleared},
    {kEntered, kRevise, kApproved},
    {kEntered, kRevise, kInApproval},
    {kEntered, kWithdraw, 0},
    {kEntered, kExpire, 0},
    {kCleared, kIssue, kIssued},
    {kCleared, kRevise, kApproved},
    {kCleared, kRevise, kInApproval},
    {kCleared, kWithdraw, 0},
    {kCleared, kExpire, 0},
    {kIssued, kConfirm, kConfirmed},
    {kIssued, kRevise, kApproved},
    {kIssued, kRevise, kInApproval},
    {kIssued, kWithdraw, 0},
    {kIssued, kDecline, 0},
    {kIssued, kExpire, 0},
    {kConfirmed, kMeetPayment, kPaymentMet},
    {kConfirmed, kWithdraw, 0},
    {kConfirmed, kDecline, 0},
    {kPaymentMet, kMeetConditions, kConditionsMet},
    {kConditionsMet, kStartProduction, 0},
};
static_assert(int{kExpire} == int{events::v1::QUOTE_STEP_EXPIRED} && int{events::v1::QuoteStep_MAX} == int{kExpire});
}  // namespace quote

namespace issue {
// As IssueState.
enum State : uint8_t { kOpen = 1, kAnswered, kEscalated, kResolved, kClosed, kWithdrawn, kOpened };
constexpr std::string_view kStates[] = {"open", "answered", "escalated", "resolved"};
constexpr std::string_view kSteps[] = {"open", "answered", "escalated", "resolved", "closed", "withdrawn", "opened"};
constexpr Transition kTable[] = {
    {0, kOpened, kOpen},
    {kOpen, kAnswered, kAnswered},
    {kOpen, kEscalated, kEscalated},
    {kOpen, kResolved, kResolved},
    {kOpen, kWithdrawn, 0},
    {kAnswered, kEscalated, kEscalated},
    {kAnswered, kResolved, kResolved},
    {kAnswered, kWithdrawn, 0},
    {kEscalated, kAnswered, kAnswered},
    {kEscalated, kResolved, kResolved},
    {kEscalated, kWithdrawn, 0},
    {kResolved, kOpen, kOpen},
    {kResolved, kClosed, 0},
};
static_assert(int{kWithdrawn} == int{events::v1::ISSUE_STATE_WITHDRAWN} &&
              int{events::v1::IssueState_MAX} == int{kWithdrawn});
}  // namespace issue

namespace plan {
using namespace plan_state;  // The states of this machine, by their names.
enum Step : uint8_t { kDrafted = 1, kAgree, kReviewed, kEnded };
constexpr std::string_view kStates[] = {"draft", "agreed"};
constexpr std::string_view kSteps[] = {"drafted", "agreed", "reviewed", "ended"};
constexpr Transition kTable[] = {
    {0, kDrafted, kDraft},      {kDraft, kAgree, kAgreed},     {kDraft, kEnded, 0},
    {kAgreed, kAgree, kAgreed}, {kAgreed, kReviewed, kAgreed}, {kAgreed, kEnded, 0},
};
}  // namespace plan

namespace promise {
enum Step : uint8_t { kPublished = 1, kKept, kBroken, kWithdrawn };
constexpr std::string_view kSteps[] = {"published", "kept", "broken", "withdrawn"};
constexpr Transition kTable[] = {
    {0, kPublished, 1}, {1, kKept, 1}, {1, kKept, 0}, {1, kBroken, 1}, {1, kBroken, 0}, {1, kWithdrawn, 0},
};
}  // namespace promise

namespace entitlement {
enum Step : uint8_t { kGranted = 1, kUsed, kRevoked };
constexpr std::string_view kSteps[] = {"granted", "used", "revoked"};
constexpr Transition kTable[] = {{0, kGranted, 1}, {1, kUsed, 1}, {1, kRevoked, 0}};
}  // namespace entitlement

namespace obligation {
enum Step : uint8_t { kAgreed = 1, kEnded };
constexpr std::string_view kSteps[] = {"agreed", "ended"};
constexpr Transition kTable[] = {{0, kAgreed, 1}, {1, kEnded, 0}};
}  // namespace obligation

namespace loan {
enum Step : uint8_t { kIssued = 1, kReturned };
constexpr std::string_view kStates[] = {"out"};
constexpr std::string_view kSteps[] = {"issued", "returned"};
constexpr Transition kTable[] = {{0, kIssued, 1}, {1, kReturned, 1}, {1, kReturned, 0}};
}  // namespace loan

namespace commission {
enum Step : uint8_t { kAccrued = 1, kPaid, kRefused };
constexpr std::string_view kSteps[] = {"accrued", "paid", "refused"};
constexpr Transition kTable[] = {{0, kAccrued, 1}, {1, kPaid, 0}, {1, kRefused, 0}};
}  // namespace commission

namespace handover {
enum Step : uint8_t { kGiven = 1, kAcknowledged };
constexpr std::string_view kSteps[] = {"given", "acknowledged"};
constexpr Transition kTable[] = {{0, kGiven, 1}, {1, kAcknowledged, 0}};
}  // namespace handover

namespace order {
enum Step : uint8_t { kPlaced = 1, kDelivered, kCancelled };
constexpr std::string_view kSteps[] = {"placed", "delivered", "cancelled"};
constexpr Transition kTable[] = {{0, kPlaced, 1}, {1, kDelivered, 0}, {1, kCancelled, 0}};
}  // namespace order

namespace sanction {
enum Step : uint8_t { kImposed = 1, kLifted };
constexpr std::string_view kSteps[] = {"imposed", "lifted"};
constexpr Transition kTable[] = {{0, kImposed, 1}, {1, kLifted, 0}};
}  // namespace sanction

namespace contract {
using namespace contract_state;  // The states of this machine, by their names.
enum Step : uint8_t { kSigned = 1, kRenewed, kAmended, kBreach, kEnded };
constexpr std::string_view kStates[] = {"running", "breached"};
constexpr std::string_view kSteps[] = {"signed", "renewed", "amended", "breached", "ended"};
constexpr Transition kTable[] = {
    {0, kSigned, kRunning},          {kRunning, kRenewed, kRunning}, {kRunning, kAmended, kRunning},
    {kRunning, kBreach, kBreached},  {kRunning, kEnded, 0},          {kBreached, kAmended, kRunning},
    {kBreached, kBreach, kBreached}, {kBreached, kEnded, 0},
};
}  // namespace contract

// By number of the kind, less 1.
constexpr Machine kMachines[] = {
    {"interaction", interaction::kStates, interaction::kSteps, interaction::kTable},
    {"opportunity", opportunity::kStates, opportunity::kSteps, opportunity::kTable},
    {"quote", quote::kStates, quote::kSteps, quote::kTable},
    {"issue", issue::kStates, issue::kSteps, issue::kTable},
    {"plan", plan::kStates, plan::kSteps, plan::kTable},
    {"promise", kOpenOnly, promise::kSteps, promise::kTable},
    {"entitlement", kOpenOnly, entitlement::kSteps, entitlement::kTable},
    {"obligation", kOpenOnly, obligation::kSteps, obligation::kTable},
    {"loan", loan::kStates, loan::kSteps, loan::kTable},
    {"commission", kOpenOnly, commission::kSteps, commission::kTable},
    {"handover", kOpenOnly, handover::kSteps, handover::kTable},
    {"order", kOpenOnly, order::kSteps, order::kTable},
    {"sanction", kOpenOnly, sanction::kSteps, sanction::kTable},
    {"contract", contract::kStates, contract::kSteps, contract::kTable},
};
static_assert(std::size(kMachines) == static_cast<size_t>(ItemKind::kContract));

const Machine& MachineOf(ItemKind kind) { return kMachines[static_cast<size_t>(kind) - 1]; }

ItemStep StepOf(ItemKind kind, std::string_view item_id, int step) {
  return {kind, item_id, static_cast<uint8_t>(step)};
}

std::optional<ItemStep> InteractionStepOf(const Event& event) {
  switch (event.payload_case()) {
    case Event::kInteractionPlanned:
      return StepOf(ItemKind::kInteraction, event.interaction_planned().interaction_id(), interaction::kPlan);
    case Event::kInteractionMade:
      if (event.interaction_made().interaction_id().empty()) return std::nullopt;
      return StepOf(ItemKind::kInteraction, event.interaction_made().interaction_id(), interaction::kMade);
    case Event::kInteractionMissed:
      return StepOf(ItemKind::kInteraction, event.interaction_missed().interaction_id(),
                    event.interaction_missed().cause() == events::v1::MISSED_CAUSE_POSTPONED ? interaction::kPostponed
                                                                                             : interaction::kMissed);
    case Event::kHandoverGiven:
      return StepOf(ItemKind::kHandover, event.handover_given().handover_id(), handover::kGiven);
    case Event::kHandoverAcknowledged:
      return StepOf(ItemKind::kHandover, event.handover_acknowledged().handover_id(), handover::kAcknowledged);
    default:
      return std::nullopt;
  }
}

std::optional<ItemStep> PipelineStepOf(const Event& event) {
  switch (event.payload_case()) {
    case Event::kOpportunityOpened:
      return StepOf(ItemKind::kOpportunity, event.opportunity_opened().opportunity_id(), opportunity::kOpened);
    case Event::kOpportunityMoved:
      return StepOf(ItemKind::kOpportunity, event.opportunity_moved().opportunity_id(),
                    event.opportunity_moved().stage());
    case Event::kQuoteProposed:
      return StepOf(ItemKind::kQuote, event.quote_proposed().quote_id(), quote::kPropose);
    case Event::kQuoteRevised:
      return StepOf(ItemKind::kQuote, event.quote_revised().quote_id(), quote::kRevise);
    case Event::kQuoteApprovalRequested:
      return StepOf(ItemKind::kQuote, event.quote_approval_requested().quote_id(), quote::kRequestApproval);
    case Event::kQuoteApprovalGiven:
      return StepOf(ItemKind::kQuote, event.quote_approval_given().quote_id(), quote::kGiveApproval);
    case Event::kQuoteApprovalRefused:
      return StepOf(ItemKind::kQuote, event.quote_approval_refused().quote_id(), quote::kRefuseApproval);
    case Event::kQuoteMoved:
      return StepOf(ItemKind::kQuote, event.quote_moved().quote_id(), event.quote_moved().step());
    case Event::kOrderPlaced:
      return StepOf(ItemKind::kOrder, event.order_placed().order_id(), order::kPlaced);
    case Event::kOrderEnded:
      return StepOf(
          ItemKind::kOrder, event.order_ended().order_id(),
          event.order_ended().ending() == events::v1::ORDER_ENDING_DELIVERED ? order::kDelivered : order::kCancelled);
    default:
      return std::nullopt;
  }
}

std::optional<ItemStep> CareStepOf(const Event& event) {
  switch (event.payload_case()) {
    case Event::kIssueOpened:
      return StepOf(ItemKind::kIssue, event.issue_opened().issue_id(), issue::kOpened);
    case Event::kIssueMoved:
      return StepOf(ItemKind::kIssue, event.issue_moved().issue_id(), event.issue_moved().state());
    case Event::kLoanIssued:
      return StepOf(ItemKind::kLoan, event.loan_issued().loan_id(), loan::kIssued);
    case Event::kLoanReturned:
      return StepOf(ItemKind::kLoan, event.loan_returned().loan_id(), loan::kReturned);
    case Event::kCommissionAccrued:
      return StepOf(ItemKind::kCommission, event.commission_accrued().commission_id(), commission::kAccrued);
    case Event::kCommissionPaid:
      if (event.commission_paid().commission_id().empty()) return std::nullopt;
      return StepOf(ItemKind::kCommission, event.commission_paid().commission_id(), commission::kPaid);
    case Event::kCommissionRefused:
      if (event.commission_refused().commission_id().empty()) return std::nullopt;
      return StepOf(ItemKind::kCommission, event.commission_refused().commission_id(), commission::kRefused);
    default:
      return std::nullopt;
  }
}

std::optional<ItemStep> ContractStepOf(const Event& event) {
  switch (event.payload_case()) {
    case Event::kContractSigned:
      return StepOf(ItemKind::kContract, event.contract_signed().contract_id(), contract::kSigned);
    case Event::kContractRenewed:
      return StepOf(ItemKind::kContract, event.contract_renewed().contract_id(), contract::kRenewed);
    case Event::kContractAmended:
      return StepOf(ItemKind::kContract, event.contract_amended().contract_id(), contract::kAmended);
    case Event::kContractBreached:
      return StepOf(ItemKind::kContract, event.contract_breached().contract_id(), contract::kBreach);
    case Event::kContractEnded:
      return StepOf(ItemKind::kContract, event.contract_ended().contract_id(), contract::kEnded);
    default:
      return std::nullopt;
  }
}

std::optional<ItemStep> AgreementStepOf(const Event& event) {
  switch (event.payload_case()) {
    case Event::kPromisePublished:
      return StepOf(ItemKind::kPromise, event.promise_published().promise_id(), promise::kPublished);
    case Event::kPromiseKept:
      return StepOf(ItemKind::kPromise, event.promise_kept().promise_id(), promise::kKept);
    case Event::kPromiseBroken:
      return StepOf(ItemKind::kPromise, event.promise_broken().promise_id(), promise::kBroken);
    case Event::kPromiseWithdrawn:
      return StepOf(ItemKind::kPromise, event.promise_withdrawn().promise_id(), promise::kWithdrawn);
    case Event::kPlanDrafted:
      return StepOf(ItemKind::kPlan, event.plan_drafted().plan_id(), plan::kDrafted);
    case Event::kPlanAgreed:
      return StepOf(ItemKind::kPlan, event.plan_agreed().plan_id(), plan::kAgree);
    case Event::kPlanReviewed:
      return StepOf(ItemKind::kPlan, event.plan_reviewed().plan_id(), plan::kReviewed);
    case Event::kPlanEnded:
      return StepOf(ItemKind::kPlan, event.plan_ended().plan_id(), plan::kEnded);
    case Event::kEntitlementGranted:
      return StepOf(ItemKind::kEntitlement, event.entitlement_granted().entitlement_id(), entitlement::kGranted);
    case Event::kEntitlementUsed:
      return StepOf(ItemKind::kEntitlement, event.entitlement_used().entitlement_id(), entitlement::kUsed);
    case Event::kEntitlementRevoked:
      return StepOf(ItemKind::kEntitlement, event.entitlement_revoked().entitlement_id(), entitlement::kRevoked);
    case Event::kObligationAgreed:
      return StepOf(ItemKind::kObligation, event.obligation_agreed().obligation_id(), obligation::kAgreed);
    case Event::kObligationEnded:
      return StepOf(ItemKind::kObligation, event.obligation_ended().obligation_id(), obligation::kEnded);
    case Event::kSanctionImposed:
      return StepOf(ItemKind::kSanction, event.sanction_imposed().sanction_id(), sanction::kImposed);
    case Event::kSanctionLifted:
      return StepOf(ItemKind::kSanction, event.sanction_lifted().sanction_id(), sanction::kLifted);
    default:
      return std::nullopt;
  }
}

template <typename Message>
Micros EndOf(const Message& message) {
  return message.has_end_time() ? MicrosOf(message.end_time()) : kNever;
}

// An item as it is after the step that opens it, but for its state.
OpenItem Opened(const Event& event, Micros occurred) {
  OpenItem item;
  switch (event.payload_case()) {
    case Event::kInteractionPlanned:
      item.marks = static_cast<uint32_t>(event.interaction_planned().kind());
      break;
    case Event::kPromisePublished:
      if (event.promise_published().has_due_time()) item.marks = item_mark::kForOnce;
      item.end = EndOf(event.promise_published());
      break;
    case Event::kEntitlementGranted: {
      const auto& granted = event.entitlement_granted();
      item.marks = granted.quantity() == 0 ? item_mark::kUnlimited : 0;
      item.amount = granted.quantity();
      item.start = granted.has_start_time() ? MicrosOf(granted.start_time()) : occurred;
      item.end = EndOf(granted);
      break;
    }
    case Event::kObligationAgreed:
      item.end = EndOf(event.obligation_agreed());
      break;
    case Event::kSanctionImposed:
      item.end = EndOf(event.sanction_imposed());
      break;
    case Event::kLoanIssued:
      item.amount = event.loan_issued().quantity();
      break;
    case Event::kCommissionAccrued:
      item.amount = event.commission_accrued().amount().micros();
      item.currency = event.commission_accrued().amount().currency_code();
      item.who = event.commission_accrued().contact_id();
      break;
    default:
      break;
  }
  return item;
}

template <typename Offer>
void Offered(const Offer& offer, Micros occurred, OpenItem& item) {
  item.state = offer.needs_approval() ? quote_state::kInApproval : quote_state::kApproved;
  item.marks = 0;
  item.amount = offer.percent_milli();
  item.who = offer.proposer();
  item.start = std::max(item.start, occurred);
}

// What the step leaves open changes the item; where the table has one outcome, its state is that already.
void Change(const Event& event, Micros occurred, OpenItem& item) {
  switch (event.payload_case()) {
    case Event::kQuoteProposed:
      return Offered(event.quote_proposed(), occurred, item);
    case Event::kQuoteRevised:
      return Offered(event.quote_revised(), occurred, item);
    case Event::kQuoteMoved:
      switch (event.quote_moved().step()) {
        case events::v1::QUOTE_STEP_PRODUCT_CLEARED:
          item.marks |= item_mark::kProductCleared;
          break;
        case events::v1::QUOTE_STEP_LEGAL_CLEARED:
          item.marks |= item_mark::kLegalCleared;
          break;
        case events::v1::QUOTE_STEP_FINANCE_CLEARED:
          item.marks |= item_mark::kFinanceCleared;
          break;
        default:
          return;
      }
      if ((item.marks & item_mark::kAllCleared) == item_mark::kAllCleared) item.state = quote_state::kCleared;
      return;
    case Event::kPromiseKept:
    case Event::kPromiseBroken:
      if ((item.marks & item_mark::kForOnce) != 0) item.state = 0;
      return;
    case Event::kEntitlementUsed:
      if ((item.marks & item_mark::kUnlimited) == 0) item.amount -= event.entitlement_used().quantity();
      return;
    case Event::kLoanReturned:
      item.amount -= event.loan_returned().quantity();
      if (item.amount <= 0) item.state = 0;
      return;
    default:
      return;
  }
}

}  // namespace

std::span<const Transition> TransitionsOf(ItemKind kind) { return MachineOf(kind).transitions; }

std::optional<ItemStep> ItemStepOf(const Event& event) {
  for (const auto step_of : {InteractionStepOf, PipelineStepOf, CareStepOf, AgreementStepOf, ContractStepOf}) {
    if (auto step = step_of(event); step.has_value()) return step;
  }
  return std::nullopt;
}

bool HasState(ItemKind kind, uint8_t state) { return state >= 1 && state <= MachineOf(kind).states.size(); }

bool IsAllowed(const ItemStep& step, uint8_t state) {
  const auto rows = TransitionsOf(step.kind);
  return std::any_of(rows.begin(), rows.end(),
                     [&](const Transition& row) { return row.from == state && row.step == step.step; });
}

bool Opens(const ItemStep& step) { return IsAllowed(step, 0); }

bool TakeStep(const Event& event, Micros occurred, OpenItem& item) {
  const auto step = ItemStepOf(event);
  if (!step.has_value()) return false;
  const auto rows = TransitionsOf(step->kind);
  // The first row of a step is what comes of it where nothing else is known of the item.
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const Transition& candidate) {
    return candidate.from == item.state && candidate.step == step->step;
  });
  if (row == rows.end()) return false;
  if (item.state == 0) item = Opened(event, occurred);
  item.state = row->to;
  Change(event, occurred, item);
  return true;
}

std::string_view QuotePaidBy(const Event& event) {
  if (event.has_payment_received()) return event.payment_received().quote_id();
  if (event.has_payment_exception_granted()) return event.payment_exception_granted().quote_id();
  return "";
}

bool IsPastItsEnd(const OpenItem& item, Micros clock) {
  return item.end != kNever && item.end <= clock - kItemAfterEndMicros;
}

std::string_view KindName(ItemKind kind) { return MachineOf(kind).name; }

std::string_view StateName(ItemKind kind, uint8_t state) { return MachineOf(kind).states[state - 1]; }

std::string_view StepName(ItemKind kind, uint8_t step) { return MachineOf(kind).steps[step - 1]; }

std::vector<std::string_view> LegalSteps(ItemKind kind, uint8_t state) {
  std::vector<std::string_view> steps;
  for (const Transition& row : TransitionsOf(kind)) {
    if (row.from != state) continue;
    const std::string_view name = StepName(kind, row.step);
    if (steps.empty() || steps.back() != name) steps.push_back(name);
  }
  return steps;
}

}  // namespace keyledger::domain

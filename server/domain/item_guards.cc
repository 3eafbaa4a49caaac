// See item_guards.h.
#include "server/domain/item_guards.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "server/base/calendar.h"
#include "server/base/error.h"
#include "server/domain/proto_time.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;
using google::protobuf::Timestamp;

// How far ahead something may be planned.
constexpr int64_t kAheadDaysMax = 3'660;

// Names the item in a refusal.
absl::Status ItemError(Reason reason, const ItemStep& step, const std::string& message) {
  absl::Status status = MakeError(reason, message);
  AddMetadata(status, "item", KindName(step.kind));
  AddMetadata(status, "item_id", step.item_id);
  return status;
}

std::string Possible(ItemKind kind, uint8_t state) {
  const auto steps = LegalSteps(kind, state);
  return fmt::format("{} {}", steps.size() == 1 ? "possible is" : "possible are", fmt::join(steps, ", "));
}

absl::Status CheckRoom(const AccountState& state, ItemKind kind, Micros occurred) {
  const Micros clock = std::max(state.clock, occurred);
  const auto first = state.items.lower_bound({kind, ""});
  const auto last =
      std::find_if(first, state.items.end(), [&](const auto& entry) { return entry.first.first != kind; });
  // Those that are past their end may be in the state still.
  const auto is_open = [&](const auto& entry) { return !IsPastItsEnd(entry.second, clock); };
  if (static_cast<size_t>(std::distance(first, last)) >= kItemsOfKindMax &&
      static_cast<size_t>(std::count_if(first, last, is_open)) >= kItemsOfKindMax) {
    return MakeError(Reason::kAccountLimit, fmt::format("the account would have more than {} items of the kind '{}' "
                                                        "open at once; end one first",
                                                        kItemsOfKindMax, KindName(kind)));
  }
  if (state.items.size() >= kItemsMax &&
      static_cast<size_t>(std::count_if(state.items.begin(), state.items.end(), is_open)) >= kItemsMax) {
    return MakeError(Reason::kAccountLimit,
                     fmt::format("the account would have more than {} items open at once; end one first", kItemsMax));
  }
  return absl::OkStatus();
}

absl::Status CheckPlanned(const events::v1::InteractionMade& made, const OpenItem& item, const std::string& path) {
  const auto planned = static_cast<events::v1::InteractionKind>(item.marks);
  if (made.kind() == planned) return absl::OkStatus();
  // Nobody need know beforehand that it is the first.
  if (planned == events::v1::INTERACTION_KIND_VISIT && made.kind() == events::v1::INTERACTION_KIND_FIRST_VISIT) {
    return absl::OkStatus();
  }
  return FieldError(path + ".interaction_made.kind",
                    fmt::format("is another than was planned under '{}', which is {}; plan another, or record this one "
                                "without interaction_id",
                                made.interaction_id(), events::v1::InteractionKind_Name(planned)));
}

absl::Status CheckUse(const events::v1::EntitlementUsed& used, const OpenItem& item, Micros occurred) {
  const bool unlimited = (item.marks & item_mark::kUnlimited) != 0;
  std::string what;
  if (occurred < item.start) {
    what = fmt::format("is valid from {} only", FormatMicros(item.start));
  } else if (occurred >= item.end) {
    what = fmt::format("was valid until {}", FormatMicros(item.end));
  } else if (!unlimited && used.quantity() > item.amount) {
    what = fmt::format("has {} left, and {} are asked for", item.amount, used.quantity());
  } else {
    return absl::OkStatus();
  }
  absl::Status status =
      MakeError(Reason::kEntitlementSpent, fmt::format("entitlement '{}' {}", used.entitlement_id(), what));
  AddMetadata(status, "item_id", used.entitlement_id());
  if (!unlimited) AddMetadata(status, "remaining", std::to_string(item.amount));
  AddMetadata(status, "requested", std::to_string(used.quantity()));
  if (item.end != kNever) AddMetadata(status, "end_time", FormatMicros(item.end));
  return status;
}

// `field` of the event at `path` names somebody else than the commission was accrued for.
absl::Status CheckContact(const std::string& contact_id, const OpenItem& item, const std::string& field) {
  if (contact_id == item.who) return absl::OkStatus();
  return FieldError(field, fmt::format("must be '{}', for whom the commission was accrued", item.who));
}

absl::Status CheckPayment(const events::v1::CommissionPaid& paid, const OpenItem& item, const std::string& path) {
  KL_RETURN_IF_ERROR(CheckContact(paid.contact_id(), item, path + ".commission_paid.contact_id"));
  if (paid.amount().micros() == item.amount && paid.amount().currency_code() == item.currency) return absl::OkStatus();
  return FieldError(path + ".commission_paid.amount",
                    fmt::format("must be what was accrued: {} micros of {}", item.amount, item.currency));
}

absl::Status CheckApprover(const std::string& approver, const OpenItem& item, const std::string& field) {
  if (approver != item.who) return absl::OkStatus();
  return FieldError(field, "must be somebody else than the proposer");
}

// What the machine does not know of a step that it allows.
absl::Status CheckGuard(const ItemStep& step, const Event& event, Micros occurred, const OpenItem& item,
                        const std::string& path) {
  switch (event.payload_case()) {
    case Event::kInteractionMade:
      return CheckPlanned(event.interaction_made(), item, path);
    case Event::kQuoteApprovalGiven:
      return CheckApprover(event.quote_approval_given().approver(), item, path + ".quote_approval_given.approver");
    case Event::kQuoteApprovalRefused:
      return CheckApprover(event.quote_approval_refused().approver(), item, path + ".quote_approval_refused.approver");
    case Event::kQuoteMoved:
      if (event.quote_moved().step() == events::v1::QUOTE_STEP_PAYMENT_MET && (item.marks & item_mark::kPaid) == 0) {
        return StepNotAllowed(step, item.state, "a payment or a payment exception on record that names it");
      }
      return absl::OkStatus();
    case Event::kEntitlementUsed:
      return CheckUse(event.entitlement_used(), item, occurred);
    case Event::kLoanReturned:
      if (event.loan_returned().quantity() <= item.amount) return absl::OkStatus();
      return FieldError(path + ".loan_returned.quantity",
                        fmt::format("must be at most {}, which is what is out", item.amount));
    case Event::kCommissionPaid:
      return CheckPayment(event.commission_paid(), item, path);
    case Event::kCommissionRefused:
      return CheckContact(event.commission_refused().contact_id(), item, path + ".commission_refused.contact_id");
    default:
      return absl::OkStatus();
  }
}

// A moment that is to come.
absl::Status After(bool is_set, const Timestamp& time, Micros occurred, const std::string& field) {
  if (!is_set || MicrosOf(time) > occurred) return absl::OkStatus();
  return FieldError(field, "must be later than occurred_time");
}

absl::Status NotFarAhead(const Timestamp& time, Micros occurred, const std::string& field) {
  if (MicrosOf(time) - occurred <= kAheadDaysMax * kMicrosPerDay) return absl::OkStatus();
  return FieldError(field, fmt::format("must be at most {} days after occurred_time", kAheadDaysMax));
}

absl::Status CheckNextStep(bool is_set, const events::v1::NextStep& next, Micros occurred, const std::string& field) {
  if (!is_set) return absl::OkStatus();
  KL_RETURN_IF_ERROR(After(true, next.due_time(), occurred, field));
  return NotFarAhead(next.due_time(), occurred, field);
}

}  // namespace

bool TakenWhen(const AccountState& state, const Event& event) {
  if (state.lifecycle == Lifecycle::kMerged) {
    const auto step = ItemStepOf(event);
    if (step.has_value()) return !Opens(*step);
    // Without it the quote could never be paid: the account that goes on has no quote of that id.
    const std::string_view quote_id = QuotePaidBy(event);
    if (!quote_id.empty()) return state.items.contains({ItemKind::kQuote, std::string(quote_id)});
    // A second merge is refused where merges are, with a reason of its own.
    return event.has_owner_released() || event.has_owner_transferred() || event.has_fact_retracted() ||
           event.has_account_merged();
  }
  if (state.lifecycle != Lifecycle::kClosed) return true;
  switch (event.payload_case()) {
    case Event::kOpportunityOpened:
    case Event::kQuoteProposed:
    case Event::kOrderPlaced:
    case Event::kEntitlementGranted:
    case Event::kLoanIssued:
    case Event::kPlanDrafted:
    case Event::kCommissionAccrued:
      return false;
    default:
      return true;
  }
}

const OpenItem* FindOpenItem(const AccountState& state, const ItemStep& step, Micros occurred) {
  const auto found = state.items.find({step.kind, std::string(step.item_id)});
  if (found == state.items.end() || IsPastItsEnd(found->second, std::max(state.clock, occurred))) return nullptr;
  return &found->second;
}

absl::Status StepNotAllowed(const ItemStep& step, uint8_t state, std::string_view needs) {
  const std::string_view name = StepName(step.kind, step.step);
  const std::string where =
      fmt::format("{} '{}' is {}: '{}'", KindName(step.kind), step.item_id, StateName(step.kind, state), name);
  absl::Status status =
      ItemError(Reason::kStepNotAllowed, step,
                needs.empty() ? fmt::format("{} is not possible; {}", where, Possible(step.kind, state))
                              : fmt::format("{} needs {}", where, needs));
  AddMetadata(status, "state", StateName(step.kind, state));
  AddMetadata(status, "step", name);
  AddMetadata(status, "legal_steps", fmt::format("{}", fmt::join(LegalSteps(step.kind, state), ", ")));
  if (!needs.empty()) AddMetadata(status, "needs", needs);
  return status;
}

absl::Status CheckItemStep(const AccountState& state, const Event& event, Micros occurred, const std::string& path) {
  const ItemStep step = *ItemStepOf(event);
  const OpenItem* const item = FindOpenItem(state, step, occurred);
  if (Opens(step)) {
    if (item == nullptr) return CheckRoom(state, step.kind, occurred);
    return ItemError(
        Reason::kItemExists, step,
        fmt::format("{} '{}' is open already; end it, or choose another id", KindName(step.kind), step.item_id));
  }
  if (item == nullptr) {
    return ItemError(Reason::kItemNotOpen, step,
                     fmt::format("no {} '{}' is open on the account; {}", KindName(step.kind), step.item_id,
                                 Possible(step.kind, 0)));
  }
  if (!IsAllowed(step, item->state)) return StepNotAllowed(step, item->state, "");
  return CheckGuard(step, event, occurred, *item, path);
}

absl::Status CheckItemTimes(const Event& event, Micros occurred, const std::string& path) {
  switch (event.payload_case()) {
    case Event::kInteractionPlanned:
      return NotFarAhead(event.interaction_planned().start_time(), occurred, path + ".interaction_planned.start_time");
    case Event::kInteractionMissed:
      if (!event.interaction_missed().has_new_start_time()) return absl::OkStatus();
      return NotFarAhead(event.interaction_missed().new_start_time(), occurred,
                         path + ".interaction_missed.new_start_time");
    case Event::kInteractionMade:
      return CheckNextStep(event.interaction_made().has_next_step(), event.interaction_made().next_step(), occurred,
                           path + ".interaction_made.next_step.due_time");
    case Event::kHandoverAcknowledged:
      return CheckNextStep(event.handover_acknowledged().has_next_step(), event.handover_acknowledged().next_step(),
                           occurred, path + ".handover_acknowledged.next_step.due_time");
    case Event::kQuoteProposed:
      return After(event.quote_proposed().has_end_time(), event.quote_proposed().end_time(), occurred,
                   path + ".quote_proposed.end_time");
    case Event::kQuoteRevised:
      return After(event.quote_revised().has_end_time(), event.quote_revised().end_time(), occurred,
                   path + ".quote_revised.end_time");
    case Event::kPaymentExceptionGranted:
      return After(event.payment_exception_granted().has_end_time(), event.payment_exception_granted().end_time(),
                   occurred, path + ".payment_exception_granted.end_time");
    case Event::kIssueOpened:
      return After(event.issue_opened().has_due_time(), event.issue_opened().due_time(), occurred,
                   path + ".issue_opened.due_time");
    case Event::kLoanIssued:
      return After(true, event.loan_issued().due_time(), occurred, path + ".loan_issued.due_time");
    case Event::kPromisePublished:
      KL_RETURN_IF_ERROR(After(event.promise_published().has_due_time(), event.promise_published().due_time(), occurred,
                               path + ".promise_published.due_time"));
      return After(event.promise_published().has_end_time(), event.promise_published().end_time(), occurred,
                   path + ".promise_published.end_time");
    case Event::kEntitlementGranted:
      // With a start of its own, the end was held against that.
      if (event.entitlement_granted().has_start_time()) return absl::OkStatus();
      return After(event.entitlement_granted().has_end_time(), event.entitlement_granted().end_time(), occurred,
                   path + ".entitlement_granted.end_time");
    case Event::kObligationAgreed:
      return After(event.obligation_agreed().has_end_time(), event.obligation_agreed().end_time(), occurred,
                   path + ".obligation_agreed.end_time");
    case Event::kSanctionImposed:
      return After(event.sanction_imposed().has_end_time(), event.sanction_imposed().end_time(), occurred,
                   path + ".sanction_imposed.end_time");
    default:
      return absl::OkStatus();
  }
}

}  // namespace keyledger::domain

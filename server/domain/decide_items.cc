// Steps of items: which are taken, and what the ledger completes them with. See decision.h and item_guards.h.
#include <algorithm>

#include "server/domain/decision.h"
#include "server/domain/item_guards.h"

namespace keyledger::domain {

using events::v1::Event;

namespace {

// A discount as one alone would grant it, in a role.
events::v1::DiscountGranted GrantedBy(const std::string& person, const std::string& role, int64_t percent_milli) {
  events::v1::DiscountGranted granted;
  granted.set_percent_milli(percent_milli);
  granted.set_proposer(person);
  granted.set_proposer_role(role);
  return granted;
}

// The roles named in a refusal by a discount limit.
std::vector<std::string> ApproverRolesOf(const absl::Status& refusal) {
  std::vector<std::string> roles;
  for (const auto& [key, value] : MetadataOf(refusal)) {
    if (key != "approver_roles") continue;
    for (size_t at = 0; at < value.size();) {
      const size_t end = std::min(value.find(", ", at), value.size());
      roles.push_back(value.substr(at, end - at));
      at = end + 2;
    }
  }
  return roles;
}

// A price proposed: above the authority of the proposer's role it waits for one who has it. What only flags is flagged
// when the price is approved, by whomever: before that nobody has granted anything.
template <typename Offer>
absl::Status CompleteOffer(const LimitContext& context, Offer& offer, ComplianceFlags* flags) {
  ComplianceFlags breaches;
  const absl::Status status =
      CheckDiscount(context, GrantedBy(offer.proposer(), offer.proposer_role(), offer.percent_milli()), &breaches);
  if (status.ok()) {
    *flags = std::move(breaches);
    return status;
  }
  if (ReasonOf(status) != Reason::kLimitExceeded) return status;
  offer.set_needs_approval(true);
  // The refusal names those of one limit; who may approve must be within all of them.
  for (const std::string& role : ApproverRolesOf(status)) {
    ComplianceFlags not_granted;
    const auto approval = GrantedBy(offer.proposer(), role, offer.percent_milli());
    if (CheckDiscount(context, approval, &not_granted).ok()) offer.add_approver_roles(role);
  }
  return absl::OkStatus();
}

// The moment whose program an event is held against: when it occurred. Only, who answers an offer cannot have done so
// before it was made, so no step of a quote gets round its program by an earlier time.
Micros GovernedAt(const AccountState& state, const Event& event, Micros occurred) {
  const auto step = ItemStepOf(event);
  if (!step.has_value() || step->kind != ItemKind::kQuote) return occurred;
  const OpenItem* const quote = FindOpenItem(state, *step, occurred);
  return quote == nullptr ? occurred : std::max(occurred, quote->start);
}

// Holds an event against the program that governs it, and completes it.
absl::Status CompleteItem(const LimitContext& context, const std::string& path, Event& event, ComplianceFlags* flags) {
  switch (event.payload_case()) {
    case Event::kQuoteProposed:
      return CompleteOffer(context, *event.mutable_quote_proposed(), flags);
    case Event::kQuoteRevised:
      return CompleteOffer(context, *event.mutable_quote_revised(), flags);
    case Event::kQuoteApprovalGiven: {
      const auto& given = event.quote_approval_given();
      const OpenItem& quote = *FindOpenItem(context.state, *ItemStepOf(event), context.occurred);
      return CheckDiscount(context, GrantedBy(given.approver(), given.role(), quote.amount), flags);
    }
    case Event::kQuoteApprovalRefused: {
      const auto& refused = event.quote_approval_refused();
      const OpenItem& quote = *FindOpenItem(context.state, *ItemStepOf(event), context.occurred);
      ComplianceFlags nothing_granted;
      return CheckDiscount(context, GrantedBy(refused.approver(), refused.role(), quote.amount), &nothing_granted);
    }
    case Event::kInteractionMade:
      return CheckInteractionLimits(context, path, *event.mutable_interaction_made(), flags);
    case Event::kCommissionAccrued: {
      events::v1::CommissionAccrued& accrued = *event.mutable_commission_accrued();
      const Given given{"", ContactsOf(accrued.contact_id()), accrued.amount(),
                        path + ".commission_accrued.contact_id"};
      return CheckAllowances(context, context.program.limits().commissions, given, accrued.mutable_counts(), flags);
    }
    default:
      return absl::OkStatus();
  }
}

}  // namespace

absl::Status Decision::DecideItem(const Fact& fact) {
  const std::string path = fmt::format("events[{}]", index_);
  // One about a field names the event already.
  const auto here = [&](const absl::Status& status) {
    return ReasonOf(status) == Reason::kInvalidField ? status : Here(status);
  };
  KL_RETURN_IF_ERROR(CheckItemTimes(fact.event, fact.occurred, path));
  if (ItemStepOf(fact.event).has_value()) {
    KL_RETURN_IF_ERROR(here(CheckItemStep(state(), fact.event, fact.occurred, path)));
  }
  Event event = fact.event;
  ComplianceFlags flags;
  const Micros moment = GovernedAt(state(), fact.event, fact.occurred);
  const CompiledProgram* program = work_.programs().Select(moment, state().region);
  if (program != nullptr) {
    KL_RETURN_IF_ERROR(here(CompleteItem({state(), *program, moment}, path, event, &flags)));
  }
  const uint64_t revision = state().next_revision;
  KL_RETURN_IF_ERROR(Here(work_.RecordFact(std::move(event), fact.occurred, fact_index())));
  return Flag(fact, revision, program, std::move(flags));
}

}  // namespace keyledger::domain

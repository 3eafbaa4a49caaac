// What is granted and given around the trade, held against the program's limits. See decision.h.
#include "server/domain/decision.h"

namespace keyledger::domain {

using events::v1::Event;

namespace {

// Holds a gift, commission or service against its limits, and completes it with the counts it is added to.
absl::Status CheckGiven(const LimitContext& context, const std::string& path, Event& event, ComplianceFlags* flags) {
  const CompiledLimits& limits = context.program.limits();
  if (event.has_gift_given()) {
    events::v1::GiftGiven& gift = *event.mutable_gift_given();
    const Given given{gift.item(), ContactsOf(gift.contact_id()), gift.value(), path + ".gift_given.contact_id"};
    return CheckAllowances(context, limits.gifts, given, gift.mutable_counts(), flags);
  }
  if (event.has_commission_paid()) {
    events::v1::CommissionPaid& commission = *event.mutable_commission_paid();
    const Given given{"", ContactsOf(commission.contact_id()), commission.amount(),
                      path + ".commission_paid.contact_id"};
    return CheckAllowances(context, limits.commissions, given, commission.mutable_counts(), flags);
  }
  events::v1::ServiceProvided& service = *event.mutable_service_provided();
  const Given given{service.kind(), ContactsOf(service.contact_id()), service.cost(),
                    path + ".service_provided.contact_id"};
  return CheckAllowances(context, limits.services, given, service.mutable_counts(), flags);
}

}  // namespace

absl::Status Decision::Flag(const Fact& fact, uint64_t fact_revision, const CompiledProgram* program,
                            ComplianceFlags flags) {
  for (events::v1::ComplianceFlagged& flag : flags) {
    flag.set_fact_revision(fact_revision);
    Event event;
    *event.mutable_compliance_flagged() = std::move(flag);
    KL_RETURN_IF_ERROR(Here(work_.RecordDecision(std::move(event), fact.occurred, fact_index(), program)));
  }
  return absl::OkStatus();
}

absl::Status Decision::DecideDiscount(const Fact& fact) {
  if (state().lifecycle == Lifecycle::kClosed) return Closed();
  const CompiledProgram* program = work_.programs().Select(fact.occurred, state().region);
  ComplianceFlags flags;
  if (program != nullptr) {
    KL_RETURN_IF_ERROR(Here(CheckDiscount({state(), *program, fact.occurred}, fact.event.discount_granted(), &flags)));
  }
  const uint64_t revision = state().next_revision;
  KL_RETURN_IF_ERROR(Record(fact));
  return Flag(fact, revision, program, std::move(flags));
}

absl::Status Decision::DecideGiven(const Fact& fact) {
  // One that was accrued has been held against the limits, and is owed by a closed account's contact all the same.
  if (!fact.event.commission_paid().commission_id().empty()) return DecideItem(fact);
  if (state().lifecycle == Lifecycle::kClosed) return Closed();
  const CompiledProgram* program = work_.programs().Select(fact.occurred, state().region);
  Event event = fact.event;
  ComplianceFlags flags;
  if (program != nullptr) {
    const absl::Status status =
        CheckGiven({state(), *program, fact.occurred}, fmt::format("events[{}]", index_), event, &flags);
    // One about a field names the event already.
    if (!status.ok()) return ReasonOf(status) == Reason::kInvalidField ? status : Here(status);
  }
  const uint64_t revision = state().next_revision;
  KL_RETURN_IF_ERROR(Here(work_.RecordFact(std::move(event), fact.occurred, fact_index())));
  return Flag(fact, revision, program, std::move(flags));
}

}  // namespace keyledger::domain

// What is known of the relationship beside the trade. See decision.h.
#include "server/domain/decision.h"
#include "server/domain/item_guards.h"
#include "server/domain/proto_time.h"

namespace keyledger::domain {

using events::v1::Event;

absl::Status Decision::DecideRelation(const Fact& fact) {
  const Event& event = fact.event;
  switch (event.payload_case()) {
    case Event::kReferralRecorded:
      if (event.referral_recorded().referrer_account_id() == input_.account_id) {
        return FieldError(fmt::format("events[{}].referral_recorded.referrer_account_id", index_),
                          "is the account itself; nobody refers himself");
      }
      return Record(fact);
    case Event::kReferralConverted:
      if (event.referral_converted().account_id() == input_.account_id) {
        return FieldError(fmt::format("events[{}].referral_converted.account_id", index_),
                          "is the account itself; nobody refers himself");
      }
      return Record(fact);
    case Event::kClubJoined:
      if (state().lifecycle == Lifecycle::kClosed) return Closed();
      return Record(fact);
    case Event::kContractSigned: {
      if (state().lifecycle == Lifecycle::kClosed) return Closed();
      const std::string& id = event.contract_signed().contract_id();
      if (state().contracts.contains(id)) {
        return RefuseHere(Reason::kContractExists,
                          fmt::format("contract '{}' runs already; renew it, or end it before another is signed under "
                                      "its id",
                                      id));
      }
      if (state().contracts.size() >= kContractsMax) {
        return RefuseHere(Reason::kAccountLimit,
                          fmt::format("the account would be bound by more than {} contracts at once", kContractsMax));
      }
      return Record(fact);
    }
    case Event::kContractRenewed:
    case Event::kContractAmended:
    case Event::kContractBreached:
    case Event::kContractEnded:
      return DecideContractStep(fact);
    default:
      return Record(fact);
  }
}

absl::Status Decision::DecideContractStep(const Fact& fact) {
  const ItemStep step = *ItemStepOf(fact.event);
  const std::string id(step.item_id);
  const auto contract = state().contracts.find(id);
  if (contract == state().contracts.end()) return ContractNotOpen(id);
  const uint8_t in = contract->second.breached ? contract_state::kBreached : contract_state::kRunning;
  if (!IsAllowed(step, in)) return Here(StepNotAllowed(step, in, ""));
  if (fact.event.has_contract_renewed() && MicrosOf(fact.event.contract_renewed().end_time()) <= contract->second.end) {
    return RefuseHere(Reason::kContractNotOpen, fmt::format("contract '{}' runs until {} already; a renewal extends it",
                                                            id, FormatMicros(contract->second.end)));
  }
  return Record(fact);
}

absl::Status Decision::ContractNotOpen(const std::string& contract_id) const {
  return RefuseHere(Reason::kContractNotOpen,
                    fmt::format("no contract '{}' runs on the account; sign it first", contract_id));
}

}  // namespace keyledger::domain

// What is known of the relationship beside the trade. See decision.h.
#include "server/domain/decision.h"
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
    case Event::kContractRenewed: {
      const auto& renewed = event.contract_renewed();
      const auto contract = state().contracts.find(renewed.contract_id());
      if (contract == state().contracts.end()) return ContractNotOpen(renewed.contract_id());
      if (MicrosOf(renewed.end_time()) <= contract->second) {
        return RefuseHere(Reason::kContractNotOpen,
                          fmt::format("contract '{}' runs until {} already; a renewal extends it",
                                      renewed.contract_id(), FormatMicros(contract->second)));
      }
      return Record(fact);
    }
    case Event::kContractEnded:
      if (!state().contracts.contains(event.contract_ended().contract_id())) {
        return ContractNotOpen(event.contract_ended().contract_id());
      }
      return Record(fact);
    default:
      return Record(fact);
  }
}

absl::Status Decision::ContractNotOpen(const std::string& contract_id) const {
  return RefuseHere(Reason::kContractNotOpen,
                    fmt::format("no contract '{}' runs on the account; sign it first", contract_id));
}

}  // namespace keyledger::domain

// What is known of the relationship beside the trade, folded. See fold.h.
#include "server/domain/fold.h"
#include "server/domain/proto_time.h"

namespace keyledger::domain {

using events::v1::Event;

FoldResult FoldRelation(AccountState& state, const Event& event) {
  switch (event.payload_case()) {
    case Event::kContractSigned:
      if (!state.contracts.emplace(event.contract_signed().contract_id(), MicrosOf(event.contract_signed().end_time()))
               .second) {
        return Contradiction("a contract signed while it runs");
      }
      return kFolded;
    case Event::kContractRenewed: {
      const auto contract = state.contracts.find(event.contract_renewed().contract_id());
      if (contract == state.contracts.end()) return Contradiction("a contract renewed that does not run");
      contract->second = MicrosOf(event.contract_renewed().end_time());
      return kFolded;
    }
    case Event::kContractEnded:
      if (state.contracts.erase(event.contract_ended().contract_id()) == 0) {
        return Contradiction("the end of a contract that does not run");
      }
      return kFolded;
    default:
      return kFolded;
  }
}

}  // namespace keyledger::domain

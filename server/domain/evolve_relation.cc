// What is known of the relationship beside the trade, folded. See fold.h.
#include <optional>
#include <string>

#include "server/domain/fold.h"
#include "server/domain/items.h"
#include "server/domain/proto_time.h"

namespace keyledger::domain {

using events::v1::Event;

namespace {

// The end of the term that a step says, if it says one.
std::optional<Micros> EndOf(const Event& event) {
  if (event.has_contract_signed()) return MicrosOf(event.contract_signed().end_time());
  if (event.has_contract_renewed()) return MicrosOf(event.contract_renewed().end_time());
  if (event.has_contract_amended() && event.contract_amended().has_end_time()) {
    return MicrosOf(event.contract_amended().end_time());
  }
  return std::nullopt;
}

}  // namespace

FoldResult FoldRelation(AccountState& state, const Event& event) {
  const auto step = ItemStepOf(event);
  if (!step.has_value() || step->kind != ItemKind::kContract) return kFolded;
  const std::string id(step->item_id);
  const auto found = state.contracts.find(id);
  const bool runs = found != state.contracts.end();
  Contract contract = runs ? found->second : Contract();
  OpenItem item;
  if (runs) item.state = contract.breached ? contract_state::kBreached : contract_state::kRunning;
  if (!TakeStep(event, 0, item)) {
    return runs ? Contradiction("a step that the state of the contract does not allow")
                : Contradiction("a step of a contract that does not run");
  }
  if (item.state == 0) {
    state.contracts.erase(id);
    return kFolded;
  }
  contract.end = EndOf(event).value_or(contract.end);
  contract.breached = item.state == contract_state::kBreached;
  state.contracts[id] = contract;
  return kFolded;
}

}  // namespace keyledger::domain

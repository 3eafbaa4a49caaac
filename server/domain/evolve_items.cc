// Steps of items, folded. See fold.h and items.h.
#include <algorithm>
#include <utility>

#include "server/domain/fold.h"
#include "server/domain/items.h"

namespace keyledger::domain {

using events::v1::Event;

namespace {

void MarkPaid(AccountState& state, std::string_view quote_id) {
  const auto quote = state.items.find({ItemKind::kQuote, std::string(quote_id)});
  if (quote != state.items.end()) quote->second.marks |= item_mark::kPaid;
}

// Drops what is past its end at `clock`.
void Prune(AccountState& state, Micros clock) {
  std::erase_if(state.items, [&](const auto& entry) { return IsPastItsEnd(entry.second, clock); });
}

FoldResult FoldStep(AccountState& state, const ItemStep& step, const Event& event, Micros occurred) {
  const Micros clock = std::max(state.clock, occurred);
  const auto key = std::pair(step.kind, std::string(step.item_id));
  const auto found = state.items.find(key);
  const bool is_open = found != state.items.end() && !IsPastItsEnd(found->second, clock);
  OpenItem item = is_open ? found->second : OpenItem();
  if (!TakeStep(event, occurred, item)) {
    return is_open ? Contradiction("a step that the state of the item does not allow")
                   : Contradiction("a step of an item that is not open");
  }
  if (item.amount < 0) return Contradiction("more than was left of an entitlement or a loan");
  // What is entered when it is long over is on record, and was never open.
  if (item.state == 0 || IsPastItsEnd(item, clock)) {
    state.items.erase(key);
    return kFolded;
  }
  // What is past its end leaves once a day; sooner, where its place is needed.
  if (state.items.size() >= kItemsMax) Prune(state, clock);
  state.items[key] = std::move(item);
  return kFolded;
}

}  // namespace

FoldResult FoldItem(AccountState& state, const Event& event, Micros occurred) {
  if (const std::string_view quote_id = QuotePaidBy(event); !quote_id.empty()) MarkPaid(state, quote_id);
  if (const auto step = ItemStepOf(event); step.has_value()) {
    const FoldResult result = FoldStep(state, *step, event, occurred);
    if (!result.ok()) return result;
  }
  if (event.has_interaction_made()) return FoldLimitCounts(state, event.interaction_made().counts());
  if (event.has_commission_accrued()) return FoldLimitCounts(state, event.commission_accrued().counts());
  return kFolded;
}

void PruneItems(AccountState& state) { Prune(state, state.clock); }

}  // namespace keyledger::domain

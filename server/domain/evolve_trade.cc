// The fold of what was bought and returned: the metric series, and what has come back of a purchase. See evolve.h for
// the contract, fold.h for how faults are told apart.
#include <algorithm>
#include <limits>
#include <optional>

#include "server/base/checked.h"
#include "server/domain/fold.h"

namespace keyledger::domain {
namespace {

bool AddSums(MetricSums& total, const MetricSums& sums) {
  return AddTo(total.micros, sums.micros) && AddTo(total.cost_micros, sums.cost_micros) &&
         AddTo(total.units, sums.units) && AddTo(total.count, sums.count);
}

// A lifetime is never too long to buy once more: its sums stop at the largest number.
void AddUpToMax(MetricSums& total, const MetricSums& sums) {
  const auto add = [](int64_t& sum, int64_t value) {
    sum = CheckedAdd(sum, value).value_or(std::numeric_limits<int64_t>::max());
  };
  add(total.micros, sums.micros);
  add(total.cost_micros, sums.cost_micros);
  add(total.units, sums.units);
  add(total.count, sums.count);
}

FoldResult AddSlot(std::vector<MetricSlot>& slots, const MetricSums& sums, Micros occurred) {
  const int64_t slot = SlotOf(occurred);
  auto at = slots.end();
  // Most events come in order: look at the end before searching.
  if (!slots.empty() && slots.back().slot >= slot) {
    at = std::lower_bound(slots.begin(), slots.end(), slot,
                          [](const MetricSlot& entry, int64_t wanted) { return entry.slot < wanted; });
  }
  if (at == slots.end() || at->slot != slot) {
    slots.insert(at, MetricSlot{slot, sums});
    return kFolded;
  }
  return AddSums(at->sums, sums) ? kFolded : OutOfRange("what was traded in a quarter of an hour leaves 64 bits");
}

MetricSums SumsOf(const events::v1::TradeSlot& slot) {
  return {slot.micros(), slot.cost_micros(), slot.units(), slot.count()};
}

// Adds slots of another series, which must ascend.
FoldResult AddSlots(std::vector<MetricSlot>& slots,
                    const google::protobuf::RepeatedPtrField<events::v1::TradeSlot>& others) {
  std::vector<MetricSlot> joined;
  joined.reserve(slots.size() + others.size());
  auto own = slots.begin();
  for (int i = 0; i < others.size(); ++i) {
    const int64_t slot = others[i].slot();
    if (i > 0 && slot <= others[i - 1].slot()) return Contradiction("slots of a series that do not ascend");
    while (own != slots.end() && own->slot < slot) joined.push_back(*own++);
    joined.push_back({slot, SumsOf(others[i])});
    if (own == slots.end() || own->slot != slot) continue;
    if (!AddSums(joined.back().sums, (own++)->sums)) {
      return OutOfRange("what was traded in a quarter of an hour leaves 64 bits");
    }
  }
  joined.insert(joined.end(), own, slots.end());
  slots = std::move(joined);
  return kFolded;
}

// Adds up the lines; returns false if a sum leaves 64 bits.
template <typename Lines>
bool SumLines(const Lines& lines, MetricSums& sums) {
  return std::all_of(lines.begin(), lines.end(), [&](const auto& line) {
    return AddSums(sums, {line.amount().micros(), line.cost().micros(), line.quantity(), 0});
  });
}

// A line number of 0 means the only line of the purchase.
FoldResult AddReturned(std::vector<ReturnedLine>& lines, const events::v1::ReturnLine& line) {
  const uint32_t number = line.line_number() == 0 ? 1 : line.line_number();
  const auto at = std::lower_bound(lines.begin(), lines.end(), number, [](const ReturnedLine& entry, uint32_t wanted) {
    return entry.line_number < wanted;
  });
  if (at == lines.end() || at->line_number != number) {
    lines.insert(at, ReturnedLine{number, line.quantity(), line.amount().micros()});
    return kFolded;
  }
  const bool fits = AddTo(at->quantity, line.quantity()) && AddTo(at->micros, line.amount().micros());
  return fits ? kFolded : OutOfRange("what was returned of a line leaves 64 bits");
}

// The purchase that the return is linked to.
std::optional<PurchaseKey> PurchaseOf(const events::v1::PurchaseReturned& returned) {
  if (returned.has_purchase_revision()) return PurchaseKey("", returned.purchase_revision());
  if (!returned.has_merged_purchase()) return std::nullopt;
  return PurchaseKey(returned.merged_purchase().account_id(), returned.merged_purchase().revision());
}

}  // namespace

int64_t SlotOf(Micros time) { return time / kMetricSlotMicros - (time % kMetricSlotMicros < 0 ? 1 : 0); }

FoldResult FoldPurchase(AccountState& state, const events::v1::PurchaseRecorded& purchase, Micros occurred) {
  state.purchase_count += 1;
  state.last_purchase = std::max(state.last_purchase, occurred);
  state.last_activity = std::max(state.last_activity, occurred);
  if (purchase.lines().empty()) return kFolded;
  MetricSums sums{0, 0, 0, 1};
  if (!SumLines(purchase.lines(), sums)) return OutOfRange("the sum of a purchase leaves 64 bits");
  MetricSeries& series = state.metrics[purchase.lines(0).amount().currency_code()];
  AddUpToMax(series.bought_ever, sums);
  return AddSlot(series.bought, sums, occurred);
}

FoldResult FoldReturn(AccountState& state, const events::v1::PurchaseReturned& returned, Micros occurred) {
  MetricSums sums{0, 0, 0, returned.completes_purchase() ? 1 : 0};
  if (!SumLines(returned.lines(), sums)) return OutOfRange("the sum of a return leaves 64 bits");
  const std::optional<PurchaseKey> purchase = PurchaseOf(returned);
  if (purchase.has_value()) {
    if (purchase->first.empty() && purchase->second >= state.next_revision) {
      return Contradiction("a return of a purchase yet to come");
    }
    if (!purchase->first.empty() && !state.has_absorbed(purchase->first)) {
      return Contradiction("a return of a purchase of an account that was not merged into this one");
    }
    std::vector<ReturnedLine>& lines = state.returned[*purchase];
    for (const auto& line : returned.lines()) {
      const FoldResult result = AddReturned(lines, line);
      if (!result.ok()) return result;
    }
  }
  if (returned.lines().empty()) return kFolded;
  MetricSeries& series = state.metrics[returned.lines(0).amount().currency_code()];
  AddUpToMax(series.returned_ever, sums);
  return AddSlot(series.returned, sums, occurred);
}

FoldResult FoldMergedTrade(AccountState& state, const events::v1::MergedTrade& trade) {
  MetricSeries& series = state.metrics[trade.currency_code()];
  AddUpToMax(series.bought_ever, SumsOf(trade.bought_ever()));
  AddUpToMax(series.returned_ever, SumsOf(trade.returned_ever()));
  const FoldResult result = AddSlots(series.bought, trade.bought());
  return result.ok() ? AddSlots(series.returned, trade.returned()) : result;
}

FoldResult FoldMergedReturn(AccountState& state, const std::string& account_id,
                            const events::v1::MergedReturn& merged) {
  const auto [returned, is_new] = state.returned.try_emplace({account_id, merged.purchase_revision()});
  if (!is_new || merged.lines().empty()) return Contradiction("returns of a purchase that a merge brings twice");
  std::vector<ReturnedLine>& lines = returned->second;
  lines.reserve(merged.lines_size());
  for (const auto& line : merged.lines()) {
    if (line.line_number() <= (lines.empty() ? 0 : lines.back().line_number)) {
      return Contradiction("lines of a return out of order");
    }
    lines.push_back({line.line_number(), line.quantity(), line.micros()});
  }
  return kFolded;
}

void PruneMetrics(AccountState& state) {
  // The end of a grace period measures the windows of the review that granted it, extended to then.
  const bool in_grace = state.tier.grace_until != kNever && state.clock < state.tier.grace_until;
  const Micros measured_from = in_grace ? std::min(state.tier.grace_review, state.clock) : state.clock;
  const int64_t oldest = SlotOf(measured_from - kMetricHorizonMicros);
  const auto prune = [&](std::vector<MetricSlot>& slots) {
    auto keep = slots.begin();
    while (keep != slots.end() && keep->slot < oldest) ++keep;
    slots.erase(slots.begin(), keep);
  };
  for (auto& [currency, series] : state.metrics) {
    prune(series.bought);
    prune(series.returned);
  }
}

}  // namespace keyledger::domain

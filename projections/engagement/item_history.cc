// See item_history.h.
#include "projections/engagement/item_history.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace keyledger::projections::engagement {

uint8_t ItemRun::StateAt(Micros time) const {
  uint8_t state = 0;
  for (const ItemStepTaken& taken : steps) {
    if (taken.since <= time) state = taken.after.state;
  }
  return state;
}

std::vector<ItemRun> RunsOf(const HistoryItem& item) {
  std::vector<ItemRun> runs;
  if (item.kind == kPaymentRows || item.kind == kForecastRows) return runs;
  for (const HistoryRow& row : item.rows) {
    const std::optional<domain::ItemStep> step = domain::ItemStepOf(row.event);
    if (!step.has_value() || RowsOf(step->kind) != item.kind) continue;
    // One that had an end leaves the account's state without a step: the next that opens the id begins another.
    const bool opens = domain::Opens(*step);
    const bool running = !opens && !runs.empty() && runs.back().open();
    domain::OpenItem after = running ? runs.back().last().after : domain::OpenItem();
    if (!domain::TakeStep(row.event, row.times.occurred, after)) continue;
    if (!running) runs.push_back({&item, step->kind, {}});
    std::vector<ItemStepTaken>& steps = runs.back().steps;
    const Micros since = steps.empty() ? row.times.occurred : std::max(steps.back().since, row.times.occurred);
    steps.push_back({&row, step->step, since, std::move(after)});
  }
  return runs;
}

}  // namespace keyledger::projections::engagement

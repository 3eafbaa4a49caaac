// ItemRun: one item of an account from its opening to its end, by the machines of the domain (server/domain/items.h).
//
// Duties are derived from runs, and PipelineService answers from them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "projections/engagement/engagement_history.h"
#include "server/domain/items.h"

namespace keyledger::projections::engagement {

// A step that was taken: where it led to, and when. `since` is occurred_time, but no earlier than that of the step
// before: a step entered late takes back nothing.
struct ItemStepTaken {
  const HistoryRow* row = nullptr;
  // Of the machine.
  uint8_t step = 0;
  Micros since = 0;
  // The item after it; its state is 0 if the step ended it.
  domain::OpenItem after;
};

struct ItemRun {
  const HistoryItem* item = nullptr;
  domain::ItemKind kind = domain::ItemKind::kInteraction;
  // The first opened it. Never empty.
  std::vector<ItemStepTaken> steps;

  const HistoryRow& opening() const { return *steps.front().row; }
  const ItemStepTaken& last() const { return steps.back(); }
  // State it is in by the scope; 0: it ended.
  uint8_t state() const { return last().after.state; }
  bool open() const { return state() != 0; }
  // State at the moment; 0: not yet, or no longer, open.
  uint8_t StateAt(Micros time) const;
};

// The runs of an item, the oldest first: an id used again after it ended is another one. A step that the machine does
// not allow is left out: its opening may lie outside of the scope. Empty for payments and forecasts; that a quote was
// paid is no step of it.
std::vector<ItemRun> RunsOf(const HistoryItem& item);

}  // namespace keyledger::projections::engagement

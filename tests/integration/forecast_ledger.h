// A ledger of simulated buyers, of whom something can be expected.
#pragma once

#include <functional>
#include <vector>

#include "tests/integration/live_server.h"
#include "tests/support/simulated_buyers.h"

namespace keyledger::testing {

// Opens `count` accounts at `start`, changed as `change` says of the n-th, and appends what SimulateBuyers has them buy
// within 360 days.
inline void AppendBuyers(LiveServer& server, size_t count, Micros start,
                         const std::function<void(size_t, events::v1::AccountOpened&)>& change = {}) {
  const std::vector<SimulatedBuyer> buyers = SimulateBuyers(count, start, 360);
  for (size_t i = 0; i < buyers.size(); ++i) {
    std::vector<shard::SubmittedEvent> events{Opened(start)};
    if (change) change(i, *events.front().event.mutable_account_opened());
    for (const auto& [at, micros] : buyers[i].purchases) {
      events.push_back(Bought(0, "", at));
      events.back().event.mutable_purchase_recorded()->mutable_lines(0)->mutable_amount()->set_micros(micros);
    }
    server.MustAppend(Request(buyers[i].account_id, "r1", events));
  }
}

}  // namespace keyledger::testing

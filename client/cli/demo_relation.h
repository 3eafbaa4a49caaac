// What is known of a demo account beside its trade: surveys, budgets, costs, referrals, clubs, competitors, contracts.
//
// Drawn from random numbers of its own, so that the trade of the demo stays what it was, whatever is told here. As
// demo_generator.h says: integers only, and an account depends on the seed and its own number alone.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "keyledger/events/v1/event.pb.h"

namespace keyledger::cli {

// The life of an account as its trade tells it. Days count from the first of the story.
struct DemoLife {
  uint64_t seed = 1;
  // From 1.
  uint32_t number = 1;
  // Opened.
  int64_t first_day = 0;
  // Latest purchase.
  int64_t last_purchase_day = 0;
  // Closed, for the first time or for good; or the end of the story.
  int64_t end_day = 0;
  // Stopped buying before the end of the story.
  bool dropped = false;
  // Spent in 2023, 2024 and 2025.
  std::array<int64_t, 3> spent_cents{};
  // Who is responsible for it from the first day.
  std::string owner;
};

// Plans an event on a day of the story; returns where to put it.
using DemoPlan = std::function<::keyledger::events::v1::Event&(int64_t day)>;

// Tells what is known of the account. Only days of its life, none before it opened or from when it was closed.
void TellRelation(const DemoLife& life, const DemoPlan& plan);

}  // namespace keyledger::cli

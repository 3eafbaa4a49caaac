// CallSlots: places are bounded, and come back when a slot goes.
#include "server/service/call_slots.h"

#include <gtest/gtest.h>

namespace keyledger::service {
namespace {

TEST(CallSlots, GivesOutNoMoreThanThereAreAndTakesThemBack) {
  CallSlots slots(2);
  auto first = slots.Take();
  auto second = slots.Take();
  ASSERT_TRUE(first.has_value());
  ASSERT_TRUE(second.has_value());
  EXPECT_FALSE(slots.Take().has_value());
  EXPECT_FALSE(slots.Take().has_value()) << "a refusal takes none";
  const CallSlots::Slot moved = *std::move(first);
  first.reset();
  EXPECT_FALSE(slots.Take().has_value()) << "a slot that was moved is still taken";
  second.reset();
  EXPECT_TRUE(slots.Take().has_value());
}

}  // namespace
}  // namespace keyledger::service

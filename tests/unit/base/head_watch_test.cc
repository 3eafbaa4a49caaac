// Waiting for records to become durable.
#include "server/base/head_watch.h"

#include <thread>

#include <gtest/gtest.h>

namespace keyledger {
namespace {

// Long enough that only a lost wake-up reaches it.
std::chrono::steady_clock::time_point Later() { return std::chrono::steady_clock::now() + std::chrono::seconds(30); }

TEST(HeadWatch, DoesNotWaitForWhatIsThere) {
  HeadWatch watch(5);
  EXPECT_TRUE(watch.WaitPast(4, Later()));
  EXPECT_EQ(watch.head(), 5u);
}

TEST(HeadWatch, GivesUpAtTheDeadline) {
  HeadWatch watch(5);
  EXPECT_FALSE(watch.WaitPast(5, std::chrono::steady_clock::now()));
}

TEST(HeadWatch, WakesAWaiterByPublication) {
  HeadWatch watch(0);
  bool woken = false;
  std::thread waiter([&] { woken = watch.WaitPast(2, Later()); });
  for (uint64_t head = 1; head <= 3; ++head) watch.Publish(head);
  waiter.join();
  EXPECT_TRUE(woken);
}

TEST(HeadWatch, EndsAllWaitsWhenClosed) {
  HeadWatch watch(0);
  bool woken = true;
  std::thread waiter([&] { woken = watch.WaitPast(0, Later()); });
  watch.Close();
  waiter.join();
  EXPECT_FALSE(woken);
  EXPECT_TRUE(watch.closed());
  EXPECT_FALSE(watch.WaitPast(0, Later())) << "later ones too";
}

TEST(HeadWatch, CallsListenersUntilTheyAreRemoved) {
  HeadWatch watch(0);
  int first = 0;
  int second = 0;
  const uint64_t id = watch.AddListener([&] { ++first; });
  watch.AddListener([&] { ++second; });
  watch.Publish(1);
  watch.RemoveListener(id);
  watch.Publish(2);
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 2);
}

TEST(HeadWatchDeathTest, NeverGoesBack) {
  HeadWatch watch(5);
  EXPECT_DEATH(watch.Publish(4), "check failed");
}

}  // namespace
}  // namespace keyledger

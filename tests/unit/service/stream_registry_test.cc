// StreamRegistry: a bound on open calls, and one that ends them all.
#include "server/service/stream_registry.h"

#include <gtest/gtest.h>

namespace keyledger::service {
namespace {

TEST(StreamRegistry, TakesAsManyAsItsBoundAndMoreOnceOneIsGone) {
  StreamRegistry registry(2);
  const auto first = registry.Add([] {});
  ASSERT_TRUE(first.has_value());
  EXPECT_TRUE(registry.Add([] {}).has_value());
  EXPECT_FALSE(registry.Add([] {}).has_value());
  EXPECT_EQ(registry.size(), 2u);
  registry.Remove(*first);
  EXPECT_TRUE(registry.Add([] {}).has_value());
}

TEST(StreamRegistry, StopsEachOpenStreamOnceAndTakesNoMore) {
  StreamRegistry registry(10);
  int stopped = 0;
  int gone = 0;
  registry.Add([&] { ++stopped; });
  registry.Add([&] { ++stopped; });
  const auto removed = registry.Add([&] { ++gone; });
  registry.Remove(*removed);
  EXPECT_FALSE(registry.stopping());
  registry.StopAll();
  registry.StopAll();
  EXPECT_EQ(stopped, 2);
  EXPECT_EQ(gone, 0);
  EXPECT_TRUE(registry.stopping());
  EXPECT_FALSE(registry.Add([] {}).has_value());
}

}  // namespace
}  // namespace keyledger::service

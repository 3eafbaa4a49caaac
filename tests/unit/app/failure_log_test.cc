// Failures that come again and again: the first one is logged at once, the rest now and then.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "server/app/failure_log.h"
#include "tests/support/fake_clock.h"

namespace keyledger::app {
namespace {

using Lines = std::vector<std::string>;

class FailureLogTest : public ::testing::Test {
 protected:
  void Note(uint32_t shard, const absl::Status& failure) { log_.Note(shard, failure); }

  keyledger::testing::FakeClock clock_{1'000 * kMicrosPerSecond};
  Lines lines_;
  FailureLog log_{clock_, 60 * kMicrosPerSecond, "sweep", [this](const std::string& line) { lines_.push_back(line); }};
  const absl::Status full_ = MakeError(Reason::kDiskNearlyFull, "the disk is nearly full");
  const absl::Status damaged_ = MakeError(Reason::kStoreDamaged, "record 7 cannot be read");
};

TEST_F(FailureLogTest, WritesTheFirstOfAKindAtOnce) {
  Note(0, full_);
  Note(0, damaged_);
  Note(1, full_);
  Note(0, absl::UnavailableError("no reason"));
  EXPECT_EQ(lines_, (Lines{"sweep: shard 0: the disk is nearly full", "sweep: shard 0: record 7 cannot be read",
                           "sweep: shard 1: the disk is nearly full", "sweep: shard 0: no reason"}));
}

TEST_F(FailureLogTest, CountsTheRestUntilTheIntervalIsOver) {
  Note(0, full_);
  Note(0, full_);
  clock_.Advance(60 * kMicrosPerSecond - 1);
  Note(0, full_);
  EXPECT_EQ(lines_.size(), 1u);
  clock_.Advance(1);
  Note(0, full_);
  ASSERT_EQ(lines_.size(), 2u);
  EXPECT_EQ(lines_[1], "sweep: shard 0: the disk is nearly full (2 more of this kind since the last line)");
  clock_.Advance(60 * kMicrosPerSecond);
  Note(0, full_);
  ASSERT_EQ(lines_.size(), 3u);
  EXPECT_EQ(lines_[2], "sweep: shard 0: the disk is nearly full");
}

TEST_F(FailureLogTest, GoesOnWhenTheClockIsSetBack) {
  Note(0, full_);
  clock_.Advance(-500 * kMicrosPerSecond);
  Note(0, full_);
  EXPECT_EQ(lines_.size(), 2u);
}

}  // namespace
}  // namespace keyledger::app

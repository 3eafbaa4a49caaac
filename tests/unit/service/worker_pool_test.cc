// WorkerPool: runs what it admits, refuses the rest at once, and a stop finishes what is queued.
#include "server/service/worker_pool.h"

#include <atomic>
#include <future>

#include <gtest/gtest.h>

namespace keyledger::service {
namespace {

// Keeps a worker busy until released.
class Hold {
 public:
  std::function<void()> task() {
    return [this] {
      started_.set_value();
      released_.wait();
    };
  }
  void WaitUntilStarted() { started_.get_future().wait(); }
  void Release() { release_.set_value(); }

 private:
  std::promise<void> started_;
  std::promise<void> release_;
  std::shared_future<void> released_ = release_.get_future().share();
};

TEST(WorkerPool, RefusesWhenItsQueueIsFull) {
  WorkerPool pool(1, 2);
  Hold hold;
  ASSERT_TRUE(pool.Submit(hold.task()));
  hold.WaitUntilStarted();
  std::atomic<int> ran{0};
  EXPECT_TRUE(pool.Submit([&] { ++ran; }));
  EXPECT_TRUE(pool.Submit([&] { ++ran; }));
  EXPECT_FALSE(pool.Submit([&] { ++ran; }));
  // The next step of something admitted earlier is never refused for that.
  EXPECT_TRUE(pool.SubmitStep([&] { ++ran; }));
  hold.Release();
  pool.Stop();
  EXPECT_EQ(ran, 3);
}

TEST(WorkerPool, RunsWhatIsQueuedBeforeAStopAndNothingAfter) {
  WorkerPool pool(2, 1'000);
  std::atomic<int> ran{0};
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(pool.Submit([&] { ++ran; }));
  pool.Stop();
  EXPECT_EQ(ran, 500);
  EXPECT_FALSE(pool.Submit([&] { ++ran; }));
  EXPECT_FALSE(pool.SubmitStep([&] { ++ran; }));
  pool.Stop();
  EXPECT_EQ(ran, 500);
}

TEST(WorkerPool, RunsTasksAtTheSameTime) {
  WorkerPool pool(2, 10);
  Hold first;
  Hold second;
  ASSERT_TRUE(pool.Submit(first.task()));
  ASSERT_TRUE(pool.Submit(second.task()));
  first.WaitUntilStarted();
  second.WaitUntilStarted();
  first.Release();
  second.Release();
}

}  // namespace
}  // namespace keyledger::service

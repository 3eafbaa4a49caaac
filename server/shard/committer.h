// Committer: makes groups durable one after the other, keeps the Merkle tree, publishes the head, and has callers
// answered.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "server/base/head_watch.h"
#include "server/base/mutex.h"
#include "server/merkle/tree.h"
#include "server/shard/group.h"
#include "server/store/commit_log.h"
#include "server/store/shard_store.h"

namespace keyledger::shard {

// The 256 hashes of a full tile. Errors: DATA_LOSS (kStoreDamaged) if the store does not have it.
absl::StatusOr<std::string> ReadTile(const store::ShardStore& store, uint32_t level, uint64_t index);

// Reads the edge of the tree over the durable records. Takes time independent of their number.
absl::StatusOr<merkle::Tree> LoadTree(const store::ShardStore& store);

// Two threads: one commits, one answers, so that answering never delays the next sync.
// Threads: Submit and TakeFailure by the sequencer; the rest thread-safe.
class Committer {
 public:
  // `on_idle` is called on the committer's thread whenever a group is finished.
  Committer(const store::ShardStore& store, store::CommitLog& log, HeadWatch& head, merkle::Tree tree,
            std::function<void()> on_idle);
  // Stops.
  ~Committer();

  // True if Submit may be called.
  bool idle() const { return idle_.load(std::memory_order_acquire); }
  // Hands over a group. Requires: idle().
  void Submit(std::shared_ptr<Group> group);
  // What the last group failed with, once; OK if it did not.
  absl::Status TakeFailure();
  // Answers a group that never gets to the log, after those submitted before it.
  void Fail(std::shared_ptr<Group> group, absl::Status status);
  // Commits and answers what was submitted, then joins both threads. Idempotent.
  void Stop();

  // Size and root of the tree over the durable records.
  std::pair<uint64_t, merkle::Hash> Root() const;
  // The tree over the durable records.
  merkle::Tree tree() const;
  uint64_t committed_groups() const { return committed_groups_.load(std::memory_order_relaxed); }

 private:
  struct Answers {
    std::shared_ptr<Group> group;
    absl::Status status;
  };

  void CommitLoop();
  void AnswerLoop();
  absl::Status Commit(Group& group);
  void Answer(Answers answers);

  const store::ShardStore& store_;
  store::CommitLog& log_;
  HeadWatch& head_;
  const std::function<void()> on_idle_;
  std::atomic<bool> idle_{true};
  std::atomic<uint64_t> committed_groups_{0};

  mutable Mutex tree_mutex_;
  merkle::Tree tree_ ABSL_GUARDED_BY(tree_mutex_);

  Mutex mutex_;
  CondVar submitted_;
  std::shared_ptr<Group> next_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  Mutex answers_mutex_;
  CondVar answers_changed_;
  std::deque<Answers> answers_ ABSL_GUARDED_BY(answers_mutex_);
  bool answers_end_ ABSL_GUARDED_BY(answers_mutex_) = false;

  std::thread commit_thread_;
  std::thread answer_thread_;
};

}  // namespace keyledger::shard

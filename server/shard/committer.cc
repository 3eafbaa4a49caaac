// See committer.h.
#include "server/shard/committer.h"

#include <pthread.h>

#include "server/base/check.h"
#include "server/base/error.h"

namespace keyledger::shard {

absl::StatusOr<std::string> ReadTile(const store::ShardStore& store, uint32_t level, uint64_t index) {
  KL_ASSIGN_OR_RETURN(auto tile, store.GetTile(level, index));
  if (!tile.has_value()) {
    return MakeError(Reason::kStoreDamaged, "Merkle tile " + std::to_string(level) + "/" + std::to_string(index) +
                                                " is missing from the store");
  }
  return *std::move(tile);
}

absl::StatusOr<merkle::Tree> LoadTree(const store::ShardStore& store) {
  return merkle::Tree::Load(
      store.record_count(), [&](uint32_t level, uint64_t index) { return ReadTile(store, level, index); },
      [&](uint64_t index) -> absl::StatusOr<merkle::Hash> {
        KL_ASSIGN_OR_RETURN(const std::string bytes, store.GetRecord(index));
        return merkle::LeafHash(bytes);
      });
}

Committer::Committer(const store::ShardStore& store, store::CommitLog& log, HeadWatch& head, merkle::Tree tree,
                     std::function<void()> on_idle)
    : store_(store), log_(log), head_(head), on_idle_(std::move(on_idle)), tree_(std::move(tree)) {
  commit_thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "kl-commit");
    CommitLoop();
  });
  answer_thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "kl-answer");
    AnswerLoop();
  });
}

Committer::~Committer() { Stop(); }

void Committer::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  submitted_.NotifyAll();
  if (commit_thread_.joinable()) commit_thread_.join();
  {
    MutexLock lock(answers_mutex_);
    answers_end_ = true;
  }
  answers_changed_.NotifyAll();
  if (answer_thread_.joinable()) answer_thread_.join();
}

void Committer::Submit(std::shared_ptr<Group> group) {
  KL_CHECK(idle());
  idle_.store(false, std::memory_order_relaxed);
  {
    MutexLock lock(mutex_);
    KL_CHECK(next_ == nullptr);
    next_ = std::move(group);
  }
  submitted_.NotifyOne();
}

absl::Status Committer::TakeFailure() {
  MutexLock lock(mutex_);
  return std::exchange(failure_, absl::OkStatus());
}

void Committer::Fail(std::shared_ptr<Group> group, absl::Status status) {
  Answer({std::move(group), std::move(status)});
}

std::pair<uint64_t, merkle::Hash> Committer::Root() const {
  MutexLock lock(tree_mutex_);
  return {tree_.size(), tree_.Root()};
}

merkle::Tree Committer::tree() const {
  MutexLock lock(tree_mutex_);
  return tree_;
}

void Committer::CommitLoop() {
  for (;;) {
    std::shared_ptr<Group> group;
    {
      MutexLock lock(mutex_);
      while (next_ == nullptr && !stopping_) submitted_.Wait(mutex_);
      if (next_ == nullptr) return;
      group = std::move(next_);
      next_ = nullptr;
    }
    absl::Status status = Commit(*group);
    if (!status.ok()) {
      MutexLock lock(mutex_);
      failure_ = status;
    }
    {
      // Whoever gets an answer finds the committer idle: a request sent in reply to a failure is decided after it.
      MutexLock lock(answers_mutex_);
      answers_.push_back({std::move(group), std::move(status)});
      idle_.store(true, std::memory_order_release);
    }
    answers_changed_.NotifyOne();
    on_idle_();
  }
}

absl::Status Committer::Commit(Group& group) {
  if (group.commit.empty()) return absl::OkStatus();
  // The tree is advanced on a copy: if the commit fails, the durable tree is still the one before.
  merkle::Tree tree = [&] {
    MutexLock lock(tree_mutex_);
    return tree_;
  }();
  KL_CHECK(tree.size() == group.commit.first_position);
  std::vector<merkle::FullTile> tiles;
  for (const store::RecordEntry& record : group.commit.records) tree.Append(merkle::LeafHash(record.bytes), tiles);
  for (merkle::FullTile& tile : tiles) group.commit.tiles.push_back({tile.level, tile.index, std::move(tile.hashes)});
  KL_RETURN_IF_ERROR(log_.Append(group.commit));
  {
    MutexLock lock(tree_mutex_);
    tree_ = std::move(tree);
  }
  committed_groups_.fetch_add(1, std::memory_order_relaxed);
  if (!group.commit.records.empty()) head_.Publish(group.end_position());
  return absl::OkStatus();
}

void Committer::Answer(Answers answers) {
  {
    MutexLock lock(answers_mutex_);
    answers_.push_back(std::move(answers));
  }
  answers_changed_.NotifyOne();
}

void Committer::AnswerLoop() {
  for (;;) {
    Answers next;
    {
      MutexLock lock(answers_mutex_);
      while (answers_.empty() && !answers_end_) answers_changed_.Wait(answers_mutex_);
      if (answers_.empty()) return;
      next = std::move(answers_.front());
      answers_.pop_front();
    }
    for (Completion& completion : next.group->completions) completion(next.status);
  }
}

}  // namespace keyledger::shard

// See sequencer.h. The loop, groups and failure; what a command does to the group is in sequencer_commands.cc.
#include "server/shard/sequencer.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "server/base/check.h"
#include "server/base/error.h"

namespace keyledger::shard {
namespace {

// Commands taken from the queue at a time: few enough that an idle committer is noticed soon.
constexpr size_t kBite = 64;
constexpr int kRetryDelayMs = 50;

}  // namespace

Sequencer::Sequencer(store::ShardStore& store, Committer& committer, HeadWatch& head, const Clock& clock,
                     const ShardOptions& options, Micros last_record_time, std::vector<PublishedProgram> published)
    : store_(store),
      committer_(committer),
      head_(head),
      clock_(clock),
      options_(options),
      published_(std::move(published)),
      cache_(options.cache_bytes_max),
      last_record_time_(last_record_time) {
  std::vector<std::shared_ptr<const domain::CompiledProgram>> programs;
  for (const PublishedProgram& entry : published_) programs.push_back(entry.program);
  durable_programs_ = std::make_shared<const domain::ProgramSet>(std::move(programs));
  programs_ = durable_programs_;
  in_flight_programs_ = durable_programs_;
  committed_programs_ = durable_programs_;
  NewGroup(head.head());
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "kl-sequence");
    Run();
  });
}

Sequencer::~Sequencer() { KL_CHECK(!thread_.joinable()); }

void Sequencer::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void Sequencer::Wake() {
  {
    // If the sequencer just found the committer busy, it is already waiting.
    MutexLock lock(mutex_);
    if (!waits_for_committer_) return;
  }
  wake_.NotifyOne();
}

void Sequencer::Submit(Command command, size_t bytes) {
  absl::Status refusal;
  {
    MutexLock lock(mutex_);
    if (stopping_) {
      refusal = MakeError(Reason::kStopping, "the server is stopping; repeat the request when it is back");
    } else if (queue_.size() >= options_.queue_requests_max || queue_bytes_ + bytes > options_.queue_bytes_max) {
      refusal = MakeError(Reason::kQueueFull, "the queue of shard " + std::to_string(options_.shard) +
                                                  " is full; repeat the request later");
    } else {
      queue_bytes_ += bytes;
      queue_.push_back({std::move(command), bytes});
    }
  }
  if (refusal.ok()) {
    wake_.NotifyOne();
    return;
  }
  SetRetryDelayMs(refusal, kRetryDelayMs);
  Refuse(command, refusal);
}

std::shared_ptr<const domain::ProgramSet> Sequencer::programs() const {
  MutexLock lock(published_mutex_);
  return durable_programs_;
}

std::vector<PublishedProgram> Sequencer::published() const {
  MutexLock lock(published_mutex_);
  return published_;
}

ShardStats Sequencer::stats() const {
  ShardStats stats;
  {
    MutexLock lock(mutex_);
    stats.queued_requests = queue_.size();
  }
  stats.committed_groups = committer_.committed_groups();
  stats.committed_records = committed_records_.load(std::memory_order_relaxed);
  stats.refused_requests = refused_requests_.load(std::memory_order_relaxed);
  stats.replayed_requests = replayed_requests_.load(std::memory_order_relaxed);
  stats.cached_accounts = cached_accounts_.load(std::memory_order_relaxed);
  return stats;
}

void Sequencer::Run() {
  std::vector<Queued> bite;
  for (;;) {
    bite.clear();
    {
      MutexLock lock(mutex_);
      const auto can_take = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !queue_.empty() && !GroupFull(); };
      const auto can_hand_over = [&] { return !group_->empty() && committer_.idle(); };
      waits_for_committer_ = !group_->empty();
      while (!can_take() && !can_hand_over() && !(stopping_ && queue_.empty() && group_->empty())) wake_.Wait(mutex_);
      waits_for_committer_ = false;
      if (stopping_ && queue_.empty() && group_->empty()) break;
      while (can_take() && bite.size() < kBite) {
        queue_bytes_ -= queue_.front().bytes;
        bite.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
    }
    if (committer_.idle()) {
      if (absl::Status failure = committer_.TakeFailure(); !failure.ok()) StartOver(std::move(failure));
    }
    size_t processed = 0;
    while (processed < bite.size() && (processed == 0 || !GroupFull())) Process(bite[processed++].command);
    GiveBack(bite, processed);
    if (!group_->empty() && committer_.idle()) HandOver();
  }
}

void Sequencer::GiveBack(std::vector<Queued>& bite, size_t from) {
  MutexLock lock(mutex_);
  for (size_t i = bite.size(); i > from; --i) {
    queue_bytes_ += bite[i - 1].bytes;
    queue_.push_front(std::move(bite[i - 1]));
  }
}

void Sequencer::Process(Command& command) {
  if (!read_only_.ok()) {
    // What was durable before has its answer still.
    auto* const repeated = std::get_if<ClientCommand>(&command);
    if (repeated == nullptr || !AnswerRepeated(repeated->append, repeated->done)) Refuse(command, read_only_);
    return;
  }
  if (auto* client = std::get_if<ClientCommand>(&command)) {
    ProcessAppend(client->append, std::move(client->done));
  } else if (auto* sweep = std::get_if<SweepCommand>(&command)) {
    ProcessSweep(*sweep);
  } else if (auto* rearm = std::get_if<RearmCommand>(&command)) {
    ProcessRearm(*rearm);
  } else if (auto* own = std::get_if<OwnCommand>(&command)) {
    ProcessOwn(*own);
  } else if (auto* verdict = std::get_if<VerdictCommand>(&command)) {
    ProcessVerdict(*verdict);
  } else if (auto* receipt = std::get_if<ReceiptCommand>(&command)) {
    ProcessReceipt(*receipt);
  } else if (auto* end = std::get_if<TransferEndCommand>(&command)) {
    ProcessTransferEnd(*end);
  } else {
    ProcessPublish(std::get<PublishCommand>(command));
  }
}

void Sequencer::Refuse(Command& command, const absl::Status& status) {
  if (auto* client = std::get_if<ClientCommand>(&command)) {
    client->done(status);
  } else if (auto* sweep = std::get_if<SweepCommand>(&command)) {
    sweep->done(status, absl::OkStatus());
  } else if (auto* rearm = std::get_if<RearmCommand>(&command)) {
    rearm->done(status);
  } else if (auto* own = std::get_if<OwnCommand>(&command)) {
    own->done(status);
  } else if (auto* verdict = std::get_if<VerdictCommand>(&command)) {
    verdict->done(status);
  } else if (auto* receipt = std::get_if<ReceiptCommand>(&command)) {
    receipt->done(status);
  } else if (auto* end = std::get_if<TransferEndCommand>(&command)) {
    end->done(status);
  } else {
    std::get<PublishCommand>(command).done(status);
  }
}

void Sequencer::NewGroup(uint64_t first_position) {
  group_ = std::make_shared<Group>();
  group_->commit.first_position = first_position;
}

bool Sequencer::GroupFull() const {
  return group_->commit.records.size() >= options_.group_records_max ||
         group_->record_bytes >= options_.group_bytes_max || group_->completions.size() >= options_.group_records_max;
}

void Sequencer::HandOver() {
  if (absl::Status failure = committer_.TakeFailure(); !failure.ok()) {
    StartOver(std::move(failure));
    return;
  }
  // The group before is durable: the store answers for it from here on.
  if (in_flight_ != nullptr) {
    for (const std::string& key : in_flight_->request_keys) pending_requests_.erase(key);
    for (const std::string& key : in_flight_->unique_keys) pending_uniques_.erase(key);
    committed_records_.fetch_add(in_flight_->commit.records.size(), std::memory_order_relaxed);
    committed_programs_ = in_flight_programs_;
  }
  EvictStates();
  in_flight_ = std::exchange(group_, nullptr);
  in_flight_programs_ = programs_;
  NewGroup(in_flight_->end_position());
  committer_.Submit(in_flight_);
}

void Sequencer::StartOver(absl::Status failure) {
  const bool sticky = ReasonOf(failure) != Reason::kDiskNearlyFull;
  if (sticky) {
    read_only_ = MakeError(Reason::kShardReadOnly,
                           "shard " + std::to_string(options_.shard) +
                               " refuses writes since a write failed; restart the server to reopen it (" +
                               MessageOf(failure) + ")");
    failure = read_only_;
  }
  // What the failed group's successor decided rested on records that may not exist.
  committer_.Fail(std::exchange(group_, nullptr), std::move(failure));
  in_flight_ = nullptr;
  pending_requests_.clear();
  pending_uniques_.clear();
  cache_.Clear();
  // Not durable_programs_: the answer that adds a publication to it may still be on its way.
  programs_ = committed_programs_;
  NewGroup(head_.head());
}

void Sequencer::EvictStates() {
  for (CachedAccount& account : cache_.Evict(head_.head())) {
    // Worth a write only if reading the tail again would cost more than the snapshot.
    if (account.state.next_revision >= account.snapshot_revision + 16) Snapshot(account);
  }
  cached_accounts_.store(cache_.size(), std::memory_order_relaxed);
}

Micros Sequencer::NextRecordTime() const { return std::max(clock_.Now(), last_record_time_); }

std::string_view Sequencer::PendingBytes(uint64_t position) const {
  for (const Group* group : {group_.get(), in_flight_.get()}) {
    if (group != nullptr && position >= group->commit.first_position && position < group->end_position()) {
      return group->commit.records[position - group->commit.first_position].bytes;
    }
  }
  return {};
}

absl::Status Sequencer::RecordAt(uint64_t position, events::v1::EventRecord& record) const {
  const std::string_view pending = PendingBytes(position);
  std::string stored;
  if (pending.empty()) {
    KL_ASSIGN_OR_RETURN(stored, store_.GetRecord(position));
  }
  const std::string_view bytes = pending.empty() ? std::string_view(stored) : pending;
  if (record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return absl::OkStatus();
  return MakeError(Reason::kStoreDamaged,
                   fmt::format("record {} of shard {} cannot be read", position, options_.shard));
}

void Sequencer::Complete(AppendDone done, absl::StatusOr<AppendAnswer> answer) {
  if (!answer.ok()) refused_requests_.fetch_add(1, std::memory_order_relaxed);
  group_->completions.push_back(
      [done = std::move(done), answer = std::move(answer)](const absl::Status& commit) mutable {
        if (commit.ok()) {
          done(std::move(answer));
        } else {
          // A refusal, too, may rest on records that were lost.
          done(commit);
        }
      });
}

}  // namespace keyledger::shard

// What a review does while it runs. Everything here is on the reviewer's thread. See reviewer.h.
#include <chrono>
#include <future>
#include <utility>

#include <fmt/format.h>

#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/shard/account_reader.h"
#include "server/shard/review_job.h"
#include "server/shard/review_reader.h"

namespace keyledger::shard {
namespace {

// Verdicts on their way through the sequencers at a time.
constexpr uint64_t kInFlightMax = 512;

// Before a full queue is tried again: writers come first.
constexpr std::chrono::milliseconds kFullQueuePause{50};

uint64_t EndOf(const events::v1::ReviewStarted& review, uint32_t shard) {
  return review.cursor(static_cast<int>(shard)).next_position();
}

// True if only the account that was read or decided is in trouble, not the review.
bool IsOfTheAccount(const absl::Status& status) {
  const Reason reason = ReasonOf(status);
  return reason == Reason::kStoreDamaged || reason == Reason::kArithmeticRange;
}

}  // namespace

// Counts what is on its way, keeps the first error.
class Reviewer::Window {
 public:
  // Blocks while the window is full.
  void Enter() {
    MutexLock lock(mutex_);
    while (in_flight_ >= kInFlightMax) changed_.Wait(mutex_);
    ++in_flight_;
  }
  void Leave(const absl::Status& status) {
    // Notified under the lock: the waiter may destroy this object as soon as it sees zero.
    MutexLock lock(mutex_);
    if (!status.ok() && status_.ok()) status_ = status;
    --in_flight_;
    changed_.NotifyAll();
  }
  // Waits for all of them.
  absl::Status Drain() {
    MutexLock lock(mutex_);
    while (in_flight_ > 0) changed_.Wait(mutex_);
    return status_;
  }
  absl::Status status() {
    MutexLock lock(mutex_);
    return status_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  uint64_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

absl::StatusOr<std::unique_ptr<const domain::ReviewRules>> MakeRules(const Shard& first,
                                                                     const events::v1::ReviewStarted& review) {
  std::vector<std::shared_ptr<const domain::CompiledProgram>> known;
  std::shared_ptr<const domain::CompiledProgram> program;
  uint64_t revision = 0;
  for (const PublishedProgram& entry : first.published()) {
    KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> position, first.store().PositionOf(kProgramsStream, revision++));
    if (!position.has_value() || *position >= EndOf(review, 0)) break;
    known.push_back(entry.program);
    if (entry.program->program().program_id() == review.program_id() &&
        entry.program->program().version() == review.program_version()) {
      program = entry.program;
    }
  }
  if (program == nullptr || program->rules().cuts.empty()) {
    return MakeError(Reason::kStoreDamaged,
                     fmt::format("{} names version {} of program {}, which is not its program", review.review_id(),
                                 review.program_version(), review.program_id()));
  }
  return std::make_unique<const domain::ReviewRules>(std::move(program),
                                                     std::make_shared<const domain::ProgramSet>(std::move(known)),
                                                     domain::MicrosOf(review.as_of()));
}

std::vector<const store::ShardStore*> Reviewer::Stores() const {
  std::vector<const store::ShardStore*> stores;
  for (const Shard* shard : shards_) stores.push_back(&shard->store());
  return stores;
}

absl::Status Reviewer::CheckRunning() const {
  if (!stopping_.load(std::memory_order_relaxed)) return absl::OkStatus();
  return MakeError(Reason::kStopping, "the server is stopping; the review goes on when it is back");
}

absl::Status Reviewer::CheckRunning(const Job& job) const {
  if (job.pre_empted.load(std::memory_order_relaxed)) {
    return MakeError(Reason::kReviewRunning, "made way for a scheduled review; ask again when that is over");
  }
  return CheckRunning();
}

absl::StatusOr<uint64_t> Reviewer::RecordOwn(const events::v1::Event& event, const std::string& request_id,
                                             const std::string& actor, const std::string& digest) {
  for (;;) {
    std::promise<absl::StatusOr<AppendAnswer>> promise;
    shards_[0]->RecordOwn(kReviewsStream, event, request_id, actor, digest,
                          [&](absl::StatusOr<AppendAnswer> answer) { promise.set_value(std::move(answer)); });
    const absl::StatusOr<AppendAnswer> answer = promise.get_future().get();
    if (answer.ok()) return answer->events.at(0).position;
    if (ReasonOf(answer.status()) != Reason::kQueueFull) return answer.status();
    KL_RETURN_IF_ERROR(Pause());
  }
}

absl::Status Reviewer::Pause() {
  const auto deadline = std::chrono::steady_clock::now() + kFullQueuePause;
  MutexLock lock(mutex_);
  while (!stopping_ && changed_.WaitUntil(mutex_, deadline)) {
  }
  return CheckRunning();
}

absl::Status Reviewer::Run(Job& job) {
  if (job.failure.ok()) {
    const absl::Status status = ReviewAll(job);
    if (status.ok() || job.recorded || job.preview || stopping_) return status;
    // Nobody can tell that it ever began. But as long as its row stands, the next start would run it.
    job.failure = status;
  }
  KL_RETURN_IF_ERROR(ClearRow(job));
  return job.failure;
}

absl::Status Reviewer::ReviewAll(Job& job) {
  if (job.recorded) {
    KL_ASSIGN_OR_RETURN(const bool completed, IsCompleted(job.open));
    if (completed) return ClearRow(job);
  }
  // An interrupted one begins again.
  job.accounts = job.measured = job.judged = 0;
  job.raised = job.lowered = job.locked = job.overtaken = job.begun = job.undecided = 0;
  job.marks = WalkMarks();
  job.unread.clear();
  job.numbers_hold = true;
  {
    MutexLock lock(mutex_);
    job.phase = ReviewPhase::kMeasuring;
    job.first_undecided = absl::OkStatus();
    job.changes.clear();
    job.changes_total = 0;
  }
  KL_RETURN_IF_ERROR(Measure(job));
  KL_RETURN_IF_ERROR(Freeze(job));
  KL_RETURN_IF_ERROR(JudgeAll(job));
  return job.preview ? absl::OkStatus() : Complete(job);
}

absl::StatusOr<std::optional<domain::ReviewSubject>> Reviewer::ReadSubject(const Job& job,
                                                                           const AccountWalk::Place& place) const {
  KL_ASSIGN_OR_RETURN(std::optional<domain::AccountState> state,
                      FoldForReview(shards_[place.shard]->store(), place.account_id,
                                    EndOf(job.open.plan(), place.shard), job.rules->as_of()));
  if (!state.has_value()) return std::nullopt;
  domain::ReviewSubject subject = job.rules->Judge(*std::move(state));
  if (!subject.is_governed) return std::nullopt;
  return subject;
}

absl::Status Reviewer::Measure(Job& job) {
  AccountWalk count(Stores(), "");
  for (;;) {
    KL_RETURN_IF_ERROR(CheckRunning(job));
    KL_ASSIGN_OR_RETURN(const auto place, count.Next());
    if (!place.has_value()) break;
    ++job.accounts;
  }
  job.ranking = std::make_unique<domain::Ranking>(job.rules->measures());
  AccountWalk walk(Stores(), "");
  std::string before;
  for (;;) {
    KL_RETURN_IF_ERROR(CheckRunning(job));
    KL_ASSIGN_OR_RETURN(const auto place, walk.Next());
    if (!place.has_value()) break;
    job.marks.Walk(before, static_cast<uint32_t>(job.ranking->population()));
    before = place->account_id;
    const absl::StatusOr<std::optional<domain::ReviewSubject>> subject = ReadSubject(job, *place);
    ++job.measured;
    if (!subject.ok()) {
      if (!IsOfTheAccount(subject.status()) || job.unread.size() >= options_.unread_max) return subject.status();
      job.unread.insert(place->account_id);
      NoteUndecided(job, place->account_id, subject.status());
    } else if (subject->has_value() && (*subject)->is_in_population) {
      job.ranking->Add((*subject)->state.open_time, job.rules->RankedValues(**subject));
      job.ranking_bytes = job.ranking->bytes();
    }
  }
  job.ranking->Rank();
  job.ranking_bytes = job.ranking->bytes();
  return absl::OkStatus();
}

absl::StatusOr<std::string> Reviewer::FindId(const Job& job, uint32_t number) const {
  const WalkMarks::Mark& mark = job.marks.Before(number);
  AccountWalk walk(Stores(), mark.after);
  uint32_t at = mark.number;
  for (;;) {
    KL_RETURN_IF_ERROR(CheckRunning(job));
    KL_ASSIGN_OR_RETURN(const auto place, walk.Next());
    if (!place.has_value()) break;
    if (job.unread.contains(place->account_id)) continue;
    KL_ASSIGN_OR_RETURN(const std::optional<domain::ReviewSubject> subject, ReadSubject(job, *place));
    if (!subject.has_value() || !subject->is_in_population) continue;
    if (at == number) return place->account_id;
    ++at;
  }
  return MakeError(Reason::kStoreDamaged, fmt::format("account number {} of a ranking is gone", number));
}

absl::Status Reviewer::Freeze(Job& job) {
  events::v1::ReviewStarted started = job.open.plan();
  KL_RETURN_IF_ERROR(job.rules->FreezeCuts(
      *job.ranking, [&](uint32_t number) { return FindId(job, number); }, started));
  if (!job.preview) {
    KL_RETURN_IF_ERROR(RecordStart(job, started));
  }
  MutexLock lock(mutex_);
  job.review = std::move(started);
  job.phase = ReviewPhase::kDeciding;
  return absl::OkStatus();
}

absl::Status Reviewer::RecordStart(Job& job, events::v1::ReviewStarted& started) {
  events::v1::Event event;
  *event.mutable_review_started() = started;
  job.recorded = true;
  KL_ASSIGN_OR_RETURN(const uint64_t position,
                      RecordOwn(event, job.open.request_id(), job.open.actor(), job.open.digest()));
  KL_ASSIGN_OR_RETURN(const std::string bytes, shards_[0]->store().GetRecord(position));
  events::v1::EventRecord record;
  if (!record.ParseFromString(bytes) || record.event().review_started().review_id() != started.review_id() ||
      record.event().review_started().cuts_size() != started.cuts_size()) {
    return UnreadableRecord(kReviewsStream, position);
  }
  const events::v1::ReviewStarted& recorded = record.event().review_started();
  if (recorded.SerializeAsString() != started.SerializeAsString()) {
    // An account can be read now that could not be before the interruption, or the other way round. What was frozen
    // stands, and says without a ranking who is a member.
    job.numbers_hold = false;
    started = recorded;
  }
  return absl::OkStatus();
}

absl::Status Reviewer::JudgeAll(Job& job) {
  AccountWalk walk(Stores(), "");
  Window window;
  uint32_t number = 0;
  const auto judge_all = [&]() -> absl::Status {
    for (;;) {
      KL_RETURN_IF_ERROR(CheckRunning(job));
      KL_RETURN_IF_ERROR(window.status());
      KL_ASSIGN_OR_RETURN(const auto place, walk.Next());
      if (!place.has_value()) return absl::OkStatus();
      KL_RETURN_IF_ERROR(JudgeOne(job, *place, number, window));
    }
  };
  absl::Status status = judge_all();
  status.Update(window.Drain());
  return status;
}

absl::Status Reviewer::JudgeOne(Job& job, const AccountWalk::Place& place, uint32_t& number, Window& window) {
  ++job.judged;
  // Counted already.
  if (job.unread.contains(place.account_id)) return absl::OkStatus();
  const absl::StatusOr<std::optional<domain::ReviewSubject>> read = ReadSubject(job, place);
  if (!read.ok()) {
    if (!IsOfTheAccount(read.status())) return read.status();
    // It was ranked or not: the numbers from here on are not known.
    job.numbers_hold = false;
    NoteUndecided(job, place.account_id, read.status());
    return absl::OkStatus();
  }
  if (!read->has_value()) return absl::OkStatus();
  const domain::ReviewSubject& subject = **read;
  const domain::RankingNumber ranked{job.numbers_hold ? job.ranking.get() : nullptr, number};
  if (subject.is_in_population) ++number;
  // Written by this thread alone.
  std::optional<domain::ReviewVerdict> verdict = job.rules->Decide(subject, place.account_id, job.review, ranked);
  if (!verdict.has_value()) return absl::OkStatus();
  KL_RETURN_IF_ERROR(AddChange(job, place, subject, *verdict, ranked));
  return job.preview ? PreviewOne(job, place, *verdict) : ApplyOne(job, place, *std::move(verdict), window);
}

absl::Status Reviewer::PreviewOne(Job& job, const AccountWalk::Place& place, const domain::ReviewVerdict& verdict) {
  const auto preview = [&]() -> absl::StatusOr<domain::ReviewEffect> {
    KL_ASSIGN_OR_RETURN(
        const std::optional<domain::AccountState> state,
        FoldAccount(shards_[place.shard]->store(), place.account_id, EndOf(job.open.plan(), place.shard)));
    if (!state.has_value()) return domain::ReviewEffect::kOvertaken;
    return job.rules->Preview(*state, verdict);
  };
  const absl::StatusOr<domain::ReviewEffect> effect = preview();
  if (effect.ok()) {
    Count(job, *effect);
  } else if (IsOfTheAccount(effect.status())) {
    NoteUndecided(job, place.account_id, effect.status());
  } else {
    return effect.status();
  }
  return absl::OkStatus();
}

absl::Status Reviewer::ApplyOne(Job& job, const AccountWalk::Place& place, domain::ReviewVerdict verdict,
                                Window& window) {
  const auto shared = std::make_shared<const domain::ReviewVerdict>(std::move(verdict));
  bool is_full = false;
  do {
    if (std::exchange(is_full, false)) KL_RETURN_IF_ERROR(Pause());
    window.Enter();
    // No client can send a request_id with spaces. A full queue is told before Apply returns.
    shards_[place.shard]->Apply(place.account_id, "verdict " + shared->review_id, shared,
                                [this, &job, &window, &is_full,
                                 account_id = place.account_id](const absl::StatusOr<domain::ReviewEffect>& effect) {
                                  absl::Status failure = effect.status();
                                  if (effect.ok()) {
                                    Count(job, *effect);
                                  } else if (ReasonOf(failure) == Reason::kQueueFull) {
                                    is_full = true;
                                    failure = absl::OkStatus();
                                  } else if (IsOfTheAccount(failure)) {
                                    NoteUndecided(job, account_id, failure);
                                    failure = absl::OkStatus();
                                  }
                                  window.Leave(failure);
                                });
  } while (is_full);
  return absl::OkStatus();
}

void Reviewer::NoteUndecided(Job& job, const std::string& account_id, const absl::Status& why) {
  MutexLock lock(mutex_);
  job.undecided += 1;
  if (!job.first_undecided.ok()) return;
  job.first_undecided = MakeError(ReasonOf(why), fmt::format("{}: account '{}' is left undecided: {}",
                                                             job.open.plan().review_id(), account_id, MessageOf(why)));
}

void Reviewer::Count(Job& job, domain::ReviewEffect effect) {
  switch (effect) {
    case domain::ReviewEffect::kRaised:
      ++job.raised;
      break;
    case domain::ReviewEffect::kLowered:
      ++job.lowered;
      break;
    case domain::ReviewEffect::kLocked:
      ++job.locked;
      break;
    case domain::ReviewEffect::kOvertaken:
      ++job.overtaken;
      break;
    case domain::ReviewEffect::kBegun:
      ++job.begun;
      break;
  }
}

absl::Status Reviewer::AddChange(Job& job, const AccountWalk::Place& place, const domain::ReviewSubject& subject,
                                 const domain::ReviewVerdict& verdict, domain::RankingNumber number) {
  ReviewChange change;
  change.account_id = place.account_id;
  change.held_tier_id = verdict.held_tier_id;
  change.tier_id = verdict.assigned.tier_id();
  change.standings = job.rules->Standings(subject, number);
  if (job.earlier_rules != nullptr) {
    absl::StatusOr<std::optional<domain::AccountState>> state =
        FoldForReview(shards_[place.shard]->store(), place.account_id, EndOf(job.earlier, place.shard),
                      job.earlier_rules->as_of());
    if (!state.ok() && !IsOfTheAccount(state.status())) return state.status();
    if (state.ok() && state->has_value()) {
      const domain::ReviewSubject before = job.earlier_rules->Judge(**std::move(state));
      if (before.is_governed) {
        const auto earlier = job.earlier_rules->Decide(before, place.account_id, job.earlier);
        change.earlier_tier_id = earlier.has_value() ? earlier->assigned.tier_id() : before.state.tier.tier_id;
        for (const domain::CutStanding& standing : job.earlier_rules->Standings(before)) {
          change.earlier_values.push_back(standing.value);
        }
      }
    }
  }
  MutexLock lock(mutex_);
  job.changes_total += 1;
  if (job.changes.size() < kReviewChangesMax) job.changes.push_back(std::move(change));
  return absl::OkStatus();
}

absl::Status Reviewer::Complete(Job& job) {
  events::v1::Event event;
  events::v1::ReviewCompleted& completed = *event.mutable_review_completed();
  completed.set_review_id(job.review.review_id());
  completed.set_raised(job.raised);
  completed.set_lowered(job.lowered);
  completed.set_locked(job.locked);
  completed.set_overtaken(job.overtaken);
  completed.set_begun(job.begun);
  completed.set_undecided(job.undecided);
  const std::string request_id = CompletionId(job.review);
  KL_RETURN_IF_ERROR(RecordOwn(event, request_id, "", request_id).status());
  // A crash before this line leaves a review that has nothing left to do.
  return ClearRow(job);
}

absl::Status Reviewer::ClearRow(Job& job) {
  KL_RETURN_IF_ERROR(shards_[0]->PutMeta(kOpenReviewKey, ""));
  job.row_stands = false;
  return absl::OkStatus();
}

}  // namespace keyledger::shard

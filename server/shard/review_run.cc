// What a review does while it runs. Everything here is on the reviewer's thread. See reviewer.h.
#include <chrono>
#include <future>
#include <utility>

#include <fmt/format.h>

#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/shard/review_job.h"
#include "server/shard/review_reader.h"

namespace keyledger::shard {
namespace {

// Accounts between two marks, and so the most that is read again to find the id of one.
constexpr uint32_t kMarkEvery = 1'024;
// Verdicts on their way through the sequencers at a time.
constexpr uint64_t kInFlightMax = 512;

// Before a full queue is tried again: writers come first.
constexpr std::chrono::milliseconds kFullQueuePause{50};

// Counts what is on its way, keeps the first error.
class Window {
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

uint64_t EndOf(const events::v1::ReviewStarted& review, uint32_t shard) {
  return review.cursor(static_cast<int>(shard)).next_position();
}

}  // namespace

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

absl::StatusOr<uint64_t> Reviewer::RecordOwn(events::v1::Event event, const std::string& request_id,
                                             const std::string& actor, const std::string& digest) {
  std::promise<absl::StatusOr<AppendAnswer>> promise;
  shards_[0]->RecordOwn(kReviewsStream, std::move(event), request_id, actor, digest,
                        [&](absl::StatusOr<AppendAnswer> answer) { promise.set_value(std::move(answer)); });
  KL_ASSIGN_OR_RETURN(const AppendAnswer answer, promise.get_future().get());
  return answer.events.at(0).position;
}

absl::Status Reviewer::Pause() {
  const auto deadline = std::chrono::steady_clock::now() + kFullQueuePause;
  MutexLock lock(mutex_);
  while (!stopping_ && changed_.WaitUntil(mutex_, deadline)) {
  }
  return CheckRunning();
}

absl::Status Reviewer::Run(Job& job) {
  // An interrupted one begins again.
  job.accounts = job.measured = job.judged = job.raised = job.lowered = job.locked = job.overtaken = 0;
  {
    MutexLock lock(mutex_);
    job.phase = ReviewPhase::kMeasuring;
    job.changes.clear();
    job.changes_total = 0;
  }
  absl::Status status = Measure(job);
  if (status.ok()) status = Freeze(job);
  if (status.ok()) status = JudgeAll(job);
  if (status.ok() && !job.preview) status = Complete(job);
  if (!status.ok() && !job.preview && !job.recorded && !stopping_) {
    // Nobody can tell that it ever began.
    status.Update(shards_[0]->PutMeta(kOpenReviewKey, ""));
  }
  return status;
}

absl::Status Reviewer::Measure(Job& job) {
  AccountWalk count(Stores(), "");
  for (;;) {
    KL_RETURN_IF_ERROR(CheckRunning());
    KL_ASSIGN_OR_RETURN(const auto place, count.Next());
    if (!place.has_value()) break;
    ++job.accounts;
  }
  job.ranking = std::make_unique<domain::Ranking>(job.rules->measures());
  job.marks.clear();
  AccountWalk walk(Stores(), "");
  std::string before;
  for (;;) {
    KL_RETURN_IF_ERROR(CheckRunning());
    KL_ASSIGN_OR_RETURN(const auto place, walk.Next());
    if (!place.has_value()) break;
    KL_ASSIGN_OR_RETURN(std::optional<domain::AccountState> state,
                        FoldForReview(shards_[place->shard]->store(), place->account_id,
                                      EndOf(job.open.plan(), place->shard), job.rules->as_of()));
    ++job.measured;
    if (state.has_value()) {
      const domain::ReviewSubject subject = job.rules->Judge(*std::move(state));
      if (subject.is_in_population) {
        if (job.ranking->population() % kMarkEvery == 0) job.marks.push_back(before);
        job.ranking->Add(subject.state.open_time, job.rules->RankedValues(subject));
        job.ranking_bytes = job.ranking->bytes();
      }
    }
    before = place->account_id;
  }
  job.ranking->Rank();
  job.ranking_bytes = job.ranking->bytes();
  return absl::OkStatus();
}

absl::StatusOr<std::string> Reviewer::FindId(const Job& job, uint32_t number) const {
  AccountWalk walk(Stores(), job.marks[number / kMarkEvery]);
  uint32_t at = number / kMarkEvery * kMarkEvery;
  for (;;) {
    KL_ASSIGN_OR_RETURN(const auto place, walk.Next());
    if (!place.has_value()) break;
    KL_ASSIGN_OR_RETURN(std::optional<domain::AccountState> state,
                        FoldForReview(shards_[place->shard]->store(), place->account_id,
                                      EndOf(job.open.plan(), place->shard), job.rules->as_of()));
    if (!state.has_value() || !job.rules->Judge(*std::move(state)).is_in_population) continue;
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
    events::v1::Event event;
    *event.mutable_review_started() = started;
    job.recorded = true;
    KL_ASSIGN_OR_RETURN(const uint64_t position,
                        RecordOwn(std::move(event), job.open.request_id(), job.open.actor(), job.open.digest()));
    KL_ASSIGN_OR_RETURN(const std::string bytes, shards_[0]->store().GetRecord(position));
    events::v1::EventRecord record;
    // What was frozen before a crash is what is frozen now, or the log is not what it was.
    if (!record.ParseFromString(bytes) ||
        record.event().review_started().SerializeAsString() != started.SerializeAsString()) {
      return MakeError(Reason::kStoreDamaged,
                       fmt::format("{} measures otherwise than it did before it was interrupted", started.review_id()));
    }
  }
  MutexLock lock(mutex_);
  job.review = std::move(started);
  job.phase = ReviewPhase::kDeciding;
  return absl::OkStatus();
}

absl::Status Reviewer::JudgeAll(Job& job) {
  const events::v1::ReviewStarted started = job.review;
  AccountWalk walk(Stores(), "");
  Window window;
  uint32_t number = 0;
  const auto judge_all = [&]() -> absl::Status {
    for (;;) {
      KL_RETURN_IF_ERROR(CheckRunning());
      KL_RETURN_IF_ERROR(window.status());
      KL_ASSIGN_OR_RETURN(const auto place, walk.Next());
      if (!place.has_value()) return absl::OkStatus();
      Shard& shard = *shards_[place->shard];
      KL_ASSIGN_OR_RETURN(
          std::optional<domain::AccountState> state,
          FoldForReview(shard.store(), place->account_id, EndOf(started, place->shard), job.rules->as_of()));
      ++job.judged;
      if (!state.has_value()) continue;
      const domain::ReviewSubject subject = job.rules->Judge(*std::move(state));
      if (!subject.is_governed) continue;
      const uint32_t account = number;
      if (subject.is_in_population) ++number;
      std::optional<domain::ReviewVerdict> verdict =
          job.rules->Decide(subject, place->account_id, started, {job.ranking.get(), account});
      if (!verdict.has_value()) continue;
      KL_RETURN_IF_ERROR(AddChange(job, place->account_id, place->shard, subject, *verdict, account));
      if (job.preview) {
        Count(job, domain::EffectOf(verdict->assigned, job.rules->program()));
        continue;
      }
      const auto shared = std::make_shared<const domain::ReviewVerdict>(*std::move(verdict));
      bool is_full = false;
      do {
        if (std::exchange(is_full, false)) KL_RETURN_IF_ERROR(Pause());
        window.Enter();
        // No client can send a request_id with spaces. A full queue is told before Apply returns.
        shard.Apply(place->account_id, "verdict " + started.review_id(), shared,
                    [&job, &window, &is_full](absl::StatusOr<domain::ReviewEffect> effect) {
                      if (effect.ok()) Count(job, *effect);
                      const bool refused = ReasonOf(effect.status()) == Reason::kQueueFull;
                      if (refused) is_full = true;
                      window.Leave(refused ? absl::OkStatus() : effect.status());
                    });
      } while (is_full);
    }
  };
  absl::Status status = judge_all();
  status.Update(window.Drain());
  return status;
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
  }
}

absl::Status Reviewer::AddChange(Job& job, const std::string& account_id, uint32_t shard,
                                 const domain::ReviewSubject& subject, const domain::ReviewVerdict& verdict,
                                 uint32_t number) {
  ReviewChange change;
  change.account_id = account_id;
  change.held_tier_id = verdict.held_tier_id;
  change.tier_id = verdict.assigned.tier_id();
  change.standings = job.rules->Standings(subject, {job.ranking.get(), number});
  if (job.earlier_rules != nullptr) {
    KL_ASSIGN_OR_RETURN(
        std::optional<domain::AccountState> state,
        FoldForReview(shards_[shard]->store(), account_id, EndOf(job.earlier, shard), job.earlier_rules->as_of()));
    if (state.has_value()) {
      const domain::ReviewSubject before = job.earlier_rules->Judge(*std::move(state));
      if (before.is_governed) {
        const auto earlier = job.earlier_rules->Decide(before, account_id, job.earlier);
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
  const std::string request_id = CompletionId(job.review);
  KL_RETURN_IF_ERROR(RecordOwn(std::move(event), request_id, "", request_id).status());
  // A crash before this line leaves a review that has nothing left to do.
  return shards_[0]->PutMeta(kOpenReviewKey, "");
}

}  // namespace keyledger::shard

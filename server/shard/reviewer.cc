// See reviewer.h. Starting, finding and stopping reviews; what a review does while it runs is in review_run.cc.
#include "server/shard/reviewer.h"

#include <pthread.h>

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "server/base/calendar.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/shard/account_reader.h"
#include "server/shard/review_job.h"

namespace keyledger::shard {
namespace {

constexpr size_t kFinishedMax = 8;
constexpr std::string_view kReviewPrefix = "review-";
// No client can send a request_id with spaces.
constexpr std::string_view kScheduledPrefix = "scheduled ";

// Before a scheduled review that failed is tried again: the first time, and at most.
constexpr Micros kRetryFirst = 60 * kMicrosPerSecond;
constexpr Micros kRetryMax = 3'600 * kMicrosPerSecond;

// The number in "review-7"; nothing if it is no such id.
std::optional<uint64_t> ParseNumber(std::string_view review_id) {
  if (!review_id.starts_with(kReviewPrefix)) return std::nullopt;
  review_id.remove_prefix(kReviewPrefix.size());
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(review_id.data(), review_id.data() + review_id.size(), number);
  const bool canonical =
      error == std::errc() && end == review_id.data() + review_id.size() && number > 0 && review_id.front() != '0';
  return canonical ? std::optional(number) : std::nullopt;
}

absl::Status NoReview(const std::string& review_id) {
  return MakeError(Reason::kReviewNotFound,
                   fmt::format("there is no review {}; ListReviews shows those there are, and previews are kept only "
                               "until the server stops or {} others have run",
                               review_id, kFinishedMax));
}

absl::Status NotPossible(const std::string& what) { return MakeError(Reason::kReviewNotPossible, what); }

}  // namespace

Reviewer::Reviewer(std::vector<Shard*> shards, const Clock& clock, const ReviewerOptions& options)
    : shards_(std::move(shards)), clock_(clock), options_(options) {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "kl-review");
    Loop();
  });
}

Reviewer::~Reviewer() { Stop(); }

void Reviewer::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void Reviewer::WaitUntilIdle() {
  MutexLock lock(mutex_);
  while (current_ != nullptr && !waiting_ && !stopping_) changed_.Wait(mutex_);
}

absl::Status Reviewer::Resume() {
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> row, shards_[0]->store().GetMeta(kOpenReviewKey));
  if (!row.has_value() || row->empty()) return absl::OkStatus();
  storage::v1::OpenReview open;
  if (!open.ParseFromString(*row)) return MakeError(Reason::kStoreDamaged, "the review under way cannot be read");
  KL_ASSIGN_OR_RETURN(const bool completed, IsCompleted(open));
  if (completed) {
    // Nothing is left to do; a row that cannot be cleared now is cleared at the next start.
    shards_[0]->PutMeta(kOpenReviewKey, "").IgnoreError();
    return absl::OkStatus();
  }
  KL_ASSIGN_OR_RETURN(std::shared_ptr<Job> job, MakeJob(open, false));
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> started,
                      shards_[0]->store().GetRequest(kReviewsStream, open.request_id()));
  job->recorded = started.has_value();
  MutexLock lock(mutex_);
  current_ = std::move(job);
  changed_.NotifyAll();
  return absl::OkStatus();
}

absl::StatusOr<ReviewStatus> Reviewer::Start(const ReviewRequest& request) {
  MutexLock start(start_mutex_);
  return StartNext(request);
}

absl::StatusOr<ReviewStatus> Reviewer::StartScheduled(const ReviewRequest& request) {
  // Held throughout: nobody begins another preview in between.
  MutexLock start(start_mutex_);
  absl::StatusOr<ReviewStatus> started = StartNext(request);
  if (ReasonOf(started.status()) != Reason::kReviewRunning || !PreEmptPreview()) return started;
  return StartNext(request);
}

bool Reviewer::PreEmptPreview() {
  MutexLock lock(mutex_);
  if (current_ != nullptr && !current_->preview) return false;
  if (current_ != nullptr) current_->pre_empted = true;
  while (current_ != nullptr && !stopping_) changed_.Wait(mutex_);
  return !stopping_;
}

absl::StatusOr<ReviewStatus> Reviewer::StartNext(const ReviewRequest& request) {
  KL_ASSIGN_OR_RETURN(const std::optional<ReviewStatus> repeated, FindRepeated(request));
  if (repeated.has_value()) return *repeated;
  KL_ASSIGN_OR_RETURN(const std::shared_ptr<Job> job, Plan(request));
  // From here on the review is the ledger's to finish.
  if (!job->preview) {
    KL_RETURN_IF_ERROR(shards_[0]->PutMeta(kOpenReviewKey, job->open.SerializeAsString()));
  }
  MutexLock lock(mutex_);
  current_ = job;
  changed_.NotifyAll();
  return StatusOf(*job);
}

absl::StatusOr<std::optional<ReviewStatus>> Reviewer::FindRepeated(const ReviewRequest& request) const {
  const absl::Status reused = MakeError(
      Reason::kRequestIdReused, "request_id was used before with another body; take a new request_id for a new review");
  {
    MutexLock lock(mutex_);
    std::vector<std::shared_ptr<Job>> jobs(finished_.begin(), finished_.end());
    if (current_ != nullptr) jobs.push_back(current_);
    for (const std::shared_ptr<Job>& job : jobs) {
      // What failed was never recorded, and may be asked for again.
      if (job->open.request_id() != request.request_id || job->phase == ReviewPhase::kFailed) continue;
      if (job->open.digest() != request.digest) return reused;
      return StatusOf(*job);
    }
  }
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> row,
                      shards_[0]->store().GetRequest(kReviewsStream, request.request_id));
  if (!row.has_value()) return std::nullopt;
  storage::v1::RequestResult result;
  if (!result.ParseFromString(*row)) {
    return MakeError(Reason::kStoreDamaged, "the result of a stored request cannot be read");
  }
  if (result.digest() != request.digest) return reused;
  KL_ASSIGN_OR_RETURN(ReviewStatus status, ReadReview(result.revision() / 2 + 1));
  return status;
}

absl::StatusOr<std::shared_ptr<const domain::CompiledProgram>> Reviewer::FindProgram(
    const ReviewRequest& request) const {
  std::shared_ptr<const domain::CompiledProgram> asked;
  std::shared_ptr<const domain::CompiledProgram> in_force;
  bool exists = false;
  for (const PublishedProgram& entry : shards_[0]->published()) {
    const programs::v1::Program& program = entry.program->program();
    if (program.program_id() != request.program_id) continue;
    exists = true;
    if (program.version() == request.program_version) asked = entry.program;
    // A later version supersedes an earlier one for good from its own beginning on.
    if (entry.program->effective_from() < request.as_of) in_force = entry.program;
  }
  if (!exists) return MakeError(Reason::kProgramNotFound, fmt::format("there is no program {}", request.program_id));
  if (request.program_version != 0 && asked == nullptr) {
    return MakeError(Reason::kProgramNotFound,
                     fmt::format("there is no version {} of program {}", request.program_version, request.program_id));
  }
  if (in_force == nullptr || in_force->effective_to() < request.as_of) {
    return NotPossible(fmt::format("program {} was not in force just before {}; name a moment at which it governed",
                                   request.program_id, FormatMicros(request.as_of)));
  }
  if (asked == nullptr) asked = in_force;
  if (asked != in_force && !request.validate_only) {
    return NotPossible(fmt::format(
        "version {} of program {} was in force just before {}, not version {}; only a "
        "preview (validate_only) may try another one",
        in_force->program().version(), request.program_id, FormatMicros(request.as_of), asked->program().version()));
  }
  return asked;
}

absl::Status Reviewer::CheckOrder(const ReviewRequest& request, const std::string& ladder_id) const {
  if (!request.reruns_review_id.empty()) {
    const std::optional<uint64_t> number = ParseNumber(request.reruns_review_id);
    KL_ASSIGN_OR_RETURN(const uint64_t recorded, RecordedReviews());
    if (!number.has_value() || *number > recorded) return NoReview(request.reruns_review_id);
    KL_ASSIGN_OR_RETURN(const ReviewStatus earlier, ReadReview(*number));
    if (earlier.review.program_id() != request.program_id || earlier.review.ladder_id() != ladder_id ||
        domain::MicrosOf(earlier.review.as_of()) != request.as_of) {
      return FieldError("reruns_review_id",
                        fmt::format("{} reviewed ladder {} of program {} as of {}; a rerun repeats exactly that",
                                    request.reruns_review_id, earlier.review.ladder_id(), earlier.review.program_id(),
                                    FormatMicros(domain::MicrosOf(earlier.review.as_of()))));
    }
  }
  if (request.validate_only) return absl::OkStatus();
  KL_ASSIGN_OR_RETURN(const uint64_t recorded, RecordedReviews());
  for (uint64_t number = recorded; number > 0; --number) {
    KL_ASSIGN_OR_RETURN(const ReviewStatus latest, ReadReview(number));
    if (latest.review.program_id() != request.program_id || latest.review.ladder_id() != ladder_id) continue;
    const std::string& id = latest.review.review_id();
    const Micros reviewed = domain::MicrosOf(latest.review.as_of());
    if (reviewed > request.as_of) {
      return NotPossible(
          fmt::format("{} has reviewed the ladder as of {}, which is later; an earlier moment can only "
                      "be previewed (validate_only)",
                      id, FormatMicros(reviewed)));
    }
    if (reviewed == request.as_of && request.reruns_review_id != id) {
      return NotPossible(
          fmt::format("{} has reviewed this moment; to apply what has become known since, set "
                      "reruns_review_id to it",
                      id));
    }
    return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<Reviewer::Job>> Reviewer::Plan(const ReviewRequest& request) {
  if (request.as_of % domain::kMetricSlotMicros != 0) {
    return FieldError("as_of",
                      "must be a whole quarter of an hour, such as 2026-01-01T00:00:00Z or 23:00 the day before");
  }
  if (request.as_of > clock_.Now() + options_.skew_max) {
    absl::Status status = MakeError(
        Reason::kOccurredInFuture,
        fmt::format("as_of is ahead of the ledger's clock ({}); review what is over", FormatMicros(clock_.Now())));
    AddField(status, "as_of", "too far in the future");
    return status;
  }
  KL_ASSIGN_OR_RETURN(const auto program, FindProgram(request));
  const programs::v1::TierLadder& ladder = program->program().tier_ladder();
  if (!program->program().has_tier_ladder() ||
      (!request.ladder_id.empty() && request.ladder_id != ladder.ladder_id())) {
    return NotPossible(fmt::format("version {} of program {} has no ladder {}", program->program().version(),
                                   request.program_id, request.ladder_id));
  }
  if (program->rules().cuts.empty()) {
    return NotPossible(fmt::format(
        "ladder {} has no relative cuts: each account is reviewed by itself when its own review falls due, and there "
        "is "
        "nothing to start; a ladder that ranks accounts names top_count, top_percent_milli or covering_percent_milli",
        ladder.ladder_id()));
  }
  KL_RETURN_IF_ERROR(CheckOrder(request, ladder.ladder_id()));
  storage::v1::OpenReview open;
  KL_ASSIGN_OR_RETURN(const uint64_t recorded, RecordedReviews());
  const std::string next_id = fmt::format("review-{}", recorded + 1);
  {
    MutexLock lock(mutex_);
    if (current_ != nullptr) {
      const std::string& running = current_->open.plan().review_id();
      absl::Status status = MakeError(
          Reason::kReviewRunning, fmt::format("{} of ladder {} is under way, and reviews follow one another; GetReview "
                                              "shows how far it is",
                                              running, current_->open.plan().ladder_id()));
      AddMetadata(status, "review_id", running);
      return status;
    }
    open.mutable_plan()->set_review_id(request.validate_only ? fmt::format("preview-{}", ++previews_) : next_id);
  }
  events::v1::ReviewStarted& plan = *open.mutable_plan();
  plan.set_program_id(request.program_id);
  plan.set_program_version(program->program().version());
  plan.set_ladder_id(ladder.ladder_id());
  domain::SetTimestamp(plan.mutable_as_of(), request.as_of);
  plan.set_reruns_review_id(request.reruns_review_id);
  for (Shard* shard : shards_) {
    events::v1::ShardCursor& cursor = *plan.add_cursor();
    cursor.set_shard(shard->number());
    cursor.set_next_position(shard->head().head());
  }
  open.set_request_id(request.request_id);
  open.set_digest(request.digest);
  open.set_actor(request.actor);
  open.set_start_micros(clock_.Now());
  return MakeJob(open, request.validate_only);
}

absl::StatusOr<std::shared_ptr<Reviewer::Job>> Reviewer::MakeJob(const storage::v1::OpenReview& open,
                                                                 bool preview) const {
  KL_ASSIGN_OR_RETURN(auto rules, MakeRules(*shards_[0], open.plan()));
  auto job = std::make_shared<Job>(open, preview, std::move(rules));
  if (open.plan().reruns_review_id().empty()) return job;
  const std::optional<uint64_t> number = ParseNumber(open.plan().reruns_review_id());
  if (!number.has_value()) return NoReview(open.plan().reruns_review_id());
  KL_ASSIGN_OR_RETURN(const ReviewStatus earlier, ReadReview(*number));
  job->earlier = earlier.review;
  KL_ASSIGN_OR_RETURN(job->earlier_rules, MakeRules(*shards_[0], earlier.review));
  return job;
}

uint64_t Reviewer::NumberOf(const ReviewStatus& review) { return ParseNumber(review.review.review_id()).value_or(0); }

absl::StatusOr<uint64_t> Reviewer::RecordedReviews() const {
  KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> last, shards_[0]->store().LastRevision(kReviewsStream));
  // Each review has two records, and the second may be missing of the last.
  return last.has_value() ? *last / 2 + 1 : 0;
}

absl::StatusOr<bool> Reviewer::IsCompleted(const storage::v1::OpenReview& open) const {
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> completed,
                      shards_[0]->store().GetRequest(kReviewsStream, CompletionId(open.plan())));
  return completed.has_value();
}

absl::StatusOr<ReviewStatus> Reviewer::ReadReview(uint64_t number) const {
  const store::ShardStore& store = shards_[0]->store();
  KL_ASSIGN_OR_RETURN(const events::v1::EventRecord started, ReadRecord(store, kReviewsStream, 2 * (number - 1)));
  if (!started.event().has_review_started()) {
    return MakeError(Reason::kStoreDamaged, fmt::format("{}: a review does not begin where it should", kReviewsStream));
  }
  ReviewStatus status;
  status.review = started.event().review_started();
  status.phase = ReviewPhase::kDeciding;
  status.actor = started.actor();
  status.start_time = domain::MicrosOf(started.record_time());
  KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> last, store.LastRevision(kReviewsStream));
  if (!last.has_value() || *last < 2 * number - 1) return status;
  KL_ASSIGN_OR_RETURN(const events::v1::EventRecord over, ReadRecord(store, kReviewsStream, 2 * number - 1));
  const events::v1::ReviewCompleted& completed = over.event().review_completed();
  status.phase = ReviewPhase::kCompleted;
  status.raised = completed.raised();
  status.lowered = completed.lowered();
  status.locked = completed.locked();
  status.overtaken = completed.overtaken();
  status.begun = completed.begun();
  status.undecided = completed.undecided();
  status.complete_time = domain::MicrosOf(over.record_time());
  return status;
}

ReviewStatus Reviewer::StatusOf(const Job& job) const {
  ReviewStatus status;
  status.review = job.review;
  status.preview = job.preview;
  status.phase = job.phase;
  status.detail = job.detail;
  status.accounts = job.accounts;
  status.measured = job.measured;
  status.judged = job.judged;
  status.raised = job.raised;
  status.lowered = job.lowered;
  status.locked = job.locked;
  status.overtaken = job.overtaken;
  status.begun = job.begun;
  status.undecided = job.undecided;
  status.ranking_bytes = job.ranking_bytes;
  status.actor = job.open.actor();
  status.start_time = job.open.start_micros();
  status.complete_time = job.complete_time;
  return status;
}

absl::StatusOr<ReviewStatus> Reviewer::Get(const std::string& review_id) const {
  {
    MutexLock lock(mutex_);
    if (current_ != nullptr && current_->open.plan().review_id() == review_id) return StatusOf(*current_);
    for (auto job = finished_.rbegin(); job != finished_.rend(); ++job) {
      if ((*job)->open.plan().review_id() == review_id) return StatusOf(**job);
    }
  }
  const std::optional<uint64_t> number = ParseNumber(review_id);
  KL_ASSIGN_OR_RETURN(const uint64_t recorded, RecordedReviews());
  if (!number.has_value() || *number > recorded) return NoReview(review_id);
  return ReadReview(*number);
}

absl::StatusOr<ReviewChanges> Reviewer::ListChanges(const std::string& review_id, uint64_t from, size_t limit) const {
  ReviewChanges changes;
  MutexLock lock(mutex_);
  std::shared_ptr<Job> job;
  for (const std::shared_ptr<Job>& entry : finished_) {
    if (entry->open.plan().review_id() == review_id) job = entry;
  }
  if (current_ != nullptr && current_->open.plan().review_id() == review_id) job = current_;
  if (job == nullptr) return changes;
  changes.known = true;
  changes.total = job->changes_total;
  for (uint64_t i = from; i < job->changes.size() && changes.changes.size() < limit; ++i) {
    changes.changes.push_back(job->changes[i]);
  }
  return changes;
}

absl::StatusOr<std::vector<ReviewStatus>> Reviewer::List(uint64_t before, size_t limit) const {
  std::vector<ReviewStatus> reviews;
  KL_ASSIGN_OR_RETURN(const uint64_t recorded, RecordedReviews());
  for (uint64_t number = std::min(before, recorded + 1); number > 1 && reviews.size() < limit; --number) {
    KL_ASSIGN_OR_RETURN(ReviewStatus status, ReadReview(number - 1));
    // One under way knows more than its record.
    MutexLock lock(mutex_);
    if (current_ != nullptr && current_->open.plan().review_id() == status.review.review_id()) {
      status = StatusOf(*current_);
    }
    reviews.push_back(std::move(status));
  }
  return reviews;
}

std::vector<ReviewRequest> Reviewer::ListDue() const {
  std::vector<ReviewRequest> requests;
  const Micros now = clock_.Now();
  for (const PublishedProgram& entry : shards_[0]->published()) {
    const std::optional<Micros> due = domain::LastPopulationReview(*entry.program, now - options_.quiet);
    // A program published for the past has its earlier moments reviewed by whoever wants that.
    if (!due.has_value() || *due <= entry.publish_time || *due <= entry.program->effective_from()) continue;
    const programs::v1::Program& program = entry.program->program();
    ReviewRequest& request = requests.emplace_back();
    request.program_id = program.program_id();
    request.program_version = program.version();
    request.as_of = *due;
    request.request_id =
        fmt::format("{}{} {} {}", kScheduledPrefix, program.program_id(), program.tier_ladder().ladder_id(), *due);
    request.digest = request.request_id;
  }
  return requests;
}

absl::Status Reviewer::StartDue() {
  absl::Status first;
  {
    MutexLock lock(mutex_);
    first = std::exchange(untold_, absl::OkStatus());
    if (current_ != nullptr && !current_->preview) {
      if (waiting_) first.Update(current_->trouble);
      waiting_ = false;
      changed_.NotifyAll();
      return first;
    }
  }
  const std::vector<ReviewRequest> due = ListDue();
  {
    // Of moments that are no longer the last, nobody asks again.
    MutexLock lock(mutex_);
    std::erase_if(failures_, [&](const auto& entry) {
      return std::none_of(due.begin(), due.end(),
                          [&](const ReviewRequest& request) { return request.request_id == entry.first; });
    });
  }
  for (const ReviewRequest& request : due) {
    const std::optional<Failure> failure = FailureOf(request.request_id);
    if (failure.has_value()) first.Update(failure->status);
    if (failure.has_value() && clock_.Now() < failure->retry) continue;
    const absl::StatusOr<ReviewStatus> started = StartScheduled(request);
    // One at a time: the next sweep finds the next.
    if (started.ok() && started->phase != ReviewPhase::kCompleted) break;
    if (started.ok() || ReasonOf(started.status()) == Reason::kReviewNotPossible) continue;
    if (ReasonOf(started.status()) == Reason::kReviewRunning) break;
    MutexLock lock(mutex_);
    NoteFailure(request.request_id, started.status());
    first.Update(failures_[request.request_id].status);
  }
  return first;
}

std::optional<Reviewer::Failure> Reviewer::FailureOf(const std::string& request_id) const {
  MutexLock lock(mutex_);
  const auto found = failures_.find(request_id);
  return found == failures_.end() ? std::nullopt : std::optional(found->second);
}

void Reviewer::NoteFailure(const std::string& request_id, const absl::Status& status) {
  Failure& failure = failures_[request_id];
  const std::string text = fmt::format("review '{}' failed and is tried again: {}", request_id, MessageOf(status));
  failure.status =
      ReasonOf(status) == Reason::kUnspecified ? absl::Status(status.code(), text) : MakeError(ReasonOf(status), text);
  failure.retry = clock_.Now() + std::min(kRetryMax, kRetryFirst << std::min(failure.attempts, 6));
  failure.attempts += 1;
}

void Reviewer::Settle(const std::shared_ptr<Job>& job, const absl::Status& status) {
  if (!status.ok() && job->row_stands) {
    // Accepted, and perhaps begun on the record: it has to come to its end.
    job->detail = fmt::format("waits to be tried again: {}", MessageOf(status));
    job->trouble = status;
    waiting_ = true;
    return;
  }
  const std::string& request_id = job->open.request_id();
  if (status.ok()) {
    failures_.erase(request_id);
    if (!job->preview) untold_.Update(job->first_undecided);
  } else if (!job->preview && request_id.starts_with(kScheduledPrefix)) {
    NoteFailure(request_id, status);
  }
  job->phase = status.ok() ? ReviewPhase::kCompleted : ReviewPhase::kFailed;
  job->detail = MessageOf(status.ok() ? job->first_undecided : status);
  job->complete_time = clock_.Now();
  job->ranking.reset();
  current_ = nullptr;
  finished_.push_back(job);
  if (finished_.size() > kFinishedMax) finished_.pop_front();
}

void Reviewer::Loop() {
  for (;;) {
    std::shared_ptr<Job> job;
    {
      MutexLock lock(mutex_);
      while (!stopping_ && (current_ == nullptr || waiting_)) changed_.Wait(mutex_);
      if (stopping_) return;
      job = current_;
    }
    const absl::Status status = Run(*job);
    MutexLock lock(mutex_);
    if (stopping_) return;
    Settle(job, status);
    changed_.NotifyAll();
  }
}

}  // namespace keyledger::shard

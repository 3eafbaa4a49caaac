// Reviewer: runs population reviews, one after the other, on a thread of its own.
//
// A review reads every account twice, as it was at the cursor fixed when it began, beside all writing: once to measure
// and rank, once to judge. Between the two, ReviewStarted freezes where the cuts fell; after it, each account that
// changes gets its decision through its shard's sequencer; at the end stands ReviewCompleted.
//
// An account that cannot be read or decided is counted and keeps what it has: it is no reason for the others to wait.
//
// What a crash leaves behind: a review that was accepted is in the first shard's meta row "review.open" with its
// cursor. Opening finds it there and runs it again from its beginning: it reads the same records, so it comes to the
// same figures, finds those recorded that it recorded before, and goes on. Memory: see Ranking, and a bounded list of
// changes.
//
// Read next: server/domain/review.h (what is decided), review_reader.h (how accounts are read).
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "keyledger/events/v1/review.pb.h"
#include "keyledger/storage/v1/store_rows.pb.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/domain/review.h"
#include "server/shard/review_reader.h"
#include "server/shard/shard.h"

namespace keyledger::shard {

// Changes of one review that are kept for reading.
inline constexpr size_t kReviewChangesMax = 10'000;

struct ReviewRequest {
  std::string program_id;
  // 0: the one in force just before as_of.
  uint32_t program_version = 0;
  // Empty: the program's.
  std::string ladder_id;
  Micros as_of = 0;
  std::string request_id;
  std::string actor;
  // SHA-256 of the request's body.
  std::string digest;
  // Preview: writes nothing.
  bool validate_only = false;
  // Empty: none.
  std::string reruns_review_id;
};

enum class ReviewPhase { kMeasuring, kDeciding, kCompleted, kFailed };

// A review, under way or over.
struct ReviewStatus {
  // What is fixed; cuts and population once it has measured.
  events::v1::ReviewStarted review;
  bool preview = false;
  ReviewPhase phase = ReviewPhase::kMeasuring;
  // Why it failed, what it waits for, or why the first account undecided was not decided.
  std::string detail;
  // Progress: streams to be read, read to measure, read to judge. Zero for reviews before the last start.
  uint64_t accounts = 0;
  uint64_t measured = 0;
  uint64_t judged = 0;
  uint64_t raised = 0;
  uint64_t lowered = 0;
  uint64_t locked = 0;
  uint64_t overtaken = 0;
  uint64_t begun = 0;
  // Could not be read or decided.
  uint64_t undecided = 0;
  // Bytes of memory the ranking took.
  uint64_t ranking_bytes = 0;
  std::string actor;
  Micros start_time = 0;
  // Zero: not over.
  Micros complete_time = 0;
};

// An account whose tier a review changes.
struct ReviewChange {
  std::string account_id;
  // At the cursor; empty: none.
  std::string held_tier_id;
  std::string tier_id;
  // In a rerun: the tier that the earlier review came to.
  std::string earlier_tier_id;
  // One per cut.
  std::vector<domain::CutStanding> standings;
  // In a rerun: what the earlier review measured, one per cut; not known if it did not see the account.
  std::vector<std::optional<int64_t>> earlier_values;
};

struct ReviewChanges {
  std::vector<ReviewChange> changes;
  // All there are, listed or not.
  uint64_t total = 0;
  // False: the review was run before the server last started, and its changes stand on the accounts only.
  bool known = false;
};

struct ReviewerOptions {
  // How far ahead of the clock as_of may be.
  Micros skew_max = 0;
  // How long after its moment a scheduled review begins.
  Micros quiet = 0;
  // Accounts that cannot be read, at most, before a review is given up: then it is not an account that is damaged.
  size_t unread_max = 1'000;
};

// Threads: thread-safe. Lifetime: shards and clock must outlive it.
class Reviewer {
 public:
  Reviewer(std::vector<Shard*> shards, const Clock& clock, const ReviewerOptions& options);
  // Stops.
  ~Reviewer();

  // Takes up a review that a stop or a crash interrupted, in time independent of the number of reviews. Once, before
  // anything else.
  absl::Status Resume();
  // Leaves the review under way to the next start. Joins the thread. Idempotent.
  void Stop();

  // Begins a review and returns; Get shows how it goes.
  // Errors: INVALID_ARGUMENT (kInvalidField; kOccurredInFuture for as_of); NOT_FOUND (kProgramNotFound,
  // kReviewNotFound); ALREADY_EXISTS (kRequestIdReused); FAILED_PRECONDITION (kReviewRunning with metadata "review_id";
  // kReviewNotPossible: no such ladder, no relative cuts, program not in force, a later or the same moment reviewed
  // already).
  absl::StatusOr<ReviewStatus> Start(const ReviewRequest& request);

  // Errors: NOT_FOUND (kReviewNotFound), DATA_LOSS (kStoreDamaged).
  absl::StatusOr<ReviewStatus> Get(const std::string& review_id) const;
  // The changes from number `from` on, at most `limit`.
  absl::StatusOr<ReviewChanges> ListChanges(const std::string& review_id, uint64_t from, size_t limit) const;
  // Recorded reviews with numbers below `before`, latest first, at most `limit`. Previews are not listed.
  absl::StatusOr<std::vector<ReviewStatus>> List(uint64_t before, size_t limit) const;

  // The number in the id of a recorded review.
  static uint64_t NumberOf(const ReviewStatus& review);

  // Begins the scheduled review of a ladder whose moment has passed, and tries an interrupted one again. Called by the
  // sweeper. A moment is reviewed once, if the version in force had been published by then; of several moments that
  // passed while nobody served, the latest only. A preview under way makes way. One that failed is tried again after a
  // minute, then two, four and so on, at most an hour; the others do not wait for it.
  // Errors: those of the first review that failed since, or waits; what one left undecided, once.
  absl::Status StartDue();
  // Returns when no review is under way. For tests and the bench.
  void WaitUntilIdle();

 private:
  struct Job;
  class Window;

  // A scheduled review that failed.
  struct Failure {
    absl::Status status;
    int attempts = 0;
    Micros retry = 0;
  };

  absl::StatusOr<ReviewStatus> StartNext(const ReviewRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(start_mutex_);
  absl::StatusOr<ReviewStatus> StartScheduled(const ReviewRequest& request);
  // Ends the preview under way. Returns false if something else is.
  bool PreEmptPreview();
  // The requests that are due, by the order of the programs' publication.
  std::vector<ReviewRequest> ListDue() const;
  void NoteFailure(const std::string& request_id, const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Failure> FailureOf(const std::string& request_id) const;
  // After Run.
  void Settle(const std::shared_ptr<Job>& job, const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::StatusOr<std::shared_ptr<Job>> Plan(const ReviewRequest& request);
  absl::StatusOr<std::shared_ptr<const domain::CompiledProgram>> FindProgram(const ReviewRequest& request) const;
  absl::Status CheckOrder(const ReviewRequest& request, const std::string& ladder_id) const;
  absl::StatusOr<std::shared_ptr<Job>> MakeJob(const storage::v1::OpenReview& open, bool preview) const;
  absl::StatusOr<std::optional<ReviewStatus>> FindRepeated(const ReviewRequest& request) const;

  void Loop();
  // Takes the review as far as it goes. An error with the row still standing: it waits to be tried again.
  absl::Status Run(Job& job);
  absl::Status ReviewAll(Job& job);
  absl::Status Measure(Job& job);
  // Nothing: there was no such account, or another program governs it.
  absl::StatusOr<std::optional<domain::ReviewSubject>> ReadSubject(const Job& job,
                                                                   const AccountWalk::Place& place) const;
  absl::StatusOr<std::string> FindId(const Job& job, uint32_t number) const;
  absl::Status Freeze(Job& job);
  // Records what was frozen, or takes what an interrupted run recorded.
  absl::Status RecordStart(Job& job, events::v1::ReviewStarted& started);
  absl::Status JudgeAll(Job& job);
  absl::Status JudgeOne(Job& job, const AccountWalk::Place& place, uint32_t& number, Window& window);
  absl::Status ApplyOne(Job& job, const AccountWalk::Place& place, domain::ReviewVerdict verdict, Window& window);
  absl::Status PreviewOne(Job& job, const AccountWalk::Place& place, const domain::ReviewVerdict& verdict);
  static void Count(Job& job, domain::ReviewEffect effect);
  void NoteUndecided(Job& job, const std::string& account_id, const absl::Status& why);
  absl::Status AddChange(Job& job, const AccountWalk::Place& place, const domain::ReviewSubject& subject,
                         const domain::ReviewVerdict& verdict, domain::RankingNumber number);
  absl::Status Complete(Job& job);
  absl::StatusOr<bool> IsCompleted(const storage::v1::OpenReview& open) const;
  absl::Status ClearRow(Job& job);
  // Appends to "$reviews" and waits until that is durable, while the queue is full too; position of the record.
  absl::StatusOr<uint64_t> RecordOwn(const events::v1::Event& event, const std::string& request_id,
                                     const std::string& actor, const std::string& digest);
  absl::Status CheckRunning() const;
  absl::Status CheckRunning(const Job& job) const;
  // Lets a full queue drain for a moment. Errors: UNAVAILABLE (kStopping).
  absl::Status Pause();

  // How many there are. Errors: DATA_LOSS (kStoreDamaged).
  absl::StatusOr<uint64_t> RecordedReviews() const;
  absl::StatusOr<ReviewStatus> ReadReview(uint64_t number) const;
  ReviewStatus StatusOf(const Job& job) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<const store::ShardStore*> Stores() const;

  const std::vector<Shard*> shards_;
  const Clock& clock_;
  const ReviewerOptions options_;

  // Starts one after the other.
  Mutex start_mutex_;

  mutable Mutex mutex_;
  CondVar changed_;
  // Under way; null: none.
  std::shared_ptr<Job> current_ ABSL_GUARDED_BY(mutex_);
  // Waits for StartDue to try it again.
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;
  // Run since the last start, latest last.
  std::deque<std::shared_ptr<Job>> finished_ ABSL_GUARDED_BY(mutex_);
  uint64_t previews_ ABSL_GUARDED_BY(mutex_) = 0;
  // Of scheduled reviews, by request_id.
  std::map<std::string, Failure> failures_ ABSL_GUARDED_BY(mutex_);
  // What reviews have left undecided that StartDue has not told yet.
  absl::Status untold_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace keyledger::shard

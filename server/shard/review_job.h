// A review under way, as reviewer.cc starts it and review_run.cc runs it. Internal to the room.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "server/domain/ranking.h"
#include "server/shard/review_reader.h"
#include "server/shard/reviewer.h"

namespace keyledger::shard {

inline constexpr char kOpenReviewKey[] = "review.open";

// Written by the reviewer's thread only; what others read is atomic or guarded by the reviewer's mutex_.
struct Reviewer::Job {
  Job(storage::v1::OpenReview opened, bool is_preview, std::unique_ptr<const domain::ReviewRules> review_rules)
      : open(std::move(opened)),
        preview(is_preview),
        rules(std::move(review_rules)),
        row_stands(!is_preview),
        review(open.plan()) {}

  const storage::v1::OpenReview open;
  const bool preview;
  const std::unique_ptr<const domain::ReviewRules> rules;
  // Of a rerun: the review repeated.
  events::v1::ReviewStarted earlier;
  std::unique_ptr<const domain::ReviewRules> earlier_rules;

  // The reviewer's thread only. Numbers of the ranking have marks in the walk.
  std::unique_ptr<domain::Ranking> ranking;
  WalkMarks marks;
  // Accounts that could not be read to be measured, at most so many as the options allow.
  std::unordered_set<std::string> unread;
  // False: the walk that judges no longer gives accounts the numbers that they have in the ranking.
  bool numbers_hold = true;
  // True once ReviewStarted is, or may be, on the record.
  bool recorded = false;
  // True as long as the meta row says that this review has to be finished.
  bool row_stands;
  // Why it is given up; only its row is left to be cleared then.
  absl::Status failure;

  // A preview that makes way for what is due.
  std::atomic<bool> pre_empted{false};

  std::atomic<uint64_t> accounts{0};
  std::atomic<uint64_t> measured{0};
  std::atomic<uint64_t> judged{0};
  std::atomic<uint64_t> raised{0};
  std::atomic<uint64_t> lowered{0};
  std::atomic<uint64_t> locked{0};
  std::atomic<uint64_t> overtaken{0};
  std::atomic<uint64_t> begun{0};
  std::atomic<uint64_t> undecided{0};
  std::atomic<uint64_t> ranking_bytes{0};

  // Guarded by the reviewer's mutex_.
  events::v1::ReviewStarted review;
  ReviewPhase phase = ReviewPhase::kMeasuring;
  std::string detail;
  // Why it waits; OK: it does not.
  absl::Status trouble;
  // Of the first account that could not be decided; OK: all could.
  absl::Status first_undecided;
  Micros complete_time = 0;
  std::vector<ReviewChange> changes;
  uint64_t changes_total = 0;
};

// request_id of ReviewCompleted; no client can send one with spaces.
inline std::string CompletionId(const events::v1::ReviewStarted& review) { return "complete " + review.review_id(); }

// The rules of a review, with the programs that its cursor knows: what is published later does not change it.
absl::StatusOr<std::unique_ptr<const domain::ReviewRules>> MakeRules(const Shard& first,
                                                                     const events::v1::ReviewStarted& review);

}  // namespace keyledger::shard

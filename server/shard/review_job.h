// A review under way, as reviewer.cc starts it and review_run.cc runs it. Internal to the room.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/domain/ranking.h"
#include "server/shard/reviewer.h"

namespace keyledger::shard {

inline constexpr char kOpenReviewKey[] = "review.open";

// Written by the reviewer's thread only; what others read is atomic or guarded by the reviewer's mutex_.
struct Reviewer::Job {
  Job(storage::v1::OpenReview opened, bool is_preview, std::unique_ptr<const domain::ReviewRules> review_rules)
      : open(std::move(opened)), preview(is_preview), rules(std::move(review_rules)), review(open.plan()) {}

  const storage::v1::OpenReview open;
  const bool preview;
  const std::unique_ptr<const domain::ReviewRules> rules;
  // Of a rerun: the review repeated.
  events::v1::ReviewStarted earlier;
  std::unique_ptr<const domain::ReviewRules> earlier_rules;

  // The reviewer's thread only. Every kMarkEvery-th account of the ranking has a mark: the account walked before it.
  std::unique_ptr<domain::Ranking> ranking;
  std::vector<std::string> marks;
  // True once ReviewStarted is, or may be, on the record.
  bool recorded = false;

  std::atomic<uint64_t> accounts{0};
  std::atomic<uint64_t> measured{0};
  std::atomic<uint64_t> judged{0};
  std::atomic<uint64_t> raised{0};
  std::atomic<uint64_t> lowered{0};
  std::atomic<uint64_t> locked{0};
  std::atomic<uint64_t> overtaken{0};
  std::atomic<uint64_t> ranking_bytes{0};

  // Guarded by the reviewer's mutex_.
  events::v1::ReviewStarted review;
  ReviewPhase phase = ReviewPhase::kMeasuring;
  std::string detail;
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

// Population reviews on a whole ledger: figures frozen, tiers assigned, once, the same on any number of shards.
#include <map>
#include <thread>

#include "server/base/mutex.h"
#include "server/domain/proto_time.h"
#include "server/shard/account_reader.h"
#include "server/shard/review_reader.h"
#include "tests/support/ranks_program.h"
#include "tests/unit/shard/shard_fixture.h"

namespace keyledger::testing {
namespace {

using shard::ReviewPhase;
using shard::ReviewRequest;
using shard::ReviewStatus;

// Silver: the better half. Gold: the first two.
std::string Ranks() { return RanksProgram({{"silver", "top_percent_milli: 50_000"}, {"gold", "top_count: 2"}}); }

// 2025-06-01T00:00:00Z.
constexpr Micros kJune = 1'748'736'000 * kMicrosPerSecond;

shard::SubmittedEvent PaidWithPoints(int64_t usd, int64_t points, const std::string& invoice) {
  shard::SubmittedEvent paid = Bought(usd, invoice, kJune);
  paid.event.mutable_purchase_recorded()->mutable_lines(0)->set_points_paid(points);
  return paid;
}

class Review : public ::testing::TestWithParam<uint32_t> {
 protected:
  Review() : whole_(GetParam()) { EXPECT_TRUE(whole_.ledger().Publish(Ranks(), "p1", "").ok()); }

  // Accounts a0, a1 ... that bought so much in June.
  void Buy(const std::vector<int64_t>& usd) {
    for (size_t i = 0; i < usd.size(); ++i) {
      const std::string id = "a" + std::to_string(i);
      whole_.MustAppend(Command(id, "open", {Opened(kJune)}));
      if (usd[i] > 0) whole_.MustAppend(Command(id, "buy", {Bought(usd[i], id + "-1", kJune)}));
    }
  }

  static ReviewRequest Request(const std::string& request_id, Micros as_of = kNewYear) {
    ReviewRequest request;
    request.program_id = "ranks";
    request.as_of = as_of;
    request.request_id = request_id;
    request.digest = request_id + std::to_string(as_of);
    request.actor = "tester";
    return request;
  }

  absl::StatusOr<ReviewStatus> Start(const ReviewRequest& request) { return whole_.ledger().reviewer().Start(request); }

  ReviewStatus Run(const ReviewRequest& request) {
    const auto started = Start(request);
    EXPECT_TRUE(started.ok()) << started.status();
    if (!started.ok()) return {};
    whole_.ledger().reviewer().WaitUntilIdle();
    const auto status = whole_.ledger().reviewer().Get(started->review.review_id());
    EXPECT_TRUE(status.ok()) << status.status();
    return status.ok() ? *status : ReviewStatus{};
  }

  std::string TierOf(const std::string& id) {
    const auto state = whole_.ledger().ShardOfAccount(id).ReadState(id);
    EXPECT_TRUE(state.ok() && state->has_value());
    return (*state)->tier.tier_id;
  }

  std::vector<std::string> Tiers(size_t count) {
    std::vector<std::string> tiers;
    for (size_t i = 0; i < count; ++i) tiers.push_back(TierOf("a" + std::to_string(i)));
    return tiers;
  }

  // Assignments by the review, by account.
  std::map<std::string, int> Assigned(const std::string& review_id) {
    std::map<std::string, int> assigned;
    for (uint32_t shard = 0; shard < GetParam(); ++shard) {
      for (const auto& record : whole_.Records(shard)) {
        if (record.event().has_tier_assigned() && record.event().tier_assigned().review_id() == review_id) {
          ++assigned[record.account_id()];
        }
      }
    }
    return assigned;
  }

  uint64_t RecordCount() {
    uint64_t count = 0;
    for (uint32_t shard = 0; shard < GetParam(); ++shard) count += whole_.Records(shard).size();
    return count;
  }

  WholeLedger whole_;
};

INSTANTIATE_TEST_SUITE_P(Shards, Review, ::testing::Values(1u, 4u));

using Strings = std::vector<std::string>;

TEST_P(Review, AssignsTiersByRankAndFreezesTheCuts) {
  Buy({10, 50, 30, 40, 20, 0});
  const ReviewStatus status = Run(Request("r1"));
  EXPECT_EQ(status.phase, ReviewPhase::kCompleted) << status.detail;
  EXPECT_EQ(Tiers(6), (Strings{"member", "gold", "silver", "gold", "member", "member"}));
  EXPECT_EQ(status.review.review_id(), "review-1");
  EXPECT_EQ(status.review.population(), 5u) << "the last account never bought";
  ASSERT_EQ(status.review.cuts_size(), 2);
  EXPECT_EQ(status.review.cuts(0).top_percent_milli(), 50'000u);
  EXPECT_EQ(status.review.cuts(0).members(), 3u) << "half of 5, rounded up";
  EXPECT_EQ(status.review.cuts(0).last_value(), 30 * kUnit);
  EXPECT_EQ(status.review.cuts(0).last_account_id(), "a2");
  EXPECT_EQ(status.review.cuts(1).top_count(), 2u);
  EXPECT_EQ(status.review.cuts(1).members(), 2u);
  EXPECT_EQ(status.review.cuts(1).last_value(), 40 * kUnit);
  EXPECT_EQ(status.review.cuts(1).last_account_id(), "a3");
  EXPECT_EQ(domain::MicrosOf(status.review.cuts(1).window_start()), kNewYear - 365 * kMicrosPerDay);
  EXPECT_EQ(status.raised, 3u);
  EXPECT_EQ(status.lowered, 0u);
  EXPECT_EQ(status.accounts, 6u);
  EXPECT_EQ(status.measured, 6u);
  EXPECT_EQ(status.judged, 6u);
}

TEST_P(Review, LeavesItsBeginningAndItsEndOnTheFirstShard) {
  Buy({10, 50, 30});
  Run(Request("r1"));
  std::string kinds;
  for (const auto& record : whole_.Records(0)) {
    if (record.account_id() != "$reviews") continue;
    kinds += record.event().has_review_started() ? "started " : "completed ";
    if (record.event().has_review_started()) {
      EXPECT_EQ(record.actor(), "tester");
      EXPECT_EQ(record.request_id(), "r1");
      EXPECT_EQ(record.event().review_started().cursor_size(), static_cast<int>(GetParam()));
    } else {
      EXPECT_EQ(record.event().review_completed().raised(), 2u);
    }
  }
  EXPECT_EQ(kinds, "started completed ");
}

TEST_P(Review, RecordsRankAndCutValueWithTheTier) {
  Buy({10, 50, 30});
  Run(Request("r1"));
  const shard::Shard& home = whole_.ledger().ShardOfAccount("a2");
  bool found = false;
  for (const auto& record : whole_.Records(home.number())) {
    if (record.account_id() != "a2" || record.event().tier_assigned().review_id().empty()) continue;
    found = true;
    const events::v1::TierAssigned& assigned = record.event().tier_assigned();
    EXPECT_EQ(assigned.reason(), events::v1::TIER_ASSIGNMENT_REASON_POPULATION_REVIEW);
    EXPECT_EQ(assigned.tier_id(), "gold");
    ASSERT_EQ(assigned.met_size(), 1);
    EXPECT_EQ(assigned.met(0).value(), 30 * kUnit);
    EXPECT_EQ(assigned.met(0).threshold(), 30 * kUnit);
    EXPECT_EQ(assigned.met(0).rank(), 2u);
    EXPECT_EQ(record.program().program_id(), "ranks");
    EXPECT_EQ(domain::MicrosOf(record.occurred_time()), kNewYear);
  }
  EXPECT_TRUE(found);
}

TEST_P(Review, BreaksTiesByAgeThenById) {
  whole_.MustAppend(Command("young", "r", {Opened(kJune + 1), Bought(10, "1", kJune + 2)}));
  whole_.MustAppend(Command("old-b", "r", {Opened(kJune), Bought(10, "2", kJune + 2)}));
  whole_.MustAppend(Command("old-c", "r", {Opened(kJune), Bought(10, "3", kJune + 2)}));
  whole_.MustAppend(Command("old-a", "r", {Opened(kJune), Bought(10, "4", kJune + 2)}));
  Run(Request("r1"));
  EXPECT_EQ(TierOf("old-a"), "gold");
  EXPECT_EQ(TierOf("old-b"), "gold");
  EXPECT_EQ(TierOf("old-c"), "member");
  EXPECT_EQ(TierOf("young"), "member");
}

TEST_P(Review, CountsOnlyWhatOccurredBeforeTheMoment) {
  Buy({10, 50, 30});
  // January's purchases are not last year's, and drop nothing of what was.
  whole_.MustAppend(Command("a0", "late", {Bought(1'000, "late", kToday)}));
  const ReviewStatus status = Run(Request("r1"));
  EXPECT_EQ(Tiers(3), (Strings{"member", "gold", "gold"}));
  EXPECT_EQ(status.review.population(), 3u);
}

TEST_P(Review, MeasuresAPurchasePaidWithPointsOfAnAccountThatWentOn) {
  Buy({10, 50, 30});
  whole_.MustAppend(Command("a0", "paid", {Adjusted(100, kJune), PaidWithPoints(60, 100, "paid")}));
  whole_.MustAppend(Command("a0", "late", {Visited("org.example.visit", kToday)}));
  const ReviewStatus status = Run(Request("r1"));
  EXPECT_EQ(status.phase, ReviewPhase::kCompleted) << status.detail;
  EXPECT_EQ(status.undecided, 0u);
  EXPECT_EQ(status.review.cuts(1).last_value(), 50 * kUnit);
  EXPECT_EQ(Tiers(3), (Strings{"gold", "gold", "member"}));
}

TEST_P(Review, LeavesADamagedAccountUndecidedAndGoesOnWithTheOthers) {
  Buy({10, 50, 30, 40});
  Damage(whole_, "a1");
  shard::Reviewer& reviewer = whole_.ledger().reviewer();
  ReviewRequest preview = Request("r0");
  preview.validate_only = true;
  EXPECT_EQ(Run(preview).undecided, 1u);
  ASSERT_TRUE(reviewer.StartDue().ok()) << "a preview is told to who asked for it";
  const ReviewStatus status = Run(Request("r1"));
  EXPECT_EQ(status.phase, ReviewPhase::kCompleted) << status.detail;
  EXPECT_EQ(status.undecided, 1u);
  EXPECT_EQ(status.review.population(), 3u);
  EXPECT_EQ(TierOf("a2"), "gold");
  EXPECT_EQ(TierOf("a3"), "gold");
  EXPECT_NE(status.detail.find("'a1' is left undecided"), std::string::npos) << status.detail;
  const absl::Status told = reviewer.StartDue();
  EXPECT_EQ(ReasonOf(told), Reason::kStoreDamaged) << told;
  EXPECT_NE(MessageOf(told).find("review-1"), std::string::npos) << told;
  EXPECT_TRUE(reviewer.StartDue().ok()) << "once";
  whole_.Reopen();
  EXPECT_EQ(whole_.ledger().reviewer().Get("review-1")->undecided, 1u);
}

TEST_P(Review, PreviewCountsWhomALockHolds) {
  Buy({10, 50, 30});
  shard::SubmittedEvent lock = Fact(kJune);
  lock.event.mutable_tier_locked()->set_ladder_id("ranks");
  lock.event.mutable_tier_locked()->set_tier_id("member");
  lock.event.mutable_tier_locked()->set_reason("contract");
  whole_.MustAppend(Command("a1", "lock", {lock}));
  ReviewRequest request = Request("r1");
  request.validate_only = true;
  const ReviewStatus preview = Run(request);
  EXPECT_EQ(preview.raised, 1u);
  EXPECT_EQ(preview.locked, 1u);
  const ReviewStatus applied = Run(Request("r2"));
  EXPECT_EQ(applied.raised, 1u);
  EXPECT_EQ(applied.locked, 1u);
  EXPECT_EQ(Tiers(3), (Strings{"member", "member", "gold"}));
}

TEST_P(Review, OfARenamedLadderMovesEveryAccountToIt) {
  Buy({10, 50, 30});
  Run(Request("r1", kNewYear - 61 * kMicrosPerDay));
  ASSERT_EQ(Tiers(3), (Strings{"member", "gold", "gold"}));
  std::string renamed = Ranks();
  renamed.replace(renamed.find("2000-01-01"), 10, "2025-12-01");
  renamed.replace(renamed.find("ladder_id: ranks"), 16, "ladder_id: ranks2");
  ASSERT_TRUE(whole_.ledger().Publish(renamed, "p2", "").ok());
  const ReviewStatus status = Run(Request("r2"));
  EXPECT_EQ(status.begun, 3u);
  EXPECT_EQ(status.raised, 0u);
  EXPECT_EQ(status.lowered, 0u);
  EXPECT_EQ(status.overtaken, 0u);
  EXPECT_EQ(Tiers(3), (Strings{"member", "gold", "gold"}));
  for (const std::string id : {"a0", "a1", "a2"}) {
    EXPECT_EQ((*whole_.ledger().ShardOfAccount(id).ReadState(id))->tier.ladder_id, "ranks2");
  }
}

TEST_P(Review, OfTheSameRequestIsTheSameReview) {
  Buy({10, 50, 30});
  Run(Request("r1"));
  const uint64_t records = RecordCount();
  const auto again = Start(Request("r1"));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->review.review_id(), "review-1");
  EXPECT_EQ(again->phase, ReviewPhase::kCompleted);
  whole_.Reopen();
  const auto later = Start(Request("r1"));
  ASSERT_TRUE(later.ok()) << later.status();
  EXPECT_EQ(later->phase, ReviewPhase::kCompleted);
  EXPECT_EQ(later->raised, 2u);
  EXPECT_EQ(RecordCount(), records);
  ReviewRequest other = Request("r1");
  other.digest = "another body";
  EXPECT_EQ(ReasonOf(Start(other).status()), Reason::kRequestIdReused);
}

TEST_P(Review, PreviewedWritesNothingAndSaysTheSame) {
  Buy({10, 50, 30});
  const uint64_t records = RecordCount();
  ReviewRequest request = Request("r1");
  request.validate_only = true;
  const ReviewStatus preview = Run(request);
  EXPECT_EQ(preview.review.review_id(), "preview-1");
  EXPECT_EQ(preview.phase, ReviewPhase::kCompleted);
  EXPECT_EQ(RecordCount(), records);
  EXPECT_EQ(Tiers(3), (Strings{"member", "member", "member"}));
  const auto changes = whole_.ledger().reviewer().ListChanges("preview-1", 0, 10);
  ASSERT_TRUE(changes.ok());
  ASSERT_EQ(changes->changes.size(), 2u);
  EXPECT_EQ(changes->total, 2u);
  EXPECT_EQ(changes->changes[0].account_id, "a1");
  EXPECT_EQ(changes->changes[0].held_tier_id, "member");
  EXPECT_EQ(changes->changes[0].tier_id, "gold");
  EXPECT_EQ(changes->changes[0].standings[1].rank, 1u);
  EXPECT_EQ(changes->changes[1].account_id, "a2");
  EXPECT_EQ(whole_.ledger().reviewer().ListChanges("preview-1", 1, 10)->changes.size(), 1u);
  const ReviewStatus applied = Run(Request("r2"));
  EXPECT_EQ(applied.raised, preview.raised);
  EXPECT_EQ(applied.review.cuts(1).SerializeAsString(), preview.review.cuts(1).SerializeAsString());
}

TEST_P(Review, LowersNextYearWhomOthersOvertook) {
  Buy({10, 50, 30});
  ReviewRequest first = Request("r1", kNewYear - 61 * kMicrosPerDay);
  Run(first);
  EXPECT_EQ(Tiers(3), (Strings{"member", "gold", "gold"}));
  whole_.MustAppend(Command("a0", "more", {Bought(100, "more", kNewYear - kMicrosPerDay)}));
  const ReviewStatus status = Run(Request("r2"));
  EXPECT_EQ(Tiers(3), (Strings{"gold", "gold", "member"}));
  EXPECT_EQ(status.raised, 1u);
  EXPECT_EQ(status.lowered, 1u);
}

TEST_P(Review, RerunShowsWhatLateEventsChangeAndWhy) {
  Buy({10, 50, 30});
  Run(Request("r1"));
  // Last year's invoice of 50 came back last year, which is heard of only now; and a0 bought more than was known.
  whole_.MustAppend(Command("a1", "back", {Returned(50, "a1-1", "c1", kNewYear - kMicrosPerDay)}));
  whole_.MustAppend(Command("a0", "late", {Bought(15, "late", kNewYear - kMicrosPerDay)}));
  EXPECT_EQ(ReasonOf(Start(Request("r2")).status()), Reason::kReviewNotPossible);
  ReviewRequest rerun = Request("r3");
  rerun.reruns_review_id = "review-1";
  const ReviewStatus status = Run(rerun);
  EXPECT_EQ(status.phase, ReviewPhase::kCompleted) << status.detail;
  EXPECT_EQ(Tiers(3), (Strings{"gold", "member", "gold"}));
  const auto changes = whole_.ledger().reviewer().ListChanges("review-2", 0, 10);
  ASSERT_TRUE(changes.ok());
  ASSERT_EQ(changes->changes.size(), 2u);
  EXPECT_EQ(changes->changes[0].account_id, "a0");
  EXPECT_EQ(changes->changes[0].earlier_tier_id, "member");
  EXPECT_EQ(changes->changes[0].earlier_values[1], 10 * kUnit);
  EXPECT_EQ(changes->changes[0].standings[1].value, 25 * kUnit);
  EXPECT_EQ(changes->changes[0].standings[1].rank, 2u);
  EXPECT_EQ(changes->changes[1].account_id, "a1");
  EXPECT_EQ(changes->changes[1].earlier_tier_id, "gold");
  EXPECT_EQ(changes->changes[1].tier_id, "member");
  EXPECT_EQ(changes->changes[1].earlier_values[1], 50 * kUnit);
  EXPECT_EQ(changes->changes[1].standings[1].value, 0);
}

TEST_P(Review, RefusesWhatCannotBeReviewed) {
  Buy({10});
  ReviewRequest request = Request("r1");
  request.program_id = "none";
  EXPECT_EQ(ReasonOf(Start(request).status()), Reason::kProgramNotFound);
  request = Request("r1");
  request.program_version = 2;
  EXPECT_EQ(ReasonOf(Start(request).status()), Reason::kProgramNotFound);
  request = Request("r1");
  request.ladder_id = "none";
  EXPECT_EQ(ReasonOf(Start(request).status()), Reason::kReviewNotPossible);
  EXPECT_EQ(ReasonOf(Start(Request("r1", kNewYear + 1)).status()), Reason::kInvalidField);
  request = Request("r1");
  request.reruns_review_id = "review-1";
  EXPECT_EQ(ReasonOf(Start(request).status()), Reason::kReviewNotFound);
  ASSERT_TRUE(whole_.ledger().Publish(kPlainProgram, "p2", "").ok());
  request = Request("r1");
  request.program_id = "plain";
  const absl::Status absolute = Start(request).status();
  EXPECT_EQ(ReasonOf(absolute), Reason::kReviewNotPossible);
  EXPECT_NE(MessageOf(absolute).find("no relative cuts"), std::string::npos);
  EXPECT_EQ(ReasonOf(Start(Request("r1", -40 * 365 * kMicrosPerDay)).status()), Reason::kReviewNotPossible)
      << "the program was not in force";
  EXPECT_EQ(ReasonOf(whole_.ledger().reviewer().Get("review-1").status()), Reason::kReviewNotFound);
  EXPECT_EQ(ReasonOf(whole_.ledger().reviewer().Get("preview-1").status()), Reason::kReviewNotFound);
}

TEST_P(Review, RefusesAMomentThatIsNotOverByMoreThanTheSkew) {
  // Five minutes are allowed.
  whole_.clock().Set(kNewYear - 301 * kMicrosPerSecond);
  EXPECT_EQ(ReasonOf(Start(Request("r1")).status()), Reason::kOccurredInFuture);
  whole_.clock().Set(kNewYear - 300 * kMicrosPerSecond);
  EXPECT_TRUE(Start(Request("r1")).ok());
  whole_.ledger().reviewer().WaitUntilIdle();
}

TEST_P(Review, RefusesAnEarlierMomentOnceALaterOneIsDecided) {
  Buy({10});
  Run(Request("r1"));
  const Micros before = kNewYear - 31 * kMicrosPerDay;
  EXPECT_EQ(ReasonOf(Start(Request("r2", before)).status()), Reason::kReviewNotPossible);
  ReviewRequest preview = Request("r3", before);
  preview.validate_only = true;
  EXPECT_EQ(Run(preview).phase, ReviewPhase::kCompleted);
}

TEST_P(Review, ListsReviewsLatestFirst) {
  Buy({10});
  Run(Request("r1", kNewYear - 31 * kMicrosPerDay));
  Run(Request("r2"));
  const auto all = whole_.ledger().reviewer().List(std::numeric_limits<uint64_t>::max(), 10);
  ASSERT_TRUE(all.ok());
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ((*all)[0].review.review_id(), "review-2");
  EXPECT_EQ((*all)[1].review.review_id(), "review-1");
  EXPECT_EQ(whole_.ledger().reviewer().List(2, 10)->size(), 1u);
  EXPECT_EQ(whole_.ledger().reviewer().List(100, 1)->size(), 1u);
}

// A clock that can be held: then the sequencer of a review's first record waits in it, and the review with it.
// Threads: thread-safe; Hold, Release and the destructor by the test's.
class HeldClock final : public Clock {
 public:
  ~HeldClock() override { Release(); }

  Micros Now() const override {
    MutexLock lock(mutex_);
    if (std::this_thread::get_id() == test_) return kToday;
    while (held_) {
      someone_ = true;
      changed_.NotifyAll();
      changed_.Wait(mutex_);
    }
    return kToday;
  }
  void Hold() { Set(true); }
  void Release() { Set(false); }
  void AwaitSomeone() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    MutexLock lock(mutex_);
    while (!someone_) KL_CHECK(changed_.WaitUntil(mutex_, deadline));
  }

 private:
  void Set(bool held) {
    MutexLock lock(mutex_);
    held_ = held;
    changed_.NotifyAll();
  }

  const std::thread::id test_ = std::this_thread::get_id();
  mutable Mutex mutex_;
  mutable CondVar changed_;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  mutable bool someone_ ABSL_GUARDED_BY(mutex_) = false;
};

// The same ledger under a clock that holds the next review before its first record.
class HeldReview : public Review {
 protected:
  HeldReview() {
    Buy({10, 50, 30, 40, 20});
    whole_.Close();
    auto opened = shard::Ledger::Open(whole_.options(), clock_);
    EXPECT_TRUE(opened.ok()) << opened.status();
    KL_CHECK(opened.ok());
    ledger_ = *std::move(opened);
    clock_.Hold();
    const auto started = reviewer().Start(Request("r1"));
    EXPECT_TRUE(started.ok()) << started.status();
    clock_.AwaitSomeone();
  }
  ~HeldReview() override { clock_.Release(); }

  shard::Reviewer& reviewer() { return ledger_->reviewer(); }

  HeldClock clock_;
  std::unique_ptr<shard::Ledger> ledger_;
};

INSTANTIATE_TEST_SUITE_P(Shards, HeldReview, ::testing::Values(1u, 4u));

TEST_P(HeldReview, KeepsASecondOneFromBeginning) {
  ReviewRequest preview = Request("r2");
  preview.validate_only = true;
  for (const ReviewRequest& second : {Request("r2"), preview}) {
    const absl::Status refused = reviewer().Start(second).status();
    EXPECT_EQ(ReasonOf(refused), Reason::kReviewRunning);
    EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(MetadataOf(refused), (std::vector<std::pair<std::string, std::string>>{{"review_id", "review-1"}}));
  }
  EXPECT_EQ(reviewer().Start(Request("r1"))->review.review_id(), "review-1") << "the same request is no second review";
  clock_.Release();
  reviewer().WaitUntilIdle();
  EXPECT_TRUE(reviewer().Start(preview).ok());
  reviewer().WaitUntilIdle();
  EXPECT_EQ(reviewer().Get("preview-1")->phase, ReviewPhase::kCompleted);
}

TEST_P(HeldReview, InterruptedByAStopGoesOn) {
  std::thread stop([&] { reviewer().Stop(); });
  // Returns while the review is held because the reviewer is stopping.
  reviewer().WaitUntilIdle();
  clock_.Release();
  stop.join();
  int own_records = 0;
  for (uint32_t shard = 0; shard < GetParam(); ++shard) {
    for (const auto& record : RecordsOf(ledger_->shard(shard).store())) {
      own_records += record.account_id() == "$reviews" ? 1 : 0;
      EXPECT_EQ(record.event().tier_assigned().review_id(), "");
    }
  }
  EXPECT_EQ(own_records, 1) << "begun, and neither decided nor completed";
  ledger_.reset();
  whole_.Open();
  whole_.ledger().reviewer().WaitUntilIdle();
  const auto status = whole_.ledger().reviewer().Get("review-1");
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->phase, ReviewPhase::kCompleted) << status->detail;
  EXPECT_EQ(Tiers(5), (Strings{"member", "gold", "silver", "gold", "member"}));
  EXPECT_EQ(Assigned("review-1"), (std::map<std::string, int>{{"a1", 1}, {"a2", 1}, {"a3", 1}}));
}

TEST(EarlierAccount, ThatPaidWithPointsHasItsPurchasesAndItsProfile) {
  WholeLedger whole;
  whole.MustAppend(Command("acme", "r1", {Opened(kJune), Adjusted(100, kJune), PaidWithPoints(60, 100, "i1")}));
  whole.MustAppend(Command("acme", "r2", {Bought(5, "i2", kToday)}));
  const store::ShardStore& store = whole.ledger().shard(0).store();
  const auto earlier = shard::FoldEarlier(store, "acme", shard::kHead, kNewYear);
  ASSERT_TRUE(earlier.ok()) << earlier.status();
  ASSERT_TRUE(earlier->has_value());
  EXPECT_EQ((*earlier)->purchase_count, 1);
  EXPECT_EQ((*earlier)->last_purchase, kJune);
  EXPECT_EQ((*earlier)->display_name, "Acme");
  EXPECT_EQ((*earlier)->next_revision, 3u);
  const auto before = shard::FoldEarlier(store, "acme", shard::kHead, kJune);
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_FALSE(before->has_value());
  EXPECT_FALSE(shard::FoldEarlier(store, "nobody", shard::kHead, kNewYear)->has_value());
}

TEST(WalkMarks, LeadToAnAccountWithinAThousandOfIt) {
  shard::WalkMarks marks;
  // The first and the last of 10,000 accounts are ranked, and one in the middle of a stretch of others.
  uint32_t number = 0;
  std::vector<uint32_t> ranked;
  for (uint32_t i = 0; i < 10'000; ++i) {
    marks.Walk(i == 0 ? "" : std::to_string(i - 1), number);
    if (i == 0 || i == 6'000 || i == 9'999) {
      ranked.push_back(i);
      ++number;
    }
  }
  for (uint32_t wanted = 0; wanted < ranked.size(); ++wanted) {
    const shard::WalkMarks::Mark& mark = marks.Before(wanted);
    const uint32_t first = mark.after.empty() ? 0 : static_cast<uint32_t>(std::stoul(mark.after)) + 1;
    EXPECT_LE(first, ranked[wanted]);
    EXPECT_LT(ranked[wanted] - first, 1'024u);
    EXPECT_EQ(mark.number, wanted) << "none is ranked between the mark and it";
  }
}

class ReviewSchedule : public ::testing::TestWithParam<uint32_t> {
 protected:
  // The reviews there are after a sweep at `now`.
  size_t Sweep(Micros now) {
    whole_.clock().Set(now);
    EXPECT_TRUE(whole_.ledger().SweepNow().ok());
    whole_.ledger().reviewer().WaitUntilIdle();
    return whole_.ledger().reviewer().List(std::numeric_limits<uint64_t>::max(), 10)->size();
  }

  WholeLedger whole_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Shards, ReviewSchedule, ::testing::Values(1u, 4u));

// Ten minutes.
constexpr Micros kQuiet = 600 * kMicrosPerSecond;

TEST_P(ReviewSchedule, BeginsOnceWhenThePeriodAndTheQuietTimeAreOver) {
  whole_.clock().Set(kNewYear - kMicrosPerDay);
  ASSERT_TRUE(whole_.ledger().Publish(Ranks(), "p1", "").ok());
  whole_.MustAppend(Command("a", "r", {Opened(kJune), Bought(10, "1", kJune)}));
  EXPECT_EQ(Sweep(kNewYear + kQuiet - 1), 0u);
  EXPECT_EQ(Sweep(kNewYear + kQuiet), 1u);
  const auto status = whole_.ledger().reviewer().Get("review-1");
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(status->phase, ReviewPhase::kCompleted);
  EXPECT_EQ(status->actor, "");
  EXPECT_EQ(domain::MicrosOf(status->review.as_of()), kNewYear);
  EXPECT_EQ(status->raised, 1u);
  EXPECT_EQ(Sweep(kNewYear + kQuiet + 60 * kMicrosPerSecond), 1u);
  whole_.Reopen();
  EXPECT_EQ(Sweep(kNewYear + 30 * kMicrosPerDay), 1u);
  EXPECT_EQ(Sweep(kNewYear + 365 * kMicrosPerDay + kQuiet), 2u);
}

TEST_P(ReviewSchedule, LeavesAMomentAloneThatSomebodyReviewed) {
  whole_.clock().Set(kNewYear - kMicrosPerDay);
  ASSERT_TRUE(whole_.ledger().Publish(Ranks(), "p1", "").ok());
  whole_.clock().Set(kNewYear);
  ReviewRequest request;
  request.program_id = "ranks";
  request.as_of = kNewYear;
  request.request_id = "by hand";
  ASSERT_TRUE(whole_.ledger().reviewer().Start(request).ok());
  whole_.ledger().reviewer().WaitUntilIdle();
  EXPECT_EQ(Sweep(kNewYear + kQuiet), 1u);
}

TEST_P(ReviewSchedule, LeavesMomentsBeforeThePublicationToPeople) {
  whole_.clock().Set(kNewYear + 1);
  ASSERT_TRUE(whole_.ledger().Publish(Ranks(), "p1", "").ok());
  EXPECT_EQ(Sweep(kNewYear + kMicrosPerDay), 0u);
}

TEST_P(ReviewSchedule, GoesOnWithTheNextProgramWhenOneFailsAndTriesThatAgainLater) {
  whole_.clock().Set(kNewYear - kMicrosPerDay);
  ASSERT_TRUE(whole_.ledger().Publish(Ranks(), "p1", "").ok());
  std::string others = Ranks();
  others.replace(others.find("program_id: ranks"), 17, "program_id: others");
  ASSERT_TRUE(whole_.ledger().Publish(others, "p2", "").ok());
  whole_.MustAppend(Command("a", "r", {Opened(kJune), Bought(10, "1", kJune)}));
  Damage(whole_, "a");
  std::vector<shard::Shard*> shards;
  for (uint32_t number = 0; number < GetParam(); ++number) shards.push_back(&whole_.ledger().shard(number));
  // Not one account may be unreadable.
  shard::Reviewer reviewer(shards, whole_.clock(), {0, kQuiet, 0});
  // The program whose review ran last.
  const auto sweep = [&](absl::Status& told) {
    told = reviewer.StartDue();
    reviewer.WaitUntilIdle();
    const auto status = reviewer.Get("review-1");
    EXPECT_TRUE(status.ok()) << status.status();
    EXPECT_EQ(status->phase, ReviewPhase::kFailed);
    return status->review.program_id();
  };
  absl::Status told;
  whole_.clock().Set(kNewYear + kQuiet);
  EXPECT_EQ(sweep(told), "ranks");
  EXPECT_TRUE(told.ok()) << told;
  EXPECT_EQ(sweep(told), "others");
  EXPECT_EQ(ReasonOf(told), Reason::kStoreDamaged) << told;
  EXPECT_NE(MessageOf(told).find("scheduled ranks ranks"), std::string::npos) << told;
  whole_.clock().Set(kNewYear + kQuiet + 59 * kMicrosPerSecond);
  EXPECT_EQ(sweep(told), "others") << "neither is tried within the minute";
  EXPECT_FALSE(told.ok());
  whole_.clock().Set(kNewYear + kQuiet + 60 * kMicrosPerSecond);
  EXPECT_EQ(sweep(told), "ranks");
  EXPECT_EQ(sweep(told), "others");
  whole_.clock().Set(kNewYear + kQuiet + 179 * kMicrosPerSecond);
  EXPECT_EQ(sweep(told), "others") << "two minutes the second time";
  whole_.clock().Set(kNewYear + kQuiet + 180 * kMicrosPerSecond);
  EXPECT_EQ(sweep(told), "ranks");
  EXPECT_EQ(*whole_.ledger().shard(0).store().GetMeta("review.open"), "") << "a restart runs none of them";
}

TEST_P(ReviewSchedule, DoesNotWaitForAPreview) {
  whole_.clock().Set(kNewYear - kMicrosPerDay);
  ASSERT_TRUE(whole_.ledger().Publish(Ranks(), "p1", "").ok());
  for (int i = 0; i < 100; ++i) {
    const std::string id = "a" + std::to_string(i);
    whole_.MustAppend(Command(id, "r", {Opened(kJune), Bought(10, id, kJune)}));
  }
  whole_.clock().Set(kNewYear + kQuiet);
  ReviewRequest preview;
  preview.program_id = "ranks";
  preview.as_of = kNewYear;
  preview.request_id = "preview";
  preview.validate_only = true;
  ASSERT_TRUE(whole_.ledger().reviewer().Start(preview).ok());
  // The preview has hardly begun.
  ASSERT_TRUE(whole_.ledger().reviewer().StartDue().ok());
  const auto status = whole_.ledger().reviewer().Get("review-1");
  ASSERT_TRUE(status.ok()) << status.status();
  const auto made_way = whole_.ledger().reviewer().Get("preview-1");
  ASSERT_TRUE(made_way.ok());
  if (made_way->phase == ReviewPhase::kFailed) {
    EXPECT_NE(made_way->detail.find("made way for a scheduled review"), std::string::npos) << made_way->detail;
  }
  whole_.ledger().reviewer().WaitUntilIdle();
  EXPECT_EQ(whole_.ledger().reviewer().Get("review-1")->phase, ReviewPhase::kCompleted);
  EXPECT_EQ(whole_.ledger().reviewer().Get("review-1")->raised, 50u);
}

}  // namespace
}  // namespace keyledger::testing

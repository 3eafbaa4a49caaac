// Merges of accounts, replayed: what the ledger recorded is what follows from it, and what somebody made of it is not.
#include <functional>
#include <map>
#include <memory>

#include <fmt/format.h>

#include "server/base/ids.h"
#include "tests/unit/audit/merged_ledger.h"
#include "tests/unit/audit/random_ledger.h"

namespace keyledger::testing {
namespace {

using events::v1::Event;
using events::v1::EventRecord;

// 1 point per USD 1, after 14 days; tiers by what was bought in a year.
constexpr char kProgram[] = R"(program_id: merging
time_zone: UTC
currency_code: USD
effective_from: 2000-01-01
accrual_rules:
  - rule_id: base
    per_money: {points: 1, per_micros: 1_000_000}
    pending_days: 14
tier_ladder:
  ladder_id: main
  metric: net_spend
  window: {rolling_days: 365}
  review_period: year
  tiers:
    - {tier_id: bronze, entrance: 0}
    - {tier_id: silver, entrance: 1_000_000_000}
    - {tier_id: gold, entrance: 9_000_000_000}
)";

shard::SubmittedEvent LockedTo(const std::string& tier_id) {
  shard::SubmittedEvent fact = Fact();
  fact.event.mutable_tier_locked()->set_ladder_id("main");
  fact.event.mutable_tier_locked()->set_tier_id(tier_id);
  fact.event.mutable_tier_locked()->set_reason("founder");
  return fact;
}

// Accounts on every shard; four of them merged, one of those in vain at first, and into an account that is younger.
void Merge(WholeLedger& whole) {
  ASSERT_TRUE(whole.ledger().Publish(kProgram, "publish", "").ok());
  const auto settle = [&] { whole.ledger().courier().WaitUntilSettled(); };
  for (const char* id : {"a", "b", "c", "d", "e", "f"}) {
    whole.MustAppend(Command(id, "open", {Opened(), Adjusted(100), Bought(600, id)}));
  }
  shard::SubmittedEvent closed = Fact();
  closed.event.mutable_account_closed()->set_reason("moved away");
  shard::SubmittedEvent reopened = Fact();
  reopened.event.mutable_account_reopened()->set_reason("came back");
  whole.MustAppend(Command("b", "close", {closed}));
  whole.MustAppend(Command("a", "in vain", {Merged("b")}));
  settle();
  whole.MustAppend(Command("b", "reopen", {reopened}));
  whole.MustAppend(Command("a", "merge", {Merged("b")}));
  settle();
  whole.MustAppend(Command("c", "merge", {LockedTo("gold"), Merged("d", true)}));
  settle();
  whole.MustAppend(Command("b", "merge", {Merged("d")}));
  settle();
  whole.MustAppend(Command("young", "open", {Opened(kToday + 20 * kMicrosPerSecond)}));
  whole.MustAppend(Command("e", "merge", {Merged("young")}));
  settle();
  whole.MustAppend(Command("d", "buy", {Bought(7, "later", kToday + 30 * kMicrosPerSecond)}));
}

class ReplayOfMerges : public ::testing::TestWithParam<uint32_t> {
 protected:
  void SetUp() override {
    whole_ = std::make_unique<WholeLedger>(GetParam());
    Merge(*whole_);
  }
  MemorySource Source() { return MemorySource(LogsOf(*whole_)); }
  // What is found once `change` was made to the first record that is meant.
  Replayed Changed(const std::function<bool(const EventRecord&)>& is_meant,
                   const std::function<void(EventRecord&)>& change) {
    return ReplayChanged(Source(), is_meant, change);
  }

  std::unique_ptr<WholeLedger> whole_;
};

TEST_P(ReplayOfMerges, FindsNothingInWhatTheLedgerRecorded) {
  MemorySource source = Source();
  const Replayed replayed = ReplayAll(source);
  EXPECT_EQ(replayed.report.findings(), 0u) << Listed(replayed);
  // Six times 100 at once and 600 after 14 days, and 7.
  EXPECT_EQ(replayed.report.points().available(), 600);
  EXPECT_EQ(replayed.report.points().pending(), 3'607);
  EXPECT_EQ(replayed.report.points().transferred_in(), replayed.report.points().transferred_out());
}

TEST_P(ReplayOfMerges, OfOneAccountReadsTheOtherSide) {
  const std::map<std::string, int64_t> available = {{"a", 0}, {"b", 0}, {"c", 0}, {"d", 400}, {"e", 0}, {"young", 100}};
  for (const auto& [id, points] : available) {
    const auto source = shard::MakeAccountSource(StoresOf(whole_->ledger()), id);
    ASSERT_TRUE(source.ok()) << source.status();
    const Replayed replayed = ReplayAll(**source);
    EXPECT_EQ(replayed.report.findings(), 0u) << id << "\n" << Listed(replayed);
    EXPECT_EQ(replayed.report.points().available(), points) << id;
  }
}

TEST_P(ReplayOfMerges, FindsFiguresThatWereNotBrought) {
  const Replayed replayed =
      Changed([](const EventRecord& r) { return r.event().account_merge_received().from_account_id() == "e"; },
              [](EventRecord& r) {
                r.mutable_event()->mutable_account_merge_received()->mutable_merged()->set_purchase_count(2);
              });
  EXPECT_TRUE(Has(replayed, audit::v1::FINDING_KIND_BAD_TRANSFER, "young")) << Listed(replayed);
}

TEST_P(ReplayOfMerges, FindsFiguresThatTheAccountDidNotHave) {
  const auto of_e = [](const EventRecord& r) { return r.account_id() == "e" && r.event().has_account_merged(); };
  const Replayed replayed = Changed(of_e, [](EventRecord& r) {
    r.mutable_event()->mutable_account_merged()->mutable_merged()->mutable_trades(0)->mutable_bought(0)->set_micros(1);
  });
  EXPECT_TRUE(Has(replayed, audit::v1::FINDING_KIND_DIFFERENT_DECISION, "e") ||
              Has(replayed, audit::v1::FINDING_KIND_BAD_TRANSFER, "young"))
      << Listed(replayed);
  EXPECT_GE(replayed.report.findings(), 1u);
}

TEST_P(ReplayOfMerges, FindsATierThatNobodyBrought) {
  const Replayed replayed = Changed(
      [](const EventRecord& r) {
        return r.event().tier_assigned().reason() == events::v1::TIER_ASSIGNMENT_REASON_MERGED;
      },
      [](EventRecord& r) { r.mutable_event()->mutable_tier_assigned()->set_tier_id("silver"); });
  EXPECT_TRUE(Has(replayed, audit::v1::FINDING_KIND_DIFFERENT_DECISION, "d")) << Listed(replayed);
}

TEST_P(ReplayOfMerges, FindsAnEndThatNamesAnotherRecord) {
  const Replayed replayed =
      Changed([](const EventRecord& r) { return r.account_id() == "e" && r.event().has_account_merge_completed(); },
              [](EventRecord& r) {
                auto& completed = *r.mutable_event()->mutable_account_merge_completed();
                completed.set_received_event_id("0-0");
                completed.mutable_completed()->set_received_event_id("0-0");
              });
  EXPECT_TRUE(Has(replayed, audit::v1::FINDING_KIND_BAD_TRANSFER, "e")) << Listed(replayed);
}

TEST_P(ReplayOfMerges, FindsPointsThatDidNotArrive) {
  const Replayed replayed =
      Changed([](const EventRecord& r) { return r.event().points_transfer_received().from_account_id() == "e"; },
              [](EventRecord& r) { r.mutable_event()->mutable_points_transfer_received()->set_points(99); });
  EXPECT_TRUE(Has(replayed, audit::v1::FINDING_KIND_BAD_TRANSFER, "young")) << Listed(replayed);
}

INSTANTIATE_TEST_SUITE_P(Shards, ReplayOfMerges, ::testing::Values(1, 4));

// A merge that came back and was tried again under the same event_id. The receiver's log is read first.
class ReplayOfAMergeTriedAgain : public ::testing::Test {
 protected:
  ReplayOfAMergeTriedAgain() : whole_(2) {
    EXPECT_TRUE(whole_.ledger().Publish(kProgram, "publish", "").ok());
    whole_.MustAppend(Command(from_, "open", {Opened(), Adjusted(100)}));
    whole_.MustAppend(Command(to_, "open", {Opened()}));
    whole_.MustAppend(Command(to_, "close", {Closed()}));
    shard::SubmittedEvent merged = Merged(to_);
    merged.event_id = "m-1";
    whole_.MustAppend(Command(from_, "r1", {merged}));
    whole_.ledger().courier().WaitUntilSettled();
    shard::SubmittedEvent reopened = Fact();
    reopened.event.mutable_account_reopened()->set_reason("came back");
    whole_.MustAppend(Command(to_, "reopen", {reopened}));
    whole_.MustAppend(Command(from_, "r2", {merged}));
    whole_.ledger().courier().WaitUntilSettled();
  }

  const std::string from_ = AccountOn(1, 2, "from");
  const std::string to_ = AccountOn(0, 2, "to");
  WholeLedger whole_;
};

TEST_F(ReplayOfAMergeTriedAgain, UnderTheSameEventIdFindsNothing) {
  MemorySource source(LogsOf(whole_));
  const Replayed replayed = ReplayAll(source);
  EXPECT_EQ(replayed.report.findings(), 0u) << Listed(replayed);
  EXPECT_EQ(replayed.report.points().transferred_in(), 100);
}

TEST_F(ReplayOfAMergeTriedAgain, FindsPointsThatArrivedAndCameBackToo) {
  MemorySource source(LogsOf(whole_));
  const auto [shard, position] =
      Find(source, [](const EventRecord& r) { return r.event().has_account_merge_completed(); });
  source.Change(shard, position, [](EventRecord& r) {
    auto& returned = *r.mutable_event()->mutable_account_merge_returned();
    returned.set_refusal("ACCOUNT_CLOSED");
    returned.mutable_returned()->set_transfer_id("$merge");
  });
  const Replayed replayed = ReplayAll(source);
  EXPECT_TRUE(Has(replayed, audit::v1::FINDING_KIND_BAD_TRANSFER, to_)) << Listed(replayed);
}

TEST(ReplayOfARandomLedger, WithMergesFindsNothing) {
  int returned = 0;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    RandomLedger ledger(seed, 1 + static_cast<uint32_t>(seed % 4));
    ledger.Run(150);
    int taken = 0;
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 8; i += 2) {
        const auto merged = ledger.whole().Append(Command(
            fmt::format("acc-{}", i), fmt::format("merge{}", round),
            {Merged(fmt::format("acc-{}", (i + 1 + 2 * round) % 9), round == 0, ledger.whole().clock().Now())}));
        taken += merged.ok() ? 1 : 0;
      }
      ledger.FollowMerges();
      ledger.Run(60);
    }
    EXPECT_GE(taken, 1);
    MemorySource source(ledger.Logs());
    for (uint32_t shard = 0; shard < source.shard_count(); ++shard) {
      for (uint64_t i = 0; i < source.record_count(shard); ++i) {
        returned += source.Get(shard, i).event().purchase_returned().has_merged_purchase() ? 1 : 0;
      }
    }
    const Replayed replayed = ReplayAll(source);
    EXPECT_EQ(replayed.report.findings(), 0u) << "seed " << seed << "\n" << Listed(replayed);
  }
  EXPECT_GE(returned, 5);
}

}  // namespace
}  // namespace keyledger::testing

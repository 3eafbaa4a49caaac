// What was bought on an account that was merged into another and comes back there, replayed.
#include <memory>

#include <fmt/format.h>

#include "tests/unit/audit/merged_ledger.h"

namespace keyledger::testing {
namespace {

using events::v1::EventRecord;

constexpr char kNotAtHand[] = "had bought, as far as their records are not at hand";
constexpr char kDiffer[] = "returns of purchases whose own records differ";

// 30 units of USD 10 each, a part of it paid with points.
shard::SubmittedEvent BoughtThirty(const std::string& invoice, int64_t points_paid) {
  shard::SubmittedEvent fact = Bought(300, invoice);
  fact.event.mutable_purchase_recorded()->mutable_lines(0)->set_quantity(30);
  fact.event.mutable_purchase_recorded()->mutable_lines(0)->set_points_paid(points_paid);
  return fact;
}

shard::SubmittedEvent ReturnedUnits(int64_t units, const std::string& invoice) {
  shard::SubmittedEvent fact = Returned(10 * units, invoice);
  fact.event.mutable_purchase_returned()->mutable_lines(0)->set_quantity(units);
  return fact;
}

// Thirty units are bought on one account, partly with points of two lots; ten come back there, ten on the account that
// it is merged into, and the last ten, with another purchase, on the account that that one is merged into.
class ReplayOfMergedReturns : public ::testing::TestWithParam<uint32_t> {
 protected:
  ReplayOfMergedReturns() : whole_(GetParam()) {
    EXPECT_TRUE(whole_.ledger().Publish(kPlainProgram, "publish", "").ok());
    whole_.MustAppend(Command(first_, "open", {Opened(), Adjusted(90), Bought(60, "small")}));
    whole_.MustAppend(Command(first_, "buy", {BoughtThirty("big", 100)}));
    whole_.MustAppend(Command(first_, "return", {ReturnedUnits(10, "big")}));
    whole_.MustAppend(Command(second_, "open", {Opened(), Bought(50, "own")}));
    whole_.MustAppend(Command(last_, "open", {Opened()}));
    whole_.MustAppend(Command(first_, "merge", {Merged(second_)}));
    whole_.ledger().courier().WaitUntilSettled();
    whole_.MustAppend(Command(second_, "return", {ReturnedUnits(10, "big")}));
    whole_.MustAppend(Command(second_, "merge", {Merged(last_)}));
    whole_.ledger().courier().WaitUntilSettled();
    whole_.MustAppend(Command(last_, "return small", {Returned(60, "small")}));
    whole_.MustAppend(Command(last_, "return big", {ReturnedUnits(10, "big"), Visited()}));
    whole_.MustAppend(Command(last_, "return own", {Returned(20, "own"), Returned(5, "unheard of")}));
  }

  MemorySource Source() { return MemorySource(LogsOf(whole_)); }
  // What is found once `change` was made to the first record that is meant.
  Replayed Changed(const std::function<bool(const EventRecord&)>& is_meant,
                   const std::function<void(EventRecord&)>& change) {
    return ReplayChanged(Source(), is_meant, change);
  }
  // The last account's return of the thirty units.
  bool IsLastReturn(const EventRecord& r) const {
    return r.account_id() == last_ && r.event().purchase_returned().purchase_invoice_number() == "big";
  }
  Replayed ChangedReturn(const std::function<void(events::v1::PurchaseReturned&)>& change) {
    return Changed([&](const EventRecord& r) { return IsLastReturn(r); },
                   [&](EventRecord& r) { change(*r.mutable_event()->mutable_purchase_returned()); });
  }
  bool IsBig(const EventRecord& r) const {
    return r.account_id() == first_ && r.event().purchase_recorded().invoice_number() == "big";
  }
  uint64_t RevisionOf(const std::string& invoice) {
    for (const EventRecord& r : StreamOf(whole_, first_)) {
      if (r.event().purchase_recorded().invoice_number() == invoice) return r.revision();
    }
    return 0;
  }
  // Nothing is said against the accounts that goods came back to.
  void ExpectNothingAgainstTheOthers(const Replayed& replayed) {
    EXPECT_GE(replayed.report.findings(), 1u);
    for (const audit::v1::Finding& finding : replayed.findings) {
      EXPECT_NE(finding.account_id(), second_) << Listed(replayed);
      EXPECT_NE(finding.account_id(), last_) << Listed(replayed);
    }
  }

  WholeLedger whole_;
  const std::string first_ = AccountOn(GetParam() - 1, GetParam(), "first");
  const std::string second_ = AccountOn(GetParam() / 2, GetParam(), "second");
  const std::string last_ = AccountOn(0, GetParam(), "last");
};

TEST_P(ReplayOfMergedReturns, FindsNothingInWhatTheLedgerRecorded) {
  MemorySource source = Source();
  const Replayed replayed = ReplayAll(source);
  EXPECT_EQ(replayed.report.findings(), 0u) << Listed(replayed);
  EXPECT_FALSE(Says(replayed, "account", kNotAtHand));
  int64_t restored = 0;
  int lots = 0;
  for (const std::string& account_id : {second_, last_}) {
    for (const EventRecord& r : StreamOf(whole_, account_id)) {
      if (!r.event().has_points_restored()) continue;
      EXPECT_EQ(r.event().points_restored().merged_purchase().account_id(), first_);
      EXPECT_EQ(r.event().points_restored().merged_purchase().revision(), RevisionOf("big"));
      restored += r.event().points_restored().points();
      lots += 1;
    }
  }
  // 33 of 100 came back before the merge.
  EXPECT_EQ(restored, 67);
  EXPECT_EQ(lots, 3);
  // All that was paid with came back.
  EXPECT_EQ(replayed.report.points().spent(), 0);
  const auto stored = shard::MakeLedgerSource(StoresOf(whole_.ledger()));
  const Replayed again = ReplayAll(*stored);
  EXPECT_EQ(again.report.findings(), 0u) << Listed(again);
  EXPECT_EQ(again.report.records(), replayed.report.records());
}

TEST_P(ReplayOfMergedReturns, OfOneAccountSaysWhatItDidNotCheck) {
  for (const std::string& account_id : {first_, second_, last_}) {
    const auto source = shard::MakeAccountSource(StoresOf(whole_.ledger()), account_id);
    ASSERT_TRUE(source.ok()) << source.status();
    const Replayed replayed = ReplayAll(**source);
    EXPECT_EQ(replayed.report.findings(), 0u) << account_id << "\n" << Listed(replayed);
    EXPECT_EQ(Says(replayed, fmt::format("account '{}'", account_id), kNotAtHand), account_id != first_);
  }
}

TEST_P(ReplayOfMergedReturns, OfOneAccountIsCheckedWhereTheyNameItsOwnPurchases) {
  const std::string old = AccountOn(GetParam() - 1, GetParam(), "old");
  const std::string young = AccountOn(0, GetParam(), "young");
  whole_.MustAppend(Command(old, "open", {Opened(), Bought(7, "old")}));
  whole_.MustAppend(Command(young, "open", {Opened(), Bought(8, "young")}));
  whole_.MustAppend(Command(old, "merge", {Merged(young)}));
  whole_.ledger().courier().WaitUntilSettled();
  whole_.MustAppend(Command(young, "return", {Returned(8, "young")}));
  whole_.MustAppend(Command(young, "at once", {Bought(9, "now"), Returned(9, "now"), Returned(1, "")}));
  const auto source = shard::MakeAccountSource(StoresOf(whole_.ledger()), young);
  ASSERT_TRUE(source.ok()) << source.status();
  const Replayed replayed = ReplayAll(**source);
  EXPECT_EQ(replayed.report.findings(), 0u) << Listed(replayed);
  EXPECT_FALSE(Says(replayed, "account", kNotAtHand));
}

TEST_P(ReplayOfMergedReturns, FindsThatMoreCameBackThanWasLeft) {
  const Replayed replayed = ChangedReturn([](events::v1::PurchaseReturned& returned) {
    returned.mutable_lines(0)->set_quantity(11);
    returned.mutable_lines(0)->mutable_amount()->set_micros(110 * kUnit);
  });
  EXPECT_TRUE(Has(replayed, audit::v1::FINDING_KIND_REFUSED_FACT, last_)) << Listed(replayed);
}

TEST_P(ReplayOfMergedReturns, FindsTheNameOfAnotherPurchase) {
  const uint64_t small = RevisionOf("small");
  const Replayed replayed = ChangedReturn(
      [&](events::v1::PurchaseReturned& returned) { returned.mutable_merged_purchase()->set_revision(small); });
  ASSERT_EQ(replayed.report.findings(), 1u) << Listed(replayed);
  EXPECT_EQ(replayed.findings[0].kind(), audit::v1::FINDING_KIND_DIFFERENT_DECISION);
  EXPECT_EQ(replayed.findings[0].account_id(), last_);
  EXPECT_EQ(replayed.findings[0].expected(), fmt::format("merged_purchase.revision {}", RevisionOf("big")));
  EXPECT_EQ(replayed.findings[0].found(), fmt::format("merged_purchase.revision {}", small));
}

TEST_P(ReplayOfMergedReturns, FindsTheNameOfAnotherAccount) {
  for (const std::string& account_id : {second_, std::string("stranger")}) {
    const Replayed replayed = ChangedReturn([&](events::v1::PurchaseReturned& returned) {
      returned.mutable_merged_purchase()->set_account_id(account_id);
    });
    EXPECT_TRUE(Has(replayed, audit::v1::FINDING_KIND_DIFFERENT_DECISION, last_)) << Listed(replayed);
    EXPECT_EQ(Has(replayed, audit::v1::FINDING_KIND_CONTRADICTION, last_), account_id == "stranger")
        << Listed(replayed);
  }
}

TEST_P(ReplayOfMergedReturns, FindsAReturnThatNamesNoPurchaseAnyMore) {
  const Replayed replayed =
      ChangedReturn([](events::v1::PurchaseReturned& returned) { returned.clear_merged_purchase(); });
  EXPECT_TRUE(Has(replayed, audit::v1::FINDING_KIND_DIFFERENT_DECISION, last_)) << Listed(replayed);
}

TEST_P(ReplayOfMergedReturns, FindsPointsThatCameBackTwice) {
  for (const std::string& account_id : {second_, last_}) {
    const Replayed replayed =
        Changed([&](const EventRecord& r) { return r.account_id() == account_id && r.event().has_points_restored(); },
                [](EventRecord& r) {
                  auto& restored = *r.mutable_event()->mutable_points_restored();
                  restored.set_points(2 * restored.points());
                  restored.mutable_allocations(0)->set_points(restored.points());
                });
    EXPECT_TRUE(Has(replayed, audit::v1::FINDING_KIND_DIFFERENT_DECISION, account_id)) << Listed(replayed);
    EXPECT_FALSE(Has(replayed, audit::v1::FINDING_KIND_MISSING_DECISION, account_id)) << Listed(replayed);
  }
}

TEST_P(ReplayOfMergedReturns, FindsPointsThatNoLotIsNamedFor) {
  const Replayed replayed =
      Changed([&](const EventRecord& r) { return r.account_id() == last_ && r.event().has_points_restored(); },
              [](EventRecord& r) { r.mutable_event()->mutable_points_restored()->clear_allocations(); });
  EXPECT_TRUE(Has(replayed, audit::v1::FINDING_KIND_DIFFERENT_DECISION, last_) ||
              Has(replayed, audit::v1::FINDING_KIND_UNFOUNDED_DECISION, last_))
      << Listed(replayed);
}

TEST_P(ReplayOfMergedReturns, AreNotHeldAgainstAPurchaseWhosePointsWereForged) {
  const uint64_t big = RevisionOf("big");
  const Replayed replayed = Changed(
      [&](const EventRecord& r) {
        return r.account_id() == first_ && r.event().points_accrued().purchase_revision() == big;
      },
      [](EventRecord& r) {
        auto& accrued = *r.mutable_event()->mutable_points_accrued();
        accrued.set_points(accrued.points() + 500);
        accrued.mutable_lines(0)->set_points(accrued.points());
      });
  EXPECT_TRUE(Has(replayed, audit::v1::FINDING_KIND_DIFFERENT_DECISION, first_)) << Listed(replayed);
  ExpectNothingAgainstTheOthers(replayed);
  for (const std::string& account_id : {second_, last_}) {
    EXPECT_TRUE(Says(replayed, fmt::format("account '{}'", account_id), kDiffer)) << account_id;
  }
}

TEST_P(ReplayOfMergedReturns, AreNotHeldAgainstAPurchaseThatNobodyCouldHaveMade) {
  const Replayed replayed = Changed([&](const EventRecord& r) { return IsBig(r); },
                                    [](EventRecord& r) {
                                      auto& line = *r.mutable_event()->mutable_purchase_recorded()->mutable_lines(0);
                                      line.set_quantity(-1);
                                      line.set_points_paid(-1);
                                    });
  ExpectNothingAgainstTheOthers(replayed);
  for (const std::string& account_id : {second_, last_}) {
    EXPECT_TRUE(Says(replayed, fmt::format("account '{}'", account_id), kNotAtHand)) << account_id;
  }
}

TEST_P(ReplayOfMergedReturns, AreNotHeldAgainstAPurchaseThatCannotBeRead) {
  MemorySource source = Source();
  const auto [shard, position] = Find(source, [&](const EventRecord& r) { return IsBig(r); });
  source.logs()[shard][position] = "\xff\xff\xff\xff";
  const Replayed replayed = ReplayAll(source);
  ExpectNothingAgainstTheOthers(replayed);
  for (const std::string& account_id : {second_, last_}) {
    EXPECT_TRUE(Says(replayed, fmt::format("account '{}'", account_id), kNotAtHand)) << account_id;
  }
}

INSTANTIATE_TEST_SUITE_P(Shards, ReplayOfMergedReturns, ::testing::Values(1, 4));

// A source that fails where the stream of one account is read out of its turn.
class FailingSource final : public audit::RecordSource {
 public:
  FailingSource(MemorySource source, std::string stream) : source_(std::move(source)), stream_(std::move(stream)) {}

  audit::SourceScope scope() const override { return source_.scope(); }
  uint32_t shard_count() const override { return source_.shard_count(); }
  std::string origin(uint32_t shard) const override { return source_.origin(shard); }
  uint64_t record_count(uint32_t shard) const override { return source_.record_count(shard); }
  absl::Status ReadLog(uint32_t shard, const VisitRecord& visit) override { return source_.ReadLog(shard, visit); }
  absl::Status ListStreams(uint32_t shard, const VisitText& visit) override {
    return source_.ListStreams(shard, [&](const std::string& stream) {
      listed_ = stream;
      return visit(stream);
    });
  }
  absl::Status ReadStream(uint32_t shard, const std::string& stream, const VisitRecord& visit) override {
    if (stream == stream_ && stream != listed_) return absl::UnavailableError("the disk is gone");
    return source_.ReadStream(shard, stream, visit);
  }

 private:
  MemorySource source_;
  const std::string stream_;
  std::string listed_;
};

TEST_P(ReplayOfMergedReturns, EndWithTheErrorsOfTheSource) {
  FailingSource source(Source(), first_);
  audit::Findings findings(0, nullptr);
  EXPECT_EQ(audit::Replay(source, {}, findings).status(), absl::UnavailableError("the disk is gone"));
}

}  // namespace
}  // namespace keyledger::testing

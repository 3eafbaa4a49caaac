// Invoice and credit-note numbers: once per merchant, over all accounts of a shard, also among requests in flight; and
// returns that find the purchase they name, even while it is being written.
#include "server/domain/proto_time.h"
#include "tests/unit/shard/shard_fixture.h"

namespace keyledger::testing {
namespace {

std::string Meta(const absl::Status& status, const std::string& wanted) {
  for (const auto& [key, value] : MetadataOf(status)) {
    if (key == wanted) return value;
  }
  return "";
}

TEST(Invoice, IsRecordedOncePerMerchantOverAllAccounts) {
  OneShard one;
  one.MustAppend(Command("acme", "r1", {Opened(), Bought(10, "inv-1")}));
  one.MustAppend(Command("other", "r1", {Opened()}));
  for (const std::string account : {"acme", "other"}) {
    const absl::Status refused = one.Append(Command(account, "r2", {Bought(20, "inv-1")})).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kAlreadyExists);
    EXPECT_EQ(ReasonOf(refused), Reason::kInvoiceExists);
    EXPECT_EQ(Meta(refused, "account_id"), "acme");
    EXPECT_EQ(Meta(refused, "position"), "1");
    EXPECT_EQ(Meta(refused, "shard"), "0");
  }
  EXPECT_EQ(one.store().record_count(), 3u);
  EXPECT_TRUE(one.Append(Command("other", "r3", {Bought(20, "inv-1", kToday, "other-shop")})).ok());
  EXPECT_TRUE(one.Append(Command("other", "r4", {Bought(20, "inv-2")})).ok());
}

TEST(Invoice, OfTwoRequestsInOneGroupTheFirstWins) {
  OneShard one;
  one.MustAppend(Command("acme", "r1", {Opened()}));
  one.MustAppend(Command("other", "r1", {Opened()}));
  one.log().Close();
  auto ahead = one.Start(Command("acme", "r2", {Visited()}));
  one.log().WaitForArrivals(3);
  auto first = one.Start(Command("acme", "r3", {Bought(10, "inv-1")}));
  auto second = one.Start(Command("other", "r3", {Bought(10, "inv-1")}));
  one.WaitUntilSequenced();
  one.log().Open();
  EXPECT_TRUE(first.get().ok());
  const absl::Status refused = second.get().status();
  EXPECT_EQ(ReasonOf(refused), Reason::kInvoiceExists);
  EXPECT_EQ(Meta(refused, "account_id"), "acme");
}

TEST(Reservation, IdIsUsedOncePerAccountForEver) {
  OneShard one;
  const auto reserved = [](const std::string& id) {
    shard::SubmittedEvent fact = Fact(kToday);
    fact.event.mutable_points_reserved()->set_reservation_id(id);
    fact.event.mutable_points_reserved()->set_points(1);
    domain::SetTimestamp(fact.event.mutable_points_reserved()->mutable_hold_until(), kToday + kMicrosPerDay);
    return fact;
  };
  shard::SubmittedEvent released = Fact(kToday);
  released.event.mutable_reservation_released()->set_reservation_id("h");
  one.MustAppend(Command("acme", "r1", {Opened(), Adjusted(10), reserved("h"), released}));
  const absl::Status refused = one.Append(Command("acme", "r2", {reserved("h")})).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReasonOf(refused), Reason::kReservationExists);
  one.MustAppend(Command("acme", "r3", {reserved("i")}));
  one.MustAppend(Command("other", "r1", {Opened(), Adjusted(10), reserved("h")}));
}

TEST(Invoice, OccursOnceInARequest) {
  OneShard one;
  const absl::Status refused =
      one.Append(Command("acme", "r1", {Opened(), Bought(10, "inv-1"), Bought(10, "inv-1")})).status();
  EXPECT_EQ(ReasonOf(refused), Reason::kInvoiceExists);
  EXPECT_NE(MessageOf(refused).find("events[2]"), std::string::npos) << refused;
  EXPECT_EQ(one.store().record_count(), 0u);
}

TEST(Invoice, IsRememberedAfterARestart) {
  OneShard one;
  one.MustAppend(Command("acme", "r1", {Opened(), Bought(10, "inv-1")}));
  one.Reopen();
  EXPECT_EQ(ReasonOf(one.Append(Command("acme", "r2", {Bought(10, "inv-1")})).status()), Reason::kInvoiceExists);
}

TEST(CreditNote, IsRecordedOncePerMerchant) {
  OneShard one;
  one.MustAppend(Command("acme", "r1", {Opened(), Bought(10, "inv-1")}));
  one.MustAppend(Command("acme", "r2", {Returned(1, "inv-1", "cn-1")}));
  EXPECT_EQ(ReasonOf(one.Append(Command("acme", "r3", {Returned(1, "", "cn-1")})).status()), Reason::kInvoiceExists);
  EXPECT_EQ(ReasonOf(one.Append(Command("acme", "r4", {Returned(1, "", "cn-2"), Returned(1, "", "cn-2")})).status()),
            Reason::kInvoiceExists);
  EXPECT_TRUE(one.Append(Command("acme", "r5", {Returned(1, "", "cn-2")})).ok());
}

TEST(CreditNote, MayHaveTheNumberOfAnInvoice) {
  OneShard one;
  one.MustAppend(Command("acme", "r1", {Opened(), Bought(10, "17")}));
  EXPECT_TRUE(one.Append(Command("acme", "r2", {Returned(1, "17", "17")})).ok());
}

// The purchase and its accrual are found in the group that is being written.
TEST(Return, ReversesThePointsOfAPurchaseStillInFlight) {
  OneShard one;
  one.Publish(kPlainProgram);
  one.MustAppend(Command("acme", "r1", {Opened()}));
  one.log().Close();
  auto bought = one.Start(Command("acme", "r2", {Bought(100, "inv-1"), Bought(50, "inv-2")}));
  one.log().WaitForArrivals(3);
  auto returned = one.Start(Command("acme", "r3", {Returned(40, "inv-1")}));
  one.WaitUntilSequenced();
  one.log().Open();
  ASSERT_TRUE(bought.get().ok());
  const AppendOutcome answer = returned.get();
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(answer->decisions.size(), 1u);
  const events::v1::PointsReversed& reversed = answer->decisions[0].event().points_reversed();
  EXPECT_EQ(reversed.points(), 40);
  // Opened 0, tier 1, purchase 2, its accrual 3.
  EXPECT_EQ(reversed.purchase_revision(), 2u);
  ASSERT_EQ(reversed.allocations_size(), 1);
  EXPECT_EQ(reversed.allocations(0).lot_revision(), 3u);
  EXPECT_EQ(answer->standing.available_points, 110);
}

TEST(Return, ReversesThePointsOfAPurchaseFromLongAgo) {
  OneShard one;
  one.Publish(kPlainProgram);
  one.MustAppend(Command("acme", "r1", {Opened(), Bought(100, "inv-1")}));
  for (int i = 0; i < 300; ++i) one.MustAppend(Command("acme", "v" + std::to_string(i), {Visited()}));
  one.Reopen();
  const shard::AppendAnswer answer = one.MustAppend(Command("acme", "r2", {Returned(100, "inv-1")}));
  ASSERT_EQ(answer.decisions.size(), 1u);
  EXPECT_EQ(answer.decisions[0].event().points_reversed().points(), 100);
  EXPECT_EQ(answer.standing.available_points, 0);
}

TEST(Return, OfAPurchaseOfAnotherAccountIsRefused) {
  OneShard one;
  one.MustAppend(Command("acme", "r1", {Opened(), Bought(100, "inv-1")}));
  one.MustAppend(Command("other", "r1", {Opened()}));
  EXPECT_EQ(ReasonOf(one.Append(Command("other", "r2", {Returned(1, "inv-1")})).status()),
            Reason::kPurchaseOfOtherAccount);
}

TEST(Return, WhosePurchaseWasNeverSeenIsAcceptedAsUnlinked) {
  OneShard one;
  one.Publish(kPlainProgram);
  one.MustAppend(Command("acme", "r1", {Opened(), Bought(100)}));
  const shard::AppendAnswer answer = one.MustAppend(Command("acme", "r2", {Returned(30, "never-seen")}));
  const auto records = one.Records();
  const events::v1::EventRecord& record = records.at(answer.events.at(0).position);
  EXPECT_FALSE(record.event().purchase_returned().has_purchase_revision());
  EXPECT_EQ(answer.standing.available_points, 70);
}

}  // namespace
}  // namespace keyledger::testing

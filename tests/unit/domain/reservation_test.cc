// Redemptions in two steps.
#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using L = AccountLedger;

Fact Reserve(Micros at, const std::string& id, int64_t points, Micros until) {
  Fact fact{{}, at};
  fact.event.mutable_points_reserved()->set_reservation_id(id);
  fact.event.mutable_points_reserved()->set_points(points);
  SetTimestamp(fact.event.mutable_points_reserved()->mutable_hold_until(), until);
  return fact;
}

Fact Capture(Micros at, const std::string& id, int64_t points = 0) {
  Fact fact{{}, at};
  fact.event.mutable_reservation_captured()->set_reservation_id(id);
  if (points > 0) fact.event.mutable_reservation_captured()->set_points(points);
  return fact;
}

Fact Release(Micros at, const std::string& id) {
  Fact fact{{}, at};
  fact.event.mutable_reservation_released()->set_reservation_id(id);
  return fact;
}

const Micros kDay1 = 1'704'067'200'000'000;  // 2024-01-01
const Micros kDay3 = kDay1 + 2 * kMicrosPerDay;

// An account with a lot of 10 until 2024-01-02 and one of 20 for ever.
L Opened(const std::string& program = "") {
  L ledger(Head() + program);
  EXPECT_TRUE(ledger.Submit({L::Open(kDay1), L::Adjust(kDay1, 10, kDay1 + kMicrosPerDay), L::Adjust(kDay1, 20)}).ok());
  return ledger;
}

TEST(Reservations, HoldPointsThatNobodyElseCanSpend) {
  L ledger = Opened();
  const auto events = ledger.Submit({Reserve(kDay1, "r", 25, kDay3)});
  ASSERT_TRUE(events.ok()) << events.status();
  const auto& reserved = (*events)[0].event.points_reserved();
  ASSERT_EQ(reserved.allocations_size(), 2);
  EXPECT_EQ(reserved.allocations(0).lot_revision(), 1u);
  EXPECT_EQ(reserved.allocations(1).points(), 15);
  EXPECT_EQ(ledger.state().available_points(), 5);
  EXPECT_EQ(ledger.state().reserved_points(), 25);
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Redeem(kDay1, 6)}).status()), Reason::kInsufficientPoints);
  EXPECT_EQ(ReasonOf(ledger.Submit({Reserve(kDay1, "s", 6, kDay3)}).status()), Reason::kInsufficientPoints);
  EXPECT_EQ(ReasonOf(ledger.Submit({Reserve(kDay1, "r", 1, kDay3)}).status()), Reason::kReservationExists);
}

TEST(Reservations, AreCapturedInPartOrWhole) {
  L ledger = Opened();
  ASSERT_TRUE(ledger.Submit({Reserve(kDay1, "r", 25, kDay3), Reserve(kDay1, "s", 5, kDay3)}).ok());
  const auto events = ledger.Submit({Capture(kDay1, "r", 12)});
  ASSERT_TRUE(events.ok()) << events.status();
  const auto& captured = (*events)[0].event.reservation_captured();
  EXPECT_EQ(captured.allocations_size(), 2);
  ASSERT_EQ(captured.released_size(), 1);
  EXPECT_EQ(captured.released(0).points(), 13);
  EXPECT_EQ(ledger.state().available_points(), 13);
  ASSERT_TRUE(ledger.Submit({Capture(kDay1, "s")}).ok());
  EXPECT_EQ(ledger.state().totals.spent, 17);
  EXPECT_EQ(ledger.state().reserved_points(), 0);
  EXPECT_EQ(ReasonOf(ledger.Submit({Capture(kDay1, "s")}).status()), Reason::kReservationNotOpen);
}

TEST(Reservations, RefuseToCaptureMoreThanTheyHold) {
  L ledger = Opened();
  ASSERT_TRUE(ledger.Submit({Reserve(kDay1, "r", 25, kDay3)}).ok());
  EXPECT_EQ(ReasonOf(ledger.Submit({Capture(kDay1, "r", 26)}).status()), Reason::kInsufficientPoints);
  EXPECT_TRUE(ledger.Submit({Capture(kDay1, "r", 25)}).ok());
}

TEST(Reservations, GiveBackToTheirLotsWhatIsReleased) {
  L ledger = Opened();
  const AccountState before = ledger.state();
  ASSERT_TRUE(ledger.Submit({Reserve(kDay1, "r", 25, kDay3), Release(kDay1 + 1, "r")}).ok());
  EXPECT_EQ(ledger.state().available_points(), 30);
  ASSERT_EQ(ledger.state().lots.size(), 2u);
  EXPECT_EQ(ledger.state().lots[0].remaining, 10);
  EXPECT_EQ(ledger.state().lots[0].expire, kDay1 + kMicrosPerDay);
  EXPECT_EQ(ledger.state().totals, before.totals);
  EXPECT_EQ(ReasonOf(ledger.Submit({Release(kDay1, "r")}).status()), Reason::kReservationNotOpen);
}

TEST(Reservations, KeepWhatTheyHoldFromRunningOutUntilTheyEnd) {
  L ledger = Opened();
  ASSERT_TRUE(ledger.Submit({Reserve(kDay1, "r", 8, kDay3)}).ok());
  const auto events = ledger.Submit({Release(kDay1 + kMicrosPerDay * 3 / 2, "r")});
  ASSERT_TRUE(events.ok());
  EXPECT_EQ(L::Kinds(*events), "points_expired reservation_released points_expired");
  EXPECT_EQ((*events)[0].event.points_expired().points(), 2);
  EXPECT_EQ((*events)[2].event.points_expired().points(), 8);
  EXPECT_EQ(ledger.state().totals.expired, 10);
}

TEST(Reservations, EndByThemselvesAtTheirTime) {
  L ledger = Opened();
  ASSERT_TRUE(ledger.Submit({Reserve(kDay1, "r", 25, kDay3)}).ok());
  EXPECT_EQ(NextDue(ledger.state(), ledger.programs()), kDay3);
  EXPECT_TRUE(ledger.AdvanceTo(kDay3 - 1).empty());
  const auto events = ledger.AdvanceTo(kDay3);
  ASSERT_EQ(L::Kinds(events), "reservation_expired points_expired");
  EXPECT_EQ(events[0].occurred, kDay3);
  EXPECT_EQ(events[0].event.reservation_expired().points(), 25);
  EXPECT_EQ(events[1].event.points_expired().points(), 10);
  EXPECT_EQ(ledger.state().available_points(), 20);
  EXPECT_EQ(ReasonOf(ledger.Submit({Capture(kDay3, "r")}).status()), Reason::kReservationNotOpen);
}

TEST(Reservations, AreHeldNoLongerAndNoMoreThanTheProgramAllows) {
  L ledger = Opened("reservation_policy: {max_hold_hours: 2, max_open: 1}\n");
  const Micros hours = 3600 * kMicrosPerSecond;
  const auto refused = ledger.Submit({Reserve(kDay1, "r", 1, kDay1 + 2 * hours + 1)});
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kReservationLimit);
  const std::vector<std::pair<std::string, std::string>> metadata = {
      {"rule", "reservation_policy.max_hold_hours"}, {"program", "test version 1"}, {"limit", "2"}, {"requested", "3"}};
  EXPECT_EQ(MetadataOf(refused.status()), metadata);
  EXPECT_EQ(ReasonOf(ledger.Submit({Reserve(kDay1, "r", 1, kDay1)}).status()), Reason::kReservationLimit)
      << "it would have ended already";
  ASSERT_TRUE(ledger.Submit({Reserve(kDay1, "r", 1, kDay1 + 2 * hours)}).ok());
  EXPECT_EQ(ReasonOf(ledger.Submit({Reserve(kDay1, "s", 1, kDay1 + hours)}).status()), Reason::kReservationLimit);
  L open = Opened();
  EXPECT_TRUE(open.Submit({Reserve(kDay1, "r", 1, kDay1 + 168 * hours)}).ok());
  EXPECT_EQ(ReasonOf(open.Submit({Reserve(kDay1, "s", 1, kDay1 + 168 * hours + 1)}).status()),
            Reason::kReservationLimit);
}

TEST(Reservations, CountAsRedemptionsUntilTheyAreReleased) {
  L ledger = Opened("redemption_policy: {max_times: {times: 1, period: month}}\n");
  ASSERT_TRUE(ledger.Submit({Reserve(kDay1, "r", 5, kDay3)}).ok());
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Redeem(kDay1, 1)}).status()), Reason::kRedemptionLimit);
  ASSERT_TRUE(ledger.Submit({Release(kDay1, "r"), Reserve(kDay1, "s", 5, kDay3), Capture(kDay1, "s", 1)}).ok());
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Redeem(kDay1, 1)}).status()), Reason::kRedemptionLimit);
}

TEST(Reservations, CannotEndBeforeTheyWerePlaced) {
  L ledger = Opened();
  ASSERT_TRUE(ledger.Submit({Reserve(kDay1 + 10, "r", 5, kDay3)}).ok());
  EXPECT_EQ(ReasonOf(ledger.Submit({Capture(kDay1 + 9, "r")}).status()), Reason::kReservationNotOpen);
  EXPECT_EQ(ReasonOf(ledger.Submit({Release(kDay1 + 9, "r")}).status()), Reason::kReservationNotOpen);
  EXPECT_TRUE(ledger.Submit({Release(kDay1 + 10, "r")}).ok());
}

TEST(Reservations, AreKeptByTheStoredState) {
  L ledger = Opened("redemption_policy: {max_times: {times: 9, period: month}}\n");
  ASSERT_TRUE(ledger.Submit({Reserve(kDay1, "r", 25, kDay3), Reserve(kDay1, "s", 1, kDay3)}).ok());
  const auto decoded = DecodeState(EncodeState(ledger.state()));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, ledger.state());
}

}  // namespace
}  // namespace keyledger::domain

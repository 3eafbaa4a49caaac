// Transfers as the projection "points" shows them: on the sender, on the receiver, and over both.
#include <set>
#include <utility>

#include <gtest/gtest.h>

#include "projections/points/points_causes.h"
#include "projections/points/points_liability.h"
#include "projections/points/points_projection.h"
#include "projections/points/points_queries.h"
#include "server/base/error.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using testing::RecordLog;
using testing::Utc;

const Micros kEarned = Utc(2026, 1, 10);
const Micros kExpires = Utc(2026, 4, 10);
const Micros kSent = Utc(2026, 2, 5);

// Of a's lot 1 (100 points by a rule, until 10 April) 40 are sent to b.
RecordLog Sent() {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  log.Open("b", Utc(2026, 1, 1));
  EXPECT_EQ(log.Accrue("a", kEarned, 100, 0, kExpires), 1u);
  auto& sent = *log.Add("a", kSent).mutable_event()->mutable_points_transfer_sent();
  sent.set_transfer_id("t");
  sent.set_to_account_id("b");
  sent.set_points(40);
  sent.set_reason("a gift");
  auto& allocation = *sent.add_allocations();
  allocation.set_lot_revision(1);
  allocation.set_points(40);
  return log;
}

void Receive(RecordLog& log) {
  auto& received = *log.Add("b", kSent).mutable_event()->mutable_points_transfer_received();
  received.set_transfer_id("t");
  received.set_from_account_id("a");
  received.set_points(40);
  testing::SetTime(kEarned, received.mutable_lot()->mutable_occurred_time());
  testing::SetTime(kExpires, received.mutable_lot()->mutable_expire_time());
}

void Complete(RecordLog& log) {
  auto& completed = *log.Add("a", kSent).mutable_event()->mutable_points_transfer_completed();
  completed.set_transfer_id("t");
  completed.set_points(40);
}

void Return(RecordLog& log) {
  auto& returned = *log.Add("a", kSent).mutable_event()->mutable_points_transfer_returned();
  returned.set_transfer_id("t");
  returned.set_points(40);
  returned.set_refusal("ACCOUNT_CLOSED");
  auto& allocation = *returned.add_allocations();
  allocation.set_lot_revision(1);
  allocation.set_points(40);
}

RecordLog Completed() {
  RecordLog log = Sent();
  Receive(log);
  Complete(log);
  return log;
}

std::unique_ptr<store::TableReader> Rows(const RecordLog& log) { return testing::FoldRows(PointsProjection(), log); }

PointsBalance BalanceOf(const RecordLog& log, const std::string& account, Micros as_of = Utc(2026, 3, 1)) {
  const auto balance = GetPointsBalance(*Rows(log), account, as_of);
  EXPECT_TRUE(balance.ok()) << balance.status();
  return balance.value_or(PointsBalance());
}

TEST(TransferredPoints, AreInTransitUntilTheyArrive) {
  RecordLog log = Sent();
  EXPECT_EQ(BalanceOf(log, "a"), (PointsBalance{.available = 60, .accrued = 100, .in_transit = 40}));
  EXPECT_EQ(BalanceOf(log, "b"), PointsBalance());
  Receive(log);
  EXPECT_EQ(BalanceOf(log, "b"), (PointsBalance{.available = 40, .transferred_in = 40}));
  Complete(log);
  EXPECT_EQ(BalanceOf(log, "a"), (PointsBalance{.available = 60, .accrued = 100, .transferred_out = 40}));
  EXPECT_EQ(BalanceOf(log, "a", kSent), (PointsBalance{.available = 100, .accrued = 100}));
  EXPECT_EQ(BalanceOf(log, "b", kSent), PointsBalance());
}

TEST(TransferredPoints, ThatComeBackAreAsIfTheyHadNeverBeenSent) {
  RecordLog log = Sent();
  Return(log);
  EXPECT_EQ(BalanceOf(log, "a"), (PointsBalance{.available = 100, .accrued = 100}));
  EXPECT_EQ(BalanceOf(log, "a", kExpires + 1), (PointsBalance{.expired = 100, .accrued = 100}));
}

TEST(TransferredPoints, KeepTheTermsOfTheirLot) {
  const RecordLog log = Completed();
  const auto sender = ListPointsLots(*Rows(log), "a", Utc(2026, 3, 1), std::nullopt, 10, "");
  ASSERT_TRUE(sender.ok() && sender->lots.size() == 1u);
  EXPECT_EQ(sender->lots[0].transferred, 40);
  EXPECT_EQ(sender->lots[0].in_transit, 0);
  EXPECT_EQ(sender->lots[0].remaining, 60);
  const auto receiver = ListPointsLots(*Rows(log), "b", Utc(2026, 3, 1), std::nullopt, 10, "");
  ASSERT_TRUE(receiver.ok() && receiver->lots.size() == 1u);
  EXPECT_EQ(receiver->lots[0].occurred, kEarned);
  EXPECT_EQ(receiver->lots[0].expire, kExpires);
  EXPECT_EQ(receiver->lots[0].transfer_id, "t");
  EXPECT_EQ(receiver->lots[0].from_account_id, "a");
  EXPECT_EQ(receiver->lots[0].rule_id, "");
  EXPECT_EQ(BalanceOf(log, "b", kExpires + 1), (PointsBalance{.expired = 40, .transferred_in = 40}));
}

TEST(TransferredPoints, HaveLinesOnBothStatements) {
  RecordLog log = Completed();
  const auto lines = [&](const std::string& account) {
    std::string text;
    const auto page = ListPointsStatement(*Rows(log), account, 0, Utc(2026, 3, 1), Utc(2026, 3, 1), 10, "");
    EXPECT_TRUE(page.ok()) << page.status();
    for (const PointsStatementEntry& line : page->entries) {
      text += std::to_string(line.kind) + ":" + std::to_string(line.available_change) + ":" +
              std::to_string(line.available_after) + ":" + line.transfer_id + ":" + line.other_account_id + ":" +
              line.description + " ";
    }
    return text;
  };
  EXPECT_EQ(lines("a"), "50:100:100:::base 13:-40:60:t:b:a gift 58:0:60:t:: ");
  EXPECT_EQ(lines("b"), "57:40:40:t:a: ");
  log = Sent();
  Return(log);
  EXPECT_EQ(lines("a"), "50:100:100:::base 13:-40:60:t:b:a gift 59:40:100:t::ACCOUNT_CLOSED ");
}

TEST(TransferredPoints, AreCausesOfBothBalances) {
  using Causes = std::multiset<std::pair<int, int64_t>>;
  const auto causes = [](const RecordLog& log, const std::string& account) {
    Causes found;
    const auto list = GetBalanceCauses(*Rows(log), account, Utc(2026, 3, 1));
    EXPECT_TRUE(list.ok()) << list.status();
    for (const BalanceCause& cause : *list) found.emplace(cause.kind, cause.points);
    return found;
  };
  EXPECT_EQ(causes(Sent(), "a"), (Causes{{5, 100}, {13, -40}}));
  EXPECT_EQ(causes(Completed(), "a"), (Causes{{5, 100}, {13, -40}, {13, 40}, {58, -40}}));
  EXPECT_EQ(causes(Completed(), "b"), (Causes{{57, 40}}));
  RecordLog returned = Sent();
  Return(returned);
  EXPECT_EQ(causes(returned, "a"), (Causes{{5, 100}, {13, -40}, {13, 40}}));
}

TEST(GetPointsTransfer, TellsHowATransferStands) {
  RecordLog log = Sent();
  const auto get = [&] { return GetPointsTransfer(*Rows(log), "a", "t"); };
  auto transfer = get();
  ASSERT_TRUE(transfer.ok()) << transfer.status();
  EXPECT_EQ(transfer->state, TransferState::kSent);
  EXPECT_EQ(transfer->to_account_id, "b");
  EXPECT_EQ(transfer->points, 40);
  EXPECT_EQ(transfer->reason, "a gift");
  EXPECT_EQ(transfer->occurred, kSent);
  EXPECT_FALSE(transfer->end_recorded.has_value());
  Complete(log);
  transfer = get();
  EXPECT_EQ(transfer->state, TransferState::kCompleted);
  EXPECT_TRUE(transfer->end_recorded.has_value());
  log = Sent();
  Return(log);
  transfer = get();
  EXPECT_EQ(transfer->state, TransferState::kReturned);
  EXPECT_EQ(transfer->refusal, "ACCOUNT_CLOSED");
  EXPECT_EQ(ReasonOf(GetPointsTransfer(*Rows(log), "a", "u").status()), Reason::kTransferNotFound);
  EXPECT_EQ(ReasonOf(GetPointsTransfer(*Rows(log), "b", "t").status()), Reason::kTransferNotFound);
  EXPECT_EQ(ReasonOf(GetPointsTransfer(*Rows(log), "c", "t").status()), Reason::kAccountNotFound);
}

Liability LiabilityOf(const RecordLog& log, const std::string& program_id = "") {
  LiabilityScope scope;
  scope.as_of = Utc(2026, 3, 1);
  scope.program_id = program_id;
  const auto rows = Rows(log);
  const auto liability = GetPointsLiability({rows.get()}, scope);
  EXPECT_TRUE(liability.ok()) << liability.status();
  return *liability;
}

TEST(GetPointsLiability, IsNotChangedByATransferAtAnyOfItsSteps) {
  RecordLog log = Sent();
  const LotTotals expected{.lots = 1, .issued = 100, .available = 100};
  const auto check = [&](const char* step) {
    SCOPED_TRACE(step);
    const Liability liability = LiabilityOf(log);
    EXPECT_EQ(liability.totals, expected);
    ASSERT_EQ(liability.cohorts.size(), 1u);
    EXPECT_EQ(FormatPeriod(liability.cohorts[0].period, CalendarUnit::kMonth), "2026-01");
    EXPECT_EQ(liability.cohorts[0].totals, expected);
    EXPECT_EQ(liability.ages[1].available, 100);
  };
  check("sent");
  Receive(log);
  check("received");
  Complete(log);
  check("completed");
  log = Sent();
  Return(log);
  check("returned");
  // A reader may have seen the receiver's part only: both accounts on shards of their own, the sender's behind.
  RecordLog behind;
  behind.Open("a", Utc(2026, 1, 1));
  behind.Open("b", Utc(2026, 1, 1));
  behind.Accrue("a", kEarned, 100, 0, kExpires);
  Receive(behind);
  log = behind;
  check("received only");
}

TEST(GetPointsLiability, CountsWhatBecameOfPointsThatWereSent) {
  RecordLog log = Completed();
  log.Redeem("b", Utc(2026, 2, 20), {{1, 15}});
  const Liability liability = LiabilityOf(log);
  EXPECT_EQ(liability.totals, (LotTotals{.lots = 1, .issued = 100, .redeemed = 15, .available = 85}));
  EXPECT_EQ(liability.cohorts[0].redeemed_by_age[1], 15);
}

TEST(GetPointsLiability, OfOneProgramTellsWhatWentToOtherAccounts) {
  RecordLog log = Sent();
  EXPECT_EQ(LiabilityOf(log, "loyalty").totals, (LotTotals{.lots = 1, .issued = 100, .available = 100}));
  Receive(log);
  Complete(log);
  EXPECT_EQ(LiabilityOf(log, "loyalty").totals,
            (LotTotals{.lots = 1, .issued = 100, .available = 60, .transferred = 40}));
}

}  // namespace
}  // namespace keyledger::projections

// Points of two accounts of which one ends in the other, as the ledger decides them: what the projection tells is what
// the accounts have, and over both nothing is made or lost.
#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "projections/points/points_causes.h"
#include "projections/points/points_liability.h"
#include "projections/points/points_projection.h"
#include "projections/points/points_queries.h"
#include "server/domain/decide.h"
#include "server/domain/evolve.h"
#include "server/domain/merges.h"
#include "server/domain/transfers.h"
#include "tests/support/record_log.h"
#include "tests/unit/projections/points_logs.h"

namespace keyledger::projections {
namespace {

using testing::Utc;

// "a" and "b" buy, pay with points and bring goods back; then "a" ends in "b", where what it had bought comes back.
class DecidedMerge {
 public:
  explicit DecidedMerge(uint32_t seed) : random_(seed), programs_({InactivityProgram()}) {
    for (const char* account : {"a", "b"}) {
      events::v1::Event opened;
      opened.mutable_account_opened();
      Decide(account, opened, clock_);
    }
  }

  void Step() {
    clock_ += Draw(0, 12) * kMicrosPerDay;
    const std::string account = merged_ || Draw(0, 3) == 0 ? "b" : "a";
    events::v1::Event event;
    const int64_t kind = Draw(0, 5);
    if (kind < 3) {
      Decide(account, Bought(account), clock_);
    } else if (kind < 5 && !purchases_.empty()) {
      // An account that has not been merged is refused the other's.
      Decide(account, CameBack(), clock_ - Draw(0, 40) * kMicrosPerDay);
    } else {
      event.mutable_points_adjusted()->set_points(Draw(1, 100));
      event.mutable_points_adjusted()->set_reason("imported");
      testing::SetTime(clock_ + Draw(1, 200) * kMicrosPerDay, event.mutable_points_adjusted()->mutable_expire_time());
      Decide(account, event, clock_);
    }
  }

  // False: "a" owes points.
  bool Merge() {
    events::v1::Event event;
    event.mutable_account_merged()->set_into_account_id("b");
    event.mutable_account_merged()->set_reason("entered twice");
    if (!Decide("a", event, clock_)) return false;
    const events::v1::EventRecord sent = log_.records().back();
    auto received = domain::DecideTransferReceipt(states_["b"], domain::ReceiptOf(sent), programs_);
    EXPECT_TRUE(received.ok()) << received.status();
    Record("b", *std::move(received));
    const domain::TransferResult result{std::string(domain::kMergeTransferId), "", "0-1"};
    auto ended = domain::DecideTransferResult(states_["a"], result, programs_);
    EXPECT_TRUE(ended.ok()) << ended.status();
    Record("a", *std::move(ended));
    merged_ = true;
    return true;
  }

  // Records what has fallen due by then.
  void Sweep() {
    for (const char* account : {"a", "b"}) Record(account, *domain::Advance(states_[account], clock_, programs_));
  }

  const testing::RecordLog& log() const { return log_; }
  Micros clock() const { return clock_; }
  const domain::AccountState& state(const std::string& account) const { return states_.at(account); }
  // How many records gave points of a merged account back.
  int given_back() const { return given_back_; }

 private:
  int64_t Draw(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random_); }

  // Ten units for money, and points if there are any.
  events::v1::Event Bought(const std::string& account) {
    events::v1::Event event;
    events::v1::PurchaseRecorded& purchase = *event.mutable_purchase_recorded();
    purchase.set_merchant_id("m");
    purchase.set_invoice_number(std::to_string(numbers_++));
    auto* line = purchase.add_lines();
    line->set_quantity(10);
    line->mutable_amount()->set_currency_code("USD");
    line->mutable_amount()->set_micros(Draw(0, 8) * 10'000'000);
    line->set_points_paid(Draw(0, states_[account].available_points()));
    return event;
  }

  // Some or all units of one of the purchases.
  events::v1::Event CameBack() {
    const auto count = static_cast<int64_t>(purchases_.size());
    const auto& [key, bought] = *std::next(purchases_.begin(), Draw(0, count - 1));
    const int64_t units = Draw(0, 1) == 0 ? 10 : Draw(1, 5);
    events::v1::Event event;
    event.mutable_purchase_returned()->set_merchant_id("m");
    event.mutable_purchase_returned()->set_purchase_invoice_number(key.second);
    auto* line = event.mutable_purchase_returned()->add_lines();
    line->set_line_number(1);
    line->set_quantity(units);
    *line->mutable_amount() = bought.purchase.lines(0).amount();
    line->mutable_amount()->set_micros(line->amount().micros() / 10 * units);
    return event;
  }

  bool Decide(const std::string& account, const events::v1::Event& event, Micros occurred) {
    domain::DecideInput input;
    input.account_id = account;
    input.facts.push_back({event, occurred});
    input.purchases = purchases_;
    auto outcome = domain::Decide(states_[account], input, programs_);
    // More may have come back than was bought, or of another account.
    if (!outcome.ok()) return false;
    Keep(account, *outcome);
    Record(account, *std::move(outcome));
    return true;
  }

  void Keep(const std::string& account, const domain::Outcome& outcome) {
    domain::RecordedPurchase* kept = nullptr;
    for (size_t i = 0; i < outcome.events.size(); ++i) {
      const domain::DecidedEvent& decided = outcome.events[i];
      const uint64_t revision = outcome.state.next_revision - outcome.events.size() + i;
      if (decided.event.has_purchase_recorded()) {
        kept = &purchases_[{"m", decided.event.purchase_recorded().invoice_number()}];
        *kept = {account, revision, decided.occurred, decided.event.purchase_recorded(), {}, "shop", 1};
      } else if (kept != nullptr && decided.event.has_points_accrued()) {
        kept->accruals.emplace_back(revision, decided.event.points_accrued());
      }
    }
  }

  void Record(const std::string& account, domain::Outcome outcome) {
    for (const domain::DecidedEvent& decided : outcome.events) {
      given_back_ += decided.event.points_restored().has_merged_purchase() ? 1 : 0;
      *log_.Add(account, decided.occurred).mutable_event() = decided.event;
    }
    states_[account] = std::move(outcome.state);
  }

  std::mt19937 random_;
  domain::ProgramSet programs_;
  domain::RecordedPurchases purchases_;
  std::map<std::string, domain::AccountState> states_;
  testing::RecordLog log_;
  Micros clock_ = Utc(2025, 1, 1);
  bool merged_ = false;
  int numbers_ = 0;
  int given_back_ = 0;
};

// Balance, statement and causes agree.
PointsBalance ExpectAgreement(const store::TableReader& rows, const std::string& account, Micros as_of) {
  const auto balance = GetPointsBalance(rows, account, as_of);
  const auto page = ListPointsStatement(rows, account, 0, as_of, as_of, 1'000, "");
  const auto causes = GetBalanceCauses(rows, account, as_of);
  EXPECT_TRUE(balance.ok() && page.ok() && causes.ok()) << balance.status() << page.status() << causes.status();
  if (!balance.ok() || !page.ok() || !causes.ok()) return {};
  int64_t points = 0;
  for (const PointsStatementEntry& line : page->entries) points += line.available_change + line.pending_change;
  EXPECT_EQ(points, balance->available + balance->pending);
  for (const BalanceCause& cause : *causes) points -= cause.points;
  EXPECT_EQ(points, 0);
  EXPECT_EQ(balance->accrued + balance->transferred_in, balance->available + balance->pending + balance->in_transit +
                                                            balance->spent + balance->transferred_out +
                                                            balance->expired + balance->reversed - balance->debt);
  return *balance;
}

void ExpectSoundLiability(const store::TableReader& rows, Micros as_of) {
  const auto liability = GetPointsLiability({&rows}, LiabilityScope{.as_of = as_of});
  ASSERT_TRUE(liability.ok()) << liability.status();
  const LotTotals& totals = liability->totals;
  EXPECT_EQ(totals.issued,
            totals.redeemed + totals.adjusted + totals.expired + totals.reversed + totals.available + totals.pending);
  for (const LiabilityCohort& cohort : liability->cohorts) {
    EXPECT_GE(cohort.redeemed_by_age.front(), 0);
    EXPECT_TRUE(std::is_sorted(cohort.redeemed_by_age.begin(), cohort.redeemed_by_age.end()));
    EXPECT_EQ(cohort.redeemed_by_age.back(), cohort.totals.redeemed);
  }
}

std::map<std::string, std::string> RowsOf(const store::TableReader& reader) {
  std::map<std::string, std::string> rows;
  const auto row = reader.NewScan();
  for (row->Seek(""); row->Valid(); row->Next()) rows.emplace(row->key(), row->value());
  return rows;
}

TEST(PointsGivenBackAfterAMerge, AreWhatTheAccountsHaveAsTheLedgerDecidesThem) {
  int given_back = 0;
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    DecidedMerge decided(seed);
    for (int i = 0; i < 30; ++i) decided.Step();
    for (int i = 0; i < 30 && !decided.Merge(); ++i) decided.Step();
    for (int i = 0; i < 30; ++i) decided.Step();
    decided.Sweep();
    given_back += decided.given_back();
    const auto rows = testing::FoldRows(PointsProjection(), decided.log());
    const auto again = testing::FoldAll(PointsProjection(), decided.log().records(), 7)->NewReader();
    EXPECT_EQ(RowsOf(*rows), RowsOf(*again)) << "rebuilt";
    for (const char* account : {"a", "b"}) {
      const domain::AccountState& state = decided.state(account);
      const PointsBalance now = ExpectAgreement(*rows, account, decided.clock() + 1);
      EXPECT_EQ(now.available, state.available_points());
      EXPECT_EQ(now.debt, state.debt);
      EXPECT_EQ(now.spent, state.totals.spent);
      EXPECT_EQ(now.accrued, state.totals.accrued);
      EXPECT_EQ(now.expired, state.totals.expired);
      EXPECT_EQ(now.reversed, state.totals.reversed);
      EXPECT_EQ(now.transferred_in, state.totals.transferred_in);
    }
    for (Micros as_of = Utc(2025, 1, 1); as_of <= decided.clock(); as_of += 10 * kMicrosPerDay) {
      SCOPED_TRACE(as_of);
      ExpectAgreement(*rows, "a", as_of);
      ExpectAgreement(*rows, "b", as_of);
      ExpectSoundLiability(*rows, as_of);
    }
  }
  EXPECT_GE(given_back, 40);
}

}  // namespace
}  // namespace keyledger::projections

// Forecasts through the projection: who is counted and how, what is listed in which order, what is refused, and how a
// forecast is held against what came.
#include "projections/retention/forecast_queries.h"

#include <cmath>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "projections/retention/retention_projection.h"
#include "server/base/error.h"
#include "tests/support/record_log.h"
#include "tests/support/simulated_buyers.h"

namespace keyledger::projections {
namespace {

using ::testing::HasSubstr;
using testing::RecordLog;
using testing::SimulateBuyers;
using testing::Utc;

constexpr int64_t kUnit = 1'000'000;

RetentionScope AsOf(Micros as_of) {
  RetentionScope scope;
  scope.as_of = as_of;
  return scope;
}

std::unique_ptr<store::TableReader> Rows(const RecordLog& log) { return testing::FoldRows(RetentionProjection(), log); }

// 300 buyers of 2025, recorded in order of time.
const Micros kStart = Utc(2025, 1, 1);
constexpr int kDays = 360;

RecordLog Shop(size_t count = 300) {
  RecordLog log;
  for (const auto& buyer : SimulateBuyers(count, kStart, kDays)) {
    log.Open(buyer.account_id, kStart);
    for (const auto& [at, micros] : buyer.purchases) log.Purchase(buyer.account_id, at, micros);
  }
  return log;
}

TEST(Buyers, AreSeenByTheLocalDaysOnWhichTheyBought) {
  RecordLog log;
  log.Open("a", 0);
  // 19:00 and 23:30 of the 10th in New York, of which the second is the 11th in UTC; then the 12th and the 20th.
  log.Purchase("a", Utc(2026, 3, 10, 23), 10 * kUnit);
  log.Purchase("a", Utc(2026, 3, 11, 3, 30), 5 * kUnit);
  log.Purchase("a", Utc(2026, 3, 12, 15), 7 * kUnit);
  log.Purchase("a", Utc(2026, 3, 12, 16), 0);
  log.Return("a", Utc(2026, 3, 15), 4 * kUnit);
  log.Purchase("a", Utc(2026, 3, 20, 15), 9 * kUnit);
  log.Open("b", 0);
  log.Return("b", Utc(2026, 3, 15), kUnit);
  log.Open("c", 0);
  log.Purchase("c", Utc(2026, 3, 20, 15), 0);
  const auto rows = Rows(log);
  RetentionScope scope = AsOf(Utc(2026, 3, 25, 12));
  scope.zone = *Zone::Load("America/New_York");
  auto buyers = FindBuyers({rows.get()}, scope, 7);
  ASSERT_TRUE(buyers.ok()) << buyers.status();
  // b never bought.
  ASSERT_EQ(buyers->accounts.size(), 2u);
  const Buyer& a = buyers->accounts[0];
  // 2026-03-10 is day 20,522.
  EXPECT_EQ(a.first_day, 20'522);
  EXPECT_EQ(a.last_day, 20'532);
  EXPECT_EQ(a.repeat_days, 2);
  EXPECT_EQ(a.repeat_micros, 16 * kUnit);
  EXPECT_EQ(a.recent_micros, 9 * kUnit);
  EXPECT_EQ(buyers->end_day, 20'537);
  ASSERT_EQ(buyers->histories.size(), 2u);
  EXPECT_EQ(a.history, 1u);
  EXPECT_EQ(buyers->histories[1].x, 2);
  EXPECT_DOUBLE_EQ(buyers->histories[1].t_x, 10 / 7.0);
  EXPECT_DOUBLE_EQ(buyers->histories[1].T, 15 / 7.0);
  // A purchase of nothing is one.
  EXPECT_EQ(buyers->accounts[1].repeat_days, 0);
  EXPECT_EQ(buyers->currency_code, "USD");
  scope.basis = RevenueBasis::kNet;
  buyers = FindBuyers({rows.get()}, scope, 7);
  ASSERT_TRUE(buyers.ok());
  EXPECT_EQ(buyers->accounts[0].repeat_micros, 12 * kUnit);
}

TEST(Buyers, RefuseASumOfMoneyThatDoesNotFit) {
  RecordLog log;
  log.Open("a", 0);
  for (int day = 1; day <= 3; ++day) log.Purchase("a", Utc(2026, 1, day), 9'000'000'000'000'000'000);
  const auto rows = Rows(log);
  const auto buyers = FindBuyers({rows.get()}, AsOf(Utc(2026, 2, 1)), 365);
  EXPECT_EQ(ReasonOf(buyers.status()), Reason::kArithmeticRange);
}

TEST(Forecast, ListsAccountsByExpectedRevenueAndSaysTheirRanks) {
  const RecordLog log = Shop();
  const auto rows = Rows(log);
  const Micros as_of = kStart + kDays * kMicrosPerDay;
  const auto table = GetForecastTable({rows.get()}, AsOf(as_of), {.horizon_days = 90}, {.size = 1'000});
  ASSERT_TRUE(table.ok()) << table.status();
  ASSERT_EQ(table->accounts.size(), 300u);
  EXPECT_FALSE(table->more);
  EXPECT_EQ(table->horizon_end, as_of + 90 * kMicrosPerDay);
  // Revenue of the 90 days before, straight from the log.
  std::map<std::string, int64_t> recent;
  for (const auto& record : log.records()) {
    int64_t& sum = recent[record.account_id()];
    if (testing::MicrosOfTime(record.occurred_time()) < as_of - 90 * kMicrosPerDay) continue;
    for (const auto& line : record.event().purchase_recorded().lines()) sum += line.amount().micros();
  }
  double purchases = 0;
  double revenue = 0;
  std::map<int64_t, std::string> by_rank;
  for (size_t i = 0; i < table->accounts.size(); ++i) {
    const AccountOutlook& account = table->accounts[i];
    EXPECT_EQ(account.next_rank, static_cast<int64_t>(i + 1));
    by_rank[account.rank] = account.account_id;
    EXPECT_GT(account.p_alive, 0);
    EXPECT_LE(account.p_alive, 1);
    EXPECT_NEAR(*account.expected_revenue_micros, *account.expected_spend_micros * account.expected_purchases, 1e-3);
    // Values are revenue where neither margin nor discount is given.
    EXPECT_EQ(*account.expected_value_micros, *account.expected_revenue_micros);
    if (i > 0) {
      EXPECT_LE(*account.expected_revenue_micros, *table->accounts[i - 1].expected_revenue_micros);
    }
    purchases += account.expected_purchases;
    revenue += *account.expected_revenue_micros;
  }
  ASSERT_EQ(by_rank.size(), 300u);
  EXPECT_EQ(by_rank.begin()->first, 1);
  EXPECT_EQ(by_rank.rbegin()->first, 300);
  for (auto one = by_rank.begin(), next = std::next(one); next != by_rank.end(); one = next++) {
    const bool in_order = recent[one->second] > recent[next->second] ||
                          (recent[one->second] == recent[next->second] && one->second < next->second);
    EXPECT_TRUE(in_order) << one->second << " before " << next->second;
  }
  EXPECT_NEAR(table->population.expected_purchases, purchases, 1e-6);
  EXPECT_NEAR(*table->population.expected_revenue_micros / revenue, 1, 1e-9);
  EXPECT_LT(table->population.lower_purchases, purchases);
  EXPECT_GT(table->population.upper_purchases, purchases);
}

TEST(Forecast, IsTheSameOnPagesAndForOneAccount) {
  const RecordLog log = Shop();
  const auto rows = Rows(log);
  const auto all = GetForecastTable({rows.get()}, {}, {}, {.size = 1'000});
  ASSERT_TRUE(all.ok()) << all.status();
  for (uint64_t first = 0; first < 300; first += 70) {
    const auto page = GetForecastTable({rows.get()}, {}, {}, {.first = first, .size = 70});
    ASSERT_TRUE(page.ok());
    EXPECT_EQ(page->more, first + 70 < 300);
    ASSERT_EQ(page->accounts.size(), std::min<size_t>(70, 300 - first));
    for (size_t i = 0; i < page->accounts.size(); ++i) {
      EXPECT_EQ(page->accounts[i].account_id, all->accounts[first + i].account_id);
      EXPECT_EQ(page->accounts[i].rank, all->accounts[first + i].rank);
    }
  }
  const auto one = GetForecastTable({rows.get()}, {}, {}, {.account_id = "b123", .size = 1});
  ASSERT_TRUE(one.ok());
  ASSERT_EQ(one->accounts.size(), 1u);
  EXPECT_EQ(one->accounts[0].account_id, "b123");
  EXPECT_EQ(one->models.purchases.parameters.r, all->models.purchases.parameters.r);
  const auto beyond = GetForecastTable({rows.get()}, {}, {}, {.first = 300, .size = 10});
  ASSERT_TRUE(beyond.ok());
  EXPECT_TRUE(beyond->accounts.empty());
}

TEST(Forecast, WithoutAMomentIsThatOfTheDayAfterTheLastPurchase) {
  RecordLog log = Shop();
  log.Purchase("b000", Utc(2026, 1, 5, 17), kUnit);
  log.Return("b000", Utc(2026, 2, 1), kUnit);
  const auto rows = Rows(log);
  const auto now = GetForecastTable({rows.get()}, {}, {}, {});
  const auto then = GetForecastTable({rows.get()}, AsOf(Utc(2026, 1, 6)), {}, {});
  ASSERT_TRUE(now.ok() && then.ok()) << now.status();
  EXPECT_EQ(now->as_of, Utc(2026, 1, 6));
  EXPECT_EQ(now->horizon_end, Utc(2027, 1, 6));
  EXPECT_EQ(now->population.expected_purchases, then->population.expected_purchases);
}

TEST(Forecast, EqualsThatOfALedgerThatHeldOnlyWhatWasKnown) {
  RecordLog log = Shop();
  const auto before = Rows(log);
  const uint64_t known = before->applied();
  const auto early = GetForecastTable({before.get()}, AsOf(Utc(2025, 12, 1)), {}, {.size = 300});
  // Late purchases, and one of a new account.
  const Micros late = Utc(2026, 3, 1);
  for (const char* id : {"b001", "b002", "zz"}) log.Purchase(id, Utc(2025, 11, 3), 500 * kUnit, "USD", late);
  const auto after = Rows(log);
  ASSERT_TRUE(early.ok()) << early.status();
  RetentionScope at_time = AsOf(Utc(2025, 12, 1));
  at_time.known_at = late;
  RetentionScope at_place = AsOf(Utc(2025, 12, 1));
  at_place.known_places = {known};
  for (const RetentionScope& scope : {at_time, at_place}) {
    const auto same = GetForecastTable({after.get()}, scope, {}, {.size = 300});
    ASSERT_TRUE(same.ok()) << same.status();
    EXPECT_EQ(same->population.expected_purchases, early->population.expected_purchases);
    EXPECT_EQ(same->models.purchases.log_likelihood, early->models.purchases.log_likelihood);
    ASSERT_EQ(same->accounts.size(), early->accounts.size());
    for (size_t i = 0; i < same->accounts.size(); ++i) {
      EXPECT_EQ(same->accounts[i].account_id, early->accounts[i].account_id);
    }
  }
  const auto other = GetForecastTable({after.get()}, AsOf(Utc(2025, 12, 1)), {}, {});
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(other->population.accounts, early->population.accounts + 1);
}

TEST(Forecast, IsOfTheAccountsInScope) {
  RecordLog log = Shop();
  for (int i = 0; i < 150; ++i) {
    const std::string id = "b" + std::string(i < 10 ? "00" : i < 100 ? "0" : "") + std::to_string(i);
    log.Add(id, kStart).mutable_event()->mutable_account_facts_updated()->set_segment("hotel");
  }
  const auto rows = Rows(log);
  RetentionScope scope;
  scope.filter.segment = "hotel";
  const auto table = GetForecastTable({rows.get()}, scope, {}, {.size = 1'000});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->population.accounts, 150);
  ASSERT_EQ(table->accounts.size(), 150u);
  for (const AccountOutlook& account : table->accounts) EXPECT_LT(account.account_id, "b150");
}

TEST(Forecast, LearnsFromClosedAccountsAndExpectsNothingOfThem) {
  const Micros as_of = kStart + kDays * kMicrosPerDay;
  RecordLog log = Shop();
  const auto before = GetForecastTable({Rows(log).get()}, AsOf(as_of), {}, {.size = 1'000});
  ASSERT_TRUE(before.ok()) << before.status();
  ASSERT_EQ(before->accounts.size(), 300u);
  EXPECT_EQ(before->population.closed_accounts, 0);
  const AccountOutlook& best = before->accounts[0];
  log.Add(best.account_id, as_of - kMicrosPerDay).mutable_event()->mutable_account_closed();
  // Closed only afterwards, and closed but open again.
  log.Add("b001", as_of).mutable_event()->mutable_account_closed();
  log.Add("b002", as_of - kMicrosPerDay).mutable_event()->mutable_account_closed();
  log.Add("b002", as_of - kMicrosPerDay / 2).mutable_event()->mutable_account_reopened();
  const auto rows = Rows(log);
  const auto table = GetForecastTable({rows.get()}, AsOf(as_of), {}, {.size = 1'000});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->models.purchases.parameters.r, before->models.purchases.parameters.r);
  EXPECT_EQ(table->population.accounts, 300);
  EXPECT_EQ(table->population.closed_accounts, 1);
  EXPECT_NEAR(before->population.alive_accounts - table->population.alive_accounts, best.p_alive, 1e-9);
  EXPECT_NEAR(before->population.expected_purchases - table->population.expected_purchases, best.expected_purchases,
              1e-6);
  EXPECT_NEAR(*before->population.expected_revenue_micros - *table->population.expected_revenue_micros,
              *best.expected_revenue_micros, 1);
  EXPECT_LT(table->population.upper_purchases, before->population.upper_purchases);
  ASSERT_EQ(table->accounts.size(), 299u);
  EXPECT_FALSE(table->more);
  // The one after it is the first now.
  EXPECT_EQ(table->accounts[0].account_id, before->accounts[1].account_id);
  EXPECT_EQ(table->accounts[0].next_rank, 1);
  for (const AccountOutlook& account : table->accounts) EXPECT_LE(account.rank, 299);
  const auto asked = GetForecastTable({rows.get()}, AsOf(as_of), {}, {.account_id = best.account_id, .size = 1});
  EXPECT_EQ(ReasonOf(asked.status()), Reason::kForecastNotPossible);
  EXPECT_THAT(MessageOf(asked.status()), HasSubstr("account " + best.account_id + " is closed"));
}

TEST(Forecast, OfAnAccountThatNeverBoughtIsRefused) {
  RecordLog log = Shop();
  log.Open("zed", kStart);
  const auto asked = GetForecastTable({Rows(log).get()}, {}, {}, {.account_id = "zed", .size = 1});
  EXPECT_EQ(ReasonOf(asked.status()), Reason::kForecastNotPossible);
  EXPECT_THAT(MessageOf(asked.status()), HasSubstr("account zed has made no purchase in scope"));
}

TEST(Forecast, TakesMarginAndDiscountOffValues) {
  const RecordLog log = Shop();
  const auto rows = Rows(log);
  const auto table =
      GetForecastTable({rows.get()}, {}, {.horizon_days = 730, .margin = 0.25, .discount = 0.5}, {.size = 5});
  ASSERT_TRUE(table.ok()) << table.status();
  for (const AccountOutlook& account : table->accounts) {
    const double share = *account.expected_value_micros / *account.expected_revenue_micros;
    // All of it at the end of two years at 50 % would be 1/2.25 of a quarter; purchases get fewer with time.
    EXPECT_GT(share, 0.25 / 1.5);
    EXPECT_LT(share, 0.25);
  }
  // Somebody who buys once a week for ever, and is as good as certain to: each week's purchase is discounted by its
  // end. 1/1.5 a year is 0.99225449 a week; the sum over 52 weeks is 42.6.
  const auto weekly = Expect({100'000, 100'000, 1e-6, 1'000}, {{.x = 0, .t_x = 0, .T = 0}}, 52, 0.5);
  ASSERT_TRUE(weekly.ok());
  EXPECT_NEAR(weekly->at(0).purchases, 52, 1e-3);
  EXPECT_NEAR(weekly->at(0).discounted, 42.6053, 1e-2);
}

TEST(Forecast, DiscountsTenYearsByTheEndOfEachOfTheirWeeks) {
  // By an independent sum over all 523 weeks, with the parameters of CDNOW and a tenth a year. Who bought five times
  // up to the last day is alive by 6.426 in 7.219.
  const auto expected =
      Expect({0.243, 4.414, 0.793, 2.426},
             {{.x = 0, .t_x = 0, .T = 0}, {.x = 0, .t_x = 0, .T = 30}, {.x = 5, .t_x = 30, .T = 30}}, 3'660 / 7.0, 0.1);
  ASSERT_TRUE(expected.ok()) << expected.status();
  EXPECT_NEAR(expected->at(0).discounted, 3.75999451889, 4e-8);
  EXPECT_NEAR(expected->at(1).discounted, 1.19569948088, 1e-8);
  EXPECT_NEAR(expected->at(2).discounted, 15.3250853625, 2e-7);
}

// How often a walk or a fit asked whether it shall go on; and that it ends with CANCELLED whenever it is told to.
template <class Ask>
void ExpectCancelled(const Ask& ask) {
  int asked = 0;
  ASSERT_TRUE(ask([&asked] { return ++asked < 0; }).ok());
  // Walks ask every 256 accounts; a fit asks more often by far.
  EXPECT_GT(asked, 5);
  for (int last = 0; last < asked; last += 1 + asked / 12) {
    int left = last;
    EXPECT_TRUE(absl::IsCancelled(ask([&left] { return left-- == 0; }).status())) << last << " of " << asked;
  }
}

TEST(Forecast, EndsWhereverItIsWhenNobodyWaits) {
  const RecordLog log = Shop();
  const auto rows = Rows(log);
  int asked = 0;
  RetentionScope scope;
  scope.canceled = [&asked] { return ++asked < 0; };
  ASSERT_TRUE(GetForecastTable({rows.get()}, scope, {.horizon_days = 3'660, .discount = 0.1}, {.size = 5}).ok());
  // Four walks and some passes over what is expected: of the fits, too, some hundred evaluations ask.
  EXPECT_GT(asked, 100);
  ExpectCancelled([&](const forecast::Canceled& canceled) {
    RetentionScope given;
    given.canceled = canceled;
    return GetForecastTable({rows.get()}, given, {.horizon_days = 3'660, .discount = 0.1}, {.size = 5});
  });
}

TEST(Forecast, WithoutValuesListsByExpectedPurchases) {
  RecordLog log;
  for (const auto& buyer : SimulateBuyers(300, kStart, kDays)) {
    log.Open(buyer.account_id, kStart);
    for (const auto& [at, micros] : buyer.purchases) log.Purchase(buyer.account_id, at, 0);
  }
  const auto rows = Rows(log);
  const auto table = GetForecastTable({rows.get()}, {}, {}, {.size = 300});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_FALSE(table->models.values.has_value());
  EXPECT_THAT(table->models.value_note, HasSubstr("0 customers with a repeat purchase above zero are too few"));
  EXPECT_FALSE(table->population.expected_revenue_micros.has_value());
  for (size_t i = 0; i < table->accounts.size(); ++i) {
    EXPECT_FALSE(table->accounts[i].expected_revenue_micros.has_value());
    EXPECT_FALSE(table->accounts[i].next_rank.has_value());
    if (i > 0) {
      EXPECT_LE(table->accounts[i].expected_purchases, table->accounts[i - 1].expected_purchases);
    }
  }
}

TEST(Forecast, SaysInWordsWhyItIsNotPossible) {
  const auto refused = [](const RecordLog& log, const std::string& words) {
    const auto rows = Rows(log);
    const auto table = GetForecastTable({rows.get()}, {}, {}, {});
    EXPECT_EQ(ReasonOf(table.status()), Reason::kForecastNotPossible) << words;
    EXPECT_THAT(MessageOf(table.status()), HasSubstr(words));
  };
  refused(RecordLog(), "no purchase in scope");
  RecordLog opened;
  opened.Open("a", 0);
  refused(opened, "no purchase in scope");
  refused(Shop(49), "49 customers are too few");
  RecordLog once;
  for (int i = 0; i < 60; ++i) once.Purchase("a" + std::to_string(i), Utc(2026, 1, 1 + i % 28), kUnit);
  refused(once, "no customer has bought again");
  for (int i = 0; i < 9; ++i) once.Purchase("a" + std::to_string(i), Utc(2026, 3, 1), kUnit);
  refused(once, "9 customers with a repeat purchase are too few");
  // All alike: nothing tells how they differ.
  RecordLog alike;
  for (int i = 0; i < 60; ++i) {
    for (const int day : {1, 8, 15, 22}) alike.Purchase("a" + std::to_string(i), Utc(2026, 1, day), kUnit);
  }
  refused(alike, "not to be relied on");
}

// A forecast made of the shop as of its day 270, with the parameters that were found.
struct Made {
  PastForecast past;
  ForecastTable table;
};

Made Make(const store::TableReader& rows, int64_t horizon_days) {
  const RetentionScope scope = AsOf(kStart + 270 * kMicrosPerDay);
  auto table = GetForecastTable({&rows}, scope, {.horizon_days = horizon_days}, {});
  EXPECT_TRUE(table.ok()) << table.status();
  Made made{{}, *std::move(table)};
  made.past.scope = scope;
  made.past.scope.currency_code = "USD";
  made.past.scope.known_places = {rows.applied()};
  made.past.purchases = made.table.models.purchases.parameters;
  made.past.values = made.table.models.values->parameters;
  made.past.accounts = made.table.population.accounts;
  made.past.lower_purchases = made.table.population.lower_purchases;
  made.past.upper_purchases = made.table.population.upper_purchases;
  made.past.horizon_end = made.table.horizon_end;
  return made;
}

TEST(ScoreForecast, ComputesTheExpectationAgainFromWhatWasKnown) {
  RecordLog log = Shop();
  const auto before = Rows(log);
  const Made made = Make(*before, 90);
  const auto first = ScoreForecast({before.get()}, made.past, kStart + kDays * kMicrosPerDay);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_NEAR(first->expected_purchases, made.table.population.expected_purchases, 1e-6);
  EXPECT_NEAR(*first->expected_revenue_micros / *made.table.population.expected_revenue_micros, 1, 1e-9);
  ASSERT_TRUE(first->within_interval.has_value());
  int64_t accounts = 0;
  for (const forecast::Score& group : first->groups) accounts += group.n;
  EXPECT_EQ(accounts, made.past.accounts);
  // What came late from before the forecast changes nothing, what came late from after it does: two purchases on one
  // day are one, and one of an account that the forecast does not speak of is none.
  log.Purchase("b001", kStart + 100 * kMicrosPerDay, 7 * kUnit);
  log.Purchase("a-new-one", kStart + 280 * kMicrosPerDay, 7 * kUnit);
  log.Open("b0015", kStart);
  log.Purchase("b0015", kStart + 280 * kMicrosPerDay, 7 * kUnit);
  const Micros noon = kStart + 359 * kMicrosPerDay + kMicrosPerDay / 2;
  log.Purchase("b002", noon, 7 * kUnit);
  log.Purchase("b002", noon + 1, 8 * kUnit);
  const auto after = Rows(log);
  const auto second = ScoreForecast({after.get()}, made.past, kStart + kDays * kMicrosPerDay);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->expected_purchases, first->expected_purchases);
  EXPECT_EQ(second->actual_purchases, first->actual_purchases + 1);
  EXPECT_EQ(second->actual_revenue_micros, first->actual_revenue_micros + 15 * kUnit);
}

TEST(ScoreForecast, EndsWhereverItIsWhenNobodyWaits) {
  const RecordLog log = Shop();
  const auto rows = Rows(log);
  Made made = Make(*rows, 90);
  ExpectCancelled([&](const forecast::Canceled& canceled) {
    made.past.scope.canceled = canceled;
    return ScoreForecast({rows.get()}, made.past, std::nullopt);
  });
}

TEST(ScoreForecast, IsCalibratedByTenthsOfWhatWasExpected) {
  const RecordLog log = Shop();
  const auto rows = Rows(log);
  const Made made = Make(*rows, 60);
  const auto score = ScoreForecast({rows.get()}, made.past, std::nullopt);
  ASSERT_TRUE(score.ok()) << score.status();
  // All 300 had bought by then.
  ASSERT_EQ(score->calibration.size(), 10u);
  double expected = 0;
  double came = 0;
  for (size_t i = 0; i < 10; ++i) {
    const forecast::Score& part = score->calibration[i];
    EXPECT_EQ(part.n, 30) << i;
    EXPECT_NEAR(part.bias, part.expected_mean - part.actual_mean, 1e-12);
    EXPECT_GE(part.mae, std::abs(part.bias) - 1e-12);
    EXPECT_GE(part.rmse, part.mae - 1e-12);
    if (i > 0) {
      EXPECT_GT(part.expected_mean, score->calibration[i - 1].expected_mean);
    }
    expected += 30 * part.expected_mean;
    came += 30 * part.actual_mean;
  }
  EXPECT_NEAR(expected, score->expected_purchases, 1e-9);
  EXPECT_NEAR(came, static_cast<double>(score->actual_purchases), 1e-9);
}

TEST(ScoreForecast, OfAPartOfTheHorizonExpectsThatPart) {
  const RecordLog log = Shop();
  const auto rows = Rows(log);
  const Made made = Make(*rows, 365);
  const auto third = ScoreForecast({rows.get()}, made.past, kStart + 300 * kMicrosPerDay);
  ASSERT_TRUE(third.ok()) << third.status();
  EXPECT_EQ(third->scored_until, kStart + 300 * kMicrosPerDay);
  EXPECT_FALSE(third->within_interval.has_value());
  EXPECT_LT(third->expected_purchases, made.table.population.expected_purchases / 4);
  // Without a moment: up to the day after the latest purchase.
  const auto known = ScoreForecast({rows.get()}, made.past, std::nullopt);
  ASSERT_TRUE(known.ok());
  EXPECT_LE(known->scored_until, kStart + kDays * kMicrosPerDay);
  EXPECT_GT(known->scored_until, kStart + 350 * kMicrosPerDay);
  EXPECT_GT(known->actual_purchases, third->actual_purchases);
  // Never past the horizon.
  const Made near = Make(*rows, 30);
  const auto whole = ScoreForecast({rows.get()}, near.past, kStart + kDays * kMicrosPerDay);
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(whole->scored_until, near.past.horizon_end);
  EXPECT_TRUE(whole->within_interval.has_value());
}

TEST(ScoreForecast, RefusesAHorizonOfWhichNothingIsOver) {
  const RecordLog log = Shop();
  const auto rows = Rows(log);
  Made made = Make(*rows, 90);
  const auto at_once = ScoreForecast({rows.get()}, made.past, made.past.scope.as_of);
  EXPECT_EQ(ReasonOf(at_once.status()), Reason::kForecastNotPossible);
  EXPECT_THAT(MessageOf(at_once.status()), HasSubstr("nothing of the forecast's horizon is over"));
  EXPECT_TRUE(ScoreForecast({rows.get()}, made.past, made.past.scope.as_of + 1).ok());
}

TEST(ScoreForecast, SaysWhenTheRecordsAreNotThoseOfTheForecast) {
  const RecordLog log = Shop();
  const auto rows = Rows(log);
  Made made = Make(*rows, 90);
  made.past.accounts += 1;
  const auto score = ScoreForecast({rows.get()}, made.past, std::nullopt);
  EXPECT_EQ(ReasonOf(score.status()), Reason::kStoreDamaged);
}

}  // namespace
}  // namespace keyledger::projections

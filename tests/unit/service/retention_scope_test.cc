// What a scope may say, and what is refused.
#include "server/service/retention_scope.h"

#include <gtest/gtest.h>

#include "server/base/error.h"
#include "server/domain/proto_time.h"
#include "tests/support/fake_clock.h"

namespace keyledger::service {
namespace {

using ledger::v1::RetentionScope;

// 2026-01-10 12:00.
constexpr Micros kNow = 1'768'046'400 * kMicrosPerSecond;

absl::StatusOr<projections::RetentionScope> Taken(const RetentionScope& scope) {
  static const grpc::CallbackServerContext call;
  return ToScope(scope, call, testing::FakeClock(kNow));
}

std::string RefusedField(const RetentionScope& scope) {
  const auto refused = Taken(scope);
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kInvalidField);
  const auto fields = FieldsOf(refused.status());
  return fields.size() == 1 ? fields[0].first : "";
}

TEST(RetentionScope, IsMonthsInUtcOfEverythingUnlessItSaysOtherwise) {
  const auto scope = Taken(RetentionScope());
  ASSERT_TRUE(scope.ok()) << scope.status();
  EXPECT_EQ(scope->unit, CalendarUnit::kMonth);
  EXPECT_EQ(scope->period_length, 1);
  EXPECT_EQ(scope->basis, projections::RevenueBasis::kGross);
  EXPECT_TRUE(scope->filter.matches_all());
  EXPECT_EQ(scope->as_of, std::numeric_limits<int64_t>::max());
  EXPECT_EQ(scope->known_at, std::numeric_limits<int64_t>::max());
}

TEST(RetentionScope, TakesEveryPeriodOfUpTo366Units) {
  RetentionScope scope;
  const std::pair<ledger::v1::Period, CalendarUnit> units[] = {{ledger::v1::PERIOD_MONTH, CalendarUnit::kMonth},
                                                               {ledger::v1::PERIOD_QUARTER, CalendarUnit::kQuarter},
                                                               {ledger::v1::PERIOD_YEAR, CalendarUnit::kYear},
                                                               {ledger::v1::PERIOD_WEEK, CalendarUnit::kWeek},
                                                               {ledger::v1::PERIOD_DAY, CalendarUnit::kDay}};
  for (const auto& [period, unit] : units) {
    scope.set_period(period);
    ASSERT_TRUE(Taken(scope).ok());
    EXPECT_EQ(Taken(scope)->unit, unit);
  }
  scope.set_period_length(366);
  EXPECT_EQ(Taken(scope)->period_length, 366);
  scope.set_period_length(1);
  EXPECT_EQ(Taken(scope)->period_length, 1);
  scope.set_period_length(367);
  EXPECT_EQ(RefusedField(scope), "scope.period_length");
  scope.set_period_length(-1);
  EXPECT_EQ(RefusedField(scope), "scope.period_length");
}

TEST(RetentionScope, TakesAFilterOfAccounts) {
  RetentionScope scope;
  scope.mutable_accounts()->set_region("CN/31/Shanghai");
  scope.mutable_accounts()->set_segment(std::string(64, 's'));
  scope.mutable_accounts()->set_owner(std::string(128, 'o'));
  scope.mutable_accounts()->set_tier_id("gold");
  scope.mutable_accounts()->set_club_id("friends");
  const auto taken = Taken(scope);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->filter.region, "CN/31/Shanghai");
  EXPECT_EQ(taken->filter.segment, std::string(64, 's'));
  EXPECT_EQ(taken->filter.owner, std::string(128, 'o'));
  EXPECT_EQ(taken->filter.tier_id, "gold");
  EXPECT_EQ(taken->filter.club_id, "friends");
}

TEST(RetentionScope, RefusesAFilterThatNoAccountCanMatch) {
  const auto refused = [](const auto& set) {
    RetentionScope scope;
    set(*scope.mutable_accounts());
    return RefusedField(scope);
  };
  EXPECT_EQ(refused([](auto& accounts) { accounts.set_region("CN//Shanghai"); }), "scope.accounts.region");
  EXPECT_EQ(refused([](auto& accounts) { accounts.set_segment(std::string(65, 's')); }), "scope.accounts.segment");
  EXPECT_EQ(refused([](auto& accounts) { accounts.set_owner(std::string(129, 'o')); }), "scope.accounts.owner");
  EXPECT_EQ(refused([](auto& accounts) { accounts.set_tier_id("Gold"); }), "scope.accounts.tier_id");
  EXPECT_EQ(refused([](auto& accounts) { accounts.set_club_id("the club"); }), "scope.accounts.club_id");
}

TEST(RetentionScope, TakesMomentsUpToNowAndNoneInTheFuture) {
  RetentionScope scope;
  // What happened in this very microsecond counts.
  domain::SetTimestamp(scope.mutable_as_of(), kNow + 1);
  domain::SetTimestamp(scope.mutable_known_at(), kNow + 1);
  const auto taken = Taken(scope);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->as_of, kNow + 1);
  EXPECT_EQ(taken->known_at, kNow + 1);
  domain::SetTimestamp(scope.mutable_as_of(), kNow + 2);
  EXPECT_EQ(RefusedField(scope), "scope.as_of");
  EXPECT_EQ(FieldsOf(Taken(scope).status())[0].second, "must not be in the future");
  domain::SetTimestamp(scope.mutable_as_of(), kNow);
  domain::SetTimestamp(scope.mutable_known_at(), kNow + 2);
  EXPECT_EQ(RefusedField(scope), "scope.known_at");
}

TEST(RetentionScope, RefusesWhatIsNoValue) {
  RetentionScope scope;
  scope.set_period(static_cast<ledger::v1::Period>(99));
  EXPECT_EQ(RefusedField(scope), "scope.period");
  scope.Clear();
  scope.set_revenue_basis(static_cast<ledger::v1::RevenueBasis>(99));
  EXPECT_EQ(RefusedField(scope), "scope.revenue_basis");
  scope.Clear();
  scope.set_time_zone("Mars/Olympus");
  EXPECT_EQ(RefusedField(scope), "scope.time_zone");
  scope.Clear();
  scope.set_currency_code("usd");
  EXPECT_EQ(RefusedField(scope), "scope.currency_code");
  scope.Clear();
  scope.mutable_as_of()->set_nanos(-1);
  EXPECT_EQ(RefusedField(scope), "scope.as_of");
  scope.Clear();
  scope.mutable_known_at()->set_nanos(-1);
  EXPECT_EQ(RefusedField(scope), "scope.known_at");
}

}  // namespace
}  // namespace keyledger::service

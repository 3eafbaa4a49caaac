// RFM, survival, tenure and migration over the wire, on one shard and on four; what is refused, and pages.
#include "server/domain/proto_time.h"
#include "tests/integration/live_server.h"
#include "tests/support/record_log.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;

using Fields = std::vector<std::string>;
using Numbers = std::vector<int64_t>;

// 2026-01-10 12:00 is today: all times are so many days before it.
constexpr Micros Ago(int64_t days) { return kToday - days * kMicrosPerDay; }

shard::SubmittedEvent Closed(Micros at) {
  shard::SubmittedEvent fact = Fact(at);
  fact.event.mutable_account_closed()->set_reason("moved away");
  return fact;
}

// a bought for 100 and 200 sixty and ten days ago, b for 50 sixty days ago and was closed after twenty, c for 1,000
// today.
class RetentionQueries : public ::testing::TestWithParam<uint32_t> {
 protected:
  RetentionQueries() {
    server_.Publish(kPlainProgram);
    server_.MustAppend(Request("a", "r1", {Opened(Ago(60)), Bought(100, "", Ago(60))}));
    server_.MustAppend(Request("b", "r1", {Opened(Ago(60)), Bought(50, "", Ago(60)), Closed(Ago(40))}));
    server_.MustAppend(Request("a", "r2", {Bought(200, "", Ago(10))}));
    server_.MustAppend(Request("c", "r1", {Opened(), Bought(1'000)}));
    cursor_ = server_.HeadCursor();
    server_.clock().Advance(kMicrosPerSecond);
  }

  template <class Req, class Response>
  Response Get(grpc::Status (RetentionService::Stub::*method)(grpc::ClientContext*, const Req&, Response*),
               Req request) {
    request.set_min_cursor(cursor_);
    Response response;
    const grpc::Status status = Call(server_.retention(), method, request, &response);
    EXPECT_TRUE(status.ok()) << ReadRpcError(status);
    return response;
  }

  // Fields that a refusal names.
  template <class Req, class Response>
  Fields Refused(grpc::Status (RetentionService::Stub::*method)(grpc::ClientContext*, const Req&, Response*),
                 Req request) {
    request.set_min_cursor(cursor_);
    Response response;
    const RpcError error = ReadRpcError(Call(server_.retention(), method, request, &response));
    EXPECT_EQ(error.reason, "INVALID_FIELD") << error;
    return error.field_names();
  }

  LiveServer server_{GetParam()};
  std::string cursor_;
};

template <class Repeated>
Numbers All(const Repeated& numbers) {
  return Numbers(numbers.begin(), numbers.end());
}

TEST_P(RetentionQueries, GetRetentionMarksThePeriodThatTheDataEndIn) {
  GetRetentionRequest request;
  const auto running = [&] {
    std::string text;
    const GetRetentionResponse response = Get(&RetentionService::Stub::GetRetention, request);
    for (const RetentionPeriod& period : response.periods()) text += period.running() ? period.period() + " " : "";
    return text + response.last_day();
  };
  // Bought for in November, December and, for the last time, on 2026-01-10. Without being asked to nobody looks.
  EXPECT_EQ(running(), "");
  request.set_find_end(true);
  EXPECT_EQ(running(), "2026-01 2026-01-10");
  request.mutable_scope()->set_period(PERIOD_DAY);
  EXPECT_EQ(running(), "2026-01-10 2026-01-10") << "today is not over";
  request.mutable_scope()->set_period(PERIOD_QUARTER);
  EXPECT_EQ(running(), "2026-Q1 2026-01-10");
  request.clear_find_end();
  request.mutable_scope()->clear_period();
  domain::SetTimestamp(request.mutable_scope()->mutable_as_of(), Utc(2026, 1, 1));
  EXPECT_EQ(running(), "2025-12-31") << "December is over";
  domain::SetTimestamp(request.mutable_scope()->mutable_as_of(), Utc(2026, 1, 1) - 1);
  EXPECT_EQ(running(), "2025-12 2025-12-31");
}

TEST_P(RetentionQueries, GetRfmScoresAccounts) {
  GetRfmRequest request;
  request.set_account_id("a");
  const GetRfmResponse response = Get(&RetentionService::Stub::GetRfm, request);
  EXPECT_EQ(response.accounts(), 3);
  EXPECT_EQ(response.as_of_day(), "2026-01-10");
  EXPECT_EQ(response.currency_code(), "USD");
  EXPECT_EQ(All(response.recency()), (Numbers{1, 1, 0, 1, 0}));
  EXPECT_EQ(All(response.frequency()), (Numbers{1, 1, 0, 1, 0}));
  EXPECT_EQ(All(response.monetary()), (Numbers{1, 1, 0, 1, 0}));
  ASSERT_EQ(response.cells_size(), 3);
  // Recency b, a, c; frequency b, c, a; money b, a, c.
  EXPECT_EQ(response.cells(0).cell(), "111");
  EXPECT_EQ(response.cells(1).cell(), "242");
  EXPECT_EQ(response.cells(1).accounts(), 1);
  EXPECT_EQ(response.cells(1).revenue_micros(), 300 * kUnit);
  EXPECT_EQ(response.cells(2).cell(), "424");
  ASSERT_EQ(response.scores_size(), 1);
  EXPECT_EQ(response.scores(0).account_id(), "a");
  EXPECT_EQ(response.scores(0).cell(), "242");
  EXPECT_EQ(response.scores(0).recency_days(), 10);
  EXPECT_EQ(response.scores(0).frequency(), 2);
  EXPECT_EQ(response.scores(0).revenue_micros(), 300 * kUnit);
  // There is one that never bought, and one that there is not.
  server_.MustAppend(Request("d", "r1", {Opened()}));
  cursor_ = server_.HeadCursor();
  request.set_account_id("d");
  EXPECT_EQ(Get(&RetentionService::Stub::GetRfm, request).scores_size(), 0);
  request.set_account_id("nobody");
  GetRfmResponse none;
  const RpcError refused = ReadRpcError(Call(server_.retention(), &RetentionService::Stub::GetRfm, request, &none));
  EXPECT_EQ(refused.code, grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(refused.reason, "ACCOUNT_NOT_FOUND");
}

TEST_P(RetentionQueries, RefuseAMomentInTheFuture) {
  GetRetentionRequest request;
  domain::SetTimestamp(request.mutable_scope()->mutable_as_of(), server_.clock().Now() + 1);
  EXPECT_EQ(Get(&RetentionService::Stub::GetRetention, request).accounts(), 3);
  domain::SetTimestamp(request.mutable_scope()->mutable_as_of(), server_.clock().Now() + 2);
  EXPECT_EQ(Refused(&RetentionService::Stub::GetRetention, request), Fields{"scope.as_of"});
  request.mutable_scope()->clear_as_of();
  domain::SetTimestamp(request.mutable_scope()->mutable_known_at(), server_.clock().Now() + 2);
  EXPECT_EQ(Refused(&RetentionService::Stub::GetRetention, request), Fields{"scope.known_at"});
}

TEST_P(RetentionQueries, GetRfmSharesScoresAndCountsDaysWhereAsked) {
  GetRfmRequest request;
  request.set_ties(RFM_TIES_SHARED);
  request.set_frequency(RFM_FREQUENCY_DAYS);
  domain::SetTimestamp(request.mutable_scope()->mutable_as_of(), Ago(20));
  const GetRfmResponse response = Get(&RetentionService::Stub::GetRfm, request);
  // 2025-12-21: a and b had bought once each, on the same day.
  EXPECT_EQ(response.as_of_day(), "2025-12-21");
  EXPECT_EQ(All(response.recency()), (Numbers{2, 0, 0, 0, 0}));
  EXPECT_EQ(All(response.frequency()), (Numbers{2, 0, 0, 0, 0}));
  EXPECT_EQ(All(response.monetary()), (Numbers{1, 0, 1, 0, 0}));
}

TEST_P(RetentionQueries, GetRfmListsACellInPages) {
  for (int i = 0; i < 5; ++i) {
    server_.MustAppend(Request("same-" + std::to_string(i), "r1", {Opened(), Bought(1'000)}));
  }
  cursor_ = server_.HeadCursor();
  GetRfmRequest request;
  request.set_ties(RFM_TIES_SHARED);
  // Of eight, two are worse by recency and by money: 1 + floor(5 * 2 / 8). b is as frequent.
  request.set_cell("212");
  request.set_page_size(4);
  GetRfmResponse response = Get(&RetentionService::Stub::GetRfm, request);
  ASSERT_EQ(response.scores_size(), 4);
  EXPECT_EQ(response.scores(0).account_id(), "c");
  EXPECT_EQ(response.scores(3).account_id(), "same-2");
  request.set_page_token(response.next_page_token());
  response = Get(&RetentionService::Stub::GetRfm, request);
  ASSERT_EQ(response.scores_size(), 2);
  EXPECT_EQ(response.scores(0).account_id(), "same-3");
  EXPECT_EQ(response.next_page_token(), "");
  request.set_cell("111");
  EXPECT_EQ(ReadRpcError(Call(server_.retention(), &RetentionService::Stub::GetRfm, request, &response)).reason,
            "INVALID_TOKEN")
      << "the token of another listing";
}

TEST_P(RetentionQueries, GetRfmRefusesWhatItDoesNotKnow) {
  const auto refused = [this](const auto& set) {
    GetRfmRequest request;
    set(request);
    return Refused(&RetentionService::Stub::GetRfm, request);
  };
  EXPECT_EQ(refused([](auto& r) { r.set_ties(static_cast<RfmTies>(99)); }), Fields{"ties"});
  EXPECT_EQ(refused([](auto& r) { r.set_frequency(static_cast<RfmFrequency>(99)); }), Fields{"frequency"});
  for (const char* const cell : {"1", "1111", "110", "116", "abc"}) {
    EXPECT_EQ(refused([&](auto& r) { r.set_cell(cell); }), Fields{"cell"}) << cell;
  }
  EXPECT_EQ(refused([](auto& r) { r.set_account_id(std::string(129, 'a')); }), Fields{"account_id"});
  EXPECT_EQ(refused([](auto& r) {
              r.set_cell("111");
              r.set_account_id("a");
            }),
            Fields{"account_id"});
  EXPECT_EQ(refused([](auto& r) { r.set_page_size(1'001); }), Fields{"page_size"});
  EXPECT_EQ(refused([](auto& r) { r.set_page_size(-1); }), Fields{"page_size"});
  EXPECT_EQ(refused([](auto& r) { r.mutable_scope()->set_time_zone("Mars"); }), Fields{"scope.time_zone"});
  GetRfmRequest most;
  most.set_cell("555");
  most.set_page_size(1'000);
  Get(&RetentionService::Stub::GetRfm, most);
}

TEST_P(RetentionQueries, GetSurvivalOfSecondPurchases) {
  const GetSurvivalResponse response = Get(&RetentionService::Stub::GetSurvival, GetSurvivalRequest());
  EXPECT_EQ(response.accounts(), 3);
  EXPECT_EQ(response.events(), 1);
  EXPECT_EQ(response.censored(), 2);
  ASSERT_EQ(response.points_size(), 1);
  EXPECT_EQ(response.points(0).day(), 50);
  EXPECT_EQ(response.points(0).at_risk(), 2);
  EXPECT_EQ(response.points(0).events(), 1);
  EXPECT_DOUBLE_EQ(response.points(0).survival(), 0.5);
  EXPECT_DOUBLE_EQ(response.points(0).variance(), 0.125);
  EXPECT_EQ(response.median_day(), 50);
  EXPECT_EQ(response.last_day(), 60);
  EXPECT_DOUBLE_EQ(response.restricted_mean_days(), 55);
}

TEST_P(RetentionQueries, GetSurvivalOfLosses) {
  GetSurvivalRequest request;
  request.set_event(SURVIVAL_EVENT_LOSS);
  const GetSurvivalResponse closed = Get(&RetentionService::Stub::GetSurvival, request);
  ASSERT_EQ(closed.points_size(), 1);
  EXPECT_EQ(closed.points(0).day(), 20) << "b was closed";
  request.set_inactive_days(10);
  const GetSurvivalResponse silent = Get(&RetentionService::Stub::GetSurvival, request);
  EXPECT_EQ(silent.accounts(), 2) << "c came within the last ten days";
  EXPECT_EQ(silent.events(), 2) << "a is silent for ten days";
  EXPECT_EQ(silent.points(0).day(), 0) << "b was before it closed";
  EXPECT_EQ(silent.points(1).day(), 50);
  EXPECT_FALSE(Get(&RetentionService::Stub::GetSurvival, GetSurvivalRequest()).points().empty());
}

TEST_P(RetentionQueries, GetSurvivalRefusesWhatItDoesNotKnow) {
  GetSurvivalRequest request;
  request.set_event(static_cast<SurvivalEvent>(99));
  EXPECT_EQ(Refused(&RetentionService::Stub::GetSurvival, request), Fields{"event"});
  request.set_event(SURVIVAL_EVENT_LOSS);
  for (const int32_t days : {-1, 3'661}) {
    request.set_inactive_days(days);
    EXPECT_EQ(Refused(&RetentionService::Stub::GetSurvival, request), Fields{"inactive_days"}) << days;
  }
  request.set_inactive_days(3'660);
  EXPECT_EQ(Get(&RetentionService::Stub::GetSurvival, request).accounts(), 0) << "nobody was here ten years ago";
  request.set_event(SURVIVAL_EVENT_SECOND_PURCHASE);
  EXPECT_EQ(Refused(&RetentionService::Stub::GetSurvival, request), Fields{"inactive_days"});
  request.set_inactive_days(0);
  request.mutable_scope()->set_currency_code("usd");
  EXPECT_EQ(Refused(&RetentionService::Stub::GetSurvival, request), Fields{"scope.currency_code"});
}

TEST_P(RetentionQueries, GetTenureOfAccountsThatAreWithUs) {
  const GetTenureResponse response = Get(&RetentionService::Stub::GetTenure, GetTenureRequest());
  // a for 61 days, c for one.
  EXPECT_EQ(response.accounts(), 2);
  EXPECT_DOUBLE_EQ(response.mean_days(), 31);
  EXPECT_EQ(response.median_days(), 1);
  ASSERT_EQ(response.bands_size(), 6);
  EXPECT_EQ(response.bands(0).to_days(), 90);
  EXPECT_EQ(response.bands(0).accounts(), 2);
  EXPECT_EQ(response.bands(5).from_days(), 1'825);
  EXPECT_FALSE(response.bands(5).has_to_days());
  // b, of two observed that long, was lost after 20 days; a was seen for 60.
  EXPECT_DOUBLE_EQ(response.survival_mean_days(), 40);
  // Active in November: a and b, of which a was again in December. January is not over.
  EXPECT_DOUBLE_EQ(response.geometric_mean_months(), 2);
}

TEST_P(RetentionQueries, GetTenureRefusesBandsThatDoNotRise) {
  const auto refused = [this](const std::vector<int32_t>& bands) {
    GetTenureRequest request;
    request.mutable_band_days()->Add(bands.begin(), bands.end());
    return Refused(&RetentionService::Stub::GetTenure, request);
  };
  EXPECT_EQ(refused({0}), Fields{"band_days[0]"});
  EXPECT_EQ(refused({30, 30}), Fields{"band_days[1]"});
  EXPECT_EQ(refused({30, 60, 59}), Fields{"band_days[2]"});
  GetTenureRequest request;
  for (int i = 1; i <= 64; ++i) request.add_band_days(i);
  EXPECT_EQ(Get(&RetentionService::Stub::GetTenure, request).bands_size(), 65);
  request.add_band_days(65);
  EXPECT_EQ(Refused(&RetentionService::Stub::GetTenure, request), Fields{"band_days"});
  request.clear_band_days();
  request.set_inactive_days(3'661);
  EXPECT_EQ(Refused(&RetentionService::Stub::GetTenure, request), Fields{"inactive_days"});
}

TEST_P(RetentionQueries, GetMigrationByRecency) {
  GetMigrationRequest request;
  request.set_recency_cap(1);
  request.set_discount_milli(0);
  const GetMigrationResponse response = Get(&RetentionService::Stub::GetMigration, request);
  ASSERT_EQ(response.states_size(), 2);
  EXPECT_EQ(response.states(1), "1+");
  // November, December, January. a: 0 0 1. b: 0 1 1. c: 0.
  ASSERT_EQ(response.steps_size(), 2);
  EXPECT_EQ(response.steps(0).from_period(), "2025-11");
  EXPECT_EQ(response.steps(0).to_period(), "2025-12");
  EXPECT_EQ(All(response.steps(0).sizes()), (Numbers{2, 0}));
  EXPECT_EQ(All(response.steps(0).counts(0).to()), (Numbers{1, 1}));
  EXPECT_EQ(All(response.counts(0).to()), (Numbers{1, 2}));
  EXPECT_EQ(All(response.counts(1).to()), (Numbers{0, 1}));
  EXPECT_DOUBLE_EQ(response.rates(0).to(1), 2.0 / 3);
  ASSERT_EQ(response.steady_state_size(), 2);
  EXPECT_DOUBLE_EQ(response.steady_state(1), 1);
  EXPECT_EQ(response.value_micros_size(), 0) << "without a discount they have no end";
  ASSERT_EQ(response.reward_micros_size(), 2);
  EXPECT_DOUBLE_EQ(response.reward_micros(0), 1'350e6 / 4);
  request.set_discount_milli(1'000);
  EXPECT_EQ(Get(&RetentionService::Stub::GetMigration, request).value_micros_size(), 2);
}

TEST_P(RetentionQueries, GetMigrationByClassAndTier) {
  GetMigrationRequest request;
  request.set_of(MIGRATION_OF_CLASS);
  request.add_class_cuts_milli(500);
  const GetMigrationResponse classes = Get(&RetentionService::Stub::GetMigration, request);
  EXPECT_EQ(std::vector<std::string>(classes.states().begin(), classes.states().end()),
            (std::vector<std::string>{"A", "B", "N"}));
  // November: a A, b B. December: a A, b N, and c N before its first. January: c A.
  EXPECT_EQ(All(classes.counts(0).to()), (Numbers{1, 0, 1}));
  EXPECT_EQ(All(classes.counts(1).to()), (Numbers{0, 0, 1}));
  EXPECT_EQ(All(classes.counts(2).to()), (Numbers{1, 0, 1}));
  request.Clear();
  request.set_of(MIGRATION_OF_TIER);
  request.set_ladder_id("main");
  const GetMigrationResponse tiers = Get(&RetentionService::Stub::GetMigration, request);
  EXPECT_EQ(std::vector<std::string>(tiers.states().begin(), tiers.states().end()),
            (std::vector<std::string>{"bronze", "silver"}));
  EXPECT_EQ(All(tiers.counts(0).to()), (Numbers{4, 0})) << "a and b stayed bronze; c is silver at once";
}

TEST_P(RetentionQueries, GetMigrationRefusesWhatItDoesNotKnow) {
  const auto refused = [this](const auto& set) {
    GetMigrationRequest request;
    set(request);
    return Refused(&RetentionService::Stub::GetMigration, request);
  };
  EXPECT_EQ(refused([](auto& r) { r.set_of(static_cast<MigrationOf>(99)); }), Fields{"of"});
  EXPECT_EQ(refused([](auto& r) { r.set_of(MIGRATION_OF_TIER); }), Fields{"ladder_id"});
  EXPECT_EQ(refused([](auto& r) { r.set_of(MIGRATION_OF_STAGE); }), Fields{"lifecycle_id"});
  EXPECT_EQ(refused([](auto& r) {
              r.set_of(MIGRATION_OF_TIER);
              r.set_ladder_id("nosuch");
            }),
            Fields{"ladder_id"});
  EXPECT_EQ(refused([](auto& r) {
              r.set_of(MIGRATION_OF_STAGE);
              r.set_lifecycle_id("main");
            }),
            Fields{"lifecycle_id"})
      << "that is a ladder of tiers";
  EXPECT_EQ(refused([](auto& r) { r.set_ladder_id("main"); }), Fields{"ladder_id"});
  EXPECT_EQ(refused([](auto& r) { r.set_lifecycle_id("life"); }), Fields{"lifecycle_id"});
  EXPECT_EQ(refused([](auto& r) { r.set_recency_cap(-1); }), Fields{"recency_cap"});
  EXPECT_EQ(refused([](auto& r) { r.set_recency_cap(61); }), Fields{"recency_cap"});
  EXPECT_EQ(refused([](auto& r) { r.add_class_cuts_milli(50); }), Fields{"class_cuts_milli"});
  EXPECT_EQ(refused([](auto& r) { r.set_discount_milli(-1); }), Fields{"discount_milli"});
  EXPECT_EQ(refused([](auto& r) { r.set_discount_milli(1'001); }), Fields{"discount_milli"});
  EXPECT_EQ(refused([](auto& r) { r.add_reward_micros(1); }), Fields{"reward_micros"}) << "of five states";
  EXPECT_EQ(refused([](auto& r) { r.mutable_reward_micros()->Resize(129, 1); }), Fields{"reward_micros"});
  EXPECT_EQ(refused([](auto& r) { r.mutable_scope()->set_period_length(367); }), Fields{"scope.period_length"});
  const auto cuts = [&refused](const std::vector<int32_t>& milli) {
    return refused([&milli](auto& r) {
      r.set_of(MIGRATION_OF_CLASS);
      r.mutable_class_cuts_milli()->Add(milli.begin(), milli.end());
    });
  };
  EXPECT_EQ(cuts({0}), Fields{"class_cuts_milli[0]"});
  EXPECT_EQ(cuts({50, 50}), Fields{"class_cuts_milli[1]"});
  EXPECT_EQ(cuts({50, 1'000}), Fields{"class_cuts_milli[1]"});
  EXPECT_EQ(cuts({1, 2, 3, 4, 5, 6, 7, 8, 9}), Fields{"class_cuts_milli"});
  GetMigrationRequest most;
  most.set_recency_cap(60);
  EXPECT_EQ(Get(&RetentionService::Stub::GetMigration, most).states_size(), 61);
  most.Clear();
  most.set_of(MIGRATION_OF_CLASS);
  for (const int32_t milli : {1, 2, 3, 4, 5, 6, 7, 999}) most.add_class_cuts_milli(milli);
  EXPECT_EQ(Get(&RetentionService::Stub::GetMigration, most).states_size(), 10);
}

INSTANTIATE_TEST_SUITE_P(Shards, RetentionQueries, ::testing::Values(1u, 4u),
                         [](const auto& shards) { return std::to_string(shards.param) + "Shards"; });

}  // namespace
}  // namespace keyledger::testing

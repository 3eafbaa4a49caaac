// Forecasts, accounts at risk, contracts and losses over the wire: on one shard and on four, through a restart, with
// everything that is refused, and as records that an audit finds clean.
#include <cmath>
#include <fstream>
#include <functional>
#include <sstream>
#include <type_traits>

#include <fmt/format.h>

#include "client/verify/app.h"
#include "server/domain/proto_time.h"
#include "tests/integration/forecast_ledger.h"
#include "tests/support/record_log.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;
using grpc::StatusCode;
using Stub = RetentionService::Stub;

constexpr size_t kBuyers = 200;
const Micros kStart = Utc(2025, 1, 1);
const Micros kOctober = Utc(2025, 10, 1);

// 200 buyers of 2025; 40 contracts of b000, of which 10 ended at the first renewal and 6 at the second.
class Forecasts : public ::testing::TestWithParam<uint32_t> {
 protected:
  Forecasts() : server_(GetParam()) {
    server_.Publish(kPlainProgram);
    AppendBuyers(server_, kBuyers, kStart);
    server_.MustAppend(Request("b000", "r2", ContractFacts()));
    head_ = server_.HeadCursor();
  }

  static std::vector<shard::SubmittedEvent> ContractFacts() {
    std::vector<shard::SubmittedEvent> facts;
    for (int i = 0; i < 40; ++i) {
      const std::string id = fmt::format("c{}", i);
      auto* contract = facts.emplace_back(Fact(Utc(2020, 1, 1))).event.mutable_contract_signed();
      contract->set_contract_id(id);
      contract->set_kind("supply");
      domain::SetTimestamp(contract->mutable_start_time(), Utc(2020, 1, 1));
      domain::SetTimestamp(contract->mutable_end_time(), Utc(2021, 1, 1));
      if (i < 10) continue;
      auto* renewed = facts.emplace_back(Fact(Utc(2020, 12, 1))).event.mutable_contract_renewed();
      renewed->set_contract_id(id);
      domain::SetTimestamp(renewed->mutable_end_time(), Utc(i < 16 ? 2022 : 2032, 1, 1));
    }
    return facts;
  }

  template <class Req, class Response>
  Response Get(grpc::Status (Stub::*method)(grpc::ClientContext*, const Req&, Response*), const Req& request) {
    Response response;
    const grpc::Status status = Call(server_.retention(), method, request, &response);
    EXPECT_TRUE(status.ok()) << ReadRpcError(status);
    return response;
  }

  template <class Req, class Response>
  RpcError Refused(grpc::Status (Stub::*method)(grpc::ClientContext*, const Req&, Response*), const Req& request) {
    Response response;
    const grpc::Status status = Call(server_.retention(), method, request, &response);
    EXPECT_FALSE(status.ok());
    return ReadRpcError(status);
  }

  GetForecastResponse Forecast(int page_size = 1'000, const std::string& token = "") {
    GetForecastRequest request;
    request.set_min_cursor(head_);
    request.set_page_size(page_size);
    request.set_page_token(token);
    return Get(&Stub::GetForecast, request);
  }

  // Of what is known of the first nine months, for two months.
  static RecordForecastRequest October(const std::string& request_id) {
    RecordForecastRequest request;
    request.set_request_id(request_id);
    request.set_note("for the autumn");
    request.set_actor("tester");
    domain::SetTimestamp(request.mutable_forecast()->mutable_scope()->mutable_as_of(), kOctober);
    request.mutable_forecast()->set_horizon_days(60);
    return request;
  }

  RecordedForecast Record(const RecordForecastRequest& request) {
    Forecast(1);
    return Get(&Stub::RecordForecast, request).forecast();
  }

  ScoreForecastRequest ScoreOf(const RecordedForecast& forecast) const {
    ScoreForecastRequest request;
    request.set_forecast_id(forecast.forecast_id());
    request.set_min_cursor(head_);
    return request;
  }

  LiveServer server_;
  std::string head_;
};

INSTANTIATE_TEST_SUITE_P(OfShards, Forecasts, ::testing::Values(1, 4));

TEST_P(Forecasts, SayTheModelsTheWholeAndEachAccount) {
  const GetForecastResponse all = Forecast();
  EXPECT_GT(all.model().r(), 0);
  EXPECT_LT(all.model().log_likelihood(), 0);
  EXPECT_TRUE(all.model().has_q());
  EXPECT_EQ(all.model().accounts(), 200);
  EXPECT_NE(all.model().convergence().find("3 of 3 starts agree"), std::string::npos) << all.model().convergence();
  EXPECT_EQ(all.currency_code(), "USD");
  EXPECT_EQ(all.horizon_end().seconds() - all.as_of().seconds(), 365 * 86'400);
  EXPECT_EQ(all.population().accounts(), 200);
  EXPECT_LT(all.population().lower_purchases(), all.population().expected_purchases());
  ASSERT_EQ(all.accounts_size(), 200);
  EXPECT_TRUE(all.next_page_token().empty());
  for (int i = 0; i < all.accounts_size(); ++i) {
    EXPECT_EQ(all.accounts(i).next_rank(), i + 1);
    EXPECT_TRUE(all.accounts(i).tier_id() == "bronze" || all.accounts(i).tier_id() == "silver");
    // Silver is for 1,000 in 365 days, which is the horizon.
    const bool silver = all.accounts(i).expected_revenue_micros() > 1'000e6;
    EXPECT_EQ(all.accounts(i).projected_tier_id(), silver ? "silver" : "bronze") << all.accounts(i).account_id();
  }
  GetForecastRequest one;
  one.set_account_id("b007");
  const GetForecastResponse only = Get(&Stub::GetForecast, one);
  ASSERT_EQ(only.accounts_size(), 1);
  EXPECT_EQ(only.accounts(0).account_id(), "b007");
  EXPECT_EQ(only.model().SerializeAsString(), all.model().SerializeAsString());
}

TEST_P(Forecasts, OfOneAccountSayWhyThereIsNone) {
  GetForecastRequest request;
  request.set_account_id("nobody");
  EXPECT_EQ(Refused(&Stub::GetForecast, request).reason, "ACCOUNT_NOT_FOUND");
  shard::SubmittedEvent closed = Fact(Utc(2025, 12, 1));
  closed.event.mutable_account_closed()->set_reason("moved away");
  server_.MustAppend(Request("zz-gone", "r1", {Opened(kStart), Bought(10, "", Utc(2025, 11, 1)), closed}));
  server_.MustAppend(Request("zz-idle", "r1", {Opened(kStart)}));
  request.set_min_cursor(server_.HeadCursor());
  request.set_account_id("zz-idle");
  EXPECT_EQ(Refused(&Stub::GetForecast, request).reason, "FORECAST_NOT_POSSIBLE");
  request.set_account_id("zz-gone");
  EXPECT_EQ(Refused(&Stub::GetForecast, request).reason, "FORECAST_NOT_POSSIBLE");
  request.clear_account_id();
  const GetForecastResponse all = Get(&Stub::GetForecast, request);
  EXPECT_EQ(all.population().accounts(), 201);
  EXPECT_EQ(all.population().closed_accounts(), 1);
}

TEST_P(Forecasts, OfTheFutureAreNeitherMadeNorPutOnRecord) {
  RecordForecastRequest request = October("ahead");
  domain::SetTimestamp(request.mutable_forecast()->mutable_scope()->mutable_as_of(), server_.clock().Now() + 2);
  EXPECT_EQ(Refused(&Stub::RecordForecast, request).field_names().size(), 1u);
  GetForecastRequest asked;
  *asked.mutable_forecast() = request.forecast();
  EXPECT_EQ(Refused(&Stub::GetForecast, asked).reason, "INVALID_FIELD");
  EXPECT_EQ(Get(&Stub::ListForecasts, ListForecastsRequest()).forecasts_size(), 0);
}

TEST_P(Forecasts, AreOfOneViewOnAllPages) {
  const GetForecastResponse all = Forecast();
  GetForecastResponse page = Forecast(70);
  // Between two pages somebody comes who would be the first.
  std::vector<shard::SubmittedEvent> events{Opened(kStart)};
  for (int day = 1; day <= 28; ++day) events.push_back(Bought(50'000, "", Utc(2025, 12, day)));
  server_.MustAppend(Request("zz-new", "r1", events));
  head_ = server_.HeadCursor();
  int place = 0;
  for (int pages = 0; pages < 3; ++pages) {
    for (const AccountForecast& account : page.accounts()) {
      EXPECT_EQ(account.SerializeAsString(), all.accounts(place++).SerializeAsString());
    }
    ASSERT_EQ(page.next_page_token().empty(), pages == 2);
    if (pages < 2) page = Forecast(70, page.next_page_token());
  }
  EXPECT_EQ(place, 200);
  const GetForecastResponse later = Forecast(1);
  EXPECT_EQ(later.accounts(0).account_id(), "zz-new");
  EXPECT_EQ(later.accounts(0).projected_tier_id(), "silver");
}

TEST_P(Forecasts, OnRecordSurviveARestartAndAreScoredAlike) {
  const RecordedForecast made = Record(October("f1"));
  EXPECT_EQ(made.accounts().SerializeAsString(), "");
  EXPECT_EQ(made.note(), "for the autumn");
  EXPECT_EQ(made.horizon_end().seconds() - made.as_of().seconds(), 60 * 86'400);
  EXPECT_GT(made.population().expected_purchases(), 0);
  // What becomes known later is no part of what it knew.
  server_.MustAppend(Request("b001", "late", {Bought(7, "", Utc(2025, 9, 9)), Bought(7, "", Utc(2025, 10, 9, 1))}));
  head_ = server_.HeadCursor();
  const ScoreForecastResponse score = Get(&Stub::ScoreForecast, ScoreOf(made));
  EXPECT_NEAR(score.expected_purchases(), made.population().expected_purchases(), 1e-6);
  EXPECT_NEAR(score.expected_revenue_micros() / made.population().expected_revenue_micros(), 1, 1e-9);
  EXPECT_GT(score.actual_purchases(), 0);
  EXPECT_TRUE(score.has_within_interval());
  EXPECT_EQ(score.scored_until().seconds(), made.horizon_end().seconds());
  ASSERT_EQ(score.groups_size(), 8);
  EXPECT_EQ(score.groups(0).repeat_days(), "0");
  EXPECT_EQ(score.groups(7).repeat_days(), "7+");
  int64_t accounts = 0;
  double came = 0;
  for (const ForecastGroup& group : score.groups()) {
    accounts += group.accounts();
    came += group.actual_mean() * static_cast<double>(group.accounts());
    EXPECT_NEAR(group.bias(), group.expected_mean() - group.actual_mean(), 1e-9);
    EXPECT_GE(group.mean_absolute_error(), std::abs(group.bias()) - 1e-9);
    EXPECT_GE(group.root_mean_squared_error(), group.mean_absolute_error() - 1e-9);
  }
  EXPECT_EQ(accounts, made.population().accounts());
  EXPECT_NEAR(came, static_cast<double>(score.actual_purchases()), 1e-6);
  EXPECT_NEAR(score.bias() * static_cast<double>(accounts), score.expected_purchases() - came, 1e-6);
  // 200 in tenths.
  ASSERT_EQ(score.calibration_size(), 10);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(score.calibration(i).repeat_days(), "");
    EXPECT_EQ(score.calibration(i).accounts(), 20);
    if (i > 0) {
      EXPECT_GE(score.calibration(i).expected_mean(), score.calibration(i - 1).expected_mean());
    }
  }
  server_.Restart();
  EXPECT_EQ(Get(&Stub::ScoreForecast, ScoreOf(made)).SerializeAsString(), score.SerializeAsString());
  const ListForecastsResponse listed = Get(&Stub::ListForecasts, ListForecastsRequest());
  ASSERT_EQ(listed.forecasts_size(), 1);
  EXPECT_EQ(listed.forecasts(0).SerializeAsString(), made.SerializeAsString());
  EXPECT_EQ(Get(&Stub::RecordForecast, October("f1")).forecast().SerializeAsString(), made.SerializeAsString());
}

TEST_P(Forecasts, RepeatedWithTheSameRequestIdAreThatOfTheFirstTime) {
  const RecordedForecast first = Record(October("f1"));
  server_.MustAppend(Request("b001", "late", {Bought(7, "", Utc(2025, 9, 9))}));
  head_ = server_.HeadCursor();
  EXPECT_EQ(Record(October("f1")).SerializeAsString(), first.SerializeAsString());
  RecordForecastRequest other = October("f1");
  other.set_note("for the winter");
  const RpcError reused = Refused(&Stub::RecordForecast, other);
  EXPECT_EQ(reused.code, StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(reused.reason, "REQUEST_ID_REUSED");
  EXPECT_NE(Record(October("f2")).forecast_id(), first.forecast_id());
  EXPECT_EQ(Get(&Stub::ListForecasts, ListForecastsRequest()).forecasts_size(), 2);
}

TEST_P(Forecasts, AreListedNewestFirst) {
  EXPECT_EQ(Get(&Stub::ListForecasts, ListForecastsRequest()).forecasts_size(), 0);
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(Record(October(fmt::format("f{}", i))).forecast_id());
  ListForecastsRequest request;
  request.set_page_size(2);
  std::vector<std::string> listed;
  for (int pages = 0; pages < 3; ++pages) {
    const ListForecastsResponse page = Get(&Stub::ListForecasts, request);
    for (const RecordedForecast& forecast : page.forecasts()) listed.push_back(forecast.forecast_id());
    request.set_page_token(page.next_page_token());
    EXPECT_EQ(page.next_page_token().empty(), pages == 2);
  }
  EXPECT_EQ(listed, std::vector<std::string>(ids.rbegin(), ids.rend()));
}

TEST_P(Forecasts, ThatAreNotThereOrNotOverAreNotScored) {
  ScoreForecastRequest request;
  request.set_forecast_id("forecast-of-nobody");
  const RpcError unknown = Refused(&Stub::ScoreForecast, request);
  EXPECT_EQ(unknown.code, StatusCode::NOT_FOUND);
  EXPECT_EQ(unknown.reason, "FORECAST_NOT_FOUND");
  RecordForecastRequest now;
  now.set_request_id("now");
  request = ScoreOf(Record(now));
  const RpcError early = Refused(&Stub::ScoreForecast, request);
  EXPECT_EQ(early.code, StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(early.reason, "FORECAST_NOT_POSSIBLE");
  domain::SetTimestamp(request.mutable_as_of(), server_.clock().Now() + kMicrosPerSecond);
  EXPECT_EQ(Refused(&Stub::ScoreForecast, request).field_names(), std::vector<std::string>{"as_of"});
  domain::SetTimestamp(request.mutable_as_of(), server_.clock().Now());
  const ScoreForecastResponse part = Get(&Stub::ScoreForecast, request);
  EXPECT_FALSE(part.has_within_interval());
  EXPECT_EQ(part.actual_purchases(), 0);
}

TEST_P(Forecasts, OfTooFewAreRefusedInWords) {
  GetForecastRequest request;
  request.set_min_cursor(head_);
  domain::SetTimestamp(request.mutable_forecast()->mutable_scope()->mutable_as_of(), kStart + 3 * kMicrosPerDay);
  const RpcError few = Refused(&Stub::GetForecast, request);
  EXPECT_EQ(few.code, StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(few.reason, "FORECAST_NOT_POSSIBLE");
  EXPECT_NE(few.message.find("customers are too few"), std::string::npos) << few.message;
  RecordForecastRequest record;
  record.set_request_id("few");
  *record.mutable_forecast() = request.forecast();
  EXPECT_EQ(Refused(&Stub::RecordForecast, record).reason, "FORECAST_NOT_POSSIBLE");
  EXPECT_EQ(Get(&Stub::ListForecasts, ListForecastsRequest()).forecasts_size(), 0);
}

TEST_P(Forecasts, NameWhoIsAtRiskAndWhatIsAtStake) {
  ListAtRiskRequest request;
  request.set_min_cursor(head_);
  request.set_page_size(1'000);
  const ListAtRiskResponse all = Get(&Stub::ListAtRisk, request);
  ASSERT_GT(all.total(), 10);
  ASSERT_EQ(all.accounts_size(), all.total());
  EXPECT_EQ(all.currency_code(), "USD");
  for (const AtRiskAccount& account : all.accounts()) {
    ASSERT_GT(account.reasons_size(), 0);
    EXPECT_FALSE(account.reasons(0).detail().empty());
    EXPECT_NE(account.reasons(0).reason(), RISK_REASON_UNSPECIFIED);
  }
  request.set_page_size(7);
  int place = 0;
  for (;;) {
    const ListAtRiskResponse page = Get(&Stub::ListAtRisk, request);
    for (const AtRiskAccount& account : page.accounts()) {
      EXPECT_EQ(account.SerializeAsString(), all.accounts(place++).SerializeAsString());
    }
    if (page.next_page_token().empty()) break;
    request.set_page_token(page.next_page_token());
  }
  EXPECT_EQ(place, all.total());
}

TEST_P(Forecasts, AnswerHowContractsAreRenewedAndWhatFewerLossesAreWorth) {
  GetContractRetentionRequest contracts;
  contracts.set_min_cursor(head_);
  contracts.set_kind("supply");
  contracts.set_discount_milli(100);
  contracts.set_horizon(3);
  const GetContractRetentionResponse renewed = Get(&Stub::GetContractRetention, contracts);
  EXPECT_EQ(renewed.contracts(), 40);
  EXPECT_EQ(renewed.young(), 0);
  ASSERT_EQ(renewed.renewals_size(), 3);
  EXPECT_EQ(renewed.renewals(0).at_risk(), 40);
  EXPECT_EQ(renewed.renewals(0).lost(), 10);
  EXPECT_EQ(renewed.renewals(1).at_risk(), 30);
  EXPECT_EQ(renewed.renewals(1).lost(), 6);
  // Six years have passed since they were signed.
  EXPECT_EQ(renewed.renewals(2).at_risk(), 24);
  EXPECT_EQ(renewed.renewals(2).lost(), 0);
  EXPECT_TRUE(renewed.has_expected_renewals());
  EXPECT_EQ(renewed.model_note(), "");
  EXPECT_TRUE(renewed.has_alpha() && renewed.has_log_likelihood() && renewed.renewals(0).has_survival());
  GetRfmRequest rfm;
  rfm.set_min_cursor(head_);
  EXPECT_EQ(FormatMicros(domain::MicrosOf(renewed.as_of())), Get(&Stub::GetRfm, rfm).as_of_day() + "T00:00:00Z")
      << "the day after the last purchase";
  contracts.set_kind("rent");
  const GetContractRetentionResponse none = Get(&Stub::GetContractRetention, contracts);
  EXPECT_EQ(none.contracts(), 0);
  EXPECT_NE(none.model_note(), "");
  EXPECT_FALSE(none.has_alpha() || none.has_beta() || none.has_log_likelihood());
  EXPECT_EQ(none.convergence(), "");
  GetLossEffectRequest losses;
  losses.set_margin_milli(500);
  losses.set_periods(1);
  const GetLossEffectResponse effect = Get(&Stub::GetLossEffect, losses);
  EXPECT_GT(effect.loss_rate(), 0);
  EXPECT_NEAR(effect.reduced_loss_rate(), effect.loss_rate() * 0.95, 1e-12);
  // Of the present period alone nothing can be lost.
  EXPECT_EQ(effect.value_micros(), effect.margin_micros());
  EXPECT_EQ(effect.gain_micros(), 0);
  losses.set_periods(0);
  const GetLossEffectResponse endless = Get(&Stub::GetLossEffect, losses);
  // Without end and without a discount the data make no difference: 1 / 0.95 - 1.
  EXPECT_NEAR(endless.gain_share(), 1 / 0.95 - 1, 1e-12);
  EXPECT_EQ(endless.periods(), 0);
  losses.clear_periods();
  const GetLossEffectResponse year = Get(&Stub::GetLossEffect, losses);
  EXPECT_EQ(year.periods(), 12);
  EXPECT_GT(year.gain_share(), 0);
  EXPECT_LT(year.gain_share(), 1 / 0.95 - 1);
  EXPECT_EQ(year.last_period().substr(0, 5), "2025-");
  losses.mutable_scope()->set_period_length(5);
  EXPECT_EQ(Get(&Stub::GetLossEffect, losses).periods(), 3);
  losses.mutable_scope()->set_period_length(12);
  EXPECT_EQ(Refused(&Stub::GetLossEffect, losses).reason, "FORECAST_NOT_POSSIBLE") << "one period alone";
}

TEST_P(Forecasts, AreRecordsThatAnAuditFindsClean) {
  Record(October("f1"));
  Record(October("f2"));
  grpc::ClientContext context;
  const auto replay = server_.audit().Replay(&context, ReplayRequest());
  ReplayResponse frame;
  std::optional<audit::v1::ReplayReport> report;
  while (replay->Read(&frame)) {
    EXPECT_FALSE(frame.has_finding()) << frame.finding().message();
    if (frame.has_report()) report = frame.report();
  }
  ASSERT_TRUE(replay->Finish().ok());
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->findings(), 0u);
  // ... and a bundle with them, by the public keys alone.
  ListSigningKeysResponse keys;
  ASSERT_TRUE(Call(server_.audit(), &AuditService::Stub::ListSigningKeys, ListSigningKeysRequest(), &keys).ok());
  const TempDir directory;
  std::ofstream key_file(directory / "keys", std::ios::binary);
  for (const SigningKey& key : keys.keys()) key_file << key.verifier_key() << "\n";
  key_file.close();
  grpc::ClientContext export_context;
  const auto pieces = server_.audit().ExportBundle(&export_context, ExportBundleRequest());
  std::ofstream bundle(directory / "bundle", std::ios::binary);
  ExportBundleResponse piece;
  while (pieces->Read(&piece)) bundle << piece.data();
  bundle.close();
  ASSERT_TRUE(pieces->Finish().ok());
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(verify::Run({"bundle", directory / "bundle", "--key", directory / "keys", "--temp-dir", directory.path()},
                        {out, err}),
            0)
      << out.str() << err.str();
}

class ForecastInput : public ::testing::Test {
 protected:
  template <class Req, class Response>
  void ExpectField(grpc::Status (Stub::*method)(grpc::ClientContext*, const Req&, Response*), const std::string& field,
                   const std::function<void(Req&)>& change) {
    Req request = Valid(Req());
    change(request);
    Response response;
    const RpcError error = ReadRpcError(Call(server_.retention(), method, request, &response));
    EXPECT_EQ(error.code, StatusCode::INVALID_ARGUMENT) << field << ": " << error;
    EXPECT_EQ(error.field_names(), std::vector<std::string>{field}) << error;
  }

  // The ledger is empty: what is well formed is not possible, but no mistake.
  template <class Req, class Response>
  void ExpectTaken(grpc::Status (Stub::*method)(grpc::ClientContext*, const Req&, Response*),
                   const std::function<void(Req&)>& change) {
    Req request = Valid(Req());
    change(request);
    Response response;
    const grpc::Status status = Call(server_.retention(), method, request, &response);
    EXPECT_TRUE(status.ok() || ReadRpcError(status).reason == "FORECAST_NOT_POSSIBLE" ||
                ReadRpcError(status).reason == "FORECAST_NOT_FOUND")
        << ReadRpcError(status);
  }

  template <class Req>
  static Req Valid(Req request) {
    if constexpr (std::is_same_v<Req, RecordForecastRequest>) request.set_request_id("r1");
    if constexpr (std::is_same_v<Req, ScoreForecastRequest>) request.set_forecast_id("f1");
    return request;
  }

  LiveServer server_;
};

TEST_F(ForecastInput, IsTakenUpToItsLimitsAndRefusedBeyond) {
  using Get = GetForecastRequest;
  for (const int days : {0, 1, 3'660}) {
    ExpectTaken<Get>(&Stub::GetForecast, [&](Get& r) { r.mutable_forecast()->set_horizon_days(days); });
  }
  for (const int days : {-1, 3'661}) {
    ExpectField<Get>(&Stub::GetForecast, "forecast.horizon_days",
                     [&](Get& r) { r.mutable_forecast()->set_horizon_days(days); });
  }
  for (const int milli : {-1'000, 1'000}) {
    ExpectTaken<Get>(&Stub::GetForecast, [&](Get& r) { r.mutable_forecast()->set_margin_milli(milli); });
    ExpectField<Get>(&Stub::GetForecast, "forecast.margin_milli",
                     [&](Get& r) { r.mutable_forecast()->set_margin_milli(milli + (milli > 0 ? 1 : -1)); });
  }
  for (const int milli : {-1, 1'001}) {
    ExpectField<Get>(&Stub::GetForecast, "forecast.discount_milli",
                     [&](Get& r) { r.mutable_forecast()->set_discount_milli(milli); });
  }
  for (const int milli : {500, 999}) {
    ExpectTaken<Get>(&Stub::GetForecast, [&](Get& r) { r.mutable_forecast()->set_interval_milli(milli); });
  }
  for (const int milli : {-1, 499, 1'000}) {
    ExpectField<Get>(&Stub::GetForecast, "forecast.interval_milli",
                     [&](Get& r) { r.mutable_forecast()->set_interval_milli(milli); });
  }
  ExpectField<Get>(&Stub::GetForecast, "account_id", [](Get& r) { r.set_account_id("two words"); });
  for (const int size : {-1, 1'001}) {
    ExpectField<Get>(&Stub::GetForecast, "page_size", [&](Get& r) { r.set_page_size(size); });
    ExpectField<ListForecastsRequest>(&Stub::ListForecasts, "page_size",
                                      [&](ListForecastsRequest& r) { r.set_page_size(size); });
    ExpectField<ListAtRiskRequest>(&Stub::ListAtRisk, "page_size",
                                   [&](ListAtRiskRequest& r) { r.set_page_size(size); });
  }
  ExpectField<Get>(&Stub::GetForecast, "forecast.scope.currency_code",
                   [](Get& r) { r.mutable_forecast()->mutable_scope()->set_currency_code("usd"); });
  using Risk = ListAtRiskRequest;
  ExpectField<Risk>(&Stub::ListAtRisk, "forecast.scope.accounts.region",
                    [](Risk& r) { r.mutable_forecast()->mutable_scope()->mutable_accounts()->set_region("CN//31"); });
}

TEST_F(ForecastInput, OfALedgerWithSeveralCurrenciesNamesOne) {
  server_.Publish(kPlainProgram);
  server_.MustAppend(Request("a", "r1", {Opened(kStart), Bought(10, "", kStart)}));
  shard::SubmittedEvent euros = Bought(10, "", kStart);
  euros.event.mutable_purchase_recorded()->mutable_lines(0)->mutable_amount()->set_currency_code("EUR");
  server_.MustAppend(Request("a", "r2", {euros}));
  const std::string head = server_.HeadCursor();
  ExpectField<GetForecastRequest>(&Stub::GetForecast, "forecast.scope.currency_code",
                                  [&](GetForecastRequest& r) { r.set_min_cursor(head); });
  ExpectField<ListAtRiskRequest>(&Stub::ListAtRisk, "forecast.scope.currency_code",
                                 [&](ListAtRiskRequest& r) { r.set_min_cursor(head); });
}

TEST_F(ForecastInput, OfARecordIsHeldAgainstWhatARecordCanSay) {
  using Req = RecordForecastRequest;
  for (const std::string& id : {std::string(), std::string("two words"), std::string(129, 'r')}) {
    ExpectField<Req>(&Stub::RecordForecast, "request_id", [&](Req& r) { r.set_request_id(id); });
  }
  ExpectTaken<Req>(&Stub::RecordForecast, [](Req& r) {
    r.set_request_id(std::string(128, 'r'));
    r.set_note(std::string(512, 'n'));
    r.set_actor(std::string(128, 'a'));
  });
  ExpectField<Req>(&Stub::RecordForecast, "note", [](Req& r) { r.set_note(std::string(513, 'n')); });
  ExpectField<Req>(&Stub::RecordForecast, "actor", [](Req& r) { r.set_actor(std::string(129, 'a')); });
  ExpectField<Req>(&Stub::RecordForecast, "forecast.scope.known_at",
                   [](Req& r) { r.mutable_forecast()->mutable_scope()->mutable_known_at()->set_seconds(1); });
  ExpectField<Req>(&Stub::RecordForecast, "forecast.scope.accounts.club_id",
                   [](Req& r) { r.mutable_forecast()->mutable_scope()->mutable_accounts()->set_club_id("friends"); });
  using Score = ScoreForecastRequest;
  for (const std::string& id : {std::string(), std::string("two words"), std::string(129, 'f')}) {
    ExpectField<Score>(&Stub::ScoreForecast, "forecast_id", [&](Score& r) { r.set_forecast_id(id); });
  }
  ExpectTaken<Score>(&Stub::ScoreForecast, [](Score& r) { r.set_forecast_id(std::string(128, 'f')); });
}

TEST_F(ForecastInput, OfTheOtherQuestionsHasLimitsToo) {
  using Risk = ListAtRiskRequest;
  using Contracts = GetContractRetentionRequest;
  using Loss = GetLossEffectRequest;
  for (const int milli : {-1, 1'001}) {
    ExpectField<Risk>(&Stub::ListAtRisk, "alive_below_milli", [&](Risk& r) { r.set_alive_below_milli(milli); });
    ExpectField<Contracts>(&Stub::GetContractRetention, "discount_milli",
                           [&](Contracts& r) { r.set_discount_milli(milli); });
    ExpectField<Loss>(&Stub::GetLossEffect, "fewer_milli", [&](Loss& r) { r.set_fewer_milli(milli); });
    ExpectField<Loss>(&Stub::GetLossEffect, "discount_milli", [&](Loss& r) { r.set_discount_milli(milli); });
    ExpectField<Loss>(&Stub::GetLossEffect, "margin_milli",
                      [&](Loss& r) { r.set_margin_milli(milli < 0 ? -1'001 : milli); });
  }
  for (const int months : {-1, 121}) {
    ExpectField<Contracts>(&Stub::GetContractRetention, "renewal_months",
                           [&](Contracts& r) { r.set_renewal_months(months); });
  }
  for (const int renewals : {-1, 101}) {
    ExpectField<Contracts>(&Stub::GetContractRetention, "horizon", [&](Contracts& r) { r.set_horizon(renewals); });
  }
  ExpectField<Contracts>(&Stub::GetContractRetention, "kind", [](Contracts& r) { r.set_kind(std::string(65, 'k')); });
  for (const int periods : {-1, 1'201}) {
    ExpectField<Loss>(&Stub::GetLossEffect, "periods", [&](Loss& r) { r.set_periods(periods); });
  }
  // Not what is meant where nothing was given.
  ExpectField<Risk>(&Stub::ListAtRisk, "alive_below_milli", [](Risk& r) { r.set_alive_below_milli(0); });
  ExpectField<Loss>(&Stub::GetLossEffect, "fewer_milli", [](Loss& r) { r.set_fewer_milli(0); });
  ExpectTaken<Risk>(&Stub::ListAtRisk, [](Risk& r) { r.set_alive_below_milli(1'000); });
  ExpectTaken<Contracts>(&Stub::GetContractRetention, [](Contracts& r) {
    r.set_renewal_months(120);
    r.set_horizon(100);
    r.set_discount_milli(1'000);
    r.set_kind(std::string(64, 'k'));
  });
  ExpectTaken<Loss>(&Stub::GetLossEffect, [](Loss& r) {
    r.set_fewer_milli(1'000);
    r.set_margin_milli(-1'000);
    r.set_discount_milli(1'000);
    r.set_periods(1'200);
  });
}

TEST_F(ForecastInput, OfAPageTokenMustBeOneOfThisLedger) {
  GetForecastRequest request;
  request.set_page_token("nonsense");
  GetForecastResponse response;
  EXPECT_EQ(ReadRpcError(Call(server_.retention(), &Stub::GetForecast, request, &response)).reason, "INVALID_TOKEN");
  ListForecastsRequest list;
  list.set_page_token("nonsense");
  ListForecastsResponse listed;
  EXPECT_EQ(ReadRpcError(Call(server_.retention(), &Stub::ListForecasts, list, &listed)).reason, "INVALID_TOKEN");
  list.clear_page_token();
  list.set_min_cursor("nonsense");
  EXPECT_EQ(ReadRpcError(Call(server_.retention(), &Stub::ListForecasts, list, &listed)).reason, "INVALID_TOKEN");
}

}  // namespace
}  // namespace keyledger::testing

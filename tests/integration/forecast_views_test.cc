// What a forecast knew over the wire: pages of one view, programs known then, populations by filter, and the same score
// after a rebuild; and how many forecasts are made at once.
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <absl/strings/str_replace.h>
#include <fmt/format.h>

#include "server/domain/proto_time.h"
#include "tests/integration/forecast_ledger.h"
#include "tests/support/record_log.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;
using Stub = RetentionService::Stub;

const Micros kStart = Utc(2025, 1, 1);
const Micros kOctober = Utc(2025, 10, 1);

// The plain program from December of 2026 on, which has other tiers.
std::string LaterProgram() {
  return absl::StrReplaceAll(kPlainProgram, {{"2000-01-01", "2026-12-01"}, {"bronze", "iron"}, {"silver", "steel"}});
}

// 200 buyers of 2025: half of them of li, hotels in Shanghai, the others of wu, offices in the US.
class ForecastViews : public ::testing::TestWithParam<uint32_t> {
 protected:
  ForecastViews() : server_(GetParam()) {
    server_.Publish(kPlainProgram);
    AppendBuyers(server_, 200, kStart, [](size_t i, events::v1::AccountOpened& opened) {
      opened.set_region(i % 2 == 0 ? "CN/31" : "US");
      opened.set_segment(i % 2 == 0 ? "hotel" : "office");
      opened.set_owner(i % 2 == 0 ? "li" : "wu");
    });
    head_ = server_.HeadCursor();
  }

  // Somebody who was not there comes and would be the first everywhere.
  void AppendNewcomer(const std::string& account_id) {
    std::vector<shard::SubmittedEvent> events{Opened(kStart)};
    for (int day = 1; day <= 28; ++day) events.push_back(Bought(50'000, "", Utc(2025, 12, day)));
    server_.MustAppend(Request(account_id, "r1", events));
    head_ = server_.HeadCursor();
  }

  template <class S, class Req, class Response>
  Response Get(S& stub, grpc::Status (S::*method)(grpc::ClientContext*, const Req&, Response*), const Req& request) {
    Response response;
    const grpc::Status status = Call(stub, method, request, &response);
    EXPECT_TRUE(status.ok()) << ReadRpcError(status);
    return response;
  }

  template <class S, class Req, class Response>
  std::string Refused(S& stub, grpc::Status (S::*method)(grpc::ClientContext*, const Req&, Response*),
                      const Req& request) {
    Response response;
    return ReadRpcError(Call(stub, method, request, &response)).reason;
  }

  GetClassesResponse Promising(int page_size, const std::string& token = "") {
    GetClassesRequest request;
    request.set_class_id("promising");
    request.set_page_size(page_size);
    request.set_page_token(token);
    request.set_min_cursor(head_);
    return Get(server_.portfolio(), &PortfolioService::Stub::GetClasses, request);
  }

  GetForecastRequest ForecastRequest() const {
    GetForecastRequest request;
    request.set_min_cursor(head_);
    request.set_page_size(200);
    return request;
  }

  // For sixty days, of what is known of the first nine months.
  RecordedForecast Record(
      const std::string& request_id, const std::function<void(PopulationFilter&)>& filter = [](PopulationFilter&) {}) {
    GetForecastRequest caught_up = ForecastRequest();
    Get(server_.retention(), &Stub::GetForecast, caught_up);
    RecordForecastRequest request;
    request.set_request_id(request_id);
    domain::SetTimestamp(request.mutable_forecast()->mutable_scope()->mutable_as_of(), kOctober);
    request.mutable_forecast()->set_horizon_days(60);
    filter(*request.mutable_forecast()->mutable_scope()->mutable_accounts());
    return Get(server_.retention(), &Stub::RecordForecast, request).forecast();
  }

  ScoreForecastResponse Score(const RecordedForecast& forecast) {
    ScoreForecastRequest request;
    request.set_forecast_id(forecast.forecast_id());
    request.set_min_cursor(head_);
    return Get(server_.retention(), &Stub::ScoreForecast, request);
  }

  void RebuildRetention() {
    RebuildProjectionRequest request;
    request.set_name("retention");
    Get(server_.admin(), &AdminService::Stub::RebuildProjection, request);
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    const auto rebuilt = [&] {
      uint32_t count = 0;
      const ListProjectionsResponse listed =
          Get(server_.admin(), &AdminService::Stub::ListProjections, ListProjectionsRequest());
      for (const ProjectionInfo& info : listed.projections()) {
        const bool follows = info.rebuilds() == 1 && info.state() == PROJECTION_STATE_FOLLOWING;
        if (info.name() == "retention" && follows) ++count;
      }
      return count == GetParam();
    };
    while (!rebuilt()) ASSERT_LT(std::chrono::steady_clock::now(), deadline);
  }

  LiveServer server_;
  std::string head_;
};

INSTANTIATE_TEST_SUITE_P(OfShards, ForecastViews, ::testing::Values(1, 4));

TEST_P(ForecastViews, OfThePromisingAreTheSameOnAllPagesWhateverIsAppendedMeanwhile) {
  const GetClassesResponse all = Promising(1'000);
  EXPECT_EQ(all.basis().substr(0, 32), "expected revenue of the 365 days") << all.basis();
  ASSERT_GT(all.members_size(), 4);
  GetClassesResponse page = Promising(2);
  int place = 0;
  for (int pages = 1;; ++pages) {
    EXPECT_EQ(page.basis(), all.basis());
    for (const ClassMember& member : page.members()) {
      ASSERT_LT(place, all.members_size());
      EXPECT_EQ(member.SerializeAsString(), all.members(place++).SerializeAsString());
    }
    if (page.next_page_token().empty()) break;
    AppendNewcomer(fmt::format("new-{}", pages));
    page = Promising(2, page.next_page_token());
  }
  EXPECT_EQ(place, all.members_size());
  EXPECT_NE(Promising(2).basis(), all.basis());
  // A token of the one scheme is none of the other.
  GetClassesRequest other;
  other.set_scheme(CLASS_SCHEME_ABC);
  other.set_class_id("C");
  other.set_page_token(Promising(2).next_page_token());
  EXPECT_EQ(Refused(server_.portfolio(), &PortfolioService::Stub::GetClasses, other), "INVALID_TOKEN");
}

// Too few to fit: the last half of the stretch decides, whose middle moves while the day of the last purchase lasts.
TEST(PromisingWithoutAForecast, IsTheSameOnAllPagesWhateverTimeItIs) {
  LiveServer server(1);
  for (int i = 10; i < 30; ++i) {
    std::vector<shard::SubmittedEvent> events{Opened(kStart), Bought(i < 15 ? 1'000 : 10, "", kStart)};
    if (i >= 26) events.push_back(Bought(100));
    server.MustAppend(Request(fmt::format("a{}", i), "r1", events));
  }
  GetClassesRequest request;
  request.set_class_id("promising");
  request.set_page_size(2);
  request.set_min_cursor(server.HeadCursor());
  server.clock().Advance(kMicrosPerSecond);
  GetClassesResponse first;
  ASSERT_TRUE(Call(server.portfolio(), &PortfolioService::Stub::GetClasses, request, &first).ok());
  ASSERT_EQ(first.members_size(), 2);
  EXPECT_NE(first.basis().find("no forecast is possible"), std::string::npos) << first.basis();
  server.clock().Advance(3'600 * kMicrosPerSecond);
  GetClassesResponse afresh;
  ASSERT_TRUE(Call(server.portfolio(), &PortfolioService::Stub::GetClasses, request, &afresh).ok());
  EXPECT_NE(afresh.basis(), first.basis());
  request.set_page_token(first.next_page_token());
  GetClassesResponse second;
  ASSERT_TRUE(Call(server.portfolio(), &PortfolioService::Stub::GetClasses, request, &second).ok());
  EXPECT_EQ(second.basis(), first.basis());
  ASSERT_EQ(second.members_size(), 2);
  EXPECT_EQ(second.members(1).account_id(), "a29");
}

TEST_P(ForecastViews, ProjectTiersByTheProgramsThatWereKnown) {
  const auto tiers = [this](const GetForecastRequest& request) {
    std::vector<std::string> ids;
    const GetForecastResponse response = Get(server_.retention(), &Stub::GetForecast, request);
    for (const AccountForecast& account : response.accounts()) {
      ids.push_back(account.projected_tier_id());
    }
    return ids;
  };
  GetForecastRequest request = ForecastRequest();
  const std::vector<std::string> before = tiers(request);
  // Nobody is expected to spend 1,000.
  ASSERT_EQ(before, std::vector<std::string>(200, "bronze"));
  request.set_page_size(100);
  const GetForecastResponse first = Get(server_.retention(), &Stub::GetForecast, request);
  const Micros known_at = server_.clock().Now() + kMicrosPerSecond;
  server_.clock().Advance(2 * kMicrosPerSecond);
  PublishProgramRequest publish;
  publish.set_request_id("later");
  publish.set_source_yaml(LaterProgram());
  Get(server_.programs(), &ProgramService::Stub::PublishProgram, publish);
  head_ = server_.HeadCursor();
  // The horizon ends in December of 2026, under the program that was published between the pages.
  request.set_page_token(first.next_page_token());
  EXPECT_EQ(tiers(request), std::vector<std::string>(100, "bronze"));
  request = ForecastRequest();
  domain::SetTimestamp(request.mutable_forecast()->mutable_scope()->mutable_known_at(), known_at);
  EXPECT_EQ(tiers(request), before);
  EXPECT_EQ(tiers(ForecastRequest()), std::vector<std::string>(200, "iron"));
}

TEST_P(ForecastViews, OnRecordHaveTheSameScoreAfterARebuild) {
  const RecordedForecast made = Record("f1");
  const ScoreForecastResponse score = Score(made);
  EXPECT_GT(score.actual_purchases(), 0);
  RebuildRetention();
  EXPECT_EQ(Score(made).SerializeAsString(), score.SerializeAsString());
}

TEST_P(ForecastViews, OnRecordAreOfThePopulationThatWasAskedFor) {
  const ScoreForecastResponse all = Score(Record("all"));
  const std::vector<std::function<void(PopulationFilter&, bool)>> halves{
      [](PopulationFilter& filter, bool first) { filter.set_region(first ? "CN" : "US"); },
      [](PopulationFilter& filter, bool first) { filter.set_segment(first ? "hotel" : "office"); },
      [](PopulationFilter& filter, bool first) { filter.set_owner(first ? "li" : "wu"); }};
  std::vector<int64_t> came;
  for (size_t i = 0; i < halves.size(); ++i) {
    int64_t together = 0;
    for (const bool first : {true, false}) {
      const RecordedForecast made =
          Record(fmt::format("f{}-{}", i, first), [&](PopulationFilter& filter) { halves[i](filter, first); });
      PopulationFilter asked;
      halves[i](asked, first);
      EXPECT_EQ(made.accounts().SerializeAsString(), asked.SerializeAsString());
      EXPECT_EQ(made.population().accounts(), 100);
      const ScoreForecastResponse score = Score(made);
      EXPECT_NEAR(score.expected_purchases(), made.population().expected_purchases(), 1e-6);
      together += score.actual_purchases();
      if (first) came.push_back(score.actual_purchases());
    }
    EXPECT_EQ(together, all.actual_purchases());
  }
  // The three say the same of the same half.
  EXPECT_EQ(came, std::vector<int64_t>(3, came[0]));
  const RecordedForecast bronze = Record("bronze", [](PopulationFilter& filter) { filter.set_tier_id("bronze"); });
  EXPECT_EQ(bronze.accounts().tier_id(), "bronze");
  EXPECT_GT(bronze.population().accounts(), 50);
  const ScoreForecastResponse score = Score(bronze);
  int64_t accounts = 0;
  for (const ForecastGroup& group : score.groups()) accounts += group.accounts();
  EXPECT_EQ(accounts, bronze.population().accounts());
  EXPECT_NEAR(score.expected_purchases(), bronze.population().expected_purchases(), 1e-6);
}

TEST_P(ForecastViews, AreMadeForFourCallsAtOnceAndRefusedToOthers) {
  const RecordedForecast made = Record("f1");
  ScoreForecastRequest score;
  score.set_forecast_id(made.forecast_id());
  RecordForecastRequest record;
  record.set_request_id("f2");
  GetClassesRequest abc;
  abc.set_scheme(CLASS_SCHEME_ABC);
  std::vector<service::CallSlots::Slot> taken;
  for (int i = 0; i < 3; ++i) taken.push_back(*server_.server().forecasts().Take());
  Get(server_.retention(), &Stub::GetForecast, ForecastRequest());
  taken.push_back(*server_.server().forecasts().Take());
  EXPECT_EQ(Refused(server_.retention(), &Stub::GetForecast, ForecastRequest()), "TOO_MANY_STREAMS");
  EXPECT_EQ(Refused(server_.retention(), &Stub::RecordForecast, record), "TOO_MANY_STREAMS");
  EXPECT_EQ(Refused(server_.retention(), &Stub::ScoreForecast, score), "TOO_MANY_STREAMS");
  EXPECT_EQ(Refused(server_.retention(), &Stub::ListAtRisk, ListAtRiskRequest()), "TOO_MANY_STREAMS");
  EXPECT_EQ(Refused(server_.portfolio(), &PortfolioService::Stub::GetClasses, GetClassesRequest()), "TOO_MANY_STREAMS");
  // What is on record already, and what needs no forecast, is answered.
  record.set_request_id("f1");
  domain::SetTimestamp(record.mutable_forecast()->mutable_scope()->mutable_as_of(), kOctober);
  record.mutable_forecast()->set_horizon_days(60);
  record.mutable_forecast()->mutable_scope()->mutable_accounts();
  EXPECT_EQ(Get(server_.retention(), &Stub::RecordForecast, record).forecast().forecast_id(), made.forecast_id());
  Get(server_.portfolio(), &PortfolioService::Stub::GetClasses, abc);
  taken.pop_back();
  Get(server_.retention(), &Stub::GetForecast, ForecastRequest());
  Get(server_.retention(), &Stub::ScoreForecast, score);
}

}  // namespace
}  // namespace keyledger::testing

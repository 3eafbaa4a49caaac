// Lifecycle stages over the wire: standing, history, distribution, and what a restart leaves of them.
#include "server/domain/proto_time.h"
#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;

// Acquired from the first month with 100 on, lost with a month of nothing; served since the beginning.
constexpr char kLifecycles[] = R"(program_id: plain
time_zone: UTC
currency_code: USD
effective_from: 2000-01-01
stage_ladders:
  - ladder_id: life
    review_period: month
    stages:
      - stage_id: acquire
        transitions:
          - to_stage_id: expand
            rule: {any_of: [{all_of: [{metric: net_spend, window: {calendar_period: month}, at_least: 100_000_000}]}]}
      - stage_id: expand
        transitions:
          - to_stage_id: acquire
            rule: {any_of: [{all_of: [{metric: net_spend, window: {calendar_period: month}, at_most: 0}]}]}
  - ladder_id: care
    review_period: year
    stages: [{stage_id: satisfied}, {stage_id: loyal}]
)";

constexpr Micros kNovember = kToday - 60 * kMicrosPerDay;

// acme, opened on 2025-11-11, expanded in December and was lost again on 1 January.
class Stages : public ::testing::Test {
 protected:
  Stages() {
    server_.Publish(kLifecycles);
    server_.MustAppend(Request("acme", "r1", {Opened(kNovember), Bought(100, "", kNovember)}));
    server_.MustAppend(Request("acme", "r2", {Visited("visit", kToday)}));
    cursor_ = server_.MustAppend(Request("other", "r1", {Opened()})).cursor();
    // Queries answer for just before now.
    server_.clock().Advance(kMicrosPerSecond);
  }

  GetStandingResponse Standing(std::optional<Micros> as_of = std::nullopt) {
    GetStandingRequest request;
    request.set_account_id("acme");
    request.set_min_cursor(cursor_);
    if (as_of.has_value()) domain::SetTimestamp(request.mutable_as_of(), *as_of);
    GetStandingResponse response;
    const grpc::Status status = Call(server_.tiers(), &TierService::Stub::GetStanding, request, &response);
    EXPECT_TRUE(status.ok()) << ReadRpcError(status);
    return response;
  }

  ListStageHistoryRequest History(const std::string& ladder = "") {
    ListStageHistoryRequest request;
    request.set_account_id("acme");
    request.set_ladder_id(ladder);
    request.set_min_cursor(cursor_);
    return request;
  }

  // Stages of one page, latest first.
  std::vector<std::string> Page(const ListStageHistoryRequest& request, std::string* next = nullptr) {
    ListStageHistoryResponse response;
    const grpc::Status status = Call(server_.tiers(), &TierService::Stub::ListStageHistory, request, &response);
    EXPECT_TRUE(status.ok()) << ReadRpcError(status);
    std::vector<std::string> stages;
    for (const StageStanding& stage : response.stages()) stages.push_back(stage.ladder_id() + " " + stage.stage_id());
    if (next != nullptr) *next = response.next_page_token();
    return stages;
  }

  RpcError Refused(const ListStageHistoryRequest& request) {
    ListStageHistoryResponse response;
    return ReadRpcError(Call(server_.tiers(), &TierService::Stub::ListStageHistory, request, &response));
  }

  LiveServer server_{2};
  std::string cursor_;
};

TEST_F(Stages, OfAnAccountAreInItsStandingWithTheirEvidence) {
  const GetStandingResponse now = Standing();
  EXPECT_FALSE(now.has_standing()) << "the program has no tiers";
  ASSERT_EQ(now.stages_size(), 2);
  EXPECT_EQ(now.stages(0).ladder_id(), "care");
  EXPECT_EQ(now.stages(0).stage_id(), "satisfied");
  const StageStanding& life = now.stages(1);
  EXPECT_EQ(life.stage_id(), "acquire");
  EXPECT_EQ(life.previous_stage_id(), "expand");
  EXPECT_EQ(life.since().seconds(), 1'767'225'600) << "2026-01-01";
  EXPECT_FALSE(life.has_until());
  ASSERT_EQ(life.met_size(), 1);
  EXPECT_EQ(life.met(0).value(), 0);
  EXPECT_EQ(life.met(0).comparison(), events::v1::COMPARISON_AT_MOST);
  EXPECT_EQ(life.program_id(), "plain");
  EXPECT_EQ(life.program_version(), 1u);
  EXPECT_EQ(life.revision(), 5u);
  const GetStandingResponse december = Standing(1'765'000'000 * kMicrosPerSecond);
  ASSERT_EQ(december.stages_size(), 2);
  EXPECT_EQ(december.stages(1).stage_id(), "expand");
}

TEST_F(Stages, AreListedLatestFirstInPages) {
  const std::vector<std::string> all = {"life acquire", "life expand", "care satisfied", "life acquire"};
  EXPECT_EQ(Page(History()), all);
  std::vector<std::string> paged;
  ListStageHistoryRequest request = History();
  request.set_page_size(1);
  for (int pages = 0; pages < 4; ++pages) {
    std::string next;
    for (const std::string& stage : Page(request, &next)) paged.push_back(stage);
    request.set_page_token(next);
  }
  EXPECT_EQ(paged, all);
  EXPECT_EQ(request.page_token(), "") << "the last page";
  EXPECT_EQ(Page(History("care")), std::vector<std::string>{"care satisfied"});
}

TEST_F(Stages, AreListedForWhatWasAskedOnly) {
  ListStageHistoryRequest request = History();
  request.set_page_size(1);
  std::string next;
  Page(request, &next);
  request.set_page_token(next);
  request.set_ladder_id("life");
  EXPECT_EQ(Refused(request).reason, "INVALID_TOKEN") << "the token of another listing";
  EXPECT_EQ(Refused(History("Life")).reason, "INVALID_FIELD");
  ListStageHistoryRequest nobody = History();
  nobody.set_account_id("nobody");
  EXPECT_EQ(Refused(nobody).reason, "ACCOUNT_NOT_FOUND");
  ListStageHistoryRequest many = History();
  many.set_page_size(1'001);
  EXPECT_EQ(Refused(many).reason, "INVALID_FIELD");
}

TEST_F(Stages, AreCountedOverAllAccounts) {
  GetDistributionRequest request;
  request.set_min_cursor(cursor_);
  GetDistributionResponse response;
  ASSERT_TRUE(Call(server_.tiers(), &TierService::Stub::GetDistribution, request, &response).ok());
  EXPECT_EQ(response.accounts(), 2);
  ASSERT_EQ(response.stages_size(), 2);
  EXPECT_EQ(response.stages(0).ladder_id(), "care");
  EXPECT_EQ(response.stages(0).stage_id(), "satisfied");
  EXPECT_EQ(response.stages(0).accounts(), 2);
  EXPECT_EQ(response.stages(1).stage_id(), "acquire");
  EXPECT_EQ(response.stages(1).accounts(), 2);
}

TEST_F(Stages, AreDecidedBySweepsAndTheSameAfterARestart) {
  server_.MustAppend(Request("acme", "r3", {Bought(500)}));
  server_.Restart();
  // 2026-02-01.
  server_.clock().Set(1'769'904'000 * kMicrosPerSecond + kMicrosPerSecond);
  ASSERT_TRUE(server_.server().ledger().SweepNow().ok());
  cursor_ = server_.HeadCursor();
  ASSERT_EQ(Standing().stages_size(), 2);
  EXPECT_EQ(Standing().stages(1).stage_id(), "expand");
  EXPECT_EQ(Standing().stages(1).since().seconds(), 1'769'904'000);
  ASSERT_TRUE(server_.server().ledger().SweepNow().ok());
  EXPECT_EQ(server_.HeadCursor(), cursor_) << "once";
}

}  // namespace
}  // namespace keyledger::testing

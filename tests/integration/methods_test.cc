// Every method of every service once, on its happy path, over the wire.
#include "server/domain/proto_time.h"
#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;

// acme bought for 1,000 on 2026-01-10 and redeemed 300; other bought for 10.
class Methods : public ::testing::Test {
 protected:
  Methods() {
    server_.Publish(kPlainProgram);
    server_.MustAppend(Request("acme", "r1", {Opened(), Bought(1'000, "inv-1")}));
    server_.MustAppend(Request("acme", "r2", {Redeemed(300)}));
    cursor_ = server_.MustAppend(Request("other", "r1", {Opened(), Bought(10)})).cursor();
    // Queries answer for just before now.
    server_.clock().Advance(kMicrosPerSecond);
  }

  template <class Stub, class Req, class Response>
  Response Get(Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Req&, Response*),
               const Req& request) {
    Response response;
    const grpc::Status status = Call(stub, method, request, &response);
    EXPECT_TRUE(status.ok()) << ReadRpcError(status);
    return response;
  }

  LiveServer server_{4};
  std::string cursor_;
};

TEST_F(Methods, AppendAnswersPlaceDecisionsAndStanding) {
  const AppendRequest request = Request("acme", "r3", {Bought(10)});
  const AppendResponse first = server_.MustAppend(request);
  ASSERT_EQ(first.events_size(), 1);
  EXPECT_EQ(first.events(0).revision(), 6u);
  EXPECT_EQ(first.decisions_size(), 1);
  EXPECT_EQ(first.standing().available_points(), 710);
  EXPECT_EQ(first.standing().tier_id(), "silver");
  EXPECT_FALSE(first.replayed());
  AppendResponse again = server_.MustAppend(request);
  EXPECT_TRUE(again.replayed());
  EXPECT_EQ(again.decisions(0).SerializeAsString(), first.decisions(0).SerializeAsString());
  EXPECT_EQ(again.standing().SerializeAsString(), first.standing().SerializeAsString());
}

TEST_F(Methods, AppendWithTheBasicViewAnswersNoDecisionsAndNoStanding) {
  AppendRequest request = Request("acme", "r3", {Bought(10)});
  request.set_view(APPEND_VIEW_BASIC);
  const AppendResponse basic = server_.MustAppend(request);
  EXPECT_EQ(basic.events_size(), 1);
  EXPECT_EQ(basic.decisions_size(), 0);
  EXPECT_FALSE(basic.has_standing());
  EXPECT_FALSE(basic.cursor().empty());
  // The view is no part of the body.
  request.set_view(APPEND_VIEW_FULL);
  const AppendResponse full = server_.MustAppend(request);
  EXPECT_TRUE(full.replayed());
  EXPECT_EQ(full.decisions_size(), 1);
}

TEST_F(Methods, GetAccount) {
  GetAccountRequest request;
  request.set_account_id("acme");
  const Account account = Get(server_.accounts(), &AccountService::Stub::GetAccount, request).account();
  EXPECT_EQ(account.account_id(), "acme");
  EXPECT_EQ(account.display_name(), "Acme");
  EXPECT_EQ(account.state(), ACCOUNT_STATE_OPEN);
  EXPECT_EQ(account.purchase_count(), 1);
  EXPECT_EQ(account.standing().available_points(), 700);
  EXPECT_EQ(account.standing().tier_id(), "silver");
}

TEST_F(Methods, BatchGetAccounts) {
  BatchGetAccountsRequest request;
  for (const char* const id : {"other", "nobody", "acme"}) request.add_account_ids(id);
  const auto response = Get(server_.accounts(), &AccountService::Stub::BatchGetAccounts, request);
  ASSERT_EQ(response.accounts_size(), 2);
  EXPECT_EQ(response.accounts(0).account_id(), "other");
  EXPECT_EQ(response.accounts(1).account_id(), "acme");
  ASSERT_EQ(response.not_found_size(), 1);
  EXPECT_EQ(response.not_found(0), "nobody");
}

TEST_F(Methods, ListAccounts) {
  ListAccountsRequest request;
  request.set_min_cursor(cursor_);
  request.mutable_filter()->set_tier_id("silver");
  const auto response = Get(server_.accounts(), &AccountService::Stub::ListAccounts, request);
  ASSERT_EQ(response.accounts_size(), 1);
  EXPECT_EQ(response.accounts(0).account_id(), "acme");
}

TEST_F(Methods, ExplainAccountListsCausesThatSumToTheBalance) {
  cursor_ = server_.MustAppend(Request("acme", "r3", {Returned(200, "inv-1", "c-1")})).cursor();
  server_.clock().Advance(kMicrosPerSecond);
  ExplainAccountRequest request;
  request.set_account_id("acme");
  request.set_min_cursor(cursor_);
  request.set_page_size(2);
  const auto page = Get(server_.accounts(), &AccountService::Stub::ExplainAccount, request);
  EXPECT_EQ(page.points(), 500);
  ASSERT_EQ(page.totals_size(), 3);
  EXPECT_EQ(page.totals(0).kind(), events::v1::EVENT_KIND_PURCHASE_RECORDED);
  EXPECT_EQ(page.totals(0).points(), 1'000);
  EXPECT_EQ(page.totals(1).points(), -200);
  EXPECT_EQ(page.totals(2).points(), -300);
  ASSERT_EQ(page.causes_size(), 2);
  EXPECT_EQ(page.causes(0).kind(), events::v1::EVENT_KIND_PURCHASE_RETURNED);
  EXPECT_EQ(page.causes(0).points(), -200);
  EXPECT_EQ(page.causes(0).description(), "shop c-1");
  EXPECT_EQ(page.causes(1).kind(), events::v1::EVENT_KIND_POINTS_REDEEMED);
  // The next page is of the same moment, whatever happens in between.
  server_.clock().Advance(kMicrosPerSecond);
  server_.MustAppend(Request("acme", "r4", {Redeemed(1)}));
  request.set_page_token(page.next_page_token());
  const auto last = Get(server_.accounts(), &AccountService::Stub::ExplainAccount, request);
  ASSERT_EQ(last.causes_size(), 1);
  EXPECT_EQ(last.causes(0).description(), "shop inv-1");
  EXPECT_EQ(last.causes(0).parts(0).rule_id(), "base");
  EXPECT_TRUE(last.next_page_token().empty());
  request.set_page_token("nonsense");
  ExplainAccountResponse response;
  EXPECT_EQ(ReadRpcError(Call(server_.accounts(), &AccountService::Stub::ExplainAccount, request, &response)).reason,
            "INVALID_TOKEN");
  request.clear_page_token();
  request.set_account_id("nobody");
  EXPECT_EQ(ReadRpcError(Call(server_.accounts(), &AccountService::Stub::ExplainAccount, request, &response)).reason,
            "ACCOUNT_NOT_FOUND");
}

TEST_F(Methods, GetBalance) {
  GetBalanceRequest request;
  request.set_account_id("acme");
  request.set_min_cursor(cursor_);
  const auto response = Get(server_.points(), &PointsService::Stub::GetBalance, request);
  EXPECT_EQ(response.balance().available(), 700);
  EXPECT_EQ(response.balance().spent(), 300);
  EXPECT_EQ(response.balance().accrued(), 1'000);
}

TEST_F(Methods, ListLots) {
  ListLotsRequest request;
  request.set_account_id("acme");
  request.set_min_cursor(cursor_);
  const auto response = Get(server_.points(), &PointsService::Stub::ListLots, request);
  ASSERT_EQ(response.lots_size(), 1);
  EXPECT_EQ(response.lots(0).remaining(), 700);
  EXPECT_EQ(response.lots(0).rule_id(), "base");
  EXPECT_EQ(response.lots(0).lot_revision(), 3u);
}

TEST_F(Methods, ListStatement) {
  ListStatementRequest request;
  request.set_account_id("acme");
  request.set_min_cursor(cursor_);
  const auto response = Get(server_.points(), &PointsService::Stub::ListStatement, request);
  ASSERT_EQ(response.entries_size(), 2);
}

TEST_F(Methods, GetExpirySchedule) {
  GetExpiryScheduleRequest request;
  request.set_account_id("acme");
  request.set_min_cursor(cursor_);
  const auto response = Get(server_.points(), &PointsService::Stub::GetExpirySchedule, request);
  ASSERT_EQ(response.entries_size(), 1);
  EXPECT_EQ(response.entries(0).points(), 700);
  EXPECT_EQ(response.entries(0).expire_time().seconds(), kToday / kMicrosPerSecond + 365 * 86'400);
  EXPECT_EQ(response.never(), 0);
}

TEST_F(Methods, GetTransfer) {
  shard::SubmittedEvent fact = Fact();
  auto& sent = *fact.event.mutable_points_transfer_sent();
  sent.set_transfer_id("gift 1");
  sent.set_to_account_id("other");
  sent.set_points(200);
  sent.set_reason("birthday");
  shard::SubmittedEvent astray = fact;
  astray.event.mutable_points_transfer_sent()->set_transfer_id("astray");
  astray.event.mutable_points_transfer_sent()->set_to_account_id("nobody");
  const std::string cursor = server_.MustAppend(Request("acme", "send", {fact, astray})).cursor();
  GetTransferRequest request;
  request.set_account_id("acme");
  request.set_min_cursor(cursor);
  const auto ended = [&](const std::string& id) {
    request.set_transfer_id(id);
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      const Transfer transfer = Get(server_.points(), &PointsService::Stub::GetTransfer, request).transfer();
      if (transfer.state() != TRANSFER_STATE_SENT || std::chrono::steady_clock::now() > give_up) return transfer;
    }
  };
  const Transfer completed = ended("gift 1");
  EXPECT_EQ(completed.state(), TRANSFER_STATE_COMPLETED);
  EXPECT_EQ(completed.to_account_id(), "other");
  EXPECT_EQ(completed.points(), 200);
  EXPECT_EQ(completed.reason(), "birthday");
  EXPECT_TRUE(completed.has_end_record_time());
  const Transfer returned = ended("astray");
  EXPECT_EQ(returned.state(), TRANSFER_STATE_RETURNED);
  EXPECT_EQ(returned.refusal(), "ACCOUNT_NOT_FOUND");
  server_.clock().Advance(kMicrosPerSecond);
  GetBalanceRequest balance;
  balance.set_min_cursor(server_.HeadCursor());
  balance.set_account_id("acme");
  const PointsBalance sender = Get(server_.points(), &PointsService::Stub::GetBalance, balance).balance();
  EXPECT_EQ(sender.available(), 500);
  EXPECT_EQ(sender.in_transit(), 0);
  EXPECT_EQ(sender.transferred_out(), 200);
  balance.set_account_id("other");
  const PointsBalance receiver = Get(server_.points(), &PointsService::Stub::GetBalance, balance).balance();
  EXPECT_EQ(receiver.available(), 210);
  EXPECT_EQ(receiver.transferred_in(), 200);

  GetTransferResponse response;
  request.set_transfer_id("unknown");
  EXPECT_EQ(ReadRpcError(Call(server_.points(), &PointsService::Stub::GetTransfer, request, &response)).reason,
            "TRANSFER_NOT_FOUND");
  for (const std::string& id : {std::string(), std::string(129, 't')}) {
    request.set_transfer_id(id);
    EXPECT_EQ(ReadRpcError(Call(server_.points(), &PointsService::Stub::GetTransfer, request, &response)).reason,
              "INVALID_FIELD");
  }
}

TEST_F(Methods, GetLiability) {
  GetLiabilityRequest request;
  request.set_min_cursor(cursor_);
  request.set_cohort_period(PERIOD_YEAR);
  request.mutable_ifrs15()->mutable_prices()->set_price_micros(100'000'000'000);
  request.mutable_ifrs15()->mutable_prices()->set_goods_standalone_micros(100'000'000'000);
  request.mutable_ifrs15()->mutable_prices()->set_value_per_point_micros(1'000'000);
  request.mutable_ifrs15()->mutable_prices()->set_redemption_rate(1);
  request.mutable_ifrs15()->set_expected_redeemed(1'010);
  const auto response = Get(server_.points(), &PointsService::Stub::GetLiability, request);
  EXPECT_EQ(response.totals().lots(), 2);
  EXPECT_EQ(response.totals().issued(), 1'010);
  EXPECT_EQ(response.totals().redeemed(), 300);
  EXPECT_EQ(response.totals().available(), 710);
  ASSERT_EQ(response.cohorts_size(), 1);
  EXPECT_EQ(response.cohorts(0).period(), "2026");
  EXPECT_EQ(response.cohorts(0).redeemed_by_age(0), 300);
  EXPECT_EQ(response.ages_size(), 6);
  // 100,000 x 1,010 / 101,010 to the points; 300 of 1,010 of it is revenue.
  EXPECT_EQ(response.ifrs15().allocated_micros(), 999'901'000);
  EXPECT_EQ(response.ifrs15().revenue_micros(), 297'000'297);
  EXPECT_EQ(response.ifrs15().liability_micros(), 702'900'703);
  EXPECT_EQ(response.ifrs15().expected_redeemed(), 1'010);
}

TEST_F(Methods, GetLiabilityNamesTheWrongField) {
  const auto refused = [&](const std::function<void(GetLiabilityRequest&)>& change) {
    GetLiabilityRequest request;
    request.set_min_cursor(cursor_);
    change(request);
    GetLiabilityResponse response;
    return ReadRpcError(Call(server_.points(), &PointsService::Stub::GetLiability, request, &response)).field_names();
  };
  const auto prices = [](GetLiabilityRequest& request) -> Ifrs15Prices& {
    Ifrs15Prices& made = *request.mutable_ifrs15()->mutable_prices();
    made.set_goods_standalone_micros(1);
    return made;
  };
  using Fields = std::vector<std::string>;
  EXPECT_EQ(refused([](auto& r) { r.set_cohort_period(static_cast<Period>(9)); }), Fields{"cohort_period"});
  EXPECT_EQ(refused([](auto& r) { r.set_time_zone("Nowhere"); }), Fields{"time_zone"});
  EXPECT_EQ(refused([](auto& r) { r.mutable_known_at()->set_nanos(-1); }), Fields{"known_at"});
  EXPECT_EQ(refused([](auto& r) { r.mutable_ifrs15(); }), Fields{"ifrs15.allocation"});
  EXPECT_EQ(refused([](auto& r) { r.mutable_ifrs15()->set_allocated_micros(-1); }), Fields{"ifrs15.allocated_micros"});
  EXPECT_EQ(refused([](auto& r) {
              r.mutable_ifrs15()->set_allocated_micros(0);
              r.mutable_ifrs15()->set_expected_redeemed(299);
            }),
            Fields{"ifrs15.expected_redeemed"});
  EXPECT_EQ(refused([&](auto& r) { prices(r).set_price_micros(-1); }), Fields{"ifrs15.prices.price_micros"});
  EXPECT_EQ(refused([&](auto& r) { prices(r).set_goods_standalone_micros(0); }),
            Fields{"ifrs15.prices.goods_standalone_micros"});
  EXPECT_EQ(refused([&](auto& r) { prices(r).set_value_per_point_micros(-1); }),
            Fields{"ifrs15.prices.value_per_point_micros"});
  EXPECT_EQ(refused([&](auto& r) { prices(r).set_redemption_rate(1.01); }), Fields{"ifrs15.prices.redemption_rate"});
}

TEST_F(Methods, GetStanding) {
  GetStandingRequest request;
  request.set_account_id("acme");
  request.set_min_cursor(cursor_);
  const auto response = Get(server_.tiers(), &TierService::Stub::GetStanding, request);
  EXPECT_EQ(response.standing().tier_id(), "silver");
  EXPECT_EQ(response.standing().previous_tier_id(), "bronze");
  EXPECT_EQ(response.standing().met(0).value(), 1'000 * kUnit);
}

TEST_F(Methods, ExplainStandingSaysWhatKeepsTheTierWhatTheNextTakesAndWhy) {
  server_.MustAppend(Request("acme", "r3", {Returned(200, "inv-1", "c-1")}));
  server_.clock().Advance(kMicrosPerSecond);
  ExplainStandingRequest request;
  request.set_account_id("acme");
  const auto acme = Get(server_.tiers(), &TierService::Stub::ExplainStanding, request);
  EXPECT_EQ(acme.program_id(), "plain");
  EXPECT_EQ(acme.program_version(), 1u);
  EXPECT_EQ(acme.time_zone(), "UTC");
  EXPECT_EQ(acme.currency_code(), "USD");
  EXPECT_EQ(acme.standing().tier_id(), "silver");
  EXPECT_EQ(acme.standing().reason(), events::v1::TIER_ASSIGNMENT_REASON_UPGRADE);
  EXPECT_EQ(acme.standing().met(0).value(), 1'000 * kUnit);
  EXPECT_EQ(acme.standing().program_id(), "plain");
  EXPECT_GT(acme.standing().revision(), 0u);
  EXPECT_EQ(acme.next_review().time().seconds(), 1'798'761'600) << "2027-01-01";
  EXPECT_FALSE(acme.next_review().ends_grace());
  EXPECT_FALSE(acme.next_review().by_comparison());
  ASSERT_EQ(acme.keep().alternatives_size(), 1);
  const StandingCondition& condition = acme.keep().alternatives(0).conditions(0);
  EXPECT_EQ(condition.evidence().value(), 800 * kUnit);
  EXPECT_EQ(condition.missing(), 200 * kUnit);
  EXPECT_EQ(condition.missing_unknown_reason(), MISSING_UNKNOWN_REASON_UNSPECIFIED);
  EXPECT_EQ(acme.keep().decided_time().seconds(), 1'798'761'600);
  EXPECT_EQ(acme.higher_tiers_size(), 0);
  EXPECT_EQ(acme.outcome(), REVIEW_OUTCOME_FALLS);
  EXPECT_EQ(acme.projected_tier_id(), "bronze");
  EXPECT_EQ(acme.downgrade_warning().to_tier_id(), "bronze");
  EXPECT_EQ(acme.downgrade_warning().missing(0).conditions(0).missing(), 200 * kUnit);
  ASSERT_EQ(acme.values_size(), 1);
  EXPECT_EQ(acme.values(0).contributions_total(), 2);
  EXPECT_EQ(acme.values(0).contributions(0).contribution(), 1'000 * kUnit);
  EXPECT_EQ(acme.values(0).contributions(0).kind(), events::v1::EVENT_KIND_PURCHASE_RECORDED);
  EXPECT_EQ(acme.values(0).contributions(1).contribution(), -200 * kUnit);

  request.set_account_id("other");
  const auto other = Get(server_.tiers(), &TierService::Stub::ExplainStanding, request);
  ASSERT_EQ(other.higher_tiers_size(), 1);
  EXPECT_EQ(other.higher_tiers(0).tier_id(), "silver");
  EXPECT_EQ(other.higher_tiers(0).alternatives(0).conditions(0).missing(), 990 * kUnit);
  EXPECT_EQ(other.higher_tiers(0).decided_time().SerializeAsString(), other.as_of().SerializeAsString());
  EXPECT_EQ(other.outcome(), REVIEW_OUTCOME_KEPT);
  EXPECT_FALSE(other.has_downgrade_warning());
}

TEST_F(Methods, ExplainStandingOfAnotherMomentCountsWhatTimeDecides) {
  ExplainStandingRequest request;
  request.set_account_id("acme");
  domain::SetTimestamp(request.mutable_as_of(), kToday + 800 * kMicrosPerDay);
  const auto later = Get(server_.tiers(), &TierService::Stub::ExplainStanding, request);
  EXPECT_EQ(later.standing().tier_id(), "bronze");
  EXPECT_EQ(later.standing().reason(), events::v1::TIER_ASSIGNMENT_REASON_REVIEW_DOWNGRADE);
  EXPECT_EQ(later.standing().revision(), 0u) << "not recorded yet";
  domain::SetTimestamp(request.mutable_as_of(), kToday);
  ExplainStandingResponse response;
  const auto refusal = [&] {
    return ReadRpcError(Call(server_.tiers(), &TierService::Stub::ExplainStanding, request, &response));
  };
  EXPECT_EQ(refusal().reason, "ACCOUNT_NOT_FOUND") << "it was opened at that moment";
  domain::SetTimestamp(request.mutable_as_of(), server_.clock().Now() + 1 + 3'660 * kMicrosPerDay);
  EXPECT_TRUE(Call(server_.tiers(), &TierService::Stub::ExplainStanding, request, &response).ok());
  domain::SetTimestamp(request.mutable_as_of(), server_.clock().Now() + 2 + 3'660 * kMicrosPerDay);
  EXPECT_EQ(refusal().reason, "INVALID_FIELD");
  EXPECT_EQ(refusal().field_names(), std::vector<std::string>{"as_of"});
  request.clear_as_of();
  request.set_account_id("nobody");
  EXPECT_EQ(refusal().reason, "ACCOUNT_NOT_FOUND");
  request.set_account_id("");
  EXPECT_EQ(refusal().field_names(), std::vector<std::string>{"account_id"});
}

TEST_F(Methods, ExplainStandingListsTheLargestHundredOfTheRecordsBehindAValue) {
  std::vector<shard::SubmittedEvent> purchases;
  for (int i = 1; i <= 101; ++i) purchases.push_back(Bought(i));
  server_.MustAppend(Request("many", "r1", {Opened()}));
  server_.MustAppend(Request("many", "r2", purchases));
  server_.clock().Advance(kMicrosPerSecond);
  ExplainStandingRequest request;
  request.set_account_id("many");
  const auto response = Get(server_.tiers(), &TierService::Stub::ExplainStanding, request);
  for (const MeasuredValue& value : response.values()) {
    EXPECT_EQ(value.contributions_total(), 101);
    ASSERT_EQ(value.contributions_size(), 100);
    EXPECT_EQ(value.contributions(0).contribution(), 101 * kUnit);
    EXPECT_EQ(value.contributions(99).contribution(), 2 * kUnit);
  }
  EXPECT_GT(response.values_size(), 0);
}

// A fold that leaves points out took the points that paid from lots it does not have.
TEST_F(Methods, AnEarlierMomentOfAnAccountThatPaidWithPointsIsToldAsAnyOther) {
  shard::SubmittedEvent paid = Bought(50, "inv-2");
  paid.event.mutable_purchase_recorded()->mutable_lines(0)->set_points_paid(100);
  server_.MustAppend(Request("acme", "r3", {paid}));
  server_.clock().Advance(kMicrosPerSecond);
  GetAccountRequest request;
  request.set_account_id("acme");
  domain::SetTimestamp(request.mutable_as_of(), server_.clock().Now());
  const Account account = Get(server_.accounts(), &AccountService::Stub::GetAccount, request).account();
  EXPECT_EQ(account.purchase_count(), 2);
  EXPECT_EQ(account.standing().available_points(), 650);
  ExplainStandingRequest explain;
  explain.set_account_id("acme");
  const auto explained = Get(server_.tiers(), &TierService::Stub::ExplainStanding, explain);
  EXPECT_EQ(explained.keep().alternatives(0).conditions(0).evidence().value(), 1'050 * kUnit);
}

TEST_F(Methods, ListHistory) {
  ListHistoryRequest request;
  request.set_account_id("acme");
  request.set_min_cursor(cursor_);
  EXPECT_EQ(Get(server_.tiers(), &TierService::Stub::ListHistory, request).assignments_size(), 2);
}

TEST_F(Methods, ListStageHistory) {
  ListStageHistoryRequest request;
  request.set_account_id("acme");
  request.set_min_cursor(cursor_);
  EXPECT_EQ(Get(server_.tiers(), &TierService::Stub::ListStageHistory, request).stages_size(), 0)
      << "the program has no lifecycle";
}

TEST_F(Methods, GetDistribution) {
  GetDistributionRequest request;
  request.set_min_cursor(cursor_);
  const auto response = Get(server_.tiers(), &TierService::Stub::GetDistribution, request);
  EXPECT_EQ(response.accounts(), 2);
  std::map<std::string, int64_t> tiers;
  for (const TierCount& count : response.tiers()) tiers[count.tier_id()] = count.accounts();
  EXPECT_EQ(tiers, (std::map<std::string, int64_t>{{"bronze", 1}, {"silver", 1}}));
}

TEST_F(Methods, GetRetention) {
  GetRetentionRequest request;
  request.set_min_cursor(cursor_);
  request.mutable_scope()->set_period(PERIOD_MONTH);
  const auto response = Get(server_.retention(), &RetentionService::Stub::GetRetention, request);
  ASSERT_EQ(response.periods_size(), 1);
  EXPECT_EQ(response.periods(0).period(), "2026-01");
  EXPECT_EQ(response.periods(0).active(), 2);
  EXPECT_EQ(response.periods(0).new_(), 2);
  EXPECT_EQ(response.periods(0).revenue_micros(), 1'010 * kUnit);
}

TEST_F(Methods, GetCohorts) {
  GetCohortsRequest request;
  request.set_min_cursor(cursor_);
  request.mutable_scope()->set_period(PERIOD_MONTH);
  const auto response = Get(server_.retention(), &RetentionService::Stub::GetCohorts, request);
  ASSERT_EQ(response.cohorts_size(), 1);
  EXPECT_EQ(response.cohorts(0).start(), "2026-01");
  EXPECT_EQ(response.cohorts(0).size(), 2);
}

TEST_F(Methods, ValidateProgram) {
  ValidateProgramRequest request;
  request.set_source_yaml(kPlainProgram);
  const auto good = Get(server_.programs(), &ProgramService::Stub::ValidateProgram, request);
  EXPECT_EQ(good.findings_size(), 0);
  EXPECT_EQ(good.program().program_id(), "plain");
  request.set_source_yaml("program_id: x\n");
  EXPECT_GT(Get(server_.programs(), &ProgramService::Stub::ValidateProgram, request).findings_size(), 0);
}

TEST_F(Methods, PublishGetAndListPrograms) {
  PublishProgramRequest publish;
  publish.set_source_yaml(kPendingProgram);
  publish.set_request_id("p2");
  const auto published = Get(server_.programs(), &ProgramService::Stub::PublishProgram, publish);
  EXPECT_EQ(published.program().program().version(), 1u);
  GetProgramRequest get;
  get.set_program_id("pending");
  const auto got = Get(server_.programs(), &ProgramService::Stub::GetProgram, get);
  EXPECT_EQ(got.program().source_yaml(), kPendingProgram);
  EXPECT_EQ(got.program().publish_time().seconds(), kToday / kMicrosPerSecond + 1);
  const auto list = Get(server_.programs(), &ProgramService::Stub::ListPrograms, ListProgramsRequest());
  ASSERT_EQ(list.programs_size(), 2);
  EXPECT_EQ(list.programs(0).program().program_id(), "pending");
}

TEST_F(Methods, GetStatus) {
  const auto response = Get(server_.admin(), &AdminService::Stub::GetStatus, GetStatusRequest());
  EXPECT_EQ(response.shards_size(), 4);
  uint64_t records = 0;
  for (const ShardInfo& shard : response.shards()) {
    EXPECT_EQ(shard.state(), SHARD_STATE_SERVING);
    EXPECT_EQ(shard.root_hash().size(), 32u);
    records += shard.record_count();
  }
  // The signing key and the program on 4 shards; acme's 6 records, other's 4.
  EXPECT_EQ(records, 18u);
  EXPECT_EQ(response.ledger_id().size(), 32u);
  EXPECT_FALSE(response.version().empty());
  EXPECT_FALSE(response.head_cursor().empty());
}

TEST_F(Methods, ListProjections) {
  const auto response = Get(server_.admin(), &AdminService::Stub::ListProjections, ListProjectionsRequest());
  std::map<std::string, int> names;
  for (const ProjectionInfo& info : response.projections()) names[info.name()] += 1;
  EXPECT_EQ(names, (std::map<std::string, int>{{"accesses", 4},
                                               {"accounts", 4},
                                               {"contacts", 4},
                                               {"engagement", 4},
                                               {"points", 4},
                                               {"retention", 4},
                                               {"tiers", 4}}));
}

TEST_F(Methods, RebuildProjectionGivesTheSameRows) {
  const auto list = [&] {
    ListProjectionsRequest request;
    request.set_with_digest(true);
    return Get(server_.admin(), &AdminService::Stub::ListProjections, request);
  };
  // A query waits for the shard of its account only.
  for (const char* const account : {"acme", "other"}) {
    GetBalanceRequest balance;
    balance.set_account_id(account);
    balance.set_min_cursor(server_.HeadCursor());
    Get(server_.points(), &PointsService::Stub::GetBalance, balance);
  }
  const auto points = [](const ListProjectionsResponse& response) {
    std::vector<std::string> digests;
    for (const ProjectionInfo& info : response.projections()) {
      if (info.name() == "points") digests.push_back(info.digest());
    }
    return digests;
  };
  const auto before = points(list());
  RebuildProjectionRequest request;
  request.set_name("points");
  Get(server_.admin(), &AdminService::Stub::RebuildProjection, request);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  const auto rebuilt = [&] {
    int count = 0;
    const ListProjectionsResponse response = list();
    for (const ProjectionInfo& info : response.projections()) {
      if (info.name() == "points" && info.rebuilds() == 1 && info.state() == PROJECTION_STATE_FOLLOWING) ++count;
    }
    return count == 4;
  };
  while (!rebuilt()) ASSERT_LT(std::chrono::steady_clock::now(), deadline);
  EXPECT_EQ(points(list()), before);
}

}  // namespace
}  // namespace keyledger::testing

// Page tokens, and queries that wait for a cursor.
#include <set>

#include "server/base/cursor.h"
#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;

// Reads all pages of `size` and returns what `take` makes of each response, joined.
template <class Stub, class Req, class Response, class Take>
std::vector<std::string> AllPages(Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Req&, Response*),
                                  Req request, int size, const Take& take) {
  std::vector<std::string> all;
  request.set_page_size(size);
  for (int pages = 0; pages < 1'000; ++pages) {
    Response response;
    const grpc::Status status = Call(stub, method, request, &response);
    EXPECT_TRUE(status.ok()) << ReadRpcError(status);
    const std::vector<std::string> page = take(response);
    EXPECT_LE(page.size(), static_cast<size_t>(size));
    all.insert(all.end(), page.begin(), page.end());
    if (response.next_page_token().empty()) return all;
    request.set_page_token(response.next_page_token());
  }
  ADD_FAILURE() << "the pages have no end";
  return all;
}

// The first page's token, given with a request that asks for something else, and one that is none.
template <class Stub, class Req, class Response, class Change>
void ExpectTokenIsBound(Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Req&, Response*),
                        Req request, const Change& change) {
  request.set_page_size(1);
  Response response;
  ASSERT_TRUE(Call(stub, method, request, &response).ok());
  ASSERT_FALSE(response.next_page_token().empty());
  Req other = request;
  change(other);
  other.set_page_token(response.next_page_token());
  EXPECT_EQ(ReadRpcError(Call(stub, method, other, &response)).reason, "INVALID_TOKEN");
  request.set_page_token("nonsense");
  EXPECT_EQ(ReadRpcError(Call(stub, method, request, &response)).reason, "INVALID_TOKEN");
}

// 25 accounts over 4 shards; acme has 12 lots, 12 movements and a history of 2 tiers.
class Pages : public ::testing::Test {
 protected:
  Pages() {
    server_.Publish(kPlainProgram);
    for (int i = 0; i < 24; ++i) server_.MustAppend(Request("account-" + std::to_string(i), "r1", {Opened()}));
    std::vector<shard::SubmittedEvent> events{Opened()};
    for (int i = 0; i < 12; ++i) events.push_back(Bought(100));
    cursor_ = server_.MustAppend(Request("acme", "r1", events)).cursor();
    // Queries answer for just before now.
    server_.clock().Advance(kMicrosPerSecond);
  }

  LiveServer server_{4};
  std::string cursor_;
};

TEST_F(Pages, ListAccountsPagesThroughEverything) {
  ListAccountsRequest request;
  request.set_min_cursor(server_.HeadCursor());
  const auto take = [](const ListAccountsResponse& response) {
    std::vector<std::string> ids;
    for (const Account& account : response.accounts()) ids.push_back(account.account_id());
    return ids;
  };
  const auto all = AllPages(server_.accounts(), &AccountService::Stub::ListAccounts, request, 1'000, take);
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), 25u);
  for (const int size : {1, 4, 25}) {
    EXPECT_EQ(AllPages(server_.accounts(), &AccountService::Stub::ListAccounts, request, size, take), all) << size;
  }
  ExpectTokenIsBound(server_.accounts(), &AccountService::Stub::ListAccounts, request,
                     [](ListAccountsRequest& other) { other.mutable_filter()->set_region("EU"); });
}

TEST_F(Pages, ListLotsPagesThroughEverything) {
  ListLotsRequest request;
  request.set_account_id("acme");
  request.set_min_cursor(cursor_);
  const auto take = [](const ListLotsResponse& response) {
    std::vector<std::string> lots;
    for (const Lot& lot : response.lots()) lots.push_back(std::to_string(lot.lot_revision()));
    return lots;
  };
  const auto all = AllPages(server_.points(), &PointsService::Stub::ListLots, request, 1'000, take);
  EXPECT_EQ(all.size(), 12u);
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), 12u);
  for (const int size : {1, 5}) {
    EXPECT_EQ(AllPages(server_.points(), &PointsService::Stub::ListLots, request, size, take), all) << size;
  }
  ExpectTokenIsBound(server_.points(), &PointsService::Stub::ListLots, request,
                     [](ListLotsRequest& other) { other.set_state(LOT_STATE_AVAILABLE); });
}

TEST_F(Pages, ListStatementPagesThroughEverything) {
  ListStatementRequest request;
  request.set_account_id("acme");
  request.set_min_cursor(cursor_);
  const auto take = [](const ListStatementResponse& response) {
    std::vector<std::string> entries;
    for (const StatementEntry& entry : response.entries()) entries.push_back(std::to_string(entry.revision()));
    return entries;
  };
  const auto all = AllPages(server_.points(), &PointsService::Stub::ListStatement, request, 1'000, take);
  EXPECT_EQ(all.size(), 12u);
  for (const int size : {1, 5, 12}) {
    EXPECT_EQ(AllPages(server_.points(), &PointsService::Stub::ListStatement, request, size, take), all) << size;
  }
  ExpectTokenIsBound(server_.points(), &PointsService::Stub::ListStatement, request,
                     [](ListStatementRequest& other) { other.set_account_id("account-1"); });
}

TEST_F(Pages, ListHistoryPagesThroughEverything) {
  ListHistoryRequest request;
  request.set_account_id("acme");
  request.set_min_cursor(cursor_);
  const auto take = [](const ListHistoryResponse& response) {
    std::vector<std::string> tiers;
    for (const TierAssignment& assignment : response.assignments()) tiers.push_back(assignment.tier_id());
    return tiers;
  };
  const auto all = AllPages(server_.tiers(), &TierService::Stub::ListHistory, request, 1'000, take);
  EXPECT_EQ(all.size(), 2u);
  EXPECT_EQ(AllPages(server_.tiers(), &TierService::Stub::ListHistory, request, 1, take), all);
  ExpectTokenIsBound(server_.tiers(), &TierService::Stub::ListHistory, request,
                     [](ListHistoryRequest& other) { other.set_account_id("account-1"); });
}

TEST_F(Pages, ListProgramsPagesThroughEverything) {
  for (int i = 0; i < 6; ++i) {
    PublishProgramRequest publish;
    publish.set_source_yaml(std::string(kPendingProgram) + "# " + std::to_string(i) + "\n");
    publish.set_request_id("p" + std::to_string(i));
    PublishProgramResponse response;
    ASSERT_TRUE(Call(server_.programs(), &ProgramService::Stub::PublishProgram, publish, &response).ok());
  }
  const auto take = [](const ListProgramsResponse& response) {
    std::vector<std::string> programs;
    for (const PublishedProgram& published : response.programs()) {
      programs.push_back(published.program().program_id() + "/" + std::to_string(published.program().version()));
    }
    return programs;
  };
  const std::vector<std::string> expected{"pending/1", "pending/2", "pending/3", "pending/4",
                                          "pending/5", "pending/6", "plain/1"};
  for (const int size : {1, 3, 7, 1'000}) {
    EXPECT_EQ(AllPages(server_.programs(), &ProgramService::Stub::ListPrograms, ListProgramsRequest(), size, take),
              expected);
  }
  ExpectTokenIsBound(server_.programs(), &ProgramService::Stub::ListPrograms, ListProgramsRequest(),
                     [](ListProgramsRequest& other) { other.set_program_id("pending"); });
}

TEST_F(Pages, SizesAreZeroToAThousand) {
  for (const int size : {-1, 1'001}) {
    ListAccountsRequest request;
    request.set_page_size(size);
    ListAccountsResponse response;
    const RpcError error =
        ReadRpcError(Call(server_.accounts(), &AccountService::Stub::ListAccounts, request, &response));
    EXPECT_EQ(error.code, grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(error.field_names(), std::vector<std::string>{"page_size"});
  }
}

TEST(MinCursor, MakesEveryQueryReadTheWriteItCameFrom) {
  LiveServer server(2);
  server.Publish(kPlainProgram);
  server.MustAppend(Request("acme", "open", {Opened()}));
  // Queries answer for just before now.
  server.clock().Advance(kMicrosPerSecond);
  for (int i = 1; i <= 30; ++i) {
    const std::string cursor = server.MustAppend(Request("acme", "r" + std::to_string(i), {Bought(100)})).cursor();
    switch (i % 6) {
      case 0: {
        GetBalanceRequest request;
        request.set_account_id("acme");
        request.set_min_cursor(cursor);
        GetBalanceResponse response;
        ASSERT_TRUE(Call(server.points(), &PointsService::Stub::GetBalance, request, &response).ok());
        EXPECT_EQ(response.balance().available(), 100 * i);
        break;
      }
      case 1: {
        ListLotsRequest request;
        request.set_account_id("acme");
        request.set_min_cursor(cursor);
        ListLotsResponse response;
        ASSERT_TRUE(Call(server.points(), &PointsService::Stub::ListLots, request, &response).ok());
        EXPECT_EQ(response.lots_size(), i);
        break;
      }
      case 2: {
        ListAccountsRequest request;
        request.set_min_cursor(cursor);
        ListAccountsResponse response;
        ASSERT_TRUE(Call(server.accounts(), &AccountService::Stub::ListAccounts, request, &response).ok());
        ASSERT_EQ(response.accounts_size(), 1);
        EXPECT_EQ(response.accounts(0).purchase_count(), i);
        break;
      }
      case 3: {
        GetExpiryScheduleRequest request;
        request.set_account_id("acme");
        request.set_min_cursor(cursor);
        GetExpiryScheduleResponse response;
        ASSERT_TRUE(Call(server.points(), &PointsService::Stub::GetExpirySchedule, request, &response).ok());
        ASSERT_EQ(response.entries_size(), 1);
        EXPECT_EQ(response.entries(0).points(), 100 * i);
        break;
      }
      case 4: {
        // The tenth purchase makes silver.
        GetStandingRequest request;
        request.set_account_id("acme");
        request.set_min_cursor(cursor);
        GetStandingResponse response;
        ASSERT_TRUE(Call(server.tiers(), &TierService::Stub::GetStanding, request, &response).ok());
        EXPECT_EQ(response.standing().tier_id(), i < 10 ? "bronze" : "silver");
        break;
      }
      default: {
        GetRetentionRequest request;
        request.mutable_scope()->set_period(PERIOD_YEAR);
        request.set_min_cursor(cursor);
        GetRetentionResponse response;
        ASSERT_TRUE(Call(server.retention(), &RetentionService::Stub::GetRetention, request, &response).ok());
        ASSERT_EQ(response.periods_size(), 1);
        EXPECT_EQ(response.periods(0).revenue_micros(), 100 * i * kUnit);
      }
    }
  }
}

TEST(MinCursor, PastTheEndOrOfAnotherLedgerIsRefused) {
  LiveServer server(2);
  server.MustAppend(Request("acme", "r1", {Opened()}));
  const std::vector<std::string> cursors{FormatCursor({{100, 100}}), FormatCursor({{0}}), "nonsense"};
  for (const std::string& cursor : cursors) {
    GetBalanceRequest balance;
    balance.set_account_id("acme");
    balance.set_min_cursor(cursor);
    GetBalanceResponse balance_response;
    EXPECT_EQ(ReadRpcError(Call(server.points(), &PointsService::Stub::GetBalance, balance, &balance_response)).reason,
              "INVALID_TOKEN");
    ListAccountsRequest accounts;
    accounts.set_min_cursor(cursor);
    ListAccountsResponse accounts_response;
    EXPECT_EQ(
        ReadRpcError(Call(server.accounts(), &AccountService::Stub::ListAccounts, accounts, &accounts_response)).reason,
        "INVALID_TOKEN");
    GetDistributionRequest distribution;
    distribution.set_min_cursor(cursor);
    GetDistributionResponse distribution_response;
    EXPECT_EQ(
        ReadRpcError(Call(server.tiers(), &TierService::Stub::GetDistribution, distribution, &distribution_response))
            .reason,
        "INVALID_TOKEN");
    GetCohortsRequest cohorts;
    cohorts.mutable_scope()->set_period(PERIOD_MONTH);
    cohorts.set_min_cursor(cursor);
    GetCohortsResponse cohorts_response;
    EXPECT_EQ(
        ReadRpcError(Call(server.retention(), &RetentionService::Stub::GetCohorts, cohorts, &cohorts_response)).reason,
        "INVALID_TOKEN");
  }
}

}  // namespace
}  // namespace keyledger::testing

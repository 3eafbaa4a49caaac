// Transfers of portfolios over the wire: begun, followed, listed, refused with reasons, and finished after a stop.
#include <thread>

#include "server/domain/proto_time.h"
#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;

class PortfolioTransfers : public ::testing::TestWithParam<uint32_t> {
 protected:
  PortfolioTransfers() : server_(GetParam()) {
    for (int i = 0; i < 12; ++i) {
      auto opened = Opened(kToday - kMicrosPerDay);
      opened.event.mutable_account_opened()->set_owner(i % 3 == 0 ? "carl" : "ann");
      opened.event.mutable_account_opened()->set_region(i % 2 == 0 ? "DE" : "FR");
      server_.MustAppend(testing::Request("a" + std::to_string(i), "r", {opened}));
    }
  }

  static TransferPortfolioRequest Request(const std::string& request_id) {
    TransferPortfolioRequest request;
    request.set_request_id(request_id);
    request.set_from_person("ann");
    request.set_to_person("bob");
    request.set_reason(events::v1::OWNER_CHANGE_REASON_DEPARTED);
    request.set_actor("tester");
    return request;
  }

  PortfolioTransfer MustStart(const TransferPortfolioRequest& request) {
    TransferPortfolioResponse response;
    const grpc::Status status =
        Call(server_.engagement(), &EngagementService::Stub::TransferPortfolio, request, &response);
    EXPECT_TRUE(status.ok()) << ReadRpcError(status);
    return response.transfer();
  }
  RpcError Refused(const TransferPortfolioRequest& request) {
    TransferPortfolioResponse response;
    return ReadRpcError(Call(server_.engagement(), &EngagementService::Stub::TransferPortfolio, request, &response));
  }

  GetPortfolioTransferResponse Finished(const std::string& transfer_id) {
    GetPortfolioTransferRequest request;
    request.set_transfer_id(transfer_id);
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      GetPortfolioTransferResponse response;
      const grpc::Status status =
          Call(server_.engagement(), &EngagementService::Stub::GetPortfolioTransfer, request, &response);
      EXPECT_TRUE(status.ok()) << ReadRpcError(status);
      if (!status.ok() || response.transfer().state() == PORTFOLIO_TRANSFER_STATE_COMPLETED) return response;
      if (std::chrono::steady_clock::now() > deadline) {
        ADD_FAILURE() << response.ShortDebugString();
        return response;
      }
      std::this_thread::yield();
    }
  }

  // Ids in the directory of the accounts with that owner.
  std::vector<std::string> OwnedBy(const std::string& person, const std::string& cursor) {
    ListAccountsRequest request;
    request.mutable_filter()->set_owner(person);
    request.set_min_cursor(cursor);
    ListAccountsResponse response;
    const grpc::Status status = Call(server_.accounts(), &AccountService::Stub::ListAccounts, request, &response);
    EXPECT_TRUE(status.ok()) << ReadRpcError(status);
    std::vector<std::string> ids;
    for (const Account& account : response.accounts()) ids.push_back(account.account_id());
    return ids;
  }

  LiveServer server_;
};

INSTANTIATE_TEST_SUITE_P(Shards, PortfolioTransfers, ::testing::Values(1u, 4u));

using Ids = std::vector<std::string>;

TEST_P(PortfolioTransfers, AreBegunFollowedAndListed) {
  TransferPortfolioRequest request = Request("r1");
  request.set_region("DE");
  request.set_note("left");
  request.set_validate_only(true);
  const PortfolioTransfer preview = MustStart(request);
  EXPECT_EQ(preview.state(), PORTFOLIO_TRANSFER_STATE_PREVIEW);
  EXPECT_EQ(preview.accounts(), 4u);
  request.set_validate_only(false);
  EXPECT_EQ(MustStart(request).started().transfer_id(), "portfolio-1");
  const GetPortfolioTransferResponse over = Finished("portfolio-1");
  EXPECT_EQ(over.transfer().accounts(), 4u);
  EXPECT_EQ(over.transfer().transferred(), 4u);
  EXPECT_EQ(over.transfer().started().note(), "left");
  EXPECT_EQ(over.transfer().actor(), "tester");
  EXPECT_TRUE(over.transfer().has_complete_time());
  EXPECT_EQ(OwnedBy("bob", over.cursor()), (Ids{"a10", "a2", "a4", "a8"}));
  EXPECT_EQ(OwnedBy("ann", over.cursor()), (Ids{"a1", "a11", "a5", "a7"}));
  EXPECT_EQ(MustStart(request).state(), PORTFOLIO_TRANSFER_STATE_COMPLETED) << "the first answer, as it is now";

  MustStart(Request("r2"));
  EXPECT_EQ(Finished("portfolio-2").transfer().transferred(), 4u);
  ListPortfolioTransfersRequest list;
  list.set_page_size(1);
  Ids listed;
  for (;;) {
    ListPortfolioTransfersResponse page;
    ASSERT_TRUE(Call(server_.engagement(), &EngagementService::Stub::ListPortfolioTransfers, list, &page).ok());
    for (const PortfolioTransfer& transfer : page.transfers()) listed.push_back(transfer.started().transfer_id());
    if (page.next_page_token().empty()) break;
    list.set_page_token(page.next_page_token());
  }
  EXPECT_EQ(listed, (Ids{"portfolio-2", "portfolio-1"}));

  GetRecordRequest record;
  record.mutable_stream()->set_account_id("$owners");
  record.mutable_stream()->set_revision(1);
  GetRecordResponse read;
  ASSERT_TRUE(Call(server_.ledger(), &LedgerService::Stub::GetRecord, record, &read).ok());
  EXPECT_EQ(read.record().event().portfolio_transfer_completed().transferred(), 4u);
}

TEST_P(PortfolioTransfers, ShowInTheContinuityOfOwners) {
  TransferPortfolioRequest transfer = Request("r1");
  domain::SetTimestamp(transfer.mutable_transfer_time(), kToday - kMicrosPerDay / 2);
  MustStart(transfer);
  const GetPortfolioTransferResponse over = Finished("portfolio-1");
  GetContinuityRequest request;
  domain::SetTimestamp(request.mutable_scope()->mutable_as_of(), kToday);
  request.set_min_cursor(over.cursor());
  GetContinuityResponse response;
  const grpc::Status status = Call(server_.engagement(), &EngagementService::Stub::GetContinuity, request, &response);
  ASSERT_TRUE(status.ok()) << ReadRpcError(status);
  EXPECT_EQ(response.changes(), 8);
  EXPECT_EQ(response.mean_owner_days(), 0.5);
  ASSERT_EQ(response.groups_size(), 8);
  EXPECT_EQ(response.groups(5).changes(), 1);
  EXPECT_TRUE(response.groups(5).departed());
  EXPECT_EQ(response.groups(5).accounts(), 0) << "nobody bought";
  EXPECT_FALSE(response.groups(5).has_retention());
  domain::SetTimestamp(request.mutable_start_time(), kToday);
  const RpcError refused =
      ReadRpcError(Call(server_.engagement(), &EngagementService::Stub::GetContinuity, request, &response));
  EXPECT_EQ(refused.reason, "INVALID_FIELD");
  EXPECT_EQ(refused.field_names(), Ids{"start_time"});
}

TEST_P(PortfolioTransfers, GoOnAfterAStop) {
  MustStart(Request("r1"));
  server_.Restart();
  const GetPortfolioTransferResponse over = Finished("portfolio-1");
  EXPECT_EQ(over.transfer().transferred(), 8u);
  EXPECT_EQ(OwnedBy("ann", over.cursor()), Ids{});
  EXPECT_EQ(OwnedBy("bob", over.cursor()).size(), 8u);
  size_t transfers = 0;
  for (const ShardRecords& records : server_.ReadLog()) {
    for (const auto& entry : records) transfers += entry.event().has_owner_transferred() ? 1 : 0;
  }
  EXPECT_EQ(transfers, 8u) << "each account once";
}

TEST_P(PortfolioTransfers, AreRefusedByTheFieldThatIsWrong) {
  const auto field = [this](const std::function<void(TransferPortfolioRequest&)>& change) {
    TransferPortfolioRequest request = Request("r1");
    change(request);
    const RpcError error = Refused(request);
    return error.reason + " " + (error.fields.empty() ? "" : error.fields[0].first);
  };
  using R = TransferPortfolioRequest;
  EXPECT_EQ(field([](R& r) { r.clear_request_id(); }), "INVALID_FIELD request_id");
  EXPECT_EQ(field([](R& r) { r.clear_from_person(); }), "INVALID_FIELD from_person");
  EXPECT_EQ(field([](R& r) { r.set_to_person("ann"); }), "INVALID_FIELD to_person");
  EXPECT_EQ(field([](R& r) { r.set_role("Not a role"); }), "INVALID_FIELD role");
  EXPECT_EQ(field([](R& r) { r.clear_reason(); }), "INVALID_FIELD reason");
  EXPECT_EQ(field([](R& r) { r.set_rank(10); }), "INVALID_FIELD rank");
  EXPECT_EQ(field([](R& r) { r.set_region("/"); }), "INVALID_FIELD region");
  EXPECT_EQ(field([](R& r) { r.set_note(std::string(513, 'x')); }), "INVALID_FIELD note");
  EXPECT_EQ(field([](R& r) { r.set_actor(std::string(129, 'x')); }), "INVALID_FIELD actor");
  EXPECT_EQ(field([](R& r) { domain::SetTimestamp(r.mutable_transfer_time(), kToday + kMicrosPerDay); }),
            "OCCURRED_IN_FUTURE transfer_time");
  EXPECT_EQ(field([](R& r) { r.mutable_transfer_time()->set_seconds(-2'208'988'801); }), "INVALID_FIELD transfer_time")
      << "the last second of 1899";
  MustStart(Request("r1"));
  Finished("portfolio-1");
  EXPECT_EQ(field([](R& r) { r.set_rank(2); }), "REQUEST_ID_REUSED ");
  GetPortfolioTransferRequest unknown;
  unknown.set_transfer_id("portfolio-2");
  GetPortfolioTransferResponse response;
  EXPECT_EQ(ReadRpcError(Call(server_.engagement(), &EngagementService::Stub::GetPortfolioTransfer, unknown, &response))
                .reason,
            "PORTFOLIO_TRANSFER_NOT_FOUND");
}

}  // namespace
}  // namespace keyledger::testing

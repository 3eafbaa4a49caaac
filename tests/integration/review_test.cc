// Reviews over the wire: started, followed, listed, refused with reasons.
#include <thread>

#include "server/domain/proto_time.h"
#include "tests/integration/live_server.h"
#include "tests/support/ranks_program.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;

class Reviews : public ::testing::Test {
 protected:
  Reviews() {
    server_.Publish(RanksProgram({{"gold", "top_count: 2"}}));
    const Micros day = kNewYear - kMicrosPerDay;
    for (int i = 0; i < 5; ++i) {
      const std::string id = "a" + std::to_string(i);
      server_.MustAppend(Request(id, "r", {Opened(day), Bought(10 + i, id, day)}));
    }
  }

  static StartReviewRequest StartRequest(const std::string& request_id) {
    StartReviewRequest request;
    request.set_program_id("ranks");
    domain::SetTimestamp(request.mutable_as_of(), kNewYear);
    request.set_request_id(request_id);
    return request;
  }

  GetReviewResponse Finished(const std::string& review_id, int page_size = 0, const std::string& page_token = "") {
    GetReviewRequest request;
    request.set_review_id(review_id);
    request.set_page_size(page_size);
    request.set_page_token(page_token);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (;;) {
      GetReviewResponse response;
      const grpc::Status status = Call(server_.tiers(), &TierService::Stub::GetReview, request, &response);
      EXPECT_TRUE(status.ok()) << ReadRpcError(status);
      if (!status.ok() || response.review().state() == REVIEW_STATE_COMPLETED) return response;
      if (std::chrono::steady_clock::now() > deadline) {
        ADD_FAILURE() << response.ShortDebugString();
        return response;
      }
      std::this_thread::yield();
    }
  }

  grpc::Status Start(const StartReviewRequest& request, StartReviewResponse* response) {
    return Call(server_.tiers(), &TierService::Stub::StartReview, request, response);
  }

  std::string ReasonOfStart(const StartReviewRequest& request) {
    StartReviewResponse response;
    return ReadRpcError(Start(request, &response)).reason;
  }

  LiveServer server_{4};
};

TEST_F(Reviews, AreStartedFollowedAndListed) {
  StartReviewResponse started;
  ASSERT_TRUE(Start(StartRequest("r1"), &started).ok());
  EXPECT_EQ(started.review().review_id(), "review-1");
  EXPECT_FALSE(started.review().cursor().empty());
  const GetReviewResponse over = Finished("review-1", 1);
  EXPECT_EQ(over.review().population(), 5u);
  EXPECT_EQ(over.review().accounts(), 5u);
  EXPECT_EQ(over.review().accounts_decided(), 5u);
  EXPECT_EQ(over.review().raised(), 2u);
  ASSERT_EQ(over.review().cuts_size(), 1);
  EXPECT_EQ(over.review().cuts(0).last_account_id(), "a3");
  EXPECT_EQ(over.changes_total(), 2u);
  ASSERT_EQ(over.changes_size(), 1);
  EXPECT_EQ(over.changes(0).account_id(), "a3");
  EXPECT_EQ(over.changes(0).values(0).rank(), 2u);
  const GetReviewResponse second = Finished("review-1", 1, over.next_page_token());
  ASSERT_EQ(second.changes_size(), 1);
  EXPECT_EQ(second.changes(0).account_id(), "a4");
  EXPECT_EQ(second.next_page_token(), "");
  ListReviewsResponse listed;
  ASSERT_TRUE(Call(server_.tiers(), &TierService::Stub::ListReviews, ListReviewsRequest(), &listed).ok());
  ASSERT_EQ(listed.reviews_size(), 1);
  EXPECT_EQ(listed.reviews(0).state(), REVIEW_STATE_COMPLETED);
  EXPECT_EQ(listed.next_page_token(), "");
}

TEST_F(Reviews, PreviewedAreNotListed) {
  StartReviewRequest request = StartRequest("r1");
  request.set_validate_only(true);
  StartReviewResponse started;
  ASSERT_TRUE(Start(request, &started).ok());
  EXPECT_EQ(Finished(started.review().review_id()).changes_size(), 2);
  ListReviewsResponse listed;
  ASSERT_TRUE(Call(server_.tiers(), &TierService::Stub::ListReviews, ListReviewsRequest(), &listed).ok());
  EXPECT_EQ(listed.reviews_size(), 0);
}

TEST_F(Reviews, AreReadLikeAnyStream) {
  StartReviewResponse started;
  ASSERT_TRUE(Start(StartRequest("r1"), &started).ok());
  Finished("review-1");
  GetRecordRequest request;
  request.mutable_stream()->set_account_id("$reviews");
  request.mutable_stream()->set_revision(1);
  GetRecordResponse response;
  ASSERT_TRUE(Call(server_.ledger(), &LedgerService::Stub::GetRecord, request, &response).ok());
  EXPECT_EQ(response.record().event().review_completed().review_id(), "review-1");
}

TEST_F(Reviews, AreRefusedWithTheFieldOrTheRule) {
  StartReviewRequest request = StartRequest("r1");
  request.clear_program_id();
  EXPECT_EQ(ReasonOfStart(request), "INVALID_FIELD");
  request = StartRequest("r1");
  request.clear_as_of();
  EXPECT_EQ(ReasonOfStart(request), "INVALID_FIELD");
  request = StartRequest("two words");
  EXPECT_EQ(ReasonOfStart(request), "INVALID_FIELD");
  request = StartRequest("r1");
  request.set_actor(std::string(129, 'x'));
  EXPECT_EQ(ReasonOfStart(request), "INVALID_FIELD");
  request = StartRequest("r1");
  request.set_program_id("none");
  EXPECT_EQ(ReasonOfStart(request), "PROGRAM_NOT_FOUND");
  request = StartRequest("r1");
  request.set_ladder_id("none");
  EXPECT_EQ(ReasonOfStart(request), "REVIEW_NOT_POSSIBLE");
  GetReviewRequest get;
  GetReviewResponse response;
  EXPECT_EQ(ReadRpcError(Call(server_.tiers(), &TierService::Stub::GetReview, get, &response)).reason, "INVALID_FIELD");
  get.set_review_id("review-9");
  EXPECT_EQ(ReadRpcError(Call(server_.tiers(), &TierService::Stub::GetReview, get, &response)).reason,
            "REVIEW_NOT_FOUND");
}

}  // namespace
}  // namespace keyledger::testing

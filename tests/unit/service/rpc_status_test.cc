// What a refusal looks like on the wire.
#include "server/service/rpc_status.h"

#include <gtest/gtest.h>

#include "server/base/error.h"
#include "tests/support/rpc_error.h"

namespace keyledger::service {
namespace {

using keyledger::testing::ReadRpcError;
using keyledger::testing::ReadRpcStatus;
using keyledger::testing::RpcError;

TEST(RpcStatus, OfSuccessIsOk) { EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok()); }

TEST(RpcStatus, CarriesReasonDomainAndMetadata) {
  absl::Status status = MakeError(Reason::kStaleRevision, "account acme is at revision 3, not 2");
  AddMetadata(status, "actual_revision", "3");
  const RpcError error = ReadRpcError(ToGrpcStatus(status));
  EXPECT_EQ(error.code, grpc::StatusCode::ABORTED);
  EXPECT_EQ(error.message, "account acme is at revision 3, not 2");
  EXPECT_EQ(error.domain, "keyledger");
  EXPECT_EQ(error.reason, "STALE_REVISION");
  EXPECT_EQ(error.metadata, (std::map<std::string, std::string>{{"actual_revision", "3"}}));
  EXPECT_TRUE(error.fields.empty());
  EXPECT_TRUE(error.preconditions.empty());
  EXPECT_EQ(error.retry_ms, -1);
}

TEST(RpcStatus, CarriesFieldsRetryDelayAndPreconditions) {
  absl::Status fields = FieldError("account_id", "is required");
  AddField(fields, "request_id", "is required");
  EXPECT_EQ(ReadRpcError(ToGrpcStatus(fields)).field_names(), (std::vector<std::string>{"account_id", "request_id"}));
  absl::Status full = MakeError(Reason::kQueueFull, "full");
  SetRetryDelayMs(full, 1'250);
  EXPECT_EQ(ReadRpcError(ToGrpcStatus(full)).retry_ms, 1'250);
  const RpcError rule = ReadRpcError(ToGrpcStatus(MakeError(Reason::kAccountClosed, "closed")));
  EXPECT_EQ(rule.preconditions, std::vector<std::string>{"ACCOUNT_CLOSED"});
}

TEST(RpcStatus, InsideAStreamIsTheSame) {
  absl::Status status = FieldError("account_id", "is required");
  const RpcError error = ReadRpcStatus(ToRpcStatusBytes(status));
  EXPECT_EQ(error.code, grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(error.reason, "INVALID_FIELD");
  EXPECT_EQ(error.field_names(), std::vector<std::string>{"account_id"});
}

TEST(RpcStatus, NamesEveryReasonWithItsCode) {
  const std::vector<std::pair<Reason, std::pair<std::string, grpc::StatusCode>>> expected{
      {Reason::kUnknownEvent, {"UNKNOWN_EVENT", grpc::StatusCode::INVALID_ARGUMENT}},
      {Reason::kDecisionNotAccepted, {"DECISION_NOT_ACCEPTED", grpc::StatusCode::INVALID_ARGUMENT}},
      {Reason::kAccountNotFound, {"ACCOUNT_NOT_FOUND", grpc::StatusCode::NOT_FOUND}},
      {Reason::kInvoiceExists, {"INVOICE_EXISTS", grpc::StatusCode::ALREADY_EXISTS}},
      {Reason::kInsufficientPoints, {"INSUFFICIENT_POINTS", grpc::StatusCode::FAILED_PRECONDITION}},
      {Reason::kTooManyEvents, {"TOO_MANY_EVENTS", grpc::StatusCode::RESOURCE_EXHAUSTED}},
      {Reason::kShardReadOnly, {"SHARD_READ_ONLY", grpc::StatusCode::UNAVAILABLE}},
      {Reason::kProjectionBehind, {"PROJECTION_BEHIND", grpc::StatusCode::DEADLINE_EXCEEDED}},
      {Reason::kStoreDamaged, {"STORE_DAMAGED", grpc::StatusCode::DATA_LOSS}},
  };
  for (const auto& [reason, on_the_wire] : expected) {
    const RpcError error = ReadRpcError(ToGrpcStatus(MakeError(reason, "m")));
    EXPECT_EQ(error.reason, on_the_wire.first);
    EXPECT_EQ(error.code, on_the_wire.second);
  }
}

// HTTP/2 headers hold about 8 KiB, and binary ones grow by a third.
TEST(RpcStatus, StaysSmallHoweverMuchThereIsToSay) {
  absl::Status status = FieldError("events[0].event.custom_event.type", std::string(300, 'x'));
  for (int i = 1; i < 1'000; ++i) {
    AddField(status, "events[" + std::to_string(i) + "].event.custom_event.type", std::string(300, 'x'));
  }
  AddMetadata(status, "key", std::string(10'000, 'm'));
  const grpc::Status sent = ToGrpcStatus(status);
  EXPECT_LT(sent.error_details().size(), 5'500u);
  EXPECT_LE(sent.error_message().size(), 1'003u);
  const RpcError error = ReadRpcError(sent);
  EXPECT_EQ(error.fields.front().first, "events[0].event.custom_event.type");
  EXPECT_EQ(error.fields.back().first, "...");
  const int listed = static_cast<int>(error.fields.size()) - 1;
  EXPECT_EQ(error.fields.back().second,
            std::to_string(1'000 - listed) + " more violations are not listed; mend these and try again");
}

TEST(RpcStatus, HasAMessageOfPrintableAscii) {
  const grpc::Status sent =
      ToGrpcStatus(MakeError(Reason::kInvalidField, std::string("a\nb\x80 ", 5) + std::string(2'000, 'x')));
  EXPECT_EQ(sent.error_message().substr(0, 6), "a?b? x");
  EXPECT_EQ(sent.error_message().size(), 1'003u);
}

}  // namespace
}  // namespace keyledger::service

// What an error carries besides its message.
#include "server/base/error.h"

#include <gtest/gtest.h>

namespace keyledger {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

TEST(Errors, HaveTheCodeOfTheirReason) {
  EXPECT_EQ(CodeOf(Reason::kUnspecified), absl::StatusCode::kInternal);
  EXPECT_EQ(CodeOf(Reason::kInvalidToken), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Reason::kProjectionNotFound), absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf(Reason::kRequestIdReused), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(CodeOf(Reason::kStaleRevision), absl::StatusCode::kAborted);
  EXPECT_EQ(CodeOf(Reason::kRebuildRunning), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(Reason::kTooManyStreams), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(CodeOf(Reason::kDiskNearlyFull), absl::StatusCode::kUnavailable);
  EXPECT_EQ(CodeOf(Reason::kProjectionBehind), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(CodeOf(Reason::kStoreDamaged), absl::StatusCode::kDataLoss);
}

TEST(Errors, CarryReasonFieldsMetadataAndDelay) {
  absl::Status status = MakeError(Reason::kQueueFull, "the queue is full");
  AddField(status, "a[0].b", "is bad");
  AddMetadata(status, "depth", "10");
  SetRetryDelayMs(status, 250);
  EXPECT_EQ(ReasonOf(status), Reason::kQueueFull);
  EXPECT_EQ(MessageOf(status), "the queue is full");
  EXPECT_EQ(FieldsOf(status), (Pairs{{"a[0].b", "is bad"}}));
  EXPECT_EQ(MetadataOf(status), (Pairs{{"depth", "10"}}));
  EXPECT_EQ(RetryDelayMsOf(status), 250);
}

TEST(Errors, KeepTheOrderOfFields) {
  absl::Status status = MakeError(Reason::kInvalidField, "bad");
  Pairs expected;
  for (int i = 0; i < 30; ++i) {
    expected.emplace_back("f" + std::to_string(100 - i), "d" + std::to_string(i));
    AddField(status, expected.back().first, expected.back().second);
  }
  EXPECT_EQ(FieldsOf(status), expected);
}

TEST(Errors, AboutAFieldNameItInTheMessage) {
  const absl::Status status = FieldError("events[0].x", "is required");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), Reason::kInvalidField);
  EXPECT_EQ(MessageOf(status), "events[0].x: is required");
  EXPECT_EQ(FieldsOf(status), (Pairs{{"events[0].x", "is required"}}));
}

TEST(Errors, OfOthersCarryNothing) {
  const absl::Status status = absl::InternalError("x");
  EXPECT_EQ(ReasonOf(status), Reason::kUnspecified);
  EXPECT_TRUE(FieldsOf(status).empty());
  EXPECT_TRUE(MetadataOf(status).empty());
  EXPECT_EQ(RetryDelayMsOf(status), 0);
}

absl::StatusOr<int> Half(int value) {
  if (value % 2 != 0) return MakeError(Reason::kInvalidField, "odd");
  return value / 2;
}

absl::StatusOr<int> Quarter(int value) {
  KL_ASSIGN_OR_RETURN(const int half, Half(value));
  KL_RETURN_IF_ERROR(Half(half).status());
  return half / 2;
}

TEST(Macros, PassErrorsOn) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_FALSE(Quarter(6).ok());
  EXPECT_FALSE(Quarter(3).ok());
}

}  // namespace
}  // namespace keyledger

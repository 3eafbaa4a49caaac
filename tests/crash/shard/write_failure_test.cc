// Writes and syncs that fail under a whole ledger, and a disk that is nearly full: how the shard answers, that reads go
// on, and that nothing is lost or applied twice when it is opened again.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/crash/shard/ledger_machine.h"

namespace keyledger::testing {
namespace {

using Operation = FaultEnv::Operation;
using Failure = FaultEnv::Failure;

constexpr uint64_t kPlaces = 8;

// The n-th write or sync of the log fails while requests are in flight.
void FailAt(uint64_t place, Operation operation, Failure failure, bool stays) {
  LedgerMachine ledger(1, place);
  ASSERT_TRUE(ledger.Open().ok());
  ASSERT_TRUE(ledger.PublishExample().ok());
  ledger.Send(ledger.Make(60));
  ASSERT_TRUE(ledger.Unanswered().empty());

  ledger.machine().FailAfter(operation, place, failure, ".log", stays);
  Outcomes outcomes;
  while (ledger.Unanswered().empty()) outcomes = ledger.Send(ledger.Make(20));
  ASSERT_TRUE(ledger.machine().has_failed());
  // Those in the group that failed are in doubt; those decided on top of it are refused.
  EXPECT_GE(outcomes[Reason::kCommitOutcomeUnknown], 1);
  EXPECT_EQ(outcomes[Reason::kUnspecified] + outcomes[Reason::kInsufficientPoints] +
                outcomes[Reason::kCommitOutcomeUnknown] + outcomes[Reason::kShardReadOnly],
            20);

  // The cause may pass; the shard stays as it is until it is opened again.
  ledger.machine().StopFailing();
  absl::Status refusal;
  EXPECT_EQ(ledger.Send(ledger.Make(5), &refusal), (Outcomes{{Reason::kShardReadOnly, 5}}));
  EXPECT_EQ(refusal.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(MessageOf(refusal).find("injected"), std::string::npos) << refusal;
  EXPECT_EQ(ReasonOf(ledger.ledger().Publish(ExampleProgram() + "# Again.\n", "again", "").status()),
            Reason::kShardReadOnly);
  EXPECT_EQ(ReasonOf(ledger.ledger().shard(0).write_status()), Reason::kShardReadOnly);
  EXPECT_EQ(ledger.Check(), "") << "reads go on";

  ledger.Close();
  const absl::Status opened = ledger.Open();
  ASSERT_TRUE(opened.ok()) << opened;
  ASSERT_EQ(ledger.Check(), "");
  ledger.Send(ledger.Unanswered());
  ASSERT_TRUE(ledger.Unanswered().empty());
  ledger.Send(ledger.Make(20));
  ASSERT_EQ(ledger.Check(), "");
  ASSERT_EQ(ledger.CheckProjections(), "");
}

void FailAtEachPlace(Operation operation, Failure failure, bool stays) {
  for (uint64_t place = 1; place <= kPlaces; ++place) {
    SCOPED_TRACE(fmt::format("failure {}", place));
    ASSERT_NO_FATAL_FAILURE(FailAt(place, operation, failure, stays));
  }
}

TEST(WriteFailureUnderALedger, LeavesRequestsInDoubtAndTheShardReadOnlyWhenAWriteFails) {
  FailAtEachPlace(Operation::kWrite, Failure::kInputOutput, false);
}

TEST(WriteFailureUnderALedger, LeavesRequestsInDoubtAndTheShardReadOnlyWhenTheDiskIsFull) {
  FailAtEachPlace(Operation::kWrite, Failure::kNoSpace, true);
}

TEST(WriteFailureUnderALedger, LeavesRequestsInDoubtAndTheShardReadOnlyWhenASyncFails) {
  FailAtEachPlace(Operation::kSync, Failure::kInputOutput, false);
}

TEST(WriteFailureUnderALedger, LeavesRequestsInDoubtAndTheShardReadOnlyWhenASyncFindsTheDiskFull) {
  FailAtEachPlace(Operation::kSync, Failure::kNoSpace, true);
}

TEST(DiskNearlyFullUnderALedger, RefusesWithARetryDelayWritesNothingAndResumes) {
  constexpr uint64_t kReserve = 100u << 20;
  LedgerMachine ledger(1, 1, kReserve);
  ledger.machine().SetFreeBytes(kReserve);
  ASSERT_TRUE(ledger.Open().ok());
  ASSERT_TRUE(ledger.PublishExample().ok());
  ledger.Send(ledger.Make(60));
  ASSERT_EQ(ledger.Check(), "");
  ASSERT_EQ(ledger.CheckProjections(), "");
  const uint64_t records = ledger.record_count();
  const uint64_t operations = ledger.machine().operations();

  ledger.machine().SetFreeBytes(kReserve - 1);
  absl::Status refusal;
  // A redemption of more than there is may be refused for that: it would write nothing.
  Outcomes outcomes = ledger.Send(ledger.Make(30), &refusal);
  EXPECT_EQ(outcomes[Reason::kDiskNearlyFull] + outcomes[Reason::kInsufficientPoints], 30);
  EXPECT_GE(outcomes[Reason::kDiskNearlyFull], 20);
  EXPECT_EQ(refusal.code(), absl::StatusCode::kUnavailable);
  EXPECT_GT(RetryDelayMsOf(refusal), 0);
  EXPECT_EQ(ledger.machine().operations(), operations);
  EXPECT_EQ(ledger.Check(), "");
  EXPECT_EQ(ledger.record_count(), records);
  EXPECT_TRUE(ledger.ledger().shard(0).write_status().ok());

  ledger.machine().SetFreeBytes(kReserve);
  ledger.Send(ledger.Unanswered());
  EXPECT_TRUE(ledger.Unanswered().empty());
  EXPECT_EQ(ledger.Check(), "");
  EXPECT_GT(ledger.record_count(), records);
  EXPECT_EQ(ledger.CheckProjections(), "");
}

}  // namespace
}  // namespace keyledger::testing

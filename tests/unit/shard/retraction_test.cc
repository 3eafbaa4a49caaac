// Retractions name one record of the account, by revision, position and kind, also one that is still being written.
#include "tests/unit/shard/shard_fixture.h"

namespace keyledger::testing {
namespace {

shard::SubmittedEvent Needed(const std::string& need_id) {
  shard::SubmittedEvent fact = Fact();
  fact.event.mutable_need_stated()->set_need_id(need_id);
  fact.event.mutable_need_stated()->set_description("40 vans");
  return fact;
}

shard::SubmittedEvent Retracted(uint64_t revision, uint64_t position,
                                events::v1::EventKind kind = events::v1::EVENT_KIND_NEED_STATED) {
  shard::SubmittedEvent fact = Fact();
  auto* retracted = fact.event.mutable_fact_retracted();
  retracted->set_revision(revision);
  retracted->set_position(position);
  retracted->set_kind(kind);
  retracted->set_reason("of another account");
  return fact;
}

using Metadata = std::vector<std::pair<std::string, std::string>>;

class Retraction : public ::testing::Test {
 protected:
  void SetUp() override {
    // Positions 0 and 1, 2 and 3.
    one_.MustAppend(Command("acme", "r1", {Opened(), Needed("n-1")}));
    one_.MustAppend(Command("other", "r1", {Opened(), Needed("n-1")}));
  }
  absl::Status Refused(const shard::SubmittedEvent& fact) {
    return one_.Append(Command("acme", "r2", {fact})).status();
  }
  OneShard one_;
};

TEST_F(Retraction, OfARecordOfTheAccountIsRecorded) {
  one_.MustAppend(Command("acme", "r2", {Retracted(1, 1)}));
  EXPECT_EQ(Kinds(one_.Records()), "ACCOUNT_OPENED NEED_STATED ACCOUNT_OPENED NEED_STATED FACT_RETRACTED");
}

TEST_F(Retraction, NeedsTheRevisionAndThePositionOfOneRecordOfTheAccount) {
  for (const auto& [revision, position] : {std::pair(1, 0), std::pair(0, 1), std::pair(1, 3), std::pair(1, 4)}) {
    const absl::Status refused = Refused(Retracted(revision, position));
    EXPECT_EQ(ReasonOf(refused), Reason::kRecordNotFound) << revision << " " << position << " " << refused;
    EXPECT_EQ(refused.code(), absl::StatusCode::kNotFound);
  }
  EXPECT_EQ(MessageOf(Refused(Retracted(1, 3))),
            "events[0]: no record of account 'acme' with revision 1 stands at position 3 of shard 0; read the account "
            "again");
  EXPECT_EQ(one_.store().record_count(), 4u);
}

TEST_F(Retraction, NeedsTheKindOfTheRecord) {
  const absl::Status refused = Refused(Retracted(1, 1, events::v1::EVENT_KIND_SIGNAL_OBSERVED));
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(refused), Reason::kNotRetractable);
  EXPECT_EQ(MetadataOf(refused), (Metadata{{"kind", "EVENT_KIND_NEED_STATED"}}));
}

TEST_F(Retraction, OfAKindThatOthersWereDecidedByIsRefused) {
  const absl::Status refused = Refused(Retracted(0, 0, events::v1::EVENT_KIND_ACCOUNT_OPENED));
  EXPECT_EQ(ReasonOf(refused), Reason::kNotRetractable);
  EXPECT_EQ(MetadataOf(refused), (Metadata{{"kind", "EVENT_KIND_ACCOUNT_OPENED"}}));
  EXPECT_EQ(MessageOf(refused),
            "events[0]: a record of EVENT_KIND_ACCOUNT_OPENED cannot be retracted: something was, or may have been, "
            "decided by it; record what corrects it");
}

TEST_F(Retraction, OfSuchAKindIsRefusedBeforeARecordIsLookedFor) {
  EXPECT_EQ(ReasonOf(Refused(Retracted(0, 99, events::v1::EVENT_KIND_ACCOUNT_OPENED))), Reason::kNotRetractable);
  EXPECT_EQ(ReasonOf(Refused(Retracted(1, 1, events::v1::EVENT_KIND_ACCOUNT_OPENED))), Reason::kNotRetractable);
  EXPECT_EQ(MetadataOf(Refused(Retracted(1, 1, events::v1::EVENT_KIND_ACCOUNT_OPENED))),
            (Metadata{{"kind", "EVENT_KIND_ACCOUNT_OPENED"}}))
      << "the kind named, not the record's";
}

TEST_F(Retraction, FindsRecordsThatAreStillBeingWritten) {
  one_.log().Close();
  auto in_flight = one_.Start(Command("acme", "r2", {Needed("n-2")}));
  one_.log().WaitForArrivals(3);
  auto under_construction = one_.Start(Command("acme", "r3", {Needed("n-3")}));
  auto of_both = one_.Start(Command("acme", "r4", {Retracted(2, 4), Retracted(3, 5)}));
  auto of_nothing = one_.Start(Command("acme", "r5", {Retracted(3, 4)}));
  one_.WaitUntilSequenced();
  one_.log().Open();
  EXPECT_TRUE(in_flight.get().ok());
  EXPECT_TRUE(under_construction.get().ok());
  const AppendOutcome retracted = of_both.get();
  EXPECT_TRUE(retracted.ok()) << retracted.status();
  EXPECT_EQ(ReasonOf(of_nothing.get().status()), Reason::kRecordNotFound);
}

TEST_F(Retraction, OfAFactOfTheSameRequestIsRefused) {
  const absl::Status refused = one_.Append(Command("acme", "r2", {Needed("n-2"), Retracted(2, 4)})).status();
  EXPECT_EQ(ReasonOf(refused), Reason::kRecordNotFound) << "nobody can know where it will stand";
  EXPECT_NE(MessageOf(refused).find("events[1]"), std::string::npos) << refused;
}

TEST_F(Retraction, IsFoundAfterARestart) {
  one_.Reopen();
  one_.MustAppend(Command("acme", "r2", {Retracted(1, 1)}));
}

}  // namespace
}  // namespace keyledger::testing

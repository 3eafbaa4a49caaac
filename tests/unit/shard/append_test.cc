// What an append answers and records: positions, revisions, ids, decisions, standing; all of a request or nothing of
// it; and what the account's revision must be.
#include "server/domain/proto_time.h"
#include "tests/unit/shard/shard_fixture.h"

namespace keyledger::testing {
namespace {

using shard::AppendAnswer;

std::string ActualRevision(const absl::Status& status) {
  for (const auto& [key, value] : MetadataOf(status)) {
    if (key == "actual_revision") return value;
  }
  return "not given";
}

TEST(Append, AnswersPositionsRevisionsAndIdsOfTheEvents) {
  OneShard one;
  one.MustAppend(Command("other", "r1", {Opened()}));
  const AppendAnswer answer = one.MustAppend(Command("acme", "r1", {Opened(), Visited(), Visited()}));
  EXPECT_EQ(answer.shard, 0u);
  EXPECT_FALSE(answer.replayed);
  EXPECT_EQ(answer.next_position, 4u);
  ASSERT_EQ(answer.events.size(), 3u);
  EXPECT_EQ(answer.events[0].position, 1u);
  EXPECT_EQ(answer.events[0].revision, 0u);
  EXPECT_EQ(answer.events[0].event_id, "0-1");
  EXPECT_EQ(answer.events[2].position, 3u);
  EXPECT_EQ(answer.events[2].revision, 2u);
  EXPECT_EQ(answer.events[2].event_id, "0-3");
  EXPECT_TRUE(answer.decisions.empty());
}

TEST(Append, AnswersTheDecisionsAndTheStandingAfterwards) {
  OneShard one;
  one.Publish(kPlainProgram);
  one.MustAppend(Command("acme", "r1", {Opened()}));
  const AppendAnswer answer = one.MustAppend(Command("acme", "r2", {Bought(1'000)}));
  ASSERT_EQ(answer.events.size(), 1u);
  ASSERT_EQ(answer.decisions.size(), 2u);
  const events::v1::EventRecord& accrued = answer.decisions[0];
  EXPECT_EQ(accrued.event().points_accrued().points(), 1'000);
  EXPECT_EQ(accrued.program().program_id(), "plain");
  EXPECT_EQ(accrued.program().version(), 1u);
  EXPECT_EQ(accrued.position(), answer.events[0].position + 1);
  EXPECT_EQ(answer.decisions[1].event().tier_assigned().tier_id(), "silver");
  EXPECT_EQ(answer.standing.available_points, 1'000);
  EXPECT_EQ(answer.standing.pending_points, 0);
  EXPECT_EQ(answer.standing.ladder_id, "main");
  EXPECT_EQ(answer.standing.tier_id, "silver");
  EXPECT_EQ(answer.standing.revision, answer.decisions[1].revision());
  EXPECT_EQ(answer.next_position, answer.decisions[1].position() + 1);
}

TEST(Append, LeavesOutDecisionsThatAreNotWanted) {
  OneShard one;
  one.Publish(kPlainProgram);
  shard::AppendCommand command = Command("acme", "r1", {Opened(), Bought(5)});
  command.want_decisions = false;
  const AppendAnswer answer = one.MustAppend(std::move(command));
  EXPECT_EQ(answer.events.size(), 2u);
  EXPECT_TRUE(answer.decisions.empty());
  EXPECT_EQ(Kinds(one.Records()), "PROGRAM_PUBLISHED ACCOUNT_OPENED TIER_ASSIGNED PURCHASE_RECORDED POINTS_ACCRUED");
}

TEST(Append, WritesTheEnvelopeOfAFact) {
  OneShard one;
  shard::SubmittedEvent opened = Opened(kToday - kMicrosPerDay);
  opened.event_id = "crm-17";
  opened.correlation_id = "import-3";
  opened.causation_id = "crm-16";
  shard::AppendCommand command = Command("acme", "r1", {opened});
  const std::string digest = command.digest;
  one.MustAppend(std::move(command));
  const events::v1::EventRecord record = one.Records().at(0);
  EXPECT_EQ(record.shard(), 0u);
  EXPECT_EQ(record.account_id(), "acme");
  EXPECT_EQ(record.event_id(), "crm-17");
  EXPECT_EQ(record.correlation_id(), "import-3");
  EXPECT_EQ(record.causation_id(), "crm-16");
  EXPECT_EQ(record.request_id(), "r1");
  EXPECT_EQ(record.actor(), "tester");
  EXPECT_EQ(record.request_digest(), digest);
  EXPECT_EQ(domain::MicrosOf(record.occurred_time()), kToday - kMicrosPerDay);
  EXPECT_EQ(domain::MicrosOf(record.record_time()), kToday);
}

TEST(Append, DecisionsNameTheFactThatCausedThem) {
  OneShard one;
  one.Publish(kPlainProgram);
  shard::SubmittedEvent first = Bought(5);
  first.event_id = "till-1";
  one.MustAppend(Command("acme", "r1", {Opened(), first, Bought(7)}));
  std::vector<std::string> causes;
  for (const events::v1::EventRecord& record : one.Records()) {
    if (!record.event().has_points_accrued()) continue;
    causes.push_back(record.causation_id());
    EXPECT_EQ(record.request_id(), "r1");
    EXPECT_TRUE(record.actor().empty());
  }
  // $programs, opened, tier, purchase, accrual, purchase: the second purchase is record 5.
  EXPECT_EQ(causes, (std::vector<std::string>{"till-1", "0-5"}));
}

TEST(Append, KeepsTheRecordsOfARequestTogether) {
  OneShard one;
  one.Publish(kPlainProgram);
  one.log().Close();
  std::vector<std::future<AppendOutcome>> outcomes;
  for (int i = 0; i < 50; ++i) {
    outcomes.push_back(one.Start(Command("account" + std::to_string(i % 5) + std::to_string(i), "r" + std::to_string(i),
                                         {Opened(), Bought(10), Visited(), Bought(20)})));
  }
  one.log().Open();
  for (auto& outcome : outcomes) EXPECT_TRUE(outcome.get().ok());
  const auto records = one.Records();
  ASSERT_EQ(records.size(), 1u + 50u * 7u);
  for (size_t i = 1; i < records.size(); i += 7) {
    for (size_t k = 0; k < 7; ++k) EXPECT_EQ(records[i + k].request_id(), records[i].request_id());
  }
}

TEST(Append, RecordsNothingOfARequestWhoseSecondEventIsRefused) {
  OneShard one;
  one.Publish(kPlainProgram);
  one.MustAppend(Command("acme", "r1", {Opened(), Bought(10)}));
  const size_t before = one.Records().size();
  const AppendOutcome refused = one.Append(Command("acme", "r2", {Bought(5, "inv-1"), Redeemed(16)}));
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kInsufficientPoints);
  EXPECT_EQ(one.Records().size(), before);
  EXPECT_EQ(one.State("acme").available_points(), 10);
  // Neither the invoice number nor the request id is spent, and positions go on without a gap.
  const AppendAnswer answer = one.MustAppend(Command("acme", "r2", {Bought(5, "inv-1")}));
  EXPECT_EQ(answer.events[0].position, before);
  EXPECT_EQ(answer.standing.available_points, 15);
}

TEST(Append, RefusesMorePointsThanAvailableAndSaysHowMany) {
  OneShard one;
  one.Publish(kPlainProgram);
  one.MustAppend(Command("acme", "r1", {Opened(), Bought(10)}));
  const absl::Status refused = one.Append(Command("acme", "r2", {Redeemed(11)})).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(MetadataOf(refused),
            (std::vector<std::pair<std::string, std::string>>{{"available", "10"}, {"requested", "11"}}));
  EXPECT_TRUE(one.Append(Command("acme", "r3", {Redeemed(10)})).ok());
}

TEST(Append, RefusesAnUnknownAccount) {
  OneShard one;
  EXPECT_EQ(ReasonOf(one.Append(Command("acme", "r1", {Visited()})).status()), Reason::kAccountNotFound);
  EXPECT_EQ(one.store().record_count(), 0u);
}

TEST(Append, AcceptsOccurredTimesUpToTheSkewAndNoneBeyond) {
  OneShard one;
  EXPECT_TRUE(one.Append(Command("acme", "r1", {Opened(kToday + 300 * kMicrosPerSecond)})).ok());
  const absl::Status refused =
      one.Append(Command("other", "r2", {Opened(), Visited("v", kToday + 300 * kMicrosPerSecond + 1)})).status();
  EXPECT_EQ(ReasonOf(refused), Reason::kOccurredInFuture);
  ASSERT_EQ(FieldsOf(refused).size(), 1u);
  EXPECT_EQ(FieldsOf(refused)[0].first, "events[1].occurred_time");
  EXPECT_EQ(one.store().record_count(), 1u);
}

TEST(ExpectedRevision, TakesTheExactOneOnly) {
  OneShard one;
  one.MustAppend(Command("acme", "r1", {Opened(), Visited()}));
  for (const uint64_t wrong : {0u, 2u}) {
    const absl::Status refused = one.Append(Command("acme", "r2", {Visited()}, Exactly(wrong))).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kAborted);
    EXPECT_EQ(ReasonOf(refused), Reason::kStaleRevision);
    EXPECT_EQ(ActualRevision(refused), "1");
  }
  EXPECT_EQ(one.MustAppend(Command("acme", "r3", {Visited()}, Exactly(1))).standing.revision, 2u);
}

TEST(ExpectedRevision, CountsDecisionsToo) {
  OneShard one;
  one.Publish(kPlainProgram);
  const AppendAnswer answer = one.MustAppend(Command("acme", "r1", {Opened(), Bought(10)}));
  // Opened 0, tier 1, purchase 2, accrual 3.
  EXPECT_EQ(answer.standing.revision, 3u);
  EXPECT_EQ(ActualRevision(one.Append(Command("acme", "r2", {Visited()}, Exactly(2))).status()), "3");
  EXPECT_TRUE(one.Append(Command("acme", "r3", {Visited()}, Exactly(3))).ok());
}

TEST(ExpectedRevision, OfAnAccountWithoutEventsIsNone) {
  OneShard one;
  const absl::Status refused = one.Append(Command("acme", "r1", {Opened()}, Exactly(0))).status();
  EXPECT_EQ(ReasonOf(refused), Reason::kStaleRevision);
  EXPECT_EQ(ActualRevision(refused), "none");
}

TEST(ExpectedRevision, NewAccountRefusesOneThatExists) {
  OneShard one;
  EXPECT_TRUE(one.Append(Command("acme", "r1", {Opened()}, kNewAccount)).ok());
  const absl::Status refused = one.Append(Command("acme", "r2", {Opened()}, kNewAccount)).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReasonOf(refused), Reason::kAccountExists);
  EXPECT_EQ(one.store().record_count(), 1u);
}

TEST(ExpectedRevision, SeesRecordsThatAreStillBeingWritten) {
  OneShard one;
  one.log().Close();
  auto opened = one.Start(Command("acme", "r1", {Opened()}));
  one.log().WaitForArrivals(1);
  auto stale = one.Start(Command("acme", "r2", {Visited()}, Exactly(7)));
  auto right = one.Start(Command("acme", "r3", {Visited()}, Exactly(0)));
  auto late = one.Start(Command("acme", "r4", {Visited()}, Exactly(0)));
  one.WaitUntilSequenced();
  one.log().Open();
  EXPECT_TRUE(opened.get().ok());
  EXPECT_EQ(ActualRevision(stale.get().status()), "0");
  EXPECT_TRUE(right.get().ok());
  EXPECT_EQ(ActualRevision(late.get().status()), "1");
}

TEST(Shards, RouteEveryAccountToItsOwnAndCountPositionsEach) {
  WholeLedger whole(4);
  std::vector<uint64_t> counts(4, 0);
  for (int i = 0; i < 40; ++i) {
    const std::string account = "account-" + std::to_string(i);
    const AppendAnswer answer = whole.MustAppend(Command(account, "r1", {Opened()}));
    EXPECT_EQ(answer.shard, whole.ledger().ShardOfAccount(account).number());
    EXPECT_EQ(answer.events.at(0).position, counts[answer.shard]++);
    EXPECT_EQ(answer.events.at(0).event_id,
              std::to_string(answer.shard) + "-" + std::to_string(answer.events.at(0).position));
  }
  for (uint32_t shard = 0; shard < 4; ++shard) {
    EXPECT_GT(counts[shard], 0u) << shard;
    EXPECT_EQ(whole.Records(shard).size(), counts[shard]);
  }
  EXPECT_EQ(whole.ledger().HeadCursor().next, counts);
}

}  // namespace
}  // namespace keyledger::testing

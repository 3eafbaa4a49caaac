// A review that a power loss interrupts anywhere goes on when the ledger is opened again, and comes to what it would
// have come to: the same cut-off, each account decided once.
#include <future>
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "server/domain/proto_time.h"
#include "tests/crash/shard/ledger_machine.h"
#include "tests/support/append_commands.h"
#include "tests/support/ranks_program.h"

namespace keyledger::testing {
namespace {

constexpr uint32_t kShards = 4;
constexpr int kAccounts = 12;

void Fill(LedgerMachine& machine) {
  ASSERT_TRUE(
      machine.ledger().Publish(RanksProgram({{"gold", "top_percent_milli: 50_000"}}), "program", "operator").ok());
  for (int i = 0; i < kAccounts; ++i) {
    const std::string id = fmt::format("a{}", i);
    std::promise<absl::Status> done;
    machine.ledger().Append(
        Command(id, "r", {Opened(kNewYear - kMicrosPerDay), Bought(10 + i, id, kNewYear - kMicrosPerDay)}),
        [&](absl::StatusOr<shard::AppendAnswer> answer) { done.set_value(answer.status()); });
    ASSERT_TRUE(done.get_future().get().ok());
  }
}

absl::Status Start(LedgerMachine& machine) {
  shard::ReviewRequest request;
  request.program_id = "ranks";
  request.as_of = kNewYear;
  request.request_id = "r1";
  request.digest = "digest";
  return machine.ledger().reviewer().Start(request).status();
}

struct Found {
  // Serialized ReviewStarted and ReviewCompleted, in order.
  std::vector<std::string> reviews;
  // Tiers assigned by the review.
  std::map<std::string, std::vector<std::string>> assigned;

  bool operator==(const Found&) const = default;
};

Found Look(LedgerMachine& machine) {
  Found found;
  for (uint32_t number = 0; number < kShards; ++number) {
    const store::ShardStore& store = machine.ledger().shard(number).store();
    auto records = store.ReadRecords(0, store.record_count());
    events::v1::EventRecord record;
    while (records->Next()) {
      EXPECT_TRUE(record.ParseFromString(std::string(records->bytes())));
      const events::v1::Event& event = record.event();
      if (event.has_review_started()) found.reviews.push_back(event.review_started().SerializeAsString());
      if (event.has_review_completed()) found.reviews.push_back(event.review_completed().SerializeAsString());
      if (event.has_tier_assigned() && !event.tier_assigned().review_id().empty()) {
        found.assigned[record.account_id()].push_back(event.tier_assigned().tier_id());
      }
    }
  }
  return found;
}

Found Uninterrupted() {
  LedgerMachine machine(kShards, 1);
  EXPECT_TRUE(machine.Open().ok());
  Fill(machine);
  EXPECT_TRUE(Start(machine).ok());
  machine.ledger().reviewer().WaitUntilIdle();
  return Look(machine);
}

TEST(PowerLossInAReview, LeavesWhatAnUninterruptedOneLeaves) {
  const Found wanted = Uninterrupted();
  ASSERT_EQ(wanted.reviews.size(), 2u);
  ASSERT_EQ(wanted.assigned.size(), 6u);
  int between = 0;
  bool cut = true;
  for (uint64_t operation = 1; cut; ++operation) {
    SCOPED_TRACE(fmt::format("power cut at operation {}", operation));
    std::mt19937_64 random(operation);
    LedgerMachine machine(kShards, operation);
    ASSERT_TRUE(machine.Open().ok());
    Fill(machine);
    machine.machine().CutPowerAfter(operation);
    const bool accepted = Start(machine).ok();
    machine.ledger().reviewer().WaitUntilIdle();
    cut = machine.machine().power_is_off();
    machine.Close();
    machine.machine().CutPower();
    machine.machine().Restore(random);

    const absl::Status opened = machine.Open();
    ASSERT_TRUE(opened.ok()) << opened;
    machine.ledger().reviewer().WaitUntilIdle();
    const Found left = Look(machine);
    if (accepted) {
      ASSERT_EQ(left, wanted) << "an accepted review is the ledger's to finish";
      between += cut ? 1 : 0;
    }
    // Asked for again, it is the same review, begun or not.
    ASSERT_TRUE(Start(machine).ok());
    machine.ledger().reviewer().WaitUntilIdle();
    ASSERT_EQ(Look(machine), wanted);
  }
  EXPECT_GE(between, 3);
}

}  // namespace
}  // namespace keyledger::testing

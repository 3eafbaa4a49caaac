// A merge of two accounts that a power loss interrupts anywhere comes to one of its two ends when the ledger is opened
// again: completed or returned, once, with all points where they belong and everything bought counted once.
#include <future>
#include <map>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/crash/shard/ledger_machine.h"
#include "tests/support/append_commands.h"

namespace keyledger::testing {
namespace {

constexpr uint32_t kShards = 4;
// a1 into a2, a3 into a4; a5 into a0, which is closed; a6 into an account that does not exist.
constexpr int kAccounts = 7;
constexpr int64_t kEach = 100;

std::string AccountId(int i) { return fmt::format("a{}", i); }

std::string IntoOf(int i) {
  const std::map<int, std::string> into = {{1, "a2"}, {3, "a4"}, {5, "a0"}, {6, "nobody"}};
  const auto found = into.find(i);
  return found == into.end() ? "" : found->second;
}

absl::Status AppendTo(LedgerMachine& machine, int i, const std::string& request_id,
                      std::vector<shard::SubmittedEvent> events) {
  std::promise<absl::Status> done;
  machine.ledger().Append(Command(AccountId(i), request_id, std::move(events)),
                          [&](absl::StatusOr<shard::AppendAnswer> answer) { done.set_value(answer.status()); });
  return done.get_future().get();
}

void Fill(LedgerMachine& machine) {
  for (int i = 0; i < kAccounts; ++i) {
    std::vector<shard::SubmittedEvent> events = {Opened(), Adjusted(kEach), Bought(10 + i, fmt::format("i{}", i))};
    if (i == 0) {
      events.push_back(Fact());
      events.back().event.mutable_account_closed()->set_reason("moved away");
    }
    ASSERT_TRUE(AppendTo(machine, i, "open", std::move(events)).ok());
  }
}

// All merges at once. Returns whose were acknowledged.
std::set<int> MergeAll(LedgerMachine& machine) {
  std::map<int, std::future<absl::Status>> outcomes;
  for (int i = 0; i < kAccounts; ++i) {
    if (IntoOf(i).empty()) continue;
    shard::SubmittedEvent fact = Fact();
    fact.event.mutable_account_merged()->set_into_account_id(IntoOf(i));
    fact.event.mutable_account_merged()->set_reason("entered twice");
    auto promise = std::make_shared<std::promise<absl::Status>>();
    outcomes[i] = promise->get_future();
    machine.ledger().Append(
        Command(AccountId(i), "merge", {fact}),
        [promise](absl::StatusOr<shard::AppendAnswer> answer) { promise->set_value(answer.status()); });
  }
  std::set<int> acknowledged;
  for (auto& [i, outcome] : outcomes) {
    if (outcome.get().ok()) acknowledged.insert(i);
  }
  return acknowledged;
}

std::vector<domain::AccountState> StatesOf(LedgerMachine& machine) {
  std::vector<domain::AccountState> states;
  for (int i = 0; i < kAccounts; ++i) {
    const auto state = machine.ledger().ShardOfAccount(AccountId(i)).ReadState(AccountId(i));
    EXPECT_TRUE(state.ok() && state->has_value()) << AccountId(i);
    states.push_back(state.ok() && state->has_value() ? **state : domain::AccountState());
  }
  return states;
}

// Merges that what is durable does not show the end of.
size_t UnderWay(LedgerMachine& machine) {
  size_t open = 0;
  for (const domain::AccountState& state : StatesOf(machine)) open += state.transfers.size();
  return open;
}

void Check(LedgerMachine& machine, const std::set<int>& acknowledged) {
  for (uint32_t number = 0; number < kShards; ++number) {
    EXPECT_TRUE(machine.ledger().shard(number).store().ListUnderWay("", 10)->empty());
  }
  const std::vector<domain::AccountState> states = StatesOf(machine);
  int64_t points = 0;
  int64_t micros = 0;
  for (const domain::AccountState& state : states) {
    EXPECT_TRUE(state.transfers.empty());
    points += state.available_points();
    for (const auto& [currency, series] : state.metrics) micros += series.bought_ever.micros;
  }
  EXPECT_EQ(points, kAccounts * kEach);
  // 10 + 11 + ... + 16, each once.
  EXPECT_EQ(micros, 91 * kUnit);
  for (const int source : {1, 3}) {
    const bool merged = states[source].merge.completed;
    EXPECT_TRUE(merged || !acknowledged.contains(source)) << AccountId(source) << " was acknowledged";
    EXPECT_EQ(states[source].lifecycle, merged ? domain::Lifecycle::kMerged : domain::Lifecycle::kOpen);
    const domain::AccountState& target = states[source + 1];
    EXPECT_EQ(target.absorbed, merged ? std::vector<std::string>{AccountId(source)} : std::vector<std::string>());
    EXPECT_EQ(target.available_points(), merged ? 2 * kEach : kEach);
    EXPECT_EQ(target.purchase_count, merged ? 2 : 1);
  }
  for (const int source : {5, 6}) {
    EXPECT_EQ(states[source].lifecycle, domain::Lifecycle::kOpen);
    EXPECT_EQ(states[source].available_points(), kEach);
  }
}

// What was bought on an account that ended comes back to the other, once.
void TakeBack(LedgerMachine& machine) {
  for (const int source : {1, 3}) {
    const std::vector<shard::SubmittedEvent> all = {Returned(10 + source, fmt::format("i{}", source))};
    const absl::Status taken = AppendTo(machine, source + 1, "return", all);
    EXPECT_TRUE(taken.ok()) << taken;
    EXPECT_EQ(ReasonOf(AppendTo(machine, source + 1, "return again", all)), Reason::kReturnExceedsPurchase);
  }
}

TEST(PowerLossInMerges, LeavesEachCompletedOrReturnedOnce) {
  int interrupted = 0;
  bool cut = true;
  for (uint64_t operation = 1; cut; ++operation) {
    SCOPED_TRACE(fmt::format("power cut at operation {}", operation));
    std::mt19937_64 random(operation);
    LedgerMachine machine(kShards, operation);
    ASSERT_TRUE(machine.Open().ok());
    Fill(machine);
    machine.machine().CutPowerAfter(operation);
    std::set<int> acknowledged = MergeAll(machine);
    machine.ledger().courier().WaitUntilSettled();
    cut = machine.machine().power_is_off();
    interrupted += UnderWay(machine) > 0 ? 1 : 0;
    machine.Close();
    machine.machine().CutPower();
    machine.machine().Restore(random);

    const absl::Status opened = machine.Open();
    ASSERT_TRUE(opened.ok()) << opened;
    machine.ledger().courier().WaitUntilSettled();
    Check(machine, acknowledged);
    // The client repeats what it has no answer for.
    acknowledged = MergeAll(machine);
    EXPECT_EQ(acknowledged, (std::set<int>{1, 3, 5, 6}));
    machine.ledger().courier().WaitUntilSettled();
    Check(machine, acknowledged);
    TakeBack(machine);
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GE(interrupted, 1);
}

}  // namespace
}  // namespace keyledger::testing

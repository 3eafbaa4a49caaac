// Transfers of points that a power loss interrupts anywhere come to one of their two ends when the ledger is opened
// again: completed or returned, once, with all points where they belong.
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
constexpr int kAccounts = 6;
constexpr int64_t kEach = 100;
// Sent by every account to the next two, one of which is closed, and to one that does not exist.
constexpr int64_t kFirst = 30;
constexpr int64_t kSecond = 20;
constexpr int64_t kNobody = 10;

std::string AccountId(int i) { return fmt::format("a{}", i % kAccounts); }

shard::SubmittedEvent Sent(const std::string& id, const std::string& to, int64_t points) {
  shard::SubmittedEvent fact = Fact();
  auto& sent = *fact.event.mutable_points_transfer_sent();
  sent.set_transfer_id(id);
  sent.set_to_account_id(to);
  sent.set_points(points);
  return fact;
}

void Fill(LedgerMachine& machine) {
  for (int i = 0; i < kAccounts; ++i) {
    std::vector<shard::SubmittedEvent> events = {Opened(), Adjusted(kEach)};
    if (i == 0) {
      // Its own points it can no longer send.
      events.push_back(Fact());
      events.back().event.mutable_account_closed()->set_reason("moved away");
    }
    std::promise<absl::Status> done;
    machine.ledger().Append(Command(AccountId(i), "open", std::move(events)),
                            [&](absl::StatusOr<shard::AppendAnswer> answer) { done.set_value(answer.status()); });
    ASSERT_TRUE(done.get_future().get().ok());
  }
}

// Every open account sends three times, all at once. Returns what was acknowledged, as sender and id.
std::set<std::string> SendAll(LedgerMachine& machine) {
  std::map<std::string, std::future<absl::Status>> outcomes;
  for (int i = 1; i < kAccounts; ++i) {
    const auto send = [&](const std::string& id, const std::string& to, int64_t points) {
      auto promise = std::make_shared<std::promise<absl::Status>>();
      outcomes[AccountId(i) + " " + id] = promise->get_future();
      machine.ledger().Append(
          Command(AccountId(i), "send " + id, {Sent(id, to, points)}),
          [promise](absl::StatusOr<shard::AppendAnswer> answer) { promise->set_value(answer.status()); });
    };
    send("first", AccountId(i + 1), kFirst);
    send("second", AccountId(i + 2), kSecond);
    send("nobody", fmt::format("nobody{}", i), kNobody);
  }
  std::set<std::string> acknowledged;
  for (auto& [name, outcome] : outcomes) {
    if (outcome.get().ok()) acknowledged.insert(name);
  }
  return acknowledged;
}

struct Found {
  // By sender and id.
  std::map<std::string, int64_t> sent;
  std::map<std::string, int64_t> received;
  std::map<std::string, int64_t> completed;
  std::map<std::string, std::string> returned;
  // Over all accounts.
  int64_t available = 0;
};

// Points in transit by what is durable.
int64_t InTransit(LedgerMachine& machine) {
  int64_t points = 0;
  for (int i = 0; i < kAccounts; ++i) {
    const auto state = machine.ledger().ShardOfAccount(AccountId(i)).ReadState(AccountId(i));
    if (state.ok() && state->has_value()) points += (*state)->points_in_transit();
  }
  return points;
}

Found Look(LedgerMachine& machine) {
  Found found;
  for (uint32_t number = 0; number < kShards; ++number) {
    const store::ShardStore& store = machine.ledger().shard(number).store();
    EXPECT_TRUE(store.ListUnderWay("", 10)->empty());
    auto records = store.ReadRecords(0, store.record_count());
    events::v1::EventRecord record;
    while (records->Next()) {
      EXPECT_TRUE(record.ParseFromString(std::string(records->bytes())));
      const events::v1::Event& event = record.event();
      const auto once = [&](auto& map, const std::string& name, auto value) {
        EXPECT_TRUE(map.emplace(name, value).second) << name << " twice";
      };
      if (event.has_points_transfer_sent()) {
        once(found.sent, record.account_id() + " " + event.points_transfer_sent().transfer_id(),
             event.points_transfer_sent().points());
      } else if (event.has_points_transfer_received()) {
        const auto& received = event.points_transfer_received();
        once(found.received, received.from_account_id() + " " + received.transfer_id(), received.points());
      } else if (event.has_points_transfer_completed()) {
        once(found.completed, record.account_id() + " " + event.points_transfer_completed().transfer_id(),
             event.points_transfer_completed().points());
      } else if (event.has_points_transfer_returned()) {
        once(found.returned, record.account_id() + " " + event.points_transfer_returned().transfer_id(),
             event.points_transfer_returned().refusal());
      }
    }
  }
  for (int i = 0; i < kAccounts; ++i) {
    const auto state = machine.ledger().ShardOfAccount(AccountId(i)).ReadState(AccountId(i));
    EXPECT_TRUE(state.ok() && state->has_value());
    found.available += (*state)->available_points();
  }
  return found;
}

void Check(const Found& found, const std::set<std::string>& acknowledged) {
  EXPECT_EQ(found.available, kAccounts * kEach);
  for (const std::string& name : acknowledged) EXPECT_TRUE(found.sent.contains(name)) << name << " was acknowledged";
  EXPECT_EQ(found.completed, found.received);
  EXPECT_EQ(found.sent.size(), found.completed.size() + found.returned.size());
  for (const auto& [name, points] : found.sent) {
    const auto completed = found.completed.find(name);
    const bool arrived = completed != found.completed.end();
    EXPECT_NE(arrived, found.returned.contains(name)) << name << " has not one end";
    EXPECT_EQ(arrived ? completed->second : points, points);
  }
  for (const auto& [name, refusal] : found.returned) {
    EXPECT_EQ(refusal, name.ends_with("nobody") ? "ACCOUNT_NOT_FOUND" : "ACCOUNT_CLOSED") << name;
  }
}

TEST(PowerLossInTransfers, LeavesEachCompletedOrReturnedOnce) {
  int interrupted = 0;
  bool cut = true;
  for (uint64_t operation = 1; cut; ++operation) {
    SCOPED_TRACE(fmt::format("power cut at operation {}", operation));
    std::mt19937_64 random(operation);
    LedgerMachine machine(kShards, operation);
    ASSERT_TRUE(machine.Open().ok());
    Fill(machine);
    machine.machine().CutPowerAfter(operation);
    std::set<std::string> acknowledged = SendAll(machine);
    machine.ledger().courier().WaitUntilSettled();
    cut = machine.machine().power_is_off();
    interrupted += InTransit(machine) > 0 ? 1 : 0;
    machine.Close();
    machine.machine().CutPower();
    machine.machine().Restore(random);

    const absl::Status opened = machine.Open();
    ASSERT_TRUE(opened.ok()) << opened;
    machine.ledger().courier().WaitUntilSettled();
    EXPECT_EQ(InTransit(machine), 0);
    Check(Look(machine), acknowledged);
    // The client repeats what it has no answer for.
    acknowledged = SendAll(machine);
    EXPECT_EQ(acknowledged.size(), 3u * (kAccounts - 1));
    machine.ledger().courier().WaitUntilSettled();
    const Found all = Look(machine);
    Check(all, acknowledged);
    EXPECT_EQ(all.sent.size(), 3u * (kAccounts - 1));
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GE(interrupted, 1);
}

}  // namespace
}  // namespace keyledger::testing

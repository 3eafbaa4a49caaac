// A transfer of a portfolio that a power loss interrupts anywhere goes on when the ledger is opened again: every
// account goes over once, and nothing else does.
#include <future>
#include <map>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/crash/shard/ledger_machine.h"
#include "tests/support/append_commands.h"

namespace keyledger::testing {
namespace {

constexpr uint32_t kShards = 2;
constexpr int kAccounts = 6;

// Four accounts of ann, two of carl.
void Fill(LedgerMachine& machine) {
  for (int i = 0; i < kAccounts; ++i) {
    shard::SubmittedEvent opened = Opened(kToday - kMicrosPerDay);
    opened.event.mutable_account_opened()->set_owner(i % 3 == 0 ? "carl" : "ann");
    std::promise<absl::Status> done;
    machine.ledger().Append(Command(fmt::format("a{}", i), "r", {opened}),
                            [&](absl::StatusOr<shard::AppendAnswer> answer) { done.set_value(answer.status()); });
    ASSERT_TRUE(done.get_future().get().ok());
  }
}

absl::Status Start(LedgerMachine& machine) {
  shard::PortfolioRequest request;
  request.from_person = "ann";
  request.to_person = "bob";
  request.reason = events::v1::OWNER_CHANGE_REASON_DEPARTED;
  request.transfer_time = kToday;
  request.request_id = "r1";
  request.digest = "digest";
  return machine.ledger().portfolio().Start(request).status();
}

// Until the transfer is over, or nothing goes any more.
void Settle(LedgerMachine& machine) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!machine.machine().power_is_off()) {
    const auto status = machine.ledger().portfolio().Get("portfolio-1");
    if (!status.ok() || status->phase == shard::PortfolioPhase::kCompleted) return;
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << status->detail;
    std::this_thread::yield();
  }
}

struct Found {
  // "started completed".
  std::string own;
  // By account: to whom it went.
  std::map<std::string, std::vector<std::string>> transferred;

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
      if (event.has_portfolio_transfer_started()) found.own += "started ";
      if (event.has_portfolio_transfer_completed()) {
        found.own += fmt::format("completed {} {} {}", event.portfolio_transfer_completed().transferred(),
                                 event.portfolio_transfer_completed().overtaken(),
                                 event.portfolio_transfer_completed().undecided());
      }
      if (event.has_owner_transferred()) {
        found.transferred[record.account_id()].push_back(event.owner_transferred().to_person());
      }
    }
  }
  return found;
}

TEST(PowerLossInAPortfolio, LeavesEveryAccountTransferredOnce) {
  const Found wanted{"started completed 4 0 0", {{"a1", {"bob"}}, {"a2", {"bob"}}, {"a4", {"bob"}}, {"a5", {"bob"}}}};
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
    Settle(machine);
    cut = machine.machine().power_is_off();
    machine.Close();
    machine.machine().CutPower();
    machine.machine().Restore(random);

    const absl::Status opened = machine.Open();
    ASSERT_TRUE(opened.ok()) << opened;
    Settle(machine);
    if (accepted) {
      ASSERT_EQ(Look(machine), wanted) << "an accepted transfer is the ledger's to finish";
      between += cut ? 1 : 0;
    }
    // Asked for again, it is the same transfer, begun or not.
    ASSERT_TRUE(Start(machine).ok());
    Settle(machine);
    ASSERT_EQ(Look(machine), wanted);
  }
  EXPECT_GE(between, 3);
}

}  // namespace
}  // namespace keyledger::testing

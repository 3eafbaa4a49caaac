// An erasure that a power loss interrupts is completed when the ledger is opened again, by itself, and is certified as
// it would have been.
#include <atomic>
#include <functional>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "server/shard/privacy.h"
#include "tests/crash/shard/ledger_machine.h"

namespace keyledger::testing {
namespace {

constexpr uint32_t kShards = 3;
constexpr char kRow[] = "erasure.open";

// A vault that a power loss leaves as it is: what it has erased is erased.
struct FakeVault {
  std::set<std::string> erased;
  // Called before and after a key is destroyed.
  std::function<void()> before = [] {};
  std::function<void()> after = [] {};
};

// The ledger of a machine with a register of its own.
class ErasingLedger {
 public:
  explicit ErasingLedger(uint64_t seed) : machine_(kShards, seed) {}
  ~ErasingLedger() { Close(); }

  absl::Status Open() {
    KL_RETURN_IF_ERROR(machine_.Open());
    shard::Ledger& ledger = machine_.ledger();
    std::vector<shard::Shard*> shards;
    std::vector<projections::Engine*> engines;
    for (uint32_t number = 0; number < kShards; ++number) {
      shards.push_back(&ledger.shard(number));
      engines.push_back(&ledger.engine(number));
    }
    shard::PrivacyOptions options;
    options.ledger_id = ledger.ledger_id();
    options.destroy_key = [this](const std::string& subject_id) -> absl::Status {
      vault.before();
      if (machine_.machine().power_is_off()) return absl::UnavailableError("the power is off");
      vault.erased.insert(subject_id);
      vault.after();
      return absl::OkStatus();
    };
    options.sign = [](uint32_t, const std::string& text) { return absl::StatusOr<std::string>(text + "signed"); };
    privacy_ = std::make_unique<shard::Privacy>(std::move(shards), std::move(engines), std::move(options));
    return privacy_->Open();
  }
  void Close() {
    if (privacy_ == nullptr) return;
    machine_.ledger().Stop();
    privacy_.reset();
    machine_.Close();
  }
  // As a power loss now, and the next start of the machine.
  void LosePower(std::mt19937_64& random) {
    machine_.machine().CutPower();
    Close();
    machine_.machine().Restore(random);
  }

  absl::StatusOr<shard::Erasure> Erase(std::chrono::milliseconds patience = std::chrono::seconds(60)) {
    return privacy_->Erase({"r1", "officer", "digest", "person-1", "asked for it"},
                           std::chrono::steady_clock::now() + patience);
  }
  std::string Row() {
    const auto row = machine_.ledger().shard(0).store().GetMeta(kRow);
    EXPECT_TRUE(row.ok()) << row.status();
    return row.ok() ? row->value_or("") : "";
  }
  // Records of SubjectErased on each shard.
  std::vector<int> ErasedRecords() {
    std::vector<int> counts;
    for (uint32_t number = 0; number < kShards; ++number) {
      const store::ShardStore& store = machine_.ledger().shard(number).store();
      const auto records = store.ReadStream("$privacy", 0, store.record_count(), false);
      counts.push_back(0);
      while (records->Next()) ++counts.back();
      EXPECT_TRUE(records->status().ok()) << records->status();
    }
    return counts;
  }
  LedgerMachine& machine() { return machine_; }

  FakeVault vault;

 private:
  LedgerMachine machine_;
  std::unique_ptr<shard::Privacy> privacy_;
};

void WaitUntilRowIsClear(ErasingLedger& ledger) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!ledger.Row().empty() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  ASSERT_EQ(ledger.Row(), "");
}

// After a power loss: opens again and sees that what was begun is completed by itself. Returns whether something was.
bool ExpectCompletion(ErasingLedger& ledger, const std::string& certificate) {
  const absl::Status opened = ledger.Open();
  EXPECT_TRUE(opened.ok()) << opened;
  if (!opened.ok()) return false;
  // A row means that it was begun; the register may have cleared it already.
  const bool begun = !ledger.Row().empty() || ledger.ErasedRecords()[0] > 0;
  WaitUntilRowIsClear(ledger);
  if (begun || !certificate.empty()) {
    EXPECT_EQ(ledger.vault.erased, std::set<std::string>{"person-1"});
    EXPECT_EQ(ledger.ErasedRecords(), (std::vector<int>{1, 1, 1}));
  }
  const auto erasure = ledger.Erase();
  EXPECT_TRUE(erasure.ok()) << erasure.status();
  if (erasure.ok() && !certificate.empty()) {
    EXPECT_EQ(erasure->certificate, certificate);
  }
  EXPECT_EQ(ledger.vault.erased, std::set<std::string>{"person-1"});
  EXPECT_EQ(ledger.ErasedRecords(), (std::vector<int>{1, 1, 1}));
  EXPECT_EQ(ledger.Row(), "");
  return begun;
}

TEST(PowerLossInAnErasure, AtAnyWriteLeavesWhatTheNextStartCompletes) {
  int completed = 0;
  int acknowledged_then_lost = 0;
  bool cut = true;
  for (uint64_t operation = 1; cut; ++operation) {
    SCOPED_TRACE(fmt::format("power cut at operation {}", operation));
    std::mt19937_64 random(operation);
    ErasingLedger ledger(operation);
    ASSERT_TRUE(ledger.Open().ok());
    ledger.machine().Send(ledger.machine().Make(20));
    ledger.machine().machine().CutPowerAfter(operation);
    const auto erasure = ledger.Erase();
    cut = ledger.machine().machine().power_is_off();
    ASSERT_TRUE(erasure.ok() || cut) << erasure.status();
    // Whoever was answered can rely on it that the key is gone.
    if (erasure.ok()) {
      ASSERT_TRUE(ledger.vault.erased.contains("person-1"));
      acknowledged_then_lost += 1;
    }
    ledger.LosePower(random);
    completed += ExpectCompletion(ledger, erasure.ok() ? erasure->certificate : "") && !erasure.ok() ? 1 : 0;
    ASSERT_FALSE(HasFailure());
    ledger.machine().Send(ledger.machine().Unanswered());
    ledger.machine().Send(ledger.machine().Make(20));
    ASSERT_EQ(ledger.machine().Check(), "");
    ASSERT_EQ(ledger.machine().CheckProjections(), "");
  }
  EXPECT_GE(completed, 3);
  EXPECT_GE(acknowledged_then_lost, 1);
}

TEST(PowerLossInAnErasure, AroundTheKeysDestructionLeavesWhatTheNextStartCompletes) {
  for (const bool before : {true, false}) {
    SCOPED_TRACE(before);
    std::mt19937_64 random(7);
    ErasingLedger ledger(7);
    ASSERT_TRUE(ledger.Open().ok());
    const auto cut = [&ledger] { ledger.machine().machine().CutPower(); };
    (before ? ledger.vault.before : ledger.vault.after) = cut;
    EXPECT_FALSE(ledger.Erase().ok());
    EXPECT_EQ(ledger.vault.erased.size(), before ? 0u : 1u);
    ledger.LosePower(random);
    ledger.vault.before = [] {};
    ledger.vault.after = [] {};
    EXPECT_TRUE(ExpectCompletion(ledger, ""));
  }
}

// The power goes again and again, at the n-th write of each start: each gets a little further, and one completes it.
TEST(PowerLossInAnErasure, DuringItsCompletionTooIsMadeUpFor) {
  std::mt19937_64 random(11);
  ErasingLedger ledger(11);
  ASSERT_TRUE(ledger.Open().ok());
  ledger.vault.after = [&ledger] { ledger.machine().machine().CutPower(); };
  EXPECT_FALSE(ledger.Erase().ok());
  ledger.LosePower(random);
  ledger.vault.after = [] {};
  int interrupted = 0;
  for (uint64_t operation = 1;; ++operation) {
    // Every projection adds to the writes of a start.
    ASSERT_LT(operation, 400u);
    ledger.machine().machine().CutPowerAfter(operation);
    const bool opened = ledger.Open().ok();
    // Completes by itself, or the power goes.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (opened && !ledger.machine().machine().power_is_off() && !ledger.Row().empty() &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    const bool cut = ledger.machine().machine().power_is_off();
    if (!cut) {
      EXPECT_TRUE(opened);
      ledger.Close();
      break;
    }
    interrupted += 1;
    ledger.LosePower(random);
  }
  EXPECT_GE(interrupted, 3);
  ledger.LosePower(random);
  EXPECT_TRUE(ExpectCompletion(ledger, ""));
}

}  // namespace
}  // namespace keyledger::testing

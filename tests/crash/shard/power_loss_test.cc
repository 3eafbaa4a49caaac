// Power losses at random operations of the file system under a whole ledger: what was acknowledged is there afterwards,
// and everything derived from it is what it would be without them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/crash/shard/ledger_machine.h"

namespace keyledger::testing {
namespace {

constexpr int kRounds = 12;
constexpr int kLivesPerRound = 4;
constexpr uint32_t kShards = 2;

// What a request may come to while the power may go: an answer, or no more than the doubt that the ledger admits.
bool IsExpected(Reason reason) {
  return reason == Reason::kUnspecified || reason == Reason::kInsufficientPoints ||
         reason == Reason::kCommitOutcomeUnknown || reason == Reason::kShardReadOnly;
}

// From opening to the end of the power.
void Live(LedgerMachine& ledger, std::mt19937_64& random) {
  if (const absl::Status opened = ledger.Open(); !opened.ok()) {
    // Only because the power went: nothing a power loss leaves behind is damage.
    ASSERT_TRUE(ledger.machine().power_is_off()) << opened;
    return;
  }
  ASSERT_EQ(ledger.Check(), "");
  const absl::Status published = ledger.PublishExample();
  ASSERT_TRUE(published.ok() || ledger.machine().power_is_off()) << published;
  std::vector<Sent> requests = ledger.Unanswered();
  while (published.ok()) {
    for (const auto& [reason, count] : ledger.Send(requests)) {
      ASSERT_TRUE(IsExpected(reason)) << static_cast<int>(reason);
    }
    ASSERT_EQ(ledger.wrong_answer(), "");
    if (ledger.machine().power_is_off()) break;
    if (random() % 8 == 0) static_cast<void>(ledger.ledger().SweepNow());
    requests = ledger.Make(1 + random() % 60);
  }
  ledger.Close();
}

TEST(PowerLossUnderALedger, LosesNothingAcknowledgedAndChangesNothingDerived) {
  const uint64_t seed = CrashSeed();
  uint64_t answered = 0;
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE(fmt::format("KEYLEDGER_SEED={} round {}", seed, round));
    std::mt19937_64 random(seed + static_cast<uint64_t>(round));
    LedgerMachine ledger(kShards, random());
    for (int life = 0; life < kLivesPerRound; ++life) {
      ledger.machine().CutPowerAfter(1 + random() % (random() % 3 == 0 ? 150 : 600));
      ASSERT_NO_FATAL_FAILURE(Live(ledger, random));
      ledger.machine().CutPower();
      ledger.machine().Restore(random);
    }
    const absl::Status opened = ledger.Open();
    ASSERT_TRUE(opened.ok()) << opened;
    ASSERT_EQ(ledger.Check(), "");
    ASSERT_TRUE(ledger.PublishExample().ok());
    ledger.Send(ledger.Unanswered());
    ledger.Send(ledger.Make(50));
    ASSERT_TRUE(ledger.Unanswered().empty());
    ASSERT_EQ(ledger.Check(), "");
    ASSERT_EQ(ledger.CheckProjections(), "");
    answered += ledger.answered();
  }
  fmt::print("KEYLEDGER_SEED={}: {} rounds of {} power losses, {} answers\n", seed, kRounds, kLivesPerRound, answered);
  EXPECT_GT(answered, 1'000u);
}

}  // namespace
}  // namespace keyledger::testing

// The signing key: who may read it, what is refused, and its rotation, whole and interrupted anywhere.
#include <set>
#include <string>
#include <vector>

#include "tests/unit/shard/checkpoint_fixture.h"

namespace keyledger::testing {
namespace {

namespace fs = std::filesystem;

TEST(SigningKeyFile, IsRefusedIfOthersMayUseIt) {
  CheckpointedLedger ledger;
  ledger.MustOpen();
  ledger.Close();
  for (const auto perms :
       {fs::perms::group_read, fs::perms::others_read, fs::perms::group_write, fs::perms::others_exec}) {
    fs::permissions(ledger.key_file(), fs::perms::owner_read | fs::perms::owner_write | perms);
    const absl::Status refused = ledger.Open();
    EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(MessageOf(refused).find("chmod 600"), std::string::npos) << refused;
  }
  fs::permissions(ledger.key_file(), fs::perms::owner_read | fs::perms::owner_write);
  ledger.MustOpen();
}

TEST(SigningKeyFile, IsMissedOnceTheLedgerHasSigned) {
  CheckpointedLedger ledger;
  ledger.MustOpen();
  ledger.Close();
  fs::remove(ledger.key_file());
  const absl::Status refused = ledger.Open();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(MessageOf(refused).find("keys/signing.pem is missing, though the ledger has signed with it"),
            std::string::npos)
      << refused;
  // Also without checkpoints: the log names the key.
  fs::remove_all(ledger.file("checkpoints"));
  ledger.options().checkpoints->accept_missing = true;
  EXPECT_EQ(ledger.Open().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(fs::exists(ledger.key_file()));
}

TEST(SigningKeyFile, MustBeTheOneTheLogNames) {
  CheckpointedLedger ledger;
  ledger.MustOpen();
  const std::string key = ledger.keeper().verifier_keys(0)[0].Format();
  ledger.Close();
  const std::string own = FileText(ledger.key_file());
  WriteText(ledger.key_file(), merkle::SigningKey::Generate().ToPem());
  const absl::Status refused = ledger.Open();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(MessageOf(refused).find("is not the signing key that shard 0 published last (" + key + ")"),
            std::string::npos)
      << refused;
  WriteText(ledger.key_file(), "garbage");
  EXPECT_EQ(ReasonOf(ledger.Open()), Reason::kStoreDamaged);
  WriteText(ledger.key_file(), own);
  ledger.MustOpen();
}

TEST(RotateKey, RecordsTheNewKeyHasTheOldOneCoverItAndDestroysThat) {
  CheckpointedLedger ledger(2);
  ledger.MustOpen();
  const std::string old_pem = FileText(ledger.key_file());
  const std::vector<merkle::VerifierKey> old_keys = {ledger.keeper().verifier_keys(0)[0],
                                                     ledger.keeper().verifier_keys(1)[0]};
  ledger.Grow(5);
  const auto rotated = ledger.keeper().RotateKey("rotation-1", "yearly", "an officer");
  ASSERT_TRUE(rotated.ok()) << rotated.status();
  ASSERT_EQ(rotated->size(), 2u);
  for (uint32_t shard = 0; shard < 2; ++shard) {
    const auto keys = ledger.keeper().keys(shard);
    ASSERT_EQ(keys.size(), 2u);
    EXPECT_EQ(keys[0].key, old_keys[shard]);
    EXPECT_FALSE(keys[0].current);
    EXPECT_TRUE(keys[1].current);
    EXPECT_EQ(keys[1].key, (*rotated)[shard].key);
    EXPECT_EQ(keys[1].position, (*rotated)[shard].position);
    const auto record = RecordsOf(ledger.ledger().shard(shard).store())[keys[1].position];
    EXPECT_EQ(record.event().signing_key_published().replaced_verifier_key(), old_keys[shard].Format());
    EXPECT_EQ(record.event().signing_key_published().reason(), "yearly");
    EXPECT_EQ(record.actor(), "an officer");
    // The last checkpoint of the old key bears both signatures.
    EXPECT_EQ(
        merkle::OpenNote(ledger.keeper().Latest(shard)->note, ledger.keeper().verifier_keys(shard))->verified.size(),
        2u);
    EXPECT_EQ(ledger.CheckHistory(shard), "");
  }
  EXPECT_NE(FileText(ledger.key_file()), old_pem);
  EXPECT_FALSE(fs::exists(ledger.file("keys/signing.next.pem")));
  EXPECT_FALSE(fs::exists(ledger.file("keys/rotation")));
  ledger.Grow(3);
  const auto published = ledger.MustPublish();
  EXPECT_EQ(merkle::OpenNote(published.note, ledger.keeper().verifier_keys(0))->verified,
            (std::vector<merkle::VerifierKey>{ledger.keeper().verifier_keys(0)[1]}));
  ledger.Close();
  ledger.MustOpen();
  EXPECT_EQ(ledger.CheckHistory(0), "");
}

TEST(RotateKey, RepeatedGivesTheFirstResultAlsoAfterALaterOne) {
  CheckpointedLedger ledger(2);
  ledger.MustOpen();
  const auto first = ledger.keeper().RotateKey("rotation-1", "yearly", "");
  ASSERT_TRUE(first.ok()) << first.status();
  const auto repeated = ledger.keeper().RotateKey("rotation-1", "yearly", "");
  ASSERT_TRUE(repeated.ok()) << repeated.status();
  EXPECT_EQ((*repeated)[0].key, (*first)[0].key);
  EXPECT_TRUE((*repeated)[0].current);
  EXPECT_EQ(ledger.keeper().keys(0).size(), 2u);
  ASSERT_TRUE(ledger.keeper().RotateKey("rotation-2", "yearly", "").ok());
  const auto later = ledger.keeper().RotateKey("rotation-1", "yearly", "");
  ASSERT_TRUE(later.ok()) << later.status();
  EXPECT_EQ((*later)[1].key, (*first)[1].key);
  EXPECT_FALSE((*later)[1].current);
  EXPECT_EQ(ledger.keeper().keys(1).size(), 3u);
  EXPECT_EQ(ReasonOf(ledger.keeper().RotateKey("rotation-1", "another reason", "").status()), Reason::kRequestIdReused);
  EXPECT_EQ(ledger.CheckHistory(1), "");
}

TEST(RotateKey, InterruptedAtAnyStepIsCompletedAtTheNextStartOrNotBegun) {
  size_t completed = 0;
  size_t steps = 0;
  for (size_t at = 0;; ++at) {
    SCOPED_TRACE(fmt::format("crash before step {}", at));
    CheckpointedLedger ledger(2);
    ledger.MustOpen();
    ledger.Grow(4);
    ledger.CrashAfterSteps(at);
    const auto interrupted = ledger.keeper().RotateKey("rotation", "a reason\nof two lines", "an officer");
    if (!ledger.crashed()) {
      ASSERT_TRUE(interrupted.ok()) << interrupted.status();
      steps = at;
      break;
    }
    ledger.Recover();
    ledger.MustOpen();
    const size_t keys = ledger.keeper().keys(0).size();
    completed += keys == 2 ? 1 : 0;
    for (uint32_t shard = 0; shard < 2; ++shard) {
      EXPECT_EQ(ledger.keeper().keys(shard).size(), keys);
      EXPECT_TRUE(ledger.keeper().keys(shard).back().current);
      EXPECT_EQ(ledger.CheckHistory(shard), "");
    }
    // The caller had no answer and asks again: one rotation, whatever was done of it.
    const auto repeated = ledger.keeper().RotateKey("rotation", "a reason\nof two lines", "an officer");
    ASSERT_TRUE(repeated.ok()) << repeated.status();
    EXPECT_EQ(ledger.keeper().keys(0).size(), 2u);
    EXPECT_EQ((*repeated)[1].key, ledger.keeper().keys(1)[1].key);
    EXPECT_FALSE(fs::exists(ledger.file("keys/signing.next.pem")));
    EXPECT_FALSE(fs::exists(ledger.file("keys/rotation")));
    ledger.Grow(1);
    ledger.Close();
    ledger.MustOpen();
    for (uint32_t shard = 0; shard < 2; ++shard) EXPECT_EQ(ledger.CheckHistory(shard), "");
  }
  // Beginning, two records, two checkpoints of two steps, the switch, the cleaning: all but the first leave a rotation
  // under way.
  EXPECT_EQ(steps, 9u);
  EXPECT_EQ(completed, 8u);
}

// The new key has been put in place, and what made that durable failed.
TEST(RotateKey, WhoseSwitchEndedWithAnErrorSignsWithTheNewKeyOnceRepeated) {
  CheckpointedLedger ledger;
  bool fails = true;
  ledger.options().checkpoints->before_step = [&](std::string_view step) -> absl::Status {
    if (step != "switch key" || !fails) return absl::OkStatus();
    fs::rename(ledger.file("keys/signing.next.pem"), ledger.key_file());
    return absl::UnavailableError("the directory cannot be synced");
  };
  ledger.MustOpen();
  const merkle::VerifierKey old_key = ledger.keeper().verifier_keys(0)[0];
  ledger.Grow(2);
  EXPECT_EQ(ledger.keeper().RotateKey("rotation", "yearly", "").status().code(), absl::StatusCode::kUnavailable);
  fails = false;
  const auto repeated = ledger.keeper().RotateKey("rotation", "yearly", "");
  ASSERT_TRUE(repeated.ok()) << repeated.status();
  EXPECT_NE((*repeated)[0].key, old_key);
  EXPECT_TRUE((*repeated)[0].current);
  ASSERT_EQ(ledger.keeper().keys(0).size(), 2u);
  EXPECT_FALSE(fs::exists(ledger.file("keys/rotation")));
  ledger.Grow(1);
  EXPECT_EQ(merkle::OpenNote(ledger.MustPublish().note, ledger.keeper().verifier_keys(0))->verified,
            (std::vector<merkle::VerifierKey>{(*repeated)[0].key}));
  ledger.Close();
  ledger.MustOpen();
  EXPECT_EQ(ledger.CheckHistory(0), "");
}

TEST(RotateKey, DoesNotTakeAKeyThatTheLogDoesNotName) {
  CheckpointedLedger ledger;
  ledger.MustOpen();
  const std::string own = FileText(ledger.key_file());
  WriteText(ledger.key_file(), merkle::SigningKey::Generate().ToPem());
  const absl::Status refused = ledger.keeper().RotateKey("rotation", "yearly", "").status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(MessageOf(refused).find("is not the signing key that shard 0 published last"), std::string::npos)
      << refused;
  WriteText(ledger.key_file(), own);
  EXPECT_TRUE(ledger.keeper().RotateKey("rotation", "yearly", "").ok());
}

TEST(RotateKey, WithARequestButNoKeyWrittenHasNotBegun) {
  CheckpointedLedger ledger;
  ledger.MustOpen();
  ledger.Close();
  WriteText(ledger.file("keys/rotation"), "cm90YXRpb24=\n\n\n");
  ledger.MustOpen();
  EXPECT_EQ(ledger.keeper().keys(0).size(), 1u);
  EXPECT_FALSE(fs::exists(ledger.file("keys/rotation")));
}

TEST(RotateKey, WithAKeyButADamagedRequestIsRefused) {
  CheckpointedLedger ledger;
  ledger.MustOpen();
  ledger.Close();
  for (const std::string text : {"", "cm90YXRpb24=\n\n", "*\n\n\n"}) {
    WriteText(ledger.file("keys/rotation"), text);
    WriteText(ledger.file("keys/signing.next.pem"), merkle::SigningKey::Generate().ToPem());
    fs::permissions(ledger.file("keys/signing.next.pem"), fs::perms::owner_read);
    const absl::Status refused = ledger.Open();
    EXPECT_EQ(ReasonOf(refused), Reason::kStoreDamaged);
    EXPECT_NE(MessageOf(refused).find("keys/rotation cannot be understood"), std::string::npos) << refused;
  }
}

TEST(RotateKey, GoesOnBesideAppendsAndPublications) {
  CheckpointedLedger ledger(2);
  ledger.options().checkpoints->interval = std::chrono::milliseconds(1);
  ledger.options().checkpoints->before_step = nullptr;
  ledger.MustOpen();
  std::thread writer([&] { ledger.Grow(300); });
  std::thread publisher([&] {
    for (int i = 0; i < 50; ++i) ledger.MustPublish(static_cast<uint32_t>(i % 2));
  });
  for (int i = 0; i < 5; ++i) {
    const auto rotated = ledger.keeper().RotateKey(fmt::format("rotation-{}", i), "often", "");
    ASSERT_TRUE(rotated.ok()) << rotated.status();
  }
  writer.join();
  publisher.join();
  for (uint32_t shard = 0; shard < 2; ++shard) {
    EXPECT_EQ(ledger.keeper().keys(shard).size(), 6u);
    EXPECT_EQ(ledger.CheckHistory(shard), "");
  }
  ledger.Close();
  ledger.MustOpen();
  EXPECT_EQ(ledger.CheckHistory(0), "");
}

}  // namespace
}  // namespace keyledger::testing

// Checkpoints: published outside the database, held against the log at every start, whatever became of the files.
#include <sys/stat.h>

#include <string>
#include <vector>

#include "server/merkle/base64.h"
#include "tests/unit/shard/checkpoint_fixture.h"

namespace keyledger::testing {
namespace {

namespace fs = std::filesystem;

void CopyTree(const std::string& from, const std::string& to) {
  fs::remove_all(to);
  fs::copy(from, to, fs::copy_options::recursive);
}

TEST(FirstStart, MakesAKeyThatOnlyItsOwnerReadsAndRecordsItOnEveryShard) {
  CheckpointedLedger ledger(3);
  ledger.MustOpen();
  struct stat status {};
  ASSERT_EQ(::stat(ledger.key_file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  ASSERT_EQ(::stat(ledger.file("keys").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700u);
  for (uint32_t shard = 0; shard < 3; ++shard) {
    const auto records = RecordsOf(ledger.ledger().shard(shard).store());
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].account_id(), "$keys");
    const std::string key = records[0].event().signing_key_published().verifier_key();
    EXPECT_TRUE(key.starts_with(fmt::format("keyledger/{}/{}+", ledger.ledger().ledger_id(), shard))) << key;
    EXPECT_EQ(records[0].event().signing_key_published().replaced_verifier_key(), "");
    const auto keys = ledger.keeper().keys(shard);
    ASSERT_EQ(keys.size(), 1u);
    EXPECT_EQ(keys[0].key.Format(), key);
    EXPECT_EQ(keys[0].position, 0u);
    EXPECT_EQ(keys[0].publish_time, kToday);
    EXPECT_TRUE(keys[0].current);
    const auto latest = ledger.keeper().Latest(shard);
    ASSERT_TRUE(latest.has_value());
    EXPECT_EQ(latest->checkpoint.size, 1u);
    EXPECT_EQ(latest->publish_time, kToday);
    EXPECT_EQ(FileText(ledger.file(fmt::format("checkpoints/shard-{:03}.checkpoint", shard))), latest->note);
    const auto opened =
        merkle::OpenCheckpoint(latest->note, ledger.keeper().origin(shard), ledger.keeper().verifier_keys(shard));
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(opened->root, NaiveRoot(ledger.ledger().shard(shard).store()));
  }
}

TEST(FirstStart, InterruptedAtAnyStepIsMadeUpForAtTheNext) {
  size_t steps = 0;
  for (size_t at = 0;; ++at) {
    SCOPED_TRACE(fmt::format("crash before step {}", at));
    CheckpointedLedger ledger(2);
    ledger.CrashAfterSteps(at);
    const absl::Status opened = ledger.Open();
    if (!ledger.crashed()) {
      ASSERT_TRUE(opened.ok()) << opened;
      steps = at;
      break;
    }
    ASSERT_FALSE(opened.ok());
    ledger.Recover();
    ledger.MustOpen();
    ledger.Grow(20);
    for (uint32_t shard = 0; shard < 2; ++shard) {
      EXPECT_EQ(ledger.keeper().keys(shard).size(), 1u);
      EXPECT_TRUE(ledger.keeper().Latest(shard).has_value());
      // The ledger knows from now on that it has checkpoints, wherever the first start ended.
      ledger.MustPublish(shard);
      EXPECT_EQ(*ledger.ledger().shard(shard).store().GetMeta("checkpoints"), "1");
      EXPECT_EQ(ledger.CheckHistory(shard), "");
    }
  }
  // The key, its record on each shard, and three steps of a first checkpoint of each.
  EXPECT_EQ(steps, 9u);
}

TEST(FirstStart, TakesAKeyThatAnOperatorPutInPlace) {
  CheckpointedLedger ledger;
  const merkle::SigningKey key = merkle::SigningKey::Generate();
  fs::create_directories(ledger.file("keys"));
  WriteText(ledger.key_file(), key.ToPem());
  fs::permissions(ledger.key_file(), fs::perms::owner_read);
  ledger.MustOpen();
  EXPECT_EQ(ledger.keeper().verifier_keys(0)[0].public_key(), key.public_key());
}

TEST(Publish, CoversEverythingDurableAndRepeatsNothing) {
  CheckpointedLedger ledger;
  ledger.MustOpen();
  ledger.Grow(4);
  ledger.clock().Set(kToday + 5 * kMicrosPerSecond);
  const auto published = ledger.MustPublish();
  EXPECT_EQ(published.checkpoint.size, 5u);
  EXPECT_EQ(published.checkpoint.root, NaiveRoot(ledger.ledger().shard(0).store()));
  EXPECT_EQ(published.publish_time, kToday + 5 * kMicrosPerSecond);
  EXPECT_EQ(ledger.MustPublish().note, published.note);
  EXPECT_EQ(ledger.keeper().history(0).count(), 2u);
  EXPECT_EQ(FileText(ledger.checkpoint_file()), published.note);
  EXPECT_EQ(ledger.CheckHistory(0), "");
}

TEST(Publish, HappensOnTheIntervalIfTheLogGrew) {
  CheckpointedLedger ledger;
  ledger.options().checkpoints->interval = std::chrono::milliseconds(1);
  ledger.MustOpen();
  ledger.Grow(3);
  WaitUntil([&] { return ledger.keeper().Latest(0)->checkpoint.size == 4; });
  EXPECT_EQ(ledger.CheckHistory(0), "");
}

TEST(Publish, HappensAtACleanStop) {
  CheckpointedLedger ledger;
  ledger.MustOpen();
  ledger.Grow(3);
  ledger.Close();
  ledger.MustOpen();
  EXPECT_EQ(ledger.keeper().Latest(0)->checkpoint.size, 4u);
  EXPECT_EQ(ledger.keeper().history(0).count(), 2u);
}

TEST(Publish, InterruptedAtAnyStepLosesNothingGivenOut) {
  for (size_t at = 0; at < 2; ++at) {
    SCOPED_TRACE(at);
    CheckpointedLedger ledger;
    ledger.MustOpen();
    ledger.Grow(1);
    const auto given_out = ledger.MustPublish();
    ledger.Grow(1);
    ledger.CrashAfterSteps(at);
    EXPECT_FALSE(ledger.keeper().Publish(0).ok());
    ASSERT_TRUE(ledger.crashed());
    ledger.Recover();
    ledger.MustOpen();
    EXPECT_EQ(ledger.keeper().Latest(0)->checkpoint.size, 2 + at);
    EXPECT_EQ(ledger.keeper().history(0).Read(1)->note, given_out.note);
    EXPECT_EQ(ledger.MustPublish().checkpoint.size, 3u);
    EXPECT_EQ(ledger.CheckHistory(0), "");
  }
}

TEST(Publish, SaysWhyItCannotWriteAndSucceedsOnceItCan) {
  CheckpointedLedger ledger;
  ledger.MustOpen();
  ledger.Grow(1);
  // A directory stands where the file has to be written.
  fs::create_directories(ledger.checkpoint_file() + ".tmp/in-the-way");
  const auto refused = ledger.keeper().Publish(0);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(MessageOf(refused.status()).find("shard-000.checkpoint.tmp"), std::string::npos);
  EXPECT_EQ(ledger.keeper().Latest(0)->checkpoint.size, 1u);
  fs::remove_all(ledger.checkpoint_file() + ".tmp");
  EXPECT_EQ(ledger.MustPublish().checkpoint.size, 2u);
  EXPECT_EQ(ledger.CheckHistory(0), "");
}

TEST(SignText, SignsUnderTheShardsName) {
  CheckpointedLedger ledger(2);
  ledger.MustOpen();
  const auto note = ledger.keeper().SignText(1, "anything\n");
  ASSERT_TRUE(note.ok()) << note.status();
  EXPECT_EQ(merkle::OpenNote(*note, ledger.keeper().verifier_keys(1))->text, "anything\n");
  EXPECT_FALSE(merkle::OpenNote(*note, ledger.keeper().verifier_keys(0)).ok());
  EXPECT_EQ(ReasonOf(ledger.keeper().SignText(0, "no newline").status()), Reason::kInvalidField);
}

TEST(Start, RefusesALogThatLostRecordsAndSaysWhich) {
  CheckpointedLedger ledger;
  ledger.MustOpen();
  ledger.Grow(9);
  ledger.Close();
  CopyTree(ledger.data(), ledger.file("older"));
  ledger.MustOpen();
  ledger.Grow(4);
  ledger.MustPublish();
  ledger.Grow(6);
  ledger.Close();
  CopyTree(ledger.file("older"), ledger.data());
  const absl::Status refused = ledger.Open();
  EXPECT_EQ(ReasonOf(refused), Reason::kStoreDamaged);
  EXPECT_EQ(MessageOf(refused),
            "the log of shard 0 is not the one that was published: it has 10 records, and 10 of the checkpoint of 20 "
            "records, published 2026-01-10T12:00:00Z are missing, from "
            "position 10 on; it still begins with the checkpoint of 10 records, published 2026-01-10T12:00:00Z; "
            "restore the data directory from a backup that has these "
            "records");
}

TEST(Start, RefusesALogWithOtherRecordsAndNarrowsThemDown) {
  CheckpointedLedger ledger;
  ledger.MustOpen();
  ledger.Grow(9);
  ledger.Close();
  CopyTree(ledger.data(), ledger.file("older"));
  ledger.MustOpen();
  for (int i = 0; i < 5; ++i) {
    ledger.Grow(300);
    ledger.MustPublish();
  }
  ledger.Close();
  CopyTree(ledger.file("older"), ledger.data());
  // Somebody goes on with an older copy, without the checkpoints.
  const auto checkpoints = ledger.options().checkpoints;
  ledger.options().checkpoints.reset();
  ledger.MustOpen();
  ledger.NameAccounts("b");
  ledger.Grow(1'500);
  ledger.Close();
  ledger.options().checkpoints = checkpoints;
  const absl::Status refused = ledger.Open();
  EXPECT_EQ(ReasonOf(refused), Reason::kStoreDamaged);
  EXPECT_EQ(MessageOf(refused),
            "the log of shard 0 is not the one that was published: its root at 1510 records is not the one of the "
            "checkpoint of 1510 records, published "
            "2026-01-10T12:00:00Z; records from position 10 to 309 were changed; it still begins with the checkpoint "
            "of 10 records, published 2026-01-10T12:00:00Z; restore "
            "the data directory from a backup that has these records");
}

TEST(Start, RefusesAnEmptyLogBesideCheckpoints) {
  CheckpointedLedger ledger;
  ledger.MustOpen();
  ledger.Grow(9);
  ledger.Close();
  const std::string identity = FileText(ledger.data() + "/LEDGER");
  fs::remove_all(ledger.data());
  fs::create_directories(ledger.data());
  WriteText(ledger.data() + "/LEDGER", identity);
  const absl::Status refused = ledger.Open();
  EXPECT_EQ(ReasonOf(refused), Reason::kStoreDamaged);
  EXPECT_NE(MessageOf(refused).find("it has 0 records, and 10 of the checkpoint of 10 records"), std::string::npos)
      << refused;
  EXPECT_NE(MessageOf(refused).find("it holds none of the published checkpoints"), std::string::npos) << refused;
}

TEST(Start, RefusesCheckpointsOfAnotherLedger) {
  CheckpointedLedger one;
  one.MustOpen();
  one.Grow(2);
  one.Close();
  CheckpointedLedger other;
  other.MustOpen();
  other.Grow(2);
  other.Close();
  CopyTree(other.file("checkpoints"), one.file("checkpoints"));
  const absl::Status refused = one.Open();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(MessageOf(refused).find("the checkpoint directory belongs to another ledger"), std::string::npos);
}

TEST(Start, RefusesACheckpointThatNoKeyOfTheLedgerSigned) {
  CheckpointedLedger ledger;
  ledger.MustOpen();
  ledger.Grow(2);
  const auto published = ledger.MustPublish();
  const std::string origin = ledger.keeper().origin(0);
  ledger.Close();
  const merkle::SigningKey stranger = merkle::SigningKey::Generate();
  merkle::Checkpoint forged = published.checkpoint;
  forged.size = 99;
  WriteText(ledger.checkpoint_file(),
            *merkle::SignNote(merkle::FormatCheckpoint(forged), std::vector<merkle::NoteSigner>{{origin, &stranger}}));
  const absl::Status refused = ledger.Open();
  EXPECT_EQ(ReasonOf(refused), Reason::kStoreDamaged);
  // Nothing of it is kept: with the right file in its place the ledger starts.
  WriteText(ledger.checkpoint_file(), published.note);
  ledger.MustOpen();
  EXPECT_EQ(ledger.keeper().history(0).count(), 2u);
  EXPECT_NE(MessageOf(refused).find("was not signed by this ledger: none of the given keys signed the note"),
            std::string::npos)
      << refused;
}

TEST(Start, RefusesTwoCheckpointsOfOneSizeThatDiffer) {
  CheckpointedLedger ledger;
  ledger.MustOpen();
  ledger.Grow(2);
  const auto published = ledger.MustPublish();
  ledger.Close();
  merkle::Checkpoint forged = published.checkpoint;
  forged.root[0] ^= 1;
  const auto key = merkle::SigningKey::FromPem(FileText(ledger.key_file()));
  WriteText(ledger.checkpoint_file(), *merkle::SignNote(merkle::FormatCheckpoint(forged),
                                                        std::vector<merkle::NoteSigner>{{forged.origin, &*key}}));
  const absl::Status refused = ledger.Open();
  EXPECT_EQ(ReasonOf(refused), Reason::kStoreDamaged);
  EXPECT_NE(MessageOf(refused).find("speak of the same size with different roots"), std::string::npos) << refused;
}

TEST(Start, RefusesACheckpointFileThatHoldsNone) {
  CheckpointedLedger ledger;
  ledger.MustOpen();
  ledger.Close();
  for (const std::string& text :
       {std::string(), std::string("garbage"), FileText(ledger.checkpoint_file()).substr(0, 60)}) {
    WriteText(ledger.checkpoint_file(), text);
    EXPECT_EQ(ReasonOf(ledger.Open()), Reason::kStoreDamaged) << text;
  }
}

TEST(Start, CutsATornEntryOffTheHistory) {
  for (const size_t bytes : {1u, 60u, 511u, 512u}) {
    for (const bool zeros : {false, true}) {
      SCOPED_TRACE(fmt::format("{} bytes{}", bytes, zeros ? " of zeros" : ""));
      CheckpointedLedger ledger;
      ledger.MustOpen();
      ledger.Grow(2);
      ledger.MustPublish();
      ledger.Close();
      const std::string history = FileText(ledger.history_file());
      ASSERT_EQ(history.size(), 1'024u);
      // A torn entry is a part of one that says another size; whole, it would count.
      std::string torn = zeros ? std::string(bytes, '\0') : history.substr(512, bytes);
      if (bytes == 512 && !zeros) torn[200] = static_cast<char>(torn[200] ^ 1);
      WriteText(ledger.history_file(), history + torn);
      ledger.MustOpen();
      EXPECT_EQ(FileText(ledger.history_file()), history);
      ledger.Grow(1);
      ledger.MustPublish();
      EXPECT_EQ(ledger.keeper().history(0).count(), 3u);
      EXPECT_EQ(ledger.CheckHistory(0), "");
    }
  }
}

TEST(Start, RefusesAHistoryDamagedBeforeItsLastEntry) {
  CheckpointedLedger ledger;
  ledger.MustOpen();
  ledger.Grow(2);
  ledger.MustPublish();
  ledger.Close();
  std::string history = FileText(ledger.history_file());
  history[100] = static_cast<char>(history[100] ^ 1);
  history[700] = static_cast<char>(history[700] ^ 1);
  WriteText(ledger.history_file(), history);
  const absl::Status refused = ledger.Open();
  EXPECT_EQ(ReasonOf(refused), Reason::kStoreDamaged);
  EXPECT_NE(MessageOf(refused).find("shard-000.history: entry 0 is damaged"), std::string::npos) << refused;
}

TEST(Start, TakesTheNewestOfBothFilesAndMakesUpForTheOther) {
  CheckpointedLedger ledger;
  ledger.MustOpen();
  ledger.Grow(2);
  const auto published = ledger.MustPublish();
  ledger.Close();
  fs::remove(ledger.checkpoint_file());
  ledger.MustOpen();
  EXPECT_EQ(ledger.keeper().Latest(0)->note, published.note);
  ledger.Close();
  WriteText(ledger.checkpoint_file(), published.note);
  fs::remove(ledger.history_file());
  ledger.MustOpen();
  EXPECT_EQ(ledger.keeper().Latest(0)->note, published.note);
  EXPECT_EQ(ledger.keeper().history(0).count(), 1u);
  EXPECT_EQ(ledger.CheckHistory(0), "");
}

TEST(Start, RefusesIfAllCheckpointsAreGoneUnlessTold) {
  CheckpointedLedger ledger;
  ledger.MustOpen();
  ledger.Grow(2);
  ledger.Close();
  fs::remove_all(ledger.file("checkpoints"));
  const absl::Status refused = ledger.Open();
  EXPECT_EQ(ReasonOf(refused), Reason::kStoreDamaged);
  EXPECT_NE(MessageOf(refused).find("the checkpoints of shard 0 are gone"), std::string::npos);
  EXPECT_NE(MessageOf(refused).find("--accept-missing-checkpoints"), std::string::npos);
  ledger.options().checkpoints->accept_missing = true;
  ledger.MustOpen();
  EXPECT_EQ(ledger.keeper().Latest(0)->checkpoint.size, 3u);
}

TEST(Start, ReadsABoundedPartOfALongHistory) {
  CheckpointedLedger ledger;
  ledger.MustOpen();
  ledger.Grow(1);
  const auto first = ledger.MustPublish();
  ledger.Close();
  // Entries in the middle that nobody can read are not looked at.
  const std::string history = FileText(ledger.history_file());
  WriteText(ledger.history_file(), history.substr(0, 512) + std::string(512 * 1'000, 'x') + history.substr(512));
  ledger.MustOpen();
  EXPECT_EQ(ledger.keeper().Latest(0)->note, first.note);
  EXPECT_EQ(ledger.keeper().history(0).count(), 1'002u);
}

TEST(History, FindsTheFirstEntryOfASize) {
  CheckpointedLedger ledger;
  ledger.MustOpen();
  for (int i = 0; i < 10; ++i) {
    ledger.Grow(3);
    ledger.MustPublish();
  }
  const shard::CheckpointHistory& history = ledger.keeper().history(0);
  ASSERT_EQ(history.count(), 11u);
  EXPECT_EQ(*history.FirstAtLeast(0), 0u);
  EXPECT_EQ(*history.FirstAtLeast(1), 0u);
  EXPECT_EQ(*history.FirstAtLeast(2), 1u);
  EXPECT_EQ(*history.FirstAtLeast(4), 1u);
  EXPECT_EQ(*history.FirstAtLeast(31), 10u);
  EXPECT_EQ(*history.FirstAtLeast(32), 11u);
}

}  // namespace
}  // namespace keyledger::testing

// Change of the master key: every key stays what it was, interrupted wherever it may be.
#include <filesystem>

#include "tests/unit/vault/vault_fixture.h"

namespace keyledger::vault {
namespace {

using testing::TempDir;

struct Subjects {
  SecretKey one;
  SecretKey two;
};

// s-1 and s-2 live, s-3 erased.
Subjects Fill(const std::string& directory, const MasterKey& master) {
  const auto vault = OpenVault(directory, master);
  Subjects subjects{KeyIn(*vault, "s-1"), KeyIn(*vault, "s-2")};
  KeyIn(*vault, "s-3");
  EXPECT_TRUE(vault->Erase("s-3").ok());
  return subjects;
}

void ExpectAll(const Vault& vault, const Subjects& subjects) {
  EXPECT_TRUE(*vault.KeyOf("s-1") == subjects.one);
  EXPECT_TRUE(*vault.KeyOf("s-2") == subjects.two);
  EXPECT_EQ(vault.State("s-3"), SubjectState::kErased);
  EXPECT_EQ(vault.counts(), (Vault::Counts{2, 1, 0}));
}

TEST(MasterKeyChange, KeepsEveryKeyAndEveryErasure) {
  const TempDir dir;
  const Subjects subjects = Fill(dir / "vault", MasterOf('a'));
  {
    const auto vault = OpenVault(dir / "vault", MasterOf('b'), MasterOf('a'));
    ExpectAll(*vault, subjects);
    KeyIn(*vault, "s-4");
  }
  // The previous one is not needed any more, and opens nothing.
  EXPECT_EQ(OpenVault(dir / "vault", MasterOf('b'))->State("s-4"), SubjectState::kLive);
  EXPECT_FALSE(Vault::Open(dir / "vault", MasterOf('a'), std::nullopt).ok());
  // Given all the same it does no harm.
  EXPECT_TRUE(*OpenVault(dir / "vault", MasterOf('b'), MasterOf('a'))->KeyOf("s-1") == subjects.one);
}

TEST(MasterKeyChange, LeavesNothingWrappedByTheOldKey) {
  const TempDir dir;
  Fill(dir / "vault", MasterOf('a'));
  const std::string before = ReadBytes(dir / "vault/keys");
  OpenVault(dir / "vault", MasterOf('b'), MasterOf('a'));
  for (const auto& file : std::filesystem::directory_iterator(dir / "vault")) {
    EXPECT_EQ(ReadBytes(file.path()).find(before.substr(kSlotBytes + 56, 48)), std::string::npos) << file.path();
  }
  EXPECT_FALSE(std::filesystem::exists(dir / "vault/keys.old"));
  EXPECT_FALSE(std::filesystem::exists(dir / "vault/keys.new"));
}

TEST(MasterKeyChange, OverwritesTheOldFileWhereItLay) {
  const TempDir dir;
  Fill(dir / "vault", MasterOf('a'));
  // A name of the test's own keeps what becomes of the old file in sight.
  std::filesystem::create_hard_link(dir / "vault/keys", dir / "witness");
  OpenVault(dir / "vault", MasterOf('b'), MasterOf('a'));
  const std::string old = ReadBytes(dir / "witness");
  EXPECT_EQ(old.size(), 4 * kSlotBytes);
  EXPECT_EQ(old.find_first_not_of('\0'), std::string::npos);
}

TEST(MasterKeyChange, RefusesAPreviousKeyThatIsNotTheOne) {
  const TempDir dir;
  const Subjects subjects = Fill(dir / "vault", MasterOf('a'));
  const auto refused = Vault::Open(dir / "vault", MasterOf('b'), MasterOf('c'));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  ExpectAll(*OpenVault(dir / "vault", MasterOf('a')), subjects);
}

TEST(MasterKeyChange, KilledAtAnyStepItGoesOnWithTheSameKeys) {
  for (int step = 0;; ++step) {
    const TempDir dir;
    const Subjects subjects = Fill(dir / "vault", MasterOf('a'));
    const bool stopped = EndsAtStep(step, [&](StepHook hook) {
      VaultOptions options;
      options.on_step = std::move(hook);
      static_cast<void>(Vault::Open(dir / "vault", MasterOf('b'), MasterOf('a'), options));
    });
    // Killed again while it goes on, at each step there is then.
    for (int again = 0; stopped && again < 3; ++again) {
      EndsAtStep(again, [&](StepHook hook) {
        VaultOptions options;
        options.on_step = std::move(hook);
        static_cast<void>(Vault::Open(dir / "vault", MasterOf('b'), MasterOf('a'), options));
      });
    }
    ExpectAll(*OpenVault(dir / "vault", MasterOf('b'), MasterOf('a')), subjects);
    ExpectAll(*OpenVault(dir / "vault", MasterOf('b')), subjects);
    EXPECT_FALSE(std::filesystem::exists(dir / "vault/keys.old")) << step;
    EXPECT_FALSE(std::filesystem::exists(dir / "vault/keys.new")) << step;
    if (!stopped) {
      EXPECT_EQ(step, 7);
      break;
    }
  }
}

TEST(MasterKeyChange, GivenUpHalfwayItLeavesTheOldVault) {
  // Steps 0 to 4 come before the renaming.
  for (int step = 0; step <= 4; ++step) {
    const TempDir dir;
    const Subjects subjects = Fill(dir / "vault", MasterOf('a'));
    ASSERT_TRUE(EndsAtStep(step, [&](StepHook hook) {
      VaultOptions options;
      options.on_step = std::move(hook);
      static_cast<void>(Vault::Open(dir / "vault", MasterOf('b'), MasterOf('a'), options));
    }));
    ExpectAll(*OpenVault(dir / "vault", MasterOf('a')), subjects);
    EXPECT_FALSE(std::filesystem::exists(dir / "vault/keys.old")) << step;
    EXPECT_FALSE(std::filesystem::exists(dir / "vault/keys.new")) << step;
  }
}

TEST(MasterKeyChange, TakesDamagedSlotsOverAsTheyStand) {
  const TempDir dir;
  const Subjects subjects = Fill(dir / "vault", MasterOf('a'));
  std::string bytes = ReadBytes(dir / "vault/keys");
  bytes[kSlotBytes + 60] = static_cast<char>(bytes[kSlotBytes + 60] ^ 1);
  WriteBytes(dir / "vault/keys", bytes);
  const auto vault = OpenVault(dir / "vault", MasterOf('b'), MasterOf('a'));
  EXPECT_EQ(vault->State("s-1"), SubjectState::kDamaged);
  EXPECT_TRUE(*vault->KeyOf("s-2") == subjects.two);
  EXPECT_EQ(vault->counts(), (Vault::Counts{1, 1, 1}));
  EXPECT_EQ(ReadBytes(dir / "vault/keys").substr(kSlotBytes, kSlotBytes), bytes.substr(kSlotBytes, kSlotBytes));
}

TEST(Vault, RefusesToStartAnewWhereAnOldFileIsLeft) {
  const TempDir dir;
  Fill(dir / "vault", MasterOf('a'));
  std::filesystem::rename(dir / "vault/keys", dir / "vault/keys.old");
  EXPECT_TRUE(Vault::ExistsIn(dir / "vault"));
  const auto refused = Vault::Open(dir / "vault", MasterOf('a'), std::nullopt);
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kStoreDamaged);
  EXPECT_EQ(ReadBytes(dir / "vault/keys.old").size(), 4 * kSlotBytes);
}

TEST(Vault, IsThereOnceItWasOpened) {
  const TempDir dir;
  EXPECT_FALSE(Vault::ExistsIn(dir / "vault"));
  OpenVault(dir / "vault", MasterOf('a'));
  EXPECT_TRUE(Vault::ExistsIn(dir / "vault"));
}

}  // namespace
}  // namespace keyledger::vault

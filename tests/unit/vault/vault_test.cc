// The vault: keys that survive, keys that do not, and files that were damaged.
#include "server/vault/vault.h"

#include <csignal>
#include <filesystem>
#include <thread>

#include <sys/resource.h>

#include "tests/unit/vault/vault_fixture.h"

namespace keyledger::vault {
namespace {

using testing::TempDir;

constexpr size_t kSlotOne = kSlotBytes;

// Files cannot grow past a size while it lives: to a writer, a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    EXPECT_EQ(getrlimit(RLIMIT_FSIZE, &before_), 0);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~FileSizeLimit() {
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &before_), 0);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

TEST(Vault, MakesAKeyOfItsOwnForEachSubject) {
  const TempDir dir;
  const auto vault = OpenVault(dir / "vault", MasterOf('m'));
  const std::string_view ids[] = {"s-1", "s-2", "s-1"};
  const auto keys = vault->KeysFor(ids);
  ASSERT_TRUE(keys.ok()) << keys.status();
  ASSERT_EQ(keys->size(), 3u);
  EXPECT_TRUE((*keys)[0] == (*keys)[2]);
  EXPECT_FALSE((*keys)[0] == (*keys)[1]);
  EXPECT_EQ(vault->counts(), (Vault::Counts{2, 0, 0}));
  EXPECT_EQ(vault->State("s-1"), SubjectState::kLive);
  EXPECT_EQ(vault->State("s-3"), SubjectState::kUnknown);
}

TEST(Vault, KeepsKeysOverARestart) {
  const TempDir dir;
  SecretKey one;
  SecretKey two;
  {
    const auto vault = OpenVault(dir / "vault", MasterOf('m'));
    one = KeyIn(*vault, "s-1");
    two = KeyIn(*vault, "s-2");
  }
  const auto vault = OpenVault(dir / "vault", MasterOf('m'));
  EXPECT_TRUE(*vault->KeyOf("s-1") == one);
  EXPECT_TRUE(*vault->KeyOf("s-2") == two);
  EXPECT_FALSE(one == two);
  EXPECT_EQ(ReasonOf(vault->KeyOf("s-3").status()), Reason::kSubjectNotFound);
}

// The bytes were computed apart from this code, with Python's cryptography package, from FORMAT.md.
TEST(Vault, WritesTheBytesOfItsFormat) {
  const TempDir dir;
  VaultOptions options;
  options.random = CountedBytes();
  {
    const auto vault = OpenVault(dir / "vault", MasterOf('m'), std::nullopt, options);
    KeyIn(*vault, "s-1");
    KeyIn(*vault, "s-2");
    ASSERT_TRUE(vault->Erase("s-2").ok());
    EXPECT_EQ(vault->id(), "0102030405060708090a0b0c0d0e0f10");
  }
  EXPECT_EQ(Hex(ReadBytes(dir / "vault/keys")),
            "4b4c5641554c540a0000000200000080c3d29a82100346c01112131415161718191a1b1c22ffcfe928803e6f1226094a"
            "4f245bb20102030405060708090a0b0c0d0e0f1000000000000000000000000000000000000000000000000000000000"
            "000000000000000000000000000000000000000000000000953241afe648d0f66a840baf5d8c3ff241688aeb14546e65"
            "3774cd5387faf1cb982b0fbbf1fbb81001000000c3d29a82100346c03d3e3f404142434445464748ee0e27405e4eaa77"
            "77c0b6581985fa7eebb4735b8eb6ff5aa4fab1b3b73bee1257b8925a35db66eb1eb71ab7b8acfa906a840baf5d8c3ff2"
            "41688aeb14546e659f7e24cc027a21f7450222bcc3475b01aa69d5b0150a75a08a3bc3a87bb87ce4290ea7e0d4e51877"
            "020000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
            "000000000000000000000000000000000000000000000000450222bcc3475b01aa69d5b0150a75a058e1c21aec536a13");
}

TEST(Vault, IsForItsOwnerOnly) {
  const TempDir dir;
  const auto vault = OpenVault(dir / "vault", MasterOf('m'));
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(dir / "vault").permissions(), perms::owner_all);
  EXPECT_EQ(std::filesystem::status(dir / "vault/keys").permissions(), perms::owner_read | perms::owner_write);
}

TEST(Vault, IsOpenedByOneAtATime) {
  const TempDir dir;
  const auto vault = OpenVault(dir / "vault", MasterOf('m'));
  const auto second = Vault::Open(dir / "vault", MasterOf('m'), std::nullopt);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(MessageOf(second.status()).find("another process"), std::string::npos);
}

TEST(Vault, RefusesAWrongMasterKeyAndNamesBoth) {
  const TempDir dir;
  OpenVault(dir / "vault", MasterOf('m'));
  const auto wrong = Vault::Open(dir / "vault", MasterOf('w'), std::nullopt);
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(MessageOf(wrong.status()).find("c3d29a82100346c0"), std::string::npos) << wrong.status();
  EXPECT_NE(MessageOf(wrong.status()).find("45592bb77c2bdeff"), std::string::npos) << wrong.status();
}

TEST(Vault, RefusesADamagedOrMissingHeader) {
  const TempDir dir;
  OpenVault(dir / "vault", MasterOf('m'));
  const std::string good = ReadBytes(dir / "vault/keys");
  for (const size_t at :
       {size_t{0}, size_t{11}, size_t{15}, size_t{16}, size_t{24}, size_t{36}, size_t{60}, size_t{127}}) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    WriteBytes(dir / "vault/keys", bad);
    EXPECT_EQ(ReasonOf(Vault::Open(dir / "vault", MasterOf('m'), std::nullopt).status()), Reason::kStoreDamaged) << at;
  }
  for (const size_t size : {size_t{0}, size_t{1}, size_t{127}}) {
    WriteBytes(dir / "vault/keys", good.substr(0, size));
    EXPECT_EQ(ReasonOf(Vault::Open(dir / "vault", MasterOf('m'), std::nullopt).status()), Reason::kStoreDamaged)
        << size;
  }
  WriteBytes(dir / "vault/keys", good);
  EXPECT_TRUE(Vault::Open(dir / "vault", MasterOf('m'), std::nullopt).ok());
}

TEST(Vault, SaysThatAFileIsOfANewerVersion) {
  const TempDir dir;
  OpenVault(dir / "vault", MasterOf('m'));
  std::string bytes = ReadBytes(dir / "vault/keys");
  bytes[11] = 3;
  const Digest digest = Sha256(std::string_view(bytes).substr(0, 120));
  std::copy_n(digest.begin(), 8, bytes.begin() + 120);
  WriteBytes(dir / "vault/keys", bytes);
  const auto vault = Vault::Open(dir / "vault", MasterOf('m'), std::nullopt);
  EXPECT_NE(MessageOf(vault.status()).find("newer version"), std::string::npos) << vault.status();
}

TEST(Vault, RefusesAFileFromBeforeVaultsHadIds) {
  const TempDir dir;
  OpenVault(dir / "vault", MasterOf('m'));
  // A header of version 1: what follows the tag is zero.
  WriteBytes(dir / "vault/keys",
             FromHex("4b4c5641554c540a0000000100000080c3d29a82100346c00102030405060708090a0b0cf4d2817d5f18f4b7c9278184"
                     "93fb23d30000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
                     "000000000000000000000000000000000000000000000000ace0420f67cf47e0"));
  const auto vault = Vault::Open(dir / "vault", MasterOf('m'), std::nullopt);
  EXPECT_EQ(ReasonOf(vault.status()), Reason::kStoreDamaged);
  EXPECT_NE(MessageOf(vault.status()).find("an older version, before vaults had ids"), std::string::npos)
      << vault.status();
}

TEST(Vault, HasAnIdOfItsOwnForEver) {
  const TempDir dir;
  const std::string id = OpenVault(dir / "one", MasterOf('m'))->id();
  EXPECT_EQ(id.size(), 32u);
  EXPECT_NE(OpenVault(dir / "two", MasterOf('m'))->id(), id);
  EXPECT_EQ(OpenVault(dir / "one", MasterOf('m'))->id(), id);
  EXPECT_EQ(OpenVault(dir / "one", MasterOf('n'), MasterOf('m'))->id(), id);
  // The tag covers it: nobody makes one vault of another without the master key.
  std::string bytes = ReadBytes(dir / "one/keys");
  bytes[52] = static_cast<char>(bytes[52] ^ 1);
  const Digest digest = Sha256(std::string_view(bytes).substr(0, 120));
  std::copy_n(digest.begin(), 8, bytes.begin() + 120);
  WriteBytes(dir / "one/keys", bytes);
  EXPECT_FALSE(Vault::Open(dir / "one", MasterOf('n'), std::nullopt).ok());
}

TEST(Vault, AnyDamagedByteOfASlotMakesItsSubjectUnavailableAndOnlyIt) {
  const TempDir dir;
  {
    const auto vault = OpenVault(dir / "vault", MasterOf('m'));
    KeyIn(*vault, "s-1");
    KeyIn(*vault, "s-2");
  }
  const std::string good = ReadBytes(dir / "vault/keys");
  for (size_t at = 0; at < kSlotBytes; ++at) {
    std::string bad = good;
    bad[kSlotOne + at] = static_cast<char>(bad[kSlotOne + at] ^ 0x20);
    WriteBytes(dir / "vault/keys", bad);
    const auto vault = OpenVault(dir / "vault", MasterOf('m'));
    EXPECT_EQ(vault->State("s-1"), SubjectState::kDamaged) << at;
    EXPECT_EQ(ReasonOf(vault->KeyOf("s-1").status()), Reason::kStoreDamaged) << at;
    const std::string_view ids[] = {"s-1"};
    EXPECT_EQ(ReasonOf(vault->KeysFor(ids).status()), Reason::kStoreDamaged) << at;
    EXPECT_EQ(vault->counts(), (Vault::Counts{1, 0, 1})) << at;
    EXPECT_TRUE(vault->KeyOf("s-2").ok()) << at;
  }
}

TEST(Vault, ErasesADamagedSubject) {
  const TempDir dir;
  {
    const auto vault = OpenVault(dir / "vault", MasterOf('m'));
    KeyIn(*vault, "s-1");
  }
  std::string bytes = ReadBytes(dir / "vault/keys");
  bytes[kSlotOne] = static_cast<char>(bytes[kSlotOne] ^ 1);
  WriteBytes(dir / "vault/keys", bytes);
  ASSERT_TRUE(OpenVault(dir / "vault", MasterOf('m'))->Erase("s-1").ok());
  const auto vault = OpenVault(dir / "vault", MasterOf('m'));
  EXPECT_EQ(vault->State("s-1"), SubjectState::kErased);
  EXPECT_EQ(vault->counts(), (Vault::Counts{0, 1, 0}));
}

TEST(Vault, TakesNoNoticeOfSlotsThatNeverArrived) {
  const TempDir dir;
  {
    const auto vault = OpenVault(dir / "vault", MasterOf('m'));
    for (const char* id : {"s-1", "s-2", "s-3"}) KeyIn(*vault, id);
  }
  const std::string good = ReadBytes(dir / "vault/keys");
  ASSERT_EQ(good.size(), 4 * kSlotBytes);
  // The second of three reads as zeros, and of the third the file has a part only.
  for (const size_t end : {3 * kSlotBytes + 1, 3 * kSlotBytes + 127, 3 * kSlotBytes}) {
    std::string torn = good.substr(0, end);
    std::fill_n(torn.begin() + 2 * kSlotBytes, kSlotBytes, '\0');
    WriteBytes(dir / "vault/keys", torn);
    const auto vault = OpenVault(dir / "vault", MasterOf('m'));
    EXPECT_EQ(vault->counts(), (Vault::Counts{1, 0, 0})) << end;
    EXPECT_EQ(vault->State("s-2"), SubjectState::kUnknown);
    EXPECT_EQ(vault->State("s-3"), SubjectState::kUnknown);
    const SecretKey fresh = KeyIn(*vault, "s-3");
    EXPECT_TRUE(*vault->KeyOf("s-3") == fresh);
    // In the place of the one that never arrived.
    EXPECT_EQ(ReadBytes(dir / "vault/keys").size(), 3 * kSlotBytes);
  }
}

TEST(Vault, RefusesASlotMovedToAnotherSubject) {
  const TempDir dir;
  {
    const auto vault = OpenVault(dir / "vault", MasterOf('m'));
    KeyIn(*vault, "s-1");
    KeyIn(*vault, "s-2");
  }
  // The wrapped key of s-2 under the hash of s-1, with a checksum that fits.
  std::string bytes = ReadBytes(dir / "vault/keys");
  bytes.replace(kSlotOne + 44, 60, bytes.substr(2 * kSlotBytes + 44, 60));
  const Digest digest = Sha256(std::string_view(bytes).substr(kSlotOne, 120));
  std::copy_n(digest.begin(), 8, bytes.begin() + kSlotOne + 120);
  WriteBytes(dir / "vault/keys", bytes);
  const auto vault = OpenVault(dir / "vault", MasterOf('m'));
  EXPECT_EQ(ReasonOf(vault->KeyOf("s-1").status()), Reason::kStoreDamaged);
  EXPECT_TRUE(vault->KeyOf("s-2").ok());
}

TEST(Erasing, LeavesNothingOfTheKeyInTheFile) {
  const TempDir dir;
  const auto vault = OpenVault(dir / "vault", MasterOf('m'));
  KeyIn(*vault, "s-1");
  const SecretKey key = KeyIn(*vault, "s-2");
  const std::string before = ReadBytes(dir / "vault/keys");
  const std::string nonce = before.substr(2 * kSlotBytes + 44, 12);
  const std::string wrapped = before.substr(2 * kSlotBytes + 56, 48);
  ASSERT_TRUE(vault->Erase("s-2").ok());
  const std::string after = ReadBytes(dir / "vault/keys");
  EXPECT_EQ(after.size(), before.size());
  for (size_t i = 0; i + 4 <= wrapped.size(); i += 4)
    EXPECT_EQ(after.find(wrapped.substr(i, 4)), std::string::npos) << i;
  EXPECT_EQ(after.find(nonce), std::string::npos);
  EXPECT_EQ(after.find(std::string(key.view())), std::string::npos);
  EXPECT_EQ(after.substr(0, 2 * kSlotBytes), before.substr(0, 2 * kSlotBytes));
  for (const auto& file : std::filesystem::directory_iterator(dir / "vault"))
    EXPECT_EQ(ReadBytes(file.path()).find(wrapped), std::string::npos) << file.path();
}

TEST(Erasing, IsForEver) {
  const TempDir dir;
  {
    const auto vault = OpenVault(dir / "vault", MasterOf('m'));
    KeyIn(*vault, "s-1");
    ASSERT_TRUE(vault->Erase("s-1").ok());
    ASSERT_TRUE(vault->Erase("s-1").ok());
    EXPECT_EQ(vault->State("s-1"), SubjectState::kErased);
    EXPECT_EQ(ReasonOf(vault->KeyOf("s-1").status()), Reason::kSubjectErased);
  }
  const auto vault = OpenVault(dir / "vault", MasterOf('m'));
  EXPECT_EQ(vault->State("s-1"), SubjectState::kErased);
  const std::string_view ids[] = {"s-9", "s-1"};
  const auto refused = vault->KeysFor(ids);
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kSubjectErased);
  EXPECT_EQ(MetadataOf(refused.status()), (std::vector<std::pair<std::string, std::string>>{{"subject_id", "s-1"}}));
  // A refused request makes no keys.
  EXPECT_EQ(vault->State("s-9"), SubjectState::kUnknown);
  EXPECT_EQ(vault->counts(), (Vault::Counts{0, 1, 0}));
}

TEST(Erasing, HoldsForASubjectThatNothingIsKnownOf) {
  const TempDir dir;
  ASSERT_TRUE(OpenVault(dir / "vault", MasterOf('m'))->Erase("never-seen").ok());
  const auto vault = OpenVault(dir / "vault", MasterOf('m'));
  const std::string_view ids[] = {"never-seen"};
  EXPECT_EQ(ReasonOf(vault->KeysFor(ids).status()), Reason::kSubjectErased);
}

TEST(Erasing, OfManySaysHowManyWereNotErasedAndSyncsOnce) {
  const TempDir dir;
  VaultOptions options;
  int syncs = 0;
  options.on_step = [&syncs](std::string_view step) { syncs += step == "sync" ? 1 : 0; };
  const auto vault = OpenVault(dir / "vault", MasterOf('m'), std::nullopt, options);
  KeyIn(*vault, "live");
  ASSERT_TRUE(vault->Erase("gone").ok());
  syncs = 0;
  const std::string_view ids[] = {"live", "gone", "never-seen", "live"};
  EXPECT_EQ(*vault->EraseAll(ids), 2u);
  EXPECT_EQ(syncs, 1);
  EXPECT_EQ(*vault->EraseAll(ids), 0u);
  EXPECT_EQ(syncs, 1);
  for (const std::string_view id : ids) EXPECT_EQ(vault->State(id), SubjectState::kErased) << id;
  EXPECT_EQ(vault->counts(), (Vault::Counts{0, 3, 0}));
}

TEST(Erasing, KilledAtAnyStepItIsDoneOrNotAndCanBeRepeated) {
  for (int step = 0;; ++step) {
    const TempDir dir;
    {
      const auto vault = OpenVault(dir / "vault", MasterOf('m'));
      KeyIn(*vault, "s-1");
    }
    const bool stopped = EndsAtStep(step, [&](StepHook hook) {
      VaultOptions options;
      options.on_step = std::move(hook);
      auto vault = Vault::Open(dir / "vault", MasterOf('m'), std::nullopt, options);
      static_cast<void>((*vault)->Erase("s-1"));
    });
    const auto vault = OpenVault(dir / "vault", MasterOf('m'));
    EXPECT_EQ(vault->State("s-1"), stopped && step == 0 ? SubjectState::kLive : SubjectState::kErased) << step;
    EXPECT_TRUE(vault->Erase("s-1").ok());
    EXPECT_EQ(vault->State("s-1"), SubjectState::kErased);
    if (!stopped) {
      EXPECT_EQ(step, 2);
      break;
    }
  }
}

TEST(Vault, SyncsSeveralNewKeysOnce) {
  const TempDir dir;
  VaultOptions options;
  int syncs = 0;
  options.on_step = [&syncs](std::string_view step) { syncs += step == "sync" ? 1 : 0; };
  const auto vault = OpenVault(dir / "vault", MasterOf('m'), std::nullopt, options);
  const std::string_view ids[] = {"s-1", "s-2", "s-3"};
  EXPECT_FALSE(vault->NeedsNoSync(ids));
  ASSERT_TRUE(vault->KeysFor(ids).ok());
  EXPECT_EQ(syncs, 1);
  EXPECT_TRUE(vault->NeedsNoSync(ids));
  ASSERT_TRUE(vault->KeysFor(ids).ok());
  EXPECT_EQ(syncs, 1);
}

TEST(Vault, ForgetsCachedKeysAndReadsThemAgain) {
  const TempDir dir;
  VaultOptions options;
  options.cached_keys_max = 2;
  const auto vault = OpenVault(dir / "vault", MasterOf('m'), std::nullopt, options);
  std::vector<SecretKey> keys;
  for (int i = 0; i < 10; ++i) keys.push_back(KeyIn(*vault, fmt::format("s-{}", i)));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(*vault->KeyOf(fmt::format("s-{}", i)) == keys[i]) << i;
}

TEST(FullDisk, RefusesNewKeysUntilThereIsRoomAndErasesAllTheSame) {
  const TempDir dir;
  const std::string_view both[] = {"s-3", "s-4"};
  {
    const auto vault = OpenVault(dir / "vault", MasterOf('m'));
    const SecretKey key = KeyIn(*vault, "s-1");
    KeyIn(*vault, "s-2");
    {
      // Room for one and a half.
      const FileSizeLimit limit(4 * kSlotBytes + kSlotBytes / 2);
      const absl::Status refused = vault->KeysFor(both).status();
      EXPECT_EQ(ReasonOf(refused), Reason::kDiskNearlyFull) << refused;
      EXPECT_EQ(vault->State("s-3"), SubjectState::kUnknown);
      EXPECT_TRUE(vault->Erase("s-2").ok());
      EXPECT_EQ(vault->State("s-2"), SubjectState::kErased);
    }
    EXPECT_TRUE(*vault->KeyOf("s-1") == key);
  }
  // Of the refused ones nothing is left, not even the one for which there was room.
  EXPECT_EQ(OpenVault(dir / "vault", MasterOf('m'))->counts(), (Vault::Counts{1, 1, 0}));
  const auto vault = OpenVault(dir / "vault", MasterOf('m'));
  {
    const FileSizeLimit limit(4 * kSlotBytes + kSlotBytes / 2);
    EXPECT_EQ(ReasonOf(vault->KeysFor(both).status()), Reason::kDiskNearlyFull);
  }
  const SecretKey third = KeyIn(*vault, "s-3");
  KeyIn(*vault, "s-4");
  EXPECT_EQ(vault->counts(), (Vault::Counts{3, 1, 0}));
  EXPECT_TRUE(*vault->KeyOf("s-3") == third);
}

TEST(FullDisk, IsOneBelowTheReserve) {
  const TempDir dir;
  OpenVault(dir / "vault", MasterOf('m'))->KeysFor(std::vector<std::string_view>{"s-1"}).value();
  VaultOptions options;
  options.disk_reserve_bytes = ~uint64_t{0};
  const auto vault = OpenVault(dir / "vault", MasterOf('m'), std::nullopt, options);
  const std::string_view fresh[] = {"s-1", "s-2"};
  const absl::Status refused = vault->KeysFor(fresh).status();
  EXPECT_EQ(ReasonOf(refused), Reason::kDiskNearlyFull);
  EXPECT_EQ(RetryDelayMsOf(refused), 5000);
  EXPECT_NE(MessageOf(refused).find("are kept in reserve: make room"), std::string::npos) << refused;
  // What is there is used and erased.
  KeyIn(*vault, "s-1");
  EXPECT_TRUE(vault->Erase("s-1").ok());
  EXPECT_TRUE(vault->Erase("never-seen").ok());
}

TEST(FailedSync, EndsTheMakingOfKeysButNotErasing) {
  for (const std::string_view failing : {"write", "sync"}) {
    const TempDir dir;
    {
      bool fail = false;
      VaultOptions options;
      options.fail_step = [&](std::string_view step) {
        return fail && step == failing ? absl::UnavailableError("input/output error") : absl::OkStatus();
      };
      const auto vault = OpenVault(dir / "vault", MasterOf('m'), std::nullopt, options);
      const SecretKey key = KeyIn(*vault, "s-1");
      KeyIn(*vault, "s-2");
      fail = true;
      const std::string_view fresh[] = {"s-3"};
      EXPECT_EQ(ReasonOf(vault->KeysFor(fresh).status()), Reason::kShardReadOnly);
      EXPECT_EQ(ReasonOf(vault->Erase("s-2")), Reason::kShardReadOnly);
      EXPECT_EQ(ReasonOf(vault->KeyOf("s-2").status()), Reason::kSubjectErased);
      fail = false;
      const absl::Status refused = vault->KeysFor(fresh).status();
      EXPECT_EQ(ReasonOf(refused), Reason::kShardReadOnly);
      EXPECT_NE(MessageOf(refused).find("until the server is started again"), std::string::npos) << refused;
      EXPECT_TRUE(*vault->KeyOf("s-1") == key);
      // The erasure that failed is tried again.
      EXPECT_TRUE(vault->Erase("s-2").ok());
      EXPECT_EQ(vault->State("s-2"), SubjectState::kErased);
    }
    const auto vault = OpenVault(dir / "vault", MasterOf('m'));
    EXPECT_EQ(vault->State("s-2"), SubjectState::kErased);
    EXPECT_EQ(vault->State("s-1"), SubjectState::kLive);
  }
}

TEST(KeyUse, LeavesNoKeyOfARefusedRequest) {
  const TempDir dir;
  {
    const auto vault = OpenVault(dir / "vault", MasterOf('m'));
    const SecretKey kept = KeyIn(*vault, "s-1");
    for (int i = 0; i < 10; ++i) {
      const std::string fresh = fmt::format("refused-{}", i);
      const std::string_view ids[] = {"s-1", fresh};
      const auto use = vault->UseKeys(ids);
      ASSERT_TRUE(use.ok()) << use.status();
      EXPECT_TRUE(use->keys()[0] == kept);
      EXPECT_EQ(vault->State(fresh), SubjectState::kLive);
    }
    EXPECT_EQ(vault->counts(), (Vault::Counts{1, 0, 0}));
    // They took each other's place.
    EXPECT_EQ(ReadBytes(dir / "vault/keys").size(), 3 * kSlotBytes);
    EXPECT_EQ(ReadBytes(dir / "vault/keys").substr(2 * kSlotBytes), std::string(kSlotBytes, '\0'));
    KeyIn(*vault, "s-2");
  }
  const auto vault = OpenVault(dir / "vault", MasterOf('m'));
  EXPECT_EQ(vault->counts(), (Vault::Counts{2, 0, 0}));
  EXPECT_EQ(ReadBytes(dir / "vault/keys").size(), 3 * kSlotBytes);
}

TEST(KeyUse, KeepsAKeyThatAnotherRequestUsesOrConfirmed) {
  const TempDir dir;
  const auto vault = OpenVault(dir / "vault", MasterOf('m'));
  const std::string_view ids[] = {"s-1"};
  auto first = vault->UseKeys(ids);
  auto second = vault->UseKeys(ids);
  ASSERT_TRUE(first.ok() && second.ok());
  const SecretKey key = first->keys()[0];
  *first = KeyUse();
  EXPECT_TRUE(*vault->KeyOf("s-1") == key);
  auto third = vault->UseKeys(ids);
  second->Confirm();
  *third = KeyUse();
  *second = KeyUse();
  EXPECT_TRUE(*vault->KeyOf("s-1") == key);
  // One that nobody has confirmed goes with the last.
  const std::string_view others[] = {"s-2", "s-2"};
  auto fourth = vault->UseKeys(others);
  auto fifth = vault->UseKeys(others);
  *fourth = KeyUse();
  EXPECT_EQ(vault->State("s-2"), SubjectState::kLive);
  *fifth = KeyUse();
  EXPECT_EQ(vault->State("s-2"), SubjectState::kUnknown);
  EXPECT_EQ(ReasonOf(vault->KeyOf("s-2").status()), Reason::kSubjectNotFound);
}

TEST(KeyUse, GivenUpDoesNotUndoAnErasure) {
  const TempDir dir;
  {
    const auto vault = OpenVault(dir / "vault", MasterOf('m'));
    const std::string_view ids[] = {"s-1"};
    auto use = vault->UseKeys(ids);
    ASSERT_TRUE(use.ok()) << use.status();
    ASSERT_TRUE(vault->Erase("s-1").ok());
    *use = KeyUse();
    EXPECT_EQ(vault->State("s-1"), SubjectState::kErased);
  }
  EXPECT_EQ(OpenVault(dir / "vault", MasterOf('m'))->State("s-1"), SubjectState::kErased);
}

// What was sealed under a confirmed key can always be unsealed, whoever else is refused at the same time.
TEST(KeyUse, OfManyThreadsKeepsEveryConfirmedKey) {
  const TempDir dir;
  constexpr int kThreads = 4;
  constexpr int kSubjects = 60;
  std::vector<std::vector<std::pair<std::string, SecretKey>>> confirmed(kThreads);
  {
    const auto vault = OpenVault(dir / "vault", MasterOf('m'));
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kSubjects; ++i) {
          const std::string id = fmt::format("s-{}", i);
          const std::string other = fmt::format("s-{}", (i * 7 + t) % kSubjects);
          const std::string_view ids[] = {id, other};
          auto use = vault->UseKeys(ids);
          ASSERT_TRUE(use.ok()) << use.status();
          if ((i + t) % 3 != 0) continue;
          confirmed[t].emplace_back(id, use->keys()[0]);
          confirmed[t].emplace_back(other, use->keys()[1]);
          use->Confirm();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  const auto vault = OpenVault(dir / "vault", MasterOf('m'));
  for (const auto& keys : confirmed) {
    for (const auto& [id, key] : keys) EXPECT_TRUE(*vault->KeyOf(id) == key) << id;
  }
}

TEST(Vault, GivesAllThreadsTheSameKeyOfASubject) {
  const TempDir dir;
  const auto vault = OpenVault(dir / "vault", MasterOf('m'));
  constexpr int kThreads = 4;
  constexpr int kSubjects = 50;
  std::vector<std::vector<SecretKey>> seen(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kSubjects; ++i) seen[t].push_back(KeyIn(*vault, fmt::format("s-{}", i)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int t = 1; t < kThreads; ++t) {
    for (int i = 0; i < kSubjects; ++i) EXPECT_TRUE(seen[t][i] == seen[0][i]);
  }
  EXPECT_EQ(vault->counts(), (Vault::Counts{kSubjects, 0, 0}));
}

TEST(Vault, ErasesWhileOthersReadAndCreate) {
  const TempDir dir;
  VaultOptions options;
  options.cached_keys_max = 4;
  const auto vault = OpenVault(dir / "vault", MasterOf('m'), std::nullopt, options);
  constexpr int kSubjects = 40;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kSubjects; ++i) {
        const std::string id = fmt::format("s-{}", i);
        const std::string_view ids[] = {id};
        if (t == 0) {
          EXPECT_TRUE(vault->Erase(id).ok());
          EXPECT_EQ(ReasonOf(vault->KeyOf(id).status()), Reason::kSubjectErased);
        } else if (const auto keys = vault->KeysFor(ids); !keys.ok()) {
          EXPECT_EQ(ReasonOf(keys.status()), Reason::kSubjectErased);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(vault->counts(), (Vault::Counts{0, kSubjects, 0}));
}

}  // namespace
}  // namespace keyledger::vault

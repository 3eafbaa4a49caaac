// The master key: what it may be written as, who may read its file, and commands that print it.
#include "server/vault/master_key.h"

#include <filesystem>

#include "tests/unit/vault/vault_fixture.h"

namespace keyledger::vault {
namespace {

using std::chrono::milliseconds;
using std::filesystem::perms;
using testing::TempDir;

constexpr const char* kHex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
constexpr const char* kBase64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

std::string Bytes() {
  std::string bytes;
  for (char c = 0; c < 32; ++c) bytes.push_back(c);
  return bytes;
}

std::string WriteKey(const std::string& path, std::string_view text, perms mode = perms::owner_read) {
  WriteBytes(path, text);
  std::filesystem::permissions(path, mode);
  return path;
}

TEST(MasterKey, IsReadFromHexAndBase64) {
  for (const std::string& text : {std::string(kHex), std::string(kBase64), fmt::format("  {}\r\n", kHex),
                                  std::string("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F\n")}) {
    const auto key = ParseMasterKey(text);
    ASSERT_TRUE(key.ok()) << text << key.status();
    EXPECT_EQ(key->key.view(), Bytes()) << text;
  }
}

TEST(MasterKey, RefusesEverythingElseWithoutRepeatingIt) {
  const std::string hex = kHex;
  const std::string base64 = kBase64;
  for (const std::string& text : {std::string(), hex.substr(1), hex + "0", hex.substr(1) + "g", base64.substr(1),
                                  base64 + "=", base64.substr(0, 43) + "A", "=" + base64.substr(1),
                                  "*" + base64.substr(1), hex + hex, std::string(64, ' '), std::string(64, '\0')}) {
    const auto key = ParseMasterKey(text);
    EXPECT_EQ(key.status().code(), absl::StatusCode::kInvalidArgument) << text;
    if (text.size() > 8) {
      EXPECT_EQ(MessageOf(key.status()).find(text.substr(2, 8)), std::string::npos) << key.status();
    }
  }
}

TEST(MasterKey, IsNamedByAHashOfIt) { EXPECT_EQ(MasterOf('m').id(), "c3d29a82100346c0"); }

TEST(MasterKeyFile, IsReadIfNobodyElseCan) {
  const TempDir dir;
  for (const perms mode : {perms::owner_read, perms::owner_read | perms::owner_write}) {
    const auto key = ReadMasterKeyFile(WriteKey(dir / fmt::format("key-{}", static_cast<int>(mode)), kHex, mode));
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->key.view(), Bytes());
  }
}

TEST(MasterKeyFile, IsRefusedIfGroupOrOthersHaveAnyAccess) {
  const TempDir dir;
  for (const perms extra : {perms::group_read, perms::group_write, perms::group_exec, perms::others_read,
                            perms::others_write, perms::others_exec}) {
    const auto key = ReadMasterKeyFile(WriteKey(dir / "key", kHex, perms::owner_read | perms::owner_write | extra));
    EXPECT_EQ(key.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(MessageOf(key.status()).find("chmod 600"), std::string::npos) << key.status();
    std::filesystem::permissions(dir / "key", perms::owner_read | perms::owner_write);
  }
}

TEST(MasterKeyFile, ASymbolicLinkIsJudgedByItsTarget) {
  const TempDir dir;
  WriteKey(dir / "closed", kHex);
  WriteKey(dir / "open", kHex, perms::owner_read | perms::others_read);
  std::filesystem::create_symlink(dir / "closed", dir / "to-closed");
  std::filesystem::create_symlink(dir / "open", dir / "to-open");
  EXPECT_TRUE(ReadMasterKeyFile(dir / "to-closed").ok());
  EXPECT_EQ(ReadMasterKeyFile(dir / "to-open").status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(MasterKeyFile, MustBeThereAndHoldAKey) {
  const TempDir dir;
  EXPECT_EQ(ReadMasterKeyFile(dir / "none").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReadMasterKeyFile(dir.path()).status().code(), absl::StatusCode::kFailedPrecondition);
  const auto bad = ReadMasterKeyFile(WriteKey(dir / "bad", "secret but no key"));
  EXPECT_EQ(bad.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(MessageOf(bad.status()).find(dir / "bad"), std::string::npos) << bad.status();
  EXPECT_EQ(ReadMasterKeyFile(WriteKey(dir / "long", std::string(1 << 20, '0'))).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(MasterKeyCommand, PrintsTheKey) {
  const auto key = RunMasterKeyCommand(fmt::format("echo {}", kBase64), milliseconds(10'000));
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->key.view(), Bytes());
}

TEST(MasterKeyCommand, MustSucceed) {
  const auto failed = RunMasterKeyCommand(fmt::format("echo {}; exit 3", kHex), milliseconds(10'000));
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(MessageOf(failed.status()).find("exit code 3"), std::string::npos) << failed.status();
  const auto missing = RunMasterKeyCommand("/no/such/program 2>/dev/null", milliseconds(10'000));
  EXPECT_NE(MessageOf(missing.status()).find("exit code 127"), std::string::npos) << missing.status();
  const auto killed = RunMasterKeyCommand("kill -9 $$", milliseconds(10'000));
  EXPECT_NE(MessageOf(killed.status()).find("signal 9"), std::string::npos) << killed.status();
}

TEST(MasterKeyCommand, MustPrintAKeyAndNothingElse) {
  EXPECT_EQ(RunMasterKeyCommand("true", milliseconds(10'000)).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(RunMasterKeyCommand(fmt::format("echo key: {}", kHex), milliseconds(10'000)).status().code(),
            absl::StatusCode::kInvalidArgument);
  // One that never stops printing is cut off.
  EXPECT_FALSE(RunMasterKeyCommand("yes", milliseconds(10'000)).ok());
}

TEST(MasterKeyCommand, IsKilledWithAllItStartedWhenItTakesTooLong) {
  const TempDir dir;
  const auto begin = std::chrono::steady_clock::now();
  const auto late = RunMasterKeyCommand("sleep 60 & sleep 60", milliseconds(200));
  EXPECT_EQ(late.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(MessageOf(late.status()).find("within 200 ms"), std::string::npos) << late.status();
  EXPECT_FALSE(RunMasterKeyCommand(fmt::format("echo {}; exec >&-; sleep 60", kHex), milliseconds(200)).ok());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
}

}  // namespace
}  // namespace keyledger::vault

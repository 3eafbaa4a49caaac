// The command line and the configuration file of keyledgerd.
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/app/options.h"
#include "tests/support/temp_dir.h"

namespace keyledger::app {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kUsage = 2;

struct Outcome {
  ParsedOptions parsed;
  std::string out;
  std::string error;
};

Outcome Parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "keyledgerd");
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.parsed = ParseOptions(static_cast<int>(argv.size()), argv.data());
  outcome.out = ::testing::internal::GetCapturedStdout();
  outcome.error = ::testing::internal::GetCapturedStderr();
  return outcome;
}

TEST(Options, HaveDefaultsForAllButTheDataDirectory) {
  const Outcome outcome = Parse({"--data-dir", "/data"});
  EXPECT_EQ(outcome.parsed.exit_code, std::nullopt);
  EXPECT_EQ(outcome.parsed.options.data_dir, "/data");
  EXPECT_EQ(outcome.parsed.options.listen, "127.0.0.1:7450");
  EXPECT_EQ(outcome.parsed.options.log_format, "text");
}

TEST(Options, NameAnUnknownOptionAlsoWhenTheDataDirectoryIsMissing) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--no-such-option"}, {"--data-dir", "/data", "--no-such-option"}}) {
    const Outcome outcome = Parse(arguments);
    EXPECT_EQ(outcome.parsed.exit_code, kUsage);
    EXPECT_THAT(outcome.error, AllOf(HasSubstr("--no-such-option"), HasSubstr("--help"), Not(HasSubstr("--data-dir"))));
  }
}

TEST(Options, NeedADataDirectory) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{}, {"--data-dir", ""}}) {
    const Outcome outcome = Parse(arguments);
    EXPECT_EQ(outcome.parsed.exit_code, kUsage);
    EXPECT_THAT(outcome.error, AllOf(HasSubstr("--data-dir is required"), HasSubstr("--help")));
  }
}

TEST(Options, ComeFromAFileAndAFlagWins) {
  const keyledger::testing::TempDir directory;
  const std::string path = directory / "keyledgerd.conf";
  std::ofstream(path) << "data-dir = \"/from-file\"\nlog-format = \"json\"\n";
  const Outcome outcome = Parse({"--config", path, "--data-dir", "/from-flag"});
  EXPECT_EQ(outcome.parsed.exit_code, std::nullopt) << outcome.error;
  EXPECT_EQ(outcome.parsed.options.data_dir, "/from-flag");
  EXPECT_EQ(outcome.parsed.options.log_format, "json");
  EXPECT_EQ(Parse({"--config", path}).parsed.options.data_dir, "/from-file");
}

TEST(Options, NameAnUnknownKeyOfTheFile) {
  const keyledger::testing::TempDir directory;
  const std::string path = directory / "keyledgerd.conf";
  std::ofstream(path) << "no-such-key = 1\n";
  const Outcome outcome = Parse({"--config", path});
  EXPECT_EQ(outcome.parsed.exit_code, kUsage);
  EXPECT_THAT(outcome.error, HasSubstr("no-such-key"));
}

TEST(Options, NeedBothHalvesOfACertificate) {
  const keyledger::testing::TempDir directory;
  const std::string path = directory / "key.pem";
  std::ofstream(path) << "key";
  const Outcome outcome = Parse({"--data-dir", "/data", "--tls-key", path});
  EXPECT_EQ(outcome.parsed.exit_code, kUsage);
  EXPECT_THAT(outcome.error, HasSubstr("--tls-certificate"));
}

TEST(Options, HelpAndVersionEndWellWithoutADataDirectory) {
  EXPECT_EQ(Parse({"--help"}).parsed.exit_code, 0);
  const Outcome version = Parse({"--version"});
  EXPECT_EQ(version.parsed.exit_code, 0);
  EXPECT_EQ(version.out, "keyledgerd " KEYLEDGER_VERSION "\n");
}

TEST(Options, TakeAMasterKeyFromAFileOrACommandButNotBoth) {
  const std::vector<std::string> base = {"--data-dir", "/data"};
  const auto parse = [&base](std::vector<std::string> more) {
    more.insert(more.begin(), base.begin(), base.end());
    return Parse(more);
  };
  Outcome outcome = parse({"--master-key-file", "/k", "--previous-master-key-command", "kms old", "--vault-dir", "/v"});
  EXPECT_EQ(outcome.parsed.exit_code, std::nullopt) << outcome.error;
  EXPECT_EQ(outcome.parsed.options.master_key_file, "/k");
  EXPECT_EQ(outcome.parsed.options.previous_master_key_command, "kms old");
  EXPECT_EQ(outcome.parsed.options.vault_dir, "/v");
  EXPECT_FALSE(outcome.parsed.options.accept_other_vault);
  EXPECT_TRUE(parse({"--accept-other-vault"}).parsed.options.accept_other_vault);
  outcome = parse({"--master-key-file", "/k", "--master-key-command", "kms"});
  EXPECT_EQ(outcome.parsed.exit_code, kUsage);
  EXPECT_THAT(outcome.error, AllOf(HasSubstr("--master-key-file"), HasSubstr("--master-key-command")));
  outcome =
      parse({"--master-key-file", "/k", "--previous-master-key-file", "/p", "--previous-master-key-command", "c"});
  EXPECT_EQ(outcome.parsed.exit_code, kUsage);
  EXPECT_THAT(outcome.error, HasSubstr("--previous-master-key-file"));
  outcome = parse({"--previous-master-key-file", "/p"});
  EXPECT_EQ(outcome.parsed.exit_code, kUsage);
  EXPECT_THAT(outcome.error, HasSubstr("needs the key to change to"));
}

}  // namespace
}  // namespace keyledger::app

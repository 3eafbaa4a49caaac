// The import on real files: every row accounted for, every amount exact. Skipped where the data is not there.
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include <gtest/gtest.h>

#include "client/cli/app.h"
#include "tests/unit/client/fake_ledger.h"

namespace keyledger::cli {
namespace {

std::filesystem::path Data() { return std::filesystem::path(KL_SOURCE_DIR) / "../shared/data"; }

struct Outcome {
  int code = 0;
  std::string out;
};

Outcome Import(const client::FakeLedger& server, const std::vector<std::string>& arguments) {
  std::vector<std::string> line = {"--server", server.address(), "--output", "json", "import", "purchases"};
  line.insert(line.end(), arguments.begin(), arguments.end());
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  Outcome outcome;
  outcome.code = Run(line, Environment{in, out, err});
  outcome.out = out.str();
  return outcome;
}

bool Has(const Outcome& outcome, const std::string& text) { return outcome.out.find(text) != std::string::npos; }

TEST(ImportRealData, TakesEveryRowOfTheCdnowSampleExactly) {
  if (!std::filesystem::exists(Data() / "cdnow/CDNOW_sample.txt")) {
    GTEST_SKIP() << "NOT TESTED: the real data is not at " << Data();
  }
  client::FakeLedger server;
  const std::vector<std::string> arguments = {(Data() / "cdnow/CDNOW_sample.txt").string(),
                                              "--columns",
                                              "account_id=2,occurred=3,units=4,amount=5",
                                              "--separator",
                                              "space",
                                              "--date-format",
                                              "%Y%m%d"};
  const Outcome first = Import(server, arguments);
  EXPECT_EQ(first.code, 0);
  EXPECT_TRUE(Has(first, "\"imported\":6919")) << first.out;
  EXPECT_TRUE(Has(first, "\"accounts_opened\":2357")) << first.out;
  EXPECT_TRUE(Has(first, "\"purchases\":{\"amount_micros\":\"244091940000\",\"rows\":6919,\"units\":\"16479\"}"))
      << first.out;
  const Outcome second = Import(server, arguments);
  EXPECT_TRUE(Has(second, "\"already_there\":6919")) << second.out;
  EXPECT_TRUE(Has(second, "\"accounts_opened\":0")) << second.out;
  EXPECT_EQ(server.applied().size(), 6919u + 2357u);
}

TEST(ImportRealData, TakesTheWholesalersCancellationsAsReturnsAndRejectsUnknownCustomers) {
  if (!std::filesystem::exists(Data() / "online_retail/invoices_2010_2011.csv")) {
    GTEST_SKIP() << "NOT TESTED: the real data is not at " << Data();
  }
  client::FakeLedger server;
  const std::filesystem::path rejects =
      std::filesystem::path(testing::TempDir()) / ("kl_rejects_" + std::to_string(getpid()));
  const Outcome outcome = Import(server, {(Data() / "online_retail/invoices_2010_2011.csv").string(), "--columns",
                                          "invoice=1,occurred=2,account_id=3,region=4,units=7,amount=8", "--header",
                                          "--date-format", "%Y-%m-%d %H:%M:%S", "--currency", "GBP", "--returns-prefix",
                                          "C", "--amount-unit", "milli", "--rejects", rejects.string()});
  std::filesystem::remove(rejects);
  EXPECT_EQ(outcome.code, 9);
  EXPECT_TRUE(Has(outcome, "\"rows_read\":25900")) << outcome.out;
  EXPECT_TRUE(Has(outcome, "\"rejected\":3710")) << outcome.out;
  EXPECT_TRUE(Has(outcome, "\"accounts_opened\":4372")) << outcome.out;
  EXPECT_TRUE(Has(outcome, "\"purchases\":{\"amount_micros\":\"8911407904000\",\"rows\":18536,\"units\":\"5181696\"}"))
      << outcome.out;
  EXPECT_TRUE(Has(outcome, "\"returns\":{\"amount_micros\":\"611342090000\",\"rows\":3654,\"units\":\"274808\"}"))
      << outcome.out;
}

}  // namespace
}  // namespace keyledger::cli

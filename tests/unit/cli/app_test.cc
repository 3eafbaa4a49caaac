// Whole command lines against a server in the test's process.
#include "client/cli/app.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/unit/client/fake_ledger.h"

namespace keyledger::cli {
namespace {

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

Outcome RunLine(const std::vector<std::string>& arguments, const std::string& input = "") {
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  Outcome outcome;
  outcome.code = Run(arguments, Environment{in, out, err});
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

// A command line for a server.
std::vector<std::string> At(const client::FakeLedger& server, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"--server", server.address(), "--timeout", "10"});
  return arguments;
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "kl_cli_test.XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    return (path_ / name).string();
  }
  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

 private:
  std::filesystem::path path_;
};

TEST(Run, RefusesAnArgumentThatIsNotUtf8) {
  const Outcome outcome = RunLine({"interaction", "make", "acme", "--result", "bad\xff"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.err,
            "error: argument 5 is not UTF-8: bad?\nSet the terminal to UTF-8, or convert what was pasted.\n");
}

TEST(ExitCode, TellsTheKindOfFailure) {
  const std::vector<std::pair<grpc::StatusCode, int>> expected = {{grpc::StatusCode::INVALID_ARGUMENT, 3},
                                                                  {grpc::StatusCode::NOT_FOUND, 4},
                                                                  {grpc::StatusCode::ALREADY_EXISTS, 5},
                                                                  {grpc::StatusCode::ABORTED, 5},
                                                                  {grpc::StatusCode::FAILED_PRECONDITION, 6},
                                                                  {grpc::StatusCode::RESOURCE_EXHAUSTED, 7},
                                                                  {grpc::StatusCode::DEADLINE_EXCEEDED, 7},
                                                                  {grpc::StatusCode::DATA_LOSS, 8},
                                                                  {grpc::StatusCode::INTERNAL, 8}};
  for (const auto& [code, exit] : expected) {
    client::FakeLedger server;
    server.FailAppends({client::RichStatus(code, "SOME_REASON", 0)});
    const Outcome outcome = RunLine(At(server, {"account", "open", "a"}));
    EXPECT_EQ(outcome.code, exit) << client::CodeName(code);
    EXPECT_NE(outcome.err.find("refused"), std::string::npos);
    EXPECT_NE(outcome.err.find("SOME_REASON"), std::string::npos);
    EXPECT_NE(outcome.err.find("field_a: is wrong"), std::string::npos);
    EXPECT_EQ(outcome.out, "");
  }
}

TEST(ExitCode, IsTwoForAWrongCommandLine) {
  const std::vector<std::vector<std::string>> lines = {{},
                                                       {"frobnicate"},
                                                       {"account"},
                                                       {"account", "frobnicate"},
                                                       {"account", "get"},
                                                       {"admin", "status", "--no-such"},
                                                       {"account", "get", "a", "--as-of", "yesterday"},
                                                       {"purchase", "record", "a"},
                                                       {"--output", "xml", "admin", "status"}};
  for (const auto& line : lines) {
    const Outcome outcome = RunLine(line);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_NE(outcome.err, "");
  }
  EXPECT_NE(RunLine({"frobnicate"}).err.find("frobnicate"), std::string::npos);
  EXPECT_NE(RunLine({"account", "frobnicate"}).err.find("frobnicate"), std::string::npos);
}

TEST(Cli, SaysWhereItLookedWhenThereIsNoServer) {
  const Outcome outcome = RunLine({"--server", "127.0.0.1:1", "--timeout", "0.2", "admin", "status"});
  EXPECT_EQ(outcome.code, 7);
  EXPECT_NE(outcome.err.find("127.0.0.1:1"), std::string::npos);
}

TEST(Cli, PrintsHelpAndVersion) {
  const Outcome help = RunLine({"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_NE(help.out.find("Exit codes"), std::string::npos);
  EXPECT_EQ(RunLine({"--version"}).out.substr(0, 10), "keyledger ");
}

TEST(Cli, PrintsTheResponseAsProtoJson) {
  client::FakeLedger server;
  const Outcome outcome = RunLine(At(server, {"--output", "json", "account", "open", "a", "--request-id", "r-1"}));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out,
            "{\"shard\":0,\"events\":[{\"position\":\"0\",\"revision\":\"0\",\"event_id\":\"\"}],\"decisions\":[],"
            "\"replayed\":false,\"cursor\":\"\"}\n");
  EXPECT_EQ(server.received(), (std::vector<std::string>{"r-1"}));
}

TEST(Conduct, HasAVerbForEachFactThatLimitsWatch) {
  client::FakeLedger server;
  const std::vector<std::vector<std::string>> lines = {
      {"conduct", "discount", "a", "--percent", "12.5", "--role", "seller", "--proposer", "s1", "--approval",
       "director=d1", "--request-id", "r1"},
      {"conduct", "gift", "a", "--contact", "li", "--item", "tea", "--value", "20", "--request-id", "r2"},
      {"conduct", "commission", "a", "--contact", "li", "--amount", "20", "--request-id", "r3"},
      {"conduct", "service", "a", "--kind", "visit", "--cost", "0", "--request-id", "r4"},
      {"conduct", "market-price", "a", "--sku", "tea", "--price", "9.5", "--request-id", "r5"}};
  for (const auto& line : lines) {
    const Outcome outcome = RunLine(At(server, line));
    EXPECT_EQ(outcome.code, 0) << line[1] << ": " << outcome.err;
  }
  EXPECT_EQ(server.received(), (std::vector<std::string>{"r1", "r2", "r3", "r4", "r5"}));
  const std::vector<std::vector<std::string>> wrong = {
      {"conduct", "discount", "a", "--percent", "12.3456", "--role", "seller", "--proposer", "s1"},
      {"conduct", "discount", "a", "--percent", "1", "--role", "seller", "--proposer", "s1", "--approval", "d1"},
      {"conduct", "gift", "a", "--contact", "li", "--item", "tea", "--value", "much"}};
  for (const auto& line : wrong) EXPECT_EQ(RunLine(At(server, line)).code, 2) << line.back();
}

TEST(TierLock, IsSetAndEndedByAVerbEach) {
  client::FakeLedger server;
  EXPECT_EQ(RunLine(At(server, {"tier", "lock", "a", "--ladder", "class", "--tier", "gold", "--reason", "strategic",
                                "--until", "2027-01-01", "--request-id", "r1"}))
                .code,
            0);
  EXPECT_EQ(
      RunLine(At(server, {"tier", "unlock", "a", "--ladder", "class", "--reason", "over", "--request-id", "r2"})).code,
      0);
  EXPECT_EQ(server.received(), (std::vector<std::string>{"r1", "r2"}));
  EXPECT_EQ(RunLine(At(server, {"tier", "lock", "a", "--ladder", "class", "--tier", "gold"})).code, 2) << "no reason";
  EXPECT_EQ(RunLine(At(server, {"tier", "lock", "a", "--ladder", "class", "--tier", "gold", "--reason", "x", "--until",
                                "soon"}))
                .code,
            2);
}

TEST(Cli, StreamsJsonLinesAndReportsRefusedOnes) {
  client::FakeLedger server;
  server.RefuseAlways("r-2", client::RichStatusBytes(grpc::StatusCode::NOT_FOUND, "ACCOUNT_NOT_FOUND", 0));
  const std::string lines =
      "{\"account_id\":\"a\",\"request_id\":\"r-1\"}\n\n{\"accountId\":\"a\",\"requestId\":\"r-2\"}\n";
  const Outcome outcome = RunLine(At(server, {"log", "stream"}), lines);
  EXPECT_EQ(outcome.code, 9);
  EXPECT_EQ(outcome.out, "line 1: appended at 0/0\nline 3: refused, ACCOUNT_NOT_FOUND refused\n");
  EXPECT_EQ(RunLine(At(server, {"log", "stream"}), "{\"nonsense\":1}\n").code, 2);
}

TEST(Cli, TailStopsAtItsLimit) {
  client::FakeLedger server;
  const Outcome outcome = RunLine(At(server, {"log", "tail", "--from", "beginning", "--limit", "3"}));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 3);
  EXPECT_NE(outcome.out.find("0/2"), std::string::npos);
}

std::vector<std::string> ImportFlags() {
  return {"--columns", "account_id=1,occurred=2,units=3,amount=4", "--separator", "space", "--date-format", "%Y%m%d"};
}

std::vector<std::string> ImportLine(const client::FakeLedger& server, const std::string& file) {
  std::vector<std::string> line = {"import", "purchases", file};
  const std::vector<std::string> flags = ImportFlags();
  line.insert(line.end(), flags.begin(), flags.end());
  return At(server, line);
}

TEST(Import, SendsEveryRowOnceHoweverOftenItRuns) {
  client::FakeLedger server;
  const TemporaryFolder folder;
  const std::string file =
      folder.Write("rows.txt", "b 19970112 1 12.00\na 19970101 1 11.77\nb 19970101 2 0\nb 19970112 1 12.00\n");
  const Outcome first = RunLine(ImportLine(server, file));
  EXPECT_EQ(first.code, 0) << first.err;
  // Two accounts opened, four rows.
  EXPECT_EQ(server.applied().size(), 6u);
  EXPECT_NE(first.out.find("35.77 USD"), std::string::npos) << first.out;
  const Outcome second = RunLine(ImportLine(server, file));
  EXPECT_EQ(second.code, 0);
  EXPECT_EQ(server.applied().size(), 6u);
  EXPECT_NE(second.out.find("already there            4"), std::string::npos) << second.out;
  EXPECT_FALSE(std::filesystem::exists(file + ".rejected.tsv"));
}

TEST(Import, WritesRejectedRowsWithTheirReasons) {
  client::FakeLedger server;
  const TemporaryFolder folder;
  const std::string file = folder.Write("rows.txt", "a 19970101 1 11.77\na someday 1 5\n\na 19970101 1\n");
  const Outcome outcome = RunLine(ImportLine(server, file));
  EXPECT_EQ(outcome.code, 9);
  EXPECT_EQ(TemporaryFolder::Read(file + ".rejected.tsv"),
            "line\treason\trow\n"
            "2\toccurred 'someday' does not match %Y%m%d\ta someday 1 5\n"
            "4\tcolumn 4 (amount) is missing: the row has 3\ta 19970101 1\n");
}

TEST(Import, RefusesAFileThatIsNotThere) {
  client::FakeLedger server;
  const Outcome outcome = RunLine(ImportLine(server, "/nowhere/rows.txt"));
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("/nowhere/rows.txt"), std::string::npos);
}

TEST(Demo, ChangesNothingTheSecondTime) {
  client::FakeLedger server;
  const Outcome first = RunLine(At(server, {"demo", "load", "--accounts", "5", "--no-story"}));
  EXPECT_EQ(first.code, 0) << first.err;
  const size_t applied = server.applied().size();
  EXPECT_GT(applied, 10u);
  const Outcome second = RunLine(At(server, {"demo", "load", "--accounts", "5", "--no-story"}));
  EXPECT_EQ(second.code, 0);
  EXPECT_EQ(server.applied().size(), applied);
  EXPECT_NE(second.out.find("nothing has changed"), std::string::npos);
}

TEST(Completion, OffersNounsVerbsAndOptions) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Outcome outcome = RunLine({"completion", shell});
    EXPECT_EQ(outcome.code, 0);
    for (const char* word : {"retention", "cohorts", "batch-get", "columns", "rank-migration", "supplier-rank"}) {
      EXPECT_NE(outcome.out.find(word), std::string::npos) << shell << " " << word;
    }
  }
}

}  // namespace
}  // namespace keyledger::cli

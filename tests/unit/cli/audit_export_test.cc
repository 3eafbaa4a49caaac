// keyledger audit export, standing and replay: the file that is written or not, what is printed, and the exit codes.
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "client/cli/app.h"
#include "keyledger/ledger/v1/audit_service.grpc.pb.h"

namespace keyledger::cli {
namespace {

namespace v1 = ledger::v1;

// Gives out what the test says, then `status`.
class FakeExports final : public v1::AuditService::Service {
 public:
  FakeExports() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeExports() override { server_->Shutdown(); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  grpc::Status ExportBundle(grpc::ServerContext*, const v1::ExportBundleRequest* request,
                            grpc::ServerWriter<v1::ExportBundleResponse>* writer) override {
    asked = request->ShortDebugString();
    calls += 1;
    uint64_t done = 0;
    for (const std::string& data : pieces) {
      v1::ExportBundleResponse piece;
      piece.set_data(data);
      piece.set_records_done(done += 1'000);
      piece.set_records_total(1'000 * pieces.size());
      writer->Write(piece);
    }
    return status;
  }
  grpc::Status GetSignedStanding(grpc::ServerContext*, const v1::GetSignedStandingRequest* request,
                                 v1::GetSignedStandingResponse* response) override {
    asked = request->ShortDebugString();
    response->set_statement("keyledger-standing/1\naccount: acme\n\n\xe2\x80\x94 name signature\n");
    response->set_tree_size(42);
    return status;
  }
  grpc::Status Replay(grpc::ServerContext*, const v1::ReplayRequest* request,
                      grpc::ServerWriter<v1::ReplayResponse>* writer) override {
    asked = request->ShortDebugString();
    for (const v1::ReplayResponse& frame : frames) writer->Write(frame);
    return status;
  }

  std::vector<std::string> pieces = {"one ", "two ", "three"};
  std::vector<v1::ReplayResponse> frames;
  grpc::Status status;
  std::string asked;
  int calls = 0;

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

class AuditExport : public ::testing::Test {
 protected:
  AuditExport() {
    std::string pattern = (std::filesystem::temp_directory_path() / "kl_audit_export_test.XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~AuditExport() override { std::filesystem::remove_all(folder_); }

  std::string File(const std::string& name) const { return (folder_ / name).string(); }
  // "" if there is no such file.
  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  size_t Files() const { return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder_), {})); }
  Outcome Run(std::vector<std::string> arguments, const std::string& output = "table") {
    arguments.insert(arguments.begin(), {"--server", server.address(), "--timeout", "10", "--output", output, "audit"});
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    Outcome outcome;
    outcome.code = cli::Run(arguments, Environment{in, out, err});
    outcome.out = out.str();
    outcome.err = err.str();
    return outcome;
  }

  FakeExports server;
  std::filesystem::path folder_;
};

TEST_F(AuditExport, WritesTheFileAndSaysWhatIsInIt) {
  const Outcome outcome = Run({"export", File("ledger")});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(Read(File("ledger")), "one two three");
  EXPECT_EQ(outcome.out, File("ledger") + ": 3,000 records in 13 bytes; check it with keyledger-verify bundle\n");
  EXPECT_EQ(server.asked, "");
  EXPECT_EQ(Files(), 1u);
}

TEST_F(AuditExport, OfOneAccountAsksForItAndAnswersInJson) {
  const Outcome outcome = Run({"export", File("acme"), "--account", "acme"}, "json");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "{\"bytes\":13,\"file\":\"" + File("acme") + "\",\"records\":3000}\n");
  EXPECT_EQ(server.asked, "account_id: \"acme\"");
}

TEST_F(AuditExport, WritesOverAFileOnlyWhenItIsTold) {
  std::ofstream(File("ledger")) << "precious";
  const Outcome refused = Run({"export", File("ledger")});
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find(File("ledger") + " exists; --force writes over it"), std::string::npos) << refused.err;
  EXPECT_EQ(Read(File("ledger")), "precious");
  EXPECT_EQ(server.calls, 0);
  EXPECT_EQ(Run({"export", File("ledger"), "--force"}).code, 0);
  EXPECT_EQ(Read(File("ledger")), "one two three");
}

TEST_F(AuditExport, LeavesNothingOfAnExportThatEndedEarly) {
  std::ofstream(File("ledger")) << "precious";
  server.status = grpc::Status(grpc::StatusCode::UNAVAILABLE, "the server stops");
  Outcome outcome = Run({"export", File("ledger"), "--force"});
  EXPECT_EQ(outcome.code, 7);
  EXPECT_NE(outcome.err.find("the server stops"), std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(Read(File("ledger")), "precious");
  EXPECT_EQ(Files(), 1u);
  // Cancelled by the server, too many at once, no such account.
  server.status = grpc::Status(grpc::StatusCode::CANCELLED, "cancelled");
  EXPECT_EQ(Run({"export", File("other")}).code, 7);
  server.status = grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "2 exports are under way already");
  outcome = Run({"export", File("other")});
  EXPECT_EQ(outcome.code, 7);
  EXPECT_NE(outcome.err.find("2 exports are under way already"), std::string::npos) << outcome.err;
  server.status = grpc::Status(grpc::StatusCode::NOT_FOUND, "there is no such account");
  EXPECT_EQ(Run({"export", File("other")}).code, 4);
  EXPECT_EQ(Files(), 1u);
}

TEST_F(AuditExport, NamesTheFileThatItCannotMake) {
  const Outcome outcome = Run({"export", File("no/such/folder")});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("cannot make " + File("no/such/folder") + ".part"), std::string::npos) << outcome.err;
  EXPECT_EQ(server.calls, 0);
  EXPECT_EQ(Run({"export"}).code, 2);
}

TEST_F(AuditExport, BeginsAnewOverWhatAnEarlierRunLeft) {
  std::ofstream(File("ledger.part")) << "much longer than what is written now";
  EXPECT_EQ(Run({"export", File("ledger")}).code, 0);
  EXPECT_EQ(Read(File("ledger")), "one two three");
  EXPECT_EQ(Files(), 1u);
}

TEST_F(AuditExport, StandingPrintsTheSignedStatementAsItIs) {
  Outcome outcome = Run({"standing", "acme"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "keyledger-standing/1\naccount: acme\n\n\xe2\x80\x94 name signature\n");
  EXPECT_EQ(server.asked, "account_id: \"acme\"");
  outcome = Run({"standing", "acme"}, "json");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.out.find("\"tree_size\""), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("keyledger-standing/1\\naccount: acme\\n"), std::string::npos) << outcome.out;
  EXPECT_EQ(Run({"standing"}).code, 2);
  server.status = grpc::Status(grpc::StatusCode::NOT_FOUND, "there is no such account");
  EXPECT_EQ(Run({"standing", "nobody"}).code, 4);
}

class AuditReplayCommand : public AuditExport {
 protected:
  AuditReplayCommand() {
    server.frames.resize(3);
    server.frames[0].mutable_progress()->set_records_total(5'000);
    audit::v1::Finding& finding = *server.frames[1].mutable_finding();
    finding.set_kind(audit::v1::FINDING_KIND_BAD_TILE);
    finding.set_shard(2);
    finding.set_position(17);
    finding.set_account_id("ac\nme");
    finding.set_message("a tile holds another hash");
    finding.set_expected("this");
    finding.set_found("that");
    audit::v1::ReplayReport& report = *server.frames[2].mutable_report();
    report.set_records(5'000);
    report.set_accounts(12);
    report.set_decisions(345);
    report.set_programs(2);
    report.set_findings(1);
    report.add_not_checked("the stored tiles");
    audit::v1::FindingCount& count = *report.add_by_kind();
    count.set_kind(audit::v1::FINDING_KIND_BAD_TILE);
    count.set_count(1);
  }
};

TEST_F(AuditReplayCommand, PrintsFindingsAndReportAndExitsWithEight) {
  const Outcome outcome = Run({"replay", "--account", "acme", "--rate", "70", "--findings-max", "9"});
  EXPECT_EQ(outcome.code, 8) << outcome.err;
  EXPECT_EQ(server.asked, "account_id: \"acme\" records_per_second_max: 70 findings_max: 9");
  EXPECT_NE(
      outcome.out.find("BAD_TILE at 2/17, account ac?me\n  a tile holds another hash\n  expected: this\n  found:  "
                       "  that\n"),
      std::string::npos)
      << outcome.out;
  EXPECT_NE(outcome.out.find("5,000 records of 12 accounts replayed, 345 decisions derived again under 2 program "
                             "versions\n"),
            std::string::npos)
      << outcome.out;
  EXPECT_NE(outcome.out.find("not checked\n  - the stored tiles\n"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("1 findings\n"), std::string::npos) << outcome.out;
}

TEST_F(AuditReplayCommand, PrintsALineOfJsonForEachFindingAndTheReport) {
  const Outcome outcome = Run({"replay"}, "json");
  EXPECT_EQ(outcome.code, 8);
  std::istringstream lines(outcome.out);
  std::vector<std::string> found;
  for (std::string line; std::getline(lines, line);) found.push_back(line);
  ASSERT_EQ(found.size(), 2u) << outcome.out;
  EXPECT_NE(found[0].find("FINDING_KIND_BAD_TILE"), std::string::npos) << found[0];
  EXPECT_NE(found[1].find("\"report\""), std::string::npos) << found[1];
}

TEST_F(AuditReplayCommand, ExitsWithZeroWhereNothingWasFound) {
  server.frames.erase(server.frames.begin() + 1);
  server.frames[1].mutable_report()->set_findings(0);
  server.frames[1].mutable_report()->clear_by_kind();
  const Outcome outcome = Run({"replay"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.out.find("nothing was found\n"), std::string::npos) << outcome.out;
}

TEST_F(AuditReplayCommand, SaysWhyItEndedEarly) {
  server.frames.resize(1);
  server.status = grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "a replay is under way already");
  const Outcome outcome = Run({"replay"});
  EXPECT_EQ(outcome.code, 7);
  EXPECT_NE(outcome.err.find("a replay is under way already"), std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.out, "");
}

}  // namespace
}  // namespace keyledger::cli

// Command lines of reviews, programs and the liability, against services that answer as they are told.
#include <sstream>

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "client/cli/app.h"
#include "client/cli/command.h"
#include "keyledger/ledger/v1/program_service.grpc.pb.h"
#include "keyledger/ledger/v1/tier_service.grpc.pb.h"
#include "tests/unit/client/fake_ledger.h"

namespace keyledger::cli {
namespace {

using ::testing::HasSubstr;

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

Outcome RunLine(const std::vector<std::string>& arguments) {
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  Outcome outcome;
  outcome.code = Run(arguments, Environment{in, out, err});
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

// One review, preview-7 of four accounts, with two changes on a page each; programs that are named by their version.
class FakeServices : public v1::TierService::Service, public v1::ProgramService::Service {
 public:
  FakeServices() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(static_cast<v1::TierService::Service*>(this));
    builder.RegisterService(static_cast<v1::ProgramService::Service*>(this));
    server_ = builder.BuildAndStart();
  }
  ~FakeServices() override { server_->Shutdown(std::chrono::system_clock::now()); }

  Outcome RunAt(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"--server", "127.0.0.1:" + std::to_string(port_), "--timeout", "10"});
    return RunLine(arguments);
  }

  grpc::Status StartReview(grpc::ServerContext*, const v1::StartReviewRequest* request,
                           v1::StartReviewResponse* response) override {
    started_ = *request;
    if (!start_.ok()) {
      return start_;
    }
    response->mutable_review()->set_review_id("preview-7");
    return grpc::Status::OK;
  }
  grpc::Status GetReview(grpc::ServerContext*, const v1::GetReviewRequest* request,
                         v1::GetReviewResponse* response) override {
    if (!get_.ok()) {
      return get_;
    }
    response->mutable_review()->set_review_id(request->review_id());
    response->mutable_review()->set_state(v1::REVIEW_STATE_COMPLETED);
    response->set_changes_total(2);
    response->add_changes()->set_account_id(request->page_token().empty() ? "a" : "b");
    response->set_next_page_token(request->page_token().empty() ? "p2" : "");
    return grpc::Status::OK;
  }
  grpc::Status GetProgram(grpc::ServerContext*, const v1::GetProgramRequest* request,
                          v1::GetProgramResponse* response) override {
    auto& program = *response->mutable_program()->mutable_program();
    program.set_program_id(request->program_id());
    program.set_version(request->version());
    program.set_display_name("version " + std::to_string(request->version()));
    return grpc::Status::OK;
  }
  grpc::Status Simulate(grpc::ServerContext*, const v1::SimulateRequest* request,
                        grpc::ServerWriter<v1::SimulateResponse>*) override {
    simulated_ = *request;
    return grpc::Status::OK;
  }

  // How the calls fail.
  grpc::Status start_;
  grpc::Status get_;
  // What was asked last.
  v1::StartReviewRequest started_;
  v1::SimulateRequest simulated_;

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST(ReviewCommand, RefusesAMomentThatIsNoTime) {
  const Outcome outcome = RunLine({"tier", "review", "start", "ranks", "--as-of", "new year"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("'new year' is no time"));
}

TEST(ReviewCommand, NamesTheReviewAtOnceAndTheRestOfItsChangesByIt) {
  FakeServices server;
  const Outcome outcome = server.RunAt({"tier", "review", "start", "ranks@3", "--as-of", "2026-01-01", "--preview"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(server.started_.program_id(), "ranks");
  EXPECT_EQ(server.started_.program_version(), 3u);
  EXPECT_EQ(server.started_.as_of().seconds(), 1'767'225'600);
  EXPECT_EQ(outcome.err.substr(0, 20), "following preview-7\n");
  EXPECT_THAT(outcome.err, HasSubstr("more: keyledger tier review show preview-7 --all, or keyledger tier review show "
                                     "preview-7 --page-token p2\n"));
}

TEST(ReviewCommand, SaysHowToGoOnWhenFollowingFails) {
  FakeServices server;
  server.get_ = client::RichStatus(grpc::StatusCode::DATA_LOSS, "STORE_DAMAGED", 0);
  const Outcome outcome = server.RunAt({"tier", "review", "start", "ranks", "--as-of", "2026-01-01"});
  EXPECT_EQ(outcome.code, 8);
  EXPECT_THAT(outcome.err, HasSubstr("go on with: keyledger tier review show preview-7\n"));
}

TEST(ReviewCommand, AdvisesInItsOwnWordsWhenAReviewIsRefused) {
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"REVIEW_RUNNING", "keyledger tier review show"},
      {"REVIEW_NOT_POSSIBLE", "--reruns REVIEW"},
      {"REVIEW_NOT_FOUND", "keyledger tier review list"}};
  for (const auto& [reason, advice] : expected) {
    FakeServices server;
    server.start_ = client::RichStatus(grpc::StatusCode::FAILED_PRECONDITION, reason, 0);
    const Outcome outcome = server.RunAt({"tier", "review", "start", "ranks", "--as-of", "2026-01-01"});
    EXPECT_EQ(outcome.code, 6);
    EXPECT_THAT(outcome.err.substr(outcome.err.find("  do:")), HasSubstr(advice)) << reason;
  }
}

TEST(Advice, IsGivenForWhateverAProgramsLimitsRefuse) {
  for (const char* reason :
       {"REDEMPTION_WINDOW_CLOSED", "REDEMPTION_LIMIT", "RESERVATION_EXISTS", "RESERVATION_NOT_OPEN",
        "RESERVATION_LIMIT", "TRANSFER_NOT_FOUND", "TRANSFER_EXISTS", "TRANSFER_LIMIT", "LIMIT_EXCEEDED"}) {
    client::FakeLedger server;
    server.FailAppends({client::RichStatus(grpc::StatusCode::FAILED_PRECONDITION, reason, 0)});
    const Outcome outcome = RunLine({"--server", server.address(), "account", "open", "a"});
    EXPECT_THAT(outcome.err, HasSubstr("  do:     ")) << reason;
  }
}

TEST(ProgramCommands, NameAPublishedVersionAllTheSameWay) {
  FakeServices server;
  EXPECT_THAT(server.RunAt({"program", "get", "loyalty@2"}).out, HasSubstr("version 2"));
  EXPECT_EQ(server.RunAt({"program", "explain", "loyalty@2"}).code, 0);
  EXPECT_EQ(server.RunAt({"program", "simulate", "loyalty@2", "--from", "2025-01-01"}).code, 0);
  EXPECT_EQ(server.simulated_.published().program_id(), "loyalty");
  EXPECT_EQ(server.simulated_.published().version(), 2u);
  EXPECT_EQ(server.RunAt({"program", "simulate", "loyalty", "--from", "2025-01-01"}).code, 0);
  EXPECT_EQ(server.simulated_.published().version(), 0u);
  for (const char* wrong : {"loyalty@", "loyalty@0", "loyalty@x", "loyalty@2x"}) {
    EXPECT_EQ(RunLine({"program", "get", wrong}).code, 2) << wrong;
    EXPECT_EQ(RunLine({"program", "explain", wrong}).code, 2) << wrong;
    EXPECT_EQ(RunLine({"program", "simulate", wrong, "--from", "2025-01-01"}).code, 2) << wrong;
    EXPECT_EQ(RunLine({"tier", "review", "start", wrong, "--as-of", "2026-01-01"}).code, 2) << wrong;
  }
}

TEST(ProgramDiff, AsJsonIsAnArrayOfDifferences) {
  FakeServices server;
  const Outcome outcome = server.RunAt({"--output", "json", "program", "diff", "loyalty@1", "loyalty@2"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "{\"differences\":[\"display name was version 1, is now version 2\"]}\n");
  EXPECT_EQ(server.RunAt({"--output", "json", "program", "diff", "loyalty@1", "loyalty@1"}).out,
            "{\"differences\":[]}\n");
}

TEST(LiabilityCommand, RefusesAssumptionsThatAreNone) {
  for (const char* expected : {"1.5", "-1", "many"}) {
    const Outcome outcome = RunLine({"points", "liability", "--allocated", "10", "--expected-redeemed", expected});
    EXPECT_EQ(outcome.code, 2) << expected;
    EXPECT_THAT(outcome.err, HasSubstr("is no number of points"));
  }
  for (const char* rate : {"7", "1.000001", "-0.1", "half"}) {
    const Outcome outcome = RunLine({"points", "liability", "--price", "10", "--redemption-rate", rate});
    EXPECT_EQ(outcome.code, 2) << rate;
    EXPECT_THAT(outcome.err, HasSubstr("is no share"));
  }
}

}  // namespace
}  // namespace keyledger::cli

// What a server refuses to start on, and what it offers besides the ledger's services.
#include <filesystem>
#include <fstream>

#include <grpcpp/generic/generic_stub.h>

#include "grpc/health/v1/health.grpc.pb.h"
#include "server/base/error.h"
#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

absl::Status StartWith(const app::Options& options) {
  FakeClock clock(kToday);
  return app::Server::Start(options, clock).status();
}

TEST(Start, RefusesADirectoryThatAnotherServerHas) {
  LiveServer server;
  const absl::Status refused = StartWith(TestOptions(server.options().data_dir));
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition) << refused;
  // The one that was there goes on.
  server.MustAppend(Request("acme", "r1", {Opened()}));
}

TEST(Start, RefusesAPortInUse) {
  LiveServer server;
  const TempDir directory;
  app::Options options = TestOptions(directory / "ledger");
  options.listen = "127.0.0.1:" + std::to_string(server.server().port());
  const absl::Status refused = StartWith(options);
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable) << refused;
  EXPECT_NE(MessageOf(refused).find(options.listen), std::string::npos) << refused;
}

TEST(Start, RefusesADirectoryThatCannotBeWritten) {
  const TempDir directory;
  std::ofstream(directory / "file") << "not a directory";
  const absl::Status refused = StartWith(TestOptions(directory / "file/ledger"));
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable) << refused;
  EXPECT_NE(MessageOf(refused).find("file/ledger"), std::string::npos) << refused;
}

TEST(Start, RefusesAnotherNumberOfShards) {
  LiveServer server(2);
  app::Options options = server.options();
  server.Stop();
  options.shards = 3;
  // The directory must not be held by the stopped server any more.
  const TempDir copy;
  std::filesystem::copy(options.data_dir, copy / "ledger", std::filesystem::copy_options::recursive);
  options.data_dir = copy / "ledger";
  const absl::Status refused = StartWith(options);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition) << refused;
  options.shards = std::nullopt;
  EXPECT_TRUE(StartWith(options).ok());
}

TEST(Start, RefusesToListenBeyondLoopbackWithoutTls) {
  const TempDir directory;
  app::Options options = TestOptions(directory / "ledger");
  options.listen = "0.0.0.0:0";
  const absl::Status refused = StartWith(options);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition) << refused;
  EXPECT_FALSE(std::filesystem::exists(options.data_dir));
  options.allow_insecure = true;
  EXPECT_TRUE(StartWith(options).ok());
}

TEST(Start, RefusesADamagedLedgerFileAndSaysWhere) {
  LiveServer server;
  const TempDir copy;
  server.Stop();
  std::filesystem::copy(server.options().data_dir, copy / "ledger", std::filesystem::copy_options::recursive);
  std::ofstream(copy / "ledger/LEDGER", std::ios::trunc) << "garbage";
  const absl::Status refused = StartWith(TestOptions(copy / "ledger"));
  EXPECT_EQ(refused.code(), absl::StatusCode::kDataLoss) << refused;
  EXPECT_NE(MessageOf(refused).find("LEDGER"), std::string::npos) << refused;
}

TEST(Start, AgainOnTheSameDirectoryFindsEverything) {
  LiveServer server(2);
  server.Publish(kPlainProgram);
  const auto answer = server.MustAppend(Request("acme", "r1", {Opened(), Bought(10)}));
  const std::string head = server.HeadCursor();
  server.Restart();
  EXPECT_EQ(server.HeadCursor(), head);
  const auto again = server.MustAppend(Request("acme", "r1", {Opened(), Bought(10)}));
  EXPECT_TRUE(again.replayed());
  EXPECT_EQ(again.events(1).position(), answer.events(1).position());
}

TEST(Stop, IsIdempotent) {
  LiveServer server;
  server.Stop();
  server.Stop();
}

TEST(Health, IsServing) {
  LiveServer server;
  const auto stub = grpc::health::v1::Health::NewStub(server.channel());
  grpc::ClientContext context;
  grpc::health::v1::HealthCheckResponse response;
  ASSERT_TRUE(stub->Check(&context, {}, &response).ok());
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
}

TEST(Reflection, ListsTheServices) {
  LiveServer server;
  grpc::GenericStub stub(server.channel());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  grpc::CompletionQueue queue;
  const auto call =
      stub.PrepareCall(&context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  const auto step = [&] {
    void* tag = nullptr;
    bool ok = false;
    EXPECT_TRUE(queue.Next(&tag, &ok));
    EXPECT_TRUE(ok);
  };
  call->StartCall(nullptr);
  step();
  // ServerReflectionRequest with list_services (field 7) = "*".
  grpc::Slice slice(std::string("\x3a\x01*", 3));
  call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
  step();
  grpc::ByteBuffer answer;
  call->Read(&answer, nullptr);
  step();
  grpc::Slice whole;
  ASSERT_TRUE(answer.DumpToSingleSlice(&whole).ok());
  const std::string text(reinterpret_cast<const char*>(whole.begin()), whole.size());
  for (const char* const service :
       {"keyledger.ledger.v1.LedgerService", "keyledger.ledger.v1.AccountService", "keyledger.ledger.v1.PointsService",
        "keyledger.ledger.v1.TierService", "keyledger.ledger.v1.RetentionService", "keyledger.ledger.v1.PortfolioService", "keyledger.ledger.v1.EngagementService", "keyledger.ledger.v1.PipelineService", "keyledger.ledger.v1.ProgramService",
        "keyledger.ledger.v1.AdminService", "grpc.health.v1.Health"}) {
    EXPECT_NE(text.find(service), std::string::npos) << service;
  }
  context.TryCancel();
  grpc::Status status;
  call->Finish(&status, nullptr);
  step();
}

}  // namespace
}  // namespace keyledger::testing

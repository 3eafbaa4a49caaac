// See live_server.h.
#include "tests/integration/live_server.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "server/base/check.h"

namespace keyledger::testing {

app::Options TestOptions(const std::string& data_dir) {
  app::Options options;
  options.data_dir = data_dir;
  options.listen = "127.0.0.1:0";
  options.sweep_interval_seconds = 0;
  options.checkpoint_interval_seconds = 0;
  options.disk_reserve_mib = 0;
  options.block_cache_mib = 8;
  options.stop_seconds_max = 20;
  options.worker_threads = 4;
  return options;
}

LiveServer::LiveServer(uint32_t shards, std::function<void(app::Options&)> change)
    : options_(TestOptions(directory_ / "ledger")) {
  options_.shards = shards;
  if (change) change(options_);
  Start();
}

LiveServer::~LiveServer() = default;

void LiveServer::Restart() {
  server_.reset();
  Start();
}

void LiveServer::Start() {
  auto server = app::Server::Start(options_, clock_);
  EXPECT_TRUE(server.ok()) << server.status();
  KL_CHECK(server.ok());
  server_ = *std::move(server);
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(64 << 20);
  // A channel of its own: stubs of two servers on one port, one after the other, do not share a connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  channel_ = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server_->port()),
                                       grpc::InsecureChannelCredentials(), arguments);
  ledger_ = ledger::v1::LedgerService::NewStub(channel_);
  accounts_ = ledger::v1::AccountService::NewStub(channel_);
  points_ = ledger::v1::PointsService::NewStub(channel_);
  tiers_ = ledger::v1::TierService::NewStub(channel_);
  retention_ = ledger::v1::RetentionService::NewStub(channel_);
  portfolio_ = ledger::v1::PortfolioService::NewStub(channel_);
  engagement_ = ledger::v1::EngagementService::NewStub(channel_);
  programs_ = ledger::v1::ProgramService::NewStub(channel_);
  audit_ = ledger::v1::AuditService::NewStub(channel_);
  admin_ = ledger::v1::AdminService::NewStub(channel_);
}

grpc::Status LiveServer::Append(const ledger::v1::AppendRequest& request, ledger::v1::AppendResponse* response) {
  return Call(ledger(), &ledger::v1::LedgerService::Stub::Append, request, response);
}

ledger::v1::AppendResponse LiveServer::MustAppend(const ledger::v1::AppendRequest& request) {
  ledger::v1::AppendResponse response;
  const grpc::Status status = Append(request, &response);
  EXPECT_TRUE(status.ok()) << ReadRpcError(status);
  return response;
}

RpcError LiveServer::Refused(const ledger::v1::AppendRequest& request) {
  ledger::v1::AppendResponse response;
  const grpc::Status status = Append(request, &response);
  EXPECT_FALSE(status.ok());
  return ReadRpcError(status);
}

void LiveServer::Publish(const std::string& yaml) {
  ledger::v1::PublishProgramRequest request;
  request.set_source_yaml(yaml);
  request.set_request_id("publish");
  ledger::v1::PublishProgramResponse response;
  const grpc::Status status = Call(programs(), &ledger::v1::ProgramService::Stub::PublishProgram, request, &response);
  EXPECT_TRUE(status.ok()) << ReadRpcError(status);
}

std::string LiveServer::HeadCursor() {
  ledger::v1::GetStatusResponse response;
  const grpc::Status status =
      Call(admin(), &ledger::v1::AdminService::Stub::GetStatus, ledger::v1::GetStatusRequest(), &response);
  EXPECT_TRUE(status.ok()) << ReadRpcError(status);
  return response.head_cursor();
}

std::vector<ShardRecords> LiveServer::ReadLog(const ledger::v1::ReadLogRequest& request, std::string* cursor) {
  std::vector<ShardRecords> shards(server_->ledger().shard_count());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  const auto reader = ledger().ReadLog(&context, request);
  ledger::v1::ReadLogResponse frame;
  while (reader->Read(&frame)) {
    EXPECT_LT(frame.shard(), shards.size());
    bool first = true;
    for (const std::string& bytes : frame.records()) {
      events::v1::EventRecord& record = shards[frame.shard()].emplace_back();
      EXPECT_TRUE(record.ParseFromString(bytes));
      EXPECT_EQ(record.shard(), frame.shard());
      if (std::exchange(first, false)) {
        EXPECT_EQ(record.position(), frame.first_position());
      }
    }
    if (cursor != nullptr) *cursor = frame.cursor();
  }
  const grpc::Status status = reader->Finish();
  EXPECT_TRUE(status.ok()) << ReadRpcError(status);
  return shards;
}

}  // namespace keyledger::testing

// LiveServer: keyledgerd in this process, on a free port and a directory of its own, with the stubs to call it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include "keyledger/ledger/v1/account_service.grpc.pb.h"
#include "keyledger/ledger/v1/admin_service.grpc.pb.h"
#include "keyledger/ledger/v1/audit_service.grpc.pb.h"
#include "keyledger/ledger/v1/engagement_service.grpc.pb.h"
#include "keyledger/ledger/v1/ledger_service.grpc.pb.h"
#include "keyledger/ledger/v1/points_service.grpc.pb.h"
#include "keyledger/ledger/v1/portfolio_service.grpc.pb.h"
#include "keyledger/ledger/v1/program_service.grpc.pb.h"
#include "keyledger/ledger/v1/retention_service.grpc.pb.h"
#include "keyledger/ledger/v1/tier_service.grpc.pb.h"
#include "server/app/server.h"
#include "tests/support/append_requests.h"
#include "tests/support/fake_clock.h"
#include "tests/support/rpc_error.h"
#include "tests/support/temp_dir.h"

namespace keyledger::testing {

// A call that would hang fails after this instead.
inline constexpr std::chrono::seconds kPatience{60};

// Options of a server for a test: loopback, a free port, nothing that runs by itself.
app::Options TestOptions(const std::string& data_dir);

// Calls a unary method: Call(stub, &Stub::Method, request, &response).
template <class Stub, class Request, class Response>
grpc::Status Call(Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                  const Request& request, Response* response) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  return (stub.*method)(&context, request, response);
}

// Records of one shard as ReadLog gave them.
using ShardRecords = std::vector<events::v1::EventRecord>;

class LiveServer {
 public:
  explicit LiveServer(uint32_t shards = 1, std::function<void(app::Options&)> change = {});
  ~LiveServer();

  void Stop() { server_->Stop(); }
  // Lets go of the data directory; nothing but options() may be asked any more.
  void Close() { server_.reset(); }
  // As a restart after a clean stop.
  void Restart();

  ledger::v1::LedgerService::Stub& ledger() { return *ledger_; }
  ledger::v1::AccountService::Stub& accounts() { return *accounts_; }
  ledger::v1::PointsService::Stub& points() { return *points_; }
  ledger::v1::TierService::Stub& tiers() { return *tiers_; }
  ledger::v1::RetentionService::Stub& retention() { return *retention_; }
  ledger::v1::PortfolioService::Stub& portfolio() { return *portfolio_; }
  ledger::v1::EngagementService::Stub& engagement() { return *engagement_; }
  ledger::v1::ProgramService::Stub& programs() { return *programs_; }
  ledger::v1::AuditService::Stub& audit() { return *audit_; }
  ledger::v1::AdminService::Stub& admin() { return *admin_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  app::Server& server() { return *server_; }
  FakeClock& clock() { return clock_; }
  const app::Options& options() const { return options_; }

  grpc::Status Append(const ledger::v1::AppendRequest& request, ledger::v1::AppendResponse* response);
  ledger::v1::AppendResponse MustAppend(const ledger::v1::AppendRequest& request);
  // Of an append that must be refused.
  RpcError Refused(const ledger::v1::AppendRequest& request);
  void Publish(const std::string& yaml);
  // AdminService's view of the head.
  std::string HeadCursor();
  // All records that pass, by shard. Checks that each frame belongs together.
  std::vector<ShardRecords> ReadLog(const ledger::v1::ReadLogRequest& request = {}, std::string* cursor = nullptr);

 private:
  void Start();

  const TempDir directory_;
  app::Options options_;
  FakeClock clock_{kToday};
  std::unique_ptr<app::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<ledger::v1::LedgerService::Stub> ledger_;
  std::unique_ptr<ledger::v1::AccountService::Stub> accounts_;
  std::unique_ptr<ledger::v1::PointsService::Stub> points_;
  std::unique_ptr<ledger::v1::TierService::Stub> tiers_;
  std::unique_ptr<ledger::v1::RetentionService::Stub> retention_;
  std::unique_ptr<ledger::v1::PortfolioService::Stub> portfolio_;
  std::unique_ptr<ledger::v1::EngagementService::Stub> engagement_;
  std::unique_ptr<ledger::v1::ProgramService::Stub> programs_;
  std::unique_ptr<ledger::v1::AuditService::Stub> audit_;
  std::unique_ptr<ledger::v1::AdminService::Stub> admin_;
};

}  // namespace keyledger::testing

// Server: keyledgerd assembled: the ledger, its services, gRPC, and how it starts and stops.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <grpcpp/server.h>

#include "server/app/failure_log.h"
#include "server/app/options.h"
#include "server/base/clock.h"
#include "server/service/service_context.h"
#include "server/service/stream_registry.h"
#include "server/service/worker_pool.h"
#include "server/shard/ledger.h"
#include "server/vault/vault.h"

namespace rocksdb {
class Env;
}

namespace keyledger::app {

// Threads: Start and Stop by one thread.
class Server {
 public:
  // Opens the ledger, binds the address and serves.
  // Errors: those of Ledger::Open; FAILED_PRECONDITION for an address that is not loopback without TLS or
  // --allow-insecure; UNAVAILABLE if the address is in use.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Options& options, const Clock& clock);
  // Stops.
  ~Server();

  // Reports not serving, ends subscriptions, lets the calls under way finish within the bound, drains the shards.
  // Idempotent.
  void Stop();

  int port() const { return port_; }
  shard::Ledger& ledger() { return *ledger_; }
  // Slots of calls that rest on a forecast.
  service::CallSlots& forecasts() { return forecasts_; }

 private:
  Server(const Options& options, const Clock& clock);
  absl::Status Listen();

  const Options options_;
  const Clock& clock_;
  FailureLog sweep_failures_;
  FailureLog checkpoint_failures_;
  // Null without a master key. Outlives the ledger and its services.
  std::unique_ptr<vault::Vault> vault_;
  std::unique_ptr<shard::Ledger> ledger_;
  // Before the workers, whose last tasks give slots back.
  service::CallSlots simulations_;
  service::CallSlots forecasts_;
  service::WorkerPool workers_;
  service::WorkerPool queries_;
  service::StreamRegistry streams_;
  std::vector<std::unique_ptr<grpc::Service>> services_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace keyledger::app

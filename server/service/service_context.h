// ServiceContext: what every gRPC adapter needs: the ledger, the workers, the clock, and a way to run a unary call off
// the callback threads.
//
// An adapter validates, calls and translates; it has no rule of its own. Callbacks of gRPC must not block: Append
// queues and returns, everything that reads or waits goes through RunUnary or a FrameStream.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <google/protobuf/timestamp.pb.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "server/base/clock.h"
#include "server/service/call_slots.h"
#include "server/service/stream_registry.h"
#include "server/service/worker_pool.h"
#include "server/shard/ledger.h"
#include "server/vault/vault.h"

namespace keyledger::service {

// Limits of the API; stated in the protos.
inline constexpr int kEventsPerRequestMax = 1'000;
inline constexpr int kRequestsPerFrameMax = 1'000;
inline constexpr int kPageSizeDefault = 100;
inline constexpr int kPageSizeMax = 1'000;
inline constexpr size_t kSimulationsMax = 4;
inline constexpr size_t kForecastsMax = 4;
inline constexpr size_t kMessageBytesMax = 4u << 20;

// Threads: thread-safe. Lifetime: what it refers to must outlive it and every call.
struct ServiceContext {
  shard::Ledger& ledger;
  const Clock& clock;
  // Steps of streams and short reads.
  WorkerPool& workers;
  // Queries of projections: they scan, and may wait for a projection to catch up, and must not keep streams from
  // moving.
  WorkerPool& queries;
  StreamRegistry& streams;
  // Simulations: each reads the whole log and keeps the threads for queries busy.
  CallSlots& simulations;
  // Calls that rest on a forecast: each holds a whole population, and keeps a thread for queries busy with fitting.
  CallSlots& forecasts;
  // Keys of data subjects; null: the server has no master key, and takes and shows no personal data.
  vault::Vault* vault = nullptr;
};

// FAILED_PRECONDITION (kNoMasterKey), with what to configure.
absl::Status NoMasterKey();

// When a call's patience ends: its deadline, but at most 60 seconds from now; 10 seconds if it has none.
std::chrono::steady_clock::time_point DeadlineOf(const grpc::CallbackServerContext& call);

// Says whether nobody waits for the answer any more: the call was canceled, or its deadline is over. A call without a
// deadline is waited for until it is canceled. `call` must outlive what is returned.
std::function<bool()> CanceledBy(const grpc::CallbackServerContext& call);

// Runs `body` on a worker and finishes the call with its status. Refuses with kTooManyStreams if the workers are
// overrun.
grpc::ServerUnaryReactor* RunUnary(const ServiceContext& context, grpc::CallbackServerContext* call,
                                   std::function<absl::Status()> body);
// The same on the threads for queries.
grpc::ServerUnaryReactor* RunQuery(const ServiceContext& context, grpc::CallbackServerContext* call,
                                   std::function<absl::Status()> body);

// Field checks shared by the adapters. Each returns INVALID_ARGUMENT naming the field.
absl::Status CheckAccountId(std::string_view account_id, std::string_view field = "account_id");
// 0 becomes the default.
absl::StatusOr<int> CheckPageSize(int page_size);
// A Timestamp between the years 1 and 9999 with a whole number of microseconds (more digits are cut), in micros.
absl::StatusOr<Micros> CheckTime(const google::protobuf::Timestamp& time, std::string_view field);
// The same of something that is to be recorded as having occurred then: not before 1900.
absl::StatusOr<Micros> CheckOccurredTime(const google::protobuf::Timestamp& time, std::string_view field);

}  // namespace keyledger::service

// See service_context.h.
#include "server/service/service_context.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/service/rpc_status.h"

namespace keyledger::service {
namespace {

// 1900-01-01T00:00:00Z.
constexpr Micros kOccurredMin = -2'208'988'800 * kMicrosPerSecond;

}  // namespace

std::chrono::steady_clock::time_point DeadlineOf(const grpc::CallbackServerContext& call) {
  const auto now = std::chrono::system_clock::now();
  const auto deadline = call.deadline();
  std::chrono::milliseconds left(10'000);
  if (deadline != std::chrono::system_clock::time_point::max() && deadline < now + std::chrono::hours(24 * 365)) {
    // A little before the client gives up, so that it gets the reason rather than silence.
    left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now) - std::chrono::milliseconds(20);
    left = std::clamp(left, std::chrono::milliseconds(0), std::chrono::milliseconds(60'000));
  }
  return std::chrono::steady_clock::now() + left;
}

std::function<bool()> CanceledBy(const grpc::CallbackServerContext& call) {
  return [&call] { return call.IsCancelled() || std::chrono::system_clock::now() >= call.deadline(); };
}

namespace {

grpc::ServerUnaryReactor* Run(WorkerPool& pool, grpc::CallbackServerContext* call, std::function<absl::Status()> body) {
  grpc::ServerUnaryReactor* const reactor = call->DefaultReactor();
  const bool admitted = pool.Submit([reactor, call, body = std::move(body)] {
    // What was canceled while it waited for a thread need not be done.
    reactor->Finish(call->IsCancelled() ? grpc::Status::CANCELLED : ToGrpcStatus(body()));
  });
  if (!admitted) {
    absl::Status status = MakeError(Reason::kTooManyStreams, "too many queries are waiting; repeat the request later");
    SetRetryDelayMs(status, 200);
    reactor->Finish(ToGrpcStatus(status));
  }
  return reactor;
}

}  // namespace

grpc::ServerUnaryReactor* RunUnary(const ServiceContext& context, grpc::CallbackServerContext* call,
                                   std::function<absl::Status()> body) {
  return Run(context.workers, call, std::move(body));
}

grpc::ServerUnaryReactor* RunQuery(const ServiceContext& context, grpc::CallbackServerContext* call,
                                   std::function<absl::Status()> body) {
  return Run(context.queries, call, std::move(body));
}

absl::Status NoMasterKey() {
  return MakeError(Reason::kNoMasterKey,
                   "the server has no master key and so takes and shows no personal data; start it with "
                   "--master-key-file or --master-key-command");
}

absl::Status CheckAccountId(std::string_view account_id, std::string_view field) {
  if (IsAccountId(account_id)) return absl::OkStatus();
  return FieldError(field, account_id.empty() ? "is required"
                                              : "must be 1 to 128 bytes of [A-Za-z0-9._~:@/-], the first alphanumeric");
}

absl::StatusOr<int> CheckPageSize(int page_size) {
  if (page_size < 0 || page_size > kPageSizeMax)
    return FieldError("page_size", fmt::format("must be 0 to {}", kPageSizeMax));
  return page_size == 0 ? kPageSizeDefault : page_size;
}

absl::StatusOr<Micros> CheckTime(const google::protobuf::Timestamp& time, std::string_view field) {
  if (time.seconds() < domain::kTimeMin / kMicrosPerSecond || time.seconds() > domain::kTimeMax / kMicrosPerSecond ||
      time.nanos() < 0 || time.nanos() > 999'999'999) {
    return FieldError(field, "is not a time between the years 1 and 9999");
  }
  return domain::MicrosOf(time);
}

absl::StatusOr<Micros> CheckOccurredTime(const google::protobuf::Timestamp& time, std::string_view field) {
  KL_ASSIGN_OR_RETURN(const Micros occurred, CheckTime(time, field));
  if (occurred < kOccurredMin) return FieldError(field, "must not be before 1900");
  return occurred;
}

}  // namespace keyledger::service

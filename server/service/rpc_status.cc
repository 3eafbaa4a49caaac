// See rpc_status.h.
#include "server/service/rpc_status.h"

#include <fmt/format.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "keyledger/ledger/v1/error_reason.pb.h"
#include "server/base/error.h"

namespace keyledger::service {
namespace {

constexpr size_t kDetailBytesMax = 5'500;
constexpr size_t kMessageBytesMax = 1'000;

static_assert(static_cast<int>(Reason::kInvalidField) == ledger::v1::ERROR_REASON_INVALID_FIELD);
static_assert(static_cast<int>(Reason::kInvalidToken) == ledger::v1::ERROR_REASON_INVALID_TOKEN);
static_assert(static_cast<int>(Reason::kProjectionNotFound) == ledger::v1::ERROR_REASON_PROJECTION_NOT_FOUND);
static_assert(static_cast<int>(Reason::kRequestIdReused) == ledger::v1::ERROR_REASON_REQUEST_ID_REUSED);
static_assert(static_cast<int>(Reason::kStaleRevision) == ledger::v1::ERROR_REASON_STALE_REVISION);
static_assert(static_cast<int>(Reason::kRebuildRunning) == ledger::v1::ERROR_REASON_REBUILD_RUNNING);
static_assert(static_cast<int>(Reason::kTierUnknown) == ledger::v1::ERROR_REASON_TIER_UNKNOWN);
static_assert(static_cast<int>(Reason::kTierNotLocked) == ledger::v1::ERROR_REASON_TIER_NOT_LOCKED);
static_assert(static_cast<int>(Reason::kTooManyStreams) == ledger::v1::ERROR_REASON_TOO_MANY_STREAMS);
static_assert(static_cast<int>(Reason::kProjectionBehind) == ledger::v1::ERROR_REASON_PROJECTION_BEHIND);
static_assert(static_cast<int>(Reason::kStoreDamaged) == ledger::v1::ERROR_REASON_STORE_DAMAGED);

std::string ReasonName(Reason reason) {
  constexpr std::string_view kPrefix = "ERROR_REASON_";
  const std::string& name = ledger::v1::ErrorReason_Name(static_cast<ledger::v1::ErrorReason>(reason));
  return name.size() > kPrefix.size() ? name.substr(kPrefix.size()) : "INTERNAL";
}

void AddFields(const absl::Status& status, google::rpc::Status& out) {
  const auto fields = FieldsOf(status);
  if (fields.empty()) return;
  google::rpc::BadRequest bad;
  size_t left = 0;
  for (const auto& [field, description] : fields) {
    if (left > 0 || bad.ByteSizeLong() + field.size() + description.size() > kDetailBytesMax - 1'500) {
      ++left;
      continue;
    }
    auto* violation = bad.add_field_violations();
    violation->set_field(field);
    violation->set_description(description);
  }
  if (left > 0) {
    auto* violation = bad.add_field_violations();
    violation->set_field("...");
    violation->set_description(fmt::format("{} more violations are not listed; mend these and try again", left));
  }
  out.add_details()->PackFrom(bad);
}

google::rpc::Status ToRpcStatus(const absl::Status& status) {
  google::rpc::Status out;
  out.set_code(static_cast<int>(status.code()));
  std::string message = MessageOf(status);
  if (message.size() > kMessageBytesMax) message = message.substr(0, kMessageBytesMax) + "...";
  // gRPC carries the message as UTF-8; ours may quote what a client sent.
  for (char& c : message) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) c = '?';
  }
  out.set_message(message);
  const Reason reason = ReasonOf(status);
  google::rpc::ErrorInfo info;
  info.set_reason(ReasonName(reason));
  info.set_domain(kErrorDomain);
  for (const auto& [key, value] : MetadataOf(status)) (*info.mutable_metadata())[key] = value.substr(0, 256);
  out.add_details()->PackFrom(info);
  AddFields(status, out);
  if (status.code() == absl::StatusCode::kFailedPrecondition) {
    google::rpc::PreconditionFailure failure;
    auto* violation = failure.add_violations();
    violation->set_type(info.reason());
    violation->set_subject(kErrorDomain);
    violation->set_description(message);
    out.add_details()->PackFrom(failure);
  }
  if (const int ms = RetryDelayMsOf(status); ms > 0) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(ms / 1000);
    retry.mutable_retry_delay()->set_nanos(ms % 1000 * 1'000'000);
    out.add_details()->PackFrom(retry);
  }
  return out;
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const google::rpc::Status rpc = ToRpcStatus(status);
  return grpc::Status(static_cast<grpc::StatusCode>(rpc.code()), rpc.message(), rpc.SerializeAsString());
}

std::string ToRpcStatusBytes(const absl::Status& status) { return ToRpcStatus(status).SerializeAsString(); }

}  // namespace keyledger::service

// Takes google.rpc.Status apart. See error.h. The detail messages are the generated ones of kl_proto_rpc;
// libgrpc++_error_details carries descriptors of its own under the same names, so it must not be linked beside them.
#include "client/cpp/error.h"

#include <algorithm>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace keyledger::client {
namespace {

void AddDetails(const google::rpc::Status& status, ClientError& error) {
  for (const google::protobuf::Any& detail : status.details()) {
    if (detail.Is<google::rpc::ErrorInfo>()) {
      google::rpc::ErrorInfo info;
      if (detail.UnpackTo(&info)) {
        error.reason = info.reason();
        for (const auto& [key, value] : info.metadata()) {
          error.metadata.emplace_back(key, value);
        }
      }
    } else if (detail.Is<google::rpc::BadRequest>()) {
      google::rpc::BadRequest bad;
      if (detail.UnpackTo(&bad)) {
        for (const auto& violation : bad.field_violations()) {
          error.fields.push_back({violation.field(), violation.description()});
        }
      }
    } else if (detail.Is<google::rpc::RetryInfo>()) {
      google::rpc::RetryInfo retry;
      if (detail.UnpackTo(&retry) && retry.has_retry_delay()) {
        error.retry_delay =
            std::chrono::milliseconds(retry.retry_delay().seconds() * 1000 + retry.retry_delay().nanos() / 1'000'000);
      }
    }
  }
  std::sort(error.metadata.begin(), error.metadata.end());
}

}  // namespace

std::string ClientError::Metadata(std::string_view key) const {
  for (const auto& [name, value] : metadata) {
    if (name == key) {
      return value;
    }
  }
  return "";
}

ClientError DecodeError(const grpc::Status& status) {
  ClientError error;
  error.code = status.error_code();
  error.message = status.error_message();
  google::rpc::Status details;
  if (!status.error_details().empty() && details.ParseFromString(status.error_details())) {
    AddDetails(details, error);
  }
  return error;
}

ClientError DecodeStatusBytes(const std::string& bytes) {
  ClientError error;
  google::rpc::Status status;
  if (!status.ParseFromString(bytes) || status.code() <= 0 || status.code() > 16) {
    error.code = grpc::StatusCode::INTERNAL;
    error.message = "the server answered a request with a status that cannot be read";
    return error;
  }
  error.code = static_cast<grpc::StatusCode>(status.code());
  error.message = status.message();
  AddDetails(status, error);
  return error;
}

std::string_view CodeName(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::OK:
      return "OK";
    case grpc::StatusCode::CANCELLED:
      return "CANCELLED";
    case grpc::StatusCode::UNKNOWN:
      return "UNKNOWN";
    case grpc::StatusCode::INVALID_ARGUMENT:
      return "INVALID_ARGUMENT";
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return "DEADLINE_EXCEEDED";
    case grpc::StatusCode::NOT_FOUND:
      return "NOT_FOUND";
    case grpc::StatusCode::ALREADY_EXISTS:
      return "ALREADY_EXISTS";
    case grpc::StatusCode::PERMISSION_DENIED:
      return "PERMISSION_DENIED";
    case grpc::StatusCode::UNAUTHENTICATED:
      return "UNAUTHENTICATED";
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return "RESOURCE_EXHAUSTED";
    case grpc::StatusCode::FAILED_PRECONDITION:
      return "FAILED_PRECONDITION";
    case grpc::StatusCode::ABORTED:
      return "ABORTED";
    case grpc::StatusCode::OUT_OF_RANGE:
      return "OUT_OF_RANGE";
    case grpc::StatusCode::UNIMPLEMENTED:
      return "UNIMPLEMENTED";
    case grpc::StatusCode::INTERNAL:
      return "INTERNAL";
    case grpc::StatusCode::UNAVAILABLE:
      return "UNAVAILABLE";
    case grpc::StatusCode::DATA_LOSS:
      return "DATA_LOSS";
    default:
      return "UNKNOWN";
  }
}

bool IsRetryable(const ClientError& error) {
  return error.code == grpc::StatusCode::UNAVAILABLE ||
         (error.code == grpc::StatusCode::RESOURCE_EXHAUSTED && error.retry_delay.has_value());
}

}  // namespace keyledger::client

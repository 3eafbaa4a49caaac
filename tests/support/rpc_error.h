// RpcError: a refusal as a client reads it from the wire.
#pragma once

#include <map>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

namespace keyledger::testing {

struct RpcError {
  grpc::StatusCode code = grpc::StatusCode::OK;
  std::string message;
  std::string domain;
  std::string reason;
  std::map<std::string, std::string> metadata;
  // Field and description, in order.
  std::vector<std::pair<std::string, std::string>> fields;
  // Types of PreconditionFailure violations.
  std::vector<std::string> preconditions;
  // -1: no RetryInfo.
  int retry_ms = -1;

  std::vector<std::string> field_names() const {
    std::vector<std::string> names;
    for (const auto& [name, description] : fields) names.push_back(name);
    return names;
  }
};

inline std::ostream& operator<<(std::ostream& out, const RpcError& error) {
  out << "code " << error.code << " reason " << error.reason << ": " << error.message;
  for (const auto& [field, description] : error.fields) out << "\n  " << field << ": " << description;
  return out;
}

// Of a serialized google.rpc.Status.
inline RpcError ReadRpcStatus(const std::string& bytes) {
  RpcError error;
  google::rpc::Status status;
  if (!status.ParseFromString(bytes)) {
    error.message = "not a google.rpc.Status";
    return error;
  }
  error.code = static_cast<grpc::StatusCode>(status.code());
  error.message = status.message();
  for (const auto& detail : status.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad;
    google::rpc::PreconditionFailure failure;
    google::rpc::RetryInfo retry;
    if (detail.UnpackTo(&info)) {
      error.domain = info.domain();
      error.reason = info.reason();
      error.metadata.insert(info.metadata().begin(), info.metadata().end());
    } else if (detail.UnpackTo(&bad)) {
      for (const auto& violation : bad.field_violations()) {
        error.fields.emplace_back(violation.field(), violation.description());
      }
    } else if (detail.UnpackTo(&failure)) {
      for (const auto& violation : failure.violations()) error.preconditions.push_back(violation.type());
    } else if (detail.UnpackTo(&retry)) {
      error.retry_ms =
          static_cast<int>(retry.retry_delay().seconds() * 1'000 + retry.retry_delay().nanos() / 1'000'000);
    }
  }
  return error;
}

inline RpcError ReadRpcError(const grpc::Status& status) {
  RpcError error = ReadRpcStatus(status.error_details());
  // What gRPC itself refuses has no details.
  if (status.error_details().empty()) error.code = status.error_code();
  EXPECT_EQ(error.code, status.error_code());
  error.message = status.error_message();
  return error;
}

}  // namespace keyledger::testing

// The one place where a refusal gets its form on the wire: google.rpc.Status with ErrorInfo and, where they apply,
// BadRequest, PreconditionFailure and RetryInfo.
#pragma once

#include <string>

#include <absl/status/status.h>
#include <grpcpp/support/status.h>

namespace keyledger::service {

// ErrorInfo.domain of every refusal.
inline constexpr char kErrorDomain[] = "keyledger";

// The status of a call. Details are kept below what HTTP/2 header limits let through (about 6 KiB): field violations
// past that are counted, not listed.
grpc::Status ToGrpcStatus(const absl::Status& status);

// The same as a serialized google.rpc.Status, for results inside a stream.
std::string ToRpcStatusBytes(const absl::Status& status);

}  // namespace keyledger::service

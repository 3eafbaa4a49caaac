// ClientError and Result: how the client library tells that a call failed.
//
// A server's refusal carries a serialized google.rpc.Status in the details of its gRPC status; this is where it is
// taken apart. The reasons are those of proto/keyledger/ledger/v1/error_reason.proto, without the "ERROR_REASON_"
// prefix.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <grpcpp/grpcpp.h>

namespace keyledger::client {

// One field of the request that is wrong.
struct FieldViolation {
  // Path in the request, for example "events[0].occurred_time".
  std::string field;
  std::string description;

  bool operator==(const FieldViolation&) const = default;
};

// Why a call failed.
struct ClientError {
  grpc::StatusCode code = grpc::StatusCode::UNKNOWN;
  // Machine-readable cause, for example "STALE_REVISION". Empty when the failure did not come from the ledger (no
  // connection, a deadline).
  std::string reason;
  // For people.
  std::string message;
  std::vector<FieldViolation> fields;
  // In key order.
  std::vector<std::pair<std::string, std::string>> metadata;
  // When the server wants to be asked again.
  std::optional<std::chrono::milliseconds> retry_delay;

  // Returns the metadata value of `key`, or "".
  std::string Metadata(std::string_view key) const;
};

// A value or a ClientError.
// Threads: thread-compatible.
template <typename T>
class Result {
 public:
  Result(T value) : value_(std::move(value)) {}            // NOLINT(google-explicit-constructor)
  Result(ClientError error) : value_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return std::holds_alternative<T>(value_); }
  // Requires: ok().
  const T& value() const { return std::get<T>(value_); }
  T& value() { return std::get<T>(value_); }
  const T& operator*() const { return value(); }
  const T* operator->() const { return &value(); }
  // Requires: !ok().
  const ClientError& error() const { return std::get<ClientError>(value_); }

 private:
  std::variant<T, ClientError> value_;
};

// Returns what a failed gRPC status carries. Details that cannot be parsed are ignored: code and message remain.
ClientError DecodeError(const grpc::Status& status);

// Returns what a serialized google.rpc.Status carries, as found in AppendResult.status. Bytes that are none give code
// INTERNAL.
ClientError DecodeStatusBytes(const std::string& bytes);

// Returns the name of a status code, for example "NOT_FOUND".
std::string_view CodeName(grpc::StatusCode code);

// Returns true if the same request may be sent again with hope: UNAVAILABLE, or RESOURCE_EXHAUSTED with a retry delay.
bool IsRetryable(const ClientError& error);

}  // namespace keyledger::client

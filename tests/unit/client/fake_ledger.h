// FakeLedger: a LedgerService in the test's own process that applies requests by request_id and fails as it is told.
#pragma once

#include <condition_variable>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "client/cpp/channel.h"
#include "keyledger/ledger/v1/ledger_service.grpc.pb.h"

namespace keyledger::client {

// Returns a status with the given reason, a field violation on "field_a", metadata k=v, and a retry delay if it is not
// zero.
grpc::Status RichStatus(grpc::StatusCode code, const std::string& reason, int retry_ms);
// The same as the bytes that AppendResult.status carries.
std::string RichStatusBytes(grpc::StatusCode code, const std::string& reason, int retry_ms);

// Threads: thread-safe.
class FakeLedger final : public ::keyledger::ledger::v1::LedgerService::Service {
 public:
  FakeLedger();
  ~FakeLedger() override;

  // A channel of its own.
  std::shared_ptr<grpc::Channel> Channel() const;

  // HOST:PORT.
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // The next unary appends fail with these, in order.
  void FailAppends(std::deque<grpc::Status> failures);
  // The first AppendStreams end with UNAVAILABLE after so many answers each; the requests behind were applied if
  // `applied`.
  void DropStreamsAfter(std::deque<int> answers, bool applied);
  // The next streamed request of this id is refused with these bytes, once.
  void RefuseOnce(const std::string& request_id, const std::string& status);
  // A streamed request of this id is always refused with these bytes.
  void RefuseAlways(const std::string& request_id, const std::string& status);
  // AppendStream reads and never answers until the call is cancelled.
  void StopAnswering();
  // Subscribe breaks after so many frames, per stream in order; then it serves on.
  void BreakSubscriptionsAfter(std::deque<int> frames);
  // ReadLog serves so many frames of 10 and then nothing, until the call is cancelled.
  void HangReadsAfter(int frames);

  // request_ids as unary Append received them.
  std::vector<std::string> received() const;
  // request_ids in the order first applied.
  std::vector<std::string> applied() const;
  // "beginning" or the cursor with which each Subscribe started.
  std::vector<std::string> starts() const;

  grpc::Status Append(grpc::ServerContext* context, const ::keyledger::ledger::v1::AppendRequest* request,
                      ::keyledger::ledger::v1::AppendResponse* response) override;
  grpc::Status AppendStream(grpc::ServerContext* context,
                            grpc::ServerReaderWriter<::keyledger::ledger::v1::AppendStreamResponse,
                                                     ::keyledger::ledger::v1::AppendStreamRequest>* stream) override;
  grpc::Status ReadLog(grpc::ServerContext* context, const ::keyledger::ledger::v1::ReadLogRequest* request,
                       grpc::ServerWriter<::keyledger::ledger::v1::ReadLogResponse>* writer) override;
  grpc::Status Subscribe(grpc::ServerContext* context, const ::keyledger::ledger::v1::SubscribeRequest* request,
                         grpc::ServerWriter<::keyledger::ledger::v1::SubscribeResponse>* writer) override;

 private:
  ::keyledger::ledger::v1::AppendResponse Apply(const ::keyledger::ledger::v1::AppendRequest& request);

  mutable std::mutex mutex_;
  std::deque<grpc::Status> append_failures_;
  std::deque<int> drops_;
  bool apply_dropped_ = false;
  bool silent_ = false;
  std::deque<int> breaks_;
  int read_frames_ = std::numeric_limits<int>::max();
  std::map<std::string, std::string> refuse_once_;
  std::map<std::string, std::string> refuse_always_;
  std::vector<std::string> received_;
  std::vector<std::string> applied_;
  std::vector<std::string> starts_;
  std::map<std::string, uint64_t> positions_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace keyledger::client

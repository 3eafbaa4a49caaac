// PipelinedAppender: many appends over one stream, many in flight, answers in order, breaks repaired.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include <grpcpp/grpcpp.h>

#include "client/cpp/backoff.h"
#include "client/cpp/error.h"
#include "keyledger/ledger/v1/ledger_service.grpc.pb.h"

namespace keyledger::client {

struct AppenderOptions {
  // Requests in one frame, 1 to 1,000 (the server's limit).
  size_t frame_requests_max = 500;
  // Bytes of requests in one frame; a single larger request goes alone. Below the server's 4 MiB.
  size_t frame_bytes_max = 1024 * 1024;
  // Requests handed over and not yet answered; Append blocks above that. More than zero.
  size_t window_requests_max = 4096;
  // The appender gives up when so long passes without an answer while requests wait. More than zero.
  std::chrono::milliseconds give_up_after{60'000};
  BackoffOptions backoff;
};

// What an appender has done so far.
struct AppenderStats {
  uint64_t accepted = 0;
  uint64_t answered = 0;
  // Of answered: refused by the server, or given up.
  uint64_t refused = 0;
  // Of answered: had been applied before.
  uint64_t replayed = 0;
  uint64_t frames = 0;
  // Requests sent again after a break.
  uint64_t resent = 0;
  // Streams opened after the first.
  uint64_t reconnects = 0;
};

// Hands requests to LedgerService.AppendStream and calls back once per request, in the order they were handed over.
//
// When the stream breaks, or the server answers a request with something that passes (UNAVAILABLE, RESOURCE_EXHAUSTED
// with a retry delay), the stream is opened again after a jittered wait and every unanswered request is sent again, in
// order, under its own request_id: what had been applied answers as replayed. Requests sent behind a refused one may
// have been applied before it; nothing is applied twice. An error of the stream that does not pass (a frame too large,
// UNIMPLEMENTED) and give_up_after end the appender: every unanswered and every later request is called back with that
// error.
//
// Threads: thread-safe. Callbacks run on the appender's reader thread, one at a time, without a lock held; they may
// call Append only while the window is not full (they would wait for themselves), and must not call Flush or destroy
// the appender. Lifetime: the destructor cancels what is unanswered (its callbacks get CANCELLED) and joins; call Flush
// first to wait for the answers.
class PipelinedAppender {
 public:
  using Callback = std::function<void(const Result<::keyledger::ledger::v1::AppendResponse>&)>;

  PipelinedAppender(std::shared_ptr<grpc::Channel> channel, const AppenderOptions& options = {});
  ~PipelinedAppender();
  PipelinedAppender(const PipelinedAppender&) = delete;
  PipelinedAppender& operator=(const PipelinedAppender&) = delete;

  // Hands over one request; fills in a request_id if it has none.
  // Blocks: while the window is full.
  void Append(::keyledger::ledger::v1::AppendRequest request, Callback callback);
  // Returns once every request handed over so far has been called back.
  // Blocks: until then, at most give_up_after without progress.
  void Flush();
  // Ends the appender: unanswered and later requests are called back with CANCELLED. May be called from any thread and
  // any callback.
  void Cancel();
  AppenderStats stats() const;

 private:
  struct Entry {
    ::keyledger::ledger::v1::AppendRequest request;
    Callback callback;
    size_t bytes = 0;
  };
  using Stream = grpc::ClientReaderWriter<::keyledger::ledger::v1::AppendStreamRequest,
                                          ::keyledger::ledger::v1::AppendStreamResponse>;

  // The appender's thread: opens streams, writes frames, waits between attempts.
  void Run();
  void RunStream(grpc::Status& status);
  void WriteFrames(Stream& stream);
  void ReadAnswers(Stream& stream, grpc::ClientContext& context);
  // Waits until `ready`; ends the stream when it makes no progress for give_up_after.
  // Requires: `lock` holds mutex_.
  void WaitWatching(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                    const std::function<bool()>& ready);
  // False: an answer asks for the rest to be sent again.
  bool Answer(::keyledger::ledger::v1::AppendResult& result);
  // Calls everything unanswered back with `error` and makes later requests fail with it.
  void Fail(const ClientError& error);
  void CallBack(Entry& entry, const Result<::keyledger::ledger::v1::AppendResponse>& result);

  // Set at construction.
  const AppenderOptions options_;
  const std::unique_ptr<::keyledger::ledger::v1::LedgerService::Stub> stub_;
  // Synchronizes itself.
  Waiter waiter_;
  // Guarded by mutex_.
  mutable std::mutex mutex_;
  std::condition_variable work_;      // the writer waits: something to send, a broken stream, the end
  std::condition_variable progress_;  // producers wait: room in the window, everything answered
  std::deque<std::shared_ptr<Entry>> unanswered_;
  size_t sent_ = 0;  // the first so many of unanswered_ are on the current stream
  bool broken_ = false;
  grpc::ClientContext* context_ = nullptr;
  std::optional<ClientError> failed_;
  std::optional<ClientError> pause_;  // why the server wants the rest again
  std::chrono::steady_clock::time_point last_progress_;
  AppenderStats stats_;
  // Joined by the destructor.
  std::thread thread_;
};

}  // namespace keyledger::client

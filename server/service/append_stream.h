// AppendStream: one pipelined stream of append requests. Requests are queued as they come; answers go out in order, as
// many to a frame as are ready.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include <grpcpp/support/server_callback.h>

#include "keyledger/ledger/v1/ledger_service.pb.h"
#include "server/base/mutex.h"
#include "server/service/service_context.h"

namespace keyledger::service {

// Lifetime: owns itself; deleted when gRPC is done with the call, every request queued has been answered and no worker
// is at it.
class AppendStream final
    : public grpc::ServerBidiReactor<ledger::v1::AppendStreamRequest, ledger::v1::AppendStreamResponse> {
 public:
  static AppendStream* Start(const ServiceContext& context);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  // A request that has been read, and its outcome once it is known.
  struct Slot {
    bool ready = false;
    bool full = true;
    ledger::v1::AppendResult result;
  };

  explicit AppendStream(const ServiceContext& context) : context_(context) {}
  void Begin();
  // Queues the requests of the frame from number `first` on, in order. Returns false if a worker will do so with the
  // rest, because one of them holds personal data and sealing may have to wait for the disk.
  bool QueueFrame(int first);
  void QueueOnWorker(int first);
  void Queue(ledger::v1::AppendRequest request);
  // Called by the shard (or at once, for a malformed request) with the outcome of request number `index`.
  void Answer(uint64_t index, absl::StatusOr<shard::AppendAnswer> answer);
  // Starts what can be started: the next read, the next write, the end. At most one of each is under way.
  void Move() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether another frame of requests may be read.
  bool MayRead() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Deletable() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return done_ && unanswered_ == 0 && !on_worker_; }
  // The frame is queued, or refused as a whole.
  void FinishFrame(const absl::Status& refusal) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const ServiceContext context_;
  std::optional<uint64_t> registration_;
  // Touched only between StartRead and OnReadDone, and from then on until all its requests have been queued.
  ledger::v1::AppendStreamRequest incoming_;
  // Touched only while no write is under way, or by the transport.
  ledger::v1::AppendStreamResponse outgoing_;

  Mutex mutex_;
  // Requests number first_index_ and on, oldest first.
  std::deque<Slot> slots_ ABSL_GUARDED_BY(mutex_);
  uint64_t first_index_ ABSL_GUARDED_BY(mutex_) = 0;
  // Size of the outcomes that are known and not sent yet.
  size_t ready_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  // Requests handed to a shard that has not answered yet.
  size_t unanswered_ ABSL_GUARDED_BY(mutex_) = 0;
  // A frame is being read or queued.
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool on_worker_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  // The client has sent everything.
  bool half_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  // Why the whole stream ends early.
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace keyledger::service

// FrameStream: a server-streaming call whose frames a FrameSource produces on a worker, one at a time, each after the
// one before was taken by the transport.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <absl/status/statusor.h>
#include <grpcpp/support/server_callback.h>

#include "server/base/error.h"
#include "server/base/mutex.h"
#include "server/service/rpc_status.h"
#include "server/service/service_context.h"

namespace keyledger::service {

// What a source has to offer.
enum class Produced { kFrame, kWait, kEnd };

// Produces the frames of one call.
// Threads: Produce is called by one thread at a time; Attach and Detach once each, before the first and after the last
// Produce.
template <class Frame>
class FrameSource {
 public:
  virtual ~FrameSource() = default;
  // Fills `frame`, or says that there is nothing yet (kWait: the wake function will be called when there may be) or
  // nothing more (kEnd). Blocks: for reading the store.
  virtual absl::StatusOr<Produced> Produce(Frame& frame) = 0;
  // Hands over the function that makes a waiting call look again. It may be called from any thread.
  virtual void Attach(std::function<void()> wake) { static_cast<void>(wake); }
  // Ensures: wake is not called any more after the return.
  virtual void Detach() {}
};

// Lifetime: owns itself; deleted when gRPC is done with the call.
template <class Frame>
class FrameStream final : public grpc::ServerWriteReactor<Frame> {
 public:
  // Makes the source, on a worker, before the first frame.
  using Maker = std::function<absl::StatusOr<std::unique_ptr<FrameSource<Frame>>>()>;

  // Starts the call. Refuses it if too many are open. `pool` makes the frames: the workers, or the threads for queries
  // if a frame takes long.
  static grpc::ServerWriteReactor<Frame>* Start(const ServiceContext& context, WorkerPool& pool, Maker maker) {
    auto* const stream = new FrameStream(context, pool, std::move(maker));
    stream->Begin();
    return stream;
  }

  void OnWriteDone(bool ok) override {
    {
      MutexLock lock(mutex_);
      if (!ok) cancelled_ = true;
    }
    Schedule();
  }
  void OnCancel() override {
    {
      MutexLock lock(mutex_);
      cancelled_ = true;
    }
    Wake();
  }
  void OnDone() override { delete this; }

 private:
  FrameStream(const ServiceContext& context, WorkerPool& pool, Maker maker)
      : context_(context), pool_(pool), maker_(std::move(maker)) {}

  void Begin() {
    registration_ = context_.streams.Add([this] {
      {
        MutexLock lock(mutex_);
        stopping_ = true;
      }
      Wake();
    });
    if (!registration_.has_value()) {
      absl::Status status =
          context_.streams.stopping()
              ? MakeError(Reason::kStopping, "the server is stopping")
              : MakeError(Reason::kTooManyStreams, "too many streams are open; close some or try later");
      SetRetryDelayMs(status, 1'000);
      this->Finish(ToGrpcStatus(status));
      return;
    }
    Schedule();
  }

  // Makes a waiting call look again; a call that is at work will look once more before it waits.
  void Wake() {
    {
      MutexLock lock(mutex_);
      if (!waiting_) {
        woken_ = true;
        return;
      }
      waiting_ = false;
    }
    Schedule();
  }

  void Schedule() {
    // The pool refuses only when the server is past stopping its streams; then this thread ends the call.
    if (!pool_.SubmitStep([this] { Step(); })) End(MakeError(Reason::kStopping, "the server is stopping"));
  }

  void Step() {
    for (;;) {
      {
        MutexLock lock(mutex_);
        woken_ = false;
        if (cancelled_ || stopping_) break;
      }
      if (source_ == nullptr) {
        absl::StatusOr<std::unique_ptr<FrameSource<Frame>>> made = maker_();
        if (!made.ok()) return End(made.status());
        source_ = *std::move(made);
        source_->Attach([this] { Wake(); });
      }
      frame_.Clear();
      const absl::StatusOr<Produced> produced = source_->Produce(frame_);
      if (!produced.ok()) return End(produced.status());
      if (*produced == Produced::kFrame) {
        this->StartWrite(&frame_);
        return;
      }
      if (*produced == Produced::kEnd) return End(absl::OkStatus());
      MutexLock lock(mutex_);
      if (!woken_) {
        waiting_ = true;
        return;
      }
    }
    bool cancelled = false;
    {
      MutexLock lock(mutex_);
      cancelled = cancelled_;
    }
    End(cancelled ? absl::CancelledError("cancelled by the client")
                  : MakeError(Reason::kStopping, "the server is stopping; resume from the last cursor"));
  }

  void End(const absl::Status& status) {
    if (source_ != nullptr) source_->Detach();
    context_.streams.Remove(*registration_);
    this->Finish(ToGrpcStatus(status));
  }

  const ServiceContext context_;
  WorkerPool& pool_;
  const Maker maker_;
  std::unique_ptr<FrameSource<Frame>> source_;
  std::optional<uint64_t> registration_;
  Frame frame_;

  Mutex mutex_;
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace keyledger::service

// See append_stream.h.
#include "server/service/append_stream.h"

#include <utility>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/service/append_request.h"
#include "server/service/ledger_service.h"
#include "server/service/rpc_status.h"

namespace keyledger::service {
namespace {

// Requests read ahead of their answers. More would only wait in the shard's queue.
constexpr size_t kInFlightMax = 8'192;
constexpr int kResultsPerFrameMax = 1'000;
constexpr size_t kFrameBytesMax = 1u << 20;
// Answers kept for a client that does not take them, about.
constexpr size_t kReadyBytesMax = 8u << 20;

}  // namespace

AppendStream* AppendStream::Start(const ServiceContext& context) {
  auto* const stream = new AppendStream(context);
  stream->Begin();
  return stream;
}

void AppendStream::Begin() {
  registration_ = context_.streams.Add([this] {
    MutexLock lock(mutex_);
    if (failure_.ok())
      failure_ = MakeError(Reason::kStopping, "the server is stopping; repeat unanswered requests when it is back");
    Move();
  });
  MutexLock lock(mutex_);
  if (!registration_.has_value()) {
    failure_ = context_.streams.stopping()
                   ? MakeError(Reason::kStopping, "the server is stopping")
                   : MakeError(Reason::kTooManyStreams, "too many streams are open; close some or try later");
    SetRetryDelayMs(failure_, 1'000);
  }
  Move();
}

bool AppendStream::MayRead() const { return slots_.size() < kInFlightMax && ready_bytes_ < kReadyBytesMax; }

void AppendStream::Move() {
  if (finished_) return;
  const bool ending = cancelled_ || !failure_.ok();
  if (!reading_ && !half_closed_ && !ending && MayRead()) {
    reading_ = true;
    StartRead(&incoming_);
  }
  if (!writing_ && !cancelled_ && !slots_.empty() && slots_.front().ready) {
    outgoing_.Clear();
    size_t bytes = 0;
    while (!slots_.empty() && slots_.front().ready && outgoing_.results_size() < kResultsPerFrameMax &&
           bytes < kFrameBytesMax) {
      ledger::v1::AppendResult* const result = outgoing_.add_results();
      *result = std::move(slots_.front().result);
      const size_t result_bytes = result->ByteSizeLong();
      bytes += result_bytes;
      ready_bytes_ -= result_bytes;
      slots_.pop_front();
      ++first_index_;
    }
    writing_ = true;
    StartWrite(&outgoing_);
    // The write that just began makes room for reading on.
    if (!reading_ && !half_closed_ && !ending && MayRead()) {
      reading_ = true;
      StartRead(&incoming_);
    }
    return;
  }
  // A stream that fails as a whole still delivers the answers it owes: what has been queued may have been applied.
  const bool drained = slots_.empty() && !writing_;
  if (cancelled_ ? !writing_ : (drained && (half_closed_ || !failure_.ok()))) {
    finished_ = true;
    Finish(cancelled_ ? grpc::Status(grpc::StatusCode::CANCELLED, "cancelled by the client") : ToGrpcStatus(failure_));
  }
}

void AppendStream::OnReadDone(bool ok) {
  if (!ok) {
    MutexLock lock(mutex_);
    reading_ = false;
    half_closed_ = true;
    Move();
    return;
  }
  absl::Status refusal;
  if (incoming_.requests_size() > kRequestsPerFrameMax) {
    refusal = MakeError(Reason::kTooManyEvents, fmt::format("{} requests in one frame, at most {} are allowed",
                                                            incoming_.requests_size(), kRequestsPerFrameMax));
  }
  if (refusal.ok() && !QueueFrame(0)) return;
  incoming_.Clear();
  MutexLock lock(mutex_);
  FinishFrame(refusal);
}

bool AppendStream::QueueFrame(int first) {
  auto& requests = *incoming_.mutable_requests();
  for (int i = first; i < requests.size(); ++i) {
    if (context_.vault != nullptr && HasPersonal(requests[i])) {
      {
        MutexLock lock(mutex_);
        on_worker_ = true;
      }
      // Requests after it wait for it: those to one account are applied in the order sent.
      if (context_.workers.SubmitStep([this, i] { QueueOnWorker(i); })) return false;
      MutexLock lock(mutex_);
      on_worker_ = false;
      if (failure_.ok()) failure_ = MakeError(Reason::kStopping, "the server is stopping");
      return true;
    }
    Queue(std::move(requests[i]));
  }
  return true;
}

void AppendStream::QueueOnWorker(int first) {
  auto& requests = *incoming_.mutable_requests();
  {
    const vault::KeyUse keys = MakeKeys(requests, first, *context_.vault);
    for (int i = first; i < requests.size(); ++i) Queue(std::move(requests[i]));
  }
  incoming_.Clear();
  bool deletable = false;
  {
    MutexLock lock(mutex_);
    on_worker_ = false;
    FinishFrame(absl::OkStatus());
    deletable = Deletable();
  }
  if (deletable) delete this;
}

void AppendStream::FinishFrame(const absl::Status& refusal) {
  reading_ = false;
  if (!refusal.ok() && failure_.ok()) failure_ = refusal;
  Move();
}

void AppendStream::Queue(ledger::v1::AppendRequest request) {
  uint64_t index = 0;
  {
    MutexLock lock(mutex_);
    index = first_index_ + slots_.size();
    slots_.emplace_back().full = request.view() != ledger::v1::APPEND_VIEW_BASIC;
    ++unanswered_;
  }
  // Nothing but what holds personal data has keys to keep.
  const auto keys = context_.vault != nullptr && HasPersonal(request) ? std::make_shared<vault::KeyUse>() : nullptr;
  absl::StatusOr<shard::AppendCommand> command = ToCommand(std::move(request), context_.vault, keys.get());
  if (!command.ok()) {
    Answer(index, command.status());
    return;
  }
  context_.ledger.Append(*std::move(command), [this, index, keys](absl::StatusOr<shard::AppendAnswer> answer) {
    if (keys != nullptr) SettleKeys(answer.status(), *keys);
    Answer(index, std::move(answer));
  });
}

void AppendStream::Answer(uint64_t index, absl::StatusOr<shard::AppendAnswer> answer) {
  // The result is made outside the lock.
  ledger::v1::AppendResult result;
  std::string cursor;
  if (answer.ok()) {
    cursor = CursorAfter(context_.ledger, answer->shard, answer->next_position);
  } else {
    result.set_status(ToRpcStatusBytes(answer.status()));
  }
  bool deletable = false;
  {
    MutexLock lock(mutex_);
    Slot& slot = slots_[index - first_index_];
    if (answer.ok()) FillResponse(*std::move(answer), slot.full, std::move(cursor), *result.mutable_response());
    slot.result = std::move(result);
    slot.ready = true;
    ready_bytes_ += slot.result.ByteSizeLong();
    --unanswered_;
    if (index == first_index_) Move();
    deletable = Deletable();
  }
  if (deletable) delete this;
}

void AppendStream::OnWriteDone(bool ok) {
  MutexLock lock(mutex_);
  writing_ = false;
  if (!ok) cancelled_ = true;
  Move();
}

void AppendStream::OnCancel() {
  MutexLock lock(mutex_);
  cancelled_ = true;
  Move();
}

void AppendStream::OnDone() {
  if (registration_.has_value()) context_.streams.Remove(*registration_);
  bool deletable = false;
  {
    MutexLock lock(mutex_);
    done_ = true;
    deletable = Deletable();
  }
  // Otherwise the last answer or the worker deletes it.
  if (deletable) delete this;
}

}  // namespace keyledger::service

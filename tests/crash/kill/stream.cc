// See stream.h.
#include "tests/crash/kill/stream.h"

#include <deque>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "client/cpp/error.h"
#include "keyledger/ledger/v1/ledger_service.grpc.pb.h"
#include "server/base/mutex.h"

namespace keyledger::testing {
namespace {

constexpr auto kDeadline = std::chrono::seconds(120);
constexpr size_t kFrameMax = 32;

class StreamRun {
 public:
  StreamRun(const std::shared_ptr<grpc::Channel>& channel, Writer& writer, const StreamPlan& plan)
      : plan_(plan), writer_(writer), stub_(ledger::v1::LedgerService::NewStub(channel)) {
    context_.set_deadline(std::chrono::system_clock::now() + kDeadline);
    for (const size_t place : writer.Unanswered()) again_.push_back(place);
    left_ = again_.size() + plan.new_requests;
    stream_ = stub_->AppendStream(&context_);
  }

  std::string Run() {
    std::thread reader([this] { Read(); });
    ledger::v1::AppendStreamRequest frame;
    while (NextFrame(frame)) {
      if (!stream_->Write(frame)) break;
    }
    stream_->WritesDone();
    reader.join();
    const grpc::Status status = stream_->Finish();
    MutexLock lock(mutex_);
    if (!problem_.empty()) return problem_;
    if (in_flight_.empty() && left_ == 0) return "";
    if (plan_.may_break) return "";
    return fmt::format("the stream broke: {} {}", static_cast<int>(status.error_code()), status.error_message());
  }

 private:
  // Blocks: while the window is full. False: nothing is left to send, or the stream is broken.
  bool NextFrame(ledger::v1::AppendStreamRequest& frame) {
    frame.Clear();
    MutexLock lock(mutex_);
    while (!broken_ && left_ > 0 && in_flight_.size() >= plan_.window) changed_.Wait(mutex_);
    if (broken_ || left_ == 0) return false;
    while (left_ > 0 && in_flight_.size() < plan_.window && frame.requests_size() < static_cast<int>(kFrameMax)) {
      size_t place = 0;
      if (again_.empty()) {
        place = writer_.Next();
      } else {
        place = again_.front();
        again_.pop_front();
      }
      --left_;
      in_flight_.push_back(place);
      *frame.add_requests() = writer_.Send(place);
    }
    return true;
  }

  void Read() {
    ledger::v1::AppendStreamResponse frame;
    while (stream_->Read(&frame)) {
      for (ledger::v1::AppendResult& result : *frame.mutable_results()) {
        {
          MutexLock lock(mutex_);
          if (std::string problem = Take(result); !problem.empty() && problem_.empty()) problem_ = std::move(problem);
        }
        plan_.on_answer();
      }
      changed_.NotifyAll();
    }
    {
      MutexLock lock(mutex_);
      broken_ = true;
    }
    changed_.NotifyAll();
  }

  std::string Take(ledger::v1::AppendResult& result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (in_flight_.empty()) return "more answers than requests";
    const size_t place = in_flight_.front();
    in_flight_.pop_front();
    if (result.has_response()) return writer_.Applied(place, std::move(*result.mutable_response()));
    const client::ClientError error = client::DecodeStatusBytes(result.status());
    writer_.Refused(place);
    if (error.reason == "INSUFFICIENT_POINTS") return "";
    return fmt::format("{} was refused: {} {}", writer_.entry(place).request.request_id(), error.reason, error.message);
  }

  const StreamPlan& plan_;
  Writer& writer_;
  const std::unique_ptr<ledger::v1::LedgerService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<ledger::v1::AppendStreamRequest, ledger::v1::AppendStreamResponse>> stream_;

  Mutex mutex_;
  CondVar changed_;
  std::deque<size_t> again_ ABSL_GUARDED_BY(mutex_);
  // Requests still to be sent.
  size_t left_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<size_t> in_flight_ ABSL_GUARDED_BY(mutex_);
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
  std::string problem_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::string SendStream(const std::shared_ptr<grpc::Channel>& channel, Writer& writer, const StreamPlan& plan) {
  return StreamRun(channel, writer, plan).Run();
}

}  // namespace keyledger::testing

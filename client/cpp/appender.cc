// The pipelined appender: one thread that opens streams and writes, one reader per stream. See appender.h.
//
// The concurrency in one place: unanswered_ is the truth; sent_ says how many of its front are on the current stream.
// The writer moves sent_ forward, the reader pops from the front. When a stream ends both stop, sent_ falls to 0, and
// the next stream sends everything left again. Since answers come in the order of requests, the front is always what
// the next answer is for.
#include "client/cpp/appender.h"

#include <algorithm>
#include <utility>

#include "client/cpp/request_id.h"

namespace keyledger::client {
namespace {

namespace v1 = ::keyledger::ledger::v1;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Codes with which streams end when a server or a connection goes away. Repeating is safe under any of them: ids make
// it so.
bool IsBreak(grpc::StatusCode code) {
  return code == grpc::StatusCode::OK || code == grpc::StatusCode::UNAVAILABLE || code == grpc::StatusCode::CANCELLED ||
         code == grpc::StatusCode::UNKNOWN;
}

}  // namespace

PipelinedAppender::PipelinedAppender(std::shared_ptr<grpc::Channel> channel, const AppenderOptions& options)
    : options_(options),
      stub_(v1::LedgerService::NewStub(std::move(channel))),
      last_progress_(steady_clock::now()),
      thread_([this] { Run(); }) {}

PipelinedAppender::~PipelinedAppender() {
  Cancel();
  thread_.join();
}

void PipelinedAppender::WaitWatching(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                                     const std::function<bool()>& ready) {
  while (!ready()) {
    // Between two streams there is nobody to watch; the next one wakes this up.
    if (unanswered_.empty() || pause_ || context_ == nullptr) {
      condition.wait(lock);
      continue;
    }
    const auto until = last_progress_ + options_.give_up_after;
    condition.wait_until(lock, until);
    if (steady_clock::now() >= until && last_progress_ + options_.give_up_after == until && !unanswered_.empty() &&
        context_ != nullptr && !pause_) {
      // A server that takes requests and never answers, or no longer takes any: end the stream, and with it the
      // appender.
      ClientError error;
      error.code = grpc::StatusCode::DEADLINE_EXCEEDED;
      error.message = "the server stopped answering";
      pause_ = error;
      context_->TryCancel();
    }
  }
}

void PipelinedAppender::Append(v1::AppendRequest request, Callback callback) {
  auto entry = std::make_shared<Entry>();
  entry->request = std::move(request);
  entry->callback = std::move(callback);
  if (entry->request.request_id().empty()) {
    entry->request.set_request_id(NewRequestId());
  }
  entry->bytes = entry->request.ByteSizeLong();
  std::optional<ClientError> failed;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    WaitWatching(lock, progress_, [this] { return failed_ || unanswered_.size() < options_.window_requests_max; });
    ++stats_.accepted;
    failed = failed_;
    if (!failed) {
      if (unanswered_.empty()) {
        last_progress_ = steady_clock::now();
      }
      unanswered_.push_back(entry);
    }
  }
  if (failed) {
    CallBack(*entry, *failed);
    return;
  }
  work_.notify_one();
}

void PipelinedAppender::Flush() {
  std::unique_lock<std::mutex> lock(mutex_);
  const uint64_t target = stats_.accepted;
  WaitWatching(lock, progress_, [&] { return stats_.answered >= target; });
}

void PipelinedAppender::Cancel() {
  waiter_.Cancel();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (context_ != nullptr) {
      context_->TryCancel();
    }
  }
  work_.notify_all();
}

AppenderStats PipelinedAppender::stats() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return stats_;
}

void PipelinedAppender::CallBack(Entry& entry, const Result<v1::AppendResponse>& result) {
  if (entry.callback) {
    entry.callback(result);
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++stats_.answered;
    stats_.refused += result.ok() ? 0 : 1;
    stats_.replayed += result.ok() && result->replayed() ? 1 : 0;
    last_progress_ = steady_clock::now();
  }
  progress_.notify_all();
}

void PipelinedAppender::Fail(const ClientError& error) {
  std::deque<std::shared_ptr<Entry>> entries;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    failed_ = error;
    entries.swap(unanswered_);
    sent_ = 0;
  }
  progress_.notify_all();
  for (const std::shared_ptr<Entry>& entry : entries) {
    CallBack(*entry, error);
  }
}

void PipelinedAppender::Run() {
  Backoff backoff(options_.backoff);
  bool first = true;
  while (true) {
    uint64_t answered_before = 0;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      // No stream is opened before there is something to send.
      work_.wait(lock, [this] { return waiter_.cancelled() || !unanswered_.empty(); });
      answered_before = stats_.answered;
      stats_.reconnects += first ? 0 : 1;
      first = false;
    }
    grpc::Status status;
    if (!waiter_.cancelled()) {
      RunStream(status);
    }
    if (waiter_.cancelled()) {
      ClientError error;
      error.code = grpc::StatusCode::CANCELLED;
      error.message = "the appender was cancelled";
      Fail(error);
      return;
    }
    ClientError error = DecodeError(status);
    bool give_up = false;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (pause_) {
        error = *std::exchange(pause_, std::nullopt);
      }
      if (stats_.answered != answered_before) {
        backoff.Reset();
      }
      give_up = !unanswered_.empty() && steady_clock::now() - last_progress_ >= options_.give_up_after;
    }
    if (give_up || !(IsBreak(error.code) || IsRetryable(error))) {
      if (error.code == grpc::StatusCode::OK) {
        error.code = grpc::StatusCode::UNAVAILABLE;
        error.message = "the server ends the stream without answering";
      }
      Fail(error);
      return;
    }
    waiter_.WaitFor(backoff.Next(error.retry_delay));
  }
}

void PipelinedAppender::RunStream(grpc::Status& status) {
  grpc::ClientContext context;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    broken_ = false;
    sent_ = 0;
    if (waiter_.cancelled()) {
      return;
    }
    context_ = &context;
  }
  // Those who wait for progress watch this stream from now on.
  progress_.notify_all();
  std::unique_ptr<Stream> stream = stub_->AppendStream(&context);
  std::thread reader([&] { ReadAnswers(*stream, context); });
  WriteFrames(*stream);
  reader.join();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    context_ = nullptr;
    stats_.resent += sent_;
  }
  status = stream->Finish();
}

void PipelinedAppender::WriteFrames(Stream& stream) {
  while (true) {
    v1::AppendStreamRequest frame;
    // Keeps the borrowed requests alive: the reader may pop an entry while its frame is still being written.
    std::deque<std::shared_ptr<Entry>> borrowed;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      WaitWatching(lock, work_, [this] { return broken_ || waiter_.cancelled() || sent_ < unanswered_.size(); });
      if (broken_ || waiter_.cancelled()) {
        break;
      }
      size_t bytes = 0;
      while (sent_ < unanswered_.size() && borrowed.size() < options_.frame_requests_max) {
        const std::shared_ptr<Entry>& entry = unanswered_[sent_];
        if (!borrowed.empty() && bytes + entry->bytes > options_.frame_bytes_max) {
          break;
        }
        bytes += entry->bytes;
        borrowed.push_back(entry);
        ++sent_;
      }
      ++stats_.frames;
    }
    for (const std::shared_ptr<Entry>& entry : borrowed) {
      frame.mutable_requests()->UnsafeArenaAddAllocated(&entry->request);
    }
    const bool written = stream.Write(frame);
    for (size_t i = 0; i < borrowed.size(); ++i) {
      frame.mutable_requests()->UnsafeArenaReleaseLast();
    }
    if (!written) {
      break;
    }
  }
  stream.WritesDone();
}

void PipelinedAppender::ReadAnswers(Stream& stream, grpc::ClientContext& context) {
  v1::AppendStreamResponse frame;
  bool good = true;
  while (good && stream.Read(&frame)) {
    for (v1::AppendResult& result : *frame.mutable_results()) {
      if (!Answer(result)) {
        good = false;
        break;
      }
    }
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    broken_ = true;
  }
  work_.notify_all();
  if (!good) {
    // The writer may be blocked in Write: only ending the stream wakes it.
    context.TryCancel();
  }
}

bool PipelinedAppender::Answer(v1::AppendResult& result) {
  std::optional<ClientError> error;
  if (!result.has_response()) {
    error = DecodeStatusBytes(result.status());
  }
  std::shared_ptr<Entry> entry;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (sent_ == 0) {
      ClientError surplus;
      surplus.code = grpc::StatusCode::INTERNAL;
      surplus.message = "the server answered more requests than it was sent";
      pause_ = surplus;
      return false;
    }
    if (error && IsRetryable(*error)) {
      pause_ = std::move(error);
      return false;
    }
    entry = std::move(unanswered_.front());
    unanswered_.pop_front();
    --sent_;
  }
  if (error) {
    CallBack(*entry, *error);
  } else {
    CallBack(*entry, Result<v1::AppendResponse>(std::move(*result.mutable_response())));
  }
  return true;
}

}  // namespace keyledger::client

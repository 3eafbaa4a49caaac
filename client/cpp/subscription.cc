// Resuming subscription. See subscription.h.
#include "client/cpp/subscription.h"

#include <utility>

namespace keyledger::client {
namespace {

namespace v1 = ::keyledger::ledger::v1;

// A stream ends with OK only when the server goes away in good order; it never has nothing more to say.
bool IsBreak(grpc::StatusCode code) {
  return code == grpc::StatusCode::OK || code == grpc::StatusCode::UNAVAILABLE || code == grpc::StatusCode::CANCELLED ||
         code == grpc::StatusCode::UNKNOWN;
}

}  // namespace

Subscription::Subscription(std::shared_ptr<grpc::Channel> channel, v1::SubscribeRequest request, OnFrame on_frame,
                           const SubscriptionOptions& options)
    : options_(options),
      on_frame_(std::move(on_frame)),
      stub_(v1::LedgerService::NewStub(std::move(channel))),
      request_(std::move(request)),
      thread_([this] { Run(); }) {}

Subscription::~Subscription() {
  Cancel();
  Wait();
}

void Subscription::Cancel() {
  waiter_.Cancel();
  const std::lock_guard<std::mutex> lock(mutex_);
  if (context_ != nullptr) {
    context_->TryCancel();
  }
}

std::optional<ClientError> Subscription::Wait() {
  {
    const std::lock_guard<std::mutex> lock(join_mutex_);
    if (thread_.joinable()) {
      thread_.join();
    }
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  return error_;
}

std::string Subscription::cursor() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return cursor_;
}

int Subscription::resumes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return resumes_;
}

bool Subscription::RunStream(grpc::Status& status) {
  grpc::ClientContext context;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (waiter_.cancelled()) {
      return false;
    }
    context_ = &context;
  }
  bool any = false;
  std::unique_ptr<grpc::ClientReader<v1::SubscribeResponse>> reader = stub_->Subscribe(&context, request_);
  v1::SubscribeResponse frame;
  while (!waiter_.cancelled() && reader->Read(&frame)) {
    any = true;
    const bool go_on = on_frame_(frame);
    if (!frame.cursor().empty()) {
      request_.mutable_start()->set_cursor(frame.cursor());
      const std::lock_guard<std::mutex> lock(mutex_);
      cursor_ = frame.cursor();
    }
    if (!go_on) {
      waiter_.Cancel();
    }
  }
  if (waiter_.cancelled()) {
    context.TryCancel();
  }
  status = reader->Finish();
  const std::lock_guard<std::mutex> lock(mutex_);
  context_ = nullptr;
  return any;
}

void Subscription::Run() {
  Backoff backoff(options_.backoff);
  int breaks = 0;
  while (!waiter_.cancelled()) {
    grpc::Status status;
    if (RunStream(status)) {
      backoff.Reset();
      breaks = 0;
    }
    if (waiter_.cancelled()) {
      return;
    }
    ClientError error = DecodeError(status);
    ++breaks;
    const bool again =
        (IsBreak(error.code) || IsRetryable(error)) && (options_.breaks_max == 0 || breaks < options_.breaks_max);
    if (!again) {
      const std::lock_guard<std::mutex> lock(mutex_);
      error_ = std::move(error);
      return;
    }
    if (!waiter_.WaitFor(backoff.Next(error.retry_delay))) {
      return;
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    ++resumes_;
  }
}

}  // namespace keyledger::client

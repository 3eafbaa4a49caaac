// The fake server of the client's tests. See fake_ledger.h.
#include "tests/unit/client/fake_ledger.h"

#include <limits>
#include <thread>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "keyledger/events/v1/record.pb.h"

namespace keyledger::client {
namespace v1 = ::keyledger::ledger::v1;

std::string RichStatusBytes(grpc::StatusCode code, const std::string& reason, int retry_ms) {
  google::rpc::Status status;
  status.set_code(code);
  status.set_message("refused");
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("keyledger");
  (*info.mutable_metadata())["k"] = "v";
  status.add_details()->PackFrom(info);
  google::rpc::BadRequest bad;
  bad.add_field_violations()->set_field("field_a");
  bad.mutable_field_violations(0)->set_description("is wrong");
  status.add_details()->PackFrom(bad);
  if (retry_ms > 0) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_nanos(retry_ms * 1'000'000);
    status.add_details()->PackFrom(retry);
  }
  return status.SerializeAsString();
}

grpc::Status RichStatus(grpc::StatusCode code, const std::string& reason, int retry_ms) {
  return grpc::Status(code, "refused", RichStatusBytes(code, reason, retry_ms));
}

FakeLedger::FakeLedger() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
}

FakeLedger::~FakeLedger() { server_->Shutdown(std::chrono::system_clock::now()); }

std::shared_ptr<grpc::Channel> FakeLedger::Channel() const {
  ChannelOptions options;
  options.address = address();
  options.own_connection = true;
  return MakeChannel(options);
}

void FakeLedger::FailAppends(std::deque<grpc::Status> failures) { append_failures_ = std::move(failures); }
void FakeLedger::DropStreamsAfter(std::deque<int> answers, bool applied) {
  drops_ = std::move(answers);
  apply_dropped_ = applied;
}
void FakeLedger::RefuseOnce(const std::string& request_id, const std::string& status) {
  refuse_once_[request_id] = status;
}
void FakeLedger::RefuseAlways(const std::string& request_id, const std::string& status) {
  refuse_always_[request_id] = status;
}
void FakeLedger::StopAnswering() { silent_ = true; }
void FakeLedger::HangReadsAfter(int frames) { read_frames_ = frames; }
void FakeLedger::BreakSubscriptionsAfter(std::deque<int> frames) { breaks_ = std::move(frames); }

std::vector<std::string> FakeLedger::received() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return received_;
}
std::vector<std::string> FakeLedger::applied() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return applied_;
}
std::vector<std::string> FakeLedger::starts() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return starts_;
}

v1::AppendResponse FakeLedger::Apply(const v1::AppendRequest& request) {
  v1::AppendResponse response;
  const auto [at, fresh] = positions_.emplace(request.account_id() + "/" + request.request_id(), positions_.size());
  if (fresh) {
    applied_.push_back(request.request_id());
  }
  response.set_replayed(!fresh);
  response.add_events()->set_position(at->second);
  return response;
}

grpc::Status FakeLedger::Append(grpc::ServerContext*, const v1::AppendRequest* request, v1::AppendResponse* response) {
  const std::lock_guard<std::mutex> lock(mutex_);
  received_.push_back(request->request_id());
  if (!append_failures_.empty()) {
    const grpc::Status failure = append_failures_.front();
    append_failures_.pop_front();
    return failure;
  }
  *response = Apply(*request);
  return grpc::Status::OK;
}

grpc::Status FakeLedger::AppendStream(
    grpc::ServerContext*, grpc::ServerReaderWriter<v1::AppendStreamResponse, v1::AppendStreamRequest>* stream) {
  int left = std::numeric_limits<int>::max();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!drops_.empty()) {
      left = drops_.front();
      drops_.pop_front();
    }
  }
  v1::AppendStreamRequest frame;
  while (stream->Read(&frame)) {
    v1::AppendStreamResponse answers;
    bool dropped = false;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      for (const v1::AppendRequest& request : frame.requests()) {
        dropped = dropped || left == 0;
        if (dropped) {
          if (apply_dropped_) {
            Apply(request);
          }
          continue;
        }
        --left;
        v1::AppendResult& result = *answers.add_results();
        if (const auto once = refuse_once_.find(request.request_id()); once != refuse_once_.end()) {
          result.set_status(once->second);
          refuse_once_.erase(once);
        } else if (const auto always = refuse_always_.find(request.request_id()); always != refuse_always_.end()) {
          result.set_status(always->second);
        } else {
          *result.mutable_response() = Apply(request);
        }
      }
      if (silent_) {
        continue;
      }
    }
    if (answers.results_size() > 0) {
      stream->Write(answers);
    }
    if (dropped) {
      return grpc::Status(grpc::StatusCode::UNAVAILABLE, "dropped");
    }
  }
  return grpc::Status::OK;
}

grpc::Status FakeLedger::ReadLog(grpc::ServerContext* context, const v1::ReadLogRequest*,
                                 grpc::ServerWriter<v1::ReadLogResponse>* writer) {
  for (int sent = 0; sent < 10; ++sent) {
    while (sent == read_frames_) {
      if (context->IsCancelled()) return grpc::Status::CANCELLED;
      std::this_thread::yield();
    }
    v1::ReadLogResponse frame;
    frame.set_first_position(static_cast<uint64_t>(sent));
    if (!writer->Write(frame)) break;
  }
  return grpc::Status::OK;
}

// Serves frames numbered from the cursor on, up to cursor "10", then waits for the client to go.
grpc::Status FakeLedger::Subscribe(grpc::ServerContext* context, const v1::SubscribeRequest* request,
                                   grpc::ServerWriter<v1::SubscribeResponse>* writer) {
  int left = std::numeric_limits<int>::max();
  int next = 0;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    starts_.push_back(request->start().has_cursor() ? request->start().cursor() : "beginning");
    if (request->start().has_cursor()) {
      if (request->start().cursor() == "bad") {
        return RichStatus(grpc::StatusCode::INVALID_ARGUMENT, "INVALID_TOKEN", 0);
      }
      next = std::stoi(request->start().cursor());
    }
    if (!breaks_.empty()) {
      left = breaks_.front();
      breaks_.pop_front();
    }
  }
  for (; next < 10 && !context->IsCancelled(); ++next) {
    if (left-- == 0) {
      return grpc::Status(grpc::StatusCode::UNAVAILABLE, "break");
    }
    v1::SubscribeResponse frame;
    frame.mutable_records()->set_first_position(static_cast<uint64_t>(next));
    ::keyledger::events::v1::EventRecord record;
    record.set_position(static_cast<uint64_t>(next));
    record.set_account_id("a");
    frame.mutable_records()->add_records(record.SerializeAsString());
    frame.set_cursor(std::to_string(next + 1));
    if (!writer->Write(frame)) {
      break;
    }
  }
  return grpc::Status::OK;
}

}  // namespace keyledger::client

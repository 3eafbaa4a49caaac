// AppendStream: pipelined, answered in order, refusals inside, and how it ends.
#include <thread>

#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;

// One call of AppendStream.
class Stream {
 public:
  explicit Stream(LiveServer& server) {
    context_.set_deadline(std::chrono::system_clock::now() + kPatience);
    stream_ = server.ledger().AppendStream(&context_);
  }

  bool Write(const AppendStreamRequest& frame) { return stream_->Write(frame); }
  bool WritesDone() { return stream_->WritesDone(); }
  bool Read(AppendStreamResponse* frame) { return stream_->Read(frame); }
  // All results still to come.
  std::vector<AppendResult> ReadAll() {
    std::vector<AppendResult> results;
    AppendStreamResponse frame;
    while (Read(&frame)) results.insert(results.end(), frame.results().begin(), frame.results().end());
    return results;
  }
  void Cancel() { context_.TryCancel(); }
  grpc::Status Finish() { return stream_->Finish(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<AppendStreamRequest, AppendStreamResponse>> stream_;
};

// A frame of requests of one event each to acme: "<prefix>0" and so on.
AppendStreamRequest Visits(const std::string& prefix, int count, bool opens) {
  AppendStreamRequest frame;
  for (int i = 0; i < count; ++i) {
    *frame.add_requests() = Request("acme", prefix + std::to_string(i), {opens && i == 0 ? Opened() : Visited()});
  }
  return frame;
}

int Applied(const std::vector<AppendResult>& results) {
  int applied = 0;
  for (const AppendResult& result : results) applied += result.has_response() ? 1 : 0;
  return applied;
}

TEST(AppendStream, AnswersThousandsOfPipelinedRequestsInOrder) {
  LiveServer server(4);
  constexpr int kFrames = 60;
  constexpr int kPerFrame = 100;
  constexpr int kAccounts = 17;
  Stream stream(server);
  std::thread writer([&] {
    int number = 0;
    for (int i = 0; i < kFrames; ++i) {
      AppendStreamRequest frame;
      for (int k = 0; k < kPerFrame; ++k, ++number) {
        AppendRequest& request = *frame.add_requests();
        shard::SubmittedEvent event = number < kAccounts ? Opened() : Visited();
        event.event_id = "event-" + std::to_string(number);
        request = Request("account-" + std::to_string(number % kAccounts), "r" + std::to_string(number), {event});
        request.set_view(APPEND_VIEW_BASIC);
      }
      EXPECT_TRUE(stream.Write(frame));
    }
    EXPECT_TRUE(stream.WritesDone());
  });
  int answered = 0;
  for (const AppendResult& result : stream.ReadAll()) {
    EXPECT_TRUE(result.has_response()) << ReadRpcStatus(result.status());
    if (!result.has_response()) break;
    // In the order sent, and each account's in its order.
    EXPECT_EQ(result.response().events(0).event_id(), "event-" + std::to_string(answered));
    EXPECT_EQ(result.response().events(0).revision(), static_cast<uint64_t>(answered / kAccounts));
    ++answered;
  }
  writer.join();
  const grpc::Status status = stream.Finish();
  EXPECT_TRUE(status.ok()) << ReadRpcError(status);
  EXPECT_EQ(answered, kFrames * kPerFrame);
}

TEST(AppendStream, GoesOnAfterRefusals) {
  LiveServer server;
  Stream stream(server);
  AppendStreamRequest frame;
  *frame.add_requests() = Request("acme", "r1", {Opened()});
  *frame.add_requests() = Request("acme", "r2", {Opened()});
  *frame.add_requests() = Request("bad id", "r3", {Opened()});
  *frame.add_requests() = Request("acme", "r1", {Opened()});
  *frame.add_requests() = Request("acme", "r4", {Visited()}, Exactly(9));
  *frame.add_requests() = Request("acme", "r5", {Visited()}, Exactly(0));
  ASSERT_TRUE(stream.Write(frame));
  ASSERT_TRUE(stream.WritesDone());
  std::vector<std::string> outcomes;
  for (const AppendResult& result : stream.ReadAll()) {
    outcomes.push_back(result.has_response() ? (result.response().replayed() ? "replayed" : "applied")
                                             : ReadRpcStatus(result.status()).reason);
  }
  EXPECT_TRUE(stream.Finish().ok());
  EXPECT_EQ(outcomes, (std::vector<std::string>{"applied", "ACCOUNT_EXISTS", "INVALID_FIELD", "replayed",
                                                "STALE_REVISION", "applied"}));
  // After the signing key's record.
  EXPECT_EQ(server.ReadLog()[0].size(), 3u);
}

TEST(AppendStream, CarriesTheSameDetailsAsAUnaryRefusal) {
  LiveServer server;
  server.MustAppend(Request("acme", "r1", {Opened()}));
  const AppendRequest request = Request("acme", "r2", {Visited()}, Exactly(7));
  const RpcError unary = server.Refused(request);
  Stream stream(server);
  AppendStreamRequest frame;
  *frame.add_requests() = request;
  ASSERT_TRUE(stream.Write(frame));
  ASSERT_TRUE(stream.WritesDone());
  const std::vector<AppendResult> results = stream.ReadAll();
  ASSERT_EQ(results.size(), 1u);
  const RpcError streamed = ReadRpcStatus(results[0].status());
  EXPECT_TRUE(stream.Finish().ok());
  EXPECT_EQ(streamed.code, grpc::StatusCode::ABORTED);
  EXPECT_EQ(streamed.code, unary.code);
  EXPECT_EQ(streamed.reason, unary.reason);
  EXPECT_EQ(streamed.message, unary.message);
  EXPECT_EQ(streamed.metadata, unary.metadata);
}

TEST(AppendStream, TakesAFrameOfAThousandRequests) {
  LiveServer server;
  Stream stream(server);
  ASSERT_TRUE(stream.Write(Visits("r", 1'000, true)));
  ASSERT_TRUE(stream.WritesDone());
  EXPECT_EQ(Applied(stream.ReadAll()), 1'000);
  EXPECT_TRUE(stream.Finish().ok());
}

TEST(AppendStream, RefusesAFrameOverItsLimitAfterAnsweringWhatItOwes) {
  LiveServer server;
  Stream stream(server);
  ASSERT_TRUE(stream.Write(Visits("r", 3, true)));
  ASSERT_TRUE(stream.Write(Visits("x", 1'001, false)));
  const int applied = Applied(stream.ReadAll());
  const RpcError error = ReadRpcError(stream.Finish());
  EXPECT_EQ(error.code, grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(error.reason, "TOO_MANY_EVENTS");
  EXPECT_EQ(applied, 3);
  // After the signing key's record.
  EXPECT_EQ(server.ReadLog()[0].size(), 4u);
}

TEST(AppendStream, CancelledInTheMiddleLeavesWholeRequestsAndAWorkingServer) {
  LiveServer server;
  server.MustAppend(Request("acme", "open", {Opened()}));
  for (int round = 0; round < 5; ++round) {
    Stream stream(server);
    for (int i = 0; i < 20; ++i) {
      AppendStreamRequest frame;
      for (int k = 0; k < 50; ++k) {
        *frame.add_requests() =
            Request("acme", std::to_string(round) + "-" + std::to_string(i * 50 + k), {Visited(), Visited()});
      }
      ASSERT_TRUE(stream.Write(frame));
    }
    AppendStreamResponse answers;
    ASSERT_TRUE(stream.Read(&answers));
    stream.Cancel();
    stream.ReadAll();
    EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  const uint64_t revision = server.MustAppend(Request("acme", "last", {Visited()})).events(0).revision();
  auto records = server.ReadLog()[0];
  std::erase_if(records, [](const auto& record) { return record.account_id() != "acme"; });
  EXPECT_GT(records.size(), revision);
  // Whole requests of two events each after the first, but for the last: what the server had read of a stream when that
  // was cancelled may come behind it.
  EXPECT_EQ(std::erase_if(records, [](const auto& record) { return record.request_id() == "last"; }), 1u);
  EXPECT_EQ(records.size() % 2, 1u);
  for (size_t i = 1; i + 1 < records.size(); i += 2) EXPECT_EQ(records[i].request_id(), records[i + 1].request_id());
}

TEST(AppendStream, EndsWithStoppingWhenTheServerStops) {
  LiveServer server;
  Stream stream(server);
  AppendStreamRequest frame;
  *frame.add_requests() = Request("acme", "r1", {Opened()});
  ASSERT_TRUE(stream.Write(frame));
  AppendStreamResponse answers;
  ASSERT_TRUE(stream.Read(&answers));
  EXPECT_TRUE(answers.results(0).has_response());
  const auto start = std::chrono::steady_clock::now();
  server.Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(server.options().stop_seconds_max));
  EXPECT_FALSE(stream.Read(&answers));
  const RpcError error = ReadRpcError(stream.Finish());
  EXPECT_EQ(error.code, grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(error.reason, "STOPPING");
}

}  // namespace
}  // namespace keyledger::testing

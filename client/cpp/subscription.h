// Subscription: follows the log and comes back by itself after a break.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include <grpcpp/grpcpp.h>

#include "client/cpp/backoff.h"
#include "client/cpp/error.h"
#include "keyledger/ledger/v1/ledger_service.grpc.pb.h"

namespace keyledger::client {

struct SubscriptionOptions {
  BackoffOptions backoff;
  // Breaks in a row, without a frame in between, after which the subscription gives up. 0: never.
  int breaks_max = 0;
};

// Delivers every frame of LedgerService.Subscribe in order to one callback. After a break (UNAVAILABLE, a closed
// connection, an ended stream) it waits, jittered, and subscribes again from the cursor of the last frame whose
// callback returned: no frame is lost, none is delivered twice. Any other error ends it. A subscription that starts at
// the end and breaks before its first frame starts at the end again.
//
// Threads: thread-safe, except that the destructor and Wait must not be called from the callback. Frames are delivered
// on one thread of its own. Lifetime: the destructor cancels and joins; the callback is not called after it.
class Subscription {
 public:
  // Returns false to end the subscription.
  using OnFrame = std::function<bool(const ::keyledger::ledger::v1::SubscribeResponse&)>;

  // Starts at once.
  Subscription(std::shared_ptr<grpc::Channel> channel, ::keyledger::ledger::v1::SubscribeRequest request,
               OnFrame on_frame, const SubscriptionOptions& options = {});
  ~Subscription();
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  // Ends the subscription soon; the callback may still be running when it returns. May be called from the callback.
  void Cancel();
  // Returns once the subscription has ended: nothing if it was cancelled or its callback ended it, otherwise why.
  // Blocks: until then.
  std::optional<ClientError> Wait();
  // Cursor after the last frame whose callback returned; empty before the first.
  std::string cursor() const;
  // Times it subscribed again.
  int resumes() const;

 private:
  void Run();
  // One stream, to its end. Returns true if at least one frame came.
  bool RunStream(grpc::Status& status);

  // Set at construction.
  const SubscriptionOptions options_;
  const OnFrame on_frame_;
  const std::unique_ptr<::keyledger::ledger::v1::LedgerService::Stub> stub_;
  // Synchronizes itself.
  Waiter waiter_;
  // The subscription's thread only.
  ::keyledger::ledger::v1::SubscribeRequest request_;
  // Guarded by mutex_.
  mutable std::mutex mutex_;
  grpc::ClientContext* context_ = nullptr;
  std::string cursor_;
  int resumes_ = 0;
  std::optional<ClientError> error_;
  // Joined once, by Wait or the destructor.
  std::mutex join_mutex_;
  std::thread thread_;
};

}  // namespace keyledger::client

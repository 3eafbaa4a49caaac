// SendStream: one writer's requests over one AppendStream, until everything is answered or the stream breaks.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include <grpcpp/grpcpp.h>

#include "tests/crash/history/writer.h"

namespace keyledger::testing {

struct StreamPlan {
  // New requests to make after those that had no answer yet.
  size_t new_requests = 0;
  // Requests sent and not answered, at most.
  size_t window = 128;
  // Called after each answer has been taken down, on one thread at a time.
  std::function<void()> on_answer = [] {};
  // True: the stream may break at any place, since the server is killed.
  bool may_break = false;
};

// Sends the unanswered requests again, in order and under their own ids, then new ones, and takes down the answers.
// Returns "" or what went wrong: an answer that cannot be one, a break that was not planned.
std::string SendStream(const std::shared_ptr<grpc::Channel>& channel, Writer& writer, const StreamPlan& plan);

}  // namespace keyledger::testing

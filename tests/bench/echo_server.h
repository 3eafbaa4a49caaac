// The bare gRPC server that unary appends are measured against: a callback method that sends back the message it got.
#pragma once

#include <string>

namespace keyledger::bench {

inline constexpr char kEchoMethod[] = "/keyledger.bench.Echo/Echo";

// Serves until SIGTERM. Returns the exit code of the process.
int RunEchoServer(const std::string& port_file);

}  // namespace keyledger::bench

// Entry point of `keyledger`.
#include <cstdlib>
#include <iostream>

#include <unistd.h>

#include <absl/synchronization/mutex.h>

#include "client/cli/app.h"

int main(int argc, char** argv) {
  // The distribution's abseil is built with a lock-order detector that aborts the process.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  // gRPC's own log lines would mix with the command's messages, which say the same.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  std::ios::sync_with_stdio(false);
  keyledger::cli::Environment environment{std::cin,
                                          std::cout,
                                          std::cerr,
                                          isatty(STDOUT_FILENO) != 0,
                                          isatty(STDERR_FILENO) != 0,
                                          isatty(STDIN_FILENO) != 0};
  return keyledger::cli::Run(std::vector<std::string>(argv + 1, argv + argc), environment);
}

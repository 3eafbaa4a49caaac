// Entry point of `keyledger`.
#include <cstdlib>
#include <iostream>
#include <string_view>

#include <sys/ioctl.h>
#include <unistd.h>

#include <absl/synchronization/mutex.h>

#include "client/cli/app.h"

namespace {

// As setlocale would choose: the first of the three that is set.
bool IsUtf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') {
      const std::string_view text(value);
      return text.find("UTF-8") != std::string_view::npos || text.find("utf8") != std::string_view::npos;
    }
  }
  return false;
}

int Columns() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

int main(int argc, char** argv) {
  // The distribution's abseil is built with a lock-order detector that aborts the process.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  // gRPC's own log lines would mix with the command's messages, which say the same.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  std::ios::sync_with_stdio(false);
  const char* no_color = std::getenv("NO_COLOR");
  keyledger::cli::Environment environment{std::cin,
                                          std::cout,
                                          std::cerr,
                                          isatty(STDOUT_FILENO) != 0,
                                          isatty(STDERR_FILENO) != 0,
                                          isatty(STDIN_FILENO) != 0,
                                          IsUtf8(),
                                          no_color != nullptr && *no_color != '\0',
                                          Columns()};
  return keyledger::cli::Run(std::vector<std::string>(argv + 1, argv + argc), environment);
}

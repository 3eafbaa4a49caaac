// keyledgerd: reads its options, serves until told to stop, stops within a bound; or replays a directory at rest.
#include <pthread.h>
#include <signal.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <absl/synchronization/mutex.h>
#include <spdlog/spdlog.h>

#include "server/app/log.h"
#include "server/app/options.h"
#include "server/app/replay_command.h"
#include "server/app/server.h"
#include "server/base/error.h"

namespace {

constexpr int kExitCannotStart = 1;

// Written beside and renamed, so that who waits for it never reads half a number.
bool WritePortFile(const std::string& path, int port) {
  const std::string temporary = path + ".new";
  {
    std::ofstream out(temporary, std::ios::trunc);
    out << port << '\n';
    out.flush();
    if (!out) return false;
  }
  std::error_code error;
  std::filesystem::rename(temporary, path, error);
  return !error;
}

}  // namespace

int main(int argc, char** argv) {
  // The distribution's abseil is built with its deadlock detector on, which aborts the process on a lock order it
  // dislikes.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const keyledger::app::ParsedOptions parsed = keyledger::app::ParseOptions(argc, argv);
  if (parsed.exit_code.has_value()) return *parsed.exit_code;
  const keyledger::app::Options& options = parsed.options;
  keyledger::app::SetUpLog(options);
  if (options.replay) return keyledger::app::RunReplay(options);

  // Blocked before any thread exists, so that only the wait below sees them.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGTERM);
  sigaddset(&stop_signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  const keyledger::SystemClock clock;
  auto server = keyledger::app::Server::Start(options, clock);
  if (!server.ok()) {
    spdlog::error("cannot start: {}", keyledger::MessageOf(server.status()));
    return kExitCannotStart;
  }
  if (!options.port_file.empty() && !WritePortFile(options.port_file, (*server)->port())) {
    spdlog::error("cannot start: cannot write the port file {}", options.port_file);
    return kExitCannotStart;
  }
  spdlog::info("keyledgerd " KEYLEDGER_VERSION " serves ledger {} ({} shard{}) from {} on {} (port {})",
               (*server)->ledger().ledger_id(), (*server)->ledger().shard_count(),
               (*server)->ledger().shard_count() == 1 ? "" : "s", options.data_dir, options.listen, (*server)->port());
  int signal_number = 0;
  sigwait(&stop_signals, &signal_number);
  spdlog::info("stopping on signal {}", signal_number);
  (*server)->Stop();
  server->reset();
  spdlog::info("stopped");
  return 0;
}

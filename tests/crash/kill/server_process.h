// ServerProcess: a keyledgerd of a test's own, to be killed.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <string>
#include <vector>

namespace keyledger::testing {

// Threads: Kill by any; the rest by one.
class ServerProcess {
 public:
  // `directory` holds the data directory, the port file and the server's log. `flags` are passed on.
  ServerProcess(std::string directory, std::vector<std::string> flags);
  // Kills what runs.
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // Starts a server on the same data directory and waits until it serves. Empty, or why it does not.
  // Requires: none runs. Blocks: up to a minute.
  std::string Start();
  // HOST:PORT of the server that runs.
  const std::string& address() const { return address_; }
  // SIGKILL, at once. Only the first call after a Start does something.
  void Kill();
  // Waits for the end. Empty if it was SIGKILL that ended it.
  std::string WaitKilled();

 private:
  std::string Log() const;

  const std::string directory_;
  const std::vector<std::string> flags_;
  std::string address_;
  // 0: none runs.
  pid_t pid_ = 0;
  std::atomic<bool> killed_{false};
};

}  // namespace keyledger::testing

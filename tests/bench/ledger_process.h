// ServerProcess: keyledgerd, or the bench's echo server, in a process of its own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/channel.h>

namespace keyledger::bench {

// Seconds of the monotonic clock.
double Now();

class ServerProcess {
 public:
  // Starts `command` with --port-file `port_file` added, and waits until it serves.
  ServerProcess(std::vector<std::string> command, const std::string& port_file);
  // Stops.
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // Asks it to end and waits. Idempotent.
  void Stop();

  // From the start of the process until it serves.
  double start_seconds() const { return start_seconds_; }
  // VmRSS.
  uint64_t ResidentBytes() const;
  // Processor time used since the start, of all threads, user and system.
  double CpuSeconds() const;
  // A connection of its own.
  std::shared_ptr<grpc::Channel> NewChannel() const;

 private:
  pid_t pid_ = -1;
  int port_ = 0;
  double start_seconds_ = 0;
};

// keyledgerd on a data directory, with default settings.
std::unique_ptr<ServerProcess> StartLedger(const std::string& program, const std::string& data_dir);
// The echo server: this program, started again.
std::unique_ptr<ServerProcess> StartEcho(const std::string& scratch_dir);

}  // namespace keyledger::bench

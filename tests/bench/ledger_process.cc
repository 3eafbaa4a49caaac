// See ledger_process.h.
#include "tests/bench/ledger_process.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "tests/bench/report.h"

namespace keyledger::bench {
namespace {

constexpr double kStartSecondsMax = 120;
constexpr int kMessageBytesMax = 16 << 20;

}  // namespace

double Now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

ServerProcess::ServerProcess(std::vector<std::string> command, const std::string& port_file) {
  std::filesystem::remove(port_file);
  command.push_back("--port-file");
  command.push_back(port_file);
  std::vector<char*> argv;
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  const double start = Now();
  pid_ = vfork();
  if (pid_ == 0) {
    // A bench that dies takes its servers with it.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execv(argv[0], argv.data());
    _exit(127);
  }
  if (pid_ < 0) Fail("cannot start a process");
  while (!std::filesystem::exists(port_file)) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) Fail(fmt::format("{} ended before it served", command[0]));
    if (Now() - start > kStartSecondsMax) Fail(fmt::format("{} does not serve", command[0]));
    // There is nothing to wait on but the file; half a millisecond is far below what is measured.
    const timespec pause{0, 500'000};
    nanosleep(&pause, nullptr);
  }
  start_seconds_ = Now() - start;
  std::ifstream(port_file) >> port_;
  if (port_ == 0) Fail(fmt::format("{} holds no port", port_file));
}

ServerProcess::~ServerProcess() { Stop(); }

void ServerProcess::Stop() {
  if (pid_ < 0) return;
  kill(pid_, SIGTERM);
  int status = 0;
  if (waitpid(pid_, &status, 0) != pid_ || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    Fail("a server did not stop cleanly");
  }
  pid_ = -1;
}

uint64_t ServerProcess::ResidentBytes() const {
  std::ifstream status(fmt::format("/proc/{}/status", pid_));
  for (std::string word; status >> word;) {
    uint64_t kibibytes = 0;
    if (word == "VmRSS:" && status >> kibibytes) return kibibytes << 10;
  }
  Fail("cannot read the memory of a server");
}

double ServerProcess::CpuSeconds() const {
  clockid_t clock = 0;
  timespec used{};
  if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &used) != 0) {
    Fail("cannot read the processor time of a server");
  }
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

std::shared_ptr<grpc::Channel> ServerProcess::NewChannel() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  return grpc::CreateCustomChannel(fmt::format("127.0.0.1:{}", port_), grpc::InsecureChannelCredentials(), arguments);
}

std::unique_ptr<ServerProcess> StartLedger(const std::string& program, const std::string& data_dir) {
  return std::make_unique<ServerProcess>(
      std::vector<std::string>{program, "--data-dir", data_dir, "--listen", "127.0.0.1:0", "--log-level", "warn"},
      data_dir + ".port");
}

std::unique_ptr<ServerProcess> StartEcho(const std::string& scratch_dir) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  return std::make_unique<ServerProcess>(std::vector<std::string>{self, "--echo-server"}, scratch_dir + "/echo.port");
}

}  // namespace keyledger::bench

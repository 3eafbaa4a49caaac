// See server_process.h.
#include "tests/crash/kill/server_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "server/base/check.h"

namespace keyledger::testing {
namespace {

constexpr auto kStartDeadline = std::chrono::seconds(60);
constexpr int kLookAgainMs = 2;

}  // namespace

ServerProcess::ServerProcess(std::string directory, std::vector<std::string> flags)
    : directory_(std::move(directory)), flags_(std::move(flags)) {}

ServerProcess::~ServerProcess() {
  if (pid_ == 0) return;
  Kill();
  WaitKilled();
}

std::string ServerProcess::Start() {
  KL_CHECK(pid_ == 0);
  const std::string port_file = directory_ + "/port";
  const std::string log = directory_ + "/log";
  std::filesystem::remove(port_file);
  std::vector<std::string> arguments = {KL_SERVER,     "--data-dir", directory_ + "/data", "--listen", "127.0.0.1:0",
                                        "--port-file", port_file};
  arguments.insert(arguments.end(), flags_.begin(), flags_.end());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  const int error = posix_spawn(&pid_, KL_SERVER, &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    pid_ = 0;
    return fmt::format("cannot start " KL_SERVER ": {}", std::strerror(error));
  }
  killed_ = false;
  // The end of the process wakes at once; the port file, written by renaming, can only be looked at.
  const int handle = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  KL_CHECK(handle >= 0);
  const auto deadline = std::chrono::steady_clock::now() + kStartDeadline;
  std::string problem = "did not serve in time";
  while (std::chrono::steady_clock::now() < deadline) {
    if (std::ifstream file(port_file); file.good()) {
      int port = 0;
      file >> port;
      address_ = fmt::format("127.0.0.1:{}", port);
      problem.clear();
      break;
    }
    pollfd ended{handle, POLLIN, 0};
    if (poll(&ended, 1, kLookAgainMs) > 0) {
      problem = "ended before it served";
      break;
    }
  }
  close(handle);
  if (problem.empty()) return "";
  Kill();
  WaitKilled();
  return fmt::format("keyledgerd {}:\n{}", problem, Log());
}

void ServerProcess::Kill() {
  if (!killed_.exchange(true)) kill(pid_, SIGKILL);
}

std::string ServerProcess::WaitKilled() {
  int status = 0;
  KL_CHECK(waitpid(pid_, &status, 0) == pid_);
  pid_ = 0;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return "";
  return fmt::format("keyledgerd ended by itself (status {}):\n{}", status, Log());
}

std::string ServerProcess::Log() const {
  std::ifstream in(directory_ + "/log");
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace keyledger::testing

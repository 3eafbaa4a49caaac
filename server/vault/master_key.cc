// See master_key.h.
#include "server/vault/master_key.h"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/base/error.h"

// The header of glibc 2.36 does not say so itself.
extern "C" {
#include <sys/pidfd.h>
}

namespace keyledger::vault {
namespace {

constexpr std::string_view kIdPrefix = "keyledger master key id 1\n";
constexpr size_t kTextBytesMax = 4'096;
constexpr const char* kForms = "32 bytes as 64 hex digits or as base64";

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

bool FromHex(std::string_view text, SecretKey& key) {
  if (text.size() != 2 * kKeyBytes) return false;
  for (size_t i = 0; i < kKeyBytes; ++i) {
    const int high = HexDigit(text[2 * i]);
    const int low = HexDigit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    key.data()[i] = static_cast<uint8_t>(high * 16 + low);
  }
  return true;
}

bool FromBase64(std::string_view text, SecretKey& key) {
  // 32 bytes are 10 groups of three and one of two: 44 characters, of which the last is '='.
  if (text.size() != 44 || text.back() != '=' || text.find('=') != 43) return false;
  std::string bytes(33, '\0');
  const int count = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                    reinterpret_cast<const unsigned char*>(text.data()), 44);
  if (count == 33) key = SecretKey::From(std::string_view(bytes).substr(0, kKeyBytes));
  Wipe(bytes);
  return count == 33;
}

// Closes a file descriptor at the end of a scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { Close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  void Close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

absl::Status Unreadable(const std::string& path, int error) {
  return absl::UnavailableError(fmt::format("the master key file {} cannot be read: {}", path, std::strerror(error)));
}

// Parses and wipes.
absl::StatusOr<MasterKey> Take(std::string& text, const std::string& source) {
  absl::StatusOr<MasterKey> key = ParseMasterKey(text);
  Wipe(text);
  if (key.ok()) return key;
  return absl::InvalidArgumentError(fmt::format("{}: {}", source, MessageOf(key.status())));
}

// What runs in the child: nothing but calls that are safe after a fork.
[[noreturn]] void ExecShell(const char* command, int out) {
  ::setpgid(0, 0);
  // What a server has blocked and ignores is not for the command.
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  const int null = ::open("/dev/null", O_RDONLY);
  if (null >= 0) ::dup2(null, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::execl("/bin/sh", "sh", "-c", command, static_cast<char*>(nullptr));
  ::_exit(127);
}

// Reads until the end, the deadline or more than a key can take. Returns whether the end came in time.
bool ReadAll(int fd, std::chrono::steady_clock::time_point deadline, std::string& text) {
  char buffer[512];
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) return false;
    pollfd poll{fd, POLLIN, 0};
    const int ready = ::poll(&poll, 1, static_cast<int>(left));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const ssize_t count = ::read(fd, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || text.size() > kTextBytesMax) return true;
    text.append(buffer, static_cast<size_t>(count));
  }
}

// Waits for the child, which has closed its output. Returns whether it ended in time.
bool WaitForChild(pid_t child, std::chrono::steady_clock::time_point deadline, int& status) {
  // Without this call (Linux before 5.3) the limit covers the output only.
  const Descriptor ended(::pidfd_open(child, 0));
  while (ended.get() >= 0) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) return false;
    pollfd poll{ended.get(), POLLIN, 0};
    if (::poll(&poll, 1, static_cast<int>(left)) > 0) break;
  }
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return false;
  }
  return true;
}

}  // namespace

std::string MasterKey::id_bytes() const {
  std::string text(kIdPrefix);
  text.append(key.view());
  const Digest digest = Sha256(text);
  Wipe(text);
  return std::string(reinterpret_cast<const char*>(digest.data()), kMasterIdBytes);
}

std::string MasterKey::id() const {
  std::string text;
  for (const char byte : id_bytes()) text += fmt::format("{:02x}", static_cast<uint8_t>(byte));
  return text;
}

absl::StatusOr<MasterKey> ParseMasterKey(std::string_view text) {
  const std::string_view trimmed = Trim(text);
  MasterKey master;
  if (FromHex(trimmed, master.key) || FromBase64(trimmed, master.key)) return master;
  return absl::InvalidArgumentError(
      fmt::format("no master key: {} are wanted, {} characters were found; make one with: openssl rand -hex 32", kForms,
                  trimmed.size()));
}

absl::StatusOr<MasterKey> ReadMasterKeyFile(const std::string& path) {
  // A named pipe must not block the start.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return Unreadable(path, errno);
  struct stat about {};
  if (::fstat(file.get(), &about) != 0) return Unreadable(path, errno);
  if (!S_ISREG(about.st_mode))
    return absl::FailedPreconditionError(fmt::format("the master key file {} is not a regular file", path));
  if (about.st_uid != ::geteuid() && about.st_uid != 0) {
    return absl::FailedPreconditionError(
        fmt::format("the master key file {} belongs to user {}, who is neither root nor the one this server runs as",
                    path, about.st_uid));
  }
  if ((about.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(
        fmt::format("the master key file {} can be accessed by group or others (mode {:04o}); run: chmod 600 {}", path,
                    about.st_mode & 07777, path));
  }
  std::string text(kTextBytesMax, '\0');
  const ssize_t count = ::read(file.get(), text.data(), text.size());
  if (count < 0) return Unreadable(path, errno);
  text.resize(static_cast<size_t>(count));
  return Take(text, fmt::format("the master key file {}", path));
}

absl::StatusOr<MasterKey> RunMasterKeyCommand(const std::string& command, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return absl::UnavailableError(fmt::format("the master key command cannot be run: {}", std::strerror(errno)));
  }
  Descriptor in(ends[0]);
  Descriptor out(ends[1]);
  const pid_t child = ::fork();
  if (child < 0)
    return absl::UnavailableError(fmt::format("the master key command cannot be run: {}", std::strerror(errno)));
  if (child == 0) ExecShell(command.c_str(), out.get());
  ::setpgid(child, child);
  out.Close();
  std::string text;
  int status = 0;
  const bool read = ReadAll(in.get(), deadline, text);
  // One that goes on printing ends by that.
  in.Close();
  if (!read || !WaitForChild(child, deadline, status)) {
    ::kill(-child, SIGKILL);
    ::waitpid(child, &status, 0);
    Wipe(text);
    return absl::UnavailableError(
        fmt::format("the master key command did not end within {} ms and was killed", limit.count()));
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    Wipe(text);
    return absl::UnavailableError(
        WIFEXITED(status) ? fmt::format("the master key command failed with exit code {}", WEXITSTATUS(status))
                          : fmt::format("the master key command was ended by signal {}", WTERMSIG(status)));
  }
  return Take(text, "the master key command");
}

}  // namespace keyledger::vault

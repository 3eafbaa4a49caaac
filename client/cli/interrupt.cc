// Signals through a pipe: a handler may do little more than write a byte. See interrupt.h.
#include "client/cli/interrupt.h"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <unistd.h>

namespace keyledger::cli {
namespace {

int pipe_ends[2] = {-1, -1};
struct sigaction old_int;
struct sigaction old_term;

void Wake() {
  const int saved = errno;
  const char byte = 1;
  // A full pipe already wakes.
  [[maybe_unused]] const ssize_t written = write(pipe_ends[1], &byte, 1);
  errno = saved;
}

void OnSignal(int) { Wake(); }

}  // namespace

Interrupt::Interrupt() {
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) {
    return;
  }
  fcntl(pipe_ends[1], F_SETFL, O_NONBLOCK);
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  sigaction(SIGINT, &action, &old_int);
  sigaction(SIGTERM, &action, &old_term);
}

Interrupt::~Interrupt() {
  if (pipe_ends[0] < 0) {
    return;
  }
  sigaction(SIGINT, &old_int, nullptr);
  sigaction(SIGTERM, &old_term, nullptr);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  pipe_ends[0] = pipe_ends[1] = -1;
}

void Interrupt::Wait() {
  char byte = 0;
  while (read(pipe_ends[0], &byte, 1) < 0 && errno == EINTR) {
  }
}

void Interrupt::Notify() { Wake(); }

}  // namespace keyledger::cli

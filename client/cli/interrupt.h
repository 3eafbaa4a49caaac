// Interrupt: waits for Ctrl-C (SIGINT), SIGTERM, or being told to stop.
#pragma once

namespace keyledger::cli {

// Takes over SIGINT and SIGTERM while it lives; at most one at a time.
// Threads: Notify is thread-safe and may be called any number of times.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Returns after a signal or Notify. Blocks: until then.
  void Wait();
  void Notify();
};

}  // namespace keyledger::cli

// Progress: a bar with rate and time left on a terminal, a plain line now and then elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>

namespace keyledger::cli {

// Threads: thread-compatible.
class Progress {
 public:
  // `total` 0: unknown, no bar. `interactive`: the stream is a terminal and the line may be drawn over.
  Progress(std::ostream& out, bool interactive, std::string label, uint64_t total);

  // Draws if enough time has passed since it last did.
  void Update(uint64_t done);
  // Draws the end and leaves the line.
  void Finish(uint64_t done);
  double seconds() const;

 private:
  std::string Line(uint64_t done) const;

  std::ostream& out_;
  const bool interactive_;
  const std::string label_;
  const uint64_t total_;
  const std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_;
  bool drawn_ = false;
};

// "1:02:03" or "2:03".
std::string FormatSeconds(uint64_t seconds);

}  // namespace keyledger::cli

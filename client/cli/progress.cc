// Progress on stderr. See progress.h.
#include "client/cli/progress.h"

#include <algorithm>

#include <fmt/format.h>

#include "client/cli/text.h"

namespace keyledger::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr uint64_t kBarCells = 30;
constexpr milliseconds kInteractivePause{100};
constexpr milliseconds kPlainPause{5000};

}  // namespace

std::string FormatSeconds(uint64_t seconds) {
  return seconds >= 3600 ? fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
                         : fmt::format("{}:{:02}", seconds / 60, seconds % 60);
}

Progress::Progress(std::ostream& out, bool interactive, std::string label, uint64_t total)
    : out_(out),
      interactive_(interactive),
      label_(std::move(label)),
      total_(total),
      start_(steady_clock::now()),
      last_(start_) {}

double Progress::seconds() const { return std::chrono::duration<double>(steady_clock::now() - start_).count(); }

std::string Progress::Line(uint64_t done) const {
  const double elapsed = std::max(seconds(), 1e-3);
  const double rate = static_cast<double>(done) / elapsed;
  if (total_ == 0) {
    return fmt::format("{} {} ({}/s)", label_, FormatCount(done), FormatCount(static_cast<int64_t>(rate)));
  }
  const uint64_t shown = std::min(done, total_);
  const uint64_t percent = shown * 100 / total_;
  const uint64_t left = rate > 0 ? static_cast<uint64_t>(static_cast<double>(total_ - shown) / rate) : 0;
  std::string bar;
  if (interactive_) {
    const uint64_t full = shown * kBarCells / total_;
    bar = "[" + std::string(full, '#') + std::string(kBarCells - full, '.') + "] ";
  }
  return fmt::format("{} {}{:3} %  {} of {}  {}/s  {} left", label_, bar, percent, FormatCount(done),
                     FormatCount(total_), FormatCount(static_cast<int64_t>(rate)), FormatSeconds(left));
}

void Progress::Update(uint64_t done) {
  const auto now = steady_clock::now();
  if (now - last_ < (interactive_ ? kInteractivePause : kPlainPause)) {
    return;
  }
  last_ = now;
  drawn_ = true;
  out_ << (interactive_ ? "\r" : "") << Line(done) << (interactive_ ? "\x1b[K" : "\n") << std::flush;
}

void Progress::Finish(uint64_t done) {
  if (interactive_) {
    out_ << "\r" << Line(done) << "\x1b[K\n" << std::flush;
  } else if (drawn_) {
    out_ << Line(done) << "\n" << std::flush;
  }
}

}  // namespace keyledger::cli

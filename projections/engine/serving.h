// Serving: which build of a projection its readers get, under which names it is stored, and who still reads it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <absl/status/statusor.h>

#include "projections/engine/projection.h"

namespace keyledger::projections {

// The serving build as the meta key "projection.<name>" holds it: its letter, then the rebuilds completed.
struct Serving {
  char letter = 'a';
  uint64_t rebuilds = 0;
};

// "projection.<name>".
std::string MetaKey(std::string_view projection);

std::string FormatServing(const Serving& serving);
// Errors: DATA_LOSS (kStoreDamaged), naming `key`.
absl::StatusOr<Serving> ParseServing(std::string_view key, std::string_view text);

// "<projection>.<version>.<letter>".
std::string TableName(const Projection& projection, char letter);

// The letter of the build beside.
char OtherLetter(char letter);

// Held by every reader of a table; the table may be dropped when it is gone.
class Lease {
 public:
  explicit Lease(std::function<void()> on_end) : on_end_(std::move(on_end)) {}
  ~Lease() { on_end_(); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

 private:
  std::function<void()> on_end_;
};

}  // namespace keyledger::projections

// keyledger-verify: checks what a ledger has given out (bundles, proofs, signed notes) with public keys alone. It needs
// no server and no network.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace keyledger::verify {

// Exit codes; scripts rely on them.
inline constexpr int kExitHolds = 0;
inline constexpr int kExitDoesNotHold = 1;
inline constexpr int kExitUsage = 2;
// A file, or the directory for temporary ones, cannot be read or written, or is of a format that is not known: nothing
// is said about what it holds.
inline constexpr int kExitCannotRead = 3;

// Where a command writes. Tests put strings here.
struct Environment {
  std::ostream& out;
  std::ostream& err;
  // The line of progress may be drawn over.
  bool err_is_terminal = false;
};

// Runs the command with its arguments, without the program's name; returns the exit code.
int Run(const std::vector<std::string>& arguments, Environment environment);

}  // namespace keyledger::verify

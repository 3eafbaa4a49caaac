// Exit codes of `keyledger`, by kind of failure. Scripts rely on them; the --help footer lists them.
#pragma once

#include "client/cpp/error.h"

namespace keyledger::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitUsage = 2;            // the command line is wrong
inline constexpr int kExitInvalidArgument = 3;  // the server refuses a field; a program has mistakes
inline constexpr int kExitNotFound = 4;
inline constexpr int kExitConflict = 5;     // exists already, or the expected revision is stale
inline constexpr int kExitRefused = 6;      // a rule refuses
inline constexpr int kExitUnavailable = 7;  // exhausted, unavailable, deadline passed, cancelled
inline constexpr int kExitInternal = 8;     // data loss, internal and unknown errors
inline constexpr int kExitPartly = 9;       // done, but some rows or requests were refused

// Returns the exit code that goes with a failed call.
int ExitCodeOf(const client::ClientError& error);

}  // namespace keyledger::cli

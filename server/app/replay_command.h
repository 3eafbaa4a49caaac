// keyledgerd --replay: an audit replay of a data directory at rest, a backup for example. Writes nothing, serves
// nothing.
#pragma once

#include "server/app/options.h"

namespace keyledger::app {

inline constexpr int kReplayCannotRun = 1;
inline constexpr int kReplayFound = 8;

// Replays the directory and prints findings and report to standard output. Returns the exit code: 0 if nothing was
// found, kReplayFound, or kReplayCannotRun with a message on standard error.
int RunReplay(const Options& options);

}  // namespace keyledger::app

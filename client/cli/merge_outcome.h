// What became of a merge: it ends in the other account's shard, a moment after it was recorded.
#pragma once

#include <string>

#include "client/cli/command.h"

namespace keyledger::cli {

// Prints how the merge that the append recorded as its first event ended, or that it is under way after `wait_seconds`.
// Returns the exit code.
int ShowMergeOutcome(Session& session, const std::string& account_id, const v1::AppendResponse& appended,
                     int wait_seconds);

}  // namespace keyledger::cli

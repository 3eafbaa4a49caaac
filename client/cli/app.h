// The `keyledger` command: parses a command line and runs it.
#pragma once

#include <string>
#include <vector>

#include "client/cli/command.h"

namespace keyledger::cli {

// Runs one command line (without the program's name) and returns the exit code. Reads KEYLEDGER_SERVER.
// Blocks: until the command is done.
int Run(const std::vector<std::string>& arguments, Environment environment);

}  // namespace keyledger::cli

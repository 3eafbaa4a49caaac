// How arguments name programs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client/cli/command.h"

namespace keyledger::cli {

// A published program: ID, or ID@VERSION.
struct ProgramName {
  std::string id;
  // 0: none was named.
  uint32_t version = 0;
};

// Nothing if what follows the "@" is no version; the message has been printed.
std::optional<ProgramName> ParseProgramName(Session& session, const std::string& argument);

// Help of an argument that may also be a file (IsFileName).
inline constexpr char kProgramHelp[] =
    "YAML file, - for stdin, or a published program: ID for its latest version, ID@VERSION";

}  // namespace keyledger::cli

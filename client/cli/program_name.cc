// See program_name.h.
#include "client/cli/program_name.h"

#include <charconv>

#include <fmt/format.h>

namespace keyledger::cli {

std::optional<ProgramName> ParseProgramName(Session& session, const std::string& argument) {
  const size_t at = argument.find('@');
  ProgramName name{argument.substr(0, at), 0};
  if (at != std::string::npos) {
    const char* const end = argument.data() + argument.size();
    const auto [last, error] = std::from_chars(argument.data() + at + 1, end, name.version);
    if (error != std::errc() || last != end || name.version == 0) {
      session.Usage(fmt::format("'{}' names no version; write ID@VERSION, for example loyalty@2", argument));
      return std::nullopt;
    }
  }
  return name;
}

}  // namespace keyledger::cli

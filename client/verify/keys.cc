// See keys.h.
#include "client/verify/keys.h"

#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "server/base/error.h"

namespace keyledger::verify {

absl::StatusOr<std::string> ReadSmallFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(kSmallFileBytesMax + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || (in.fail() && !in.eof())) return absl::UnavailableError(fmt::format("cannot read {}", path));
  if (in.gcount() > static_cast<std::streamsize>(kSmallFileBytesMax)) {
    return absl::UnavailableError(
        fmt::format("{} is larger than {} bytes: it is not what is expected here", path, kSmallFileBytesMax));
  }
  text.resize(static_cast<size_t>(in.gcount()));
  return text;
}

absl::StatusOr<std::vector<merkle::VerifierKey>> ReadKeys(const std::vector<std::string>& arguments) {
  std::vector<merkle::VerifierKey> keys;
  for (const std::string& argument : arguments) {
    if (absl::StatusOr<merkle::VerifierKey> key = merkle::VerifierKey::Parse(argument); key.ok()) {
      keys.push_back(*std::move(key));
      continue;
    }
    KL_ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(argument));
    std::istringstream lines(text);
    size_t number = 0;
    for (std::string line; std::getline(lines, line);) {
      ++number;
      while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
      if (line.empty() || line[0] == '#') continue;
      absl::StatusOr<merkle::VerifierKey> key = merkle::VerifierKey::Parse(line);
      if (!key.ok()) {
        return MakeError(Reason::kInvalidField,
                         fmt::format("{} line {}: {}", argument, number, MessageOf(key.status())));
      }
      keys.push_back(*std::move(key));
    }
  }
  if (keys.empty()) return MakeError(Reason::kInvalidField, "no key is given: nothing can be trusted without one");
  return keys;
}

}  // namespace keyledger::verify

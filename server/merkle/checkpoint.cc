// See checkpoint.h.
#include "server/merkle/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/merkle/base64.h"

namespace keyledger::merkle {
namespace {

absl::Status Malformed(const std::string& what) { return MakeError(Reason::kInvalidField, what); }

// Takes the next line, without its newline, off the front. Requires: text ends in a newline or is empty.
std::string_view NextLine(std::string_view& text) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return {};
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

}  // namespace

std::string OriginOf(std::string_view ledger_id, uint32_t shard) {
  return fmt::format("keyledger/{}/{}", ledger_id, shard);
}

std::string FormatCheckpoint(const Checkpoint& checkpoint) {
  const std::string root(checkpoint.root.begin(), checkpoint.root.end());
  return fmt::format("{}\n{}\n{}\n", checkpoint.origin, checkpoint.size, EncodeBase64(root));
}

absl::StatusOr<Checkpoint> ParseCheckpoint(std::string_view text) {
  if (text.empty() || text.back() != '\n') return Malformed("a checkpoint must end in a newline");
  Checkpoint checkpoint;
  checkpoint.origin = std::string(NextLine(text));
  if (checkpoint.origin.empty()) return Malformed("the first line of a checkpoint must name the log");
  const std::string_view size = NextLine(text);
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), checkpoint.size);
  if (size.empty() || error != std::errc() || end != size.data() + size.size() || (size.size() > 1 && size[0] == '0')) {
    return Malformed(
        "the second line of a checkpoint must be its size in decimal digits, below 2^64, without leading zeros");
  }
  const std::optional<std::string> root = DecodeBase64(NextLine(text));
  if (!root.has_value() || root->size() != kHashBytes) {
    return Malformed("the third line of a checkpoint must be its root hash: base64 of 32 bytes");
  }
  std::copy(root->begin(), root->end(), checkpoint.root.begin());
  while (!text.empty()) {
    if (NextLine(text).empty()) return Malformed("a line after the root hash of a checkpoint must not be empty");
  }
  return checkpoint;
}

absl::StatusOr<Checkpoint> OpenCheckpoint(std::string_view note, std::string_view origin,
                                          std::span<const VerifierKey> keys) {
  KL_ASSIGN_OR_RETURN(const OpenedNote opened, OpenNote(note, keys));
  KL_ASSIGN_OR_RETURN(Checkpoint checkpoint, ParseCheckpoint(opened.text));
  // A key speaks for the log it is named after only.
  const auto speaks = [&](const VerifierKey& key) { return key.name() == checkpoint.origin; };
  if ((!origin.empty() && checkpoint.origin != origin) ||
      !std::any_of(opened.verified.begin(), opened.verified.end(), speaks)) {
    return Malformed(fmt::format("the checkpoint speaks of the log '{}', not of '{}'", checkpoint.origin,
                                 origin.empty() ? opened.verified[0].name() : std::string(origin)));
  }
  return checkpoint;
}

}  // namespace keyledger::merkle

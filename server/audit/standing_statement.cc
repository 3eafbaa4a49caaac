// See standing_statement.h.
#include "server/audit/standing_statement.h"

#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "server/base/calendar.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/merkle/base64.h"

namespace keyledger::audit {
namespace {

constexpr std::string_view kNone = "-";

using Lines = std::vector<std::pair<std::string, std::string>>;

std::string OrNone(const std::string& text) { return text.empty() ? std::string(kNone) : text; }

// All lines after the title, in their order.
Lines LinesOf(const StandingStatement& statement) {
  const merkle::Hash& root = statement.checkpoint.root;
  return {{"origin", statement.checkpoint.origin},
          {"tree-size", std::to_string(statement.checkpoint.size)},
          {"root", merkle::EncodeBase64(std::string(root.begin(), root.end()))},
          {"account", statement.account_id},
          {"records", std::to_string(statement.records)},
          {"ladder", OrNone(statement.ladder_id)},
          {"tier", OrNone(statement.tier_id)},
          {"tier-since", OrNone(statement.tier_since)},
          {"available", std::to_string(statement.available)},
          {"pending", std::to_string(statement.pending)},
          {"reserved", std::to_string(statement.reserved)},
          {"in-transit", std::to_string(statement.in_transit)},
          {"debt", std::to_string(statement.debt)},
          {"program", OrNone(statement.program_id)},
          {"program-version", std::to_string(statement.program_version)}};
}

absl::Status Malformed(const std::string& what) {
  return MakeError(Reason::kInvalidField, "no standing statement: " + what);
}

// Takes the lines of a text off its front, one by one; remembers the first that is wrong.
class LineReader {
 public:
  explicit LineReader(std::string_view text) : text_(text) {}

  bool TakeTitle(std::string_view title) { return TakeLine() == title; }

  std::string Text(std::string_view name) {
    std::string_view line = TakeLine();
    if (!line.starts_with(name) || !line.substr(name.size()).starts_with(": ")) {
      Fail(fmt::format("the line '{}: ...' is expected", name));
      return {};
    }
    line.remove_prefix(name.size() + 2);
    if (!IsPrintableId(line, 512)) Fail(fmt::format("the value of '{}' is empty or has blanks", name));
    return std::string(line);
  }

  // "-" is nothing.
  std::string OptionalText(std::string_view name) {
    std::string text = Text(name);
    return text == kNone ? std::string() : text;
  }

  template <typename Integer>
  Integer Number(std::string_view name) {
    const std::string text = Text(name);
    Integer value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || std::to_string(value) != text) {
      Fail(fmt::format("the value of '{}' is no number as it is written here", name));
    }
    return value;
  }

  absl::Status Finish() const {
    if (wrong_.has_value()) return Malformed(*wrong_);
    if (!text_.empty()) return Malformed("lines follow the last one");
    return absl::OkStatus();
  }
  void Fail(const std::string& what) {
    if (!wrong_.has_value()) wrong_ = what;
  }

 private:
  std::string_view TakeLine() {
    const size_t end = text_.find('\n');
    if (end == std::string_view::npos) {
      text_ = {};
      return {};
    }
    const std::string_view line = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    return line;
  }

  std::string_view text_;
  std::optional<std::string> wrong_;
};

}  // namespace

StandingStatement StandingOf(const merkle::Checkpoint& checkpoint, const std::string& account_id,
                             const domain::AccountState& state, const domain::ProgramSet& programs) {
  StandingStatement statement;
  statement.checkpoint = checkpoint;
  statement.account_id = account_id;
  statement.records = state.next_revision;
  statement.ladder_id = state.tier.ladder_id;
  statement.tier_id = state.tier.tier_id;
  if (!state.tier.tier_id.empty()) statement.tier_since = FormatMicros(state.tier.since);
  statement.available = state.available_points();
  statement.pending = state.pending_points();
  statement.reserved = state.reserved_points();
  statement.in_transit = state.points_in_transit();
  statement.debt = state.debt;
  if (const domain::CompiledProgram* const program = programs.Select(state.clock, state.region)) {
    statement.program_id = program->program().program_id();
    statement.program_version = program->program().version();
  }
  return statement;
}

std::string FormatStanding(const StandingStatement& statement) {
  std::string text = fmt::format("{}\n", kStandingTitle);
  for (const auto& [name, value] : LinesOf(statement)) text += fmt::format("{}: {}\n", name, value);
  return text;
}

absl::StatusOr<StandingStatement> ParseStanding(std::string_view text) {
  if (text.empty() || text.back() != '\n') return Malformed("the text must end in a newline");
  LineReader lines(text);
  if (!lines.TakeTitle(kStandingTitle)) return Malformed(fmt::format("the first line must be '{}'", kStandingTitle));
  StandingStatement statement;
  statement.checkpoint.origin = lines.Text("origin");
  statement.checkpoint.size = lines.Number<uint64_t>("tree-size");
  const std::optional<std::string> root = merkle::DecodeBase64(lines.Text("root"));
  if (root.has_value() && root->size() == merkle::kHashBytes) {
    std::copy(root->begin(), root->end(), statement.checkpoint.root.begin());
  } else {
    lines.Fail("the value of 'root' is not base64 of 32 bytes");
  }
  statement.account_id = lines.Text("account");
  statement.records = lines.Number<uint64_t>("records");
  statement.ladder_id = lines.OptionalText("ladder");
  statement.tier_id = lines.OptionalText("tier");
  statement.tier_since = lines.OptionalText("tier-since");
  statement.available = lines.Number<int64_t>("available");
  statement.pending = lines.Number<int64_t>("pending");
  statement.reserved = lines.Number<int64_t>("reserved");
  statement.in_transit = lines.Number<int64_t>("in-transit");
  statement.debt = lines.Number<int64_t>("debt");
  statement.program_id = lines.OptionalText("program");
  statement.program_version = lines.Number<uint32_t>("program-version");
  KL_RETURN_IF_ERROR(lines.Finish());
  return statement;
}

std::vector<StandingDifference> DifferencesOf(const StandingStatement& stated, const StandingStatement& derived) {
  const Lines left = LinesOf(stated);
  const Lines right = LinesOf(derived);
  std::vector<StandingDifference> differences;
  for (size_t i = 0; i < left.size(); ++i) {
    if (left[i].second == right[i].second) continue;
    differences.push_back({left[i].first, left[i].second, right[i].second});
  }
  return differences;
}

}  // namespace keyledger::audit

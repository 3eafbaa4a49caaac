// Texts of several pieces into parts of facts. See fact_part.h.
#include "client/cli/fact_part.h"

#include <vector>

#include <fmt/format.h>

#include "client/cli/text.h"
#include "keyledger/events/v1/agreement.pb.h"
#include "server/base/check.h"

namespace keyledger::cli {
namespace {

namespace ev = ::keyledger::events::v1;

// At most `pieces_max` pieces; the last holds what is left, separators included.
std::vector<std::string> Split(std::string_view text, char separator, size_t pieces_max) {
  std::vector<std::string> pieces;
  while (pieces.size() + 1 < pieces_max && text.find(separator) != std::string_view::npos) {
    pieces.emplace_back(text.substr(0, text.find(separator)));
    text.remove_prefix(pieces.back().size() + 1);
  }
  pieces.emplace_back(text);
  return pieces;
}

std::string ParseTarget(ev::PlanTarget& target, const std::string& text) {
  const std::vector<std::string> pieces = Split(text, ':', 3);
  target.set_target_id(pieces[0]);
  if (pieces.size() > 1 && !pieces[1].empty()) {
    const std::vector<std::string> number = Split(pieces[1], ' ', 2);
    const std::optional<int64_t> value = ParseInteger(number[0]);
    if (!value) return fmt::format("'{}' is no whole number", number[0]);
    target.set_value(*value);
    if (number.size() > 1) target.set_unit(number[1]);
  }
  // A target has to say what it is; its id does where nothing else is given.
  target.set_description(pieces.size() > 2 && !pieces[2].empty() ? pieces[2] : pieces[0]);
  return "";
}

std::string ParseForecast(ev::PlanForecast& forecast, const std::string& text, const std::string& currency) {
  const std::vector<std::string> pieces = Split(text, ',', 4);
  if (pieces.size() < 3) return fmt::format("'{}' is not {}", text, PartForm(*ev::PlanForecast::descriptor()));
  const std::optional<int64_t> start = ParseTimeMicros(pieces[0]);
  const std::optional<int64_t> end = ParseTimeMicros(pieces[1]);
  if (!start || !end) return fmt::format("'{}' is no time", start ? pieces[1] : pieces[0]);
  *forecast.mutable_start_time() = TimestampFromMicros(*start);
  *forecast.mutable_end_time() = TimestampFromMicros(*end);
  if (!pieces[2].empty()) {
    const std::optional<int64_t> micros = ParseMicros(pieces[2]);
    if (!micros) return fmt::format("'{}' is no amount", pieces[2]);
    forecast.mutable_revenue()->set_currency_code(currency);
    forecast.mutable_revenue()->set_micros(*micros);
  }
  if (pieces.size() > 3) {
    const std::optional<int64_t> units = ParseInteger(pieces[3]);
    if (!units) return fmt::format("'{}' is no whole number", pieces[3]);
    forecast.set_units(*units);
  }
  return "";
}

std::string ParseResult(ev::TargetResult& result, const std::string& text) {
  const std::vector<std::string> pieces = Split(text, ':', 4);
  if (pieces.size() < 2 || (pieces[1] != "on" && pieces[1] != "off")) {
    return fmt::format("'{}' is not {}", text, PartForm(*ev::TargetResult::descriptor()));
  }
  result.set_target_id(pieces[0]);
  result.set_on_track(pieces[1] == "on");
  if (pieces.size() > 2 && !pieces[2].empty()) {
    const std::optional<int64_t> value = ParseInteger(pieces[2]);
    if (!value) return fmt::format("'{}' is no whole number", pieces[2]);
    result.set_value(*value);
  }
  if (pieces.size() > 3) result.set_note(pieces[3]);
  return "";
}

}  // namespace

std::string_view PartForm(const google::protobuf::Descriptor& type) {
  if (&type == ev::PlanTarget::descriptor()) return "ID:NUMBER[ UNIT][:DESCRIPTION]";
  if (&type == ev::PlanForecast::descriptor()) return "FROM,UNTIL,REVENUE[,UNITS]";
  if (&type == ev::TargetResult::descriptor()) return "ID:on|off[:NUMBER[:NOTE]]";
  return "";
}

std::string ParsePart(google::protobuf::Message& part, const std::string& text, const std::string& currency) {
  if (auto* target = dynamic_cast<ev::PlanTarget*>(&part)) return ParseTarget(*target, text);
  if (auto* forecast = dynamic_cast<ev::PlanForecast*>(&part)) return ParseForecast(*forecast, text, currency);
  auto* result = dynamic_cast<ev::TargetResult*>(&part);
  KL_CHECK(result != nullptr);
  return ParseResult(*result, text);
}

}  // namespace keyledger::cli

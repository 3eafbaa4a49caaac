// See replay_text.h.
#include "server/audit/replay_text.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include "server/base/check.h"

namespace keyledger::audit {
namespace {

std::string KindName(v1::FindingKind kind) {
  const std::string name = v1::FindingKind_Name(kind);
  const std::string prefix = "FINDING_KIND_";
  return name.starts_with(prefix) ? name.substr(prefix.size()) : std::to_string(static_cast<int>(kind));
}

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  KL_CHECK(status.ok());
  return json;
}

std::string Hex(const std::string& bytes) {
  std::string hex;
  for (const char byte : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return hex;
}

}  // namespace

std::string FormatFinding(const v1::Finding& finding) {
  std::string text = KindName(finding.kind());
  text += finding.has_position() ? fmt::format(" at {}/{}", finding.shard(), finding.position())
                                 : fmt::format(" in shard {}", finding.shard());
  if (!finding.account_id().empty()) text += fmt::format(", account {}", finding.account_id());
  if (finding.has_revision()) text += fmt::format(", revision {}", finding.revision());
  if (!finding.rule().empty()) text += fmt::format(", rule {}", finding.rule());
  if (!finding.program().empty()) text += fmt::format(", program {}", finding.program());
  text += fmt::format("\n  {}\n", finding.message());
  if (!finding.expected().empty()) text += fmt::format("  expected: {}\n", finding.expected());
  if (!finding.found().empty()) text += fmt::format("  found:    {}\n", finding.found());
  return text;
}

std::string FormatReport(const v1::ReplayReport& report) {
  std::string text =
      fmt::format("{} records of {} accounts replayed, {} decisions derived again under {} program versions\n",
                  report.records(), report.accounts(), report.decisions(), report.programs());
  for (const v1::ReplayedShard& shard : report.shards()) {
    text += fmt::format("shard {}: {} records, root {}, {} checkpoints verified, the largest over {} records\n",
                        shard.shard(), shard.records(), shard.root_hash().empty() ? "none" : Hex(shard.root_hash()),
                        shard.checkpoints(), shard.checkpoint_size());
  }
  const v1::PointsConservation& points = report.points();
  text += fmt::format(
      "points: accrued {} + adjusted {} + transferred in {} - transferred out {}\n"
      "      = available {} + pending {} + reserved {} + in transit {} + spent {} + expired {} + reversed {} - debt "
      "{}\n",
      points.accrued(), points.adjusted(), points.transferred_in(), points.transferred_out(), points.available(),
      points.pending(), points.reserved(), points.in_transit(), points.spent(), points.expired(), points.reversed(),
      points.debt());
  if (!report.not_checked().empty()) text += "not checked:\n";
  for (const std::string& sentence : report.not_checked()) text += fmt::format("  - {}\n", sentence);
  text += report.findings() == 0 ? "nothing was found\n" : fmt::format("{} findings:\n", report.findings());
  for (const v1::FindingCount& count : report.by_kind()) {
    text += fmt::format("  {:>8} {}\n", count.count(), KindName(count.kind()));
  }
  return text;
}

std::string FindingToJson(const v1::Finding& finding) { return "{\"finding\":" + ToJson(finding) + "}"; }
std::string ReportToJson(const v1::ReplayReport& report) { return "{\"report\":" + ToJson(report) + "}"; }

}  // namespace keyledger::audit

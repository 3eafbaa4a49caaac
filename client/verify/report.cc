// See report.h.
#include "client/verify/report.h"

#include <string>
#include <string_view>

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>
#include <nlohmann/json.hpp>

namespace keyledger::verify {
namespace {

using audit::v1::Finding;
using nlohmann::json;

std::string Hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<uint8_t>(byte));
  return text;
}

json ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
  return status.ok() ? json::parse(text, nullptr, /*allow_exceptions=*/false) : json();
}

std::string_view NameOf(audit::v1::FindingKind kind) {
  const std::string& name = audit::v1::FindingKind_Name(kind);
  const std::string_view prefix = "FINDING_KIND_";
  return std::string_view(name).substr(std::string_view(name).starts_with(prefix) ? prefix.size() : 0);
}

void PrintFinding(const Finding& finding, std::ostream& out) {
  std::string place = fmt::format("shard {}", finding.shard());
  if (finding.has_position()) place += fmt::format(" record {}", finding.position());
  if (!finding.account_id().empty()) place += fmt::format(", account {}", finding.account_id());
  if (finding.has_revision()) place += fmt::format(" revision {}", finding.revision());
  out << Printable(fmt::format("  {} ({}): {}", NameOf(finding.kind()), place, finding.message())) << "\n";
  if (!finding.rule().empty()) out << Printable(fmt::format("      rule      {}", finding.rule())) << "\n";
  if (!finding.program().empty()) out << Printable(fmt::format("      program   {}", finding.program())) << "\n";
  if (!finding.expected().empty()) out << Printable(fmt::format("      expected  {}", finding.expected())) << "\n";
  if (!finding.found().empty()) out << Printable(fmt::format("      found     {}", finding.found())) << "\n";
}

void PrintWhat(const BundleVerdict& verdict, std::ostream& out) {
  const audit::v1::BundleHeader& header = verdict.header;
  const bool account = header.scope() == audit::v1::BUNDLE_SCOPE_ACCOUNT;
  out << Printable(fmt::format("bundle of {}: {} records in {} frames",
                               account ? fmt::format("account {} of ledger {}", header.account_id(), header.ledger_id())
                                       : fmt::format("ledger {}", header.ledger_id()),
                               verdict.records, verdict.frames))
      << "\n";
  if (account) {
    out << fmt::format("  {} records proved to be in the log, under {} signed checkpoints\n", verdict.proofs,
                       verdict.checkpoints);
  }
  for (const audit::v1::ReplayedShard& shard : verdict.report.shards()) {
    if (account) continue;
    out << Printable(fmt::format("  shard {}: {} records, root {}, {} checkpoints, verified up to {}", shard.shard(),
                                 shard.records(), Hex(shard.root_hash()), shard.checkpoints(), shard.checkpoint_size()))
        << "\n";
  }
  out << fmt::format("  {} accounts replayed, {} decisions derived again under {} program versions\n",
                     verdict.report.accounts(), verdict.report.decisions(), verdict.report.programs());
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string clean;
  for (const char byte : text) {
    const auto value = static_cast<uint8_t>(byte);
    clean += value < 0x20 || value == 0x7f ? '?' : byte;
  }
  return clean;
}

void PrintReport(const BundleVerdict& verdict, std::ostream& out) {
  if (verdict.header.format() != 0) PrintWhat(verdict, out);
  if (!verdict.standing.empty()) out << "\n" << verdict.standing << "\n";
  for (const std::string& sentence : verdict.report.not_checked())
    out << "NOT CHECKED: " << Printable(sentence) << "\n";
  for (const Finding& finding : verdict.findings) PrintFinding(finding, out);
  const uint64_t unlisted = verdict.report.findings() - verdict.findings.size();
  if (unlisted > 0) out << fmt::format("  and {} more\n", unlisted);
  if (verdict.holds()) {
    out << (verdict.report.not_checked().empty() ? "ALL HOLDS\n" : "WHAT WAS CHECKED HOLDS\n");
  } else {
    out << fmt::format("DOES NOT HOLD: {} findings\n", verdict.report.findings());
  }
}

void PrintJsonReport(const BundleVerdict& verdict, std::ostream& out) {
  json answer = {{"holds", verdict.holds()},
                 {"ledger_id", verdict.header.ledger_id()},
                 {"account_id", verdict.header.account_id()},
                 {"frames", verdict.frames},
                 {"records", verdict.records},
                 {"proofs", verdict.proofs},
                 {"checkpoints", verdict.checkpoints},
                 {"standing", verdict.standing},
                 {"findings", json::array()},
                 {"findings_left_out", verdict.report.findings() - verdict.findings.size()},
                 {"report", ToJson(verdict.report)}};
  for (const Finding& finding : verdict.findings) answer["findings"].push_back(ToJson(finding));
  out << answer.dump(-1, ' ', false, json::error_handler_t::replace) << "\n";
}

}  // namespace keyledger::verify

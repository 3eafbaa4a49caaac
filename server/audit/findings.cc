// See findings.h.
#include "server/audit/findings.h"

#include <fmt/format.h>

namespace keyledger::audit {

std::string CutText(std::string text) {
  if (text.size() <= kFindingTextBytesMax) return text;
  const size_t bytes = text.size();
  size_t end = kFindingTextBytesMax;
  // Not within a character.
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
  return text + fmt::format("... ({} bytes)", bytes);
}

void Findings::Add(const v1::Finding& finding) {
  by_kind_[finding.kind()] += 1;
  if (count_++ >= listed_max_ || listener_ == nullptr) return;
  v1::Finding listed = finding;
  for (std::string* text : {listed.mutable_account_id(), listed.mutable_rule(), listed.mutable_program(),
                            listed.mutable_expected(), listed.mutable_found(), listed.mutable_message()}) {
    *text = CutText(std::move(*text));
  }
  listener_(listed);
}

void Findings::Summarize(v1::ReplayReport& report) const {
  report.set_findings(count_);
  report.clear_by_kind();
  for (const auto& [kind, count] : by_kind_) {
    v1::FindingCount& entry = *report.add_by_kind();
    entry.set_kind(kind);
    entry.set_count(count);
  }
}

}  // namespace keyledger::audit

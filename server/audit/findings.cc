// See findings.h.
#include "server/audit/findings.h"

namespace keyledger::audit {

void Findings::Add(const v1::Finding& finding) {
  by_kind_[finding.kind()] += 1;
  if (count_++ < listed_max_ && listener_ != nullptr) listener_(finding);
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

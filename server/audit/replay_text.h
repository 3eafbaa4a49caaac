// What a replay found, as text for people and as JSON for machines. For programs that print; the API has the messages.
#pragma once

#include <string>

#include "keyledger/audit/v1/replay.pb.h"

namespace keyledger::audit {

// "MISSING_DECISION at 1/4711, account acme, revision 12, rule base, program shop@3", then what was expected and found
// and the sentence, a line each.
std::string FormatFinding(const v1::Finding& finding);
// Several lines: counts, shards, points, what was found, what was not checked.
std::string FormatReport(const v1::ReplayReport& report);
// One line: {"finding": {...}} and {"report": {...}}, fields as in the proto.
std::string FindingToJson(const v1::Finding& finding);
std::string ReportToJson(const v1::ReplayReport& report);

}  // namespace keyledger::audit

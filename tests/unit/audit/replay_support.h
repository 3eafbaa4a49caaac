// What tests of the replay share: running it, and what it found.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "server/audit/replay.h"

namespace keyledger::testing {

struct Replayed {
  std::vector<audit::v1::Finding> findings;
  audit::v1::ReplayReport report;
};

inline Replayed ReplayAll(audit::RecordSource& source, audit::ReplayOptions options = {}) {
  Replayed replayed;
  audit::Findings findings(1'000, [&](const audit::v1::Finding& finding) { replayed.findings.push_back(finding); });
  auto report = audit::Replay(source, options, findings);
  EXPECT_TRUE(report.ok()) << report.status();
  if (report.ok()) replayed.report = *std::move(report);
  return replayed;
}

// One finding a line.
inline std::string Listed(const Replayed& replayed) {
  std::string text;
  for (const audit::v1::Finding& finding : replayed.findings) {
    text += fmt::format("{} shard {} position {} {} rule '{}' program '{}'\n  expected: {}\n  found: {}\n  {}\n",
                        audit::v1::FindingKind_Name(finding.kind()), finding.shard(),
                        finding.has_position() ? std::to_string(finding.position()) : "-", finding.account_id(),
                        finding.rule(), finding.program(), finding.expected(), finding.found(), finding.message());
  }
  return text;
}

}  // namespace keyledger::testing

// Findings: all are counted, as many as wanted are handed on, and none is longer than it may be.
#include "server/audit/findings.h"

#include <vector>

#include <gtest/gtest.h>

namespace keyledger::audit {
namespace {

TEST(Findings, CutsTextsThatForgedRecordsMadeLong) {
  std::vector<v1::Finding> listed;
  Findings findings(1, [&](const v1::Finding& finding) { listed.push_back(finding); });
  v1::Finding finding;
  finding.set_kind(v1::FINDING_KIND_MISPLACED_RECORD);
  finding.set_account_id(std::string(8u << 20, 'a'));
  finding.set_rule(std::string(1'024, 'r'));
  finding.set_expected(std::string(1'025, 'e'));
  // The limit falls into the middle of a character.
  finding.set_message(std::string(1'023, 'm') + "\xc3\xa9" + "x");
  findings.Add(finding);
  findings.Add(finding);
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(findings.count(), 2u);
  EXPECT_EQ(listed[0].account_id(), std::string(1'024, 'a') + "... (8388608 bytes)");
  EXPECT_EQ(listed[0].rule(), std::string(1'024, 'r'));
  EXPECT_EQ(listed[0].expected(), std::string(1'024, 'e') + "... (1025 bytes)");
  EXPECT_EQ(listed[0].message(), std::string(1'023, 'm') + "... (1026 bytes)");
  EXPECT_EQ(listed[0].found(), "");
}

}  // namespace
}  // namespace keyledger::audit

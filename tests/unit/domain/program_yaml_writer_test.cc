// FormatProgramYaml: what it writes reads back as the same program, and is written the same again.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "server/domain/program_set.h"

namespace keyledger::domain {
namespace {

programs::v1::Program Read(const std::string& yaml) {
  const ParsedProgram parsed = ParseProgramYaml(yaml);
  for (const ProgramFinding& finding : parsed.findings) {
    ADD_FAILURE() << finding.line << ": " << finding.path << " " << finding.message << "\n" << yaml;
  }
  return parsed.program.value_or(programs::v1::Program());
}

TEST(FormatProgramYaml, WritesWhatItReadLetterByLetter) {
  const std::string yaml = R"(program_id: loyalty
display_name: "Fr\x0aeunde: \"10 %\""
time_zone: Europe/Berlin
currency_code: EUR
effective_from: 2024-01-01
effective_to: 2024-06-30T22:30:00.5Z
region: CN/31
priority: -2
accrual_rules:
  - rule_id: base
    match:
      categories: [tea, "7", "yes"]
    per_money:
      points: 1
      per_micros: 1000000
    rounding: half_even
    expiry:
      after_months: 24
      round_up_to: quarter
    tier_multiplier: false
  - rule_id: second
    match: {}
    per_unit:
      points: 2
      per_units: 10
return_policy: only_pending
)";
  EXPECT_EQ(FormatProgramYaml(Read(yaml)), yaml);
}

TEST(FormatProgramYaml, LeavesOutTheVersion) {
  programs::v1::Program program =
      Read("program_id: a\ntime_zone: UTC\ncurrency_code: USD\neffective_from: 2024-01-01\n");
  program.set_version(7);
  EXPECT_EQ(FormatProgramYaml(program),
            "program_id: a\ntime_zone: UTC\ncurrency_code: USD\neffective_from: 2024-01-01\n");
}

// Every program that comes with the product.
TEST(FormatProgramYaml, WritesEveryProgramSoThatItReadsBackTheSame) {
  int programs = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(std::string(KL_SOURCE_DIR) + "/projections/programs")) {
    if (entry.path().extension() != ".yaml" || entry.path().filename() == "scenario.yaml" ||
        entry.path().filename() == "relationship.yaml") {
      continue;
    }
    std::ifstream file(entry.path());
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    const programs::v1::Program program = Read(text);
    const std::string written = FormatProgramYaml(program);
    EXPECT_EQ(Read(written).SerializeAsString(), program.SerializeAsString()) << written;
    EXPECT_EQ(FormatProgramYaml(Read(written)), written);
    programs += 1;
  }
  EXPECT_GE(programs, 8);
}

}  // namespace
}  // namespace keyledger::domain

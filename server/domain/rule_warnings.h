// What can be told of rules by looking at their conditions alone: for warnings. Internal to the room.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "keyledger/programs/v1/program.pb.h"
#include "server/domain/program_check.h"

namespace keyledger::domain {

// Adds a warning per condition that no account can meet together with the others of its alternative.
// `default_metric`: of conditions that name none.
void WarnOfRule(const std::string& path, const programs::v1::Rule& rule, events::v1::Metric default_metric,
                std::vector<ProgramMistake>& warnings);

// A rule without relative cuts, made ready to be compared with many others.
struct ComparableRule {
  struct Condition {
    // What is measured: a number of the SubjectNumbers that the rules share.
    int subject = 0;
    bool at_most = false;
    int64_t cut = 0;
  };
  std::vector<std::vector<Condition>> any_of;
};
using SubjectNumbers = std::map<std::string, int>;

ComparableRule MakeComparable(const programs::v1::Rule& rule, SubjectNumbers& subjects);

// True if `weak` plainly holds whenever `strong` does: each alternative of `strong` asks for all that some alternative
// of `weak` asks for, of the same things. False: it may or may not.
bool Implies(const ComparableRule& strong, const ComparableRule& weak);

// Adds the warnings of one lifecycle; path: "stage_ladders[0]".
void WarnOfStages(const std::string& path, const programs::v1::StageLadder& ladder,
                  std::vector<ProgramMistake>& warnings);

}  // namespace keyledger::domain

// Programs in words: one as a whole, and what a new version changes. By the schema's descriptor, so that a new field is
// spoken of without code of its own; what reads badly that way has a phrase here.
#pragma once

#include <string>
#include <vector>

#include "keyledger/programs/v1/program.pb.h"

namespace keyledger::cli {

// The program, a line a sentence; what belongs to the line above is indented by two blanks.
std::vector<std::string> DescribeProgram(const ::keyledger::programs::v1::Program& program);

// What is different in `after`, rule by rule and tier by tier, with the old and the new numbers; versions are not
// compared. Empty: nothing. Rules, tiers and whatever else has an id are compared by it, wherever they stand.
std::vector<std::string> DiffPrograms(const ::keyledger::programs::v1::Program& before,
                                      const ::keyledger::programs::v1::Program& after);

// JSON Schema (draft 2020-12) of a program's YAML file, for editors: keys, types, ranges of integers, words of enums,
// and which keys exclude each other.
std::string ProgramSchema();

}  // namespace keyledger::cli

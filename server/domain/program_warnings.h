// What is allowed in a program but probably not meant. Internal to the room; ParseProgramYaml adds lines to the paths.
#pragma once

#include <memory>
#include <vector>

#include "server/domain/program_check.h"
#include "server/domain/program_set.h"

namespace keyledger::domain {

// Path of a field and what is doubtful there: rules that can never match, thresholds that do not rise with the tier,
// and what publishing the program beside `published` leaves ungoverned or sets against each other. Requires: the
// program has no mistakes.
std::vector<ProgramMistake> FindWarnings(const programs::v1::Program& program,
                                         const std::vector<std::shared_ptr<const CompiledProgram>>& published);

// The part about limits: those that another one makes needless.
void FindLimitWarnings(const programs::v1::Program& program, std::vector<ProgramMistake>& warnings);
// The part about duties and deadlines: those that never come due, that a limit forbids, or that another one hides.
void FindCadenceWarnings(const programs::v1::Program& program, std::vector<ProgramMistake>& warnings);

}  // namespace keyledger::domain

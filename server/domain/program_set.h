// ProgramSet: the published programs of a ledger, compiled, and which of them governs an event.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/programs/v1/program.pb.h"
#include "server/base/calendar.h"
#include "server/base/clock.h"
#include "server/domain/compiled_rules.h"
#include "server/domain/time_window.h"

namespace keyledger::domain {

// The conditions of a rule's match, each list sorted so that a long one is searched, not walked. Empty: anything.
struct CompiledMatch {
  std::vector<std::string> categories;
  std::vector<std::string> skus;
  std::vector<std::string> merchants;
  std::vector<std::string> regions;
  // In the program's order.
  std::vector<events::v1::SaleMode> sale_modes;
  std::vector<CompiledWindow> windows;
};

// Which of a program's limits ask about what: indexes into Program.limits, in their order.
struct CompiledLimits {
  std::vector<int> discounts;
  std::vector<int> gifts;
  std::vector<int> commissions;
  std::vector<int> services;
  std::vector<int> interactions;
  std::vector<int> market_prices;
};

// One program version, checked, with what evaluation needs looked up once.
// Threads: immutable.
class CompiledProgram {
 public:
  // Errors: INVALID_ARGUMENT (kInvalidProgram) with a field per mistake (path and description).
  static absl::StatusOr<std::shared_ptr<const CompiledProgram>> Compile(programs::v1::Program program);

  const programs::v1::Program& program() const { return program_; }
  const Zone& zone() const { return zone_; }
  Micros effective_from() const { return effective_from_; }
  // kNever: open.
  Micros effective_to() const { return effective_to_; }
  // One per accrual rule, in its order.
  const std::vector<CompiledMatch>& matches() const { return matches_; }
  const std::vector<CompiledWindow>& redemption_windows() const { return redemption_windows_; }
  const CompiledRules& rules() const { return rules_; }
  const CompiledLimits& limits() const { return limits_; }

 private:
  CompiledProgram() = default;
  programs::v1::Program program_;
  Zone zone_;
  std::vector<CompiledMatch> matches_;
  std::vector<CompiledWindow> redemption_windows_;
  CompiledRules rules_;
  CompiledLimits limits_;
  Micros effective_from_ = 0;
  Micros effective_to_ = 0;
};

// All published versions.
// Threads: immutable; a new set is made when a program is published.
class ProgramSet {
 public:
  ProgramSet() = default;
  explicit ProgramSet(std::vector<std::shared_ptr<const CompiledProgram>> programs);

  // The program that governs an event of `region` at `occurred`, or null. Among the latest version, per program_id,
  // that has begun by then (a later version supersedes an earlier one from its own effective_from on, for good), those
  // that have not ended and whose region contains the event's: the longest region wins, then the higher priority, then
  // the smaller program_id.
  const CompiledProgram* Select(Micros occurred, std::string_view region) const;

  // The first moment after `time` at which another program may come to govern, or kNever. Until then Select answers as
  // it does at `time`.
  Micros NextChange(Micros time) const;

  // A copy with one more program.
  std::shared_ptr<const ProgramSet> With(std::shared_ptr<const CompiledProgram> program) const;

  // By program_id, then version.
  const std::vector<std::shared_ptr<const CompiledProgram>>& programs() const { return programs_; }
  // Latest version of a program, or null.
  const CompiledProgram* Latest(std::string_view program_id) const;
  // One version, or null.
  const CompiledProgram* Find(std::string_view program_id, uint32_t version) const;

 private:
  std::vector<std::shared_ptr<const CompiledProgram>> programs_;
  // Moments at which a version begins or ends, ascending; candidates_[i] are the versions in force from changes_[i]
  // until the next, best first.
  std::vector<Micros> changes_;
  std::vector<std::vector<const CompiledProgram*>> candidates_;
};

// A mistake in a program's YAML text, or something doubtful.
struct ProgramFinding {
  // 1-based; 0 if unknown.
  int line = 0;
  int column = 0;
  // For example "accrual_rules[2].expiry.after_months".
  std::string path;
  std::string message;
};

// A program read from YAML, or what is wrong with it.
struct ParsedProgram {
  // Set if findings is empty.
  std::optional<programs::v1::Program> program;
  // By line. Everything wrong at once: syntax, unknown keys, types, ranges, references.
  std::vector<ProgramFinding> findings;
  // By line. What is allowed but probably not meant; looked for only if findings is empty.
  std::vector<ProgramFinding> warnings;
};

// Reads a program from YAML text: keys are the field names of programs.v1.Program; timestamps are RFC 3339 or a date
// (00:00 in the program's zone); enums are the value names without prefix, any case ("month"); oneof members are
// written directly in their parent. `version` must not be given. `published`: the programs beside which it is to be
// published, for warnings.
ParsedProgram ParseProgramYaml(std::string_view text,
                               const std::vector<std::shared_ptr<const CompiledProgram>>& published = {});

// Writes a program as YAML that ParseProgramYaml reads back as the same: fields in the schema's order, values that are
// not set left out, times that begin a day of the program's zone as dates. What it has written it writes again.
std::string FormatProgramYaml(const programs::v1::Program& program);

// INVALID_ARGUMENT (kInvalidProgram) with a field per mistake. Requires: there is one.
absl::Status FindingsError(const std::vector<ProgramFinding>& findings);

}  // namespace keyledger::domain

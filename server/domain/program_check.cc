// The head of a program, and the check as a whole; see program_check.h.
#include "server/domain/program_check.h"

#include <fmt/format.h>

#include "server/base/calendar.h"
#include "server/base/ids.h"
#include "server/domain/compiled_rules.h"
#include "server/domain/program_part_check.h"
#include "server/domain/proto_time.h"
#include "server/domain/unknown_fields.h"

namespace keyledger::domain {
namespace {

using programs::v1::Program;

// Unknown fields told of; there can be thousands.
constexpr int kUnknownFieldsMax = 8;

class HeadCheck : private ProgramPartCheck {
 public:
  HeadCheck(const Program& program, std::vector<ProgramMistake>& mistakes)
      : ProgramPartCheck(mistakes), program_(program) {}

  void Run() {
    int unknown = 0;
    FindUnknownFields(program_, FieldPath(""), [&](const FieldPath& path, int number) {
      Add(path.Text(), fmt::format("holds field number {}, which this version does not know", number));
      return ++unknown < kUnknownFieldsMax;
    });
    CheckHead();
  }

 private:
  void CheckHead() {
    CheckId("program_id", program_.program_id());
    CheckText("display_name", program_.display_name(), 256);
    if (program_.time_zone().empty()) {
      Add("time_zone", "is required");
    } else if (!Zone::Load(program_.time_zone()).has_value()) {
      Add("time_zone",
          fmt::format("'{}' is no time zone this machine knows; use an IANA name such as \"Europe/Berlin\"",
                      program_.time_zone()));
    }
    if (program_.currency_code().empty()) {
      Add("currency_code", "is required");
    } else if (!IsCurrencyCode(program_.currency_code())) {
      Add("currency_code", "must be three capital letters (ISO 4217)");
    }
    if (!program_.has_effective_from()) {
      Add("effective_from", "is required");
    } else if (!IsExactTimestamp(program_.effective_from())) {
      Add("effective_from", "must be from 0001 to 9999, in whole microseconds");
    }
    if (program_.has_effective_to()) CheckEffectiveTo();
    if (!IsRegionPath(program_.region())) {
      Add("region", "must be up to 8 non-empty segments separated by \"/\", 128 bytes at most");
    }
  }

  void CheckEffectiveTo() {
    if (!IsExactTimestamp(program_.effective_to())) {
      Add("effective_to", "must be from 0001 to 9999, in whole microseconds");
    } else if (program_.has_effective_from() && IsExactTimestamp(program_.effective_from()) &&
               MicrosOf(program_.effective_to()) <= MicrosOf(program_.effective_from())) {
      Add("effective_to", "must be after effective_from");
    }
  }

  const Program& program_;
};

}  // namespace

std::vector<ProgramMistake> CheckProgram(const Program& program) {
  std::vector<ProgramMistake> mistakes;
  HeadCheck(program, mistakes).Run();
  CheckPoints(program, mistakes);
  CheckTiers(program, mistakes);
  CheckStages(program, mistakes);
  CheckLimits(program, mistakes);
  CheckCadence(program, mistakes);
  CheckProfiles(program, mistakes);
  if (!mistakes.empty()) return mistakes;
  // Each is measured for every purchase.
  if (const size_t measures = CompileRules(program).measures.size(); measures > kMeasuresMax) {
    mistakes.push_back(
        {"", fmt::format("its rules measure {} different things (metric, window, fact_key, growth, periods); "
                         "at most {} are allowed",
                         measures, kMeasuresMax)});
  }
  return mistakes;
}

}  // namespace keyledger::domain

// What the parts of the check of a program share: how a mistake is noted, and the checks of plain values. Internal to
// the room; program_check.cc runs the parts, one file each.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "keyledger/events/v1/interaction.pb.h"
#include "keyledger/programs/v1/program.pb.h"
#include "server/base/ids.h"
#include "server/domain/program_check.h"

namespace keyledger::domain {

// Threads: thread-compatible.
class ProgramPartCheck {
 protected:
  // Mistakes are added to `mistakes`, which must outlive this.
  explicit ProgramPartCheck(std::vector<ProgramMistake>& mistakes) : mistakes_(mistakes) {}

  void Add(std::string path, std::string message) { mistakes_.emplace_back(std::move(path), std::move(message)); }

  // `unit`: empty for a plain number.
  void CheckRange(const std::string& path, int64_t value, int64_t min, int64_t max, std::string_view unit) {
    if (value >= min && value <= max) return;
    Add(path, fmt::format("must be {} to {}{}{}, is {}", min, max, unit.empty() ? "" : " ", unit, value));
  }

  void CheckId(const std::string& path, const std::string& id) {
    if (id.empty()) {
      Add(path, "is required");
    } else if (!IsSnakeId(id)) {
      Add(path, "must be lower snake case, 1 to 64 bytes: [a-z][a-z0-9_]*");
    }
  }

  void CheckDistinct(const std::string& path, const std::string& id, std::set<std::string>& seen) {
    if (!id.empty() && !seen.insert(id).second) Add(path, fmt::format("'{}' is used twice", id));
  }

  void CheckText(const std::string& path, const std::string& text, size_t bytes_max) {
    if (text.size() > bytes_max || !IsUtf8(text))
      Add(path, fmt::format("must be UTF-8 of at most {} bytes", bytes_max));
  }

  bool CheckPeriod(const std::string& path, programs::v1::PeriodUnit unit) {
    if (unit != programs::v1::PERIOD_UNIT_UNSPECIFIED && programs::v1::PeriodUnit_IsValid(unit)) return true;
    Add(path, "must be month, quarter or year");
    return false;
  }

  // Tiers of the program's ladder, named by a rule that is for these alone.
  void CheckTierIds(const std::string& path, const google::protobuf::RepeatedPtrField<std::string>& tier_ids,
                    const programs::v1::Program& program) {
    if (tier_ids.empty()) return;
    if (!program.has_tier_ladder()) return Add(path, "needs a tier_ladder: the program has no tiers");
    CheckRange(path, tier_ids.size(), 1, kTiersMax, "tiers");
    std::set<std::string> known;
    for (const auto& tier : program.tier_ladder().tiers()) known.insert(tier.tier_id());
    std::set<std::string> seen;
    for (int i = 0; i < tier_ids.size(); ++i) {
      const std::string at = fmt::format("{}[{}]", path, i);
      if (!known.contains(tier_ids[i])) {
        Add(at, fmt::format("is no tier of the ladder '{}'", program.tier_ladder().ladder_id()));
      }
      CheckDistinct(at, tier_ids[i], seen);
    }
  }

  // Values of an enumeration, none of them twice. `what` one is called.
  void CheckValues(const std::string& path, const google::protobuf::RepeatedField<int>& values, bool (*is_valid)(int),
                   std::string_view what) {
    std::set<int> seen;
    for (int i = 0; i < values.size(); ++i) {
      const std::string at = fmt::format("{}[{}]", path, i);
      if (values[i] == 0 || !is_valid(values[i])) {
        Add(at, fmt::format("is no {}", what));
      } else if (!seen.insert(values[i]).second) {
        Add(at, "is given twice");
      }
    }
  }

  // Kinds of interactions, at least `min` and at most 10 of them.
  void CheckKinds(const std::string& path, const google::protobuf::RepeatedField<int>& kinds, int min) {
    CheckRange(path, kinds.size(), min, 10, "kinds");
    CheckValues(path, kinds, events::v1::InteractionKind_IsValid, "kind of interaction");
  }

  // The two ends of a span of the message at `path`, either of which may be null.
  void CheckSpan(const std::string& path, const char* from_name, const google::protobuf::Timestamp* from,
                 const char* to_name, const google::protobuf::Timestamp* to);
  void CheckWindows(const std::string& path,
                    const google::protobuf::RepeatedPtrField<programs::v1::TimeWindow>& windows);

 private:
  void CheckWindow(const std::string& path, const programs::v1::TimeWindow& window);
  void CheckTimeOfDay(const std::string& path, const programs::v1::TimeOfDaySpan& span);

  std::vector<ProgramMistake>& mistakes_;
};

// Rules that give points, and what becomes of them.
void CheckPoints(const programs::v1::Program& program, std::vector<ProgramMistake>& mistakes);
// The lifecycles.
void CheckStages(const programs::v1::Program& program, std::vector<ProgramMistake>& mistakes);
// The tiers.
void CheckTiers(const programs::v1::Program& program, std::vector<ProgramMistake>& mistakes);
// The limits.
void CheckLimits(const programs::v1::Program& program, std::vector<ProgramMistake>& mistakes);
// The calendar, the cadence and the deadlines.
void CheckCadence(const programs::v1::Program& program, std::vector<ProgramMistake>& mistakes);
// Profiles, coverage and terms of payment.
void CheckProfiles(const programs::v1::Program& program, std::vector<ProgramMistake>& mistakes);

}  // namespace keyledger::domain

// See program_warnings.h.
#include "server/domain/program_warnings.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "server/base/calendar.h"
#include "server/base/ids.h"
#include "server/domain/account_state.h"
#include "server/domain/proto_time.h"
#include "server/domain/rule_warnings.h"
#include "server/domain/time_window.h"

namespace keyledger::domain {
namespace {

using programs::v1::Program;
using programs::v1::StageLadder;
using programs::v1::Tier;
using programs::v1::TierLadder;

class Warnings {
 public:
  explicit Warnings(const Program& program) : program_(program) {}

  std::vector<ProgramMistake> Run(const std::vector<std::shared_ptr<const CompiledProgram>>& published) {
    WarnOfPrograms(published);
    const Micros from = MicrosOf(program_.effective_from());
    const Micros to = program_.has_effective_to() ? MicrosOf(program_.effective_to()) : kNever;
    for (int i = 0; i < program_.accrual_rules_size(); ++i) {
      const programs::v1::AccrualRule& rule = program_.accrual_rules(i);
      WarnOfRegions(fmt::format("accrual_rules[{}].match.regions", i), rule.match().regions());
      WarnOfWindows(fmt::format("accrual_rules[{}].match.time_windows", i), rule.match().time_windows(),
                    rule.has_effective_from() ? std::max(from, MicrosOf(rule.effective_from())) : from,
                    rule.has_effective_to() ? std::min(to, MicrosOf(rule.effective_to())) : to);
    }
    WarnOfWindows("redemption_policy.windows", program_.redemption_policy().windows(), from, to);
    if (program_.has_tier_ladder()) WarnOfLadder(program_.tier_ladder());
    for (int i = 0; i < program_.stage_ladders_size(); ++i) {
      WarnOfStages(fmt::format("stage_ladders[{}]", i), program_.stage_ladders(i), warnings_);
    }
    FindLimitWarnings(program_, warnings_);
    FindCadenceWarnings(program_, warnings_);
    return std::move(warnings_);
  }

 private:
  void Add(std::string path, std::string message) { warnings_.emplace_back(std::move(path), std::move(message)); }

  // Sales elsewhere are governed by other programs; a path below another one in the list adds nothing.
  void WarnOfRegions(const std::string& path, const google::protobuf::RepeatedPtrField<std::string>& regions) {
    for (int i = 0; i < regions.size(); ++i) {
      const std::string& region = regions[i];
      const std::string at = fmt::format("{}[{}]", path, i);
      if (!RegionContains(program_.region(), region) && !RegionContains(region, program_.region())) {
        Add(at, fmt::format("never matches: '{}' is outside of the program's region '{}'", region, program_.region()));
      }
      for (int j = 0; j < regions.size(); ++j) {
        if (j == i || !RegionContains(regions[j], region) || (region == regions[j] && i < j)) continue;
        Add(at, fmt::format("adds nothing: '{}' contains '{}'", regions[j], region));
        break;
      }
    }
  }

  // Asked in [from, to).
  void WarnOfWindows(const std::string& path,
                     const google::protobuf::RepeatedPtrField<programs::v1::TimeWindow>& windows, Micros from,
                     Micros to) {
    if (windows.empty()) return;
    const std::optional<Zone> zone = Zone::Load(program_.time_zone());
    for (int i = 0; i < windows.size(); ++i) {
      if (const auto why = WhyNeverOpen(windows[i], *zone, from, to); why.has_value()) {
        Add(fmt::format("{}[{}]", path, i), fmt::format("never opens: {}", *why));
      }
    }
  }

  void WarnOfLadder(const TierLadder& ladder) {
    for (int i = 1; i < ladder.tiers_size(); ++i) {
      const std::string path = fmt::format("tier_ladder.tiers[{}]", i);
      WarnOfTier(path, ladder.tiers(i), ladder.tiers(i - 1), i == 1);
      if (ladder.tiers(i).has_entrance_rule()) {
        WarnOfRule(path + ".entrance_rule", ladder.tiers(i).entrance_rule(), ladder.metric(), warnings_);
      }
      if (ladder.tiers(i).has_maintenance_rule()) {
        WarnOfRule(path + ".maintenance_rule", ladder.tiers(i).maintenance_rule(), ladder.metric(), warnings_);
      }
    }
    const int days = ladder.review_period() == programs::v1::PERIOD_UNIT_MONTH     ? 28
                     : ladder.review_period() == programs::v1::PERIOD_UNIT_QUARTER ? 90
                                                                                   : 365;
    if (ladder.has_review_period() && static_cast<int>(ladder.grace_days()) >= days) {
      Add("tier_ladder.grace_days", "is as long as the time between two reviews: reviews within it are not held");
    }
  }

  void WarnOfTier(const std::string& path, const Tier& tier, const Tier& below, bool is_second) {
    const bool by_numbers = tier.entered_case() == Tier::kEntrance;
    if (by_numbers && is_second && tier.entrance() == 0) {
      Add(path + ".entrance",
          fmt::format(
              "is 0, which everyone reaches who has not given back more than was bought: hardly anyone will hold "
              "'{}'",
              below.tier_id()));
    } else if (by_numbers && !is_second && below.entered_case() == Tier::kEntrance &&
               tier.entrance() <= below.entrance()) {
      Add(path + ".entrance",
          fmt::format("does not rise above that of '{}', which nobody will enter", below.tier_id()));
    }
    const auto keep = [](const Tier& one) { return one.has_maintenance() ? one.maintenance() : one.entrance(); };
    if (by_numbers && !is_second && below.entered_case() == Tier::kEntrance && !tier.has_maintenance_rule() &&
        !below.has_maintenance_rule() && keep(tier) < keep(below)) {
      Add(path + ".maintenance",
          fmt::format("is less than what keeps '{}': who no longer keeps that would keep this", below.tier_id()));
    }
    const auto multiplier = [](const Tier& one) { return one.has_multiplier_milli() ? one.multiplier_milli() : 1000; };
    if (multiplier(tier) < multiplier(below)) {
      Add(path + ".multiplier_milli", fmt::format("is less than that of '{}', the tier below", below.tier_id()));
    }
  }

  void WarnOfPrograms(const std::vector<std::shared_ptr<const CompiledProgram>>& published) {
    const Micros from = MicrosOf(program_.effective_from());
    const Micros to = program_.has_effective_to() ? MicrosOf(program_.effective_to()) : kNever;
    // The latest version of each program, which supersedes those before it.
    std::map<std::string_view, const CompiledProgram*> latest;
    for (const auto& one : published) {
      const CompiledProgram*& known = latest[one->program().program_id()];
      if (known == nullptr || known->program().version() < one->program().version()) known = one.get();
    }
    for (const auto& [id, other] : latest) {
      if (id == program_.program_id()) {
        WarnOfPredecessor(*other, from);
      } else if (other->program().region() == program_.region() && other->program().priority() == program_.priority() &&
                 from < other->effective_to() && other->effective_from() < to) {
        Add("priority",
            fmt::format("is that of program '{}', which is for the same region at the same time: '{}' governs, "
                        "being first in the alphabet",
                        id, std::min<std::string_view>(id, program_.program_id())));
      }
    }
  }

  void WarnOfPredecessor(const CompiledProgram& before, Micros from) {
    if (before.effective_to() < from) {
      Add("effective_from", fmt::format("leaves a gap: version {} ends at {}", before.program().version(),
                                        FormatMicros(before.effective_to())));
    }
    if (before.program().region() != program_.region()) {
      Add("region", fmt::format("differs from that of version {}: '{}' is no longer governed by this program",
                                before.program().version(), before.program().region()));
    }
    if (before.program().has_tier_ladder() && program_.has_tier_ladder() &&
        before.program().tier_ladder().ladder_id() != program_.tier_ladder().ladder_id()) {
      Add("tier_ladder.ladder_id",
          fmt::format("differs from '{}' of version {}: every account begins anew on another ladder",
                      before.program().tier_ladder().ladder_id(), before.program().version()));
    }
    for (int i = 0; i < program_.stage_ladders_size(); ++i) {
      for (const StageLadder& earlier : before.program().stage_ladders()) {
        if (earlier.ladder_id() == program_.stage_ladders(i).ladder_id()) WarnOfLostStages(i, earlier, before);
      }
    }
  }

  void WarnOfLostStages(int index, const StageLadder& earlier, const CompiledProgram& before) {
    const StageLadder& ladder = program_.stage_ladders(index);
    for (const auto& stage : earlier.stages()) {
      if (std::any_of(ladder.stages().begin(), ladder.stages().end(),
                      [&](const auto& one) { return one.stage_id() == stage.stage_id(); })) {
        continue;
      }
      Add(fmt::format("stage_ladders[{}].stages", index),
          fmt::format("lack '{}' of version {}: accounts in it begin again in '{}'", stage.stage_id(),
                      before.program().version(), ladder.stages(0).stage_id()));
    }
  }

  const Program& program_;
  std::vector<ProgramMistake> warnings_;
};

}  // namespace

std::vector<ProgramMistake> FindWarnings(const Program& program,
                                         const std::vector<std::shared_ptr<const CompiledProgram>>& published) {
  return Warnings(program).Run(published);
}

}  // namespace keyledger::domain

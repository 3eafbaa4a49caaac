// Duties that never come due or cannot be kept, and entries that another one hides. See program_warnings.h.
#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "server/base/calendar.h"
#include "server/domain/account_state.h"
#include "server/domain/program_fields.h"
#include "server/domain/program_warnings.h"
#include "server/domain/proto_time.h"

namespace keyledger::domain {
namespace {

using google::protobuf::RepeatedField;
using google::protobuf::RepeatedPtrField;
using programs::v1::Limit;
using programs::v1::PeriodicDuty;
using programs::v1::Program;
using Names = RepeatedPtrField<std::string>;

// Everything that `narrow` names is named by `wide`; no names at all mean everything.
template <typename Entries>
bool Covers(const Entries& wide, const Entries& narrow) {
  if (wide.empty()) return true;
  return !narrow.empty() && std::all_of(narrow.begin(), narrow.end(), [&](const auto& name) {
    return std::find(wide.begin(), wide.end(), name) != wide.end();
  });
}

Names WordsOf(const RepeatedField<int>& kinds) {
  Names words;
  for (const int kind : kinds) {
    *words.Add() = EnumWord(*events::v1::InteractionKind_descriptor()->FindValueByNumber(kind));
  }
  return words;
}

bool IsSamePeriod(const PeriodicDuty& duty, programs::v1::PeriodUnit period) {
  if (duty.length() > 1) return false;
  switch (duty.unit()) {
    case programs::v1::CADENCE_UNIT_MONTH:
      return period == programs::v1::PERIOD_UNIT_MONTH;
    case programs::v1::CADENCE_UNIT_QUARTER:
      return period == programs::v1::PERIOD_UNIT_QUARTER;
    case programs::v1::CADENCE_UNIT_YEAR:
      return period == programs::v1::PERIOD_UNIT_YEAR;
    default:
      return false;
  }
}

class CadenceWarnings {
 public:
  CadenceWarnings(const Program& program, std::vector<ProgramMistake>& warnings)
      : program_(program), warnings_(warnings) {}

  void Run() {
    const programs::v1::Cadence& cadence = program_.cadence();
    for (int i = 0; i < cadence.duties_size(); ++i) {
      WarnOfMaximum(fmt::format("cadence.duties[{}].times", i), cadence.duties(i));
    }
    for (int i = 0; i < cadence.follow_ups_size(); ++i) {
      const programs::v1::FollowUp& follow_up = cadence.follow_ups(i);
      if (const Limit* limit = FindProhibition(WordsOf(follow_up.after_kinds()), follow_up.tier_ids())) {
        Add(fmt::format("cadence.follow_ups[{}].after_kinds", i),
            fmt::format("never occur: '{}' prohibits them", limit->limit_id()));
      }
    }
    WarnOfForgottenTiers();
    if (std::any_of(cadence.occasions().begin(), cadence.occasions().end(),
                    [](const auto& occasion) { return occasion.holidays(); })) {
      WarnOfHolidays();
    }
    WarnOfHidden("deadlines.issues", program_.deadlines().issues(), [](const auto& before, const auto& after) {
      return Covers(before.tier_ids(), after.tier_ids()) && Covers(before.kinds(), after.kinds());
    });
    WarnOfHidden("coverage", program_.coverage(),
                 [](const auto& before, const auto& after) { return Covers(before.tier_ids(), after.tier_ids()); });
  }

 private:
  void Add(std::string path, std::string message) { warnings_.emplace_back(std::move(path), std::move(message)); }

  // A limit that refuses every interaction of these kinds with accounts of these tiers; null: none.
  const Limit* FindProhibition(const Names& kinds, const Names& tier_ids) const {
    for (const Limit& limit : program_.limits()) {
      if (limit.interactions().prohibited() && limit.on_breach() != programs::v1::ON_BREACH_FLAG &&
          Covers(limit.tier_ids(), tier_ids) && Covers(limit.interactions().names(), kinds)) {
        return &limit;
      }
    }
    return nullptr;
  }

  void WarnOfMaximum(const std::string& path, const PeriodicDuty& duty) {
    const Names kinds = WordsOf(duty.kinds());
    if (const Limit* limit = FindProhibition(kinds, duty.tier_ids())) {
      return Add(path, fmt::format("cannot be kept: '{}' prohibits it", limit->limit_id()));
    }
    for (const Limit& limit : program_.limits()) {
      const programs::v1::Allowance& most = limit.interactions();
      if (!most.has_max_times() || limit.on_breach() == programs::v1::ON_BREACH_FLAG ||
          most.scope() == programs::v1::ALLOWANCE_SCOPE_CONTACT || most.max_times() >= duty.times() ||
          !IsSamePeriod(duty, most.period()) || !Covers(limit.tier_ids(), duty.tier_ids()) ||
          !Covers(most.names(), kinds)) {
        continue;
      }
      return Add(path,
                 fmt::format("cannot be kept: '{}' allows {} in the same period", limit.limit_id(), most.max_times()));
    }
  }

  // Tiers that no duty is for, while others are. Of the lowest tier that is usual.
  void WarnOfForgottenTiers() {
    const auto& duties = program_.cadence().duties();
    if (duties.empty()) return;
    const auto& tiers = program_.tier_ladder().tiers();
    for (int i = 1; i < tiers.size(); ++i) {
      const bool is_named = std::any_of(duties.begin(), duties.end(), [&](const PeriodicDuty& duty) {
        return duty.tier_ids().empty() ||
               std::find(duty.tier_ids().begin(), duty.tier_ids().end(), tiers[i].tier_id()) != duty.tier_ids().end();
      });
      if (is_named) continue;
      Add("cadence.duties", fmt::format("leave out the tier '{}': nobody need meet its accounts", tiers[i].tier_id()));
    }
  }

  // Holidays that are given year by year run out; by the year after the program begins it shows.
  void WarnOfHolidays() {
    const auto& holidays = program_.calendar().holidays();
    // By name: where it is given for the latest year. Nothing: for every year.
    std::map<std::string, std::optional<int>> latest;
    for (int i = 0; i < holidays.size(); ++i) {
      if (!holidays[i].greeting()) continue;
      const auto [known, is_new] = latest.try_emplace(holidays[i].name(), i);
      if (holidays[i].date().year() == 0) {
        known->second = std::nullopt;
      } else if (known->second.has_value() && holidays[i].date().year() >= holidays[*known->second].date().year()) {
        known->second = i;
      }
    }
    if (latest.empty()) return Add("cadence.occasions", "never ask for holidays: none of the calendar has greeting");
    const std::optional<Zone> zone = Zone::Load(program_.time_zone());
    const Micros from = MicrosOf(program_.effective_from());
    const Micros to = program_.has_effective_to() ? MicrosOf(program_.effective_to()) : kNever;
    const Micros next_year = zone->PeriodStart(from, CalendarUnit::kYear, 1);
    if (to <= next_year) return;
    const int64_t year = 1970 + zone->PeriodIndex(next_year, CalendarUnit::kYear);
    for (const auto& [name, at] : latest) {
      if (!at.has_value() || holidays[*at].date().year() >= year) continue;
      Add(fmt::format("calendar.holidays[{}]", *at),
          fmt::format("is the last '{}': nobody is greeted on it in {}", name, year));
    }
  }

  // Of several that fit the first counts.
  template <typename Entries, typename Hides>
  void WarnOfHidden(const std::string& path, const Entries& entries, const Hides& hides) {
    for (int i = 0; i < entries.size(); ++i) {
      for (int j = 0; j < i; ++j) {
        if (!hides(entries[j], entries[i])) continue;
        Add(fmt::format("{}[{}]", path, i), fmt::format("never counts: {}[{}] fits first", path, j));
        break;
      }
    }
  }

  const Program& program_;
  std::vector<ProgramMistake>& warnings_;
};

}  // namespace

void FindCadenceWarnings(const Program& program, std::vector<ProgramMistake>& warnings) {
  CadenceWarnings(program, warnings).Run();
}

}  // namespace keyledger::domain

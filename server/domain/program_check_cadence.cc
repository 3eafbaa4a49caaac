// The calendar of a program, what is due how often, and by when. See program_check.h.
#include <chrono>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "server/domain/program_part_check.h"

namespace keyledger::domain {
namespace {

using google::protobuf::RepeatedField;
using google::protobuf::RepeatedPtrField;
using programs::v1::Cadence;
using programs::v1::CalendarDay;
using programs::v1::Deadlines;
using programs::v1::FollowUp;
using programs::v1::OccasionDuty;
using programs::v1::PeriodicDuty;
using programs::v1::Program;

constexpr int kClosedWeekdaysMax = 6;
constexpr int kDaysMax = 1'000;
constexpr int kDutiesMax = 100;
constexpr int kFollowUpsMax = 50;
constexpr int kOccasionsMax = 20;
constexpr int kOwnerRolesMax = 10;
constexpr int64_t kTimesMax = 100;
constexpr int64_t kLengthMax = 36;
constexpr int64_t kDueDaysMax = 366;
constexpr int64_t kDaysBeforeMax = 30;
constexpr int64_t kLapseDaysMax = 366;
constexpr int kIssueDeadlinesMax = 50;
constexpr int64_t kReviewMonthsMax = 36;
constexpr int64_t kDeadlineDaysMax = 3'660;
constexpr int64_t kDeadlineHoursMax = 8'784;

class CalendarCheck : private ProgramPartCheck {
 public:
  CalendarCheck(const programs::v1::Calendar& calendar, std::vector<ProgramMistake>& mistakes)
      : ProgramPartCheck(mistakes), calendar_(calendar) {}

  void Run() {
    CheckRange("calendar.closed_weekdays", calendar_.closed_weekdays_size(), 0, kClosedWeekdaysMax, "weekdays");
    CheckValues("calendar.closed_weekdays", calendar_.closed_weekdays(), programs::v1::Weekday_IsValid, "weekday");
    CheckRange("calendar.holidays", calendar_.holidays_size(), 0, kDaysMax, "holidays");
    std::set<Date> dates;
    for (int i = 0; i < calendar_.holidays_size(); ++i) {
      const programs::v1::Holiday& holiday = calendar_.holidays(i);
      const std::string at = fmt::format("calendar.holidays[{}]", i);
      if (holiday.has_date()) {
        CheckDay(at + ".date", holiday.date(), dates);
      } else {
        Add(at + ".date", "is required");
      }
      if (holiday.name().empty()) Add(at + ".name", "is required");
      CheckText(at + ".name", holiday.name(), 128);
    }
    CheckRange("calendar.open_days", calendar_.open_days_size(), 0, kDaysMax, "days");
    dates.clear();
    for (int i = 0; i < calendar_.open_days_size(); ++i) {
      CheckDay(fmt::format("calendar.open_days[{}]", i), calendar_.open_days(i), dates);
    }
  }

 private:
  using Date = std::tuple<uint32_t, uint32_t, uint32_t>;

  // `seen`: days before it.
  void CheckDay(const std::string& path, const CalendarDay& date, std::set<Date>& seen) {
    CheckRange(path + ".year", date.year(), 0, 9'999, "");
    CheckRange(path + ".month", date.month(), 1, 12, "");
    if (date.year() > 9'999 || date.month() < 1 || date.month() > 12) return;
    // A day of every year may be the 29th of February.
    const std::chrono::year year(date.year() == 0 ? 2000 : static_cast<int>(date.year()));
    if (date.day() > 31 || !(year / std::chrono::month(date.month()) / std::chrono::day(date.day())).ok()) {
      Add(path + ".day", "must be a day that the month has");
    } else if (!seen.emplace(date.year(), date.month(), date.day()).second) {
      Add(path, "is given twice");
    }
  }

  const programs::v1::Calendar& calendar_;
};

class CadenceCheck : private ProgramPartCheck {
 public:
  CadenceCheck(const Program& program, std::vector<ProgramMistake>& mistakes)
      : ProgramPartCheck(mistakes), program_(program), cadence_(program.cadence()) {}

  void Run() {
    CheckRange("cadence.duties", cadence_.duties_size(), 0, kDutiesMax, "duties");
    for (int i = 0; i < cadence_.duties_size(); ++i) {
      CheckDuty(fmt::format("cadence.duties[{}]", i), cadence_.duties(i));
    }
    CheckRange("cadence.follow_ups", cadence_.follow_ups_size(), 0, kFollowUpsMax, "follow-ups");
    for (int i = 0; i < cadence_.follow_ups_size(); ++i) {
      CheckFollowUp(fmt::format("cadence.follow_ups[{}]", i), cadence_.follow_ups(i));
    }
    CheckRange("cadence.occasions", cadence_.occasions_size(), 0, kOccasionsMax, "occasions");
    for (int i = 0; i < cadence_.occasions_size(); ++i) {
      CheckOccasion(fmt::format("cadence.occasions[{}]", i), cadence_.occasions(i));
    }
    if (cadence_.has_lapse_days()) CheckRange("cadence.lapse_days", cadence_.lapse_days(), 1, kLapseDaysMax, "days");
    if (!cadence_.time_zone_fact().empty()) CheckId("cadence.time_zone_fact", cadence_.time_zone_fact());
  }

 private:
  void CheckRule(const std::string& path, const std::string& rule_id, const RepeatedPtrField<std::string>& tier_ids) {
    CheckId(path + ".rule_id", rule_id);
    CheckDistinct(path + ".rule_id", rule_id, rule_ids_);
    CheckTierIds(path + ".tier_ids", tier_ids, program_);
  }

  void CheckRoles(const std::string& path, const RepeatedPtrField<std::string>& roles) {
    CheckRange(path, roles.size(), 0, kOwnerRolesMax, "roles");
    std::set<std::string> seen;
    for (int i = 0; i < roles.size(); ++i) {
      const std::string at = fmt::format("{}[{}]", path, i);
      CheckId(at, roles[i]);
      CheckDistinct(at, roles[i], seen);
    }
  }

  void CheckDuty(const std::string& path, const PeriodicDuty& duty) {
    CheckRule(path, duty.rule_id(), duty.tier_ids());
    CheckKinds(path + ".kinds", duty.kinds(), 1);
    CheckRange(path + ".times", duty.times(), 1, kTimesMax, "times");
    if (duty.unit() == programs::v1::CADENCE_UNIT_UNSPECIFIED || !programs::v1::CadenceUnit_IsValid(duty.unit())) {
      Add(path + ".unit", "must be day, week, month, quarter or year");
    }
    CheckRange(path + ".length", duty.length(), 0, kLengthMax, "units");
    CheckRoles(path + ".owner_roles", duty.owner_roles());
  }

  void CheckFollowUp(const std::string& path, const FollowUp& follow_up) {
    CheckRule(path, follow_up.rule_id(), follow_up.tier_ids());
    CheckKinds(path + ".after_kinds", follow_up.after_kinds(), 1);
    if (!events::v1::Interest_IsValid(follow_up.min_interest())) {
      Add(path + ".min_interest", "must be none, some or high");
    }
    CheckKinds(path + ".kinds", follow_up.kinds(), 0);
    if (follow_up.kinds().empty() && !follow_up.referral()) Add(path, "needs kinds or referral, which keep it");
    CheckRange(path + ".due_days", follow_up.due_days(), 0, kDueDaysMax, "days");
    if (follow_up.not_before_days() > follow_up.due_days()) {
      Add(path + ".not_before_days", fmt::format("must not be more than due_days, which is {}", follow_up.due_days()));
    }
    CheckRoles(path + ".owner_roles", follow_up.owner_roles());
    if (!programs::v1::ClosedDay_IsValid(follow_up.closed_day())) {
      Add(path + ".closed_day", "must be keep, next or previous");
    }
  }

  void CheckOccasion(const std::string& path, const OccasionDuty& occasion) {
    CheckRule(path, occasion.rule_id(), occasion.tier_ids());
    CheckKinds(path + ".kinds", occasion.kinds(), 1);
    if (!occasion.holidays() && !occasion.account_days() && !occasion.contact_days()) {
      Add(path, "needs holidays, account_days or contact_days");
    }
    CheckRange(path + ".days_before", occasion.days_before(), 0, kDaysBeforeMax, "days");
    CheckRoles(path + ".owner_roles", occasion.owner_roles());
  }

  const Program& program_;
  const Cadence& cadence_;
  // Of all duties, follow-ups and occasions before.
  std::set<std::string> rule_ids_;
};

class DeadlinesCheck : private ProgramPartCheck {
 public:
  DeadlinesCheck(const Program& program, std::vector<ProgramMistake>& mistakes)
      : ProgramPartCheck(mistakes), program_(program), deadlines_(program.deadlines()) {}

  void Run() {
    CheckRange("deadlines.issues", deadlines_.issues_size(), 0, kIssueDeadlinesMax, "deadlines");
    for (int i = 0; i < deadlines_.issues_size(); ++i) {
      const programs::v1::IssueDeadline& issue = deadlines_.issues(i);
      const std::string at = fmt::format("deadlines.issues[{}]", i);
      CheckValues(at + ".kinds", issue.kinds(), events::v1::IssueKind_IsValid, "kind of issue");
      CheckTierIds(at + ".tier_ids", issue.tier_ids(), program_);
      CheckRange(at + ".hours", issue.hours(), 1, kDeadlineHoursMax, "hours");
    }
    CheckRange("deadlines.plan_review_months", deadlines_.plan_review_months(), 0, kReviewMonthsMax, "months");
    CheckRange("deadlines.plan_stale_days", deadlines_.plan_stale_days(), 0, kDeadlineDaysMax, "days");
    CheckRange("deadlines.contract_notice_days", deadlines_.contract_notice_days(), 0, kDeadlineDaysMax, "days");
    CheckRange("deadlines.handover_hours", deadlines_.handover_hours(), 0, kDeadlineHoursMax, "hours");
    CheckRange("deadlines.approval_hours", deadlines_.approval_hours(), 0, kDeadlineHoursMax, "hours");
  }

 private:
  const Program& program_;
  const Deadlines& deadlines_;
};

}  // namespace

void CheckCadence(const Program& program, std::vector<ProgramMistake>& mistakes) {
  if (program.has_calendar()) CalendarCheck(program.calendar(), mistakes).Run();
  if (program.has_cadence()) CadenceCheck(program, mistakes).Run();
  if (program.has_deadlines()) DeadlinesCheck(program, mistakes).Run();
}

}  // namespace keyledger::domain

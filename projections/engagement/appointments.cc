// See appointments.h.
#include "projections/engagement/appointments.h"

#include <algorithm>
#include <utility>

#include "projections/engagement/derivation.h"
#include "projections/engagement/item_history.h"
#include "projections/engine/record_time.h"

namespace keyledger::projections::engagement {
namespace {

class Appointments {
 public:
  Appointments(const EngagementHistory& history, const DutyBasis& basis, Micros start, std::string_view person,
               AccountAppointments& out)
      : derivation_(history, basis), now_(basis.as_of), start_(start), person_(person), out_(out) {
    // The step that ends an item does not say how late we were; the interaction at the same place of the log does, or
    // is not there: it was taken back.
    for (const HistoryRow& row : history.interactions) {
      if (!row.event.has_interaction_made()) continue;
      made_[{row.account, row.times.position}] = row.event.interaction_made().late_minutes();
    }
  }

  void Take(const ItemRun& run) {
    const events::v1::InteractionPlanned& planned = run.opening().event.interaction_planned();
    Micros since = run.steps.front().since;
    Micros time = MicrosOf(planned.start_time());
    for (const ItemStepTaken& step : run.steps) {
      if (step.row->event.has_interaction_planned()) continue;
      if (!WasTakenBack(run, step)) Add(planned, time, OutcomeOf(run, step));
      if (step.after.state == 0) return;
      since = step.since;
      time = MicrosOf(step.row->event.interaction_missed().new_start_time());
    }
    if (derivation_.FellAway(since, time, run.item->account)) return;
    AppointmentCount count;
    count.open = 1;
    Add(planned, time, count);
  }

 private:
  bool WasTakenBack(const ItemRun& run, const ItemStepTaken& step) const {
    return step.row->event.has_interaction_made() && !made_.contains({run.item->account, step.row->times.position});
  }

  AppointmentCount OutcomeOf(const ItemRun& run, const ItemStepTaken& step) const {
    AppointmentCount count;
    if (step.row->event.has_interaction_made()) {
      count.made = 1;
      if (const uint32_t minutes = made_.at({run.item->account, step.row->times.position}); minutes > 0) {
        count.made_late = 1;
        count.late_minutes = minutes;
      }
      return count;
    }
    switch (step.row->event.interaction_missed().cause()) {
      case events::v1::MISSED_CAUSE_OURS:
        count.missed_by_us = 1;
        break;
      case events::v1::MISSED_CAUSE_ACCOUNT:
        count.missed_by_account = 1;
        break;
      case events::v1::MISSED_CAUSE_POSTPONED:
        count.put_off = 1;
        break;
      default:
        count.cancelled = 1;
        break;
    }
    return count;
  }

  void Add(const events::v1::InteractionPlanned& planned, Micros time, AppointmentCount count) {
    if (time < start_ || time >= now_) return;
    const auto& people = planned.people();
    if (!person_.empty() && std::find(people.begin(), people.end(), person_) == people.end()) return;
    count.appointments = 1;
    out_.total.Add(count);
    for (const std::string& person : people) {
      if (person_.empty() || person == person_) out_.people[person].Add(count);
    }
  }

  const Derivation derivation_;
  const Micros now_;
  const Micros start_;
  const std::string_view person_;
  // By account and position.
  std::map<std::pair<uint32_t, uint64_t>, uint32_t> made_;
  AccountAppointments& out_;
};

}  // namespace

void AppointmentCount::Add(const AppointmentCount& other) {
  appointments += other.appointments;
  made += other.made;
  made_late += other.made_late;
  late_minutes += other.late_minutes;
  missed_by_us += other.missed_by_us;
  missed_by_account += other.missed_by_account;
  cancelled += other.cancelled;
  put_off += other.put_off;
  open += other.open;
}

std::optional<double> AppointmentCount::mean_late_minutes() const {
  if (made_late == 0) return std::nullopt;
  return static_cast<double>(late_minutes) / static_cast<double>(made_late);
}

AccountAppointments DeriveAppointments(const EngagementHistory& history, const DutyBasis& basis, Micros start,
                                       std::string_view person) {
  AccountAppointments appointments;
  Appointments tally(history, basis, start, person, appointments);
  for (const HistoryItem& item : history.items) {
    if (item.kind != RowsOf(domain::ItemKind::kInteraction)) continue;
    for (const ItemRun& run : RunsOf(item)) tally.Take(run);
  }
  return appointments;
}

}  // namespace keyledger::projections::engagement

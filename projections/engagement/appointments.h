// Appointments: what became of planned interactions when their time came. Read item_history.h first.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "projections/engagement/duties.h"

namespace keyledger::projections::engagement {

// Each time that was set counts once, by what became of it; fields as in ledger.v1.AppointmentCount.
struct AppointmentCount {
  int64_t appointments = 0;
  int64_t made = 0;
  int64_t made_late = 0;
  // Of those made late, all together.
  int64_t late_minutes = 0;
  int64_t missed_by_us = 0;
  int64_t missed_by_account = 0;
  int64_t cancelled = 0;
  int64_t put_off = 0;
  int64_t open = 0;

  void Add(const AppointmentCount& other);
  // Nothing without any made late.
  std::optional<double> mean_late_minutes() const;
  bool operator==(const AppointmentCount&) const = default;
};

struct AccountAppointments {
  AppointmentCount total;
  // Who of ours was to be there; each of several in full.
  std::map<std::string, AppointmentCount, std::less<>> people;
};

// Counts the appointments of the account that were set for `start` or later and for before as_of. `person`: only those
// where that person was to be; empty: all.
// Requires: `history` was loaded with its items, and with the interactions from `start` on.
AccountAppointments DeriveAppointments(const EngagementHistory& history, const DutyBasis& basis, Micros start,
                                       std::string_view person = {});

}  // namespace keyledger::projections::engagement

// Calendar days of a program: which days nobody works on, and on which day a date falls. Days are numbers of local days
// since 1970-01-01, as Zone::DayIndex gives them.
#pragma once

#include <cstdint>

#include "keyledger/programs/v1/cadence.pb.h"
#include "keyledger/programs/v1/calendar.pb.h"

namespace keyledger::projections::engagement {

// Whether people work on the day. Open days take back closed days of the week, not holidays.
bool IsWorkingDay(const programs::v1::Calendar& calendar, int64_t day);

// A due day, moved if nobody works on it: not before `earliest`, and not at all if no working day is found within a
// year.
int64_t MoveDay(const programs::v1::Calendar& calendar, int64_t day, programs::v1::ClosedDay how, int64_t earliest);

// The day of a year on which a day of every year falls: 29 February is the 28th in one that lacks it.
int64_t DayInYear(int64_t year, uint32_t month, uint32_t day_of_month);
int64_t YearOf(int64_t day);

}  // namespace keyledger::projections::engagement

#include "server/service/query_request.h"

#include <optional>

#include "keyledger/ledger/v1/retention_service.pb.h"
#include "server/base/error.h"

namespace keyledger::service {

absl::StatusOr<CalendarUnit> UnitOf(ledger::v1::Period period, std::string_view field) {
  switch (period) {
    case ledger::v1::PERIOD_UNSPECIFIED:
    case ledger::v1::PERIOD_MONTH:
      return CalendarUnit::kMonth;
    case ledger::v1::PERIOD_QUARTER:
      return CalendarUnit::kQuarter;
    case ledger::v1::PERIOD_YEAR:
      return CalendarUnit::kYear;
    case ledger::v1::PERIOD_WEEK:
      return CalendarUnit::kWeek;
    case ledger::v1::PERIOD_DAY:
      return CalendarUnit::kDay;
    default:
      return FieldError(field, "is not a value of Period");
  }
}

absl::StatusOr<Zone> ZoneOf(const std::string& time_zone, std::string_view field) {
  if (time_zone.empty()) return Zone();
  const std::optional<Zone> zone = Zone::Load(time_zone);
  if (!zone.has_value()) return FieldError(field, "is not an IANA time zone, for example Europe/Berlin");
  return *zone;
}

}  // namespace keyledger::service

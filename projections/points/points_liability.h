// What a ledger owes in points: a query of the projection "points" over all accounts.
//
// Lots are counted by the period in which they were earned (their cohort) and by age. From what has become of them per
// period of age follows the realised redemption curve, and from it how much of what is outstanding will never be
// claimed: the breakage, from data and not a constant.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "server/base/calendar.h"
#include "server/base/clock.h"
#include "server/store/table.h"

namespace keyledger::projections {

struct LiabilityScope {
  // Just before this moment, as known just before that one.
  Micros as_of = 0;
  Micros known_at = std::numeric_limits<int64_t>::max();
  // Only lots that rules of this program gave. Empty: all, those of adjustments included.
  std::string program_id;
  // Length of a cohort and of a step of age, and the zone they are counted in.
  CalendarUnit unit = CalendarUnit::kMonth;
  Zone zone;
};

// Periods from the first cohort to the present that an answer may span; wider data is refused.
inline constexpr int64_t kLiabilityPeriodsMax = 600;

// issued = redeemed + adjusted + expired + reversed + available + pending + transferred. Over all accounts a transfer
// changes nothing: a lot that came from another account goes on being part of the one it came from. So does what a
// return gives back of what a merged account had spent: it was never redeemed.
struct LotTotals {
  int64_t lots = 0;
  int64_t issued = 0;
  int64_t redeemed = 0;
  // Taken by adjustments.
  int64_t adjusted = 0;
  int64_t expired = 0;
  int64_t reversed = 0;
  int64_t available = 0;
  int64_t pending = 0;
  // With a program in the scope: arrived at other accounts, where they are no program's. What came back there after a
  // merge stays redeemed then.
  int64_t transferred = 0;

  int64_t outstanding() const { return available + pending; }
  bool operator==(const LotTotals&) const = default;
};

// Shares of the points of one age that will be redeemed, will expire, and that survive beyond the highest age of which
// a whole period has been seen. They sum to 1.
struct PointsOutlook {
  double redeemed = 0;
  double expired = 0;
  double unresolved = 1;
};

struct LiabilityCohort {
  // Number of the period; see Zone::PeriodIndex and FormatPeriod.
  int64_t period = 0;
  LotTotals totals;
  // Points redeemed up to the end of age k, k from 0 to the cohort's present age. What came back was never redeemed.
  std::vector<int64_t> redeemed_by_age;
  // Of what is outstanding.
  PointsOutlook outlook;
};

// Lots of an age in days, outstanding only.
struct LiabilityAge {
  // [from_days, to_days); nothing: without end.
  int64_t from_days = 0;
  std::optional<int64_t> to_days;
  int64_t lots = 0;
  int64_t available = 0;
  int64_t pending = 0;
};

struct Liability {
  LotTotals totals;
  // By period.
  std::vector<LiabilityCohort> cohorts;
  // Always all of them: up to 30, 90, 180, 365, 730 days, and beyond.
  std::vector<LiabilityAge> ages;
  // Outlook of a point at the beginning of age k; of a point just given: [0]. Empty: no period has been seen whole.
  std::vector<PointsOutlook> outlook_by_age;
  // Points redeemed so far and expected to be, all cohorts. What is unresolved counts as redeemed: breakage is claimed
  // only as far as expiries have shown it.
  double expected_redeemed = 0;
};

// Counts the lots of all shards. The outlook: of the points that stood at the beginning of a period of age, over all
// cohorts that have lived through the whole of it, the shares redeemed and expired in it; what was reversed or adjusted
// away in it counts as never given, what a return gave back as never redeemed. Chained from age to age they say what
// becomes of a point. The present period, seen in part, is not evidence, and what is outstanding now is at the
// beginning of its present age.
// Errors: INVALID_ARGUMENT (kInvalidField "cohort_period") if it spans more than kLiabilityPeriodsMax periods;
// FAILED_PRECONDITION (kArithmeticRange) if a sum leaves 64 bits; DATA_LOSS (kStoreDamaged).
// Cost: one pass over all movements, and for each account that got points back from purchases of a merged one another
// over the movements of that; memory for these accounts and the answer.
absl::StatusOr<Liability> GetPointsLiability(const std::vector<const store::TableReader*>& shards,
                                             const LiabilityScope& scope);

}  // namespace keyledger::projections

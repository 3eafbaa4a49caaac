// Membership: what is bought by members of a club and by others, and how purchases change with joining.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <absl/status/statusor.h>

#include "projections/portfolio/portfolio_measure.h"

namespace keyledger::projections::portfolio {

// Days of 24 hours before and from joining that are compared.
inline constexpr int64_t kComparedDays = 365;

struct MembershipQuery {
  Micros start = kFromTheBeginning;
  // Empty: any.
  std::string club_id;
};

struct MembershipSideRow {
  // Accounts with a purchase in the stretch while on this side; an account may be on both, one after the other.
  int64_t accounts = 0;
  int64_t purchases = 0;
  int64_t revenue_micros = 0;
  // Of both sides. Zero where that is 0 or less.
  double revenue_share = 0;
  // revenue / purchases. Nothing without one.
  std::optional<double> average_micros;
};

struct MembershipAnswer {
  // Members just before scope.as_of.
  int64_t members = 0;
  MembershipSideRow member;
  MembershipSideRow other;
  // Accounts that joined in the stretch, not having been members before, and bought both in the days before and in the
  // days from it; revenue by purchases, of all of them together. Nothing without one.
  int64_t compared = 0;
  std::optional<double> average_before_micros;
  std::optional<double> average_after_micros;
  // Accounts that ever joined.
  int64_t ever_members = 0;
  std::string currency_code;
};

// An account is a member from the moment it joins until the moment it leaves; of any club: of at least one. Memory: one
// account.
// Errors: as HistoryScan::Run; FAILED_PRECONDITION (kArithmeticRange).
absl::StatusOr<MembershipAnswer> GetMembership(const Shards& shards, const RetentionScope& scope,
                                               const MembershipQuery& query);

}  // namespace keyledger::projections::portfolio

// Classes of accounts: core, next and promising ones (by rank, and by what is expected of them), or A, B and C (by how
// much the fewest hold).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/portfolio/portfolio_measure.h"

namespace keyledger::projections::portfolio {

enum class ClassScheme { kCoreNextPromising, kAbc };

// Ids of the classes of a scheme, from the highest.
std::span<const std::string_view> ClassIds(ClassScheme scheme);

struct ClassesQuery {
  Micros start = kFromTheBeginning;
  ClassScheme scheme = ClassScheme::kCoreNextPromising;
  PortfolioMeasure measure = PortfolioMeasure::kRevenue;
  // The two upper ends in thousandths, 1 to 1,000, rising: of the accounts, or of the measure.
  int64_t first_milli = 50;
  int64_t second_milli = 250;
  // List the members of this class, one of ClassIds; empty: none.
  std::string class_id;
  // At least 1.
  size_t page_size = 100;
  // ClassesAnswer::next of the page before; empty: the first page.
  std::string after;
};

struct ClassRow {
  std::string class_id;
  int64_t accounts = 0;
  int64_t total_micros = 0;
  // Zero where the total is 0 or less, and where share_note says why.
  double share = 0;
};

struct ClassMemberRow {
  std::string account_id;
  int64_t micros = 0;
  // By the measure, from 1.
  int64_t rank = 0;
  // Of "promising" with a forecast.
  std::optional<double> expected_micros;
};

struct ClassesAnswer {
  std::vector<ClassRow> classes;
  // By rank; of "promising" by what is expected, or by the revenue that stands in for it.
  std::vector<ClassMemberRow> members;
  // Where the next page begins; empty on the last.
  std::string next;
  std::string currency_code;
  // What "promising" rests on; empty for ABC.
  std::string basis;
  // Why there are no shares; empty where there are.
  std::string share_note;
  // Of profit: purchases in the stretch whose cost is not recorded.
  int64_t purchases_without_cost = 0;
};

// Sorted are the accounts with a purchase in the stretch; for ABC those with another trade or cost in it as well. The
// stretch ends at scope.as_of; the forecast rests on everything before that. A page begins after the last account of
// the page before, by its order, even if others moved meanwhile. What is expected of an account moves with every
// record: pages of kCoreNextPromising hold together only if scope.known_places are the same for all.
// Memory: 17 bytes an account for ABC; for the other scheme 48, and what OutlookFitter takes.
// Errors: as HistoryScan::Run; FAILED_PRECONDITION (kArithmeticRange); INVALID_ARGUMENT (kInvalidToken) if `after` is
// none.
absl::StatusOr<ClassesAnswer> GetClasses(const Shards& shards, const RetentionScope& scope, const ClassesQuery& query);

}  // namespace keyledger::projections::portfolio

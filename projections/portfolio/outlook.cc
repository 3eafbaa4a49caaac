#include "projections/portfolio/outlook.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "projections/retention/forecast_queries.h"
#include "server/base/error.h"

namespace keyledger::projections::portfolio {
namespace {

constexpr double kDaysPerWeek = 7;

absl::StatusOr<Outlook> NotPossible(std::string_view why) { return Outlook{false, std::string(why), {}}; }

absl::StatusOr<Outlook> NotPossible(const absl::Status& why) {
  if (absl::IsCancelled(why)) return why;
  return NotPossible(MessageOf(why));
}

}  // namespace

absl::StatusOr<Outlook> OutlookFitter::Finish(Micros data_end) {
  const Buyers buyers = collector_.Finish(data_end);
  const absl::StatusOr<ForecastModels> models = FitModels(buyers, scope_.canceled);
  if (!models.ok()) return NotPossible(models.status());
  if (!models->values.has_value()) return NotPossible(models->value_note);
  const auto expectations = Expect(models->purchases.parameters, buyers.histories, kOutlookDays / kDaysPerWeek,
                                   /*yearly_discount=*/0, scope_.canceled);
  if (!expectations.ok()) return NotPossible(expectations.status());
  Outlook out;
  out.expected_micros.reserve(buyers.accounts.size());
  for (const Buyer& buyer : buyers.accounts) {
    const absl::StatusOr<double> spend = ExpectedSpendMicros(models->values->parameters, buyer);
    if (!spend.ok()) return NotPossible(spend.status());
    out.expected_micros.push_back(std::max(0.0, ExpectationOf(buyer, *expectations).purchases * *spend));
  }
  out.possible = true;
  out.basis = fmt::format(
      "expected revenue of the {} days from the day after {}, by BG/NBD fitted to {} accounts and Gamma-Gamma to {} of "
      "them",
      kOutlookDays, FormatPeriod(buyers.end_day, CalendarUnit::kDay), models->purchases.customers,
      models->values->customers);
  return out;
}

}  // namespace keyledger::projections::portfolio

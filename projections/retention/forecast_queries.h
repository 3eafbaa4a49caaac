// Queries of the projection "retention" that look ahead: what is to be expected of each account and of all together,
// by BG/NBD and Gamma-Gamma, and how good an earlier forecast was.
//
// The models are fitted to the buyers in scope (buyers.h), closed accounts among them: they are part of what is learnt,
// but nothing is expected of them, and they are not listed or ranked. The Gamma-Gamma mean of an account is the revenue
// of its days after the first, on the scope's basis, per repeat day; accounts whose mean is not above zero are not
// fitted and count as having spent next to nothing. Floating point, at the edge of a query: nothing here is an input to
// a decision.
//
// Cost: two walks over the trades in scope for all accounts, one more for the rows of a page; the fit takes some
// hundred passes over the different histories, a discount up to twenty more. All of it ends when the scope says so.
// Memory: 56 bytes an account, 32 more for each that bought again while values are fitted; and for each different
// history 56, and up to 92 more while models are fitted and summed. Where no two histories are alike that is 188 bytes
// an account, and what lists keep free to grow.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/forecast/bg_nbd.h"
#include "projections/forecast/calibration.h"
#include "projections/forecast/gamma_gamma.h"
#include "projections/retention/buyers.h"
#include "projections/retention/history.h"

namespace keyledger::projections {

inline constexpr int64_t kHorizonDaysMax = 3'660;
// Repeat days that an account's score is counted under; the last one stands for all above.
inline constexpr int64_t kScoreGroups = 8;
// Parts of the same size that accounts are cut into by what was expected of them.
inline constexpr int64_t kCalibrationParts = 10;

struct ForecastTerms {
  // Days ahead, 1 to kHorizonDaysMax.
  int64_t horizon_days = 365;
  // Share of revenue, and yearly discount, of values.
  double margin = 1;
  double discount = 0;
  // Of the interval of the population.
  double confidence = 0.95;
};

struct ForecastModels {
  forecast::BgNbdFit purchases;
  // Accounts with a repeat day; a mean of theirs above zero is what Gamma-Gamma is fitted to.
  std::optional<forecast::GammaGammaFit> values;
  // Why there is no model of values; empty if there is one.
  std::string value_note;
};

// Fits the models.
// Errors: FAILED_PRECONDITION (kForecastNotPossible), with the reason in words: too few accounts, too few that bought
// again, or no fit to be relied on. CANCELLED.
absl::StatusOr<ForecastModels> FitModels(const Buyers& buyers, const forecast::Canceled& canceled = {});

// What is to be expected of an account with some history within a horizon.
struct Expectation {
  double p_alive = 0;
  // Days with a purchase.
  double purchases = 0;
  // The same, those of each week discounted by its end.
  double discounted = 0;
};

// What is to be expected of the buyer, `expectations` being those of the histories: nothing of one that is closed.
inline Expectation ExpectationOf(const Buyer& buyer, const std::vector<Expectation>& expectations) {
  return buyer.closed ? Expectation() : expectations[buyer.history];
}

// One per history, in their order. Errors: FAILED_PRECONDITION (kForecastNotPossible), CANCELLED.
absl::StatusOr<std::vector<Expectation>> Expect(const forecast::BgNbdParameters& parameters,
                                                const std::vector<forecast::Summary>& histories, double weeks,
                                                double yearly_discount, const forecast::Canceled& canceled = {});

// Expected revenue of a day with a purchase, in micros. Errors: FAILED_PRECONDITION (kForecastNotPossible) if none
// exists.
absl::StatusOr<double> ExpectedSpendMicros(const forecast::GammaGammaParameters& parameters, const Buyer& buyer);

// All accounts together.
struct PopulationOutlook {
  int64_t accounts = 0;
  // Of them.
  int64_t closed_accounts = 0;
  double alive_accounts = 0;
  double expected_purchases = 0;
  double lower_purchases = 0;
  double upper_purchases = 0;
  // Absent without a model of values.
  std::optional<double> expected_revenue_micros;
  std::optional<double> expected_value_micros;
};

struct AccountOutlook {
  std::string account_id;
  int64_t repeat_days = 0;
  int64_t recency_days = 0;
  // From the first day with a purchase to the last day in scope.
  int64_t age_days = 0;
  double p_alive = 0;
  double expected_purchases = 0;
  // Absent without a model of values; so are the next three.
  std::optional<double> expected_spend_micros;
  std::optional<double> expected_revenue_micros;
  std::optional<double> expected_value_micros;
  std::optional<int64_t> next_rank;
  int64_t rank = 0;
  std::string region;
  // The latest tier on each ladder, as (ladder_id, tier_id).
  std::vector<std::pair<std::string, std::string>> tiers;
};

// Which accounts are listed.
struct ForecastPage {
  // Only this one; empty: by rank. One that never bought or is closed is refused (kForecastNotPossible).
  std::string account_id;
  uint64_t first = 0;
  size_t size = 0;
};

struct ForecastTable {
  Micros as_of = 0;
  Micros horizon_end = 0;
  std::string currency_code;
  ForecastModels models;
  PopulationOutlook population;
  // By expected revenue, without a model of values by expected purchases, the most first; ties by account_id.
  std::vector<AccountOutlook> accounts;
  // Whether there are accounts after the page.
  bool more = false;
};

// Forecasts. A scope without as_of is read as of the day after its last purchase, in every respect.
// Errors: FAILED_PRECONDITION (kForecastNotPossible, kArithmeticRange), those of HistoryScan.
absl::StatusOr<ForecastTable> GetForecastTable(const std::vector<const store::TableReader*>& shards,
                                               const RetentionScope& scope, const ForecastTerms& terms,
                                               const ForecastPage& page);

// A forecast made earlier.
struct PastForecast {
  // What it knew: as_of and known_places are set.
  RetentionScope scope;
  forecast::BgNbdParameters purchases;
  std::optional<forecast::GammaGammaParameters> values;
  int64_t accounts = 0;
  double lower_purchases = 0;
  double upper_purchases = 0;
  Micros horizon_end = 0;
};

struct ForecastScore {
  Micros scored_until = 0;
  double expected_purchases = 0;
  int64_t actual_purchases = 0;
  // Absent where only a part of the horizon is over.
  std::optional<bool> within_interval;
  forecast::Score all;
  // kScoreGroups of them.
  std::vector<forecast::Score> groups;
  // By what was expected, the least first: kCalibrationParts, or as many as there are accounts.
  std::vector<forecast::Score> calibration;
  std::optional<double> expected_revenue_micros;
  int64_t actual_revenue_micros = 0;
};

// Holds a forecast against what came from its as_of to `until` (absent: the end of the horizon, or the day after the
// latest purchase on record if that is earlier), by all that is on record now. The expectation is computed again from
// what the forecast knew, and is that of the part of the horizon up to `until`.
// Errors: FAILED_PRECONDITION (kForecastNotPossible) if nothing of the horizon is over, (kArithmeticRange), DATA_LOSS
// (kStoreDamaged) if the records before its places are not those that it speaks of, CANCELLED if the forecast's scope
// says so.
absl::StatusOr<ForecastScore> ScoreForecast(const std::vector<const store::TableReader*>& shards,
                                            const PastForecast& forecast, std::optional<Micros> until);

}  // namespace keyledger::projections

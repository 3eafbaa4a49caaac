// Accounts in danger of being lost, by the value at stake, and why: from the models of forecast_queries.h and from all
// else that the rows of "retention" hold of an account.
//
// A finding says what it rests on, and how strong it is (0 to 1), by which the findings of an account are ordered: what
// share is missing, how far a score is from the best, how near an end is. Closed accounts are lost, not in danger;
// those that are probably lost are counted and not listed.
//
// Cost: four walks over the accounts in scope. Memory: as forecast_queries.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/retention/forecast_queries.h"
#include "projections/retention/history.h"

namespace keyledger::projections {

// In days; stated in the API.
inline constexpr int kSurveyDays = 365;
inline constexpr int kHalfYearDays = 182;
inline constexpr int kOwnerDays = 90;
inline constexpr int kContractDays = 90;
// Silence of so many times the mean interval between days with a purchase is long.
inline constexpr int kLongSilence = 3;
// Accounts less likely to be alive are as good as lost: what they would bring if they stayed says nothing.
inline constexpr double kProbablyLostBelow = 0.1;
// Repeat days that make a rhythm.
inline constexpr int64_t kRhythmDays = 2;

// Values equal those of RiskReason in the API.
enum class Risk {
  kFallingRecency = 1,
  kFallingRevenue = 2,
  kSatisfaction = 3,
  kCompetitorMove = 4,
  kOwnerLeft = 5,
  kContractEnding = 6,
  kReturns = 7,
};

struct RiskFinding {
  Risk risk = Risk::kFallingRecency;
  double strength = 0;
  // In words, with figures.
  std::string detail;
  // When it came about; nothing where it is a state.
  std::optional<Micros> since;
};

struct RiskTerms {
  ForecastTerms forecast;
  // Accounts less likely to be alive have a reason.
  double alive_below = 0.5;
};

// What the account gives reason to fear, the strongest first; of equal ones in the order of Risk. `buyer` and `p_alive`
// are the account's. Requires: scope.as_of is a moment.
std::vector<RiskFinding> FindRisks(const AccountHistory& history, const Buyer& buyer, double p_alive,
                                   const RetentionScope& scope, const RiskTerms& terms);

struct AccountAtRisk {
  std::string account_id;
  std::string owner;
  double p_alive = 0;
  double value_if_kept_micros = 0;
  double value_at_stake_micros = 0;
  std::vector<RiskFinding> findings;
  Micros last_purchase = 0;
};

struct AtRiskTable {
  Micros as_of = 0;
  std::string currency_code;
  int64_t total = 0;
  // Not closed, and less likely to be alive than kProbablyLostBelow: in no other figure.
  int64_t probably_lost = 0;
  double value_at_stake_micros = 0;
  // The highest value at stake first; ties by account_id.
  std::vector<AccountAtRisk> accounts;
  bool more = false;
};

// Lists accounts from number `first` on, `size` at most. A scope without as_of is read as GetForecastTable reads it.
// Errors: those of GetForecastTable; FAILED_PRECONDITION (kForecastNotPossible) without a model of values.
absl::StatusOr<AtRiskTable> ListAtRisk(const std::vector<const store::TableReader*>& shards,
                                       const RetentionScope& scope, const RiskTerms& terms, uint64_t first,
                                       size_t size);

}  // namespace keyledger::projections

// How contracts are renewed: counted from the rows of "retention", and by the shifted-beta-geometric model.
//
// Renewals of a contract are due every so many months from the start of its term. It is lost when it ended other than
// by being replaced, or when its term was over and nobody renewed it; the renewal that did not happen is the first one
// due at that moment or later. A contract that runs at as_of, or was replaced, has been renewed as often as a renewal
// was due before that, and says nothing beyond. So has one whose missed renewal is not due before as_of: the contracts
// that would be renewed beside it are not known yet.
//
// Cost: one walk over the accounts in scope. Memory: two counts an age.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/forecast/sbg.h"
#include "projections/retention/history.h"

namespace keyledger::projections {

struct ContractTerms {
  // Empty: every kind.
  std::string kind;
  // Months to a renewal, 1 to 120.
  int renewal_months = 12;
  // Renewals in the answer, from 1.
  int horizon = 12;
  // Per renewal period.
  double discount = 0;
};

struct RenewalRow {
  int renewal = 0;
  // Contracts that came to it, and of them those lost at it.
  int64_t at_risk = 0;
  int64_t lost = 0;
  // By the model.
  double survival = 0;
  double retention = 0;
};

struct ContractTable {
  // All, and of them those of which no renewal is known yet.
  int64_t contracts = 0;
  int64_t young = 0;
  // Why there is no model: `fit`, and what is by the model, mean nothing then. Empty where there is one.
  std::string model_note;
  forecast::SbgFit fit;
  // Without a model, those that a contract came to.
  std::vector<RenewalRow> renewals;
  // Nothing where the sum does not end, and without a model.
  std::optional<double> expected_renewals;
};

// Requires: scope.as_of is a moment: what runs does so up to then.
// Contracts that carry no fit are counted without one. Errors: those of HistoryScan.
absl::StatusOr<ContractTable> GetContractTable(const std::vector<const store::TableReader*>& shards,
                                               const RetentionScope& scope, const ContractTerms& terms);

}  // namespace keyledger::projections

// Payment terms: how many accounts pay on the terms that their program calls standard, and the exceptions that hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/pipeline.pb.h"
#include "projections/pipeline/pipeline_page.h"
#include "projections/pipeline/pipeline_scan.h"

namespace keyledger::projections::pipeline {

struct ExceptionRow {
  std::string account_id;
  events::v1::PaymentExceptionGranted granted;
  Micros since = 0;
};

struct PaymentTermsAnswer {
  // Whose latest order with terms, or without any the latest running contract with terms, says how they pay.
  int64_t accounts = 0;
  // Of them: as the program that governs the account at as_of calls standard, and without an exception that holds.
  int64_t standard = 0;
  std::optional<double> standard_share;
  // Of them: whose program does not say what is standard, or that have no program.
  int64_t undefined = 0;
  // The newest first.
  std::vector<ExceptionRow> exceptions;
  std::string next;
};

// An exception holds until its end; without one, while the order or quote that it names is open, or, naming none, until
// a later order on standard terms. Requires: as_of is a moment. Errors: those of WalkItems; INVALID_ARGUMENT
// (kInvalidToken).
absl::StatusOr<PaymentTermsAnswer> GetPaymentTerms(const Shards& shards, const PipelineScope& scope,
                                                   const PageAsk& page);

}  // namespace keyledger::projections::pipeline

// Contracts: their terms, by when each is to be renewed or ended, and what happened to it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/money.pb.h"
#include "keyledger/events/v1/relation.pb.h"
#include "projections/pipeline/pipeline_page.h"
#include "projections/pipeline/pipeline_scan.h"

namespace keyledger::projections::pipeline {

struct ContractRow {
  std::string account_id;
  std::string contract_id;
  std::string kind;
  // The latest term.
  Micros start = 0;
  Micros end = 0;
  // The end less the local days of notice: the contract's own, or those of the program that governs the account at
  // as_of.
  Micros notice = 0;
  bool running = false;
  // A breach is not settled.
  bool breached = false;
  // Its term is over, and nobody renewed or ended it.
  bool lapsed = false;
  int32_t renewals = 0;
  int32_t amendments = 0;
  int32_t breaches = 0;
  // Of the latest term.
  std::optional<events::v1::Money> value;
  std::optional<events::v1::Money> early_end_penalty;
  events::v1::ContractEnding ending = events::v1::CONTRACT_ENDING_UNSPECIFIED;
  bool exclusive = false;
};

struct ContractQuery {
  // Empty: all accounts and kinds.
  std::string account_id;
  std::string kind;
  ItemState state = ItemState::kOpen;
  // Of the end of the term: from (inclusive), until (exclusive).
  std::optional<Micros> end_from;
  std::optional<Micros> end_until;
  PageAsk page;
};

struct ContractList {
  // By end of the term.
  std::vector<ContractRow> rows;
  std::string next;
  int64_t count = 0;
  MoneySums sums;
};

// Requires: as_of is a moment. Errors: those of WalkItems; INVALID_ARGUMENT (kInvalidToken), FAILED_PRECONDITION
// (kArithmeticRange).
absl::StatusOr<ContractList> ListContracts(const Shards& shards, const PipelineScope& scope,
                                           const ContractQuery& query);

}  // namespace keyledger::projections::pipeline

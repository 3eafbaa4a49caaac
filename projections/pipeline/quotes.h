// Quotes: from proposal to production, with who took which step; and approvals that wait for somebody.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/money.pb.h"
#include "projections/pipeline/pipeline_page.h"
#include "projections/pipeline/pipeline_scan.h"

namespace keyledger::projections::pipeline {

// The numbers are those of the API.
enum class QuoteState : uint8_t {
  kInApproval = 1,
  kApproved = 2,
  kRefused = 3,
  kEntered = 4,
  kCleared = 5,
  kIssued = 6,
  kConfirmed = 7,
  kPaymentMet = 8,
  kConditionsMet = 9,
  kInProduction = 10,
  kWithdrawn = 11,
  kDeclined = 12,
  kExpired = 13,
};

struct QuoteStepRow {
  // After it.
  QuoteState state = QuoteState::kApproved;
  // "legal_cleared".
  std::string_view step;
  // Who took it; of a request for approval, who was asked. Empty: not stated.
  std::string person;
  std::string role;
  Micros since = 0;
  uint64_t revision = 0;
};

struct QuoteRow {
  std::string account_id;
  std::string quote_id;
  QuoteState state = QuoteState::kApproved;
  std::vector<std::string_view> possible_steps;
  // As proposed or revised last.
  std::string proposer;
  events::v1::Money amount;
  std::optional<events::v1::Money> saving;
  int64_t percent_milli = 0;
  std::vector<QuoteStepRow> steps;
  std::string opportunity_id;
  std::optional<Micros> binding_until;
  Micros open = 0;
  // Nothing: it is open.
  std::optional<Micros> end;
};

struct QuoteQuery {
  // Empty: all accounts and proposers.
  std::string account_id;
  std::string person;
  // Nothing: those of `state`.
  std::optional<QuoteState> quote_state;
  ItemState state = ItemState::kOpen;
  PageAsk page;
};

struct QuoteList {
  // The oldest first.
  std::vector<QuoteRow> rows;
  std::string next;
  int64_t count = 0;
  MoneySums sums;
};

// Requires of both: as_of is a moment. Errors: those of WalkItems; INVALID_ARGUMENT (kInvalidToken),
// FAILED_PRECONDITION (kArithmeticRange).
absl::StatusOr<QuoteList> ListQuotes(const Shards& shards, const PipelineScope& scope, const QuoteQuery& query);

struct ApprovalRow {
  std::string account_id;
  std::string quote_id;
  int64_t percent_milli = 0;
  events::v1::Money amount;
  std::string proposer;
  // Asked; empty: nobody yet.
  std::string role;
  // Empty: anybody in the role.
  std::string person;
  std::vector<std::string> approver_roles;
  // Asked, or proposed.
  Micros since = 0;
  // Of one that was asked, by the program that governed it then.
  std::optional<Micros> due;
};

struct ApprovalQuery {
  // Only what this role was asked for, or may approve where nobody was asked. Empty: any.
  std::string role;
  // Only what this person was asked for. Empty: anybody.
  std::string person;
  PageAsk page;
};

struct ApprovalList {
  // The longest waiting first. Several were asked for one quote: a row for each, from when it was asked first.
  std::vector<ApprovalRow> rows;
  std::string next;
  int64_t count = 0;
};

absl::StatusOr<ApprovalList> ListApprovals(const Shards& shards, const PipelineScope& scope,
                                           const ApprovalQuery& query);

}  // namespace keyledger::projections::pipeline

// Errors: absl::Status that carries a machine-readable reason, the offending fields and metadata.
//
// Every room makes its refusals with MakeError; server/service/rpc_status.cc is the one place that turns them into
// google.rpc.Status. The catalogue, with the code that goes with each reason, is
// proto/keyledger/ledger/v1/error_reason.proto; the values here equal it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace keyledger {

// Why a request was refused.
enum class Reason {
  kUnspecified = 0,
  kInvalidField = 1,
  kUnknownEvent = 2,
  kDecisionNotAccepted = 3,
  kOccurredInFuture = 4,
  kInvalidProgram = 5,
  kInvalidToken = 6,
  kAccountNotFound = 20,
  kRecordNotFound = 21,
  kProgramNotFound = 22,
  kProjectionNotFound = 23,
  kReviewNotFound = 24,
  kTransferNotFound = 25,
  kLegalHoldNotFound = 26,
  kSubjectNotFound = 27,
  kForecastNotFound = 28,
  kPortfolioTransferNotFound = 29,
  kAccountExists = 40,
  kInvoiceExists = 41,
  kRequestIdReused = 42,
  kReservationExists = 43,
  kTransferExists = 44,
  kLegalHoldExists = 45,
  kContractExists = 46,
  kItemExists = 47,
  kStaleRevision = 60,
  kInsufficientPoints = 80,
  kAccountClosed = 81,
  kAccountNotClosed = 82,
  kReturnExceedsPurchase = 83,
  kPurchaseOfOtherAccount = 84,
  kArithmeticRange = 85,
  kAccountLimit = 86,
  kProgramConflict = 87,
  kRebuildRunning = 88,
  kRedemptionWindowClosed = 89,
  kRedemptionLimit = 90,
  kReservationNotOpen = 91,
  kReservationLimit = 92,
  kTransferLimit = 93,
  kLimitExceeded = 94,
  kTierUnknown = 95,
  kTierNotLocked = 96,
  kReviewRunning = 97,
  kReviewNotPossible = 98,
  kSubjectErased = 99,
  kQueueFull = 100,
  kTooManyEvents = 101,
  kPayloadTooLarge = 102,
  kTooManyStreams = 103,
  kStopping = 120,
  kCommitOutcomeUnknown = 121,
  kShardReadOnly = 122,
  kDiskNearlyFull = 123,
  kProjectionBehind = 124,
  kStoreDamaged = 140,
  kLegalHold = 160,
  kNoMasterKey = 161,
  kContractNotOpen = 162,
  kForecastNotPossible = 163,
  kItemNotOpen = 164,
  kStepNotAllowed = 165,
  kOwnerNotAssigned = 166,
  kEntitlementSpent = 167,
  kAccountMerged = 168,
  kMergeNotPossible = 169,
  kNotRetractable = 170,
  kPortfolioTransferRunning = 171,
};

// Returns the status code that goes with `reason`.
absl::StatusCode CodeOf(Reason reason);

// Returns a non-OK status with the code of `reason`. `message` is for people: it says what is wrong and what to do.
absl::Status MakeError(Reason reason, const std::string& message);

// Returns INVALID_ARGUMENT (kInvalidField) about one field; `field` is its path in the request, for example
// "events[0].occurred_time".
absl::Status FieldError(std::string_view field, const std::string& description);

// Adds a field violation, a metadata entry or a retry delay to a non-OK status.
void AddField(absl::Status& status, std::string_view field, std::string_view description);
void AddMetadata(absl::Status& status, std::string_view key, std::string_view value);
void SetRetryDelayMs(absl::Status& status, int ms);

// What a status carries, for the one that puts it on the wire and for tests.
Reason ReasonOf(const absl::Status& status);
std::vector<std::pair<std::string, std::string>> FieldsOf(const absl::Status& status);
std::vector<std::pair<std::string, std::string>> MetadataOf(const absl::Status& status);
// Zero: none.
int RetryDelayMsOf(const absl::Status& status);
// status.message() as a standard string.
std::string MessageOf(const absl::Status& status);

}  // namespace keyledger

#define KL_CONCAT_INNER(a, b) a##b
#define KL_CONCAT(a, b) KL_CONCAT_INNER(a, b)

// Returns from the enclosing function if `expr` is a non-OK status.
#define KL_RETURN_IF_ERROR(expr)                    \
  do {                                              \
    if (auto kl_status = (expr); !kl_status.ok()) { \
      return kl_status;                             \
    }                                               \
  } while (false)

// Assigns the value of a StatusOr to `lhs` (which may declare a variable), or returns its status.
#define KL_ASSIGN_OR_RETURN(lhs, expr) KL_ASSIGN_OR_RETURN_IMPL(KL_CONCAT(kl_or_, __LINE__), lhs, expr)
#define KL_ASSIGN_OR_RETURN_IMPL(var, lhs, expr) \
  auto var = (expr);                             \
  if (!var.ok()) {                               \
    return var.status();                         \
  }                                              \
  lhs = std::move(var).value()

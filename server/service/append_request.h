// From AppendRequest to AppendCommand and back from AppendAnswer: shape checks and translation, nothing else.
#pragma once

#include <absl/status/statusor.h>

#include "keyledger/ledger/v1/ledger_service.pb.h"
#include "server/shard/append_command.h"

namespace keyledger::service {

// Takes the request apart. Every violated field is reported at once.
// Errors: INVALID_ARGUMENT (kInvalidField, kUnknownEvent, kDecisionNotAccepted), RESOURCE_EXHAUSTED (kTooManyEvents,
// kPayloadTooLarge).
absl::StatusOr<shard::AppendCommand> ToCommand(ledger::v1::AppendRequest request);

// Fills the response. `cursor` stands for the place after the request's last record.
void FillResponse(shard::AppendAnswer answer, bool full, std::string cursor, ledger::v1::AppendResponse& response);

}  // namespace keyledger::service

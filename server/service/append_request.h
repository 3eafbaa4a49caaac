// From AppendRequest to AppendCommand and back from AppendAnswer: shape checks and translation, nothing else.
#pragma once

#include <absl/status/statusor.h>

#include "keyledger/ledger/v1/ledger_service.pb.h"
#include "server/shard/append_command.h"
#include "server/vault/vault.h"

namespace keyledger::service {

// Whether the request holds personal data, so that with a vault ToCommand may block.
bool HasPersonal(const ledger::v1::AppendRequest& request);

// Makes the keys that the valid ones of the requests from number `first` on will need, with one sync. What goes wrong
// is for ToCommand to tell of each. What is returned keeps the keys until ToCommand has been called for all.
// Blocks: for the sync.
vault::KeyUse MakeKeys(const google::protobuf::RepeatedPtrField<ledger::v1::AppendRequest>& requests, int first,
                       vault::Vault& vault);

// Takes the request apart. Every violated field is reported at once. Personal data is sealed, and the digest is that of
// the sealed request: none of what people must not be able to guess goes into it. `vault`: null if there is none.
// Errors: INVALID_ARGUMENT (kInvalidField, kUnknownEvent, kDecisionNotAccepted), RESOURCE_EXHAUSTED (kTooManyEvents,
// kPayloadTooLarge); for personal data FAILED_PRECONDITION (kNoMasterKey, kSubjectErased) and those of Vault::UseKeys.
// Blocks: as Vault::UseKeys, if there is personal data.
absl::StatusOr<shard::AppendCommand> ToCommand(ledger::v1::AppendRequest request, vault::Vault* vault = nullptr,
                                               vault::KeyUse* keys = nullptr);

// Keeps the keys of a request that is recorded, or may be, and gives up those of one that was refused.
void SettleKeys(const absl::Status& outcome, vault::KeyUse& keys);

// Fills the response. `cursor` stands for the place after the request's last record.
void FillResponse(shard::AppendAnswer answer, bool full, std::string cursor, ledger::v1::AppendResponse& response);

}  // namespace keyledger::service

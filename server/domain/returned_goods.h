// What the ledger adds to a return that names its purchase: what the goods had cost, and whether anything is left.
// Internal to the room.
#pragma once

#include <string>
#include <vector>

#include <absl/status/status.h>

#include "keyledger/events/v1/event.pb.h"
#include "server/domain/account_state.h"

namespace keyledger::domain {

// Completes `returned`, which fits `purchase`. `before`: what had come back until then, by line number. `path` names
// the return in the request.
// Errors: INVALID_ARGUMENT (kInvalidField) if a line brings a cost of its own; DATA_LOSS (kStoreDamaged) if `before`
// has a line, or more of one, than the purchase: only a forged log says so.
absl::Status CompleteReturn(const events::v1::PurchaseRecorded& purchase, const std::vector<ReturnedLine>& before,
                            const std::string& path, events::v1::PurchaseReturned* returned);

}  // namespace keyledger::domain

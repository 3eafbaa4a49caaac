// Owner index: which accounts a person ever had a role for, or was named on for something that may be due, so that the
// question what somebody has to do, and the transfer of a portfolio, need not look at all accounts. Part of the
// projection "engagement"; its rows are in the shard of the account, and are never deleted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "projections/engine/projection.h"
#include "server/store/table.h"

namespace keyledger::projections::engagement {

enum class OwnedBy : char {
  // The person is named on something that may be due.
  kName = 'n',
  // The person has, or once had, a role.
  kRole = 'r',
};

// Lists the accounts of one shard that the person has, or once had, a role for, and with kName also those that the
// person is named on: in order of account_id, at most `limit` of them (more than 0), beginning after
// `after_account_id` (empty: with the first). Whether a role is still held, the account's own rows say.
// Errors: DATA_LOSS (kStoreDamaged).
absl::StatusOr<std::vector<std::string>> ListOwned(const store::TableReader& rows, std::string_view person, OwnedBy by,
                                                   std::string_view after_account_id, size_t limit);

// Of the fold: the person took on a role for the account, or was named on it. Errors: DATA_LOSS (kStoreDamaged).
absl::Status AddOwned(std::string_view person, std::string_view account_id, OwnedBy by, Rows& rows);

}  // namespace keyledger::projections::engagement

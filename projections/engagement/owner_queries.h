// Owners: our people with what they are responsible for.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/engagement/engagement_history.h"
#include "server/domain/program_set.h"

namespace keyledger::projections::engagement {

struct OwnersQuery {
  // Only this role; empty: any.
  std::string role;
  int page_size = 100;
  std::string continuation;
};

struct OwnerLoad {
  // Empty: open accounts of which nobody has the role "owner".
  std::string person;
  int64_t accounts = 0;
  int64_t owned = 0;
  int64_t due = 0;
  int64_t overdue = 0;
  // Of the 30 days before the moment.
  int64_t interactions = 0;
  // Advanced and not had back, in micros by currency; never zero.
  std::map<std::string, int64_t> advanced;
  // Accounts taken on and given up in the 365 days before the moment.
  int64_t changes = 0;
};

struct OwnersAnswer {
  // By person.
  std::vector<OwnerLoad> owners;
  std::string continuation;
};

// Whoever has a role for an open account, met one, is to do something or has money to get back; with query.role,
// whoever has that. Memory: a few numbers for each person. Errors: those of EngagementScan.
absl::StatusOr<OwnersAnswer> ListOwners(const std::vector<const store::TableReader*>& shards,
                                        const EngagementScope& scope, const domain::ProgramSet& programs,
                                        const OwnersQuery& query);

}  // namespace keyledger::projections::engagement

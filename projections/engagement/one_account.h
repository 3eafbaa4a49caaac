// LoadOne: a question about one account that was merged names the one that goes on, instead of having no answer.
#pragma once

#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <fmt/format.h>

#include "projections/engagement/engagement_history.h"
#include "server/base/error.h"

namespace keyledger::projections::engagement {

// As EngagementScan::Load. Errors: NOT_FOUND (kAccountNotFound) with "into_account_id" if the account was merged.
inline absl::Status LoadOne(EngagementScan& scan, const std::string& account_id, const EngagementScan::Visitor& visit) {
  const std::string_view into = scan.MergedInto(account_id);
  if (into.empty()) return scan.Load(account_id, visit);
  absl::Status merged =
      MakeError(Reason::kAccountNotFound, fmt::format("account {} was merged into {}: ask for that", account_id, into));
  AddMetadata(merged, "into_account_id", into);
  return merged;
}

}  // namespace keyledger::projections::engagement

// Prospects: accounts that never purchased.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/interaction.pb.h"
#include "projections/engagement/engagement_history.h"

namespace keyledger::projections::engagement {

struct ScoreOrder {
  std::string score_id;
  bool descending = false;
};

struct ProspectsQuery {
  // One after the other; an account without the score comes last.
  std::vector<ScoreOrder> order;
  std::string lead_source;
  int page_size = 100;
  std::string continuation;
};

struct Prospect {
  std::string account_id;
  std::string owner;
  Micros opened = 0;
  std::string lead_source;
  // One for each of the order.
  std::vector<std::optional<int64_t>> scores;
  int64_t interactions = 0;
  events::v1::Interest interest = events::v1::INTEREST_UNSPECIFIED;
  // What was spent on it so far: costs recorded, interactions, gifts, services and commissions paid; micros by
  // currency.
  std::map<std::string, int64_t> cost;
};

struct ProspectsAnswer {
  std::vector<Prospect> prospects;
  int64_t prospect_count = 0;
  std::string continuation;
};

// Of open accounts. Memory: one page. Errors: those of EngagementScan.
absl::StatusOr<ProspectsAnswer> ListProspects(const std::vector<const store::TableReader*>& shards,
                                              const EngagementScope& scope, const ProspectsQuery& query);

}  // namespace keyledger::projections::engagement

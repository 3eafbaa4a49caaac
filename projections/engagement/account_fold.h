// FoldAccount: what an account is, from moment to moment, out of its rows 'A' and 'B'. Internal to the room; read
// engagement_history.h.
#pragma once

#include <vector>

#include "projections/engagement/engagement_history.h"

namespace keyledger::projections::engagement {

// Fills names, regions, segments, facts, roles, life, tiers, clubs and referrals. Goes by position, as the ledger did:
// what was recorded later holds from no earlier than what was said of the same thing before.
void FoldAccount(std::vector<HistoryRow> rows, EngagementHistory& history);

}  // namespace keyledger::projections::engagement

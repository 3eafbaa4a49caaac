// Duties of items: what is planned, promised, lent, ordered, handed over or asked for and not done. For as long as they
// are open they stay on the list. Internal to the room; read duties.h.
#pragma once

#include <vector>

#include "projections/engagement/derivation.h"
#include "projections/engagement/item_history.h"

namespace keyledger::projections::engagement {

// Adds the duties of the items that are open, whenever they are due.
void AddItemDuties(const Derivation& derivation, std::vector<Duty>& duties);

// By when an issue is to be resolved: as was said last, else by the program that governed when it was raised, for the
// tier held then. Nothing: nobody said so.
std::optional<Micros> IssueDueTime(const EngagementHistory& history, const DutyBasis& basis, const ItemRun& run);
// When a plan that is agreed is to be reviewed next: as was said last, else so many months after that. Nothing: nobody
// asks. `zone` is the account's.
std::optional<Micros> PlanReviewTime(const EngagementHistory& history, const DutyBasis& basis, const Zone& zone,
                                     const ItemRun& run);
// By when a contract that runs is to be renewed or ended: its end, less the notice it says or the program asks for.
Micros ContractNoticeTime(const EngagementHistory& history, const DutyBasis& basis, const Zone& zone,
                          const ItemRun& run);
// Its end, as signed, renewed or amended last.
Micros ContractEndTime(const ItemRun& run);

}  // namespace keyledger::projections::engagement

// How a demo account is dealt with: calls and visits with what is to follow, complaints, opportunities, people who
// leave.
//
// Drawn from random numbers of its own, so that the trade and what is known of the account stay what they were,
// whatever is told here. As demo_generator.h says: integers only, and an account depends on the seed and its own number
// alone.
#pragma once

#include "client/cli/demo_relation.h"

namespace keyledger::cli {

// Tells how the account was dealt with. Only days of its life, none before it opened or from when it was closed.
void TellDealings(const DemoLife& life, const DemoPlan& plan);

}  // namespace keyledger::cli

// keyledger import facts: a file of surveys, budgets, costs, referrals, club members, competitors' moves or contracts.
#pragma once

#include "client/cli/command.h"

namespace keyledger::cli {

// A verb of the noun import. Accounts are not opened: a row of one that the ledger does not know is rejected.
void AddImportFacts(CLI::App* import, Action& selected);

}  // namespace keyledger::cli

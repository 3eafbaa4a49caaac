// The nouns of the command. Each function adds one with its verbs to the command line; the verb on the line puts its
// action into `selected`.
#pragma once

#include "client/cli/command.h"

namespace keyledger::cli {

void AddAccountCommands(CLI::App& root, Action& selected);
// A verb of the noun account.
void AddExplainAccount(CLI::App* account, Action& selected);
void AddPurchaseCommands(CLI::App& root, Action& selected);
void AddPointsCommands(CLI::App& root, Action& selected);
// A verb of the noun points.
void AddLiability(CLI::App* points, Action& selected);
// The verbs transfer and transfer-status.
void AddTransfer(CLI::App* points, Action& selected);
void AddConductCommands(CLI::App& root, Action& selected);
void AddContactCommands(CLI::App& root, Action& selected);
void AddTierCommands(CLI::App& root, Action& selected);
// A verb of the noun tier.
void AddExplainStanding(CLI::App* tier, Action& selected);
// Below the noun "tier".
void AddReviewCommands(CLI::App* tier, Action& selected);
void AddRetentionCommands(CLI::App& root, Action& selected);
// Verbs of the noun retention: survival and tenure; migration and rfm; forecasts; contracts, at-risk and loss-effect.
void AddLifetimeCommands(CLI::App* retention, Action& selected);
void AddMovementCommands(CLI::App* retention, Action& selected);
void AddForecastCommands(CLI::App* retention, Action& selected);
void AddRiskCommands(CLI::App* retention, Action& selected);
void AddPortfolioCommands(CLI::App& root, Action& selected);
// Verbs of the noun portfolio: satisfaction, acquisition, membership, referrals and rank-migration.
void AddPortfolioRelationCommands(CLI::App* portfolio, Action& selected);
// The nouns survey, budget, supplier-rank, cost, referral, club, competitor and contract.
void AddRelationCommands(CLI::App& root, Action& selected);
void AddReportCommands(CLI::App& root, Action& selected);
void AddProgramCommands(CLI::App& root, Action& selected);
// Verbs of the noun program.
void AddSimulate(CLI::App* program, Action& selected);
void AddProgramWords(CLI::App* program, Action& selected);
void AddLogCommands(CLI::App& root, Action& selected);
void AddAdminCommands(CLI::App& root, Action& selected);
void AddAuditCommands(CLI::App& root, Action& selected);
// Verbs of the noun audit.
void AddAuditProve(CLI::App* audit, Action& selected);
void AddAuditVerify(CLI::App* audit, Action& selected);
void AddAuditKey(CLI::App* audit, Action& selected);
// The verbs erase, hold and accesses.
void AddAuditPrivacy(CLI::App* audit, Action& selected);
// The verbs export and standing.
void AddAuditExport(CLI::App* audit, Action& selected);
void AddAuditReplay(CLI::App* audit, Action& selected);
void AddImportCommands(CLI::App& root, Action& selected);
void AddDemoCommands(CLI::App& root, Action& selected);
void AddCompletionCommands(CLI::App& root, Action& selected);

}  // namespace keyledger::cli

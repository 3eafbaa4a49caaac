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
// The nouns survey, budget, supplier-rank, cost, referral, club and competitor.
void AddRelationCommands(CLI::App& root, Action& selected);
// Verbs that record facts of the relationship, by tables (fact_verb.h): the nouns owner, need, signal, position,
// tender, evaluation and adaptation with verbs of account and contact; interaction and handover; opportunity, quote,
// order, payment and demand; contract, promise, plan, entitlement, obligation, violation and sanction; issue, loan,
// commission and advance with verbs of referral.
void AddPeopleRecordCommands(CLI::App& root, Action& selected);
void AddInteractionRecordCommands(CLI::App& root, Action& selected);
void AddDealRecordCommands(CLI::App& root, Action& selected);
void AddAgreementRecordCommands(CLI::App& root, Action& selected);
void AddCareRecordCommands(CLI::App& root, Action& selected);
// Verbs that show what is under way: list and pipeline of opportunity, list and approvals of quote; list of contract,
// promise and plan; list of issue and item, and payment terms.
void AddPipelineCommands(CLI::App& root, Action& selected);
void AddPipelineAgreementCommands(CLI::App& root, Action& selected);
void AddPipelineCareCommands(CLI::App& root, Action& selected);
// The verbs transfer-all, transfer-status and transfers of the noun owner.
void AddPortfolioTransferCommands(CLI::App& root, Action& selected);
// What is asked about meeting accounts: the noun duty; list, coverage, delay, effort and continuity of the noun
// owner; timeline, profile, profiles, management and prospects of the noun account, list and attendance of
// interaction; the noun compliance.
void AddDutyCommands(CLI::App& root, Action& selected);
void AddOwnerQueryCommands(CLI::App& root, Action& selected);
void AddProfileCommands(CLI::App& root, Action& selected);
// Verbs of the noun account.
void AddManagement(CLI::App* account, Action& selected);
void AddProspects(CLI::App* account, Action& selected);
void AddComplianceCommands(CLI::App& root, Action& selected);
// The verbs demand show, referral yields and purchase modes.
void AddTradeCommands(CLI::App& root, Action& selected);
// The noun fact: retract.
void AddFactCommands(CLI::App& root, Action& selected);
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

// keyledger program simulate.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "client/cli/commands.h"
#include "client/cli/describe.h"
#include "client/cli/program_name.h"
#include "client/cli/progress.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/program_service.pb.h"

namespace keyledger::cli {
namespace {

struct SimulateFlags {
  std::string program;
  std::string from;
  std::string to;
  std::vector<std::string> accounts;
  std::string region;
  std::string segment;
  int accounts_max = 0;
};

// With its sign.
std::string Difference(int64_t simulated, int64_t actual) {
  const __int128 difference = static_cast<__int128>(simulated) - actual;
  return (difference > 0 ? "+" : "") + FormatCount(difference);
}

std::string TierName(const std::string& ladder_id, const std::string& tier_id, bool with_ladder) {
  if (tier_id.empty()) {
    return "none";
  }
  return with_ladder ? ladder_id + "/" + tier_id : tier_id;
}

void PrintFlows(Session& session, const v1::SimulationSummary& summary) {
  Table table({{"points"}, {"recorded", Align::kRight}, {"simulated", Align::kRight}, {"difference", Align::kRight}});
  const auto add = [&](const std::string& name, int64_t actual, int64_t simulated) {
    table.Add({name, FormatCount(actual), FormatCount(simulated), Difference(simulated, actual)});
  };
  const v1::PointsFlow& actual = summary.actual();
  const v1::PointsFlow& simulated = summary.simulated();
  add("issued", actual.issued(), simulated.issued());
  add("redeemed", actual.redeemed(), simulated.redeemed());
  add("expired", actual.expired(), simulated.expired());
  add("reversed", actual.reversed(), simulated.reversed());
  add("outstanding at the end", actual.outstanding(), simulated.outstanding());
  session.Print(table);
}

// Rows: the tier held in fact; columns: the one held in the simulation.
void PrintMatrix(Session& session, const v1::SimulationSummary& summary) {
  std::set<std::string> ladders;
  for (const v1::TierMovement& movement : summary.tier_movements()) {
    for (const std::string& ladder : {movement.actual_ladder_id(), movement.simulated_ladder_id()}) {
      if (!ladder.empty()) {
        ladders.insert(ladder);
      }
    }
  }
  if (ladders.empty()) {
    return;
  }
  std::map<std::string, std::map<std::string, int64_t>> counts;
  std::set<std::string> tiers;
  for (const v1::TierMovement& movement : summary.tier_movements()) {
    const bool named = ladders.size() > 1;
    const std::string from = TierName(movement.actual_ladder_id(), movement.actual_tier_id(), named);
    const std::string to = TierName(movement.simulated_ladder_id(), movement.simulated_tier_id(), named);
    counts[from][to] += movement.accounts();
    tiers.insert(from);
    tiers.insert(to);
  }
  std::vector<Column> columns = {{"recorded \\ simulated"}};
  for (const std::string& tier : tiers) {
    columns.push_back({tier, Align::kRight});
  }
  Table table(columns);
  for (const auto& [from, row] : counts) {
    std::vector<std::string> cells = {from};
    for (const std::string& to : tiers) {
      const auto count = row.find(to);
      cells.push_back(count == row.end() ? "." : FormatCount(count->second));
    }
    table.Add(std::move(cells));
  }
  session.out() << "\n";
  session.Print(table);
}

std::string TierReason(const v1::SimulatedTier& tier, const char* side) {
  if (!tier.has_decision()) {
    return fmt::format("{} {} since before", side, tier.tier_id().empty() ? "none" : tier.tier_id());
  }
  const ev::TierAssigned& decision = tier.decision();
  // A fall is explained by what was missed, anything else by what was met.
  return fmt::format("{} {} on {}: {}", side, tier.tier_id(), FormatTime(tier.decision_time()),
                     DescribeConditions(decision.missed().empty() ? decision.met() : decision.missed()));
}

std::string Reasons(const v1::SimulatedAccount& account) {
  std::vector<std::string> reasons;
  for (const v1::RuleDifference& rule : account.rules()) {
    reasons.push_back(fmt::format("rule {} {} to {}", rule.rule_id(), FormatCount(rule.actual_points()),
                                  FormatCount(rule.simulated_points())));
  }
  const v1::PointsFlow& actual = account.actual();
  const v1::PointsFlow& simulated = account.simulated();
  if (actual.expired() != simulated.expired()) {
    reasons.push_back(fmt::format("expired {} to {}", FormatCount(actual.expired()), FormatCount(simulated.expired())));
  }
  if (actual.reversed() != simulated.reversed()) {
    reasons.push_back(
        fmt::format("reversed {} to {}", FormatCount(actual.reversed()), FormatCount(simulated.reversed())));
  }
  if (account.actual_tier().tier_id() != account.simulated_tier().tier_id()) {
    reasons.push_back(TierReason(account.actual_tier(), "recorded"));
    reasons.push_back(TierReason(account.simulated_tier(), "simulated"));
  }
  if (account.refused_facts() > 0) {
    reasons.push_back(
        fmt::format("{} refused, first: {}", FormatCount(account.refused_facts()), account.first_refusal()));
  }
  return fmt::format("{}", fmt::join(reasons, "; "));
}

void AddAccounts(Table& table, const v1::SimulatedAccounts& accounts) {
  for (const v1::SimulatedAccount& account : accounts.accounts()) {
    const std::string& actual = account.actual_tier().tier_id();
    const std::string& simulated = account.simulated_tier().tier_id();
    table.Add({account.account_id(), Difference(account.simulated().outstanding(), account.actual().outstanding()),
               Difference(account.simulated().issued(), account.actual().issued()),
               actual == simulated ? actual : TierName("", actual, false) + " > " + TierName("", simulated, false),
               Reasons(account)});
  }
}

void PrintSummary(Session& session, const v1::SimulationSummary& summary) {
  session.out() << fmt::format(
      "{} {} from {} to {}: {} accounts, {} of them changed\n", Printable(summary.program().program_id()),
      summary.program().version() == 0 ? "(draft)" : "version " + std::to_string(summary.program().version()),
      FormatTime(summary.from_time()), FormatTime(summary.to_time()), FormatCount(summary.accounts()),
      FormatCount(summary.changed_accounts()));
  PrintFlows(session, summary);
  PrintMatrix(session, summary);
  if (summary.refused_facts() > 0) {
    session.out() << fmt::format("\n{} facts would have been refused and are left out of the simulation\n",
                                 FormatCount(summary.refused_facts()));
  }
}

int RunSimulation(Session& session, const v1::SimulateRequest& request) {
  std::optional<Progress> progress;
  uint64_t total = 0;
  Table accounts({{"account"}, {"outstanding", Align::kRight}, {"issued", Align::kRight}, {"tier"}, {"why"}});
  const auto failure = session.client().Simulate(request, [&](const v1::SimulateResponse& frame) {
    switch (frame.frame_case()) {
      case v1::SimulateResponse::kProgress:
        if (!progress) {
          total = static_cast<uint64_t>(frame.progress().total_records());
          progress.emplace(session.err(), session.err_is_terminal(), "records", total);
        }
        progress->Update(static_cast<uint64_t>(frame.progress().records()));
        return true;
      case v1::SimulateResponse::kSummary:
        if (progress) {
          progress->Finish(total);
        }
        break;
      default:
        break;
    }
    if (session.json()) {
      session.PrintJson(frame, /*line=*/true);
    } else if (frame.has_summary()) {
      PrintSummary(session, frame.summary());
    } else {
      AddAccounts(accounts, frame.accounts());
    }
    return true;
  });
  if (failure) {
    return session.Fail(*failure);
  }
  if (!session.json() && !accounts.empty()) {
    session.out() << "\nlargest differences first\n";
    session.Print(accounts);
  }
  return kExitOk;
}

}  // namespace

void AddSimulate(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<SimulateFlags>();
  CLI::App* verb = AddVerb(noun, "simulate", "Shows what would have happened under a program; writes nothing", selected,
                           [flags](Session& session) {
                             v1::SimulateRequest request;
                             if (IsFileName(flags->program)) {
                               const std::optional<std::string> text = ReadInput(session, flags->program);
                               if (!text) {
                                 return kExitUsage;
                               }
                               request.set_source_yaml(*text);
                             } else {
                               const std::optional<ProgramName> name = ParseProgramName(session, flags->program);
                               if (!name) {
                                 return kExitUsage;
                               }
                               request.mutable_published()->set_program_id(name->id);
                               request.mutable_published()->set_version(name->version);
                             }
                             *request.mutable_from_time() = TimeOf(flags->from);
                             if (!flags->to.empty()) {
                               *request.mutable_to_time() = TimeOf(flags->to);
                             }
                             request.mutable_account_ids()->Add(flags->accounts.begin(), flags->accounts.end());
                             request.set_region(flags->region);
                             request.set_segment(flags->segment);
                             request.set_accounts_max(flags->accounts_max);
                             return RunSimulation(session, request);
                           });
  verb->add_option("PROGRAM", flags->program, kProgramHelp)->required();
  verb->add_option("--from", flags->from, "Start of the period, inclusive")->required()->check(TimeText());
  verb->add_option("--to", flags->to, "End of the period, exclusive (default: now)")->check(TimeText());
  verb->add_option("--account", flags->accounts, "Only this account; may be repeated");
  verb->add_option("--region", flags->region, "Only accounts of this region path or below it");
  verb->add_option("--segment", flags->segment, "Only accounts of this segment");
  verb->add_option("--accounts-max", flags->accounts_max, "Accounts to list, 1 to 10,000 (default 100)");
}

}  // namespace keyledger::cli

// keyledger tier: show, history, stages, distribution, lock, unlock. explain: commands_tier_explain.cc; review:
// commands_review.cc.
#include "client/cli/commands.h"

#include <fmt/format.h>

#include "client/cli/describe.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/tier_service.pb.h"

namespace keyledger::cli {
namespace {

struct QueryFlags {
  std::string account;
  ReadFlags read;
  PageFlags page;
};

std::string ReasonText(const v1::TierAssignment& assignment) {
  return ShortEnum(ev::TierAssignmentReason_Name(assignment.reason()), "TIER_ASSIGNMENT_REASON_");
}

// Of an assignment or a stage.
template <typename Decision>
std::string ProgramText(const Decision& decision) {
  return fmt::format("{} version {}", decision.program_id(), decision.program_version());
}

// Over which span.
std::string Measured(const ev::ConditionEvidence& condition) {
  if (!condition.has_window_end()) return "";
  return (condition.has_window_start() ? " from " + FormatTime(condition.window_start()) : std::string(" ever")) +
         " to " + FormatTime(condition.window_end());
}

void PrintTier(Session& session, const v1::GetStandingResponse& response) {
  if (!response.has_standing()) {
    session.out() << Printable(response.account_id()) << " has no tier\n";
    return;
  }
  const v1::TierAssignment& standing = response.standing();
  Table table = Table::Fields();
  table.Add({"account", response.account_id()});
  table.Add({"tier", standing.tier_id()});
  table.Add({"ladder", standing.ladder_id()});
  table.Add({"since", FormatTime(standing.since())});
  table.Add({"reason", ReasonText(standing)});
  if (!standing.review_id().empty()) {
    table.Add({"review", standing.review_id()});
  }
  table.Add({"before", standing.previous_tier_id().empty() ? "none" : standing.previous_tier_id()});
  for (const ev::ConditionEvidence& condition : standing.met()) {
    table.Add({"given for", DescribeCondition(condition) + Measured(condition)});
  }
  for (const ev::ConditionEvidence& condition : standing.missed()) {
    table.Add({"missed", DescribeCondition(condition) + Measured(condition)});
  }
  table.Add({"program", ProgramText(standing)});
  session.Print(table);
}

void PrintStanding(Session& session, const v1::GetStandingResponse& response) {
  PrintTier(session, response);
  if (response.stages().empty()) {
    return;
  }
  Table table({{"lifecycle"}, {"stage"}, {"since"}, {"before"}, {"given for"}, {"program"}});
  for (const v1::StageStanding& stage : response.stages()) {
    table.Add({stage.ladder_id(), stage.stage_id(), FormatTime(stage.since()),
               stage.previous_stage_id().empty() ? "none" : stage.previous_stage_id(), DescribeConditions(stage.met()),
               ProgramText(stage)});
  }
  session.out() << "\n";
  session.Print(table);
}

void AddShow(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<QueryFlags>();
  CLI::App* verb =
      AddVerb(noun, "show", "Shows the tier an account holds and the stages it is in, and why", selected,
              [flags](Session& session) {
                v1::GetStandingRequest request;
                request.set_account_id(flags->account);
                flags->read.Fill(request);
                return Show(session, session.client().GetStanding(request),
                            [&](const v1::GetStandingResponse& response) { PrintStanding(session, response); });
              });
  verb->add_option("ACCOUNT", flags->account, "Account id")->required();
  flags->read.AddTo(verb);
}

void AddHistory(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<QueryFlags>();
  CLI::App* verb = AddVerb(
      noun, "history", "Lists the tiers an account has held, latest first", selected, [flags](Session& session) {
        v1::ListHistoryRequest request;
        request.set_account_id(flags->account);
        flags->read.Fill(request);
        Table table({{"since"}, {"until"}, {"tier"}, {"before"}, {"reason"}, {"given for"}, {"missed"}, {"program"}});
        return ShowPages(
            session, request, flags->page, &client::Client::ListHistory, table,
            [](Table& rows, const v1::ListHistoryResponse& response) {
              for (const v1::TierAssignment& assignment : response.assignments()) {
                rows.Add({FormatTime(assignment.since()),
                          assignment.has_until() ? FormatTime(assignment.until()) : "now", assignment.tier_id(),
                          assignment.previous_tier_id(), ReasonText(assignment), DescribeConditions(assignment.met()),
                          DescribeConditions(assignment.missed()), ProgramText(assignment)});
              }
            });
      });
  verb->add_option("ACCOUNT", flags->account, "Account id")->required();
  flags->read.AddTo(verb, /*with_as_of=*/false);
  flags->page.AddTo(verb);
}

void AddStages(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<QueryFlags>();
  auto ladder = std::make_shared<std::string>();
  CLI::App* verb = AddVerb(
      noun, "stages", "Lists the lifecycle stages an account has been in, latest first", selected,
      [flags, ladder](Session& session) {
        v1::ListStageHistoryRequest request;
        request.set_account_id(flags->account);
        request.set_ladder_id(*ladder);
        flags->read.Fill(request);
        Table table({{"since"}, {"until"}, {"lifecycle"}, {"stage"}, {"before"}, {"given for"}, {"program"}});
        return ShowPages(session, request, flags->page, &client::Client::ListStageHistory, table,
                         [](Table& rows, const v1::ListStageHistoryResponse& response) {
                           for (const v1::StageStanding& stage : response.stages()) {
                             rows.Add({FormatTime(stage.since()), stage.has_until() ? FormatTime(stage.until()) : "now",
                                       stage.ladder_id(), stage.stage_id(), stage.previous_stage_id(),
                                       DescribeConditions(stage.met()), ProgramText(stage)});
                           }
                         });
      });
  verb->add_option("ACCOUNT", flags->account, "Account id")->required();
  verb->add_option("--ladder", *ladder, "Only this lifecycle");
  flags->read.AddTo(verb, /*with_as_of=*/false);
  flags->page.AddTo(verb);
}

std::string ShareOf(int64_t accounts, int64_t all) {
  std::optional<double> share;
  if (all > 0) {
    share = static_cast<double>(accounts) / static_cast<double>(all);
  }
  return FormatPercent(share);
}

void PrintDistribution(Session& session, const v1::GetDistributionResponse& response) {
  Table tiers({{"ladder"}, {"tier"}, {"accounts", Align::kRight}, {"share", Align::kRight}});
  for (const v1::TierCount& tier : response.tiers()) {
    tiers.Add({tier.ladder_id(), tier.tier_id().empty() ? "none" : tier.tier_id(), FormatCount(tier.accounts()),
               ShareOf(tier.accounts(), response.accounts())});
  }
  tiers.Add({"", "all", FormatCount(response.accounts()), ""});
  session.Print(tiers);
  if (response.stages().empty()) {
    return;
  }
  Table stages({{"lifecycle"}, {"stage"}, {"accounts", Align::kRight}, {"share", Align::kRight}});
  for (const v1::StageCount& stage : response.stages()) {
    stages.Add({stage.ladder_id(), stage.stage_id(), FormatCount(stage.accounts()),
                ShareOf(stage.accounts(), response.accounts())});
  }
  session.out() << "\n";
  session.Print(stages);
}

void AddDistribution(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<QueryFlags>();
  CLI::App* verb =
      AddVerb(noun, "distribution", "Shows how many accounts hold each tier and are in each stage", selected,
              [flags](Session& session) {
                v1::GetDistributionRequest request;
                flags->read.Fill(request);
                return Show(session, session.client().GetDistribution(request),
                            [&](const v1::GetDistributionResponse& response) { PrintDistribution(session, response); });
              });
  flags->read.AddTo(verb);
}

void AddLock(CLI::App* noun, Action& selected) {
  struct Flags {
    WriteFlags write;
    std::string ladder;
    std::string tier;
    std::string reason;
    std::string until;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb =
      AddVerb(noun, "lock", "Fixes an account's tier by hand, with a reason", selected, [flags](Session& session) {
        ev::Event event;
        ev::TierLocked& locked = *event.mutable_tier_locked();
        locked.set_ladder_id(flags->ladder);
        locked.set_tier_id(flags->tier);
        locked.set_reason(flags->reason);
        if (!flags->until.empty()) *locked.mutable_until() = TimeOf(flags->until);
        return AppendEvent(session, flags->write, std::move(event));
      });
  flags->write.AddTo(verb);
  verb->add_option("--ladder", flags->ladder, "The ladder")->required();
  verb->add_option("--tier", flags->tier, "The tier to hold")->required();
  verb->add_option("--reason", flags->reason, "Why")->required();
  verb->add_option("--until", flags->until, "When the lock ends (default: with tier unlock)")->check(TimeText());
}

void AddUnlock(CLI::App* noun, Action& selected) {
  struct Flags {
    WriteFlags write;
    std::string ladder;
    std::string reason;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = AddVerb(noun, "unlock", "Ends a lock: rules and reviews move the account again", selected,
                           [flags](Session& session) {
                             ev::Event event;
                             event.mutable_tier_unlocked()->set_ladder_id(flags->ladder);
                             event.mutable_tier_unlocked()->set_reason(flags->reason);
                             return AppendEvent(session, flags->write, std::move(event));
                           });
  flags->write.AddTo(verb);
  verb->add_option("--ladder", flags->ladder, "The ladder")->required();
  verb->add_option("--reason", flags->reason, "Why")->required();
}

}  // namespace

void AddTierCommands(CLI::App& root, Action& selected) {
  CLI::App* noun = root.add_subcommand("tier", "Tiers and stages: standing and why, history, distribution, reviews");
  AddShow(noun, selected);
  AddExplainStanding(noun, selected);
  AddHistory(noun, selected);
  AddStages(noun, selected);
  AddDistribution(noun, selected);
  AddLock(noun, selected);
  AddUnlock(noun, selected);
  AddReviewCommands(noun, selected);
}

}  // namespace keyledger::cli

// keyledger opportunity list and pipeline, quote list and approvals: what is pursued, proposed and waited for.
#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "client/cli/commands.h"
#include "client/cli/describe.h"
#include "client/cli/fact_verb.h"
#include "client/cli/figures.h"
#include "client/cli/pipeline_flags.h"

namespace keyledger::cli {
namespace {

// More decimals than a discount has.
constexpr double kMilliPerPercent = 1'000;

std::string StageName(ev::OpportunityStage stage) {
  return ShortEnum(ev::OpportunityStage_Name(stage), "OPPORTUNITY_STAGE_");
}

std::string QuoteStateName(v1::QuoteState state) { return ShortEnum(v1::QuoteState_Name(state), "QUOTE_STATE_"); }

std::string DiscountText(int64_t percent_milli) {
  return fmt::format("{:g} %", static_cast<double>(percent_milli) / kMilliPerPercent);
}

std::string DaysText(bool present, int64_t days) { return present ? FormatCount(days) : "-"; }

int ShowOpportunities(Session& session, const PipelineFlags& flags, const std::vector<std::string>& stages) {
  v1::ListOpportunitiesRequest request;
  flags.Fill(request);
  for (const std::string& name : stages) {
    const std::vector<std::string> names = EnumNames(*ev::OpportunityStage_descriptor());
    const auto place = std::find(names.begin(), names.end(), name);
    request.add_stages(static_cast<ev::OpportunityStage>(place - names.begin() + ev::OPPORTUNITY_STAGE_LEAD));
  }
  Table table({{"account"},
               {"opportunity"},
               {"stage"},
               {"what"},
               {"person"},
               {"amount", Align::kRight},
               {"chance", Align::kRight},
               {"decided"},
               {"days", Align::kRight}});
  v1::ListOpportunitiesResponse last;
  const int code =
      ShowPages(session, request, flags.pages, &client::Client::ListOpportunities, table,
                [&](Table& rows, const v1::ListOpportunitiesResponse& page) {
                  for (const v1::Opportunity& one : page.opportunities()) {
                    rows.Add({one.account_id(), one.opportunity_id(), StageName(one.stage()), one.description(),
                              one.person(), MoneyOrDash(one.has_amount(), one.amount()),
                              PercentOf(one.has_chance_milli(), one.chance_milli() / 1e3),
                              TimeOrDash(one.has_close_time(), one.close_time()), FormatCount(one.age_days())});
                  }
                  last = page;
                });
  PrintSums(session, last.sums());
  return code;
}

void PrintPipeline(Session& session, const v1::GetPipelineResponse& response) {
  Table table({{"stage"},
               {"opportunities", Align::kRight},
               {"amount", Align::kRight},
               {"by chance", Align::kRight},
               {"days in stage", Align::kRight},
               {"days open", Align::kRight},
               {"across years", Align::kRight}});
  for (const v1::StageSum& stage : response.stages()) {
    std::string amount;
    std::string expected;
    for (const v1::ItemSum& sum : stage.sums()) {
      const std::string comma = amount.empty() ? "" : ", ";
      amount += comma + FormatMicros(sum.micros()) + " " + sum.currency_code();
      expected += comma + FormatMicros(sum.expected_micros()) + " " + sum.currency_code();
    }
    table.Add({StageName(stage.stage()), FormatCount(stage.opportunities()), amount.empty() ? "-" : amount,
               expected.empty() ? "-" : expected, DaysText(stage.has_median_days(), stage.median_days()),
               DaysText(stage.has_median_age_days(), stage.median_age_days()), FormatCount(stage.across_years())});
  }
  session.Print(table);
  session.out() << fmt::format(
      "won of what was decided: {}; open: {} quotes ({} wait for approval), {} contracts, {} issues\n",
      PercentOf(response.has_win_rate(), response.win_rate()), FormatCount(response.open_quotes()),
      FormatCount(response.waiting_approvals()), FormatCount(response.running_contracts()),
      FormatCount(response.open_issues()));
}

void AddOpportunityVerbs(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<PipelineFlags>();
  auto stages = std::make_shared<std::vector<std::string>>();
  CLI::App* list = AddVerb(noun, "list", "Lists opportunities, the latest stage and the oldest first", selected,
                           [=](Session& session) { return ShowOpportunities(session, *flags, *stages); });
  flags->AddAccount(list);
  flags->AddState(list);
  flags->AddPerson(list, "Only what this person pursues");
  list->add_option("--stage", *stages, "Only these stages, whatever their state")
      ->check(CLI::IsMember(EnumNames(*ev::OpportunityStage_descriptor())))
      ->delimiter(',');
  flags->AddTo(list);

  struct PipelineCommand {
    PipelineFlags flags;
    std::string start;
    std::string time_zone;
  };
  auto command = std::make_shared<PipelineCommand>();
  CLI::App* pipeline =
      AddVerb(noun, "pipeline", "Shows opportunities by stage, how long they stay, and what was won and lost", selected,
              [=](Session& session) {
                v1::GetPipelineRequest request;
                command->flags.Fill(request);
                if (!command->start.empty()) {
                  *request.mutable_start_time() = TimeOf(command->start);
                }
                request.set_time_zone(command->time_zone);
                return Show(session, session.client().GetPipeline(request),
                            [&](const v1::GetPipelineResponse& response) { PrintPipeline(session, response); });
              });
  command->flags.AddPerson(pipeline, "Only what this person pursues, proposed or is to see to");
  pipeline->add_option("--start", command->start, "Count what ended from this time on (default: a year)")
      ->check(TimeText());
  pipeline->add_option("--time-zone", command->time_zone, "IANA zone of years (default UTC)");
  command->flags.AddTo(pipeline, /*pages_too=*/false);
}

int ShowQuotes(Session& session, const PipelineFlags& flags, bool steps) {
  v1::ListQuotesRequest request;
  flags.Fill(request);
  Table table({{"account"},
               {"quote"},
               {"state"},
               {"amount", Align::kRight},
               {"discount", Align::kRight},
               {"days", Align::kRight},
               {"possible"}});
  Table taken({{"account"}, {"quote"}, {"step"}, {"state"}, {"person"}, {"role"}, {"when"}});
  v1::ListQuotesResponse last;
  const int code = ShowPages(
      session, request, flags.pages, &client::Client::ListQuotes, steps ? taken : table,
      [&](Table& rows, const v1::ListQuotesResponse& page) {
        for (const v1::Quote& quote : page.quotes()) {
          if (!steps) {
            rows.Add({quote.account_id(), quote.quote_id(), QuoteStateName(quote.state()), FormatMoney(quote.amount()),
                      DiscountText(quote.percent_milli()), FormatCount(quote.age_days()),
                      fmt::format("{}", fmt::join(quote.possible_steps(), ", "))});
            continue;
          }
          for (const v1::QuoteStepTaken& step : quote.steps()) {
            rows.Add({quote.account_id(), quote.quote_id(), step.step(), QuoteStateName(step.state()), step.person(),
                      step.role(), FormatTime(step.occurred_time())});
          }
        }
        last = page;
      });
  PrintSums(session, last.sums());
  return code;
}

int ShowApprovals(Session& session, const PipelineFlags& flags, const std::string& role) {
  v1::ListApprovalsRequest request;
  flags.Fill(request);
  request.set_role(role);
  Table table({{"account"},
               {"quote"},
               {"proposer"},
               {"amount", Align::kRight},
               {"discount", Align::kRight},
               {"waits for"},
               {"may approve"},
               {"hours", Align::kRight},
               {"due"}});
  return ShowPages(session, request, flags.pages, &client::Client::ListApprovals, table,
                   [&](Table& rows, const v1::ListApprovalsResponse& page) {
                     for (const v1::Approval& one : page.approvals()) {
                       const std::string asked = one.person().empty() ? one.role() : one.person() + ", " + one.role();
                       rows.Add({one.account_id(), one.quote_id(), one.proposer(), FormatMoney(one.amount()),
                                 DiscountText(one.percent_milli()), asked.empty() ? "nobody was asked" : asked,
                                 fmt::format("{}", fmt::join(one.approver_roles(), ", ")),
                                 FormatCount(one.wait_hours()), TimeOrDash(one.has_due_time(), one.due_time())});
                     }
                   });
}

void AddQuoteVerbs(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<PipelineFlags>();
  auto steps = std::make_shared<bool>(false);
  CLI::App* list = AddVerb(noun, "list", "Lists quotes, the oldest first, with the steps that are possible", selected,
                           [=](Session& session) { return ShowQuotes(session, *flags, *steps); });
  flags->AddAccount(list);
  flags->AddState(list);
  flags->AddPerson(list, "Only proposed by this person");
  list->add_flag("--steps", *steps, "The steps that were taken, by whom and when");
  flags->AddTo(list);

  auto waiting = std::make_shared<PipelineFlags>();
  auto role = std::make_shared<std::string>();
  CLI::App* approvals = AddVerb(noun, "approvals", "Lists approvals that wait, the longest waiting first", selected,
                                [=](Session& session) { return ShowApprovals(session, *waiting, *role); });
  approvals->add_option("--role", *role, "Only what this role was asked for, or may approve");
  waiting->AddPerson(approvals, "Only what this person was asked for");
  waiting->AddTo(approvals);
}

}  // namespace

void AddPipelineCommands(CLI::App& root, Action& selected) {
  AddOpportunityVerbs(Noun(root, "opportunity", "What is pursued with accounts"), selected);
  AddQuoteVerbs(Noun(root, "quote", "Prices proposed, approved and confirmed"), selected);
}

}  // namespace keyledger::cli

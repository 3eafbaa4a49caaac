// keyledger contract list, promise list and plan list: what was agreed and promised, and what of it is due.
#include <memory>

#include <fmt/format.h>

#include "client/cli/commands.h"
#include "client/cli/describe.h"
#include "client/cli/pipeline_flags.h"

namespace keyledger::cli {
namespace {

struct ContractCommand {
  PipelineFlags flags;
  std::string kind;
  std::string ends_from;
  std::string ends_before;
};

std::string ContractState(const v1::Contract& contract) {
  if (!contract.running()) {
    return ShortEnum(ev::ContractEnding_Name(contract.ending()), "CONTRACT_ENDING_");
  }
  return contract.breached() ? "breached" : contract.lapsed() ? "lapsed" : "running";
}

int ShowContracts(Session& session, const ContractCommand& command) {
  v1::ListContractsRequest request;
  command.flags.Fill(request);
  request.set_kind(command.kind);
  if (!command.ends_from.empty()) {
    *request.mutable_end_from_time() = TimeOf(command.ends_from);
  }
  if (!command.ends_before.empty()) {
    *request.mutable_end_until_time() = TimeOf(command.ends_before);
  }
  Table table({{"account"},
               {"contract"},
               {"kind"},
               {"state"},
               {"from"},
               {"until"},
               {"notice by"},
               {"value", Align::kRight},
               {"early end costs", Align::kRight},
               {"renewed", Align::kRight},
               {"breached", Align::kRight},
               {"exclusive"}});
  v1::ListContractsResponse last;
  const int code =
      ShowPages(session, request, command.flags.pages, &client::Client::ListContracts, table,
                [&](Table& rows, const v1::ListContractsResponse& page) {
                  for (const v1::Contract& one : page.contracts()) {
                    rows.Add({one.account_id(), one.contract_id(), one.kind(), ContractState(one),
                              FormatTime(one.start_time()), FormatTime(one.end_time()), FormatTime(one.notice_time()),
                              MoneyOrDash(one.has_value(), one.value()),
                              MoneyOrDash(one.has_early_end_penalty(), one.early_end_penalty()),
                              FormatCount(one.renewals()), FormatCount(one.breaches()), one.exclusive() ? "yes" : ""});
                  }
                  last = page;
                });
  PrintSums(session, last.sums());
  return code;
}

void AddContractList(CLI::App* noun, Action& selected) {
  auto command = std::make_shared<ContractCommand>();
  CLI::App* list = AddVerb(noun, "list", "Lists contracts by the end of their term", selected,
                           [=](Session& session) { return ShowContracts(session, *command); });
  command->flags.AddAccount(list);
  command->flags.AddState(list);
  list->add_option("--kind", command->kind, "Only of this kind");
  list->add_option("--ends-from", command->ends_from, "Only with an end of the term at this time or later")
      ->check(TimeText());
  list->add_option("--ends-before", command->ends_before, "Only with an end of the term before this time")
      ->check(TimeText());
  command->flags.AddTo(list);
}

int ShowPromises(Session& session, const PipelineFlags& flags, const std::string& due_before) {
  v1::ListPromisesRequest request;
  flags.Fill(request);
  if (!due_before.empty()) {
    *request.mutable_due_until_time() = TimeOf(due_before);
  }
  Table table({{"account"},
               {"promise"},
               {"what"},
               {"covers"},
               {"due"},
               {"kept", Align::kRight},
               {"broken", Align::kRight},
               {"state"}});
  return ShowPages(session, request, flags.pages, &client::Client::ListPromises, table,
                   [&](Table& rows, const v1::ListPromisesResponse& page) {
                     for (const v1::Promise& one : page.promises()) {
                       const ev::PromisePublished& what = one.published();
                       rows.Add({one.account_id(), one.promise_id(), what.description(), what.scope(),
                                 TimeOrDash(what.has_due_time(), what.due_time()), FormatCount(one.kept()),
                                 FormatCount(one.broken()),
                                 one.overdue() ? "overdue"
                                 : one.open()  ? "stands"
                                               : "over"});
                     }
                   });
}

void AddPromiseList(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<PipelineFlags>();
  auto due_before = std::make_shared<std::string>();
  CLI::App* list = AddVerb(noun, "list", "Lists promises by when they are due, and how they were kept", selected,
                           [=](Session& session) { return ShowPromises(session, *flags, *due_before); });
  flags->AddAccount(list);
  flags->AddState(list);
  list->add_option("--due-before", *due_before, "Only promises due before this time")->check(TimeText());
  flags->AddTo(list);
}

std::string FlagNames(const v1::Plan& plan) {
  std::string names;
  for (const int flag : plan.flags()) {
    names += (names.empty() ? "" : ", ") + ShortEnum(v1::PlanFlag_Name(static_cast<v1::PlanFlag>(flag)), "PLAN_FLAG_");
  }
  return names;
}

int ShowPlans(Session& session, const PipelineFlags& flags, bool flagged) {
  v1::ListPlansRequest request;
  flags.Fill(request);
  request.set_flagged_only(flagged);
  Table table({{"account"},
               {"plan"},
               {"state"},
               {"from"},
               {"until"},
               {"about"},
               {"person"},
               {"next review"},
               {"reviews", Align::kRight},
               {"flags"}});
  v1::ListPlansResponse last;
  const int code = ShowPages(
      session, request, flags.pages, &client::Client::ListPlans, table,
      [&](Table& rows, const v1::ListPlansResponse& page) {
        for (const v1::Plan& one : page.plans()) {
          rows.Add({one.account_id(), one.plan_id(), ShortEnum(v1::PlanState_Name(one.state()), "PLAN_STATE_"),
                    FormatTime(one.plan().start_time()), FormatTime(one.plan().end_time()), one.plan().description(),
                    one.plan().person(), TimeOrDash(one.has_next_review_time(), one.next_review_time()),
                    FormatCount(one.reviews()), FlagNames(one)});
        }
        last = page;
      });
  if (!session.json() && last.plan_count() > 0) {
    session.out() << fmt::format("{} plans, {} of them with a flag\n", FormatCount(last.plan_count()),
                                 FormatCount(last.flagged_count()));
  }
  return code;
}

void AddPlanList(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<PipelineFlags>();
  auto flagged = std::make_shared<bool>(false);
  CLI::App* list = AddVerb(noun, "list", "Lists plans by their next review, with what is out of date in them", selected,
                           [=](Session& session) { return ShowPlans(session, *flags, *flagged); });
  flags->AddAccount(list);
  flags->AddState(list);
  list->add_flag("--flagged", *flagged, "Only plans with a flag");
  flags->AddTo(list);
}

}  // namespace

void AddPipelineAgreementCommands(CLI::App& root, Action& selected) {
  AddContractList(Noun(root, "contract", "Contracts with accounts"), selected);
  AddPromiseList(Noun(root, "promise", "What we promised"), selected);
  AddPlanList(Noun(root, "plan", "Plans agreed with accounts"), selected);
}

}  // namespace keyledger::cli

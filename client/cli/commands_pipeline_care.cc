// keyledger issue list, item list and payment terms: what is to be resolved, given back or taken up, and how accounts
// pay.
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

// The value of an enum by its name as flags take it. Requires: it is one of EnumNames.
template <typename Enum>
Enum ValueOf(const google::protobuf::EnumDescriptor& type, const std::string& name) {
  const std::vector<std::string> names = EnumNames(type);
  const auto place = std::find(names.begin(), names.end(), name);
  return static_cast<Enum>(type.value(static_cast<int>(place - names.begin()) + 1)->number());
}

struct IssueCommand {
  PipelineFlags flags;
  std::string kind;
  std::string start;
  std::string activity;
  bool overdue = false;
};

void PrintTimes(Session& session, const v1::ListIssuesResponse& response) {
  if (session.json() || response.times().empty()) {
    return;
  }
  Table table({{"kind"},
               {"raised", Align::kRight},
               {"resolved", Align::kRight},
               {"in time", Align::kRight},
               {"late", Align::kRight},
               {"median hours", Align::kRight},
               {"90 % within", Align::kRight}});
  const auto hours = [](bool present, int64_t value) { return present ? FormatCount(value) : std::string("-"); };
  for (const v1::ResolutionTime& row : response.times()) {
    table.Add({ShortEnum(ev::IssueKind_Name(row.kind()), "ISSUE_KIND_"), FormatCount(row.raised()),
               FormatCount(row.resolved()), FormatCount(row.in_time()), FormatCount(row.late()),
               hours(row.has_median_hours(), row.median_hours()), hours(row.has_p90_hours(), row.p90_hours())});
  }
  session.out() << "\n";
  session.Print(table);
}

int ShowIssues(Session& session, const IssueCommand& command) {
  v1::ListIssuesRequest request;
  command.flags.Fill(request);
  if (!command.kind.empty()) {
    request.set_kind(ValueOf<ev::IssueKind>(*ev::IssueKind_descriptor(), command.kind));
  }
  if (!command.start.empty()) {
    *request.mutable_start_time() = TimeOf(command.start);
  }
  request.set_overdue_only(command.overdue);
  request.set_activity_id(command.activity);
  Table table({{"account"},
               {"issue"},
               {"kind"},
               {"state"},
               {"what"},
               {"person"},
               {"raised"},
               {"due"},
               {"hours", Align::kRight},
               {""}});
  v1::ListIssuesResponse last;
  const int code = ShowPages(
      session, request, command.flags.pages, &client::Client::ListIssues, table,
      [&](Table& rows, const v1::ListIssuesResponse& page) {
        for (const v1::Issue& one : page.issues()) {
          rows.Add({one.account_id(), one.issue_id(), ShortEnum(ev::IssueKind_Name(one.kind()), "ISSUE_KIND_"),
                    ShortEnum(ev::IssueState_Name(one.state()), "ISSUE_STATE_"), one.description(), one.person(),
                    FormatTime(one.open_time()), TimeOrDash(one.has_due_time(), one.due_time()),
                    FormatCount(one.age_hours()), one.overdue() ? "overdue" : ""});
        }
        last = page;
      });
  PrintTimes(session, last);
  return code;
}

void AddIssueList(CLI::App* noun, Action& selected) {
  auto command = std::make_shared<IssueCommand>();
  CLI::App* list = AddVerb(noun, "list", "Lists issues by when they are due, and how long each kind takes", selected,
                           [=](Session& session) { return ShowIssues(session, *command); });
  command->flags.AddAccount(list);
  command->flags.AddState(list);
  command->flags.AddPerson(list, "Only what this person is to see to");
  list->add_option("--kind", command->kind, "Only of this kind")
      ->check(CLI::IsMember(EnumNames(*ev::IssueKind_descriptor())));
  list->add_option("--start", command->start, "Raised at this time or later")->check(TimeText());
  list->add_option("--activity", command->activity, "Only what was raised at this activity");
  list->add_flag("--overdue", command->overdue, "Only what is overdue");
  command->flags.AddTo(list);
}

int ShowItems(Session& session, const PipelineFlags& flags, const std::string& kind) {
  v1::ListItemsRequest request;
  flags.Fill(request);
  request.set_kind(ValueOf<v1::ItemKind>(*v1::ItemKind_descriptor(), kind));
  Table table({{"account"},
               {"id"},
               {"what"},
               {"since"},
               {"due"},
               {"person"},
               {"contact"},
               {"amount", Align::kRight},
               {"left", Align::kRight},
               {"state"}});
  v1::ListItemsResponse last;
  const int code = ShowPages(
      session, request, flags.pages, &client::Client::ListItems, table,
      [&](Table& rows, const v1::ListItemsResponse& page) {
        for (const v1::Item& one : page.items()) {
          const bool counted = one.kind() == v1::ITEM_KIND_LOAN || one.kind() == v1::ITEM_KIND_ENTITLEMENT;
          rows.Add({one.account_id(), one.item_id(), one.what(), FormatTime(one.open_time()),
                    TimeOrDash(one.has_due_time(), one.due_time()), one.person(), one.contact_id(),
                    MoneyOrDash(one.has_amount(), one.amount()),
                    !counted              ? ""
                    : one.remaining() < 0 ? "without limit"
                                          : FormatCount(one.remaining()) + " of " + FormatCount(one.quantity()),
                    one.overdue() ? "overdue"
                    : one.open()  ? "open"
                                  : "ended"});
        }
        last = page;
      });
  PrintSums(session, last.sums());
  return code;
}

void AddItemList(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<PipelineFlags>();
  auto kind = std::make_shared<std::string>();
  CLI::App* list = AddVerb(noun, "list", "Lists items of one kind by when they are due", selected,
                           [=](Session& session) { return ShowItems(session, *flags, *kind); });
  list->add_option("--kind", *kind, "Orders, loans, entitlements and so on")
      ->check(CLI::IsMember(EnumNames(*v1::ItemKind_descriptor())))
      ->required();
  flags->AddAccount(list);
  flags->AddState(list);
  flags->AddTo(list);
}

int ShowTerms(Session& session, const PipelineFlags& flags) {
  v1::GetPaymentTermsRequest request;
  flags.Fill(request);
  Table table({{"account"}, {"exception"}, {"approver"}, {"reason"}, {"since"}, {"until"}});
  v1::GetPaymentTermsResponse last;
  const int code =
      ShowPages(session, request, flags.pages, &client::Client::GetPaymentTerms, table,
                [&](Table& rows, const v1::GetPaymentTermsResponse& page) {
                  for (const v1::PaymentException& one : page.exceptions()) {
                    const ev::PaymentExceptionGranted& granted = one.granted();
                    rows.Add({one.account_id(), granted.terms(), granted.approver(), granted.reason(),
                              FormatTime(one.grant_time()), TimeOrDash(granted.has_end_time(), granted.end_time())});
                  }
                  last = page;
                });
  if (code == kExitOk && !session.json()) {
    session.out() << fmt::format("on standard terms: {} of {} accounts ({}); of {} no program says what is standard\n",
                                 FormatCount(last.standard()), FormatCount(last.accounts()),
                                 PercentOf(last.has_standard_share(), last.standard_share()),
                                 FormatCount(last.undefined()));
  }
  return code;
}

void AddTerms(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<PipelineFlags>();
  CLI::App* terms = AddVerb(noun, "terms", "Shows the share of accounts on standard terms, and the exceptions",
                            selected, [=](Session& session) { return ShowTerms(session, *flags); });
  flags->AddTo(terms);
}

}  // namespace

void AddPipelineCareCommands(CLI::App& root, Action& selected) {
  AddIssueList(Noun(root, "issue", "Complaints, conflicts and requests"), selected);
  AddItemList(Noun(root, "item", "Orders, loans, entitlements and other items"), selected);
  AddTerms(Noun(root, "payment", "How accounts pay"), selected);
}

}  // namespace keyledger::cli

// keyledger duty list and cadence: what is due, and how it was kept.
#include "client/cli/commands.h"

#include <memory>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "client/cli/describe.h"
#include "client/cli/figures.h"
#include "client/cli/kind_flag.h"
#include "client/cli/pipeline_flags.h"
#include "client/cli/scope_flags.h"

namespace keyledger::cli {
namespace {

struct DutyFlags {
  PipelineFlags scope;
  std::string until;
  std::string start;
  std::string rule;
  std::string reader;
  std::string purpose;
  bool overdue = false;
  KindFlag kinds;
};

std::string StateOf(const v1::Duty& duty) { return duty.lapsed() ? "lapsed" : duty.overdue() ? "overdue" : "due"; }

// What it is, in words: the step, the item, or which interactions keep it.
std::string WhatOf(const v1::Duty& duty) {
  std::vector<std::string> kinds;
  for (const int kind : duty.interaction_kinds()) {
    kinds.push_back(ShortEnum(ev::InteractionKind_Name(static_cast<ev::InteractionKind>(kind)), "INTERACTION_KIND_"));
  }
  std::string what = fmt::format("{}", fmt::join(kinds, " or "));
  if (duty.required() > 1) {
    what += fmt::format(" {} of {}", duty.number(), duty.required());
  }
  for (const std::string& part : {duty.what(), duty.item_id(), duty.contact_id()}) {
    if (!part.empty()) {
      what += (what.empty() ? "" : ", ") + part;
    }
  }
  return what;
}

int ShowDue(Session& session, const DutyFlags& flags) {
  v1::ListDueRequest request;
  flags.scope.Fill(request);
  if (!flags.until.empty()) {
    *request.mutable_until() = TimeOf(flags.until);
  }
  request.set_overdue_only(flags.overdue);
  flags.kinds.Fill(request);
  request.set_reader(flags.reader);
  request.set_purpose(flags.purpose);
  v1::ListDueResponse last;
  const int code =
      ShowPages(session, request, flags.scope.pages, &client::Client::ListDue,
                Table({{"by"}, {"state"}, {"account"}, {"what"}, {"rule"}, {"who"}}),
                [&last](Table& table, const v1::ListDueResponse& response) {
                  for (const v1::Duty& duty : response.duties()) {
                    table.Add({duty.due_day(), StateOf(duty), duty.account_id(), WhatOf(duty),
                               duty.rule_id().empty() ? ShortEnum(v1::DutyKind_Name(duty.kind()), "DUTY_KIND_")
                                                      : duty.rule_id() + " " + duty.period(),
                               duty.people().empty() ? "nobody" : fmt::format("{}", fmt::join(duty.people(), ", "))});
                  }
                  last = response;
                });
  if (code == kExitOk && !session.json()) {
    session.out() << fmt::format("{} due, {} of them overdue, for {} accounts, as of {}\n",
                                 FormatCount(last.due_count()), FormatCount(last.overdue_count()),
                                 FormatCount(last.account_count()), FormatTime(last.as_of()));
  }
  return code;
}

std::vector<std::string> CountCells(std::vector<std::string> names, const v1::CadenceCount& count) {
  for (const int64_t number : {count.required(), count.kept(), count.kept_late(), count.missed(), count.beyond()}) {
    names.push_back(FormatCount(number));
  }
  names.push_back(PercentOf(count.has_kept_share(), count.kept_share()));
  return names;
}

Table CountTable(std::vector<Column> names) {
  for (const char* header : {"due", "kept", "late", "missed", "beyond", "share"}) {
    names.push_back({header, Align::kRight});
  }
  return Table(std::move(names));
}

void PrintAppointments(Session& session, const v1::GetCadenceResponse& response) {
  if (response.appointments().appointments() == 0) {
    return;
  }
  std::vector<Column> columns = {{"appointments of"}};
  for (const char* header : {"set", "made", "late", "minutes late", "missed by us", "missed by account", "cancelled",
                             "put off", "nothing said"}) {
    columns.push_back({header, Align::kRight});
  }
  Table table(std::move(columns));
  const auto add = [&table](const std::string& name, const v1::AppointmentCount& count) {
    table.Add({name, FormatCount(count.appointments()), FormatCount(count.made()), FormatCount(count.made_late()),
               DecimalOf(count.has_mean_late_minutes(), count.mean_late_minutes()), FormatCount(count.missed_by_us()),
               FormatCount(count.missed_by_account()), FormatCount(count.cancelled()), FormatCount(count.put_off()),
               FormatCount(count.open())});
  };
  for (const v1::AppointmentCount& person : response.appointment_people()) {
    add(person.person(), person);
  }
  add("all", response.appointments());
  session.out() << "\n";
  session.Print(table);
}

void PrintCadence(Session& session, const v1::GetCadenceResponse& response) {
  Table counts = CountTable({{"rule or person"}});
  for (const v1::CadenceCount& rule : response.rules()) {
    counts.Add(CountCells({rule.name()}, rule));
  }
  for (const v1::CadenceCount& person : response.people()) {
    counts.Add(CountCells({person.name()}, person));
  }
  counts.Add(CountCells({"all"}, response.total()));
  session.Print(counts);
  PrintAppointments(session, response);
  if (!response.periods().empty()) {
    Table periods({{"period"}, {"rule"}, {"asked", Align::kRight}, {"made", Align::kRight}, {"kept"}});
    for (const v1::CadencePeriod& period : response.periods()) {
      periods.Add({period.period(), period.rule_id(), FormatCount(period.required()), FormatCount(period.made()),
                   period.kept() ? "yes" : "no"});
    }
    session.out() << "\n";
    session.Print(periods);
  }
  if (!response.accounts().empty()) {
    Table accounts = CountTable({{"account"}, {"owner"}});
    for (const v1::CadenceAccount& account : response.accounts()) {
      accounts.Add(CountCells({account.account_id(), account.owner()}, account.count()));
    }
    session.out() << "\n";
    session.Print(accounts);
  }
  if (!response.next_page_token().empty()) {
    session.err() << "more: add --all, or --page-token " << response.next_page_token() << "\n";
  }
}

int ShowCadence(Session& session, const DutyFlags& flags) {
  v1::GetCadenceRequest request;
  flags.scope.Fill(request);
  if (!flags.start.empty()) {
    *request.mutable_start_time() = TimeOf(flags.start);
  }
  request.set_rule_id(flags.rule);
  request.set_page_size(flags.scope.pages.page_size);
  request.set_page_token(flags.scope.pages.page_token);
  // What is counted is the same on every page; what is listed goes on.
  v1::GetCadenceResponse whole;
  bool first = true;
  const std::optional<client::ClientError> error =
      ReadPages(session, request, &flags.scope.pages, &client::Client::GetCadence, [&](v1::GetCadenceResponse page) {
        if (session.json()) {
          session.PrintJson(page);
        } else if (std::exchange(first, false)) {
          whole = std::move(page);
        } else {
          whole.mutable_periods()->MergeFrom(page.periods());
          whole.mutable_accounts()->MergeFrom(page.accounts());
        }
      });
  if (error) {
    return session.Fail(*error);
  }
  whole.set_next_page_token(request.page_token());
  if (!session.json()) {
    PrintCadence(session, whole);
  }
  return kExitOk;
}

}  // namespace

void AddDutyCommands(CLI::App& root, Action& selected) {
  CLI::App* noun = Noun(root, "duty", "What is due, and how it was kept");
  {
    auto flags = std::make_shared<DutyFlags>();
    CLI::App* verb = AddVerb(noun, "list", "Lists what is due today, and overdue", selected,
                             [flags](Session& session) { return ShowDue(session, *flags); });
    verb->footer("Example: keyledger duty list --person km-07");
    flags->scope.AddPerson(verb, "Only duties of this person");
    flags->scope.AddAccount(verb);
    verb->add_option("--until", flags->until, "What is due before this time (default: the end of the day)")
        ->check(TimeText());
    verb->add_flag("--overdue", flags->overdue, "Only what is overdue");
    flags->kinds.AddTo(verb, *v1::DutyKind_descriptor());
    verb->add_option("--reader", flags->reader, "Who reads: with --purpose, days of contacts are told, too");
    verb->add_option("--purpose", flags->purpose, "What for; it goes on record");
    flags->scope.AddTo(verb);
  }
  auto flags = std::make_shared<DutyFlags>();
  CLI::App* verb = AddVerb(noun, "cadence", "Shows how what was due was kept", selected,
                           [flags](Session& session) { return ShowCadence(session, *flags); });
  verb->footer("Example: keyledger duty cadence --account acme --start 2026-01-01");
  flags->scope.AddPerson(verb, "Only duties of this person");
  flags->scope.AddAccount(verb);
  verb->add_option("--rule", flags->rule, "Only this rule");
  verb->add_option("--start", flags->start, "Only what came due from this time on (default: a year)")
      ->check(TimeText());
  flags->scope.AddTo(verb);
}

}  // namespace keyledger::cli

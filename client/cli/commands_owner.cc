// keyledger owner list, coverage, delay, effort and continuity; account prospects: our people, and on whom accounts
// rest.
#include "client/cli/commands.h"

#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "client/cli/describe.h"
#include "client/cli/fact_verb.h"
#include "client/cli/figures.h"
#include "client/cli/pipeline_flags.h"
#include "client/cli/scope_flags.h"

namespace keyledger::cli {
namespace {

struct OwnerFlags {
  PipelineFlags scope;
  ScopeFlags periods;
  std::string role;
  std::string flag;
  std::string currency;
  std::string start;
  std::string lead_source;
  std::vector<std::string> order;
  int window_days = 0;
  int prompt_minutes = 0;
};

template <typename Sums>
std::string MoneyList(const Sums& sums) {
  std::string text;
  for (const ev::Money& money : sums) {
    text += (text.empty() ? "" : ", ") + FormatMoney(money);
  }
  return text.empty() ? "-" : text;
}

int ShowOwners(Session& session, const OwnerFlags& flags) {
  v1::ListOwnersRequest request;
  flags.scope.Fill(request);
  request.set_role(flags.role);
  return ShowPages(
      session, request, flags.scope.pages, &client::Client::ListOwners,
      Table({{"person"},
             {"accounts", Align::kRight},
             {"owned", Align::kRight},
             {"due", Align::kRight},
             {"overdue", Align::kRight},
             {"met in 30 days", Align::kRight},
             {"changes in a year", Align::kRight},
             {"advanced"}}),
      [](Table& table, const v1::ListOwnersResponse& response) {
        for (const v1::OwnerLoad& load : response.owners()) {
          table.Add({load.person().empty() ? "nobody" : load.person(), FormatCount(load.accounts()),
                     FormatCount(load.owned()), FormatCount(load.due()), FormatCount(load.overdue()),
                     FormatCount(load.interactions()), FormatCount(load.changes()), MoneyList(load.advanced())});
        }
      });
}

std::string FlagNames(const v1::AccountCoverage& account) {
  std::string names;
  for (const int flag : account.flags()) {
    names += (names.empty() ? "" : ", ") +
             ShortEnum(v1::CoverageFlag_Name(static_cast<v1::CoverageFlag>(flag)), "COVERAGE_FLAG_");
  }
  return names;
}

std::string PeopleNames(const v1::AccountCoverage& account) {
  std::string names;
  for (const v1::CoveringPerson& person : account.people()) {
    names += fmt::format("{}{} {}x", names.empty() ? "" : ", ", person.person(), person.interactions());
  }
  return names;
}

int ShowCoverage(Session& session, const OwnerFlags& flags) {
  v1::GetCoverageRequest request;
  flags.scope.Fill(request);
  if (!flags.flag.empty()) {
    for (int flag = v1::CoverageFlag_MIN; flag <= v1::CoverageFlag_MAX; ++flag) {
      const auto value = static_cast<v1::CoverageFlag>(flag);
      if (ShortEnum(v1::CoverageFlag_Name(value), "COVERAGE_FLAG_") == flags.flag) {
        request.set_flag(value);
      }
    }
  }
  request.set_window_days(flags.window_days);
  request.set_currency_code(flags.currency);
  v1::GetCoverageResponse last;
  const int code = ShowPages(
      session, request, flags.scope.pages, &client::Client::GetCoverage,
      Table({{"account"},
             {"revenue of a year", Align::kRight},
             {"met by", Align::kRight},
             {"of", Align::kRight},
             {"people"},
             {"noteworthy"}}),
      [&last](Table& table, const v1::GetCoverageResponse& response) {
        for (const v1::AccountCoverage& account : response.accounts()) {
          table.Add({account.account_id(), FormatMicros(account.revenue_micros()), FormatCount(account.people_met()),
                     FormatCount(account.min_people()), PeopleNames(account), FlagNames(account)});
        }
        last = response;
      });
  if (code == kExitOk && !session.json()) {
    session.out() << fmt::format("{} open accounts, {} of those listed noteworthy, with {} {}\n",
                                 FormatCount(last.account_count()), FormatCount(last.flagged_count()),
                                 FormatMicros(last.revenue_micros()), last.currency_code());
  }
  return code;
}

std::vector<std::string> DelayCells(const std::string& name, const v1::EntryDelay& delay) {
  const auto minutes = [](bool present, int64_t value) { return present ? FormatCount(value) : std::string("-"); };
  return {name,
          FormatCount(delay.interactions()),
          FormatCount(delay.prompt()),
          minutes(delay.has_median_minutes(), delay.median_minutes()),
          minutes(delay.has_p90_minutes(), delay.p90_minutes()),
          minutes(delay.has_longest_minutes(), delay.longest_minutes())};
}

int ShowDelay(Session& session, const OwnerFlags& flags) {
  v1::GetEntryDelayRequest request;
  flags.scope.Fill(request);
  if (!flags.start.empty()) {
    *request.mutable_start_time() = TimeOf(flags.start);
  }
  request.set_prompt_minutes(flags.prompt_minutes);
  return Show(session, session.client().GetEntryDelay(request), [&](const v1::GetEntryDelayResponse& response) {
    Table table({{"person"},
                 {"interactions", Align::kRight},
                 {"prompt", Align::kRight},
                 {"median minutes", Align::kRight},
                 {"90 % within", Align::kRight},
                 {"longest", Align::kRight}});
    for (const v1::EntryDelay& delay : response.people()) {
      table.Add(DelayCells(delay.person(), delay));
    }
    table.Add(DelayCells("all", response.total()));
    session.Print(table);
  });
}

int ShowEffort(Session& session, const OwnerFlags& flags) {
  v1::GetEffortRequest request;
  flags.periods.Fill(*request.mutable_scope());
  flags.periods.read.Fill(request);
  if (!flags.start.empty()) {
    *request.mutable_start_time() = TimeOf(flags.start);
  }
  return Show(session, session.client().GetEffort(request), [&](const v1::GetEffortResponse& response) {
    Table table({{"period"},
                 {"with"},
                 {"accounts", Align::kRight},
                 {"interactions", Align::kRight},
                 {"minutes", Align::kRight},
                 {"cost " + response.currency_code(), Align::kRight}});
    const auto add = [&table](const std::string& period, const char* with, const v1::EffortSide& side) {
      table.Add({period, with, FormatCount(side.accounts()), FormatCount(side.interactions()),
                 FormatCount(side.our_minutes()), FormatMicros(side.cost_micros())});
    };
    for (const v1::EffortPeriod& period : response.periods()) {
      add(period.period(), "new accounts", period.new_accounts());
      add("", "old accounts", period.old_accounts());
    }
    session.Print(table);
  });
}

int ShowContinuity(Session& session, const OwnerFlags& flags) {
  v1::GetContinuityRequest request;
  flags.periods.Fill(*request.mutable_scope());
  flags.periods.read.Fill(request);
  if (!flags.start.empty()) {
    *request.mutable_start_time() = TimeOf(flags.start);
  }
  return Show(session, session.client().GetContinuity(request), [&](const v1::GetContinuityResponse& response) {
    Table table({{"changes of owner"},
                 {"because"},
                 {"bought before", Align::kRight},
                 {"bought after", Align::kRight},
                 {"retention", Align::kRight},
                 {"revenue after by before", Align::kRight}});
    for (const v1::ContinuityGroup& group : response.groups()) {
      table.Add({group.changes() == 3 ? "3 and more" : FormatCount(group.changes()),
                 group.departed() ? "departed" : "any reason", FormatCount(group.accounts()),
                 FormatCount(group.retained()), PercentOf(group.has_retention(), group.retention()),
                 DecimalOf(group.has_revenue_ratio(), group.revenue_ratio())});
    }
    session.Print(table);
    session.out() << fmt::format("{} changes; an owner keeps an account for {} days on average\n",
                                 FormatCount(response.changes()),
                                 DecimalOf(response.has_mean_owner_days(), response.mean_owner_days()));
  });
}

int ShowProspects(Session& session, const OwnerFlags& flags) {
  v1::ListProspectsRequest request;
  flags.scope.Fill(request);
  request.set_lead_source(flags.lead_source);
  std::vector<Column> columns = {{"account"},  {"owner"},      {"since"}, {"came by"}, {"met", Align::kRight},
                                 {"interest"}, {"cost so far"}};
  for (const std::string& text : flags.order) {
    const bool descending = text.starts_with('-');
    v1::ProspectOrder& order = *request.add_order();
    order.set_score_id(descending ? text.substr(1) : text);
    order.set_descending(descending);
    columns.push_back({order.score_id(), Align::kRight});
  }
  return ShowPages(session, request, flags.scope.pages, &client::Client::ListProspects, Table(std::move(columns)),
                   [](Table& table, const v1::ListProspectsResponse& response) {
                     for (const v1::Prospect& prospect : response.prospects()) {
                       std::vector<std::string> cells = {prospect.account_id(),
                                                         prospect.owner(),
                                                         FormatTime(prospect.open_time()),
                                                         prospect.lead_source(),
                                                         FormatCount(prospect.interactions()),
                                                         ShortEnum(ev::Interest_Name(prospect.interest()), "INTEREST_"),
                                                         MoneyList(prospect.cost())};
                       cells.insert(cells.end(), prospect.scores().begin(), prospect.scores().end());
                       table.Add(std::move(cells));
                     }
                   });
}

void AddDelay(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<OwnerFlags>();
  CLI::App* verb = AddVerb(noun, "delay", "Shows how long after they happened interactions were recorded", selected,
                           [flags](Session& session) { return ShowDelay(session, *flags); });
  verb->footer("Example: keyledger owner delay --start 2026-01-01 --prompt-minutes 240");
  verb->add_option("--start", flags->start, "Only interactions from this time on")->check(TimeText());
  verb->add_option("--prompt-minutes", flags->prompt_minutes, "Within so many minutes an entry is prompt")
      ->check(CLI::Range(1, 527'040));
  flags->scope.AddTo(verb, /*pages_too=*/false);
}

void AddEffort(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<OwnerFlags>();
  CLI::App* verb = AddVerb(noun, "effort", "Shows what effort went to new and to old accounts", selected,
                           [flags](Session& session) { return ShowEffort(session, *flags); });
  verb->footer("Example: keyledger owner effort --period quarter");
  ScopeFlags::Offer offer;
  offer.basis = offer.by = false;
  flags->periods.AddTo(verb, offer);
  verb->add_option("--start", flags->start, "Only interactions from this time on")->check(TimeText());
}

void AddContinuity(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<OwnerFlags>();
  CLI::App* verb = AddVerb(noun, "continuity", "Shows how accounts with few and many changes of owner were retained",
                           selected, [flags](Session& session) { return ShowContinuity(session, *flags); });
  verb->footer("Example: keyledger owner continuity --period year");
  ScopeFlags::Offer offer;
  offer.by = false;
  flags->periods.AddTo(verb, offer);
  verb->add_option("--start", flags->start, "Start of the stretch (default: two periods)")->check(TimeText());
}

}  // namespace

void AddOwnerQueryCommands(CLI::App& root, Action& selected) {
  CLI::App* noun = Noun(root, "owner", "Who of ours is responsible for accounts");
  {
    auto flags = std::make_shared<OwnerFlags>();
    CLI::App* verb = AddVerb(noun, "list", "Lists our people with what they have and what is due", selected,
                             [flags](Session& session) { return ShowOwners(session, *flags); });
    verb->footer("Example: keyledger owner list --role owner --all");
    verb->add_option("--role", flags->role, "Only who has this role");
    flags->scope.AddTo(verb);
  }
  auto flags = std::make_shared<OwnerFlags>();
  CLI::App* verb = AddVerb(noun, "coverage", "Lists on whom accounts rest", selected,
                           [flags](Session& session) { return ShowCoverage(session, *flags); });
  verb->footer("Example: keyledger owner coverage --person km-07");
  flags->scope.AddPerson(verb, "Only accounts at risk if this person left");
  verb->add_option("--flag", flags->flag, "Only accounts that are noteworthy for this")
      ->check(CLI::IsMember({"too_few", "one_person", "no_owner", "rank", "nobody"}));
  verb->add_option("--window-days", flags->window_days, "Days that count where no program says")
      ->check(CLI::Range(1, 1'096));
  verb->add_option("--currency", flags->currency, "Currency of the revenue");
  flags->scope.AddTo(verb);
  AddDelay(noun, selected);
  AddEffort(noun, selected);
  AddContinuity(noun, selected);
}

void AddProspects(CLI::App* account, Action& selected) {
  auto flags = std::make_shared<OwnerFlags>();
  CLI::App* verb = AddVerb(account, "prospects", "Lists accounts that never purchased, by their scores", selected,
                           [flags](Session& session) { return ShowProspects(session, *flags); });
  verb->footer("Example: keyledger account prospects --order=-strategic_score --order size");
  verb->add_option("--order", flags->order, "A score to order by; --order=-SCORE: the greatest first");
  verb->add_option("--lead-source", flags->lead_source, "Only of this lead source");
  flags->scope.AddTo(verb);
}

}  // namespace keyledger::cli

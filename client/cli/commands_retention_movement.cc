// keyledger retention migration and rfm: from state to state, and who is who by recency, frequency and money.
#include <algorithm>

#include <fmt/format.h>

#include "client/cli/commands.h"
#include "client/cli/figures.h"
#include "client/cli/scope_flags.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/retention_service.pb.h"

namespace keyledger::cli {
namespace {

struct MigrationFlags {
  ScopeFlags scope;
  std::string of = "recency";
  std::string ladder;
  std::string lifecycle;
  int recency_cap = 0;
  std::vector<std::string> cuts;
  std::string discount;
  std::vector<std::string> rewards;
  bool steps = false;
};

std::string StateName(const std::string& state) { return state.empty() ? "(none)" : state; }

// Counts from each state (row) to each (column).
Table CountTable(const google::protobuf::RepeatedPtrField<std::string>& states,
                 const google::protobuf::RepeatedPtrField<v1::MigrationRow>& counts) {
  std::vector<Column> columns = {{"from \\ to"}};
  for (const std::string& state : states) {
    columns.push_back({Printable(StateName(state)), Align::kRight});
  }
  Table table(columns);
  for (int i = 0; i < std::min(counts.size(), states.size()); ++i) {
    std::vector<std::string> cells = {StateName(states[i])};
    for (int k = 0; k < std::min(counts[i].to_size(), states.size()); ++k) {
      cells.push_back(FormatCount(counts[i].to(k)));
    }
    table.Add(std::move(cells));
  }
  return table;
}

void PrintStates(Session& session, const v1::GetMigrationResponse& response, bool discounted) {
  std::vector<Column> columns = {{"state"}};
  for (const std::string& state : response.states()) {
    columns.push_back({"to " + Printable(StateName(state)), Align::kRight});
  }
  const std::string unit = " " + response.currency_code();
  columns.insert(columns.end(), {{"in the long run", Align::kRight}, {"per period" + unit, Align::kRight}});
  const bool valued = !response.value_micros().empty();
  if (valued) {
    columns.push_back({"worth" + unit, Align::kRight});
  }
  Table table(columns);
  for (int i = 0; i < std::min(response.rates_size(), response.states_size()); ++i) {
    std::vector<std::string> cells = {StateName(response.states(i))};
    for (int k = 0; k < std::min(response.rates(i).to_size(), response.states_size()); ++k) {
      cells.push_back(FormatPercent(response.rates(i).to(k)));
    }
    cells.resize(static_cast<size_t>(response.states_size()) + 1);
    const bool steady = i < response.steady_state_size();
    const bool reward = i < response.reward_micros_size();
    cells.push_back(PercentOf(steady, steady ? response.steady_state(i) : 0));
    cells.push_back(reward ? FormatEstimate(static_cast<double>(response.reward_micros(i))) : "-");
    if (valued) {
      const bool value = i < response.value_micros_size();
      cells.push_back(EstimateOf(value, value ? response.value_micros(i) : 0));
    }
    table.Add(std::move(cells));
  }
  session.Print(table);
  if (!valued) {
    session.out() << (discounted ? "what a state is worth has no end: with a higher --discount it has\n"
                                 : "what a state is worth is found with --discount\n");
  }
}

void PrintMigration(Session& session, const v1::GetMigrationResponse& response, const MigrationFlags& flags) {
  if (flags.steps) {
    for (const v1::MigrationStep& step : response.steps()) {
      session.out() << Printable(step.from_period()) << " to " << Printable(step.to_period()) << "\n";
      session.Print(CountTable(response.states(), step.counts()));
      session.out() << "\n";
    }
    session.out() << "all periods\n";
  }
  session.Print(CountTable(response.states(), response.counts()));
  session.out() << "\n";
  PrintStates(session, response, !flags.discount.empty());
}

int Migration(Session& session, const MigrationFlags& flags) {
  v1::GetMigrationRequest request;
  request.set_of(flags.of == "class"   ? v1::MIGRATION_OF_CLASS
                 : flags.of == "tier"  ? v1::MIGRATION_OF_TIER
                 : flags.of == "stage" ? v1::MIGRATION_OF_STAGE
                                       : v1::MIGRATION_OF_RECENCY);
  request.set_ladder_id(flags.ladder);
  request.set_lifecycle_id(flags.lifecycle);
  request.set_recency_cap(flags.recency_cap);
  for (const std::string& cut : flags.cuts) {
    request.add_class_cuts_milli(MilliOf(cut));
  }
  if (!flags.discount.empty()) {
    request.set_discount_milli(MilliOf(flags.discount));
  }
  for (const std::string& reward : flags.rewards) {
    // MoneyText has checked it.
    request.add_reward_micros(ParseMicros(reward).value_or(0));
  }
  return ShowScoped(session, flags.scope, request, nullptr, &client::Client::GetMigration,
                    [&](const auto& pages) { PrintMigration(session, pages[0], flags); });
}

struct RfmFlags {
  ScopeFlags scope;
  std::string ties = "by-id";
  std::string frequency = "purchases";
  std::string cell;
  std::string account;
  PageFlags pages;
};

// Accounts by recency (down) and frequency (across), whatever they spent.
HeatMap RfmMap(const v1::GetRfmResponse& response) {
  int64_t counts[5][5] = {};
  int64_t highest = 1;
  for (const v1::RfmCell& cell : response.cells()) {
    const std::string& name = cell.cell();
    const bool good = name.size() == 3 && name[0] >= '1' && name[0] <= '5' && name[1] >= '1' && name[1] <= '5';
    if (good) {
      int64_t& count = counts[name[0] - '1'][name[1] - '1'];
      count += cell.accounts();
      highest = std::max(highest, count);
    }
  }
  HeatMap map;
  map.corner = "recency \\ frequency";
  for (int f = 1; f <= 5; ++f) {
    map.columns.push_back("F" + std::to_string(f));
  }
  for (int r = 4; r >= 0; --r) {
    HeatMap::Row row{"R" + std::to_string(r + 1), {}};
    for (const int64_t count : counts[r]) {
      row.cells.push_back({FormatCount(count), static_cast<double>(count) / static_cast<double>(highest)});
    }
    map.rows.push_back(std::move(row));
  }
  return map;
}

void PrintRfm(Session& session, const std::vector<v1::GetRfmResponse>& pages, const RfmFlags& flags) {
  const v1::GetRfmResponse& response = pages[0];
  const std::string revenue = "revenue " + response.currency_code();
  if (!flags.cell.empty() || !flags.account.empty()) {
    Table table({{"account"},
                 {"cell"},
                 {"recency days", Align::kRight},
                 {"frequency", Align::kRight},
                 {revenue, Align::kRight}});
    for (const v1::GetRfmResponse& page : pages) {
      for (const v1::RfmAccount& account : page.scores()) {
        table.Add({account.account_id(), account.cell(), FormatCount(account.recency_days()),
                   FormatCount(account.frequency()), FormatMicros(account.revenue_micros())});
      }
    }
    session.Print(table);
    if (!flags.account.empty() && response.scores().empty()) {
      session.out() << Printable(flags.account) << " has bought nothing in scope: it has no scores\n";
    }
    return;
  }
  Table table({{"cell"}, {"accounts", Align::kRight}, {"share", Align::kRight}, {revenue, Align::kRight}});
  for (const v1::RfmCell& cell : response.cells()) {
    table.Add({cell.cell(), FormatCount(cell.accounts()),
               PercentOf(response.accounts() > 0,
                         static_cast<double>(cell.accounts()) / static_cast<double>(response.accounts())),
               FormatMicros(cell.revenue_micros())});
  }
  session.Print(table);
  session.out() << fmt::format("{} accounts, recency counted to {}\n", FormatCount(response.accounts()),
                               Printable(response.as_of_day()));
  if (session.charts(flags.scope.chart)) {
    session.out() << Render(RfmMap(response), session.chart_style());
  }
}

int Rfm(Session& session, const RfmFlags& flags) {
  v1::GetRfmRequest request;
  request.set_ties(flags.ties == "shared" ? v1::RFM_TIES_SHARED : v1::RFM_TIES_BY_ID);
  request.set_frequency(flags.frequency == "days" ? v1::RFM_FREQUENCY_DAYS : v1::RFM_FREQUENCY_PURCHASES);
  request.set_cell(flags.cell);
  request.set_account_id(flags.account);
  return ShowScoped(session, flags.scope, request, &flags.pages, &client::Client::GetRfm,
                    [&](const auto& pages) { PrintRfm(session, pages, flags); });
}

}  // namespace

void AddMovementCommands(CLI::App* retention, Action& selected) {
  auto moved = std::make_shared<MigrationFlags>();
  CLI::App* migration =
      AddVerb(retention, "migration", "Shows how many moved from state to state, and what each state is worth",
              selected, [moved](Session& session) { return Migration(session, *moved); });
  migration->add_option("--of", moved->of, "recency, class, tier or stage")
      ->check(CLI::IsMember({"recency", "class", "tier", "stage"}))
      ->capture_default_str();
  migration->add_option("--ladder", moved->ladder, "Of tier: the ladder");
  migration->add_option("--lifecycle", moved->lifecycle, "Of stage: the lifecycle");
  migration
      ->add_option("--recency-cap", moved->recency_cap,
                   "Of recency: the state of all longer silences, in periods (default 4)")
      ->check(CLI::Range(1, 60));
  migration->add_option("--cuts", moved->cuts, "Of class: upper ends in percent of the accounts (default 5,25)")
      ->delimiter(',')
      ->check(PercentText());
  migration->add_option("--discount", moved->discount, "Discount per period in percent; without it no values")
      ->check(PercentText());
  migration
      ->add_option("--rewards", moved->rewards,
                   "What an account in each state brings per period, one for each state (default: measured)")
      ->delimiter(',')
      ->check(MoneyText());
  migration->add_flag("--steps", moved->steps, "In the table: the moves of every period");
  moved->scope.AddTo(migration);

  auto scored = std::make_shared<RfmFlags>();
  CLI::App* rfm = AddVerb(retention, "rfm", "Shows accounts by quintile of recency, frequency and money", selected,
                          [scored](Session& session) { return Rfm(session, *scored); });
  rfm->add_option("--ties", scored->ties, "How equal figures score: by-id (equal groups), or shared")
      ->check(CLI::IsMember({"by-id", "shared"}))
      ->capture_default_str();
  rfm->add_option("--frequency", scored->frequency, "purchases, or days with one")
      ->check(CLI::IsMember({"purchases", "days"}))
      ->capture_default_str();
  rfm->add_option("--cell", scored->cell, "List the accounts of this cell, for example 555");
  rfm->add_option("--account", scored->account, "Show the scores of this account");
  scored->pages.AddTo(rfm);
  scored->scope.AddTo(rfm, {.period = false});
  scored->scope.AddChart(rfm);
}

}  // namespace keyledger::cli

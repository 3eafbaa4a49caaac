// keyledger retention: the noun, show and cohorts. The other verbs are in files of their own.
#include "client/cli/commands.h"

#include <algorithm>

#include <fmt/format.h>

#include "client/cli/figures.h"
#include "client/cli/scope_flags.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/retention_service.pb.h"

namespace keyledger::cli {
namespace {

void PrintLine(Session& session, const std::string& name, const std::vector<std::optional<double>>& values) {
  std::optional<double> low;
  std::optional<double> high;
  for (const std::optional<double>& value : values) {
    if (value) {
      low = low ? std::min(*low, *value) : *value;
      high = high ? std::max(*high, *value) : *value;
    }
  }
  if (low) {
    session.out() << fmt::format("{} {} to {}\n{}\n", name, FormatPercent(low), FormatPercent(high),
                                 Sparkline(values, session.chart_style()));
  }
}

void PrintPeriods(Session& session, const v1::GetRetentionResponse& response, bool chart) {
  Table table({{"period"},
               {"active", Align::kRight},
               {"new", Align::kRight},
               {"retained", Align::kRight},
               {"back", Align::kRight},
               {"churned", Align::kRight},
               {"logo", Align::kRight},
               {"(E-N)/S", Align::kRight},
               {"NRR", Align::kRight},
               {"GRR", Align::kRight},
               {"revenue " + response.currency_code(), Align::kRight}});
  std::vector<std::optional<double>> logo;
  std::vector<std::optional<double>> net;
  for (const v1::RetentionPeriod& period : response.periods()) {
    table.Add({period.period() + (period.running() ? " (to " + response.last_day() + ")" : ""),
               FormatCount(period.active()), FormatCount(period.new_()), FormatCount(period.retained()),
               FormatCount(period.reactivated()), FormatCount(period.churned()),
               PercentOf(period.has_logo_retention(), period.logo_retention()),
               PercentOf(period.has_crr_end_minus_new_over_start(), period.crr_end_minus_new_over_start()),
               PercentOf(period.has_nrr(), period.nrr()), PercentOf(period.has_grr(), period.grr()),
               FormatMicros(period.revenue_micros())});
    // Of a period that is not over nobody knows yet.
    const bool over = !period.running();
    logo.push_back(over && period.has_logo_retention() ? std::optional<double>(period.logo_retention()) : std::nullopt);
    net.push_back(over && period.has_nrr() ? std::optional<double>(period.nrr()) : std::nullopt);
  }
  session.Print(table);
  session.out() << fmt::format("{} purchases by {} accounts\n", FormatCount(response.purchases()),
                               FormatCount(response.accounts()));
  if (chart) {
    PrintLine(session, "logo retention", logo);
    PrintLine(session, "NRR", net);
  }
}

// Share of each cohort that was active, or its revenue as a share of that of its first period.
HeatMap CohortMap(const v1::GetCohortsResponse& response, bool revenue) {
  HeatMap map;
  map.corner = "cohort";
  int offsets = 0;
  for (const v1::Cohort& cohort : response.cohorts()) {
    HeatMap::Row row{cohort.start(), {}};
    const int count = revenue ? cohort.revenue_micros_size() : cohort.active_size();
    offsets = std::max(offsets, count);
    const auto base = static_cast<double>(!revenue ? cohort.size() : count > 0 ? cohort.revenue_micros(0) : 0);
    for (int i = 0; i < count; ++i) {
      const auto value = static_cast<double>(revenue ? cohort.revenue_micros(i) : cohort.active(i));
      if (base <= 0) {
        row.cells.push_back({"", std::nullopt});
        continue;
      }
      const double share = value / base;
      // All of a cohort is active in its first period: the shades are for what comes after.
      row.cells.push_back({fmt::format("{:.0f}", share * 100), i == 0 ? 1.0 : std::min(share * 1.5, 1.0)});
    }
    map.rows.push_back(std::move(row));
  }
  for (int offset = 0; offset < offsets; ++offset) {
    map.columns.push_back("+" + std::to_string(offset));
  }
  return map;
}

void PrintCohorts(Session& session, const v1::GetCohortsResponse& response, bool revenue, bool chart) {
  if (chart) {
    session.out() << Render(CohortMap(response, revenue), session.chart_style())
                  << (revenue ? "revenue in percent of that of the cohort's first period"
                              : "active accounts in percent of the cohort")
                  << ", by periods since the first purchase; --chart never prints the figures\n";
    return;
  }
  int offsets = 0;
  for (const v1::Cohort& cohort : response.cohorts()) {
    offsets = std::max(offsets, revenue ? cohort.revenue_micros_size() : cohort.active_size());
  }
  std::vector<Column> columns = {{"cohort"}, {"size", Align::kRight}};
  for (int offset = 0; offset < offsets; ++offset) {
    columns.push_back({"+" + std::to_string(offset), Align::kRight});
  }
  Table table(columns);
  for (const v1::Cohort& cohort : response.cohorts()) {
    std::vector<std::string> cells = {cohort.start(), FormatCount(cohort.size())};
    if (revenue) {
      for (const int64_t micros : cohort.revenue_micros()) {
        cells.push_back(FormatMicros(micros));
      }
    } else {
      for (const int64_t active : cohort.active()) {
        cells.push_back(FormatCount(active));
      }
    }
    table.Add(std::move(cells));
  }
  session.Print(table);
  session.out() << (revenue ? "revenue in " + Printable(response.currency_code()) : std::string("active accounts"))
                << " by periods since the first purchase\n";
}

}  // namespace

void AddRetentionCommands(CLI::App& root, Action& selected) {
  CLI::App* noun =
      root.add_subcommand("retention", "Retention: who came, who stayed, who came back, and what is to be expected");
  auto shown = std::make_shared<ScopeFlags>();
  CLI::App* show = AddVerb(noun, "show", "Shows retention per period", selected, [shown](Session& session) {
    v1::GetRetentionRequest request;
    request.set_find_end(shown->as_of.empty());
    return ShowScoped(session, *shown, request, nullptr, &client::Client::GetRetention,
                      [&](const auto& pages) { PrintPeriods(session, pages[0], session.charts(shown->chart)); });
  });
  shown->AddTo(show);
  shown->AddChart(show);

  struct CohortFlags {
    ScopeFlags scope;
    bool revenue = false;
  };
  auto tabled = std::make_shared<CohortFlags>();
  CLI::App* cohorts =
      AddVerb(noun, "cohorts", "Shows cohorts by period of first purchase", selected, [tabled](Session& session) {
        return ShowScoped(session, tabled->scope, v1::GetCohortsRequest(), nullptr, &client::Client::GetCohorts,
                          [&](const auto& pages) {
                            PrintCohorts(session, pages[0], tabled->revenue, session.charts(tabled->scope.chart));
                          });
      });
  tabled->scope.AddTo(cohorts);
  tabled->scope.AddChart(cohorts);
  cohorts->add_flag("--revenue", tabled->revenue, "In the table: revenue instead of active accounts");
  AddLifetimeCommands(noun, selected);
  AddMovementCommands(noun, selected);
  AddForecastCommands(noun, selected);
  AddRiskCommands(noun, selected);
}

}  // namespace keyledger::cli

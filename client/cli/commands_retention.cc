// keyledger retention: show, cohorts.
#include "client/cli/commands.h"

#include <algorithm>

#include <fmt/format.h>

#include "client/cli/text.h"

namespace keyledger::cli {
namespace {

struct ScopeFlags {
  std::string period = "month";
  std::string time_zone;
  std::string currency;
  std::string basis = "gross";
  std::string as_of;
  std::string known_at;
  ReadFlags read;
  bool revenue = false;

  void AddTo(CLI::App* verb) {
    verb->add_option("--period", period, "month, quarter or year")
        ->check(CLI::IsMember({"month", "quarter", "year"}))
        ->capture_default_str();
    verb->add_option("--time-zone", time_zone, "IANA zone periods are counted in (default UTC)");
    verb->add_option("--currency", currency, "ISO 4217 code (default: the only one in the data)");
    verb->add_option("--basis", basis, "gross, or net of returns")
        ->check(CLI::IsMember({"gross", "net"}))
        ->capture_default_str();
    verb->add_option("--as-of", as_of, "Only what occurred before this time")->check(TimeText());
    verb->add_option("--known-at", known_at, "Only what was recorded before this time")->check(TimeText());
    read.AddTo(verb, /*with_as_of=*/false);
  }

  void Fill(v1::RetentionScope& scope) const {
    scope.set_period(period == "year" ? v1::PERIOD_YEAR : period == "quarter" ? v1::PERIOD_QUARTER : v1::PERIOD_MONTH);
    scope.set_time_zone(time_zone);
    scope.set_currency_code(currency);
    scope.set_revenue_basis(basis == "net" ? v1::REVENUE_BASIS_NET : v1::REVENUE_BASIS_GROSS);
    if (!as_of.empty()) {
      *scope.mutable_as_of() = TimeOf(as_of);
    }
    if (!known_at.empty()) {
      *scope.mutable_known_at() = TimeOf(known_at);
    }
  }
};

std::string Ratio(bool present, double value) {
  return FormatPercent(present ? std::optional<double>(value) : std::nullopt);
}

void PrintPeriods(Session& session, const v1::GetRetentionResponse& response) {
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
  for (const v1::RetentionPeriod& period : response.periods()) {
    table.Add({period.period(), FormatCount(period.active()), FormatCount(period.new_()),
               FormatCount(period.retained()), FormatCount(period.reactivated()), FormatCount(period.churned()),
               Ratio(period.has_logo_retention(), period.logo_retention()),
               Ratio(period.has_crr_end_minus_new_over_start(), period.crr_end_minus_new_over_start()),
               Ratio(period.has_nrr(), period.nrr()), Ratio(period.has_grr(), period.grr()),
               FormatMicros(period.revenue_micros())});
  }
  session.Print(table);
  session.out() << fmt::format("{} purchases by {} accounts\n", FormatCount(response.purchases()),
                               FormatCount(response.accounts()));
}

void PrintCohorts(Session& session, const v1::GetCohortsResponse& response, bool revenue) {
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
  CLI::App* noun = root.add_subcommand("retention", "Retention: who came, who stayed, who came back");
  auto shown = std::make_shared<ScopeFlags>();
  CLI::App* show = AddVerb(noun, "show", "Shows retention per period", selected, [shown](Session& session) {
    v1::GetRetentionRequest request;
    shown->Fill(*request.mutable_scope());
    shown->read.Fill(request);
    return Show(session, session.client().GetRetention(request),
                [&](const v1::GetRetentionResponse& response) { PrintPeriods(session, response); });
  });
  shown->AddTo(show);

  auto tabled = std::make_shared<ScopeFlags>();
  CLI::App* cohorts =
      AddVerb(noun, "cohorts", "Shows cohorts by period of first purchase", selected, [tabled](Session& session) {
        v1::GetCohortsRequest request;
        tabled->Fill(*request.mutable_scope());
        tabled->read.Fill(request);
        return Show(session, session.client().GetCohorts(request),
                    [&](const v1::GetCohortsResponse& response) { PrintCohorts(session, response, tabled->revenue); });
      });
  tabled->AddTo(cohorts);
  cohorts->add_flag("--revenue", tabled->revenue, "In the table: revenue instead of active accounts");
}

}  // namespace keyledger::cli

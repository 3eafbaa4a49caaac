// keyledger retention survival and tenure: how long it takes, how long they stay.
#include <algorithm>

#include <fmt/format.h>

#include "client/cli/commands.h"
#include "client/cli/figures.h"
#include "client/cli/scope_flags.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/retention_service.pb.h"

namespace keyledger::cli {
namespace {

// Rows of the table without --points all.
constexpr int kSurvivalRows = 25;

struct LifetimeFlags {
  ScopeFlags scope;
  std::string event = "second-purchase";
  int inactive_days = 0;
  std::vector<int> bands;
  bool all_points = false;
};

LineChart SurvivalChart(const v1::GetSurvivalResponse& response) {
  LineChart chart;
  chart.x_max = static_cast<double>(std::max<int64_t>(response.last_day(), 1));
  chart.x_left = "day 0";
  chart.x_right = "day " + FormatCount(response.last_day());
  Curve curve;
  curve.steps = true;
  curve.points.push_back({0, 1});
  for (const v1::SurvivalPoint& point : response.points()) {
    curve.points.push_back({static_cast<double>(point.day()), point.survival()});
  }
  if (!response.points().empty()) {
    curve.points.push_back({static_cast<double>(response.last_day()), response.points().rbegin()->survival()});
  }
  chart.curves.push_back(std::move(curve));
  return chart;
}

void PrintSurvival(Session& session, const v1::GetSurvivalResponse& response, const LifetimeFlags& flags) {
  Table table({{"day", Align::kRight},
               {"at risk", Align::kRight},
               {"events", Align::kRight},
               {"survival", Align::kRight},
               {"variance", Align::kRight}});
  const int count = response.points_size();
  const int rows = flags.all_points ? count : std::min(count, kSurvivalRows);
  for (int row = 0; row < rows; ++row) {
    // Evenly chosen, the first and the last among them.
    const int index = rows < 2 ? 0 : static_cast<int>(static_cast<int64_t>(row) * (count - 1) / (rows - 1));
    const v1::SurvivalPoint& point = response.points(index);
    table.Add({FormatCount(point.day()), FormatCount(point.at_risk()), FormatCount(point.events()),
               FormatPercent(point.survival()), fmt::format("{:.3e}", point.variance())});
  }
  session.Print(table);
  if (rows < count) {
    session.out() << fmt::format("{} of {} days; --all-points prints all\n", rows, count);
  }
  session.out() << fmt::format("{} accounts: {} with the event, {} without it to the end of the time observed\n",
                               FormatCount(response.accounts()), FormatCount(response.events()),
                               FormatCount(response.censored()));
  session.out() << (response.has_median_day()
                        ? fmt::format("half of them by day {}", FormatCount(response.median_day()))
                        : std::string("fewer than half within the time observed"))
                << fmt::format("; on average {} days without it, within {} days observed\n",
                               Decimal(response.restricted_mean_days()), FormatCount(response.last_day()));
  if (session.charts(flags.scope.chart)) {
    session.out() << Render(SurvivalChart(response), session.chart_style());
  }
}

void PrintTenure(Session& session, const v1::GetTenureResponse& response) {
  Table table({{"days with us"}, {"accounts", Align::kRight}, {"share", Align::kRight}});
  for (const v1::TenureBand& band : response.bands()) {
    table.Add({band.has_to_days()
                   ? fmt::format("{} to {}", FormatCount(band.from_days()), FormatCount(band.to_days() - 1))
                   : fmt::format("{} and more", FormatCount(band.from_days())),
               FormatCount(band.accounts()),
               PercentOf(response.accounts() > 0,
                         static_cast<double>(band.accounts()) / static_cast<double>(response.accounts()))});
  }
  session.Print(table);
  session.out() << fmt::format("{} accounts with us; mean {} days, median {} days\n", FormatCount(response.accounts()),
                               DecimalOf(response.has_mean_days(), response.mean_days()),
                               response.has_median_days() ? FormatCount(response.median_days()) : "-");
  session.out() << fmt::format(
      "lifetime: {} days by the survival curve, within the time observed; {} months by the retention of all months\n",
      DecimalOf(response.has_survival_mean_days(), response.survival_mean_days()),
      DecimalOf(response.has_geometric_mean_months(), response.geometric_mean_months()));
}

}  // namespace

void AddLifetimeCommands(CLI::App* retention, Action& selected) {
  const ScopeFlags::Offer offer{.period = false, .basis = false};
  auto survived = std::make_shared<LifetimeFlags>();
  CLI::App* survival = AddVerb(
      retention, "survival", "Shows how long it takes until something happens (Kaplan-Meier)", selected,
      [survived](Session& session) {
        v1::GetSurvivalRequest request;
        request.set_event(survived->event == "loss" ? v1::SURVIVAL_EVENT_LOSS : v1::SURVIVAL_EVENT_SECOND_PURCHASE);
        request.set_inactive_days(survived->inactive_days);
        return ShowScoped(session, survived->scope, request, nullptr, &client::Client::GetSurvival,
                          [&](const auto& pages) { PrintSurvival(session, pages[0], *survived); });
      });
  survival->add_option("--event", survived->event, "What happens: second-purchase, or loss of the account")
      ->check(CLI::IsMember({"second-purchase", "loss"}))
      ->capture_default_str();
  survival->add_option("--inactive-days", survived->inactive_days,
                       "Of loss: an account silent for so many days is lost since its last purchase (default: only "
                       "closed ones are)");
  survival->add_flag("--all-points", survived->all_points, "In the table: every day on which it happened");
  survived->scope.AddTo(survival, offer);
  survived->scope.AddChart(survival);

  auto stayed = std::make_shared<LifetimeFlags>();
  CLI::App* tenure =
      AddVerb(retention, "tenure", "Shows how long accounts have been with us", selected, [stayed](Session& session) {
        v1::GetTenureRequest request;
        request.set_inactive_days(stayed->inactive_days);
        request.mutable_band_days()->Add(stayed->bands.begin(), stayed->bands.end());
        return ShowScoped(session, stayed->scope, request, nullptr, &client::Client::GetTenure,
                          [&](const auto& pages) { PrintTenure(session, pages[0]); });
      });
  tenure->add_option("--inactive-days", stayed->inactive_days,
                     "An account silent for so many days is with us no more (default: only closed ones)");
  tenure->add_option("--bands", stayed->bands, "Upper ends of the bands in days (default 90,180,365,730,1825)")
      ->delimiter(',');
  stayed->scope.AddTo(tenure, offer);
}

}  // namespace keyledger::cli

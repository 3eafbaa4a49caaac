// The retention report. See report_page.h.
#include "client/cli/report_page.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "client/cli/describe.h"
#include "client/cli/figures.h"
#include "client/cli/report_html.h"
#include "client/cli/svg_chart.h"
#include "keyledger/ledger/v1/portfolio_service.pb.h"
#include "keyledger/ledger/v1/retention_service.pb.h"

namespace keyledger::cli {
namespace {

namespace v1 = ::keyledger::ledger::v1;

// Of a normal distribution: 95 of 100 cases.
constexpr double kStandardErrors95 = 1.96;

std::vector<SvgTick> PercentTicks(double most) {
  std::vector<SvgTick> ticks;
  for (const double at : {0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0}) {
    if (at <= most && (at <= 1 || most > 1)) {
      ticks.push_back({at, fmt::format("{:.0f} %", at * 100)});
    }
  }
  return ticks;
}

// Up to so many labels, evenly chosen.
std::vector<SvgTick> PeriodTicks(const std::vector<std::string>& periods) {
  constexpr size_t kLabels = 7;
  std::vector<SvgTick> ticks;
  const size_t count = std::min(periods.size(), kLabels);
  for (size_t k = 0; k < count; ++k) {
    const size_t at = count < 2 ? 0 : k * (periods.size() - 1) / (count - 1);
    ticks.push_back({static_cast<double>(at), periods[at]});
  }
  return ticks;
}

std::vector<SvgTick> DayTicks(int64_t last_day) {
  std::vector<SvgTick> ticks;
  int64_t step = 30;
  for (const int64_t candidate : {30, 90, 180, 365, 730, 3650, 36500}) {
    step = candidate;
    if (last_day / candidate <= 8) {
      break;
    }
  }
  for (int64_t day = 0; day <= last_day && ticks.size() < 12; day += step) {
    ticks.push_back({static_cast<double>(day), FormatCount(day)});
  }
  return ticks;
}

std::string SharesOf(int64_t part, int64_t whole) {
  return PercentOf(whole > 0, static_cast<double>(part) / static_cast<double>(std::max<int64_t>(whole, 1)));
}

// What stands for an answer: what `show` makes of it, or why there is none.
template <typename Response, typename ShowIt>
std::string Answered(const client::Result<Response>& result, const ShowIt& show) {
  return result.ok() ? show(*result) : HtmlRefusal(result.error());
}

// The last period that is over; the last one if none is.
const v1::RetentionPeriod& LastOver(const v1::GetRetentionResponse& response) {
  for (int i = response.periods_size() - 1; i >= 0; --i) {
    if (!response.periods(i).running()) return response.periods(i);
  }
  return *response.periods().rbegin();
}

// The period's name; of one that is not over, up to which day it is known.
std::string PeriodName(const v1::GetRetentionResponse& response, const v1::RetentionPeriod& period) {
  return period.running() ? fmt::format("{} (to {})", period.period(), response.last_day()) : period.period();
}

std::string Summary(const ReportAnswers& answers) {
  std::vector<HtmlTile> tiles;
  if (answers.retention.ok()) {
    const v1::GetRetentionResponse& retention = *answers.retention;
    tiles.push_back({"Accounts that bought", FormatCount(retention.accounts()),
                     fmt::format("{} purchases", FormatCount(retention.purchases()))});
    if (retention.periods_size() > 0) {
      const v1::RetentionPeriod& last = LastOver(retention);
      tiles.push_back({"Active in " + PeriodName(retention, last), FormatCount(last.active()),
                       fmt::format("{} new, {} back, {} churned", FormatCount(last.new_()),
                                   FormatCount(last.reactivated()), FormatCount(last.churned()))});
      tiles.push_back({"Logo retention", PercentOf(last.has_logo_retention(), last.logo_retention()),
                       "of the accounts active in the period before " + last.period()});
      tiles.push_back({"Net revenue retention", PercentOf(last.has_nrr(), last.nrr()),
                       fmt::format("gross {}, in {}", PercentOf(last.has_grr(), last.grr()), last.period())});
    }
  }
  if (answers.second_purchase.ok()) {
    const v1::GetSurvivalResponse& second = *answers.second_purchase;
    tiles.push_back({"Bought a second time", SharesOf(second.events(), second.accounts()),
                     second.has_median_day() ? fmt::format("half of all by day {}", FormatCount(second.median_day()))
                                             : std::string("fewer than half within the time observed")});
  }
  if (answers.concentration.ok() && answers.concentration->groups_size() > 0) {
    const v1::ConcentrationGroup& first = answers.concentration->groups(0);
    tiles.push_back(
        {fmt::format("Held by the first {} %", first.percent()), PercentOf(first.has_share(), first.share()),
         fmt::format("{} accounts; Gini {}", FormatCount(first.accounts()),
                     answers.concentration->has_gini() ? fmt::format("{:.3f}", answers.concentration->gini()) : "-")});
  }
  if (answers.forecast.ok() && answers.forecast->population().has_expected_revenue_micros()) {
    tiles.push_back({"Revenue expected " + answers.forecast->currency_code(),
                     FormatEstimate(answers.forecast->population().expected_revenue_micros()),
                     "until " + FormatTime(answers.forecast->horizon_end())});
  }
  if (answers.at_risk.ok()) {
    tiles.push_back({"At stake " + answers.at_risk->currency_code(),
                     FormatEstimate(answers.at_risk->value_at_stake_micros()),
                     fmt::format("{} accounts at risk", FormatCount(answers.at_risk->total()))});
  }
  if (answers.loss_making.ok()) {
    tiles.push_back({"Accounts that lose money", FormatCount(answers.loss_making->loss_making()),
                     fmt::format("{} {} together", FormatMicros(answers.loss_making->loss_micros()),
                                 answers.loss_making->currency_code())});
  }
  return HtmlTiles(tiles);
}

std::string Periods(const v1::GetRetentionResponse& response) {
  SvgLineChart chart;
  chart.title = "Logo retention and net revenue retention by period";
  chart.x_title = "period";
  SvgCurve logo{"logo retention", 0, {}, false, false, true, {}, {}};
  SvgCurve net{"net revenue retention", 1, {}, false, true, true, {}, {}};
  std::vector<std::string> names;
  double most = 1;
  std::string running;
  for (const v1::RetentionPeriod& period : response.periods()) {
    const auto x = static_cast<double>(names.size());
    names.push_back(period.period());
    // Of a period that is not over nobody knows yet.
    if (period.running()) {
      running = PeriodName(response, period) + " is not over: it is in the table, and in no chart or tile. ";
      continue;
    }
    if (period.has_logo_retention()) logo.points.push_back({x, period.logo_retention()});
    if (period.has_nrr()) {
      net.points.push_back({x, period.nrr()});
      if (std::isfinite(period.nrr())) most = std::max(most, period.nrr());
    }
  }
  // A single period of many times the revenue before would flatten all others.
  chart.y_max = most <= 1 ? 1 : most <= 1.5 ? 1.5 : most <= 2 ? 2 : 3;
  chart.x_max = std::max(1.0, static_cast<double>(names.size()) - 1);
  chart.x_ticks = PeriodTicks(names);
  chart.y_ticks = PercentTicks(chart.y_max);
  chart.curves = {std::move(logo), std::move(net)};

  HtmlTable table({{"Period"},
                   {"Active", true},
                   {"New", true},
                   {"Retained", true},
                   {"Back", true},
                   {"Churned", true},
                   {"Logo", true},
                   {"(E-N)/S", true},
                   {"NRR", true},
                   {"GRR", true},
                   {"Revenue " + response.currency_code(), true}});
  const int first = std::max(0, response.periods_size() - kReportRowsMax);
  for (int i = first; i < response.periods_size(); ++i) {
    const v1::RetentionPeriod& period = response.periods(i);
    table.Add({PeriodName(response, period), FormatCount(period.active()), FormatCount(period.new_()),
               FormatCount(period.retained()), FormatCount(period.reactivated()), FormatCount(period.churned()),
               PercentOf(period.has_logo_retention(), period.logo_retention()),
               PercentOf(period.has_crr_end_minus_new_over_start(), period.crr_end_minus_new_over_start()),
               PercentOf(period.has_nrr(), period.nrr()), PercentOf(period.has_grr(), period.grr()),
               FormatMicros(period.revenue_micros())});
  }
  return Svg(chart) +
         HtmlParagraph(
             running +
                 "Active: at least one purchase in the period. Logo retention: accounts active in this period and the "
                 "one "
                 "before, of those active before. (E-N)/S: active less new, of those active before; accounts that came "
                 "back "
                 "count too. NRR: revenue now of the accounts active before, by their revenue then; GRR: the same with "
                 "at "
                 "most their revenue then, account by account. What lies above the chart is drawn at its edge.",
             "means") +
         (first > 0 ? HtmlParagraph(fmt::format("The last {} of {} periods:", kReportRowsMax, response.periods_size()))
                    : "") +
         table.Render();
}

std::string Cohorts(const v1::GetCohortsResponse& response) {
  HeatMap map;
  map.corner = "cohort";
  int offsets = 0;
  for (const v1::Cohort& cohort : response.cohorts()) {
    HeatMap::Row row{fmt::format("{} ({})", cohort.start(), FormatCount(cohort.size())), {}};
    for (int i = 0; i < cohort.active_size() && cohort.size() > 0; ++i) {
      const double share = static_cast<double>(cohort.active(i)) / static_cast<double>(cohort.size());
      // All of a cohort is active in its first period: the shades are for what comes after.
      row.cells.push_back({fmt::format("{:.0f}", share * 100), i == 0 ? 1.0 : std::min(share * 1.5, 1.0)});
    }
    offsets = std::max(offsets, cohort.active_size());
    map.rows.push_back(std::move(row));
  }
  for (int offset = 0; offset < offsets; ++offset) {
    map.columns.push_back("+" + std::to_string(offset));
  }
  std::string html = Svg(map, "Share of each cohort that was active, by periods since its first purchase");
  if (map.rows.size() > kSvgCellsMax || map.columns.size() > kSvgCellsMax) {
    html += HtmlParagraph(fmt::format("The last {} of {} cohorts and the first {} of {} periods are shown.",
                                      std::min(map.rows.size(), kSvgCellsMax), map.rows.size(),
                                      std::min(map.columns.size(), kSvgCellsMax), map.columns.size()));
  }
  return html + HtmlParagraph(
                    "A row is the accounts that bought for the first time in one period, with their number; a cell is "
                    "the percentage of them that bought so many periods later.",
                    "means");
}

SvgCurve SurvivalCurve(const v1::GetSurvivalResponse& response, const std::string& name, int colour) {
  SvgCurve curve{name, colour, {{0, 1}}, true, false, false, {1}, {1}};
  const auto add = [&](double day, double survival, double variance) {
    const double error = kStandardErrors95 * std::sqrt(std::max(variance, 0.0));
    curve.points.push_back({day, survival});
    curve.lower.push_back(std::max(0.0, survival - error));
    curve.upper.push_back(std::min(1.0, survival + error));
  };
  for (const v1::SurvivalPoint& point : response.points()) {
    add(static_cast<double>(point.day()), point.survival(), point.variance());
  }
  if (response.points_size() > 0) {
    const v1::SurvivalPoint& last = *response.points().rbegin();
    add(static_cast<double>(response.last_day()), last.survival(), last.variance());
  }
  return curve;
}

std::string Survival(const ReportAnswers& answers) {
  SvgLineChart chart;
  chart.title = "Share of accounts without a second purchase, and share not lost, by days since the first purchase";
  chart.x_title = "days since the first purchase";
  chart.y_ticks = PercentTicks(1);
  HtmlTable table({{""},
                   {"Accounts", true},
                   {"With the event", true},
                   {"Without to the end", true},
                   {"Half by day", true},
                   {"Mean days within the time observed", true}});
  int64_t last_day = 1;
  std::string refused;
  const auto add = [&](const client::Result<v1::GetSurvivalResponse>& result, const std::string& name, int colour) {
    if (!result.ok()) {
      refused += HtmlRefusal(result.error());
      return;
    }
    last_day = std::max(last_day, result->last_day());
    chart.curves.push_back(SurvivalCurve(*result, name, colour));
    table.Add({name, FormatCount(result->accounts()), FormatCount(result->events()), FormatCount(result->censored()),
               result->has_median_day() ? FormatCount(result->median_day()) : "-",
               Decimal(result->restricted_mean_days())});
  };
  add(answers.second_purchase, "no second purchase yet", 0);
  add(answers.loss, fmt::format("not lost ({} days of silence)", answers.inactive_days), 2);
  if (chart.curves.empty()) {
    return refused;
  }
  chart.x_max = static_cast<double>(last_day);
  chart.x_ticks = DayTicks(last_day);
  return Svg(chart) +
         HtmlParagraph(
             "Kaplan-Meier: S = prod(1 - d/n) over the days on which it happened, d of n accounts still observed; the "
             "band "
             "holds the true curve in about 95 of 100 cases (Greenwood's variance).",
             "means") +
         table.Render() + refused;
}

std::string Rfm(const v1::GetRfmResponse& response) {
  int64_t counts[5][5] = {};
  int64_t highest = 1;
  for (const v1::RfmCell& cell : response.cells()) {
    const std::string& name = cell.cell();
    const auto digit = [&](size_t i) { return name[i] >= '1' && name[i] <= '5'; };
    if (name.size() != 3 || !digit(0) || !digit(1) || !digit(2)) continue;
    int64_t& count = counts[name[0] - '1'][name[1] - '1'];
    count += cell.accounts();
    highest = std::max(highest, count);
  }
  HeatMap map;
  map.corner = "recency \\ frequency";
  for (int f = 1; f <= 5; ++f) map.columns.push_back(fmt::format("F{}", f));
  for (int r = 4; r >= 0; --r) {
    HeatMap::Row row{fmt::format("R{}", r + 1), {}};
    for (const int64_t count : counts[r]) {
      row.cells.push_back({FormatCount(count), static_cast<double>(count) / static_cast<double>(highest)});
    }
    map.rows.push_back(std::move(row));
  }
  std::vector<const v1::RfmCell*> cells;
  for (const v1::RfmCell& cell : response.cells()) cells.push_back(&cell);
  std::stable_sort(cells.begin(), cells.end(), [](const v1::RfmCell* a, const v1::RfmCell* b) {
    return a->revenue_micros() > b->revenue_micros();
  });
  constexpr size_t kCells = 15;
  HtmlTable table({{"Cell"}, {"Accounts", true}, {"Of all", true}, {"Revenue " + response.currency_code(), true}});
  for (size_t i = 0; i < std::min(cells.size(), kCells); ++i) {
    table.Add({cells[i]->cell(), FormatCount(cells[i]->accounts()), SharesOf(cells[i]->accounts(), response.accounts()),
               FormatMicros(cells[i]->revenue_micros())});
  }
  return Svg(map, "Accounts by recency and frequency") +
         HtmlParagraph(
             fmt::format(
                 "Accounts by quintile of recency (R5: bought last, counted to {}) and frequency (F5: bought most "
                 "often), whatever they spent.",
                 response.as_of_day()),
             "means") +
         HtmlParagraph(fmt::format("The {} cells with the highest revenue, of {}:", std::min(cells.size(), kCells),
                                   cells.size())) +
         table.Render();
}

std::string Concentration(const v1::GetConcentrationResponse& response) {
  SvgLineChart chart;
  chart.title = "Lorenz curve of revenue";
  chart.x_title = "accounts from the lowest";
  chart.x_ticks = PercentTicks(1);
  chart.y_ticks = PercentTicks(1);
  SvgCurve curve{"share of revenue", 0, {{0, 0}}, false, false, false, {}, {}};
  for (const v1::LorenzPoint& point : response.curve()) curve.points.push_back({point.accounts(), point.share()});
  chart.curves = {std::move(curve), {"all alike", 3, {{0, 0}, {1, 1}}, false, true, false, {}, {}}};
  HtmlTable groups({{"Accounts"},
                    {"Count", true},
                    {"Holds " + response.currency_code(), true},
                    {"Share", true},
                    {"Together", true}});
  bool first = true;
  for (const v1::ConcentrationGroup& group : response.groups()) {
    groups.Add({fmt::format("{} {} %", first ? "First" : "Next", group.percent()), FormatCount(group.accounts()),
                FormatMicros(group.total_micros()), PercentOf(group.has_share(), group.share()),
                PercentOf(group.has_cumulative_share(), group.cumulative_share())});
    first = false;
  }
  HtmlTable covering({{"To hold"}, {"Accounts", true}, {"Of all", true}});
  for (const v1::ConcentrationCover& cover : response.covering()) {
    covering.Add(
        {fmt::format("{} %", cover.percent()), FormatCount(cover.accounts()), FormatPercent(cover.account_share())});
  }
  const std::string picture = response.share_note().empty()
                                  ? Svg(chart)
                                  : HtmlParagraph("No curve and no shares: " + response.share_note() + ".");
  return picture +
         HtmlParagraph(
             "The curve shows which share of the revenue the accounts hold together, counted from the lowest; the "
             "further "
             "below the straight line, the more few accounts hold. Gini: 0 all alike, near 1 one has all.",
             "means") +
         HtmlParagraph(fmt::format("{} accounts hold {} {}; Gini {}.", FormatCount(response.accounts()),
                                   FormatMicros(response.total_micros()), response.currency_code(),
                                   response.has_gini() ? fmt::format("{:.4f}", response.gini()) : "-")) +
         groups.Render() + covering.Render();
}

std::string Migration(const v1::GetMigrationResponse& response) {
  HeatMap map;
  map.corner = "from \\ to";
  const int states = std::min(response.states_size(), static_cast<int>(kSvgCellsMax));
  for (int i = 0; i < states; ++i) map.columns.push_back(response.states(i));
  HtmlTable table({{"Periods since the last purchase"},
                   {"Moves", true},
                   {"In the long run", true},
                   {"Brings per period " + response.currency_code(), true},
                   {"Worth " + response.currency_code(), true}});
  for (int i = 0; i < std::min(states, response.rates_size()); ++i) {
    HeatMap::Row row{response.states(i), {}};
    int64_t moves = 0;
    for (int k = 0; k < std::min(states, response.rates(i).to_size()); ++k) {
      row.cells.push_back({FormatPercent(response.rates(i).to(k)), response.rates(i).to(k)});
      if (i < response.counts_size() && k < response.counts(i).to_size()) moves += response.counts(i).to(k);
    }
    map.rows.push_back(std::move(row));
    const bool steady = i < response.steady_state_size();
    const bool reward = i < response.reward_micros_size();
    const bool value = i < response.value_micros_size();
    table.Add({response.states(i), FormatCount(moves), PercentOf(steady, steady ? response.steady_state(i) : 0),
               reward ? FormatEstimate(static_cast<double>(response.reward_micros(i))) : "-",
               EstimateOf(value, value ? response.value_micros(i) : 0)});
  }
  return Svg(map, "Share of accounts that moved from each state to each other") +
         HtmlParagraph(
             "A state is the number of periods since an account's last purchase; a cell is the share of the accounts "
             "in the "
             "row's state that were in the column's state one period later, over all periods. In the long run: the "
             "share of "
             "accounts in each state if the rates stay. Worth: what an account in the state brings from now on, "
             "discounted.",
             "means") +
         table.Render();
}

std::string Forecast(const v1::GetForecastResponse& response) {
  const v1::PopulationForecast& population = response.population();
  SvgInterval interval;
  interval.title = "Expected days with a purchase, with interval";
  interval.value = population.expected_purchases();
  interval.lower = population.lower_purchases();
  interval.upper = population.upper_purchases();
  interval.value_label = Decimal(population.expected_purchases()) + " days with a purchase";
  interval.lower_label = Decimal(population.lower_purchases());
  interval.upper_label = Decimal(population.upper_purchases());
  HtmlTable table({{"Account"},
                   {"Alive", true},
                   {"Days expected", true},
                   {"Revenue " + response.currency_code(), true},
                   {"Rank", true},
                   {"Next", true},
                   {"Tier"},
                   {"Projected"}});
  const int rows = std::min(response.accounts_size(), kReportRowsMax);
  for (int i = 0; i < rows; ++i) {
    const v1::AccountForecast& account = response.accounts(i);
    table.Add({account.account_id(), FormatPercent(account.p_alive()), Decimal(account.expected_purchases()),
               EstimateOf(account.has_expected_revenue_micros(), account.expected_revenue_micros()),
               FormatCount(account.rank()), account.has_next_rank() ? FormatCount(account.next_rank()) : "-",
               account.tier_id(), account.projected_tier_id()});
  }
  const v1::ForecastModel& model = response.model();
  std::string text = fmt::format("From {} to {}: {} accounts, of which {} are alive; ", FormatTime(response.as_of()),
                                 FormatTime(response.horizon_end()), FormatCount(population.accounts()),
                                 Decimal(population.alive_accounts()));
  text += population.has_expected_revenue_micros()
              ? fmt::format("revenue of {} {} is expected.", FormatEstimate(population.expected_revenue_micros()),
                            response.currency_code())
              : "no forecast of revenue: " + model.value_note();
  return HtmlParagraph(text) + Svg(interval) +
         HtmlParagraph(
             fmt::format(
                 "Alive: has not stopped for good, by the model, which takes all that bought on one day only for "
                 "alive; days and revenue are those within the horizon. "
                 "BG/NBD (Fader, Hardie and Lee 2005): r {}, alpha {} weeks, a {}, b {}; log-likelihood {}; {}. The "
                 "band is the interval that is to hold what comes if the model is right: it counts chance, not the "
                 "model's own error.",
                 Significant(model.r(), 4), Significant(model.alpha(), 4), Significant(model.a(), 4),
                 Significant(model.b(), 4), Significant(model.log_likelihood(), 8), model.convergence()),
             "means") +
         HtmlParagraph(fmt::format("The {} accounts with the highest revenue expected:", rows)) + table.Render();
}

std::string AtRisk(const v1::ListAtRiskResponse& response) {
  HtmlTable table({{"Account"},
                   {"Owner"},
                   {"Alive", true},
                   {"If kept " + response.currency_code(), true},
                   {"At stake", true},
                   {"Last purchase"},
                   {"Why"}});
  const int rows = std::min(response.accounts_size(), kReportRowsMax);
  for (int i = 0; i < rows; ++i) {
    const v1::AtRiskAccount& account = response.accounts(i);
    std::string why;
    for (const v1::RiskFinding& finding : account.reasons()) {
      const std::string reason = finding.detail().empty()
                                     ? ShortEnum(v1::RiskReason_Name(finding.reason()), "RISK_REASON_")
                                     : finding.detail();
      why += (why.empty() ? "" : "; ") + reason;
    }
    table.Add({account.account_id(), account.owner(), FormatPercent(account.p_alive()),
               FormatEstimate(account.value_if_kept_micros()), FormatEstimate(account.value_at_stake_micros()),
               FormatTime(account.last_purchase_time()), why});
  }
  return HtmlParagraph(
             fmt::format("{} accounts are at risk, with {} {} at stake; the first {}:", FormatCount(response.total()),
                         FormatEstimate(response.value_at_stake_micros()), response.currency_code(), rows)) +
         table.Render() +
         HtmlParagraph(
             "Alive: the probability that the account has not stopped for good. At stake: what it would bring within "
             "the "
             "horizon if it stays, times the probability that it does not.",
             "means");
}

std::string LossEffect(const v1::GetLossEffectResponse& response, const std::string& period) {
  const bool more = !(response.gain_micros() < 0);
  return HtmlParagraph(
      fmt::format("{} of the accounts active in one period of {} are not in the next: they count as lost in it, "
                  "though some buy "
                  "later. With a rate of {} instead, the {} accounts active in {} would be worth {} {} {} {}: {}.",
                  FormatPercent(response.loss_rate()), OnePeriod(period), FormatPercent(response.reduced_loss_rate()),
                  FormatCount(response.accounts()), response.last_period(),
                  FormatEstimate(more ? response.gain_micros() : -response.gain_micros()), response.currency_code(),
                  more ? "more" : "less",
                  response.periods() > 0 ? fmt::format("over {} such periods", response.periods()) : "without end",
                  FormatPercent(response.gain_share())));
}

void AddProfit(HtmlTable& table, const std::string& name, const v1::Profitability& row) {
  table.Add({name, FormatMicros(row.revenue_micros()), FormatMicros(row.goods_cost_micros()),
             FormatMicros(row.margin_micros()), FormatMicros(row.serve_cost_micros()),
             FormatMicros(row.profit_micros())});
}

std::string Profitability(const v1::ListProfitabilityResponse& response, bool with_total) {
  constexpr int kRows = 15;
  HtmlTable table({{"Account"},
                   {"Revenue " + response.currency_code(), true},
                   {"Goods", true},
                   {"Margin", true},
                   {"To serve", true},
                   {"Profit", true}});
  const int rows = std::min(response.accounts_size(), kRows);
  for (int i = 0; i < rows; ++i) AddProfit(table, response.accounts(i).account_id(), response.accounts(i));
  if (with_total) AddProfit(table, "All accounts", response.total());
  return HtmlParagraph(with_total
                           ? fmt::format("The {} accounts with the highest profit:", rows)
                           : fmt::format("{} of {} accounts lose money, {} {} together; the first {}:",
                                         FormatCount(response.loss_making()), FormatCount(response.account_count()),
                                         FormatMicros(response.loss_micros()), response.currency_code(), rows)) +
         table.Render() +
         (with_total && response.purchases_without_cost() > 0
              ? HtmlParagraph(fmt::format("Of {} purchases ", FormatCount(response.purchases())) +
                              WithoutCost(response.purchases_without_cost()) + ".")
              : "");
}

}  // namespace

std::string RetentionReport(const ReportAnswers& answers) {
  std::string body = fmt::format("<header>\n<h1>{}</h1>\n{}</header>\n", EscapeXml(answers.title),
                                 HtmlParagraph(fmt::format("{}. Made {}.", answers.scope, answers.made), "soft"));
  body += Summary(answers);
  body += HtmlSection("Retention by period", Answered(answers.retention, Periods));
  body += HtmlSection("Cohorts", Answered(answers.cohorts, Cohorts));
  body += HtmlSection("How long it takes", Survival(answers));
  body += HtmlSection("Recency, frequency, money", Answered(answers.rfm, Rfm));
  body += HtmlSection("Concentration", Answered(answers.concentration, Concentration));
  body += HtmlSection("Moves between states", Answered(answers.migration, Migration));
  body += HtmlSection("What is to be expected", Answered(answers.forecast, Forecast));
  body += HtmlSection("Accounts at risk", Answered(answers.at_risk, AtRisk));
  body += HtmlSection("What fewer losses are worth", Answered(answers.loss_effect, [&](const auto& response) {
                        return LossEffect(response, answers.period);
                      }));
  body += HtmlSection(
      "Profitability",
      Answered(answers.most_profitable, [](const auto& response) { return Profitability(response, true); }) +
          Answered(answers.loss_making, [](const auto& response) { return Profitability(response, false); }) +
          HtmlParagraph(
              "Margin: revenue net of returns less the cost of the goods. To serve: services, gifts, commissions "
              "and recorded costs. Profit: margin less the cost to serve.",
              "means"));
  return HtmlPage(answers.title, body);
}

}  // namespace keyledger::cli

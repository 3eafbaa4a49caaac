#include "tests/bench/forecast_bench.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <vector>

#include "projections/forecast/bg_nbd.h"
#include "projections/forecast/gamma_gamma.h"
#include "tests/unit/forecast/simulated.h"

namespace keyledger::bench {
namespace {

using forecast::Spend;
using forecast::Summary;

constexpr double kWeeksAhead = 39;
constexpr int kCustomers = 23'570;

struct Population {
  std::vector<Summary> summaries;
  std::vector<Spend> spends;
};

int64_t DayOf(int date) {
  const std::chrono::year_month_day day(std::chrono::year(date / 10000),
                                        std::chrono::month(static_cast<unsigned>(date / 100 % 100)),
                                        std::chrono::day(static_cast<unsigned>(date % 100)));
  return std::chrono::sys_days(day).time_since_epoch().count();
}

// Purchases until the end of September 1997. Empty when the file is not there.
Population ReadMaster(const std::string& path) {
  const int64_t end = DayOf(19970930);
  std::map<std::string, std::map<int64_t, double>> customers;
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string customer;
    int date = 0;
    double units = 0, amount = 0;
    // The header is no row of numbers.
    if (!(fields >> customer >> date >> units >> amount)) continue;
    if (DayOf(date) <= end) customers[customer][DayOf(date)] += amount;
  }
  Population population;
  for (const auto& [name, days] : customers) {
    const int64_t first = days.begin()->first;
    population.summaries.push_back(
        forecast::SummaryOfDays(static_cast<int64_t>(days.size()), first, days.rbegin()->first, end));
    if (days.size() == 1) continue;
    Spend spend = {population.summaries.back().x, 0};
    for (const auto& [day, amount] : days) spend.mean += day == first ? 0 : amount / static_cast<double>(spend.x);
    population.spends.push_back(spend);
  }
  return population;
}

Population SimulateMaster() {
  forecast::testing::Random random(1);
  Population population;
  for (int i = 0; i < kCustomers; ++i) {
    const double weeks = 27 + i % 84 / 7.0;
    population.summaries.push_back(forecast::testing::Simulate(random, {0.25, 4.8, 0.72, 2.2}, weeks, 0).summary);
    const int64_t x = population.summaries.back().x;
    if (x == 0) continue;
    const double rate = forecast::testing::GammaDraw(random, 3.7, 15);
    const auto count = static_cast<double>(x);
    population.spends.push_back({x, forecast::testing::GammaDraw(random, 6.2 * count, rate) / count});
  }
  return population;
}

double MillisecondsOf(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

template <typename Result>
Result ValueOf(absl::StatusOr<Result> result) {
  if (!result.ok()) Fail(std::string(result.status().message()));
  return *std::move(result);
}

}  // namespace

void BenchForecast(const std::string& data_dir, int repetitions, Report& report) {
  Population population = ReadMaster(data_dir + "/cdnow/CDNOW_master.txt");
  if (population.summaries.empty()) {
    report.Note("THE CDNOW DATA IS NOT THERE: customers as many and alike are simulated");
    population = SimulateMaster();
  }
  std::vector<double> fitting, spending, each, all;
  for (int i = 0; i < repetitions; ++i) {
    forecast::BgNbdFit fit;
    fitting.push_back(MillisecondsOf([&] { fit = ValueOf(forecast::FitBgNbd(population.summaries)); }));
    if (!fit.converged) Fail("BG/NBD did not converge: " + fit.why);
    spending.push_back(MillisecondsOf([&] { ValueOf(forecast::FitGammaGamma(population.spends)); }));
    each.push_back(
        MillisecondsOf([&] { ValueOf(forecast::ForecastEach(fit.parameters, population.summaries, kWeeksAhead)); }));
    all.push_back(
        MillisecondsOf([&] { ValueOf(forecast::ForecastPopulation(fit, population.summaries, kWeeksAhead, 0.95)); }));
  }
  report.Figure("BG/NBD fitted to the CDNOW master, 23,570 customers; at most 2,000 wanted", "ms", fitting);
  report.Figure("Gamma-Gamma fitted to those who bought again", "ms", spending);
  report.Figure("forecast of each customer, 39 weeks", "ms", each);
  report.Figure("forecast of all with its interval", "ms", all);
}

}  // namespace keyledger::bench

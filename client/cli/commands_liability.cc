// keyledger points liability.
#include <algorithm>

#include <fmt/format.h>

#include "client/cli/commands.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/points_service.pb.h"
#include "keyledger/ledger/v1/retention_service.pb.h"

namespace keyledger::cli {
namespace {

struct LiabilityFlags {
  std::string program;
  std::string period = "month";
  std::string time_zone;
  std::string known_at;
  ReadFlags read;
  bool curve = false;
  std::string price;
  std::string standalone;
  std::string value;
  std::string rate;
  std::string allocated;
  std::string expected;

  bool prices() const { return !price.empty() || !standalone.empty() || !value.empty() || !rate.empty(); }
};

// The micros of an option that MoneyText has checked.
int64_t MicrosOf(const std::string& text) { return text.empty() ? 0 : ParseMicros(text).value_or(0); }

CLI::Validator Share() {
  return CLI::Validator(
      [](const std::string& text) {
        const std::optional<int64_t> micros = ParseMicros(text);
        return micros && *micros >= 0 && *micros <= 1'000'000
                   ? std::string()
                   : fmt::format("'{}' is no share: give a decimal number from 0 to 1 with at most six decimals", text);
      },
      "SHARE");
}

CLI::Validator PointCount() {
  return CLI::Validator(
      [](const std::string& text) {
        return ParseInteger(text).value_or(-1) >= 0
                   ? std::string()
                   : fmt::format("'{}' is no number of points: give a whole number, zero or more", text);
      },
      "POINTS");
}

v1::GetLiabilityRequest RequestOf(const LiabilityFlags& flags) {
  v1::GetLiabilityRequest request;
  flags.read.Fill(request);
  if (!flags.known_at.empty()) {
    *request.mutable_known_at() = TimeOf(flags.known_at);
  }
  request.set_program_id(flags.program);
  request.set_cohort_period(flags.period == "year"      ? v1::PERIOD_YEAR
                            : flags.period == "quarter" ? v1::PERIOD_QUARTER
                                                        : v1::PERIOD_MONTH);
  request.set_time_zone(flags.time_zone);
  if (!flags.allocated.empty()) {
    request.mutable_ifrs15()->set_allocated_micros(MicrosOf(flags.allocated));
  } else if (flags.prices()) {
    v1::Ifrs15Prices& prices = *request.mutable_ifrs15()->mutable_prices();
    prices.set_price_micros(MicrosOf(flags.price));
    prices.set_goods_standalone_micros(MicrosOf(flags.standalone));
    prices.set_value_per_point_micros(MicrosOf(flags.value));
    if (!flags.rate.empty()) {
      prices.set_redemption_rate(static_cast<double>(MicrosOf(flags.rate)) / 1e6);
    }
  }
  if (!flags.expected.empty()) {
    request.mutable_ifrs15()->set_expected_redeemed(ParseInteger(flags.expected).value_or(0));
  }
  return request;
}

std::vector<std::string> TotalsCells(const v1::LotTotals& totals) {
  return {FormatCount(totals.lots()),      FormatCount(totals.issued()),  FormatCount(totals.redeemed()),
          FormatCount(totals.adjusted()),  FormatCount(totals.expired()), FormatCount(totals.reversed()),
          FormatCount(totals.available()), FormatCount(totals.pending())};
}

void PrintCohorts(Session& session, const v1::GetLiabilityResponse& response) {
  Table table({{"earned in"},
               {"lots", Align::kRight},
               {"issued", Align::kRight},
               {"redeemed", Align::kRight},
               {"adjusted", Align::kRight},
               {"expired", Align::kRight},
               {"reversed", Align::kRight},
               {"available", Align::kRight},
               {"pending", Align::kRight},
               {"breakage", Align::kRight},
               {"unknown", Align::kRight}});
  const auto add = [&table](std::string name, const v1::LotTotals& totals, std::string breakage, std::string unknown) {
    std::vector<std::string> cells = TotalsCells(totals);
    cells.insert(cells.begin(), std::move(name));
    cells.push_back(std::move(breakage));
    cells.push_back(std::move(unknown));
    table.Add(std::move(cells));
  };
  for (const v1::LiabilityCohort& cohort : response.cohorts()) {
    const bool open = cohort.totals().available() + cohort.totals().pending() > 0;
    add(cohort.period(), cohort.totals(), open ? FormatPercent(cohort.outlook().expired()) : "",
        open ? FormatPercent(cohort.outlook().unresolved()) : "");
  }
  add("all", response.totals(), "", "");
  session.Print(table);
}

void PrintAges(Session& session, const v1::GetLiabilityResponse& response) {
  Table table({{"age in days"},
               {"lots", Align::kRight},
               {"available", Align::kRight},
               {"pending", Align::kRight},
               {"outstanding", Align::kRight}});
  for (const v1::LiabilityAge& age : response.ages()) {
    table.Add({age.has_to_days() ? fmt::format("{} to {}", age.from_days(), age.to_days() - 1)
                                 : fmt::format("{} and more", age.from_days()),
               FormatCount(age.lots()), FormatCount(age.available()), FormatCount(age.pending()),
               FormatCount(static_cast<__int128>(age.available()) + age.pending())});
  }
  session.out() << "\n";
  session.Print(table);
}

void PrintCurve(Session& session, const v1::GetLiabilityResponse& response) {
  int ages = 0;
  for (const v1::LiabilityCohort& cohort : response.cohorts()) {
    ages = std::max(ages, cohort.redeemed_by_age_size());
  }
  std::vector<Column> columns = {{"redeemed of"}, {"issued", Align::kRight}};
  for (int age = 0; age < ages; ++age) {
    columns.push_back({"+" + std::to_string(age), Align::kRight});
  }
  Table table(columns);
  for (const v1::LiabilityCohort& cohort : response.cohorts()) {
    const v1::LotTotals& totals = cohort.totals();
    const int64_t given = totals.issued() - totals.reversed() - totals.adjusted();
    std::vector<std::string> cells = {cohort.period(), FormatCount(totals.issued())};
    for (const int64_t redeemed : cohort.redeemed_by_age()) {
      cells.push_back(FormatPercent(
          given > 0 ? std::optional(static_cast<double>(redeemed) / static_cast<double>(given)) : std::nullopt));
    }
    table.Add(std::move(cells));
  }
  session.out() << "\n";
  session.Print(table);
  session.out() << "share of the points not taken back, by periods since they were earned\n";
}

void PrintOutlook(Session& session, const v1::GetLiabilityResponse& response) {
  session.out() << "\n";
  if (response.outlook_by_age().empty()) {
    session.out() << "no period has been seen whole yet: nothing is known of how points are redeemed\n";
  } else {
    const v1::PointsOutlook& fresh = response.outlook_by_age(0);
    session.out() << fmt::format("of points given now: {} will be redeemed, {} will run out, of {} nothing is known\n",
                                 FormatPercent(fresh.redeemed()), FormatPercent(fresh.expired()),
                                 FormatPercent(fresh.unresolved()));
  }
  session.out() << fmt::format("expected to be redeemed in all: {} of {}\n", FormatCount(response.expected_redeemed()),
                               FormatCount(response.totals().issued()));
  if (!response.has_ifrs15()) {
    return;
  }
  const v1::Ifrs15Figures& figures = response.ifrs15();
  Table table = Table::Fields();
  table.Add({"allocated to points", FormatMicros(figures.allocated_micros())});
  table.Add({"revenue so far", FormatMicros(figures.revenue_micros())});
  table.Add({"contract liability", FormatMicros(figures.liability_micros())});
  table.Add({"of an expected", FormatCount(figures.expected_redeemed()) + " points"});
  session.out() << "IFRS 15:\n";
  session.Print(table);
}

}  // namespace

void AddLiability(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<LiabilityFlags>();
  CLI::App* verb = AddVerb(
      noun, "liability", "Shows what the ledger owes in points, by cohort and age, with breakage and IFRS 15", selected,
      [flags](Session& session) {
        if (!flags->allocated.empty() && flags->prices()) {
          return session.Usage("--allocated cannot be given together with prices");
        }
        if (!flags->expected.empty() && flags->allocated.empty() && !flags->prices()) {
          return session.Usage("--expected-redeemed needs --allocated, or --price, --goods and --value-per-point");
        }
        return Show(session, session.client().GetLiability(RequestOf(*flags)),
                    [&](const v1::GetLiabilityResponse& response) {
                      PrintCohorts(session, response);
                      PrintAges(session, response);
                      if (flags->curve) {
                        PrintCurve(session, response);
                      }
                      PrintOutlook(session, response);
                    });
      });
  verb->add_option("--program", flags->program, "Only points that rules of this program gave");
  verb->add_option("--cohort", flags->period, "month, quarter or year")
      ->check(CLI::IsMember({"month", "quarter", "year"}))
      ->capture_default_str();
  verb->add_option("--time-zone", flags->time_zone, "IANA zone periods are counted in (default UTC)");
  verb->add_option("--known-at", flags->known_at, "Only what was recorded before this time")->check(TimeText());
  verb->add_flag("--curve", flags->curve, "Also the realised redemption curve of every cohort");
  verb->add_option("--price", flags->price, "IFRS 15: what was paid for goods and points together")->check(MoneyText());
  verb->add_option("--goods", flags->standalone, "IFRS 15: stand-alone price of the goods")->check(MoneyText());
  verb->add_option("--value-per-point", flags->value, "IFRS 15: stand-alone value of a redeemed point")
      ->check(MoneyText());
  verb->add_option("--redemption-rate", flags->rate,
                   "IFRS 15: share expected to be redeemed when the points were given, 0 to 1 (default: as now)")
      ->check(Share());
  verb->add_option("--allocated", flags->allocated, "IFRS 15: what was allocated to the points, instead of prices")
      ->check(MoneyText());
  verb->add_option("--expected-redeemed", flags->expected,
                   "IFRS 15: points expected to be redeemed in all (default: as the curve says)")
      ->check(PointCount());
  flags->read.AddTo(verb);
}

}  // namespace keyledger::cli

// keyledger retention forecast, record-forecast, forecasts, score: what is to be expected, and what came.
#include <fmt/format.h>

#include "client/cli/commands.h"
#include "client/cli/figures.h"
#include "client/cli/forecast_flags.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/retention_service.pb.h"

namespace keyledger::cli {
namespace {

struct ForecastCommand {
  ForecastFlags forecast;
  std::string account;
  PageFlags pages;
  std::string request_id;
  std::string note;
  std::string actor;
};

struct ScoreFlags {
  std::string forecast;
  ReadFlags read;
};

void AddModel(Table& table, const v1::ForecastModel& model) {
  table.Add({"BG/NBD", fmt::format("r {}, alpha {} weeks, a {}, b {}; log-likelihood {}", Significant(model.r(), 6),
                                   Significant(model.alpha(), 6), Significant(model.a(), 6), Significant(model.b(), 6),
                                   Significant(model.log_likelihood(), 10))});
  if (model.has_p()) {
    table.Add({"Gamma-Gamma", fmt::format("p {}, q {}, gamma {}{}", Significant(model.p(), 6),
                                          Significant(model.q(), 6), Significant(model.gamma(), 6),
                                          model.has_value_log_likelihood()
                                              ? "; log-likelihood " + Significant(model.value_log_likelihood(), 10)
                                              : "")});
  } else {
    table.Add({"Gamma-Gamma", "none" + (model.value_note().empty() ? "" : ": " + model.value_note())});
  }
  if (model.accounts() > 0) {
    table.Add({"fitted to", FormatCount(model.accounts()) + " accounts" +
                                (model.repeat_accounts() > 0 ? fmt::format(", {} of them with a second day of purchase",
                                                                           FormatCount(model.repeat_accounts()))
                                                             : "")});
  }
  if (!model.convergence().empty()) {
    table.Add({"convergence", model.convergence()});
  }
}

// Below it, of all purchases, an account's silence says next to nothing.
constexpr double kLossesSeen = 0.01;

// What the figures mean and do not mean.
void PrintCaveats(Session& session, const v1::ForecastModel& model) {
  const double lost = model.a() / (model.a() + model.b());
  if (lost < kLossesSeen) {
    session.out() << fmt::format(
        "warning: the model sees practically no losses (an account stops after {:.2g} % of its purchases): it takes "
        "nearly all for alive, however long they are silent\n",
        lost * 100);
  }
  session.out()
      << "alive: has not stopped for good, by the model, which takes all that bought on one day only for alive; "
         "days and revenue are those within the horizon\n"
         "the interval counts chance, not the model's own error: what comes may lie outside more often\n";
}

void AddPopulation(Table& table, const v1::PopulationForecast& population, const std::string& currency) {
  // A forecast on record does not say how many.
  table.Add({"accounts", FormatCount(population.accounts()) +
                             (population.alive_accounts() > 0
                                  ? fmt::format(", {} of them alive", Decimal(population.alive_accounts()))
                                  : "")});
  if (population.closed_accounts() > 0) {
    table.Add({"closed", FormatCount(population.closed_accounts()) + " of them: nothing is expected of these"});
  }
  table.Add({"days with a purchase",
             fmt::format("{}, between {} and {}", Decimal(population.expected_purchases()),
                         Decimal(population.lower_purchases()), Decimal(population.upper_purchases()))});
  if (population.has_expected_revenue_micros()) {
    table.Add({"revenue", FormatEstimate(population.expected_revenue_micros()) + " " + currency});
  }
  if (population.has_expected_value_micros()) {
    table.Add({"value", FormatEstimate(population.expected_value_micros()) + " " + currency});
  }
}

std::string Stretch(const google::protobuf::Timestamp& from, const google::protobuf::Timestamp& to) {
  return FormatTime(from) + " to " + FormatTime(to);
}

void PrintForecast(Session& session, const std::vector<v1::GetForecastResponse>& pages) {
  const v1::GetForecastResponse& response = pages[0];
  Table summary = Table::Fields();
  summary.Add({"forecast", Stretch(response.as_of(), response.horizon_end())});
  AddModel(summary, response.model());
  AddPopulation(summary, response.population(), response.currency_code());
  session.Print(summary);
  PrintCaveats(session, response.model());
  session.out() << "\n";
  Table table({{"account"},
               {"alive", Align::kRight},
               {"days expected", Align::kRight},
               {"a day", Align::kRight},
               {"revenue " + response.currency_code(), Align::kRight},
               {"value", Align::kRight},
               {"rank", Align::kRight},
               {"next", Align::kRight},
               {"tier"},
               {"projected"}});
  for (const v1::GetForecastResponse& page : pages) {
    for (const v1::AccountForecast& account : page.accounts()) {
      table.Add({account.account_id(), FormatPercent(account.p_alive()), Decimal(account.expected_purchases()),
                 EstimateOf(account.has_expected_spend_micros(), account.expected_spend_micros()),
                 EstimateOf(account.has_expected_revenue_micros(), account.expected_revenue_micros()),
                 EstimateOf(account.has_expected_value_micros(), account.expected_value_micros()),
                 FormatCount(account.rank()), account.has_next_rank() ? FormatCount(account.next_rank()) : "-",
                 account.tier_id(), account.projected_tier_id()});
    }
  }
  session.Print(table);
}

std::string Filter(const v1::PopulationFilter& accounts) {
  std::string text;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, value);
    }
  };
  add("region", accounts.region());
  add("segment", accounts.segment());
  add("owner", accounts.owner());
  add("tier", accounts.tier_id());
  add("club", accounts.club_id());
  return text.empty() ? "all" : text;
}

Table RecordedTable(const v1::RecordedForecast& forecast) {
  Table table = Table::Fields();
  table.Add({"forecast", forecast.forecast_id()});
  table.Add({"recorded", FormatTime(forecast.record_time())});
  table.Add({"horizon", Stretch(forecast.as_of(), forecast.horizon_end())});
  table.Add({"of", Filter(forecast.accounts())});
  AddModel(table, forecast.model());
  AddPopulation(table, forecast.population(), forecast.currency_code());
  if (!forecast.note().empty()) {
    table.Add({"note", forecast.note()});
  }
  return table;
}

void AddRecorded(Table& table, const v1::ListForecastsResponse& page) {
  for (const v1::RecordedForecast& forecast : page.forecasts()) {
    const v1::PopulationForecast& population = forecast.population();
    table.Add({forecast.forecast_id(), FormatTime(forecast.record_time()),
               Stretch(forecast.as_of(), forecast.horizon_end()), Filter(forecast.accounts()),
               FormatCount(population.accounts()), Decimal(population.expected_purchases()),
               population.has_expected_revenue_micros()
                   ? FormatEstimate(population.expected_revenue_micros()) + " " + forecast.currency_code()
                   : "-",
               forecast.note()});
  }
}

// Groups of accounts under `first`, as `label(i, group)` names them.
template <class Label>
Table GroupTable(const std::string& first, const google::protobuf::RepeatedPtrField<v1::ForecastGroup>& groups,
                 const Label& label) {
  Table table({{first, Align::kRight},
               {"accounts", Align::kRight},
               {"expected", Align::kRight},
               {"came", Align::kRight},
               {"mean error", Align::kRight},
               {"absolute", Align::kRight},
               {"root mean square", Align::kRight}});
  for (int i = 0; i < groups.size(); ++i) {
    const v1::ForecastGroup& group = groups[i];
    table.Add({label(i, group), FormatCount(group.accounts()), fmt::format("{:.4f}", group.expected_mean()),
               fmt::format("{:.4f}", group.actual_mean()), fmt::format("{:.4f}", group.bias()),
               fmt::format("{:.4f}", group.mean_absolute_error()),
               fmt::format("{:.4f}", group.root_mean_squared_error())});
  }
  return table;
}

void PrintScore(Session& session, const v1::ScoreForecastResponse& response) {
  Table table = Table::Fields();
  table.Add({"forecast", response.forecast().forecast_id()});
  table.Add({"held against", Stretch(response.forecast().as_of(), response.scored_until())});
  table.Add({"days with a purchase", fmt::format("{} expected, {} came", Decimal(response.expected_purchases()),
                                                 FormatCount(response.actual_purchases()))});
  table.Add({"within the interval", !response.has_within_interval() ? "the horizon is not over"
                                    : response.within_interval()    ? "yes"
                                                                    : "no"});
  if (response.has_expected_revenue_micros()) {
    const std::string& currency = response.forecast().currency_code();
    table.Add({"revenue", fmt::format("{} expected, {} came ({})", FormatEstimate(response.expected_revenue_micros()),
                                      FormatMicros(response.actual_revenue_micros()), currency)});
  }
  table.Add(
      {"error per account", fmt::format("mean {:.4f}, mean absolute {:.4f}, root mean square {:.4f}", response.bias(),
                                        response.mean_absolute_error(), response.root_mean_squared_error())});
  session.Print(table);
  session.out() << "\n";
  session.Print(GroupTable("repeat days", response.groups(),
                           [](int, const v1::ForecastGroup& group) { return group.repeat_days(); }));
  session.out() << "\n";
  session.Print(GroupTable("by what was expected", response.calibration(),
                           [](int i, const v1::ForecastGroup&) { return FormatCount(i + 1); }));
}

}  // namespace

void AddForecastCommands(CLI::App* retention, Action& selected) {
  auto asked = std::make_shared<ForecastCommand>();
  CLI::App* forecast =
      AddVerb(retention, "forecast", "Fits BG/NBD and Gamma-Gamma and shows what is to be expected", selected,
              [asked](Session& session) {
                v1::GetForecastRequest request;
                asked->forecast.Fill(*request.mutable_forecast());
                request.set_account_id(asked->account);
                return ShowScoped(session, asked->forecast.scope, request, &asked->pages, &client::Client::GetForecast,
                                  [&](const auto& pages) { PrintForecast(session, pages); });
              });
  forecast->add_option("--account", asked->account, "List this account only");
  asked->pages.AddTo(forecast);
  asked->forecast.AddTo(forecast);

  auto made = std::make_shared<ForecastCommand>();
  CLI::App* record = AddVerb(retention, "record-forecast", "Makes a forecast and puts it on record, to be scored later",
                             selected, [made](Session& session) {
                               v1::RecordForecastRequest request;
                               made->forecast.Fill(*request.mutable_forecast());
                               made->forecast.scope.Fill(*request.mutable_forecast()->mutable_scope());
                               request.set_request_id(made->request_id);
                               request.set_note(made->note);
                               request.set_actor(made->actor);
                               return Show(session, session.client().RecordForecast(request),
                                           [&](const v1::RecordForecastResponse& response) {
                                             session.Print(RecordedTable(response.forecast()));
                                             PrintCaveats(session, response.forecast().model());
                                             session.out() << "cursor " << Printable(response.cursor()) << "\n";
                                           });
                             });
  record->add_option("--request-id", made->request_id, "Makes the request safe to repeat (default: a new random id)");
  record->add_option("--note", made->note, "Why it is made");
  record->add_option("--actor", made->actor, "Who asks");
  made->forecast.AddTo(record, /*by=*/false);

  auto listed = std::make_shared<ForecastCommand>();
  CLI::App* list = AddVerb(retention, "forecasts", "Lists the forecasts on record, newest first", selected,
                           [listed](Session& session) {
                             v1::ListForecastsRequest request;
                             listed->forecast.scope.read.Fill(request);
                             return ShowPages(session, request, listed->pages, &client::Client::ListForecasts,
                                              Table({{"forecast"},
                                                     {"recorded"},
                                                     {"horizon"},
                                                     {"of"},
                                                     {"accounts", Align::kRight},
                                                     {"days expected", Align::kRight},
                                                     {"revenue expected", Align::kRight},
                                                     {"note"}}),
                                              AddRecorded);
                           });
  listed->pages.AddTo(list);
  listed->forecast.scope.read.AddTo(list, /*with_as_of=*/false);

  auto scored = std::make_shared<ScoreFlags>();
  CLI::App* score =
      AddVerb(retention, "score", "Holds a forecast on record against what came", selected, [scored](Session& session) {
        v1::ScoreForecastRequest request;
        request.set_forecast_id(scored->forecast);
        scored->read.Fill(request);
        return Show(session, session.client().ScoreForecast(request),
                    [&](const v1::ScoreForecastResponse& response) { PrintScore(session, response); });
      });
  score->add_option("FORECAST", scored->forecast, "Id of the forecast")->required();
  scored->read.AddTo(score);
}

}  // namespace keyledger::cli

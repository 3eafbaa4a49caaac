// keyledger retention contracts, at-risk and loss-effect: who may go, and what keeping them is worth.
#include <algorithm>

#include <fmt/format.h>

#include "client/cli/commands.h"
#include "client/cli/describe.h"
#include "client/cli/figures.h"
#include "client/cli/forecast_flags.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/retention_service.pb.h"

namespace keyledger::cli {
namespace {

struct ContractFlags {
  ScopeFlags scope;
  std::string kind;
  int renewal_months = 0;
  int horizon = 0;
  std::string discount;
};

struct RiskFlags {
  ForecastFlags forecast;
  std::string alive_below;
  PageFlags pages;
};

struct EffectFlags {
  ScopeFlags scope;
  std::string fewer;
  std::string margin;
  std::string discount;
  // Below zero: not given.
  int periods = -1;
};

void PrintContracts(Session& session, const v1::GetContractRetentionResponse& response, bool chart) {
  Table table({{"renewal", Align::kRight},
               {"at risk", Align::kRight},
               {"lost", Align::kRight},
               {"renewed", Align::kRight},
               {"renewed by the model", Align::kRight},
               {"surviving by the model", Align::kRight}});
  LineChart picture;
  Curve curve;
  curve.points.push_back({0, 1});
  for (const v1::RenewalPoint& point : response.renewals()) {
    table.Add({FormatCount(point.renewal()), FormatCount(point.at_risk()), FormatCount(point.lost()),
               PercentOf(point.at_risk() > 0, 1 - static_cast<double>(point.lost()) /
                                                      static_cast<double>(std::max<int64_t>(point.at_risk(), 1))),
               PercentOf(point.has_retention(), point.retention()), PercentOf(point.has_survival(), point.survival())});
    curve.points.push_back({static_cast<double>(point.renewal()), point.survival()});
  }
  session.Print(table);
  session.out() << fmt::format("{} contracts, {} of them before their first renewal{}\n",
                               FormatCount(response.contracts()), FormatCount(response.young()),
                               response.has_as_of() ? ", as of " + FormatTime(response.as_of()) : "");
  if (!response.model_note().empty()) {
    session.out() << "no model: " << Printable(response.model_note()) << "\n";
    return;
  }
  session.out() << fmt::format("shifted-beta-geometric: alpha {}, beta {}; log-likelihood {}; {}\n",
                               Significant(response.alpha(), 6), Significant(response.beta(), 6),
                               Significant(response.log_likelihood(), 10), Printable(response.convergence()));
  session.out() << fmt::format("expected renewals of a new contract, discounted: {}\n",
                               DecimalOf(response.has_expected_renewals(), response.expected_renewals()));
  if (chart && !response.renewals().empty()) {
    picture.x_max = curve.points.back().x;
    picture.x_left = "signed";
    picture.x_right = fmt::format("renewal {}", response.renewals().rbegin()->renewal());
    picture.curves.push_back(std::move(curve));
    session.out() << Render(picture, session.chart_style());
  }
}

void PrintAtRisk(Session& session, const std::vector<v1::ListAtRiskResponse>& pages) {
  const v1::ListAtRiskResponse& first = pages[0];
  Table table({{"account"},
               {"owner"},
               {"alive", Align::kRight},
               {"if kept " + first.currency_code(), Align::kRight},
               {"at stake", Align::kRight},
               {"last purchase"},
               {"why"}});
  for (const v1::ListAtRiskResponse& page : pages) {
    for (const v1::AtRiskAccount& account : page.accounts()) {
      std::string why;
      for (const v1::RiskFinding& finding : account.reasons()) {
        why += fmt::format("{}{}{}", why.empty() ? "" : "; ",
                           ShortEnum(v1::RiskReason_Name(finding.reason()), "RISK_REASON_"),
                           finding.detail().empty() ? "" : ": " + finding.detail());
      }
      table.Add({account.account_id(), account.owner(), FormatPercent(account.p_alive()),
                 FormatEstimate(account.value_if_kept_micros()), FormatEstimate(account.value_at_stake_micros()),
                 FormatTime(account.last_purchase_time()), why});
    }
  }
  session.Print(table);
  session.out() << fmt::format("{} accounts at risk, {} {} at stake\n", FormatCount(first.total()),
                               FormatEstimate(first.value_at_stake_micros()), Printable(first.currency_code()));
  if (first.probably_lost() > 0) {
    session.out() << FormatCount(first.probably_lost())
                  << " accounts more are probably lost (alive: below 10 %): they are not listed\n";
  }
}

void PrintLossEffect(Session& session, const v1::GetLossEffectResponse& response, const EffectFlags& flags) {
  const std::string unit = " " + response.currency_code();
  const std::string period = flags.scope.PeriodWords();
  Table table({{""}, {"now", Align::kRight}, {"with fewer losses", Align::kRight}});
  table.Add({"lost per " + period, FormatPercent(response.loss_rate()), FormatPercent(response.reduced_loss_rate())});
  table.Add({"margin per " + period, FormatEstimate(response.margin_micros()) + unit, ""});
  table.Add({"value of an account", FormatEstimate(response.value_micros()) + unit,
             FormatEstimate(response.reduced_value_micros()) + unit});
  session.Print(table);
  const bool more = !(response.gain_micros() < 0);
  session.out() << fmt::format(
      "worth {}{} {} for the {} accounts active in {}, {}: {}\n",
      FormatEstimate(more ? response.gain_micros() : -response.gain_micros()), Printable(unit), more ? "more" : "less",
      FormatCount(response.accounts()), Printable(response.last_period()),
      response.periods() > 0 ? fmt::format("over {} periods of {}", FormatCount(response.periods()), OnePeriod(period))
                             : "without end",
      FormatPercent(response.gain_share()));
  session.out() << fmt::format("lost: active in one period of {} and not in the next, though it may buy later\n",
                               OnePeriod(period));
  if (response.periods() == 0 && MilliOf(flags.discount) == 0) {
    session.out() << "without --periods and --discount the share is a matter of --fewer alone, whatever the data say\n";
  }
}

}  // namespace

void AddRiskCommands(CLI::App* retention, Action& selected) {
  auto renewed = std::make_shared<ContractFlags>();
  CLI::App* contracts = AddVerb(
      retention, "contracts", "Shows how contracts are renewed (shifted-beta-geometric)", selected,
      [renewed](Session& session) {
        v1::GetContractRetentionRequest request;
        request.set_kind(renewed->kind);
        request.set_renewal_months(renewed->renewal_months);
        request.set_horizon(renewed->horizon);
        request.set_discount_milli(MilliOf(renewed->discount));
        return ShowScoped(
            session, renewed->scope, request, nullptr, &client::Client::GetContractRetention,
            [&](const auto& pages) { PrintContracts(session, pages[0], session.charts(renewed->scope.chart)); });
      });
  contracts->add_option("--kind", renewed->kind, "Only contracts of this kind");
  contracts->add_option("--renewal-months", renewed->renewal_months, "Months from renewal to renewal (default 12)")
      ->check(CLI::Range(1, 120));
  contracts->add_option("--horizon", renewed->horizon, "Renewals ahead (default 12)")->check(CLI::Range(1, 100));
  contracts->add_option("--discount", renewed->discount, "Discount per renewal in percent")->check(PercentText());
  renewed->scope.AddTo(contracts, {.period = false, .currency = false, .basis = false});
  renewed->scope.AddChart(contracts);

  auto risky = std::make_shared<RiskFlags>();
  CLI::App* at_risk =
      AddVerb(retention, "at-risk", "Lists accounts in danger, the highest value at stake first, with reasons",
              selected, [risky](Session& session) {
                v1::ListAtRiskRequest request;
                risky->forecast.Fill(*request.mutable_forecast());
                if (!risky->alive_below.empty()) {
                  request.set_alive_below_milli(MilliOf(risky->alive_below));
                }
                return ShowScoped(session, risky->forecast.scope, request, &risky->pages, &client::Client::ListAtRisk,
                                  [&](const auto& pages) { PrintAtRisk(session, pages); });
              });
  at_risk
      ->add_option(
          "--alive-below", risky->alive_below,
          "Accounts less likely alive than so many percent are listed without another reason (default 50); those "
          "below 10 are counted as probably lost and never listed")
      ->check(PercentText())
      ->check(CLI::Range(0.1, 100.0));
  risky->pages.AddTo(at_risk);
  risky->forecast.AddTo(at_risk);

  auto avoided = std::make_shared<EffectFlags>();
  CLI::App* effect = AddVerb(
      retention, "loss-effect", "Shows what fewer losses would be worth", selected, [avoided](Session& session) {
        v1::GetLossEffectRequest request;
        if (!avoided->fewer.empty()) {
          request.set_fewer_milli(MilliOf(avoided->fewer));
        }
        if (!avoided->margin.empty()) {
          request.set_margin_milli(MilliOf(avoided->margin));
        }
        request.set_discount_milli(MilliOf(avoided->discount));
        if (avoided->periods >= 0) {
          request.set_periods(avoided->periods);
        }
        return ShowScoped(session, avoided->scope, request, nullptr, &client::Client::GetLossEffect,
                          [&](const auto& pages) { PrintLossEffect(session, pages[0], *avoided); });
      });
  effect->add_option("--fewer", avoided->fewer, "Percent of the losses avoided (default 5)")
      ->check(PercentText())
      ->check(CLI::Range(0.1, 100.0));
  effect->add_option("--margin", avoided->margin, "Margin on revenue in percent (default: measured from cost)")
      ->check(PercentText());
  effect->add_option("--discount", avoided->discount, "Discount per period in percent")->check(PercentText());
  effect
      ->add_option("--periods", avoided->periods,
                   "Periods ahead, the present one among them; 0: without end (default: those of a year, at least 2)")
      ->check(CLI::Range(0, 1200));
  avoided->scope.AddTo(effect);
}

}  // namespace keyledger::cli

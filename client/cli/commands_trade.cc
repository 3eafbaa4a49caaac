// keyledger demand show, referral yields and purchase modes: what was expected, how accounts came, how sales come
// about.
#include "client/cli/commands.h"

#include <fmt/format.h>

#include "client/cli/describe.h"
#include "client/cli/scope_flags.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/pipeline_service.pb.h"

namespace keyledger::cli {
namespace {

struct TradeFlags {
  ScopeFlags scope;
  std::string from;
  std::string category;

  void AddTo(CLI::App* verb, const ScopeFlags::Offer& offer) {
    scope.AddTo(verb, offer);
    verb->add_option("--from", from, "Only from this moment on")->check(TimeText());
  }
  template <typename Request>
  Request Make() const {
    Request request;
    if (!from.empty()) {
      *request.mutable_start_time() = TimeOf(from);
    }
    return request;
  }
};

std::string RatioText(bool known, double ratio) { return known ? FormatPercent(ratio) : "-"; }

// Of the periods for which somebody spoke of units.
void PrintDemandUnits(Session& session, const v1::GetDemandResponse& response) {
  Table table({{"units of"},
               {"declared", Align::kRight},
               {"estimated", Align::kRight},
               {"ordered", Align::kRight},
               {"bought", Align::kRight},
               {"accounts", Align::kRight},
               {"mean error", Align::kRight},
               {"ordered of forecast", Align::kRight}});
  for (const v1::DemandPeriod& period : response.periods()) {
    const v1::DemandUnits& units = period.units();
    if (units.declared() == 0 && units.estimated() == 0 && units.ordered() == 0) continue;
    table.Add({period.period(), FormatCount(units.declared()), FormatCount(units.estimated()),
               FormatCount(units.ordered()), units.has_bought() ? FormatCount(units.bought()) : "-",
               FormatCount(units.accounts()), RatioText(units.has_mean_error(), units.mean_error()),
               RatioText(units.has_ratio(), units.ratio())});
  }
  if (table.empty()) {
    return;
  }
  session.out() << "\n";
  session.Print(table);
}

void PrintDemand(Session& session, const v1::GetDemandResponse& response) {
  Table table({{"period"},
               {"declared", Align::kRight},
               {"estimated", Align::kRight},
               {"ordered", Align::kRight},
               {"bought", Align::kRight},
               {"accounts", Align::kRight},
               {"mean error", Align::kRight},
               {"ordered of forecast", Align::kRight}});
  for (const v1::DemandPeriod& period : response.periods()) {
    table.Add({period.period(), FormatMicros(period.declared_micros()), FormatMicros(period.estimated_micros()),
               FormatMicros(period.ordered_micros()),
               period.has_bought_micros() ? FormatMicros(period.bought_micros()) : "-", FormatCount(period.accounts()),
               RatioText(period.has_mean_error(), period.mean_error()), RatioText(period.has_ratio(), period.ratio())});
  }
  session.Print(table);
  session.out() << "money in " << Printable(response.currency_code()) << "\n";
  PrintDemandUnits(session, response);
}

void PrintReferrals(Session& session, const v1::GetReferralsResponse& response) {
  Table table({{"source"},
               {"given", Align::kRight},
               {"converted", Align::kRight},
               {"share", Align::kRight},
               {"accounts", Align::kRight},
               {"bought", Align::kRight},
               {"first year", Align::kRight},
               {"later years", Align::kRight},
               {"cost", Align::kRight}});
  for (const v1::ReferralSource& source : response.sources()) {
    __int128 later = 0;
    for (int year = 1; year < source.yield_micros_size(); ++year) later += source.yield_micros(year);
    table.Add({source.lead_source(), FormatCount(source.given()), FormatCount(source.converted()),
               RatioText(source.has_conversion(), source.conversion()), FormatCount(source.accounts()),
               FormatCount(source.buyers()), FormatMicros(source.yield_micros_size() > 0 ? source.yield_micros(0) : 0),
               FormatMicros(later), FormatMicros(source.cost_micros())});
  }
  session.Print(table);
  session.out() << fmt::format("asked for {} times; revenue and cost in {}\n", FormatCount(response.asked()),
                               Printable(response.currency_code()));
}

void PrintModes(Session& session, const v1::GetSaleModesResponse& response) {
  Table table({{"period"},
               {"mode"},
               {"purchases", Align::kRight},
               {"share", Align::kRight},
               {"recorded after days", Align::kRight}});
  for (const v1::SaleModeRow& row : response.rows()) {
    table.Add({row.period(), ShortEnum(ev::SaleMode_Name(row.sale_mode()), "SALE_MODE_"), FormatCount(row.purchases()),
               FormatPercent(row.share()), FormatCount(row.median_delay_days())});
  }
  session.Print(table);
}

template <typename Request, typename Response>
CLI::App* AddQuestion(CLI::App* noun, const std::string& name, const std::string& description, Action& selected,
                      client::Result<Response> (client::Client::*method)(const Request&),
                      void (*print)(Session&, const Response&), const std::shared_ptr<TradeFlags>& flags,
                      const ScopeFlags::Offer& offer) {
  CLI::App* verb = AddVerb(noun, name, description, selected, [=](Session& session) {
    Request request = flags->Make<Request>();
    if constexpr (requires { request.set_category(""); }) {
      request.set_category(flags->category);
    }
    return ShowScoped(session, flags->scope, request, nullptr, method,
                      [&](const std::vector<Response>& pages) { print(session, pages[0]); });
  });
  flags->AddTo(verb, offer);
  return verb;
}

}  // namespace

void AddTradeCommands(CLI::App& root, Action& selected) {
  const auto demand = std::make_shared<TradeFlags>();
  CLI::App* shown = AddQuestion(Noun(root, "demand", "What accounts are expected to order"), "show",
                                "Holds what was forecast against what was ordered and bought, by period", selected,
                                &client::Client::GetDemand, PrintDemand, demand, ScopeFlags::Offer());
  shown->add_option("--category", demand->category, "Only this category of article");
  AddQuestion(Noun(root, "referral", "How accounts came to us"), "yields",
              "Shows by source what referrals were asked for, given and converted, and what came of them", selected,
              &client::Client::GetReferrals, PrintReferrals, std::make_shared<TradeFlags>(), {.period = false});
  AddQuestion(Noun(root, "purchase", "Purchases and returns"), "modes",
              "Shows by period how sales came about, and how long after they were recorded", selected,
              &client::Client::GetSaleModes, PrintModes, std::make_shared<TradeFlags>(),
              {.currency = false, .basis = false});
}

}  // namespace keyledger::cli

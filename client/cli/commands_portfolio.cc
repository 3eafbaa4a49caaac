// keyledger portfolio: the noun, concentration, classes, profitability, wallet and groups.
#include <algorithm>

#include <fmt/format.h>

#include "client/cli/commands.h"
#include "client/cli/describe.h"
#include "client/cli/figures.h"
#include "client/cli/scope_flags.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/portfolio_service.pb.h"

namespace keyledger::cli {
namespace {

constexpr int kCurvePoints = 100;

struct PortfolioFlags {
  ScopeFlags scope;
  std::string start;
  std::string measure;
  std::vector<int> cuts;
  std::vector<int> covers;
  std::vector<std::string> class_cuts;
  int curve_points = 0;
  std::string alert;
  std::string scheme = "core";
  std::string class_id;
  bool loss_making = false;
  std::string category;
  PageFlags pages;

  void AddStart(CLI::App* verb) {
    verb->add_option("--start", start, "Only what occurred from this time on")->check(TimeText());
  }
  void AddMeasure(CLI::App* verb, const std::string& description) {
    verb->add_option("--measure", measure, description)->check(CLI::IsMember({"revenue", "profit"}));
  }
  template <typename Request>
  void FillStart(Request& request) const {
    if (!start.empty()) {
      *request.mutable_start_time() = TimeOf(start);
    }
  }
  v1::PortfolioMeasure Measure() const {
    return measure == "revenue"  ? v1::PORTFOLIO_MEASURE_REVENUE
           : measure == "profit" ? v1::PORTFOLIO_MEASURE_PROFIT
                                 : v1::PORTFOLIO_MEASURE_UNSPECIFIED;
  }
};

LineChart LorenzChart(const v1::GetConcentrationResponse& response) {
  LineChart chart;
  chart.x_left = "accounts from the lowest";
  chart.x_right = "100 %";
  Curve curve;
  curve.points.push_back({0, 0});
  for (const v1::LorenzPoint& point : response.curve()) {
    curve.points.push_back({point.accounts(), point.share()});
  }
  chart.curves.push_back(std::move(curve));
  chart.curves.push_back({{{0, 0}, {1, 1}}, false, true});
  return chart;
}

// What shares and profits rest on.
template <typename Response>
void PrintNotes(Session& session, const Response& response) {
  if (!response.share_note().empty()) {
    session.out() << "no shares: " << Printable(response.share_note()) << "\n";
  }
  if (response.purchases_without_cost() > 0) {
    session.out() << WithoutCost(response.purchases_without_cost()) << "\n";
  }
}

void PrintConcentration(Session& session, const v1::GetConcentrationResponse& response, const PortfolioFlags& flags,
                        bool chart) {
  const std::string unit = " " + response.currency_code();
  Table groups({{"accounts"},
                {"count", Align::kRight},
                {"holds" + unit, Align::kRight},
                {"share", Align::kRight},
                {"together", Align::kRight},
                {"last one" + unit, Align::kRight}});
  for (const v1::ConcentrationGroup& group : response.groups()) {
    groups.Add(
        {fmt::format("{} {} %", groups.empty() ? "first" : "next", group.percent()), FormatCount(group.accounts()),
         FormatMicros(group.total_micros()), PercentOf(group.has_share(), group.share()),
         PercentOf(group.has_cumulative_share(), group.cumulative_share()), FormatMicros(group.cutoff_micros())});
  }
  session.Print(groups);
  session.out() << "\n";
  Table covering({{"to hold"}, {"accounts", Align::kRight}, {"of all", Align::kRight}});
  for (const v1::ConcentrationCover& cover : response.covering()) {
    covering.Add(
        {fmt::format("{} %", cover.percent()), FormatCount(cover.accounts()), FormatPercent(cover.account_share())});
  }
  session.Print(covering);
  session.out() << fmt::format("\n{} accounts hold {}{}; Gini {}\n", FormatCount(response.accounts()),
                               FormatMicros(response.total_micros()), Printable(unit),
                               response.has_gini() ? fmt::format("{:.4f}", response.gini()) : "-");
  PrintNotes(session, response);
  if (response.alert()) {
    session.out() << fmt::format("alert: the first group holds at least {} % of the total\n", flags.alert);
  }
  if (chart && !response.curve().empty()) {
    session.out() << Render(LorenzChart(response), session.chart_style());
  }
}

int Concentration(Session& session, const PortfolioFlags& flags) {
  v1::GetConcentrationRequest request;
  flags.FillStart(request);
  request.set_measure(flags.Measure());
  request.mutable_cut_percent()->Add(flags.cuts.begin(), flags.cuts.end());
  request.mutable_cover_percent()->Add(flags.covers.begin(), flags.covers.end());
  const bool chart = session.charts(flags.scope.chart);
  request.set_curve_points(flags.curve_points == 0 && chart ? kCurvePoints : flags.curve_points);
  request.set_alert_milli(MilliOf(flags.alert));
  return ShowScoped(session, flags.scope, request, nullptr, &client::Client::GetConcentration,
                    [&](const auto& pages) { PrintConcentration(session, pages[0], flags, chart); });
}

void PrintClasses(Session& session, const std::vector<v1::GetClassesResponse>& pages, const PortfolioFlags& flags) {
  const v1::GetClassesResponse& response = pages[0];
  const std::string unit = " " + response.currency_code();
  Table classes({{"class"}, {"accounts", Align::kRight}, {"holds" + unit, Align::kRight}, {"share", Align::kRight}});
  for (const v1::AccountClass& one : response.classes()) {
    classes.Add({one.class_id(), FormatCount(one.accounts()), FormatMicros(one.total_micros()),
                 PercentOf(one.has_share(), one.share())});
  }
  session.Print(classes);
  PrintNotes(session, response);
  if (!response.basis().empty()) {
    session.out() << "promising: " << Printable(response.basis()) << "\n";
  }
  if (flags.class_id.empty()) {
    return;
  }
  session.out() << "\n";
  Table members({{"rank", Align::kRight},
                 {"account"},
                 {"holds" + unit, Align::kRight},
                 {"expected in a year" + unit, Align::kRight}});
  for (const v1::GetClassesResponse& page : pages) {
    for (const v1::ClassMember& member : page.members()) {
      members.Add({FormatCount(member.rank()), member.account_id(), FormatMicros(member.micros()),
                   EstimateOf(member.has_expected_revenue_micros(), member.expected_revenue_micros())});
    }
  }
  session.Print(members);
}

int Classes(Session& session, const PortfolioFlags& flags) {
  v1::GetClassesRequest request;
  flags.FillStart(request);
  request.set_scheme(flags.scheme == "abc" ? v1::CLASS_SCHEME_ABC : v1::CLASS_SCHEME_CORE_NEXT_PROMISING);
  request.set_measure(flags.Measure());
  for (const std::string& cut : flags.class_cuts) {
    request.add_cut_milli(MilliOf(cut));
  }
  request.set_class_id(flags.class_id);
  return ShowScoped(session, flags.scope, request, &flags.pages, &client::Client::GetClasses,
                    [&](const auto& pages) { PrintClasses(session, pages, flags); });
}

std::vector<std::string> ProfitCells(const std::string& name, const v1::Profitability& row) {
  return {name,
          FormatMicros(row.revenue_micros()),
          FormatMicros(row.goods_cost_micros()),
          FormatMicros(row.margin_micros()),
          FormatMicros(row.serve_cost_micros()),
          FormatMicros(row.acquisition_cost_micros()),
          FormatMicros(row.profit_micros())};
}

void PrintProfitability(Session& session, const std::vector<v1::ListProfitabilityResponse>& pages) {
  const v1::ListProfitabilityResponse& first = pages[0];
  Table table({{"account"},
               {"revenue", Align::kRight},
               {"goods", Align::kRight},
               {"margin", Align::kRight},
               {"to serve", Align::kRight},
               {"of it to win", Align::kRight},
               {"profit " + first.currency_code(), Align::kRight}});
  for (const v1::ListProfitabilityResponse& page : pages) {
    for (const v1::Profitability& row : page.accounts()) {
      table.Add(ProfitCells(row.account_id(), row));
    }
  }
  table.Add(ProfitCells("all accounts", first.total()));
  session.Print(table);
  session.out() << fmt::format("{} accounts, {} of them lose {} together\n", FormatCount(first.account_count()),
                               FormatCount(first.loss_making()), FormatMicros(first.loss_micros()));
  if (first.has_revenue_cost_correlation()) {
    session.out() << fmt::format("correlation of revenue and cost to serve: {:.4f}\n",
                                 first.revenue_cost_correlation());
  }
  if (first.costs_left_out() > 0) {
    session.out() << FormatCount(first.costs_left_out()) << " costs in another currency are in no figure\n";
  }
  if (first.purchases_without_cost() > 0) {
    session.out() << fmt::format("of {} purchases ", FormatCount(first.purchases()))
                  << WithoutCost(first.purchases_without_cost()) << "\n";
  }
}

void PrintWallet(Session& session, const std::vector<v1::ListWalletSharesResponse>& pages) {
  const v1::ListWalletSharesResponse& first = pages[0];
  Table table({{"account"},
               {"share", Align::kRight},
               {"known by"},
               {"budget " + first.currency_code(), Align::kRight},
               {"revenue", Align::kRight},
               {"place"}});
  for (const v1::ListWalletSharesResponse& page : pages) {
    for (const v1::WalletShare& share : page.accounts()) {
      const bool by_rank = share.basis() == v1::WALLET_BASIS_RANK;
      table.Add({share.account_id(), FormatPercent(share.share()),
                 ShortEnum(v1::WalletBasis_Name(share.basis()), "WALLET_BASIS_") +
                     (!by_rank && share.share() > 1 ? ", exceeded" : ""),
                 by_rank ? "" : FormatMicros(share.budget_micros()),
                 by_rank ? "" : FormatMicros(share.revenue_micros()),
                 by_rank ? fmt::format("{}{} of {}", share.place_halves() / 2,
                                       share.place_halves() % 2 != 0 ? ".5" : "", share.suppliers())
                         : ""});
    }
  }
  session.Print(table);
  session.out() << fmt::format(
      "{} accounts: {} with a budget, of which we have {} together; {} of which nothing is known\n",
      FormatCount(first.account_count()), FormatCount(first.budgeted()),
      PercentOf(first.has_budgeted_share(), first.budgeted_share()), FormatCount(first.unknown()));
  if (first.has_as_of()) {
    session.out() << "budgets in force just before " << FormatTime(first.as_of()) << "\n";
  }
  if (first.over_budget() > 0) {
    session.out() << FormatCount(first.over_budget())
                  << " bought for more than their budget: it is too low, and so is what we seem to miss\n";
  }
}

void AddGroups(CLI::App* noun, Action& selected) {
  struct Flags {
    ScopeFlags scope;
    std::string dimension;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = AddVerb(noun, "groups", "Lists regions, segments, owners, tiers or clubs with their accounts",
                           selected, [flags](Session& session) {
                             v1::ListGroupsRequest request;
                             request.set_dimension(DimensionOf(flags->dimension));
                             return ShowScoped(session, flags->scope, request, nullptr, &client::Client::ListGroups,
                                               [&](const std::vector<v1::ListGroupsResponse>& pages) {
                                                 Table table({{flags->dimension}, {"accounts", Align::kRight}});
                                                 for (const v1::Group& group : pages[0].groups()) {
                                                   table.Add({group.value(), FormatCount(group.accounts())});
                                                 }
                                                 session.Print(table);
                                                 session.out() << fmt::format("{} accounts without one\n",
                                                                              FormatCount(pages[0].without()));
                                                 if (pages[0].truncated()) {
                                                   session.out() << fmt::format(
                                                       "there are more: only the first {} by name are "
                                                       "listed; a filter leaves fewer\n",
                                                       FormatCount(pages[0].groups_size()));
                                                 }
                                               });
                           });
  verb->add_option("DIMENSION", flags->dimension, "region, segment, owner, tier or club")
      ->required()
      ->check(CLI::IsMember({"region", "segment", "owner", "tier", "club"}));
  flags->scope.AddTo(verb, {.period = false, .currency = false, .basis = false, .by = false});
}

void AddConcentration(CLI::App* noun, Action& selected) {
  auto held = std::make_shared<PortfolioFlags>();
  CLI::App* concentration = AddVerb(noun, "concentration", "Shows how revenue or profit is spread over the accounts",
                                    selected, [held](Session& session) { return Concentration(session, *held); });
  held->AddStart(concentration);
  held->AddMeasure(concentration, "revenue (default) or profit");
  concentration->add_option("--cut", held->cuts, "Sizes of the groups from the top, in percent (default 5,20)")
      ->delimiter(',');
  concentration->add_option("--cover", held->covers, "Percents of the total to cover (default 50,80)")->delimiter(',');
  concentration->add_option("--curve-points", held->curve_points, "Points of the Lorenz curve (default: for the chart)")
      ->check(CLI::Range(1, 200));
  concentration->add_option("--alert", held->alert, "Alert where the first group holds at least so many percent")
      ->check(PercentText())
      ->check(CLI::Range(0.1, 100.0));
  held->scope.AddTo(concentration, {.period = false});
  held->scope.AddChart(concentration);
}

void AddClasses(CLI::App* noun, Action& selected) {
  auto sorted = std::make_shared<PortfolioFlags>();
  CLI::App* classes = AddVerb(noun, "classes", "Sorts the accounts into classes", selected,
                              [sorted](Session& session) { return Classes(session, *sorted); });
  classes->add_option("--scheme", sorted->scheme, "core: core, next, promising and other; or abc")
      ->check(CLI::IsMember({"core", "abc"}))
      ->capture_default_str();
  sorted->AddStart(classes);
  sorted->AddMeasure(classes, "revenue or profit (default: revenue for core, profit for abc)");
  classes
      ->add_option("--cuts", sorted->class_cuts,
                   "The two upper ends in percent (default 5,25 of the accounts; of abc 80,95 of the measure)")
      ->delimiter(',')
      ->check(PercentText());
  classes->add_option("--class", sorted->class_id, "List the accounts of this class");
  sorted->pages.AddTo(classes);
  sorted->scope.AddTo(classes, {.period = false});
}

void AddProfitability(CLI::App* noun, Action& selected) {
  auto earned = std::make_shared<PortfolioFlags>();
  CLI::App* profitability =
      AddVerb(noun, "profitability", "Lists what accounts bring and cost", selected, [earned](Session& session) {
        v1::ListProfitabilityRequest request;
        earned->FillStart(request);
        request.set_loss_making_only(earned->loss_making);
        return ShowScoped(session, earned->scope, request, &earned->pages, &client::Client::ListProfitability,
                          [&](const auto& pages) { PrintProfitability(session, pages); });
      });
  earned->AddStart(profitability);
  profitability->add_flag("--loss-making", earned->loss_making,
                          "Only accounts that lose money, the greatest loss first");
  earned->pages.AddTo(profitability);
  earned->scope.AddTo(profitability, {.period = false, .basis = false});
}

void AddWallet(CLI::App* noun, Action& selected) {
  auto shared = std::make_shared<PortfolioFlags>();
  CLI::App* wallet = AddVerb(
      noun, "wallet", "Lists which share of its budget each account spends with us", selected,
      [shared](Session& session) {
        v1::ListWalletSharesRequest request;
        request.set_category(shared->category);
        bool found = false;
        const int code = ShowScoped(
            session, shared->scope, request, &shared->pages, &client::Client::ListWalletShares,
            [&](const auto& pages) { PrintWallet(session, pages); },
            {[&](const v1::ListWalletSharesResponse& page) { found = found || page.budgets() + page.budgeted() > 0; }});
        return code == kExitOk && !found && !shared->category.empty()
                   ? session.NotFound("no account in scope has a budget of the category " + shared->category)
                   : code;
      });
  wallet->add_option("--category", shared->category, "Category of the budgets (default: those for everything)");
  shared->pages.AddTo(wallet);
  shared->scope.AddTo(wallet, {.period = false});
}

}  // namespace

void AddPortfolioCommands(CLI::App& root, Action& selected) {
  CLI::App* noun = root.add_subcommand("portfolio", "Portfolio: which accounts carry the business, and what they cost");
  AddConcentration(noun, selected);
  AddClasses(noun, selected);
  AddProfitability(noun, selected);
  AddWallet(noun, selected);
  AddGroups(noun, selected);
  AddPortfolioRelationCommands(noun, selected);
}

}  // namespace keyledger::cli

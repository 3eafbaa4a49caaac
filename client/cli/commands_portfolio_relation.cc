// keyledger portfolio satisfaction, acquisition, membership, referrals and rank-migration: the portfolio by what is
// known of the relationship.
#include <algorithm>

#include <fmt/format.h>

#include "client/cli/commands.h"
#include "client/cli/figures.h"
#include "client/cli/scope_flags.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/portfolio_service.pb.h"

namespace keyledger::cli {
namespace {

struct RelationQuery {
  ScopeFlags scope;
  int left_days = 0;
  std::string start;
  std::string member_of;
  std::string account;
  int max_depth = 0;
  int max_nodes = 0;
  std::string measure = "revenue";
  std::vector<std::string> cuts;
  int risers = 0;
};

std::vector<std::string> SatisfactionCells(const std::string& name, const v1::SatisfactionPeriod& row) {
  return {name,
          FormatCount(row.recommendation_answers()),
          FormatCount(row.promoters()),
          FormatCount(row.detractors()),
          row.has_nps() ? fmt::format("{:.1f}", row.nps()) : "-",
          FormatCount(row.satisfaction_answers()),
          PercentOf(row.has_csat(), row.csat()),
          FormatCount(row.satisfied_observed()),
          FormatCount(row.satisfied_left()),
          PercentOf(row.has_satisfied_left_share(), row.satisfied_left_share())};
}

void PrintSatisfaction(Session& session, const v1::GetSatisfactionResponse& response, bool chart) {
  Table table({{"period"},
               {"recommend", Align::kRight},
               {"promoters", Align::kRight},
               {"detractors", Align::kRight},
               {"NPS", Align::kRight},
               {"satisfaction", Align::kRight},
               {"CSAT", Align::kRight},
               {"satisfied, observed", Align::kRight},
               {"left", Align::kRight},
               {"share", Align::kRight}});
  std::vector<std::optional<double>> nps;
  for (const v1::SatisfactionPeriod& period : response.periods()) {
    table.Add(SatisfactionCells(period.period(), period));
    nps.push_back(period.has_nps() ? std::optional<double>(period.nps()) : std::nullopt);
  }
  table.Add(SatisfactionCells("all", response.total()));
  session.Print(table);
  if (response.has_satisfaction_loyalty_correlation()) {
    session.out() << fmt::format("correlation of being satisfied with staying: {:.4f}\n",
                                 response.satisfaction_loyalty_correlation());
  }
  if (chart && !nps.empty()) {
    session.out() << "NPS\n" << Sparkline(nps, session.chart_style()) << "\n";
  }
}

std::vector<std::string> AcquisitionCells(const std::string& name, const v1::AcquisitionPeriod& row) {
  return {name,
          row.acquisition_cost_micros() == 0 ? "-" : FormatMicros(row.acquisition_cost_micros()),
          FormatCount(row.won()),
          EstimateOf(row.has_cost_per_won_micros(), row.cost_per_won_micros()),
          row.retention_cost_micros() == 0 ? "-" : FormatMicros(row.retention_cost_micros()),
          FormatCount(row.kept()),
          EstimateOf(row.has_cost_per_kept_micros(), row.cost_per_kept_micros()),
          DecimalOf(row.has_ratio(), row.ratio())};
}

void PrintAcquisition(Session& session, const v1::GetAcquisitionResponse& response) {
  Table table({{"period"},
               {"to win " + response.currency_code(), Align::kRight},
               {"won", Align::kRight},
               {"each", Align::kRight},
               {"to keep", Align::kRight},
               {"kept", Align::kRight},
               {"each", Align::kRight},
               {"ratio", Align::kRight}});
  for (const v1::AcquisitionPeriod& period : response.periods()) {
    table.Add(AcquisitionCells(period.period(), period));
  }
  table.Add(AcquisitionCells("all", response.total()));
  session.Print(table);
  if (response.costs_left_out() > 0) {
    session.out() << FormatCount(response.costs_left_out()) << " costs in another currency are in no figure\n";
  }
}

void PrintMembership(Session& session, const v1::GetMembershipResponse& response) {
  Table table({{""},
               {"accounts", Align::kRight},
               {"purchases", Align::kRight},
               {"revenue " + response.currency_code(), Align::kRight},
               {"share", Align::kRight},
               {"a purchase", Align::kRight}});
  const auto add = [&](const char* name, const v1::MembershipSide& side) {
    table.Add({name, FormatCount(side.accounts()), FormatCount(side.purchases()), FormatMicros(side.revenue_micros()),
               FormatPercent(side.revenue_share()),
               EstimateOf(side.has_average_purchase_micros(), side.average_purchase_micros())});
  };
  add("as members", response.member());
  add("others", response.other());
  session.Print(table);
  session.out() << fmt::format(
      "{} members now; {} accounts bought both in the year before joining, {} a purchase, and in the year after, {}\n",
      FormatCount(response.members()), FormatCount(response.compared()),
      EstimateOf(response.has_average_before_micros(), response.average_before_micros()),
      EstimateOf(response.has_average_after_micros(), response.average_after_micros()));
}

void PrintReferrals(Session& session, const v1::GetReferralTreeResponse& response) {
  const std::string unit = " " + response.currency_code();
  Table tree({{"account"},
              {"came by"},
              {"revenue" + unit, Align::kRight},
              {"below", Align::kRight},
              {"bought", Align::kRight},
              {"revenue below", Align::kRight}});
  constexpr int kIndentMax = 100;
  for (const v1::ReferralNode& node : response.nodes()) {
    tree.Add({std::string(static_cast<size_t>(std::clamp(node.depth(), 0, kIndentMax)) * 2, ' ') + node.account_id(),
              node.lead_source(), FormatMicros(node.revenue_micros()), FormatCount(node.downstream_accounts()),
              FormatCount(node.downstream_converted()), FormatMicros(node.downstream_revenue_micros())});
  }
  session.Print(tree);
  if (response.truncated()) {
    session.out() << "not all are listed; --max-nodes and --max-depth list more\n";
  }
  if (response.circular_account_ids_size() > 0) {
    std::string text;
    for (const std::string& id : response.circular_account_ids()) {
      text += (text.empty() ? "" : ", ") + Printable(id);
    }
    session.out() << "refer each other in a circle: " << text << "\n";
  }
  session.out() << "\n";
  Table sources(
      {{"came by"}, {"accounts", Align::kRight}, {"bought", Align::kRight}, {"revenue" + unit, Align::kRight}});
  for (const v1::LeadSource& source : response.sources()) {
    sources.Add({source.lead_source().empty() ? "not known" : source.lead_source(), FormatCount(source.accounts()),
                 FormatCount(source.converted()), FormatMicros(source.revenue_micros())});
  }
  session.Print(sources);
}

void PrintRanks(Session& session, const v1::GetRankMigrationResponse& response) {
  std::vector<Column> columns = {{Printable(response.earlier_period()) + " \\ " + Printable(response.later_period())}};
  for (const std::string& state : response.states()) {
    columns.push_back({Printable(state), Align::kRight});
  }
  Table moves(columns);
  int64_t counted = 0;
  for (int i = 0; i < std::min(response.counts_size(), response.states_size()); ++i) {
    std::vector<std::string> cells = {response.states(i)};
    for (int k = 0; k < std::min(response.counts(i).to_size(), response.states_size()); ++k) {
      cells.push_back(FormatCount(response.counts(i).to(k)));
      counted += response.counts(i).to(k);
    }
    moves.Add(std::move(cells));
  }
  session.Print(moves);
  if (!response.later_period().empty() && counted == 0) {
    session.out() << fmt::format(
        "no purchase lies in {} or before: the last period that is over has none; choose shorter periods\n",
        Printable(response.later_period()));
  }
  session.out() << "\n";
  const auto rank = [](int64_t place) { return place > 0 ? FormatCount(place) : std::string("-"); };
  Table risers({{"riser"},
                {"class"},
                {"rank before", Align::kRight},
                {"now", Align::kRight},
                {"before " + response.currency_code(), Align::kRight},
                {"now", Align::kRight}});
  for (const v1::Riser& riser : response.risers()) {
    risers.Add({riser.account_id(), riser.earlier_class() + " > " + riser.later_class(), rank(riser.earlier_rank()),
                rank(riser.later_rank()), FormatMicros(riser.earlier_micros()), FormatMicros(riser.later_micros())});
  }
  session.Print(risers);
  if (response.has_rank_correlation()) {
    session.out() << fmt::format("correlation of the ranks: {:.4f}\n", response.rank_correlation());
  }
}

void AddSatisfaction(CLI::App* portfolio, Action& selected) {
  auto flags = std::make_shared<RelationQuery>();
  CLI::App* verb = AddVerb(
      portfolio, "satisfaction", "Shows what accounts say (NPS, CSAT) beside what they do", selected,
      [flags](Session& session) {
        v1::GetSatisfactionRequest request;
        request.set_left_days(flags->left_days);
        return ShowScoped(
            session, flags->scope, request, nullptr, &client::Client::GetSatisfaction,
            [&](const auto& pages) { PrintSatisfaction(session, pages[0], session.charts(flags->scope.chart)); });
      });
  verb->add_option("--left-days", flags->left_days,
                   "An account that does not buy within so many days of its answer is gone (default 365)")
      ->check(CLI::Range(1, 3660));
  flags->scope.AddTo(verb, {.basis = false});
  flags->scope.AddChart(verb);
}

void AddAcquisition(CLI::App* portfolio, Action& selected) {
  auto flags = std::make_shared<RelationQuery>();
  CLI::App* verb = AddVerb(portfolio, "acquisition", "Shows what it costs to win accounts and to keep them", selected,
                           [flags](Session& session) {
                             return ShowScoped(session, flags->scope, v1::GetAcquisitionRequest(), nullptr,
                                               &client::Client::GetAcquisition,
                                               [&](const auto& pages) { PrintAcquisition(session, pages[0]); });
                           });
  flags->scope.AddTo(verb, {.basis = false});
}

void AddMembership(CLI::App* portfolio, Action& selected) {
  auto flags = std::make_shared<RelationQuery>();
  CLI::App* verb =
      AddVerb(portfolio, "membership", "Compares the members of a club with the other accounts", selected,
              [flags](Session& session) {
                v1::GetMembershipRequest request;
                request.set_club_id(flags->member_of);
                if (!flags->start.empty()) {
                  *request.mutable_start_time() = TimeOf(flags->start);
                }
                bool known = false;
                const int code = ShowScoped(session, flags->scope, request, nullptr, &client::Client::GetMembership,
                                            [&](const auto& pages) { PrintMembership(session, pages[0]); },
                                            {[&](const v1::GetMembershipResponse& page) {
                                              known = known || page.ever_members() + page.members() > 0;
                                            }});
                return code == kExitOk && !known && !flags->member_of.empty()
                           ? session.NotFound("no account in scope ever joined the club " + flags->member_of)
                           : code;
              });
  verb->add_option("--member-of", flags->member_of, "The club (default: any)");
  verb->add_option("--start", flags->start, "Only what occurred from this time on")->check(TimeText());
  flags->scope.AddTo(verb, {.period = false});
}

void AddReferrals(CLI::App* portfolio, Action& selected) {
  auto flags = std::make_shared<RelationQuery>();
  CLI::App* verb =
      AddVerb(portfolio, "referrals", "Shows who was referred by whom, with the revenue downstream", selected,
              [flags](Session& session) {
                v1::GetReferralTreeRequest request;
                request.set_account_id(flags->account);
                request.set_max_depth(flags->max_depth);
                request.set_max_nodes(flags->max_nodes);
                return ShowScoped(session, flags->scope, request, nullptr, &client::Client::GetReferralTree,
                                  [&](const auto& pages) { PrintReferrals(session, pages[0]); });
              });
  verb->add_option("--account", flags->account, "The root (default: all that were referred by nobody)");
  verb->add_option("--max-depth", flags->max_depth, "Levels below a root (default 10)")->check(CLI::Range(1, 100));
  verb->add_option("--max-nodes", flags->max_nodes, "Accounts to list (default 1000)")->check(CLI::Range(1, 10'000));
  flags->scope.AddTo(verb, {.period = false});
}

void AddRankMigration(CLI::App* portfolio, Action& selected) {
  auto flags = std::make_shared<RelationQuery>();
  CLI::App* verb = AddVerb(
      portfolio, "rank-migration", "Compares the ranking of the last complete period with the one before", selected,
      [flags](Session& session) {
        v1::GetRankMigrationRequest request;
        request.set_measure(flags->measure == "profit" ? v1::PORTFOLIO_MEASURE_PROFIT : v1::PORTFOLIO_MEASURE_REVENUE);
        for (const std::string& cut : flags->cuts) {
          request.add_cut_milli(MilliOf(cut));
        }
        request.set_page_size(flags->risers);
        return ShowScoped(session, flags->scope, request, nullptr, &client::Client::GetRankMigration,
                          [&](const auto& pages) { PrintRanks(session, pages[0]); });
      });
  verb->add_option("--measure", flags->measure, "revenue or profit")
      ->check(CLI::IsMember({"revenue", "profit"}))
      ->capture_default_str();
  verb->add_option("--cuts", flags->cuts, "Upper ends of the classes in percent of the accounts (default 5,25)")
      ->delimiter(',')
      ->check(PercentText());
  verb->add_option("--risers", flags->risers, "Risers to list, up to 1000 (default 20)")->check(CLI::Range(1, 1000));
  flags->scope.AddTo(verb);
}

}  // namespace

void AddPortfolioRelationCommands(CLI::App* portfolio, Action& selected) {
  AddSatisfaction(portfolio, selected);
  AddAcquisition(portfolio, selected);
  AddMembership(portfolio, selected);
  AddReferrals(portfolio, selected);
  AddRankMigration(portfolio, selected);
}

}  // namespace keyledger::cli

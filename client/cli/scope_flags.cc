// The scope of queries over the population. See scope_flags.h.
#include "client/cli/scope_flags.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "client/cli/progress.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/portfolio_service.pb.h"
#include "keyledger/ledger/v1/retention_service.pb.h"

namespace keyledger::cli {
namespace {

const std::vector<std::string> kPeriods = {"day", "week", "month", "quarter", "year"};
const std::vector<std::string> kDimensions = {"region", "segment", "owner", "tier", "club"};

v1::Period PeriodOf(const std::string& name) {
  return name == "day"       ? v1::PERIOD_DAY
         : name == "week"    ? v1::PERIOD_WEEK
         : name == "quarter" ? v1::PERIOD_QUARTER
         : name == "year"    ? v1::PERIOD_YEAR
                             : v1::PERIOD_MONTH;
}

void SetGroup(v1::PopulationFilter& filter, v1::GroupDimension dimension, const std::string& value) {
  switch (dimension) {
    case v1::GROUP_DIMENSION_SEGMENT:
      return filter.set_segment(value);
    case v1::GROUP_DIMENSION_OWNER:
      return filter.set_owner(value);
    case v1::GROUP_DIMENSION_TIER:
      return filter.set_tier_id(value);
    case v1::GROUP_DIMENSION_CLUB:
      return filter.set_club_id(value);
    default:
      return filter.set_region(value);
  }
}

std::string Quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

v1::GroupDimension DimensionOf(const std::string& name) {
  return name == "segment" ? v1::GROUP_DIMENSION_SEGMENT
         : name == "owner" ? v1::GROUP_DIMENSION_OWNER
         : name == "tier"  ? v1::GROUP_DIMENSION_TIER
         : name == "club"  ? v1::GROUP_DIMENSION_CLUB
                           : v1::GROUP_DIMENSION_REGION;
}

void ScopeFlags::AddTo(CLI::App* verb, const Offer& offer) {
  if (offer.period) {
    verb->add_option("--period", period, "day, week, month, quarter or year")
        ->check(CLI::IsMember(kPeriods))
        ->capture_default_str();
    verb->add_option("--period-length", period_length, "So many of them to one period")->check(CLI::Range(1, 366));
  }
  verb->add_option("--time-zone", time_zone, "IANA zone days and periods are counted in (default UTC)");
  if (offer.currency) {
    verb->add_option("--currency", currency, "ISO 4217 code (default: the only one in the data)");
  }
  if (offer.basis) {
    verb->add_option("--basis", basis, "gross, or net of returns")
        ->check(CLI::IsMember({"gross", "net"}))
        ->capture_default_str();
  }
  verb->add_option("--as-of", as_of, "Only what occurred before this time")->check(TimeText());
  verb->add_option("--known-at", known_at, "Only what was recorded before this time")->check(TimeText());
  verb->add_option("--region", region, "Only accounts of this region and all below it");
  verb->add_option("--segment", segment, "Only accounts of this segment");
  verb->add_option("--owner", owner, "Only accounts of this owner");
  verb->add_option("--tier", tier, "Only accounts that hold this tier");
  verb->add_option("--club", club, "Only members of this club");
  if (offer.by) {
    verb->add_option("--by", by, "One answer for each region, segment, owner, tier or club")
        ->check(CLI::IsMember(kDimensions));
    verb->add_option("--groups-max", groups_max, "With --by: refuse more groups than so many, each of which is a query")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
  }
  read.AddTo(verb, /*with_as_of=*/false);
}

void ScopeFlags::AddChart(CLI::App* verb) {
  chart = "auto";
  verb->add_option("--chart", chart, "auto: a chart on a terminal; always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->capture_default_str();
}

void ScopeFlags::Fill(v1::RetentionScope& scope) const {
  scope.set_period(PeriodOf(period));
  scope.set_period_length(period_length);
  scope.set_time_zone(time_zone);
  scope.set_currency_code(currency);
  scope.set_revenue_basis(basis == "net" ? v1::REVENUE_BASIS_NET : v1::REVENUE_BASIS_GROSS);
  if (!as_of.empty()) {
    *scope.mutable_as_of() = TimeOf(as_of);
  }
  if (!known_at.empty()) {
    *scope.mutable_known_at() = TimeOf(known_at);
  }
  v1::PopulationFilter accounts;
  accounts.set_region(region);
  accounts.set_segment(segment);
  accounts.set_owner(owner);
  accounts.set_tier_id(tier);
  accounts.set_club_id(club);
  if (accounts.ByteSizeLong() > 0) {
    *scope.mutable_accounts() = std::move(accounts);
  }
}

std::string ScopeFlags::PeriodWords() const {
  return period_length > 1 ? fmt::format("{} {}s", period_length, period) : period;
}

int FailScoped(Session& session, const ScopeFlags& flags, const client::ClientError& error) {
  if (error.reason == "FORECAST_NOT_POSSIBLE") {
    if (const std::string why = WhyEmpty(session, flags); !why.empty()) {
      return session.NotFound(why);
    }
  }
  if (error.reason == "ACCOUNT_NOT_FOUND" && flags.filtered()) {
    return session.Fail(error, "look for it without the filters, or open it with: keyledger account open ID");
  }
  return session.Fail(error);
}

int ForEachGroup(Session& session, const ScopeFlags& flags, const AskGroup& ask) {
  v1::ListGroupsRequest request;
  flags.Fill(*request.mutable_scope());
  flags.read.Fill(request);
  request.set_dimension(DimensionOf(flags.by));
  const client::Result<v1::ListGroupsResponse> groups = session.client().ListGroups(request);
  if (!groups.ok()) {
    return session.Fail(groups.error());
  }
  if (groups->groups().empty()) {
    if (const std::string why = WhyEmpty(session, flags); !why.empty()) {
      return session.NotFound(why);
    }
  }
  if (groups->groups_size() > flags.groups_max) {
    return session.Usage(fmt::format(
        "--by {} finds {}{} groups, each of which is a query: narrow the scope with a "
        "filter, or allow them with --groups-max {}",
        flags.by, groups->truncated() ? "more than " : "", FormatCount(groups->groups_size()), groups->groups_size()));
  }
  int code = kExitOk;
  std::string array;
  // Tables on a terminal are progress enough.
  const bool silent = !session.json() && session.out_is_terminal();
  Progress progress(session.err(), session.err_is_terminal(), "groups", static_cast<uint64_t>(groups->groups_size()));
  uint64_t asked = 0;
  for (const v1::Group& group : groups->groups()) {
    v1::PopulationFilter accounts = request.scope().accounts();
    SetGroup(accounts, request.dimension(), group.value());
    if (!session.json()) {
      session.out() << fmt::format("== {} {}: {} accounts\n", flags.by, Printable(group.value()),
                                   FormatCount(group.accounts()));
    }
    std::vector<std::string> documents;
    std::string what = "response";
    if (const std::optional<client::ClientError> error = ask(accounts, documents)) {
      if (error->code != grpc::StatusCode::FAILED_PRECONDITION) {
        return session.Fail(*error);
      }
      code = kExitPartly;
      what = "error";
      documents = {fmt::format("{{\"reason\":{},\"message\":{}}}", Quoted(error->reason), Quoted(error->message))};
      if (!session.json()) {
        session.out() << Printable(error->message) << "\n";
      }
    }
    if (!silent) {
      progress.Update(++asked);
    }
    for (const std::string& document : documents) {
      array += fmt::format("{}{{\"group\":{},\"accounts\":\"{}\",\"{}\":{}}}", array.empty() ? "" : ",\n",
                           Quoted(group.value()), group.accounts(), what, document);
    }
    if (!session.json()) {
      session.out() << "\n";
    }
  }
  if (!silent && groups->groups_size() > 1) {
    progress.Finish(asked);
  }
  if (session.json()) {
    session.out() << "[" << array << "]\n" << std::flush;
  } else if (groups->without() > 0) {
    session.out() << fmt::format("{} accounts without {} {} are in no group\n", FormatCount(groups->without()),
                                 flags.by == "owner" ? "an" : "a", flags.by);
  }
  if (groups->truncated()) {
    session.err() << fmt::format("there are more groups: only the first {} by name are here\n",
                                 FormatCount(groups->groups_size()));
    code = kExitPartly;
  }
  return code;
}

}  // namespace keyledger::cli

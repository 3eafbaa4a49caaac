// Why an answer is empty: WhyEmpty of scope_flags.h.
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "client/cli/scope_flags.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/portfolio_service.pb.h"
#include "keyledger/ledger/v1/retention_service.pb.h"

namespace keyledger::cli {
namespace {

// Whether an account is in scope; nothing if the server fails.
std::optional<bool> AnyAccount(Session& session, const ScopeFlags& flags, const v1::RetentionScope& scope) {
  v1::ListGroupsRequest request;
  *request.mutable_scope() = scope;
  flags.read.Fill(request);
  request.set_dimension(v1::GROUP_DIMENSION_SEGMENT);
  const client::Result<v1::ListGroupsResponse> groups = session.client().ListGroups(request);
  if (!groups.ok()) {
    return std::nullopt;
  }
  return groups->groups_size() > 0 || groups->without() > 0;
}

client::Result<v1::GetRetentionResponse> Purchases(Session& session, const ScopeFlags& flags,
                                                   const v1::RetentionScope& scope) {
  v1::GetRetentionRequest request;
  *request.mutable_scope() = scope;
  request.mutable_scope()->set_period(v1::PERIOD_MONTH);
  request.mutable_scope()->set_period_length(1);
  flags.read.Fill(request);
  return session.client().GetRetention(request);
}

// The options that say when, where they leave no purchase although there are some.
std::string WhyBefore(Session& session, const ScopeFlags& flags, v1::RetentionScope scope) {
  if (flags.as_of.empty() && flags.known_at.empty()) {
    return "";
  }
  scope.clear_accounts();
  scope.clear_currency_code();
  const client::Result<v1::GetRetentionResponse> then = Purchases(session, flags, scope);
  scope.clear_as_of();
  scope.clear_known_at();
  const client::Result<v1::GetRetentionResponse> ever = Purchases(session, flags, scope);
  // Several currencies are purchases, too.
  const bool none_then = then.ok() && then->accounts() == 0;
  const bool some_ever = ever.ok() ? ever->accounts() > 0 : ever.error().code == grpc::StatusCode::INVALID_ARGUMENT;
  if (!none_then || !some_ever) {
    return "";
  }
  std::string options;
  for (const auto& [name, value] : {std::pair{"--as-of", flags.as_of}, std::pair{"--known-at", flags.known_at}}) {
    if (!value.empty()) {
      options += fmt::format("{}{} {}", options.empty() ? "" : " and ", name, value);
    }
  }
  return "there is no purchase yet at " + options;
}

std::string WhyNobody(Session& session, const ScopeFlags& flags, const v1::RetentionScope& scope) {
  std::vector<std::pair<std::string, v1::PopulationFilter>> filters;
  const auto add = [&](const char* option, const std::string& value, const auto& set) {
    if (!value.empty()) {
      filters.emplace_back(fmt::format("{} {}", option, value), v1::PopulationFilter());
      set(filters.back().second);
    }
  };
  add("--region", flags.region, [&](v1::PopulationFilter& one) { one.set_region(flags.region); });
  add("--segment", flags.segment, [&](v1::PopulationFilter& one) { one.set_segment(flags.segment); });
  add("--owner", flags.owner, [&](v1::PopulationFilter& one) { one.set_owner(flags.owner); });
  add("--tier", flags.tier, [&](v1::PopulationFilter& one) { one.set_tier_id(flags.tier); });
  add("--club", flags.club, [&](v1::PopulationFilter& one) { one.set_club_id(flags.club); });
  if (filters.empty() || AnyAccount(session, flags, scope).value_or(true)) {
    return "";
  }
  std::string all;
  for (const auto& [option, filter] : filters) {
    v1::RetentionScope one = scope;
    *one.mutable_accounts() = filter;
    if (!AnyAccount(session, flags, one).value_or(true)) {
      return "no account matches " + option;
    }
    all += " " + option;
  }
  return "no account matches" + all + " together";
}

std::string WhyNothingSold(Session& session, const ScopeFlags& flags, v1::RetentionScope scope) {
  if (flags.currency.empty()) {
    return "";
  }
  scope.clear_accounts();
  if (const auto asked = Purchases(session, flags, scope); !asked.ok() || asked->accounts() > 0) {
    return "";
  }
  scope.clear_currency_code();
  const client::Result<v1::GetRetentionResponse> any = Purchases(session, flags, scope);
  const std::string nobody = "there is no purchase in --currency " + flags.currency;
  if (any.ok()) {
    return any->currency_code().empty() ? "" : fmt::format("{}: they are in {}", nobody, any->currency_code());
  }
  // The refusal names the currencies.
  return any.error().fields.empty() ? "" : fmt::format("{}: {}", nobody, any.error().fields[0].description);
}

}  // namespace

std::string WhyEmpty(Session& session, const ScopeFlags& flags) {
  v1::RetentionScope scope;
  flags.Fill(scope);
  std::string why = WhyBefore(session, flags, scope);
  if (why.empty()) {
    why = WhyNobody(session, flags, scope);
  }
  if (why.empty()) {
    why = WhyNothingSold(session, flags, scope);
  }
  return why;
}

}  // namespace keyledger::cli

#include "server/service/retention_scope.h"

#include <string>

#include <fmt/format.h>

#include "projections/portfolio/portfolio_measure.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/service/query_request.h"

namespace keyledger::service {
namespace {

// What no account can have, a filter need not name.
constexpr size_t kSegmentBytesMax = 64;
constexpr size_t kOwnerBytesMax = 128;

absl::Status CheckSnake(const std::string& field, const std::string& value) {
  if (value.empty() || IsSnakeId(value)) return absl::OkStatus();
  return FieldError(field, "must be lower snake case of at most 64 bytes, for example gold");
}

absl::Status CheckBytes(const std::string& field, const std::string& value, size_t bytes_max) {
  if (value.size() <= bytes_max) return absl::OkStatus();
  return FieldError(field, fmt::format("must have at most {} bytes", bytes_max));
}

absl::StatusOr<projections::RevenueBasis> ToBasis(ledger::v1::RevenueBasis basis) {
  switch (basis) {
    case ledger::v1::REVENUE_BASIS_UNSPECIFIED:
    case ledger::v1::REVENUE_BASIS_GROSS:
      return projections::RevenueBasis::kGross;
    case ledger::v1::REVENUE_BASIS_NET:
      return projections::RevenueBasis::kNet;
    default:
      return FieldError("scope.revenue_basis", "is not a value of RevenueBasis");
  }
}

}  // namespace

absl::StatusOr<projections::PopulationFilter> ToFilter(const ledger::v1::PopulationFilter& accounts) {
  if (!IsRegionPath(accounts.region())) {
    return FieldError("scope.accounts.region", "is not a region path, for example CN/31/Shanghai");
  }
  KL_RETURN_IF_ERROR(CheckBytes("scope.accounts.segment", accounts.segment(), kSegmentBytesMax));
  KL_RETURN_IF_ERROR(CheckBytes("scope.accounts.owner", accounts.owner(), kOwnerBytesMax));
  KL_RETURN_IF_ERROR(CheckSnake("scope.accounts.tier_id", accounts.tier_id()));
  KL_RETURN_IF_ERROR(CheckSnake("scope.accounts.club_id", accounts.club_id()));
  return projections::PopulationFilter{accounts.region(), accounts.segment(), accounts.owner(), accounts.tier_id(),
                                       accounts.club_id()};
}

absl::StatusOr<Micros> CheckPast(const google::protobuf::Timestamp& time, std::string_view field, const Clock& clock) {
  KL_ASSIGN_OR_RETURN(const Micros moment, CheckTime(time, field));
  if (moment > AsOfNow(clock)) return FieldError(field, "must not be in the future");
  return moment;
}

absl::StatusOr<projections::RetentionScope> ToScope(const ledger::v1::RetentionScope& scope,
                                                    const grpc::CallbackServerContext& call, const Clock& clock) {
  projections::RetentionScope out;
  out.canceled = CanceledBy(call);
  out.now = AsOfNow(clock);
  KL_ASSIGN_OR_RETURN(out.unit, UnitOf(scope.period(), "scope.period"));
  if (scope.period_length() < 0 || scope.period_length() > kPeriodLengthMax) {
    return FieldError("scope.period_length",
                      fmt::format("must be 0 to {}, not {}", kPeriodLengthMax, scope.period_length()));
  }
  if (scope.period_length() != 0) out.period_length = scope.period_length();
  KL_ASSIGN_OR_RETURN(out.basis, ToBasis(scope.revenue_basis()));
  KL_ASSIGN_OR_RETURN(out.zone, ZoneOf(scope.time_zone(), "scope.time_zone"));
  if (!scope.currency_code().empty() && !IsCurrencyCode(scope.currency_code())) {
    return FieldError("scope.currency_code", "must be three capital letters, for example USD");
  }
  out.currency_code = scope.currency_code();
  if (scope.has_as_of()) {
    KL_ASSIGN_OR_RETURN(out.as_of, CheckPast(scope.as_of(), "scope.as_of", clock));
  }
  if (scope.has_known_at()) {
    KL_ASSIGN_OR_RETURN(out.known_at, CheckPast(scope.known_at(), "scope.known_at", clock));
  }
  KL_ASSIGN_OR_RETURN(out.filter, ToFilter(scope.accounts()));
  return out;
}

absl::StatusOr<Micros> EndOfDataOrNow(const std::vector<const store::TableReader*>& shards,
                                      const projections::RetentionScope& scope, const Clock& clock) {
  KL_ASSIGN_OR_RETURN(const Micros end, projections::portfolio::EndOfData(shards, scope));
  return end == projections::portfolio::kFromTheBeginning ? AsOfNow(clock) : end;
}

absl::Status CheckAccountExists(const ServiceContext& context, const std::string& account_id) {
  KL_RETURN_IF_ERROR(CheckAccountId(account_id));
  KL_ASSIGN_OR_RETURN(const auto last, context.ledger.ShardOfAccount(account_id).store().LastRevision(account_id));
  if (last.has_value()) return absl::OkStatus();
  return MakeError(Reason::kAccountNotFound, fmt::format("there is no account {}", account_id));
}

}  // namespace keyledger::service

// PortfolioService: how ranks shift, and what accounts can be grouped by. See portfolio_service.h.
#include <fmt/format.h>

#include "projections/portfolio/groups.h"
#include "projections/portfolio/rank_migration.h"
#include "server/base/error.h"
#include "server/service/portfolio_service.h"
#include "server/service/query_request.h"
#include "server/service/retention_scope.h"

namespace keyledger::service {
namespace {

namespace portfolio = projections::portfolio;

constexpr int kCutsMax = 8;
constexpr int32_t kMilliWhole = 1'000;
constexpr int kRisersDefault = 20;

absl::StatusOr<portfolio::RankMigrationQuery> ToQuery(const ledger::v1::GetRankMigrationRequest& request) {
  portfolio::RankMigrationQuery query;
  KL_ASSIGN_OR_RETURN(query.measure, MeasureOf(request.measure(), portfolio::PortfolioMeasure::kRevenue));
  const auto& cuts = request.cut_milli();
  if (cuts.size() > kCutsMax) return FieldError("cut_milli", fmt::format("must have at most {} entries", kCutsMax));
  for (int i = 0; i < cuts.size(); ++i) {
    // A class that ends with all accounts leaves none for the one after it.
    if (cuts[i] > (i == 0 ? 0 : cuts[i - 1]) && cuts[i] < kMilliWhole) continue;
    return FieldError(fmt::format("cut_milli[{}]", i), fmt::format("must rise and be 1 to 999, not {}", cuts[i]));
  }
  if (!cuts.empty()) query.cut_milli.assign(cuts.begin(), cuts.end());
  KL_ASSIGN_OR_RETURN(const int page_size, CheckPageSize(request.page_size()));
  query.risers_max = static_cast<size_t>(request.page_size() == 0 ? kRisersDefault : page_size);
  return query;
}

absl::StatusOr<portfolio::GroupDimension> ToDimension(ledger::v1::GroupDimension dimension) {
  switch (dimension) {
    case ledger::v1::GROUP_DIMENSION_REGION:
      return portfolio::GroupDimension::kRegion;
    case ledger::v1::GROUP_DIMENSION_SEGMENT:
      return portfolio::GroupDimension::kSegment;
    case ledger::v1::GROUP_DIMENSION_OWNER:
      return portfolio::GroupDimension::kOwner;
    case ledger::v1::GROUP_DIMENSION_TIER:
      return portfolio::GroupDimension::kTier;
    case ledger::v1::GROUP_DIMENSION_CLUB:
      return portfolio::GroupDimension::kClub;
    case ledger::v1::GROUP_DIMENSION_UNSPECIFIED:
      return FieldError("dimension", "is required");
    default:
      return FieldError("dimension", "is not a value of GroupDimension");
  }
}

}  // namespace

grpc::ServerUnaryReactor* PortfolioServiceImpl::GetRankMigration(grpc::CallbackServerContext* call,
                                                                 const ledger::v1::GetRankMigrationRequest* request,
                                                                 ledger::v1::GetRankMigrationResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const projections::RetentionScope scope, ToScope(request->scope(), *call, context_.clock));
    KL_ASSIGN_OR_RETURN(const portfolio::RankMigrationQuery query, ToQuery(*request));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("retention", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto answer, portfolio::GetRankMigration(Pointers(readers), scope, query));
    response->set_earlier_period(answer.earlier_period);
    response->set_later_period(answer.later_period);
    for (const std::string& state : answer.states) response->add_states(state);
    for (const std::vector<int64_t>& row : answer.counts) {
      response->add_counts()->mutable_to()->Add(row.begin(), row.end());
    }
    for (const portfolio::RiserRow& row : answer.risers) {
      ledger::v1::Riser& riser = *response->add_risers();
      riser.set_account_id(row.account_id);
      riser.set_earlier_rank(row.earlier_rank);
      riser.set_later_rank(row.later_rank);
      riser.set_earlier_micros(row.earlier_micros);
      riser.set_later_micros(row.later_micros);
      riser.set_earlier_class(answer.states[row.earlier_class]);
      riser.set_later_class(answer.states[row.later_class]);
    }
    if (answer.rank_correlation.has_value()) response->set_rank_correlation(*answer.rank_correlation);
    response->set_currency_code(answer.currency_code);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PortfolioServiceImpl::ListGroups(grpc::CallbackServerContext* call,
                                                           const ledger::v1::ListGroupsRequest* request,
                                                           ledger::v1::ListGroupsResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const projections::RetentionScope scope, ToScope(request->scope(), *call, context_.clock));
    KL_ASSIGN_OR_RETURN(const portfolio::GroupDimension dimension, ToDimension(request->dimension()));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("retention", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto answer, portfolio::ListGroups(Pointers(readers), scope, dimension));
    for (const portfolio::GroupRow& row : answer.groups) {
      ledger::v1::Group& group = *response->add_groups();
      group.set_value(row.value);
      group.set_accounts(row.accounts);
    }
    response->set_without(answer.without);
    response->set_truncated(answer.truncated);
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

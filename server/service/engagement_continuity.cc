// EngagementService.GetContinuity. See engagement_service.h.
#include <optional>

#include "projections/retention/continuity_queries.h"
#include "server/base/error.h"
#include "server/service/engagement_service.h"
#include "server/service/query_request.h"
#include "server/service/retention_scope.h"

namespace keyledger::service {

grpc::ServerUnaryReactor* EngagementServiceImpl::GetContinuity(grpc::CallbackServerContext* call,
                                                               const ledger::v1::GetContinuityRequest* request,
                                                               ledger::v1::GetContinuityResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const projections::RetentionScope scope, ToScope(request->scope(), *call, context_.clock));
    std::optional<Micros> start;
    if (request->has_start_time()) {
      KL_ASSIGN_OR_RETURN(start, CheckTime(request->start_time(), "start_time"));
    }
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("retention", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto table, projections::GetContinuityTable(Pointers(readers), scope, start));
    for (const projections::ContinuityGroup& group : table.groups) {
      ledger::v1::ContinuityGroup& out = *response->add_groups();
      out.set_changes(group.changes);
      out.set_departed(group.departed);
      out.set_accounts(group.accounts);
      out.set_retained(group.retained);
      if (group.retention.has_value()) out.set_retention(*group.retention);
      if (group.revenue_ratio.has_value()) out.set_revenue_ratio(*group.revenue_ratio);
    }
    if (table.mean_owner_days.has_value()) response->set_mean_owner_days(*table.mean_owner_days);
    response->set_changes(table.changes);
    response->set_currency_code(table.currency_code);
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

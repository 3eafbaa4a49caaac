// RetentionService. See retention_service.h.
#include "server/service/retention_service.h"

#include "projections/portfolio/portfolio_measure.h"
#include "projections/retention/retention_queries.h"
#include "server/base/error.h"
#include "server/service/query_request.h"
#include "server/service/retention_scope.h"

namespace keyledger::service {

namespace portfolio = projections::portfolio;

grpc::ServerUnaryReactor* RetentionServiceImpl::GetRetention(grpc::CallbackServerContext* call,
                                                             const ledger::v1::GetRetentionRequest* request,
                                                             ledger::v1::GetRetentionResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const projections::RetentionScope scope, ToScope(request->scope(), *call, context_.clock));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("retention", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto table, projections::GetRetentionTable(Pointers(readers), scope));
    response->set_currency_code(table.currency_code);
    response->set_purchases(table.purchases);
    response->set_accounts(table.accounts);
    Micros end = portfolio::kFromTheBeginning;
    if (scope.as_of != portfolio::kNoAsOf || request->find_end()) {
      KL_ASSIGN_OR_RETURN(end, portfolio::EndOfData(Pointers(readers), scope));
    }
    const bool end_known = end != portfolio::kFromTheBeginning;
    if (end_known) response->set_last_day(FormatPeriod(scope.zone.DayIndex(end - 1), CalendarUnit::kDay));
    for (const projections::RetentionPeriodRow& row : table.periods) {
      ledger::v1::RetentionPeriod& out = *response->add_periods();
      out.set_period(scope.periods().Format(row.period));
      out.set_active(row.active);
      out.set_new_(row.fresh);
      out.set_retained(row.retained);
      out.set_reactivated(row.reactivated);
      out.set_churned(row.churned);
      out.set_start(row.start);
      if (row.logo_retention.has_value()) out.set_logo_retention(*row.logo_retention);
      if (row.crr_end_minus_new_over_start.has_value())
        out.set_crr_end_minus_new_over_start(*row.crr_end_minus_new_over_start);
      if (row.nrr.has_value()) out.set_nrr(*row.nrr);
      if (row.grr.has_value()) out.set_grr(*row.grr);
      out.set_revenue_micros(row.revenue_micros);
      out.set_nrr_micros(row.nrr_micros);
      out.set_grr_micros(row.grr_micros);
      out.set_base_micros(row.base_micros);
      out.set_running(end_known && scope.periods().StartOf(row.period + 1) > end);
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* RetentionServiceImpl::GetCohorts(grpc::CallbackServerContext* call,
                                                           const ledger::v1::GetCohortsRequest* request,
                                                           ledger::v1::GetCohortsResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const projections::RetentionScope scope, ToScope(request->scope(), *call, context_.clock));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("retention", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto table, projections::GetCohortTable(Pointers(readers), scope));
    response->set_currency_code(table.currency_code);
    for (const projections::CohortRow& row : table.cohorts) {
      ledger::v1::Cohort& out = *response->add_cohorts();
      out.set_start(scope.periods().Format(row.period));
      out.set_size(row.size);
      out.mutable_active()->Add(row.active.begin(), row.active.end());
      out.mutable_revenue_micros()->Add(row.revenue_micros.begin(), row.revenue_micros.end());
    }
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

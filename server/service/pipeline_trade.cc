// PipelineService: what is asked of items and of the trade together. See pipeline_service.h.
#include <limits>

#include "projections/pipeline/demand.h"
#include "projections/pipeline/referral_yields.h"
#include "projections/pipeline/sale_modes.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/service/pipeline_request.h"
#include "server/service/pipeline_service.h"
#include "server/service/retention_scope.h"

namespace keyledger::service {
namespace {

namespace pipeline = projections::pipeline;

// Of PurchaseLine.category.
constexpr size_t kCategoryBytesMax = 64;

// The scope with a moment for its end.
absl::StatusOr<projections::RetentionScope> ToBoundedScope(const ledger::v1::RetentionScope& scope,
                                                           const grpc::CallbackServerContext& call,
                                                           const Clock& clock) {
  KL_ASSIGN_OR_RETURN(projections::RetentionScope out, ToScope(scope, call, clock));
  if (!scope.has_as_of()) out.as_of = AsOfNow(clock);
  return out;
}

// Start of a stretch; without one, the beginning.
template <class Request>
absl::StatusOr<Micros> StartOf(const Request& request) {
  if (!request.has_start_time()) return std::numeric_limits<int64_t>::min();
  return CheckTime(request.start_time(), "start_time");
}

void Fill(const pipeline::DemandRow& row, const Periods& periods, ledger::v1::DemandPeriod& out) {
  out.set_period(periods.Format(row.period));
  out.set_declared_micros(row.declared_micros);
  out.set_estimated_micros(row.estimated_micros);
  out.set_ordered_micros(row.ordered_micros);
  if (row.bought_micros.has_value()) out.set_bought_micros(*row.bought_micros);
  out.set_accounts(row.accounts);
  if (row.mean_error.has_value()) out.set_mean_error(*row.mean_error);
  if (row.ratio.has_value()) out.set_ratio(*row.ratio);
  ledger::v1::DemandUnits& units = *out.mutable_units();
  units.set_declared(row.units.declared);
  units.set_estimated(row.units.estimated);
  units.set_ordered(row.units.ordered);
  if (row.units.bought.has_value()) units.set_bought(*row.units.bought);
  units.set_accounts(row.units.accounts);
  if (row.units.mean_error.has_value()) units.set_mean_error(*row.units.mean_error);
  if (row.units.ratio.has_value()) units.set_ratio(*row.units.ratio);
}

void Fill(const pipeline::ReferralSourceRow& row, ledger::v1::ReferralSource& out) {
  out.set_lead_source(row.lead_source);
  out.set_given(row.given);
  out.set_converted(row.converted);
  if (row.given > 0) out.set_conversion(static_cast<double>(row.converted) / static_cast<double>(row.given));
  out.set_accounts(row.accounts);
  out.set_buyers(row.buyers);
  out.mutable_yield_micros()->Add(row.yield_micros.begin(), row.yield_micros.end());
  out.set_cost_micros(row.cost_micros);
}

}  // namespace

grpc::ServerUnaryReactor* PipelineServiceImpl::GetDemand(grpc::CallbackServerContext* call,
                                                         const ledger::v1::GetDemandRequest* request,
                                                         ledger::v1::GetDemandResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const projections::RetentionScope scope,
                        ToBoundedScope(request->scope(), *call, context_.clock));
    pipeline::DemandQuery query;
    KL_ASSIGN_OR_RETURN(query.start, StartOf(*request));
    if (request->category().size() > kCategoryBytesMax || !IsUtf8(request->category())) {
      return FieldError("category", "must be UTF-8 of at most 64 bytes");
    }
    query.category = request->category();
    KL_ASSIGN_OR_RETURN(const shard::TableReaders items,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders trades,
                        context_.ledger.Readers("retention", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const pipeline::DemandAnswer answer,
                        pipeline::GetDemand(Pointers(items), Pointers(trades), scope, query));
    for (const pipeline::DemandRow& row : answer.periods) Fill(row, scope.periods(), *response->add_periods());
    response->set_currency_code(answer.currency_code);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PipelineServiceImpl::GetReferrals(grpc::CallbackServerContext* call,
                                                            const ledger::v1::GetReferralsRequest* request,
                                                            ledger::v1::GetReferralsResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const projections::RetentionScope scope,
                        ToBoundedScope(request->scope(), *call, context_.clock));
    KL_ASSIGN_OR_RETURN(const Micros start, StartOf(*request));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders referrers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders trades,
                        context_.ledger.Readers("retention", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const pipeline::ReferralYields yields,
                        pipeline::GetReferralYields(Pointers(referrers), Pointers(trades), scope, start));
    response->set_asked(yields.asked);
    for (const pipeline::ReferralSourceRow& row : yields.sources) Fill(row, *response->add_sources());
    response->set_currency_code(yields.currency_code);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PipelineServiceImpl::GetSaleModes(grpc::CallbackServerContext* call,
                                                            const ledger::v1::GetSaleModesRequest* request,
                                                            ledger::v1::GetSaleModesResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const projections::RetentionScope asked,
                        ToBoundedScope(request->scope(), *call, context_.clock));
    projections::engagement::EngagementScope scope;
    scope.as_of = asked.as_of;
    scope.known_at = asked.known_at;
    scope.filter = asked.filter;
    scope.canceled = asked.canceled;
    pipeline::SaleModeQuery query;
    query.periods = asked.periods();
    KL_ASSIGN_OR_RETURN(query.start, StartOf(*request));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const std::vector<pipeline::SaleModeRow> rows,
                        pipeline::GetSaleModes(Pointers(readers), scope, query));
    for (const pipeline::SaleModeRow& row : rows) {
      ledger::v1::SaleModeRow& out = *response->add_rows();
      out.set_period(asked.periods().Format(row.period));
      out.set_sale_mode(row.sale_mode);
      out.set_purchases(row.purchases);
      out.set_share(row.share);
      out.set_median_delay_days(row.median_delay_days);
    }
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

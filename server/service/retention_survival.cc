// RetentionService.GetSurvival and GetTenure. See retention_service.h.
#include <vector>

#include <fmt/format.h>

#include "projections/retention/survival_queries.h"
#include "server/base/error.h"
#include "server/service/query_request.h"
#include "server/service/retention_scope.h"
#include "server/service/retention_service.h"

namespace keyledger::service {
namespace {

constexpr int32_t kInactiveDaysMax = 3'660;
constexpr int kTenureBandsMax = 64;

absl::StatusOr<projections::SurvivalEvent> ToEvent(ledger::v1::SurvivalEvent event) {
  switch (event) {
    case ledger::v1::SURVIVAL_EVENT_UNSPECIFIED:
    case ledger::v1::SURVIVAL_EVENT_SECOND_PURCHASE:
      return projections::SurvivalEvent::kSecondPurchase;
    case ledger::v1::SURVIVAL_EVENT_LOSS:
      return projections::SurvivalEvent::kLoss;
    default:
      return FieldError("event", "is not a value of SurvivalEvent");
  }
}

absl::Status CheckInactiveDays(int32_t days) {
  if (days >= 0 && days <= kInactiveDaysMax) return absl::OkStatus();
  return FieldError("inactive_days", fmt::format("must be 0 to {}, not {}", kInactiveDaysMax, days));
}

absl::StatusOr<std::vector<int32_t>> ToBands(const ledger::v1::GetTenureRequest& request) {
  if (request.band_days().empty()) return std::vector<int32_t>{90, 180, 365, 730, 1'825};
  if (request.band_days_size() > kTenureBandsMax) {
    return FieldError("band_days", fmt::format("must have at most {} entries", kTenureBandsMax));
  }
  int32_t previous = 0;
  for (int i = 0; i < request.band_days_size(); ++i) {
    if (request.band_days(i) <= previous) {
      return FieldError(fmt::format("band_days[{}]", i), fmt::format("must be more than {}", previous));
    }
    previous = request.band_days(i);
  }
  return std::vector<int32_t>(request.band_days().begin(), request.band_days().end());
}

}  // namespace

grpc::ServerUnaryReactor* RetentionServiceImpl::GetSurvival(grpc::CallbackServerContext* call,
                                                            const ledger::v1::GetSurvivalRequest* request,
                                                            ledger::v1::GetSurvivalResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const projections::RetentionScope scope, ToScope(request->scope(), *call, context_.clock));
    KL_ASSIGN_OR_RETURN(const projections::SurvivalEvent event, ToEvent(request->event()));
    KL_RETURN_IF_ERROR(CheckInactiveDays(request->inactive_days()));
    if (event != projections::SurvivalEvent::kLoss && request->inactive_days() != 0) {
      return FieldError("inactive_days", "must be 0 unless event is SURVIVAL_EVENT_LOSS");
    }
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("retention", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto curve,
                        projections::GetSurvivalCurve(Pointers(readers), scope, event, request->inactive_days()));
    for (const forecast::SurvivalPoint& point : curve.points()) {
      ledger::v1::SurvivalPoint& out = *response->add_points();
      out.set_day(point.day);
      out.set_at_risk(point.at_risk);
      out.set_events(point.events);
      out.set_survival(point.survival);
      out.set_variance(point.variance);
    }
    response->set_accounts(curve.subjects());
    response->set_events(curve.events());
    response->set_censored(curve.censored());
    if (const auto median = curve.Median(); median.has_value()) response->set_median_day(*median);
    response->set_restricted_mean_days(curve.MeanUpTo(curve.last_day()).days);
    response->set_last_day(curve.last_day());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* RetentionServiceImpl::GetTenure(grpc::CallbackServerContext* call,
                                                          const ledger::v1::GetTenureRequest* request,
                                                          ledger::v1::GetTenureResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const projections::RetentionScope scope, ToScope(request->scope(), *call, context_.clock));
    KL_RETURN_IF_ERROR(CheckInactiveDays(request->inactive_days()));
    KL_ASSIGN_OR_RETURN(const std::vector<int32_t> bands, ToBands(*request));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("retention", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto table,
                        projections::GetTenureTable(Pointers(readers), scope, request->inactive_days(), bands));
    response->set_accounts(table.accounts);
    for (const projections::TenureBand& band : table.bands) {
      ledger::v1::TenureBand& out = *response->add_bands();
      out.set_from_days(band.from_days);
      if (band.to_days.has_value()) out.set_to_days(*band.to_days);
      out.set_accounts(band.accounts);
    }
    if (table.mean_days.has_value()) response->set_mean_days(*table.mean_days);
    if (table.median_days.has_value()) response->set_median_days(*table.median_days);
    if (table.survival_mean_days.has_value()) response->set_survival_mean_days(*table.survival_mean_days);
    if (table.geometric_mean_months.has_value()) response->set_geometric_mean_months(*table.geometric_mean_months);
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

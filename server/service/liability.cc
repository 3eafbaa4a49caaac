// PointsService.GetLiability. See points_service.h.
#include <algorithm>
#include <cmath>
#include <limits>

#include "projections/points/ifrs15.h"
#include "projections/points/points_liability.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/service/points_service.h"
#include "server/service/query_request.h"

namespace keyledger::service {
namespace {

// To the nearest; what does not fit becomes the largest number.
int64_t Rounded(double value) {
  constexpr double kEnd = 9223372036854775808.0;
  return value >= kEnd ? std::numeric_limits<int64_t>::max() : std::llround(value);
}

absl::StatusOr<projections::LiabilityScope> ToScope(const ledger::v1::GetLiabilityRequest& request,
                                                    const Clock& clock) {
  projections::LiabilityScope scope;
  KL_ASSIGN_OR_RETURN(scope.as_of, AsOf(request, clock));
  if (request.has_known_at()) {
    KL_ASSIGN_OR_RETURN(scope.known_at, CheckTime(request.known_at(), "known_at"));
  }
  scope.program_id = request.program_id();
  KL_ASSIGN_OR_RETURN(scope.unit, UnitOf(request.cohort_period(), "cohort_period"));
  KL_ASSIGN_OR_RETURN(scope.zone, ZoneOf(request.time_zone(), "time_zone"));
  return scope;
}

absl::Status CheckInputs(const ledger::v1::Ifrs15Inputs& inputs) {
  switch (inputs.allocation_case()) {
    case ledger::v1::Ifrs15Inputs::kAllocatedMicros:
      if (inputs.allocated_micros() >= 0) return absl::OkStatus();
      return FieldError("ifrs15.allocated_micros", "must be zero or more");
    case ledger::v1::Ifrs15Inputs::kPrices: {
      const ledger::v1::Ifrs15Prices& prices = inputs.prices();
      if (prices.price_micros() < 0) return FieldError("ifrs15.prices.price_micros", "must be zero or more");
      if (prices.goods_standalone_micros() <= 0)
        return FieldError("ifrs15.prices.goods_standalone_micros", "must be more than zero");
      if (prices.value_per_point_micros() < 0)
        return FieldError("ifrs15.prices.value_per_point_micros", "must be zero or more");
      if (!(prices.redemption_rate() >= 0 && prices.redemption_rate() <= 1))
        return FieldError("ifrs15.prices.redemption_rate", "must be 0 to 1");
      return absl::OkStatus();
    }
    default:
      return FieldError("ifrs15.allocation", "is required: prices or allocated_micros");
  }
}

absl::StatusOr<ledger::v1::Ifrs15Figures> Figures(const ledger::v1::Ifrs15Inputs& inputs,
                                                  const projections::Liability& liability) {
  const projections::LotTotals& totals = liability.totals;
  if (inputs.has_expected_redeemed() && inputs.expected_redeemed() < totals.redeemed) {
    return FieldError("ifrs15.expected_redeemed", "must not be less than the points redeemed so far");
  }
  const double expected =
      inputs.has_expected_redeemed() ? static_cast<double>(inputs.expected_redeemed()) : liability.expected_redeemed;
  double allocated = static_cast<double>(inputs.allocated_micros());
  if (inputs.has_prices()) {
    const ledger::v1::Ifrs15Prices& prices = inputs.prices();
    // Points taken back were never given.
    const auto points = static_cast<double>(totals.issued - totals.reversed - totals.adjusted);
    double rate = points > 0 ? std::min(1.0, expected / points) : 0;
    if (prices.has_redemption_rate()) rate = prices.redemption_rate();
    allocated = projections::AllocatedToPoints({static_cast<double>(prices.price_micros()),
                                                static_cast<double>(prices.goods_standalone_micros()), points,
                                                static_cast<double>(prices.value_per_point_micros()), rate});
  }
  const double revenue = projections::RecognisedRevenue(allocated, static_cast<double>(totals.redeemed), expected,
                                                        static_cast<double>(totals.outstanding()));
  ledger::v1::Ifrs15Figures figures;
  figures.set_allocated_micros(Rounded(allocated));
  figures.set_revenue_micros(Rounded(revenue));
  figures.set_liability_micros(figures.allocated_micros() - figures.revenue_micros());
  figures.set_expected_redeemed(Rounded(expected));
  return figures;
}

void FillTotals(const projections::LotTotals& totals, ledger::v1::LotTotals& out) {
  out.set_lots(totals.lots);
  out.set_issued(totals.issued);
  out.set_redeemed(totals.redeemed);
  out.set_adjusted(totals.adjusted);
  out.set_expired(totals.expired);
  out.set_reversed(totals.reversed);
  out.set_available(totals.available);
  out.set_pending(totals.pending);
  out.set_transferred(totals.transferred);
}

void FillOutlook(const projections::PointsOutlook& outlook, ledger::v1::PointsOutlook& out) {
  out.set_redeemed(outlook.redeemed);
  out.set_expired(outlook.expired);
  out.set_unresolved(outlook.unresolved);
}

void FillLiability(const projections::Liability& liability, CalendarUnit unit, ledger::v1::GetLiabilityResponse& out) {
  FillTotals(liability.totals, *out.mutable_totals());
  for (const projections::LiabilityCohort& cohort : liability.cohorts) {
    ledger::v1::LiabilityCohort& entry = *out.add_cohorts();
    entry.set_period(FormatPeriod(cohort.period, unit));
    FillTotals(cohort.totals, *entry.mutable_totals());
    entry.mutable_redeemed_by_age()->Add(cohort.redeemed_by_age.begin(), cohort.redeemed_by_age.end());
    FillOutlook(cohort.outlook, *entry.mutable_outlook());
  }
  for (const projections::LiabilityAge& age : liability.ages) {
    ledger::v1::LiabilityAge& entry = *out.add_ages();
    entry.set_from_days(age.from_days);
    if (age.to_days.has_value()) entry.set_to_days(*age.to_days);
    entry.set_lots(age.lots);
    entry.set_available(age.available);
    entry.set_pending(age.pending);
  }
  for (const projections::PointsOutlook& outlook : liability.outlook_by_age)
    FillOutlook(outlook, *out.add_outlook_by_age());
  out.set_expected_redeemed(Rounded(liability.expected_redeemed));
}

}  // namespace

grpc::ServerUnaryReactor* PointsServiceImpl::GetLiability(grpc::CallbackServerContext* call,
                                                          const ledger::v1::GetLiabilityRequest* request,
                                                          ledger::v1::GetLiabilityResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const projections::LiabilityScope scope, ToScope(*request, context_.clock));
    if (request->has_ifrs15()) KL_RETURN_IF_ERROR(CheckInputs(request->ifrs15()));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("points", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto liability, projections::GetPointsLiability(Pointers(readers), scope));
    domain::SetTimestamp(response->mutable_as_of(), scope.as_of);
    FillLiability(liability, scope.unit, *response);
    if (request->has_ifrs15()) {
      KL_ASSIGN_OR_RETURN(*response->mutable_ifrs15(), Figures(request->ifrs15(), liability));
    }
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

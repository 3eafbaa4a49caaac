// PortfolioService: how much which accounts hold. See portfolio_service.h.
#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "projections/portfolio/classes.h"
#include "projections/portfolio/concentration.h"
#include "server/base/error.h"
#include "server/service/forecast_scope.h"
#include "server/service/portfolio_service.h"
#include "server/service/query_request.h"
#include "server/service/retention_scope.h"

namespace keyledger::service {
namespace {

namespace portfolio = projections::portfolio;

constexpr int kPercentsMax = 20;
constexpr int kPercentWhole = 100;
constexpr int kMilliWhole = 1'000;
constexpr int kCurvePointsMax = 200;

using Percents = google::protobuf::RepeatedField<int32_t>;

absl::Status CheckPercents(const Percents& percents, const char* field) {
  if (percents.size() > kPercentsMax)
    return FieldError(field, fmt::format("must have at most {} entries", kPercentsMax));
  for (int i = 0; i < percents.size(); ++i) {
    if (percents[i] < 1 || percents[i] > kPercentWhole) {
      return FieldError(fmt::format("{}[{}]", field, i), fmt::format("must be 1 to 100, not {}", percents[i]));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<portfolio::ConcentrationQuery> ToQuery(const ledger::v1::GetConcentrationRequest& request,
                                                      Micros as_of) {
  portfolio::ConcentrationQuery query;
  KL_ASSIGN_OR_RETURN(query.start, StretchStart(request, as_of));
  KL_ASSIGN_OR_RETURN(query.measure, MeasureOf(request.measure(), portfolio::PortfolioMeasure::kRevenue));
  KL_RETURN_IF_ERROR(CheckPercents(request.cut_percent(), "cut_percent"));
  KL_RETURN_IF_ERROR(CheckPercents(request.cover_percent(), "cover_percent"));
  int together = 0;
  for (const int32_t percent : request.cut_percent()) together += percent;
  if (together > kPercentWhole) {
    return FieldError("cut_percent", fmt::format("must be at most 100 together, not {}", together));
  }
  if (request.cut_percent_size() > 0)
    query.cut_percent.assign(request.cut_percent().begin(), request.cut_percent().end());
  if (request.cover_percent_size() > 0) {
    query.cover_percent.assign(request.cover_percent().begin(), request.cover_percent().end());
  }
  if (request.curve_points() < 0 || request.curve_points() > kCurvePointsMax) {
    return FieldError("curve_points", fmt::format("must be 0 to {}, not {}", kCurvePointsMax, request.curve_points()));
  }
  query.curve_points = request.curve_points();
  if (request.alert_milli() < 0 || request.alert_milli() > kMilliWhole) {
    return FieldError("alert_milli", fmt::format("must be 1 to 1000, or 0 for none, not {}", request.alert_milli()));
  }
  return query;
}

void Fill(const portfolio::Concentration& answer, int64_t alert_milli, ledger::v1::GetConcentrationResponse& out) {
  out.set_accounts(answer.accounts);
  out.set_total_micros(answer.total_micros);
  for (const portfolio::ConcentrationGroupRow& row : answer.groups) {
    ledger::v1::ConcentrationGroup& group = *out.add_groups();
    group.set_percent(row.percent);
    group.set_accounts(row.accounts);
    if (answer.share_note.empty()) group.set_share(row.share);
    group.set_total_micros(row.total_micros);
    group.set_cutoff_micros(row.cutoff_micros);
    group.set_cumulative_accounts(row.cumulative_accounts);
    if (answer.share_note.empty()) group.set_cumulative_share(row.cumulative_share);
  }
  for (const portfolio::ConcentrationCoverRow& row : answer.covering) {
    ledger::v1::ConcentrationCover& cover = *out.add_covering();
    cover.set_percent(row.percent);
    cover.set_accounts(row.accounts);
    cover.set_account_share(row.account_share);
  }
  if (answer.gini.has_value()) out.set_gini(*answer.gini);
  for (const portfolio::LorenzPointRow& row : answer.curve) {
    ledger::v1::LorenzPoint& point = *out.add_curve();
    point.set_accounts(row.accounts);
    point.set_share(row.share);
  }
  out.set_currency_code(answer.currency_code);
  out.set_share_note(answer.share_note);
  out.set_purchases_without_cost(answer.purchases_without_cost);
  out.set_alert(alert_milli > 0 && answer.total_micros > 0 && answer.share_note.empty() &&
                static_cast<Int128>(answer.groups[0].total_micros) * kMilliWhole >=
                    static_cast<Int128>(answer.total_micros) * alert_milli);
}

absl::StatusOr<portfolio::ClassesQuery> ToQuery(const ledger::v1::GetClassesRequest& request, Micros as_of) {
  portfolio::ClassesQuery query;
  KL_ASSIGN_OR_RETURN(query.start, StretchStart(request, as_of));
  auto measure = portfolio::PortfolioMeasure::kRevenue;
  switch (request.scheme()) {
    case ledger::v1::CLASS_SCHEME_UNSPECIFIED:
    case ledger::v1::CLASS_SCHEME_CORE_NEXT_PROMISING:
      break;
    case ledger::v1::CLASS_SCHEME_ABC:
      query.scheme = portfolio::ClassScheme::kAbc;
      query.first_milli = 800;
      query.second_milli = 950;
      measure = portfolio::PortfolioMeasure::kProfit;
      break;
    default:
      return FieldError("scheme", "is not a value of ClassScheme");
  }
  KL_ASSIGN_OR_RETURN(query.measure, MeasureOf(request.measure(), measure));
  if (request.cut_milli_size() > 0) {
    if (request.cut_milli_size() != 2) {
      return FieldError("cut_milli", fmt::format("must be two, or none, not {}", request.cut_milli_size()));
    }
    query.first_milli = request.cut_milli(0);
    query.second_milli = request.cut_milli(1);
    if (query.first_milli < 1 || query.second_milli > kMilliWhole || query.first_milli >= query.second_milli) {
      return FieldError("cut_milli", "must rise and be 1 to 1000");
    }
  }
  const auto ids = portfolio::ClassIds(query.scheme);
  if (!request.class_id().empty() && std::find(ids.begin(), ids.end(), request.class_id()) == ids.end()) {
    return FieldError("class_id", fmt::format("must be one of {}", fmt::join(ids, ", ")));
  }
  query.class_id = request.class_id();
  KL_ASSIGN_OR_RETURN(const int page_size, CheckPageSize(request.page_size()));
  query.page_size = static_cast<size_t>(page_size);
  KL_ASSIGN_OR_RETURN(query.after, Continuation(request));
  return query;
}

void Fill(const portfolio::ClassesAnswer& answer, ledger::v1::GetClassesResponse& out) {
  for (const portfolio::ClassRow& row : answer.classes) {
    ledger::v1::AccountClass& entry = *out.add_classes();
    entry.set_class_id(row.class_id);
    entry.set_accounts(row.accounts);
    entry.set_total_micros(row.total_micros);
    if (answer.share_note.empty()) entry.set_share(row.share);
  }
  for (const portfolio::ClassMemberRow& row : answer.members) {
    ledger::v1::ClassMember& member = *out.add_members();
    member.set_account_id(row.account_id);
    member.set_micros(row.micros);
    member.set_rank(row.rank);
    if (row.expected_micros.has_value()) member.set_expected_revenue_micros(*row.expected_micros);
  }
  out.set_currency_code(answer.currency_code);
  out.set_basis(answer.basis);
  out.set_share_note(answer.share_note);
  out.set_purchases_without_cost(answer.purchases_without_cost);
}

}  // namespace

absl::StatusOr<portfolio::PortfolioMeasure> MeasureOf(ledger::v1::PortfolioMeasure measure,
                                                      portfolio::PortfolioMeasure otherwise) {
  switch (measure) {
    case ledger::v1::PORTFOLIO_MEASURE_UNSPECIFIED:
      return otherwise;
    case ledger::v1::PORTFOLIO_MEASURE_REVENUE:
      return portfolio::PortfolioMeasure::kRevenue;
    case ledger::v1::PORTFOLIO_MEASURE_PROFIT:
      return portfolio::PortfolioMeasure::kProfit;
    default:
      return FieldError("measure", "is not a value of PortfolioMeasure");
  }
}

grpc::ServerUnaryReactor* PortfolioServiceImpl::GetConcentration(grpc::CallbackServerContext* call,
                                                                 const ledger::v1::GetConcentrationRequest* request,
                                                                 ledger::v1::GetConcentrationResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const projections::RetentionScope scope, ToScope(request->scope(), *call, context_.clock));
    KL_ASSIGN_OR_RETURN(const portfolio::ConcentrationQuery query, ToQuery(*request, scope.as_of));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("retention", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto answer, portfolio::GetConcentration(Pointers(readers), scope, query));
    Fill(answer, request->alert_milli(), *response);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PortfolioServiceImpl::GetClasses(grpc::CallbackServerContext* call,
                                                           const ledger::v1::GetClassesRequest* request,
                                                           ledger::v1::GetClassesResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(projections::RetentionScope scope, ToScope(request->scope(), *call, context_.clock));
    KL_ASSIGN_OR_RETURN(portfolio::ClassesQuery query, ToQuery(*request, scope.as_of));
    const bool forecasts = query.scheme == portfolio::ClassScheme::kCoreNextPromising;
    ForecastView view;
    if (forecasts && !query.after.empty()) {
      std::string_view token = query.after;
      KL_ASSIGN_OR_RETURN(scope.now, TakeMoment(token, scope.now));
      KL_ASSIGN_OR_RETURN(view.places, TakePlaces(token, context_.ledger.shard_count()));
      if (token.empty()) return MakeError(Reason::kInvalidToken, "not a page token of this ledger");
      query.after = std::string(token);
    }
    KL_RETURN_IF_ERROR(OpenPlaces(context_, request->min_cursor(), deadline, scope, view));
    std::optional<CallSlots::Slot> slot;
    if (forecasts) {
      KL_ASSIGN_OR_RETURN(CallSlots::Slot taken, TakeForecastSlot(context_));
      slot.emplace(std::move(taken));
    }
    KL_ASSIGN_OR_RETURN(const auto answer, portfolio::GetClasses(Pointers(view.readers), scope, query));
    Fill(answer, *response);
    if (answer.next.empty()) return absl::OkStatus();
    std::string continuation;
    if (forecasts) {
      PutMoment(continuation, scope.now);
      PutPlaces(continuation, view.places);
    }
    response->set_next_page_token(NextPageToken(*request, continuation + answer.next));
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

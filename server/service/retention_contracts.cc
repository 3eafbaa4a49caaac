// RetentionService: how contracts are renewed, and what fewer losses are worth. See retention_service.h.
#include <algorithm>

#include <fmt/format.h>

#include "projections/retention/contract_queries.h"
#include "projections/retention/loss_queries.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/service/forecast_scope.h"
#include "server/service/query_request.h"
#include "server/service/retention_scope.h"
#include "server/service/retention_service.h"

namespace keyledger::service {
namespace {

constexpr size_t kKindBytesMax = 64;
constexpr int32_t kRenewalMonthsMax = 120;
constexpr int32_t kRenewalsMax = 100;
constexpr int32_t kRenewalsDefault = 12;
constexpr int32_t kMonthsDefault = 12;
constexpr int32_t kFewerDefault = 50;
constexpr int32_t kLossPeriodsMax = 1'200;

// Zero becomes the default.
absl::StatusOr<int32_t> ToCount(int32_t value, int32_t max, int32_t or_else, std::string_view field) {
  if (value < 0 || value > max) return FieldError(field, fmt::format("must be 0 to {}, not {}", max, value));
  return value == 0 ? or_else : value;
}

// Periods of a year, rounded up; at least two, as of the present one alone nothing can be lost.
int32_t PeriodsOfYear(const projections::RetentionScope& scope) {
  int32_t units = 1;
  switch (scope.unit) {
    case CalendarUnit::kDay:
      units = 365;
      break;
    case CalendarUnit::kWeek:
      units = 52;
      break;
    case CalendarUnit::kMonth:
      units = 12;
      break;
    case CalendarUnit::kQuarter:
      units = 4;
      break;
    case CalendarUnit::kYear:
      break;
  }
  return std::max(2, (units + scope.period_length - 1) / scope.period_length);
}

}  // namespace

grpc::ServerUnaryReactor* RetentionServiceImpl::GetContractRetention(
    grpc::CallbackServerContext* call, const ledger::v1::GetContractRetentionRequest* request,
    ledger::v1::GetContractRetentionResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(projections::RetentionScope scope, ToScope(request->scope(), *call, context_.clock));
    if (request->kind().size() > kKindBytesMax || !IsUtf8(request->kind())) {
      return FieldError("kind", fmt::format("must be UTF-8 of at most {} bytes", kKindBytesMax));
    }
    projections::ContractTerms terms;
    terms.kind = request->kind();
    KL_ASSIGN_OR_RETURN(terms.renewal_months,
                        ToCount(request->renewal_months(), kRenewalMonthsMax, kMonthsDefault, "renewal_months"));
    KL_ASSIGN_OR_RETURN(terms.horizon, ToCount(request->horizon(), kRenewalsMax, kRenewalsDefault, "horizon"));
    KL_RETURN_IF_ERROR(CheckMilli(request->discount_milli(), 0, 1'000, "discount_milli"));
    terms.discount = request->discount_milli() / 1'000.0;
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("retention", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(scope.as_of, EndOfDataOrNow(Pointers(readers), scope, context_.clock));
    KL_ASSIGN_OR_RETURN(const projections::ContractTable table,
                        projections::GetContractTable(Pointers(readers), scope, terms));
    response->set_contracts(table.contracts);
    response->set_young(table.young);
    domain::SetTimestamp(response->mutable_as_of(), scope.as_of);
    const bool fitted = table.model_note.empty();
    response->set_model_note(table.model_note);
    if (fitted) {
      response->set_alpha(table.fit.parameters.alpha);
      response->set_beta(table.fit.parameters.beta);
      response->set_log_likelihood(table.fit.log_likelihood);
      response->set_convergence(fmt::format("sBG: largest derivative {:.1e} per contract, {} of 3 starts agree",
                                            table.fit.gradient_norm, table.fit.starts_agreeing));
    }
    for (const projections::RenewalRow& row : table.renewals) {
      ledger::v1::RenewalPoint& out = *response->add_renewals();
      out.set_renewal(row.renewal);
      out.set_at_risk(row.at_risk);
      out.set_lost(row.lost);
      if (fitted) {
        out.set_survival(row.survival);
        out.set_retention(row.retention);
      }
    }
    if (table.expected_renewals.has_value()) response->set_expected_renewals(*table.expected_renewals);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* RetentionServiceImpl::GetLossEffect(grpc::CallbackServerContext* call,
                                                              const ledger::v1::GetLossEffectRequest* request,
                                                              ledger::v1::GetLossEffectResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const projections::RetentionScope scope, ToScope(request->scope(), *call, context_.clock));
    projections::LossTerms terms;
    const int32_t fewer = request->has_fewer_milli() ? request->fewer_milli() : kFewerDefault;
    KL_RETURN_IF_ERROR(CheckMilli(fewer, 1, 1'000, "fewer_milli"));
    terms.fewer = fewer / 1'000.0;
    if (request->has_margin_milli()) {
      KL_RETURN_IF_ERROR(CheckMilli(request->margin_milli(), -1'000, 1'000, "margin_milli"));
      terms.margin = request->margin_milli() / 1'000.0;
    }
    KL_RETURN_IF_ERROR(CheckMilli(request->discount_milli(), 0, 1'000, "discount_milli"));
    terms.discount = request->discount_milli() / 1'000.0;
    terms.periods = PeriodsOfYear(scope);
    if (request->has_periods()) {
      KL_ASSIGN_OR_RETURN(terms.periods, ToCount(request->periods(), kLossPeriodsMax, 0, "periods"));
    }
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("retention", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const projections::LossEffect effect,
                        projections::GetLossEffect(Pointers(readers), scope, terms));
    response->set_loss_rate(effect.loss_rate);
    response->set_reduced_loss_rate(effect.reduced_loss_rate);
    response->set_margin_micros(effect.margin_micros);
    response->set_value_micros(effect.value_micros);
    response->set_reduced_value_micros(effect.reduced_value_micros);
    response->set_accounts(effect.accounts);
    response->set_gain_micros(effect.gain_micros);
    response->set_gain_share(effect.gain_share);
    response->set_currency_code(effect.currency_code);
    response->set_last_period(effect.last_period);
    response->set_periods(terms.periods);
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

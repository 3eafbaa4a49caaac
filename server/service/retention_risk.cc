// RetentionService.ListAtRisk. See retention_service.h.
#include "projections/retention/risk_queries.h"
#include "server/base/error.h"
#include "server/domain/proto_time.h"
#include "server/service/forecast_scope.h"
#include "server/service/query_request.h"
#include "server/service/retention_service.h"

namespace keyledger::service {
namespace {

constexpr int32_t kAliveBelowDefault = 500;

void FillAccount(const projections::AccountAtRisk& account, ledger::v1::AtRiskAccount& out) {
  out.set_account_id(account.account_id);
  out.set_owner(account.owner);
  out.set_p_alive(account.p_alive);
  out.set_value_if_kept_micros(account.value_if_kept_micros);
  out.set_value_at_stake_micros(account.value_at_stake_micros);
  domain::SetTimestamp(out.mutable_last_purchase_time(), account.last_purchase);
  for (const projections::RiskFinding& finding : account.findings) {
    ledger::v1::RiskFinding& reason = *out.add_reasons();
    reason.set_reason(static_cast<ledger::v1::RiskReason>(finding.risk));
    reason.set_detail(finding.detail);
    if (finding.since.has_value()) domain::SetTimestamp(reason.mutable_since(), *finding.since);
  }
}

}  // namespace

grpc::ServerUnaryReactor* RetentionServiceImpl::ListAtRisk(grpc::CallbackServerContext* call,
                                                           const ledger::v1::ListAtRiskRequest* request,
                                                           ledger::v1::ListAtRiskResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(AskedForecast asked, ToForecast(request->forecast(), *call, context_.clock));
    const int32_t below = request->has_alive_below_milli() ? request->alive_below_milli() : kAliveBelowDefault;
    KL_RETURN_IF_ERROR(CheckMilli(below, 1, 1'000, "alive_below_milli"));
    KL_ASSIGN_OR_RETURN(const int page_size, CheckPageSize(request->page_size()));
    KL_ASSIGN_OR_RETURN(const ForecastView view, OpenView(context_, *request, deadline, asked.scope));
    KL_ASSIGN_OR_RETURN(const CallSlots::Slot slot, TakeForecastSlot(context_));
    const projections::RiskTerms terms{asked.terms, below / 1'000.0};
    KL_ASSIGN_OR_RETURN(const projections::AtRiskTable table,
                        InForecast(projections::ListAtRisk(Pointers(view.readers), asked.scope, terms, view.first,
                                                           static_cast<size_t>(page_size))));
    for (const projections::AccountAtRisk& account : table.accounts) FillAccount(account, *response->add_accounts());
    response->set_total(table.total);
    response->set_probably_lost(table.probably_lost);
    response->set_value_at_stake_micros(table.value_at_stake_micros);
    if (table.more) {
      response->set_next_page_token(
          NextViewToken(*request, view, table.as_of, view.first + static_cast<uint64_t>(page_size)));
    }
    response->set_currency_code(table.currency_code);
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

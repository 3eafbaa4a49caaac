// PortfolioService: what accounts bring, cost and could spend. See portfolio_service.h.
#include "projections/portfolio/acquisition.h"
#include "projections/portfolio/profitability.h"
#include "projections/portfolio/wallet.h"
#include "server/base/error.h"
#include "server/domain/proto_time.h"
#include "server/service/portfolio_service.h"
#include "server/service/query_request.h"
#include "server/service/retention_scope.h"

namespace keyledger::service {
namespace {

namespace portfolio = projections::portfolio;

constexpr size_t kCategoryBytesMax = 64;

void Fill(const portfolio::ProfitabilityRow& row, ledger::v1::Profitability& out) {
  out.set_account_id(row.account_id);
  out.set_revenue_micros(row.revenue_micros);
  out.set_goods_cost_micros(row.goods_cost_micros);
  out.set_margin_micros(row.margin_micros);
  out.set_serve_cost_micros(row.serve_cost_micros);
  out.set_profit_micros(row.profit_micros);
  out.set_acquisition_cost_micros(row.acquisition_cost_micros);
}

void Fill(const portfolio::ProfitabilityAnswer& answer, ledger::v1::ListProfitabilityResponse& out) {
  for (const portfolio::ProfitabilityRow& row : answer.accounts) Fill(row, *out.add_accounts());
  Fill(answer.total, *out.mutable_total());
  out.set_account_count(answer.account_count);
  out.set_loss_making(answer.loss_making);
  out.set_loss_micros(answer.loss_micros);
  if (answer.revenue_cost_correlation.has_value()) out.set_revenue_cost_correlation(*answer.revenue_cost_correlation);
  out.set_costs_left_out(answer.costs_left_out);
  out.set_purchases(answer.purchases);
  out.set_purchases_without_cost(answer.purchases_without_cost);
  out.set_currency_code(answer.currency_code);
}

ledger::v1::WalletBasis ToProto(portfolio::WalletBasis basis) {
  switch (basis) {
    case portfolio::WalletBasis::kDeclared:
      return ledger::v1::WALLET_BASIS_DECLARED;
    case portfolio::WalletBasis::kEstimated:
      return ledger::v1::WALLET_BASIS_ESTIMATED;
    case portfolio::WalletBasis::kRank:
      break;
  }
  return ledger::v1::WALLET_BASIS_RANK;
}

void Fill(const portfolio::WalletAnswer& answer, ledger::v1::ListWalletSharesResponse& out) {
  for (const portfolio::WalletRow& row : answer.accounts) {
    ledger::v1::WalletShare& share = *out.add_accounts();
    share.set_account_id(row.account_id);
    share.set_basis(ToProto(row.basis));
    share.set_share(row.share);
    share.set_budget_micros(row.budget_micros);
    share.set_revenue_micros(row.revenue_micros);
    share.set_place_halves(row.place_halves);
    share.set_suppliers(row.suppliers);
  }
  out.set_account_count(answer.account_count);
  out.set_budgeted(answer.budgeted);
  if (answer.budgeted_share.has_value()) out.set_budgeted_share(*answer.budgeted_share);
  out.set_unknown(answer.unknown);
  out.set_over_budget(answer.over_budget);
  out.set_budgets(answer.budgets);
  out.set_currency_code(answer.currency_code);
}

void Fill(const portfolio::AcquisitionRow& row, ledger::v1::AcquisitionPeriod& out) {
  out.set_acquisition_cost_micros(row.acquisition_cost_micros);
  out.set_won(row.won);
  if (row.cost_per_won_micros.has_value()) out.set_cost_per_won_micros(*row.cost_per_won_micros);
  out.set_retention_cost_micros(row.retention_cost_micros);
  out.set_kept(row.kept);
  if (row.cost_per_kept_micros.has_value()) out.set_cost_per_kept_micros(*row.cost_per_kept_micros);
  if (row.ratio.has_value()) out.set_ratio(*row.ratio);
}

}  // namespace

grpc::ServerUnaryReactor* PortfolioServiceImpl::ListProfitability(grpc::CallbackServerContext* call,
                                                                  const ledger::v1::ListProfitabilityRequest* request,
                                                                  ledger::v1::ListProfitabilityResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const projections::RetentionScope scope, ToScope(request->scope(), *call, context_.clock));
    portfolio::ProfitabilityQuery query;
    KL_ASSIGN_OR_RETURN(query.start, StretchStart(*request, scope.as_of));
    query.loss_making_only = request->loss_making_only();
    KL_ASSIGN_OR_RETURN(const int page_size, CheckPageSize(request->page_size()));
    query.page_size = static_cast<size_t>(page_size);
    KL_ASSIGN_OR_RETURN(query.after, Continuation(*request));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("retention", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto answer, portfolio::ListProfitability(Pointers(readers), scope, query));
    Fill(answer, *response);
    response->set_next_page_token(NextPageToken(*request, answer.next));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PortfolioServiceImpl::ListWalletShares(grpc::CallbackServerContext* call,
                                                                 const ledger::v1::ListWalletSharesRequest* request,
                                                                 ledger::v1::ListWalletSharesResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(projections::RetentionScope scope, ToScope(request->scope(), *call, context_.clock));
    portfolio::WalletQuery query;
    if (request->category().size() > kCategoryBytesMax) return FieldError("category", "must have at most 64 bytes");
    query.category = request->category();
    KL_ASSIGN_OR_RETURN(const int page_size, CheckPageSize(request->page_size()));
    query.page_size = static_cast<size_t>(page_size);
    KL_ASSIGN_OR_RETURN(query.after_account_id, Continuation(*request));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("retention", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(scope.as_of, EndOfDataOrNow(Pointers(readers), scope, context_.clock));
    KL_ASSIGN_OR_RETURN(const auto answer, portfolio::ListWalletShares(Pointers(readers), scope, query));
    Fill(answer, *response);
    domain::SetTimestamp(response->mutable_as_of(), scope.as_of);
    response->set_next_page_token(NextPageToken(*request, answer.next_account_id));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PortfolioServiceImpl::GetAcquisition(grpc::CallbackServerContext* call,
                                                               const ledger::v1::GetAcquisitionRequest* request,
                                                               ledger::v1::GetAcquisitionResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const projections::RetentionScope scope, ToScope(request->scope(), *call, context_.clock));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("retention", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto answer, portfolio::GetAcquisition(Pointers(readers), scope));
    for (const portfolio::AcquisitionRow& row : answer.periods) {
      ledger::v1::AcquisitionPeriod& period = *response->add_periods();
      period.set_period(scope.periods().Format(row.period));
      Fill(row, period);
    }
    Fill(answer.total, *response->mutable_total());
    response->set_costs_left_out(answer.costs_left_out);
    response->set_currency_code(answer.currency_code);
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

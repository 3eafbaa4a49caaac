// PortfolioService: what accounts say, belong to and bring along. See portfolio_service.h.
#include <fmt/format.h>

#include "projections/portfolio/membership.h"
#include "projections/portfolio/referrals.h"
#include "projections/portfolio/satisfaction.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/service/portfolio_service.h"
#include "server/service/query_request.h"
#include "server/service/retention_scope.h"

namespace keyledger::service {
namespace {

namespace portfolio = projections::portfolio;

constexpr int32_t kLeftDaysMax = 3'660;
constexpr int32_t kLeftDaysDefault = 365;
constexpr int32_t kDepthMax = 100;
constexpr int32_t kDepthDefault = 10;
constexpr int32_t kNodesMax = 10'000;
constexpr int32_t kNodesDefault = 1'000;

// A number of 0 (the default) to `max`.
absl::StatusOr<int32_t> CheckNumber(int32_t value, int32_t otherwise, int32_t max, const char* field) {
  if (value < 0 || value > max) return FieldError(field, fmt::format("must be 0 to {}, not {}", max, value));
  return value == 0 ? otherwise : value;
}

void Fill(const portfolio::SatisfactionRow& row, ledger::v1::SatisfactionPeriod& out) {
  out.set_recommendation_answers(row.recommendation_answers);
  out.set_promoters(row.promoters);
  out.set_detractors(row.detractors);
  if (row.nps.has_value()) out.set_nps(*row.nps);
  out.set_satisfaction_answers(row.satisfaction_answers);
  out.set_satisfied(row.satisfied);
  if (row.csat.has_value()) out.set_csat(*row.csat);
  out.set_satisfied_observed(row.satisfied_observed);
  out.set_satisfied_left(row.satisfied_left);
  if (row.satisfied_left_share.has_value()) out.set_satisfied_left_share(*row.satisfied_left_share);
}

void Fill(const portfolio::MembershipSideRow& row, ledger::v1::MembershipSide& out) {
  out.set_accounts(row.accounts);
  out.set_purchases(row.purchases);
  out.set_revenue_micros(row.revenue_micros);
  out.set_revenue_share(row.revenue_share);
  if (row.average_micros.has_value()) out.set_average_purchase_micros(*row.average_micros);
}

void Fill(const portfolio::ReferralTree& tree, ledger::v1::GetReferralTreeResponse& out) {
  for (const portfolio::ReferralNodeRow& row : tree.nodes) {
    ledger::v1::ReferralNode& node = *out.add_nodes();
    node.set_account_id(row.account_id);
    node.set_referrer_account_id(row.referrer_account_id);
    node.set_depth(row.depth);
    node.set_lead_source(row.lead_source);
    node.set_revenue_micros(row.revenue_micros);
    node.set_downstream_accounts(row.downstream_accounts);
    node.set_downstream_converted(row.downstream_converted);
    node.set_downstream_revenue_micros(row.downstream_revenue_micros);
  }
  out.set_truncated(tree.truncated);
  for (const std::string& account_id : tree.circular_account_ids) out.add_circular_account_ids(account_id);
  for (const portfolio::LeadSourceRow& row : tree.sources) {
    ledger::v1::LeadSource& source = *out.add_sources();
    source.set_lead_source(row.lead_source);
    source.set_accounts(row.accounts);
    source.set_converted(row.converted);
    source.set_revenue_micros(row.revenue_micros);
  }
  out.set_currency_code(tree.currency_code);
}

}  // namespace

grpc::ServerUnaryReactor* PortfolioServiceImpl::GetSatisfaction(grpc::CallbackServerContext* call,
                                                                const ledger::v1::GetSatisfactionRequest* request,
                                                                ledger::v1::GetSatisfactionResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const projections::RetentionScope scope, ToScope(request->scope(), *call, context_.clock));
    KL_ASSIGN_OR_RETURN(const int32_t left_days,
                        CheckNumber(request->left_days(), kLeftDaysDefault, kLeftDaysMax, "left_days"));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("retention", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto answer, portfolio::GetSatisfaction(Pointers(readers), scope, left_days));
    for (const portfolio::SatisfactionRow& row : answer.periods) {
      ledger::v1::SatisfactionPeriod& period = *response->add_periods();
      period.set_period(scope.periods().Format(row.period));
      Fill(row, period);
    }
    Fill(answer.total, *response->mutable_total());
    if (answer.satisfaction_loyalty_correlation.has_value()) {
      response->set_satisfaction_loyalty_correlation(*answer.satisfaction_loyalty_correlation);
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PortfolioServiceImpl::GetMembership(grpc::CallbackServerContext* call,
                                                              const ledger::v1::GetMembershipRequest* request,
                                                              ledger::v1::GetMembershipResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const projections::RetentionScope scope, ToScope(request->scope(), *call, context_.clock));
    portfolio::MembershipQuery query;
    KL_ASSIGN_OR_RETURN(query.start, StretchStart(*request, scope.as_of));
    if (!request->club_id().empty() && !IsSnakeId(request->club_id())) {
      return FieldError("club_id", "must be lower snake case of at most 64 bytes, for example friends");
    }
    query.club_id = request->club_id();
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("retention", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto answer, portfolio::GetMembership(Pointers(readers), scope, query));
    response->set_members(answer.members);
    Fill(answer.member, *response->mutable_member());
    Fill(answer.other, *response->mutable_other());
    response->set_compared(answer.compared);
    response->set_ever_members(answer.ever_members);
    if (answer.average_before_micros.has_value()) response->set_average_before_micros(*answer.average_before_micros);
    if (answer.average_after_micros.has_value()) response->set_average_after_micros(*answer.average_after_micros);
    response->set_currency_code(answer.currency_code);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PortfolioServiceImpl::GetReferralTree(grpc::CallbackServerContext* call,
                                                                const ledger::v1::GetReferralTreeRequest* request,
                                                                ledger::v1::GetReferralTreeResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const projections::RetentionScope scope, ToScope(request->scope(), *call, context_.clock));
    portfolio::ReferralQuery query;
    if (!request->account_id().empty()) KL_RETURN_IF_ERROR(CheckAccountId(request->account_id()));
    query.account_id = request->account_id();
    KL_ASSIGN_OR_RETURN(query.depth_max, CheckNumber(request->max_depth(), kDepthDefault, kDepthMax, "max_depth"));
    KL_ASSIGN_OR_RETURN(const int32_t nodes, CheckNumber(request->max_nodes(), kNodesDefault, kNodesMax, "max_nodes"));
    query.nodes_max = static_cast<size_t>(nodes);
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("retention", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto tree, portfolio::GetReferralTree(Pointers(readers), scope, query));
    Fill(tree, *response);
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

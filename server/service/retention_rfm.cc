// RetentionService.GetRfm. See retention_service.h.
#include <algorithm>
#include <string>

#include "projections/retention/rfm_queries.h"
#include "server/base/calendar.h"
#include "server/base/error.h"
#include "server/service/query_request.h"
#include "server/service/retention_scope.h"
#include "server/service/retention_service.h"

namespace keyledger::service {
namespace {

absl::StatusOr<projections::RfmTies> ToTies(ledger::v1::RfmTies ties) {
  switch (ties) {
    case ledger::v1::RFM_TIES_UNSPECIFIED:
    case ledger::v1::RFM_TIES_BY_ID:
      return projections::RfmTies::kById;
    case ledger::v1::RFM_TIES_SHARED:
      return projections::RfmTies::kShared;
    default:
      return FieldError("ties", "is not a value of RfmTies");
  }
}

absl::StatusOr<projections::RfmFrequency> ToFrequency(ledger::v1::RfmFrequency frequency) {
  switch (frequency) {
    case ledger::v1::RFM_FREQUENCY_UNSPECIFIED:
    case ledger::v1::RFM_FREQUENCY_PURCHASES:
      return projections::RfmFrequency::kPurchases;
    case ledger::v1::RFM_FREQUENCY_DAYS:
      return projections::RfmFrequency::kDays;
    default:
      return FieldError("frequency", "is not a value of RfmFrequency");
  }
}

bool IsCell(const std::string& cell) {
  return cell.size() == 3 && std::all_of(cell.begin(), cell.end(), [](char c) { return c >= '1' && c <= '5'; });
}

absl::StatusOr<projections::RfmQuestion> ToQuestion(const ledger::v1::GetRfmRequest& request) {
  projections::RfmQuestion question;
  KL_ASSIGN_OR_RETURN(question.ties, ToTies(request.ties()));
  KL_ASSIGN_OR_RETURN(question.frequency, ToFrequency(request.frequency()));
  if (!request.cell().empty() && !IsCell(request.cell())) {
    return FieldError("cell", "must be three digits from 1 to 5, for example 555");
  }
  if (!request.account_id().empty()) {
    KL_RETURN_IF_ERROR(CheckAccountId(request.account_id()));
    if (!request.cell().empty()) return FieldError("account_id", "must be empty where cell is given: ask for one");
  }
  question.cell = request.cell();
  question.account_id = request.account_id();
  KL_ASSIGN_OR_RETURN(question.limit, CheckPageSize(request.page_size()));
  KL_ASSIGN_OR_RETURN(question.after, Continuation(request));
  return question;
}

}  // namespace

grpc::ServerUnaryReactor* RetentionServiceImpl::GetRfm(grpc::CallbackServerContext* call,
                                                       const ledger::v1::GetRfmRequest* request,
                                                       ledger::v1::GetRfmResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const projections::RetentionScope scope, ToScope(request->scope(), *call, context_.clock));
    KL_ASSIGN_OR_RETURN(const projections::RfmQuestion question, ToQuestion(*request));
    if (!question.account_id.empty()) KL_RETURN_IF_ERROR(CheckAccountExists(context_, question.account_id));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("retention", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto table, projections::GetRfmTable(Pointers(readers), scope, question));
    for (const projections::RfmCell& cell : table.cells) {
      ledger::v1::RfmCell& out = *response->add_cells();
      out.set_cell(cell.cell);
      out.set_accounts(cell.accounts);
      out.set_revenue_micros(cell.revenue_micros);
    }
    response->set_accounts(table.accounts);
    response->mutable_recency()->Add(table.recency.begin(), table.recency.end());
    response->mutable_frequency()->Add(table.frequency.begin(), table.frequency.end());
    response->mutable_monetary()->Add(table.monetary.begin(), table.monetary.end());
    if (table.as_of_day.has_value()) response->set_as_of_day(FormatPeriod(*table.as_of_day, CalendarUnit::kDay));
    response->set_currency_code(table.currency_code);
    for (const projections::RfmAccount& account : table.listed) {
      ledger::v1::RfmAccount& out = *response->add_scores();
      out.set_account_id(account.account_id);
      out.set_cell(account.cell);
      out.set_recency_days(account.recency_days);
      out.set_frequency(account.frequency);
      out.set_revenue_micros(account.revenue_micros);
    }
    response->set_next_page_token(NextPageToken(*request, table.continuation));
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

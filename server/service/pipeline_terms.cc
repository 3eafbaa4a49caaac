// PipelineService: terms of payment. See pipeline_service.h.
#include "projections/pipeline/payment_terms.h"
#include "server/base/error.h"
#include "server/service/pipeline_request.h"
#include "server/service/pipeline_service.h"

namespace keyledger::service {

namespace pipeline = projections::pipeline;

grpc::ServerUnaryReactor* PipelineServiceImpl::GetPaymentTerms(grpc::CallbackServerContext* call,
                                                               const ledger::v1::GetPaymentTermsRequest* request,
                                                               ledger::v1::GetPaymentTermsResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(pipeline::PipelineScope scope, ToPipelineScope(request->scope(), *call, context_));
    KL_ASSIGN_OR_RETURN(const pipeline::PageAsk page, ToPageAsk(*request, scope));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const pipeline::PaymentTermsAnswer answer,
                        pipeline::GetPaymentTerms(Pointers(readers), scope, page));
    response->set_accounts(answer.accounts);
    response->set_standard(answer.standard);
    if (answer.standard_share.has_value()) response->set_standard_share(*answer.standard_share);
    response->set_undefined(answer.undefined);
    for (const pipeline::ExceptionRow& row : answer.exceptions) {
      ledger::v1::PaymentException& out = *response->add_exceptions();
      out.set_account_id(row.account_id);
      *out.mutable_granted() = row.granted;
      domain::SetTimestamp(out.mutable_grant_time(), row.since);
    }
    response->set_next_page_token(PageToken(*request, scope, answer.next));
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

// What requests and answers of PipelineService have in common.
#pragma once

#include <optional>
#include <string>

#include <absl/status/statusor.h>
#include <google/protobuf/repeated_field.h>
#include <google/protobuf/timestamp.pb.h>
#include <grpcpp/server_context.h>

#include "keyledger/ledger/v1/pipeline_service.pb.h"
#include "projections/pipeline/pipeline_page.h"
#include "projections/pipeline/pipeline_scan.h"
#include "server/base/error.h"
#include "server/domain/proto_time.h"
#include "server/service/engagement_scope.h"
#include "server/service/query_request.h"
#include "server/service/service_context.h"

namespace keyledger::service {

// The scope with the programs that it knows of; as_of is a moment. Errors: those of ToEngagementScope.
absl::StatusOr<projections::pipeline::PipelineScope> ToPipelineScope(const ledger::v1::EngagementScope& scope,
                                                                     const grpc::CallbackServerContext& call,
                                                                     const ServiceContext& context);

// Unspecified is open. INVALID_ARGUMENT (kInvalidField "state").
absl::StatusOr<projections::pipeline::ItemState> ToItemState(ledger::v1::ItemState state);

// Nothing wrong with an empty one. INVALID_ARGUMENT (kInvalidField "account_id"), NOT_FOUND (kAccountNotFound).
absl::Status CheckAccountFilter(const ServiceContext& context, const std::string& account_id);
// INVALID_ARGUMENT (kInvalidField), unless it is empty or the id of a person; a lower snake case word.
absl::Status CheckPersonFilter(const std::string& person);
absl::Status CheckWordFilter(const std::string& word, const char* field);

// Nothing where the request gives none. INVALID_ARGUMENT (kInvalidField) naming `field`.
absl::StatusOr<std::optional<Micros>> ToOptionalTime(bool given, const google::protobuf::Timestamp& time,
                                                     const char* field);

// The page of a list; its token is PageToken. Later pages are of the moment that the first was asked at: scope.as_of
// becomes that. Errors: INVALID_ARGUMENT (kInvalidField "page_size", kInvalidToken).
template <class Request>
absl::StatusOr<projections::pipeline::PageAsk> ToPageAsk(const Request& request,
                                                         projections::pipeline::PipelineScope& scope) {
  projections::pipeline::PageAsk page;
  KL_ASSIGN_OR_RETURN(const int size, CheckPageSize(request.page_size()));
  page.size = static_cast<size_t>(size);
  KL_ASSIGN_OR_RETURN(page.after, PageAfter(request, scope));
  return page;
}

void AddSums(const projections::pipeline::MoneySums& sums,
             google::protobuf::RepeatedPtrField<ledger::v1::ItemSum>& out);

// Sets a time that is known.
inline void SetKnown(const std::optional<Micros>& time, auto&& mutable_field) {
  if (time.has_value()) domain::SetTimestamp(mutable_field(), *time);
}

}  // namespace keyledger::service

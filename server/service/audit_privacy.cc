// Erasures, legal holds and the trail of accesses. See audit_service.h.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "projections/accesses/accesses_queries.h"
#include "projections/engine/row_key.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/merkle/tree.h"
#include "server/service/audit_service.h"
#include "server/service/query_request.h"

namespace keyledger::service {
namespace {

constexpr size_t kReasonBytesMax = 512;
constexpr size_t kNameBytesMax = 128;

absl::Status CheckSubjectId(std::string_view subject_id, std::string_view field = "subject_id") {
  if (IsSubjectId(subject_id)) return absl::OkStatus();
  return FieldError(field, subject_id.empty() ? "is required" : "must be 1 to 128 bytes of [A-Za-z0-9._:@-]");
}

absl::Status CheckHoldId(std::string_view hold_id) {
  if (IsPrintableId(hold_id, kNameBytesMax)) return absl::OkStatus();
  return FieldError("hold_id", hold_id.empty() ? "is required" : "must be 1 to 128 printable ASCII bytes");
}

absl::Status CheckText(std::string_view text, std::string_view field, size_t bytes_max) {
  if (text.empty()) return FieldError(field, "is required");
  if (text.size() > bytes_max || !IsUtf8(text)) {
    return FieldError(field, fmt::format("must be UTF-8 of at most {} bytes", bytes_max));
  }
  return absl::OkStatus();
}

// What erasing, placing and releasing have in common; the subject is left to the caller.
template <class Request>
absl::StatusOr<shard::PrivacyRequest> ToPrivacyRequest(const Request& request) {
  if (!IsPrintableId(request.request_id(), kRequestIdBytesMax)) {
    return FieldError("request_id", "must be 1 to 128 printable ASCII bytes");
  }
  KL_RETURN_IF_ERROR(CheckText(request.reason(), "reason", kReasonBytesMax));
  if (request.actor().size() > kNameBytesMax || !IsUtf8(request.actor())) {
    return FieldError("actor", "must be UTF-8 of at most 128 bytes");
  }
  Request body = request;
  body.clear_request_id();
  const merkle::Hash digest = merkle::Sha256(Request::descriptor()->full_name() + body.SerializeAsString());
  shard::PrivacyRequest out;
  out.request_id = request.request_id();
  out.actor = request.actor();
  out.reason = request.reason();
  out.digest.assign(digest.begin(), digest.end());
  return out;
}

void FillHold(const shard::LegalHold& hold, ledger::v1::LegalHold& out) {
  out.set_hold_id(hold.hold_id);
  out.set_subject_id(hold.subject_id);
  out.set_reason(hold.reason);
  out.set_actor(hold.actor);
  domain::SetTimestamp(out.mutable_place_time(), hold.place_time);
}

void FillAccess(const projections::DataAccess& access, ledger::v1::Access& out) {
  domain::SetTimestamp(out.mutable_record_time(), access.record_time);
  out.set_reader(access.reader);
  out.set_purpose(access.purpose);
  out.set_account_id(access.account_id);
  for (const std::string& subject_id : access.subject_ids) out.add_subject_ids(subject_id);
  out.set_method(access.method);
  out.set_shard(access.shard);
  out.set_position(access.position);
}

// A hold's place in the listing, as a page token holds it.
std::string FormatHoldPlace(const shard::LegalHold& hold) {
  std::string text;
  projections::PutSized(text, hold.subject_id);
  projections::PutSized(text, hold.hold_id);
  return text;
}

absl::StatusOr<std::pair<std::string, std::string>> ParseHoldPlace(std::string_view text) {
  std::pair<std::string, std::string> place;
  if (text.empty()) return place;
  if (!projections::GetSized(text, place.first) || !projections::GetSized(text, place.second) || !text.empty()) {
    return MakeError(Reason::kInvalidToken, "not a page token of this ledger");
  }
  return place;
}

absl::StatusOr<projections::AccessQuery> ToAccessQuery(const ledger::v1::ListAccessesRequest& request) {
  projections::AccessQuery query;
  switch (request.by_case()) {
    case ledger::v1::ListAccessesRequest::kSubjectId:
      KL_RETURN_IF_ERROR(CheckSubjectId(request.subject_id()));
      query.by = projections::AccessBy::kSubject;
      query.id = request.subject_id();
      break;
    case ledger::v1::ListAccessesRequest::kAccountId:
      KL_RETURN_IF_ERROR(CheckAccountId(request.account_id()));
      query.by = projections::AccessBy::kAccount;
      query.id = request.account_id();
      break;
    case ledger::v1::ListAccessesRequest::kReader:
      KL_RETURN_IF_ERROR(CheckText(request.reader(), "reader", kNameBytesMax));
      query.by = projections::AccessBy::kReader;
      query.id = request.reader();
      break;
    case ledger::v1::ListAccessesRequest::BY_NOT_SET:
      return FieldError("by", "is required: subject_id, account_id or reader");
  }
  if (request.has_from()) {
    KL_ASSIGN_OR_RETURN(query.from, CheckTime(request.from(), "from"));
  }
  if (request.has_to()) {
    KL_ASSIGN_OR_RETURN(query.to, CheckTime(request.to(), "to"));
    if (query.to < query.from) return FieldError("to", "must not be before from");
  }
  return query;
}

}  // namespace

grpc::ServerUnaryReactor* AuditServiceImpl::EraseSubject(grpc::CallbackServerContext* call,
                                                         const ledger::v1::EraseSubjectRequest* request,
                                                         ledger::v1::EraseSubjectResponse* response) {
  const auto deadline = DeadlineOf(*call);
  // It waits for projections.
  return RunQuery(context_, call, [this, request, response, deadline]() -> absl::Status {
    KL_RETURN_IF_ERROR(CheckSubjectId(request->subject_id()));
    KL_ASSIGN_OR_RETURN(shard::PrivacyRequest erase, ToPrivacyRequest(*request));
    erase.subject_id = request->subject_id();
    KL_ASSIGN_OR_RETURN(const shard::Erasure erasure, context_.ledger.privacy().Erase(erase, deadline));
    response->set_certificate(erasure.certificate);
    domain::SetTimestamp(response->mutable_erase_time(), erasure.erase_time);
    for (const events::v1::EventRecord& record : erasure.records) *response->add_records() = record;
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AuditServiceImpl::PlaceLegalHold(grpc::CallbackServerContext* call,
                                                           const ledger::v1::PlaceLegalHoldRequest* request,
                                                           ledger::v1::PlaceLegalHoldResponse* response) {
  return RunQuery(context_, call, [this, request, response]() -> absl::Status {
    KL_RETURN_IF_ERROR(CheckHoldId(request->hold_id()));
    KL_RETURN_IF_ERROR(CheckSubjectId(request->subject_id()));
    KL_ASSIGN_OR_RETURN(shard::PrivacyRequest place, ToPrivacyRequest(*request));
    place.subject_id = request->subject_id();
    KL_ASSIGN_OR_RETURN(const shard::LegalHold hold, context_.ledger.privacy().PlaceHold(place, request->hold_id()));
    FillHold(hold, *response->mutable_hold());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AuditServiceImpl::ReleaseLegalHold(grpc::CallbackServerContext* call,
                                                             const ledger::v1::ReleaseLegalHoldRequest* request,
                                                             ledger::v1::ReleaseLegalHoldResponse* response) {
  return RunQuery(context_, call, [this, request, response]() -> absl::Status {
    KL_RETURN_IF_ERROR(CheckHoldId(request->hold_id()));
    KL_ASSIGN_OR_RETURN(const shard::PrivacyRequest release, ToPrivacyRequest(*request));
    KL_ASSIGN_OR_RETURN(const shard::ReleasedHold released,
                        context_.ledger.privacy().ReleaseHold(release, request->hold_id()));
    FillHold(released.hold, *response->mutable_hold());
    domain::SetTimestamp(response->mutable_release_time(), released.release_time);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AuditServiceImpl::ListLegalHolds(grpc::CallbackServerContext* call,
                                                           const ledger::v1::ListLegalHoldsRequest* request,
                                                           ledger::v1::ListLegalHoldsResponse* response) {
  return RunQuery(context_, call, [this, request, response]() -> absl::Status {
    if (!request->subject_id().empty()) KL_RETURN_IF_ERROR(CheckSubjectId(request->subject_id()));
    KL_ASSIGN_OR_RETURN(const int page_size, CheckPageSize(request->page_size()));
    KL_ASSIGN_OR_RETURN(const std::string continuation, Continuation(*request));
    KL_ASSIGN_OR_RETURN(const auto after, ParseHoldPlace(continuation));
    KL_ASSIGN_OR_RETURN(const shard::HoldPage page,
                        context_.ledger.privacy().ListHolds(request->subject_id(), after, page_size));
    for (const shard::LegalHold& hold : page.holds) FillHold(hold, *response->add_holds());
    if (page.more) response->set_next_page_token(NextPageToken(*request, FormatHoldPlace(page.holds.back())));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AuditServiceImpl::ListAccesses(grpc::CallbackServerContext* call,
                                                         const ledger::v1::ListAccessesRequest* request,
                                                         ledger::v1::ListAccessesResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const projections::AccessQuery query, ToAccessQuery(*request));
    KL_ASSIGN_OR_RETURN(const int page_size, CheckPageSize(request->page_size()));
    KL_ASSIGN_OR_RETURN(const std::string continuation, Continuation(*request));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("accesses", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const projections::AccessPage page,
                        projections::ListDataAccesses(Pointers(readers), query, page_size, continuation));
    for (const projections::DataAccess& access : page.accesses) FillAccess(access, *response->add_accesses());
    response->set_next_page_token(NextPageToken(*request, page.continuation));
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

// The reviews of TierService. See tier_service.h.
#include <algorithm>
#include <limits>

#include "server/base/cursor.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/merkle/tree.h"
#include "server/service/query_request.h"
#include "server/service/tier_service.h"

namespace keyledger::service {
namespace {

ledger::v1::ReviewState StateOf(shard::ReviewPhase phase) {
  switch (phase) {
    case shard::ReviewPhase::kMeasuring:
      return ledger::v1::REVIEW_STATE_MEASURING;
    case shard::ReviewPhase::kDeciding:
      return ledger::v1::REVIEW_STATE_DECIDING;
    case shard::ReviewPhase::kCompleted:
      return ledger::v1::REVIEW_STATE_COMPLETED;
    case shard::ReviewPhase::kFailed:
      return ledger::v1::REVIEW_STATE_FAILED;
  }
  return ledger::v1::REVIEW_STATE_UNSPECIFIED;
}

void FillReview(const shard::Ledger& ledger, const shard::ReviewStatus& status, ledger::v1::Review& out) {
  out.set_review_id(status.review.review_id());
  out.set_program_id(status.review.program_id());
  out.set_program_version(status.review.program_version());
  out.set_ladder_id(status.review.ladder_id());
  *out.mutable_as_of() = status.review.as_of();
  Cursor cursor;
  for (const auto& shard : status.review.cursor()) cursor.next.push_back(shard.next_position());
  out.set_cursor(ledger.Format(cursor));
  out.set_validate_only(status.preview);
  out.set_reruns_review_id(status.review.reruns_review_id());
  out.set_state(StateOf(status.phase));
  out.set_detail(status.detail);
  out.set_population(status.review.population());
  *out.mutable_cuts() = status.review.cuts();
  out.set_accounts(status.accounts);
  out.set_accounts_measured(status.measured);
  out.set_accounts_decided(status.judged);
  out.set_raised(status.raised);
  out.set_lowered(status.lowered);
  out.set_locked(status.locked);
  out.set_overtaken(status.overtaken);
  out.set_begun(status.begun);
  out.set_undecided(status.undecided);
  out.set_ranking_bytes(status.ranking_bytes);
  out.set_actor(status.actor);
  domain::SetTimestamp(out.mutable_start_time(), status.start_time);
  if (status.complete_time != 0) domain::SetTimestamp(out.mutable_complete_time(), status.complete_time);
}

void FillChange(const shard::ReviewChange& change, ledger::v1::ReviewChange& out) {
  out.set_account_id(change.account_id);
  out.set_held_tier_id(change.held_tier_id);
  out.set_tier_id(change.tier_id);
  out.set_earlier_tier_id(change.earlier_tier_id);
  for (size_t i = 0; i < change.standings.size(); ++i) {
    ledger::v1::ReviewedValue& value = *out.add_values();
    if (change.standings[i].value.has_value()) value.set_value(*change.standings[i].value);
    value.set_rank(change.standings[i].rank);
    if (i < change.earlier_values.size() && change.earlier_values[i].has_value()) {
      value.set_earlier_value(*change.earlier_values[i]);
    }
  }
}

merkle::Hash DigestOf(ledger::v1::StartReviewRequest request) {
  request.clear_request_id();
  return merkle::Sha256(request.SerializeAsString());
}

}  // namespace

grpc::ServerUnaryReactor* TierServiceImpl::StartReview(grpc::CallbackServerContext* call,
                                                       const ledger::v1::StartReviewRequest* request,
                                                       ledger::v1::StartReviewResponse* response) {
  return RunUnary(context_, call, [this, request, response]() -> absl::Status {
    if (request->program_id().empty()) return FieldError("program_id", "is required");
    if (!request->has_as_of()) return FieldError("as_of", "is required");
    if (!IsPrintableId(request->request_id(), kRequestIdBytesMax)) {
      return FieldError("request_id", "must be 1 to 128 printable ASCII bytes");
    }
    if (request->actor().size() > 128 || !IsUtf8(request->actor())) {
      return FieldError("actor", "must be UTF-8 of at most 128 bytes");
    }
    shard::ReviewRequest review;
    KL_ASSIGN_OR_RETURN(review.as_of, CheckTime(request->as_of(), "as_of"));
    review.program_id = request->program_id();
    review.program_version = request->program_version();
    review.ladder_id = request->ladder_id();
    review.request_id = request->request_id();
    review.actor = request->actor();
    const merkle::Hash digest = DigestOf(*request);
    review.digest.assign(digest.begin(), digest.end());
    review.validate_only = request->validate_only();
    review.reruns_review_id = request->reruns_review_id();
    KL_ASSIGN_OR_RETURN(const shard::ReviewStatus status, context_.ledger.reviewer().Start(review));
    FillReview(context_.ledger, status, *response->mutable_review());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* TierServiceImpl::GetReview(grpc::CallbackServerContext* call,
                                                     const ledger::v1::GetReviewRequest* request,
                                                     ledger::v1::GetReviewResponse* response) {
  return RunUnary(context_, call, [this, request, response]() -> absl::Status {
    if (request->review_id().empty()) return FieldError("review_id", "is required");
    KL_ASSIGN_OR_RETURN(const int page_size, CheckPageSize(request->page_size()));
    KL_ASSIGN_OR_RETURN(const uint64_t from, PageNumber(*request, 0));
    KL_ASSIGN_OR_RETURN(const shard::ReviewStatus status, context_.ledger.reviewer().Get(request->review_id()));
    KL_ASSIGN_OR_RETURN(const shard::ReviewChanges changes,
                        context_.ledger.reviewer().ListChanges(request->review_id(), from, page_size));
    FillReview(context_.ledger, status, *response->mutable_review());
    for (const shard::ReviewChange& change : changes.changes) FillChange(change, *response->add_changes());
    response->set_changes_total(changes.total);
    const uint64_t next = from + changes.changes.size();
    if (!changes.changes.empty() && next < std::min<uint64_t>(changes.total, shard::kReviewChangesMax)) {
      response->set_next_page_token(NumberToken(*request, next));
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* TierServiceImpl::ListReviews(grpc::CallbackServerContext* call,
                                                       const ledger::v1::ListReviewsRequest* request,
                                                       ledger::v1::ListReviewsResponse* response) {
  return RunUnary(context_, call, [this, request, response]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const int page_size, CheckPageSize(request->page_size()));
    KL_ASSIGN_OR_RETURN(const uint64_t before, PageNumber(*request, std::numeric_limits<uint64_t>::max()));
    KL_ASSIGN_OR_RETURN(const auto reviews, context_.ledger.reviewer().List(before, page_size));
    for (const shard::ReviewStatus& status : reviews) {
      FillReview(context_.ledger, status, *response->add_reviews());
    }
    // Numbers count from 1 without a gap.
    if (static_cast<int>(reviews.size()) < page_size) return absl::OkStatus();
    const uint64_t last = context_.ledger.reviewer().NumberOf(reviews.back());
    if (last > 1) response->set_next_page_token(NumberToken(*request, last));
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

// The scope of questions about engagement, as its queries take it, and the records that its answers show.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <grpcpp/server_context.h>

#include "keyledger/events/v1/record.pb.h"
#include "keyledger/ledger/v1/engagement_service.pb.h"
#include "projections/engagement/engagement_history.h"
#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/domain/program_set.h"
#include "server/service/query_request.h"
#include "server/service/service_context.h"

namespace keyledger::service {

// Bytes of an id of one of our people.
inline constexpr size_t kPersonBytesMax = 128;
// Bytes of an id of an activity.
inline constexpr size_t kActivityBytesMax = 128;

// Errors: INVALID_ARGUMENT (kInvalidField), naming fields below `prefix`: as_of, known_at, accounts.<field>. Neither
// moment may be after AsOfNow. What walks over the scope ends when the call is canceled, or its deadline is over;
// `call` must outlive it.
absl::StatusOr<projections::engagement::EngagementScope> ToEngagementScope(const ledger::v1::EngagementScope& scope,
                                                                           const grpc::CallbackServerContext& call,
                                                                           const ServiceContext& context,
                                                                           std::string_view prefix = "scope.");

// Programs that were published before the moment. Never null. Before kNoEnd are all of them: the shard's own set, which
// is there already.
std::shared_ptr<const domain::ProgramSet> ProgramsKnownAt(const ServiceContext& context, Micros known_at);

// The scope of a request about one account that has as_of and known_at itself.
template <class Request>
absl::StatusOr<projections::engagement::EngagementScope> ToAccountScope(const Request& request,
                                                                        const grpc::CallbackServerContext& call,
                                                                        const ServiceContext& context) {
  ledger::v1::EngagementScope scope;
  if (request.has_as_of()) *scope.mutable_as_of() = request.as_of();
  if (request.has_known_at()) *scope.mutable_known_at() = request.known_at();
  return ToEngagementScope(scope, call, context, "");
}

// Start of a request's stretch; without one, before everything. INVALID_ARGUMENT (kInvalidField "start_time") if it is
// no time, or not before `as_of`.
template <class Request>
absl::StatusOr<Micros> StartOf(const Request& request, Micros as_of) {
  if (!request.has_start_time()) return std::numeric_limits<int64_t>::min();
  absl::StatusOr<Micros> start = CheckTime(request.start_time(), "start_time");
  if (start.ok() && *start >= as_of) return FieldError("start_time", "must be before as_of");
  return start;
}

// The same where a request without a start is about the year before as_of.
template <class Request>
absl::StatusOr<Micros> StartOrYear(const Request& request, Micros as_of) {
  return request.has_start_time() ? StartOf(request, as_of) : as_of - 365 * kMicrosPerDay;
}

// INVALID_ARGUMENT (kInvalidToken), unless a page may be of the moment that its token names: one that could be asked
// for when the token was given, so none later than that of a first page now. What a token says is not the server's
// word.
absl::Status CheckPageMoment(Micros moment, const projections::engagement::EngagementScope& scope);

// What a query continues after; empty: the first page. Later pages are of the moment that the first was asked at: where
// the request names none, scope.as_of becomes that.
template <class Request>
absl::StatusOr<std::string> PageAfter(const Request& request, projections::engagement::EngagementScope& scope) {
  KL_ASSIGN_OR_RETURN(const std::string continuation, Continuation(request));
  std::string_view rest = continuation;
  if (rest.empty()) return std::string();
  Micros as_of = 0;
  if (!GetOrdered64(rest, as_of) || rest.empty()) {
    return MakeError(Reason::kInvalidToken, "the page token is not one of this listing");
  }
  KL_RETURN_IF_ERROR(CheckPageMoment(as_of, scope));
  scope.as_of = as_of;
  return std::string(rest);
}

// The token for the page after; empty where there is none.
template <class Request>
std::string PageToken(const Request& request, const projections::engagement::EngagementScope& scope,
                      const std::string& continuation) {
  if (continuation.empty()) return "";
  std::string bytes;
  PutOrdered64(bytes, scope.as_of);
  return NextPageToken(request, bytes + continuation);
}

// INVALID_ARGUMENT (kInvalidField) naming `field`, unless the text is UTF-8 of at most so many bytes.
absl::Status CheckText(const std::string& text, size_t bytes_max, std::string_view field);

// The record of an account at a position of its shard's log. Errors: DATA_LOSS (kStoreDamaged).
absl::StatusOr<events::v1::EventRecord> ReadRecordAt(const ServiceContext& context, const std::string& account_id,
                                                     uint64_t position);

}  // namespace keyledger::service

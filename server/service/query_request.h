// What requests of the read side have in common: periods, zones, the moment asked about, and pages.
//
// It knows messages by name only: one that included every service's would cost each adapter the compilation of all.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "server/base/calendar.h"
#include "server/base/codec.h"
#include "server/base/cursor.h"
#include "server/base/error.h"
#include "server/service/service_context.h"

namespace keyledger::ledger::v1 {

enum Period : int;
class GetReviewRequest;
class ListLegalHoldsRequest;
class ListPortfolioTransfersRequest;
class ListReviewsRequest;

}  // namespace keyledger::ledger::v1

namespace keyledger::service {

// The readers as the queries take them.
inline std::vector<const store::TableReader*> Pointers(const shard::TableReaders& readers) {
  std::vector<const store::TableReader*> pointers;
  for (const auto& reader : readers) pointers.push_back(reader.get());
  return pointers;
}

// The unit of a request's period; unspecified is a month. INVALID_ARGUMENT (kInvalidField) naming `field`.
absl::StatusOr<CalendarUnit> UnitOf(ledger::v1::Period period, std::string_view field);
// The zone of a request's time_zone; empty is UTC. INVALID_ARGUMENT (kInvalidField) naming `field`.
absl::StatusOr<Zone> ZoneOf(const std::string& time_zone, std::string_view field);

// Now, as an exclusive bound: what happened in this very microsecond counts.
inline Micros AsOfNow(const Clock& clock) { return clock.Now() + 1; }

// The optional as_of of a request, or now.
template <class Request>
absl::StatusOr<Micros> AsOf(const Request& request, const Clock& clock) {
  if (!request.has_as_of()) return AsOfNow(clock);
  return CheckTime(request.as_of(), "as_of");
}

// Whether pages of such requests are read from a projection, and the request may name a place to wait for. Reviews and
// transfers of portfolios are read from the log, legal holds from the register.
template <class Request>
inline constexpr bool kReadsProjection = true;
template <>
inline constexpr bool kReadsProjection<ledger::v1::GetReviewRequest> = false;
template <>
inline constexpr bool kReadsProjection<ledger::v1::ListReviewsRequest> = false;
template <>
inline constexpr bool kReadsProjection<ledger::v1::ListLegalHoldsRequest> = false;
template <>
inline constexpr bool kReadsProjection<ledger::v1::ListPortfolioTransfersRequest> = false;

// What a page token is bound to: the request without its paging and without the place it waits for.
template <class Request>
std::string PageBinding(Request request) {
  request.clear_page_token();
  request.clear_page_size();
  if constexpr (kReadsProjection<Request>) request.clear_min_cursor();
  return Request::descriptor()->full_name() + request.SerializeAsString();
}

// The continuation inside a request's page token; empty for the first page.
template <class Request>
absl::StatusOr<std::string> Continuation(const Request& request) {
  if (request.page_token().empty()) return std::string();
  return ParsePageToken(request.page_token(), PageBinding(request));
}

// The token for the next page; empty on the last.
template <class Request>
std::string NextPageToken(const Request& request, const std::string& continuation) {
  return continuation.empty() ? "" : FormatPageToken(continuation, PageBinding(request));
}

// A number as the continuation inside a page token; `first` for the first page.
template <class Request>
absl::StatusOr<uint64_t> PageNumber(const Request& request, uint64_t first) {
  KL_ASSIGN_OR_RETURN(const std::string continuation, Continuation(request));
  if (continuation.empty()) return first;
  std::string_view in(continuation);
  uint64_t number = 0;
  if (!GetBigEndian64(in, number) || !in.empty()) {
    return MakeError(Reason::kInvalidToken, "not a page token of this ledger");
  }
  return number;
}

// The token for the page that begins with it.
template <class Request>
std::string NumberToken(const Request& request, uint64_t number) {
  std::string continuation;
  PutBigEndian64(continuation, number);
  return NextPageToken(request, continuation);
}

}  // namespace keyledger::service

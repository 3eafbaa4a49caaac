// What requests for forecasts have in common: the scope with the terms, and pages that are all of one view of the
// ledger: later pages see the records that the first one saw, as of the moment that it saw them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/ledger/v1/retention_service.pb.h"
#include "projections/retention/forecast_queries.h"
#include "server/base/cursor.h"
#include "server/base/error.h"
#include "server/service/query_request.h"
#include "server/service/service_context.h"

namespace keyledger::service {

struct AskedForecast {
  projections::RetentionScope scope;
  projections::ForecastTerms terms;
};

// Errors: those of ToScope, as InForecast names them; INVALID_ARGUMENT (kInvalidField "forecast.<field>").
absl::StatusOr<AskedForecast> ToForecast(const ledger::v1::ForecastScope& forecast,
                                         const grpc::CallbackServerContext& call, const Clock& clock);

// The refusal of a field of the scope by its path in such a request: "forecast.scope.<field>". Any other as it is.
absl::Status InForecast(const absl::Status& status);

template <class Answer>
absl::StatusOr<Answer> InForecast(absl::StatusOr<Answer> answer) {
  if (answer.ok()) return answer;
  return InForecast(answer.status());
}

// INVALID_ARGUMENT (kInvalidField) unless `value` thousandths are within [low, high].
absl::Status CheckMilli(int32_t value, int32_t low, int32_t high, std::string_view field);

// INVALID_ARGUMENT (kInvalidField) if the horizon ends where no timestamp reaches.
absl::Status CheckHorizonEnd(Micros horizon_end);

// Takes one of the places for calls that rest on a forecast. It is taken when the projection is there, not while that
// is waited for. Errors: RESOURCE_EXHAUSTED (kTooManyStreams).
absl::StatusOr<CallSlots::Slot> TakeForecastSlot(const ServiceContext& context);

// Which records a page is of.
struct ForecastView {
  shard::TableReaders readers;
  // Records before them are seen, one a shard.
  std::vector<uint64_t> places;
  // Accounts before the page.
  uint64_t first = 0;
};

// Opens the projection as the request's page token says, or as it stands now, and narrows the scope to that.
// Errors: INVALID_ARGUMENT (kInvalidToken), those of Ledger::Readers. Blocks: until the projection is there.
template <class Request>
absl::StatusOr<ForecastView> OpenView(const ServiceContext& context, const Request& request,
                                      std::chrono::steady_clock::time_point deadline,
                                      projections::RetentionScope& scope);

// The token for the page from account number `next` on.
template <class Request>
std::string NextViewToken(const Request& request, const ForecastView& view, Micros as_of, uint64_t next);

// Opens the projection up to `places`, as a page token has them, or if that is empty as it stands now, at `min_cursor`
// at least; narrows the scope to the former. Errors: those of Ledger::Readers. Blocks: until the projection is there.
absl::Status OpenPlaces(const ServiceContext& context, const std::string& min_cursor,
                        std::chrono::steady_clock::time_point deadline, projections::RetentionScope& scope,
                        ForecastView& view);

// A moment in a token, no later than `latest`. Taking it leaves what comes after it in `text`.
// Errors: INVALID_ARGUMENT (kInvalidToken).
void PutMoment(std::string& text, Micros moment);
absl::StatusOr<Micros> TakeMoment(std::string_view& text, Micros latest);

// Places in a token, one a shard. Taking them leaves what comes after them in `text`.
// Errors: INVALID_ARGUMENT (kInvalidToken).
void PutPlaces(std::string& text, const std::vector<uint64_t>& places);
absl::StatusOr<std::vector<uint64_t>> TakePlaces(std::string_view& text, uint32_t shard_count);

// The inside of such a token.
std::string FormatViewPlace(const std::vector<uint64_t>& places, Micros as_of, uint64_t next);
absl::Status ParseViewPlace(std::string_view text, uint32_t shard_count, ForecastView& view, Micros& as_of);

void FillModel(const projections::ForecastModels& models, int64_t accounts, ledger::v1::ForecastModel& out);
void FillPopulation(const projections::PopulationOutlook& population, ledger::v1::PopulationForecast& out);

template <class Request>
absl::StatusOr<ForecastView> OpenView(const ServiceContext& context, const Request& request,
                                      std::chrono::steady_clock::time_point deadline,
                                      projections::RetentionScope& scope) {
  ForecastView view;
  KL_ASSIGN_OR_RETURN(const std::string continuation, Continuation(request));
  if (!continuation.empty()) {
    KL_RETURN_IF_ERROR(ParseViewPlace(continuation, context.ledger.shard_count(), view, scope.as_of));
  }
  KL_RETURN_IF_ERROR(OpenPlaces(context, request.min_cursor(), deadline, scope, view));
  return view;
}

template <class Request>
std::string NextViewToken(const Request& request, const ForecastView& view, Micros as_of, uint64_t next) {
  return NextPageToken(request, FormatViewPlace(view.places, as_of, next));
}

}  // namespace keyledger::service

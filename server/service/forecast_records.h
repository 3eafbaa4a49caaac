// Forecasts on record: made, found and read. They are in the stream $forecasts of the first shard, in the order in
// which they were made, and found by their id through a unique key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/record.pb.h"
#include "keyledger/ledger/v1/retention_service.pb.h"
#include "projections/retention/forecast_queries.h"
#include "server/service/service_context.h"

namespace keyledger::service {

// The id of the forecast that the request makes.
std::string ForecastIdOf(const std::string& request_id);

// Puts a forecast on record, or finds the one that the request put there before. `forecast`: absent only if it did.
// Errors: ALREADY_EXISTS (kRequestIdReused); those of Shard::RecordOwn. Blocks: until it is durable.
absl::StatusOr<events::v1::EventRecord> PutForecast(const ServiceContext& context,
                                                    const ledger::v1::RecordForecastRequest& request,
                                                    const std::optional<events::v1::ForecastRecorded>& forecast);

// Whether a request of that id put a forecast on record.
absl::StatusOr<bool> IsForecastRequest(const ServiceContext& context, const std::string& request_id);

// The record of a forecast. Errors: NOT_FOUND (kForecastNotFound), DATA_LOSS (kStoreDamaged).
absl::StatusOr<events::v1::EventRecord> FindForecast(const ServiceContext& context, const std::string& forecast_id);

struct ForecastRecords {
  // Newest first.
  std::vector<events::v1::EventRecord> records;
  // Revision that the next page ends before; 0: there is none.
  uint64_t next = 0;
};

// Up to `size` of the forecasts with a revision below `end`.
absl::StatusOr<ForecastRecords> ListForecastRecords(const ServiceContext& context, uint64_t end, int size);

// What is put on record. `asked` is the request's.
events::v1::ForecastRecorded ToRecorded(const ledger::v1::RecordForecastRequest& request,
                                        const projections::RetentionScope& scope,
                                        const projections::ForecastTable& table, const std::vector<uint64_t>& places);

// A forecast on record, to be computed again. Errors: DATA_LOSS (kStoreDamaged).
absl::StatusOr<projections::PastForecast> ToPast(const events::v1::EventRecord& record, uint32_t shard_count);

void FillRecorded(const events::v1::EventRecord& record, ledger::v1::RecordedForecast& out);

}  // namespace keyledger::service

// Queries of the projection "accesses": readings of personal data, newest first, over all shards.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "server/base/clock.h"
#include "server/store/table.h"

namespace keyledger::projections {

// One reading of personal data, as PersonalDataRead tells it.
struct DataAccess {
  Micros record_time = 0;
  std::string reader;
  std::string purpose;
  // Empty: a reading by subject.
  std::string account_id;
  std::vector<std::string> subject_ids;
  std::string method;
  uint32_t shard = 0;
  uint64_t position = 0;
};

// What readings are found by.
enum class AccessBy { kSubject, kAccount, kReader };

struct AccessQuery {
  AccessBy by = AccessBy::kSubject;
  std::string id;
  // Recorded at or after `from`, before `to`.
  Micros from = std::numeric_limits<Micros>::min();
  Micros to = std::numeric_limits<Micros>::max();
};

struct AccessPage {
  std::vector<DataAccess> accesses;
  // Hand it to the next call; empty on the last page.
  std::string continuation;
};

// Bytes of readings in one page, about: a page that holds that many is cut short.
inline constexpr size_t kAccessPageBytesMax = 2u << 20;

// Lists up to `page_size` readings, newest record_time first, then by shard and latest position, merged over the
// shards' rows; shards[i] is shard i. `continuation`: of the page before; empty for the first. Requires: page_size > 0,
// no null reader. Errors: INVALID_ARGUMENT (kInvalidToken), DATA_LOSS (kStoreDamaged).
absl::StatusOr<AccessPage> ListDataAccesses(const std::vector<const store::TableReader*>& shards,
                                            const AccessQuery& query, size_t page_size, std::string_view continuation);

}  // namespace keyledger::projections

// Given: what contacts were given, what went beyond a limit that flags, and what was done against the rules.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/conduct.pb.h"
#include "projections/engagement/engagement_history.h"
#include "server/base/calendar.h"
#include "server/domain/program_set.h"

namespace keyledger::projections::engagement {

struct GivenQuery {
  // Only this account; empty: all.
  std::string account_id;
  // Only what occurred at this moment or later.
  Micros start = std::numeric_limits<int64_t>::min();
  Periods periods;
  // Numbers of payloads; empty: all that is given.
  std::set<int> kinds;
  int page_size = 100;
  std::string continuation;
};

// A limit, as counted after the latest record of a row.
struct GivenLimit {
  std::string counter;
  Micros period_start = 0;
  int64_t times = 0;
  // None: no maximum.
  std::optional<int64_t> max_times;
  int64_t micros = 0;
  std::optional<int64_t> max_micros;
};

inline constexpr size_t kPurposesMax = 20;

struct GivenRow {
  std::string account_id;
  // Empty: none was named.
  std::string contact_id;
  int64_t period = 0;
  // Number of the payload.
  int kind = 0;
  // Item of gifts and loans, kind of services; "sample".
  std::string name;
  int64_t times = 0;
  // Units of gifts and loans.
  int64_t quantity = 0;
  // In micros by currency.
  std::map<std::string, int64_t> value;
  // By counter and period.
  std::vector<GivenLimit> limits;
  // What gifts, commissions and loans were for, each once, in the order of time; at most kPurposesMax.
  std::vector<std::string> purposes;
};

struct GivenPage {
  // By account_id, contact_id, period (newest first), kind and name.
  std::vector<GivenRow> rows;
  std::string continuation;
};

struct FlagsQuery {
  Micros start = std::numeric_limits<int64_t>::min();
  // Empty: any.
  std::string limit_id;
  // Unspecified: any.
  events::v1::LimitMeasure measure = events::v1::LIMIT_MEASURE_UNSPECIFIED;
  int page_size = 100;
  std::string continuation;
};

// A record, to be read from the log of its account's shard.
struct RecordPlace {
  std::string account_id;
  Micros occurred = 0;
  uint64_t position = 0;
};

struct FlagsPage {
  // The newest first, then by account_id, then by position.
  std::vector<RecordPlace> flags;
  int64_t flag_count = 0;
  std::string continuation;
};

struct ViolationsQuery {
  std::string account_id;
  Micros start = std::numeric_limits<int64_t>::min();
  int page_size = 100;
  std::string continuation;
};

struct ViolationRow {
  // The one that goes on, where the account of the records was merged.
  std::string account_id;
  // The violation first, then sanctions imposed for it and lifted, in the order of time.
  std::vector<RecordPlace> records;
  int sanctions_open = 0;
};

inline constexpr int kSides = 3;

struct ViolationsPage {
  // The newest first, then by account_id, then by position.
  std::vector<ViolationRow> violations;
  // By Side, from COMPANY.
  std::vector<int64_t> side_counts;
  std::string continuation;
};

// Errors of each: those of LoadOne. Memory: a page.
absl::StatusOr<GivenPage> ListGiven(const std::vector<const store::TableReader*>& shards, const EngagementScope& scope,
                                    const domain::ProgramSet& programs, const GivenQuery& query);
absl::StatusOr<FlagsPage> ListFlags(const std::vector<const store::TableReader*>& shards, const EngagementScope& scope,
                                    const FlagsQuery& query);
absl::StatusOr<ViolationsPage> ListViolations(const std::vector<const store::TableReader*>& shards,
                                              const EngagementScope& scope, const ViolationsQuery& query);

// What a page that ends with the flag or the violation, although more were found, continues after.
std::string ContinuationAfter(const RecordPlace& flag);
std::string ContinuationAfter(const ViolationRow& violation);

}  // namespace keyledger::projections::engagement

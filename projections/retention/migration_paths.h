// Private to migration_queries.cc: which state an account was in, period by period.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>

#include "projections/engine/period_finder.h"
#include "projections/retention/history.h"
#include "projections/retention/migration_queries.h"
#include "server/store/table.h"

namespace keyledger::projections {

// What an account did in a period in which it traded.
struct TradedPeriod {
  int64_t period = 0;
  // On the scope's basis.
  int64_t revenue_micros = 0;
  bool bought = false;
};

// The periods in which the account traded, ascending. Returns false if a sum of money does not fit.
bool SumByPeriod(const AccountHistory& account, RevenueBasis basis, PeriodFinder& periods,
                 std::vector<TradedPeriod>& traded);

struct MigrationPath {
  int64_t start = 0;
  // One for each period from `start` to the last of the data: an index of states().
  std::vector<uint8_t> states;
};

// Finds paths in two walks over the same accounts: Survey each, Prepare, Trace each.
// Threads: confined to one thread.
class MigrationPaths {
 public:
  virtual ~MigrationPaths() = default;

  // What of the histories Survey and Trace read.
  virtual HistoryParts parts() const { return HistoryParts::kTrades; }
  // Errors: INVALID_ARGUMENT (kInvalidField) for too many states.
  virtual absl::Status Survey(const AccountHistory& account, const std::vector<TradedPeriod>& traded) = 0;

  // Settles the span of the data. Returns false if there are none.
  virtual bool Settle(int64_t& first, int64_t& last) = 0;
  // Whatever Trace needs beyond that, from more walks in `scope`, which differs from the one surveyed by naming its
  // currency. Errors: those of HistoryScan::Run.
  virtual absl::Status Prepare(const std::vector<const store::TableReader*>& shards, const RetentionScope& scope);
  virtual std::vector<std::string> states() const = 0;
  // Whether the answer leaves out states that no account was in.
  virtual bool leaves_out_empty_states() const { return false; }

  // Returns false if the account takes no part.
  virtual bool Trace(const AccountHistory& account, const std::vector<TradedPeriod>& traded, MigrationPath& path) = 0;
};

// `last` is the period in which the data end (data_end.h). `question` must outlive the paths.
std::unique_ptr<MigrationPaths> MakeMigrationPaths(const RetentionScope& scope, const MigrationQuestion& question,
                                                   int64_t last);

}  // namespace keyledger::projections

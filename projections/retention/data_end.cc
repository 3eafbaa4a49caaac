#include "projections/retention/data_end.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "projections/engine/row_key.h"
#include "projections/retention/month_cells.h"
#include "projections/retention/retention_rows.h"
#include "server/base/codec.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

// Looks for purchases that are later than any before.
class LastPurchase {
 public:
  explicit LastPurchase(const RetentionScope& scope) : scope_(scope) {}

  const std::optional<Micros>& occurred() const { return last_; }

  // Rows at `known_place` and beyond are not known.
  absl::Status Look(const store::TableReader& shard, uint64_t known_place) {
    const std::unique_ptr<store::RowIterator> row = shard.NewScan();
    std::string account_id;
    row->Seek(kFirstAccountKey);
    for (uint64_t accounts = 0; row->Valid(); ++accounts) {
      if (accounts % kAccountsBetweenChecks == 0) KL_RETURN_IF_ERROR(CheckWanted(scope_));
      RowKey key;
      if (!SplitRowKey(row->key(), key)) return UnreadableRow(row->key().substr(0, row->key().find('\0')));
      account_id.assign(key.account_id);
      KL_RETURN_IF_ERROR(LookAt(account_id, known_place, *row));
      const bool left = !row->Valid() || !SplitRowKey(row->key(), key) || key.account_id != account_id;
      if (!left) row->Seek(AfterAccount(account_id));
    }
    return row->status();
  }

 private:
  // Leaves `row` at the account's trades, after them, or at the next account.
  absl::Status LookAt(const std::string& account_id, uint64_t known_place, store::RowIterator& row) {
    std::string trades;
    StartRowKey(trades, account_id, kTradeTag);
    std::string from = trades;
    if (last_.has_value()) PutOrdered64(from, *last_ + 1);
    for (row.Seek(from); row.Valid() && row.key().starts_with(trades); row.Next()) {
      RowTimes times;
      HistoryTrade trade;
      std::string_view currency_code;
      std::string_view value = row.value();
      if (!TakeRowTimes(row.key().substr(trades.size()), value, times) || !TakeTrade(value, trade, currency_code)) {
        return UnreadableRow(account_id);
      }
      if (!trade.is_return && times.recorded < scope_.known_at && times.position < known_place) last_ = times.occurred;
    }
    return absl::OkStatus();
  }

  const RetentionScope& scope_;
  std::optional<Micros> last_;
};

}  // namespace

absl::StatusOr<std::optional<Micros>> FindDataEnd(const std::vector<const store::TableReader*>& shards,
                                                  const RetentionScope& scope) {
  if (scope.as_of != std::numeric_limits<int64_t>::max()) return std::optional<Micros>(scope.as_of);
  LastPurchase last(scope);
  for (size_t shard = 0; shard < shards.size(); ++shard) {
    const bool bounded = shard < scope.known_places.size();
    KL_RETURN_IF_ERROR(
        last.Look(*shards[shard], bounded ? scope.known_places[shard] : std::numeric_limits<uint64_t>::max()));
  }
  if (!last.occurred().has_value()) return std::optional<Micros>();
  return std::optional<Micros>(std::min(scope.zone.DayStart(*last.occurred(), 1), scope.now));
}

}  // namespace keyledger::projections

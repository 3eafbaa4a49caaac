#include "projections/retention/retention_rows.h"

#include "projections/engine/row_key.h"
#include "server/base/codec.h"

namespace keyledger::projections {

void EncodeTrade(std::string_view account_id, const Trade& trade, std::string& key, std::string& value) {
  StartRowKey(key, account_id, kTradeTag);
  PutOrdered64(key, trade.occurred);
  PutBigEndian64(key, trade.position);
  value.clear();
  value.push_back(static_cast<char>(trade.kind));
  PutSized(value, trade.currency_code);
  PutVarint64(value, static_cast<uint64_t>(trade.micros));
  PutVarint64(value, static_cast<uint64_t>(trade.units));
  PutSignedVarint64(value, trade.recorded - trade.occurred);
}

bool DecodeTrade(std::string_view rest, std::string_view value, Trade& trade) {
  if (!GetOrdered64(rest, trade.occurred) || !GetBigEndian64(rest, trade.position) || !rest.empty()) return false;
  if (value.empty() || (value[0] != 1 && value[0] != 2)) return false;
  trade.kind = static_cast<TradeKind>(value[0]);
  value.remove_prefix(1);
  uint64_t micros = 0;
  uint64_t units = 0;
  int64_t delay = 0;
  if (!GetSized(value, trade.currency_code) || !GetVarint64(value, micros) || !GetVarint64(value, units) ||
      !GetSignedVarint64(value, delay) || !value.empty()) {
    return false;
  }
  trade.micros = static_cast<int64_t>(micros);
  trade.units = static_cast<int64_t>(units);
  trade.recorded = trade.occurred + delay;
  return true;
}

}  // namespace keyledger::projections

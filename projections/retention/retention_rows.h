// Rows of the projection "retention": one a purchase or return. Key: the account, occurred_time (8 bytes, ordered),
// position (8 bytes, big-endian).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/base/clock.h"

namespace keyledger::projections {

inline constexpr char kTradeTag = 'T';

enum class TradeKind : uint8_t { kPurchase = 1, kReturn = 2 };

struct Trade {
  TradeKind kind = TradeKind::kPurchase;
  Micros occurred = 0;
  Micros recorded = 0;
  uint64_t position = 0;
  // Sum of the lines, zero or more.
  int64_t micros = 0;
  int64_t units = 0;
  // ISO 4217. When decoded: a view into the value.
  std::string_view currency_code;
};

void EncodeTrade(std::string_view account_id, const Trade& trade, std::string& key, std::string& value);

// Of a key's part after the tag, and a value. Returns false if they are damaged.
bool DecodeTrade(std::string_view rest, std::string_view value, Trade& trade);

}  // namespace keyledger::projections

#include "projections/accounts/accounts_rows.h"

#include <limits>

#include "projections/engine/row_key.h"
#include "server/base/codec.h"

namespace keyledger::projections {
namespace {

// last_purchase of an account without purchases.
constexpr Micros kNone = std::numeric_limits<Micros>::min();
constexpr uint64_t kFactsMax = 4096;
// Bits of the first byte of a standing.
constexpr int kOpenBit = 1;
constexpr int kMergedBit = 2;

}  // namespace

void EncodeProfile(const DirectoryAccount& account, std::string& value) {
  value.clear();
  PutSized(value, account.display_name);
  PutSized(value, account.region);
  PutSized(value, account.segment);
  PutSized(value, account.owner);
  PutVarint64(value, account.facts.size());
  for (const auto& [key, text] : account.facts) {
    PutSized(value, key);
    PutSized(value, text);
  }
}

bool DecodeProfile(std::string_view value, DirectoryAccount& account) {
  uint64_t facts = 0;
  if (!GetSized(value, account.display_name) || !GetSized(value, account.region) || !GetSized(value, account.segment) ||
      !GetSized(value, account.owner) || !GetVarint64(value, facts) || facts > kFactsMax) {
    return false;
  }
  account.facts.resize(facts);
  for (auto& [key, text] : account.facts) {
    if (!GetSized(value, key) || !GetSized(value, text)) return false;
  }
  return value.empty();
}

void EncodeStanding(const DirectoryAccount& account, std::string& value) {
  value.clear();
  value.push_back(static_cast<char>((account.open ? kOpenBit : 0) | (account.merged ? kMergedBit : 0)));
  PutVarint64(value, account.revision);
  PutOrdered64(value, account.open_time);
  PutOrdered64(value, account.last_purchase.value_or(kNone));
  PutVarint64(value, static_cast<uint64_t>(account.purchase_count));
  PutSized(value, account.ladder_id);
  PutSized(value, account.tier_id);
}

bool DecodeStanding(std::string_view value, DirectoryAccount& account) {
  if (value.empty()) return false;
  account.open = (value[0] & kOpenBit) != 0;
  account.merged = (value[0] & kMergedBit) != 0;
  value.remove_prefix(1);
  Micros last_purchase = 0;
  uint64_t purchases = 0;
  if (!GetVarint64(value, account.revision) || !GetOrdered64(value, account.open_time) ||
      !GetOrdered64(value, last_purchase) || !GetVarint64(value, purchases) || !GetSized(value, account.ladder_id) ||
      !GetSized(value, account.tier_id) || !value.empty()) {
    return false;
  }
  account.last_purchase.reset();
  if (last_purchase != kNone) account.last_purchase = last_purchase;
  account.purchase_count = static_cast<int64_t>(purchases);
  return true;
}

}  // namespace keyledger::projections

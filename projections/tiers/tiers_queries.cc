#include "projections/tiers/tiers_queries.h"

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "projections/engine/row_key.h"
#include "projections/tiers/tiers_rows.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

absl::Status Damaged(std::string_view account_id) {
  return MakeError(
      Reason::kStoreDamaged,
      fmt::format("a row of projection tiers for account {} is unreadable; rebuild the projection", account_id));
}

// Reads the assignment that `row` stands on into `holding`; `after` is when the one before it began. Returns false if
// it is damaged.
bool ReadAssignment(std::string_view rest, std::string_view value, Micros after, TierHolding& holding) {
  if (!GetBigEndian64(rest, holding.revision) || !rest.empty() || !DecodeTierAssignment(value, holding)) return false;
  holding.since = std::max(holding.since, after);
  return true;
}

// All tiers the account has held, earliest first. Errors: NOT_FOUND, DATA_LOSS.
absl::StatusOr<std::vector<TierHolding>> ReadHistory(const store::TableReader& rows, std::string_view account_id) {
  std::string key;
  StartRowKey(key, account_id, kTierAccountTag);
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> account, rows.Get(key));
  if (!account.has_value()) {
    return MakeError(Reason::kAccountNotFound, fmt::format("there is no account \"{}\"", account_id));
  }
  std::vector<TierHolding> history;
  StartRowKey(key, account_id, kTierAssignmentTag);
  const std::unique_ptr<store::RowIterator> row = rows.NewIterator();
  Micros after = std::numeric_limits<Micros>::min();
  for (row->Seek(key); row->Valid() && row->key().starts_with(key); row->Next()) {
    TierHolding& holding = history.emplace_back();
    if (!ReadAssignment(row->key().substr(key.size()), row->value(), after, holding)) return Damaged(account_id);
    after = holding.since;
  }
  KL_RETURN_IF_ERROR(row->status());
  return history;
}

// Distribution of one shard's accounts, added to `counts`.
absl::Status CountShard(const store::TableReader& rows, Micros as_of,
                        std::map<std::pair<std::string, std::string>, int64_t>& counts) {
  std::string account_id;
  bool counted = false;
  Micros after = std::numeric_limits<Micros>::min();
  TierHolding current;
  TierHolding next;
  const auto finish = [&] {
    if (counted) counts[{current.ladder_id, current.tier_id}] += 1;
  };
  const std::unique_ptr<store::RowIterator> row = rows.NewScan();
  for (row->Seek(""); row->Valid(); row->Next()) {
    RowKey key;
    if (!SplitRowKey(row->key(), key)) return Damaged("?");
    if (key.tag == kTierAccountTag) {
      finish();
      account_id.assign(key.account_id);
      const std::optional<Micros> open_time = DecodeTierAccount(row->value());
      if (!open_time.has_value()) return Damaged(account_id);
      counted = *open_time < as_of;
      after = std::numeric_limits<Micros>::min();
      current = TierHolding();
      continue;
    }
    if (key.account_id != account_id || !ReadAssignment(key.rest, row->value(), after, next))
      return Damaged(key.account_id);
    after = next.since;
    if (next.since < as_of) std::swap(current, next);
  }
  finish();
  return row->status();
}

}  // namespace

absl::StatusOr<std::optional<TierHolding>> GetTierStanding(const store::TableReader& rows, std::string_view account_id,
                                                           Micros as_of) {
  KL_ASSIGN_OR_RETURN(std::vector<TierHolding> history, ReadHistory(rows, account_id));
  std::optional<TierHolding> standing;
  for (TierHolding& holding : history) {
    if (holding.since >= as_of) break;
    standing = std::move(holding);
  }
  return standing;
}

absl::StatusOr<TierHistoryPage> ListTierHistory(const store::TableReader& rows, std::string_view account_id,
                                                size_t page_size, std::string_view continuation) {
  // Revision of the last one listed; the next page begins before it.
  uint64_t before = std::numeric_limits<uint64_t>::max();
  if (!continuation.empty() && (!GetBigEndian64(continuation, before) || !continuation.empty())) {
    return MakeError(Reason::kInvalidToken, "the page token is not one of this listing");
  }
  KL_ASSIGN_OR_RETURN(std::vector<TierHolding> history, ReadHistory(rows, account_id));
  for (size_t i = 0; i + 1 < history.size(); ++i) history[i].until = history[i + 1].since;
  TierHistoryPage page;
  for (auto holding = history.rbegin(); holding != history.rend(); ++holding) {
    if (holding->revision >= before) continue;
    if (page.holdings.size() == page_size) {
      PutBigEndian64(page.continuation, page.holdings.back().revision);
      break;
    }
    page.holdings.push_back(std::move(*holding));
  }
  return page;
}

absl::StatusOr<TierDistribution> GetTierDistribution(const std::vector<const store::TableReader*>& shards,
                                                     Micros as_of) {
  std::map<std::pair<std::string, std::string>, int64_t> counts;
  for (const store::TableReader* shard : shards) KL_RETURN_IF_ERROR(CountShard(*shard, as_of, counts));
  TierDistribution distribution;
  for (const auto& [tier, accounts] : counts) {
    distribution.tiers.push_back(TierCount{tier.first, tier.second, accounts});
    distribution.accounts += accounts;
  }
  std::sort(distribution.tiers.begin(), distribution.tiers.end(), [](const TierCount& a, const TierCount& b) {
    return std::tie(a.ladder_id, b.accounts, a.tier_id) < std::tie(b.ladder_id, a.accounts, b.tier_id);
  });
  return distribution;
}

}  // namespace keyledger::projections

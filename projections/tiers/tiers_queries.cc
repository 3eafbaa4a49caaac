#include "projections/tiers/tiers_queries.h"

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <tuple>
#include <utility>

#include "projections/engine/row_key.h"
#include "projections/tiers/tiers_rows.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

// Reads the assignment that `row` stands on into `holding`; `after` is when the one before it began. Returns false if
// it is damaged.
bool ReadAssignment(std::string_view rest, std::string_view value, Micros after, TierHolding& holding) {
  if (!GetBigEndian64(rest, holding.revision) || !rest.empty() || !DecodeTierAssignment(value, holding)) return false;
  holding.since = std::max(holding.since, after);
  return true;
}

// All tiers the account has held, earliest first. Errors: NOT_FOUND, DATA_LOSS.
absl::StatusOr<std::vector<TierHolding>> ReadHistory(const store::TableReader& rows, std::string_view account_id) {
  KL_RETURN_IF_ERROR(CheckTierAccount(rows, account_id));
  std::string key;
  std::vector<TierHolding> history;
  StartRowKey(key, account_id, kTierAssignmentTag);
  const std::unique_ptr<store::RowIterator> row = rows.NewIterator();
  Micros after = std::numeric_limits<Micros>::min();
  for (row->Seek(key); row->Valid() && row->key().starts_with(key); row->Next()) {
    TierHolding& holding = history.emplace_back();
    if (!ReadAssignment(row->key().substr(key.size()), row->value(), after, holding)) return DamagedTierRow(account_id);
    after = holding.since;
  }
  KL_RETURN_IF_ERROR(row->status());
  return history;
}

// A ladder and what is held on it.
using Place = std::pair<std::string, std::string>;
using Counts = std::map<Place, int64_t>;

// Counts the accounts of one shard, row after row.
class ShardCount {
 public:
  ShardCount(Micros as_of, Counts& tiers, Counts& stages) : as_of_(as_of), tiers_(tiers), stages_(stages) {}

  absl::Status Count(const store::TableReader& rows) {
    const std::unique_ptr<store::RowIterator> row = rows.NewScan();
    for (row->Seek(""); row->Valid(); row->Next()) {
      RowKey key;
      if (!SplitRowKey(row->key(), key)) return DamagedTierRow("?");
      const bool read = key.tag == kTierAccountTag ? Begin(key, row->value()) : Read(key, row->value());
      if (!read) return DamagedTierRow(key.account_id);
    }
    Finish();
    return row->status();
  }

 private:
  bool Begin(const RowKey& key, std::string_view value) {
    Finish();
    account_id_.assign(key.account_id);
    const std::optional<Micros> open_time = DecodeTierAccount(value);
    if (!open_time.has_value()) return false;
    counted_ = *open_time < as_of_;
    after_ = std::numeric_limits<Micros>::min();
    tier_ = TierHolding();
    ends_.clear();
    stage_of_.clear();
    return true;
  }

  bool Read(const RowKey& key, std::string_view value) {
    if (key.account_id != account_id_) return false;
    if (key.tag == kTierMergeTag) {
      const std::optional<Micros> merged = DecodeTierAccount(value);
      if (!merged.has_value()) return false;
      counted_ = counted_ && *merged >= as_of_;
      return true;
    }
    if (key.tag == kStageTag) {
      if (!ReadStage(key.rest, value, ends_, stay_)) return false;
      if (stay_.since < as_of_) stage_of_[stay_.ladder_id] = stay_.stage_id;
      return true;
    }
    if (key.tag != kTierAssignmentTag || !ReadAssignment(key.rest, value, after_, next_)) return false;
    after_ = next_.since;
    if (next_.since < as_of_) std::swap(tier_, next_);
    return true;
  }

  void Finish() {
    if (!counted_) return;
    tiers_[{tier_.ladder_id, tier_.tier_id}] += 1;
    for (const auto& [ladder_id, stage_id] : stage_of_) stages_[{ladder_id, stage_id}] += 1;
  }

  const Micros as_of_;
  Counts& tiers_;
  Counts& stages_;
  // The account whose rows are being read.
  std::string account_id_;
  bool counted_ = false;
  Micros after_ = 0;
  TierHolding tier_;
  StageEnds ends_;
  std::map<std::string, std::string> stage_of_;
  // Rows as they are read.
  TierHolding next_;
  StageStay stay_;
};

// By ladder, then from the most to the fewest accounts, then by name.
std::vector<std::pair<Place, int64_t>> Ordered(const Counts& counts) {
  std::vector<std::pair<Place, int64_t>> ordered(counts.begin(), counts.end());
  std::sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first.first, b.second, a.first.second) < std::tie(b.first.first, a.second, b.first.second);
  });
  return ordered;
}

}  // namespace

absl::StatusOr<std::optional<TierHolding>> GetTierStanding(const store::TableReader& rows, std::string_view account_id,
                                                           Micros as_of) {
  KL_ASSIGN_OR_RETURN(std::vector<TierHolding> history, ReadHistory(rows, account_id));
  KL_ASSIGN_OR_RETURN(const Micros merged, FindTierMerge(rows, account_id));
  std::optional<TierHolding> standing;
  if (merged < as_of) return standing;
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
  KL_ASSIGN_OR_RETURN(const Micros merged, FindTierMerge(rows, account_id));
  if (!history.empty() && merged != domain::kNever) history.back().until = std::max(history.back().since, merged);
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
  Counts tiers;
  Counts stages;
  for (const store::TableReader* shard : shards) {
    KL_RETURN_IF_ERROR(ShardCount(as_of, tiers, stages).Count(*shard));
  }
  TierDistribution distribution;
  for (const auto& [place, accounts] : Ordered(tiers)) {
    distribution.tiers.push_back(TierCount{place.first, place.second, accounts});
    distribution.accounts += accounts;
  }
  for (const auto& [place, accounts] : Ordered(stages)) {
    distribution.stages.push_back(StageCount{place.first, place.second, accounts});
  }
  return distribution;
}

}  // namespace keyledger::projections

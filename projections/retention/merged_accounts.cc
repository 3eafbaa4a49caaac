#include "projections/retention/merged_accounts.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "projections/engine/row_key.h"
#include "server/base/codec.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

constexpr std::string_view kMergePrefix("\0m", 2);

bool TakeMerge(std::string_view value, RowTimes& times, std::string_view& into) {
  int64_t delay = 0;
  if (!GetOrdered64(value, times.occurred) || !GetBigEndian64(value, times.position) ||
      !GetSignedVarint64(value, delay) || !GetSized(value, into) || into.empty() || !value.empty()) {
    return false;
  }
  times.recorded = times.occurred + delay;
  return true;
}

}  // namespace

void PutMerge(std::string_view account_id, std::string_view into_account_id, const RowTimes& times, Rows& rows) {
  std::string key(kMergePrefix);
  key += account_id;
  std::string value;
  PutOrdered64(value, times.occurred);
  PutBigEndian64(value, times.position);
  PutSignedVarint64(value, times.recorded - times.occurred);
  PutSized(value, into_account_id);
  rows.Put(key, value);
}

absl::StatusOr<MergedAccounts> MergedAccounts::Read(const std::vector<const store::TableReader*>& shards,
                                                    const RetentionScope& scope) {
  const RetentionScope& known = scope.merges_of == nullptr ? scope : *scope.merges_of;
  MergedAccounts merged;
  std::vector<Ended> all;
  for (size_t shard = 0; shard < shards.size(); ++shard) {
    const uint64_t place =
        shard < known.known_places.size() ? known.known_places[shard] : std::numeric_limits<uint64_t>::max();
    const std::unique_ptr<store::RowIterator> row = shards[shard]->NewIterator();
    for (row->Seek(kMergePrefix); row->Valid() && row->key().starts_with(kMergePrefix); row->Next()) {
      const std::string_view account_id = row->key().substr(kMergePrefix.size());
      RowTimes times;
      std::string_view into;
      if (!TakeMerge(row->value(), times, into)) return UnreadableRow(account_id);
      if (times.occurred >= known.as_of || times.recorded >= known.known_at || times.position >= place) continue;
      merged.into_.emplace(account_id, into);
      all.push_back({std::string(account_id), shard});
    }
    KL_RETURN_IF_ERROR(row->status());
  }
  for (Ended& ended : all) {
    // An account ends once, in one that is open then: no chain comes back to where it began.
    size_t steps = 0;
    for (auto next = merged.into_.find(ended.account_id); next != merged.into_.end();
         next = merged.into_.find(next->second)) {
      if (++steps > merged.into_.size()) return UnreadableRow(ended.account_id);
    }
    std::string stands(merged.StandsFor(ended.account_id));
    merged.ended_[std::move(stands)].push_back(std::move(ended));
  }
  for (auto& [account_id, ended] : merged.ended_) {
    std::sort(ended.begin(), ended.end(), [](const Ended& a, const Ended& b) { return a.account_id < b.account_id; });
  }
  return merged;
}

std::string_view MergedAccounts::StandsFor(std::string_view account_id) const {
  for (auto next = into_.find(account_id); next != into_.end(); next = into_.find(account_id))
    account_id = next->second;
  return account_id;
}

const std::vector<MergedAccounts::Ended>& MergedAccounts::EndedIn(std::string_view account_id) const {
  const auto found = ended_.find(account_id);
  return found == ended_.end() ? none_ : found->second;
}

}  // namespace keyledger::projections

// See review_reader.h.
#include "server/shard/review_reader.h"

#include <algorithm>
#include <utility>

#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/shard/account_reader.h"

namespace keyledger::shard {
namespace {

constexpr size_t kPage = 512;

}  // namespace

AccountWalk::AccountWalk(std::vector<const store::ShardStore*> stores, const std::string& after)
    : stores_(std::move(stores)), lanes_(stores_.size()) {
  for (Lane& lane : lanes_) lane.after = after;
}

absl::Status AccountWalk::Fill(uint32_t shard) {
  Lane& lane = lanes_[shard];
  while (lane.ids.empty() && !lane.ended) {
    KL_ASSIGN_OR_RETURN(std::vector<std::string> ids, stores_[shard]->ListStreams(lane.after, kPage));
    lane.ended = ids.size() < kPage;
    if (!ids.empty()) lane.after = ids.back();
    for (std::string& id : ids) {
      if (!IsOwnStream(id)) lane.ids.push_back(std::move(id));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<AccountWalk::Place>> AccountWalk::Next() {
  std::optional<uint32_t> first;
  for (uint32_t shard = 0; shard < lanes_.size(); ++shard) {
    KL_RETURN_IF_ERROR(Fill(shard));
    if (lanes_[shard].ids.empty()) continue;
    if (!first.has_value() || lanes_[shard].ids.front() < lanes_[*first].ids.front()) first = shard;
  }
  if (!first.has_value()) return std::nullopt;
  Place place{std::move(lanes_[*first].ids.front()), *first};
  lanes_[*first].ids.pop_front();
  return place;
}

void WalkMarks::Walk(const std::string& before, uint32_t number) {
  if (walked_++ % kMarkEvery == 0) marks_.push_back({before, number});
}

const WalkMarks::Mark& WalkMarks::Before(uint32_t number) const {
  // Of several marks with the same number the last: those between walked nobody who has one.
  const auto after = std::upper_bound(marks_.begin(), marks_.end(), number,
                                      [](uint32_t wanted, const Mark& mark) { return wanted < mark.number; });
  KL_CHECK(after != marks_.begin());
  return *(after - 1);
}

absl::StatusOr<std::optional<domain::AccountState>> FoldForReview(const store::ShardStore& store,
                                                                  const std::string& account_id, uint64_t end,
                                                                  Micros as_of) {
  KL_ASSIGN_OR_RETURN(std::optional<domain::AccountState> now, FoldAccount(store, account_id, end));
  // The usual case: nothing has occurred since.
  if (!now.has_value() || now->clock < as_of) return now;
  if (now->open_time >= as_of) return std::nullopt;
  KL_ASSIGN_OR_RETURN(std::optional<domain::AccountState> then, FoldEarlier(store, account_id, end, as_of));
  if (!then.has_value()) return std::nullopt;
  then->next_revision = now->next_revision;
  then->tier = std::move(now->tier);
  then->tier_lock = std::move(now->tier_lock);
  return then;
}

}  // namespace keyledger::shard

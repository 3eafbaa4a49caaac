// See review_reader.h.
#include "server/shard/review_reader.h"

#include <limits>

#include <fmt/format.h>

#include "keyledger/events/v1/record.pb.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/evolve.h"
#include "server/domain/proto_time.h"
#include "server/domain/review.h"

namespace keyledger::shard {
namespace {

constexpr size_t kPage = 512;
constexpr uint64_t kAll = std::numeric_limits<uint64_t>::max();

absl::Status Unreadable(const std::string& account_id, uint64_t position) {
  return MakeError(Reason::kStoreDamaged, fmt::format("record {} of account {} cannot be read", position, account_id));
}

// Calls visit(record) for the account's records from revision `from` on that lie below position `end`.
template <class Visit>
absl::Status ForEachRecord(const store::ShardStore& store, const std::string& account_id, uint64_t from, uint64_t end,
                           const Visit& visit) {
  auto records = store.ReadStream(account_id, from, kAll, false);
  events::v1::EventRecord record;
  while (records->Next()) {
    if (records->position() >= end) return absl::OkStatus();
    const std::string_view bytes = records->bytes();
    if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return Unreadable(account_id, records->position());
    }
    KL_RETURN_IF_ERROR(visit(record));
  }
  return records->status();
}

// The snapshot, unless it holds records at or past `end`.
absl::StatusOr<domain::AccountState> SnapshotBelow(const store::ShardStore& store, const std::string& account_id,
                                                   uint64_t end) {
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> snapshot, store.GetSnapshot(account_id));
  if (!snapshot.has_value()) return domain::AccountState();
  absl::StatusOr<domain::AccountState> decoded = domain::DecodeState(*snapshot);
  // One of another format is ignored: the stream holds everything.
  if (!decoded.ok() || decoded->next_revision == 0) return domain::AccountState();
  KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> last, store.PositionOf(account_id, decoded->next_revision - 1));
  if (!last.has_value() || *last >= end) return domain::AccountState();
  return *std::move(decoded);
}

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

absl::StatusOr<std::optional<domain::AccountState>> FoldAccountBelow(const store::ShardStore& store,
                                                                     const std::string& account_id, uint64_t end) {
  KL_ASSIGN_OR_RETURN(domain::AccountState state, SnapshotBelow(store, account_id, end));
  KL_RETURN_IF_ERROR(
      ForEachRecord(store, account_id, state.next_revision, end, [&](const events::v1::EventRecord& record) {
        if (record.revision() != state.next_revision) return Unreadable(account_id, record.position());
        return domain::Evolve(state, record.event(), domain::MicrosOf(record.occurred_time()));
      }));
  if (state.next_revision == 0) return std::nullopt;
  return state;
}

absl::StatusOr<std::optional<domain::AccountState>> FoldForReview(const store::ShardStore& store,
                                                                  const std::string& account_id, uint64_t end,
                                                                  Micros as_of) {
  KL_ASSIGN_OR_RETURN(std::optional<domain::AccountState> now, FoldAccountBelow(store, account_id, end));
  // The usual case: nothing has occurred since.
  if (!now.has_value() || now->clock < as_of) return now;
  if (now->open_time >= as_of) return std::nullopt;
  domain::AccountState then;
  KL_RETURN_IF_ERROR(ForEachRecord(store, account_id, 0, end, [&](const events::v1::EventRecord& record) {
    const Micros occurred = domain::MicrosOf(record.occurred_time());
    if (occurred >= as_of || !domain::IsMeasuredEvent(record.event())) return absl::OkStatus();
    // What lies between is left out; a return still finds its purchase behind it.
    then.next_revision = record.revision();
    return domain::EvolveWithoutPoints(then, record.event(), occurred);
  }));
  if (then.lifecycle == domain::Lifecycle::kNone) return std::nullopt;
  then.next_revision = now->next_revision;
  then.tier = std::move(now->tier);
  then.tier_lock = std::move(now->tier_lock);
  return then;
}

}  // namespace keyledger::shard

#include "projections/accesses/accesses_queries.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "projections/accesses/accesses_rows.h"
#include "server/base/codec.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

absl::Status Damaged(uint32_t shard) {
  return MakeError(
      Reason::kStoreDamaged,
      fmt::format("the rows of projection accesses on shard {} are unreadable; rebuild the projection", shard));
}

// A reading's place in the listing.
struct Place {
  Micros time = 0;
  uint32_t shard = 0;
  uint64_t position = 0;

  // Whether it is listed before the other: later, then of a lower shard, then at a higher position.
  bool Precedes(const Place& other) const {
    return std::tuple(other.time, shard, other.position) < std::tuple(time, other.shard, position);
  }
};

std::string FormatPlace(const Place& place) {
  std::string text;
  PutOrdered64(text, place.time);
  PutBigEndian32(text, place.shard);
  PutBigEndian64(text, place.position);
  return text;
}

std::optional<Place> ParsePlace(std::string_view text) {
  Place place;
  const bool good = GetOrdered64(text, place.time) && GetBigEndian32(text, place.shard) &&
                    GetBigEndian64(text, place.position) && text.empty();
  return good ? std::optional(place) : std::nullopt;
}

// Walks what an id is found by on one shard, newest first.
class ShardAccesses {
 public:
  // Starts at the first reading recorded before `to` that follows `after` in the listing.
  ShardAccesses(const store::TableReader& rows, uint32_t shard, std::string_view prefix, Micros to,
                const std::optional<Place>& after)
      : row_(rows.NewIterator()), prefix_(prefix), shard_(shard) {
    constexpr uint64_t kLast = std::numeric_limits<uint64_t>::max();
    // The readings of `to` itself end at position 0; the next key belongs to an earlier time.
    Place from{to, shard, 0};
    bool exclusive = true;
    if (after.has_value() && after->time < to) {
      from = {after->time, shard, shard > after->shard ? kLast : shard == after->shard ? after->position : 0};
      exclusive = shard <= after->shard;
    }
    const std::string key = AccessIndexKey(prefix_, from.time, from.position);
    row_->Seek(key);
    if (exclusive && row_->Valid() && row_->key() == key) row_->Next();
    good_ = Read();
  }

  // False if a key is damaged.
  bool good() const { return good_; }
  // Nothing at the end.
  const std::optional<Place>& place() const { return place_; }
  absl::Status status() const { return row_->status(); }
  void Next() {
    row_->Next();
    good_ = Read();
  }

 private:
  bool Read() {
    place_.reset();
    if (!row_->Valid() || !row_->key().starts_with(prefix_)) return true;
    Place place{0, shard_, 0};
    if (!ParseAccessPlace(row_->key().substr(prefix_.size()), place.time, place.position)) return false;
    place_ = place;
    return true;
  }

  std::unique_ptr<store::RowIterator> row_;
  std::string prefix_;
  uint32_t shard_;
  std::optional<Place> place_;
  bool good_ = true;
};

size_t SizeOf(const DataAccess& access) {
  size_t bytes = access.reader.size() + access.purpose.size() + access.account_id.size() + access.method.size() + 32;
  for (const std::string& subject : access.subject_ids) bytes += subject.size() + 2;
  return bytes;
}

}  // namespace

absl::StatusOr<AccessPage> ListDataAccesses(const std::vector<const store::TableReader*>& shards,
                                            const AccessQuery& query, size_t page_size, std::string_view continuation) {
  std::optional<Place> after;
  if (!continuation.empty()) {
    after = ParsePlace(continuation);
    if (!after.has_value()) return MakeError(Reason::kInvalidToken, "the page token is not one of this listing");
  }
  const std::string prefix = AccessIndexPrefix(query.by, query.id);
  std::vector<ShardAccesses> walks;
  walks.reserve(shards.size());
  for (uint32_t shard = 0; shard < shards.size(); ++shard) {
    walks.emplace_back(*shards[shard], shard, prefix, query.to, after);
  }
  AccessPage page;
  size_t bytes = 0;
  for (;;) {
    ShardAccesses* first = nullptr;
    for (uint32_t shard = 0; shard < walks.size(); ++shard) {
      ShardAccesses& walk = walks[shard];
      KL_RETURN_IF_ERROR(walk.status());
      if (!walk.good()) return Damaged(shard);
      if (walk.place().has_value() && (first == nullptr || walk.place()->Precedes(*first->place()))) first = &walk;
    }
    if (first == nullptr || first->place()->time < query.from) return page;
    if (page.accesses.size() == page_size || bytes >= kAccessPageBytesMax) {
      const DataAccess& last = page.accesses.back();
      page.continuation = FormatPlace({last.record_time, last.shard, last.position});
      return page;
    }
    const Place place = *first->place();
    KL_ASSIGN_OR_RETURN(const std::optional<std::string> row, shards[place.shard]->Get(AccessKey(place.position)));
    DataAccess access;
    if (!row.has_value() || !DecodeAccess(*row, access)) return Damaged(place.shard);
    access.shard = place.shard;
    access.position = place.position;
    bytes += SizeOf(access);
    page.accesses.push_back(std::move(access));
    first->Next();
  }
}

}  // namespace keyledger::projections

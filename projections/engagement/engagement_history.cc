// See engagement_history.h.
#include "projections/engagement/engagement_history.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "projections/engagement/account_fold.h"
#include "projections/engagement/owner_index.h"
#include "projections/engine/row_key.h"
#include "server/base/check.h"
#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/items.h"

namespace keyledger::projections::engagement {
namespace {

// Rows that are stepped over one by one before it is cheaper to look for the next one wanted.
constexpr int kStepsBeforeSeek = 8;
// Accounts of a person asked of the index at once.
constexpr size_t kOwnedPerPage = 10'000;

// The latest entry that began by then; null: none.
template <class Entry>
const Entry* Latest(const std::vector<Entry>& entries, Micros time) {
  const auto after = std::upper_bound(entries.begin(), entries.end(), time,
                                      [](Micros moment, const Entry& entry) { return moment < entry.since; });
  return after == entries.begin() ? nullptr : &*std::prev(after);
}

std::string_view ValueAt(const std::vector<AttributeChange>& changes, Micros time) {
  const AttributeChange* change = Latest(changes, time);
  return change == nullptr ? std::string_view() : std::string_view(change->value);
}

// The iterators of one shard. Of a walk they only move forward, over all accounts; otherwise they go to whatever
// account is asked for.
class ShardRows {
 public:
  ShardRows(const store::TableReader& shard, bool walks)
      : walks_(walks),
        rows_(walks ? shard.NewScan() : shard.NewIterator()),
        items_(walks ? shard.NewScan() : shard.NewIterator()) {
    if (!walks) return;
    rows_->Seek(kFirstAccountKey);
    items_->Seek(std::string_view(&kItemSpace, 1));
  }

  store::RowIterator& rows() { return *rows_; }
  store::RowIterator& items() { return *items_; }

  // Goes to the first row with key >= `key` of another account than before.
  void SeekAccount(store::RowIterator& rows, std::string_view key) const {
    if (walks_) {
      SeekForward(rows, key);
    } else {
      rows.Seek(key);
    }
  }

  // Goes to the first row with key >= `key`. Requires: every row before the one that the iterator stands on is less.
  static void SeekForward(store::RowIterator& rows, std::string_view key) {
    for (int step = 0; step < kStepsBeforeSeek; ++step) {
      if (!rows.Valid() || rows.key() >= key) return;
      rows.Next();
    }
    if (rows.Valid() && rows.key() < key) rows.Seek(key);
  }

 private:
  const bool walks_;
  std::unique_ptr<store::RowIterator> rows_;
  std::unique_ptr<store::RowIterator> items_;
};

void SortRows(std::vector<HistoryRow>& rows) {
  std::stable_sort(rows.begin(), rows.end(), [](const HistoryRow& a, const HistoryRow& b) {
    return a.times.occurred != b.times.occurred ? a.times.occurred < b.times.occurred : a.account < b.account;
  });
}

}  // namespace

std::string_view EngagementHistory::RegionAt(Micros time) const { return ValueAt(regions, time); }
std::string_view EngagementHistory::SegmentAt(Micros time) const { return ValueAt(segments, time); }
std::string_view EngagementHistory::NameAt(Micros time) const { return ValueAt(names, time); }

const FactChange* EngagementHistory::FactAt(std::string_view key, Micros time) const {
  const auto found = facts.find(key);
  if (found == facts.end()) return nullptr;
  const FactChange* change = Latest(found->second, time);
  return change == nullptr || change->removed ? nullptr : change;
}

std::string_view EngagementHistory::TierAt(Micros time) const {
  const TierHeld* held = Latest(tiers, time);
  return held == nullptr ? std::string_view() : std::string_view(held->tier_id);
}

std::optional<Life> EngagementHistory::LifeAt(Micros time) const {
  const LifeChange* change = Latest(life, time);
  return change == nullptr ? std::nullopt : std::optional<Life>(change->life);
}

std::optional<Micros> EngagementHistory::opened() const {
  return life.empty() ? std::nullopt : std::optional<Micros>(life.front().since);
}

bool EngagementHistory::HoldsRoleAt(std::string_view person, std::string_view role, Micros time) const {
  return std::any_of(roles.begin(), roles.end(), [&](const RoleHeld& held) {
    return held.since <= time && time < held.until && held.person == person && held.role == role;
  });
}

bool EngagementHistory::HoldsAnyRoleAt(std::string_view person, Micros time) const {
  return std::any_of(roles.begin(), roles.end(), [&](const RoleHeld& held) {
    return held.since <= time && time < held.until && held.person == person;
  });
}

std::vector<std::string_view> EngagementHistory::HoldersAt(std::string_view role, Micros time) const {
  std::vector<std::string_view> holders;
  for (const RoleHeld& held : roles) {
    if (held.since <= time && time < held.until && held.role == role) holders.push_back(held.person);
  }
  std::sort(holders.begin(), holders.end());
  return holders;
}

std::string_view EngagementHistory::OwnerAt(Micros time) const {
  const auto held = std::find_if(roles.begin(), roles.end(), [&](const RoleHeld& role) {
    return role.since <= time && time < role.until && role.role == kOwnerRole;
  });
  return held == roles.end() ? std::string_view() : std::string_view(held->person);
}

const EngagementHistory& EngagementHistory::JudgeOf(uint32_t account, Micros time) const {
  if (account == 0 || pasts[account - 1].LifeAt(time) == Life::kMerged) return *this;
  return pasts[account - 1];
}

std::string EngagementHistory::ContactName(uint32_t account, std::string_view contact_id) const {
  if (account == 0 || contact_id.empty()) return std::string(contact_id);
  return fmt::format("{}:{}", absorbed[account - 1], contact_id);
}

class EngagementScan::Impl {
 public:
  Impl(const std::vector<const store::TableReader*>& shards, const EngagementScope& scope, const EngagementParts& parts)
      : shards_(shards), scope_(scope), parts_(parts), points_(shards.size()) {}

  absl::Status ReadMerges() {
    std::string first(1, kIndexSpace);
    first.push_back(kMergeTag);
    for (const store::TableReader* shard : shards_) {
      const auto row = shard->NewIterator();
      for (row->Seek(first); row->Valid() && row->key().starts_with(first); row->Next()) {
        std::string_view source;
        RowTimes times;
        events::v1::Event event;
        if (!TakeMergeKey(row->key(), source, times) || !TakeRow(row->value(), times, event)) {
          return UnreadableRow(source);
        }
        if (InScope(times)) merged_[std::string(source)] = event.account_merge_completed().into_account_id();
      }
      KL_RETURN_IF_ERROR(row->status());
    }
    for (const auto& [source, target] : merged_) sources_[std::string(Final(source))].push_back(source);
    return absl::OkStatus();
  }

  // The account that one was merged into in the end; empty: it was not.
  std::string_view Final(std::string_view account_id) const {
    std::string_view last;
    auto found = merged_.find(account_id);
    // An account that ended takes no other in, so the way has an end; a damaged one must have one, too.
    for (size_t step = 0; step < merged_.size() && found != merged_.end(); ++step) {
      last = found->second;
      found = merged_.find(last);
    }
    return last;
  }

  absl::Status Walk(const Visitor& visit) {
    std::vector<ShardRows> walks;
    std::vector<std::string> ids;
    // Places in `walks`, as a heap: the shard with the first account is in front.
    std::vector<size_t> heap;
    for (size_t shard = 0; shard < shards_.size(); ++shard) {
      ShardRows& walk = walks.emplace_back(*shards_[shard], true);
      KL_RETURN_IF_ERROR(AccountAt(walk.rows(), ids.emplace_back()));
      if (!ids.back().empty()) heap.push_back(shard);
    }
    const auto later = [&ids](size_t a, size_t b) { return ids[a] > ids[b]; };
    std::make_heap(heap.begin(), heap.end(), later);
    for (uint64_t accounts = 0; !heap.empty(); ++accounts) {
      KL_RETURN_IF_ERROR(CheckWanted(accounts));
      std::pop_heap(heap.begin(), heap.end(), later);
      const size_t shard = heap.back();
      if (merged_.find(ids[shard]) == merged_.end()) {
        KL_RETURN_IF_ERROR(LoadJoined(ids[shard], walks[shard]));
        KL_RETURN_IF_ERROR(Show(visit));
      }
      ShardRows::SeekForward(walks[shard].rows(), AfterAccount(ids[shard]));
      KL_RETURN_IF_ERROR(AccountAt(walks[shard].rows(), ids[shard]));
      if (ids[shard].empty()) {
        heap.pop_back();
      } else {
        std::push_heap(heap.begin(), heap.end(), later);
      }
    }
    return absl::OkStatus();
  }

  absl::Status WalkItems(const Visitor& visit) {
    std::set<std::string, std::less<>> ids;
    const std::string first(1, kItemSpace);
    for (const store::TableReader* shard : shards_) {
      const auto row = shard->NewScan();
      row->Seek(first);
      while (row->Valid() && row->key().starts_with(first)) {
        ItemRow item;
        if (!TakeItemKey(row->key(), item)) return UnreadableRow("");
        AddId(item.account_id, ids);
        ShardRows::SeekForward(*row, first + AfterAccount(item.account_id));
      }
      KL_RETURN_IF_ERROR(row->status());
    }
    return Visit(ids, visit);
  }

  absl::Status WalkOwned(std::string_view person, const Visitor& visit) {
    std::set<std::string, std::less<>> ids;
    for (const store::TableReader* shard : shards_) {
      std::vector<std::string> page;
      do {
        const std::string after = page.empty() ? "" : page.back();
        KL_ASSIGN_OR_RETURN(page, ListOwned(*shard, person, OwnedBy::kName, after, kOwnedPerPage));
        for (const std::string& account_id : page) AddId(account_id, ids);
      } while (page.size() == kOwnedPerPage);
    }
    return Visit(ids, visit);
  }

  absl::Status Load(std::string_view account_id, const Visitor& visit) {
    if (merged_.find(account_id) != merged_.end()) return absl::OkStatus();
    KL_RETURN_IF_ERROR(LoadJoined(account_id, PointOf(account_id)));
    return Show(visit);
  }

  absl::Status LoadAlone(std::string_view account_id, const Visitor& visit) {
    history_ = {};
    any_ = false;
    history_.account_id.assign(account_id);
    KL_RETURN_IF_ERROR(LoadRows(account_id, 0, PointOf(account_id)));
    return Show(visit);
  }

 private:
  bool InScope(const RowTimes& times) const {
    return times.occurred < scope_.as_of && times.recorded < scope_.known_at;
  }

  absl::Status CheckWanted(uint64_t accounts) const {
    if (accounts % kAccountsBetweenChecks != 0 || !scope_.canceled || !scope_.canceled()) return absl::OkStatus();
    return absl::CancelledError("nobody waits for the answer any more");
  }

  // The account that the rows stand on; empty at the end.
  static absl::Status AccountAt(const store::RowIterator& rows, std::string& account_id) {
    account_id.clear();
    if (!rows.Valid()) return rows.status();
    RowKey key;
    if (!SplitRowKey(rows.key(), key)) return UnreadableRow("");
    account_id.assign(key.account_id);
    return absl::OkStatus();
  }

  void AddId(std::string_view account_id, std::set<std::string, std::less<>>& ids) const {
    const std::string_view last = Final(account_id);
    ids.emplace(last.empty() ? account_id : last);
  }

  absl::Status Visit(const std::set<std::string, std::less<>>& ids, const Visitor& visit) {
    uint64_t accounts = 0;
    for (const std::string& id : ids) {
      KL_RETURN_IF_ERROR(CheckWanted(accounts++));
      KL_RETURN_IF_ERROR(Load(id, visit));
    }
    return absl::OkStatus();
  }

  // Iterators for single accounts of a shard; made when first wanted.
  ShardRows& PointOf(std::string_view account_id) {
    const uint32_t shard = ShardOf(account_id, static_cast<uint32_t>(shards_.size()));
    if (points_[shard] == nullptr) points_[shard] = std::make_unique<ShardRows>(*shards_[shard], false);
    return *points_[shard];
  }

  absl::Status LoadJoined(std::string_view account_id, ShardRows& rows) {
    history_ = {};
    any_ = false;
    history_.account_id.assign(account_id);
    const auto joined = sources_.find(account_id);
    if (joined != sources_.end()) history_.absorbed = joined->second;
    KL_RETURN_IF_ERROR(LoadRows(account_id, 0, rows));
    for (uint32_t number = 0; number < history_.absorbed.size(); ++number) {
      const std::string& source = history_.absorbed[number];
      KL_RETURN_IF_ERROR(LoadRows(source, number + 1, PointOf(source)));
    }
    if (!history_.absorbed.empty()) {
      for (auto* list : {&history_.contacts, &history_.interactions, &history_.knowledge, &history_.trades,
                         &history_.given, &history_.timeline}) {
        SortRows(*list);
      }
    }
    return absl::OkStatus();
  }

  // Reads the rows of one account into the history.
  absl::Status LoadRows(std::string_view account_id, uint32_t account, ShardRows& rows) {
    account_ = account;
    loading_ = account_id;
    retracted_.clear();
    StartRowKey(head_, account_id, static_cast<char>(RowTag::kRetraction));
    rows.SeekAccount(rows.rows(), head_);
    // In the order of the tags: the iterator goes forward only.
    KL_RETURN_IF_ERROR(Range(rows.rows(), RowTag::kRetraction, "", [&](std::string_view rest, HistoryRow& row) {
      uint64_t position = 0;
      if (!GetBigEndian64(rest, position)) return false;
      if (row.times.recorded < scope_.known_at) retracted_.insert(position);
      return true;
    }));
    std::vector<HistoryRow> own;
    KL_RETURN_IF_ERROR(Rows(rows.rows(), RowTag::kAccount, own));
    KL_RETURN_IF_ERROR(Rows(rows.rows(), RowTag::kTier, own));
    any_ = any_ || !own.empty();
    FoldAccount(std::move(own), account == 0 ? history_ : history_.pasts.emplace_back());
    if (parts_.contacts) KL_RETURN_IF_ERROR(Rows(rows.rows(), RowTag::kContact, history_.contacts));
    const size_t steps_before = history_.next_steps.size();
    if (parts_.next_steps) KL_RETURN_IF_ERROR(NextSteps(rows.rows()));
    if (parts_.interactions) {
      Micros from = parts_.interactions_from;
      for (size_t i = steps_before; i < history_.next_steps.size(); ++i) {
        from = std::min(from, history_.next_steps[i].times.occurred);
      }
      KL_RETURN_IF_ERROR(Rows(rows.rows(), RowTag::kInteraction, history_.interactions, from));
    }
    if (parts_.knowledge) KL_RETURN_IF_ERROR(Rows(rows.rows(), RowTag::kKnowledge, history_.knowledge));
    if (parts_.trades) KL_RETURN_IF_ERROR(Rows(rows.rows(), RowTag::kTrade, history_.trades));
    if (parts_.given) KL_RETURN_IF_ERROR(Rows(rows.rows(), RowTag::kGiven, history_.given));
    if (parts_.timeline) KL_RETURN_IF_ERROR(Timeline(rows.rows()));
    if (parts_.items) KL_RETURN_IF_ERROR(Items(rows));
    return absl::OkStatus();
  }

  // Hands the rows with the tag, from the key with `from` after the tag on, to `take` as (rest of the key, row) ->
  // bool.
  template <class Take>
  absl::Status Range(store::RowIterator& rows, RowTag tag, std::string_view from, const Take& take) {
    StartRowKey(head_, loading_, static_cast<char>(tag));
    ShardRows::SeekForward(rows, from.empty() ? head_ : head_ + std::string(from));
    for (; rows.Valid() && rows.key().starts_with(head_); rows.Next()) {
      const std::string_view rest = rows.key().substr(head_.size());
      HistoryRow row;
      row.account = account_;
      if (!TakeTimes(rest, row.times)) return UnreadableRow(loading_);
      if (tag == RowTag::kTimeline) {
        if (!TakeTimelineRow(rows.value(), row.times, row.kind)) return UnreadableRow(loading_);
      } else if (row.times.occurred < scope_.as_of || tag == RowTag::kRetraction) {
        if (!TakeRow(rows.value(), row.times, row.event)) return UnreadableRow(loading_);
        row.kind = static_cast<int>(row.event.payload_case());
      } else {
        continue;
      }
      if (!take(rest, row)) return UnreadableRow(loading_);
    }
    return rows.status();
  }

  absl::Status Rows(store::RowIterator& rows, RowTag tag, std::vector<HistoryRow>& out, Micros from = kBeginning) {
    std::string start;
    if (from != kBeginning) PutOrdered64(start, from);
    return Range(rows, tag, start, [&](std::string_view, HistoryRow& row) {
      if (InScope(row.times) && !retracted_.contains(row.times.position)) out.push_back(std::move(row));
      return true;
    });
  }

  absl::Status NextSteps(store::RowIterator& rows) {
    return Rows(rows, RowTag::kNextStep, history_.next_steps, parts_.next_due_from);
  }

  absl::Status Timeline(store::RowIterator& rows) {
    return Range(rows, RowTag::kTimeline, "", [&](std::string_view, HistoryRow& row) {
      if (!InScope(row.times)) return true;
      row.retracted = retracted_.contains(row.times.position);
      history_.timeline.push_back(std::move(row));
      return true;
    });
  }

  absl::Status Items(ShardRows& shard) {
    store::RowIterator& rows = shard.items();
    std::string head(1, kItemSpace);
    head.append(loading_).push_back('\0');
    const auto first = static_cast<std::ptrdiff_t>(history_.items.size());
    std::map<std::pair<uint8_t, std::string>, size_t> found;
    for (shard.SeekAccount(rows, head); rows.Valid() && rows.key().starts_with(head); rows.Next()) {
      ItemRow item;
      HistoryRow row;
      if (!TakeItemKey(rows.key(), item)) return UnreadableRow(loading_);
      row.account = account_;
      row.times = item.times;
      if (!TakeRow(rows.value(), row.times, row.event)) return UnreadableRow(loading_);
      // By when each holds they are cut below.
      if (row.times.recorded >= scope_.known_at) continue;
      // A step that was taken back was decided all the same: what it ended stays ended. A forecast is no step.
      if (item.kind == kForecastRows && retracted_.contains(row.times.position)) continue;
      row.kind = static_cast<int>(row.event.payload_case());
      const auto [at, added] = found.try_emplace({item.kind, std::string(item.item_id)}, history_.items.size());
      if (added) history_.items.push_back({account_, item.kind, std::string(item.item_id), {}});
      history_.items[at->second].rows.push_back(std::move(row));
    }
    KL_RETURN_IF_ERROR(rows.status());
    std::sort(history_.items.begin() + first, history_.items.end(), [](const HistoryItem& a, const HistoryItem& b) {
      return a.kind != b.kind ? a.kind < b.kind : a.item_id < b.item_id;
    });
    for (size_t i = static_cast<size_t>(first); i < history_.items.size(); ++i) {
      std::sort(history_.items[i].rows.begin(), history_.items[i].rows.end(),
                [](const HistoryRow& a, const HistoryRow& b) { return a.times.position < b.times.position; });
      CutItem(history_.items[i]);
    }
    std::erase_if(history_.items, [](const HistoryItem& item) { return item.rows.empty(); });
    return absl::OkStatus();
  }

  // Leaves of an item what holds before as_of. A step holds from when it occurred, but from no earlier than the one
  // before: one entered late stays out while that does, and what is left is a beginning of the item's steps.
  void CutItem(HistoryItem& item) const {
    Micros since = kBeginning;
    std::erase_if(item.rows, [&](const HistoryRow& row) {
      const std::optional<domain::ItemStep> step = domain::ItemStepOf(row.event);
      const bool goes_on = step.has_value() && RowsOf(step->kind) == item.kind && !domain::Opens(*step);
      since = goes_on ? std::max(since, row.times.occurred) : row.times.occurred;
      return since >= scope_.as_of;
    });
  }

  bool Passes() const {
    const PopulationFilter& filter = scope_.filter;
    return (filter.region.empty() || RegionContains(filter.region, history_.RegionAt(kNoEnd))) &&
           (filter.segment.empty() || filter.segment == history_.SegmentAt(kNoEnd)) &&
           (filter.owner.empty() || filter.owner == OwnerNow()) &&
           (filter.club_id.empty() || history_.clubs.contains(filter.club_id)) &&
           (filter.tier_id.empty() || filter.tier_id == history_.TierAt(kNoEnd));
  }

  std::string_view OwnerNow() const {
    // A role that is held ends at kNoEnd, exclusive.
    return history_.OwnerAt(kNoEnd - 1);
  }

  absl::Status Show(const Visitor& visit) { return any_ && Passes() ? visit(history_) : absl::OkStatus(); }

  const std::vector<const store::TableReader*>& shards_;
  const EngagementScope& scope_;
  const EngagementParts parts_;
  // By shard.
  std::vector<std::unique_ptr<ShardRows>> points_;
  // In scope: source to target, and final target to all sources, in byte order.
  std::map<std::string, std::string, std::less<>> merged_;
  std::map<std::string, std::vector<std::string>, std::less<>> sources_;

  EngagementHistory history_;
  bool any_ = false;
  // Of the account whose rows are being read.
  std::string_view loading_;
  uint32_t account_ = 0;
  std::set<uint64_t> retracted_;
  std::string head_;
};

EngagementScan::EngagementScan(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EngagementScan::EngagementScan(EngagementScan&&) noexcept = default;
EngagementScan::~EngagementScan() = default;

absl::StatusOr<EngagementScan> EngagementScan::Open(const std::vector<const store::TableReader*>& shards,
                                                    const EngagementScope& scope, const EngagementParts& parts) {
  auto impl = std::make_unique<Impl>(shards, scope, parts);
  KL_RETURN_IF_ERROR(impl->ReadMerges());
  return EngagementScan(std::move(impl));
}

absl::Status EngagementScan::Walk(const Visitor& visit) { return impl_->Walk(visit); }
absl::Status EngagementScan::WalkItems(const Visitor& visit) { return impl_->WalkItems(visit); }
absl::Status EngagementScan::WalkOwned(std::string_view person, const Visitor& visit) {
  return impl_->WalkOwned(person, visit);
}
absl::Status EngagementScan::Load(std::string_view account_id, const Visitor& visit) {
  return impl_->Load(account_id, visit);
}
absl::Status EngagementScan::LoadAlone(std::string_view account_id, const Visitor& visit) {
  return impl_->LoadAlone(account_id, visit);
}
std::string_view EngagementScan::MergedInto(std::string_view account_id) const { return impl_->Final(account_id); }

}  // namespace keyledger::projections::engagement

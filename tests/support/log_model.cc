#include "tests/support/log_model.h"

#include <charconv>

#include <fmt/format.h>

#include "keyledger/storage/v1/store_rows.pb.h"
#include "server/base/error.h"

namespace keyledger::testing {
namespace {

bool TakeNumber(std::string_view& text, uint64_t& number) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(result.ptr - text.data()));
  if (text.empty() || text[0] != '|') return false;
  text.remove_prefix(1);
  return true;
}

bool TakeText(std::string_view& text, std::string& part) {
  const size_t bar = text.find('|');
  if (bar == std::string_view::npos) return false;
  part = text.substr(0, bar);
  text.remove_prefix(bar + 1);
  return true;
}

}  // namespace

store::CommitGroup LogModel::NextGroup(size_t requests) {
  store::CommitGroup group;
  group.first_position = records_.size();
  auto revisions = revisions_;
  auto tree = tree_;
  std::map<std::string, Micros> timers = timers_;
  for (size_t r = 0; r < requests; ++r) {
    const std::string account = fmt::format("account-{}", random_() % 16);
    const std::string request = fmt::format("request-{}-{}", group.first_position, r);
    const uint64_t first = group.first_position + group.records.size();
    const uint64_t records = 1 + random_() % 3;
    for (uint64_t i = 0; i < records; ++i) {
      const uint64_t position = first + i;
      const uint64_t revision = revisions[account]++;
      std::string bytes = fmt::format("{}|{}|{}|{}|", position, account, revision, request);
      const size_t padding = random_() % 40 == 0 ? 50'000 : random_() % 300;
      for (size_t b = 0; b < padding; ++b) bytes.push_back(static_cast<char>(random_()));
      std::vector<merkle::FullTile> full;
      tree.Append(merkle::LeafHash(bytes), full);
      for (auto& tile : full) group.tiles.push_back({tile.level, tile.index, std::move(tile.hashes)});
      group.records.push_back({account, revision, std::move(bytes)});
    }
    storage::v1::RequestResult result;
    result.set_first_position(first);
    result.set_record_count(static_cast<uint32_t>(records));
    result.add_fact_offsets(0);
    result.set_revision(revisions[account] - 1);
    group.requests.push_back({account, request, result.SerializeAsString()});
    group.uniques.push_back({fmt::format("invoice/{}", first), first});
    if (random_() % 8 == 0) group.snapshots.push_back({account, fmt::format("state at {}", revisions[account])});
    if (const auto timer = timers.find(account); timer != timers.end()) {
      // Set earlier in this group or before it; clearing what this group sets would set it after all.
      std::erase(group.timers_set, store::TimerEntry{timer->second, account});
      if (timers_.contains(account) && timers_.at(account) == timer->second) {
        group.timers_cleared.push_back({timer->second, account});
      }
    }
    timers[account] = static_cast<Micros>(first) * 1000;
    group.timers_set.push_back({timers[account], account});
  }
  return group;
}

void LogModel::Accept(const store::CommitGroup& group) {
  std::vector<merkle::FullTile> full;
  for (const auto& record : group.records) {
    tree_.Append(merkle::LeafHash(record.bytes), full);
    records_.push_back(record.bytes);
    revisions_[record.account_id] = record.revision + 1;
  }
  for (const auto& timer : group.timers_set) timers_[timer.account_id] = timer.due;
}

std::string LogModel::Compare(const store::ShardStore& store) const {
  if (store.record_count() != records_.size()) {
    return fmt::format("{} records, not {}", store.record_count(), records_.size());
  }
  const auto it = store.ReadRecords(0, store.record_count());
  while (it->Next()) {
    if (it->bytes() != records_[it->position()]) return fmt::format("record {} differs", it->position());
  }
  if (!it->status().ok()) return MessageOf(it->status());
  const auto timers = store.ListTimers(INT64_MAX, SIZE_MAX);
  if (!timers.ok()) return MessageOf(timers.status());
  if (timers->size() != timers_.size()) return fmt::format("{} timers, not {}", timers->size(), timers_.size());
  for (const auto& timer : *timers) {
    if (timers_.at(timer.account_id) != timer.due) return fmt::format("timer of '{}' differs", timer.account_id);
  }
  const auto report = VerifyModelStore(store);
  return report.ok() ? std::string() : report.problems[0];
}

absl::StatusOr<store::RecordClaims> ReadModelRecord(std::string_view bytes) {
  store::RecordClaims claims;
  if (!TakeNumber(bytes, claims.position) || !TakeText(bytes, claims.account_id) ||
      !TakeNumber(bytes, claims.revision) || !TakeText(bytes, claims.request_id)) {
    return MakeError(Reason::kStoreDamaged, "does not parse");
  }
  return claims;
}

store::VerifyReport VerifyModelStore(const store::ShardStore& store) {
  merkle::Tree tree;
  store::VerifyOptions options;
  options.read_record = [&](uint64_t, std::string_view bytes) -> absl::StatusOr<store::RecordClaims> {
    std::vector<merkle::FullTile> full;
    tree.Append(merkle::LeafHash(bytes), full);
    for (const auto& tile : full) {
      KL_ASSIGN_OR_RETURN(const auto stored, store.GetTile(tile.level, tile.index));
      if (stored != tile.hashes) {
        return MakeError(Reason::kStoreDamaged,
                         fmt::format("tile {}/{} is not the one of the records", tile.level, tile.index));
      }
    }
    return ReadModelRecord(bytes);
  };
  return store::VerifyStore(store, options);
}

}  // namespace keyledger::testing

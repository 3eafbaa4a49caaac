// See account_reader.h.
#include "server/shard/account_reader.h"

#include <utility>

#include <fmt/format.h>

#include "server/base/ids.h"
#include "server/domain/evolve.h"
#include "server/domain/proto_time.h"
#include "server/domain/review.h"

namespace keyledger::shard {
namespace {

// The snapshot, unless it holds records at or past `end`.
absl::StatusOr<domain::AccountState> SnapshotBelow(const store::ShardStore& store, std::string_view account_id,
                                                   uint64_t end) {
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> snapshot, store.GetSnapshot(account_id));
  if (!snapshot.has_value()) return domain::AccountState();
  absl::StatusOr<domain::AccountState> decoded = domain::DecodeState(*snapshot);
  // One of another format is ignored: the stream holds everything.
  if (!decoded.ok() || decoded->next_revision == 0) return domain::AccountState();
  if (end != kHead) {
    KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> last, store.PositionOf(account_id, decoded->next_revision - 1));
    if (!last.has_value() || *last >= end) return domain::AccountState();
  }
  return *std::move(decoded);
}

}  // namespace

absl::Status UnreadableRecord(std::string_view stream, uint64_t position) {
  return MakeError(Reason::kStoreDamaged, fmt::format("record {} of '{}' cannot be read", position, stream));
}

absl::StatusOr<events::v1::EventRecord> ReadRecord(const store::ShardStore& store, std::string_view stream,
                                                   uint64_t revision) {
  KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> position, store.PositionOf(stream, revision));
  if (!position.has_value()) {
    return MakeError(Reason::kStoreDamaged, fmt::format("revision {} of '{}' is missing", revision, stream));
  }
  KL_ASSIGN_OR_RETURN(const std::string bytes, store.GetRecord(*position));
  events::v1::EventRecord record;
  if (!record.ParseFromString(bytes)) return UnreadableRecord(stream, *position);
  return record;
}

absl::StatusOr<std::optional<domain::AccountState>> FoldAccount(const store::ShardStore& store,
                                                                std::string_view account_id, uint64_t end,
                                                                uint64_t* snapshot_revision) {
  if (snapshot_revision != nullptr) *snapshot_revision = 0;
  if (IsOwnStream(account_id)) {
    // Not an account: all there is to know for writing to it is how long it is.
    KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> last, store.LastRevision(account_id));
    if (!last.has_value()) return std::nullopt;
    domain::AccountState length;
    length.next_revision = *last + 1;
    return length;
  }
  KL_ASSIGN_OR_RETURN(domain::AccountState state, SnapshotBelow(store, account_id, end));
  if (snapshot_revision != nullptr) *snapshot_revision = state.next_revision;
  const auto fold = [&](const events::v1::EventRecord& record) -> absl::StatusOr<bool> {
    if (record.revision() != state.next_revision) {
      return MakeError(Reason::kStoreDamaged,
                       fmt::format("account {}: record {} has revision {}, {} was expected", account_id,
                                   record.position(), record.revision(), state.next_revision));
    }
    KL_RETURN_IF_ERROR(domain::Evolve(state, record.event(), domain::MicrosOf(record.occurred_time())));
    return true;
  };
  KL_RETURN_IF_ERROR(ForEachRecord(store, account_id, state.next_revision, end, fold));
  if (state.next_revision == 0) return std::nullopt;
  if (!domain::LotsMatchTotals(state)) {
    return MakeError(Reason::kStoreDamaged,
                     fmt::format("account {}: its lots do not hold the points its totals say", account_id));
  }
  return state;
}

absl::StatusOr<std::optional<uint64_t>> FindMerge(const store::ShardStore& store, std::string_view account_id,
                                                  std::string_view event_id) {
  const auto records = store.ReadStream(account_id, 0, kHead, /*backwards=*/true);
  events::v1::EventRecord record;
  while (records->Next()) {
    const std::string_view bytes = records->bytes();
    if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return UnreadableRecord(account_id, records->position());
    }
    if (record.event().has_account_merged() && record.event_id() == event_id) return records->position();
  }
  KL_RETURN_IF_ERROR(records->status());
  return std::nullopt;
}

absl::StatusOr<std::optional<domain::AccountState>> FoldEarlier(const store::ShardStore& store,
                                                                std::string_view account_id, uint64_t end,
                                                                Micros as_of) {
  domain::AccountState state;
  uint64_t next_revision = 0;
  const auto fold = [&](const events::v1::EventRecord& record) -> absl::StatusOr<bool> {
    if (domain::MicrosOf(record.occurred_time()) < as_of) next_revision = record.revision() + 1;
    KL_RETURN_IF_ERROR(domain::FoldMeasured(state, record, as_of));
    return true;
  };
  KL_RETURN_IF_ERROR(ForEachRecord(store, account_id, 0, end, fold));
  if (state.lifecycle == domain::Lifecycle::kNone) return std::nullopt;
  state.next_revision = next_revision;
  return state;
}

}  // namespace keyledger::shard

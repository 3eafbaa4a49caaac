// Opening, writing and closing of the store. Reading is in shard_store_read.cc, tables in shard_store_tables.cc.
#include "server/store/shard_store.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <rocksdb/env.h>
#include <rocksdb/write_batch.h>

#include "keyledger/storage/v1/store_rows.pb.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/store/keys.h"
#include "server/store/rocks_status.h"
#include "server/store/shard_store_impl.h"

namespace keyledger::store {
namespace {

// How far the HEAD file may lag behind the log. A group costs one sync; every so often a HEAD costs two more.
constexpr uint64_t kHeadGroupsMax = 1024;
constexpr uint64_t kHeadRecordsMax = 16384;

constexpr int kDiskRetryMs = 5000;

// Checks a database that was not closed cleanly before anything may change it: recovery for writing turns the
// write-ahead log into table files and deletes it, and with it the evidence and whatever could still be rescued by
// hand.
absl::Status CheckBeforeRecovery(const StoreOptions& options, rocksdb::Env* env, const std::optional<HeadFile>& head,
                                 const WalEvidence& evidence) {
  KL_ASSIGN_OR_RETURN(const auto database, Database::Open(options, env, /*read_only=*/true));
  return CheckDatabase(*database, options, head, evidence).status();
}

absl::Status WriteIdentity(const Database& database, const StoreOptions& options) {
  storage::v1::StoreIdentity identity;
  identity.set_format(kFormatVersion);
  identity.set_ledger_id(options.ledger_id);
  identity.set_shard(options.shard);
  identity.set_shard_count(options.shard_count);
  rocksdb::WriteOptions write_options;
  write_options.sync = true;
  const rocksdb::Status status =
      database.db().Put(write_options, database.handle(Family::kMeta), kIdentityKey, identity.SerializeAsString());
  return status.ok() ? absl::OkStatus() : OpenError(options.path, status);
}

// Collects a batch and the first failure of building it.
class BatchBuilder {
 public:
  explicit BatchBuilder(const Database& database) : database_(database) {}

  void Put(Family family, std::string_view key, std::string_view value) {
    if (status_.ok()) status_ = batch_.Put(database_.handle(family), ToSlice(key), ToSlice(value));
  }
  void Delete(Family family, std::string_view key) {
    if (status_.ok()) status_ = batch_.Delete(database_.handle(family), ToSlice(key));
  }
  void Note(std::string_view note) {
    if (status_.ok()) status_ = batch_.PutLogData(ToSlice(note));
  }
  rocksdb::WriteBatch& batch() { return batch_; }
  const rocksdb::Status& status() const { return status_; }

 private:
  const Database& database_;
  rocksdb::WriteBatch batch_;
  rocksdb::Status status_;
};

// Rows in key order go into a memtable at less than half the cost: each lands beside the one before.
void PutStreams(const CommitGroup& group, BatchBuilder& builder) {
  std::vector<std::pair<std::string, uint64_t>> rows;
  rows.reserve(group.records.size());
  for (const RecordEntry& record : group.records) {
    rows.emplace_back(StreamKey(record.account_id, record.revision), group.first_position + rows.size());
  }
  std::sort(rows.begin(), rows.end());
  for (const auto& [key, position] : rows) builder.Put(Family::kStreams, key, PositionValue(position));
}

void PutRequests(const CommitGroup& group, BatchBuilder& builder) {
  std::vector<std::pair<std::string, std::string_view>> rows;
  rows.reserve(group.requests.size());
  for (const RequestEntry& request : group.requests) {
    rows.emplace_back(RequestKey(request.account_id, request.request_id), request.result);
  }
  std::sort(rows.begin(), rows.end());
  for (const auto& [key, result] : rows) builder.Put(Family::kRequests, key, result);
}

void PutUniques(const CommitGroup& group, BatchBuilder& builder) {
  std::vector<const UniqueEntry*> rows;
  rows.reserve(group.uniques.size());
  for (const UniqueEntry& unique : group.uniques) rows.push_back(&unique);
  std::sort(rows.begin(), rows.end(), [](const UniqueEntry* a, const UniqueEntry* b) { return a->key < b->key; });
  for (const UniqueEntry* unique : rows) builder.Put(Family::kUniques, unique->key, PositionValue(unique->position));
}

void BuildGroup(const CommitGroup& group, BatchBuilder& builder) {
  builder.Note(EncodeGroupNote(group.first_position));
  uint64_t position = group.first_position;
  for (const RecordEntry& record : group.records) {
    KL_CHECK(!record.account_id.empty());
    builder.Put(Family::kRecords, PositionKey(position), record.bytes);
    ++position;
  }
  PutStreams(group, builder);
  PutRequests(group, builder);
  PutUniques(group, builder);
  for (const SnapshotEntry& snapshot : group.snapshots) {
    builder.Put(Family::kSnapshots, snapshot.account_id, snapshot.state);
  }
  // Clearing comes first, so that a timer cleared and set again in one group is set.
  for (const TimerEntry& timer : group.timers_cleared)
    builder.Delete(Family::kTimers, TimerKey(timer.due, timer.account_id));
  for (const TimerEntry& timer : group.timers_set)
    builder.Put(Family::kTimers, TimerKey(timer.due, timer.account_id), "");
  for (const TileEntry& tile : group.tiles) builder.Put(Family::kTree, TileKey(tile.level, tile.index), tile.hashes);
  if (!group.records.empty()) {
    const RecordEntry& last = group.records.back();
    builder.Put(Family::kMeta, kHeadKey, EncodeHeadRow({position, last.revision, last.account_id}));
  }
}

bool IsSettingKey(std::string_view key) {
  if (key.empty() || key.size() > 64) return false;
  for (const char c : key) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.')) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ShardStore>> ShardStore::Open(const StoreOptions& options) {
  rocksdb::Env* const env = options.env != nullptr ? options.env : rocksdb::Env::Default();
  std::unique_ptr<StoreDirectory> directory;
  if (!options.read_only) {
    KL_ASSIGN_OR_RETURN(directory, StoreDirectory::Take(env, options.path));
  }
  KL_RETURN_IF_ERROR(CheckFilesPresent(env, options.path, options.read_only));
  KL_ASSIGN_OR_RETURN(const auto head, ReadHeadFile(env, options.path));
  KL_ASSIGN_OR_RETURN(const auto evidence, ReadWalEvidence(env, options.path));
  KL_ASSIGN_OR_RETURN(const bool unclean, HasWriteAheadLog(env, options.path));
  const bool exists = env->FileExists(options.path + "/CURRENT").ok();
  if (exists && !options.read_only) KL_RETURN_IF_ERROR(CutTornManifest(env, options.path));
  if (exists && unclean && !options.read_only) KL_RETURN_IF_ERROR(CheckBeforeRecovery(options, env, head, evidence));
  KL_ASSIGN_OR_RETURN(auto database, Database::Open(options, env, options.read_only));
  KL_ASSIGN_OR_RETURN(const DatabaseFindings findings, CheckDatabase(*database, options, head, evidence));
  if (!findings.has_identity) {
    if (options.read_only) return Damaged(options.path, "the identity row is missing: its creation was cut short");
    KL_RETURN_IF_ERROR(WriteIdentity(*database, options));
  }
  auto impl = std::make_unique<Impl>(options, env, std::move(directory), std::move(database));
  impl->record_count.store(findings.record_count, std::memory_order_release);
  impl->last_record_hash = findings.last_record_hash;
  const HeadFile now{findings.record_count, findings.last_record_hash};
  if (!options.read_only && head != now) KL_RETURN_IF_ERROR(WriteHeadFile(env, options.path, now));
  if (!options.read_only) static_cast<void>(env->DeleteFile(options.path + "/" + kTornManifest));
  impl->head = now;
  return std::unique_ptr<ShardStore>(new ShardStore(std::move(impl)));
}

ShardStore::ShardStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

// A clean close leaves nothing to replay. After a failure nothing more is written: what is on the disk is what the next
// opening has to judge.
ShardStore::~ShardStore() {
  Impl& impl = *impl_;
  if (impl.options.read_only || !impl.write_failure().ok()) return;
  if (impl.FlushAll().ok()) impl.WriteHead(record_count(), impl.last_record_hash);
}

absl::Status ShardStore::Impl::WriteSynced(rocksdb::WriteBatch& batch) {
  rocksdb::WriteOptions write_options;
  write_options.sync = true;
  const rocksdb::Status status = database->db().Write(write_options, &batch);
  if (status.ok()) return absl::OkStatus();
  const std::string text = status.ToString();
  MutexLock lock(mutex);
  if (failure.ok()) {
    failure =
        MakeError(Reason::kShardReadOnly,
                  fmt::format("shard {} takes no writes since one failed ({}): repair the cause and restart the server",
                              options.shard, text));
  }
  return MakeError(
      Reason::kCommitOutcomeUnknown,
      fmt::format(
          "the write failed and may or may not be there after a restart ({}): repeat it with the same request_id",
          text));
}

absl::Status ShardStore::Impl::CheckWritable() const {
  if (options.read_only) return MakeError(Reason::kShardReadOnly, "the store is open for reading only");
  KL_RETURN_IF_ERROR(write_failure());
  return CheckDiskReserve();
}

absl::Status ShardStore::Impl::CheckDiskReserve() const {
  if (options.disk_reserve_bytes == 0) return absl::OkStatus();
  uint64_t free_bytes = 0;
  // A file system that cannot tell is left to refuse the write itself.
  if (!env->GetFreeSpace(options.path, &free_bytes).ok() || free_bytes >= options.disk_reserve_bytes) {
    return absl::OkStatus();
  }
  absl::Status status =
      MakeError(Reason::kDiskNearlyFull,
                fmt::format("the file system of {} has {} bytes free, and {} are kept in reserve: make room",
                            options.path, free_bytes, options.disk_reserve_bytes));
  SetRetryDelayMs(status, kDiskRetryMs);
  return status;
}

void ShardStore::Impl::WriteHead(uint64_t count, uint64_t hash) {
  groups_since_head = 0;
  const HeadFile next{count, hash};
  if (next != head && WriteHeadFile(env, options.path, next).ok()) head = next;
}

absl::Status ShardStore::Impl::FlushAll() const {
  rocksdb::FlushOptions flush;
  flush.allow_write_stall = true;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  for (const Family family : kFamilies) handles.push_back(database->handle(family));
  MutexLock lock(tables_mutex);
  for (const auto& [name, handle] : closed_tables) handles.push_back(handle.get());
  for (const auto& [name, table] : tables) handles.push_back(table->handle());
  for (rocksdb::ColumnFamilyHandle* handle : handles) {
    if (auto status = database->db().Flush(flush, handle); !status.ok()) {
      return absl::UnavailableError(fmt::format("flush of {} failed: {}", handle->GetName(), status.ToString()));
    }
  }
  return absl::OkStatus();
}

absl::Status ShardStore::Append(const CommitGroup& group) {
  Impl& impl = *impl_;
  const uint64_t count = record_count();
  KL_CHECK(group.first_position == count);
  KL_RETURN_IF_ERROR(impl.CheckWritable());
  if (group.empty()) return absl::OkStatus();
  BatchBuilder builder(*impl.database);
  BuildGroup(group, builder);
  // Only memory could be short here, and nothing has been written.
  KL_CHECK(builder.status().ok());
  KL_RETURN_IF_ERROR(impl.WriteSynced(builder.batch()));
  if (group.records.empty()) return absl::OkStatus();
  const uint64_t new_count = count + group.records.size();
  impl.last_record_hash = RecordHash(group.records.back().bytes);
  impl.record_count.store(new_count, std::memory_order_release);
  if (++impl.groups_since_head >= kHeadGroupsMax || new_count - impl.head.record_count >= kHeadRecordsMax) {
    impl.WriteHead(new_count, impl.last_record_hash);
  }
  return absl::OkStatus();
}

uint64_t ShardStore::record_count() const { return impl_->record_count.load(std::memory_order_acquire); }

absl::Status ShardStore::write_status() const {
  if (impl_->options.read_only) return MakeError(Reason::kShardReadOnly, "the store is open for reading only");
  return impl_->write_failure();
}

uint64_t ShardStore::disk_bytes() const { return DirectoryBytes(impl_->env, impl_->options.path); }

absl::Status ShardStore::FlushAndCompact() {
  KL_RETURN_IF_ERROR(write_status());
  KL_RETURN_IF_ERROR(impl_->FlushAll());
  for (const Family family : kFamilies) {
    auto status = impl_->database->db().CompactRange(rocksdb::CompactRangeOptions(), impl_->database->handle(family),
                                                     nullptr, nullptr);
    if (status.IsCorruption()) return ReadError(FamilyName(family), status);
    if (!status.ok()) return absl::UnavailableError(fmt::format("compaction failed: {}", status.ToString()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> ShardStore::GetMeta(std::string_view key) const {
  if (!IsSettingKey(key)) return FieldError("key", "must be 1 to 64 of [a-z0-9_.]");
  return impl_->database->Get(Family::kMeta, kSettingPrefix + std::string(key), fmt::format("setting '{}'", key));
}

absl::Status ShardStore::PutMeta(std::string_view key, std::string_view value) {
  if (!IsSettingKey(key)) return FieldError("key", "must be 1 to 64 of [a-z0-9_.]");
  KL_RETURN_IF_ERROR(impl_->CheckWritable());
  BatchBuilder builder(*impl_->database);
  // RocksDB may write this batch and a group that comes at the same time as one entry, this one first.
  builder.Note(EncodeGroupNote(record_count()));
  builder.Put(Family::kMeta, kSettingPrefix + std::string(key), value);
  KL_CHECK(builder.status().ok());
  return impl_->WriteSynced(builder.batch());
}

}  // namespace keyledger::store

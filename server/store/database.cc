#include "server/store/database.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <rocksdb/env.h>

#include "keyledger/storage/v1/store_rows.pb.h"
#include "server/base/error.h"
#include "server/store/keys.h"
#include "server/store/rocks_options.h"
#include "server/store/rocks_status.h"
#include "server/store/table_file_check.h"

namespace keyledger::store {
namespace {

std::string RecordPlace(uint64_t position) { return fmt::format("record {}", position); }

// Names of all column families: those that are there and those that must be.
absl::StatusOr<std::vector<std::string>> ListFamilies(const StoreOptions& options, const rocksdb::DBOptions& db_options,
                                                      bool exists) {
  std::vector<std::string> names;
  if (exists) {
    auto status = rocksdb::DB::ListColumnFamilies(db_options, options.path, &names);
    if (!status.ok()) return OpenError(options.path, status);
  } else {
    names.push_back(rocksdb::kDefaultColumnFamilyName);
  }
  for (const Family family : kFamilies) {
    const std::string name(FamilyName(family));
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

absl::Status CheckIdentity(std::string_view row, const StoreOptions& options) {
  storage::v1::StoreIdentity identity;
  if (!identity.ParseFromArray(row.data(), static_cast<int>(row.size()))) {
    return Damaged(options.path, "the identity row does not parse");
  }
  const auto refuse = [&](std::string_view what, const auto& found, const auto& wanted) {
    return absl::FailedPreconditionError(
        fmt::format("the store at {} has {} {}, not {}", options.path, what, found, wanted));
  };
  if (identity.format() > kFormatVersion) {
    return absl::FailedPreconditionError(
        fmt::format("the store at {} has format {}, and this server knows formats up to {}: use a newer server",
                    options.path, identity.format(), kFormatVersion));
  }
  if (identity.ledger_id() != options.ledger_id) return refuse("ledger id", identity.ledger_id(), options.ledger_id);
  if (identity.shard() != options.shard) return refuse("shard", identity.shard(), options.shard);
  if (identity.shard_count() != options.shard_count) {
    return refuse("shard count", identity.shard_count(), options.shard_count);
  }
  return absl::OkStatus();
}

// The last record must be the one its account's stream and the head row end with: all three were written in one batch,
// so any other picture means that a column family has lost rows.
absl::Status CheckEnd(const Database& database, uint64_t record_count) {
  const std::string place = record_count == 0 ? std::string("the end of an empty log") : RecordPlace(record_count - 1);
  KL_ASSIGN_OR_RETURN(const auto row, database.Get(Family::kMeta, kHeadKey, "the head row"));
  if (!row.has_value()) {
    return record_count == 0 ? absl::OkStatus() : Damaged(place, "is the last one, but there is no head row");
  }
  const auto head = DecodeHeadRow(*row);
  if (!head.has_value()) return Damaged("the head row", "does not parse");
  if (head->record_count != record_count) {
    return Damaged(
        place, fmt::format("is the last place that is there, but the head row counts {} records", head->record_count));
  }
  KL_ASSIGN_OR_RETURN(const auto stream_row, database.Get(Family::kStreams, StreamKey(head->account_id, head->revision),
                                                          "the last stream row"));
  if (!stream_row.has_value() || ParsePositionValue(*stream_row) != record_count - 1) {
    return Damaged(place, fmt::format("is the last one, but revision {} of account '{}' is not at that position",
                                      head->revision, head->account_id));
  }
  std::unique_ptr<rocksdb::Iterator> it(
      database.db().NewIterator(rocksdb::ReadOptions(), database.handle(Family::kStreams)));
  it->Seek(StreamKey(head->account_id, head->revision + 1));
  if (!it->Valid()) return it->status().ok() ? absl::OkStatus() : ReadError("the streams", it->status());
  const auto next = ParseStreamKey(ToView(it->key()));
  if (next.has_value() && next->account_id == head->account_id) {
    return Damaged(place, fmt::format("is the last one, but account '{}' has revision {} beyond it", head->account_id,
                                      next->revision));
  }
  return absl::OkStatus();
}

// Positions from `from` on have no gap. The end has been found already.
absl::Status CheckGapless(const Database& database, uint64_t from, uint64_t record_count) {
  if (from >= record_count) return absl::OkStatus();
  rocksdb::ReadOptions read_options;
  read_options.fill_cache = false;
  std::unique_ptr<rocksdb::Iterator> it(database.db().NewIterator(read_options, database.handle(Family::kRecords)));
  uint64_t expected = from;
  for (it->Seek(PositionKey(from)); it->Valid(); it->Next(), ++expected) {
    if (ParsePositionKey(ToView(it->key())) != expected) return Damaged(RecordPlace(expected), "is missing");
  }
  if (!it->status().ok()) return ReadError(RecordPlace(expected), it->status());
  return expected == record_count ? absl::OkStatus() : Damaged(RecordPlace(expected), "is missing");
}

absl::Status CheckNothingLost(const Database& database, const std::string& path, uint64_t record_count,
                              const std::optional<HeadFile>& head, const WalEvidence& evidence) {
  if (head.has_value() && head->record_count > record_count) {
    return Damaged(
        path, fmt::format("its HEAD file says that {} records were durable, and the log has {}: {} records are missing",
                          head->record_count, record_count, head->record_count - record_count));
  }
  if (evidence.last_group.value_or(0) > record_count) {
    return Damaged(
        path, fmt::format("its write-ahead log proves that {} records were durable, and {} of them can be recovered: "
                          "{} records are missing; a *.log file is damaged at record {}",
                          *evidence.last_group, record_count, *evidence.last_group - record_count, record_count));
  }
  if (head.has_value() && head->record_count > 0) {
    const uint64_t position = head->record_count - 1;
    KL_ASSIGN_OR_RETURN(const auto bytes, database.Get(Family::kRecords, PositionKey(position), RecordPlace(position)));
    if (!bytes.has_value()) return Damaged(RecordPlace(position), "is missing");
    if (RecordHash(*bytes) != head->last_record_hash) {
      return Damaged(RecordPlace(position),
                     "is not the one that the HEAD file remembers: the log was replaced or changed");
    }
  }
  uint64_t from = head.has_value() ? head->record_count : evidence.first_group.value_or(record_count);
  from = std::min(from, evidence.first_group.value_or(from));
  return CheckGapless(database, from == 0 ? 0 : from - 1, record_count);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const StoreOptions& options, rocksdb::Env* env,
                                                         bool read_only) {
  std::unique_ptr<Database> database(new Database);
  database->env_ = NewTableCheckingEnv(env);
  const rocksdb::DBOptions db_options = DatabaseOptions(database->env_.get());
  const bool exists = env->FileExists(options.path + "/CURRENT").ok();
  KL_ASSIGN_OR_RETURN(const auto names, ListFamilies(options, db_options, exists));
  database->cache_ = rocksdb::NewLRUCache(options.cache_bytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  families.reserve(names.size());
  for (const std::string& name : names) families.emplace_back(name, FamilyOptions(name, database->cache_));
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = read_only
                                     ? rocksdb::DB::OpenForReadOnly(db_options, options.path, families, &handles, &db)
                                     : rocksdb::DB::Open(db_options, options.path, families, &handles, &db);
  if (!status.ok()) return OpenError(options.path, status);
  database->db_.reset(db);
  for (size_t i = 0; i < names.size(); ++i) {
    FamilyHandle handle = database->Own(handles[i]);
    for (const Family family : kFamilies) {
      if (names[i] == FamilyName(family)) database->handles_[static_cast<size_t>(family)] = handle;
    }
    if (names[i].starts_with(kTablePrefix)) database->tables_[names[i].substr(kTablePrefix.size())] = handle;
  }
  return database;
}

Database::~Database() {
  tables_.clear();
  handles_ = {};
  // Nothing is flushed here (avoid_flush_during_shutdown): a failure to close leaves what was synced before.
  if (db_ != nullptr) static_cast<void>(db_->Close());
}

FamilyHandle Database::Own(rocksdb::ColumnFamilyHandle* handle) const {
  return {handle,
          [db = db_.get()](rocksdb::ColumnFamilyHandle* h) { static_cast<void>(db->DestroyColumnFamilyHandle(h)); }};
}

rocksdb::Status Database::Find(Family family, std::string_view key, std::string& value) const {
  return db_->Get(rocksdb::ReadOptions(), handle(family), ToSlice(key), &value);
}

absl::StatusOr<DatabaseFindings> CheckDatabase(const Database& database, const StoreOptions& options,
                                               const std::optional<HeadFile>& head, const WalEvidence& evidence) {
  DatabaseFindings findings;
  KL_ASSIGN_OR_RETURN(const auto identity, database.Get(Family::kMeta, kIdentityKey, "the identity row"));
  findings.has_identity = identity.has_value();
  if (identity.has_value()) KL_RETURN_IF_ERROR(CheckIdentity(*identity, options));
  std::unique_ptr<rocksdb::Iterator> last(
      database.db().NewIterator(rocksdb::ReadOptions(), database.handle(Family::kRecords)));
  last->SeekToLast();
  if (!last->Valid() && !last->status().ok()) return ReadError("the last record", last->status());
  if (last->Valid()) {
    const auto position = ParsePositionKey(ToView(last->key()));
    if (!position.has_value()) return Damaged("the last record", "its key is not a position");
    findings.record_count = *position + 1;
    findings.last_record_hash = RecordHash(ToView(last->value()));
  }
  if (!findings.has_identity && (findings.record_count > 0 || head.has_value())) {
    return Damaged(options.path, "the identity row is missing");
  }
  KL_RETURN_IF_ERROR(CheckNothingLost(database, options.path, findings.record_count, head, evidence));
  KL_RETURN_IF_ERROR(CheckEnd(database, findings.record_count));
  return findings;
}

}  // namespace keyledger::store

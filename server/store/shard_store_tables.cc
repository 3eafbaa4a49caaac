// Tables of the store: opening, creating and dropping them. Their rows are in tables.cc.
#include <algorithm>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/store/rocks_options.h"
#include "server/store/rocks_status.h"
#include "server/store/shard_store_impl.h"

namespace keyledger::store {
namespace {

absl::Status CheckName(std::string_view name) {
  const bool good = !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
  return good ? absl::OkStatus() : FieldError("name", "must be 1 to 64 of [a-z0-9_.]");
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ShardStore::ListTables() const {
  std::vector<std::string> names;
  MutexLock lock(impl_->tables_mutex);
  for (const auto& [name, handle] : impl_->closed_tables) names.push_back(name);
  for (const auto& [name, table] : impl_->tables) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<Table*> ShardStore::OpenTable(std::string_view name) {
  Impl& impl = *impl_;
  KL_RETURN_IF_ERROR(CheckName(name));
  MutexLock lock(impl.tables_mutex);
  if (const auto open = impl.tables.find(name); open != impl.tables.end()) return open->second.get();
  if (impl.closed_tables.find(name) == impl.closed_tables.end()) {
    KL_RETURN_IF_ERROR(write_status());
    const std::string family = std::string(kTablePrefix) + std::string(name);
    rocksdb::ColumnFamilyHandle* handle = nullptr;
    auto status =
        impl.database->db().CreateColumnFamily(FamilyOptions(family, impl.database->cache()), family, &handle);
    if (!status.ok())
      return absl::UnavailableError(fmt::format("table '{}' cannot be created: {}", name, status.ToString()));
    impl.closed_tables.emplace(name, impl.database->Own(handle));
  }
  const auto closed = impl.closed_tables.find(name);
  const std::string place = fmt::format("table '{}'", name);
  // A table that fills the disk would stop the log with it.
  const auto check_writable = [&impl] {
    return impl.options.read_only ? MakeError(Reason::kShardReadOnly, "the store is open for reading only")
                                  : impl.CheckDiskReserve();
  };
  KL_ASSIGN_OR_RETURN(auto table, RocksTable::Open(impl.database->db(), closed->second, place, check_writable));
  if (table->applied() > record_count()) {
    return Damaged(place,
                   fmt::format("{} records are folded into it, but the log has {}", table->applied(), record_count()));
  }
  impl.closed_tables.erase(closed);
  return impl.tables.emplace(name, std::move(table)).first->second.get();
}

absl::Status ShardStore::DropTable(std::string_view name) {
  Impl& impl = *impl_;
  KL_RETURN_IF_ERROR(CheckName(name));
  KL_RETURN_IF_ERROR(write_status());
  MutexLock lock(impl.tables_mutex);
  const auto open = impl.tables.find(name);
  const auto closed = impl.closed_tables.find(name);
  if (open == impl.tables.end() && closed == impl.closed_tables.end()) return absl::OkStatus();
  rocksdb::ColumnFamilyHandle* handle = open != impl.tables.end() ? open->second->handle() : closed->second.get();
  if (auto status = impl.database->db().DropColumnFamily(handle); !status.ok()) {
    return absl::UnavailableError(fmt::format("table '{}' cannot be dropped: {}", name, status.ToString()));
  }
  if (open != impl.tables.end()) impl.tables.erase(open);
  if (closed != impl.closed_tables.end()) impl.closed_tables.erase(closed);
  return absl::OkStatus();
}

}  // namespace keyledger::store

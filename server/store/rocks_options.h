// How the database of a shard is configured; internal to server/store.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include <rocksdb/cache.h>
#include <rocksdb/options.h>

namespace keyledger::store {

// Memory of one shard: the block cache (StoreOptions::cache_bytes) and at most this much in write buffers, log and
// tables together.
inline constexpr uint64_t kWriteBufferBytesMax = 128ull << 20;
// Bytes of write-ahead log that an opening after a crash may have to replay.
inline constexpr uint64_t kWalBytesMax = 64ull << 20;

// Options of the database as a whole.
rocksdb::DBOptions DatabaseOptions(rocksdb::Env* env);

// Options of a column family by its name; names behind kTablePrefix are tables, unknown ones get the defaults.
rocksdb::ColumnFamilyOptions FamilyOptions(std::string_view name, const std::shared_ptr<rocksdb::Cache>& cache);

}  // namespace keyledger::store

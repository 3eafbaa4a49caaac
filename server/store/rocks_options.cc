#include "server/store/rocks_options.h"

#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>
#include <rocksdb/write_buffer_manager.h>

#include "server/store/family.h"

namespace keyledger::store {

rocksdb::DBOptions DatabaseOptions(rocksdb::Env* env) {
  rocksdb::DBOptions options;
  options.env = env;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.paranoid_checks = true;
  options.max_open_files = 512;
  options.max_background_jobs = 2;
  // Groups come from one thread and tables write without the log, so there is nothing to insert side by side; and rows
  // are inserted by hint only one after the other.
  options.allow_concurrent_memtable_write = false;
  options.max_total_wal_size = kWalBytesMax;
  options.write_buffer_manager = std::make_shared<rocksdb::WriteBufferManager>(kWriteBufferBytesMax);
  // A torn last group is dropped, and everything before the first damage is kept; that nothing acknowledged is dropped
  // with it is checked by database.cc (FORMAT.md, "After a crash").
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  // What is recovered from the write-ahead log is written to a synced table file before anybody may read it: the page
  // cache may hold bytes that a failed or missing sync never brought to the disk.
  options.avoid_flush_during_recovery = false;
  // Close flushes by itself when the store is well, and must not touch it otherwise.
  options.avoid_flush_during_shutdown = true;
  // A failure stays one until the store is reopened.
  options.max_bgerror_resume_count = 0;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.keep_log_file_num = 4;
  options.max_log_file_size = 4 << 20;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

namespace {

rocksdb::ColumnFamilyOptions BaseFamilyOptions(const std::shared_ptr<rocksdb::Cache>& cache, size_t block_bytes,
                                               bool filter) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = block_bytes;
  table.checksum = rocksdb::kXXH3;
  table.format_version = 5;
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  // An index or filter in one piece grows with its table, and is read and checked whole for one lookup once all of them
  // no longer fit into the cache. In parts, a lookup needs one part of each.
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.metadata_block_size = 4 << 10;
  table.pin_top_level_index_and_filter = true;
  if (filter) {
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    table.partition_filters = true;
  }
  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.write_buffer_size = 16 << 20;
  options.max_write_buffer_number = 3;
  options.level_compaction_dynamic_level_bytes = true;
  options.compression = rocksdb::kLZ4Compression;
  options.bottommost_compression = rocksdb::kZSTD;
  options.force_consistency_checks = true;
  return options;
}

}  // namespace

rocksdb::ColumnFamilyOptions FamilyOptions(std::string_view name, const std::shared_ptr<rocksdb::Cache>& cache) {
  constexpr size_t kSmallBlock = 4 << 10;
  constexpr size_t kLargeBlock = 16 << 10;
  // Point lookups of keys that are mostly absent: new requests, new invoices, accounts without a snapshot.
  const bool filter = name == FamilyName(Family::kRequests) || name == FamilyName(Family::kUniques) ||
                      name == FamilyName(Family::kSnapshots) || name.starts_with(kTablePrefix);
  const bool records = name == FamilyName(Family::kRecords);
  auto options = BaseFamilyOptions(cache, records ? kLargeBlock : kSmallBlock, filter);
  if (filter) {
    // About 10 bits for each of the rows of 100 to 200 bytes that a memtable holds.
    options.memtable_whole_key_filtering = true;
    options.memtable_prefix_bloom_size_ratio = 0.02;
  }
  // Batches bring their rows in key order: the search for a row's place starts where the last one ended. Positions only
  // grow, which needs no hint.
  if (!records) options.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(0));
  if (records) {
    // Positions only grow, so files move down the levels as they are, and the compression of the flush is the one that
    // stays.
    options.write_buffer_size = 32 << 20;
    options.compression = rocksdb::kZSTD;
    options.compression_opts.level = 1;
  } else if (name == FamilyName(Family::kTree)) {
    // Hashes do not compress.
    options.compression = rocksdb::kNoCompression;
    options.bottommost_compression = rocksdb::kNoCompression;
  } else if (name == FamilyName(Family::kTimers)) {
    // Cleared timers pile up at the front, exactly where every listing starts.
    options.table_properties_collector_factories.push_back(rocksdb::NewCompactOnDeletionCollectorFactory(4096, 1024));
  } else if (name == FamilyName(Family::kMeta)) {
    options.write_buffer_size = 4 << 20;
  }
  return options;
}

}  // namespace keyledger::store

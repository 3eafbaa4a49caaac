// See baselines.h.
#include "tests/bench/baselines.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include "keyledger/events/v1/record.pb.h"
#include "server/store/keys.h"
#include "server/store/rocks_options.h"
#include "tests/bench/ledger_process.h"
#include "tests/bench/report.h"

namespace keyledger::bench {
namespace {

constexpr char kRecords[] = "records";
constexpr size_t kCacheBytes = 64u << 20;

void Expect(const rocksdb::Status& status, const char* what) {
  if (!status.ok()) Fail(std::string(what) + ": " + status.ToString());
}

}  // namespace

double WriteGroups(const std::string& path, const std::vector<std::string>& records, uint64_t group) {
  std::filesystem::remove_all(path);
  rocksdb::Options options(store::DatabaseOptions(rocksdb::Env::Default()),
                           store::FamilyOptions(kRecords, rocksdb::NewLRUCache(kCacheBytes)));
  rocksdb::DB* opened = nullptr;
  Expect(rocksdb::DB::Open(options, path, &opened), "cannot open the baseline's database");
  std::unique_ptr<rocksdb::DB> db(opened);
  rocksdb::WriteOptions write;
  write.sync = true;
  const double start = Now();
  for (uint64_t at = 0; at < records.size();) {
    rocksdb::WriteBatch batch;
    const uint64_t end = std::min<uint64_t>(at + std::max<uint64_t>(group, 1), records.size());
    for (; at < end; ++at) Expect(batch.Put(store::PositionKey(at), records[at]), "baseline batch");
    Expect(db->Write(write, &batch), "baseline write");
  }
  const double seconds = Now() - start;
  Expect(db->Close(), "cannot close the baseline's database");
  db.reset();
  std::filesystem::remove_all(path);
  return seconds;
}

WalkResult WalkRecords(const std::string& path, bool parse) {
  const auto cache = rocksdb::NewLRUCache(kCacheBytes);
  rocksdb::DBOptions db_options = store::DatabaseOptions(rocksdb::Env::Default());
  db_options.create_if_missing = false;
  db_options.create_missing_column_families = false;
  const std::vector<rocksdb::ColumnFamilyDescriptor> families = {
      {rocksdb::kDefaultColumnFamilyName, store::FamilyOptions(rocksdb::kDefaultColumnFamilyName, cache)},
      {kRecords, store::FamilyOptions(kRecords, cache)}};
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
  Expect(rocksdb::DB::OpenForReadOnly(db_options, path, families, &handles, &opened), "cannot read the store");
  const std::unique_ptr<rocksdb::DB> db(opened);
  WalkResult result;
  {
    rocksdb::ReadOptions options;
    options.fill_cache = false;
    const std::unique_ptr<rocksdb::Iterator> it(db->NewIterator(options, handles[1]));
    events::v1::EventRecord record;
    const double start = Now();
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      ++result.records;
      result.bytes += it->value().size();
      if (parse && !record.ParseFromArray(it->value().data(), static_cast<int>(it->value().size()))) {
        Fail("a record does not parse");
      }
    }
    result.seconds = Now() - start;
    Expect(it->status(), "cannot walk the records");
  }
  for (rocksdb::ColumnFamilyHandle* handle : handles) Expect(db->DestroyColumnFamilyHandle(handle), "cannot close");
  return result;
}

std::vector<double> SyncTimes(const std::string& path, const std::string& bytes, int count) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (file < 0) Fail("cannot write " + path);
  std::vector<double> seconds;
  for (int i = 0; i < count; ++i) {
    const double start = Now();
    if (write(file, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) || fdatasync(file) != 0) {
      Fail("cannot write " + path);
    }
    seconds.push_back(Now() - start);
  }
  close(file);
  return seconds;
}

uint64_t DiskUsage(const std::string& path) {
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    struct stat info {};
    if (stat(entry.path().c_str(), &info) == 0 && S_ISREG(info.st_mode)) bytes += uint64_t(info.st_blocks) * 512;
  }
  return bytes;
}

}  // namespace keyledger::bench

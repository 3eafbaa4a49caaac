#include "server/store/table_file_check.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include "server/base/codec.h"
#include "server/store/rocks_status.h"

namespace keyledger::store {
namespace {

constexpr size_t kFooterBytes = 53;
constexpr size_t kPlacesAt = 1;
constexpr size_t kVersionAt = 41;
constexpr size_t kMagicAt = 45;
constexpr uint64_t kMagic = 0x88e241b785f4cff7;
// What rocks_options.cc asks for.
constexpr uint64_t kTableFormatVersion = 5;
constexpr char kXxh3 = 4;
constexpr uint64_t kBlockTrailerBytes = 5;

uint64_t LittleEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

// Takes the place of a block from the front of `in`. False unless the block and what is behind it end at or before
// `end`.
bool TakePlace(std::string_view& in, uint64_t end) {
  uint64_t offset = 0;
  uint64_t size = 0;
  return GetVarint64(in, offset) && GetVarint64(in, size) && offset <= end && size <= end - offset &&
         kBlockTrailerBytes <= end - offset - size;
}

bool IsFooter(std::string_view bytes, uint64_t blocks_end) {
  if (bytes[0] != kXxh3 || LittleEndian(bytes.substr(kVersionAt, kMagicAt - kVersionAt)) != kTableFormatVersion ||
      LittleEndian(bytes.substr(kMagicAt)) != kMagic) {
    return false;
  }
  std::string_view places = bytes.substr(kPlacesAt, kVersionAt - kPlacesAt);
  return TakePlace(places, blocks_end) && TakePlace(places, blocks_end) &&
         std::all_of(places.begin(), places.end(), [](char c) { return c == 0; });
}

rocksdb::IOStatus CheckFooter(const std::string& name, const rocksdb::FSRandomAccessFile& file, uint64_t file_bytes) {
  if (file_bytes < kFooterBytes) {
    return rocksdb::IOStatus::Corruption(fmt::format("table file {} has only {} bytes", name, file_bytes));
  }
  std::array<char, kFooterBytes> buffer{};
  rocksdb::Slice footer;
  const uint64_t blocks_end = file_bytes - kFooterBytes;
  auto status = file.Read(blocks_end, kFooterBytes, rocksdb::IOOptions(), &footer, buffer.data(), nullptr);
  if (status.ok() && (footer.size() != kFooterBytes || !IsFooter(ToView(footer), blocks_end))) {
    status = rocksdb::IOStatus::Corruption(
        fmt::format("table file {}: its last {} bytes make no sense", name, kFooterBytes));
  }
  return status;
}

class TableCheckingFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;
  const char* Name() const override { return "TableCheckingFileSystem"; }

  rocksdb::IOStatus NewRandomAccessFile(const std::string& name, const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                        rocksdb::IODebugContext* debug) override {
    auto status = target()->NewRandomAccessFile(name, options, file, debug);
    if (!status.ok() || !name.ends_with(".sst")) return status;
    uint64_t file_bytes = 0;
    status = target()->GetFileSize(name, options.io_options, &file_bytes, debug);
    if (status.ok()) status = CheckFooter(name, **file, file_bytes);
    if (!status.ok()) file->reset();
    return status;
  }
};

}  // namespace

std::unique_ptr<rocksdb::Env> NewTableCheckingEnv(rocksdb::Env* env) {
  return rocksdb::NewCompositeEnv(std::make_shared<TableCheckingFileSystem>(env->GetFileSystem()));
}

}  // namespace keyledger::store

#include "server/store/table_file_check.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <xxhash.h>

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
constexpr uint64_t kTrailerBytes = 5;
constexpr std::string_view kPropertiesName = "rocksdb.properties";

struct BlockPlace {
  uint64_t offset = 0;
  uint64_t size = 0;
};

bool TakePlace(std::string_view& in, BlockPlace& place) {
  return GetVarint64(in, place.offset) && GetVarint64(in, place.size);
}

uint64_t LittleEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

bool ChecksumMatches(std::string_view block, std::string_view trailer) {
  constexpr uint32_t kTypeFactor = 0x6b9083d9;
  const auto type = static_cast<unsigned char>(trailer[0]);
  const uint32_t checksum = static_cast<uint32_t>(XXH3_64bits(block.data(), block.size())) ^ type * kTypeFactor;
  return LittleEndian(trailer.substr(1)) == checksum;
}

// The value of `wanted` in a block; nothing if it is not there. An entry is the number of bytes its key shares with the
// key before, of the key's further bytes and of the value, then those bytes and the value; behind the entries are 4
// bytes for each restart point and 4 for their number.
std::optional<std::string_view> FindValue(std::string_view block, std::string_view wanted) {
  if (block.size() < 4) return std::nullopt;
  const uint64_t restarts = LittleEndian(block.substr(block.size() - 4));
  if (restarts > block.size() / 4 - 1) return std::nullopt;
  block.remove_suffix(4 + 4 * restarts);
  std::string key;
  while (!block.empty()) {
    uint64_t shared = 0;
    uint64_t unshared = 0;
    uint64_t value_size = 0;
    if (!GetVarint64(block, shared) || !GetVarint64(block, unshared) || !GetVarint64(block, value_size)) break;
    if (shared > key.size() || unshared > block.size() || value_size > block.size() - unshared) break;
    key.resize(shared);
    key += block.substr(0, unshared);
    if (key == wanted) return block.substr(unshared, value_size);
    block.remove_prefix(unshared + value_size);
  }
  return std::nullopt;
}

// The checks of one file.
class TableFile {
 public:
  TableFile(const std::string& name, const rocksdb::FSRandomAccessFile& file, uint64_t file_bytes)
      : name_(name), file_(file), file_bytes_(file_bytes) {}

  rocksdb::IOStatus Check() const {
    if (file_bytes_ < kFooterBytes) return Damaged(fmt::format("it has only {} bytes", file_bytes_));
    std::string footer;
    if (auto status = Read({blocks_end(), kFooterBytes}, footer); !status.ok()) return status;
    BlockPlace metaindex_place;
    if (!ParseFooter(footer, metaindex_place)) {
      return Damaged(fmt::format("its last {} bytes make no sense", kFooterBytes));
    }
    std::string metaindex;
    if (auto status = ReadBlock("metaindex", metaindex_place, metaindex); !status.ok()) return status;
    auto value = FindValue(metaindex, kPropertiesName);
    BlockPlace properties_place;
    if (!value.has_value() || !TakePlace(*value, properties_place)) return Damaged("its metaindex makes no sense");
    std::string properties;
    return ReadBlock("properties", properties_place, properties);
  }

 private:
  uint64_t blocks_end() const { return file_bytes_ - kFooterBytes; }
  rocksdb::IOStatus Damaged(std::string_view what) const {
    return rocksdb::IOStatus::Corruption(fmt::format("table file {}: {}", name_, what));
  }
  // The block and what is behind it end at or before the footer.
  bool IsInside(const BlockPlace& place) const {
    return place.offset <= blocks_end() && place.size <= blocks_end() - place.offset &&
           kTrailerBytes <= blocks_end() - place.offset - place.size;
  }
  bool ParseFooter(std::string_view bytes, BlockPlace& metaindex) const {
    if (bytes[0] != kXxh3 || LittleEndian(bytes.substr(kVersionAt, kMagicAt - kVersionAt)) != kTableFormatVersion ||
        LittleEndian(bytes.substr(kMagicAt)) != kMagic) {
      return false;
    }
    BlockPlace index;
    std::string_view places = bytes.substr(kPlacesAt, kVersionAt - kPlacesAt);
    return TakePlace(places, metaindex) && TakePlace(places, index) && IsInside(index) &&
           std::all_of(places.begin(), places.end(), [](char c) { return c == 0; });
  }
  rocksdb::IOStatus ReadBlock(std::string_view which, const BlockPlace& place, std::string& block) const {
    if (!IsInside(place)) return Damaged(fmt::format("the place of its {} makes no sense", which));
    if (auto status = Read({place.offset, place.size + kTrailerBytes}, block); !status.ok()) return status;
    const std::string_view bytes(block);
    if (!ChecksumMatches(bytes.substr(0, place.size), bytes.substr(place.size))) {
      return Damaged(fmt::format("the checksum of its {} does not match", which));
    }
    block.resize(place.size);
    return rocksdb::IOStatus::OK();
  }
  rocksdb::IOStatus Read(const BlockPlace& place, std::string& out) const {
    out.resize(place.size);
    rocksdb::Slice slice;
    auto status = file_.Read(place.offset, place.size, rocksdb::IOOptions(), &slice, out.data(), nullptr);
    if (!status.ok()) return status;
    if (slice.size() != place.size) return Damaged("it became shorter while it was opened");
    // A file system may point at memory of its own.
    if (slice.data() != out.data()) out.assign(slice.data(), slice.size());
    return status;
  }

  const std::string& name_;
  const rocksdb::FSRandomAccessFile& file_;
  const uint64_t file_bytes_;
};

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
    if (status.ok()) status = TableFile(name, **file, file_bytes).Check();
    if (!status.ok()) file->reset();
    return status;
  }
};

}  // namespace

std::unique_ptr<rocksdb::Env> NewTableCheckingEnv(rocksdb::Env* env) {
  return rocksdb::NewCompositeEnv(std::make_shared<TableCheckingFileSystem>(env->GetFileSystem()));
}

}  // namespace keyledger::store

#include "server/store/log_fragments.h"

#include <array>
#include <memory>
#include <vector>

#include <rocksdb/env.h>

#include "server/store/rocks_status.h"

namespace keyledger::store {
namespace {

constexpr size_t kBlockBytes = 32768;
constexpr size_t kHeaderBytes = 7;

using CrcTables = std::array<std::array<uint32_t, 256>, 8>;

constexpr CrcTables MakeCrcTables() {
  CrcTables tables{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
    tables[0][i] = crc;
  }
  for (uint32_t i = 0; i < 256; ++i) {
    for (size_t k = 1; k < 8; ++k) tables[k][i] = (tables[k - 1][i] >> 8) ^ tables[0][tables[k - 1][i] & 0xff];
  }
  return tables;
}

constexpr CrcTables kCrc = MakeCrcTables();

unsigned char Byte(std::string_view bytes, size_t at) { return static_cast<unsigned char>(bytes[at]); }

uint32_t LittleEndian32(std::string_view bytes) {
  return Byte(bytes, 0) | Byte(bytes, 1) << 8 | Byte(bytes, 2) << 16 | static_cast<uint32_t>(Byte(bytes, 3)) << 24;
}

uint32_t Mask(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

void VisitBlock(std::string_view block, uint64_t offset, const std::function<void(const LogFragment&)>& visit) {
  // What is shorter than a header at the end of a block is filling.
  while (block.size() >= kHeaderBytes) {
    LogFragment fragment;
    const size_t length = Byte(block, 4) | static_cast<size_t>(Byte(block, 5)) << 8;
    fragment.type = Byte(block, 6);
    if (fragment.type == 0 || fragment.type > LogFragment::kLast || length > block.size() - kHeaderBytes) {
      visit(LogFragment{});
      return;
    }
    fragment.payload = block.substr(kHeaderBytes, length);
    fragment.intact = Mask(Crc32c(block.substr(kHeaderBytes - 1, length + 1))) == LittleEndian32(block);
    block.remove_prefix(kHeaderBytes + length);
    offset += kHeaderBytes + length;
    fragment.end = offset;
    visit(fragment);
  }
}

}  // namespace

uint32_t Crc32c(std::string_view bytes) {
  uint32_t crc = 0xffffffffu;
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    const uint32_t low = crc ^ LittleEndian32(bytes);
    const uint32_t high = LittleEndian32(bytes.substr(4));
    crc = kCrc[7][low & 0xff] ^ kCrc[6][(low >> 8) & 0xff] ^ kCrc[5][(low >> 16) & 0xff] ^ kCrc[4][low >> 24] ^
          kCrc[3][high & 0xff] ^ kCrc[2][(high >> 8) & 0xff] ^ kCrc[1][(high >> 16) & 0xff] ^ kCrc[0][high >> 24];
  }
  for (const char c : bytes) crc = (crc >> 8) ^ kCrc[0][(crc ^ static_cast<unsigned char>(c)) & 0xff];
  return ~crc;
}

absl::Status ReadLogFragments(rocksdb::Env* env, const std::string& file,
                              const std::function<void(const LogFragment&)>& visit) {
  std::vector<char> buffer(kBlockBytes);
  std::unique_ptr<rocksdb::SequentialFile> reader;
  rocksdb::Status status = env->NewSequentialFile(file, &reader, rocksdb::EnvOptions());
  for (uint64_t offset = 0;; offset += kBlockBytes) {
    rocksdb::Slice block;
    if (status.ok()) status = reader->Read(kBlockBytes, &block, buffer.data());
    if (!status.ok()) return OpenError(file, status);
    if (!block.empty()) VisitBlock(ToView(block), offset, visit);
    if (block.size() < kBlockBytes) return absl::OkStatus();
  }
}

}  // namespace keyledger::store

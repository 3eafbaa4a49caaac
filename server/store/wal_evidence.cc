#include "server/store/wal_evidence.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <rocksdb/env.h>

#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/store/keys.h"
#include "server/store/rocks_status.h"

namespace keyledger::store {
namespace {

// RocksDB's log format: blocks of 32 KiB; in them fragments of a 7-byte header (masked CRC-32C of type and payload,
// payload length, type; little-endian) and a payload. A batch is one FULL fragment, or FIRST, MIDDLE..., LAST.
constexpr size_t kBlockBytes = 32768;
constexpr size_t kHeaderBytes = 7;
constexpr unsigned char kFull = 1;
constexpr unsigned char kFirst = 2;
constexpr unsigned char kLast = 4;
// A batch: sequence number (8 bytes), count (4 bytes), entries; a note is an entry of tag 3 with a length and bytes.
constexpr size_t kBatchHeaderBytes = 12;
constexpr char kNoteTag = 3;

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

// The first position noted in a batch, of which `payload` is at least the start.
std::optional<uint64_t> NoteOf(std::string_view payload) {
  if (payload.size() <= kBatchHeaderBytes) return std::nullopt;
  payload.remove_prefix(kBatchHeaderBytes);
  if (payload[0] != kNoteTag) return std::nullopt;
  payload.remove_prefix(1);
  uint64_t length = 0;
  if (!GetVarint64(payload, length) || length > payload.size()) return std::nullopt;
  return DecodeGroupNote(payload.substr(0, length));
}

// Goes by the lengths in the headers, which damage to a payload leaves alone, and after a header that makes no sense
// starts again at the next block. Looking for headers at every byte would find more, but also what a client has put
// into a payload to look like one.
void ReadBlock(std::string_view block, WalEvidence& evidence) {
  while (block.size() >= kHeaderBytes) {
    const size_t length = Byte(block, 4) | static_cast<size_t>(Byte(block, 5)) << 8;
    const unsigned char type = Byte(block, 6);
    if (type == 0 || type > kLast || length > block.size() - kHeaderBytes) return;
    const bool starts_batch = type == kFull || type == kFirst;
    const auto note = starts_batch ? NoteOf(block.substr(kHeaderBytes, length)) : std::nullopt;
    if (note.has_value() && Mask(Crc32c(block.substr(kHeaderBytes - 1, length + 1))) == LittleEndian32(block)) {
      evidence.first_group = std::min(evidence.first_group.value_or(*note), *note);
      evidence.last_group = std::max(evidence.last_group.value_or(*note), *note);
    }
    block.remove_prefix(kHeaderBytes + length);
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

absl::StatusOr<WalEvidence> ReadWalEvidence(rocksdb::Env* env, const std::string& path) {
  std::vector<std::string> names;
  if (auto status = env->GetChildren(path, &names); !status.ok()) return OpenError(path, status);
  WalEvidence evidence;
  std::vector<char> buffer(kBlockBytes);
  for (const std::string& name : names) {
    if (!name.ends_with(".log")) continue;
    std::unique_ptr<rocksdb::SequentialFile> file;
    rocksdb::Status status = env->NewSequentialFile(path + "/" + name, &file, rocksdb::EnvOptions());
    for (;;) {
      rocksdb::Slice block;
      if (status.ok()) status = file->Read(kBlockBytes, &block, buffer.data());
      if (!status.ok()) return OpenError(path, status);
      if (block.empty()) break;
      ReadBlock(ToView(block), evidence);
      if (block.size() < kBlockBytes) break;
    }
  }
  return evidence;
}

}  // namespace keyledger::store

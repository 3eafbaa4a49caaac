// RocksDB's format of write-ahead logs and manifests, as far as damage in them has to be judged; internal to
// server/store.
//
// A file is blocks of 32 KiB; a block is fragments of a 7-byte header (masked CRC-32C of type and payload, payload
// length, type; little-endian) and a payload. A logical record is one FULL fragment, or FIRST, MIDDLE..., LAST.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <absl/status/status.h>

namespace rocksdb {
class Env;
}

namespace keyledger::store {

struct LogFragment {
  static constexpr unsigned char kFull = 1;
  static constexpr unsigned char kFirst = 2;
  static constexpr unsigned char kMiddle = 3;
  static constexpr unsigned char kLast = 4;

  // False: a header that makes no sense, a payload cut short, or a checksum that does not fit; the rest is then a
  // guess.
  bool intact = false;
  unsigned char type = 0;
  std::string_view payload;
  // Place in the file just after it.
  uint64_t end = 0;

  bool starts_record() const { return type == kFull || type == kFirst; }
  bool ends_record() const { return type == kFull || type == kLast; }
};

// Calls `visit` with each fragment of a file. Goes by the lengths in the headers, which damage to a payload leaves
// alone, and after a header that makes no sense starts again at the next block. Looking for headers at every byte would
// find more, but also what a client has put into a payload to look like one.
// Errors: UNAVAILABLE if the file cannot be
// read.
absl::Status ReadLogFragments(rocksdb::Env* env, const std::string& file,
                              const std::function<void(const LogFragment&)>& visit);

// CRC-32C (Castagnoli) of the bytes, before masking.
uint32_t Crc32c(std::string_view bytes);

}  // namespace keyledger::store

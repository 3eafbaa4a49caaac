// Codec: fixed and variable-length integers in bytes. Big-endian forms sort like the numbers they encode.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace keyledger {

// Appends `value` as 8 bytes, most significant first.
inline void PutBigEndian64(std::string& out, uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

// Appends `value` as 4 bytes, most significant first.
inline void PutBigEndian32(std::string& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

// Appends a signed value so that bytes sort like numbers: the sign bit is flipped.
inline void PutOrdered64(std::string& out, int64_t value) {
  PutBigEndian64(out, static_cast<uint64_t>(value) ^ (uint64_t{1} << 63));
}

// Appends `value` in 1 to 10 bytes, least significant 7 bits first.
inline void PutVarint64(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

// Appends a signed value as a varint, small magnitudes short.
inline void PutSignedVarint64(std::string& out, int64_t value) {
  PutVarint64(out, (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
}

// The readers take their value from the front of `in` and return false, leaving `in` in an unspecified place, if it is
// cut short.
inline bool GetBigEndian64(std::string_view& in, uint64_t& value) {
  if (in.size() < 8) return false;
  value = 0;
  for (int i = 0; i < 8; ++i) value = (value << 8) | static_cast<unsigned char>(in[i]);
  in.remove_prefix(8);
  return true;
}

inline bool GetBigEndian32(std::string_view& in, uint32_t& value) {
  if (in.size() < 4) return false;
  value = 0;
  for (int i = 0; i < 4; ++i) value = (value << 8) | static_cast<unsigned char>(in[i]);
  in.remove_prefix(4);
  return true;
}

inline bool GetOrdered64(std::string_view& in, int64_t& value) {
  uint64_t flipped = 0;
  if (!GetBigEndian64(in, flipped)) return false;
  value = static_cast<int64_t>(flipped ^ (uint64_t{1} << 63));
  return true;
}

inline bool GetVarint64(std::string_view& in, uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (in.empty()) return false;
    const auto byte = static_cast<unsigned char>(in[0]);
    in.remove_prefix(1);
    if (shift == 63 && byte > 1) return false;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

inline bool GetSignedVarint64(std::string_view& in, int64_t& value) {
  uint64_t zigzag = 0;
  if (!GetVarint64(in, zigzag)) return false;
  value = static_cast<int64_t>(zigzag >> 1) ^ -static_cast<int64_t>(zigzag & 1);
  return true;
}

}  // namespace keyledger

// See base64.h.
#include "server/merkle/base64.h"

#include <cstdint>

namespace keyledger::merkle {
namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string EncodeBase64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t three = 0;
    for (size_t j = 0; j < 3; ++j) {
      three = (three << 8) | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    }
    for (size_t j = 0; j < 4; ++j) {
      text.push_back(i + j <= bytes.size() ? kDigits[(three >> (18 - 6 * j)) & 63] : '=');
    }
  }
  return text;
}

std::optional<std::string> DecodeBase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    const std::string_view four = text.substr(i, 4);
    // Padding ends the text.
    size_t digits = 4;
    if (i + 4 == text.size()) {
      while (digits > 2 && four[digits - 1] == '=') --digits;
    }
    uint32_t three = 0;
    for (size_t j = 0; j < 4; ++j) {
      const size_t digit = j < digits ? kDigits.find(four[j]) : 0;
      if (digit == std::string_view::npos) return std::nullopt;
      three = (three << 6) | static_cast<uint32_t>(digit);
    }
    const size_t count = digits - 1;
    if ((three & ((uint32_t{1} << (8 * (3 - count))) - 1)) != 0) return std::nullopt;
    for (size_t j = 0; j < count; ++j) bytes.push_back(static_cast<char>(three >> (16 - 8 * j)));
  }
  return bytes;
}

}  // namespace keyledger::merkle

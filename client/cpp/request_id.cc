// Random request ids. See request_id.h.
#include "client/cpp/request_id.h"

#include <array>
#include <cstdint>
#include <random>

#include <fmt/format.h>

namespace keyledger::client {

std::string NewRequestId() {
  std::random_device random;
  std::array<uint32_t, 4> words{};
  for (uint32_t& word : words) {
    word = random();
  }
  words[1] = (words[1] & 0xffff0fffU) | 0x00004000U;  // version 4
  words[2] = (words[2] & 0x3fffffffU) | 0x80000000U;  // variant of RFC 4122
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:04x}{:08x}", words[0], words[1] >> 16, words[1] & 0xffffU,
                     words[2] >> 16, words[2] & 0xffffU, words[3]);
}

}  // namespace keyledger::client

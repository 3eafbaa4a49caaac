#include "server/base/ids.h"

#include <algorithm>

#include <xxhash.h>

#include "server/base/check.h"

namespace keyledger {
namespace {

bool IsAlphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

}  // namespace

bool IsAccountId(std::string_view id) {
  constexpr std::string_view kPunctuation = "._~:@/-";
  return !id.empty() && id.size() <= kAccountIdBytesMax && IsAlphanumeric(id[0]) &&
         std::all_of(id.begin(), id.end(),
                     [&](char c) { return IsAlphanumeric(c) || kPunctuation.find(c) != std::string_view::npos; });
}

bool IsPrintableId(std::string_view text, size_t bytes_max) {
  return !text.empty() && text.size() <= bytes_max &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x21 && c <= 0x7e; });
}

bool IsSubjectId(std::string_view id) {
  constexpr std::string_view kPunctuation = "._:@-";
  return !id.empty() && id.size() <= kSubjectIdBytesMax && std::all_of(id.begin(), id.end(), [&](char c) {
    return IsAlphanumeric(c) || kPunctuation.find(c) != std::string_view::npos;
  });
}

bool IsSnakeId(std::string_view text) {
  return !text.empty() && text.size() <= 64 && text[0] >= 'a' && text[0] <= 'z' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

bool IsCurrencyCode(std::string_view text) {
  return text.size() == 3 && std::all_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool IsRegionPath(std::string_view text) {
  if (text.empty()) return true;
  if (text.size() > 128 || !IsUtf8(text)) return false;
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    return false;
  }
  const auto separators = std::count(text.begin(), text.end(), '/');
  return separators < 8 && text.front() != '/' && text.back() != '/' && text.find("//") == std::string_view::npos;
}

bool IsUtf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    size_t more = 0;
    uint32_t code = lead;
    if (lead < 0x80) {
      more = 0;
    } else if (lead >= 0xc2 && lead < 0xe0) {
      more = 1;
      code = lead & 0x1f;
    } else if (lead >= 0xe0 && lead < 0xf0) {
      more = 2;
      code = lead & 0x0f;
    } else if (lead >= 0xf0 && lead < 0xf5) {
      more = 3;
      code = lead & 0x07;
    } else {
      return false;
    }
    if (text.size() - i <= more) return false;
    for (size_t k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0) != 0x80) return false;
      code = (code << 6) | (next & 0x3f);
    }
    // Overlong forms, surrogates and what lies beyond Unicode.
    if ((more == 2 && code < 0x800) || (more == 3 && code < 0x10000) || (code >= 0xd800 && code <= 0xdfff) ||
        code > 0x10ffff) {
      return false;
    }
    i += more + 1;
  }
  return true;
}

bool RegionContains(std::string_view ancestor, std::string_view path) {
  if (ancestor.empty()) return true;
  return path.starts_with(ancestor) && (path.size() == ancestor.size() || path[ancestor.size()] == '/');
}

uint32_t ShardOf(std::string_view account_id, uint32_t shard_count) {
  KL_CHECK(shard_count > 0);
  return static_cast<uint32_t>(XXH64(account_id.data(), account_id.size(), 0) % shard_count);
}

}  // namespace keyledger

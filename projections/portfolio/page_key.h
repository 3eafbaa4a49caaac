// PageKey: the last account of a page, by the value it was ordered by and its id, so that the next page begins after it
// whatever was appended meanwhile.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "server/base/codec.h"
#include "server/base/error.h"

namespace keyledger::projections::portfolio {

struct PageKey {
  int64_t value = 0;
  std::string account_id;
};

inline std::string FormatPageKey(int64_t value, std::string_view account_id) {
  std::string bytes;
  PutOrdered64(bytes, value);
  return bytes.append(account_id);
}

// Errors: INVALID_ARGUMENT (kInvalidToken).
inline absl::StatusOr<PageKey> ParsePageKey(std::string_view bytes) {
  PageKey key;
  if (!GetOrdered64(bytes, key.value) || bytes.empty()) {
    return MakeError(Reason::kInvalidToken, "the page token is not one of this listing");
  }
  key.account_id.assign(bytes);
  return key;
}

}  // namespace keyledger::projections::portfolio

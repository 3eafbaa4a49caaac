// Base64 (RFC 4648 section 4) in its one canonical form: padded, no blanks, unused bits zero. What is signed must not
// have two spellings.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace keyledger::merkle {

std::string EncodeBase64(std::string_view bytes);
// Nothing if `text` is not the canonical form of any bytes.
std::optional<std::string> DecodeBase64(std::string_view text);

}  // namespace keyledger::merkle

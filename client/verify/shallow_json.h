// JSON from strangers: parsed only if it is not nested deeper than anything that is meant.
#pragma once

#include <cstddef>
#include <string_view>

#include <nlohmann/json.hpp>

namespace keyledger::verify {

// Values that are copied, compared or written out are walked by calls within calls: a deeper one could take all of the
// stack.
inline constexpr size_t kJsonDepthMax = 32;

// Arrays and objects within one another in the text, at most. What stands in strings does not count.
size_t JsonDepth(std::string_view text);

// The value; discarded if the text is no JSON or deeper than kJsonDepthMax.
nlohmann::json ParseShallowJson(std::string_view text);

}  // namespace keyledger::verify

// How often a command asks whether something is over: soon at first, since a transfer takes three commits, then less
// and less often.
#pragma once

#include <chrono>

namespace keyledger::cli {

inline constexpr std::chrono::milliseconds kPollMin{10};
inline constexpr std::chrono::milliseconds kPollMax{500};

}  // namespace keyledger::cli

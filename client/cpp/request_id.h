// Request ids: what makes an append safe to repeat.
#pragma once

#include <string>

namespace keyledger::client {

// Returns a random id of 36 bytes in the form of a version 4 UUID, from std::random_device.
// Threads: thread-safe.
std::string NewRequestId();

}  // namespace keyledger::client

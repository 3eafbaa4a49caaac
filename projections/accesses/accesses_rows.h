// Rows of the projection "accesses": keys and values. Private to the projection and its queries.
//
// 'r', position (BE64) -> the reading.
// 's', 'a' or 'd' (data subject, account, reader), the id with its length before it, record_time and position, both
// counted down so that the newest sorts first -> nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "projections/accesses/accesses_queries.h"
#include "server/base/clock.h"

namespace keyledger::projections {

std::string AccessKey(uint64_t position);

// The common beginning of the keys of what an id is found by.
std::string AccessIndexPrefix(AccessBy by, std::string_view id);
// The key of the reading at that place, or the place where it would stand. `prefix`: AccessIndexPrefix.
std::string AccessIndexKey(std::string_view prefix, Micros record_time, uint64_t position);
// Reads time and position back from what follows the prefix; returns false if it is not that.
bool ParseAccessPlace(std::string_view rest, Micros& record_time, uint64_t& position);

// All but shard and position.
void EncodeAccess(const DataAccess& access, std::string& value);
bool DecodeAccess(std::string_view value, DataAccess& access);

}  // namespace keyledger::projections

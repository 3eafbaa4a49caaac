// Family: the column families of a shard's database that are always there. FORMAT.md says what is in each.
#pragma once

#include <array>
#include <string_view>

namespace keyledger::store {

enum class Family { kRecords, kStreams, kRequests, kUniques, kTree, kSnapshots, kTimers, kMeta };

inline constexpr std::array<Family, 8> kFamilies = {Family::kRecords, Family::kStreams, Family::kRequests,
                                                    Family::kUniques, Family::kTree,    Family::kSnapshots,
                                                    Family::kTimers,  Family::kMeta};

// The name RocksDB knows it by.
constexpr std::string_view FamilyName(Family family) {
  constexpr std::array<std::string_view, 8> kNames = {"records", "streams",   "requests", "uniques",
                                                      "tree",    "snapshots", "timers",   "meta"};
  return kNames[static_cast<size_t>(family)];
}

// Tables of projections are column families of this prefix and the table's name.
inline constexpr std::string_view kTablePrefix = "p.";

}  // namespace keyledger::store

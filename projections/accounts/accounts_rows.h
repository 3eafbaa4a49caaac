// Rows of the projection "accounts". Per account: a row 'P' (what is known about it: changes seldom) and a row 'S'
// (where it stands: changes with every record, and is small).
#pragma once

#include <string>
#include <string_view>

#include "projections/accounts/accounts_queries.h"

namespace keyledger::projections {

inline constexpr char kProfileTag = 'P';
inline constexpr char kStandingTag = 'S';

// Name, region, segment, owner and facts. Decoding returns false if the value is damaged, and leaves the other fields
// alone; so do the next two.
void EncodeProfile(const DirectoryAccount& account, std::string& value);
bool DecodeProfile(std::string_view value, DirectoryAccount& account);

// Revision, state, times, purchases and tier.
void EncodeStanding(const DirectoryAccount& account, std::string& value);
bool DecodeStanding(std::string_view value, DirectoryAccount& account);

}  // namespace keyledger::projections

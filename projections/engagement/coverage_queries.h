// Coverage: on whom of ours accounts rest, and whether rank meets rank.
//
// Whoever made an interaction with the account within the window has met it, if it is of the kinds that the program
// counts. Cost: one walk over the accounts in scope.
// Memory: one page.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/engagement/engagement_history.h"
#include "server/domain/program_set.h"

namespace keyledger::projections::engagement {

enum class CoverageFlag : uint8_t { kTooFew = 1, kOnePerson = 2, kNoOwner = 3, kRank = 4, kNobody = 5 };
inline constexpr int kCoverageFlags = 5;

struct CoverageQuery {
  // Only accounts that would be at risk without this person; empty: all.
  std::string person;
  std::optional<CoverageFlag> flag;
  // Where no program says.
  int window_days = 180;
  // Empty: the only one of the trades.
  std::string currency_code;
  int page_size = 100;
  std::string continuation;
};

// One of ours and an account.
struct CoveringPerson {
  std::string person;
  // In byte order.
  std::vector<std::string> roles;
  // The highest of those stated; 0: none.
  uint32_t rank = 0;
  // Within the window.
  int64_t interactions = 0;
  // Ever.
  std::optional<Micros> last_time;
};

struct AccountCoverage {
  std::string account_id;
  std::vector<CoveringPerson> people;
  int64_t people_met = 0;
  uint32_t min_people = 0;
  int64_t contacts_met = 0;
  uint32_t contact_rank = 0;
  uint32_t our_rank = 0;
  std::vector<CoverageFlag> flags;
  int64_t revenue_micros = 0;
};

struct CoverageAnswer {
  // The greatest revenue first, then by account_id.
  std::vector<AccountCoverage> accounts;
  int64_t account_count = 0;
  int64_t flagged_count = 0;
  // By CoverageFlag, from kTooFew.
  std::vector<int64_t> flag_counts;
  int64_t revenue_micros = 0;
  std::string currency_code;
  std::string continuation;
};

// Rank and post of a contact: it holds the one in which it was placed last, unless it left that one or was removed.
struct PlacedContact {
  std::string post;
  uint32_t rank = 0;
  bool key_post = false;
  Micros since = 0;
};
// By the name of the contact. Requires: the history's contacts.
std::map<std::string, PlacedContact> PlacedContacts(const EngagementHistory& history);

// What meets an account.
struct Meeting {
  int window_days = 0;
  // events::v1::InteractionKind; empty: all.
  std::set<int> kinds{};
};

// Who has a role for the account just before the moment, or met it: by interactions, the most first, then by id.
// Requires: the history's interactions.
std::vector<CoveringPerson> PeopleOf(const EngagementHistory& history, Micros as_of, const Meeting& meeting);

// What there is to say of one open account, but for its revenue. Requires: the history's contacts and interactions.
AccountCoverage CoverageOf(const EngagementHistory& history, Micros as_of, const domain::ProgramSet& programs,
                           int window_days);

// Errors: those of EngagementScan; INVALID_ARGUMENT (kInvalidField "currency_code") if none is given and the trades of
// the year before have several.
absl::StatusOr<CoverageAnswer> GetCoverage(const std::vector<const store::TableReader*>& shards,
                                           const EngagementScope& scope, const domain::ProgramSet& programs,
                                           const CoverageQuery& query);

}  // namespace keyledger::projections::engagement

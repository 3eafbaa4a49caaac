// Profiles: what is known of an account as a partner, what the programs ask to be known, and what is missing.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/profile.pb.h"
#include "projections/engagement/coverage_queries.h"
#include "projections/engagement/engagement_history.h"

namespace keyledger::projections::engagement {

// Lists of reports without an end are cut to the newest.
inline constexpr size_t kProfileReportsMax = 100;
// Days of interactions that are counted where no program says.
inline constexpr int kProfileWindowDays = 180;

// Says whether what is known of a subject cannot be read any more.
using IsErased = std::function<bool(const std::string& subject_id)>;

// Values as in ledger.v1.GapKind.
enum class GapKind : uint8_t {
  kFactMissing = 1,
  kFactStale = 2,
  kPostEmpty = 3,
  kPostStale = 4,
  kPersonField = 5,
  kNeed = 6,
  kPosition = 7,
  kTimeZone = 8,
};

struct ProfileGap {
  GapKind kind = GapKind::kFactMissing;
  std::string name;
  std::optional<Micros> last_time;
  // 0: it is missing.
  uint32_t max_age_days = 0;
};

struct ProfileFact {
  std::string key;
  std::string value;
  Micros stated = 0;
  // Of a score: who judged.
  std::string person;
};

struct ProfilePost {
  std::string post;
  // Empty: nobody.
  std::string contact_id;
  uint32_t rank = 0;
  bool key_post = false;
  std::optional<Micros> since;
  std::vector<std::string> known_fields;
  std::optional<Micros> last_met;
};

template <class Report>
struct Dated {
  Report report;
  Micros stated = 0;
};

struct ProfileValue {
  events::v1::AssetValued valued;
  Micros stated = 0;
  int64_t change_micros = 0;
  int32_t satisfaction = 0;
};

struct SwitchingCost {
  int64_t contract_days = 0;
  int64_t penalty_micros = 0;
  std::string currency_code;
  int64_t our_minutes = 0;
  int64_t account_minutes = 0;
  int64_t entitlements = 0;
  int64_t categories = 0;
};

struct ProfileAnswer {
  std::string time_zone;
  std::vector<CoveringPerson> people;
  std::vector<ProfilePost> posts;
  std::vector<ProfileFact> facts;
  std::vector<Dated<events::v1::NeedStated>> needs;
  std::vector<Dated<events::v1::PositionStated>> positions;
  std::vector<ProfileValue> values;
  std::vector<ProfileGap> gaps;
  SwitchingCost switching_cost;
  // Lists that we are on at the moment.
  std::vector<Dated<events::v1::TenderListStated>> tender_lists;
  std::vector<events::v1::EvaluationRecorded> evaluations;
  std::vector<events::v1::AdaptationRecorded> adaptations;
  std::optional<events::v1::AccountCeded> ceded;
  // By bundles, in micros by currency.
  std::map<std::string, int64_t> saved;
};

struct ProfilesQuery {
  bool complete_too = false;
  int page_size = 100;
  std::string continuation;
};

struct ProfileState {
  std::string account_id;
  std::string owner;
  std::vector<ProfileGap> gaps;
  int required = 0;
};

struct ProfilesAnswer {
  // The most gaps first, then by account_id.
  std::vector<ProfileState> profiles;
  int64_t account_count = 0;
  int64_t complete_count = 0;
  std::string continuation;
};

// Everything known of one account just before the moment. Requires: all parts of the history but next steps, what was
// given and the timeline.
ProfileAnswer ProfileOf(const EngagementHistory& history, Micros as_of, const domain::ProgramSet& programs,
                        const IsErased& is_erased);
// What is asked of one account, and what of it is missing. Requires: the history's contacts and knowledge.
ProfileState ProfileStateOf(const EngagementHistory& history, Micros as_of, const domain::ProgramSet& programs,
                            const IsErased& is_erased);

// Errors: those of EngagementScan; NOT_FOUND (kAccountNotFound) where nothing of the account is in scope, or it was
// merged (metadata "into_account_id").
absl::StatusOr<ProfileAnswer> GetProfile(const std::vector<const store::TableReader*>& shards,
                                         const EngagementScope& scope, const domain::ProgramSet& programs,
                                         const std::string& account_id, const IsErased& is_erased);
// Of open accounts that something is asked of. Memory: one page. Errors: those of EngagementScan.
absl::StatusOr<ProfilesAnswer> ListProfiles(const std::vector<const store::TableReader*>& shards,
                                            const EngagementScope& scope, const domain::ProgramSet& programs,
                                            const ProfilesQuery& query, const IsErased& is_erased);

}  // namespace keyledger::projections::engagement

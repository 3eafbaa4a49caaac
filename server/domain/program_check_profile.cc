// What a program asks to be known of accounts, on how many people they must rest, and which terms are the standard. See
// program_check.h.
#include <set>

#include <fmt/format.h>

#include "keyledger/events/v1/personal.pb.h"
#include "server/domain/program_part_check.h"

namespace keyledger::domain {
namespace {

using programs::v1::Coverage;
using programs::v1::Profile;
using programs::v1::Program;

constexpr int kProfilesMax = 20;
constexpr int kRequiredFactsMax = 100;
constexpr int kRequiredPostsMax = 50;
constexpr int kPersonFieldsMax = 16;
constexpr int64_t kAgeDaysMax = 3'660;
constexpr int kCoverageMax = 20;
constexpr int64_t kMinPeopleMax = 20;
constexpr int64_t kWindowDaysMax = 1'096;
constexpr int64_t kRankGapMax = 8;
constexpr int kStandardTermsMax = 20;

class ProfileCheck : private ProgramPartCheck {
 public:
  ProfileCheck(const Program& program, std::vector<ProgramMistake>& mistakes)
      : ProgramPartCheck(mistakes), program_(program) {}

  void Run() {
    CheckRange("profiles", program_.profiles_size(), 0, kProfilesMax, "profiles");
    for (int i = 0; i < program_.profiles_size(); ++i) {
      CheckProfile(fmt::format("profiles[{}]", i), program_.profiles(i));
    }
    CheckRange("coverage", program_.coverage_size(), 0, kCoverageMax, "entries");
    for (int i = 0; i < program_.coverage_size(); ++i) {
      CheckCoverage(fmt::format("coverage[{}]", i), program_.coverage(i));
    }
    if (program_.has_payment_terms()) CheckTerms("payment_terms.standard", program_.payment_terms().standard());
  }

 private:
  void CheckProfile(const std::string& path, const Profile& profile) {
    CheckTierIds(path + ".tier_ids", profile.tier_ids(), program_);
    CheckRange(path + ".facts", profile.facts_size(), 0, kRequiredFactsMax, "facts");
    std::set<std::string> keys;
    for (int i = 0; i < profile.facts_size(); ++i) {
      const std::string at = fmt::format("{}.facts[{}]", path, i);
      CheckId(at + ".fact_key", profile.facts(i).fact_key());
      CheckDistinct(at + ".fact_key", profile.facts(i).fact_key(), keys);
      CheckRange(at + ".max_age_days", profile.facts(i).max_age_days(), 0, kAgeDaysMax, "days");
    }
    CheckRange(path + ".posts", profile.posts_size(), 0, kRequiredPostsMax, "posts");
    std::set<std::string> posts;
    for (int i = 0; i < profile.posts_size(); ++i) {
      const std::string at = fmt::format("{}.posts[{}]", path, i);
      CheckPost(at, profile.posts(i));
      CheckDistinct(at + ".post", profile.posts(i).post(), posts);
    }
    CheckRange(path + ".need_max_age_days", profile.need_max_age_days(), 0, kAgeDaysMax, "days");
    CheckRange(path + ".position_max_age_days", profile.position_max_age_days(), 0, kAgeDaysMax, "days");
  }

  void CheckPost(const std::string& path, const programs::v1::RequiredPost& post) {
    CheckId(path + ".post", post.post());
    CheckRange(path + ".max_age_days", post.max_age_days(), 0, kAgeDaysMax, "days");
    CheckRange(path + ".person_fields", post.person_fields_size(), 0, kPersonFieldsMax, "fields");
    std::set<std::string> fields;
    for (int i = 0; i < post.person_fields_size(); ++i) {
      const std::string at = fmt::format("{}.person_fields[{}]", path, i);
      const std::string& field = post.person_fields(i);
      if (events::v1::PersonDetails::descriptor()->FindFieldByName(field) == nullptr) {
        Add(at, fmt::format("'{}' is no field of a person's details", field));
      }
      CheckDistinct(at, field, fields);
    }
  }

  void CheckCoverage(const std::string& path, const Coverage& coverage) {
    CheckTierIds(path + ".tier_ids", coverage.tier_ids(), program_);
    CheckRange(path + ".min_people", coverage.min_people(), 1, kMinPeopleMax, "people");
    CheckRange(path + ".window_days", coverage.window_days(), 1, kWindowDaysMax, "days");
    CheckRange(path + ".rank_gap", coverage.rank_gap(), 0, kRankGapMax, "ranks");
    CheckKinds(path + ".kinds", coverage.kinds(), 0);
  }

  void CheckTerms(const std::string& path, const google::protobuf::RepeatedPtrField<std::string>& terms) {
    CheckRange(path, terms.size(), 1, kStandardTermsMax, "terms");
    std::set<std::string> seen;
    for (int i = 0; i < terms.size(); ++i) {
      const std::string at = fmt::format("{}[{}]", path, i);
      CheckId(at, terms[i]);
      CheckDistinct(at, terms[i], seen);
    }
  }

  const Program& program_;
};

}  // namespace

void CheckProfiles(const Program& program, std::vector<ProgramMistake>& mistakes) {
  ProfileCheck(program, mistakes).Run();
}

}  // namespace keyledger::domain

// How many accounts are managed, counted by hand.
#include "projections/engagement/management_queries.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/projections/engagement_logs.h"

namespace keyledger::projections::engagement {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kMonthlyCall = R"(
cadence:
  duties:
    - {rule_id: phone, kinds: [phone], times: 1, unit: month}
)";
const Micros kAsOf = Utc(2024, 3, 20);
// Of January the call is asked for, of December it is not.
const Micros kStart = Utc(2024, 1, 1) + 1;

void Open(MeetingLog& log, const std::string& account, Micros opened, const std::string& owner,
          const std::string& region, const std::string& segment) {
  log.OpenFor(account, opened, owner, region);
  log.Event(account, opened).mutable_account_facts_updated()->set_segment(segment);
}

void Draft(MeetingLog& log, const std::string& account, Micros start, Micros end) {
  auto* drafted = log.Event(account, Utc(2024, 1, 1, 1)).mutable_plan_drafted();
  drafted->set_plan_id("p");
  testing::SetTime(start, drafted->mutable_start_time());
  testing::SetTime(end, drafted->mutable_end_time());
}

void Agree(MeetingLog& log, const std::string& account, Micros review) {
  auto* agreed = log.Event(account, Utc(2024, 1, 1, 2)).mutable_plan_agreed();
  agreed->set_plan_id("p");
  testing::SetTime(review, agreed->mutable_review_time());
}

// a is managed. b's plan waits for its review and is in force to the last moment. c's is a draft, and it was met before
// the stretch alone. d has no owner, its plan is over, and February's call was missed. e is closed. f is new: it has a
// plan, and nothing came due.
MeetingLog SixAccounts() {
  MeetingLog log;
  const Micros year = Utc(2024, 1, 1);
  Open(log, "a", year, "km-1", "CN/31", "hotel");
  Open(log, "b", year, "km-1", "CN", "hotel");
  Open(log, "c", Utc(2023, 6, 1), "km-2", "", "hotel");
  Open(log, "d", year, "", "CN/31", "shop");
  Open(log, "e", year, "km-2", "CN", "shop");
  Open(log, "f", Utc(2024, 3, 5), "km-2", "", "");
  for (const char* account : {"a", "f"}) Draft(log, account, Utc(2024, 1, 1), Utc(2025, 1, 1));
  Draft(log, "b", Utc(2024, 1, 1), kAsOf);
  Draft(log, "c", Utc(2024, 1, 1), Utc(2025, 1, 1));
  Draft(log, "d", Utc(2024, 1, 1), kAsOf - 1);
  Agree(log, "a", kAsOf + 1);
  Agree(log, "b", kAsOf);
  Agree(log, "d", Utc(2025, 1, 1));
  Agree(log, "f", Utc(2025, 1, 1));
  for (const char* account : {"a", "b"}) {
    log.Meet(account, Utc(2024, 1, 5));
    log.Meet(account, Utc(2024, 2, 5));
  }
  log.Meet("c", Utc(2023, 12, 31));
  log.Meet("d", Utc(2024, 1, 5));
  log.Event("e", Utc(2024, 3, 1)).mutable_account_closed()->set_reason("moved");
  return log;
}

ManagementAnswer Ask(const MeetingLog& log, ManagementGroup by, EngagementScope scope = {.as_of = kAsOf},
                     uint32_t shards = 1) {
  const domain::ProgramSet programs({ProgramOf(Head() + kMonthlyCall)});
  const FoldedShards folded(log, shards);
  const auto answer = GetManagement(folded.readers(), scope, programs, {.start = kStart, .by = by});
  EXPECT_TRUE(answer.ok()) << answer.status();
  return answer.ok() ? *answer : ManagementAnswer();
}

// "hotel 3: 3 owned, 2 planned, 1 reviewed, 2 of 3 kept, 2 met, 1 managed".
std::string Line(const ManagementCount& count) {
  return fmt::format("{} {}: {} owned, {} planned, {} reviewed, {} of {} kept, {} met, {} managed", count.value,
                     count.accounts, count.owned, count.planned, count.reviewed, count.kept, count.asked, count.met,
                     count.managed);
}

std::vector<std::string> Lines(const ManagementAnswer& answer) {
  std::vector<std::string> lines;
  for (const ManagementCount& count : answer.groups) lines.push_back(Line(count));
  return lines;
}

TEST(Management, CountsAccountsWithOwnerPlanReviewAndCadence) {
  const ManagementAnswer answer = Ask(SixAccounts(), ManagementGroup::kNone);
  // Owned: a, b, c, f. In force: a, b, f; b's review is overdue. Asked: a, b, c, d; kept by a and b. Met: a, b, d.
  EXPECT_EQ(Line(answer.total), " 5: 4 owned, 3 planned, 2 reviewed, 2 of 4 kept, 3 met, 2 managed");
  EXPECT_THAT(Lines(answer), IsEmpty());
  EXPECT_EQ(answer.without, 0);
}

TEST(Management, IsCountedByGroup) {
  const MeetingLog log = SixAccounts();
  const ManagementAnswer segments = Ask(log, ManagementGroup::kSegment);
  EXPECT_THAT(Lines(segments), ElementsAre("hotel 3: 3 owned, 2 planned, 1 reviewed, 2 of 3 kept, 2 met, 1 managed",
                                           "shop 1: 0 owned, 0 planned, 0 reviewed, 0 of 1 kept, 1 met, 0 managed"));
  EXPECT_EQ(segments.without, 1) << "f";
  EXPECT_THAT(Lines(Ask(log, ManagementGroup::kRegion)),
              ElementsAre("CN 3: 2 owned, 2 planned, 1 reviewed, 2 of 3 kept, 3 met, 1 managed",
                          "CN/31 2: 1 owned, 1 planned, 1 reviewed, 1 of 2 kept, 2 met, 1 managed"));
  const ManagementAnswer owners = Ask(log, ManagementGroup::kOwner);
  EXPECT_THAT(Lines(owners), ElementsAre("km-1 2: 2 owned, 2 planned, 1 reviewed, 2 of 2 kept, 2 met, 1 managed",
                                         "km-2 2: 2 owned, 1 planned, 1 reviewed, 0 of 1 kept, 0 met, 1 managed"));
  EXPECT_EQ(owners.without, 1) << "d";
  EXPECT_FALSE(owners.truncated);
}

TEST(Management, IsCountedByTierAndClub) {
  MeetingLog log = SixAccounts();
  log.Tier("a", Utc(2024, 3, 1), "gold");
  log.Event("b", Utc(2024, 3, 1)).mutable_club_joined()->set_club_id("club");
  EXPECT_THAT(Lines(Ask(log, ManagementGroup::kTier)),
              ElementsAre("gold 1: 1 owned, 1 planned, 1 reviewed, 1 of 1 kept, 1 met, 1 managed"));
  EXPECT_THAT(Lines(Ask(log, ManagementGroup::kClub)),
              ElementsAre("club 1: 1 owned, 1 planned, 0 reviewed, 1 of 1 kept, 1 met, 0 managed"));
}

TEST(Management, KeepsToTheAccountsAndTheMomentAskedFor) {
  const MeetingLog log = SixAccounts();
  EXPECT_EQ(Line(Ask(log, ManagementGroup::kNone, {.as_of = kAsOf, .filter = {.owner = "km-2"}}).total),
            " 2: 2 owned, 1 planned, 1 reviewed, 0 of 1 kept, 0 met, 1 managed");
  // On 2 February only January's calls had come due, e was open, and f was not.
  EXPECT_EQ(Line(Ask(log, ManagementGroup::kNone, {.as_of = Utc(2024, 2, 2)}).total),
            " 5: 4 owned, 3 planned, 3 reviewed, 3 of 5 kept, 3 met, 2 managed");
}

TEST(Management, CountsAnAccountThatWasMergedOnce) {
  MeetingLog log = SixAccounts();
  log.Merge("d", "a", Utc(2024, 3, 10));
  const ManagementAnswer answer = Ask(log, ManagementGroup::kNone);
  EXPECT_EQ(answer.total.accounts, 4);
  EXPECT_EQ(answer.total.managed, 2);
}

TEST(Management, IsTheSameOnFourShards) {
  const ManagementAnswer one = Ask(SixAccounts(), ManagementGroup::kSegment);
  const ManagementAnswer four = Ask(SixAccounts(), ManagementGroup::kSegment, {.as_of = kAsOf}, 4);
  EXPECT_EQ(Lines(four), Lines(one));
  EXPECT_EQ(Line(four.total), Line(one.total));
}

}  // namespace
}  // namespace keyledger::projections::engagement

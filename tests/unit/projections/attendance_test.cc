// Who was at an activity, by hand.
#include "projections/engagement/attendance_queries.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/projections/engagement_logs.h"

namespace keyledger::projections::engagement {
namespace {

using ::testing::ElementsAre;

size_t Attend(MeetingLog& log, const std::string& account, Micros occurred, const std::string& activity,
              const std::vector<std::string>& contacts) {
  auto* made = log.Event(account, occurred).mutable_interaction_made();
  made->set_kind(events::v1::INTERACTION_KIND_ACTIVITY);
  made->set_activity_id(activity);
  made->add_people("km-07");
  for (const std::string& contact : contacts) made->add_contact_ids(contact);
  return log.records().size() - 1;
}

// Three accounts at the gathering, one of them twice; one entry was taken back.
MeetingLog Gathering() {
  MeetingLog log;
  for (const char* account : {"a", "b", "c", "d"}) log.OpenFor(account, Utc(2025, 1, 1), "km-07", "CN");
  Attend(log, "b", Utc(2026, 1, 10), "gathering", {"head"});
  Attend(log, "a", Utc(2026, 1, 11), "gathering", {"buyer", "head"});
  Attend(log, "a", Utc(2026, 1, 10), "gathering", {"buyer"});
  Attend(log, "a", Utc(2026, 1, 12), "opening", {"buyer"});
  Attend(log, "c", Utc(2026, 1, 10), "gathering", {});
  log.Retract(Attend(log, "d", Utc(2026, 1, 10), "gathering", {"head"}));
  log.Meet("d", Utc(2026, 1, 10));
  return log;
}

AttendanceAnswer Ask(const MeetingLog& log, const EngagementScope& scope, AttendanceQuery query = {},
                     uint32_t shards = 1) {
  if (query.activity_id.empty()) query.activity_id = "gathering";
  const FoldedShards folded(log, shards);
  const auto answer = ListAttendance(folded.readers(), scope, query);
  EXPECT_TRUE(answer.ok()) << answer.status();
  return answer.ok() ? *answer : AttendanceAnswer();
}

// "a 2026-01-10 buyer by km-07".
std::vector<std::string> Lines(const AttendanceAnswer& answer) {
  std::vector<std::string> lines;
  for (const AttendanceRow& row : answer.rows) {
    lines.push_back(fmt::format("{} {} {} by {}", row.account_id,
                                FormatPeriod(row.occurred / kMicrosPerDay, CalendarUnit::kDay),
                                fmt::join(row.contact_ids, "+"), fmt::join(row.people, "+")));
  }
  return lines;
}

TEST(Attendance, ListsWhoWasAtAnActivityOverAllAccounts) {
  const EngagementScope scope{.as_of = Utc(2026, 2, 1)};
  for (const uint32_t shards : {1u, 4u}) {
    const AttendanceAnswer answer = Ask(Gathering(), scope, {}, shards);
    EXPECT_THAT(Lines(answer), ElementsAre("a 2026-01-10 buyer by km-07", "a 2026-01-11 buyer+head by km-07",
                                           "b 2026-01-10 head by km-07", "c 2026-01-10  by km-07"));
    EXPECT_EQ(answer.account_count, 3);
    EXPECT_EQ(answer.contact_count, 3) << "the buyer and the head of a, and the head of b";
  }
  EXPECT_THAT(Lines(Ask(Gathering(), scope, {.activity_id = "opening"})), ElementsAre("a 2026-01-12 buyer by km-07"));
}

TEST(Attendance, IsAsOfAMomentAndPageByPage) {
  EXPECT_EQ(Ask(Gathering(), {.as_of = Utc(2026, 1, 10)}).account_count, 0);
  EXPECT_EQ(Ask(Gathering(), {.as_of = Utc(2026, 1, 10) + 1}).account_count, 3);
  AttendanceQuery query{.page_size = 3};
  const EngagementScope scope{.as_of = Utc(2026, 2, 1)};
  const AttendanceAnswer first = Ask(Gathering(), scope, query);
  EXPECT_EQ(first.rows.size(), 3u);
  query.continuation = first.continuation;
  const AttendanceAnswer second = Ask(Gathering(), scope, query);
  EXPECT_THAT(Lines(second), ElementsAre("c 2026-01-10  by km-07"));
  EXPECT_EQ(second.account_count, 3);
  EXPECT_EQ(second.continuation, "");
}

TEST(Attendance, OfAMergedAccountIsThatOfTheOneThatGoesOn) {
  MeetingLog log = Gathering();
  log.Merge("b", "a", Utc(2026, 1, 20));
  const AttendanceAnswer answer = Ask(log, {.as_of = Utc(2026, 2, 1)});
  EXPECT_EQ(answer.account_count, 2);
  EXPECT_EQ(answer.contact_count, 3) << "two accounts may both have had a head";
  EXPECT_EQ(answer.rows.at(0).account_id, "a");
  EXPECT_EQ(answer.rows.at(3).account_id, "c");
}

}  // namespace
}  // namespace keyledger::projections::engagement

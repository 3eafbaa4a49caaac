// How cadence was kept, and the lists of what is due: counts by hand, pages, and that neither the order in which things
// were recorded nor the number of shards changes an answer.
#include <algorithm>
#include <random>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "projections/engagement/duty_queries.h"
#include "tests/unit/projections/engagement_logs.h"

namespace keyledger::projections::engagement {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kVisit = events::v1::INTERACTION_KIND_VISIT;
constexpr auto kMail = events::v1::INTERACTION_KIND_MAIL;

constexpr const char* kClassA = R"(
cadence:
  duties:
    - {rule_id: phone_a, tier_ids: [a], kinds: [phone], times: 3, unit: month, spread: true}
    - {rule_id: visit_a, tier_ids: [a], kinds: [visit, first_visit], times: 1, unit: month}
    - {rule_id: mail_a, tier_ids: [a], kinds: [mail], times: 1, unit: month}
    - {rule_id: activity_a, tier_ids: [a], kinds: [activity], times: 1, unit: month, length: 2}
    - {rule_id: friendship_a, tier_ids: [a], kinds: [friendship_meeting], times: 1, unit: month, length: 3}
)";
constexpr const char* kPhones = R"(
cadence:
  duties:
    - {rule_id: phone, kinds: [phone], times: 3, unit: month, spread: true}
  follow_ups:
    - {rule_id: call_after_visit, after_kinds: [visit], kinds: [phone], due_days: 3}
)";

using Programs = std::vector<std::shared_ptr<const domain::CompiledProgram>>;

CadenceAnswer Cadence(const FoldedShards& shards, const Programs& programs, const EngagementScope& scope,
                      const CadenceQuestion& question) {
  const domain::ProgramSet set(programs);
  auto answer = GetCadence(shards.readers(), scope, set, question);
  EXPECT_TRUE(answer.ok()) << answer.status();
  return answer.ok() ? *answer : CadenceAnswer();
}

DueAnswer Due(const FoldedShards& shards, const Programs& programs, const EngagementScope& scope,
              const DueQuestion& question = {}) {
  const domain::ProgramSet set(programs);
  auto answer = ListDue(shards.readers(), scope, set, question);
  EXPECT_TRUE(answer.ok()) << answer.status();
  return answer.ok() ? *answer : DueAnswer();
}

std::vector<std::string> IdsOf(const std::vector<Duty>& duties) {
  std::vector<std::string> ids;
  for (const Duty& duty : duties) ids.push_back(duty.duty_id);
  return ids;
}

// "phone 3: 1 kept, 1 late, 1 missed, 0 beyond".
std::string Line(const std::string& name, const CadenceCount& count) {
  return fmt::format("{} {}: {} kept, {} late, {} missed, {} beyond", name, count.required, count.kept, count.kept_late,
                     count.missed, count.beyond);
}

std::vector<std::string> Lines(const std::vector<NamedCadence>& named) {
  std::vector<std::string> lines;
  for (const NamedCadence& each : named) lines.push_back(Line(each.name, each.count));
  return lines;
}

void OpenA(MeetingLog& log, const std::string& account, Micros opened, const std::string& owner = "km-07") {
  log.OpenFor(account, opened, owner);
  log.Tier(account, opened, "a");
}

TEST(Cadence, OfClassAAsksOfAYearThirtySixCallsTwelveVisitsAndMailsSixActivitiesAndFourMeetings) {
  MeetingLog log;
  OpenA(log, "acme", In("Asia/Shanghai", 2024, 1, 1));
  const Programs programs = {ProgramOf(Head("Asia/Shanghai") + kClassA)};
  const Micros end = In("Asia/Shanghai", 2025, 1, 1);
  const auto answer =
      Cadence(FoldedShards(log), programs, {.as_of = end}, {.start = In("Asia/Shanghai", 2024, 1, 1) + 1});
  EXPECT_THAT(Lines(answer.rules), ElementsAre("activity_a 6: 0 kept, 0 late, 6 missed, 0 beyond",
                                               "friendship_a 4: 0 kept, 0 late, 4 missed, 0 beyond",
                                               "mail_a 12: 0 kept, 0 late, 12 missed, 0 beyond",
                                               "phone_a 36: 0 kept, 0 late, 36 missed, 0 beyond",
                                               "visit_a 12: 0 kept, 0 late, 12 missed, 0 beyond"));
  EXPECT_EQ(Line("all", answer.total), "all 70: 0 kept, 0 late, 70 missed, 0 beyond");
  EXPECT_THAT(Lines(answer.people), ElementsAre("km-07 70: 0 kept, 0 late, 70 missed, 0 beyond"));
  ASSERT_EQ(answer.accounts.size(), 1u);
  EXPECT_EQ(answer.accounts[0].owner, "km-07");
}

TEST(Cadence, TellsKeptFromLateFromMissedFromMoreThanWasAsked) {
  MeetingLog log;
  OpenA(log, "a", Utc(2024, 1, 1));
  const Programs programs = {ProgramOf(Head() + kPhones)};
  // January: due by the 11th, the 21st and the 31st.
  log.Meet("a", Utc(2024, 1, 5));
  log.Meet("a", Utc(2024, 1, 25));
  // February: four of three.
  for (const int day : {1, 2, 3, 4}) log.Meet("a", Utc(2024, 2, day));
  // A visit in March, followed late; the call is one of the three as well.
  log.Meet("a", Utc(2024, 3, 1), {.kind = kVisit});
  log.Meet("a", Utc(2024, 3, 6));
  const auto answer = Cadence(FoldedShards(log), programs, {.as_of = Utc(2024, 3, 20)},
                              {.start = Utc(2024, 1, 1) + 1, .account_id = "a"});
  EXPECT_THAT(Lines(answer.rules), ElementsAre("call_after_visit 1: 0 kept, 1 late, 0 missed, 0 beyond",
                                               "phone 7: 5 kept, 1 late, 1 missed, 1 beyond"));
  EXPECT_EQ(answer.total.kept_share(), std::optional<double>(0.625));
  ASSERT_EQ(answer.periods.size(), 3u);
  EXPECT_EQ(answer.periods[0].period, "2024-03");
  EXPECT_TRUE(answer.periods[0].kept) << "it is not over";
  EXPECT_EQ(answer.periods[1].made, 4u);
  EXPECT_TRUE(answer.periods[1].kept);
  EXPECT_EQ(answer.periods[2].required, 3u);
  EXPECT_EQ(answer.periods[2].made, 2u);
  EXPECT_FALSE(answer.periods[2].kept);
  EXPECT_EQ(answer.periods[2].start, Utc(2024, 1, 1));
  EXPECT_EQ(answer.periods[2].end, Utc(2024, 2, 1));
}

TEST(Cadence, IsOfWhoHadTheAccountWhenTheDutyCameDue) {
  MeetingLog log;
  OpenA(log, "a", Utc(2024, 1, 1), "ann");
  log.Assign("a", Utc(2024, 1, 15), "owner", "bob");
  const Programs programs = {ProgramOf(Head() + kPhones)};
  const EngagementScope scope{.as_of = Utc(2024, 2, 1)};
  const auto answer = Cadence(FoldedShards(log), programs, scope, {.start = Utc(2024, 1, 2)});
  EXPECT_THAT(Lines(answer.people),
              ElementsAre("ann 1: 0 kept, 0 late, 1 missed, 0 beyond", "bob 2: 0 kept, 0 late, 2 missed, 0 beyond"));
  const auto of_ann =
      Cadence(FoldedShards(log), programs, scope, {.start = Utc(2024, 1, 2), .filter = {.person = "ann"}});
  EXPECT_EQ(of_ann.total.required, 1);
}

TEST(Cadence, IsOfWhoHadTheAccountUntilTheDueTimeItself) {
  MeetingLog log;
  OpenA(log, "a", Utc(2024, 1, 1), "ann");
  // The last of January's calls is due, and January over, as bob takes over.
  log.Assign("a", Utc(2024, 2, 1), "owner", "bob");
  const Programs programs = {ProgramOf(Head() + kPhones)};
  const auto answer = Cadence(FoldedShards(log), programs, {.as_of = Utc(2024, 2, 2)}, {.start = Utc(2024, 1, 2)});
  EXPECT_THAT(Lines(answer.people), ElementsAre("ann 3: 0 kept, 0 late, 3 missed, 0 beyond"));
  const auto of_ann = Cadence(FoldedShards(log), programs, {.as_of = Utc(2024, 2, 2)},
                              {.start = Utc(2024, 1, 2), .filter = {.person = "ann"}, .account_id = "a"});
  ASSERT_EQ(of_ann.periods.size(), 1u);
  EXPECT_EQ(of_ann.periods[0].period, "2024-01");
}

TEST(Cadence, OfAMergedAccountIsOfWhoHadItBefore) {
  const Programs programs = {
      ProgramOf(Head() +
                "cadence:\n  follow_ups:\n"
                "    - {rule_id: call, after_kinds: [visit], kinds: [phone], due_days: 1, owner_roles: [engineer]}\n")};
  MeetingLog log;
  OpenA(log, "b", Utc(2024, 1, 1), "ann");
  log.Meet("b", Utc(2024, 1, 4), {.kind = kVisit});
  log.Meet("b", Utc(2024, 1, 8), {.kind = kVisit});
  log.Meet("b", Utc(2024, 1, 9), {.person = "ann"});
  OpenA(log, "a", Utc(2024, 1, 1), "bob");
  log.Merge("b", "a", Utc(2024, 1, 15));
  const auto answer = Cadence(FoldedShards(log), programs, {.as_of = Utc(2024, 1, 20)}, {.start = Utc(2024, 1, 2)});
  // No engineer: ann called for both, for the first of them late.
  EXPECT_THAT(Lines(answer.people), ElementsAre("ann 2: 1 kept, 1 late, 0 missed, 0 beyond"));
}

void Plan(MeetingLog& log, const std::string& id, Micros start, const std::vector<std::string>& people) {
  auto* planned = log.Event("a", Utc(2024, 1, 2)).mutable_interaction_planned();
  planned->set_interaction_id(id);
  planned->set_kind(kVisit);
  testing::SetTime(start, planned->mutable_start_time());
  for (const std::string& person : people) planned->add_people(person);
}

size_t Make(MeetingLog& log, const std::string& id, Micros occurred, uint32_t late_minutes) {
  auto* made = log.Event("a", occurred).mutable_interaction_made();
  made->set_kind(kVisit);
  made->set_interaction_id(id);
  made->add_people("ann");
  made->set_late_minutes(late_minutes);
  return log.records().size() - 1;
}

void Miss(MeetingLog& log, const std::string& id, Micros occurred, events::v1::MissedCause cause, Micros again = 0) {
  auto* missed = log.Event("a", occurred).mutable_interaction_missed();
  missed->set_interaction_id(id);
  missed->set_cause(cause);
  if (again != 0) testing::SetTime(again, missed->mutable_new_start_time());
}

// "bob 2: 1 made, 1 late, missed 1 by us, 0 by them, 0 cancelled, 0 put off, 0 open".
std::string Line(const std::string& name, const AppointmentCount& count) {
  return fmt::format("{} {}: {} made, {} late, missed {} by us, {} by them, {} cancelled, {} put off, {} open", name,
                     count.appointments, count.made, count.made_late, count.missed_by_us, count.missed_by_account,
                     count.cancelled, count.put_off, count.open);
}

// Set for the 10th to the 17th of January, of ann unless it is said otherwise.
MeetingLog EightAppointments() {
  MeetingLog log;
  OpenA(log, "a", Utc(2024, 1, 1), "ann");
  Plan(log, "on_time", Utc(2024, 1, 10), {"ann"});
  Plan(log, "late", Utc(2024, 1, 11), {"ann", "bob"});
  Plan(log, "later", Utc(2024, 1, 12), {"ann"});
  Plan(log, "ours", Utc(2024, 1, 13), {"bob"});
  Plan(log, "theirs", Utc(2024, 1, 14), {"ann"});
  Plan(log, "called_off", Utc(2024, 1, 15), {"ann"});
  Plan(log, "put_off", Utc(2024, 1, 16), {"ann"});
  Plan(log, "no_word", Utc(2024, 1, 17), {"ann"});
  Make(log, "on_time", Utc(2024, 1, 10), 0);
  Make(log, "late", Utc(2024, 1, 11), 15);
  Make(log, "later", Utc(2024, 1, 12), 30);
  Miss(log, "ours", Utc(2024, 1, 13), events::v1::MISSED_CAUSE_OURS);
  Miss(log, "theirs", Utc(2024, 1, 14), events::v1::MISSED_CAUSE_ACCOUNT);
  Miss(log, "called_off", Utc(2024, 1, 14), events::v1::MISSED_CAUSE_CANCELLED);
  Miss(log, "put_off", Utc(2024, 1, 15), events::v1::MISSED_CAUSE_POSTPONED, Utc(2024, 1, 20));
  Make(log, "put_off", Utc(2024, 1, 20), 0);
  return log;
}

TEST(Appointments, AreCountedByWhatBecameOfThemInTotalAndByPerson) {
  const FoldedShards shards(EightAppointments());
  const auto answer = Cadence(shards, {}, {.as_of = Utc(2024, 2, 1)}, {.start = Utc(2024, 1, 10)});
  EXPECT_EQ(Line("all", answer.appointments),
            "all 9: 4 made, 2 late, missed 1 by us, 1 by them, 1 cancelled, 1 put off, 1 open");
  EXPECT_EQ(answer.appointments.mean_late_minutes(), std::optional<double>(22.5));
  ASSERT_EQ(answer.appointment_people.size(), 2u);
  EXPECT_EQ(Line(answer.appointment_people[0].person, answer.appointment_people[0].count),
            "ann 8: 4 made, 2 late, missed 0 by us, 1 by them, 1 cancelled, 1 put off, 1 open");
  EXPECT_EQ(Line(answer.appointment_people[1].person, answer.appointment_people[1].count),
            "bob 2: 1 made, 1 late, missed 1 by us, 0 by them, 0 cancelled, 0 put off, 0 open");
  EXPECT_EQ(answer.appointment_people[1].count.mean_late_minutes(), std::optional<double>(15));
}

TEST(Appointments, AreOfTheTimeThatTheyWereSetFor) {
  const FoldedShards shards(EightAppointments());
  // The first two were before. Of the one that was put off neither time nor outcome has come; no word of one is none
  // yet.
  const auto answer = Cadence(shards, {}, {.as_of = Utc(2024, 1, 16)}, {.start = Utc(2024, 1, 12)});
  EXPECT_EQ(Line("all", answer.appointments),
            "all 4: 1 made, 1 late, missed 1 by us, 1 by them, 1 cancelled, 0 put off, 0 open");
  EXPECT_EQ(Cadence(shards, {}, {.as_of = Utc(2024, 1, 16) + 1}, {.start = Utc(2024, 1, 12)}).appointments.put_off, 1);
}

TEST(Appointments, AreOfOnePersonWhereOneIsAskedAboutAndOfNoRule) {
  const FoldedShards shards(EightAppointments());
  const EngagementScope scope{.as_of = Utc(2024, 2, 1)};
  const auto of_ann = Cadence(shards, {}, scope, {.start = Utc(2024, 1, 1), .filter = {.person = "ann"}});
  EXPECT_EQ(of_ann.appointments.appointments, 8);
  EXPECT_EQ(of_ann.appointment_people.size(), 1u);
  const auto of_rule = Cadence(shards, {}, scope, {.start = Utc(2024, 1, 1), .filter = {.rule_id = "phone"}});
  EXPECT_EQ(of_rule.appointments, AppointmentCount());
}

TEST(Appointments, FallAwayWithTheAccount) {
  MeetingLog log = EightAppointments();
  log.Event("a", Utc(2024, 1, 16, 12)).mutable_account_closed()->set_reason("moved");
  const auto answer = Cadence(FoldedShards(log), {}, {.as_of = Utc(2024, 2, 1)}, {.start = Utc(2024, 1, 10)});
  EXPECT_EQ(answer.appointments.open, 0) << "nobody was to come on the 17th any more";
  EXPECT_EQ(answer.appointments.appointments, 8);
}

TEST(Cadence, CountsNextStepsUnderTheirOwnName) {
  MeetingLog log;
  OpenA(log, "a", Utc(2024, 1, 1));
  for (const int day : {2, 10}) {
    auto* made = log.Event("a", Utc(2024, 1, day)).mutable_interaction_made();
    made->set_kind(kVisit);
    made->add_people("km-07");
    made->mutable_next_step()->set_what("mail the offer");
    made->mutable_next_step()->set_kind(kMail);
    testing::SetTime(Utc(2024, 1, day + 3), made->mutable_next_step()->mutable_due_time());
  }
  log.Meet("a", Utc(2024, 1, 4), {.kind = kMail});
  const auto answer =
      Cadence(FoldedShards(log), {ProgramOf(Head())}, {.as_of = Utc(2024, 2, 1)}, {.start = Utc(2024, 1, 1)});
  EXPECT_THAT(Lines(answer.rules), ElementsAre("next_step 2: 1 kept, 0 late, 1 missed, 0 beyond"));
}

TEST(Cadence, OfAPeriodInWhichTheAccountWasClosedAsksWhatWasDueBefore) {
  MeetingLog log;
  OpenA(log, "a", Utc(2024, 1, 1));
  log.Event("a", Utc(2024, 1, 25)).mutable_account_closed();
  const auto answer = Cadence(FoldedShards(log), {ProgramOf(Head() + kPhones)}, {.as_of = Utc(2024, 6, 1)},
                              {.start = Utc(2024, 1, 2), .account_id = "a"});
  EXPECT_THAT(Lines(answer.rules), ElementsAre("phone 2: 0 kept, 0 late, 2 missed, 0 beyond"));
  ASSERT_EQ(answer.periods.size(), 1u);
  EXPECT_EQ(answer.periods[0].required, 2u);
}

TEST(Cadence, ListsAccountsByTheLeastKeptShareInPages) {
  MeetingLog log;
  for (const char* account : {"a", "b", "c"}) OpenA(log, account, Utc(2024, 1, 1));
  log.Meet("a", Utc(2024, 1, 2));
  for (const int day : {2, 3, 4}) log.Meet("b", Utc(2024, 1, day));
  const Programs programs = {ProgramOf(Head() + kPhones)};
  const FoldedShards shards(log, 3);
  CadenceQuestion question{.start = Utc(2024, 1, 2), .page_size = 1};
  std::vector<std::string> listed;
  do {
    const auto page = Cadence(shards, programs, {.as_of = Utc(2024, 2, 1)}, question);
    EXPECT_EQ(page.total.required, 9);
    for (const CadenceOfAccount& account : page.accounts) listed.push_back(account.account_id);
    question.after = page.next;
  } while (!question.after.empty() && listed.size() < 10);
  EXPECT_THAT(listed, ElementsAre("c", "a", "b"));
}

TEST(ListDue, IsByDueTimeThenAccountAndCountsAllPages) {
  MeetingLog log;
  for (const char* account : {"b", "a"}) OpenA(log, account, Utc(2024, 1, 1));
  const Programs programs = {ProgramOf(Head() + kPhones)};
  const FoldedShards shards(log, 2);
  const EngagementScope scope{.as_of = Utc(2024, 1, 15)};
  DueQuestion question{.until = Utc(2024, 2, 1), .page_size = 4};
  const auto first = Due(shards, programs, scope, question);
  EXPECT_THAT(IdsOf(first.duties),
              ElementsAre("a/phone/2024-01/1", "b/phone/2024-01/1", "a/phone/2024-01/2", "b/phone/2024-01/2"));
  EXPECT_EQ(first.due_count, 6);
  EXPECT_EQ(first.overdue_count, 2);
  EXPECT_EQ(first.account_count, 2);
  const auto moment = DueMomentOf(first.next);
  ASSERT_TRUE(moment.ok()) << moment.status();
  EXPECT_EQ(*moment, Utc(2024, 1, 15));
  question.after = first.next;
  const auto second = Due(shards, programs, scope, question);
  EXPECT_THAT(IdsOf(second.duties), ElementsAre("a/phone/2024-01/3", "b/phone/2024-01/3"));
  EXPECT_EQ(second.due_count, 6);
  EXPECT_EQ(second.next, "");
}

TEST(ListDue, IsNarrowedToAPersonAnAccountAKindAndWhatIsOverdue) {
  MeetingLog log;
  OpenA(log, "a", Utc(2024, 1, 1), "ann");
  OpenA(log, "b", Utc(2024, 1, 1), "bob");
  log.Assign("b", Utc(2024, 1, 2), "engineer", "ann");
  auto* promise = log.Event("a", Utc(2024, 1, 3)).mutable_promise_published();
  promise->set_promise_id("P-1");
  testing::SetTime(Utc(2024, 1, 20), promise->mutable_due_time());
  const Programs programs = {ProgramOf(Head() + kPhones)};
  const FoldedShards shards(log);
  const EngagementScope scope{.as_of = Utc(2024, 1, 15)};
  const auto ids = [&](const DueQuestion& question) { return IdsOf(Due(shards, programs, scope, question).duties); };
  const Micros until = Utc(2024, 1, 22);
  EXPECT_THAT(ids({.person = "ann", .until = until}),
              ElementsAre("a/phone/2024-01/1", "a/promise/P-1", "a/phone/2024-01/2"));
  EXPECT_THAT(ids({.account_id = "b", .until = until}), ElementsAre("b/phone/2024-01/1", "b/phone/2024-01/2"));
  EXPECT_THAT(ids({.until = until, .kinds = {DutyKind::kPromise}}), ElementsAre("a/promise/P-1"));
  EXPECT_THAT(ids({.until = until, .overdue_only = true}), ElementsAre("a/phone/2024-01/1", "b/phone/2024-01/1"));
  EXPECT_THAT(ids({.person = "nobody", .until = until}), IsEmpty());
}

TEST(ListDue, OfAPersonHoldsWhatNamesThePersonOnAccountsOfOthers) {
  MeetingLog log;
  const Micros day = Utc(2024, 1, 3);
  const Micros due = Utc(2024, 1, 10);
  for (const char* account : {"handover", "issue", "moved", "next", "plan", "planned", "promise", "quote", "taken"}) {
    OpenA(log, account, Utc(2024, 1, 1), "ann");
  }
  auto* given = log.Event("handover", day).mutable_handover_given();
  given->set_handover_id("H-1");
  given->set_to_person("bob");
  testing::SetTime(due, given->mutable_due_time());
  for (const char* account : {"issue", "moved"}) {
    auto* issue = log.Event(account, day).mutable_issue_opened();
    issue->set_issue_id("I-1");
    issue->set_person(std::string(account) == "issue" ? "bob" : "ann");
    testing::SetTime(due, issue->mutable_due_time());
  }
  auto* moved = log.Event("moved", day).mutable_issue_moved();
  moved->set_issue_id("I-1");
  moved->set_state(events::v1::ISSUE_STATE_ANSWERED);
  moved->set_person("bob");
  auto* next = log.Event("next", day).mutable_interaction_made();
  next->set_kind(kMail);
  next->add_people("ann");
  next->mutable_next_step()->set_person("bob");
  testing::SetTime(due, next->mutable_next_step()->mutable_due_time());
  auto* plan = log.Event("plan", day).mutable_plan_drafted();
  plan->set_plan_id("N-1");
  plan->set_person("bob");
  auto* agreed = log.Event("plan", day).mutable_plan_agreed();
  agreed->set_plan_id("N-1");
  testing::SetTime(due, agreed->mutable_review_time());
  auto* planned = log.Event("planned", day).mutable_interaction_planned();
  planned->set_interaction_id("M-1");
  planned->add_people("ann");
  planned->add_people("bob");
  testing::SetTime(due, planned->mutable_start_time());
  auto* promise = log.Event("promise", day).mutable_promise_published();
  promise->set_promise_id("P-1");
  promise->set_person("bob");
  testing::SetTime(due, promise->mutable_due_time());
  auto* proposed = log.Event("quote", day).mutable_quote_proposed();
  proposed->set_quote_id("Q-1");
  proposed->set_needs_approval(true);
  auto* asked = log.Event("quote", day).mutable_quote_approval_requested();
  asked->set_quote_id("Q-1");
  asked->set_person("bob");
  auto* taken = log.Event("taken", day).mutable_handover_given();
  taken->set_handover_id("H-1");
  taken->set_to_person("ann");
  auto* acknowledged = log.Event("taken", day).mutable_handover_acknowledged();
  acknowledged->set_handover_id("H-1");
  acknowledged->set_person("bob");
  testing::SetTime(due, acknowledged->mutable_next_step()->mutable_due_time());
  const Programs programs = {ProgramOf(Head() + "deadlines: {approval_hours: 24}\n")};
  const FoldedShards shards(log, 2);
  std::vector<std::string> accounts;
  for (const Duty& duty : Due(shards, programs, {.as_of = Utc(2024, 1, 15)}, {.person = "bob"}).duties) {
    accounts.push_back(duty.account_id);
  }
  std::sort(accounts.begin(), accounts.end());
  EXPECT_THAT(accounts,
              ElementsAre("handover", "issue", "moved", "next", "plan", "planned", "promise", "quote", "taken"));
}

TEST(ListDue, OfAnAccountThatWasMergedNamesTheOneThatGoesOn) {
  MeetingLog log;
  OpenA(log, "old", Utc(2024, 1, 1));
  OpenA(log, "new", Utc(2024, 1, 1));
  log.Merge("old", "new", Utc(2024, 1, 5));
  const FoldedShards shards(log, 2);
  const domain::ProgramSet programs;
  const DueQuestion question{.account_id = "old"};
  const EngagementScope scope{.as_of = Utc(2024, 1, 15)};
  const absl::Status due = ListDue(shards.readers(), scope, programs, question).status();
  EXPECT_EQ(due.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(due.message()), ::testing::HasSubstr("was merged into new"));
  EXPECT_EQ(GetCadence(shards.readers(), scope, programs, {.account_id = "old"}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_TRUE(ListDue(shards.readers(), {.as_of = Utc(2024, 1, 4)}, programs, question).ok());
}

TEST(ListDue, RefusesAMomentTooFarAheadAndATokenThatIsNone) {
  const FoldedShards shards{MeetingLog()};
  const domain::ProgramSet programs;
  const EngagementScope scope{.as_of = Utc(2024, 1, 1)};
  const Micros furthest = Utc(2024, 1, 1) + 1'096 * kMicrosPerDay;
  EXPECT_TRUE(ListDue(shards.readers(), scope, programs, {.until = furthest}).ok());
  EXPECT_EQ(ListDue(shards.readers(), scope, programs, {.until = furthest + 1}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ListDue(shards.readers(), scope, programs, {.after = "x"}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DueMomentOf("x").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ListDue, TellsDaysOfContactsOnlyWhereTheyAreGiven) {
  MeetingLog log;
  OpenA(log, "a", Utc(2024, 1, 1));
  const Programs programs = {ProgramOf(
      Head() + "cadence:\n  occasions:\n    - {rule_id: greetings, kinds: [greeting], contact_days: true}\n")};
  const FoldedShards shards(log);
  const EngagementScope scope{.as_of = Utc(2024, 3, 5, 9)};
  EXPECT_EQ(Due(shards, programs, scope).due_count, 0);
  DueQuestion question;
  question.contact_days = [](const EngagementHistory&) -> absl::StatusOr<std::vector<ContactDay>> {
    return std::vector<ContactDay>{{0, "buyer-1", "birthday", "birthday", 0, 3, 5}};
  };
  const auto told = Due(shards, programs, scope, question);
  ASSERT_EQ(told.duties.size(), 1u);
  EXPECT_EQ(told.duties[0].contact_id, "buyer-1");
  question.contact_days = [](const EngagementHistory&) -> absl::StatusOr<std::vector<ContactDay>> {
    return absl::InternalError("no key");
  };
  const domain::ProgramSet set(programs);
  EXPECT_EQ(ListDue(shards.readers(), scope, set, question).status().code(), absl::StatusCode::kInternal);
}

// A few accounts met at random; what an account is comes first, the meetings in an order of their own.
MeetingLog RandomMeetings(uint32_t seed, uint32_t order) {
  struct Meeting {
    std::string account;
    Micros occurred;
    Met met;
  };
  std::mt19937 random(seed);
  std::vector<Meeting> meetings;
  for (int i = 0; i < 120; ++i) {
    Meeting meeting;
    meeting.account = fmt::format("a{}", random() % 5);
    meeting.occurred = Utc(2024, 1, 2) + static_cast<Micros>(random() % (180 * 86'400)) * kMicrosPerSecond + i;
    meeting.met.kind = random() % 3 == 0 ? kVisit : events::v1::INTERACTION_KIND_PHONE;
    meetings.push_back(meeting);
  }
  std::mt19937 shuffle(order);
  std::shuffle(meetings.begin(), meetings.end(), shuffle);
  MeetingLog log;
  for (int i = 0; i < 5; ++i) OpenA(log, fmt::format("a{}", i), Utc(2024, 1, 1), fmt::format("p{}", i % 2));
  for (const Meeting& meeting : meetings) log.Meet(meeting.account, meeting.occurred, meeting.met);
  return log;
}

// Without the revisions of causes, which are of the order.
std::vector<std::string> Derived(const FoldedShards& shards, const Programs& programs, Micros as_of) {
  std::vector<std::string> lines;
  for (const Duty& duty :
       Due(shards, programs, {.as_of = as_of}, {.until = as_of + 40 * kMicrosPerDay, .page_size = 1000}).duties) {
    lines.push_back(fmt::format("{} {} {} {} {}", duty.account_id, duty.rule_id, duty.period, duty.number, duty.due));
  }
  std::sort(lines.begin(), lines.end());
  const auto cadence = Cadence(shards, programs, {.as_of = as_of}, {.start = Utc(2024, 1, 2), .page_size = 1000});
  lines.push_back(Line("total", cadence.total));
  for (const auto& line : Lines(cadence.rules)) lines.push_back(line);
  for (const auto& line : Lines(cadence.people)) lines.push_back(line);
  for (const CadenceOfAccount& account : cadence.accounts) lines.push_back(Line(account.account_id, account.count));
  return lines;
}

TEST(ListDue, IsTheSameInWhateverOrderThingsWereRecordedAndOnHoweverManyShards) {
  const Programs programs = {ProgramOf(Head("Europe/Berlin") + kPhones)};
  for (uint32_t seed = 1; seed <= 5; ++seed) {
    for (const Micros as_of : {Utc(2024, 2, 1), Utc(2024, 3, 31, 11), Utc(2024, 7, 15)}) {
      const auto expected = Derived(FoldedShards(RandomMeetings(seed, 0)), programs, as_of);
      ASSERT_GT(expected.size(), 5u);
      for (uint32_t order = 1; order <= 3; ++order) {
        EXPECT_EQ(Derived(FoldedShards(RandomMeetings(seed, order), order, 7), programs, as_of), expected) << seed;
      }
    }
  }
}

TEST(ListDue, AsOfAMomentIsWhatItWasThen) {
  const Programs programs = {ProgramOf(Head() + kPhones)};
  const MeetingLog whole = RandomMeetings(9, 0);
  for (const Micros as_of : {Utc(2024, 1, 20), Utc(2024, 3, 1), Utc(2024, 6, 11)}) {
    // A log in which nothing that occurred later was ever recorded.
    MeetingLog then;
    for (const events::v1::EventRecord& record : whole.records()) {
      const Micros occurred = testing::MicrosOfTime(record.occurred_time());
      if (occurred < as_of) *then.Add(record.account_id(), occurred).mutable_event() = record.event();
    }
    EXPECT_EQ(Derived(FoldedShards(whole), programs, as_of), Derived(FoldedShards(then), programs, as_of));
  }
}

TEST(ListDue, OfAPersonIsPartOfThatOfAll) {
  const Programs programs = {ProgramOf(Head() + kPhones)};
  const FoldedShards shards(RandomMeetings(4, 2), 2);
  const EngagementScope scope{.as_of = Utc(2024, 5, 20)};
  const auto all = Due(shards, programs, scope, {.page_size = 1000});
  // km-07 met accounts without ever having a role for them.
  for (const char* person : {"p0", "p1", "km-07"}) {
    std::vector<std::string> expected;
    for (const Duty& duty : all.duties) {
      if (std::find(duty.people.begin(), duty.people.end(), person) != duty.people.end()) {
        expected.push_back(duty.duty_id);
      }
    }
    EXPECT_EQ(IdsOf(Due(shards, programs, scope, {.person = person, .page_size = 1000}).duties), expected);
  }
}

}  // namespace
}  // namespace keyledger::projections::engagement

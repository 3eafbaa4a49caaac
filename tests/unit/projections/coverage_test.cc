// Coverage: on whom accounts rest, by hand.
#include "projections/engagement/coverage_queries.h"

#include <gtest/gtest.h>

#include "server/base/error.h"
#include "tests/unit/projections/meeting_logs.h"

namespace keyledger::projections::engagement {
namespace {

using keyledger::testing::MeetingLog;
using keyledger::testing::MeetingRows;
using keyledger::testing::ProgramOf;
using keyledger::testing::ScopeAt;
using keyledger::testing::Utc;

constexpr int64_t kUnit = 1'000'000;
const Micros kToday = Utc(2026, 1, 1);

Micros Ago(int days) { return kToday - days * kMicrosPerDay; }

// a: one of two who are asked for met it, and stands four ranks below its head. b: two met it, nobody owns it. c:
// nobody met it. d is closed.
MeetingLog FourAccounts() {
  MeetingLog log;
  log.Say("a", Ago(900), R"(account_opened { region: "CN" owner: "km-1" })");
  log.Say("a", Ago(800), R"(owner_assigned { role: "owner" person: "km-1" rank: 5 })");
  log.Say("a", Ago(700), R"(contact_placed { contact_id: "head" post: "head" rank: 1 })");
  log.Say("a", Ago(700), R"(contact_placed { contact_id: "gone" post: "deputy" rank: 1 })");
  log.Say("a", Ago(600), R"(contact_placed { contact_id: "gone" post: "deputy" left: true })");
  log.Meet("a", Ago(91), "gm-1");
  log.Meet("a", Ago(90), "km-1", R"(contact_ids: "head" contact_ids: "clerk")");
  log.Meet("a", Ago(10), "km-1", R"(contact_ids: "clerk")");
  log.Purchase("a", Ago(366), 5'000 * kUnit);
  log.Purchase("a", Ago(365), 200 * kUnit);
  log.Purchase("a", Ago(1), 100 * kUnit);
  log.Say("b", Ago(900), "account_opened {}");
  log.Meet("b", Ago(3), "km-2", R"(people: "km-3")");
  log.Meet("b", Ago(2), "km-3");
  log.Purchase("b", Ago(2), 900 * kUnit);
  log.Say("c", Ago(900), R"(account_opened { owner: "km-1" })");
  log.Say("d", Ago(900), R"(account_opened { owner: "km-1" })");
  log.Say("d", Ago(5), R"(account_closed { reason: "moved" })");
  return log;
}

domain::ProgramSet TwoPeople() { return ProgramOf("coverage { min_people: 2 window_days: 90 rank_gap: 3 }"); }

CoverageAnswer Ask(const MeetingLog& log, const CoverageQuery& query, const domain::ProgramSet& programs = TwoPeople(),
                   Micros as_of = kToday) {
  const auto rows = MeetingRows(log);
  const auto answer = GetCoverage({rows.get()}, ScopeAt(as_of), programs, query);
  EXPECT_TRUE(answer.ok()) << answer.status();
  return answer.ok() ? *answer : CoverageAnswer();
}

// "a 300: 1" by account: units of revenue, then the numbers of the flags.
std::vector<std::string> Lines(const CoverageAnswer& answer) {
  std::vector<std::string> lines;
  for (const AccountCoverage& account : answer.accounts) {
    std::string line = account.account_id + " " + std::to_string(account.revenue_micros / kUnit) + ":";
    for (const CoverageFlag flag : account.flags) line += " " + std::to_string(static_cast<int>(flag));
    lines.push_back(line);
  }
  return lines;
}

using Texts = std::vector<std::string>;

TEST(Coverage, ListsOpenAccountsByRevenueWithWhatIsNoteworthy) {
  const CoverageAnswer answer = Ask(FourAccounts(), {});
  // a: too few (1), one person (2), rank 5 against 1 where 3 below is allowed (4). b: no owner (3). c: 1 and 5.
  EXPECT_EQ(Lines(answer), (Texts{"b 900: 3", "a 300: 1 2 4", "c 0: 1 5"}));
  EXPECT_EQ(answer.account_count, 3);
  EXPECT_EQ(answer.flagged_count, 3);
  EXPECT_EQ(answer.flag_counts, (std::vector<int64_t>{2, 1, 1, 1, 1}));
  EXPECT_EQ(answer.revenue_micros, 1'200 * kUnit);
  EXPECT_EQ(answer.currency_code, "USD");
  EXPECT_EQ(answer.continuation, "");
}

TEST(Coverage, SaysWhoMeetsAnAccount) {
  const CoverageAnswer answer = Ask(FourAccounts(), {});
  const AccountCoverage& a = answer.accounts.at(1);
  // gm-1 was there a day before the window.
  ASSERT_EQ(a.people.size(), 1u);
  EXPECT_EQ(a.people[0].person, "km-1");
  EXPECT_EQ(a.people[0].roles, Texts{"owner"});
  EXPECT_EQ(a.people[0].rank, 5u);
  EXPECT_EQ(a.people[0].interactions, 2);
  EXPECT_EQ(a.people[0].last_time, Ago(10));
  EXPECT_EQ(a.people_met, 1);
  EXPECT_EQ(a.min_people, 2u);
  EXPECT_EQ(a.contacts_met, 2);
  EXPECT_EQ(a.contact_rank, 1u);
  EXPECT_EQ(a.our_rank, 5u);
  const AccountCoverage& b = answer.accounts.at(0);
  ASSERT_EQ(b.people.size(), 2u);
  EXPECT_EQ(b.people[0].person, "km-3") << "who met it twice comes first";
  EXPECT_EQ(b.people[1].roles, Texts{});
}

TEST(Coverage, ComparesWithTheRankOfAContactInThePostThatItHoldsNow) {
  MeetingLog log = FourAccounts();
  log.Say("a", Ago(300), R"(contact_placed { contact_id: "head" post: "chair" rank: 2 })");
  EXPECT_EQ(Ask(log, {}).accounts.at(1).contact_rank, 2u);
  log.Say("a", Ago(200), R"(contact_placed { contact_id: "head" post: "head" left: true })");
  EXPECT_EQ(Ask(log, {}).accounts.at(1).contact_rank, 2u) << "it left the post before, and holds the new one";
  log.Say("a", Ago(100), R"(contact_placed { contact_id: "head" post: "chair" left: true })");
  EXPECT_EQ(Ask(log, {}).accounts.at(1).contact_rank, 0u);
}

TEST(Coverage, TakesTheWindowOfTheRequestWhereNoProgramSays) {
  CoverageQuery query;
  query.window_days = 91;
  const CoverageAnswer answer = Ask(FourAccounts(), query, domain::ProgramSet());
  EXPECT_EQ(answer.accounts.at(1).people_met, 2) << "gm-1 was there 91 days ago";
  EXPECT_EQ(answer.accounts.at(1).min_people, 0u);
  query.window_days = 90;
  EXPECT_EQ(Ask(FourAccounts(), query, domain::ProgramSet()).accounts.at(1).people_met, 1);
}

TEST(Coverage, CountsOnlyTheKindsThatTheProgramSaysMeet) {
  MeetingLog log = FourAccounts();
  log.Say("a", Ago(5), R"(interaction_made { kind: INTERACTION_KIND_MAIL people: "gm-1" contact_ids: "mailed" })");
  const auto line = [&](const std::string& kinds) {
    const CoverageAnswer answer =
        Ask(log, {}, ProgramOf("coverage { min_people: 2 window_days: 90 rank_gap: 3 " + kinds + " }"));
    const AccountCoverage& a = answer.accounts[1];
    EXPECT_EQ(a.account_id, "a");
    std::string people;
    for (const CoveringPerson& person : a.people)
      people += person.person + " " + std::to_string(person.interactions) + ", ";
    return people + std::to_string(a.people_met) + " met, " + std::to_string(a.contacts_met) + " contacts";
  };
  EXPECT_EQ(line(""), "km-1 2, gm-1 1, 2 met, 3 contacts");
  EXPECT_EQ(line("kinds: INTERACTION_KIND_VISIT kinds: INTERACTION_KIND_PHONE"), "km-1 2, 1 met, 2 contacts");
  EXPECT_EQ(line("kinds: INTERACTION_KIND_MAIL"), "gm-1 1, km-1 0, 1 met, 1 contacts");
}

TEST(Coverage, ListsWhatIsAtRiskIfAPersonLeft) {
  CoverageQuery query;
  query.person = "km-1";
  EXPECT_EQ(Lines(Ask(FourAccounts(), query)), (Texts{"a 300: 1 2 4", "c 0: 1 5"}));
  query.person = "km-2";
  EXPECT_EQ(Lines(Ask(FourAccounts(), query)), Texts{}) << "km-3 met b as well";
  MeetingLog log = FourAccounts();
  log.Say("e", Ago(9), "account_opened {}");
  log.Meet("e", Ago(8), "km-2");
  EXPECT_EQ(Lines(Ask(log, query)), Texts{"e 0: 1 2 3"}) << "nobody else met e";
}

TEST(Coverage, FiltersByFlagAndGoesPageByPage) {
  CoverageQuery query;
  query.flag = CoverageFlag::kTooFew;
  EXPECT_EQ(Lines(Ask(FourAccounts(), query)), (Texts{"a 300: 1 2 4", "c 0: 1 5"}));
  query.flag.reset();
  query.page_size = 2;
  const CoverageAnswer first = Ask(FourAccounts(), query);
  EXPECT_EQ(Lines(first), (Texts{"b 900: 3", "a 300: 1 2 4"}));
  EXPECT_EQ(first.flagged_count, 3) << "of all pages";
  query.continuation = first.continuation;
  const CoverageAnswer second = Ask(FourAccounts(), query);
  EXPECT_EQ(Lines(second), Texts{"c 0: 1 5"});
  EXPECT_EQ(second.continuation, "");
}

TEST(Coverage, IsAsOfAnyMoment) {
  // A day before its only meeting in the window: nobody but gm-1 had met a.
  const CoverageAnswer answer = Ask(FourAccounts(), {}, TwoPeople(), Ago(90));
  EXPECT_EQ(Lines(answer), (Texts{"a 5200: 1 2", "b 0: 1 3 5", "c 0: 1 5", "d 0: 1 5"}));
}

TEST(Coverage, NeedsACurrencyWhereTradesHaveSeveral) {
  MeetingLog log = FourAccounts();
  log.Purchase("c", Ago(1), 70 * kUnit, "CNY");
  const auto rows = MeetingRows(log);
  const auto refused = GetCoverage({rows.get()}, ScopeAt(kToday), domain::ProgramSet(), {});
  EXPECT_EQ(FieldsOf(refused.status()).at(0).first, "currency_code");
  CoverageQuery query;
  query.currency_code = "CNY";
  EXPECT_EQ(Lines(Ask(log, query, domain::ProgramSet())), (Texts{"c 70: 5", "a 0: 4", "b 0: 3"}));
}

TEST(Coverage, EndsWhenNobodyWaits) {
  const auto rows = MeetingRows(FourAccounts());
  EngagementScope scope = ScopeAt(kToday);
  scope.canceled = [] { return true; };
  EXPECT_EQ(GetCoverage({rows.get()}, scope, domain::ProgramSet(), {}).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace keyledger::projections::engagement

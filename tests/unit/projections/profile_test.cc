// Profiles and owners, by hand.
#include "projections/engagement/profile_queries.h"

#include <gtest/gtest.h>

#include "projections/engagement/owner_queries.h"
#include "server/base/error.h"
#include "tests/unit/projections/meeting_logs.h"

namespace keyledger::projections::engagement {
namespace {

using keyledger::testing::MeetingLog;
using keyledger::testing::MeetingRows;
using keyledger::testing::ProgramOf;
using keyledger::testing::ScopeAt;
using keyledger::testing::TimeText;
using keyledger::testing::Utc;

constexpr int64_t kUnit = 1'000'000;
const Micros kNow = Utc(2026, 6, 1);

Micros Ago(int days) { return kNow - days * kMicrosPerDay; }

using Texts = std::vector<std::string>;

domain::ProgramSet Asking() {
  return ProgramOf(
      "profiles { facts { fact_key: \"industry\" } facts { fact_key: \"size\" max_age_days: 365 } "
      "posts { post: \"head\" max_age_days: 100 person_fields: \"birthday\" } posts { post: \"purchasing\" } "
      "need_max_age_days: 90 position_max_age_days: 180 }");
}

// An account of which the head is known for 101 days, without a birthday; no one buys, and needs are old.
MeetingLog Half() {
  MeetingLog log;
  log.Say("a", Ago(900), R"(account_opened { owner: "km-1" facts { key: "industry" value: "mining" } })");
  log.Say("a", Ago(366), R"(score_stated { score_id: "size" value: 40 person: "gm-1" })");
  log.Say("a", Ago(101), R"(contact_placed { contact_id: "h" post: "head" rank: 1 key_post: true })");
  log.Say("a", Ago(101), R"(contact_recorded { contact_id: "h" person { subject_id: "s-1" known_fields: "name" } })");
  log.Say("a", Ago(50), R"(contact_placed { contact_id: "p" post: "purchasing" })");
  log.Say("a", Ago(40), R"(contact_placed { contact_id: "p" post: "purchasing" left: true })");
  log.Say("a", Ago(91), R"(need_stated { need_id: "n-1" description: "two presses" })");
  log.Say("a", Ago(180), R"(position_stated { level: POSITION_LEVEL_GOOD_PRODUCT contact_id: "h" })");
  return log;
}

// "3 purchasing 2026-04-12": kind, name, the day it was known last.
Texts Gaps(const std::vector<ProfileGap>& gaps) {
  Texts lines;
  for (const ProfileGap& gap : gaps) {
    lines.push_back(std::to_string(static_cast<int>(gap.kind)) + " " + gap.name + " " +
                    (gap.last_time.has_value() ? FormatPeriod(*gap.last_time / kMicrosPerDay, CalendarUnit::kDay)
                                               : std::string("never")) +
                    " " + std::to_string(gap.max_age_days));
  }
  return lines;
}

ProfileAnswer Ask(const MeetingLog& log, Micros as_of = kNow, const IsErased& is_erased = {},
                  const domain::ProgramSet& programs = Asking()) {
  const auto rows = MeetingRows(log);
  const auto answer = GetProfile({rows.get()}, ScopeAt(as_of), programs, "a", is_erased);
  EXPECT_TRUE(answer.ok()) << answer.status();
  return answer.ok() ? *answer : ProfileAnswer();
}

TEST(Profile, SaysWhatIsMissingAndSinceWhen) {
  EXPECT_EQ(Gaps(Ask(Half()).gaps), (Texts{"2 size 2025-05-31 365", "3 purchasing 2026-04-22 0",
                                           "4 head 2026-02-20 100", "5 head.birthday never 0", "6  2026-03-02 90"}));
  // A day earlier nothing was stale yet but the field.
  EXPECT_EQ(Gaps(Ask(Half(), Ago(1)).gaps), (Texts{"3 purchasing 2026-04-22 0", "5 head.birthday never 0"}));
  // Once there was somebody in purchasing; before anything was known, everything is missing.
  EXPECT_EQ(Gaps(Ask(Half(), Ago(45)).gaps), Texts{"5 head.birthday never 0"});
  EXPECT_EQ(Gaps(Ask(Half(), Ago(500)).gaps),
            (Texts{"1 size never 0", "3 head never 0", "3 purchasing never 0", "6  never 0", "7  never 0"}));
}

TEST(Profile, KeepsAContactInItsPostThatLeftTheOneBefore) {
  MeetingLog log = Half();
  log.Say("a", Ago(30), R"(contact_placed { contact_id: "p" post: "deputy" })");
  log.Say("a", Ago(20), R"(contact_placed { contact_id: "p" post: "purchasing" })");
  log.Say("a", Ago(10), R"(contact_placed { contact_id: "p" post: "deputy" left: true })");
  const ProfileAnswer answer = Ask(log);
  ASSERT_EQ(answer.posts.size(), 3u);
  EXPECT_EQ(answer.posts[0].post + " " + answer.posts[0].contact_id, "deputy ");
  EXPECT_EQ(answer.posts[2].post + " " + answer.posts[2].contact_id, "purchasing p");
  EXPECT_EQ(answer.posts[2].since, Ago(20));
}

TEST(Profile, SaysUntilWhenAFactWasKnownThatWasRemoved) {
  MeetingLog log = Half();
  log.Say("a", Ago(30), R"(account_facts_updated { removed_keys: "industry" })");
  EXPECT_EQ(Gaps(Ask(log).gaps).front(), "1 industry 2026-05-02 0");
  EXPECT_EQ(Gaps(Ask(log, Ago(30)).gaps).front(), "3 purchasing 2026-04-22 0") << "it was known then";
}

TEST(Profile, OfAnErasedSubjectKnowsNothing) {
  MeetingLog log = Half();
  log.Say("a", Ago(5), R"(contact_recorded { contact_id: "h" person { subject_id: "s-2" known_fields: "birthday" } })");
  EXPECT_EQ(Gaps(Ask(log).gaps).size(), 4u) << "the birthday is known";
  const ProfileAnswer erased = Ask(log, kNow, [](const std::string& subject) { return subject == "s-2"; });
  EXPECT_EQ(Gaps(erased.gaps).size(), 5u);
  EXPECT_EQ(erased.posts.at(0).known_fields, Texts{});
}

TEST(Profile, TellsPostsFactsNeedsAndHowWeAreSeen) {
  MeetingLog log = Half();
  log.Meet("a", Ago(7), "km-1", R"(contact_ids: "h" our_minutes: 30 account_minutes: 20)");
  log.Say("a", Ago(20), R"(need_stated { need_id: "n-1" description: "three presses" contact_id: "h" })");
  log.Say("a", Ago(19), R"(need_stated { need_id: "n-2" description: "a crane" })");
  log.Say("a", Ago(18), R"(need_stated { need_id: "n-2" description: "a crane" settled: true })");
  log.Say("a", Ago(6), R"(position_stated { level: POSITION_LEVEL_BUSINESS contact_id: "h" })");
  const ProfileAnswer answer = Ask(log);
  ASSERT_EQ(answer.posts.size(), 2u);
  EXPECT_EQ(answer.posts[0].post + " " + answer.posts[0].contact_id, "head h");
  EXPECT_EQ(answer.posts[0].rank, 1u);
  EXPECT_TRUE(answer.posts[0].key_post);
  EXPECT_EQ(answer.posts[0].since, Ago(101));
  EXPECT_EQ(answer.posts[0].known_fields, Texts{"name"});
  EXPECT_EQ(answer.posts[0].last_met, Ago(7));
  EXPECT_EQ(answer.posts[1].post + " " + answer.posts[1].contact_id, "purchasing ") << "nobody fills it";
  ASSERT_EQ(answer.facts.size(), 2u);
  EXPECT_EQ(answer.facts[1].key + " " + answer.facts[1].value + " " + answer.facts[1].person, "size 40 gm-1");
  EXPECT_EQ(answer.facts[1].stated, Ago(366));
  ASSERT_EQ(answer.needs.size(), 1u) << "one is settled, and of the other the latest counts";
  EXPECT_EQ(answer.needs[0].report.description(), "three presses");
  ASSERT_EQ(answer.positions.size(), 1u);
  EXPECT_EQ(answer.positions[0].report.level(), events::v1::POSITION_LEVEL_BUSINESS);
  ASSERT_EQ(answer.people.size(), 1u);
  EXPECT_EQ(answer.people[0].person, "km-1");
  EXPECT_EQ(answer.time_zone, "UTC");
}

TEST(Profile, NamesTheTenderListsUntilTheirRegistrationEnds) {
  MeetingLog log = Half();
  const auto state = [&log](Micros at, const std::string& list, const std::string& more) {
    log.Say("a", at, "tender_list_stated { list_id: \"" + list + "\" registered: true " + more + " }");
  };
  state(Ago(90), "city", "");
  state(Ago(80), "port", "end_time " + TimeText(Ago(10)));
  state(Ago(70), "rail", "");
  log.Say("a", Ago(60), R"(tender_list_stated { list_id: "rail" registered: false })");
  const auto lists = [&log](Micros as_of) {
    Texts lines;
    for (const auto& list : Ask(log, as_of).tender_lists) {
      lines.push_back(list.report.list_id() + " " + FormatPeriod(list.stated / kMicrosPerDay, CalendarUnit::kDay));
    }
    return lines;
  };
  EXPECT_EQ(lists(kNow), Texts{"city 2026-03-03"});
  EXPECT_EQ(lists(Ago(10)), (Texts{"city 2026-03-03", "port 2026-03-13"})) << "the end is exclusive, and so is as_of";
  EXPECT_EQ(lists(Ago(10) + 1), Texts{"city 2026-03-03"});
  state(Ago(5), "port", "end_time " + TimeText(Ago(-100)));
  EXPECT_EQ(lists(kNow), (Texts{"city 2026-03-03", "port 2026-05-27"}));
}

TEST(Profile, NamesTheZoneByTheDeclaredFactOrSaysThatItIsNone) {
  MeetingLog log = Half();
  log.Say("a", Ago(3), R"(account_facts_updated { set_facts { key: "time_zone" value: "Asia/Shanghai" } })");
  EXPECT_EQ(Ask(log).time_zone, "Asia/Shanghai");
  log.Say("a", Ago(2), R"(account_facts_updated { set_facts { key: "time_zone" value: "Asia/Shangai" } })");
  EXPECT_EQ(Ask(log).time_zone, "UTC");
  EXPECT_EQ(Gaps(Ask(log).gaps).back(), "8 time_zone 2026-05-30 0");
}

TEST(Profile, NamesTheZoneThatItsDutiesAreDerivedIn) {
  // The program that says which fact names the zone has ended, and none follows.
  const domain::ProgramSet ended =
      ProgramOf("effective_to " + TimeText(Ago(10)) + " cadence { time_zone_fact: \"place\" }");
  MeetingLog log = Half();
  log.Say("a", Ago(3), R"(account_facts_updated { set_facts { key: "place" value: "Asia/Shanghai" } })");
  EXPECT_EQ(Ask(log, kNow, {}, ended).time_zone, "Asia/Shanghai");
  log.Say("a", Ago(2), R"(account_facts_updated { set_facts { key: "place" value: "Asia/Shangai" } })");
  EXPECT_EQ(Gaps(Ask(log, kNow, {}, ended).gaps), Texts{"8 place 2026-05-30 0"});
}

TEST(Profile, SaysWhatLeavingWouldCostTheAccount) {
  MeetingLog log = Half();
  log.Meet("a", Ago(7), "km-1", "our_minutes: 30 account_minutes: 20");
  const std::string year = " start_time " + TimeText(Ago(100)) + " end_time " + TimeText(kNow + 100 * kMicrosPerDay);
  log.Say("a", Ago(100),
          R"(contract_signed { contract_id: "C-1" early_end_penalty { micros: 8000000 currency_code: "USD" })" + year +
              " }");
  log.Say("a", Ago(90),
          R"(contract_amended { contract_id: "C-1" description: "longer" end_time )" +
              TimeText(kNow + 200 * kMicrosPerDay) + " }");
  log.Say("a", Ago(100),
          R"(contract_signed { contract_id: "C-2" early_end_penalty { micros: 1000000 currency_code: "CNY" })" + year +
              " }");
  log.Say("a", Ago(80), R"(entitlement_granted { entitlement_id: "E-1" kind: "allotment" quantity: 5 })");
  log.Say("a", Ago(79), R"(entitlement_granted { entitlement_id: "E-2" kind: "allotment" quantity: 1 })");
  log.Say("a", Ago(78), R"(entitlement_used { entitlement_id: "E-2" quantity: 1 })");
  log.Say("a", Ago(77),
          R"(purchase_recorded { lines { category: "vans" quantity: 1 amount { micros: 7000000 currency_code: "USD" }
             single_amount { micros: 9000000 currency_code: "USD" } bundle_id: "b" }
             lines { category: "parts" quantity: 1 amount { micros: 1000000 currency_code: "USD" } } })");
  const ProfileAnswer answer = Ask(log);
  const SwitchingCost& cost = answer.switching_cost;
  EXPECT_EQ(cost.contract_days, 200);
  EXPECT_EQ(cost.penalty_micros, 8 * kUnit) << "in the currency in which most is to be paid";
  EXPECT_EQ(cost.currency_code, "USD");
  EXPECT_EQ(cost.our_minutes, 30);
  EXPECT_EQ(cost.account_minutes, 20);
  EXPECT_EQ(cost.entitlements, 1) << "nothing is left of E-2";
  EXPECT_EQ(cost.categories, 2);
  EXPECT_EQ(answer.saved, (std::map<std::string, int64_t>{{"USD", 2 * kUnit}}));
}

TEST(Profile, ShowsAnAccountAsAnAssetThatIsWrittenUpAndDown) {
  MeetingLog log = Half();
  log.Say("a", Ago(30), R"(asset_valued { value { micros: 100 currency_code: "USD" } })");
  log.Say("a", Ago(29), R"(survey_answered { kind: SURVEY_KIND_SATISFACTION score: 4 })");
  log.Say("a", Ago(28), R"(asset_valued { value { micros: 70 currency_code: "USD" } condition: "neglected" })");
  log.Say("a", Ago(27), R"(asset_valued { value { micros: 9 currency_code: "CNY" } })");
  const std::vector<ProfileValue> values = Ask(log).values;
  ASSERT_EQ(values.size(), 3u);
  EXPECT_EQ(values[0].change_micros, 0) << "the first in its currency";
  EXPECT_EQ(values[1].change_micros, -30);
  EXPECT_EQ(values[1].satisfaction, 4);
  EXPECT_EQ(values[2].satisfaction, 0) << "nobody had been asked";
}

TEST(Profile, ListsEvaluationsAndAdaptationsNewestFirst) {
  MeetingLog log = Half();
  log.Say("a", Ago(30), R"(evaluation_recorded { aspect: "compatibility" result: EVALUATION_RESULT_CONDITIONAL
                           sku: "M-200" contact_id: "h" note: "after the update" })");
  log.Say("a", Ago(20), R"(evaluation_recorded { aspect: "compatibility" result: EVALUATION_RESULT_ACCEPTED })");
  log.TakeBack(log.Say("a", Ago(19), R"(evaluation_recorded { aspect: "price" result: EVALUATION_RESULT_REJECTED })"),
               Ago(18));
  log.Say("a", Ago(17), R"(adaptation_recorded { kind: ADAPTATION_KIND_PRODUCT ours: true description: "a mark" })");
  log.Say("a", Ago(16), R"(adaptation_recorded { kind: ADAPTATION_KIND_PROCESS description: "weekly orders" })");
  const ProfileAnswer answer = Ask(log);
  ASSERT_EQ(answer.evaluations.size(), 2u) << "one was taken back";
  EXPECT_EQ(answer.evaluations[0].result(), events::v1::EVALUATION_RESULT_ACCEPTED);
  EXPECT_EQ(answer.evaluations[1].result(), events::v1::EVALUATION_RESULT_CONDITIONAL);
  EXPECT_EQ(answer.evaluations[1].aspect() + " " + answer.evaluations[1].sku(), "compatibility M-200");
  EXPECT_EQ(answer.evaluations[1].contact_id() + " " + answer.evaluations[1].note(), "h after the update");
  ASSERT_EQ(answer.adaptations.size(), 2u);
  EXPECT_EQ(answer.adaptations[0].kind(), events::v1::ADAPTATION_KIND_PROCESS);
  EXPECT_FALSE(answer.adaptations[0].ours());
  EXPECT_EQ(answer.adaptations[1].kind(), events::v1::ADAPTATION_KIND_PRODUCT);
  EXPECT_TRUE(answer.adaptations[1].ours());
  EXPECT_EQ(answer.adaptations[1].description(), "a mark");
  EXPECT_EQ(Ask(log, Ago(25)).evaluations.size(), 1u) << "the other had not come yet";
  EXPECT_EQ(Ask(log, Ago(25)).adaptations.size(), 0u);
}

TEST(Profile, CutsEvaluationsAndAdaptationsToTheNewest) {
  MeetingLog log = Half();
  for (int i = 0; i < 101; ++i) {
    const std::string name = std::to_string(i);
    log.Say("a", Ago(30),
            R"(evaluation_recorded { aspect: "quality" result: EVALUATION_RESULT_ACCEPTED note: ")" + name + "\" }");
    log.Say("a", Ago(30), R"(adaptation_recorded { kind: ADAPTATION_KIND_SERVICE description: ")" + name + "\" }");
  }
  const ProfileAnswer answer = Ask(log);
  ASSERT_EQ(answer.evaluations.size(), 100u);
  EXPECT_EQ(answer.evaluations.front().note(), "100");
  EXPECT_EQ(answer.evaluations.back().note(), "1");
  ASSERT_EQ(answer.adaptations.size(), 100u);
  EXPECT_EQ(answer.adaptations.back().description(), "1");
}

TEST(Profile, OfNobodyIsNotFound) {
  const auto rows = MeetingRows(Half());
  const auto none = GetProfile({rows.get()}, ScopeAt(kNow), Asking(), "b", {});
  EXPECT_EQ(ReasonOf(none.status()), Reason::kAccountNotFound);
  const auto early = GetProfile({rows.get()}, ScopeAt(Ago(900)), Asking(), "a", {});
  EXPECT_EQ(ReasonOf(early.status()), Reason::kAccountNotFound);
}

TEST(Profiles, AreListedWithTheMostGapsFirst) {
  MeetingLog log = Half();
  log.Open("b", Ago(10));
  log.Say("c", Ago(10), R"(account_opened { facts { key: "industry" value: "x" } facts { key: "size" value: "1" } })");
  log.Say("c", Ago(9), R"(contact_placed { contact_id: "h" post: "head" })");
  log.Say("c", Ago(9), R"(contact_placed { contact_id: "p" post: "purchasing" })");
  log.Say("c", Ago(9), R"(contact_recorded { contact_id: "h" person { subject_id: "s" known_fields: "birthday" } })");
  log.Say("c", Ago(9), R"(need_stated { need_id: "n" description: "x" })");
  log.Say("c", Ago(9), R"(position_stated { level: POSITION_LEVEL_COMMODITY })");
  const auto rows = MeetingRows(log);
  ProfilesQuery query;
  const auto answer = ListProfiles({rows.get()}, ScopeAt(kNow), Asking(), query, {});
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(answer->profiles.size(), 2u);
  EXPECT_EQ(answer->profiles[0].account_id, "b");
  EXPECT_EQ(answer->profiles[0].gaps.size(), 6u) << "of nobody in a post, no field is missing";
  EXPECT_EQ(answer->profiles[0].required, 7);
  EXPECT_EQ(answer->profiles[1].account_id, "a");
  EXPECT_EQ(answer->profiles[1].owner, "km-1");
  EXPECT_EQ(answer->account_count, 3);
  EXPECT_EQ(answer->complete_count, 1);
  query.complete_too = true;
  query.page_size = 2;
  const auto first = ListProfiles({rows.get()}, ScopeAt(kNow), Asking(), query, {});
  ASSERT_TRUE(first.ok());
  query.continuation = first->continuation;
  const auto second = ListProfiles({rows.get()}, ScopeAt(kNow), Asking(), query, {});
  ASSERT_TRUE(second.ok());
  ASSERT_EQ(second->profiles.size(), 1u);
  EXPECT_EQ(second->profiles[0].account_id, "c");
  EXPECT_EQ(second->continuation, "");
}

// "km-1 2/1 due 1/0 met 3 changes 2 5 USD": accounts, owned, due, overdue.
Texts Owners(const MeetingLog& log, OwnersQuery query, std::string* next = nullptr) {
  const auto rows = MeetingRows(log);
  const domain::ProgramSet programs = ProgramOf(
      "cadence { duties { rule_id: \"call\" kinds: INTERACTION_KIND_PHONE times: 1 unit: CADENCE_UNIT_DAY } }");
  const auto answer = ListOwners({rows.get()}, ScopeAt(kNow + 12 * 3600 * kMicrosPerSecond), programs, query);
  EXPECT_TRUE(answer.ok()) << answer.status();
  if (!answer.ok()) return {};
  Texts lines;
  for (const OwnerLoad& load : answer->owners) {
    std::string line = load.person + " " + std::to_string(load.accounts) + "/" + std::to_string(load.owned) + " met " +
                       std::to_string(load.interactions) + " changes " + std::to_string(load.changes);
    for (const auto& [currency, micros] : load.advanced) line += " " + std::to_string(micros) + " " + currency;
    EXPECT_LE(load.overdue, load.due);
    if (load.due > 0) line += " due";
    lines.push_back(line);
  }
  if (next != nullptr) *next = answer->continuation;
  return lines;
}

TEST(Owners, AreListedWithWhatTheyHaveAndWhatChanged) {
  MeetingLog log;
  log.Say("a", Ago(400), R"(account_opened { owner: "km-1" })");
  log.Say("a", Ago(100), R"(owner_assigned { role: "manager" person: "gm-1" })");
  log.Say("b", Ago(200), R"(account_opened { owner: "km-1" })");
  log.Say(
      "b", Ago(50),
      R"(owner_transferred { from_person: "km-1" to_person: "km-2" roles: "owner" reason: OWNER_CHANGE_REASON_DEPARTED })");
  log.Say("c", Ago(20), "account_opened {}");
  log.Say("d", Ago(400), R"(account_opened { owner: "km-3" })");
  log.Say("d", Ago(390), R"(account_closed { reason: "gone" })");
  log.Meet("a", Ago(29), "km-1");
  log.Meet("a", Ago(31), "km-1");
  log.Meet("c", Ago(1), "km-9");
  log.Say("a", Ago(10), R"(advance_recorded { person: "km-1" amount { micros: 9 currency_code: "USD" } })");
  log.Say("a", Ago(9),
          R"(advance_recorded { person: "km-1" amount { micros: 4 currency_code: "USD" } settled: true })");
  // km-1 took on b 200 days ago and gave it up; a was taken on more than a year ago. Nobody has c.
  EXPECT_EQ(Owners(log, {}),
            (Texts{" 1/0 met 0 changes 0", "gm-1 1/0 met 0 changes 1", "km-1 1/1 met 1 changes 2 5 USD due",
                   "km-2 1/1 met 0 changes 1 due", "km-9 0/0 met 1 changes 0"}));
  OwnersQuery query;
  query.role = "manager";
  EXPECT_EQ(Owners(log, query), Texts{"gm-1 1/0 met 0 changes 1"});
  query = {};
  query.page_size = 4;
  EXPECT_EQ(Owners(log, query, &query.continuation).size(), 4u);
  EXPECT_EQ(Owners(log, query, &query.continuation), Texts{"km-9 0/0 met 1 changes 0"});
}

}  // namespace
}  // namespace keyledger::projections::engagement

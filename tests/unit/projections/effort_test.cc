// Entry delays, effort and prospects, by hand.
#include "projections/engagement/effort_queries.h"

#include <gtest/gtest.h>

#include "projections/engagement/delay_queries.h"
#include "projections/engagement/prospect_queries.h"
#include "server/base/error.h"
#include "tests/unit/projections/meeting_logs.h"

namespace keyledger::projections::engagement {
namespace {

using keyledger::testing::MeetingLog;
using keyledger::testing::MeetingRows;
using keyledger::testing::ScopeAt;
using keyledger::testing::Utc;

constexpr int64_t kUnit = 1'000'000;
constexpr Micros kMinute = 60 * kMicrosPerSecond;
const Micros kJanuary = Utc(2026, 1, 2);

using Texts = std::vector<std::string>;

// "km-1 4/2 median 10 p90 60 longest 60".
std::string Line(const EntryDelay& delay) {
  std::string line = delay.person + " " + std::to_string(delay.interactions) + "/" + std::to_string(delay.prompt);
  if (!delay.median_minutes.has_value()) return line;
  return line + " median " + std::to_string(*delay.median_minutes) + " p90 " + std::to_string(*delay.p90_minutes) +
         " longest " + std::to_string(*delay.longest_minutes);
}

TEST(EntryDelay, IsFromWhenItHappenedToWhenItWasRecorded) {
  MeetingLog log;
  log.Open("a", Utc(2025, 1, 1));
  for (const int64_t minutes : {5, 10, 60, 90}) {
    const Micros recorded = kJanuary + minutes * kMicrosPerDay;
    log.Meet("a", recorded - minutes * kMinute, "km-1", R"(people: "km-2")", recorded);
  }
  const Micros late = kJanuary + 100 * kMicrosPerDay;
  log.Meet("a", late - 2'000 * kMinute, "km-2", "", late);
  const auto rows = MeetingRows(log);
  const EngagementScope scope = ScopeAt(late);
  const auto answer = GetEntryDelay({rows.get()}, scope, kBeginning, 60);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(Line(answer->total), " 5/3 median 60 p90 2000 longest 2000");
  ASSERT_EQ(answer->people.size(), 2u) << "the first of an interaction's people answers for it";
  EXPECT_EQ(Line(answer->people[0]), "km-2 1/0 median 2000 p90 2000 longest 2000");
  EXPECT_EQ(Line(answer->people[1]), "km-1 4/3 median 10 p90 90 longest 90");
  const auto later = GetEntryDelay({rows.get()}, scope, kJanuary + 80 * kMicrosPerDay, 60);
  ASSERT_TRUE(later.ok());
  EXPECT_EQ(Line(later->total), " 2/0 median 90 p90 2000 longest 2000");
}

TEST(EntryDelay, IsPromptUpToTheMinuteAskedFor) {
  EXPECT_EQ(Line(SummarizeDelays("p", {60 * kMinute, 60 * kMinute + 1}, 60)), "p 2/1 median 60 p90 60 longest 60");
  EXPECT_EQ(Line(SummarizeDelays("p", {}, 60)), "p 0/0");
}

// "2026-01 new 2 15 30 1 old 1 5 0 1": interactions, minutes, units of money and accounts.
Texts Effort(const MeetingLog& log, EffortQuery query = {}) {
  const auto rows = MeetingRows(log);
  query.start = kBeginning;
  const auto answer = GetEffort({rows.get()}, ScopeAt(Utc(2027, 1, 1)), query);
  if (!answer.ok()) return {FieldsOf(answer.status()).at(0).first};
  Texts lines;
  const auto side = [](const EffortSide& one) {
    return " " + std::to_string(one.interactions) + " " + std::to_string(one.our_minutes) + " " +
           std::to_string(one.cost_micros / kUnit) + " " + std::to_string(one.accounts);
  };
  for (const EffortPeriod& period : answer->periods) {
    lines.push_back(query.periods.Format(period.period) + " new" + side(period.fresh) + " old" + side(period.old));
  }
  return lines;
}

TEST(Effort, TellsAccountsThatHadPurchasedFromOthers) {
  MeetingLog log;
  const std::string cost = R"(cost { micros: 30000000 currency_code: "USD" } )";
  log.Open("a", Utc(2025, 1, 1));
  log.Meet("a", Utc(2026, 1, 5), "km-1", cost + "our_minutes: 10");
  log.Purchase("a", Utc(2026, 1, 6), kUnit);
  log.Meet("a", Utc(2026, 1, 6), "km-1", "our_minutes: 5");
  log.Meet("a", Utc(2026, 1, 7), "km-1", "our_minutes: 60");
  log.Open("b", Utc(2025, 1, 1));
  log.Meet("b", Utc(2026, 1, 8), "km-1");
  log.Meet("a", Utc(2026, 3, 1), "km-1", cost);
  // At the very moment of its first purchase a was new.
  EXPECT_EQ(Effort(log), (Texts{"2026-01 new 3 15 30 2 old 1 60 0 1", "2026-03 new 0 0 0 0 old 1 0 30 1"}));
  log.Meet("b", Utc(2026, 3, 1), "km-1", R"(cost { micros: 1000000 currency_code: "CNY" })");
  EXPECT_EQ(Effort(log), Texts{"scope.currency_code"});
  EffortQuery query;
  query.currency_code = "CNY";
  EXPECT_EQ(Effort(log, query), (Texts{"2026-01 new 3 15 0 2 old 1 60 0 1", "2026-03 new 1 0 1 1 old 1 0 0 1"}));
}

TEST(Effort, LeavesOutWhatWasTakenBack) {
  MeetingLog log;
  log.Open("a", Utc(2025, 1, 1));
  log.Meet("a", Utc(2026, 1, 5), "km-1");
  log.TakeBack(log.Meet("a", Utc(2026, 1, 6), "km-1"), Utc(2026, 1, 7));
  EXPECT_EQ(Effort(log), Texts{"2026-01 new 1 0 0 1 old 0 0 0 0"});
}

// "a 70,12 i2": scores, interactions.
Texts Prospects(const MeetingLog& log, ProspectsQuery query, std::string* next = nullptr) {
  const auto rows = MeetingRows(log);
  const auto answer = ListProspects({rows.get()}, ScopeAt(Utc(2026, 6, 1)), query);
  EXPECT_TRUE(answer.ok()) << answer.status();
  if (!answer.ok()) return {};
  Texts lines;
  for (const Prospect& prospect : answer->prospects) {
    std::string line = prospect.account_id;
    for (const auto& score : prospect.scores) line += " " + (score.has_value() ? std::to_string(*score) : "-");
    lines.push_back(line + " i" + std::to_string(prospect.interactions));
  }
  if (next != nullptr) *next = answer->continuation;
  lines.push_back(std::to_string(answer->prospect_count));
  return lines;
}

MeetingLog FourProspects() {
  MeetingLog log;
  const Micros opened = Utc(2025, 1, 1);
  for (const char* account : {"a", "b", "c", "d", "e", "f"}) log.Open(account, opened);
  log.Say("a", opened, R"(score_stated { score_id: "size" value: 70 })");
  log.Say("b", opened, R"(score_stated { score_id: "size" value: -5 })");
  log.Say("b", opened, R"(score_stated { score_id: "fit" value: 3 })");
  log.Say("c", opened, R"(score_stated { score_id: "size" value: 70 })");
  log.Say("c", opened, R"(account_facts_updated { set_facts { key: "fit" value: "high" } })");
  log.Say("d", opened, R"(referral_recorded { lead_source: "broker" })");
  log.Meet("d", Utc(2026, 1, 1), "km-1", R"(interest: INTEREST_HIGH cost { micros: 5000000 currency_code: "USD" })");
  log.Meet("d", Utc(2026, 1, 2), "km-1");
  log.Say("d", Utc(2026, 1, 3),
          R"(cost_recorded { purpose: COST_PURPOSE_ACQUISITION cost { micros: 2000000 currency_code: "USD" } })");
  log.Purchase("e", Utc(2026, 1, 1), kUnit);
  log.Say("f", Utc(2026, 1, 1), R"(account_closed { reason: "gone" })");
  return log;
}

TEST(Prospects, AreOpenAccountsThatNeverPurchasedInTheOrderOfTheirScores) {
  ProspectsQuery query;
  EXPECT_EQ(Prospects(FourProspects(), query), (Texts{"a i0", "b i0", "c i0", "d i2", "4"}));
  query.order = {{"size", false}};
  EXPECT_EQ(Prospects(FourProspects(), query), (Texts{"b -5 i0", "a 70 i0", "c 70 i0", "d - i2", "4"}));
  query.order = {{"size", true}, {"fit", true}};
  // What is no number is no score.
  EXPECT_EQ(Prospects(FourProspects(), query), (Texts{"a 70 - i0", "c 70 - i0", "b -5 3 i0", "d - - i2", "4"}));
  query.page_size = 3;
  EXPECT_EQ(Prospects(FourProspects(), query, &query.continuation),
            (Texts{"a 70 - i0", "c 70 - i0", "b -5 3 i0", "4"}));
  EXPECT_EQ(Prospects(FourProspects(), query, &query.continuation), (Texts{"d - - i2", "4"}));
  EXPECT_EQ(query.continuation, "");
}

TEST(Prospects, SayHowTheyCameAndWhatTheyCost) {
  ProspectsQuery query;
  query.lead_source = "broker";
  const auto rows = MeetingRows(FourProspects());
  const auto answer = ListProspects({rows.get()}, ScopeAt(Utc(2026, 6, 1)), query);
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(answer->prospects.size(), 1u);
  EXPECT_EQ(answer->prospects[0].account_id, "d");
  EXPECT_EQ(answer->prospects[0].opened, Utc(2025, 1, 1));
  EXPECT_EQ(answer->prospects[0].interest, events::v1::INTEREST_HIGH) << "the latest that was shown";
  EXPECT_EQ(answer->prospects[0].cost, (std::map<std::string, int64_t>{{"USD", 7 * kUnit}}));
}

}  // namespace
}  // namespace keyledger::projections::engagement

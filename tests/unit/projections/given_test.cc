// What was given, flags, violations and the timeline of an account, by hand.
#include "projections/engagement/given_queries.h"

#include <gtest/gtest.h>

#include "keyledger/events/v1/event.pb.h"
#include "projections/engagement/timeline_queries.h"
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

using Texts = std::vector<std::string>;

domain::ProgramSet GiftLimit() {
  return ProgramOf(
      "limits { limit_id: \"gifts\" gifts { scope: ALLOWANCE_SCOPE_CONTACT period: PERIOD_UNIT_MONTH max_times: 2 "
      "max_micros: 500000000 } }");
}

std::string Gift(const std::string& contact, int64_t units, int64_t before, int64_t times_before) {
  return "gift_given { contact_id: \"" + contact +
         "\" item: \"tea\" quantity: 2 value { micros: " + std::to_string(units * kUnit) +
         " currency_code: \"USD\" } counts { counter: \"shop/limits.gifts/" + contact + "/month\" period_start " +
         TimeText(Utc(2026, 2, 1)) + " micros_before: " + std::to_string(before * kUnit) +
         " times_before: " + std::to_string(times_before) + " micros: " + std::to_string(units * kUnit) + " } }";
}

// "a buyer 2026-02 17 tea 2x4 30 USD [2/2 30/500]": times, quantity, units, and of each limit what is used.
Texts GivenLines(const MeetingLog& log, const GivenQuery& query, std::string* next = nullptr) {
  const auto rows = MeetingRows(log);
  const auto page = ListGiven({rows.get()}, ScopeAt(kNow), GiftLimit(), query);
  EXPECT_TRUE(page.ok()) << page.status();
  if (!page.ok()) return {};
  Texts lines;
  for (const GivenRow& row : page->rows) {
    std::string line = row.account_id + " " + row.contact_id + " " + query.periods.Format(row.period) + " " +
                       std::to_string(row.kind) + " " + row.name + " " + std::to_string(row.times) + "x" +
                       std::to_string(row.quantity);
    for (const auto& [currency, micros] : row.value) line += " " + std::to_string(micros / kUnit) + " " + currency;
    for (const GivenLimit& limit : row.limits) {
      line += " [" + std::to_string(limit.times) + "/" + std::to_string(limit.max_times.value_or(-1)) + " " +
              std::to_string(limit.micros / kUnit) + "/" + std::to_string(limit.max_micros.value_or(-1) / kUnit) + "]";
    }
    lines.push_back(line);
  }
  if (next != nullptr) *next = page->continuation;
  return lines;
}

MeetingLog Gifts() {
  MeetingLog log;
  log.Open("a", Utc(2025, 1, 1));
  log.Say("a", Utc(2026, 2, 20), Gift("buyer", 20, 0, 0));
  // Entered later, of an earlier day: the ledger counted it second.
  log.Say("a", Utc(2026, 2, 1), Gift("buyer", 10, 20, 1));
  log.Say("a", Utc(2026, 3, 1), R"(service_provided { kind: "repair" cost { micros: 5000000 currency_code: "CNY" } })");
  log.Say("a", Utc(2026, 3, 2), R"(commission_refused { contact_id: "buyer" by_contact: true reason: "house rule" })");
  log.Open("b", Utc(2025, 1, 1));
  log.Say("b", Utc(2026, 3, 1),
          R"(loan_issued { loan_id: "L-1" item: "press" quantity: 1 contact_id: "head"
                           value { micros: 9000000 currency_code: "USD" } })");
  return log;
}

TEST(Given, IsSummedByContactPeriodAndKindWithTheLimitsItCountsTowards) {
  EXPECT_EQ(GivenLines(Gifts(), {}),
            (Texts{"a  2026-03 19 repair 1x0 5 CNY", "a buyer 2026-03 129  1x0",
                   "a buyer 2026-02 17 tea 2x4 30 USD [2/2 30/500]", "b head 2026-03 126 press 1x1 9 USD"}));
}

TEST(Given, SaysWhatItWasForEachPurposeOnce) {
  MeetingLog log;
  log.Open("a", Utc(2025, 1, 1));
  for (const char* purpose : {"spring festival", "thanks", "", "spring festival"}) {
    log.Say("a", Utc(2026, 2, 1),
            std::string(R"(gift_given { contact_id: "buyer" item: "tea" quantity: 1 purpose: ")") + purpose + "\" }");
  }
  log.Say("a", Utc(2026, 2, 2), R"(loan_issued { loan_id: "L-1" item: "press" quantity: 1 purpose: "a trial" })");
  log.Say("a", Utc(2026, 2, 2), R"(service_provided { kind: "repair" description: "at night" })");
  const auto rows = MeetingRows(log);
  const auto page = ListGiven({rows.get()}, ScopeAt(kNow), GiftLimit(), {});
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->rows.size(), 3u);
  EXPECT_EQ(page->rows[0].name, "repair");
  EXPECT_EQ(page->rows[0].purposes, Texts{});
  EXPECT_EQ(page->rows[1].purposes, Texts{"a trial"});
  EXPECT_EQ(page->rows[2].purposes, (Texts{"spring festival", "thanks"}));
}

TEST(Given, ListsSamplesByContactWithTheLimitsOfEach) {
  const auto count = [](const std::string& contact, int before) {
    return "counts { counter: \"shop/limits.samples/" + contact + "month\" period_start " + TimeText(Utc(2026, 2, 1)) +
           " times_before: " + std::to_string(before) + " }";
  };
  MeetingLog log;
  log.Open("a", Utc(2025, 1, 1));
  log.Say("a", Utc(2026, 2, 3),
          R"(interaction_made { kind: INTERACTION_KIND_SAMPLE people: "km-1" contact_ids: "buyer" contact_ids: "head"
                                cost { micros: 6000000 currency_code: "USD" } )" +
              count("buyer/", 0) + count("head/", 4) + count("", 7) + " }");
  log.Say("a", Utc(2026, 2, 4),
          R"(interaction_made { kind: INTERACTION_KIND_SAMPLE people: "km-1" )" + count("", 8) + " }");
  log.Say("a", Utc(2026, 2, 5), R"(interaction_made { kind: INTERACTION_KIND_PHONE contact_ids: "head" })");
  const std::string kind = std::to_string(events::v1::EVENT_KIND_INTERACTION_MADE);
  // Each contact has its own count, and that of all together.
  EXPECT_EQ(GivenLines(log, {}), (Texts{"a  2026-02 " + kind + " sample 1x0 [9/-1 0/0]",
                                        "a buyer 2026-02 " + kind + " sample 1x0 6 USD [1/-1 0/0] [8/-1 0/0]",
                                        "a head 2026-02 " + kind + " sample 1x0 [5/-1 0/0] [8/-1 0/0]"}));
  GivenQuery query;
  query.kinds = {events::v1::EVENT_KIND_GIFT_GIVEN};
  EXPECT_EQ(GivenLines(log, query), Texts{});
  query.kinds = {events::v1::EVENT_KIND_INTERACTION_MADE};
  query.start = Utc(2026, 2, 4);
  EXPECT_EQ(GivenLines(log, query).size(), 1u);
}

TEST(Given, NamesTwentyPurposesAtMost) {
  MeetingLog log;
  log.Open("a", Utc(2025, 1, 1));
  for (int i = 0; i < 21; ++i) {
    log.Say("a", Utc(2026, 2, 1),
            "gift_given { contact_id: \"buyer\" item: \"tea\" quantity: 1 purpose: \"p" + std::to_string(i) + "\" }");
  }
  const auto rows = MeetingRows(log);
  const auto page = ListGiven({rows.get()}, ScopeAt(kNow), GiftLimit(), {});
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->rows.size(), 1u);
  EXPECT_EQ(page->rows[0].purposes.size(), 20u);
  EXPECT_EQ(page->rows[0].times, 21);
}

TEST(Given, IsOfOneAccountOfSomeKindsAndPageByPage) {
  GivenQuery query;
  query.account_id = "a";
  query.kinds = {events::v1::EVENT_KIND_GIFT_GIVEN};
  EXPECT_EQ(GivenLines(Gifts(), query), Texts{"a buyer 2026-02 17 tea 2x4 30 USD [2/2 30/500]"});
  query.start = Utc(2026, 2, 2);
  EXPECT_EQ(GivenLines(Gifts(), query), Texts{"a buyer 2026-02 17 tea 1x2 20 USD [1/2 20/500]"});
  GivenQuery pages;
  pages.page_size = 3;
  EXPECT_EQ(GivenLines(Gifts(), pages, &pages.continuation).size(), 3u);
  EXPECT_EQ(GivenLines(Gifts(), pages, &pages.continuation), Texts{"b head 2026-03 126 press 1x1 9 USD"});
  EXPECT_EQ(pages.continuation, "");
}

MeetingLog Flags() {
  MeetingLog log;
  for (const char* account : {"b", "a"}) {
    log.Open(account, Utc(2025, 1, 1));
    log.Say(account, Utc(2026, 3, 1),
            R"(compliance_flagged { limit_id: "gifts" fact_revision: 0 measure: LIMIT_MEASURE_TIMES })");
  }
  log.Say("b", Utc(2026, 4, 1),
          R"(compliance_flagged { limit_id: "prices" fact_revision: 0 measure: LIMIT_MEASURE_UNIT_PRICE_MICROS })");
  return log;
}

// "b 2026-04-01T00:00:00Z".
Texts FlagLines(const FlagsQuery& query, int64_t count) {
  const auto rows = MeetingRows(Flags());
  const auto page = ListFlags({rows.get()}, ScopeAt(kNow), query);
  EXPECT_TRUE(page.ok()) << page.status();
  if (!page.ok()) return {};
  EXPECT_EQ(page->flag_count, count);
  Texts lines;
  for (const RecordPlace& place : page->flags) lines.push_back(place.account_id + " " + FormatMicros(place.occurred));
  return lines;
}

TEST(Flags, AreListedNewestFirst) {
  EXPECT_EQ(FlagLines({}, 3), (Texts{"b 2026-04-01T00:00:00Z", "a 2026-03-01T00:00:00Z", "b 2026-03-01T00:00:00Z"}));
  FlagsQuery query;
  query.limit_id = "gifts";
  EXPECT_EQ(FlagLines(query, 2), (Texts{"a 2026-03-01T00:00:00Z", "b 2026-03-01T00:00:00Z"}));
  query = {};
  query.measure = events::v1::LIMIT_MEASURE_UNIT_PRICE_MICROS;
  EXPECT_EQ(FlagLines(query, 1), Texts{"b 2026-04-01T00:00:00Z"});
  query = {};
  query.start = Utc(2026, 3, 1) + 1;
  EXPECT_EQ(FlagLines(query, 1), Texts{"b 2026-04-01T00:00:00Z"});
}

TEST(Flags, GoOnAfterAnyOfThem) {
  const auto rows = MeetingRows(Flags());
  FlagsQuery query;
  query.page_size = 2;
  const auto page = ListFlags({rows.get()}, ScopeAt(kNow), query);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->flags.size(), 2u);
  EXPECT_EQ(ContinuationAfter(page->flags[1]), page->continuation);
  query.continuation = ContinuationAfter(page->flags[0]);
  EXPECT_EQ(FlagLines(query, 3), (Texts{"a 2026-03-01T00:00:00Z", "b 2026-03-01T00:00:00Z"}));
}

MeetingLog Violations() {
  MeetingLog log;
  log.Open("a", Utc(2025, 1, 1));
  log.Say("a", Utc(2026, 1, 1), R"(violation_recorded { violation_id: "v-1" side: SIDE_ACCOUNT description: "late" })");
  log.Say("a", Utc(2026, 1, 2), R"(violation_recorded { violation_id: "v-2" side: SIDE_COMPANY description: "late" })");
  log.Say("a", Utc(2026, 1, 3),
          R"(sanction_imposed { sanction_id: "s-1" violation_id: "v-1" kind: "reprimand" person: "gm" })");
  log.Say("a", Utc(2026, 1, 4),
          R"(sanction_imposed { sanction_id: "s-2" violation_id: "v-1" kind: "suspension" person: "gm" end_time )" +
              TimeText(Utc(2026, 2, 1)) + " }");
  log.Say("a", Utc(2026, 1, 5), R"(sanction_lifted { sanction_id: "s-1" reason: "made good" })");
  log.TakeBack(log.Say("a", Utc(2026, 1, 6),
                       R"(violation_recorded { violation_id: "v-3" side: SIDE_ACCOUNT description: "not so" })"),
               Utc(2026, 1, 7));
  return log;
}

TEST(Violations, AreListedWithTheirSanctions) {
  const auto rows = MeetingRows(Violations());
  const auto page = ListViolations({rows.get()}, ScopeAt(Utc(2026, 1, 20)), {});
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->violations.size(), 2u) << "what was taken back was never so";
  EXPECT_EQ(page->violations[0].records.size(), 1u);
  EXPECT_EQ(page->violations[0].records[0].position, 2u);
  std::vector<uint64_t> positions;
  for (const RecordPlace& place : page->violations[1].records) positions.push_back(place.position);
  EXPECT_EQ(positions, (std::vector<uint64_t>{1, 3, 4, 5}));
  EXPECT_EQ(page->violations[1].sanctions_open, 1) << "s-1 was lifted";
  EXPECT_EQ(page->side_counts, (std::vector<int64_t>{1, 0, 1}));
  const auto later = ListViolations({rows.get()}, ScopeAt(Utc(2026, 2, 1) + 1), {});
  ASSERT_TRUE(later.ok());
  EXPECT_EQ(later->violations[1].sanctions_open, 0) << "s-2 is over";
}

TEST(Violations, GoOnAfterAnyOfThem) {
  const auto rows = MeetingRows(Violations());
  ViolationsQuery query;
  query.page_size = 1;
  const auto page = ListViolations({rows.get()}, ScopeAt(Utc(2026, 1, 20)), query);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->violations.size(), 1u);
  EXPECT_EQ(ContinuationAfter(page->violations[0]), page->continuation);
}

TEST(Violations, OfAnAccountThatWasMergedAreThoseOfTheOneThatGoesOn) {
  MeetingLog log = Violations();
  log.Open("b", Utc(2025, 1, 1));
  log.Say("a", Utc(2026, 1, 10), R"(account_merged { into_account_id: "b" reason: "one company" })");
  log.Say("b", Utc(2026, 1, 10), R"(account_merge_received { from_account_id: "a" })");
  log.Say("a", Utc(2026, 1, 10), R"(account_merge_completed { into_account_id: "b" })");
  const auto rows = MeetingRows(log);
  ViolationsQuery query;
  query.account_id = "b";
  const auto page = ListViolations({rows.get()}, ScopeAt(Utc(2026, 1, 20)), query);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->violations.size(), 2u);
  EXPECT_EQ(page->violations[1].account_id, "b");
  EXPECT_EQ(page->violations[1].records[0].account_id, "a") << "the records stay in their stream";
  EXPECT_EQ(page->violations[1].records.size(), 4u);
  const auto before = ListViolations({rows.get()}, ScopeAt(Utc(2026, 1, 10)), {});
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_EQ(before->violations[0].account_id, "a");
}

// Positions; "*" behind what was retracted.
Texts Timeline(const MeetingLog& log, TimelineQuery query, std::string* next = nullptr,
               EngagementScope scope = ScopeAt(kNow)) {
  const auto rows = MeetingRows(log);
  const auto page = ListTimeline({rows.get()}, scope, query);
  EXPECT_TRUE(page.ok()) << page.status();
  if (!page.ok()) return {};
  Texts lines;
  for (const TimelineRow& row : page->rows) lines.push_back(std::to_string(row.position) + (row.retracted ? "*" : ""));
  if (next != nullptr) *next = page->continuation;
  return lines;
}

TEST(Timeline, HoldsEverythingNewestFirst) {
  TimelineQuery query;
  query.account_id = "a";
  const MeetingLog log = Violations();
  // 0 opened, 1 and 2 violations, 3 to 5 sanctions, 6 was taken back by 7.
  EXPECT_EQ(Timeline(log, query), (Texts{"7", "5", "4", "3", "2", "1", "0"}));
  query.retracted = true;
  EXPECT_EQ(Timeline(log, query), (Texts{"7", "6*", "5", "4", "3", "2", "1", "0"}));
  query.kinds = {events::v1::EVENT_KIND_VIOLATION_RECORDED};
  query.page_size = 2;
  EXPECT_EQ(Timeline(log, query, &query.continuation), (Texts{"6*", "2"}));
  EXPECT_EQ(Timeline(log, query, &query.continuation), Texts{"1"});
  EXPECT_EQ(query.continuation, "");
}

TEST(Timeline, IsAsOfAnyMomentAndAsKnownAtAnother) {
  TimelineQuery query;
  query.account_id = "a";
  const MeetingLog log = Violations();
  EXPECT_EQ(Timeline(log, query, nullptr, ScopeAt(Utc(2026, 1, 3))), (Texts{"2", "1", "0"}));
  query.start = Utc(2026, 1, 2);
  EXPECT_EQ(Timeline(log, query, nullptr, ScopeAt(Utc(2026, 1, 3))), Texts{"2"});
  query.start = kBeginning;
  // Before the retraction was recorded, nobody knew of it.
  EngagementScope scope = ScopeAt(kNow);
  scope.known_at = Utc(2026, 1, 1) + 8 * kMicrosPerSecond;
  EXPECT_EQ(Timeline(log, query, nullptr, scope), (Texts{"6", "5", "4", "3", "2", "1", "0"}));
}

TEST(Timeline, ListsDecisionsWhereTheyAreAskedFor) {
  TimelineQuery query;
  query.account_id = "b";
  EXPECT_EQ(Timeline(Flags(), query), Texts{"0"});
  query.decisions = true;
  EXPECT_EQ(Timeline(Flags(), query), (Texts{"4", "1", "0"}));
}

TEST(Timeline, IsWhereSignalsAreRead) {
  MeetingLog log;
  log.Open("a", Utc(2026, 1, 1));
  log.Meet("a", Utc(2026, 1, 2), "km-1");
  log.Say(
      "a", Utc(2026, 1, 3),
      R"(signal_observed { kind: "news" description: "a new plant" direction: SIGNAL_DIRECTION_GOOD strength: 80 })");
  log.Say("a", Utc(2026, 1, 4), R"(signal_observed { kind: "social" description: "quiet" })");
  TimelineQuery query;
  query.account_id = "a";
  EXPECT_EQ(Timeline(log, query), (Texts{"3", "2", "1", "0"}));
  query.kinds = {events::v1::EVENT_KIND_SIGNAL_OBSERVED};
  EXPECT_EQ(Timeline(log, query), (Texts{"3", "2"}));
}

TEST(Timeline, OfAnAccountHoldsWhatWasMergedIntoIt) {
  MeetingLog log;
  log.Open("old", Utc(2026, 1, 1));
  log.Open("new", Utc(2026, 1, 2));
  log.Meet("old", Utc(2026, 1, 3), "km-1");
  log.Meet("new", Utc(2026, 1, 4), "km-1");
  const Micros merged = Utc(2026, 2, 1);
  log.Say("old", merged, R"(account_merged { into_account_id: "new" reason: "one company" })");
  log.Say("new", merged, R"(account_merge_received { from_account_id: "old" })");
  log.Say("old", merged, R"(account_merge_completed { into_account_id: "new" })");
  TimelineQuery query;
  query.account_id = "new";
  EXPECT_EQ(Timeline(log, query), (Texts{"4", "3", "2", "1", "0"}));
  EXPECT_EQ(Timeline(log, query, nullptr, ScopeAt(merged)), (Texts{"3", "1"})) << "before it there were two accounts";
  query.account_id = "old";
  const auto rows = MeetingRows(log);
  const auto page = ListTimeline({rows.get()}, ScopeAt(kNow), query);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->merged_into, "new");
  EXPECT_EQ(page->rows.size(), 3u) << "its own list stays as it was";
}

}  // namespace
}  // namespace keyledger::projections::engagement

// Histories of engagement: what the rows hold of an account as of a moment and as known at one, and of those that were
// merged into it.
#include "projections/engagement/engagement_history.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "projections/engagement/item_history.h"
#include "projections/engagement/owner_index.h"
#include "server/base/ids.h"
#include "tests/unit/projections/engagement_logs.h"

namespace keyledger::projections::engagement {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr EngagementParts kEverything = {.contacts = true,
                                         .interactions = true,
                                         .next_steps = true,
                                         .knowledge = true,
                                         .trades = true,
                                         .given = true,
                                         .timeline = true,
                                         .items = true};

enum class Way { kWalk, kItems };

std::vector<EngagementHistory> Visit(const FoldedShards& shards, const EngagementScope& scope, Way way = Way::kWalk) {
  std::vector<EngagementHistory> visited;
  auto scan = EngagementScan::Open(shards.readers(), scope, kEverything);
  EXPECT_TRUE(scan.ok()) << scan.status();
  const auto visit = [&](const EngagementHistory& history) {
    visited.push_back(history);
    return absl::OkStatus();
  };
  const absl::Status walked = way == Way::kWalk ? scan->Walk(visit) : scan->WalkItems(visit);
  EXPECT_TRUE(walked.ok()) << walked;
  return visited;
}

EngagementHistory One(const MeetingLog& log, const std::string& account, const EngagementScope& scope = {}) {
  const FoldedShards shards(log);
  EngagementHistory found;
  auto scan = EngagementScan::Open(shards.readers(), scope, kEverything);
  EXPECT_TRUE(scan.ok()) << scan.status();
  const absl::Status loaded = scan->Load(account, [&](const EngagementHistory& history) {
    found = history;
    return absl::OkStatus();
  });
  EXPECT_TRUE(loaded.ok()) << loaded;
  return found;
}

std::vector<std::string> IdsOf(const std::vector<EngagementHistory>& visited) {
  std::vector<std::string> ids;
  for (const EngagementHistory& history : visited) ids.push_back(history.account_id);
  return ids;
}

std::vector<Micros> TimesOf(const std::vector<HistoryRow>& rows) {
  std::vector<Micros> times;
  for (const HistoryRow& row : rows) times.push_back(row.times.occurred);
  return times;
}

// "owner:km-07 2026-01-01..2026-02-01".
std::vector<std::string> RolesOf(const EngagementHistory& history) {
  std::vector<std::string> roles;
  const auto day = [](Micros time) { return FormatPeriod(Zone().DayIndex(time), CalendarUnit::kDay); };
  for (const RoleHeld& held : history.roles) {
    roles.push_back(fmt::format("{}:{} {}..{}", held.role, held.person, day(held.since),
                                held.until == kNoEnd ? "" : day(held.until)));
  }
  return roles;
}

TEST(EngagementHistory, HasInteractionsInOrderOfBusinessTimeWithoutTheTextsThatNoAnswerShows) {
  MeetingLog log;
  log.OpenFor("a", Utc(2026, 1, 1));
  log.Meet("a", Utc(2026, 3, 1));
  auto* made = log.Event("a", Utc(2026, 2, 1)).mutable_interaction_made();
  made->set_kind(events::v1::INTERACTION_KIND_VISIT);
  made->add_people("km-07");
  made->set_result("wants 40 in May");
  made->set_our_minutes(45);
  const EngagementHistory history = One(log, "a");
  EXPECT_THAT(TimesOf(history.interactions), ElementsAre(Utc(2026, 2, 1), Utc(2026, 3, 1)));
  EXPECT_EQ(history.interactions[0].event.interaction_made().our_minutes(), 45u);
  EXPECT_EQ(history.interactions[0].event.interaction_made().result(), "");
  EXPECT_EQ(history.interactions[0].times.revision, 2u);
  EXPECT_EQ(history.interactions[0].times.position, 2u);
}

TEST(EngagementHistory, IsOfWhatOccurredBeforeAsOfAndWasRecordedBeforeKnownAt) {
  MeetingLog log;
  log.OpenFor("a", Utc(2026, 1, 1));
  log.Meet("a", Utc(2026, 2, 1), {.recorded = Utc(2026, 2, 1)});
  log.Meet("a", Utc(2026, 2, 2), {.recorded = Utc(2026, 3, 1)});
  EXPECT_THAT(TimesOf(One(log, "a", {.as_of = Utc(2026, 2, 2)}).interactions), ElementsAre(Utc(2026, 2, 1)));
  EXPECT_THAT(TimesOf(One(log, "a", {.as_of = Utc(2026, 2, 2) + 1}).interactions),
              ElementsAre(Utc(2026, 2, 1), Utc(2026, 2, 2)));
  EXPECT_THAT(TimesOf(One(log, "a", {.known_at = Utc(2026, 3, 1)}).interactions), ElementsAre(Utc(2026, 2, 1)));
  EXPECT_THAT(TimesOf(One(log, "a", {.known_at = Utc(2026, 3, 1) + 1}).interactions),
              ElementsAre(Utc(2026, 2, 1), Utc(2026, 2, 2)));
  EXPECT_EQ(One(log, "a", {.as_of = Utc(2026, 1, 1)}).account_id, "");
}

TEST(EngagementHistory, LeavesOutWhatWasTakenBackFromWhenThatIsKnownAndMarksItInTheTimeline) {
  MeetingLog log;
  log.OpenFor("a", Utc(2026, 1, 1));
  log.Retract(log.Meet("a", Utc(2026, 2, 1)), Utc(2026, 4, 1));
  const EngagementHistory before = One(log, "a", {.known_at = Utc(2026, 4, 1)});
  EXPECT_THAT(TimesOf(before.interactions), ElementsAre(Utc(2026, 2, 1)));
  EXPECT_FALSE(before.timeline[1].retracted);
  const EngagementHistory after = One(log, "a", {.as_of = Utc(2026, 3, 1)});
  EXPECT_THAT(after.interactions, IsEmpty());
  ASSERT_EQ(after.timeline.size(), 3u);
  EXPECT_FALSE(after.timeline[0].retracted);
  EXPECT_TRUE(after.timeline[1].retracted);
  EXPECT_EQ(after.timeline[1].kind, events::v1::EVENT_KIND_INTERACTION_MADE);
  EXPECT_EQ(after.timeline[2].kind, events::v1::EVENT_KIND_FACT_RETRACTED);
}

TEST(EngagementHistory, KnowsWhoHadWhichRoleWhen) {
  MeetingLog log;
  log.OpenFor("a", Utc(2026, 1, 1), "ann");
  log.Assign("a", Utc(2026, 2, 1), "engineer", "eve", 4);
  log.Assign("a", Utc(2026, 3, 1), "owner", "bob");
  auto* released = log.Event("a", Utc(2026, 4, 1)).mutable_owner_released();
  released->set_role("engineer");
  released->set_person("eve");
  auto* transferred = log.Event("a", Utc(2026, 5, 1)).mutable_owner_transferred();
  transferred->set_from_person("bob");
  transferred->set_to_person("cid");
  transferred->set_reason(events::v1::OWNER_CHANGE_REASON_DEPARTED);
  transferred->add_roles("owner");
  const EngagementHistory history = One(log, "a");
  EXPECT_THAT(RolesOf(history), ElementsAre("owner:ann 2026-01-01..2026-03-01", "engineer:eve 2026-02-01..2026-04-01",
                                            "owner:bob 2026-03-01..2026-05-01", "owner:cid 2026-05-01.."));
  EXPECT_EQ(history.OwnerAt(Utc(2026, 2, 28)), "ann");
  EXPECT_EQ(history.OwnerAt(Utc(2026, 3, 1)), "bob");
  EXPECT_EQ(history.OwnerAt(Utc(2025, 12, 31)), "");
  EXPECT_TRUE(history.HoldsRoleAt("eve", "engineer", Utc(2026, 2, 1)));
  EXPECT_FALSE(history.HoldsRoleAt("eve", "engineer", Utc(2026, 4, 1)));
  EXPECT_EQ(history.roles[2].end_reason, events::v1::OWNER_CHANGE_REASON_DEPARTED);
  EXPECT_EQ(history.roles[1].rank, 4u);
}

TEST(EngagementHistory, TakesWhatWasRecordedLaterAsHoldingFromNoEarlier) {
  MeetingLog log;
  log.OpenFor("a", Utc(2026, 1, 1), "ann");
  log.Tier("a", Utc(2026, 3, 1), "a");
  log.Tier("a", Utc(2026, 2, 1), "potential");
  log.Assign("a", Utc(2026, 3, 1), "owner", "bob");
  log.Assign("a", Utc(2026, 2, 1), "owner", "cid");
  const EngagementHistory history = One(log, "a");
  EXPECT_EQ(history.TierAt(Utc(2026, 2, 15)), "");
  EXPECT_EQ(history.TierAt(Utc(2026, 3, 1)), "potential");
  EXPECT_EQ(history.OwnerAt(Utc(2026, 2, 15)), "ann");
  EXPECT_EQ(history.OwnerAt(Utc(2026, 3, 1)), "cid");
}

TEST(EngagementHistory, HasFactsAndScoresWithWhoJudged) {
  MeetingLog log;
  log.OpenFor("a", Utc(2026, 1, 1));
  log.Declare("a", Utc(2026, 2, 1), "industry", "steel");
  events::v1::EventRecord& scored = log.Add("a", Utc(2026, 3, 1));
  scored.set_actor("ann");
  scored.mutable_event()->mutable_score_stated()->set_score_id("closeness");
  scored.mutable_event()->mutable_score_stated()->set_value(-7);
  log.Event("a", Utc(2026, 4, 1)).mutable_account_facts_updated()->add_removed_keys("industry");
  const EngagementHistory history = One(log, "a");
  ASSERT_NE(history.FactAt("industry", Utc(2026, 3, 31)), nullptr);
  EXPECT_EQ(history.FactAt("industry", Utc(2026, 3, 31))->value, "steel");
  EXPECT_EQ(history.FactAt("industry", Utc(2026, 4, 1)), nullptr);
  ASSERT_NE(history.FactAt("closeness", Utc(2026, 3, 1)), nullptr);
  EXPECT_EQ(history.FactAt("closeness", Utc(2026, 3, 1))->value, "-7");
  EXPECT_EQ(history.FactAt("closeness", Utc(2026, 3, 1))->person, "ann");
}

TEST(EngagementHistory, JoinsWhatWasMergedFromThatMomentOn) {
  MeetingLog log;
  log.OpenFor("a", Utc(2026, 1, 1));
  log.OpenFor("b", Utc(2026, 1, 1));
  log.OpenFor("c", Utc(2026, 1, 1));
  log.Meet("a", Utc(2026, 2, 3));
  log.Meet("b", Utc(2026, 2, 2), {.contact_id = "buyer-1"});
  log.Meet("c", Utc(2026, 2, 1));
  log.Merge("c", "b", Utc(2026, 3, 1));
  log.Merge("b", "a", Utc(2026, 4, 1));
  for (const uint32_t count : {1u, 3u}) {
    const FoldedShards shards(log, count);
    EXPECT_THAT(IdsOf(Visit(shards, {.as_of = Utc(2026, 3, 1)})), ElementsAre("a", "b", "c"));
    EXPECT_THAT(IdsOf(Visit(shards, {.as_of = Utc(2026, 4, 1)})), ElementsAre("a", "b"));
    const auto merged = Visit(shards, {});
    ASSERT_EQ(merged.size(), 1u);
    EXPECT_THAT(merged[0].absorbed, ElementsAre("b", "c"));
    EXPECT_THAT(TimesOf(merged[0].interactions), ElementsAre(Utc(2026, 2, 1), Utc(2026, 2, 2), Utc(2026, 2, 3)));
    const HistoryRow& of_b = merged[0].interactions[1];
    EXPECT_EQ(merged[0].AccountOf(of_b.account), "b");
    EXPECT_EQ(merged[0].ContactName(of_b.account, "buyer-1"), "b:buyer-1");
    EXPECT_EQ(merged[0].ContactName(0, "buyer-1"), "buyer-1");
  }
}

TEST(EngagementHistory, OfAnAccountThatWasMergedIsItsOwnOnlyWhenAskedForAlone) {
  MeetingLog log;
  log.OpenFor("a", Utc(2026, 1, 1));
  log.OpenFor("b", Utc(2026, 1, 1));
  log.Merge("b", "a", Utc(2026, 3, 1));
  const FoldedShards shards(log);
  const EngagementScope scope;
  auto scan = EngagementScan::Open(shards.readers(), scope, kEverything);
  ASSERT_TRUE(scan.ok()) << scan.status();
  EXPECT_EQ(scan->MergedInto("b"), "a");
  EXPECT_EQ(scan->MergedInto("a"), "");
  int visits = 0;
  const auto visit = [&](const EngagementHistory& history) {
    EXPECT_EQ(history.account_id, "b");
    EXPECT_EQ(history.LifeAt(Utc(2026, 3, 1)), Life::kMerged);
    visits += 1;
    return absl::OkStatus();
  };
  EXPECT_TRUE(scan->Load("b", visit).ok());
  EXPECT_EQ(visits, 0);
  EXPECT_TRUE(scan->LoadAlone("b", visit).ok());
  EXPECT_EQ(visits, 1);
}

TEST(EngagementHistory, OfAMergeThatWasReturnedIsAsBefore) {
  MeetingLog log;
  log.OpenFor("b", Utc(2026, 1, 1));
  log.Event("b", Utc(2026, 3, 1)).mutable_account_merged()->set_into_account_id("a");
  EXPECT_EQ(One(log, "b").LifeAt(Utc(2026, 3, 1)), Life::kMerged);
  log.Event("b", Utc(2026, 3, 1)).mutable_account_merge_returned()->set_into_account_id("a");
  EXPECT_EQ(One(log, "b").LifeAt(Utc(2026, 3, 1)), Life::kOpen);
}

TEST(EngagementHistory, KeepsNothingSealed) {
  MeetingLog log;
  log.OpenFor("a", Utc(2026, 1, 1));
  auto* recorded = log.Event("a", Utc(2026, 2, 1)).mutable_contact_recorded();
  recorded->set_contact_id("buyer-1");
  recorded->mutable_person()->set_subject_id("s-1");
  recorded->mutable_person()->add_known_fields("birthday");
  recorded->mutable_person()->mutable_sealed()->set_ciphertext("secret");
  const EngagementHistory history = One(log, "a");
  ASSERT_EQ(history.contacts.size(), 1u);
  const events::v1::PersonalData& person = history.contacts[0].event.contact_recorded().person();
  EXPECT_FALSE(person.has_sealed());
  EXPECT_EQ(person.subject_id(), "s-1");
  EXPECT_THAT(person.known_fields(), ElementsAre("birthday"));
}

TEST(EngagementHistory, SumsTheLinesOfAPurchaseByCategoryAndBundle) {
  MeetingLog log;
  log.OpenFor("a", Utc(2026, 1, 1));
  auto* purchase = log.Event("a", Utc(2026, 2, 1)).mutable_purchase_recorded();
  purchase->set_sale_mode(events::v1::SALE_MODE_ONLINE);
  for (const char* category : {"vans", "parts", "vans"}) {
    auto* line = purchase->add_lines();
    line->set_sku("sku");
    line->set_category(category);
    line->set_quantity(2);
    line->mutable_amount()->set_micros(5);
    line->mutable_amount()->set_currency_code("CNY");
  }
  const EngagementHistory history = One(log, "a");
  ASSERT_EQ(history.trades.size(), 1u);
  const events::v1::PurchaseRecorded& kept = history.trades[0].event.purchase_recorded();
  EXPECT_EQ(kept.sale_mode(), events::v1::SALE_MODE_ONLINE);
  ASSERT_EQ(kept.lines_size(), 2);
  EXPECT_EQ(kept.lines(0).category(), "vans");
  EXPECT_EQ(kept.lines(0).quantity(), 4);
  EXPECT_EQ(kept.lines(0).amount().micros(), 10);
  EXPECT_EQ(kept.lines(0).sku(), "");
  EXPECT_EQ(kept.lines(1).category(), "parts");
}

TEST(EngagementScan, VisitsOnlyAccountsWithItemsWhereItemsAreWanted) {
  MeetingLog log;
  for (const char* account : {"a", "b", "c"}) log.OpenFor(account, Utc(2026, 1, 1));
  auto* issue = log.Event("b", Utc(2026, 2, 1)).mutable_issue_opened();
  issue->set_issue_id("I-1");
  issue->set_kind(events::v1::ISSUE_KIND_COMPLAINT);
  log.Event("c", Utc(2026, 2, 1)).mutable_payment_received()->set_quote_id("Q-1");
  for (const uint32_t count : {1u, 4u}) {
    EXPECT_THAT(IdsOf(Visit(FoldedShards(log, count), {}, Way::kItems)), ElementsAre("b", "c"));
  }
}

TEST(EngagementScan, VisitsTheAccountsOfAPersonAlsoThoseGivenUp) {
  MeetingLog log;
  for (const char* account : {"d", "c", "b", "a"}) log.OpenFor(account, Utc(2026, 1, 1), "ann");
  log.OpenFor("e", Utc(2026, 1, 1), "ann lee");
  log.Assign("b", Utc(2026, 2, 1), "owner", "bob");
  log.Assign("b", Utc(2026, 3, 1), "engineer", "ann");
  log.Merge("c", "e", Utc(2026, 4, 1));
  for (const uint32_t count : {1u, 4u}) {
    const FoldedShards shards(log, count);
    std::vector<std::string> visited;
    const EngagementScope scope;
    auto scan = EngagementScan::Open(shards.readers(), scope, {});
    ASSERT_TRUE(scan.ok()) << scan.status();
    ASSERT_TRUE(scan->WalkOwned("ann",
                                [&](const EngagementHistory& history) {
                                  visited.push_back(history.account_id);
                                  return absl::OkStatus();
                                })
                    .ok());
    EXPECT_THAT(visited, ElementsAre("a", "b", "d", "e"));
  }
  const FoldedShards shards(log);
  const store::TableReader& rows = *shards.readers()[0];
  const auto first = ListOwned(rows, "ann", OwnedBy::kRole, "", 2);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_THAT(*first, ElementsAre("a", "b"));
  const auto rest = ListOwned(rows, "ann", OwnedBy::kRole, "b", 10);
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_THAT(*rest, ElementsAre("c", "d"));
}

TEST(OwnerIndex, TellsWhoHadARoleFromWhoWasNamed) {
  MeetingLog log;
  log.OpenFor("a", Utc(2026, 1, 1), "bob");
  log.OpenFor("b", Utc(2026, 1, 1), "bob");
  log.Meet("a", Utc(2026, 1, 2), {.person = "ann"});
  log.Meet("b", Utc(2026, 1, 2), {.person = "ann"});
  log.Assign("b", Utc(2026, 1, 3), "engineer", "ann");
  log.Meet("b", Utc(2026, 1, 4), {.person = "ann"});
  const FoldedShards shards(log);
  const store::TableReader& rows = *shards.readers()[0];
  EXPECT_THAT(ListOwned(rows, "ann", OwnedBy::kName, "", 9).value(), ElementsAre("a", "b"));
  EXPECT_THAT(ListOwned(rows, "ann", OwnedBy::kRole, "", 9).value(), ElementsAre("b"));
}

TEST(EngagementScan, LetsOnlyAccountsThroughThatTheFilterFits) {
  MeetingLog log;
  log.OpenFor("a", Utc(2026, 1, 1), "ann", "CN/GD");
  log.OpenFor("b", Utc(2026, 1, 1), "bob", "CN");
  log.Tier("b", Utc(2026, 1, 1), "a");
  const FoldedShards shards(log);
  EXPECT_THAT(IdsOf(Visit(shards, {.filter = {.region = "CN"}})), ElementsAre("a", "b"));
  EXPECT_THAT(IdsOf(Visit(shards, {.filter = {.region = "CN/GD"}})), ElementsAre("a"));
  EXPECT_THAT(IdsOf(Visit(shards, {.filter = {.owner = "bob"}})), ElementsAre("b"));
  EXPECT_THAT(IdsOf(Visit(shards, {.filter = {.tier_id = "a"}})), ElementsAre("b"));
}

TEST(EngagementScan, EndsOnceNobodyWaits) {
  MeetingLog log;
  log.OpenFor("a", Utc(2026, 1, 1));
  const FoldedShards shards(log);
  const EngagementScope scope{.canceled = [] { return true; }};
  auto scan = EngagementScan::Open(shards.readers(), scope, {});
  ASSERT_TRUE(scan.ok()) << scan.status();
  const absl::Status walked = scan->Walk([](const EngagementHistory&) { return absl::OkStatus(); });
  EXPECT_EQ(walked.code(), absl::StatusCode::kCancelled);
}

TEST(ItemRun, OfAnIdThatIsUsedAgainAreTwo) {
  MeetingLog log;
  log.OpenFor("a", Utc(2026, 1, 1));
  const auto move = [&log](Micros occurred, events::v1::IssueState state) {
    auto* moved = log.Event("a", occurred).mutable_issue_moved();
    moved->set_issue_id("I-1");
    moved->set_state(state);
  };
  const auto open = [&log](Micros occurred) {
    auto* opened = log.Event("a", occurred).mutable_issue_opened();
    opened->set_issue_id("I-1");
    opened->set_kind(events::v1::ISSUE_KIND_COMPLAINT);
  };
  open(Utc(2026, 2, 1));
  move(Utc(2026, 2, 3), events::v1::ISSUE_STATE_RESOLVED);
  // Entered late: it holds from no earlier than what it follows.
  move(Utc(2026, 2, 2), events::v1::ISSUE_STATE_CLOSED);
  open(Utc(2026, 5, 1));
  const EngagementHistory history = One(log, "a");
  ASSERT_EQ(history.items.size(), 1u);
  const std::vector<ItemRun> runs = RunsOf(history.items[0]);
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_FALSE(runs[0].open());
  EXPECT_EQ(runs[0].StateAt(Utc(2026, 2, 2)), events::v1::ISSUE_STATE_OPEN);
  EXPECT_EQ(runs[0].last().since, Utc(2026, 2, 3));
  EXPECT_TRUE(runs[1].open());
  EXPECT_EQ(runs[1].opening().times.occurred, Utc(2026, 5, 1));
}

TEST(ItemRun, HoldsAStepThatIsEnteredLateFromNoEarlierThanTheOneBefore) {
  MeetingLog log;
  log.OpenFor("a", Utc(2026, 1, 1));
  auto* opened = log.Event("a", Utc(2026, 2, 1)).mutable_issue_opened();
  opened->set_issue_id("I-1");
  opened->set_kind(events::v1::ISSUE_KIND_COMPLAINT);
  const auto move = [&log](Micros occurred, events::v1::IssueState state) {
    auto* moved = log.Event("a", occurred).mutable_issue_moved();
    moved->set_issue_id("I-1");
    moved->set_state(state);
  };
  move(Utc(2026, 2, 5), events::v1::ISSUE_STATE_ANSWERED);
  move(Utc(2026, 2, 3), events::v1::ISSUE_STATE_ESCALATED);
  const auto state_before = [&](Micros as_of) {
    EngagementScope scope;
    scope.as_of = as_of;
    const EngagementHistory history = One(log, "a", scope);
    return RunsOf(history.items.at(0)).at(0).state();
  };
  EXPECT_EQ(state_before(Utc(2026, 2, 4)), events::v1::ISSUE_STATE_OPEN);
  EXPECT_EQ(state_before(Utc(2026, 2, 6)), events::v1::ISSUE_STATE_ESCALATED);
}

TEST(EngagementRows, AreTheSameWhateverTheChunk) {
  MeetingLog log;
  for (int i = 0; i < 40; ++i) {
    const std::string account = fmt::format("a{}", i % 7);
    if (i < 7) log.OpenFor(account, Utc(2026, 1, 1), fmt::format("p{}", i % 3));
    log.Meet(account, Utc(2026, 2, 1 + i % 20));
    if (i % 5 == 0) log.Assign(account, Utc(2026, 2, 1), "owner", fmt::format("p{}", i % 4));
  }
  const auto whole = testing::FoldAll(EngagementProjection(), log.records());
  for (const size_t chunk : {1u, 3u, 17u}) {
    EXPECT_EQ(testing::FoldAll(EngagementProjection(), log.records(), chunk)->rows(), whole->rows()) << chunk;
  }
}

}  // namespace
}  // namespace keyledger::projections::engagement

// Owner continuity: what is a change, and how accounts with few and many of them were retained.
#include "projections/retention/continuity_queries.h"

#include <gtest/gtest.h>

#include "projections/retention/retention_projection.h"
#include "server/base/error.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using testing::RecordLog;
using testing::Utc;

constexpr int64_t kUnit = 1'000'000;
constexpr auto kDeparted = events::v1::OWNER_CHANGE_REASON_DEPARTED;
constexpr auto kReorganised = events::v1::OWNER_CHANGE_REASON_REORGANISED;

void Open(RecordLog& log, const std::string& id, const std::string& owner) {
  log.Add(id, Utc(2025, 1, 1)).mutable_event()->mutable_account_opened()->set_owner(owner);
}

void Transfer(RecordLog& log, const std::string& id, Micros occurred, const std::string& from, const std::string& to,
              events::v1::OwnerChangeReason reason) {
  auto* transferred = log.Add(id, occurred).mutable_event()->mutable_owner_transferred();
  transferred->set_from_person(from);
  transferred->set_to_person(to);
  transferred->set_reason(reason);
  transferred->add_roles("owner");
}

void Name(RecordLog& log, const std::string& id, Micros occurred, const std::string& owner) {
  log.Add(id, occurred).mutable_event()->mutable_account_facts_updated()->set_owner(owner);
}

ContinuityTable Ask(const RecordLog& log, const RetentionScope& scope, std::optional<Micros> start = std::nullopt) {
  const auto rows = testing::FoldRows(RetentionProjection(), log);
  const auto table = GetContinuityTable({rows.get()}, scope, start);
  EXPECT_TRUE(table.ok()) << table.status();
  return table.ok() ? *table : ContinuityTable{};
}

RetentionScope AsOf(Micros as_of) {
  RetentionScope scope;
  scope.as_of = as_of;
  return scope;
}

// As the group of so many changes, for whatever reason or by departure.
const ContinuityGroup& Group(const ContinuityTable& table, int changes, bool departed) {
  return table.groups.at((departed ? 4u : 0u) + static_cast<size_t>(changes));
}

TEST(Continuity, GroupsAccountsByTheirChangesAndSaysWhoStayed) {
  RecordLog log;
  // Bought in February and in March, and kept ann.
  Open(log, "a", "ann");
  log.Purchase("a", Utc(2026, 2, 3), 100 * kUnit);
  log.Purchase("a", Utc(2026, 3, 3), 150 * kUnit);
  // Went from ann, who left, to bob, and did not buy again.
  Open(log, "b", "ann");
  log.Purchase("b", Utc(2026, 2, 3), 80 * kUnit);
  Transfer(log, "b", Utc(2026, 2, 10), "ann", "bob", kDeparted);
  // Went over to bob when accounts were distributed anew, and bought less.
  Open(log, "c", "ann");
  log.Purchase("c", Utc(2026, 2, 3), 200 * kUnit);
  Transfer(log, "c", Utc(2026, 3, 10), "ann", "bob", kReorganised);
  log.Purchase("c", Utc(2026, 3, 20), 50 * kUnit);
  // Bought in March only.
  Open(log, "d", "ann");
  log.Purchase("d", Utc(2026, 3, 3), 999 * kUnit);
  const ContinuityTable table = Ask(log, AsOf(Utc(2026, 4, 1)));
  ASSERT_EQ(table.groups.size(), 8u);
  EXPECT_EQ(table.currency_code, "USD");
  EXPECT_EQ(table.changes, 2);
  // From 2025-01-01 to 2026-02-10 are 405 days, to 2026-03-10 are 433.
  EXPECT_EQ(table.mean_owner_days, 419.0);

  const ContinuityGroup& none = Group(table, 0, false);
  EXPECT_EQ(none.changes, 0);
  EXPECT_FALSE(none.departed);
  EXPECT_EQ(none.accounts, 1);
  EXPECT_EQ(none.retained, 1);
  EXPECT_EQ(none.retention, 1.0);
  EXPECT_EQ(none.revenue_ratio, 1.5);

  const ContinuityGroup& one = Group(table, 1, false);
  EXPECT_EQ(one.changes, 1);
  EXPECT_EQ(one.accounts, 2);
  EXPECT_EQ(one.retained, 1);
  EXPECT_EQ(one.retention, 0.5);
  EXPECT_EQ(one.revenue_ratio, 50.0 / 280.0);

  const ContinuityGroup& kept = Group(table, 0, true);
  EXPECT_TRUE(kept.departed);
  EXPECT_EQ(kept.accounts, 2);
  EXPECT_EQ(kept.retained, 2);
  EXPECT_EQ(kept.revenue_ratio, 200.0 / 300.0);

  const ContinuityGroup& departed = Group(table, 1, true);
  EXPECT_EQ(departed.accounts, 1);
  EXPECT_EQ(departed.retention, 0.0);
  EXPECT_EQ(departed.revenue_ratio, 0.0);

  const ContinuityGroup& two = Group(table, 2, false);
  EXPECT_EQ(two.accounts, 0);
  EXPECT_EQ(two.retention, std::nullopt);
  EXPECT_EQ(two.revenue_ratio, std::nullopt);
}

TEST(Continuity, CountsTheEndOfATimeAsOwnerOnce) {
  RecordLog log;
  Open(log, "a", "ann");
  log.Purchase("a", Utc(2026, 2, 3), kUnit);
  // Nobody, then bob: one end. Bob named again: none.
  Transfer(log, "a", Utc(2026, 2, 5), "ann", "", kDeparted);
  Name(log, "a", Utc(2026, 2, 7), "bob");
  Name(log, "a", Utc(2026, 2, 8), "bob");
  EXPECT_EQ(Ask(log, AsOf(Utc(2026, 4, 1))).changes, 1);
  EXPECT_EQ(Group(Ask(log, AsOf(Utc(2026, 4, 1))), 1, true).accounts, 1);
  // Two at the same moment: carl never came to hold it.
  Name(log, "a", Utc(2026, 2, 9), "carl");
  Name(log, "a", Utc(2026, 2, 9), "dan");
  EXPECT_EQ(Ask(log, AsOf(Utc(2026, 4, 1))).changes, 2);
}

TEST(Continuity, PutsThreeChangesAndMoreIntoOneGroup) {
  RecordLog log;
  Open(log, "a", "o0");
  log.Purchase("a", Utc(2026, 2, 3), kUnit);
  for (int i = 1; i <= 5; ++i) Name(log, "a", Utc(2026, 2, 4 + i), "o" + std::to_string(i));
  const ContinuityTable table = Ask(log, AsOf(Utc(2026, 4, 1)));
  EXPECT_EQ(table.changes, 5);
  EXPECT_EQ(Group(table, 3, false).accounts, 1);
  EXPECT_EQ(Group(table, 3, true).accounts, 0);
  EXPECT_EQ(Group(table, 0, true).accounts, 1);
}

TEST(Continuity, LooksAtTheStretchAloneItsStartIncludedAndItsEndNot) {
  RecordLog log;
  Open(log, "a", "o0");
  log.Purchase("a", Utc(2026, 2, 1), kUnit);
  Name(log, "a", Utc(2026, 2, 1) - 1, "o1");
  Name(log, "a", Utc(2026, 2, 1), "o2");
  Name(log, "a", Utc(2026, 4, 1) - 1, "o3");
  Name(log, "a", Utc(2026, 4, 1), "o4");
  EXPECT_EQ(Ask(log, AsOf(Utc(2026, 4, 1))).changes, 2);
  EXPECT_EQ(Ask(log, AsOf(Utc(2026, 4, 1))).groups[2].accounts, 1);
}

TEST(Continuity, HalvesAreThePeriodsOrOfTheSameLength) {
  RecordLog log;
  Open(log, "a", "ann");
  // With February and March the second half begins on the first of March; with a start, in the middle: 2 March 12:00.
  log.Purchase("a", Utc(2026, 2, 3), 2 * kUnit);
  log.Purchase("a", Utc(2026, 3, 1), 3 * kUnit);
  const RetentionScope scope = AsOf(Utc(2026, 4, 1));
  EXPECT_EQ(Group(Ask(log, scope), 0, false).revenue_ratio, 1.5);
  EXPECT_EQ(Group(Ask(log, scope, Utc(2026, 2, 1)), 0, false).revenue_ratio, 0.0);
  log.Purchase("a", Utc(2026, 3, 2, 12), 10 * kUnit);
  EXPECT_EQ(Group(Ask(log, scope, Utc(2026, 2, 1)), 0, false).revenue_ratio, 2.0);
}

TEST(Continuity, KnowsNoRatioOfRevenueThatIsNone) {
  RecordLog log;
  Open(log, "a", "ann");
  log.Purchase("a", Utc(2026, 2, 3), 2 * kUnit);
  log.Return("a", Utc(2026, 2, 4), 2 * kUnit);
  RetentionScope scope = AsOf(Utc(2026, 4, 1));
  EXPECT_EQ(Group(Ask(log, scope), 0, false).revenue_ratio, 0.0);
  scope.basis = RevenueBasis::kNet;
  EXPECT_EQ(Group(Ask(log, scope), 0, false).revenue_ratio, std::nullopt);
  EXPECT_EQ(Group(Ask(log, scope), 0, false).accounts, 1);
}

TEST(Continuity, RefusesAStretchThatIsEmpty) {
  RecordLog log;
  Open(log, "a", "ann");
  const auto rows = testing::FoldRows(RetentionProjection(), log);
  const auto refused = GetContinuityTable({rows.get()}, AsOf(Utc(2026, 4, 1)), Utc(2026, 4, 1));
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kInvalidField);
  EXPECT_EQ(FieldsOf(refused.status()).at(0).first, "start_time");
  EXPECT_TRUE(GetContinuityTable({rows.get()}, AsOf(Utc(2026, 4, 1)), Utc(2026, 4, 1) - 1).ok());
}

TEST(Continuity, IsEmptyWithoutAccounts) {
  const ContinuityTable table = Ask(RecordLog(), AsOf(Utc(2026, 4, 1)));
  EXPECT_EQ(table.changes, 0);
  EXPECT_EQ(table.mean_owner_days, std::nullopt);
  EXPECT_EQ(table.groups.size(), 8u);
}

}  // namespace
}  // namespace keyledger::projections

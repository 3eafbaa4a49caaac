// Stages of lifecycles: standing, history and distribution.
#include <gtest/gtest.h>

#include "projections/tiers/stages_queries.h"
#include "projections/tiers/tiers_projection.h"
#include "projections/tiers/tiers_queries.h"
#include "server/base/error.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using testing::RecordLog;
using testing::Utc;
using Lines = std::vector<std::string>;

// In "life" from 5 January, expand from 1 March, back in July; in "care" from 1 March.
RecordLog OneAccount() {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 5));
  log.AssignTier("a", Utc(2026, 1, 5), "bronze", "", events::v1::TIER_ASSIGNMENT_REASON_INITIAL);
  log.ChangeStage("a", Utc(2026, 1, 5), "acquire", "");
  log.ChangeStage("a", Utc(2026, 3, 1), "expand", "acquire");
  log.ChangeStage("a", Utc(2026, 3, 1), "satisfied", "", "care");
  log.ChangeStage("a", Utc(2026, 7, 1), "acquire", "expand");
  return log;
}

// "ladder stage" of each.
Lines StagesAt(const store::TableReader& rows, Micros as_of) {
  const auto stages = GetStages(rows, "a", as_of);
  EXPECT_TRUE(stages.ok()) << stages.status();
  Lines lines;
  for (const StageStay& stay : *stages) lines.push_back(stay.ladder_id + " " + stay.stage_id);
  return lines;
}

TEST(GetStages, TellsTheStageOfEachLifecycleJustBeforeAMoment) {
  const auto rows = testing::FoldRows(TiersProjection(), OneAccount());
  EXPECT_EQ(StagesAt(*rows, Utc(2026, 1, 5)), Lines{});
  EXPECT_EQ(StagesAt(*rows, Utc(2026, 1, 5) + 1), Lines{"life acquire"});
  EXPECT_EQ(StagesAt(*rows, Utc(2026, 3, 1)), Lines{"life acquire"});
  EXPECT_EQ(StagesAt(*rows, Utc(2026, 3, 1) + 1), (Lines{"care satisfied", "life expand"}));
  EXPECT_EQ(StagesAt(*rows, Utc(2030, 1, 1)), (Lines{"care satisfied", "life acquire"}));
}

TEST(GetStages, CarriesTheEvidence) {
  const auto rows = testing::FoldRows(TiersProjection(), OneAccount());
  const auto stages = GetStages(*rows, "a", Utc(2026, 4, 1));
  ASSERT_TRUE(stages.ok());
  const StageStay& stay = stages->at(1);
  EXPECT_EQ(stay.stage_id, "expand");
  EXPECT_EQ(stay.previous_stage_id, "acquire");
  EXPECT_EQ(stay.since, Utc(2026, 3, 1));
  EXPECT_FALSE(stay.until.has_value());
  ASSERT_EQ(stay.met.size(), 1u);
  EXPECT_EQ(stay.met[0].value(), 120'000'000);
  EXPECT_EQ(stay.met[0].window_end().seconds(), Utc(2026, 3, 1) / 1'000'000);
  EXPECT_EQ(stay.alternative, 1u);
  EXPECT_EQ(stay.program_id, "loyalty");
  EXPECT_EQ(stay.program_version, 3u);
  EXPECT_EQ(stay.revision, 3u);
}

TEST(GetStages, HoldNoEarlierThanTheStageBeforeInTheSameLifecycle) {
  RecordLog log = OneAccount();
  log.ChangeStage("a", Utc(2026, 2, 1), "new", "acquire");
  const auto rows = testing::FoldRows(TiersProjection(), log);
  EXPECT_EQ(StagesAt(*rows, Utc(2026, 6, 1)), (Lines{"care satisfied", "life expand"}));
  EXPECT_EQ(StagesAt(*rows, Utc(2026, 7, 2)), (Lines{"care satisfied", "life new"}));
}

TEST(GetStages, DoesNotFindAnUnknownAccount) {
  const auto rows = testing::FoldRows(TiersProjection(), OneAccount());
  EXPECT_EQ(ReasonOf(GetStages(*rows, "b", 0).status()), Reason::kAccountNotFound);
  EXPECT_EQ(ReasonOf(ListStageHistory(*rows, "b", "", 10, "").status()), Reason::kAccountNotFound);
}

// "ladder stage until", the end as days since 1 January 2026.
Lines LinesOf(const StageHistoryPage& page) {
  Lines lines;
  for (const StageStay& stay : page.stays) {
    lines.push_back(stay.ladder_id + " " + stay.stage_id + " " +
                    (stay.until.has_value() ? std::to_string((*stay.until - Utc(2026, 1, 1)) / kMicrosPerDay) : "now"));
  }
  return lines;
}

TEST(ListStageHistory, ListsLatestFirstInPages) {
  const auto rows = testing::FoldRows(TiersProjection(), OneAccount());
  const auto first = ListStageHistory(*rows, "a", "", 3, "");
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(LinesOf(*first), (Lines{"life acquire now", "care satisfied now", "life expand 181"}));
  const auto second = ListStageHistory(*rows, "a", "", 3, first->continuation);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(LinesOf(*second), Lines{"life acquire 59"});
  EXPECT_EQ(second->continuation, "");
}

TEST(ListStageHistory, ListsOneLifecycleIfAsked) {
  const auto rows = testing::FoldRows(TiersProjection(), OneAccount());
  EXPECT_EQ(LinesOf(*ListStageHistory(*rows, "a", "care", 10, "")), Lines{"care satisfied now"});
  EXPECT_EQ(LinesOf(*ListStageHistory(*rows, "a", "life", 1, "")), Lines{"life acquire now"});
  EXPECT_EQ(LinesOf(*ListStageHistory(*rows, "a", "other", 10, "")), Lines{});
}

TEST(ListStageHistory, RefusesAContinuationThatIsNotOne) {
  const auto rows = testing::FoldRows(TiersProjection(), OneAccount());
  EXPECT_EQ(ReasonOf(ListStageHistory(*rows, "a", "", 2, "x").status()), Reason::kInvalidToken);
}

TEST(GetTierDistribution, CountsAccountsByTheirStages) {
  RecordLog log = OneAccount();
  for (const char* id : {"b", "c", "d"}) log.Open(id, Utc(2026, 2, 1));
  log.ChangeStage("b", Utc(2026, 2, 1), "acquire", "");
  log.ChangeStage("c", Utc(2026, 2, 1), "acquire", "");
  RecordLog other;
  other.Open("e", Utc(2026, 2, 1));
  other.ChangeStage("e", Utc(2026, 2, 1), "expand", "");
  const auto first = testing::FoldRows(TiersProjection(), log);
  const auto second = testing::FoldRows(TiersProjection(), other);
  const auto april = GetTierDistribution({first.get(), second.get()}, Utc(2026, 4, 1));
  ASSERT_TRUE(april.ok());
  EXPECT_EQ(april->accounts, 5);
  EXPECT_EQ(april->stages,
            (std::vector<StageCount>{{"care", "satisfied", 1}, {"life", "acquire", 2}, {"life", "expand", 2}}));
  EXPECT_EQ(april->tiers, (std::vector<TierCount>{{"", "", 4}, {"main", "bronze", 1}}));
  const auto january = GetTierDistribution({first.get(), second.get()}, Utc(2026, 1, 31));
  EXPECT_EQ(january->stages, (std::vector<StageCount>{{"life", "acquire", 1}}));
}

TEST(GetStages, ReportADamagedRow) {
  const auto table = testing::FoldAll(TiersProjection(), OneAccount().records());
  table->mutable_rows().rbegin()->second = "x";
  EXPECT_EQ(ReasonOf(GetStages(*table->NewReader(), "a", Utc(2030, 1, 1)).status()), Reason::kStoreDamaged);
}

}  // namespace
}  // namespace keyledger::projections

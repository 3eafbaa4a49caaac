// Contracts, promises, plans, issues and other items.
#include "projections/pipeline/contracts.h"
#include "projections/pipeline/issues.h"
#include "projections/pipeline/other_items.h"
#include "projections/pipeline/plans.h"
#include "projections/pipeline/promises.h"
#include "tests/unit/projections/pipeline_logs.h"

namespace keyledger::projections::pipeline {
namespace {

using namespace events::v1;
using testing::AsOf;
using testing::EngagementRows;
using testing::kUnit;
using testing::Must;
using testing::PipelineLog;
using testing::SetTime;
using testing::Utc;
using Ids = std::vector<std::string>;
using Flags = std::vector<PlanFlag>;

ContractList Contracts(const testing::RecordLog& log, const PipelineScope& scope, const ContractQuery& query = {}) {
  return Must(ListContracts(EngagementRows(log).shards(), scope, query));
}

// C-1 of 2025 with a notice of its own, renewed to 2027; C-2 of half a year, breached; C-3 ended early.
PipelineLog Agreed() {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "CN");
  auto& first = log.Sign("acme", Utc(2024, 12, 1), "C-1", Utc(2025, 1, 1), Utc(2026, 1, 1), 100);
  first.set_kind("frame");
  first.set_notice_days(31);
  first.set_exclusive(true);
  testing::SetMoney(7, "USD", first.mutable_early_end_penalty());
  log.Sign("acme", Utc(2025, 1, 1), "C-2", Utc(2025, 1, 1), Utc(2025, 7, 1), 30);
  log.Sign("acme", Utc(2025, 1, 1), "C-3", Utc(2025, 1, 1), Utc(2028, 1, 1));
  auto* breached = log.On("acme", Utc(2025, 2, 1)).mutable_contract_breached();
  breached->set_contract_id("C-2");
  breached->set_side(SIDE_ACCOUNT);
  breached->set_description("bought elsewhere");
  auto* ended = log.On("acme", Utc(2025, 3, 1)).mutable_contract_ended();
  ended->set_contract_id("C-3");
  ended->set_ending(CONTRACT_ENDING_CANCELLED);
  auto* renewed = log.On("acme", Utc(2025, 11, 1)).mutable_contract_renewed();
  renewed->set_contract_id("C-1");
  SetTime(Utc(2027, 1, 1), renewed->mutable_end_time());
  return log;
}

TEST(ListContracts, NamesTheDayOfNoticeAndWhatAnEarlyEndCosts) {
  programs::v1::Program program = testing::PlainProgram("sales");
  program.mutable_deadlines()->set_contract_notice_days(30);
  PipelineScope scope = AsOf(Utc(2025, 6, 1));
  scope.programs = testing::Published({program});
  const ContractList list = Contracts(Agreed(), scope);
  ASSERT_EQ(list.rows.size(), 2u);
  EXPECT_EQ(list.rows[0].contract_id, "C-2");
  EXPECT_EQ(list.rows[0].notice, Utc(2025, 6, 1)) << "thirty days before the end, by the program";
  EXPECT_FALSE(list.rows[0].early_end_penalty.has_value());
  EXPECT_EQ(list.rows[1].contract_id, "C-1");
  EXPECT_EQ(list.rows[1].notice, Utc(2025, 12, 1)) << "by its own days";
  EXPECT_EQ(list.rows[1].early_end_penalty->micros(), 7 * kUnit);
  EXPECT_EQ(Contracts(Agreed(), AsOf(Utc(2025, 6, 1))).rows[0].notice, Utc(2025, 7, 1)) << "nobody asks for notice";
}

TEST(ListContracts, ShowsWhoBuysFromNobodyElse) {
  const ContractList list = Contracts(Agreed(), AsOf(Utc(2025, 6, 1)), {.kind = "frame"});
  ASSERT_EQ(list.rows.size(), 1u);
  EXPECT_TRUE(list.rows[0].exclusive);
  EXPECT_EQ(list.rows[0].kind, "frame");
}

TEST(ListContracts, GoesByTheEndOfTheTerm) {
  const auto ids = [](const ContractQuery& query) {
    Ids found;
    for (const ContractRow& row : Contracts(Agreed(), AsOf(Utc(2025, 6, 1)), query).rows) {
      found.push_back(row.contract_id);
    }
    return found;
  };
  EXPECT_EQ(ids({.state = ItemState::kAll}), (Ids{"C-2", "C-1", "C-3"}));
  EXPECT_EQ(ids({.state = ItemState::kEnded}), Ids{"C-3"});
  EXPECT_EQ(ids({.end_until = Utc(2026, 1, 1)}), Ids{"C-2"}) << "exclusive";
  EXPECT_EQ(ids({.end_from = Utc(2026, 1, 1)}), Ids{"C-1"}) << "inclusive";
}

TEST(ListContracts, SaysWhatBecameOfEach) {
  const ContractList then = Contracts(Agreed(), AsOf(Utc(2025, 6, 1)), {.state = ItemState::kAll});
  EXPECT_TRUE(then.rows[0].breached);
  EXPECT_EQ(then.rows[0].breaches, 1);
  EXPECT_FALSE(then.rows[0].lapsed);
  EXPECT_FALSE(then.rows[2].running);
  EXPECT_EQ(then.rows[2].ending, CONTRACT_ENDING_CANCELLED);
  EXPECT_EQ(then.rows[2].end, Utc(2028, 1, 1)) << "the end of its term, not of the contract";
  EXPECT_EQ(then.sums.at("USD").micros, 130 * kUnit);
  const ContractList later = Contracts(Agreed(), AsOf(Utc(2025, 12, 1)));
  EXPECT_TRUE(later.rows[0].lapsed) << "C-2 is over, and nobody ended it";
  EXPECT_EQ(later.rows[1].renewals, 1);
  EXPECT_EQ(later.rows[1].end, Utc(2027, 1, 1));
  EXPECT_FALSE(later.rows[1].value.has_value()) << "what the new term is worth, nobody said";
  EXPECT_FALSE(Contracts(Agreed(), AsOf(Utc(2025, 7, 1) - 1)).rows[0].lapsed);
  EXPECT_TRUE(Contracts(Agreed(), AsOf(Utc(2025, 7, 1))).rows[0].lapsed);
}

TEST(ListContracts, SettleABreachByAnAmendment) {
  PipelineLog log = Agreed();
  auto* amended = log.On("acme", Utc(2025, 12, 2)).mutable_contract_amended();
  amended->set_contract_id("C-2");
  amended->set_description("a year more");
  SetTime(Utc(2026, 7, 1), amended->mutable_end_time());
  testing::SetMoney(31, "USD", amended->mutable_value());
  const ContractRow row = Contracts(log, AsOf(Utc(2026, 1, 1))).rows.at(0);
  EXPECT_EQ(row.contract_id, "C-2");
  EXPECT_FALSE(row.breached);
  EXPECT_EQ(row.amendments, 1);
  EXPECT_EQ(row.end, Utc(2026, 7, 1));
  EXPECT_EQ(row.value->micros(), 31 * kUnit);
}

PromisePublished& Promise(PipelineLog& log, Micros occurred, const std::string& id) {
  auto* published = log.On("acme", occurred).mutable_promise_published();
  published->set_promise_id(id);
  published->set_description("free delivery");
  return *published;
}

// P-1 due in April, P-2 stands until June, P-3 for ever, P-4 due in March and kept.
PipelineLog Promised() {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "CN");
  SetTime(Utc(2025, 4, 1), Promise(log, Utc(2025, 1, 1), "P-1").mutable_due_time());
  SetTime(Utc(2025, 6, 1), Promise(log, Utc(2025, 1, 1), "P-2").mutable_end_time());
  Promise(log, Utc(2025, 1, 1), "P-3");
  SetTime(Utc(2025, 3, 1), Promise(log, Utc(2025, 1, 1), "P-4").mutable_due_time());
  for (const int month : {2, 3}) log.On("acme", Utc(2025, month, 1)).mutable_promise_kept()->set_promise_id("P-3");
  log.On("acme", Utc(2025, 4, 1)).mutable_promise_broken()->set_promise_id("P-3");
  log.On("acme", Utc(2025, 2, 1)).mutable_promise_kept()->set_promise_id("P-4");
  return log;
}

TEST(ListPromises, GoesByWhenTheyAreDueAndCountsHowTheyWereKept) {
  const EngagementRows rows(Promised());
  const PromiseList list = Must(ListPromises(rows.shards(), AsOf(Utc(2025, 5, 1)), {.state = ItemState::kAll}));
  ASSERT_EQ(list.rows.size(), 4u);
  EXPECT_EQ(list.rows[0].promise_id, "P-4");
  EXPECT_FALSE(list.rows[0].open) << "kept, and for once";
  EXPECT_EQ(list.rows[1].promise_id, "P-1");
  EXPECT_TRUE(list.rows[1].overdue);
  EXPECT_EQ(list.rows[2].promise_id, "P-2");
  EXPECT_TRUE(list.rows[2].open);
  EXPECT_EQ(list.rows[3].promise_id, "P-3");
  EXPECT_EQ(list.rows[3].kept, 2);
  EXPECT_EQ(list.rows[3].broken, 1);
  EXPECT_TRUE(list.rows[3].open);
  EXPECT_EQ(list.kept_count, 3);
  EXPECT_EQ(list.broken_count, 1);
  EXPECT_EQ(Must(ListPromises(rows.shards(), AsOf(Utc(2025, 5, 1)), {})).count, 3);
  EXPECT_EQ(Must(ListPromises(rows.shards(), AsOf(Utc(2025, 6, 1)), {})).count, 2) << "P-2 stands no more";
  EXPECT_EQ(
      Must(ListPromises(rows.shards(), AsOf(Utc(2025, 2, 1)), {.due_until = Utc(2025, 4, 1)})).rows.at(0).promise_id,
      "P-4");
}

TEST(ListPromises, AreNotOverdueBeforeTheMomentItself) {
  const EngagementRows rows(Promised());
  const auto overdue = [&](Micros as_of) {
    return Must(ListPromises(rows.shards(), AsOf(as_of), {.due_until = Utc(2025, 4, 2)})).rows.at(0).overdue;
  };
  EXPECT_FALSE(overdue(Utc(2025, 4, 1) - 1));
  EXPECT_TRUE(overdue(Utc(2025, 4, 1)));
}

PlanForecast& Forecast(PlanDrafted& plan, Micros start, Micros end) {
  PlanForecast& forecast = *plan.add_forecasts();
  SetTime(start, forecast.mutable_start_time());
  SetTime(end, forecast.mutable_end_time());
  return forecast;
}

// Three years from 2025 on, drafted in December 2024, with a forecast of its first year.
PipelineLog Planned() {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "CN", "", "li");
  auto* plan = log.On("acme", Utc(2024, 12, 1)).mutable_plan_drafted();
  plan->set_plan_id("P-26");
  plan->set_description("grow together");
  SetTime(Utc(2025, 1, 1), plan->mutable_start_time());
  SetTime(Utc(2028, 1, 1), plan->mutable_end_time());
  Forecast(*plan, Utc(2025, 1, 1), Utc(2026, 1, 1)).set_units(100);
  auto* target = plan->add_targets();
  target->set_target_id("units");
  target->set_value(120);
  return log;
}

void Agree(PipelineLog& log, Micros occurred) {
  auto* agreed = log.On("acme", occurred).mutable_plan_agreed();
  agreed->set_plan_id("P-26");
  agreed->add_contact_ids("buyer-1");
}

PlanReviewed& Review(PipelineLog& log, Micros occurred, bool on_track) {
  auto* reviewed = log.On("acme", occurred).mutable_plan_reviewed();
  reviewed->set_plan_id("P-26");
  reviewed->set_note("as planned");
  auto* result = reviewed->add_results();
  result->set_target_id("units");
  result->set_on_track(on_track);
  return *reviewed;
}

PipelineScope HalfYearly(Micros as_of) {
  programs::v1::Program program = testing::PlainProgram("sales");
  program.mutable_deadlines()->set_plan_review_months(6);
  program.mutable_deadlines()->set_plan_stale_days(200);
  PipelineScope scope = AsOf(as_of);
  scope.programs = testing::Published({program});
  return scope;
}

PlanRow PlanAt(const PipelineLog& log, Micros as_of) {
  return Must(ListPlans(EngagementRows(log).shards(), HalfYearly(as_of), {.state = ItemState::kAll})).rows.at(0);
}

TEST(ListPlans, FlagWhatIsNotAgreedYet) {
  const PlanRow draft = PlanAt(Planned(), Utc(2025, 1, 1));
  EXPECT_EQ(draft.flags, Flags{PlanFlag::kNotAgreed});
  EXPECT_FALSE(draft.agreed.has_value());
  EXPECT_FALSE(draft.next_review.has_value());
  EXPECT_EQ(draft.plan.person(), "li") << "the account's owner answers for it";
  PipelineLog log = Planned();
  Agree(log, Utc(2025, 1, 31));
  const PlanRow agreed = PlanAt(log, Utc(2025, 2, 1));
  EXPECT_EQ(agreed.flags, Flags{});
  EXPECT_EQ(agreed.agreed, Utc(2025, 1, 31));
  EXPECT_EQ(agreed.next_review, Utc(2025, 7, 31));
}

TEST(ListPlans, AreToBeReviewedMonthsAfterTheLatestWordAlsoAtTheEndOfAMonth) {
  PipelineLog log = Planned();
  Agree(log, Utc(2025, 8, 31));
  EXPECT_EQ(PlanAt(log, Utc(2025, 9, 1)).next_review, Utc(2026, 2, 28)) << "February has no 31st";
  EXPECT_EQ(PlanAt(log, Utc(2026, 2, 27)).flags, Flags{PlanFlag::kNoForecast});
  EXPECT_EQ(PlanAt(log, Utc(2026, 2, 28)).flags, (Flags{PlanFlag::kNoForecast, PlanFlag::kReviewOverdue}));
  auto& review = Review(log, Utc(2026, 2, 28), true);
  SetTime(Utc(2026, 4, 1), review.mutable_review_time());
  const PlanRow reviewed = PlanAt(log, Utc(2026, 3, 1));
  EXPECT_EQ(reviewed.next_review, Utc(2026, 4, 1)) << "as stated, and not by the program";
  EXPECT_EQ(reviewed.reviewed, Utc(2026, 2, 28));
  EXPECT_EQ(reviewed.reviews, 1);
}

TEST(ListPlans, LookBackOnlyWhenTheirForecastsAreOver) {
  PipelineLog log = Planned();
  Agree(log, Utc(2025, 7, 1));
  EXPECT_EQ(PlanAt(log, Utc(2026, 1, 1) - 1).flags, Flags{});
  EXPECT_EQ(PlanAt(log, Utc(2026, 1, 1)).flags, (Flags{PlanFlag::kNoForecast, PlanFlag::kReviewOverdue}));
  auto& review = Review(log, Utc(2026, 1, 1), false);
  auto* ahead = review.add_forecasts();
  SetTime(Utc(2026, 1, 1), ahead->mutable_start_time());
  SetTime(Utc(2027, 1, 1), ahead->mutable_end_time());
  const PlanRow row = PlanAt(log, Utc(2026, 1, 2));
  EXPECT_EQ(row.flags, Flags{PlanFlag::kOffTrack});
  ASSERT_EQ(row.plan.forecasts_size(), 1);
  EXPECT_EQ(row.plan.forecasts(0).end_time().seconds(), Utc(2027, 1, 1) / kMicrosPerSecond);
}

TEST(ListPlans, GrowStaleAndAreOverUntilSomebodyEndsThem) {
  PipelineLog log = Planned();
  Agree(log, Utc(2027, 6, 1));
  // 200 days after 2027-06-01 are over on 2027-12-18.
  EXPECT_EQ(PlanAt(log, Utc(2027, 12, 17)).flags, (Flags{PlanFlag::kNoForecast, PlanFlag::kReviewOverdue}));
  EXPECT_EQ(PlanAt(log, Utc(2027, 12, 18)).flags,
            (Flags{PlanFlag::kNoForecast, PlanFlag::kStale, PlanFlag::kReviewOverdue}));
  EXPECT_EQ(PlanAt(log, Utc(2028, 1, 1)).flags,
            (Flags{PlanFlag::kNoForecast, PlanFlag::kStale, PlanFlag::kReviewOverdue, PlanFlag::kOver}));
  auto* ended = log.On("acme", Utc(2028, 1, 1)).mutable_plan_ended();
  ended->set_plan_id("P-26");
  ended->set_ending(PLAN_ENDING_COMPLETED);
  const PlanRow row = PlanAt(log, Utc(2028, 2, 1));
  EXPECT_FALSE(row.open);
  EXPECT_EQ(row.flags, Flags{});
  EXPECT_FALSE(row.next_review.has_value());
}

TEST(ListPlans, CountThoseWithAFlag) {
  PipelineLog log = Planned();
  Agree(log, Utc(2025, 1, 2));
  auto* other = log.On("acme", Utc(2025, 1, 3)).mutable_plan_drafted();
  other->set_plan_id("P-27");
  SetTime(Utc(2025, 1, 1), other->mutable_start_time());
  SetTime(Utc(2026, 1, 1), other->mutable_end_time());
  const EngagementRows rows(log);
  const PlanList all = Must(ListPlans(rows.shards(), HalfYearly(Utc(2025, 2, 1)), {}));
  EXPECT_EQ(all.count, 2);
  EXPECT_EQ(all.flagged_count, 1);
  EXPECT_EQ(all.rows[0].plan_id, "P-26") << "those without a review last";
  EXPECT_EQ(Must(ListPlans(rows.shards(), HalfYearly(Utc(2025, 2, 1)), {.flagged_only = true})).rows.at(0).plan_id,
            "P-27");
}

IssueList Issues(const testing::RecordLog& log, const PipelineScope& scope, const IssueQuery& query = {}) {
  return Must(ListIssues(EngagementRows(log).shards(), scope, query));
}

// I-1 due and late, I-2 resolved in time and closed, I-3 resolved and opened again, I-4 a request that nobody hurries.
PipelineLog Complaints() {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "CN", "", "li");
  log.Raise("acme", Utc(2025, 3, 1), "I-1", ISSUE_KIND_COMPLAINT, Utc(2025, 3, 5));
  log.Raise("acme", Utc(2025, 3, 2), "I-2", ISSUE_KIND_COMPLAINT, Utc(2025, 3, 6));
  log.Raise("acme", Utc(2025, 3, 3), "I-3", ISSUE_KIND_COMPLAINT, Utc(2025, 4, 1));
  log.Raise("acme", Utc(2025, 3, 4), "I-4", ISSUE_KIND_REQUEST).set_person("zhao");
  log.Handle("acme", Utc(2025, 3, 3), "I-2", ISSUE_STATE_ANSWERED);
  log.Handle("acme", Utc(2025, 3, 4), "I-2", ISSUE_STATE_RESOLVED);
  log.Handle("acme", Utc(2025, 3, 8), "I-2", ISSUE_STATE_CLOSED);
  log.Handle("acme", Utc(2025, 3, 4), "I-3", ISSUE_STATE_RESOLVED);
  log.Handle("acme", Utc(2025, 3, 6), "I-3", ISSUE_STATE_OPEN);
  return log;
}

TEST(ListIssues, GoesByTheDueTimeAndSaysWhatIsLate) {
  const IssueList list = Issues(Complaints(), AsOf(Utc(2025, 3, 10)), {.state = ItemState::kAll});
  ASSERT_EQ(list.rows.size(), 4u);
  EXPECT_EQ(list.rows[0].issue_id, "I-1");
  EXPECT_TRUE(list.rows[0].overdue);
  EXPECT_EQ(list.rows[0].age_hours, 216);
  EXPECT_EQ(list.rows[0].person, "li");
  EXPECT_EQ(list.rows[1].issue_id, "I-2");
  EXPECT_FALSE(list.rows[1].overdue);
  EXPECT_EQ(list.rows[1].state, ISSUE_STATE_CLOSED);
  EXPECT_EQ(list.rows[1].answered, Utc(2025, 3, 3));
  EXPECT_EQ(list.rows[1].resolved, Utc(2025, 3, 4));
  EXPECT_EQ(list.rows[1].age_hours, 48);
  EXPECT_EQ(list.rows[2].issue_id, "I-3");
  EXPECT_EQ(list.rows[2].reopened, 1);
  EXPECT_FALSE(list.rows[2].resolved.has_value());
  EXPECT_EQ(list.rows[3].issue_id, "I-4");
  EXPECT_EQ(list.rows[3].person, "zhao");
  EXPECT_EQ(Issues(Complaints(), AsOf(Utc(2025, 3, 10))).count, 3);
  EXPECT_EQ(Issues(Complaints(), AsOf(Utc(2025, 3, 10)), {.overdue_only = true}).rows.at(0).issue_id, "I-1");
  EXPECT_EQ(Issues(Complaints(), AsOf(Utc(2025, 3, 10)), {.kind = ISSUE_KIND_REQUEST}).count, 1);
  EXPECT_EQ(Issues(Complaints(), AsOf(Utc(2025, 3, 10)), {.person = "zhao"}).count, 1);
}

TEST(ListIssues, OfAMergedAccountAreOfTheOwnerOfTheOneThatGoesOn) {
  PipelineLog log;
  log.OpenIn("b", Utc(2020, 1, 1), "CN", "", "li");
  log.OpenIn("a", Utc(2020, 1, 1), "DE", "", "zhao");
  log.Raise("b", Utc(2025, 3, 1), "I-1", ISSUE_KIND_COMPLAINT);
  log.On("b", Utc(2025, 3, 5)).mutable_account_merged()->set_into_account_id("a");
  log.On("a", Utc(2025, 3, 5)).mutable_account_merge_received()->set_from_account_id("b");
  log.On("b", Utc(2025, 3, 5)).mutable_account_merge_completed()->set_into_account_id("a");
  EXPECT_EQ(Issues(log, AsOf(Utc(2025, 3, 5)), {}).rows.at(0).person, "li") << "not merged yet";
  EXPECT_EQ(Issues(log, AsOf(Utc(2025, 3, 6)), {}).rows.at(0).person, "zhao");
  // The filter is of the account that the issue was raised on.
  PipelineScope chinese = AsOf(Utc(2025, 3, 6));
  chinese.filter.region = "CN";
  EXPECT_EQ(Issues(log, chinese, {}).rows.at(0).person, "zhao");
}

TEST(ListIssues, KeepToWhatWasRaisedAtAnActivity) {
  PipelineLog log;
  log.OpenIn("acme", Utc(2024, 1, 1), "CN");
  log.OpenIn("beta", Utc(2024, 1, 1), "CN");
  log.Raise("acme", Utc(2025, 1, 1), "I-1", ISSUE_KIND_COMPLAINT).set_activity_id("gathering-25");
  log.Raise("beta", Utc(2025, 1, 2), "I-1", ISSUE_KIND_REQUEST).set_activity_id("gathering-25");
  log.Raise("beta", Utc(2025, 1, 3), "I-2", ISSUE_KIND_REQUEST).set_activity_id("gathering-24");
  log.Raise("beta", Utc(2025, 1, 4), "I-3", ISSUE_KIND_REQUEST);
  const EngagementRows rows(log);
  const IssueList list = Must(ListIssues(rows.shards(), AsOf(Utc(2025, 2, 1)), {.activity_id = "gathering-25"}));
  ASSERT_EQ(list.rows.size(), 2u);
  EXPECT_EQ(list.rows[0].account_id, "acme");
  EXPECT_EQ(list.rows[0].activity_id, "gathering-25");
  EXPECT_EQ(list.rows[1].account_id, "beta");
  EXPECT_EQ(list.rows[1].issue_id, "I-1");
  EXPECT_EQ(list.count, 2);
  ASSERT_EQ(list.times.size(), 2u) << "of each kind the one raised there";
  EXPECT_EQ(list.times[1].raised, 1);
  EXPECT_EQ(Must(ListIssues(rows.shards(), AsOf(Utc(2025, 2, 1)), {})).count, 4);
}

TEST(ListIssues, AreLateFromTheDueTimeItself) {
  const auto first = [](Micros as_of) { return Issues(Complaints(), AsOf(as_of)).rows.at(0).overdue; };
  EXPECT_FALSE(first(Utc(2025, 3, 5) - 1));
  EXPECT_TRUE(first(Utc(2025, 3, 5)));
  PipelineLog log = Complaints();
  log.Handle("acme", Utc(2025, 3, 5), "I-1", ISSUE_STATE_RESOLVED);
  EXPECT_TRUE(Issues(log, AsOf(Utc(2025, 4, 1))).rows.at(0).overdue) << "resolved at the due time, not before it";
}

TEST(ListIssues, SaysHowLongEachKindTakes) {
  const IssueList list = Issues(Complaints(), AsOf(Utc(2025, 3, 10)));
  ASSERT_EQ(list.times.size(), 2u);
  EXPECT_EQ(list.times[0].kind, ISSUE_KIND_COMPLAINT);
  EXPECT_EQ(list.times[0].raised, 3);
  EXPECT_EQ(list.times[0].resolved, 1) << "I-3 is open again";
  EXPECT_EQ(list.times[0].in_time, 1);
  EXPECT_EQ(list.times[0].late, 1);
  EXPECT_EQ(list.times[0].median_hours, 48);
  EXPECT_EQ(list.times[0].p90_hours, 48);
  EXPECT_EQ(list.times[1].kind, ISSUE_KIND_REQUEST);
  EXPECT_FALSE(list.times[1].median_hours.has_value());
  // Raised in the stretch only, whatever their state.
  EXPECT_EQ(Issues(Complaints(), AsOf(Utc(2025, 3, 10)), {.start = Utc(2025, 3, 3)}).times.at(0).raised, 1);
}

TEST(Issues, RaisedAtAMeetingAreDueByTheProgramsDeadline) {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "CN");
  log.OpenIn("beta", Utc(2020, 1, 1), "US");
  log.Raise("acme", Utc(2025, 3, 1, 9), "I-1", ISSUE_KIND_REQUEST).set_activity_id("yearly meeting");
  log.Raise("beta", Utc(2025, 3, 1, 9), "I-2", ISSUE_KIND_REQUEST);
  log.Raise("beta", Utc(2025, 3, 1, 9), "I-3", ISSUE_KIND_COMPLAINT);
  log.Raise("beta", Utc(2019, 3, 1, 9), "I-4", ISSUE_KIND_COMPLAINT);
  programs::v1::Program program = testing::PlainProgram("sales");
  auto* requests = program.mutable_deadlines()->add_issues();
  requests->add_kinds(ISSUE_KIND_REQUEST);
  requests->set_hours(24);
  auto* others = program.mutable_deadlines()->add_issues();
  others->set_hours(120);
  PipelineScope scope = AsOf(Utc(2025, 4, 1));
  scope.programs = testing::Published({program});
  const IssueList list = Issues(log, scope);
  ASSERT_EQ(list.rows.size(), 4u);
  EXPECT_EQ(list.rows[0].issue_id, "I-1");
  EXPECT_EQ(list.rows[0].due, Utc(2025, 3, 2, 9));
  EXPECT_EQ(list.rows[2].issue_id, "I-3");
  EXPECT_EQ(list.rows[2].due, Utc(2025, 3, 6, 9));
  EXPECT_EQ(list.rows[3].issue_id, "I-4");
  EXPECT_FALSE(list.rows[3].due.has_value()) << "raised before there was a program";
}

OtherItemList Items(const testing::RecordLog& log, domain::ItemKind kind, Micros as_of,
                    ItemState state = ItemState::kOpen) {
  return Must(ListItems(EngagementRows(log).shards(), AsOf(as_of), {.kind = kind, .state = state}));
}

TEST(Loans, AreDueBackUntilAllHasComeBack) {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "CN");
  auto* issued = log.On("acme", Utc(2025, 1, 1)).mutable_loan_issued();
  issued->set_loan_id("L-1");
  issued->set_item("sample machine");
  issued->set_purpose("trial");
  issued->set_quantity(3);
  issued->set_contact_id("buyer-1");
  testing::SetMoney(90, "USD", issued->mutable_value());
  SetTime(Utc(2025, 2, 1), issued->mutable_due_time());
  const auto give_back = [&](Micros occurred, int64_t quantity) {
    auto* returned = log.On("acme", occurred).mutable_loan_returned();
    returned->set_loan_id("L-1");
    returned->set_quantity(quantity);
  };
  give_back(Utc(2025, 1, 20), 2);
  give_back(Utc(2025, 3, 1), 1);
  const OtherItemRow row = Items(log, domain::ItemKind::kLoan, Utc(2025, 2, 1)).rows.at(0);
  EXPECT_EQ(row.what, "sample machine: trial");
  EXPECT_EQ(row.quantity, 3);
  EXPECT_EQ(row.remaining, 1);
  EXPECT_TRUE(row.overdue);
  EXPECT_EQ(row.contact_id, "buyer-1");
  EXPECT_FALSE(Items(log, domain::ItemKind::kLoan, Utc(2025, 2, 1) - 1).rows.at(0).overdue);
  EXPECT_EQ(Items(log, domain::ItemKind::kLoan, Utc(2025, 4, 1)).count, 0);
  EXPECT_EQ(Items(log, domain::ItemKind::kLoan, Utc(2025, 4, 1), ItemState::kEnded).rows.at(0).remaining, 0);
}

TEST(ListItems, GoesByTheDueTimeAndSumsWhatIsOpen) {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "CN");
  log.Order("acme", Utc(2025, 1, 1), "A-1", 10).set_channel("online");
  SetTime(Utc(2025, 3, 1), log.Order("acme", Utc(2025, 1, 2), "A-2", 20).mutable_due_time());
  SetTime(Utc(2025, 2, 1), log.Order("acme", Utc(2025, 1, 3), "A-3", 40).mutable_due_time());
  auto* ended = log.On("acme", Utc(2025, 1, 5)).mutable_order_ended();
  ended->set_order_id("A-2");
  ended->set_ending(ORDER_ENDING_CANCELLED);
  const OtherItemList open = Items(log, domain::ItemKind::kOrder, Utc(2025, 2, 10));
  ASSERT_EQ(open.rows.size(), 2u);
  EXPECT_EQ(open.rows[0].item_id, "A-3");
  EXPECT_TRUE(open.rows[0].overdue);
  EXPECT_EQ(open.rows[1].item_id, "A-1");
  EXPECT_EQ(open.rows[1].what, "order: online");
  EXPECT_FALSE(open.rows[1].due.has_value());
  EXPECT_EQ(open.sums.at("USD").micros, 50 * kUnit);
}

TEST(ListItems, ShowsHandoversUntilTheyAreTakenUpDueByTheProgram) {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "CN");
  auto* given = log.On("acme", Utc(2025, 1, 1)).mutable_handover_given();
  given->set_handover_id("H-1");
  given->set_to_person("zhao");
  given->set_what("wants forty in May");
  programs::v1::Program program = testing::PlainProgram("sales");
  program.mutable_deadlines()->set_handover_hours(24);
  PipelineScope scope = AsOf(Utc(2025, 1, 3));
  scope.programs = testing::Published({program});
  const EngagementRows rows(log);
  const OtherItemRow row = Must(ListItems(rows.shards(), scope, {.kind = domain::ItemKind::kHandover})).rows.at(0);
  EXPECT_EQ(row.due, Utc(2025, 1, 2));
  EXPECT_TRUE(row.overdue);
  EXPECT_EQ(row.person, "zhao");
  auto* taken = log.On("acme", Utc(2025, 1, 3)).mutable_handover_acknowledged();
  taken->set_handover_id("H-1");
  taken->set_person("zhao");
  EXPECT_EQ(Items(log, domain::ItemKind::kHandover, Utc(2025, 1, 4)).count, 0);
}

TEST(ListItems, ShowsCommissionsUntilTheyArePaidOrRefused) {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "CN");
  for (const std::string id : {"K-1", "K-2", "K-3"}) {
    auto* accrued = log.On("acme", Utc(2025, 1, 1)).mutable_commission_accrued();
    accrued->set_commission_id(id);
    accrued->set_contact_id("broker-1");
    testing::SetMoney(5, "USD", accrued->mutable_amount());
  }
  auto* paid = log.On("acme", Utc(2025, 1, 2)).mutable_commission_paid();
  paid->set_commission_id("K-1");
  paid->set_contact_id("broker-1");
  testing::SetMoney(5, "USD", paid->mutable_amount());
  log.On("acme", Utc(2025, 1, 3)).mutable_commission_refused()->set_commission_id("K-2");
  const OtherItemList list = Items(log, domain::ItemKind::kCommission, Utc(2025, 2, 1));
  ASSERT_EQ(list.rows.size(), 1u);
  EXPECT_EQ(list.rows[0].item_id, "K-3");
  EXPECT_EQ(list.sums.at("USD").micros, 5 * kUnit);
}

}  // namespace
}  // namespace keyledger::projections::pipeline

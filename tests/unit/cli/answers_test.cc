// The pages that the command prints for small answers, word for word.
#include <sstream>

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include "client/cli/app.h"
#include "client/cli/describe.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/account_service.pb.h"
#include "keyledger/ledger/v1/points_service.pb.h"
#include "keyledger/ledger/v1/program_service.pb.h"
#include "keyledger/ledger/v1/tier_service.pb.h"
#include "tests/unit/cli/fake_answers.h"

namespace keyledger::cli {
namespace {

// The message that the JSON says.
template <class Message>
Message Of(const std::string& json) {
  Message message;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &message);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return message;
}

// What the command prints.
std::string Printed(const FakeAnswers& server, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"--server", server.address(), "--timeout", "10"});
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(Run(arguments, Environment{in, out, err}), 0) << err.str();
  return "\n" + out.str();
}

TEST(FormatLocalTime, IsADateWhereTheDayBegins) {
  const auto at = [](int64_t seconds) { return TimestampFromMicros(seconds * 1'000'000); };
  EXPECT_EQ(FormatLocalTime(at(1'767'222'000), "Europe/Berlin"), "2026-01-01");
  EXPECT_EQ(FormatLocalTime(at(1'767'222'001), "Europe/Berlin"), "2026-01-01 00:00:01");
  EXPECT_EQ(FormatLocalTime(at(1'767'222'000), "UTC"), "2025-12-31 23:00:00");
  EXPECT_EQ(FormatLocalTime(at(1'767'222'000), "No/Such"), "2025-12-31T23:00:00Z");
}

// Silver until a review in Berlin, with 30 of the 50 it takes; gold by spend or by a score that is not declared.
const char kExplained[] = R"({
  "account_id": "acme", "as_of": "2026-01-15T10:00:00Z", "program_id": "loyalty", "program_version": 2,
  "time_zone": "Europe/Berlin", "currency_code": "EUR", "ladder_id": "main",
  "standing": {"ladder_id": "main", "tier_id": "silver", "reason": "TIER_ASSIGNMENT_REASON_UPGRADE",
    "since": "2026-01-09T23:00:00Z", "revision": 4,
    "met": [{"metric": "METRIC_NET_SPEND", "value": 120000000, "comparison": "COMPARISON_AT_LEAST",
             "threshold": 100000000, "holds": true}]},
  "next_review": {"time": "2026-01-31T23:00:00Z", "program_id": "loyalty", "program_version": 2},
  "keep": {"tier_id": "silver", "measured_time": "2026-01-31T23:00:00Z", "decided_time": "2026-01-31T23:00:00Z",
    "alternatives": [{"conditions": [{"missing": 20000000, "evidence": {"metric": "METRIC_NET_SPEND",
      "window_start": "2025-12-31T23:00:00Z", "window_end": "2026-01-31T23:00:00Z", "value": 30000000,
      "comparison": "COMPARISON_AT_LEAST", "threshold": 50000000}}]}]},
  "higher_tiers": [{"tier_id": "gold", "measured_time": "2026-01-15T10:00:00Z", "decided_time": "2026-01-15T10:00:00Z",
    "alternatives": [
      {"conditions": [
        {"missing": 470000000, "evidence": {"metric": "METRIC_NET_SPEND", "window_start": "2025-12-31T23:00:00Z",
          "window_end": "2026-01-15T10:00:00Z", "value": 30000000, "comparison": "COMPARISON_AT_LEAST",
          "threshold": 500000000}},
        {"missing": 3, "evidence": {"metric": "METRIC_DAYS_SINCE_LAST_PURCHASE", "value": 10,
          "comparison": "COMPARISON_AT_MOST", "threshold": 7}}]},
      {"conditions": [{"missing_unknown_reason": "MISSING_UNKNOWN_REASON_NOT_MEASURED", "evidence": {
          "metric": "METRIC_FACT", "fact_key": "score", "comparison": "COMPARISON_AT_LEAST", "threshold": 9}}]}]}],
  "outcome": "REVIEW_OUTCOME_GRACE_STARTS", "projected_tier_id": "silver",
  "downgrade_warning": {"tier_id": "silver", "to_tier_id": "bronze", "fall_time": "2026-02-10T23:00:00Z",
    "grace_start_time": "2026-01-31T23:00:00Z"},
  "values": [{"metric": "METRIC_NET_SPEND", "from_time": "2025-12-31T23:00:00Z", "to_time": "2026-01-31T23:00:00Z",
    "contributions_total": 3, "contributions": [
      {"revision": 1, "kind": "EVENT_KIND_PURCHASE_RECORDED", "occurred_time": "2026-01-09T23:00:00Z",
       "contribution": 120000000},
      {"revision": 5, "kind": "EVENT_KIND_PURCHASE_RETURNED", "occurred_time": "2026-01-12T09:30:00Z",
       "contribution": -90000000},
      {"revision": 3, "kind": "EVENT_KIND_PURCHASE_RECORDED", "occurred_time": "2026-01-10T23:00:00Z",
       "contribution": 1}]},
    {"metric": "METRIC_FACT", "fact_key": "score"}]})";

TEST(TierExplain, PrintsWhatIsMissingByWhenInMoneyAndLocalDays) {
  FakeAnswers server;
  server.tiers.explained = Of<ledger::v1::ExplainStandingResponse>(kExplained);
  EXPECT_EQ(Printed(server, {"tier", "explain", "acme", "--events", "2"}), R"(
account      acme
tier         silver of ladder main, since 2026-01-10
reason       upgrade
given for    net_spend at least 100.00 EUR, 120.00 EUR
program      loyalty version 2, days of Europe/Berlin
next review  2026-02-01: silver is at stake if nothing else happens, a grace begins

warning: silver falls to bronze on 2026-02-11, at the end of a grace from 2026-02-01, unless what is missing is there before

to           when               takes                                   measured over                            has          missing
keep silver  before 2026-02-01  net_spend at least 50.00 EUR            2026-01-01 to 2026-02-01           30.00 EUR   20.00 EUR more
enter gold   at once            net_spend at least 500.00 EUR           2026-01-01 to 2026-01-15 11:00:00  30.00 EUR  470.00 EUR more
                                and days_since_last_purchase at most 7                                            10           3 less
                                or fact score at least 9                                                   not known        not known

value                               made by            when                 revision        adds
net_spend 2026-01-01 to 2026-02-01  purchase_recorded  2026-01-10                  1  120.00 EUR
                                    purchase_returned  2026-01-12 10:30:00         5  -90.00 EUR
                                    1 more
fact score                          nothing yet
)");
}

TEST(TierExplain, SaysSoWhenALockLeavesNothingToDecide) {
  FakeAnswers server;
  server.tiers.explained = Of<ledger::v1::ExplainStandingResponse>(R"({
    "account_id": "acme", "as_of": "2026-01-15T10:00:00Z", "program_id": "loyalty", "program_version": 1,
    "time_zone": "UTC", "ladder_id": "main", "locked": true,
    "standing": {"ladder_id": "main", "tier_id": "bronze", "reason": "TIER_ASSIGNMENT_REASON_LOCKED",
      "since": "2026-01-01T00:00:00Z"},
    "higher_tiers": [{"tier_id": "key", "alternatives": [{"conditions": [{
      "missing_unknown_reason": "MISSING_UNKNOWN_REASON_COMPARISON",
      "evidence": {"metric": "METRIC_NET_UNITS", "value": 7, "comparison": "COMPARISON_AMONG_FIRST"}}]}]}]})");
  EXPECT_EQ(Printed(server, {"tier", "explain", "acme"}), R"(
account      acme
tier         bronze of ladder main, since 2026-01-01
reason       locked
program      loyalty version 1, days of UTC
locked       until the lock is taken off
next review  none while the lock holds

to         when                      takes                      measured over  has                         missing
enter key  not while the lock holds  net_units among the first                   7  comparing all accounts decides
)");
}

TEST(TierExplain, WithoutAProgramIsShort) {
  FakeAnswers server;
  server.tiers.explained.set_account_id("acme");
  EXPECT_EQ(Printed(server, {"tier", "explain", "acme"}), R"(
account  acme
tier     none
program  none with tiers governs the account
)");
}

TEST(AccountExplain, PrintsTotalsThenCauses) {
  FakeAnswers server;
  server.accounts.explained = Of<ledger::v1::ExplainAccountResponse>(R"({
    "account_id": "acme", "points": 1070,
    "totals": [{"kind": "EVENT_KIND_PURCHASE_RECORDED", "causes": 2, "points": 1120},
               {"kind": "EVENT_KIND_POINTS_EXPIRED", "causes": 1, "points": -50}],
    "causes": [
      {"kind": "EVENT_KIND_POINTS_EXPIRED", "occurred_time": "2026-03-01T00:00:00Z", "points": -50, "due": true,
       "parts": [{"points": -50, "lot_revision": 2}]},
      {"kind": "EVENT_KIND_PURCHASE_RECORDED", "occurred_time": "2026-01-10T08:00:00Z", "points": 1120, "revision": 1,
       "description": "shop 1001", "parts": [{"points": 1000, "rule_id": "base"},
                                             {"points": 120, "rule_id": "promoted"}]}]})");
  EXPECT_EQ(Printed(server, {"account", "explain", "acme"}), R"(
1,070 points, from:
        +1,120  2 x purchase
           -50  1 x ran out
when                  points  cause     revision  what       parts
2026-03-01T00:00:00Z     -50  ran out        due             50 of lot 2
2026-01-10T08:00:00Z  +1,120  purchase         1  shop 1001  base 1,000, promoted 120
)");
}

TEST(PointsLiability, PrintsCohortsAgesAndTheFiguresOfIfrs15) {
  FakeAnswers server;
  server.points.liability = Of<ledger::v1::GetLiabilityResponse>(R"({
    "totals": {"lots": 3, "issued": 1500, "redeemed": 400, "available": 1000, "pending": 100},
    "cohorts": [{"period": "2026-01", "totals": {"lots": 2, "issued": 500, "redeemed": 400, "available": 100},
                 "outlook": {"expired": 0.25, "unresolved": 0.5}},
                {"period": "2026-02", "totals": {"lots": 1, "issued": 1000}}],
    "ages": [{"from_days": 0, "to_days": 30, "lots": 1, "available": 900, "pending": 100},
             {"from_days": 730, "lots": 2, "available": 100}],
    "expected_redeemed": 950,
    "ifrs15": {"allocated_micros": 9174311927, "revenue_micros": 4128440367, "liability_micros": 5045871560,
               "expected_redeemed": 9000}})");
  EXPECT_EQ(Printed(server, {"points", "liability"}), R"(
earned in  lots  issued  redeemed  adjusted  expired  reversed  available  pending  breakage  unknown
2026-01       2     500       400         0        0         0        100        0    25.0 %   50.0 %
2026-02       1   1,000         0         0        0         0          0        0
all           3   1,500       400         0        0         0      1,000      100

age in days   lots  available  pending  outstanding
0 to 29          1        900      100        1,000
730 and more     2        100        0          100

no period has been seen whole yet: nothing is known of how points are redeemed
expected to be redeemed in all: 950 of 1,500
IFRS 15:
allocated to points  9,174.311927
revenue so far       4,128.440367
contract liability   5,045.87156
of an expected       9,000 points
)");
}

TEST(TierReviewShow, PrintsCutsAndChangesWithMoneyAsMoney) {
  FakeAnswers server;
  server.tiers.review = Of<ledger::v1::GetReviewResponse>(R"({
    "review": {"review_id": "review-1", "program_id": "key", "program_version": 1, "ladder_id": "main",
      "as_of": "2026-01-01T00:00:00Z", "state": "REVIEW_STATE_COMPLETED", "population": 4000, "raised": 1,
      "start_time": "2026-01-02T00:00:00Z", "complete_time": "2026-01-02T00:00:01Z",
      "cuts": [{"metric": "METRIC_NET_SPEND", "covering_percent_milli": 80000, "ranked": 3900, "members": 900,
                "last_value": 1234500000, "last_account_id": "b"}]},
    "changes": [{"account_id": "a", "tier_id": "key", "values": [{"value": 2000000000, "rank": 12}]}],
    "changes_total": 1})");
  EXPECT_EQ(Printed(server, {"tier", "review", "show", "review-1"}), R"(
review             review-1
program            key version 1
ladder             main
as of              2026-01-01T00:00:00Z
state              completed
started            2026-01-02T00:00:00Z
ended              2026-01-02T00:00:01Z
population         4,000
raised             1
lowered            0
held by a lock     0
changed meanwhile  0

cut                      metric     ranked  members  cut value  last member
fewest holding 80.000 %  net_spend   3,900      900   1,234.50  b

1 of 1 changes
account  held  tier     value  rank
a        none  key   2,000.00    12
)");
}

TEST(ProgramSimulate, PrintsFlowsMovementsAndTheLargestDifferences) {
  FakeAnswers server;
  server.programs.simulated = {Of<ledger::v1::SimulateResponse>(R"({"summary": {
      "program": {"program_id": "loyalty", "version": 2}, "from_time": "2025-01-01T00:00:00Z",
      "to_time": "2026-01-01T00:00:00Z", "accounts": 1200, "changed_accounts": 1, "refused_facts": 2,
      "actual": {"issued": 100, "outstanding": 100}, "simulated": {"issued": 1200, "redeemed": 50, "outstanding": 1150},
      "tier_movements": [
        {"actual_ladder_id": "main", "actual_tier_id": "silver", "simulated_ladder_id": "main",
         "simulated_tier_id": "gold", "accounts": 1},
        {"simulated_ladder_id": "main", "simulated_tier_id": "silver", "accounts": 1199}]}})"),
                               Of<ledger::v1::SimulateResponse>(R"({"accounts": {"accounts": [{
      "account_id": "acme", "actual": {"issued": 100, "outstanding": 100},
      "simulated": {"issued": 1200, "redeemed": 50, "outstanding": 1150},
      "rules": [{"rule_id": "base", "actual_points": 100, "simulated_points": 1200}],
      "actual_tier": {"ladder_id": "main", "tier_id": "silver"},
      "simulated_tier": {"ladder_id": "main", "tier_id": "gold", "decision_time": "2025-06-01T00:00:00Z",
        "decision": {"tier_id": "gold", "met": [{"metric": "METRIC_NET_SPEND", "value": 1200000000,
          "comparison": "COMPARISON_AT_LEAST", "threshold": 1000000000, "holds": true}]}}}]}})")};
  EXPECT_EQ(Printed(server, {"program", "simulate", "loyalty", "--from", "2025-01-01"}), R"(
loyalty version 2 from 2025-01-01T00:00:00Z to 2026-01-01T00:00:00Z: 1,200 accounts, 1 of them changed
points                  recorded  simulated  difference
issued                       100      1,200      +1,100
redeemed                       0         50         +50
expired                        0          0           0
reversed                       0          0           0
outstanding at the end       100      1,150      +1,050

recorded \ simulated  gold  none  silver
none                     .     .   1,199
silver                   1     .       .

2 facts would have been refused and are left out of the simulation

largest differences first
account  outstanding  issued  tier           why
acme          +1,050  +1,100  silver > gold  rule base 100 to 1,200; recorded silver since before; simulated gold on 2025-06-01T00:00:00Z: net_spend 1,200.00, at least 1,000.00
)");
}

}  // namespace
}  // namespace keyledger::cli

// Our people, on the command line: who has what, how it is kept, what it costs, and what goes from one to another. What
// each verb asks for, and what it prints of the answer.
#include <gtest/gtest.h>

#include "keyledger/ledger/v1/engagement_service.pb.h"
#include "tests/unit/cli/any_answers.h"

namespace keyledger::cli {
namespace {

TEST(DutyCadence, AsksForWhatItsOptionsSay) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Ask({"duty",        "cadence", "--person",     "km-07",   "--account",    "acme",    "--rule",
                        "phone_a",     "--start", "2026-01-01",   "--as-of", "2026-02-01",   "--owner", "km-01",
                        "--page-size", "2",       "--page-token", "t1",      "--min-cursor", "c1"}),
            "GetCadence scope { as_of { seconds: 1769904000 } accounts { owner: \"km-01\" } } start_time { seconds: "
            "1767225600 } person: \"km-07\" account_id: \"acme\" rule_id: \"phone_a\" page_size: 2 page_token: \"t1\" "
            "min_cursor: \"c1\"");
}

TEST(DutyCadence, PrintsRulesPeopleAndTheTotalThenThePeriodsOfAnAccount) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Print(R"(
      rules { name: "phone_a" required: 1200 kept: 900 kept_late: 60 missed: 240 beyond: 7 kept_share: 0.75 }
      people { name: "km-07" required: 0 beyond: 2 }
      total { required: 1200 kept: 900 kept_late: 60 missed: 240 beyond: 7 kept_share: 0.75 }
      periods { account_id: "acme" rule_id: "phone_a" period: "2026-01" required: 3 made: 2 }
      periods { account_id: "acme" rule_id: "phone_a" period: "2025-12" required: 3 made: 4 kept: true })",
                         {"duty", "cadence", "--account", "acme"}),
            "rule or person    due  kept  late  missed  beyond   share\n"
            "phone_a         1,200   900    60     240       7  75.0 %\n"
            "km-07               0     0     0       0       2       -\n"
            "all             1,200   900    60     240       7  75.0 %\n"
            "\n"
            "period   rule     asked  made  kept\n"
            "2026-01  phone_a      3     2  no\n"
            "2025-12  phone_a      3     4  yes\n");
  EXPECT_EQ(ledger.Print({"duty", "cadence"}),
            "rule or person  due  kept  late  missed  beyond  share\n"
            "all               0     0     0       0       0      -\n");
}

TEST(DutyCadence, GoesOnToTheLastPageWhenAskedForAll) {
  AnyAnswers ledger;
  const std::string first = R"(
      total { required: 4 kept: 3 missed: 1 kept_share: 0.75 } next_page_token: "t2"
      accounts { account_id: "acme" owner: "km-07" count { required: 2 kept: 1 missed: 1 kept_share: 0.5 } })";
  ledger.answers = {first, R"(
      total { required: 4 kept: 3 missed: 1 kept_share: 0.75 }
      accounts { account_id: "beta" count { required: 2 kept: 2 kept_share: 1 } })"};
  EXPECT_EQ(ledger.Print({"duty", "cadence", "--all"}),
            "rule or person  due  kept  late  missed  beyond   share\n"
            "all               4     3     0       1       0  75.0 %\n"
            "\n"
            "account  owner  due  kept  late  missed  beyond    share\n"
            "acme     km-07    2     1     0       1       0   50.0 %\n"
            "beta              2     2     0       0       0  100.0 %\n");
  ASSERT_EQ(ledger.asked.size(), 2U);
  EXPECT_EQ(ledger.asked[1], "GetCadence scope { accounts { } } page_token: \"t2\"");
  EXPECT_EQ(ledger.err, "");
  ledger.Print(first, {"duty", "cadence"});
  EXPECT_EQ(ledger.err, "more: add --all, or --page-token t2\n");
}

TEST(OwnerList, PrintsWhatEachHasAndWhatIsDue) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Ask({"owner", "list", "--role", "owner", "--segment", "retail", "--known-at", "2026-01-01"}),
            "ListOwners scope { known_at { seconds: 1767225600 } accounts { segment: \"retail\" } } role: \"owner\"");
  EXPECT_EQ(ledger.Print(R"(
      owners { accounts: 2 owned: 2 }
      owners { person: "km-07" accounts: 1200 owned: 3 due: 4 overdue: 1 interactions: 9 changes: 2
               advanced { currency_code: "EUR" micros: 12500000 } advanced { currency_code: "USD" micros: 1000000 } })",
                         {"owner", "list"}),
            "person  accounts  owned  due  overdue  met in 30 days  changes in a year  advanced\n"
            "nobody         2      2    0        0               0                  0  -\n"
            "km-07      1,200      3    4        1               9                  2  12.50 EUR, 1.00 USD\n");
  EXPECT_EQ(ledger.Print({"owner", "list"}),
            "person  accounts  owned  due  overdue  met in 30 days  changes in a year  advanced\n");
}

TEST(OwnerCoverage, PrintsPeopleAndWhatIsNoteworthy) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Print(R"(
      accounts { account_id: "acme" revenue_micros: 1500000000 people_met: 1 min_people: 2
                 people { person: "km-07" interactions: 4 } people { person: "km-09" }
                 flags: COVERAGE_FLAG_TOO_FEW flags: COVERAGE_FLAG_ONE_PERSON }
      account_count: 7 flagged_count: 1 revenue_micros: 1500000000 currency_code: "USD")",
                         {"owner", "coverage"}),
            "account  revenue of a year  met by  of  people              noteworthy\n"
            "acme              1,500.00       1   2  km-07 4x, km-09 0x  too_few, one_person\n"
            "7 open accounts, 1 of those listed noteworthy, with 1,500.00 USD\n");
}

TEST(OwnerDelay, PrintsPeopleAndAll) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Ask({"owner", "delay", "--start", "2026-01-01", "--prompt-minutes", "240", "--tier", "gold"}),
            "GetEntryDelay scope { accounts { tier_id: \"gold\" } } start_time { seconds: 1767225600 } prompt_minutes: "
            "240");
  EXPECT_EQ(ledger.Print(R"(
      people { person: "km-07" interactions: 10 prompt: 9 median_minutes: 30 p90_minutes: 1500 longest_minutes: 44000 }
      total { interactions: 10 prompt: 9 median_minutes: 30 p90_minutes: 1500 longest_minutes: 44000 })",
                         {"owner", "delay"}),
            "person  interactions  prompt  median minutes  90 % within  longest\n"
            "km-07             10       9              30        1,500   44,000\n"
            "all               10       9              30        1,500   44,000\n");
  EXPECT_EQ(ledger.Print({"owner", "delay"}),
            "person  interactions  prompt  median minutes  90 % within  longest\n"
            "all                0       0               -            -        -\n");
}

TEST(OwnerEffort, PrintsNewAndOldAccountsOfEachPeriod) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Ask({"owner", "effort", "--period", "quarter", "--period-length", "2", "--time-zone",
                        "Asia/Shanghai", "--currency", "USD", "--start", "2026-01-01", "--owner", "km-07"}),
            "GetEffort scope { period: PERIOD_QUARTER time_zone: \"Asia/Shanghai\" currency_code: \"USD\" "
            "revenue_basis: REVENUE_BASIS_GROSS accounts { owner: \"km-07\" } period_length: 2 } start_time { seconds: "
            "1767225600 }");
  EXPECT_EQ(ledger.Print(R"(
      periods { period: "2026-Q1" new_accounts { accounts: 2 interactions: 5 our_minutes: 1300 cost_micros: 99500000 }
                old_accounts { accounts: 1 interactions: 1 our_minutes: 30 } }
      currency_code: "USD")",
                         {"owner", "effort"}),
            "period   with          accounts  interactions  minutes  cost USD\n"
            "2026-Q1  new accounts         2             5    1,300     99.50\n"
            "         old accounts         1             1       30      0.00\n");
}

TEST(OwnerContinuity, PrintsGroupsByChangesAndHowLongAnOwnerKeepsAnAccount) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Ask({"owner", "continuity", "--period", "year", "--basis", "net", "--as-of", "2026-01-01",
                        "--min-cursor", "c1"}),
            "GetContinuity scope { period: PERIOD_YEAR revenue_basis: REVENUE_BASIS_NET as_of { seconds: 1767225600 } "
            "} min_cursor: \"c1\"");
  EXPECT_EQ(ledger.Print(R"(
      groups { changes: 0 accounts: 1000 retained: 900 retention: 0.9 revenue_ratio: 1.25 }
      groups { changes: 3 accounts: 0 }
      groups { changes: 1 departed: true accounts: 4 retained: 1 retention: 0.25 revenue_ratio: 0.5 }
      changes: 12 mean_owner_days: 412.5 currency_code: "USD")",
                         {"owner", "continuity"}),
            "changes of owner  because     bought before  bought after  retention  revenue after by before\n"
            "0                 any reason          1,000           900     90.0 %                     1.25\n"
            "3 and more        any reason              0             0          -                        -\n"
            "1                 departed                4             1     25.0 %                     0.50\n"
            "12 changes; an owner keeps an account for 412.50 days on average\n");
  EXPECT_EQ(ledger.Print({"owner", "continuity"}),
            "changes of owner  because  bought before  bought after  retention  revenue after by before\n"
            "0 changes; an owner keeps an account for - days on average\n");
}

constexpr char kGoesOver[] = R"(
    transfer { started { transfer_id: "portfolio-1" from_person: "km-07" to_person: "km-12" role: "owner"
                         reason: OWNER_CHANGE_REASON_DEPARTED } accounts: 1200 start_time { seconds: 1767225600 } )";

TEST(OwnerTransferAll, AsksAndWaitsForTheEnd) {
  AnyAnswers ledger;
  ledger.answers = {kGoesOver + std::string("state: PORTFOLIO_TRANSFER_STATE_RUNNING }"),
                    kGoesOver + std::string("state: PORTFOLIO_TRANSFER_STATE_RUNNING transferred: 700 }"),
                    kGoesOver + std::string(R"(state: PORTFOLIO_TRANSFER_STATE_COMPLETED transferred: 1198 overtaken: 1
                                               undecided: 1 detail: "acme: no such role"
                                               complete_time { seconds: 1768046400 } })")};
  EXPECT_EQ(
      ledger.Print({"owner",    "transfer-all", "--from",  "km-07", "--to",         "km-12", "--role",     "owner",
                    "--reason", "departed",     "--rank",  "4",     "--region",     "CN",    "--occurred", "2026-01-01",
                    "--note",   "left",         "--actor", "hr",    "--request-id", "r1"}),
      "transfer     from   to     role   reason    state      accounts  went over  overtaken  undecided  began   "
      "              ended\n"
      "portfolio-1  km-07  km-12  owner  departed  completed     1,200      1,198          1          1  "
      "2026-01-01T00:00:00Z  2026-01-10T12:00:00Z\n"
      "acme: no such role\n");
  EXPECT_EQ(
      ledger.asked,
      (std::vector<std::string>{
          "TransferPortfolio request_id: \"r1\" from_person: \"km-07\" to_person: \"km-12\" role: \"owner\" "
          "reason: OWNER_CHANGE_REASON_DEPARTED rank: 4 region: \"CN\" transfer_time { seconds: 1767225600 } "
          "note: \"left\" actor: \"hr\"",
          "GetPortfolioTransfer transfer_id: \"portfolio-1\"", "GetPortfolioTransfer transfer_id: \"portfolio-1\""}));
  EXPECT_EQ(ledger.err, "");
}

TEST(OwnerTransferAll, OnlySaysHowManyInAPreview) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Print(R"(
      transfer { started { from_person: "km-07" reason: OWNER_CHANGE_REASON_REORGANISED } accounts: 3
                 state: PORTFOLIO_TRANSFER_STATE_PREVIEW })",
                         {"owner", "transfer-all", "--from", "km-07", "--reason", "reorganised", "--preview",
                          "--request-id", "r1"}),
            "transfer  from   to      role  reason       state    accounts  went over  overtaken  undecided  began  "
            "ended\n"
            "          km-07  nobody  all   reorganised  preview         3          0          0          0\n");
  ASSERT_EQ(ledger.asked.size(), 1U);
  EXPECT_EQ(ledger.asked[0],
            "TransferPortfolio request_id: \"r1\" from_person: \"km-07\" reason: OWNER_CHANGE_REASON_REORGANISED "
            "validate_only: true");
}

TEST(OwnerTransfers, PrintOneOrAllOfThem) {
  AnyAnswers ledger;
  const std::string running = kGoesOver + std::string("state: PORTFOLIO_TRANSFER_STATE_RUNNING transferred: 7 }");
  EXPECT_EQ(ledger.Print(running, {"owner", "transfer-status", "portfolio-1"}),
            "transfer     from   to     role   reason    state    accounts  went over  overtaken  undecided  began     "
            "            ended\n"
            "portfolio-1  km-07  km-12  owner  departed  running     1,200          7          0          0  "
            "2026-01-01T00:00:00Z\n");
  EXPECT_EQ(ledger.asked, std::vector<std::string>{"GetPortfolioTransfer transfer_id: \"portfolio-1\""});
  ledger.answers = {R"(transfers { started { transfer_id: "p-2" from_person: "a" reason: OWNER_CHANGE_REASON_ABSENT }
                                   state: PORTFOLIO_TRANSFER_STATE_COMPLETED } next_page_token: "t2")",
                    R"(transfers { started { transfer_id: "p-1" from_person: "b" to_person: "c" role: "service" }
                                   state: PORTFOLIO_TRANSFER_STATE_COMPLETED transferred: 1 accounts: 1 })"};
  EXPECT_EQ(ledger.Print({"owner", "transfers", "--all", "--page-size", "1"}),
            "transfer  from  to      role     reason       state      accounts  went over  overtaken  undecided  began "
            " ended\n"
            "p-2       a     nobody  all      absent       completed         0          0          0          0\n"
            "p-1       b     c       service  unspecified  completed         1          1          0          0\n");
  EXPECT_EQ(ledger.asked, (std::vector<std::string>{"ListPortfolioTransfers page_size: 1",
                                                    "ListPortfolioTransfers page_size: 1 page_token: \"t2\""}));
}

}  // namespace
}  // namespace keyledger::cli

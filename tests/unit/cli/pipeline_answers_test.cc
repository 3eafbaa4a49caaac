// What is under way, on the command line: opportunities, quotes, contracts, promises, plans, issues, items and payment
// terms. What each verb asks for, and what it prints of the answer.
#include <gtest/gtest.h>

#include "keyledger/ledger/v1/pipeline_service.pb.h"
#include "tests/unit/cli/any_answers.h"

namespace keyledger::cli {
namespace {

TEST(OpportunityList, AsksForWhatItsOptionsSay) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Ask({"opportunity", "list",        "--account",  "acme",         "--person",
                        "km-07",       "--state",     "all",        "--stage",      "solution,negotiation",
                        "--as-of",     "2026-01-01",  "--known-at", "2026-02-01",   "--region",
                        "CN",          "--segment",   "retail",     "--owner",      "km-01",
                        "--tier",      "gold",        "--club",     "vip",          "--min-cursor",
                        "c1",          "--page-size", "2",          "--page-token", "t1"}),
            "ListOpportunities scope { as_of { seconds: 1767225600 } known_at { seconds: 1769904000 } accounts { "
            "region: \"CN\" segment: \"retail\" owner: \"km-01\" tier_id: \"gold\" club_id: \"vip\" } } account_id: "
            "\"acme\" person: \"km-07\" stages: OPPORTUNITY_STAGE_SOLUTION stages: OPPORTUNITY_STAGE_NEGOTIATION "
            "state: ITEM_STATE_ALL page_size: 2 page_token: \"t1\" min_cursor: \"c1\"");
  EXPECT_EQ(ledger.Ask({"opportunity", "list"}), "ListOpportunities scope { accounts { } } state: ITEM_STATE_OPEN");
}

TEST(OpportunityList, PrintsARowEachAndTheSumsOfAllThatMatch) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Print(R"(
      opportunities { account_id: "acme" opportunity_id: "O-1" stage: OPPORTUNITY_STAGE_NEGOTIATION
                      description: "second line" person: "km-07" amount { currency_code: "USD" micros: 1234500000 }
                      chance_milli: 405 close_time { seconds: 1769904000 } age_days: 1200 }
      opportunities { account_id: "beta" opportunity_id: "O-2" stage: OPPORTUNITY_STAGE_LEAD chance_milli: 0 }
      opportunity_count: 2
      sums { currency_code: "USD" items: 1 micros: 1234500000 expected_micros: 499972500 }
      sums { currency_code: "EUR" items: 1 micros: 0 })",
                         {"opportunity", "list"}),
            "account  opportunity  stage        what         person        amount  chance  decided                "
            "days\n"
            "acme     O-1          negotiation  second line  km-07   1,234.50 USD  40.5 %  2026-02-01T00:00:00Z  "
            "1,200\n"
            "beta     O-2          lead                                         -   0.0 %  -                         "
            "0\n"
            "all that match: 1 of 1,234.50 USD, 499.9725 by their chance\n"
            "all that match: 1 of 0.00 EUR\n");
  EXPECT_EQ(ledger.Print({"opportunity", "list"}),
            "account  opportunity  stage  what  person  amount  chance  decided  days\n");
}

TEST(OpportunityList, GoesOnToTheLastPageWhenAskedForAll) {
  AnyAnswers ledger;
  const std::string first = R"(opportunities { account_id: "a" opportunity_id: "O-1" } next_page_token: "t2"
                               sums { currency_code: "USD" items: 2 micros: 7000000 })";
  ledger.answers = {first, R"(opportunities { account_id: "b" opportunity_id: "O-2" }
                              sums { currency_code: "USD" items: 2 micros: 7000000 })"};
  EXPECT_EQ(ledger.Print({"opportunity", "list", "--all"}),
            "account  opportunity  stage        what  person  amount  chance  decided  days\n"
            "a        O-1          unspecified                     -       -  -           0\n"
            "b        O-2          unspecified                     -       -  -           0\n"
            "all that match: 2 of 7.00 USD\n");
  ASSERT_EQ(ledger.asked.size(), 2U);
  EXPECT_EQ(ledger.asked[1], "ListOpportunities scope { accounts { } } state: ITEM_STATE_OPEN page_token: \"t2\"");
  ledger.Print(first, {"opportunity", "list"});
  EXPECT_EQ(ledger.err, "more: add --all, or --page-token t2\n");
}

TEST(OpportunityPipeline, AsksAndPrintsAStageARow) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Ask({"opportunity", "pipeline", "--person", "km-07", "--start", "2026-01-01", "--time-zone",
                        "Asia/Shanghai", "--as-of", "2026-02-01", "--min-cursor", "c1"}),
            "GetPipeline scope { as_of { seconds: 1769904000 } accounts { } } start_time { seconds: 1767225600 } "
            "person: \"km-07\" time_zone: \"Asia/Shanghai\" min_cursor: \"c1\"");
  EXPECT_EQ(ledger.Print(R"(
      stages { stage: OPPORTUNITY_STAGE_SOLUTION opportunities: 3 median_days: 12 median_age_days: 40 across_years: 1
               sums { currency_code: "USD" items: 2 micros: 1500000000 expected_micros: 750000000 }
               sums { currency_code: "EUR" items: 1 micros: 2000000 expected_micros: 500000 } }
      stages { stage: OPPORTUNITY_STAGE_LOST opportunities: 1 }
      win_rate: 0.625 open_quotes: 4 waiting_approvals: 2 running_contracts: 1100 open_issues: 5)",
                         {"opportunity", "pipeline"}),
            "stage     opportunities                  amount             by chance  days in stage  days open  across "
            "years\n"
            "solution              3  1,500.00 USD, 2.00 EUR  750.00 USD, 0.50 EUR             12         40           "
            "  1\n"
            "lost                  1                       -                     -              -          -           "
            "  0\n"
            "won of what was decided: 62.5 %; open: 4 quotes (2 wait for approval), 1,100 contracts, 5 issues\n");
  EXPECT_EQ(ledger.Print({"opportunity", "pipeline"}),
            "stage  opportunities  amount  by chance  days in stage  days open  across years\n"
            "won of what was decided: -; open: 0 quotes (0 wait for approval), 0 contracts, 0 issues\n");
}

TEST(OpportunityPipeline, IsOneDocumentAsJson) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Print(R"(win_rate: 0.5 open_quotes: 1)", {"--output", "json", "opportunity", "pipeline"}),
            "{\"stages\":[],\"open_quotes\":\"1\",\"waiting_approvals\":\"0\",\"running_contracts\":\"0\","
            "\"open_issues\":\"0\",\"win_rate\":0.5}\n");
}

constexpr char kQuote[] = R"(
    quotes { account_id: "acme" quote_id: "Q-1" state: QUOTE_STATE_APPROVED percent_milli: 12500 age_days: 9
             amount { currency_code: "USD" micros: 90000000000 } possible_steps: "entered" possible_steps: "withdrawn"
             steps { state: QUOTE_STATE_IN_APPROVAL step: "proposed" person: "km-07" role: "field_sales"
                     occurred_time { seconds: 1767225600 } }
             steps { state: QUOTE_STATE_APPROVED step: "approval given" person: "boss" role: "head"
                     occurred_time { seconds: 1768046400 } } }
    quote_count: 1 sums { currency_code: "USD" items: 1 micros: 90000000000 })";

TEST(QuoteList, PrintsWhatIsPossibleOrWhatWasDone) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Ask({"quote", "list", "--account", "acme", "--person", "km-07", "--state", "ended"}),
            "ListQuotes scope { accounts { } } account_id: \"acme\" state: ITEM_STATE_ENDED person: \"km-07\"");
  EXPECT_EQ(ledger.Print(kQuote, {"quote", "list"}),
            "account  quote  state            amount  discount  days  possible\n"
            "acme     Q-1    approved  90,000.00 USD    12.5 %     9  entered, withdrawn\n"
            "all that match: 1 of 90,000.00 USD\n");
  EXPECT_EQ(ledger.Print(kQuote, {"quote", "list", "--steps"}),
            "account  quote  step            state        person  role         when\n"
            "acme     Q-1    proposed        in_approval  km-07   field_sales  2026-01-01T00:00:00Z\n"
            "acme     Q-1    approval given  approved     boss    head         2026-01-10T12:00:00Z\n"
            "all that match: 1 of 90,000.00 USD\n");
  EXPECT_EQ(ledger.Print({"quote", "list", "--steps"}), "account  quote  step  state  person  role  when\n");
}

TEST(QuoteApprovals, SayWhoWasAskedAndWhoMay) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Ask({"quote", "approvals", "--role", "head", "--person", "boss", "--page-size", "5"}),
            "ListApprovals scope { accounts { } } role: \"head\" person: \"boss\" page_size: 5");
  const std::string waits = R"(
      approvals { account_id: "acme" quote_id: "Q-1" proposer: "km-07" percent_milli: 7000
                  amount { currency_code: "USD" micros: 1000000 } role: "head" person: "boss" approver_roles: "head"
                  approver_roles: "board" wait_hours: 1500 due_time { seconds: 1768046400 } }
      approvals { account_id: "beta" quote_id: "Q-2" amount { currency_code: "EUR" micros: 2500000 } role: "head" }
      approvals { account_id: "gamma" quote_id: "Q-3" amount { currency_code: "EUR" micros: 1 }
                  approver_roles: "head" })";
  EXPECT_EQ(ledger.Print(waits, {"quote", "approvals"}),
            "account  quote  proposer        amount  discount  waits for         may approve  hours  due\n"
            "acme     Q-1    km-07         1.00 USD       7 %  boss, head        head, board  1,500  "
            "2026-01-10T12:00:00Z\n"
            "beta     Q-2                  2.50 EUR       0 %  head                               0  -\n"
            "gamma    Q-3              0.000001 EUR       0 %  nobody was asked  head             0  -\n");
}

TEST(ContractList, TellsHowEachStands) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Ask({"contract", "list", "--account", "acme", "--state", "all", "--kind", "supply", "--ends-from",
                        "2026-01-01", "--ends-before", "2026-02-01"}),
            "ListContracts scope { accounts { } } account_id: \"acme\" kind: \"supply\" state: ITEM_STATE_ALL "
            "end_from_time { seconds: 1767225600 } end_until_time { seconds: 1769904000 }");
  EXPECT_EQ(ledger.Print(R"(
      contracts { account_id: "acme" contract_id: "C-1" kind: "supply" start_time { seconds: 1767225600 }
                  end_time { seconds: 1798761600 } notice_time { seconds: 1796083200 } running: true
                  value { currency_code: "USD" micros: 5000000000 } renewals: 2 exclusive: true
                  early_end_penalty { currency_code: "USD" micros: 100000000 } }
      contracts { account_id: "acme" contract_id: "C-2" running: true breached: true lapsed: true breaches: 1 }
      contracts { account_id: "beta" contract_id: "C-3" running: true lapsed: true }
      contracts { account_id: "beta" contract_id: "C-4" ending: CONTRACT_ENDING_NOT_RENEWED breached: true }
      sums { currency_code: "USD" items: 1 micros: 5000000000 })",
                         {"contract", "list"}),
            "account  contract  kind    state        from                  until                 notice by             "
            "       value  early end costs  renewed  breached  exclusive\n"
            "acme     C-1       supply  running      2026-01-01T00:00:00Z  2027-01-01T00:00:00Z  2026-12-01T00:00:00Z  "
            "5,000.00 USD       100.00 USD        2         0  yes\n"
            "acme     C-2               breached                                                                       "
            "           -                -        0         1\n"
            "beta     C-3               lapsed                                                                         "
            "           -                -        0         0\n"
            "beta     C-4               not_renewed                                                                    "
            "           -                -        0         0\n"
            "all that match: 1 of 5,000.00 USD\n");
}

TEST(PromiseList, TellsWhichStandAreOverdueOrOver) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Ask({"promise", "list", "--account", "acme", "--state", "ended", "--due-before", "2026-02-01"}),
            "ListPromises scope { accounts { } } account_id: \"acme\" state: ITEM_STATE_ENDED due_until_time { "
            "seconds: 1769904000 }");
  EXPECT_EQ(ledger.Print(R"(
      promises { account_id: "acme" promise_id: "P-1" open: true overdue: true kept: 3 broken: 1
                 published { promise_id: "P-1" description: "answer in a day" scope: "complaints"
                             due_time { seconds: 1767225600 } } }
      promises { account_id: "acme" promise_id: "P-2" open: true published { description: "spare parts" } }
      promises { account_id: "beta" promise_id: "P-3" kept: 1 published { description: "training" } })",
                         {"promise", "list"}),
            "account  promise  what             covers      due                   kept  broken  state\n"
            "acme     P-1      answer in a day  complaints  2026-01-01T00:00:00Z     3       1  overdue\n"
            "acme     P-2      spare parts                  -                        0       0  stands\n"
            "beta     P-3      training                     -                        1       0  over\n");
  EXPECT_EQ(ledger.Print({"promise", "list"}), "account  promise  what  covers  due  kept  broken  state\n");
}

TEST(PlanList, NamesWhatIsOutOfDate) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Ask({"plan", "list", "--account", "acme", "--state", "all", "--flagged"}),
            "ListPlans scope { accounts { } } account_id: \"acme\" state: ITEM_STATE_ALL flagged_only: true");
  EXPECT_EQ(ledger.Print(R"(
      plans { account_id: "acme" plan_id: "2026" state: PLAN_STATE_AGREED reviews: 2
              plan { plan_id: "2026" start_time { seconds: 1767225600 } end_time { seconds: 1798761600 }
                     description: "double the second line" person: "km-07" }
              next_review_time { seconds: 1769904000 } flags: PLAN_FLAG_REVIEW_OVERDUE flags: PLAN_FLAG_OFF_TRACK }
      plans { account_id: "beta" plan_id: "p" state: PLAN_STATE_DRAFT }
      plan_count: 1200 flagged_count: 1)",
                         {"plan", "list"}),
            "account  plan  state   from                  until                 about                   person  next "
            "review           reviews  flags\n"
            "acme     2026  agreed  2026-01-01T00:00:00Z  2027-01-01T00:00:00Z  double the second line  km-07   "
            "2026-02-01T00:00:00Z        2  review_overdue, off_track\n"
            "beta     p     draft                                                                               -      "
            "                     0\n"
            "1,200 plans, 1 of them with a flag\n");
  EXPECT_EQ(ledger.Print({"plan", "list"}),
            "account  plan  state  from  until  about  person  next review  reviews  flags\n");
}

constexpr char kIssues[] = R"(
    issues { account_id: "acme" issue_id: "I-1" kind: ISSUE_KIND_COMPLAINT state: ISSUE_STATE_ESCALATED
             description: "late again" person: "km-07" open_time { seconds: 1767225600 }
             due_time { seconds: 1768046400 } age_hours: 2000 overdue: true }
    issues { account_id: "beta" issue_id: "I-2" kind: ISSUE_KIND_REQUEST state: ISSUE_STATE_OPEN
             open_time { seconds: 1769904000 } }
    times { kind: ISSUE_KIND_COMPLAINT raised: 12 resolved: 10 in_time: 8 late: 2 median_hours: 30 p90_hours: 1100 }
    times { kind: ISSUE_KIND_REQUEST raised: 1 })";

TEST(IssueList, PrintsIssuesAndHowLongEachKindTakes) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Ask({"issue", "list", "--account", "acme", "--person", "km-07", "--state", "all", "--kind",
                        "conflict", "--start", "2026-01-01", "--overdue"}),
            "ListIssues scope { accounts { } } account_id: \"acme\" kind: ISSUE_KIND_CONFLICT person: \"km-07\" state: "
            "ITEM_STATE_ALL overdue_only: true start_time { seconds: 1767225600 }");
  EXPECT_EQ(ledger.Print(kIssues, {"issue", "list"}),
            "account  issue  kind       state      what        person  raised                due                   "
            "hours\n"
            "acme     I-1    complaint  escalated  late again  km-07   2026-01-01T00:00:00Z  2026-01-10T12:00:00Z  "
            "2,000  overdue\n"
            "beta     I-2    request    open                           2026-02-01T00:00:00Z  -                         "
            "0\n"
            "\n"
            "kind       raised  resolved  in time  late  median hours  90 % within\n"
            "complaint      12        10        8     2            30        1,100\n"
            "request         1         0        0     0             -            -\n");
  EXPECT_EQ(ledger.Print({"issue", "list"}), "account  issue  kind  state  what  person  raised  due  hours\n");
}

TEST(IssueList, IsADocumentAPageAsJson) {
  AnyAnswers ledger;
  ledger.answers = {R"(issue_count: 2 next_page_token: "t2")", "issue_count: 2"};
  EXPECT_EQ(ledger.Print({"--output", "json", "issue", "list", "--all"}),
            "{\"issues\":[],\"issue_count\":\"2\",\"times\":[],\"next_page_token\":\"t2\"}\n"
            "{\"issues\":[],\"issue_count\":\"2\",\"times\":[],\"next_page_token\":\"\"}\n");
}

TEST(ItemList, TellsWhatIsLeftWhereThereIsSomethingToCount) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Ask({"item", "list", "--kind", "order", "--account", "acme", "--state", "all"}),
            "ListItems scope { accounts { } } kind: ITEM_KIND_ORDER account_id: \"acme\" state: ITEM_STATE_ALL");
  EXPECT_EQ(ledger.Print(R"(
      items { account_id: "acme" item_id: "L-1" kind: ITEM_KIND_LOAN open: true overdue: true what: "trial machine"
              open_time { seconds: 1767225600 } due_time { seconds: 1768046400 } person: "km-07" contact_id: "anna"
              amount { currency_code: "USD" micros: 800000000 } quantity: 2000 remaining: 1 }
      items { account_id: "beta" item_id: "E-1" kind: ITEM_KIND_ENTITLEMENT open: true what: "service visits"
              open_time { seconds: 1767225600 } quantity: 0 remaining: -1 }
      items { account_id: "beta" item_id: "H-1" kind: ITEM_KIND_HANDOVER what: "file" }
      sums { currency_code: "USD" items: 1 micros: 800000000 })",
                         {"item", "list", "--kind", "loan"}),
            "account  id   what            since                 due                   person  contact      amount     "
            "      left  state\n"
            "acme     L-1  trial machine   2026-01-01T00:00:00Z  2026-01-10T12:00:00Z  km-07   anna     800.00 USD     "
            "1 of 2,000  overdue\n"
            "beta     E-1  service visits  2026-01-01T00:00:00Z  -                                               -  "
            "without limit  open\n"
            "beta     H-1  file                                  -                                               -     "
            "            ended\n"
            "all that match: 1 of 800.00 USD\n");
}

TEST(ItemList, KnowsEveryKindByItsName) {
  AnyAnswers ledger;
  const std::vector<std::pair<std::string, std::string>> kinds = {{"order", "ORDER"},
                                                                  {"loan", "LOAN"},
                                                                  {"entitlement", "ENTITLEMENT"},
                                                                  {"obligation", "OBLIGATION"},
                                                                  {"commission", "COMMISSION"},
                                                                  {"handover", "HANDOVER"},
                                                                  {"sanction", "SANCTION"}};
  for (const auto& [name, value] : kinds) {
    EXPECT_EQ(ledger.Ask({"item", "list", "--kind", name}),
              "ListItems scope { accounts { } } kind: ITEM_KIND_" + value + " state: ITEM_STATE_OPEN");
  }
}

TEST(PaymentTerms, PrintExceptionsAndTheShareOnStandardTerms) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Ask({"payment", "terms", "--region", "CN", "--as-of", "2026-01-01"}),
            "GetPaymentTerms scope { as_of { seconds: 1767225600 } accounts { region: \"CN\" } }");
  EXPECT_EQ(ledger.Print(R"(
      accounts: 1600 standard: 1200 standard_share: 0.75 undefined: 3
      exceptions { account_id: "acme" grant_time { seconds: 1767225600 }
                   granted { terms: "90 days" approver: "cfo" reason: "launch" end_time { seconds: 1769904000 } } }
      exceptions { account_id: "beta" grant_time { seconds: 1768046400 }
                   granted { terms: "60 days" approver: "head" reason: "merger" } })",
                         {"payment", "terms"}),
            "account  exception  approver  reason  since                 until\n"
            "acme     90 days    cfo       launch  2026-01-01T00:00:00Z  2026-02-01T00:00:00Z\n"
            "beta     60 days    head      merger  2026-01-10T12:00:00Z  -\n"
            "on standard terms: 1,200 of 1,600 accounts (75.0 %); of 3 no program says what is standard\n");
  EXPECT_EQ(ledger.Print({"payment", "terms"}),
            "account  exception  approver  reason  since  until\n"
            "on standard terms: 0 of 0 accounts (-); of 0 no program says what is standard\n");
}

}  // namespace
}  // namespace keyledger::cli

// What is known of accounts, what was given to them, and what went against the rules, on the command line. What each
// verb asks for, and what it prints of the answer.
#include <gtest/gtest.h>

#include "keyledger/ledger/v1/engagement_service.pb.h"
#include "tests/unit/cli/any_answers.h"

namespace keyledger::cli {
namespace {

TEST(AccountTimeline, AsksForWhatItsOptionsSay) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Ask({"account", "timeline", "acme", "--as-of", "2026-02-01", "--known-at", "2026-03-01", "--start",
                        "2026-01-01", "--decisions", "--retracted", "--page-size", "9", "--page-token", "t1",
                        "--min-cursor", "c1"}),
            "GetTimeline account_id: \"acme\" as_of { seconds: 1769904000 } known_at { seconds: 1772323200 } "
            "start_time { seconds: 1767225600 } decisions: true retracted: true page_size: 9 page_token: \"t1\" "
            "min_cursor: \"c1\"");
}

TEST(AccountTimeline, PrintsWhatHappenedInWords) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Print(R"(
      entries { record { account_id: "acme" revision: 1200 actor: "crm" occurred_time { seconds: 1768046400 }
                         event { signal_observed { kind: "news" description: "opens a plant" source: "paper"
                                                   direction: SIGNAL_DIRECTION_GOOD strength: 80 } } } }
      entries { retracted: true
                record { account_id: "old-acme" revision: 3 occurred_time { seconds: 1767225600 }
                         event { signal_observed { kind: "social" description: "says little"
                                                   direction: SIGNAL_DIRECTION_BAD } } } })",
                         {"account", "timeline", "acme"}),
            "when                  account   revision  what                                                            "
            "      by\n"
            "2026-01-10T12:00:00Z  acme         1,200  signal_observed news, opens a plant, source paper, good, "
            "strength 80  crm\n"
            "2026-01-01T00:00:00Z  old-acme         3  retracted: signal_observed social, says little, bad\n");
  EXPECT_EQ(ledger.Print({"account", "timeline", "acme"}), "when  account  revision  what  by\n");
}

TEST(AccountProfile, AsksForOneAccountAtOneMoment) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Ask({"account", "profile", "acme", "--as-of", "2026-01-01", "--known-at", "2026-02-01",
                        "--min-cursor", "c1"}),
            "GetProfile account_id: \"acme\" as_of { seconds: 1767225600 } known_at { seconds: 1769904000 } "
            "min_cursor: \"c1\"");
}

TEST(AccountProfile, PrintsPeoplePostsAndWhatWasSaid) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Print(R"(
      account_id: "acme" time_zone: "Asia/Shanghai, by the fact"
      people { person: "km-07" roles: "owner" roles: "service" interactions: 12 }
      switching_cost { contract_days: 1095 penalty_micros: 2500000000 currency_code: "USD" our_minutes: 1300
                       account_minutes: 60 points: 4200 entitlements: 1 categories: 3 }
      saved { currency_code: "USD" micros: 90000000 }
      gaps { kind: GAP_KIND_FACT_MISSING name: "employees" }
      gaps { kind: GAP_KIND_POSITION last_time { seconds: 1767225600 } max_age_days: 365 }
      posts { post: "buyer" contact_id: "anna" rank: 4 key_post: true since_time { seconds: 1767225600 }
              known_fields: "name" known_fields: "phone" last_met_time { seconds: 1768046400 } }
      posts { post: "plant_manager" }
      facts { fact { key: "size" value: "large" } person: "km-07" stated_time { seconds: 1767225600 } }
      needs { need { need_id: "N-1" description: "fewer standstills" } stated_time { seconds: 1767225600 } }
      positions { position { level: POSITION_LEVEL_GOOD_SUPPORT contact_id: "anna" }
                  stated_time { seconds: 1768046400 } }
      values { valued { value { currency_code: "USD" micros: 5000000000 } } change_micros: -250000000
               stated_time { seconds: 1768046400 } }
      tender_lists { list_id: "L-1" issuer: "city" }
      evaluations { aspect: "compatibility" result: EVALUATION_RESULT_CONDITIONAL sku: "M-200" contact_id: "anna"
                    note: "after the update" }
      evaluations { aspect: "quality" result: EVALUATION_RESULT_ACCEPTED }
      adaptations { kind: ADAPTATION_KIND_PRODUCT ours: true description: "bearings are marked" }
      adaptations { kind: ADAPTATION_KIND_PROCESS description: "orders by the week" }
      ceded { competitor: "rival" reason: "too far away" })",
                         {"account", "profile", "acme"}),
            "account            acme\n"
            "time zone          Asia/Shanghai, by the fact\n"
            "ours               km-07 (owner, service), 12 times\n"
            "contracts run for  1,095 days\n"
            "early end costs    2,500.00 USD\n"
            "time invested      1,300 minutes of ours, 60 of theirs\n"
            "points             4,200\n"
            "entitlements       1\n"
            "categories         3\n"
            "saved by bundles   90.00 USD\n"
            "missing            fact_missing employees\n"
            "missing            position (2026-01-01T00:00:00Z)\n"
            "\n"
            "post           contact  rank  key  since                 known        last met\n"
            "buyer          anna        4  yes  2026-01-01T00:00:00Z  name, phone  2026-01-10T12:00:00Z\n"
            "plant_manager  nobody      -       -                                  -\n"
            "\n"
            "                 what                                                              since\n"
            "fact             size = large, by km-07                                            2026-01-01T00:00:00Z\n"
            "need             N-1: fewer standstills                                            2026-01-01T00:00:00Z\n"
            "sees us as       good_support, says anna                                           2026-01-10T12:00:00Z\n"
            "worth            5,000.00 USD, changed by -250.00                                  2026-01-10T12:00:00Z\n"
            "tender list      L-1 city\n"
            "evaluation       compatibility of M-200: conditional, says anna: after the update\n"
            "evaluation       quality: accepted\n"
            "adapted by us    product: bearings are marked\n"
            "adapted by them  process: orders by the week\n"
            "given up         rival: too far away\n");
}

TEST(AccountProfile, OfNothingKnownIsShort) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Print(R"(account_id: "acme" time_zone: "UTC" switching_cost { currency_code: "USD" })",
                         {"account", "profile", "acme"}),
            "account            acme\n"
            "time zone          UTC\n"
            "contracts run for  0 days\n"
            "early end costs    0.00 USD\n"
            "time invested      0 minutes of ours, 0 of theirs\n"
            "entitlements       0\n"
            "categories         0\n");
}

TEST(AccountProfiles, PrintWhatIsMissingAndHowManyAreComplete) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Ask({"account", "profiles", "--complete", "--owner", "km-07", "--page-size", "3"}),
            "ListProfiles scope { accounts { owner: \"km-07\" } } complete_too: true page_size: 3");
  EXPECT_EQ(ledger.Print(R"(
      profiles { account_id: "acme" owner: "km-07" required: 9
                 gaps { kind: GAP_KIND_PERSON_FIELD name: "buyer.birthday" }
                 gaps { kind: GAP_KIND_FACT_STALE name: "size" last_time { seconds: 1767225600 } max_age_days: 365 } }
      profiles { account_id: "beta" required: 9 }
      account_count: 1300 complete_count: 1299)",
                         {"account", "profiles"}),
            "account  owner  asked  missing\n"
            "acme     km-07      9  person_field buyer.birthday, fact_stale size (2026-01-01T00:00:00Z)\n"
            "beta                9\n"
            "1,300 accounts are asked for a profile, 1,299 are complete\n");
  EXPECT_EQ(ledger.Print({"account", "profiles"}),
            "account  owner  asked  missing\n"
            "0 accounts are asked for a profile, 0 are complete\n");
}

TEST(ComplianceGiven, PrintsWhatWasGivenAgainstItsLimits) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Ask({"compliance", "given", "--account", "acme", "--start", "2026-01-01", "--period", "quarter",
                        "--time-zone", "Asia/Shanghai"}),
            "ListGiven scope { accounts { } } account_id: \"acme\" start_time { seconds: 1767225600 } period: "
            "PERIOD_QUARTER time_zone: \"Asia/Shanghai\"");
  EXPECT_EQ(ledger.Ask({"compliance", "given"}), "ListGiven scope { accounts { } } period: PERIOD_MONTH");
  EXPECT_EQ(
      ledger.Print(R"(
      rows { account_id: "acme" contact_id: "anna" period: "2026-01" kind: EVENT_KIND_GIFT_GIVEN name: "tea" times: 2
             quantity: 1500 value { currency_code: "EUR" micros: 40000000 }
             value { currency_code: "USD" micros: 5500000 }
             limits { counter: "gifts" times: 2 max_times: 3 micros: 40000000 max_micros: 100000000 }
             limits { counter: "tea" times: 2 max_times: 2 } }
      rows { account_id: "acme" contact_id: "bob" period: "2026-01" kind: EVENT_KIND_SERVICE_PROVIDED name: "repair"
             times: 1 })",
                   {"compliance", "given"}),
      "account  contact  period   what              name    times  units  value                for  limits\n"
      "acme     anna     2026-01  gift_given        tea         2  1,500  40.00 EUR, 5.50 USD       gifts: 2 of 3 "
      "times 40.00 of 100.00; tea: 2 of 2 times\n"
      "acme     bob      2026-01  service_provided  repair      1      -\n");
  EXPECT_EQ(ledger.Print({"compliance", "given"}),
            "account  contact  period  what  name  times  units  value  for  limits\n");
}

TEST(ComplianceFlags, PrintWhatWentBeyondWhichLimit) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Print(R"(
      flags { account_id: "acme" occurred_time { seconds: 1767225600 } fact_kind: EVENT_KIND_GIFT_GIVEN
              flag { limit_id: "gifts" fact_revision: 1200 measure: LIMIT_MEASURE_MICROS value: 120000000
                     threshold: 100000000 } program_id: "p" program_version: 2 }
      flags { account_id: "beta" occurred_time { seconds: 1767225600 } fact_kind: EVENT_KIND_GIFT_GIVEN
              flag { limit_id: "times" fact_revision: 4 measure: LIMIT_MEASURE_TIMES value: 3 threshold: 2 }
              program_id: "p" program_version: 2 }
      flag_count: 2)",
                         {"compliance", "flags"}),
            "when                  account  limit  measure   value  allowed  fact        revision  program\n"
            "2026-01-01T00:00:00Z  acme     gifts  micros   120.00   100.00  gift_given     1,200  p v2\n"
            "2026-01-01T00:00:00Z  beta     times  times         3        2  gift_given         4  p v2\n");
}

TEST(ComplianceViolations, PrintSanctionsBelowWhatTheyAreFor) {
  AnyAnswers ledger;
  EXPECT_EQ(ledger.Ask({"compliance", "violations", "--account", "acme", "--start", "2026-01-01"}),
            "ListViolations scope { accounts { } } start_time { seconds: 1767225600 } account_id: \"acme\"");
  EXPECT_EQ(ledger.Print(R"(
      violations { account_id: "acme" sanctions_open: 1
                   records { occurred_time { seconds: 1767225600 }
                             event { violation_recorded { violation_id: "V-1" side: SIDE_ACCOUNT
                                                          description: "sold below list" severity: 2 } } }
                   records { occurred_time { seconds: 1768046400 }
                             event { sanction_imposed { sanction_id: "S-1" violation_id: "V-1" kind: "no_bonus"
                                                        end_time { seconds: 1769904000 } } } } }
      violations { account_id: "beta"
                   records { occurred_time { seconds: 1767225600 }
                             event { violation_recorded { violation_id: "V-2" side: SIDE_EMPLOYEE
                                                          description: "paid twice" } } } })",
                         {"compliance", "violations"}),
            "when                  account  what                                                                "
            "sanctions that hold\n"
            "2026-01-01T00:00:00Z  acme     violation_recorded V-1, account, sold below list, severity 2               "
            "           1\n"
            "2026-01-10T12:00:00Z           sanction_imposed S-1, violation V-1, kind no_bonus, end 2026-02-01\n"
            "2026-01-01T00:00:00Z  beta     violation_recorded V-2, employee, paid twice                               "
            "           0\n");
  EXPECT_EQ(ledger.Print({"compliance", "violations"}), "when  account  what  sanctions that hold\n");
}

}  // namespace
}  // namespace keyledger::cli

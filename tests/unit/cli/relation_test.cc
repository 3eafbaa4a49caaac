// Command lines that record what is known of the relationship: every option becomes the field it is for.
#include <sstream>

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "client/cli/app.h"
#include "client/cli/command.h"
#include "client/cli/describe.h"
#include "tests/unit/cli/taking_ledger.h"
#include "tests/unit/client/fake_ledger.h"

namespace keyledger::cli {
namespace {

TEST(SurveyAnswer, RecordsWhatAnAccountSays) {
  TakingLedger ledger;
  EXPECT_EQ(ledger.Event({"survey", "answer", "a", "--kind", "recommendation", "--score", "0", "--survey", "s",
                          "--contact", "li"}),
            "survey_answered { kind: SURVEY_KIND_RECOMMENDATION survey_id: \"s\" contact_id: \"li\" }");
  EXPECT_EQ(ledger.Event({"survey", "answer", "a", "--kind", "satisfaction", "--score", "5"}),
            "survey_answered { kind: SURVEY_KIND_SATISFACTION score: 5 }");
  EXPECT_EQ(ledger.Event({"survey", "answer", "a", "--kind", "mood", "--score", "5"}), "exit 2");
  EXPECT_EQ(ledger.Event({"survey", "answer", "a", "--kind", "satisfaction"}), "exit 2");
  EXPECT_EQ(ledger.Event({"survey", "answer", "a", "--kind", "satisfaction", "--score", "good"}), "exit 2");
}

TEST(BudgetState, RecordsWhatAnAccountSpendsInAll) {
  TakingLedger ledger;
  EXPECT_EQ(ledger.Event({"budget", "state", "a", "--from", "2026-01-01", "--until", "2027-01-01", "--amount", "1200.5",
                          "--currency", "EUR", "--basis", "declared", "--category", "tyres", "--source", "letter"}),
            "budget_stated { start_time { seconds: 1767225600 } end_time { seconds: 1798761600 } amount { "
            "currency_code: \"EUR\" micros: 1200500000 } basis: BUDGET_BASIS_DECLARED category: \"tyres\" source: "
            "\"letter\" }");
  EXPECT_EQ(ledger.Event({"budget", "state", "a", "--from", "2026-01-01", "--until", "2027-01-01", "--amount", "1",
                          "--basis", "estimated"}),
            "budget_stated { start_time { seconds: 1767225600 } end_time { seconds: 1798761600 } amount { "
            "currency_code: \"USD\" micros: 1000000 } basis: BUDGET_BASIS_ESTIMATED }");
  EXPECT_EQ(ledger.Event({"budget", "state", "a", "--from", "2026-01-01", "--until", "2027-01-01", "--amount", "much",
                          "--basis", "estimated"}),
            "exit 2");
}

TEST(SupplierRankState, RecordsOurPlaceInHalves) {
  TakingLedger ledger;
  EXPECT_EQ(ledger.Event({"supplier-rank", "state", "a", "--place", "1.5", "--suppliers", "4", "--source", "visit"}),
            "supplier_rank_stated { place_halves: 3 suppliers: 4 source: \"visit\" }");
  EXPECT_EQ(ledger.Event({"supplier-rank", "state", "a", "--place", "2", "--suppliers", "4"}),
            "supplier_rank_stated { place_halves: 4 suppliers: 4 }");
  for (const char* wrong : {"1.2", "0", "-1", "first"}) {
    EXPECT_EQ(ledger.Event({"supplier-rank", "state", "a", "--place", wrong, "--suppliers", "4"}), "exit 2") << wrong;
  }
}

TEST(CostRecord, RecordsMoneySpentOnAnAccount) {
  TakingLedger ledger;
  EXPECT_EQ(ledger.Event({"cost", "record", "a", "--purpose", "acquisition", "--cost", "80", "--kind", "fair",
                          "--description", "stand"}),
            "cost_recorded { purpose: COST_PURPOSE_ACQUISITION cost { currency_code: \"USD\" micros: 80000000 } kind: "
            "\"fair\" description: \"stand\" }");
  EXPECT_EQ(ledger.Event({"cost", "record", "a", "--purpose", "retention", "--cost", "1"}),
            "cost_recorded { purpose: COST_PURPOSE_RETENTION cost { currency_code: \"USD\" micros: 1000000 } }");
  EXPECT_EQ(ledger.Event({"cost", "record", "a", "--purpose", "service", "--cost", "1"}),
            "cost_recorded { purpose: COST_PURPOSE_SERVICE cost { currency_code: \"USD\" micros: 1000000 } }");
  EXPECT_EQ(ledger.Event({"cost", "record", "a", "--purpose", "fun", "--cost", "1"}), "exit 2");
}

TEST(ReferralRecord, RecordsHowAnAccountCame) {
  TakingLedger ledger;
  EXPECT_EQ(ledger.Event({"referral", "record", "a", "--source", "referral", "--referrer", "b"}),
            "referral_recorded { referrer_account_id: \"b\" lead_source: \"referral\" }");
  EXPECT_EQ(ledger.Event({"referral", "record", "a"}), "exit 2");
}

TEST(Club, IsJoinedAndLeftByAVerbEach) {
  TakingLedger ledger;
  EXPECT_EQ(ledger.Event({"club", "join", "a", "--club", "wine"}), "club_joined { club_id: \"wine\" }");
  EXPECT_EQ(ledger.Event({"club", "leave", "a", "--club", "wine", "--reason", "moved"}),
            "club_left { club_id: \"wine\" reason: \"moved\" }");
  EXPECT_EQ(ledger.Event({"club", "join", "a"}), "exit 2");
}

TEST(CompetitorObserve, RecordsWhatACompetitorDid) {
  TakingLedger ledger;
  const std::vector<std::pair<std::string, std::string>> kinds = {
      {"approach", "APPROACH"}, {"offer", "OFFER"}, {"won", "WON"}, {"lost", "LOST"}};
  for (const auto& [name, value] : kinds) {
    EXPECT_EQ(
        ledger.Event({"competitor", "observe", "a", "--competitor", "Rival", "--kind", name, "--description", "d"}),
        "competitor_move_observed { competitor: \"Rival\" kind: COMPETITOR_MOVE_KIND_" + value +
            " description: \"d\" }");
  }
  EXPECT_EQ(ledger.Event({"competitor", "observe", "a", "--competitor", "Rival", "--kind", "slept"}), "exit 2");
}

TEST(Contract, IsSignedRenewedAndEndedByAVerbEach) {
  TakingLedger ledger;
  EXPECT_EQ(
      ledger.Event({"contract", "sign", "a", "--contract", "C-1", "--from", "2026-01-01", "--until", "2027-01-01",
                    "--value", "1000", "--kind", "supply"}),
      "contract_signed { contract_id: \"C-1\" start_time { seconds: 1767225600 } end_time { seconds: 1798761600 } "
      "value { currency_code: \"USD\" micros: 1000000000 } kind: \"supply\" }");
  EXPECT_EQ(
      ledger.Event({"contract", "sign", "a", "--contract", "C-1", "--from", "2026-01-01", "--until", "2027-01-01"}),
      "contract_signed { contract_id: \"C-1\" start_time { seconds: 1767225600 } end_time { seconds: 1798761600 } }");
  EXPECT_EQ(ledger.Event({"contract", "renew", "a", "--contract", "C-1", "--until", "2028-01-01", "--value", "5"}),
            "contract_renewed { contract_id: \"C-1\" end_time { seconds: 1830297600 } value { currency_code: \"USD\" "
            "micros: 5000000 } }");
  const std::vector<std::pair<std::string, std::string>> endings = {{"not-renewed", "NOT_RENEWED"},
                                                                    {"cancelled", "CANCELLED"},
                                                                    {"breached", "BREACHED"},
                                                                    {"superseded", "SUPERSEDED"}};
  for (const auto& [name, value] : endings) {
    EXPECT_EQ(ledger.Event({"contract", "end", "a", "--contract", "C-1", "--ending", name, "--reason", "r"}),
              "contract_ended { contract_id: \"C-1\" ending: CONTRACT_ENDING_" + value + " reason: \"r\" }");
  }
  EXPECT_EQ(ledger.Event({"contract", "end", "a", "--contract", "C-1"}), "exit 2");
}

TEST(Advice, SaysWhereTheContractsOfAnAccountStand) {
  for (const char* reason : {"CONTRACT_EXISTS", "CONTRACT_NOT_OPEN"}) {
    client::FakeLedger server;
    server.FailAppends({client::RichStatus(grpc::StatusCode::FAILED_PRECONDITION, reason, 0)});
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    EXPECT_EQ(
        cli::Run({"--server", server.address(), "contract", "renew", "a", "--contract", "c", "--until", "2028-01-01"},
                 Environment{in, out, err}),
        6);
    EXPECT_THAT(err.str(), ::testing::HasSubstr("do:     keyledger log account ID shows")) << reason;
  }
}

TEST(DescribeEvent, SaysWhatIsKnownOfTheRelationship) {
  ev::Event event;
  event.mutable_survey_answered()->set_kind(ev::SURVEY_KIND_RECOMMENDATION);
  event.mutable_survey_answered()->set_score(9);
  EXPECT_EQ(DescribeEvent(event), "survey_answered recommendation 9");
  event.mutable_survey_answered()->set_survey_id("s");
  EXPECT_EQ(DescribeEvent(event), "survey_answered recommendation 9 in s");
  ev::BudgetStated& stated = *event.mutable_budget_stated();
  stated.mutable_start_time()->set_seconds(1'767'225'600);
  stated.mutable_end_time()->set_seconds(1'798'761'600);
  stated.mutable_amount()->set_currency_code("USD");
  stated.mutable_amount()->set_micros(5'000'000);
  stated.set_basis(ev::BUDGET_BASIS_DECLARED);
  EXPECT_EQ(DescribeEvent(event), "budget_stated declared 5.00 USD for everything, 2026-01-01 to 2027-01-01");
  event.mutable_supplier_rank_stated()->set_place_halves(3);
  event.mutable_supplier_rank_stated()->set_suppliers(4);
  EXPECT_EQ(DescribeEvent(event), "supplier_rank_stated place 1.5 of 4");
  event.mutable_supplier_rank_stated()->set_place_halves(4);
  EXPECT_EQ(DescribeEvent(event), "supplier_rank_stated place 2 of 4");
  ev::CostRecorded& cost = *event.mutable_cost_recorded();
  cost.set_purpose(ev::COST_PURPOSE_RETENTION);
  cost.mutable_cost()->set_currency_code("USD");
  cost.mutable_cost()->set_micros(5'000'000);
  cost.set_kind("care");
  EXPECT_EQ(DescribeEvent(event), "cost_recorded 5.00 USD for retention, care");
  event.mutable_referral_recorded()->set_lead_source("referral");
  event.mutable_referral_recorded()->set_referrer_account_id("b");
  EXPECT_EQ(DescribeEvent(event), "referral_recorded referral by b");
  event.mutable_club_joined()->set_club_id("wine");
  EXPECT_EQ(DescribeEvent(event), "club_joined wine");
  event.mutable_club_left()->set_club_id("wine");
  event.mutable_club_left()->set_reason("moved");
  EXPECT_EQ(DescribeEvent(event), "club_left wine: moved");
  ev::CompetitorMoveObserved& move = *event.mutable_competitor_move_observed();
  move.set_competitor("Rival");
  move.set_kind(ev::COMPETITOR_MOVE_KIND_OFFER);
  EXPECT_EQ(DescribeEvent(event), "competitor_move_observed offer by Rival");
}

TEST(DescribeEvent, SaysWhatAContractAndAForecastPromise) {
  ev::Event event;
  ev::ContractSigned& contract = *event.mutable_contract_signed();
  contract.set_contract_id("C-1");
  contract.mutable_start_time()->set_seconds(1'767'225'600);
  contract.mutable_end_time()->set_seconds(1'798'761'600);
  EXPECT_EQ(DescribeEvent(event), "contract_signed C-1, 2026-01-01 to 2027-01-01");
  contract.mutable_value()->set_currency_code("USD");
  contract.mutable_value()->set_micros(5'000'000);
  contract.set_kind("supply");
  EXPECT_EQ(DescribeEvent(event), "contract_signed C-1, 2026-01-01 to 2027-01-01, worth 5.00 USD, supply");
  event.mutable_contract_renewed()->set_contract_id("C-1");
  event.mutable_contract_renewed()->mutable_end_time()->set_seconds(1'830'297'600);
  EXPECT_EQ(DescribeEvent(event), "contract_renewed C-1 until 2028-01-01");
  event.mutable_contract_ended()->set_contract_id("C-1");
  event.mutable_contract_ended()->set_ending(ev::CONTRACT_ENDING_NOT_RENEWED);
  EXPECT_EQ(DescribeEvent(event), "contract_ended C-1, not_renewed");
  ev::ForecastRecorded& forecast = *event.mutable_forecast_recorded();
  forecast.set_forecast_id("f-1");
  forecast.mutable_as_of()->set_seconds(1'767'225'600);
  forecast.mutable_horizon_end()->set_seconds(1'798'761'600);
  forecast.set_accounts(1234);
  forecast.set_expected_purchases(1000.5);
  forecast.set_lower_purchases(900);
  forecast.set_upper_purchases(1100.25);
  EXPECT_EQ(
      DescribeEvent(event),
      "forecast_recorded f-1 of 1,234 accounts, 2026-01-01 to 2027-01-01: 1,000.50 days with a purchase expected, "
      "900.00 to 1,100.25");
}

}  // namespace
}  // namespace keyledger::cli

// Facts about the relationship beside the trade: their shape, and the contracts that an account is bound by.
#include <fmt/format.h>

#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;
using Strings = std::vector<std::string>;

const Micros kDay1 = At("2026-01-01");

// Fields that are refused, without the name of the event.
Strings Fields(const Event& event) {
  const absl::Status status = ValidateFact(event, "e");
  EXPECT_TRUE(status.ok() || ReasonOf(status) == Reason::kInvalidField) << status;
  const std::string prefix =
      "e." + Event::descriptor()->FindFieldByNumber(static_cast<int>(event.payload_case()))->name() + ".";
  Strings fields;
  for (const auto& [field, description] : FieldsOf(status)) {
    EXPECT_TRUE(field.starts_with(prefix)) << field;
    fields.push_back(field.substr(prefix.size()));
  }
  return fields;
}

void SetMoney(events::v1::Money* money, int64_t micros) {
  money->set_currency_code("USD");
  money->set_micros(micros);
}

TEST(RelationShape, OfSurveysIsChecked) {
  Event event;
  auto& answered = *event.mutable_survey_answered();
  EXPECT_EQ(Fields(event), Strings{"kind"});
  answered.set_kind(events::v1::SURVEY_KIND_RECOMMENDATION);
  EXPECT_EQ(Fields(event), Strings{}) << "0 is an answer";
  answered.set_score(10);
  EXPECT_EQ(Fields(event), Strings{});
  answered.set_score(11);
  EXPECT_EQ(Fields(event), Strings{"score"});
  answered.set_score(-1);
  EXPECT_EQ(Fields(event), Strings{"score"});
  answered.set_kind(events::v1::SURVEY_KIND_SATISFACTION);
  answered.set_score(0);
  EXPECT_EQ(Fields(event), Strings{"score"});
  answered.set_score(1);
  EXPECT_EQ(Fields(event), Strings{});
  answered.set_score(5);
  answered.set_survey_id(std::string(64, 's'));
  answered.set_contact_id(std::string(128, 'c'));
  EXPECT_EQ(Fields(event), Strings{});
  answered.set_score(6);
  answered.set_survey_id(std::string(65, 's'));
  answered.set_contact_id("a\nb");
  EXPECT_EQ(Fields(event), (Strings{"score", "survey_id", "contact_id"}));
  answered.set_kind(static_cast<events::v1::SurveyKind>(9));
  EXPECT_EQ(Fields(event), (Strings{"kind", "survey_id", "contact_id"}));
}

TEST(RelationShape, OfBudgetsIsChecked) {
  Event event;
  auto& stated = *event.mutable_budget_stated();
  EXPECT_EQ(Fields(event), (Strings{"start_time", "end_time", "amount", "basis"}));
  SetTimestamp(stated.mutable_start_time(), kDay1);
  SetTimestamp(stated.mutable_end_time(), kDay1);
  SetMoney(stated.mutable_amount(), 0);
  stated.set_basis(events::v1::BUDGET_BASIS_DECLARED);
  EXPECT_EQ(Fields(event), (Strings{"end_time", "amount.micros"}));
  SetTimestamp(stated.mutable_end_time(), kDay1 + 3'660 * kMicrosPerDay);
  SetMoney(stated.mutable_amount(), 1);
  EXPECT_EQ(Fields(event), Strings{});
  SetTimestamp(stated.mutable_end_time(), kDay1 + 3'660 * kMicrosPerDay + 1);
  EXPECT_EQ(Fields(event), Strings{"end_time"});
  stated.mutable_end_time()->set_nanos(1);
  EXPECT_EQ(Fields(event), Strings{"end_time"}) << "finer than a microsecond";
  SetTimestamp(stated.mutable_end_time(), kDay1 + 1);
  stated.set_category(std::string(65, 'c'));
  stated.set_source(std::string(257, 's'));
  EXPECT_EQ(Fields(event), (Strings{"category", "source"}));
}

TEST(RelationShape, OfSupplierRanksIsChecked) {
  Event event;
  auto& stated = *event.mutable_supplier_rank_stated();
  EXPECT_EQ(Fields(event), Strings{"suppliers"});
  stated.set_suppliers(3);
  EXPECT_EQ(Fields(event), Strings{"place_halves"});
  for (const int fits : {2, 3, 6}) {
    stated.set_place_halves(fits);
    EXPECT_EQ(Fields(event), Strings{}) << fits;
  }
  for (const int wrong : {1, 7}) {
    stated.set_place_halves(wrong);
    EXPECT_EQ(Fields(event), Strings{"place_halves"}) << wrong;
  }
  stated.set_suppliers(1'001);
  EXPECT_EQ(Fields(event), Strings{"suppliers"});
}

TEST(RelationShape, OfCostsReferralsClubsAndMovesIsChecked) {
  Event cost;
  cost.mutable_cost_recorded();
  EXPECT_EQ(Fields(cost), (Strings{"purpose", "cost"}));
  cost.mutable_cost_recorded()->set_purpose(events::v1::COST_PURPOSE_ACQUISITION);
  SetMoney(cost.mutable_cost_recorded()->mutable_cost(), 0);
  EXPECT_EQ(Fields(cost), Strings{"cost.micros"});
  SetMoney(cost.mutable_cost_recorded()->mutable_cost(), 1);
  cost.mutable_cost_recorded()->set_kind(std::string(64, 'k'));
  cost.mutable_cost_recorded()->set_description(std::string(512, 'd'));
  EXPECT_EQ(Fields(cost), Strings{});
  cost.mutable_cost_recorded()->set_kind(std::string(65, 'k'));
  cost.mutable_cost_recorded()->set_description(std::string(513, 'd'));
  EXPECT_EQ(Fields(cost), (Strings{"kind", "description"}));

  Event referral;
  referral.mutable_referral_recorded();
  EXPECT_EQ(Fields(referral), Strings{"lead_source"});
  referral.mutable_referral_recorded()->set_lead_source("broker");
  EXPECT_EQ(Fields(referral), Strings{}) << "nobody need have referred it";
  referral.mutable_referral_recorded()->set_referrer_account_id("$programs");
  EXPECT_EQ(Fields(referral), Strings{"referrer_account_id"});

  Event joined;
  joined.mutable_club_joined()->set_club_id("Gold");
  EXPECT_EQ(Fields(joined), Strings{"club_id"});
  joined.mutable_club_joined()->set_club_id("gold");
  EXPECT_EQ(Fields(joined), Strings{});
  Event left;
  left.mutable_club_left()->set_reason(std::string(513, 'r'));
  EXPECT_EQ(Fields(left), (Strings{"club_id", "reason"}));

  Event move;
  move.mutable_competitor_move_observed();
  EXPECT_EQ(Fields(move), (Strings{"competitor", "kind"}));
  move.mutable_competitor_move_observed()->set_competitor("Rival");
  move.mutable_competitor_move_observed()->set_kind(events::v1::COMPETITOR_MOVE_KIND_WON);
  EXPECT_EQ(Fields(move), Strings{});
}

Fact Signed(Micros at, const std::string& id, Micros end) {
  Fact fact{{}, at};
  auto& contract = *fact.event.mutable_contract_signed();
  contract.set_contract_id(id);
  SetTimestamp(contract.mutable_start_time(), kDay1);
  SetTimestamp(contract.mutable_end_time(), end);
  return fact;
}

Fact Renewed(Micros at, const std::string& id, Micros end) {
  Fact fact{{}, at};
  fact.event.mutable_contract_renewed()->set_contract_id(id);
  SetTimestamp(fact.event.mutable_contract_renewed()->mutable_end_time(), end);
  return fact;
}

Fact Ended(Micros at, const std::string& id) {
  Fact fact{{}, at};
  fact.event.mutable_contract_ended()->set_contract_id(id);
  fact.event.mutable_contract_ended()->set_ending(events::v1::CONTRACT_ENDING_CANCELLED);
  return fact;
}

TEST(RelationShape, OfContractsIsChecked) {
  Event event;
  event.mutable_contract_signed();
  EXPECT_EQ(Fields(event), (Strings{"contract_id", "start_time", "end_time"}));
  event = Signed(kDay1, "c", kDay1 + 36'600 * kMicrosPerDay).event;
  EXPECT_EQ(Fields(event), Strings{});
  event = Signed(kDay1, "c", kDay1 + 36'600 * kMicrosPerDay + 1).event;
  SetMoney(event.mutable_contract_signed()->mutable_value(), 0);
  EXPECT_EQ(Fields(event), (Strings{"end_time", "value.micros"}));
  Event renewed;
  renewed.mutable_contract_renewed();
  EXPECT_EQ(Fields(renewed), (Strings{"contract_id", "end_time"}));
  Event ended;
  ended.mutable_contract_ended();
  EXPECT_EQ(Fields(ended), (Strings{"contract_id", "ending"}));
}

class Relation : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(ledger_.Submit({AccountLedger::Open(kDay1)}).ok()); }
  // Why one fact is refused; kUnspecified: it is not.
  Reason Submit(const Fact& fact) {
    const auto recorded = ledger_.Submit({fact});
    return recorded.ok() ? Reason::kUnspecified : ReasonOf(recorded.status());
  }
  AccountLedger ledger_{Head()};
};

TEST_F(Relation, IsRecordedAsItWasSubmitted) {
  Fact answered{{}, kDay1};
  answered.event.mutable_survey_answered()->set_kind(events::v1::SURVEY_KIND_RECOMMENDATION);
  answered.event.mutable_survey_answered()->set_score(7);
  const auto recorded = ledger_.Submit({answered});
  ASSERT_TRUE(recorded.ok()) << recorded.status();
  ASSERT_EQ(recorded->size(), 1u) << "no decision follows";
  EXPECT_EQ((*recorded)[0].event.SerializeAsString(), answered.event.SerializeAsString());
}

TEST_F(Relation, HasContractsThatAreSignedRenewedAndEndedInThisOrder) {
  const Micros end = At("2027-01-01");
  EXPECT_EQ(Submit(Renewed(kDay1, "c", end)), Reason::kContractNotOpen);
  EXPECT_EQ(Submit(Ended(kDay1, "c")), Reason::kContractNotOpen);
  EXPECT_EQ(Submit(Signed(kDay1, "c", end)), Reason::kUnspecified);
  EXPECT_EQ(Submit(Signed(kDay1, "c", end)), Reason::kContractExists);
  EXPECT_EQ(Submit(Renewed(kDay1, "c", end)), Reason::kContractNotOpen) << "not later than it ends already";
  EXPECT_EQ(Submit(Renewed(kDay1, "c", end + 1)), Reason::kUnspecified);
  EXPECT_EQ(ledger_.state().contracts, (std::map<std::string, Contract>{{"c", {end + 1, false}}}));
  EXPECT_EQ(Submit(Ended(kDay1, "c")), Reason::kUnspecified);
  EXPECT_TRUE(ledger_.state().contracts.empty());
  EXPECT_EQ(Submit(Signed(kDay1, "c", end)), Reason::kUnspecified) << "an id is free again when its contract ended";
}

TEST_F(Relation, BindsAnAccountByAThousandContractsAtMost) {
  for (int i = 0; i < 1'000; ++i) {
    ASSERT_EQ(Submit(Signed(kDay1, fmt::format("c{}", i), kDay1 + 1)), Reason::kUnspecified);
  }
  EXPECT_EQ(Submit(Signed(kDay1, "more", kDay1 + 1)), Reason::kAccountLimit);
  EXPECT_EQ(Submit(Ended(kDay1, "c0")), Reason::kUnspecified);
  EXPECT_EQ(Submit(Signed(kDay1, "more", kDay1 + 1)), Reason::kUnspecified);
}

TEST_F(Relation, KeepsItsContractsInTheStoredState) {
  ASSERT_EQ(Submit(Signed(kDay1, "c", kDay1 + 1)), Reason::kUnspecified);
  const auto decoded = DecodeState(EncodeState(ledger_.state()));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_TRUE(*decoded == ledger_.state());
  EXPECT_EQ(decoded->contracts.size(), 1u);
}

TEST_F(Relation, IsNotReferredByItself) {
  Fact referral{{}, kDay1};
  referral.event.mutable_referral_recorded()->set_lead_source("referral");
  referral.event.mutable_referral_recorded()->set_referrer_account_id("acme");
  EXPECT_EQ(Submit(referral), Reason::kInvalidField);
  referral.event.mutable_referral_recorded()->set_referrer_account_id("other");
  EXPECT_EQ(Submit(referral), Reason::kUnspecified);
}

TEST_F(Relation, OfAClosedAccountTakesNoNewTies) {
  ASSERT_EQ(Submit(Signed(kDay1, "c", kDay1 + 1)), Reason::kUnspecified);
  Fact closed{{}, kDay1};
  closed.event.mutable_account_closed()->set_reason("moved");
  ASSERT_EQ(Submit(closed), Reason::kUnspecified);
  Fact joined{{}, kDay1};
  joined.event.mutable_club_joined()->set_club_id("gold");
  EXPECT_EQ(Submit(joined), Reason::kAccountClosed);
  EXPECT_EQ(Submit(Signed(kDay1, "d", kDay1 + 1)), Reason::kAccountClosed);
  EXPECT_EQ(Submit(Ended(kDay1, "c")), Reason::kUnspecified) << "what ends, ends";
  Fact move{{}, kDay1};
  move.event.mutable_competitor_move_observed()->set_competitor("Rival");
  move.event.mutable_competitor_move_observed()->set_kind(events::v1::COMPETITOR_MOVE_KIND_WON);
  EXPECT_EQ(Submit(move), Reason::kUnspecified) << "what is observed can be told";
}

TEST(EvolveRelation, CallsAContractThatDoesNotFitADamagedLog) {
  AccountLedger ledger{Head()};
  ASSERT_TRUE(ledger.Submit({AccountLedger::Open(kDay1)}).ok());
  AccountState state = ledger.state();
  EXPECT_EQ(ReasonOf(Evolve(state, Ended(kDay1, "c").event, kDay1)), Reason::kStoreDamaged);
}

}  // namespace
}  // namespace keyledger::domain

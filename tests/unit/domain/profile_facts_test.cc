// What is known of an account as a partner: the shape of the facts, and scores, which become declared facts.
#include <fmt/format.h>

#include "tests/unit/domain/account_ledger.h"
#include "tests/unit/domain/fact_fields.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;

const Micros kDay1 = At("2026-01-01");

TEST(ProfileShape, OfPlacedContactsAndNeedsIsChecked) {
  Event placed;
  placed.mutable_contact_placed();
  EXPECT_EQ(RefusedFields(placed), (FieldNames{"contact_id", "post"}));
  placed.mutable_contact_placed()->set_contact_id("buyer-1");
  placed.mutable_contact_placed()->set_post("purchasing");
  placed.mutable_contact_placed()->set_rank(9);
  EXPECT_EQ(RefusedFields(placed), FieldNames{});
  placed.mutable_contact_placed()->set_post("Head of purchasing");
  placed.mutable_contact_placed()->set_rank(10);
  EXPECT_EQ(RefusedFields(placed), (FieldNames{"post", "rank"}));

  Event need;
  auto& stated = *need.mutable_need_stated();
  EXPECT_EQ(RefusedFields(need), (FieldNames{"need_id", "description"}));
  stated.set_need_id("n-1");
  stated.set_description(std::string(1'024, 'd'));
  stated.set_purpose("daily_reception");
  stated.set_quantity(1'000'000'000);
  EXPECT_EQ(RefusedFields(need), FieldNames{});
  stated.set_category(std::string(65, 'c'));
  stated.set_description(std::string(1'025, 'd'));
  stated.set_purpose("Daily");
  stated.set_quantity(-1);
  stated.mutable_wanted_time()->set_nanos(1);
  EXPECT_EQ(RefusedFields(need), (FieldNames{"category", "description", "purpose", "quantity", "wanted_time"}));
}

TEST(ProfileShape, OfSignalsPositionsAndValuesIsChecked) {
  Event signal;
  auto& observed = *signal.mutable_signal_observed();
  EXPECT_EQ(RefusedFields(signal), (FieldNames{"kind", "description"}));
  observed.set_kind("regulation");
  observed.set_description("a new law");
  observed.set_strength(100);
  EXPECT_EQ(RefusedFields(signal), FieldNames{});
  observed.set_strength(101);
  observed.set_direction(static_cast<events::v1::SignalDirection>(3));
  observed.set_source(std::string(513, 's'));
  EXPECT_EQ(RefusedFields(signal), (FieldNames{"source", "direction", "strength"}));

  Event position;
  position.mutable_position_stated();
  EXPECT_EQ(RefusedFields(position), FieldNames{"level"});
  position.mutable_position_stated()->set_level(events::v1::POSITION_LEVEL_BUSINESS);
  position.mutable_position_stated()->set_years_ahead(10);
  EXPECT_EQ(RefusedFields(position), FieldNames{});
  position.mutable_position_stated()->set_years_ahead(11);
  EXPECT_EQ(RefusedFields(position), FieldNames{"years_ahead"});

  Event asset;
  asset.mutable_asset_valued();
  EXPECT_EQ(RefusedFields(asset), FieldNames{"value"});
  asset.mutable_asset_valued()->mutable_value()->set_currency_code("USD");
  EXPECT_EQ(RefusedFields(asset), FieldNames{}) << "nothing is a value";
  asset.mutable_asset_valued()->mutable_value()->set_micros(-1);
  asset.mutable_asset_valued()->set_condition("not sound");
  EXPECT_EQ(RefusedFields(asset), (FieldNames{"value.micros", "condition"}));
}

TEST(ProfileShape, OfImportantDaysIsThatOfDaysThatThereAre) {
  Event event;
  auto& stated = *event.mutable_important_day_stated();
  EXPECT_EQ(RefusedFields(event), (FieldNames{"day_id", "month", "day"}));
  stated.set_day_id("foundation");
  stated.set_month(2);
  stated.set_day(29);
  EXPECT_EQ(RefusedFields(event), FieldNames{}) << "of every year";
  stated.set_year(2027);
  EXPECT_EQ(RefusedFields(event), FieldNames{"day"});
  stated.set_year(2028);
  EXPECT_EQ(RefusedFields(event), FieldNames{});
  stated.set_year(10'000);
  stated.set_month(13);
  EXPECT_EQ(RefusedFields(event), (FieldNames{"year", "month"}));
  event.mutable_important_day_stated()->Clear();
  stated.set_day_id(std::string(64, 'd'));
  stated.set_removed(true);
  EXPECT_EQ(RefusedFields(event), FieldNames{}) << "what matters no more need not be said again";
}

TEST(ProfileShape, OfTendersEvaluationsAdaptationsAndCessionsIsChecked) {
  Event list;
  list.mutable_tender_list_stated()->set_issuer(std::string(257, 'i'));
  EXPECT_EQ(RefusedFields(list), (FieldNames{"list_id", "issuer"}));
  list.mutable_tender_list_stated()->set_list_id("city");
  list.mutable_tender_list_stated()->clear_issuer();
  EXPECT_EQ(RefusedFields(list), FieldNames{}) << "we are not on it";

  Event evaluation;
  evaluation.mutable_evaluation_recorded();
  EXPECT_EQ(RefusedFields(evaluation), (FieldNames{"aspect", "result"}));
  evaluation.mutable_evaluation_recorded()->set_aspect("quality");
  evaluation.mutable_evaluation_recorded()->set_result(events::v1::EVALUATION_RESULT_CONDITIONAL);
  EXPECT_EQ(RefusedFields(evaluation), FieldNames{});

  Event adaptation;
  adaptation.mutable_adaptation_recorded();
  EXPECT_EQ(RefusedFields(adaptation), (FieldNames{"kind", "description"}));
  adaptation.mutable_adaptation_recorded()->set_kind(events::v1::ADAPTATION_KIND_PROCESS);
  adaptation.mutable_adaptation_recorded()->set_description("ships on pallets of ours");
  EXPECT_EQ(RefusedFields(adaptation), FieldNames{});

  Event ceded;
  ceded.mutable_account_ceded();
  EXPECT_EQ(RefusedFields(ceded), (FieldNames{"reason", "person"}));
  ceded.mutable_account_ceded()->set_reason("too small for two");
  ceded.mutable_account_ceded()->set_person("gm-1");
  EXPECT_EQ(RefusedFields(ceded), FieldNames{});
}

Fact Scored(Micros at, const std::string& id, int64_t value) {
  Fact fact{{}, at};
  fact.event.mutable_score_stated()->set_score_id(id);
  fact.event.mutable_score_stated()->set_value(value);
  return fact;
}

TEST(ProfileShape, OfScoresIsChecked) {
  EXPECT_EQ(RefusedFields(Scored(kDay1, "", 0).event), FieldNames{"score_id"});
  for (const int64_t fits : {-1'000'000, 1'000'000}) {
    EXPECT_EQ(RefusedFields(Scored(kDay1, "strategic_score", fits).event), FieldNames{});
  }
  for (const int64_t wrong : {-1'000'001, 1'000'001}) {
    EXPECT_EQ(RefusedFields(Scored(kDay1, "strategic_score", wrong).event), FieldNames{"value"});
  }
}

TEST(Score, IsADeclaredFactThatRulesAskFor) {
  AccountLedger ledger(Head() + R"(tier_ladder:
  ladder_id: key
  metric: net_spend
  window: {lifetime: true}
  review_period: year
  tiers:
    - tier_id: base
    - tier_id: strategic
      entrance_rule: {any_of: [{all_of: [{metric: fact, fact_key: strategic_score, at_least: 80}]}]}
)");
  ASSERT_TRUE(ledger.Submit({AccountLedger::Open(kDay1)}).ok());
  auto recorded = ledger.Submit({Scored(kDay1, "strategic_score", 79)});
  ASSERT_TRUE(recorded.ok()) << recorded.status();
  EXPECT_EQ(AccountLedger::Kinds(*recorded), "score_stated");
  EXPECT_EQ(ledger.state().facts.at("strategic_score"), "79");
  recorded = ledger.Submit({Scored(kDay1 - 1, "strategic_score", 80)});
  ASSERT_TRUE(recorded.ok()) << recorded.status();
  EXPECT_EQ(AccountLedger::Kinds(*recorded), "score_stated tier_assigned") << "a late one replaces it, too";
  EXPECT_EQ(ledger.state().tier.tier_id, "strategic");
}

TEST(Score, CountsAmongTheFactsThatAnAccountHolds) {
  AccountLedger ledger{Head()};
  ASSERT_TRUE(ledger.Submit({AccountLedger::Open(kDay1)}).ok());
  for (int i = 0; i < 256; ++i) {
    ASSERT_TRUE(ledger.Submit({Declare(kDay1, fmt::format("fact_{}", i), "1")}).ok()) << i;
  }
  EXPECT_EQ(ReasonOf(ledger.Submit({Scored(kDay1, "one_more", 1)}).status()), Reason::kAccountLimit);
  EXPECT_TRUE(ledger.Submit({Scored(kDay1, "fact_7", -5)}).ok());
  EXPECT_EQ(ledger.state().facts.at("fact_7"), "-5");
}

}  // namespace
}  // namespace keyledger::domain

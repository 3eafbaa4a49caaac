// Market prices: what is kept of them, and prices of purchases held against their average.
#include "tests/unit/domain/conduct_facts.h"

namespace keyledger::domain {
namespace {

using L = AccountLedger;
using Strings = std::vector<std::string>;

const Micros kDay = At("2024-06-15");

std::string Market(const std::string& more = "window_days: 30", const std::string& on_breach = "refuse") {
  return Limits("- {limit_id: market, on_breach: " + on_breach + ", market_price: {" + more + "}}\n");
}

L Opened(const std::string& yaml, const std::string& region = "") {
  L ledger(yaml);
  EXPECT_TRUE(ledger.Submit({L::Open(At("2020-01-01"), region)}).ok());
  return ledger;
}

size_t Kept(const L& ledger) {
  size_t kept = 0;
  for (const auto& [sku, prices] : ledger.state().market_prices) kept += prices.size();
  return kept;
}

TEST(MarketPriceLimits, AllowTheAverageItselfExactly) {
  L ledger = Opened(Market());
  ASSERT_EQ(Verdict(ledger.Submit({MarketPriceSeen(kDay, 10'000'000), MarketPriceSeen(kDay, 10'010'000)})), "ok");
  EXPECT_EQ(Verdict(ledger.Submit({Sale(kDay, 2, 20'010'000)})), "ok") << "10.005 a unit";
  const auto above = ledger.Submit({Sale(kDay, 2, 20'010'001)});
  EXPECT_EQ(Verdict(above),
            "exceeded rule=limits.market;program=test version 1;limit=10005000;requested=10005001;line_number=1;"
            "observations=2;");
  EXPECT_EQ(MessageOf(above.status()),
            "events[0]: line 1 charges 10.005001 USD for a unit of 'tea'; by 2 prices observed it may be 10.005 USD "
            "(limits.market of program test version 1)");
}

TEST(MarketPriceLimits, CompareWithoutRounding) {
  L ledger = Opened(Market());
  ASSERT_EQ(Verdict(ledger.Submit({MarketPriceSeen(kDay, 1), MarketPriceSeen(kDay, 1), MarketPriceSeen(kDay, 2)})),
            "ok");
  EXPECT_EQ(Verdict(ledger.Submit({Sale(kDay, 3, 4)})), "ok") << "four thirds of a micro, as observed";
  EXPECT_EQ(Verdict(ledger.Submit({Sale(kDay, 3, 5)})),
            "exceeded rule=limits.market;program=test version 1;limit=1;requested=2;line_number=1;observations=3;");
  EXPECT_EQ(Verdict(ledger.Submit({Sale(kDay, 1'000'000'000, 1'333'333'333)})), "ok");
  EXPECT_EQ(Verdict(ledger.Submit({Sale(kDay, 1'000'000'000, 1'333'333'334)})).substr(0, 8), "exceeded");
}

TEST(MarketPriceLimits, AllowAShareOfTheAverage) {
  L ledger = Opened(Market("window_days: 30, max_percent_milli: 90500", "flag"));
  ASSERT_EQ(Verdict(ledger.Submit({MarketPriceSeen(kDay, 10'000'000)})), "ok");
  EXPECT_EQ(FlagsOf(ledger.Submit({Sale(kDay, 1, 9'050'000)})), Strings{});
  EXPECT_EQ(FlagsOf(ledger.Submit({Sale(kDay, 1, 9'050'001)})),
            Strings{"market LIMIT_MEASURE_UNIT_PRICE_MICROS 9050001>9050000 of 3 line 1 observations 1"});
}

TEST(MarketPriceLimits, FlagEachLineAndEarnAsEver) {
  L ledger = Opened(Market("window_days: 30", "flag") +
                    "accrual_rules:\n- {rule_id: base, per_money: {points: 1, per_micros: 1000000}}\n");
  ASSERT_EQ(Verdict(ledger.Submit({MarketPriceSeen(kDay, 10 * kUnit), MarketPriceSeen(kDay, 3 * kUnit, "cup")})), "ok");
  Fact sale = L::Buy(kDay, {{11 * kUnit}, {3 * kUnit}, {8 * kUnit, 2}, {99 * kUnit}});
  for (const auto& [line, sku] : {std::pair(0, "tea"), std::pair(1, "cup"), std::pair(2, "cup")}) {
    sale.event.mutable_purchase_recorded()->mutable_lines(line)->set_sku(sku);
  }
  const auto events = ledger.Submit({sale});
  EXPECT_EQ(FlagsOf(events),
            (Strings{"market LIMIT_MEASURE_UNIT_PRICE_MICROS 11000000>10000000 of 3 line 1 observations 1",
                     "market LIMIT_MEASURE_UNIT_PRICE_MICROS 4000000>3000000 of 3 line 3 observations 1"}))
      << "a line without an article is within the limit";
  EXPECT_EQ(L::Kinds(*events), "purchase_recorded compliance_flagged compliance_flagged points_accrued");
  EXPECT_EQ(ledger.state().available_points(), 121);
}

TEST(MarketPriceLimits, TakePricesOfTheRegionAndOfThoseAboveIt) {
  L ledger = Opened(Market(), "CN/31");
  ASSERT_EQ(
      Verdict(ledger.Submit({MarketPriceSeen(kDay, 10, "tea", "CN/31/Shanghai"), MarketPriceSeen(kDay, 20, "tea"),
                             MarketPriceSeen(kDay, 60, "tea", "CN"), MarketPriceSeen(kDay, 1000, "tea", "CN/3")})),
      "ok");
  const auto allowed = [&](const std::string& region) {
    const auto result = ledger.Submit({Sale(kDay, 1, 900, "tea", region)});
    for (const auto& [key, value] : MetadataOf(result.status())) {
      if (key == "limit") return value;
    }
    return std::string("any");
  };
  EXPECT_EQ(allowed("CN/31/Shanghai"), "30") << "all three";
  EXPECT_EQ(allowed("CN/31"), "40") << "not what was seen in a part of it";
  EXPECT_EQ(allowed(""), "40") << "the account's region";
  EXPECT_EQ(allowed("CN/32"), "60") << "what was seen in the country";
  EXPECT_EQ(allowed("DE"), "any");
}

TEST(MarketPriceLimits, TakePricesOfTheWindowOnly) {
  L ledger = Opened(Market("window_days: 10"));
  const auto is_held = [&](Micros seen) {
    L fresh = ledger;
    EXPECT_EQ(Verdict(fresh.Submit({MarketPriceSeen(seen, 1)})), "ok");
    return Verdict(fresh.Submit({Sale(At("2024-06-15T12:00:00Z"), 1, 2)})) != "ok";
  };
  EXPECT_FALSE(is_held(At("2024-06-05T11:59:59.999999Z")));
  EXPECT_TRUE(is_held(At("2024-06-05T12:00:00Z")));
  EXPECT_TRUE(is_held(At("2024-06-15T12:00:00Z")));
  EXPECT_FALSE(is_held(At("2024-06-15T12:00:00.000001Z"))) << "seen after the purchase, which came late";
}

TEST(MarketPriceLimits, WaitForEnoughObservationsInTheCurrencyOfTheLine) {
  L ledger = Opened(Market("window_days: 30, min_observations: 2"));
  ASSERT_EQ(Verdict(ledger.Submit({MarketPriceSeen(kDay, 1, "tea", "", "EUR"), MarketPriceSeen(kDay, 1)})), "ok");
  EXPECT_EQ(Verdict(ledger.Submit({Sale(kDay, 1, 2)})), "ok") << "one in dollars";
  ASSERT_EQ(Verdict(ledger.Submit({MarketPriceSeen(kDay, 1)})), "ok");
  EXPECT_EQ(Verdict(ledger.Submit({Sale(kDay, 1, 2)})).substr(0, 8), "exceeded");
  EXPECT_EQ(Verdict(ledger.Submit({Sale(kDay, 1, 2, "tea", "", "EUR")})), "ok");
  ASSERT_EQ(Verdict(ledger.Submit({MarketPriceSeen(kDay, 1, "tea", "", "EUR")})), "ok");
  EXPECT_EQ(Verdict(ledger.Submit({Sale(kDay, 1, 2, "tea", "", "EUR")})).substr(0, 8), "exceeded")
      << "also in a currency that is not the program's";
}

TEST(MarketPriceLimits, StandTheLargestNumbers) {
  L ledger = Opened(Market("window_days: 366, max_percent_milli: 1000000"));
  const int64_t most = 9'000'000'000'000'000;
  ASSERT_EQ(Verdict(ledger.Submit(std::vector<Fact>(1000, MarketPriceSeen(kDay, most)))), "ok");
  EXPECT_EQ(Verdict(ledger.Submit({Sale(kDay, 1'000'000'000, most)})), "ok");
  EXPECT_EQ(Verdict(ledger.Submit({Sale(kDay, 1, most)})), "ok");
  L low = Opened(Market("window_days: 366, max_percent_milli: 1"));
  ASSERT_EQ(Verdict(low.Submit(std::vector<Fact>(1000, MarketPriceSeen(kDay, most)))), "ok");
  EXPECT_EQ(Verdict(low.Submit({Sale(kDay, 1, 90'000'000'000)})), "ok");
  EXPECT_EQ(Verdict(low.Submit({Sale(kDay, 1, 90'000'000'001)})),
            "exceeded rule=limits.market;program=test version 1;limit=90000000000;requested=90000000001;"
            "line_number=1;observations=1000;");
}

TEST(MarketPrices, AreKeptInTheOrderInWhichTheyWereSeen) {
  L ledger = Opened(Head());
  ASSERT_EQ(Verdict(ledger.Submit({MarketPriceSeen(kDay + 2, 3), MarketPriceSeen(kDay, 1), MarketPriceSeen(kDay, 2)})),
            "ok");
  const auto& prices = ledger.state().market_prices.at("tea");
  ASSERT_EQ(prices.size(), 3u);
  EXPECT_EQ(prices[0], (MarketPrice{2, kDay, 1, "USD", ""}));
  EXPECT_EQ(prices[1], (MarketPrice{3, kDay, 2, "USD", ""}));
  EXPECT_EQ(prices[2], (MarketPrice{1, kDay + 2, 3, "USD", ""}));
}

TEST(MarketPrices, AreTheLatestThousandOfAllArticles) {
  L ledger = Opened(Head());
  std::vector<Fact> seen;
  for (int i = 0; i < 1000; ++i) seen.push_back(MarketPriceSeen(kDay + i, 1 + i, i % 2 == 0 ? "tea" : "cup"));
  ASSERT_EQ(Verdict(ledger.Submit(seen)), "ok");
  EXPECT_EQ(Kept(ledger), 1000u);
  ASSERT_EQ(Verdict(ledger.Submit({MarketPriceSeen(kDay + 1000, 1, "pot")})), "ok");
  EXPECT_EQ(Kept(ledger), 1000u);
  EXPECT_EQ(ledger.state().market_prices.at("tea").front().micros, 3) << "the oldest has gone";
  EXPECT_EQ(ledger.state().market_prices.at("cup").front().micros, 2);
  ASSERT_EQ(Verdict(ledger.Submit({MarketPriceSeen(kDay, 1, "late")})), "ok");
  EXPECT_FALSE(ledger.state().market_prices.contains("late")) << "one that comes late may be the oldest itself";
  EXPECT_EQ(Kept(ledger), 1000u);
}

TEST(MarketPrices, OlderThan366DaysAreDropped) {
  L ledger = Opened(Head());
  ASSERT_EQ(Verdict(ledger.Submit({MarketPriceSeen(kDay, 1, "tea"), MarketPriceSeen(kDay + 1, 2, "cup")})), "ok");
  ASSERT_EQ(Verdict(ledger.Submit({MarketPriceSeen(kDay + 366 * kMicrosPerDay, 3)})), "ok");
  EXPECT_EQ(Kept(ledger), 3u);
  ASSERT_EQ(Verdict(ledger.Submit({MarketPriceSeen(kDay + 366 * kMicrosPerDay + 2, 4)})), "ok");
  EXPECT_EQ(Kept(ledger), 2u);
  EXPECT_FALSE(ledger.state().market_prices.contains("cup"));
  ASSERT_EQ(Verdict(ledger.Submit({MarketPriceSeen(kDay, 1, "cup")})), "ok");
  EXPECT_EQ(Kept(ledger), 2u) << "one that comes too late is not kept at all";
}

TEST(MarketPrices, OlderThan366DaysCountForNothingWhetherDroppedOrNot) {
  L ledger = Opened(Market("window_days: 366"));
  ASSERT_EQ(Verdict(ledger.Submit({MarketPriceSeen(kDay, 1)})), "ok");
  ASSERT_EQ(Verdict(ledger.Submit({L::Adjust(kDay + 366 * kMicrosPerDay + 1, 1)})), "ok");
  ASSERT_EQ(Kept(ledger), 1u) << "nothing was observed since";
  EXPECT_EQ(Verdict(ledger.Submit({Sale(kDay + 10, 1, 2)})), "ok");
}

TEST(ComplianceFlags, OfFactsYetToComeDoNotFold) {
  L ledger = Opened(Head());
  AccountState state = ledger.state();
  events::v1::Event event;
  event.mutable_compliance_flagged()->set_fact_revision(0);
  EXPECT_TRUE(Evolve(state, event, kDay).ok());
  event.mutable_compliance_flagged()->set_fact_revision(2);
  EXPECT_EQ(ReasonOf(Evolve(state, event, kDay)), Reason::kStoreDamaged);
}

}  // namespace
}  // namespace keyledger::domain

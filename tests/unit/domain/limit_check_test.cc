// What is wrong with limits of a program, what is doubtful, and the shape of the facts held against them.
#include <algorithm>

#include "tests/unit/domain/conduct_facts.h"

namespace keyledger::domain {
namespace {

using Strings = std::vector<std::string>;

const Micros kDay = At("2024-01-10");

// Paths of the mistakes in a program, in the order of the alphabet.
Strings Paths(const std::string& yaml) {
  Strings paths;
  for (const auto& finding : ParseProgramYaml(yaml).findings) paths.push_back(finding.path);
  std::sort(paths.begin(), paths.end());
  return paths;
}

// The same for one limit, without "limits[0]".
Strings Mistakes(const std::string& limit) {
  Strings mistakes;
  for (const std::string& path : Paths(Limits("- {limit_id: l, " + limit + "}\n"))) {
    mistakes.push_back(path.size() > 10 ? path.substr(10) : path);
  }
  return mistakes;
}

// "path: message" of each warning.
Strings Warnings(const std::string& limits) {
  const ParsedProgram parsed = ParseProgramYaml(Limits(limits));
  EXPECT_TRUE(parsed.findings.empty()) << parsed.findings[0].path << " " << parsed.findings[0].message;
  Strings found;
  for (const auto& one : parsed.warnings) found.push_back(one.path + ": " + one.message);
  return found;
}

TEST(LimitCheck, ReportsEveryMistakeWithItsPath) {
  const std::string yaml = Limits(
      "- {limit_id: Gifts, tier_ids: [gold], gifts: {period: month}}\n"
      "- {limit_id: a, discounts: {}}\n"
      "- {limit_id: a, commissions: {names: [x], max_times: 0, max_micros: -1}}\n"
      "- {limit_id: b}\n"
      "- {limit_id: c, market_price: {window_days: 0, min_observations: 0, max_percent_milli: 0}}\n"
      "- {limit_id: d, services: {names: [\"\"], prohibited: true, period: year, max_times: 1, max_micros: 1}}\n");
  EXPECT_EQ(Paths(yaml),
            (Strings{"limits[0].gifts", "limits[0].limit_id", "limits[0].tier_ids", "limits[1].discounts.authorities",
                     "limits[2].commissions.max_micros", "limits[2].commissions.max_times",
                     "limits[2].commissions.names", "limits[2].commissions.period", "limits[2].limit_id", "limits[3]",
                     "limits[4].market_price.max_percent_milli", "limits[4].market_price.min_observations",
                     "limits[4].market_price.window_days", "limits[5].services.max_micros",
                     "limits[5].services.max_times", "limits[5].services.names[0]", "limits[5].services.period"}));
}

TEST(LimitCheck, HoldsTheLimitsOfNumbers) {
  const Strings none;
  EXPECT_EQ(Mistakes("gifts: {period: month, max_times: 1}"), none);
  EXPECT_EQ(Mistakes("gifts: {period: month, max_times: 1000000}"), none);
  EXPECT_EQ(Mistakes("gifts: {period: month, max_times: 1000001}"), Strings{"gifts.max_times"});
  EXPECT_EQ(Mistakes("gifts: {period: month, max_micros: 0}"), none);
  EXPECT_EQ(Mistakes("gifts: {period: month, max_micros: 9000000000000000}"), none);
  EXPECT_EQ(Mistakes("gifts: {period: month, max_micros: 9000000000000001}"), Strings{"gifts.max_micros"});
  EXPECT_EQ(Mistakes("market_price: {window_days: 1, min_observations: 1, max_percent_milli: 1}"), none);
  EXPECT_EQ(Mistakes("market_price: {window_days: 366, min_observations: 1000, max_percent_milli: 1000000}"), none);
  EXPECT_EQ(Mistakes("market_price: {window_days: 367, min_observations: 1001, max_percent_milli: 1000001}"),
            (Strings{"market_price.max_percent_milli", "market_price.min_observations", "market_price.window_days"}));
  const auto authority = [](const std::string& percent) {
    return Mistakes("discounts: {authorities: [{role: seller, max_percent_milli: " + percent + "}]}");
  };
  EXPECT_EQ(authority("-1"), Strings{"discounts.authorities[0].max_percent_milli"});
  EXPECT_EQ(authority("0"), none);
  EXPECT_EQ(authority("100000"), none);
  EXPECT_EQ(authority("100001"), Strings{"discounts.authorities[0].max_percent_milli"});
}

TEST(LimitCheck, HoldsTheLimitsOfLists) {
  const auto listed = [](int count, const std::string& entry) {
    std::string text;
    for (int i = 0; i < count; ++i) text += (i == 0 ? "" : ", ") + fmt::format(fmt::runtime(entry), i);
    return text;
  };
  const auto names = [&](int count) {
    return Mistakes("gifts: {prohibited: true, names: [" + listed(count, "n{}") + "]}");
  };
  EXPECT_EQ(names(100), Strings{});
  EXPECT_EQ(names(101), Strings{"gifts.names"});
  EXPECT_EQ(Mistakes("gifts: {prohibited: true, names: [" + std::string(64, 'n') + "]}"), Strings{});
  EXPECT_EQ(Mistakes("gifts: {prohibited: true, names: [" + std::string(65, 'n') + "]}"), Strings{"gifts.names[0]"});
  const auto roles = [&](int count) {
    return Mistakes("discounts: {authorities: [" + listed(count, "{{role: r{}, max_percent_milli: 1}}") + "]}");
  };
  EXPECT_EQ(roles(100), Strings{});
  EXPECT_EQ(roles(101), Strings{"discounts.authorities"});
  EXPECT_EQ(Mistakes("discounts: {authorities: [{role: r}, {role: r}]}"), Strings{"discounts.authorities[1].role"});
  const auto limits = [&](int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += fmt::format("- {{limit_id: l{}, gifts: {{prohibited: true}}}}\n", i);
    return Paths(Limits(text));
  };
  EXPECT_EQ(limits(100), Strings{});
  EXPECT_EQ(limits(101), Strings{"limits"});
}

TEST(LimitCheck, KnowsTheTiersOfTheLadder) {
  const auto tiers = [](const std::string& ids) {
    return Paths(Limits("- {limit_id: l, tier_ids: [" + ids + "], services: {prohibited: true}}\n") +
                 "tier_ladder:\n  ladder_id: classes\n  metric: gross_spend\n  window: {lifetime: true}\n"
                 "  review_period: year\n  tiers:\n  - {tier_id: c}\n  - {tier_id: b, entrance: 1}\n");
  };
  EXPECT_EQ(tiers("c, b"), Strings{});
  EXPECT_EQ(tiers("c, a"), Strings{"limits[0].tier_ids[1]"});
  EXPECT_EQ(tiers("c, c"), Strings{"limits[0].tier_ids[1]"});
}

TEST(LimitWarnings, AreNoneWhereEachLimitAddsSomething) {
  EXPECT_EQ(Warnings("- {limit_id: a, gifts: {scope: contact, period: month, max_times: 2}}\n"
                     "- {limit_id: b, gifts: {period: month, max_times: 3}}\n"
                     "- {limit_id: c, gifts: {period: year, max_times: 3}}\n"
                     "- {limit_id: d, gifts: {names: [wine], period: month, max_times: 1}}\n"
                     "- {limit_id: e, commissions: {period: month, max_times: 3}}\n"
                     "- {limit_id: f, on_breach: flag, gifts: {period: month, max_times: 1}}\n"
                     "- {limit_id: g, gifts: {period: month, max_micros: 1}}\n"
                     "- {limit_id: h, market_price: {window_days: 30}}\n"
                     "- {limit_id: i, market_price: {window_days: 31}}\n"),
            Strings{});
}

TEST(LimitWarnings, TellOfLimitsThatAnotherMakesNeedless) {
  EXPECT_EQ(Warnings("- {limit_id: a, gifts: {scope: contact, period: month, max_times: 2}}\n"
                     "- {limit_id: b, gifts: {period: month, max_times: 2}}\n"),
            Strings{"limits[0]: adds nothing: what goes beyond it goes beyond 'b', too"});
  EXPECT_EQ(Warnings("- {limit_id: a, gifts: {prohibited: true}}\n"
                     "- {limit_id: b, on_breach: flag, gifts: {names: [wine], period: year, max_micros: 5}}\n"),
            Strings{"limits[1]: adds nothing: what goes beyond it goes beyond 'a', too"});
  EXPECT_EQ(Warnings("- {limit_id: a, discounts: {authorities: [{role: seller, max_percent_milli: 9}]}}\n"
                     "- {limit_id: b, discounts: {authorities: [{role: seller, max_percent_milli: 9}]}}\n"),
            Strings{"limits[1]: adds nothing: what goes beyond it goes beyond 'a', too"})
      << "of two that are the same, the later one";
  EXPECT_EQ(Warnings("- {limit_id: a, market_price: {window_days: 30, max_percent_milli: 100001}}\n"
                     "- {limit_id: b, market_price: {window_days: 30}}\n"),
            Strings{"limits[0]: adds nothing: what goes beyond it goes beyond 'b', too"});
}

// Paths of what is wrong with a fact, without "events[0]." and the fact's name.
Strings Fields(const Fact& fact) {
  const absl::Status status = ValidateFact(fact.event, "events[0]");
  EXPECT_TRUE(status.ok() || ReasonOf(status) == Reason::kInvalidField) << status;
  Strings fields;
  for (const auto& [path, what] : FieldsOf(status)) fields.push_back(path.substr(path.find('.', 10) + 1));
  return fields;
}

TEST(ConductShape, OfDiscountsIsChecked) {
  Fact fact{{}, kDay};
  auto* granted = fact.event.mutable_discount_granted();
  EXPECT_EQ(Fields(fact), (Strings{"percent_milli", "proposer_role", "proposer"}));
  fact = Discount(kDay, 100'000, "seller", {{"manager", "m1"}, {"manager", "m2"}});
  EXPECT_EQ(Fields(fact), Strings{});
  granted = fact.event.mutable_discount_granted();
  granted->set_percent_milli(100'001);
  granted->set_proposer_role("Seller");
  granted->set_subject(std::string(129, 's'));
  granted->set_reason(std::string(513, 'r'));
  granted->mutable_approvals(0)->set_approver("p1");
  granted->mutable_approvals(1)->set_role("");
  granted->add_approvals()->set_role("director");
  granted->mutable_approvals(2)->set_approver("m2");
  granted->add_approvals()->set_role("director");
  EXPECT_EQ(Fields(fact), (Strings{"percent_milli", "proposer_role", "subject", "reason", "approvals[0].approver",
                                   "approvals[1].role", "approvals[2].approver", "approvals[3].approver"}));
}

TEST(ConductShape, TakesTwentyApprovalsOfDifferentPeople) {
  std::vector<std::pair<std::string, std::string>> approvals;
  for (int i = 0; i < 20; ++i) approvals.emplace_back("manager", fmt::format("m{}", i));
  EXPECT_EQ(Fields(Discount(kDay, 1, "seller", approvals)), Strings{});
  approvals.emplace_back("manager", "m20");
  EXPECT_EQ(Fields(Discount(kDay, 1, "seller", approvals)), Strings{"approvals"});
}

TEST(ConductShape, SaysThatAProposerCannotConsentAndNobodyTwice) {
  const auto what = [](const std::string& first, const std::string& second) {
    const auto fields =
        FieldsOf(ValidateFact(Discount(kDay, 1, "seller", {{"a", first}, {"b", second}}).event, "events[0]"));
    return fields.size() == 1 ? fields[0].second : fmt::format("{} mistakes", fields.size());
  };
  EXPECT_EQ(what("m1", "p1"), "must be somebody else than the proposer");
  EXPECT_EQ(what("m1", "m1"), "'m1' is given twice");
}

TEST(ConductShape, OfWhatIsGivenIsChecked) {
  Fact gift{{}, kDay};
  gift.event.mutable_gift_given();
  EXPECT_EQ(Fields(gift), (Strings{"contact_id", "item", "quantity", "value"}));
  gift = Gift(kDay, 0, std::string(128, 'c'), std::string(64, 'i'));
  gift.event.mutable_gift_given()->set_quantity(1'000'000);
  EXPECT_EQ(Fields(gift), Strings{}) << "zero is a value";
  gift = Gift(kDay, -1, std::string(129, 'c'), std::string(65, 'i'), "usd");
  gift.event.mutable_gift_given()->set_quantity(1'000'001);
  gift.event.mutable_gift_given()->set_purpose(std::string(513, 'p'));
  EXPECT_EQ(Fields(gift),
            (Strings{"contact_id", "item", "quantity", "value.currency_code", "value.micros", "purpose"}));
  Fact commission{{}, kDay};
  commission.event.mutable_commission_paid();
  EXPECT_EQ(Fields(commission), (Strings{"contact_id", "amount"}));
  EXPECT_EQ(Fields(Commission(kDay, 0)), Strings{"amount.micros"});
  EXPECT_EQ(Fields(Commission(kDay, 1)), Strings{});
  EXPECT_EQ(Fields(Commission(kDay, 9'000'000'000'000'001)), Strings{"amount.micros"});
  Fact service{{}, kDay};
  service.event.mutable_service_provided();
  EXPECT_EQ(Fields(service), (Strings{"kind", "cost"}));
  EXPECT_EQ(Fields(Service(kDay, "visit", 0)), Strings{}) << "a contact is not required";
  service = Service(kDay, std::string(65, 'k'), -1, std::string(129, 'c'));
  service.event.mutable_service_provided()->set_description(std::string(513, 'd'));
  EXPECT_EQ(Fields(service), (Strings{"kind", "cost.micros", "contact_id", "description"}));
}

TEST(ConductShape, OfMarketPricesIsChecked) {
  Fact price{{}, kDay};
  price.event.mutable_market_price_observed();
  EXPECT_EQ(Fields(price), (Strings{"sku", "unit_price"}));
  EXPECT_EQ(Fields(MarketPriceSeen(kDay, 1, std::string(64, 's'), "CN/31")), Strings{});
  price = MarketPriceSeen(kDay, 0, std::string(65, 's'), "/CN");
  price.event.mutable_market_price_observed()->set_source(std::string(257, 's'));
  EXPECT_EQ(Fields(price), (Strings{"sku", "unit_price.micros", "region", "source"}));
}

}  // namespace
}  // namespace keyledger::domain

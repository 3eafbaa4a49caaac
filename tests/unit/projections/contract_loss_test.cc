// Renewals of contracts, and what fewer losses are worth, by hand.
#include <functional>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "projections/retention/contract_queries.h"
#include "projections/retention/loss_queries.h"
#include "projections/retention/retention_projection.h"
#include "server/base/error.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using ::testing::HasSubstr;
using testing::RecordLog;
using testing::Utc;

constexpr int64_t kUnit = 1'000'000;

// Contracts signed for a year.
class Contracts {
 public:
  void Sign(const std::string& id, const std::string& kind = "supply", Micros start = Utc(2020, 1, 1)) {
    auto* contract = Add(start)->mutable_contract_signed();
    contract->set_contract_id(id);
    contract->set_kind(kind);
    testing::SetTime(start, contract->mutable_start_time());
    testing::SetTime(start + 366 * kMicrosPerDay, contract->mutable_end_time());
  }
  void Renew(const std::string& id, Micros end, Micros at) {
    auto* renewed = Add(at)->mutable_contract_renewed();
    renewed->set_contract_id(id);
    testing::SetTime(end, renewed->mutable_end_time());
  }
  void End(const std::string& id, Micros at, events::v1::ContractEnding ending) {
    auto* ended = Add(at)->mutable_contract_ended();
    ended->set_contract_id(id);
    ended->set_ending(ending);
  }
  // 40, of which 10 are lost at the first renewal and 6 at the second.
  void AddMany() {
    for (int i = 0; i < 40; ++i) {
      const std::string id = "m" + std::to_string(i);
      Sign(id, "service");
      if (i < 10) continue;
      Renew(id, Utc(i < 16 ? 2022 : 2033, 1, 1), Utc(2020, 12, 1));
    }
  }
  absl::StatusOr<ContractTable> Get(Micros as_of, const ContractTerms& terms = {}) const {
    const auto rows = testing::FoldRows(RetentionProjection(), log_);
    RetentionScope scope;
    scope.as_of = as_of;
    return GetContractTable({rows.get()}, scope, terms);
  }

 private:
  events::v1::Event* Add(Micros at) { return log_.Add("a", at).mutable_event(); }
  RecordLog log_;
};

TEST(Contracts, AreCountedByTheRenewalsThatTheyCameTo) {
  Contracts contracts;
  contracts.AddMany();
  const auto table = contracts.Get(Utc(2022, 6, 1));
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->contracts, 40);
  EXPECT_EQ(table->young, 0);
  ASSERT_EQ(table->renewals.size(), 12u);
  EXPECT_EQ(table->renewals[0].renewal, 1);
  EXPECT_EQ(table->renewals[0].at_risk, 40);
  EXPECT_EQ(table->renewals[0].lost, 10);
  EXPECT_EQ(table->renewals[1].at_risk, 30);
  EXPECT_EQ(table->renewals[1].lost, 6);
  EXPECT_EQ(table->renewals[2].at_risk, 0);
  // b / (a + b), and with (b+1)/(a+b+1) the share that is left after two.
  const double a = table->fit.parameters.alpha;
  const double b = table->fit.parameters.beta;
  EXPECT_NEAR(table->renewals[0].retention, b / (a + b), 1e-12);
  EXPECT_NEAR(table->renewals[1].survival, b / (a + b) * (b + 1) / (a + b + 1), 1e-12);
}

// What one contract adds to the counts beside the many, as at_risk and lost of the first three renewals.
std::vector<int64_t> Adds(const std::function<void(Contracts&)>& add, Micros as_of, const std::string& kind = "") {
  Contracts without;
  without.AddMany();
  Contracts with = without;
  add(with);
  const auto before = without.Get(as_of);
  const auto after = with.Get(as_of, {.kind = kind});
  EXPECT_TRUE(before.ok() && after.ok()) << before.status() << after.status();
  if (!before.ok() || !after.ok()) return {};
  std::vector<int64_t> added{after->contracts - before->contracts, after->young - before->young};
  for (size_t i = 0; i < 3; ++i) {
    added.push_back(after->renewals[i].at_risk - before->renewals[i].at_risk);
    added.push_back(after->renewals[i].lost - before->renewals[i].lost);
  }
  return added;
}

using Counts = std::vector<int64_t>;

TEST(Contracts, AreLostAtTheFirstRenewalDueWhenTheyEnd) {
  const Micros as_of = Utc(2022, 6, 1);
  const auto ends = [&](Micros at, events::v1::ContractEnding ending) {
    return Adds(
        [&](Contracts& contracts) {
          contracts.Sign("x");
          contracts.Renew("x", Utc(2023, 1, 1), Utc(2020, 2, 1));
          contracts.End("x", at, ending);
        },
        as_of);
  };
  // contracts, young, then at_risk and lost of renewals 1, 2, 3.
  EXPECT_EQ(ends(Utc(2020, 5, 1), events::v1::CONTRACT_ENDING_CANCELLED), (Counts{1, 0, 1, 1, 0, 0, 0, 0}));
  EXPECT_EQ(ends(Utc(2021, 1, 1), events::v1::CONTRACT_ENDING_BREACHED), (Counts{1, 0, 1, 1, 0, 0, 0, 0}));
  EXPECT_EQ(ends(Utc(2021, 1, 1) + 1, events::v1::CONTRACT_ENDING_BREACHED), (Counts{1, 0, 1, 0, 1, 1, 0, 0}));
  // One that was replaced is no loss: it was renewed as often as a renewal was due.
  EXPECT_EQ(ends(Utc(2020, 5, 1), events::v1::CONTRACT_ENDING_SUPERSEDED), (Counts{1, 1, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(ends(Utc(2021, 5, 1), events::v1::CONTRACT_ENDING_SUPERSEDED), (Counts{1, 0, 1, 0, 0, 0, 0, 0}));
}

TEST(Contracts, RunUpToTheMomentAndNoLongerThanTheirTerm) {
  const auto runs = [](Micros as_of) { return Adds([](Contracts& contracts) { contracts.Sign("x"); }, as_of); };
  // The term of a year is over, and nobody has said that it was renewed.
  EXPECT_EQ(runs(Utc(2022, 6, 1)), (Counts{1, 0, 1, 1, 0, 0, 0, 0}));
  const auto renewed = [](Micros as_of) {
    return Adds(
        [](Contracts& contracts) {
          contracts.Sign("x");
          contracts.Renew("x", Utc(2025, 1, 1), Utc(2020, 2, 1));
        },
        as_of);
  };
  EXPECT_EQ(renewed(Utc(2022, 6, 1)), (Counts{1, 0, 1, 0, 1, 0, 0, 0}));
  EXPECT_EQ(renewed(Utc(2023, 1, 1)), (Counts{1, 0, 1, 0, 1, 0, 0, 0}));
  EXPECT_EQ(renewed(Utc(2023, 1, 1) + 1), (Counts{1, 0, 1, 0, 1, 0, 1, 0}));
}

TEST(Contracts, ThatEndBeforeTheirRenewalIsDueSayNothingOfItUntilThen) {
  const auto ends = [](Micros as_of) {
    return Adds(
        [](Contracts& contracts) {
          contracts.Sign("x");
          contracts.Renew("x", Utc(2025, 1, 1), Utc(2020, 2, 1));
          contracts.End("x", Utc(2022, 3, 1), events::v1::CONTRACT_ENDING_CANCELLED);
        },
        as_of);
  };
  // contracts, young, then at_risk and lost of renewals 1, 2, 3. The third is due on 2023-01-01.
  EXPECT_EQ(ends(Utc(2022, 6, 1)), (Counts{1, 0, 1, 0, 1, 0, 0, 0}));
  EXPECT_EQ(ends(Utc(2023, 1, 1)), (Counts{1, 0, 1, 0, 1, 0, 0, 0}));
  EXPECT_EQ(ends(Utc(2023, 1, 1) + 1), (Counts{1, 0, 1, 0, 1, 0, 1, 1}));
  const auto first_year = [](Micros as_of) {
    return Adds(
        [](Contracts& contracts) {
          contracts.Sign("x", "supply", Utc(2022, 1, 1));
          contracts.End("x", Utc(2022, 3, 1), events::v1::CONTRACT_ENDING_BREACHED);
        },
        as_of);
  };
  EXPECT_EQ(first_year(Utc(2022, 6, 1)), (Counts{1, 1, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(first_year(Utc(2023, 6, 1)), (Counts{1, 0, 1, 1, 0, 0, 0, 0}));
}

TEST(Contracts, GoByTheOrderInWhichTheirStepsWereRecorded) {
  const Micros as_of = Utc(2022, 6, 1);
  // Signed in March and, as was heard later, cancelled in February: it does not run to 2025.
  EXPECT_EQ(Adds(
                [](Contracts& contracts) {
                  contracts.Sign("x", "supply", Utc(2020, 3, 1));
                  contracts.Renew("x", Utc(2025, 1, 1), Utc(2020, 4, 1));
                  contracts.End("x", Utc(2020, 2, 20), events::v1::CONTRACT_ENDING_CANCELLED);
                },
                as_of),
            (Counts{1, 0, 1, 1, 0, 0, 0, 0}));
  // Ended in 2021 and signed again, as of 2020-02-01: two contracts, of which the second runs.
  EXPECT_EQ(Adds(
                [](Contracts& contracts) {
                  contracts.Sign("x");
                  contracts.Renew("x", Utc(2025, 1, 1), Utc(2020, 12, 1));
                  contracts.End("x", Utc(2021, 3, 1), events::v1::CONTRACT_ENDING_CANCELLED);
                  contracts.Sign("x", "supply", Utc(2020, 2, 1));
                  contracts.Renew("x", Utc(2025, 1, 1), Utc(2020, 12, 2));
                },
                as_of),
            (Counts{2, 0, 2, 0, 2, 1, 0, 0}));
}

TEST(Contracts, OfAnIdThatIsUsedAgainAreTwo) {
  EXPECT_EQ(Adds(
                [](Contracts& contracts) {
                  contracts.Sign("x");
                  contracts.End("x", Utc(2020, 3, 1), events::v1::CONTRACT_ENDING_CANCELLED);
                  contracts.Sign("x");
                },
                Utc(2022, 6, 1)),
            (Counts{2, 0, 2, 2, 0, 0, 0, 0}));
}

TEST(Contracts, OfOneKindAreCountedAlone) {
  EXPECT_EQ(Adds([](Contracts& contracts) { contracts.Sign("x", "rent"); }, Utc(2022, 6, 1), "service"),
            (Counts{0, 0, 0, 0, 0, 0, 0, 0}));
}

TEST(Contracts, ExpectNoEndOfRenewalsWhereTheSumHasNone) {
  Contracts contracts;
  contracts.AddMany();
  const auto table = contracts.Get(Utc(2022, 6, 1), {.horizon = 1});
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->renewals.size(), 1u);
  EXPECT_EQ(table->expected_renewals.has_value(), table->fit.parameters.alpha > 1);
  const auto discounted = contracts.Get(Utc(2022, 6, 1), {.discount = 0.1});
  ASSERT_TRUE(discounted.ok());
  EXPECT_GT(*discounted->expected_renewals, 0.75);
  EXPECT_LT(*discounted->expected_renewals, 10);
}

TEST(Contracts, ThatCarryNoFitAreCountedAllTheSame) {
  Contracts contracts;
  for (int i = 0; i < 29; ++i) contracts.Sign("c" + std::to_string(i));
  const auto few = contracts.Get(Utc(2022, 6, 1));
  ASSERT_TRUE(few.ok()) << few.status();
  EXPECT_THAT(few->model_note, HasSubstr("29 contracts with a renewal due are too few"));
  EXPECT_EQ(few->contracts, 29);
  EXPECT_EQ(few->young, 0);
  ASSERT_EQ(few->renewals.size(), 1u) << "nobody came to a second one";
  EXPECT_EQ(few->renewals[0].renewal, 1);
  EXPECT_EQ(few->renewals[0].at_risk, 29);
  EXPECT_EQ(few->renewals[0].lost, 29);
  EXPECT_FALSE(few->expected_renewals.has_value());
  contracts.Sign("one more");
  EXPECT_THAT(contracts.Get(Utc(2022, 6, 1))->model_note, HasSubstr("beyond the first renewal"));
  const auto young = contracts.Get(Utc(2020, 6, 1));
  ASSERT_TRUE(young.ok()) << young.status();
  EXPECT_THAT(young->model_note, HasSubstr("0 contracts with a renewal due"));
  EXPECT_EQ(young->young, 30);
  EXPECT_TRUE(young->renewals.empty());
}

// January: a, b, c, d for 100 each. February: a, b, c for 100, of which 60 are cost. March: a and e for 100.
RecordLog ThreeMonths() {
  RecordLog log;
  for (const char* id : {"a", "b", "c", "d"}) log.Purchase(id, Utc(2026, 1, 5), 100 * kUnit);
  for (const char* id : {"a", "b", "c"}) {
    auto* line = log.Add(id, Utc(2026, 2, 5)).mutable_event()->mutable_purchase_recorded()->add_lines();
    line->set_quantity(1);
    line->mutable_amount()->set_micros(100 * kUnit);
    line->mutable_amount()->set_currency_code("USD");
    line->mutable_cost()->set_micros(60 * kUnit);
    line->mutable_cost()->set_currency_code("USD");
  }
  for (const char* id : {"a", "e"}) log.Purchase(id, Utc(2026, 3, 5), 100 * kUnit);
  return log;
}

// Asked when the three months are over.
absl::StatusOr<LossEffect> Effect(const RecordLog& log, const LossTerms& terms,
                                  const RetentionScope& scope = {.as_of = Utc(2026, 4, 1)}) {
  const auto rows = testing::FoldRows(RetentionProjection(), log);
  return GetLossEffect({rows.get()}, scope, terms);
}

TEST(LossEffect, IsWorkedByHand) {
  // 7 were active before a later period, 4 of them stayed: 3 of 7 are lost. 9 active accounts of 100 each.
  const auto effect = Effect(ThreeMonths(), {.fewer = 0.5, .margin = 0.2, .discount = 0.25, .periods = 2});
  ASSERT_TRUE(effect.ok()) << effect.status();
  EXPECT_DOUBLE_EQ(effect->loss_rate, 3.0 / 7);
  EXPECT_DOUBLE_EQ(effect->reduced_loss_rate, 1.5 / 7);
  EXPECT_DOUBLE_EQ(effect->margin_micros, 20e6);
  // 20 (1 + 4/7 / 1.25) and 20 (1 + 5.5/7 / 1.25).
  EXPECT_NEAR(effect->value_micros, 29'142'857.142857, 1e-3);
  EXPECT_NEAR(effect->reduced_value_micros, 32'571'428.571429, 1e-3);
  EXPECT_EQ(effect->accounts, 2);
  EXPECT_NEAR(effect->gain_micros, 6'857'142.857143, 1e-3);
  EXPECT_NEAR(effect->gain_share, 3'428'571.428571 / 29'142'857.142857, 1e-12);
  EXPECT_EQ(effect->currency_code, "USD");
}

TEST(LossEffect, LeavesOutThePeriodThatRuns) {
  RecordLog log = ThreeMonths();
  log.Purchase("a", Utc(2026, 3, 1), 300 * kUnit);
  // Of the four of January three came back in February; who comes back in March is not known on the 2nd, nor on the
  // 5th, with which the data end.
  for (const Micros as_of : {Utc(2026, 3, 2), Utc(2026, 4, 1) - 1, std::numeric_limits<int64_t>::max()}) {
    SCOPED_TRACE(as_of);
    const auto effect = Effect(log, {.margin = 1.0, .periods = 1}, {.as_of = as_of});
    ASSERT_TRUE(effect.ok()) << effect.status();
    EXPECT_DOUBLE_EQ(effect->loss_rate, 1.0 / 4);
    EXPECT_DOUBLE_EQ(effect->margin_micros, 100e6) << "seven of 100 each";
    EXPECT_EQ(effect->accounts, 3) << "those of February";
  }
  // In March a bought for 400 and e for 100.
  const auto over = Effect(log, {.margin = 1.0, .periods = 1});
  ASSERT_TRUE(over.ok()) << over.status();
  EXPECT_DOUBLE_EQ(over->loss_rate, 3.0 / 7);
  EXPECT_DOUBLE_EQ(over->margin_micros, 1'200e6 / 9);
  EXPECT_EQ(over->accounts, 2);
  EXPECT_EQ(ReasonOf(Effect(log, {}, {.as_of = Utc(2026, 2, 28)}).status()), Reason::kForecastNotPossible)
      << "only January is over";
}

TEST(LossEffect, WithoutEndIsTheWholeSeries) {
  // 1 / (1 - 4/7) = 7/3, and with 5 % fewer losses 7/2.85.
  const auto effect = Effect(ThreeMonths(), {.margin = 1.0});
  ASSERT_TRUE(effect.ok());
  EXPECT_NEAR(effect->value_micros, 100e6 * 7 / 3, 1e-3);
  EXPECT_NEAR(effect->reduced_value_micros, 100e6 * 7 / 2.85, 1e-3);
  EXPECT_NEAR(effect->gain_share, 1 / 0.95 - 1, 1e-12);
}

TEST(LossEffect, MeasuresTheMarginWherePurchasesCarryCost) {
  const auto effect = Effect(ThreeMonths(), {});
  ASSERT_TRUE(effect.ok());
  EXPECT_NEAR(effect->margin_micros, 40e6, 1e-6);
  RecordLog log;
  log.Purchase("a", Utc(2026, 1, 1), kUnit);
  log.Purchase("b", Utc(2026, 2, 1), kUnit);
  const auto without = Effect(log, {});
  ASSERT_TRUE(without.ok());
  EXPECT_DOUBLE_EQ(without->margin_micros, 1e6);
  EXPECT_DOUBLE_EQ(without->loss_rate, 1);
}

TEST(LossEffect, RefusesAValueWithoutEndThatGrowsForEver) {
  RecordLog log;
  for (int month = 1; month <= 3; ++month) log.Purchase("a", Utc(2026, month, 1), kUnit);
  const auto endless = Effect(log, {});
  ASSERT_EQ(FieldsOf(endless.status()).size(), 1u);
  EXPECT_EQ(FieldsOf(endless.status())[0].first, "periods");
  const auto bounded = Effect(log, {.periods = 12});
  ASSERT_TRUE(bounded.ok());
  EXPECT_DOUBLE_EQ(bounded->value_micros, 12e6);
  EXPECT_DOUBLE_EQ(bounded->gain_share, 0);
  EXPECT_TRUE(Effect(log, {.discount = 0.1}).ok());
  // All losses avoided have no end either.
  EXPECT_EQ(ReasonOf(Effect(ThreeMonths(), {.fewer = 1}).status()), Reason::kInvalidField);
}

TEST(LossEffect, NeedsAPeriodAfterAnother) {
  for (const bool any : {false, true}) {
    RecordLog log;
    if (any) log.Purchase("a", Utc(2026, 1, 1), kUnit);
    EXPECT_EQ(ReasonOf(Effect(log, {}, {}).status()), Reason::kForecastNotPossible);
  }
}

}  // namespace
}  // namespace keyledger::projections

#include "projections/retention/risk_queries.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <utility>

#include "server/base/error.h"

namespace keyledger::projections {
namespace {

// An account with a finding.
struct Stake {
  uint32_t place = 0;
  double micros = 0;
};

// What an account would bring if it stays, and what is at stake of it.
struct Value {
  double p_alive = 0;
  double if_kept = 0;
  double at_stake = 0;
};

class Population {
 public:
  static absl::StatusOr<Population> Make(const std::vector<const store::TableReader*>& shards,
                                         const RetentionScope& scope, const RiskTerms& terms) {
    Population population(terms);
    KL_ASSIGN_OR_RETURN(population.buyers_, FindBuyers(shards, scope, 0));
    KL_ASSIGN_OR_RETURN(population.models_, FitModels(population.buyers_, scope.canceled));
    if (!population.models_.values.has_value()) {
      return MakeError(Reason::kForecastNotPossible,
                       "there is no model of values to rank accounts by: " + population.models_.value_note);
    }
    KL_ASSIGN_OR_RETURN(
        population.expectations_,
        Expect(population.models_.purchases.parameters, population.buyers_.histories,
               static_cast<double>(terms.forecast.horizon_days) / 7, terms.forecast.discount, scope.canceled));
    return population;
  }

  const Buyers& buyers() const { return buyers_; }

  absl::StatusOr<Value> ValueAt(uint32_t place) const {
    const Buyer& buyer = buyers_.accounts[place];
    const Expectation expectation = ExpectationOf(buyer, expectations_);
    KL_ASSIGN_OR_RETURN(const double spend, ExpectedSpendMicros(models_.values->parameters, buyer));
    Value value;
    value.p_alive = expectation.p_alive;
    // Of who is probably lost nothing is known if they stay.
    if (value.p_alive < kProbablyLostBelow) return value;
    value.if_kept = spend * terms_.forecast.margin * expectation.discounted / expectation.p_alive;
    value.at_stake = value.if_kept * (1 - value.p_alive);
    return value;
  }

  // Calls visit(place, history) for each buyer, by place.
  absl::Status Walk(const std::vector<const store::TableReader*>& shards, const RetentionScope& scope,
                    const std::function<absl::Status(uint32_t, const AccountHistory&)>& visit) const {
    uint32_t place = 0;
    HistoryScan scan(scope);
    return scan.Run(shards, [&](const AccountHistory& history) {
      return IsBuyer(history) ? visit(place++, history) : absl::OkStatus();
    });
  }

 private:
  explicit Population(const RiskTerms& terms) : terms_(terms) {}

  const RiskTerms& terms_;
  Buyers buyers_;
  ForecastModels models_;
  std::vector<Expectation> expectations_;
};

// All accounts with a finding, the highest value at stake first; ties by place. Those probably lost are only counted.
absl::StatusOr<std::vector<Stake>> FindStakes(const std::vector<const store::TableReader*>& shards,
                                              const RetentionScope& scope, const RiskTerms& terms,
                                              const Population& population, int64_t& probably_lost) {
  std::vector<Stake> stakes;
  KL_RETURN_IF_ERROR(population.Walk(shards, scope, [&](uint32_t place, const AccountHistory& history) -> absl::Status {
    if (history.is_closed()) return absl::OkStatus();
    KL_ASSIGN_OR_RETURN(const Value value, population.ValueAt(place));
    if (value.p_alive < kProbablyLostBelow) {
      ++probably_lost;
      return absl::OkStatus();
    }
    if (FindRisks(history, population.buyers().accounts[place], value.p_alive, scope, terms).empty()) {
      return absl::OkStatus();
    }
    stakes.push_back({place, value.at_stake});
    return absl::OkStatus();
  }));
  std::sort(stakes.begin(), stakes.end(), [](const Stake& a, const Stake& b) {
    return a.micros != b.micros ? a.micros > b.micros : a.place < b.place;
  });
  return stakes;
}

absl::Status FillAccounts(const std::vector<const store::TableReader*>& shards, const RetentionScope& scope,
                          const RiskTerms& terms, const Population& population,
                          std::map<uint32_t, AccountAtRisk>& rows) {
  const absl::Status enough = absl::CancelledError();
  auto next = rows.begin();
  if (next == rows.end()) return absl::OkStatus();
  const absl::Status walked =
      population.Walk(shards, scope, [&](uint32_t place, const AccountHistory& history) -> absl::Status {
        if (place != next->first) return absl::OkStatus();
        AccountAtRisk& row = next->second;
        KL_ASSIGN_OR_RETURN(const Value value, population.ValueAt(place));
        row.account_id = history.account_id;
        row.owner = std::string(history.owner());
        row.p_alive = value.p_alive;
        row.value_if_kept_micros = value.if_kept;
        row.value_at_stake_micros = value.at_stake;
        row.findings = FindRisks(history, population.buyers().accounts[place], value.p_alive, scope, terms);
        row.last_purchase = *history.last_purchase();
        return ++next == rows.end() ? enough : absl::OkStatus();
      });
  return walked == enough ? absl::OkStatus() : walked;
}

}  // namespace

absl::StatusOr<AtRiskTable> ListAtRisk(const std::vector<const store::TableReader*>& shards,
                                       const RetentionScope& asked, const RiskTerms& terms, uint64_t first,
                                       size_t size) {
  RetentionScope scope = asked;
  if (scope.as_of == std::numeric_limits<int64_t>::max()) {
    KL_ASSIGN_OR_RETURN(scope.as_of, DayAfterLastPurchase(shards, scope));
  }
  KL_ASSIGN_OR_RETURN(const Population population, Population::Make(shards, scope, terms));
  AtRiskTable table;
  table.as_of = scope.as_of;
  scope.currency_code = table.currency_code = population.buyers().currency_code;
  KL_ASSIGN_OR_RETURN(const std::vector<Stake> stakes,
                      FindStakes(shards, scope, terms, population, table.probably_lost));
  table.total = static_cast<int64_t>(stakes.size());
  for (const Stake& stake : stakes) table.value_at_stake_micros += stake.micros;
  const size_t from = std::min<size_t>(first, stakes.size());
  const size_t to = from + std::min(size, stakes.size() - from);
  table.more = to < stakes.size();
  std::map<uint32_t, AccountAtRisk> rows;
  for (size_t i = from; i < to; ++i) rows[stakes[i].place];
  KL_RETURN_IF_ERROR(FillAccounts(shards, scope, terms, population, rows));
  for (size_t i = from; i < to; ++i) table.accounts.push_back(std::move(rows[stakes[i].place]));
  return table;
}

}  // namespace keyledger::projections

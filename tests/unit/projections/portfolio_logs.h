// Logs and readers for the tests of the portfolio's queries.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "projections/portfolio/portfolio_measure.h"
#include "projections/retention/retention_projection.h"
#include "server/store/table.h"
#include "tests/support/record_log.h"

namespace keyledger::testing {

inline constexpr int64_t kUnit = 1'000'000;

// Facts about the relationship beside the trade.
class PortfolioLog : public RecordLog {
 public:
  void Sell(const std::string& account, Micros occurred, int64_t micros, int64_t cost_micros) {
    auto* line = EventOf(account, occurred).mutable_purchase_recorded()->add_lines();
    line->set_quantity(1);
    SetMoney(micros, "USD", line->mutable_amount());
    SetMoney(cost_micros, "USD", line->mutable_cost());
  }
  void TakeBack(const std::string& account, Micros occurred, int64_t micros, int64_t cost_micros) {
    auto* line = EventOf(account, occurred).mutable_purchase_returned()->add_lines();
    line->set_quantity(1);
    SetMoney(micros, "USD", line->mutable_amount());
    SetMoney(cost_micros, "USD", line->mutable_cost());
  }
  void Cost(const std::string& account, Micros occurred, events::v1::CostPurpose purpose, int64_t micros,
            const std::string& currency = "USD") {
    auto* cost = EventOf(account, occurred).mutable_cost_recorded();
    cost->set_purpose(purpose);
    SetMoney(micros, currency, cost->mutable_cost());
  }
  void Serve(const std::string& account, Micros occurred, int64_t micros) {
    SetMoney(micros, "USD", EventOf(account, occurred).mutable_service_provided()->mutable_cost());
  }
  void Give(const std::string& account, Micros occurred, int64_t micros) {
    SetMoney(micros, "USD", EventOf(account, occurred).mutable_gift_given()->mutable_value());
  }
  void PayCommission(const std::string& account, Micros occurred, int64_t micros) {
    SetMoney(micros, "USD", EventOf(account, occurred).mutable_commission_paid()->mutable_amount());
  }
  void Answer(const std::string& account, Micros occurred, events::v1::SurveyKind kind, int32_t score,
              Micros recorded = 0) {
    auto* answer = EventOf(account, occurred, recorded).mutable_survey_answered();
    answer->set_kind(kind);
    answer->set_score(score);
  }
  void StateBudget(const std::string& account, Micros occurred, Micros start, Micros end, int64_t micros,
                   events::v1::BudgetBasis basis, const std::string& category = "",
                   const std::string& currency = "USD") {
    auto* budget = EventOf(account, occurred).mutable_budget_stated();
    SetTime(start, budget->mutable_start_time());
    SetTime(end, budget->mutable_end_time());
    SetMoney(micros, currency, budget->mutable_amount());
    budget->set_basis(basis);
    budget->set_category(category);
  }
  void StateRank(const std::string& account, Micros occurred, int32_t place_halves, int32_t suppliers) {
    auto* rank = EventOf(account, occurred).mutable_supplier_rank_stated();
    rank->set_place_halves(place_halves);
    rank->set_suppliers(suppliers);
  }
  void Refer(const std::string& account, Micros occurred, const std::string& referrer,
             const std::string& source = "referral") {
    auto* referral = EventOf(account, occurred).mutable_referral_recorded();
    referral->set_referrer_account_id(referrer);
    referral->set_lead_source(source);
  }
  void Join(const std::string& account, Micros occurred, const std::string& club = "friends") {
    EventOf(account, occurred).mutable_club_joined()->set_club_id(club);
  }
  void Leave(const std::string& account, Micros occurred, const std::string& club = "friends") {
    EventOf(account, occurred).mutable_club_left()->set_club_id(club);
  }
  void SetFacts(const std::string& account, Micros occurred, const std::optional<std::string>& region,
                const std::optional<std::string>& segment = {}, const std::optional<std::string>& owner = {}) {
    auto* facts = EventOf(account, occurred).mutable_account_facts_updated();
    if (region.has_value()) facts->set_region(*region);
    if (segment.has_value()) facts->set_segment(*segment);
    if (owner.has_value()) facts->set_owner(*owner);
  }
  void Close(const std::string& account, Micros occurred) {
    EventOf(account, occurred).mutable_account_closed()->set_reason("moved away");
  }
  void Reopen(const std::string& account, Micros occurred) {
    EventOf(account, occurred).mutable_account_reopened()->set_reason("came back");
  }

 private:
  static void SetMoney(int64_t micros, const std::string& currency, events::v1::Money* money) {
    money->set_micros(micros);
    money->set_currency_code(currency);
  }
  events::v1::Event& EventOf(const std::string& account, Micros occurred, Micros recorded = 0) {
    return *Add(account, occurred, recorded).mutable_event();
  }
};

// The rows of a log, its accounts spread over shards.
class ShardedRows {
 public:
  explicit ShardedRows(const RecordLog& log, size_t shards = 1) : ShardedRows(log.records(), shards) {}
  // Of some records of a log.
  ShardedRows(const std::vector<events::v1::EventRecord>& some, size_t shards) {
    std::vector<std::vector<events::v1::EventRecord>> records(shards);
    for (events::v1::EventRecord record : some) {
      std::vector<events::v1::EventRecord>& shard = records[std::hash<std::string>()(record.account_id()) % shards];
      record.set_position(shard.size());
      shard.push_back(std::move(record));
    }
    for (const auto& shard : records) {
      readers_.push_back(FoldAll(projections::RetentionProjection(), shard)->NewReader());
      pointers_.push_back(readers_.back().get());
    }
  }

  const projections::portfolio::Shards& shards() const { return pointers_; }

 private:
  std::vector<std::unique_ptr<store::TableReader>> readers_;
  projections::portfolio::Shards pointers_;
};

// The answer of a query, which must not fail.
template <class Answer>
Answer Must(absl::StatusOr<Answer> answer) {
  EXPECT_TRUE(answer.ok()) << answer.status();
  return answer.ok() ? *std::move(answer) : Answer();
}

}  // namespace keyledger::testing

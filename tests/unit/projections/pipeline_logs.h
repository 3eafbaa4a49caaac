// Logs and readers for the tests of the pipeline's queries.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "projections/engagement/engagement_projection.h"
#include "projections/pipeline/pipeline_scan.h"
#include "server/base/ids.h"
#include "server/domain/program_set.h"
#include "server/store/table.h"
#include "tests/support/record_log.h"

namespace keyledger::testing {

inline constexpr int64_t kUnit = 1'000'000;

inline void SetMoney(int64_t units, const std::string& currency, events::v1::Money* money) {
  money->set_micros(units * kUnit);
  money->set_currency_code(currency);
}

// Facts about items. Money is in whole units, of USD where nothing is said.
class PipelineLog : public RecordLog {
 public:
  events::v1::Event& On(const std::string& account, Micros occurred, Micros recorded = 0) {
    return *Add(account, occurred, recorded).mutable_event();
  }
  void OpenIn(const std::string& account, Micros occurred, const std::string& region, const std::string& segment = "",
              const std::string& owner = "") {
    auto* opened = On(account, occurred).mutable_account_opened();
    opened->set_region(region);
    opened->set_segment(segment);
    opened->set_owner(owner);
  }
  void Merge(const std::string& from, const std::string& into, Micros occurred) {
    On(from, occurred).mutable_account_merge_completed()->set_into_account_id(into);
  }
  events::v1::OpportunityOpened& Pursue(const std::string& account, Micros occurred, const std::string& id,
                                        int64_t units = 0, std::optional<int> chance = {}) {
    auto* opened = On(account, occurred).mutable_opportunity_opened();
    opened->set_opportunity_id(id);
    opened->set_description("forty vans");
    if (units > 0) SetMoney(units, "USD", opened->mutable_amount());
    if (chance.has_value()) opened->set_chance_milli(*chance);
    return *opened;
  }
  events::v1::OpportunityMoved& Move(const std::string& account, Micros occurred, const std::string& id,
                                     events::v1::OpportunityStage stage, Micros recorded = 0) {
    auto* moved = On(account, occurred, recorded).mutable_opportunity_moved();
    moved->set_opportunity_id(id);
    moved->set_stage(stage);
    return *moved;
  }
  events::v1::QuoteProposed& Propose(const std::string& account, Micros occurred, const std::string& id, int64_t units,
                                     bool needs_approval = false) {
    auto* proposed = On(account, occurred).mutable_quote_proposed();
    proposed->set_quote_id(id);
    proposed->set_proposer("anna");
    proposed->set_proposer_role("field_sales");
    SetMoney(units, "USD", proposed->mutable_amount());
    proposed->set_needs_approval(needs_approval);
    return *proposed;
  }
  events::v1::QuoteApprovalRequested& Ask(const std::string& account, Micros occurred, const std::string& id,
                                          const std::string& role, const std::string& person = "") {
    auto* asked = On(account, occurred).mutable_quote_approval_requested();
    asked->set_quote_id(id);
    asked->set_role(role);
    asked->set_person(person);
    return *asked;
  }
  void Step(const std::string& account, Micros occurred, const std::string& id, events::v1::QuoteStep step,
            const std::string& person = "ben") {
    auto* moved = On(account, occurred).mutable_quote_moved();
    moved->set_quote_id(id);
    moved->set_step(step);
    moved->set_person(person);
  }
  events::v1::ContractSigned& Sign(const std::string& account, Micros occurred, const std::string& id, Micros start,
                                   Micros end, int64_t units = 0) {
    auto* contract = On(account, occurred).mutable_contract_signed();
    contract->set_contract_id(id);
    SetTime(start, contract->mutable_start_time());
    SetTime(end, contract->mutable_end_time());
    if (units > 0) SetMoney(units, "USD", contract->mutable_value());
    return *contract;
  }
  events::v1::IssueOpened& Raise(const std::string& account, Micros occurred, const std::string& id,
                                 events::v1::IssueKind kind, Micros due = 0) {
    auto* opened = On(account, occurred).mutable_issue_opened();
    opened->set_issue_id(id);
    opened->set_kind(kind);
    opened->set_description("late delivery");
    if (due != 0) SetTime(due, opened->mutable_due_time());
    return *opened;
  }
  events::v1::IssueMoved& Handle(const std::string& account, Micros occurred, const std::string& id,
                                 events::v1::IssueState state, Micros recorded = 0) {
    auto* moved = On(account, occurred, recorded).mutable_issue_moved();
    moved->set_issue_id(id);
    moved->set_state(state);
    return *moved;
  }
  events::v1::OrderPlaced& Order(const std::string& account, Micros occurred, const std::string& id, int64_t units,
                                 const std::string& terms = "") {
    auto* order = On(account, occurred).mutable_order_placed();
    order->set_order_id(id);
    order->set_payment_terms(terms);
    SetMoney(units, "USD", order->mutable_amount());
    return *order;
  }
  events::v1::PaymentExceptionGranted& Except(const std::string& account, Micros occurred) {
    auto* granted = On(account, occurred).mutable_payment_exception_granted();
    granted->set_terms("on_delivery");
    granted->set_approver("carla");
    granted->set_reason("a first order");
    return *granted;
  }
};

// The rows of a log, its accounts spread over shards as a ledger spreads them.
class EngagementRows {
 public:
  explicit EngagementRows(const RecordLog& log, size_t shards = 1) : EngagementRows(log.records(), shards) {}
  EngagementRows(const std::vector<events::v1::EventRecord>& some, size_t shards) {
    std::vector<std::vector<events::v1::EventRecord>> records(shards);
    for (events::v1::EventRecord record : some) {
      std::vector<events::v1::EventRecord>& shard =
          records[ShardOf(record.account_id(), static_cast<uint32_t>(shards))];
      record.set_position(shard.size());
      shard.push_back(std::move(record));
    }
    for (const auto& shard : records) {
      readers_.push_back(FoldAll(*projections::MakeEngagementProjection(), shard)->NewReader());
      pointers_.push_back(readers_.back().get());
    }
  }

  const projections::pipeline::Shards& shards() const { return pointers_; }

 private:
  std::vector<std::unique_ptr<store::TableReader>> readers_;
  projections::pipeline::Shards pointers_;
};

// A scope as of a moment.
inline projections::pipeline::PipelineScope AsOf(Micros as_of) {
  projections::pipeline::PipelineScope scope;
  scope.as_of = as_of;
  return scope;
}

// A program of everywhere, from 2020 on, in UTC.
inline programs::v1::Program PlainProgram(const std::string& program_id) {
  programs::v1::Program program;
  program.set_program_id(program_id);
  program.set_version(1);
  program.set_time_zone("UTC");
  program.set_currency_code("USD");
  SetTime(Utc(2020, 1, 1), program.mutable_effective_from());
  return program;
}

inline std::shared_ptr<const domain::ProgramSet> Published(std::vector<programs::v1::Program> programs) {
  std::vector<std::shared_ptr<const domain::CompiledProgram>> compiled;
  for (programs::v1::Program& program : programs) {
    auto one = domain::CompiledProgram::Compile(std::move(program));
    EXPECT_TRUE(one.ok()) << one.status();
    if (one.ok()) compiled.push_back(*one);
  }
  return std::make_shared<const domain::ProgramSet>(std::move(compiled));
}

// The answer of a query, which must not fail.
template <class Answer>
Answer Must(absl::StatusOr<Answer> answer) {
  EXPECT_TRUE(answer.ok()) << answer.status();
  return answer.ok() ? *std::move(answer) : Answer();
}

}  // namespace keyledger::testing

// Facts and append commands for tests of the shard, with the program texts that give them consequences.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "server/base/clock.h"
#include "server/merkle/tree.h"
#include "server/shard/append_command.h"

namespace keyledger::testing {

inline constexpr int64_t kUnit = 1'000'000;
// 2026-01-10T12:00:00Z: the tests' today.
inline constexpr Micros kToday = 1'768'046'400 * kMicrosPerSecond;

// 1 point per USD 1, at once, for twelve months; silver from USD 1,000 in a year.
inline constexpr char kPlainProgram[] = R"(program_id: plain
time_zone: UTC
currency_code: USD
effective_from: 2000-01-01
accrual_rules:
  - rule_id: base
    per_money: {points: 1, per_micros: 1_000_000}
    expiry: {after_months: 12}
return_policy: within_balance
tier_ladder:
  ladder_id: main
  metric: net_spend
  window: {rolling_days: 365}
  review_period: year
  tiers:
    - {tier_id: bronze, entrance: 0}
    - {tier_id: silver, entrance: 1_000_000_000}
)";

// 1 point per USD 1, after 14 days, for twelve months.
inline constexpr char kPendingProgram[] = R"(program_id: pending
time_zone: UTC
currency_code: USD
effective_from: 2000-01-01
accrual_rules:
  - rule_id: base
    per_money: {points: 1, per_micros: 1_000_000}
    pending_days: 14
    expiry: {after_months: 12}
)";

inline shard::SubmittedEvent Fact(Micros at = kToday) {
  shard::SubmittedEvent fact;
  fact.occurred = at;
  return fact;
}

inline shard::SubmittedEvent Opened(Micros at = kToday) {
  shard::SubmittedEvent fact = Fact(at);
  fact.event.mutable_account_opened()->set_display_name("Acme");
  return fact;
}

inline shard::SubmittedEvent Visited(const std::string& type = "org.example.visit", Micros at = kToday) {
  shard::SubmittedEvent fact = Fact(at);
  fact.event.mutable_custom_event()->set_type(type);
  return fact;
}

inline shard::SubmittedEvent Bought(int64_t usd, const std::string& invoice = "", Micros at = kToday,
                                    const std::string& merchant = "shop") {
  shard::SubmittedEvent fact = Fact(at);
  auto* const purchase = fact.event.mutable_purchase_recorded();
  if (!invoice.empty()) {
    purchase->set_merchant_id(merchant);
    purchase->set_invoice_number(invoice);
  }
  auto* const line = purchase->add_lines();
  line->set_quantity(1);
  line->mutable_amount()->set_currency_code("USD");
  line->mutable_amount()->set_micros(usd * kUnit);
  return fact;
}

inline shard::SubmittedEvent Returned(int64_t usd, const std::string& of_invoice, const std::string& credit_note = "",
                                      Micros at = kToday, const std::string& merchant = "shop") {
  shard::SubmittedEvent fact = Fact(at);
  auto* const returned = fact.event.mutable_purchase_returned();
  if (!of_invoice.empty() || !credit_note.empty()) returned->set_merchant_id(merchant);
  returned->set_purchase_invoice_number(of_invoice);
  returned->set_return_number(credit_note);
  auto* const line = returned->add_lines();
  line->set_quantity(1);
  line->mutable_amount()->set_currency_code("USD");
  line->mutable_amount()->set_micros(usd * kUnit);
  return fact;
}

inline shard::SubmittedEvent Redeemed(int64_t points, Micros at = kToday) {
  shard::SubmittedEvent fact = Fact(at);
  fact.event.mutable_points_redeemed()->set_points(points);
  return fact;
}

inline shard::SubmittedEvent Adjusted(int64_t points, Micros at = kToday) {
  shard::SubmittedEvent fact = Fact(at);
  fact.event.mutable_points_adjusted()->set_points(points);
  fact.event.mutable_points_adjusted()->set_reason("goodwill");
  return fact;
}

inline constexpr shard::ExpectedRevision kAnyRevision{shard::ExpectedRevision::Kind::kAny, 0};
inline constexpr shard::ExpectedRevision kNewAccount{shard::ExpectedRevision::Kind::kNewAccount, 0};
inline shard::ExpectedRevision Exactly(uint64_t revision) { return {shard::ExpectedRevision::Kind::kExact, revision}; }

// The digest stands for the body: the same facts and expectation give the same.
inline shard::AppendCommand Command(const std::string& account_id, const std::string& request_id,
                                    std::vector<shard::SubmittedEvent> events,
                                    shard::ExpectedRevision expected = kAnyRevision) {
  shard::AppendCommand command;
  command.account_id = account_id;
  command.request_id = request_id;
  command.expected = expected;
  command.actor = "tester";
  std::string body = std::to_string(static_cast<int>(expected.kind)) + "/" + std::to_string(expected.exact);
  for (const shard::SubmittedEvent& event : events) {
    body += std::to_string(event.occurred) + event.event.SerializeAsString() + event.event_id;
  }
  const merkle::Hash digest = merkle::Sha256(body);
  command.digest.assign(digest.begin(), digest.end());
  command.bytes = body.size();
  command.events = std::move(events);
  return command;
}

}  // namespace keyledger::testing

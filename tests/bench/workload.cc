// See workload.h.
#include "tests/bench/workload.h"

#include <fmt/format.h>

namespace keyledger::bench {
namespace {

// 2025-01-01T00:00:00Z; each purchase is a second after the one before. Never ahead of the clock of a machine that runs
// this.
constexpr int64_t kFirstSecond = 1'735'689'600;
constexpr int64_t kSpanSeconds = 15'000'000;
constexpr int64_t kMicros = 1'000'000;

std::string AccountId(uint64_t number) { return fmt::format("account-{:08}", number); }

void AddLine(events::v1::PurchaseRecorded& purchase, uint64_t number, const char* category) {
  events::v1::PurchaseLine& line = *purchase.add_lines();
  line.set_sku(fmt::format("sku-{:05}", number % 9'973));
  line.set_category(category);
  line.set_quantity(static_cast<int64_t>(1 + number % 7));
  line.mutable_amount()->set_currency_code("USD");
  line.mutable_amount()->set_micros(static_cast<int64_t>(5 + number % 191) * kMicros);
  line.mutable_cost()->set_currency_code("USD");
  line.mutable_cost()->set_micros(static_cast<int64_t>(3 + number % 113) * kMicros);
}

// Spreads neighbouring numbers over the accounts.
uint64_t AccountOf(uint64_t number, uint64_t accounts) { return number * 2'654'435'761u % accounts; }

}  // namespace

const char kProgramYaml[] = R"(program_id: bench
display_name: Bench
time_zone: UTC
currency_code: USD
effective_from: 1990-01-01
accrual_rules:
  - rule_id: base
    per_money: {points: 1, per_micros: 1_000_000}
    expiry: {after_months: 24, round_up_to: quarter}
return_policy: within_balance
tier_ladder:
  ladder_id: standing
  metric: net_spend
  window: {rolling_days: 365}
  review_period: quarter
  tiers:
    - {tier_id: bronze, display_name: Bronze, entrance: 0}
    - {tier_id: silver, display_name: Silver, entrance: 2_000_000_000, maintenance: 1_000_000_000}
    - {tier_id: gold, display_name: Gold, entrance: 10_000_000_000, maintenance: 5_000_000_000}
)";

Frames OpenAccounts(uint64_t count) {
  Frames frames;
  for (uint64_t number = 0; number < count; ++number) {
    if (number % kRequestsPerFrame == 0) frames.emplace_back();
    ledger::v1::AppendRequest& request = *frames.back().add_requests();
    request.set_account_id(AccountId(number));
    request.set_request_id("open");
    request.mutable_expected_revision()->mutable_new_account();
    request.set_view(ledger::v1::APPEND_VIEW_BASIC);
    ledger::v1::SubmittedEvent& event = *request.add_events();
    event.mutable_occurred_time()->set_seconds(kFirstSecond);
    event.mutable_event()->mutable_account_opened()->set_display_name(fmt::format("Account {}", number));
    event.mutable_event()->mutable_account_opened()->set_region("EU/DE");
  }
  return frames;
}

ledger::v1::AppendRequest Purchase(uint64_t number, uint64_t accounts) {
  ledger::v1::AppendRequest request;
  request.set_account_id(AccountId(AccountOf(number, accounts)));
  request.set_request_id(fmt::format("{:08x}-8d2e-4c1b-9a67-{:012x}", number * 2'654'435'761u & 0xffffffff, number));
  request.mutable_expected_revision()->mutable_any();
  ledger::v1::SubmittedEvent& event = *request.add_events();
  event.mutable_occurred_time()->set_seconds(kFirstSecond + static_cast<int64_t>(number) % kSpanSeconds);
  events::v1::PurchaseRecorded& purchase = *event.mutable_event()->mutable_purchase_recorded();
  purchase.set_merchant_id("shop-01");
  purchase.set_region("EU/DE/Hamburg");
  purchase.set_sale_mode(events::v1::SALE_MODE_DIRECT);
  purchase.set_invoice_number(fmt::format("INV-{:010}", number));
  AddLine(purchase, number, "homeware");
  AddLine(purchase, number + 4'999, "stationery");
  return request;
}

Frames Purchases(uint64_t first, uint64_t count, uint64_t accounts) {
  Frames frames;
  for (uint64_t i = 0; i < count; ++i) {
    if (i % kRequestsPerFrame == 0) frames.emplace_back();
    ledger::v1::AppendRequest& request = *frames.back().add_requests();
    request = Purchase(first + i, accounts);
    request.set_view(ledger::v1::APPEND_VIEW_BASIC);
  }
  return frames;
}

}  // namespace keyledger::bench

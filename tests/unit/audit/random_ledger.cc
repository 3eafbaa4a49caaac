#include "tests/unit/audit/random_ledger.h"

#include <fmt/format.h>

#include "server/domain/proto_time.h"
#include "server/domain/retraction.h"
#include "server/shard/reviewer.h"
#include "tests/support/ranks_program.h"

namespace keyledger::testing {
namespace {

constexpr Micros kDay = kMicrosPerDay;

// Tiers by thresholds, lifecycles, limits, everything that points can do. Of region A; numbers change by version.
std::string FullProgram(int version) {
  const int percent = 10 * (version % 4);
  return fmt::format(R"(program_id: full
time_zone: Asia/Shanghai
currency_code: USD
effective_from: {}
region: A
accrual_rules:
  - rule_id: base
    per_money: {{points: {}, per_micros: 1_000_000}}
    expiry: {{after_months: {}}}
  - rule_id: tea
    match: {{categories: [tea]}}
    per_unit: {{points: 3, per_units: 1}}
    pending_days: 7
    expiry: {{after_days: 45}}
    max_points_per_event: 40
    max_per_period: {{points: 200, period: month}}
  - rule_id: idle
    match: {{categories: [cups]}}
    per_money: {{points: 1, per_micros: 2_000_000}}
    expiry: {{inactivity_days: 30}}
return_policy: {}
tier_ladder:
  ladder_id: main
  metric: net_spend
  window: {{rolling_days: 120}}
  review_period: month
  downgrade: one_step
  grace_days: {}
  tiers:
    - {{tier_id: bronze, entrance: 0}}
    - {{tier_id: silver, entrance: {}_000_000, maintenance: 100_000_000, multiplier_milli: 1500}}
    - {{tier_id: gold, entrance: 900_000_000, multiplier_milli: 2000}}
redemption_policy:
  min_points: 3
  max_times: {{times: 6, period: month}}
reservation_policy: {{max_hold_hours: 240, max_open: 3}}
transfer_policy: {{max_points: 300, max_points_per_period: {{points: 900, period: month}}}}
stage_ladders:
  - ladder_id: growth
    review_period: month
    stages:
      - stage_id: acquire
        transitions:
          - to_stage_id: expand
            rule: {{any_of: [{{all_of: [{{metric: net_purchase_count, window: {{rolling_days: 60}}, at_least: 3}}]}}]}}
      - stage_id: expand
        transitions:
          - to_stage_id: acquire
            rule: {{any_of: [{{all_of: [{{metric: days_since_last_purchase, at_least: 40}}]}}]}}
limits:
  - limit_id: discounts
    discounts:
      authorities:
        - {{role: seller, max_percent_milli: 5_000}}
        - {{role: director, max_percent_milli: 20_000}}
  - limit_id: gifts
    on_breach: flag
    gifts: {{period: quarter, max_times: 2}}
  - limit_id: meetings
    on_breach: flag
    interactions: {{scope: contact, period: year, max_times: 2}}
  - limit_id: services
    on_breach: flag
    tier_ids: [bronze]
    services: {{period: month, max_times: 1, max_micros: 50_000_000}}
  - limit_id: price
    on_breach: flag
    market_price: {{window_days: 90, min_observations: 2, max_percent_milli: {}_000}}
)",
                     version == 0 ? "2000-01-01" : fmt::format("2026-{:02}-01", 1 + version % 12), 1 + version % 3,
                     1 + version % 5, version % 2 == 0 ? "negative_allowed" : "within_balance",
                     version % 3 == 0 ? 0 : 20, 200 + 50 * (version % 3), percent + 5);
}

// Tiers by rank. Of region B.
std::string RankedProgram() {
  std::string text = RanksProgram({{"silver", "top_percent_milli: 60_000"}, {"gold", "top_count: 2"}});
  text += R"(region: B
accrual_rules:
  - rule_id: ranked
    per_money: {points: 2, per_micros: 1_000_000}
    expiry: {after_months: 2}
return_policy: only_pending
)";
  return text;
}

// Of everybody else.
std::string PlainProgram() {
  return R"(program_id: plain
time_zone: UTC
currency_code: USD
effective_from: 2000-01-01
accrual_rules:
  - rule_id: plain
    per_money: {points: 1, per_micros: 1_000_000}
    pending_days: 10
    expiry: {after_months: 1, round_up_to: month}
return_policy: negative_allowed
max_debt_points: 60
)";
}

void SetMoney(int64_t micros, events::v1::Money* money, const std::string& currency = "USD") {
  money->set_currency_code(currency);
  money->set_micros(micros);
}

}  // namespace

RandomLedger::RandomLedger(uint64_t seed, uint32_t shards)
    : random_(seed), relations_(seed), engagements_(seed), whole_(shards) {
  for (int i = 0; i < 9; ++i) accounts_.push_back(fmt::format("acc-{}", i));
  opened_.resize(accounts_.size());
  whole_.clock().Set(kToday - 300 * kDay);
}

MemorySource::Logs RandomLedger::Logs() {
  MemorySource::Logs logs(whole_.ledger().shard_count());
  for (uint32_t shard = 0; shard < logs.size(); ++shard) {
    const auto& store = whole_.ledger().shard(shard).store();
    const auto records = store.ReadRecords(0, store.record_count());
    while (records->Next()) logs[shard].emplace_back(records->bytes());
    EXPECT_TRUE(records->status().ok()) << records->status();
  }
  return logs;
}

void RandomLedger::Run(int requests, bool reviews) {
  for (int i = 0; i < requests; ++i) {
    if (i == 5 || i == 15 || i == 25 || Chance(2)) Publish();
    if (Chance(25)) PassTime();
    if (reviews && Chance(2)) Review();
    Request();
    Relate();
    Engage();
    if (Chance(10)) whole_.ledger().courier().WaitUntilSettled();
  }
  whole_.ledger().courier().WaitUntilSettled();
  whole_.ledger().reviewer().WaitUntilIdle();
}

void RandomLedger::FollowMerges() {
  whole_.ledger().courier().WaitUntilSettled();
  for (Bought& bought : bought_) {
    const std::string recorded_on = bought.account_id;
    for (;;) {
      const auto state = whole_.ledger().ShardOfAccount(bought.account_id).ReadState(bought.account_id);
      ASSERT_TRUE(state.ok()) << state.status();
      if (!state->has_value() || !(*state)->merge.completed) break;
      bought.account_id = (*state)->merge.into_account_id;
    }
    if (bought.account_id == recorded_on || Chance(50)) continue;
    shard::SubmittedEvent fact = Credit();
    GiveBack(bought, fact);
    // More than is left of it is refused.
    const AppendOutcome outcome = whole_.Append(Command(bought.account_id, fmt::format("m{}", requests_++), {fact}));
    applied_ += outcome.ok() ? 1 : 0;
  }
}

void RandomLedger::Publish() {
  const std::string text = published_ == 1   ? RankedProgram()
                           : published_ == 2 ? PlainProgram()
                                             : FullProgram(published_ / 3);
  // A version that would begin before the last one is refused; there is another one soon.
  const auto outcome = whole_.ledger().Publish(text, fmt::format("publish{}", published_), "");
  EXPECT_TRUE(outcome.ok() || ReasonOf(outcome.status()) == Reason::kProgramConflict) << outcome.status();
  published_ += 1;
}

void RandomLedger::Review() {
  shard::ReviewRequest request;
  request.program_id = "ranks";
  request.as_of = Chance(50) ? kNewYear : kNewYear - 365 * kDay;
  request.request_id = fmt::format("review{}", reviews_++);
  request.digest = request.request_id;
  const auto started = whole_.ledger().reviewer().Start(request);
  if (started.ok() && Chance(70)) whole_.ledger().reviewer().WaitUntilIdle();
}

void RandomLedger::PassTime() {
  whole_.clock().Advance(Chance(30) ? Pick(0, 40) * kDay : Pick(0, 2 * kDay));
  if (Chance(40)) {
    const absl::Status swept = whole_.ledger().SweepNow();
    EXPECT_TRUE(swept.ok()) << swept;
  }
}

Micros RandomLedger::Moment() {
  const Micros now = whole_.clock().Now();
  if (Chance(70)) return now;
  if (Chance(20)) return now + Pick(0, 200) * kMicrosPerSecond;
  return now - (Chance(70) ? Pick(0, 5 * kDay) : Pick(0, 200 * kDay));
}

void RandomLedger::Request() {
  const size_t index = static_cast<size_t>(Pick(0, static_cast<int64_t>(accounts_.size()) - 1));
  const std::string& account_id = accounts_[index];
  std::vector<shard::SubmittedEvent> facts;
  if (!opened_[index] || Chance(1)) {
    shard::SubmittedEvent opened = Opened(Moment());
    const char* regions[] = {"A", "A/1", "B", "C"};
    opened.event.mutable_account_opened()->set_region(regions[index % 4]);
    facts.push_back(opened);
  }
  // Soon enough to find it open, mostly.
  if (held_.contains(account_id) && Chance(40)) facts.push_back(EndHold(account_id));
  for (int64_t n = Chance(75) ? 1 : Pick(2, 5); n > 0; --n) facts.push_back(OneFact(account_id));
  std::string held;
  for (const shard::SubmittedEvent& fact : facts) {
    if (fact.event.has_points_reserved()) held = fact.event.points_reserved().reservation_id();
  }
  const AppendOutcome outcome = whole_.Append(Command(account_id, fmt::format("r{}", requests_++), std::move(facts)));
  if (!outcome.ok()) return;
  if (!held.empty()) held_[account_id] = held;
  opened_[index] = true;
  applied_ += 1;
}

shard::SubmittedEvent RandomLedger::OneFact(const std::string& account_id) {
  const int64_t kind = Pick(0, 99);
  if (kind < 40) return Purchase(account_id);
  if (kind < 54) return Return(account_id);
  if (kind < 80) return MovePoints(account_id);
  if (kind < 88) return Conduct();
  if (kind < 92) return FixTier();
  shard::SubmittedEvent fact = Fact(Moment());
  if (kind < 94) {
    fact.event.mutable_account_closed()->set_reason("r");
  } else if (kind < 97) {
    fact.event.mutable_account_reopened()->set_reason("r");
  } else if (kind < 98) {
    fact.event.mutable_account_facts_updated()->set_region(Chance(50) ? "A/2" : "B");
  } else {
    fact.event.mutable_custom_event()->set_type("org.example.visit");
  }
  return fact;
}

shard::SubmittedEvent RandomLedger::Purchase(const std::string& account_id) {
  shard::SubmittedEvent fact = Fact(Moment());
  Bought bought{account_id, fmt::format("i{}", names_++), {}, Chance(93) ? "USD" : "EUR"};
  auto& purchase = *fact.event.mutable_purchase_recorded();
  purchase.set_merchant_id("shop");
  if (Chance(90)) purchase.set_invoice_number(bought.invoice);
  if (Chance(10)) purchase.set_region("B");
  for (int64_t n = Pick(1, 3); n > 0; --n) {
    auto& line = *purchase.add_lines();
    const char* categories[] = {"tea", "cups", "other"};
    line.set_category(categories[Pick(0, 2)]);
    line.set_sku(Chance(30) ? "pot" : "");
    line.set_quantity(Pick(1, 9));
    SetMoney(Chance(8) ? 0 : Pick(1, 150'000'000), line.mutable_amount(), bought.currency);
    if (Chance(20)) SetMoney(Pick(0, 40'000'000), line.mutable_cost(), bought.currency);
    if (Chance(10)) line.set_points_paid(Pick(1, 40));
    bought.lines.emplace_back(line.quantity(), line.amount().micros());
  }
  if (!purchase.invoice_number().empty()) bought_.push_back(std::move(bought));
  return fact;
}

shard::SubmittedEvent RandomLedger::Return(const std::string& account_id) {
  shard::SubmittedEvent fact = Credit();
  std::vector<const Bought*> own;
  for (const Bought& bought : bought_) {
    if (bought.account_id == account_id) own.push_back(&bought);
  }
  if (own.empty() || Chance(20)) {
    auto& returned = *fact.event.mutable_purchase_returned();
    if (Chance(50)) returned.set_purchase_invoice_number(fmt::format("unheard{}", names_++));
    auto& line = *returned.add_lines();
    line.set_category("tea");
    line.set_quantity(Pick(1, 3));
    SetMoney(Pick(0, 50'000'000), line.mutable_amount());
    return fact;
  }
  GiveBack(Chance(50) ? *own.back() : *own[Pick(0, static_cast<int64_t>(own.size()) - 1)], fact);
  return fact;
}

shard::SubmittedEvent RandomLedger::Credit() {
  shard::SubmittedEvent fact = Fact(Moment());
  auto& returned = *fact.event.mutable_purchase_returned();
  returned.set_merchant_id("shop");
  if (Chance(50)) returned.set_return_number(fmt::format("c{}", names_++));
  return fact;
}

void RandomLedger::GiveBack(const Bought& bought, shard::SubmittedEvent& fact) {
  auto& returned = *fact.event.mutable_purchase_returned();
  returned.set_purchase_invoice_number(bought.invoice);
  for (size_t i = 0; i < bought.lines.size(); ++i) {
    if (i > 0 && Chance(50)) continue;
    auto& line = *returned.add_lines();
    line.set_line_number(static_cast<uint32_t>(i + 1));
    const bool whole = Chance(50);
    line.set_quantity(whole ? bought.lines[i].first : Pick(1, bought.lines[i].first));
    SetMoney(whole ? bought.lines[i].second : Pick(0, bought.lines[i].second), line.mutable_amount(), bought.currency);
  }
}

shard::SubmittedEvent RandomLedger::MovePoints(const std::string& account_id) {
  shard::SubmittedEvent fact = Fact(Moment());
  const int64_t kind = Pick(0, 9);
  if (kind < 3) {
    fact.event.mutable_points_redeemed()->set_points(Pick(1, 60));
  } else if (kind < 5) {
    auto& adjusted = *fact.event.mutable_points_adjusted();
    adjusted.set_points(Chance(65) ? Pick(1, 150) : -Pick(1, 40));
    adjusted.set_reason("r");
    if (adjusted.points() > 0 && Chance(50)) {
      domain::SetTimestamp(adjusted.mutable_expire_time(), fact.occurred + Pick(-5, 100) * kDay);
    }
  } else if (kind < 7) {
    auto& reserved = *fact.event.mutable_points_reserved();
    reserved.set_reservation_id(fmt::format("h{}", names_++));
    reserved.set_points(Pick(3, 50));
    domain::SetTimestamp(reserved.mutable_hold_until(), fact.occurred + Pick(1, 9 * kDay));
  } else {
    auto& sent = *fact.event.mutable_points_transfer_sent();
    sent.set_transfer_id(fmt::format("t{}", names_++));
    do {
      sent.set_to_account_id(Chance(5) ? "nobody" : accounts_[Pick(0, static_cast<int64_t>(accounts_.size()) - 1)]);
    } while (sent.to_account_id() == account_id);
    sent.set_points(Pick(1, 80));
  }
  return fact;
}

shard::SubmittedEvent RandomLedger::EndHold(const std::string& account_id) {
  shard::SubmittedEvent fact = Fact(whole_.clock().Now());
  const std::string id = held_[account_id];
  held_.erase(account_id);
  if (Chance(50)) {
    fact.event.mutable_reservation_captured()->set_reservation_id(id);
    if (Chance(50)) fact.event.mutable_reservation_captured()->set_points(Pick(1, 3));
  } else {
    fact.event.mutable_reservation_released()->set_reservation_id(id);
  }
  return fact;
}

shard::SubmittedEvent RandomLedger::Conduct() {
  shard::SubmittedEvent fact = Fact(Moment());
  switch (Pick(0, 4)) {
    case 0: {
      auto& granted = *fact.event.mutable_discount_granted();
      granted.set_percent_milli(Pick(1, 5'000));
      granted.set_proposer_role("seller");
      granted.set_proposer("p");
      granted.set_subject("quote");
      break;
    }
    case 1: {
      auto& gift = *fact.event.mutable_gift_given();
      gift.set_contact_id("c");
      gift.set_item("watch");
      gift.set_quantity(1);
      SetMoney(5'000'000, gift.mutable_value());
      break;
    }
    case 2: {
      auto& service = *fact.event.mutable_service_provided();
      service.set_kind("visit");
      service.set_contact_id("c");
      SetMoney(Pick(1, 60'000'000), service.mutable_cost());
      break;
    }
    case 3: {
      auto& commission = *fact.event.mutable_commission_paid();
      commission.set_contact_id("c");
      SetMoney(Pick(1, 60'000'000), commission.mutable_amount());
      break;
    }
    default: {
      auto& observed = *fact.event.mutable_market_price_observed();
      observed.set_sku("pot");
      observed.set_source("s");
      SetMoney(Pick(1, 30'000'000), observed.mutable_unit_price());
      break;
    }
  }
  return fact;
}

void RandomLedger::Relate() {
  const auto pick = [this](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(relations_);
  };
  const auto index = static_cast<size_t>(pick(0, static_cast<int64_t>(accounts_.size()) - 1));
  if (!opened_[index] || pick(0, 99) >= 20) return;
  const std::string& account_id = accounts_[index];
  // In the past of every account, so that what else happens does not depend on it.
  shard::SubmittedEvent fact = Fact(whole_.clock().Now() - 400 * kDay);
  events::v1::Event& event = fact.event;
  std::string& running = contracts_[account_id];
  switch (pick(0, 10)) {
    case 0:
      event.mutable_survey_answered()->set_kind(events::v1::SURVEY_KIND_RECOMMENDATION);
      event.mutable_survey_answered()->set_score(static_cast<int32_t>(pick(0, 10)));
      break;
    case 1: {
      auto& stated = *event.mutable_budget_stated();
      domain::SetTimestamp(stated.mutable_start_time(), fact.occurred);
      domain::SetTimestamp(stated.mutable_end_time(), fact.occurred + 365 * kDay);
      SetMoney(pick(1, 900'000'000), stated.mutable_amount());
      stated.set_basis(events::v1::BUDGET_BASIS_DECLARED);
      break;
    }
    case 2:
      event.mutable_supplier_rank_stated()->set_place_halves(3);
      event.mutable_supplier_rank_stated()->set_suppliers(2);
      break;
    case 3:
      event.mutable_cost_recorded()->set_purpose(events::v1::COST_PURPOSE_ACQUISITION);
      SetMoney(pick(1, 60'000'000), event.mutable_cost_recorded()->mutable_cost());
      break;
    case 4:
      event.mutable_referral_recorded()->set_lead_source("broker");
      break;
    case 5:
      event.mutable_club_joined()->set_club_id("gold");
      break;
    case 6:
      event.mutable_club_left()->set_club_id("gold");
      break;
    case 7:
      event.mutable_competitor_move_observed()->set_competitor("Rival");
      event.mutable_competitor_move_observed()->set_kind(events::v1::COMPETITOR_MOVE_KIND_OFFER);
      break;
    default: {
      if (running.empty()) {
        running = fmt::format("k{}", related_);
        auto& contract = *event.mutable_contract_signed();
        contract.set_contract_id(running);
        domain::SetTimestamp(contract.mutable_start_time(), fact.occurred);
        domain::SetTimestamp(contract.mutable_end_time(), fact.occurred + 365 * kDay);
      } else if (pick(0, 99) < 60) {
        event.mutable_contract_renewed()->set_contract_id(running);
        domain::SetTimestamp(event.mutable_contract_renewed()->mutable_end_time(),
                             fact.occurred + (400 + related_) * kDay);
      } else {
        event.mutable_contract_ended()->set_contract_id(running);
        event.mutable_contract_ended()->set_ending(events::v1::CONTRACT_ENDING_CANCELLED);
        running.clear();
      }
      break;
    }
  }
  const AppendOutcome outcome = whole_.Append(Command(account_id, fmt::format("k{}", related_++), {fact}));
  // A closed account takes no new ties, and one that was merged next to nothing; a contract
  // that was breached is not renewed; everything else is recorded.
  EXPECT_TRUE(outcome.ok() || ReasonOf(outcome.status()) == Reason::kAccountClosed ||
              ReasonOf(outcome.status()) == Reason::kAccountMerged ||
              ReasonOf(outcome.status()) == Reason::kStepNotAllowed)
      << outcome.status();
  if (!outcome.ok() && event.has_contract_signed()) running.clear();
}

void RandomLedger::Engage() {
  const auto index = static_cast<size_t>(engagements_.Pick(0, static_cast<int64_t>(accounts_.size()) - 1));
  if (!opened_[index]) return;
  const std::string& account_id = accounts_[index];
  const auto state = whole_.ledger().ShardOfAccount(account_id).ReadState(account_id);
  ASSERT_TRUE(state.ok() && state->has_value());
  // Long ago, so that what else happens does not wait for it.
  shard::SubmittedEvent fact = Fact(whole_.clock().Now() - 400 * kDay);
  std::optional<shard::SubmittedEvent> retraction;
  if (engagements_.Chance(5)) retraction = Retraction(account_id, fact.occurred);
  if (retraction.has_value()) {
    fact = *std::move(retraction);
  } else {
    fact.event = engagements_.Next(**state, fact.occurred);
  }
  // What an account does not take any more is refused, and leaves nothing behind.
  const AppendOutcome outcome = whole_.Append(Command(account_id, fmt::format("e{}", engaged_++), {fact}));
  EXPECT_NE(outcome.status().code(), absl::StatusCode::kInternal) << outcome.status();
  EXPECT_NE(outcome.status().code(), absl::StatusCode::kDataLoss) << outcome.status();
}

std::optional<shard::SubmittedEvent> RandomLedger::Retraction(const std::string& account_id, Micros occurred) {
  const std::vector<events::v1::EventRecord> records = RecordsOf(whole_.ledger().ShardOfAccount(account_id).store());
  for (auto record = records.rbegin(); record != records.rend(); ++record) {
    const auto kind = static_cast<events::v1::EventKind>(static_cast<int>(record->event().payload_case()));
    if (record->account_id() != account_id || !domain::IsRetractable(kind)) continue;
    shard::SubmittedEvent fact = Fact(occurred);
    auto& retracted = *fact.event.mutable_fact_retracted();
    retracted.set_revision(record->revision());
    retracted.set_position(record->position());
    retracted.set_kind(kind);
    retracted.set_reason("r");
    return fact;
  }
  return std::nullopt;
}

shard::SubmittedEvent RandomLedger::FixTier() {
  shard::SubmittedEvent fact = Fact(Moment());
  const bool ranks = Chance(40);
  if (Chance(60)) {
    auto& locked = *fact.event.mutable_tier_locked();
    locked.set_ladder_id(ranks ? "ranks" : "main");
    locked.set_tier_id(Chance(50) ? "gold" : "silver");
    locked.set_reason("r");
    if (Chance(50)) domain::SetTimestamp(locked.mutable_until(), whole_.clock().Now() + Pick(1, 60) * kDay);
  } else {
    fact.event.mutable_tier_unlocked()->set_ladder_id(ranks ? "ranks" : "main");
    fact.event.mutable_tier_unlocked()->set_reason("r");
  }
  return fact;
}

}  // namespace keyledger::testing

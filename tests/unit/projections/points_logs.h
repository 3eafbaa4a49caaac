// Logs of one account, "a", for the tests of points.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "server/domain/decide.h"
#include "server/domain/evolve.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {

// Opened 5 January. Lot 2: 100 points of 10 January, pending until 24 January, expiring 10 January 2027. Lot 4: 50
// points of 1 February, at once, expiring 1 March. 30 redeemed on 10 February (from lot 4, which expires first), 20
// more taken back from lot 2 on 15 February.
inline testing::RecordLog OneAccount() {
  testing::RecordLog log;
  log.Open("a", testing::Utc(2026, 1, 5));
  log.Purchase("a", testing::Utc(2026, 1, 10), 100'000'000);
  EXPECT_EQ(log.Accrue("a", testing::Utc(2026, 1, 10), 100, testing::Utc(2026, 1, 24), testing::Utc(2027, 1, 10)), 2u);
  log.Activate("a", testing::Utc(2026, 1, 24), 2, 100);
  EXPECT_EQ(log.AdjustUp("a", testing::Utc(2026, 2, 1), 50, testing::Utc(2026, 3, 1)), 4u);
  log.Redeem("a", testing::Utc(2026, 2, 10), {{4, 30}});
  log.Reverse("a", testing::Utc(2026, 2, 15), {{2, 20}});
  return log;
}

// A purchase gives points that run out after 60 days without activity.
inline std::shared_ptr<const domain::CompiledProgram> InactivityProgram() {
  programs::v1::Program program;
  program.set_program_id("shop");
  program.set_version(1);
  program.set_time_zone("UTC");
  program.set_currency_code("USD");
  testing::SetTime(testing::Utc(2020, 1, 1), program.mutable_effective_from());
  auto* rule = program.add_accrual_rules();
  rule->set_rule_id("base");
  rule->mutable_per_money()->set_points(1);
  rule->mutable_per_money()->set_per_micros(1'000'000);
  rule->mutable_expiry()->set_inactivity_days(60);
  program.set_return_policy(programs::v1::RETURN_POLICY_NEGATIVE_ALLOWED);
  return *domain::CompiledProgram::Compile(std::move(program));
}

// A log as the ledger writes it: facts of any past day, decided one after the other, each recording first what has
// fallen due by then.
class DecidedLog {
 public:
  // `holds`: points are reserved and pay for purchases as well, and purchases come back, into debt too.
  explicit DecidedLog(uint32_t seed, bool holds = false)
      : holds_(holds), random_(seed), programs_({InactivityProgram()}) {
    Decide(Opened(), clock_);
  }

  void Step() {
    clock_ += Draw(0, 20) * kMicrosPerDay;
    const Micros occurred = Draw(0, 2) == 0 ? clock_ - Draw(0, 300) * kMicrosPerDay : clock_;
    events::v1::Event event;
    const int64_t available = state_.available_points();
    if (holds_ && Draw(0, 2) == 0) return Hold(occurred);
    if (Draw(0, 3) == 0) {
      auto* line = event.mutable_purchase_recorded()->add_lines();
      line->set_quantity(1);
      line->mutable_amount()->set_currency_code("USD");
      line->mutable_amount()->set_micros(Draw(0, 50) * 1'000'000);
    } else if (Draw(0, 1) == 0 || available == 0) {
      event.mutable_points_adjusted()->set_points(Draw(1, 100));
      if (Draw(0, 3) != 0) {
        testing::SetTime(occurred + Draw(1, 400) * kMicrosPerDay,
                         event.mutable_points_adjusted()->mutable_expire_time());
      }
      event.mutable_points_adjusted()->set_reason("imported");
    } else {
      event.mutable_points_redeemed()->set_points(Draw(1, available));
    }
    Decide(event, occurred);
  }

  testing::RecordLog& log() { return log_; }
  Micros clock() const { return clock_; }
  const domain::AccountState& state() const { return state_; }
  // How often that happened.
  int captured() const { return captured_; }
  int ended() const { return ended_; }
  int owed() const { return owed_; }
  int restored() const { return restored_; }
  void Sweep(Micros until) { Record(*domain::Advance(state_, until, programs_)); }

 private:
  // A reservation is placed, captured or released, points pay for a purchase, or goods come back: of a purchase that
  // points paid for, or that nobody knows of.
  void Hold(Micros occurred) {
    events::v1::Event event;
    const int64_t kind = std::exchange(held_, false) ? Draw(1, 2) : Draw(0, 10);
    const std::string last = "r" + std::to_string(placed_);
    if (kind == 0) {
      auto* line = event.mutable_purchase_returned()->add_lines();
      line->set_quantity(1);
      line->mutable_amount()->set_currency_code("USD");
      line->mutable_amount()->set_micros(Draw(1, 80) * 1'000'000);
    } else if (kind == 1) {
      event.mutable_reservation_captured()->set_reservation_id(last);
    } else if (kind == 2) {
      event.mutable_reservation_released()->set_reservation_id(last);
    } else if (kind > 8) {
      return Decide(Paid(), occurred);
    } else if (kind > 6) {
      return purchases_.empty() ? void() : Decide(GivenBack(), occurred);
    } else {
      placed_ += 1;
      event.mutable_points_reserved()->set_reservation_id("r" + std::to_string(placed_));
      event.mutable_points_reserved()->set_points(Draw(1, 60));
      testing::SetTime(occurred + Draw(1, 7) * kMicrosPerDay, event.mutable_points_reserved()->mutable_hold_until());
    }
    Decide(event, occurred);
    // Often ended before the next step moves on.
    held_ = kind > 2 && Draw(0, 1) == 0;
    if (held_) Hold(occurred);
  }
  // Ten units for points and some money.
  events::v1::Event Paid() {
    events::v1::Event event;
    event.mutable_purchase_recorded()->set_merchant_id("m");
    event.mutable_purchase_recorded()->set_invoice_number(std::to_string(purchases_.size()));
    auto* line = event.mutable_purchase_recorded()->add_lines();
    line->set_quantity(10);
    line->mutable_amount()->set_currency_code("USD");
    line->mutable_amount()->set_micros(Draw(0, 3) * 10'000'000);
    line->set_points_paid(Draw(1, std::max<int64_t>(state_.available_points(), 1)));
    return event;
  }
  // Some or all units of one of the last purchases that points paid for.
  events::v1::Event GivenBack() {
    const auto count = static_cast<int64_t>(purchases_.size());
    const auto& purchase = std::next(purchases_.begin(), Draw(std::max<int64_t>(count - 3, 0), count - 1))->second;
    const auto& bought = purchase.purchase.lines(0);
    const int64_t units = Draw(0, 1) == 0 ? 10 : Draw(1, 9);
    events::v1::Event event;
    event.mutable_purchase_returned()->set_merchant_id("m");
    event.mutable_purchase_returned()->set_purchase_invoice_number(purchase.purchase.invoice_number());
    auto* line = event.mutable_purchase_returned()->add_lines();
    line->set_quantity(units);
    *line->mutable_amount() = bought.amount();
    line->mutable_amount()->set_micros(bought.amount().micros() / 10 * units);
    return event;
  }
  static events::v1::Event Opened() {
    events::v1::Event event;
    event.mutable_account_opened();
    return event;
  }
  int64_t Draw(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random_); }

  void Decide(const events::v1::Event& event, Micros occurred) {
    domain::DecideInput input;
    input.account_id = "a";
    input.facts.push_back({event, occurred});
    input.purchases = purchases_;
    auto outcome = domain::Decide(state_, input, programs_);
    // What was available may have run out by then.
    if (!outcome.ok()) return;
    for (const domain::DecidedEvent& decided : outcome->events) {
      captured_ += decided.event.has_reservation_captured() ? 1 : 0;
      ended_ += decided.event.has_reservation_expired() ? 1 : 0;
      owed_ += decided.event.points_reversed().debt() > 0 ? 1 : 0;
      restored_ += decided.event.has_points_restored() ? 1 : 0;
    }
    Keep(*outcome);
    Record(*std::move(outcome));
  }

  // Remembers a purchase that has a number, and what it earned.
  void Keep(const domain::Outcome& outcome) {
    domain::RecordedPurchase* kept = nullptr;
    for (size_t i = 0; i < outcome.events.size(); ++i) {
      const domain::DecidedEvent& decided = outcome.events[i];
      const uint64_t revision = outcome.state.next_revision - outcome.events.size() + i;
      if (const auto& number = decided.event.purchase_recorded().invoice_number(); !number.empty()) {
        kept = &purchases_[{"m", number}];
        *kept = {"a", revision, decided.occurred, decided.event.purchase_recorded(), {}, "shop", 1};
      } else if (kept != nullptr && decided.event.has_points_accrued()) {
        kept->accruals.emplace_back(revision, decided.event.points_accrued());
      }
    }
  }

  void Record(domain::Outcome outcome) {
    for (const domain::DecidedEvent& decided : outcome.events) {
      *log_.Add("a", decided.occurred).mutable_event() = decided.event;
    }
    state_ = std::move(outcome.state);
  }

  const bool holds_;
  int placed_ = 0;
  bool held_ = false;
  std::mt19937 random_;
  domain::ProgramSet programs_;
  domain::RecordedPurchases purchases_;
  domain::AccountState state_;
  testing::RecordLog log_;
  Micros clock_ = testing::Utc(2025, 1, 1);
  int captured_ = 0;
  int ended_ = 0;
  int owed_ = 0;
  int restored_ = 0;
};

}  // namespace keyledger::projections

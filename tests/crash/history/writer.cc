// See writer.h.
#include "tests/crash/history/writer.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace keyledger::testing {
namespace {

void SetMoney(events::v1::Money& money, uint64_t micros) {
  money.set_currency_code("USD");
  money.set_micros(static_cast<int64_t>(micros));
}

}  // namespace

Writer::Writer(int number, uint64_t seed) : name_(fmt::format("w{}-", number)), random_(seed) {}

ledger::v1::SubmittedEvent& Writer::AddEvent(ledger::v1::AppendRequest& request) {
  ledger::v1::SubmittedEvent& submitted = *request.add_events();
  submitted.mutable_occurred_time()->set_seconds(now_);
  submitted.set_correlation_id(name_ + "story");
  return submitted;
}

void Writer::Open(ledger::v1::AppendRequest& request) {
  accounts_.push_back(fmt::format("{}a{}", name_, accounts_.size()));
  request.set_account_id(accounts_.back());
  request.mutable_expected_revision()->mutable_new_account();
  auto& opened = *AddEvent(request).mutable_event()->mutable_account_opened();
  opened.set_display_name("Account of " + name_);
  opened.set_region("EU/DE");
}

void Writer::Buy(ledger::v1::AppendRequest& request) {
  auto& purchase = *AddEvent(request).mutable_event()->mutable_purchase_recorded();
  purchase.set_merchant_id(name_ + "shop");
  purchase.set_invoice_number(fmt::format("i{}", entries_.size()));
  const uint64_t lines = Draw(1, 3);
  for (uint64_t i = 0; i < lines; ++i) {
    events::v1::PurchaseLine& line = *purchase.add_lines();
    line.set_sku(fmt::format("sku-{}", Draw(1, 50)));
    line.set_category(Draw(0, 1) == 0 ? "homeware" : "tools");
    line.set_quantity(static_cast<int64_t>(Draw(1, 5)));
    SetMoney(*line.mutable_amount(), Draw(0, 500'000'000));
  }
  purchases_.push_back({request.account_id(), purchase.invoice_number(), purchase.lines(0), lines == 1});
}

void Writer::Return(ledger::v1::AppendRequest& request) {
  const size_t which = Draw(0, purchases_.size() - 1);
  std::swap(purchases_[which], purchases_.back());
  const Purchase bought = std::move(purchases_.back());
  purchases_.pop_back();
  request.set_account_id(bought.account_id);
  auto& returned = *AddEvent(request).mutable_event()->mutable_purchase_returned();
  returned.set_merchant_id(name_ + "shop");
  returned.set_return_number(fmt::format("r{}", entries_.size()));
  returned.set_purchase_invoice_number(bought.invoice);
  events::v1::ReturnLine& line = *returned.add_lines();
  line.set_line_number(1);
  line.set_quantity(1);
  SetMoney(*line.mutable_amount(),
           static_cast<uint64_t>(bought.first_line.amount().micros() / bought.first_line.quantity()));
}

size_t Writer::Next() {
  now_ += static_cast<int64_t>(Draw(0, 3 * 3600));
  ledger::v1::AppendRequest request;
  request.set_request_id(fmt::format("{}{}", name_, entries_.size()));
  request.set_actor(name_ + "clerk");
  request.set_view(Draw(0, 1) == 0 ? ledger::v1::APPEND_VIEW_FULL : ledger::v1::APPEND_VIEW_BASIC);
  const uint64_t kind = Draw(0, 99);
  if (accounts_.empty() || kind < 8) {
    Open(request);
  } else {
    request.mutable_expected_revision()->mutable_any();
    // Few accounts are busy, so that streams grow long and are written to by requests in flight together.
    request.set_account_id(accounts_[std::min(Draw(0, accounts_.size() - 1), Draw(0, accounts_.size() - 1))]);
    if (kind < 50) {
      Buy(request);
    } else if (kind < 56) {
      Buy(request);
      AddEvent(request).mutable_event()->mutable_custom_event()->set_type("io.keyledger.test.visit");
    } else if (kind < 68 && !purchases_.empty()) {
      Return(request);
    } else if (kind < 80) {
      auto& redeemed = *AddEvent(request).mutable_event()->mutable_points_redeemed();
      redeemed.set_points(static_cast<int64_t>(Draw(1, 80)));
      redeemed.set_reward("mug");
    } else if (kind < 90) {
      auto& adjusted = *AddEvent(request).mutable_event()->mutable_points_adjusted();
      adjusted.set_points(static_cast<int64_t>(Draw(1, 200)));
      adjusted.set_reason("goodwill");
    } else if (kind < 95) {
      auto& fact = *AddEvent(request).mutable_event()->mutable_account_facts_updated()->add_set_facts();
      fact.set_key(fmt::format("fact_{}", Draw(1, 20)));
      fact.set_value(fmt::format("{}", Draw(1, 1000)));
    } else {
      auto& custom = *AddEvent(request).mutable_event()->mutable_custom_event();
      custom.set_type("io.keyledger.test.note");
      custom.set_data(std::string(Draw(0, 4000), 'n'));
    }
  }
  entries_.emplace_back().request = std::move(request);
  return entries_.size() - 1;
}

std::string Writer::Applied(size_t place, ledger::v1::AppendResponse response) {
  Entry& entry = entries_[place];
  if (entry.outcome == Outcome::kRefused) {
    return fmt::format("{} was refused and then applied", entry.request.request_id());
  }
  if (entry.outcome == Outcome::kApplied) return CompareAnswers(entry.response, response);
  if (response.events_size() != entry.request.events_size()) {
    return fmt::format("{} has {} events and was answered {}", entry.request.request_id(), entry.request.events_size(),
                       response.events_size());
  }
  entry.outcome = Outcome::kApplied;
  entry.response = std::move(response);
  return "";
}

std::vector<size_t> Writer::Unanswered() const {
  std::vector<size_t> places;
  for (size_t place = 0; place < entries_.size(); ++place) {
    if (entries_[place].outcome == Outcome::kUnanswered) places.push_back(place);
  }
  return places;
}

std::string CompareAnswers(const ledger::v1::AppendResponse& first, const ledger::v1::AppendResponse& again) {
  if (!again.replayed()) return "was answered before, but is not called replayed";
  ledger::v1::AppendResponse expected = first;
  expected.set_replayed(true);
  // A cursor says where every shard is, and they have moved on.
  expected.set_cursor(again.cursor());
  if (expected.SerializeAsString() == again.SerializeAsString()) return "";
  return fmt::format("first answer:\n{}\nanswer to the repetition:\n{}", expected.DebugString(), again.DebugString());
}

}  // namespace keyledger::testing

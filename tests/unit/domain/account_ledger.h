// AccountLedger: one account with its log, written through Decide as a shard would. Tests of rules read: given a
// program, do this, expect these records.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/time/time.h>
#include <gtest/gtest.h>

#include "server/base/error.h"
#include "server/domain/decide.h"
#include "server/domain/evolve.h"
#include "server/domain/proto_time.h"
#include "server/domain/transfers.h"

namespace keyledger::domain {

inline constexpr int64_t kUnit = 1'000'000;

// A moment: "2024-01-31T08:00:00Z", or a date for 00:00 UTC.
inline Micros At(const std::string& text) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, text.size() == 10 ? text + "T00:00:00Z" : text, &time, &error))
      << error;
  return absl::ToUnixMicros(time);
}

inline std::shared_ptr<const CompiledProgram> ProgramOf(const std::string& yaml, uint32_t version = 1) {
  ParsedProgram parsed = ParseProgramYaml(yaml);
  for (const ProgramFinding& finding : parsed.findings) {
    ADD_FAILURE() << finding.line << ":" << finding.column << " " << finding.path << " " << finding.message;
  }
  parsed.program->set_version(version);
  auto compiled = CompiledProgram::Compile(*parsed.program);
  EXPECT_TRUE(compiled.ok()) << compiled.status();
  return *compiled;
}

// What every program of these tests begins with.
inline std::string Head(const std::string& zone = "UTC") {
  return "program_id: test\ntime_zone: " + zone + "\ncurrency_code: USD\neffective_from: 2000-01-01\n";
}

struct TestLine {
  int64_t micros = 0;
  int64_t quantity = 1;
  std::string category{};
  // Returns: line of the purchase.
  uint32_t number = 0;
};

// A declared fact of the account.
inline Fact Declare(Micros at, const std::string& key, const std::string& value) {
  Fact fact{{}, at};
  auto* set = fact.event.mutable_account_facts_updated()->add_set_facts();
  set->set_key(key);
  set->set_value(value);
  return fact;
}

class AccountLedger {
 public:
  explicit AccountLedger(const std::string& yaml) : programs_({ProgramOf(yaml)}) {}
  explicit AccountLedger(std::vector<std::shared_ptr<const CompiledProgram>> programs)
      : programs_(std::move(programs)) {}

  const std::string& account_id() const { return account_id_; }
  const AccountState& state() const { return state_; }
  const ProgramSet& programs() const { return programs_; }
  const std::vector<DecidedEvent>& log() const { return log_; }

  // Decides one request and, if accepted, keeps what it recorded. Returns the events recorded.
  absl::StatusOr<std::vector<DecidedEvent>> Submit(std::vector<Fact> facts) {
    DecideInput input;
    input.account_id = account_id_;
    for (const Fact& fact : facts) {
      const absl::Status shape = ValidateFact(fact.event, "events[0]");
      if (!shape.ok()) return shape;
      AddPurchase(fact.event, input.purchases);
    }
    input.facts = std::move(facts);
    auto outcome = Decide(state_, input, programs_);
    if (!outcome.ok()) return outcome.status();
    return Keep(std::move(*outcome));
  }

  // It is another account than "acme", and returns may name purchases of those.
  void BeOther(const std::string& account_id, std::vector<const AccountLedger*> merged) {
    account_id_ = account_id;
    merged_ = std::move(merged);
  }

  // The other two steps of a transfer, as a courier takes them.
  absl::StatusOr<std::vector<DecidedEvent>> Receive(const TransferReceipt& receipt) {
    auto outcome = DecideTransferReceipt(state_, receipt, programs_);
    if (!outcome.ok()) return outcome.status();
    return Keep(std::move(*outcome));
  }
  std::vector<DecidedEvent> End(const TransferResult& result) {
    auto outcome = DecideTransferResult(state_, result, programs_);
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    return Keep(std::move(*outcome));
  }

  // Takes what is due by then.
  std::vector<DecidedEvent> AdvanceTo(Micros until) {
    auto outcome = Advance(state_, until, programs_);
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    return Keep(std::move(*outcome));
  }

  static Fact Open(Micros at, const std::string& region = "") {
    Fact fact{{}, at};
    fact.event.mutable_account_opened()->set_region(region);
    return fact;
  }

  static Fact Buy(Micros at, std::vector<TestLine> lines, const std::string& invoice = "",
                  const std::string& region = "", const std::string& currency = "USD") {
    Fact fact{{}, at};
    auto* purchase = fact.event.mutable_purchase_recorded();
    if (!invoice.empty()) purchase->set_merchant_id("shop");
    purchase->set_invoice_number(invoice);
    purchase->set_region(region);
    for (const TestLine& line : lines) {
      auto* out = purchase->add_lines();
      out->set_quantity(line.quantity);
      out->set_category(line.category);
      out->mutable_amount()->set_currency_code(currency);
      out->mutable_amount()->set_micros(line.micros);
    }
    return fact;
  }

  static Fact Return(Micros at, std::vector<TestLine> lines, const std::string& invoice = "",
                     const std::string& currency = "USD") {
    Fact fact{{}, at};
    auto* returned = fact.event.mutable_purchase_returned();
    if (!invoice.empty()) returned->set_merchant_id("shop");
    returned->set_purchase_invoice_number(invoice);
    for (const TestLine& line : lines) {
      auto* out = returned->add_lines();
      out->set_line_number(line.number);
      out->set_quantity(line.quantity);
      out->set_category(line.category);
      out->mutable_amount()->set_currency_code(currency);
      out->mutable_amount()->set_micros(line.micros);
    }
    return fact;
  }

  static Fact Redeem(Micros at, int64_t points) {
    Fact fact{{}, at};
    fact.event.mutable_points_redeemed()->set_points(points);
    return fact;
  }

  static Fact Send(Micros at, const std::string& id, int64_t points, const std::string& to = "other") {
    Fact fact{{}, at};
    fact.event.mutable_points_transfer_sent()->set_transfer_id(id);
    fact.event.mutable_points_transfer_sent()->set_to_account_id(to);
    fact.event.mutable_points_transfer_sent()->set_points(points);
    return fact;
  }

  static Fact Adjust(Micros at, int64_t points, Micros expire = kNever) {
    Fact fact{{}, at};
    fact.event.mutable_points_adjusted()->set_points(points);
    fact.event.mutable_points_adjusted()->set_reason("goodwill");
    if (expire != kNever) SetTimestamp(fact.event.mutable_points_adjusted()->mutable_expire_time(), expire);
    return fact;
  }

  static Fact Close(Micros at) {
    Fact fact{{}, at};
    fact.event.mutable_account_closed()->set_reason("moved away");
    return fact;
  }

  static Fact Reopen(Micros at) {
    Fact fact{{}, at};
    fact.event.mutable_account_reopened()->set_reason("came back");
    return fact;
  }

  // Kinds of the events by payload name, as in "purchase_recorded points_accrued".
  static std::string Kinds(const std::vector<DecidedEvent>& events) {
    std::string kinds;
    for (const DecidedEvent& event : events) {
      const int number = static_cast<int>(event.event.payload_case());
      kinds += (kinds.empty() ? "" : " ") + events::v1::Event::descriptor()->FindFieldByNumber(number)->name();
    }
    return kinds;
  }

  // The purchase as a shard would find it in the log. `account_id` is whose it is.
  RecordedPurchase Find(const std::string& invoice, const std::string& account_id = "acme") const {
    RecordedPurchase found;
    for (size_t i = 0; i < log_.size(); ++i) {
      const auto& event = log_[i].event;
      if (event.has_purchase_recorded() && event.purchase_recorded().invoice_number() == invoice) {
        found = {account_id, i, log_[i].occurred, event.purchase_recorded(), {}, "", 0};
      }
    }
    for (size_t i = 0; i < log_.size(); ++i) {
      const auto& event = log_[i].event;
      if (event.has_points_accrued() && event.points_accrued().purchase_revision() == found.revision) {
        found.accruals.emplace_back(i, event.points_accrued());
        found.program_id = log_[i].program_id;
        found.program_version = log_[i].program_version;
      }
    }
    return found;
  }

 private:
  void AddPurchase(const events::v1::Event& event, RecordedPurchases& purchases) const {
    const std::string& invoice = event.purchase_returned().purchase_invoice_number();
    if (invoice.empty()) return;
    for (const DecidedEvent& recorded : log_) {
      if (recorded.event.purchase_recorded().invoice_number() == invoice) {
        purchases[{"shop", invoice}] = Find(invoice, account_id_);
      }
    }
    for (const AccountLedger* merged : merged_) merged->AddPurchase(event, purchases);
  }

  std::vector<DecidedEvent> Keep(Outcome outcome) {
    state_ = std::move(outcome.state);
    log_.insert(log_.end(), outcome.events.begin(), outcome.events.end());
    return outcome.events;
  }

  ProgramSet programs_;
  std::string account_id_ = "acme";
  std::vector<const AccountLedger*> merged_;
  AccountState state_;
  std::vector<DecidedEvent> log_;
};

}  // namespace keyledger::domain

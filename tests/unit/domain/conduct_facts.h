// Facts about what is granted, given and observed, for tests of limits.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {

// Head and limits.
inline std::string Limits(const std::string& entries, const std::string& zone = "UTC") {
  return Head(zone) + "limits:\n" + entries;
}

inline Fact Discount(Micros at, int64_t percent_milli, const std::string& role,
                     const std::vector<std::pair<std::string, std::string>>& approvals = {}) {
  Fact fact{{}, at};
  auto* granted = fact.event.mutable_discount_granted();
  granted->set_percent_milli(percent_milli);
  granted->set_proposer_role(role);
  granted->set_proposer("p1");
  for (const auto& [approver_role, approver] : approvals) {
    auto* approval = granted->add_approvals();
    approval->set_role(approver_role);
    approval->set_approver(approver);
  }
  return fact;
}

inline Fact Gift(Micros at, int64_t micros, const std::string& contact = "li", const std::string& item = "tea",
                 const std::string& currency = "USD") {
  Fact fact{{}, at};
  auto* gift = fact.event.mutable_gift_given();
  gift->set_contact_id(contact);
  gift->set_item(item);
  gift->set_quantity(1);
  gift->mutable_value()->set_currency_code(currency);
  gift->mutable_value()->set_micros(micros);
  return fact;
}

inline Fact Commission(Micros at, int64_t micros, const std::string& contact = "li") {
  Fact fact{{}, at};
  auto* paid = fact.event.mutable_commission_paid();
  paid->set_contact_id(contact);
  paid->mutable_amount()->set_currency_code("USD");
  paid->mutable_amount()->set_micros(micros);
  return fact;
}

inline Fact Service(Micros at, const std::string& kind, int64_t micros, const std::string& contact = "") {
  Fact fact{{}, at};
  auto* service = fact.event.mutable_service_provided();
  service->set_kind(kind);
  service->set_contact_id(contact);
  service->mutable_cost()->set_currency_code("USD");
  service->mutable_cost()->set_micros(micros);
  return fact;
}

inline Fact MarketPriceSeen(Micros at, int64_t micros, const std::string& sku = "tea", const std::string& region = "",
                            const std::string& currency = "USD") {
  Fact fact{{}, at};
  auto* observed = fact.event.mutable_market_price_observed();
  observed->set_sku(sku);
  observed->set_region(region);
  observed->mutable_unit_price()->set_currency_code(currency);
  observed->mutable_unit_price()->set_micros(micros);
  return fact;
}

inline Fact Sale(Micros at, int64_t quantity, int64_t micros, const std::string& sku = "tea",
                 const std::string& region = "", const std::string& currency = "USD") {
  Fact fact = AccountLedger::Buy(at, {{micros, quantity}}, "", region, currency);
  fact.event.mutable_purchase_recorded()->mutable_lines(0)->set_sku(sku);
  return fact;
}

// Whether a request is recorded: "ok", or its reason and metadata as "k=v;".
inline std::string Verdict(const absl::StatusOr<std::vector<DecidedEvent>>& result) {
  if (result.ok()) return "ok";
  std::string text = ReasonOf(result.status()) == Reason::kLimitExceeded
                         ? "exceeded "
                         : fmt::format("{} ", static_cast<int>(ReasonOf(result.status())));
  for (const auto& [key, value] : MetadataOf(result.status())) text += key + "=" + value + ";";
  return text;
}

// The flags among events: "limit measure value>threshold of revision" and what else is set.
inline std::vector<std::string> FlagsOf(const absl::StatusOr<std::vector<DecidedEvent>>& result) {
  EXPECT_TRUE(result.ok()) << result.status();
  std::vector<std::string> flags;
  if (!result.ok()) return flags;
  for (const DecidedEvent& event : *result) {
    if (!event.event.has_compliance_flagged()) continue;
    EXPECT_TRUE(event.is_decision);
    EXPECT_EQ(event.program_id, "test");
    const auto& flag = event.event.compliance_flagged();
    std::string text = fmt::format("{} {} {}>{} of {}", flag.limit_id(), events::v1::LimitMeasure_Name(flag.measure()),
                                   flag.value(), flag.threshold(), flag.fact_revision());
    if (flag.line_number() > 0) text += fmt::format(" line {}", flag.line_number());
    if (flag.observations() > 0) text += fmt::format(" observations {}", flag.observations());
    if (flag.has_period_start()) text += " from " + FormatMicros(MicrosOf(flag.period_start()));
    flags.push_back(std::move(text));
  }
  return flags;
}

}  // namespace keyledger::domain

// Other items: orders, loans, entitlements, obligations, commissions accrued, handovers and sanctions, all alike.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/money.pb.h"
#include "projections/pipeline/pipeline_page.h"
#include "projections/pipeline/pipeline_scan.h"

namespace keyledger::projections::pipeline {

// What is left of an entitlement without a quantity.
inline constexpr int64_t kWithoutLimit = -1;

struct OtherItemRow {
  std::string account_id;
  std::string item_id;
  bool open = false;
  // In words.
  std::string what;
  Micros open_time = 0;
  // When it is due, or valid until; nothing: never.
  std::optional<Micros> due;
  // It is open, and that time is past.
  bool overdue = false;
  // Empty: none.
  std::string person;
  std::string contact_id;
  std::optional<events::v1::Money> amount;
  // Of a loan or an entitlement: how many there were; still out, or left.
  int64_t quantity = 0;
  int64_t remaining = 0;
};

struct OtherItemQuery {
  // One of those above.
  domain::ItemKind kind = domain::ItemKind::kOrder;
  // Empty: all accounts.
  std::string account_id;
  ItemState state = ItemState::kOpen;
  PageAsk page;
};

struct OtherItemList {
  // By due time, those without last.
  std::vector<OtherItemRow> rows;
  std::string next;
  int64_t count = 0;
  MoneySums sums;
};

// Requires: as_of is a moment. Errors: those of WalkItems; INVALID_ARGUMENT (kInvalidToken), FAILED_PRECONDITION
// (kArithmeticRange).
absl::StatusOr<OtherItemList> ListItems(const Shards& shards, const PipelineScope& scope, const OtherItemQuery& query);

}  // namespace keyledger::projections::pipeline

// WalkItems: visits the accounts of all shards that have items, each with its items as of a moment and what is known of
// the account itself: which programs govern it, which tier it held, who owns it.
//
// The order of the visits means nothing: whoever lists, sorts (pipeline_page.h).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <google/protobuf/repeated_field.h>

#include "keyledger/programs/v1/cadence.pb.h"
#include "projections/engagement/engagement_history.h"
#include "projections/pipeline/item_history.h"
#include "server/base/calendar.h"
#include "server/domain/program_set.h"
#include "server/store/table.h"

namespace keyledger::projections::pipeline {

using Shards = std::vector<const store::TableReader*>;

// What is looked at. as_of is a moment, at most now.
struct PipelineScope : engagement::EngagementScope {
  // Those published before known_at. Never null.
  std::shared_ptr<const domain::ProgramSet> programs = std::make_shared<const domain::ProgramSet>();
};

// What of the items is wanted.
struct ItemAsk {
  std::vector<domain::ItemKind> kinds;
  // Payments and exceptions from the terms of payment.
  bool payments = false;
  // Only this account; empty: all.
  std::string account_id;
};

// One account with items.
class ItemAccount {
 public:
  // `owner`: of the account, or of the one that it was merged into.
  ItemAccount(const engagement::EngagementHistory& history, const PipelineScope& scope, std::string owner)
      : history_(history), scope_(scope), owner_(std::move(owner)) {}

  const std::string& account_id() const { return history_.account_id; }
  const engagement::EngagementHistory& history() const { return history_; }

  // Of the kinds asked for, in the order in which they were opened.
  std::vector<ItemLife> items;
  // In scope, in the order in which they were recorded.
  std::vector<ItemFact> payments;

  // The program that governs what occurs on the account then; null: none.
  const domain::CompiledProgram* ProgramAt(Micros time) const;
  // The deadlines of that program; null: none.
  const programs::v1::Deadlines* DeadlinesAt(Micros time) const;
  // The zone that its days are counted in: the one it declares at as_of, or that of the program that governs it then.
  Zone ZoneNow() const;
  // `person`, or, where it is empty, the owner at as_of; of an account that was merged, that of the one that goes on.
  std::string PersonOr(const std::string& person) const;

 private:
  const engagement::EngagementHistory& history_;
  const PipelineScope& scope_;
  const std::string owner_;
};

using ItemVisitor = std::function<absl::Status(const ItemAccount& account)>;

// Visits each account that the scope's filter lets through and that has a row of what is asked for; items may be none,
// where all of them began at as_of or later. Items of an account that was merged are visited under its own id.
// Memory: one account. Errors: DATA_LOSS (kStoreDamaged), CANCELLED, and whatever `visit` returns, at once.
absl::Status WalkItems(const Shards& shards, const PipelineScope& scope, const ItemAsk& ask, const ItemVisitor& visit);

// Which items a list is of.
enum class ItemState { kOpen, kEnded, kAll };
inline bool IsIn(ItemState state, bool open) { return state == ItemState::kAll || (state == ItemState::kOpen) == open; }

}  // namespace keyledger::projections::pipeline

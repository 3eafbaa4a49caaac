// Items: what goes through states on an account (quotes, opportunities, issues, plans and so on), each kind with one
// table of transitions. Deciding, folding and the answers' possible steps all read the same table.
//
// Steps and states are numbers of one machine, from 1; 0 as a state means: not open. Names are those of the protocol in
// lower case without prefix ("in_approval", "approval_given"). Where the protocol has an enumeration of steps or states
// (QuoteStep, OpportunityStage, IssueState), the numbers are its own.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "keyledger/events/v1/event.pb.h"
#include "server/domain/account_state.h"

namespace keyledger::domain {

// One row of a machine. from 0: the item is not open, so the step opens it; to 0: the step ends it.
struct Transition {
  uint8_t from;
  uint8_t step;
  uint8_t to;
};

// The machine of a kind, by state, then step in the order in which people would think of them. Where a state allows a
// step with more than one outcome (a quote proposed: approved or in approval), there is a row for each; which one it is
// TakeStep says.
std::span<const Transition> TransitionsOf(ItemKind kind);

// States that rooms ask for by number. Those of opportunities are OpportunityStage, of issues IssueState.
namespace quote_state {
inline constexpr uint8_t kInApproval = 1;
inline constexpr uint8_t kApproved = 2;
inline constexpr uint8_t kRefused = 3;
inline constexpr uint8_t kEntered = 4;
inline constexpr uint8_t kCleared = 5;
inline constexpr uint8_t kIssued = 6;
inline constexpr uint8_t kConfirmed = 7;
inline constexpr uint8_t kPaymentMet = 8;
inline constexpr uint8_t kConditionsMet = 9;
}  // namespace quote_state
namespace plan_state {
inline constexpr uint8_t kDraft = 1;
inline constexpr uint8_t kAgreed = 2;
}  // namespace plan_state
namespace contract_state {
inline constexpr uint8_t kRunning = 1;
inline constexpr uint8_t kBreached = 2;
}  // namespace contract_state

// OpenItem::marks, by kind. Of a planned interaction they are its InteractionKind.
namespace item_mark {
// Of a quote: the departments that agree, and that a payment or an exception names it.
inline constexpr uint32_t kProductCleared = 1;
inline constexpr uint32_t kLegalCleared = 2;
inline constexpr uint32_t kFinanceCleared = 4;
inline constexpr uint32_t kAllCleared = kProductCleared | kLegalCleared | kFinanceCleared;
inline constexpr uint32_t kPaid = 8;
// Of a promise: it has a due time, so that it ends when kept or broken.
inline constexpr uint32_t kForOnce = 1;
// Of an entitlement: it has no quantity, so that nothing of it is used up.
inline constexpr uint32_t kUnlimited = 1;
}  // namespace item_mark

// What an event does to an item.
struct ItemStep {
  ItemKind kind;
  // Points into the event.
  std::string_view item_id;
  uint8_t step;
};

// Nothing: the event is no step of an item. Requires for an answer that means something: the event has the form that
// ValidateFact asks for.
std::optional<ItemStep> ItemStepOf(const events::v1::Event& event);

// Whether the kind's items can be in that state while they are open.
bool HasState(ItemKind kind, uint8_t state);
// Whether the state (0: not open) allows the step.
bool IsAllowed(const ItemStep& step, uint8_t state);
// Whether the step opens an item.
bool Opens(const ItemStep& step);

// Takes the step that `event`, which occurred then, is for `item`, whose state is 0 if it is not open: changes its
// state (0: it has ended, and nothing else of it means anything) and what its next steps are decided by. Returns false
// and leaves the item as it was if its state does not allow the step.
// Requires: the event is a step of an item of that kind.
bool TakeStep(const events::v1::Event& event, Micros occurred, OpenItem& item);

// The quote that a payment or an exception from the terms of payment names; empty: none. What is open under the id is
// then marked as paid (item_mark::kPaid); that is no step.
std::string_view QuotePaidBy(const events::v1::Event& event);

// Whether an item that had an end is open no more, at a clock of its account (kItemAfterEndMicros).
bool IsPastItsEnd(const OpenItem& item, Micros clock);

// "quote".
std::string_view KindName(ItemKind kind);
// "in_approval". Requires: a state of the kind, not 0.
std::string_view StateName(ItemKind kind, uint8_t state);
// "approval_given". Requires: a step of the kind.
std::string_view StepName(ItemKind kind, uint8_t step);
// The steps that a state allows, in the machine's order, each once. What else a step needs (a payment on record) is not
// asked.
std::vector<std::string_view> LegalSteps(ItemKind kind, uint8_t state);

}  // namespace keyledger::domain

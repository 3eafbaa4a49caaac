// The fold of the account itself: one function per kind of event; evolve_points.cc folds what moves points. See
// evolve.h for the contract, fold.h for how faults are told apart.
#include "server/domain/evolve.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/base/checked.h"
#include "server/base/error.h"
#include "server/domain/fold.h"
#include "server/domain/proto_time.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;

// Spend of a slot that nets to zero is left out, so that the series does not depend on how it came about.
FoldResult AddSpend(AccountState& state, const std::string& currency, int64_t micros, Micros occurred) {
  if (micros == 0) return kFolded;
  std::vector<SpendSlot>& series = state.spend[currency];
  const int64_t slot = SlotOf(occurred);
  auto at = series.end();
  // Most events come in order: look at the end before searching.
  if (!series.empty() && series.back().slot >= slot) {
    at = std::lower_bound(series.begin(), series.end(), slot,
                          [](const SpendSlot& entry, int64_t wanted) { return entry.slot < wanted; });
  }
  if (at == series.end() || at->slot != slot) {
    series.insert(at, SpendSlot{slot, micros});
    return kFolded;
  }
  if (!AddTo(at->micros, micros)) return OutOfRange("net spend of a quarter of an hour leaves 64 bits");
  if (at->micros == 0) series.erase(at);
  if (series.empty()) state.spend.erase(currency);
  return kFolded;
}

// Drops what no window can reach any more.
void PruneSpend(AccountState& state) {
  const int64_t oldest = SlotOf(state.clock - kSpendHorizonMicros);
  for (auto entry = state.spend.begin(); entry != state.spend.end();) {
    std::vector<SpendSlot>& series = entry->second;
    auto keep = series.begin();
    while (keep != series.end() && keep->slot < oldest) ++keep;
    series.erase(series.begin(), keep);
    entry = series.empty() ? state.spend.erase(entry) : std::next(entry);
  }
}

// Likewise counts that no maximum is held against any more.
void PruneCounts(AccountState& state) {
  std::erase_if(state.counts,
                [&](const auto& entry) { return entry.first.second < state.clock - kSpendHorizonMicros; });
}

FoldResult FoldOpened(AccountState& state, const events::v1::AccountOpened& opened, Micros occurred) {
  if (state.next_revision != 0) return Contradiction("an account opened twice");
  state.lifecycle = Lifecycle::kOpen;
  state.open_time = occurred;
  state.display_name = opened.display_name();
  state.region = opened.region();
  state.segment = opened.segment();
  state.owner = opened.owner();
  for (const auto& fact : opened.facts()) state.facts[fact.key()] = fact.value();
  return kFolded;
}

FoldResult FoldFacts(AccountState& state, const events::v1::AccountFactsUpdated& updated) {
  if (updated.has_display_name()) state.display_name = updated.display_name();
  if (updated.has_region()) state.region = updated.region();
  if (updated.has_segment()) state.segment = updated.segment();
  if (updated.has_owner()) state.owner = updated.owner();
  for (const auto& fact : updated.set_facts()) state.facts[fact.key()] = fact.value();
  for (const auto& key : updated.removed_keys()) state.facts.erase(key);
  return kFolded;
}

FoldResult FoldPurchase(AccountState& state, const events::v1::PurchaseRecorded& purchase, Micros occurred) {
  int64_t sum = 0;
  for (const auto& line : purchase.lines()) {
    if (!AddTo(sum, line.amount().micros())) return OutOfRange("the sum of a purchase leaves 64 bits");
  }
  state.purchase_count += 1;
  state.last_purchase = std::max(state.last_purchase, occurred);
  state.last_activity = std::max(state.last_activity, occurred);
  return purchase.lines().empty() ? kFolded
                                  : AddSpend(state, purchase.lines(0).amount().currency_code(), sum, occurred);
}

// A line number of 0 means the only line of the purchase.
FoldResult AddReturned(std::vector<ReturnedLine>& lines, const events::v1::ReturnLine& line) {
  const uint32_t number = line.line_number() == 0 ? 1 : line.line_number();
  const auto at = std::lower_bound(lines.begin(), lines.end(), number, [](const ReturnedLine& entry, uint32_t wanted) {
    return entry.line_number < wanted;
  });
  if (at == lines.end() || at->line_number != number) {
    lines.insert(at, ReturnedLine{number, line.quantity(), line.amount().micros()});
    return kFolded;
  }
  const bool fits = AddTo(at->quantity, line.quantity()) && AddTo(at->micros, line.amount().micros());
  return fits ? kFolded : OutOfRange("what was returned of a line leaves 64 bits");
}

FoldResult FoldReturn(AccountState& state, const events::v1::PurchaseReturned& returned, Micros occurred) {
  int64_t sum = 0;
  for (const auto& line : returned.lines()) {
    if (!AddTo(sum, line.amount().micros())) return OutOfRange("the sum of a return leaves 64 bits");
  }
  if (returned.has_purchase_revision()) {
    if (returned.purchase_revision() >= state.next_revision) return Contradiction("a return of a purchase yet to come");
    std::vector<ReturnedLine>& lines = state.returned[returned.purchase_revision()];
    for (const auto& line : returned.lines()) {
      const FoldResult result = AddReturned(lines, line);
      if (!result.ok()) return result;
    }
  }
  return returned.lines().empty() ? kFolded
                                  : AddSpend(state, returned.lines(0).amount().currency_code(), -sum, occurred);
}

FoldResult FoldPayload(AccountState& state, const Event& event, Micros occurred, EmptyLots empty_lots) {
  switch (event.payload_case()) {
    case Event::kAccountOpened:
      return FoldOpened(state, event.account_opened(), occurred);
    case Event::kAccountFactsUpdated:
      return FoldFacts(state, event.account_facts_updated());
    case Event::kAccountClosed:
      state.lifecycle = Lifecycle::kClosed;
      return kFolded;
    case Event::kAccountReopened:
      state.lifecycle = Lifecycle::kOpen;
      return kFolded;
    case Event::kPurchaseRecorded:
      return FoldPurchase(state, event.purchase_recorded(), occurred);
    case Event::kPurchaseReturned:
      return FoldReturn(state, event.purchase_returned(), occurred);
    case Event::kCustomEvent:
      return kFolded;
    case Event::kTierAssigned:
      state.tier = {event.tier_assigned().ladder_id(), event.tier_assigned().tier_id(), occurred};
      return kFolded;
    case Event::kProgramPublished:
      return Contradiction("a program published to an account");
    case Event::PAYLOAD_NOT_SET:
      return Contradiction("an event of a kind this version does not know");
    default:
      return FoldPoints(state, event, occurred, empty_lots);
  }
}

}  // namespace

int64_t SlotOf(Micros time) { return time / kSpendSlotMicros - (time % kSpendSlotMicros < 0 ? 1 : 0); }

FoldResult Fold(AccountState& state, const Event& event, Micros occurred, EmptyLots empty_lots) {
  if (state.next_revision == 0 && event.payload_case() != Event::kAccountOpened) {
    return Contradiction("a stream that does not begin with AccountOpened");
  }
  const FoldResult result = FoldPayload(state, event, occurred, empty_lots);
  if (!result.ok()) return result;
  state.next_revision += 1;
  state.clock = std::max(state.clock, occurred);
  PruneSpend(state);
  PruneCounts(state);
  return result;
}

absl::Status Evolve(AccountState& state, const Event& event, Micros occurred) {
  const uint64_t revision = state.next_revision;
  const FoldResult result = Fold(state, event, occurred, EmptyLots::kRemove);
  if (!result.ok()) {
    return MakeError(Reason::kStoreDamaged,
                     fmt::format("the record at revision {} does not fold: {}", revision, result.what));
  }
  return absl::OkStatus();
}

}  // namespace keyledger::domain

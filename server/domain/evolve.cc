// The fold: one function per kind of event. See evolve.h for the contract, fold.h for how faults are told apart.
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

constexpr FoldResult kFolded{};

FoldResult Contradiction(const char* what) { return {FoldFault::kContradiction, what}; }
FoldResult OutOfRange(const char* what) { return {FoldFault::kRange, what}; }

bool AddTo(int64_t& total, int64_t value) {
  const auto sum = CheckedAdd(total, value);
  if (!sum.has_value()) return false;
  total = *sum;
  return true;
}

std::vector<Lot>::iterator FindLot(AccountState& state, uint64_t revision) {
  const auto found = std::lower_bound(state.lots.begin(), state.lots.end(), revision,
                                      [](const Lot& lot, uint64_t wanted) { return lot.revision < wanted; });
  return found != state.lots.end() && found->revision == revision ? found : state.lots.end();
}

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

FoldResult AddLot(AccountState& state, Lot lot) {
  if (lot.accrued <= 0) return Contradiction("a lot of no points");
  if (!AddTo(state.totals.accrued, lot.accrued)) return OutOfRange("points accrued leave 64 bits");
  lot.revision = state.next_revision;
  lot.remaining = lot.accrued;
  state.lots.push_back(lot);
  return kFolded;
}

FoldResult TakeFromLot(AccountState& state, uint64_t revision, int64_t points, EmptyLots empty_lots) {
  const auto lot = FindLot(state, revision);
  if (lot == state.lots.end()) return Contradiction("points taken from a lot that does not exist");
  if (points <= 0 || points > lot->remaining) return Contradiction("more points taken from a lot than it holds");
  lot->remaining -= points;
  if (lot->remaining == 0 && empty_lots == EmptyLots::kRemove) state.lots.erase(lot);
  return kFolded;
}

// Takes what the allocations say, which must be `points` in all, and books it to `total`.
FoldResult TakeAllocations(AccountState& state,
                           const google::protobuf::RepeatedPtrField<events::v1::LotAllocation>& allocations,
                           int64_t points, int64_t& total, EmptyLots empty_lots) {
  int64_t taken = 0;
  for (const auto& allocation : allocations) {
    const auto lot = FindLot(state, allocation.lot_revision());
    if (lot != state.lots.end() && lot->pending != allocation.pending()) {
      return Contradiction("an allocation that mistakes pending points for available ones");
    }
    const FoldResult result = TakeFromLot(state, allocation.lot_revision(), allocation.points(), empty_lots);
    if (!result.ok()) return result;
    if (!AddTo(taken, allocation.points())) return Contradiction("allocations that leave 64 bits");
  }
  if (taken != points) return Contradiction("allocations that do not sum to the points moved");
  return AddTo(total, points) ? kFolded : OutOfRange("a total of points leaves 64 bits");
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

FoldResult FoldAdjusted(AccountState& state, const events::v1::PointsAdjusted& adjusted, Micros occurred,
                        EmptyLots empty_lots) {
  if (adjusted.points() > 0) {
    Lot lot;
    lot.accrued = adjusted.points();
    lot.occurred = occurred;
    if (adjusted.has_expire_time()) lot.expire = MicrosOf(adjusted.expire_time());
    return AddLot(state, lot);
  }
  const auto magnitude = CheckedSub(0, adjusted.points());
  if (!magnitude.has_value()) return Contradiction("an adjustment that leaves 64 bits");
  return TakeAllocations(state, adjusted.allocations(), *magnitude, state.totals.spent, empty_lots);
}

FoldResult FoldAccrued(AccountState& state, const events::v1::PointsAccrued& accrued, Micros occurred) {
  Lot lot;
  lot.accrued = accrued.points();
  lot.occurred = occurred;
  if (accrued.has_activate_time()) {
    lot.pending = true;
    lot.activate = MicrosOf(accrued.activate_time());
  }
  if (accrued.has_expire_time()) lot.expire = MicrosOf(accrued.expire_time());
  return AddLot(state, lot);
}

FoldResult FoldActivated(AccountState& state, const events::v1::PointsActivated& activated) {
  const auto lot = FindLot(state, activated.lot_revision());
  if (lot == state.lots.end() || !lot->pending) return Contradiction("activation of a lot that is not pending");
  if (lot->remaining != activated.points()) return Contradiction("activation of other points than the lot holds");
  lot->pending = false;
  lot->activate = 0;
  return kFolded;
}

FoldResult FoldExpired(AccountState& state, const events::v1::PointsExpired& expired, EmptyLots empty_lots) {
  const auto lot = FindLot(state, expired.lot_revision());
  if (lot == state.lots.end() || lot->remaining != expired.points()) {
    return Contradiction("expiry of other points than the lot holds");
  }
  if (!AddTo(state.totals.expired, expired.points())) return OutOfRange("points expired leave 64 bits");
  return TakeFromLot(state, expired.lot_revision(), expired.points(), empty_lots);
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
    case Event::kPointsRedeemed:
      return TakeAllocations(state, event.points_redeemed().allocations(), event.points_redeemed().points(),
                             state.totals.spent, empty_lots);
    case Event::kPointsAdjusted:
      return FoldAdjusted(state, event.points_adjusted(), occurred, empty_lots);
    case Event::kCustomEvent:
      return kFolded;
    case Event::kPointsAccrued:
      return FoldAccrued(state, event.points_accrued(), occurred);
    case Event::kPointsActivated:
      return FoldActivated(state, event.points_activated());
    case Event::kPointsReversed:
      return TakeAllocations(state, event.points_reversed().allocations(), event.points_reversed().points(),
                             state.totals.reversed, empty_lots);
    case Event::kPointsExpired:
      return FoldExpired(state, event.points_expired(), empty_lots);
    case Event::kTierAssigned:
      state.tier = {event.tier_assigned().ladder_id(), event.tier_assigned().tier_id(), occurred};
      return kFolded;
    case Event::kProgramPublished:
      return Contradiction("a program published to an account");
    case Event::PAYLOAD_NOT_SET:
      break;
  }
  return Contradiction("an event of a kind this version does not know");
}

}  // namespace

int64_t SlotOf(Micros time) { return time / kSpendSlotMicros - (time % kSpendSlotMicros < 0 ? 1 : 0); }

bool LotsMatchTotals(const AccountState& state) {
  Int128 sum = 0;
  for (const Lot& lot : state.lots) sum += lot.remaining;
  const PointsTotals& totals = state.totals;
  return sum == static_cast<Int128>(totals.accrued) - totals.spent - totals.expired - totals.reversed;
}

void RemoveEmptyLots(AccountState& state) {
  std::erase_if(state.lots, [](const Lot& lot) { return lot.remaining == 0; });
}

FoldResult Fold(AccountState& state, const Event& event, Micros occurred, EmptyLots empty_lots) {
  if (state.next_revision == 0 && event.payload_case() != Event::kAccountOpened) {
    return Contradiction("a stream that does not begin with AccountOpened");
  }
  const FoldResult result = FoldPayload(state, event, occurred, empty_lots);
  if (!result.ok()) return result;
  state.next_revision += 1;
  state.clock = std::max(state.clock, occurred);
  PruneSpend(state);
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

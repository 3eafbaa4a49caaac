// The fold of what moves points. See evolve.h for the contract, fold.h for how faults are told apart.
#include <algorithm>

#include "server/base/checked.h"
#include "server/domain/evolve.h"
#include "server/domain/fold.h"
#include "server/domain/proto_time.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;

std::vector<Lot>::iterator FindLot(AccountState& state, uint64_t revision) {
  const auto found = std::lower_bound(state.lots.begin(), state.lots.end(), revision,
                                      [](const Lot& lot, uint64_t wanted) { return lot.revision < wanted; });
  return found != state.lots.end() && found->revision == revision ? found : state.lots.end();
}

// Lets points come back to the lot they were taken from, and makes it again if it is gone.
FoldResult PutBack(AccountState& state, const Lot& terms, int64_t points, Micros occurred) {
  if (points <= 0) return Contradiction("no points that come back");
  auto lot = FindLot(state, terms.revision);
  if (lot == state.lots.end()) {
    if (terms.revision >= state.next_revision) return Contradiction("points that come back to a lot yet to come");
    lot = std::lower_bound(state.lots.begin(), state.lots.end(), terms.revision,
                           [](const Lot& entry, uint64_t wanted) { return entry.revision < wanted; });
    lot = state.lots.insert(lot, terms);
    lot->remaining = 0;
  }
  if (points > lot->accrued - lot->remaining) return Contradiction("more points in a lot than it began with");
  lot->remaining += points;
  lot->restored = std::max(lot->restored, occurred);
  return kFolded;
}

Lot LotOf(const AccountState& state, const events::v1::LotTerms& terms) {
  Lot lot;
  lot.accrued = terms.accrued();
  lot.occurred = MicrosOf(terms.occurred_time());
  if (terms.has_expire_time()) lot.expire = MicrosOf(terms.expire_time());
  lot.inactivity_days = terms.inactivity_days();
  if (terms.has_activate_time()) {
    lot.pending = true;
    lot.activate = MicrosOf(terms.activate_time());
  }
  if (terms.origin_account_id().empty()) return lot;
  lot.origin = state.PlaceAmongAbsorbed(terms.origin_account_id());
  if (lot.origin > 0) lot.origin_lot = terms.origin_lot_revision();
  return lot;
}

Lot LotOf(const AccountState& state, const events::v1::LotAllocation& allocation) {
  Lot lot = LotOf(state, allocation.lot());
  lot.revision = allocation.lot_revision();
  lot.pending = allocation.pending();
  return lot;
}

bool Count(AccountState& state, const events::v1::PeriodCount& counted, int64_t points) {
  if (IsForgotten(state, MicrosOf(counted.period_start()))) return true;
  PeriodCount& count = state.counts[{counted.counter(), MicrosOf(counted.period_start())}];
  return AddTo(count.amount, points) && AddTo(count.times, 1);
}

// What lots hold in all stays within 64 bits.
bool SumFits(const PointsTotals& totals) {
  const auto came = CheckedAdd(totals.accrued, totals.transferred_in);
  return came.has_value() && CheckedSub(*came, std::min<int64_t>(totals.spent, 0)).has_value();
}

// `total`: what its points are booked to, accrued or transferred_in.
FoldResult AddLot(AccountState& state, Lot lot, int64_t& total) {
  if (lot.accrued <= 0) return Contradiction("a lot of no points");
  if (!AddTo(total, lot.accrued) || !SumFits(state.totals)) return OutOfRange("points accrued leave 64 bits");
  lot.revision = state.next_revision;
  lot.remaining = lot.accrued;
  state.lots.push_back(lot);
  return kFolded;
}

// Takes what the allocations say, which must be `points` in all, and books it to `total`. Lots that it empties leave
// together: one by one they would cost the square of their number.
FoldResult TakeAllocations(AccountState& state,
                           const google::protobuf::RepeatedPtrField<events::v1::LotAllocation>& allocations,
                           int64_t points, int64_t& total, EmptyLots empty_lots) {
  int64_t taken = 0;
  bool emptied = false;
  for (const auto& allocation : allocations) {
    const auto lot = FindLot(state, allocation.lot_revision());
    if (lot == state.lots.end()) return Contradiction("points taken from a lot that does not exist");
    if (lot->pending != allocation.pending()) {
      return Contradiction("an allocation that mistakes pending points for available ones");
    }
    if (allocation.points() <= 0 || allocation.points() > lot->remaining) {
      return Contradiction("more points taken from a lot than it holds");
    }
    lot->remaining -= allocation.points();
    emptied = emptied || lot->remaining == 0;
    if (!AddTo(taken, allocation.points())) return Contradiction("allocations that leave 64 bits");
  }
  if (taken != points) return Contradiction("allocations that do not sum to the points moved");
  if (emptied && empty_lots == EmptyLots::kRemove) RemoveEmptyLots(state);
  return AddTo(total, points) ? kFolded : OutOfRange("a total of points leaves 64 bits");
}

FoldResult FoldAdjusted(AccountState& state, const events::v1::PointsAdjusted& adjusted, Micros occurred,
                        EmptyLots empty_lots) {
  if (adjusted.points() > 0) {
    Lot lot;
    lot.accrued = adjusted.points();
    lot.occurred = occurred;
    if (adjusted.has_expire_time()) lot.expire = MicrosOf(adjusted.expire_time());
    return AddLot(state, lot, state.totals.accrued);
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
  lot.inactivity_days = accrued.inactivity_days();
  if (lot.inactivity_days > 0 && lot.expire != kNever) return Contradiction("a lot that runs out in two ways");
  if (accrued.has_count() && !Count(state, accrued.count(), accrued.points())) {
    return OutOfRange("points counted in a period leave 64 bits");
  }
  return AddLot(state, lot, state.totals.accrued);
}

FoldResult FoldRedeemed(AccountState& state, const events::v1::PointsRedeemed& redeemed, Micros occurred,
                        EmptyLots empty_lots) {
  for (const auto& counted : redeemed.counts()) {
    if (!Count(state, counted, redeemed.points())) return OutOfRange("points counted in a period leave 64 bits");
  }
  state.last_activity = std::max(state.last_activity, occurred);
  return TakeAllocations(state, redeemed.allocations(), redeemed.points(), state.totals.spent, empty_lots);
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
  if (lot == state.lots.end() || lot->remaining != expired.points() || expired.points() <= 0) {
    return Contradiction("expiry of other points than the lot holds");
  }
  if (!AddTo(state.totals.expired, expired.points())) return OutOfRange("points expired leave 64 bits");
  lot->remaining = 0;
  if (empty_lots == EmptyLots::kRemove) state.lots.erase(lot);
  return kFolded;
}

FoldResult FoldReversed(AccountState& state, const events::v1::PointsReversed& reversed, EmptyLots empty_lots) {
  if (reversed.debt() < 0) return Contradiction("a debt of less than nothing");
  if (!AddTo(state.debt, reversed.debt()) || !AddTo(state.totals.reversed, reversed.debt())) {
    return OutOfRange("points owed leave 64 bits");
  }
  return TakeAllocations(state, reversed.allocations(), reversed.points(), state.totals.reversed, empty_lots);
}

FoldResult FoldDebtPaid(AccountState& state, const events::v1::PointsDebtPaid& paid, EmptyLots empty_lots) {
  if (paid.points() > state.debt) return Contradiction("more points paid than were owed");
  int64_t total = 0;
  const FoldResult result = TakeAllocations(state, paid.allocations(), paid.points(), total, empty_lots);
  state.debt -= total;
  return result;
}

// Points that a merged account had spent: a lot of this one.
FoldResult FoldRestoredOfMerged(AccountState& state, const events::v1::PointsRestored& restored, Micros occurred) {
  const uint32_t origin = state.PlaceAmongAbsorbed(restored.merged_purchase().account_id());
  if (origin == 0) {
    return Contradiction("points restored of an account that was not merged into this one");
  }
  if (restored.allocations_size() != 1 || restored.allocations(0).points() != restored.points()) {
    return Contradiction("points of a merged account restored to other than one lot");
  }
  if (restored.points() <= 0) return Contradiction("no points that come back");
  if (!AddTo(state.totals.spent, -restored.points())) return OutOfRange("a total of points leaves 64 bits");
  const events::v1::LotAllocation& allocation = restored.allocations(0);
  Lot lot = LotOf(state, allocation);
  if (lot.origin == 0) {
    lot.origin = origin;
    lot.origin_lot = allocation.lot_revision();
  }
  lot.accrued = restored.points();
  lot.restored = occurred;
  int64_t total = 0;
  return AddLot(state, lot, total);
}

FoldResult FoldRestored(AccountState& state, const events::v1::PointsRestored& restored, Micros occurred) {
  if (restored.has_merged_purchase()) return FoldRestoredOfMerged(state, restored, occurred);
  int64_t sum = 0;
  for (const auto& allocation : restored.allocations()) {
    const FoldResult result = PutBack(state, LotOf(state, allocation), allocation.points(), occurred);
    if (!result.ok()) return result;
    sum += allocation.points();
  }
  if (sum != restored.points()) return Contradiction("allocations that do not sum to the points restored");
  if (!AddTo(state.totals.spent, -sum) || !SumFits(state.totals)) return OutOfRange("points restored leave 64 bits");
  return kFolded;
}

// Takes what a reservation or a transfer holds. `Event`: the one that begins it.
template <typename Event>
FoldResult BeginHolding(AccountState& state, Holding& holding, const Event& event, Micros occurred,
                        EmptyLots empty_lots) {
  holding.occurred = occurred;
  for (const auto& counted : event.counts()) {
    if (!Count(state, counted, event.points())) return OutOfRange("points counted in a period leave 64 bits");
    holding.counts.emplace_back(counted.counter(), MicrosOf(counted.period_start()));
  }
  for (const auto& allocation : event.allocations()) {
    const auto lot = FindLot(state, allocation.lot_revision());
    if (lot == state.lots.end()) return Contradiction("points held of a lot that does not exist");
    holding.held.push_back({*lot, allocation.points()});
    holding.held.back().lot.remaining = 0;
  }
  int64_t total = 0;
  return TakeAllocations(state, event.allocations(), event.points(), total, empty_lots);
}

// Ends what holds points: the first `gone` of them are booked to `total`, the rest goes back.
FoldResult EndHolding(AccountState& state, const Holding& holding, int64_t gone, int64_t& total, Micros occurred) {
  const int64_t released = holding.points() - gone;
  if (gone < 0 || released < 0) return Contradiction("more points gone than were held");
  for (const CountKey& key : holding.counts) {
    const auto count = state.counts.find(key);
    // Too old to be held against anything.
    if (count == state.counts.end()) continue;
    count->second.amount -= released;
    if (gone == 0) count->second.times -= 1;
  }
  if (!AddTo(total, gone)) return OutOfRange("a total of points leaves 64 bits");
  int64_t left = gone;
  for (const HeldPoints& held : holding.held) {
    const int64_t taken = std::min(left, held.points);
    left -= taken;
    if (held.points == taken) continue;
    const FoldResult result = PutBack(state, held.lot, held.points - taken, occurred);
    if (!result.ok()) return result;
  }
  return kFolded;
}

FoldResult FoldReserved(AccountState& state, const events::v1::PointsReserved& reserved, Micros occurred,
                        EmptyLots empty_lots) {
  const auto [entry, is_new] = state.reservations.try_emplace(reserved.reservation_id());
  if (!is_new) return Contradiction("a reservation placed twice");
  entry->second.hold_until = MicrosOf(reserved.hold_until());
  state.last_activity = std::max(state.last_activity, occurred);
  return BeginHolding(state, entry->second, reserved, occurred, empty_lots);
}

FoldResult EndReservation(AccountState& state, const std::string& id, int64_t captured, Micros occurred) {
  const auto entry = state.reservations.find(id);
  if (entry == state.reservations.end()) return Contradiction("the end of a reservation that is not open");
  const Reservation reservation = std::move(entry->second);
  state.reservations.erase(entry);
  return EndHolding(state, reservation, captured, state.totals.spent, occurred);
}

FoldResult FoldCaptured(AccountState& state, const events::v1::ReservationCaptured& captured, Micros occurred) {
  state.last_activity = std::max(state.last_activity, occurred);
  return EndReservation(state, captured.reservation_id(), captured.points(), occurred);
}

FoldResult FoldReceived(AccountState& state, const events::v1::PointsTransferReceived& received, Micros occurred) {
  Lot lot = LotOf(state, received.lot());
  lot.accrued = received.points();
  // What has run out, or become available, on the way does so no earlier than it arrives.
  lot.restored = occurred;
  return AddLot(state, lot, state.totals.transferred_in);
}

// `arrived`: the receiver has them; otherwise they go back.
FoldResult EndTransfer(AccountState& state, const std::string& id, int64_t points, bool arrived, Micros occurred) {
  const auto entry = state.transfers.find(id);
  if (entry == state.transfers.end()) return Contradiction("the end of a transfer that is not open");
  const OpenTransfer transfer = std::move(entry->second);
  state.transfers.erase(entry);
  if (points != transfer.points()) return Contradiction("the end of a transfer of other points");
  return EndHolding(state, transfer, arrived ? points : 0, state.totals.transferred_out, occurred);
}

}  // namespace

FoldResult FoldTransferSent(AccountState& state, const events::v1::PointsTransferSent& sent, Micros occurred,
                            EmptyLots empty_lots) {
  const auto [entry, is_new] = state.transfers.try_emplace(sent.transfer_id());
  if (!is_new) return Contradiction("a transfer sent twice");
  entry->second.sent_revision = state.next_revision;
  return BeginHolding(state, entry->second, sent, occurred, empty_lots);
}

FoldResult FoldTransferCompleted(AccountState& state, const events::v1::PointsTransferCompleted& completed,
                                 Micros occurred) {
  return EndTransfer(state, completed.transfer_id(), completed.points(), true, occurred);
}

FoldResult FoldTransferReturned(AccountState& state, const events::v1::PointsTransferReturned& returned,
                                Micros occurred) {
  return EndTransfer(state, returned.transfer_id(), returned.points(), false, occurred);
}

FoldResult FoldPointsPaid(AccountState& state, const events::v1::PurchaseRecorded& purchase, EmptyLots empty_lots) {
  int64_t points = 0;
  for (const auto& line : purchase.lines()) {
    if (line.points_paid() == 0) continue;
    const FoldResult result =
        TakeAllocations(state, line.points_allocations(), line.points_paid(), state.totals.spent, EmptyLots::kKeep);
    if (!result.ok()) return result;
    points += line.points_paid();
  }
  if (points > 0 && empty_lots == EmptyLots::kRemove) RemoveEmptyLots(state);
  for (const auto& counted : purchase.counts()) {
    if (!Count(state, counted, points)) return OutOfRange("points counted in a period leave 64 bits");
  }
  return kFolded;
}

FoldResult FoldPoints(AccountState& state, const Event& event, Micros occurred, EmptyLots empty_lots) {
  switch (event.payload_case()) {
    case Event::kPointsRedeemed:
      return FoldRedeemed(state, event.points_redeemed(), occurred, empty_lots);
    case Event::kPointsAdjusted:
      return FoldAdjusted(state, event.points_adjusted(), occurred, empty_lots);
    case Event::kPointsAccrued:
      return FoldAccrued(state, event.points_accrued(), occurred);
    case Event::kPointsActivated:
      return FoldActivated(state, event.points_activated());
    case Event::kPointsReversed:
      return FoldReversed(state, event.points_reversed(), empty_lots);
    case Event::kPointsDebtPaid:
      return FoldDebtPaid(state, event.points_debt_paid(), empty_lots);
    case Event::kPointsRestored:
      return FoldRestored(state, event.points_restored(), occurred);
    case Event::kPointsReserved:
      return FoldReserved(state, event.points_reserved(), occurred, empty_lots);
    case Event::kReservationCaptured:
      return FoldCaptured(state, event.reservation_captured(), occurred);
    case Event::kReservationReleased:
      return EndReservation(state, event.reservation_released().reservation_id(), 0, occurred);
    case Event::kReservationExpired:
      return EndReservation(state, event.reservation_expired().reservation_id(), 0, occurred);
    case Event::kPointsExpired:
      return FoldExpired(state, event.points_expired(), empty_lots);
    case Event::kPointsTransferSent:
      return FoldTransferSent(state, event.points_transfer_sent(), occurred, empty_lots);
    case Event::kPointsTransferReceived:
      return FoldReceived(state, event.points_transfer_received(), occurred);
    case Event::kPointsTransferCompleted:
      return FoldTransferCompleted(state, event.points_transfer_completed(), occurred);
    case Event::kPointsTransferReturned:
      return FoldTransferReturned(state, event.points_transfer_returned(), occurred);
    default:
      return Contradiction("an event of a kind this version does not know");
  }
}

bool LotsMatchTotals(const AccountState& state) {
  Int128 sum = 0;
  for (const Lot& lot : state.lots) sum += lot.remaining;
  sum += state.reserved_points();
  sum += state.points_in_transit();
  const PointsTotals& totals = state.totals;
  return sum == static_cast<Int128>(totals.accrued) + totals.transferred_in - totals.spent - totals.transferred_out -
                    totals.expired - totals.reversed + state.debt;
}

void RemoveEmptyLots(AccountState& state) {
  std::erase_if(state.lots, [](const Lot& lot) { return lot.remaining == 0; });
}

}  // namespace keyledger::domain

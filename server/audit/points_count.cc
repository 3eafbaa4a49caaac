// See points_count.h.
#include "server/audit/points_count.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "server/domain/merges.h"

namespace keyledger::audit {
namespace {

using events::v1::Event;

int64_t Clamp(Int128 value) {
  return static_cast<int64_t>(
      std::clamp<Int128>(value, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()));
}

template <class Parts, class Visit>
void ForEachPart(Parts& parts, const Visit& visit) {
  visit("accrued", parts.accrued);
  visit("adjusted", parts.adjusted);
  visit("transferred in", parts.transferred_in);
  visit("transferred out", parts.transferred_out);
  visit("available", parts.available);
  visit("pending", parts.pending);
  visit("reserved", parts.reserved);
  visit("in transit", parts.in_transit);
  visit("spent", parts.spent);
  visit("expired", parts.expired);
  visit("reversed", parts.reversed);
  visit("debt", parts.debt);
}

}  // namespace

void PointsParts::Add(const PointsParts& other) {
  accrued += other.accrued;
  adjusted += other.adjusted;
  transferred_in += other.transferred_in;
  transferred_out += other.transferred_out;
  available += other.available;
  pending += other.pending;
  reserved += other.reserved;
  in_transit += other.in_transit;
  spent += other.spent;
  expired += other.expired;
  reversed += other.reversed;
  debt += other.debt;
}

Int128 PointsParts::Surplus() const {
  return accrued + adjusted + transferred_in - transferred_out -
         (available + pending + reserved + in_transit + spent + expired + reversed - debt);
}

v1::PointsConservation PointsParts::ToProto() const {
  v1::PointsConservation points;
  points.set_accrued(Clamp(accrued));
  points.set_adjusted(Clamp(adjusted));
  points.set_transferred_in(Clamp(transferred_in));
  points.set_transferred_out(Clamp(transferred_out));
  points.set_available(Clamp(available));
  points.set_pending(Clamp(pending));
  points.set_reserved(Clamp(reserved));
  points.set_in_transit(Clamp(in_transit));
  points.set_spent(Clamp(spent));
  points.set_expired(Clamp(expired));
  points.set_reversed(Clamp(reversed));
  points.set_debt(Clamp(debt));
  return points;
}

std::string PointsParts::Format() const {
  std::string text;
  ForEachPart(*this, [&](const char* name, Int128 value) {
    if (value != 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, Clamp(value));
  });
  return text.empty() ? "no points" : text;
}

PointsParts PartsOf(const domain::AccountState& state, Int128 given, Int128 taken) {
  PointsParts parts;
  parts.accrued = state.totals.accrued - given;
  parts.adjusted = given - taken;
  parts.transferred_in = state.totals.transferred_in;
  parts.transferred_out = state.totals.transferred_out;
  parts.available = state.available_points();
  parts.pending = state.pending_points();
  parts.reserved = state.reserved_points();
  parts.in_transit = state.points_in_transit();
  parts.spent = state.totals.spent - taken;
  parts.expired = state.totals.expired;
  parts.reversed = state.totals.reversed;
  parts.debt = state.debt;
  return parts;
}

void PointsCount::NewLot(uint64_t revision, int64_t points, bool pending) {
  const Lot& lot = lots_[revision] = Lot{points, pending};
  LeftOf(lot) += points;
}

void PointsCount::Take(uint64_t lot_revision, int64_t points) {
  const auto lot = lots_.find(lot_revision);
  if (lot == lots_.end() || points <= 0 || points > lot->second.points) {
    return Fault(fmt::format("it takes {} points from lot {}, which holds {}", points, lot_revision,
                             lot == lots_.end() ? 0 : lot->second.points));
  }
  lot->second.points -= points;
  LeftOf(lot->second) -= points;
  if (lot->second.points == 0) lots_.erase(lot);
}

void PointsCount::Take(const Allocations& allocations, int64_t points) {
  Int128 sum = 0;
  for (const auto& allocation : allocations) {
    sum += allocation.points();
    Take(allocation.lot_revision(), allocation.points());
  }
  if (sum != points) Fault(fmt::format("it moves {} points and names lots for {}", points, Clamp(sum)));
}

void PointsCount::PutBack(const Allocations& allocations, int64_t points) {
  Int128 sum = 0;
  for (const auto& allocation : allocations) {
    if (allocation.points() <= 0) return Fault("it gives back no points");
    sum += allocation.points();
    const auto [lot, is_new] = lots_.try_emplace(allocation.lot_revision());
    if (is_new) lot->second.pending = allocation.pending();
    const auto left = CheckedAdd(lot->second.points, allocation.points());
    if (!left.has_value()) return Fault("it gives back more points than can be counted");
    lot->second.points = *left;
    LeftOf(lot->second) += allocation.points();
  }
  if (sum != points) Fault(fmt::format("{} points come back, and lots are named for {}", points, Clamp(sum)));
}

void PointsCount::AddRestored(const events::v1::PointsRestored& restored, uint64_t revision) {
  if (restored.points() <= 0) return Fault("it gives back no points");
  if (restored.allocations_size() != 1 || restored.allocations(0).points() != restored.points()) {
    return Fault(fmt::format("{} points come back as a lot, and {} lots are named for them", restored.points(),
                             restored.allocations_size()));
  }
  NewLot(revision, restored.points(), false);
}

void PointsCount::AddReserved(const Event& event) {
  if (event.has_points_reserved()) {
    const auto& reserved = event.points_reserved();
    Take(reserved.allocations(), reserved.points());
    parts_.reserved += reserved.points();
    reserved_[reserved.reservation_id()] = reserved.points();
    return;
  }
  const std::string& id = event.has_reservation_captured()   ? event.reservation_captured().reservation_id()
                          : event.has_reservation_released() ? event.reservation_released().reservation_id()
                                                             : event.reservation_expired().reservation_id();
  const auto held = reserved_.find(id);
  if (held == reserved_.end()) return Fault(fmt::format("no reservation '{}' is open", id));
  const int64_t points = held->second;
  reserved_.erase(held);
  parts_.reserved -= points;
  if (event.has_reservation_captured()) {
    const auto& captured = event.reservation_captured();
    parts_.spent += captured.points();
    PutBack(captured.released(), points - captured.points());
  } else {
    PutBack(event.has_reservation_released() ? event.reservation_released().allocations()
                                             : event.reservation_expired().allocations(),
            points);
  }
}

void PointsCount::AddTransferred(const Event& event, uint64_t revision) {
  if (const auto* const sent = domain::SentBy(event)) {
    Take(sent->allocations(), sent->points());
    parts_.in_transit += sent->points();
  } else if (event.has_points_transfer_received()) {
    const auto& received = event.points_transfer_received();
    parts_.transferred_in += received.points();
    NewLot(revision, received.points(), received.lot().has_activate_time());
  } else if (const auto* const completed = domain::CompletedBy(event)) {
    parts_.in_transit -= completed->points();
    parts_.transferred_out += completed->points();
  } else if (const auto* const returned = domain::ReturnedBy(event)) {
    parts_.in_transit -= returned->points();
    PutBack(returned->allocations(), returned->points());
  }
}

std::string PointsCount::Add(const events::v1::EventRecord& record) {
  const Event& event = record.event();
  fault_.clear();
  switch (event.payload_case()) {
    case Event::kPointsAccrued:
      parts_.accrued += event.points_accrued().points();
      NewLot(record.revision(), event.points_accrued().points(), event.points_accrued().has_activate_time());
      break;
    case Event::kPointsAdjusted: {
      const auto& adjusted = event.points_adjusted();
      parts_.adjusted += adjusted.points();
      if (adjusted.points() > 0) {
        given_ += adjusted.points();
        NewLot(record.revision(), adjusted.points(), false);
      } else {
        taken_ -= adjusted.points();
        Take(adjusted.allocations(), Clamp(-static_cast<Int128>(adjusted.points())));
      }
      break;
    }
    case Event::kPurchaseRecorded:
      for (const auto& line : event.purchase_recorded().lines()) {
        if (line.points_paid() == 0) continue;
        parts_.spent += line.points_paid();
        Take(line.points_allocations(), line.points_paid());
      }
      break;
    case Event::kPointsRedeemed:
      parts_.spent += event.points_redeemed().points();
      Take(event.points_redeemed().allocations(), event.points_redeemed().points());
      break;
    case Event::kPointsRestored:
      parts_.spent -= event.points_restored().points();
      if (event.points_restored().has_merged_purchase()) {
        AddRestored(event.points_restored(), record.revision());
      } else {
        PutBack(event.points_restored().allocations(), event.points_restored().points());
      }
      break;
    case Event::kPointsActivated: {
      const auto lot = lots_.find(event.points_activated().lot_revision());
      if (lot == lots_.end() || !lot->second.pending) {
        Fault("it activates points that are not pending");
        break;
      }
      parts_.pending -= lot->second.points;
      parts_.available += lot->second.points;
      lot->second.pending = false;
      break;
    }
    case Event::kPointsExpired:
      parts_.expired += event.points_expired().points();
      Take(event.points_expired().lot_revision(), event.points_expired().points());
      break;
    case Event::kPointsReversed:
      parts_.reversed += static_cast<Int128>(event.points_reversed().points()) + event.points_reversed().debt();
      parts_.debt += event.points_reversed().debt();
      Take(event.points_reversed().allocations(), event.points_reversed().points());
      break;
    case Event::kPointsDebtPaid:
      parts_.debt -= event.points_debt_paid().points();
      Take(event.points_debt_paid().allocations(), event.points_debt_paid().points());
      break;
    case Event::kPointsReserved:
    case Event::kReservationCaptured:
    case Event::kReservationReleased:
    case Event::kReservationExpired:
      AddReserved(event);
      break;
    case Event::kPointsTransferSent:
    case Event::kPointsTransferReceived:
    case Event::kPointsTransferCompleted:
    case Event::kPointsTransferReturned:
    case Event::kAccountMerged:
    case Event::kAccountMergeCompleted:
    case Event::kAccountMergeReturned:
      AddTransferred(event, record.revision());
      break;
    default:
      break;
  }
  return std::move(fault_);
}

}  // namespace keyledger::audit

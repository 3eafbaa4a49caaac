// Allocation of debits to lots: every debit names the lots it takes from, so that expiry later removes only what is
// left (DOMAIN A5, 1).
#include "server/domain/lots.h"

#include <algorithm>
#include <utility>

#include "server/base/check.h"
#include "server/domain/proto_time.h"

namespace keyledger::domain {
namespace {

const Lot* FindLot(const AccountState& state, uint64_t revision) {
  const auto found = std::lower_bound(state.lots.begin(), state.lots.end(), revision,
                                      [](const Lot& lot, uint64_t wanted) { return lot.revision < wanted; });
  return found != state.lots.end() && found->revision == revision ? &*found : nullptr;
}

void Allocate(const Lot& lot, int64_t points, Allocations* out) {
  auto* allocation = out->Add();
  allocation->set_lot_revision(lot.revision);
  allocation->set_points(points);
  allocation->set_pending(lot.pending);
}

}  // namespace

void AllocateEarliestExpiry(const AccountState& state, int64_t points, Allocations* out) {
  const auto earlier = [&](const Lot* a, const Lot* b) {
    return std::pair(state.ExpiryOf(*a), a->revision) < std::pair(state.ExpiryOf(*b), b->revision);
  };
  // The earliest lots that hold enough between them, as a heap with the latest on top: one look at every lot, and work
  // beyond that only for those that are taken from.
  std::vector<const Lot*> chosen;
  int64_t held = 0;
  for (const Lot& lot : state.lots) {
    if (lot.pending || lot.remaining == 0) continue;
    if (held >= points && earlier(chosen.front(), &lot)) continue;
    chosen.push_back(&lot);
    std::push_heap(chosen.begin(), chosen.end(), earlier);
    held += lot.remaining;
    while (held - chosen.front()->remaining >= points) {
      held -= chosen.front()->remaining;
      std::pop_heap(chosen.begin(), chosen.end(), earlier);
      chosen.pop_back();
    }
  }
  KL_CHECK(held >= points);
  std::sort_heap(chosen.begin(), chosen.end(), earlier);
  for (const Lot* lot : chosen) {
    const int64_t taken = std::min(points, lot->remaining);
    Allocate(*lot, taken, out);
    points -= taken;
  }
}

namespace {

void WriteTerms(const AccountState& state, const Lot& lot, events::v1::LotTerms& terms) {
  terms.set_accrued(lot.accrued);
  SetTimestamp(terms.mutable_occurred_time(), lot.occurred);
  if (lot.expire != kNever) SetTimestamp(terms.mutable_expire_time(), lot.expire);
  terms.set_inactivity_days(lot.inactivity_days);
  if (lot.pending) SetTimestamp(terms.mutable_activate_time(), lot.activate);
  if (lot.origin == 0 || lot.origin > state.absorbed.size()) return;
  terms.set_origin_account_id(state.absorbed[lot.origin - 1]);
  terms.set_origin_lot_revision(lot.origin_lot);
}

}  // namespace

void FillLotTerms(const AccountState& state, Allocations& allocations) {
  for (auto& allocation : allocations) {
    const Lot* lot = FindLot(state, allocation.lot_revision());
    KL_CHECK(lot != nullptr);
    WriteTerms(state, *lot, *allocation.mutable_lot());
  }
}

void SplitAllocations(const Allocations& allocations, int64_t points, Allocations* first, Allocations* rest) {
  for (const auto& allocation : allocations) {
    const int64_t taken = std::min(points, allocation.points());
    points -= taken;
    const auto add = [&](int64_t part, Allocations* out) {
      if (part == 0 || out == nullptr) return;
      *out->Add() = allocation;
      out->rbegin()->set_points(part);
    };
    add(taken, first);
    add(allocation.points() - taken, rest);
  }
  KL_CHECK(points == 0);
}

Allocations AllocationsOf(const AccountState& state, const Holding& holding) {
  Allocations allocations;
  for (const HeldPoints& held : holding.held) {
    Allocate(held.lot, held.points, &allocations);
    WriteTerms(state, held.lot, *allocations.rbegin()->mutable_lot());
  }
  return allocations;
}

int64_t Taking::Take(const Lot& lot, int64_t points) {
  if (points == 0 || lot.remaining == 0) return 0;
  const auto known = places_.find(lot.revision);
  const int64_t left = lot.remaining - (known == places_.end() ? 0 : parts_[known->second].points);
  const int64_t taken = std::min(points, left);
  if (taken == 0) return 0;
  if (known == places_.end()) {
    places_.emplace(lot.revision, parts_.size());
    parts_.push_back({&lot, taken});
  } else {
    parts_[known->second].points += taken;
  }
  total_ += taken;
  return taken;
}

int64_t Taking::TakeFrom(uint64_t lot_revision, int64_t points) {
  const Lot* lot = FindLot(state_, lot_revision);
  return lot == nullptr ? 0 : Take(*lot, points);
}

int64_t Taking::TakePendingFrom(uint64_t lot_revision, int64_t points) {
  const Lot* lot = FindLot(state_, lot_revision);
  return lot == nullptr || !lot->pending ? 0 : Take(*lot, points);
}

int64_t Taking::TakeOldest(int64_t points) {
  int64_t taken = 0;
  for (auto lot = state_.lots.begin(); lot != state_.lots.end() && taken < points; ++lot) {
    taken += Take(*lot, points - taken);
  }
  return taken;
}

int64_t Taking::TakeNewest(int64_t points) {
  int64_t taken = 0;
  for (auto lot = state_.lots.rbegin(); lot != state_.lots.rend() && taken < points; ++lot) {
    taken += Take(*lot, points - taken);
  }
  return taken;
}

void Taking::AppendTo(Allocations* out) const {
  for (const Part& part : parts_) Allocate(*part.lot, part.points, out);
}

}  // namespace keyledger::domain

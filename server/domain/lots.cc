// Allocation of debits to lots: every debit names the lots it takes from, so that expiry later removes only what is
// left (DOMAIN A5, 1).
#include "server/domain/lots.h"

#include <algorithm>

#include "server/base/check.h"

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
  std::vector<const Lot*> available;
  for (const Lot& lot : state.lots) {
    if (!lot.pending && lot.remaining > 0) available.push_back(&lot);
  }
  // Stable: lots are by revision already.
  std::stable_sort(available.begin(), available.end(),
                   [](const Lot* a, const Lot* b) { return a->expire < b->expire; });
  for (const Lot* lot : available) {
    if (points == 0) break;
    const int64_t taken = std::min(points, lot->remaining);
    Allocate(*lot, taken, out);
    points -= taken;
  }
  KL_CHECK(points == 0);
}

int64_t Taking::Take(const Lot& lot, int64_t points) {
  auto part = std::find_if(parts_.begin(), parts_.end(), [&](const Part& candidate) { return candidate.lot == &lot; });
  const int64_t left = lot.remaining - (part == parts_.end() ? 0 : part->points);
  const int64_t taken = std::min(points, left);
  if (taken == 0) return 0;
  if (part == parts_.end()) part = parts_.insert(parts_.end(), Part{&lot, 0});
  part->points += taken;
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

// Which lots a movement of points is taken from. Internal to the room.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "keyledger/events/v1/event.pb.h"
#include "server/domain/account_state.h"

namespace keyledger::domain {

using Allocations = google::protobuf::RepeatedPtrField<events::v1::LotAllocation>;

// Allocates `points` to available lots: earliest expiry first, then the earlier revision. Points that never expire go
// last. Requires: 0 < points <= state.available_points().
void AllocateEarliestExpiry(const AccountState& state, int64_t points, Allocations* out);

// Writes into each allocation the lot it names, so that the points can come back to it. Requires: the lots are in the
// state.
void FillLotTerms(const AccountState& state, Allocations& allocations);

// Splits off the first `points` of allocations in order: those go to `first`, the rest to `rest`. Either may be null.
// Requires: the allocations hold as many.
void SplitAllocations(const Allocations& allocations, int64_t points, Allocations* first, Allocations* rest);

// What the account holds so, as allocations with the lots.
Allocations AllocationsOf(const AccountState& state, const Holding& holding);

// Points to be taken from lots in several passes, one allocation per lot in the end.
class Taking {
 public:
  explicit Taking(const AccountState& state) : state_(state) {}

  // Takes up to `points` from the lot and returns how many were there. A lot that is not in the state holds none.
  int64_t TakeFrom(uint64_t lot_revision, int64_t points);
  // As TakeFrom, but only while the lot is pending.
  int64_t TakePendingFrom(uint64_t lot_revision, int64_t points);
  // Takes up to `points` from the oldest lots: the lowest revision first, pending or not.
  int64_t TakeOldest(int64_t points);
  // Takes up to `points` from the newest lots: the highest revision first, pending or not. Returns how many there were.
  int64_t TakeNewest(int64_t points);

  int64_t total() const { return total_; }
  // In the order in which lots were first touched.
  void AppendTo(Allocations* out) const;

 private:
  struct Part {
    const Lot* lot;
    int64_t points;
  };
  int64_t Take(const Lot& lot, int64_t points);

  const AccountState& state_;
  std::vector<Part> parts_;
  // By revision of the lot: where in parts_ it stands.
  std::unordered_map<uint64_t, size_t> places_;
  int64_t total_ = 0;
};

}  // namespace keyledger::domain

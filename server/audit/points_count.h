// PointsCount: the points of one account, counted from its records apart from the fold: what came in, what went out,
// and what is left in which form. Internal to the room.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "keyledger/audit/v1/replay.pb.h"
#include "keyledger/events/v1/record.pb.h"
#include "server/base/checked.h"
#include "server/domain/account_state.h"

namespace keyledger::audit {

// The parts of PointsConservation, wide enough for any sum.
struct PointsParts {
  Int128 accrued = 0;
  Int128 adjusted = 0;
  Int128 transferred_in = 0;
  Int128 transferred_out = 0;
  Int128 available = 0;
  Int128 pending = 0;
  Int128 reserved = 0;
  Int128 in_transit = 0;
  Int128 spent = 0;
  Int128 expired = 0;
  Int128 reversed = 0;
  Int128 debt = 0;

  void Add(const PointsParts& other);
  // What came in less what became of it: 0 if no point was made or lost.
  Int128 Surplus() const;
  // Numbers past 64 bits become the largest or smallest one.
  v1::PointsConservation ToProto() const;
  // "accrued 120, spent 20, ...": those that are not 0.
  std::string Format() const;

  bool operator==(const PointsParts&) const = default;
};

// What an account's state says of the same. `taken`: by adjustments, which a state counts as spent, and `given`, which
// it counts as accrued.
PointsParts PartsOf(const domain::AccountState& state, Int128 given, Int128 taken);

// Threads: thread-compatible. Memory: the lots with points left.
class PointsCount {
 public:
  // Counts the next record of the account. Returns what is impossible about it, or nothing.
  std::string Add(const events::v1::EventRecord& record);

  const PointsParts& parts() const { return parts_; }
  Int128 given() const { return given_; }
  Int128 taken() const { return taken_; }

 private:
  using Allocations = google::protobuf::RepeatedPtrField<events::v1::LotAllocation>;
  struct Lot {
    int64_t points = 0;
    bool pending = false;
  };

  void NewLot(uint64_t revision, int64_t points, bool pending);
  // What is left in the form that the lot has.
  Int128& LeftOf(const Lot& lot) { return lot.pending ? parts_.pending : parts_.available; }
  void Take(uint64_t lot_revision, int64_t points);
  // Takes them all; they must sum to `points`.
  void Take(const Allocations& allocations, int64_t points);
  void PutBack(const Allocations& allocations, int64_t points);
  // What had paid on an account that was merged into this one.
  void AddRestored(const events::v1::PointsRestored& restored, uint64_t revision);
  void AddReserved(const events::v1::Event& event);
  void AddTransferred(const events::v1::Event& event, uint64_t revision);
  void Fault(const std::string& what) {
    if (fault_.empty()) fault_ = what;
  }

  PointsParts parts_;
  Int128 given_ = 0;
  Int128 taken_ = 0;
  std::unordered_map<uint64_t, Lot> lots_;
  // Points held, by reservation.
  std::unordered_map<std::string, int64_t> reserved_;
  std::string fault_;
};

}  // namespace keyledger::audit

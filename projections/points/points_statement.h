// StatementFold: the movements of one account, in order, into the lines of its statement, with what fell due between
// them. Internal to the projection "points"; see points_queries.h for what a statement promises.
//
// The derivation is that of the balance: a line changes it by what the lots hold after the line and did not before. So
// a debit older than its lot changes nothing until the lot is there, and what is taken late from a lot that was pending
// at the time is taken from pending points, whatever it was when it was recorded.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <queue>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "projections/points/points_queries.h"
#include "projections/points/points_rows.h"

namespace keyledger::projections {

// Where activations, expiries and ends of reservations of one moment stand: the order in which the ledger records them.
// 0 for other kinds.
inline int DueStep(events::v1::EventKind kind) {
  if (kind == events::v1::EVENT_KIND_POINTS_ACTIVATED) return 1;
  if (kind == events::v1::EVENT_KIND_RESERVATION_EXPIRED) return 3;
  return kind == events::v1::EVENT_KIND_POINTS_EXPIRED ? 2 : 0;
}

// When a lot earned at `occurred` runs out that runs out after so many days without activity.
inline Micros InactivityEnd(Micros occurred, Micros last_activity, uint32_t days) {
  return std::max(occurred, last_activity) + static_cast<Micros>(days) * kMicrosPerDay;
}

// Threads: thread-compatible.
class StatementFold {
 public:
  // Takes the next activation or expiry that fell due before `moment` and is not recorded; nothing if there is none.
  // By moment; of one moment activations first, then by lot.
  std::optional<PointsStatementEntry> NextDue(Micros moment);

  // The last activity before the end of the statement. Needed before the first lot that runs out without.
  void AddActivity(Micros occurred) { last_activity_ = std::max(last_activity_, occurred); }

  // Adds a recorded movement and returns its line; nothing if the movement contradicts the ones before. Requires:
  // movements come by occurred_time and position, each after NextDue(movement.occurred) has no more.
  std::optional<PointsStatementEntry> Add(const Movement& movement);

 private:
  struct Lot {
    // False: only debits that are older than the lot.
    bool known = false;
    int64_t accrued = 0;
    int64_t taken = 0;
    bool has_activate = false;
    Micros activate = 0;
    Micros expire = domain::kNever;
    bool active = false;
    bool expired = false;
    // Points of it were held, in transit, or paid for a purchase, and may come back: a late debit may take them before
    // they do.
    bool lends = false;
  };
  // A reservation or a transfer without an end so far.
  struct Holding {
    std::string id;
    bool is_transfer = false;
    std::vector<MovementPart> held;
  };
  // Moment, step, revision of the lot, or of the record that placed the reservation.
  using Due = std::tuple<Micros, int, uint64_t>;

  // Adds what the lot holds to the sums, `sign` times.
  void Count(const Lot& lot, int64_t sign);
  void AddLot(const Movement& movement, Lot& lot);
  // Returns false if the lot did not have as much.
  bool ApplyPart(const Movement& movement, const MovementPart& part);
  // Fills in the sums, and the changes since they were these.
  void FillSums(int64_t available_before, int64_t pending_before, PointsStatementEntry& line) const;

  // Lets points go back to their lot.
  void PutBack(const MovementPart& part);

  std::unordered_map<uint64_t, Lot> lots_;
  // Ends the reservation or transfer that the movement ends; returns false if there is none.
  bool EndHolding(const Movement& movement, PointsStatementEntry& line);

  // By revision of the record that began it.
  std::map<uint64_t, Holding> holdings_;
  // Of known lots, recorded or not.
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  Micros last_activity_ = std::numeric_limits<int64_t>::min();
  int64_t available_ = 0;
  int64_t pending_ = 0;
};

}  // namespace keyledger::projections

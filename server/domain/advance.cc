// What the passing of time decides: activation and expiry of lots, the end of reservations, and reviews of tiers and
// stages. Also Work, the ledger of a decision in progress.
//
// Decisions due at the same moment come in a fixed order: activations, expiries, the review of the tier, those of the
// stages in the order of the program's lifecycles, ends of reservations and what those bring about; lots by revision.
#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "server/base/check.h"
#include "server/base/error.h"
#include "server/domain/due_reviews.h"
#include "server/domain/evolve.h"
#include "server/domain/lots.h"
#include "server/domain/work.h"

namespace keyledger::domain {
namespace {

// Something that will happen to a lot.
struct LotDue {
  Micros due = 0;
  bool expires = false;
  uint64_t revision = 0;

  bool operator<(const LotDue& other) const {
    return std::tie(due, expires, revision) < std::tie(other.due, other.expires, other.revision);
  }
};

// A lot that is already past its end when it comes into being ends at the moment it was earned, not before it. Pending
// points of another account become available no earlier than they arrive.
Micros ActivationOf(const Lot& lot) { return std::max({lot.activate, lot.occurred, lot.restored}); }
// Points that come back to a lot past its end run out at that moment.
Micros ExpiryOf(const AccountState& state, const Lot& lot) {
  return std::max({state.ExpiryOf(lot), lot.occurred, lot.restored});
}

// All lot decisions due until then, of lots from revision `first` on, in order. No such decision changes another one's
// moment, so they can be listed at once; a lot that expires before or when it would have become available is only
// expired after its activation, if that is due first.
std::vector<LotDue> ListLotsDue(const AccountState& state, Micros until, uint64_t first) {
  std::vector<LotDue> due;
  for (auto lot = state.lots.rbegin(); lot != state.lots.rend() && lot->revision >= first; ++lot) {
    if (lot->remaining == 0) continue;
    const Micros expiry = ExpiryOf(state, *lot);
    if (expiry != kNever && expiry <= until) due.push_back({expiry, true, lot->revision});
    if (lot->pending && ActivationOf(*lot) <= until && ActivationOf(*lot) <= expiry) {
      due.push_back({ActivationOf(*lot), false, lot->revision});
    }
  }
  std::sort(due.begin(), due.end());
  return due;
}

int64_t RemainingOf(const AccountState& state, uint64_t revision) {
  const auto lot = std::lower_bound(state.lots.begin(), state.lots.end(), revision,
                                    [](const Lot& entry, uint64_t wanted) { return entry.revision < wanted; });
  KL_CHECK(lot != state.lots.end() && lot->revision == revision);
  return lot->remaining;
}

absl::Status RecordLotDue(Work& work, const LotDue& due) {
  events::v1::Event event;
  if (due.expires) {
    event.mutable_points_expired()->set_lot_revision(due.revision);
    event.mutable_points_expired()->set_points(RemainingOf(work.state(), due.revision));
  } else {
    event.mutable_points_activated()->set_lot_revision(due.revision);
    event.mutable_points_activated()->set_points(RemainingOf(work.state(), due.revision));
  }
  // The lot's own record fixed these times; no program is asked again.
  return work.RecordDecision(std::move(event), due.due, -1, nullptr);
}

// The open reservation that ends first, the smaller id first of one moment; the end if there is none.
std::map<std::string, Reservation>::const_iterator NextReservation(const AccountState& state) {
  return std::min_element(state.reservations.begin(), state.reservations.end(),
                          [](const auto& a, const auto& b) { return a.second.hold_until < b.second.hold_until; });
}

}  // namespace

Work::Work(const AccountState& state, const ProgramSet& programs)
    : programs_(programs), first_revision_(state.next_revision), state_(state) {}

absl::Status Work::Record(DecidedEvent event) {
  const FoldResult result = Fold(state_, event.event, event.occurred, EmptyLots::kKeep);
  if (result.fault == FoldFault::kRange) return MakeError(Reason::kArithmeticRange, result.what);
  // The state contradicts itself: it was folded from records that no ledger writes.
  if (!result.ok()) return MakeError(Reason::kStoreDamaged, result.what);
  events_.push_back(std::move(event));
  return absl::OkStatus();
}

absl::Status Work::RecordFact(events::v1::Event event, Micros occurred, int fact_index) {
  DecidedEvent decided;
  decided.event = std::move(event);
  decided.occurred = occurred;
  decided.fact_index = fact_index;
  return Record(std::move(decided));
}

absl::Status Work::RecordDecision(events::v1::Event event, Micros occurred, int fact_index,
                                  const CompiledProgram* program) {
  DecidedEvent decided;
  decided.event = std::move(event);
  decided.occurred = occurred;
  decided.fact_index = fact_index;
  decided.is_decision = true;
  if (program != nullptr) {
    decided.program_id = program->program().program_id();
    decided.program_version = program->program().version();
  }
  return Record(std::move(decided));
}

absl::Status Work::AdvanceTo(Micros until) {
  if (state_.lifecycle == Lifecycle::kNone) return absl::OkStatus();
  for (auto next = NextReservation(state_); next != state_.reservations.end() && next->second.hold_until <= until;
       next = NextReservation(state_)) {
    const Micros due = next->second.hold_until;
    const std::string id = next->first;
    KL_RETURN_IF_ERROR(AdvanceLots(due));
    KL_RETURN_IF_ERROR(ExpireReservation(id, due));
  }
  return AdvanceLots(until);
}

absl::Status Work::ExpireReservation(const std::string& id, Micros due) {
  events::v1::Event event;
  events::v1::ReservationExpired& expired = *event.mutable_reservation_expired();
  const Reservation& reservation = state_.reservations.at(id);
  expired.set_reservation_id(id);
  expired.set_points(reservation.points());
  *expired.mutable_allocations() = AllocationsOf(state_, reservation);
  KL_RETURN_IF_ERROR(RecordDecision(std::move(event), due, -1, nullptr));
  return SettleRestored(-1);
}

absl::Status Work::SettleRestored(int fact_index) {
  KL_RETURN_IF_ERROR(SettleLots(0));
  return PayDebt(fact_index);
}

absl::Status Work::PayDebt(int fact_index) {
  if (state_.debt == 0) return absl::OkStatus();
  Taking taking(state_);
  const int64_t paid = taking.TakeOldest(state_.debt);
  if (paid == 0) return absl::OkStatus();
  events::v1::Event event;
  event.mutable_points_debt_paid()->set_points(paid);
  taking.AppendTo(event.mutable_points_debt_paid()->mutable_allocations());
  // Late points pay now, not before the debt came to be.
  return RecordDecision(std::move(event), state_.clock, fact_index, nullptr);
}

absl::Status Work::AdvanceLots(Micros until) {
  const std::vector<LotDue> lots = ListLotsDue(state_, until, 0);
  auto lot = lots.begin();
  // Reviews move the clock, and what was looked at is not looked at again. Lots do not change a metric.
  Micros reviewed = state_.clock;
  while (true) {
    auto review = FindReviews(state_, std::max(reviewed, state_.clock), until, programs_);
    for (; lot != lots.end() && (!review.has_value() || lot->due <= review->due); ++lot) {
      KL_RETURN_IF_ERROR(RecordLotDue(*this, *lot));
    }
    if (!review.has_value()) return absl::OkStatus();
    reviews_decided_ += review->events.size();
    if (reviews_decided_ > kReviewsDecidedMax) {
      return MakeError(Reason::kAccountLimit,
                       fmt::format("reviews before this moment would decide more than {} times; append what occurred "
                                   "earlier first",
                                   kReviewsDecidedMax));
    }
    for (events::v1::Event& event : review->events) {
      KL_RETURN_IF_ERROR(RecordDecision(std::move(event), review->due, -1, review->program));
    }
    reviewed = review->due;
  }
}

absl::Status Work::SettleLots(uint64_t first) {
  for (const LotDue& due : ListLotsDue(state_, state_.clock, first)) KL_RETURN_IF_ERROR(RecordLotDue(*this, due));
  return absl::OkStatus();
}

Outcome Work::Finish() {
  RemoveEmptyLots(state_);
  // What came in was checked when it was decided, folded or decoded.
  KL_CHECK(LotsMatchTotals(state_));
  return {std::move(events_), std::move(state_)};
}

absl::StatusOr<Outcome> Advance(const AccountState& state, Micros until, const ProgramSet& programs) {
  Work work(state, programs);
  KL_RETURN_IF_ERROR(work.AdvanceTo(until));
  return work.Finish();
}

Micros NextDue(const AccountState& state, const ProgramSet& programs, Micros looked_until) {
  if (state.lifecycle == Lifecycle::kNone) return kNever;
  Micros next = kNever;
  for (const Lot& lot : state.lots) {
    if (lot.pending) next = std::min(next, ActivationOf(lot));
    next = std::min(next, ExpiryOf(state, lot));
  }
  for (const auto& [id, reservation] : state.reservations) next = std::min(next, reservation.hold_until);
  const Micros from = std::max(state.clock, looked_until);
  if (const auto review = FindReviews(state, from, next, programs); review.has_value()) return review->due;
  return next;
}

}  // namespace keyledger::domain

#include "projections/points/points_queries.h"

#include <algorithm>
#include <compare>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "projections/engine/row_key.h"
#include "projections/points/points_rows.h"
#include "projections/points/points_statement.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

using events::v1::EventKind;

absl::Status Damaged(std::string_view account_id) {
  return MakeError(
      Reason::kStoreDamaged,
      fmt::format("the rows of projection points for account {} contradict each other; rebuild the projection",
                  account_id));
}

absl::Status BadToken() { return MakeError(Reason::kInvalidToken, "the page token is not one of this listing"); }

// Errors: NOT_FOUND.
absl::Status CheckAccount(const store::TableReader& rows, std::string_view account_id) {
  std::string key;
  StartRowKey(key, account_id, kPointsAccountTag);
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> account, rows.Get(key));
  if (account.has_value()) return absl::OkStatus();
  return MakeError(Reason::kAccountNotFound, fmt::format("there is no account \"{}\"", account_id));
}

// Calls `visit` for the account's movements that occurred before `to`, by occurred_time and position, until it returns
// false. Errors: DATA_LOSS.
absl::Status WalkMovements(const store::TableReader& rows, std::string_view account_id, Micros to,
                           const std::function<bool(const Movement&)>& visit) {
  std::string key;
  StartRowKey(key, account_id, kMovementTag);
  const std::unique_ptr<store::RowIterator> row = rows.NewIterator();
  Movement movement;
  for (row->Seek(key); row->Valid() && row->key().starts_with(key); row->Next()) {
    if (!DecodeMovement(row->key().substr(key.size()), row->value(), movement)) return Damaged(account_id);
    if (movement.occurred >= to || !visit(movement)) return absl::OkStatus();
  }
  return row->status();
}

// The same of an account that must be there. Errors: also NOT_FOUND.
absl::Status ForEachMovement(const store::TableReader& rows, std::string_view account_id, Micros to,
                             const std::function<bool(const Movement&)>& visit) {
  KL_RETURN_IF_ERROR(CheckAccount(rows, account_id));
  return WalkMovements(rows, account_id, to, visit);
}

// The account's last activity before `to`; the beginning of time without one.
absl::StatusOr<Micros> FindLastActivity(const store::TableReader& rows, std::string_view account_id, Micros to) {
  std::string key;
  StartRowKey(key, account_id, kActivityTag);
  Micros last = std::numeric_limits<int64_t>::min();
  const std::unique_ptr<store::RowIterator> row = rows.NewIterator();
  for (row->Seek(key); row->Valid() && row->key().starts_with(key); row->Next()) {
    ActivityMoment activity;
    if (!DecodeActivity(row->key().substr(key.size()), row->value(), activity)) return Damaged(account_id);
    if (activity.occurred >= to) break;
    last = activity.occurred;
  }
  KL_RETURN_IF_ERROR(row->status());
  return last;
}

PointsLot MakeLot(const Movement& movement) {
  PointsLot lot;
  lot.lot_revision = movement.revision;
  lot.accrued = movement.points;
  lot.occurred = EarnedTime(movement);
  if (movement.has_activate) lot.activate = movement.activate;
  if (movement.expire != domain::kNever) lot.expire = movement.expire;
  lot.inactivity_days = movement.inactivity_days;
  if (movement.kind == events::v1::EVENT_KIND_POINTS_ACCRUED) {
    lot.rule_id = movement.description;
    lot.program_id = movement.program_id;
    lot.program_version = movement.program_version;
    lot.purchase_revision = movement.purchase_revision;
  } else if (movement.kind == events::v1::EVENT_KIND_POINTS_TRANSFER_RECEIVED) {
    lot.transfer_id = movement.holding_id;
    lot.from_account_id = movement.other_account_id;
    lot.received = movement.occurred;
  } else if (movement.kind == events::v1::EVENT_KIND_POINTS_RESTORED) {
    lot.from_account_id = movement.other_account_id;
    lot.received = movement.occurred;
    lot.paid_revision = movement.purchase_revision;
  }
  return lot;
}

// What the debit does to its lot. An activation moves nothing: time decides whether a lot is available.
void Debit(const LotDebit& debit, PointsLot& lot) {
  switch (debit.kind) {
    case events::v1::EVENT_KIND_POINTS_REDEEMED:
    case events::v1::EVENT_KIND_POINTS_ADJUSTED:
      lot.spent += debit.points;
      break;
    case events::v1::EVENT_KIND_POINTS_REVERSED:
      lot.reversed += debit.points;
      break;
    case events::v1::EVENT_KIND_POINTS_EXPIRED:
      lot.expired += debit.points;
      break;
    case events::v1::EVENT_KIND_POINTS_RESERVED:
      lot.reserved += debit.points;
      break;
    case events::v1::EVENT_KIND_POINTS_TRANSFER_SENT:
      lot.in_transit += debit.points;
      break;
    case events::v1::EVENT_KIND_POINTS_TRANSFER_COMPLETED:
      lot.transferred += debit.points;
      break;
    default:
      break;
  }
}

// Gives the lot, whose `remaining` is what no debit took, the state it had just before `as_of`. Returns false if more
// was taken from it than it had, or came back than was taken.
bool Settle(PointsLot& lot, Micros as_of) {
  if (lot.remaining < 0 || lot.reserved < 0 || lot.in_transit < 0 || lot.spent < 0) return false;
  if (lot.expire.has_value() && *lot.expire < as_of) {
    lot.expired += lot.remaining;
    lot.remaining = 0;
  }
  if (lot.remaining == 0 && lot.reserved + lot.in_transit > 0) {
    lot.state = LotState::kReserved;
  } else if (lot.remaining == 0) {
    lot.state = lot.expired > 0 ? LotState::kExpired : LotState::kConsumed;
  } else {
    lot.state = lot.activate.has_value() && *lot.activate >= as_of ? LotState::kPending : LotState::kAvailable;
  }
  return true;
}

// Lots and debits of one account, gathered movement by movement.
class LotsFold {
 public:
  void Add(const Movement& movement) {
    if (movement.adds_lot) lots_.push_back(MakeLot(movement));
    needs_activity_ |= movement.inactivity_days > 0;
    debt_ += movement.debt;
    switch (movement.kind) {
      case events::v1::EVENT_KIND_POINTS_ACTIVATED:
        return;
      case events::v1::EVENT_KIND_PURCHASE_RECORDED:
        for (const MovementPart& part : movement.parts) lends_.insert(part.lot_revision);
        paid_[movement.revision] = movement.occurred;
        return AddDebits(movement, movement.parts, events::v1::EVENT_KIND_POINTS_REDEEMED);
      case events::v1::EVENT_KIND_POINTS_DEBT_PAID:
        debt_ -= movement.points;
        return AddDebits(movement, movement.parts, events::v1::EVENT_KIND_POINTS_REVERSED);
      case events::v1::EVENT_KIND_POINTS_RESTORED:
        return AddReturns(movement, movement.back, events::v1::EVENT_KIND_POINTS_REDEEMED,
                          {movement.purchase_revision, paid_[movement.purchase_revision]});
      case events::v1::EVENT_KIND_POINTS_RESERVED:
        for (const MovementPart& part : movement.parts) lends_.insert(part.lot_revision);
        open_[std::string(movement.holding_id)] = {
            {movement.revision, movement.occurred}, movement.hold_until, movement.parts};
        return AddDebits(movement, movement.parts, movement.kind);
      case events::v1::EVENT_KIND_RESERVATION_CAPTURED:
      case events::v1::EVENT_KIND_RESERVATION_RELEASED:
      case events::v1::EVENT_KIND_RESERVATION_EXPIRED: {
        const auto placed = open_.extract(std::string(movement.holding_id));
        const PointsTaking taking = placed.empty() ? PointsTaking() : placed.mapped().taking;
        AddReturns(movement, movement.parts, events::v1::EVENT_KIND_POINTS_RESERVED, taking);
        AddReturns(movement, movement.back, events::v1::EVENT_KIND_POINTS_RESERVED, taking);
        return AddDebits(movement, movement.parts, events::v1::EVENT_KIND_POINTS_REDEEMED);
      }
      case events::v1::EVENT_KIND_POINTS_TRANSFER_SENT:
        for (const MovementPart& part : movement.parts) lends_.insert(part.lot_revision);
        sent_[std::string(movement.holding_id)] = {{movement.revision, movement.occurred}, 0, movement.parts};
        return AddDebits(movement, movement.parts, movement.kind);
      case events::v1::EVENT_KIND_POINTS_TRANSFER_COMPLETED:
      case events::v1::EVENT_KIND_POINTS_TRANSFER_RETURNED: {
        const auto begun = sent_.extract(std::string(movement.holding_id));
        if (begun.empty()) return;
        const Hold& sent = begun.mapped();
        AddReturns(movement, sent.parts, events::v1::EVENT_KIND_POINTS_TRANSFER_SENT, sent.taking);
        if (movement.kind == events::v1::EVENT_KIND_POINTS_TRANSFER_RETURNED) return;
        return AddDebits(movement, sent.parts, movement.kind);
      }
      default:
        return AddDebits(movement, movement.parts, movement.kind);
    }
  }

  // True if a lot runs out without activity, which then has to be added before Finish. It may be in any case.
  bool needs_activity() const { return needs_activity_; }
  void AddActivity(Micros occurred) { last_activity_ = std::max(last_activity_, occurred); }

  // Gives every lot the state it had just before `as_of`. Returns false if the movements contradict each other.
  bool Finish(Micros as_of) {
    EndHolds(as_of);
    std::sort(lots_.begin(), lots_.end(),
              [](const PointsLot& a, const PointsLot& b) { return a.lot_revision < b.lot_revision; });
    // A debit that arrived late may have occurred before its lot; without the lot it has no effect yet.
    std::erase_if(debits_, [this](const LotDebit& debit) {
      PointsLot* const lot = Find(debit.lot_revision);
      if (lot != nullptr) Debit(debit, *lot);
      return lot == nullptr;
    });
    bool enough = true;
    for (PointsLot& lot : lots_) {
      if (lot.inactivity_days > 0) lot.expire = InactivityEnd(lot.occurred, last_activity_, lot.inactivity_days);
      lot.remaining =
          lot.accrued - lot.reserved - lot.in_transit - lot.spent - lot.transferred - lot.reversed - lot.expired;
      enough = enough && lot.remaining >= 0;
    }
    if (!enough && !CutLateDebits()) return false;
    return std::all_of(lots_.begin(), lots_.end(), [&](PointsLot& lot) { return Settle(lot, as_of); });
  }

  std::vector<PointsLot>& lots() { return lots_; }
  const std::vector<LotDebit>& debits() const { return debits_; }
  // Points owed.
  int64_t debt() const { return debt_; }
  void Clear() {
    lots_.clear();
    debits_.clear();
    open_.clear();
    paid_.clear();
    sent_.clear();
    lends_.clear();
    debt_ = 0;
    needs_activity_ = false;
    last_activity_ = std::numeric_limits<int64_t>::min();
  }

 private:
  // A record that took points, and when.
  struct PointsTaking {
    uint64_t revision = 0;
    Micros occurred = 0;
  };
  struct Hold {
    PointsTaking taking;
    Micros hold_until = 0;
    std::vector<MovementPart> parts;
  };

  void AddDebits(const Movement& movement, const std::vector<MovementPart>& parts, EventKind kind) {
    for (const MovementPart& part : parts) {
      debits_.push_back({part.lot_revision, movement.revision, kind, movement.occurred, part.points, movement.revision,
                         movement.occurred, false});
    }
  }

  // What came back of a taking.
  void AddReturns(const Movement& movement, const std::vector<MovementPart>& parts, EventKind kind,
                  const PointsTaking& taking, bool due = false) {
    for (const MovementPart& part : parts) {
      debits_.push_back({part.lot_revision, movement.revision, kind, movement.occurred, -part.points, taking.revision,
                         taking.occurred, due});
    }
  }

  // Reservations that have ended, though it is not recorded yet.
  void EndHolds(Micros as_of) {
    const size_t recorded = debits_.size();
    for (const auto& [id, hold] : open_) {
      if (hold.hold_until >= as_of) continue;
      Movement ended;
      ended.revision = hold.taking.revision;
      ended.occurred = hold.hold_until;
      AddReturns(ended, hold.parts, events::v1::EVENT_KIND_POINTS_RESERVED, hold.taking, true);
    }
    if (debits_.size() == recorded) return;
    std::stable_sort(debits_.begin(), debits_.end(),
                     [](const LotDebit& a, const LotDebit& b) { return a.occurred < b.occurred; });
  }

  // A debit that arrived late may have taken points that only came back to the lot later: until then it has no effect.
  // So what a lot lacks is cut from its debits, those recorded last first. Returns false if no points of the lot could
  // have come back.
  bool CutLateDebits() {
    // What each taking still has of each lot.
    std::map<std::tuple<uint64_t, uint64_t, EventKind>, int64_t> kept;
    std::vector<LotDebit*> takings;
    for (LotDebit& debit : debits_) {
      kept[{debit.lot_revision, debit.taken_revision, debit.kind}] += debit.points;
      if (debit.points > 0) takings.push_back(&debit);
    }
    std::stable_sort(takings.begin(), takings.end(),
                     [](const LotDebit* a, const LotDebit* b) { return a->revision > b->revision; });
    for (LotDebit* const debit : takings) {
      PointsLot& lot = *Find(debit->lot_revision);
      if (lot.remaining >= 0) continue;
      if (!lends_.contains(debit->lot_revision)) return false;
      int64_t& left = kept[{debit->lot_revision, debit->taken_revision, debit->kind}];
      LotDebit cut = *debit;
      cut.points = std::max(lot.remaining, -std::clamp<int64_t>(left, 0, debit->points));
      Debit(cut, lot);
      lot.remaining -= cut.points;
      left += cut.points;
      debit->points += cut.points;
    }
    std::erase_if(debits_, [](const LotDebit& debit) { return debit.points == 0; });
    return true;
  }

  PointsLot* Find(uint64_t revision) {
    const auto lot = std::lower_bound(lots_.begin(), lots_.end(), revision,
                                      [](const PointsLot& l, uint64_t wanted) { return l.lot_revision < wanted; });
    return lot != lots_.end() && lot->lot_revision == revision ? &*lot : nullptr;
  }

  std::vector<PointsLot> lots_;
  std::vector<LotDebit> debits_;
  // Reservations without an end so far.
  std::map<std::string, Hold> open_;
  // When points paid for purchases, by revision.
  std::map<uint64_t, Micros> paid_;
  // Transfers without an end so far.
  std::map<std::string, Hold> sent_;
  // Lots whose points may come back.
  std::set<uint64_t> lends_;
  int64_t debt_ = 0;
  bool needs_activity_ = false;
  Micros last_activity_ = std::numeric_limits<int64_t>::min();
};

// Lots and debits of the account as of a moment.
absl::StatusOr<LotsFold> FoldAccount(const store::TableReader& rows, std::string_view account_id, Micros as_of) {
  LotsFold fold;
  KL_RETURN_IF_ERROR(ForEachMovement(rows, account_id, as_of, [&](const Movement& movement) {
    fold.Add(movement);
    return true;
  }));
  if (fold.needs_activity()) {
    KL_ASSIGN_OR_RETURN(const Micros last, FindLastActivity(rows, account_id, as_of));
    fold.AddActivity(last);
  }
  if (!fold.Finish(as_of)) return Damaged(account_id);
  return fold;
}

// Place of a line among an account's lines: recorded ones by position, those that are due after them by lot.
struct Place {
  Micros occurred = 0;
  // 0: recorded. Otherwise the DueStep.
  uint64_t step = 0;
  // Position, or revision of the lot.
  uint64_t number = 0;

  auto operator<=>(const Place&) const = default;
};

Place DuePlaceOf(const PointsStatementEntry& line) {
  return {line.occurred, static_cast<uint64_t>(DueStep(line.kind)), line.lot_revision};
}

Place PlaceOf(const PointsStatementEntry& line) {
  return line.due ? DuePlaceOf(line) : Place{line.occurred, 0, line.position};
}

std::string FormatPlace(const Place& place) {
  std::string text;
  PutOrdered64(text, place.occurred);
  PutBigEndian64(text, place.step);
  PutBigEndian64(text, place.number);
  return text;
}

bool ParsePlace(std::string_view text, Place& place) {
  return GetOrdered64(text, place.occurred) && GetBigEndian64(text, place.step) && GetBigEndian64(text, place.number) &&
         text.empty();
}

// Whether a line comes after the place where the page before ended.
bool IsAfter(const PointsStatementEntry& line, const Place& end) {
  // The page ended within what was due at a moment. If that has been recorded since, it still counts as listed up to
  // the lot where the page ended, and not beyond.
  if (end.step != 0 && line.occurred == end.occurred) return end < DuePlaceOf(line);
  return end < PlaceOf(line);
}

}  // namespace

absl::StatusOr<PointsBalance> GetPointsBalance(const store::TableReader& rows, std::string_view account_id,
                                               Micros as_of) {
  KL_ASSIGN_OR_RETURN(LotsFold fold, FoldAccount(rows, account_id, as_of));
  PointsBalance balance;
  balance.debt = fold.debt();
  balance.reversed = fold.debt();
  for (const PointsLot& lot : fold.lots()) {
    balance.reserved += lot.reserved;
    (lot.state == LotState::kPending ? balance.pending : balance.available) += lot.remaining;
    balance.spent += lot.spent;
    balance.expired += lot.expired;
    balance.reversed += lot.reversed;
    balance.in_transit += lot.in_transit;
    balance.transferred_out += lot.transferred;
    if (lot.given_back()) {
      balance.spent -= lot.accrued;
    } else {
      (lot.transfer_id.empty() ? balance.accrued : balance.transferred_in) += lot.accrued;
    }
  }
  return balance;
}

absl::StatusOr<PointsLotPage> ListPointsLots(const store::TableReader& rows, std::string_view account_id, Micros as_of,
                                             std::optional<LotState> state, size_t page_size,
                                             std::string_view continuation) {
  // Revision of the last lot listed.
  std::optional<uint64_t> after;
  if (!continuation.empty()) {
    after.emplace(0);
    if (!GetBigEndian64(continuation, *after) || !continuation.empty()) return BadToken();
  }
  KL_ASSIGN_OR_RETURN(LotsFold fold, FoldAccount(rows, account_id, as_of));
  PointsLotPage page;
  for (PointsLot& lot : fold.lots()) {
    if (after.has_value() && lot.lot_revision <= *after) continue;
    if (state.has_value() && lot.state != *state) continue;
    if (page.lots.size() == page_size) {
      PutBigEndian64(page.continuation, page.lots.back().lot_revision);
      break;
    }
    page.lots.push_back(std::move(lot));
  }
  return page;
}

absl::Status WithAccountLots(const store::TableReader& rows, std::string_view account_id, Micros as_of,
                             const AccountLotsVisitor& visit) {
  KL_ASSIGN_OR_RETURN(LotsFold fold, FoldAccount(rows, account_id, as_of));
  return visit(fold.lots(), fold.debits());
}

absl::Status ForEachAccountLots(const store::TableReader& rows, Micros as_of, Micros known_at,
                                const AccountLotsVisitor& visit) {
  LotsFold fold;
  // Account whose movements are being gathered.
  std::string account_id;
  const auto finish = [&]() -> absl::Status {
    if (!fold.Finish(as_of)) return Damaged(account_id);
    absl::Status visited = fold.lots().empty() ? absl::OkStatus() : visit(fold.lots(), fold.debits());
    fold.Clear();
    return visited;
  };
  const std::unique_ptr<store::RowIterator> row = rows.NewScan();
  Movement movement;
  for (row->Seek(""); row->Valid(); row->Next()) {
    RowKey key;
    if (!SplitRowKey(row->key(), key)) return Damaged(row->key());
    if (key.account_id != account_id) {
      KL_RETURN_IF_ERROR(finish());
      account_id = key.account_id;
    }
    if (key.tag == kActivityTag) {
      ActivityMoment activity;
      if (!DecodeActivity(key.rest, row->value(), activity)) return Damaged(account_id);
      if (activity.occurred < as_of && activity.recorded < known_at) fold.AddActivity(activity.occurred);
    }
    if (key.tag != kMovementTag) continue;
    if (!DecodeMovement(key.rest, row->value(), movement)) return Damaged(account_id);
    if (movement.occurred < as_of && movement.recorded < known_at) fold.Add(movement);
  }
  KL_RETURN_IF_ERROR(row->status());
  return finish();
}

absl::StatusOr<std::map<uint64_t, Micros>> FindPaidPurchases(const store::TableReader& rows,
                                                             std::string_view account_id, Micros as_of,
                                                             Micros known_at) {
  std::map<uint64_t, Micros> paid;
  KL_RETURN_IF_ERROR(WalkMovements(rows, account_id, as_of, [&](const Movement& movement) {
    if (movement.kind == events::v1::EVENT_KIND_PURCHASE_RECORDED && movement.recorded < known_at) {
      paid[movement.revision] = movement.occurred;
    }
    return true;
  }));
  return paid;
}

absl::StatusOr<PointsStatementPage> ListPointsStatement(const store::TableReader& rows, std::string_view account_id,
                                                        Micros from, Micros to, Micros as_of, size_t page_size,
                                                        std::string_view continuation) {
  // Place of the last line listed.
  std::optional<Place> after;
  if (!continuation.empty() && !ParsePlace(continuation, after.emplace())) return BadToken();
  PointsStatementPage page;
  // Both return false when the page is full.
  const auto take = [&](PointsStatementEntry line) {
    if (line.occurred < from || (after.has_value() && !IsAfter(line, *after))) return true;
    if (page.entries.size() == page_size) {
      page.continuation = FormatPlace(PlaceOf(page.entries.back()));
      return false;
    }
    page.entries.push_back(std::move(line));
    return true;
  };
  StatementFold fold;
  const Micros end = std::min(to, as_of);
  const auto take_due = [&](Micros before) {
    while (std::optional<PointsStatementEntry> line = fold.NextDue(before)) {
      if (!take(std::move(*line))) return false;
    }
    return true;
  };
  bool sound = true;
  bool has_activity = false;
  absl::Status activity_read;
  KL_RETURN_IF_ERROR(ForEachMovement(rows, account_id, end, [&](const Movement& movement) {
    if (!take_due(movement.occurred)) return false;
    if (movement.inactivity_days > 0 && !std::exchange(has_activity, true)) {
      // As in the balance of that moment: what counts is the last activity before it.
      const absl::StatusOr<Micros> last = FindLastActivity(rows, account_id, end);
      activity_read = last.status();
      if (!last.ok()) return false;
      fold.AddActivity(*last);
    }
    std::optional<PointsStatementEntry> line = fold.Add(movement);
    sound = line.has_value();
    return sound && take(std::move(*line));
  }));
  KL_RETURN_IF_ERROR(activity_read);
  if (!sound) return Damaged(account_id);
  if (page.continuation.empty()) take_due(end);
  return page;
}

absl::StatusOr<PointsTransfer> GetPointsTransfer(const store::TableReader& rows, std::string_view account_id,
                                                 std::string_view transfer_id) {
  KL_RETURN_IF_ERROR(CheckAccount(rows, account_id));
  KL_ASSIGN_OR_RETURN(const auto sent, rows.Get(TransferKey(account_id, transfer_id, false)));
  if (!sent.has_value()) {
    return MakeError(Reason::kTransferNotFound,
                     fmt::format("account \"{}\" has sent no transfer \"{}\"", account_id, transfer_id));
  }
  TransferRow row;
  if (!DecodeTransfer(*sent, row)) return Damaged(account_id);
  PointsTransfer transfer{TransferState::kSent, row.to_account_id, row.points, row.reason,
                          row.occurred,         row.recorded,      {},         ""};
  KL_ASSIGN_OR_RETURN(const auto end, rows.Get(TransferKey(account_id, transfer_id, true)));
  if (!end.has_value()) return transfer;
  if (!DecodeTransfer(*end, row)) return Damaged(account_id);
  transfer.state = row.refusal.empty() ? TransferState::kCompleted : TransferState::kReturned;
  transfer.end_recorded = row.recorded;
  transfer.refusal = row.refusal;
  return transfer;
}

absl::StatusOr<ExpirySchedule> GetPointsExpirySchedule(const store::TableReader& rows, std::string_view account_id,
                                                       Micros as_of) {
  KL_ASSIGN_OR_RETURN(LotsFold fold, FoldAccount(rows, account_id, as_of));
  std::map<Micros, int64_t> by_time;
  ExpirySchedule schedule;
  for (const PointsLot& lot : fold.lots()) {
    if (lot.remaining == 0) continue;
    (lot.expire.has_value() ? by_time[*lot.expire] : schedule.never) += lot.remaining;
  }
  for (const auto& [expire, points] : by_time) schedule.entries.push_back(ExpiryEntry{expire, points});
  return schedule;
}

}  // namespace keyledger::projections

// See points_causes.h.
#include "projections/points/points_causes.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "projections/points/points_queries.h"

namespace keyledger::projections {
namespace {

using events::v1::EventKind;

class CausesFold {
 public:
  void AddLot(const PointsLot& lot) {
    BalanceCause& cause =
        lot.purchase_revision.has_value()
            ? CauseOf(events::v1::EVENT_KIND_PURCHASE_RECORDED, *lot.purchase_revision, lot.occurred)
        : lot.given_back() ? CauseOf(events::v1::EVENT_KIND_POINTS_REDEEMED, lot.lot_revision, lot.received)
        : lot.transfer_id.empty()
            ? CauseOf(events::v1::EVENT_KIND_POINTS_ADJUSTED, lot.lot_revision, lot.occurred)
            : CauseOf(events::v1::EVENT_KIND_POINTS_TRANSFER_RECEIVED, lot.lot_revision, lot.received);
    cause.points += lot.accrued;
    cause.parts.push_back({lot.accrued, lot.lot_revision, lot.rule_id, lot.program_id, lot.program_version});
  }

  void AddDebit(const LotDebit& debit) {
    const EventKind kind =
        debit.kind == events::v1::EVENT_KIND_POINTS_REVERSED ? events::v1::EVENT_KIND_PURCHASE_RETURNED : debit.kind;
    Take(CauseOf(kind, debit.revision, debit.occurred, debit.due), debit.lot_revision, debit.points);
  }

  // What ran out and is not recorded.
  void AddDue(const PointsLot& lot, int64_t points) {
    BalanceCause& cause = due_.emplace_back();
    cause.kind = events::v1::EVENT_KIND_POINTS_EXPIRED;
    cause.occurred = std::max({*lot.expire, lot.occurred, lot.from_account_id.empty() ? lot.occurred : lot.received});
    cause.due = true;
    Take(cause, lot.lot_revision, points);
  }

  std::vector<BalanceCause> Take() && {
    std::vector<BalanceCause> causes = std::move(due_);
    for (auto& [key, cause] : causes_) causes.push_back(std::move(cause));
    // What is due will be recorded later than all there is.
    const auto order = [](const BalanceCause& cause) {
      return std::tuple(cause.occurred, cause.due, cause.revision, cause.parts.front().lot_revision);
    };
    std::sort(causes.begin(), causes.end(),
              [&](const BalanceCause& a, const BalanceCause& b) { return order(b) < order(a); });
    return causes;
  }

 private:
  BalanceCause& CauseOf(EventKind kind, uint64_t revision, Micros occurred, bool due = false) {
    BalanceCause& cause = causes_[{kind, revision, due}];
    cause.kind = kind;
    cause.revision = revision;
    cause.occurred = occurred;
    cause.due = due;
    return cause;
  }

  static void Take(BalanceCause& cause, uint64_t lot_revision, int64_t points) {
    cause.points -= points;
    CausePart& part = cause.parts.emplace_back();
    part.points = -points;
    part.lot_revision = lot_revision;
  }

  // By kind, revision and whether it is due.
  std::map<std::tuple<EventKind, uint64_t, bool>, BalanceCause> causes_;
  // What ran out and is not recorded.
  std::vector<BalanceCause> due_;
};

}  // namespace

absl::StatusOr<std::vector<BalanceCause>> GetBalanceCauses(const store::TableReader& rows, std::string_view account_id,
                                                           Micros as_of) {
  CausesFold fold;
  const absl::Status folded = WithAccountLots(
      rows, account_id, as_of, [&](const std::vector<PointsLot>& lots, const std::vector<LotDebit>& debits) {
        std::map<uint64_t, int64_t> expired;
        for (const LotDebit& debit : debits) {
          fold.AddDebit(debit);
          if (debit.kind == events::v1::EVENT_KIND_POINTS_EXPIRED) expired[debit.lot_revision] += debit.points;
        }
        for (const PointsLot& lot : lots) {
          fold.AddLot(lot);
          const int64_t due = lot.expired - expired[lot.lot_revision];
          if (due > 0) fold.AddDue(lot, due);
        }
        return absl::OkStatus();
      });
  if (!folded.ok()) return folded;
  return std::move(fold).Take();
}

}  // namespace keyledger::projections

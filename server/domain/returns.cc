// Returns of goods; see returns.h.
#include "server/domain/returns.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include <fmt/format.h>

#include "server/base/check.h"
#include "server/base/checked.h"
#include "server/base/error.h"
#include "server/domain/accrual.h"
#include "server/domain/lots.h"
#include "server/domain/proto_time.h"

namespace keyledger::domain {
namespace {

using events::v1::PointsAccrued;
using events::v1::PointsReversed;

ReturnedLine FindLine(const std::vector<ReturnedLine>& lines, uint32_t number) {
  for (const ReturnedLine& line : lines) {
    if (line.line_number == number) return line;
  }
  return {number, 0, 0};
}

absl::Status Exceeds(const std::string& path, const std::string& what) {
  return MakeError(Reason::kReturnExceedsPurchase, fmt::format("{} {}", path, what));
}

// Points of a line that go back once `returned` of it has come back. Requires: returned within what was bought.
int64_t ShareOf(int64_t points, const events::v1::PurchaseLine& line, const ReturnedLine& returned) {
  const bool by_money = line.amount().micros() > 0;
  const auto share = by_money ? MulDiv(points, returned.micros, 1, line.amount().micros(), RoundingMode::kDown)
                              : MulDiv(points, returned.quantity, 1, line.quantity(), RoundingMode::kDown);
  KL_CHECK(share.has_value());
  return *share;
}

// Points of a lot that this return owes.
int64_t DueOf(const PointsAccrued& accrued, const events::v1::PurchaseRecorded& purchase,
              const std::vector<ReturnedLine>& before, const std::vector<ReturnedLine>& after) {
  int64_t due = 0;
  for (const auto& line : accrued.lines()) {
    KL_CHECK(line.line_number() >= 1 && line.line_number() <= static_cast<uint32_t>(purchase.lines_size()));
    const auto& bought = purchase.lines(static_cast<int>(line.line_number()) - 1);
    due += ShareOf(line.points(), bought, FindLine(after, line.line_number())) -
           ShareOf(line.points(), bought, FindLine(before, line.line_number()));
  }
  return due;
}

// Which lots of the account hold points of a lot of the purchase: that itself, or what a merge made of it.
class LotsOfPurchase {
 public:
  LotsOfPurchase(const AccountState& state, const LinkedPurchase& linked) : is_own_(linked.key.first.empty()) {
    const uint32_t origin = state.PlaceAmongAbsorbed(linked.key.first);
    if (origin == 0) return;
    for (const Lot& lot : state.lots) {
      if (lot.origin == origin) came_[lot.origin_lot].push_back(lot.revision);
    }
  }

  std::vector<uint64_t> Of(uint64_t lot_revision) const {
    if (is_own_) return {lot_revision};
    const auto came = came_.find(lot_revision);
    return came == came_.end() ? std::vector<uint64_t>() : came->second;
  }

 private:
  const bool is_own_;
  std::unordered_map<uint64_t, std::vector<uint64_t>> came_;
};

}  // namespace

absl::Status CheckLinkedReturn(const AccountState& state, const LinkedPurchase& linked,
                               const events::v1::PurchaseReturned& returned, const std::string& path) {
  const events::v1::PurchaseRecorded& purchase = *linked.purchase;
  const auto known = state.returned.find(linked.key);
  if (known == state.returned.end() && state.returned.size() >= kReturnedPurchasesMax) {
    return MakeError(
        Reason::kAccountLimit,
        fmt::format(
            "{}: {} purchases of the account have been returned in whole or in part, which is the most it can keep "
            "track of; return this one without naming it",
            path, kReturnedPurchasesMax));
  }
  std::map<uint32_t, ReturnedLine> sums;
  for (int i = 0; i < returned.lines_size(); ++i) {
    const events::v1::ReturnLine& line = returned.lines(i);
    const std::string at = fmt::format("{}.lines[{}]", path, i);
    if (line.line_number() == 0 && purchase.lines_size() > 1) {
      return FieldError(at + ".line_number",
                        fmt::format("is required: the purchase has {} lines", purchase.lines_size()));
    }
    const uint32_t number = std::max<uint32_t>(line.line_number(), 1);
    if (number > static_cast<uint32_t>(purchase.lines_size())) {
      return Exceeds(at, fmt::format("returns line {} of a purchase of {} lines", number, purchase.lines_size()));
    }
    const events::v1::PurchaseLine& bought = purchase.lines(static_cast<int>(number) - 1);
    if (bought.amount().currency_code() != line.amount().currency_code()) {
      return FieldError(at + ".amount.currency_code",
                        fmt::format("must be {}, the currency of the purchase", bought.amount().currency_code()));
    }
    ReturnedLine& sum = sums.try_emplace(number, known == state.returned.end() ? ReturnedLine{number, 0, 0}
                                                                               : FindLine(known->second, number))
                            .first->second;
    if (line.quantity() > bought.quantity() - sum.quantity) {
      return Exceeds(at, fmt::format("returns {} units; {} were bought and {} have come back", line.quantity(),
                                     bought.quantity(), sum.quantity));
    }
    if (line.amount().micros() > bought.amount().micros() - sum.micros) {
      return Exceeds(at, fmt::format("gives back {} micros; {} were paid and {} have been given back",
                                     line.amount().micros(), bought.amount().micros(), sum.micros));
    }
    sum.quantity += line.quantity();
    sum.micros += line.amount().micros();
  }
  return absl::OkStatus();
}

PointsReversed ReverseLinked(const AccountState& state, const std::vector<ReturnedLine>& before,
                             const LinkedPurchase& linked, programs::v1::ReturnPolicy policy, int64_t debt_max) {
  const std::vector<ReturnedLine>& after = state.returned.at(linked.key);
  const bool only_pending = policy == programs::v1::RETURN_POLICY_ONLY_PENDING;
  const LotsOfPurchase lots(state, linked);
  Taking taking(state);
  int64_t due = 0;
  // Owed and not in the lot it was given in: spent, so it is sought elsewhere. What ran out unspent did the account no
  // good, and is not asked for again.
  int64_t spent = 0;
  for (const auto& [lot, accrued] : linked.accruals) {
    const int64_t owed = DueOf(*accrued, *linked.purchase, before, after);
    due += owed;
    int64_t taken = 0;
    for (const uint64_t own : lots.Of(lot)) {
      taken += only_pending ? taking.TakePendingFrom(own, owed - taken) : taking.TakeFrom(own, owed - taken);
    }
    const bool expired = accrued->has_expire_time() && MicrosOf(accrued->expire_time()) <= state.clock;
    if (!expired) spent += owed - taken;
  }
  if (!only_pending) {
    for (const auto& [lot, accrued] : linked.accruals) {
      for (const uint64_t own : lots.Of(lot)) spent -= taking.TakeFrom(own, spent);
    }
    spent -= taking.TakeNewest(spent);
  }
  PointsReversed reversed;
  if (!only_pending) reversed.set_debt(std::min(spent, debt_max));
  if (linked.key.first.empty()) reversed.set_purchase_revision(linked.key.second);
  reversed.set_points_due(due);
  reversed.set_points(taking.total());
  taking.AppendTo(reversed.mutable_allocations());
  return reversed;
}

std::optional<PointsReversed> ReverseUnlinked(const AccountState& state, const events::v1::PurchaseReturned& returned,
                                              std::string_view region, Micros occurred, const CompiledProgram& program,
                                              int64_t multiplier_milli, int64_t debt_max) {
  EarningSale sale{returned.merchant_id(), region, occurred, events::v1::SALE_MODE_UNSPECIFIED, {}};
  for (const events::v1::ReturnLine& line : returned.lines()) {
    const auto number = static_cast<uint32_t>(sale.lines.size() + 1);
    sale.lines.push_back({number, line.sku(), line.category(), line.quantity(), line.amount().micros()});
  }
  const auto earned = Earn(program, sale, multiplier_milli, nullptr, RoundingMode::kUp);
  if (!earned.has_value()) return std::nullopt;
  int64_t due = 0;
  for (const Earned& one : *earned) {
    const auto sum = CheckedAdd(due, one.points);
    if (!sum.has_value()) return std::nullopt;
    due = *sum;
  }
  Taking taking(state);
  // Which pending points belong to a purchase nobody recorded cannot be known, so with ONLY_PENDING none are taken.
  if (program.program().return_policy() != programs::v1::RETURN_POLICY_ONLY_PENDING) taking.TakeNewest(due);
  PointsReversed reversed;
  reversed.set_points_due(due);
  reversed.set_points(taking.total());
  reversed.set_debt(std::min(due - taking.total(), debt_max));
  taking.AppendTo(reversed.mutable_allocations());
  return reversed;
}

Allocations PaidBack(const AccountState& state, const std::vector<ReturnedLine>& before, const LinkedPurchase& linked) {
  const std::vector<ReturnedLine>& after = state.returned.at(linked.key);
  Allocations back;
  for (int i = 0; i < linked.purchase->lines_size(); ++i) {
    const events::v1::PurchaseLine& line = linked.purchase->lines(i);
    if (line.points_paid() == 0) continue;
    const auto number = static_cast<uint32_t>(i + 1);
    const int64_t done = ShareOf(line.points_paid(), line, FindLine(before, number));
    const int64_t now = ShareOf(line.points_paid(), line, FindLine(after, number));
    // The line's points in the order in which they were taken: those up to `done` are back already.
    Allocations left;
    SplitAllocations(line.points_allocations(), done, nullptr, &left);
    SplitAllocations(left, now - done, &back, nullptr);
  }
  return back;
}

}  // namespace keyledger::domain

// What is bought and what comes back. See decision.h.
#include <algorithm>
#include <limits>

#include "server/domain/decision.h"
#include "server/domain/lots.h"
#include "server/domain/proto_time.h"
#include "server/domain/redemption.h"
#include "server/domain/returned_goods.h"
#include "server/domain/transfers.h"

namespace keyledger::domain {

using events::v1::Event;

namespace {

// False: the lines sum to more than money may.
template <typename Lines>
bool SumsInRange(const Lines& lines) {
  Int128 sum = 0;
  for (const auto& line : lines) sum += line.amount().micros();
  return sum <= kMoneyMicrosMax;
}

events::v1::MergedPurchase MergedPurchaseOf(const PurchaseKey& key) {
  events::v1::MergedPurchase merged;
  merged.set_account_id(key.first);
  merged.set_revision(key.second);
  return merged;
}

// One allocation for each lot, in the order in which they are first named.
std::vector<events::v1::LotAllocation> JoinByLot(const Allocations& allocations) {
  std::vector<events::v1::LotAllocation> joined;
  std::map<uint64_t, size_t> places;
  for (const auto& allocation : allocations) {
    const auto [place, is_new] = places.try_emplace(allocation.lot_revision(), joined.size());
    if (is_new) {
      joined.push_back(allocation);
    } else {
      joined[place->second].set_points(joined[place->second].points() + allocation.points());
    }
  }
  return joined;
}

int64_t SumOf(const Allocations& allocations) {
  int64_t sum = 0;
  for (const auto& allocation : allocations) sum += allocation.points();
  return sum;
}

std::string SumTooLarge() { return fmt::format("the lines sum to more than {} micros", kMoneyMicrosMax); }

}  // namespace

absl::Status Decision::PayWithPoints(const Fact& fact, events::v1::PurchaseRecorded& purchase) {
  int64_t points = 0;
  for (const auto& line : purchase.lines()) points += line.points_paid();
  if (points == 0) return absl::OkStatus();
  Allocations taken;
  KL_RETURN_IF_ERROR(Allocate(fact, points, &taken, purchase.mutable_counts()));
  FillLotTerms(state(), taken);
  auto source = taken.begin();
  int64_t used = 0;
  for (auto& line : *purchase.mutable_lines()) {
    for (int64_t wanted = line.points_paid(); wanted > 0;) {
      const int64_t part = std::min(wanted, source->points() - used);
      events::v1::LotAllocation& allocation = *line.add_points_allocations();
      allocation = *source;
      allocation.set_points(part);
      wanted -= part;
      used += part;
      if (used == source->points()) {
        ++source;
        used = 0;
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Decision::Restore(const Fact& fact, const events::v1::PurchaseReturned& returned, uint64_t return_revision,
                               const std::vector<ReturnedLine>& before) {
  KL_ASSIGN_OR_RETURN(const std::optional<LinkedPurchase> linked, FindPurchase(returned));
  const Allocations back = PaidBack(state(), before, *linked);
  if (back.empty()) return absl::OkStatus();
  // Recording may move the events that `linked` points into.
  const PurchaseKey key = linked->key;
  const Micros occurred = std::max(fact.occurred, linked->occurred);
  if (key.first.empty()) {
    Event event;
    events::v1::PointsRestored& restored = *event.mutable_points_restored();
    restored.set_return_revision(return_revision);
    restored.set_purchase_revision(key.second);
    restored.set_points(SumOf(back));
    *restored.mutable_allocations() = back;
    KL_RETURN_IF_ERROR(Here(work_.RecordDecision(std::move(event), occurred, fact_index(), nullptr)));
  } else {
    // The lots are not in this account: each becomes one of its own.
    const Micros active = std::max(linked->occurred, state().last_activity);
    for (events::v1::LotAllocation& allocation : JoinByLot(back)) {
      FixEnd(active, *allocation.mutable_lot());
      Event event;
      events::v1::PointsRestored& restored = *event.mutable_points_restored();
      restored.set_return_revision(return_revision);
      restored.set_points(allocation.points());
      *restored.add_allocations() = std::move(allocation);
      *restored.mutable_merged_purchase() = MergedPurchaseOf(key);
      KL_RETURN_IF_ERROR(Here(work_.RecordDecision(std::move(event), occurred, fact_index(), nullptr)));
    }
  }
  return Here(work_.SettleRestored(fact_index()));
}

absl::Status Decision::DecidePurchase(const Fact& fact) {
  if (state().lifecycle == Lifecycle::kClosed) return Closed();
  const events::v1::PurchaseRecorded& purchase = fact.event.purchase_recorded();
  if (!SumsInRange(purchase.lines())) return RefuseHere(Reason::kArithmeticRange, SumTooLarge());
  const std::string& region = RegionOf(purchase.region());
  const CompiledProgram* program = work_.programs().Select(fact.occurred, region);
  ComplianceFlags flags;
  if (program != nullptr && !program->limits().market_prices.empty()) {
    KL_RETURN_IF_ERROR(Here(CheckMarketPrices({state(), *program, fact.occurred}, purchase, region, &flags)));
  }
  const uint64_t revision = state().next_revision;
  if (!purchase.invoice_number().empty()) {
    recorded_.try_emplace({purchase.merchant_id(), purchase.invoice_number()}, work_.events().size());
  }
  Event event = fact.event;
  KL_RETURN_IF_ERROR(PayWithPoints(fact, *event.mutable_purchase_recorded()));
  if (program == nullptr || purchase.lines().empty() ||
      purchase.lines(0).amount().currency_code() != program->program().currency_code()) {
    KL_RETURN_IF_ERROR(Here(work_.RecordFact(std::move(event), fact.occurred, fact_index())));
    KL_RETURN_IF_ERROR(Flag(fact, revision, program, std::move(flags)));
    return Rise();
  }
  EarningSale sale{purchase.merchant_id(), region, fact.occurred, purchase.sale_mode(), {}};
  sale.lines.reserve(purchase.lines_size());
  for (const auto& line : purchase.lines()) {
    const auto number = static_cast<uint32_t>(sale.lines.size() + 1);
    sale.lines.push_back({number, line.sku(), line.category(), line.quantity(), line.amount().micros()});
  }
  // The tier before this purchase: the one that crosses a threshold is not yet rated at the new tier (DOMAIN A5, 7).
  const auto [tier_id, multiplier] = Multiplier(*program);
  auto earned = Earn(*program, sale, multiplier, [&](const programs::v1::AccrualRule& rule) {
    return AllowanceOf(state(), *program, rule, fact.occurred);
  });
  if (!earned.has_value()) return RefuseHere(Reason::kArithmeticRange, "the points earned leave 64 bits");
  KL_RETURN_IF_ERROR(Here(work_.RecordFact(std::move(event), fact.occurred, fact_index())));
  KL_RETURN_IF_ERROR(Flag(fact, revision, program, std::move(flags)));
  for (const Earned& one : *earned) KL_RETURN_IF_ERROR(Accrue(fact.occurred, *program, one, revision, tier_id));
  return Rise();
}

absl::Status Decision::Accrue(Micros occurred, const CompiledProgram& program, const Earned& earned,
                              uint64_t purchase_revision, const std::string& tier_id) {
  Event event;
  events::v1::PointsAccrued& accrued = *event.mutable_points_accrued();
  accrued.set_points(earned.points);
  accrued.set_rule_id(earned.rule->rule_id());
  accrued.set_purchase_revision(purchase_revision);
  for (const auto& [number, points] : earned.lines) {
    auto* line = accrued.add_lines();
    line->set_line_number(number);
    line->set_points(points);
  }
  const Micros activate = ActivateTime(program, *earned.rule, occurred);
  const Micros expire = ExpireTime(program, *earned.rule, occurred);
  if (!IsTimestampRange(activate) || (expire != kNever && !IsTimestampRange(expire))) {
    return RefuseHere(Reason::kArithmeticRange, "the points would become available or run out after the year 9999");
  }
  if (earned.rule->pending_days() > 0) SetTimestamp(accrued.mutable_activate_time(), activate);
  if (expire != kNever) SetTimestamp(accrued.mutable_expire_time(), expire);
  accrued.set_matched_base(earned.matched_base);
  accrued.set_tier_id(tier_id);
  accrued.set_multiplier_milli(earned.multiplier_milli);
  if (earned.uncapped > earned.points) accrued.set_uncapped_points(earned.uncapped);
  if (earned.rule->has_max_per_period()) {
    *accrued.mutable_count() =
        CountOf(state(), program, CounterOf(*earned.rule), earned.rule->max_per_period().period(), occurred);
  }
  if (earned.rule->expiry().model_case() == programs::v1::Expiry::kInactivityDays) {
    accrued.set_inactivity_days(earned.rule->expiry().inactivity_days());
  }
  return Here(work_.RecordDecision(std::move(event), occurred, fact_index(), &program));
}

absl::StatusOr<std::optional<LinkedPurchase>> Decision::FindPurchase(
    const events::v1::PurchaseReturned& returned) const {
  if (returned.purchase_invoice_number().empty()) return std::nullopt;
  const std::pair key(returned.merchant_id(), returned.purchase_invoice_number());
  if (const auto here = recorded_.find(key); here != recorded_.end()) return FromRequest(here->second);
  const auto found = input_.purchases.find(key);
  if (found == input_.purchases.end()) return std::nullopt;
  const RecordedPurchase& recorded = found->second;
  const bool is_own = recorded.account_id == input_.account_id;
  if (!is_own && !state().has_absorbed(recorded.account_id)) {
    return RefuseHere(Reason::kPurchaseOfOtherAccount,
                      fmt::format("invoice '{}' of merchant '{}' belongs to another account", key.second, key.first));
  }
  LinkedPurchase linked{{is_own ? "" : recorded.account_id, recorded.revision},
                        recorded.occurred,
                        &recorded.purchase,
                        {},
                        recorded.program_id,
                        recorded.program_version};
  for (const auto& [lot, accrued] : recorded.accruals) linked.accruals.emplace_back(lot, &accrued);
  return linked;
}

LinkedPurchase Decision::FromRequest(size_t at) const {
  const std::vector<DecidedEvent>& events = work_.events();
  const DecidedEvent& fact = events[at];
  LinkedPurchase linked{{"", work_.first_revision() + at}, fact.occurred, &fact.event.purchase_recorded(), {}, "", 0};
  for (size_t i = at + 1; i < events.size() && events[i].fact_index == fact.fact_index; ++i) {
    if (events[i].event.has_points_accrued()) {
      linked.accruals.emplace_back(work_.first_revision() + i, &events[i].event.points_accrued());
      linked.program_id = events[i].program_id;
      linked.program_version = events[i].program_version;
    }
  }
  return linked;
}

absl::Status Decision::DecideReturn(const Fact& fact) {
  const events::v1::PurchaseReturned& returned = fact.event.purchase_returned();
  if (!SumsInRange(returned.lines())) return RefuseHere(Reason::kArithmeticRange, SumTooLarge());
  KL_ASSIGN_OR_RETURN(std::optional<LinkedPurchase> linked, FindPurchase(returned));
  if (!linked.has_value()) return DecideUnlinkedReturn(fact);
  const std::string path = fmt::format("events[{}].purchase_returned", index_);
  KL_RETURN_IF_ERROR(CheckLinkedReturn(state(), *linked, returned, path));
  // The version that gave the points, whatever has been published and wherever the account has moved since. A
  // purchase that earned nothing has none, and owes nothing.
  const CompiledProgram* program = work_.programs().Find(linked->program_id, linked->program_version);
  const auto policy =
      program == nullptr ? programs::v1::RETURN_POLICY_WITHIN_BALANCE : program->program().return_policy();
  const auto known = state().returned.find(linked->key);
  const std::vector<ReturnedLine> before =
      known == state().returned.end() ? std::vector<ReturnedLine>() : known->second;
  Event event = fact.event;
  if (linked->key.first.empty()) {
    event.mutable_purchase_returned()->set_purchase_revision(linked->key.second);
  } else {
    *event.mutable_purchase_returned()->mutable_merged_purchase() = MergedPurchaseOf(linked->key);
  }
  KL_RETURN_IF_ERROR(CompleteReturn(*linked->purchase, before, path, event.mutable_purchase_returned()));
  const uint64_t revision = state().next_revision;
  KL_RETURN_IF_ERROR(Here(work_.RecordFact(std::move(event), fact.occurred, fact_index())));
  KL_RETURN_IF_ERROR(Restore(fact, returned, revision, before));
  // Recording may have moved the events that it points into.
  KL_ASSIGN_OR_RETURN(linked, FindPurchase(returned));
  return Reverse(fact, revision, ReverseLinked(state(), before, *linked, policy, DebtLeft(program)), program);
}

absl::Status Decision::DecideUnlinkedReturn(const Fact& fact) {
  const events::v1::PurchaseReturned& returned = fact.event.purchase_returned();
  const uint64_t revision = state().next_revision;
  KL_RETURN_IF_ERROR(Record(fact));
  const std::string& region = RegionOf(returned.region());
  const CompiledProgram* program = work_.programs().Select(fact.occurred, region);
  if (program == nullptr || returned.lines().empty() ||
      returned.lines(0).amount().currency_code() != program->program().currency_code()) {
    return absl::OkStatus();
  }
  auto reversed = ReverseUnlinked(state(), returned, region, fact.occurred, *program, Multiplier(*program).second,
                                  DebtLeft(program));
  if (!reversed.has_value()) return RefuseHere(Reason::kArithmeticRange, "the points owed leave 64 bits");
  return Reverse(fact, revision, std::move(*reversed), program);
}

int64_t Decision::DebtLeft(const CompiledProgram* program) const {
  if (program == nullptr || program->program().return_policy() != programs::v1::RETURN_POLICY_NEGATIVE_ALLOWED)
    return 0;
  const int64_t max = program->program().has_max_debt_points() ? program->program().max_debt_points()
                                                               : std::numeric_limits<int64_t>::max();
  return std::max<int64_t>(max - state().debt, 0);
}

absl::Status Decision::Reverse(const Fact& fact, uint64_t return_revision, events::v1::PointsReversed reversed,
                               const CompiledProgram* program) {
  if (reversed.points_due() == 0) return absl::OkStatus();
  reversed.set_return_revision(return_revision);
  Event event;
  *event.mutable_points_reversed() = std::move(reversed);
  return Here(work_.RecordDecision(std::move(event), fact.occurred, fact_index(), program));
}

}  // namespace keyledger::domain

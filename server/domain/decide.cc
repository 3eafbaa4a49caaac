// Decide: one function per kind of fact. See decide.h for the contract; standing.h, accrual.h, returns.h and lots.h
// hold the rules.
#include "server/domain/decide.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/base/check.h"
#include "server/base/checked.h"
#include "server/base/error.h"
#include "server/domain/accrual.h"
#include "server/domain/lots.h"
#include "server/domain/program_check.h"
#include "server/domain/proto_time.h"
#include "server/domain/returns.h"
#include "server/domain/standing.h"
#include "server/domain/work.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;

absl::Status Refuse(Reason reason, size_t index, const std::string& what) {
  return MakeError(reason, fmt::format("events[{}]: {}", index, what));
}

// A request being decided, fact by fact.
class Decision {
 public:
  Decision(const AccountState& state, const DecideInput& input, const ProgramSet& programs)
      : input_(input), work_(state, programs) {}

  absl::StatusOr<Outcome> Run() {
    for (index_ = 0; index_ < input_.facts.size(); ++index_) KL_RETURN_IF_ERROR(DecideFact(input_.facts[index_]));
    return work_.Finish();
  }

 private:
  const AccountState& state() const { return work_.state(); }
  int fact_index() const { return static_cast<int>(index_); }
  absl::Status RefuseHere(Reason reason, const std::string& what) const { return Refuse(reason, index_, what); }

  // Names the event in an error that came from further down.
  absl::Status Here(const absl::Status& status) const {
    if (status.ok()) return status;
    return RefuseHere(ReasonOf(status), MessageOf(status));
  }

  absl::Status DecideFact(const Fact& fact) {
    if (!IsTimestampRange(fact.occurred)) {
      return RefuseHere(Reason::kArithmeticRange, "occurred_time leaves the years 1 to 9999");
    }
    const bool opens = fact.event.has_account_opened();
    if (state().lifecycle == Lifecycle::kNone && !opens) {
      return RefuseHere(
          Reason::kAccountNotFound,
          fmt::format("account '{}' does not exist; its first event must be AccountOpened", input_.account_id));
    }
    if (state().lifecycle != Lifecycle::kNone && opens) {
      return RefuseHere(Reason::kAccountExists, fmt::format("account '{}' exists already", input_.account_id));
    }
    KL_RETURN_IF_ERROR(Here(work_.AdvanceTo(std::max(state().clock, fact.occurred))));
    const uint64_t revision = state().next_revision;
    KL_RETURN_IF_ERROR(DecidePayload(fact));
    KL_RETURN_IF_ERROR(CheckLimits());
    return Here(work_.SettleLots(revision));
  }

  absl::Status CheckLimits() const {
    if (state().facts.size() > kFactsMax) {
      return RefuseHere(Reason::kAccountLimit, fmt::format("the account would hold more than {} facts", kFactsMax));
    }
    if (state().spend.size() > kCurrenciesMax) {
      return RefuseHere(Reason::kAccountLimit,
                        fmt::format("the account would have spent in more than {} currencies", kCurrenciesMax));
    }
    // Emptied lots are still in the list until the end; only when that might matter are they counted apart.
    if (state().lots.size() > kLotsMax && std::count_if(state().lots.begin(), state().lots.end(), [](const Lot& lot) {
                                            return lot.remaining > 0;
                                          }) > static_cast<int64_t>(kLotsMax)) {
      return RefuseHere(Reason::kAccountLimit, fmt::format("the account would hold more than {} lots", kLotsMax));
    }
    return absl::OkStatus();
  }

  absl::Status DecidePayload(const Fact& fact) {
    switch (fact.event.payload_case()) {
      case Event::kAccountOpened:
        KL_RETURN_IF_ERROR(Record(fact));
        return Rise();
      case Event::kAccountClosed:
        if (state().lifecycle == Lifecycle::kClosed) return Closed();
        return Record(fact);
      case Event::kAccountReopened:
        if (state().lifecycle == Lifecycle::kOpen) {
          return RefuseHere(Reason::kAccountNotClosed, "the account is open; only a closed one can be reopened");
        }
        return Record(fact);
      case Event::kPurchaseRecorded:
        return DecidePurchase(fact);
      case Event::kPurchaseReturned:
        return DecideReturn(fact);
      case Event::kPointsRedeemed:
        return DecideRedemption(fact);
      case Event::kPointsAdjusted:
        return DecideAdjustment(fact);
      default:
        return Record(fact);
    }
  }

  absl::Status Closed() const { return RefuseHere(Reason::kAccountClosed, "the account is closed; reopen it first"); }

  absl::Status Record(const Fact& fact) { return Here(work_.RecordFact(fact.event, fact.occurred, fact_index())); }

  // Measures the account at its clock, the latest moment it knows of, and raises it if it has earned that. A purchase
  // that comes late counts now.
  absl::Status Rise() {
    const Micros now = state().clock;
    const CompiledProgram* program = work_.programs().Select(now, state().region);
    if (program == nullptr || !program->program().has_tier_ladder()) return absl::OkStatus();
    auto assigned = EvaluateRise(state(), *program, now);
    if (!assigned.has_value()) return absl::OkStatus();
    Event event;
    *event.mutable_tier_assigned() = std::move(*assigned);
    return Here(work_.RecordDecision(std::move(event), now, fact_index(), program));
  }

  // The tier held, as a program sees it: its id and multiplier. No tier: an empty id and 1x.
  std::pair<std::string, int64_t> Multiplier(const CompiledProgram& program) const {
    const programs::v1::TierLadder& ladder = program.program().tier_ladder();
    const auto held = FindHeldTier(ladder, state().tier);
    if (!held.has_value()) return {"", 1000};
    const programs::v1::Tier& tier = ladder.tiers(held->index);
    return {tier.tier_id(), tier.has_multiplier_milli() ? tier.multiplier_milli() : 1000};
  }

  const std::string& RegionOf(const std::string& region) const { return region.empty() ? state().region : region; }

  template <typename Lines>
  absl::Status CheckSum(const Lines& lines) const {
    Int128 sum = 0;
    for (const auto& line : lines) sum += line.amount().micros();
    if (sum <= kMoneyMicrosMax) return absl::OkStatus();
    return RefuseHere(Reason::kArithmeticRange, fmt::format("the lines sum to more than {} micros", kMoneyMicrosMax));
  }

  absl::Status DecidePurchase(const Fact& fact) {
    if (state().lifecycle == Lifecycle::kClosed) return Closed();
    const events::v1::PurchaseRecorded& purchase = fact.event.purchase_recorded();
    KL_RETURN_IF_ERROR(CheckSum(purchase.lines()));
    const std::string& region = RegionOf(purchase.region());
    const CompiledProgram* program = work_.programs().Select(fact.occurred, region);
    const uint64_t revision = state().next_revision;
    if (!purchase.invoice_number().empty()) {
      recorded_.try_emplace({purchase.merchant_id(), purchase.invoice_number()}, work_.events().size());
    }
    if (program == nullptr || purchase.lines().empty() ||
        purchase.lines(0).amount().currency_code() != program->program().currency_code()) {
      KL_RETURN_IF_ERROR(Record(fact));
      return Rise();
    }
    EarningSale sale{purchase.merchant_id(), region, {}};
    sale.lines.reserve(purchase.lines_size());
    for (const auto& line : purchase.lines()) {
      const auto number = static_cast<uint32_t>(sale.lines.size() + 1);
      sale.lines.push_back({number, line.sku(), line.category(), line.quantity(), line.amount().micros()});
    }
    // The tier before this purchase: the one that crosses a threshold is not yet rated at the new tier (DOMAIN A5, 7).
    const auto [tier_id, multiplier] = Multiplier(*program);
    auto earned = Earn(*program, sale, multiplier);
    if (!earned.has_value()) return RefuseHere(Reason::kArithmeticRange, "the points earned leave 64 bits");
    KL_RETURN_IF_ERROR(Record(fact));
    for (const Earned& one : *earned) KL_RETURN_IF_ERROR(Accrue(fact.occurred, *program, one, revision, tier_id));
    return Rise();
  }

  absl::Status Accrue(Micros occurred, const CompiledProgram& program, const Earned& earned, uint64_t purchase_revision,
                      const std::string& tier_id) {
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
    return Here(work_.RecordDecision(std::move(event), occurred, fact_index(), &program));
  }

  // Nothing: the return names no purchase that the ledger knows.
  absl::StatusOr<std::optional<LinkedPurchase>> FindPurchase(const events::v1::PurchaseReturned& returned) const {
    if (returned.purchase_invoice_number().empty()) return std::nullopt;
    const std::pair key(returned.merchant_id(), returned.purchase_invoice_number());
    if (const auto here = recorded_.find(key); here != recorded_.end()) return FromRequest(here->second);
    const auto found = input_.purchases.find(key);
    if (found == input_.purchases.end()) return std::nullopt;
    const RecordedPurchase& recorded = found->second;
    if (recorded.account_id != input_.account_id) {
      return RefuseHere(Reason::kPurchaseOfOtherAccount,
                        fmt::format("invoice '{}' of merchant '{}' belongs to another account", key.second, key.first));
    }
    LinkedPurchase linked{recorded.revision,   recorded.occurred,       &recorded.purchase, {},
                          recorded.program_id, recorded.program_version};
    for (const auto& [lot, accrued] : recorded.accruals) linked.accruals.emplace_back(lot, &accrued);
    return linked;
  }

  // A purchase recorded earlier in this request. The result points into events(): use it before recording anything.
  LinkedPurchase FromRequest(size_t at) const {
    const std::vector<DecidedEvent>& events = work_.events();
    const DecidedEvent& fact = events[at];
    LinkedPurchase linked{work_.first_revision() + at, fact.occurred, &fact.event.purchase_recorded(), {}, "", 0};
    for (size_t i = at + 1; i < events.size() && events[i].fact_index == fact.fact_index; ++i) {
      if (events[i].event.has_points_accrued()) {
        linked.accruals.emplace_back(work_.first_revision() + i, &events[i].event.points_accrued());
        linked.program_id = events[i].program_id;
        linked.program_version = events[i].program_version;
      }
    }
    return linked;
  }

  absl::Status DecideReturn(const Fact& fact) {
    const events::v1::PurchaseReturned& returned = fact.event.purchase_returned();
    KL_RETURN_IF_ERROR(CheckSum(returned.lines()));
    KL_ASSIGN_OR_RETURN(std::optional<LinkedPurchase> linked, FindPurchase(returned));
    if (!linked.has_value()) return DecideUnlinkedReturn(fact);
    const std::string path = fmt::format("events[{}].purchase_returned", index_);
    KL_RETURN_IF_ERROR(CheckLinkedReturn(state(), *linked, returned, path));
    // The version that gave the points, whatever has been published and wherever the account has moved since. A
    // purchase that earned nothing has none, and owes nothing.
    const CompiledProgram* program = work_.programs().Find(linked->program_id, linked->program_version);
    const auto policy =
        program == nullptr ? programs::v1::RETURN_POLICY_WITHIN_BALANCE : program->program().return_policy();
    const auto known = state().returned.find(linked->revision);
    const std::vector<ReturnedLine> before =
        known == state().returned.end() ? std::vector<ReturnedLine>() : known->second;
    const uint64_t purchase_revision = linked->revision;
    Event event = fact.event;
    event.mutable_purchase_returned()->set_purchase_revision(purchase_revision);
    const uint64_t revision = state().next_revision;
    KL_RETURN_IF_ERROR(Here(work_.RecordFact(std::move(event), fact.occurred, fact_index())));
    // Recording may have moved the events that it points into.
    KL_ASSIGN_OR_RETURN(linked, FindPurchase(returned));
    return Reverse(fact, revision, ReverseLinked(state(), before, *linked, policy), program);
  }

  absl::Status DecideUnlinkedReturn(const Fact& fact) {
    const events::v1::PurchaseReturned& returned = fact.event.purchase_returned();
    const uint64_t revision = state().next_revision;
    KL_RETURN_IF_ERROR(Record(fact));
    const std::string& region = RegionOf(returned.region());
    const CompiledProgram* program = work_.programs().Select(fact.occurred, region);
    if (program == nullptr || returned.lines().empty() ||
        returned.lines(0).amount().currency_code() != program->program().currency_code()) {
      return absl::OkStatus();
    }
    auto reversed = ReverseUnlinked(state(), returned, region, *program, Multiplier(*program).second);
    if (!reversed.has_value()) return RefuseHere(Reason::kArithmeticRange, "the points owed leave 64 bits");
    return Reverse(fact, revision, std::move(*reversed), program);
  }

  absl::Status Reverse(const Fact& fact, uint64_t return_revision, events::v1::PointsReversed reversed,
                       const CompiledProgram* program) {
    if (reversed.points_due() == 0) return absl::OkStatus();
    reversed.set_return_revision(return_revision);
    Event event;
    *event.mutable_points_reversed() = std::move(reversed);
    return Here(work_.RecordDecision(std::move(event), fact.occurred, fact_index(), program));
  }

  absl::Status CheckAvailable(int64_t requested) const {
    const int64_t available = state().available_points();
    if (requested <= available) return absl::OkStatus();
    absl::Status status =
        RefuseHere(Reason::kInsufficientPoints, fmt::format("{} points asked for, {} available", requested, available));
    AddMetadata(status, "available", std::to_string(available));
    AddMetadata(status, "requested", std::to_string(requested));
    return status;
  }

  absl::Status DecideRedemption(const Fact& fact) {
    if (state().lifecycle == Lifecycle::kClosed) return Closed();
    Event event = fact.event;
    events::v1::PointsRedeemed& redeemed = *event.mutable_points_redeemed();
    KL_RETURN_IF_ERROR(CheckAvailable(redeemed.points()));
    AllocateEarliestExpiry(state(), redeemed.points(), redeemed.mutable_allocations());
    return Here(work_.RecordFact(std::move(event), fact.occurred, fact_index()));
  }

  absl::Status DecideAdjustment(const Fact& fact) {
    Event event = fact.event;
    events::v1::PointsAdjusted& adjusted = *event.mutable_points_adjusted();
    if (adjusted.points() < 0) {
      KL_RETURN_IF_ERROR(CheckAvailable(-adjusted.points()));
      AllocateEarliestExpiry(state(), -adjusted.points(), adjusted.mutable_allocations());
    }
    return Here(work_.RecordFact(std::move(event), fact.occurred, fact_index()));
  }

  const DecideInput& input_;
  Work work_;
  size_t index_ = 0;
  // Purchases of this request by merchant and invoice: index in events().
  std::map<std::pair<std::string, std::string>, size_t> recorded_;
};

}  // namespace

absl::StatusOr<Outcome> Decide(const AccountState& state, const DecideInput& input, const ProgramSet& programs) {
  return Decision(state, input, programs).Run();
}

}  // namespace keyledger::domain

// See simulate.h.
#include "server/domain/simulate.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/domain/event_kinds.h"
#include "server/domain/evolve.h"
#include "server/domain/merges.h"
#include "server/domain/proto_time.h"
#include "server/domain/submitted.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;
using events::v1::EventRecord;

// What a receiver recorded of a transfer or a merge, as the receipt of that alone; nothing: no such record.
std::optional<TransferReceipt> ReceiptFrom(const std::string& account_id, const Event& event, Micros occurred) {
  if (event.has_account_merge_received()) {
    const events::v1::AccountMergeReceived& received = event.account_merge_received();
    return TransferReceipt{
        account_id, received.from_account_id(), std::string(kMergeTransferId), received.sent_event_id(), occurred,
        {},         received.merged()};
  }
  if (!event.has_points_transfer_received()) return std::nullopt;
  const events::v1::PointsTransferReceived& received = event.points_transfer_received();
  TransferReceipt receipt{
      account_id,  received.from_account_id(), received.transfer_id(), received.sent_event_id(), occurred, {},
      std::nullopt};
  events::v1::LotAllocation& allocation = *receipt.sent.add_allocations();
  allocation.set_points(received.points());
  *allocation.mutable_lot() = received.lot();
  return receipt;
}

// How a record ended what its account sent; nothing: it did not.
std::optional<TransferResult> ResultFrom(const Event& event) {
  if (const auto* completed = CompletedBy(event)) {
    return TransferResult{completed->transfer_id(), "", completed->received_event_id()};
  }
  if (const auto* returned = ReturnedBy(event)) {
    return TransferResult{returned->transfer_id(), returned->refusal(), ""};
  }
  return std::nullopt;
}

}  // namespace

bool AccountSimulation::Changed() const {
  return actual.flow != simulated.flow || actual.tier.ladder_id != simulated.tier.ladder_id ||
         actual.tier.tier_id != simulated.tier.tier_id || refused_facts > 0 ||
         actual.issued_by_rule != simulated.issued_by_rule;
}

absl::StatusOr<std::shared_ptr<const ProgramSet>> SimulatedPrograms(const ProgramSet& published,
                                                                    programs::v1::Program program, Micros from,
                                                                    Micros to) {
  const CompiledProgram* const latest = published.Latest(program.program_id());
  // The highest version of its id is the one that counts, and leaves those that gave points before to be found.
  program.set_version(latest == nullptr ? 1 : latest->program().version() + 1);
  SetTimestamp(program.mutable_effective_from(), from);
  SetTimestamp(program.mutable_effective_to(), to);
  KL_ASSIGN_OR_RETURN(auto compiled, CompiledProgram::Compile(std::move(program)));
  return published.With(std::move(compiled));
}

AccountSimulator::AccountSimulator(std::string account_id, const SimulationRules& rules)
    : account_id_(std::move(account_id)), rules_(rules) {}

absl::StatusOr<bool> AccountSimulator::Observe(const EventRecord& record) {
  const Micros occurred = MicrosOf(record.occurred_time());
  if (occurred >= rules_.to) return false;
  if (!first_in_period_.has_value() && occurred >= rules_.from) {
    first_in_period_ = record.revision();
    // Before the period both sides are one.
    simulated_ = actual_;
  }
  KL_RETURN_IF_ERROR(Evolve(actual_, record.event(), occurred));
  if (!first_in_period_.has_value()) return true;
  Count(record.event(), occurred, result_.actual);
  const events::v1::PurchaseReturned& returned = record.event().purchase_returned();
  if (returned.has_merged_purchase()) {
    merged_named_.emplace(returned.merged_purchase().account_id(), returned.merged_purchase().revision());
  } else if (!returned.purchase_invoice_number().empty()) {
    returned_.emplace(returned.merchant_id(), returned.purchase_invoice_number());
  }
  return true;
}

absl::StatusOr<bool> AccountSimulator::Replay(const EventRecord& record) {
  const Micros occurred = MicrosOf(record.occurred_time());
  if (occurred >= rules_.to) return false;
  if (record.revision() < *first_in_period_) {
    Remember(record);
  } else if (IsFact(record.event())) {
    KL_RETURN_IF_ERROR(Submit(record, occurred));
  } else {
    KL_RETURN_IF_ERROR(TakeOver(record, occurred));
  }
  return true;
}

void AccountSimulator::AddMerged(RecordedPurchase purchase) {
  PurchaseKey key(purchase.account_id, purchase.revision);
  merged_.emplace(std::move(key), std::move(purchase));
}

const RecordedPurchase* AccountSimulator::FindReturned(const events::v1::PurchaseReturned& returned) const {
  if (returned.has_merged_purchase()) {
    const auto merged = merged_.find({returned.merged_purchase().account_id(), returned.merged_purchase().revision()});
    return merged == merged_.end() ? nullptr : &merged->second;
  }
  const auto own = purchases_.find({returned.merchant_id(), returned.purchase_invoice_number()});
  return own == purchases_.end() ? nullptr : &own->second;
}

void AccountSimulator::Remember(const EventRecord& record) {
  const Event& event = record.event();
  if (event.has_purchase_recorded()) {
    const events::v1::PurchaseRecorded& purchase = event.purchase_recorded();
    const InvoiceKey key(purchase.merchant_id(), purchase.invoice_number());
    if (purchase.invoice_number().empty() || !returned_.contains(key)) return;
    RecordedPurchase& remembered = purchases_[key];
    remembered = {account_id_, record.revision(), MicrosOf(record.occurred_time()), purchase, {}, "", 0};
    purchases_by_revision_[record.revision()] = &remembered;
    return;
  }
  if (!event.has_points_accrued()) return;
  const auto known = purchases_by_revision_.find(event.points_accrued().purchase_revision());
  if (known == purchases_by_revision_.end()) return;
  RecordedPurchase& purchase = *known->second;
  purchase.accruals.emplace_back(record.revision(), event.points_accrued());
  purchase.program_id = record.program().program_id();
  purchase.program_version = record.program().version();
}

void AccountSimulator::RememberSubmitted(const Outcome& outcome) {
  uint64_t revision = outcome.state.next_revision - outcome.events.size();
  EventRecord record;
  for (const DecidedEvent& decided : outcome.events) {
    record.set_revision(revision++);
    if (!decided.event.has_purchase_recorded() && !decided.event.has_points_accrued()) continue;
    *record.mutable_event() = decided.event;
    SetTimestamp(record.mutable_occurred_time(), decided.occurred);
    record.mutable_program()->set_program_id(decided.program_id);
    record.mutable_program()->set_version(decided.program_version);
    Remember(record);
  }
}

absl::Status AccountSimulator::Submit(const EventRecord& record, Micros occurred) {
  DecideInput input;
  input.account_id = account_id_;
  input.facts.push_back({AsSubmitted(record.event()), occurred});
  // It names a record of the stream, which need not be one here. Nothing is decided by it: any that is here will do.
  if (record.event().has_fact_retracted()) input.facts[0].event.mutable_fact_retracted()->set_revision(0);
  if (record.event().has_purchase_returned()) {
    const events::v1::PurchaseReturned& returned = record.event().purchase_returned();
    const InvoiceKey key(returned.merchant_id(), returned.purchase_invoice_number());
    if (const RecordedPurchase* const known = FindReturned(returned)) input.purchases.emplace(key, *known);
  }
  auto outcome = Decide(simulated_, input, *rules_.simulated);
  if (!outcome.ok()) {
    if (ReasonOf(outcome.status()) == Reason::kStoreDamaged) return outcome.status();
    if (result_.refused_facts++ == 0) result_.first_refusal = MessageOf(outcome.status());
    return absl::OkStatus();
  }
  KeepSubmitted(*std::move(outcome));
  return absl::OkStatus();
}

void AccountSimulator::KeepSubmitted(Outcome outcome) {
  for (const DecidedEvent& decided : outcome.events) Count(decided.event, decided.occurred, result_.simulated);
  if (!returned_.empty()) RememberSubmitted(outcome);
  simulated_ = std::move(outcome.state);
}

absl::Status AccountSimulator::TakeOver(const EventRecord& record, Micros occurred) {
  const Event& event = record.event();
  absl::StatusOr<Outcome> outcome = absl::InvalidArgumentError("no step of a transfer");
  if (const auto receipt = ReceiptFrom(account_id_, event, occurred)) {
    outcome = DecideTransferReceipt(simulated_, *receipt, *rules_.simulated);
  } else if (const auto result = ResultFrom(event)) {
    outcome = DecideTransferResult(simulated_, *result, *rules_.simulated);
  } else {
    return absl::OkStatus();
  }
  if (!outcome.ok()) {
    // The receiver took it, and only its sums can be larger here.
    if (!IsTransferRefusal(outcome.status())) return outcome.status();
    if (result_.refused_facts++ == 0) result_.first_refusal = MessageOf(outcome.status());
    return absl::OkStatus();
  }
  KeepSubmitted(*std::move(outcome));
  return absl::OkStatus();
}

void AccountSimulator::Count(const Event& event, Micros occurred, SimulatedSide& side) {
  switch (event.payload_case()) {
    case Event::kPointsAccrued:
      side.flow.issued += event.points_accrued().points();
      side.issued_by_rule[event.points_accrued().rule_id()] += event.points_accrued().points();
      break;
    case Event::kPointsRedeemed:
      side.flow.redeemed += event.points_redeemed().points();
      break;
    case Event::kReservationCaptured:
      side.flow.redeemed += event.reservation_captured().points();
      break;
    case Event::kPurchaseRecorded:
      for (const auto& line : event.purchase_recorded().lines()) side.flow.redeemed += line.points_paid();
      break;
    case Event::kPointsRestored:
      side.flow.redeemed -= event.points_restored().points();
      break;
    case Event::kPointsExpired:
      side.flow.expired += event.points_expired().points();
      break;
    case Event::kPointsReversed:
      side.flow.reversed += event.points_reversed().points();
      break;
    case Event::kTierAssigned:
      side.assigned = event.tier_assigned();
      side.assigned_time = occurred;
      break;
    default:
      break;
  }
}

absl::Status AccountSimulator::End(AccountState& state, const ProgramSet& programs, SimulatedSide& side) {
  KL_ASSIGN_OR_RETURN(Outcome outcome, Advance(state, rules_.to - 1, programs));
  for (const DecidedEvent& decided : outcome.events) Count(decided.event, decided.occurred, side);
  state = std::move(outcome.state);
  side.flow.outstanding =
      state.available_points() + state.pending_points() + state.reserved_points() + state.points_in_transit();
  side.tier = state.tier;
  return absl::OkStatus();
}

absl::StatusOr<AccountSimulation> AccountSimulator::Finish() {
  if (actual_.next_revision == 0) return AccountSimulation();
  if (!LotsMatchTotals(actual_)) {
    return MakeError(
        Reason::kStoreDamaged,
        fmt::format("the records of account {} contradict each other: lots and totals differ", account_id_));
  }
  result_.exists = true;
  if (!first_in_period_.has_value()) simulated_ = actual_;
  KL_RETURN_IF_ERROR(End(actual_, *rules_.actual, result_.actual));
  KL_RETURN_IF_ERROR(End(simulated_, *rules_.simulated, result_.simulated));
  result_.region = actual_.region;
  result_.segment = actual_.segment;
  return std::move(result_);
}

}  // namespace keyledger::domain

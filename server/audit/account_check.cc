// See account_check.h. The stream and its commands; how they are compared is in account_compare.cc.
#include "server/audit/account_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/audit/comparison.h"
#include "server/base/error.h"
#include "server/domain/evolve.h"
#include "server/domain/merges.h"
#include "server/domain/proto_time.h"
#include "server/domain/submitted.h"

namespace keyledger::audit {
namespace {

using domain::MicrosOf;
using events::v1::Event;
using events::v1::EventRecord;

// Records kept because a command may not be complete: more than any request and what it brings.
constexpr size_t kBlockMax = 40'000;
constexpr size_t kBlockKept = 20'000;
// Moments tried as the one up to which time passed.
constexpr size_t kMomentsMax = 64;

// Whether somebody could have submitted the fact. Sealed data is not what was submitted.
bool IsSubmittable(const Event& fact) {
  if (fact.has_contact_recorded() || fact.has_contact_removed() || fact.has_custom_event()) return true;
  return domain::ValidateFact(fact, "events[0]").ok();
}

// The purchase of another account that facts of this one rest on. Null: none.
const domain::RecordedPurchase* ForeignPurchase(const domain::DecideInput& input) {
  for (const auto& [key, purchase] : input.purchases) {
    if (purchase.account_id != input.account_id) return &purchase;
  }
  return nullptr;
}

}  // namespace

AccountCheck::AccountCheck(ReplayRun& run, uint32_t shard, std::string account_id)
    : run_(run),
      shard_(shard),
      account_id_(std::move(account_id)),
      purchases_(run.basis, account_id_),
      absorbed_(run, shard, account_id_) {}

absl::Status AccountCheck::Take(const StoredRecord& stored) {
  KL_RETURN_IF_ERROR(run_.Read(false));
  std::vector<bool>& replayed = run_.replayed[shard_];
  if (stored.position < replayed.size()) replayed[stored.position] = true;
  if (abandoned_) return absl::OkStatus();
  Recorded recorded{stored.position, {}};
  EventRecord& record = recorded.record;
  if (!stored.damage.ok() || !record.ParseFromArray(stored.bytes.data(), static_cast<int>(stored.bytes.size())) ||
      record.event().payload_case() == Event::PAYLOAD_NOT_SET || !HasSoundTimes(record)) {
    KL_RETURN_IF_ERROR(Process(0));
    if (!run_.IsSuspect(shard_, stored.position)) {
      run_.Report(v1::FINDING_KIND_UNREADABLE, shard_, stored.position, "a record of account " + account_id_,
                  MessageOf(stored.damage),
                  fmt::format("record {} of shard {} cannot be read", stored.position, shard_));
    }
    Abandon(fmt::format("its record at position {} cannot be read", stored.position));
    return absl::OkStatus();
  }
  if (record.account_id() != account_id_) {
    // Somebody else's record stands where one of this account ought to.
    if (!run_.IsSuspect(shard_, stored.position)) {
      v1::Finding finding = About(v1::FINDING_KIND_MISPLACED_RECORD, recorded);
      finding.set_expected(account_id_);
      finding.set_found(record.account_id());
      finding.set_message(fmt::format("the record at position {} of shard {} is of account '{}', not of '{}'",
                                      stored.position, shard_, record.account_id(), account_id_));
      run_.Report(std::move(finding));
    }
    return absl::OkStatus();
  }
  if (record.revision() != next_revision_) {
    KL_RETURN_IF_ERROR(Process(0));
    const bool missing = record.revision() > next_revision_;
    v1::Finding finding =
        About(missing ? v1::FINDING_KIND_MISSING_RECORD : v1::FINDING_KIND_MISPLACED_RECORD, recorded);
    finding.set_expected(fmt::format("revision {}", next_revision_));
    finding.set_found(fmt::format("revision {}", record.revision()));
    finding.set_message(
        missing ? fmt::format("{} records of account '{}' are missing from revision {} on; the rest of the "
                              "account is not checked",
                              record.revision() - next_revision_, account_id_, next_revision_)
                : fmt::format("revision {} of account '{}' is there twice", record.revision(), account_id_));
    run_.Report(std::move(finding));
    if (missing) Abandon(fmt::format("records are missing from revision {} on", next_revision_));
    return absl::OkStatus();
  }
  next_revision_ += 1;
  if (!block_.empty() && (stored.position != block_.back().position + 1 ||
                          MicrosOf(record.record_time()) != MicrosOf(block_.back().record.record_time()))) {
    KL_RETURN_IF_ERROR(Process(0));
    if (abandoned_) return absl::OkStatus();
  }
  block_.push_back(std::move(recorded));
  return block_.size() > kBlockMax ? Process(kBlockKept) : absl::OkStatus();
}

absl::Status AccountCheck::Finish(PointsParts& total) {
  KL_RETURN_IF_ERROR(Process(0));
  // A stream that begins past the end of what is read.
  if (next_revision_ == 0 && !abandoned_) return absl::OkStatus();
  total.Add(points_.parts());
  if (!abandoned_) {
    const PointsParts folded = PartsOf(state_, points_.given(), points_.taken());
    const bool balanced = points_.parts().Surplus() == 0;
    if ((!(folded == points_.parts()) || !balanced) && !points_at_fault_) {
      v1::Finding finding;
      finding.set_kind(v1::FINDING_KIND_POINTS_NOT_CONSERVED);
      finding.set_shard(shard_);
      finding.set_account_id(account_id_);
      finding.set_revision(state_.next_revision - 1);
      finding.set_rule("conservation of points");
      finding.set_expected(folded.Format());
      finding.set_found(points_.parts().Format());
      finding.set_message(
          balanced ? fmt::format("the points of account '{}' counted from its records are not those of its state",
                                 account_id_)
                   : fmt::format("the points of account '{}' do not add up: what came in is not what became of it",
                                 account_id_));
      run_.Report(std::move(finding));
    }
  }
  run_.progress.set_accounts_replayed(run_.progress.accounts_replayed() + 1);
  if (run_.options.on_account != nullptr && state_.next_revision > 0) {
    run_.options.on_account({account_id_, shard_, state_, run_.basis.programs[shard_].Last(), !abandoned_});
  }
  return run_.Step();
}

absl::Status AccountCheck::Process(size_t keep) {
  size_t at = 0;
  while (!abandoned_ && block_.size() - at > keep) {
    KL_ASSIGN_OR_RETURN(at, CheckCommand(at));
  }
  block_.erase(block_.begin(), abandoned_ ? block_.end() : block_.begin() + static_cast<ptrdiff_t>(at));
  return absl::OkStatus();
}

absl::StatusOr<size_t> AccountCheck::CheckCommand(size_t at) {
  const EventRecord& record = block_[at].record;
  if (!IsFact(record.event()) && !IsDecision(record.event())) {
    // Said already: it is in no account's stream by right, and nothing can be folded over it.
    Abandon(fmt::format("its record at position {} is none of an account", block_[at].position));
    return at + 1;
  }
  if (record.request_id().empty()) {
    if (IsFact(record.event())) return CheckStray(at, "a fact is on record that no request submitted");
    return IsTransferEnd(record.event()) ? CheckTransferEnd(at) : CheckPassingOfTime(at);
  }
  // No client can send a request_id with spaces.
  if (record.request_id().starts_with("verdict ")) return CheckVerdict(at);
  if (record.request_id().starts_with("transfer ") || record.request_id().starts_with("merge ")) {
    return CheckReceipt(at);
  }
  return CheckRequest(at);
}

std::shared_ptr<const domain::ProgramSet> AccountCheck::ProgramsAt(size_t at) const {
  return run_.basis.programs[shard_].At(block_[at].position);
}

size_t AccountCheck::EndOfRequest(size_t at) const {
  size_t end = at + 1;
  while (end < block_.size() && block_[end].record.request_id() == block_[at].record.request_id()) ++end;
  return end;
}

size_t AccountCheck::CheckPassingOfTime(size_t at) {
  size_t end = at;
  std::set<Micros, std::greater<>> moments;
  while (end < block_.size() && block_[end].record.request_id().empty() && IsDecision(block_[end].record.event()) &&
         !IsTransferEnd(block_[end].record.event())) {
    moments.insert(MicrosOf(block_[end].record.occurred_time()));
    ++end;
  }
  const std::shared_ptr<const domain::ProgramSet> in_force = ProgramsAt(at);
  const domain::ProgramSet& programs = *in_force;
  const auto until = [&](Micros moment) -> Decider {
    return [&programs, moment](const domain::AccountState& state) { return domain::Advance(state, moment, programs); };
  };
  // Whatever looked at the clock saw everything up to the last of these; unless one of them was dated later than it was
  // due, as the payment of a debt is.
  if (const auto next = Explain(at, end, end, until(*moments.begin())); next.has_value()) return *next;
  size_t tried = 0;
  for (const Micros moment : moments) {
    if (++tried > kMomentsMax) break;
    if (const auto next = Explain(at, at + 1, end, until(moment)); next.has_value()) return *next;
  }
  ReportAndFold(at, end, domain::Advance(state_, *moments.begin(), programs));
  return end;
}

size_t AccountCheck::CheckTransferEnd(size_t at) {
  const Event& event = block_[at].record.event();
  domain::TransferResult result;
  if (const auto* const completed = domain::CompletedBy(event)) {
    result = {completed->transfer_id(), "", completed->received_event_id()};
  } else {
    const events::v1::PointsTransferReturned& returned = *domain::ReturnedBy(event);
    result = {returned.transfer_id(), returned.refusal().empty() ? "no reason" : returned.refusal(), ""};
  }
  const std::shared_ptr<const domain::ProgramSet> in_force = ProgramsAt(at);
  const domain::ProgramSet& programs = *in_force;
  const Decider decide = [&](const domain::AccountState& state) {
    return domain::DecideTransferResult(state, result, programs);
  };
  if (const auto next = Explain(at, at + 1, block_.size(), decide); next.has_value()) return *next;
  ReportAndFold(at, at + 1, decide(state_));
  return at + 1;
}

domain::TransferReceipt AccountCheck::ReceiptAt(size_t at, size_t end) const {
  domain::TransferReceipt receipt;
  receipt.to_account_id = account_id_;
  receipt.occurred = domain::kNever;
  for (size_t i = at; i < end; ++i) {
    const Event& event = block_[i].record.event();
    if (event.has_account_merge_received()) {
      const events::v1::AccountMergeReceived& merge = event.account_merge_received();
      receipt.from_account_id = merge.from_account_id();
      receipt.transfer_id = domain::kMergeTransferId;
      receipt.sent_event_id = merge.sent_event_id();
      receipt.merged = merge.merged();
      receipt.occurred = std::min(receipt.occurred, MicrosOf(block_[i].record.occurred_time()));
      continue;
    }
    if (!event.has_points_transfer_received()) continue;
    const events::v1::PointsTransferReceived& received = event.points_transfer_received();
    receipt.from_account_id = received.from_account_id();
    receipt.transfer_id = received.transfer_id();
    receipt.sent_event_id = received.sent_event_id();
    // When it was sent does not matter where a lot, or the account, is younger; TransferMatch sees to the rest.
    receipt.occurred = std::min(receipt.occurred, MicrosOf(block_[i].record.occurred_time()));
    events::v1::LotAllocation& allocation = *receipt.sent.add_allocations();
    allocation.set_points(received.points());
    *allocation.mutable_lot() = received.lot();
  }
  return receipt;
}

size_t AccountCheck::CheckReceipt(size_t at) {
  const size_t end = EndOfRequest(at);
  const domain::TransferReceipt receipt = ReceiptAt(at, end);
  const std::string& request_id = block_[at].record.request_id();
  if ((receipt.sent.allocations().empty() && !receipt.merged.has_value()) ||
      request_id != domain::ReceiptRequestId(receipt.from_account_id, receipt.transfer_id)) {
    return CheckStray(at, "a decision is on record as of a transfer that was not received");
  }
  for (size_t i = at; i < end; ++i) {
    const auto claim = run_.basis.transfers.dated_by_opening().find({shard_, block_[i].position});
    if (claim == run_.basis.transfers.dated_by_opening().end() || claim->second == state_.open_time) continue;
    v1::Finding finding = About(v1::FINDING_KIND_BAD_TRANSFER, block_[i]);
    finding.set_rule(RuleOf(block_[i].record.event()));
    finding.set_message(
        fmt::format("transfer '{}' of account '{}' arrived later than it was sent, though account '{}' was "
                    "there before",
                    receipt.transfer_id, receipt.from_account_id, account_id_));
    run_.Report(std::move(finding));
  }
  const std::shared_ptr<const domain::ProgramSet> in_force = ProgramsAt(at);
  const domain::ProgramSet& programs = *in_force;
  const Decider decide = [&](const domain::AccountState& state) {
    return domain::DecideTransferReceipt(state, receipt, programs);
  };
  if (const auto next = Explain(at, end, end, decide); next.has_value()) return *next;
  ReportAndFold(at, end, decide(state_));
  return end;
}

size_t AccountCheck::CheckStray(size_t at, const std::string& message) {
  v1::Finding finding = About(v1::FINDING_KIND_UNFOUNDED_DECISION, block_[at]);
  finding.set_rule(RuleOf(block_[at].record.event()));
  finding.set_expected("nothing");
  finding.set_found(Describe(block_[at].record.event()));
  finding.set_message(fmt::format("account '{}', revision {}: {}", account_id_, block_[at].record.revision(), message));
  run_.Report(std::move(finding));
  Distrust(at, at + 1);
  if (!other_.has_value()) other_ = state_;
  FoldRecorded(at, at + 1);
  return at + 1;
}

bool AccountCheck::HasAbsorbed(const std::string& account_id) const {
  return state_.has_absorbed(account_id) || (other_.has_value() && other_->has_absorbed(account_id));
}

absl::Status AccountCheck::AddAbsorbed(const events::v1::PurchaseReturned& returned, Submitted& submitted) {
  bool at_hand = true;
  for (const domain::AccountState* const state : {&state_, other_.has_value() ? &*other_ : &state_}) {
    KL_RETURN_IF_ERROR(absorbed_.Read(state->absorbed));
    for (const std::string& id : state->absorbed) at_hand = at_hand && absorbed_.IsAtHand(id);
  }
  const std::string missing = fmt::format(
      "account '{}': returns of what accounts merged into it had bought, as far as their records are not "
      "at hand",
      account_id_);
  if (returned.has_merged_purchase() && HasAbsorbed(returned.merged_purchase().account_id()) &&
      !absorbed_.IsAtHand(returned.merged_purchase().account_id())) {
    submitted.doubt = missing;
    return absl::OkStatus();
  }
  const InvoiceKey key(returned.merchant_id(), returned.purchase_invoice_number());
  const domain::RecordedPurchase* const purchase = absorbed_.Find(key);
  if (purchase == nullptr) {
    // It is held against the rules as if it named none, which may be all that there is to it.
    if (!at_hand) run_.NotChecked(missing);
    return absl::OkStatus();
  }
  if (!IsWithin(state_, *purchase) || (other_.has_value() && !IsWithin(*other_, *purchase))) {
    submitted.doubt = DoubtfulPurchases(account_id_);
  }
  submitted.input.purchases.emplace(key, *purchase);
  return absl::OkStatus();
}

absl::StatusOr<AccountCheck::Submitted> AccountCheck::SubmittedAt(const std::vector<size_t>& facts) {
  Submitted submitted;
  submitted.input.account_id = account_id_;
  // Purchases of these facts themselves.
  std::set<InvoiceKey> here;
  for (const size_t fact : facts) {
    const EventRecord& record = block_[fact].record;
    const Event& event = record.event();
    submitted.input.facts.push_back({domain::AsSubmitted(event), MicrosOf(record.occurred_time())});
    if (event.has_purchase_recorded()) {
      here.emplace(event.purchase_recorded().merchant_id(), event.purchase_recorded().invoice_number());
    }
    if (!event.has_purchase_returned() || event.purchase_returned().purchase_invoice_number().empty()) continue;
    const events::v1::PurchaseReturned& returned = event.purchase_returned();
    const InvoiceKey key(returned.merchant_id(), returned.purchase_invoice_number());
    if (distrusted_.contains(key)) submitted.doubt = DoubtfulPurchases(account_id_);
    if (const domain::RecordedPurchase* const own = purchases_.Find(key)) {
      submitted.input.purchases.emplace(key, *own);
    } else if (!here.contains(key)) {
      KL_RETURN_IF_ERROR(AddAbsorbed(returned, submitted));
    }
  }
  return submitted;
}

absl::StatusOr<size_t> AccountCheck::CheckRequest(size_t at) {
  const std::string& request_id = block_[at].record.request_id();
  std::vector<size_t> facts;
  size_t end = at;
  for (size_t i = at; i < block_.size(); ++i) {
    const EventRecord& record = block_[i].record;
    if (record.request_id() == request_id) {
      if (IsFact(record.event())) facts.push_back(i);
      end = i + 1;
    } else if (!record.request_id().empty() || !IsDecision(record.event()) || IsTransferEnd(record.event())) {
      break;
    }
  }
  if (facts.empty()) return CheckStray(at, "a decision is on record for a request without a fact");
  KL_ASSIGN_OR_RETURN(const Submitted submitted, SubmittedAt(facts));
  const domain::DecideInput& input = submitted.input;
  const bool sound =
      submitted.doubt.empty() && std::all_of(input.facts.begin(), input.facts.end(),
                                             [&](const domain::Fact& fact) { return IsSubmittable(fact.event); });
  if (sound) {
    const std::shared_ptr<const domain::ProgramSet> in_force = ProgramsAt(at);
    const domain::ProgramSet& programs = *in_force;
    const Decider decide = [&](const domain::AccountState& state) { return domain::Decide(state, input, programs); };
    if (const auto next = Explain(at, end, block_.size(), decide); next.has_value()) return *next;
  }
  return CheckByFact(at, facts, end);
}

absl::StatusOr<size_t> AccountCheck::CheckByFact(size_t at, const std::vector<size_t>& facts, size_t end) {
  const std::shared_ptr<const domain::ProgramSet> in_force = ProgramsAt(at);
  const domain::ProgramSet& programs = *in_force;
  for (size_t n = 0; n < facts.size() && !abandoned_; ++n) {
    const size_t fact = facts[n];
    const size_t limit = n + 1 < facts.size() ? facts[n + 1] : std::max(end, fact + 1);
    KL_ASSIGN_OR_RETURN(Submitted submitted, SubmittedAt({fact}));
    const domain::DecideInput& input = submitted.input;
    const Decider decide = [&](const domain::AccountState& state) { return domain::Decide(state, input, programs); };
    const bool submittable = IsSubmittable(input.facts[0].event);
    // What the fact brought itself; what time brought before the next one is that one's.
    size_t stop = fact + 1;
    while (stop < limit && !block_[stop].record.request_id().empty()) ++stop;
    if (submittable && submitted.doubt.empty()) {
      const size_t room = n + 1 < facts.size() ? limit : block_.size();
      if (const auto next = Explain(at, stop, room, decide); next.has_value()) {
        at = *next;
        continue;
      }
      const domain::RecordedPurchase* const rests_on = ForeignPurchase(input);
      if (rests_on != nullptr && run_.IsDistrusted({rests_on->account_id, rests_on->revision})) {
        submitted.doubt = DoubtfulPurchases(account_id_);
      } else {
        absl::StatusOr<domain::Outcome> expected = decide(state_);
        const auto follows = [&](const Recorded& recorded) {
          return expected.ok() && std::any_of(expected->events.begin(), expected->events.end(),
                                              [&](const domain::DecidedEvent& decided) {
                                                return decided.is_decision && decided.fact_index < 0 &&
                                                       KeyOf(decided.event) == KeyOf(recorded.record.event());
                                              });
        };
        while (stop < room && IsDecision(block_[stop].record.event()) &&
               (block_[stop].record.request_id().empty() ? follows(block_[stop]) : stop < limit)) {
          ++stop;
        }
        ReportAndFold(at, stop, std::move(expected), rests_on);
      }
    }
    if (!submitted.doubt.empty()) {
      // With what it set in motion in between, as far as the last record that it brought itself.
      for (stop = limit; stop > fact + 1 && block_[stop - 1].record.request_id().empty();) --stop;
      run_.NotChecked(submitted.doubt);
      FoldUnchecked(at, stop);
    } else if (!submittable) {
      ReportAndFold(at, stop, MakeError(Reason::kInvalidField, "no client could have submitted it"));
    }
    at = stop;
  }
  // What is left of the request follows from none of its facts.
  while (!abandoned_ && at < end)
    at = CheckStray(at, "a decision is on record that follows from no fact of its request");
  return at;
}

}  // namespace keyledger::audit

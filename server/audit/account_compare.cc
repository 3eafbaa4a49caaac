// How records are held against what was decided again. See account_check.h.
#include <algorithm>

#include <fmt/format.h>

#include "server/audit/account_check.h"
#include "server/audit/comparison.h"
#include "server/base/calendar.h"
#include "server/base/error.h"
#include "server/domain/evolve.h"
#include "server/domain/proto_time.h"

namespace keyledger::audit {
namespace {

using domain::DecidedEvent;
using domain::MicrosOf;
using events::v1::Event;
using events::v1::EventRecord;

std::string ProgramName(const std::string& id, uint32_t version) {
  return id.empty() ? "" : fmt::format("{}@{}", id, version);
}
std::string ProgramName(const EventRecord& record) {
  return ProgramName(record.program().program_id(), record.program().version());
}
std::string ProgramName(const DecidedEvent& decided) {
  return ProgramName(decided.program_id, decided.program_version);
}

// Places in a review's ranking need all accounts at once.
void ClearRanks(Event& event) {
  if (event.tier_assigned().review_id().empty()) return;
  for (auto& condition : *event.mutable_tier_assigned()->mutable_met()) condition.clear_rank();
  for (auto& condition : *event.mutable_tier_assigned()->mutable_missed()) condition.clear_rank();
}

bool SameEvent(const Event& expected, const Event& found) {
  if (expected.payload_case() != found.payload_case()) return false;
  if (found.has_tier_assigned() && !found.tier_assigned().review_id().empty()) {
    Event left = expected;
    Event right = found;
    ClearRanks(left);
    ClearRanks(right);
    return left.SerializeAsString() == right.SerializeAsString();
  }
  return expected.SerializeAsString() == found.SerializeAsString();
}

// The envelope of what was decided, as text where it differs.
std::pair<std::string, std::string> EnvelopeDifferences(const DecidedEvent& expected, const std::string& cause,
                                                        uint32_t shard, const EventRecord& found) {
  std::vector<std::string> left;
  std::vector<std::string> right;
  const auto compare = [&](const char* name, const std::string& a, const std::string& b) {
    if (a == b) return;
    left.push_back(fmt::format("{} {}", name, a.empty() ? "none" : a));
    right.push_back(fmt::format("{} {}", name, b.empty() ? "none" : b));
  };
  compare("occurred_time", FormatMicros(expected.occurred), FormatMicros(MicrosOf(found.occurred_time())));
  compare("program", ProgramName(expected), ProgramName(found));
  if (expected.is_decision) {
    compare("causation_id", cause, found.causation_id());
    compare("event_id", fmt::format("{}-{}", shard, found.position()), found.event_id());
    compare("actor", "", found.actor());
  }
  return {fmt::format("{}", fmt::join(left, ", ")), fmt::format("{}", fmt::join(right, ", "))};
}

}  // namespace

v1::Finding AccountCheck::About(v1::FindingKind kind, const Recorded& recorded) const {
  v1::Finding finding;
  finding.set_kind(kind);
  finding.set_shard(shard_);
  finding.set_position(recorded.position);
  finding.set_account_id(account_id_);
  finding.set_revision(recorded.record.revision());
  finding.set_program(ProgramName(recorded.record));
  return finding;
}

bool AccountCheck::EventMatches(const Recorded& recorded, const DecidedEvent& decided, const std::string& cause) const {
  const EventRecord& record = recorded.record;
  if (decided.occurred != MicrosOf(record.occurred_time()) || decided.is_decision != IsDecision(record.event()))
    return false;
  if (decided.program_id != record.program().program_id() || decided.program_version != record.program().version()) {
    return false;
  }
  if (decided.is_decision && (record.causation_id() != cause || !record.actor().empty() ||
                              record.event_id() != fmt::format("{}-{}", shard_, record.position()))) {
    return false;
  }
  return SameEvent(decided.event, record.event());
}

bool AccountCheck::Matches(size_t at, size_t end_min, size_t end_max, const domain::Outcome& outcome) const {
  const size_t end = at + outcome.events.size();
  if (end == at || end < end_min || end > end_max) return false;
  // event_id by index of the fact.
  std::vector<std::string> causes;
  const std::string no_cause;
  for (size_t i = at; i < end; ++i) {
    const DecidedEvent& decided = outcome.events[i - at];
    if (!decided.is_decision) causes.push_back(block_[i].record.event_id());
    const std::string& cause =
        decided.is_decision && decided.fact_index >= 0 && static_cast<size_t>(decided.fact_index) < causes.size()
            ? causes[decided.fact_index]
            : no_cause;
    if (!EventMatches(block_[i], decided, cause)) return false;
  }
  return true;
}

std::optional<size_t> AccountCheck::Explain(size_t at, size_t end_min, size_t end_max, const Decider& decide) {
  absl::StatusOr<domain::Outcome> outcome = decide(state_);
  if (outcome.ok() && Matches(at, end_min, end_max, *outcome)) {
    const size_t end = at + outcome->events.size();
    state_ = std::move(outcome->state);
    if (other_.has_value()) {
      for (size_t i = at; i < end && other_.has_value(); ++i) {
        const EventRecord& record = block_[i].record;
        if (!domain::Evolve(*other_, record.event(), MicrosOf(record.occurred_time())).ok()) other_.reset();
      }
      if (other_.has_value()) other_->next_revision = state_.next_revision;
      if (other_ == state_) other_.reset();
    }
    Accept(at, end);
    return end;
  }
  if (!other_.has_value()) return std::nullopt;
  outcome = decide(*other_);
  if (!outcome.ok() || !Matches(at, end_min, end_max, *outcome)) return std::nullopt;
  const size_t end = at + outcome->events.size();
  domain::AccountState folded = state_;
  bool folds = true;
  for (size_t i = at; i < end && folds; ++i) {
    const EventRecord& record = block_[i].record;
    folds = domain::Evolve(folded, record.event(), MicrosOf(record.occurred_time())).ok();
  }
  other_ = std::move(outcome->state);
  if (folds) {
    state_ = std::move(folded);
  } else {
    // The forged record was never heard of again: the account went on as it ought to have.
    state_ = *std::exchange(other_, std::nullopt);
  }
  if (other_ == state_) other_.reset();
  Accept(at, end);
  return end;
}

void AccountCheck::Accept(size_t at, size_t end) {
  for (size_t i = at; i < end; ++i) {
    const EventRecord& record = block_[i].record;
    if (IsDecision(record.event())) {
      run_.report.set_decisions(run_.report.decisions() + 1);
      if (record.has_program()) run_.programs_named.emplace(record.program().program_id(), record.program().version());
    }
    CountPoints(block_[i]);
    purchases_.Take(record);
  }
}

void AccountCheck::CountPoints(const Recorded& recorded) {
  const std::string fault = points_.Add(recorded.record);
  if (fault.empty() || std::exchange(points_at_fault_, true)) return;
  v1::Finding finding = About(v1::FINDING_KIND_POINTS_NOT_CONSERVED, recorded);
  finding.set_rule("conservation of points");
  finding.set_found(Describe(recorded.record.event()));
  finding.set_message(fmt::format("account '{}', revision {}: {}; its points are not counted any further", account_id_,
                                  recorded.record.revision(), fault));
  run_.Report(std::move(finding));
}

void AccountCheck::Distrust(size_t at, size_t end) {
  const auto distrust = [&](const domain::RecordedPurchase* purchase) {
    if (purchase != nullptr) {
      distrusted_.emplace(purchase->purchase.merchant_id(), purchase->purchase.invoice_number());
    }
  };
  for (size_t i = at; i < end; ++i) {
    const Event& event = block_[i].record.event();
    if (event.has_purchase_recorded()) {
      distrusted_.emplace(event.purchase_recorded().merchant_id(), event.purchase_recorded().invoice_number());
      run_.Distrust({account_id_, block_[i].record.revision()});
    } else if (event.has_purchase_returned()) {
      const events::v1::PurchaseReturned& returned = event.purchase_returned();
      distrusted_.emplace(returned.merchant_id(), returned.purchase_invoice_number());
      // A forged one may point to another purchase than it names.
      distrust(returned.has_merged_purchase() ? absorbed_.At(returned.merged_purchase())
                                              : purchases_.At(returned.purchase_revision()));
    } else if (event.has_points_accrued()) {
      distrust(purchases_.At(event.points_accrued().purchase_revision()));
      run_.Distrust({account_id_, event.points_accrued().purchase_revision()});
    }
  }
}

void AccountCheck::ReportAndFold(size_t at, size_t end, absl::StatusOr<domain::Outcome> expected,
                                 const domain::RecordedPurchase* rests_on) {
  if (rests_on != nullptr) run_.HoldBack(PurchaseName(rests_on->account_id, rests_on->revision));
  if (expected.ok()) {
    ReportDifferences(at, end, *expected);
    other_ = std::move(expected->state);
  } else {
    size_t about = at;
    while (about + 1 < end && !IsFact(block_[about].record.event())) ++about;
    const Recorded& recorded = block_[about];
    v1::Finding finding =
        About(IsFact(recorded.record.event()) ? v1::FINDING_KIND_REFUSED_FACT : v1::FINDING_KIND_UNFOUNDED_DECISION,
              recorded);
    finding.set_rule(RuleOf(recorded.record.event()));
    finding.set_expected("refused: " + MessageOf(expected.status()));
    finding.set_found(Describe(recorded.record.event()));
    finding.set_message(fmt::format("account '{}', revision {}: {} is on record, which the rules refuse: {}",
                                    account_id_, recorded.record.revision(), KindOf(recorded.record.event()),
                                    MessageOf(expected.status())));
    run_.Report(std::move(finding));
    other_ = state_;
  }
  run_.HoldBack(std::nullopt);
  Distrust(at, end);
  FoldRecorded(at, end);
}

void AccountCheck::FoldUnchecked(size_t at, size_t end) {
  for (size_t i = at; i < end && other_.has_value(); ++i) {
    const EventRecord& record = block_[i].record;
    if (!domain::Evolve(*other_, record.event(), MicrosOf(record.occurred_time())).ok()) other_.reset();
  }
  FoldRecorded(at, end);
}

void AccountCheck::ReportDifferences(size_t at, size_t end, const domain::Outcome& expected) {
  std::vector<std::string> left;
  for (const DecidedEvent& decided : expected.events) left.push_back(KeyOf(decided.event));
  std::vector<std::string> right;
  for (size_t i = at; i < end; ++i) right.push_back(KeyOf(block_[i].record.event()));
  const std::vector<std::pair<size_t, size_t>> pairs = Align(left, right);
  const uint64_t first = expected.state.next_revision - expected.events.size();
  std::map<uint64_t, uint64_t> revisions;
  std::vector<std::string> causes;
  for (const auto& [i, j] : pairs) {
    revisions[first + i] = block_[at + j].record.revision();
    if (!expected.events[i].is_decision) causes.push_back(block_[at + j].record.event_id());
  }
  size_t i = 0;
  size_t j = 0;
  const auto report_between = [&](size_t i_end, size_t j_end) {
    // Named by the record in whose place they ought to stand, or by the last one.
    for (; i < i_end; ++i) ReportMissing(block_[std::min(at + j, end - 1)], expected.events[i]);
    for (; j < j_end; ++j) ReportUnfounded(block_[at + j]);
  };
  for (const auto& [left_index, right_index] : pairs) {
    report_between(left_index, right_index);
    DecidedEvent decided = expected.events[i];
    MapRevisions(decided.event, [&](uint64_t revision) {
      const auto mapped = revisions.find(revision);
      return mapped == revisions.end() ? revision : mapped->second;
    });
    const bool caused =
        decided.is_decision && decided.fact_index >= 0 && static_cast<size_t>(decided.fact_index) < causes.size();
    ReportPair(block_[at + j], std::move(decided), caused ? causes[expected.events[i].fact_index] : "");
    ++i;
    ++j;
  }
  report_between(expected.events.size(), end - at);
}

void AccountCheck::ReportPair(const Recorded& recorded, DecidedEvent expected, const std::string& cause) {
  const EventRecord& record = recorded.record;
  if (EventMatches(recorded, expected, cause)) return;
  v1::Finding finding = About(v1::FINDING_KIND_DIFFERENT_DECISION, recorded);
  finding.set_rule(RuleOf(record.event()));
  Event found = record.event();
  ClearRanks(expected.event);
  ClearRanks(found);
  auto [left, right] = Differences(expected.event, found);
  const auto [envelope_left, envelope_right] = EnvelopeDifferences(expected, cause, shard_, record);
  if (!envelope_left.empty()) {
    left += (left.empty() ? "" : ", ") + envelope_left;
    right += (right.empty() ? "" : ", ") + envelope_right;
  }
  finding.set_expected(left.empty() ? "the bytes of " + Describe(expected.event) : left);
  finding.set_found(right.empty() ? "other bytes" : right);
  if (finding.program().empty()) finding.set_program(ProgramName(expected));
  finding.set_message(
      IsFact(record.event())
          ? fmt::format(
                "account '{}', revision {}: what the ledger completed {} with does not follow from the account's "
                "state and its program",
                account_id_, record.revision(), KindOf(record.event()))
          : fmt::format("account '{}', revision {}: {} differs from what follows from the facts and the program",
                        account_id_, record.revision(), KindOf(record.event())));
  run_.Report(std::move(finding));
}

void AccountCheck::ReportUnfounded(const Recorded& recorded) {
  const Event& event = recorded.record.event();
  v1::Finding finding =
      About(IsFact(event) ? v1::FINDING_KIND_REFUSED_FACT : v1::FINDING_KIND_UNFOUNDED_DECISION, recorded);
  finding.set_rule(RuleOf(event));
  finding.set_expected("nothing");
  finding.set_found(Describe(event));
  finding.set_message(fmt::format("account '{}', revision {}: {} follows from no fact and no program", account_id_,
                                  recorded.record.revision(), KindOf(event)));
  run_.Report(std::move(finding));
}

void AccountCheck::ReportMissing(const Recorded& near, const DecidedEvent& expected) {
  v1::Finding finding = About(v1::FINDING_KIND_MISSING_DECISION, near);
  finding.set_rule(RuleOf(expected.event));
  finding.set_program(ProgramName(expected));
  finding.set_expected(Describe(expected.event) + ", occurred_time " + FormatMicros(expected.occurred));
  finding.set_found("nothing");
  finding.set_message(fmt::format("account '{}', at revision {}: {} follows from the facts and is not on record",
                                  account_id_, near.record.revision(), KindOf(expected.event)));
  run_.Report(std::move(finding));
}

bool AccountCheck::FoldRecorded(size_t at, size_t end) {
  const uint64_t first = state_.next_revision;
  for (size_t i = at; i < end; ++i) {
    const EventRecord& record = block_[i].record;
    absl::Status folded = domain::Evolve(state_, record.event(), MicrosOf(record.occurred_time()));
    if (folded.ok() && !domain::LotsMatchTotals(state_)) {
      folded = MakeError(Reason::kStoreDamaged, "its lots do not hold the points that its totals say");
    }
    if (!folded.ok()) {
      v1::Finding finding = About(v1::FINDING_KIND_CONTRADICTION, block_[i]);
      finding.set_rule(RuleOf(record.event()));
      finding.set_found(Describe(record.event()));
      finding.set_message(fmt::format("account '{}', revision {}: {}; the rest of the account is not checked",
                                      account_id_, record.revision(), MessageOf(folded)));
      run_.Report(std::move(finding));
      Abandon(fmt::format("revision {} contradicts what was before it", record.revision()));
      return false;
    }
    if (IsDecision(record.event())) run_.report.set_decisions(run_.report.decisions() + 1);
    CountPoints(block_[i]);
    purchases_.Take(record);
  }
  if (!other_.has_value()) return true;
  other_->next_revision = state_.next_revision;
  // A lot is named by its record: one that has none would come to be mistaken for another.
  const auto has_record = [&](const domain::Lot& lot) {
    return lot.revision < first || std::any_of(state_.lots.begin(), state_.lots.end(), [&](const domain::Lot& entry) {
             return entry.revision == lot.revision;
           });
  };
  if (other_->lifecycle == domain::Lifecycle::kNone ||
      !std::all_of(other_->lots.begin(), other_->lots.end(), has_record)) {
    other_.reset();
  }
  return true;
}

void AccountCheck::Abandon(const std::string& why) {
  abandoned_ = true;
  run_.NotChecked(fmt::format("the rest of account '{}': {}", account_id_, why));
}

}  // namespace keyledger::audit

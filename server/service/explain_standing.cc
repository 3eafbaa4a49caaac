// TierService.ExplainStanding. See tier_service.h.
#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "keyledger/events/v1/record.pb.h"
#include "server/base/error.h"
#include "server/domain/explain_standing.h"
#include "server/domain/proto_time.h"
#include "server/service/query_request.h"
#include "server/service/tier_service.h"

namespace keyledger::service {
namespace {

using domain::StandingExplanation;
using events::v1::EventRecord;

constexpr Micros kAheadMax = 3'660 * kMicrosPerDay;
// Of one value, and of all: what keeps the answer below the size of a message.
constexpr size_t kContributionsPerValueMax = 100;
constexpr size_t kContributionsMax = 20'000;

// Calls visit(record) for the account's records of revisions below `end`, in order.
template <class Visit>
absl::Status ForEachRecord(const store::ShardStore& store, const std::string& account_id, uint64_t end,
                           const Visit& visit) {
  const auto records = store.ReadStream(account_id, 0, std::numeric_limits<uint64_t>::max(), /*backwards=*/false);
  EventRecord record;
  while (records->Next()) {
    const std::string_view bytes = records->bytes();
    if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return MakeError(Reason::kStoreDamaged,
                       fmt::format("record {} of account {} cannot be read", records->position(), account_id));
    }
    if (record.revision() >= end) return absl::OkStatus();
    KL_RETURN_IF_ERROR(visit(record));
  }
  return records->status();
}

// The account as far as its standing goes, and the record that gave it its tier.
struct FoldedAccount {
  domain::AccountState state;
  EventRecord assigned;
  // One past the last record read.
  uint64_t end = 0;
};

absl::StatusOr<FoldedAccount> FoldAccount(const store::ShardStore& store, const std::string& account_id, Micros as_of) {
  FoldedAccount folded;
  KL_RETURN_IF_ERROR(
      ForEachRecord(store, account_id, std::numeric_limits<uint64_t>::max(), [&](const EventRecord& record) {
        folded.end = record.revision() + 1;
        if (record.event().has_tier_assigned() && domain::MicrosOf(record.occurred_time()) < as_of) {
          folded.assigned = record;
        }
        return domain::FoldForStanding(folded.state, record, as_of);
      }));
  return folded;
}

void FillAssigned(const events::v1::TierAssigned& assigned, Micros since, ledger::v1::TierAssignment& out) {
  out.set_ladder_id(assigned.ladder_id());
  out.set_tier_id(assigned.tier_id());
  out.set_previous_tier_id(assigned.previous_tier_id());
  out.set_reason(assigned.reason());
  domain::SetTimestamp(out.mutable_since(), since);
  *out.mutable_met() = assigned.met();
  *out.mutable_missed() = assigned.missed();
  out.set_review_id(assigned.review_id());
}

void FillStanding(const StandingExplanation& explained, const EventRecord& recorded,
                  ledger::v1::ExplainStandingResponse& out) {
  const auto due = std::find_if(explained.taken.rbegin(), explained.taken.rend(),
                                [](const domain::DueReview& taken) { return taken.event.has_tier_assigned(); });
  if (due != explained.taken.rend()) {
    ledger::v1::TierAssignment& standing = *out.mutable_standing();
    FillAssigned(due->event.tier_assigned(), due->due, standing);
    standing.set_program_id(due->program->program().program_id());
    standing.set_program_version(due->program->program().version());
  } else if (recorded.event().has_tier_assigned()) {
    ledger::v1::TierAssignment& standing = *out.mutable_standing();
    FillAssigned(recorded.event().tier_assigned(), domain::MicrosOf(recorded.occurred_time()), standing);
    standing.set_program_id(recorded.program().program_id());
    standing.set_program_version(recorded.program().version());
    standing.set_revision(recorded.revision());
  }
}

ledger::v1::MissingUnknownReason ReasonOf(domain::Shortfall::Kind kind) {
  switch (kind) {
    case domain::Shortfall::Kind::kAmount:
      break;
    case domain::Shortfall::Kind::kNotMeasured:
      return ledger::v1::MISSING_UNKNOWN_REASON_NOT_MEASURED;
    case domain::Shortfall::Kind::kComparison:
      return ledger::v1::MISSING_UNKNOWN_REASON_COMPARISON;
    case domain::Shortfall::Kind::kPastPeriod:
      return ledger::v1::MISSING_UNKNOWN_REASON_PAST_PERIOD;
    case domain::Shortfall::Kind::kSeveralPeriods:
      return ledger::v1::MISSING_UNKNOWN_REASON_SEVERAL_PERIODS;
  }
  return ledger::v1::MISSING_UNKNOWN_REASON_UNSPECIFIED;
}

void FillAlternatives(const std::vector<domain::ExplainedAlternative>& alternatives,
                      google::protobuf::RepeatedPtrField<ledger::v1::StandingAlternative>& out) {
  for (const domain::ExplainedAlternative& alternative : alternatives) {
    ledger::v1::StandingAlternative& entry = *out.Add();
    entry.set_holds(alternative.holds);
    for (const domain::ExplainedCondition& condition : alternative.conditions) {
      ledger::v1::StandingCondition& one = *entry.add_conditions();
      *one.mutable_evidence() = condition.evidence;
      one.set_missing_unknown_reason(ReasonOf(condition.shortfall.kind));
      if (condition.shortfall.kind == domain::Shortfall::Kind::kAmount) one.set_missing(condition.shortfall.amount);
      one.set_value_index(static_cast<uint32_t>(condition.source));
    }
  }
}

void FillRule(const domain::ExplainedRule& rule, ledger::v1::StandingRule& out) {
  out.set_tier_id(rule.tier_id);
  out.set_display_name(rule.display_name);
  FillAlternatives(rule.alternatives, *out.mutable_alternatives());
  out.set_holds(rule.holds);
  domain::SetTimestamp(out.mutable_measured_time(), rule.measured);
  if (rule.decided != domain::kNever) domain::SetTimestamp(out.mutable_decided_time(), rule.decided);
}

ledger::v1::ReviewOutcome OutcomeOf(domain::ReviewOutcome outcome) {
  switch (outcome) {
    case domain::ReviewOutcome::kNoReview:
      break;
    case domain::ReviewOutcome::kKept:
      return ledger::v1::REVIEW_OUTCOME_KEPT;
    case domain::ReviewOutcome::kRises:
      return ledger::v1::REVIEW_OUTCOME_RISES;
    case domain::ReviewOutcome::kFalls:
      return ledger::v1::REVIEW_OUTCOME_FALLS;
    case domain::ReviewOutcome::kGraceStarts:
      return ledger::v1::REVIEW_OUTCOME_GRACE_STARTS;
    case domain::ReviewOutcome::kBegins:
      return ledger::v1::REVIEW_OUTCOME_BEGINS;
    case domain::ReviewOutcome::kComparison:
      return ledger::v1::REVIEW_OUTCOME_COMPARISON;
  }
  return ledger::v1::REVIEW_OUTCOME_UNSPECIFIED;
}

void FillProgram(const StandingExplanation& explained, ledger::v1::ExplainStandingResponse& out) {
  const programs::v1::Program& program = explained.program->program();
  out.set_program_id(program.program_id());
  out.set_program_version(program.version());
  out.set_time_zone(program.time_zone());
  out.set_currency_code(program.currency_code());
  out.set_ladder_id(program.tier_ladder().ladder_id());
  out.set_locked(explained.locked);
  if (explained.locked && explained.state.tier_lock.until != domain::kNever) {
    domain::SetTimestamp(out.mutable_locked_until(), explained.state.tier_lock.until);
  }
  if (explained.grace_until.has_value()) domain::SetTimestamp(out.mutable_grace_until(), *explained.grace_until);
}

void FillReview(const StandingExplanation& explained, ledger::v1::ExplainStandingResponse& out) {
  if (!explained.next_review.has_value()) return;
  const domain::ReviewMoment& review = *explained.next_review;
  ledger::v1::NextReview& next = *out.mutable_next_review();
  domain::SetTimestamp(next.mutable_time(), review.due);
  next.set_ends_grace(review.ends_grace);
  next.set_by_comparison(!review.program->rules().cuts.empty());
  next.set_program_id(review.program->program().program_id());
  next.set_program_version(review.program->program().version());
  out.set_outcome(OutcomeOf(explained.outcome));
  out.set_projected_tier_id(explained.projected_tier_id);
  if (explained.keep.has_value()) FillRule(*explained.keep, *out.mutable_keep());
  if (!explained.warning.has_value()) return;
  ledger::v1::DowngradeWarning& warning = *out.mutable_downgrade_warning();
  warning.set_tier_id(explained.warning->tier_id);
  warning.set_to_tier_id(explained.warning->to_tier_id);
  domain::SetTimestamp(warning.mutable_fall_time(), explained.warning->fall);
  if (explained.warning->grace_start.has_value()) {
    domain::SetTimestamp(warning.mutable_grace_start_time(), *explained.warning->grace_start);
  }
  FillAlternatives(explained.warning->missing, *warning.mutable_missing());
}

void FillValue(const domain::ValueSource& source, const domain::Contributions& found, ledger::v1::MeasuredValue& out) {
  out.set_metric(source.metric);
  out.set_fact_key(source.fact_key);
  if (source.span.has_value()) {
    if (source.span->start > domain::kTimeMin) {
      domain::SetTimestamp(out.mutable_from_time(), source.span->start);
    }
    domain::SetTimestamp(out.mutable_to_time(), std::min(source.span->end, domain::kTimeMax));
  }
  out.set_contributions_total(found.total);
  for (const domain::Contribution& one : found.largest) {
    ledger::v1::ValueContribution& entry = *out.add_contributions();
    entry.set_revision(one.revision);
    entry.set_event_id(one.event_id);
    entry.set_kind(one.kind);
    domain::SetTimestamp(entry.mutable_occurred_time(), one.occurred);
    entry.set_contribution(one.amount);
  }
}

}  // namespace

grpc::ServerUnaryReactor* TierServiceImpl::ExplainStanding(grpc::CallbackServerContext* call,
                                                           const ledger::v1::ExplainStandingRequest* request,
                                                           ledger::v1::ExplainStandingResponse* response) {
  return RunQuery(context_, call, [this, request, response]() -> absl::Status {
    const std::string& account_id = request->account_id();
    KL_RETURN_IF_ERROR(CheckAccountId(account_id));
    KL_ASSIGN_OR_RETURN(const Micros as_of, AsOf(*request, context_.clock));
    if (as_of > AsOfNow(context_.clock) + kAheadMax) return FieldError("as_of", "must be at most 3,660 days ahead");
    const shard::Shard& home = context_.ledger.ShardOfAccount(account_id);
    KL_ASSIGN_OR_RETURN(FoldedAccount folded, FoldAccount(home.store(), account_id, as_of));
    if (folded.state.lifecycle == domain::Lifecycle::kNone) {
      return MakeError(Reason::kAccountNotFound, fmt::format("there is no account {}", account_id));
    }
    const auto programs = home.programs();
    KL_ASSIGN_OR_RETURN(const StandingExplanation explained,
                        domain::ExplainStanding(std::move(folded.state), as_of, *programs));
    response->set_account_id(account_id);
    domain::SetTimestamp(response->mutable_as_of(), as_of);
    FillStanding(explained, folded.assigned, *response);
    if (explained.program == nullptr) return absl::OkStatus();
    FillProgram(explained, *response);
    FillReview(explained, *response);
    for (const domain::ExplainedRule& rule : explained.higher) FillRule(rule, *response->add_higher_tiers());
    if (explained.sources.empty()) return absl::OkStatus();
    domain::ContributionFinder finder(
        explained.sources, std::min(kContributionsPerValueMax, kContributionsMax / explained.sources.size()));
    KL_RETURN_IF_ERROR(ForEachRecord(home.store(), account_id, folded.end, [&](const EventRecord& record) {
      if (domain::MicrosOf(record.occurred_time()) < as_of) finder.Observe(record);
      return absl::OkStatus();
    }));
    const std::vector<domain::Contributions> found = std::move(finder).Take();
    for (size_t i = 0; i < found.size(); ++i) FillValue(explained.sources[i], found[i], *response->add_values());
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

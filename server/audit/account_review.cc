// The verdicts of reviews, decided again. See account_check.h.
#include <fmt/format.h>

#include "server/audit/account_check.h"
#include "server/audit/comparison.h"
#include "server/base/error.h"
#include "server/domain/evolve.h"
#include "server/domain/proto_time.h"

namespace keyledger::audit {
namespace {

using domain::MicrosOf;

constexpr size_t kVerdictWordBytes = 8;

}  // namespace

absl::StatusOr<std::optional<domain::AccountState>> AccountCheck::FoldForReview(uint64_t end, Micros as_of) {
  // As server/shard/review_reader.h has it: the account at the cursor, or, if something has occurred since as_of, what
  // can be measured of it before, with the tier that it held at the cursor.
  domain::AccountState now;
  domain::AccountState then;
  bool folds = true;
  bool over = false;
  const auto fold = [&](const StoredRecord& stored) -> absl::Status {
    over = over || stored.position >= end;
    if (over || !folds) return absl::OkStatus();
    KL_RETURN_IF_ERROR(run_.ReadAgain());
    events::v1::EventRecord record;
    folds = stored.damage.ok() && record.ParseFromArray(stored.bytes.data(), static_cast<int>(stored.bytes.size())) &&
            HasSoundTimes(record) && record.account_id() == account_id_ && record.revision() == now.next_revision &&
            domain::Evolve(now, record.event(), MicrosOf(record.occurred_time())).ok() &&
            domain::FoldMeasured(then, record, as_of).ok();
    return absl::OkStatus();
  };
  KL_RETURN_IF_ERROR(run_.source.ReadStream(shard_, account_id_, fold));
  if (!folds || now.next_revision == 0) return std::nullopt;
  if (now.clock < as_of) return now;
  if (now.open_time >= as_of || then.lifecycle == domain::Lifecycle::kNone) return std::nullopt;
  then.next_revision = now.next_revision;
  then.tier = std::move(now.tier);
  then.tier_lock = std::move(now.tier_lock);
  return then;
}

absl::StatusOr<std::optional<domain::ReviewVerdict>> AccountCheck::FindVerdict(const std::string& review_id,
                                                                               std::string& why) {
  const auto found = run_.basis.reviews.find(review_id);
  if (found == run_.basis.reviews.end()) {
    why = "there is no such review";
    return std::nullopt;
  }
  const events::v1::ReviewStarted& review = found->second;
  if (review.cursor_size() <= static_cast<int>(shard_) || review.cursor_size() == 0) {
    why = "the review does not say what it had read";
    return std::nullopt;
  }
  // The programs as the review knew them.
  const std::shared_ptr<const domain::ProgramSet> programs =
      run_.basis.programs[0].At(review.cursor(0).next_position());
  const domain::CompiledProgram* version = programs->Find(review.program_id(), review.program_version());
  if (version == nullptr || version->rules().cuts.empty() ||
      review.cuts_size() != static_cast<int>(version->rules().cuts.size())) {
    why = "the review names a program that is not its own";
    return std::nullopt;
  }
  std::shared_ptr<const domain::CompiledProgram> program;
  for (const auto& entry : programs->programs()) {
    if (entry.get() == version) program = entry;
  }
  const domain::ReviewRules rules(std::move(program), programs, MicrosOf(review.as_of()));
  KL_ASSIGN_OR_RETURN(std::optional<domain::AccountState> state,
                      FoldForReview(review.cursor(static_cast<int>(shard_)).next_position(), MicrosOf(review.as_of())));
  if (!state.has_value()) {
    why = "the account was not there when it was reviewed";
    return std::nullopt;
  }
  const domain::ReviewSubject subject = rules.Judge(*std::move(state));
  if (!subject.is_governed) {
    why = "the program of the review does not govern the account";
    return std::nullopt;
  }
  std::optional<domain::ReviewVerdict> verdict = rules.Decide(subject, account_id_, review);
  if (!verdict.has_value()) why = "the review leaves the account the tier that it holds";
  return verdict;
}

absl::StatusOr<size_t> AccountCheck::CheckVerdict(size_t at) {
  const size_t end = EndOfRequest(at);
  const std::string review_id = block_[at].record.request_id().substr(kVerdictWordBytes);
  std::string why;
  KL_ASSIGN_OR_RETURN(const std::optional<domain::ReviewVerdict> verdict, FindVerdict(review_id, why));
  if (!verdict.has_value()) {
    size_t next = at;
    while (next < end && !abandoned_) {
      next = CheckStray(next, fmt::format("a tier is on record as given by {}, but {}", review_id, why));
    }
    return next;
  }
  const std::shared_ptr<const domain::ProgramSet> in_force = ProgramsAt(at);
  const domain::ProgramSet& programs = *in_force;
  const Decider decide = [&](const domain::AccountState& state) -> absl::StatusOr<domain::Outcome> {
    absl::StatusOr<domain::AppliedVerdict> applied = domain::ApplyVerdict(state, *verdict, programs);
    if (!applied.ok()) return applied.status();
    if (applied->outcome.events.empty()) {
      return MakeError(Reason::kReviewNotPossible, "the verdict of the review changes nothing of the account by then");
    }
    return std::move(applied->outcome);
  };
  if (const auto next = Explain(at, end, end, decide); next.has_value()) return *next;
  ReportAndFold(at, end, decide(state_));
  return end;
}

}  // namespace keyledger::audit

// See item_duties.h.
#include "projections/engagement/item_duties.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "keyledger/programs/v1/cadence.pb.h"
#include "projections/engine/record_time.h"

namespace keyledger::projections::engagement {
namespace {

using domain::ItemKind;
using events::v1::Event;

constexpr Micros kHour = 3'600 * kMicrosPerSecond;

// So many hours after the step holds.
Micros After(const ItemStepTaken& step, int64_t hours) { return step.since + hours * kHour; }

// Requests for approval since the quote was proposed or revised last; of one role and person the first, since that one
// waits longest.
std::vector<const ItemStepTaken*> RequestsOf(const ItemRun& run) {
  std::vector<const ItemStepTaken*> requests;
  for (const ItemStepTaken& step : run.steps) {
    const Event& event = step.row->event;
    if (event.has_quote_proposed() || event.has_quote_revised()) requests.clear();
    if (!event.has_quote_approval_requested()) continue;
    const bool again = std::any_of(requests.begin(), requests.end(), [&event](const ItemStepTaken* before) {
      const events::v1::QuoteApprovalRequested& asked = before->row->event.quote_approval_requested();
      return asked.role() == event.quote_approval_requested().role() &&
             asked.person() == event.quote_approval_requested().person();
    });
    if (!again) requests.push_back(&step);
  }
  return requests;
}

// The rules of the program that governed the item's account at a moment; empty ones if none did.
const programs::v1::Deadlines& DeadlinesAt(const EngagementHistory& history, const DutyBasis& basis, const ItemRun& run,
                                           Micros time) {
  const domain::CompiledProgram* program = ProgramAt(history.JudgeOf(run.item->account, time), basis, time);
  return program == nullptr ? programs::v1::Deadlines::default_instance() : program->program().deadlines();
}

class Items {
 public:
  Items(const Derivation& derivation, std::vector<Duty>& duties)
      : derivation_(derivation),
        history_(derivation.history()),
        basis_{derivation.programs(), derivation.now()},
        duties_(duties) {}

  void Take(const ItemRun& run) {
    switch (run.kind) {
      case ItemKind::kInteraction:
        return Planned(run);
      case ItemKind::kIssue:
        return Issue(run);
      case ItemKind::kPromise:
        return Promise(run);
      case ItemKind::kPlan:
        return Plan(run);
      case ItemKind::kContract:
        return Contract(run);
      case ItemKind::kLoan:
        return Loan(run);
      case ItemKind::kHandover:
        return Handover(run);
      case ItemKind::kQuote:
        return Approval(run);
      case ItemKind::kOrder:
        return Order(run);
      default:
        return;
    }
  }

 private:
  Duty& Add(DutyKind kind, const ItemRun& run, Micros due, const Holders& holders, std::string_view name) {
    Duty& duty = duties_.emplace_back(derivation_.DutyOf(kind, due, holders));
    duty.duty_id = fmt::format("{}/{}/{}", history_.AccountOf(run.item->account), name, run.item->item_id);
    duty.item_id = run.item->item_id;
    duty.cause_revision = run.opening().times.revision;
    return duty;
  }

  Holders Owner() const { return derivation_.OwnerOf(derivation_.now()); }
  Holders Person(const ItemRun& run, std::string_view person, Micros named) const {
    return derivation_.PersonOf(person, named, derivation_.now(), run.item->account);
  }
  // A person whom the opening names.
  Holders Person(const ItemRun& run, std::string_view person) const {
    return Person(run, person, run.opening().times.occurred);
  }

  void Planned(const ItemRun& run) {
    const events::v1::InteractionPlanned& planned = run.opening().event.interaction_planned();
    Micros start = MicrosOf(planned.start_time());
    for (const ItemStepTaken& step : run.steps) {
      if (step.row->event.has_interaction_missed())
        start = MicrosOf(step.row->event.interaction_missed().new_start_time());
    }
    const Holders holders =
        derivation_.PeopleOf(planned.people(), run.opening().times.occurred, derivation_.now(), run.item->account);
    Duty& duty = Add(DutyKind::kPlanned, run, start, holders, "planned");
    duty.interaction_kinds = {planned.kind()};
    duty.what = planned.purpose();
  }

  void Issue(const ItemRun& run) {
    if (run.state() == events::v1::ISSUE_STATE_RESOLVED) return;
    const std::optional<Micros> due = IssueDueTime(history_, basis_, run);
    if (!due.has_value()) return;
    const events::v1::IssueOpened& opened = run.opening().event.issue_opened();
    std::string person = opened.person();
    Micros named = run.opening().times.occurred;
    for (const ItemStepTaken& step : run.steps) {
      if (step.row->event.issue_moved().person().empty()) continue;
      person = step.row->event.issue_moved().person();
      named = step.since;
    }
    Duty& duty = Add(DutyKind::kIssue, run, *due, Person(run, person, named), "issue");
    duty.what = opened.description();
    duty.contact_id = history_.ContactName(run.item->account, opened.contact_id());
  }

  void Promise(const ItemRun& run) {
    const events::v1::PromisePublished& published = run.opening().event.promise_published();
    if (!published.has_due_time()) return;
    Add(DutyKind::kPromise, run, MicrosOf(published.due_time()), Person(run, published.person()), "promise").what =
        published.description();
  }

  void Plan(const ItemRun& run) {
    const std::optional<Micros> due = PlanReviewTime(history_, basis_, derivation_.zone(), run);
    if (!due.has_value()) return;
    const events::v1::PlanDrafted& drafted = run.opening().event.plan_drafted();
    Add(DutyKind::kPlanReview, run, *due, Person(run, drafted.person()), "plan_review").what = drafted.description();
  }

  void Contract(const ItemRun& run) {
    const Micros due = ContractNoticeTime(history_, basis_, derivation_.zone(), run);
    Add(DutyKind::kContract, run, due, Owner(), "contract").what = run.opening().event.contract_signed().kind();
  }

  void Loan(const ItemRun& run) {
    const events::v1::LoanIssued& issued = run.opening().event.loan_issued();
    Duty& duty = Add(DutyKind::kLoan, run, MicrosOf(issued.due_time()), Owner(), "loan");
    duty.what = issued.item();
    duty.contact_id = history_.ContactName(run.item->account, issued.contact_id());
  }

  void Handover(const ItemRun& run) {
    const events::v1::HandoverGiven& given = run.opening().event.handover_given();
    const int64_t hours = DeadlinesAt(history_, basis_, run, run.opening().times.occurred).handover_hours();
    if (!given.has_due_time() && hours == 0) return;
    const Micros due = given.has_due_time() ? MicrosOf(given.due_time()) : After(run.steps.front(), hours);
    Add(DutyKind::kHandover, run, due, Person(run, given.to_person()), "handover").what = given.what();
  }

  // Whoever was asked is to answer, each within the hours that the program gave when it was asked.
  void Approval(const ItemRun& run) {
    if (run.state() != domain::quote_state::kInApproval) return;
    const std::vector<const ItemStepTaken*> requests = RequestsOf(run);
    for (const ItemStepTaken* step : requests) {
      const uint32_t hours = DeadlinesAt(history_, basis_, run, step->since).approval_hours();
      if (hours == 0) continue;
      const events::v1::QuoteApprovalRequested& requested = step->row->event.quote_approval_requested();
      Holders holders;
      if (requested.person().empty()) {
        holders = derivation_.RolesOf(std::vector<std::string>{requested.role()}, derivation_.now());
      } else {
        holders = Person(run, requested.person(), step->since);
      }
      Duty& duty = Add(DutyKind::kApproval, run, After(*step, hours), holders, "approval");
      duty.what = requested.reason();
      duty.cause_revision = step->row->times.revision;
      if (step != requests.front()) duty.duty_id += fmt::format("/{}", step->row->times.revision);
    }
  }

  void Order(const ItemRun& run) {
    const events::v1::OrderPlaced& placed = run.opening().event.order_placed();
    if (placed.has_due_time()) Add(DutyKind::kOrder, run, MicrosOf(placed.due_time()), Owner(), "order");
  }

  const Derivation& derivation_;
  const EngagementHistory& history_;
  const DutyBasis basis_;
  std::vector<Duty>& duties_;
};

}  // namespace

std::optional<Micros> IssueDueTime(const EngagementHistory& history, const DutyBasis& basis, const ItemRun& run) {
  const events::v1::IssueOpened& opened = run.opening().event.issue_opened();
  for (auto step = run.steps.rbegin(); step != run.steps.rend(); ++step) {
    if (step->row->event.issue_moved().has_due_time()) return MicrosOf(step->row->event.issue_moved().due_time());
  }
  if (opened.has_due_time()) return MicrosOf(opened.due_time());
  const Micros raised = run.opening().times.occurred;
  const std::string_view tier = history.JudgeOf(run.item->account, raised).TierAt(raised);
  for (const programs::v1::IssueDeadline& deadline : DeadlinesAt(history, basis, run, raised).issues()) {
    const auto& kinds = deadline.kinds();
    const auto& tiers = deadline.tier_ids();
    const bool kind = kinds.empty() || std::find(kinds.begin(), kinds.end(), opened.kind()) != kinds.end();
    if (kind && (tiers.empty() || std::find(tiers.begin(), tiers.end(), tier) != tiers.end())) {
      return After(run.steps.front(), deadline.hours());
    }
  }
  return std::nullopt;
}

std::optional<Micros> PlanReviewTime(const EngagementHistory& history, const DutyBasis& basis, const Zone& zone,
                                     const ItemRun& run) {
  if (run.state() != domain::plan_state::kAgreed) return std::nullopt;
  const ItemStepTaken& step = run.last();
  const Event& event = step.row->event;
  if (event.plan_agreed().has_review_time()) return MicrosOf(event.plan_agreed().review_time());
  if (event.plan_reviewed().has_review_time()) return MicrosOf(event.plan_reviewed().review_time());
  const Micros since = step.since;
  const uint32_t months = DeadlinesAt(history, basis, run, since).plan_review_months();
  if (months == 0) return std::nullopt;
  return zone.AddMonths(since, static_cast<int>(months));
}

Micros ContractEndTime(const ItemRun& run) {
  Micros end = MicrosOf(run.opening().event.contract_signed().end_time());
  for (const ItemStepTaken& step : run.steps) {
    const Event& event = step.row->event;
    if (event.has_contract_renewed()) end = MicrosOf(event.contract_renewed().end_time());
    if (event.contract_amended().has_end_time()) end = MicrosOf(event.contract_amended().end_time());
  }
  return end;
}

Micros ContractNoticeTime(const EngagementHistory& history, const DutyBasis& basis, const Zone& zone,
                          const ItemRun& run) {
  uint32_t days = run.opening().event.contract_signed().notice_days();
  if (days == 0) days = DeadlinesAt(history, basis, run, basis.as_of).contract_notice_days();
  return zone.AddDays(ContractEndTime(run), -static_cast<int>(days));
}

void AddItemDuties(const Derivation& derivation, std::vector<Duty>& duties) {
  Items items(derivation, duties);
  for (const HistoryItem& item : derivation.history().items) {
    const std::vector<ItemRun> runs = RunsOf(item);
    if (!runs.empty() && runs.back().open()) items.Take(runs.back());
  }
}

}  // namespace keyledger::projections::engagement

#include "projections/pipeline/quotes.h"

#include <algorithm>
#include <utility>

#include "server/domain/proto_time.h"

namespace keyledger::projections::pipeline {
namespace {

using domain::ItemKind;
using events::v1::Event;

constexpr Micros kMicrosPerHour = 3600 * kMicrosPerSecond;

static_assert(static_cast<uint8_t>(QuoteState::kInApproval) == domain::quote_state::kInApproval);
static_assert(static_cast<uint8_t>(QuoteState::kConditionsMet) == domain::quote_state::kConditionsMet);

// The state after a move: those of an open quote are the domain's; how it ended, the step says.
QuoteState StateAfter(const ItemMove& move) {
  if (move.state != 0) return static_cast<QuoteState>(move.state);
  switch (move.event.quote_moved().step()) {
    case events::v1::QUOTE_STEP_PRODUCTION_STARTED:
      return QuoteState::kInProduction;
    case events::v1::QUOTE_STEP_WITHDRAWN:
      return QuoteState::kWithdrawn;
    case events::v1::QUOTE_STEP_DECLINED:
      return QuoteState::kDeclined;
    default:
      return QuoteState::kExpired;
  }
}

template <class Offer>
void TakeOffer(const Offer& offer, QuoteRow& row) {
  row.proposer = offer.proposer();
  row.amount = offer.amount();
  row.percent_milli = offer.percent_milli();
  row.saving.reset();
  if (offer.has_parts_amount()) {
    row.saving = offer.parts_amount();
    row.saving->set_micros(offer.parts_amount().micros() - offer.amount().micros());
  }
  row.binding_until.reset();
  if (offer.has_end_time()) row.binding_until = domain::MicrosOf(offer.end_time());
}

// Whom a step names.
std::pair<std::string, std::string> PersonAndRole(const Event& event) {
  switch (event.payload_case()) {
    case Event::kQuoteProposed:
      return {event.quote_proposed().proposer(), event.quote_proposed().proposer_role()};
    case Event::kQuoteRevised:
      return {event.quote_revised().proposer(), event.quote_revised().proposer_role()};
    case Event::kQuoteApprovalRequested:
      return {event.quote_approval_requested().person(), event.quote_approval_requested().role()};
    case Event::kQuoteApprovalGiven:
      return {event.quote_approval_given().approver(), event.quote_approval_given().role()};
    case Event::kQuoteApprovalRefused:
      return {event.quote_approval_refused().approver(), event.quote_approval_refused().role()};
    default:
      return {event.quote_moved().person(), std::string()};
  }
}

QuoteRow RowOf(const ItemAccount& account, const ItemLife& life) {
  QuoteRow row;
  row.account_id = account.account_id();
  row.quote_id = life.item_id;
  row.open = life.open_time();
  row.end = life.end;
  for (const ItemMove& move : life.moves) {
    if (move.event.has_quote_proposed()) {
      TakeOffer(move.event.quote_proposed(), row);
      row.opportunity_id = move.event.quote_proposed().opportunity_id();
    } else if (move.event.has_quote_revised()) {
      TakeOffer(move.event.quote_revised(), row);
    }
    row.state = StateAfter(move);
    auto [person, role] = PersonAndRole(move.event);
    row.steps.push_back({row.state, domain::StepName(ItemKind::kQuote, move.step), std::move(person), std::move(role),
                         move.since, move.revision});
  }
  if (life.is_open()) row.possible_steps = domain::LegalSteps(ItemKind::kQuote, life.latest().state);
  return row;
}

bool Matches(const QuoteRow& row, const QuoteQuery& query) {
  if (!query.person.empty() && row.proposer != query.person) return false;
  if (query.quote_state.has_value()) return row.state == *query.quote_state;
  return IsIn(query.state, !row.end.has_value());
}

bool Matches(const ApprovalRow& row, const ApprovalQuery& query) {
  if (!query.person.empty() && row.person != query.person) return false;
  if (query.role.empty()) return true;
  if (!row.role.empty()) return row.role == query.role;
  return std::find(row.approver_roles.begin(), row.approver_roles.end(), query.role) != row.approver_roles.end();
}

// An approval with the revision of the fact since which it waits.
using Waiting = std::pair<uint64_t, ApprovalRow>;

// What one quote waits for: whoever was asked since it was proposed or revised last, or anybody who may.
std::vector<Waiting> WaitingFor(const ItemAccount& account, const ItemLife& life) {
  Waiting offered;
  std::vector<Waiting> asked;
  for (const ItemMove& move : life.moves) {
    const auto take = [&](const auto& offer) {
      offered = {move.revision, ApprovalRow()};
      ApprovalRow& row = offered.second;
      row.account_id = account.account_id();
      row.quote_id = life.item_id;
      row.percent_milli = offer.percent_milli();
      row.amount = offer.amount();
      row.proposer = offer.proposer();
      row.approver_roles.assign(offer.approver_roles().begin(), offer.approver_roles().end());
      row.since = move.since;
      asked.clear();
    };
    if (move.event.has_quote_proposed()) take(move.event.quote_proposed());
    if (move.event.has_quote_revised()) take(move.event.quote_revised());
    if (!move.event.has_quote_approval_requested()) continue;
    const events::v1::QuoteApprovalRequested& request = move.event.quote_approval_requested();
    const bool again = std::any_of(asked.begin(), asked.end(), [&](const Waiting& one) {
      return one.second.role == request.role() && one.second.person == request.person();
    });
    if (again) continue;
    ApprovalRow row = offered.second;
    row.role = request.role();
    row.person = request.person();
    row.since = move.since;
    const programs::v1::Deadlines* deadlines = account.DeadlinesAt(move.since);
    if (deadlines != nullptr && deadlines->approval_hours() > 0) {
      row.due = move.since + static_cast<Micros>(deadlines->approval_hours()) * kMicrosPerHour;
    }
    asked.emplace_back(move.revision, std::move(row));
  }
  if (asked.empty()) asked.push_back(std::move(offered));
  return asked;
}

}  // namespace

absl::StatusOr<QuoteList> ListQuotes(const Shards& shards, const PipelineScope& scope, const QuoteQuery& query) {
  QuoteList out;
  KL_ASSIGN_OR_RETURN(auto page, PageCollector<QuoteRow>::Begin(query.page));
  const ItemAsk ask{.kinds = {ItemKind::kQuote}, .account_id = query.account_id};
  const auto visit = [&](const ItemAccount& account) -> absl::Status {
    for (const ItemLife& life : account.items) {
      QuoteRow row = RowOf(account, life);
      if (!Matches(row, query)) continue;
      out.count += 1;
      KL_RETURN_IF_ERROR(AddSum(out.sums, row.amount.currency_code(), row.amount.micros()));
      PageOrder order{row.open, 0, row.account_id, row.quote_id, life.revision()};
      page.Offer(std::move(order), std::move(row));
    }
    return absl::OkStatus();
  };
  KL_RETURN_IF_ERROR(WalkItems(shards, scope, ask, visit));
  out.next = page.Finish(out.rows);
  return out;
}

absl::StatusOr<ApprovalList> ListApprovals(const Shards& shards, const PipelineScope& scope,
                                           const ApprovalQuery& query) {
  ApprovalList out;
  KL_ASSIGN_OR_RETURN(auto page, PageCollector<ApprovalRow>::Begin(query.page));
  const ItemAsk ask{.kinds = {ItemKind::kQuote}, .account_id = {}};
  const auto visit = [&](const ItemAccount& account) {
    for (const ItemLife& life : account.items) {
      if (!life.is_open() || life.latest().state != domain::quote_state::kInApproval) continue;
      for (auto& [revision, row] : WaitingFor(account, life)) {
        if (!Matches(row, query)) continue;
        out.count += 1;
        PageOrder order{row.since, 0, row.account_id, row.quote_id, revision};
        page.Offer(std::move(order), std::move(row));
      }
    }
    return absl::OkStatus();
  };
  KL_RETURN_IF_ERROR(WalkItems(shards, scope, ask, visit));
  out.next = page.Finish(out.rows);
  return out;
}

}  // namespace keyledger::projections::pipeline

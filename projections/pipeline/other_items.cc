#include "projections/pipeline/other_items.h"

#include <utility>

#include <fmt/format.h>

#include "server/domain/proto_time.h"

namespace keyledger::projections::pipeline {
namespace {

using events::v1::Event;

constexpr Micros kMicrosPerHour = 3600 * kMicrosPerSecond;

// A kind and what it is about.
std::string Words(const std::string& kind, const std::string& description) {
  return description.empty() ? kind : fmt::format("{}: {}", kind, description);
}

template <class Fact>
std::optional<Micros> DueOf(const Fact& fact) {
  return fact.has_due_time() ? std::optional<Micros>(domain::MicrosOf(fact.due_time())) : std::nullopt;
}

template <class Fact>
std::optional<Micros> EndOf(const Fact& fact) {
  return fact.has_end_time() ? std::optional<Micros>(domain::MicrosOf(fact.end_time())) : std::nullopt;
}

// By when somebody is to take it up: as stated, or by the program that governed the account when it was given.
std::optional<Micros> DueOfHandover(const ItemAccount& account, const ItemLife& life) {
  const events::v1::HandoverGiven& given = life.opening().handover_given();
  if (given.has_due_time()) return domain::MicrosOf(given.due_time());
  const programs::v1::Deadlines* deadlines = account.DeadlinesAt(life.open_time());
  if (deadlines == nullptr || deadlines->handover_hours() == 0) return std::nullopt;
  return life.open_time() + static_cast<Micros>(deadlines->handover_hours()) * kMicrosPerHour;
}

void TakeOrder(const events::v1::OrderPlaced& order, OtherItemRow& row) {
  row.what = Words(order.category().empty() ? "order" : order.category(), order.channel());
  row.due = DueOf(order);
  row.amount = order.amount();
}

void TakeLoan(const events::v1::LoanIssued& loan, const ItemLife& life, OtherItemRow& row) {
  row.what = Words(loan.item(), loan.purpose());
  row.due = DueOf(loan);
  row.contact_id = loan.contact_id();
  row.amount = loan.value();
  row.quantity = loan.quantity();
  row.remaining = life.is_open() ? life.held.amount : 0;
}

void TakeEntitlement(const events::v1::EntitlementGranted& granted, const ItemLife& life, OtherItemRow& row) {
  row.what = Words(granted.kind(), granted.description());
  row.due = EndOf(granted);
  row.quantity = granted.quantity();
  row.remaining = granted.quantity() == 0 ? kWithoutLimit : life.held.amount;
}

void TakeOpening(const ItemAccount& account, const ItemLife& life, OtherItemRow& row) {
  const Event& event = life.opening();
  switch (event.payload_case()) {
    case Event::kOrderPlaced:
      return TakeOrder(event.order_placed(), row);
    case Event::kLoanIssued:
      return TakeLoan(event.loan_issued(), life, row);
    case Event::kEntitlementGranted:
      return TakeEntitlement(event.entitlement_granted(), life, row);
    case Event::kObligationAgreed:
      row.what = event.obligation_agreed().description();
      row.due = EndOf(event.obligation_agreed());
      return;
    case Event::kCommissionAccrued:
      row.what = event.commission_accrued().purpose();
      row.contact_id = event.commission_accrued().contact_id();
      row.amount = event.commission_accrued().amount();
      return;
    case Event::kHandoverGiven:
      row.what = event.handover_given().what();
      row.person = event.handover_given().to_person();
      row.due = DueOfHandover(account, life);
      return;
    case Event::kSanctionImposed:
      row.what = Words(event.sanction_imposed().kind(), event.sanction_imposed().description());
      row.person = event.sanction_imposed().person();
      row.due = EndOf(event.sanction_imposed());
      return;
    default:
      return;
  }
}

OtherItemRow RowOf(const ItemAccount& account, const ItemLife& life, Micros as_of) {
  OtherItemRow row;
  row.account_id = account.account_id();
  row.item_id = life.item_id;
  row.open = life.is_open();
  row.open_time = life.open_time();
  TakeOpening(account, life, row);
  row.overdue = row.open && row.due.has_value() && *row.due <= as_of;
  return row;
}

}  // namespace

absl::StatusOr<OtherItemList> ListItems(const Shards& shards, const PipelineScope& scope, const OtherItemQuery& query) {
  OtherItemList out;
  KL_ASSIGN_OR_RETURN(auto page, PageCollector<OtherItemRow>::Begin(query.page));
  const ItemAsk ask{.kinds = {query.kind}, .account_id = query.account_id};
  const auto visit = [&](const ItemAccount& account) -> absl::Status {
    for (const ItemLife& life : account.items) {
      OtherItemRow row = RowOf(account, life, scope.as_of);
      if (!IsIn(query.state, row.open)) continue;
      out.count += 1;
      if (row.amount.has_value()) {
        KL_RETURN_IF_ERROR(AddSum(out.sums, row.amount->currency_code(), row.amount->micros()));
      }
      PageOrder order{row.due.value_or(domain::kNever), 0, row.account_id, row.item_id, life.revision()};
      page.Offer(std::move(order), std::move(row));
    }
    return absl::OkStatus();
  };
  KL_RETURN_IF_ERROR(WalkItems(shards, scope, ask, visit));
  out.next = page.Finish(out.rows);
  return out;
}

}  // namespace keyledger::projections::pipeline

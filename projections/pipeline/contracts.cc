#include "projections/pipeline/contracts.h"

#include <utility>

#include "server/domain/proto_time.h"

namespace keyledger::projections::pipeline {
namespace {

using events::v1::Event;

template <class Fact>
void TakeValue(const Fact& fact, ContractRow& row) {
  row.value.reset();
  if (fact.has_value()) row.value = fact.value();
}

void TakeMove(const Event& event, ContractRow& row) {
  switch (event.payload_case()) {
    case Event::kContractSigned: {
      const events::v1::ContractSigned& contract = event.contract_signed();
      row.kind = contract.kind();
      row.start = domain::MicrosOf(contract.start_time());
      row.end = domain::MicrosOf(contract.end_time());
      row.exclusive = contract.exclusive();
      TakeValue(contract, row);
      if (contract.has_early_end_penalty()) row.early_end_penalty = contract.early_end_penalty();
      return;
    }
    case Event::kContractRenewed:
      row.renewals += 1;
      row.end = domain::MicrosOf(event.contract_renewed().end_time());
      TakeValue(event.contract_renewed(), row);
      return;
    case Event::kContractAmended: {
      const events::v1::ContractAmended& amended = event.contract_amended();
      row.amendments += 1;
      if (amended.has_end_time()) row.end = domain::MicrosOf(amended.end_time());
      if (amended.has_value()) row.value = amended.value();
      if (amended.has_early_end_penalty()) row.early_end_penalty = amended.early_end_penalty();
      return;
    }
    case Event::kContractBreached:
      row.breaches += 1;
      return;
    default:
      row.ending = event.contract_ended().ending();
  }
}

ContractRow RowOf(const ItemAccount& account, const ItemLife& life, Micros as_of) {
  ContractRow row;
  row.account_id = account.account_id();
  row.contract_id = life.item_id;
  for (const ItemMove& move : life.moves) TakeMove(move.event, row);
  row.running = life.is_open();
  row.breached = row.running && life.latest().state == domain::contract_state::kBreached;
  row.lapsed = row.running && row.end <= as_of;
  uint32_t days = life.opening().contract_signed().notice_days();
  const programs::v1::Deadlines* deadlines = account.DeadlinesAt(as_of);
  if (days == 0 && deadlines != nullptr) days = deadlines->contract_notice_days();
  row.notice = account.ZoneNow().AddDays(row.end, -static_cast<int>(days));
  return row;
}

bool Matches(const ContractRow& row, const ContractQuery& query) {
  return (query.kind.empty() || row.kind == query.kind) && IsIn(query.state, row.running) &&
         (!query.end_from.has_value() || row.end >= *query.end_from) &&
         (!query.end_until.has_value() || row.end < *query.end_until);
}

}  // namespace

absl::StatusOr<ContractList> ListContracts(const Shards& shards, const PipelineScope& scope,
                                           const ContractQuery& query) {
  ContractList out;
  KL_ASSIGN_OR_RETURN(auto page, PageCollector<ContractRow>::Begin(query.page));
  const ItemAsk ask{.kinds = {domain::ItemKind::kContract}, .account_id = query.account_id};
  const auto visit = [&](const ItemAccount& account) -> absl::Status {
    for (const ItemLife& life : account.items) {
      ContractRow row = RowOf(account, life, scope.as_of);
      if (!Matches(row, query)) continue;
      out.count += 1;
      if (row.value.has_value()) KL_RETURN_IF_ERROR(AddSum(out.sums, row.value->currency_code(), row.value->micros()));
      PageOrder order{row.end, 0, row.account_id, row.contract_id, life.revision()};
      page.Offer(std::move(order), std::move(row));
    }
    return absl::OkStatus();
  };
  KL_RETURN_IF_ERROR(WalkItems(shards, scope, ask, visit));
  out.next = page.Finish(out.rows);
  return out;
}

}  // namespace keyledger::projections::pipeline

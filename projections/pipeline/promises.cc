#include "projections/pipeline/promises.h"

#include <utility>

#include "server/domain/proto_time.h"

namespace keyledger::projections::pipeline {
namespace {

std::optional<Micros> DueOf(const events::v1::PromisePublished& published) {
  return published.has_due_time() ? std::optional<Micros>(domain::MicrosOf(published.due_time())) : std::nullopt;
}

PromiseRow RowOf(const ItemAccount& account, const ItemLife& life, Micros as_of) {
  PromiseRow row;
  row.account_id = account.account_id();
  row.promise_id = life.item_id;
  row.published = life.opening().promise_published();
  row.open_time = life.open_time();
  for (const ItemMove& move : life.moves) {
    row.kept += move.event.has_promise_kept() ? 1 : 0;
    row.broken += move.event.has_promise_broken() ? 1 : 0;
  }
  // Kept and broken are still taken for a while after the end, but it stands no more.
  const bool over = row.published.has_end_time() && domain::MicrosOf(row.published.end_time()) <= as_of;
  row.open = life.is_open() && !over;
  const std::optional<Micros> due = DueOf(row.published);
  row.overdue = row.open && due.has_value() && *due <= as_of;
  return row;
}

bool Matches(const PromiseRow& row, const PromiseQuery& query) {
  if (!IsIn(query.state, row.open)) return false;
  if (!query.due_until.has_value()) return true;
  const std::optional<Micros> due = DueOf(row.published);
  return due.has_value() && *due < *query.due_until;
}

}  // namespace

absl::StatusOr<PromiseList> ListPromises(const Shards& shards, const PipelineScope& scope, const PromiseQuery& query) {
  PromiseList out;
  KL_ASSIGN_OR_RETURN(auto page, PageCollector<PromiseRow>::Begin(query.page));
  const ItemAsk ask{.kinds = {domain::ItemKind::kPromise}, .account_id = query.account_id};
  const auto visit = [&](const ItemAccount& account) {
    for (const ItemLife& life : account.items) {
      PromiseRow row = RowOf(account, life, scope.as_of);
      if (!Matches(row, query)) continue;
      out.count += 1;
      out.kept_count += row.kept;
      out.broken_count += row.broken;
      PageOrder order{DueOf(row.published).value_or(domain::kNever), 0, row.account_id, row.promise_id,
                      life.revision()};
      page.Offer(std::move(order), std::move(row));
    }
    return absl::OkStatus();
  };
  KL_RETURN_IF_ERROR(WalkItems(shards, scope, ask, visit));
  out.next = page.Finish(out.rows);
  return out;
}

}  // namespace keyledger::projections::pipeline

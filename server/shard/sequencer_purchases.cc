// The part of the sequencer that looks up the purchases that returns name. See sequencer.h.
#include <set>
#include <utility>

#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/shard/purchase_reader.h"
#include "server/shard/sequencer.h"

namespace keyledger::shard {

absl::StatusOr<domain::RecordedPurchases> Sequencer::FindPurchases(const AppendCommand& command,
                                                                   const domain::AccountState& state) {
  domain::RecordedPurchases purchases;
  for (const SubmittedEvent& event : command.events) {
    if (!event.event.has_purchase_returned()) continue;
    const events::v1::PurchaseReturned& returned = event.event.purchase_returned();
    if (returned.purchase_invoice_number().empty()) continue;
    const auto key = std::make_pair(returned.merchant_id(), returned.purchase_invoice_number());
    if (purchases.contains(key)) continue;
    KL_ASSIGN_OR_RETURN(std::optional<domain::RecordedPurchase> purchase,
                        FindPurchase(command.account_id, state, InvoiceKey(false, key.first, key.second)));
    if (purchase.has_value()) purchases.emplace(key, *std::move(purchase));
  }
  return purchases;
}

absl::StatusOr<std::optional<domain::RecordedPurchase>> Sequencer::FindPurchase(const std::string& account_id,
                                                                                const domain::AccountState& state,
                                                                                const std::string& key) {
  std::optional<domain::RecordedPurchase> here;
  KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> position, FindUnique(key));
  if (position.has_value()) {
    KL_ASSIGN_OR_RETURN(
        here, ReadPurchase(options_.shard, *position, next_position(),
                           [this](uint64_t at, events::v1::EventRecord& record) { return RecordAt(at, record); }));
  }
  const bool is_known = here.has_value() && (here->account_id == account_id || state.has_absorbed(here->account_id));
  if (state.absorbed.empty() || is_known) return here;
  KL_ASSIGN_OR_RETURN(std::optional<domain::RecordedPurchase> elsewhere, FindAbsorbedElsewhere(state, key));
  return elsewhere.has_value() ? std::move(elsewhere) : std::move(here);
}

absl::StatusOr<std::optional<domain::RecordedPurchase>> Sequencer::FindAbsorbedElsewhere(
    const domain::AccountState& state, const std::string& key) {
  if (options_.store_of == nullptr) return std::nullopt;
  // Ascending.
  std::set<uint32_t> shards;
  for (const std::string& id : state.absorbed) shards.insert(ShardOf(id, options_.shard_count));
  shards.erase(options_.shard);
  // All that is asked for is durable, whatever those shards are doing: an account takes no purchase once its merge is
  // decided, and the receipt that made it an absorbed one was sent only when the merge was durable, and with it
  // everything before it in the same log.
  for (const uint32_t shard : shards) {
    const store::ShardStore& store = options_.store_of(shard);
    KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> position, store.GetUnique(key));
    // One that is being written right now is of an account that is not merged.
    if (!position.has_value() || *position >= store.record_count()) continue;
    events::v1::EventRecord record;
    KL_RETURN_IF_ERROR(ReadRecord(store, shard, *position, record));
    if (!state.has_absorbed(record.account_id())) continue;
    return ReadPurchase(store, shard, *position);
  }
  return std::nullopt;
}

}  // namespace keyledger::shard

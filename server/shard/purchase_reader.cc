// See purchase_reader.h.
#include "server/shard/purchase_reader.h"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/domain/event_kinds.h"
#include "server/domain/proto_time.h"

namespace keyledger::shard {

absl::StatusOr<domain::RecordedPurchase> ReadPurchase(uint32_t shard, uint64_t position, uint64_t end,
                                                      const RecordReader& read) {
  domain::RecordedPurchase found;
  std::string request_id;
  // The accruals follow their purchase directly, mixed only with other decisions of the same request.
  for (uint64_t at = position; at < end; ++at) {
    events::v1::EventRecord record;
    KL_RETURN_IF_ERROR(read(at, record));
    if (at == position) {
      if (!record.event().has_purchase_recorded()) {
        return MakeError(Reason::kStoreDamaged,
                         fmt::format("record {} of shard {} is not the purchase that is said to be there", at, shard));
      }
      found.account_id = record.account_id();
      found.revision = record.revision();
      found.occurred = domain::MicrosOf(record.occurred_time());
      found.purchase = std::move(*record.mutable_event()->mutable_purchase_recorded());
      request_id = record.request_id();
      continue;
    }
    const bool decision = domain::IsDecision(record.event());
    if (record.account_id() != found.account_id || record.request_id() != request_id || !decision) break;
    if (record.event().has_points_accrued() && record.event().points_accrued().purchase_revision() == found.revision) {
      found.accruals.emplace_back(record.revision(), std::move(*record.mutable_event()->mutable_points_accrued()));
      found.program_id = record.program().program_id();
      found.program_version = record.program().version();
    }
  }
  return found;
}

absl::Status ReadRecord(const store::ShardStore& store, uint32_t shard, uint64_t position,
                        events::v1::EventRecord& record) {
  KL_ASSIGN_OR_RETURN(const std::string bytes, store.GetRecord(position));
  if (record.ParseFromString(bytes)) return absl::OkStatus();
  return MakeError(Reason::kStoreDamaged, fmt::format("record {} of shard {} cannot be read", position, shard));
}

absl::StatusOr<domain::RecordedPurchase> ReadPurchase(const store::ShardStore& store, uint32_t shard,
                                                      uint64_t position) {
  return ReadPurchase(shard, position, store.record_count(), [&](uint64_t at, events::v1::EventRecord& record) {
    return ReadRecord(store, shard, at, record);
  });
}

}  // namespace keyledger::shard

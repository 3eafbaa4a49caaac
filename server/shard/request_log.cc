// What the store remembers of requests and invoices: the answers of repeated requests, the keys of unique numbers.
#include <string>

#include "keyledger/storage/v1/store_rows.pb.h"
#include "server/base/error.h"
#include "server/shard/sequencer.h"

namespace keyledger::shard {

std::string InvoiceKey(bool is_return, std::string_view merchant, std::string_view number) {
  std::string key(is_return ? "r" : "i");
  key += merchant;
  key += '\0';
  key += number;
  return key;
}

absl::StatusOr<AppendAnswer> ReadAnswer(const store::ShardStore& store, uint32_t shard, std::string_view result,
                                        bool want_decisions) {
  storage::v1::RequestResult row;
  if (!row.ParseFromArray(result.data(), static_cast<int>(result.size()))) {
    return MakeError(Reason::kStoreDamaged, "a stored request result cannot be read");
  }
  AppendAnswer answer;
  answer.shard = shard;
  answer.replayed = true;
  answer.next_position = row.first_position() + row.record_count();
  answer.standing = {row.revision(), row.available_points(), row.pending_points(), row.ladder_id(), row.tier_id()};
  auto records = store.ReadRecords(row.first_position(), answer.next_position);
  int next_fact = 0;
  for (uint32_t offset = 0; offset < row.record_count(); ++offset) {
    events::v1::EventRecord record;
    if (!records->Next()) {
      KL_RETURN_IF_ERROR(records->status());
      return MakeError(Reason::kStoreDamaged, "records of a stored request are missing");
    }
    const std::string_view bytes = records->bytes();
    const bool is_fact = next_fact < row.fact_offsets_size() && row.fact_offsets(next_fact) == offset;
    if (!is_fact && !want_decisions) continue;
    if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return MakeError(Reason::kStoreDamaged, "record " + std::to_string(records->position()) + " cannot be read");
    }
    if (is_fact) {
      ++next_fact;
      answer.events.push_back({record.position(), record.revision(), record.event_id()});
    } else {
      answer.decisions.push_back(std::move(record));
    }
  }
  return answer;
}

}  // namespace keyledger::shard

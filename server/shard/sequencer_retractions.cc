// The part of the sequencer that looks up what a client says was not so. See sequencer.h.
#include <fmt/format.h>

#include "server/base/error.h"
#include "server/domain/retraction.h"
#include "server/shard/sequencer.h"

namespace keyledger::shard {

namespace {

std::string KindOf(const events::v1::Event& event) {
  return events::v1::EventKind_Name(static_cast<events::v1::EventKind>(static_cast<int>(event.payload_case())));
}

}  // namespace

absl::Status Sequencer::CheckRetractions(const AppendCommand& command) {
  for (size_t i = 0; i < command.events.size(); ++i) {
    if (!command.events[i].event.has_fact_retracted()) continue;
    const absl::Status status = CheckRetraction(command.account_id, command.events[i].event.fact_retracted());
    if (status.ok()) continue;
    absl::Status named = MakeError(ReasonOf(status), fmt::format("events[{}]: {}", i, MessageOf(status)));
    for (const auto& [key, value] : MetadataOf(status)) AddMetadata(named, key, value);
    return named;
  }
  return absl::OkStatus();
}

absl::Status Sequencer::CheckRetraction(const std::string& account_id, const events::v1::FactRetracted& retracted) {
  // Before a record is read: those of other kinds can be large.
  if (!domain::IsRetractable(retracted.kind())) return domain::NotRetractable(retracted.kind());
  const uint64_t position = retracted.position();
  const absl::Status not_found = MakeError(
      Reason::kRecordNotFound, fmt::format("no record of account '{}' with revision {} stands at position {} of "
                                           "shard {}; read the account again",
                                           account_id, retracted.revision(), position, options_.shard));
  if (position >= next_position()) return not_found;
  events::v1::EventRecord record;
  KL_RETURN_IF_ERROR(RecordAt(position, record));
  if (record.account_id() != account_id || record.revision() != retracted.revision()) return not_found;
  if (static_cast<int>(record.event().payload_case()) == static_cast<int>(retracted.kind())) return absl::OkStatus();
  const std::string kind = KindOf(record.event());
  absl::Status status =
      MakeError(Reason::kNotRetractable,
                fmt::format("the record of revision {} is of {}, not of the kind named", retracted.revision(), kind));
  AddMetadata(status, "kind", kind);
  return status;
}

}  // namespace keyledger::shard

// See log_copy.h.
#include "tests/crash/history/log_copy.h"

#include <fmt/format.h>

#include "server/domain/event_kinds.h"
#include "server/domain/submitted.h"

namespace keyledger::testing {
uint64_t LogCopy::record_count() const {
  uint64_t count = 0;
  for (const Shard& shard : shards_) count += shard.records.size();
  return count;
}

std::string LogCopy::Take(uint32_t number, const std::vector<std::string>& records) {
  Shard& shard = shards_[number];
  const size_t known = shard.records.size();
  if (records.size() < known) return fmt::format("shard {} had {} records and has {}", number, known, records.size());
  for (size_t i = 0; i < known; ++i) {
    if (records[i] != shard.records[i]) return fmt::format("record {}/{} changed", number, i);
  }
  events::v1::EventRecord record;
  for (size_t i = known; i < records.size(); ++i) {
    const std::string where = fmt::format("record {}/{}", number, i);
    if (!record.ParseFromString(records[i])) return where + " does not parse";
    if (record.shard() != number || record.position() != i) {
      return fmt::format("{} says it is {}/{}", where, record.shard(), record.position());
    }
    uint64_t& revision = shard.next_revision[record.account_id()];
    if (record.revision() != revision) {
      return fmt::format("{} has revision {} of {}, not {}", where, record.revision(), record.account_id(), revision);
    }
    ++revision;
    const std::pair time(record.record_time().seconds(), record.record_time().nanos());
    if (time < shard.record_time) return where + " was recorded before the one before it";
    shard.record_time = time;
    shard.records.push_back(records[i]);
    if (record.account_id().starts_with("$") || !domain::IsFact(record.event())) continue;
    Found& found = requests_[record.request_id()];
    found.shard = number;
    found.positions.push_back(i);
  }
  return "";
}

std::string LogCopy::Check(std::vector<Writer>& writers) const {
  size_t known = 0;
  for (Writer& writer : writers) {
    std::map<std::string, uint64_t> last;
    for (Writer::Entry& entry : writer.entries()) {
      const auto found = requests_.find(entry.request.request_id());
      if (found == requests_.end()) {
        if (entry.outcome == Writer::Outcome::kApplied) return entry.request.request_id() + " was answered and is lost";
        continue;
      }
      ++known;
      if (entry.outcome == Writer::Outcome::kRefused) return entry.request.request_id() + " was refused and is there";
      if (std::string wrong = CheckEntry(entry, found->second, last); !wrong.empty()) {
        return fmt::format("{} ({}): {}", entry.request.request_id(), entry.request.account_id(), wrong);
      }
    }
  }
  if (known == requests_.size()) return "";
  return fmt::format("the log holds {} requests, of which only {} were made", requests_.size(), known);
}

std::string LogCopy::CheckEntry(Writer::Entry& entry, const Found& found, std::map<std::string, uint64_t>& last) const {
  if (static_cast<int>(found.positions.size()) != entry.request.events_size()) {
    return fmt::format("{} events were sent, {} are there", entry.request.events_size(), found.positions.size());
  }
  // A redemption whose answer was lost may have been refused, with later requests applied, and be granted when it is
  // sent again. Everything else keeps its place.
  const bool may_come_late = entry.sent > 1 && entry.request.events(0).event().has_points_redeemed();
  if (!may_come_late) {
    const auto [before, first] = last.try_emplace(entry.request.account_id(), found.positions.back());
    if (!first && before->second >= found.positions.front()) {
      return fmt::format("came before an earlier request to the account, at {}", before->second);
    }
    before->second = found.positions.back();
  }
  if (entry.compared) return "";
  const std::vector<std::string>& records = shards_[found.shard].records;
  const bool applied = entry.outcome == Writer::Outcome::kApplied;
  if (applied && entry.response.shard() != found.shard) return "is on another shard than answered";
  events::v1::EventRecord record;
  for (int i = 0; i < entry.request.events_size(); ++i) {
    const uint64_t position = found.positions[static_cast<size_t>(i)];
    record.ParseFromString(records[position]);
    if (std::string wrong = CompareFact(entry, i, record); !wrong.empty()) return wrong;
    if (!applied) continue;
    const ledger::v1::AppendedEvent& answered = entry.response.events(i);
    if (answered.position() != position || answered.revision() != record.revision() ||
        answered.event_id() != record.event_id()) {
      return fmt::format("answered position {}, revision {}; is at {}, {}", answered.position(), answered.revision(),
                         position, record.revision());
    }
  }
  // What is there without an answer is compared again when the answer comes.
  if (!applied) return "";
  for (const events::v1::EventRecord& decision : entry.response.decisions()) {
    if (decision.position() >= records.size() || decision.SerializeAsString() != records[decision.position()]) {
      return fmt::format("decision at {} is not the one answered", decision.position());
    }
  }
  entry.compared = true;
  return "";
}

std::string LogCopy::CompareFact(const Writer::Entry& entry, int number, const events::v1::EventRecord& record) const {
  const ledger::v1::SubmittedEvent& sent = entry.request.events(number);
  if (record.account_id() != entry.request.account_id()) return "is in the stream of " + record.account_id();
  if (record.occurred_time().SerializeAsString() != sent.occurred_time().SerializeAsString() ||
      record.actor() != entry.request.actor() || record.correlation_id() != sent.correlation_id() ||
      domain::AsSubmitted(record.event()).SerializeAsString() != sent.event().SerializeAsString()) {
    return fmt::format("event {} was stored as\n{}", number, record.DebugString());
  }
  return "";
}

}  // namespace keyledger::testing

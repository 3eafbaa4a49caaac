#include "projections/engine/lane.h"

#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <google/protobuf/arena.h>

#include "projections/engine/record_time.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

// Messages of this many records share an arena, so that parsing allocates next to nothing.
constexpr int kRecordsPerArena = 128;
constexpr size_t kArenaBytes = 128u << 10;

absl::Status DamagedRecord(uint64_t position, const char* what) {
  return MakeError(Reason::kStoreDamaged, fmt::format("record at position {} {}", position, what));
}

void FailFrom(const std::vector<Lane*>& lanes, uint64_t position, const absl::Status& why) {
  for (Lane* lane : lanes) {
    if (lane->failure().ok() && lane->next() <= position) lane->Fail(why);
  }
}

}  // namespace

void Lane::FailAt(uint64_t position, const absl::Status& why) {
  const Reason reason = ReasonOf(why);
  failure_ =
      MakeError(reason == Reason::kUnspecified ? Reason::kStoreDamaged : reason,
                fmt::format("projection {} stopped at position {}: {}", projection_.name(), position, MessageOf(why)));
}

void Lane::Apply(uint64_t position, const RecordView& record, const std::atomic<bool>* stop) {
  if (position != next_ || !failure_.ok()) return;
  if (const absl::Status applied = projection_.Apply(record, overlay_); !applied.ok()) return FailAt(position, applied);
  dirty_ = true;
  for (uint64_t step = 0;; ++step) {
    const absl::StatusOr<bool> more = projection_.ApplyMore(record, step, overlay_);
    if (!more.ok()) return FailAt(position, more.status());
    if (!*more) break;
    if (overlay_.pending_bytes() > kPendingBytesMax) {
      // With the record not counted: after a crash it is folded again from its beginning.
      Flush();
      if (!failure_.ok() || !postponed_.ok()) return;
      dirty_ = true;
    }
    if (stop != nullptr && stop->load(std::memory_order_relaxed)) return;
  }
  next_ = position + 1;
  if (overlay_.pending_bytes() > kPendingBytesMax) Flush();
}

void Lane::Flush() {
  if (!dirty_ || !failure_.ok()) return;
  dirty_ = false;
  absl::Status written = overlay_.Flush(next_);
  const bool postponed = ReasonOf(written) == Reason::kDiskNearlyFull;
  // The rows that were not written are forgotten, and folded again when there may be room.
  if (postponed) next_ = table_.applied();
  (postponed ? postponed_ : failure_) = std::move(written);
  if (!postponed) postponed_ = absl::OkStatus();
}

void FoldRecords(const store::ShardStore& store, uint64_t from, uint64_t to, const std::vector<Lane*>& lanes,
                 const std::atomic<bool>& stop) {
  google::protobuf::ArenaOptions options;
  std::string block(kArenaBytes, '\0');
  options.initial_block = block.data();
  options.initial_block_size = block.size();
  google::protobuf::Arena arena(options);

  const std::unique_ptr<store::RecordIterator> records = store.ReadRecords(from, to);
  uint64_t position = from;
  absl::Status failure;
  for (; position < to && !stop.load(std::memory_order_relaxed); ++position) {
    if (!records->Next()) {
      failure = records->status().ok() ? DamagedRecord(position, "is missing") : records->status();
      break;
    }
    if ((position - from) % kRecordsPerArena == kRecordsPerArena - 1) arena.Reset();
    auto* record = google::protobuf::Arena::CreateMessage<events::v1::EventRecord>(&arena);
    const std::string_view bytes = records->bytes();
    if (!record->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      failure = DamagedRecord(position, "does not parse");
      break;
    }
    if (record->position() != position || records->position() != position) {
      failure = DamagedRecord(position, "names another position");
      break;
    }
    const RecordView view{*record, MicrosOf(record->occurred_time()), MicrosOf(record->record_time())};
    for (Lane* lane : lanes) lane->Apply(position, view, &stop);
  }
  for (Lane* lane : lanes) lane->Flush();
  if (!failure.ok()) FailFrom(lanes, position, failure);
}

}  // namespace keyledger::projections

// See log_sources.h.
#include "server/service/log_sources.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "server/base/cursor.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/service/record_filter.h"

namespace keyledger::service {
namespace {

constexpr int kFrameRecordsMax = 1'000;
constexpr size_t kFrameBytesMax = 1u << 20;
// Records looked at for one frame when a filter lets few pass; then the cursor is reported anyway.
constexpr uint64_t kScanMax = 20'000;
// A caught-up subscription this far behind the head reads from storage again and says so.
constexpr uint64_t kFellBehindRecords = 100'000;

// Batches of a live subscription without a wanted record, after which the cursor is reported.
constexpr int kSilentBatchesMax = 1'000;

constexpr uint64_t kEverything = std::numeric_limits<uint64_t>::max();

class ReadAccountSource final : public FrameSource<ledger::v1::ReadAccountResponse> {
 public:
  ReadAccountSource(std::unique_ptr<store::RecordIterator> records, uint64_t head_revision, uint64_t limit)
      : records_(std::move(records)), head_revision_(head_revision), left_(limit == 0 ? kEverything : limit) {}

  absl::StatusOr<Produced> Produce(ledger::v1::ReadAccountResponse& frame) override {
    frame.set_head_revision(head_revision_);
    size_t bytes = 0;
    while (left_ > 0 && frame.records_size() < kFrameRecordsMax && bytes < kFrameBytesMax && records_->Next()) {
      const std::string_view record = records_->bytes();
      frame.add_records(record.data(), record.size());
      bytes += record.size();
      --left_;
    }
    KL_RETURN_IF_ERROR(records_->status());
    return frame.records_size() > 0 ? Produced::kFrame : Produced::kEnd;
  }

 private:
  const std::unique_ptr<store::RecordIterator> records_;
  const uint64_t head_revision_;
  uint64_t left_;
};

// The shards a reader goes through, and where it is in each.
struct LogPlace {
  Cursor cursor;
  std::vector<uint32_t> shards;
};

absl::StatusOr<LogPlace> StartPlace(const ServiceContext& context, const ledger::v1::LogStart& start, bool has_shard,
                                    uint32_t shard) {
  LogPlace place;
  const Cursor head = context.ledger.HeadCursor();
  switch (start.kind_case()) {
    case ledger::v1::LogStart::kCursor: {
      KL_ASSIGN_OR_RETURN(place.cursor, context.ledger.Parse(start.cursor()));
      for (size_t i = 0; i < head.next.size(); ++i) {
        if (place.cursor.next[i] > head.next[i]) {
          return MakeError(Reason::kInvalidToken,
                           fmt::format("the cursor is past the end of shard {}: it was not made by this ledger", i));
        }
      }
      break;
    }
    case ledger::v1::LogStart::kEnd:
      place.cursor = head;
      break;
    default:
      place.cursor.next.assign(context.ledger.shard_count(), 0);
  }
  if (has_shard && shard >= context.ledger.shard_count()) {
    return FieldError("shard", fmt::format("there are {} shards, numbered from 0", context.ledger.shard_count()));
  }
  for (uint32_t i = 0; i < context.ledger.shard_count(); ++i) {
    if (!has_shard || i == shard) place.shards.push_back(i);
  }
  return place;
}

// Walks one shard after the other in turns.
class LogWalker {
 public:
  LogWalker(const ServiceContext& context, LogPlace place, RecordFilter filter)
      : context_(context), place_(std::move(place)), filter_(std::move(filter)) {}

  // Fills records of one shard, at most `limit`, from the next shard that has records before `head`. Nothing if none
  // has. A batch may hold no record if the filter let none pass; the cursor has moved on then.
  struct Batch {
    uint32_t shard = 0;
    uint64_t first_position = 0;
  };
  template <class Out>
  absl::StatusOr<std::optional<Batch>> Read(const Cursor& head, uint64_t limit, Out& out) {
    for (size_t turn = 0; turn < place_.shards.size(); ++turn) {
      const uint32_t shard = place_.shards[next_turn_++ % place_.shards.size()];
      if (place_.cursor.next[shard] >= head.next[shard]) continue;
      Batch batch{shard, 0};
      KL_RETURN_IF_ERROR(ReadShard(shard, head.next[shard], limit, out, batch.first_position));
      return batch;
    }
    return std::nullopt;
  }

  const Cursor& cursor() const { return place_.cursor; }
  uint64_t Lag(const Cursor& head) const {
    uint64_t lag = 0;
    for (uint32_t shard : place_.shards) lag += head.next[shard] - place_.cursor.next[shard];
    return lag;
  }
  const std::vector<uint32_t>& shards() const { return place_.shards; }

 private:
  template <class Out>
  absl::Status ReadShard(uint32_t shard, uint64_t head, uint64_t limit, Out& out, uint64_t& first_position) {
    uint64_t& next = place_.cursor.next[shard];
    // Opened for each frame: an iterator pins files of the store, and the client may take its time for the frame.
    const auto records = context_.ledger.shard(shard).store().ReadRecords(next, head);
    size_t bytes = 0;
    uint64_t taken = 0;
    for (uint64_t scanned = 0;
         next < head && scanned < kScanMax && taken < limit && taken < kFrameRecordsMax && bytes < kFrameBytesMax;
         ++scanned) {
      if (!records->Next()) {
        KL_RETURN_IF_ERROR(records->status());
        return MakeError(Reason::kStoreDamaged, fmt::format("record {} of shard {} is missing", next, shard));
      }
      const std::string_view record = records->bytes();
      if (filter_.Passes(record)) {
        if (taken == 0) first_position = next;
        out.add_records(record.data(), record.size());
        bytes += record.size();
        ++taken;
      }
      ++next;
    }
    return absl::OkStatus();
  }

  const ServiceContext context_;
  LogPlace place_;
  const RecordFilter filter_;
  size_t next_turn_ = 0;
};

class ReadLogSource final : public FrameSource<ledger::v1::ReadLogResponse> {
 public:
  ReadLogSource(const ServiceContext& context, LogPlace place, RecordFilter filter, uint64_t limit)
      : context_(context),
        head_(context.ledger.HeadCursor()),
        walker_(context, std::move(place), std::move(filter)),
        left_(limit == 0 ? kEverything : limit) {}

  absl::StatusOr<Produced> Produce(ledger::v1::ReadLogResponse& frame) override {
    if (left_ == 0) return Produced::kEnd;
    KL_ASSIGN_OR_RETURN(const auto batch, walker_.Read(head_, left_, frame));
    if (!batch.has_value()) return Produced::kEnd;
    // Also where no record passed the filter: a client takes a server that sends nothing for dead, however much it
    // reads.
    frame.set_shard(batch->shard);
    frame.set_first_position(batch->first_position);
    frame.set_cursor(context_.ledger.Format(walker_.cursor()));
    left_ -= static_cast<uint64_t>(frame.records_size());
    return Produced::kFrame;
  }

 private:
  const ServiceContext context_;
  const Cursor head_;
  LogWalker walker_;
  uint64_t left_;
};

class SubscribeSource final : public FrameSource<ledger::v1::SubscribeResponse> {
 public:
  SubscribeSource(const ServiceContext& context, LogPlace place, RecordFilter filter)
      : context_(context), walker_(context, std::move(place), std::move(filter)) {}

  void Attach(std::function<void()> wake) override {
    for (uint32_t shard : walker_.shards()) {
      listeners_.emplace_back(shard, context_.ledger.shard(shard).head().AddListener(wake));
    }
  }
  void Detach() override {
    for (const auto& [shard, id] : listeners_) context_.ledger.shard(shard).head().RemoveListener(id);
  }

  absl::StatusOr<Produced> Produce(ledger::v1::SubscribeResponse& frame) override {
    const Cursor head = context_.ledger.HeadCursor();
    const uint64_t lag = walker_.Lag(head);
    if (live_ && lag > kFellBehindRecords) {
      live_ = false;
      frame.mutable_fell_behind()->set_lag(lag);
      return Finish(frame);
    }
    for (;;) {
      KL_ASSIGN_OR_RETURN(const auto batch, walker_.Read(head, kEverything, *frame.mutable_records()));
      if (!batch.has_value()) break;
      if (frame.records().records_size() > 0) {
        frame.mutable_records()->set_shard(batch->shard);
        frame.mutable_records()->set_first_position(batch->first_position);
        return Finish(frame);
      }
      // While live, records that the filter drops are not worth a frame each.
      if (live_ && ++silent_ < kSilentBatchesMax) continue;
      silent_ = 0;
      frame.mutable_progress()->set_lag(walker_.Lag(head));
      return Finish(frame);
    }
    frame.Clear();
    if (live_) return Produced::kWait;
    live_ = true;
    uint64_t records = 0;
    for (uint32_t shard : walker_.shards()) records += head.next[shard];
    frame.mutable_caught_up()->set_head(records);
    return Finish(frame);
  }

 private:
  Produced Finish(ledger::v1::SubscribeResponse& frame) {
    frame.set_cursor(context_.ledger.Format(walker_.cursor()));
    return Produced::kFrame;
  }
  const ServiceContext context_;
  LogWalker walker_;
  std::vector<std::pair<uint32_t, uint64_t>> listeners_;
  bool live_ = false;
  int silent_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<FrameSource<ledger::v1::ReadAccountResponse>>> MakeReadAccountSource(
    const ServiceContext& context, const ledger::v1::ReadAccountRequest& request) {
  // The ledger's own streams can be read like any other.
  if (!IsReadableOwnStream(request.account_id())) KL_RETURN_IF_ERROR(CheckAccountId(request.account_id()));
  const store::ShardStore& store = context.ledger.ShardOfAccount(request.account_id()).store();
  KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> last, store.LastRevision(request.account_id()));
  if (!last.has_value())
    return MakeError(Reason::kAccountNotFound, fmt::format("there is no account {}", request.account_id()));
  uint64_t from = request.from_revision();
  uint64_t to = *last + 1;
  if (request.backwards()) {
    if (from != 0 && from < to) to = from + 1;
    from = 0;
  }
  return std::make_unique<ReadAccountSource>(store.ReadStream(request.account_id(), from, to, request.backwards()),
                                             *last, request.limit());
}

absl::StatusOr<std::unique_ptr<FrameSource<ledger::v1::ReadLogResponse>>> MakeReadLogSource(
    const ServiceContext& context, const ledger::v1::ReadLogRequest& request) {
  KL_ASSIGN_OR_RETURN(LogPlace place, StartPlace(context, request.start(), request.has_shard(), request.shard()));
  KL_ASSIGN_OR_RETURN(RecordFilter filter, RecordFilter::Make(request.filter()));
  return std::make_unique<ReadLogSource>(context, std::move(place), std::move(filter), request.limit());
}

absl::StatusOr<std::unique_ptr<FrameSource<ledger::v1::SubscribeResponse>>> MakeSubscribeSource(
    const ServiceContext& context, const ledger::v1::SubscribeRequest& request) {
  KL_ASSIGN_OR_RETURN(LogPlace place, StartPlace(context, request.start(), request.has_shard(), request.shard()));
  KL_ASSIGN_OR_RETURN(RecordFilter filter, RecordFilter::Make(request.filter()));
  return std::make_unique<SubscribeSource>(context, std::move(place), std::move(filter));
}

}  // namespace keyledger::service

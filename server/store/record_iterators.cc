#include "server/store/record_iterators.h"

#include <utility>

#include <fmt/format.h>

#include "server/base/check.h"
#include "server/base/error.h"
#include "server/store/keys.h"
#include "server/store/rocks_status.h"

namespace keyledger::store {
namespace {

// Longer reads leave the block cache to others.
constexpr uint64_t kCachedRecordsMax = 4096;

std::string RecordPlace(uint64_t position) { return fmt::format("record {}", position); }

class LogIterator final : public RecordIterator {
 public:
  LogIterator(const Database& database, uint64_t from, uint64_t to)
      : next_(from), to_(to), end_key_(PositionKey(to)), end_(end_key_) {
    if (from >= to) return;
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &end_;
    options.fill_cache = to - from <= kCachedRecordsMax;
    it_.reset(database.db().NewIterator(options, database.handle(Family::kRecords)));
  }

  bool Next() override {
    if (next_ >= to_ || !status_.ok()) return false;
    if (std::exchange(started_, true)) {
      it_->Next();
    } else {
      it_->Seek(PositionKey(next_));
    }
    if (!it_->Valid() && !it_->status().ok()) {
      status_ = ReadError(RecordPlace(next_), it_->status());
    } else if (!it_->Valid() || ParsePositionKey(ToView(it_->key())) != next_) {
      status_ = Damaged(RecordPlace(next_), "is missing");
    }
    if (!status_.ok()) return false;
    position_ = next_++;
    return true;
  }
  uint64_t position() const override { return position_; }
  std::string_view bytes() const override { return ToView(it_->value()); }
  absl::Status status() const override { return status_; }

 private:
  uint64_t next_;
  const uint64_t to_;
  const std::string end_key_;
  const rocksdb::Slice end_;
  std::unique_ptr<rocksdb::Iterator> it_;
  bool started_ = false;
  uint64_t position_ = 0;
  absl::Status status_;
};

class StreamIterator final : public RecordIterator {
 public:
  StreamIterator(const Database& database, std::string account_id, uint64_t from, uint64_t to, bool backwards)
      : database_(database),
        account_id_(std::move(account_id)),
        left_(to > from ? to - from : 0),
        backwards_(backwards) {
    if (left_ == 0) return;
    revision_ = backwards ? to - 1 : from;
    it_.reset(database.db().NewIterator(rocksdb::ReadOptions(), database.handle(Family::kStreams)));
  }

  bool Next() override {
    if (left_ == 0 || !status_.ok()) return false;
    if (!std::exchange(started_, true)) {
      it_->Seek(StreamKey(account_id_, revision_));
    } else if (backwards_) {
      --revision_;
      it_->Prev();
    } else {
      ++revision_;
      it_->Next();
    }
    status_ = Load();
    if (!status_.ok()) return false;
    --left_;
    return true;
  }
  uint64_t position() const override { return position_; }
  std::string_view bytes() const override { return ToView(bytes_); }
  absl::Status status() const override { return status_; }

 private:
  absl::Status Load() {
    const std::string place = fmt::format("account '{}' revision {}", account_id_, revision_);
    if (!it_->Valid() && !it_->status().ok()) return ReadError(place, it_->status());
    if (!it_->Valid() || ToView(it_->key()) != StreamKey(account_id_, revision_)) return Damaged(place, "is missing");
    const auto position = ParsePositionValue(ToView(it_->value()));
    if (!position.has_value()) return Damaged(place, "its position does not parse");
    position_ = *position;
    bytes_.Reset();
    const rocksdb::Status status =
        database_.db().Get(rocksdb::ReadOptions(), database_.handle(Family::kRecords), PositionKey(position_), &bytes_);
    if (status.IsNotFound()) return Damaged(RecordPlace(position_), fmt::format("is missing, but {} is there", place));
    return status.ok() ? absl::OkStatus() : ReadError(RecordPlace(position_), status);
  }

  const Database& database_;
  const std::string account_id_;
  uint64_t left_;
  const bool backwards_;
  std::unique_ptr<rocksdb::Iterator> it_;
  bool started_ = false;
  uint64_t revision_ = 0;
  uint64_t position_ = 0;
  rocksdb::PinnableSlice bytes_;
  absl::Status status_;
};

class FailedIterator final : public RecordIterator {
 public:
  explicit FailedIterator(absl::Status status) : status_(std::move(status)) {}
  bool Next() override { return false; }
  uint64_t position() const override { return 0; }
  std::string_view bytes() const override { return {}; }
  absl::Status status() const override { return status_; }

 private:
  const absl::Status status_;
};

}  // namespace

std::unique_ptr<RecordIterator> NewLogIterator(const Database& database, uint64_t from, uint64_t to) {
  return std::make_unique<LogIterator>(database, from, to);
}

std::unique_ptr<RecordIterator> NewStreamIterator(const Database& database, std::string account_id, uint64_t from,
                                                  uint64_t to, bool backwards) {
  return std::make_unique<StreamIterator>(database, std::move(account_id), from, to, backwards);
}

std::unique_ptr<RecordIterator> NewFailedIterator(absl::Status status) {
  return std::make_unique<FailedIterator>(std::move(status));
}

}  // namespace keyledger::store

// See replay_source.h.
#include "server/shard/replay_source.h"

#include <limits>
#include <utility>

#include <fmt/format.h>

#include "keyledger/events/v1/record.pb.h"
#include "keyledger/storage/v1/store_rows.pb.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/merges.h"
#include "server/merkle/checkpoint.h"
#include "server/shard/account_reader.h"
#include "server/shard/sequencer.h"

namespace keyledger::shard {
namespace {

using audit::StoredRecord;

constexpr size_t kStreamsPerList = 1'000;
constexpr uint64_t kNoEnd = std::numeric_limits<uint64_t>::max();

// NOT_FOUND for a record that is not there; what else is wrong with it as the store says.
absl::Status DamageOf(const absl::Status& status) {
  const std::string message = MessageOf(status);
  return message.find("is missing") == std::string::npos ? status : absl::NotFoundError(message);
}

// What both sources share: places, and streams.
class StoreSource : public audit::RecordSource {
 public:
  explicit StoreSource(ReplayStores stores) : stores_(std::move(stores)) {
    for (const store::ShardStore* shard : stores_.stores) heads_.push_back(shard->record_count());
  }

  uint32_t shard_count() const override { return static_cast<uint32_t>(stores_.stores.size()); }
  std::string origin(uint32_t shard) const override { return merkle::OriginOf(stores_.ledger_id, shard); }

  absl::Status ReadStream(uint32_t shard, const std::string& stream, const VisitRecord& visit) override {
    const store::ShardStore& store = this->store(shard);
    uint64_t next = 0;
    for (;;) {
      const auto records = store.ReadStream(stream, next, kNoEnd, false);
      while (records->Next()) {
        if (records->position() >= heads_[shard]) return absl::OkStatus();
        KL_RETURN_IF_ERROR(visit({records->position(), records->bytes(), absl::OkStatus()}));
        next += 1;
      }
      if (records->status().ok()) return absl::OkStatus();
      // This one cannot be read. What comes after it can, perhaps.
      const auto last = store.LastRevision(stream);
      if (!last.ok() || !last->has_value() || **last < next) return absl::OkStatus();
      const auto position = store.PositionOf(stream, next);
      if (position.ok() && position->has_value()) {
        if (**position >= heads_[shard]) return absl::OkStatus();
        KL_RETURN_IF_ERROR(visit({**position, {}, DamageOf(records->status())}));
      }
      next += 1;
    }
  }

 protected:
  const store::ShardStore& store(uint32_t shard) const { return *stores_.stores[shard]; }

  ReplayStores stores_;
  std::vector<uint64_t> heads_;
};

class LedgerSource final : public StoreSource {
 public:
  using StoreSource::StoreSource;

  audit::SourceScope scope() const override { return audit::SourceScope::kLedger; }
  uint64_t record_count(uint32_t shard) const override { return heads_[shard]; }

  absl::Status ReadLog(uint32_t shard, const VisitRecord& visit) override {
    uint64_t next = 0;
    while (next < heads_[shard]) {
      const auto records = store(shard).ReadRecords(next, heads_[shard]);
      while (records->Next()) {
        KL_RETURN_IF_ERROR(visit({records->position(), records->bytes(), absl::OkStatus()}));
        next += 1;
      }
      if (records->status().ok()) break;
      KL_RETURN_IF_ERROR(visit({next, {}, DamageOf(records->status())}));
      next += 1;
    }
    return absl::OkStatus();
  }

  absl::Status ListStreams(uint32_t shard, const VisitText& visit) override {
    std::string after;
    for (;;) {
      KL_ASSIGN_OR_RETURN(const std::vector<std::string> streams, store(shard).ListStreams(after, kStreamsPerList));
      if (streams.empty()) return absl::OkStatus();
      for (const std::string& stream : streams) KL_RETURN_IF_ERROR(visit(stream));
      after = streams.back();
    }
  }

  absl::Status ReadCheckpoints(uint32_t shard, const VisitText& visit) override {
    return stores_.checkpoints == nullptr ? absl::OkStatus() : stores_.checkpoints(shard, heads_[shard], visit);
  }
  bool has_tiles() const override { return true; }
  absl::StatusOr<std::optional<std::string>> ReadTile(uint32_t shard, uint32_t level, uint64_t index) override {
    return store(shard).GetTile(level, index);
  }
};

class AccountSource final : public StoreSource {
 public:
  AccountSource(ReplayStores stores, std::string account_id)
      : StoreSource(std::move(stores)), account_id_(std::move(account_id)), places_(shard_count()) {}

  // Finds what the account rests on.
  absl::Status Find() {
    const uint32_t home = ShardOf(account_id_, shard_count());
    // What the account's records follow from on other shards was durable before them: the end of its own log is taken
    // first.
    for (uint32_t shard = 0; shard < shard_count(); ++shard) {
      if (shard != home) heads_[shard] = store(shard).record_count();
    }
    for (const uint32_t shard : std::set<uint32_t>{0, home}) {
      KL_RETURN_IF_ERROR(AddStream(shard, std::string(kProgramsStream)));
    }
    KL_RETURN_IF_ERROR(AddStream(0, std::string(kReviewsStream)));
    uint64_t records = 0;
    KL_RETURN_IF_ERROR(ReadStream(home, account_id_, [&](const StoredRecord& stored) -> absl::Status {
      records += 1;
      places_[home].insert(stored.position);
      events::v1::EventRecord record;
      if (!stored.damage.ok() || !record.ParseFromArray(stored.bytes.data(), static_cast<int>(stored.bytes.size()))) {
        return absl::OkStatus();
      }
      return AddOtherSide(record.event());
    }));
    if (records == 0) {
      return MakeError(Reason::kAccountNotFound, fmt::format("account '{}' does not exist", account_id_));
    }
    return absl::OkStatus();
  }

  audit::SourceScope scope() const override { return audit::SourceScope::kAccount; }
  std::string account_id() const override { return account_id_; }
  uint64_t record_count(uint32_t shard) const override { return places_[shard].size(); }

  absl::Status ReadLog(uint32_t shard, const VisitRecord& visit) override {
    for (const uint64_t position : places_[shard]) {
      const absl::StatusOr<std::string> bytes = store(shard).GetRecord(position);
      KL_RETURN_IF_ERROR(bytes.ok() ? visit({position, *bytes, absl::OkStatus()})
                                    : visit({position, {}, DamageOf(bytes.status())}));
    }
    return absl::OkStatus();
  }

  absl::Status ListStreams(uint32_t shard, const VisitText& visit) override {
    return shard == ShardOf(account_id_, shard_count()) ? visit(account_id_) : absl::OkStatus();
  }

 private:
  absl::Status AddStream(uint32_t shard, const std::string& stream) {
    return ReadStream(shard, stream, [&](const StoredRecord& stored) {
      places_[shard].insert(stored.position);
      return absl::OkStatus();
    });
  }

  absl::Status AddOtherSide(const events::v1::Event& event) {
    if (const events::v1::PointsTransferSent* const sent = domain::SentBy(event)) {
      const uint32_t shard = ShardOf(sent->to_account_id(), shard_count());
      KL_ASSIGN_OR_RETURN(
          const std::optional<std::string> row,
          store(shard).GetRequest(sent->to_account_id(), domain::ReceiptRequestId(account_id_, sent->transfer_id())));
      storage::v1::RequestResult result;
      if (!row.has_value() || !result.ParseFromString(*row)) return absl::OkStatus();
      for (uint64_t i = 0; i < result.record_count(); ++i) Add(shard, result.first_position() + i);
    } else if (event.has_account_merge_received()) {
      const events::v1::AccountMergeReceived& received = event.account_merge_received();
      const uint32_t shard = ShardOf(received.from_account_id(), shard_count());
      // A stream that cannot be read further has no such record; that it is missing is then found.
      const auto position = FindMerge(store(shard), received.from_account_id(), received.sent_event_id());
      if (position.ok() && position->has_value()) Add(shard, **position);
    } else if (event.has_points_transfer_received()) {
      const events::v1::PointsTransferReceived& received = event.points_transfer_received();
      const uint32_t shard = ShardOf(received.from_account_id(), shard_count());
      KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> position,
                          store(shard).GetUnique(TransferKey(received.from_account_id(), received.transfer_id())));
      if (position.has_value()) Add(shard, *position);
    }
    return absl::OkStatus();
  }

  void Add(uint32_t shard, uint64_t position) {
    if (position < heads_[shard]) places_[shard].insert(position);
  }

  const std::string account_id_;
  // Positions, by shard.
  std::vector<std::set<uint64_t>> places_;
};

}  // namespace

std::unique_ptr<audit::RecordSource> MakeLedgerSource(ReplayStores stores) {
  return std::make_unique<LedgerSource>(std::move(stores));
}

absl::StatusOr<std::unique_ptr<audit::RecordSource>> MakeAccountSource(ReplayStores stores,
                                                                       const std::string& account_id) {
  auto source = std::make_unique<AccountSource>(std::move(stores), account_id);
  KL_RETURN_IF_ERROR(source->Find());
  return source;
}

}  // namespace keyledger::shard

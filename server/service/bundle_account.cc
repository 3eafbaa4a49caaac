// The bundle of one account. See bundle_export.h.
#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "keyledger/events/v1/record.pb.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/merges.h"
#include "server/domain/proto_time.h"
#include "server/merkle/proof.h"
#include "server/service/bundle_export.h"
#include "server/shard/account_reader.h"
#include "server/shard/sequencer.h"

namespace keyledger::service {
namespace {

using audit::v1::BundleFrame;
using events::v1::EventRecord;

// Hashes that proofs share are kept until so many tiles were read: 8 KiB each.
constexpr size_t kTilesMax = 256;
constexpr size_t kProvenPerSlice = 64;
constexpr uint64_t kHead = std::numeric_limits<uint64_t>::max();

// The place in an event id that the ledger assigned, "<shard>-<position>"; nothing for any other.
std::optional<std::pair<uint32_t, uint64_t>> PlaceOf(const std::string& event_id) {
  std::pair<uint32_t, uint64_t> place;
  const char* const end = event_id.data() + event_id.size();
  const auto shard = std::from_chars(event_id.data(), end, place.first);
  if (shard.ec != std::errc() || shard.ptr == end || *shard.ptr != '-') return std::nullopt;
  const auto position = std::from_chars(shard.ptr + 1, end, place.second);
  if (position.ec != std::errc() || position.ptr != end) return std::nullopt;
  return place;
}

void FillHashes(const merkle::Proof& proof, google::protobuf::RepeatedPtrField<std::string>& out) {
  for (const merkle::Hash& hash : proof) out.Add(std::string(hash.begin(), hash.end()));
}

class AccountBundle final : public BundleSource {
 public:
  AccountBundle(const ServiceContext& context, CallSlots::Slot slot, std::string account_id)
      : BundleSource(context, std::move(slot)),
        account_id_(std::move(account_id)),
        home_(context.ledger.ShardOfAccount(account_id_).number()) {}

  // The account's shard has a checkpoint, taken before that of any other shard: what its records rest on is durable, so
  // the others cover it.
  absl::Status Begin() { return Enter(home_); }

 protected:
  absl::StatusOr<bool> Step() override {
    switch (stage_) {
      case Stage::kScan:
        return Scan();
      case Stage::kHeader:
        return WriteHeader();
      case Stage::kRecords:
        return WriteRecords();
      case Stage::kStanding:
        return WriteStanding();
      case Stage::kEnd:
        break;
    }
    return false;
  }

 private:
  enum class Stage { kScan, kHeader, kRecords, kStanding, kEnd };

  // What the bundle takes of one shard.
  struct Part {
    audit::v1::BundleHeader entry;
    merkle::Checkpoint checkpoint;
    // Of the records, ascending once scanned.
    std::vector<uint64_t> positions;
  };

  // Publishes a checkpoint of the shard and takes its streams of keys and programs.
  absl::Status Enter(uint32_t number) {
    if (parts_.contains(number)) return absl::OkStatus();
    Part& part = parts_[number];
    std::optional<shard::PublishedCheckpoint> fresh;
    KL_RETURN_IF_ERROR(AddShard(number, part.entry, fresh));
    if (!fresh.has_value()) {
      return MakeError(Reason::kStoreDamaged, fmt::format("shard {} has no records", number));
    }
    part.checkpoint = fresh->checkpoint;
    KL_RETURN_IF_ERROR(TakeStream(number, kKeysStream));
    if (number == 0 || number == home_) KL_RETURN_IF_ERROR(TakeStream(number, kProgramsStream));
    return number == 0 ? TakeStream(number, kReviewsStream) : absl::OkStatus();
  }

  absl::Status TakeStream(uint32_t number, std::string_view stream) {
    Part& part = parts_[number];
    const auto records = context_.ledger.shard(number).store().ReadStream(stream, 0, kHead, /*backwards=*/false);
    while (records->Next() && records->position() < part.checkpoint.size) part.positions.push_back(records->position());
    return records->status();
  }

  // Takes a slice of the account's own records and what they name elsewhere.
  absl::StatusOr<bool> Scan() {
    const store::ShardStore& store = context_.ledger.shard(home_).store();
    if (records_ == nullptr) records_ = store.ReadStream(account_id_, 0, kHead, /*backwards=*/false);
    for (uint64_t slice = 0; slice < kSliceRecords; ++slice) {
      if (!records_->Next() || records_->position() >= parts_[home_].checkpoint.size) {
        KL_RETURN_IF_ERROR(records_->status());
        records_.reset();
        KL_RETURN_IF_ERROR(Enter(0));
        for (auto& [number, part] : parts_) {
          std::sort(part.positions.begin(), part.positions.end());
          part.positions.erase(std::unique(part.positions.begin(), part.positions.end()), part.positions.end());
          records_total_ += part.positions.size();
        }
        stage_ = Stage::kHeader;
        return true;
      }
      parts_[home_].positions.push_back(records_->position());
      EventRecord record;
      const std::string_view bytes = records_->bytes();
      if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
        return shard::UnreadableRecord(account_id_, records_->position());
      }
      KL_RETURN_IF_ERROR(TakeOtherSide(record));
    }
    return true;
  }

  absl::Status TakeOtherSide(const EventRecord& record) {
    if (const auto* const completed = domain::CompletedBy(record.event())) return TakeReceipt(*completed);
    if (record.event().has_account_merge_received()) return TakeMerge(record.event().account_merge_received());
    if (!record.event().has_points_transfer_received()) return absl::OkStatus();
    const events::v1::PointsTransferReceived& received = record.event().points_transfer_received();
    const uint32_t number = context_.ledger.ShardOfAccount(received.from_account_id()).number();
    KL_RETURN_IF_ERROR(Enter(number));
    const store::ShardStore& store = context_.ledger.shard(number).store();
    KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> sent,
                        store.GetUnique(shard::TransferKey(received.from_account_id(), received.transfer_id())));
    if (sent.has_value() && *sent < parts_[number].checkpoint.size) parts_[number].positions.push_back(*sent);
    return absl::OkStatus();
  }

  absl::Status TakeMerge(const events::v1::AccountMergeReceived& received) {
    const uint32_t number = context_.ledger.ShardOfAccount(received.from_account_id()).number();
    KL_RETURN_IF_ERROR(Enter(number));
    KL_ASSIGN_OR_RETURN(
        const std::optional<uint64_t> sent,
        shard::FindMerge(context_.ledger.shard(number).store(), received.from_account_id(), received.sent_event_id()));
    if (sent.has_value() && *sent < parts_[number].checkpoint.size) parts_[number].positions.push_back(*sent);
    return absl::OkStatus();
  }

  // The records with which the receiver took the points in: one for each lot, one after the other, after what else a
  // merge brought.
  absl::Status TakeReceipt(const events::v1::PointsTransferCompleted& completed) {
    const auto place = PlaceOf(completed.received_event_id());
    if (!place.has_value() || place->first >= context_.ledger.shard_count()) return absl::OkStatus();
    KL_RETURN_IF_ERROR(Enter(place->first));
    Part& part = parts_[place->first];
    const auto records = context_.ledger.shard(place->first).store().ReadRecords(place->second, part.checkpoint.size);
    EventRecord record;
    while (records->Next()) {
      const std::string_view bytes = records->bytes();
      if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
        return shard::UnreadableRecord(record.account_id(), records->position());
      }
      const events::v1::Event& event = record.event();
      const events::v1::PointsTransferReceived& received = event.points_transfer_received();
      const bool begins_merge = event.account_merge_received().from_account_id() == account_id_;
      if (!begins_merge &&
          (received.from_account_id() != account_id_ || received.transfer_id() != completed.transfer_id())) {
        break;
      }
      part.positions.push_back(records->position());
    }
    return records->status();
  }

  absl::StatusOr<bool> WriteHeader() {
    BundleFrame frame;
    audit::v1::BundleHeader& header = *frame.mutable_header();
    header.set_format(audit::kBundleFormat);
    header.set_ledger_id(context_.ledger.ledger_id());
    header.set_shard_count(context_.ledger.shard_count());
    header.set_scope(audit::v1::BUNDLE_SCOPE_ACCOUNT);
    header.set_account_id(account_id_);
    domain::SetTimestamp(header.mutable_create_time(), context_.clock.Now());
    for (const auto& [number, part] : parts_) *header.add_shards() = part.entry.shards(0);
    KL_RETURN_IF_ERROR(Write(frame));
    at_ = parts_.begin();
    stage_ = Stage::kRecords;
    return true;
  }

  // The nodes of the shard at hand.
  merkle::TileNodes& Nodes(uint32_t number) {
    if (!nodes_.has_value() || nodes_->tiles_read() > kTilesMax) {
      nodes_.emplace(context_.ledger.shard(number).Nodes());
    }
    return *nodes_;
  }

  // Checkpoints that cover the record of a new key and are signed by the one before.
  absl::Status WriteKeyChanges(uint32_t number, const Part& part) {
    const shard::CheckpointKeeper& keeper = context_.ledger.checkpoints();
    uint64_t last_size = 0;
    const std::vector<shard::PublishedKey> keys = keeper.keys(number);
    for (size_t i = 1; i < keys.size(); ++i) {
      KL_ASSIGN_OR_RETURN(const uint64_t index, keeper.history(number).FirstAtLeast(keys[i].position + 1));
      if (index >= keeper.history(number).count()) continue;
      KL_ASSIGN_OR_RETURN(const shard::PublishedCheckpoint older, keeper.history(number).Read(index));
      const uint64_t size = older.checkpoint.size;
      if (size > part.checkpoint.size || size == last_size) continue;
      last_size = size;
      KL_ASSIGN_OR_RETURN(const merkle::Proof proof,
                          merkle::ConsistencyProof(size, part.checkpoint.size, Nodes(number).reader()));
      BundleFrame frame;
      audit::v1::PublishedCheckpoint& checkpoint = *frame.mutable_checkpoint();
      checkpoint.set_shard(number);
      checkpoint.set_checkpoint(older.note);
      checkpoint.mutable_consistency()->set_first_size(size);
      checkpoint.mutable_consistency()->set_second_size(part.checkpoint.size);
      FillHashes(proof, *checkpoint.mutable_consistency()->mutable_hashes());
      KL_RETURN_IF_ERROR(Write(frame));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<bool> WriteRecords() {
    if (at_ == parts_.end()) {
      stage_ = Stage::kStanding;
      return true;
    }
    const auto& [number, part] = *at_;
    if (next_ == 0) KL_RETURN_IF_ERROR(WriteKeyChanges(number, part));
    if (next_ == part.positions.size()) {
      ++at_;
      next_ = 0;
      nodes_.reset();
      return true;
    }
    for (size_t slice = 0; slice < kProvenPerSlice && next_ < part.positions.size(); ++slice) {
      KL_RETURN_IF_ERROR(WriteRecord(number, part, part.positions[next_++]));
    }
    return true;
  }

  absl::Status WriteRecord(uint32_t number, const Part& part, uint64_t position) {
    BundleFrame frame;
    audit::v1::ProvenRecord& proven = *frame.mutable_proven();
    proven.set_shard(number);
    KL_ASSIGN_OR_RETURN(*proven.mutable_record(), context_.ledger.shard(number).store().GetRecord(position));
    KL_ASSIGN_OR_RETURN(const merkle::Proof proof,
                        merkle::InclusionProof(position, part.checkpoint.size, Nodes(number).reader()));
    proven.mutable_proof()->set_leaf_index(position);
    proven.mutable_proof()->set_tree_size(part.checkpoint.size);
    FillHashes(proof, *proven.mutable_proof()->mutable_hashes());
    return Write(frame);
  }

  absl::StatusOr<bool> WriteStanding() {
    BundleFrame frame;
    KL_ASSIGN_OR_RETURN(*frame.mutable_standing(), SignStanding(context_, account_id_, parts_[home_].checkpoint));
    KL_RETURN_IF_ERROR(Write(frame));
    stage_ = Stage::kEnd;
    return true;
  }

  const std::string account_id_;
  const uint32_t home_;
  Stage stage_ = Stage::kScan;
  // By shard.
  std::map<uint32_t, Part> parts_;
  std::unique_ptr<store::RecordIterator> records_;
  // Where the writing is.
  std::map<uint32_t, Part>::const_iterator at_;
  size_t next_ = 0;
  std::optional<merkle::TileNodes> nodes_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<BundleSource>> MakeAccountBundle(const ServiceContext& context, CallSlots::Slot slot,
                                                                const std::string& account_id) {
  KL_RETURN_IF_ERROR(CheckAccountId(account_id));
  KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> last,
                      context.ledger.ShardOfAccount(account_id).store().LastRevision(account_id));
  if (!last.has_value()) {
    return MakeError(Reason::kAccountNotFound, fmt::format("there is no account {}", account_id));
  }
  auto bundle = std::make_unique<AccountBundle>(context, std::move(slot), account_id);
  KL_RETURN_IF_ERROR(bundle->Begin());
  return bundle;
}

}  // namespace keyledger::service

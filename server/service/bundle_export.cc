// See bundle_export.h.
#include "server/service/bundle_export.h"

#include <utility>

#include <fmt/format.h>

#include "server/audit/standing_statement.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/program_set.h"
#include "server/domain/proto_time.h"
#include "server/shard/account_reader.h"

namespace keyledger::service {
namespace {

using audit::v1::BundleFrame;

constexpr size_t kPieceBytes = 1u << 20;
// Pieces smaller than this are not sent but at the end and when a slice made nothing.
constexpr size_t kPieceBytesWanted = 256u << 10;
constexpr uint64_t kSlicesPerPiece = 32;
// A run is full with the record that reaches so many bytes.
constexpr size_t kRunBytes = 512u << 10;
constexpr int kRunRecordsMax = 2'048;
static_assert(kRunRecordsMax <= audit::kBundleRunRecordsMax);

}  // namespace

absl::StatusOr<Produced> BundleSource::Produce(ledger::v1::ExportBundleResponse& frame) {
  // So many slices between two frames at most, so that a cancelled call ends soon; a frame without bytes shows
  // progress.
  uint64_t slices = 0;
  while (!finished_ && writer_.pending_bytes() < kPieceBytesWanted && slices < kSlicesPerPiece) {
    KL_ASSIGN_OR_RETURN(const bool more, Step());
    ++slices;
    if (more) continue;
    KL_RETURN_IF_ERROR(writer_.Finish());
    finished_ = true;
  }
  if (finished_ && writer_.pending_bytes() == 0) return Produced::kEnd;
  frame.set_data(writer_.Take(kPieceBytes));
  frame.set_records_done(writer_.records());
  frame.set_records_total(records_total_);
  return Produced::kFrame;
}

absl::Status BundleSource::AddShard(uint32_t shard, audit::v1::BundleHeader& header,
                                    std::optional<shard::PublishedCheckpoint>& fresh) {
  shard::CheckpointKeeper& keeper = context_.ledger.checkpoints();
  KL_ASSIGN_OR_RETURN(fresh, keeper.Publish(shard));
  audit::v1::BundleShard& entry = *header.add_shards();
  entry.set_shard(shard);
  entry.set_origin(keeper.origin(shard));
  if (fresh.has_value()) entry.set_checkpoint(fresh->note);
  std::vector<merkle::VerifierKey> keys = keeper.verifier_keys(shard);
  // The oldest go first where there are more than a header may hold.
  const size_t skipped = keys.size() > audit::kBundleKeysPerShardMax ? keys.size() - audit::kBundleKeysPerShardMax : 0;
  for (size_t i = skipped; i < keys.size(); ++i) entry.add_verifier_keys(keys[i].Format());
  return absl::OkStatus();
}

namespace {

// All records of all shards.
class LedgerBundle final : public BundleSource {
 public:
  LedgerBundle(const ServiceContext& context, CallSlots::Slot slot) : BundleSource(context, std::move(slot)) {}

 protected:
  absl::StatusOr<bool> Step() override {
    if (sizes_.empty()) return WriteHeader();
    while (shard_ < sizes_.size()) {
      KL_ASSIGN_OR_RETURN(const bool checkpoint, WriteCheckpoint());
      if (checkpoint) return true;
      if (next_position_ < sizes_[shard_]) return WriteRun();
      ++shard_;
      next_checkpoint_ = next_position_ = 0;
      records_.reset();
    }
    return false;
  }

 private:
  absl::StatusOr<bool> WriteHeader() {
    BundleFrame frame;
    audit::v1::BundleHeader& header = *frame.mutable_header();
    header.set_format(audit::kBundleFormat);
    header.set_ledger_id(context_.ledger.ledger_id());
    header.set_shard_count(context_.ledger.shard_count());
    header.set_scope(audit::v1::BUNDLE_SCOPE_LEDGER);
    domain::SetTimestamp(header.mutable_create_time(), context_.clock.Now());
    for (uint32_t shard = 0; shard < context_.ledger.shard_count(); ++shard) {
      std::optional<shard::PublishedCheckpoint> fresh;
      KL_RETURN_IF_ERROR(AddShard(shard, header, fresh));
      sizes_.push_back(fresh.has_value() ? fresh->checkpoint.size : 0);
      records_total_ += sizes_.back();
    }
    KL_RETURN_IF_ERROR(Write(frame));
    return true;
  }

  // The next of the shard's checkpoints before the one in the header. False: there is none.
  absl::StatusOr<bool> WriteCheckpoint() {
    const shard::CheckpointHistory& history = context_.ledger.checkpoints().history(shard_);
    if (next_position_ > 0 || next_checkpoint_ >= history.count()) return false;
    KL_ASSIGN_OR_RETURN(const shard::PublishedCheckpoint older, history.Read(next_checkpoint_));
    if (older.checkpoint.size >= sizes_[shard_]) return false;
    ++next_checkpoint_;
    BundleFrame frame;
    frame.mutable_checkpoint()->set_shard(shard_);
    frame.mutable_checkpoint()->set_checkpoint(older.note);
    KL_RETURN_IF_ERROR(Write(frame));
    return true;
  }

  absl::StatusOr<bool> WriteRun() {
    if (records_ == nullptr) records_ = context_.ledger.shard(shard_).store().ReadRecords(0, sizes_[shard_]);
    BundleFrame frame;
    audit::v1::RecordRun& run = *frame.mutable_run();
    run.set_shard(shard_);
    run.set_first_position(next_position_);
    size_t bytes = 0;
    while (next_position_ < sizes_[shard_] && run.records_size() < kRunRecordsMax && bytes < kRunBytes) {
      if (!records_->Next()) {
        KL_RETURN_IF_ERROR(records_->status());
        return MakeError(Reason::kStoreDamaged,
                         fmt::format("record {} of shard {} is missing", next_position_, shard_));
      }
      bytes += records_->bytes().size();
      run.add_records(std::string(records_->bytes()));
      ++next_position_;
    }
    KL_RETURN_IF_ERROR(Write(frame));
    return true;
  }

  // By shard, those of the checkpoints in the header; empty until it is written.
  std::vector<uint64_t> sizes_;
  // Where it is.
  uint32_t shard_ = 0;
  uint64_t next_checkpoint_ = 0;
  uint64_t next_position_ = 0;
  std::unique_ptr<store::RecordIterator> records_;
};

// The programs published at positions below `end`.
absl::StatusOr<domain::ProgramSet> ProgramsBelow(shard::Shard& shard, uint64_t end) {
  const std::shared_ptr<const domain::ProgramSet> all = shard.programs();
  std::vector<std::shared_ptr<const domain::CompiledProgram>> below;
  const auto take = [&](const events::v1::EventRecord& record) -> absl::StatusOr<bool> {
    const events::v1::ProgramPublished& published = record.event().program_published();
    for (const auto& program : all->programs()) {
      if (program->program().program_id() == published.program_id() &&
          program->program().version() == published.version()) {
        below.push_back(program);
      }
    }
    return true;
  };
  KL_RETURN_IF_ERROR(shard::ForEachRecord(shard.store(), kProgramsStream, 0, end, take));
  return domain::ProgramSet(std::move(below));
}

}  // namespace

absl::StatusOr<std::unique_ptr<BundleSource>> MakeLedgerBundle(const ServiceContext& context, CallSlots::Slot slot) {
  return std::make_unique<LedgerBundle>(context, std::move(slot));
}

absl::StatusOr<std::string> SignStanding(const ServiceContext& context, const std::string& account_id,
                                         const merkle::Checkpoint& checkpoint) {
  shard::Shard& home = context.ledger.ShardOfAccount(account_id);
  KL_ASSIGN_OR_RETURN(const auto state, shard::FoldAccount(home.store(), account_id, checkpoint.size));
  if (!state.has_value()) {
    return MakeError(Reason::kAccountNotFound, fmt::format("there is no account {}", account_id));
  }
  KL_ASSIGN_OR_RETURN(const domain::ProgramSet programs, ProgramsBelow(home, checkpoint.size));
  const audit::StandingStatement statement = audit::StandingOf(checkpoint, account_id, *state, programs);
  return context.ledger.checkpoints().SignText(home.number(), audit::FormatStanding(statement));
}

}  // namespace keyledger::service

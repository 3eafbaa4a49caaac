// See bundle_order.h.
#include "server/audit/bundle_order.h"

#include <algorithm>
#include <limits>
#include <string_view>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/base/ids.h"

namespace keyledger::audit {
namespace {

using v1::BundleFrame;
using v1::BundleHeader;

absl::Status Wrong(const std::string& what) { return absl::DataLossError(what); }

absl::Status CheckNote(std::string_view note, std::string_view what) {
  if (note.empty()) return Wrong(fmt::format("{} is empty", what));
  if (note.size() > kBundleNoteBytesMax) {
    return Wrong(fmt::format("{} has {} bytes, at most {} are allowed", what, note.size(), kBundleNoteBytesMax));
  }
  return absl::OkStatus();
}

absl::Status CheckShards(const BundleHeader& header) {
  const bool whole = header.scope() == v1::BUNDLE_SCOPE_LEDGER;
  if (whole && static_cast<uint32_t>(header.shards_size()) != header.shard_count()) {
    return Wrong(fmt::format("the header names {} of {} shards, a ledger's bundle has all", header.shards_size(),
                             header.shard_count()));
  }
  if (header.shards().empty()) return Wrong("the header names no shard");
  int64_t last = -1;
  for (const v1::BundleShard& shard : header.shards()) {
    if (shard.shard() >= header.shard_count()) {
      return Wrong(fmt::format("the header names shard {} of {}", shard.shard(), header.shard_count()));
    }
    if (int64_t{shard.shard()} <= last) return Wrong("the header's shards are not in ascending order");
    last = shard.shard();
    if (shard.origin() != fmt::format("keyledger/{}/{}", header.ledger_id(), shard.shard())) {
      return Wrong(fmt::format("the origin of shard {} is not that of ledger '{}'", shard.shard(), header.ledger_id()));
    }
    // A shard without records has no checkpoint.
    if (!whole || !shard.checkpoint().empty()) {
      KL_RETURN_IF_ERROR(CheckNote(shard.checkpoint(), fmt::format("the checkpoint of shard {}", shard.shard())));
    }
    if (shard.verifier_keys_size() > kBundleKeysPerShardMax) {
      return Wrong(fmt::format("shard {} has {} keys, at most {} are allowed", shard.shard(),
                               shard.verifier_keys_size(), kBundleKeysPerShardMax));
    }
  }
  return absl::OkStatus();
}

std::string_view NameOf(BundleFrame::FrameCase kind) {
  switch (kind) {
    case BundleFrame::kHeader:
      return "a header";
    case BundleFrame::kCheckpoint:
      return "a checkpoint";
    case BundleFrame::kRun:
      return "a run of records";
    case BundleFrame::kProven:
      return "a proven record";
    case BundleFrame::kStanding:
      return "a standing";
    case BundleFrame::kTrailer:
      return "a trailer";
    case BundleFrame::FRAME_NOT_SET:
      break;
  }
  return "nothing that is known";
}

}  // namespace

absl::Status BundleOrder::Accept(const BundleFrame& frame) {
  if (complete_) return Wrong("something follows the trailer");
  const bool is_header = frame.frame_case() == BundleFrame::kHeader;
  if (is_header == header_.has_value()) {
    return Wrong(is_header ? std::string("a second header")
                           : fmt::format("the bundle begins with {}, not with a header", NameOf(frame.frame_case())));
  }
  if (!is_header && frame.frame_case() != BundleFrame::kTrailer) {
    const bool whole = header_->scope() == v1::BUNDLE_SCOPE_LEDGER;
    const bool of_both = frame.frame_case() == BundleFrame::kCheckpoint;
    const bool of_ledger = frame.frame_case() == BundleFrame::kRun;
    if (frame.frame_case() == BundleFrame::FRAME_NOT_SET || (!of_both && of_ledger != whole)) {
      return Wrong(fmt::format("the frame holds {}, which a bundle of {} has not", NameOf(frame.frame_case()),
                               whole ? "a ledger" : "an account"));
    }
  }
  absl::Status accepted;
  switch (frame.frame_case()) {
    case BundleFrame::kHeader:
      accepted = AcceptHeader(frame.header());
      break;
    case BundleFrame::kCheckpoint:
      accepted = AcceptCheckpoint(frame.checkpoint());
      break;
    case BundleFrame::kRun:
      accepted = AcceptRun(frame.run());
      break;
    case BundleFrame::kProven:
      accepted = AcceptProven(frame.proven());
      break;
    case BundleFrame::kStanding:
      accepted = AcceptStanding(frame.standing());
      break;
    default:
      accepted = AcceptTrailer(frame.trailer());
  }
  KL_RETURN_IF_ERROR(accepted);
  ++frames_;
  return absl::OkStatus();
}

absl::Status BundleOrder::AcceptHeader(const BundleHeader& header) {
  if (header.format() != kBundleFormat) {
    return absl::UnimplementedError(
        fmt::format("the bundle has format {}, this program reads format {}", header.format(), kBundleFormat));
  }
  if (!IsPrintableId(header.ledger_id(), kAccountIdBytesMax)) return Wrong("the header's ledger_id is no id");
  if (header.shard_count() < 1 || header.shard_count() > kShardsMax) {
    return Wrong(fmt::format("the header's shard_count is {}, it must be 1 to {}", header.shard_count(), kShardsMax));
  }
  if (header.scope() == v1::BUNDLE_SCOPE_ACCOUNT) {
    if (!IsAccountId(header.account_id())) return Wrong("the header's account_id is no account's");
  } else if (header.scope() != v1::BUNDLE_SCOPE_LEDGER) {
    return Wrong(fmt::format("the header's scope {} is not known", static_cast<int>(header.scope())));
  } else if (!header.account_id().empty()) {
    return Wrong("the header of a ledger's bundle names an account");
  }
  KL_RETURN_IF_ERROR(CheckShards(header));
  header_ = header;
  shard_ = header.shards(0).shard();
  return absl::OkStatus();
}

absl::Status BundleOrder::EnterShard(uint32_t shard) {
  const auto& shards = header_->shards();
  if (std::none_of(shards.begin(), shards.end(), [&](const auto& each) { return each.shard() == shard; })) {
    return Wrong(fmt::format("shard {} is not in the header", shard));
  }
  if (shard < shard_) return Wrong(fmt::format("shard {} comes after shard {}", shard, shard_));
  if (shard > shard_) {
    shard_ = shard;
    in_records_ = false;
    next_position_ = 0;
  }
  return absl::OkStatus();
}

absl::Status BundleOrder::AcceptCheckpoint(const v1::PublishedCheckpoint& checkpoint) {
  KL_RETURN_IF_ERROR(EnterShard(checkpoint.shard()));
  if (in_records_ || has_standing_) {
    return Wrong(fmt::format("a checkpoint of shard {} comes after its records", checkpoint.shard()));
  }
  if (checkpoint.consistency().hashes_size() > kBundleConsistencyHashesMax) {
    return Wrong(fmt::format("the proof of a checkpoint of shard {} has {} hashes, at most {} are allowed",
                             checkpoint.shard(), checkpoint.consistency().hashes_size(), kBundleConsistencyHashesMax));
  }
  return CheckNote(checkpoint.checkpoint(), "a checkpoint");
}

absl::Status BundleOrder::CheckRecord(uint32_t shard, uint64_t position, const std::string& record) {
  if (record.size() >= kBundleRecordBytesMin) return absl::OkStatus();
  return Wrong(fmt::format("record {} of shard {} has {} bytes, and none has fewer than {}", position, shard,
                           record.size(), kBundleRecordBytesMin));
}

absl::Status BundleOrder::AcceptRun(const v1::RecordRun& run) {
  KL_RETURN_IF_ERROR(EnterShard(run.shard()));
  if (run.records().empty()) return Wrong("a run without records");
  if (run.records_size() > kBundleRunRecordsMax) {
    return Wrong(fmt::format("a run of {} records, at most {} are allowed", run.records_size(), kBundleRunRecordsMax));
  }
  if (run.first_position() != next_position_) {
    return Wrong(fmt::format("the run begins with record {} of shard {}, but record {} comes next",
                             run.first_position(), run.shard(), next_position_));
  }
  for (int i = 0; i < run.records_size(); ++i) {
    KL_RETURN_IF_ERROR(CheckRecord(run.shard(), run.first_position() + static_cast<uint64_t>(i), run.records(i)));
  }
  in_records_ = true;
  next_position_ += static_cast<uint64_t>(run.records_size());
  records_ += static_cast<uint64_t>(run.records_size());
  return absl::OkStatus();
}

absl::Status BundleOrder::AcceptProven(const v1::ProvenRecord& proven) {
  if (has_standing_) return Wrong("a record comes after the standing");
  KL_RETURN_IF_ERROR(EnterShard(proven.shard()));
  const uint64_t position = proven.proof().leaf_index();
  if (position < next_position_ || position == std::numeric_limits<uint64_t>::max()) {
    return Wrong(fmt::format("record {} of shard {} is out of order: {} or a later one may come", position,
                             proven.shard(), next_position_));
  }
  if (proven.proof().hashes_size() > kBundleProofHashesMax) {
    return Wrong(fmt::format("the proof of record {} of shard {} has {} hashes, at most {} are allowed", position,
                             proven.shard(), proven.proof().hashes_size(), kBundleProofHashesMax));
  }
  KL_RETURN_IF_ERROR(CheckRecord(proven.shard(), position, proven.record()));
  in_records_ = true;
  next_position_ = position + 1;
  ++records_;
  return absl::OkStatus();
}

absl::Status BundleOrder::AcceptStanding(const std::string& standing) {
  if (has_standing_) return Wrong("a second standing");
  has_standing_ = true;
  return CheckNote(standing, "the standing");
}

absl::Status BundleOrder::AcceptTrailer(const v1::BundleTrailer& trailer) {
  if (header_->scope() == v1::BUNDLE_SCOPE_ACCOUNT && !has_standing_) return Wrong("the standing is missing");
  if (trailer.records() != records_ || trailer.frames() != frames_) {
    return Wrong(fmt::format("the trailer counts {} records in {} frames, there are {} in {}", trailer.records(),
                             trailer.frames(), records_, frames_));
  }
  complete_ = true;
  return absl::OkStatus();
}

}  // namespace keyledger::audit

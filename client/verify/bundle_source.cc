// See bundle_source.h.
#include "client/verify/bundle_source.h"

#include <functional>

#include <fmt/format.h>

#include "client/verify/bundle_file.h"
#include "server/base/error.h"

namespace keyledger::verify {

using audit::v1::BundleFrame;

BundleSource::BundleSource(std::string path, audit::v1::BundleHeader header, std::vector<uint64_t> counts,
                           std::unique_ptr<Spill> spill, uint64_t entries_per_pass)
    : path_(std::move(path)),
      header_(std::move(header)),
      counts_(std::move(counts)),
      spill_(std::move(spill)),
      entries_per_pass_(entries_per_pass) {}

audit::SourceScope BundleSource::scope() const {
  return header_.scope() == audit::v1::BUNDLE_SCOPE_LEDGER ? audit::SourceScope::kLedger : audit::SourceScope::kAccount;
}

std::string BundleSource::origin(uint32_t shard) const {
  return fmt::format("keyledger/{}/{}", header_.ledger_id(), shard);
}

absl::Status BundleSource::ReadLog(uint32_t shard, const VisitRecord& visit) {
  const absl::Status status = ReadBundle(path_, [&](const audit::BundlePlace&, BundleFrame& frame) -> absl::Status {
    if (frame.has_proven()) {
      if (frame.proven().shard() > shard) return Enough();
      if (frame.proven().shard() < shard) return absl::OkStatus();
      return visit({frame.proven().proof().leaf_index(), frame.proven().record(), absl::OkStatus()});
    }
    if (!frame.has_run()) return absl::OkStatus();
    if (frame.run().shard() > shard) return Enough();
    if (frame.run().shard() < shard) return absl::OkStatus();
    uint64_t position = frame.run().first_position();
    for (const std::string& record : frame.run().records()) {
      KL_RETURN_IF_ERROR(visit({position, record, absl::OkStatus()}));
      ++position;
    }
    return absl::OkStatus();
  });
  return status == Enough() ? absl::OkStatus() : status;
}

size_t BundleSource::Passes(uint32_t shard, size_t number) const {
  return static_cast<size_t>(spill_->entries(shard, number) / entries_per_pass_ + 1);
}

size_t BundleSource::PassOf(std::string_view stream, size_t passes) const {
  // What is left of the hash that chose the partition.
  return std::hash<std::string_view>()(stream) / spill_->partitions() % passes;
}

absl::StatusOr<BundleSource::Partition> BundleSource::Load(uint32_t shard, size_t number, size_t pass) const {
  Partition partition;
  partition.shard = shard;
  partition.number = number;
  partition.pass = pass;
  const size_t passes = Passes(shard, number);
  KL_RETURN_IF_ERROR(spill_->Scan(shard, number, [&](const Spill::Entry& entry) {
    if (PassOf(entry.stream, passes) != pass) return;
    partition.streams[std::string(entry.stream)].push_back({entry.position, entry.offset, entry.bytes});
  }));
  return partition;
}

absl::Status BundleSource::Give(const Partition& partition, const std::string& stream, const VisitRecord& visit) const {
  const auto found = partition.streams.find(stream);
  if (found == partition.streams.end()) return absl::OkStatus();
  std::string bytes;
  for (const Place& place : found->second) {
    KL_RETURN_IF_ERROR(spill_->Read(partition.shard, partition.number, place.offset, place.bytes, bytes));
    KL_RETURN_IF_ERROR(visit({place.position, bytes, absl::OkStatus()}));
  }
  return absl::OkStatus();
}

absl::Status BundleSource::ListStreams(uint32_t shard, const VisitText& visit) {
  for (size_t number = 0; number < spill_->partitions(); ++number) {
    for (size_t pass = 0; pass < Passes(shard, number); ++pass) {
      listed_.reset();
      KL_ASSIGN_OR_RETURN(Partition loaded, Load(shard, number, pass));
      listed_ = std::make_unique<Partition>(std::move(loaded));
      for (const auto& [stream, places] : listed_->streams) KL_RETURN_IF_ERROR(visit(stream));
    }
  }
  listed_.reset();
  return absl::OkStatus();
}

absl::Status BundleSource::ReadStream(uint32_t shard, const std::string& stream, const VisitRecord& visit) {
  const size_t number = spill_->PartitionOf(stream);
  const size_t pass = PassOf(stream, Passes(shard, number));
  for (const Partition* partition : {listed_.get(), other_.get()}) {
    if (partition != nullptr && partition->shard == shard && partition->number == number && partition->pass == pass) {
      return Give(*partition, stream, visit);
    }
  }
  other_.reset();
  KL_ASSIGN_OR_RETURN(Partition loaded, Load(shard, number, pass));
  other_ = std::make_unique<Partition>(std::move(loaded));
  return Give(*other_, stream, visit);
}

absl::Status BundleSource::ReadCheckpoints(uint32_t shard, const VisitText& visit) {
  for (const audit::v1::BundleShard& entry : header_.shards()) {
    if (entry.shard() == shard && !entry.checkpoint().empty()) KL_RETURN_IF_ERROR(visit(entry.checkpoint()));
  }
  const absl::Status status = ReadBundle(path_, [&](const audit::BundlePlace&, BundleFrame& frame) -> absl::Status {
    if (frame.has_checkpoint()) {
      if (frame.checkpoint().shard() > shard) return Enough();
      if (frame.checkpoint().shard() == shard) return visit(frame.checkpoint().checkpoint());
    }
    return frame.has_run() && frame.run().shard() >= shard ? Enough() : absl::OkStatus();
  });
  return status == Enough() ? absl::OkStatus() : status;
}

}  // namespace keyledger::verify

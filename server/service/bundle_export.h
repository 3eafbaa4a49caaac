// The frame sources behind AuditService.ExportBundle, and the signed standing. The file they make is described in
// server/audit/BUNDLE.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/ledger/v1/audit_service.pb.h"
#include "server/audit/bundle_writer.h"
#include "server/service/call_slots.h"
#include "server/service/frame_stream.h"
#include "server/service/service_context.h"
#include "server/shard/checkpoint_keeper.h"

namespace keyledger::service {

// Makes a bundle piece by piece: what waits to be sent is about two pieces, whatever the size of the ledger.
// Threads: as FrameSource.
class BundleSource : public FrameSource<ledger::v1::ExportBundleResponse> {
 public:
  absl::StatusOr<Produced> Produce(ledger::v1::ExportBundleResponse& frame) final;

 protected:
  BundleSource(const ServiceContext& context, CallSlots::Slot slot) : context_(context), slot_(std::move(slot)) {}

  // Writes the next frame or does a slice of the work before it, about kSliceRecords records at most. False: the
  // trailer comes next.
  virtual absl::StatusOr<bool> Step() = 0;

  // Fills in the shard's entry of the header: its checkpoint over everything durable now. Blocks: until that is on
  // disk.
  absl::Status AddShard(uint32_t shard, audit::v1::BundleHeader& header,
                        std::optional<shard::PublishedCheckpoint>& fresh);
  absl::Status Write(const audit::v1::BundleFrame& frame) { return writer_.Write(frame); }

  static constexpr uint64_t kSliceRecords = 4'096;

  const ServiceContext context_;
  uint64_t records_total_ = 0;

 private:
  const CallSlots::Slot slot_;
  audit::BundleWriter writer_;
  bool finished_ = false;
};

// Errors: those of the method.
absl::StatusOr<std::unique_ptr<BundleSource>> MakeLedgerBundle(const ServiceContext& context, CallSlots::Slot slot);
absl::StatusOr<std::unique_ptr<BundleSource>> MakeAccountBundle(const ServiceContext& context, CallSlots::Slot slot,
                                                                const std::string& account_id);

// The signed statement about the account as of the shard's checkpoint. Errors: NOT_FOUND (kAccountNotFound) if the
// account has no record below it; those of reading.
absl::StatusOr<std::string> SignStanding(const ServiceContext& context, const std::string& account_id,
                                         const merkle::Checkpoint& checkpoint);

}  // namespace keyledger::service

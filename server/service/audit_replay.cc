// AuditService.Replay. See audit_service.h.
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/service/audit_service.h"
#include "server/service/frame_stream.h"
#include "server/shard/ledger_replay.h"

namespace keyledger::service {
namespace {

using ledger::v1::ReplayRequest;
using ledger::v1::ReplayResponse;

constexpr uint32_t kRateDefault = 50'000;
constexpr uint32_t kFindingsDefault = 1'000;
constexpr uint32_t kFindingsMax = 100'000;
constexpr int kRetryDelayMs = 10'000;

class ReplayFrames final : public FrameSource<ReplayResponse> {
 public:
  ReplayFrames(const ServiceContext& context, shard::LedgerReplayOptions options, CallSlots::Slot slot)
      : slot_(std::move(slot)), context_(context), options_(std::move(options)) {}

  void Attach(std::function<void()> wake) override {
    replay_ = std::make_unique<shard::LedgerReplay>(context_.ledger, options_, std::move(wake));
  }
  void Detach() override { replay_.reset(); }

  absl::StatusOr<Produced> Produce(ReplayResponse& frame) override {
    bool over = false;
    KL_ASSIGN_OR_RETURN(std::optional<shard::LedgerReplay::Frame> next, replay_->Next(over));
    if (over) return Produced::kEnd;
    if (!next.has_value()) return Produced::kWait;
    if (auto* progress = std::get_if<audit::v1::ReplayProgress>(&*next)) {
      *frame.mutable_progress() = std::move(*progress);
    } else if (auto* finding = std::get_if<audit::v1::Finding>(&*next)) {
      *frame.mutable_finding() = std::move(*finding);
    } else {
      // Whoever has the report may ask for the next replay.
      slot_.reset();
      *frame.mutable_report() = std::get<audit::v1::ReplayReport>(std::move(*next));
    }
    return Produced::kFrame;
  }

 private:
  std::optional<CallSlots::Slot> slot_;
  const ServiceContext context_;
  const shard::LedgerReplayOptions options_;
  std::unique_ptr<shard::LedgerReplay> replay_;
};

absl::StatusOr<std::unique_ptr<FrameSource<ReplayResponse>>> MakeReplayFrames(const ServiceContext& context,
                                                                              CallSlots& replays,
                                                                              const ReplayRequest& request) {
  shard::LedgerReplayOptions options;
  options.account_id = request.account_id();
  if (!request.account_id().empty()) KL_RETURN_IF_ERROR(CheckAccountId(request.account_id()));
  options.records_per_second_max =
      request.records_per_second_max() == 0 ? kRateDefault : request.records_per_second_max();
  if (request.findings_max() > kFindingsMax) {
    return FieldError("findings_max", fmt::format("must be at most {}", kFindingsMax));
  }
  options.findings_max = request.findings_max() == 0 ? kFindingsDefault : request.findings_max();
  std::optional<CallSlots::Slot> slot = replays.Take();
  if (!slot.has_value()) {
    absl::Status refusal =
        MakeError(Reason::kTooManyStreams, "a replay is under way already; repeat the call when it is over");
    SetRetryDelayMs(refusal, kRetryDelayMs);
    return refusal;
  }
  return std::make_unique<ReplayFrames>(context, std::move(options), *std::move(slot));
}

}  // namespace

grpc::ServerWriteReactor<ledger::v1::ReplayResponse>* AuditServiceImpl::Replay(
    grpc::CallbackServerContext*, const ledger::v1::ReplayRequest* request) {
  return FrameStream<ledger::v1::ReplayResponse>::Start(
      context_, context_.workers, [this, request] { return MakeReplayFrames(context_, replays_, *request); });
}

}  // namespace keyledger::service

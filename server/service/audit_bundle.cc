// AuditService: bundles and signed standings. See audit_service.h.
#include <fmt/format.h>

#include "server/base/error.h"
#include "server/service/audit_service.h"
#include "server/service/bundle_export.h"
#include "server/service/frame_stream.h"

namespace keyledger::service {
namespace {

constexpr int kRetryDelayMs = 1'000;

}  // namespace

grpc::ServerWriteReactor<ledger::v1::ExportBundleResponse>* AuditServiceImpl::ExportBundle(
    grpc::CallbackServerContext*, const ledger::v1::ExportBundleRequest* request) {
  using Source = FrameSource<ledger::v1::ExportBundleResponse>;
  return FrameStream<ledger::v1::ExportBundleResponse>::Start(
      context_, context_.queries, [this, request]() -> absl::StatusOr<std::unique_ptr<Source>> {
        std::optional<CallSlots::Slot> slot = exports_.Take();
        if (!slot.has_value()) {
          absl::Status refusal = MakeError(
              Reason::kTooManyStreams,
              fmt::format("{} exports are under way already; repeat the call when one is over", exports_.max()));
          SetRetryDelayMs(refusal, kRetryDelayMs);
          return refusal;
        }
        if (request->account_id().empty()) return MakeLedgerBundle(context_, *std::move(slot));
        return MakeAccountBundle(context_, *std::move(slot), request->account_id());
      });
}

grpc::ServerUnaryReactor* AuditServiceImpl::GetSignedStanding(grpc::CallbackServerContext* call,
                                                              const ledger::v1::GetSignedStandingRequest* request,
                                                              ledger::v1::GetSignedStandingResponse* response) {
  return RunQuery(context_, call, [this, request, response]() -> absl::Status {
    KL_RETURN_IF_ERROR(CheckAccountId(request->account_id()));
    shard::Shard& home = context_.ledger.ShardOfAccount(request->account_id());
    KL_ASSIGN_OR_RETURN(const auto fresh, context_.ledger.checkpoints().Publish(home.number()));
    if (!fresh.has_value()) {
      return MakeError(Reason::kAccountNotFound, fmt::format("there is no account {}", request->account_id()));
    }
    KL_ASSIGN_OR_RETURN(*response->mutable_statement(),
                        SignStanding(context_, request->account_id(), fresh->checkpoint));
    response->set_shard(home.number());
    response->set_tree_size(fresh->checkpoint.size);
    response->set_checkpoint(fresh->note);
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

// The transfers of portfolios of EngagementService. See engagement_service.h.
#include <limits>
#include <string>

#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/decide.h"
#include "server/domain/proto_time.h"
#include "server/merkle/tree.h"
#include "server/service/engagement_service.h"
#include "server/service/query_request.h"

namespace keyledger::service {
namespace {

constexpr size_t kActorBytesMax = 128;
constexpr size_t kNoteBytesMax = 512;

ledger::v1::PortfolioTransferState StateOf(shard::PortfolioPhase phase) {
  switch (phase) {
    case shard::PortfolioPhase::kRunning:
      return ledger::v1::PORTFOLIO_TRANSFER_STATE_RUNNING;
    case shard::PortfolioPhase::kCompleted:
      return ledger::v1::PORTFOLIO_TRANSFER_STATE_COMPLETED;
    case shard::PortfolioPhase::kPreview:
      return ledger::v1::PORTFOLIO_TRANSFER_STATE_PREVIEW;
  }
  return ledger::v1::PORTFOLIO_TRANSFER_STATE_UNSPECIFIED;
}

void FillTransfer(const shard::PortfolioStatus& status, ledger::v1::PortfolioTransfer& out) {
  *out.mutable_started() = status.started;
  out.set_state(StateOf(status.phase));
  out.set_accounts(status.accounts);
  out.set_transferred(status.transferred);
  out.set_overtaken(status.overtaken);
  out.set_undecided(status.undecided);
  out.set_detail(status.detail);
  domain::SetTimestamp(out.mutable_start_time(), status.start_time);
  if (status.complete_time != 0) domain::SetTimestamp(out.mutable_complete_time(), status.complete_time);
  out.set_actor(status.actor);
}

// What holds of the fact that each account gets holds of the request, whose fields have the same names.
absl::Status CheckFact(const ledger::v1::TransferPortfolioRequest& request) {
  constexpr std::string_view kFactPath = "event.owner_transferred.";
  events::v1::Event event;
  events::v1::OwnerTransferred& transferred = *event.mutable_owner_transferred();
  transferred.set_from_person(request.from_person());
  transferred.set_to_person(request.to_person());
  transferred.set_role(request.role());
  transferred.set_reason(request.reason());
  transferred.set_rank(request.rank());
  const absl::Status checked = domain::ValidateFact(event, "event");
  if (checked.ok() || FieldsOf(checked).empty()) return checked;
  absl::Status named;
  for (const auto& [path, description] : FieldsOf(checked)) {
    const std::string field = path.starts_with(kFactPath) ? path.substr(kFactPath.size()) : path;
    if (named.ok()) {
      named = FieldError(field, description);
    } else {
      AddField(named, field, description);
    }
  }
  return named;
}

absl::StatusOr<shard::PortfolioRequest> RequestOf(const ledger::v1::TransferPortfolioRequest& request) {
  if (!IsPrintableId(request.request_id(), kRequestIdBytesMax)) {
    return FieldError("request_id", "must be 1 to 128 printable ASCII bytes");
  }
  KL_RETURN_IF_ERROR(CheckFact(request));
  if (!IsRegionPath(request.region())) return FieldError("region", "is not a region path");
  if (request.note().size() > kNoteBytesMax || !IsUtf8(request.note())) {
    return FieldError("note", "must be UTF-8 of at most 512 bytes");
  }
  if (request.actor().size() > kActorBytesMax || !IsUtf8(request.actor())) {
    return FieldError("actor", "must be UTF-8 of at most 128 bytes");
  }
  shard::PortfolioRequest out;
  if (request.has_transfer_time()) {
    KL_ASSIGN_OR_RETURN(out.transfer_time, CheckOccurredTime(request.transfer_time(), "transfer_time"));
  }
  out.from_person = request.from_person();
  out.to_person = request.to_person();
  out.role = request.role();
  out.reason = request.reason();
  out.rank = request.rank();
  out.region = request.region();
  out.note = request.note();
  out.request_id = request.request_id();
  out.actor = request.actor();
  ledger::v1::TransferPortfolioRequest body = request;
  body.clear_request_id();
  const merkle::Hash digest = merkle::Sha256(body.SerializeAsString());
  out.digest.assign(digest.begin(), digest.end());
  return out;
}

}  // namespace

grpc::ServerUnaryReactor* EngagementServiceImpl::TransferPortfolio(grpc::CallbackServerContext* call,
                                                                   const ledger::v1::TransferPortfolioRequest* request,
                                                                   ledger::v1::TransferPortfolioResponse* response) {
  const auto deadline = DeadlineOf(*call);
  const auto body = [this, call, deadline, request, response]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const shard::PortfolioRequest transfer, RequestOf(*request));
    shard::Portfolio& portfolio = context_.ledger.portfolio();
    KL_ASSIGN_OR_RETURN(const shard::PortfolioStatus status,
                        request->validate_only() ? portfolio.Preview(transfer, deadline, CanceledBy(*call))
                                                 : portfolio.Start(transfer));
    FillTransfer(status, *response->mutable_transfer());
    return absl::OkStatus();
  };
  // A preview reads all the accounts.
  return request->validate_only() ? RunQuery(context_, call, body) : RunUnary(context_, call, body);
}

grpc::ServerUnaryReactor* EngagementServiceImpl::GetPortfolioTransfer(
    grpc::CallbackServerContext* call, const ledger::v1::GetPortfolioTransferRequest* request,
    ledger::v1::GetPortfolioTransferResponse* response) {
  return RunUnary(context_, call, [this, request, response]() -> absl::Status {
    if (request->transfer_id().empty()) return FieldError("transfer_id", "is required");
    KL_ASSIGN_OR_RETURN(const shard::PortfolioStatus status, context_.ledger.portfolio().Get(request->transfer_id()));
    FillTransfer(status, *response->mutable_transfer());
    // Taken after what it is to cover.
    response->set_cursor(context_.ledger.Format(context_.ledger.HeadCursor()));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* EngagementServiceImpl::ListPortfolioTransfers(
    grpc::CallbackServerContext* call, const ledger::v1::ListPortfolioTransfersRequest* request,
    ledger::v1::ListPortfolioTransfersResponse* response) {
  return RunUnary(context_, call, [this, request, response]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const int page_size, CheckPageSize(request->page_size()));
    KL_ASSIGN_OR_RETURN(const uint64_t before, PageNumber(*request, std::numeric_limits<uint64_t>::max()));
    KL_ASSIGN_OR_RETURN(const auto transfers, context_.ledger.portfolio().List(before, page_size));
    for (const shard::PortfolioStatus& status : transfers) FillTransfer(status, *response->add_transfers());
    // Numbers count from 1 without a gap.
    if (static_cast<int>(transfers.size()) < page_size) return absl::OkStatus();
    const uint64_t last = shard::Portfolio::NumberOf(transfers.back());
    if (last > 1) response->set_next_page_token(NumberToken(*request, last));
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

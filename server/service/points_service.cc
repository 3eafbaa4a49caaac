// PointsService. See points_service.h.
#include <limits>
#include <optional>

#include "projections/points/points_queries.h"
#include "server/base/error.h"
#include "server/domain/proto_time.h"
#include "server/service/points_service.h"
#include "server/service/query_request.h"

namespace keyledger::service {
namespace {

// A per-account query of the projection "points": its rows, once they include min_cursor.
template <class Request>
absl::StatusOr<std::shared_ptr<const store::TableReader>> PointsRows(const ServiceContext& context,
                                                                     const Request& request,
                                                                     std::chrono::steady_clock::time_point deadline) {
  KL_RETURN_IF_ERROR(CheckAccountId(request.account_id()));
  return context.ledger.ReaderOf("points", request.account_id(), request.min_cursor(), deadline);
}

ledger::v1::LotState ToProto(projections::LotState state) {
  switch (state) {
    case projections::LotState::kPending:
      return ledger::v1::LOT_STATE_PENDING;
    case projections::LotState::kAvailable:
      return ledger::v1::LOT_STATE_AVAILABLE;
    case projections::LotState::kConsumed:
      return ledger::v1::LOT_STATE_CONSUMED;
    case projections::LotState::kReserved:
      return ledger::v1::LOT_STATE_RESERVED;
    case projections::LotState::kExpired:
      break;
  }
  return ledger::v1::LOT_STATE_EXPIRED;
}

absl::StatusOr<std::optional<projections::LotState>> FromProto(ledger::v1::LotState state) {
  switch (state) {
    case ledger::v1::LOT_STATE_UNSPECIFIED:
      return std::nullopt;
    case ledger::v1::LOT_STATE_PENDING:
      return projections::LotState::kPending;
    case ledger::v1::LOT_STATE_AVAILABLE:
      return projections::LotState::kAvailable;
    case ledger::v1::LOT_STATE_CONSUMED:
      return projections::LotState::kConsumed;
    case ledger::v1::LOT_STATE_EXPIRED:
      return projections::LotState::kExpired;
    case ledger::v1::LOT_STATE_RESERVED:
      return projections::LotState::kReserved;
    default:
      return FieldError("state", "is not a value of LotState");
  }
}

void FillLot(const projections::PointsLot& lot, ledger::v1::Lot& out) {
  out.set_lot_revision(lot.lot_revision);
  out.set_state(ToProto(lot.state));
  out.set_accrued(lot.accrued);
  out.set_remaining(lot.remaining);
  out.set_reserved(lot.reserved);
  out.set_inactivity_days(lot.inactivity_days);
  out.set_in_transit(lot.in_transit);
  out.set_transferred(lot.transferred);
  out.set_transfer_id(lot.transfer_id);
  out.set_from_account_id(lot.from_account_id);
  out.set_spent(lot.spent);
  out.set_reversed(lot.reversed);
  out.set_expired(lot.expired);
  domain::SetTimestamp(out.mutable_occurred_time(), lot.occurred);
  if (lot.activate.has_value()) domain::SetTimestamp(out.mutable_activate_time(), *lot.activate);
  if (lot.expire.has_value()) domain::SetTimestamp(out.mutable_expire_time(), *lot.expire);
  out.set_rule_id(lot.rule_id);
  out.set_program_id(lot.program_id);
  out.set_program_version(lot.program_version);
  if (lot.purchase_revision.has_value()) out.set_purchase_revision(*lot.purchase_revision);
}

void FillEntry(const projections::PointsStatementEntry& entry, ledger::v1::StatementEntry& out) {
  out.set_due(entry.due);
  if (!entry.due) {
    out.set_revision(entry.revision);
    out.set_position(entry.position);
    domain::SetTimestamp(out.mutable_record_time(), entry.recorded);
  }
  domain::SetTimestamp(out.mutable_occurred_time(), entry.occurred);
  out.set_kind(entry.kind);
  out.set_available_change(entry.available_change);
  out.set_pending_change(entry.pending_change);
  out.set_available_after(entry.available_after);
  out.set_pending_after(entry.pending_after);
  out.set_description(entry.description);
  out.set_transfer_id(entry.transfer_id);
  out.set_other_account_id(entry.other_account_id);
}

ledger::v1::TransferState ToProto(projections::TransferState state) {
  switch (state) {
    case projections::TransferState::kSent:
      return ledger::v1::TRANSFER_STATE_SENT;
    case projections::TransferState::kCompleted:
      return ledger::v1::TRANSFER_STATE_COMPLETED;
    case projections::TransferState::kReturned:
      break;
  }
  return ledger::v1::TRANSFER_STATE_RETURNED;
}

}  // namespace

grpc::ServerUnaryReactor* PointsServiceImpl::GetBalance(grpc::CallbackServerContext* call,
                                                        const ledger::v1::GetBalanceRequest* request,
                                                        ledger::v1::GetBalanceResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const Micros as_of, AsOf(*request, context_.clock));
    KL_ASSIGN_OR_RETURN(const auto rows, PointsRows(context_, *request, deadline));
    KL_ASSIGN_OR_RETURN(const auto balance, projections::GetPointsBalance(*rows, request->account_id(), as_of));
    response->set_account_id(request->account_id());
    domain::SetTimestamp(response->mutable_as_of(), as_of);
    ledger::v1::PointsBalance& out = *response->mutable_balance();
    out.set_available(balance.available);
    out.set_pending(balance.pending);
    out.set_spent(balance.spent);
    out.set_reserved(balance.reserved);
    out.set_debt(balance.debt);
    out.set_expired(balance.expired);
    out.set_reversed(balance.reversed);
    out.set_accrued(balance.accrued);
    out.set_in_transit(balance.in_transit);
    out.set_transferred_in(balance.transferred_in);
    out.set_transferred_out(balance.transferred_out);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PointsServiceImpl::ListLots(grpc::CallbackServerContext* call,
                                                      const ledger::v1::ListLotsRequest* request,
                                                      ledger::v1::ListLotsResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const Micros as_of, AsOf(*request, context_.clock));
    KL_ASSIGN_OR_RETURN(const int page_size, CheckPageSize(request->page_size()));
    KL_ASSIGN_OR_RETURN(const auto state, FromProto(request->state()));
    KL_ASSIGN_OR_RETURN(const std::string continuation, Continuation(*request));
    KL_ASSIGN_OR_RETURN(const auto rows, PointsRows(context_, *request, deadline));
    KL_ASSIGN_OR_RETURN(const auto page, projections::ListPointsLots(*rows, request->account_id(), as_of, state,
                                                                     page_size, continuation));
    for (const projections::PointsLot& lot : page.lots) FillLot(lot, *response->add_lots());
    response->set_next_page_token(NextPageToken(*request, page.continuation));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PointsServiceImpl::ListStatement(grpc::CallbackServerContext* call,
                                                           const ledger::v1::ListStatementRequest* request,
                                                           ledger::v1::ListStatementResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, request, response, deadline]() -> absl::Status {
    Micros from = std::numeric_limits<Micros>::min();
    Micros to = std::numeric_limits<Micros>::max();
    if (request->has_from_time()) {
      KL_ASSIGN_OR_RETURN(from, CheckTime(request->from_time(), "from_time"));
    }
    if (request->has_to_time()) {
      KL_ASSIGN_OR_RETURN(to, CheckTime(request->to_time(), "to_time"));
    }
    if (from > to) return FieldError("to_time", "must not be before from_time");
    KL_ASSIGN_OR_RETURN(const int page_size, CheckPageSize(request->page_size()));
    KL_ASSIGN_OR_RETURN(const std::string continuation, Continuation(*request));
    KL_ASSIGN_OR_RETURN(const auto rows, PointsRows(context_, *request, deadline));
    KL_ASSIGN_OR_RETURN(const auto page,
                        projections::ListPointsStatement(*rows, request->account_id(), from, to,
                                                         AsOfNow(context_.clock), page_size, continuation));
    for (const projections::PointsStatementEntry& entry : page.entries) FillEntry(entry, *response->add_entries());
    response->set_next_page_token(NextPageToken(*request, page.continuation));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PointsServiceImpl::GetTransfer(grpc::CallbackServerContext* call,
                                                         const ledger::v1::GetTransferRequest* request,
                                                         ledger::v1::GetTransferResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, request, response, deadline]() -> absl::Status {
    if (request->transfer_id().empty() || request->transfer_id().size() > 128) {
      return FieldError("transfer_id", "must be 1 to 128 bytes");
    }
    KL_ASSIGN_OR_RETURN(const auto rows, PointsRows(context_, *request, deadline));
    KL_ASSIGN_OR_RETURN(const auto transfer,
                        projections::GetPointsTransfer(*rows, request->account_id(), request->transfer_id()));
    ledger::v1::Transfer& out = *response->mutable_transfer();
    out.set_transfer_id(request->transfer_id());
    out.set_account_id(request->account_id());
    out.set_to_account_id(transfer.to_account_id);
    out.set_points(transfer.points);
    out.set_state(ToProto(transfer.state));
    out.set_reason(transfer.reason);
    domain::SetTimestamp(out.mutable_occurred_time(), transfer.occurred);
    domain::SetTimestamp(out.mutable_record_time(), transfer.recorded);
    if (transfer.end_recorded.has_value()) {
      domain::SetTimestamp(out.mutable_end_record_time(), *transfer.end_recorded);
    }
    out.set_refusal(transfer.refusal);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PointsServiceImpl::GetExpirySchedule(grpc::CallbackServerContext* call,
                                                               const ledger::v1::GetExpiryScheduleRequest* request,
                                                               ledger::v1::GetExpiryScheduleResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const Micros as_of, AsOf(*request, context_.clock));
    KL_ASSIGN_OR_RETURN(const auto rows, PointsRows(context_, *request, deadline));
    KL_ASSIGN_OR_RETURN(const auto schedule, projections::GetPointsExpirySchedule(*rows, request->account_id(), as_of));
    for (const projections::ExpiryEntry& entry : schedule.entries) {
      ledger::v1::ExpiryScheduleEntry& out = *response->add_entries();
      domain::SetTimestamp(out.mutable_expire_time(), entry.expire);
      out.set_points(entry.points);
    }
    response->set_never(schedule.never);
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

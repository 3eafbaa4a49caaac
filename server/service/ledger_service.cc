// See ledger_service.h.
#include "server/service/ledger_service.h"

#include <utility>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/service/append_request.h"
#include "server/service/append_stream.h"
#include "server/service/log_sources.h"
#include "server/service/rpc_status.h"

namespace keyledger::service {

std::string CursorAfter(const shard::Ledger& log, uint32_t shard, uint64_t next) {
  Cursor cursor = log.HeadCursor();
  cursor.next[shard] = next;
  return log.Format(cursor);
}

grpc::ServerUnaryReactor* LedgerServiceImpl::Append(grpc::CallbackServerContext* call,
                                                    const ledger::v1::AppendRequest* request,
                                                    ledger::v1::AppendResponse* response) {
  grpc::ServerUnaryReactor* const reactor = call->DefaultReactor();
  const auto append = [this, reactor, request, response] {
    const bool full = request->view() != ledger::v1::APPEND_VIEW_BASIC;
    const auto keys = std::make_shared<vault::KeyUse>();
    absl::StatusOr<shard::AppendCommand> command = ToCommand(*request, context_.vault, keys.get());
    if (!command.ok()) {
      reactor->Finish(ToGrpcStatus(command.status()));
      return;
    }
    context_.ledger.Append(*std::move(command),
                           [this, reactor, response, full, keys](absl::StatusOr<shard::AppendAnswer> answer) {
                             SettleKeys(answer.status(), *keys);
                             if (!answer.ok()) {
                               reactor->Finish(ToGrpcStatus(answer.status()));
                               return;
                             }
                             std::string cursor = CursorAfter(context_.ledger, answer->shard, answer->next_position);
                             FillResponse(*std::move(answer), full, std::move(cursor), *response);
                             reactor->Finish(grpc::Status::OK);
                           });
  };
  if (context_.vault == nullptr || !HasPersonal(*request)) {
    append();
    return reactor;
  }
  // A new data subject's key is synced before it is used.
  if (!context_.workers.Submit(append)) {
    absl::Status status =
        MakeError(Reason::kQueueFull, "too many requests wait to be sealed; repeat the request later");
    SetRetryDelayMs(status, 200);
    reactor->Finish(ToGrpcStatus(status));
  }
  return reactor;
}

grpc::ServerBidiReactor<ledger::v1::AppendStreamRequest, ledger::v1::AppendStreamResponse>*
LedgerServiceImpl::AppendStream(grpc::CallbackServerContext*) {
  return AppendStream::Start(context_);
}

grpc::ServerWriteReactor<ledger::v1::ReadAccountResponse>* LedgerServiceImpl::ReadAccount(
    grpc::CallbackServerContext*, const ledger::v1::ReadAccountRequest* request) {
  return FrameStream<ledger::v1::ReadAccountResponse>::Start(
      context_, context_.workers, [this, request] { return MakeReadAccountSource(context_, *request); });
}

grpc::ServerWriteReactor<ledger::v1::ReadLogResponse>* LedgerServiceImpl::ReadLog(
    grpc::CallbackServerContext*, const ledger::v1::ReadLogRequest* request) {
  return FrameStream<ledger::v1::ReadLogResponse>::Start(
      context_, context_.workers, [this, request] { return MakeReadLogSource(context_, *request); });
}

grpc::ServerWriteReactor<ledger::v1::SubscribeResponse>* LedgerServiceImpl::Subscribe(
    grpc::CallbackServerContext*, const ledger::v1::SubscribeRequest* request) {
  return FrameStream<ledger::v1::SubscribeResponse>::Start(
      context_, context_.workers, [this, request] { return MakeSubscribeSource(context_, *request); });
}

grpc::ServerUnaryReactor* LedgerServiceImpl::GetRecord(grpc::CallbackServerContext* call,
                                                       const ledger::v1::GetRecordRequest* request,
                                                       ledger::v1::GetRecordResponse* response) {
  return RunUnary(context_, call, [this, request, response]() -> absl::Status {
    uint32_t shard = 0;
    uint64_t position = 0;
    if (request->has_log()) {
      shard = request->log().shard();
      position = request->log().position();
      if (shard >= context_.ledger.shard_count()) {
        return FieldError("log.shard",
                          fmt::format("there are {} shards, numbered from 0", context_.ledger.shard_count()));
      }
    } else if (request->has_stream()) {
      const std::string& account_id = request->stream().account_id();
      if (!IsReadableOwnStream(account_id)) KL_RETURN_IF_ERROR(CheckAccountId(account_id, "stream.account_id"));
      const shard::Shard& home = context_.ledger.ShardOfAccount(account_id);
      shard = home.number();
      KL_ASSIGN_OR_RETURN(const auto last, home.store().LastRevision(account_id));
      if (!last.has_value())
        return MakeError(Reason::kAccountNotFound, fmt::format("there is no account {}", account_id));
      KL_ASSIGN_OR_RETURN(const auto found, home.store().PositionOf(account_id, request->stream().revision()));
      if (!found.has_value()) {
        return MakeError(Reason::kRecordNotFound, fmt::format("account {} has no revision {}; its last is {}",
                                                              account_id, request->stream().revision(), *last));
      }
      position = *found;
    } else {
      return FieldError("place", "is required: log or stream");
    }
    KL_ASSIGN_OR_RETURN(std::string bytes, context_.ledger.shard(shard).store().GetRecord(position));
    if (!response->mutable_record()->ParseFromString(bytes)) {
      return MakeError(Reason::kStoreDamaged, fmt::format("record {} of shard {} cannot be read", position, shard));
    }
    response->set_record_bytes(std::move(bytes));
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

// AccountService.ExplainAccount. See account_service.h.
#include <map>

#include <fmt/format.h>

#include "projections/points/points_causes.h"
#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/domain/proto_time.h"
#include "server/service/account_service.h"
#include "server/service/query_request.h"
#include "server/shard/account_reader.h"

namespace keyledger::service {
namespace {

using events::v1::Event;
using projections::BalanceCause;

std::string Invoice(const std::string& merchant_id, const std::string& number) {
  return number.empty() ? merchant_id : fmt::format("{} {}", merchant_id, number);
}

std::string DescriptionOf(const Event& event) {
  switch (event.payload_case()) {
    case Event::kPurchaseRecorded:
      return Invoice(event.purchase_recorded().merchant_id(), event.purchase_recorded().invoice_number());
    case Event::kPurchaseReturned:
      return Invoice(event.purchase_returned().merchant_id(), event.purchase_returned().return_number());
    case Event::kPointsRedeemed:
      return event.points_redeemed().reward();
    case Event::kPointsAdjusted:
      return event.points_adjusted().reason();
    case Event::kPointsReserved:
      return event.points_reserved().reservation_id();
    case Event::kReservationCaptured:
      return event.reservation_captured().reservation_id();
    case Event::kReservationReleased:
      return event.reservation_released().reservation_id();
    case Event::kReservationExpired:
      return event.reservation_expired().reservation_id();
    case Event::kPointsTransferSent:
      return event.points_transfer_sent().transfer_id();
    case Event::kPointsTransferReceived:
      return event.points_transfer_received().transfer_id();
    case Event::kPointsTransferCompleted:
      return event.points_transfer_completed().transfer_id();
    case Event::kPointsTransferReturned:
      return event.points_transfer_returned().transfer_id();
    case Event::kAccountMerged:
      return event.account_merged().into_account_id();
    case Event::kAccountMergeCompleted:
      return event.account_merge_completed().into_account_id();
    case Event::kAccountMergeReturned:
      return event.account_merge_returned().into_account_id();
    default:
      return "";
  }
}

// Fills in what the projection does not keep: what the record behind the cause says.
absl::Status FillRecord(const store::ShardStore& store, const std::string& account_id, const BalanceCause& cause,
                        ledger::v1::BalanceCause& out) {
  if (cause.due && cause.kind == events::v1::EVENT_KIND_POINTS_EXPIRED) return absl::OkStatus();
  KL_ASSIGN_OR_RETURN(events::v1::EventRecord record, shard::ReadRecord(store, account_id, cause.revision));
  const Event& event = record.event();
  if (event.has_points_reversed() || event.has_points_restored()) {
    out.set_revision(event.has_points_reversed() ? event.points_reversed().return_revision()
                                                 : event.points_restored().return_revision());
    KL_ASSIGN_OR_RETURN(record, shard::ReadRecord(store, account_id, out.revision()));
  }
  out.set_description(DescriptionOf(record.event()));
  return absl::OkStatus();
}

void FillCause(const BalanceCause& cause, ledger::v1::BalanceCause& out) {
  out.set_kind(cause.kind);
  domain::SetTimestamp(out.mutable_occurred_time(), cause.occurred);
  out.set_points(cause.points);
  out.set_revision(cause.revision);
  out.set_due(cause.due);
  for (const projections::CausePart& part : cause.parts) {
    ledger::v1::BalanceCausePart& entry = *out.add_parts();
    entry.set_points(part.points);
    entry.set_lot_revision(part.lot_revision);
    entry.set_rule_id(part.rule_id);
    entry.set_program_id(part.program_id);
    entry.set_program_version(part.program_version);
  }
}

void FillTotals(const std::vector<BalanceCause>& causes, ledger::v1::ExplainAccountResponse& response) {
  std::map<events::v1::EventKind, std::pair<int64_t, int64_t>> totals;
  int64_t points = 0;
  for (const BalanceCause& cause : causes) {
    auto& [count, sum] = totals[cause.kind];
    count += 1;
    sum += cause.points;
    points += cause.points;
  }
  response.set_points(points);
  for (const auto& [kind, total] : totals) {
    ledger::v1::BalanceCauseTotal& entry = *response.add_totals();
    entry.set_kind(kind);
    entry.set_causes(total.first);
    entry.set_points(total.second);
  }
}

}  // namespace

grpc::ServerUnaryReactor* AccountServiceImpl::ExplainAccount(grpc::CallbackServerContext* call,
                                                             const ledger::v1::ExplainAccountRequest* request,
                                                             ledger::v1::ExplainAccountResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, request, response, deadline]() -> absl::Status {
    const std::string& account_id = request->account_id();
    KL_RETURN_IF_ERROR(CheckAccountId(account_id));
    KL_ASSIGN_OR_RETURN(Micros as_of, AsOf(*request, context_.clock));
    KL_ASSIGN_OR_RETURN(const int page_size, CheckPageSize(request->page_size()));
    // The token holds the moment, so that all pages are of one list, and how many causes came before.
    KL_ASSIGN_OR_RETURN(const std::string continuation, Continuation(*request));
    uint64_t first = 0;
    if (std::string_view in(continuation); !in.empty() && (!GetOrdered64(in, as_of) || !GetBigEndian64(in, first))) {
      return MakeError(Reason::kInvalidToken, "not a page token of this ledger");
    }
    KL_ASSIGN_OR_RETURN(const auto rows,
                        context_.ledger.ReaderOf("points", account_id, request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const std::vector<BalanceCause> causes,
                        projections::GetBalanceCauses(*rows, account_id, as_of));
    response->set_account_id(account_id);
    domain::SetTimestamp(response->mutable_as_of(), as_of);
    FillTotals(causes, *response);
    const store::ShardStore& store = context_.ledger.ShardOfAccount(account_id).store();
    for (size_t i = first; i < causes.size(); ++i) {
      if (response->causes_size() == page_size) {
        std::string place;
        PutOrdered64(place, as_of);
        PutBigEndian64(place, i);
        response->set_next_page_token(NextPageToken(*request, place));
        break;
      }
      ledger::v1::BalanceCause& out = *response->add_causes();
      FillCause(causes[i], out);
      KL_RETURN_IF_ERROR(FillRecord(store, account_id, causes[i], out));
    }
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

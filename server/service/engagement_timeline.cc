// EngagementService: answers that show records: everything that happened with an account, flags and violations. See
// engagement_service.h.
#include <cstddef>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "keyledger/events/v1/event.pb.h"
#include "projections/engagement/attendance_queries.h"
#include "projections/engagement/given_queries.h"
#include "projections/engagement/timeline_queries.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/event_kinds.h"
#include "server/domain/proto_time.h"
#include "server/service/engagement_scope.h"
#include "server/service/engagement_service.h"
#include "server/service/query_request.h"
#include "server/service/retention_scope.h"
#include "server/shard/account_reader.h"

namespace keyledger::service {
namespace {

namespace engagement = projections::engagement;

constexpr int kKindsMax = 50;

// A page ends early once its entries have so many bytes: clients take messages of 4 MiB unless told otherwise, and the
// largest record, that of a merge, may have 3.5 MiB (server/domain/merges.cc).
constexpr size_t kPageBytesMax = 256u << 10;

// Has `fill` answer with the rows one after the other, each time returning the bytes of its entry, until there are
// enough. Returns what the next page continues after; `continuation` is that of all the rows.
template <class Row, class Fill>
absl::StatusOr<std::string> FillPage(const std::vector<Row>& rows, const std::string& continuation, const Fill& fill) {
  size_t bytes = 0;
  for (const Row& row : rows) {
    KL_ASSIGN_OR_RETURN(const size_t entry, fill(row));
    bytes += entry;
    if (bytes >= kPageBytesMax && &row != &rows.back()) return engagement::ContinuationAfter(row);
  }
  return continuation;
}

absl::StatusOr<engagement::TimelineQuery> ToQuery(const ledger::v1::GetTimelineRequest& request,
                                                  engagement::EngagementScope& scope) {
  engagement::TimelineQuery query;
  query.account_id = request.account_id();
  KL_ASSIGN_OR_RETURN(query.start, StartOf(request, scope.as_of));
  if (request.kinds_size() > kKindsMax) {
    return FieldError("kinds", fmt::format("must have at most {} entries", kKindsMax));
  }
  for (int i = 0; i < request.kinds_size(); ++i) {
    const int kind = request.kinds(i);
    if (!events::v1::EventKind_IsValid(kind) || !(domain::IsFactKind(kind) || domain::IsDecisionKind(kind))) {
      return FieldError(fmt::format("kinds[{}]", i), "is not a kind of fact or decision");
    }
    query.kinds.insert(kind);
  }
  query.decisions = request.decisions();
  query.retracted = request.retracted();
  KL_ASSIGN_OR_RETURN(query.page_size, CheckPageSize(request.page_size()));
  KL_ASSIGN_OR_RETURN(query.continuation, PageAfter(request, scope));
  return query;
}

// The flag, and what the record of it and that of the fact say beside it.
absl::Status FillFlag(const ServiceContext& context, const engagement::RecordPlace& place, ledger::v1::FlagEntry& out) {
  KL_ASSIGN_OR_RETURN(const events::v1::EventRecord record, ReadRecordAt(context, place.account_id, place.position));
  const events::v1::ComplianceFlagged& flag = record.event().compliance_flagged();
  KL_ASSIGN_OR_RETURN(const events::v1::EventRecord fact,
                      shard::ReadRecord(context.ledger.ShardOfAccount(place.account_id).store(), place.account_id,
                                        flag.fact_revision()));
  out.set_account_id(place.account_id);
  *out.mutable_occurred_time() = record.occurred_time();
  *out.mutable_flag() = flag;
  out.set_fact_kind(static_cast<events::v1::EventKind>(fact.event().payload_case()));
  out.set_program_id(record.program().program_id());
  out.set_program_version(record.program().version());
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* EngagementServiceImpl::GetTimeline(grpc::CallbackServerContext* call,
                                                             const ledger::v1::GetTimelineRequest* request,
                                                             ledger::v1::GetTimelineResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_RETURN_IF_ERROR(CheckAccountExists(context_, request->account_id()));
    KL_ASSIGN_OR_RETURN(engagement::EngagementScope scope, ToAccountScope(*request, *call, context_));
    // What a client's clock dates ahead is there, too.
    if (!request->has_as_of()) scope.as_of = engagement::kNoEnd;
    KL_ASSIGN_OR_RETURN(const engagement::TimelineQuery query, ToQuery(*request, scope));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto page, engagement::ListTimeline(Pointers(readers), scope, query));
    const auto fill = [&](const engagement::TimelineRow& row) -> absl::StatusOr<size_t> {
      ledger::v1::TimelineEntry& entry = *response->add_entries();
      KL_ASSIGN_OR_RETURN(*entry.mutable_record(), ReadRecordAt(context_, row.account_id, row.position));
      entry.set_retracted(row.retracted);
      return entry.ByteSizeLong();
    };
    KL_ASSIGN_OR_RETURN(const std::string continuation, FillPage(page.rows, page.continuation, fill));
    response->set_merged_into_account_id(page.merged_into);
    response->set_next_page_token(PageToken(*request, scope, continuation));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* EngagementServiceImpl::ListAttendance(grpc::CallbackServerContext* call,
                                                                const ledger::v1::ListAttendanceRequest* request,
                                                                ledger::v1::ListAttendanceResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(engagement::EngagementScope scope, ToEngagementScope(request->scope(), *call, context_));
    engagement::AttendanceQuery query;
    if (request->activity_id().empty()) return FieldError("activity_id", "is required");
    KL_RETURN_IF_ERROR(CheckText(request->activity_id(), kActivityBytesMax, "activity_id"));
    query.activity_id = request->activity_id();
    KL_ASSIGN_OR_RETURN(query.page_size, CheckPageSize(request->page_size()));
    KL_ASSIGN_OR_RETURN(query.continuation, PageAfter(*request, scope));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto answer, engagement::ListAttendance(Pointers(readers), scope, query));
    for (const engagement::AttendanceRow& row : answer.rows) {
      ledger::v1::Attendance& out = *response->add_attendances();
      out.set_account_id(row.account_id);
      domain::SetTimestamp(out.mutable_occurred_time(), row.occurred);
      out.set_kind(row.kind);
      out.mutable_contact_ids()->Add(row.contact_ids.begin(), row.contact_ids.end());
      out.mutable_people()->Add(row.people.begin(), row.people.end());
    }
    response->set_account_count(answer.account_count);
    response->set_contact_count(answer.contact_count);
    response->set_next_page_token(PageToken(*request, scope, answer.continuation));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* EngagementServiceImpl::ListFlags(grpc::CallbackServerContext* call,
                                                           const ledger::v1::ListFlagsRequest* request,
                                                           ledger::v1::ListFlagsResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(engagement::EngagementScope scope, ToEngagementScope(request->scope(), *call, context_));
    engagement::FlagsQuery query;
    KL_ASSIGN_OR_RETURN(query.start, StartOf(*request, scope.as_of));
    if (!request->limit_id().empty() && !IsSnakeId(request->limit_id())) {
      return FieldError("limit_id", "must be lower snake case of at most 64 bytes, for example gifts");
    }
    query.limit_id = request->limit_id();
    if (!events::v1::LimitMeasure_IsValid(request->measure())) {
      return FieldError("measure", "is not a value of LimitMeasure");
    }
    query.measure = request->measure();
    KL_ASSIGN_OR_RETURN(query.page_size, CheckPageSize(request->page_size()));
    KL_ASSIGN_OR_RETURN(query.continuation, PageAfter(*request, scope));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto page, engagement::ListFlags(Pointers(readers), scope, query));
    const auto fill = [&](const engagement::RecordPlace& place) -> absl::StatusOr<size_t> {
      ledger::v1::FlagEntry& entry = *response->add_flags();
      KL_RETURN_IF_ERROR(FillFlag(context_, place, entry));
      return entry.ByteSizeLong();
    };
    KL_ASSIGN_OR_RETURN(const std::string continuation, FillPage(page.flags, page.continuation, fill));
    response->set_flag_count(page.flag_count);
    response->set_next_page_token(PageToken(*request, scope, continuation));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* EngagementServiceImpl::ListViolations(grpc::CallbackServerContext* call,
                                                                const ledger::v1::ListViolationsRequest* request,
                                                                ledger::v1::ListViolationsResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(engagement::EngagementScope scope, ToEngagementScope(request->scope(), *call, context_));
    engagement::ViolationsQuery query;
    if (!request->account_id().empty()) KL_RETURN_IF_ERROR(CheckAccountExists(context_, request->account_id()));
    query.account_id = request->account_id();
    KL_ASSIGN_OR_RETURN(query.start, StartOf(*request, scope.as_of));
    KL_ASSIGN_OR_RETURN(query.page_size, CheckPageSize(request->page_size()));
    KL_ASSIGN_OR_RETURN(query.continuation, PageAfter(*request, scope));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto page, engagement::ListViolations(Pointers(readers), scope, query));
    const auto fill = [&](const engagement::ViolationRow& row) -> absl::StatusOr<size_t> {
      ledger::v1::ViolationEntry& entry = *response->add_violations();
      entry.set_account_id(row.account_id);
      for (const engagement::RecordPlace& place : row.records) {
        KL_ASSIGN_OR_RETURN(*entry.add_records(), ReadRecordAt(context_, place.account_id, place.position));
      }
      entry.set_sanctions_open(row.sanctions_open);
      return entry.ByteSizeLong();
    };
    KL_ASSIGN_OR_RETURN(const std::string continuation, FillPage(page.violations, page.continuation, fill));
    response->mutable_side_counts()->Add(page.side_counts.begin(), page.side_counts.end());
    response->set_next_page_token(PageToken(*request, scope, continuation));
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

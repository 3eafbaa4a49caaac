// EngagementService.GetManagement. See engagement_service.h.
#include "projections/engagement/management_queries.h"
#include "server/base/error.h"
#include "server/service/engagement_scope.h"
#include "server/service/engagement_service.h"
#include "server/service/query_request.h"

namespace keyledger::service {
namespace {

namespace engagement = projections::engagement;

absl::StatusOr<engagement::ManagementGroup> ToGroup(ledger::v1::GroupDimension dimension) {
  switch (dimension) {
    case ledger::v1::GROUP_DIMENSION_UNSPECIFIED:
      return engagement::ManagementGroup::kNone;
    case ledger::v1::GROUP_DIMENSION_REGION:
      return engagement::ManagementGroup::kRegion;
    case ledger::v1::GROUP_DIMENSION_SEGMENT:
      return engagement::ManagementGroup::kSegment;
    case ledger::v1::GROUP_DIMENSION_OWNER:
      return engagement::ManagementGroup::kOwner;
    case ledger::v1::GROUP_DIMENSION_TIER:
      return engagement::ManagementGroup::kTier;
    case ledger::v1::GROUP_DIMENSION_CLUB:
      return engagement::ManagementGroup::kClub;
    default:
      return FieldError("dimension", "is not a value of GroupDimension");
  }
}

void Fill(const engagement::ManagementCount& count, ledger::v1::ManagementCount& out) {
  out.set_value(count.value);
  out.set_accounts(count.accounts);
  out.set_owned(count.owned);
  out.set_planned(count.planned);
  out.set_reviewed(count.reviewed);
  out.set_asked(count.asked);
  out.set_kept(count.kept);
  out.set_met(count.met);
  out.set_managed(count.managed);
  if (count.accounts > 0) {
    out.set_managed_share(static_cast<double>(count.managed) / static_cast<double>(count.accounts));
  }
}

}  // namespace

grpc::ServerUnaryReactor* EngagementServiceImpl::GetManagement(grpc::CallbackServerContext* call,
                                                               const ledger::v1::GetManagementRequest* request,
                                                               ledger::v1::GetManagementResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(engagement::EngagementScope scope, ToEngagementScope(request->scope(), *call, context_));
    engagement::ManagementQuery query;
    KL_ASSIGN_OR_RETURN(query.start, StartOrYear(*request, scope.as_of));
    KL_ASSIGN_OR_RETURN(query.by, ToGroup(request->dimension()));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(
        const auto answer,
        engagement::GetManagement(Pointers(readers), scope, *ProgramsKnownAt(context_, scope.known_at), query));
    Fill(answer.total, *response->mutable_total());
    for (const engagement::ManagementCount& group : answer.groups) Fill(group, *response->add_groups());
    response->set_without(answer.without);
    response->set_truncated(answer.truncated);
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

#include "server/service/engagement_scope.h"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/service/query_request.h"
#include "server/service/retention_scope.h"
#include "server/shard/purchase_reader.h"

namespace keyledger::service {

absl::StatusOr<projections::engagement::EngagementScope> ToEngagementScope(const ledger::v1::EngagementScope& scope,
                                                                           const grpc::CallbackServerContext& call,
                                                                           const ServiceContext& context,
                                                                           std::string_view prefix) {
  projections::engagement::EngagementScope out;
  out.as_of = AsOfNow(context.clock);
  if (scope.has_as_of()) {
    KL_ASSIGN_OR_RETURN(out.as_of, CheckPast(scope.as_of(), fmt::format("{}as_of", prefix), context.clock));
  }
  if (scope.has_known_at()) {
    KL_ASSIGN_OR_RETURN(out.known_at, CheckPast(scope.known_at(), fmt::format("{}known_at", prefix), context.clock));
  }
  KL_ASSIGN_OR_RETURN(out.filter, ToFilter(scope.accounts()));
  out.canceled = CanceledBy(call);
  return out;
}

std::shared_ptr<const domain::ProgramSet> ProgramsKnownAt(const ServiceContext& context, Micros known_at) {
  if (known_at == projections::engagement::kNoEnd) return context.ledger.shard(0).programs();
  std::vector<std::shared_ptr<const domain::CompiledProgram>> programs;
  for (const shard::PublishedProgram& published : context.ledger.published()) {
    if (published.publish_time < known_at) programs.push_back(published.program);
  }
  return std::make_shared<const domain::ProgramSet>(std::move(programs));
}

absl::Status CheckPageMoment(Micros moment, const projections::engagement::EngagementScope& scope) {
  if (moment >= domain::kTimeMin && moment <= scope.as_of) return absl::OkStatus();
  return MakeError(Reason::kInvalidToken, "the page token is of a moment that cannot be asked about");
}

absl::Status CheckText(const std::string& text, size_t bytes_max, std::string_view field) {
  if (text.size() <= bytes_max && IsUtf8(text)) return absl::OkStatus();
  return FieldError(field, fmt::format("must be UTF-8 of at most {} bytes", bytes_max));
}

absl::StatusOr<events::v1::EventRecord> ReadRecordAt(const ServiceContext& context, const std::string& account_id,
                                                     uint64_t position) {
  const shard::Shard& home = context.ledger.ShardOfAccount(account_id);
  events::v1::EventRecord record;
  KL_RETURN_IF_ERROR(shard::ReadRecord(home.store(), home.number(), position, record));
  return record;
}

}  // namespace keyledger::service

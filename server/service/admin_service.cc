// AdminService. See operator_services.h.
#include "server/base/error.h"
#include "server/domain/proto_time.h"
#include "server/service/operator_services.h"

namespace keyledger::service {
namespace {

void FillProjection(const projections::ProjectionStatus& status, uint32_t shard, ledger::v1::ProjectionInfo& out) {
  out.set_name(status.name);
  out.set_version(status.version);
  out.set_shard(shard);
  switch (status.state) {
    case projections::BuildState::kFollowing:
      out.set_state(ledger::v1::PROJECTION_STATE_FOLLOWING);
      break;
    case projections::BuildState::kRebuilding:
      out.set_state(ledger::v1::PROJECTION_STATE_REBUILDING);
      break;
    case projections::BuildState::kFailed:
      out.set_state(ledger::v1::PROJECTION_STATE_FAILED);
      break;
  }
  out.set_applied(status.applied);
  out.set_lag(status.lag);
  out.set_rebuild_applied(status.rebuild_applied);
  out.set_rebuilds(status.rebuilds);
  out.set_detail(status.detail);
}

}  // namespace

grpc::ServerUnaryReactor* AdminServiceImpl::GetStatus(grpc::CallbackServerContext* call,
                                                      const ledger::v1::GetStatusRequest*,
                                                      ledger::v1::GetStatusResponse* response) {
  return RunUnary(context_, call, [this, response]() -> absl::Status {
    response->set_version(version_);
    domain::SetTimestamp(response->mutable_start_time(), start_time_);
    response->set_ledger_id(context_.ledger.ledger_id());
    for (uint32_t number = 0; number < context_.ledger.shard_count(); ++number) {
      shard::Shard& shard = context_.ledger.shard(number);
      ledger::v1::ShardInfo& out = *response->add_shards();
      const absl::Status write_status = shard.write_status();
      const auto [size, root] = shard.Root();
      const shard::ShardStats stats = shard.stats();
      out.set_shard(number);
      out.set_state(write_status.ok() ? ledger::v1::SHARD_STATE_SERVING : ledger::v1::SHARD_STATE_READ_ONLY);
      out.set_detail(MessageOf(write_status));
      out.set_record_count(size);
      out.set_queued_requests(stats.queued_requests);
      out.set_committed_groups(stats.committed_groups);
      out.set_disk_bytes(shard.store().disk_bytes());
      if (size == 0) continue;
      out.set_root_hash(root.data(), root.size());
      KL_ASSIGN_OR_RETURN(const std::string bytes, shard.store().GetRecord(size - 1));
      events::v1::EventRecord record;
      if (record.ParseFromString(bytes)) *out.mutable_last_record_time() = record.record_time();
    }
    response->set_head_cursor(context_.ledger.Format(context_.ledger.HeadCursor()));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdminServiceImpl::ListProjections(grpc::CallbackServerContext* call,
                                                            const ledger::v1::ListProjectionsRequest* request,
                                                            ledger::v1::ListProjectionsResponse* response) {
  return RunQuery(context_, call, [this, request, response]() -> absl::Status {
    std::vector<std::vector<projections::ProjectionStatus>> by_shard;
    for (uint32_t number = 0; number < context_.ledger.shard_count(); ++number)
      by_shard.push_back(context_.ledger.engine(number).List());
    for (size_t i = 0; i < by_shard[0].size(); ++i) {
      for (uint32_t number = 0; number < context_.ledger.shard_count(); ++number) {
        const projections::ProjectionStatus& status = by_shard[number][i];
        ledger::v1::ProjectionInfo& out = *response->add_projections();
        FillProjection(status, number, out);
        if (!request->with_digest()) continue;
        KL_ASSIGN_OR_RETURN(const std::string digest, context_.ledger.engine(number).Digest(status.name));
        out.set_digest(digest);
      }
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdminServiceImpl::RebuildProjection(grpc::CallbackServerContext* call,
                                                              const ledger::v1::RebuildProjectionRequest* request,
                                                              ledger::v1::RebuildProjectionResponse* response) {
  return RunUnary(context_, call, [this, request, response]() -> absl::Status {
    if (request->name().empty()) return FieldError("name", "is required");
    for (uint32_t number = 0; number < context_.ledger.shard_count(); ++number) {
      projections::Engine& engine = context_.ledger.engine(number);
      KL_RETURN_IF_ERROR(engine.Rebuild(request->name()));
      for (const projections::ProjectionStatus& status : engine.List()) {
        if (status.name == request->name()) FillProjection(status, number, *response->add_projections());
      }
    }
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

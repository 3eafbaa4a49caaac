// RetentionService.GetMigration. See retention_service.h.
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "projections/retention/migration_queries.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/service/query_request.h"
#include "server/service/retention_scope.h"
#include "server/service/retention_service.h"

namespace keyledger::service {
namespace {

constexpr int32_t kDiscountMilliMax = 1'000;

absl::StatusOr<projections::MigrationOf> ToOf(ledger::v1::MigrationOf of) {
  switch (of) {
    case ledger::v1::MIGRATION_OF_UNSPECIFIED:
    case ledger::v1::MIGRATION_OF_RECENCY:
      return projections::MigrationOf::kRecency;
    case ledger::v1::MIGRATION_OF_CLASS:
      return projections::MigrationOf::kClass;
    case ledger::v1::MIGRATION_OF_TIER:
      return projections::MigrationOf::kTier;
    case ledger::v1::MIGRATION_OF_STAGE:
      return projections::MigrationOf::kStage;
    default:
      return FieldError("of", "is not a value of MigrationOf");
  }
}

// What is of one kind of states only is refused with another: it would change nothing, and silently.
absl::Status CheckOnlyWith(bool given, bool wanted, std::string_view field, std::string_view of) {
  if (!given || wanted) return absl::OkStatus();
  return FieldError(field, fmt::format("must be empty unless of is {}", of));
}

// Ladders of tiers, or lifecycles, of all published programs, in order.
std::set<std::string> PublishedLadders(const shard::Ledger& ledger, projections::MigrationOf of) {
  std::set<std::string> ladders;
  for (const shard::PublishedProgram& entry : ledger.published()) {
    const programs::v1::Program& program = entry.program->program();
    if (of == projections::MigrationOf::kTier && program.has_tier_ladder()) {
      ladders.insert(program.tier_ladder().ladder_id());
    }
    if (of == projections::MigrationOf::kStage) {
      for (const programs::v1::StageLadder& lifecycle : program.stage_ladders()) ladders.insert(lifecycle.ladder_id());
    }
  }
  return ladders;
}

// One that no program has ever had is a slip of the pen: its answer would be empty, and silently.
absl::Status CheckLadder(const shard::Ledger& ledger, projections::MigrationOf of, const std::string& ladder_id,
                         std::string_view field) {
  if (!IsSnakeId(ladder_id)) return FieldError(field, "must be lower snake case of 1 to 64 bytes, for example main");
  const std::set<std::string> ladders = PublishedLadders(ledger, of);
  if (ladders.count(ladder_id) > 0) return absl::OkStatus();
  constexpr size_t kNamedMax = 20;
  std::vector<std::string> named(ladders.begin(), ladders.end());
  if (named.size() > kNamedMax) named.resize(kNamedMax);
  return FieldError(field, named.empty()
                               ? "no published program has one"
                               : fmt::format("no published program has it; there are: {}", fmt::join(named, ", ")));
}

absl::Status TakeCuts(const ledger::v1::GetMigrationRequest& request, projections::MigrationQuestion& question) {
  if (request.class_cuts_milli().empty()) return absl::OkStatus();
  if (static_cast<size_t>(request.class_cuts_milli_size()) > projections::kClassCutsMax) {
    return FieldError("class_cuts_milli", fmt::format("must have at most {} entries", projections::kClassCutsMax));
  }
  int32_t previous = 0;
  for (int i = 0; i < request.class_cuts_milli_size(); ++i) {
    const int32_t cut = request.class_cuts_milli(i);
    if (cut <= previous || cut > 999) {
      return FieldError(fmt::format("class_cuts_milli[{}]", i),
                        fmt::format("must be more than {} and at most 999, not {}", previous, cut));
    }
    previous = cut;
  }
  question.class_cuts_milli.assign(request.class_cuts_milli().begin(), request.class_cuts_milli().end());
  return absl::OkStatus();
}

absl::StatusOr<projections::MigrationQuestion> ToQuestion(const shard::Ledger& ledger,
                                                          const ledger::v1::GetMigrationRequest& request) {
  using projections::MigrationOf;
  projections::MigrationQuestion question;
  KL_ASSIGN_OR_RETURN(question.of, ToOf(request.of()));
  KL_RETURN_IF_ERROR(
      CheckOnlyWith(!request.ladder_id().empty(), question.of == MigrationOf::kTier, "ladder_id", "MIGRATION_OF_TIER"));
  KL_RETURN_IF_ERROR(CheckOnlyWith(!request.lifecycle_id().empty(), question.of == MigrationOf::kStage, "lifecycle_id",
                                   "MIGRATION_OF_STAGE"));
  KL_RETURN_IF_ERROR(CheckOnlyWith(request.recency_cap() != 0, question.of == MigrationOf::kRecency, "recency_cap",
                                   "MIGRATION_OF_RECENCY"));
  KL_RETURN_IF_ERROR(CheckOnlyWith(!request.class_cuts_milli().empty(), question.of == MigrationOf::kClass,
                                   "class_cuts_milli", "MIGRATION_OF_CLASS"));
  if (question.of == MigrationOf::kTier) {
    KL_RETURN_IF_ERROR(CheckLadder(ledger, question.of, request.ladder_id(), "ladder_id"));
    question.ladder_id = request.ladder_id();
  }
  if (question.of == MigrationOf::kStage) {
    KL_RETURN_IF_ERROR(CheckLadder(ledger, question.of, request.lifecycle_id(), "lifecycle_id"));
    question.ladder_id = request.lifecycle_id();
  }
  if (request.recency_cap() < 0 || request.recency_cap() > projections::kRecencyCapMax) {
    return FieldError("recency_cap",
                      fmt::format("must be 0 to {}, not {}", projections::kRecencyCapMax, request.recency_cap()));
  }
  if (request.recency_cap() != 0) question.recency_cap = request.recency_cap();
  KL_RETURN_IF_ERROR(TakeCuts(request, question));
  if (request.has_discount_milli()) {
    if (request.discount_milli() < 0 || request.discount_milli() > kDiscountMilliMax) {
      return FieldError("discount_milli",
                        fmt::format("must be 0 to {}, not {}", kDiscountMilliMax, request.discount_milli()));
    }
    question.discount_milli = request.discount_milli();
  }
  // More than there can be states of any kind are not copied.
  if (static_cast<size_t>(request.reward_micros_size()) > projections::kMigrationStatesMax) {
    return FieldError("reward_micros", fmt::format("must have at most {} entries", projections::kMigrationStatesMax));
  }
  question.reward_micros.assign(request.reward_micros().begin(), request.reward_micros().end());
  return question;
}

template <class Numbers, class Rows>
void FillRows(const projections::MigrationSquare<Numbers>& square, Rows& rows) {
  for (const std::vector<Numbers>& row : square) rows.Add()->mutable_to()->Add(row.begin(), row.end());
}

}  // namespace

grpc::ServerUnaryReactor* RetentionServiceImpl::GetMigration(grpc::CallbackServerContext* call,
                                                             const ledger::v1::GetMigrationRequest* request,
                                                             ledger::v1::GetMigrationResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const projections::RetentionScope scope, ToScope(request->scope(), *call, context_.clock));
    KL_ASSIGN_OR_RETURN(const projections::MigrationQuestion question, ToQuestion(context_.ledger, *request));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("retention", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto table, projections::GetMigrationTable(Pointers(readers), scope, question));
    const Periods periods = scope.periods();
    for (const std::string& state : table.states) response->add_states(state);
    FillRows(table.counts, *response->mutable_counts());
    FillRows(table.rates, *response->mutable_rates());
    for (const projections::MigrationStep& step : table.steps) {
      ledger::v1::MigrationStep& out = *response->add_steps();
      out.set_from_period(periods.Format(step.period));
      out.set_to_period(periods.Format(step.period + 1));
      out.mutable_sizes()->Add(step.sizes.begin(), step.sizes.end());
      FillRows(step.counts, *out.mutable_counts());
    }
    response->mutable_steady_state()->Add(table.steady_state.begin(), table.steady_state.end());
    response->mutable_value_micros()->Add(table.value_micros.begin(), table.value_micros.end());
    response->mutable_reward_micros()->Add(table.reward_micros.begin(), table.reward_micros.end());
    response->set_currency_code(table.currency_code);
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

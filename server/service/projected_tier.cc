#include "server/service/projected_tier.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "keyledger/events/v1/record.pb.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/explain_standing.h"
#include "server/domain/measure.h"
#include "server/domain/proto_time.h"

namespace keyledger::service {
namespace {

using domain::CompiledCondition;
using domain::CompiledProgram;
using events::v1::EventRecord;

// A horizon of ten years with three purchases a day; no rule asks for more.
constexpr double kPurchasesMax = 10'000;

// What the entrance rules of a ladder rest on.
struct Basis {
  bool known = true;
  bool purchases = false;
};

void Look(const CompiledCondition& condition, const CompiledProgram& program, Basis& basis) {
  switch (program.rules().measures[condition.measure].metric) {
    case events::v1::METRIC_NET_SPEND:
    case events::v1::METRIC_GROSS_SPEND:
      break;
    case events::v1::METRIC_PURCHASE_COUNT:
    case events::v1::METRIC_NET_PURCHASE_COUNT:
      basis.purchases = true;
      break;
    default:
      basis.known = false;
  }
  basis.known = basis.known && !condition.cut.has_value();
}

Basis BasisOf(const CompiledProgram& program) {
  Basis basis;
  for (const domain::CompiledTier& tier : program.rules().tiers) {
    for (const auto& alternative : tier.entrance.any_of) {
      for (const CompiledCondition& condition : alternative) Look(condition, program, basis);
    }
  }
  return basis;
}

// The account as it was known, before as_of.
absl::StatusOr<domain::AccountState> FoldKnown(const store::ShardStore& store, const std::string& account_id,
                                               uint64_t known_place, Micros known_at, Micros as_of) {
  domain::AccountState state;
  const auto records = store.ReadStream(account_id, 0, std::numeric_limits<uint64_t>::max(), /*backwards=*/false);
  EventRecord record;
  while (records->Next() && records->position() < known_place) {
    const std::string_view bytes = records->bytes();
    if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return MakeError(Reason::kStoreDamaged,
                       fmt::format("record {} of account {} cannot be read", records->position(), account_id));
    }
    if (domain::MicrosOf(record.record_time()) >= known_at) break;
    KL_RETURN_IF_ERROR(domain::FoldForStanding(state, record, as_of));
  }
  KL_RETURN_IF_ERROR(records->status());
  return state;
}

absl::Status AddExpected(const ExpectedTrade& expected, bool counts_purchases, domain::AccountState& state) {
  double purchases = std::min(std::round(expected.purchases), kPurchasesMax);
  if (purchases < 1 && !counts_purchases) purchases = 1;
  EventRecord record;
  auto& line = *record.mutable_event()->mutable_purchase_recorded()->add_lines();
  line.set_quantity(1);
  line.mutable_amount()->set_currency_code(expected.currency_code);
  const double micros = expected.revenue_micros / std::max(purchases, 1.0);
  if (!(micros < 9e18)) return MakeError(Reason::kArithmeticRange, "more money than a number holds");
  line.mutable_amount()->set_micros(std::llround(std::max(micros, 0.0)));
  const double step = static_cast<double>(expected.horizon_end - expected.as_of) / std::max(purchases, 1.0);
  for (double i = 0; i < purchases; i += 1) {
    const Micros occurred = expected.as_of + static_cast<Micros>((i + 0.5) * step);
    domain::SetTimestamp(record.mutable_occurred_time(), occurred);
    record.set_revision(state.next_revision + 1);
    KL_RETURN_IF_ERROR(domain::FoldForStanding(state, record, expected.horizon_end));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<domain::ProgramSet> KnownPrograms(const ServiceContext& context, uint64_t known_place, Micros known_at) {
  const shard::Shard& first = context.ledger.shard(0);
  std::vector<std::shared_ptr<const CompiledProgram>> known;
  uint64_t revision = 0;
  for (const shard::PublishedProgram& entry : first.published()) {
    KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> position, first.store().PositionOf(kProgramsStream, revision++));
    if (!position.has_value() || *position >= known_place || entry.publish_time >= known_at) break;
    known.push_back(entry.program);
  }
  return domain::ProgramSet(std::move(known));
}

absl::StatusOr<std::string> ProjectTier(const ServiceContext& context, const domain::ProgramSet& programs,
                                        const std::string& account_id, uint64_t known_place, Micros known_at,
                                        const ExpectedTrade& expected) {
  const shard::Shard& home = context.ledger.ShardOfAccount(account_id);
  KL_ASSIGN_OR_RETURN(domain::AccountState state,
                      FoldKnown(home.store(), account_id, known_place, known_at, expected.as_of));
  if (state.lifecycle != domain::Lifecycle::kOpen) return std::string();
  const CompiledProgram* const program = programs.Select(expected.horizon_end - 1, state.region);
  if (program == nullptr || !program->program().has_tier_ladder()) return std::string();
  const Basis basis = BasisOf(*program);
  if (!basis.known || program->program().currency_code() != expected.currency_code) return std::string();
  // Sums that no number holds earn no tier that could be named.
  if (!AddExpected(expected, basis.purchases, state).ok()) return std::string();
  auto measurer = domain::Measurer::AtReview(state, *program, expected.horizon_end, expected.horizon_end);
  const auto& tiers = program->rules().tiers;
  for (size_t i = tiers.size(); i-- > 0;) {
    if (measurer.FindHolding(tiers[i].entrance).has_value()) {
      return program->program().tier_ladder().tiers(static_cast<int>(i)).tier_id();
    }
  }
  return std::string();
}

}  // namespace keyledger::service

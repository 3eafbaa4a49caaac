#include "server/service/pipeline_request.h"

#include "server/base/ids.h"
#include "server/service/retention_scope.h"

namespace keyledger::service {

namespace pipeline = projections::pipeline;

absl::StatusOr<pipeline::PipelineScope> ToPipelineScope(const ledger::v1::EngagementScope& scope,
                                                        const grpc::CallbackServerContext& call,
                                                        const ServiceContext& context) {
  KL_ASSIGN_OR_RETURN(const projections::engagement::EngagementScope checked, ToEngagementScope(scope, call, context));
  pipeline::PipelineScope out{checked};
  out.programs = ProgramsKnownAt(context, out.known_at);
  return out;
}

absl::StatusOr<pipeline::ItemState> ToItemState(ledger::v1::ItemState state) {
  switch (state) {
    case ledger::v1::ITEM_STATE_UNSPECIFIED:
    case ledger::v1::ITEM_STATE_OPEN:
      return pipeline::ItemState::kOpen;
    case ledger::v1::ITEM_STATE_ENDED:
      return pipeline::ItemState::kEnded;
    case ledger::v1::ITEM_STATE_ALL:
      return pipeline::ItemState::kAll;
    default:
      return FieldError("state", "is not a value of ItemState");
  }
}

absl::Status CheckAccountFilter(const ServiceContext& context, const std::string& account_id) {
  return account_id.empty() ? absl::OkStatus() : CheckAccountExists(context, account_id);
}

absl::Status CheckPersonFilter(const std::string& person) { return CheckText(person, kPersonBytesMax, "person"); }

absl::Status CheckWordFilter(const std::string& word, const char* field) {
  if (word.empty() || IsSnakeId(word)) return absl::OkStatus();
  return FieldError(field, "must be lower snake case of at most 64 bytes, for example sales_manager");
}

absl::StatusOr<std::optional<Micros>> ToOptionalTime(bool given, const google::protobuf::Timestamp& time,
                                                     const char* field) {
  if (!given) return std::optional<Micros>();
  KL_ASSIGN_OR_RETURN(const Micros moment, CheckTime(time, field));
  return std::optional<Micros>(moment);
}

void AddSums(const pipeline::MoneySums& sums, google::protobuf::RepeatedPtrField<ledger::v1::ItemSum>& out) {
  for (const auto& [currency_code, sum] : sums) {
    ledger::v1::ItemSum& one = *out.Add();
    one.set_currency_code(currency_code);
    one.set_items(sum.items);
    one.set_micros(sum.micros);
    one.set_expected_micros(sum.expected_micros);
  }
}

}  // namespace keyledger::service

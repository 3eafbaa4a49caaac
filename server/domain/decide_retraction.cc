// Facts that were not so. See decision.h and retraction.h.
#include "server/domain/decision.h"
#include "server/domain/retraction.h"

namespace keyledger::domain {

bool IsRetractable(events::v1::EventKind kind) {
  switch (kind) {
    case events::v1::EVENT_KIND_SURVEY_ANSWERED:
    case events::v1::EVENT_KIND_BUDGET_STATED:
    case events::v1::EVENT_KIND_SUPPLIER_RANK_STATED:
    case events::v1::EVENT_KIND_COST_RECORDED:
    case events::v1::EVENT_KIND_REFERRAL_RECORDED:
    case events::v1::EVENT_KIND_COMPETITOR_MOVE_OBSERVED:
    case events::v1::EVENT_KIND_INTERACTION_MADE:
    case events::v1::EVENT_KIND_NEED_STATED:
    case events::v1::EVENT_KIND_SIGNAL_OBSERVED:
    case events::v1::EVENT_KIND_POSITION_STATED:
    case events::v1::EVENT_KIND_ASSET_VALUED:
    case events::v1::EVENT_KIND_EVALUATION_RECORDED:
    case events::v1::EVENT_KIND_ADAPTATION_RECORDED:
    case events::v1::EVENT_KIND_DEMAND_FORECAST_STATED:
    case events::v1::EVENT_KIND_REFERRAL_ASKED:
    case events::v1::EVENT_KIND_REFERRAL_GIVEN:
    case events::v1::EVENT_KIND_REFERRAL_CONVERTED:
    case events::v1::EVENT_KIND_VIOLATION_RECORDED:
    case events::v1::EVENT_KIND_ADVANCE_RECORDED:
    case events::v1::EVENT_KIND_TENDER_LIST_STATED:
      return true;
    default:
      return false;
  }
}

absl::Status NotRetractable(events::v1::EventKind kind) {
  const std::string name = events::v1::EventKind_Name(kind);
  absl::Status status =
      MakeError(Reason::kNotRetractable, fmt::format("a record of {} cannot be retracted: something was, or may have "
                                                     "been, decided by it; record what corrects it",
                                                     name));
  AddMetadata(status, "kind", name);
  return status;
}

absl::Status Decision::DecideRetraction(const Fact& fact) {
  const auto& retracted = fact.event.fact_retracted();
  if (!IsRetractable(retracted.kind())) return Here(NotRetractable(retracted.kind()));
  if (retracted.revision() >= state().next_revision) {
    return RefuseHere(Reason::kRecordNotFound,
                      fmt::format("the account has no record of revision {}", retracted.revision()));
  }
  return Record(fact);
}

}  // namespace keyledger::domain

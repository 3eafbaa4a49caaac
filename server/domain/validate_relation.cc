// See validate_relation.h. Every rule stands beside the fields in events/v1/relation.proto.
#include "server/domain/validate_relation.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;

constexpr int64_t kBudgetDaysMax = 3'660;
constexpr int64_t kTermDaysMax = 36'600;
constexpr int64_t kNoticeDaysMax = 3'660;

void Survey(const FieldPath& path, const events::v1::SurveyAnswered& answered, FieldChecks& checks) {
  checks.Named(path.Field("kind"), answered.kind(), events::v1::SurveyKind_IsValid);
  if (answered.kind() == events::v1::SURVEY_KIND_RECOMMENDATION)
    checks.Range(path.Field("score"), answered.score(), 0, 10);
  if (answered.kind() == events::v1::SURVEY_KIND_SATISFACTION)
    checks.Range(path.Field("score"), answered.score(), 1, 5);
  checks.Text(path.Field("survey_id"), answered.survey_id(), 0, 64);
  checks.Text(path.Field("contact_id"), answered.contact_id(), 0, 128);
}

void Budget(const FieldPath& path, const events::v1::BudgetStated& stated, FieldChecks& checks) {
  checks.Stretch(path, stated, kBudgetDaysMax);
  checks.Sum(path.Field("amount"), stated.has_amount(), stated.amount(), 1);
  checks.Named(path.Field("basis"), stated.basis(), events::v1::BudgetBasis_IsValid);
  checks.Text(path.Field("category"), stated.category(), 0, 64);
  checks.Text(path.Field("source"), stated.source(), 0, 256);
}

void SupplierRank(const FieldPath& path, const events::v1::SupplierRankStated& stated, FieldChecks& checks) {
  checks.Range(path.Field("suppliers"), stated.suppliers(), 1, 1'000);
  if (stated.suppliers() >= 1 && stated.suppliers() <= 1'000) {
    checks.Range(path.Field("place_halves"), stated.place_halves(), 2, 2 * stated.suppliers());
  }
  checks.Text(path.Field("source"), stated.source(), 0, 256);
}

void Cost(const FieldPath& path, const events::v1::CostRecorded& recorded, FieldChecks& checks) {
  checks.Named(path.Field("purpose"), recorded.purpose(), events::v1::CostPurpose_IsValid);
  checks.Sum(path.Field("cost"), recorded.has_cost(), recorded.cost(), 1);
  checks.Text(path.Field("kind"), recorded.kind(), 0, 64);
  checks.FreeText(path.Field("description"), recorded.description(), 0, 512);
}

void Referral(const FieldPath& path, const events::v1::ReferralRecorded& recorded, FieldChecks& checks) {
  if (!recorded.referrer_account_id().empty()) {
    checks.AccountId(path.Field("referrer_account_id"), recorded.referrer_account_id());
  }
  checks.Id(path.Field("lead_source"), recorded.lead_source());
}

void Move(const FieldPath& path, const events::v1::CompetitorMoveObserved& observed, FieldChecks& checks) {
  checks.Text(path.Field("competitor"), observed.competitor(), 1, 128);
  checks.Named(path.Field("kind"), observed.kind(), events::v1::CompetitorMoveKind_IsValid);
  checks.FreeText(path.Field("description"), observed.description(), 0, 512);
}

void Signed(const FieldPath& path, const events::v1::ContractSigned& contract, FieldChecks& checks) {
  checks.Text(path.Field("contract_id"), contract.contract_id(), 1, 128);
  checks.Stretch(path, contract, kTermDaysMax);
  if (contract.has_value()) checks.Sum(path.Field("value"), true, contract.value(), 1);
  checks.Text(path.Field("kind"), contract.kind(), 0, 64);
  checks.OptionalSum(path.Field("early_end_penalty"), contract.has_early_end_penalty(), contract.early_end_penalty(),
                     0);
  checks.Range(path.Field("notice_days"), contract.notice_days(), 0, kNoticeDaysMax);
  checks.OptionalId(path.Field("payment_terms"), contract.payment_terms());
  checks.Text(path.Field("quote_id"), contract.quote_id(), 0, 128);
}

void Renewed(const FieldPath& path, const events::v1::ContractRenewed& contract, FieldChecks& checks) {
  checks.Text(path.Field("contract_id"), contract.contract_id(), 1, 128);
  checks.Moment(path.Field("end_time"), contract.has_end_time(), contract.end_time());
  if (contract.has_value()) checks.Sum(path.Field("value"), true, contract.value(), 1);
}

void Ended(const FieldPath& path, const events::v1::ContractEnded& contract, FieldChecks& checks) {
  checks.Text(path.Field("contract_id"), contract.contract_id(), 1, 128);
  checks.Named(path.Field("ending"), contract.ending(), events::v1::ContractEnding_IsValid);
  checks.FreeText(path.Field("reason"), contract.reason(), 0, 512);
}

}  // namespace

void CheckRelation(const FieldPath& root, const Event& event, FieldChecks& checks) {
  switch (event.payload_case()) {
    case Event::kSurveyAnswered:
      return Survey(root.Field("survey_answered"), event.survey_answered(), checks);
    case Event::kBudgetStated:
      return Budget(root.Field("budget_stated"), event.budget_stated(), checks);
    case Event::kSupplierRankStated:
      return SupplierRank(root.Field("supplier_rank_stated"), event.supplier_rank_stated(), checks);
    case Event::kCostRecorded:
      return Cost(root.Field("cost_recorded"), event.cost_recorded(), checks);
    case Event::kReferralRecorded:
      return Referral(root.Field("referral_recorded"), event.referral_recorded(), checks);
    case Event::kClubJoined:
      return checks.Id(root.Field("club_joined").Field("club_id"), event.club_joined().club_id());
    case Event::kClubLeft:
      checks.Id(root.Field("club_left").Field("club_id"), event.club_left().club_id());
      return checks.FreeText(root.Field("club_left").Field("reason"), event.club_left().reason(), 0, 512);
    case Event::kCompetitorMoveObserved:
      return Move(root.Field("competitor_move_observed"), event.competitor_move_observed(), checks);
    case Event::kContractSigned:
      return Signed(root.Field("contract_signed"), event.contract_signed(), checks);
    case Event::kContractRenewed:
      return Renewed(root.Field("contract_renewed"), event.contract_renewed(), checks);
    case Event::kContractEnded:
      return Ended(root.Field("contract_ended"), event.contract_ended(), checks);
    default:
      return;
  }
}

}  // namespace keyledger::domain

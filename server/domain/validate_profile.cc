// See validate_relationship.h. Every rule stands beside the fields in events/v1/profile.proto.
#include <chrono>

#include "server/domain/validate_relationship.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;

constexpr int64_t kRankMax = 9;
constexpr int64_t kQuantityMax = 1'000'000'000;
constexpr int64_t kScoreMax = 1'000'000;
constexpr int64_t kStrengthMax = 100;
constexpr int64_t kYearsAheadMax = 10;

void Placed(const FieldPath& path, const events::v1::ContactPlaced& placed, FieldChecks& checks) {
  checks.Text(path.Field("contact_id"), placed.contact_id(), 1, 128);
  checks.Id(path.Field("post"), placed.post());
  checks.Range(path.Field("rank"), placed.rank(), 0, kRankMax);
}

void Need(const FieldPath& path, const events::v1::NeedStated& stated, FieldChecks& checks) {
  checks.Text(path.Field("need_id"), stated.need_id(), 1, 128);
  checks.Text(path.Field("category"), stated.category(), 0, 64);
  checks.FreeText(path.Field("description"), stated.description(), 1, 1'024);
  checks.OptionalId(path.Field("purpose"), stated.purpose());
  checks.Range(path.Field("quantity"), stated.quantity(), 0, kQuantityMax);
  checks.OptionalMoment(path.Field("wanted_time"), stated.has_wanted_time(), stated.wanted_time());
  checks.Text(path.Field("contact_id"), stated.contact_id(), 0, 128);
}

void Signal(const FieldPath& path, const events::v1::SignalObserved& observed, FieldChecks& checks) {
  checks.Id(path.Field("kind"), observed.kind());
  checks.FreeText(path.Field("description"), observed.description(), 1, 2'048);
  checks.Text(path.Field("source"), observed.source(), 0, 512);
  checks.Known(path.Field("direction"), observed.direction(), events::v1::SignalDirection_IsValid);
  checks.Range(path.Field("strength"), observed.strength(), 0, kStrengthMax);
}

void Score(const FieldPath& path, const events::v1::ScoreStated& stated, FieldChecks& checks) {
  checks.Id(path.Field("score_id"), stated.score_id());
  checks.Range(path.Field("value"), stated.value(), -kScoreMax, kScoreMax);
  checks.Text(path.Field("person"), stated.person(), 0, 128);
  checks.FreeText(path.Field("basis"), stated.basis(), 0, 512);
}

void Position(const FieldPath& path, const events::v1::PositionStated& stated, FieldChecks& checks) {
  checks.Named(path.Field("level"), stated.level(), events::v1::PositionLevel_IsValid);
  checks.Range(path.Field("years_ahead"), stated.years_ahead(), 0, kYearsAheadMax);
  checks.Text(path.Field("contact_id"), stated.contact_id(), 0, 128);
  checks.FreeText(path.Field("note"), stated.note(), 0, 512);
}

void Asset(const FieldPath& path, const events::v1::AssetValued& valued, FieldChecks& checks) {
  checks.Sum(path.Field("value"), valued.has_value(), valued.value(), 0);
  checks.OptionalId(path.Field("condition"), valued.condition());
  checks.Text(path.Field("person"), valued.person(), 0, 128);
  checks.FreeText(path.Field("basis"), valued.basis(), 0, 512);
}

void Day(const FieldPath& path, const events::v1::ImportantDayStated& stated, FieldChecks& checks) {
  checks.Text(path.Field("day_id"), stated.day_id(), 1, 64);
  checks.Text(path.Field("name"), stated.name(), 0, 128);
  if (stated.year() > 9999) checks.Add(path.Field("year"), "must be 0 to 9999");
  // Where it matters no more, the day need not be said again.
  const bool is_needed = !stated.removed();
  if (stated.month() > 12 || (is_needed && stated.month() == 0)) checks.Add(path.Field("month"), "must be 1 to 12");
  if (stated.day() == 0 && !is_needed) return;
  // A day of every year may be the 29th of February.
  const std::chrono::year year(stated.year() == 0 || stated.year() > 9999 ? 2000 : static_cast<int>(stated.year()));
  const std::chrono::month month(stated.month() < 1 || stated.month() > 12 ? 1 : stated.month());
  if (stated.day() < 1 || stated.day() > 31 || !(year / month / std::chrono::day(stated.day())).ok()) {
    checks.Add(path.Field("day"), "must be a day that the month has");
  }
}

void TenderList(const FieldPath& path, const events::v1::TenderListStated& stated, FieldChecks& checks) {
  checks.Text(path.Field("list_id"), stated.list_id(), 1, 128);
  checks.Text(path.Field("issuer"), stated.issuer(), 0, 256);
  checks.OptionalMoment(path.Field("end_time"), stated.has_end_time(), stated.end_time());
}

void Evaluation(const FieldPath& path, const events::v1::EvaluationRecorded& recorded, FieldChecks& checks) {
  checks.Id(path.Field("aspect"), recorded.aspect());
  checks.Named(path.Field("result"), recorded.result(), events::v1::EvaluationResult_IsValid);
  checks.Text(path.Field("sku"), recorded.sku(), 0, 64);
  checks.Text(path.Field("contact_id"), recorded.contact_id(), 0, 128);
  checks.FreeText(path.Field("note"), recorded.note(), 0, 1'024);
}

void Adaptation(const FieldPath& path, const events::v1::AdaptationRecorded& recorded, FieldChecks& checks) {
  checks.Named(path.Field("kind"), recorded.kind(), events::v1::AdaptationKind_IsValid);
  checks.FreeText(path.Field("description"), recorded.description(), 1, 1'024);
}

void Ceded(const FieldPath& path, const events::v1::AccountCeded& ceded, FieldChecks& checks) {
  checks.Text(path.Field("competitor"), ceded.competitor(), 0, 128);
  checks.FreeText(path.Field("reason"), ceded.reason(), 1, 512);
  checks.Text(path.Field("person"), ceded.person(), 1, 128);
}

}  // namespace

void CheckProfile(const FieldPath& root, const Event& event, FieldChecks& checks) {
  switch (event.payload_case()) {
    case Event::kContactPlaced:
      return Placed(root.Field("contact_placed"), event.contact_placed(), checks);
    case Event::kNeedStated:
      return Need(root.Field("need_stated"), event.need_stated(), checks);
    case Event::kSignalObserved:
      return Signal(root.Field("signal_observed"), event.signal_observed(), checks);
    case Event::kScoreStated:
      return Score(root.Field("score_stated"), event.score_stated(), checks);
    case Event::kPositionStated:
      return Position(root.Field("position_stated"), event.position_stated(), checks);
    case Event::kAssetValued:
      return Asset(root.Field("asset_valued"), event.asset_valued(), checks);
    case Event::kImportantDayStated:
      return Day(root.Field("important_day_stated"), event.important_day_stated(), checks);
    case Event::kTenderListStated:
      return TenderList(root.Field("tender_list_stated"), event.tender_list_stated(), checks);
    case Event::kEvaluationRecorded:
      return Evaluation(root.Field("evaluation_recorded"), event.evaluation_recorded(), checks);
    case Event::kAdaptationRecorded:
      return Adaptation(root.Field("adaptation_recorded"), event.adaptation_recorded(), checks);
    case Event::kAccountCeded:
      return Ceded(root.Field("account_ceded"), event.account_ceded(), checks);
    default:
      return;
  }
}

}  // namespace keyledger::domain

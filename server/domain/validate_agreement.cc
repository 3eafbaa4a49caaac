// See validate_relationship.h. Every rule stands beside the fields in events/v1/agreement.proto.
#include "server/domain/validate_relationship.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;
using Targets = google::protobuf::RepeatedPtrField<events::v1::PlanTarget>;
using Forecasts = google::protobuf::RepeatedPtrField<events::v1::PlanForecast>;

constexpr int64_t kPlanDaysMax = 3'660;
constexpr int kTargetsMax = 50;
constexpr int kForecastsMax = 50;
constexpr int kAgreeingMax = 20;
constexpr int64_t kUnitsMax = 1'000'000'000'000;
constexpr int64_t kQuantityMax = 1'000'000'000;
constexpr int64_t kSeverityMax = 5;

void Amended(const FieldPath& path, const events::v1::ContractAmended& amended, FieldChecks& checks) {
  checks.Text(path.Field("contract_id"), amended.contract_id(), 1, 128);
  checks.FreeText(path.Field("description"), amended.description(), 1, 1024);
  checks.OptionalMoment(path.Field("end_time"), amended.has_end_time(), amended.end_time());
  checks.OptionalSum(path.Field("value"), amended.has_value(), amended.value(), 1);
  checks.OptionalSum(path.Field("early_end_penalty"), amended.has_early_end_penalty(), amended.early_end_penalty(), 0);
}

void Breached(const FieldPath& path, const events::v1::ContractBreached& breached, FieldChecks& checks) {
  checks.Text(path.Field("contract_id"), breached.contract_id(), 1, 128);
  checks.Named(path.Field("side"), breached.side(), events::v1::Side_IsValid);
  checks.FreeText(path.Field("description"), breached.description(), 1, 1024);
  checks.OptionalSum(path.Field("penalty"), breached.has_penalty(), breached.penalty(), 0);
}

void Published(const FieldPath& path, const events::v1::PromisePublished& published, FieldChecks& checks) {
  checks.Text(path.Field("promise_id"), published.promise_id(), 1, 128);
  checks.FreeText(path.Field("description"), published.description(), 1, 1024);
  checks.FreeText(path.Field("scope"), published.scope(), 0, 256);
  checks.OptionalMoment(path.Field("due_time"), published.has_due_time(), published.due_time());
  checks.OptionalMoment(path.Field("end_time"), published.has_end_time(), published.end_time());
  if (published.has_due_time() && published.has_end_time()) {
    checks.Add(path.Field("end_time"), "must not be set with due_time: what is promised for once ends when it is kept");
  }
  checks.Text(path.Field("person"), published.person(), 0, 128);
}

// `ids` are those before it.
void TargetId(const FieldPath& field, const std::string& id, std::set<std::string_view>& ids, FieldChecks& checks) {
  checks.Id(field, id);
  if (!ids.insert(id).second) checks.Add(field, fmt::format("'{}' is given twice", id));
}

void CheckTargets(const FieldPath& path, const Targets& targets, FieldChecks& checks) {
  if (!checks.Count(path.Field("targets"), targets.size(), 0, kTargetsMax)) return;
  std::set<std::string_view> ids;
  for (int i = 0; i < targets.size(); ++i) {
    const FieldPath at = path.Field("targets", i);
    TargetId(at.Field("target_id"), targets[i].target_id(), ids, checks);
    checks.FreeText(at.Field("description"), targets[i].description(), 1, 512);
    checks.Text(at.Field("unit"), targets[i].unit(), 0, 32);
    checks.OptionalMoment(at.Field("due_time"), targets[i].has_due_time(), targets[i].due_time());
  }
}

void CheckForecasts(const FieldPath& path, const Forecasts& forecasts, FieldChecks& checks) {
  if (!checks.Count(path.Field("forecasts"), forecasts.size(), 0, kForecastsMax)) return;
  for (int i = 0; i < forecasts.size(); ++i) {
    const FieldPath at = path.Field("forecasts", i);
    checks.Stretch(at, forecasts[i], kPlanDaysMax);
    checks.OptionalSum(at.Field("revenue"), forecasts[i].has_revenue(), forecasts[i].revenue(), 0);
    checks.Range(at.Field("units"), forecasts[i].units(), 0, kUnitsMax);
  }
}

void Drafted(const FieldPath& path, const events::v1::PlanDrafted& drafted, FieldChecks& checks) {
  checks.Text(path.Field("plan_id"), drafted.plan_id(), 1, 128);
  checks.Stretch(path, drafted, kPlanDaysMax);
  checks.FreeText(path.Field("description"), drafted.description(), 1, 4096);
  CheckTargets(path, drafted.targets(), checks);
  CheckForecasts(path, drafted.forecasts(), checks);
  checks.Text(path.Field("person"), drafted.person(), 0, 128);
}

void Agreed(const FieldPath& path, const events::v1::PlanAgreed& agreed, FieldChecks& checks) {
  checks.Text(path.Field("plan_id"), agreed.plan_id(), 1, 128);
  checks.Ids(path, "contact_ids", agreed.contact_ids(), 1, kAgreeingMax);
  CheckTargets(path, agreed.targets(), checks);
  CheckForecasts(path, agreed.forecasts(), checks);
  checks.OptionalMoment(path.Field("review_time"), agreed.has_review_time(), agreed.review_time());
}

void Reviewed(const FieldPath& path, const events::v1::PlanReviewed& reviewed, FieldChecks& checks) {
  checks.Text(path.Field("plan_id"), reviewed.plan_id(), 1, 128);
  if (checks.Count(path.Field("results"), reviewed.results_size(), 0, kTargetsMax)) {
    std::set<std::string_view> ids;
    for (int i = 0; i < reviewed.results_size(); ++i) {
      const FieldPath at = path.Field("results", i);
      TargetId(at.Field("target_id"), reviewed.results(i).target_id(), ids, checks);
      checks.FreeText(at.Field("note"), reviewed.results(i).note(), 0, 512);
    }
  }
  CheckForecasts(path, reviewed.forecasts(), checks);
  checks.FreeText(path.Field("note"), reviewed.note(), 1, 4096);
  checks.OptionalMoment(path.Field("review_time"), reviewed.has_review_time(), reviewed.review_time());
}

void Ended(const FieldPath& path, const events::v1::PlanEnded& ended, FieldChecks& checks) {
  checks.Text(path.Field("plan_id"), ended.plan_id(), 1, 128);
  checks.Named(path.Field("ending"), ended.ending(), events::v1::PlanEnding_IsValid);
  checks.FreeText(path.Field("reason"), ended.reason(), 0, 512);
}

void Granted(const FieldPath& path, const events::v1::EntitlementGranted& granted, FieldChecks& checks) {
  checks.Text(path.Field("entitlement_id"), granted.entitlement_id(), 1, 128);
  checks.Id(path.Field("kind"), granted.kind());
  checks.FreeText(path.Field("description"), granted.description(), 0, 512);
  checks.Range(path.Field("quantity"), granted.quantity(), 0, kQuantityMax);
  checks.OptionalMoment(path.Field("start_time"), granted.has_start_time(), granted.start_time());
  checks.OptionalMoment(path.Field("end_time"), granted.has_end_time(), granted.end_time());
  if (granted.has_start_time() && granted.has_end_time() && IsExactTimestamp(granted.start_time()) &&
      IsExactTimestamp(granted.end_time()) && MicrosOf(granted.end_time()) <= MicrosOf(granted.start_time())) {
    checks.Add(path.Field("end_time"), "must be later than start_time");
  }
  checks.Text(path.Field("source"), granted.source(), 0, 128);
}

void Used(const FieldPath& path, const events::v1::EntitlementUsed& used, FieldChecks& checks) {
  checks.Text(path.Field("entitlement_id"), used.entitlement_id(), 1, 128);
  checks.Range(path.Field("quantity"), used.quantity(), 1, kQuantityMax);
  checks.FreeText(path.Field("description"), used.description(), 0, 512);
}

void Obliged(const FieldPath& path, const events::v1::ObligationAgreed& agreed, FieldChecks& checks) {
  checks.Text(path.Field("obligation_id"), agreed.obligation_id(), 1, 128);
  checks.Named(path.Field("side"), agreed.side(), events::v1::Side_IsValid);
  if (agreed.side() == events::v1::SIDE_EMPLOYEE) {
    checks.Add(path.Field("side"), "must be SIDE_COMPANY or SIDE_ACCOUNT");
  }
  checks.FreeText(path.Field("description"), agreed.description(), 1, 1024);
  checks.OptionalMoment(path.Field("end_time"), agreed.has_end_time(), agreed.end_time());
  checks.Text(path.Field("contract_id"), agreed.contract_id(), 0, 128);
}

void Violated(const FieldPath& path, const events::v1::ViolationRecorded& recorded, FieldChecks& checks) {
  checks.Text(path.Field("violation_id"), recorded.violation_id(), 1, 128);
  checks.Named(path.Field("side"), recorded.side(), events::v1::Side_IsValid);
  checks.FreeText(path.Field("description"), recorded.description(), 1, 1024);
  checks.Text(path.Field("obligation_id"), recorded.obligation_id(), 0, 128);
  checks.Range(path.Field("severity"), recorded.severity(), 0, kSeverityMax);
}

void Imposed(const FieldPath& path, const events::v1::SanctionImposed& imposed, FieldChecks& checks) {
  checks.Text(path.Field("sanction_id"), imposed.sanction_id(), 1, 128);
  checks.Text(path.Field("violation_id"), imposed.violation_id(), 1, 128);
  checks.Id(path.Field("kind"), imposed.kind());
  checks.Text(path.Field("person"), imposed.person(), 1, 128);
  checks.FreeText(path.Field("description"), imposed.description(), 0, 512);
  checks.OptionalMoment(path.Field("end_time"), imposed.has_end_time(), imposed.end_time());
}

// A step that says no more than which item, and something in words.
void Words(const FieldPath& path, std::string_view id_name, const std::string& id, std::string_view words_name,
           const std::string& words, size_t bytes_min, FieldChecks& checks) {
  checks.Text(path.Field(id_name), id, 1, 128);
  checks.FreeText(path.Field(words_name), words, bytes_min, 512);
}

void CheckPromise(const FieldPath& root, const Event& event, FieldChecks& checks) {
  switch (event.payload_case()) {
    case Event::kPromisePublished:
      return Published(root.Field("promise_published"), event.promise_published(), checks);
    case Event::kPromiseKept:
      return Words(root.Field("promise_kept"), "promise_id", event.promise_kept().promise_id(), "note",
                   event.promise_kept().note(), 0, checks);
    case Event::kPromiseBroken:
      return Words(root.Field("promise_broken"), "promise_id", event.promise_broken().promise_id(), "reason",
                   event.promise_broken().reason(), 1, checks);
    default:
      return Words(root.Field("promise_withdrawn"), "promise_id", event.promise_withdrawn().promise_id(), "reason",
                   event.promise_withdrawn().reason(), 0, checks);
  }
}

void CheckEntitlement(const FieldPath& root, const Event& event, FieldChecks& checks) {
  switch (event.payload_case()) {
    case Event::kEntitlementGranted:
      return Granted(root.Field("entitlement_granted"), event.entitlement_granted(), checks);
    case Event::kEntitlementUsed:
      return Used(root.Field("entitlement_used"), event.entitlement_used(), checks);
    default:
      return Words(root.Field("entitlement_revoked"), "entitlement_id", event.entitlement_revoked().entitlement_id(),
                   "reason", event.entitlement_revoked().reason(), 1, checks);
  }
}

}  // namespace

void CheckAgreement(const FieldPath& root, const Event& event, FieldChecks& checks) {
  switch (event.payload_case()) {
    case Event::kContractAmended:
      return Amended(root.Field("contract_amended"), event.contract_amended(), checks);
    case Event::kContractBreached:
      return Breached(root.Field("contract_breached"), event.contract_breached(), checks);
    case Event::kPromisePublished:
    case Event::kPromiseKept:
    case Event::kPromiseBroken:
    case Event::kPromiseWithdrawn:
      return CheckPromise(root, event, checks);
    case Event::kPlanDrafted:
      return Drafted(root.Field("plan_drafted"), event.plan_drafted(), checks);
    case Event::kPlanAgreed:
      return Agreed(root.Field("plan_agreed"), event.plan_agreed(), checks);
    case Event::kPlanReviewed:
      return Reviewed(root.Field("plan_reviewed"), event.plan_reviewed(), checks);
    case Event::kPlanEnded:
      return Ended(root.Field("plan_ended"), event.plan_ended(), checks);
    case Event::kEntitlementGranted:
    case Event::kEntitlementUsed:
    case Event::kEntitlementRevoked:
      return CheckEntitlement(root, event, checks);
    case Event::kObligationAgreed:
      return Obliged(root.Field("obligation_agreed"), event.obligation_agreed(), checks);
    case Event::kObligationEnded:
      return Words(root.Field("obligation_ended"), "obligation_id", event.obligation_ended().obligation_id(), "reason",
                   event.obligation_ended().reason(), 0, checks);
    case Event::kViolationRecorded:
      return Violated(root.Field("violation_recorded"), event.violation_recorded(), checks);
    case Event::kSanctionImposed:
      return Imposed(root.Field("sanction_imposed"), event.sanction_imposed(), checks);
    case Event::kSanctionLifted:
      return Words(root.Field("sanction_lifted"), "sanction_id", event.sanction_lifted().sanction_id(), "reason",
                   event.sanction_lifted().reason(), 1, checks);
    default:
      return;
  }
}

}  // namespace keyledger::domain

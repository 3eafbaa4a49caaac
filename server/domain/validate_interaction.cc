// See validate_relationship.h. Every rule stands beside the fields in events/v1/interaction.proto; those about moments
// that hang on occurred_time are in item_guards.cc.
#include "server/domain/validate_relationship.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;
using events::v1::InteractionKind;

constexpr int kPeopleMax = 20;
constexpr int kContactsMax = 50;
constexpr int64_t kMinutesMax = 1'000'000;
constexpr int64_t kLateMinutesMax = 100'000;

bool IsVisit(InteractionKind kind) {
  return kind == events::v1::INTERACTION_KIND_VISIT || kind == events::v1::INTERACTION_KIND_FIRST_VISIT;
}

void Required(const FieldPath& field, bool is_there, const char* why, FieldChecks& checks) {
  if (!is_there) checks.Add(field, why);
}

constexpr const char* kForVisits = "is required for a visit";
constexpr const char* kForActivities = "is required for an activity";

void Next(const FieldPath& path, const events::v1::NextStep& next, FieldChecks& checks) {
  checks.FreeText(path.Field("what"), next.what(), 1, 512);
  checks.Moment(path.Field("due_time"), next.has_due_time(), next.due_time());
  checks.Known(path.Field("kind"), next.kind(), events::v1::InteractionKind_IsValid);
  checks.Text(path.Field("person"), next.person(), 0, 128);
}

void Planned(const FieldPath& path, const events::v1::InteractionPlanned& planned, FieldChecks& checks) {
  checks.Text(path.Field("interaction_id"), planned.interaction_id(), 1, 128);
  checks.Named(path.Field("kind"), planned.kind(), events::v1::InteractionKind_IsValid);
  checks.Moment(path.Field("start_time"), planned.has_start_time(), planned.start_time());
  checks.Ids(path, "people", planned.people(), 1, kPeopleMax);
  checks.Ids(path, "contact_ids", planned.contact_ids(), 0, kContactsMax);
  checks.FreeText(path.Field("purpose"), planned.purpose(), 0, 512);
  checks.FreeText(path.Field("preparation"), planned.preparation(), 0, 2'048);
  checks.Text(path.Field("activity_id"), planned.activity_id(), 0, 128);
  checks.Text(path.Field("opportunity_id"), planned.opportunity_id(), 0, 128);
  if (IsVisit(planned.kind())) Required(path.Field("purpose"), !planned.purpose().empty(), kForVisits, checks);
  if (planned.kind() == events::v1::INTERACTION_KIND_ACTIVITY) {
    Required(path.Field("activity_id"), !planned.activity_id().empty(), kForActivities, checks);
  }
}

void Made(const FieldPath& path, const events::v1::InteractionMade& made, FieldChecks& checks) {
  checks.Named(path.Field("kind"), made.kind(), events::v1::InteractionKind_IsValid);
  checks.Text(path.Field("interaction_id"), made.interaction_id(), 0, 128);
  checks.Ids(path, "people", made.people(), 1, kPeopleMax);
  checks.Ids(path, "contact_ids", made.contact_ids(), 0, kContactsMax);
  checks.FreeText(path.Field("purpose"), made.purpose(), 0, 512);
  checks.FreeText(path.Field("preparation"), made.preparation(), 0, 2'048);
  checks.FreeText(path.Field("result"), made.result(), 0, 8'192);
  if (made.has_next_step()) Next(path.Field("next_step"), made.next_step(), checks);
  checks.Known(path.Field("interest"), made.interest(), events::v1::Interest_IsValid);
  if (made.has_cost()) checks.Sum(path.Field("cost"), true, made.cost(), 0);
  checks.Range(path.Field("our_minutes"), made.our_minutes(), 0, kMinutesMax);
  checks.Range(path.Field("account_minutes"), made.account_minutes(), 0, kMinutesMax);
  checks.Known(path.Field("initiator"), made.initiator(), events::v1::Initiator_IsValid);
  checks.Text(path.Field("activity_id"), made.activity_id(), 0, 128);
  checks.Text(path.Field("opportunity_id"), made.opportunity_id(), 0, 128);
  checks.Text(path.Field("end_customer"), made.end_customer(), 0, 128);
  checks.Range(path.Field("late_minutes"), made.late_minutes(), 0, kLateMinutesMax);
  if (IsVisit(made.kind())) {
    Required(path.Field("purpose"), !made.purpose().empty(), kForVisits, checks);
    Required(path.Field("preparation"), !made.preparation().empty(), kForVisits, checks);
    Required(path.Field("result"), !made.result().empty(), kForVisits, checks);
    Required(path.Field("next_step"), made.has_next_step(), kForVisits, checks);
  }
  if (made.kind() == events::v1::INTERACTION_KIND_ACTIVITY) {
    Required(path.Field("activity_id"), !made.activity_id().empty(), kForActivities, checks);
  }
}

void Missed(const FieldPath& path, const events::v1::InteractionMissed& missed, FieldChecks& checks) {
  checks.Text(path.Field("interaction_id"), missed.interaction_id(), 1, 128);
  checks.Named(path.Field("cause"), missed.cause(), events::v1::MissedCause_IsValid);
  checks.FreeText(path.Field("reason"), missed.reason(), 0, 512);
  if (missed.cause() == events::v1::MISSED_CAUSE_POSTPONED) {
    checks.Moment(path.Field("new_start_time"), missed.has_new_start_time(), missed.new_start_time());
  } else if (missed.has_new_start_time()) {
    checks.Add(path.Field("new_start_time"), "is for interactions that are put off only");
  }
}

void Handed(const FieldPath& path, const events::v1::HandoverGiven& given, FieldChecks& checks) {
  checks.Text(path.Field("handover_id"), given.handover_id(), 1, 128);
  checks.Text(path.Field("from_person"), given.from_person(), 1, 128);
  checks.Text(path.Field("to_person"), given.to_person(), 1, 128);
  checks.FreeText(path.Field("what"), given.what(), 1, 512);
  checks.OptionalMoment(path.Field("due_time"), given.has_due_time(), given.due_time());
  checks.Text(path.Field("need_id"), given.need_id(), 0, 128);
}

void Acknowledged(const FieldPath& path, const events::v1::HandoverAcknowledged& acknowledged, FieldChecks& checks) {
  checks.Text(path.Field("handover_id"), acknowledged.handover_id(), 1, 128);
  checks.Text(path.Field("person"), acknowledged.person(), 1, 128);
  if (acknowledged.has_next_step()) Next(path.Field("next_step"), acknowledged.next_step(), checks);
}

}  // namespace

void CheckInteraction(const FieldPath& root, const Event& event, FieldChecks& checks) {
  switch (event.payload_case()) {
    case Event::kInteractionPlanned:
      return Planned(root.Field("interaction_planned"), event.interaction_planned(), checks);
    case Event::kInteractionMade:
      return Made(root.Field("interaction_made"), event.interaction_made(), checks);
    case Event::kInteractionMissed:
      return Missed(root.Field("interaction_missed"), event.interaction_missed(), checks);
    case Event::kHandoverGiven:
      return Handed(root.Field("handover_given"), event.handover_given(), checks);
    case Event::kHandoverAcknowledged:
      return Acknowledged(root.Field("handover_acknowledged"), event.handover_acknowledged(), checks);
    default:
      return;
  }
}

}  // namespace keyledger::domain

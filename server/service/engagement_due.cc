// EngagementService: what is due, how cadence was kept, and who has how much of it. See engagement_service.h.
#include <fmt/format.h>

#include "projections/engagement/duty_queries.h"
#include "projections/engagement/owner_queries.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/service/access_trail.h"
#include "server/service/contact_days.h"
#include "server/service/engagement_messages.h"
#include "server/service/engagement_scope.h"
#include "server/service/engagement_service.h"
#include "server/service/query_request.h"
#include "server/service/retention_scope.h"

namespace keyledger::service {
namespace {

namespace engagement = projections::engagement;

constexpr std::string_view kListDue = "keyledger.ledger.v1.EngagementService/ListDue";

// What a query of duties continues after; where the request names no moment, the scope gets that of the first page.
template <class Request>
absl::StatusOr<std::string> DueAfter(const Request& request, engagement::EngagementScope& scope) {
  KL_ASSIGN_OR_RETURN(std::string after, Continuation(request));
  if (after.empty()) return after;
  KL_ASSIGN_OR_RETURN(const Micros as_of, engagement::DueMomentOf(after));
  KL_RETURN_IF_ERROR(CheckPageMoment(as_of, scope));
  scope.as_of = as_of;
  return after;
}

absl::StatusOr<engagement::DueQuestion> ToQuestion(const ServiceContext& context,
                                                   const ledger::v1::ListDueRequest& request,
                                                   engagement::EngagementScope& scope) {
  engagement::DueQuestion question;
  KL_RETURN_IF_ERROR(CheckText(request.person(), kPersonBytesMax, "person"));
  question.person = request.person();
  if (!request.account_id().empty()) KL_RETURN_IF_ERROR(CheckAccountExists(context, request.account_id()));
  question.account_id = request.account_id();
  if (request.has_until()) {
    KL_ASSIGN_OR_RETURN(question.until, CheckTime(request.until(), "until"));
  }
  question.overdue_only = request.overdue_only();
  for (int i = 0; i < request.kinds_size(); ++i) {
    if (!ledger::v1::DutyKind_IsValid(request.kinds(i)) || request.kinds(i) == ledger::v1::DUTY_KIND_UNSPECIFIED) {
      return FieldError(fmt::format("kinds[{}]", i), "is not a value of DutyKind");
    }
    question.kinds.insert(static_cast<engagement::DutyKind>(request.kinds(i)));
  }
  KL_ASSIGN_OR_RETURN(question.page_size, CheckPageSize(request.page_size()));
  KL_ASSIGN_OR_RETURN(question.after, DueAfter(request, scope));
  return question;
}

// Errors: INVALID_ARGUMENT (kInvalidField "reader", "purpose"), FAILED_PRECONDITION (kNoMasterKey).
absl::Status CheckUnsealing(const ServiceContext& context, const ledger::v1::ListDueRequest& request) {
  KL_RETURN_IF_ERROR(CheckReading(request.reader(), request.purpose()));
  if (request.person().empty() && request.account_id().empty()) {
    return FieldError("reader", "is only for duties of a person or an account");
  }
  // What is sealed is kept as it is known last, and not what it was.
  if (request.scope().has_as_of() || request.scope().has_known_at()) {
    return FieldError("reader", "is not for a past moment: leave out scope.as_of and scope.known_at, or the reader");
  }
  return context.vault == nullptr ? NoMasterKey() : absl::OkStatus();
}

void Fill(const engagement::Duty& duty, ledger::v1::Duty& out) {
  out.set_duty_id(duty.duty_id);
  out.set_account_id(duty.account_id);
  out.set_display_name(duty.display_name);
  out.set_kind(static_cast<ledger::v1::DutyKind>(duty.kind));
  domain::SetTimestamp(out.mutable_due_time(), duty.due);
  out.set_due_day(duty.due_day);
  out.set_overdue(duty.overdue);
  out.set_lapsed(duty.lapsed);
  for (const std::string& person : duty.people) out.add_people(person);
  out.set_role(duty.role);
  for (const events::v1::InteractionKind kind : duty.interaction_kinds) out.add_interaction_kinds(kind);
  out.set_rule_id(duty.rule_id);
  out.set_program_id(duty.program_id);
  out.set_program_version(duty.program_version);
  out.set_period(duty.period);
  out.set_number(duty.number);
  out.set_required(duty.required);
  out.set_item_id(duty.item_id);
  out.set_what(duty.what);
  if (duty.cause_revision.has_value()) out.set_cause_revision(*duty.cause_revision);
  out.set_contact_id(duty.contact_id);
}

absl::StatusOr<engagement::CadenceQuestion> ToQuestion(const ServiceContext& context,
                                                       const ledger::v1::GetCadenceRequest& request,
                                                       engagement::EngagementScope& scope) {
  engagement::CadenceQuestion question;
  KL_RETURN_IF_ERROR(CheckText(request.person(), kPersonBytesMax, "person"));
  question.filter.person = request.person();
  if (!request.account_id().empty()) KL_RETURN_IF_ERROR(CheckAccountExists(context, request.account_id()));
  question.account_id = request.account_id();
  if (!request.rule_id().empty() && !IsSnakeId(request.rule_id())) {
    return FieldError("rule_id", "must be lower snake case of at most 64 bytes, for example phone_a");
  }
  question.filter.rule_id = request.rule_id();
  KL_ASSIGN_OR_RETURN(question.page_size, CheckPageSize(request.page_size()));
  KL_ASSIGN_OR_RETURN(question.after, DueAfter(request, scope));
  KL_ASSIGN_OR_RETURN(question.start, StartOrYear(request, scope.as_of));
  return question;
}

void Fill(const std::string& name, const engagement::CadenceCount& count, ledger::v1::CadenceCount& out) {
  out.set_name(name);
  out.set_required(count.required);
  out.set_kept(count.kept);
  out.set_kept_late(count.kept_late);
  out.set_missed(count.missed);
  out.set_beyond(count.beyond);
  if (count.kept_share().has_value()) out.set_kept_share(*count.kept_share());
}

void Fill(const std::string& account_id, const engagement::CadencePeriod& period, ledger::v1::CadencePeriod& out) {
  out.set_account_id(account_id);
  out.set_rule_id(period.rule_id);
  out.set_period(period.period);
  domain::SetTimestamp(out.mutable_start_time(), period.start);
  domain::SetTimestamp(out.mutable_end_time(), period.end);
  out.set_required(period.required);
  out.set_made(period.made);
  out.set_kept(period.kept);
  out.set_program_version(period.program_version);
}

void Fill(const std::string& person, const engagement::AppointmentCount& count, ledger::v1::AppointmentCount& out) {
  out.set_person(person);
  out.set_appointments(count.appointments);
  out.set_made(count.made);
  out.set_made_late(count.made_late);
  if (count.mean_late_minutes().has_value()) out.set_mean_late_minutes(*count.mean_late_minutes());
  out.set_missed_by_us(count.missed_by_us);
  out.set_missed_by_account(count.missed_by_account);
  out.set_cancelled(count.cancelled);
  out.set_put_off(count.put_off);
  out.set_open(count.open);
}

void Fill(const engagement::CadenceAnswer& answer, const std::string& account_id, ledger::v1::GetCadenceResponse& out) {
  Fill("", answer.total, *out.mutable_total());
  for (const engagement::NamedCadence& rule : answer.rules) Fill(rule.name, rule.count, *out.add_rules());
  for (const engagement::NamedCadence& person : answer.people) Fill(person.name, person.count, *out.add_people());
  Fill("", answer.appointments, *out.mutable_appointments());
  for (const engagement::NamedAppointments& each : answer.appointment_people) {
    Fill(each.person, each.count, *out.add_appointment_people());
  }
  for (const engagement::CadencePeriod& period : answer.periods) Fill(account_id, period, *out.add_periods());
  for (const engagement::CadenceOfAccount& account : answer.accounts) {
    ledger::v1::CadenceAccount& listed = *out.add_accounts();
    listed.set_account_id(account.account_id);
    listed.set_owner(account.owner);
    Fill("", account.count, *listed.mutable_count());
  }
}

}  // namespace

grpc::ServerUnaryReactor* EngagementServiceImpl::ListDue(grpc::CallbackServerContext* call,
                                                         const ledger::v1::ListDueRequest* request,
                                                         ledger::v1::ListDueResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(engagement::EngagementScope scope, ToEngagementScope(request->scope(), *call, context_));
    KL_ASSIGN_OR_RETURN(engagement::DueQuestion question, ToQuestion(context_, *request, scope));
    const bool unseals = !request->reader().empty() || !request->purpose().empty();
    if (unseals) KL_RETURN_IF_ERROR(CheckUnsealing(context_, *request));
    engagement::DueAnswer answer;
    shard::TableReaders contacts;
    ContactDays days(context_, contacts);
    {
      // Given back before anything is waited for.
      KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                          context_.ledger.Readers("engagement", request->min_cursor(), deadline));
      if (unseals) {
        KL_ASSIGN_OR_RETURN(contacts, context_.ledger.Readers("contacts", request->min_cursor(), deadline));
        question.contact_days = [&days](const engagement::EngagementHistory& history) { return days.Of(history); };
        question.counted = [&days](const engagement::Duty& duty) { days.Give(duty); };
      }
      KL_ASSIGN_OR_RETURN(
          answer, engagement::ListDue(Pointers(readers), scope, *ProgramsKnownAt(context_, scope.known_at), question));
      contacts.clear();
    }
    if (unseals) KL_RETURN_IF_ERROR(days.Record(request->reader(), request->purpose(), kListDue, scope.canceled));
    for (const engagement::Duty& duty : answer.duties) Fill(duty, *response->add_duties());
    response->set_due_count(answer.due_count);
    response->set_overdue_count(answer.overdue_count);
    response->set_account_count(answer.account_count);
    domain::SetTimestamp(response->mutable_as_of(), scope.as_of);
    response->set_next_page_token(NextPageToken(*request, answer.next));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* EngagementServiceImpl::GetCadence(grpc::CallbackServerContext* call,
                                                            const ledger::v1::GetCadenceRequest* request,
                                                            ledger::v1::GetCadenceResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(engagement::EngagementScope scope, ToEngagementScope(request->scope(), *call, context_));
    KL_ASSIGN_OR_RETURN(const engagement::CadenceQuestion question, ToQuestion(context_, *request, scope));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(
        const auto answer,
        engagement::GetCadence(Pointers(readers), scope, *ProgramsKnownAt(context_, scope.known_at), question));
    Fill(answer, question.account_id, *response);
    response->set_next_page_token(NextPageToken(*request, answer.next));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* EngagementServiceImpl::ListOwners(grpc::CallbackServerContext* call,
                                                            const ledger::v1::ListOwnersRequest* request,
                                                            ledger::v1::ListOwnersResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(engagement::EngagementScope scope, ToEngagementScope(request->scope(), *call, context_));
    engagement::OwnersQuery query;
    if (!request->role().empty() && !IsSnakeId(request->role())) {
      return FieldError("role", "must be lower snake case of at most 64 bytes, for example sales_manager");
    }
    query.role = request->role();
    KL_ASSIGN_OR_RETURN(query.page_size, CheckPageSize(request->page_size()));
    KL_ASSIGN_OR_RETURN(query.continuation, PageAfter(*request, scope));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto answer, engagement::ListOwners(Pointers(readers), scope,
                                                                  *ProgramsKnownAt(context_, scope.known_at), query));
    for (const engagement::OwnerLoad& load : answer.owners) {
      ledger::v1::OwnerLoad& out = *response->add_owners();
      out.set_person(load.person);
      out.set_accounts(load.accounts);
      out.set_owned(load.owned);
      out.set_due(load.due);
      out.set_overdue(load.overdue);
      out.set_interactions(load.interactions);
      FillMoney(load.advanced, *out.mutable_advanced());
      out.set_changes(load.changes);
    }
    response->set_next_page_token(PageToken(*request, scope, answer.continuation));
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

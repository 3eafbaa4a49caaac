// EngagementService: what is known of accounts as partners. See engagement_service.h.
#include "projections/engagement/profile_queries.h"
#include "projections/points/points_queries.h"
#include "server/base/error.h"
#include "server/domain/proto_time.h"
#include "server/service/engagement_messages.h"
#include "server/service/engagement_scope.h"
#include "server/service/engagement_service.h"
#include "server/service/query_request.h"
#include "server/service/retention_scope.h"

namespace keyledger::service {
namespace {

namespace engagement = projections::engagement;

// What is known of an erased subject cannot be read any more.
engagement::IsErased ErasedIn(const vault::Vault* vault) {
  return [vault](const std::string& subject_id) {
    return vault != nullptr && vault->State(subject_id) == vault::SubjectState::kErased;
  };
}

void Fill(const engagement::ProfileGap& gap, ledger::v1::ProfileGap& out) {
  out.set_kind(static_cast<ledger::v1::GapKind>(gap.kind));
  out.set_name(gap.name);
  if (gap.last_time.has_value()) domain::SetTimestamp(out.mutable_last_time(), *gap.last_time);
  out.set_max_age_days(gap.max_age_days);
}

void Fill(const engagement::ProfilePost& post, ledger::v1::ProfilePost& out) {
  out.set_post(post.post);
  out.set_contact_id(post.contact_id);
  out.set_rank(post.rank);
  out.set_key_post(post.key_post);
  if (post.since.has_value()) domain::SetTimestamp(out.mutable_since_time(), *post.since);
  for (const std::string& field : post.known_fields) out.add_known_fields(field);
  if (post.last_met.has_value()) domain::SetTimestamp(out.mutable_last_met_time(), *post.last_met);
}

void Fill(const engagement::SwitchingCost& cost, ledger::v1::SwitchingCost& out) {
  out.set_contract_days(cost.contract_days);
  out.set_penalty_micros(cost.penalty_micros);
  out.set_currency_code(cost.currency_code);
  out.set_our_minutes(cost.our_minutes);
  out.set_account_minutes(cost.account_minutes);
  out.set_entitlements(cost.entitlements);
  out.set_categories(cost.categories);
}

void Fill(const engagement::ProfileAnswer& profile, ledger::v1::GetProfileResponse& out) {
  out.set_time_zone(profile.time_zone);
  for (const engagement::CoveringPerson& person : profile.people) FillPerson(person, *out.add_people());
  for (const engagement::ProfilePost& post : profile.posts) Fill(post, *out.add_posts());
  for (const engagement::ProfileFact& fact : profile.facts) {
    ledger::v1::ProfileFact& stated = *out.add_facts();
    stated.mutable_fact()->set_key(fact.key);
    stated.mutable_fact()->set_value(fact.value);
    domain::SetTimestamp(stated.mutable_stated_time(), fact.stated);
    stated.set_person(fact.person);
  }
  for (const auto& need : profile.needs) {
    ledger::v1::ProfileNeed& stated = *out.add_needs();
    *stated.mutable_need() = need.report;
    domain::SetTimestamp(stated.mutable_stated_time(), need.stated);
  }
  for (const auto& position : profile.positions) {
    ledger::v1::ProfilePosition& stated = *out.add_positions();
    *stated.mutable_position() = position.report;
    domain::SetTimestamp(stated.mutable_stated_time(), position.stated);
  }
  for (const engagement::ProfileValue& value : profile.values) {
    ledger::v1::ProfileValue& stated = *out.add_values();
    *stated.mutable_valued() = value.valued;
    domain::SetTimestamp(stated.mutable_stated_time(), value.stated);
    stated.set_change_micros(value.change_micros);
    stated.set_satisfaction(value.satisfaction);
  }
  for (const engagement::ProfileGap& gap : profile.gaps) Fill(gap, *out.add_gaps());
  Fill(profile.switching_cost, *out.mutable_switching_cost());
  for (const auto& list : profile.tender_lists) {
    *out.add_tender_lists() = list.report;
    domain::SetTimestamp(out.add_tender_list_times(), list.stated);
  }
  for (const auto& evaluation : profile.evaluations) *out.add_evaluations() = evaluation;
  for (const auto& adaptation : profile.adaptations) *out.add_adaptations() = adaptation;
  if (profile.ceded.has_value()) *out.mutable_ceded() = *profile.ceded;
  FillMoney(profile.saved, *out.mutable_saved());
}

}  // namespace

grpc::ServerUnaryReactor* EngagementServiceImpl::GetProfile(grpc::CallbackServerContext* call,
                                                            const ledger::v1::GetProfileRequest* request,
                                                            ledger::v1::GetProfileResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    const std::string& account_id = request->account_id();
    KL_RETURN_IF_ERROR(CheckAccountExists(context_, account_id));
    KL_ASSIGN_OR_RETURN(const engagement::EngagementScope scope, ToAccountScope(*request, *call, context_));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto profile,
                        engagement::GetProfile(Pointers(readers), scope, *ProgramsKnownAt(context_, scope.known_at),
                                               account_id, ErasedIn(context_.vault)));
    response->set_account_id(account_id);
    Fill(profile, *response);
    if (!request->has_known_at()) {
      KL_ASSIGN_OR_RETURN(const auto rows,
                          context_.ledger.ReaderOf("points", account_id, request->min_cursor(), deadline));
      KL_ASSIGN_OR_RETURN(const auto balance, projections::GetPointsBalance(*rows, account_id, scope.as_of));
      response->mutable_switching_cost()->set_points(balance.available + balance.pending);
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* EngagementServiceImpl::ListProfiles(grpc::CallbackServerContext* call,
                                                              const ledger::v1::ListProfilesRequest* request,
                                                              ledger::v1::ListProfilesResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(engagement::EngagementScope scope, ToEngagementScope(request->scope(), *call, context_));
    engagement::ProfilesQuery query;
    query.complete_too = request->complete_too();
    KL_ASSIGN_OR_RETURN(query.page_size, CheckPageSize(request->page_size()));
    KL_ASSIGN_OR_RETURN(query.continuation, PageAfter(*request, scope));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto answer,
                        engagement::ListProfiles(Pointers(readers), scope, *ProgramsKnownAt(context_, scope.known_at),
                                                 query, ErasedIn(context_.vault)));
    for (const engagement::ProfileState& state : answer.profiles) {
      ledger::v1::ProfileState& out = *response->add_profiles();
      out.set_account_id(state.account_id);
      out.set_owner(state.owner);
      for (const engagement::ProfileGap& gap : state.gaps) Fill(gap, *out.add_gaps());
      out.set_required(state.required);
    }
    response->set_account_count(answer.account_count);
    response->set_complete_count(answer.complete_count);
    response->set_next_page_token(PageToken(*request, scope, answer.continuation));
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

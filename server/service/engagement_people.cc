// EngagementService: on whom accounts rest, who is responsible for them, and how promptly they write down what they
// did. See engagement_service.h.
#include <fmt/format.h>

#include "projections/engagement/coverage_queries.h"
#include "projections/engagement/delay_queries.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/service/engagement_messages.h"
#include "server/service/engagement_scope.h"
#include "server/service/engagement_service.h"
#include "server/service/query_request.h"

namespace keyledger::service {
namespace {

namespace engagement = projections::engagement;

constexpr int32_t kWindowDaysMax = 1'096;
constexpr int32_t kWindowDaysDefault = 180;
constexpr int32_t kPromptMinutesMax = 527'040;
constexpr int32_t kPromptMinutesDefault = 1'440;

// Zero becomes the default.
absl::StatusOr<int32_t> ToCount(int32_t value, int32_t max, int32_t or_else, std::string_view field) {
  if (value < 0 || value > max) return FieldError(field, fmt::format("must be 0 to {}, not {}", max, value));
  return value == 0 ? or_else : value;
}

absl::StatusOr<engagement::CoverageQuery> ToQuery(const ledger::v1::GetCoverageRequest& request,
                                                  engagement::EngagementScope& scope) {
  engagement::CoverageQuery query;
  KL_RETURN_IF_ERROR(CheckText(request.person(), kPersonBytesMax, "person"));
  query.person = request.person();
  if (!ledger::v1::CoverageFlag_IsValid(request.flag())) {
    return FieldError("flag", "is not a value of CoverageFlag");
  }
  if (request.flag() != ledger::v1::COVERAGE_FLAG_UNSPECIFIED) {
    query.flag = static_cast<engagement::CoverageFlag>(request.flag());
  }
  KL_ASSIGN_OR_RETURN(query.window_days,
                      ToCount(request.window_days(), kWindowDaysMax, kWindowDaysDefault, "window_days"));
  if (!request.currency_code().empty() && !IsCurrencyCode(request.currency_code())) {
    return FieldError("currency_code", "must be three capital letters, for example USD");
  }
  query.currency_code = request.currency_code();
  KL_ASSIGN_OR_RETURN(query.page_size, CheckPageSize(request.page_size()));
  KL_ASSIGN_OR_RETURN(query.continuation, PageAfter(request, scope));
  return query;
}

void Fill(const engagement::AccountCoverage& coverage, ledger::v1::AccountCoverage& out) {
  out.set_account_id(coverage.account_id);
  for (const engagement::CoveringPerson& person : coverage.people) FillPerson(person, *out.add_people());
  out.set_people_met(coverage.people_met);
  out.set_min_people(coverage.min_people);
  out.set_contacts_met(coverage.contacts_met);
  out.set_contact_rank(coverage.contact_rank);
  out.set_our_rank(coverage.our_rank);
  for (const engagement::CoverageFlag flag : coverage.flags) {
    out.add_flags(static_cast<ledger::v1::CoverageFlag>(flag));
  }
  out.set_revenue_micros(coverage.revenue_micros);
}

void Fill(const engagement::EntryDelay& delay, ledger::v1::EntryDelay& out) {
  out.set_person(delay.person);
  out.set_interactions(delay.interactions);
  out.set_prompt(delay.prompt);
  if (delay.median_minutes.has_value()) out.set_median_minutes(*delay.median_minutes);
  if (delay.p90_minutes.has_value()) out.set_p90_minutes(*delay.p90_minutes);
  if (delay.longest_minutes.has_value()) out.set_longest_minutes(*delay.longest_minutes);
}

}  // namespace

grpc::ServerUnaryReactor* EngagementServiceImpl::GetCoverage(grpc::CallbackServerContext* call,
                                                             const ledger::v1::GetCoverageRequest* request,
                                                             ledger::v1::GetCoverageResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(engagement::EngagementScope scope, ToEngagementScope(request->scope(), *call, context_));
    KL_ASSIGN_OR_RETURN(const engagement::CoverageQuery query, ToQuery(*request, scope));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto answer, engagement::GetCoverage(Pointers(readers), scope,
                                                                   *ProgramsKnownAt(context_, scope.known_at), query));
    for (const engagement::AccountCoverage& coverage : answer.accounts) Fill(coverage, *response->add_accounts());
    response->set_account_count(answer.account_count);
    response->set_flagged_count(answer.flagged_count);
    response->mutable_flag_counts()->Add(answer.flag_counts.begin(), answer.flag_counts.end());
    response->set_revenue_micros(answer.revenue_micros);
    response->set_currency_code(answer.currency_code);
    response->set_next_page_token(PageToken(*request, scope, answer.continuation));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* EngagementServiceImpl::GetEntryDelay(grpc::CallbackServerContext* call,
                                                               const ledger::v1::GetEntryDelayRequest* request,
                                                               ledger::v1::GetEntryDelayResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(engagement::EngagementScope scope, ToEngagementScope(request->scope(), *call, context_));
    KL_ASSIGN_OR_RETURN(const Micros start, StartOf(*request, scope.as_of));
    KL_ASSIGN_OR_RETURN(const int32_t prompt_minutes,
                        ToCount(request->prompt_minutes(), kPromptMinutesMax, kPromptMinutesDefault, "prompt_minutes"));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto answer, engagement::GetEntryDelay(Pointers(readers), scope, start, prompt_minutes));
    Fill(answer.total, *response->mutable_total());
    for (const engagement::EntryDelay& delay : answer.people) Fill(delay, *response->add_people());
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

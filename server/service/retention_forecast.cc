// RetentionService: forecasts, made, put on record and scored. See retention_service.h.
#include <limits>

#include <fmt/format.h>

#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/program_set.h"
#include "server/domain/proto_time.h"
#include "server/service/forecast_records.h"
#include "server/service/forecast_scope.h"
#include "server/service/ledger_service.h"
#include "server/service/projected_tier.h"
#include "server/service/query_request.h"
#include "server/service/retention_scope.h"
#include "server/service/retention_service.h"

namespace keyledger::service {
namespace {

constexpr size_t kNoteBytesMax = 512;
constexpr size_t kActorBytesMax = 128;
constexpr size_t kForecastIdBytesMax = 128;

// The tier held on the ladder of the program that governs the account; empty if none.
std::string GoverningTier(const projections::AccountOutlook& account, Micros as_of,
                          const domain::ProgramSet& programs) {
  const domain::CompiledProgram* const program = programs.Select(as_of - 1, account.region);
  if (program == nullptr) return "";
  for (const auto& [ladder_id, tier_id] : account.tiers) {
    if (ladder_id == program->program().tier_ladder().ladder_id()) return tier_id;
  }
  return "";
}

void FillAccount(const projections::AccountOutlook& account, Micros as_of, const domain::ProgramSet& programs,
                 ledger::v1::AccountForecast& out) {
  out.set_account_id(account.account_id);
  out.set_repeat_days(account.repeat_days);
  out.set_recency_days(account.recency_days);
  out.set_age_days(account.age_days);
  out.set_p_alive(account.p_alive);
  out.set_expected_purchases(account.expected_purchases);
  if (account.expected_spend_micros.has_value()) out.set_expected_spend_micros(*account.expected_spend_micros);
  if (account.expected_revenue_micros.has_value()) out.set_expected_revenue_micros(*account.expected_revenue_micros);
  if (account.expected_value_micros.has_value()) out.set_expected_value_micros(*account.expected_value_micros);
  if (account.next_rank.has_value()) out.set_next_rank(*account.next_rank);
  out.set_rank(account.rank);
  out.set_tier_id(GoverningTier(account, as_of, programs));
}

absl::Status CheckText(std::string_view text, std::string_view field, size_t bytes_max) {
  if (text.size() <= bytes_max && IsUtf8(text)) return absl::OkStatus();
  return FieldError(field, fmt::format("must be UTF-8 of at most {} bytes", bytes_max));
}

// What a record of a forecast cannot say.
absl::Status CheckRecordable(const ledger::v1::RecordForecastRequest& request) {
  if (!IsPrintableId(request.request_id(), kRequestIdBytesMax)) {
    return FieldError("request_id", "must be 1 to 128 printable ASCII bytes");
  }
  KL_RETURN_IF_ERROR(CheckText(request.note(), "note", kNoteBytesMax));
  KL_RETURN_IF_ERROR(CheckText(request.actor(), "actor", kActorBytesMax));
  if (request.forecast().scope().has_known_at()) {
    return FieldError("forecast.scope.known_at", "must not be set: a forecast on record knows what the ledger knows");
  }
  if (!request.forecast().scope().accounts().club_id().empty()) {
    return FieldError("forecast.scope.accounts.club_id", "must not be set: forecasts on record are not made by club");
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> PageEnd(const ledger::v1::ListForecastsRequest& request) {
  KL_ASSIGN_OR_RETURN(const std::string continuation, Continuation(request));
  if (continuation.empty()) return std::numeric_limits<uint64_t>::max();
  std::string_view in(continuation);
  uint64_t end = 0;
  if (!GetBigEndian64(in, end) || !in.empty()) {
    return MakeError(Reason::kInvalidToken, "not a page token of this ledger");
  }
  return end;
}

void FillGroup(const forecast::Score& score, ledger::v1::ForecastGroup& out) {
  out.set_accounts(score.n);
  out.set_expected_mean(score.expected_mean);
  out.set_actual_mean(score.actual_mean);
  out.set_bias(score.bias);
  out.set_mean_absolute_error(score.mae);
  out.set_root_mean_squared_error(score.rmse);
}

void FillScore(const projections::ForecastScore& score, ledger::v1::ScoreForecastResponse& out) {
  domain::SetTimestamp(out.mutable_scored_until(), score.scored_until);
  out.set_expected_purchases(score.expected_purchases);
  out.set_actual_purchases(score.actual_purchases);
  if (score.within_interval.has_value()) out.set_within_interval(*score.within_interval);
  out.set_bias(score.all.bias);
  out.set_mean_absolute_error(score.all.mae);
  out.set_root_mean_squared_error(score.all.rmse);
  for (size_t i = 0; i < score.groups.size(); ++i) {
    ledger::v1::ForecastGroup& group = *out.add_groups();
    group.set_repeat_days(i + 1 < score.groups.size() ? fmt::format("{}", i) : fmt::format("{}+", i));
    FillGroup(score.groups[i], group);
  }
  for (const forecast::Score& part : score.calibration) FillGroup(part, *out.add_calibration());
  if (score.expected_revenue_micros.has_value()) out.set_expected_revenue_micros(*score.expected_revenue_micros);
  out.set_actual_revenue_micros(score.actual_revenue_micros);
}

}  // namespace

grpc::ServerUnaryReactor* RetentionServiceImpl::GetForecast(grpc::CallbackServerContext* call,
                                                            const ledger::v1::GetForecastRequest* request,
                                                            ledger::v1::GetForecastResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(AskedForecast asked, ToForecast(request->forecast(), *call, context_.clock));
    if (!request->account_id().empty()) KL_RETURN_IF_ERROR(CheckAccountExists(context_, request->account_id()));
    KL_ASSIGN_OR_RETURN(const int page_size, CheckPageSize(request->page_size()));
    KL_ASSIGN_OR_RETURN(const ForecastView view, OpenView(context_, *request, deadline, asked.scope));
    KL_ASSIGN_OR_RETURN(const CallSlots::Slot slot, TakeForecastSlot(context_));
    const projections::ForecastPage page{request->account_id(), view.first, static_cast<size_t>(page_size)};
    KL_ASSIGN_OR_RETURN(
        const projections::ForecastTable table,
        InForecast(projections::GetForecastTable(Pointers(view.readers), asked.scope, asked.terms, page)));
    KL_RETURN_IF_ERROR(CheckHorizonEnd(table.horizon_end));
    FillModel(table.models, table.population.accounts, *response->mutable_model());
    FillPopulation(table.population, *response->mutable_population());
    KL_ASSIGN_OR_RETURN(const domain::ProgramSet programs,
                        KnownPrograms(context_, view.places[0], asked.scope.known_at));
    for (const projections::AccountOutlook& account : table.accounts) {
      ledger::v1::AccountForecast& out = *response->add_accounts();
      KL_RETURN_IF_ERROR(projections::CheckWanted(asked.scope));
      FillAccount(account, table.as_of, programs, out);
      if (!account.expected_revenue_micros.has_value()) continue;
      const uint64_t known_place = view.places[context_.ledger.ShardOfAccount(account.account_id).number()];
      KL_ASSIGN_OR_RETURN(*out.mutable_projected_tier_id(),
                          ProjectTier(context_, programs, account.account_id, known_place, asked.scope.known_at,
                                      {table.as_of, table.horizon_end, table.currency_code, account.expected_purchases,
                                       *account.expected_revenue_micros}));
    }
    if (table.more) {
      response->set_next_page_token(
          NextViewToken(*request, view, table.as_of, view.first + static_cast<uint64_t>(page_size)));
    }
    response->set_currency_code(table.currency_code);
    domain::SetTimestamp(response->mutable_as_of(), table.as_of);
    domain::SetTimestamp(response->mutable_horizon_end(), table.horizon_end);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* RetentionServiceImpl::RecordForecast(grpc::CallbackServerContext* call,
                                                               const ledger::v1::RecordForecastRequest* request,
                                                               ledger::v1::RecordForecastResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_RETURN_IF_ERROR(CheckRecordable(*request));
    KL_ASSIGN_OR_RETURN(const AskedForecast asked, ToForecast(request->forecast(), *call, context_.clock));
    std::optional<events::v1::ForecastRecorded> forecast;
    // A request that was answered is not computed again: it might not even be possible any more.
    KL_ASSIGN_OR_RETURN(const bool repeated, IsForecastRequest(context_, request->request_id()));
    if (!repeated) {
      KL_ASSIGN_OR_RETURN(const shard::TableReaders readers, context_.ledger.Readers("retention", "", deadline));
      KL_ASSIGN_OR_RETURN(const CallSlots::Slot slot, TakeForecastSlot(context_));
      KL_ASSIGN_OR_RETURN(const projections::ForecastTable table,
                          InForecast(projections::GetForecastTable(Pointers(readers), asked.scope, asked.terms, {})));
      KL_RETURN_IF_ERROR(CheckHorizonEnd(table.horizon_end));
      std::vector<uint64_t> places;
      for (const auto& reader : readers) places.push_back(reader->applied());
      forecast = ToRecorded(*request, asked.scope, table, places);
    }
    KL_ASSIGN_OR_RETURN(const events::v1::EventRecord record, PutForecast(context_, *request, forecast));
    FillRecorded(record, *response->mutable_forecast());
    response->set_cursor(CursorAfter(context_.ledger, 0, record.position() + 1));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* RetentionServiceImpl::ListForecasts(grpc::CallbackServerContext* call,
                                                              const ledger::v1::ListForecastsRequest* request,
                                                              ledger::v1::ListForecastsResponse* response) {
  return RunQuery(context_, call, [this, request, response]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const int page_size, CheckPageSize(request->page_size()));
    // They are read from the log, which nobody has to wait for.
    if (!request->min_cursor().empty()) KL_RETURN_IF_ERROR(context_.ledger.Parse(request->min_cursor()).status());
    KL_ASSIGN_OR_RETURN(const uint64_t end, PageEnd(*request));
    KL_ASSIGN_OR_RETURN(const ForecastRecords page, ListForecastRecords(context_, end, page_size));
    for (const events::v1::EventRecord& record : page.records) FillRecorded(record, *response->add_forecasts());
    if (page.next == 0) return absl::OkStatus();
    std::string continuation;
    PutBigEndian64(continuation, page.next);
    response->set_next_page_token(NextPageToken(*request, continuation));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* RetentionServiceImpl::ScoreForecast(grpc::CallbackServerContext* call,
                                                              const ledger::v1::ScoreForecastRequest* request,
                                                              ledger::v1::ScoreForecastResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    if (!IsPrintableId(request->forecast_id(), kForecastIdBytesMax)) {
      return FieldError("forecast_id",
                        request->forecast_id().empty() ? "is required" : "must be 1 to 128 printable ASCII bytes");
    }
    std::optional<Micros> until;
    if (request->has_as_of()) {
      KL_ASSIGN_OR_RETURN(until, CheckTime(request->as_of(), "as_of"));
      if (*until > AsOfNow(context_.clock)) return FieldError("as_of", "must not be in the future");
    }
    KL_ASSIGN_OR_RETURN(const events::v1::EventRecord record, FindForecast(context_, request->forecast_id()));
    KL_ASSIGN_OR_RETURN(projections::PastForecast past, ToPast(record, context_.ledger.shard_count()));
    past.scope.canceled = CanceledBy(*call);
    past.scope.now = AsOfNow(context_.clock);
    // What the forecast knew must be there before it is folded again, after a rebuild, too.
    KL_RETURN_IF_ERROR(
        context_.ledger.Readers("retention", context_.ledger.Format(Cursor{past.scope.known_places}), deadline)
            .status());
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("retention", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const CallSlots::Slot slot, TakeForecastSlot(context_));
    KL_ASSIGN_OR_RETURN(const projections::ForecastScore score,
                        projections::ScoreForecast(Pointers(readers), past, until));
    FillRecorded(record, *response->mutable_forecast());
    FillScore(score, *response);
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service

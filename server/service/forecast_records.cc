#include "server/service/forecast_records.h"

#include <future>
#include <utility>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/merkle/tree.h"

namespace keyledger::service {
namespace {

using events::v1::EventRecord;
using events::v1::ForecastRecorded;

constexpr size_t kIdDigits = 24;

// The first letter is in use for no other unique key.
std::string ForecastKey(const std::string& forecast_id) { return "f" + forecast_id; }

std::string DigestOf(ledger::v1::RecordForecastRequest request) {
  request.clear_request_id();
  const merkle::Hash digest = merkle::Sha256(request.GetDescriptor()->full_name() + request.SerializeAsString());
  return std::string(digest.begin(), digest.end());
}

absl::Status Damaged(uint64_t position) {
  return MakeError(Reason::kStoreDamaged,
                   fmt::format("record {} of shard 0 is no forecast that can be read", position));
}

absl::StatusOr<EventRecord> ReadForecast(std::string_view bytes, uint64_t position) {
  EventRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !record.event().has_forecast_recorded()) {
    return Damaged(position);
  }
  return record;
}

}  // namespace

std::string ForecastIdOf(const std::string& request_id) {
  std::string digits;
  for (const uint8_t byte : merkle::Sha256(request_id)) digits += fmt::format("{:02x}", byte);
  return "forecast-" + digits.substr(0, kIdDigits);
}

absl::StatusOr<EventRecord> PutForecast(const ServiceContext& context, const ledger::v1::RecordForecastRequest& request,
                                        const std::optional<ForecastRecorded>& forecast) {
  events::v1::Event event;
  if (forecast.has_value()) *event.mutable_forecast_recorded() = *forecast;
  std::promise<absl::StatusOr<shard::AppendAnswer>> promise;
  shard::Shard& home = context.ledger.shard(0);
  home.RecordOwn(
      kForecastsStream, std::move(event), request.request_id(), request.actor(), DigestOf(request),
      [&promise](absl::StatusOr<shard::AppendAnswer> answer) { promise.set_value(std::move(answer)); },
      {.unique_key = ForecastKey(ForecastIdOf(request.request_id())), .hold_placed = {}, .hold_released = {}});
  KL_ASSIGN_OR_RETURN(const shard::AppendAnswer answer, promise.get_future().get());
  const uint64_t position = answer.events.at(0).position;
  KL_ASSIGN_OR_RETURN(const std::string bytes, home.store().GetRecord(position));
  return ReadForecast(bytes, position);
}

absl::StatusOr<bool> IsForecastRequest(const ServiceContext& context, const std::string& request_id) {
  KL_ASSIGN_OR_RETURN(const auto row, context.ledger.shard(0).store().GetRequest(kForecastsStream, request_id));
  return row.has_value();
}

absl::StatusOr<EventRecord> FindForecast(const ServiceContext& context, const std::string& forecast_id) {
  const store::ShardStore& store = context.ledger.shard(0).store();
  KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> position, store.GetUnique(ForecastKey(forecast_id)));
  if (!position.has_value()) {
    return MakeError(Reason::kForecastNotFound,
                     fmt::format("no forecast '{}' is on record; ListForecasts names those that are", forecast_id));
  }
  KL_ASSIGN_OR_RETURN(const std::string bytes, store.GetRecord(*position));
  return ReadForecast(bytes, *position);
}

absl::StatusOr<ForecastRecords> ListForecastRecords(const ServiceContext& context, uint64_t end, int size) {
  ForecastRecords page;
  const auto records = context.ledger.shard(0).store().ReadStream(kForecastsStream, 0, end, /*backwards=*/true);
  while (records->Next()) {
    if (page.records.size() == static_cast<size_t>(size)) {
      page.next = page.records.back().revision();
      return page;
    }
    KL_ASSIGN_OR_RETURN(EventRecord record, ReadForecast(records->bytes(), records->position()));
    page.records.push_back(std::move(record));
  }
  KL_RETURN_IF_ERROR(records->status());
  return page;
}

ForecastRecorded ToRecorded(const ledger::v1::RecordForecastRequest& request, const projections::RetentionScope& scope,
                            const projections::ForecastTable& table, const std::vector<uint64_t>& places) {
  ForecastRecorded out;
  out.set_forecast_id(ForecastIdOf(request.request_id()));
  domain::SetTimestamp(out.mutable_as_of(), table.as_of);
  for (uint32_t shard = 0; shard < places.size(); ++shard) {
    events::v1::ForecastPlace& place = *out.add_places();
    place.set_shard(shard);
    place.set_end_position(places[shard]);
  }
  domain::SetTimestamp(out.mutable_horizon_end(), table.horizon_end);
  out.set_time_zone(request.forecast().scope().time_zone());
  out.set_currency_code(table.currency_code);
  out.set_net(scope.basis == projections::RevenueBasis::kNet);
  out.set_region(scope.filter.region);
  out.set_segment(scope.filter.segment);
  out.set_owner(scope.filter.owner);
  out.set_tier_id(scope.filter.tier_id);
  events::v1::ForecastParameters& parameters = *out.mutable_parameters();
  const forecast::BgNbdFit& fit = table.models.purchases;
  parameters.set_r(fit.parameters.r);
  parameters.set_alpha(fit.parameters.alpha);
  parameters.set_a(fit.parameters.a);
  parameters.set_b(fit.parameters.b);
  parameters.set_log_likelihood(fit.log_likelihood);
  if (table.models.values.has_value()) {
    parameters.set_p(table.models.values->parameters.p);
    parameters.set_q(table.models.values->parameters.q);
    parameters.set_gamma(table.models.values->parameters.gamma);
  }
  out.set_accounts(table.population.accounts);
  out.set_expected_purchases(table.population.expected_purchases);
  out.set_lower_purchases(table.population.lower_purchases);
  out.set_upper_purchases(table.population.upper_purchases);
  out.set_expected_revenue_micros(table.population.expected_revenue_micros.value_or(0));
  out.set_note(request.note());
  return out;
}

absl::StatusOr<projections::PastForecast> ToPast(const EventRecord& record, uint32_t shard_count) {
  const ForecastRecorded& recorded = record.event().forecast_recorded();
  projections::PastForecast past;
  if (!recorded.time_zone().empty()) {
    const std::optional<Zone> zone = Zone::Load(recorded.time_zone());
    if (!zone.has_value()) return Damaged(record.position());
    past.scope.zone = *zone;
  }
  past.scope.currency_code = recorded.currency_code();
  past.scope.basis = recorded.net() ? projections::RevenueBasis::kNet : projections::RevenueBasis::kGross;
  past.scope.as_of = domain::MicrosOf(recorded.as_of());
  past.scope.filter = {recorded.region(), recorded.segment(), recorded.owner(), recorded.tier_id(), ""};
  past.scope.known_places.resize(shard_count);
  for (const events::v1::ForecastPlace& place : recorded.places()) {
    if (place.shard() >= shard_count) return Damaged(record.position());
    past.scope.known_places[place.shard()] = place.end_position();
  }
  const events::v1::ForecastParameters& parameters = recorded.parameters();
  past.purchases = {parameters.r(), parameters.alpha(), parameters.a(), parameters.b()};
  if (parameters.p() != 0)
    past.values = forecast::GammaGammaParameters{parameters.p(), parameters.q(), parameters.gamma()};
  past.accounts = recorded.accounts();
  past.lower_purchases = recorded.lower_purchases();
  past.upper_purchases = recorded.upper_purchases();
  past.horizon_end = domain::MicrosOf(recorded.horizon_end());
  return past;
}

void FillRecorded(const EventRecord& record, ledger::v1::RecordedForecast& out) {
  const ForecastRecorded& recorded = record.event().forecast_recorded();
  out.set_forecast_id(recorded.forecast_id());
  *out.mutable_record_time() = record.record_time();
  *out.mutable_as_of() = recorded.as_of();
  *out.mutable_horizon_end() = recorded.horizon_end();
  const events::v1::ForecastParameters& parameters = recorded.parameters();
  ledger::v1::ForecastModel& model = *out.mutable_model();
  model.set_r(parameters.r());
  model.set_alpha(parameters.alpha());
  model.set_a(parameters.a());
  model.set_b(parameters.b());
  model.set_log_likelihood(parameters.log_likelihood());
  model.set_accounts(recorded.accounts());
  ledger::v1::PopulationForecast& population = *out.mutable_population();
  population.set_accounts(recorded.accounts());
  population.set_expected_purchases(recorded.expected_purchases());
  population.set_lower_purchases(recorded.lower_purchases());
  population.set_upper_purchases(recorded.upper_purchases());
  if (parameters.p() != 0) {
    model.set_p(parameters.p());
    model.set_q(parameters.q());
    model.set_gamma(parameters.gamma());
    population.set_expected_revenue_micros(recorded.expected_revenue_micros());
  }
  out.set_currency_code(recorded.currency_code());
  ledger::v1::PopulationFilter& accounts = *out.mutable_accounts();
  accounts.set_region(recorded.region());
  accounts.set_segment(recorded.segment());
  accounts.set_owner(recorded.owner());
  accounts.set_tier_id(recorded.tier_id());
  out.set_note(recorded.note());
}

}  // namespace keyledger::service

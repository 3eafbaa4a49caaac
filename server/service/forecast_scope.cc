#include "server/service/forecast_scope.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/domain/proto_time.h"
#include "server/service/retention_scope.h"

namespace keyledger::service {
namespace {

constexpr int32_t kIntervalMin = 500;
constexpr int32_t kIntervalMax = 999;
constexpr int64_t kRetryDelayMs = 1'000;

absl::Status NoToken() { return MakeError(Reason::kInvalidToken, "not a page token of this ledger"); }

}  // namespace

absl::Status CheckMilli(int32_t value, int32_t low, int32_t high, std::string_view field) {
  if (value >= low && value <= high) return absl::OkStatus();
  return FieldError(field, fmt::format("must be {} to {} thousandths, not {}", low, high, value));
}

absl::Status CheckHorizonEnd(Micros horizon_end) {
  if (domain::IsTimestampRange(horizon_end)) return absl::OkStatus();
  return FieldError("forecast.horizon_days", "ends after the year 9999: give an earlier as_of, or fewer days");
}

absl::Status InForecast(const absl::Status& status) {
  if (ReasonOf(status) != Reason::kInvalidField) return status;
  const auto fields = FieldsOf(status);
  if (fields.size() != 1 || !fields[0].first.starts_with("scope.")) return status;
  return FieldError("forecast." + fields[0].first, fields[0].second);
}

absl::StatusOr<AskedForecast> ToForecast(const ledger::v1::ForecastScope& forecast,
                                         const grpc::CallbackServerContext& call, const Clock& clock) {
  AskedForecast out;
  KL_ASSIGN_OR_RETURN(out.scope, InForecast(ToScope(forecast.scope(), call, clock)));
  if (forecast.horizon_days() < 0 || forecast.horizon_days() > projections::kHorizonDaysMax) {
    return FieldError("forecast.horizon_days",
                      fmt::format("must be 0 to {}, not {}", projections::kHorizonDaysMax, forecast.horizon_days()));
  }
  if (forecast.horizon_days() != 0) out.terms.horizon_days = forecast.horizon_days();
  if (forecast.has_margin_milli()) {
    KL_RETURN_IF_ERROR(CheckMilli(forecast.margin_milli(), -1'000, 1'000, "forecast.margin_milli"));
    out.terms.margin = forecast.margin_milli() / 1'000.0;
  }
  KL_RETURN_IF_ERROR(CheckMilli(forecast.discount_milli(), 0, 1'000, "forecast.discount_milli"));
  out.terms.discount = forecast.discount_milli() / 1'000.0;
  if (forecast.interval_milli() != 0) {
    KL_RETURN_IF_ERROR(CheckMilli(forecast.interval_milli(), kIntervalMin, kIntervalMax, "forecast.interval_milli"));
    out.terms.confidence = forecast.interval_milli() / 1'000.0;
  }
  return out;
}

std::string FormatViewPlace(const std::vector<uint64_t>& places, Micros as_of, uint64_t next) {
  std::string text;
  PutBigEndian64(text, next);
  PutMoment(text, as_of);
  PutPlaces(text, places);
  return text;
}

void PutMoment(std::string& text, Micros moment) { PutBigEndian64(text, static_cast<uint64_t>(moment)); }

absl::StatusOr<Micros> TakeMoment(std::string_view& text, Micros latest) {
  uint64_t moment = 0;
  if (!GetBigEndian64(text, moment)) return NoToken();
  const auto taken = static_cast<Micros>(moment);
  if (!domain::IsTimestampRange(taken) || taken > latest) return NoToken();
  return taken;
}

void PutPlaces(std::string& text, const std::vector<uint64_t>& places) {
  for (const uint64_t place : places) PutBigEndian64(text, place);
}

absl::StatusOr<std::vector<uint64_t>> TakePlaces(std::string_view& text, uint32_t shard_count) {
  std::vector<uint64_t> places(shard_count);
  for (uint64_t& place : places) {
    if (!GetBigEndian64(text, place)) return NoToken();
  }
  return places;
}

absl::Status OpenPlaces(const ServiceContext& context, const std::string& min_cursor,
                        std::chrono::steady_clock::time_point deadline, projections::RetentionScope& scope,
                        ForecastView& view) {
  const bool first = view.places.empty();
  scope.known_places = view.places;
  const std::string at_least = first ? min_cursor : context.ledger.Format(Cursor{view.places});
  KL_ASSIGN_OR_RETURN(view.readers, context.ledger.Readers("retention", at_least, deadline));
  if (first) {
    for (const auto& reader : view.readers) view.places.push_back(reader->applied());
  }
  return absl::OkStatus();
}

absl::StatusOr<CallSlots::Slot> TakeForecastSlot(const ServiceContext& context) {
  std::optional<CallSlots::Slot> slot = context.forecasts.Take();
  if (slot.has_value()) return *std::move(slot);
  absl::Status refusal = MakeError(
      Reason::kTooManyStreams,
      fmt::format("{} forecasts are under way already; repeat the call when one is over", context.forecasts.max()));
  SetRetryDelayMs(refusal, kRetryDelayMs);
  return refusal;
}

absl::Status ParseViewPlace(std::string_view text, uint32_t shard_count, ForecastView& view, Micros& as_of) {
  if (!GetBigEndian64(text, view.first)) return NoToken();
  KL_ASSIGN_OR_RETURN(as_of, TakeMoment(text, domain::kTimeMax));
  KL_ASSIGN_OR_RETURN(view.places, TakePlaces(text, shard_count));
  return text.empty() ? absl::OkStatus() : NoToken();
}

void FillModel(const projections::ForecastModels& models, int64_t accounts, ledger::v1::ForecastModel& out) {
  const forecast::BgNbdFit& fit = models.purchases;
  out.set_r(fit.parameters.r);
  out.set_alpha(fit.parameters.alpha);
  out.set_a(fit.parameters.a);
  out.set_b(fit.parameters.b);
  out.set_log_likelihood(fit.log_likelihood);
  out.set_accounts(accounts);
  out.set_repeat_accounts(fit.repeat_customers);
  out.set_evaluations(fit.evaluations);
  std::string convergence = fmt::format("BG/NBD: largest derivative {:.1e} per account, {} of 3 starts agree",
                                        fit.gradient_norm, fit.starts_agreeing);
  out.set_value_note(models.value_note);
  if (models.values.has_value()) {
    const forecast::GammaGammaFit& values = *models.values;
    out.set_p(values.parameters.p);
    out.set_q(values.parameters.q);
    out.set_gamma(values.parameters.gamma);
    out.set_value_log_likelihood(values.log_likelihood);
    out.set_evaluations(out.evaluations() + values.evaluations);
    convergence += fmt::format("; Gamma-Gamma: largest derivative {:.1e} per account, {} of 3 starts agree",
                               values.gradient_norm, values.starts_agreeing);
  }
  out.set_convergence(convergence);
}

void FillPopulation(const projections::PopulationOutlook& population, ledger::v1::PopulationForecast& out) {
  out.set_accounts(population.accounts);
  out.set_closed_accounts(population.closed_accounts);
  out.set_alive_accounts(population.alive_accounts);
  out.set_expected_purchases(population.expected_purchases);
  out.set_lower_purchases(population.lower_purchases);
  out.set_upper_purchases(population.upper_purchases);
  if (!population.expected_revenue_micros.has_value()) return;
  out.set_expected_revenue_micros(*population.expected_revenue_micros);
  out.set_expected_value_micros(*population.expected_value_micros);
}

}  // namespace keyledger::service

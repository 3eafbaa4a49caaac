// See validate_relationship.h. Every rule stands beside the fields in events/v1/pipeline.proto.
#include "server/domain/validate_relationship.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;

constexpr int64_t kUnitsMax = 1'000'000'000'000;
constexpr int64_t kForecastDaysMax = 3'660;

// What an opportunity's opening and moves say of its figures.
template <typename Opportunity>
void Figures(const FieldPath& path, const Opportunity& said, FieldChecks& checks) {
  checks.OptionalSum(path.Field("amount"), said.has_amount(), said.amount(), 1);
  checks.OptionalMoment(path.Field("close_time"), said.has_close_time(), said.close_time());
  if (said.has_chance_milli()) checks.Range(path.Field("chance_milli"), said.chance_milli(), 0, 1000);
  checks.Text(path.Field("person"), said.person(), 0, 128);
}

void Opened(const FieldPath& path, const events::v1::OpportunityOpened& opened, FieldChecks& checks) {
  checks.Text(path.Field("opportunity_id"), opened.opportunity_id(), 1, 128);
  checks.FreeText(path.Field("description"), opened.description(), 1, 512);
  Figures(path, opened, checks);
  checks.OptionalId(path.Field("lead_source"), opened.lead_source());
}

void Moved(const FieldPath& path, const events::v1::OpportunityMoved& moved, FieldChecks& checks) {
  const bool lost = moved.stage() == events::v1::OPPORTUNITY_STAGE_LOST;
  const bool needs_reason = lost || moved.stage() == events::v1::OPPORTUNITY_STAGE_DROPPED;
  checks.Text(path.Field("opportunity_id"), moved.opportunity_id(), 1, 128);
  checks.Named(path.Field("stage"), moved.stage(), events::v1::OpportunityStage_IsValid);
  checks.FreeText(path.Field("reason"), moved.reason(), needs_reason ? 1 : 0, 512);
  Figures(path, moved, checks);
  checks.Text(path.Field("competitor"), moved.competitor(), 0, 128);
  if (!lost && !moved.competitor().empty()) checks.Add(path.Field("competitor"), "is for an opportunity lost only");
}

// What a price proposed and a price revised have in common.
template <typename Offer>
void Offered(const FieldPath& path, const Offer& offer, FieldChecks& checks) {
  checks.Text(path.Field("quote_id"), offer.quote_id(), 1, 128);
  checks.Text(path.Field("proposer"), offer.proposer(), 1, 128);
  checks.Id(path.Field("proposer_role"), offer.proposer_role());
  checks.Sum(path.Field("amount"), offer.has_amount(), offer.amount(), 0);
  checks.Range(path.Field("percent_milli"), offer.percent_milli(), 0, 100'000);
  checks.OptionalSum(path.Field("parts_amount"), offer.has_parts_amount(), offer.parts_amount(), 0);
  if (offer.has_parts_amount()) {
    if (offer.parts_amount().currency_code() != offer.amount().currency_code()) {
      checks.Add(path.Field("parts_amount").Field("currency_code"), "must be that of amount");
    } else if (offer.parts_amount().micros() < offer.amount().micros()) {
      checks.Add(path.Field("parts_amount").Field("micros"), "must not be below amount");
    }
  }
  checks.OptionalId(path.Field("payment_terms"), offer.payment_terms());
  checks.OptionalMoment(path.Field("end_time"), offer.has_end_time(), offer.end_time());
}

void CheckQuote(const FieldPath& root, const Event& event, FieldChecks& checks) {
  switch (event.payload_case()) {
    case Event::kQuoteProposed: {
      const FieldPath path = root.Field("quote_proposed");
      Offered(path, event.quote_proposed(), checks);
      checks.Text(path.Field("opportunity_id"), event.quote_proposed().opportunity_id(), 0, 128);
      return checks.FreeText(path.Field("description"), event.quote_proposed().description(), 0, 1024);
    }
    case Event::kQuoteRevised: {
      const FieldPath path = root.Field("quote_revised");
      Offered(path, event.quote_revised(), checks);
      return checks.FreeText(path.Field("reason"), event.quote_revised().reason(), 0, 512);
    }
    case Event::kQuoteApprovalRequested: {
      const auto& requested = event.quote_approval_requested();
      const FieldPath path = root.Field("quote_approval_requested");
      checks.Text(path.Field("quote_id"), requested.quote_id(), 1, 128);
      checks.Id(path.Field("role"), requested.role());
      checks.Text(path.Field("person"), requested.person(), 0, 128);
      return checks.FreeText(path.Field("reason"), requested.reason(), 0, 512);
    }
    case Event::kQuoteApprovalGiven: {
      const auto& given = event.quote_approval_given();
      const FieldPath path = root.Field("quote_approval_given");
      checks.Text(path.Field("quote_id"), given.quote_id(), 1, 128);
      checks.Id(path.Field("role"), given.role());
      checks.Text(path.Field("approver"), given.approver(), 1, 128);
      return checks.FreeText(path.Field("note"), given.note(), 0, 512);
    }
    case Event::kQuoteApprovalRefused: {
      const auto& refused = event.quote_approval_refused();
      const FieldPath path = root.Field("quote_approval_refused");
      checks.Text(path.Field("quote_id"), refused.quote_id(), 1, 128);
      checks.Id(path.Field("role"), refused.role());
      checks.Text(path.Field("approver"), refused.approver(), 1, 128);
      return checks.FreeText(path.Field("reason"), refused.reason(), 1, 512);
    }
    default: {
      const auto& moved = event.quote_moved();
      const FieldPath path = root.Field("quote_moved");
      checks.Text(path.Field("quote_id"), moved.quote_id(), 1, 128);
      checks.Named(path.Field("step"), moved.step(), events::v1::QuoteStep_IsValid);
      checks.Text(path.Field("person"), moved.person(), 1, 128);
      return checks.FreeText(path.Field("note"), moved.note(), 0, 512);
    }
  }
}

void Placed(const FieldPath& path, const events::v1::OrderPlaced& placed, FieldChecks& checks) {
  checks.Text(path.Field("order_id"), placed.order_id(), 1, 128);
  checks.Sum(path.Field("amount"), placed.has_amount(), placed.amount(), 0);
  checks.Text(path.Field("quote_id"), placed.quote_id(), 0, 128);
  checks.OptionalId(path.Field("channel"), placed.channel());
  checks.Range(path.Field("units"), placed.units(), 0, kUnitsMax);
  checks.Text(path.Field("category"), placed.category(), 0, 64);
  checks.OptionalId(path.Field("payment_terms"), placed.payment_terms());
  checks.OptionalMoment(path.Field("due_time"), placed.has_due_time(), placed.due_time());
}

void OrderEnded(const FieldPath& path, const events::v1::OrderEnded& ended, FieldChecks& checks) {
  checks.Text(path.Field("order_id"), ended.order_id(), 1, 128);
  checks.Named(path.Field("ending"), ended.ending(), events::v1::OrderEnding_IsValid);
  checks.FreeText(path.Field("reason"), ended.reason(), 0, 512);
}

void Received(const FieldPath& path, const events::v1::PaymentReceived& received, FieldChecks& checks) {
  checks.Sum(path.Field("amount"), received.has_amount(), received.amount(), 1);
  checks.Id(path.Field("method"), received.method());
  checks.Text(path.Field("order_id"), received.order_id(), 0, 128);
  checks.Text(path.Field("quote_id"), received.quote_id(), 0, 128);
}

void Excepted(const FieldPath& path, const events::v1::PaymentExceptionGranted& granted, FieldChecks& checks) {
  checks.Id(path.Field("terms"), granted.terms());
  checks.Text(path.Field("approver"), granted.approver(), 1, 128);
  checks.FreeText(path.Field("reason"), granted.reason(), 1, 512);
  checks.Text(path.Field("order_id"), granted.order_id(), 0, 128);
  checks.Text(path.Field("quote_id"), granted.quote_id(), 0, 128);
  checks.OptionalMoment(path.Field("end_time"), granted.has_end_time(), granted.end_time());
}

void Forecast(const FieldPath& path, const events::v1::DemandForecastStated& stated, FieldChecks& checks) {
  checks.Stretch(path, stated, kForecastDaysMax);
  checks.OptionalSum(path.Field("amount"), stated.has_amount(), stated.amount(), 0);
  checks.Range(path.Field("units"), stated.units(), 0, kUnitsMax);
  if (!stated.has_amount() && stated.units() == 0) checks.Add(path.Field("amount"), "is required without units");
  checks.Text(path.Field("category"), stated.category(), 0, 64);
  checks.Text(path.Field("person"), stated.person(), 0, 128);
}

}  // namespace

void CheckPipeline(const FieldPath& root, const Event& event, FieldChecks& checks) {
  switch (event.payload_case()) {
    case Event::kOpportunityOpened:
      return Opened(root.Field("opportunity_opened"), event.opportunity_opened(), checks);
    case Event::kOpportunityMoved:
      return Moved(root.Field("opportunity_moved"), event.opportunity_moved(), checks);
    case Event::kQuoteProposed:
    case Event::kQuoteRevised:
    case Event::kQuoteApprovalRequested:
    case Event::kQuoteApprovalGiven:
    case Event::kQuoteApprovalRefused:
    case Event::kQuoteMoved:
      return CheckQuote(root, event, checks);
    case Event::kOrderPlaced:
      return Placed(root.Field("order_placed"), event.order_placed(), checks);
    case Event::kOrderEnded:
      return OrderEnded(root.Field("order_ended"), event.order_ended(), checks);
    case Event::kPaymentReceived:
      return Received(root.Field("payment_received"), event.payment_received(), checks);
    case Event::kPaymentExceptionGranted:
      return Excepted(root.Field("payment_exception_granted"), event.payment_exception_granted(), checks);
    case Event::kDemandForecastStated:
      return Forecast(root.Field("demand_forecast_stated"), event.demand_forecast_stated(), checks);
    default:
      return;
  }
}

}  // namespace keyledger::domain

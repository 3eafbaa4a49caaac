// Events in a few words. See describe.h.
#include "client/cli/describe.h"

#include <fmt/format.h>

#include "client/cli/describe_fields.h"
#include "client/cli/text.h"

namespace keyledger::cli {
namespace {

namespace ev = ::keyledger::events::v1;

std::string Points(int64_t points) { return FormatCount(points) + " points"; }

template <typename Lines>
std::string Total(const Lines& lines) {
  __int128 micros = 0;
  std::string currency;
  for (const auto& line : lines) {
    micros += line.amount().micros();
    currency = line.amount().currency_code();
  }
  return fmt::format("{} {}, {} {}", FormatMicros(micros), currency, lines.size(),
                     lines.size() == 1 ? "line" : "lines");
}

// Whose purchase a return is about, if not the account's own.
template <typename Event>
std::string BoughtBy(const Event& event) {
  return event.has_merged_purchase() ? ", bought by " + event.merged_purchase().account_id() : "";
}

// "12.5" of 12500.
std::string Thousandths(int64_t milli) {
  std::string text = fmt::format("{}.{:03}", milli / 1000, milli % 1000);
  text.erase(text.find_last_not_of('0') + 1);
  return text.back() == '.' ? text.substr(0, text.size() - 1) : text;
}

std::string FlagText(const ev::ComplianceFlagged& flag) {
  std::string what;
  switch (flag.measure()) {
    case ev::LIMIT_MEASURE_DISCOUNT_PERCENT_MILLI:
      what = fmt::format("discount {} %, authority {} %", Thousandths(flag.value()), Thousandths(flag.threshold()));
      break;
    case ev::LIMIT_MEASURE_TIMES:
      what = fmt::format("{} times, at most {}", FormatCount(flag.value()), FormatCount(flag.threshold()));
      break;
    case ev::LIMIT_MEASURE_MICROS:
      what = fmt::format("{}, at most {}", FormatMicros(flag.value()), FormatMicros(flag.threshold()));
      break;
    case ev::LIMIT_MEASURE_UNIT_PRICE_MICROS:
      what = fmt::format("line {} at {} a unit, at most {} by {} prices observed", flag.line_number(),
                         FormatMicros(flag.value()), FormatMicros(flag.threshold()), FormatCount(flag.observations()));
      break;
    case ev::LIMIT_MEASURE_PROHIBITED:
      what = "prohibited";
      break;
    case ev::LIMIT_MEASURE_CURRENCY:
      what = "in another currency than the limit's";
      break;
    default:
      what = "of a measure this version does not know";
  }
  if (flag.has_period_start()) what += ", in the period from " + FormatTime(flag.period_start());
  return fmt::format("limit {} by revision {}: {}", flag.limit_id(), flag.fact_revision(), what);
}

// Who it is about, by the ids that name nobody. What is known of them is not for a list of events.
std::string People(const google::protobuf::RepeatedPtrField<ev::PersonalData>& people) {
  std::string text;
  for (const ev::PersonalData& person : people) text += (text.empty() ? "" : ", ") + person.subject_id();
  return text;
}

// Records of the ledger about itself that compliance asks for.
std::string ComplianceDetails(const ev::Event& event) {
  if (event.has_subject_erased())
    return fmt::format("{}: {}", event.subject_erased().subject_id(), event.subject_erased().reason());
  if (event.has_legal_hold_placed()) {
    const ev::LegalHoldPlaced& hold = event.legal_hold_placed();
    return fmt::format("{} on {}: {}", hold.hold_id(), hold.subject_id(), hold.reason());
  }
  if (event.has_legal_hold_released()) {
    const ev::LegalHoldReleased& hold = event.legal_hold_released();
    return fmt::format("{} on {}: {}", hold.hold_id(), hold.subject_id(), hold.reason());
  }
  if (event.has_erasure_refused()) {
    return fmt::format("{}, held by {}", event.erasure_refused().subject_id(),
                       fmt::join(event.erasure_refused().hold_ids(), ", "));
  }
  if (event.has_personal_data_read()) {
    const ev::PersonalDataRead& read = event.personal_data_read();
    return fmt::format("{} subjects by {} for {}", FormatCount(read.subject_ids_size()), read.reader(), read.purpose());
  }
  const ev::SigningKeyPublished& published = event.signing_key_published();
  return published.verifier_key() + (published.replaced_verifier_key().empty()
                                         ? ""
                                         : fmt::format(" replaces {}", published.replaced_verifier_key()));
}

// "2026-01-01 to 2027-01-01", days without their midnight.
std::string Stretch(const google::protobuf::Timestamp& from, const google::protobuf::Timestamp& to) {
  return fmt::format("{} to {}", FormatLocalTime(from, "UTC"), FormatLocalTime(to, "UTC"));
}

// What is known of the relationship beside the trade, and what is expected of it.
std::string RelationDetails(const ev::Event& event) {
  if (event.has_survey_answered()) {
    const ev::SurveyAnswered& answered = event.survey_answered();
    return fmt::format("{} {}{}", ShortEnum(ev::SurveyKind_Name(answered.kind()), "SURVEY_KIND_"), answered.score(),
                       answered.survey_id().empty() ? "" : " in " + answered.survey_id());
  }
  if (event.has_budget_stated()) {
    const ev::BudgetStated& stated = event.budget_stated();
    return fmt::format("{} {} for {}, {}", ShortEnum(ev::BudgetBasis_Name(stated.basis()), "BUDGET_BASIS_"),
                       FormatMoney(stated.amount()), stated.category().empty() ? "everything" : stated.category(),
                       Stretch(stated.start_time(), stated.end_time()));
  }
  if (event.has_supplier_rank_stated()) {
    const int32_t halves = event.supplier_rank_stated().place_halves();
    return fmt::format("place {}{} of {}", halves / 2, halves % 2 == 0 ? "" : ".5",
                       event.supplier_rank_stated().suppliers());
  }
  if (event.has_cost_recorded()) {
    const ev::CostRecorded& cost = event.cost_recorded();
    return fmt::format("{} for {}{}", FormatMoney(cost.cost()),
                       ShortEnum(ev::CostPurpose_Name(cost.purpose()), "COST_PURPOSE_"),
                       cost.kind().empty() ? "" : ", " + cost.kind());
  }
  if (event.has_referral_recorded()) {
    const ev::ReferralRecorded& referral = event.referral_recorded();
    return referral.lead_source() +
           (referral.referrer_account_id().empty() ? "" : " by " + referral.referrer_account_id());
  }
  if (event.has_club_joined()) return event.club_joined().club_id();
  if (event.has_club_left()) {
    return event.club_left().club_id() + (event.club_left().reason().empty() ? "" : ": " + event.club_left().reason());
  }
  const ev::CompetitorMoveObserved& move = event.competitor_move_observed();
  return fmt::format("{} by {}{}", ShortEnum(ev::CompetitorMoveKind_Name(move.kind()), "COMPETITOR_MOVE_KIND_"),
                     move.competitor(), move.description().empty() ? "" : ": " + move.description());
}

std::string ContractDetails(const ev::Event& event) {
  const auto worth = [](bool known, const ev::Money& value) {
    return known ? ", worth " + FormatMoney(value) : std::string();
  };
  if (event.has_contract_signed()) {
    const ev::ContractSigned& signed_one = event.contract_signed();
    return fmt::format("{}, {}{}{}", signed_one.contract_id(), Stretch(signed_one.start_time(), signed_one.end_time()),
                       worth(signed_one.has_value(), signed_one.value()),
                       signed_one.kind().empty() ? "" : ", " + signed_one.kind());
  }
  if (event.has_contract_renewed()) {
    const ev::ContractRenewed& renewed = event.contract_renewed();
    return fmt::format("{} until {}{}", renewed.contract_id(), FormatLocalTime(renewed.end_time(), "UTC"),
                       worth(renewed.has_value(), renewed.value()));
  }
  const ev::ContractEnded& ended = event.contract_ended();
  return fmt::format("{}, {}{}", ended.contract_id(),
                     ShortEnum(ev::ContractEnding_Name(ended.ending()), "CONTRACT_ENDING_"),
                     ended.reason().empty() ? "" : ": " + ended.reason());
}

std::string ForecastDetails(const ev::ForecastRecorded& forecast) {
  return fmt::format("{} of {} accounts, {}: {} days with a purchase expected, {} to {}", forecast.forecast_id(),
                     FormatCount(forecast.accounts()), Stretch(forecast.as_of(), forecast.horizon_end()),
                     FormatEstimate(forecast.expected_purchases() * 1e6),
                     FormatEstimate(forecast.lower_purchases() * 1e6),
                     FormatEstimate(forecast.upper_purchases() * 1e6));
}

std::string Details(const ev::Event& event) {
  switch (event.payload_case()) {
    case ev::Event::kAccountOpened:
      return event.account_opened().display_name();
    case ev::Event::kAccountFactsUpdated:
      return fmt::format("{} facts set, {} removed", event.account_facts_updated().set_facts_size(),
                         event.account_facts_updated().removed_keys_size());
    case ev::Event::kAccountClosed:
      return event.account_closed().reason();
    case ev::Event::kAccountReopened:
      return event.account_reopened().reason();
    case ev::Event::kPurchaseRecorded: {
      const std::string& invoice = event.purchase_recorded().invoice_number();
      return Total(event.purchase_recorded().lines()) + (invoice.empty() ? "" : ", invoice " + invoice);
    }
    case ev::Event::kPurchaseReturned: {
      const std::string& invoice = event.purchase_returned().purchase_invoice_number();
      return Total(event.purchase_returned().lines()) + (invoice.empty() ? ", unlinked" : ", of invoice " + invoice) +
             BoughtBy(event.purchase_returned());
    }
    case ev::Event::kPointsRedeemed:
      return Points(event.points_redeemed().points()) +
             (event.points_redeemed().reward().empty() ? "" : " for " + event.points_redeemed().reward());
    case ev::Event::kPointsAdjusted:
      return Points(event.points_adjusted().points()) + ": " + event.points_adjusted().reason();
    case ev::Event::kCustomEvent:
      return event.custom_event().type() + (event.custom_event().personal().empty()
                                                ? ""
                                                : fmt::format(", about {}", People(event.custom_event().personal())));
    case ev::Event::kContactRecorded: {
      const ev::ContactRecorded& recorded = event.contact_recorded();
      std::string text = fmt::format("{} is {}", recorded.contact_id(), recorded.person().subject_id());
      for (const ev::RelatedPerson& related : recorded.related())
        text += fmt::format(", {} {}", related.relation(), related.person().subject_id());
      return text;
    }
    case ev::Event::kContactRemoved:
      return event.contact_removed().contact_id() + ": " + event.contact_removed().reason();
    case ev::Event::kPointsReserved:
      return Points(event.points_reserved().points()) + " as " + event.points_reserved().reservation_id();
    case ev::Event::kReservationCaptured:
      return Points(event.reservation_captured().points()) + " of " + event.reservation_captured().reservation_id();
    case ev::Event::kReservationReleased:
      return event.reservation_released().reservation_id();
    case ev::Event::kReservationExpired:
      return Points(event.reservation_expired().points()) + " of " + event.reservation_expired().reservation_id();
    case ev::Event::kPointsDebtPaid:
      return Points(event.points_debt_paid().points());
    case ev::Event::kPointsRestored:
      return Points(event.points_restored().points()) + BoughtBy(event.points_restored());
    case ev::Event::kPointsTransferSent:
      return fmt::format("{} to {} as {}", Points(event.points_transfer_sent().points()),
                         event.points_transfer_sent().to_account_id(), event.points_transfer_sent().transfer_id());
    case ev::Event::kPointsTransferReceived:
      return fmt::format("{} from {} as {}", Points(event.points_transfer_received().points()),
                         event.points_transfer_received().from_account_id(),
                         event.points_transfer_received().transfer_id());
    case ev::Event::kPointsTransferCompleted:
      return fmt::format("{} as {}", Points(event.points_transfer_completed().points()),
                         event.points_transfer_completed().transfer_id());
    case ev::Event::kPointsTransferReturned:
      return fmt::format("{} as {}: {}", Points(event.points_transfer_returned().points()),
                         event.points_transfer_returned().transfer_id(), event.points_transfer_returned().refusal());
    case ev::Event::kPointsAccrued:
      return Points(event.points_accrued().points()) + " by rule " + event.points_accrued().rule_id();
    case ev::Event::kPointsActivated:
      return Points(event.points_activated().points());
    case ev::Event::kPointsReversed:
      return fmt::format("{} of {} due", Points(event.points_reversed().points()),
                         FormatCount(event.points_reversed().points_due()));
    case ev::Event::kPointsExpired:
      return Points(event.points_expired().points());
    case ev::Event::kTierAssigned:
      return fmt::format(
          "{} -> {}",
          event.tier_assigned().previous_tier_id().empty() ? "none" : event.tier_assigned().previous_tier_id(),
          event.tier_assigned().tier_id());
    case ev::Event::kTierGraceStarted:
      return fmt::format("{} kept until {}", event.tier_grace_started().tier_id(),
                         FormatTime(event.tier_grace_started().until()));
    case ev::Event::kStageChanged:
      return fmt::format(
          "{}: {} -> {}", event.stage_changed().ladder_id(),
          event.stage_changed().previous_stage_id().empty() ? "none" : event.stage_changed().previous_stage_id(),
          event.stage_changed().stage_id());
    case ev::Event::kTierLocked:
      return event.tier_locked().tier_id() + ": " + event.tier_locked().reason();
    case ev::Event::kTierUnlocked:
      return event.tier_unlocked().reason();
    case ev::Event::kDiscountGranted: {
      const ev::DiscountGranted& granted = event.discount_granted();
      return fmt::format("{} % by {}, {} approvals{}", Thousandths(granted.percent_milli()), granted.proposer_role(),
                         granted.approvals_size(), granted.subject().empty() ? "" : ", for " + granted.subject());
    }
    case ev::Event::kGiftGiven:
      return fmt::format("{} {} worth {} to {}", FormatCount(event.gift_given().quantity()), event.gift_given().item(),
                         FormatMoney(event.gift_given().value()), event.gift_given().contact_id());
    case ev::Event::kCommissionPaid:
      return FormatMoney(event.commission_paid().amount()) + " to " + event.commission_paid().contact_id();
    case ev::Event::kServiceProvided: {
      const ev::ServiceProvided& service = event.service_provided();
      return fmt::format("{} for {}{}", service.kind(), FormatMoney(service.cost()),
                         service.contact_id().empty() ? "" : ", " + service.contact_id());
    }
    case ev::Event::kMarketPriceObserved:
      return fmt::format(
          "{} at {}{}", event.market_price_observed().sku(), FormatMoney(event.market_price_observed().unit_price()),
          event.market_price_observed().region().empty() ? "" : " in " + event.market_price_observed().region());
    case ev::Event::kComplianceFlagged:
      return FlagText(event.compliance_flagged());
    case ev::Event::kReviewStarted:
      return fmt::format("{} of ladder {} as of {}, {} accounts", event.review_started().review_id(),
                         event.review_started().ladder_id(), FormatTime(event.review_started().as_of()),
                         event.review_started().population());
    case ev::Event::kReviewCompleted:
      return fmt::format("{}: {} raised, {} lowered", event.review_completed().review_id(),
                         event.review_completed().raised(), event.review_completed().lowered()) +
             (event.review_completed().undecided() == 0
                  ? ""
                  : fmt::format(", {} undecided", event.review_completed().undecided()));
    case ev::Event::kProgramPublished:
      return fmt::format("{} version {}", event.program_published().program_id(), event.program_published().version());
    case ev::Event::kSubjectErased:
    case ev::Event::kLegalHoldPlaced:
    case ev::Event::kLegalHoldReleased:
    case ev::Event::kErasureRefused:
    case ev::Event::kPersonalDataRead:
    case ev::Event::kSigningKeyPublished:
      return ComplianceDetails(event);
    case ev::Event::kSurveyAnswered:
    case ev::Event::kBudgetStated:
    case ev::Event::kSupplierRankStated:
    case ev::Event::kCostRecorded:
    case ev::Event::kReferralRecorded:
    case ev::Event::kClubJoined:
    case ev::Event::kClubLeft:
    case ev::Event::kCompetitorMoveObserved:
      return RelationDetails(event);
    case ev::Event::kContractSigned:
    case ev::Event::kContractRenewed:
    case ev::Event::kContractEnded:
      return ContractDetails(event);
    case ev::Event::kForecastRecorded:
      return ForecastDetails(event.forecast_recorded());
    case ev::Event::PAYLOAD_NOT_SET:
      return "";
    default:
      return DescribePayload(event);
  }
  return "";
}

}  // namespace

std::string KindName(const ev::Event& event) {
  const auto* field = ev::Event::descriptor()->FindFieldByNumber(event.payload_case());
  return field == nullptr ? "unknown" : field->name();
}

std::string DescribeEvent(const ev::Event& event) {
  const std::string details = Details(event);
  return details.empty() ? KindName(event) : KindName(event) + " " + details;
}

std::string MetricValueText(ev::Metric metric, bool growth, int64_t value, std::string_view currency) {
  if (growth) {
    return FormatCount(value) + " thousandths";
  }
  switch (metric) {
    case ev::METRIC_NET_SPEND:
    case ev::METRIC_GROSS_SPEND:
    case ev::METRIC_NET_PROFIT:
    case ev::METRIC_GROSS_PROFIT:
      return currency.empty() ? FormatMicros(value) : fmt::format("{} {}", FormatMicros(value), currency);
    case ev::METRIC_WALLET_SHARE_MILLI:
      return FormatCount(value) + " thousandths";
    default:
      return FormatCount(value);
  }
}

std::string DescribeMetric(const ev::ConditionEvidence& condition) {
  std::string text = ShortEnum(ev::Metric_Name(condition.metric()), "METRIC_");
  if (condition.growth()) text = "growth of " + text;
  if (condition.in_each_of_last() > 0) text += fmt::format(" in each of {} periods", condition.in_each_of_last());
  if (!condition.fact_key().empty()) text += " " + condition.fact_key();
  return text;
}

std::string DescribeCondition(const ev::ConditionEvidence& condition) {
  const auto text_of = [&](int64_t value) {
    return MetricValueText(condition.metric(), condition.growth(), value, {});
  };
  std::string text = DescribeMetric(condition);
  text += condition.has_value() ? " " + text_of(condition.value()) : " not known";
  if (condition.comparison() == ev::COMPARISON_AMONG_FIRST) {
    if (condition.rank() > 0) text += fmt::format(", rank {}", condition.rank());
    return text + ", last within the cut " + text_of(condition.threshold());
  }
  return text + (condition.comparison() == ev::COMPARISON_AT_MOST ? ", at most " : ", at least ") +
         text_of(condition.threshold());
}

std::string DescribeConditions(const google::protobuf::RepeatedPtrField<ev::ConditionEvidence>& conditions) {
  std::string text;
  for (const ev::ConditionEvidence& condition : conditions) {
    text += (text.empty() ? "" : "; ") + DescribeCondition(condition);
  }
  return text;
}

std::string ShortEnum(std::string_view name, std::string_view prefix) {
  if (name.substr(0, prefix.size()) == prefix) {
    name.remove_prefix(prefix.size());
  }
  std::string text(name);
  for (char& c : text) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  return text;
}

}  // namespace keyledger::cli

// The shape of a submitted event: every rule written beside the fields in events/v1/event.proto. See ValidateFact in
// decide.h.
#include <chrono>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/decide.h"
#include "server/domain/event_kinds.h"
#include "server/domain/field_checks.h"
#include "server/domain/program_check.h"
#include "server/domain/proto_time.h"
#include "server/domain/submitted.h"
#include "server/domain/unknown_fields.h"
#include "server/domain/validate_relation.h"
#include "server/domain/validate_relationship.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;

constexpr int kLinesMax = 500;
constexpr int kApprovalsMax = 20;
// People of one event beside the contact, and in a custom one.
constexpr int kPeopleMax = 32;
constexpr size_t kPersonalBytesMax = 32'768;
constexpr int kPersonalListMax = 64;
constexpr int kAddressesMax = 16;
constexpr int kRolesMax = 8;
constexpr int64_t kQuantityMax = 1'000'000'000;
constexpr size_t kCustomDataBytesMax = 64 * 1024;
// Unknown fields told of; a message can hold millions.
constexpr int kUnknownFieldsMax = 8;

class Validator : public FieldChecks {
 public:
  explicit Validator(std::string_view path) : root_(path) {}

  void Validate(const Event& event) {
    int unknown = 0;
    FindUnknownFields(
        event, root_,
        [&](const FieldPath& path, int number) {
          Add(path, fmt::format("holds field number {}, which this ledger does not know", number));
          return ++unknown < kUnknownFieldsMax;
        },
        OutputOnlyFields{*this});
    switch (event.payload_case()) {
      case Event::kAccountOpened:
        return Opened(root_.Field("account_opened"), event.account_opened());
      case Event::kAccountFactsUpdated:
        return FactsUpdated(root_.Field("account_facts_updated"), event.account_facts_updated());
      case Event::kAccountClosed:
        return FreeText(root_.Field("account_closed").Field("reason"), event.account_closed().reason(), 1, 512);
      case Event::kAccountReopened:
        return FreeText(root_.Field("account_reopened").Field("reason"), event.account_reopened().reason(), 1, 512);
      case Event::kPurchaseRecorded:
        return Purchase(root_.Field("purchase_recorded"), event.purchase_recorded());
      case Event::kPurchaseReturned:
        return Return(root_.Field("purchase_returned"), event.purchase_returned());
      case Event::kPointsRedeemed:
        return Redeemed(root_.Field("points_redeemed"), event.points_redeemed());
      case Event::kPointsAdjusted:
        return Adjusted(root_.Field("points_adjusted"), event.points_adjusted());
      case Event::kPointsReserved:
        return Reserved(root_.Field("points_reserved"), event.points_reserved());
      case Event::kReservationCaptured:
        return Captured(root_.Field("reservation_captured"), event.reservation_captured());
      case Event::kReservationReleased:
        return Released(root_.Field("reservation_released"), event.reservation_released());
      case Event::kPointsTransferSent:
        return Sent(root_.Field("points_transfer_sent"), event.points_transfer_sent());
      case Event::kTierLocked:
        return TierLocked(root_.Field("tier_locked"), event.tier_locked());
      case Event::kTierUnlocked:
        return TierUnlocked(root_.Field("tier_unlocked"), event.tier_unlocked());
      case Event::kDiscountGranted:
        return Discount(root_.Field("discount_granted"), event.discount_granted());
      case Event::kGiftGiven:
        return Gift(root_.Field("gift_given"), event.gift_given());
      case Event::kCommissionPaid:
        return Commission(root_.Field("commission_paid"), event.commission_paid());
      case Event::kServiceProvided:
        return Service(root_.Field("service_provided"), event.service_provided());
      case Event::kMarketPriceObserved:
        return MarketPrice(root_.Field("market_price_observed"), event.market_price_observed());
      case Event::kContactRecorded:
        return ContactRecorded(root_.Field("contact_recorded"), event.contact_recorded());
      case Event::kContactRemoved:
        return ContactRemoved(root_.Field("contact_removed"), event.contact_removed());
      case Event::kSurveyAnswered:
      case Event::kBudgetStated:
      case Event::kSupplierRankStated:
      case Event::kCostRecorded:
      case Event::kReferralRecorded:
      case Event::kClubJoined:
      case Event::kClubLeft:
      case Event::kCompetitorMoveObserved:
      case Event::kContractSigned:
      case Event::kContractRenewed:
      case Event::kContractEnded:
        return CheckRelation(root_, event, *this);
      case Event::kOwnerAssigned:
      case Event::kOwnerReleased:
      case Event::kOwnerTransferred:
        return CheckOwner(root_, event, *this);
      case Event::kInteractionPlanned:
      case Event::kInteractionMade:
      case Event::kInteractionMissed:
      case Event::kHandoverGiven:
      case Event::kHandoverAcknowledged:
        return CheckInteraction(root_, event, *this);
      case Event::kContactPlaced:
      case Event::kNeedStated:
      case Event::kSignalObserved:
      case Event::kScoreStated:
      case Event::kPositionStated:
      case Event::kAssetValued:
      case Event::kImportantDayStated:
      case Event::kTenderListStated:
      case Event::kEvaluationRecorded:
      case Event::kAdaptationRecorded:
      case Event::kAccountCeded:
        return CheckProfile(root_, event, *this);
      case Event::kContractAmended:
      case Event::kContractBreached:
      case Event::kPromisePublished:
      case Event::kPromiseKept:
      case Event::kPromiseBroken:
      case Event::kPromiseWithdrawn:
      case Event::kPlanDrafted:
      case Event::kPlanAgreed:
      case Event::kPlanReviewed:
      case Event::kPlanEnded:
      case Event::kEntitlementGranted:
      case Event::kEntitlementUsed:
      case Event::kEntitlementRevoked:
      case Event::kObligationAgreed:
      case Event::kObligationEnded:
      case Event::kViolationRecorded:
      case Event::kSanctionImposed:
      case Event::kSanctionLifted:
        return CheckAgreement(root_, event, *this);
      case Event::kOpportunityOpened:
      case Event::kOpportunityMoved:
      case Event::kQuoteProposed:
      case Event::kQuoteRevised:
      case Event::kQuoteApprovalRequested:
      case Event::kQuoteApprovalGiven:
      case Event::kQuoteApprovalRefused:
      case Event::kQuoteMoved:
      case Event::kOrderPlaced:
      case Event::kOrderEnded:
      case Event::kPaymentReceived:
      case Event::kPaymentExceptionGranted:
      case Event::kDemandForecastStated:
        return CheckPipeline(root_, event, *this);
      case Event::kIssueOpened:
      case Event::kIssueMoved:
      case Event::kLoanIssued:
      case Event::kLoanReturned:
      case Event::kCommissionAccrued:
      case Event::kCommissionRefused:
      case Event::kReferralAsked:
      case Event::kReferralGiven:
      case Event::kReferralConverted:
      case Event::kAdvanceRecorded:
        return CheckCare(root_, event, *this);
      case Event::kFactRetracted:
        return Retracted(root_.Field("fact_retracted"), event.fact_retracted());
      case Event::kAccountMerged:
        return Merged(root_.Field("account_merged"), event.account_merged());
      case Event::kCustomEvent:
        return Custom(root_.Field("custom_event"), event.custom_event());
      default:
        return;
    }
  }

 private:
  using Money = events::v1::Money;

  struct OutputOnlyFields {
    Validator& validator;
    static bool Refuses(const google::protobuf::FieldDescriptor& field) { return IsOutputOnly(field); }
    void Report(const FieldPath& path) const { validator.Add(path, "is written by the ledger and must not be set"); }
  };

  // An amount from zero up; `currency` is that of the amounts before it, and set by the first.
  void Amount(const FieldPath& field, const Money& amount, std::string_view& currency) {
    if (!IsCurrencyCode(amount.currency_code())) {
      Add(field.Field("currency_code"), "must be three capital letters (ISO 4217)");
    } else if (currency.empty()) {
      currency = amount.currency_code();
    } else if (currency != amount.currency_code()) {
      Add(field.Field("currency_code"), fmt::format("must be {} as in the amounts before it", currency));
    }
    Range(field.Field("micros"), amount.micros(), 0, kMoneyMicrosMax);
  }

  // A key given by itself or with a value; `keys` are those before it.
  void Key(const FieldPath& field, std::string_view key, std::set<std::string_view>& keys) {
    if (!IsSnakeId(key)) {
      Add(field, "must be lower snake case, 1 to 64 bytes: [a-z][a-z0-9_]*");
    } else if (!keys.insert(key).second) {
      Add(field, fmt::format("'{}' is given twice", key));
    }
  }

  // `name` of the repeated field of the message at `path`.
  void Facts(const FieldPath& path, std::string_view name,
             const google::protobuf::RepeatedPtrField<events::v1::Fact>& facts, std::set<std::string_view>& keys) {
    if (!Count(path.Field(name), facts.size(), 0, static_cast<int>(kFactsMax))) return;
    for (int i = 0; i < facts.size(); ++i) {
      const FieldPath at = path.Field(name, i);
      Key(at.Field("key"), facts[i].key(), keys);
      FreeText(at.Field("value"), facts[i].value(), 1, 1024);
    }
  }

  void Opened(const FieldPath& path, const events::v1::AccountOpened& opened) {
    Text(path.Field("display_name"), opened.display_name(), 0, 256);
    Region(path.Field("region"), opened.region());
    Text(path.Field("segment"), opened.segment(), 0, 64);
    Text(path.Field("owner"), opened.owner(), 0, 128);
    std::set<std::string_view> keys;
    Facts(path, "facts", opened.facts(), keys);
  }

  void FactsUpdated(const FieldPath& path, const events::v1::AccountFactsUpdated& updated) {
    if (!updated.has_display_name() && !updated.has_region() && !updated.has_segment() && !updated.has_owner() &&
        updated.set_facts().empty() && updated.removed_keys().empty()) {
      Add(path, "must set at least one field");
    }
    Text(path.Field("display_name"), updated.display_name(), 0, 256);
    Region(path.Field("region"), updated.region());
    Text(path.Field("segment"), updated.segment(), 0, 64);
    Text(path.Field("owner"), updated.owner(), 0, 128);
    std::set<std::string_view> keys;
    Facts(path, "set_facts", updated.set_facts(), keys);
    if (!Count(path.Field("removed_keys"), updated.removed_keys_size(), 0, static_cast<int>(kFactsMax))) return;
    for (int i = 0; i < updated.removed_keys_size(); ++i) {
      Key(path.Field("removed_keys", i), updated.removed_keys(i), keys);
    }
  }

  void Purchase(const FieldPath& path, const events::v1::PurchaseRecorded& purchase) {
    Text(path.Field("merchant_id"), purchase.merchant_id(), 0, 64);
    Text(path.Field("invoice_number"), purchase.invoice_number(), 0, 64);
    if (purchase.merchant_id().empty() && !purchase.invoice_number().empty()) {
      Add(path.Field("merchant_id"), "is required with invoice_number");
    }
    Region(path.Field("region"), purchase.region());
    Text(path.Field("order_id"), purchase.order_id(), 0, 128);
    if (!events::v1::SaleMode_IsValid(purchase.sale_mode())) {
      Add(path.Field("sale_mode"), fmt::format("{} is no sale mode", static_cast<int>(purchase.sale_mode())));
    }
    if (!Count(path.Field("lines"), purchase.lines_size(), 1, kLinesMax)) return;
    std::string_view currency;
    for (int i = 0; i < purchase.lines_size(); ++i) {
      const auto& line = purchase.lines(i);
      const FieldPath at = path.Field("lines", i);
      Text(at.Field("sku"), line.sku(), 0, 64);
      Text(at.Field("category"), line.category(), 0, 64);
      Range(at.Field("quantity"), line.quantity(), 1, kQuantityMax);
      if (line.has_amount()) {
        Amount(at.Field("amount"), line.amount(), currency);
      } else {
        Add(at.Field("amount"), "is required");
      }
      if (line.has_cost()) Amount(at.Field("cost"), line.cost(), currency);
      Range(at.Field("points_paid"), line.points_paid(), 0, kPointsMax);
      if (line.has_single_amount()) {
        Amount(at.Field("single_amount"), line.single_amount(), currency);
        if (line.single_amount().micros() < line.amount().micros()) {
          Add(at.Field("single_amount").Field("micros"), "must not be below amount");
        }
      }
      Text(at.Field("bundle_id"), line.bundle_id(), 0, 64);
    }
  }

  void Return(const FieldPath& path, const events::v1::PurchaseReturned& returned) {
    Text(path.Field("merchant_id"), returned.merchant_id(), 0, 64);
    Text(path.Field("return_number"), returned.return_number(), 0, 64);
    Text(path.Field("purchase_invoice_number"), returned.purchase_invoice_number(), 0, 64);
    if (returned.merchant_id().empty() &&
        (!returned.return_number().empty() || !returned.purchase_invoice_number().empty())) {
      Add(path.Field("merchant_id"), "is required with return_number or purchase_invoice_number");
    }
    Region(path.Field("region"), returned.region());
    if (!Count(path.Field("lines"), returned.lines_size(), 1, kLinesMax)) return;
    std::string_view currency;
    for (int i = 0; i < returned.lines_size(); ++i) {
      const auto& line = returned.lines(i);
      const FieldPath at = path.Field("lines", i);
      Range(at.Field("line_number"), line.line_number(), 0, kLinesMax);
      Text(at.Field("sku"), line.sku(), 0, 64);
      Text(at.Field("category"), line.category(), 0, 64);
      Range(at.Field("quantity"), line.quantity(), 1, kQuantityMax);
      if (line.has_amount()) {
        Amount(at.Field("amount"), line.amount(), currency);
      } else {
        Add(at.Field("amount"), "is required");
      }
      if (line.has_cost()) Amount(at.Field("cost"), line.cost(), currency);
    }
  }

  void Redeemed(const FieldPath& path, const events::v1::PointsRedeemed& redeemed) {
    Range(path.Field("points"), redeemed.points(), 1, kPointsMax);
    Text(path.Field("reward"), redeemed.reward(), 0, 128);
  }

  void Reserved(const FieldPath& path, const events::v1::PointsReserved& reserved) {
    Text(path.Field("reservation_id"), reserved.reservation_id(), 1, 128);
    Range(path.Field("points"), reserved.points(), 1, kPointsMax);
    if (!reserved.has_hold_until()) {
      Add(path.Field("hold_until"), "is required");
    } else if (!IsExactTimestamp(reserved.hold_until())) {
      Add(path.Field("hold_until"), "must be from 0001 to 9999, in whole microseconds");
    }
    Text(path.Field("reward"), reserved.reward(), 0, 128);
  }

  void Captured(const FieldPath& path, const events::v1::ReservationCaptured& captured) {
    Text(path.Field("reservation_id"), captured.reservation_id(), 1, 128);
    if (captured.has_points()) Range(path.Field("points"), captured.points(), 1, kPointsMax);
  }

  void Released(const FieldPath& path, const events::v1::ReservationReleased& released) {
    Text(path.Field("reservation_id"), released.reservation_id(), 1, 128);
    FreeText(path.Field("reason"), released.reason(), 0, 512);
  }

  void Sent(const FieldPath& path, const events::v1::PointsTransferSent& sent) {
    Text(path.Field("transfer_id"), sent.transfer_id(), 1, 128);
    if (sent.transfer_id().starts_with('$')) {
      Add(path.Field("transfer_id"), "must not begin with \"$\", which is the ledger's own");
    }
    if (!IsAccountId(sent.to_account_id())) {
      Add(path.Field("to_account_id"),
          "must be an account id: 1 to 128 bytes of [A-Za-z0-9._~:@/-], the first alphanumeric");
    }
    Range(path.Field("points"), sent.points(), 1, kPointsMax);
    FreeText(path.Field("reason"), sent.reason(), 0, 512);
  }

  void Merged(const FieldPath& path, const events::v1::AccountMerged& merged) {
    AccountId(path.Field("into_account_id"), merged.into_account_id());
    FreeText(path.Field("reason"), merged.reason(), 1, 512);
  }

  void Adjusted(const FieldPath& path, const events::v1::PointsAdjusted& adjusted) {
    if (adjusted.points() == 0) Add(path.Field("points"), "must not be 0");
    Range(path.Field("points"), adjusted.points(), -kPointsMax, kPointsMax);
    FreeText(path.Field("reason"), adjusted.reason(), 1, 512);
    if (adjusted.has_expire_time()) {
      if (adjusted.points() < 0) Add(path.Field("expire_time"), "is for added points only");
      if (!IsExactTimestamp(adjusted.expire_time())) {
        Add(path.Field("expire_time"), "must be from 0001 to 9999, in whole microseconds");
      }
    }
  }

  void TierLocked(const FieldPath& path, const events::v1::TierLocked& locked) {
    Id(path.Field("ladder_id"), locked.ladder_id());
    Id(path.Field("tier_id"), locked.tier_id());
    FreeText(path.Field("reason"), locked.reason(), 1, 512);
    if (locked.has_until() && !IsExactTimestamp(locked.until())) {
      Add(path.Field("until"), "must be from 0001 to 9999, in whole microseconds");
    }
  }

  void TierUnlocked(const FieldPath& path, const events::v1::TierUnlocked& unlocked) {
    Id(path.Field("ladder_id"), unlocked.ladder_id());
    FreeText(path.Field("reason"), unlocked.reason(), 1, 512);
  }

  void Discount(const FieldPath& path, const events::v1::DiscountGranted& granted) {
    Range(path.Field("percent_milli"), granted.percent_milli(), 1, 100'000);
    Id(path.Field("proposer_role"), granted.proposer_role());
    Text(path.Field("proposer"), granted.proposer(), 1, 128);
    Text(path.Field("subject"), granted.subject(), 0, 128);
    FreeText(path.Field("reason"), granted.reason(), 0, 512);
    if (!Count(path.Field("approvals"), granted.approvals_size(), 0, kApprovalsMax)) return;
    std::set<std::string_view> approvers;
    for (int i = 0; i < granted.approvals_size(); ++i) {
      const FieldPath at = path.Field("approvals", i);
      const std::string& approver = granted.approvals(i).approver();
      Id(at.Field("role"), granted.approvals(i).role());
      Text(at.Field("approver"), approver, 1, 128);
      if (approver.empty()) continue;
      if (approver == granted.proposer()) {
        Add(at.Field("approver"), "must be somebody else than the proposer");
      } else if (!approvers.insert(approver).second) {
        Add(at.Field("approver"), fmt::format("'{}' is given twice", approver));
      }
    }
  }

  void Gift(const FieldPath& path, const events::v1::GiftGiven& gift) {
    Text(path.Field("contact_id"), gift.contact_id(), 1, 128);
    Text(path.Field("item"), gift.item(), 1, 64);
    Range(path.Field("quantity"), gift.quantity(), 1, 1'000'000);
    Sum(path.Field("value"), gift.has_value(), gift.value(), 0);
    FreeText(path.Field("purpose"), gift.purpose(), 0, 512);
  }

  void Commission(const FieldPath& path, const events::v1::CommissionPaid& commission) {
    Text(path.Field("contact_id"), commission.contact_id(), 1, 128);
    Sum(path.Field("amount"), commission.has_amount(), commission.amount(), 1);
    FreeText(path.Field("purpose"), commission.purpose(), 0, 512);
    Text(path.Field("commission_id"), commission.commission_id(), 0, 128);
  }

  void Service(const FieldPath& path, const events::v1::ServiceProvided& service) {
    Text(path.Field("kind"), service.kind(), 1, 64);
    Sum(path.Field("cost"), service.has_cost(), service.cost(), 0);
    Text(path.Field("contact_id"), service.contact_id(), 0, 128);
    FreeText(path.Field("description"), service.description(), 0, 512);
  }

  void MarketPrice(const FieldPath& path, const events::v1::MarketPriceObserved& observed) {
    Text(path.Field("sku"), observed.sku(), 1, 64);
    Sum(path.Field("unit_price"), observed.has_unit_price(), observed.unit_price(), 1);
    Region(path.Field("region"), observed.region());
    Text(path.Field("source"), observed.source(), 0, 256);
  }

  void Retracted(const FieldPath& path, const events::v1::FactRetracted& retracted) {
    Named(path.Field("kind"), retracted.kind(), events::v1::EventKind_IsValid);
    FreeText(path.Field("reason"), retracted.reason(), 1, 512);
  }

  void Custom(const FieldPath& path, const events::v1::CustomEvent& custom) {
    Text(path.Field("type"), custom.type(), 1, 256);
    Text(path.Field("source"), custom.source(), 0, 256);
    Text(path.Field("content_type"), custom.content_type(), 0, 128);
    Text(path.Field("schema_uri"), custom.schema_uri(), 0, 256);
    if (!Count(path.Field("personal"), custom.personal_size(), 0, kPeopleMax)) return;
    std::set<std::string_view> subjects;
    for (int i = 0; i < custom.personal_size(); ++i) Person(path.Field("personal", i), custom.personal(i), subjects);
  }

  void ContactRecorded(const FieldPath& path, const events::v1::ContactRecorded& recorded) {
    Text(path.Field("contact_id"), recorded.contact_id(), 1, 128);
    std::set<std::string_view> subjects;
    if (recorded.has_person()) {
      Person(path.Field("person"), recorded.person(), subjects);
    } else {
      Add(path.Field("person"), "is required");
    }
    if (!Count(path.Field("related"), recorded.related_size(), 0, kPeopleMax)) return;
    for (int i = 0; i < recorded.related_size(); ++i) {
      const FieldPath at = path.Field("related", i);
      Text(at.Field("relation"), recorded.related(i).relation(), 1, 64);
      if (recorded.related(i).has_person()) {
        Person(at.Field("person"), recorded.related(i).person(), subjects);
      } else {
        Add(at.Field("person"), "is required");
      }
    }
  }

  void ContactRemoved(const FieldPath& path, const events::v1::ContactRemoved& removed) {
    Text(path.Field("contact_id"), removed.contact_id(), 1, 128);
    FreeText(path.Field("reason"), removed.reason(), 1, 512);
  }

  // `subjects` are those of the event before it. No description repeats what is personal.
  void Person(const FieldPath& path, const events::v1::PersonalData& data, std::set<std::string_view>& subjects) {
    if (!IsSubjectId(data.subject_id())) {
      Add(path.Field("subject_id"), data.subject_id().empty() ? "is required: choose one that names nobody"
                                                              : "must be 1 to 128 bytes of [A-Za-z0-9._:@-]");
    } else if (!subjects.insert(data.subject_id()).second) {
      Add(path.Field("subject_id"), "stands in the event twice; what is known of a person belongs together");
    }
    switch (data.content_case()) {
      case events::v1::PersonalData::kDetails:
        return Details(path.Field("details"), data.details());
      case events::v1::PersonalData::kData:
        if (data.data().empty() || data.data().size() > kPersonalBytesMax) {
          Add(path.Field("data"), fmt::format("must be 1 to {} bytes, is {}", kPersonalBytesMax, data.data().size()));
        }
        return;
      case events::v1::PersonalData::CONTENT_NOT_SET:
        return Add(path, "needs details or data");
    }
  }

  void Details(const FieldPath& path, const events::v1::PersonDetails& details) {
    if (details.ByteSizeLong() == 0) Add(path, "needs at least one field");
    Text(path.Field("name"), details.name(), 0, 256);
    if (details.has_birthday()) Day(path.Field("birthday"), details.birthday(), 0);
    if (Count(path.Field("important_days"), details.important_days_size(), 0, kPersonalListMax)) {
      for (int i = 0; i < details.important_days_size(); ++i)
        Day(path.Field("important_days", i), details.important_days(i), 1);
    }
    Texts(path, "habits", details.habits(), kPersonalListMax, 256);
    if (Count(path.Field("roles"), details.roles_size(), 0, kRolesMax)) {
      std::set<int> roles;
      for (int i = 0; i < details.roles_size(); ++i) {
        const int role = details.roles(i);
        if (role == events::v1::CONTACT_ROLE_UNSPECIFIED || !events::v1::ContactRole_IsValid(role)) {
          Add(path.Field("roles", i), "is not a role");
        } else if (!roles.insert(role).second) {
          Add(path.Field("roles", i), "is given twice");
        }
      }
    }
    Text(path.Field("post"), details.post(), 0, 128);
    Texts(path, "phones", details.phones(), kAddressesMax, 64);
    Texts(path, "emails", details.emails(), kAddressesMax, 254);
    if (Count(path.Field("facts"), details.facts_size(), 0, kPersonalListMax)) {
      std::set<std::string_view> keys;
      for (int i = 0; i < details.facts_size(); ++i) {
        const FieldPath at = path.Field("facts", i);
        if (!IsSnakeId(details.facts(i).key())) {
          Add(at.Field("key"), "must be lower snake case, 1 to 64 bytes: [a-z][a-z0-9_]*");
        } else if (!keys.insert(details.facts(i).key()).second) {
          Add(at.Field("key"), "is given twice");
        }
        FreeText(at.Field("value"), details.facts(i).value(), 1, 1024);
      }
    }
    FreeText(path.Field("note"), details.note(), 0, 8192);
  }

  // `name` of the message at `path`: up to `count_max` texts of 1 to `bytes_max` bytes.
  void Texts(const FieldPath& path, std::string_view name, const google::protobuf::RepeatedPtrField<std::string>& texts,
             int count_max, size_t bytes_max) {
    if (!Count(path.Field(name), texts.size(), 0, count_max)) return;
    for (int i = 0; i < texts.size(); ++i) Text(path.Field(name, i), texts[i], 1, bytes_max);
  }

  void Day(const FieldPath& path, const events::v1::ImportantDay& day, size_t name_bytes_min) {
    Text(path.Field("name"), day.name(), name_bytes_min, 128);
    if (day.year() > 9999) Add(path.Field("year"), "must be 0 to 9999");
    if (day.month() < 1 || day.month() > 12) Add(path.Field("month"), "must be 1 to 12");
    // A day of every year may be the 29th of February.
    const std::chrono::year year(day.year() == 0 || day.year() > 9999 ? 2000 : static_cast<int>(day.year()));
    const std::chrono::month month(day.month() < 1 || day.month() > 12 ? 1 : day.month());
    if (day.day() < 1 || day.day() > 31 || !(year / month / std::chrono::day(day.day())).ok()) {
      Add(path.Field("day"), "must be a day that the month has");
    }
  }

  const FieldPath root_;
};

}  // namespace

absl::Status ValidateFact(const Event& event, const std::string& field) {
  if (event.payload_case() == Event::PAYLOAD_NOT_SET) {
    absl::Status status = MakeError(Reason::kUnknownEvent, fmt::format("{}: holds no event this ledger knows", field));
    AddField(status, field, "must hold one of the facts of keyledger.events.v1.Event");
    return status;
  }
  if (!IsFact(event)) {
    const std::string name = Event::descriptor()->FindFieldByNumber(static_cast<int>(event.payload_case()))->name();
    absl::Status status =
        MakeError(Reason::kDecisionNotAccepted, fmt::format("{}.{}: only the ledger derives this event", field, name));
    AddField(status, field + "." + name, "is derived by the ledger and cannot be submitted");
    return status;
  }
  if (event.has_custom_event() && event.custom_event().data().size() > kCustomDataBytesMax) {
    absl::Status status = MakeError(Reason::kPayloadTooLarge,
                                    fmt::format("{}.custom_event.data: {} bytes, at most {} are accepted", field,
                                                event.custom_event().data().size(), kCustomDataBytesMax));
    AddField(status, field + ".custom_event.data", fmt::format("must be at most {} bytes", kCustomDataBytesMax));
    return status;
  }
  Validator validator(field);
  validator.Validate(event);
  return validator.Result();
}

}  // namespace keyledger::domain

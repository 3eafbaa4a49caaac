// The form of agreements, of the pipeline and of care: every bound at its edge and one beyond. That no text and no
// enumeration is forgotten is shown in every_kind_test.cc.
#include "tests/unit/domain/fact_fields.h"
#include "tests/unit/domain/fact_text.h"

namespace keyledger::domain {
namespace {

FieldNames Refused(const std::string& text) { return RefusedFields(EventOf(text)); }
std::string Long(size_t bytes) { return "'" + std::string(bytes, 'x') + "'"; }
const FieldNames kNone;

TEST(AgreementShape, NeedsWhatIsRequired) {
  EXPECT_EQ(Refused("contract_amended {}"), (FieldNames{"contract_id", "description"}));
  EXPECT_EQ(Refused("contract_breached {}"), (FieldNames{"contract_id", "side", "description"}));
  EXPECT_EQ(Refused("promise_published {}"), (FieldNames{"promise_id", "description"}));
  EXPECT_EQ(Refused("promise_kept {}"), FieldNames{"promise_id"});
  EXPECT_EQ(Refused("promise_broken {}"), (FieldNames{"promise_id", "reason"}));
  EXPECT_EQ(Refused("promise_withdrawn {}"), FieldNames{"promise_id"});
  EXPECT_EQ(Refused("plan_drafted {}"), (FieldNames{"plan_id", "start_time", "end_time", "description"}));
  EXPECT_EQ(Refused("plan_agreed {}"), (FieldNames{"plan_id", "contact_ids"}));
  EXPECT_EQ(Refused("plan_reviewed {}"), (FieldNames{"plan_id", "note"}));
  EXPECT_EQ(Refused("plan_ended {}"), (FieldNames{"plan_id", "ending"}));
  EXPECT_EQ(Refused("entitlement_granted {}"), (FieldNames{"entitlement_id", "kind"}));
  EXPECT_EQ(Refused("entitlement_used {}"), (FieldNames{"entitlement_id", "quantity"}));
  EXPECT_EQ(Refused("entitlement_revoked {}"), (FieldNames{"entitlement_id", "reason"}));
  EXPECT_EQ(Refused("obligation_agreed {}"), (FieldNames{"obligation_id", "side", "description"}));
  EXPECT_EQ(Refused("obligation_ended {}"), FieldNames{"obligation_id"});
  EXPECT_EQ(Refused("violation_recorded {}"), (FieldNames{"violation_id", "side", "description"}));
  EXPECT_EQ(Refused("sanction_imposed {}"), (FieldNames{"sanction_id", "violation_id", "kind", "person"}));
  EXPECT_EQ(Refused("sanction_lifted {}"), (FieldNames{"sanction_id", "reason"}));
}

TEST(AgreementShape, OfContractsIsChecked) {
  const std::string amended = "contract_amended { contract_id: 'c' description: 'd' ";
  EXPECT_EQ(Refused(amended + "early_end_penalty { currency_code: 'USD' } value { currency_code: 'USD' micros: 1 } }"),
            kNone);
  EXPECT_EQ(Refused(amended + "early_end_penalty { currency_code: 'USD' micros: -1 } value { currency_code: 'usd' } }"),
            (FieldNames{"value.currency_code", "value.micros", "early_end_penalty.micros"}));
  EXPECT_EQ(Refused(amended + "end_time { nanos: 1 } }"), FieldNames{"end_time"}) << "finer than a microsecond";
  EXPECT_EQ(Refused("contract_amended { contract_id: " + Long(128) + " description: " + Long(1024) + " }"), kNone);
  EXPECT_EQ(Refused("contract_amended { contract_id: " + Long(129) + " description: " + Long(1025) + " }"),
            (FieldNames{"contract_id", "description"}));
  EXPECT_EQ(Refused("contract_breached { contract_id: 'c' description: 'd' side: SIDE_EMPLOYEE penalty { "
                    "currency_code: 'USD' micros: -1 } }"),
            FieldNames{"penalty.micros"});
  const std::string contract = "contract_signed { contract_id: 'c' start_time { seconds: 1 } end_time { seconds: 2 } ";
  EXPECT_EQ(Refused(contract + "notice_days: 3660 payment_terms: 'transfer' quote_id: " + Long(128) +
                    " early_end_penalty { currency_code: 'USD' } }"),
            kNone);
  EXPECT_EQ(Refused(contract + "notice_days: 3661 payment_terms: 'By Transfer' quote_id: " + Long(129) +
                    " early_end_penalty { currency_code: 'USD' micros: -1 } }"),
            (FieldNames{"early_end_penalty.micros", "notice_days", "payment_terms", "quote_id"}));
}

TEST(AgreementShape, OfPromisesIsForOnceOrForAWhile) {
  const std::string promise = "promise_published { promise_id: 'p' description: 'd' ";
  EXPECT_EQ(Refused(promise + "due_time { seconds: 1 } scope: " + Long(256) + " person: " + Long(128) + " }"), kNone);
  EXPECT_EQ(Refused(promise + "end_time { seconds: 1 } }"), kNone);
  EXPECT_EQ(Refused(promise + "due_time { seconds: 1 } end_time { seconds: 1 } }"), FieldNames{"end_time"});
  EXPECT_EQ(Refused(promise + "scope: " + Long(257) + " person: " + Long(129) + " }"), (FieldNames{"scope", "person"}));
}

TEST(AgreementShape, OfPlansIsChecked) {
  const auto draft = [](int64_t end, const std::string& rest) {
    return "plan_drafted { plan_id: 'p' description: 'd' start_time {} end_time { seconds: " + std::to_string(end) +
           " } " + rest + "}";
  };
  constexpr int64_t kDay = 86'400;
  EXPECT_EQ(Refused(draft(3'660 * kDay, "")), kNone);
  EXPECT_EQ(Refused(draft(3'660 * kDay + 1, "")), FieldNames{"end_time"});
  EXPECT_EQ(Refused(draft(0, "")), FieldNames{"end_time"});
  std::string targets, forecasts;
  for (int i = 0; i < 50; ++i) {
    targets += "targets { target_id: 't" + std::to_string(i) + "' description: 'd' } ";
    forecasts += "forecasts { start_time {} end_time { seconds: 1 } } ";
  }
  EXPECT_EQ(Refused(draft(1, targets + forecasts)), kNone);
  EXPECT_EQ(Refused(draft(1, targets + forecasts + "targets {} forecasts {} ")), (FieldNames{"targets", "forecasts"}));
  EXPECT_EQ(Refused(draft(1, "targets { target_id: 'a' description: 'd' value: -5 unit: " + Long(32) +
                                 " } targets { target_id: 'a' description: 'd' unit: " + Long(33) + " } ")),
            (FieldNames{"targets[1].target_id", "targets[1].unit"}));
  EXPECT_EQ(Refused(draft(1,
                          "forecasts { start_time {} end_time { seconds: 1 } units: 1000000000000 revenue { "
                          "currency_code: 'USD' } } ")),
            kNone);
  EXPECT_EQ(Refused(draft(1,
                          "forecasts { start_time {} end_time {} units: 1000000000001 revenue { currency_code: "
                          "'USD' micros: -1 } } ")),
            (FieldNames{"forecasts[0].end_time", "forecasts[0].revenue.micros", "forecasts[0].units"}));

  std::string contacts;
  for (int i = 0; i < 20; ++i) contacts += "contact_ids: 'c" + std::to_string(i) + "' ";
  EXPECT_EQ(Refused("plan_agreed { plan_id: 'p' " + contacts + "}"), kNone);
  EXPECT_EQ(Refused("plan_agreed { plan_id: 'p' contact_ids: 'more' " + contacts + "}"), FieldNames{"contact_ids"});
  EXPECT_EQ(Refused("plan_agreed { plan_id: 'p' contact_ids: 'c' contact_ids: 'c' }"), FieldNames{"contact_ids[1]"});
  EXPECT_EQ(Refused("plan_reviewed { plan_id: 'p' note: " + Long(4096) +
                    " results { target_id: 'a' } results { target_id: 'b' on_track: true } }"),
            kNone);
  EXPECT_EQ(Refused("plan_reviewed { plan_id: 'p' note: " + Long(4097) +
                    " results { target_id: 'a' } results { target_id: 'a' } }"),
            (FieldNames{"results[1].target_id", "note"}));
}

TEST(AgreementShape, OfEntitlementsIsChecked) {
  const std::string granted = "entitlement_granted { entitlement_id: 'e' kind: 'allotment' ";
  EXPECT_EQ(Refused(granted + "quantity: 1000000000 start_time { seconds: 1 } end_time { seconds: 2 } }"), kNone);
  EXPECT_EQ(Refused(granted + "quantity: 1000000001 start_time { seconds: 1 } end_time { seconds: 1 } }"),
            (FieldNames{"quantity", "end_time"}));
  EXPECT_EQ(Refused(granted + "quantity: -1 source: " + Long(129) + " }"), (FieldNames{"quantity", "source"}));
  EXPECT_EQ(Refused("entitlement_granted { entitlement_id: 'e' kind: 'Allotment' }"), FieldNames{"kind"});
  EXPECT_EQ(Refused("entitlement_used { entitlement_id: 'e' quantity: 1000000000 }"), kNone);
  EXPECT_EQ(Refused("entitlement_used { entitlement_id: 'e' quantity: 1000000001 }"), FieldNames{"quantity"});
}

TEST(AgreementShape, OfObligationsViolationsAndSanctionsIsChecked) {
  EXPECT_EQ(Refused("obligation_agreed { obligation_id: 'o' side: SIDE_ACCOUNT description: 'd' }"), kNone);
  EXPECT_EQ(Refused("obligation_agreed { obligation_id: 'o' side: SIDE_EMPLOYEE description: 'd' }"),
            FieldNames{"side"});
  EXPECT_EQ(Refused("violation_recorded { violation_id: 'v' side: SIDE_EMPLOYEE description: 'd' severity: 5 }"),
            kNone);
  EXPECT_EQ(Refused("violation_recorded { violation_id: 'v' side: SIDE_EMPLOYEE description: 'd' severity: 6 }"),
            FieldNames{"severity"});
  EXPECT_EQ(Refused("sanction_imposed { sanction_id: 's' violation_id: 'v' kind: 'reprimand' person: 'p' }"), kNone);
  EXPECT_EQ(Refused("sanction_imposed { sanction_id: 's' violation_id: 'v' kind: 'a b' person: 'p' }"),
            FieldNames{"kind"});
}

TEST(PipelineShape, NeedsWhatIsRequired) {
  EXPECT_EQ(Refused("opportunity_opened {}"), (FieldNames{"opportunity_id", "description"}));
  EXPECT_EQ(Refused("opportunity_moved {}"), (FieldNames{"opportunity_id", "stage"}));
  EXPECT_EQ(Refused("quote_proposed {}"), (FieldNames{"quote_id", "proposer", "proposer_role", "amount"}));
  EXPECT_EQ(Refused("quote_revised {}"), (FieldNames{"quote_id", "proposer", "proposer_role", "amount"}));
  EXPECT_EQ(Refused("quote_approval_requested {}"), (FieldNames{"quote_id", "role"}));
  EXPECT_EQ(Refused("quote_approval_given {}"), (FieldNames{"quote_id", "role", "approver"}));
  EXPECT_EQ(Refused("quote_approval_refused {}"), (FieldNames{"quote_id", "role", "approver", "reason"}));
  EXPECT_EQ(Refused("quote_moved {}"), (FieldNames{"quote_id", "step", "person"}));
  EXPECT_EQ(Refused("order_placed {}"), (FieldNames{"order_id", "amount"}));
  EXPECT_EQ(Refused("order_ended {}"), (FieldNames{"order_id", "ending"}));
  EXPECT_EQ(Refused("payment_received {}"), (FieldNames{"amount", "method"}));
  EXPECT_EQ(Refused("payment_exception_granted {}"), (FieldNames{"terms", "approver", "reason"}));
  EXPECT_EQ(Refused("demand_forecast_stated {}"), (FieldNames{"start_time", "end_time", "amount"}));
}

TEST(PipelineShape, OfOpportunitiesIsChecked) {
  const std::string opened = "opportunity_opened { opportunity_id: 'o' description: 'd' ";
  EXPECT_EQ(Refused(opened + "chance_milli: 1000 amount { currency_code: 'USD' micros: 1 } lead_source: 'fair' }"),
            kNone);
  EXPECT_EQ(Refused(opened + "chance_milli: 0 }"), kNone);
  EXPECT_EQ(Refused(opened + "chance_milli: 1001 amount { currency_code: 'USD' } lead_source: 'A fair' }"),
            (FieldNames{"amount.micros", "chance_milli", "lead_source"}));
  EXPECT_EQ(Refused(opened + "chance_milli: -1 }"), FieldNames{"chance_milli"});
  const std::string moved = "opportunity_moved { opportunity_id: 'o' stage: OPPORTUNITY_STAGE_";
  EXPECT_EQ(Refused(moved + "LOST }"), FieldNames{"reason"});
  EXPECT_EQ(Refused(moved + "DROPPED }"), FieldNames{"reason"});
  EXPECT_EQ(Refused(moved + "WON }"), kNone);
  EXPECT_EQ(Refused(moved + "LOST reason: 'price' competitor: 'rival' }"), kNone);
  EXPECT_EQ(Refused(moved + "DROPPED reason: 'price' competitor: 'rival' }"), FieldNames{"competitor"});
}

TEST(PipelineShape, OfQuotesIsChecked) {
  for (const std::string kind : {"quote_proposed", "quote_revised"}) {
    const std::string quote = kind +
                              " { quote_id: 'q' proposer: 'a' proposer_role: 'sales' amount { currency_code: "
                              "'USD' micros: 90 } ";
    EXPECT_EQ(Refused(quote + "percent_milli: 100000 parts_amount { currency_code: 'USD' micros: 90 } payment_terms: "
                              "'transfer' }"),
              kNone);
    EXPECT_EQ(Refused(quote + "percent_milli: 100001 parts_amount { currency_code: 'USD' micros: 89 } payment_terms: "
                              "'T' }"),
              (FieldNames{"percent_milli", "parts_amount.micros", "payment_terms"}));
    EXPECT_EQ(Refused(quote + "percent_milli: -1 parts_amount { currency_code: 'EUR' micros: 90 } }"),
              (FieldNames{"percent_milli", "parts_amount.currency_code"}));
    EXPECT_EQ(Refused(quote + "needs_approval: true }"), FieldNames{"needs_approval"}) << "the ledger writes it";
    EXPECT_EQ(Refused(quote + "approver_roles: 'sales' }"), FieldNames{"approver_roles"});
  }
  EXPECT_EQ(Refused("quote_moved { quote_id: 'q' person: 'p' step: QUOTE_STEP_EXPIRED note: " + Long(512) + " }"),
            kNone);
}

TEST(PipelineShape, OfOrdersPaymentsAndForecastsIsChecked) {
  const std::string placed = "order_placed { order_id: 'o' amount { currency_code: 'USD' } ";
  EXPECT_EQ(Refused(placed + "units: 1000000000000 channel: 'online' payment_terms: 'transfer' }"), kNone);
  EXPECT_EQ(Refused(placed + "units: 1000000000001 channel: 'On line' payment_terms: 'By transfer' }"),
            (FieldNames{"channel", "units", "payment_terms"}));
  EXPECT_EQ(Refused("payment_received { method: 'transfer' amount { currency_code: 'USD' } }"),
            FieldNames{"amount.micros"});
  EXPECT_EQ(Refused("payment_received { method: 'transfer' amount { currency_code: 'USD' micros: 1 } }"), kNone);
  const std::string forecast = "demand_forecast_stated { start_time {} end_time { seconds: 1 } ";
  EXPECT_EQ(Refused(forecast + "}"), FieldNames{"amount"});
  EXPECT_EQ(Refused(forecast + "units: 1 }"), kNone);
  EXPECT_EQ(Refused(forecast + "amount { currency_code: 'USD' } }"), kNone);
  EXPECT_EQ(Refused(forecast + "units: 1000000000001 }"), FieldNames{"units"});
  EXPECT_EQ(Refused("demand_forecast_stated { units: 1 start_time {} end_time { seconds: 316224001 } }"),
            FieldNames{"end_time"})
      << "3,660 days and a second";
}

TEST(CareShape, NeedsWhatIsRequired) {
  EXPECT_EQ(Refused("issue_opened {}"), (FieldNames{"issue_id", "kind", "description"}));
  EXPECT_EQ(Refused("issue_moved {}"), (FieldNames{"issue_id", "state"}));
  EXPECT_EQ(Refused("loan_issued {}"), (FieldNames{"loan_id", "item", "quantity", "value", "due_time"}));
  EXPECT_EQ(Refused("loan_returned {}"), (FieldNames{"loan_id", "quantity"}));
  EXPECT_EQ(Refused("commission_accrued {}"), (FieldNames{"commission_id", "contact_id", "amount"}));
  EXPECT_EQ(Refused("commission_refused {}"), (FieldNames{"contact_id", "reason"}));
  EXPECT_EQ(Refused("referral_asked {}"), FieldNames{"contact_id"});
  EXPECT_EQ(Refused("referral_given {}"), (FieldNames{"referral_id", "lead_source"}));
  EXPECT_EQ(Refused("referral_converted {}"), (FieldNames{"referral_id", "account_id"}));
  EXPECT_EQ(Refused("advance_recorded {}"), (FieldNames{"person", "amount"}));
}

TEST(CareShape, OfIssuesIsChecked) {
  const std::string opened = "issue_opened { issue_id: 'i' kind: ISSUE_KIND_CONFLICT description: ";
  EXPECT_EQ(Refused(opened + Long(2048) + " severity: 5 }"), kNone);
  EXPECT_EQ(Refused(opened + Long(2049) + " severity: 6 }"), (FieldNames{"description", "severity"}));
  const std::string moved = "issue_moved { issue_id: 'i' state: ISSUE_STATE_";
  for (const char* state : {"OPEN", "ANSWERED", "RESOLVED"}) {
    EXPECT_EQ(Refused(moved + state + " }"), FieldNames{"note"}) << state;
    EXPECT_EQ(Refused(moved + state + " note: " + Long(2048) + " }"), kNone) << state;
  }
  EXPECT_EQ(Refused(moved + "ESCALATED }"), FieldNames{"person"});
  EXPECT_EQ(Refused(moved + "ESCALATED person: 'boss' }"), kNone);
  for (const char* state : {"CLOSED", "WITHDRAWN"}) EXPECT_EQ(Refused(moved + state + " }"), kNone) << state;
}

TEST(CareShape, OfLoansCommissionsAndReferralsIsChecked) {
  const std::string issued = "loan_issued { loan_id: 'l' item: 'machine' value { currency_code: 'USD' } due_time {} ";
  EXPECT_EQ(Refused(issued + "quantity: 1000000 }"), kNone);
  EXPECT_EQ(Refused(issued + "quantity: 1000001 }"), FieldNames{"quantity"});
  EXPECT_EQ(Refused("loan_returned { loan_id: 'l' quantity: 1000000 condition: " + Long(256) + " }"), kNone);
  EXPECT_EQ(Refused("loan_returned { loan_id: 'l' quantity: 1000001 condition: " + Long(257) + " }"),
            (FieldNames{"quantity", "condition"}));
  const std::string accrued = "commission_accrued { commission_id: 'c' contact_id: 'li' amount { currency_code: 'USD' ";
  EXPECT_EQ(Refused(accrued + "micros: 1 } }"), kNone);
  EXPECT_EQ(Refused(accrued + "} }"), FieldNames{"amount.micros"});
  EXPECT_EQ(Refused(accrued + "micros: 1 } counts {} }"), FieldNames{"counts"}) << "the ledger writes them";
  EXPECT_EQ(Refused("commission_refused { contact_id: 'li' reason: 'r' amount { currency_code: 'USD' } }"),
            FieldNames{"amount.micros"});
  EXPECT_EQ(Refused("commission_paid { contact_id: 'li' amount { currency_code: 'USD' micros: 1 } commission_id: " +
                    Long(129) + " }"),
            FieldNames{"commission_id"});
  EXPECT_EQ(Refused("referral_given { referral_id: 'r' lead_source: 'broker' account_id: '$programs' }"),
            FieldNames{"account_id"});
  EXPECT_EQ(Refused("referral_given { referral_id: 'r' lead_source: 'broker' account_id: 'acme' }"), kNone);
  EXPECT_EQ(Refused("advance_recorded { person: 'p' amount { currency_code: 'USD' } }"), FieldNames{"amount.micros"});
}

TEST(PurchaseShape, OfBundlesAndOrdersIsChecked) {
  const auto bought = [](const std::string& line, const std::string& rest) {
    return "purchase_recorded { lines { quantity: 1 amount { currency_code: 'USD' micros: 10 } " + line + "} " + rest +
           "}";
  };
  EXPECT_EQ(Refused(bought("single_amount { currency_code: 'USD' micros: 10 } bundle_id: " + Long(64) + " ",
                           "order_id: " + Long(128) + " ")),
            kNone);
  EXPECT_EQ(Refused(bought("single_amount { currency_code: 'USD' micros: 9 } bundle_id: " + Long(65) + " ",
                           "order_id: " + Long(129) + " ")),
            (FieldNames{"order_id", "lines[0].single_amount.micros", "lines[0].bundle_id"}));
  EXPECT_EQ(Refused(bought("single_amount { currency_code: 'EUR' micros: 10 } ", "")),
            FieldNames{"lines[0].single_amount.currency_code"});
}

}  // namespace
}  // namespace keyledger::domain

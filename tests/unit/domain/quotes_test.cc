// Quotes: who may propose and approve which discount, and what lies between a price and production. Commissions that
// are owed before they are paid.
#include "tests/unit/domain/conduct_facts.h"
#include "tests/unit/domain/item_ledger.h"

namespace keyledger::domain {
namespace {

std::string Offer(const std::string& kind, const std::string& role, int64_t percent_milli) {
  return kind + " { quote_id: 'Q' proposer: 'anna' proposer_role: '" + role +
         "' amount { currency_code: 'USD' micros: 90 } percent_milli: " + std::to_string(percent_milli) + " }";
}
std::string Propose(const std::string& role, int64_t percent_milli) {
  return Offer("quote_proposed", role, percent_milli);
}
std::string Revise(const std::string& role, int64_t percent_milli) {
  return Offer("quote_revised", role, percent_milli);
}
std::string Approve(const std::string& role, const std::string& approver = "max") {
  return "quote_approval_given { quote_id: 'Q' role: '" + role + "' approver: '" + approver + "' }";
}
std::string Refuse(const std::string& role, const std::string& approver = "max") {
  return "quote_approval_refused { quote_id: 'Q' role: '" + role + "' approver: '" + approver + "' reason: 'r' }";
}
std::string Move(const std::string& step) {
  return "quote_moved { quote_id: 'Q' person: 'bo' step: QUOTE_STEP_" + step + " }";
}

// Sales up to 5 %, managers up to 15 %, directors up to 30 %.
std::string Authorities(const std::string& rest = "") {
  return Limits(
      "  - limit_id: discounts\n"
      "    discounts:\n"
      "      authorities:\n"
      "        - {role: sales, max_percent_milli: 5000}\n"
      "        - {role: manager, max_percent_milli: 15000}\n"
      "        - {role: director, max_percent_milli: 30000}\n" +
      rest);
}

TEST(Quotes, GoFromProposalToProductionInOneOrder) {
  ItemLedger account;
  ASSERT_EQ(account.Do("2026-01-02", Propose("sales", 50'000)), "ok");
  EXPECT_EQ(account.StateOf(ItemKind::kQuote, "Q"), "approved") << "no program, no limit";
  EXPECT_EQ(account.Do("2026-01-02", Move("PRODUCT_CLEARED")),
            "quote 'Q' is approved: 'product_cleared' is not possible; possible are entered, revised, withdrawn, "
            "expired");
  const std::vector<std::pair<std::string, std::string>> steps = {
      {"ENTERED", "entered"},         {"FINANCE_CLEARED", "entered"}, {"PRODUCT_CLEARED", "entered"},
      {"PRODUCT_CLEARED", "entered"}, {"LEGAL_CLEARED", "cleared"},   {"ISSUED", "issued"},
      {"CONFIRMED", "confirmed"}};
  for (const auto& [step, state] : steps) {
    EXPECT_EQ(account.Do("2026-01-03", Move(step)), "ok") << step;
    EXPECT_EQ(account.StateOf(ItemKind::kQuote, "Q"), state) << step;
  }
  ASSERT_EQ(account.Do("2026-01-04",
                       "payment_received { amount { currency_code: 'USD' micros: 90 } method: 'transfer' "
                       "quote_id: 'Q' }"),
            "ok");
  EXPECT_EQ(account.Do("2026-01-05", Move("PAYMENT_MET")), "ok");
  EXPECT_EQ(account.Do("2026-01-05", Move("WITHDRAWN")),
            "quote 'Q' is payment_met: 'withdrawn' is not possible; possible is conditions_met");
  EXPECT_EQ(account.Do("2026-01-05", Move("CONDITIONS_MET")), "ok");
  EXPECT_EQ(account.Do("2026-01-06", Move("PRODUCTION_STARTED")), "ok");
  EXPECT_EQ(account.StateOf(ItemKind::kQuote, "Q"), "");
}

TEST(Quotes, AreApprovedWithinAuthorityOnly) {
  ItemLedger account(Authorities());
  ASSERT_EQ(account.Do("2026-01-02", Propose("sales", 5'000)), "ok");
  EXPECT_EQ(account.StateOf(ItemKind::kQuote, "Q"), "approved") << "within the proposer's own";
  EXPECT_FALSE(account.recorded().front().event.quote_proposed().needs_approval());

  ASSERT_EQ(account.Do("2026-01-03", Revise("sales", 5'001)), "ok");
  EXPECT_EQ(account.StateOf(ItemKind::kQuote, "Q"), "in_approval");
  const auto& revised = account.recorded().front().event.quote_revised();
  EXPECT_TRUE(revised.needs_approval());
  EXPECT_EQ(std::vector<std::string>(revised.approver_roles().begin(), revised.approver_roles().end()),
            (std::vector<std::string>{"manager", "director"}));
  EXPECT_EQ(account.Do("2026-01-03", Move("ENTERED")),
            "quote 'Q' is in_approval: 'entered' is not possible; possible are approval_requested, approval_given, "
            "approval_refused, revised, withdrawn");
  ASSERT_EQ(account.Do("2026-01-03", "quote_approval_requested { quote_id: 'Q' role: 'manager' }"), "ok");

  EXPECT_EQ(account.Do("2026-01-04", Approve("sales")),
            "a discount of 5.001 % goes beyond the authority of those who propose and consent, which is 5 %; it needs "
            "the consent of one in the role of manager, director (limits.discounts of program test version 1)");
  EXPECT_EQ(account.reason(), Reason::kLimitExceeded);
  EXPECT_EQ(account.Do("2026-01-04", Approve("manager", "anna")), "must be somebody else than the proposer");
  EXPECT_EQ(account.field(), "events[0].quote_approval_given.approver");
  EXPECT_EQ(account.Do("2026-01-04", Approve("manager")), "ok");
  EXPECT_EQ(account.StateOf(ItemKind::kQuote, "Q"), "approved");
}

TEST(Quotes, AreRefusedByThoseWhoMightHaveApprovedThem) {
  ItemLedger account(Authorities());
  ASSERT_EQ(account.Do("2026-01-02", Propose("sales", 20'000)), "ok");
  EXPECT_NE(account.Do("2026-01-03", Refuse("manager")), "ok");
  EXPECT_EQ(account.reason(), Reason::kLimitExceeded);
  EXPECT_EQ(account.Do("2026-01-03", Refuse("director", "anna")), "must be somebody else than the proposer");
  EXPECT_EQ(account.field(), "events[0].quote_approval_refused.approver");
  EXPECT_EQ(account.Do("2026-01-03", Refuse("director")), "ok");
  EXPECT_EQ(account.Do("2026-01-04", Approve("director")),
            "quote 'Q' is refused: 'approval_given' is not possible; possible are revised, withdrawn");
  EXPECT_EQ(account.Do("2026-01-04", Revise("sales", 4'000)), "ok");
  EXPECT_EQ(account.StateOf(ItemKind::kQuote, "Q"), "approved");
}

TEST(Quotes, ThatNobodyMayApproveAreOnRecordAllTheSame) {
  ItemLedger account(Authorities());
  ASSERT_EQ(account.Do("2026-01-02", Propose("director", 30'001)), "ok");
  const auto& proposed = account.recorded().front().event.quote_proposed();
  EXPECT_TRUE(proposed.needs_approval());
  EXPECT_EQ(proposed.approver_roles_size(), 0);
  EXPECT_NE(account.Do("2026-01-03", Approve("director")), "ok");
  EXPECT_EQ(account.reason(), Reason::kLimitExceeded);
  EXPECT_EQ(account.Do("2026-01-04", Move("WITHDRAWN")), "ok");
}

TEST(Quotes, AreApprovedByThoseWhomEveryLimitAllowsIt) {
  ItemLedger account(
      Authorities("  - limit_id: margin\n"
                  "    discounts: {authorities: [{role: sales, max_percent_milli: 10000}, {role: director, "
                  "max_percent_milli: 30000}]}\n"));
  ASSERT_EQ(account.Do("2026-01-02", Propose("sales", 12'000)), "ok");
  const auto& proposed = account.recorded().front().event.quote_proposed();
  EXPECT_EQ(std::vector<std::string>(proposed.approver_roles().begin(), proposed.approver_roles().end()),
            std::vector<std::string>{"director"});
  EXPECT_NE(account.Do("2026-01-03", Approve("manager")), "ok");
  EXPECT_EQ(account.reason(), Reason::kLimitExceeded);
  EXPECT_EQ(account.Do("2026-01-03", Approve("director")), "ok");
}

TEST(Quotes, BeyondLimitsThatFlagAreApprovedAndFlagged) {
  const std::string flagging = Limits(
      "  - limit_id: usual\n"
      "    on_breach: flag\n"
      "    discounts: {authorities: [{role: sales, max_percent_milli: 3000}, {role: manager, max_percent_milli: "
      "9000}]}\n");
  ItemLedger account(flagging);
  ASSERT_EQ(account.Do("2026-01-02", Propose("sales", 4'000)), "ok");
  EXPECT_EQ(account.StateOf(ItemKind::kQuote, "Q"), "approved");
  ASSERT_EQ(account.recorded().size(), 2u);
  const auto& flag = account.recorded()[1].event.compliance_flagged();
  EXPECT_EQ(flag.limit_id(), "usual");
  EXPECT_EQ(flag.fact_revision(), 1u);
  EXPECT_EQ(flag.value(), 4'000);
  EXPECT_EQ(flag.threshold(), 3'000);
}

TEST(Quotes, GoByTheAuthorityOfTheMomentOfEachStep) {
  // From July on, managers may grant no more than sales.
  const std::string from_july =
      "program_id: test\ntime_zone: UTC\ncurrency_code: USD\neffective_from: 2026-07-01\nlimits:\n"
      "  - limit_id: discounts\n"
      "    discounts: {authorities: [{role: sales, max_percent_milli: 5000}, {role: manager, max_percent_milli: "
      "5000}]}\n";
  AccountLedger ledger(std::vector{ProgramOf(Authorities()), ProgramOf(from_july, 2)});
  ASSERT_TRUE(ledger.Submit({AccountLedger::Open(At("2026-01-01"))}).ok());
  ASSERT_TRUE(ledger.Submit({FactOf(At("2026-06-30"), Propose("sales", 10'000))}).ok());
  const auto refused = ledger.Submit({FactOf(At("2026-07-01"), Approve("manager"))});
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kLimitExceeded);
  const auto approved = ledger.Submit({FactOf(At("2026-06-30"), Approve("manager"))});
  EXPECT_TRUE(approved.ok()) << "given in June, entered late: " << approved.status();
}

TEST(Quotes, AreAnsweredUnderNoProgramThatEndedBeforeTheOffer) {
  // Nothing is in force before January; directors alone may grant 20 % from November on, in January managers might.
  const auto program = [](const std::string& from, const std::string& role, uint32_t version) {
    return ProgramOf("program_id: test\ntime_zone: UTC\ncurrency_code: USD\neffective_from: " + from +
                         "\nlimits:\n  - limit_id: discounts\n    discounts: {authorities: [{role: sales, "
                         "max_percent_milli: 5000}, {role: " +
                         role + ", max_percent_milli: 20000}]}\n",
                     version);
  };
  AccountLedger ledger(std::vector{program("2026-01-01", "manager", 1), program("2026-11-01", "director", 2)});
  ASSERT_TRUE(ledger.Submit({AccountLedger::Open(At("2025-01-01"))}).ok());
  ASSERT_TRUE(ledger.Submit({FactOf(At("2026-11-20"), Propose("sales", 20'000))}).ok());
  for (const char* day : {"2025-12-31", "2026-10-31"}) {
    for (const std::string& answer : {Approve("manager"), Refuse("manager")}) {
      const auto refused = ledger.Submit({FactOf(At(day), answer)});
      EXPECT_EQ(ReasonOf(refused.status()), Reason::kLimitExceeded) << day << " " << answer;
    }
    ASSERT_TRUE(ledger.Submit({FactOf(At(day), Revise("sales", 15'000))}).ok());
    EXPECT_EQ(ledger.state().items.at({ItemKind::kQuote, "Q"}).state, quote_state::kInApproval)
        << "a revision is an offer of no earlier time than the one before: " << day;
  }
  const auto restored = DecodeState(EncodeState(ledger.state()));
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_TRUE(*restored == ledger.state()) << "a stored state decides alike";
  EXPECT_TRUE(ledger.Submit({FactOf(At("2025-12-31"), Approve("director"))}).ok());
}

TEST(Quotes, AreNotPaidWithoutPaymentOrException) {
  const std::vector<std::string> payments = {
      "payment_received { amount { currency_code: 'USD' micros: 1 } method: 'deposit' quote_id: 'Q' }",
      "payment_exception_granted { terms: 'instalments' approver: 'cfo' reason: 'r' quote_id: 'Q' }"};
  const std::vector<std::string> to_confirmed = {"ENTERED",         "PRODUCT_CLEARED", "LEGAL_CLEARED",
                                                 "FINANCE_CLEARED", "ISSUED",          "CONFIRMED"};
  for (const std::string& payment : payments) {
    ItemLedger account;
    ASSERT_EQ(account.Do("2026-01-02", payment), "ok") << "of a quote that is not open: no error, and no mark";
    ASSERT_EQ(account.Do("2026-01-02", Propose("sales", 0)), "ok");
    for (const std::string& step : to_confirmed) ASSERT_EQ(account.Do("2026-01-03", Move(step)), "ok");
    EXPECT_EQ(account.Do("2026-01-03", Move("PAYMENT_MET")),
              "quote 'Q' is confirmed: 'payment_met' needs a payment or a payment exception on record that names it");
    EXPECT_EQ(account.reason(), Reason::kStepNotAllowed);
    EXPECT_EQ(account.metadata(),
              "item=quote;item_id=Q;state=confirmed;step=payment_met;legal_steps=payment_met, withdrawn, declined;"
              "needs=a payment or a payment exception on record that names it;");
    ASSERT_EQ(account.Do("2026-01-04",
                         "payment_received { amount { currency_code: 'USD' micros: 1 } method: 'deposit' "
                         "quote_id: 'other' }"),
              "ok");
    EXPECT_EQ(account.reason(), Reason::kUnspecified);
    EXPECT_NE(account.Do("2026-01-04", Move("PAYMENT_MET")), "ok");
    ASSERT_EQ(account.Do("2026-01-05", payment), "ok");
    EXPECT_EQ(account.Do("2026-01-05", Move("PAYMENT_MET")), "ok");
  }
}

TEST(Quotes, ThatAreRevisedBeginAnew) {
  ItemLedger account;
  ASSERT_EQ(account.Do("2026-01-02", Propose("sales", 0)), "ok");
  for (const char* step : {"ENTERED", "PRODUCT_CLEARED", "LEGAL_CLEARED", "FINANCE_CLEARED", "ISSUED"}) {
    ASSERT_EQ(account.Do("2026-01-03", Move(step)), "ok");
  }
  ASSERT_EQ(
      account.Do("2026-01-03",
                 "payment_received { amount { currency_code: 'USD' micros: 1 } method: 'deposit' quote_id: 'Q' }"),
      "ok");
  ASSERT_EQ(account.Do("2026-01-04", Revise("sales", 1'000)), "ok");
  EXPECT_EQ(account.state().items.at({ItemKind::kQuote, "Q"}).marks, 0u) << "cleared and paid was the price before";
  EXPECT_EQ(account.StateOf(ItemKind::kQuote, "Q"), "approved");
  for (const char* step : {"ENTERED", "PRODUCT_CLEARED", "LEGAL_CLEARED"}) {
    ASSERT_EQ(account.Do("2026-01-05", Move(step)), "ok");
  }
  EXPECT_NE(account.Do("2026-01-05", Move("ISSUED")), "ok") << "all three again";
}

TEST(Quotes, CompletedByAClientAreRefused) {
  ItemLedger account;
  std::string text = Propose("sales", 0);
  text.insert(text.size() - 1, "needs_approval: true approver_roles: 'manager' ");
  EXPECT_NE(account.Do("2026-01-02", text), "ok");
  EXPECT_EQ(account.reason(), Reason::kInvalidField);
  EXPECT_EQ(account.field(), "events[0].quote_proposed.needs_approval");
}

std::string Accrue(const std::string& id, int64_t micros) {
  return "commission_accrued { commission_id: '" + id +
         "' contact_id: 'li' amount { currency_code: 'USD' micros: " + std::to_string(micros) + " } }";
}
std::string Pay(const std::string& contact, int64_t micros, const std::string& currency = "USD") {
  return "commission_paid { commission_id: 'C' contact_id: '" + contact + "' amount { currency_code: '" + currency +
         "' micros: " + std::to_string(micros) + " } }";
}

const char kCommissions[] =
    "  - limit_id: commissions\n"
    "    commissions: {period: year, scope: contact, max_micros: 100000000}\n";

TEST(Commissions, AccruedAndPaidCountOnce) {
  ItemLedger account(Limits(kCommissions));
  ASSERT_EQ(account.Do("2026-01-02", Accrue("C", 60 * kUnit)), "ok");
  EXPECT_EQ(account.recorded().front().event.commission_accrued().counts_size(), 1);
  ASSERT_EQ(account.state().counts.size(), 1u);
  EXPECT_EQ(account.state().counts.begin()->second, (PeriodCount{60 * kUnit, 1}));
  EXPECT_NE(account.Do("2026-01-03", Accrue("D", 40 * kUnit + 1)), "ok") << "more than the limit with what is accrued";
  EXPECT_EQ(account.reason(), Reason::kLimitExceeded);
  ASSERT_EQ(account.Do("2026-02-01", Pay("li", 60 * kUnit)), "ok");
  EXPECT_EQ(account.recorded().front().event.commission_paid().counts_size(), 0);
  EXPECT_EQ(account.state().counts.begin()->second, (PeriodCount{60 * kUnit, 1}));
  EXPECT_TRUE(account.state().items.empty());
  EXPECT_EQ(account.Do("2026-02-01", Pay("li", 60 * kUnit)),
            "no commission 'C' is open on the account; possible is accrued");
  EXPECT_EQ(account.reason(), Reason::kItemNotOpen);
}

TEST(Commissions, ArePaidToTheContactAndInTheAmountAccrued) {
  ItemLedger account;
  ASSERT_EQ(account.Do("2026-01-02", Accrue("C", 60)), "ok");
  EXPECT_EQ(account.Do("2026-01-03", Pay("wu", 60)), "must be 'li', for whom the commission was accrued");
  EXPECT_EQ(account.field(), "events[0].commission_paid.contact_id");
  EXPECT_EQ(account.Do("2026-01-03", Pay("li", 59)), "must be what was accrued: 60 micros of USD");
  EXPECT_EQ(account.field(), "events[0].commission_paid.amount");
  EXPECT_EQ(account.Do("2026-01-03", Pay("li", 60, "EUR")), "must be what was accrued: 60 micros of USD");
  EXPECT_EQ(account.Do("2026-01-03", "commission_refused { commission_id: 'C' contact_id: 'wu' reason: 'r' }"),
            "must be 'li', for whom the commission was accrued");
  EXPECT_EQ(account.field(), "events[0].commission_refused.contact_id");
  EXPECT_EQ(account.Do("2026-01-03", Pay("li", 60)), "ok");
}

TEST(Commissions, ThatAreRefusedEndAndStayCounted) {
  ItemLedger account(Limits(kCommissions));
  ASSERT_EQ(account.Do("2026-01-02", Accrue("C", 60 * kUnit)), "ok");
  EXPECT_EQ(account.Do("2026-01-03", "commission_refused { contact_id: 'li' by_contact: true reason: 'r' }"), "ok")
      << "one that was offered only";
  EXPECT_EQ(account.StateOf(ItemKind::kCommission, "C"), "open");
  EXPECT_EQ(account.Do("2026-01-03", "commission_refused { commission_id: 'C' contact_id: 'li' reason: 'r' }"), "ok");
  EXPECT_EQ(account.StateOf(ItemKind::kCommission, "C"), "");
  EXPECT_EQ(account.state().counts.begin()->second, (PeriodCount{60 * kUnit, 1}));
}

}  // namespace
}  // namespace keyledger::domain

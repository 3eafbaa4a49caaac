// Items as they are opened, go on and end: what the ledger takes, what it refuses, and what it says then.
#include <fmt/format.h>

#include "server/domain/explain_standing.h"
#include "server/domain/review.h"
#include "tests/unit/domain/item_ledger.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;

std::string Quote(const std::string& id) {
  return "quote_proposed { quote_id: '" + id +
         "' proposer: 'anna' proposer_role: 'sales' amount { currency_code: 'USD' micros: 90 } }";
}
std::string MoveQuote(const std::string& step) {
  return "quote_moved { quote_id: 'Q-7' person: 'bo' step: QUOTE_STEP_" + step + " }";
}

TEST(ItemSteps, RefuseWhatTheTableHasNotAndNameWhatItHas) {
  ItemLedger account;
  ASSERT_EQ(account.Do("2026-01-02", Quote("Q-7")), "ok");
  for (const char* step : {"ENTERED", "PRODUCT_CLEARED", "LEGAL_CLEARED", "FINANCE_CLEARED"}) {
    ASSERT_EQ(account.Do("2026-01-02", MoveQuote(step)), "ok") << step;
  }
  EXPECT_EQ(account.Do("2026-01-03", MoveQuote("PAYMENT_MET")),
            "quote 'Q-7' is cleared: 'payment_met' is not possible; possible are issued, revised, withdrawn, expired");
  EXPECT_EQ(account.reason(), Reason::kStepNotAllowed);
  EXPECT_EQ(account.metadata(),
            "item=quote;item_id=Q-7;state=cleared;step=payment_met;legal_steps=issued, revised, withdrawn, expired;");
}

TEST(ItemSteps, OfAnItemThatIsNotOpenAreRefusedAndSoIsOpeningOneThatIs) {
  ItemLedger account;
  EXPECT_EQ(account.Do("2026-01-02", MoveQuote("ENTERED")),
            "no quote 'Q-7' is open on the account; possible is proposed");
  EXPECT_EQ(account.reason(), Reason::kItemNotOpen);
  EXPECT_EQ(account.metadata(), "item=quote;item_id=Q-7;");
  ASSERT_EQ(account.Do("2026-01-02", Quote("Q-7")), "ok");
  EXPECT_EQ(account.Do("2026-01-02", Quote("Q-7")), "quote 'Q-7' is open already; end it, or choose another id");
  EXPECT_EQ(account.reason(), Reason::kItemExists);
  EXPECT_EQ(account.metadata(), "item=quote;item_id=Q-7;");
  EXPECT_EQ(account.Do("2026-01-02", "issue_opened { issue_id: 'Q-7' kind: ISSUE_KIND_REQUEST description: 'x' }"),
            "ok")
      << "ids are of one kind";
  ASSERT_EQ(account.Do("2026-01-03", MoveQuote("WITHDRAWN")), "ok");
  EXPECT_EQ(account.Do("2026-01-04", Quote("Q-7")), "ok") << "an id can be used again";
}

TEST(ItemSteps, OfOneRequestSeeEachOther) {
  AccountLedger ledger(Head());
  const Micros at = At("2026-01-01");
  const auto events =
      ledger.Submit({AccountLedger::Open(at), FactOf(at, Quote("Q-7")), FactOf(at, MoveQuote("ENTERED"))});
  ASSERT_TRUE(events.ok()) << events.status();
  const auto refused = ledger.Submit({FactOf(at, MoveQuote("WITHDRAWN")), FactOf(at, MoveQuote("WITHDRAWN"))});
  EXPECT_EQ(MessageOf(refused.status()), "events[1]: no quote 'Q-7' is open on the account; possible is proposed");
  EXPECT_EQ(ledger.state().items.size(), 1u) << "all or nothing";
}

// So many facts, each with its number in place of "ID".
std::vector<Fact> Many(const std::string& at, const std::string& text, int first, int count) {
  std::vector<Fact> facts;
  for (int i = first; i < first + count; ++i) {
    std::string event = text;
    facts.push_back(FactOf(At(at), event.replace(event.find("ID"), 2, std::to_string(i))));
  }
  return facts;
}

TEST(ItemLimits, AreAThousandOfAKindAndFiveThousandInAll) {
  ItemLedger account;
  const auto open = [&](const std::string& text, int first, int count) {
    return MessageOf(account.ledger().Submit(Many("2026-01-02", text, first, count)).status());
  };
  const std::string order = "order_placed { order_id: 'ID' amount { currency_code: 'USD' micros: 1 } }";
  const std::string handover = "handover_given { handover_id: 'ID' from_person: 'a' to_person: 'b' what: 'w' }";
  EXPECT_EQ(open(order, 0, 1'000), "");
  EXPECT_EQ(open(order, 1'000, 1),
            "events[0]: the account would have more than 1000 items of the kind 'order' open at once; end one first");
  EXPECT_EQ(open("opportunity_opened { opportunity_id: 'ID' description: 'd' }", 0, 1'000), "");
  EXPECT_EQ(open("promise_published { promise_id: 'ID' description: 'd' }", 0, 1'000), "");
  EXPECT_EQ(open("entitlement_granted { entitlement_id: 'ID' kind: 'priority' }", 0, 1'000), "");
  EXPECT_EQ(open("issue_opened { issue_id: 'ID' kind: ISSUE_KIND_REQUEST description: 'd' }", 0, 1'000), "");
  EXPECT_EQ(open(handover, 0, 1), "events[0]: the account would have more than 5000 items open at once; end one first");
  EXPECT_EQ(open("order_ended { order_id: 'ID' ending: ORDER_ENDING_CANCELLED }", 5, 1), "");
  EXPECT_EQ(open(handover, 0, 1), "");
}

TEST(ItemTimes, OfWhatIsToComeAreAfterTheEvent) {
  ItemLedger account;
  // Each with TIME in place of the moment, which is the second of January for one that comes too early.
  const std::vector<std::pair<std::string, std::string>> facts = {
      {"promise_published { promise_id: 'p' description: 'd' due_time { TIME } }", "promise_published.due_time"},
      {"promise_published { promise_id: 'p' description: 'd' end_time { TIME } }", "promise_published.end_time"},
      {"entitlement_granted { entitlement_id: 'e' kind: 'k' end_time { TIME } }", "entitlement_granted.end_time"},
      {"obligation_agreed { obligation_id: 'o' side: SIDE_ACCOUNT description: 'd' end_time { TIME } }",
       "obligation_agreed.end_time"},
      {"sanction_imposed { sanction_id: 's' violation_id: 'v' kind: 'k' person: 'p' end_time { TIME } }",
       "sanction_imposed.end_time"},
      {"issue_opened { issue_id: 'i' kind: ISSUE_KIND_REQUEST description: 'd' due_time { TIME } }",
       "issue_opened.due_time"},
      {"loan_issued { loan_id: 'l' item: 'm' quantity: 1 value { currency_code: 'USD' } due_time { TIME } }",
       "loan_issued.due_time"},
      {"quote_proposed { quote_id: 'q' proposer: 'a' proposer_role: 'r' amount { currency_code: 'USD' } end_time { "
       "TIME } }",
       "quote_proposed.end_time"},
      {"payment_exception_granted { terms: 't' approver: 'a' reason: 'r' end_time { TIME } }",
       "payment_exception_granted.end_time"},
  };
  const int64_t second_of_january = At("2026-01-02") / kMicrosPerSecond;
  for (const auto& [text, field] : facts) {
    const auto with = [&](int64_t seconds) {
      std::string event = text;
      return event.replace(event.find("TIME"), 4, "seconds: " + std::to_string(seconds));
    };
    EXPECT_EQ(account.Do("2026-01-02", with(second_of_january)), "must be later than occurred_time") << field;
    EXPECT_EQ(account.reason(), Reason::kInvalidField);
    EXPECT_EQ(account.field(), "events[0]." + field);
    EXPECT_EQ(account.Do("2026-01-02", with(second_of_january + 1)), "ok") << field;
    account = ItemLedger();
  }
  EXPECT_EQ(account.Do("2026-01-02",
                       "entitlement_granted { entitlement_id: 'e' kind: 'k' start_time { seconds: 1 } end_time { "
                       "seconds: 2 } }"),
            "ok")
      << "with a start of its own it may all be past";
}

TEST(Opportunities, MoveOneStageAtATime) {
  ItemLedger account;
  const auto move = [&](const std::string& stage) {
    return account.Do("2026-02-01",
                      "opportunity_moved { opportunity_id: 'O' reason: 'r' stage: OPPORTUNITY_STAGE_" + stage + " }");
  };
  ASSERT_EQ(account.Do("2026-01-02", "opportunity_opened { opportunity_id: 'O' description: '40 vans' }"), "ok");
  EXPECT_EQ(account.StateOf(ItemKind::kOpportunity, "O"), "lead");
  EXPECT_EQ(move("SOLUTION"),
            "opportunity 'O' is lead: 'solution' is not possible; possible are lead, qualified, lost, dropped");
  EXPECT_EQ(move("WON"), "opportunity 'O' is lead: 'won' is not possible; possible are lead, qualified, lost, dropped");
  for (const char* stage : {"LEAD", "QUALIFIED", "LEAD", "QUALIFIED", "SOLUTION", "NEGOTIATION", "NEGOTIATION"}) {
    EXPECT_EQ(move(stage), "ok") << stage;
  }
  EXPECT_EQ(account.StateOf(ItemKind::kOpportunity, "O"), "negotiation");
  EXPECT_EQ(move("QUALIFIED"),
            "opportunity 'O' is negotiation: 'qualified' is not possible; possible are solution, negotiation, won, "
            "lost, dropped");
  EXPECT_EQ(move("WON"), "ok");
  EXPECT_EQ(account.StateOf(ItemKind::kOpportunity, "O"), "");
}

TEST(Issues, AreOpenAnsweredResolvedAndClosedInThisOrder) {
  ItemLedger account;
  const auto move = [&](const std::string& state) {
    return account.Do("2026-01-03",
                      "issue_moved { issue_id: 'I' note: 'n' person: 'p' state: ISSUE_STATE_" + state + " }");
  };
  ASSERT_EQ(account.Do("2026-01-02", "issue_opened { issue_id: 'I' kind: ISSUE_KIND_COMPLAINT description: 'late' }"),
            "ok");
  EXPECT_EQ(move("CLOSED"),
            "issue 'I' is open: 'closed' is not possible; possible are answered, escalated, resolved, withdrawn");
  EXPECT_EQ(move("ANSWERED"), "ok");
  EXPECT_EQ(move("ANSWERED"),
            "issue 'I' is answered: 'answered' is not possible; possible are escalated, resolved, withdrawn");
  EXPECT_EQ(move("ESCALATED"), "ok");
  EXPECT_EQ(move("RESOLVED"), "ok");
  EXPECT_EQ(move("WITHDRAWN"), "issue 'I' is resolved: 'withdrawn' is not possible; possible are open, closed");
  EXPECT_EQ(move("OPEN"), "ok") << "it was not solved after all";
  EXPECT_EQ(move("RESOLVED"), "ok");
  EXPECT_EQ(move("CLOSED"), "ok");
  EXPECT_EQ(move("OPEN"), "no issue 'I' is open on the account; possible is opened");
}

TEST(Plans, AreDraftedAgreedReviewedAndEndedInThisOrder) {
  ItemLedger account;
  const std::string draft =
      "plan_drafted { plan_id: 'P' description: 'd' start_time { seconds: 1 } end_time { "
      "seconds: 2 } }";
  const std::string agree = "plan_agreed { plan_id: 'P' contact_ids: 'li' }";
  const std::string review = "plan_reviewed { plan_id: 'P' note: 'n' }";
  const std::string end = "plan_ended { plan_id: 'P' ending: PLAN_ENDING_COMPLETED }";
  ASSERT_EQ(account.Do("2026-01-02", draft), "ok");
  EXPECT_EQ(account.Do("2026-01-02", review),
            "plan 'P' is draft: 'reviewed' is not possible; possible are agreed, ended");
  for (const std::string& step : {agree, agree, review, review}) EXPECT_EQ(account.Do("2026-01-03", step), "ok");
  EXPECT_EQ(account.StateOf(ItemKind::kPlan, "P"), "agreed");
  EXPECT_EQ(account.Do("2026-01-04", end), "ok");
  EXPECT_EQ(account.Do("2026-01-04", end), "no plan 'P' is open on the account; possible is drafted");
  ASSERT_EQ(account.Do("2026-01-05", draft), "ok");
  EXPECT_EQ(account.Do("2026-01-05", end), "ok") << "a draft can be given up";
}

TEST(Promises, ForOnceEndWhenKeptOrBrokenAndOthersCount) {
  ItemLedger account;
  const std::string kept = "promise_kept { promise_id: 'P' }";
  const std::string broken = "promise_broken { promise_id: 'P' reason: 'r' }";
  const std::string withdrawn = "promise_withdrawn { promise_id: 'P' }";
  ASSERT_EQ(account.Do("2026-01-02", "promise_published { promise_id: 'P' description: 'free delivery' }"), "ok");
  for (const std::string& step : {kept, broken, kept}) {
    EXPECT_EQ(account.Do("2026-01-03", step), "ok");
    EXPECT_EQ(account.StateOf(ItemKind::kPromise, "P"), "open");
  }
  EXPECT_EQ(account.Do("2026-01-03", withdrawn), "ok");
  EXPECT_EQ(account.Do("2026-01-03", kept), "no promise 'P' is open on the account; possible is published");
  for (const std::string& step : {kept, broken, withdrawn}) {
    ASSERT_EQ(account.Do("2026-01-03",
                         "promise_published { promise_id: 'P' description: 'an answer' due_time { "
                         "seconds: 1800000000 } }"),
              "ok");
    EXPECT_EQ(account.Do("2026-01-04", step), "ok");
    EXPECT_EQ(account.StateOf(ItemKind::kPromise, "P"), "");
  }
}

TEST(Entitlements, AreUsedUpToTheirQuantityAndWithinTheirTime) {
  ItemLedger account;
  const auto use = [&](const std::string& at, int quantity) {
    return account.Do(at, "entitlement_used { entitlement_id: 'E' quantity: " + std::to_string(quantity) + " }");
  };
  Fact granted = FactOf(At("2026-01-02"), "entitlement_granted { entitlement_id: 'E' kind: 'allotment' quantity: 10 }");
  SetTimestamp(granted.event.mutable_entitlement_granted()->mutable_start_time(), At("2026-02-01"));
  SetTimestamp(granted.event.mutable_entitlement_granted()->mutable_end_time(), At("2026-03-01"));
  ASSERT_EQ(account.Submit(granted), "ok");
  EXPECT_EQ(use("2026-01-31T23:59:59Z", 1), "entitlement 'E' is valid from 2026-02-01T00:00:00Z only");
  EXPECT_EQ(account.reason(), Reason::kEntitlementSpent);
  EXPECT_EQ(account.metadata(), "item_id=E;remaining=10;requested=1;end_time=2026-03-01T00:00:00Z;");
  EXPECT_EQ(use("2026-02-01", 7), "ok");
  EXPECT_EQ(use("2026-02-02", 4), "entitlement 'E' has 3 left, and 4 are asked for");
  EXPECT_EQ(account.metadata(), "item_id=E;remaining=3;requested=4;end_time=2026-03-01T00:00:00Z;");
  EXPECT_EQ(use("2026-03-01", 1), "entitlement 'E' was valid until 2026-03-01T00:00:00Z");
  EXPECT_EQ(account.Do("2026-06-01", "issue_opened { issue_id: 'i' kind: ISSUE_KIND_REQUEST description: 'd' }"), "ok");
  EXPECT_EQ(use("2026-02-28T23:59:59Z", 3), "ok") << "entered late, used in time";
  EXPECT_EQ(use("2026-02-28T23:59:59Z", 1), "entitlement 'E' has 0 left, and 1 are asked for");
  EXPECT_EQ(account.StateOf(ItemKind::kEntitlement, "E"), "open") << "until it is revoked, or long over";
}

TEST(Entitlements, WithoutQuantityAreUsedAtWill) {
  ItemLedger account;
  ASSERT_EQ(account.Do("2026-01-02", "entitlement_granted { entitlement_id: 'E' kind: 'order_page' }"), "ok");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(account.Do("2026-01-03", "entitlement_used { entitlement_id: 'E' quantity: 1000000000 }"), "ok");
  }
  EXPECT_EQ(account.Do("2026-01-01", "entitlement_used { entitlement_id: 'E' quantity: 1 }"),
            "entitlement 'E' is valid from 2026-01-02T00:00:00Z only");
  EXPECT_EQ(account.metadata(), "item_id=E;requested=1;");
  EXPECT_EQ(account.Do("2026-01-04", "entitlement_revoked { entitlement_id: 'E' reason: 'r' }"), "ok");
  EXPECT_EQ(account.Do("2026-01-04", "entitlement_used { entitlement_id: 'E' quantity: 1 }"),
            "no entitlement 'E' is open on the account; possible is granted");
}

TEST(Entitlements, AreGoneFourHundredDaysAfterTheirEnd) {
  ItemLedger account;
  Fact granted = FactOf(At("2026-01-02"), "entitlement_granted { entitlement_id: 'E' kind: 'allotment' }");
  SetTimestamp(granted.event.mutable_entitlement_granted()->mutable_end_time(), At("2026-03-01"));
  ASSERT_EQ(account.Submit(granted), "ok");
  const std::string issue = "issue_opened { issue_id: '%' kind: ISSUE_KIND_REQUEST description: 'd' }";
  ASSERT_EQ(account.Do("2027-04-04T23:59:59Z", issue), "ok");
  EXPECT_EQ(account.Do("2026-02-01", "entitlement_used { entitlement_id: 'E' quantity: 1 }"), "ok");
  EXPECT_EQ(account.Do("2027-04-05", "entitlement_used { entitlement_id: 'E' quantity: 1 }"),
            "no entitlement 'E' is open on the account; possible is granted");
  EXPECT_EQ(account.Do("2027-04-05", "entitlement_revoked { entitlement_id: 'E' reason: 'r' }"),
            "no entitlement 'E' is open on the account; possible is granted");
  EXPECT_EQ(account.Do("2027-04-05", "entitlement_granted { entitlement_id: 'E' kind: 'allotment' }"), "ok");
  EXPECT_EQ(account.StateOf(ItemKind::kEntitlement, "E"), "open");
}

TEST(ItemLimits, LeaveOutWhatIsLongOver) {
  ItemLedger account;
  std::vector<Fact> facts =
      Many("2026-01-02", "obligation_agreed { obligation_id: 'ID' side: SIDE_ACCOUNT description: 'd' }", 0, 1'000);
  for (Fact& fact : facts) {
    SetTimestamp(fact.event.mutable_obligation_agreed()->mutable_end_time(), At("2026-03-01"));
  }
  ASSERT_TRUE(account.ledger().Submit(facts).ok());
  const std::string one_more = "obligation_agreed { obligation_id: 'x' side: SIDE_ACCOUNT description: 'd' }";
  EXPECT_EQ(account.Do("2027-04-04T23:59:59Z", one_more),
            "the account would have more than 1000 items of the kind 'obligation' open at once; end one first");
  EXPECT_EQ(account.Do("2027-04-05", one_more), "ok");
  EXPECT_EQ(account.state().items.size(), 1u);
}

TEST(ItemLimits, KeepNothingThatWasLongOverWhenItWasEntered) {
  ItemLedger account;
  const std::string over =
      "entitlement_granted { entitlement_id: 'ID' kind: 'k' start_time { seconds: 1 } end_time { seconds: 2 } }";
  ASSERT_TRUE(account.ledger().Submit(Many("2026-01-02", over, 0, 1'001)).ok());
  EXPECT_EQ(account.state().items.size(), 0u);
  EXPECT_EQ(account.Do("2026-01-02", "entitlement_used { entitlement_id: '7' quantity: 1 }"),
            "no entitlement '7' is open on the account; possible is granted");
}

TEST(ItemLimits, HoldWithinADayOfWhatComesToBeLongOver) {
  ItemLedger account;
  const std::string issue = "issue_opened { issue_id: '%' kind: ISSUE_KIND_REQUEST description: 'd' }";
  ASSERT_EQ(account.Do("2027-04-05", issue), "ok");
  for (int hour = 1; hour <= 7; ++hour) {
    std::vector<Fact> facts =
        Many("2026-02-01", "obligation_agreed { obligation_id: 'ID' side: SIDE_ACCOUNT description: 'd' }",
             1'000 * hour, 1'000);
    for (Fact& fact : facts) {
      SetTimestamp(fact.event.mutable_obligation_agreed()->mutable_end_time(),
                   At("2026-03-01") + hour * 3'600 * kMicrosPerSecond);
    }
    ASSERT_TRUE(account.ledger().Submit(facts).ok()) << hour;
    EXPECT_LE(account.state().items.size(), 5'000u) << hour;
    // Four hundred days after their end.
    const std::string moved = fmt::format("issue_moved {{ issue_id: '%' state: {} note: 'n' }}",
                                          hour % 2 == 1 ? "ISSUE_STATE_RESOLVED" : "ISSUE_STATE_OPEN");
    ASSERT_EQ(account.Do(fmt::format("2027-04-05T0{}:00:00Z", hour), moved), "ok");
  }
}

TEST(Loans, AreOutUntilAllHasComeBack) {
  ItemLedger account;
  const auto back = [&](int quantity) {
    return account.Do("2026-01-03", "loan_returned { loan_id: 'L' quantity: " + std::to_string(quantity) + " }");
  };
  ASSERT_EQ(account.Do("2026-01-02",
                       "loan_issued { loan_id: 'L' item: 'machine' quantity: 3 value { currency_code: "
                       "'USD' } due_time { seconds: 1800000000 } }"),
            "ok");
  EXPECT_EQ(back(4), "must be at most 3, which is what is out");
  EXPECT_EQ(account.reason(), Reason::kInvalidField);
  EXPECT_EQ(account.field(), "events[0].loan_returned.quantity");
  EXPECT_EQ(back(2), "ok");
  EXPECT_EQ(account.StateOf(ItemKind::kLoan, "L"), "out");
  EXPECT_EQ(back(2), "must be at most 1, which is what is out");
  EXPECT_EQ(back(1), "ok");
  EXPECT_EQ(back(1), "no loan 'L' is open on the account; possible is issued");
}

TEST(PlannedInteractions, AreMadeMissedOrPutOff) {
  ItemLedger account;
  const std::string plan =
      "interaction_planned { interaction_id: 'v' kind: INTERACTION_KIND_VISIT people: 'km' "
      "purpose: 'p' start_time { seconds: 1770000000 } }";
  const auto made = [&](const std::string& kind) {
    return account.Do("2026-01-04",
                      "interaction_made { interaction_id: 'v' people: 'km' purpose: 'p' preparation: 'p' "
                      "result: 'r' next_step { what: 'w' due_time { seconds: 1780000000 } } kind: "
                      "INTERACTION_KIND_" +
                          kind + " }");
  };
  EXPECT_EQ(made("VISIT"), "no interaction 'v' is open on the account; possible is planned");
  ASSERT_EQ(account.Do("2026-01-02", plan), "ok");
  EXPECT_EQ(account.Do("2026-01-02", plan), "interaction 'v' is open already; end it, or choose another id");
  EXPECT_EQ(account.Do("2026-01-03",
                       "interaction_missed { interaction_id: 'v' cause: MISSED_CAUSE_POSTPONED "
                       "new_start_time { seconds: 1771000000 } }"),
            "ok");
  EXPECT_EQ(account.StateOf(ItemKind::kInteraction, "v"), "planned");
  // 3,660 days and a second later.
  EXPECT_EQ(account.Do("2026-01-03",
                       "interaction_missed { interaction_id: 'v' cause: MISSED_CAUSE_POSTPONED "
                       "new_start_time { seconds: 2083622401 } }"),
            "must be at most 3660 days after occurred_time");
  EXPECT_EQ(account.field(), "events[0].interaction_missed.new_start_time");
  EXPECT_EQ(made("PHONE"),
            "is another than was planned under 'v', which is INTERACTION_KIND_VISIT; plan another, or record this one "
            "without interaction_id");
  EXPECT_EQ(account.field(), "events[0].interaction_made.kind");
  EXPECT_EQ(made("FIRST_VISIT"), "ok") << "a visit may turn out to be the first";
  EXPECT_EQ(account.StateOf(ItemKind::kInteraction, "v"), "");
  ASSERT_EQ(account.Do("2026-01-02", plan), "ok");
  EXPECT_EQ(account.Do("2026-01-03", "interaction_missed { interaction_id: 'v' cause: MISSED_CAUSE_OURS }"), "ok");
  EXPECT_EQ(account.StateOf(ItemKind::kInteraction, "v"), "");
}

TEST(Handovers, OrdersObligationsAndSanctionsOpenAndEnd) {
  ItemLedger account;
  const std::vector<std::pair<std::string, std::string>> steps = {
      {"handover_given { handover_id: 'x' from_person: 'a' to_person: 'b' what: 'w' }",
       "handover_acknowledged { handover_id: 'x' person: 'b' }"},
      {"order_placed { order_id: 'x' amount { currency_code: 'USD' } }",
       "order_ended { order_id: 'x' ending: ORDER_ENDING_DELIVERED }"},
      {"obligation_agreed { obligation_id: 'x' side: SIDE_COMPANY description: 'd' }",
       "obligation_ended { obligation_id: 'x' }"},
      {"sanction_imposed { sanction_id: 'x' violation_id: 'v' kind: 'reprimand' person: 'p' }",
       "sanction_lifted { sanction_id: 'x' reason: 'r' }"}};
  for (const auto& [open, end] : steps) {
    EXPECT_NE(account.Do("2026-01-02", end), "ok") << end;
    EXPECT_EQ(account.Do("2026-01-02", open), "ok") << open;
    EXPECT_NE(account.Do("2026-01-02", open), "ok") << open;
    EXPECT_EQ(account.Do("2026-01-03", end), "ok") << end;
    EXPECT_TRUE(account.state().items.empty());
  }
}

TEST(Contracts, ThatAreBreachedAreSettledOrEndedAndNotRenewed) {
  ItemLedger account;
  const auto renew = [&] {
    return account.Do("2026-02-01", "contract_renewed { contract_id: 'C' end_time { seconds: 1900000000 } }");
  };
  const std::string breach = "contract_breached { contract_id: 'C' side: SIDE_ACCOUNT description: 'd' }";
  const std::string amend = "contract_amended { contract_id: 'C' description: 'd' end_time { seconds: 1790000000 } }";
  EXPECT_EQ(account.Do("2026-01-02", breach), "no contract 'C' runs on the account; sign it first");
  EXPECT_EQ(account.reason(), Reason::kContractNotOpen);
  EXPECT_EQ(account.Do("2026-01-02", amend), "no contract 'C' runs on the account; sign it first");
  ASSERT_EQ(account.Do("2026-01-02",
                       "contract_signed { contract_id: 'C' start_time { seconds: 1767000000 } end_time { "
                       "seconds: 1800000000 } }"),
            "ok");
  ASSERT_EQ(account.Do("2026-01-03", breach), "ok");
  EXPECT_EQ(account.Do("2026-01-04", breach), "ok") << "broken again";
  EXPECT_EQ(renew(), "contract 'C' is breached: 'renewed' is not possible; possible are amended, breached, ended");
  EXPECT_EQ(account.reason(), Reason::kStepNotAllowed);
  EXPECT_EQ(account.metadata(),
            "item=contract;item_id=C;state=breached;step=renewed;legal_steps=amended, breached, ended;");
  EXPECT_EQ(account.Do("2026-01-05", amend), "ok");
  EXPECT_EQ(account.state().contracts.at("C"), (Contract{1'790'000'000 * kMicrosPerSecond, false}))
      << "settled, and it ends earlier";
  EXPECT_EQ(renew(), "ok");
  ASSERT_EQ(account.Do("2026-02-02", breach), "ok");
  EXPECT_EQ(account.Do("2026-02-03", "contract_ended { contract_id: 'C' ending: CONTRACT_ENDING_BREACHED }"), "ok");
  EXPECT_TRUE(account.state().contracts.empty());
}

TEST(Referrals, AreNotConvertedIntoTheAccountItself) {
  ItemLedger account;
  EXPECT_EQ(account.Do("2026-01-02", "referral_converted { referral_id: 'r' account_id: 'acme' }"),
            "is the account itself; nobody refers himself");
  EXPECT_EQ(account.field(), "events[0].referral_converted.account_id");
  EXPECT_EQ(account.Do("2026-01-02", "referral_converted { referral_id: 'r' account_id: 'other' }"), "ok");
}

TEST(AsOf, FoldsLeaveItemsOutAndTakeScores) {
  const auto record = [](uint64_t revision, const Event& event) {
    events::v1::EventRecord out;
    out.set_revision(revision);
    *out.mutable_event() = event;
    SetTimestamp(out.mutable_occurred_time(), At("2026-01-02"));
    return out;
  };
  // A step without its opening, which may lie beyond the moment asked for.
  const std::vector<events::v1::EventRecord> records = {
      record(0, AccountLedger::Open(At("2026-01-01")).event),
      record(3, EventOf("issue_moved { issue_id: 'I' state: ISSUE_STATE_RESOLVED }")),
      record(4, EventOf("commission_paid { commission_id: 'C' contact_id: 'li' }")),
      record(5, EventOf("contract_amended { contract_id: 'K' }")),
      record(6, EventOf("score_stated { score_id: 'strategic_score' value: 80 }"))};
  AccountState measured, standing;
  for (const auto& each : records) {
    EXPECT_TRUE(FoldMeasured(measured, each, At("2026-02-01")).ok());
    EXPECT_TRUE(FoldForStanding(standing, each, At("2026-02-01")).ok());
  }
  EXPECT_EQ(measured.facts.at("strategic_score"), "80");
  EXPECT_EQ(standing.facts.at("strategic_score"), "80");
  EXPECT_TRUE(standing.items.empty());

  const std::vector<ValueSource> sources = {{events::v1::METRIC_FACT, "strategic_score", "", std::nullopt}};
  ContributionFinder finder(sources, 10);
  for (const auto& each : records) finder.Observe(each);
  const std::vector<Contributions> found = std::move(finder).Take();
  ASSERT_EQ(found[0].largest.size(), 1u);
  EXPECT_EQ(found[0].largest[0].revision, 6u);
  EXPECT_EQ(found[0].largest[0].amount, 80);
}

TEST(Corrupted, StepsDoNotFold) {
  AccountState opened;
  ASSERT_TRUE(Evolve(opened, AccountLedger::Open(At("2026-01-01")).event, At("2026-01-01")).ok());
  const auto fold = [&](const std::vector<std::string>& texts) {
    AccountState state = opened;
    absl::Status status;
    for (const std::string& text : texts) {
      EXPECT_TRUE(status.ok()) << status;
      status = Evolve(state, EventOf(text), At("2026-01-02"));
    }
    return MessageOf(status);
  };
  EXPECT_EQ(fold({"order_ended { order_id: 'x' ending: ORDER_ENDING_DELIVERED }"}),
            "the record at revision 1 does not fold: a step of an item that is not open");
  EXPECT_EQ(fold({"plan_drafted { plan_id: 'x' }", "plan_reviewed { plan_id: 'x' }"}),
            "the record at revision 2 does not fold: a step that the state of the item does not allow");
  EXPECT_EQ(fold({"plan_drafted { plan_id: 'x' }", "plan_drafted { plan_id: 'x' }"}),
            "the record at revision 2 does not fold: a step that the state of the item does not allow");
  EXPECT_EQ(fold({"loan_issued { loan_id: 'x' quantity: 1 }", "loan_returned { loan_id: 'x' quantity: 2 }"}),
            "the record at revision 2 does not fold: more than was left of an entitlement or a loan");
  EXPECT_EQ(fold({"contract_breached { contract_id: 'x' }"}),
            "the record at revision 1 does not fold: a step of a contract that does not run");
  EXPECT_EQ(fold({"contract_signed { contract_id: 'x' }", "contract_breached { contract_id: 'x' }",
                  "contract_renewed { contract_id: 'x' }"}),
            "the record at revision 3 does not fold: a step that the state of the contract does not allow");
}

}  // namespace
}  // namespace keyledger::domain

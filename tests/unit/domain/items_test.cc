// The machines of items: every step of every state, against tables written out here.
#include "server/domain/items.h"

#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tests/unit/domain/fact_text.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;

// By state ("" before it is open), then step: where it leads, "0" for its end; several where the item decides.
using Table = std::map<std::string, std::map<std::string, std::set<std::string>>>;

const std::vector<ItemKind> kKinds = {
    ItemKind::kInteraction, ItemKind::kOpportunity, ItemKind::kQuote,      ItemKind::kIssue,   ItemKind::kPlan,
    ItemKind::kPromise,     ItemKind::kEntitlement, ItemKind::kObligation, ItemKind::kLoan,    ItemKind::kCommission,
    ItemKind::kHandover,    ItemKind::kOrder,       ItemKind::kSanction,   ItemKind::kContract};

const std::set<std::string> kEnd = {"0"};
const std::set<std::string> kOffer = {"approved", "in_approval"};
const std::set<std::string> kClearance = {"entered", "cleared"};

const std::map<ItemKind, Table>& Expected() {
  static const std::map<ItemKind, Table> tables = {
      {ItemKind::kInteraction,
       {{"", {{"planned", {"planned"}}}}, {"planned", {{"made", kEnd}, {"missed", kEnd}, {"postponed", {"planned"}}}}}},
      {ItemKind::kOpportunity,
       {{"", {{"opened", {"lead"}}}},
        {"lead", {{"lead", {"lead"}}, {"qualified", {"qualified"}}, {"lost", kEnd}, {"dropped", kEnd}}},
        {"qualified",
         {{"lead", {"lead"}},
          {"qualified", {"qualified"}},
          {"solution", {"solution"}},
          {"lost", kEnd},
          {"dropped", kEnd}}},
        {"solution",
         {{"qualified", {"qualified"}},
          {"solution", {"solution"}},
          {"negotiation", {"negotiation"}},
          {"lost", kEnd},
          {"dropped", kEnd}}},
        {"negotiation",
         {{"solution", {"solution"}},
          {"negotiation", {"negotiation"}},
          {"won", kEnd},
          {"lost", kEnd},
          {"dropped", kEnd}}}}},
      {ItemKind::kQuote,
       {{"", {{"proposed", kOffer}}},
        {"in_approval",
         {{"approval_requested", {"in_approval"}},
          {"approval_given", {"approved"}},
          {"approval_refused", {"refused"}},
          {"revised", kOffer},
          {"withdrawn", kEnd}}},
        {"approved", {{"entered", {"entered"}}, {"revised", kOffer}, {"withdrawn", kEnd}, {"expired", kEnd}}},
        {"refused", {{"revised", kOffer}, {"withdrawn", kEnd}}},
        {"entered",
         {{"product_cleared", kClearance},
          {"legal_cleared", kClearance},
          {"finance_cleared", kClearance},
          {"revised", kOffer},
          {"withdrawn", kEnd},
          {"expired", kEnd}}},
        {"cleared", {{"issued", {"issued"}}, {"revised", kOffer}, {"withdrawn", kEnd}, {"expired", kEnd}}},
        {"issued",
         {{"confirmed", {"confirmed"}},
          {"revised", kOffer},
          {"withdrawn", kEnd},
          {"declined", kEnd},
          {"expired", kEnd}}},
        {"confirmed", {{"payment_met", {"payment_met"}}, {"withdrawn", kEnd}, {"declined", kEnd}}},
        {"payment_met", {{"conditions_met", {"conditions_met"}}}},
        {"conditions_met", {{"production_started", kEnd}}}}},
      {ItemKind::kIssue,
       {{"", {{"opened", {"open"}}}},
        {"open",
         {{"answered", {"answered"}}, {"escalated", {"escalated"}}, {"resolved", {"resolved"}}, {"withdrawn", kEnd}}},
        {"answered", {{"escalated", {"escalated"}}, {"resolved", {"resolved"}}, {"withdrawn", kEnd}}},
        {"escalated", {{"answered", {"answered"}}, {"resolved", {"resolved"}}, {"withdrawn", kEnd}}},
        {"resolved", {{"open", {"open"}}, {"closed", kEnd}}}}},
      {ItemKind::kPlan,
       {{"", {{"drafted", {"draft"}}}},
        {"draft", {{"agreed", {"agreed"}}, {"ended", kEnd}}},
        {"agreed", {{"agreed", {"agreed"}}, {"reviewed", {"agreed"}}, {"ended", kEnd}}}}},
      {ItemKind::kPromise,
       {{"", {{"published", {"open"}}}},
        {"open", {{"kept", {"open", "0"}}, {"broken", {"open", "0"}}, {"withdrawn", kEnd}}}}},
      {ItemKind::kEntitlement, {{"", {{"granted", {"open"}}}}, {"open", {{"used", {"open"}}, {"revoked", kEnd}}}}},
      {ItemKind::kObligation, {{"", {{"agreed", {"open"}}}}, {"open", {{"ended", kEnd}}}}},
      {ItemKind::kLoan, {{"", {{"issued", {"out"}}}}, {"out", {{"returned", {"out", "0"}}}}}},
      {ItemKind::kCommission, {{"", {{"accrued", {"open"}}}}, {"open", {{"paid", kEnd}, {"refused", kEnd}}}}},
      {ItemKind::kHandover, {{"", {{"given", {"open"}}}}, {"open", {{"acknowledged", kEnd}}}}},
      {ItemKind::kOrder, {{"", {{"placed", {"open"}}}}, {"open", {{"delivered", kEnd}, {"cancelled", kEnd}}}}},
      {ItemKind::kSanction, {{"", {{"imposed", {"open"}}}}, {"open", {{"lifted", kEnd}}}}},
      {ItemKind::kContract,
       {{"", {{"signed", {"running"}}}},
        {"running", {{"renewed", {"running"}}, {"amended", {"running"}}, {"breached", {"breached"}}, {"ended", kEnd}}},
        {"breached", {{"amended", {"running"}}, {"breached", {"breached"}}, {"ended", kEnd}}}}},
  };
  return tables;
}

std::string NameOf(ItemKind kind, uint8_t state, const std::string& none) {
  return state == 0 ? none : std::string(StateName(kind, state));
}

TEST(Machines, AllowInEveryStateTheStepsWrittenDownAndNoOthers) {
  for (const ItemKind kind : kKinds) {
    Table actual;
    for (const Transition& row : TransitionsOf(kind)) {
      EXPECT_TRUE(actual[NameOf(kind, row.from, "")][std::string(StepName(kind, row.step))]
                      .insert(NameOf(kind, row.to, "0"))
                      .second)
          << KindName(kind) << ": a row stands twice";
    }
    EXPECT_EQ(actual, Expected().at(kind)) << KindName(kind);
  }
}

TEST(Machines, ReachEveryStateAndEndFromEveryState) {
  for (const ItemKind kind : kKinds) {
    std::set<uint8_t> states;
    for (const Transition& row : TransitionsOf(kind)) states.insert({row.from, row.to});
    std::set<uint8_t> reached = {0};
    std::set<uint8_t> ends = {0};
    for (size_t i = 0; i < states.size(); ++i) {
      for (const Transition& row : TransitionsOf(kind)) {
        if (reached.contains(row.from)) reached.insert(row.to);
        if (ends.contains(row.to)) ends.insert(row.from);
      }
    }
    EXPECT_EQ(reached, states) << KindName(kind);
    EXPECT_EQ(ends, states) << KindName(kind);
  }
}

TEST(Machines, NameTheStepsOfAStateOnceInOrder) {
  const auto names = [](ItemKind kind, uint8_t state) {
    return fmt::format("{}", fmt::join(LegalSteps(kind, state), " "));
  };
  EXPECT_EQ(names(ItemKind::kQuote, 0), "proposed");
  EXPECT_EQ(names(ItemKind::kQuote, quote_state::kCleared), "issued revised withdrawn expired");
  EXPECT_EQ(names(ItemKind::kQuote, quote_state::kEntered),
            "product_cleared legal_cleared finance_cleared revised withdrawn expired");
  EXPECT_EQ(names(ItemKind::kPromise, 1), "kept broken withdrawn");
  EXPECT_EQ(names(ItemKind::kLoan, 1), "returned");
}

TEST(Machines, AreNamedAsInTheProtocol) {
  std::vector<std::string_view> names;
  for (const ItemKind kind : kKinds) names.push_back(KindName(kind));
  EXPECT_EQ(fmt::format("{}", fmt::join(names, " ")),
            "interaction opportunity quote issue plan promise entitlement obligation loan commission handover order "
            "sanction contract");
  EXPECT_EQ(StateName(ItemKind::kOpportunity, events::v1::OPPORTUNITY_STAGE_NEGOTIATION), "negotiation");
  EXPECT_EQ(StateName(ItemKind::kIssue, events::v1::ISSUE_STATE_RESOLVED), "resolved");
  EXPECT_EQ(StepName(ItemKind::kQuote, events::v1::QUOTE_STEP_FINANCE_CLEARED), "finance_cleared");
}

// Which step of which item an event is: "kind id step", and " opens" where it does.
std::string StepText(const std::string& text) {
  const Event event = EventOf(text);
  const auto step = ItemStepOf(event);
  if (!step.has_value()) return "none";
  return fmt::format("{} {} {}{}", KindName(step->kind), step->item_id, StepName(step->kind, step->step),
                     Opens(*step) ? " opens" : "");
}

TEST(ItemSteps, AreReadFromEvents) {
  EXPECT_EQ(StepText("interaction_planned { interaction_id: 'v' }"), "interaction v planned opens");
  EXPECT_EQ(StepText("interaction_made { interaction_id: 'v' }"), "interaction v made");
  EXPECT_EQ(StepText("interaction_made { kind: INTERACTION_KIND_PHONE }"), "none");
  EXPECT_EQ(StepText("interaction_missed { interaction_id: 'v' cause: MISSED_CAUSE_ACCOUNT }"), "interaction v missed");
  EXPECT_EQ(StepText("interaction_missed { interaction_id: 'v' cause: MISSED_CAUSE_POSTPONED }"),
            "interaction v postponed");
  EXPECT_EQ(StepText("handover_given { handover_id: 'h' }"), "handover h given opens");
  EXPECT_EQ(StepText("handover_acknowledged { handover_id: 'h' }"), "handover h acknowledged");
  EXPECT_EQ(StepText("opportunity_opened { opportunity_id: 'o' }"), "opportunity o opened opens");
  EXPECT_EQ(StepText("opportunity_moved { opportunity_id: 'o' stage: OPPORTUNITY_STAGE_DROPPED }"),
            "opportunity o dropped");
  EXPECT_EQ(StepText("quote_proposed { quote_id: 'q' }"), "quote q proposed opens");
  EXPECT_EQ(StepText("quote_revised { quote_id: 'q' }"), "quote q revised");
  EXPECT_EQ(StepText("quote_approval_requested { quote_id: 'q' }"), "quote q approval_requested");
  EXPECT_EQ(StepText("quote_approval_given { quote_id: 'q' }"), "quote q approval_given");
  EXPECT_EQ(StepText("quote_approval_refused { quote_id: 'q' }"), "quote q approval_refused");
  EXPECT_EQ(StepText("quote_moved { quote_id: 'q' step: QUOTE_STEP_PRODUCTION_STARTED }"),
            "quote q production_started");
  EXPECT_EQ(StepText("order_placed { order_id: 'r' }"), "order r placed opens");
  EXPECT_EQ(StepText("order_ended { order_id: 'r' ending: ORDER_ENDING_DELIVERED }"), "order r delivered");
  EXPECT_EQ(StepText("order_ended { order_id: 'r' ending: ORDER_ENDING_CANCELLED }"), "order r cancelled");
  EXPECT_EQ(StepText("payment_received { quote_id: 'q' }"), "none") << "a mark, but no step";
  EXPECT_EQ(StepText("issue_opened { issue_id: 'i' }"), "issue i opened opens");
  EXPECT_EQ(StepText("issue_moved { issue_id: 'i' state: ISSUE_STATE_OPEN }"), "issue i open");
  EXPECT_EQ(StepText("loan_issued { loan_id: 'l' }"), "loan l issued opens");
  EXPECT_EQ(StepText("loan_returned { loan_id: 'l' }"), "loan l returned");
  EXPECT_EQ(StepText("commission_accrued { commission_id: 'c' }"), "commission c accrued opens");
  EXPECT_EQ(StepText("commission_paid { commission_id: 'c' }"), "commission c paid");
  EXPECT_EQ(StepText("commission_paid { contact_id: 'li' }"), "none");
  EXPECT_EQ(StepText("commission_refused { commission_id: 'c' }"), "commission c refused");
  EXPECT_EQ(StepText("commission_refused { contact_id: 'li' }"), "none");
}

TEST(ItemSteps, AreReadFromAgreements) {
  EXPECT_EQ(StepText("promise_published { promise_id: 'p' }"), "promise p published opens");
  EXPECT_EQ(StepText("promise_kept { promise_id: 'p' }"), "promise p kept");
  EXPECT_EQ(StepText("promise_broken { promise_id: 'p' }"), "promise p broken");
  EXPECT_EQ(StepText("promise_withdrawn { promise_id: 'p' }"), "promise p withdrawn");
  EXPECT_EQ(StepText("plan_drafted { plan_id: 'n' }"), "plan n drafted opens");
  EXPECT_EQ(StepText("plan_agreed { plan_id: 'n' }"), "plan n agreed");
  EXPECT_EQ(StepText("plan_reviewed { plan_id: 'n' }"), "plan n reviewed");
  EXPECT_EQ(StepText("plan_ended { plan_id: 'n' }"), "plan n ended");
  EXPECT_EQ(StepText("entitlement_granted { entitlement_id: 'e' }"), "entitlement e granted opens");
  EXPECT_EQ(StepText("entitlement_used { entitlement_id: 'e' }"), "entitlement e used");
  EXPECT_EQ(StepText("entitlement_revoked { entitlement_id: 'e' }"), "entitlement e revoked");
  EXPECT_EQ(StepText("obligation_agreed { obligation_id: 'b' }"), "obligation b agreed opens");
  EXPECT_EQ(StepText("obligation_ended { obligation_id: 'b' }"), "obligation b ended");
  EXPECT_EQ(StepText("sanction_imposed { sanction_id: 's' }"), "sanction s imposed opens");
  EXPECT_EQ(StepText("sanction_lifted { sanction_id: 's' }"), "sanction s lifted");
  EXPECT_EQ(StepText("contract_signed { contract_id: 'k' }"), "contract k signed opens");
  EXPECT_EQ(StepText("contract_renewed { contract_id: 'k' }"), "contract k renewed");
  EXPECT_EQ(StepText("contract_amended { contract_id: 'k' }"), "contract k amended");
  EXPECT_EQ(StepText("contract_breached { contract_id: 'k' }"), "contract k breached");
  EXPECT_EQ(StepText("contract_ended { contract_id: 'k' }"), "contract k ended");
  EXPECT_EQ(StepText("violation_recorded { violation_id: 'x' }"), "none");
  EXPECT_EQ(StepText("need_stated { need_id: 'x' }"), "none");
}

TEST(ItemSteps, SayWhatTheItemIsDecidedBy) {
  OpenItem item;
  ASSERT_TRUE(TakeStep(EventOf("entitlement_granted { entitlement_id: 'e' quantity: 3 end_time { seconds: 90 } }"),
                       50'000'000, item));
  EXPECT_EQ(item, (OpenItem{1, 0, 3, "", "", 50'000'000, 90'000'000}));
  ASSERT_TRUE(TakeStep(EventOf("entitlement_used { entitlement_id: 'e' quantity: 2 }"), 60'000'000, item));
  EXPECT_EQ(item.amount, 1);
  const OpenItem before = item;
  EXPECT_FALSE(TakeStep(EventOf("entitlement_granted { entitlement_id: 'e' }"), 60'000'000, item));
  EXPECT_EQ(item, before) << "a step that is not allowed changes nothing";

  OpenItem quote;
  ASSERT_TRUE(
      TakeStep(EventOf("quote_proposed { quote_id: 'q' proposer: 'anna' percent_milli: 12500 needs_approval: true }"),
               70'000'000, quote));
  EXPECT_EQ(quote, (OpenItem{quote_state::kInApproval, 0, 12'500, "", "anna", 70'000'000}));
}

TEST(ItemSteps, ForgetWhatHasAnEndFourHundredDaysAfterIt) {
  OpenItem item;
  EXPECT_FALSE(IsPastItsEnd(item, kNever)) << "it has no end";
  item.end = 100 * kMicrosPerDay;
  EXPECT_FALSE(IsPastItsEnd(item, 500 * kMicrosPerDay - 1));
  EXPECT_TRUE(IsPastItsEnd(item, 500 * kMicrosPerDay));
}

}  // namespace
}  // namespace keyledger::domain

// What closed and merged accounts still take.
#include "server/domain/item_guards.h"

#include "server/domain/event_kinds.h"
#include "tests/unit/domain/item_ledger.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;

// Kinds of fact, without any content, that an account in this lifecycle does not take.
std::vector<std::string> NotTaken(Lifecycle lifecycle) {
  AccountState state;
  state.lifecycle = lifecycle;
  std::vector<std::string> names;
  for (int i = 0; i < Event::descriptor()->field_count(); ++i) {
    const auto* payload = Event::descriptor()->field(i);
    if (!IsFactKind(payload->number())) continue;
    Event event;
    event.GetReflection()->MutableMessage(&event, payload);
    if (!TakenWhen(state, event)) names.push_back(payload->name());
  }
  return names;
}

TEST(TakenWhen, AnAccountIsOpenIsEverything) { EXPECT_EQ(NotTaken(Lifecycle::kOpen), std::vector<std::string>()); }

TEST(TakenWhen, AnAccountIsClosedIsNothingThatBeginsSomethingNew) {
  EXPECT_EQ(NotTaken(Lifecycle::kClosed),
            (std::vector<std::string>{"opportunity_opened", "quote_proposed", "order_placed", "plan_drafted",
                                      "entitlement_granted", "loan_issued", "commission_accrued"}))
      << "what else is refused is refused where it is decided";
}

TEST(TakenWhen, AnAccountIsMergedIsWhatEndsOrMovesWhatIsOpen) {
  std::vector<std::string> taken;
  const std::vector<std::string> refused = NotTaken(Lifecycle::kMerged);
  for (int i = 0; i < Event::descriptor()->field_count(); ++i) {
    const auto* payload = Event::descriptor()->field(i);
    if (!IsFactKind(payload->number())) continue;
    if (std::find(refused.begin(), refused.end(), payload->name()) == refused.end()) taken.push_back(payload->name());
  }
  EXPECT_EQ(taken, (std::vector<std::string>{"contract_renewed",
                                             "contract_ended",
                                             "owner_released",
                                             "owner_transferred",
                                             "interaction_missed",
                                             "fact_retracted",
                                             "contract_amended",
                                             "contract_breached",
                                             "opportunity_moved",
                                             "quote_revised",
                                             "quote_approval_requested",
                                             "quote_approval_given",
                                             "quote_approval_refused",
                                             "quote_moved",
                                             "order_ended",
                                             "issue_moved",
                                             "promise_kept",
                                             "promise_broken",
                                             "promise_withdrawn",
                                             "plan_agreed",
                                             "plan_reviewed",
                                             "plan_ended",
                                             "entitlement_used",
                                             "entitlement_revoked",
                                             "loan_returned",
                                             "handover_acknowledged",
                                             "obligation_ended",
                                             "sanction_lifted",
                                             "account_merged"}))
      << "a second merge is refused where merges are decided";
  AccountState merged;
  merged.lifecycle = Lifecycle::kMerged;
  merged.items[{ItemKind::kQuote, "Q"}].state = quote_state::kConfirmed;
  EXPECT_TRUE(TakenWhen(merged, EventOf("commission_paid { commission_id: 'C' }")));
  EXPECT_FALSE(TakenWhen(merged, EventOf("commission_paid { contact_id: 'li' }")));
  EXPECT_TRUE(TakenWhen(merged, EventOf("interaction_made { interaction_id: 'v' }")));
  EXPECT_FALSE(TakenWhen(merged, EventOf("interaction_made { purpose: 'p' }")));
  EXPECT_TRUE(TakenWhen(merged, EventOf("payment_received { quote_id: 'Q' }")));
  EXPECT_TRUE(TakenWhen(merged, EventOf("payment_exception_granted { quote_id: 'Q' }")));
  EXPECT_FALSE(TakenWhen(merged, EventOf("payment_received { quote_id: 'R' }"))) << "none of that id is open";
  EXPECT_FALSE(TakenWhen(merged, EventOf("payment_received { method: 'cash' }")));
}

TEST(ClosedAccounts, FinishWhatIsOpenAndBeginNothing) {
  ItemLedger account;
  const std::string open = "opportunity_opened { opportunity_id: 'O' description: 'd' }";
  ASSERT_EQ(account.Do("2026-01-02", open), "ok");
  ASSERT_EQ(account.Do("2026-01-02",
                       "commission_accrued { commission_id: 'C' contact_id: 'li' amount { currency_code: "
                       "'USD' micros: 5 } }"),
            "ok");
  ASSERT_EQ(account.Submit(AccountLedger::Close(At("2026-01-03"))), "ok");
  EXPECT_EQ(account.Do("2026-01-04", "opportunity_opened { opportunity_id: 'P' description: 'd' }"),
            "the account is closed; reopen it first");
  EXPECT_EQ(account.reason(), Reason::kAccountClosed);
  EXPECT_EQ(account.Do("2026-01-04", "opportunity_moved { opportunity_id: 'O' stage: OPPORTUNITY_STAGE_QUALIFIED }"),
            "ok");
  EXPECT_EQ(account.Do("2026-01-04", "issue_opened { issue_id: 'I' kind: ISSUE_KIND_COMPLAINT description: 'd' }"),
            "ok");
  EXPECT_EQ(account.Do("2026-01-04", "interaction_made { kind: INTERACTION_KIND_PHONE people: 'km' }"), "ok");
  EXPECT_EQ(account.Do("2026-01-04",
                       "commission_paid { commission_id: 'C' contact_id: 'li' amount { currency_code: "
                       "'USD' micros: 5 } }"),
            "ok")
      << "what is owed is paid";
  ASSERT_EQ(account.Submit(AccountLedger::Reopen(At("2026-01-05"))), "ok");
  EXPECT_EQ(account.Do("2026-01-05", "opportunity_opened { opportunity_id: 'P' description: 'd' }"), "ok");
}

TEST(MergedAccounts, NameTheAccountThatTakesWhatTheyDoNot) {
  AccountState state;
  const Micros at = At("2026-01-02");
  ASSERT_TRUE(Evolve(state, AccountLedger::Open(At("2026-01-01")).event, At("2026-01-01")).ok());
  ASSERT_TRUE(Evolve(state, EventOf("issue_opened { issue_id: 'I' }"), at).ok());
  state.lifecycle = Lifecycle::kMerged;
  state.merge = {"acme", Lifecycle::kOpen, true};
  const ProgramSet programs;
  const auto decide = [&](const std::string& text) {
    DecideInput input;
    input.account_id = "acme-2";
    input.facts = {FactOf(at, text)};
    return Decide(state, input, programs).status();
  };
  const absl::Status refused = decide("need_stated { need_id: 'n' description: 'd' }");
  EXPECT_EQ(MessageOf(refused), "events[0]: the account was merged into 'acme'; append to that");
  EXPECT_EQ(ReasonOf(refused), Reason::kAccountMerged);
  ASSERT_EQ(MetadataOf(refused).size(), 1u);
  EXPECT_EQ(MetadataOf(refused)[0], (std::pair<std::string, std::string>("into_account_id", "acme")));
  EXPECT_TRUE(decide("issue_moved { issue_id: 'I' state: ISSUE_STATE_RESOLVED note: 'n' }").ok());
}

}  // namespace
}  // namespace keyledger::domain

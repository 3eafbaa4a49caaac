// Verbs that record one fact: every option becomes the field it is for, and every field has an option.
#include "client/cli/fact_verb.h"

#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/app.h"
#include "client/cli/command.h"
#include "keyledger/events/v1/field.pb.h"
#include "keyledger/ledger/v1/ledger_service.grpc.pb.h"
#include "tests/unit/cli/taking_ledger.h"

namespace keyledger::cli {
namespace {

using ::testing::HasSubstr;

std::vector<FactVerb> AllVerbs() {
  std::vector<FactVerb> all;
  for (const std::vector<FactVerb>& verbs :
       {PeopleVerbs(), InteractionVerbs(), DealVerbs(), AgreementVerbs(), CareVerbs()}) {
    all.insert(all.end(), verbs.begin(), verbs.end());
  }
  return all;
}

// Splits a command line as a shell does, for words in double quotes and without.
std::vector<std::string> Words(std::string_view line) {
  std::vector<std::string> words;
  bool quoted = false;
  bool open = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
      if (!open) words.emplace_back();
      open = true;
    } else if (c == ' ' && !quoted) {
      open = false;
    } else {
      if (!open) words.emplace_back();
      open = true;
      words.back() += c;
    }
  }
  return words;
}

TEST(FactVerbs, GiveEveryFieldThatAClientMaySet) {
  std::set<std::string> given;
  for (const FactVerb& verb : AllVerbs()) {
    for (const FactFlag& flag : verb.flags) given.insert(std::string(verb.payload) + "." + std::string(flag.path));
    for (const FactConstant& constant : verb.constants) {
      given.insert(std::string(verb.payload) + "." + std::string(constant.path));
    }
  }
  // `fact retract` reads the record instead.
  for (const char* field : {"revision", "position", "kind", "reason"}) {
    given.insert(std::string("fact_retracted.") + field);
  }
  int facts = 0;
  const auto* event = ev::Event::descriptor();
  for (int i = 0; i < event->field_count(); ++i) {
    const auto* payload = event->field(i);
    if ((payload->number() < 34 || payload->number() > 49) && payload->number() < 100) continue;
    ++facts;
    for (int j = 0; j < payload->message_type()->field_count(); ++j) {
      const auto* field = payload->message_type()->field(j);
      if (field->options().GetExtension(ev::output_only)) continue;
      const std::string name = payload->name() + "." + field->name();
      EXPECT_TRUE(given.count(name) == 1 || given.count(name + ".what") == 1) << name;
    }
  }
  EXPECT_EQ(facts, 62);
}

TEST(FactVerbs, AreExplainedByExamplesThatWork) {
  for (const FactVerb& verb : AllVerbs()) {
    TakingLedger ledger;
    std::vector<std::string> line = Words(verb.example);
    line.insert(line.begin(), {std::string(verb.noun), std::string(verb.name)});
    const std::string event = ledger.Event(line);
    EXPECT_THAT(event, HasSubstr(std::string(verb.payload) + " {")) << verb.noun << " " << verb.name;
    EXPECT_FALSE(verb.description.empty());
  }
}

TEST(FactVerbs, RefuseALineWithoutWhatTheFactNeeds) {
  TakingLedger ledger;
  for (const FactVerb& verb : AllVerbs()) {
    EXPECT_EQ(ledger.Event({std::string(verb.noun), std::string(verb.name), "acme"}), "exit 2")
        << verb.noun << " " << verb.name;
  }
}

TEST(InteractionMake, RecordsTheInteractionAndWhatWasGivenOnTheOccasion) {
  TakingLedger ledger;
  EXPECT_EQ(
      ledger.Event({"interaction",
                    "make",
                    "acme",
                    "--kind",
                    "first-visit",
                    "--by",
                    "km-07",
                    "--by",
                    "km-08",
                    "--contact",
                    "buyer-1",
                    "--purpose",
                    "need",
                    "--preparation",
                    "list",
                    "--result",
                    "40",
                    "--next",
                    "offer",
                    "--next-by",
                    "2026-01-02",
                    "--next-kind",
                    "phone",
                    "--interest",
                    "high",
                    "--cost",
                    "12.5",
                    "--minutes",
                    "45",
                    "--gift",
                    "sample_pack:1:20",
                    "--gift",
                    "pen:2:3.50:buyer-2"}),
      "interaction_made { kind: INTERACTION_KIND_FIRST_VISIT people: \"km-07\" people: \"km-08\" contact_ids: "
      "\"buyer-1\" purpose: \"need\" preparation: \"list\" result: \"40\" next_step { what: \"offer\" due_time { "
      "seconds: 1767312000 } kind: INTERACTION_KIND_PHONE } interest: INTEREST_HIGH cost { currency_code: \"USD\" "
      "micros: 12500000 } our_minutes: 45 } "
      "gift_given { contact_id: \"buyer-1\" item: \"sample_pack\" quantity: 1 value { currency_code: \"USD\" micros: "
      "20000000 } } "
      "gift_given { contact_id: \"buyer-2\" item: \"pen\" quantity: 2 value { currency_code: \"USD\" micros: 3500000 } "
      "}");
}

TEST(InteractionMake, RefusesAGiftThatNobodyIsNamedFor) {
  TakingLedger ledger;
  EXPECT_EQ(ledger.Event({"interaction", "make", "acme", "--kind", "phone", "--by", "a", "--gift", "pen:1:2"}),
            "exit 2");
  EXPECT_EQ(ledger.Event({"interaction", "make", "acme", "--kind", "phone", "--by", "a", "--contact", "c", "--gift",
                          "pen:some:2"}),
            "exit 2");
}

TEST(QuotePropose, TakesTheDiscountInPercentOfThreeDecimals) {
  TakingLedger ledger;
  EXPECT_EQ(ledger.Event({"quote", "propose", "acme", "--id", "Q-7", "--proposer", "anna", "--role", "field_sales",
                          "--amount", "90000", "--discount", "12.5", "--parts", "100000", "--currency", "CNY"}),
            "quote_proposed { quote_id: \"Q-7\" proposer: \"anna\" proposer_role: \"field_sales\" amount { "
            "currency_code: \"CNY\" micros: 90000000000 } percent_milli: 12500 parts_amount { currency_code: \"CNY\" "
            "micros: 100000000000 } }");
  EXPECT_EQ(ledger.Event({"quote", "propose", "acme", "--id", "Q-7", "--proposer", "anna", "--role", "r", "--amount",
                          "1", "--discount", "12.3456"}),
            "exit 2");
}

TEST(OpportunityMove, TakesTheChanceInPercentOfOneDecimal) {
  TakingLedger ledger;
  EXPECT_EQ(ledger.Event({"opportunity", "move", "acme", "--id", "O-1", "--stage", "lost", "--chance", "0",
                          "--competitor", "Rival", "--reason", "price"}),
            "opportunity_moved { opportunity_id: \"O-1\" stage: OPPORTUNITY_STAGE_LOST reason: \"price\" chance_milli: "
            "0 competitor: \"Rival\" }");
  EXPECT_EQ(ledger.Event({"opportunity", "move", "acme", "--id", "O-1", "--stage", "won", "--chance", "40.5"}),
            "opportunity_moved { opportunity_id: \"O-1\" stage: OPPORTUNITY_STAGE_WON chance_milli: 405 }");
  EXPECT_EQ(ledger.Event({"opportunity", "move", "acme", "--id", "O-1", "--stage", "closed"}), "exit 2");
}

TEST(PlanDraft, TakesTargetsAndForecastsInOneWordEach) {
  TakingLedger ledger;
  EXPECT_EQ(ledger.Event({"plan", "draft", "acme", "--id", "P", "--from", "2026-01-01", "--until", "2027-01-01",
                          "--what", "w", "--target", "units:120 vans:vans sold", "--target", "first", "--forecast",
                          "2026-01-01,2027-01-01,500", "--forecast", "2026-01-01,2027-01-01,,7"}),
            "plan_drafted { plan_id: \"P\" start_time { seconds: 1767225600 } end_time { seconds: 1798761600 } "
            "description: \"w\" targets { target_id: \"units\" description: \"vans sold\" value: 120 unit: \"vans\" } "
            "targets { target_id: \"first\" description: \"first\" } forecasts { start_time { seconds: 1767225600 } "
            "end_time { seconds: 1798761600 } revenue { currency_code: \"USD\" micros: 500000000 } } forecasts { "
            "start_time { seconds: 1767225600 } end_time { seconds: 1798761600 } units: 7 } }");
  for (const char* wrong :
       {"2026-01-01,2027-01-01", "soon,2027-01-01,5", "2026-01-01,2027-01-01,much", "2026-01-01,2027-01-01,5,some"}) {
    EXPECT_EQ(ledger.Event({"plan", "draft", "acme", "--id", "P", "--from", "2026-01-01", "--until", "2027-01-01",
                            "--what", "w", "--forecast", wrong}),
              "exit 2")
        << wrong;
  }
}

TEST(PlanReview, TakesHowATargetStands) {
  TakingLedger ledger;
  EXPECT_EQ(ledger.Event({"plan", "review", "acme", "--id", "P", "--note", "n", "--result", "units:on:70:as planned",
                          "--result", "first:off"}),
            "plan_reviewed { plan_id: \"P\" results { target_id: \"units\" value: 70 on_track: true note: \"as "
            "planned\" } results { target_id: \"first\" } note: \"n\" }");
  EXPECT_EQ(ledger.Event({"plan", "review", "acme", "--id", "P", "--note", "n", "--result", "units:maybe"}), "exit 2");
}

TEST(AccountScore, TakesKeyAndScoreByPlace) {
  TakingLedger ledger;
  EXPECT_EQ(ledger.Event({"account", "score", "acme", "strategic_score", "80", "--by", "anna"}),
            "score_stated { score_id: \"strategic_score\" value: 80 person: \"anna\" }");
  EXPECT_EQ(ledger.Event({"account", "score", "acme", "strategic_score", "high"}), "exit 2");
}

TEST(TenderRegister, SaysWhetherWeAreOnTheList) {
  TakingLedger ledger;
  EXPECT_EQ(ledger.Event({"tender", "register", "acme", "--list", "city", "--until", "2027-01-01"}),
            "tender_list_stated { list_id: \"city\" registered: true end_time { seconds: 1798761600 } }");
  EXPECT_EQ(ledger.Event({"tender", "leave", "acme", "--list", "city"}), "tender_list_stated { list_id: \"city\" }");
}

TEST(PurchaseRecord, NamesTheOrderTheBundleAndWhatItsPartsCost) {
  TakingLedger ledger;
  EXPECT_EQ(
      ledger.Event({"purchase", "record", "acme", "--order", "PO-1", "--line", "amount=9,single=10,bundle=set,cost=4"}),
      "purchase_recorded { lines { quantity: 1 amount { currency_code: \"USD\" micros: 9000000 } cost { "
      "currency_code: \"USD\" micros: 4000000 } single_amount { currency_code: \"USD\" micros: 10000000 } "
      "bundle_id: \"set\" } order_id: \"PO-1\" }");
}

TEST(FactRetract, ReadsPositionAndKindOfTheRecordByItself) {
  TakingLedger ledger;
  ev::EventRecord record;
  record.set_revision(41);
  record.set_position(1234);
  record.mutable_event()->mutable_need_stated()->set_need_id("n");
  ledger.Hold(record);
  EXPECT_EQ(ledger.Event({"fact", "retract", "acme", "--revision", "41", "--reason", "wrong account"}),
            "fact_retracted { revision: 41 position: 1234 kind: EVENT_KIND_NEED_STATED reason: \"wrong account\" }");
  EXPECT_EQ(ledger.Event({"fact", "retract", "acme", "--revision", "42", "--reason", "wrong account"}), "exit 4");
}

TEST(AccountMerge, TellsHowItEnded) {
  TakingLedger ledger;
  const std::vector<std::string> line{"account", "merge", "acme-2", "--into", "acme", "--reason", "twice"};
  const std::string fact = "account_merged { into_account_id: \"acme\" reason: \"twice\" }";
  ev::EventRecord end;
  end.set_revision(41);
  end.mutable_event()->mutable_account_merge_completed()->set_into_account_id("acme");
  ledger.Hold(end);
  EXPECT_EQ(ledger.Event(line), fact);
  EXPECT_THAT(ledger.out(), HasSubstr("merged into acme\n"));
  end.mutable_event()->mutable_account_merge_returned()->set_into_account_id("acme");
  end.mutable_event()->mutable_account_merge_returned()->set_refusal("ACCOUNT_CLOSED");
  ledger.Hold(end);
  EXPECT_EQ(ledger.Event(line), fact);
  EXPECT_THAT(ledger.out(), HasSubstr("not merged: account acme refused with account_closed; all is as it was before"));
  // Something else comes first, and nothing after it for as long as is waited.
  end.mutable_event()->mutable_points_expired();
  ledger.Hold(end);
  std::vector<std::string> waiting = line;
  waiting.insert(waiting.end(), {"--wait", "1"});
  EXPECT_EQ(ledger.Event(waiting), fact);
  EXPECT_THAT(ledger.err(), HasSubstr("still under way; the ledger goes on: keyledger account get acme-2"));
  waiting.back() = "0";
  EXPECT_EQ(ledger.Event(waiting), fact);
  EXPECT_EQ(ledger.err(), "");
}

TEST(Advice, NamesThePossibleStepsAndWhatIsMissing) {
  TakingLedger ledger;
  ledger.Refuse("STEP_NOT_ALLOWED", {{"legal_steps", "issued,revised,withdrawn"}});
  EXPECT_EQ(ledger.Event({"quote", "move", "acme", "--id", "Q-7", "--step", "payment-met", "--person", "p"}), "exit 6");
  EXPECT_THAT(ledger.err(), HasSubstr("do:     take one of the steps that are possible: issued,revised,withdrawn"));
  ledger.Refuse("ACCOUNT_MERGED", {{"into_account_id", "acme-1"}});
  EXPECT_EQ(ledger.Event({"promise", "keep", "acme", "--id", "P"}), "exit 6");
  EXPECT_THAT(ledger.err(), HasSubstr("do:     record it on the account that goes on: acme-1"));
  ledger.Refuse("ACCOUNT_NOT_FOUND", {{"into_account_id", "acme-1"}});
  EXPECT_EQ(ledger.Event({"promise", "keep", "acme", "--id", "P"}), "exit 6");
  EXPECT_THAT(ledger.err(), HasSubstr("do:     ask for the account that goes on: acme-1"));
  ledger.Refuse("OWNER_NOT_ASSIGNED", {});
  EXPECT_EQ(ledger.Event({"owner", "release", "acme", "--role", "owner", "--person", "p", "--reason", "departed"}),
            "exit 6");
  EXPECT_THAT(ledger.err(), HasSubstr("do:     keyledger account profile ID shows who has which role"));
}

}  // namespace
}  // namespace keyledger::cli

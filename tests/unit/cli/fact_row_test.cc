// Rows to facts of the relationship, and their import.
#include "client/cli/fact_row.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "client/cli/app.h"
#include "tests/unit/client/fake_ledger.h"

namespace keyledger::cli {
namespace {

// The fact that the fields say, on one line, or why they say none.
std::string Fact(const std::string& kind, const std::string& columns, std::vector<std::string> fields) {
  std::string error;
  const auto parser = FactRowParser::Make(*FindFactKind(kind), columns, ImportOptions(), error);
  if (!parser) {
    return error;
  }
  Row row;
  row.fields = std::move(fields);
  const auto parsed = parser->Parse(row);
  if (const std::string* reason = std::get_if<std::string>(&parsed)) {
    return *reason;
  }
  const FactRow& fact = std::get<FactRow>(parsed);
  EXPECT_EQ(fact.account_id, "a");
  EXPECT_EQ(fact.occurred_micros, 1'767'225'600'000'000);
  return fact.event.ShortDebugString();
}

TEST(FactRow, ReadsEveryKind) {
  EXPECT_EQ(Fact("survey", "account_id=1,occurred=2,kind=3,score=4,survey=5,contact=6",
                 {"a", "2026-01-01", "recommendation", "9", "s", "li"}),
            "survey_answered { kind: SURVEY_KIND_RECOMMENDATION score: 9 survey_id: \"s\" contact_id: \"li\" }");
  EXPECT_EQ(Fact("budget", "account_id=1,occurred=2,from=3,until=4,amount=5,basis=6,category=7,source=8",
                 {"a", "2026-01-01", "2026-01-01", "2027-01-01", "12.5", "estimated", "tyres", "letter"}),
            "budget_stated { start_time { seconds: 1767225600 } end_time { seconds: 1798761600 } amount { "
            "currency_code: \"USD\" micros: 12500000 } basis: BUDGET_BASIS_ESTIMATED category: \"tyres\" source: "
            "\"letter\" }");
  EXPECT_EQ(Fact("supplier-rank", "account_id=1,occurred=2,place=3,suppliers=4", {"a", "2026-01-01", "1.5", "4"}),
            "supplier_rank_stated { place_halves: 3 suppliers: 4 }");
  EXPECT_EQ(Fact("cost", "account_id=1,occurred=2,purpose=3,amount=4,kind=5,description=6",
                 {"a", "2026-01-01", "service", "3", "visit", "d"}),
            "cost_recorded { purpose: COST_PURPOSE_SERVICE cost { currency_code: \"USD\" micros: 3000000 } kind: "
            "\"visit\" description: \"d\" }");
  EXPECT_EQ(Fact("referral", "account_id=1,occurred=2,source=3,referrer=4", {"a", "2026-01-01", "broker", ""}),
            "referral_recorded { lead_source: \"broker\" }");
  EXPECT_EQ(Fact("club-join", "account_id=1,occurred=2,club=3", {"a", "2026-01-01", "wine"}),
            "club_joined { club_id: \"wine\" }");
  EXPECT_EQ(Fact("club-leave", "account_id=1,occurred=2,club=3,reason=4", {"a", "2026-01-01", "wine", "moved"}),
            "club_left { club_id: \"wine\" reason: \"moved\" }");
  EXPECT_EQ(Fact("competitor", "account_id=1,occurred=2,competitor=3,kind=4,description=5",
                 {"a", "2026-01-01", "Rival", "won", "d"}),
            "competitor_move_observed { competitor: \"Rival\" kind: COMPETITOR_MOVE_KIND_WON description: \"d\" }");
  EXPECT_EQ(
      Fact("contract-sign", "account_id=1,occurred=2,contract=3,from=4,until=5,value=6,kind=7",
           {"a", "2026-01-01", "C-1", "2026-01-01", "2027-01-01", "", "supply"}),
      "contract_signed { contract_id: \"C-1\" start_time { seconds: 1767225600 } end_time { seconds: 1798761600 } "
      "kind: \"supply\" }");
  EXPECT_EQ(Fact("contract-renew", "account_id=1,occurred=2,contract=3,until=4,value=5",
                 {"a", "2026-01-01", "C-1", "2027-01-01", "5"}),
            "contract_renewed { contract_id: \"C-1\" end_time { seconds: 1798761600 } value { currency_code: \"USD\" "
            "micros: 5000000 } }");
  EXPECT_EQ(Fact("contract-end", "account_id=1,occurred=2,contract=3,ending=4,reason=5",
                 {"a", "2026-01-01", "C-1", "breached", "r"}),
            "contract_ended { contract_id: \"C-1\" ending: CONTRACT_ENDING_BREACHED reason: \"r\" }");
}

TEST(FactRow, ReadsInteractionsAndWhatIsKnownOfAccounts) {
  EXPECT_EQ(
      Fact("interaction",
           "account_id=1,occurred=2,kind=3,by=4,contact=5,purpose=6,preparation=7,result=8,next=9,next_by=10,"
           "next_kind=11,interest=12,cost=13,minutes=14,activity=15,opportunity=16",
           {"a", "2026-01-01", "first-visit", "km-07; km-08", "buyer-1;head", "need", "list", "40", "offer",
            "2027-01-01", "phone", "high", "12.5", "45", "", "O-1"}),
      "interaction_made { kind: INTERACTION_KIND_FIRST_VISIT people: \"km-07\" people: \"km-08\" contact_ids: "
      "\"buyer-1\" contact_ids: \"head\" purpose: \"need\" preparation: \"list\" result: \"40\" next_step { what: "
      "\"offer\" due_time { seconds: 1798761600 } kind: INTERACTION_KIND_PHONE } interest: INTEREST_HIGH cost { "
      "currency_code: \"USD\" micros: 12500000 } our_minutes: 45 opportunity_id: \"O-1\" }");
  EXPECT_EQ(Fact("interaction", "account_id=1,occurred=2,kind=3,by=4", {"a", "2026-01-01", "first_visit", "km-07"}),
            "interaction_made { kind: INTERACTION_KIND_FIRST_VISIT people: \"km-07\" }");
  EXPECT_EQ(
      Fact("interaction-plan", "account_id=1,occurred=2,id=3,kind=4,start=5,by=6",
           {"a", "2026-01-01", "v-1", "mail", "2027-01-01", "km-07"}),
      "interaction_planned { interaction_id: \"v-1\" kind: INTERACTION_KIND_MAIL start_time { seconds: 1798761600 "
      "} people: \"km-07\" }");
  EXPECT_EQ(
      Fact("interaction", "account_id=1,occurred=2,kind=3,by=4,id=5", {"a", "2026-01-01", "mail", "km-07", "v-1"}),
      "interaction_made { kind: INTERACTION_KIND_MAIL interaction_id: \"v-1\" people: \"km-07\" }");
  EXPECT_EQ(Fact("interaction-miss", "account_id=1,occurred=2,id=3,cause=4,reason=5,until=6",
                 {"a", "2026-01-01", "v-1", "postponed", "snow", "2027-01-01"}),
            "interaction_missed { interaction_id: \"v-1\" cause: MISSED_CAUSE_POSTPONED reason: \"snow\" "
            "new_start_time { seconds: 1798761600 } }");
  EXPECT_EQ(Fact("interaction-miss", "account_id=1,occurred=2,id=3,cause=4", {"a", "2026-01-01", "v-1", "ours"}),
            "interaction_missed { interaction_id: \"v-1\" cause: MISSED_CAUSE_OURS }");
  EXPECT_EQ(Fact("need", "account_id=1,occurred=2,need=3,what=4,quantity=5,by_time=6",
                 {"a", "2026-01-01", "vans", "40 vans", "40", "2027-01-01"}),
            "need_stated { need_id: \"vans\" description: \"40 vans\" quantity: 40 wanted_time { seconds: 1798761600 } "
            "}");
  EXPECT_EQ(Fact("score", "account_id=1,occurred=2,key=3,score=4,by=5", {"a", "2026-01-01", "fit", "-3", "anna"}),
            "score_stated { score_id: \"fit\" value: -3 person: \"anna\" }");
  EXPECT_EQ(Fact("issue", "account_id=1,occurred=2,id=3,kind=4,what=5,severity=6",
                 {"a", "2026-01-01", "I-1", "conflict", "price", "2"}),
            "issue_opened { issue_id: \"I-1\" kind: ISSUE_KIND_CONFLICT description: \"price\" severity: 2 }");
  EXPECT_EQ(Fact("owner", "account_id=1,occurred=2,role=3,person=4,rank=5",
                 {"a", "2026-01-01", "general_manager", "gm-1", "1"}),
            "owner_assigned { role: \"general_manager\" person: \"gm-1\" rank: 1 }");
}

TEST(FactRow, NamesTheFieldOfABadInteraction) {
  const std::string columns = "account_id=1,occurred=2,kind=3,by=4,next_by=5,cost=6,minutes=7";
  EXPECT_EQ(Fact("interaction", columns, {"a", "2026-01-01", "dream", "k", "", "", ""}),
            "kind 'dream' is none of phone, visit, first-visit, mail, sample, greeting, activity, friendship-meeting, "
            "tender, message");
  EXPECT_EQ(Fact("interaction", columns, {"a", "2026-01-01", "phone", "", "", "", ""}), "by is empty");
  EXPECT_EQ(Fact("interaction", columns, {"a", "2026-01-01", "phone", "k", "soon", "", ""}),
            "next_by 'soon' does not match %Y-%m-%d");
  EXPECT_EQ(Fact("interaction", columns, {"a", "2026-01-01", "phone", "k", "", "much", ""}),
            "cost 'much' is no decimal number, finer than a millionth, or out of range");
  EXPECT_EQ(Fact("interaction", columns, {"a", "2026-01-01", "phone", "k", "", "", "-1"}),
            "minutes -1 is out of range");
}

TEST(FactRow, NamesTheFieldOfABadRow) {
  const std::string columns = "account_id=1,occurred=2,kind=3,score=4";
  EXPECT_EQ(Fact("survey", columns, {"a", "2026-01-01", "mood", "9"}),
            "kind 'mood' is none of recommendation, satisfaction");
  EXPECT_EQ(Fact("survey", columns, {"a", "2026-01-01", "satisfaction", "good"}), "score 'good' is no whole number");
  EXPECT_EQ(Fact("survey", columns, {"a", "2026-01-01", "satisfaction", "-1"}), "score '-1' is no whole number");
  EXPECT_EQ(Fact("survey", columns, {"a", "2026-01-01", "satisfaction", "99999999999"}),
            "score '99999999999' is no whole number");
  EXPECT_EQ(Fact("survey", columns, {"a", "someday", "satisfaction", "4"}),
            "occurred 'someday' does not match %Y-%m-%d");
  EXPECT_EQ(Fact("survey", columns, {"a", "2026-01-01", "satisfaction", ""}), "score is empty");
  EXPECT_EQ(Fact("survey", columns, {"a", "2026-01-01", "satisfaction"}), "column 4 (score) is missing: the row has 3");
  EXPECT_EQ(Fact("survey", columns, {"no good", "2026-01-01", "satisfaction", "4"}).substr(0, 20),
            "account_id 'no good'");
  EXPECT_EQ(Fact("supplier-rank", "account_id=1,occurred=2,place=3,suppliers=4", {"a", "2026-01-01", "1.2", "4"}),
            "place '1.2' is no place: 1, 1.5, 2 and so on");
  EXPECT_EQ(Fact("cost", "account_id=1,occurred=2,purpose=3,amount=4", {"a", "2026-01-01", "service", "3,00"}),
            "amount '3,00' is no decimal number, finer than a millionth, or out of range");
}

TEST(FactRow, RefusesColumnsThatTheKindHasNot) {
  EXPECT_EQ(Fact("club-join", "account_id=1,occurred=2,club=3,amount=4", {}),
            "--columns: 'amount=4' is not one of account_id=NUMBER, occurred=NUMBER, club=NUMBER");
  EXPECT_EQ(Fact("club-join", "account_id=1,occurred=2", {}), "--columns: club is required");
  EXPECT_EQ(FindFactKind("birthday"), nullptr);
  EXPECT_EQ(FactColumns(*FindFactKind("survey")), "account_id, occurred, kind, score and as there are survey, contact");
  EXPECT_EQ(FactColumns(*FindFactKind("club-join")), "account_id, occurred, club");
}

TEST(ImportFacts, SendsEveryRowOnceHoweverOftenItRunsAndRejectsBadOnes) {
  client::FakeLedger server;
  const std::filesystem::path file =
      std::filesystem::path(testing::TempDir()) / ("kl_facts_" + std::to_string(getpid()) + ".csv");
  const std::string rejects = file.string() + ".rejected.tsv";
  std::ofstream(file) << "account,when,club\na,2026-01-01,wine\nb,2026-01-02,wine\na,2026-01-01,wine\nc,never,wine\n";
  const auto import = [&](const std::string& kind) {
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    EXPECT_EQ(cli::Run({"--server", server.address(), "--output", "json", "import", "facts", kind, file.string(),
                        "--columns", "account_id=1,occurred=2,club=3", "--header"},
                       Environment{in, out, err}),
              9)
        << err.str();
    return out.str();
  };
  EXPECT_EQ(import("club-join"), "{\"already_there\":0,\"imported\":3,\"rejected\":1,\"rejects_file\":\"" + rejects +
                                     "\",\"rows_read\":4}\n");
  EXPECT_EQ(import("club-join").substr(0, 32), "{\"already_there\":3,\"imported\":0,");
  EXPECT_EQ(server.applied().size(), 3u);
  std::ifstream rejected(rejects);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(rejected), {}),
            "line\treason\trow\n5\toccurred 'never' does not match %Y-%m-%d\tc,never,wine\n");
  // The same rows as another kind of fact are other facts.
  EXPECT_EQ(import("club-leave").substr(0, 32), "{\"already_there\":0,\"imported\":3,");
  std::filesystem::remove(file);
  std::filesystem::remove(rejects);
}

TEST(ImportFacts, SaysWhichColumnsTheKindHas) {
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(cli::Run({"import", "facts", "referral", "/nowhere", "--columns", "account_id=1,occurred=2"},
                     Environment{in, out, err}),
            2);
  EXPECT_EQ(err.str(),
            "error: --columns: source is required; a referral has account_id, occurred, source and as there are "
            "referrer\n");
}

}  // namespace
}  // namespace keyledger::cli

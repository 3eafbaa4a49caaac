// The demo ledger: the same everywhere, chronological, and telling the story it promises.
#include "client/cli/demo_generator.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "client/cli/text.h"
#include "keyledger/ledger/v1/ledger_service.pb.h"

namespace keyledger::cli {
namespace {

namespace ev = ::keyledger::events::v1;

TEST(DemoRandom, IsXoshiro256StarStar) {
  DemoRandom random(1);
  const uint64_t first = random.Next();
  DemoRandom again(1);
  EXPECT_EQ(again.Next(), first);
  EXPECT_NE(DemoRandom(2).Next(), first);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_LT(random.Below(7), 7u);
    const int64_t between = random.Between(-3, 3);
    EXPECT_GE(between, -3);
    EXPECT_LE(between, 3);
  }
}

// What is told beside the trade has ids of its own: "demo-SEED-NUMBER-rN" what is known of the account, "-dN" how it is
// dealt with, "-mN" an account that was entered twice. "" is trade.
std::string PartOf(const ::keyledger::ledger::v1::AppendRequest& request) {
  const char first = request.request_id()[request.request_id().rfind('-') + 1];
  return first == 'r' || first == 'd' || first == 'm' ? std::string(1, first) : "";
}

// The hash of the first thousand requests of the part.
std::string HashOf(const std::string& part) {
  DemoOptions options;
  options.accounts = 200;
  std::string bytes;
  int count = 0;
  for (const auto& request : DemoRequests(options)) {
    if (PartOf(request) == part && count < 1000) {
      bytes += request.SerializeAsString();
      ++count;
    }
  }
  EXPECT_EQ(count, 1000);
  return StableHash(bytes);
}

TEST(DemoGenerator, MakesTheSameFirstThousandRequestsOfTradeEverywhere) {
  EXPECT_EQ(HashOf(""), "3926b341dbc82363f9350d35d16ddef7");
}

TEST(DemoGenerator, TellsTheSameOfRelationshipsEverywhere) {
  EXPECT_EQ(HashOf("r"), "6916d6172b2bb8287a9c19c44e2a10ae");
}

TEST(DemoGenerator, TellsTheSameOfDealingsEverywhere) { EXPECT_EQ(HashOf("d"), "11cf8a18a74b52e75028cf358efbdeba"); }

TEST(DemoGenerator, ContainsASmallerDemoInALargerOne) {
  DemoOptions options;
  options.accounts = 3;
  std::map<std::string, std::string> small;
  for (const auto& request : DemoRequests(options)) {
    small[request.request_id()] = request.SerializeAsString();
  }
  options.accounts = 30;
  for (const auto& request : DemoRequests(options)) {
    if (const auto at = small.find(request.request_id()); at != small.end()) {
      EXPECT_EQ(at->second, request.SerializeAsString());
      small.erase(at);
    }
  }
  EXPECT_TRUE(small.empty());
}

TEST(DemoGenerator, TellsEachAccountInOrderOfTimeWithinThreeYears) {
  DemoOptions options;
  options.accounts = 500;
  std::map<std::string, int64_t> last;
  std::map<std::string, int> ids;
  std::map<std::string, const ev::PurchaseRecorded*> invoices;
  std::map<ev::Event::PayloadCase, int> kinds;
  const auto requests = DemoRequests(options);
  for (const auto& request : requests) {
    const int64_t seconds = request.events(0).occurred_time().seconds();
    EXPECT_GE(seconds, 1'672'531'200);  // 2023-01-01
    EXPECT_LT(seconds, 1'767'225'600);  // 2026-01-01
    EXPECT_GE(seconds, last[request.account_id()]);
    const ev::Event& event = request.events(0).event();
    if (last[request.account_id()] == 0) {
      EXPECT_TRUE(event.has_account_opened());
    }
    last[request.account_id()] = seconds;
    EXPECT_EQ(ids[request.account_id() + "/" + request.request_id()]++, 0);
    ++kinds[event.payload_case()];
    if (event.has_purchase_recorded()) {
      const auto& purchase = event.purchase_recorded();
      EXPECT_TRUE(invoices.emplace(purchase.merchant_id() + "/" + purchase.invoice_number(), &purchase).second);
    } else if (event.has_purchase_returned()) {
      const auto& returned = event.purchase_returned();
      const auto bought = invoices.find(returned.merchant_id() + "/" + returned.purchase_invoice_number());
      ASSERT_NE(bought, invoices.end()) << "returned before it was bought";
      const auto& line = bought->second->lines(static_cast<int>(returned.lines(0).line_number()) - 1);
      EXPECT_LE(returned.lines(0).quantity(), line.quantity());
      EXPECT_LE(returned.lines(0).amount().micros(), line.amount().micros());
    }
  }
  // Two of them were entered twice.
  EXPECT_EQ(last.size(), 502u);
  EXPECT_EQ(last.count("demo-0001"), 1u);
  EXPECT_EQ(kinds[ev::Event::kAccountOpened], 502);
  EXPECT_EQ(kinds[ev::Event::kAccountMerged], 2);
  EXPECT_GT(kinds[ev::Event::kPurchaseRecorded], 2'500);
  EXPECT_GT(kinds[ev::Event::kPurchaseReturned], 50);
  EXPECT_GT(kinds[ev::Event::kPointsRedeemed], 50);
  EXPECT_GT(kinds[ev::Event::kAccountClosed], 5);
  EXPECT_GT(kinds[ev::Event::kAccountReopened], 0);
  // Enough of each to show something of every query.
  EXPECT_GT(kinds[ev::Event::kSurveyAnswered], 400);
  EXPECT_GT(kinds[ev::Event::kBudgetStated], 100);
  EXPECT_GT(kinds[ev::Event::kSupplierRankStated], 30);
  EXPECT_GT(kinds[ev::Event::kCostRecorded], 200);
  EXPECT_GT(kinds[ev::Event::kReferralRecorded], 200);
  EXPECT_GT(kinds[ev::Event::kClubJoined], 50);
  EXPECT_GT(kinds[ev::Event::kClubLeft], 5);
  EXPECT_GT(kinds[ev::Event::kCompetitorMoveObserved], 50);
  EXPECT_GT(kinds[ev::Event::kContractSigned], 80);
  EXPECT_GT(kinds[ev::Event::kContractRenewed], 40);
  EXPECT_GT(kinds[ev::Event::kContractEnded], 20);
  EXPECT_GT(kinds[ev::Event::kAccountFactsUpdated], 2);
  EXPECT_GT(kinds[ev::Event::kContactPlaced], 200);
  EXPECT_GT(kinds[ev::Event::kNeedStated], 50);
  EXPECT_GT(kinds[ev::Event::kInteractionMade], 3'000);
  EXPECT_GT(kinds[ev::Event::kInteractionPlanned], 200);
  EXPECT_GT(kinds[ev::Event::kInteractionMissed], 20);
  EXPECT_GT(kinds[ev::Event::kIssueOpened], 150);
  EXPECT_GT(kinds[ev::Event::kIssueMoved], 300);
  EXPECT_GT(kinds[ev::Event::kOpportunityOpened], 50);
  EXPECT_GT(kinds[ev::Event::kOpportunityMoved], 100);
  EXPECT_GT(kinds[ev::Event::kOwnerTransferred], 20);
}

TEST(DemoGenerator, DealsWithAccountsInStepsThatArePossible) {
  DemoOptions options;
  options.accounts = 500;
  std::map<std::string, std::string> owners;
  std::map<std::string, ev::IssueState> issues;
  std::map<std::string, int> stages;
  std::map<std::string, bool> plans;
  int open_across_years = 0;
  for (const auto& request : DemoRequests(options)) {
    const std::string& account = request.account_id();
    const ev::Event& event = request.events(0).event();
    if (event.has_account_opened()) {
      owners[account] = event.account_opened().owner();
    } else if (event.has_interaction_made()) {
      const ev::InteractionMade& made = event.interaction_made();
      EXPECT_EQ(made.people(0), owners[account]);
      if (!made.interaction_id().empty()) {
        EXPECT_EQ(plans.erase(account + made.interaction_id()), 1u);
      }
      EXPECT_EQ(made.has_next_step(), made.kind() == ev::INTERACTION_KIND_VISIT);
      if (made.has_next_step()) {
        EXPECT_GT(made.next_step().due_time().seconds(), request.events(0).occurred_time().seconds());
      }
    } else if (event.has_interaction_planned()) {
      EXPECT_TRUE(plans.emplace(account + event.interaction_planned().interaction_id(), true).second);
    } else if (event.has_interaction_missed()) {
      EXPECT_EQ(plans.erase(account + event.interaction_missed().interaction_id()), 1u);
    } else if (event.has_issue_opened()) {
      EXPECT_TRUE(issues.emplace(account + event.issue_opened().issue_id(), ev::ISSUE_STATE_OPEN).second);
    } else if (event.has_issue_moved()) {
      ev::IssueState& state = issues[account + event.issue_moved().issue_id()];
      EXPECT_EQ(event.issue_moved().state(), state == ev::ISSUE_STATE_OPEN       ? ev::ISSUE_STATE_ANSWERED
                                             : state == ev::ISSUE_STATE_ANSWERED ? ev::ISSUE_STATE_RESOLVED
                                                                                 : ev::ISSUE_STATE_CLOSED);
      state = event.issue_moved().state();
    } else if (event.has_opportunity_opened()) {
      EXPECT_TRUE(stages.emplace(account, ev::OPPORTUNITY_STAGE_LEAD).second);
    } else if (event.has_opportunity_moved()) {
      const int stage = event.opportunity_moved().stage();
      EXPECT_EQ(std::min<int>(stage, ev::OPPORTUNITY_STAGE_WON), stages[account] + 1);
      stages[account] = stage;
    } else if (event.has_owner_transferred()) {
      EXPECT_EQ(event.owner_transferred().from_person(), owners[account]);
      owners[account] = event.owner_transferred().to_person();
    }
  }
  for (const auto& [account, stage] : stages) open_across_years += stage < ev::OPPORTUNITY_STAGE_WON ? 1 : 0;
  EXPECT_GT(open_across_years, 5);
}

TEST(DemoGenerator, TellsOnlyWhatTheLedgerTakes) {
  DemoOptions options;
  options.accounts = 500;
  std::map<std::string, int64_t> contract_ends;
  std::map<std::string, bool> closed;
  for (const auto& request : DemoRequests(options)) {
    const std::string& account = request.account_id();
    const ev::Event& event = request.events(0).event();
    closed[account] = event.has_account_closed() || (closed[account] && !event.has_account_reopened());
    if (PartOf(request).empty()) {
      continue;
    }
    EXPECT_FALSE(closed[account]) << account;
    if (event.has_survey_answered()) {
      const auto& answered = event.survey_answered();
      const bool likely = answered.kind() == ev::SURVEY_KIND_RECOMMENDATION;
      EXPECT_GE(answered.score(), likely ? 0 : 1);
      EXPECT_LE(answered.score(), likely ? 10 : 5);
    } else if (event.has_budget_stated()) {
      EXPECT_GT(event.budget_stated().amount().micros(), 0);
      EXPECT_LT(event.budget_stated().start_time().seconds(), event.budget_stated().end_time().seconds());
    } else if (event.has_supplier_rank_stated()) {
      EXPECT_GE(event.supplier_rank_stated().place_halves(), 2);
      EXPECT_LE(event.supplier_rank_stated().place_halves(), 2 * event.supplier_rank_stated().suppliers());
    } else if (event.has_referral_recorded()) {
      EXPECT_LT(event.referral_recorded().referrer_account_id(), account) << "an account that came before";
    } else if (event.has_contract_signed()) {
      EXPECT_EQ(contract_ends.count(account), 0u);
      contract_ends[account] = event.contract_signed().end_time().seconds();
    } else if (event.has_contract_renewed()) {
      ASSERT_EQ(contract_ends.count(account), 1u);
      EXPECT_GT(event.contract_renewed().end_time().seconds(), contract_ends[account]);
      contract_ends[account] = event.contract_renewed().end_time().seconds();
    } else if (event.has_contract_ended()) {
      EXPECT_EQ(contract_ends.erase(account), 1u);
    }
  }
}

}  // namespace
}  // namespace keyledger::cli

// The demo's story: forty accounts under five programs, told the same everywhere, and nothing in it that the ledger
// would refuse.
#include "client/cli/demo_story.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "client/cli/demo_generator.h"
#include "client/cli/demo_texts.h"
#include "client/cli/text.h"
#include "server/base/clock.h"
#include "server/base/ids.h"
#include "server/domain/decide.h"
#include "server/domain/program_set.h"
#include "server/domain/proto_time.h"

namespace keyledger::cli {
namespace {

namespace ev = ::keyledger::events::v1;
using ::keyledger::ledger::v1::AppendRequest;
using ::keyledger::ledger::v1::PublishProgramRequest;

// 2023-01-01 and 2026-01-01, where clocks are eight hours ahead of UTC.
constexpr int64_t kFirstSecond = 1'672'502'400;
constexpr int64_t kEndSecond = 1'767'196'800;

std::shared_ptr<const domain::CompiledProgram> Compiled(const std::string& yaml) {
  domain::ParsedProgram parsed = domain::ParseProgramYaml(yaml);
  for (const domain::ProgramFinding& finding : parsed.findings) {
    ADD_FAILURE() << finding.line << ":" << finding.column << " " << finding.path << " " << finding.message;
  }
  parsed.program->set_version(1);
  auto compiled = domain::CompiledProgram::Compile(*parsed.program);
  EXPECT_TRUE(compiled.ok()) << compiled.status();
  return *compiled;
}

std::vector<std::shared_ptr<const domain::CompiledProgram>> Programs() {
  std::vector<std::shared_ptr<const domain::CompiledProgram>> programs;
  for (const PublishProgramRequest& request : DemoPrograms()) programs.push_back(Compiled(request.source_yaml()));
  return programs;
}

std::map<std::string, std::string> Regions() {
  std::map<std::string, std::string> regions;
  for (const AppendRequest& request : DemoStory()) {
    const ev::Event& event = request.events(0).event();
    if (event.has_account_opened()) regions[request.account_id()] = event.account_opened().region();
  }
  return regions;
}

// What the ledger takes of the story, without shards: each account is decided by itself, and what a merge carries over
// stays under way.
class StoryLedger {
 public:
  StoryLedger() : programs_(Programs()) {}

  absl::Status Take(const AppendRequest& request) {
    domain::DecideInput input;
    input.account_id = request.account_id();
    const ev::Event& event = request.events(0).event();
    if (const absl::Status shape = domain::ValidateFact(event, "events[0]"); !shape.ok()) return shape;
    input.facts.push_back({event, domain::MicrosOf(request.events(0).occurred_time())});
    Account& account = accounts_[request.account_id()];
    if (event.has_purchase_returned()) FindPurchase(request.account_id(), event.purchase_returned(), input.purchases);
    auto outcome = domain::Decide(account.state, input, programs_);
    if (!outcome.ok()) return outcome.status();
    Keep(account, *std::move(outcome));
    return absl::OkStatus();
  }

  void AdvanceTo(Micros until) {
    for (auto& [id, account] : accounts_) {
      auto outcome = domain::Advance(account.state, until, programs_);
      ASSERT_TRUE(outcome.ok()) << id << ": " << outcome.status();
      Keep(account, *std::move(outcome));
    }
  }

  // The tiers that the account was given, in order.
  std::vector<std::string> Tiers(const std::string& account_id) {
    std::vector<std::string> tiers;
    for (const domain::DecidedEvent& recorded : accounts_[account_id].log) {
      if (recorded.event.has_tier_assigned()) tiers.push_back(recorded.event.tier_assigned().tier_id());
    }
    return tiers;
  }

 private:
  struct Account {
    domain::AccountState state;
    std::vector<domain::DecidedEvent> log;
  };

  static void Keep(Account& account, domain::Outcome outcome) {
    account.state = std::move(outcome.state);
    account.log.insert(account.log.end(), outcome.events.begin(), outcome.events.end());
  }

  // The purchase as a shard would find it in the log, whose revisions count from 0.
  void FindPurchase(const std::string& account_id, const ev::PurchaseReturned& returned,
                    domain::RecordedPurchases& purchases) {
    const std::vector<domain::DecidedEvent>& log = accounts_[account_id].log;
    domain::RecordedPurchase found;
    for (size_t i = 0; i < log.size(); ++i) {
      const ev::Event& event = log[i].event;
      if (event.has_purchase_recorded() && event.purchase_recorded().merchant_id() == returned.merchant_id() &&
          event.purchase_recorded().invoice_number() == returned.purchase_invoice_number()) {
        found = {account_id, i, log[i].occurred, event.purchase_recorded(), {}, "", 0};
      }
      if (event.has_points_accrued() && !found.account_id.empty() &&
          event.points_accrued().purchase_revision() == found.revision) {
        found.accruals.emplace_back(i, event.points_accrued());
        found.program_id = log[i].program_id;
        found.program_version = log[i].program_version;
      }
    }
    ASSERT_FALSE(found.account_id.empty()) << returned.purchase_invoice_number() << " was not bought before";
    purchases[{returned.merchant_id(), returned.purchase_invoice_number()}] = std::move(found);
  }

  const domain::ProgramSet programs_;
  std::map<std::string, Account> accounts_;
};

TEST(DemoStory, IsTheSameEverywhere) {
  std::string bytes;
  for (const AppendRequest& request : DemoStory()) bytes += request.SerializeAsString();
  EXPECT_EQ(StableHash(bytes), "2160b0bba0f66cc17e72522b26be4fe8");
}

TEST(DemoStory, HasEightAccountsInTheRegionOfEachProgram) {
  const std::map<std::string, std::string> regions = Regions();
  EXPECT_EQ(regions.size(), 40u);
  const auto programs = Programs();
  EXPECT_EQ(programs.size(), 5u);
  for (const auto& program : programs) {
    const std::string& region = program->program().region();
    EXPECT_NE(region, "") << program->program().program_id();
    const auto in_it = std::count_if(regions.begin(), regions.end(),
                                     [&](const auto& entry) { return RegionContains(region, entry.second); });
    EXPECT_EQ(in_it, 8) << program->program().program_id();
  }
}

TEST(DemoStory, HasProgramsThatReadWithoutAMistakeAndCountInTheCurrencyOfTheOtherAccounts) {
  const auto programs = Programs();
  ASSERT_EQ(programs.size(), DemoTexts().size());
  for (size_t i = 0; i < programs.size(); ++i) {
    EXPECT_EQ(programs[i]->program().program_id(), DemoTexts()[i].program_id);
    EXPECT_EQ(programs[i]->program().currency_code(), "USD");
  }
}

TEST(DemoStory, ChangesNothingInAProgramButItsRegionAndItsCurrency) {
  const std::vector<PublishProgramRequest> requests = DemoPrograms();
  for (size_t i = 0; i < requests.size(); ++i) {
    auto as_it_is = Compiled(std::string(DemoTexts()[i].program_yaml))->program();
    auto in_its_place = Compiled(requests[i].source_yaml())->program();
    for (auto* program : {&as_it_is, &in_its_place}) {
      program->clear_region();
      program->clear_currency_code();
    }
    EXPECT_EQ(as_it_is.SerializeAsString(), in_its_place.SerializeAsString());
  }
}

TEST(DemoStory, LeavesTheGeneratedAccountsToTheirProgram) {
  const domain::ProgramSet programs(Programs());
  DemoOptions options;
  options.accounts = 300;
  for (const AppendRequest& request : DemoRequests(options)) {
    const ev::Event& event = request.events(0).event();
    if (!event.has_account_opened()) continue;
    const auto opened = domain::MicrosOf(request.events(0).occurred_time());
    EXPECT_EQ(programs.Select(opened, event.account_opened().region()), nullptr) << event.account_opened().region();
  }
}

TEST(DemoStory, TellsEachAccountInOrderOfTimeWithinThreeYears) {
  std::map<std::string, int64_t> last;
  std::set<std::string> request_ids;
  for (const AppendRequest& request : DemoStory()) {
    ASSERT_EQ(request.events_size(), 1);
    const int64_t seconds = request.events(0).occurred_time().seconds();
    EXPECT_GE(seconds, kFirstSecond);
    EXPECT_LT(seconds, kEndSecond);
    EXPECT_GE(seconds, last[request.account_id()]);
    last[request.account_id()] = seconds;
    EXPECT_TRUE(request_ids.insert(request.request_id()).second) << request.request_id();
  }
}

TEST(DemoStory, TellsNothingThatTheLedgerRefuses) {
  StoryLedger ledger;
  for (const AppendRequest& request : DemoStory()) {
    const absl::Status taken = ledger.Take(request);
    EXPECT_TRUE(taken.ok()) << request.request_id() << " " << request.events(0).ShortDebugString() << ": " << taken;
  }
}

TEST(DemoStory, LetsTiersRiseAndFall) {
  StoryLedger ledger;
  for (const AppendRequest& request : DemoStory()) ASSERT_TRUE(ledger.Take(request).ok()) << request.request_id();
  ledger.AdvanceTo((kEndSecond + 86'400) * 1'000'000);
  const auto times = [](const std::vector<std::string>& tiers, const char* tier) {
    return std::count(tiers.begin(), tiers.end(), tier);
  };
  EXPECT_EQ(times(ledger.Tiers("hongda-mining"), "ka"), 1);
  const std::vector<std::string> hotel = ledger.Tiers("jade-hotel");
  EXPECT_EQ(times(hotel, "a"), 2) << "risen, fallen and risen again";
  EXPECT_EQ(times(hotel, "potential"), 2);
  const std::vector<std::string> taxi = ledger.Tiers("coral-taxi");
  EXPECT_EQ(times(taxi, "band_a"), 1);
  EXPECT_NE(taxi.back(), "band_a") << "the year after earned less";
  EXPECT_EQ(times(ledger.Tiers("member-lin"), "promising"), 1);
  EXPECT_EQ(times(ledger.Tiers("anshan-steel"), "b"), 1);
}

TEST(DemoStory, ReviewsTheProgramsThatRankOneYearAfterTheOther) {
  std::map<std::string, int64_t> last;
  for (const auto& request : DemoReviews()) {
    EXPECT_GT(request.as_of().seconds(), last[request.program_id()]);
    EXPECT_EQ(request.as_of().seconds() % 900, 0);
    EXPECT_LE(request.as_of().seconds(), 1'767'225'600) << "2026-01-01 in UTC";
    last[request.program_id()] = request.as_of().seconds();
  }
  std::set<std::string> ranking;
  for (const auto& program : Programs()) {
    if (!program->rules().cuts.empty()) ranking.insert(program->program().program_id());
  }
  EXPECT_EQ(ranking.size(), 3u);
  EXPECT_EQ(last.size(), ranking.size());
  for (const std::string& program_id : ranking) EXPECT_EQ(last.count(program_id), 1u) << program_id;
}

// What the story is there to show.
TEST(DemoStory, TellsOfEverythingThatIsToBeShown) {
  std::map<ev::Event::PayloadCase, int> kinds;
  for (const AppendRequest& request : DemoStory()) ++kinds[request.events(0).event().payload_case()];
  for (const auto kind : {ev::Event::kContactPlaced,
                          ev::Event::kOwnerAssigned,
                          ev::Event::kOwnerReleased,
                          ev::Event::kOwnerTransferred,
                          ev::Event::kInteractionPlanned,
                          ev::Event::kInteractionMade,
                          ev::Event::kInteractionMissed,
                          ev::Event::kNeedStated,
                          ev::Event::kCompetitorMoveObserved,
                          ev::Event::kQuoteProposed,
                          ev::Event::kQuoteApprovalGiven,
                          ev::Event::kQuoteApprovalRefused,
                          ev::Event::kQuoteMoved,
                          ev::Event::kOpportunityMoved,
                          ev::Event::kContractSigned,
                          ev::Event::kContractRenewed,
                          ev::Event::kContractAmended,
                          ev::Event::kContractBreached,
                          ev::Event::kContractEnded,
                          ev::Event::kIssueMoved,
                          ev::Event::kPromiseKept,
                          ev::Event::kPromiseBroken,
                          ev::Event::kPlanAgreed,
                          ev::Event::kPlanReviewed,
                          ev::Event::kOrderPlaced,
                          ev::Event::kOrderEnded,
                          ev::Event::kPaymentReceived,
                          ev::Event::kPaymentExceptionGranted,
                          ev::Event::kGiftGiven,
                          ev::Event::kCommissionPaid,
                          ev::Event::kLoanIssued,
                          ev::Event::kLoanReturned,
                          ev::Event::kReferralAsked,
                          ev::Event::kReferralGiven,
                          ev::Event::kReferralConverted,
                          ev::Event::kViolationRecorded,
                          ev::Event::kSanctionImposed,
                          ev::Event::kClubJoined,
                          ev::Event::kClubLeft,
                          ev::Event::kPurchaseRecorded,
                          ev::Event::kPurchaseReturned,
                          ev::Event::kAccountClosed}) {
    EXPECT_GT(kinds[kind], 0) << ev::Event::descriptor()->FindFieldByNumber(kind)->name();
  }
  EXPECT_EQ(kinds[ev::Event::kAccountMerged], 1);
}

TEST(DemoStory, LeavesSomethingOpenAtTheEndOfEachKind) {
  std::set<std::string> quotes;
  std::set<std::string> issues;
  std::set<std::string> opportunities;
  std::set<std::string> contracts;
  for (const AppendRequest& request : DemoStory()) {
    const std::string account = request.account_id() + "/";
    const ev::Event& event = request.events(0).event();
    if (event.has_quote_approval_requested()) quotes.insert(account + event.quote_approval_requested().quote_id());
    if (event.has_quote_approval_given()) quotes.erase(account + event.quote_approval_given().quote_id());
    if (event.has_quote_approval_refused()) quotes.erase(account + event.quote_approval_refused().quote_id());
    if (event.has_issue_opened()) issues.insert(account + event.issue_opened().issue_id());
    if (event.issue_moved().state() == ev::ISSUE_STATE_CLOSED) issues.erase(account + event.issue_moved().issue_id());
    if (event.has_opportunity_opened()) opportunities.insert(account + event.opportunity_opened().opportunity_id());
    if (event.opportunity_moved().stage() >= ev::OPPORTUNITY_STAGE_WON) {
      opportunities.erase(account + event.opportunity_moved().opportunity_id());
    }
    if (event.has_contract_signed()) contracts.insert(account + event.contract_signed().contract_id());
    if (event.has_contract_ended()) contracts.erase(account + event.contract_ended().contract_id());
  }
  EXPECT_GE(quotes.size(), 3u);
  EXPECT_GE(issues.size(), 2u);
  EXPECT_GE(opportunities.size(), 4u);
  EXPECT_GE(contracts.size(), 5u);
}

}  // namespace
}  // namespace keyledger::cli

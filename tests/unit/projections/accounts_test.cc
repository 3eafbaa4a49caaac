// The directory: what is folded into it and what can be asked of it.
#include <gtest/gtest.h>

#include "projections/accounts/accounts_projection.h"
#include "projections/accounts/accounts_queries.h"
#include "server/base/error.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using testing::RecordLog;
using testing::Utc;

std::vector<std::string> Ids(const DirectoryPage& page) {
  std::vector<std::string> ids;
  for (const auto& account : page.accounts) ids.push_back(account.account_id);
  return ids;
}

// Three accounts that differ in everything a filter can name.
RecordLog ThreeAccounts() {
  RecordLog log;
  const auto open = [&log](const char* id, const char* name, const char* region, const char* segment,
                           const char* owner) {
    auto* opened = log.Add(id, Utc(2026, 1, 5)).mutable_event()->mutable_account_opened();
    opened->set_display_name(name);
    opened->set_region(region);
    opened->set_segment(segment);
    opened->set_owner(owner);
    return opened;
  };
  auto* fact = open("acme", "ACME Mining", "CN/31/Shanghai", "industry", "wang")->add_facts();
  fact->set_key("industry");
  fact->set_value("mining");
  open("beta", "Beta Foods", "CN/31", "retail", "li");
  open("beta-2", "Beta Two", "CN/3", "retail", "li");
  log.Purchase("acme", Utc(2026, 2, 1), 10'000'000);
  log.AssignTier("acme", Utc(2026, 2, 1), "gold", "", events::v1::TIER_ASSIGNMENT_REASON_INITIAL);
  log.Add("beta", Utc(2026, 3, 1)).mutable_event()->mutable_account_closed()->set_reason("moved");
  return log;
}

TEST(AccountsProjection, FoldsWhatTheDirectoryShows) {
  RecordLog log = ThreeAccounts();
  log.Purchase("acme", Utc(2026, 1, 20), 5'000'000);
  const auto rows = testing::FoldRows(AccountsProjection(), log);
  const auto acme = GetDirectoryAccount(*rows, "acme");
  ASSERT_TRUE(acme.ok()) << acme.status();
  EXPECT_TRUE(acme->open);
  EXPECT_EQ(acme->revision, 3u);
  EXPECT_EQ(acme->display_name, "ACME Mining");
  EXPECT_EQ(acme->open_time, Utc(2026, 1, 5));
  // The late purchase counts, but is not the latest.
  EXPECT_EQ(acme->last_purchase, Utc(2026, 2, 1));
  EXPECT_EQ(acme->purchase_count, 2);
  EXPECT_EQ(acme->ladder_id, "main");
  EXPECT_EQ(acme->tier_id, "gold");
  const auto beta = GetDirectoryAccount(*rows, "beta");
  ASSERT_TRUE(beta.ok());
  EXPECT_FALSE(beta->open);
  EXPECT_FALSE(beta->last_purchase.has_value());
}

TEST(AccountsProjection, ReplacesFactsAndRemovesThem) {
  RecordLog log = ThreeAccounts();
  auto* updated = log.Add("acme", Utc(2026, 4, 1)).mutable_event()->mutable_account_facts_updated();
  updated->set_owner("zhao");
  updated->set_segment("");
  auto* fact = updated->add_set_facts();
  fact->set_key("employees");
  fact->set_value("250");
  updated->add_removed_keys("industry");
  updated->add_removed_keys("never_there");
  log.Add("beta", Utc(2026, 4, 1)).mutable_event()->mutable_account_reopened();
  const auto rows = testing::FoldRows(AccountsProjection(), log);
  const auto acme = GetDirectoryAccount(*rows, "acme");
  ASSERT_TRUE(acme.ok());
  EXPECT_EQ(acme->owner, "zhao");
  EXPECT_EQ(acme->segment, "");
  EXPECT_EQ(acme->region, "CN/31/Shanghai");
  EXPECT_EQ(acme->facts, (std::vector<std::pair<std::string, std::string>>{{"employees", "250"}}));
  EXPECT_TRUE(GetDirectoryAccount(*rows, "beta")->open);
}

TEST(AccountsProjection, FollowsTheOwnerThroughTheEventsOfRoles) {
  RecordLog log = ThreeAccounts();
  const auto owner = [&log] {
    const auto rows = testing::FoldRows(AccountsProjection(), log);
    return GetDirectoryAccount(*rows, "acme")->owner;
  };
  auto* assigned = log.Add("acme", Utc(2026, 4, 1)).mutable_event()->mutable_owner_assigned();
  assigned->set_role("engineer");
  assigned->set_person("eve");
  EXPECT_EQ(owner(), "wang");
  assigned = log.Add("acme", Utc(2026, 4, 2)).mutable_event()->mutable_owner_assigned();
  assigned->set_role("owner");
  assigned->set_person("zhao");
  EXPECT_EQ(owner(), "zhao");
  auto* transferred = log.Add("acme", Utc(2026, 4, 3)).mutable_event()->mutable_owner_transferred();
  transferred->set_from_person("zhao");
  transferred->set_to_person("qian");
  transferred->add_roles("owner");
  EXPECT_EQ(owner(), "qian");
  const auto rows = testing::FoldRows(AccountsProjection(), log);
  EXPECT_EQ(Ids(*ListDirectory({rows.get()}, {.owner = "qian"}, 10, "")), std::vector<std::string>{"acme"});
  auto* released = log.Add("acme", Utc(2026, 4, 4)).mutable_event()->mutable_owner_released();
  released->set_role("owner");
  released->set_person("qian");
  EXPECT_EQ(owner(), "");
}

TEST(AccountsProjection, KnowsNothingOfTheLedgersOwnStreams) {
  RecordLog log;
  log.Add("$programs", 0).mutable_event()->mutable_program_published();
  EXPECT_TRUE(testing::FoldAll(AccountsProjection(), log.records())->rows().empty());
}

TEST(AccountsProjection, RefusesARecordOfAnAccountThatWasNeverOpened) {
  RecordLog log;
  log.Purchase("ghost", 0, 1);
  testing::MemoryTable table;
  const AccountsProjection projection;
  Lane lane(projection, table);
  lane.Apply(0, RecordView{log.records()[0], 0, 0});
  EXPECT_EQ(ReasonOf(lane.failure()), Reason::kStoreDamaged);
}

TEST(AccountsProjection, RefusesAGapInAStream) {
  RecordLog log;
  log.Open("a", 0);
  log.Purchase("a", 0, 1);
  auto records = log.records();
  records[1].set_revision(2);
  testing::MemoryTable table;
  const AccountsProjection projection;
  Lane lane(projection, table);
  lane.Apply(0, RecordView{records[0], 0, 0});
  lane.Apply(1, RecordView{records[1], 0, 0});
  EXPECT_EQ(ReasonOf(lane.failure()), Reason::kStoreDamaged);
}

TEST(GetDirectoryAccount, DoesNotFindAnUnknownAccount) {
  const auto rows = testing::FoldRows(AccountsProjection(), ThreeAccounts());
  EXPECT_EQ(ReasonOf(GetDirectoryAccount(*rows, "gamma").status()), Reason::kAccountNotFound);
  EXPECT_EQ(ReasonOf(GetDirectoryAccount(*rows, "acm").status()), Reason::kAccountNotFound);
}

TEST(ListDirectory, FiltersByEverythingItSays) {
  const auto rows = testing::FoldRows(AccountsProjection(), ThreeAccounts());
  const auto list = [&rows](const DirectoryFilter& filter) {
    const auto page = ListDirectory({rows.get()}, filter, 10, "");
    EXPECT_TRUE(page.ok());
    EXPECT_EQ(page->continuation, "");
    return Ids(*page);
  };
  using Strings = std::vector<std::string>;
  EXPECT_EQ(list({}), (Strings{"acme", "beta", "beta-2"}));
  EXPECT_EQ(list({.state = AccountStateFilter::kOpen}), (Strings{"acme", "beta-2"}));
  EXPECT_EQ(list({.state = AccountStateFilter::kClosed}), (Strings{"beta"}));
  EXPECT_EQ(list({.region = "CN/31"}), (Strings{"acme", "beta"}));
  EXPECT_EQ(list({.region = "CN/3"}), (Strings{"beta-2"}));
  EXPECT_EQ(list({.segment = "retail"}), (Strings{"beta", "beta-2"}));
  EXPECT_EQ(list({.owner = "wang"}), (Strings{"acme"}));
  EXPECT_EQ(list({.tier_id = "gold"}), (Strings{"acme"}));
  EXPECT_EQ(list({.facts = {{"industry", ""}}}), (Strings{"acme"}));
  EXPECT_EQ(list({.facts = {{"industry", "mining"}}}), (Strings{"acme"}));
  EXPECT_EQ(list({.facts = {{"industry", "steel"}}}), (Strings{}));
  EXPECT_EQ(list({.text = "BETA"}), (Strings{"beta", "beta-2"}));
  EXPECT_EQ(list({.text = "mining"}), (Strings{"acme"}));
  EXPECT_EQ(list({.segment = "retail", .owner = "wang"}), (Strings{}));
}

TEST(ListDirectory, PagesInAccountOrderAcrossShards) {
  RecordLog even;
  RecordLog odd;
  for (const char* id : {"a", "a-1", "c", "e"}) even.Open(id, 0);
  for (const char* id : {"a~", "b", "d"}) odd.Open(id, 0);
  const auto first = testing::FoldRows(AccountsProjection(), even);
  const auto second = testing::FoldRows(AccountsProjection(), odd);
  std::vector<std::string> seen;
  std::string continuation;
  int pages = 0;
  do {
    const auto page = ListDirectory({first.get(), second.get()}, {}, 2, continuation);
    ASSERT_TRUE(page.ok());
    EXPECT_LE(page->accounts.size(), 2u);
    for (const auto& id : Ids(*page)) seen.push_back(id);
    continuation = page->continuation;
    pages += 1;
  } while (!continuation.empty());
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "a-1", "a~", "b", "c", "d", "e"}));
  EXPECT_EQ(pages, 4);
}

TEST(ListDirectory, EndsWithoutAnEmptyPageWhenTheLastOneIsFull) {
  const auto rows = testing::FoldRows(AccountsProjection(), ThreeAccounts());
  const auto page = ListDirectory({rows.get()}, {}, 3, "");
  EXPECT_EQ(page->accounts.size(), 3u);
  EXPECT_EQ(page->continuation, "");
}

TEST(ListDirectory, ExaminesABoundedNumberOfAccountsForAPage) {
  const auto rows = testing::FoldRows(AccountsProjection(), ThreeAccounts());
  const DirectoryFilter filter{.text = "two"};
  const auto first = ListDirectory({rows.get()}, filter, 10, "", 2);
  ASSERT_TRUE(first.ok());
  EXPECT_TRUE(first->accounts.empty());
  ASSERT_EQ(first->continuation, "beta");
  const auto second = ListDirectory({rows.get()}, filter, 10, first->continuation, 2);
  EXPECT_EQ(Ids(*second), (std::vector<std::string>{"beta-2"}));
  EXPECT_EQ(second->continuation, "");
}

TEST(ListDirectory, RefusesAContinuationThatIsNotOne) {
  const auto rows = testing::FoldRows(AccountsProjection(), ThreeAccounts());
  EXPECT_EQ(ReasonOf(ListDirectory({rows.get()}, {}, 10, std::string("a\0b", 3)).status()), Reason::kInvalidToken);
}

TEST(ListDirectory, ReportsADamagedRow) {
  const auto table = testing::FoldAll(AccountsProjection(), ThreeAccounts().records());
  table->mutable_rows().rbegin()->second = "x";
  EXPECT_EQ(ReasonOf(ListDirectory({table->NewReader().get()}, {}, 10, "").status()), Reason::kStoreDamaged);
}

}  // namespace
}  // namespace keyledger::projections

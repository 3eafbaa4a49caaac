// Transfers of portfolios: which accounts go over, each once, whatever stops in between, the same on any number of
// shards.
#include "server/shard/portfolio.h"

#include <atomic>
#include <functional>
#include <map>
#include <tuple>

#include "keyledger/storage/v1/store_rows.pb.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/shard/account_reader.h"
#include "server/shard/replay_source.h"
#include "tests/unit/audit/replay_support.h"
#include "tests/unit/shard/shard_fixture.h"

namespace keyledger::testing {
namespace {

using shard::Portfolio;
using shard::PortfolioPhase;
using shard::PortfolioRequest;
using shard::PortfolioStatus;

constexpr Micros kLastYear = kToday - 365 * kMicrosPerDay;

shard::SubmittedEvent OwnedBy(const std::string& owner, const std::string& region = "") {
  shard::SubmittedEvent fact = Opened(kLastYear);
  fact.event.mutable_account_opened()->set_owner(owner);
  fact.event.mutable_account_opened()->set_region(region);
  return fact;
}

shard::SubmittedEvent Assigned(const std::string& role, const std::string& person) {
  shard::SubmittedEvent fact = Fact();
  fact.event.mutable_owner_assigned()->set_role(role);
  fact.event.mutable_owner_assigned()->set_person(person);
  return fact;
}

shard::SubmittedEvent Released(const std::string& role, const std::string& person) {
  shard::SubmittedEvent fact = Fact();
  fact.event.mutable_owner_released()->set_role(role);
  fact.event.mutable_owner_released()->set_person(person);
  fact.event.mutable_owner_released()->set_reason(events::v1::OWNER_CHANGE_REASON_REQUESTED);
  return fact;
}

// From ann to bob, who has departed.
PortfolioRequest Request(const std::string& request_id = "r1") {
  PortfolioRequest request;
  request.from_person = "ann";
  request.to_person = "bob";
  request.reason = events::v1::OWNER_CHANGE_REASON_DEPARTED;
  request.request_id = request_id;
  request.digest = "digest of " + request_id;
  request.actor = "tester";
  return request;
}

// Every account of a store, in the place of the index of owners.
absl::StatusOr<std::vector<std::string>> AllAccounts(const store::ShardStore& store, const std::string& after,
                                                     size_t limit) {
  KL_ASSIGN_OR_RETURN(std::vector<std::string> ids, store.ListStreams(after, limit));
  std::erase_if(ids, [](const std::string& id) { return IsOwnStream(id); });
  return ids;
}

absl::Status Behind() { return MakeError(Reason::kProjectionBehind, "the index is behind"); }

// A ledger of so many shards, and what hands its portfolios over.
class Portfolios {
 protected:
  explicit Portfolios(uint32_t shards) : shards_(shards), whole_(shards) { Restart(); }

  // As a stop, or a crash between two steps, and a start.
  void Restart() {
    portfolio_.reset();
    std::vector<shard::Shard*> shards;
    for (uint32_t shard = 0; shard < shards_; ++shard) shards.push_back(&whole_.ledger().shard(shard));
    shard::PortfolioOptions options;
    options.list = [this](uint32_t shard, const std::string& person, const std::string& after, size_t limit,
                          uint64_t place) -> absl::StatusOr<std::vector<std::string>> {
      EXPECT_EQ(person, "ann");
      EXPECT_LE(place, whole_.ledger().shard(shard).head().head());
      if (behind_) return Behind();
      if (before_listing_) before_listing_();
      return AllAccounts(whole_.ledger().shard(shard).store(), after, limit);
    };
    options.skew_max = 60 * kMicrosPerSecond;
    portfolio_ = std::make_unique<Portfolio>(shards, whole_.clock(), options);
    const absl::Status resumed = portfolio_->Resume();
    EXPECT_TRUE(resumed.ok()) << resumed;
  }

  void Open(const std::string& id, const std::string& owner, const std::string& region = "") {
    whole_.MustAppend(Command(id, "open", {OwnedBy(owner, region)}));
  }

  PortfolioStatus RunTransfer(const PortfolioRequest& request) {
    const auto started = portfolio_->Start(request);
    EXPECT_TRUE(started.ok()) << started.status();
    if (!started.ok()) return {};
    portfolio_->WaitUntilIdle();
    return Get(started->started.transfer_id());
  }
  PortfolioStatus Get(const std::string& transfer_id) {
    const auto status = portfolio_->Get(transfer_id);
    EXPECT_TRUE(status.ok()) << status.status();
    return status.ok() ? *status : PortfolioStatus{};
  }

  std::string OwnerOf(const std::string& id) {
    const auto state = whole_.ledger().ShardOfAccount(id).ReadState(id);
    EXPECT_TRUE(state.ok() && state->has_value());
    return (*state)->owner;
  }

  // The transfers by account, in the order of the log.
  std::map<std::string, std::vector<events::v1::EventRecord>> Transferred() {
    std::map<std::string, std::vector<events::v1::EventRecord>> transferred;
    for (uint32_t shard = 0; shard < shards_; ++shard) {
      for (const auto& record : whole_.Records(shard)) {
        if (record.event().has_owner_transferred()) transferred[record.account_id()].push_back(record);
      }
    }
    return transferred;
  }

  // "started completed": what is on "$owners".
  std::string OwnRecords() {
    std::string kinds;
    for (const auto& record : whole_.Records(0)) {
      if (record.account_id() != "$owners") continue;
      kinds += record.event().has_portfolio_transfer_started() ? "started " : "completed ";
    }
    return kinds;
  }
  std::string Row() { return whole_.ledger().shard(0).store().GetMeta("portfolio.open")->value_or(""); }

  const uint32_t shards_;
  WholeLedger whole_;
  std::atomic<bool> behind_{false};
  std::function<void()> before_listing_;
  std::unique_ptr<Portfolio> portfolio_;
};

class PortfolioTest : public Portfolios, public ::testing::TestWithParam<uint32_t> {
 protected:
  PortfolioTest() : Portfolios(GetParam()) {}
};

INSTANTIATE_TEST_SUITE_P(Shards, PortfolioTest, ::testing::Values(1u, 4u));

TEST_P(PortfolioTest, HandsEveryAccountOfThePersonToTheOther) {
  for (int i = 0; i < 9; ++i) Open("a" + std::to_string(i), i % 3 == 2 ? "carl" : "ann");
  PortfolioRequest request = Request();
  request.rank = 4;
  request.note = "left in June";
  request.transfer_time = kToday - 5 * kMicrosPerDay;
  const PortfolioStatus status = RunTransfer(request);
  EXPECT_EQ(status.phase, PortfolioPhase::kCompleted) << status.detail;
  EXPECT_EQ(status.accounts, 6u);
  EXPECT_EQ(status.transferred, 6u);
  EXPECT_EQ(status.overtaken, 0u);
  EXPECT_EQ(status.undecided, 0u);
  EXPECT_EQ(status.started.transfer_id(), "portfolio-1");
  EXPECT_EQ(status.started.note(), "left in June");
  EXPECT_EQ(status.started.places_size(), static_cast<int>(GetParam()));
  EXPECT_EQ(OwnerOf("a0"), "bob");
  EXPECT_EQ(OwnerOf("a8"), "carl");
  const auto transferred = Transferred();
  ASSERT_EQ(transferred.size(), 6u);
  for (const auto& [id, records] : transferred) {
    ASSERT_EQ(records.size(), 1u) << id;
    const events::v1::EventRecord& record = records[0];
    EXPECT_EQ(record.actor(), "tester");
    EXPECT_EQ(record.correlation_id(), "portfolio-1");
    EXPECT_EQ(record.request_id(), "portfolio portfolio-1");
    EXPECT_EQ(domain::MicrosOf(record.occurred_time()), kToday - 5 * kMicrosPerDay);
    const events::v1::OwnerTransferred& fact = record.event().owner_transferred();
    EXPECT_EQ(fact.from_person(), "ann");
    EXPECT_EQ(fact.to_person(), "bob");
    EXPECT_EQ(fact.reason(), events::v1::OWNER_CHANGE_REASON_DEPARTED);
    EXPECT_EQ(fact.rank(), 4u);
    EXPECT_EQ(fact.transfer_id(), "portfolio-1");
    ASSERT_EQ(fact.roles_size(), 1);
    EXPECT_EQ(fact.roles(0), "owner");
  }
  EXPECT_EQ(OwnRecords(), "started completed ");
  EXPECT_EQ(Row(), "");
}

TEST_P(PortfolioTest, TakesOnlyTheRoleAndTheRegionAskedFor) {
  Open("a", "ann", "DE/BE");
  Open("b", "carl", "DE/HH");
  whole_.MustAppend(Command("b", "r", {Assigned("engineer", "ann")}));
  Open("c", "carl", "FR");
  whole_.MustAppend(Command("c", "r", {Assigned("engineer", "ann")}));
  PortfolioRequest request = Request();
  request.role = "engineer";
  request.region = "DE";
  request.to_person = "";
  EXPECT_EQ(RunTransfer(request).transferred, 1u);
  const auto transferred = Transferred();
  ASSERT_EQ(transferred.size(), 1u);
  EXPECT_EQ(transferred.begin()->first, "b");
  EXPECT_EQ(OwnerOf("a"), "ann");
}

TEST_P(PortfolioTest, LeavesAloneWhatThePersonGaveUpOrLostMeanwhile) {
  for (const char* id : {"kept", "given", "lost", "back", "late"}) Open(id, std::string(id) == "late" ? "carl" : "ann");
  bool done = false;
  before_listing_ = [this, &done] {
    if (std::exchange(done, true)) return;
    whole_.MustAppend(Command("given", "r", {Released("owner", "ann")}));
    whole_.MustAppend(Command("lost", "r", {Assigned("owner", "dan")}));
    whole_.MustAppend(Command("back", "r", {Released("owner", "ann"), Assigned("owner", "ann")}));
    whole_.MustAppend(Command("late", "r", {Assigned("owner", "ann")}));
    whole_.MustAppend(Command("kept", "r", {Visited()}));
  };
  const PortfolioStatus status = RunTransfer(Request());
  EXPECT_EQ(status.phase, PortfolioPhase::kCompleted);
  EXPECT_EQ(status.accounts, 4u) << "the late one was not the person's when the transfer began";
  EXPECT_EQ(status.transferred, 1u);
  EXPECT_EQ(status.overtaken, 3u);
  EXPECT_EQ(OwnerOf("kept"), "bob");
  EXPECT_EQ(OwnerOf("given"), "");
  EXPECT_EQ(OwnerOf("lost"), "dan");
  EXPECT_EQ(OwnerOf("back"), "ann") << "taken on anew";
  EXPECT_EQ(OwnerOf("late"), "ann") << "taken on afterwards";
}

TEST_P(PortfolioTest, GetsPastAnAccountThatNeverRests) {
  Open("busy", "ann");
  Open("last", "ann");
  std::atomic<bool> over{false};
  std::atomic<int> under_way{0};
  std::thread client([&] {
    for (int i = 0; !over; ++i) {
      WaitUntil([&] { return under_way < 64; });
      ++under_way;
      whole_.ledger().Append(Command("busy", "r" + std::to_string(i), {Visited()}),
                             [&](const AppendOutcome&) { --under_way; });
    }
  });
  WaitUntil([&] { return under_way > 0; });
  EXPECT_TRUE(portfolio_->Start(Request()).ok());
  WaitUntil([&] { return Get("portfolio-1").phase == PortfolioPhase::kCompleted; });
  over = true;
  client.join();
  WaitUntil([&] { return under_way == 0; });
  EXPECT_EQ(Get("portfolio-1").transferred, 2u);
  EXPECT_EQ(Get("portfolio-1").detail, "");
  EXPECT_EQ(Transferred()["busy"].size(), 1u);
  EXPECT_EQ(OwnerOf("last"), "bob");
}

TEST_P(PortfolioTest, AnswersARepetitionWithTheFirstTransferAlsoAfterARestart) {
  Open("a", "ann");
  EXPECT_EQ(RunTransfer(Request()).transferred, 1u);
  for (int restarts = 0; restarts < 2; ++restarts) {
    const auto again = portfolio_->Start(Request());
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->started.transfer_id(), "portfolio-1");
    EXPECT_EQ(again->phase, PortfolioPhase::kCompleted);
    EXPECT_EQ(again->transferred, 1u);
    EXPECT_EQ(again->accounts, 1u);
    EXPECT_EQ(again->actor, "tester");
    PortfolioRequest other = Request();
    other.digest = "another";
    EXPECT_EQ(ReasonOf(portfolio_->Start(other).status()), Reason::kRequestIdReused);
    Restart();
  }
  EXPECT_EQ(OwnRecords(), "started completed ");
}

TEST_P(PortfolioTest, RefusesASecondTransferWhileOneIsRunning) {
  Open("a", "ann");
  behind_ = true;
  ASSERT_TRUE(portfolio_->Start(Request("r1")).ok());
  const auto second = portfolio_->Start(Request("r2"));
  EXPECT_EQ(ReasonOf(second.status()), Reason::kPortfolioTransferRunning);
  EXPECT_EQ(MetadataOf(second.status()),
            (std::vector<std::pair<std::string, std::string>>{{"transfer_id", "portfolio-1"}}));
  EXPECT_EQ(portfolio_->Start(Request("r1"))->started.transfer_id(), "portfolio-1");
  WaitUntil([this] { return Get("portfolio-1").detail == "the index is behind"; });
  behind_ = false;
  portfolio_->WaitUntilIdle();
  EXPECT_EQ(Get("portfolio-1").detail, "");
  EXPECT_EQ(RunTransfer(Request("r2")).started.transfer_id(), "portfolio-2");
  EXPECT_EQ(Get("portfolio-2").accounts, 0u);
}

TEST_P(PortfolioTest, GoesOnAfterAStopWhereItWas) {
  Open("a", "ann");
  behind_ = true;
  ASSERT_TRUE(portfolio_->Start(Request()).ok());
  WaitUntil([this] { return !Get("portfolio-1").detail.empty(); });
  portfolio_->Stop();
  EXPECT_EQ(OwnRecords(), "started ");
  EXPECT_FALSE(Row().empty());
  behind_ = false;
  // Taken on after the transfer began.
  Open("b", "ann");
  Restart();
  portfolio_->WaitUntilIdle();
  EXPECT_EQ(Get("portfolio-1").transferred, 1u);
  EXPECT_EQ(OwnerOf("a"), "bob");
  EXPECT_EQ(OwnerOf("b"), "ann");
  EXPECT_EQ(OwnRecords(), "started completed ");
}

// What a crash after so many steps leaves: 1 the row, 2 the beginning on record, 3 the first account, 4 all, 5 the end.
class PortfolioCrash : public Portfolios, public ::testing::TestWithParam<std::tuple<uint32_t, int>> {
 protected:
  PortfolioCrash() : Portfolios(std::get<0>(GetParam())) {}

  void Leave(int steps) {
    storage::v1::OpenPortfolioTransfer open;
    events::v1::PortfolioTransferStarted& plan = *open.mutable_plan();
    plan.set_transfer_id("portfolio-1");
    plan.set_from_person("ann");
    plan.set_to_person("bob");
    plan.set_reason(events::v1::OWNER_CHANGE_REASON_DEPARTED);
    domain::SetTimestamp(plan.mutable_transfer_time(), kToday);
    for (uint32_t shard = 0; shard < shards_; ++shard) {
      plan.add_places()->set_shard(shard);
      plan.mutable_places(static_cast<int>(shard))->set_next_position(whole_.ledger().shard(shard).head().head());
    }
    open.set_request_id("r1");
    open.set_digest("digest of r1");
    open.set_actor("tester");
    open.set_start_micros(kToday);
    ASSERT_TRUE(whole_.ledger().shard(0).PutMeta("portfolio.open", open.SerializeAsString()).ok());
    events::v1::Event event;
    *event.mutable_portfolio_transfer_started() = plan;
    if (steps >= 2) RecordOwn(event, "r1", "digest of r1");
    if (steps >= 3) Transfer("a");
    if (steps >= 4) Transfer("b");
    event.mutable_portfolio_transfer_completed()->set_transfer_id("portfolio-1");
    event.mutable_portfolio_transfer_completed()->set_transferred(2);
    if (steps >= 5) RecordOwn(event, "complete portfolio-1", "complete portfolio-1");
  }
  void RecordOwn(const events::v1::Event& event, const std::string& request_id, const std::string& digest) {
    std::promise<AppendOutcome> promise;
    whole_.ledger().shard(0).RecordOwn("$owners", event, request_id, "", digest,
                                       [&](AppendOutcome outcome) { promise.set_value(std::move(outcome)); });
    ASSERT_TRUE(promise.get_future().get().ok());
  }
  void Transfer(const std::string& id) {
    shard::SubmittedEvent fact = Fact();
    auto* transferred = fact.event.mutable_owner_transferred();
    transferred->set_from_person("ann");
    transferred->set_to_person("bob");
    transferred->set_reason(events::v1::OWNER_CHANGE_REASON_DEPARTED);
    transferred->set_transfer_id("portfolio-1");
    shard::AppendCommand command = Command(id, "portfolio portfolio-1", {fact});
    command.digest = command.request_id;
    whole_.MustAppend(std::move(command));
  }
};

INSTANTIATE_TEST_SUITE_P(ShardsAndSteps, PortfolioCrash,
                         ::testing::Combine(::testing::Values(1u, 4u), ::testing::Range(1, 6)));

TEST_P(PortfolioCrash, BetweenAnyTwoStepsLeavesEachAccountTransferredOnce) {
  Open("a", "ann");
  Open("b", "ann");
  portfolio_.reset();
  Leave(std::get<1>(GetParam()));
  Restart();
  portfolio_->WaitUntilIdle();
  const PortfolioStatus status = Get("portfolio-1");
  EXPECT_EQ(status.phase, PortfolioPhase::kCompleted) << status.detail;
  EXPECT_EQ(status.transferred, 2u);
  EXPECT_EQ(status.accounts, 2u);
  EXPECT_EQ(status.overtaken, 0u);
  EXPECT_EQ(OwnRecords(), "started completed ");
  EXPECT_EQ(Row(), "");
  const auto transferred = Transferred();
  ASSERT_EQ(transferred.size(), 2u);
  for (const auto& [id, records] : transferred) EXPECT_EQ(records.size(), 1u) << id;
  const auto again = portfolio_->Start(Request());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->started.transfer_id(), "portfolio-1");
}

TEST_P(PortfolioCrash, TakesNothingAgainThatCameBackAfterItWentOver) {
  Open("a", "ann");
  portfolio_.reset();
  Leave(3);
  whole_.MustAppend(Command("a", "r", {Assigned("owner", "ann")}));
  Restart();
  portfolio_->WaitUntilIdle();
  EXPECT_EQ(OwnerOf("a"), "ann");
  EXPECT_EQ(Get("portfolio-1").transferred, 1u);
  EXPECT_EQ(Transferred()["a"].size(), 1u);
}

TEST_P(PortfolioTest, CountsAnAccountThatCannotBeReadAndGoesOn) {
  Open("a", "ann");
  Open("b", "ann");
  portfolio_.reset();
  Damage(whole_, "a");
  Restart();
  const PortfolioStatus status = RunTransfer(Request());
  EXPECT_EQ(status.phase, PortfolioPhase::kCompleted);
  EXPECT_EQ(status.undecided, 1u);
  EXPECT_EQ(status.transferred, 1u);
  EXPECT_EQ(status.detail.find("account 'a' stays as it is: "), 0u) << status.detail;
  EXPECT_EQ(OwnerOf("b"), "bob");
}

TEST_P(PortfolioTest, PreviewsWithoutRecordingAnything) {
  for (const char* id : {"a", "b", "c"}) Open(id, std::string(id) == "c" ? "carl" : "ann");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  const auto preview = portfolio_->Preview(Request(), deadline);
  ASSERT_TRUE(preview.ok()) << preview.status();
  EXPECT_EQ(preview->phase, PortfolioPhase::kPreview);
  EXPECT_EQ(preview->accounts, 2u);
  EXPECT_EQ(OwnRecords(), "");
  EXPECT_EQ(Row(), "");
  EXPECT_TRUE(Transferred().empty());
  behind_ = true;
  EXPECT_EQ(ReasonOf(portfolio_->Preview(Request(), std::chrono::steady_clock::now()).status()),
            Reason::kProjectionBehind);
}

TEST_P(PortfolioTest, EndsAPreviewThatNobodyWaitsFor) {
  for (int i = 0; i < 9; ++i) Open("a" + std::to_string(i), "ann");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  int asked = 0;
  const auto preview = portfolio_->Preview(Request(), deadline, [&asked] { return ++asked == 5; });
  EXPECT_EQ(preview.status().code(), absl::StatusCode::kCancelled) << preview.status();
  EXPECT_EQ(asked, 5);
  // An index that stays behind is not waited for either.
  behind_ = true;
  const auto waiting = portfolio_->Preview(Request(), deadline, [] { return true; });
  EXPECT_EQ(waiting.status().code(), absl::StatusCode::kCancelled) << waiting.status();
}

TEST_P(PortfolioTest, ListsTransfersNewestFirst) {
  Open("a", "ann");
  for (const char* id : {"r1", "r2", "r3"}) RunTransfer(Request(id));
  const auto ids = [this](uint64_t before, size_t limit) {
    std::vector<std::string> found;
    const auto listed = portfolio_->List(before, limit);
    EXPECT_TRUE(listed.ok());
    for (const PortfolioStatus& status : *listed) found.push_back(status.started.transfer_id());
    return found;
  };
  using Ids = std::vector<std::string>;
  for (int restarts = 0; restarts < 2; ++restarts) {
    EXPECT_EQ(ids(100, 100), (Ids{"portfolio-3", "portfolio-2", "portfolio-1"}));
    EXPECT_EQ(ids(100, 2), (Ids{"portfolio-3", "portfolio-2"}));
    EXPECT_EQ(ids(2, 100), Ids{"portfolio-1"});
    Restart();
  }
  for (const char* id : {"portfolio-4", "portfolio-0", "portfolio-01", "portfolio-", "review-1", ""}) {
    EXPECT_EQ(ReasonOf(portfolio_->Get(id).status()), Reason::kPortfolioTransferNotFound) << id;
  }
}

TEST_P(PortfolioTest, RefusesATimeAheadOfTheClock) {
  PortfolioRequest request = Request();
  request.transfer_time = whole_.clock().Now() + 60 * kMicrosPerSecond;
  EXPECT_TRUE(portfolio_->Start(request).ok());
  portfolio_->WaitUntilIdle();
  request = Request("r2");
  request.transfer_time = whole_.clock().Now() + 60 * kMicrosPerSecond + 1;
  const auto refused = portfolio_->Start(request);
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kOccurredInFuture);
  EXPECT_EQ(FieldsOf(refused.status()).at(0).first, "transfer_time");
}

TEST_P(PortfolioTest, ReplaysWithoutAFinding) {
  for (const char* id : {"a", "b", "c"}) Open(id, "ann");
  RunTransfer(Request());
  shard::ReplayStores stores{whole_.ledger().ledger_id(), {}, {}};
  for (uint32_t shard = 0; shard < shards_; ++shard) stores.stores.push_back(&whole_.ledger().shard(shard).store());
  const auto source = shard::MakeLedgerSource(stores);
  const Replayed replayed = ReplayAll(*source);
  EXPECT_EQ(replayed.report.findings(), 0u) << Listed(replayed);
  EXPECT_EQ(replayed.report.records(), 8u) << "three openings, three transfers, the beginning and the end";
}

TEST(Portfolio, WaitsOutAFullQueue) {
  shard::ShardOptions options;
  options.queue_requests_max = 1;
  options.group_records_max = 1;
  OneShard one(options);
  one.MustAppend(Command("a", "open", {OwnedBy("ann")}));
  one.log().Close();
  const int arrivals = one.log().arrivals();
  auto writing = one.Start(Command("z", "w1", {Opened()}));
  one.log().WaitForArrivals(arrivals + 1);
  auto grouped = one.Start(Command("z", "w2", {Visited()}));
  one.WaitUntilSequenced();
  auto queued = one.Start(Command("z", "w3", {Visited()}));
  shard::PortfolioOptions portfolio_options;
  portfolio_options.list = [&one](uint32_t, const std::string&, const std::string& after, size_t limit, uint64_t) {
    return AllAccounts(one.store(), after, limit);
  };
  Portfolio portfolio({&one.shard()}, one.clock(), portfolio_options);
  ASSERT_TRUE(portfolio.Start(Request()).ok());
  // It finds the queue full, and goes on looking: for a while nothing changes.
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
  WaitUntil([&] { return std::chrono::steady_clock::now() > until; });
  EXPECT_EQ(portfolio.Get("portfolio-1")->phase, PortfolioPhase::kRunning);
  one.log().Open();
  for (auto* const outcome : {&writing, &grouped, &queued}) EXPECT_TRUE(outcome->get().ok());
  portfolio.WaitUntilIdle();
  EXPECT_EQ(portfolio.Get("portfolio-1")->transferred, 1u);
  EXPECT_EQ(one.State("a").owner, "bob");
  EXPECT_EQ(one.shard().stats().replayed_requests, 0u) << "nothing was done twice";
}

}  // namespace
}  // namespace keyledger::testing

// The engine against a real store: following, failing, rebuilding, restarting.
#include "projections/engine/engine.h"

#include <atomic>
#include <functional>
#include <thread>

#include <gtest/gtest.h>

#include "server/base/error.h"
#include "server/base/mutex.h"
#include "tests/support/fault_env.h"
#include "tests/support/ledger_store.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using std::chrono::steady_clock;
using testing::FaultEnv;
using testing::LedgerStore;
using testing::RecordLog;

// Counts each account's records, and does what the test asks before each.
class Counter final : public Projection {
 public:
  explicit Counter(std::string name = "counter", uint32_t version = 1,
                   std::function<absl::Status(uint64_t)> before = {})
      : name_(std::move(name)), version_(version), before_(std::move(before)) {}
  std::string_view name() const override { return name_; }
  uint32_t version() const override { return version_; }
  absl::Status Apply(const RecordView& record, Rows& rows) const override {
    if (before_) KL_RETURN_IF_ERROR(before_(record.record.position()));
    KL_ASSIGN_OR_RETURN(const std::optional<std::string_view> row, rows.Get(record.record.account_id()));
    const int count = row.has_value() ? std::stoi(std::string(*row)) : 0;
    rows.Put(record.record.account_id(), std::to_string(count + 1));
    return absl::OkStatus();
  }

 private:
  const std::string name_;
  const uint32_t version_;
  const std::function<absl::Status(uint64_t)> before_;
};

// Holds back whoever passes until it is opened.
class Gate {
 public:
  void Open() {
    MutexLock lock(mutex_);
    open_ = true;
    changed_.NotifyAll();
  }
  void Pass() {
    MutexLock lock(mutex_);
    waiting_ = true;
    changed_.NotifyAll();
    while (!open_) changed_.Wait(mutex_);
  }
  void AwaitSomeone() {
    MutexLock lock(mutex_);
    while (!waiting_) changed_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool open_ = false;
  bool waiting_ = false;
};

RecordLog Log(int records) {
  RecordLog log;
  for (int i = 0; i < records; ++i) log.Add(i % 3 == 0 ? "a" : "b", 0);
  return log;
}

steady_clock::time_point Soon() { return steady_clock::now() + std::chrono::seconds(60); }

std::unique_ptr<Engine> OpenEngine(LedgerStore& ledger, std::vector<std::shared_ptr<const Projection>> projections,
                                   uint64_t chunk = 10) {
  auto engine =
      Engine::Open(ledger.store(), ledger.head(), std::move(projections), EngineOptions{.chunk_records = chunk});
  EXPECT_TRUE(engine.ok()) << engine.status();
  return *std::move(engine);
}

std::unique_ptr<Engine> StartEngine(LedgerStore& ledger, std::vector<std::shared_ptr<const Projection>> projections,
                                    uint64_t chunk = 10) {
  auto engine = OpenEngine(ledger, std::move(projections), chunk);
  engine->Start();
  return engine;
}

std::string CountOf(const Engine& engine, const char* account, const char* projection = "counter") {
  const auto reader = engine.Reader(projection);
  EXPECT_TRUE(reader.ok()) << reader.status();
  return (*(*reader)->Get(account)).value_or("none");
}

ProjectionStatus StatusOf(const Engine& engine, std::string_view projection) {
  for (const ProjectionStatus& status : engine.List()) {
    if (status.name == projection) return status;
  }
  ADD_FAILURE() << "no projection " << projection;
  return {};
}

// Waits until the status satisfies `wanted`; each look is preceded by a wait of the engine for something to happen.
void AwaitStatus(const Engine& engine, std::string_view projection,
                 const std::function<bool(const ProjectionStatus&)>& wanted) {
  const auto deadline = Soon();
  while (!wanted(StatusOf(engine, projection))) {
    ASSERT_LT(steady_clock::now(), deadline) << "the projection did not get there";
    std::this_thread::yield();
  }
}

TEST(Engine, FollowsTheLogAndReportsHowFar) {
  LedgerStore ledger;
  const RecordLog log = Log(25);
  ledger.Append(log.records(), 12);
  const auto engine = StartEngine(ledger, {std::make_shared<Counter>()});
  ASSERT_TRUE(engine->WaitFor("counter", 12, Soon()).ok());
  EXPECT_EQ(CountOf(*engine, "a"), "4");
  ledger.Append(log.records(), 25);
  ASSERT_TRUE(engine->WaitFor("counter", 25, Soon()).ok());
  EXPECT_EQ(CountOf(*engine, "a"), "9");
  EXPECT_EQ(CountOf(*engine, "b"), "16");
  const ProjectionStatus status = StatusOf(*engine, "counter");
  EXPECT_EQ(status.version, 1u);
  EXPECT_EQ(status.state, BuildState::kFollowing);
  EXPECT_EQ(status.applied, 25u);
  EXPECT_EQ(status.lag, 0u);
  EXPECT_EQ(status.rebuilds, 0u);
  EXPECT_EQ(status.detail, "");
}

TEST(Engine, GivesAReaderAConsistentViewThatStays) {
  LedgerStore ledger;
  const RecordLog log = Log(20);
  ledger.Append(log.records(), 10);
  const auto engine = StartEngine(ledger, {std::make_shared<Counter>()});
  ASSERT_TRUE(engine->WaitFor("counter", 10, Soon()).ok());
  const auto reader = *engine->Reader("counter");
  ledger.Append(log.records(), 20);
  ASSERT_TRUE(engine->WaitFor("counter", 20, Soon()).ok());
  EXPECT_EQ(reader->applied(), 10u);
  EXPECT_EQ(*reader->Get("a"), "4");
  EXPECT_EQ(CountOf(*engine, "a"), "7");
}

TEST(Engine, TellsWhoWaitsTooLongHowFarItIs) {
  LedgerStore ledger;
  ledger.Append(Log(5).records(), 5);
  const auto engine = OpenEngine(ledger, {std::make_shared<Counter>()});
  const absl::Status late = engine->WaitFor("counter", 5, steady_clock::now());
  EXPECT_EQ(ReasonOf(late), Reason::kProjectionBehind);
  EXPECT_EQ(late.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(MetadataOf(late), (std::vector<std::pair<std::string, std::string>>{{"applied", "0"}}));
  EXPECT_EQ(StatusOf(*engine, "counter").lag, 5u);
  EXPECT_TRUE(engine->WaitFor("counter", 0, steady_clock::now()).ok());
}

TEST(Engine, DoesNotFindAnUnknownProjection) {
  LedgerStore ledger;
  const auto engine = StartEngine(ledger, {std::make_shared<Counter>()});
  EXPECT_EQ(ReasonOf(engine->Reader("other").status()), Reason::kProjectionNotFound);
  EXPECT_EQ(ReasonOf(engine->WaitFor("other", 0, Soon())), Reason::kProjectionNotFound);
  EXPECT_EQ(ReasonOf(engine->Rebuild("other")), Reason::kProjectionNotFound);
  EXPECT_EQ(ReasonOf(engine->Digest("other").status()), Reason::kProjectionNotFound);
}

TEST(Engine, StopsPromptlyAndReleasesWhoWaits) {
  LedgerStore ledger;
  const auto engine = StartEngine(ledger, {std::make_shared<Counter>()});
  absl::Status waited;
  std::thread waiter([&] { waited = engine->WaitFor("counter", 1, steady_clock::now() + std::chrono::hours(1)); });
  const auto before = steady_clock::now();
  engine->Stop();
  waiter.join();
  EXPECT_LT(steady_clock::now() - before, std::chrono::seconds(5));
  EXPECT_EQ(ReasonOf(waited), Reason::kStopping);
  EXPECT_EQ(ReasonOf(engine->Reader("counter").status()), Reason::kStopping);
  EXPECT_EQ(ReasonOf(engine->Rebuild("counter")), Reason::kStopping);
  engine->Stop();
}

TEST(Engine, LetsAProjectionThatFailsStopAlone) {
  LedgerStore ledger;
  const RecordLog log = Log(20);
  ledger.Append(log.records(), 20);
  const auto fails = std::make_shared<Counter>("broken", 1, [](uint64_t position) {
    return position == 13 ? MakeError(Reason::kStoreDamaged, "no such lot") : absl::OkStatus();
  });
  const auto engine = StartEngine(ledger, {fails, std::make_shared<Counter>()});
  const absl::Status stopped = engine->WaitFor("broken", 20, Soon());
  EXPECT_EQ(ReasonOf(stopped), Reason::kStoreDamaged);
  EXPECT_EQ(MessageOf(stopped), "projection broken stopped at position 13: no such lot");
  EXPECT_TRUE(engine->WaitFor("counter", 20, Soon()).ok());
  const ProjectionStatus status = StatusOf(*engine, "broken");
  EXPECT_EQ(status.state, BuildState::kFailed);
  EXPECT_EQ(status.applied, 10u);
  EXPECT_EQ(status.lag, 10u);
  EXPECT_EQ(status.detail, "projection broken stopped at position 13: no such lot");
  // What it had is still served.
  EXPECT_EQ(CountOf(*engine, "a", "broken"), "4");
}

TEST(Engine, ServesAFailedProjectionAgainAfterARebuild) {
  LedgerStore ledger;
  ledger.Append(Log(20).records(), 20);
  std::atomic<bool> repaired{false};
  const auto engine =
      StartEngine(ledger, {std::make_shared<Counter>("counter", 1, [&repaired](uint64_t position) {
                    return position == 13 && !repaired ? MakeError(Reason::kStoreDamaged, "damaged") : absl::OkStatus();
                  })});
  EXPECT_FALSE(engine->WaitFor("counter", 20, Soon()).ok());
  ASSERT_TRUE(engine->Rebuild("counter").ok());
  AwaitStatus(*engine, "counter", [](const ProjectionStatus& status) { return status.state == BuildState::kFailed; });
  EXPECT_EQ(StatusOf(*engine, "counter").rebuilds, 0u);
  repaired = true;
  ASSERT_TRUE(engine->Rebuild("counter").ok());
  AwaitStatus(*engine, "counter", [](const ProjectionStatus& status) { return status.rebuilds == 1; });
  ASSERT_TRUE(engine->WaitFor("counter", 20, Soon()).ok());
  EXPECT_EQ(StatusOf(*engine, "counter").state, BuildState::kFollowing);
  EXPECT_EQ(CountOf(*engine, "b"), "13");
}

TEST(Engine, StopsEveryProjectionAtARecordThatDoesNotParse) {
  LedgerStore ledger;
  ledger.Append(Log(3).records(), 3);
  ledger.AppendRaw("\xff\xff\xff");
  const auto engine = StartEngine(ledger, {std::make_shared<Counter>(), std::make_shared<Counter>("other")});
  for (const char* name : {"counter", "other"}) {
    const absl::Status stopped = engine->WaitFor(name, 4, Soon());
    EXPECT_EQ(ReasonOf(stopped), Reason::kStoreDamaged);
    EXPECT_NE(MessageOf(stopped).find("position 3"), std::string::npos);
    EXPECT_EQ(StatusOf(*engine, name).applied, 3u);
  }
}

TEST(Engine, StopsAtARecordThatNamesAnotherPosition) {
  LedgerStore ledger;
  ledger.AppendRaw(Log(2).records()[1].SerializeAsString());
  const auto engine = StartEngine(ledger, {std::make_shared<Counter>()});
  EXPECT_EQ(ReasonOf(engine->WaitFor("counter", 1, Soon())), Reason::kStoreDamaged);
}

TEST(Engine, RebuildsBesideTheServingBuildAndDropsTheOldOne) {
  LedgerStore ledger;
  const RecordLog log = Log(100);
  ledger.Append(log.records(), 60);
  const auto engine = StartEngine(ledger, {std::make_shared<Counter>()}, 7);
  ASSERT_TRUE(engine->WaitFor("counter", 60, Soon()).ok());
  const std::string before = *engine->Digest("counter");
  ASSERT_TRUE(engine->Rebuild("counter").ok());
  AwaitStatus(*engine, "counter", [](const ProjectionStatus& status) { return status.rebuilds == 1; });
  EXPECT_EQ(*engine->Digest("counter"), before);
  EXPECT_EQ(StatusOf(*engine, "counter").state, BuildState::kFollowing);
  EXPECT_EQ(StatusOf(*engine, "counter").applied, 60u);
  ledger.Append(log.records(), 100);
  ASSERT_TRUE(engine->WaitFor("counter", 100, Soon()).ok());
  EXPECT_EQ(CountOf(*engine, "a"), "34");
  const auto deadline = Soon();
  while (ledger.store().ListTables()->size() > 1 && steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(*ledger.store().ListTables(), (std::vector<std::string>{"counter.1.b"}));
  EXPECT_EQ(*ledger.store().GetMeta("projection.counter"), "b1");
}

TEST(Engine, KeepsTheOldBuildWhileItIsRead) {
  LedgerStore ledger;
  ledger.Append(Log(30).records(), 30);
  const auto engine = StartEngine(ledger, {std::make_shared<Counter>()});
  ASSERT_TRUE(engine->WaitFor("counter", 30, Soon()).ok());
  auto reader = *engine->Reader("counter");
  ASSERT_TRUE(engine->Rebuild("counter").ok());
  AwaitStatus(*engine, "counter", [](const ProjectionStatus& status) { return status.rebuilds == 1; });
  EXPECT_EQ(ledger.store().ListTables()->size(), 2u);
  EXPECT_EQ(*reader->Get("a"), "10");
  // The next rebuild needs the name of the build that is being read.
  ASSERT_TRUE(engine->Rebuild("counter").ok());
  EXPECT_EQ(StatusOf(*engine, "counter").state, BuildState::kRebuilding);
  EXPECT_EQ(ReasonOf(engine->Rebuild("counter")), Reason::kRebuildRunning);
  reader.reset();
  AwaitStatus(*engine, "counter", [](const ProjectionStatus& status) { return status.rebuilds == 2; });
  EXPECT_EQ(CountOf(*engine, "a"), "10");
}

TEST(Engine, RefusesASecondRebuildWhileOneRuns) {
  LedgerStore ledger;
  ledger.Append(Log(30).records(), 30);
  Gate gate;
  std::atomic<bool> hold{false};
  const auto engine = StartEngine(ledger, {std::make_shared<Counter>("counter", 1, [&](uint64_t) {
                                    if (hold) gate.Pass();
                                    return absl::OkStatus();
                                  })});
  ASSERT_TRUE(engine->WaitFor("counter", 30, Soon()).ok());
  hold = true;
  ASSERT_TRUE(engine->Rebuild("counter").ok());
  gate.AwaitSomeone();
  EXPECT_EQ(ReasonOf(engine->Rebuild("counter")), Reason::kRebuildRunning);
  EXPECT_EQ(StatusOf(*engine, "counter").state, BuildState::kRebuilding);
  // The serving build answers meanwhile.
  EXPECT_EQ(CountOf(*engine, "a"), "10");
  gate.Open();
  AwaitStatus(*engine, "counter", [](const ProjectionStatus& status) { return status.rebuilds == 1; });
}

TEST(Engine, BuildsANewVersionFromZeroAndDropsTheOld) {
  LedgerStore ledger;
  ledger.Append(Log(30).records(), 30);
  {
    const auto engine = StartEngine(ledger, {std::make_shared<Counter>()});
    ASSERT_TRUE(engine->WaitFor("counter", 30, Soon()).ok());
  }
  ledger.Reopen();
  const auto engine = OpenEngine(ledger, {std::make_shared<Counter>("counter", 2)});
  EXPECT_EQ(StatusOf(*engine, "counter").applied, 0u);
  EXPECT_EQ(*ledger.store().ListTables(), (std::vector<std::string>{"counter.2.a"}));
  engine->Start();
  ASSERT_TRUE(engine->WaitFor("counter", 30, Soon()).ok());
  EXPECT_EQ(CountOf(*engine, "a"), "10");
}

TEST(Engine, DropsWhatAnUnfinishedRebuildHasLeft) {
  LedgerStore ledger;
  ASSERT_TRUE(ledger.store().OpenTable("counter.1.b").ok());
  ASSERT_TRUE(ledger.store().OpenTable("forgotten.4.a").ok());
  const auto engine = OpenEngine(ledger, {std::make_shared<Counter>()});
  EXPECT_EQ(*ledger.store().ListTables(), (std::vector<std::string>{"counter.1.a"}));
}

// The first 100 records, so that a projection added later is far behind.
void FoldByCounterAlone(LedgerStore& ledger, const RecordLog& log) {
  ledger.Append(log.records(), 100);
  const auto engine = StartEngine(ledger, {std::make_shared<Counter>()});
  ASSERT_TRUE(engine->WaitFor("counter", 100, Soon()).ok());
}

TEST(Engine, DoesNotLetAProjectionThatStartsOverHoldUpTheOthers) {
  LedgerStore ledger;
  const RecordLog log = Log(110);
  FoldByCounterAlone(ledger, log);
  Gate gate;
  const auto engine =
      StartEngine(ledger, {std::make_shared<Counter>(), std::make_shared<Counter>("added", 1, [&gate](uint64_t) {
                             gate.Pass();
                             return absl::OkStatus();
                           })});
  gate.AwaitSomeone();
  ledger.Append(log.records(), 110);
  EXPECT_TRUE(engine->WaitFor("counter", 110, Soon()).ok());
  EXPECT_LT(StatusOf(*engine, "added").applied, 100u);
  gate.Open();
  EXPECT_TRUE(engine->WaitFor("added", 110, Soon()).ok());
  EXPECT_EQ(CountOf(*engine, "a", "added"), "37");
}

TEST(Engine, KeepsATableThatIsStillCatchingUpWhenARebuildOvertakesIt) {
  LedgerStore ledger;
  FoldByCounterAlone(ledger, Log(100));
  Gate gate;
  std::atomic<bool> first{true};
  std::atomic<uint64_t> rebuilt{0};
  const auto engine =
      StartEngine(ledger, {std::make_shared<Counter>(), std::make_shared<Counter>("added", 1, [&](uint64_t position) {
                             if (first.exchange(false)) {
                               gate.Pass();
                             } else if (position == 99) {
                               rebuilt += 1;
                             }
                             return absl::OkStatus();
                           })});
  gate.AwaitSomeone();
  ASSERT_TRUE(engine->Rebuild("added").ok());
  AwaitStatus(*engine, "added", [](const ProjectionStatus& status) { return status.rebuild_applied == 100; });
  EXPECT_EQ(rebuilt.load(), 1u);
  // The follower has come past the place where it switches once the next record has been applied.
  ledger.Append(Log(101).records(), 101);
  ASSERT_TRUE(engine->WaitFor("counter", 101, Soon()).ok());
  ledger.Append(Log(102).records(), 102);
  ASSERT_TRUE(engine->WaitFor("counter", 102, Soon()).ok());
  EXPECT_EQ(StatusOf(*engine, "added").state, BuildState::kRebuilding);
  EXPECT_EQ(StatusOf(*engine, "added").rebuilds, 0u);
  gate.Open();
  AwaitStatus(*engine, "added", [](const ProjectionStatus& status) { return status.rebuilds == 1; });
  EXPECT_EQ(StatusOf(*engine, "added").applied, 102u);
  EXPECT_EQ(CountOf(*engine, "a", "added"), "34");
}

TEST(Engine, SwitchesToARebuildWhenTheBuildThatWasCatchingUpFails) {
  LedgerStore ledger;
  FoldByCounterAlone(ledger, Log(100));
  Gate gate;
  std::atomic<bool> first{true};
  const auto engine =
      StartEngine(ledger, {std::make_shared<Counter>(), std::make_shared<Counter>("added", 1, [&](uint64_t) {
                             if (!first.exchange(false)) return absl::OkStatus();
                             gate.Pass();
                             return MakeError(Reason::kStoreDamaged, "damaged");
                           })});
  gate.AwaitSomeone();
  ASSERT_TRUE(engine->Rebuild("added").ok());
  AwaitStatus(*engine, "added", [](const ProjectionStatus& status) { return status.rebuild_applied == 100; });
  gate.Open();
  AwaitStatus(*engine, "added", [](const ProjectionStatus& status) { return status.rebuilds == 1; });
  EXPECT_EQ(StatusOf(*engine, "added").state, BuildState::kFollowing);
  EXPECT_EQ(CountOf(*engine, "a", "added"), "34");
}

TEST(Engine, NamesARebuiltTableOnlyOnceItsRowsSurviveAKill) {
  LedgerStore ledger;
  ledger.Append(Log(30).records(), 30);
  const auto engine = StartEngine(ledger, {std::make_shared<Counter>()});
  ASSERT_TRUE(engine->WaitFor("counter", 30, Soon()).ok());
  ASSERT_TRUE(engine->Rebuild("counter").ok());
  AwaitStatus(*engine, "counter", [](const ProjectionStatus& status) { return status.rebuilds == 1; });
  const auto deadline = Soon();
  while (ledger.store().ListTables()->size() > 1 && steady_clock::now() < deadline) std::this_thread::yield();
  const auto left = ledger.AfterKill();
  EXPECT_EQ(*left->GetMeta("projection.counter"), "b1");
  store::Table* const table = *left->OpenTable("counter.1.b");
  EXPECT_EQ(table->applied(), 30u);
  EXPECT_EQ(*table->Get("a"), "10");
}

TEST(Engine, WaitsWhileTheDiskIsNearlyFullAndThenGoesOn) {
  FaultEnv machine;
  LedgerStore ledger(machine.env(), 1000);
  const RecordLog log = Log(30);
  ledger.Append(log.records(), 30);
  const auto engine = OpenEngine(ledger, {std::make_shared<Counter>()});
  machine.SetFreeBytes(999);
  engine->Start();
  AwaitStatus(*engine, "counter", [](const ProjectionStatus& status) { return !status.detail.empty(); });
  const ProjectionStatus status = StatusOf(*engine, "counter");
  EXPECT_EQ(status.state, BuildState::kFollowing);
  EXPECT_EQ(status.applied, 0u);
  EXPECT_NE(status.detail.find("999 bytes free"), std::string::npos) << status.detail;
  EXPECT_EQ(ReasonOf(engine->WaitFor("counter", 30, steady_clock::now())), Reason::kProjectionBehind);
  machine.SetFreeBytes(1000);
  ASSERT_TRUE(engine->WaitFor("counter", 30, Soon()).ok());
  EXPECT_EQ(CountOf(*engine, "a"), "10");
  EXPECT_EQ(StatusOf(*engine, "counter").detail, "");
}

TEST(Engine, EndsARebuildThatWouldFillTheDiskAndDropsItsTable) {
  FaultEnv machine;
  LedgerStore ledger(machine.env(), 1000);
  ledger.Append(Log(30).records(), 30);
  const auto engine = StartEngine(ledger, {std::make_shared<Counter>()});
  ASSERT_TRUE(engine->WaitFor("counter", 30, Soon()).ok());
  machine.SetFreeBytes(999);
  ASSERT_TRUE(engine->Rebuild("counter").ok());
  AwaitStatus(*engine, "counter",
              [](const ProjectionStatus& status) { return status.state == BuildState::kFollowing; });
  EXPECT_EQ(StatusOf(*engine, "counter").rebuilds, 0u);
  const std::string detail = StatusOf(*engine, "counter").detail;
  EXPECT_TRUE(detail.starts_with("the last rebuild failed: the file system of ")) << detail;
  EXPECT_NE(detail.find("has 999 bytes free, and 1000 are kept in reserve: make room"), std::string::npos) << detail;
  const auto deadline = Soon();
  while (ledger.store().ListTables()->size() > 1 && steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(*ledger.store().ListTables(), (std::vector<std::string>{"counter.1.a"}));
  EXPECT_TRUE(ledger.store().write_status().ok());
  machine.SetFreeBytes(1000);
  ASSERT_TRUE(engine->Rebuild("counter").ok());
  AwaitStatus(*engine, "counter", [](const ProjectionStatus& status) { return status.rebuilds == 1; });
  EXPECT_EQ(CountOf(*engine, "a"), "10");
}

TEST(Engine, OpensAlthoughALeftoverTableCannotBeDropped) {
  LedgerStore ledger;
  {
    const auto engine = OpenEngine(ledger, {std::make_shared<Counter>()});
    ASSERT_TRUE(ledger.store().OpenTable("forgotten.4.a").ok());
  }
  const auto store = ledger.AfterKill();
  ASSERT_FALSE(store->DropTable("forgotten.4.a").ok());
  HeadWatch head(0);
  const auto engine = Engine::Open(*store, head, {std::make_shared<Counter>()}, {});
  EXPECT_TRUE(engine.ok()) << engine.status();
}

TEST(Engine, RefusesASettingItCannotRead) {
  LedgerStore ledger;
  ASSERT_TRUE(ledger.store().PutMeta("projection.counter", "c1").ok());
  const auto engine = Engine::Open(ledger.store(), ledger.head(), {std::make_shared<Counter>()}, {});
  EXPECT_EQ(ReasonOf(engine.status()), Reason::kStoreDamaged);
}

TEST(Engine, GivesTheSameRowsWhileReadersAndRebuildsComeAndGo) {
  LedgerStore ledger;
  const RecordLog log = Log(400);
  const auto engine = StartEngine(ledger, {std::make_shared<Counter>()}, 3);
  std::atomic<bool> done{false};
  std::thread reader([&] {
    uint64_t applied = 0;
    while (!done) {
      const auto rows = engine->Reader("counter");
      ASSERT_TRUE(rows.ok());
      EXPECT_GE((*rows)->applied(), applied);
      applied = (*rows)->applied();
    }
  });
  for (size_t to = 4; to <= 400; to += 4) {
    ledger.Append(log.records(), to);
    if (to % 40 == 0) engine->Rebuild("counter").IgnoreError();
  }
  EXPECT_TRUE(engine->WaitFor("counter", 400, Soon()).ok());
  AwaitStatus(*engine, "counter", [](const ProjectionStatus& status) {
    return status.state == BuildState::kFollowing && status.rebuilds > 0;
  });
  done = true;
  reader.join();
  EXPECT_EQ(CountOf(*engine, "a"), "134");
  EXPECT_EQ(CountOf(*engine, "b"), "266");
}

}  // namespace
}  // namespace keyledger::projections

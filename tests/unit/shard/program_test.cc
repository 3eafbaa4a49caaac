// Publishing programs: on every shard, in versions, whole or refused, and finished after a crash in the middle.
#include <atomic>

#include <rocksdb/env.h>

#include "server/shard/ledger_file.h"
#include "tests/unit/shard/shard_fixture.h"

namespace keyledger::testing {
namespace {

std::string EffectiveFrom(const std::string& date) {
  std::string yaml = kPendingProgram;
  const size_t at = yaml.find("2000-01-01");
  return yaml.replace(at, 10, date);
}

TEST(Publish, ReachesEveryShard) {
  WholeLedger whole(4);
  const auto published = whole.ledger().Publish(kPlainProgram, "p1", "tester");
  ASSERT_TRUE(published.ok()) << published.status();
  EXPECT_EQ(published->program->program().version(), 1u);
  EXPECT_EQ(published->source_yaml, kPlainProgram);
  EXPECT_EQ(published->publish_time, kToday);
  for (uint32_t shard = 0; shard < 4; ++shard) {
    const auto records = whole.Records(shard);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].account_id(), "$programs");
    EXPECT_EQ(records[0].event().program_published().program_id(), "plain");
    EXPECT_EQ(records[0].event().program_published().version(), 1u);
    EXPECT_EQ(records[0].actor(), "tester");
  }
  // Wherever an account lives, its purchases earn points.
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(whole.MustAppend(Command("account-" + std::to_string(i), "r1", {Opened(), Bought(5)}))
                  .standing.available_points,
              5);
  }
}

TEST(Publish, CountsVersionsPerProgram) {
  WholeLedger whole(2);
  ASSERT_TRUE(whole.ledger().Publish(EffectiveFrom("2000-01-01"), "p1", "").ok());
  const auto second = whole.ledger().Publish(EffectiveFrom("2001-01-01"), "p2", "");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->program->program().version(), 2u);
  const auto other = whole.ledger().Publish(kPlainProgram, "p3", "");
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(other->program->program().version(), 1u);
  const auto all = whole.ledger().published();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].program->program().program_id(), "pending");
  EXPECT_EQ(all[1].program->program().version(), 2u);
  EXPECT_EQ(all[2].program->program().program_id(), "plain");
}

TEST(Publish, OfTheSameTextReturnsTheSameVersion) {
  WholeLedger whole(2);
  ASSERT_TRUE(whole.ledger().Publish(kPlainProgram, "p1", "").ok());
  const auto again = whole.ledger().Publish(kPlainProgram, "p2", "");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->program->program().version(), 1u);
  EXPECT_EQ(whole.Records(0).size(), 1u);
  EXPECT_EQ(whole.Records(1).size(), 1u);
}

TEST(Publish, RepeatedAfterALaterVersionReturnsTheFirstAnswer) {
  WholeLedger whole(2);
  ASSERT_TRUE(whole.ledger().Publish(EffectiveFrom("2000-01-01"), "p1", "").ok());
  ASSERT_TRUE(whole.ledger().Publish(EffectiveFrom("2000-01-01") + "# second\n", "p2", "").ok());
  const auto again = whole.ledger().Publish(EffectiveFrom("2000-01-01"), "p1", "");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->program->program().version(), 1u);
  EXPECT_EQ(whole.Records(0).size(), 2u);
  EXPECT_EQ(whole.Records(1).size(), 2u);
}

TEST(Publish, RefusesAVersionThatBeginsBeforeTheOneInForce) {
  WholeLedger whole;
  ASSERT_TRUE(whole.ledger().Publish(EffectiveFrom("2001-01-01"), "p1", "").ok());
  const absl::Status refused = whole.ledger().Publish(EffectiveFrom("2000-12-31"), "p2", "").status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(refused), Reason::kProgramConflict);
  EXPECT_EQ(whole.Records(0).size(), 1u);
}

TEST(Publish, RefusesARequestIdUsedForAnotherText) {
  WholeLedger whole;
  ASSERT_TRUE(whole.ledger().Publish(kPlainProgram, "p1", "").ok());
  EXPECT_EQ(ReasonOf(whole.ledger().Publish(kPendingProgram, "p1", "").status()), Reason::kRequestIdReused);
  EXPECT_EQ(whole.Records(0).size(), 1u);
}

TEST(Publish, ReportsEveryMistakeByLineAndPublishesNothing) {
  WholeLedger whole;
  const absl::Status refused = whole.ledger()
                                   .Publish(
                                       "program_id: Bad Id\n"
                                       "time_zone: Mars/Olympus\n"
                                       "currency_code: USD\n"
                                       "effective_from: 2000-01-01\n"
                                       "colour: red\n",
                                       "p1", "")
                                   .status();
  EXPECT_EQ(ReasonOf(refused), Reason::kInvalidProgram);
  std::vector<std::string> lines;
  for (const auto& [field, description] : FieldsOf(refused)) lines.push_back(description.substr(0, 7));
  EXPECT_EQ(lines, (std::vector<std::string>{"line 1:", "line 2:", "line 5:"})) << refused;
  EXPECT_EQ(whole.Records(0).size(), 0u);
}

TEST(Publish, SurvivesARestart) {
  WholeLedger whole(2);
  ASSERT_TRUE(whole.ledger().Publish(kPlainProgram, "p1", "").ok());
  whole.Reopen();
  const auto all = whole.ledger().published();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].source_yaml, kPlainProgram);
  EXPECT_EQ(all[0].publish_time, kToday);
  EXPECT_EQ(whole.MustAppend(Command("acme", "r1", {Opened(), Bought(5)})).standing.available_points, 5);
}

// As a crash between the first shard's publication and the others' leaves it.
TEST(Publish, ThatACrashCutShortIsFinishedAtTheNextStart) {
  WholeLedger whole(4);
  whole.Close();
  const auto identity = shard::OpenLedgerFile(whole.directory(), std::nullopt);
  ASSERT_TRUE(identity.ok()) << identity.status();
  {
    store::StoreOptions options;
    options.path = shard::ShardDirectory(whole.directory(), 0);
    options.ledger_id = identity->ledger_id;
    options.shard_count = 4;
    options.disk_reserve_bytes = 0;
    const auto store = store::ShardStore::Open(options);
    ASSERT_TRUE(store.ok()) << store.status();
    shard::ShardOptions shard_options;
    shard_options.shard_count = 4;
    const auto first = shard::Shard::Open(**store, **store, whole.clock(), shard_options);
    ASSERT_TRUE(first.ok()) << first.status();
    domain::ParsedProgram parsed = domain::ParseProgramYaml(kPlainProgram);
    parsed.program->set_version(1);
    std::promise<AppendOutcome> promise;
    (*first)->Publish(*domain::CompiledProgram::Compile(*parsed.program), kPlainProgram, "p1", "tester",
                      [&](AppendOutcome outcome) { promise.set_value(std::move(outcome)); });
    ASSERT_TRUE(promise.get_future().get().ok());
  }
  whole.Open();
  for (uint32_t shard = 0; shard < 4; ++shard) {
    ASSERT_EQ(whole.Records(shard).size(), 1u) << shard;
    EXPECT_EQ(whole.Records(shard)[0].actor(), "tester") << shard;
    EXPECT_EQ(whole.ledger().shard(shard).published().at(0).source_yaml, kPlainProgram);
  }
}

// Says that the disk of one shard is full, while told to.
class FullDisk final : public rocksdb::EnvWrapper {
 public:
  explicit FullDisk(std::string shard) : EnvWrapper(rocksdb::Env::Default()), shard_(std::move(shard)) {}
  const char* Name() const override { return "FullDisk"; }
  rocksdb::Status GetFreeSpace(const std::string& path, uint64_t* free_bytes) override {
    *free_bytes = full_ && path.find(shard_) != std::string::npos ? 0 : 1u << 30;
    return rocksdb::Status::OK();
  }
  void SetFull(bool full) { full_ = full; }

 private:
  const std::string shard_;
  std::atomic<bool> full_{false};
};

// Repeated, or followed by another program: every shard ends up with the same programs in the same order.
TEST(Publish, ThatALaterShardRefusedIsFinishedByTheNextPublication) {
  for (const bool repeat : {true, false}) {
    FullDisk disk("shard-001");
    const TempDir directory;
    FakeClock clock(kToday);
    shard::LedgerOptions options;
    options.data_dir = directory / "ledger";
    options.shard_count = 2;
    options.disk_reserve_bytes = 1;
    options.sweep_interval = std::chrono::milliseconds(0);
    options.env = &disk;
    const auto ledger = shard::Ledger::Open(options, clock);
    ASSERT_TRUE(ledger.ok()) << ledger.status();
    disk.SetFull(true);
    EXPECT_EQ(ReasonOf((*ledger)->Publish(kPlainProgram, "p1", "").status()), Reason::kDiskNearlyFull);
    EXPECT_TRUE((*ledger)->shard(1).published().empty());
    disk.SetFull(false);
    const auto published =
        repeat ? (*ledger)->Publish(kPlainProgram, "p1", "") : (*ledger)->Publish(kPendingProgram, "p2", "");
    ASSERT_TRUE(published.ok()) << published.status();
    for (uint32_t shard = 0; shard < 2; ++shard) {
      const auto programs = (*ledger)->shard(shard).published();
      ASSERT_EQ(programs.size(), repeat ? 1u : 2u) << shard;
      EXPECT_EQ(programs.front().source_yaml, kPlainProgram) << shard;
    }
  }
}

TEST(LedgerFile, RefusesAnotherNumberOfShards) {
  WholeLedger whole(2);
  whole.Close();
  shard::LedgerOptions options = whole.options();
  options.shard_count = 4;
  EXPECT_EQ(shard::Ledger::Open(options, whole.clock()).status().code(), absl::StatusCode::kFailedPrecondition);
  options.shard_count = std::nullopt;
  const auto ledger = shard::Ledger::Open(options, whole.clock());
  ASSERT_TRUE(ledger.ok()) << ledger.status();
  EXPECT_EQ((*ledger)->shard_count(), 2u);
}

}  // namespace
}  // namespace keyledger::testing

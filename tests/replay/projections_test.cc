// The promise P4 of projections: all rows are a pure fold of the log, byte for byte the same however they came about.
#include <algorithm>
#include <map>
#include <thread>
#include <tuple>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "projections/accesses/accesses_projection.h"
#include "projections/accounts/accounts_projection.h"
#include "projections/accounts/accounts_queries.h"
#include "projections/contacts/contacts_projection.h"
#include "projections/engagement/engagement_projection.h"
#include "projections/engine/engine.h"
#include "projections/points/points_projection.h"
#include "projections/points/points_queries.h"
#include "projections/retention/retention_projection.h"
#include "projections/retention/retention_queries.h"
#include "projections/tiers/tiers_projection.h"
#include "projections/tiers/tiers_queries.h"
#include "server/base/ids.h"
#include "tests/support/ledger_store.h"
#include "tests/support/random_log.h"

namespace keyledger::projections {
namespace {

using std::chrono::steady_clock;
using testing::LedgerStore;
using testing::RandomLog;
using testing::RecordLog;

constexpr uint32_t kSeed = 20260731;
constexpr size_t kRecords = 4000;
constexpr size_t kReadings = 500;
constexpr const char* kNames[] = {"accesses", "accounts", "contacts", "engagement", "points", "retention", "tiers"};

std::vector<std::shared_ptr<const Projection>> All() {
  return {MakeAccountsProjection(), MakePointsProjection(),   MakeTiersProjection(),     MakeRetentionProjection(),
          MakeContactsProjection(), MakeAccessesProjection(), MakeEngagementProjection()};
}

// Readings of personal data: of a few people and accounts, by a few readers.
void AddReadings(RecordLog& log) {
  for (size_t i = 0; i < kReadings; ++i) {
    auto* read = log.Add(std::string(kAccessesStream), 0).mutable_event()->mutable_personal_data_read();
    read->set_reader(fmt::format("reader-{}", i % 7));
    read->set_read_account_id(i % 5 == 0 ? "" : fmt::format("account-{}", i % 11));
    for (size_t subject = 0; subject <= i % 3; ++subject) {
      read->add_subject_ids(fmt::format("person-{}", (i + subject) % 13));
    }
  }
}

steady_clock::time_point Soon() { return steady_clock::now() + std::chrono::seconds(120); }

std::unique_ptr<Engine> StartEngine(LedgerStore& ledger, uint64_t chunk) {
  auto engine = Engine::Open(ledger.store(), ledger.head(), All(), EngineOptions{.chunk_records = chunk});
  EXPECT_TRUE(engine.ok()) << engine.status();
  (*engine)->Start();
  return *std::move(engine);
}

// Digest of every projection once all records are applied.
std::map<std::string, std::string> Digests(const Engine& engine, uint64_t applied) {
  std::map<std::string, std::string> digests;
  for (const char* name : kNames) {
    const absl::Status caught_up = engine.WaitFor(name, applied, Soon());
    EXPECT_TRUE(caught_up.ok()) << caught_up;
    const auto digest = engine.Digest(name);
    EXPECT_TRUE(digest.ok()) << digest.status();
    digests[name] = digest.value_or("");
  }
  return digests;
}

class ReplayOfProjections : public ::testing::Test {
 protected:
  void SetUp() override {
    RecordProperty("seed", static_cast<int>(kSeed));
    log_ = RandomLog(kSeed, 60).Grow(kRecords);
    AddReadings(log_);
    records_ = log_.records().size();
    ledger_.Append(log_.records(), records_);
    const auto engine = StartEngine(ledger_, 1000);
    expected_ = Digests(*engine, records_);
  }

  RecordLog log_;
  size_t records_ = 0;
  LedgerStore ledger_;
  // With chunks of 1000.
  std::map<std::string, std::string> expected_;
};

TEST_F(ReplayOfProjections, GivesTheSameBytesWithAnyChunkSize) {
  for (const uint64_t chunk : {1u, 7u, 100'000u}) {
    SCOPED_TRACE(chunk);
    LedgerStore other;
    other.Append(log_.records(), records_);
    const auto engine = StartEngine(other, chunk);
    EXPECT_EQ(Digests(*engine, records_), expected_);
  }
}

TEST_F(ReplayOfProjections, GivesTheSameBytesWhenRecordsArriveInGroups) {
  LedgerStore other;
  const auto engine = StartEngine(other, 50);
  for (size_t to = 0; to < records_;) {
    to = std::min(records_, to + 1 + to % 97);
    other.Append(log_.records(), to);
  }
  EXPECT_EQ(Digests(*engine, records_), expected_);
}

TEST_F(ReplayOfProjections, GivesTheSameBytesWhenRebuilt) {
  const auto engine = StartEngine(ledger_, 333);
  for (const char* name : kNames) ASSERT_TRUE(engine->Rebuild(name).ok());
  const auto deadline = Soon();
  const auto rebuilt = [&engine] {
    const auto all = engine->List();
    return std::all_of(all.begin(), all.end(), [](const ProjectionStatus& status) { return status.rebuilds == 1; });
  };
  while (!rebuilt() && steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_TRUE(rebuilt());
  EXPECT_EQ(Digests(*engine, records_), expected_);
}

TEST_F(ReplayOfProjections, ContinuesAfterARestartInTheMiddle) {
  LedgerStore other;
  for (size_t to = 0; to < records_;) {
    to = std::min(records_, to + 900);
    other.Append(log_.records(), to);
    {
      const auto engine = StartEngine(other, 64);
      // Stops wherever it is: sometimes before the end, sometimes at it.
      EXPECT_TRUE(engine->WaitFor("points", to - 500, Soon()).ok());
      engine->Stop();
    }
    other.Reopen();
  }
  const auto engine = StartEngine(other, 64);
  EXPECT_EQ(Digests(*engine, records_), expected_);
}

// The same accounts on one shard and on four.
class ShardedReplay : public ::testing::Test {
 protected:
  static constexpr uint32_t kShards = 4;

  void SetUp() override {
    RandomLog random(kSeed + 1, 60);
    const RecordLog& log = random.Grow(kRecords);
    ids_ = random.ids();
    end_ = random.clock() + kMicrosPerDay;
    std::vector<std::vector<events::v1::EventRecord>> split(kShards);
    for (const auto& record : log.records()) {
      auto& records = split[ShardOf(record.account_id(), kShards)];
      records.push_back(record);
      records.back().set_position(records.size() - 1);
    }
    for (const auto& projection : All()) {
      const std::string name(projection->name());
      whole_[name] = testing::FoldAll(*projection, log.records())->NewReader();
      for (const auto& records : split) parts_[name].push_back(testing::FoldAll(*projection, records)->NewReader());
    }
  }

  std::vector<const store::TableReader*> Whole(const std::string& name) { return {whole_[name].get()}; }
  std::vector<const store::TableReader*> Parts(const std::string& name) {
    std::vector<const store::TableReader*> readers;
    for (const auto& reader : parts_[name]) readers.push_back(reader.get());
    return readers;
  }

  std::vector<std::string> ids_;
  Micros end_ = 0;
  std::map<std::string, std::unique_ptr<store::TableReader>> whole_;
  std::map<std::string, std::vector<std::unique_ptr<store::TableReader>>> parts_;
};

TEST_F(ShardedReplay, ListsTheSameDirectory) {
  const auto lines = [](const std::vector<const store::TableReader*>& shards) {
    std::vector<std::string> all;
    std::string continuation;
    do {
      const auto page = ListDirectory(shards, {}, 7, continuation);
      EXPECT_TRUE(page.ok());
      for (const DirectoryAccount& account : page->accounts) {
        all.push_back(fmt::format("{} {} {} {} {}", account.account_id, account.revision, account.owner,
                                  account.purchase_count, account.tier_id));
      }
      continuation = page->continuation;
    } while (!continuation.empty());
    return all;
  };
  const auto whole = lines(Whole("accounts"));
  EXPECT_EQ(whole.size(), ids_.size());
  EXPECT_EQ(lines(Parts("accounts")), whole);
}

TEST_F(ShardedReplay, CountsTheSameRetention) {
  for (const RevenueBasis basis : {RevenueBasis::kGross, RevenueBasis::kNet}) {
    const RetentionScope scope{.basis = basis};
    const auto whole = GetRetentionTable(Whole("retention"), scope);
    const auto parts = GetRetentionTable(Parts("retention"), scope);
    ASSERT_TRUE(whole.ok() && parts.ok());
    EXPECT_GT(whole->periods.size(), 10u);
    ASSERT_EQ(whole->periods.size(), parts->periods.size());
    EXPECT_EQ(whole->accounts, parts->accounts);
    EXPECT_EQ(whole->purchases, parts->purchases);
    for (size_t i = 0; i < whole->periods.size(); ++i) {
      const RetentionPeriodRow& a = whole->periods[i];
      const RetentionPeriodRow& b = parts->periods[i];
      EXPECT_EQ(
          std::tie(a.period, a.active, a.fresh, a.retained, a.reactivated, a.churned, a.revenue_micros, a.nrr, a.grr),
          std::tie(b.period, b.active, b.fresh, b.retained, b.reactivated, b.churned, b.revenue_micros, b.nrr, b.grr));
    }
    const auto whole_cohorts = GetCohortTable(Whole("retention"), scope);
    const auto part_cohorts = GetCohortTable(Parts("retention"), scope);
    ASSERT_EQ(whole_cohorts->cohorts.size(), part_cohorts->cohorts.size());
    for (size_t i = 0; i < whole_cohorts->cohorts.size(); ++i) {
      EXPECT_EQ(whole_cohorts->cohorts[i].active, part_cohorts->cohorts[i].active);
      EXPECT_EQ(whole_cohorts->cohorts[i].revenue_micros, part_cohorts->cohorts[i].revenue_micros);
    }
  }
}

TEST_F(ShardedReplay, CountsTheSameDistribution) {
  for (const int days : {0, 100, 300, 700}) {
    const Micros as_of = end_ - days * kMicrosPerDay;
    const auto whole = GetTierDistribution(Whole("tiers"), as_of);
    const auto parts = GetTierDistribution(Parts("tiers"), as_of);
    ASSERT_TRUE(whole.ok() && parts.ok());
    EXPECT_EQ(whole->tiers, parts->tiers);
    EXPECT_EQ(whole->accounts, parts->accounts);
  }
}

TEST_F(ShardedReplay, KeepsTheBalanceOfEveryAccountAtEveryMoment) {
  int64_t accrued = 0;
  for (const std::string& id : ids_) {
    const store::TableReader& part = *Parts("points")[ShardOf(id, kShards)];
    for (const int days : {0, 30, 200, 500}) {
      const Micros as_of = end_ - days * kMicrosPerDay;
      const auto whole = GetPointsBalance(*whole_["points"], id, as_of);
      const auto parts = GetPointsBalance(part, id, as_of);
      ASSERT_TRUE(whole.ok() && parts.ok()) << whole.status() << parts.status();
      EXPECT_EQ(*whole, *parts);
      EXPECT_EQ(whole->accrued, whole->available + whole->pending + whole->spent + whole->expired + whole->reversed);
      EXPECT_GE(whole->available, 0);
      EXPECT_GE(whole->pending, 0);
      accrued += whole->accrued;
    }
  }
  EXPECT_GT(accrued, 0);
}

}  // namespace
}  // namespace keyledger::projections

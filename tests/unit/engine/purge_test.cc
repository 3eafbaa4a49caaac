// Purging: what a projection with personal data has deleted is in no file any more.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "projections/engine/engine.h"
#include "server/base/error.h"
#include "tests/support/ledger_store.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using std::chrono::steady_clock;
using testing::LedgerStore;
using testing::RecordLog;

// What stands in the row of an account until it is deleted: bytes that no compression changes.
std::string SecretOf(const std::string& account) {
  std::seed_seq seed(account.begin(), account.end());
  std::mt19937 random(seed);
  std::string bytes;
  for (int i = 0; i < 64; ++i) bytes.push_back(static_cast<char>(random()));
  return bytes;
}

// A row for each account that was opened, with its secret, which is another one where nothing is personal; none once it
// is closed.
class Names : public Projection {
 public:
  explicit Names(std::string name, bool personal) : name_(std::move(name)), personal_(personal) {}
  std::string_view name() const override { return name_; }
  uint32_t version() const override { return 1; }
  bool holds_personal_data() const override { return personal_; }
  absl::Status Apply(const RecordView& record, Rows& rows) const override {
    const events::v1::Event& event = record.record.event();
    const std::string& account = record.record.account_id();
    if (event.has_account_opened()) rows.Put(account, SecretOf(personal_ ? account : "other " + account));
    if (event.has_account_closed()) rows.Delete(record.record.account_id());
    return absl::OkStatus();
  }

 private:
  const std::string name_;
  const bool personal_;
};

steady_clock::time_point Soon() { return steady_clock::now() + std::chrono::seconds(60); }
steady_clock::time_point AtOnce() { return steady_clock::now() + std::chrono::milliseconds(1); }

// A store with an engine that follows it; the log opens two accounts and closes the first.
class Purge : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* account : {"a", "b"}) log_.Open(account, 0);
    log_.Add("a", 0).mutable_event()->mutable_account_closed();
    Start();
  }
  void Start() {
    auto engine = Engine::Open(ledger_.store(), ledger_.head(),
                               {std::make_shared<Names>("names", true), std::make_shared<Names>("other", false)},
                               EngineOptions{.chunk_records = 1});
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
    engine_->Start();
  }
  // Folds up to there and writes the rows to files.
  void FoldTo(size_t records) {
    ledger_.Append(log_.records(), records);
    for (const char* name : {"names", "other"}) ASSERT_TRUE(engine_->WaitFor(name, records, Soon()).ok());
    ASSERT_TRUE(ledger_.store().FlushAndCompact().ok());
  }
  // How many files hold the secret of the account.
  int FilesWith(const std::string& account) const {
    int files = 0;
    for (const auto& file : std::filesystem::directory_iterator(ledger_.directory())) {
      if (!file.is_regular_file()) continue;
      std::ifstream in(file.path(), std::ios::binary);
      const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
      files += bytes.find(SecretOf(account)) != std::string::npos ? 1 : 0;
    }
    return files;
  }

  RecordLog log_;
  LedgerStore ledger_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(Purge, LeavesNoFileThatHoldsWhatWasDeleted) {
  FoldTo(2);
  ASSERT_EQ(FilesWith("a"), 1);
  ledger_.Append(log_.records(), 3);
  ASSERT_TRUE(engine_->Purge(3, Soon()).ok());
  EXPECT_EQ(FilesWith("a"), 0);
  EXPECT_EQ(FilesWith("b"), 1);
  EXPECT_GE(FilesWith("other a"), 1) << "no projection of personal data";
  EXPECT_EQ(**(*engine_->Reader("names"))->Get("b"), SecretOf("b"));
}

TEST_F(Purge, WaitsForReadersOfAnyProjectionLentBefore) {
  FoldTo(2);
  for (const char* projection : {"names", "other"}) {
    auto reader = *engine_->Reader(projection);
    const absl::Status refused = engine_->Purge(2, AtOnce());
    EXPECT_EQ(ReasonOf(refused), Reason::kProjectionBehind);
    EXPECT_EQ(MessageOf(refused), "projection names cannot be purged yet: a query that began before is still reading");
    std::thread purge([&] { EXPECT_TRUE(engine_->Purge(2, Soon()).ok()); });
    EXPECT_EQ(**reader->Get("a"), SecretOf(std::string_view(projection) == "names" ? "a" : "other a"));
    reader.reset();
    purge.join();
  }
}

TEST_F(Purge, DoesNotWaitForReadersLentAfterItBegan) {
  FoldTo(2);
  auto before = *engine_->Reader("names");
  // Begins, and gives up waiting: readers from here on are younger.
  EXPECT_FALSE(engine_->Purge(2, AtOnce()).ok());
  std::shared_ptr<const store::TableReader> after;
  std::thread purge([&] { EXPECT_TRUE(engine_->Purge(2, Soon()).ok()); });
  before.reset();
  purge.join();
  after = *engine_->Reader("names");
  EXPECT_FALSE(engine_->Purge(2, AtOnce()).ok());
}

TEST_F(Purge, WaitsUntilTheRecordsAreFolded) {
  FoldTo(2);
  EXPECT_EQ(ReasonOf(engine_->Purge(3, AtOnce())), Reason::kProjectionBehind);
  std::thread purge([&] { EXPECT_TRUE(engine_->Purge(3, Soon()).ok()); });
  ledger_.Append(log_.records(), 3);
  purge.join();
  EXPECT_FALSE((*(*engine_->Reader("names"))->Get("a")).has_value());
}

TEST_F(Purge, EndsWhenTheEngineStops) {
  FoldTo(2);
  const auto reader = *engine_->Reader("other");
  absl::Status purged;
  std::thread purge([&] { purged = engine_->Purge(2, Soon()); });
  engine_->Stop();
  purge.join();
  EXPECT_EQ(ReasonOf(purged), Reason::kStopping);
}

TEST_F(Purge, ARebuildLeavesNothingOfWhatItWroteAndDeletedAgain) {
  FoldTo(2);
  ledger_.Append(log_.records(), 3);
  ASSERT_TRUE(engine_->Purge(3, Soon()).ok());
  ASSERT_TRUE(engine_->Rebuild("names").ok());
  ASSERT_TRUE(engine_->Purge(3, Soon()).ok());
  EXPECT_EQ(engine_->List()[0].rebuilds, 1u);
  EXPECT_EQ(FilesWith("a"), 0);
  EXPECT_EQ(FilesWith("b"), 1);
}

TEST_F(Purge, OfARebuildWaitsForReadersLentBeforeToo) {
  FoldTo(2);
  ledger_.Append(log_.records(), 3);
  ASSERT_TRUE(engine_->Purge(3, Soon()).ok());
  auto reader = *engine_->Reader("other");
  ASSERT_TRUE(engine_->Rebuild("names").ok());
  const auto deadline = Soon();
  while (engine_->List()[0].rebuild_applied < 3 && steady_clock::now() < deadline) std::this_thread::yield();
  ASSERT_EQ(engine_->List()[0].rebuild_applied, 3u);
  // Once another record is folded, all that the one before made possible has been done.
  log_.Open("c", 0);
  ledger_.Append(log_.records(), 4);
  for (const char* name : {"names", "other"}) ASSERT_TRUE(engine_->WaitFor(name, 4, Soon()).ok());
  log_.Open("d", 0);
  ledger_.Append(log_.records(), 5);
  for (const char* name : {"names", "other"}) ASSERT_TRUE(engine_->WaitFor(name, 5, Soon()).ok());
  EXPECT_EQ(engine_->List()[0].rebuilds, 0u);
  EXPECT_EQ(engine_->List()[0].state, BuildState::kRebuilding);
  reader.reset();
  ASSERT_TRUE(engine_->Purge(5, Soon()).ok());
  EXPECT_EQ(engine_->List()[0].rebuilds, 1u);
  EXPECT_EQ(FilesWith("a"), 0);
  EXPECT_EQ(**(*engine_->Reader("names"))->Get("d"), SecretOf("d"));
}

TEST_F(Purge, ARebuildThatWaitsForAReaderEndsWhenTheEngineStops) {
  FoldTo(2);
  const auto reader = *engine_->Reader("other");
  ASSERT_TRUE(engine_->Rebuild("names").ok());
  engine_->Stop();
  EXPECT_EQ(engine_->List()[0].rebuilds, 0u);
}

TEST_F(Purge, WithoutPersonalDataThereIsNothingToDo) {
  engine_.reset();
  LedgerStore empty;
  auto engine = Engine::Open(empty.store(), empty.head(), {std::make_shared<Names>("other", false)}, EngineOptions{});
  ASSERT_TRUE(engine.ok());
  EXPECT_TRUE((*engine)->Purge(1'000, AtOnce()).ok());
}

}  // namespace
}  // namespace keyledger::projections

// What the tests of the shard stand on: one shard over a real store with a gate in front of it, and a whole ledger of N
// shards.
#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "keyledger/events/v1/record.pb.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/domain/proto_time.h"
#include "server/shard/ledger.h"
#include "server/shard/ledger_file.h"
#include "server/shard/shard.h"
#include "tests/support/append_commands.h"
#include "tests/support/fake_clock.h"
#include "tests/support/gated_log.h"
#include "tests/support/temp_dir.h"

namespace keyledger::testing {

using AppendOutcome = absl::StatusOr<shard::AppendAnswer>;

// The records of a store, parsed. Also checks that positions have no gap.
inline std::vector<events::v1::EventRecord> RecordsOf(const store::ShardStore& store) {
  std::vector<events::v1::EventRecord> records;
  auto iterator = store.ReadRecords(0, store.record_count());
  while (iterator->Next()) {
    events::v1::EventRecord& record = records.emplace_back();
    const std::string bytes(iterator->bytes());
    EXPECT_TRUE(record.ParseFromString(bytes));
    EXPECT_EQ(record.position(), records.size() - 1);
  }
  EXPECT_TRUE(iterator->status().ok()) << iterator->status();
  return records;
}

// "opened purchase accrued ...": the kinds of records in order, as EventKind values spelled short.
inline std::string Kinds(const std::vector<events::v1::EventRecord>& records) {
  std::string text;
  for (const events::v1::EventRecord& record : records) {
    if (!text.empty()) text += " ";
    const std::string& name =
        events::v1::EventKind_Name(static_cast<events::v1::EventKind>(static_cast<int>(record.event().payload_case())));
    text += name.substr(std::string("EVENT_KIND_").size());
  }
  return text;
}

// RFC 6962 section 2.1, written down as it stands there.
inline merkle::Hash NaiveRoot(const std::vector<merkle::Hash>& leaves, size_t from, size_t to) {
  if (from == to) return merkle::EmptyRoot();
  if (to - from == 1) return leaves[from];
  size_t split = 1;
  while (split * 2 < to - from) split *= 2;
  return merkle::NodeHash(NaiveRoot(leaves, from, from + split), NaiveRoot(leaves, from + split, to));
}

inline merkle::Hash NaiveRoot(const store::ShardStore& store) {
  std::vector<merkle::Hash> leaves;
  auto iterator = store.ReadRecords(0, store.record_count());
  while (iterator->Next()) leaves.push_back(merkle::LeafHash(iterator->bytes()));
  return NaiveRoot(leaves, 0, leaves.size());
}

template <class Predicate>
void WaitUntil(const Predicate& predicate) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!predicate()) {
    KL_CHECK(std::chrono::steady_clock::now() < deadline);
    std::this_thread::yield();
  }
}

// One shard, its store and the gate between them.
class OneShard {
 public:
  explicit OneShard(shard::ShardOptions options = {}) : options_(options) { Open(); }
  ~OneShard() { Close(); }
  OneShard(const OneShard&) = delete;
  OneShard& operator=(const OneShard&) = delete;

  // As a restart after a clean stop.
  void Reopen() {
    Close();
    Open();
  }

  std::future<AppendOutcome> Start(shard::AppendCommand command) {
    auto promise = std::make_shared<std::promise<AppendOutcome>>();
    std::future<AppendOutcome> future = promise->get_future();
    shard_->Append(std::move(command), [promise](AppendOutcome outcome) { promise->set_value(std::move(outcome)); });
    return future;
  }
  AppendOutcome Append(shard::AppendCommand command) { return Start(std::move(command)).get(); }
  shard::AppendAnswer MustAppend(shard::AppendCommand command) {
    AppendOutcome outcome = Append(std::move(command));
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    return outcome.ok() ? *std::move(outcome) : shard::AppendAnswer{};
  }
  std::future<AppendOutcome> StartPublish(const std::string& yaml, const std::string& request_id,
                                          uint32_t version = 1) {
    domain::ParsedProgram parsed = domain::ParseProgramYaml(yaml);
    EXPECT_TRUE(parsed.findings.empty());
    parsed.program->set_version(version);
    auto compiled = domain::CompiledProgram::Compile(*parsed.program);
    EXPECT_TRUE(compiled.ok()) << compiled.status();
    auto promise = std::make_shared<std::promise<AppendOutcome>>();
    std::future<AppendOutcome> future = promise->get_future();
    shard_->Publish(*compiled, yaml, request_id, "tester",
                    [promise](AppendOutcome outcome) { promise->set_value(std::move(outcome)); });
    return future;
  }
  void Publish(const std::string& yaml) {
    const AppendOutcome outcome = StartPublish(yaml, "publish").get();
    EXPECT_TRUE(outcome.ok()) << outcome.status();
  }
  // Everything submitted so far is in the group under construction, or further.
  void WaitUntilSequenced() {
    WaitUntil([&] { return shard_->stats().queued_requests == 0; });
  }

  std::vector<events::v1::EventRecord> Records() { return RecordsOf(*store_); }
  domain::AccountState State(const std::string& account_id) {
    auto state = shard_->ReadState(account_id);
    EXPECT_TRUE(state.ok()) << state.status();
    return state.ok() && state->has_value() ? **state : domain::AccountState{};
  }

  shard::Shard& shard() { return *shard_; }
  store::ShardStore& store() { return *store_; }
  GatedLog& log() { return *log_; }
  FakeClock& clock() { return clock_; }

 private:
  void Open() {
    store::StoreOptions options;
    options.path = directory_ / "shard";
    options.ledger_id = "test";
    options.disk_reserve_bytes = 0;
    auto store = store::ShardStore::Open(options);
    EXPECT_TRUE(store.ok()) << store.status();
    KL_CHECK(store.ok());
    store_ = *std::move(store);
    log_ = std::make_unique<GatedLog>(*store_);
    auto shard = shard::Shard::Open(*store_, *log_, clock_, options_);
    EXPECT_TRUE(shard.ok()) << shard.status();
    KL_CHECK(shard.ok());
    shard_ = *std::move(shard);
  }
  void Close() {
    if (log_ != nullptr) log_->Open();
    shard_.reset();
    log_.reset();
    store_.reset();
  }

  const TempDir directory_;
  FakeClock clock_{kToday};
  const shard::ShardOptions options_;
  std::unique_ptr<store::ShardStore> store_;
  std::unique_ptr<GatedLog> log_;
  std::unique_ptr<shard::Shard> shard_;
};

// A ledger in a directory of its own, without projections; the sweeper runs only when told to.
class WholeLedger {
 public:
  explicit WholeLedger(uint32_t shards = 1) : shards_(shards) { Open(); }

  void Close() { ledger_.reset(); }
  void Open() {
    auto ledger = shard::Ledger::Open(options(), clock_);
    EXPECT_TRUE(ledger.ok()) << ledger.status();
    KL_CHECK(ledger.ok());
    ledger_ = *std::move(ledger);
  }
  void Reopen() {
    Close();
    Open();
  }
  shard::LedgerOptions options() const {
    shard::LedgerOptions options;
    options.data_dir = directory_ / "ledger";
    options.shard_count = shards_;
    options.disk_reserve_bytes = 0;
    options.sweep_interval = std::chrono::milliseconds(0);
    return options;
  }

  AppendOutcome Append(shard::AppendCommand command) {
    std::promise<AppendOutcome> promise;
    ledger_->Append(std::move(command), [&](AppendOutcome outcome) { promise.set_value(std::move(outcome)); });
    return promise.get_future().get();
  }
  shard::AppendAnswer MustAppend(shard::AppendCommand command) {
    AppendOutcome outcome = Append(std::move(command));
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    return outcome.ok() ? *std::move(outcome) : shard::AppendAnswer{};
  }
  std::vector<events::v1::EventRecord> Records(uint32_t shard) { return RecordsOf(ledger_->shard(shard).store()); }

  shard::Ledger& ledger() { return *ledger_; }
  FakeClock& clock() { return clock_; }
  std::string directory() const { return directory_ / "ledger"; }

 private:
  const TempDir directory_;
  FakeClock clock_{kToday};
  const uint32_t shards_;
  std::unique_ptr<shard::Ledger> ledger_;
};

// Appends a record that the account's others do not allow.
inline void Damage(WholeLedger& whole, const std::string& account_id) {
  store::StoreOptions options;
  options.ledger_id = whole.ledger().ledger_id();
  options.shard_count = whole.ledger().shard_count();
  options.shard = whole.ledger().ShardOfAccount(account_id).number();
  options.path = shard::ShardDirectory(whole.directory(), options.shard);
  options.disk_reserve_bytes = 0;
  whole.Close();
  {
    const auto store = store::ShardStore::Open(options);
    ASSERT_TRUE(store.ok()) << store.status();
    events::v1::EventRecord record;
    record.set_shard(options.shard);
    record.set_position((*store)->record_count());
    record.set_account_id(account_id);
    record.set_revision(**(*store)->LastRevision(account_id) + 1);
    domain::SetTimestamp(record.mutable_occurred_time(), kToday);
    domain::SetTimestamp(record.mutable_record_time(), kToday);
    record.mutable_event()->mutable_account_opened();
    store::CommitGroup group;
    group.first_position = record.position();
    group.records.push_back({account_id, record.revision(), record.SerializeAsString()});
    ASSERT_TRUE((*store)->Append(group).ok());
  }
  whole.Open();
}

}  // namespace keyledger::testing

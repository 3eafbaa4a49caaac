// Reviews where writing fails: a full queue, a full disk, a damaged index. What was accepted ends once, and what is
// said to have failed never runs.
#include <rocksdb/db.h>

#include "keyledger/storage/v1/store_rows.pb.h"
#include "server/base/codec.h"
#include "server/domain/proto_time.h"
#include "server/shard/account_reader.h"
#include "server/shard/reviewer.h"
#include "tests/support/fault_env.h"
#include "tests/support/ranks_program.h"
#include "tests/unit/shard/shard_fixture.h"

namespace keyledger::testing {
namespace {

using shard::ReviewPhase;
using shard::ReviewRequest;

// 2025-06-01T00:00:00Z.
constexpr Micros kJune = 1'748'736'000 * kMicrosPerSecond;

std::string Ranks() { return RanksProgram({{"gold", "top_count: 2"}}); }

ReviewRequest Request() {
  ReviewRequest request;
  request.program_id = "ranks";
  request.as_of = kNewYear;
  request.request_id = "r1";
  request.digest = "digest";
  return request;
}

// Three accounts, of which two become gold.
void Fill(OneShard& one) {
  one.Publish(Ranks());
  for (const char* id : {"a0", "a1", "a2"}) {
    one.MustAppend(Command(id, "r", {Opened(kJune), Bought(10, id, kJune)}));
  }
}

TEST(ReviewFailure, OfAFullQueueIsWaitedOut) {
  shard::ShardOptions options;
  options.queue_requests_max = 1;
  options.group_records_max = 1;
  OneShard one(options);
  Fill(one);
  one.log().Close();
  const int arrivals = one.log().arrivals();
  auto writing = one.Start(Command("z", "w1", {Opened()}));
  one.log().WaitForArrivals(arrivals + 1);
  auto grouped = one.Start(Command("z", "w2", {Visited()}));
  one.WaitUntilSequenced();
  auto queued = one.Start(Command("z", "w3", {Visited()}));
  shard::Reviewer reviewer({&one.shard()}, one.clock(), {});
  ASSERT_TRUE(reviewer.Start(Request()).ok());
  // It finds the queue full, and goes on looking: for a while nothing changes.
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
  WaitUntil([&] {
    const auto status = reviewer.Get("review-1");
    return status.ok() && status->measured == 3 && std::chrono::steady_clock::now() > until;
  });
  EXPECT_EQ(reviewer.Get("review-1")->detail, "");
  one.log().Open();
  for (auto* const outcome : {&writing, &grouped, &queued}) EXPECT_TRUE(outcome->get().ok());
  reviewer.WaitUntilIdle();
  const auto status = reviewer.Get("review-1");
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->phase, ReviewPhase::kCompleted) << status->detail;
  EXPECT_EQ(status->raised, 2u);
  EXPECT_EQ(one.shard().stats().replayed_requests, 0u) << "nothing was done twice";
}

// A commit log whose disk is full as soon as it has written one kind of record.
class FillingLog final : public store::CommitLog {
 public:
  FillingLog(store::CommitLog& inner, FaultEnv& machine, events::v1::Event::PayloadCase kind)
      : inner_(inner), machine_(machine), kind_(kind) {}

  absl::Status Append(const store::CommitGroup& group) override {
    absl::Status status = inner_.Append(group);
    for (const store::RecordEntry& entry : group.records) {
      events::v1::EventRecord record;
      if (record.ParseFromString(entry.bytes) && record.event().payload_case() == kind_) machine_.SetFreeBytes(0);
    }
    return status;
  }

 private:
  store::CommitLog& inner_;
  FaultEnv& machine_;
  const events::v1::Event::PayloadCase kind_;
};

// One shard on a disk that can be full.
class SmallDisk {
 public:
  explicit SmallDisk(events::v1::Event::PayloadCase filled_by = events::v1::Event::kReviewCompleted)
      : filled_by_(filled_by) {
    Open();
  }
  ~SmallDisk() { Close(); }
  void Open() {
    store::StoreOptions options;
    options.path = directory_ / "shard";
    options.ledger_id = "test";
    options.disk_reserve_bytes = 1;
    options.env = machine_.env();
    auto store = store::ShardStore::Open(options);
    KL_CHECK(store.ok());
    store_ = *std::move(store);
    log_ = std::make_unique<FillingLog>(*store_, machine_, filled_by_);
    auto opened = shard::Shard::Open(*store_, *log_, clock_, {});
    KL_CHECK(opened.ok());
    shard_ = *std::move(opened);
  }
  void Close() {
    shard_.reset();
    log_.reset();
    store_.reset();
  }
  void Fill() {
    domain::ParsedProgram parsed = domain::ParseProgramYaml(Ranks());
    ASSERT_TRUE(parsed.findings.empty());
    parsed.program->set_version(1);
    auto compiled = domain::CompiledProgram::Compile(*parsed.program);
    ASSERT_TRUE(compiled.ok()) << compiled.status();
    Wait([&](shard::AppendDone done) { shard_->Publish(*compiled, Ranks(), "publish", "", std::move(done)); });
    for (const char* id : {"a0", "a1", "a2"}) {
      Wait([&](shard::AppendDone done) {
        shard_->Append(Command(id, "r", {Opened(kJune), Bought(10, id, kJune)}), std::move(done));
      });
    }
  }
  // A record that the account's others do not allow.
  void Damage(const std::string& account_id) {
    Close();
    store::StoreOptions options;
    options.path = directory_ / "shard";
    options.ledger_id = "test";
    options.disk_reserve_bytes = 0;
    options.env = machine_.env();
    {
      auto store = store::ShardStore::Open(options);
      KL_CHECK(store.ok());
      events::v1::EventRecord record;
      record.set_position((*store)->record_count());
      record.set_account_id(account_id);
      record.set_revision(**(*store)->LastRevision(account_id) + 1);
      domain::SetTimestamp(record.mutable_occurred_time(), kJune);
      domain::SetTimestamp(record.mutable_record_time(), kToday);
      record.mutable_event()->mutable_account_opened();
      store::CommitGroup group;
      group.first_position = record.position();
      group.records.push_back({account_id, record.revision(), record.SerializeAsString()});
      ASSERT_TRUE((*store)->Append(group).ok());
    }
    Open();
  }
  // Makes a row of a column family unreadable.
  void DamageRow(const std::string& family, const std::string& key) {
    Close();
    const std::string path = directory_ / "shard";
    std::vector<std::string> names;
    ASSERT_TRUE(rocksdb::DB::ListColumnFamilies({}, path, &names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const std::string& name : names) families.emplace_back(name, rocksdb::ColumnFamilyOptions());
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open({}, path, families, &handles, &db).ok());
    for (size_t i = 0; i < names.size(); ++i) {
      if (names[i] != family) continue;
      std::string value;
      ASSERT_TRUE(db->Get({}, handles[i], key, &value).ok());
      ASSERT_TRUE(db->Put({}, handles[i], key, "").ok());
    }
    for (rocksdb::ColumnFamilyHandle* const handle : handles) {
      ASSERT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
    }
    ASSERT_TRUE(db->Close().ok());
    delete db;
    Open();
  }

  shard::Shard& shard() { return *shard_; }
  FaultEnv& machine() { return machine_; }
  FakeClock& clock() { return clock_; }

 private:
  template <class Submit>
  static void Wait(const Submit& submit) {
    std::promise<absl::Status> promise;
    submit([&](const AppendOutcome& outcome) { promise.set_value(outcome.status()); });
    const absl::Status status = promise.get_future().get();
    EXPECT_TRUE(status.ok()) << status;
  }

  const events::v1::Event::PayloadCase filled_by_;
  const TempDir directory_;
  FaultEnv machine_;
  FakeClock clock_{kToday};
  std::unique_ptr<store::ShardStore> store_;
  std::unique_ptr<FillingLog> log_;
  std::unique_ptr<shard::Shard> shard_;
};

TEST(ReviewFailure, ToClearTheRowOfACompletedReviewRepeatsNothing) {
  SmallDisk disk;
  disk.Fill();
  shard::Reviewer reviewer({&disk.shard()}, disk.clock(), {});
  ASSERT_TRUE(reviewer.Start(Request()).ok());
  reviewer.WaitUntilIdle();
  auto status = reviewer.Get("review-1");
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->phase, ReviewPhase::kDeciding);
  EXPECT_NE(status->detail.find("waits to be tried again"), std::string::npos) << status->detail;
  disk.machine().SetFreeBytes(std::nullopt);
  EXPECT_EQ(ReasonOf(reviewer.StartDue()), Reason::kDiskNearlyFull) << "the sweeper is told why it waits";
  reviewer.WaitUntilIdle();
  status = reviewer.Get("review-1");
  EXPECT_EQ(status->phase, ReviewPhase::kCompleted) << status->detail;
  EXPECT_EQ(status->raised, 2u);
  EXPECT_EQ(disk.shard().stats().replayed_requests, 0u) << "no verdict is applied again";
  EXPECT_EQ(*disk.shard().store().GetMeta("review.open"), "");
  EXPECT_TRUE(reviewer.StartDue().ok());
}

TEST(ReviewFailure, IsNotCalledOneWhileARestartWouldRunTheReview) {
  SmallDisk disk;
  disk.Fill();
  disk.Damage("a1");
  storage::v1::OpenReview open;
  events::v1::ReviewStarted& plan = *open.mutable_plan();
  plan.set_review_id("review-1");
  plan.set_program_id("ranks");
  plan.set_program_version(1);
  plan.set_ladder_id("ranks");
  domain::SetTimestamp(plan.mutable_as_of(), kNewYear);
  plan.add_cursor()->set_next_position(disk.shard().store().record_count());
  open.set_request_id("r1");
  open.set_digest("digest");
  ASSERT_TRUE(disk.shard().PutMeta("review.open", open.SerializeAsString()).ok());
  disk.machine().SetFreeBytes(0);
  // Not one account may be unreadable.
  shard::Reviewer reviewer({&disk.shard()}, disk.clock(), {0, 0, 0});
  ASSERT_TRUE(reviewer.Resume().ok());
  reviewer.WaitUntilIdle();
  auto status = reviewer.Get("review-1");
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->phase, ReviewPhase::kMeasuring);
  EXPECT_NE(status->detail.find("waits to be tried again"), std::string::npos) << status->detail;
  EXPECT_NE(*disk.shard().store().GetMeta("review.open"), "");
  disk.machine().SetFreeBytes(std::nullopt);
  EXPECT_EQ(ReasonOf(reviewer.StartDue()), Reason::kDiskNearlyFull);
  reviewer.WaitUntilIdle();
  status = reviewer.Get("review-1");
  EXPECT_EQ(status->phase, ReviewPhase::kFailed);
  EXPECT_NE(status->detail.find("opened twice"), std::string::npos) << status->detail;
  EXPECT_EQ(*disk.shard().store().GetMeta("review.open"), "");
}

TEST(ReviewFailure, OfOneAccountBetweenTwoRunsLeavesWhatWasFrozen) {
  SmallDisk disk(events::v1::Event::kReviewStarted);
  disk.Fill();
  {
    shard::Reviewer reviewer({&disk.shard()}, disk.clock(), {});
    ASSERT_TRUE(reviewer.Start(Request()).ok());
    reviewer.WaitUntilIdle();
    ASSERT_EQ(reviewer.Get("review-1")->phase, ReviewPhase::kDeciding);
  }
  disk.machine().SetFreeBytes(std::nullopt);
  std::string purchase;
  PutBigEndian64(purchase, **disk.shard().store().PositionOf("a1", 1));
  disk.DamageRow("records", purchase);
  shard::Reviewer reviewer({&disk.shard()}, disk.clock(), {});
  ASSERT_TRUE(reviewer.Resume().ok());
  reviewer.WaitUntilIdle();
  const auto status = reviewer.Get("review-1");
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->phase, ReviewPhase::kCompleted) << status->detail;
  EXPECT_EQ(status->review.population(), 3u) << "as it was when the review was interrupted";
  EXPECT_EQ(status->review.cuts(0).last_account_id(), "a1");
  EXPECT_EQ(status->undecided, 1u);
  EXPECT_EQ(status->raised, 1u) << "a2 does not move up";
  const auto state = disk.shard().ReadState("a0");
  const auto assigned = shard::ReadRecord(disk.shard().store(), "a0", (*state)->next_revision - 1);
  ASSERT_TRUE(assigned.ok()) << assigned.status();
  EXPECT_EQ(assigned->event().tier_assigned().review_id(), "review-1");
  EXPECT_EQ(assigned->event().tier_assigned().met(0).rank(), 0u) << "its place is not known";
}

TEST(ReviewFailure, ToReadTheReviewsIsNotTakenForNone) {
  SmallDisk disk;
  disk.Fill();
  {
    shard::Reviewer reviewer({&disk.shard()}, disk.clock(), {});
    ASSERT_TRUE(reviewer.Start(Request()).ok());
    reviewer.WaitUntilIdle();
    disk.machine().SetFreeBytes(std::nullopt);
  }
  // The last record of all is another's.
  std::promise<void> done;
  disk.shard().Append(Command("z", "r", {Opened()}), [&](const AppendOutcome&) { done.set_value(); });
  done.get_future().get();
  using std::string_literals::operator""s;
  disk.DamageRow("streams", "$reviews\0\0\0\0\0\0\0\0\1"s);
  shard::Reviewer reviewer({&disk.shard()}, disk.clock(), {});
  EXPECT_EQ(ReasonOf(reviewer.List(10, 10).status()), Reason::kStoreDamaged);
  EXPECT_EQ(ReasonOf(reviewer.Get("review-1").status()), Reason::kStoreDamaged);
  ReviewRequest next = Request();
  next.request_id = "r2";
  EXPECT_EQ(ReasonOf(reviewer.Start(next).status()), Reason::kStoreDamaged);
}

}  // namespace
}  // namespace keyledger::testing

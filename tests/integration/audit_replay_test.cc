// Audit replay: of a ledger that is being written, over the wire, and of its data directory at rest.
#include <filesystem>
#include <fstream>
#include <map>

#include <fmt/format.h>
#include <rocksdb/db.h>

#include "server/app/replay_command.h"
#include "server/base/codec.h"
#include "server/shard/ledger_file.h"
#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;

struct Answer {
  grpc::Status status;
  std::vector<audit::v1::Finding> findings;
  std::optional<audit::v1::ReplayReport> report;
};

Answer Read(grpc::ClientReader<ReplayResponse>& reader) {
  Answer answer;
  ReplayResponse frame;
  while (reader.Read(&frame)) {
    EXPECT_FALSE(answer.report.has_value()) << "something comes after the report";
    if (frame.has_finding()) answer.findings.push_back(frame.finding());
    if (frame.has_report()) answer.report = frame.report();
  }
  answer.status = reader.Finish();
  return answer;
}

class AuditReplay : public ::testing::Test {
 protected:
  AuditReplay() {
    server_.Publish(kPlainProgram);
    for (int i = 0; i < 40; ++i) {
      const std::string id = fmt::format("a{}", i);
      server_.MustAppend(Request(id, "r1", {Opened(), Bought(100 + i, id + "-1")}));
      server_.MustAppend(Request(id, "r2", {Redeemed(10), Bought(7, id + "-2"), Returned(7, id + "-2")}));
    }
  }

  Answer Replay(const ReplayRequest& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    return Read(*server_.audit().Replay(&context, request));
  }

  LiveServer server_{2};
};

TEST_F(AuditReplay, OfALiveLedgerFindsNothingAndSaysHowFarItIsSigned) {
  const Answer answer = Replay({});
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  ASSERT_TRUE(answer.report.has_value());
  EXPECT_EQ(answer.report->findings(), 0u);
  EXPECT_EQ(answer.report->accounts(), 40u);
  ASSERT_EQ(answer.report->shards_size(), 2);
  for (const auto& shard : answer.report->shards()) {
    EXPECT_GT(shard.records(), 0u);
    EXPECT_EQ(shard.checkpoint_size(), shard.records());
  }
  EXPECT_EQ(answer.report->not_checked_size(), 0);
}

TEST_F(AuditReplay, OfOneAccountLooksAtNoOther) {
  ReplayRequest request;
  request.set_account_id("a7");
  const Answer answer = Replay(request);
  ASSERT_TRUE(answer.report.has_value()) << answer.status.error_message();
  EXPECT_EQ(answer.report->accounts(), 1u);
  EXPECT_EQ(answer.report->findings(), 0u);
  EXPECT_EQ(answer.report->points().accrued(), 114);
  EXPECT_EQ(answer.report->points().spent(), 10);
  EXPECT_EQ(answer.report->points().reversed(), 7);
  EXPECT_EQ(answer.report->points().available(), 97);
}

TEST_F(AuditReplay, RefusesAnAccountThatDoesNotExistAndWhatIsOutOfRange) {
  ReplayRequest request;
  request.set_account_id("nobody");
  EXPECT_EQ(Replay(request).status.error_code(), grpc::StatusCode::NOT_FOUND);
  request.set_account_id("$programs");
  EXPECT_EQ(Replay(request).status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.set_account_id("a1");
  request.set_findings_max(100'000);
  EXPECT_TRUE(Replay(request).status.ok());
  request.set_findings_max(100'001);
  EXPECT_EQ(Replay(request).status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(AuditReplay, RunsOnceAtATimeAndEndsWhenItIsCancelled) {
  ReplayRequest slow;
  slow.set_records_per_second_max(1);
  ReplayRequest one;
  one.set_account_id("a1");
  grpc::StatusCode code = grpc::StatusCode::OK;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  // Nothing tells when the slow one has begun, so another asks until it is refused. Of two that come at once either may
  // be the one: where that was the slow one, it is sent again.
  while (code == grpc::StatusCode::OK && std::chrono::steady_clock::now() < deadline) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    const auto reader = server_.audit().Replay(&context, slow);
    const auto begun = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    while (code == grpc::StatusCode::OK && std::chrono::steady_clock::now() < begun) {
      code = Replay(one).status.error_code();
    }
    const bool is_under_way = code == grpc::StatusCode::RESOURCE_EXHAUSTED;
    if (is_under_way) context.TryCancel();
    EXPECT_EQ(Read(*reader).status.error_code(),
              is_under_way ? grpc::StatusCode::CANCELLED : grpc::StatusCode::RESOURCE_EXHAUSTED);
  }
  EXPECT_EQ(code, grpc::StatusCode::RESOURCE_EXHAUSTED);
  while (code == grpc::StatusCode::RESOURCE_EXHAUSTED && std::chrono::steady_clock::now() < deadline) {
    code = Replay(one).status.error_code();
  }
  EXPECT_EQ(code, grpc::StatusCode::OK);
}

TEST_F(AuditReplay, GoesOnPastACheckpointThatCannotBeRead) {
  // Each replay signs what is durable by then.
  ASSERT_EQ(Replay({}).report->findings(), 0u);
  for (int i = 0; i < 4; ++i) server_.MustAppend(Request(fmt::format("a{}", i), "more", {Redeemed(1)}));
  ASSERT_EQ(Replay({}).report->findings(), 0u);
  const std::string path = server_.options().data_dir + "/checkpoints/shard-000.history";
  {
    std::fstream history(path, std::ios::in | std::ios::out | std::ios::binary);
    ASSERT_TRUE(history.is_open()) << path;
    history.seekp(100);
    history.write("damaged", 7);
  }
  const Answer answer = Replay({});
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  ASSERT_TRUE(answer.report.has_value());
  ASSERT_EQ(answer.report->findings(), 1u);
  EXPECT_EQ(answer.findings[0].kind(), audit::v1::FINDING_KIND_BAD_CHECKPOINT);
  EXPECT_EQ(answer.findings[0].shard(), 0u);
  EXPECT_EQ(answer.findings[0].message().find("a checkpoint that shard 0 keeps cannot be read: "), 0u)
      << answer.findings[0].message();
  EXPECT_EQ(answer.report->accounts(), 40u);
}

TEST_F(AuditReplay, EndsWithTheServer) {
  ReplayRequest slow;
  slow.set_records_per_second_max(1);
  grpc::ClientContext context;
  const auto reader = server_.audit().Replay(&context, slow);
  server_.Stop();
  EXPECT_FALSE(Read(*reader).status.ok());
}

// What stands in a directory, by file, with its size and time.
std::map<std::string, std::pair<uint64_t, int64_t>> FilesOf(const std::string& directory) {
  std::map<std::string, std::pair<uint64_t, int64_t>> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    files[entry.path().string()] = {entry.file_size(), entry.last_write_time().time_since_epoch().count()};
  }
  return files;
}

class AtRest : public AuditReplay {
 protected:
  struct Printed {
    int exit_code = 0;
    std::string text;
  };

  Printed ReplayDirectory() {
    app::Options options = server_.options();
    options.replay_report = report_;
    ::testing::internal::CaptureStdout();
    Printed printed;
    printed.exit_code = app::RunReplay(options);
    printed.text = ::testing::internal::GetCapturedStdout();
    return printed;
  }

  // Changes a stored record of shard 0, behind the store's back.
  void Change(const std::function<bool(events::v1::EventRecord&)>& change) {
    const std::string path = shard::ShardDirectory(server_.options().data_dir, 0);
    std::vector<std::string> names;
    ASSERT_TRUE(rocksdb::DB::ListColumnFamilies(rocksdb::Options(), path, &names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const std::string& name : names) families.emplace_back(name, rocksdb::ColumnFamilyOptions());
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* opened = nullptr;
    const rocksdb::Status status = rocksdb::DB::Open(rocksdb::Options(), path, families, &handles, &opened);
    ASSERT_TRUE(status.ok()) << status.ToString();
    const std::unique_ptr<rocksdb::DB> db(opened);
    for (size_t i = 0; i < names.size(); ++i) {
      if (names[i] != "records") continue;
      const std::unique_ptr<rocksdb::Iterator> rows(db->NewIterator(rocksdb::ReadOptions(), handles[i]));
      for (rows->SeekToFirst(); rows->Valid(); rows->Next()) {
        events::v1::EventRecord record;
        ASSERT_TRUE(record.ParseFromString(rows->value().ToString()));
        if (!change(record)) continue;
        ASSERT_TRUE(db->Put(rocksdb::WriteOptions(), handles[i], rows->key(), record.SerializeAsString()).ok());
        position_ = record.position();
        break;
      }
    }
    for (rocksdb::ColumnFamilyHandle* handle : handles) ASSERT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
  }

  std::string report_ = "text";
  uint64_t position_ = 0;
};

TEST_F(AtRest, ReplaysWithoutAFindingAndChangesNothing) {
  server_.Close();
  const auto before = FilesOf(server_.options().data_dir);
  const Printed printed = ReplayDirectory();
  EXPECT_EQ(printed.exit_code, 0) << printed.text;
  EXPECT_NE(printed.text.find("nothing was found"), std::string::npos) << printed.text;
  EXPECT_EQ(FilesOf(server_.options().data_dir), before);
}

TEST_F(AtRest, RefusesAFileOfKeysThatHasNone) {
  server_.Close();
  const TempDir directory;
  std::ofstream(directory / "keys") << "# none yet\n\n";
  app::Options options = server_.options();
  options.replay_keys = {directory / "keys"};
  ::testing::internal::CaptureStderr();
  const int code = app::RunReplay(options);
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(code, app::kReplayCannotRun);
  EXPECT_EQ(said, fmt::format("keyledgerd: cannot replay: {} has no key in it; give a file with one a line, or leave "
                              "--replay-keys out to check no signatures\n",
                              directory / "keys"));
}

TEST_F(AtRest, FindsAChangedAccrual) {
  server_.Close();
  Change([](events::v1::EventRecord& record) {
    if (!record.event().has_points_accrued()) return false;
    auto& accrued = *record.mutable_event()->mutable_points_accrued();
    accrued.set_points(accrued.points() + 1'000);
    accrued.mutable_lines(0)->set_points(accrued.points());
    return true;
  });
  report_ = "json";
  const Printed printed = ReplayDirectory();
  EXPECT_EQ(printed.exit_code, app::kReplayFound) << printed.text;
  EXPECT_NE(printed.text.find("FINDING_KIND_ROOT_MISMATCH"), std::string::npos) << printed.text;
  EXPECT_NE(printed.text.find("FINDING_KIND_DIFFERENT_DECISION"), std::string::npos) << printed.text;
  EXPECT_NE(printed.text.find(fmt::format("\"position\":\"{}\"", position_)), std::string::npos) << printed.text;
  EXPECT_NE(printed.text.find("\"rule\":\"base\""), std::string::npos) << printed.text;
}

TEST_F(AtRest, FindsARecordThatWasPutElsewhere) {
  server_.Close();
  Change([](events::v1::EventRecord& record) {
    if (!record.event().has_points_redeemed()) return false;
    record.set_account_id("a-thief");
    return true;
  });
  const Printed printed = ReplayDirectory();
  EXPECT_EQ(printed.exit_code, app::kReplayFound) << printed.text;
  EXPECT_NE(printed.text.find("MISPLACED_RECORD"), std::string::npos) << printed.text;
}

TEST_F(AtRest, CannotBeReplayedWhereThereIsNoLedger) {
  app::Options options;
  options.data_dir = server_.options().data_dir + "/nothing";
  EXPECT_EQ(app::RunReplay(options), app::kReplayCannotRun);
  EXPECT_FALSE(std::filesystem::exists(options.data_dir));
}

}  // namespace
}  // namespace keyledger::testing

// Who is behind is told so: a query whose projection does not get there in time, and a subscriber that reads too
// slowly.
#include <map>
#include <string>
#include <vector>

#include "server/base/cursor.h"
#include "server/shard/ledger_file.h"
#include "server/store/shard_store.h"
#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;

// Adds a visit of acme that is durable and that no projection has seen.
void StoreVisit(const std::string& data_dir, const std::string& ledger_id) {
  store::StoreOptions options;
  options.path = shard::ShardDirectory(data_dir, 0);
  options.ledger_id = ledger_id;
  options.disk_reserve_bytes = 0;
  const auto store = store::ShardStore::Open(options);
  ASSERT_TRUE(store.ok()) << store.status();
  // The signing key's record, and the opening of acme.
  ASSERT_EQ((*store)->record_count(), 2u);
  events::v1::EventRecord record;
  record.set_position(2);
  record.set_account_id("acme");
  record.set_revision(1);
  domain::SetTimestamp(record.mutable_occurred_time(), kToday);
  domain::SetTimestamp(record.mutable_record_time(), kToday);
  *record.mutable_event() = Visited().event;
  store::CommitGroup group;
  group.first_position = 2;
  group.records.push_back({"acme", 1, record.SerializeAsString()});
  ASSERT_TRUE((*store)->Append(group).ok());
}

TEST(QueryWithACursor, WaitsUntilItsDeadlineAndSaysHowFarTheProjectionIs) {
  const TempDir directory;
  const auto in_directory = [&](app::Options& options) { options.data_dir = directory / "ledger"; };
  std::string ledger_id;
  {
    LiveServer server(1, in_directory);
    server.MustAppend(Request("acme", "r1", {Opened()}));
    ledger_id = server.server().ledger().ledger_id();
    // Wait for the projections: what they have applied outlives the stop.
    GetBalanceRequest request;
    request.set_account_id("acme");
    request.set_min_cursor(server.HeadCursor());
    GetBalanceResponse response;
    const grpc::Status status = Call(server.points(), &PointsService::Stub::GetBalance, request, &response);
    ASSERT_TRUE(status.ok()) << ReadRpcError(status);
  }
  ASSERT_NO_FATAL_FAILURE(StoreVisit(directory / "ledger", ledger_id));
  // A disk that is nearly full: reads go on, and no projection can write.
  LiveServer server(1, [&](app::Options& options) {
    in_directory(options);
    options.disk_reserve_mib = UINT32_MAX;
  });
  GetBalanceRequest request;
  request.set_account_id("acme");
  GetBalanceResponse response;
  const auto ask = [&](std::chrono::milliseconds patience) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + patience);
    return ReadRpcError(server.points().GetBalance(&context, request, &response));
  };
  EXPECT_EQ(ask(kPatience).code, grpc::StatusCode::OK) << "without a cursor nothing is waited for";
  request.set_min_cursor(server.HeadCursor());
  const auto start = std::chrono::steady_clock::now();
  // The server answers 20 ms before the client gives up; on a busy machine that answer may come too late.
  RpcError error;
  for (int tries = 0; tries < 20 && error.reason.empty(); ++tries) error = ask(std::chrono::milliseconds(500));
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(400));
  EXPECT_EQ(error.code, grpc::StatusCode::DEADLINE_EXCEEDED) << error;
  EXPECT_EQ(error.reason, "PROJECTION_BEHIND") << error;
  EXPECT_EQ(error.metadata["applied"], "2") << error;
  EXPECT_NE(error.message.find("projection points has applied 2 of 3 records"), std::string::npos) << error;
}

TEST(Subscribe, TellsASlowReaderThatItFellBehindAndSkipsNothing) {
  // One more than the lag that makes a subscription fall behind, and what fits into the connection meanwhile.
  constexpr uint64_t kFellBehind = 100'000;
  constexpr size_t kEventsPerRequest = 100;
  constexpr uint64_t kRequests = 1'100;
  LiveServer server;
  // A reader that does not read holds back the server after about 64 KiB.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  const auto slow = LedgerService::NewStub(grpc::CreateCustomChannel(
      "127.0.0.1:" + std::to_string(server.server().port()), grpc::InsecureChannelCredentials(), arguments));
  server.MustAppend(Request("acme", "r0", {Opened()}));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 4 * kPatience);
  const auto reader = slow->Subscribe(&context, {});
  SubscribeResponse frame;
  uint64_t next = 0;
  uint64_t fell_behind = 0;
  int caught_up = 0;
  const auto read = [&] {
    ASSERT_TRUE(reader->Read(&frame));
    if (frame.has_records()) {
      ASSERT_EQ(frame.records().first_position(), next);
      next += static_cast<uint64_t>(frame.records().records_size());
    }
    if (frame.has_fell_behind()) {
      fell_behind += 1;
      EXPECT_GT(frame.fell_behind().lag(), kFellBehind);
      EXPECT_EQ(frame.fell_behind().lag(), 2 + kRequests * kEventsPerRequest - next);
    }
    if (frame.has_caught_up()) caught_up += 1;
  };
  while (caught_up == 0) ASSERT_NO_FATAL_FAILURE(read());
  EXPECT_EQ(fell_behind, 0u);

  const std::vector<shard::SubmittedEvent> visits(kEventsPerRequest, Visited());
  for (uint64_t i = 1; i <= kRequests; ++i) {
    AppendRequest request = Request("acme", "r" + std::to_string(i), visits);
    request.set_view(APPEND_VIEW_BASIC);
    server.MustAppend(request);
  }
  while (caught_up == 1) ASSERT_NO_FATAL_FAILURE(read());
  EXPECT_EQ(fell_behind, 1u);
  // After the signing key's record and the opening.
  EXPECT_EQ(next, 2 + kRequests * kEventsPerRequest);
  EXPECT_EQ(frame.caught_up().head(), next);
  // And live again.
  server.MustAppend(Request("acme", "last", {Visited()}));
  ASSERT_NO_FATAL_FAILURE(read());
  EXPECT_EQ(next, 3 + kRequests * kEventsPerRequest);
  context.TryCancel();
}

}  // namespace
}  // namespace keyledger::testing

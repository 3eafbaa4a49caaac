// Reading: one account, the whole log, one record.
#include <set>

#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;

std::vector<uint64_t> Revisions(LiveServer& server, uint64_t from, bool backwards, uint64_t limit) {
  ReadAccountRequest request;
  request.set_account_id("acme");
  request.set_from_revision(from);
  request.set_backwards(backwards);
  request.set_limit(limit);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  const auto reader = server.ledger().ReadAccount(&context, request);
  std::vector<uint64_t> revisions;
  ReadAccountResponse frame;
  while (reader->Read(&frame)) {
    EXPECT_EQ(frame.head_revision(), 9u);
    for (const std::string& bytes : frame.records()) {
      events::v1::EventRecord record;
      EXPECT_TRUE(record.ParseFromString(bytes));
      EXPECT_EQ(record.account_id(), "acme");
      revisions.push_back(record.revision());
    }
  }
  const grpc::Status status = reader->Finish();
  EXPECT_TRUE(status.ok()) << ReadRpcError(status);
  return revisions;
}

TEST(ReadAccount, ForwardsBackwardsFromAPlaceAndLimited) {
  LiveServer server;
  server.MustAppend(Request("acme", "r1", {Opened()}));
  server.MustAppend(Request("other", "r1", {Opened(), Visited()}));
  for (int i = 2; i <= 4; ++i) {
    server.MustAppend(Request("acme", "r" + std::to_string(i), {Visited(), Visited(), Visited()}));
  }
  using List = std::vector<uint64_t>;
  EXPECT_EQ(Revisions(server, 0, false, 0), (List{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(Revisions(server, 7, false, 0), (List{7, 8, 9}));
  EXPECT_EQ(Revisions(server, 7, false, 2), (List{7, 8}));
  EXPECT_EQ(Revisions(server, 10, false, 0), (List{}));
  EXPECT_EQ(Revisions(server, 0, true, 0), (List{9, 8, 7, 6, 5, 4, 3, 2, 1, 0}));
  EXPECT_EQ(Revisions(server, 3, true, 0), (List{3, 2, 1, 0}));
  EXPECT_EQ(Revisions(server, 3, true, 2), (List{3, 2}));
  EXPECT_EQ(Revisions(server, 1'000, true, 1), (List{9}));
}

TEST(ReadAccount, OfAnUnknownAccountIsNotFound) {
  LiveServer server;
  ReadAccountRequest request;
  request.set_account_id("nobody");
  grpc::ClientContext context;
  const auto reader = server.ledger().ReadAccount(&context, request);
  ReadAccountResponse frame;
  EXPECT_FALSE(reader->Read(&frame));
  const RpcError error = ReadRpcError(reader->Finish());
  EXPECT_EQ(error.code, grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(error.reason, "ACCOUNT_NOT_FOUND");
}

TEST(GetAccount, AsOfAnEarlierMomentKnowsAnAccountThatPaidWithPoints) {
  LiveServer server;
  const Micros before = kToday - 2 * kMicrosPerDay;
  shard::SubmittedEvent paid = Bought(60, "i1", before);
  paid.event.mutable_purchase_recorded()->mutable_lines(0)->set_points_paid(100);
  server.MustAppend(Request("acme", "r1", {Opened(before), Adjusted(130, before), paid}));
  server.MustAppend(Request("acme", "r2", {Bought(5, "i2")}));
  GetAccountRequest request;
  request.set_account_id("acme");
  domain::SetTimestamp(request.mutable_as_of(), kToday - kMicrosPerDay);
  GetAccountResponse response;
  const grpc::Status status = Call(server.accounts(), &AccountService::Stub::GetAccount, request, &response);
  ASSERT_TRUE(status.ok()) << ReadRpcError(status);
  EXPECT_EQ(response.account().display_name(), "Acme");
  EXPECT_EQ(response.account().purchase_count(), 1);
  EXPECT_EQ(response.account().standing().available_points(), 30);
}

TEST(GetAccount, NamesTheAccountThatItEndedInAndThoseThatEndedInIt) {
  LiveServer server(4);
  shard::SubmittedEvent assigned = Fact();
  assigned.event.mutable_owner_assigned()->set_person("gm-1");
  assigned.event.mutable_owner_assigned()->set_role("general_manager");
  assigned.event.mutable_owner_assigned()->set_rank(1);
  server.MustAppend(Request("acme", "r1", {Opened(), Adjusted(20), assigned}));
  server.MustAppend(Request("acme-2", "r1", {Opened(kToday - kMicrosPerDay), Adjusted(7), Bought(5, "i1")}));
  shard::SubmittedEvent merged = Fact();
  merged.event.mutable_account_merged()->set_into_account_id("acme");
  merged.event.mutable_account_merged()->set_reason("entered twice");
  server.MustAppend(Request("acme-2", "r2", {merged}));
  server.server().ledger().courier().WaitUntilSettled();
  BatchGetAccountsRequest request;
  request.add_account_ids("acme");
  request.add_account_ids("acme-2");
  BatchGetAccountsResponse response;
  const grpc::Status status = Call(server.accounts(), &AccountService::Stub::BatchGetAccounts, request, &response);
  ASSERT_TRUE(status.ok()) << ReadRpcError(status);
  ASSERT_EQ(response.accounts_size(), 2);
  const Account& acme = response.accounts(0);
  EXPECT_EQ(acme.state(), ACCOUNT_STATE_OPEN);
  ASSERT_EQ(acme.absorbed_account_ids_size(), 1);
  EXPECT_EQ(acme.absorbed_account_ids(0), "acme-2");
  EXPECT_EQ(acme.merged_into_account_id(), "");
  EXPECT_EQ(acme.standing().available_points(), 27);
  EXPECT_EQ(acme.purchase_count(), 1);
  EXPECT_EQ(domain::MicrosOf(acme.open_time()), kToday - kMicrosPerDay);
  ASSERT_EQ(acme.roles_size(), 1);
  EXPECT_EQ(acme.roles(0).role(), "general_manager");
  EXPECT_EQ(acme.roles(0).person(), "gm-1");
  EXPECT_EQ(acme.roles(0).rank(), 1u);
  EXPECT_EQ(domain::MicrosOf(acme.roles(0).since_time()), kToday);
  const Account& ended = response.accounts(1);
  EXPECT_EQ(ended.state(), ACCOUNT_STATE_MERGED);
  EXPECT_EQ(ended.merged_into_account_id(), "acme");
  EXPECT_EQ(ended.standing().available_points(), 0);
  ListAccountsRequest list;
  list.mutable_filter()->set_state(ACCOUNT_STATE_MERGED);
  list.set_min_cursor(server.server().ledger().Format(server.server().ledger().HeadCursor()));
  ListAccountsResponse listed;
  ASSERT_TRUE(Call(server.accounts(), &AccountService::Stub::ListAccounts, list, &listed).ok());
  ASSERT_EQ(listed.accounts_size(), 1);
  EXPECT_EQ(listed.accounts(0).account_id(), "acme-2");
  EXPECT_EQ(listed.accounts(0).state(), ACCOUNT_STATE_MERGED);
  const RpcError refused = server.Refused(Request("acme-2", "r3", {Visited()}));
  EXPECT_EQ(refused.reason, "ACCOUNT_MERGED");
}

// 30 accounts over 4 shards, more records than fit into one frame of a shard.
class ReadLog : public ::testing::Test {
 protected:
  ReadLog() {
    for (int i = 0; i < 30; ++i) {
      const std::string account = (i % 3 == 0 ? "eu/" : "us/") + std::to_string(i);
      std::vector<shard::SubmittedEvent> events{Opened()};
      for (int k = 0; k < 199; ++k) events.push_back(k % 10 == 0 ? Bought(1) : Visited());
      server_.MustAppend(Request(account, "r1", events));
    }
    all_ = server_.ReadLog();
  }

  static size_t Count(const std::vector<ShardRecords>& shards) {
    size_t count = 0;
    for (const ShardRecords& records : shards) count += records.size();
    return count;
  }

  LiveServer server_{4};
  std::vector<ShardRecords> all_;
};

TEST_F(ReadLog, GivesEveryRecordOnceInTheOrderOfItsShard) {
  // With the signing key's record on each shard.
  EXPECT_EQ(Count(all_), 6'004u);
  std::map<std::string, uint64_t> revisions;
  for (const ShardRecords& records : all_) {
    EXPECT_GT(records.size(), 1'000u);
    EXPECT_EQ(records[0].account_id(), "$keys");
    EXPECT_EQ(records[0].position(), 0u);
    for (size_t i = 1; i < records.size(); ++i) {
      EXPECT_EQ(records[i].position(), i);
      EXPECT_EQ(records[i].revision(), revisions[records[i].account_id()]++);
    }
  }
  EXPECT_EQ(revisions.size(), 30u);
}

TEST_F(ReadLog, ResumedFromCursorsIsTheSameAsReadAtOnce) {
  std::vector<ShardRecords> parts(4);
  ReadLogRequest request;
  for (;;) {
    request.set_limit(701);
    std::string cursor;
    const auto part = server_.ReadLog(request, &cursor);
    if (Count(part) == 0) break;
    EXPECT_LE(Count(part), 701u);
    for (size_t i = 0; i < 4; ++i) parts[i].insert(parts[i].end(), part[i].begin(), part[i].end());
    request.mutable_start()->set_cursor(cursor);
  }
  for (size_t i = 0; i < 4; ++i) {
    ASSERT_EQ(parts[i].size(), all_[i].size());
    for (size_t k = 0; k < parts[i].size(); ++k) EXPECT_EQ(parts[i][k].position(), k);
  }
}

TEST_F(ReadLog, FromTheEndIsEmpty) {
  ReadLogRequest request;
  request.mutable_start()->mutable_end();
  EXPECT_EQ(Count(server_.ReadLog(request)), 0u);
}

TEST_F(ReadLog, FromTheCursorOfAnAppendStartsRightAfterIt) {
  const AppendResponse answer = server_.MustAppend(Request("eu/0", "r2", {Visited()}));
  const AppendResponse next = server_.MustAppend(Request("eu/0", "r3", {Visited()}));
  ReadLogRequest request;
  request.mutable_start()->set_cursor(answer.cursor());
  request.set_shard(answer.shard());
  const auto records = server_.ReadLog(request)[answer.shard()];
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].position(), next.events(0).position());
}

TEST_F(ReadLog, FiltersByKindAndByPrefix) {
  ReadLogRequest purchases;
  purchases.mutable_filter()->add_kinds(events::v1::EVENT_KIND_PURCHASE_RECORDED);
  EXPECT_EQ(Count(server_.ReadLog(purchases)), 600u);
  ReadLogRequest europe;
  europe.mutable_filter()->add_account_prefixes("eu/");
  EXPECT_EQ(Count(server_.ReadLog(europe)), 2'000u);
  ReadLogRequest both;
  both.mutable_filter()->add_kinds(events::v1::EVENT_KIND_PURCHASE_RECORDED);
  both.mutable_filter()->add_kinds(events::v1::EVENT_KIND_ACCOUNT_OPENED);
  both.mutable_filter()->add_account_prefixes("eu/");
  both.mutable_filter()->add_account_prefixes("us/1");
  size_t count = 0;
  for (const ShardRecords& records : server_.ReadLog(both)) {
    for (const events::v1::EventRecord& record : records) {
      EXPECT_TRUE(record.account_id().starts_with("eu/") || record.account_id().starts_with("us/1"));
      EXPECT_TRUE(record.event().has_purchase_recorded() || record.event().has_account_opened());
      ++count;
    }
  }
  // eu: 10 accounts; us/1 and us/10 to us/19 without the multiples of 3: 1, 10, 11, 13, 14, 16, 17, 19.
  EXPECT_EQ(count, 18u * 21u);
  both.set_limit(100);
  EXPECT_EQ(Count(server_.ReadLog(both)), 100u);
}

// A client takes a server that sends nothing for half a minute for dead.
TEST(ReadLogProgress, IsSentWhileAFilterLetsNothingPass) {
  LiveServer server;
  server.MustAppend(Request("quiet", "open", {Opened()}));
  const std::vector<shard::SubmittedEvent> thousand(1'000, Visited());
  for (int i = 0; i < 41; ++i) {
    server.MustAppend(Request("quiet", "r" + std::to_string(i), thousand));
  }
  server.MustAppend(Request("loud", "open", {Opened()}));
  ReadLogRequest request;
  request.mutable_filter()->add_account_prefixes("loud");
  grpc::ClientContext context;
  const auto reader = server.ledger().ReadLog(&context, request);
  int silent = 0;
  std::string middle;
  ReadLogResponse frame;
  while (reader->Read(&frame) && frame.records().empty()) {
    ++silent;
    middle = frame.cursor();
  }
  // 41,003 records, looked at 20,000 a time.
  EXPECT_EQ(silent, 2);
  EXPECT_EQ(frame.records_size(), 1);
  EXPECT_EQ(frame.first_position(), 41'002u);
  EXPECT_FALSE(reader->Read(&frame));
  EXPECT_TRUE(reader->Finish().ok());
  // A read that broke off goes on behind what was looked at.
  request.mutable_start()->set_cursor(middle);
  EXPECT_EQ(server.ReadLog(request)[0].size(), 1u);
  request.mutable_filter()->set_account_prefixes(0, "nobody");
  std::string end;
  EXPECT_EQ(server.ReadLog(request, &end)[0].size(), 0u);
  EXPECT_EQ(end, server.HeadCursor());
}

TEST_F(ReadLog, OfOneShardGivesOnlyItsRecords) {
  for (uint32_t shard = 0; shard < 4; ++shard) {
    ReadLogRequest request;
    request.set_shard(shard);
    const auto records = server_.ReadLog(request);
    EXPECT_EQ(Count(records), records[shard].size());
    EXPECT_EQ(records[shard].size(), all_[shard].size());
  }
}

TEST_F(ReadLog, GivesTheBytesThatAreHashed) {
  ReadLogRequest request;
  request.set_shard(2);
  grpc::ClientContext context;
  const auto reader = server_.ledger().ReadLog(&context, request);
  ReadLogResponse frame;
  uint64_t position = 0;
  while (reader->Read(&frame)) {
    for (const std::string& bytes : frame.records()) {
      EXPECT_EQ(bytes, *server_.server().ledger().shard(2).store().GetRecord(position));
      ++position;
    }
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(position, all_[2].size());
}

class GetRecord : public ::testing::Test {
 protected:
  GetRecord() {
    server_.MustAppend(Request("other", "r1", {Opened()}));
    server_.MustAppend(Request("acme", "r1", {Opened(), Visited()}));
  }
  grpc::Status Get(const GetRecordRequest& request) {
    return Call(server_.ledger(), &LedgerService::Stub::GetRecord, request, &response_);
  }

  LiveServer server_;
  GetRecordResponse response_;
};

TEST_F(GetRecord, ByPositionAndByRevisionIsTheSame) {
  GetRecordRequest by_position;
  by_position.mutable_log()->set_shard(0);
  // After the signing key's record and two others.
  by_position.mutable_log()->set_position(3);
  ASSERT_TRUE(Get(by_position).ok());
  EXPECT_EQ(response_.record().account_id(), "acme");
  EXPECT_EQ(response_.record().revision(), 1u);
  const std::string bytes = response_.record_bytes();
  GetRecordRequest by_revision;
  by_revision.mutable_stream()->set_account_id("acme");
  by_revision.mutable_stream()->set_revision(1);
  ASSERT_TRUE(Get(by_revision).ok());
  EXPECT_EQ(response_.record_bytes(), bytes);
}

TEST_F(GetRecord, WhereThereIsNoneIsNotFound) {
  GetRecordRequest past_the_end;
  past_the_end.mutable_log()->set_position(4);
  EXPECT_EQ(ReadRpcError(Get(past_the_end)).reason, "RECORD_NOT_FOUND");
  GetRecordRequest past_the_head;
  past_the_head.mutable_stream()->set_account_id("acme");
  past_the_head.mutable_stream()->set_revision(2);
  EXPECT_EQ(ReadRpcError(Get(past_the_head)).reason, "RECORD_NOT_FOUND");
  GetRecordRequest nobody;
  nobody.mutable_stream()->set_account_id("nobody");
  EXPECT_EQ(ReadRpcError(Get(nobody)).reason, "ACCOUNT_NOT_FOUND");
}

TEST_F(GetRecord, NeedsAPlaceInAShardThatExists) {
  EXPECT_EQ(ReadRpcError(Get(GetRecordRequest())).field_names(), std::vector<std::string>{"place"});
  GetRecordRequest request;
  request.mutable_log()->set_shard(1);
  EXPECT_EQ(ReadRpcError(Get(request)).field_names(), std::vector<std::string>{"log.shard"});
}

}  // namespace
}  // namespace keyledger::testing

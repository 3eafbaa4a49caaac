// Legal holds, the trail of accesses, and what erasing refuses: AuditService as privacy officers see it.
#include <future>

#include <fmt/format.h>

#include "keyledger/ledger/v1/audit_service.grpc.pb.h"
#include "server/base/ids.h"
#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;

class Privacy : public ::testing::Test {
 protected:
  AuditService::Stub& audit() { return *audit_; }
  void Restart() {
    server_.Restart();
    audit_ = AuditService::NewStub(server_.channel());
  }

  static PlaceLegalHoldRequest Place(const std::string& request_id, const std::string& hold_id,
                                     const std::string& subject_id = "person-1") {
    PlaceLegalHoldRequest request;
    request.set_request_id(request_id);
    request.set_hold_id(hold_id);
    request.set_subject_id(subject_id);
    request.set_reason("case " + hold_id);
    request.set_actor("officer");
    return request;
  }
  static ReleaseLegalHoldRequest Release(const std::string& request_id, const std::string& hold_id) {
    ReleaseLegalHoldRequest request;
    request.set_request_id(request_id);
    request.set_hold_id(hold_id);
    request.set_reason("settled");
    return request;
  }
  static EraseSubjectRequest Erase(const std::string& request_id, const std::string& subject_id = "person-1") {
    EraseSubjectRequest request;
    request.set_request_id(request_id);
    request.set_subject_id(subject_id);
    request.set_reason("asked for it");
    return request;
  }
  grpc::Status Do(const PlaceLegalHoldRequest& request, PlaceLegalHoldResponse* response = nullptr) {
    PlaceLegalHoldResponse unused;
    return Call(audit(), &AuditService::Stub::PlaceLegalHold, request, response != nullptr ? response : &unused);
  }
  grpc::Status Do(const ReleaseLegalHoldRequest& request, ReleaseLegalHoldResponse* response = nullptr) {
    ReleaseLegalHoldResponse unused;
    return Call(audit(), &AuditService::Stub::ReleaseLegalHold, request, response != nullptr ? response : &unused);
  }
  grpc::Status Do(const EraseSubjectRequest& request) {
    EraseSubjectResponse unused;
    return Call(audit(), &AuditService::Stub::EraseSubject, request, &unused);
  }
  grpc::Status Do(const ListLegalHoldsRequest& request, ListLegalHoldsResponse* response) {
    return Call(audit(), &AuditService::Stub::ListLegalHolds, request, response);
  }
  grpc::Status Do(const ListAccessesRequest& request, ListAccessesResponse* response) {
    return Call(audit(), &AuditService::Stub::ListAccesses, request, response);
  }
  // Records a reading as whatever gives out personal data does.
  void Read(const std::string& account_id, const std::string& reader, const std::vector<std::string>& subjects) {
    shard::Ledger& ledger = server_.server().ledger();
    shard::Shard& shard = account_id.empty() ? ledger.shard(0) : ledger.ShardOfAccount(account_id);
    events::v1::Event event;
    events::v1::PersonalDataRead& read = *event.mutable_personal_data_read();
    read.set_read_account_id(account_id);
    read.set_reader(reader);
    read.set_purpose("service");
    for (const std::string& subject : subjects) read.add_subject_ids(subject);
    std::promise<bool> done;
    shard.RecordOwn(kAccessesStream, event, fmt::format("read {}", ++readings_), reader, "digest",
                    [&](const absl::StatusOr<shard::AppendAnswer>& answer) { done.set_value(answer.ok()); });
    ASSERT_TRUE(done.get_future().get());
    server_.clock().Advance(kMicrosPerSecond);
  }
  // Readers, over all pages.
  std::vector<std::string> Readers(ListAccessesRequest request, int page_size = 0) {
    std::vector<std::string> readers;
    request.set_page_size(page_size);
    request.set_min_cursor(server_.HeadCursor());
    do {
      ListAccessesResponse response;
      const grpc::Status status = Do(request, &response);
      EXPECT_TRUE(status.ok()) << ReadRpcError(status);
      if (!status.ok()) break;
      for (const Access& access : response.accesses()) readers.push_back(access.reader());
      request.set_page_token(response.next_page_token());
    } while (!request.page_token().empty());
    return readers;
  }

  LiveServer server_{4};
  std::unique_ptr<AuditService::Stub> audit_ = AuditService::NewStub(server_.channel());
  int readings_ = 0;
};

using Names = std::vector<std::string>;

TEST_F(Privacy, AHoldIsPlacedListedAndReleased) {
  PlaceLegalHoldResponse placed;
  ASSERT_TRUE(Do(Place("r1", "h-1"), &placed).ok());
  EXPECT_EQ(placed.hold().hold_id(), "h-1");
  EXPECT_EQ(placed.hold().subject_id(), "person-1");
  EXPECT_EQ(placed.hold().reason(), "case h-1");
  EXPECT_EQ(placed.hold().actor(), "officer");
  EXPECT_EQ(placed.hold().place_time().seconds(), kToday / kMicrosPerSecond);
  Restart();
  server_.clock().Advance(kMicrosPerSecond);
  ListLegalHoldsResponse listed;
  ASSERT_TRUE(Do(ListLegalHoldsRequest(), &listed).ok());
  ASSERT_EQ(listed.holds_size(), 1);
  EXPECT_EQ(listed.holds(0).SerializeAsString(), placed.hold().SerializeAsString());
  ReleaseLegalHoldResponse released;
  ASSERT_TRUE(Do(Release("r2", "h-1"), &released).ok());
  EXPECT_EQ(released.hold().SerializeAsString(), placed.hold().SerializeAsString());
  EXPECT_EQ(released.release_time().seconds(), kToday / kMicrosPerSecond + 1);
  listed.Clear();
  ASSERT_TRUE(Do(ListLegalHoldsRequest(), &listed).ok());
  EXPECT_EQ(listed.holds_size(), 0);
}

TEST_F(Privacy, HoldsAreListedInPagesBySubject) {
  for (const char* name : {"h-3", "h-1", "h-2"}) ASSERT_TRUE(Do(Place(name, name)).ok());
  ASSERT_TRUE(Do(Place("o", "h-0", "other")).ok());
  for (const int size : {1, 2, 3, 4, 1'000}) {
    Names names;
    ListLegalHoldsRequest request;
    request.set_page_size(size);
    do {
      ListLegalHoldsResponse response;
      ASSERT_TRUE(Do(request, &response).ok());
      EXPECT_LE(response.holds_size(), size);
      for (const LegalHold& hold : response.holds()) names.push_back(hold.hold_id());
      request.set_page_token(response.next_page_token());
    } while (!request.page_token().empty());
    EXPECT_EQ(names, (Names{"h-0", "h-1", "h-2", "h-3"})) << size;
  }
  ListLegalHoldsRequest request;
  request.set_subject_id("person-1");
  request.set_page_size(2);
  ListLegalHoldsResponse response;
  ASSERT_TRUE(Do(request, &response).ok());
  EXPECT_EQ(response.holds_size(), 2);
  request.set_page_token(response.next_page_token());
  request.set_subject_id("other");
  EXPECT_EQ(ReadRpcError(Do(request, &response)).reason, "INVALID_TOKEN");
  request.set_page_token("nonsense");
  EXPECT_EQ(ReadRpcError(Do(request, &response)).reason, "INVALID_TOKEN");
}

TEST_F(Privacy, AHoldThatCannotBePlacedOrReleasedIsRefusedByName) {
  ASSERT_TRUE(Do(Place("r1", "h-1")).ok());
  const RpcError exists = ReadRpcError(Do(Place("r2", "h-1", "other")));
  EXPECT_EQ(exists.code, grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(exists.reason, "LEGAL_HOLD_EXISTS");
  EXPECT_EQ(ReadRpcError(Do(Place("r1", "h-2"))).reason, "REQUEST_ID_REUSED");
  EXPECT_EQ(ReadRpcError(Do(Release("r1", "h-1"))).reason, "REQUEST_ID_REUSED");
  const RpcError none = ReadRpcError(Do(Release("r3", "h-9")));
  EXPECT_EQ(none.code, grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(none.reason, "LEGAL_HOLD_NOT_FOUND");
  // A repetition is the first answer.
  PlaceLegalHoldResponse again;
  ASSERT_TRUE(Do(Place("r1", "h-1"), &again).ok());
  EXPECT_EQ(again.hold().reason(), "case h-1");
}

// Each case changes a request that is otherwise good, and names the field that must be refused.
template <class Request>
struct Bad {
  std::string field;
  std::function<void(Request&)> change;
};

template <class Request>
std::vector<Bad<Request>> BadCommon() {
  return {{"request_id", [](Request& r) { r.clear_request_id(); }},
          {"request_id", [](Request& r) { r.set_request_id(std::string(129, 'r')); }},
          {"request_id", [](Request& r) { r.set_request_id("a b"); }},
          {"reason", [](Request& r) { r.clear_reason(); }},
          {"reason", [](Request& r) { r.set_reason(std::string(513, 'r')); }},
          {"actor", [](Request& r) { r.set_actor(std::string(129, 'r')); }}};
}

template <class Request>
std::vector<Bad<Request>> BadSubject() {
  return {{"subject_id", [](Request& r) { r.clear_subject_id(); }},
          {"subject_id", [](Request& r) { r.set_subject_id("a b"); }},
          {"subject_id", [](Request& r) { r.set_subject_id(std::string(129, 's')); }}};
}

template <class Request>
std::vector<Bad<Request>> BadHold() {
  return {{"hold_id", [](Request& r) { r.clear_hold_id(); }},
          {"hold_id", [](Request& r) { r.set_hold_id("a b"); }},
          {"hold_id", [](Request& r) { r.set_hold_id(std::string(129, 'h')); }}};
}

TEST_F(Privacy, RefusesBadFieldsByName) {
  const auto expect = [&](const auto& good, const auto& cases) {
    for (const auto& bad : cases) {
      auto request = good;
      bad.change(request);
      const RpcError error = ReadRpcError(Do(request));
      EXPECT_EQ(error.code, grpc::StatusCode::INVALID_ARGUMENT) << bad.field;
      ASSERT_EQ(error.fields.size(), 1u) << bad.field;
      EXPECT_EQ(error.fields[0].first, bad.field);
    }
  };
  expect(Place("r1", "h-1"), BadCommon<PlaceLegalHoldRequest>());
  expect(Place("r1", "h-1"), BadSubject<PlaceLegalHoldRequest>());
  expect(Place("r1", "h-1"), BadHold<PlaceLegalHoldRequest>());
  expect(Release("r1", "h-1"), BadCommon<ReleaseLegalHoldRequest>());
  expect(Release("r1", "h-1"), BadHold<ReleaseLegalHoldRequest>());
  expect(Erase("r1"), BadCommon<EraseSubjectRequest>());
  expect(Erase("r1"), BadSubject<EraseSubjectRequest>());
}

TEST_F(Privacy, TakesTheLongestOfEverything) {
  PlaceLegalHoldRequest place = Place(std::string(128, 'r'), std::string(128, 'h'), std::string(128, 's'));
  place.set_reason(std::string(512, 'x'));
  place.set_actor(std::string(128, 'a'));
  PlaceLegalHoldResponse placed;
  ASSERT_TRUE(Do(place, &placed).ok());
  EXPECT_EQ(placed.hold().hold_id(), std::string(128, 'h'));
  Restart();
  ReleaseLegalHoldRequest release = Release("r2", std::string(128, 'h'));
  release.set_reason(std::string(512, 'x'));
  EXPECT_TRUE(Do(release).ok());
}

TEST_F(Privacy, AHoldRefusesAnErasureAndThatIsOnTheRecord) {
  ASSERT_TRUE(Do(Place("r1", "h-1")).ok());
  ASSERT_TRUE(Do(Place("r2", "h-2")).ok());
  const RpcError refused = ReadRpcError(Do(Erase("e1")));
  EXPECT_EQ(refused.code, grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(refused.reason, "LEGAL_HOLD");
  EXPECT_EQ(refused.metadata.at("hold_ids"), "h-1 h-2");
  const auto records = server_.ReadLog()[0];
  const events::v1::ErasureRefused& record = records.back().event().erasure_refused();
  EXPECT_EQ(record.subject_id(), "person-1");
  EXPECT_EQ(record.reason(), "asked for it");
  EXPECT_EQ(record.hold_ids_size(), 2);
}

TEST_F(Privacy, WithoutAMasterKeyNobodyCanBeErased) {
  const RpcError refused = ReadRpcError(Do(Erase("e1")));
  EXPECT_EQ(refused.code, grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(refused.reason, "NO_MASTER_KEY");
}

TEST_F(Privacy, AccessesAreListedBySubjectAccountAndReaderNewestFirst) {
  // Accounts of different shards, and readings by subject on the first.
  Read("acme", "zhao", {"person-1"});
  Read("beta", "li", {"person-1", "person-2"});
  Read("", "wang", {"person-1"});
  Read("gamma", "zhao", {"person-2"});
  ListAccessesRequest request;
  request.set_subject_id("person-1");
  for (const int size : {0, 1, 2, 3}) EXPECT_EQ(Readers(request, size), (Names{"wang", "li", "zhao"})) << size;
  request.set_account_id("beta");
  EXPECT_EQ(Readers(request), Names{"li"});
  request.set_reader("zhao");
  EXPECT_EQ(Readers(request), (Names{"zhao", "zhao"}));
  domain::SetTimestamp(request.mutable_from(), kToday + 3 * kMicrosPerSecond);
  EXPECT_EQ(Readers(request), Names{"zhao"});
  domain::SetTimestamp(request.mutable_from(), kToday);
  domain::SetTimestamp(request.mutable_to(), kToday + 3 * kMicrosPerSecond);
  EXPECT_EQ(Readers(request), Names{"zhao"});
  domain::SetTimestamp(request.mutable_to(), kToday);
  EXPECT_EQ(Readers(request), Names{});
  request.set_reader("nobody");
  EXPECT_EQ(Readers(request), Names{});
}

TEST_F(Privacy, AnAccessIsShownAsItWasRecorded) {
  Read("acme", "zhao", {"person-1", "person-2"});
  ListAccessesRequest request;
  request.set_reader("zhao");
  request.set_min_cursor(server_.HeadCursor());
  ListAccessesResponse response;
  ASSERT_TRUE(Do(request, &response).ok());
  ASSERT_EQ(response.accesses_size(), 1);
  const Access& access = response.accesses(0);
  EXPECT_EQ(access.record_time().seconds(), kToday / kMicrosPerSecond);
  EXPECT_EQ(access.account_id(), "acme");
  EXPECT_EQ(access.purpose(), "service");
  EXPECT_EQ(access.subject_ids_size(), 2);
  EXPECT_EQ(access.shard(), ShardOf("acme", 4));
  // After the record of the signing key.
  EXPECT_EQ(access.position(), 1u);
}

TEST_F(Privacy, AccessesRefuseBadFieldsAndForeignTokens) {
  Read("acme", "zhao", {"person-1"});
  Read("acme", "zhao", {"person-1"});
  ListAccessesResponse response;
  const auto field_of = [&](const ListAccessesRequest& request) {
    const RpcError error = ReadRpcError(Do(request, &response));
    EXPECT_EQ(error.code, grpc::StatusCode::INVALID_ARGUMENT);
    return error.fields.empty() ? error.reason : error.fields[0].first;
  };
  ListAccessesRequest request;
  EXPECT_EQ(field_of(request), "by");
  request.set_subject_id("a b");
  EXPECT_EQ(field_of(request), "subject_id");
  request.set_account_id("$accesses");
  EXPECT_EQ(field_of(request), "account_id");
  request.set_reader("");
  EXPECT_EQ(field_of(request), "reader");
  request.set_reader(std::string(129, 'r'));
  EXPECT_EQ(field_of(request), "reader");
  request.set_reader("zhao");
  request.set_page_size(1'001);
  EXPECT_EQ(field_of(request), "page_size");
  request.set_page_size(-1);
  EXPECT_EQ(field_of(request), "page_size");
  request.set_page_size(1);
  request.mutable_from()->set_nanos(-1);
  EXPECT_EQ(field_of(request), "from");
  domain::SetTimestamp(request.mutable_from(), kToday);
  domain::SetTimestamp(request.mutable_to(), kToday - 1);
  EXPECT_EQ(field_of(request), "to");
  request.clear_to();
  request.set_min_cursor("nonsense");
  EXPECT_EQ(field_of(request), "INVALID_TOKEN");
  request.set_min_cursor(server_.HeadCursor());
  ASSERT_TRUE(Do(request, &response).ok());
  request.set_page_token(response.next_page_token());
  ASSERT_TRUE(Do(request, &response).ok());
  request.set_reader("li");
  EXPECT_EQ(field_of(request), "INVALID_TOKEN");
}

}  // namespace
}  // namespace keyledger::testing

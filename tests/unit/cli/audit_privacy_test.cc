// The commands of privacy officers: what they ask for before they act, what they send and what they print.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "client/cli/app.h"
#include "keyledger/ledger/v1/audit_service.grpc.pb.h"

namespace keyledger::cli {
namespace {

void SetTime(int64_t seconds, google::protobuf::Timestamp* out) { out->set_seconds(seconds); }

// AuditService as the test wants it; keeps the last request of each kind.
class FakeAudit final : public v1::AuditService::Service {
 public:
  FakeAudit() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeAudit() override { server_->Shutdown(); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  grpc::Status EraseSubject(grpc::ServerContext*, const v1::EraseSubjectRequest* request,
                            v1::EraseSubjectResponse* response) override {
    erasures += 1;
    erase = *request;
    response->set_certificate("keyledger-erasure/1\nsubject person-1\n\n\xe2\x80\x94 name signature\n");
    SetTime(1'767'225'600, response->mutable_erase_time());
    for (uint32_t shard = 0; shard < 2; ++shard) {
      ev::EventRecord& record = *response->add_records();
      record.set_shard(shard);
      record.set_position(7 + shard);
    }
    return grpc::Status::OK;
  }
  grpc::Status PlaceLegalHold(grpc::ServerContext*, const v1::PlaceLegalHoldRequest* request,
                              v1::PlaceLegalHoldResponse* response) override {
    place = *request;
    *response->mutable_hold() = Hold();
    return grpc::Status::OK;
  }
  grpc::Status ReleaseLegalHold(grpc::ServerContext*, const v1::ReleaseLegalHoldRequest* request,
                                v1::ReleaseLegalHoldResponse* response) override {
    release = *request;
    *response->mutable_hold() = Hold();
    SetTime(1'767'312'000, response->mutable_release_time());
    return grpc::Status::OK;
  }
  grpc::Status ListLegalHolds(grpc::ServerContext*, const v1::ListLegalHoldsRequest* request,
                              v1::ListLegalHoldsResponse* response) override {
    list = *request;
    *response->add_holds() = Hold();
    return grpc::Status::OK;
  }
  grpc::Status ListAccesses(grpc::ServerContext*, const v1::ListAccessesRequest* request,
                            v1::ListAccessesResponse* response) override {
    accesses = *request;
    v1::Access& access = *response->add_accesses();
    SetTime(1'767'225'600, access.mutable_record_time());
    access.set_reader("zhao");
    access.set_purpose("birthday card");
    access.set_account_id("acme");
    for (const char* subject : {"p-1", "p-2", "p-3", "p-4"}) access.add_subject_ids(subject);
    access.set_shard(1);
    access.set_position(12);
    response->set_next_page_token("next");
    return grpc::Status::OK;
  }

  int erasures = 0;
  v1::EraseSubjectRequest erase;
  v1::PlaceLegalHoldRequest place;
  v1::ReleaseLegalHoldRequest release;
  v1::ListLegalHoldsRequest list;
  v1::ListAccessesRequest accesses;

 private:
  static v1::LegalHold Hold() {
    v1::LegalHold hold;
    hold.set_hold_id("h-1");
    hold.set_subject_id("person-1");
    hold.set_reason("case 7");
    hold.set_actor("officer");
    SetTime(1'767'225'600, hold.mutable_place_time());
    return hold;
  }

  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

struct Ran {
  int code = 0;
  std::string out;
  std::string err;
};

Ran RunCommand(const FakeAudit& server, std::vector<std::string> arguments, const std::string& typed = "",
               bool terminal = false) {
  arguments.insert(arguments.begin(), {"--server", server.address(), "--timeout", "10"});
  std::istringstream in(typed);
  std::ostringstream out;
  std::ostringstream err;
  Environment environment{in, out, err};
  environment.in_is_terminal = terminal;
  Ran ran;
  ran.code = Run(arguments, environment);
  ran.out = out.str();
  ran.err = err.str();
  return ran;
}

const std::vector<std::string> kErase = {"audit", "erase", "person-1", "--reason", "asked for it"};

std::vector<std::string> With(std::vector<std::string> arguments, const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST(AuditErase, NeedsYesWhereNobodyCanBeAsked) {
  FakeAudit server;
  const Ran ran = RunCommand(server, kErase, "person-1\n");
  EXPECT_EQ(ran.code, kExitUsage);
  EXPECT_NE(ran.err.find("give --yes"), std::string::npos) << ran.err;
  EXPECT_EQ(server.erasures, 0);
}

TEST(AuditErase, AsksForTheSubjectOnATerminal) {
  FakeAudit server;
  for (const char* typed : {"", "\n", "y\n", "person-2\n"}) {
    const Ran ran = RunCommand(server, kErase, typed, true);
    EXPECT_EQ(ran.code, kExitUsage) << typed;
    EXPECT_NE(ran.err.find("not erased"), std::string::npos) << ran.err;
  }
  EXPECT_EQ(server.erasures, 0);
  EXPECT_EQ(RunCommand(server, kErase, "person-1\n", true).code, kExitOk);
  EXPECT_EQ(server.erasures, 1);
}

TEST(AuditErase, PrintsTheCertificateAndNothingElseToTheOutput) {
  FakeAudit server;
  const Ran ran = RunCommand(server, With(kErase, {"--yes", "--request-id", "r1", "--actor", "officer"}));
  EXPECT_EQ(ran.code, kExitOk) << ran.err;
  EXPECT_EQ(ran.out, "keyledger-erasure/1\nsubject person-1\n\n\xe2\x80\x94 name signature\n");
  EXPECT_EQ(ran.err, "erased at 2026-01-01T00:00:00Z; records: 0/7 1/8\n");
  EXPECT_EQ(server.erase.subject_id(), "person-1");
  EXPECT_EQ(server.erase.reason(), "asked for it");
  EXPECT_EQ(server.erase.request_id(), "r1");
  EXPECT_EQ(server.erase.actor(), "officer");
}

TEST(AuditErase, SavesTheCertificate) {
  FakeAudit server;
  const std::string path = (std::filesystem::path(::testing::TempDir()) / "erasure-certificate.note").string();
  std::filesystem::remove(path);
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(RunCommand(server, With(kErase, {"--yes", "--out", path})).code, kExitOk);
    std::ifstream in(path, std::ios::binary);
    EXPECT_EQ(std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>()),
              "keyledger-erasure/1\nsubject person-1\n\n\xe2\x80\x94 name signature\n");
  }
  std::filesystem::remove(path);
  EXPECT_EQ(RunCommand(server, With(kErase, {"--yes", "--out", "/nowhere/at/all"})).code, kExitUsage);
  EXPECT_EQ(server.erasures, 2);
}

TEST(AuditErase, NeedsAReason) {
  FakeAudit server;
  EXPECT_EQ(RunCommand(server, {"audit", "erase", "person-1", "--yes"}).code, kExitUsage);
  EXPECT_EQ(server.erasures, 0);
}

constexpr char kHoldRow[] =
    "hold  subject   placed                by       reason\n"
    "h-1   person-1  2026-01-01T00:00:00Z  officer  case 7\n";

TEST(AuditHold, PlacesReleasesAndLists) {
  FakeAudit server;
  const Ran placed =
      RunCommand(server, {"audit", "hold", "place", "h-1", "person-1", "--reason", "case 7", "--actor", "officer"});
  EXPECT_EQ(placed.code, kExitOk) << placed.err;
  EXPECT_EQ(placed.out, kHoldRow);
  EXPECT_EQ(server.place.hold_id(), "h-1");
  EXPECT_EQ(server.place.subject_id(), "person-1");
  EXPECT_EQ(server.place.reason(), "case 7");
  EXPECT_EQ(server.place.actor(), "officer");
  EXPECT_NE(server.place.request_id(), "");
  const Ran released =
      RunCommand(server, {"audit", "hold", "release", "h-1", "--reason", "settled", "--request-id", "r2"});
  EXPECT_EQ(released.out,
            "hold  subject   placed                released\n"
            "h-1   person-1  2026-01-01T00:00:00Z  2026-01-02T00:00:00Z\n");
  EXPECT_EQ(server.release.reason(), "settled");
  EXPECT_EQ(server.release.request_id(), "r2");
  EXPECT_EQ(RunCommand(server, {"audit", "hold", "list", "--subject", "person-1"}).out, kHoldRow);
  EXPECT_EQ(server.list.subject_id(), "person-1");
}

TEST(AuditAccesses, ListsBySubjectAccountOrReader) {
  FakeAudit server;
  const Ran ran = RunCommand(server, {"audit", "accesses", "--subject", "p-1", "--from", "2026-01-01", "--to",
                                      "2026-02-01", "--page-size", "5", "--min-cursor", "cursor"});
  EXPECT_EQ(ran.code, kExitOk) << ran.err;
  EXPECT_EQ(ran.out,
            "recorded              reader  purpose        account  subjects                record\n"
            "2026-01-01T00:00:00Z  zhao    birthday card  acme     p-1 p-2 p-3 and 1 more  1/12\n");
  EXPECT_EQ(ran.err, "more: add --all, or --page-token next\n");
  EXPECT_EQ(server.accesses.subject_id(), "p-1");
  EXPECT_EQ(server.accesses.from().seconds(), 1'767'225'600);
  EXPECT_EQ(server.accesses.to().seconds(), 1'769'904'000);
  EXPECT_EQ(server.accesses.page_size(), 5);
  EXPECT_EQ(server.accesses.min_cursor(), "cursor");
  EXPECT_EQ(RunCommand(server, {"audit", "accesses", "--account", "acme"}).code, kExitOk);
  EXPECT_EQ(server.accesses.account_id(), "acme");
  EXPECT_EQ(RunCommand(server, {"audit", "accesses", "--reader", "zhao"}).code, kExitOk);
  EXPECT_EQ(server.accesses.reader(), "zhao");
}

TEST(AuditAccesses, WantsExactlyOneThingToLookBy) {
  FakeAudit server;
  EXPECT_EQ(RunCommand(server, {"audit", "accesses"}).code, kExitUsage);
  EXPECT_EQ(RunCommand(server, {"audit", "accesses", "--reader", "a", "--subject", "b"}).code, kExitUsage);
}

}  // namespace
}  // namespace keyledger::cli

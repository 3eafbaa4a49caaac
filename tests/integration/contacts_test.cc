// Personal data over the wire: sealed before it is stored, given out to whoever says what for, and on the record.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <fmt/format.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/vault/vault.h"
#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;
using events::v1::EventRecord;
using events::v1::PersonalDataRead;

constexpr const char* kKey = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
constexpr const char* kOtherKey = "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
// What must be found nowhere, and what is stored as it is, to know that a search finds things.
constexpr const char* kSecrets[] = {"Grace Hopper", "ponies and rockets", "grace@navy.example", "came with flowers"};
constexpr const char* kNoSecret = "stored as it is";

std::string WriteKey(const TempDir& dir, const std::string& name, const std::string& text) {
  const std::string path = dir / name;
  std::ofstream(path) << text;
  std::filesystem::permissions(path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  return path;
}

shard::SubmittedEvent Recorded(const std::string& contact, const std::string& subject) {
  shard::SubmittedEvent fact = Fact();
  auto& recorded = *fact.event.mutable_contact_recorded();
  recorded.set_contact_id(contact);
  recorded.mutable_person()->set_subject_id(subject);
  auto& details = *recorded.mutable_person()->mutable_details();
  details.set_name("Grace Hopper");
  details.add_emails("grace@navy.example");
  details.mutable_birthday()->set_month(12);
  details.mutable_birthday()->set_day(9);
  auto& related = *recorded.add_related();
  related.set_relation("daughter");
  related.mutable_person()->set_subject_id(subject + "-d");
  related.mutable_person()->mutable_details()->add_habits("ponies and rockets");
  return fact;
}

shard::SubmittedEvent Met(const std::string& subject) {
  shard::SubmittedEvent fact = Fact();
  auto& custom = *fact.event.mutable_custom_event();
  custom.set_type("com.example.visit");
  custom.set_data(kNoSecret);
  custom.add_personal()->set_subject_id(subject);
  custom.mutable_personal(0)->set_data("came with flowers");
  return fact;
}

std::string ReadBytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

// Files under the directory that hold the text.
std::vector<std::string> FilesWith(const std::string& directory, const std::string& text) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file() && ReadBytes(entry.path()).find(text) != std::string::npos)
      files.push_back(entry.path().string());
  }
  return files;
}

class ContactsOverTheWire : public ::testing::TestWithParam<uint32_t> {
 protected:
  ContactsOverTheWire()
      : server_(GetParam(), [this](app::Options& options) { options.master_key_file = WriteKey(keys_, "key", kKey); }) {
  }

  // Lists the contacts of an account as somebody, or as nobody.
  ListContactsResponse List(const std::string& account, const std::string& reader, const std::string& cursor) {
    ListContactsRequest request;
    request.set_account_id(account);
    request.set_reader(reader);
    if (!reader.empty()) request.set_purpose("birthday cards");
    request.set_min_cursor(cursor);
    ListContactsResponse response;
    const grpc::Status status = Call(server_.accounts(), &AccountService::Stub::ListContacts, request, &response);
    EXPECT_TRUE(status.ok()) << ReadRpcError(status);
    return response;
  }
  RpcError ListRefused(const ListContactsRequest& request) {
    ListContactsResponse response;
    return ReadRpcError(Call(server_.accounts(), &AccountService::Stub::ListContacts, request, &response));
  }
  grpc::Status Read(const ReadSubjectRequest& request, ReadSubjectResponse* response) {
    return Call(server_.audit(), &AuditService::Stub::ReadSubject, request, response);
  }
  // The readings on the record, over all shards.
  std::vector<PersonalDataRead> Trail() {
    std::vector<PersonalDataRead> trail;
    for (const ShardRecords& records : server_.ReadLog()) {
      for (const EventRecord& record : records) {
        if (!record.event().has_personal_data_read()) continue;
        EXPECT_EQ(record.account_id(), "$accesses");
        trail.push_back(record.event().personal_data_read());
      }
    }
    return trail;
  }

  const TempDir keys_;
  LiveServer server_;
};

INSTANTIATE_TEST_SUITE_P(Shards, ContactsOverTheWire, ::testing::Values(1, 4),
                         [](const auto& shards) { return fmt::format("{}Shards", shards.param); });

TEST_P(ContactsOverTheWire, AreGivenOutToWhoeverSaysWhatFor) {
  server_.MustAppend(Request("acme", "open", {Opened()}));
  const std::string cursor = server_.MustAppend(Request("acme", "r1", {Recorded("c-1", "s-1")})).cursor();
  const ListContactsResponse listed = List("acme", "ann", cursor);
  ASSERT_EQ(listed.contacts_size(), 1);
  const Contact& contact = listed.contacts(0);
  EXPECT_EQ(contact.contact_id(), "c-1");
  EXPECT_EQ(contact.revision(), 1u);
  EXPECT_EQ(contact.person().subject_id(), "s-1");
  EXPECT_EQ(contact.person().details().name(), "Grace Hopper");
  EXPECT_EQ(contact.person().details().birthday().day(), 9u);
  EXPECT_FALSE(contact.person().has_sealed());
  ASSERT_EQ(contact.related_size(), 1);
  EXPECT_EQ(contact.related(0).relation(), "daughter");
  EXPECT_EQ(contact.related(0).person().details().habits(0), "ponies and rockets");
  // The reading is on the record by the time it is answered.
  const std::vector<PersonalDataRead> trail = Trail();
  ASSERT_EQ(trail.size(), 1u);
  EXPECT_EQ(trail[0].read_account_id(), "acme");
  ASSERT_EQ(trail[0].subject_ids_size(), 2);
  EXPECT_EQ(trail[0].subject_ids(0), "s-1");
  EXPECT_EQ(trail[0].subject_ids(1), "s-1-d");
  EXPECT_EQ(trail[0].reader(), "ann");
  EXPECT_EQ(trail[0].purpose(), "birthday cards");
  EXPECT_EQ(trail[0].method(), "keyledger.ledger.v1.AccountService/ListContacts");
  // Every reading is another one.
  List("acme", "ann", cursor);
  EXPECT_EQ(Trail().size(), 2u);
}

TEST_P(ContactsOverTheWire, AreListedWithoutWhatIsPersonalForNobodyInParticular) {
  server_.MustAppend(Request("acme", "open", {Opened()}));
  const std::string cursor = server_.MustAppend(Request("acme", "r1", {Recorded("c-1", "s-1")})).cursor();
  const ListContactsResponse listed = List("acme", "", cursor);
  ASSERT_EQ(listed.contacts_size(), 1);
  EXPECT_EQ(listed.contacts(0).person().subject_id(), "s-1");
  EXPECT_EQ(listed.contacts(0).person().ByteSizeLong(), 5u) << "nothing but the subject";
  EXPECT_EQ(listed.contacts(0).related(0).person().ByteSizeLong(), 7u);
  for (const char* secret : kSecrets) EXPECT_EQ(listed.SerializeAsString().find(secret), std::string::npos);
  EXPECT_TRUE(Trail().empty());
}

TEST_P(ContactsOverTheWire, RepeatedGetTheFirstAnswer) {
  server_.MustAppend(Request("acme", "open", {Opened()}));
  const AppendRequest request = Request("acme", "r1", {Recorded("c-1", "s-1"), Met("s-2")});
  const AppendResponse first = server_.MustAppend(request);
  const AppendResponse again = server_.MustAppend(request);
  EXPECT_TRUE(again.replayed());
  EXPECT_EQ(again.events(1).position(), first.events(1).position());
  AppendRequest other = request;
  other.mutable_events(0)->mutable_event()->mutable_contact_recorded()->mutable_person()->mutable_details()->set_name(
      "Grace Brewster Hopper");
  EXPECT_EQ(server_.Refused(other).reason, "REQUEST_ID_REUSED");
  server_.Restart();
  EXPECT_TRUE(server_.MustAppend(request).replayed());
  EXPECT_EQ(server_.Refused(other).reason, "REQUEST_ID_REUSED");
}

TEST_P(ContactsOverTheWire, LeaveNoPlaintextInAnyFileNorInTheLog) {
  std::ostringstream log;
  const auto before = spdlog::default_logger();
  const auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log));
  logger->set_level(spdlog::level::trace);
  spdlog::set_default_logger(logger);
  server_.MustAppend(Request("acme", "open", {Opened()}));
  server_.MustAppend(Request("acme", "r1", {Recorded("c-1", "s-1")}));
  const std::string cursor = server_.MustAppend(Request("acme", "r2", {Met("s-2")})).cursor();
  // Refused requests leave none either.
  EXPECT_EQ(server_.Refused(Request("nobody", "r3", {Recorded("c-1", "s-1")})).reason, "ACCOUNT_NOT_FOUND");
  List("acme", "ann", cursor);
  const std::string& directory = server_.options().data_dir;
  EXPECT_NE(FilesWith(directory, kNoSecret), std::vector<std::string>{}) << "the search finds what is there";
  for (const char* secret : kSecrets) EXPECT_EQ(FilesWith(directory, secret), std::vector<std::string>{}) << secret;
  for (const char* secret : kSecrets) {
    for (const ShardRecords& records : server_.ReadLog()) {
      for (const EventRecord& record : records)
        EXPECT_EQ(record.SerializeAsString().find(secret), std::string::npos) << secret;
    }
  }
  server_.Restart();
  server_.Stop();
  for (const char* secret : kSecrets) EXPECT_EQ(FilesWith(directory, secret), std::vector<std::string>{}) << secret;
  spdlog::set_default_logger(before);
  EXPECT_NE(log.str().find("master key"), std::string::npos) << "the log was listened to";
  for (const char* secret : kSecrets) EXPECT_EQ(log.str().find(secret), std::string::npos) << secret;
  EXPECT_EQ(log.str().find(kKey), std::string::npos);
}

TEST_P(ContactsOverTheWire, AreReadableAfterARestart) {
  server_.MustAppend(Request("acme", "open", {Opened()}));
  const std::string cursor = server_.MustAppend(Request("acme", "r1", {Recorded("c-1", "s-1")})).cursor();
  server_.Restart();
  EXPECT_EQ(List("acme", "ann", cursor).contacts(0).person().details().name(), "Grace Hopper");
}

TEST_P(ContactsOverTheWire, TellWhatIsMissingInARequest) {
  server_.MustAppend(Request("acme", "open", {Opened()}));
  ListContactsRequest request;
  EXPECT_EQ(ListRefused(request).field_names(), std::vector<std::string>{"account_id"});
  request.set_account_id("nobody");
  EXPECT_EQ(ListRefused(request).reason, "ACCOUNT_NOT_FOUND");
  request.set_account_id("acme");
  request.set_reader("ann");
  EXPECT_EQ(ListRefused(request).field_names(), std::vector<std::string>{"purpose"});
  request.set_purpose(std::string(512, 'p'));
  request.set_reader(std::string(128, 'r'));
  EXPECT_EQ(ListRefused(request).code, grpc::StatusCode::OK);
  request.set_purpose(std::string(513, 'p'));
  EXPECT_EQ(ListRefused(request).field_names(), std::vector<std::string>{"purpose"});
  request.set_reader(std::string(129, 'r'));
  EXPECT_EQ(ListRefused(request).field_names(), std::vector<std::string>{"reader"});
  request.clear_reader();
  EXPECT_EQ(ListRefused(request).field_names(), std::vector<std::string>{"reader"});
  request.clear_purpose();
  request.set_contact_id(std::string(129, 'c'));
  EXPECT_EQ(ListRefused(request).field_names(), std::vector<std::string>{"contact_id"});
  request.clear_contact_id();
  request.set_page_size(1001);
  EXPECT_EQ(ListRefused(request).field_names(), std::vector<std::string>{"page_size"});
  request.clear_page_size();
  request.set_page_token("nonsense");
  EXPECT_EQ(ListRefused(request).reason, "INVALID_TOKEN");
  EXPECT_TRUE(Trail().empty()) << "nothing was given out";
}

TEST_P(ContactsOverTheWire, ComeInPagesEachOnTheRecord) {
  std::vector<shard::SubmittedEvent> events = {Opened()};
  for (int i = 0; i < 5; ++i) events.push_back(Recorded(fmt::format("c-{}", i), fmt::format("s-{}", i)));
  const std::string cursor = server_.MustAppend(Request("acme", "r1", events)).cursor();
  ListContactsRequest request;
  request.set_account_id("acme");
  request.set_reader("ann");
  request.set_purpose("cards");
  request.set_page_size(2);
  request.set_min_cursor(cursor);
  std::vector<std::string> ids;
  size_t pages = 0;
  do {
    ListContactsResponse response;
    ASSERT_TRUE(Call(server_.accounts(), &AccountService::Stub::ListContacts, request, &response).ok());
    for (const Contact& contact : response.contacts()) ids.push_back(contact.contact_id());
    request.set_page_token(response.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(ids, (std::vector<std::string>{"c-0", "c-1", "c-2", "c-3", "c-4"}));
  EXPECT_EQ(pages, 3u);
  EXPECT_EQ(Trail().size(), 3u);
  EXPECT_EQ(Trail()[0].subject_ids_size(), 4);
}

TEST_P(ContactsOverTheWire, OfOnePersonAreFoundInAllAccounts) {
  std::string cursor;
  for (const char* account : {"acme", "beta", "gamma", "delta"}) {
    server_.MustAppend(Request(account, "r1", {Opened(), Recorded("c-1", "s-1"), Met("s-1")}));
    cursor = server_.MustAppend(Request(account, "r2", {Recorded("c-1", "s-1")})).cursor();
  }
  ReadSubjectRequest request;
  request.set_subject_id("s-1");
  request.set_reader("dpo");
  request.set_purpose("a request of access");
  request.set_min_cursor(cursor);
  request.set_page_size(5);
  std::vector<std::pair<uint32_t, uint64_t>> places;
  int replaced = 0;
  int pages = 0;
  do {
    ReadSubjectResponse response;
    const grpc::Status status = Read(request, &response);
    ASSERT_TRUE(status.ok()) << ReadRpcError(status);
    for (const SubjectData& data : response.data()) {
      places.emplace_back(data.shard(), data.position());
      replaced += data.replaced() ? 1 : 0;
      EXPECT_FALSE(data.data().has_sealed());
      EXPECT_EQ(data.data().subject_id(), "s-1");
      EXPECT_TRUE(data.data().details().name() == "Grace Hopper" || data.data().data() == "came with flowers");
    }
    request.set_page_token(response.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(places.size(), 12u);
  EXPECT_TRUE(std::is_sorted(places.begin(), places.end()));
  EXPECT_EQ(replaced, 4);
  EXPECT_EQ(pages, 3);
  const std::vector<PersonalDataRead> trail = Trail();
  ASSERT_EQ(trail.size(), 3u);
  EXPECT_EQ(trail[0].read_account_id(), "");
  EXPECT_EQ(trail[0].subject_ids(0), "s-1");
  EXPECT_EQ(trail[0].reader(), "dpo");
  EXPECT_EQ(trail[0].method(), "keyledger.ledger.v1.AuditService/ReadSubject");
}

TEST_P(ContactsOverTheWire, OfAnUnknownOrMisnamedPersonAreRefused) {
  ReadSubjectRequest request;
  ReadSubjectResponse response;
  const auto refused = [&] { return ReadRpcError(Read(request, &response)); };
  EXPECT_EQ(refused().field_names(), std::vector<std::string>{"subject_id"});
  request.set_subject_id("a b");
  EXPECT_EQ(refused().field_names(), std::vector<std::string>{"subject_id"});
  request.set_subject_id("s-1");
  EXPECT_EQ(refused().field_names(), std::vector<std::string>{"reader"});
  request.set_reader("dpo");
  EXPECT_EQ(refused().field_names(), std::vector<std::string>{"purpose"});
  request.set_purpose("a request of access");
  EXPECT_EQ(refused().reason, "SUBJECT_NOT_FOUND");
  request.set_page_token("nonsense");
  EXPECT_EQ(refused().reason, "INVALID_TOKEN");
  EXPECT_TRUE(Trail().empty());
}

// Sends the frames over one AppendStream and returns the results.
std::vector<AppendResult> Stream(LiveServer& server, const std::vector<AppendStreamRequest>& frames) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  const auto stream = server.ledger().AppendStream(&context);
  for (const AppendStreamRequest& frame : frames) EXPECT_TRUE(stream->Write(frame));
  EXPECT_TRUE(stream->WritesDone());
  std::vector<AppendResult> results;
  AppendStreamResponse response;
  while (stream->Read(&response)) {
    for (AppendResult& result : *response.mutable_results()) results.push_back(std::move(result));
  }
  EXPECT_TRUE(stream->Finish().ok());
  return results;
}

TEST_P(ContactsOverTheWire, KeepTheirOrderInAStream) {
  // Requests with and without personal data, each relying on the one before.
  std::vector<AppendStreamRequest> frames;
  uint64_t revision = 0;
  for (int frame = 0; frame < 10; ++frame) {
    AppendStreamRequest& out = frames.emplace_back();
    for (int i = 0; i < 20; ++i) {
      const bool personal = (frame + i) % 3 == 0;
      const std::string id = fmt::format("r-{}-{}", frame, i);
      if (revision == 0) {
        *out.add_requests() = Request("acme", id, {Opened()}, kNewAccount);
      } else if (personal) {
        *out.add_requests() = Request("acme", id, {Recorded(id, id)}, Exactly(revision - 1));
      } else {
        *out.add_requests() = Request("acme", id, {Visited()}, Exactly(revision - 1));
      }
      ++revision;
    }
  }
  const std::vector<AppendResult> results = Stream(server_, frames);
  ASSERT_EQ(results.size(), 200u);
  for (size_t i = 0; i < results.size(); ++i) {
    ASSERT_TRUE(results[i].has_response()) << i << ReadRpcStatus(results[i].status());
    EXPECT_EQ(results[i].response().events(0).revision(), i);
  }
}

TEST_P(ContactsOverTheWire, RefusedInAStreamLeaveTheOthersAlone) {
  server_.MustAppend(Request("acme", "open", {Opened()}));
  AppendStreamRequest frame;
  *frame.add_requests() = Request("acme", "r1", {Recorded("c-1", "s-1")});
  *frame.add_requests() = Request("acme", "r2", {Recorded("c-2", "not a subject")});
  *frame.add_requests() = Request("acme", "r3", {Visited()});
  const std::vector<AppendResult> results = Stream(server_, {frame});
  ASSERT_EQ(results.size(), 3u);
  EXPECT_TRUE(results[0].has_response());
  EXPECT_EQ(ReadRpcStatus(results[1].status()).field_names(),
            (std::vector<std::string>{"events[0].event.contact_recorded.person.subject_id",
                                      "events[0].event.contact_recorded.related[0].person.subject_id"}));
  EXPECT_TRUE(results[2].has_response());
}

TEST(WithoutAMasterKey, EverythingWorksButPersonalData) {
  LiveServer server;
  server.MustAppend(Request("acme", "open", {Opened()}));
  const RpcError refused = server.Refused(Request("acme", "r1", {Recorded("c-1", "s-1")}));
  EXPECT_EQ(refused.code, grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(refused.reason, "NO_MASTER_KEY");
  EXPECT_NE(refused.message.find("--master-key-file"), std::string::npos) << refused;
  AppendStreamRequest frame;
  *frame.add_requests() = Request("acme", "r2", {Met("s-1")});
  *frame.add_requests() = Request("acme", "r3", {Visited()});
  const std::vector<AppendResult> results = Stream(server, {frame});
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(ReadRpcStatus(results[0].status()).reason, "NO_MASTER_KEY");
  EXPECT_TRUE(results[1].has_response());
  ListContactsRequest list;
  list.set_account_id("acme");
  ListContactsResponse listed;
  EXPECT_TRUE(Call(server.accounts(), &AccountService::Stub::ListContacts, list, &listed).ok());
  list.set_reader("ann");
  list.set_purpose("cards");
  EXPECT_EQ(ReadRpcError(Call(server.accounts(), &AccountService::Stub::ListContacts, list, &listed)).reason,
            "NO_MASTER_KEY");
  ReadSubjectRequest read;
  read.set_subject_id("s-1");
  read.set_reader("dpo");
  read.set_purpose("a request");
  ReadSubjectResponse found;
  EXPECT_EQ(ReadRpcError(Call(server.audit(), &AuditService::Stub::ReadSubject, read, &found)).reason, "NO_MASTER_KEY");
  EXPECT_FALSE(std::filesystem::exists(server.options().data_dir + "/vault"));
}

TEST(MasterKeyAtStart, MustBeTheOneOfTheVaultAndCanBeChanged) {
  const TempDir dir;
  const FakeClock clock(kToday);
  app::Options options = TestOptions(dir / "ledger");
  const auto start = [&clock](const app::Options& with) { return app::Server::Start(with, clock).status(); };
  options.master_key_file = WriteKey(dir, "key", kKey);
  EXPECT_TRUE(start(options).ok());
  // The vault lies in the data directory, and a start without its key says so.
  app::Options none = options;
  none.master_key_file.clear();
  EXPECT_NE(MessageOf(start(none)).find("no master key"), std::string::npos) << start(none);
  app::Options changed = options;
  changed.master_key_file = WriteKey(dir, "other", kOtherKey);
  EXPECT_EQ(start(changed).code(), absl::StatusCode::kFailedPrecondition);
  changed.previous_master_key_file = options.master_key_file;
  EXPECT_TRUE(start(changed).ok());
  changed.previous_master_key_file.clear();
  EXPECT_TRUE(start(changed).ok());
  EXPECT_EQ(start(options).code(), absl::StatusCode::kFailedPrecondition);
  // From a command, as a key management service gives it.
  changed.master_key_file.clear();
  changed.master_key_command = fmt::format("echo {}", kOtherKey);
  EXPECT_TRUE(start(changed).ok());
  changed.master_key_command = "false";
  EXPECT_NE(MessageOf(start(changed)).find("exit code 1"), std::string::npos) << start(changed);
}

TEST(VaultAtStart, MustBeTheLedgersUnlessThatIsLostForGood) {
  const TempDir dir;
  app::Options options = TestOptions(dir / "ledger");
  options.master_key_file = WriteKey(dir, "key", kKey);
  options.vault_dir = dir / "right/vault";
  const FakeClock clock{kToday};
  const auto start = [&clock](const app::Options& with) { return app::Server::Start(with, clock).status(); };
  EXPECT_TRUE(start(options).ok());
  EXPECT_TRUE(std::filesystem::exists(dir / "right/vault/keys"));
  app::Options wrong = options;
  wrong.vault_dir = dir / "wrong/vault";
  // Refused again and again, also once the empty vault is there that the first start made.
  for (int i = 0; i < 2; ++i) {
    const absl::Status refused = start(wrong);
    EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(MessageOf(refused).find("the one in " + dir.path() + "/wrong/vault is vault "), std::string::npos)
        << refused;
    EXPECT_NE(MessageOf(refused).find("--vault-dir"), std::string::npos) << refused;
  }
  EXPECT_TRUE(start(options).ok());
  wrong.accept_other_vault = true;
  EXPECT_TRUE(start(wrong).ok());
  wrong.accept_other_vault = false;
  EXPECT_TRUE(start(wrong).ok());
  EXPECT_FALSE(start(options).ok());
  // Without a master key nothing is sealed and nothing read, and the rest works.
  app::Options none = options;
  none.master_key_file.clear();
  none.vault_dir = dir / "nowhere/vault";
  EXPECT_TRUE(start(none).ok());
  EXPECT_FALSE(std::filesystem::exists(dir / "nowhere"));
}

TEST(RefusedRequests, LeaveNoKeysInTheVault) {
  const TempDir dir;
  const auto options = [&dir](app::Options& out) {
    out.data_dir = dir / "ledger";
    out.master_key_file = WriteKey(dir, "key", kKey);
  };
  {
    LiveServer server(1, options);
    server.MustAppend(Request("acme", "open", {Opened()}));
    server.MustAppend(Request("acme", "r1", {Met("s-1")}));
    for (int i = 0; i < 20; ++i) {
      const std::string id = fmt::format("refused-{}", i);
      EXPECT_EQ(server.Refused(Request("nobody", id, {Met(id)})).reason, "ACCOUNT_NOT_FOUND");
    }
    grpc::ClientContext context;
    const auto stream = server.ledger().AppendStream(&context);
    AppendStreamRequest frame;
    for (int i = 0; i < 20; ++i) {
      const std::string id = fmt::format("streamed-{}", i);
      *frame.add_requests() = Request(i % 2 == 0 ? "nobody" : "acme", id, {Met(id)});
    }
    ASSERT_TRUE(stream->Write(frame));
    stream->WritesDone();
    AppendStreamResponse answer;
    int results = 0;
    while (stream->Read(&answer)) results += answer.results_size();
    ASSERT_TRUE(stream->Finish().ok());
    EXPECT_EQ(results, 20);
  }
  const auto vault = vault::Vault::Open(dir / "ledger/vault", *vault::ParseMasterKey(kKey), std::nullopt);
  ASSERT_TRUE(vault.ok()) << vault.status();
  EXPECT_EQ((*vault)->counts(), (vault::Vault::Counts{11, 0, 0}));
  EXPECT_EQ((*vault)->State("streamed-1"), vault::SubjectState::kLive);
  EXPECT_EQ((*vault)->State("streamed-2"), vault::SubjectState::kUnknown);
}

TEST(PersonalData, IsNotGivenOutIfThatCannotBeRecorded) {
  const TempDir dir;
  const auto options = [&dir](app::Options& out) {
    out.data_dir = dir / "ledger";
    out.master_key_file = WriteKey(dir, "key", kKey);
  };
  ListContactsRequest list;
  list.set_account_id("acme");
  list.set_reader("ann");
  list.set_purpose("cards");
  ReadSubjectRequest read;
  read.set_subject_id("s-1");
  read.set_reader("dpo");
  read.set_purpose("a request");
  {
    LiveServer server(1, options);
    server.MustAppend(Request("acme", "open", {Opened()}));
    const std::string cursor = server.MustAppend(Request("acme", "r1", {Recorded("c-1", "s-1")})).cursor();
    list.set_min_cursor(cursor);
    read.set_min_cursor(cursor);
    ListContactsResponse listed;
    ASSERT_TRUE(Call(server.accounts(), &AccountService::Stub::ListContacts, list, &listed).ok());
    ASSERT_EQ(listed.contacts(0).person().details().name(), "Grace Hopper");
    ReadSubjectResponse found;
    ASSERT_TRUE(Call(server.audit(), &AuditService::Stub::ReadSubject, read, &found).ok());
    ASSERT_GT(found.ByteSizeLong(), 0u);
  }
  // The projections are as far as the requests ask, and no record can be written any more.
  LiveServer server(1, [&](app::Options& out) {
    options(out);
    out.disk_reserve_mib = UINT32_MAX;
  });
  ListContactsResponse listed;
  EXPECT_EQ(ReadRpcError(Call(server.accounts(), &AccountService::Stub::ListContacts, list, &listed)).reason,
            "DISK_NEARLY_FULL");
  EXPECT_EQ(listed.ByteSizeLong(), 0u);
  ReadSubjectResponse found;
  EXPECT_EQ(ReadRpcError(Call(server.audit(), &AuditService::Stub::ReadSubject, read, &found)).reason,
            "DISK_NEARLY_FULL");
  EXPECT_EQ(found.ByteSizeLong(), 0u);
  // For nobody in particular, without what is personal, the list is there.
  list.clear_reader();
  list.clear_purpose();
  ASSERT_TRUE(Call(server.accounts(), &AccountService::Stub::ListContacts, list, &listed).ok());
  ASSERT_EQ(listed.contacts_size(), 1);
  EXPECT_FALSE(listed.contacts(0).person().has_details());
}

TEST(ErasedSubjects, AreRefusedAndTheirDataIsGone) {
  const TempDir dir;
  const auto options = [&dir](app::Options& out) {
    out.data_dir = dir / "ledger";
    out.master_key_file = WriteKey(dir, "key", kKey);
  };
  std::string cursor;
  {
    LiveServer server(1, options);
    server.MustAppend(Request("acme", "open", {Opened()}));
    cursor = server.MustAppend(Request("acme", "r1", {Recorded("c-1", "s-1")})).cursor();
  }
  // The key goes and nothing else, as the first step of an erasure leaves it after a crash.
  {
    const auto vault = vault::Vault::Open(dir / "ledger/vault", *vault::ParseMasterKey(kKey), std::nullopt);
    ASSERT_TRUE(vault.ok()) << vault.status();
    ASSERT_TRUE((*vault)->Erase("s-1").ok());
  }
  LiveServer server(1, options);
  const RpcError refused = server.Refused(Request("acme", "r2", {Met("s-1")}));
  EXPECT_EQ(refused.code, grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(refused.reason, "SUBJECT_ERASED");
  EXPECT_EQ(refused.metadata.at("subject_id"), "s-1");
  EXPECT_EQ(server.Refused(Request("acme", "r1", {Recorded("c-1", "s-1")})).reason, "SUBJECT_ERASED")
      << "a repeated request cannot be told from another any more";
  ListContactsRequest list;
  list.set_account_id("acme");
  list.set_reader("ann");
  list.set_purpose("cards");
  list.set_min_cursor(cursor);
  ListContactsResponse listed;
  ASSERT_TRUE(Call(server.accounts(), &AccountService::Stub::ListContacts, list, &listed).ok());
  ASSERT_EQ(listed.contacts_size(), 1);
  EXPECT_EQ(listed.contacts(0).erased_subject_ids(0), "s-1");
  EXPECT_EQ(listed.contacts(0).person().ByteSizeLong(), 5u);
  EXPECT_EQ(listed.contacts(0).related(0).person().details().habits(0), "ponies and rockets");
  ReadSubjectRequest read;
  read.set_subject_id("s-1");
  read.set_reader("dpo");
  read.set_purpose("a request");
  ReadSubjectResponse found;
  EXPECT_EQ(ReadRpcError(Call(server.audit(), &AuditService::Stub::ReadSubject, read, &found)).reason,
            "SUBJECT_ERASED");
}

}  // namespace
}  // namespace keyledger::testing

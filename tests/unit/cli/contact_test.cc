// keyledger contact: what a line becomes, and what is shown.
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "client/cli/app.h"
#include "client/cli/command.h"
#include "keyledger/ledger/v1/account_service.grpc.pb.h"
#include "keyledger/ledger/v1/audit_service.grpc.pb.h"
#include "keyledger/ledger/v1/ledger_service.grpc.pb.h"

namespace keyledger::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

// Takes what is appended; knows one contact with a daughter who was erased.
class FakeContacts : public v1::LedgerService::Service,
                     public v1::AccountService::Service,
                     public v1::AuditService::Service {
 public:
  FakeContacts() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(static_cast<v1::LedgerService::Service*>(this));
    builder.RegisterService(static_cast<v1::AccountService::Service*>(this));
    builder.RegisterService(static_cast<v1::AuditService::Service*>(this));
    server_ = builder.BuildAndStart();
  }
  ~FakeContacts() override { server_->Shutdown(std::chrono::system_clock::now()); }

  Outcome RunAt(std::vector<std::string> arguments, const std::string& input = "") const {
    arguments.insert(arguments.begin(), {"--server", "127.0.0.1:" + std::to_string(port_), "--timeout", "10"});
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    Outcome outcome;
    outcome.code = Run(arguments, Environment{in, out, err});
    outcome.out = out.str();
    outcome.err = err.str();
    return outcome;
  }

  grpc::Status Append(grpc::ServerContext*, const v1::AppendRequest* request, v1::AppendResponse* response) override {
    appended_ = *request;
    response->add_events()->set_event_id("e-1");
    return grpc::Status::OK;
  }
  grpc::Status ListContacts(grpc::ServerContext*, const v1::ListContactsRequest* request,
                            v1::ListContactsResponse* response) override {
    listed_ = *request;
    if (!request->contact_id().empty() && request->contact_id() != "c-1") return grpc::Status::OK;
    v1::Contact& contact = *response->add_contacts();
    contact.set_contact_id("c-1");
    contact.set_revision(7);
    contact.mutable_person()->set_subject_id("s-1");
    auto& related = *contact.add_related();
    related.set_relation("daughter");
    related.mutable_person()->set_subject_id("s-2");
    contact.add_erased_subject_ids("s-2");
    if (request->reader().empty()) return grpc::Status::OK;
    auto& details = *contact.mutable_person()->mutable_details();
    details.set_name("Grace Hopper");
    details.set_post("Rear Admiral");
    details.add_roles(ev::CONTACT_ROLE_KEY_PLAYER);
    details.mutable_birthday()->set_year(1906);
    details.mutable_birthday()->set_month(12);
    details.mutable_birthday()->set_day(9);
    return grpc::Status::OK;
  }
  grpc::Status ReadSubject(grpc::ServerContext*, const v1::ReadSubjectRequest* request,
                           v1::ReadSubjectResponse* response) override {
    read_ = *request;
    v1::SubjectData& data = *response->add_data();
    data.set_account_id("acme");
    data.set_shard(2);
    data.set_position(40);
    data.set_replaced(true);
    data.mutable_data()->mutable_details()->set_name("Grace Hopper");
    return grpc::Status::OK;
  }

  v1::AppendRequest appended_;
  v1::ListContactsRequest listed_;
  v1::ReadSubjectRequest read_;

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST(ContactRecord, BecomesOneEventOfOneLine) {
  FakeContacts fake;
  const Outcome outcome = fake.RunAt({"contact",
                                      "record",
                                      "acme",
                                      "--contact",
                                      "c-1",
                                      "--subject",
                                      "s-1",
                                      "--name",
                                      "Grace Hopper",
                                      "--birthday",
                                      "1906-12-09",
                                      "--day",
                                      "wedding=06-15",
                                      "--habit",
                                      "ponies",
                                      "--role",
                                      "key-player",
                                      "--role",
                                      "coach",
                                      "--post",
                                      "Rear Admiral",
                                      "--phone",
                                      "+1 2",
                                      "--email",
                                      "g@navy.example",
                                      "--fact",
                                      "ship=USS Hopper",
                                      "--note",
                                      "a=b",
                                      "--related",
                                      "daughter=s-2=Ada"});
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  const ev::ContactRecorded& recorded = fake.appended_.events(0).event().contact_recorded();
  EXPECT_EQ(fake.appended_.account_id(), "acme");
  EXPECT_EQ(recorded.contact_id(), "c-1");
  EXPECT_EQ(recorded.person().subject_id(), "s-1");
  const ev::PersonDetails& details = recorded.person().details();
  EXPECT_EQ(details.name(), "Grace Hopper");
  EXPECT_EQ(details.birthday().year(), 1906u);
  EXPECT_EQ(details.birthday().month(), 12u);
  EXPECT_EQ(details.birthday().day(), 9u);
  EXPECT_EQ(details.important_days(0).name(), "wedding");
  EXPECT_EQ(details.important_days(0).year(), 0u);
  EXPECT_EQ(details.important_days(0).month(), 6u);
  EXPECT_EQ(details.habits(0), "ponies");
  EXPECT_EQ(details.roles(0), ev::CONTACT_ROLE_KEY_PLAYER);
  EXPECT_EQ(details.roles(1), ev::CONTACT_ROLE_COACH);
  EXPECT_EQ(details.post(), "Rear Admiral");
  EXPECT_EQ(details.phones(0), "+1 2");
  EXPECT_EQ(details.emails(0), "g@navy.example");
  EXPECT_EQ(details.facts(0).key(), "ship");
  EXPECT_EQ(details.facts(0).value(), "USS Hopper");
  EXPECT_EQ(details.note(), "a=b");
  EXPECT_EQ(recorded.related(0).relation(), "daughter");
  EXPECT_EQ(recorded.related(0).person().subject_id(), "s-2");
  EXPECT_EQ(recorded.related(0).person().details().name(), "Ada");
  EXPECT_THAT(outcome.out, Not(HasSubstr("Grace")));
}

TEST(ContactRecord, TakesDetailsFromAFileAndFlags) {
  FakeContacts fake;
  const Outcome outcome =
      fake.RunAt({"contact", "record", "acme", "--contact", "c-1", "--subject", "s-1", "--details-file", "-", "--post",
                  "Commodore"},
                 R"({"name": "Grace Hopper", "habits": ["ponies"], "roles": ["CONTACT_ROLE_SPONSOR"]})");
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  const ev::PersonDetails& details = fake.appended_.events(0).event().contact_recorded().person().details();
  EXPECT_EQ(details.name(), "Grace Hopper");
  EXPECT_EQ(details.habits(0), "ponies");
  EXPECT_EQ(details.post(), "Commodore");
  EXPECT_EQ(
      fake.RunAt({"contact", "record", "acme", "--contact", "c", "--subject", "s", "--details-file", "-"}, "[").code,
      kExitUsage);
}

TEST(ContactRecord, SaysWhatIsWrongWithoutRepeatingIt) {
  FakeContacts fake;
  const std::vector<std::string> line = {"contact", "record", "acme", "--contact", "c-1", "--subject", "s-1"};
  const auto refused = [&](std::vector<std::string> more) {
    more.insert(more.begin(), line.begin(), line.end());
    const Outcome outcome = fake.RunAt(more);
    EXPECT_EQ(outcome.code, kExitUsage) << outcome.err;
    EXPECT_THAT(outcome.err, Not(HasSubstr("secret")));
    return outcome.err;
  };
  EXPECT_THAT(refused({}), HasSubstr("--name"));
  EXPECT_THAT(refused({"--birthday", "secret"}), HasSubstr("--birthday"));
  EXPECT_THAT(refused({"--birthday", "1906"}), HasSubstr("YYYY-MM-DD"));
  EXPECT_THAT(refused({"--birthday", "1-2-3-4"}), HasSubstr("YYYY-MM-DD"));
  EXPECT_THAT(refused({"--day", "secret"}), HasSubstr("NAME=DAY"));
  EXPECT_THAT(refused({"--role", "secret"}), HasSubstr("key-player"));
  EXPECT_THAT(refused({"--role", "unspecified"}), HasSubstr("key-player"));
  EXPECT_THAT(refused({"--fact", "secret"}), HasSubstr("KEY=VALUE"));
  EXPECT_THAT(refused({"--name", "x", "--related", "daughter=secret"}), HasSubstr("RELATION=SUBJECT=NAME"));
  EXPECT_EQ(fake.RunAt({"contact", "record", "acme", "--contact", "c-1", "--name", "x"}).code, kExitUsage)
      << "a subject is never made up";
}

TEST(ContactRemove, NamesTheContactAndTheReason) {
  FakeContacts fake;
  const Outcome outcome = fake.RunAt({"contact", "remove", "acme", "--contact", "c-1", "--reason", "left"});
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(fake.appended_.events(0).event().contact_removed().contact_id(), "c-1");
  EXPECT_EQ(fake.appended_.events(0).event().contact_removed().reason(), "left");
}

TEST(ContactList, ShowsWhatIsPersonalToWhoeverSaysWhatFor) {
  FakeContacts fake;
  Outcome outcome = fake.RunAt({"contact", "list", "acme"});
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("(sealed)"));
  EXPECT_THAT(outcome.out, HasSubstr("daughter s-2"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("Grace")));
  outcome = fake.RunAt({"contact", "list", "acme", "--reader", "ann", "--purpose", "cards", "--page-size", "7"});
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("Grace Hopper"));
  EXPECT_EQ(fake.listed_.account_id(), "acme");
  EXPECT_EQ(fake.listed_.reader(), "ann");
  EXPECT_EQ(fake.listed_.purpose(), "cards");
  EXPECT_EQ(fake.listed_.page_size(), 7);
  EXPECT_EQ(fake.RunAt({"contact", "list", "acme", "--reader", "ann"}).code, kExitUsage);
  EXPECT_EQ(fake.RunAt({"contact", "list", "acme", "--purpose", "cards"}).code, kExitUsage);
}

TEST(ContactShow, ShowsOneContact) {
  FakeContacts fake;
  Outcome outcome = fake.RunAt({"contact", "show", "acme", "c-1", "--reader", "ann", "--purpose", "cards"});
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(fake.listed_.contact_id(), "c-1");
  for (const char* text : {"Grace Hopper", "Rear Admiral", "key_player", "1906-12-09", "s-2 (erased)"})
    EXPECT_THAT(outcome.out, HasSubstr(text));
  outcome = fake.RunAt({"contact", "show", "acme", "c-9"});
  EXPECT_EQ(outcome.code, kExitNotFound);
  EXPECT_THAT(outcome.err, HasSubstr("c-9"));
}

TEST(ContactSubject, ListsWhereAPersonStands) {
  FakeContacts fake;
  const Outcome outcome =
      fake.RunAt({"contact", "subject", "s-1", "--reader", "dpo", "--purpose", "a request of access"});
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(fake.read_.subject_id(), "s-1");
  EXPECT_EQ(fake.read_.purpose(), "a request of access");
  for (const char* text : {"acme", "2/40", "replaced", "Grace Hopper"}) EXPECT_THAT(outcome.out, HasSubstr(text));
  EXPECT_EQ(fake.RunAt({"contact", "subject", "s-1"}).code, kExitUsage);
}

}  // namespace
}  // namespace keyledger::cli

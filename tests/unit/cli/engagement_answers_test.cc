// The reading commands about meeting accounts: what they ask for, and what they print of the answer.
#include <sstream>

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "client/cli/app.h"
#include "keyledger/ledger/v1/engagement_service.grpc.pb.h"
#include "tests/unit/client/fake_ledger.h"

namespace keyledger::cli {
namespace {

// EngagementService in the test's own process. Threads: set the answers before the first call.
class FakeEngagement final : public ledger::v1::EngagementService::Service {
 public:
  FakeEngagement() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeEngagement() override { server_->Shutdown(); }

  grpc::Status ListDue(grpc::ServerContext*, const ledger::v1::ListDueRequest* request,
                       ledger::v1::ListDueResponse* response) override {
    asked = request->ShortDebugString();
    *response = due;
    return grpc::Status::OK;
  }
  grpc::Status GetCoverage(grpc::ServerContext*, const ledger::v1::GetCoverageRequest* request,
                           ledger::v1::GetCoverageResponse*) override {
    asked = request->ShortDebugString();
    return grpc::Status::OK;
  }
  grpc::Status ListGiven(grpc::ServerContext*, const ledger::v1::ListGivenRequest* request,
                         ledger::v1::ListGivenResponse* response) override {
    asked = request->ShortDebugString();
    *response = given;
    return grpc::Status::OK;
  }
  grpc::Status ListAttendance(grpc::ServerContext*, const ledger::v1::ListAttendanceRequest* request,
                              ledger::v1::ListAttendanceResponse* response) override {
    asked = request->ShortDebugString();
    *response = attendance;
    return grpc::Status::OK;
  }
  grpc::Status GetManagement(grpc::ServerContext*, const ledger::v1::GetManagementRequest* request,
                             ledger::v1::GetManagementResponse* response) override {
    asked = request->ShortDebugString();
    *response = management;
    return grpc::Status::OK;
  }
  grpc::Status GetCadence(grpc::ServerContext*, const ledger::v1::GetCadenceRequest* request,
                          ledger::v1::GetCadenceResponse* response) override {
    asked = request->ShortDebugString();
    *response = cadence;
    return grpc::Status::OK;
  }
  grpc::Status ListProspects(grpc::ServerContext*, const ledger::v1::ListProspectsRequest* request,
                             ledger::v1::ListProspectsResponse*) override {
    asked = request->ShortDebugString();
    return grpc::Status::OK;
  }
  grpc::Status GetTimeline(grpc::ServerContext*, const ledger::v1::GetTimelineRequest* request,
                           ledger::v1::GetTimelineResponse*) override {
    asked = request->ShortDebugString();
    return grpc::Status::OK;
  }
  grpc::Status ListFlags(grpc::ServerContext*, const ledger::v1::ListFlagsRequest* request,
                         ledger::v1::ListFlagsResponse*) override {
    asked = request->ShortDebugString();
    return grpc::Status::OK;
  }

  grpc::Status GetProfile(grpc::ServerContext*, const ledger::v1::GetProfileRequest*,
                          ledger::v1::GetProfileResponse*) override {
    return client::RichStatus(grpc::StatusCode::NOT_FOUND, "ACCOUNT_NOT_FOUND", 0);
  }

  // Runs the command; returns what it prints.
  std::string Print(const std::vector<std::string>& arguments) {
    std::string err;
    return Print(arguments, 0, err);
  }
  std::string Print(std::vector<std::string> arguments, int code, std::string& error) {
    arguments.insert(arguments.begin(), {"--server", "127.0.0.1:" + std::to_string(port_), "--timeout", "10"});
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    EXPECT_EQ(Run(arguments, Environment{in, out, err}), code) << err.str();
    error = err.str();
    return out.str();
  }

  // Runs the command, which is refused; returns what it says.
  std::string Refuse(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--server", "127.0.0.1:" + std::to_string(port_), "--timeout", "10"});
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    EXPECT_NE(Run(arguments, Environment{in, out, err}), 0) << out.str();
    return err.str();
  }

  // The last request, as text.
  std::string asked;
  ledger::v1::ListDueResponse due;
  ledger::v1::GetManagementResponse management;
  ledger::v1::GetCadenceResponse cadence;
  ledger::v1::ListGivenResponse given;
  ledger::v1::ListAttendanceResponse attendance;

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST(EngagementCommands, AskForWhatTheirOptionsSay) {
  FakeEngagement server;
  server.Print({"duty", "list", "--person", "km-07", "--overdue", "--region", "CN", "--reader", "km-07", "--purpose",
                "greetings"});
  EXPECT_EQ(server.asked,
            "scope { accounts { region: \"CN\" } } person: \"km-07\" overdue_only: true reader: \"km-07\" "
            "purpose: \"greetings\"");
  server.Print({"owner", "coverage", "--flag", "one_person", "--window-days", "90"});
  EXPECT_EQ(server.asked, "scope { accounts { } } flag: COVERAGE_FLAG_ONE_PERSON window_days: 90");
  server.Print({"account", "prospects", "--order=-fit", "--order", "size"});
  EXPECT_EQ(server.asked,
            "scope { accounts { } } order { score_id: \"fit\" descending: true } order { score_id: \"size\" }");
  server.Print({"interaction", "list", "acme", "--retracted"});
  EXPECT_EQ(server.asked,
            "account_id: \"acme\" kinds: EVENT_KIND_INTERACTION_PLANNED kinds: EVENT_KIND_INTERACTION_MADE kinds: "
            "EVENT_KIND_INTERACTION_MISSED retracted: true");
  server.Print({"compliance", "flags", "--prices"});
  EXPECT_EQ(server.asked, "scope { accounts { } } measure: LIMIT_MEASURE_UNIT_PRICE_MICROS");
}

TEST(EngagementCommands, TakeTheKindsThatThereAre) {
  FakeEngagement server;
  server.Print({"account", "timeline", "--kind", "gift-given", "--kind", "need_stated", "acme"});
  EXPECT_EQ(server.asked, "account_id: \"acme\" kinds: EVENT_KIND_GIFT_GIVEN kinds: EVENT_KIND_NEED_STATED");
  server.Print({"duty", "list", "--kind", "plan-review"});
  EXPECT_EQ(server.asked, "scope { accounts { } } kinds: DUTY_KIND_PLAN_REVIEW");
  server.Print({"compliance", "given", "--kind", "loan-issued"});
  EXPECT_EQ(server.asked, "scope { accounts { } } period: PERIOD_MONTH kinds: EVENT_KIND_LOAN_ISSUED");
  server.asked.clear();
  EXPECT_THAT(server.Refuse({"account", "timeline", "acme", "--kind", "gift"}),
              ::testing::HasSubstr("'gift' is none of account-opened, "));
  EXPECT_THAT(server.Refuse({"duty", "list", "--kind", "gift-given"}),
              ::testing::HasSubstr("'gift-given' is none of periodic, follow-up, "));
  EXPECT_THAT(server.Refuse({"compliance", "given", "--kind", "need-stated"}),
              ::testing::HasSubstr("'need-stated' is none of gift-given, commission-paid, "));
  EXPECT_EQ(server.asked, "");
}

TEST(EngagementCommands, PrintWhatIsDue) {
  FakeEngagement server;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
      duties { account_id: "acme" kind: DUTY_KIND_PERIODIC due_day: "2026-01-10" overdue: true people: "km-07"
               interaction_kinds: INTERACTION_KIND_PHONE rule_id: "phone_a" period: "2026-01" number: 1 required: 3 }
      duties { account_id: "beta" kind: DUTY_KIND_NEXT_STEP due_day: "2026-01-12" what: "offer" }
      due_count: 2 overdue_count: 1 account_count: 2 as_of { seconds: 1768046400 })",
                                                            &server.due));
  EXPECT_EQ(server.Print({"duty", "list"}),
            "by          state    account  what          rule             who\n"
            "2026-01-10  overdue  acme     phone 1 of 3  phone_a 2026-01  km-07\n"
            "2026-01-12  due      beta     offer         next_step        nobody\n"
            "2 due, 1 of them overdue, for 2 accounts, as of 2026-01-10T12:00:00Z\n");
}

TEST(EngagementCommands, AdviseToOpenNoAccountThatMayBeThereAtAnotherMoment) {
  FakeEngagement server;
  std::string error;
  server.Print({"account", "profile", "acme"}, 4, error);
  EXPECT_NE(error.find("do:     open it with: keyledger account open ID"), std::string::npos) << error;
  for (const char* option : {"--as-of", "--known-at"}) {
    server.Print({"account", "profile", "acme", option, "2020-01-01"}, 4, error);
    EXPECT_NE(error.find("do:     look for it at another moment"), std::string::npos) << error;
    EXPECT_EQ(error.find("account open"), std::string::npos) << error;
  }
}

TEST(EngagementCommands, PrintWhoWasAtAnActivity) {
  FakeEngagement server;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
      attendances { account_id: "acme" occurred_time { seconds: 1768046400 } kind: INTERACTION_KIND_ACTIVITY
                    contact_ids: "buyer" contact_ids: "head" people: "km-07" }
      account_count: 1 contact_count: 2)",
                                                            &server.attendance));
  EXPECT_EQ(server.Print({"interaction", "attendance", "gathering-26", "--club", "gold"}),
            "account  when                  how       contacts     ours\n"
            "acme     2026-01-10T12:00:00Z  activity  buyer, head  km-07\n"
            "1 accounts, 2 contacts\n");
  EXPECT_EQ(server.asked, "scope { accounts { club_id: \"gold\" } } activity_id: \"gathering-26\"");
}

TEST(EngagementCommands, PrintWhatWasGivenAndWhatFor) {
  FakeEngagement server;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
      rows { account_id: "acme" contact_id: "buyer" period: "2026-02" kind: EVENT_KIND_GIFT_GIVEN name: "tea" times: 2
             quantity: 4 value { micros: 30000000 currency_code: "USD" } purposes: "thanks" purposes: "a feast" })",
                                                            &server.given));
  EXPECT_EQ(server.Print({"compliance", "given"}),
            "account  contact  period   what        name  times  units  value      for              limits\n"
            "acme     buyer    2026-02  gift_given  tea       2      4  30.00 USD  thanks; a feast\n");
}

TEST(EngagementCommands, PrintHowManyAccountsAreManaged) {
  FakeEngagement server;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
      total { accounts: 1204 owned: 1000 planned: 10 reviewed: 9 asked: 1100 kept: 900 met: 950 managed: 8
              managed_share: 0.00664 }
      groups { value: "hotel" accounts: 3 owned: 3 planned: 2 reviewed: 1 asked: 3 kept: 2 met: 2 managed: 1
               managed_share: 0.3333 }
      without: 1)",
                                                            &server.management));
  EXPECT_EQ(server.Print({"account", "management", "--by", "segment", "--start", "1970-01-02", "--region", "CN"}),
            "segment  accounts  owned  planned  reviewed  asked  kept  met  managed   share\n"
            "hotel           3      3        2         1      3     2    2        1  33.3 %\n"
            "all         1,204  1,000       10         9  1,100   900  950        8   0.7 %\n"
            "1 accounts without a segment\n");
  EXPECT_EQ(server.asked,
            "scope { accounts { region: \"CN\" } } start_time { seconds: 86400 } dimension: GROUP_DIMENSION_SEGMENT");
  EXPECT_THAT(server.Print({"--output", "json", "account", "management"}), ::testing::HasSubstr("\"managed\""));
  EXPECT_EQ(server.asked, "scope { accounts { } }");
  server.management.Clear();
  server.management.mutable_total();
  EXPECT_EQ(server.Print({"account", "management"}),
            "     accounts  owned  planned  reviewed  asked  kept  met  managed  share\n"
            "all         0      0        0         0      0     0    0        0      -\n");
}

TEST(EngagementCommands, PrintWhatBecameOfAppointments) {
  FakeEngagement server;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
      total { required: 0 }
      appointments { appointments: 9 made: 4 made_late: 2 mean_late_minutes: 22.5 missed_by_us: 1 missed_by_account: 1
                     cancelled: 1 put_off: 1 open: 1 }
      appointment_people { person: "ann" appointments: 8 made: 4 made_late: 2 mean_late_minutes: 22.5
                           missed_by_account: 1 cancelled: 1 put_off: 1 open: 1 }
      appointment_people { person: "bob" appointments: 1 missed_by_us: 1 })",
                                                            &server.cadence));
  EXPECT_THAT(server.Print({"duty", "cadence", "--person", "ann"}),
              ::testing::HasSubstr("appointments of  set  made  late  minutes late  missed by us  missed by account  "
                                   "cancelled  put off  nothing said\n"
                                   "ann                8     4     2         22.50             0                  1    "
                                   "      1        1             1\n"
                                   "bob                1     0     0             -             1                  0    "
                                   "      0        0             0\n"
                                   "all                9     4     2         22.50             1                  1    "
                                   "      1        1             1\n"));
  server.cadence.clear_appointments();
  EXPECT_THAT(server.Print({"duty", "cadence"}), ::testing::Not(::testing::HasSubstr("appointments")));
}

}  // namespace
}  // namespace keyledger::cli

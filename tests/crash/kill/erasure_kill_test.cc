// The real server, killed in the middle of erasing a person: the next start completes it, and the certificate is the
// one that whoever asked first would have got.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "client/cpp/client.h"
#include "keyledger/ledger/v1/audit_service.pb.h"
#include "keyledger/ledger/v1/ledger_service.pb.h"
#include "tests/crash/kill/server_process.h"
#include "tests/support/temp_dir.h"

namespace keyledger::testing {
namespace {

namespace v1 = ledger::v1;

constexpr uint32_t kShards = 2;
constexpr int kRounds = 12;
constexpr auto kPatience = std::chrono::seconds(60);

class KilledErasure : public ::testing::Test {
 protected:
  KilledErasure() {
    std::ofstream(directory_ / "master.key") << std::string(64, '7') << "\n";
    chmod((directory_ / "master.key").c_str(), 0600);
    server_ = std::make_unique<ServerProcess>(
        directory_.path(),
        std::vector<std::string>{"--shards", std::to_string(kShards), "--sweep-interval-seconds", "0",
                                 "--disk-reserve-mib", "0", "--master-key-file", directory_ / "master.key"});
  }

  void Start() {
    ASSERT_EQ(server_->Start(), "");
    client_ = MakeClient(kPatience);
  }
  std::unique_ptr<client::Client> MakeClient(std::chrono::milliseconds timeout) const {
    client::ChannelOptions options;
    options.address = server_->address();
    options.own_connection = true;
    client::CallOptions calls;
    calls.timeout = timeout;
    return std::make_unique<client::Client>(client::MakeChannel(options), calls);
  }

  client::Result<v1::AppendResponse> Append(const std::string& account, const std::string& request_id,
                                            events::v1::Event event) {
    v1::AppendRequest request;
    request.set_account_id(account);
    request.set_request_id(request_id);
    request.mutable_expected_revision()->mutable_any();
    request.add_events()->mutable_occurred_time()->set_seconds(1'700'000'000);
    *request.mutable_events(0)->mutable_event() = std::move(event);
    return client_->Append(request);
  }
  client::Result<v1::AppendResponse> RecordContact(const std::string& account, const std::string& request_id,
                                                   const std::string& subject) {
    events::v1::Event event;
    event.mutable_contact_recorded()->set_contact_id("c");
    event.mutable_contact_recorded()->mutable_person()->set_subject_id(subject);
    event.mutable_contact_recorded()->mutable_person()->mutable_details()->set_name("Somebody");
    return Append(account, request_id, std::move(event));
  }
  static v1::EraseSubjectRequest EraseRequest(const std::string& subject) {
    v1::EraseSubjectRequest request;
    request.set_subject_id(subject);
    request.set_request_id("erase-" + subject);
    request.set_reason("asked for it");
    return request;
  }
  // Records of SubjectErased of the subject, on all shards.
  int ErasedRecords(const std::string& subject) {
    int count = 0;
    v1::ReadLogRequest request;
    const auto read = client_->ReadLog(request, [&](const v1::ReadLogResponse& frame) {
      for (const std::string& bytes : frame.records()) {
        events::v1::EventRecord record;
        EXPECT_TRUE(record.ParseFromString(bytes));
        count += record.event().subject_erased().subject_id() == subject ? 1 : 0;
      }
      return true;
    });
    EXPECT_FALSE(read.has_value());
    return count;
  }

  const TempDir directory_;
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<client::Client> client_;
};

TEST_F(KilledErasure, IsCompletedByTheNextStart) {
  const uint64_t seed = std::random_device()();
  RecordProperty("seed", std::to_string(seed));
  std::mt19937_64 random(seed);
  Start();
  for (const char* account : {"a", "b", "c", "d"}) {
    events::v1::Event event;
    event.mutable_account_opened()->set_display_name("Account");
    ASSERT_TRUE(Append(account, "open", std::move(event)).ok());
  }
  int answered = 0;
  int interrupted = 0;
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE(fmt::format("seed {}, round {}", seed, round));
    const std::string subject = fmt::format("person-{}", round);
    for (const char* account : {"a", "b", "c", "d"}) {
      ASSERT_TRUE(RecordContact(account, fmt::format("c-{}", round), subject).ok());
    }
    std::string certificate;
    // The next server has another port: whoever asked this one gives up soon.
    const auto asking = MakeClient(std::chrono::seconds(1));
    std::thread eraser([&] {
      const auto erased = asking->EraseSubject(EraseRequest(subject));
      if (erased.ok()) certificate = erased->certificate();
    });
    // An erasure takes some milliseconds.
    const auto kill_at =
        std::chrono::steady_clock::now() + std::chrono::microseconds(random() % (round < kRounds / 2 ? 5'000 : 60'000));
    while (std::chrono::steady_clock::now() < kill_at) std::this_thread::yield();
    server_->Kill();
    ASSERT_EQ(server_->WaitKilled(), "");
    eraser.join();
    (certificate.empty() ? interrupted : answered) += 1;
    Start();
    const auto again = client_->EraseSubject(EraseRequest(subject));
    ASSERT_TRUE(again.ok()) << again.error().message;
    if (!certificate.empty()) {
      EXPECT_EQ(again->certificate(), certificate);
    }
    EXPECT_EQ(ErasedRecords(subject), static_cast<int>(kShards));
    const auto late = RecordContact("a", fmt::format("late-{}", round), subject);
    ASSERT_FALSE(late.ok());
    EXPECT_EQ(late.error().reason, "SUBJECT_ERASED");
  }
  RecordProperty("answered", answered);
  RecordProperty("interrupted", interrupted);
  EXPECT_GE(interrupted, 1);
}

}  // namespace
}  // namespace keyledger::testing

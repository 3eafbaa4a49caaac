// Simulate: what would have happened under another program, over the wire.
#include <algorithm>

#include "server/domain/proto_time.h"
#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;

std::string Replaced(std::string text, const std::string& what, const std::string& with) {
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, what.size(), with);
}

// Two points for what is one, and silver from half of what it takes.
std::string Generous() {
  return Replaced(Replaced(kPlainProgram, "points: 1,", "points: 2,"), "1_000_000_000}", "500_000_000}");
}

// Opened and bought yesterday for so many dollars.
shard::SubmittedEvent OpenedIn(const std::string& region, const std::string& segment) {
  shard::SubmittedEvent opened = Opened(kToday - kMicrosPerDay);
  opened.event.mutable_account_opened()->set_region(region);
  opened.event.mutable_account_opened()->set_segment(segment);
  return opened;
}

class Simulate : public ::testing::Test {
 protected:
  Simulate() {
    server_.Publish(kPlainProgram);
    server_.MustAppend(Request("big", "r1", {OpenedIn("EU/DE", "shops"), Bought(600, "i1"), Redeemed(100)}));
    server_.MustAppend(Request("small", "r1", {OpenedIn("EU/FR", "shops"), Bought(10, "i2")}));
    server_.MustAppend(Request("idle", "r1", {OpenedIn("CN", "agents")}));
    server_.clock().Advance(kMicrosPerSecond);
  }

  SimulateRequest Draft(const std::string& yaml) {
    SimulateRequest request;
    request.set_source_yaml(yaml);
    domain::SetTimestamp(request.mutable_from_time(), kToday - 10 * kMicrosPerDay);
    return request;
  }

  struct Answer {
    int progress = 0;
    SimulationSummary summary;
    std::vector<SimulatedAccount> accounts;
    std::string bytes;
    grpc::Status status;
  };

  Answer Run(const SimulateRequest& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    const auto reader = server_.programs().Simulate(&context, request);
    Answer answer;
    SimulateResponse frame;
    while (reader->Read(&frame)) {
      answer.progress += frame.has_progress() ? 1 : 0;
      if (frame.has_progress()) {
        EXPECT_FALSE(answer.summary.has_from_time()) << "progress after the summary";
        continue;
      }
      answer.bytes += frame.SerializeAsString();
      if (frame.has_summary()) answer.summary = frame.summary();
      answer.accounts.insert(answer.accounts.end(), frame.accounts().accounts().begin(),
                             frame.accounts().accounts().end());
    }
    answer.status = reader->Finish();
    return answer;
  }

  RpcError Refusal(const SimulateRequest& request) { return ReadRpcError(Run(request).status); }

  LiveServer server_{4};
};

TEST_F(Simulate, TellsMovementsDifferencesAndReasons) {
  const std::string head = server_.HeadCursor();
  const Answer answer = Run(Draft(Generous()));
  ASSERT_TRUE(answer.status.ok()) << ReadRpcError(answer.status);
  const SimulationSummary& summary = answer.summary;
  EXPECT_EQ(summary.program().program_id(), "plain");
  EXPECT_EQ(summary.program().version(), 0u);
  EXPECT_EQ(summary.accounts(), 3);
  EXPECT_EQ(summary.changed_accounts(), 2);
  EXPECT_EQ(summary.actual().issued(), 610);
  EXPECT_EQ(summary.actual().redeemed(), 100);
  EXPECT_EQ(summary.actual().outstanding(), 510);
  EXPECT_EQ(summary.simulated().issued(), 1'220);
  EXPECT_EQ(summary.simulated().redeemed(), 100);
  EXPECT_EQ(summary.simulated().outstanding(), 1'120);
  ASSERT_EQ(summary.tier_movements_size(), 2);
  EXPECT_EQ(summary.tier_movements(0).simulated_tier_id(), "bronze");
  EXPECT_EQ(summary.tier_movements(0).accounts(), 2);
  EXPECT_EQ(summary.tier_movements(1).actual_tier_id(), "bronze");
  EXPECT_EQ(summary.tier_movements(1).simulated_tier_id(), "silver");
  EXPECT_EQ(summary.tier_movements(1).accounts(), 1);
  // The largest difference first.
  ASSERT_EQ(answer.accounts.size(), 2u);
  const SimulatedAccount& big = answer.accounts[0];
  EXPECT_EQ(big.account_id(), "big");
  ASSERT_EQ(big.rules_size(), 1);
  EXPECT_EQ(big.rules(0).rule_id(), "base");
  EXPECT_EQ(big.rules(0).actual_points(), 600);
  EXPECT_EQ(big.rules(0).simulated_points(), 1'200);
  EXPECT_EQ(big.simulated_tier().decision().met(0).value(), 600'000'000);
  EXPECT_EQ(big.simulated_tier().decision().met(0).threshold(), 500'000'000);
  EXPECT_EQ(answer.accounts[1].account_id(), "small");
  EXPECT_EQ(server_.HeadCursor(), head);
}

TEST_F(Simulate, AnswersTheSameEachTime) {
  const std::string first = Run(Draft(Generous())).bytes;
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(Run(Draft(Generous())).bytes, first);
}

TEST_F(Simulate, FindsNoDifferenceUnderTheVersionInForce) {
  SimulateRequest request = Draft("");
  request.mutable_published()->set_program_id("plain");
  const Answer answer = Run(request);
  ASSERT_TRUE(answer.status.ok()) << ReadRpcError(answer.status);
  EXPECT_EQ(answer.summary.program().version(), 1u);
  EXPECT_EQ(answer.summary.accounts(), 3);
  EXPECT_EQ(answer.summary.changed_accounts(), 0);
  EXPECT_EQ(answer.summary.simulated().SerializeAsString(), answer.summary.actual().SerializeAsString());
}

TEST_F(Simulate, NarrowsToAccountsRegionAndSegment) {
  const auto accounts = [&](const std::function<void(SimulateRequest&)>& narrow) {
    SimulateRequest request = Draft(Generous());
    narrow(request);
    return Run(request).summary.accounts();
  };
  EXPECT_EQ(accounts([](auto& r) { r.add_account_ids("small"); }), 1);
  EXPECT_EQ(accounts([](auto& r) {
              for (const char* id : {"small", "big", "small", "nobody"}) r.add_account_ids(id);
            }),
            2);
  EXPECT_EQ(accounts([](auto& r) { r.set_region("EU"); }), 2);
  EXPECT_EQ(accounts([](auto& r) { r.set_region("EU/DE"); }), 1);
  EXPECT_EQ(accounts([](auto& r) { r.set_segment("agents"); }), 1);
  EXPECT_EQ(accounts([](auto& r) { r.set_segment("none"); }), 0);
}

TEST_F(Simulate, ListsAsManyAccountsAsAsked) {
  SimulateRequest request = Draft(Generous());
  request.set_accounts_max(1);
  const Answer answer = Run(request);
  ASSERT_EQ(answer.accounts.size(), 1u);
  EXPECT_EQ(answer.accounts[0].account_id(), "big");
  EXPECT_EQ(answer.summary.changed_accounts(), 2);
}

TEST_F(Simulate, NamesTheWrongField) {
  using Fields = std::vector<std::string>;
  const auto fields = [&](const std::function<void(SimulateRequest&)>& change) {
    SimulateRequest request = Draft(Generous());
    change(request);
    return Refusal(request).field_names();
  };
  EXPECT_EQ(fields([](auto& r) { r.clear_source_yaml(); }), Fields{"program"});
  EXPECT_EQ(fields([](auto& r) { r.mutable_published(); }), Fields{"published.program_id"});
  EXPECT_EQ(fields([](auto& r) { r.clear_from_time(); }), Fields{"from_time"});
  EXPECT_EQ(fields([](auto& r) { *r.mutable_to_time() = r.from_time(); }), Fields{"to_time"});
  EXPECT_EQ(fields([](auto& r) { domain::SetTimestamp(r.mutable_to_time(), kToday + kMicrosPerDay); }),
            Fields{"to_time"});
  EXPECT_EQ(fields([](auto& r) { r.add_account_ids(" "); }), Fields{"account_ids[0]"});
  EXPECT_EQ(fields([](auto& r) { r.set_accounts_max(10'001); }), Fields{"accounts_max"});
  EXPECT_EQ(fields([](auto& r) { r.set_accounts_max(10'000); }), Fields{});
  EXPECT_EQ(fields([](auto& r) {
              for (int i = 0; i < 1'001; ++i) r.add_account_ids("a" + std::to_string(i));
            }),
            Fields{"account_ids"});
  EXPECT_EQ(fields([](auto& r) { r.set_source_yaml(Replaced(kPlainProgram, "rule_id", "role_id")); }),
            (Fields{"accrual_rules[0].role_id", "accrual_rules[0].rule_id"}));
  SimulateRequest unknown = Draft("");
  unknown.mutable_published()->set_program_id("nothing");
  EXPECT_EQ(Refusal(unknown).reason, "PROGRAM_NOT_FOUND");
  unknown.mutable_published()->set_program_id("plain");
  unknown.mutable_published()->set_version(2);
  EXPECT_EQ(Refusal(unknown).reason, "PROGRAM_NOT_FOUND");
}

// Two accounts of more records than are looked at between two frames.
TEST_F(Simulate, ReportsProgressAndEndsWhenCancelled) {
  for (const char* account : {"long1", "long2"}) {
    server_.MustAppend(Request(account, "open", {Opened()}));
    for (int i = 0; i < 21; ++i) {
      server_.MustAppend(Request(account, "r" + std::to_string(i), std::vector(1'000, Visited())));
    }
  }
  SimulateRequest request = Draft(Generous());
  request.add_account_ids("long1");
  request.add_account_ids("long2");
  EXPECT_GE(Run(request).progress, 1);

  grpc::ClientContext context;
  const auto reader = server_.programs().Simulate(&context, request);
  SimulateResponse frame;
  ASSERT_TRUE(reader->Read(&frame));
  EXPECT_TRUE(frame.has_progress());
  EXPECT_GE(frame.progress().records(), 20'000);
  EXPECT_LT(frame.progress().records(), frame.progress().total_records());
  context.TryCancel();
  while (reader->Read(&frame)) continue;
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  // The thread is free again, and nothing is left behind.
  EXPECT_EQ(Run(Draft(Generous())).summary.changed_accounts(), 2);
}

}  // namespace
}  // namespace keyledger::testing

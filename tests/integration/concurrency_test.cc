// Clients at the same time, over the wire.
#include <atomic>
#include <thread>

#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

TEST(ConcurrentClients, OfTwentyRedemptionsOfABalanceThatCoversOneExactlyOneSucceeds) {
  LiveServer server;
  server.Publish(kPlainProgram);
  server.MustAppend(Request("acme", "r1", {Opened(), Bought(100)}));
  std::atomic<int> won{0};
  std::atomic<int> refused{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 20; ++i) {
    clients.emplace_back([&, i] {
      ledger::v1::AppendResponse response;
      const grpc::Status status =
          server.Append(Request("acme", "redeem-" + std::to_string(i), {Redeemed(100)}), &response);
      if (status.ok()) {
        ++won;
      } else if (ReadRpcError(status).reason == "INSUFFICIENT_POINTS") {
        ++refused;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(refused, 19);
}

TEST(ConcurrentClients, WithTheSameExpectedRevisionNeverBothWin) {
  LiveServer server;
  server.MustAppend(Request("acme", "open", {Opened()}));
  uint64_t revision = 0;
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> won{0};
    std::vector<std::thread> clients;
    for (int client = 0; client < 2; ++client) {
      clients.emplace_back([&, client] {
        ledger::v1::AppendResponse response;
        const grpc::Status status = server.Append(
            Request("acme", std::to_string(round) + "/" + std::to_string(client), {Visited()}, Exactly(revision)),
            &response);
        if (status.ok()) {
          ++won;
        } else {
          EXPECT_EQ(ReadRpcError(status).reason, "STALE_REVISION");
        }
      });
    }
    for (std::thread& client : clients) client.join();
    ASSERT_EQ(won, 1);
    ++revision;
  }
}

}  // namespace
}  // namespace keyledger::testing

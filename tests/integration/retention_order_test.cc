// A ledger of one shard that got everything in order, once, and a ledger of four shards that got it in any order, many
// things twice, say the same of their accounts.
#include <algorithm>
#include <random>

#include <fmt/format.h>

#include "server/domain/proto_time.h"
#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;

constexpr int kAccounts = 12;
constexpr int kPurchases = 150;

// Purchases of ten months before today, in order; one in six has come back in part, later.
std::vector<AppendRequest> Trades() {
  std::mt19937 random(20261122);
  std::vector<AppendRequest> trades;
  for (int i = 0; i < kPurchases; ++i) {
    const std::string account = fmt::format("account-{}", random() % kAccounts);
    const std::string invoice = fmt::format("inv-{}", i);
    const Micros at = kToday - (kPurchases - i) * 2 * kMicrosPerDay;
    trades.push_back(
        Request(account, "buy-" + invoice, {Bought(10 + static_cast<int64_t>(random() % 90), invoice, at)}));
    if (random() % 6 != 0) continue;
    const Micros later = std::min(at + static_cast<int64_t>(random() % 40) * kMicrosPerDay, kToday);
    trades.push_back(Request(account, "return-" + invoice, {Returned(5, invoice, "credit-" + invoice, later)}));
  }
  return trades;
}

void OpenAccounts(LiveServer& server) {
  for (int i = 0; i < kAccounts; ++i) {
    server.MustAppend(Request(fmt::format("account-{}", i), "open", {Opened(kToday - 400 * kMicrosPerDay)}));
  }
}

// Every answer about retention, with revenue net of returns.
std::vector<std::string> Answers(LiveServer& server, Period period) {
  RetentionScope scope;
  scope.set_period(period);
  scope.set_revenue_basis(REVENUE_BASIS_NET);
  const std::string cursor = server.HeadCursor();
  std::vector<std::string> answers;
  const auto ask = [&](auto request, auto method, auto response) {
    *request.mutable_scope() = scope;
    request.set_min_cursor(cursor);
    const grpc::Status status = Call(server.retention(), method, request, &response);
    EXPECT_TRUE(status.ok()) << ReadRpcError(status);
    answers.push_back(response.DebugString());
  };
  using Stub = RetentionService::Stub;
  ask(GetRetentionRequest(), &Stub::GetRetention, GetRetentionResponse());
  ask(GetCohortsRequest(), &Stub::GetCohorts, GetCohortsResponse());
  ask(GetSurvivalRequest(), &Stub::GetSurvival, GetSurvivalResponse());
  ask(GetTenureRequest(), &Stub::GetTenure, GetTenureResponse());
  ask(GetMigrationRequest(), &Stub::GetMigration, GetMigrationResponse());
  ask(GetRfmRequest(), &Stub::GetRfm, GetRfmResponse());
  return answers;
}

TEST(RetentionOfALedger, DoesNotDependOnOrderShardsOrDuplicates) {
  LiveServer in_order;
  OpenAccounts(in_order);
  std::vector<AppendRequest> trades = Trades();
  for (const AppendRequest& trade : trades) in_order.MustAppend(trade);

  LiveServer shuffled(4);
  OpenAccounts(shuffled);
  std::mt19937 random(7);
  // A return names a purchase that the ledger knows; apart from that everything comes as it likes.
  std::stable_sort(trades.begin(), trades.end(), [](const AppendRequest& a, const AppendRequest& b) {
    return a.request_id().starts_with("buy") && !b.request_id().starts_with("buy");
  });
  const auto returns = std::find_if(trades.begin(), trades.end(),
                                    [](const AppendRequest& one) { return !one.request_id().starts_with("buy"); });
  std::shuffle(trades.begin(), returns, random);
  std::shuffle(returns, trades.end(), random);
  int refused = 0;
  for (const AppendRequest& trade : trades) {
    EXPECT_FALSE(shuffled.MustAppend(trade).replayed());
    if (random() % 3 == 0) {
      EXPECT_TRUE(shuffled.MustAppend(trade).replayed());
    }
    if (random() % 3 == 0 && trade.request_id().starts_with("buy")) {
      AppendRequest again = trade;
      again.set_request_id(trade.request_id() + "-again");
      EXPECT_EQ(shuffled.Refused(again).reason, "INVOICE_EXISTS");
      ++refused;
    }
  }
  EXPECT_GT(refused, 20);
  for (const Period period : {PERIOD_MONTH, PERIOD_QUARTER, PERIOD_WEEK}) {
    EXPECT_EQ(Answers(shuffled, period), Answers(in_order, period));
  }
  EXPECT_NE(Answers(in_order, PERIOD_MONTH)[0].find("revenue_micros"), std::string::npos);
}

}  // namespace
}  // namespace keyledger::testing

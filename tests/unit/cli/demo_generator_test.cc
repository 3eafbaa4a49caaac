// The demo ledger: the same everywhere, chronological, and telling the story it promises.
#include "client/cli/demo_generator.h"

#include <map>

#include <gtest/gtest.h>

#include "client/cli/text.h"

namespace keyledger::cli {
namespace {

namespace ev = ::keyledger::events::v1;

TEST(DemoRandom, IsXoshiro256StarStar) {
  DemoRandom random(1);
  const uint64_t first = random.Next();
  DemoRandom again(1);
  EXPECT_EQ(again.Next(), first);
  EXPECT_NE(DemoRandom(2).Next(), first);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_LT(random.Below(7), 7u);
    const int64_t between = random.Between(-3, 3);
    EXPECT_GE(between, -3);
    EXPECT_LE(between, 3);
  }
}

TEST(DemoGenerator, MakesTheSameFirstThousandRequestsEverywhere) {
  DemoOptions options;
  options.accounts = 200;
  std::string bytes;
  const auto requests = DemoRequests(options);
  ASSERT_GE(requests.size(), 1000u);
  for (size_t i = 0; i < 1000; ++i) {
    bytes += requests[i].SerializeAsString();
  }
  EXPECT_EQ(StableHash(bytes), "3926b341dbc82363f9350d35d16ddef7");
}

TEST(DemoGenerator, ContainsASmallerDemoInALargerOne) {
  DemoOptions options;
  options.accounts = 3;
  std::map<std::string, std::string> small;
  for (const auto& request : DemoRequests(options)) {
    small[request.request_id()] = request.SerializeAsString();
  }
  options.accounts = 30;
  for (const auto& request : DemoRequests(options)) {
    if (const auto at = small.find(request.request_id()); at != small.end()) {
      EXPECT_EQ(at->second, request.SerializeAsString());
      small.erase(at);
    }
  }
  EXPECT_TRUE(small.empty());
}

TEST(DemoGenerator, TellsEachAccountInOrderOfTimeWithinThreeYears) {
  DemoOptions options;
  options.accounts = 500;
  std::map<std::string, int64_t> last;
  std::map<std::string, int> ids;
  std::map<std::string, const ev::PurchaseRecorded*> invoices;
  std::map<ev::Event::PayloadCase, int> kinds;
  const auto requests = DemoRequests(options);
  for (const auto& request : requests) {
    const int64_t seconds = request.events(0).occurred_time().seconds();
    EXPECT_GE(seconds, 1'672'531'200);  // 2023-01-01
    EXPECT_LT(seconds, 1'767'225'600);  // 2026-01-01
    EXPECT_GE(seconds, last[request.account_id()]);
    const ev::Event& event = request.events(0).event();
    if (last[request.account_id()] == 0) {
      EXPECT_TRUE(event.has_account_opened());
    }
    last[request.account_id()] = seconds;
    EXPECT_EQ(ids[request.account_id() + "/" + request.request_id()]++, 0);
    ++kinds[event.payload_case()];
    if (event.has_purchase_recorded()) {
      const auto& purchase = event.purchase_recorded();
      EXPECT_TRUE(invoices.emplace(purchase.merchant_id() + "/" + purchase.invoice_number(), &purchase).second);
    } else if (event.has_purchase_returned()) {
      const auto& returned = event.purchase_returned();
      const auto bought = invoices.find(returned.merchant_id() + "/" + returned.purchase_invoice_number());
      ASSERT_NE(bought, invoices.end()) << "returned before it was bought";
      const auto& line = bought->second->lines(static_cast<int>(returned.lines(0).line_number()) - 1);
      EXPECT_LE(returned.lines(0).quantity(), line.quantity());
      EXPECT_LE(returned.lines(0).amount().micros(), line.amount().micros());
    }
  }
  EXPECT_EQ(last.size(), 500u);
  EXPECT_EQ(last.count("demo-0001"), 1u);
  EXPECT_EQ(kinds[ev::Event::kAccountOpened], 500);
  EXPECT_GT(kinds[ev::Event::kPurchaseRecorded], 2'500);
  EXPECT_GT(kinds[ev::Event::kPurchaseReturned], 50);
  EXPECT_GT(kinds[ev::Event::kPointsRedeemed], 50);
  EXPECT_GT(kinds[ev::Event::kAccountClosed], 5);
  EXPECT_GT(kinds[ev::Event::kAccountReopened], 0);
}

}  // namespace
}  // namespace keyledger::cli

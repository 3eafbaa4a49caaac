// What a return is completed with, and that a forged log cannot have it write outside of what there is.
#include "server/domain/returned_goods.h"

#include <gtest/gtest.h>

#include "server/base/error.h"

namespace keyledger::domain {
namespace {

// Two lines: three units for 10, one for 7.
events::v1::PurchaseRecorded TwoLines() {
  events::v1::PurchaseRecorded purchase;
  for (const auto& [quantity, cost] : {std::pair(3, 10), std::pair(1, 7)}) {
    events::v1::PurchaseLine& line = *purchase.add_lines();
    line.set_quantity(quantity);
    line.mutable_cost()->set_currency_code("USD");
    line.mutable_cost()->set_micros(cost);
  }
  return purchase;
}

events::v1::PurchaseReturned OneUnitOf(uint32_t line_number) {
  events::v1::PurchaseReturned returned;
  returned.add_lines()->set_line_number(line_number);
  returned.mutable_lines(0)->set_quantity(1);
  return returned;
}

ReturnedLine Back(uint32_t line_number, int64_t quantity) {
  ReturnedLine line{};
  line.line_number = line_number;
  line.quantity = quantity;
  return line;
}

TEST(ReturnedGoods, CostWhatIsLeftOfTheLinesCost) {
  events::v1::PurchaseReturned returned = OneUnitOf(1);
  ASSERT_TRUE(CompleteReturn(TwoLines(), {Back(1, 2), Back(2, 1)}, "events[0]", &returned).ok());
  // 10 less the 6 of two units.
  EXPECT_EQ(returned.lines(0).cost().micros(), 4);
  EXPECT_TRUE(returned.completes_purchase());
}

TEST(ReturnedGoods, OfALineThatWasNeverBoughtAreDataLoss) {
  const auto expect_damage = [](const ReturnedLine& before, uint32_t named) {
    events::v1::PurchaseReturned returned = OneUnitOf(1);
    const absl::Status status = CompleteReturn(TwoLines(), {before}, "events[0]", &returned);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << before.line_number << " " << before.quantity;
    EXPECT_EQ(MessageOf(status),
              "what is on record as returned of line " + std::to_string(named) + " was never bought");
  };
  expect_damage(Back(0, 1), 0);
  expect_damage(Back(3, 1), 3);
  expect_damage(Back(4'294'967'295, 1), 4'294'967'295);
  expect_damage(Back(1, 4), 1);
  expect_damage(Back(1, -1), 1);
}

}  // namespace
}  // namespace keyledger::domain

// See returned_goods.h.
#include "server/domain/returned_goods.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/base/check.h"
#include "server/base/checked.h"
#include "server/base/error.h"

namespace keyledger::domain {
namespace {

// Cost of the first `quantity` units of a line.
int64_t CostOf(const events::v1::PurchaseLine& line, int64_t quantity) {
  const auto cost = MulDiv(line.cost().micros(), quantity, 1, line.quantity(), RoundingMode::kDown);
  KL_CHECK(cost.has_value());
  return *cost;
}

}  // namespace

absl::Status CompleteReturn(const events::v1::PurchaseRecorded& purchase, const std::vector<ReturnedLine>& before,
                            const std::string& path, events::v1::PurchaseReturned* returned) {
  // Units that have come back, by line.
  std::vector<int64_t> back(purchase.lines_size(), 0);
  for (const ReturnedLine& line : before) {
    // Only a damaged or forged log says that more came back than was bought, or a line that there is not.
    if (line.line_number < 1 || line.line_number > back.size() || line.quantity < 0 ||
        line.quantity > purchase.lines(static_cast<int>(line.line_number) - 1).quantity()) {
      return MakeError(Reason::kStoreDamaged,
                       fmt::format("what is on record as returned of line {} was never bought", line.line_number));
    }
    back[line.line_number - 1] = line.quantity;
  }
  for (int i = 0; i < returned->lines_size(); ++i) {
    events::v1::ReturnLine& line = *returned->mutable_lines(i);
    if (line.has_cost()) {
      return FieldError(fmt::format("{}.lines[{}].cost", path, i),
                        "must not be set: the purchase says what the goods had cost");
    }
    const size_t at = std::max<uint32_t>(line.line_number(), 1) - 1;
    const events::v1::PurchaseLine& bought = purchase.lines(static_cast<int>(at));
    const int64_t cost = CostOf(bought, back[at] + line.quantity()) - CostOf(bought, back[at]);
    back[at] += line.quantity();
    if (!bought.has_cost()) continue;
    line.mutable_cost()->set_currency_code(bought.cost().currency_code());
    line.mutable_cost()->set_micros(cost);
  }
  bool all_back = true;
  for (int i = 0; i < purchase.lines_size(); ++i) {
    all_back = all_back && back[static_cast<size_t>(i)] == purchase.lines(i).quantity();
  }
  returned->set_completes_purchase(all_back);
  return absl::OkStatus();
}

}  // namespace keyledger::domain

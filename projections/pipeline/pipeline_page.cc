#include "projections/pipeline/pipeline_page.h"

#include <algorithm>

namespace keyledger::projections::pipeline {

absl::Status AddSum(MoneySums& sums, const std::string& currency_code, int64_t micros, int64_t expected_micros) {
  MoneySum& sum = sums[currency_code];
  sum.items += 1;
  if (__builtin_add_overflow(sum.micros, micros, &sum.micros) ||
      __builtin_add_overflow(sum.expected_micros, expected_micros, &sum.expected_micros)) {
    return MakeError(Reason::kArithmeticRange, "a sum of money does not fit in 64 bits; ask for fewer accounts");
  }
  return absl::OkStatus();
}

int64_t RankOf(std::vector<int64_t>& values, int64_t milli) {
  constexpr int64_t kWhole = 1'000;
  const auto count = static_cast<int64_t>(values.size());
  const int64_t rank = std::max<int64_t>((count * milli + kWhole - 1) / kWhole, 1);
  const auto at = values.begin() + (rank - 1);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

}  // namespace keyledger::projections::pipeline

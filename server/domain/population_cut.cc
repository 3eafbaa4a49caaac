// See population_cut.h.
#include "server/domain/population_cut.h"

#include <algorithm>

#include "server/base/check.h"

namespace keyledger::domain {
namespace {

Int128 CeilDiv(Int128 value, Int128 divisor) { return (value + divisor - 1) / divisor; }

// The smallest number of first accounts that hold so much of `total`.
int64_t CountCovering(const std::vector<AccountValue>& ranked, Int128 total, int64_t percent_milli) {
  // Multiplied out, so that nothing is rounded: covered / total >= p.
  const Int128 wanted = total * percent_milli;
  Int128 covered = 0;
  int64_t count = 0;
  for (const AccountValue& account : ranked) {
    if (account.value <= 0 || covered * kPercentMilliWhole >= wanted) break;
    covered += account.value;
    ++count;
  }
  return count;
}

}  // namespace

bool RanksBefore(const AccountValue& a, const AccountValue& b) {
  return a.value != b.value ? a.value > b.value : a.account_id < b.account_id;
}

bool PopulationCut::Takes(const AccountValue& account) const { return taken > 0 && !RanksBefore(last, account); }

PopulationCut CutPopulation(std::vector<AccountValue>& accounts, CutKind kind, int64_t amount) {
  KL_CHECK(amount >= 1 && (kind == CutKind::kTopCount || amount <= kPercentMilliWhole));
  std::sort(accounts.begin(), accounts.end(), RanksBefore);
  PopulationCut cut;
  cut.population = static_cast<int64_t>(accounts.size());
  for (const AccountValue& account : accounts) cut.total += std::max<int64_t>(account.value, 0);
  switch (kind) {
    case CutKind::kTopCount:
      cut.taken = std::min(amount, cut.population);
      break;
    case CutKind::kTopPercentMilli:
      cut.taken = static_cast<int64_t>(CeilDiv(static_cast<Int128>(cut.population) * amount, kPercentMilliWhole));
      break;
    case CutKind::kCoveringPercentMilli:
      cut.taken = CountCovering(accounts, cut.total, amount);
      break;
  }
  for (int64_t i = 0; i < cut.taken; ++i) cut.covered += accounts[static_cast<size_t>(i)].value;
  if (cut.taken > 0) cut.last = accounts[static_cast<size_t>(cut.taken) - 1];
  return cut;
}

}  // namespace keyledger::domain

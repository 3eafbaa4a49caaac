// See ranking.h.
#include "server/domain/ranking.h"

#include <algorithm>
#include <limits>

#include "server/base/check.h"
#include "server/base/checked.h"

namespace keyledger::domain {

void Ranking::Add(Micros open_time, std::span<const std::optional<int64_t>> values) {
  KL_CHECK(values.size() == values_.size());
  KL_CHECK(open_times_.size() < std::numeric_limits<uint32_t>::max());
  open_times_.push_back(open_time);
  for (size_t i = 0; i < values.size(); ++i) values_[i].push_back(std::max<int64_t>(values[i].value_or(0), 0));
}

bool Ranking::Before(size_t measure, uint32_t a, uint32_t b) const {
  const std::vector<int64_t>& values = values_[measure];
  if (values[a] != values[b]) return values[a] > values[b];
  if (open_times_[a] != open_times_[b]) return open_times_[a] < open_times_[b];
  // Numbers are given in the order of ids.
  return a < b;
}

void Ranking::Rank() {
  open_times_.shrink_to_fit();
  for (std::vector<int64_t>& values : values_) values.shrink_to_fit();
  for (size_t measure = 0; measure < values_.size(); ++measure) {
    const std::vector<int64_t>& values = values_[measure];
    std::vector<uint32_t>& order = order_[measure];
    KL_CHECK(order.empty());
    order.reserve(values.size() - std::count(values.begin(), values.end(), 0));
    for (uint32_t account = 0; account < values.size(); ++account) {
      if (values[account] > 0) order.push_back(account);
    }
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return Before(measure, a, b); });
  }
}

uint64_t Ranking::RankOf(size_t measure, uint32_t account) const {
  if (values_[measure][account] == 0) return 0;
  const std::vector<uint32_t>& order = order_[measure];
  const auto at = std::lower_bound(order.begin(), order.end(), account,
                                   [&](uint32_t a, uint32_t b) { return Before(measure, a, b); });
  KL_CHECK(at != order.end() && *at == account);
  return static_cast<uint64_t>(at - order.begin()) + 1;
}

uint64_t Ranking::CountMembers(size_t measure, const RelativeCut& cut) const {
  const std::vector<uint32_t>& order = order_[measure];
  switch (cut.kind) {
    case CutKind::kTopCount:
      return std::min<uint64_t>(cut.size, order.size());
    case CutKind::kTopPercentMilli: {
      const Int128 share = static_cast<Int128>(population()) * cut.size;
      return std::min<uint64_t>(static_cast<uint64_t>((share + kWholeMilli - 1) / kWholeMilli), order.size());
    }
    case CutKind::kCoveringPercentMilli:
      break;
  }
  // 2^32 values of 63 bits fit into 96.
  Int128 total = 0;
  for (const uint32_t account : order) total += values_[measure][account];
  Int128 sum = 0;
  uint64_t members = 0;
  while (members < order.size() && sum * kWholeMilli < total * cut.size) {
    sum += values_[measure][order[members]];
    ++members;
  }
  return members;
}

size_t Ranking::bytes() const {
  size_t bytes = open_times_.capacity() * sizeof(Micros);
  for (const auto& values : values_) bytes += values.capacity() * sizeof(int64_t);
  for (const auto& order : order_) bytes += order.capacity() * sizeof(uint32_t);
  return bytes;
}

}  // namespace keyledger::domain

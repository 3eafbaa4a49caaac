// PageOrder: the place of an item in a list, so that the next page, which is of the same moment, begins after the last
// one of the page before; and PageCollector, which keeps one page of a list that is walked through once.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "projections/engine/row_key.h"
#include "server/base/checked.h"
#include "server/base/codec.h"
#include "server/base/error.h"

namespace keyledger::projections::pipeline {

// By two values of the item, then account_id, item_id and the revision of the fact that opened it (or, where an item is
// listed more than once, of the one that it is listed for).
struct PageOrder {
  int64_t first = 0;
  int64_t second = 0;
  std::string account_id;
  std::string item_id;
  uint64_t revision = 0;

  auto operator<=>(const PageOrder&) const = default;
};

inline std::string FormatPageOrder(const PageOrder& order) {
  std::string bytes;
  PutOrdered64(bytes, order.first);
  PutOrdered64(bytes, order.second);
  PutBigEndian64(bytes, order.revision);
  PutSized(bytes, order.account_id);
  PutSized(bytes, order.item_id);
  return bytes;
}

// Errors: INVALID_ARGUMENT (kInvalidToken).
inline absl::StatusOr<PageOrder> ParsePageOrder(std::string_view bytes) {
  PageOrder order;
  if (!GetOrdered64(bytes, order.first) || !GetOrdered64(bytes, order.second) ||
      !GetBigEndian64(bytes, order.revision) || !GetSized(bytes, order.account_id) || !GetSized(bytes, order.item_id) ||
      !bytes.empty()) {
    return MakeError(Reason::kInvalidToken, "the page token is not one of this listing");
  }
  return order;
}

// What every list is asked for.
struct PageAsk {
  // Rows, at least 1.
  size_t size = 100;
  // PageOrder of the last row of the page before; empty: the first page.
  std::string after;
};

// Keeps the first rows of a list after a place. Memory: one page.
template <class Row>
class PageCollector {
 public:
  // Errors: INVALID_ARGUMENT (kInvalidToken).
  static absl::StatusOr<PageCollector> Begin(const PageAsk& ask) {
    PageCollector page(ask.size);
    if (!ask.after.empty()) {
      KL_ASSIGN_OR_RETURN(page.after_, ParsePageOrder(ask.after));
      page.begins_after_ = true;
    }
    return page;
  }

  void Offer(PageOrder order, Row row) {
    if (begins_after_ && order <= after_) return;
    if (rows_.size() > size_ && order >= std::prev(rows_.end())->first) return;
    rows_.insert_or_assign(std::move(order), std::move(row));
    // One more than the page: whether there is a next one.
    if (rows_.size() > size_ + 1) rows_.erase(std::prev(rows_.end()));
  }

  // Moves the rows of the page to `rows`; returns where the next one begins, empty if this is the last.
  std::string Finish(std::vector<Row>& rows) {
    std::string next;
    for (auto& [order, row] : rows_) {
      if (rows.size() == size_) return next;
      if (rows.size() + 1 == size_) next = FormatPageOrder(order);
      rows.push_back(std::move(row));
    }
    return std::string();
  }

 private:
  explicit PageCollector(size_t size) : size_(size) {}

  size_t size_;
  bool begins_after_ = false;
  PageOrder after_;
  std::map<PageOrder, Row> rows_;
};

// Money of one currency.
struct MoneySum {
  int64_t items = 0;
  int64_t micros = 0;
  // Of opportunities: by their chance.
  int64_t expected_micros = 0;
};

// By currency.
using MoneySums = std::map<std::string, MoneySum>;

// Adds an amount. Errors: FAILED_PRECONDITION (kArithmeticRange).
absl::Status AddSum(MoneySums& sums, const std::string& currency_code, int64_t micros, int64_t expected_micros = 0);

// The value that at least half, or so many thousandths, do not exceed: by nearest rank. Requires: not empty.
int64_t RankOf(std::vector<int64_t>& values, int64_t milli);
inline int64_t MedianOf(std::vector<int64_t>& values) { return RankOf(values, 500); }

}  // namespace keyledger::projections::pipeline

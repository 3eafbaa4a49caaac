// MergedAccounts: which accounts ended in which others, as of a moment and as known at one.
//
// Where a merge is in scope, one history stands for both accounts, under the id of the one that goes on; where it is
// not, there are two. Nothing that was recorded is moved: the rows of the one that ended stay where they are, and a row
// of their own says where they are to be read. Its key begins with a zero byte, which no account's does:
//
//   0 'm' account   the account that went on; occurred_time, record_time and position of AccountMergeCompleted
//
// There are few of them: all are read before anything else is. Read next: history.cc, which joins what they name.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/engine/projection.h"
#include "projections/retention/history.h"
#include "projections/retention/retention_rows.h"
#include "server/store/table.h"

namespace keyledger::projections {

// Writes the row of a merge that is completed.
void PutMerge(std::string_view account_id, std::string_view into_account_id, const RowTimes& times, Rows& rows);

// Threads: immutable.
class MergedAccounts {
 public:
  // An account that ended, and the place of its rows among the readers.
  struct Ended {
    std::string account_id;
    size_t shard = 0;
  };

  // No merge.
  MergedAccounts() = default;
  // The merges in the scope, or in the one that it names for them. Errors: DATA_LOSS (kStoreDamaged).
  static absl::StatusOr<MergedAccounts> Read(const std::vector<const store::TableReader*>& shards,
                                             const RetentionScope& scope);

  bool empty() const { return into_.empty(); }
  // Whether the account ended in another.
  bool HasEnded(std::string_view account_id) const { return into_.contains(account_id); }
  // The account that stands for this one: itself if it has not ended.
  std::string_view StandsFor(std::string_view account_id) const;
  // Those that the account stands for beside itself, in byte order.
  const std::vector<Ended>& EndedIn(std::string_view account_id) const;

 private:
  std::map<std::string, std::string, std::less<>> into_;
  // By the account at the end of the chain.
  std::map<std::string, std::vector<Ended>, std::less<>> ended_;
  std::vector<Ended> none_;
};

}  // namespace keyledger::projections

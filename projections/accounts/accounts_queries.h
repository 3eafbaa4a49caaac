// Queries of the projection "accounts": the directory in account_id order, over all shards.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include "server/base/clock.h"
#include "server/store/table.h"

namespace keyledger::projections {

// An account as the directory knows it.
struct DirectoryAccount {
  std::string account_id;
  // Revision of the last record folded in.
  uint64_t revision = 0;
  // Not closed; of one that was merged, before that.
  bool open = false;
  // Merged into another, or on the way there.
  bool merged = false;
  std::string display_name;
  std::string region;
  std::string segment;
  std::string owner;
  // By key.
  std::vector<std::pair<std::string, std::string>> facts;
  // occurred_time of AccountOpened, or of that of an older account that was merged into it.
  Micros open_time = 0;
  // Latest occurred_time of a purchase; nothing if there was none.
  std::optional<Micros> last_purchase;
  int64_t purchase_count = 0;
  // Empty: no tier.
  std::string ladder_id;
  std::string tier_id;
};

enum class AccountStateFilter { kAny, kOpen, kClosed, kMerged };

// Which accounts are wanted: all conditions must hold; an empty one holds always.
struct DirectoryFilter {
  AccountStateFilter state = AccountStateFilter::kAny;
  // Matches itself and everything below it.
  std::string region;
  std::string segment;
  std::string owner;
  std::string tier_id;
  // (key, value); an empty value matches any value of the key.
  std::vector<std::pair<std::string, std::string>> facts;
  // Found, ignoring ASCII case, in the id or the name.
  std::string text;
};

struct DirectoryPage {
  std::vector<DirectoryAccount> accounts;
  // Hand it to the next call; empty on the last page.
  std::string continuation;
};

// Accounts examined for one page at most; a page may therefore be short, or empty, before the last one.
inline constexpr size_t kDirectoryScanMax = 100'000;

// Returns true if the account satisfies the filter.
bool Matches(const DirectoryFilter& filter, const DirectoryAccount& account);

// Lists up to `page_size` accounts that match, in account_id order, merged over the shards' rows. `continuation`: of
// the page before; empty for the first. At most `scan_max` accounts are examined. Requires: page_size > 0, scan_max >
// 0, no null reader. Errors: INVALID_ARGUMENT (kInvalidToken), DATA_LOSS (kStoreDamaged).
absl::StatusOr<DirectoryPage> ListDirectory(const std::vector<const store::TableReader*>& shards,
                                            const DirectoryFilter& filter, size_t page_size,
                                            std::string_view continuation, size_t scan_max = kDirectoryScanMax);

// One account. Errors: NOT_FOUND (kAccountNotFound), DATA_LOSS (kStoreDamaged).
absl::StatusOr<DirectoryAccount> GetDirectoryAccount(const store::TableReader& rows, std::string_view account_id);

}  // namespace keyledger::projections

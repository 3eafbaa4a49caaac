#include "projections/accounts/accounts_queries.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "projections/accounts/accounts_rows.h"
#include "projections/engine/row_key.h"
#include "server/base/error.h"
#include "server/base/ids.h"

namespace keyledger::projections {
namespace {

absl::Status Damaged(std::string_view account_id) {
  return MakeError(
      Reason::kStoreDamaged,
      fmt::format("the rows of projection accounts for account {} are unreadable; rebuild the projection", account_id));
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool ContainsIgnoringCase(std::string_view text, std::string_view wanted) {
  return std::search(text.begin(), text.end(), wanted.begin(), wanted.end(),
                     [](char a, char b) { return Lower(a) == Lower(b); }) != text.end();
}

bool HoldsFact(const DirectoryAccount& account, const std::pair<std::string, std::string>& wanted) {
  return std::any_of(account.facts.begin(), account.facts.end(), [&wanted](const auto& fact) {
    return fact.first == wanted.first && (wanted.second.empty() || fact.second == wanted.second);
  });
}

// Walks the accounts of one shard in order.
class ShardAccounts {
 public:
  ShardAccounts(const store::TableReader& rows, std::string_view after) : row_(rows.NewIterator()) {
    row_->Seek(after.empty() ? std::string() : AfterAccount(after));
  }

  bool Valid() const { return row_->Valid(); }
  absl::Status status() const { return row_->status(); }
  // Requires: Valid(). Empty if the key is damaged.
  std::string_view account_id() const {
    RowKey key;
    return SplitRowKey(row_->key(), key) ? key.account_id : std::string_view();
  }
  // Reads the account it stands on and goes to the next; returns false if a row is damaged or missing.
  bool Take(DirectoryAccount& account) {
    RowKey key;
    if (!SplitRowKey(row_->key(), key) || key.tag != kProfileTag || !DecodeProfile(row_->value(), account))
      return false;
    account.account_id.assign(key.account_id);
    row_->Next();
    if (!row_->Valid() || !SplitRowKey(row_->key(), key) || key.tag != kStandingTag ||
        key.account_id != account.account_id || !DecodeStanding(row_->value(), account)) {
      return false;
    }
    row_->Next();
    return true;
  }

 private:
  std::unique_ptr<store::RowIterator> row_;
};

}  // namespace

bool Matches(const DirectoryFilter& filter, const DirectoryAccount& account) {
  if (filter.state == AccountStateFilter::kOpen && (!account.open || account.merged)) return false;
  if (filter.state == AccountStateFilter::kClosed && (account.open || account.merged)) return false;
  if (filter.state == AccountStateFilter::kMerged && !account.merged) return false;
  if (!filter.region.empty() && !RegionContains(filter.region, account.region)) return false;
  if (!filter.segment.empty() && filter.segment != account.segment) return false;
  if (!filter.owner.empty() && filter.owner != account.owner) return false;
  if (!filter.tier_id.empty() && filter.tier_id != account.tier_id) return false;
  for (const auto& fact : filter.facts) {
    if (!HoldsFact(account, fact)) return false;
  }
  return filter.text.empty() || ContainsIgnoringCase(account.account_id, filter.text) ||
         ContainsIgnoringCase(account.display_name, filter.text);
}

absl::StatusOr<DirectoryPage> ListDirectory(const std::vector<const store::TableReader*>& shards,
                                            const DirectoryFilter& filter, size_t page_size,
                                            std::string_view continuation, size_t scan_max) {
  if (!continuation.empty() && !IsAccountId(continuation)) {
    return MakeError(Reason::kInvalidToken, "the page token is not one of this listing");
  }
  std::vector<ShardAccounts> walks;
  walks.reserve(shards.size());
  for (const store::TableReader* shard : shards) walks.emplace_back(*shard, continuation);

  DirectoryPage page;
  DirectoryAccount account;
  std::string last(continuation);
  for (size_t examined = 0;; ++examined) {
    ShardAccounts* first = nullptr;
    for (ShardAccounts& walk : walks) {
      KL_RETURN_IF_ERROR(walk.status());
      if (walk.Valid() && (first == nullptr || walk.account_id() < first->account_id())) first = &walk;
    }
    if (first == nullptr) return page;
    if (page.accounts.size() == page_size || examined == scan_max) {
      page.continuation = std::move(last);
      return page;
    }
    if (!first->Take(account)) return Damaged(account.account_id);
    last = account.account_id;
    if (Matches(filter, account)) page.accounts.push_back(std::move(account));
  }
}

absl::StatusOr<DirectoryAccount> GetDirectoryAccount(const store::TableReader& rows, std::string_view account_id) {
  std::string key;
  StartRowKey(key, account_id, kProfileTag);
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> profile, rows.Get(key));
  StartRowKey(key, account_id, kStandingTag);
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> standing, rows.Get(key));
  if (!profile.has_value() && !standing.has_value()) {
    return MakeError(Reason::kAccountNotFound, fmt::format("there is no account \"{}\"", account_id));
  }
  DirectoryAccount account;
  account.account_id.assign(account_id);
  if (!profile.has_value() || !standing.has_value() || !DecodeProfile(*profile, account) ||
      !DecodeStanding(*standing, account)) {
    return Damaged(account_id);
  }
  return account;
}

}  // namespace keyledger::projections

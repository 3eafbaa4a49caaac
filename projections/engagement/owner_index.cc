// See owner_index.h.
#include "projections/engagement/owner_index.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "projections/engagement/engagement_rows.h"
#include "server/base/error.h"

namespace keyledger::projections::engagement {
namespace {

// What the keys of a person begin with.
std::string PersonKey(std::string_view person) {
  std::string key(1, kIndexSpace);
  key.push_back(kOwnerTag);
  key.append(person);
  key.push_back('\0');
  return key;
}

std::optional<OwnedBy> TakeOwnedBy(std::string_view value) {
  for (const OwnedBy by : {OwnedBy::kName, OwnedBy::kRole}) {
    if (value.size() == 1 && value.front() == static_cast<char>(by)) return by;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ListOwned(const store::TableReader& rows, std::string_view person, OwnedBy by,
                                                   std::string_view after_account_id, size_t limit) {
  std::vector<std::string> owned;
  const std::string head = PersonKey(person);
  std::string from = head + std::string(after_account_id);
  // The first key after that of the account.
  if (!after_account_id.empty()) from.push_back('\0');
  const std::unique_ptr<store::RowIterator> row = rows.NewIterator();
  for (row->Seek(from); row->Valid() && owned.size() < limit; row->Next()) {
    const std::string_view key = row->key();
    if (!key.starts_with(head)) break;
    std::string account_id(key.substr(head.size()));
    // Of a person whose id begins as this one and goes on after a zero byte.
    if (account_id.find('\0') != std::string::npos) continue;
    const std::optional<OwnedBy> found = TakeOwnedBy(row->value());
    if (!found.has_value()) return UnreadableRow(account_id);
    if (by == OwnedBy::kName || *found == OwnedBy::kRole) owned.push_back(std::move(account_id));
  }
  KL_RETURN_IF_ERROR(row->status());
  return owned;
}

absl::Status AddOwned(std::string_view person, std::string_view account_id, OwnedBy by, Rows& rows) {
  std::string key = PersonKey(person);
  key.append(account_id);
  KL_ASSIGN_OR_RETURN(const std::optional<std::string_view> value, rows.Get(key));
  if (value.has_value()) {
    const std::optional<OwnedBy> found = TakeOwnedBy(*value);
    if (!found.has_value()) return UnreadableRow(account_id);
    if (*found == by || *found == OwnedBy::kRole) return absl::OkStatus();
  }
  rows.Put(key, std::string(1, static_cast<char>(by)));
  return absl::OkStatus();
}

}  // namespace keyledger::projections::engagement

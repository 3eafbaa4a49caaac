// See owner_index.h.
#include "projections/engagement/owner_index.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "projections/engagement/engagement_rows.h"
#include "server/base/codec.h"
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

bool TakePositions(std::string_view value, OwnedAccount& owned) {
  return GetVarint64(value, owned.first_position) && GetVarint64(value, owned.latest_position) && value.empty();
}

}  // namespace

absl::StatusOr<std::vector<OwnedAccount>> ListOwned(const store::TableReader& rows, std::string_view person,
                                                    std::string_view after_account_id, size_t limit) {
  std::vector<OwnedAccount> owned;
  const std::string head = PersonKey(person);
  std::string from = head + std::string(after_account_id);
  // The first key after that of the account.
  if (!after_account_id.empty()) from.push_back('\0');
  const std::unique_ptr<store::RowIterator> row = rows.NewIterator();
  for (row->Seek(from); row->Valid() && owned.size() < limit; row->Next()) {
    const std::string_view key = row->key();
    if (!key.starts_with(head)) break;
    OwnedAccount account;
    account.account_id.assign(key.substr(head.size()));
    // Of a person whose id begins as this one and goes on after a zero byte.
    if (account.account_id.find('\0') != std::string::npos) continue;
    if (!TakePositions(row->value(), account)) return UnreadableRow(account.account_id);
    owned.push_back(std::move(account));
  }
  KL_RETURN_IF_ERROR(row->status());
  return owned;
}

absl::Status AddOwned(std::string_view person, std::string_view account_id, uint64_t position, Rows& rows) {
  std::string key = PersonKey(person);
  key.append(account_id);
  OwnedAccount owned;
  owned.first_position = position;
  KL_ASSIGN_OR_RETURN(const std::optional<std::string_view> value, rows.Get(key));
  if (value.has_value() && !TakePositions(*value, owned)) return UnreadableRow(account_id);
  owned.latest_position = position;
  std::string bytes;
  PutVarint64(bytes, owned.first_position);
  PutVarint64(bytes, owned.latest_position);
  rows.Put(key, bytes);
  return absl::OkStatus();
}

}  // namespace keyledger::projections::engagement

#include "projections/accounts/accounts_projection.h"

#include <algorithm>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "projections/accounts/accounts_rows.h"
#include "projections/engine/owner_change.h"
#include "projections/engine/record_time.h"
#include "projections/engine/row_key.h"
#include "server/base/error.h"
#include "server/base/ids.h"

namespace keyledger::projections {
namespace {

absl::Status Contradiction(const events::v1::EventRecord& record, const char* what) {
  return MakeError(Reason::kStoreDamaged, fmt::format("account {}: {}", record.account_id(), what));
}

void SetFact(DirectoryAccount& account, const std::string& key, const std::string& value) {
  const auto at = std::lower_bound(account.facts.begin(), account.facts.end(), key,
                                   [](const auto& fact, const std::string& wanted) { return fact.first < wanted; });
  if (at != account.facts.end() && at->first == key) {
    at->second = value;
  } else {
    account.facts.emplace(at, key, value);
  }
}

DirectoryAccount OpenedAccount(const events::v1::AccountOpened& opened) {
  DirectoryAccount account;
  account.display_name = opened.display_name();
  account.region = opened.region();
  account.segment = opened.segment();
  account.owner = opened.owner();
  for (const auto& fact : opened.facts()) SetFact(account, fact.key(), fact.value());
  return account;
}

void UpdateProfile(const events::v1::AccountFactsUpdated& updated, DirectoryAccount& account) {
  if (updated.has_display_name()) account.display_name = updated.display_name();
  if (updated.has_region()) account.region = updated.region();
  if (updated.has_segment()) account.segment = updated.segment();
  for (const auto& fact : updated.set_facts()) SetFact(account, fact.key(), fact.value());
  for (const std::string& key : updated.removed_keys()) {
    std::erase_if(account.facts, [&key](const auto& fact) { return fact.first == key; });
  }
}

void UpdateMerge(const events::v1::Event& event, DirectoryAccount& account) {
  if (event.has_account_merged()) {
    account.merged = true;
  } else if (event.has_account_merge_returned()) {
    account.merged = false;
  } else if (event.has_account_merge_completed()) {
    account.ladder_id.clear();
    account.tier_id.clear();
  } else if (event.has_account_merge_received()) {
    const events::v1::MergedAccount& merged = event.account_merge_received().merged();
    account.purchase_count += merged.purchase_count();
    account.open_time = std::min(account.open_time, MicrosOf(merged.open_time()));
    if (merged.has_last_purchase_time()) {
      const Micros last = MicrosOf(merged.last_purchase_time());
      account.last_purchase = std::max(account.last_purchase.value_or(last), last);
    }
  }
}

void UpdateStanding(const RecordView& record, DirectoryAccount& account) {
  const events::v1::Event& event = record.record.event();
  account.revision = record.record.revision();
  if (event.has_account_closed()) {
    account.open = false;
  } else if (event.has_account_reopened()) {
    account.open = true;
  } else if (event.has_purchase_recorded()) {
    account.purchase_count += 1;
    account.last_purchase = std::max(account.last_purchase.value_or(record.occurred), record.occurred);
  } else if (event.has_tier_assigned()) {
    account.ladder_id = event.tier_assigned().ladder_id();
    account.tier_id = event.tier_assigned().tier_id();
  } else {
    UpdateMerge(event, account);
  }
}

}  // namespace

absl::Status AccountsProjection::Apply(const RecordView& record, Rows& rows) const {
  const events::v1::EventRecord& stored = record.record;
  if (IsOwnStream(stored.account_id())) return absl::OkStatus();
  std::string key;
  std::string value;
  DirectoryAccount account;
  if (stored.event().has_account_opened()) {
    account = OpenedAccount(stored.event().account_opened());
    account.open = true;
    account.open_time = record.occurred;
    account.revision = stored.revision();
    StartRowKey(key, stored.account_id(), kProfileTag);
    EncodeProfile(account, value);
    rows.Put(key, value);
  } else {
    const std::optional<OwnerChange> owner = OwnerChangeOf(stored.event());
    if (stored.event().has_account_facts_updated() || owner.has_value()) {
      StartRowKey(key, stored.account_id(), kProfileTag);
      KL_ASSIGN_OR_RETURN(const std::optional<std::string_view> profile, rows.Get(key));
      if (!profile.has_value() || !DecodeProfile(*profile, account))
        return Contradiction(stored, "its profile is missing");
      UpdateProfile(stored.event().account_facts_updated(), account);
      if (owner.has_value() && owner->Takes(account.owner)) account.owner = owner->owner;
      EncodeProfile(account, value);
      rows.Put(key, value);
    }
    StartRowKey(key, stored.account_id(), kStandingTag);
    KL_ASSIGN_OR_RETURN(const std::optional<std::string_view> standing, rows.Get(key));
    if (!standing.has_value() || !DecodeStanding(*standing, account))
      return Contradiction(stored, "it was never opened");
    if (stored.revision() != account.revision + 1) return Contradiction(stored, "a revision is missing");
    UpdateStanding(record, account);
  }
  StartRowKey(key, stored.account_id(), kStandingTag);
  EncodeStanding(account, value);
  rows.Put(key, value);
  return absl::OkStatus();
}

std::shared_ptr<const Projection> MakeAccountsProjection() { return std::make_shared<AccountsProjection>(); }

}  // namespace keyledger::projections

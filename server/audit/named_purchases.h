// NamedPurchases, AbsorbedPurchases: the purchases that an account's returns name, from its own stream and from those
// of accounts that were merged into it. Internal to the room.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "server/audit/replay_run.h"
#include "server/domain/decide.h"

namespace keyledger::audit {

// A purchase by name: merchant_id and invoice_number.
using InvoiceKey = std::pair<std::string, std::string>;

// Of one stream.
// Threads: thread-compatible. Memory: purchases that the account's returns name.
class NamedPurchases {
 public:
  // `returned_on`: the account whose returns count.
  NamedPurchases(const Basis& basis, std::string returned_on) : basis_(&basis), returned_on_(std::move(returned_on)) {}

  // Keeps the next record of the stream if it is such a purchase, or what one earned.
  void Take(const events::v1::EventRecord& record);

  // Null: there is none.
  const domain::RecordedPurchase* Find(const InvoiceKey& key) const;
  const domain::RecordedPurchase* At(uint64_t revision) const;
  const domain::RecordedPurchases& all() const { return purchases_; }

 private:
  const Basis* basis_;
  std::string returned_on_;
  domain::RecordedPurchases purchases_;
  std::unordered_map<uint64_t, domain::RecordedPurchase*> by_revision_;
};

// Of the accounts that were merged into one. Their streams are read when a return asks for them, each once. Nothing in
// them has been checked yet: an account is at hand if its records can be read from the first to the merge that ended
// it, and the purchases meant are such as could be recorded; of any other nothing is used.
//
// Threads: thread-compatible. Memory: as NamedPurchases.
class AbsorbedPurchases {
 public:
  AbsorbedPurchases(ReplayRun& run, uint32_t shard, std::string account_id)
      : run_(run), shard_(shard), account_id_(std::move(account_id)) {}

  // Errors: those of the source and of on_step.
  absl::Status Read(const std::vector<std::string>& absorbed);

  bool IsAtHand(const std::string& absorbed) const;
  // The one that the name means: numbers are unique on a shard, and the account's own shard comes first. Null: there is
  // none.
  const domain::RecordedPurchase* Find(const InvoiceKey& key) const;
  const domain::RecordedPurchase* At(const events::v1::MergedPurchase& merged) const;

 private:
  struct Account {
    bool at_hand;
    NamedPurchases purchases;
  };
  // In the order in which names are looked up: 0 for the account's own shard, then by shard.
  using Place = std::pair<uint32_t, std::string>;

  Place PlaceOf(const std::string& absorbed) const;
  absl::Status ReadOne(const std::string& absorbed, Account& account);

  ReplayRun& run_;
  const uint32_t shard_;
  const std::string account_id_;
  std::map<Place, Account> accounts_;
};

// Whether what has come back of the purchase, as the state has it, is of its lines and no more than was bought.
bool IsWithin(const domain::AccountState& state, const domain::RecordedPurchase& absorbed);

}  // namespace keyledger::audit

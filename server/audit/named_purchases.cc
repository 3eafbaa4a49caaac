// See named_purchases.h.
#include "server/audit/named_purchases.h"

#include <algorithm>
#include <limits>

#include "server/base/checked.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/domain/submitted.h"

namespace keyledger::audit {
namespace {

using domain::MicrosOf;
using domain::RecordedPurchase;
using events::v1::Event;
using events::v1::EventRecord;

constexpr Int128 kPointsMax = std::numeric_limits<int64_t>::max();

// Whether the lots that points were taken from hold as many.
bool IsPaid(const events::v1::PurchaseLine& line) {
  Int128 sum = 0;
  for (const auto& allocation : line.points_allocations()) {
    if (allocation.points() <= 0) return false;
    sum += allocation.points();
  }
  return sum == line.points_paid();
}

// Whether such a purchase could be recorded, so that it can be computed with.
bool IsPossible(const RecordedPurchase& recorded) {
  Event event;
  *event.mutable_purchase_recorded() = recorded.purchase;
  if (!domain::ValidateFact(domain::AsSubmitted(std::move(event)), "events[0]").ok()) return false;
  Int128 paid = 0;
  for (const auto& line : recorded.purchase.lines()) {
    if (!IsPaid(line)) return false;
    paid += line.points_paid();
  }
  Int128 earned = 0;
  for (const auto& [lot, accrued] : recorded.accruals) {
    for (const auto& line : accrued.lines()) {
      if (line.points() < 0 || line.line_number() < 1 ||
          line.line_number() > static_cast<uint32_t>(recorded.purchase.lines_size())) {
        return false;
      }
      earned += line.points();
    }
  }
  return paid <= kPointsMax && earned <= kPointsMax;
}

}  // namespace

void NamedPurchases::Take(const EventRecord& record) {
  const Event& event = record.event();
  if (event.has_purchase_recorded()) {
    const events::v1::PurchaseRecorded& purchase = event.purchase_recorded();
    if (purchase.invoice_number().empty() || !basis_->returned_purchases.contains(PurchaseHash(
                                                 returned_on_, purchase.merchant_id(), purchase.invoice_number()))) {
      return;
    }
    const auto [entry, is_new] = purchases_.try_emplace({purchase.merchant_id(), purchase.invoice_number()});
    if (!is_new) return;
    entry->second = {record.account_id(), record.revision(), MicrosOf(record.occurred_time()), purchase, {}, "", 0};
    by_revision_[record.revision()] = &entry->second;
    return;
  }
  if (!event.has_points_accrued()) return;
  const auto known = by_revision_.find(event.points_accrued().purchase_revision());
  if (known == by_revision_.end()) return;
  known->second->accruals.emplace_back(record.revision(), event.points_accrued());
  known->second->program_id = record.program().program_id();
  known->second->program_version = record.program().version();
}

const RecordedPurchase* NamedPurchases::Find(const InvoiceKey& key) const {
  const auto found = purchases_.find(key);
  return found == purchases_.end() ? nullptr : &found->second;
}

const RecordedPurchase* NamedPurchases::At(uint64_t revision) const {
  const auto found = by_revision_.find(revision);
  return found == by_revision_.end() ? nullptr : found->second;
}

AbsorbedPurchases::Place AbsorbedPurchases::PlaceOf(const std::string& absorbed) const {
  const uint32_t shard = ShardOf(absorbed, run_.source.shard_count());
  return {shard == shard_ ? 0 : shard + 1, absorbed};
}

absl::Status AbsorbedPurchases::Read(const std::vector<std::string>& absorbed) {
  // The streams of other accounts are not there, or not whole.
  if (run_.source.scope() != SourceScope::kLedger) return absl::OkStatus();
  for (const std::string& id : absorbed) {
    const auto [account, is_new] =
        accounts_.try_emplace(PlaceOf(id), Account{false, NamedPurchases(run_.basis, account_id_)});
    if (is_new) KL_RETURN_IF_ERROR(ReadOne(id, account->second));
  }
  return absl::OkStatus();
}

absl::Status AbsorbedPurchases::ReadOne(const std::string& absorbed, Account& account) {
  NamedPurchases purchases(run_.basis, account_id_);
  uint64_t next = 0;
  bool is_sound = true;
  bool is_merged = false;
  const uint32_t shard = ShardOf(absorbed, run_.source.shard_count());
  const absl::Status read = run_.source.ReadStream(shard, absorbed, [&](const StoredRecord& stored) -> absl::Status {
    KL_RETURN_IF_ERROR(run_.ReadAgain());
    if (!is_sound) return absl::OkStatus();
    EventRecord record;
    is_sound = stored.damage.ok() &&
               record.ParseFromArray(stored.bytes.data(), static_cast<int>(stored.bytes.size())) &&
               HasSoundTimes(record) && record.account_id() == absorbed && record.revision() == next;
    if (!is_sound) return absl::OkStatus();
    next += 1;
    is_merged = (is_merged || record.event().has_account_merged()) && !record.event().has_account_merge_returned();
    purchases.Take(record);
    return absl::OkStatus();
  });
  KL_RETURN_IF_ERROR(read);
  const auto is_possible = [](const auto& entry) { return IsPossible(entry.second); };
  account.at_hand = is_sound && is_merged && std::all_of(purchases.all().begin(), purchases.all().end(), is_possible);
  if (account.at_hand) account.purchases = std::move(purchases);
  return absl::OkStatus();
}

bool AbsorbedPurchases::IsAtHand(const std::string& absorbed) const {
  const auto account = accounts_.find(PlaceOf(absorbed));
  return account != accounts_.end() && account->second.at_hand;
}

const RecordedPurchase* AbsorbedPurchases::Find(const InvoiceKey& key) const {
  for (const auto& [place, account] : accounts_) {
    if (const RecordedPurchase* const found = account.purchases.Find(key)) return found;
  }
  return nullptr;
}

const RecordedPurchase* AbsorbedPurchases::At(const events::v1::MergedPurchase& merged) const {
  const auto account = accounts_.find(PlaceOf(merged.account_id()));
  return account == accounts_.end() ? nullptr : account->second.purchases.At(merged.revision());
}

bool IsWithin(const domain::AccountState& state, const RecordedPurchase& absorbed) {
  const auto returned = state.returned.find({absorbed.account_id, absorbed.revision});
  if (returned == state.returned.end()) return true;
  const auto& lines = absorbed.purchase.lines();
  return std::all_of(returned->second.begin(), returned->second.end(), [&](const domain::ReturnedLine& back) {
    if (back.line_number < 1 || back.line_number > static_cast<uint32_t>(lines.size())) return false;
    const auto& bought = lines[static_cast<int>(back.line_number) - 1];
    return back.quantity >= 0 && back.quantity <= bought.quantity() && back.micros >= 0 &&
           back.micros <= bought.amount().micros();
  });
}

}  // namespace keyledger::audit

// AccountState: sums over it, and its stored form (storage.v1.AccountState).
#include "server/domain/account_state.h"

#include <algorithm>

#include "keyledger/storage/v1/account_state.pb.h"
#include "server/base/checked.h"
#include "server/base/error.h"
#include "server/domain/evolve.h"
#include "server/domain/items.h"
#include "server/domain/transfers.h"

namespace keyledger::domain {
namespace {

constexpr Micros kNone = std::numeric_limits<int64_t>::min();

void EncodeSlots(const std::vector<MetricSlot>& slots, storage::v1::AccountState::MetricSlots* out) {
  const int size = static_cast<int>(slots.size());
  out->mutable_slots()->Reserve(size);
  out->mutable_micros()->Reserve(size);
  out->mutable_cost_micros()->Reserve(size);
  out->mutable_units()->Reserve(size);
  out->mutable_count()->Reserve(size);
  int64_t before = 0;
  for (const MetricSlot& slot : slots) {
    out->add_slots(slot.slot - before);
    out->add_micros(slot.sums.micros);
    out->add_cost_micros(slot.sums.cost_micros);
    out->add_units(slot.sums.units);
    out->add_count(slot.sums.count);
    before = slot.slot;
  }
}

bool DecodeSlots(const storage::v1::AccountState::MetricSlots& stored, std::vector<MetricSlot>& slots) {
  const int size = stored.slots_size();
  if (stored.micros_size() != size || stored.cost_micros_size() != size || stored.units_size() != size ||
      stored.count_size() != size) {
    return false;
  }
  slots.reserve(size);
  int64_t slot = 0;
  for (int i = 0; i < size; ++i) {
    const auto next = CheckedAdd(slot, stored.slots(i));
    if (!next.has_value() || (i > 0 && *next <= slot)) return false;
    slot = *next;
    slots.push_back({slot, {stored.micros(i), stored.cost_micros(i), stored.units(i), stored.count(i)}});
  }
  return true;
}

void EncodeSums(const MetricSums& sums, storage::v1::AccountState::MetricSums* out) {
  out->set_micros(sums.micros);
  out->set_cost_micros(sums.cost_micros);
  out->set_units(sums.units);
  out->set_count(sums.count);
}

MetricSums DecodeSums(const storage::v1::AccountState::MetricSums& stored) {
  return {stored.micros(), stored.cost_micros(), stored.units(), stored.count()};
}

void EncodeMetrics(const AccountState& state, storage::v1::AccountState& stored) {
  for (const auto& [currency, series] : state.metrics) {
    auto* out = stored.add_metrics();
    out->set_currency_code(currency);
    EncodeSlots(series.bought, out->mutable_bought());
    EncodeSlots(series.returned, out->mutable_returned());
    EncodeSums(series.bought_ever, out->mutable_bought_ever());
    EncodeSums(series.returned_ever, out->mutable_returned_ever());
  }
}

bool DecodeMetrics(const storage::v1::AccountState& stored, AccountState& state) {
  for (const auto& in : stored.metrics()) {
    const auto [at, is_new] = state.metrics.try_emplace(in.currency_code());
    MetricSeries& series = at->second;
    if (!is_new || !DecodeSlots(in.bought(), series.bought) || !DecodeSlots(in.returned(), series.returned)) {
      return false;
    }
    series.bought_ever = DecodeSums(in.bought_ever());
    series.returned_ever = DecodeSums(in.returned_ever());
  }
  return true;
}

void EncodeTier(const AccountState& state, storage::v1::AccountState& stored) {
  if (!state.tier.tier_id.empty()) {
    auto* tier = stored.mutable_tier();
    tier->set_ladder_id(state.tier.ladder_id);
    tier->set_tier_id(state.tier.tier_id);
    tier->set_since_micros(state.tier.since);
    if (state.tier.grace_until != kNever) {
      tier->set_grace_review_micros(state.tier.grace_review);
      tier->set_grace_until_micros(state.tier.grace_until);
    }
  }
  if (!state.tier_lock.ladder_id.empty()) {
    stored.mutable_tier_lock()->set_ladder_id(state.tier_lock.ladder_id);
    if (state.tier_lock.until != kNever) stored.mutable_tier_lock()->set_until_micros(state.tier_lock.until);
  }
}

void DecodeTier(const storage::v1::AccountState& stored, AccountState& state) {
  if (stored.has_tier()) {
    const auto& tier = stored.tier();
    state.tier = {tier.ladder_id(), tier.tier_id(), tier.since_micros(), 0, kNever};
    if (tier.has_grace_until_micros()) {
      state.tier.grace_review = tier.grace_review_micros();
      state.tier.grace_until = tier.grace_until_micros();
    }
  }
  if (stored.has_tier_lock()) {
    const auto& lock = stored.tier_lock();
    state.tier_lock = {lock.ladder_id(), lock.has_until_micros() ? lock.until_micros() : kNever};
  }
}

void EncodeStages(const AccountState& state, storage::v1::AccountState& stored) {
  for (const auto& [ladder_id, standing] : state.stages) {
    auto* out = stored.add_stages();
    out->set_ladder_id(ladder_id);
    out->set_stage_id(standing.stage_id);
    out->set_since_micros(standing.since);
  }
}

bool DecodeStages(const storage::v1::AccountState& stored, AccountState& state) {
  for (const auto& in : stored.stages()) {
    if (in.stage_id().empty()) return false;
    if (!state.stages.try_emplace(in.ladder_id(), StageStanding{in.stage_id(), in.since_micros()}).second) return false;
  }
  return true;
}

void EncodeLot(const Lot& lot, storage::v1::AccountState::Lot* out) {
  out->set_revision(lot.revision);
  out->set_accrued(lot.accrued);
  out->set_remaining(lot.remaining);
  out->set_pending(lot.pending);
  if (lot.pending) out->set_activate_micros(lot.activate);
  if (lot.expire != kNever) out->set_expire_micros(lot.expire);
  out->set_occurred_micros(lot.occurred);
  if (lot.inactivity_days > 0) out->set_inactivity_days(lot.inactivity_days);
  if (lot.restored != kNone) out->set_restored_micros(lot.restored);
  out->set_origin(lot.origin);
  out->set_origin_lot(lot.origin_lot);
}

bool DecodeLot(const storage::v1::AccountState::Lot& in, uint64_t next_revision, Lot& lot) {
  lot.revision = in.revision();
  lot.accrued = in.accrued();
  lot.remaining = in.remaining();
  lot.pending = in.pending();
  lot.activate = in.activate_micros();
  lot.expire = in.has_expire_micros() ? in.expire_micros() : kNever;
  lot.occurred = in.occurred_micros();
  lot.inactivity_days = in.inactivity_days();
  lot.restored = in.has_restored_micros() ? in.restored_micros() : kNone;
  lot.origin = in.origin();
  lot.origin_lot = in.origin_lot();
  if (lot.inactivity_days > 0 && lot.expire != kNever) return false;
  return lot.remaining >= 0 && lot.remaining <= lot.accrued && lot.revision < next_revision;
}

template <typename Stored>
void EncodeHolding(const Holding& holding, Stored* out) {
  out->set_occurred_micros(holding.occurred);
  for (const HeldPoints& held : holding.held) {
    auto* part = out->add_held();
    EncodeLot(held.lot, part->mutable_lot());
    part->set_points(held.points);
  }
  for (const CountKey& key : holding.counts) {
    auto* count = out->add_counts();
    count->set_counter(key.first);
    count->set_period_micros(key.second);
  }
}

template <typename Stored>
bool DecodeHolding(const Stored& in, uint64_t next_revision, Holding& holding) {
  holding.occurred = in.occurred_micros();
  for (const auto& part : in.held()) {
    HeldPoints& held = holding.held.emplace_back();
    held.points = part.points();
    if (!DecodeLot(part.lot(), next_revision, held.lot) || held.points <= 0) return false;
  }
  for (const auto& count : in.counts()) holding.counts.emplace_back(count.counter(), count.period_micros());
  return true;
}

void EncodeHoldings(const AccountState& state, storage::v1::AccountState& stored) {
  for (const auto& [id, reservation] : state.reservations) {
    auto* out = stored.add_reservations();
    out->set_reservation_id(id);
    out->set_hold_until_micros(reservation.hold_until);
    EncodeHolding(reservation, out);
  }
  for (const auto& [id, transfer] : state.transfers) {
    auto* out = stored.add_transfers();
    out->set_transfer_id(id);
    out->set_sent_revision(transfer.sent_revision);
    EncodeHolding(transfer, out);
  }
}

bool DecodeHoldings(const storage::v1::AccountState& stored, AccountState& state) {
  for (const auto& in : stored.reservations()) {
    const auto [entry, is_new] = state.reservations.try_emplace(in.reservation_id());
    Reservation& reservation = entry->second;
    if (!is_new || in.held().empty() || !DecodeHolding(in, state.next_revision, reservation)) return false;
    reservation.hold_until = in.hold_until_micros();
  }
  for (const auto& in : stored.transfers()) {
    const auto [entry, is_new] = state.transfers.try_emplace(in.transfer_id());
    OpenTransfer& transfer = entry->second;
    // Only a merge can be without points.
    if (!is_new || (in.held().empty() && in.transfer_id() != kMergeTransferId)) return false;
    if (!DecodeHolding(in, state.next_revision, transfer) || in.sent_revision() >= state.next_revision) return false;
    transfer.sent_revision = in.sent_revision();
  }
  return true;
}

void EncodePoints(const AccountState& state, storage::v1::AccountState& stored) {
  for (const Lot& lot : state.lots) EncodeLot(lot, stored.add_lots());
  auto* totals = stored.mutable_totals();
  totals->set_accrued(state.totals.accrued);
  totals->set_spent(state.totals.spent);
  totals->set_expired(state.totals.expired);
  totals->set_reversed(state.totals.reversed);
  totals->set_transferred_in(state.totals.transferred_in);
  totals->set_transferred_out(state.totals.transferred_out);
}

bool DecodePoints(const storage::v1::AccountState& stored, AccountState& state) {
  state.lots.reserve(stored.lots_size());
  for (const auto& in : stored.lots()) {
    Lot lot;
    if (!DecodeLot(in, state.next_revision, lot) || lot.remaining == 0) return false;
    if (!state.lots.empty() && state.lots.back().revision >= lot.revision) return false;
    state.lots.push_back(lot);
  }
  state.debt = stored.debt();
  if (state.debt < 0 || !DecodeHoldings(stored, state)) return false;
  const auto& totals = stored.totals();
  state.totals = {totals.accrued(),  totals.spent(),          totals.expired(),
                  totals.reversed(), totals.transferred_in(), totals.transferred_out()};
  return LotsMatchTotals(state);
}

void EncodeCounts(const AccountState& state, storage::v1::AccountState& stored) {
  for (const auto& [key, count] : state.counts) {
    auto* out = stored.add_counts();
    out->set_counter(key.first);
    out->set_period_micros(key.second);
    out->set_amount(count.amount);
    out->set_times(count.times);
  }
}

void EncodeMarketPrices(const AccountState& state, storage::v1::AccountState& stored) {
  for (const auto& [sku, prices] : state.market_prices) {
    for (const MarketPrice& price : prices) {
      auto* out = stored.add_market_prices();
      out->set_sku(sku);
      out->set_revision(price.revision);
      out->set_occurred_micros(price.occurred);
      out->set_currency_code(price.currency);
      out->set_micros(price.micros);
      out->set_region(price.region);
    }
  }
}

bool DecodeMarketPrices(const storage::v1::AccountState& stored, AccountState& state) {
  if (stored.market_prices_size() > static_cast<int>(kMarketPricesMax)) return false;
  for (const auto& in : stored.market_prices()) {
    std::vector<MarketPrice>& prices = state.market_prices[in.sku()];
    if (!prices.empty() &&
        std::pair(prices.back().occurred, prices.back().revision) >= std::pair(in.occurred_micros(), in.revision())) {
      return false;
    }
    prices.push_back({in.revision(), in.occurred_micros(), in.micros(), in.currency_code(), in.region()});
  }
  return true;
}

bool DecodeReturned(const storage::v1::AccountState& stored, AccountState& state) {
  for (const auto& purchase : stored.returned()) {
    std::vector<ReturnedLine>& lines = state.returned[{purchase.account_id(), purchase.purchase_revision()}];
    if (!lines.empty()) return false;
    if (purchase.account_id().empty() && purchase.purchase_revision() >= state.next_revision) return false;
    lines.reserve(purchase.lines_size());
    for (const auto& line : purchase.lines()) {
      if (!lines.empty() && lines.back().line_number >= line.line_number()) return false;
      lines.push_back({line.line_number(), line.quantity(), line.micros()});
    }
  }
  return true;
}

absl::Status Damaged(const char* what) {
  return MakeError(Reason::kStoreDamaged, std::string("account snapshot: ") + what);
}

void EncodeRelationship(const AccountState& state, storage::v1::AccountState& stored) {
  for (const auto& [id, running] : state.contracts) {
    auto* contract = stored.add_contracts();
    contract->set_contract_id(id);
    contract->set_end_micros(running.end);
    contract->set_breached(running.breached);
  }
  for (const auto& [key, held] : state.roles) {
    auto* role = stored.add_roles();
    role->set_role(key.first);
    role->set_person(key.second);
    role->set_rank(held.rank);
    role->set_since_micros(held.since);
  }
  for (const auto& [key, open] : state.items) {
    auto* item = stored.add_items();
    item->set_kind(static_cast<uint32_t>(key.first));
    item->set_item_id(key.second);
    item->set_state(open.state);
    item->set_marks(open.marks);
    item->set_amount(open.amount);
    item->set_currency_code(open.currency);
    item->set_who(open.who);
    if (open.start != kNone) item->set_start_micros(open.start);
    if (open.end != kNever) item->set_end_micros(open.end);
  }
  if (!state.merge.into_account_id.empty()) {
    stored.mutable_merge()->set_into_account_id(state.merge.into_account_id);
    stored.mutable_merge()->set_lifecycle(static_cast<uint32_t>(state.merge.lifecycle));
    stored.mutable_merge()->set_completed(state.merge.completed);
  }
  for (const std::string& id : state.absorbed) stored.add_absorbed(id);
}

bool DecodeRelationship(const storage::v1::AccountState& stored, AccountState& state) {
  for (const auto& contract : stored.contracts()) {
    const Contract running{contract.end_micros(), contract.breached()};
    if (!state.contracts.emplace(contract.contract_id(), running).second) return false;
  }
  for (const auto& role : stored.roles()) {
    const RoleHeld held{role.rank(), role.since_micros()};
    if (!state.roles.emplace(std::pair(role.role(), role.person()), held).second) return false;
  }
  for (const auto& item : stored.items()) {
    if (item.kind() < static_cast<uint32_t>(ItemKind::kInteraction) ||
        item.kind() > static_cast<uint32_t>(ItemKind::kSanction) || item.state() > UINT8_MAX) {
      return false;
    }
    OpenItem open;
    open.state = static_cast<uint8_t>(item.state());
    open.marks = item.marks();
    open.amount = item.amount();
    open.currency = item.currency_code();
    open.who = item.who();
    if (item.has_start_micros()) open.start = item.start_micros();
    if (item.has_end_micros()) open.end = item.end_micros();
    const std::pair key(static_cast<ItemKind>(item.kind()), item.item_id());
    if (!HasState(key.first, open.state)) return false;
    if (!state.items.emplace(key, std::move(open)).second) return false;
  }
  if (stored.has_merge()) {
    if (stored.merge().lifecycle() > 2) return false;
    state.merge = {stored.merge().into_account_id(), static_cast<Lifecycle>(stored.merge().lifecycle()),
                   stored.merge().completed()};
  }
  state.absorbed.assign(stored.absorbed().begin(), stored.absorbed().end());
  return true;
}

}  // namespace

uint32_t AccountState::PlaceAmongAbsorbed(std::string_view account_id) const {
  const auto found = std::find(absorbed.begin(), absorbed.end(), account_id);
  return found == absorbed.end() ? 0 : static_cast<uint32_t>(found - absorbed.begin()) + 1;
}

int64_t AccountState::available_points() const {
  int64_t sum = 0;
  for (const Lot& lot : lots) sum += lot.pending ? 0 : lot.remaining;
  return sum;
}

int64_t AccountState::pending_points() const {
  int64_t sum = 0;
  for (const Lot& lot : lots) sum += lot.pending ? lot.remaining : 0;
  return sum;
}

int64_t Holding::points() const {
  int64_t sum = 0;
  for (const HeldPoints& part : held) sum += part.points;
  return sum;
}

int64_t AccountState::reserved_points() const {
  int64_t sum = 0;
  for (const auto& [id, reservation] : reservations) sum += reservation.points();
  return sum;
}

int64_t AccountState::points_in_transit() const {
  int64_t sum = 0;
  for (const auto& [id, transfer] : transfers) sum += transfer.points();
  return sum;
}

Micros AccountState::ExpiryOf(const Lot& lot) const {
  if (lot.inactivity_days == 0) return lot.expire;
  return std::max(lot.occurred, last_activity) + static_cast<Micros>(lot.inactivity_days) * kMicrosPerDay;
}

size_t AccountState::ApproximateBytes() const {
  // A node of a map: colour, three pointers, key and value.
  constexpr size_t kNode = 4 * sizeof(void*);
  size_t bytes = sizeof(*this) + display_name.capacity() + region.capacity() + segment.capacity() + owner.capacity() +
                 tier.ladder_id.capacity() + tier.tier_id.capacity() + tier_lock.ladder_id.capacity() +
                 lots.capacity() * sizeof(Lot);
  for (const auto& [key, value] : facts) bytes += kNode + 2 * sizeof(std::string) + key.capacity() + value.capacity();
  for (const auto& [currency, series] : metrics) {
    bytes += kNode + sizeof(currency) + sizeof(series) +
             (series.bought.capacity() + series.returned.capacity()) * sizeof(MetricSlot);
  }
  const auto add_holding = [&](const std::string& id, const Holding& holding) {
    bytes += kNode + sizeof(id) + sizeof(Reservation) + id.capacity() + holding.held.capacity() * sizeof(HeldPoints) +
             holding.counts.capacity() * 2 * sizeof(CountKey);
  };
  for (const auto& [id, reservation] : reservations) add_holding(id, reservation);
  for (const auto& [id, transfer] : transfers) add_holding(id, transfer);
  for (const auto& [ladder_id, standing] : stages) {
    bytes += kNode + sizeof(ladder_id) + sizeof(standing) + ladder_id.capacity() + standing.stage_id.capacity();
  }
  for (const auto& [id, contract] : contracts) bytes += kNode + sizeof(id) + sizeof(contract) + id.capacity();
  for (const auto& [key, held] : roles) {
    bytes += kNode + sizeof(key) + sizeof(held) + key.first.capacity() + key.second.capacity();
  }
  for (const auto& [key, item] : items) {
    bytes +=
        kNode + sizeof(key) + sizeof(item) + key.second.capacity() + item.currency.capacity() + item.who.capacity();
  }
  for (const std::string& id : absorbed) bytes += sizeof(id) + id.capacity();
  for (const auto& [key, count] : counts) bytes += kNode + sizeof(key) + sizeof(count) + key.first.capacity();
  for (const auto& [sku, prices] : market_prices) {
    bytes += kNode + sizeof(sku) + sizeof(prices) + sku.capacity() + prices.capacity() * sizeof(MarketPrice);
    for (const MarketPrice& price : prices) bytes += price.region.capacity();
  }
  for (const auto& [key, lines] : returned) {
    bytes += kNode + sizeof(key) + key.first.capacity() + sizeof(lines) + lines.capacity() * sizeof(ReturnedLine);
  }
  return bytes;
}

std::string EncodeState(const AccountState& state) {
  storage::v1::AccountState stored;
  stored.set_format(kSnapshotFormat);
  stored.set_revision(state.next_revision - 1);
  stored.set_lifecycle(static_cast<uint32_t>(state.lifecycle));
  stored.set_open_micros(state.open_time);
  stored.set_clock_micros(state.clock);
  stored.set_display_name(state.display_name);
  stored.set_region(state.region);
  stored.set_segment(state.segment);
  stored.set_owner(state.owner);
  for (const auto& [key, value] : state.facts) {
    auto* fact = stored.add_facts();
    fact->set_key(key);
    fact->set_value(value);
  }
  stored.set_purchase_count(state.purchase_count);
  if (state.purchase_count > 0) stored.set_last_purchase_micros(state.last_purchase);
  if (state.last_activity != kNone) stored.set_last_activity_micros(state.last_activity);
  EncodePoints(state, stored);
  EncodeCounts(state, stored);
  EncodeMetrics(state, stored);
  stored.set_debt(state.debt);
  EncodeHoldings(state, stored);
  EncodeMarketPrices(state, stored);
  for (const auto& [key, lines] : state.returned) {
    auto* purchase = stored.add_returned();
    purchase->set_account_id(key.first);
    purchase->set_purchase_revision(key.second);
    for (const ReturnedLine& line : lines) {
      auto* out = purchase->add_lines();
      out->set_line_number(line.line_number);
      out->set_quantity(line.quantity);
      out->set_micros(line.micros);
    }
  }
  EncodeTier(state, stored);
  EncodeStages(state, stored);
  EncodeRelationship(state, stored);
  return stored.SerializeAsString();
}

absl::StatusOr<AccountState> DecodeState(std::string_view bytes) {
  storage::v1::AccountState stored;
  if (!stored.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return Damaged("not readable");
  if (stored.format() != kSnapshotFormat) return Damaged("of another format");
  if (stored.lifecycle() < 1 || stored.lifecycle() > 3) return Damaged("no such lifecycle");
  AccountState state;
  state.next_revision = stored.revision() + 1;
  if (state.next_revision == 0) return Damaged("no such revision");
  state.lifecycle = static_cast<Lifecycle>(stored.lifecycle());
  state.open_time = stored.open_micros();
  state.clock = stored.clock_micros();
  state.display_name = stored.display_name();
  state.region = stored.region();
  state.segment = stored.segment();
  state.owner = stored.owner();
  for (const auto& fact : stored.facts()) state.facts[fact.key()] = fact.value();
  state.purchase_count = stored.purchase_count();
  if (state.purchase_count > 0) state.last_purchase = stored.last_purchase_micros();
  if (stored.has_last_activity_micros()) state.last_activity = stored.last_activity_micros();
  for (const auto& count : stored.counts()) {
    state.counts[{count.counter(), count.period_micros()}] = {count.amount(), count.times()};
  }
  if (!DecodePoints(stored, state)) return Damaged("lots and totals disagree");
  if (!DecodeMetrics(stored, state)) return Damaged("a metric series is out of order");
  if (!DecodeReturned(stored, state)) return Damaged("returned purchases are out of order");
  if (!DecodeMarketPrices(stored, state)) return Damaged("market prices are out of order");
  if (!DecodeStages(stored, state)) return Damaged("a stage is missing or given twice");
  if (!DecodeRelationship(stored, state))
    return Damaged("a contract, a role or an item is given twice, or there is no such kind or state");
  DecodeTier(stored, state);
  return state;
}

}  // namespace keyledger::domain

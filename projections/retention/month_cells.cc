#include "projections/retention/month_cells.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "projections/engine/row_key.h"
#include "server/base/calendar.h"
#include "server/base/codec.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

__extension__ typedef unsigned __int128 UInt128;

constexpr char kAccountMonths = 'A';
constexpr char kCells = 'C';
constexpr char kUncounted = 'U';

// As PutSignedVarint64, of which it is the continuation.
void PutWide(std::string& out, Int128 value) {
  if (value >= std::numeric_limits<int64_t>::min() && value <= std::numeric_limits<int64_t>::max()) {
    return PutSignedVarint64(out, static_cast<int64_t>(value));
  }
  auto rest = (static_cast<UInt128>(value) << 1) ^ static_cast<UInt128>(value >> 127);
  while (rest >= 0x80) {
    out.push_back(static_cast<char>(static_cast<uint8_t>(rest) | 0x80));
    rest >>= 7;
  }
  out.push_back(static_cast<char>(rest));
}

bool GetWide(std::string_view& in, Int128& value) {
  UInt128 read = 0;
  for (int shift = 0; shift < 128; shift += 7) {
    if (in.empty()) return false;
    const auto byte = static_cast<unsigned char>(in[0]);
    in.remove_prefix(1);
    read |= static_cast<UInt128>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      value = static_cast<Int128>(read >> 1) ^ -static_cast<Int128>(read & 1);
      return true;
    }
  }
  return false;
}

bool GetCount(std::string_view& in, int64_t& count) {
  uint64_t read = 0;
  if (!GetVarint64(in, read)) return false;
  count = static_cast<int64_t>(read);
  return true;
}

absl::Status Damaged() {
  return MakeError(Reason::kStoreDamaged, "a month of projection retention is unreadable; rebuild the projection");
}

// What one account did in one month.
struct AccountMonth {
  int64_t month = 0;
  int64_t purchases = 0;
  int64_t returns = 0;
  Int128 gross_micros = 0;
  Int128 returned_micros = 0;

  Int128 net_micros() const { return gross_micros - returned_micros; }
  void Add(const HistoryTrade& trade) {
    (trade.is_return ? returns : purchases) += 1;
    (trade.is_return ? returned_micros : gross_micros) += trade.micros;
  }
};

// A row 'A'. The months go from the latest to the earliest, so that a trade that comes in order needs no more than the
// first two; each says how many it lies before the one ahead of it. A row without a byte: the account is in no cell.
struct AccountRow {
  uint64_t months = 0;
  // Month of the first purchase, or kNoCohort.
  int64_t first = kNoCohort;
  // Encoded.
  std::string_view entries;

  bool Decode(std::string_view value) {
    entries = value;
    return GetVarint64(entries, months) && GetSignedVarint64(entries, first);
  }
};

void PutMonth(const AccountMonth& month, int64_t ahead, std::string& value) {
  PutSignedVarint64(value, ahead - month.month);
  PutVarint64(value, static_cast<uint64_t>(month.purchases));
  PutVarint64(value, static_cast<uint64_t>(month.returns));
  PutWide(value, month.gross_micros);
  PutWide(value, month.returned_micros);
}

bool GetMonth(std::string_view& in, int64_t ahead, AccountMonth& month) {
  int64_t before = 0;
  return GetSignedVarint64(in, before) && !__builtin_sub_overflow(ahead, before, &month.month) &&
         GetCount(in, month.purchases) && GetCount(in, month.returns) && GetWide(in, month.gross_micros) &&
         GetWide(in, month.returned_micros);
}

// All months of an account, the earliest first.
struct AccountMonths {
  int64_t first = kNoCohort;
  std::vector<AccountMonth> months;

  bool Decode(const AccountRow& row) {
    first = row.first;
    std::string_view entries = row.entries;
    int64_t ahead = 0;
    while (!entries.empty()) {
      AccountMonth& month = months.emplace_back();
      if (!GetMonth(entries, ahead, month)) return false;
      ahead = month.month;
    }
    std::reverse(months.begin(), months.end());
    return months.size() == row.months;
  }

  void Encode(std::string& value) const {
    value.clear();
    PutVarint64(value, months.size());
    PutSignedVarint64(value, first);
    int64_t ahead = 0;
    for (auto month = months.rbegin(); month != months.rend(); ++month) {
      PutMonth(*month, ahead, value);
      ahead = month->month;
    }
  }

  const AccountMonth* Find(int64_t month) const {
    const auto at = LowerBound(month);
    return at != months.end() && at->month == month ? &*at : nullptr;
  }

  void Add(const HistoryTrade& trade, int64_t month) {
    auto at = months.begin() + (LowerBound(month) - months.cbegin());
    if (at == months.end() || at->month != month) at = months.insert(at, AccountMonth{month});
    at->Add(trade);
    if (!trade.is_return) first = std::min(first, month);
  }

 private:
  std::vector<AccountMonth>::const_iterator LowerBound(int64_t month) const {
    return std::lower_bound(months.begin(), months.end(), month,
                            [](const AccountMonth& one, int64_t wanted) { return one.month < wanted; });
  }
};

// What an account is in a cell, of what it did in the month and in the one before; null: nothing.
MonthCell ShareOf(const AccountMonth* now, const AccountMonth* before) {
  MonthCell share;
  const bool was_active = before != nullptr && before->purchases > 0;
  if (now != nullptr) {
    share.gross_micros = now->gross_micros;
    share.net_micros = now->net_micros();
    share.purchases = now->purchases;
    share.trades = now->purchases + now->returns;
    if (now->purchases > 0) {
      share.active = 1;
      share.retained = was_active ? 1 : 0;
      share.active_net_micros = share.net_micros;
    }
  }
  if (was_active) {
    share.nrr_gross_micros = share.gross_micros;
    share.nrr_net_micros = share.net_micros;
    share.grr_gross_micros = std::min(share.gross_micros, before->gross_micros);
    share.grr_net_micros = std::min(share.net_micros, before->net_micros());
  }
  return share;
}

// What an account that does nothing in the month after is there: at most its net revenue of this month, if that is less
// than nothing.
Int128 LossOf(const AccountMonth& month) { return month.purchases > 0 ? std::min<Int128>(0, month.net_micros()) : 0; }

// The cohort, in the month, of an account that first bought in month `first`.
int64_t CohortIn(int64_t month, int64_t first) { return first <= month ? first : kNoCohort; }

// What is net of returns is stored as what returns take off, which is mostly nothing.
void EncodeCell(const MonthCell& cell, std::string& value) {
  value.clear();
  for (const int64_t count : {cell.active, cell.retained, cell.purchases, cell.trades}) {
    PutSignedVarint64(value, count);
  }
  PutWide(value, cell.gross_micros);
  PutWide(value, cell.gross_micros - cell.net_micros);
  PutWide(value, cell.net_micros - cell.active_net_micros);
  PutWide(value, cell.nrr_gross_micros);
  PutWide(value, cell.nrr_gross_micros - cell.nrr_net_micros);
  PutWide(value, cell.grr_gross_micros);
  PutWide(value, cell.grr_gross_micros - cell.grr_net_micros);
}

bool DecodeCell(std::string_view value, MonthCell& cell) {
  for (int64_t* count : {&cell.active, &cell.retained, &cell.purchases, &cell.trades}) {
    if (!GetSignedVarint64(value, *count)) return false;
  }
  Int128 returned = 0;
  Int128 others = 0;
  Int128 nrr_returned = 0;
  Int128 grr_returned = 0;
  if (!GetWide(value, cell.gross_micros) || !GetWide(value, returned) || !GetWide(value, others) ||
      !GetWide(value, cell.nrr_gross_micros) || !GetWide(value, nrr_returned) ||
      !GetWide(value, cell.grr_gross_micros) || !GetWide(value, grr_returned)) {
    return false;
  }
  cell.net_micros = cell.gross_micros - returned;
  cell.active_net_micros = cell.net_micros - others;
  cell.nrr_net_micros = cell.nrr_gross_micros - nrr_returned;
  cell.grr_net_micros = cell.grr_gross_micros - grr_returned;
  return value.empty();
}

void PutMonthKey(std::string& key, int64_t month) {
  PutBigEndian32(key, static_cast<uint32_t>(month) ^ (uint32_t{1} << 31));
}

bool GetMonthKey(std::string_view& key, int64_t& month) {
  uint32_t flipped = 0;
  if (!GetBigEndian32(key, flipped)) return false;
  month = static_cast<int32_t>(flipped ^ (uint32_t{1} << 31));
  return true;
}

// Makes `key` the beginning of the keys of that kind and currency.
void StartCellKey(char kind, std::string_view currency_code, std::string& key) {
  key.assign(1, '\0');
  key.push_back(kind);
  key.append(currency_code);
  key.push_back('\0');
}

// Counts one trade.
class Counter {
 public:
  Counter(std::string_view currency_code, const HistoryTrade& trade, Rows& rows)
      : currency_code_(currency_code),
        trade_(trade),
        month_(Zone().PeriodIndex(trade.occurred, CalendarUnit::kMonth)),
        rows_(rows) {}

  absl::Status Count(std::string_view account_id) {
    constexpr size_t kUsualValueBytes = 64;
    value_.reserve(kUsualValueBytes);
    std::string key;
    key.reserve(account_id.size() + currency_code_.size() + 4);
    key.push_back('\0');
    key.push_back(kAccountMonths);
    key.append(account_id);
    key.push_back('\0');
    key.append(currency_code_);
    key.push_back('\0');
    KL_ASSIGN_OR_RETURN(const std::optional<std::string_view> stored, rows_.Get(key));
    AccountRow row;
    if (stored.has_value()) {
      if (stored->empty()) return absl::OkStatus();
      if (!row.Decode(*stored)) return Damaged();
    }
    AccountMonth latest;
    if (row.months > 0) {
      std::string_view entries = row.entries;
      if (!GetMonth(entries, 0, latest)) return Damaged();
    }
    // The first purchase of an account that has traded moves its months, whatever they are.
    const bool begins = !trade_.is_return && row.first == kNoCohort;
    if (row.months == 0 || (month_ >= latest.month && !begins && row.months < kAccountMonthsMax)) {
      return CountInOrder(key, row);
    }
    return CountLate(key, row);
  }

 private:
  // The trade is in the account's latest month, or after it.
  absl::Status CountInOrder(const std::string& key, const AccountRow& row) {
    AccountMonth now{month_};
    AccountMonth before;
    bool has_now = false;
    bool has_before = false;
    std::string_view rest = row.entries;
    if (row.months > 0) {
      if (!GetMonth(rest, 0, before)) return Damaged();
      has_now = before.month == month_;
      if (has_now) now = before;
    }
    // What stays as it is begins after the month itself.
    const std::string_view kept = rest;
    if (has_now && row.months > 1) {
      if (!GetMonth(rest, month_, before)) return Damaged();
    }
    has_before = before.month == month_ - 1 && row.months > (has_now ? 1u : 0u);
    const AccountMonth* const before_or_none = has_before ? &before : nullptr;

    MonthCell change;
    change.Subtract(ShareOf(has_now ? &now : nullptr, before_or_none));
    const Int128 loss = LossOf(now);
    now.Add(trade_);
    change.Add(ShareOf(&now, before_or_none));
    // Of the month after, in which the account has done nothing, only that is not zero.
    MonthCell next_change;
    next_change.grr_net_micros = LossOf(now) - loss;

    const int64_t first = trade_.is_return ? row.first : std::min(row.first, month_);
    value_.clear();
    PutVarint64(value_, row.months + (has_now ? 0 : 1));
    PutSignedVarint64(value_, first);
    PutMonth(now, 0, value_);
    if (!has_now && row.months > 0) {
      PutMonth(before, month_, value_);
    }
    value_.append(kept);
    rows_.Put(key, value_);
    KL_RETURN_IF_ERROR(AddToCell(month_, first, change));
    return AddToCell(month_ + 1, first, next_change);
  }

  absl::Status CountLate(const std::string& key, const AccountRow& row) {
    AccountMonths before;
    if (!before.Decode(row)) return Damaged();
    AccountMonths after = before;
    after.Add(trade_, month_);
    if (after.months.size() > kAccountMonthsMax) {
      rows_.Put(key, "");
      KL_RETURN_IF_ERROR(MoveAll(before, AccountMonths()));
      return CountUncounted();
    }
    after.Encode(value_);
    rows_.Put(key, value_);
    if (before.first != after.first) return MoveAll(before, after);
    KL_RETURN_IF_ERROR(Move(before, after, month_));
    return Move(before, after, month_ + 1);
  }

  // Takes every cell from what the account was to what it is.
  absl::Status MoveAll(const AccountMonths& before, const AccountMonths& after) {
    std::set<int64_t> months;
    for (const AccountMonths* all : {&before, &after}) {
      for (const AccountMonth& one : all->months) months.insert({one.month, one.month + 1});
    }
    for (const int64_t month : months) KL_RETURN_IF_ERROR(Move(before, after, month));
    return absl::OkStatus();
  }

  absl::Status Move(const AccountMonths& before, const AccountMonths& after, int64_t month) {
    MonthCell left;
    left.Subtract(ShareOf(before.Find(month), before.Find(month - 1)));
    const MonthCell joined = ShareOf(after.Find(month), after.Find(month - 1));
    if (CohortIn(month, before.first) == CohortIn(month, after.first)) {
      left.Add(joined);
      return AddToCell(month, after.first, left);
    }
    KL_RETURN_IF_ERROR(AddToCell(month, before.first, left));
    return AddToCell(month, after.first, joined);
  }

  // `first`: month of the account's first purchase.
  absl::Status AddToCell(int64_t month, int64_t first, const MonthCell& change) {
    if (change == MonthCell()) return absl::OkStatus();
    StartCellKey(kCells, currency_code_, key_);
    PutMonthKey(key_, month);
    PutMonthKey(key_, CohortIn(month, first));
    KL_ASSIGN_OR_RETURN(const std::optional<std::string_view> stored, rows_.Get(key_));
    MonthCell cell;
    if (stored.has_value() && !DecodeCell(*stored, cell)) return Damaged();
    cell.Add(change);
    if (cell == MonthCell()) {
      rows_.Delete(key_);
      return absl::OkStatus();
    }
    EncodeCell(cell, value_);
    rows_.Put(key_, value_);
    return absl::OkStatus();
  }

  absl::Status CountUncounted() {
    StartCellKey(kUncounted, currency_code_, key_);
    KL_ASSIGN_OR_RETURN(const std::optional<std::string_view> stored, rows_.Get(key_));
    int64_t accounts = 0;
    if (stored.has_value()) {
      std::string_view value = *stored;
      if (!GetCount(value, accounts) || !value.empty()) return Damaged();
    }
    value_.clear();
    PutVarint64(value_, static_cast<uint64_t>(accounts) + 1);
    rows_.Put(key_, value_);
    return absl::OkStatus();
  }

  const std::string_view currency_code_;
  const HistoryTrade& trade_;
  const int64_t month_;
  Rows& rows_;
  std::string key_;
  std::string value_;
};

// Takes the currency and the zero byte after it off a key after its kind.
bool TakeCurrency(std::string_view& rest, std::string_view& currency_code) {
  const size_t zero = rest.find('\0');
  if (zero == std::string_view::npos) return false;
  currency_code = rest.substr(0, zero);
  rest.remove_prefix(zero + 1);
  return true;
}

// Rows of one kind, of all currencies.
std::string KindPrefix(char kind) { return std::string{'\0', kind}; }

}  // namespace

void MonthCell::Add(const MonthCell& other) {
  active += other.active;
  retained += other.retained;
  purchases += other.purchases;
  trades += other.trades;
  gross_micros += other.gross_micros;
  net_micros += other.net_micros;
  active_net_micros += other.active_net_micros;
  nrr_gross_micros += other.nrr_gross_micros;
  nrr_net_micros += other.nrr_net_micros;
  grr_gross_micros += other.grr_gross_micros;
  grr_net_micros += other.grr_net_micros;
}

void MonthCell::Subtract(const MonthCell& other) {
  active -= other.active;
  retained -= other.retained;
  purchases -= other.purchases;
  trades -= other.trades;
  gross_micros -= other.gross_micros;
  net_micros -= other.net_micros;
  active_net_micros -= other.active_net_micros;
  nrr_gross_micros -= other.nrr_gross_micros;
  nrr_net_micros -= other.nrr_net_micros;
  grr_gross_micros -= other.grr_gross_micros;
  grr_net_micros -= other.grr_net_micros;
}

absl::Status CountTrade(std::string_view account_id, std::string_view currency_code, const HistoryTrade& trade,
                        Rows& rows) {
  return Counter(currency_code, trade, rows).Count(account_id);
}

absl::StatusOr<CellCurrencies> ListCellCurrencies(const std::vector<const store::TableReader*>& shards, int64_t end) {
  CellCurrencies found;
  for (const store::TableReader* shard : shards) {
    const std::unique_ptr<store::RowIterator> row = shard->NewIterator();
    const std::string cells = KindPrefix(kCells);
    for (row->Seek(cells); row->Valid() && row->key().starts_with(cells);) {
      std::string_view rest = row->key().substr(cells.size());
      std::string_view currency_code;
      int64_t month = 0;
      MonthCell cell;
      if (!TakeCurrency(rest, currency_code) || !GetMonthKey(rest, month) || !DecodeCell(row->value(), cell)) {
        return Damaged();
      }
      if (month < end && cell.trades == 0) {
        row->Next();
        continue;
      }
      if (month < end) found.currencies.emplace(currency_code);
      // On to the next currency.
      row->Seek(cells + std::string(currency_code) + '\x01');
    }
    const std::string uncounted = KindPrefix(kUncounted);
    for (row->Seek(uncounted); row->Valid() && row->key().starts_with(uncounted); row->Next()) {
      std::string_view rest = row->key().substr(uncounted.size());
      std::string_view currency_code;
      if (!TakeCurrency(rest, currency_code)) return Damaged();
      found.currencies.emplace(currency_code);
      found.incomplete.emplace(currency_code);
    }
    KL_RETURN_IF_ERROR(row->status());
  }
  return found;
}

absl::Status ReadMonthCells(const std::vector<const store::TableReader*>& shards, std::string_view currency_code,
                            int64_t end, const std::function<bool(int64_t, int64_t, const MonthCell&)>& visit) {
  std::string prefix;
  StartCellKey(kCells, currency_code, prefix);
  for (const store::TableReader* shard : shards) {
    const std::unique_ptr<store::RowIterator> row = shard->NewIterator();
    for (row->Seek(prefix); row->Valid() && row->key().starts_with(prefix); row->Next()) {
      std::string_view rest = row->key().substr(prefix.size());
      int64_t month = 0;
      int64_t cohort = 0;
      MonthCell cell;
      if (!GetMonthKey(rest, month) || !GetMonthKey(rest, cohort) || !rest.empty() || !DecodeCell(row->value(), cell)) {
        return Damaged();
      }
      if (month >= end) break;
      if (!visit(month, cohort, cell)) return absl::OkStatus();
    }
    KL_RETURN_IF_ERROR(row->status());
  }
  return absl::OkStatus();
}

}  // namespace keyledger::projections

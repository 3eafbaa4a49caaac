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
constexpr char kCohortCells = 'C';
constexpr char kPeriodCells = 'P';
constexpr char kUncounted = 'U';

// A signed value as a varint, small magnitudes short.
void PutWide(std::string& out, Int128 value) {
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

// What one account did in one month.
struct AccountMonth {
  int64_t month = 0;
  int64_t purchases = 0;
  int64_t returns = 0;
  Int128 gross_micros = 0;
  Int128 returned_micros = 0;

  Int128 net_micros() const { return gross_micros - returned_micros; }
};

// Ascending.
using AccountMonths = std::vector<AccountMonth>;

// The months follow each other, each by how many it lies after the one before.
void EncodeMonths(const AccountMonths& months, std::string& value) {
  value.clear();
  int64_t before = 0;
  for (const AccountMonth& month : months) {
    PutSignedVarint64(value, month.month - before);
    PutVarint64(value, static_cast<uint64_t>(month.purchases));
    PutVarint64(value, static_cast<uint64_t>(month.returns));
    PutWide(value, month.gross_micros);
    PutWide(value, month.returned_micros);
    before = month.month;
  }
}

bool GetCount(std::string_view& in, int64_t& count) {
  uint64_t read = 0;
  if (!GetVarint64(in, read)) return false;
  count = static_cast<int64_t>(read);
  return true;
}

bool DecodeMonths(std::string_view value, AccountMonths& months) {
  int64_t before = 0;
  while (!value.empty()) {
    AccountMonth& month = months.emplace_back();
    int64_t after = 0;
    if (!GetSignedVarint64(value, after) || __builtin_add_overflow(before, after, &month.month) ||
        !GetCount(value, month.purchases) || !GetCount(value, month.returns) || !GetWide(value, month.gross_micros) ||
        !GetWide(value, month.returned_micros)) {
      return false;
    }
    before = month.month;
  }
  return true;
}

void EncodeCell(const MonthCell& cell, bool of_cohort, std::string& value) {
  value.clear();
  PutSignedVarint64(value, cell.active);
  PutWide(value, cell.gross_micros);
  PutWide(value, cell.net_micros);
  if (of_cohort) return;
  for (const int64_t count : {cell.purchases, cell.trades, cell.fresh, cell.retained, cell.reactivated}) {
    PutSignedVarint64(value, count);
  }
  for (const Int128 sum : {cell.active_net_micros, cell.nrr_gross_micros, cell.nrr_net_micros, cell.grr_gross_micros,
                           cell.grr_net_micros}) {
    PutWide(value, sum);
  }
}

bool DecodeCell(std::string_view value, bool of_cohort, MonthCell& cell) {
  if (!GetSignedVarint64(value, cell.active) || !GetWide(value, cell.gross_micros) ||
      !GetWide(value, cell.net_micros)) {
    return false;
  }
  if (of_cohort) return value.empty();
  for (int64_t* count : {&cell.purchases, &cell.trades, &cell.fresh, &cell.retained, &cell.reactivated}) {
    if (!GetSignedVarint64(value, *count)) return false;
  }
  for (Int128* sum : {&cell.active_net_micros, &cell.nrr_gross_micros, &cell.nrr_net_micros, &cell.grr_gross_micros,
                      &cell.grr_net_micros}) {
    if (!GetWide(value, *sum)) return false;
  }
  return value.empty();
}

// Makes `key` the beginning of the keys of that kind and currency.
void StartCellKey(char kind, std::string_view currency_code, std::string& key) {
  key.assign(1, '\0');
  key.push_back(kind);
  key.append(currency_code);
  key.push_back('\0');
}

absl::Status Damaged() {
  return MakeError(Reason::kStoreDamaged, "a month of projection retention is unreadable; rebuild the projection");
}

const AccountMonth* Find(const AccountMonths& months, int64_t month) {
  const auto at = std::lower_bound(months.begin(), months.end(), month,
                                   [](const AccountMonth& one, int64_t wanted) { return one.month < wanted; });
  return at != months.end() && at->month == month ? &*at : nullptr;
}

std::optional<int64_t> FirstPurchase(const AccountMonths& months) {
  const auto first =
      std::find_if(months.begin(), months.end(), [](const AccountMonth& month) { return month.purchases > 0; });
  return first == months.end() ? std::nullopt : std::optional<int64_t>(first->month);
}

void AddTrade(const HistoryTrade& trade, int64_t month, AccountMonths& months) {
  auto at = std::lower_bound(months.begin(), months.end(), month,
                             [](const AccountMonth& one, int64_t wanted) { return one.month < wanted; });
  if (at == months.end() || at->month != month) at = months.insert(at, AccountMonth{month});
  (trade.is_return ? at->returns : at->purchases) += 1;
  (trade.is_return ? at->returned_micros : at->gross_micros) += trade.micros;
}

// What an account with these months is in the cell of one month.
MonthCell ShareOf(const AccountMonths& months, int64_t month) {
  MonthCell share;
  const AccountMonth* now = Find(months, month);
  const AccountMonth* before = Find(months, month - 1);
  const bool was_active = before != nullptr && before->purchases > 0;
  if (now != nullptr) {
    share.gross_micros = now->gross_micros;
    share.net_micros = now->net_micros();
    share.purchases = now->purchases;
    share.trades = now->purchases + now->returns;
  }
  if (now != nullptr && now->purchases > 0) {
    share.active = 1;
    share.active_net_micros = share.net_micros;
    const bool fresh = FirstPurchase(months) == month;
    (fresh ? share.fresh : was_active ? share.retained : share.reactivated) = 1;
  }
  if (was_active) {
    share.nrr_gross_micros = share.gross_micros;
    share.nrr_net_micros = share.net_micros;
    share.grr_gross_micros = std::min(share.gross_micros, before->gross_micros);
    share.grr_net_micros = std::min(share.net_micros, before->net_micros());
  }
  return share;
}

// Its share of the cell of its cohort in that month.
MonthCell CohortShareOf(const AccountMonths& months, int64_t month) {
  MonthCell share;
  if (const AccountMonth* now = Find(months, month); now != nullptr) {
    share.active = now->purchases > 0 ? 1 : 0;
    share.gross_micros = now->gross_micros;
    share.net_micros = now->net_micros();
  }
  return share;
}

// Takes the cells of one currency from what an account was to what it is.
class Mover {
 public:
  Mover(std::string_view currency_code, Rows& rows) : currency_code_(currency_code), rows_(rows) {}

  // Between `before` and `after` only `month` differs.
  absl::Status Move(const AccountMonths& before, const AccountMonths& after, int64_t month) {
    KL_RETURN_IF_ERROR(MoveMonth(before, after, month));
    KL_RETURN_IF_ERROR(MoveMonth(before, after, month + 1));
    const std::optional<int64_t> first = FirstPurchase(before);
    const std::optional<int64_t> new_first = FirstPurchase(after);
    if (first == new_first) {
      if (!first.has_value() || month < *first) return absl::OkStatus();
      MonthCell change = CohortShareOf(after, month);
      change.Subtract(CohortShareOf(before, month));
      return Add(*first, month, change);
    }
    // What was its first purchase is not any more.
    if (first.has_value() && *first != month + 1) KL_RETURN_IF_ERROR(MoveMonth(before, after, *first));
    KL_RETURN_IF_ERROR(LeaveCohort(before));
    return JoinCohort(after);
  }

  absl::Status Remove(const AccountMonths& months) {
    const AccountMonths none;
    int64_t done = std::numeric_limits<int64_t>::min();
    for (const AccountMonth& one : months) {
      for (const int64_t month : {one.month, one.month + 1}) {
        if (month > done) KL_RETURN_IF_ERROR(MoveMonth(months, none, month));
        done = std::max(done, month);
      }
    }
    KL_RETURN_IF_ERROR(LeaveCohort(months));
    StartCellKey(kUncounted, currency_code_, key_);
    int64_t uncounted = 0;
    KL_ASSIGN_OR_RETURN(const std::optional<std::string_view> row, rows_.Get(key_));
    std::string_view value = row.value_or(std::string_view());
    if (row.has_value() && (!GetCount(value, uncounted) || !value.empty())) return Damaged();
    value_.clear();
    PutVarint64(value_, static_cast<uint64_t>(uncounted) + 1);
    rows_.Put(key_, value_);
    return absl::OkStatus();
  }

 private:
  absl::Status MoveMonth(const AccountMonths& before, const AccountMonths& after, int64_t month) {
    MonthCell change = ShareOf(after, month);
    change.Subtract(ShareOf(before, month));
    if (change == MonthCell()) return absl::OkStatus();
    StartCellKey(kPeriodCells, currency_code_, key_);
    PutOrdered64(key_, month);
    return AddToRow(change, false);
  }

  absl::Status LeaveCohort(const AccountMonths& months) {
    return EachOfCohort(months, [](const MonthCell& share) {
      MonthCell change;
      change.Subtract(share);
      return change;
    });
  }

  absl::Status JoinCohort(const AccountMonths& months) {
    return EachOfCohort(months, [](const MonthCell& share) { return share; });
  }

  template <class ChangeOf>
  absl::Status EachOfCohort(const AccountMonths& months, const ChangeOf& change_of) {
    const std::optional<int64_t> first = FirstPurchase(months);
    if (!first.has_value()) return absl::OkStatus();
    for (const AccountMonth& one : months) {
      if (one.month < *first) continue;
      KL_RETURN_IF_ERROR(Add(*first, one.month, change_of(CohortShareOf(months, one.month))));
    }
    return absl::OkStatus();
  }

  absl::Status Add(int64_t cohort, int64_t month, const MonthCell& change) {
    if (change == MonthCell()) return absl::OkStatus();
    StartCellKey(kCohortCells, currency_code_, key_);
    PutOrdered64(key_, cohort);
    PutOrdered64(key_, month);
    return AddToRow(change, true);
  }

  // Adds to the row at key_.
  absl::Status AddToRow(const MonthCell& change, bool of_cohort) {
    KL_ASSIGN_OR_RETURN(const std::optional<std::string_view> row, rows_.Get(key_));
    MonthCell cell;
    if (row.has_value() && !DecodeCell(*row, of_cohort, cell)) return Damaged();
    cell.Add(change);
    if (cell == MonthCell()) {
      rows_.Delete(key_);
      return absl::OkStatus();
    }
    EncodeCell(cell, of_cohort, value_);
    rows_.Put(key_, value_);
    return absl::OkStatus();
  }

  const std::string_view currency_code_;
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
  gross_micros += other.gross_micros;
  net_micros += other.net_micros;
  purchases += other.purchases;
  trades += other.trades;
  fresh += other.fresh;
  retained += other.retained;
  reactivated += other.reactivated;
  active_net_micros += other.active_net_micros;
  nrr_gross_micros += other.nrr_gross_micros;
  nrr_net_micros += other.nrr_net_micros;
  grr_gross_micros += other.grr_gross_micros;
  grr_net_micros += other.grr_net_micros;
}

void MonthCell::Subtract(const MonthCell& other) {
  active -= other.active;
  gross_micros -= other.gross_micros;
  net_micros -= other.net_micros;
  purchases -= other.purchases;
  trades -= other.trades;
  fresh -= other.fresh;
  retained -= other.retained;
  reactivated -= other.reactivated;
  active_net_micros -= other.active_net_micros;
  nrr_gross_micros -= other.nrr_gross_micros;
  nrr_net_micros -= other.nrr_net_micros;
  grr_gross_micros -= other.grr_gross_micros;
  grr_net_micros -= other.grr_net_micros;
}

absl::Status CountTrade(std::string_view account_id, std::string_view currency_code, const HistoryTrade& trade,
                        Rows& rows) {
  std::string key = KindPrefix(kAccountMonths);
  key.append(account_id);
  key.push_back('\0');
  key.append(currency_code);
  key.push_back('\0');
  KL_ASSIGN_OR_RETURN(const std::optional<std::string_view> row, rows.Get(key));
  AccountMonths before;
  if (row.has_value()) {
    // In no cell.
    if (row->empty()) return absl::OkStatus();
    if (!DecodeMonths(*row, before)) return Damaged();
  }
  const int64_t month = Zone().PeriodIndex(trade.occurred, CalendarUnit::kMonth);
  AccountMonths after = before;
  AddTrade(trade, month, after);
  Mover mover(currency_code, rows);
  if (after.size() > kAccountMonthsMax) {
    rows.Put(key, "");
    return mover.Remove(before);
  }
  std::string value;
  EncodeMonths(after, value);
  rows.Put(key, value);
  return mover.Move(before, after, month);
}

absl::StatusOr<CellCurrencies> ListCellCurrencies(const std::vector<const store::TableReader*>& shards, int64_t end) {
  CellCurrencies found;
  for (const store::TableReader* shard : shards) {
    const std::unique_ptr<store::RowIterator> row = shard->NewIterator();
    const std::string months = KindPrefix(kPeriodCells);
    for (row->Seek(months); row->Valid() && row->key().starts_with(months);) {
      std::string_view rest = row->key().substr(months.size());
      std::string_view currency_code;
      int64_t month = 0;
      MonthCell cell;
      if (!TakeCurrency(rest, currency_code) || !GetOrdered64(rest, month) || !DecodeCell(row->value(), false, cell)) {
        return Damaged();
      }
      const bool traded = month < end && cell.trades > 0;
      if (month < end && !traded) {
        row->Next();
        continue;
      }
      const std::string next = months + std::string(currency_code) + '\x01';
      if (traded) found.currencies.emplace(currency_code);
      row->Seek(next);
    }
    const std::string uncounted = KindPrefix(kUncounted);
    for (row->Seek(uncounted); row->Valid() && row->key().starts_with(uncounted); row->Next()) {
      std::string_view rest = row->key().substr(uncounted.size());
      std::string_view currency_code;
      if (!TakeCurrency(rest, currency_code)) return Damaged();
      found.currencies.emplace(currency_code);
      found.incomplete = true;
    }
    KL_RETURN_IF_ERROR(row->status());
  }
  return found;
}

absl::StatusOr<std::map<int64_t, MonthCell>> ReadMonthCells(const std::vector<const store::TableReader*>& shards,
                                                            std::string_view currency_code, int64_t end) {
  std::map<int64_t, MonthCell> months;
  std::string prefix;
  StartCellKey(kPeriodCells, currency_code, prefix);
  for (const store::TableReader* shard : shards) {
    const std::unique_ptr<store::RowIterator> row = shard->NewIterator();
    for (row->Seek(prefix); row->Valid() && row->key().starts_with(prefix); row->Next()) {
      std::string_view rest = row->key().substr(prefix.size());
      int64_t month = 0;
      MonthCell cell;
      if (!GetOrdered64(rest, month) || !rest.empty() || !DecodeCell(row->value(), false, cell)) return Damaged();
      if (month >= end) break;
      months[month].Add(cell);
    }
    KL_RETURN_IF_ERROR(row->status());
  }
  return months;
}

absl::Status ReadCohortCells(const std::vector<const store::TableReader*>& shards, std::string_view currency_code,
                             int64_t end, const std::function<void(int64_t, int64_t, const MonthCell&)>& visit) {
  std::string prefix;
  StartCellKey(kCohortCells, currency_code, prefix);
  for (const store::TableReader* shard : shards) {
    const std::unique_ptr<store::RowIterator> row = shard->NewIterator();
    for (row->Seek(prefix); row->Valid() && row->key().starts_with(prefix); row->Next()) {
      std::string_view rest = row->key().substr(prefix.size());
      int64_t cohort = 0;
      int64_t month = 0;
      MonthCell cell;
      if (!GetOrdered64(rest, cohort) || !GetOrdered64(rest, month) || !rest.empty() ||
          !DecodeCell(row->value(), true, cell)) {
        return Damaged();
      }
      if (cohort >= end) break;
      if (month < end) visit(cohort, month, cell);
    }
    KL_RETURN_IF_ERROR(row->status());
  }
  return absl::OkStatus();
}

}  // namespace keyledger::projections

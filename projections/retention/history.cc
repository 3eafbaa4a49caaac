#include "projections/retention/history.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "projections/engine/row_key.h"
#include "projections/retention/merged_accounts.h"
#include "projections/retention/month_cells.h"
#include "projections/retention/retention_rows.h"
#include "server/base/error.h"
#include "server/base/ids.h"

namespace keyledger::projections {
namespace {

// Currencies named in a refusal.
constexpr size_t kCurrenciesNamed = 16;

void Clear(AccountHistory& history) {
  history.account_id.clear();
  history.trades.clear();
  history.costs.clear();
  history.surveys.clear();
  history.budgets.clear();
  history.supplier_ranks.clear();
  history.regions.clear();
  history.segments.clear();
  history.owners.clear();
  history.tiers.clear();
  history.stages.clear();
  history.clubs.clear();
  history.moves.clear();
  history.contracts.clear();
  history.life.clear();
  history.referrals.clear();
}

uint64_t KnownPlace(const RetentionScope& scope, size_t shard) {
  return shard < scope.known_places.size() ? scope.known_places[shard] : std::numeric_limits<uint64_t>::max();
}

// The rows of one shard, account by account.
class ShardRows {
 public:
  ShardRows(const store::TableReader& rows, uint64_t known_place) : rows_(rows.NewScan()), known_place_(known_place) {}

  absl::Status Start() {
    rows_->Seek(kFirstAccountKey);
    return FindAccount();
  }
  // Stands on the account, or on the next one if it has no rows.
  absl::Status StartAt(std::string_view account_id) {
    std::string key(account_id);
    key.push_back('\0');
    rows_->Seek(key);
    return FindAccount();
  }
  // Goes on to the next account.
  absl::Status Skip() {
    rows_->Seek(AfterAccount(account_id_));
    return FindAccount();
  }

  // The account that the rows stand on; empty at the end.
  const std::string& account_id() const { return account_id_; }
  // Rows at this position and beyond are not known.
  uint64_t known_place() const { return known_place_; }

  // Hands the rows of the account to `take`, as (tag, rest of the key, value) -> bool, and goes on to the next one.
  template <class Take>
  absl::Status TakeAccount(const Take& take) {
    const size_t head = account_id_.size() + 1;
    for (; rows_->Valid(); rows_->Next()) {
      const std::string_view key = rows_->key();
      if (key.size() <= head || key[head - 1] != '\0' || !key.starts_with(account_id_)) break;
      if (!take(key[head], key.substr(head + 1), rows_->value())) return UnreadableRow(account_id_);
    }
    return FindAccount();
  }

 private:
  absl::Status FindAccount() {
    account_id_.clear();
    if (!rows_->Valid()) return rows_->status();
    const std::string_view key = rows_->key();
    const size_t zero = key.find('\0');
    if (zero == std::string_view::npos || zero == 0 || zero + 1 >= key.size())
      return UnreadableRow(key.substr(0, zero));
    account_id_.assign(key.substr(0, zero));
    return absl::OkStatus();
  }

  std::unique_ptr<store::RowIterator> rows_;
  const uint64_t known_place_;
  std::string account_id_;
};

// A row 'H' in scope: by its place in the log, since a standing goes by when it was decided.
struct Decided {
  uint64_t position = 0;
  Micros occurred = 0;
  bool is_stage = false;
  std::string ladder_id;
  std::string value;
};

// Reads one account's rows into a history.
class Loader {
 public:
  // `currency`: of what is wanted. Null: the currencies of trades are gathered, and no trade, cost or budget is.
  Loader(const RetentionScope& scope, HistoryParts parts, const std::string* currency, const MergedAccounts& merged)
      : scope_(scope), currency_(currency), parts_(parts), filters_(!scope.filter.matches_all()), merged_(merged) {}

  // Reads the account that `rows` stands on, and from `shards` those that were merged into it.
  absl::Status Load(ShardRows& rows, const std::vector<const store::TableReader*>& shards) {
    Clear(history_);
    any_ = false;
    left_out_ = 0;
    decided_.clear();
    currencies_.clear();
    joined_ = false;
    history_.account_id = rows.account_id();
    KL_RETURN_IF_ERROR(LoadRows(rows));
    SortStandings();
    const std::vector<MergedAccounts::Ended>& ended = merged_.EndedIn(history_.account_id);
    if (ended.empty()) return absl::OkStatus();
    opened_ = history_.life.empty() ? std::numeric_limits<Micros>::max() : history_.life.front().occurred;
    first_opened_ = opened_;
    joined_ = true;
    for (const MergedAccounts::Ended& one : ended) {
      joined_account_ = one.account_id;
      ShardRows others(*shards[one.shard], KnownPlace(scope_, one.shard));
      KL_RETURN_IF_ERROR(others.StartAt(one.account_id));
      if (others.account_id() != one.account_id) continue;
      std::vector<HistoryOwner> owners = std::exchange(history_.owners, {});
      KL_RETURN_IF_ERROR(LoadRows(others));
      std::erase_if(history_.owners, [this](const HistoryOwner& owner) { return owner.occurred >= opened_; });
      history_.owners.insert(history_.owners.end(), std::make_move_iterator(owners.begin()),
                             std::make_move_iterator(owners.end()));
    }
    if (!history_.life.empty()) history_.life.front().occurred = first_opened_;
    SortJoined();
    return absl::OkStatus();
  }

  // Whether the account has a row in scope and passes the filter.
  bool InScope() const { return any_ && (!filters_ || Passes()); }
  const AccountHistory& history() const { return history_; }
  const std::set<std::string>& currencies() const { return currencies_; }
  // Costs of the account in another currency.
  int64_t left_out() const { return left_out_; }

 private:
  absl::Status LoadRows(ShardRows& rows) {
    retracted_.clear();
    agreed_.clear();
    KL_RETURN_IF_ERROR(
        rows.TakeAccount([this, place = rows.known_place()](char tag, std::string_view rest, std::string_view value) {
          return !Wants(tag) || Take(tag, rest, value, place);
        }));
    SortContracts();
    return absl::OkStatus();
  }

  bool Wants(char tag) const {
    // An account stands where the one that goes on does.
    if (joined_ && tag == kHeldTag) return false;
    if (tag == kTradeTag || tag == kRetractedTag || parts_ == HistoryParts::kAll) return true;
    if (tag == kAccountTag) return filters_ || parts_ == HistoryParts::kTradesAndLife;
    return filters_ && (tag == kHeldTag || tag == kClubTag);
  }

  bool Take(char tag, std::string_view rest, std::string_view value, uint64_t place) {
    RowTimes times;
    if (!TakeRowTimes(rest, value, times)) return false;
    if (times.recorded >= scope_.known_at || times.position >= place) return true;
    // Its key sorts before those of all other rows. What was not so is so at no moment, so that as_of does not matter.
    if (tag == kRetractedTag) return Retracted(value);
    if (times.occurred >= scope_.as_of || retracted_.contains(times.position)) return true;
    any_ = true;
    switch (tag) {
      case kTradeTag:
        return Trade(times, value);
      case kAccountTag:
        return Account(times, value);
      case kHeldTag:
        return Standing(times, value);
      case kCostTag:
        return Cost(times, value);
      case kBudgetTag:
        return Budget(times, value);
      case kClubTag:
        return TakeClub(value, Next(history_.clubs, times));
      case kSurveyTag:
        return TakeSurvey(value, Next(history_.surveys, times));
      case kContractTag:
        return Contract(times, value);
      case kMoveTag:
        return TakeMove(value, Next(history_.moves, times));
      case kReferralTag:
        return Referral(times, value);
      case kSupplierRankTag:
        return TakeSupplierRank(value, Next(history_.supplier_ranks, times));
      default:
        return false;
    }
  }

  template <class Entry>
  static Entry& Next(std::vector<Entry>& entries, const RowTimes& times) {
    Entry& entry = entries.emplace_back();
    entry.occurred = times.occurred;
    return entry;
  }

  bool Retracted(std::string_view value) {
    uint64_t position = 0;
    if (!TakeRetracted(value, position)) return false;
    retracted_.insert(position);
    return true;
  }

  bool Trade(const RowTimes& times, std::string_view value) {
    HistoryTrade trade;
    std::string_view currency_code;
    if (!TakeTrade(value, trade, currency_code)) return false;
    if (currency_ == nullptr) {
      currencies_.emplace(currency_code);
      return true;
    }
    if (currency_code != *currency_) return true;
    trade.occurred = times.occurred;
    history_.trades.push_back(trade);
    return true;
  }

  bool Cost(const RowTimes& times, std::string_view value) {
    HistoryCost cost;
    std::string_view currency_code;
    if (!TakeCost(value, cost, currency_code)) return false;
    if (currency_ == nullptr || currency_code != *currency_) {
      ++left_out_;
      return true;
    }
    cost.occurred = times.occurred;
    history_.costs.push_back(cost);
    return true;
  }

  bool Budget(const RowTimes& times, std::string_view value) {
    HistoryBudget budget;
    std::string_view currency_code;
    if (!TakeBudget(value, budget, currency_code)) return false;
    if (currency_ == nullptr || currency_code != *currency_) return true;
    budget.occurred = times.occurred;
    history_.budgets.push_back(std::move(budget));
    return true;
  }

  bool Account(const RowTimes& times, std::string_view value) {
    AccountChange change;
    if (!TakeAccountChange(value, change)) return false;
    if (joined_) {
      // What it was afterwards is what the account that goes on was; the relationship is as old as the older one.
      if (change.step == HistoryLife::Step::kOpened) first_opened_ = std::min(first_opened_, times.occurred);
      change.step.reset();
      if (times.occurred >= opened_) change.region.reset();
      if (times.occurred >= opened_) change.segment.reset();
    }
    if (change.step.has_value()) history_.life.push_back({*change.step, times.occurred});
    if (change.region.has_value()) history_.regions.push_back({times.occurred, std::string(*change.region)});
    if (change.segment.has_value()) history_.segments.push_back({times.occurred, std::string(*change.segment)});
    if (change.owner.has_value() && change.owner->Takes(history_.owner())) {
      history_.owners.push_back({times.occurred, std::string(change.owner->owner), change.owner->reason});
    }
    return true;
  }

  bool Referral(const RowTimes& times, std::string_view value) {
    HistoryReferral referral;
    if (!TakeReferral(value, referral)) return false;
    referral.occurred = times.occurred;
    if (!referral.referrer_account_id.empty()) {
      referral.referrer_account_id = merged_.StandsFor(referral.referrer_account_id);
      // Nobody refers itself.
      if (referral.referrer_account_id == history_.account_id) return true;
    }
    history_.referrals.push_back(std::move(referral));
    return true;
  }

  bool Standing(const RowTimes& times, std::string_view value) {
    StandingChange change;
    if (!TakeStanding(value, change)) return false;
    decided_.push_back(
        {times.position, times.occurred, change.is_stage, std::string(change.ladder_id), std::string(change.value)});
    return true;
  }

  // What was decided later holds from no earlier, so that an event that arrives late takes nothing back.
  void SortStandings() {
    if (decided_.empty()) return;
    std::sort(decided_.begin(), decided_.end(),
              [](const Decided& a, const Decided& b) { return a.position < b.position; });
    std::map<std::pair<bool, std::string_view>, Micros> since;
    for (Decided& decided : decided_) {
      Micros& from = since.try_emplace({decided.is_stage, decided.ladder_id}, decided.occurred).first->second;
      from = std::max(from, decided.occurred);
      decided.occurred = from;
    }
    std::stable_sort(decided_.begin(), decided_.end(),
                     [](const Decided& a, const Decided& b) { return a.occurred < b.occurred; });
    for (const Decided& decided : decided_) {
      (decided.is_stage ? history_.stages : history_.tiers)
          .push_back({decided.occurred, decided.ladder_id, decided.value});
    }
  }

  bool Contract(const RowTimes& times, std::string_view value) {
    auto& [position, contract] = agreed_.emplace_back();
    position = times.position;
    contract.occurred = times.occurred;
    if (!TakeContract(value, contract)) return false;
    // Both may have one of that id.
    if (joined_) contract.contract_id = fmt::format("{}:{}", joined_account_, contract.contract_id);
    return true;
  }

  void SortContracts() {
    std::sort(agreed_.begin(), agreed_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [position, contract] : agreed_) history_.contracts.push_back(std::move(contract));
  }

  // Puts what was appended from other accounts in its place.
  void SortJoined() {
    const auto sort = [](auto& entries) {
      std::stable_sort(entries.begin(), entries.end(),
                       [](const auto& a, const auto& b) { return a.occurred < b.occurred; });
    };
    sort(history_.trades);
    sort(history_.costs);
    sort(history_.surveys);
    sort(history_.budgets);
    sort(history_.supplier_ranks);
    sort(history_.regions);
    sort(history_.segments);
    sort(history_.owners);
    sort(history_.clubs);
    sort(history_.moves);
    sort(history_.referrals);
  }

  bool Passes() const {
    const PopulationFilter& filter = scope_.filter;
    return (filter.region.empty() || RegionContains(filter.region, history_.region())) &&
           (filter.segment.empty() || filter.segment == history_.segment()) &&
           (filter.owner.empty() || filter.owner == history_.owner()) &&
           (filter.club_id.empty() || history_.is_member(filter.club_id)) &&
           (filter.tier_id.empty() || HoldsTier(filter.tier_id));
  }

  bool HoldsTier(std::string_view tier_id) const {
    return std::any_of(history_.tiers.begin(), history_.tiers.end(), [&](const HistoryStanding& held) {
      return held.value == tier_id && history_.tier(held.ladder_id) == tier_id;
    });
  }

  const RetentionScope& scope_;
  const std::string* const currency_;
  const HistoryParts parts_;
  const bool filters_;
  const MergedAccounts& merged_;

  AccountHistory history_;
  bool any_ = false;
  int64_t left_out_ = 0;
  std::vector<Decided> decided_;
  // Positions of the records that are known not to have been so.
  std::unordered_set<uint64_t> retracted_;
  // Steps of contracts with their positions.
  std::vector<std::pair<uint64_t, HistoryContract>> agreed_;
  std::set<std::string> currencies_;
  // The rows at hand are of another account, which ended in this one; when this one was opened itself, and the first of
  // them.
  bool joined_ = false;
  std::string joined_account_;
  Micros opened_ = 0;
  Micros first_opened_ = 0;
};

// Loads the accounts of all shards in order of account_id, and calls `loaded` after each.
absl::Status Walk(const std::vector<const store::TableReader*>& shards, const RetentionScope& scope,
                  const MergedAccounts& merged, Loader& loader, const std::function<absl::Status()>& loaded) {
  std::vector<ShardRows> rows;
  rows.reserve(shards.size());
  // Places in `rows`, as a heap: the shard with the first account is in front.
  std::vector<size_t> heap;
  for (size_t shard = 0; shard < shards.size(); ++shard) {
    rows.emplace_back(*shards[shard], KnownPlace(scope, shard));
    KL_RETURN_IF_ERROR(rows.back().Start());
    if (!rows.back().account_id().empty()) heap.push_back(shard);
  }
  const auto later = [&rows](size_t a, size_t b) { return rows[a].account_id() > rows[b].account_id(); };
  std::make_heap(heap.begin(), heap.end(), later);
  for (uint64_t accounts = 0; !heap.empty(); ++accounts) {
    if (accounts % kAccountsBetweenChecks == 0) KL_RETURN_IF_ERROR(CheckWanted(scope));
    std::pop_heap(heap.begin(), heap.end(), later);
    ShardRows& first = rows[heap.back()];
    if (merged.HasEnded(first.account_id())) {
      KL_RETURN_IF_ERROR(first.Skip());
    } else {
      KL_RETURN_IF_ERROR(loader.Load(first, shards));
      KL_RETURN_IF_ERROR(loaded());
    }
    if (first.account_id().empty()) {
      heap.pop_back();
    } else {
      std::push_heap(heap.begin(), heap.end(), later);
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string_view AccountHistory::tier(std::string_view ladder_id) const {
  const auto held = std::find_if(tiers.rbegin(), tiers.rend(),
                                 [&](const HistoryStanding& standing) { return standing.ladder_id == ladder_id; });
  return held == tiers.rend() ? std::string_view() : std::string_view(held->value);
}

bool AccountHistory::is_member(std::string_view club_id) const {
  const auto last =
      std::find_if(clubs.rbegin(), clubs.rend(), [&](const HistoryClub& club) { return club.club_id == club_id; });
  return last != clubs.rend() && last->joined;
}

std::optional<Micros> AccountHistory::first_purchase() const {
  const auto first = std::find_if(trades.begin(), trades.end(), [](const auto& trade) { return !trade.is_return; });
  return first == trades.end() ? std::nullopt : std::optional<Micros>(first->occurred);
}

std::optional<Micros> AccountHistory::last_purchase() const {
  const auto last = std::find_if(trades.rbegin(), trades.rend(), [](const auto& trade) { return !trade.is_return; });
  return last == trades.rend() ? std::nullopt : std::optional<Micros>(last->occurred);
}

absl::Status CheckWanted(const RetentionScope& scope) {
  if (!scope.canceled || !scope.canceled()) return absl::OkStatus();
  return absl::CancelledError("nobody waits for the answer any more");
}

int64_t RevenueOf(const HistoryTrade& trade, RevenueBasis basis) {
  if (!trade.is_return) return trade.micros;
  return basis == RevenueBasis::kNet ? -trade.micros : 0;
}

absl::Status HistoryScan::FindCurrency(const std::vector<const store::TableReader*>& shards,
                                       const MergedAccounts& merged) {
  constexpr int64_t kEver = std::numeric_limits<int64_t>::max();
  KL_ASSIGN_OR_RETURN(const CellCurrencies traded, ListCellCurrencies(shards, kEver));
  std::set<std::string> found;
  if (scope_.as_of == kEver && scope_.known_at == kEver && scope_.known_places.empty() && scope_.filter.matches_all()) {
    found = traded.currencies;
  } else if (!traded.currencies.empty()) {
    // With only one there is, a single trade in scope will do.
    const bool any = traded.currencies.size() == 1;
    const absl::Status enough = absl::CancelledError();
    Loader loader(scope_, HistoryParts::kTrades, nullptr, merged);
    const absl::Status walked = Walk(shards, scope_, merged, loader, [&] {
      if (loader.InScope()) found.insert(loader.currencies().begin(), loader.currencies().end());
      return any && !found.empty() ? enough : absl::OkStatus();
    });
    if (walked != enough) KL_RETURN_IF_ERROR(walked);
  }
  if (found.size() == 1) currency_ = *found.begin();
  if (found.size() <= 1) return absl::OkStatus();
  std::vector<std::string> named(found.begin(), found.end());
  if (named.size() > kCurrenciesNamed) named.resize(kCurrenciesNamed);
  return FieldError("scope.currency_code",
                    fmt::format("the data has several currencies ({}): name one", fmt::join(named, ", ")));
}

absl::Status HistoryScan::Run(const std::vector<const store::TableReader*>& shards, const Visitor& visit) {
  KL_ASSIGN_OR_RETURN(const MergedAccounts merged, MergedAccounts::Read(shards, scope_));
  if (currency_.empty()) KL_RETURN_IF_ERROR(FindCurrency(shards, merged));
  Loader loader(scope_, parts_, &currency_, merged);
  return Walk(shards, scope_, merged, loader, [&]() -> absl::Status {
    if (!loader.InScope()) return absl::OkStatus();
    left_out_ += loader.left_out();
    return visit(loader.history());
  });
}

}  // namespace keyledger::projections

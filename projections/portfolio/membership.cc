#include "projections/portfolio/membership.h"

#include <set>
#include <string_view>

#include "server/base/error.h"

namespace keyledger::projections::portfolio {
namespace {

struct Sums {
  int64_t purchases = 0;
  int64_t revenue_micros = 0;

  // Returns false if the sum does not fit.
  bool Add(const HistoryTrade& trade, RevenueBasis basis) {
    purchases += trade.is_return ? 0 : 1;
    return AddMoney(revenue_micros, RevenueOf(trade, basis));
  }
  std::optional<double> average() const {
    if (purchases == 0) return std::nullopt;
    return static_cast<double>(revenue_micros) / static_cast<double>(purchases);
  }
};

// Walks through the clubs of an account in time order.
class Standing {
 public:
  Standing(const AccountHistory& history, std::string_view club_id) : history_(history), club_id_(club_id) {}

  // Whether the account is a member at `time`. Requires: no earlier one than before.
  bool At(Micros time) {
    for (; next_ < history_.clubs.size() && history_.clubs[next_].occurred <= time; ++next_) {
      const HistoryClub& club = history_.clubs[next_];
      if (!club_id_.empty() && club.club_id != club_id_) continue;
      if (club.joined) {
        clubs_.insert(club.club_id);
        if (!joined_.has_value()) joined_ = club.occurred;
      } else {
        clubs_.erase(club.club_id);
      }
    }
    return !clubs_.empty();
  }
  // When it joined for the first time, as far as it was walked through.
  std::optional<Micros> joined() const { return joined_; }

 private:
  const AccountHistory& history_;
  const std::string_view club_id_;
  size_t next_ = 0;
  std::set<std::string_view> clubs_;
  std::optional<Micros> joined_;
};

class Counter {
 public:
  Counter(const RetentionScope& scope, const MembershipQuery& query) : scope_(scope), query_(query) {}

  // Returns false if a sum does not fit.
  bool Add(const AccountHistory& history) {
    Standing standing(history, query_.club_id);
    // Purchases before count too: by other (0) and as a member (1).
    int64_t bought[2] = {0, 0};
    for (const HistoryTrade& trade : history.trades) {
      const size_t side = standing.At(trade.occurred) ? 1 : 0;
      if (trade.occurred < query_.start) continue;
      bought[side] += trade.is_return ? 0 : 1;
      if (!sides_[side].Add(trade, scope_.basis)) return false;
    }
    for (const size_t side : {0, 1}) accounts_[side] += bought[side] > 0 ? 1 : 0;
    out_.members += standing.At(kNoAsOf) ? 1 : 0;
    out_.ever_members += standing.joined().has_value() ? 1 : 0;
    if (!standing.joined().has_value() || *standing.joined() < query_.start) return true;
    return Compare(history, *standing.joined());
  }

  MembershipAnswer Finish() {
    Fill(0, out_.other);
    Fill(1, out_.member);
    out_.average_before_micros = before_.average();
    out_.average_after_micros = after_.average();
    return out_;
  }

  // Whether the revenue of both sides together fits.
  bool Total() { return !__builtin_add_overflow(sides_[0].revenue_micros, sides_[1].revenue_micros, &total_); }

 private:
  bool Compare(const AccountHistory& history, Micros joined) {
    Sums before;
    Sums after;
    for (const HistoryTrade& trade : history.trades) {
      const Int128 since = static_cast<Int128>(trade.occurred) - joined;
      if (since < -Int128{kComparedDays * kMicrosPerDay} || since >= Int128{kComparedDays * kMicrosPerDay}) continue;
      if (!(since < 0 ? before : after).Add(trade, scope_.basis)) return false;
    }
    if (before.purchases == 0 || after.purchases == 0) return true;
    out_.compared += 1;
    before_.purchases += before.purchases;
    after_.purchases += after.purchases;
    return AddMoney(before_.revenue_micros, before.revenue_micros) &&
           AddMoney(after_.revenue_micros, after.revenue_micros);
  }

  void Fill(size_t side, MembershipSideRow& row) const {
    row.accounts = accounts_[side];
    row.purchases = sides_[side].purchases;
    row.revenue_micros = sides_[side].revenue_micros;
    row.revenue_share = ShareOf(row.revenue_micros, total_);
    row.average_micros = sides_[side].average();
  }

  const RetentionScope& scope_;
  const MembershipQuery& query_;
  // Other (0), member (1).
  Sums sides_[2];
  int64_t accounts_[2] = {0, 0};
  int64_t total_ = 0;
  Sums before_;
  Sums after_;
  MembershipAnswer out_;
};

}  // namespace

absl::StatusOr<MembershipAnswer> GetMembership(const Shards& shards, const RetentionScope& scope,
                                               const MembershipQuery& query) {
  Counter counter(scope, query);
  KL_ASSIGN_OR_RETURN(const WalkEnd walked,
                      Walk(shards, scope, HistoryParts::kAll, [&](uint32_t, const AccountHistory& history) {
                        return counter.Add(history) ? absl::OkStatus() : SumOutOfRange();
                      }));
  if (!counter.Total()) return SumOutOfRange();
  MembershipAnswer out = counter.Finish();
  out.currency_code = walked.currency_code;
  return out;
}

}  // namespace keyledger::projections::portfolio

// See points_liability.h.
#include "projections/points/points_liability.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "projections/engine/period_finder.h"
#include "projections/points/points_queries.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

constexpr std::array<int64_t, 6> kAgeStartsDays = {0, 30, 90, 180, 365, 730};

// What left the lots of a cohort in one period of age and did not come back. Over all ages no more than was issued.
struct Leaving {
  int64_t redeemed = 0;
  int64_t expired = 0;
  // Reversed or adjusted away.
  int64_t withdrawn = 0;
};

struct CohortFold {
  LotTotals totals;
  // By age.
  std::vector<Leaving> leaving;
};

// By period.
using Cohorts = std::map<int64_t, CohortFold>;

std::vector<LiabilityAge> NoLots() {
  std::vector<LiabilityAge> ages(kAgeStartsDays.size());
  for (size_t i = 0; i < ages.size(); ++i) {
    ages[i].from_days = kAgeStartsDays[i];
    if (i + 1 < ages.size()) ages[i].to_days = kAgeStartsDays[i + 1];
  }
  return ages;
}

// When points paid for the purchases of merged accounts. Holds those of the accounts asked for until cleared.
class Payments {
 public:
  Payments(const std::vector<const store::TableReader*>& shards, const LiabilityScope& scope)
      : shards_(shards), scope_(scope) {}

  // Nothing: the purchase is not in scope.
  absl::StatusOr<std::optional<Micros>> Find(const std::string& account_id, uint64_t revision) {
    const auto [account, is_new] = paid_.try_emplace(account_id);
    for (const store::TableReader* shard : shards_) {
      if (!is_new || !account->second.empty()) break;
      KL_ASSIGN_OR_RETURN(account->second, FindPaidPurchases(*shard, account_id, scope_.as_of, scope_.known_at));
    }
    const auto paid = account->second.find(revision);
    return paid == account->second.end() ? std::nullopt : std::optional(paid->second);
  }
  void Clear() { paid_.clear(); }

 private:
  const std::vector<const store::TableReader*>& shards_;
  const LiabilityScope& scope_;
  std::map<std::string, std::map<uint64_t, Micros>> paid_;
};

// Counts lots, an account at a time.
class LiabilityFold {
 public:
  LiabilityFold(const std::vector<const store::TableReader*>& shards, const LiabilityScope& scope)
      : scope_(scope),
        payments_(shards, scope),
        finder_(scope.zone, scope.unit),
        present_(finder_.Find(scope.as_of)),
        ages_(NoLots()) {}

  absl::Status Add(const std::vector<PointsLot>& lots, const std::vector<LotDebit>& debits) {
    // Of each lot, what ran out and no debit has accounted for yet.
    std::vector<int64_t> unrecorded;
    unrecorded.reserve(lots.size());
    for (const PointsLot& lot : lots) {
      if (InScope(lot)) KL_RETURN_IF_ERROR(AddLot(lot));
      unrecorded.push_back(lot.expired);
    }
    payments_.Clear();
    for (const LotDebit& debit : debits) {
      const auto lot = std::lower_bound(lots.begin(), lots.end(), debit.lot_revision,
                                        [](const PointsLot& l, uint64_t wanted) { return l.lot_revision < wanted; });
      if (!InScope(*lot)) continue;
      AddDebit(*lot, debit);
      if (debit.kind == events::v1::EVENT_KIND_POINTS_EXPIRED)
        unrecorded[static_cast<size_t>(lot - lots.begin())] -= debit.points;
    }
    for (size_t i = 0; i < lots.size(); ++i) {
      if (InScope(lots[i]) && unrecorded[i] > 0) Sum(LeavingAt(lots[i], *lots[i].expire).expired, unrecorded[i]);
    }
    if (!fits_) return MakeError(Reason::kArithmeticRange, "a sum of points does not fit in 64 bits; narrow the scope");
    if (cohorts_.empty() || present_ - cohorts_.begin()->first < kLiabilityPeriodsMax) return absl::OkStatus();
    return FieldError("cohort_period",
                      fmt::format("points from {} to {} span more than {} periods: choose a longer one",
                                  FormatPeriod(cohorts_.begin()->first, scope_.unit),
                                  FormatPeriod(present_, scope_.unit), kLiabilityPeriodsMax));
  }

  // Number of the period that holds as_of.
  int64_t present() const { return present_; }
  const Cohorts& cohorts() const { return cohorts_; }
  const LotTotals& totals() const { return totals_; }
  const std::vector<LiabilityAge>& ages() const { return ages_; }

 private:
  bool InScope(const PointsLot& lot) const { return scope_.program_id.empty() || lot.program_id == scope_.program_id; }

  void Sum(int64_t& sum, int64_t more) { fits_ = !__builtin_add_overflow(sum, more, &sum) && fits_; }

  absl::Status AddLot(const PointsLot& lot) {
    const bool pending = lot.state == LotState::kPending;
    int64_t held = Held(lot);
    int64_t unspent = 0;
    if (lot.given_back()) {
      KL_ASSIGN_OR_RETURN(const std::optional<Micros> paid, payments_.Find(lot.from_account_id, lot.paid_revision));
      if (paid.has_value()) {
        unspent = lot.accrued;
        Sum(LeavingAt(lot, *paid).redeemed, -unspent);
      } else {
        // In this view of the ledger the points are still in the lot that they were spent from.
        Sum(held, -lot.accrued);
      }
    }
    for (LotTotals* totals : {&cohorts_[finder_.Find(lot.occurred)].totals, &totals_}) {
      Sum(totals->redeemed, -unspent);
      if (lot.from_account_id.empty()) {
        totals->lots += 1;
        Sum(totals->issued, lot.accrued);
      }
      Sum(totals->expired, lot.expired);
      Sum(totals->reversed, lot.reversed);
      Sum(pending ? totals->pending : totals->available, lot.remaining);
      Sum(totals->available, held);
      if (!scope_.program_id.empty()) Sum(totals->transferred, lot.transferred);
    }
    if (lot.remaining == 0 && held == 0) return absl::OkStatus();
    const int64_t days = (scope_.as_of - 1 - lot.occurred) / kMicrosPerDay;
    const auto after = std::upper_bound(kAgeStartsDays.begin(), kAgeStartsDays.end(), days);
    LiabilityAge& age = ages_[static_cast<size_t>(after - kAgeStartsDays.begin()) - 1];
    age.lots += lot.remaining + lot.reserved + lot.in_transit > 0 ? 1 : 0;
    Sum(pending ? age.pending : age.available, lot.remaining);
    Sum(age.available, held);
    return absl::OkStatus();
  }

  // Points that are neither in a lot nor gone, and still owed: held, or in transit. What is in transit is what was sent
  // less what arrived, each counted on its own account; so it does not matter which of the two this view of the ledger
  // has seen. Of one program's lots it is not known what arrived.
  int64_t Held(const PointsLot& lot) const {
    if (!scope_.program_id.empty()) return lot.reserved + lot.in_transit;
    return lot.reserved + lot.in_transit + lot.transferred - (lot.transfer_id.empty() ? 0 : lot.accrued);
  }

  // Whether the points are no longer owed, as far as the scope goes.
  bool Leaves(events::v1::EventKind kind) const {
    switch (kind) {
      case events::v1::EVENT_KIND_POINTS_RESERVED:
      case events::v1::EVENT_KIND_POINTS_TRANSFER_SENT:
        return false;
      case events::v1::EVENT_KIND_POINTS_TRANSFER_COMPLETED:
        return !scope_.program_id.empty();
      default:
        return true;
    }
  }

  void AddDebit(const PointsLot& lot, const LotDebit& debit) {
    if (!Leaves(debit.kind)) return;
    // What came back corrects the spending that it undoes, at the age of that.
    Leaving& leaving = LeavingAt(lot, debit.taken);
    LotTotals& cohort = cohorts_[finder_.Find(lot.occurred)].totals;
    if (debit.kind == events::v1::EVENT_KIND_POINTS_REDEEMED) {
      Sum(leaving.redeemed, debit.points);
      Sum(cohort.redeemed, debit.points);
      Sum(totals_.redeemed, debit.points);
    } else if (debit.kind == events::v1::EVENT_KIND_POINTS_EXPIRED) {
      Sum(leaving.expired, debit.points);
    } else {
      Sum(leaving.withdrawn, debit.points);
      if (debit.kind != events::v1::EVENT_KIND_POINTS_ADJUSTED) return;
      Sum(cohort.adjusted, debit.points);
      Sum(totals_.adjusted, debit.points);
    }
  }

  // A movement that is older than its lot (it arrived late) counts at age 0.
  Leaving& LeavingAt(const PointsLot& lot, Micros occurred) {
    const int64_t issued = finder_.Find(lot.occurred);
    const auto age = static_cast<size_t>(std::max<int64_t>(0, finder_.Find(occurred) - issued));
    std::vector<Leaving>& leaving = cohorts_[issued].leaving;
    if (age >= leaving.size()) leaving.resize(age + 1);
    return leaving[age];
  }

  const LiabilityScope& scope_;
  Payments payments_;
  PeriodFinder finder_;
  const int64_t present_;
  Cohorts cohorts_;
  std::vector<LiabilityAge> ages_;
  LotTotals totals_;
  bool fits_ = true;
};

// What stood at the beginning of an age and became of it within, over all cohorts.
struct Exposure {
  double stood = 0;
  double redeemed = 0;
  double expired = 0;
};

std::vector<Exposure> ExposureByAge(const Cohorts& cohorts, int64_t present) {
  std::vector<Exposure> exposure;
  for (const auto& [period, cohort] : cohorts) {
    int64_t standing = cohort.totals.issued;
    for (size_t age = 0; static_cast<int64_t>(age) < present - period; ++age) {
      if (age >= exposure.size()) exposure.resize(age + 1);
      const Leaving left = age < cohort.leaving.size() ? cohort.leaving[age] : Leaving();
      standing -= left.withdrawn;
      exposure[age].stood += static_cast<double>(standing);
      exposure[age].redeemed += static_cast<double>(left.redeemed);
      exposure[age].expired += static_cast<double>(left.expired);
      standing -= left.redeemed + left.expired;
    }
  }
  return exposure;
}

// From the highest age down: what leaves in an age, and of the rest what the next age's outlook says.
std::vector<PointsOutlook> Chain(const std::vector<Exposure>& exposure) {
  std::vector<PointsOutlook> outlook(exposure.size());
  PointsOutlook next;
  for (size_t age = exposure.size(); age-- > 0;) {
    const Exposure& seen = exposure[age];
    const double redeemed = seen.stood > 0 ? seen.redeemed / seen.stood : 0;
    const double expired = seen.stood > 0 ? seen.expired / seen.stood : 0;
    const double rest = std::max(0.0, 1 - redeemed - expired);
    next = {redeemed + rest * next.redeemed, expired + rest * next.expired, rest * next.unresolved};
    outlook[age] = next;
  }
  return outlook;
}

LiabilityCohort MakeCohort(int64_t period, const CohortFold& fold, int64_t present,
                           const std::vector<PointsOutlook>& outlook) {
  LiabilityCohort cohort;
  cohort.period = period;
  cohort.totals = fold.totals;
  const auto age = static_cast<size_t>(present - period);
  int64_t redeemed = 0;
  for (size_t k = 0; k <= age; ++k) {
    redeemed += k < fold.leaving.size() ? fold.leaving[k].redeemed : 0;
    cohort.redeemed_by_age.push_back(redeemed);
  }
  if (age < outlook.size()) cohort.outlook = outlook[age];
  return cohort;
}

}  // namespace

absl::StatusOr<Liability> GetPointsLiability(const std::vector<const store::TableReader*>& shards,
                                             const LiabilityScope& scope) {
  LiabilityFold fold(shards, scope);
  for (const store::TableReader* shard : shards) {
    KL_RETURN_IF_ERROR(
        ForEachAccountLots(*shard, scope.as_of, scope.known_at,
                           [&fold](const std::vector<PointsLot>& lots, const std::vector<LotDebit>& debits) {
                             return fold.Add(lots, debits);
                           }));
  }
  Liability liability;
  liability.totals = fold.totals();
  liability.ages = fold.ages();
  liability.outlook_by_age = Chain(ExposureByAge(fold.cohorts(), fold.present()));
  for (const auto& [period, cohort] : fold.cohorts()) {
    const LiabilityCohort& made =
        liability.cohorts.emplace_back(MakeCohort(period, cohort, fold.present(), liability.outlook_by_age));
    liability.expected_redeemed += static_cast<double>(made.totals.redeemed) +
                                   static_cast<double>(made.totals.outstanding()) * (1 - made.outlook.expired);
  }
  return liability;
}

}  // namespace keyledger::projections

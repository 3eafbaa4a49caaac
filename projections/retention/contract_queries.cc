#include "projections/retention/contract_queries.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "server/base/error.h"

namespace keyledger::projections {
namespace {

// No month is shorter.
constexpr Micros kShortestMonth = 28 * kMicrosPerDay;

struct Contract {
  Micros start = 0;
  Micros end = 0;
  bool ended = false;
  bool replaced = false;
};

// Counts by age.
class Ages {
 public:
  Ages(const RetentionScope& scope, int renewal_months) : scope_(scope), months_(renewal_months) {}

  void Count(const Contract& contract) {
    const bool over = contract.ended || contract.end < scope_.as_of;
    const Micros until = over ? std::min(contract.end, scope_.as_of) : scope_.as_of;
    const int64_t renewed = RenewalsBefore(contract.start, until);
    contracts_ += 1;
    // Of those that run, nobody knows yet who will not be renewed where this one was not: without them it would be the
    // only one at risk.
    const bool due = DueOf(contract.start, renewed + 1) < scope_.as_of;
    if (over && due && !contract.replaced) {
      forecast::SbgAge& age = At(std::min(renewed + 1, forecast::kAgeMax));
      age.lost += 1;
    } else {
      At(renewed).censored += 1;
      young_ += renewed == 0 ? 1 : 0;
    }
  }

  int64_t contracts() const { return contracts_; }
  int64_t young() const { return young_; }
  std::vector<forecast::SbgAge> ages() const {
    std::vector<forecast::SbgAge> ages;
    for (const auto& [age, counts] : ages_) ages.push_back(counts);
    return ages;
  }

 private:
  forecast::SbgAge& At(int64_t age) {
    forecast::SbgAge& counts = ages_[age];
    counts.age = age;
    return counts;
  }

  Micros DueOf(Micros start, int64_t renewal) const {
    return scope_.zone.AddMonths(start, static_cast<int>(renewal * months_));
  }

  // How many renewals were due before `until`.
  int64_t RenewalsBefore(Micros start, Micros until) const {
    if (until <= start) return 0;
    int64_t low = 0;
    int64_t high = std::min<int64_t>((until - start) / kShortestMonth / months_ + 1, forecast::kAgeMax);
    while (low < high) {
      const int64_t middle = (low + high + 1) / 2;
      if (DueOf(start, middle) < until) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }

  const RetentionScope& scope_;
  const int months_;
  std::map<int64_t, forecast::SbgAge> ages_;
  int64_t contracts_ = 0;
  int64_t young_ = 0;
};

// Counts the contracts of one account. An id that is used again names another contract.
void CountContracts(const AccountHistory& history, const std::string& kind, Ages& ages) {
  std::map<std::string_view, Contract> open;
  for (const HistoryContract& step : history.contracts) {
    const auto known = open.find(step.contract_id);
    switch (step.step) {
      case HistoryContract::Step::kSigned:
        if (known != open.end()) ages.Count(known->second);
        if (known != open.end()) open.erase(known);
        if (kind.empty() || step.kind == kind) open[step.contract_id] = {step.start, step.end, false, false};
        break;
      case HistoryContract::Step::kRenewed:
      case HistoryContract::Step::kAmended:
        if (known != open.end()) known->second.end = step.end;
        break;
      case HistoryContract::Step::kEnded:
        if (known == open.end()) break;
        known->second.end = std::min(known->second.end, step.occurred);
        known->second.ended = true;
        known->second.replaced = step.ending == events::v1::CONTRACT_ENDING_SUPERSEDED;
    }
  }
  for (const auto& [id, contract] : open) ages.Count(contract);
}

absl::Status FillRenewals(const std::vector<forecast::SbgAge>& ages, const ContractTerms& terms, ContractTable& table) {
  for (int renewal = 1; renewal <= terms.horizon; ++renewal) {
    RenewalRow& row = table.renewals.emplace_back();
    row.renewal = renewal;
    for (const forecast::SbgAge& age : ages) {
      if (age.age >= renewal) row.at_risk += age.lost + age.censored;
      if (age.age == renewal) row.lost += age.lost;
    }
    if (!table.model_note.empty()) {
      if (row.at_risk == 0) table.renewals.pop_back();
      continue;
    }
    KL_ASSIGN_OR_RETURN(row.survival, forecast::SbgSurvival(table.fit.parameters, renewal));
    KL_ASSIGN_OR_RETURN(row.retention, forecast::SbgRetention(table.fit.parameters, renewal));
  }
  if (!table.model_note.empty()) return absl::OkStatus();
  const auto expected = forecast::SbgResidualRenewals(table.fit.parameters, 0, terms.discount);
  if (expected.ok()) table.expected_renewals = *expected;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ContractTable> GetContractTable(const std::vector<const store::TableReader*>& shards,
                                               const RetentionScope& asked, const ContractTerms& terms) {
  // Contracts are in no currency: ISO 4217's code for that keeps the scan from looking for the only one.
  RetentionScope scope = asked;
  scope.currency_code = std::string(3, 'X');
  Ages counted(scope, terms.renewal_months);
  HistoryScan scan(scope);
  KL_RETURN_IF_ERROR(scan.Run(shards, [&](const AccountHistory& history) {
    CountContracts(history, terms.kind, counted);
    return absl::OkStatus();
  }));
  ContractTable table;
  table.contracts = counted.contracts();
  table.young = counted.young();
  const std::vector<forecast::SbgAge> ages = counted.ages();
  absl::StatusOr<forecast::SbgFit> fit = forecast::FitSbg(ages);
  if (!fit.ok()) {
    table.model_note = MessageOf(fit.status());
  } else if (!fit->converged) {
    table.model_note = fmt::format("the fit of sBG is not to be relied on: {}", fit->why);
  } else {
    table.fit = *std::move(fit);
  }
  KL_RETURN_IF_ERROR(FillRenewals(ages, terms, table));
  return table;
}

}  // namespace keyledger::projections

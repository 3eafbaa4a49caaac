#include "projections/engagement/coverage_queries.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "projections/engagement/pages.h"
#include "server/base/codec.h"
#include "server/base/error.h"

namespace keyledger::projections::engagement {
namespace {

constexpr int kRevenueDays = 365;

// The higher of two ranks: 1 is the highest, 0 is none.
uint32_t Higher(uint32_t a, uint32_t b) {
  if (a == 0 || b == 0) return std::max(a, b);
  return std::min(a, b);
}

bool Has(const AccountCoverage& coverage, CoverageFlag flag) {
  return std::find(coverage.flags.begin(), coverage.flags.end(), flag) != coverage.flags.end();
}

// Whether the account would be at risk without the person: who owns it, or alone met it.
bool RestsOn(const AccountCoverage& coverage, const std::string& person) {
  for (const CoveringPerson& one : coverage.people) {
    if (one.person != person) continue;
    const bool owns = std::find(one.roles.begin(), one.roles.end(), kOwnerRole) != one.roles.end();
    return owns || (coverage.people_met == 1 && one.interactions > 0);
  }
  return false;
}

// Revenue of a year, by currency.
using Revenue = std::map<std::string, int64_t>;

Revenue RevenueOf(const EngagementHistory& history, Micros as_of) {
  Revenue revenue;
  for (const HistoryRow& row : history.trades) {
    if (row.times.occurred < as_of - kRevenueDays * kMicrosPerDay) continue;
    for (const auto& line : row.event.purchase_recorded().lines()) {
      AddCapped(revenue[line.amount().currency_code()], line.amount().micros());
    }
  }
  return revenue;
}

// The only currency of the trades in scope.
absl::StatusOr<std::string> OnlyCurrency(const std::vector<const store::TableReader*>& shards,
                                         const EngagementScope& scope) {
  EngagementParts parts;
  parts.trades = true;
  std::set<std::string> currencies;
  KL_ASSIGN_OR_RETURN(EngagementScan scan, EngagementScan::Open(shards, scope, parts));
  KL_RETURN_IF_ERROR(scan.Walk([&](const EngagementHistory& history) {
    for (const auto& [currency, micros] : RevenueOf(history, scope.as_of)) currencies.insert(currency);
    return absl::OkStatus();
  }));
  if (currencies.size() <= 1) return currencies.empty() ? std::string() : *currencies.begin();
  std::string names;
  for (const std::string& currency : currencies) names += (names.empty() ? "" : ", ") + currency;
  return FieldError("currency_code", fmt::format("is required: the trades are in {}", names));
}

// Whether the row is of an interaction that meets the account, whenever it was.
bool Meets(const HistoryRow& row, const Meeting& meeting) {
  if (!row.event.has_interaction_made()) return false;
  return meeting.kinds.empty() || meeting.kinds.contains(row.event.interaction_made().kind());
}

}  // namespace

std::map<std::string, PlacedContact> PlacedContacts(const EngagementHistory& history) {
  std::map<std::string, PlacedContact> placed;
  for (const HistoryRow& row : history.contacts) {
    if (row.event.has_contact_removed()) {
      placed.erase(history.ContactName(row.account, row.event.contact_removed().contact_id()));
    }
    if (!row.event.has_contact_placed()) continue;
    const events::v1::ContactPlaced& place = row.event.contact_placed();
    const std::string name = history.ContactName(row.account, place.contact_id());
    if (place.left()) {
      // Of another post than the one that is held it says nothing new.
      if (const auto held = placed.find(name); held != placed.end() && held->second.post == place.post()) {
        placed.erase(held);
      }
    } else {
      placed[name] = {place.post(), place.rank(), place.key_post(), row.times.occurred};
    }
  }
  return placed;
}

std::vector<CoveringPerson> PeopleOf(const EngagementHistory& history, Micros as_of, const Meeting& meeting) {
  std::map<std::string_view, CoveringPerson> people;
  const Micros at = as_of - 1;
  for (const RoleHeld& held : history.roles) {
    if (held.since > at || held.until <= at) continue;
    CoveringPerson& person = people[held.person];
    person.roles.push_back(held.role);
    person.rank = Higher(person.rank, held.rank);
  }
  const Micros from = as_of - meeting.window_days * kMicrosPerDay;
  std::map<std::string_view, Micros> last;
  for (const HistoryRow& row : history.interactions) {
    if (!Meets(row, meeting)) continue;
    for (const std::string& person : row.event.interaction_made().people()) {
      last[person] = row.times.occurred;
      if (row.times.occurred >= from) people[person].interactions += 1;
    }
  }
  std::vector<CoveringPerson> sorted;
  for (auto& [id, person] : people) {
    person.person = id;
    std::sort(person.roles.begin(), person.roles.end());
    if (const auto met = last.find(id); met != last.end()) person.last_time = met->second;
    // Of one who has a role no more, the rank is that of the latest.
    for (const RoleHeld& held : history.roles) {
      if (person.roles.empty() && held.person == id && held.rank != 0) person.rank = held.rank;
    }
    sorted.push_back(std::move(person));
  }
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const CoveringPerson& a, const CoveringPerson& b) { return a.interactions > b.interactions; });
  return sorted;
}

AccountCoverage CoverageOf(const EngagementHistory& history, Micros as_of, const domain::ProgramSet& programs,
                           int window_days) {
  AccountCoverage coverage;
  coverage.account_id = history.account_id;
  const Micros at = as_of - 1;
  uint32_t rank_gap = 0;
  Meeting meeting{window_days};
  if (const domain::CompiledProgram* program = programs.Select(at, history.RegionAt(at)); program != nullptr) {
    for (const auto& rule : program->program().coverage()) {
      if (!FitsTier(rule.tier_ids(), history.TierAt(at))) continue;
      coverage.min_people = rule.min_people();
      meeting.window_days = static_cast<int>(rule.window_days());
      meeting.kinds.insert(rule.kinds().begin(), rule.kinds().end());
      rank_gap = rule.rank_gap();
      break;
    }
  }
  coverage.people = PeopleOf(history, as_of, meeting);
  for (const CoveringPerson& person : coverage.people) {
    if (person.interactions == 0) continue;
    coverage.people_met += 1;
    coverage.our_rank = Higher(coverage.our_rank, person.rank);
  }
  std::set<std::string> contacts;
  for (const HistoryRow& row : history.interactions) {
    if (row.times.occurred < as_of - meeting.window_days * kMicrosPerDay || !Meets(row, meeting)) continue;
    for (const std::string& contact : row.event.interaction_made().contact_ids()) {
      contacts.insert(history.ContactName(row.account, contact));
    }
  }
  coverage.contacts_met = static_cast<int64_t>(contacts.size());
  for (const auto& [name, contact] : PlacedContacts(history)) {
    coverage.contact_rank = Higher(coverage.contact_rank, contact.rank);
  }
  if (coverage.people_met < coverage.min_people) coverage.flags.push_back(CoverageFlag::kTooFew);
  if (coverage.people_met == 1) coverage.flags.push_back(CoverageFlag::kOnePerson);
  if (history.OwnerAt(at).empty()) coverage.flags.push_back(CoverageFlag::kNoOwner);
  if (coverage.contact_rank != 0 && coverage.our_rank > coverage.contact_rank + rank_gap) {
    coverage.flags.push_back(CoverageFlag::kRank);
  }
  if (coverage.people_met == 0) coverage.flags.push_back(CoverageFlag::kNobody);
  return coverage;
}

absl::StatusOr<CoverageAnswer> GetCoverage(const std::vector<const store::TableReader*>& shards,
                                           const EngagementScope& scope, const domain::ProgramSet& programs,
                                           const CoverageQuery& query) {
  CoverageAnswer answer;
  answer.currency_code = query.currency_code;
  if (answer.currency_code.empty()) {
    KL_ASSIGN_OR_RETURN(answer.currency_code, OnlyCurrency(shards, scope));
  }
  answer.flag_counts.assign(kCoverageFlags, 0);
  EngagementParts parts;
  parts.contacts = parts.interactions = parts.trades = true;
  PageOf<AccountCoverage> page(query.continuation, query.page_size);
  KL_ASSIGN_OR_RETURN(EngagementScan scan, EngagementScan::Open(shards, scope, parts));
  KL_RETURN_IF_ERROR(scan.Walk([&](const EngagementHistory& history) {
    if (!history.OpenAt(scope.as_of - 1)) return absl::OkStatus();
    answer.account_count += 1;
    AccountCoverage coverage = CoverageOf(history, scope.as_of, programs, query.window_days);
    if (!query.person.empty() && !RestsOn(coverage, query.person)) return absl::OkStatus();
    if (query.flag.has_value() && !Has(coverage, *query.flag)) return absl::OkStatus();
    const Revenue revenue = RevenueOf(history, scope.as_of);
    if (const auto sum = revenue.find(answer.currency_code); sum != revenue.end())
      coverage.revenue_micros = sum->second;
    AddCapped(answer.revenue_micros, coverage.revenue_micros);
    answer.flagged_count += coverage.flags.empty() ? 0 : 1;
    for (const CoverageFlag flag : coverage.flags) answer.flag_counts[static_cast<size_t>(flag) - 1] += 1;
    std::string key;
    PutOrdered64(key, -coverage.revenue_micros);
    key += coverage.account_id;
    page.Add(std::move(key), std::move(coverage));
    return absl::OkStatus();
  }));
  answer.accounts = page.Take(answer.continuation);
  return answer;
}

}  // namespace keyledger::projections::engagement

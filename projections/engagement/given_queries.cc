#include "projections/engagement/given_queries.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "keyledger/events/v1/event.pb.h"
#include "projections/engagement/one_account.h"
#include "projections/engagement/pages.h"
#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/domain/proto_time.h"

namespace keyledger::projections::engagement {
namespace {

using events::v1::Event;
using LimitCounts = google::protobuf::RepeatedPtrField<events::v1::LimitCount>;

// What a row says of one thing given.
struct Given {
  const std::string* contact_id = nullptr;
  const std::string* name = nullptr;
  int64_t quantity = 0;
  // Null: nothing was given, as with what was refused without an amount.
  const events::v1::Money* value = nullptr;
  const LimitCounts* counts = nullptr;
  // Null: the event has none.
  const std::string* purpose = nullptr;
};

const std::string& Nothing() {
  static const std::string* const kNothing = new std::string();
  return *kNothing;
}

// A sample, by one contact of those who had it. What it cost stands with the first.
Given SampleOf(const events::v1::InteractionMade& made, int contact) {
  static const std::string* const kName = new std::string("sample");
  const bool costs = contact == 0 && made.has_cost();
  return {made.contact_ids().empty() ? &Nothing() : &made.contact_ids(contact), kName, 0,
          costs ? &made.cost() : nullptr, &made.counts()};
}

// Nothing for rows of something else.
std::vector<Given> GivenIn(const Event& event) {
  switch (event.payload_case()) {
    case Event::kGiftGiven: {
      const auto& gift = event.gift_given();
      return {Given{&gift.contact_id(), &gift.item(), gift.quantity(), &gift.value(), &gift.counts(), &gift.purpose()}};
    }
    case Event::kCommissionPaid: {
      const auto& paid = event.commission_paid();
      return {Given{&paid.contact_id(), &Nothing(), 0, &paid.amount(), &paid.counts(), &paid.purpose()}};
    }
    case Event::kCommissionAccrued: {
      const auto& accrued = event.commission_accrued();
      return {Given{&accrued.contact_id(), &Nothing(), 0, &accrued.amount(), &accrued.counts(), &accrued.purpose()}};
    }
    case Event::kCommissionRefused: {
      const auto& refused = event.commission_refused();
      return {Given{&refused.contact_id(), &Nothing(), 0, refused.has_amount() ? &refused.amount() : nullptr, nullptr}};
    }
    case Event::kServiceProvided: {
      const auto& service = event.service_provided();
      return {Given{&service.contact_id(), &service.kind(), 0, &service.cost(), &service.counts()}};
    }
    case Event::kLoanIssued: {
      const auto& loan = event.loan_issued();
      return {Given{&loan.contact_id(), &loan.item(), loan.quantity(), &loan.value(), nullptr, &loan.purpose()}};
    }
    case Event::kInteractionMade: {
      const auto& made = event.interaction_made();
      std::vector<Given> samples;
      if (made.kind() != events::v1::INTERACTION_KIND_SAMPLE) return samples;
      for (int i = 0; i < std::max(1, made.contact_ids_size()); ++i) samples.push_back(SampleOf(made, i));
      return samples;
    }
    default:
      return {};
  }
}

// The allowance that a counter is of: "program/limits.gifts/...", by the version that was in force at the moment.
const programs::v1::Allowance* AllowanceOf(const domain::ProgramSet& programs, std::string_view counter, Micros time) {
  constexpr std::string_view kLimits = "limits.";
  const size_t slash = counter.find('/');
  if (slash == std::string_view::npos || counter.substr(slash + 1, kLimits.size()) != kLimits) return nullptr;
  const std::string_view program_id = counter.substr(0, slash);
  std::string_view limit_id = counter.substr(slash + 1 + kLimits.size());
  limit_id = limit_id.substr(0, limit_id.find('/'));
  const domain::CompiledProgram* version = nullptr;
  for (const auto& program : programs.programs()) {
    if (program->program().program_id() == program_id && program->effective_from() <= time) version = program.get();
  }
  if (version == nullptr) return nullptr;
  for (const programs::v1::Limit& limit : version->program().limits()) {
    if (limit.limit_id() != limit_id) continue;
    if (limit.has_gifts()) return &limit.gifts();
    if (limit.has_commissions()) return &limit.commissions();
    if (limit.has_services()) return &limit.services();
    if (limit.has_interactions()) return &limit.interactions();
  }
  return nullptr;
}

GivenLimit LimitOf(const domain::ProgramSet& programs, const events::v1::LimitCount& count, Micros occurred) {
  GivenLimit limit;
  limit.counter = count.counter();
  limit.period_start = domain::MicrosOf(count.period_start());
  limit.times = count.times_before() + 1;
  limit.micros = count.micros_before();
  AddCapped(limit.micros, count.micros());
  const programs::v1::Allowance* allowance = AllowanceOf(programs, limit.counter, occurred);
  if (allowance != nullptr && allowance->has_max_times()) limit.max_times = allowance->max_times();
  if (allowance != nullptr && allowance->has_max_micros()) limit.max_micros = allowance->max_micros();
  return limit;
}

// Order within an account: contact, period (newest first), kind, name.
using GroupKey = std::tuple<std::string, int64_t, int, std::string>;

struct Group {
  GivenRow row;
  // The latest count of each period of a counter. The ledger counted in the order of positions, not of time.
  std::map<std::pair<std::string, Micros>, std::pair<uint64_t, GivenLimit>> limits;
};

void AddPurpose(const std::string& purpose, std::vector<std::string>& purposes) {
  if (purpose.empty() || purposes.size() == kPurposesMax) return;
  if (std::find(purposes.begin(), purposes.end(), purpose) == purposes.end()) purposes.push_back(purpose);
}

// Whether a counter, "program/limits.id/contact/period", is of another contact; one without a contact is not.
bool IsOfAnother(std::string_view counter, std::string_view contact_id) {
  const size_t limit = counter.find('/');
  const size_t first = limit == std::string_view::npos ? limit : counter.find('/', limit + 1);
  const size_t last = counter.rfind('/');
  if (first == std::string_view::npos || first == last) return false;
  return counter.substr(first + 1, last - first - 1) != contact_id;
}

void CountOne(const EngagementHistory& history, const HistoryRow& row, const Given& given,
              const domain::ProgramSet& programs, int64_t period, std::map<GroupKey, Group>& groups) {
  const int kind = static_cast<int>(row.event.payload_case());
  std::string contact = history.ContactName(row.account, *given.contact_id);
  Group& group = groups[{contact, -period, kind, *given.name}];
  group.row.account_id = history.account_id;
  group.row.contact_id = std::move(contact);
  group.row.period = period;
  group.row.kind = kind;
  group.row.name = *given.name;
  group.row.times += 1;
  AddCapped(group.row.quantity, given.quantity);
  if (given.purpose != nullptr) AddPurpose(*given.purpose, group.row.purposes);
  if (given.value != nullptr) AddCapped(group.row.value[given.value->currency_code()], given.value->micros());
  if (given.counts == nullptr) return;
  for (const events::v1::LimitCount& count : *given.counts) {
    if (IsOfAnother(count.counter(), *given.contact_id)) continue;
    GivenLimit limit = LimitOf(programs, count, row.times.occurred);
    auto& [position, latest] = group.limits[{limit.counter, limit.period_start}];
    if (position > row.times.position) continue;
    position = row.times.position;
    latest = std::move(limit);
  }
}

void CountGiven(const EngagementHistory& history, const std::vector<HistoryRow>& rows,
                const domain::ProgramSet& programs, const GivenQuery& query, std::map<GroupKey, Group>& groups) {
  for (const HistoryRow& row : rows) {
    if (row.times.occurred < query.start) continue;
    const int kind = static_cast<int>(row.event.payload_case());
    if (!query.kinds.empty() && query.kinds.count(kind) == 0) continue;
    const int64_t period = query.periods.IndexAt(row.times.occurred);
    for (const Given& given : GivenIn(row.event)) CountOne(history, row, given, programs, period, groups);
  }
}

// In the order of the answer. A byte that no id has ends each text, so that a shorter one comes first.
std::string KeyOf(const GivenRow& row) {
  std::string key = row.account_id;
  key.push_back('\0');
  key.append(row.contact_id).push_back('\0');
  PutOrdered64(key, -row.period);
  PutBigEndian64(key, static_cast<uint64_t>(row.kind));
  return key.append(row.name);
}

// `account_id`: what the answer calls the account.
std::string NewestFirst(const std::string& account_id, const RecordPlace& place) {
  std::string key;
  PutOrdered64(key, ~place.occurred);
  key.append(account_id).push_back('\0');
  key.append(place.account_id).push_back('\0');
  PutBigEndian64(key, ~place.position);
  return key;
}

RecordPlace PlaceOf(const EngagementHistory& history, const HistoryRow& row) {
  return {history.AccountOf(row.account), row.times.occurred, row.times.position};
}

absl::StatusOr<EngagementScan> OpenGiven(const std::vector<const store::TableReader*>& shards,
                                         const EngagementScope& scope) {
  EngagementParts parts;
  parts.given = true;
  return EngagementScan::Open(shards, scope, parts);
}

// One account, or all.
absl::Status Visit(EngagementScan& scan, const std::string& account_id, const EngagementScan::Visitor& visit) {
  return account_id.empty() ? scan.Walk(visit) : LoadOne(scan, account_id, visit);
}

// What followed a violation: sanctions imposed for it, and of them those lifted.
ViolationRow Follow(const EngagementHistory& history, const HistoryRow& violation, Micros as_of) {
  ViolationRow row;
  row.account_id = history.account_id;
  row.records.push_back(PlaceOf(history, violation));
  // Sanctions that were imposed and not lifted, with their end.
  std::map<std::string, Micros> open;
  for (const HistoryRow& step : history.given) {
    if (step.account != violation.account) continue;
    if (step.event.has_sanction_imposed()) {
      const events::v1::SanctionImposed& imposed = step.event.sanction_imposed();
      if (imposed.violation_id() != violation.event.violation_recorded().violation_id()) continue;
      open[imposed.sanction_id()] = imposed.has_end_time() ? domain::MicrosOf(imposed.end_time()) : kNoEnd;
      row.records.push_back(PlaceOf(history, step));
    } else if (step.event.has_sanction_lifted() && open.erase(step.event.sanction_lifted().sanction_id()) != 0) {
      row.records.push_back(PlaceOf(history, step));
    }
  }
  for (const auto& [sanction, end] : open) row.sanctions_open += end >= as_of ? 1 : 0;
  return row;
}

}  // namespace

absl::StatusOr<GivenPage> ListGiven(const std::vector<const store::TableReader*>& shards, const EngagementScope& scope,
                                    const domain::ProgramSet& programs, const GivenQuery& query) {
  PageOf<GivenRow> page(query.continuation, query.page_size);
  EngagementParts parts;
  parts.given = true;
  parts.interactions = query.kinds.empty() || query.kinds.count(Event::kInteractionMade) > 0;
  parts.interactions_from = query.start;
  KL_ASSIGN_OR_RETURN(EngagementScan scan, EngagementScan::Open(shards, scope, parts));
  KL_RETURN_IF_ERROR(Visit(scan, query.account_id, [&](const EngagementHistory& history) {
    std::map<GroupKey, Group> groups;
    CountGiven(history, history.given, programs, query, groups);
    CountGiven(history, history.interactions, programs, query, groups);
    for (auto& [order, group] : groups) {
      std::string key = KeyOf(group.row);
      if (!page.Wants(key)) continue;
      for (auto& [counter, latest] : group.limits) group.row.limits.push_back(std::move(latest.second));
      page.Add(std::move(key), std::move(group.row));
    }
    return absl::OkStatus();
  }));
  GivenPage answer;
  answer.rows = page.Take(answer.continuation);
  return answer;
}

absl::StatusOr<FlagsPage> ListFlags(const std::vector<const store::TableReader*>& shards, const EngagementScope& scope,
                                    const FlagsQuery& query) {
  FlagsPage answer;
  PageOf<RecordPlace> page(query.continuation, query.page_size);
  KL_ASSIGN_OR_RETURN(EngagementScan scan, OpenGiven(shards, scope));
  KL_RETURN_IF_ERROR(scan.Walk([&](const EngagementHistory& history) {
    for (const HistoryRow& row : history.given) {
      if (!row.event.has_compliance_flagged() || row.times.occurred < query.start) continue;
      const events::v1::ComplianceFlagged& flag = row.event.compliance_flagged();
      if (!query.limit_id.empty() && flag.limit_id() != query.limit_id) continue;
      if (query.measure != events::v1::LIMIT_MEASURE_UNSPECIFIED && flag.measure() != query.measure) continue;
      answer.flag_count += 1;
      RecordPlace place = PlaceOf(history, row);
      std::string key = ContinuationAfter(place);
      page.Add(std::move(key), std::move(place));
    }
    return absl::OkStatus();
  }));
  answer.flags = page.Take(answer.continuation);
  return answer;
}

absl::StatusOr<ViolationsPage> ListViolations(const std::vector<const store::TableReader*>& shards,
                                              const EngagementScope& scope, const ViolationsQuery& query) {
  ViolationsPage answer;
  answer.side_counts.assign(kSides, 0);
  PageOf<ViolationRow> page(query.continuation, query.page_size);
  KL_ASSIGN_OR_RETURN(EngagementScan scan, OpenGiven(shards, scope));
  KL_RETURN_IF_ERROR(Visit(scan, query.account_id, [&](const EngagementHistory& history) {
    for (const HistoryRow& row : history.given) {
      if (!row.event.has_violation_recorded() || row.times.occurred < query.start) continue;
      const int side = row.event.violation_recorded().side();
      if (side >= 1 && side <= kSides) answer.side_counts[static_cast<size_t>(side) - 1] += 1;
      std::string key = NewestFirst(history.account_id, PlaceOf(history, row));
      if (page.Wants(key)) page.Add(std::move(key), Follow(history, row, scope.as_of));
    }
    return absl::OkStatus();
  }));
  answer.violations = page.Take(answer.continuation);
  return answer;
}

std::string ContinuationAfter(const RecordPlace& flag) { return NewestFirst(flag.account_id, flag); }

std::string ContinuationAfter(const ViolationRow& violation) {
  return NewestFirst(violation.account_id, violation.records.front());
}

}  // namespace keyledger::projections::engagement

#include "projections/engagement/prospect_queries.h"

#include <charconv>
#include <utility>

#include "keyledger/events/v1/event.pb.h"
#include "projections/engagement/pages.h"
#include "server/base/codec.h"
#include "server/base/error.h"

namespace keyledger::projections::engagement {
namespace {

using events::v1::Event;

// Null: the event cost nothing.
const events::v1::Money* CostIn(const Event& event) {
  switch (event.payload_case()) {
    case Event::kCostRecorded:
      return &event.cost_recorded().cost();
    case Event::kInteractionMade:
      return &event.interaction_made().cost();
    case Event::kGiftGiven:
      return &event.gift_given().value();
    case Event::kServiceProvided:
      return &event.service_provided().cost();
    case Event::kCommissionPaid:
      return &event.commission_paid().amount();
    default:
      return nullptr;
  }
}

void AddCosts(const std::vector<HistoryRow>& rows, std::map<std::string, int64_t>& costs) {
  for (const HistoryRow& row : rows) {
    const events::v1::Money* const cost = CostIn(row.event);
    if (cost != nullptr && cost->micros() != 0) AddCapped(costs[cost->currency_code()], cost->micros());
  }
}

// Nothing unless the fact holds a whole number.
std::optional<int64_t> ScoreAt(const EngagementHistory& history, std::string_view key, Micros at) {
  const FactChange* const fact = history.FactAt(key, at);
  if (fact == nullptr) return std::nullopt;
  int64_t score = 0;
  const char* const end = fact->value.data() + fact->value.size();
  const auto read = std::from_chars(fact->value.data(), end, score);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return score;
}

Prospect ProspectOf(const EngagementHistory& history, const ProspectsQuery& query, Micros at) {
  Prospect prospect;
  prospect.account_id = history.account_id;
  prospect.owner = history.OwnerAt(at);
  prospect.opened = history.opened().value_or(at);
  if (!history.referrals.empty()) {
    prospect.lead_source = history.referrals.back().event.referral_recorded().lead_source();
  }
  for (const ScoreOrder& order : query.order) prospect.scores.push_back(ScoreAt(history, order.score_id, at));
  for (const HistoryRow& row : history.interactions) {
    if (!row.event.has_interaction_made()) continue;
    prospect.interactions += 1;
    const events::v1::Interest interest = row.event.interaction_made().interest();
    if (interest != events::v1::INTEREST_UNSPECIFIED) prospect.interest = interest;
  }
  AddCosts(history.interactions, prospect.cost);
  AddCosts(history.given, prospect.cost);
  return prospect;
}

std::string KeyOf(const Prospect& prospect, const std::vector<ScoreOrder>& order) {
  std::string key;
  for (size_t i = 0; i < order.size(); ++i) {
    const std::optional<int64_t>& score = prospect.scores[i];
    key.push_back(score.has_value() ? '\0' : '\1');
    const int64_t value = score.value_or(0);
    PutOrdered64(key, order[i].descending ? ~value : value);
  }
  return key.append(prospect.account_id);
}

}  // namespace

absl::StatusOr<ProspectsAnswer> ListProspects(const std::vector<const store::TableReader*>& shards,
                                              const EngagementScope& scope, const ProspectsQuery& query) {
  ProspectsAnswer answer;
  EngagementParts parts;
  parts.interactions = parts.trades = parts.given = true;
  const Micros at = scope.as_of - 1;
  PageOf<Prospect> page(query.continuation, query.page_size);
  KL_ASSIGN_OR_RETURN(EngagementScan scan, EngagementScan::Open(shards, scope, parts));
  KL_RETURN_IF_ERROR(scan.Walk([&](const EngagementHistory& history) {
    if (!history.trades.empty() || !history.OpenAt(at)) return absl::OkStatus();
    Prospect prospect = ProspectOf(history, query, at);
    if (!query.lead_source.empty() && prospect.lead_source != query.lead_source) return absl::OkStatus();
    answer.prospect_count += 1;
    std::string key = KeyOf(prospect, query.order);
    page.Add(std::move(key), std::move(prospect));
    return absl::OkStatus();
  }));
  answer.prospects = page.Take(answer.continuation);
  return answer;
}

}  // namespace keyledger::projections::engagement

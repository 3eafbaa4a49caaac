#include "projections/engagement/profile_queries.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "keyledger/events/v1/event.pb.h"
#include "projections/engagement/derivation.h"
#include "projections/engagement/item_duties.h"
#include "projections/engagement/item_history.h"
#include "projections/engagement/one_account.h"
#include "projections/engagement/pages.h"
#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/domain/proto_time.h"

namespace keyledger::projections::engagement {
namespace {

using Reports = std::vector<HistoryRow>;

// A contact as recorded last.
struct KnownPerson {
  std::string subject_id;
  std::vector<std::string> fields;
};

std::map<std::string, KnownPerson> KnownPeople(const EngagementHistory& history) {
  std::map<std::string, KnownPerson> people;
  for (const HistoryRow& row : history.contacts) {
    if (row.event.has_contact_removed()) {
      people.erase(history.ContactName(row.account, row.event.contact_removed().contact_id()));
    }
    if (!row.event.has_contact_recorded()) continue;
    const events::v1::ContactRecorded& recorded = row.event.contact_recorded();
    const auto& fields = recorded.person().known_fields();
    people[history.ContactName(row.account, recorded.contact_id())] = {recorded.person().subject_id(),
                                                                       {fields.begin(), fields.end()}};
  }
  return people;
}

// What an account is asked for, and what it has.
class Profiler {
 public:
  Profiler(const EngagementHistory& history, Micros as_of, const domain::ProgramSet& programs,
           const IsErased& is_erased)
      : history_(history),
        as_of_(as_of),
        at_(as_of - 1),
        basis_{programs, as_of},
        program_(programs.Select(at_, history.RegionAt(at_))),
        placed_(PlacedContacts(history)),
        people_(KnownPeople(history)) {
    for (auto& [name, person] : people_) {
      if (is_erased && is_erased(person.subject_id)) person.fields.clear();
    }
    for (const HistoryRow& row : history.interactions) {
      for (const std::string& contact : row.event.interaction_made().contact_ids()) {
        met_[history.ContactName(row.account, contact)] = row.times.occurred;
      }
    }
  }

  // Profiles that fit the account.
  std::vector<const programs::v1::Profile*> Asked() const {
    std::vector<const programs::v1::Profile*> asked;
    if (program_ == nullptr) return asked;
    for (const programs::v1::Profile& profile : program_->program().profiles()) {
      if (FitsTier(profile.tier_ids(), history_.TierAt(at_))) asked.push_back(&profile);
    }
    return asked;
  }

  ProfileState State() const {
    ProfileState state;
    state.account_id = history_.account_id;
    state.owner = history_.OwnerAt(at_);
    // Several profiles may ask for the same; it is missing once.
    std::map<std::pair<GapKind, std::string>, ProfileGap> gaps;
    const auto add = [&gaps](std::optional<ProfileGap> gap) {
      if (gap.has_value()) gaps.emplace(std::make_pair(gap->kind, gap->name), *gap);
    };
    for (const programs::v1::Profile* profile : Asked()) {
      for (const auto& fact : profile->facts()) add(FactGap(fact));
      for (const auto& post : profile->posts()) {
        add(PostGap(post));
        for (const std::string& field : post.person_fields()) add(FieldGap(post.post(), field));
        state.required += post.person_fields_size();
      }
      if (profile->need_max_age_days() != 0) {
        add(AgeGap(GapKind::kNeed, LatestNeed(), profile->need_max_age_days()));
      }
      if (profile->position_max_age_days() != 0) {
        add(AgeGap(GapKind::kPosition, LatestPosition(), profile->position_max_age_days()));
      }
      state.required += profile->facts_size() + profile->posts_size() + (profile->need_max_age_days() != 0 ? 1 : 0) +
                        (profile->position_max_age_days() != 0 ? 1 : 0);
    }
    add(ZoneGap());
    for (auto& [key, gap] : gaps) state.gaps.push_back(std::move(gap));
    return state;
  }

  std::string ZoneName() const { return ZoneNameOf(history_, basis_); }

  std::vector<ProfilePost> Posts() const {
    // In the order of the answer: by post, then contact; nobody in one that was left, or is asked for.
    std::map<std::pair<std::string, std::string>, ProfilePost> posts;
    std::set<std::string> named;
    for (const HistoryRow& row : history_.contacts) {
      if (row.event.has_contact_placed()) named.insert(row.event.contact_placed().post());
    }
    for (const programs::v1::Profile* profile : Asked()) {
      for (const auto& post : profile->posts()) named.insert(post.post());
    }
    for (const auto& [contact, place] : placed_) {
      named.erase(place.post);
      ProfilePost& post = posts[{place.post, contact}];
      post = {place.post, contact, place.rank, place.key_post, place.since, {}, std::nullopt};
      if (const auto person = people_.find(contact); person != people_.end()) post.known_fields = person->second.fields;
      if (const auto met = met_.find(contact); met != met_.end()) post.last_met = met->second;
    }
    for (const std::string& post : named) posts[{post, ""}].post = post;
    std::vector<ProfilePost> sorted;
    for (auto& [key, post] : posts) sorted.push_back(std::move(post));
    return sorted;
  }

 private:
  bool IsStale(Micros stated, uint32_t max_age_days) const {
    return max_age_days != 0 && stated < as_of_ - static_cast<Micros>(max_age_days) * kMicrosPerDay;
  }

  std::optional<ProfileGap> FactGap(const programs::v1::RequiredFact& asked) const {
    const FactChange* fact = history_.FactAt(asked.fact_key(), at_);
    if (fact == nullptr) return ProfileGap{GapKind::kFactMissing, asked.fact_key(), RemovedAt(asked.fact_key()), 0};
    if (!IsStale(fact->since, asked.max_age_days())) return std::nullopt;
    return ProfileGap{GapKind::kFactStale, asked.fact_key(), fact->since, asked.max_age_days()};
  }

  // Until when a fact was known that is not any more; nothing: it never was.
  std::optional<Micros> RemovedAt(const std::string& key) const {
    const auto changes = history_.facts.find(key);
    if (changes == history_.facts.end()) return std::nullopt;
    std::optional<Micros> removed;
    bool known = false;
    for (const FactChange& change : changes->second) {
      if (change.since > at_) break;
      if (known && change.removed) removed = change.since;
      known = !change.removed;
    }
    return removed;
  }

  // The one who has held the post for the shortest time: stale is who was confirmed longest ago, unless another was
  // placed since.
  std::optional<std::pair<std::string, PlacedContact>> Holder(const std::string& post) const {
    std::optional<std::pair<std::string, PlacedContact>> holder;
    for (const auto& [name, place] : placed_) {
      if (place.post == post && (!holder.has_value() || place.since > holder->second.since)) holder = {name, place};
    }
    return holder;
  }

  std::optional<ProfileGap> PostGap(const programs::v1::RequiredPost& asked) const {
    if (const auto holder = Holder(asked.post()); holder.has_value()) {
      if (!IsStale(holder->second.since, asked.max_age_days())) return std::nullopt;
      return ProfileGap{GapKind::kPostStale, asked.post(), holder->second.since, asked.max_age_days()};
    }
    ProfileGap gap{GapKind::kPostEmpty, asked.post(), std::nullopt, 0};
    for (const HistoryRow& row : history_.contacts) {
      if (row.event.contact_placed().post() == asked.post()) gap.last_time = row.times.occurred;
    }
    return gap;
  }

  std::optional<ProfileGap> FieldGap(const std::string& post, const std::string& field) const {
    const auto holder = Holder(post);
    // That nobody fills the post is a gap of its own.
    if (!holder.has_value()) return std::nullopt;
    const auto person = people_.find(holder->first);
    if (person != people_.end()) {
      const auto& fields = person->second.fields;
      if (std::find(fields.begin(), fields.end(), field) != fields.end()) return std::nullopt;
    }
    return ProfileGap{GapKind::kPersonField, fmt::format("{}.{}", post, field), std::nullopt, 0};
  }

  std::optional<ProfileGap> AgeGap(GapKind kind, std::optional<Micros> last, uint32_t max_age_days) const {
    if (last.has_value() && !IsStale(*last, max_age_days)) return std::nullopt;
    return ProfileGap{kind, "", last, last.has_value() ? max_age_days : 0};
  }

  std::optional<ProfileGap> ZoneGap() const {
    std::string key = ZoneFactOf(history_, basis_);
    const FactChange* fact = history_.FactAt(key, at_);
    if (fact == nullptr || Zone::Load(fact->value)) return std::nullopt;
    return ProfileGap{GapKind::kTimeZone, std::move(key), fact->since, 0};
  }

  // That a need is settled says no more about what is needed.
  std::optional<Micros> LatestNeed() const {
    std::optional<Micros> last;
    for (const HistoryRow& row : history_.knowledge) {
      if (row.event.has_need_stated() && !row.event.need_stated().settled()) last = row.times.occurred;
    }
    return last;
  }

  std::optional<Micros> LatestPosition() const {
    std::optional<Micros> last;
    for (const HistoryRow& row : history_.knowledge) {
      if (row.event.has_position_stated()) last = row.times.occurred;
    }
    return last;
  }

  const EngagementHistory& history_;
  const Micros as_of_;
  const Micros at_;
  const DutyBasis basis_;
  const domain::CompiledProgram* const program_;
  const std::map<std::string, PlacedContact> placed_;
  std::map<std::string, KnownPerson> people_;
  // When a contact was met last.
  std::map<std::string, Micros> met_;
};

std::vector<ProfileFact> FactsOf(const EngagementHistory& history, Micros at) {
  std::vector<ProfileFact> facts;
  for (const auto& [key, changes] : history.facts) {
    const FactChange* fact = history.FactAt(key, at);
    if (fact != nullptr) facts.push_back({key, fact->value, fact->since, fact->person});
  }
  return facts;
}

// Needs by account and id, positions by contact and horizon, tender lists by account and id: of each the latest.
void FillSaid(const EngagementHistory& history, Micros as_of, ProfileAnswer& answer) {
  std::map<std::pair<uint32_t, std::string>, Dated<events::v1::NeedStated>> needs;
  std::map<std::pair<std::string, uint32_t>, Dated<events::v1::PositionStated>> positions;
  std::map<std::pair<uint32_t, std::string>, Dated<events::v1::TenderListStated>> lists;
  for (const HistoryRow& row : history.knowledge) {
    if (row.event.has_need_stated()) {
      events::v1::NeedStated need = row.event.need_stated();
      need.set_contact_id(history.ContactName(row.account, need.contact_id()));
      std::string id = need.need_id();
      needs[{row.account, std::move(id)}] = {std::move(need), row.times.occurred};
    } else if (row.event.has_position_stated()) {
      events::v1::PositionStated position = row.event.position_stated();
      position.set_contact_id(history.ContactName(row.account, position.contact_id()));
      std::pair<std::string, uint32_t> key{position.contact_id(), position.years_ahead()};
      positions[std::move(key)] = {std::move(position), row.times.occurred};
    } else if (row.event.has_tender_list_stated()) {
      const events::v1::TenderListStated& list = row.event.tender_list_stated();
      lists[{row.account, list.list_id()}] = {list, row.times.occurred};
    } else if (row.event.has_account_ceded()) {
      answer.ceded = row.event.account_ceded();
    }
  }
  for (auto& [key, need] : needs) {
    if (!need.report.settled()) answer.needs.push_back(std::move(need));
  }
  std::stable_sort(answer.needs.begin(), answer.needs.end(),
                   [](const auto& a, const auto& b) { return a.stated > b.stated; });
  for (auto& [key, position] : positions) answer.positions.push_back(std::move(position));
  for (auto& [key, list] : lists) {
    const bool lapsed = list.report.has_end_time() && domain::MicrosOf(list.report.end_time()) < as_of;
    if (list.report.registered() && !lapsed) answer.tender_lists.push_back(std::move(list));
  }
}

// Valuations, evaluations and adaptations, the newest first.
void FillReports(const EngagementHistory& history, ProfileAnswer& answer) {
  std::map<std::string, int64_t> before;
  int32_t satisfaction = 0;
  for (const HistoryRow& row : history.knowledge) {
    if (row.event.survey_answered().kind() == events::v1::SURVEY_KIND_SATISFACTION) {
      satisfaction = row.event.survey_answered().score();
    } else if (row.event.has_asset_valued()) {
      const events::v1::AssetValued& valued = row.event.asset_valued();
      const auto known = before.find(valued.value().currency_code());
      const int64_t change = known == before.end() ? 0 : valued.value().micros() - known->second;
      answer.values.push_back({valued, row.times.occurred, change, satisfaction});
      before[valued.value().currency_code()] = valued.value().micros();
    } else if (row.event.has_evaluation_recorded()) {
      answer.evaluations.push_back(row.event.evaluation_recorded());
      std::string contact = history.ContactName(row.account, answer.evaluations.back().contact_id());
      answer.evaluations.back().set_contact_id(std::move(contact));
    } else if (row.event.has_adaptation_recorded()) {
      answer.adaptations.push_back(row.event.adaptation_recorded());
    }
  }
  const auto newest = [](auto& reports) {
    std::reverse(reports.begin(), reports.end());
    if (reports.size() > kProfileReportsMax) reports.resize(kProfileReportsMax);
  };
  newest(answer.values);
  newest(answer.evaluations);
  newest(answer.adaptations);
}

// What a contract that runs at the moment says after its amendments.
struct ContractTerm {
  Micros end = 0;
  events::v1::Money penalty;
};

std::optional<ContractTerm> RunningContract(const ItemRun& run, Micros as_of) {
  if (!run.open()) return std::nullopt;
  ContractTerm term;
  term.end = ContractEndTime(run);
  if (term.end <= as_of) return std::nullopt;
  for (const ItemStepTaken& step : run.steps) {
    const events::v1::Event& event = step.row->event;
    if (event.has_contract_signed()) term.penalty = event.contract_signed().early_end_penalty();
    if (event.contract_amended().has_early_end_penalty()) term.penalty = event.contract_amended().early_end_penalty();
  }
  return term;
}

// Whether an entitlement is open, valid and not used up.
bool IsUsable(const ItemRun& run, Micros as_of) {
  if (!run.open()) return false;
  const events::v1::EntitlementGranted& granted = run.opening().event.entitlement_granted();
  int64_t used = 0;
  for (const ItemStepTaken& step : run.steps) AddCapped(used, step.row->event.entitlement_used().quantity());
  const bool over = granted.has_end_time() && domain::MicrosOf(granted.end_time()) <= as_of;
  return !over && (granted.quantity() == 0 || used < granted.quantity());
}

SwitchingCost CostOf(const EngagementHistory& history, Micros as_of) {
  SwitchingCost cost;
  std::map<std::string, int64_t> penalties;
  for (const HistoryItem& item : history.items) {
    for (const ItemRun& run : RunsOf(item)) {
      if (run.kind == domain::ItemKind::kEntitlement) cost.entitlements += IsUsable(run, as_of) ? 1 : 0;
      if (run.kind != domain::ItemKind::kContract) continue;
      const std::optional<ContractTerm> term = RunningContract(run, as_of);
      if (!term.has_value()) continue;
      cost.contract_days = std::max(cost.contract_days, (term->end - as_of) / kMicrosPerDay);
      if (term->penalty.micros() != 0) AddCapped(penalties[term->penalty.currency_code()], term->penalty.micros());
    }
  }
  // In the currency in which most is to be paid.
  for (const auto& [currency, micros] : penalties) {
    if (micros <= cost.penalty_micros) continue;
    cost.penalty_micros = micros;
    cost.currency_code = currency;
  }
  for (const HistoryRow& row : history.interactions) {
    cost.our_minutes += row.event.interaction_made().our_minutes();
    cost.account_minutes += row.event.interaction_made().account_minutes();
  }
  std::set<std::string_view> categories;
  for (const HistoryRow& row : history.trades) {
    for (const auto& line : row.event.purchase_recorded().lines()) {
      if (!line.category().empty()) categories.insert(line.category());
    }
  }
  cost.categories = static_cast<int64_t>(categories.size());
  return cost;
}

std::map<std::string, int64_t> SavedBy(const EngagementHistory& history) {
  std::map<std::string, int64_t> saved;
  for (const HistoryRow& row : history.trades) {
    for (const auto& line : row.event.purchase_recorded().lines()) {
      const int64_t micros = line.has_single_amount() ? line.single_amount().micros() - line.amount().micros() : 0;
      if (micros > 0) AddCapped(saved[line.amount().currency_code()], micros);
    }
  }
  return saved;
}

}  // namespace

ProfileAnswer ProfileOf(const EngagementHistory& history, Micros as_of, const domain::ProgramSet& programs,
                        const IsErased& is_erased) {
  const Profiler profiler(history, as_of, programs, is_erased);
  ProfileAnswer answer;
  answer.time_zone = profiler.ZoneName();
  answer.people = PeopleOf(history, as_of, {kProfileWindowDays});
  answer.posts = profiler.Posts();
  answer.facts = FactsOf(history, as_of - 1);
  FillSaid(history, as_of, answer);
  FillReports(history, answer);
  answer.gaps = profiler.State().gaps;
  answer.switching_cost = CostOf(history, as_of);
  answer.saved = SavedBy(history);
  return answer;
}

ProfileState ProfileStateOf(const EngagementHistory& history, Micros as_of, const domain::ProgramSet& programs,
                            const IsErased& is_erased) {
  return Profiler(history, as_of, programs, is_erased).State();
}

absl::StatusOr<ProfileAnswer> GetProfile(const std::vector<const store::TableReader*>& shards,
                                         const EngagementScope& asked, const domain::ProgramSet& programs,
                                         const std::string& account_id, const IsErased& is_erased) {
  EngagementScope scope = asked;
  scope.filter = {};
  EngagementParts parts;
  parts.contacts = parts.interactions = parts.knowledge = parts.trades = parts.items = true;
  std::optional<ProfileAnswer> answer;
  KL_ASSIGN_OR_RETURN(EngagementScan scan, EngagementScan::Open(shards, scope, parts));
  KL_RETURN_IF_ERROR(LoadOne(scan, account_id, [&](const EngagementHistory& history) {
    answer = ProfileOf(history, scope.as_of, programs, is_erased);
    return absl::OkStatus();
  }));
  if (answer.has_value()) return *std::move(answer);
  return MakeError(Reason::kAccountNotFound, fmt::format("there is no account {} at that moment", account_id));
}

absl::StatusOr<ProfilesAnswer> ListProfiles(const std::vector<const store::TableReader*>& shards,
                                            const EngagementScope& scope, const domain::ProgramSet& programs,
                                            const ProfilesQuery& query, const IsErased& is_erased) {
  ProfilesAnswer answer;
  EngagementParts parts;
  parts.contacts = parts.knowledge = true;
  PageOf<ProfileState> page(query.continuation, query.page_size);
  KL_ASSIGN_OR_RETURN(EngagementScan scan, EngagementScan::Open(shards, scope, parts));
  KL_RETURN_IF_ERROR(scan.Walk([&](const EngagementHistory& history) {
    if (!history.OpenAt(scope.as_of - 1)) return absl::OkStatus();
    ProfileState state = ProfileStateOf(history, scope.as_of, programs, is_erased);
    if (state.required == 0) return absl::OkStatus();
    answer.account_count += 1;
    answer.complete_count += state.gaps.empty() ? 1 : 0;
    if (state.gaps.empty() && !query.complete_too) return absl::OkStatus();
    std::string key;
    PutOrdered64(key, -static_cast<int64_t>(state.gaps.size()));
    key += state.account_id;
    page.Add(std::move(key), std::move(state));
    return absl::OkStatus();
  }));
  answer.profiles = page.Take(answer.continuation);
  return answer;
}

}  // namespace keyledger::projections::engagement

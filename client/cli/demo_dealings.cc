// The demo's dealings. See demo_dealings.h.
#include "client/cli/demo_dealings.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "client/cli/demo_generator.h"
#include "client/cli/text.h"

namespace keyledger::cli {
namespace {

namespace ev = ::keyledger::events::v1;

constexpr int64_t kDaySeconds = 86'400;
constexpr int64_t kFirstDay = 19'358;  // 2023-01-01, in days since 1970
constexpr int64_t kDays = 1'096;

// Who leaves, when, and who takes over: after the last account has opened.
struct Departure {
  const char* person;
  int64_t day;
  const char* successor;
};
constexpr std::array<Departure, 2> kDepartures = {{{"km-07", 931, "km-12"}, {"km-15", 987, "km-03"}}};

constexpr std::array<const char*, 4> kPosts = {"purchasing", "head", "handler", "finance"};
constexpr std::array<const char*, 5> kNeeds = {"shorter delivery times", "larger packs", "training on site",
                                               "one invoice a month", "spare parts in stock"};
constexpr std::array<const char*, 5> kComplaints = {"late delivery", "damaged goods", "wrong invoice", "slow answer",
                                                    "quality below sample"};
constexpr std::array<const char*, 4> kDeals = {"yearly supply", "new line", "second site", "service package"};
constexpr std::array<const char*, 4> kReasons = {"price", "delivery time", "budget cut", "stayed with the old one"};

class DealingsStory {
 public:
  DealingsStory(const DemoLife& life, const DemoPlan& plan)
      // Another stream than those of the trade and of what is known.
      : life_(life),
        plan_(plan),
        random_((life.seed * 0x9e3779b97f4a7c15ULL + life.number) ^ 0x6465'616c'696e'6773ULL) {}

  void Tell() {
    // Of a day on which somebody leaves, this comes first.
    Handover();
    Contact();
    Calls();
    Visits();
    Issues();
    Opportunity();
  }

 private:
  // Whether something can happen on this day.
  bool Within(int64_t day) const { return day >= life_.first_day && day < life_.end_day; }

  // Who is responsible on this day. A day of departure is the successor's already.
  std::string Owner(int64_t day) const {
    for (const Departure& departure : kDepartures) {
      if (life_.owner == departure.person && day >= departure.day) return departure.successor;
    }
    return life_.owner;
  }

  static google::protobuf::Timestamp Midnight(int64_t day) {
    return TimestampFromMicros((kFirstDay + day) * kDaySeconds * 1'000'000);
  }

  void Contact() {
    if (!random_.Chance(600'000)) return;
    const int64_t day = life_.first_day + random_.Between(0, 60);
    const size_t post = random_.Below(kPosts.size());
    if (!Within(day)) return;
    ev::ContactPlaced& placed = *plan_(day).mutable_contact_placed();
    placed.set_contact_id("c-1");
    placed.set_post(kPosts[post]);
    placed.set_rank(post == 1 ? 1 : static_cast<uint32_t>(random_.Between(2, 5)));
    placed.set_key_post(post <= 1);
    known_ = day;
    if (random_.Chance(350'000) && Within(day + 30)) {
      ev::NeedStated& need = *plan_(day + 30).mutable_need_stated();
      need.set_need_id("n-1");
      need.set_description(kNeeds[random_.Below(kNeeds.size())]);
      need.set_contact_id("c-1");
    }
  }

  ev::InteractionMade& Made(int64_t day, ev::InteractionKind kind) {
    ev::InteractionMade& made = *plan_(day).mutable_interaction_made();
    made.set_kind(kind);
    made.add_people(Owner(day));
    if (known_ && *known_ <= day) made.add_contact_ids("c-1");
    made.set_our_minutes(static_cast<uint32_t>(random_.Between(5, 90)));
    return made;
  }

  // Everybody has a rhythm, and loses it now and then. Who stopped buying is still called for a while.
  void Calls() {
    const int64_t rhythm = random_.Between(45, 150);
    for (int64_t day = life_.first_day + random_.Between(7, rhythm); Within(day); day += rhythm) {
      const int64_t call = day + random_.Between(-6, 6);
      const bool skipped = random_.Chance(180'000);
      if (skipped || !Within(call) || (life_.dropped && call > life_.last_purchase_day + 200)) continue;
      ev::InteractionMade& made =
          Made(call, random_.Chance(150'000) ? ev::INTERACTION_KIND_MAIL : ev::INTERACTION_KIND_PHONE);
      made.set_initiator(random_.Chance(200'000) ? ev::INITIATOR_ACCOUNT : ev::INITIATOR_US);
    }
  }

  // Two in five are visited; some visits are planned before, a few of those are missed.
  void Visits() {
    if (!random_.Chance(400'000)) return;
    int number = 0;
    for (int64_t day = life_.first_day + random_.Between(20, 160); Within(day); day += random_.Between(110, 260)) {
      const bool planned = random_.Chance(400'000);
      const bool missed = random_.Chance(120'000);
      const int64_t ahead = random_.Between(3, 20);
      const std::string id = fmt::format("v-{}", ++number);
      if (planned && Within(day - ahead)) {
        ev::InteractionPlanned& plan = *plan_(day - ahead).mutable_interaction_planned();
        plan.set_interaction_id(id);
        plan.set_kind(ev::INTERACTION_KIND_VISIT);
        *plan.mutable_start_time() = Midnight(day);
        plan.add_people(Owner(day - ahead));
        plan.set_purpose("review of the business");
        if (missed) {
          ev::InteractionMissed& not_made = *plan_(day).mutable_interaction_missed();
          not_made.set_interaction_id(id);
          not_made.set_cause(random_.Chance(500'000) ? ev::MISSED_CAUSE_ACCOUNT : ev::MISSED_CAUSE_CANCELLED);
          continue;
        }
      }
      Visit(day, planned && Within(day - ahead) ? id : "");
    }
  }

  // Most of what is agreed to follow, follows in time.
  void Visit(int64_t day, const std::string& planned_id) {
    ev::InteractionMade& made = Made(day, ev::INTERACTION_KIND_VISIT);
    made.set_interaction_id(planned_id);
    made.set_purpose("review of the business");
    made.set_preparation("figures of the last half year");
    made.set_result(random_.Chance(600'000) ? "content, plans as before" : "asks for better terms");
    made.set_interest(random_.Chance(300'000)   ? ev::INTEREST_HIGH
                      : random_.Chance(700'000) ? ev::INTEREST_SOME
                                                : ev::INTEREST_NONE);
    made.set_account_minutes(static_cast<uint32_t>(random_.Between(20, 120)));
    const int64_t due = random_.Between(5, 20);
    made.mutable_next_step()->set_what("call with the figures");
    *made.mutable_next_step()->mutable_due_time() = Midnight(day + due);
    made.mutable_next_step()->set_kind(ev::INTERACTION_KIND_PHONE);
    if (random_.Chance(750'000) && Within(day + due - 1)) {
      Made(day + due - 1, ev::INTERACTION_KIND_PHONE).set_initiator(ev::INITIATOR_US);
    }
  }

  // Those who will go complain more, and wait longer.
  void Issues() {
    const auto chance = static_cast<uint64_t>(life_.dropped ? 450'000 : 220'000);
    const int64_t issues = random_.Chance(chance) ? random_.Between(1, 3) : 0;
    for (int64_t i = 1; i <= issues; ++i) {
      const int64_t latest = life_.dropped ? std::max(life_.last_purchase_day, life_.first_day + 1) : kDays - 1;
      const int64_t day = random_.Between(life_.first_day + 1, std::max(latest, life_.first_day + 1));
      Issue(day, fmt::format("I-{}", i));
    }
  }

  void Issue(int64_t day, const std::string& id) {
    const char* what = kComplaints[random_.Below(kComplaints.size())];
    const auto severity = static_cast<uint32_t>(random_.Between(1, 4));
    const int64_t answer = day + random_.Between(1, 5);
    const int64_t resolved = answer + (life_.dropped ? random_.Between(4, 40) : random_.Between(1, 14));
    const bool solved = random_.Chance(life_.dropped ? 600'000 : 920'000);
    const bool confirmed = random_.Chance(800'000);
    if (!Within(day)) return;
    ev::IssueOpened& opened = *plan_(day).mutable_issue_opened();
    opened.set_issue_id(id);
    opened.set_kind(ev::ISSUE_KIND_COMPLAINT);
    opened.set_description(what);
    opened.set_severity(severity);
    *opened.mutable_due_time() = Midnight(day + 10);
    if (!Within(answer)) return;
    Move(answer, id, ev::ISSUE_STATE_ANSWERED, "looked into");
    if (!solved || !Within(resolved)) return;
    Move(resolved, id, ev::ISSUE_STATE_RESOLVED, "made good");
    if (confirmed && Within(resolved + 7)) Move(resolved + 7, id, ev::ISSUE_STATE_CLOSED, "");
  }

  void Move(int64_t day, const std::string& id, ev::IssueState state, const char* note) {
    ev::IssueMoved& moved = *plan_(day).mutable_issue_moved();
    moved.set_issue_id(id);
    moved.set_state(state);
    moved.set_note(note);
  }

  // Pursued for months, so that many cross the end of a year; some are open when the story ends.
  void Opportunity() {
    if (!random_.Chance(250'000)) return;
    const char* what = kDeals[random_.Below(kDeals.size())];
    const int64_t cents = random_.Between(10, 900) * 10'000;
    const int64_t first = life_.first_day + random_.Between(30, 700);
    const bool won = random_.Chance(life_.dropped ? 200'000 : 450'000);
    const char* reason = kReasons[random_.Below(kReasons.size())];
    if (!Within(first)) return;
    ev::OpportunityOpened& opened = *plan_(first).mutable_opportunity_opened();
    opened.set_opportunity_id("O-1");
    opened.set_description(what);
    opened.mutable_amount()->set_currency_code("USD");
    opened.mutable_amount()->set_micros(cents * 10'000);
    opened.set_chance_milli(200);
    *opened.mutable_close_time() = Midnight(first + 180);
    int32_t chance = 200;
    int64_t day = first;
    for (const ev::OpportunityStage stage :
         {ev::OPPORTUNITY_STAGE_QUALIFIED, ev::OPPORTUNITY_STAGE_SOLUTION, ev::OPPORTUNITY_STAGE_NEGOTIATION}) {
      day += random_.Between(15, 80);
      if (!Within(day)) return;
      ev::OpportunityMoved& moved = *plan_(day).mutable_opportunity_moved();
      moved.set_opportunity_id("O-1");
      moved.set_stage(stage);
      moved.set_chance_milli(chance += 200);
    }
    day += random_.Between(10, 90);
    if (!Within(day)) return;
    ev::OpportunityMoved& ended = *plan_(day).mutable_opportunity_moved();
    ended.set_opportunity_id("O-1");
    ended.set_stage(won ? ev::OPPORTUNITY_STAGE_WON : ev::OPPORTUNITY_STAGE_LOST);
    if (!won) ended.set_reason(reason);
  }

  // Two of the owners leave the company in 2025.
  void Handover() {
    for (const Departure& departure : kDepartures) {
      if (life_.owner != departure.person || !Within(departure.day)) continue;
      ev::OwnerTransferred& transferred = *plan_(departure.day).mutable_owner_transferred();
      transferred.set_from_person(departure.person);
      transferred.set_to_person(departure.successor);
      transferred.set_reason(ev::OWNER_CHANGE_REASON_DEPARTED);
    }
  }

  const DemoLife& life_;
  const DemoPlan& plan_;
  DemoRandom random_;
  // Day from which a contact is known.
  std::optional<int64_t> known_;
};

}  // namespace

void TellDealings(const DemoLife& life, const DemoPlan& plan) { DealingsStory(life, plan).Tell(); }

}  // namespace keyledger::cli

// The demo's relationships. See demo_relation.h.
#include "client/cli/demo_relation.h"

#include <algorithm>

#include <fmt/format.h>

#include "client/cli/demo_generator.h"
#include "client/cli/text.h"

namespace keyledger::cli {
namespace {

namespace ev = ::keyledger::events::v1;

constexpr int64_t kDaySeconds = 86'400;
constexpr int64_t kFirstDay = 19'358;  // 2023-01-01, in days since 1970
// First days of 2023 to 2026, counted from the first.
constexpr std::array<int64_t, 4> kYears = {0, 365, 731, 1'096};
constexpr int64_t kYearDays = 365;

constexpr std::array<const char*, 4> kClubs = {"key_circle", "key_circle", "young_buyers", "golf_days"};
constexpr std::array<const char*, 4> kCompetitors = {"Rival Supply", "Borealis Trade", "Quickparts",
                                                     "Old Harbour Goods"};
constexpr std::array<const char*, 3> kServices = {"visit", "express delivery", "returns handling"};
constexpr std::array<const char*, 3> kContractKinds = {"supply", "supply", "service"};
// Chance that a contract is renewed, in ppm, at equally spaced quantiles: those who stay, stay.
constexpr std::array<int64_t, 7> kRenewal = {250'000, 520'000, 680'000, 790'000, 870'000, 930'000, 985'000};

class RelationStory {
 public:
  RelationStory(const DemoLife& life, const DemoPlan& plan)
      // Another stream than the trade's.
      : life_(life),
        plan_(plan),
        random_((life.seed * 0x9e3779b97f4a7c15ULL + life.number) ^ 0x7265'6c61'7469'6f6eULL) {}

  void Tell() {
    Referral();
    Costs();
    Surveys();
    Budgets();
    Club();
    Competitor();
    Contract();
    NewOwner();
  }

 private:
  // Whether something can happen on this day.
  bool Within(int64_t day) const { return day >= life_.first_day && day < life_.end_day; }

  static google::protobuf::Timestamp Midnight(int64_t day) {
    return TimestampFromMicros((kFirstDay + day) * kDaySeconds * 1'000'000);
  }
  static void SetMoney(ev::Money* money, int64_t cents) {
    money->set_currency_code("USD");
    money->set_micros(cents * 10'000);
  }

  // More than half came by a source that is known; two in five of them were sent by an older account, most by a few.
  void Referral() {
    const uint64_t source = random_.Below(100);
    // The lower of two draws: the first accounts have sent the most.
    const uint64_t older =
        std::min(random_.Below(std::max(life_.number - 1, 1u)), random_.Below(std::max(life_.number - 1, 1u)));
    if (source >= 58) {
      return;
    }
    ev::ReferralRecorded& referral = *plan_(life_.first_day).mutable_referral_recorded();
    if (source < 24 && life_.number > 1) {
      referral.set_referrer_account_id(fmt::format("demo-{:04}", older + 1));
      referral.set_lead_source("referral");
    } else {
      referral.set_lead_source(source < 34 ? "broker" : source < 44 ? "trade_fair" : "direct");
    }
  }

  void Cost(int64_t day, ev::CostPurpose purpose, int64_t cents, const char* kind) {
    if (!Within(day)) {
      return;
    }
    ev::CostRecorded& cost = *plan_(day).mutable_cost_recorded();
    cost.set_purpose(purpose);
    SetMoney(cost.mutable_cost(), cents);
    cost.set_kind(kind);
  }

  void Costs() {
    if (random_.Chance(450'000)) {
      Cost(life_.first_day, ev::COST_PURPOSE_ACQUISITION, random_.Between(4'000, 60'000), "sales effort");
    }
    const bool costly = random_.Chance(60'000);
    for (const int64_t year : {kYears[0], kYears[1], kYears[2]}) {
      if (random_.Chance(250'000)) {
        Cost(year + random_.Between(20, 340), ev::COST_PURPOSE_RETENTION, random_.Between(1'500, 12'000), "care");
      }
      const int64_t times = costly ? random_.Between(3, 9) : static_cast<int64_t>(random_.Below(4) / 3);
      for (int64_t i = 0; i < times; ++i) {
        Cost(year + random_.Between(0, 364), ev::COST_PURPOSE_SERVICE, random_.Between(800, costly ? 90'000 : 9'000),
             kServices[random_.Below(kServices.size())]);
      }
    }
  }

  // Those who will go are less content, but not all of them say so.
  void Surveys() {
    if (!random_.Chance(450'000)) {
      return;
    }
    const int64_t mood = random_.Between(7, 10);
    for (int64_t day = life_.first_day + random_.Between(30, 200); Within(day); day += random_.Between(120, 280)) {
      const bool going = life_.dropped && day + 150 > life_.last_purchase_day;
      const int64_t score =
          std::clamp<int64_t>(mood + random_.Between(-2, 2) - (going ? random_.Between(0, 4) : 0), 0, 10);
      ev::SurveyAnswered& likely = *plan_(day).mutable_survey_answered();
      likely.set_kind(ev::SURVEY_KIND_RECOMMENDATION);
      likely.set_score(static_cast<int32_t>(score));
      likely.set_survey_id("relationship");
      if (random_.Chance(700'000)) {
        ev::SurveyAnswered& satisfied = *plan_(day).mutable_survey_answered();
        satisfied.set_kind(ev::SURVEY_KIND_SATISFACTION);
        satisfied.set_score(static_cast<int32_t>(std::clamp<int64_t>((score + 1) / 2 + random_.Between(-1, 0), 1, 5)));
        satisfied.set_survey_id("service");
      }
    }
  }

  // A third have a budget for the year, of others our place among the suppliers is known.
  void Budgets() {
    const bool budget = random_.Chance(330'000);
    const bool ranked = random_.Chance(250'000);
    const bool declared = random_.Chance(600'000);
    for (size_t year = 0; year < life_.spent_cents.size(); ++year) {
      const int64_t day = std::max(kYears[year], life_.first_day) + random_.Between(5, 40);
      const int64_t share = random_.Between(15, 95);
      if (!budget || !Within(day) || day >= kYears[year + 1]) {
        continue;
      }
      ev::BudgetStated& stated = *plan_(day).mutable_budget_stated();
      *stated.mutable_start_time() = Midnight(kYears[year]);
      *stated.mutable_end_time() = Midnight(kYears[year + 1]);
      // In whole hundreds; those who bought nothing yet spend their money elsewhere.
      SetMoney(stated.mutable_amount(), std::max<int64_t>(life_.spent_cents[year] / share / 100 + 1, 5) * 10'000);
      stated.set_basis(declared ? ev::BUDGET_BASIS_DECLARED : ev::BUDGET_BASIS_ESTIMATED);
      stated.set_source(declared ? "annual review" : "branch statistics");
    }
    const int64_t day = life_.first_day + random_.Between(20, 200);
    const auto suppliers = static_cast<int32_t>(random_.Between(2, 6));
    const int64_t halves = random_.Between(2, suppliers * 2);
    if (!budget && ranked && Within(day)) {
      ev::SupplierRankStated& stated = *plan_(day).mutable_supplier_rank_stated();
      stated.set_place_halves(static_cast<int32_t>(halves));
      stated.set_suppliers(suppliers);
      stated.set_source("interview");
    }
  }

  void Club() {
    const int64_t join = life_.first_day + random_.Between(30, 400);
    const char* club = kClubs[random_.Below(kClubs.size())];
    const int64_t leave = join + random_.Between(100, 700);
    const bool leaves = random_.Chance(200'000);
    if (!random_.Chance(280'000) || !Within(join)) {
      return;
    }
    plan_(join).mutable_club_joined()->set_club_id(club);
    if (leaves && Within(leave)) {
      ev::ClubLeft& left = *plan_(leave).mutable_club_left();
      left.set_club_id(club);
      left.set_reason("no more interest");
    }
  }

  // Those who stop buying were often courted before.
  void Competitor() {
    const char* competitor = kCompetitors[random_.Below(kCompetitors.size())];
    const int64_t before = life_.last_purchase_day - random_.Between(5, 70);
    const int64_t after = life_.last_purchase_day + random_.Between(10, 90);
    const int64_t any = life_.first_day + random_.Between(30, 900);
    const bool offered = random_.Chance(500'000);
    const bool courted = random_.Chance(life_.dropped ? 320'000 : 110'000);
    const bool lost = random_.Chance(400'000);
    const int64_t day = life_.dropped ? before : any;
    if (!courted || !Within(day)) {
      return;
    }
    ev::CompetitorMoveObserved& move = *plan_(day).mutable_competitor_move_observed();
    move.set_competitor(competitor);
    move.set_kind(offered ? ev::COMPETITOR_MOVE_KIND_OFFER : ev::COMPETITOR_MOVE_KIND_APPROACH);
    if (lost && life_.dropped && Within(after)) {
      ev::CompetitorMoveObserved& won = *plan_(after).mutable_competitor_move_observed();
      won.set_competitor(competitor);
      won.set_kind(ev::COMPETITOR_MOVE_KIND_WON);
    }
  }

  // A year at a time, renewed at its end or not; a few end early.
  void Contract() {
    const int64_t start = life_.first_day + random_.Between(1, 60);
    const char* kind = kContractKinds[random_.Below(kContractKinds.size())];
    const size_t quantile = random_.Below(kRenewal.size() - 1);
    const auto renewal = static_cast<uint64_t>(random_.Between(kRenewal[quantile], kRenewal[quantile + 1]));
    const int64_t cents = random_.Between(20, 400) * 10'000;
    if (!random_.Chance(300'000) || !Within(start)) {
      return;
    }
    const std::string id = fmt::format("C-{:04}", life_.number);
    ev::ContractSigned& contract = *plan_(start).mutable_contract_signed();
    contract.set_contract_id(id);
    *contract.mutable_start_time() = Midnight(start);
    *contract.mutable_end_time() = Midnight(start + kYearDays);
    SetMoney(contract.mutable_value(), cents);
    contract.set_kind(kind);
    for (int64_t end = start + kYearDays; Within(end); end += kYearDays) {
      if (random_.Chance(renewal)) {
        ev::ContractRenewed& renewed = *plan_(end - 1).mutable_contract_renewed();
        renewed.set_contract_id(id);
        *renewed.mutable_end_time() = Midnight(end + kYearDays);
        SetMoney(renewed.mutable_value(), cents);
        continue;
      }
      const bool early = random_.Chance(150'000);
      ev::ContractEnded& ended = *plan_(early ? end - random_.Between(10, 200) : end).mutable_contract_ended();
      ended.set_contract_id(id);
      ended.set_ending(early ? ev::CONTRACT_ENDING_CANCELLED : ev::CONTRACT_ENDING_NOT_RENEWED);
      return;
    }
  }

  // A few have been handed over lately, or left without an owner.
  void NewOwner() {
    const int64_t day = kYears[3] - random_.Between(5, 80);
    const bool none = random_.Chance(250'000);
    const int64_t owner = random_.Between(1, 24);
    if (random_.Chance(40'000) && Within(day) && !life_.dropped) {
      plan_(day).mutable_account_facts_updated()->set_owner(none ? "" : fmt::format("km-{:02}", owner));
    }
  }

  const DemoLife& life_;
  const DemoPlan& plan_;
  DemoRandom random_;
};

}  // namespace

void TellRelation(const DemoLife& life, const DemoPlan& plan) { RelationStory(life, plan).Tell(); }

}  // namespace keyledger::cli

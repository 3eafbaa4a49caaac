#include "tests/property/retention/random_relations.h"

#include <set>
#include <utility>

#include <fmt/format.h>

#include "server/base/ids.h"
#include "tests/support/record_log.h"

namespace keyledger::testing {
namespace {

class Maker {
 public:
  Maker(uint64_t seed, const RelationsOptions& options) : random_(seed), options_(options) {}

  Records Make() {
    for (int i = 0; i < options_.records; ++i) {
      const std::string account = fmt::format("account-{}", Draw(1, options_.accounts));
      // Some reach the ledger long after they happened.
      const Micros recorded = Draw(0, 9) == 0 ? options_.begin + Draw(0, options_.end - options_.begin) : 0;
      events::v1::Event& event = *log_.Add(account, NewMoment(), recorded).mutable_event();
      if (opened_.insert(account).second) {
        Open(event);
      } else if (Draw(0, 2) > 0) {
        Trade(event);
      } else {
        Say(event);
      }
    }
    return log_.records();
  }

 private:
  int64_t Draw(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random_() % static_cast<uint64_t>(high - low + 1));
  }

  Micros NewMoment() {
    Micros moment = 0;
    do {
      moment = options_.begin + Draw(0, options_.end - options_.begin);
    } while (!moments_.insert(moment).second);
    return moment;
  }

  std::string Name(const char* what, int64_t kinds) { return fmt::format("{}-{}", what, Draw(1, kinds)); }

  void SetMoney(int64_t micros, events::v1::Money& money) {
    money.set_micros(micros);
    money.set_currency_code(options_.currencies[random_() % options_.currencies.size()]);
  }

  void Open(events::v1::Event& event) {
    auto& opened = *event.mutable_account_opened();
    if (Draw(0, 1) == 0) opened.set_region(Name("DE/land", 3));
    if (Draw(0, 1) == 0) opened.set_segment(Name("segment", 3));
    if (Draw(0, 1) == 0) opened.set_owner(Name("owner", 3));
  }

  void Trade(events::v1::Event& event) {
    if (Draw(0, 4) == 0) {
      auto& line = *event.mutable_purchase_returned()->add_lines();
      line.set_quantity(1);
      SetMoney(Draw(0, 90) * 1'000'000, *line.mutable_amount());
      return;
    }
    auto& line = *event.mutable_purchase_recorded()->add_lines();
    line.set_quantity(Draw(1, 5));
    SetMoney(Draw(0, 200) * 1'000'000, *line.mutable_amount());
    line.mutable_cost()->set_micros(Draw(0, 50) * 1'000'000);
    line.mutable_cost()->set_currency_code(line.amount().currency_code());
  }

  void Say(events::v1::Event& event) {
    switch (Draw(0, 13)) {
      case 0:
        event.mutable_account_facts_updated()->set_region(Name("DE/land", 3));
        break;
      case 1:
        event.mutable_account_facts_updated()->set_owner(Draw(0, 3) == 0 ? "" : Name("owner", 3));
        break;
      case 2:
        event.mutable_account_closed();
        break;
      case 3:
        event.mutable_account_reopened();
        break;
      case 4:
        SetMoney(Draw(0, 9), *event.mutable_service_provided()->mutable_cost());
        break;
      case 5:
        event.mutable_cost_recorded()->set_purpose(static_cast<events::v1::CostPurpose>(Draw(1, 3)));
        SetMoney(Draw(1, 9), *event.mutable_cost_recorded()->mutable_cost());
        break;
      case 6:
        event.mutable_survey_answered()->set_kind(static_cast<events::v1::SurveyKind>(Draw(1, 2)));
        event.mutable_survey_answered()->set_score(static_cast<int32_t>(Draw(1, 5)));
        break;
      case 7:
        event.mutable_club_joined()->set_club_id(Draw(0, 1) == 0 ? "friends" : "guild");
        break;
      case 8:
        event.mutable_club_left()->set_club_id(Draw(0, 1) == 0 ? "friends" : "guild");
        break;
      case 9:
        event.mutable_competitor_move_observed()->set_kind(static_cast<events::v1::CompetitorMoveKind>(Draw(1, 4)));
        event.mutable_competitor_move_observed()->set_competitor(Name("rival", 3));
        break;
      case 10:
        event.mutable_referral_recorded()->set_referrer_account_id(Name("account", options_.accounts));
        event.mutable_referral_recorded()->set_lead_source("broker");
        break;
      default:
        SayMore(event);
    }
  }

  void SayMore(events::v1::Event& event) {
    if (options_.decisions && Draw(0, 1) == 0) return Decide(event);
    if (Draw(0, 2) == 0) {
      event.mutable_supplier_rank_stated()->set_place_halves(static_cast<int32_t>(Draw(2, 6)));
      event.mutable_supplier_rank_stated()->set_suppliers(static_cast<int32_t>(Draw(3, 9)));
    } else if (!options_.decisions || Draw(0, 1) == 0) {
      auto& stated = *event.mutable_budget_stated();
      SetTime(options_.begin, stated.mutable_start_time());
      SetTime(options_.end, stated.mutable_end_time());
      SetMoney(Draw(1, 9) * 1'000'000, *stated.mutable_amount());
      stated.set_basis(static_cast<events::v1::BudgetBasis>(Draw(1, 2)));
    } else if (Draw(0, 1) == 0) {
      auto& agreed = *event.mutable_contract_signed();
      agreed.set_contract_id(Name("contract", 9));
      SetTime(options_.begin, agreed.mutable_start_time());
      SetTime(options_.end, agreed.mutable_end_time());
    } else {
      event.mutable_contract_ended()->set_contract_id(Name("contract", 9));
      event.mutable_contract_ended()->set_ending(static_cast<events::v1::ContractEnding>(Draw(1, 4)));
    }
  }

  void Decide(events::v1::Event& event) {
    if (Draw(0, 1) == 0) {
      event.mutable_tier_assigned()->set_ladder_id(Name("ladder", 2));
      event.mutable_tier_assigned()->set_tier_id(Name("tier", 3));
    } else {
      event.mutable_stage_changed()->set_ladder_id(Name("ladder", 2));
      event.mutable_stage_changed()->set_stage_id(Name("stage", 3));
    }
  }

  std::mt19937_64 random_;
  const RelationsOptions options_;
  RecordLog log_;
  std::set<std::string> opened_;
  std::set<Micros> moments_;
};

}  // namespace

Records RandomRelations(uint64_t seed, const RelationsOptions& options) { return Maker(seed, options).Make(); }

Records AsLog(Records records) {
  for (size_t i = 0; i < records.size(); ++i) records[i].set_position(i);
  return records;
}

std::vector<Records> AsShards(const Records& records, uint32_t shards) {
  std::vector<Records> split(shards);
  for (const events::v1::EventRecord& record : records) {
    split[ShardOf(record.account_id(), shards)].push_back(record);
  }
  for (Records& shard : split) shard = AsLog(std::move(shard));
  return split;
}

}  // namespace keyledger::testing

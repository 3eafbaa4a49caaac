#include "projections/retention/retention_projection.h"

#include <optional>
#include <string>

#include "projections/engine/owner_change.h"
#include "projections/engine/record_time.h"
#include "projections/retention/merged_accounts.h"
#include "projections/retention/month_cells.h"
#include "projections/retention/retention_rows.h"
#include "server/base/checked.h"
#include "server/base/error.h"
#include "server/base/ids.h"

namespace keyledger::projections {
namespace {

using events::v1::Event;
using events::v1::Money;

// Adds `more`, which must be zero or more; returns false if the sum does not fit.
bool AddUp(int64_t more, int64_t& sum) { return more >= 0 && !__builtin_add_overflow(sum, more, &sum); }

// Adds the lines up into `trade`; returns false if a sum does not fit or the lines have no or several currencies.
template <typename Lines>
bool SumLines(const Lines& lines, HistoryTrade& trade) {
  if (lines.empty()) return false;
  const std::string& currency_code = lines.begin()->amount().currency_code();
  for (const auto& line : lines) {
    if (line.amount().currency_code() != currency_code || !AddUp(line.amount().micros(), trade.micros) ||
        !AddUp(line.cost().micros(), trade.cost_micros) || !AddUp(line.quantity(), trade.units)) {
      return false;
    }
  }
  return true;
}

absl::Status Damaged(const char* what) { return MakeError(Reason::kStoreDamaged, what); }

// Folds one record.
class Folder {
 public:
  Folder(const RecordView& record, Rows& rows)
      : account_id_(record.record.account_id()),
        event_(record.record.event()),
        times_{record.occurred, record.recorded, record.record.position()},
        rows_(rows) {}

  absl::Status Fold() {
    switch (event_.payload_case()) {
      case Event::kAccountMergeCompleted:
        PutMerge(account_id_, event_.account_merge_completed().into_account_id(), times_, rows_);
        return absl::OkStatus();
      case Event::kPurchaseRecorded:
        return Trade(false, event_.purchase_recorded().lines());
      case Event::kPurchaseReturned:
        return Trade(true, event_.purchase_returned().lines());
      case Event::kServiceProvided:
        return Cost(CostKind::kServiceProvided, event_.service_provided().cost());
      case Event::kGiftGiven:
        return Cost(CostKind::kGift, event_.gift_given().value());
      case Event::kCommissionPaid:
        return Cost(CostKind::kCommission, event_.commission_paid().amount());
      case Event::kInteractionMade:
        return event_.interaction_made().has_cost() ? Cost(CostKind::kInteraction, event_.interaction_made().cost())
                                                    : absl::OkStatus();
      case Event::kCostRecorded:
        return RecordedCost(event_.cost_recorded());
      case Event::kBudgetStated:
        return Budget(event_.budget_stated());
      case Event::kTierAssigned:
        return Standing({false, event_.tier_assigned().ladder_id(), event_.tier_assigned().tier_id()});
      case Event::kStageChanged:
        return Standing({true, event_.stage_changed().ladder_id(), event_.stage_changed().stage_id()});
      case Event::kContractSigned:
      case Event::kContractRenewed:
      case Event::kContractAmended:
      case Event::kContractEnded:
        return Contract();
      case Event::kOwnerAssigned:
      case Event::kOwnerReleased:
      case Event::kOwnerTransferred:
        return Owner();
      case Event::kFactRetracted:
        Start(kRetractedTag);
        PutRetracted(event_.fact_retracted().position(), value_);
        return Put();
      default:
        return Person();
    }
  }

 private:
  // What is known of the account itself, and said by it.
  absl::Status Person() {
    switch (event_.payload_case()) {
      case Event::kAccountOpened:
      case Event::kAccountFactsUpdated:
      case Event::kAccountClosed:
      case Event::kAccountReopened:
        return Account();
      case Event::kSurveyAnswered:
        Start(kSurveyTag);
        PutSurvey({0, event_.survey_answered().kind(), event_.survey_answered().score()}, value_);
        return Put();
      case Event::kSupplierRankStated:
        Start(kSupplierRankTag);
        PutSupplierRank({0, event_.supplier_rank_stated().place_halves(), event_.supplier_rank_stated().suppliers()},
                        value_);
        return Put();
      case Event::kReferralRecorded:
        Start(kReferralTag);
        PutReferral({0, event_.referral_recorded().referrer_account_id(), event_.referral_recorded().lead_source()},
                    value_);
        return Put();
      case Event::kClubJoined:
        return Club(event_.club_joined().club_id(), true);
      case Event::kClubLeft:
        return Club(event_.club_left().club_id(), false);
      case Event::kCompetitorMoveObserved:
        Start(kMoveTag);
        PutMove({0, event_.competitor_move_observed().kind(), event_.competitor_move_observed().competitor()}, value_);
        return Put();
      default:
        return absl::OkStatus();
    }
  }

  void Start(char tag) { StartRow(account_id_, tag, times_, key_, value_); }

  absl::Status Put() {
    rows_.Add(key_, value_);
    return absl::OkStatus();
  }

  template <class Lines>
  absl::Status Trade(bool is_return, const Lines& lines) {
    HistoryTrade trade;
    trade.is_return = is_return;
    trade.occurred = times_.occurred;
    if (!SumLines(lines, trade)) return Damaged("the lines of a purchase or return cannot be added up");
    const std::string& currency_code = lines.begin()->amount().currency_code();
    Start(kTradeTag);
    PutTrade(trade, currency_code, value_);
    rows_.Add(key_, value_);
    return CountTrade(account_id_, currency_code, trade, rows_);
  }

  absl::Status Cost(CostKind kind, const Money& money) {
    if (money.micros() < 0) return Damaged("a cost is less than zero");
    Start(kCostTag);
    PutCost({kind, 0, money.micros()}, money.currency_code(), value_);
    return Put();
  }

  absl::Status RecordedCost(const events::v1::CostRecorded& recorded) {
    switch (recorded.purpose()) {
      case events::v1::COST_PURPOSE_ACQUISITION:
        return Cost(CostKind::kAcquisition, recorded.cost());
      case events::v1::COST_PURPOSE_RETENTION:
        return Cost(CostKind::kRetention, recorded.cost());
      case events::v1::COST_PURPOSE_SERVICE:
        return Cost(CostKind::kService, recorded.cost());
      default:
        return Damaged("a cost has no purpose");
    }
  }

  absl::Status Budget(const events::v1::BudgetStated& stated) {
    if (stated.amount().micros() < 0) return Damaged("a budget is less than zero");
    Start(kBudgetTag);
    PutBudget({0, MicrosOf(stated.start_time()), MicrosOf(stated.end_time()), stated.basis(), stated.amount().micros(),
               stated.category()},
              stated.amount().currency_code(), value_);
    return Put();
  }

  absl::Status Standing(const StandingChange& change) {
    Start(kHeldTag);
    PutStanding(change, value_);
    return Put();
  }

  absl::Status Contract() {
    HistoryContract contract;
    if (event_.has_contract_signed()) {
      const events::v1::ContractSigned& contract_signed = event_.contract_signed();
      contract.step = HistoryContract::Step::kSigned;
      contract.contract_id = contract_signed.contract_id();
      contract.start = MicrosOf(contract_signed.start_time());
      contract.end = MicrosOf(contract_signed.end_time());
      contract.kind = contract_signed.kind();
    } else if (event_.has_contract_renewed()) {
      contract.step = HistoryContract::Step::kRenewed;
      contract.contract_id = event_.contract_renewed().contract_id();
      contract.end = MicrosOf(event_.contract_renewed().end_time());
    } else if (event_.has_contract_amended()) {
      // Of the others, nothing is asked here.
      if (!event_.contract_amended().has_end_time()) return absl::OkStatus();
      contract.step = HistoryContract::Step::kAmended;
      contract.contract_id = event_.contract_amended().contract_id();
      contract.end = MicrosOf(event_.contract_amended().end_time());
    } else {
      contract.step = HistoryContract::Step::kEnded;
      contract.contract_id = event_.contract_ended().contract_id();
      contract.ending = event_.contract_ended().ending();
    }
    Start(kContractTag);
    PutContract(contract, value_);
    return Put();
  }

  absl::Status Club(const std::string& club_id, bool joined) {
    Start(kClubTag);
    PutClub({0, club_id, joined}, value_);
    return Put();
  }

  absl::Status Account() {
    AccountChange change;
    if (event_.has_account_opened()) {
      const events::v1::AccountOpened& opened = event_.account_opened();
      change.step = HistoryLife::Step::kOpened;
      // Of an account that begins, nothing is what it has anyway.
      if (!opened.region().empty()) change.region = opened.region();
      if (!opened.segment().empty()) change.segment = opened.segment();
      change.owner = OwnerChangeOf(event_);
    } else if (event_.has_account_facts_updated()) {
      const events::v1::AccountFactsUpdated& updated = event_.account_facts_updated();
      if (!updated.has_region() && !updated.has_segment() && !updated.has_owner()) return absl::OkStatus();
      if (updated.has_region()) change.region = updated.region();
      if (updated.has_segment()) change.segment = updated.segment();
      change.owner = OwnerChangeOf(event_);
    } else {
      change.step = event_.has_account_closed() ? HistoryLife::Step::kClosed : HistoryLife::Step::kReopened;
    }
    Start(kAccountTag);
    PutAccountChange(change, value_);
    return Put();
  }

  absl::Status Owner() {
    const std::optional<OwnerChange> owner = OwnerChangeOf(event_);
    if (!owner.has_value()) return absl::OkStatus();
    AccountChange change;
    change.owner = owner;
    Start(kAccountTag);
    PutAccountChange(change, value_);
    return Put();
  }

  const std::string& account_id_;
  const Event& event_;
  const RowTimes times_;
  Rows& rows_;
  std::string key_;
  std::string value_;
};

}  // namespace

absl::Status RetentionProjection::Apply(const RecordView& record, Rows& rows) const {
  if (IsOwnStream(record.record.account_id())) return absl::OkStatus();
  return Folder(record, rows).Fold();
}

std::shared_ptr<const Projection> MakeRetentionProjection() { return std::make_shared<RetentionProjection>(); }

}  // namespace keyledger::projections

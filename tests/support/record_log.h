// RecordLog: event records for tests, written out by hand: positions and revisions count up, everything else is what
// the test says.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/time/civil_time.h>
#include <absl/time/time.h>
#include <gtest/gtest.h>

#include "keyledger/events/v1/record.pb.h"
#include "projections/engine/lane.h"
#include "projections/engine/projection.h"
#include "server/base/clock.h"
#include "tests/support/memory_table.h"

namespace keyledger::testing {

inline Micros Utc(int year, int month, int day, int hour = 0, int minute = 0, int second = 0) {
  return absl::ToUnixMicros(
      absl::FromCivil(absl::CivilSecond(year, month, day, hour, minute, second), absl::UTCTimeZone()));
}

inline void SetTime(Micros time, google::protobuf::Timestamp* out) {
  const int64_t seconds = time >= 0 ? time / kMicrosPerSecond : -((kMicrosPerSecond - 1 - time) / kMicrosPerSecond);
  out->set_seconds(seconds);
  out->set_nanos(static_cast<int32_t>((time - seconds * kMicrosPerSecond) * 1000));
}

struct TakenFromLot {
  uint64_t lot_revision = 0;
  int64_t points = 0;
  bool pending = false;
};

class RecordLog {
 public:
  // Recorded a second after the record before, or at `recorded` if that is later.
  events::v1::EventRecord& Add(const std::string& account, Micros occurred, Micros recorded = 0) {
    events::v1::EventRecord& record = records_.emplace_back();
    now_ = std::max(now_ + kMicrosPerSecond, recorded);
    record.set_position(records_.size() - 1);
    record.set_account_id(account);
    record.set_revision(revisions_[account]++);
    SetTime(occurred, record.mutable_occurred_time());
    SetTime(now_, record.mutable_record_time());
    return record;
  }

  void Open(const std::string& account, Micros occurred) {
    Add(account, occurred).mutable_event()->mutable_account_opened();
  }

  uint64_t Purchase(const std::string& account, Micros occurred, int64_t micros, const std::string& currency = "USD",
                    Micros recorded = 0) {
    events::v1::EventRecord& record = Add(account, occurred, recorded);
    auto* line = record.mutable_event()->mutable_purchase_recorded()->add_lines();
    line->set_quantity(1);
    line->mutable_amount()->set_micros(micros);
    line->mutable_amount()->set_currency_code(currency);
    return record.revision();
  }

  void Return(const std::string& account, Micros occurred, int64_t micros, const std::string& currency = "USD",
              Micros recorded = 0) {
    auto* line = Add(account, occurred, recorded).mutable_event()->mutable_purchase_returned()->add_lines();
    line->set_quantity(1);
    line->mutable_amount()->set_micros(micros);
    line->mutable_amount()->set_currency_code(currency);
  }

  // Times of 0: absent.
  uint64_t Accrue(const std::string& account, Micros occurred, int64_t points, Micros activate, Micros expire,
                  uint64_t purchase_revision = 1) {
    events::v1::EventRecord& record = Add(account, occurred);
    record.mutable_program()->set_program_id("loyalty");
    record.mutable_program()->set_version(3);
    auto* accrued = record.mutable_event()->mutable_points_accrued();
    accrued->set_points(points);
    accrued->set_rule_id("base");
    accrued->set_purchase_revision(purchase_revision);
    if (activate != 0) SetTime(activate, accrued->mutable_activate_time());
    if (expire != 0) SetTime(expire, accrued->mutable_expire_time());
    return record.revision();
  }

  void Activate(const std::string& account, Micros occurred, uint64_t lot, int64_t points) {
    auto* activated = Add(account, occurred).mutable_event()->mutable_points_activated();
    activated->set_lot_revision(lot);
    activated->set_points(points);
  }

  void Expire(const std::string& account, Micros occurred, uint64_t lot, int64_t points) {
    auto* expired = Add(account, occurred).mutable_event()->mutable_points_expired();
    expired->set_lot_revision(lot);
    expired->set_points(points);
  }

  void Redeem(const std::string& account, Micros occurred, const std::vector<TakenFromLot>& parts) {
    auto* redeemed = Add(account, occurred).mutable_event()->mutable_points_redeemed();
    redeemed->set_reward("voucher");
    redeemed->set_points(AddParts(parts, redeemed->mutable_allocations()));
  }

  // A purchase that points pay for.
  uint64_t Pay(const std::string& account, Micros occurred, const std::vector<TakenFromLot>& parts) {
    events::v1::EventRecord& record = Add(account, occurred);
    auto* line = record.mutable_event()->mutable_purchase_recorded()->add_lines();
    line->set_quantity(1);
    line->mutable_amount()->set_currency_code("USD");
    line->set_points_paid(AddParts(parts, line->mutable_points_allocations()));
    return record.revision();
  }

  uint64_t Restore(const std::string& account, Micros occurred, uint64_t purchase_revision,
                   const std::vector<TakenFromLot>& parts) {
    events::v1::EventRecord& record = Add(account, occurred);
    auto* restored = record.mutable_event()->mutable_points_restored();
    restored->set_purchase_revision(purchase_revision);
    restored->set_points(AddParts(parts, restored->mutable_allocations()));
    return record.revision();
  }

  // Of a purchase of `merged`, which points of a lot earned at `earned` had paid for; expire 0: never.
  uint64_t RestoreMerged(const std::string& account, Micros occurred, const std::string& merged,
                         uint64_t purchase_revision, const TakenFromLot& part, Micros earned, Micros expire) {
    events::v1::EventRecord& record = Add(account, occurred);
    auto* restored = record.mutable_event()->mutable_points_restored();
    restored->mutable_merged_purchase()->set_account_id(merged);
    restored->mutable_merged_purchase()->set_revision(purchase_revision);
    restored->set_points(AddParts({part}, restored->mutable_allocations()));
    auto* lot = restored->mutable_allocations(0)->mutable_lot();
    SetTime(earned, lot->mutable_occurred_time());
    if (expire != 0) SetTime(expire, lot->mutable_expire_time());
    return record.revision();
  }

  uint64_t Reserve(const std::string& account, Micros occurred, const std::string& id, Micros hold_until,
                   const std::vector<TakenFromLot>& parts) {
    events::v1::EventRecord& record = Add(account, occurred);
    auto* reserved = record.mutable_event()->mutable_points_reserved();
    reserved->set_reservation_id(id);
    SetTime(hold_until, reserved->mutable_hold_until());
    reserved->set_points(AddParts(parts, reserved->mutable_allocations()));
    return record.revision();
  }

  void Release(const std::string& account, Micros occurred, const std::string& id,
               const std::vector<TakenFromLot>& parts) {
    auto* released = Add(account, occurred).mutable_event()->mutable_reservation_released();
    released->set_reservation_id(id);
    AddParts(parts, released->mutable_allocations());
  }

  void Capture(const std::string& account, Micros occurred, const std::string& id,
               const std::vector<TakenFromLot>& spent, const std::vector<TakenFromLot>& released) {
    auto* captured = Add(account, occurred).mutable_event()->mutable_reservation_captured();
    captured->set_reservation_id(id);
    captured->set_points(AddParts(spent, captured->mutable_allocations()));
    AddParts(released, captured->mutable_released());
  }

  void Reverse(const std::string& account, Micros occurred, const std::vector<TakenFromLot>& parts) {
    auto* reversed = Add(account, occurred).mutable_event()->mutable_points_reversed();
    reversed->set_points(AddParts(parts, reversed->mutable_allocations()));
    reversed->set_points_due(reversed->points());
  }

  uint64_t AdjustUp(const std::string& account, Micros occurred, int64_t points, Micros expire) {
    events::v1::EventRecord& record = Add(account, occurred);
    auto* adjusted = record.mutable_event()->mutable_points_adjusted();
    adjusted->set_points(points);
    adjusted->set_reason("goodwill");
    if (expire != 0) SetTime(expire, adjusted->mutable_expire_time());
    return record.revision();
  }

  void AdjustDown(const std::string& account, Micros occurred, const std::vector<TakenFromLot>& parts) {
    auto* adjusted = Add(account, occurred).mutable_event()->mutable_points_adjusted();
    adjusted->set_reason("mistake");
    adjusted->set_points(-AddParts(parts, adjusted->mutable_allocations()));
  }

  uint64_t AssignTier(const std::string& account, Micros occurred, const std::string& tier, const std::string& previous,
                      events::v1::TierAssignmentReason reason, const std::string& ladder = "main") {
    events::v1::EventRecord& record = Add(account, occurred);
    record.mutable_program()->set_program_id("loyalty");
    record.mutable_program()->set_version(3);
    auto* assigned = record.mutable_event()->mutable_tier_assigned();
    assigned->set_ladder_id(ladder);
    assigned->set_tier_id(tier);
    assigned->set_previous_tier_id(previous);
    assigned->set_reason(reason);
    auto* met = assigned->add_met();
    met->set_metric(events::v1::METRIC_NET_SPEND);
    SetTime(occurred - 365 * kMicrosPerDay, met->mutable_window_start());
    SetTime(occurred, met->mutable_window_end());
    met->set_value(1'200'000'000);
    met->set_comparison(events::v1::COMPARISON_AT_LEAST);
    met->set_threshold(1'000'000'000);
    met->set_holds(true);
    return record.revision();
  }

  // Enters the stage for 120 units of money in the 30 days before.
  uint64_t ChangeStage(const std::string& account, Micros occurred, const std::string& stage,
                       const std::string& previous, const std::string& ladder = "life") {
    events::v1::EventRecord& record = Add(account, occurred);
    record.mutable_program()->set_program_id("loyalty");
    record.mutable_program()->set_version(3);
    auto* changed = record.mutable_event()->mutable_stage_changed();
    changed->set_ladder_id(ladder);
    changed->set_stage_id(stage);
    changed->set_previous_stage_id(previous);
    if (previous.empty()) return record.revision();
    changed->set_alternative(1);
    auto* met = changed->add_met();
    met->set_metric(events::v1::METRIC_NET_SPEND);
    SetTime(occurred - 30 * kMicrosPerDay, met->mutable_window_start());
    SetTime(occurred, met->mutable_window_end());
    met->set_value(120'000'000);
    met->set_comparison(events::v1::COMPARISON_AT_LEAST);
    met->set_threshold(100'000'000);
    met->set_holds(true);
    return record.revision();
  }

  const std::vector<events::v1::EventRecord>& records() const { return records_; }

 private:
  template <typename Allocations>
  static int64_t AddParts(const std::vector<TakenFromLot>& parts, Allocations* allocations) {
    int64_t sum = 0;
    for (const TakenFromLot& part : parts) {
      auto* allocation = allocations->Add();
      allocation->set_lot_revision(part.lot_revision);
      allocation->set_points(part.points);
      allocation->set_pending(part.pending);
      sum += part.points;
    }
    return sum;
  }

  std::vector<events::v1::EventRecord> records_;
  std::map<std::string, uint64_t> revisions_;
  Micros now_ = Utc(2026, 1, 1);
};

inline Micros MicrosOfTime(const google::protobuf::Timestamp& time) {
  return time.seconds() * kMicrosPerSecond + time.nanos() / 1000;
}

// Folds the records into a new table, with a write after each `chunk` records. The records' positions must count up
// from 0.
inline std::unique_ptr<MemoryTable> FoldAll(const projections::Projection& projection,
                                            const std::vector<events::v1::EventRecord>& records, size_t chunk = 1000) {
  auto table = std::make_unique<MemoryTable>();
  projections::Lane lane(projection, *table);
  for (size_t i = 0; i < records.size(); ++i) {
    lane.Apply(i, projections::RecordView{records[i], MicrosOfTime(records[i].occurred_time()),
                                          MicrosOfTime(records[i].record_time())});
    if ((i + 1) % chunk == 0) lane.Flush();
  }
  lane.Flush();
  EXPECT_TRUE(lane.failure().ok()) << lane.failure();
  return table;
}

inline std::unique_ptr<store::TableReader> FoldRows(const projections::Projection& projection, const RecordLog& log) {
  return FoldAll(projection, log.records())->NewReader();
}

}  // namespace keyledger::testing

// Rows of the projection "engagement": events as they are in the log, less what no answer needs, each under the keys by
// which it is looked for. Only ever added, but for the owner index. There is one codec for all kinds of event.
//
// Of accounts; `times` is occurred_time (8 bytes, ordered) and position (8 bytes, big-endian):
//
//   account 0 '!' position times   a retraction, by the position of the record that it takes back
//   account 0 'A' times            opened, attributes, facts, scores, owners, clubs, merges, closed, reopened, referred
//   account 0 'B' times            tiers
//   account 0 'C' times            contacts recorded, removed and placed, nothing sealed
//   account 0 'D' due times        next steps, by when they are due (8 bytes, ordered), with the event that named them
//   account 0 'I' times            interactions made; referrals asked for, given, converted
//   account 0 'K' times            needs, signals, positions, values, days, tender lists, surveys, competitors' moves
//   account 0 'T' times            purchases, lines of one category and bundle added up
//   account 0 'W' times            gifts, commissions, services, loans, costs, advances, flags, violations, sanctions
//   account 0 'Z' times            every fact and decision: its kind alone
//
// Beside them, under keys that no account's begins with:
//
//   1 'M' source 0 times           an account was merged into another
//   1 'O' person 0 account         the person had a role for the account ('r'), or was named on it ('n')
//   2 account 0 kind item 0 times  steps of items, payments and forecasts of demand
//
// Value of all but the owner index: record_time less occurred_time (signed varint), revision (varint), then the Event,
// or under 'Z' its kind (varint).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <absl/status/status.h>

#include "keyledger/events/v1/event.pb.h"
#include "keyledger/events/v1/record.pb.h"
#include "server/base/clock.h"
#include "server/domain/account_state.h"

namespace keyledger::projections::engagement {

enum class RowTag : char {
  kRetraction = '!',
  kAccount = 'A',
  kTier = 'B',
  kContact = 'C',
  // Before the interactions: how far back those are read depends on them.
  kNextStep = 'D',
  kInteraction = 'I',
  kKnowledge = 'K',
  kTrade = 'T',
  kGiven = 'W',
  kTimeline = 'Z',
};

// Under which kind an item's rows stand: domain::ItemKind, or one of these, which are no items.
inline constexpr uint8_t kPaymentRows = 200;
inline constexpr uint8_t kForecastRows = 201;
constexpr uint8_t RowsOf(domain::ItemKind kind) { return static_cast<uint8_t>(kind); }

// First byte of the keys of merges and of the owner index, and of items.
inline constexpr char kIndexSpace = '\x01';
inline constexpr char kItemSpace = '\x02';
inline constexpr char kMergeTag = 'M';
inline constexpr char kOwnerTag = 'O';
// The first key that can be an account's.
inline constexpr std::string_view kFirstAccountKey = "\x03";

// Where an event stands in the log and on both axes of time.
struct RowTimes {
  Micros occurred = 0;
  Micros recorded = 0;
  uint64_t position = 0;
  uint64_t revision = 0;
};

// Keys. `times` of the record that the row is of.
void AccountRowKey(std::string_view account_id, RowTag tag, const RowTimes& times, std::string& key);
void RetractionKey(std::string_view account_id, uint64_t retracted_position, const RowTimes& times, std::string& key);
void NextStepKey(std::string_view account_id, Micros due, const RowTimes& times, std::string& key);
void ItemRowKey(std::string_view account_id, uint8_t kind, std::string_view item_id, const RowTimes& times,
                std::string& key);
void MergeKey(std::string_view source_account_id, const RowTimes& times, std::string& key);

// Values.
void PutRow(const RowTimes& times, const events::v1::Event& event, std::string& value);
void PutTimelineRow(const RowTimes& times, int kind, std::string& value);

// The readers take what stands after the tag of a key; they return false if it is damaged. Of a next step the due time
// is left out.
bool TakeTimes(std::string_view rest, RowTimes& times);
// Fills the rest of the times, whose occurred is known, and the event.
bool TakeRow(std::string_view value, RowTimes& times, events::v1::Event& event);
bool TakeTimelineRow(std::string_view value, RowTimes& times, int& kind);

// A key of the item space, taken apart.
struct ItemRow {
  std::string_view account_id;
  uint8_t kind = 0;
  std::string_view item_id;
  RowTimes times;
};
bool TakeItemKey(std::string_view key, ItemRow& row);
// A key of a merge, taken apart.
bool TakeMergeKey(std::string_view key, std::string_view& source_account_id, RowTimes& times);

// DATA_LOSS (kStoreDamaged): a row is none of these.
absl::Status UnreadableRow(std::string_view account_id);

}  // namespace keyledger::projections::engagement

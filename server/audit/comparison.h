// Comparison: says in words and numbers how what is recorded differs from what was to be expected. Internal to the
// room.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <google/protobuf/message.h>

#include "keyledger/events/v1/event.pb.h"
#include "server/base/clock.h"

namespace keyledger::audit {

// Facts and decisions, by the number of the payload; what is neither is the ledger's own.
inline bool IsFact(const events::v1::Event& event) { return static_cast<int>(event.payload_case()) < 50; }
inline bool IsDecision(const events::v1::Event& event) {
  return static_cast<int>(event.payload_case()) >= 50 && static_cast<int>(event.payload_case()) < 80;
}
// The end of a transfer on its sender: recorded for no request.
inline bool IsTransferEnd(const events::v1::Event& event) {
  return event.has_points_transfer_completed() || event.has_points_transfer_returned();
}

// "PointsAccrued: points 120, rule_id base": the kind and its plain fields.
std::string Describe(const events::v1::Event& event);
// "PointsAccrued".
std::string KindOf(const events::v1::Event& event);
// What decided it, for people who look for it in the program: a rule, a ladder, a limit, a lot; empty: nothing does.
std::string RuleOf(const events::v1::Event& event);
// Two events with the same key speak of the same thing, whatever they say of it.
std::string KeyOf(const events::v1::Event& event);

// The fields that differ, a few at most: "points 100, lines[0].points 100" and "points 500, lines[0].points 500".
// Equal events: two empty strings.
std::pair<std::string, std::string> Differences(const events::v1::Event& expected, const events::v1::Event& found);

// Writes other numbers into the event's fields that name records of the account by their revision.
void MapRevisions(google::protobuf::Message& message, const std::function<uint64_t(uint64_t revision)>& map);

// Pairs the keys of two lists that stand in the same order in both, as many as there can be: indexes into each.
std::vector<std::pair<size_t, size_t>> Align(const std::vector<std::string>& a, const std::vector<std::string>& b);

}  // namespace keyledger::audit

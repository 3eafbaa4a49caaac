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
#include "server/domain/event_kinds.h"
#include "server/domain/merges.h"

namespace keyledger::audit {

using domain::IsDecision;
using domain::IsFact;
// The end of a transfer or a merge on its sender: recorded for no request.
inline bool IsTransferEnd(const events::v1::Event& event) {
  return domain::CompletedBy(event) != nullptr || domain::ReturnedBy(event) != nullptr;
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

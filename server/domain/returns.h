// What a return takes back. Internal to the room.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/event.pb.h"
#include "server/domain/account_state.h"
#include "server/domain/program_set.h"

namespace keyledger::domain {

// A purchase that a return names, from the log or from earlier in the request.
struct LinkedPurchase {
  PurchaseKey key;
  Micros occurred = 0;
  const events::v1::PurchaseRecorded* purchase = nullptr;
  // Lot, in the stream of the purchase, and what it was given for.
  std::vector<std::pair<uint64_t, const events::v1::PointsAccrued*>> accruals;
  // The version they were given under; empty and 0 without accruals.
  std::string program_id;
  uint32_t program_version = 0;
};

// Checks that no more comes back than was bought and has not come back yet. `path` names the return in the request.
// Errors: INVALID_ARGUMENT (kInvalidField) without a needed line number or in another currency; FAILED_PRECONDITION
// (kReturnExceedsPurchase).
absl::Status CheckLinkedReturn(const AccountState& state, const LinkedPurchase& linked,
                               const events::v1::PurchaseReturned& returned, const std::string& path);

// What the return of a linked purchase takes back. Each line of the purchase carries the points it was given, whatever
// rules hold today; it gives them back in proportion to the money given back so far (to the units, for a line that cost
// nothing), so that a return in parts takes exactly what a return at once would. `before`: lines returned before this
// return; `state`: after the return was folded. `debt_max`: how much of what no lot covers the account may come
// to owe. The lots of a merged account's purchase are what the merge made of them.
events::v1::PointsReversed ReverseLinked(const AccountState& state, const std::vector<ReturnedLine>& before,
                                         const LinkedPurchase& linked, programs::v1::ReturnPolicy policy,
                                         int64_t debt_max);

// Points that go back for a linked return because they had paid for what is returned, in the proportion of
// ReverseLinked: the lots they were taken from, in the stream of the purchase. Arguments as ReverseLinked.
google::protobuf::RepeatedPtrField<events::v1::LotAllocation> PaidBack(const AccountState& state,
                                                                       const std::vector<ReturnedLine>& before,
                                                                       const LinkedPurchase& linked);

// What a return of an unknown purchase takes back: what its lines would have earned under `program` at
// `multiplier_milli`, fractions rounded up: returns in many small parts must not leave the account what one at once
// would take. Nothing: a number leaves 64 bits.
std::optional<events::v1::PointsReversed> ReverseUnlinked(const AccountState& state,
                                                          const events::v1::PurchaseReturned& returned,
                                                          std::string_view region, Micros occurred,
                                                          const CompiledProgram& program, int64_t multiplier_milli,
                                                          int64_t debt_max);

}  // namespace keyledger::domain

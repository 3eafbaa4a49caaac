// What a program allows to be granted, given and charged: its limits, held against a fact. Internal to the room.
//
// Counts per period stand beside those of points in AccountState::counts, one for each limit, period and, where the
// limit is per contact, contact. A fact that was recorded names those it is added to (LimitCount), so that the fold
// asks no program.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>

#include "keyledger/events/v1/event.pb.h"
#include "server/domain/account_state.h"
#include "server/domain/program_set.h"

namespace keyledger::domain {

// What is to be recorded with a fact that went beyond limits which flag: one for each maximum. Without fact_revision.
using ComplianceFlags = std::vector<events::v1::ComplianceFlagged>;
using LimitCounts = google::protobuf::RepeatedPtrField<events::v1::LimitCount>;

// The account and the program that a fact is held against, and when it occurred.
struct LimitContext {
  const AccountState& state;
  const CompiledProgram& program;
  Micros occurred = 0;
};

// Something given to an account or its contacts, as an allowance counts it.
struct Given {
  // The item of a gift, the kind of a service or an interaction, which limits can name; of a commission empty.
  std::string_view name;
  // Distinct. A limit per contact counts it for each. Empty: none was named.
  std::vector<std::string_view> contact_ids;
  const events::v1::Money& money;
  // Path of the contacts in the request.
  std::string contact_field;
};

// Contacts of what names one at most.
inline std::vector<std::string_view> ContactsOf(const std::string& contact_id) {
  if (contact_id.empty()) return {};
  return {contact_id};
}

// Each returns OK, or the refusal by the first limit that refuses. Flags are added for those that do not.
// Errors: FAILED_PRECONDITION (kLimitExceeded) with the limit's name and numbers as metadata.

// Of a discount, the roles with enough authority are named, too.
absl::Status CheckDiscount(const LimitContext& context, const events::v1::DiscountGranted& granted,
                           ComplianceFlags* flags);

// `limits`: those of the kind of what was given (CompiledLimits). Adds the counts that the fact is added to.
// Errors: also INVALID_ARGUMENT (kInvalidField) if a limit is per contact and none is named; FAILED_PRECONDITION
// (kAccountLimit) if the account would hold more than kCountsMax counts.
absl::Status CheckAllowances(const LimitContext& context, const std::vector<int>& limits, const Given& given,
                             LimitCounts* counts, ComplianceFlags* flags);

// An interaction, with the counts it is added to. `path`: of the event in the request. Errors: as CheckAllowances.
absl::Status CheckInteractionLimits(const LimitContext& context, const std::string& path,
                                    events::v1::InteractionMade& interaction, ComplianceFlags* flags);

// Prices of a purchase in `region`, compared exactly.
absl::Status CheckMarketPrices(const LimitContext& context, const events::v1::PurchaseRecorded& purchase,
                               std::string_view region, ComplianceFlags* flags);

}  // namespace keyledger::domain

// Cadence: how the duties of rules, and next steps, were kept over time. Read duties.h first.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "projections/engagement/duties.h"

namespace keyledger::projections::engagement {

// The name that next steps are counted under, beside the ids of rules.
inline constexpr std::string_view kNextStepRule = "next_step";

// Duties that came due; fields as in ledger.v1.CadenceCount.
struct CadenceCount {
  int64_t required = 0;
  int64_t kept = 0;
  int64_t kept_late = 0;
  int64_t missed = 0;
  int64_t beyond = 0;

  void Add(const CadenceCount& other);
  // kept / required; nothing without any.
  std::optional<double> kept_share() const;
  bool operator==(const CadenceCount&) const = default;
};

// One period of one rule; fields as in ledger.v1.CadencePeriod.
struct CadencePeriod {
  std::string rule_id;
  std::string period;
  Micros start = 0;
  Micros end = 0;
  uint32_t required = 0;
  uint32_t made = 0;
  bool kept = false;
  uint32_t program_version = 0;
};

// Whose, and which duties are counted; empty: all.
struct CadenceFilter {
  std::string person;
  std::string rule_id;
};

struct AccountCadence {
  CadenceCount total;
  std::map<std::string, CadenceCount, std::less<>> rules;
  // Who had the duty just before it came due; each of several in full.
  std::map<std::string, CadenceCount, std::less<>> people;
  // The newest first, then by rule_id.
  std::vector<CadencePeriod> periods;
};

// Counts the duties of the account that came due at `start` or later and by as_of, of periods that ended at `start` or
// later. Days of contacts are not among them.
// Requires: `history` was loaded with CadenceParts of the same start, or more.
AccountCadence DeriveCadence(const EngagementHistory& history, const DutyBasis& basis, Micros start,
                             const CadenceFilter& filter = {});

}  // namespace keyledger::projections::engagement

// Parts that several answers of EngagementService have in common.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <google/protobuf/repeated_ptr_field.h>

#include "keyledger/events/v1/money.pb.h"
#include "keyledger/ledger/v1/engagement_service.pb.h"
#include "projections/engagement/coverage_queries.h"
#include "server/domain/proto_time.h"

namespace keyledger::service {

// Micros by currency.
inline void FillMoney(const std::map<std::string, int64_t>& sums,
                      google::protobuf::RepeatedPtrField<events::v1::Money>& out) {
  for (const auto& [currency, micros] : sums) {
    events::v1::Money& money = *out.Add();
    money.set_currency_code(currency);
    money.set_micros(micros);
  }
}

inline void FillPerson(const projections::engagement::CoveringPerson& person, ledger::v1::CoveringPerson& out) {
  out.set_person(person.person);
  for (const std::string& role : person.roles) out.add_roles(role);
  out.set_rank(person.rank);
  out.set_interactions(person.interactions);
  if (person.last_time.has_value()) domain::SetTimestamp(out.mutable_last_time(), *person.last_time);
}

}  // namespace keyledger::service

// The trail of accesses: whoever is given personal data is on the record before it is given out.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>

#include "server/service/service_context.h"

namespace keyledger::service {

// A reading of personal data.
struct Reading {
  // The account whose contacts are read; empty for a reading by subject.
  std::string account_id;
  // The subjects whose data is given out. Repetitions are recorded once.
  std::vector<std::string> subject_ids;
  std::string reader;
  std::string purpose;
  // Full name of the RPC: "keyledger.ledger.v1.AccountService/ListContacts".
  std::string_view method;
};

// Checks who reads and what for: 1 to 128 bytes and 1 to 512, both UTF-8. INVALID_ARGUMENT (kInvalidField).
absl::Status CheckReading(const std::string& reader, const std::string& purpose);

// Records the reading on the stream "$accesses" of the account's shard or, for one by subject, of the first shard, in
// several records where there are more than 1,000 subjects. A reading that gives out nothing is not recorded.
// Ensures: OK only if all of it is durable. Otherwise nothing may be given out.
// Errors: as Append. Blocks: until the records are durable.
absl::Status RecordReading(const ServiceContext& context, Reading reading);

// The same for several readings of one call, many at a time: they become durable together. Errors: CANCELLED, too, once
// `canceled` says true; none: it never does.
absl::Status RecordReadings(const ServiceContext& context, std::vector<Reading> readings,
                            const std::function<bool()>& canceled);

}  // namespace keyledger::service

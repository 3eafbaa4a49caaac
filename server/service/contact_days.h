// ContactDays: birthdays and other days of contacts, unsealed for whoever states who reads and what for.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "projections/engagement/duties.h"
#include "server/service/service_context.h"

namespace keyledger::service {

// Unseals days of contacts for one call, and remembers whose, so that the reading is on record before it is answered.
// Threads: confined to one thread. Lifetime: the context and the readers must outlive it.
class ContactDays {
 public:
  // `contacts`: readers of the projection "contacts", by shard. Requires: a vault.
  ContactDays(const ServiceContext& context, const shard::TableReaders& contacts)
      : context_(context), contacts_(contacts) {}

  // Days of the contacts of an account and of those merged into it, as known now. A contact of one that was merged has
  // none of its own once the account itself has recorded or removed one by the name that it has there. Erased subjects,
  // and what is not PersonDetails, have none. Errors: DATA_LOSS (kStoreDamaged).
  absl::StatusOr<std::vector<projections::engagement::ContactDay>> Of(
      const projections::engagement::EngagementHistory& history);

  // Records that the days were read. Nothing may be given out unless it is OK. Errors, blocks: as RecordReading.
  absl::Status Record(const std::string& reader, const std::string& purpose, std::string_view method) const;

 private:
  // `account`: as in HistoryRow.
  absl::Status Read(const projections::engagement::EngagementHistory& history, uint32_t account,
                    std::vector<projections::engagement::ContactDay>& days);
  const store::TableReader& RowsOf(const std::string& account_id) const;

  const ServiceContext& context_;
  const shard::TableReaders& contacts_;
  // Subjects whose data was unsealed, by account.
  std::map<std::string, std::vector<std::string>> read_;
};

}  // namespace keyledger::service

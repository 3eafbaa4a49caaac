// ContactDays: birthdays and other days of contacts, unsealed for whoever states who reads and what for.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "projections/engagement/duties.h"
#include "server/service/service_context.h"

namespace keyledger::service {

// Unseals days of contacts for one call, and remembers whose of them the answer rests on, so that the reading is on
// record before it is answered.
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

  // Notes a duty that the answer lists or counts, of the account that Of was asked about last. One that comes of no
  // contact's day is passed over.
  void Give(const projections::engagement::Duty& duty);

  // Records that the days behind the duties were read. Nothing may be given out unless it is OK. Errors, blocks: as
  // RecordReadings.
  absl::Status Record(const std::string& reader, const std::string& purpose, std::string_view method,
                      const std::function<bool()>& canceled);

 private:
  // `account`: as in HistoryRow.
  absl::Status Read(const projections::engagement::EngagementHistory& history, uint32_t account,
                    std::vector<projections::engagement::ContactDay>& days);
  const store::TableReader& RowsOf(const std::string& account_id) const;

  const ServiceContext& context_;
  const shard::TableReaders& contacts_;
  // Of the account asked about last: account and subject of each contact with days, by how answers name it.
  std::map<std::string, std::pair<std::string, std::string>> unsealed_;
  // Subjects whose days are given out, by account.
  std::map<std::string, std::vector<std::string>> given_;
};

}  // namespace keyledger::service

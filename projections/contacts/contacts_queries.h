// Queries of the projection "contacts": the contacts of an account, and the places of a data subject. What is personal
// comes out sealed, as it stands in the records.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/personal.pb.h"
#include "server/base/clock.h"
#include "server/store/table.h"

namespace keyledger::projections {

// A person of a contact.
struct ContactPerson {
  // Empty for the contact itself.
  std::string relation;
  // Path within the event.
  std::string path;
  // The data, sealed. Not set: the subject was erased.
  events::v1::PersonalData data;
};

// A contact as known now.
struct Contact {
  std::string contact_id;
  Micros occurred = 0;
  // Of its record.
  uint64_t revision = 0;
  // The first is the contact itself.
  std::vector<ContactPerson> people;
};

struct ContactsPage {
  std::vector<Contact> contacts;
  // Hand it to the next call; empty on the last page.
  std::string continuation;
};

// Where something stands about a subject.
struct SubjectPlace {
  std::string account_id;
  uint64_t position = 0;
  Micros occurred = 0;
  // A later record of the same contact took its place.
  bool replaced = false;
  // Path within the event.
  std::string path;
  // The data, sealed. Not set: the subject was erased.
  events::v1::PersonalData data;
};

struct SubjectPage {
  // Whether the shard knows the subject at all.
  bool known = false;
  bool erased = false;
  // By position.
  std::vector<SubjectPlace> places;
  // Number of the first place of the next page; nothing on the last.
  std::optional<uint64_t> next;
};

// Sealed bytes of one page, about: a page ends early when it has more.
inline constexpr size_t kSealedBytesPerPage = 2u << 20;
// Contacts examined for one page at most, removed ones included; a page may therefore be short before the last one.
inline constexpr size_t kContactsScanMax = 10'000;

// Lists up to `page_size` contacts of the account that were not removed, by contact_id, after `continuation`; if
// `contact_id` is not empty, only this one. Requires: page_size > 0. Errors: DATA_LOSS (kStoreDamaged).
absl::StatusOr<ContactsPage> ListContacts(const store::TableReader& rows, std::string_view account_id,
                                          std::string_view contact_id, size_t page_size, std::string_view continuation);

// Whether a record or a removal of the contact is among the account's rows. Errors: DATA_LOSS (kStoreDamaged).
absl::StatusOr<bool> IsContactNamed(const store::TableReader& rows, std::string_view account_id,
                                    std::string_view contact_id);

// Lists up to `page_size` places of a subject on one shard, from number `first` on.
// Errors: DATA_LOSS (kStoreDamaged).
absl::StatusOr<SubjectPage> ListSubjectPlaces(const store::TableReader& rows, std::string_view subject_id,
                                              uint64_t first, size_t page_size);

}  // namespace keyledger::projections

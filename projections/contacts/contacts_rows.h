// Rows of the projection "contacts".
//
// Of an account, per contact: key = account row 'C' (row_key.h) and the contact_id. Of a subject: key = 0x01, the
// subject id, a zero byte and 'S' (how many places there are, and whether it was erased) or 'P' and the number of a
// place, 8 bytes. No account id begins with 0x01.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/base/clock.h"

namespace keyledger::projections {

inline constexpr char kContactTag = 'C';
inline constexpr char kSubjectTag = 'S';
inline constexpr char kPlaceTag = 'P';

// Orders what is recorded of a contact.
struct ContactMoment {
  Micros occurred = 0;
  uint64_t revision = 0;
  auto operator<=>(const ContactMoment&) const = default;
};

// A person of a contact: where the data stands.
struct ContactPersonRow {
  // Empty for the contact itself.
  std::string relation;
  std::string subject_id;
  // Number of the subject's place.
  uint64_t place = 0;
};

// A contact. The first person is the contact itself; none: only a removal is known.
struct ContactRow {
  std::optional<ContactMoment> recorded;
  std::optional<ContactMoment> removed;
  std::vector<ContactPersonRow> people;
};

struct SubjectRow {
  uint64_t places = 0;
  bool erased = false;
};

// Where something stands about a subject.
struct PlaceRow {
  std::string account_id;
  // Path within the event, as it is sealed with: "contact_recorded.person".
  std::string path;
  // Empty for a custom event.
  std::string contact_id;
  uint64_t position = 0;
  uint64_t revision = 0;
  Micros occurred = 0;
  // Nothing: the subject was erased.
  std::string nonce;
  std::string ciphertext;
};

void ContactKey(std::string_view account_id, std::string_view contact_id, std::string& key);
void SubjectKey(std::string_view subject_id, std::string& key);
void PlaceKey(std::string_view subject_id, uint64_t number, std::string& key);

// Decoding returns false if the value is damaged.
void EncodeContact(const ContactRow& row, std::string& value);
bool DecodeContact(std::string_view value, ContactRow& row);
void EncodeSubject(const SubjectRow& row, std::string& value);
bool DecodeSubject(std::string_view value, SubjectRow& row);
void EncodePlace(const PlaceRow& row, std::string& value);
bool DecodePlace(std::string_view value, PlaceRow& row);

}  // namespace keyledger::projections

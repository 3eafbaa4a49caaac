// See contacts_rows.h.
#include "projections/contacts/contacts_rows.h"

#include "projections/engine/row_key.h"
#include "server/base/codec.h"

namespace keyledger::projections {
namespace {

// An event names 33 people at most.
constexpr uint64_t kPeopleMax = 64;

constexpr char kSubjectSpace = '\x01';

void PutMoment(std::string& out, const std::optional<ContactMoment>& moment) {
  out.push_back(moment.has_value() ? 1 : 0);
  if (!moment.has_value()) return;
  PutOrdered64(out, moment->occurred);
  PutVarint64(out, moment->revision);
}

bool GetMoment(std::string_view& in, std::optional<ContactMoment>& moment) {
  if (in.empty()) return false;
  const bool is_set = in[0] != 0;
  in.remove_prefix(1);
  moment.reset();
  if (!is_set) return true;
  ContactMoment read;
  if (!GetOrdered64(in, read.occurred) || !GetVarint64(in, read.revision)) return false;
  moment = read;
  return true;
}

}  // namespace

void ContactKey(std::string_view account_id, std::string_view contact_id, std::string& key) {
  StartRowKey(key, account_id, kContactTag);
  key.append(contact_id);
}

void SubjectKey(std::string_view subject_id, std::string& key) {
  key.assign(1, kSubjectSpace);
  key.append(subject_id).push_back('\0');
  key.push_back(kSubjectTag);
}

void PlaceKey(std::string_view subject_id, uint64_t number, std::string& key) {
  SubjectKey(subject_id, key);
  key.back() = kPlaceTag;
  PutBigEndian64(key, number);
}

void EncodeContact(const ContactRow& row, std::string& value) {
  value.clear();
  PutMoment(value, row.recorded);
  PutMoment(value, row.removed);
  PutVarint64(value, row.people.size());
  for (const ContactPersonRow& person : row.people) {
    PutSized(value, person.relation);
    PutSized(value, person.subject_id);
    PutVarint64(value, person.place);
  }
}

bool DecodeContact(std::string_view value, ContactRow& row) {
  uint64_t people = 0;
  if (!GetMoment(value, row.recorded) || !GetMoment(value, row.removed) || !GetVarint64(value, people) ||
      people > kPeopleMax) {
    return false;
  }
  row.people.resize(people);
  for (ContactPersonRow& person : row.people) {
    if (!GetSized(value, person.relation) || !GetSized(value, person.subject_id) || !GetVarint64(value, person.place))
      return false;
  }
  return value.empty() && row.recorded.has_value() == !row.people.empty();
}

void EncodeSubject(const SubjectRow& row, std::string& value) {
  value.assign(1, row.erased ? 1 : 0);
  PutVarint64(value, row.places);
}

bool DecodeSubject(std::string_view value, SubjectRow& row) {
  if (value.empty()) return false;
  row.erased = value[0] != 0;
  value.remove_prefix(1);
  return GetVarint64(value, row.places) && value.empty();
}

void EncodePlace(const PlaceRow& row, std::string& value) {
  value.clear();
  PutSized(value, row.account_id);
  PutSized(value, row.path);
  PutSized(value, row.contact_id);
  PutVarint64(value, row.position);
  PutVarint64(value, row.revision);
  PutOrdered64(value, row.occurred);
  PutSized(value, row.nonce);
  PutSized(value, row.ciphertext);
}

bool DecodePlace(std::string_view value, PlaceRow& row) {
  return GetSized(value, row.account_id) && GetSized(value, row.path) && GetSized(value, row.contact_id) &&
         GetVarint64(value, row.position) && GetVarint64(value, row.revision) && GetOrdered64(value, row.occurred) &&
         GetSized(value, row.nonce) && GetSized(value, row.ciphertext) && value.empty();
}

}  // namespace keyledger::projections

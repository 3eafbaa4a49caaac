// See contacts_queries.h.
#include "projections/contacts/contacts_queries.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "projections/contacts/contacts_rows.h"
#include "projections/engine/row_key.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

absl::Status Damaged(std::string_view what, std::string_view id) {
  return MakeError(
      Reason::kStoreDamaged,
      fmt::format("the rows of projection contacts for {} {} are unreadable; rebuild the projection", what, id));
}

absl::StatusOr<PlaceRow> ReadPlace(const store::TableReader& rows, std::string_view subject_id, uint64_t number) {
  std::string key;
  PlaceKey(subject_id, number, key);
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> value, rows.Get(key));
  PlaceRow place;
  if (!value.has_value() || !DecodePlace(*value, place)) return Damaged("subject", subject_id);
  return place;
}

events::v1::PersonalData DataOf(std::string_view subject_id, PlaceRow& place) {
  events::v1::PersonalData data;
  data.set_subject_id(std::string(subject_id));
  if (!place.ciphertext.empty()) {
    data.mutable_sealed()->set_nonce(std::move(place.nonce));
    data.mutable_sealed()->set_ciphertext(std::move(place.ciphertext));
  }
  return data;
}

bool IsListed(const ContactRow& contact) {
  return contact.recorded.has_value() && (!contact.removed.has_value() || *contact.removed < *contact.recorded);
}

// Fills in the people of a contact and adds the size of what is sealed to `bytes`.
absl::StatusOr<Contact> ToContact(const store::TableReader& rows, std::string_view contact_id, ContactRow& row,
                                  size_t& bytes) {
  Contact contact;
  contact.contact_id.assign(contact_id);
  contact.occurred = row.recorded->occurred;
  contact.revision = row.recorded->revision;
  for (ContactPersonRow& person : row.people) {
    KL_ASSIGN_OR_RETURN(PlaceRow place, ReadPlace(rows, person.subject_id, person.place));
    bytes += place.ciphertext.size();
    ContactPerson& out = contact.people.emplace_back();
    out.relation = std::move(person.relation);
    out.path = place.path;
    out.data = DataOf(person.subject_id, place);
  }
  return contact;
}

// Whether a later record of the contact took the place of this one.
absl::StatusOr<bool> IsReplaced(const store::TableReader& rows, const PlaceRow& place) {
  if (place.contact_id.empty()) return false;
  std::string key;
  ContactKey(place.account_id, place.contact_id, key);
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> value, rows.Get(key));
  ContactRow contact;
  if (!value.has_value() || !DecodeContact(*value, contact) || !contact.recorded.has_value())
    return Damaged("account", place.account_id);
  return contact.recorded->revision != place.revision;
}

}  // namespace

absl::StatusOr<ContactsPage> ListContacts(const store::TableReader& rows, std::string_view account_id,
                                          std::string_view contact_id, size_t page_size,
                                          std::string_view continuation) {
  ContactsPage page;
  std::string key;
  // Past the one before: no contact id holds a zero byte.
  ContactKey(account_id, contact_id.empty() ? continuation : contact_id, key);
  if (contact_id.empty() && !continuation.empty()) key.push_back('\0');
  const std::unique_ptr<store::RowIterator> row = rows.NewIterator();
  std::string last;
  size_t bytes = 0;
  size_t examined = 0;
  for (row->Seek(key); row->Valid(); row->Next(), ++examined) {
    RowKey parts;
    if (!SplitRowKey(row->key(), parts) || parts.account_id != account_id || parts.tag != kContactTag) break;
    if (!contact_id.empty() && parts.rest != contact_id) break;
    if (page.contacts.size() == page_size || bytes >= kSealedBytesPerPage || examined == kContactsScanMax) {
      page.continuation = std::move(last);
      return page;
    }
    last.assign(parts.rest);
    ContactRow contact;
    if (!DecodeContact(row->value(), contact)) return Damaged("account", account_id);
    if (!IsListed(contact)) continue;
    KL_ASSIGN_OR_RETURN(Contact listed, ToContact(rows, last, contact, bytes));
    page.contacts.push_back(std::move(listed));
  }
  KL_RETURN_IF_ERROR(row->status());
  return page;
}

absl::StatusOr<bool> IsContactNamed(const store::TableReader& rows, std::string_view account_id,
                                    std::string_view contact_id) {
  std::string key;
  ContactKey(account_id, contact_id, key);
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> value, rows.Get(key));
  return value.has_value();
}

absl::StatusOr<SubjectPage> ListSubjectPlaces(const store::TableReader& rows, std::string_view subject_id,
                                              uint64_t first, size_t page_size) {
  SubjectPage page;
  std::string key;
  SubjectKey(subject_id, key);
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> value, rows.Get(key));
  if (!value.has_value()) return page;
  SubjectRow subject;
  if (!DecodeSubject(*value, subject)) return Damaged("subject", subject_id);
  page.known = true;
  page.erased = subject.erased;
  size_t bytes = 0;
  for (uint64_t number = first; number < subject.places; ++number) {
    if (page.places.size() == page_size || bytes >= kSealedBytesPerPage) {
      page.next = number;
      break;
    }
    KL_ASSIGN_OR_RETURN(PlaceRow place, ReadPlace(rows, subject_id, number));
    KL_ASSIGN_OR_RETURN(const bool replaced, IsReplaced(rows, place));
    bytes += place.ciphertext.size();
    SubjectPlace& out = page.places.emplace_back();
    out.account_id = place.account_id;
    out.position = place.position;
    out.occurred = place.occurred;
    out.replaced = replaced;
    out.path = place.path;
    out.data = DataOf(subject_id, place);
  }
  return page;
}

}  // namespace keyledger::projections

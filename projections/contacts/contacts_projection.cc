// See contacts_projection.h.
#include "projections/contacts/contacts_projection.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "projections/contacts/contacts_rows.h"
#include "server/base/error.h"
#include "server/base/ids.h"

namespace keyledger::projections {
namespace {

using events::v1::ContactRecorded;
using events::v1::PersonalData;

// Places of an erased subject that are folded in one step.
constexpr uint64_t kPlacesPerStep = 1'000;

// Folds one record.
class Fold {
 public:
  Fold(const RecordView& record, Rows& rows) : record_(record), rows_(rows) {}

  absl::Status Recorded(const ContactRecorded& recorded) {
    ContactRow contact;
    std::string key;
    ContactKey(account(), recorded.contact_id(), key);
    KL_RETURN_IF_ERROR(Read(key, DecodeContact, contact).status());
    std::vector<ContactPersonRow> people;
    KL_ASSIGN_OR_RETURN(const uint64_t own,
                        AddPlace(recorded.person(), "contact_recorded.person", recorded.contact_id()));
    people.push_back({"", recorded.person().subject_id(), own});
    for (int i = 0; i < recorded.related_size(); ++i) {
      const events::v1::RelatedPerson& related = recorded.related(i);
      KL_ASSIGN_OR_RETURN(
          const uint64_t place,
          AddPlace(related.person(), fmt::format("contact_recorded.related[{}].person", i), recorded.contact_id()));
      people.push_back({related.relation(), related.person().subject_id(), place});
    }
    if (contact.recorded.has_value() && moment() < *contact.recorded) return absl::OkStatus();
    contact.recorded = moment();
    contact.people = std::move(people);
    EncodeContact(contact, value_);
    rows_.Put(key, value_);
    return absl::OkStatus();
  }

  absl::Status Removed(const events::v1::ContactRemoved& removed) {
    ContactRow contact;
    std::string key;
    ContactKey(account(), removed.contact_id(), key);
    KL_RETURN_IF_ERROR(Read(key, DecodeContact, contact).status());
    if (contact.removed.has_value() && moment() < *contact.removed) return absl::OkStatus();
    contact.removed = moment();
    EncodeContact(contact, value_);
    rows_.Put(key, value_);
    return absl::OkStatus();
  }

  absl::Status Custom(const events::v1::CustomEvent& custom) {
    for (int i = 0; i < custom.personal_size(); ++i) {
      KL_RETURN_IF_ERROR(AddPlace(custom.personal(i), fmt::format("custom_event.personal[{}]", i), "").status());
    }
    return absl::OkStatus();
  }

  absl::Status Erased(const std::string& subject_id) {
    SubjectRow subject;
    std::string key;
    SubjectKey(subject_id, key);
    KL_RETURN_IF_ERROR(Read(key, DecodeSubject, subject).status());
    subject.erased = true;
    EncodeSubject(subject, value_);
    rows_.Put(key, value_);
    return absl::OkStatus();
  }

  // Takes away what is sealed in some of the places; returns whether there are more.
  absl::StatusOr<bool> ErasePlaces(const std::string& subject_id, uint64_t step) {
    SubjectRow subject;
    std::string key;
    SubjectKey(subject_id, key);
    KL_RETURN_IF_ERROR(Read(key, DecodeSubject, subject).status());
    const uint64_t end = std::min(subject.places, (step + 1) * kPlacesPerStep);
    for (uint64_t number = step * kPlacesPerStep; number < end; ++number) {
      PlaceRow place;
      PlaceKey(subject_id, number, key);
      KL_ASSIGN_OR_RETURN(const bool found, Read(key, DecodePlace, place));
      if (!found) return Contradiction("a place of an erased subject is missing");
      place.nonce.clear();
      place.ciphertext.clear();
      EncodePlace(place, value_);
      rows_.Put(key, value_);
    }
    return end < subject.places;
  }

 private:
  const std::string& account() const { return record_.record.account_id(); }
  ContactMoment moment() const { return {record_.occurred, record_.record.revision()}; }
  absl::Status Contradiction(const char* what) const {
    return MakeError(Reason::kStoreDamaged, fmt::format("record {}: {}", record_.record.position(), what));
  }

  // Returns whether there is such a row; it is left alone if not.
  template <typename Decode, typename Row>
  absl::StatusOr<bool> Read(const std::string& key, Decode decode, Row& row) {
    KL_ASSIGN_OR_RETURN(const std::optional<std::string_view> value, rows_.Get(key));
    if (!value.has_value()) return false;
    if (!decode(*value, row)) return Contradiction("a row of the projection is unreadable");
    return true;
  }

  // Adds a place to those of the subject and returns its number.
  absl::StatusOr<uint64_t> AddPlace(const PersonalData& data, std::string path, const std::string& contact_id) {
    SubjectRow subject;
    std::string key;
    SubjectKey(data.subject_id(), key);
    KL_RETURN_IF_ERROR(Read(key, DecodeSubject, subject).status());
    const uint64_t number = subject.places++;
    EncodeSubject(subject, value_);
    rows_.Put(key, value_);
    PlaceRow place{account(),
                   std::move(path),
                   contact_id,
                   record_.record.position(),
                   record_.record.revision(),
                   record_.occurred,
                   subject.erased ? "" : data.sealed().nonce(),
                   subject.erased ? "" : data.sealed().ciphertext()};
    PlaceKey(data.subject_id(), number, key);
    EncodePlace(place, value_);
    rows_.Put(key, value_);
    return number;
  }

  const RecordView& record_;
  Rows& rows_;
  std::string value_;
};

}  // namespace

absl::Status ContactsProjection::Apply(const RecordView& record, Rows& rows) const {
  const events::v1::Event& event = record.record.event();
  switch (event.payload_case()) {
    case events::v1::Event::kContactRecorded:
      return Fold(record, rows).Recorded(event.contact_recorded());
    case events::v1::Event::kContactRemoved:
      return Fold(record, rows).Removed(event.contact_removed());
    case events::v1::Event::kCustomEvent:
      return Fold(record, rows).Custom(event.custom_event());
    case events::v1::Event::kSubjectErased:
      return Fold(record, rows).Erased(event.subject_erased().subject_id());
    default:
      return absl::OkStatus();
  }
}

absl::StatusOr<bool> ContactsProjection::ApplyMore(const RecordView& record, uint64_t step, Rows& rows) const {
  const events::v1::Event& event = record.record.event();
  if (!event.has_subject_erased()) return false;
  return Fold(record, rows).ErasePlaces(event.subject_erased().subject_id(), step);
}

std::shared_ptr<const Projection> MakeContactsProjection() { return std::make_shared<ContactsProjection>(); }

}  // namespace keyledger::projections

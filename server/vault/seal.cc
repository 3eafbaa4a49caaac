// See seal.h.
#include "server/vault/seal.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "server/base/check.h"
#include "server/base/codec.h"
#include "server/base/error.h"

namespace keyledger::vault {
namespace {

using events::v1::Event;
using events::v1::PersonalData;
using events::v1::SealedData;

constexpr std::string_view kContext = "keyledger personal data 1\n";
constexpr std::string_view kNonceKeyInfo = "keyledger personal data 1 nonce";

void PutText(std::string& out, std::string_view text) {
  PutBigEndian32(out, static_cast<uint32_t>(text.size()));
  out.append(text);
}

std::string AssociatedData(std::string_view subject_id, const Place& place) {
  std::string out(kContext);
  PutText(out, subject_id);
  PutText(out, place.account_id);
  PutText(out, place.path);
  return out;
}

// One walk for constant and other events.
template <typename EventType, typename Visit>
void Walk(EventType& event, const Visit& visit) {
  constexpr bool kConst = std::is_const_v<EventType>;
  if (event.payload_case() == Event::kContactRecorded) {
    if constexpr (kConst) {
      const events::v1::ContactRecorded& recorded = event.contact_recorded();
      if (recorded.has_person()) visit("contact_recorded.person", recorded.person());
      for (int i = 0; i < recorded.related_size(); ++i) {
        if (recorded.related(i).has_person())
          visit(fmt::format("contact_recorded.related[{}].person", i), recorded.related(i).person());
      }
    } else {
      events::v1::ContactRecorded& recorded = *event.mutable_contact_recorded();
      if (recorded.has_person()) visit("contact_recorded.person", *recorded.mutable_person());
      for (int i = 0; i < recorded.related_size(); ++i) {
        if (recorded.related(i).has_person()) {
          visit(fmt::format("contact_recorded.related[{}].person", i), *recorded.mutable_related(i)->mutable_person());
        }
      }
    }
  } else if (event.payload_case() == Event::kCustomEvent) {
    for (int i = 0; i < event.custom_event().personal_size(); ++i) {
      if constexpr (kConst) {
        visit(fmt::format("custom_event.personal[{}]", i), event.custom_event().personal(i));
      } else {
        visit(fmt::format("custom_event.personal[{}]", i), *event.mutable_custom_event()->mutable_personal(i));
      }
    }
  }
}

// Says which details there are, as long as they can be read. In the order of the numbers, so that the same request
// sealed again gives the same bytes.
void NameKnownFields(PersonalData& data) {
  data.clear_known_fields();
  if (!data.has_details()) return;
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  data.details().GetReflection()->ListFields(data.details(), &fields);
  for (const google::protobuf::FieldDescriptor* const field : fields) data.add_known_fields(field->name());
}

// The serialized content, nothing else: what is sealed.
std::string TakeContent(PersonalData& data) {
  PersonalData content;
  if (data.has_details()) {
    content.set_allocated_details(data.release_details());
  } else {
    content.set_allocated_data(data.release_data());
  }
  return content.SerializeAsString();
}

}  // namespace

bool HasPersonal(const Event& event) {
  return event.payload_case() == Event::kContactRecorded ||
         (event.payload_case() == Event::kCustomEvent && event.custom_event().personal_size() > 0);
}

void VisitPersonal(const Event& event,
                   const std::function<void(const std::string& path, const PersonalData& data)>& visit) {
  Walk(event, visit);
}

void VisitPersonal(Event& event, const std::function<void(const std::string& path, PersonalData& data)>& visit) {
  Walk(event, visit);
}

std::vector<std::string_view> SubjectsOf(std::span<const Event* const> events) {
  std::vector<std::string_view> subjects;
  for (const Event* const event : events) {
    VisitPersonal(*event, [&](const std::string&, const PersonalData& data) { subjects.push_back(data.subject_id()); });
  }
  std::sort(subjects.begin(), subjects.end());
  subjects.erase(std::unique(subjects.begin(), subjects.end()), subjects.end());
  return subjects;
}

SealedData SealBytes(const SecretKey& key, std::string_view subject_id, const Place& place, std::string_view request_id,
                     uint32_t event_index, std::string_view plaintext) {
  const std::string associated = AssociatedData(subject_id, place);
  std::string seed;
  PutText(seed, request_id);
  PutBigEndian32(seed, event_index);
  PutText(seed, associated);
  PutText(seed, plaintext);
  const Digest digest = HmacSha256(DeriveKey(key, kNonceKeyInfo), seed);
  Wipe(seed);
  Nonce nonce;
  std::copy_n(digest.begin(), nonce.size(), nonce.begin());
  SealedData sealed;
  sealed.set_nonce(nonce.data(), nonce.size());
  sealed.set_ciphertext(EncryptGcm(key, nonce, associated, plaintext));
  return sealed;
}

std::optional<std::string> UnsealBytes(const SecretKey& key, std::string_view subject_id, const Place& place,
                                       const SealedData& sealed) {
  if (sealed.nonce().size() != kNonceBytes) return std::nullopt;
  Nonce nonce;
  std::copy(sealed.nonce().begin(), sealed.nonce().end(), nonce.begin());
  return DecryptGcm(key, nonce, AssociatedData(subject_id, place), sealed.ciphertext());
}

absl::StatusOr<KeyUse> SealEvents(Vault& vault, std::string_view account_id, std::string_view request_id,
                                  std::span<Event* const> events) {
  // Copies: the ids are looked up while the data that holds them is changed.
  std::vector<std::string> subjects;
  for (Event* const event : events) {
    VisitPersonal(std::as_const(*event),
                  [&](const std::string&, const PersonalData& data) { subjects.push_back(data.subject_id()); });
  }
  if (subjects.empty()) return KeyUse();
  const std::vector<std::string_view> ids(subjects.begin(), subjects.end());
  KL_ASSIGN_OR_RETURN(KeyUse use, vault.UseKeys(ids));
  const std::vector<SecretKey>& keys = use.keys();
  size_t next = 0;
  for (size_t i = 0; i < events.size(); ++i) {
    VisitPersonal(*events[i], [&](const std::string& path, PersonalData& data) {
      NameKnownFields(data);
      std::string plaintext = TakeContent(data);
      *data.mutable_sealed() = SealBytes(keys[next++], data.subject_id(), {account_id, path}, request_id,
                                         static_cast<uint32_t>(i), plaintext);
      Wipe(plaintext);
    });
  }
  KL_CHECK(next == keys.size());
  return use;
}

absl::StatusOr<PersonalData> Unseal(const Vault& vault, const Place& place, const PersonalData& data) {
  const std::string& subject = data.subject_id();
  absl::StatusOr<SecretKey> key = vault.KeyOf(subject);
  const auto damaged = [&](const char* what) {
    return MakeError(Reason::kStoreDamaged,
                     fmt::format("what is sealed of subject {} in {} of account {} cannot be read: {}", subject,
                                 place.path, place.account_id, what));
  };
  if (!key.ok()) {
    if (ReasonOf(key.status()) != Reason::kSubjectNotFound) return key.status();
    return damaged("the vault has no key of it; it is not the vault that this ledger was written with, or an old copy");
  }
  std::optional<std::string> plaintext = UnsealBytes(*key, subject, place, data.sealed());
  if (!plaintext.has_value()) return damaged("it was altered, or sealed with another key");
  PersonalData unsealed;
  const bool parsed = unsealed.ParseFromString(*plaintext);
  Wipe(*plaintext);
  if (!parsed || unsealed.content_case() == PersonalData::CONTENT_NOT_SET) return damaged("it is no personal data");
  unsealed.set_subject_id(subject);
  unsealed.clear_sealed();
  return unsealed;
}

}  // namespace keyledger::vault

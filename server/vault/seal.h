// Sealing: what becomes of personal data in an event before it is sequenced, and how it is read again.
//
// Which fields of the details hold something stays readable (known_fields), so that gaps can be told without a key. It
// tells that a birthday is known, not which.
//
// The content of a PersonalData is replaced by AES-256-GCM ciphertext under the key of its subject. The associated data
// names subject, account and place within the event, so that sealed bytes cannot be passed off as another person's or
// another field. The nonce is derived from the key, the request and the content: the same request sealed again gives
// the same bytes (so the digest that tells a repeated request is taken of the sealed one, and no hash of a birthday,
// which could be guessed, reaches the disk), and different contents never share a nonce. See FORMAT.md.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "keyledger/events/v1/event.pb.h"
#include "keyledger/events/v1/personal.pb.h"
#include "server/vault/cipher.h"
#include "server/vault/vault.h"

namespace keyledger::vault {

// Where a PersonalData stands.
struct Place {
  std::string_view account_id;
  // Path within the event: "contact_recorded.person", "contact_recorded.related[0].person", "custom_event.personal[0]".
  std::string_view path;
};

// Whether there is any PersonalData in the event.
bool HasPersonal(const events::v1::Event& event);
// Calls `visit` for each PersonalData of the event, in order, with its path.
void VisitPersonal(const events::v1::Event& event,
                   const std::function<void(const std::string& path, const events::v1::PersonalData& data)>& visit);
void VisitPersonal(events::v1::Event& event,
                   const std::function<void(const std::string& path, events::v1::PersonalData& data)>& visit);
// The data subjects of the events, each once, sorted. They point into the events.
std::vector<std::string_view> SubjectsOf(std::span<const events::v1::Event* const> events);

// Seals all personal data of a request's events in place. The keys made for it stay only if the caller confirms their
// use. On an error the events may be sealed in part. Requires: the events have been validated: each PersonalData has a
// subject and a content. Errors, blocks: as Vault::UseKeys.
absl::StatusOr<KeyUse> SealEvents(Vault& vault, std::string_view account_id, std::string_view request_id,
                                  std::span<events::v1::Event* const> events);

// Returns the data with its content instead of `sealed`.
// Errors: FAILED_PRECONDITION (kSubjectErased); DATA_LOSS (kStoreDamaged) if the vault has no key of the subject, or
// another, or the bytes were altered or moved.
absl::StatusOr<events::v1::PersonalData> Unseal(const Vault& vault, const Place& place,
                                                const events::v1::PersonalData& data);

// The two on bytes, with a key at hand. `event_index` is the event's place in its request.
events::v1::SealedData SealBytes(const SecretKey& key, std::string_view subject_id, const Place& place,
                                 std::string_view request_id, uint32_t event_index, std::string_view plaintext);
std::optional<std::string> UnsealBytes(const SecretKey& key, std::string_view subject_id, const Place& place,
                                       const events::v1::SealedData& sealed);

}  // namespace keyledger::vault

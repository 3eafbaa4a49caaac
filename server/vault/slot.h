// What stands in the vault's file: a header and slots of 128 bytes each; internal to server/vault. See FORMAT.md.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "server/vault/cipher.h"
#include "server/vault/master_key.h"

namespace keyledger::vault {

// The header and every slot. Divides the sectors of all disks, so that a write of one arrives whole or not at all.
inline constexpr size_t kSlotBytes = 128;

inline constexpr size_t kVaultIdBytes = 16;

// Supplies random bytes.
using RandomSource = std::function<void(uint8_t* bytes, size_t count)>;

enum class SlotState : uint8_t { kLive = 1, kErased = 2 };

// A slot taken apart.
struct Slot {
  Digest subject{};
  SlotState state = SlotState::kLive;
  // Those of a live one; zeros in an erased one.
  std::string master_id = std::string(kMasterIdBytes, '\0');
  Nonce nonce{};
  // Encrypted key and tag.
  std::string wrapped = std::string(kKeyBytes + kTagBytes, '\0');
};

// What the bytes of a slot turned out to be.
enum class SlotKind {
  // Zeros: never arrived.
  kUnused,
  // As written.
  kIntact,
  kDamaged,
};

// SHA-256 of the subject id.
Digest SubjectHash(std::string_view subject_id);

// Both return kSlotBytes bytes.
std::string EncodeSlot(const Slot& slot);
std::string EncodeHeader(const std::string& vault_id, const MasterKey& master, const RandomSource& random);

// Requires: bytes.size() == kSlotBytes. Fills `slot` if kIntact is returned.
SlotKind DecodeSlot(std::string_view bytes, Slot& slot);
// The two places of a slot that say whom it is about: the first 16 bytes of the hash, and their copy. They differ only
// in a damaged one, which then counts as that of both.
std::array<std::string_view, 2> SubjectMarks(std::string_view bytes);

// What a header says.
struct Header {
  // kVaultIdBytes random bytes: which vault this is, whatever wraps it.
  std::string vault_id;
  std::string master_id;
};

// What the bytes of a header turned out to be.
enum class HeaderKind {
  kIntact,
  // Intact, but of a version from before vaults had ids, or one this program does not know.
  kOlder,
  kNewer,
  kDamaged,
};

// Fills `header` if kIntact is returned.
HeaderKind DecodeHeader(std::string_view bytes, Header& header);
// Whether the header was made with this master key, and for the vault it names. Requires: DecodeHeader says kIntact.
bool HeaderFits(std::string_view bytes, const MasterKey& master);

// A live slot that holds `key` wrapped by `master`.
Slot WrapKey(const Digest& subject, const SecretKey& key, const MasterKey& master, const RandomSource& random);
// The key, or nothing if the slot is not live or was not wrapped by `master` for its subject.
std::optional<SecretKey> UnwrapKey(const Slot& slot, const MasterKey& master);
// What remains of an erased key.
Slot Tombstone(const Digest& subject);

}  // namespace keyledger::vault

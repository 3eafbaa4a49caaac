// See slot.h.
#include "server/vault/slot.h"

#include <algorithm>

#include "server/base/check.h"
#include "server/base/codec.h"

namespace keyledger::vault {
namespace {

constexpr std::string_view kMagic = "KLVAULT\n";
constexpr uint32_t kVersion = 2;
constexpr std::string_view kHeaderContext = "keyledger vault header 2\n";
constexpr std::string_view kSlotContext = "keyledger vault slot 1\n";

// Offsets within a slot.
constexpr size_t kSubjectAt = 0;
constexpr size_t kStateAt = 32;
constexpr size_t kMasterIdAt = 36;
constexpr size_t kNonceAt = 44;
constexpr size_t kWrappedAt = 56;
constexpr size_t kMarkAt = 104;
constexpr size_t kMarkBytes = 16;
constexpr size_t kChecksumAt = 120;
constexpr size_t kChecksumBytes = 8;
static_assert(kStateAt == kSubjectAt + kDigestBytes && kMasterIdAt == kStateAt + 4);
static_assert(kNonceAt == kMasterIdAt + kMasterIdBytes && kWrappedAt == kNonceAt + kNonceBytes);
static_assert(kMarkAt == kWrappedAt + kKeyBytes + kTagBytes && kChecksumAt == kMarkAt + kMarkBytes);
static_assert(kSlotBytes == kChecksumAt + kChecksumBytes);

// Offsets within the header; what follows the tag up to the checksum is zero.
constexpr size_t kVersionAt = 8;
constexpr size_t kSlotBytesAt = 12;
constexpr size_t kHeaderMasterIdAt = 16;
constexpr size_t kHeaderNonceAt = 24;
constexpr size_t kHeaderTagAt = 36;
constexpr size_t kVaultIdAt = 52;
static_assert(kVaultIdAt == kHeaderTagAt + kTagBytes);

template <size_t kCount>
std::string_view View(const std::array<uint8_t, kCount>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Nonce NonceFrom(std::string_view bytes) {
  Nonce nonce;
  std::copy(bytes.begin(), bytes.end(), nonce.begin());
  return nonce;
}

std::string Checksum(std::string_view bytes) {
  return std::string(View(Sha256(bytes.substr(0, kChecksumAt))).substr(0, kChecksumBytes));
}

bool ChecksumFits(std::string_view bytes) { return bytes.substr(kChecksumAt) == Checksum(bytes); }

// The associated data of a wrapped key: it cannot pass for another subject's, nor for one under another master key.
std::string SlotContext(const Digest& subject, std::string_view master_id) {
  std::string text(kSlotContext);
  text.append(View(subject)).append(master_id);
  return text;
}

// The associated data of the header's tag.
std::string HeaderContext(std::string_view vault_id) { return std::string(kHeaderContext).append(vault_id); }

}  // namespace

Digest SubjectHash(std::string_view subject_id) { return Sha256(subject_id); }

std::string EncodeSlot(const Slot& slot) {
  std::string bytes(View(slot.subject));
  bytes.push_back(static_cast<char>(slot.state));
  bytes.append(3, '\0').append(slot.master_id).append(View(slot.nonce)).append(slot.wrapped);
  bytes.append(View(slot.subject).substr(0, kMarkBytes));
  KL_CHECK(bytes.size() == kChecksumAt);
  return bytes + Checksum(bytes);
}

SlotKind DecodeSlot(std::string_view bytes, Slot& slot) {
  KL_CHECK(bytes.size() == kSlotBytes);
  if (bytes.find_first_not_of('\0') == std::string_view::npos) return SlotKind::kUnused;
  if (!ChecksumFits(bytes)) return SlotKind::kDamaged;
  const auto state = static_cast<uint8_t>(bytes[kStateAt]);
  if (state != static_cast<uint8_t>(SlotState::kLive) && state != static_cast<uint8_t>(SlotState::kErased))
    return SlotKind::kDamaged;
  std::copy_n(bytes.begin(), kDigestBytes, slot.subject.begin());
  slot.state = static_cast<SlotState>(state);
  slot.master_id = bytes.substr(kMasterIdAt, kMasterIdBytes);
  slot.nonce = NonceFrom(bytes.substr(kNonceAt, kNonceBytes));
  slot.wrapped = bytes.substr(kWrappedAt, kKeyBytes + kTagBytes);
  return SlotKind::kIntact;
}

std::array<std::string_view, 2> SubjectMarks(std::string_view bytes) {
  return {bytes.substr(kSubjectAt, kMarkBytes), bytes.substr(kMarkAt, kMarkBytes)};
}

std::string EncodeHeader(const std::string& vault_id, const MasterKey& master, const RandomSource& random) {
  KL_CHECK(vault_id.size() == kVaultIdBytes);
  Nonce nonce;
  random(nonce.data(), nonce.size());
  std::string bytes(kMagic);
  PutBigEndian32(bytes, kVersion);
  PutBigEndian32(bytes, kSlotBytes);
  bytes.append(master.id_bytes()).append(View(nonce));
  bytes.append(EncryptGcm(master.key, nonce, HeaderContext(vault_id), "")).append(vault_id);
  bytes.resize(kChecksumAt, '\0');
  return bytes + Checksum(bytes);
}

HeaderKind DecodeHeader(std::string_view bytes, Header& header) {
  if (bytes.size() != kSlotBytes || !bytes.starts_with(kMagic) || !ChecksumFits(bytes)) return HeaderKind::kDamaged;
  uint32_t version = 0;
  uint32_t slot_bytes = 0;
  std::string_view numbers = bytes.substr(kVersionAt, kHeaderMasterIdAt - kVersionAt);
  static_assert(kSlotBytesAt == kVersionAt + 4 && kHeaderMasterIdAt == kSlotBytesAt + 4);
  if (!GetBigEndian32(numbers, version) || !GetBigEndian32(numbers, slot_bytes)) return HeaderKind::kDamaged;
  if (version != kVersion) return version > kVersion ? HeaderKind::kNewer : HeaderKind::kOlder;
  if (slot_bytes != kSlotBytes) return HeaderKind::kDamaged;
  header.master_id = bytes.substr(kHeaderMasterIdAt, kMasterIdBytes);
  header.vault_id = bytes.substr(kVaultIdAt, kVaultIdBytes);
  return HeaderKind::kIntact;
}

bool HeaderFits(std::string_view bytes, const MasterKey& master) {
  return DecryptGcm(master.key, NonceFrom(bytes.substr(kHeaderNonceAt, kNonceBytes)),
                    HeaderContext(bytes.substr(kVaultIdAt, kVaultIdBytes)), bytes.substr(kHeaderTagAt, kTagBytes))
      .has_value();
}

Slot WrapKey(const Digest& subject, const SecretKey& key, const MasterKey& master, const RandomSource& random) {
  Slot slot;
  slot.subject = subject;
  slot.master_id = master.id_bytes();
  random(slot.nonce.data(), slot.nonce.size());
  slot.wrapped = EncryptGcm(master.key, slot.nonce, SlotContext(subject, slot.master_id), key.view());
  return slot;
}

std::optional<SecretKey> UnwrapKey(const Slot& slot, const MasterKey& master) {
  if (slot.state != SlotState::kLive || slot.master_id != master.id_bytes()) return std::nullopt;
  std::optional<std::string> bytes =
      DecryptGcm(master.key, slot.nonce, SlotContext(slot.subject, slot.master_id), slot.wrapped);
  if (!bytes.has_value()) return std::nullopt;
  SecretKey key = SecretKey::From(*bytes);
  Wipe(*bytes);
  return key;
}

Slot Tombstone(const Digest& subject) {
  Slot slot;
  slot.subject = subject;
  slot.state = SlotState::kErased;
  return slot;
}

}  // namespace keyledger::vault

// Note: text with signatures that anybody can check with a public key, in the form of C2SP signed-note
// (https://c2sp.org/signed-note), signed with Ed25519.
//
//   text, which ends in a newline
//   (an empty line)
//   — <name> <base64 of 4 bytes of key hash and the signature>        one line for each signature
//
// The signature covers the text with its last newline. The key hash is the first 4 bytes of SHA-256(name || 0x0A ||
// 0x01 || public key). A verifier key is written
// "<name>+<key hash, 8 hex digits>+<base64(0x01 || public key)>". FORMAT.md has an example.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

struct evp_pkey_st;

namespace keyledger::merkle {

inline constexpr size_t kPublicKeyBytes = 32;
inline constexpr size_t kSignatureBytes = 64;
// Longer notes, and notes with more signatures, are refused before anything is computed.
inline constexpr size_t kNoteBytesMax = 1'000'000;
inline constexpr size_t kNoteSignaturesMax = 100;
inline constexpr size_t kKeyNameBytesMax = 512;

using PublicKey = std::array<uint8_t, kPublicKeyBytes>;

// Returns true if the bytes are an Ed25519 signature (RFC 8032) of the message; false for signatures of any other
// length than 64.
bool VerifyEd25519(const PublicKey& key, std::string_view message, std::string_view signature);

// An Ed25519 private key.
// Threads: immutable after construction; thread-safe.
class SigningKey {
 public:
  // A new one, of the operating system's randomness.
  static SigningKey Generate();
  // Reads a PEM file's text (PKCS #8, unencrypted: "BEGIN PRIVATE KEY"). Errors: INVALID_ARGUMENT (kInvalidField).
  static absl::StatusOr<SigningKey> FromPem(std::string_view pem);

  // The text of FromPem. Whoever writes it sees to it that nobody else can read it.
  std::string ToPem() const;
  const PublicKey& public_key() const { return public_key_; }
  // 64 bytes.
  std::string Sign(std::string_view message) const;

 private:
  explicit SigningKey(std::shared_ptr<evp_pkey_st> key);

  std::shared_ptr<evp_pkey_st> key_;
  PublicKey public_key_{};
};

// A public key under a name, as auditors hold it.
// Threads: a value.
class VerifierKey {
 public:
  // Requires: IsKeyName(name).
  VerifierKey(std::string_view name, const PublicKey& key);
  // Reads "<name>+<hash>+<key>". Errors: INVALID_ARGUMENT (kInvalidField): the form, the hash does not belong to name
  // and key, or not Ed25519.
  static absl::StatusOr<VerifierKey> Parse(std::string_view text);

  std::string Format() const;
  const std::string& name() const { return name_; }
  const PublicKey& public_key() const { return key_; }
  // The first 4 bytes of the hash, most significant first.
  uint32_t key_hash() const { return key_hash_; }
  // Returns true if the bytes are a signature of the message.
  bool Verify(std::string_view message, std::string_view signature) const;

  bool operator==(const VerifierKey&) const = default;

 private:
  std::string name_;
  PublicKey key_{};
  uint32_t key_hash_ = 0;
};

// Returns true for 1 to 512 bytes of UTF-8 without blanks, control characters and plus signs.
bool IsKeyName(std::string_view name);

// Who signs: a private key under the name that goes into the signature line.
struct NoteSigner {
  std::string name;
  const SigningKey* key = nullptr;

  VerifierKey verifier_key() const { return VerifierKey(name, key->public_key()); }
};

// Returns the note of `text`, signed by all in their order.
// Errors: INVALID_ARGUMENT (kInvalidField): the text is empty, does not end in a newline, is not UTF-8, has control
// characters or is too long; a name that is none.
absl::StatusOr<std::string> SignNote(std::string_view text, std::span<const NoteSigner> signers);

struct OpenedNote {
  // With its last newline, without the empty line.
  std::string text;
  // The keys of those given whose signatures it carries, in the order of the signatures, each once.
  std::vector<VerifierKey> verified;
};

// Checks a note. Signatures of others than `keys` are ignored.
// Errors: INVALID_ARGUMENT (kInvalidField): not a note, too large, none of the keys signed it, or a signature that
// names one of them is wrong.
absl::StatusOr<OpenedNote> OpenNote(std::string_view note, std::span<const VerifierKey> keys);

// The text of a note, nothing being verified: for what is only shown. Errors: INVALID_ARGUMENT (kInvalidField): not a
// note, too large.
absl::StatusOr<std::string> UnverifiedText(std::string_view note);

}  // namespace keyledger::merkle

// The few cryptographic functions the vault is made of, each a call of OpenSSL: AES-256-GCM, SHA-256, HMAC, HKDF,
// random bytes. Nothing here is a construction of our own.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace keyledger::vault {

inline constexpr size_t kKeyBytes = 32;
inline constexpr size_t kNonceBytes = 12;
inline constexpr size_t kTagBytes = 16;
inline constexpr size_t kDigestBytes = 32;

using Nonce = std::array<uint8_t, kNonceBytes>;
using Digest = std::array<uint8_t, kDigestBytes>;

// 32 secret bytes that are wiped from memory when they are no longer needed.
// Threads: thread-compatible.
class SecretKey {
 public:
  SecretKey() = default;
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;
  ~SecretKey();

  // Requires: bytes.size() == kKeyBytes.
  static SecretKey From(std::string_view bytes);
  uint8_t* data() { return bytes_.data(); }
  const uint8_t* data() const { return bytes_.data(); }
  std::string_view view() const { return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}; }
  // In constant time.
  bool operator==(const SecretKey& other) const;

 private:
  std::array<uint8_t, kKeyBytes> bytes_{};
};

// Overwrites what `text` holds, so that it does not stay in freed memory.
void Wipe(std::string& text);

// Fills `bytes` with random bytes that are fit for keys.
void FillRandom(uint8_t* bytes, size_t count);

// Returns the ciphertext followed by the tag: kTagBytes more than the plaintext.
std::string EncryptGcm(const SecretKey& key, const Nonce& nonce, std::string_view associated,
                       std::string_view plaintext);
// Returns the plaintext, or nothing if `sealed` is not what EncryptGcm returned for the same key, nonce and associated
// data.
std::optional<std::string> DecryptGcm(const SecretKey& key, const Nonce& nonce, std::string_view associated,
                                      std::string_view sealed);

Digest Sha256(std::string_view bytes);
Digest HmacSha256(const SecretKey& key, std::string_view bytes);
// HKDF-SHA256 (RFC 5869) without salt.
SecretKey DeriveKey(const SecretKey& key, std::string_view info);

}  // namespace keyledger::vault

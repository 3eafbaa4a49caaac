// See cipher.h.
#include "server/vault/cipher.h"

#include <memory>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include "server/base/check.h"

namespace keyledger::vault {
namespace {

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

}  // namespace

SecretKey::~SecretKey() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

SecretKey SecretKey::From(std::string_view bytes) {
  KL_CHECK(bytes.size() == kKeyBytes);
  SecretKey key;
  bytes.copy(reinterpret_cast<char*>(key.bytes_.data()), kKeyBytes);
  return key;
}

bool SecretKey::operator==(const SecretKey& other) const {
  return CRYPTO_memcmp(bytes_.data(), other.bytes_.data(), kKeyBytes) == 0;
}

void Wipe(std::string& text) {
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

// Without random bytes nothing here is safe to go on with.
void FillRandom(uint8_t* bytes, size_t count) { KL_CHECK(RAND_priv_bytes(bytes, static_cast<int>(count)) == 1); }

std::string EncryptGcm(const SecretKey& key, const Nonce& nonce, std::string_view associated,
                       std::string_view plaintext) {
  const CipherContext context(EVP_CIPHER_CTX_new());
  KL_CHECK(context != nullptr);
  KL_CHECK(EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce.data()) == 1);
  int count = 0;
  KL_CHECK(EVP_EncryptUpdate(context.get(), nullptr, &count, Bytes(associated), static_cast<int>(associated.size())) ==
           1);
  std::string sealed(plaintext.size() + kTagBytes, '\0');
  KL_CHECK(EVP_EncryptUpdate(context.get(), Bytes(sealed), &count, Bytes(plaintext),
                             static_cast<int>(plaintext.size())) == 1);
  int rest = 0;
  KL_CHECK(EVP_EncryptFinal_ex(context.get(), Bytes(sealed) + count, &rest) == 1);
  KL_CHECK(static_cast<size_t>(count + rest) == plaintext.size());
  KL_CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, Bytes(sealed) + plaintext.size()) == 1);
  return sealed;
}

std::optional<std::string> DecryptGcm(const SecretKey& key, const Nonce& nonce, std::string_view associated,
                                      std::string_view sealed) {
  if (sealed.size() < kTagBytes) return std::nullopt;
  const std::string_view ciphertext = sealed.substr(0, sealed.size() - kTagBytes);
  std::string tag(sealed.substr(ciphertext.size()));
  const CipherContext context(EVP_CIPHER_CTX_new());
  KL_CHECK(context != nullptr);
  KL_CHECK(EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce.data()) == 1);
  int count = 0;
  KL_CHECK(EVP_DecryptUpdate(context.get(), nullptr, &count, Bytes(associated), static_cast<int>(associated.size())) ==
           1);
  // One byte more than needed: an empty string has no place to write to.
  std::string plaintext(ciphertext.size() + 1, '\0');
  KL_CHECK(EVP_DecryptUpdate(context.get(), Bytes(plaintext), &count, Bytes(ciphertext),
                             static_cast<int>(ciphertext.size())) == 1);
  KL_CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, Bytes(tag)) == 1);
  int rest = 0;
  if (EVP_DecryptFinal_ex(context.get(), Bytes(plaintext) + count, &rest) != 1) {
    Wipe(plaintext);
    return std::nullopt;
  }
  plaintext.resize(ciphertext.size());
  return plaintext;
}

Digest Sha256(std::string_view bytes) {
  Digest digest;
  unsigned int count = 0;
  KL_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &count, EVP_sha256(), nullptr) == 1);
  KL_CHECK(count == kDigestBytes);
  return digest;
}

Digest HmacSha256(const SecretKey& key, std::string_view bytes) {
  Digest digest;
  unsigned int count = 0;
  KL_CHECK(HMAC(EVP_sha256(), key.data(), kKeyBytes, Bytes(bytes), bytes.size(), digest.data(), &count) != nullptr);
  KL_CHECK(count == kDigestBytes);
  return digest;
}

SecretKey DeriveKey(const SecretKey& key, std::string_view info) {
  struct FreeKey {
    void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  };
  const std::unique_ptr<EVP_PKEY_CTX, FreeKey> context(EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr));
  KL_CHECK(context != nullptr && EVP_PKEY_derive_init(context.get()) == 1);
  KL_CHECK(EVP_PKEY_CTX_set_hkdf_md(context.get(), EVP_sha256()) == 1);
  KL_CHECK(EVP_PKEY_CTX_set1_hkdf_key(context.get(), key.data(), kKeyBytes) == 1);
  KL_CHECK(EVP_PKEY_CTX_add1_hkdf_info(context.get(), Bytes(info), static_cast<int>(info.size())) == 1);
  SecretKey derived;
  size_t count = kKeyBytes;
  KL_CHECK(EVP_PKEY_derive(context.get(), derived.data(), &count) == 1 && count == kKeyBytes);
  return derived;
}

}  // namespace keyledger::vault

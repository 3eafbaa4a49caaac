// The calls of OpenSSL against published vectors.
#include "server/vault/cipher.h"

#include <map>

#include <nlohmann/json.hpp>

#include "tests/unit/vault/vault_fixture.h"

namespace keyledger::vault {
namespace {

TEST(Cipher, AgreesWithWycheproofOnAesGcm) {
  const std::string path = std::string(KL_SHARED_DATA) + "/wycheproof/aes_gcm_test.json";
  const std::string text = ReadBytes(path);
  if (text.empty()) GTEST_SKIP() << path << " is not there";
  const nlohmann::json suite = nlohmann::json::parse(text);
  int valid = 0;
  int invalid = 0;
  std::map<std::string, int> not_applicable;
  for (const auto& group : suite["testGroups"]) {
    const std::string kind = fmt::format("key {} nonce {} tag {}", group["keySize"].get<int>(),
                                         group["ivSize"].get<int>(), group["tagSize"].get<int>());
    if (kind != "key 256 nonce 96 tag 128") {
      not_applicable[kind] += static_cast<int>(group["tests"].size());
      continue;
    }
    for (const auto& test : group["tests"]) {
      const int number = test["tcId"].get<int>();
      const SecretKey key = SecretKey::From(FromHex(test["key"].get<std::string>()));
      const std::string iv = FromHex(test["iv"].get<std::string>());
      Nonce nonce;
      ASSERT_EQ(iv.size(), nonce.size()) << number;
      std::copy(iv.begin(), iv.end(), nonce.begin());
      const std::string aad = FromHex(test["aad"].get<std::string>());
      const std::string plaintext = FromHex(test["msg"].get<std::string>());
      const std::string sealed = FromHex(test["ct"].get<std::string>()) + FromHex(test["tag"].get<std::string>());
      if (test["result"] == "valid") {
        ++valid;
        EXPECT_EQ(Hex(EncryptGcm(key, nonce, aad, plaintext)), Hex(sealed)) << number;
        EXPECT_EQ(DecryptGcm(key, nonce, aad, sealed), plaintext) << number;
      } else {
        ++invalid;
        EXPECT_EQ(DecryptGcm(key, nonce, aad, sealed), std::nullopt) << number;
      }
    }
  }
  EXPECT_EQ(valid, 39);
  EXPECT_EQ(invalid, 27);
  int others = 0;
  for (const auto& [kind, count] : not_applicable) others += count;
  EXPECT_EQ(valid + invalid + others, 316);
  for (const auto& [kind, count] : not_applicable) RecordProperty(kind, count);
}

TEST(Cipher, RefusesTextsTooShortForATag) {
  const SecretKey key;
  for (size_t size = 0; size < kTagBytes; ++size)
    EXPECT_EQ(DecryptGcm(key, Nonce{}, "", std::string(size, 'x')), std::nullopt) << size;
}

// Computed with Python's cryptography package for a key of bytes 0 to 31.
TEST(Cipher, DerivesKeysByHkdf) {
  std::string bytes;
  for (char c = 0; c < 32; ++c) bytes.push_back(c);
  EXPECT_EQ(Hex(DeriveKey(SecretKey::From(bytes), "keyledger personal data 1 nonce").view()),
            "7d2c7607cf0f435ef63f4e429fc7597d150be11906559db2484ac69519b8ad40");
}

// RFC 4231, test case 1 has a key of 20 bytes; keys here are 32, padded with zeros as HMAC does.
TEST(Cipher, AuthenticatesByHmac) {
  const SecretKey key = SecretKey::From(std::string(20, '\x0b') + std::string(12, '\0'));
  const Digest digest = HmacSha256(key, "Hi There");
  EXPECT_EQ(Hex({reinterpret_cast<const char*>(digest.data()), digest.size()}),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
}

}  // namespace
}  // namespace keyledger::vault

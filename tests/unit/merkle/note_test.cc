// Signed notes, keys and base64: published vectors, what they refuse, one by one.
#include "server/merkle/note.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "server/base/error.h"
#include "server/merkle/base64.h"

namespace keyledger::merkle {
namespace {

// The example in the documentation of golang.org/x/mod/sumdb/note.
constexpr char kNeumannKey[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr char kNeumannNote[] =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\xe2\x80\x94 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

// RFC 8410, section 10.3.
constexpr char kRfc8410Pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
    "-----END PRIVATE KEY-----\n";

std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::string Hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

PublicKey KeyFromHex(const std::string& hex) {
  const std::string bytes = FromHex(hex);
  PublicKey key{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), key.size()), key.begin());
  return key;
}

VerifierKey Neumann() { return *VerifierKey::Parse(kNeumannKey); }

std::string Refusal(std::string_view note, const std::vector<VerifierKey>& keys) {
  const auto opened = OpenNote(note, keys);
  if (opened.ok()) return "accepted";
  EXPECT_EQ(ReasonOf(opened.status()), Reason::kInvalidField);
  return MessageOf(opened.status());
}

TEST(Ed25519, AnswersEveryWycheproofVectorAsItWants) {
  const auto path = std::filesystem::path(KL_DATA_DIR) / "wycheproof/ed25519_test.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path;
  std::ifstream in(path);
  const nlohmann::json file = nlohmann::json::parse(in);
  int vectors = 0;
  for (const nlohmann::json& group : file.at("testGroups")) {
    const std::string key = group.at("publicKey").at("pk").get<std::string>();
    ASSERT_EQ(key.size(), 64u);
    for (const nlohmann::json& test : group.at("tests")) {
      const bool accepted = VerifyEd25519(KeyFromHex(key), FromHex(test.at("msg").get<std::string>()),
                                          FromHex(test.at("sig").get<std::string>()));
      EXPECT_EQ(accepted, test.at("result") == "valid") << test.at("tcId") << " " << test.at("comment");
      ++vectors;
    }
  }
  EXPECT_EQ(vectors, file.at("numberOfTests").get<int>());
  EXPECT_GE(vectors, 150);
}

TEST(SigningKey, OfRfc8032SignsAsThere) {
  // RFC 8032 section 7.1, test 2: the secret key in the PKCS #8 wrapping of RFC 8410.
  const std::string der =
      FromHex("302e020100300506032b6570042204204ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
  const auto key = SigningKey::FromPem(
      fmt::format("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", EncodeBase64(der)));
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(Hex(std::string(key->public_key().begin(), key->public_key().end())),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  EXPECT_EQ(Hex(key->Sign("\x72")),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4"
            "302aeeb00d291612bb0c00");
}

TEST(SigningKey, IsReadAndWrittenAsPem) {
  const auto key = SigningKey::FromPem(kRfc8410Pem);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->ToPem(), kRfc8410Pem);
  // RFC 8410, section 10.1: the public key that goes with it.
  EXPECT_EQ(Hex(std::string(key->public_key().begin(), key->public_key().end())),
            "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
}

TEST(SigningKey, GeneratedIsANewOneEachTime) {
  const SigningKey a = SigningKey::Generate();
  const SigningKey b = SigningKey::Generate();
  EXPECT_NE(a.public_key(), b.public_key());
  EXPECT_TRUE(VerifyEd25519(a.public_key(), "text", a.Sign("text")));
  EXPECT_FALSE(VerifyEd25519(a.public_key(), "text", b.Sign("text")));
  EXPECT_FALSE(VerifyEd25519(a.public_key(), "test", a.Sign("text")));
  EXPECT_EQ(SigningKey::FromPem(a.ToPem())->public_key(), a.public_key());
}

TEST(SigningKey, RefusesWhatIsNoUnencryptedEd25519Key) {
  const std::vector<std::string> refused = {
      "", "key", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
      "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", std::string(kRfc8410Pem).substr(0, 80),
      // X25519.
      "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE "
      "KEY-----\n",
      // A public key (RFC 8410, section 10.1).
      "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC "
      "KEY-----\n",
      // Encrypted: must not ask for a password either.
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
      "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAg1xx4uSujCHwICCAAw\n"
      "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEOr6OoYo5jTmkVO3WsBG6BoEQCY7\n"
      "A4wht+NQgWqgimiffPXhNC4Ckv3ZrjS4xwLwlw5BbybuNwePHmVlpxzMZDfzEfxi\n"
      "xRNx214QMoQS0M8fUsE=\n"
      "-----END ENCRYPTED PRIVATE KEY-----\n",
      std::string(16'385, 'x')};
  for (const std::string& pem : refused) {
    const auto key = SigningKey::FromPem(pem);
    EXPECT_EQ(ReasonOf(key.status()), Reason::kInvalidField) << pem;
    EXPECT_EQ(MessageOf(key.status()), "not an unencrypted Ed25519 private key in PEM (PKCS #8, BEGIN PRIVATE KEY)");
  }
}

TEST(VerifierKey, ReadsAndWritesPublishedKeys) {
  for (const std::string& text :
       {std::string(kNeumannKey),
        std::string("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")}) {
    const auto key = VerifierKey::Parse(text);
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->Format(), text);
  }
  EXPECT_EQ(Neumann().name(), "PeterNeumann");
  EXPECT_EQ(Neumann().key_hash(), 0xc74f20a3u);
}

TEST(VerifierKey, RefusesEveryOtherForm) {
  const std::string form = "a verifier key has the form <name>+<8 hex digits>+<base64 of the algorithm and the key>";
  const std::string hash = "the key hash of the verifier key does not belong to its name and key: it must be c74f20a3";
  const std::string type = "the verifier key is not an Ed25519 key (algorithm byte 1 and 32 bytes)";
  const std::string key = "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
  const std::vector<std::pair<std::string, std::string>> refused = {
      {"", form},
      {"PeterNeumann", form},
      {"PeterNeumann+c74f20a3", form},
      {"+c74f20a3+" + key, form},
      {"Peter Neumann+c74f20a3+" + key, form},
      {"PeterNeumann+c74f20a3+", form},
      {"PeterNeumann+c74f20a3+" + key + "=", form},
      {"PeterNeumann+c74f20a3+" + key + "\n", form},
      {"PeterNeumann+c74f20a3+ARpc*QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", form},
      {std::string(600, 'n') + "+c74f20a3+" + key, form},
      {"PeterNeumann+c74f20a4+" + key, hash},
      {"PeterNeumann+C74F20A3+" + key, hash},
      {"PeterNeumann+74f20a3+" + key, hash},
      {"PeterNeumann++" + key, hash},
      {"PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", type},
      {"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10Q=", type},
      {"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWAA==", type}};
  for (const auto& [text, message] : refused) {
    const auto parsed = VerifierKey::Parse(text);
    EXPECT_EQ(ReasonOf(parsed.status()), Reason::kInvalidField) << text;
    EXPECT_EQ(MessageOf(parsed.status()), message) << text;
  }
}

TEST(KeyNames, HoldNoBlanksPlusSignsOrControlCharacters) {
  EXPECT_TRUE(IsKeyName("keyledger/0123456789abcdef0123456789abcdef/63"));
  EXPECT_TRUE(IsKeyName("m\xc3\xbcller"));
  EXPECT_TRUE(IsKeyName(std::string(512, 'n')));
  for (const std::string& name : {std::string(), std::string(513, 'n'), std::string("a b"), std::string("a+b"),
                                  std::string("a\nb"), std::string("a\tb"), std::string("a\x7f"), std::string("a\xff"),
                                  std::string("a\xc2\xa0"), std::string("a\xe3\x80\x80"), std::string("a\xe2\x80\x80"),
                                  std::string("a\xe2\x80\x8a"), std::string("a\0b", 3)}) {
    EXPECT_FALSE(IsKeyName(name)) << Hex(name);
  }
}

TEST(OpenNote, ReadsThePublishedExample) {
  const auto opened = OpenNote(kNeumannNote, std::vector{Neumann()});
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->text,
            "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n");
  EXPECT_EQ(opened->verified, std::vector{Neumann()});
}

TEST(OpenNote, RefusesAChangedByteAnywhere) {
  const std::string note = kNeumannNote;
  for (size_t i = 0; i < note.size(); ++i) {
    for (const char flip : {'\x01', '\x10', '\x20'}) {
      std::string changed = note;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      EXPECT_NE(Refusal(changed, {Neumann()}), "accepted") << i;
    }
  }
  for (size_t length = 0; length < note.size(); ++length) {
    EXPECT_NE(Refusal(note.substr(0, length), {Neumann()}), "accepted") << length;
  }
}

TEST(OpenNote, SaysWhatIsWrongWithAMalformedNote) {
  const std::string text = "text\n\n";
  const std::string line = "\xe2\x80\x94 name " + EncodeBase64(std::string(68, 's')) + "\n";
  const std::vector<VerifierKey> keys = {Neumann()};
  EXPECT_EQ(Refusal(text + line, keys), "none of the given keys signed the note");
  EXPECT_EQ(Refusal("", keys), "a note must have an empty line between its text and its signatures");
  EXPECT_EQ(Refusal("text\n" + line, keys), "a note must have an empty line between its text and its signatures");
  EXPECT_EQ(Refusal(text, keys), "a note must end in a signature line and a newline");
  EXPECT_EQ(Refusal(text + line.substr(0, line.size() - 1), keys), "a note must end in a signature line and a newline");
  EXPECT_EQ(Refusal("te\txt\n\n" + line, keys), "the text of a note must not hold control characters");
  EXPECT_EQ(Refusal("te\rxt\n\n" + line, keys), "the text of a note must not hold control characters");
  EXPECT_EQ(Refusal("te\xffxt\n\n" + line, keys), "the text of a note must be UTF-8");
  EXPECT_EQ(Refusal(text + "- name AAAAAAAA\n", keys),
            "signature line 1 of the note does not begin with an em dash and a blank");
  EXPECT_EQ(Refusal(text + line + "\n", keys), "a note must end in a signature line and a newline");
  EXPECT_EQ(Refusal(text + "\xe2\x80\x94 name\n", keys),
            "signature line 1 of the note must have a name, a blank and a signature");
  EXPECT_EQ(Refusal(text + "\xe2\x80\x94  AAAAAAAA\n", keys), "signature line 1 of the note names no key");
  EXPECT_EQ(Refusal(text + "\xe2\x80\x94 a+b AAAAAAAA\n", keys), "signature line 1 of the note names no key");
  EXPECT_EQ(Refusal(text + line + "\xe2\x80\x94 name AAAA\n", keys),
            "signature line 2 of the note is not a signature in base64");
  EXPECT_EQ(Refusal(text + "\xe2\x80\x94 name AAAAAA==\n", keys),
            "signature line 1 of the note is not a signature in base64");
  EXPECT_EQ(Refusal(text + "\xe2\x80\x94 name AAAAAAAA AAAA\n", keys),
            "signature line 1 of the note is not a signature in base64");
}

TEST(OpenNote, IgnoresUnknownSignersAndOtherHashesOfTheSameName) {
  const SigningKey mine = SigningKey::Generate();
  const SigningKey other = SigningKey::Generate();
  const std::vector<NoteSigner> signers = {{"other", &other}, {"mine", &other}, {"mine", &mine}};
  const auto note = SignNote("text\n", signers);
  ASSERT_TRUE(note.ok()) << note.status();
  const VerifierKey key("mine", mine.public_key());
  const auto opened = OpenNote(*note, std::vector{key});
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->text, "text\n");
  EXPECT_EQ(opened->verified, std::vector{key});
  // In the order of the signatures, whatever the order of the keys.
  const VerifierKey second("other", other.public_key());
  const auto both = OpenNote(*note, std::vector{key, second});
  ASSERT_TRUE(both.ok()) << both.status();
  EXPECT_EQ(both->verified, (std::vector{second, key}));
  EXPECT_EQ(Refusal(*note, {}), "none of the given keys signed the note");
}

TEST(OpenNote, FailsIfOneKnownSignatureIsWrongThoughAnotherIsRight) {
  const SigningKey mine = SigningKey::Generate();
  const SigningKey other = SigningKey::Generate();
  const VerifierKey my_key("mine", mine.public_key());
  const VerifierKey other_key("other", other.public_key());
  const std::string right = *SignNote("text\n", std::vector<NoteSigner>{{"mine", &mine}});
  const std::string wrong = *SignNote("test\n", std::vector<NoteSigner>{{"other", &other}});
  const std::string note = right + wrong.substr(6);
  EXPECT_EQ(Refusal(note, {my_key}), "accepted");
  EXPECT_EQ(
      Refusal(note, {my_key, other_key}),
      fmt::format(
          "the signature of other with key hash {:08x} is wrong: the note was changed, or never signed by this key",
          other_key.key_hash()));
}

TEST(OpenNote, CountsARepeatedSignatureOnce) {
  const SigningKey mine = SigningKey::Generate();
  const std::string note = *SignNote("text\n", std::vector<NoteSigner>{{"mine", &mine}, {"mine", &mine}});
  const auto opened = OpenNote(note, std::vector{VerifierKey("mine", mine.public_key())});
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->verified.size(), 1u);
}

TEST(OpenNote, TakesEmptyLinesInTheTextAndSplitsAtTheLast) {
  const SigningKey mine = SigningKey::Generate();
  const std::string text = "one\n\ntwo\n\n\xe2\x80\x94 mine AAAA\n";
  const std::string note = *SignNote(text, std::vector<NoteSigner>{{"mine", &mine}});
  const auto opened = OpenNote(note, std::vector{VerifierKey("mine", mine.public_key())});
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->text, text);
}

TEST(OpenNote, TakesAHundredSignaturesAndAMillionBytes) {
  const std::string line = "\xe2\x80\x94 name " + EncodeBase64(std::string(68, 's')) + "\n";
  const std::string mine = std::string(kNeumannNote).substr(std::string(kNeumannNote).find("\xe2\x80\x94"));
  std::string lines;
  for (int i = 0; i < 99; ++i) lines += line;
  const std::string text = std::string(kNeumannNote).substr(0, std::string(kNeumannNote).find("\xe2\x80\x94"));
  EXPECT_EQ(Refusal(text + lines + mine, {Neumann()}), "accepted");
  EXPECT_EQ(Refusal(text + lines + line + mine, {Neumann()}), "a note has at most 100 signatures");

  const SigningKey key = SigningKey::Generate();
  const std::vector<NoteSigner> signers = {{"k", &key}};
  // The line of "k": 3 + 1 + 1 + 1 + 92 + 1 bytes, and the empty one.
  const std::string largest(1'000'000 - 100 - 1, 'x');
  const auto note = SignNote(largest + "\n", signers);
  ASSERT_TRUE(note.ok()) << note.status();
  EXPECT_EQ(note->size(), 1'000'000u);
  EXPECT_EQ(Refusal(*note, {VerifierKey("k", key.public_key())}), "accepted");
  EXPECT_EQ(Refusal("x" + *note, {VerifierKey("k", key.public_key())}),
            "a note has at most 1000000 bytes, this one 1000001");
  EXPECT_EQ(MessageOf(SignNote("x" + largest + "\n", signers).status()),
            "a note has 1 to 100 signatures and at most 1000000 bytes");
}

TEST(SignNote, RefusesTextThatIsNone) {
  const SigningKey key = SigningKey::Generate();
  const std::vector<NoteSigner> signers = {{"k", &key}};
  const auto refusal = [&](std::string_view text) { return MessageOf(SignNote(text, signers).status()); };
  EXPECT_EQ(refusal(""), "the text of a note must end in a newline");
  EXPECT_EQ(refusal("text"), "the text of a note must end in a newline");
  EXPECT_EQ(refusal("a\tb\n"), "the text of a note must not hold control characters");
  EXPECT_EQ(refusal("\xff\n"), "the text of a note must be UTF-8");
  EXPECT_EQ(MessageOf(SignNote("text\n", {}).status()), "a note has 1 to 100 signatures and at most 1000000 bytes");
  EXPECT_EQ(MessageOf(SignNote("text\n", std::vector<NoteSigner>{{"a b", &key}}).status()), "'a b' cannot name a key");
}

TEST(UnverifiedText, IsTheTextOfAnyWellFormedNote) {
  EXPECT_EQ(*UnverifiedText("text\n\n\xe2\x80\x94 name AAAAAAAA\n"), "text\n");
  EXPECT_EQ(ReasonOf(UnverifiedText("text\n").status()), Reason::kInvalidField);
}

TEST(Base64, EqualsTheVectorsOfRfc4648) {
  const std::vector<std::pair<std::string, std::string>> vectors = {{"", ""},
                                                                    {"f", "Zg=="},
                                                                    {"fo", "Zm8="},
                                                                    {"foo", "Zm9v"},
                                                                    {"foob", "Zm9vYg=="},
                                                                    {"fooba", "Zm9vYmE="},
                                                                    {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(EncodeBase64(bytes), text);
    EXPECT_EQ(DecodeBase64(text), bytes);
  }
  EXPECT_EQ(EncodeBase64("\xfb\xff\xfe"), "+//+");
  EXPECT_EQ(DecodeBase64("+//+"), "\xfb\xff\xfe");
}

TEST(Base64, HasOneSpellingOnly) {
  for (const std::string text :
       {"Zg", "Zg=", "Zh==", "Zm9=", "Zg==\n", " Zg==", "Zg==Zg==", "Z===", "====", "A", "-__-", "Zm9v=", "Zm\n9v"}) {
    EXPECT_EQ(DecodeBase64(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace keyledger::merkle

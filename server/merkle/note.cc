// See note.h.
#include "server/merkle/note.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/merkle/base64.h"
#include "server/merkle/tree.h"

namespace keyledger::merkle {
namespace {

constexpr char kEd25519 = 1;
constexpr size_t kKeyHashBytes = 4;
constexpr size_t kPemBytesMax = 16'384;
// An em dash and a blank.
constexpr std::string_view kSignaturePrefix = "\xe2\x80\x94 ";

struct ContextFree {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
struct BioFree {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
struct KeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

absl::Status Malformed(const std::string& what) { return MakeError(Reason::kInvalidField, what); }

uint32_t KeyHash(std::string_view name, const PublicKey& key) {
  std::string hashed(name);
  hashed += '\n';
  hashed += kEd25519;
  hashed.append(key.begin(), key.end());
  const Hash hash = Sha256(hashed);
  return uint32_t{hash[0]} << 24 | uint32_t{hash[1]} << 16 | uint32_t{hash[2]} << 8 | hash[3];
}

// A line of a note's end.
struct Signature {
  std::string_view name;
  uint32_t key_hash = 0;
  // Whatever follows the hash.
  std::string bytes;
};

struct ParsedNote {
  std::string_view text;
  std::vector<Signature> signatures;
};

// What a note's text may be, see C2SP signed-note.
absl::Status CheckText(std::string_view text) {
  if (text.empty() || text.back() != '\n') return Malformed("the text of a note must end in a newline");
  if (!IsUtf8(text)) return Malformed("the text of a note must be UTF-8");
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; };
  if (std::any_of(text.begin(), text.end(), is_control))
    return Malformed("the text of a note must not hold control characters");
  return absl::OkStatus();
}

absl::StatusOr<Signature> ParseSignature(std::string_view line, size_t number) {
  const auto malformed = [&](const char* what) {
    return Malformed(fmt::format("signature line {} of the note {}", number, what));
  };
  if (!line.starts_with(kSignaturePrefix)) return malformed("does not begin with an em dash and a blank");
  line.remove_prefix(kSignaturePrefix.size());
  const size_t blank = line.find(' ');
  if (blank == std::string_view::npos) return malformed("must have a name, a blank and a signature");
  Signature signature;
  signature.name = line.substr(0, blank);
  if (!IsKeyName(signature.name)) return malformed("names no key");
  std::optional<std::string> bytes = DecodeBase64(line.substr(blank + 1));
  if (!bytes.has_value() || bytes->size() <= kKeyHashBytes) return malformed("is not a signature in base64");
  for (size_t i = 0; i < kKeyHashBytes; ++i)
    signature.key_hash = signature.key_hash << 8 | static_cast<unsigned char>((*bytes)[i]);
  signature.bytes = bytes->substr(kKeyHashBytes);
  return signature;
}

absl::StatusOr<ParsedNote> ParseNote(std::string_view note) {
  if (note.size() > kNoteBytesMax) {
    return Malformed(fmt::format("a note has at most {} bytes, this one {}", kNoteBytesMax, note.size()));
  }
  // Signature lines are never empty: the last empty line ends the text.
  const size_t split = note.rfind("\n\n");
  if (split == std::string_view::npos)
    return Malformed("a note must have an empty line between its text and its signatures");
  ParsedNote parsed;
  parsed.text = note.substr(0, split + 1);
  KL_RETURN_IF_ERROR(CheckText(parsed.text));
  std::string_view lines = note.substr(split + 2);
  if (lines.empty() || lines.back() != '\n') return Malformed("a note must end in a signature line and a newline");
  while (!lines.empty()) {
    if (parsed.signatures.size() == kNoteSignaturesMax) {
      return Malformed(fmt::format("a note has at most {} signatures", kNoteSignaturesMax));
    }
    const size_t end = lines.find('\n');
    KL_ASSIGN_OR_RETURN(Signature signature, ParseSignature(lines.substr(0, end), parsed.signatures.size() + 1));
    parsed.signatures.push_back(std::move(signature));
    lines.remove_prefix(end + 1);
  }
  return parsed;
}

}  // namespace

bool VerifyEd25519(const PublicKey& key, std::string_view message, std::string_view signature) {
  if (signature.size() != kSignatureBytes) return false;
  const std::unique_ptr<EVP_PKEY, KeyFree> public_key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  if (public_key == nullptr) return false;
  const std::unique_ptr<EVP_MD_CTX, ContextFree> context(EVP_MD_CTX_new());
  KL_CHECK(context != nullptr);
  if (EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, public_key.get()) != 1) return false;
  return EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(message), message.size()) == 1;
}

SigningKey::SigningKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {
  size_t size = public_key_.size();
  KL_CHECK(EVP_PKEY_get_raw_public_key(key_.get(), public_key_.data(), &size) == 1 && size == kPublicKeyBytes);
}

SigningKey SigningKey::Generate() {
  EVP_PKEY* const key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  KL_CHECK(key != nullptr);
  return SigningKey(std::shared_ptr<EVP_PKEY>(key, KeyFree()));
}

absl::StatusOr<SigningKey> SigningKey::FromPem(std::string_view pem) {
  const absl::Status malformed =
      Malformed("not an unencrypted Ed25519 private key in PEM (PKCS #8, BEGIN PRIVATE KEY)");
  if (pem.size() > kPemBytesMax) return malformed;
  const std::unique_ptr<BIO, BioFree> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  KL_CHECK(bio != nullptr);
  // An encrypted key must not make anything ask for a password.
  const auto no_password = [](char*, int, int, void*) { return -1; };
  std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr), KeyFree());
  if (key == nullptr || EVP_PKEY_is_a(key.get(), "ED25519") != 1) return malformed;
  return SigningKey(std::move(key));
}

std::string SigningKey::ToPem() const {
  const std::unique_ptr<BIO, BioFree> bio(BIO_new(BIO_s_secmem()));
  KL_CHECK(bio != nullptr);
  KL_CHECK(PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  KL_CHECK(size > 0);
  return std::string(text, static_cast<size_t>(size));
}

std::string SigningKey::Sign(std::string_view message) const {
  const std::unique_ptr<EVP_MD_CTX, ContextFree> context(EVP_MD_CTX_new());
  KL_CHECK(context != nullptr);
  KL_CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1);
  std::string signature(kSignatureBytes, '\0');
  size_t size = signature.size();
  KL_CHECK(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, Bytes(message),
                          message.size()) == 1);
  KL_CHECK(size == kSignatureBytes);
  return signature;
}

bool IsKeyName(std::string_view name) {
  if (name.empty() || name.size() > kKeyNameBytesMax || !IsUtf8(name)) return false;
  const auto refused = [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == '+' || c == 0x7f; };
  if (std::any_of(name.begin(), name.end(), refused)) return false;
  // The blanks of Unicode beyond ASCII.
  for (const std::string_view blank : {"\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\xa8", "\xe2\x80\xa9",
                                       "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"}) {
    if (name.find(blank) != std::string_view::npos) return false;
  }
  for (char last = '\x80'; last <= '\x8a'; ++last) {
    if (name.find(std::string("\xe2\x80") + last) != std::string_view::npos) return false;
  }
  return true;
}

VerifierKey::VerifierKey(std::string_view name, const PublicKey& key)
    : name_(name), key_(key), key_hash_(KeyHash(name, key)) {
  KL_CHECK(IsKeyName(name));
}

absl::StatusOr<VerifierKey> VerifierKey::Parse(std::string_view text) {
  const absl::Status malformed =
      Malformed("a verifier key has the form <name>+<8 hex digits>+<base64 of the algorithm and the key>");
  const size_t first = text.find('+');
  if (first == std::string_view::npos || text.size() > kKeyNameBytesMax + 64) return malformed;
  const size_t second = text.find('+', first + 1);
  if (second == std::string_view::npos) return malformed;
  const std::string_view name = text.substr(0, first);
  const std::string_view hex = text.substr(first + 1, second - first - 1);
  const std::optional<std::string> bytes = DecodeBase64(text.substr(second + 1));
  if (!IsKeyName(name) || !bytes.has_value() || bytes->empty()) return malformed;
  if ((*bytes)[0] != kEd25519 || bytes->size() != 1 + kPublicKeyBytes) {
    return Malformed("the verifier key is not an Ed25519 key (algorithm byte 1 and 32 bytes)");
  }
  PublicKey key;
  std::copy(bytes->begin() + 1, bytes->end(), key.begin());
  VerifierKey parsed(name, key);
  if (hex != fmt::format("{:08x}", parsed.key_hash())) {
    return Malformed(fmt::format(
        "the key hash of the verifier key does not belong to its name and key: it must be {:08x}", parsed.key_hash()));
  }
  return parsed;
}

std::string VerifierKey::Format() const {
  std::string bytes(1, kEd25519);
  bytes.append(key_.begin(), key_.end());
  return fmt::format("{}+{:08x}+{}", name_, key_hash_, EncodeBase64(bytes));
}

bool VerifierKey::Verify(std::string_view message, std::string_view signature) const {
  return VerifyEd25519(key_, message, signature);
}

absl::StatusOr<std::string> SignNote(std::string_view text, std::span<const NoteSigner> signers) {
  KL_RETURN_IF_ERROR(CheckText(text));
  std::string note(text);
  note += '\n';
  for (const NoteSigner& signer : signers) {
    if (!IsKeyName(signer.name)) return Malformed(fmt::format("'{}' cannot name a key", signer.name));
    const uint32_t hash = signer.verifier_key().key_hash();
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(hash >> shift));
    bytes += signer.key->Sign(text);
    note += fmt::format("{}{} {}\n", kSignaturePrefix, signer.name, EncodeBase64(bytes));
  }
  if (signers.empty() || signers.size() > kNoteSignaturesMax || note.size() > kNoteBytesMax) {
    return Malformed(
        fmt::format("a note has 1 to {} signatures and at most {} bytes", kNoteSignaturesMax, kNoteBytesMax));
  }
  return note;
}

absl::StatusOr<OpenedNote> OpenNote(std::string_view note, std::span<const VerifierKey> keys) {
  KL_ASSIGN_OR_RETURN(const ParsedNote parsed, ParseNote(note));
  OpenedNote opened;
  for (const Signature& signature : parsed.signatures) {
    const auto key = std::find_if(keys.begin(), keys.end(), [&](const VerifierKey& candidate) {
      return candidate.name() == signature.name && candidate.key_hash() == signature.key_hash;
    });
    if (key == keys.end()) continue;
    if (!key->Verify(parsed.text, signature.bytes)) {
      return Malformed(fmt::format(
          "the signature of {} with key hash {:08x} is wrong: the note was changed, or never signed by this key",
          signature.name, signature.key_hash));
    }
    if (std::find(opened.verified.begin(), opened.verified.end(), *key) == opened.verified.end())
      opened.verified.push_back(*key);
  }
  if (opened.verified.empty()) return Malformed("none of the given keys signed the note");
  opened.text = std::string(parsed.text);
  return opened;
}

absl::StatusOr<std::string> UnverifiedText(std::string_view note) {
  KL_ASSIGN_OR_RETURN(const ParsedNote parsed, ParseNote(note));
  return std::string(parsed.text);
}

}  // namespace keyledger::merkle

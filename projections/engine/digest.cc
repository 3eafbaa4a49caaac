#include "projections/engine/digest.h"

#include <memory>
#include <string_view>

#include <openssl/evp.h>

#include "server/base/check.h"
#include "server/base/codec.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

absl::StatusOr<std::string> DigestRows(const store::TableReader& rows) {
  const std::unique_ptr<EVP_MD_CTX, FreeDigest> context(EVP_MD_CTX_new());
  KL_CHECK(context != nullptr && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1);
  const std::unique_ptr<store::RowIterator> row = rows.NewScan();
  std::string buffer;
  const auto add = [&buffer](std::string_view text) {
    PutBigEndian32(buffer, static_cast<uint32_t>(text.size()));
    buffer.append(text);
  };
  for (row->Seek(""); row->Valid(); row->Next()) {
    buffer.clear();
    add(row->key());
    add(row->value());
    KL_CHECK(EVP_DigestUpdate(context.get(), buffer.data(), buffer.size()) == 1);
  }
  KL_RETURN_IF_ERROR(row->status());
  std::string digest(32, '\0');
  KL_CHECK(EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr) == 1);
  return digest;
}

}  // namespace keyledger::projections

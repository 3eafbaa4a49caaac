// The bundle's format, byte for byte as BUNDLE.md says. The bytes were put together by hand from the protobuf encoding,
// and the files compressed by another program: what was ever written must be read for ever.
#include <zstd.h>

#include <gtest/gtest.h>

#include "server/audit/bundle_reader.h"
#include "server/audit/bundle_writer.h"
#include "server/base/error.h"

namespace keyledger::audit {
namespace {

using v1::BundleFrame;

// Content of a ledger's bundle and of an account's, as hex digits.
constexpr std::string_view kLedgerContent =
    "340a32080112036c616218012001321d120f6b65796c65646765722f6c61622f301a056e6f74650a22036b65793a060880e2"
    "cfaa060a120812066f6c6465720a281a261a116f6e653a207369787465656e206f72206d1a1174776f3a207369787465656e"
    "206f72206d171a1510021a1174687265653a207369787465656e206f7206320408031004";
constexpr std::string_view kAccountContent =
    "2f0a2d080112036c6162180220022a0461636d65321a0801120f6b65796c65646765722f6c61622f311a056e6f74650a3412"
    "32080112066f6c6465720a1a26080210031a2068686868686868686868686868686868686868686868686868686868686868"
    "683f223d080112116f6e653a207369787465656e206f72206d1a26080210031a207070707070707070707070707070707070"
    "7070707070707070707070707070700b2a097374616e64696e670a06320408011004";
// Files of format 1 with that content.
constexpr std::string_view kLedgerFile =
    "28b52ffd0458bd0300d406340a32080112036c616218012001321d120f6b65796c65646765722f6c61622f301a056e6f7465"
    "0a22036b65793a060880e2cfaa060a120812066f6c6465720a281a261a116f6e653a207369787465656e206f72206d1a1174"
    "776f171a1510021a1174687265063204080310040200501dbe993ccf757bc669";
constexpr std::string_view kAccountFile =
    "28b52ffd0458c5030022c71a1e508d1e483d51b68b698aacceccbce865e3f06e6d829592f248e1834d3a018b595e6f61cf84"
    "e2849314680491c82bf5f93f4920c9173f29a1971986c6c39bc2283e34563f4abaf4f26b05fb894e404b38074a57ff892f27"
    "0f19f4727b1f39e06a94ab8203a5d2cb08e602030078130c81184603a2ea073c70";

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

std::string Hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const char byte : bytes) {
    hex += kDigits[static_cast<uint8_t>(byte) >> 4];
    hex += kDigits[static_cast<uint8_t>(byte) & 15];
  }
  return hex;
}

std::vector<BundleFrame> LedgerFrames() {
  std::vector<BundleFrame> frames(4);
  v1::BundleHeader& header = *frames[0].mutable_header();
  header.set_format(1);
  header.set_ledger_id("lab");
  header.set_shard_count(1);
  header.set_scope(v1::BUNDLE_SCOPE_LEDGER);
  header.mutable_create_time()->set_seconds(1'700'000'000);
  v1::BundleShard& shard = *header.add_shards();
  shard.set_origin("keyledger/lab/0");
  shard.set_checkpoint("note\n");
  shard.add_verifier_keys("key");
  frames[1].mutable_checkpoint()->set_checkpoint("older\n");
  frames[2].mutable_run()->add_records("one: sixteen or m");
  frames[2].mutable_run()->add_records("two: sixteen or m");
  frames[3].mutable_run()->set_first_position(2);
  frames[3].mutable_run()->add_records("three: sixteen or");
  return frames;
}

std::vector<BundleFrame> AccountFrames() {
  std::vector<BundleFrame> frames(4);
  v1::BundleHeader& header = *frames[0].mutable_header();
  header.set_format(1);
  header.set_ledger_id("lab");
  header.set_shard_count(2);
  header.set_scope(v1::BUNDLE_SCOPE_ACCOUNT);
  header.set_account_id("acme");
  v1::BundleShard& shard = *header.add_shards();
  shard.set_shard(1);
  shard.set_origin("keyledger/lab/1");
  shard.set_checkpoint("note\n");
  v1::PublishedCheckpoint& older = *frames[1].mutable_checkpoint();
  older.set_shard(1);
  older.set_checkpoint("older\n");
  older.mutable_consistency()->set_first_size(2);
  older.mutable_consistency()->set_second_size(3);
  older.mutable_consistency()->add_hashes(std::string(32, 'h'));
  v1::ProvenRecord& proven = *frames[2].mutable_proven();
  proven.set_shard(1);
  proven.set_record("one: sixteen or m");
  proven.mutable_proof()->set_leaf_index(2);
  proven.mutable_proof()->set_tree_size(3);
  proven.mutable_proof()->add_hashes(std::string(32, 'p'));
  frames[3].set_standing("standing\n");
  return frames;
}

// The content of the file that BundleWriter makes of the frames.
std::string WrittenContent(const std::vector<BundleFrame>& frames) {
  BundleWriter writer;
  for (const BundleFrame& frame : frames) EXPECT_TRUE(writer.Write(frame).ok());
  EXPECT_TRUE(writer.Finish().ok());
  const std::string file = writer.Take(1u << 20);
  std::string content(1u << 20, '\0');
  const size_t bytes = ZSTD_decompress(content.data(), content.size(), file.data(), file.size());
  EXPECT_EQ(ZSTD_isError(bytes), 0u);
  content.resize(bytes);
  return content;
}

// The frames of a file but its trailer, serialized.
std::vector<std::string> ReadFrames(const std::string& file) {
  std::vector<std::string> frames;
  BundleReader reader([&](const BundlePlace&, BundleFrame& frame) {
    if (!frame.has_trailer()) frames.push_back(frame.SerializeAsString());
    return absl::OkStatus();
  });
  EXPECT_TRUE(reader.Feed(file).ok());
  const absl::Status end = reader.Finish();
  EXPECT_TRUE(end.ok()) << MessageOf(end);
  return frames;
}

std::vector<std::string> Serialized(const std::vector<BundleFrame>& frames) {
  std::vector<std::string> bytes;
  for (const BundleFrame& frame : frames) bytes.push_back(frame.SerializeAsString());
  return bytes;
}

TEST(BundleFormat, OfALedgerIsAsDocumented) { EXPECT_EQ(Hex(WrittenContent(LedgerFrames())), kLedgerContent); }

TEST(BundleFormat, OfAnAccountIsAsDocumented) { EXPECT_EQ(Hex(WrittenContent(AccountFrames())), kAccountContent); }

TEST(BundleFormat, OfVersion1IsRead) {
  EXPECT_EQ(ReadFrames(FromHex(kLedgerFile)), Serialized(LedgerFrames()));
  EXPECT_EQ(ReadFrames(FromHex(kAccountFile)), Serialized(AccountFrames()));
}

}  // namespace
}  // namespace keyledger::audit

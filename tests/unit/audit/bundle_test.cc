// The bundle's file: what is written is read, in pieces of any size; what is damaged, incomplete or out of order is
// refused with the place.
#include <zstd.h>

#include <algorithm>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "server/audit/bundle_reader.h"
#include "server/audit/bundle_writer.h"
#include "server/base/error.h"

namespace keyledger::audit {
namespace {

using v1::BundleFrame;

BundleFrame LedgerHeader(uint32_t shards = 2) {
  BundleFrame frame;
  v1::BundleHeader& header = *frame.mutable_header();
  header.set_format(1);
  header.set_ledger_id("lab");
  header.set_shard_count(shards);
  header.set_scope(v1::BUNDLE_SCOPE_LEDGER);
  for (uint32_t shard = 0; shard < shards; ++shard) {
    v1::BundleShard& entry = *header.add_shards();
    entry.set_shard(shard);
    entry.set_origin(fmt::format("keyledger/lab/{}", shard));
    entry.set_checkpoint("a note");
  }
  return frame;
}

BundleFrame AccountHeader() {
  BundleFrame frame = LedgerHeader(1);
  frame.mutable_header()->set_scope(v1::BUNDLE_SCOPE_ACCOUNT);
  frame.mutable_header()->set_account_id("acme");
  return frame;
}

// A short name made as long as a record must be.
std::string AtLeast(std::string record) {
  record.resize(std::max(record.size(), kBundleRecordBytesMin), '.');
  return record;
}

BundleFrame RunOf(uint32_t shard, uint64_t first, const std::vector<std::string>& records) {
  BundleFrame frame;
  frame.mutable_run()->set_shard(shard);
  frame.mutable_run()->set_first_position(first);
  for (const std::string& record : records) frame.mutable_run()->add_records(AtLeast(record));
  return frame;
}

BundleFrame Checkpoint(uint32_t shard, const std::string& note) {
  BundleFrame frame;
  frame.mutable_checkpoint()->set_shard(shard);
  frame.mutable_checkpoint()->set_checkpoint(note);
  return frame;
}

BundleFrame Proven(uint64_t position, const std::string& record) {
  BundleFrame frame;
  frame.mutable_proven()->set_record(AtLeast(record));
  frame.mutable_proven()->mutable_proof()->set_leaf_index(position);
  frame.mutable_proven()->mutable_proof()->set_tree_size(100);
  return frame;
}

BundleFrame Standing() {
  BundleFrame frame;
  frame.set_standing("a statement");
  return frame;
}

BundleFrame Trailer(uint64_t records, uint64_t frames) {
  BundleFrame frame;
  frame.mutable_trailer()->set_records(records);
  frame.mutable_trailer()->set_frames(frames);
  return frame;
}

std::vector<BundleFrame> LedgerFrames() {
  return {LedgerHeader(),         Checkpoint(0, "older"),   RunOf(0, 0, {"one", "two"}),
          RunOf(0, 2, {"three"}), Checkpoint(1, "earlier"), RunOf(1, 0, {std::string(5'000, 'x'), "last"})};
}

// As BundleWriter makes it.
std::string FileOf(const std::vector<BundleFrame>& frames) {
  BundleWriter writer;
  for (const BundleFrame& frame : frames) EXPECT_TRUE(writer.Write(frame).ok());
  EXPECT_TRUE(writer.Finish().ok());
  return writer.Take(1u << 30);
}

std::string Compressed(const std::string& content) {
  std::string out(ZSTD_compressBound(content.size()), '\0');
  const size_t bytes = ZSTD_compress(out.data(), out.size(), content.data(), content.size(), 3);
  EXPECT_EQ(ZSTD_isError(bytes), 0u);
  out.resize(bytes);
  return out;
}

// The frames with the length before each, whether or not they may follow one another.
std::string ContentOf(const std::vector<BundleFrame>& frames) {
  std::string content;
  for (const BundleFrame& frame : frames) {
    const std::string bytes = frame.SerializeAsString();
    uint64_t length = bytes.size();
    for (; length >= 0x80; length >>= 7) content += static_cast<char>((length & 0x7f) | 0x80);
    content += static_cast<char>(length);
    content += bytes;
  }
  return content;
}

struct Read {
  std::vector<std::string> frames;
  absl::Status status;
  std::string error() const { return MessageOf(status); }
};

Read ReadFile(std::string_view file, size_t piece = 1u << 30) {
  Read read;
  BundleReader reader([&](const BundlePlace&, BundleFrame& frame) {
    read.frames.push_back(frame.SerializeAsString());
    return absl::OkStatus();
  });
  for (size_t at = 0; at < file.size() && read.status.ok(); at += piece)
    read.status = reader.Feed(file.substr(at, piece));
  if (read.status.ok()) read.status = reader.Finish();
  return read;
}

std::string ErrorOf(const std::vector<BundleFrame>& frames) { return ReadFile(Compressed(ContentOf(frames))).error(); }

TEST(Bundle, ReadsWhatWasWrittenInPiecesOfAnySize) {
  std::vector<std::string> expected;
  for (const BundleFrame& frame : LedgerFrames()) expected.push_back(frame.SerializeAsString());
  expected.push_back(Trailer(5, 6).SerializeAsString());
  const std::string file = FileOf(LedgerFrames());
  for (const size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, size_t{64}, file.size()}) {
    const Read read = ReadFile(file, piece);
    EXPECT_TRUE(read.status.ok()) << read.error();
    EXPECT_EQ(read.frames, expected) << piece;
  }
}

TEST(Bundle, IsReadByAnyZstdProgramAsFramesWithTheirLengths) {
  std::vector<BundleFrame> frames = LedgerFrames();
  const std::string file = FileOf(frames);
  frames.push_back(Trailer(5, 6));
  std::string content(100'000, '\0');
  const size_t bytes = ZSTD_decompress(content.data(), content.size(), file.data(), file.size());
  ASSERT_EQ(ZSTD_isError(bytes), 0u);
  content.resize(bytes);
  EXPECT_EQ(content, ContentOf(frames));
}

TEST(Bundle, IsWrittenInBoundedPiecesThatMakeTheFile) {
  const std::string whole = FileOf(LedgerFrames());
  BundleWriter writer;
  std::string file;
  const auto take = [&] {
    while (writer.pending_bytes() > 0) {
      const std::string piece = writer.Take(10);
      EXPECT_LE(piece.size(), 10u);
      file += piece;
    }
  };
  for (const BundleFrame& frame : LedgerFrames()) {
    ASSERT_TRUE(writer.Write(frame).ok());
    take();
  }
  ASSERT_TRUE(writer.Finish().ok());
  take();
  EXPECT_EQ(file, whole);
}

TEST(Bundle, EndsAZstdFrameEveryFourMebibytes) {
  std::mt19937_64 random(1);
  BundleWriter writer;
  ASSERT_TRUE(writer.Write(LedgerHeader(1)).ok());
  for (uint64_t position = 0; position < 9; ++position) {
    std::string noise(1u << 20, '\0');
    for (char& byte : noise) byte = static_cast<char>(random());
    ASSERT_TRUE(writer.Write(RunOf(0, position, {noise})).ok());
    // What was compressed waits to be taken: about as much as was written, and no more.
    EXPECT_LE(writer.pending_bytes(), (position + 1) * ((1u << 20) + 1'000));
  }
  ASSERT_TRUE(writer.Finish().ok());
  const std::string file = writer.Take(1u << 30);
  size_t zstd_frames = 0;
  for (size_t at = 0; at < file.size(); ++zstd_frames) {
    const size_t bytes = ZSTD_findFrameCompressedSize(file.data() + at, file.size() - at);
    ASSERT_EQ(ZSTD_isError(bytes), 0u);
    at += bytes;
  }
  EXPECT_EQ(zstd_frames, 3u);
  EXPECT_TRUE(ReadFile(file, 100'000).status.ok());
}

TEST(Bundle, NamesWhereAFileThatWasCutEnds) {
  const std::string file = FileOf(LedgerFrames());
  for (size_t bytes = 0; bytes < file.size(); ++bytes) {
    const Read read = ReadFile(file.substr(0, bytes));
    ASSERT_FALSE(read.status.ok()) << bytes;
    EXPECT_NE(read.error().find(fmt::format("(byte {} of the file)", bytes)), std::string::npos) << read.error();
  }
  EXPECT_EQ(ReadFile("").error(), "frame 0 at byte 0 (byte 0 of the file): the file is empty");
  EXPECT_NE(ErrorOf(LedgerFrames()).find("the file ends before the trailer"), std::string::npos);
}

TEST(Bundle, RefusesWhatFollowsItsEnd) {
  const std::string file = FileOf(LedgerFrames());
  EXPECT_NE(ReadFile(file + "x").error().find("something follows the end of the bundle"), std::string::npos);
  EXPECT_NE(ReadFile(file + file).error().find("something follows the trailer"), std::string::npos);
  // A frame of zstd that readers skip: magic, length, content.
  const std::string skippable("\x50\x2a\x4d\x18\x01\x00\x00\x00x", 9);
  EXPECT_NE(ReadFile(file + skippable).error().find("something follows the end"), std::string::npos);
  EXPECT_NE(ReadFile(skippable + file).error().find("does not begin with a zstd frame"), std::string::npos);
  std::vector<BundleFrame> frames = LedgerFrames();
  frames.push_back(Trailer(5, 6));
  frames.push_back(Trailer(5, 7));
  EXPECT_NE(ErrorOf(frames).find("something follows the trailer"), std::string::npos);
}

TEST(Bundle, RefusesAFormatThatIsNotKnownAsSuch) {
  std::vector<BundleFrame> frames = LedgerFrames();
  frames[0].mutable_header()->set_format(2);
  const Read read = ReadFile(Compressed(ContentOf(frames)));
  EXPECT_EQ(read.status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_NE(read.error().find("frame 0 at byte 0"), std::string::npos) << read.error();
  EXPECT_NE(read.error().find("the bundle has format 2, this program reads format 1"), std::string::npos);
}

TEST(Bundle, RefusesHeadersThatContradictThemselves) {
  const auto error = [](const std::function<void(v1::BundleHeader&)>& change) {
    BundleFrame frame = LedgerHeader();
    change(*frame.mutable_header());
    return ErrorOf({frame});
  };
  const auto expect = [&](const std::function<void(v1::BundleHeader&)>& change, const std::string& what) {
    EXPECT_NE(error(change).find(what), std::string::npos) << error(change);
  };
  expect([](auto& header) { header.set_ledger_id("la b"); }, "ledger_id is no id");
  expect([](auto& header) { header.set_shard_count(0); }, "it must be 1 to 64");
  expect([](auto& header) { header.set_shard_count(65); }, "it must be 1 to 64");
  expect([](auto& header) { header.set_scope(v1::BUNDLE_SCOPE_UNSPECIFIED); }, "scope 0 is not known");
  expect([](auto& header) { header.set_account_id("acme"); }, "of a ledger's bundle names an account");
  expect([](auto& header) { header.set_scope(v1::BUNDLE_SCOPE_ACCOUNT); }, "account_id is no account's");
  expect([](auto& header) { header.mutable_shards()->RemoveLast(); }, "names 1 of 2 shards");
  expect([](auto& header) { header.mutable_shards(1)->set_shard(2); }, "names shard 2 of 2");
  expect([](auto& header) { header.mutable_shards(1)->set_shard(0); }, "not in ascending order");
  expect([](auto& header) { header.mutable_shards(1)->set_origin("keyledger/lab/0"); }, "origin of shard 1");
  expect([](auto& header) { header.mutable_shards(1)->set_checkpoint(std::string(65'537, 'x')); }, "has 65537 bytes");
  expect(
      [](auto& header) {
        for (int i = 0; i < 101; ++i) header.mutable_shards(0)->add_verifier_keys("k");
      },
      "has 101 keys");
}

TEST(Bundle, RefusesFramesOutOfOrder) {
  const auto expect = [](const std::vector<BundleFrame>& frames, const std::string& what) {
    EXPECT_NE(ErrorOf(frames).find(what), std::string::npos) << ErrorOf(frames);
  };
  expect({RunOf(0, 0, {"r"})}, "frame 0 at byte 0");
  expect({RunOf(0, 0, {"r"})}, "begins with a run of records, not with a header");
  expect({LedgerHeader(), LedgerHeader()}, "a second header");
  expect({LedgerHeader(), RunOf(0, 0, {"r"}), RunOf(0, 2, {"r"})},
         "begins with record 2 of shard 0, but record 1 comes");
  expect({LedgerHeader(), RunOf(0, 0, {"r"}), RunOf(0, 0, {"r"})},
         "begins with record 0 of shard 0, but record 1 comes");
  expect({LedgerHeader(), RunOf(0, 0, {"r"}), Checkpoint(0, "n")}, "a checkpoint of shard 0 comes after its records");
  expect({LedgerHeader(), RunOf(1, 0, {"r"}), RunOf(0, 0, {"r"})}, "shard 0 comes after shard 1");
  expect({LedgerHeader(), RunOf(2, 0, {"r"})}, "shard 2 is not in the header");
  expect({LedgerHeader(), RunOf(0, 0, {})}, "a run without records");
  expect({LedgerHeader(), RunOf(0, 0, std::vector<std::string>(65'537))}, "a run of 65537 records");
  expect({LedgerHeader(), Checkpoint(0, "")}, "a checkpoint is empty");
  expect({LedgerHeader(), Proven(0, "r")}, "a proven record, which a bundle of a ledger has not");
  expect({LedgerHeader(), Standing()}, "a standing, which a bundle of a ledger has not");
  expect({LedgerHeader(), BundleFrame()}, "nothing that is known");
  expect({AccountHeader(), RunOf(0, 0, {"r"})}, "a run of records, which a bundle of an account has not");
  expect({AccountHeader(), Proven(3, "r"), Proven(3, "r")}, "record 3 of shard 0 is out of order: 4 or a later one");
  expect({AccountHeader(), Standing(), Proven(3, "r")}, "a record comes after the standing");
  expect({AccountHeader(), Standing(), Standing()}, "a second standing");
  expect({AccountHeader(), Proven(3, "r"), Trailer(1, 2)}, "the standing is missing");
  BundleFrame long_proof = Proven(3, "r");
  for (int i = 0; i < 65; ++i) long_proof.mutable_proven()->mutable_proof()->add_hashes("h");
  expect({AccountHeader(), long_proof}, "has 65 hashes");
  BundleFrame long_consistency = Checkpoint(0, "n");
  for (int i = 0; i < 129; ++i) long_consistency.mutable_checkpoint()->mutable_consistency()->add_hashes("h");
  expect({AccountHeader(), long_consistency}, "has 129 hashes");
  expect({AccountHeader(), Proven(3, "r"), Checkpoint(0, "n")}, "a checkpoint of shard 0 comes after its records");
  expect({AccountHeader(), Standing(), Checkpoint(0, "n")}, "a checkpoint of shard 0 comes after its records");
  expect({LedgerHeader(), RunOf(0, 0, {"r"}), Trailer(2, 2)}, "counts 2 records in 2 frames, there are 1 in 2");
  expect({LedgerHeader(), RunOf(0, 0, {"r"}), Trailer(1, 3)}, "counts 1 records in 3 frames, there are 1 in 2");
  EXPECT_EQ(ErrorOf({LedgerHeader(), RunOf(0, 0, std::vector<std::string>(65'536)), Trailer(65'536, 2)}), "");
  EXPECT_EQ(ErrorOf({AccountHeader(), Checkpoint(0, "n"), Proven(3, "r"), Proven(9, "r"), Standing(), Trailer(2, 5)}),
            "");
}

TEST(Bundle, IsNotWrittenOutOfOrder) {
  BundleWriter writer;
  ASSERT_TRUE(writer.Write(LedgerHeader()).ok());
  const absl::Status status = writer.Write(RunOf(0, 1, {"r"}));
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(MessageOf(status),
            "frame 1 may not be written: the run begins with record 1 of shard 0, but record 0 comes next");
}

TEST(Bundle, HoldsFramesOfEightMebibytesAndNoLarger) {
  // 19 bytes around the record: two lengths and tags, shard absent.
  const size_t fits = kBundleFrameBytesMax -
                      RunOf(0, 0, {std::string(kBundleFrameBytesMax - 100, 'x')}).ByteSizeLong() +
                      kBundleFrameBytesMax - 100;
  const BundleFrame largest = RunOf(0, 0, {std::string(fits, 'x')});
  ASSERT_EQ(largest.ByteSizeLong(), kBundleFrameBytesMax);
  const BundleFrame larger = RunOf(0, 0, {std::string(fits + 1, 'x')});
  EXPECT_EQ(ErrorOf({LedgerHeader(), largest, Trailer(1, 2)}), "");
  EXPECT_NE(ErrorOf({LedgerHeader(), larger, Trailer(1, 2)}).find("the length before the frame is wrong"),
            std::string::npos);
  BundleWriter writer;
  ASSERT_TRUE(writer.Write(LedgerHeader()).ok());
  EXPECT_TRUE(writer.Write(largest).ok());
  BundleWriter other;
  ASSERT_TRUE(other.Write(LedgerHeader()).ok());
  EXPECT_EQ(other.Write(larger).code(), absl::StatusCode::kInternal);
}

TEST(Bundle, RefusesLengthsThatNeverEnd) {
  EXPECT_NE(ReadFile(Compressed(std::string(5, '\x80'))).error().find("the length before the frame is wrong"),
            std::string::npos);
  EXPECT_NE(ReadFile(Compressed(std::string("\xff\xff\xff\xff\x0f") + "x")).error().find("the length before the frame"),
            std::string::npos);
}

TEST(Bundle, RefusesAFewBytesThatComeToVeryMany) {
  // Runs of the smallest records: they compress to nearly nothing.
  const std::string run = ContentOf({RunOf(0, 0, std::vector<std::string>(60'000))});
  BundleWriter writer;
  ASSERT_TRUE(writer.Write(LedgerHeader()).ok());
  uint64_t position = 0;
  for (uint64_t written = 0; written < (80u << 20); written += run.size(), position += 60'000) {
    ASSERT_TRUE(writer.Write(RunOf(0, position, std::vector<std::string>(60'000))).ok());
  }
  ASSERT_TRUE(writer.Finish().ok());
  const std::string file = writer.Take(1u << 30);
  ASSERT_LT(file.size(), 16'000u);
  EXPECT_NE(ReadFile(file).error().find("this is no bundle"), std::string::npos) << ReadFile(file).error();
}

TEST(Bundle, RefusesRecordsSmallerThanAnyCanBe) {
  const auto run = [](size_t bytes) {
    BundleFrame frame;
    frame.mutable_run()->add_records(std::string(20, 'x'));
    frame.mutable_run()->add_records(std::string(bytes, 'x'));
    return ErrorOf({LedgerHeader(), frame, Trailer(2, 2)});
  };
  EXPECT_EQ(run(16), "");
  EXPECT_NE(run(15).find("record 1 of shard 0 has 15 bytes, and none has fewer than 16"), std::string::npos) << run(15);
  EXPECT_NE(run(0).find("record 1 of shard 0 has 0 bytes"), std::string::npos) << run(0);
  BundleFrame proven = Proven(3, "r");
  proven.mutable_proven()->set_record(std::string(15, 'x'));
  EXPECT_NE(ErrorOf({AccountHeader(), proven}).find("record 3 of shard 0 has 15 bytes"), std::string::npos);
}

// A frame of these bytes behind a good header.
std::string ErrorOfFrame(const std::string& bytes) {
  std::string content = ContentOf({LedgerHeader()});
  uint64_t length = bytes.size();
  for (; length >= 0x80; length >>= 7) content += static_cast<char>((length & 0x7f) | 0x80);
  content += static_cast<char>(length);
  return ReadFile(Compressed(content + bytes)).error();
}

TEST(Bundle, RefusesFramesOfVeryManyFieldsBeforeTheyAreParsed) {
  const std::string refusal = "the frame cannot be read, or has more than 66560 fields";
  // Two bytes each, of a number that is not known: each would take memory.
  std::string fields;
  for (int i = 0; i < 66'560; ++i) fields += std::string("\x78\x01", 2);
  EXPECT_NE(ErrorOfFrame(fields).find("the frame holds nothing that is known"), std::string::npos)
      << ErrorOfFrame(fields);
  EXPECT_NE(ErrorOfFrame(fields + std::string("\x78\x01", 2)).find(refusal), std::string::npos);
  // A run of four million records without bytes, in 8 MiB: refused without a string for each.
  BundleFrame one;
  one.mutable_run()->add_records("");
  const std::string entry = one.run().SerializeAsString();
  ASSERT_EQ(entry.size(), 2u);
  std::string run;
  while (run.size() < kBundleFrameBytesMax - 100) run += entry;
  BundleFrame tag;
  tag.mutable_run();
  std::string bytes = tag.SerializeAsString().substr(0, 1);
  uint64_t length = run.size();
  for (; length >= 0x80; length >>= 7) bytes += static_cast<char>((length & 0x7f) | 0x80);
  bytes += static_cast<char>(length);
  EXPECT_NE(ErrorOfFrame(bytes + run).find(refusal), std::string::npos) << ErrorOfFrame(bytes + run);
  // A group, and a length past the end.
  EXPECT_NE(ErrorOfFrame("\x7b\x7c").find(refusal), std::string::npos);
  EXPECT_NE(ErrorOfFrame("\x7a\x05x").find(refusal), std::string::npos);
}

TEST(Bundle, RefusesAWindowThatWouldTakeMuchMemory) {
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 24);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  std::string out(1u << 20, '\0');
  const std::string content = ContentOf(LedgerFrames());
  ZSTD_inBuffer in{content.data(), content.size(), 0};
  ZSTD_outBuffer to{out.data(), out.size(), 0};
  // Not in one go: a frame of known size would get a window no larger than its content.
  ASSERT_EQ(ZSTD_isError(ZSTD_compressStream2(context, &to, &in, ZSTD_e_flush)), 0u);
  ASSERT_EQ(ZSTD_compressStream2(context, &to, &in, ZSTD_e_end), 0u);
  ZSTD_freeCCtx(context);
  EXPECT_NE(ReadFile(out.substr(0, to.pos)).error().find("zstd: "), std::string::npos);
}

TEST(Bundle, GoesNoFurtherThanWhoReadsItWants) {
  BundleReader reader([](const BundlePlace& place, BundleFrame&) {
    return place.frame == 2 ? absl::CancelledError("enough") : absl::OkStatus();
  });
  const std::string file = FileOf(LedgerFrames());
  EXPECT_EQ(MessageOf(reader.Feed(file)), "enough");
  EXPECT_EQ(MessageOf(reader.Feed(file)), "enough");
  EXPECT_EQ(MessageOf(reader.Finish()), "enough");
  EXPECT_EQ(reader.frames(), 3u);
}

// One random change of the bytes.
std::string Mutated(const std::string& file, std::mt19937_64& random) {
  std::string changed = file;
  const size_t at = random() % changed.size();
  const size_t other = random() % changed.size();
  const size_t bytes = 1 + random() % 64;
  switch (random() % 6) {
    case 0:
      changed[at] = static_cast<char>(changed[at] ^ (1 << (random() % 8)));
      break;
    case 1:
      changed.erase(at, bytes);
      break;
    case 2:
      changed.insert(at, std::string(bytes, static_cast<char>(random())));
      break;
    case 3:
      changed.resize(at);
      break;
    case 4:
      changed.insert(at, changed.substr(other, bytes));
      break;
    default:
      std::swap(changed[at], changed[other]);
  }
  return changed;
}

TEST(Bundle, IsNeverAcceptedWithOtherContentHoweverItsBytesAreChanged) {
  const uint64_t seed = 20'261'122;
  std::mt19937_64 random(seed);
  const std::string file = FileOf(LedgerFrames());
  const Read good = ReadFile(file);
  ASSERT_TRUE(good.status.ok());
  int refused = 0;
  for (int round = 0; round < 2'000; ++round) {
    const std::string changed = Mutated(file, random);
    const Read read = ReadFile(changed, 1 + random() % 2'000);
    if (read.status.ok()) {
      EXPECT_EQ(read.frames, good.frames) << "seed " << seed << " round " << round;
    }
    refused += read.status.ok() ? 0 : 1;
  }
  // Nearly all change something; a few swap equal bytes.
  EXPECT_GT(refused, 1'900);
}

TEST(Bundle, SurvivesContentThatIsChangedBeforeItIsCompressed) {
  const uint64_t seed = 41;
  std::mt19937_64 random(seed);
  std::vector<BundleFrame> frames = LedgerFrames();
  frames.push_back(Trailer(5, 6));
  const std::string content = ContentOf(frames);
  int refused = 0;
  for (int round = 0; round < 2'000; ++round) {
    const Read read = ReadFile(Compressed(Mutated(content, random)));
    refused += read.status.ok() ? 0 : 1;
  }
  // A change within a record is for the proofs to find.
  EXPECT_GT(refused, 200);
}

}  // namespace
}  // namespace keyledger::audit

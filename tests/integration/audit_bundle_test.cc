// Bundles and signed standings: what a live server exports is verified by keyledger-verify with the public keys alone,
// and every way of tampering with it is found and named.
#include <algorithm>
#include <chrono>
#include <fstream>
#include <random>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "client/verify/app.h"
#include "server/audit/bundle_reader.h"
#include "server/audit/bundle_writer.h"
#include "server/domain/proto_time.h"
#include "server/merkle/note.h"
#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;
using audit::v1::BundleFrame;

using Frames = std::vector<BundleFrame>;

shard::SubmittedEvent Sent(const std::string& transfer_id, const std::string& to, int64_t points) {
  shard::SubmittedEvent fact = Fact();
  events::v1::PointsTransferSent& sent = *fact.event.mutable_points_transfer_sent();
  sent.set_transfer_id(transfer_id);
  sent.set_to_account_id(to);
  sent.set_points(points);
  return fact;
}

struct Verdict {
  int code = 0;
  std::string out;
  std::string err;
};

// Accounts on all shards that trade and send each other points.
class AuditBundle : public ::testing::TestWithParam<uint32_t> {
 protected:
  AuditBundle() : server_(GetParam()) {
    server_.Publish(kPlainProgram);
    for (int i = 0; i < 12; ++i) {
      const std::string account = fmt::format("account-{}", i);
      server_.MustAppend(
          Request(account, "r1", {Opened(kToday - kMicrosPerDay), Bought(600 + i, fmt::format("i{}", i))}));
      server_.MustAppend(Request(account, "r2", {Redeemed(100)}));
    }
    for (int i = 0; i < 6; ++i) {
      server_.MustAppend(
          Request(fmt::format("account-{}", i), "r3", {Sent("t", fmt::format("account-{}", i + 6), 50)}));
    }
    server_.server().ledger().courier().WaitUntilSettled();
    ListSigningKeysResponse keys;
    EXPECT_TRUE(Call(server_.audit(), &AuditService::Stub::ListSigningKeys, ListSigningKeysRequest(), &keys).ok());
    for (const SigningKey& key : keys.keys()) keys_ += key.verifier_key() + "\n";
  }

  grpc::Status Export(const std::string& account_id, std::string& file) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    ExportBundleRequest request;
    request.set_account_id(account_id);
    const auto reader = server_.audit().ExportBundle(&context, request);
    ExportBundleResponse piece;
    uint64_t done = 0;
    while (reader->Read(&piece)) {
      EXPECT_LE(piece.data().size(), 1u << 20);
      EXPECT_GE(piece.records_done(), done);
      EXPECT_LE(piece.records_done(), piece.records_total());
      done = piece.records_done();
      file += piece.data();
    }
    return reader->Finish();
  }

  std::string MustExport(const std::string& account_id) {
    std::string file;
    const grpc::Status status = Export(account_id, file);
    EXPECT_TRUE(status.ok()) << ReadRpcError(status);
    return file;
  }

  Verdict Verify(const std::string& file, const std::vector<std::string>& options = {}) {
    std::ofstream(directory_ / "bundle", std::ios::binary) << file;
    std::ofstream(directory_ / "keys", std::ios::binary) << keys_;
    std::vector<std::string> arguments = {"bundle",     directory_ / "bundle", "--key", directory_ / "keys",
                                          "--temp-dir", directory_.path()};
    arguments.insert(arguments.end(), options.begin(), options.end());
    std::ostringstream out;
    std::ostringstream err;
    Verdict verdict;
    verdict.code = verify::Run(arguments, {out, err});
    verdict.out = out.str();
    verdict.err = err.str();
    return verdict;
  }

  // Fails unless the verifier names this kind of finding.
  void ExpectFound(const std::string& file, const std::string& kind, const std::vector<std::string>& options = {}) {
    const Verdict verdict = Verify(file, options);
    EXPECT_EQ(verdict.code, verify::kExitDoesNotHold) << verdict.out << verdict.err;
    EXPECT_NE(verdict.out.find("  " + kind + " ("), std::string::npos) << kind << " is not among:\n" << verdict.out;
  }

  static Frames FramesOf(const std::string& file) {
    Frames frames;
    audit::BundleReader reader([&](const audit::BundlePlace&, BundleFrame& frame) {
      frames.push_back(frame);
      return absl::OkStatus();
    });
    EXPECT_TRUE(reader.Feed(file).ok() && reader.Finish().ok());
    return frames;
  }
  // The frames as a file, with a trailer that counts them.
  static std::string FileOf(const Frames& frames) {
    audit::BundleWriter writer;
    for (const BundleFrame& frame : frames) {
      if (frame.has_trailer()) continue;
      EXPECT_TRUE(writer.Write(frame).ok());
    }
    EXPECT_TRUE(writer.Finish().ok());
    return writer.Take(1u << 30);
  }

  void ReplaceKeyTwice() {
    for (const char* id : {"k1", "k2"}) {
      RotateSigningKeyRequest request;
      request.set_request_id(id);
      request.set_reason("yearly");
      RotateSigningKeyResponse response;
      const grpc::Status status = Call(server_.audit(), &AuditService::Stub::RotateSigningKey, request, &response);
      ASSERT_TRUE(status.ok()) << ReadRpcError(status);
    }
    server_.MustAppend(Request("account-1", "after", {Redeemed(1)}));
  }

  // One change that keeps the file well formed; says which.
  static std::string ChangeFrames(Frames& frames, std::mt19937_64& random) {
    const size_t at = 1 + random() % (frames.size() - 2);
    BundleFrame& frame = frames[at];
    std::string* text = nullptr;
    if (frame.has_run()) {
      auto& records = *frame.mutable_run()->mutable_records();
      const int record = static_cast<int>(random() % static_cast<uint64_t>(records.size()));
      const int other = static_cast<int>(random() % static_cast<uint64_t>(records.size()));
      switch (random() % 4) {
        case 0:
          records.erase(records.begin() + record);
          return fmt::format("run {} without record {}", at, record);
        case 1:
          records.SwapElements(record, other);
          return fmt::format("run {}, records {} and {} swapped", at, record, other);
        case 2:
          *frame.mutable_run()->add_records() = records.Get(record);
          return fmt::format("run {}, record {} twice", at, record);
        default:
          text = records.Mutable(record);
      }
    } else if (frame.has_proven()) {
      switch (random() % 4) {
        case 0:
          frame.mutable_proven()->mutable_proof()->set_leaf_index(frame.proven().proof().leaf_index() + 1);
          return fmt::format("proof {} of the next record", at);
        case 1:
          if (frame.proven().proof().hashes_size() > 0) {
            frame.mutable_proven()->mutable_proof()->mutable_hashes()->RemoveLast();
          }
          return fmt::format("proof {} without its last hash", at);
        case 2: {
          // Of programs and keys some are not needed: see BUNDLE.md on what a standing cannot prove.
          events::v1::EventRecord record;
          if (!record.ParseFromString(frame.proven().record()) || record.account_id().starts_with("$")) break;
          frames.erase(frames.begin() + static_cast<ptrdiff_t>(at));
          return fmt::format("without frame {}", at);
        }
        default:
          break;
      }
      text = frame.mutable_proven()->mutable_record();
    } else {
      text = frame.has_checkpoint() ? frame.mutable_checkpoint()->mutable_checkpoint() : frame.mutable_standing();
    }
    const size_t byte = random() % text->size();
    // Notes are text, and stay it.
    (*text)[byte] = static_cast<char>((*text)[byte] ^ (1 << (random() % 3)));
    return fmt::format("byte {} of frame {} changed", byte, at);
  }

  // Whether the frames say what those do: swapping equal records, say, changes nothing.
  static bool SaysTheSame(const Frames& left, const Frames& right) {
    if (left.size() != right.size()) return false;
    for (size_t i = 0; i < left.size(); ++i) {
      if (left[i].SerializeAsString() != right[i].SerializeAsString()) return false;
    }
    return true;
  }

  static audit::v1::RecordRun& LastRun(Frames& frames) {
    const auto found =
        std::find_if(frames.rbegin(), frames.rend(), [](const BundleFrame& each) { return each.has_run(); });
    return *found->mutable_run();
  }

  const TempDir directory_;
  LiveServer server_;
  std::string keys_;
};

INSTANTIATE_TEST_SUITE_P(Shards, AuditBundle, ::testing::Values(1u, 4u));

TEST_P(AuditBundle, OfTheLedgerHolds) {
  const Verdict verdict = Verify(MustExport(""));
  EXPECT_EQ(verdict.code, verify::kExitHolds) << verdict.out << verdict.err;
  EXPECT_NE(verdict.out.find("12 accounts replayed"), std::string::npos) << verdict.out;
}

TEST_P(AuditBundle, OfTheLedgerHoldsEarlierCheckpointsToo) {
  server_.MustAppend(Request("account-1", "more", {Redeemed(1)}));
  MustExport("");
  server_.MustAppend(Request("account-1", "yet-more", {Redeemed(1)}));
  const std::string file = MustExport("");
  const Frames frames = FramesOf(file);
  EXPECT_TRUE(std::any_of(frames.begin(), frames.end(), [](const auto& each) { return each.has_checkpoint(); }));
  EXPECT_EQ(Verify(file).code, verify::kExitHolds);
}

TEST_P(AuditBundle, OfEveryAccountHolds) {
  for (int i = 0; i < 12; ++i) {
    const Verdict verdict = Verify(MustExport(fmt::format("account-{}", i)));
    EXPECT_EQ(verdict.code, verify::kExitHolds) << i << verdict.out << verdict.err;
    EXPECT_NE(verdict.out.find("keyledger-standing/1\n"), std::string::npos);
  }
}

TEST_P(AuditBundle, OfMergedAccountsHoldsTheOtherSide) {
  shard::SubmittedEvent merged = Fact();
  merged.event.mutable_account_merged()->set_into_account_id("account-7");
  merged.event.mutable_account_merged()->set_reason("entered twice");
  server_.MustAppend(Request("account-0", "merge", {merged}));
  server_.server().ledger().courier().WaitUntilSettled();
  for (const char* account : {"account-0", "account-7", ""}) {
    const Verdict verdict = Verify(MustExport(account));
    EXPECT_EQ(verdict.code, verify::kExitHolds) << account << verdict.out << verdict.err;
  }
}

TEST_P(AuditBundle, SaysWhatItDidNotCheckWithoutReplay) {
  const Verdict verdict = Verify(MustExport(""), {"--no-replay"});
  EXPECT_EQ(verdict.code, verify::kExitHolds) << verdict.out;
  EXPECT_NE(verdict.out.find("NOT CHECKED: the accounts"), std::string::npos) << verdict.out;
  EXPECT_EQ(verdict.out.find("ALL HOLDS"), std::string::npos);
}

TEST_P(AuditBundle, WithAFlippedByteIsDamaged) {
  std::string file = MustExport("");
  file[file.size() / 2] ^= 1;
  ExpectFound(file, "UNREADABLE");
}

TEST_P(AuditBundle, WithADroppedRecordIsFound) {
  Frames frames = FramesOf(MustExport(""));
  LastRun(frames).mutable_records()->RemoveLast();
  ExpectFound(FileOf(frames), "MISSING_RECORD");
}

TEST_P(AuditBundle, WithASwappedPairIsFound) {
  Frames frames = FramesOf(MustExport(""));
  audit::v1::RecordRun& run = LastRun(frames);
  run.mutable_records()->SwapElements(run.records_size() - 1, run.records_size() - 2);
  const std::string file = FileOf(frames);
  ExpectFound(file, "MISPLACED_RECORD");
  ExpectFound(file, "ROOT_MISMATCH");
}

TEST_P(AuditBundle, WithAForgedDecisionIsFoundByItsRootAndByReplay) {
  Frames frames = FramesOf(MustExport(""));
  bool forged = false;
  for (BundleFrame& frame : frames) {
    for (int i = 0; frame.has_run() && i < frame.run().records_size() && !forged; ++i) {
      events::v1::EventRecord record;
      ASSERT_TRUE(record.ParseFromString(frame.run().records(i)));
      if (!record.event().has_points_accrued()) continue;
      auto& accrued = *record.mutable_event()->mutable_points_accrued();
      accrued.set_points(accrued.points() + 1);
      frame.mutable_run()->set_records(i, record.SerializeAsString());
      forged = true;
    }
  }
  ASSERT_TRUE(forged);
  const std::string file = FileOf(frames);
  ExpectFound(file, "ROOT_MISMATCH");
  ExpectFound(file, "DIFFERENT_DECISION");
  ExpectFound(file, "ROOT_MISMATCH", {"--no-replay"});
}

TEST_P(AuditBundle, WithoutItsTrailerIsIncomplete) {
  const Frames frames = FramesOf(MustExport(""));
  audit::BundleWriter writer;
  for (size_t i = 0; i + 1 < frames.size(); ++i) ASSERT_TRUE(writer.Write(frames[i]).ok());
  // What was written so far, as a process that died would leave it.
  ExpectFound(writer.Take(1u << 30), "UNREADABLE");
}

TEST_P(AuditBundle, IsNotTrustedByAnotherKey) {
  const std::string whole = MustExport("");
  const std::string single = MustExport("account-1");
  const merkle::SigningKey stranger = merkle::SigningKey::Generate();
  keys_.clear();
  for (uint32_t shard = 0; shard < GetParam(); ++shard) {
    const std::string& origin = server_.server().ledger().checkpoints().origin(shard);
    keys_ += merkle::VerifierKey(origin, stranger.public_key()).Format() + "\n";
  }
  ExpectFound(whole, "BAD_CHECKPOINT");
  ExpectFound(single, "BAD_CHECKPOINT");
  ExpectFound(single, "FALSE_STATEMENT");
}

TEST_P(AuditBundle, OfAnAccountWithAChangedStandingIsFound) {
  Frames frames = FramesOf(MustExport("account-1"));
  for (BundleFrame& frame : frames) {
    if (!frame.standing().empty()) {
      std::string text = frame.standing();
      frame.set_standing(text.replace(text.find("\navailable: "), 12, "\navailable: 9"));
    }
  }
  ExpectFound(FileOf(frames), "FALSE_STATEMENT");
}

TEST_P(AuditBundle, OfAnAccountWithAStandingThatDoesNotFollowIsFoundThoughItIsSigned) {
  Frames frames = FramesOf(MustExport("account-1"));
  for (BundleFrame& frame : frames) {
    if (frame.standing().empty()) continue;
    std::string text = *merkle::UnverifiedText(frame.standing());
    text.replace(text.find("tier: bronze"), 12, "tier: silver");
    const uint32_t home = server_.server().ledger().ShardOfAccount("account-1").number();
    frame.set_standing(*server_.server().ledger().checkpoints().SignText(home, text));
  }
  const Verdict verdict = Verify(FileOf(frames));
  EXPECT_EQ(verdict.code, verify::kExitDoesNotHold);
  EXPECT_NE(verdict.out.find("the signed standing says tier: silver, and the records come to bronze"),
            std::string::npos)
      << verdict.out;
}

TEST_P(AuditBundle, OfAnAccountWithARecordLeftOutIsFound) {
  Frames frames = FramesOf(MustExport("account-1"));
  const auto own = std::find_if(frames.begin(), frames.end(), [](const BundleFrame& frame) {
    events::v1::EventRecord record;
    return frame.has_proven() && record.ParseFromString(frame.proven().record()) &&
           record.account_id() == "account-1" && record.revision() == 1;
  });
  ASSERT_NE(own, frames.end());
  frames.erase(own);
  ExpectFound(FileOf(frames), "MISSING_RECORD");
}

TEST_P(AuditBundle, OfAnAccountWithAChangedRecordIsFound) {
  Frames frames = FramesOf(MustExport("account-1"));
  for (BundleFrame& frame : frames) {
    if (frame.has_proven()) frame.mutable_proven()->mutable_record()->append("\x52\x01x");
  }
  ExpectFound(FileOf(frames), "BAD_PROOF", {"--no-replay"});
}

TEST_P(AuditBundle, HoldsAfterTheSigningKeyWasReplacedWithTheFirstKeyAlone) {
  ReplaceKeyTwice();
  // keys_ are those from before.
  const Verdict whole = Verify(MustExport(""));
  EXPECT_EQ(whole.code, verify::kExitHolds) << whole.out;
  const Verdict single = Verify(MustExport("account-1"));
  EXPECT_EQ(single.code, verify::kExitHolds) << single.out;
}

TEST_P(AuditBundle, HoldsAfterTheSigningKeyWasReplacedWithTheKeyInUseAlone) {
  // Checkpoints of the first key are given out before it is replaced.
  MustExport("");
  ReplaceKeyTwice();
  ListSigningKeysResponse keys;
  ASSERT_TRUE(Call(server_.audit(), &AuditService::Stub::ListSigningKeys, ListSigningKeysRequest(), &keys).ok());
  keys_.clear();
  for (const SigningKey& key : keys.keys()) {
    if (key.current()) keys_ += key.verifier_key() + "\n";
  }
  const std::string file = MustExport("");
  const Frames frames = FramesOf(file);
  EXPECT_TRUE(std::any_of(frames.begin(), frames.end(), [](const auto& each) { return each.has_checkpoint(); }));
  const Verdict whole = Verify(file);
  EXPECT_EQ(whole.code, verify::kExitHolds) << whole.out;
  // A bundle has no tiles; everything else was checked.
  const size_t first = whole.out.find("NOT CHECKED: ");
  EXPECT_EQ(first, whole.out.find("NOT CHECKED: the stored tiles")) << whole.out;
  EXPECT_EQ(first, whole.out.rfind("NOT CHECKED: ")) << whole.out;
  const Verdict single = Verify(MustExport("account-1"));
  EXPECT_EQ(single.code, verify::kExitHolds) << single.out;
}

TEST_P(AuditBundle, CountsOnlyCheckpointsWhoseSignaturesHold) {
  ReplaceKeyTwice();
  const std::string file = MustExport("account-1");
  Frames frames = FramesOf(file);
  const auto older = static_cast<uint64_t>(
      std::count_if(frames.begin(), frames.end(), [](const auto& each) { return each.has_checkpoint(); }));
  const auto shards = static_cast<uint64_t>(frames[0].header().shards_size());
  ASSERT_EQ(older, 2 * shards);
  const auto counted = [](uint64_t count) { return fmt::format("under {} signed checkpoints\n", count); };
  EXPECT_NE(Verify(file).out.find(counted(older + shards)), std::string::npos) << Verify(file).out;
  // The same checkpoint, signed by somebody else.
  const auto changed =
      std::find_if(frames.begin(), frames.end(), [](const auto& each) { return each.has_checkpoint(); });
  const uint32_t shard = changed->checkpoint().shard();
  const merkle::SigningKey stranger = merkle::SigningKey::Generate();
  const merkle::NoteSigner signer{server_.server().ledger().checkpoints().origin(shard), &stranger};
  changed->mutable_checkpoint()->set_checkpoint(
      *merkle::SignNote(*merkle::UnverifiedText(changed->checkpoint().checkpoint()), {&signer, 1}));
  // Who trusts the keys from before as well as those in use needs no key from the log.
  ListSigningKeysResponse keys;
  ASSERT_TRUE(Call(server_.audit(), &AuditService::Stub::ListSigningKeys, ListSigningKeysRequest(), &keys).ok());
  for (const SigningKey& key : keys.keys()) keys_ += key.verifier_key() + "\n";
  const Verdict verdict = Verify(FileOf(frames));
  EXPECT_EQ(verdict.code, verify::kExitDoesNotHold);
  EXPECT_NE(verdict.out.find("is signed by no key that is trusted, and by none that the log names before it"),
            std::string::npos)
      << verdict.out;
  EXPECT_NE(verdict.out.find(counted(older + shards - 1)), std::string::npos) << verdict.out;
}

TEST_P(AuditBundle, WithALogThatNoKeyWasGivenForIsFound) {
  const std::string file = MustExport("");
  std::istringstream lines(std::exchange(keys_, ""));
  const std::string origin = server_.server().ledger().checkpoints().origin(GetParam() - 1);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(origin + "+")) keys_ += line + "\n";
  }
  if (keys_.empty()) {
    // One shard: a key of another ledger.
    keys_ = merkle::VerifierKey("keyledger/other/0", merkle::SigningKey::Generate().public_key()).Format() + "\n";
  }
  const Verdict verdict = Verify(file, {"--no-replay"});
  EXPECT_EQ(verdict.code, verify::kExitDoesNotHold) << verdict.out;
  EXPECT_NE(verdict.out.find(fmt::format("no key that was given is named '{}': who signed the log of shard {} is not "
                                         "known",
                                         origin, GetParam() - 1)),
            std::string::npos)
      << verdict.out;
  EXPECT_NE(verdict.out.find("DOES NOT HOLD: 1 findings"), std::string::npos) << verdict.out;
}

TEST_P(AuditBundle, WithoutALogThatAKeyWasGivenForIsFound) {
  const std::string file = MustExport("");
  // A ledger with a shard more than the bundle says.
  const std::string& first = server_.server().ledger().checkpoints().origin(0);
  const std::string missing = first.substr(0, first.size() - 1) + std::to_string(GetParam());
  keys_ += merkle::VerifierKey(missing, merkle::SigningKey::Generate().public_key()).Format() + "\n";
  // Another ledger's is nobody's business here.
  keys_ += merkle::VerifierKey("keyledger/other/0", merkle::SigningKey::Generate().public_key()).Format() + "\n";
  const Verdict verdict = Verify(file, {"--no-replay"});
  EXPECT_EQ(verdict.code, verify::kExitDoesNotHold) << verdict.out;
  EXPECT_NE(
      verdict.out.find(fmt::format("the log '{}', whose key was given, is not in the bundle of the ledger", missing)),
      std::string::npos)
      << verdict.out;
  EXPECT_NE(verdict.out.find("DOES NOT HOLD: 1 findings"), std::string::npos) << verdict.out;
}

TEST_P(AuditBundle, OfAnAccountWhoseSenderIsWithheldIsFound) {
  // account-0 sent account-6 its points; whatever the shards of the two.
  for (int i = 0; i < 6; ++i) {
    const std::string sender = fmt::format("account-{}", i);
    Frames frames = FramesOf(MustExport(fmt::format("account-{}", i + 6)));
    const auto sent = std::find_if(frames.begin(), frames.end(), [&](const BundleFrame& frame) {
      events::v1::EventRecord record;
      return frame.has_proven() && record.ParseFromString(frame.proven().record()) && record.account_id() == sender;
    });
    ASSERT_NE(sent, frames.end());
    frames.erase(sent);
    const Verdict verdict = Verify(FileOf(frames));
    EXPECT_EQ(verdict.code, verify::kExitDoesNotHold) << verdict.out;
    EXPECT_NE(verdict.out.find(fmt::format("was received, but account '{}' never sent it", sender)), std::string::npos)
        << verdict.out;
  }
}

TEST_P(AuditBundle, ThatNeedsMoreTemporaryFilesThanAllowedIsNotJudged) {
  const Verdict verdict = Verify(MustExport(""), {"--temp-bytes-max", "1000"});
  EXPECT_EQ(verdict.code, verify::kExitCannotRead) << verdict.out;
  EXPECT_NE(verdict.err.find("the records take more than 1000 bytes of temporary files in"), std::string::npos)
      << verdict.err;
  EXPECT_NE(verdict.err.find("--temp-bytes-max allows more"), std::string::npos) << verdict.err;
}

// Changes made to the frames, not to the bytes: whatever is swapped, dropped, doubled or cut, and however the counts
// are made to fit, what comes out either is refused or is what was exported.
TEST_P(AuditBundle, IsNeverTakenForAnotherHoweverItsFramesAreChanged) {
  const uint64_t seed = 20'261'122 + GetParam();
  std::mt19937_64 random(seed);
  for (const char* account : {"", "account-1"}) {
    const Frames good = FramesOf(MustExport(account));
    for (int round = 0; round < 60; ++round) {
      Frames frames = good;
      const std::string what = ChangeFrames(frames, random);
      const std::string place = fmt::format("seed {} round {} account '{}': {}", seed, round, account, what);
      audit::BundleWriter writer;
      bool written = true;
      for (const BundleFrame& frame : frames) written = written && (frame.has_trailer() || writer.Write(frame).ok());
      // What the writer refuses, the reader does.
      if (!written || !writer.Finish().ok()) continue;
      const Verdict verdict = Verify(writer.Take(1u << 30));
      EXPECT_TRUE(verdict.code == verify::kExitHolds || verdict.code == verify::kExitDoesNotHold) << place;
      if (verdict.code == verify::kExitHolds) {
        EXPECT_TRUE(SaysTheSame(frames, good)) << place << "\n" << verdict.out;
      }
    }
  }
}

TEST_P(AuditBundle, StandingIsSignedAndSaysWhatTheAccountHas) {
  GetSignedStandingRequest request;
  request.set_account_id("account-2");
  GetSignedStandingResponse response;
  ASSERT_TRUE(Call(server_.audit(), &AuditService::Stub::GetSignedStanding, request, &response).ok());
  // 602 points for 602 dollars, 100 redeemed, 50 sent.
  EXPECT_NE(response.statement().find("\naccount: account-2\n"), std::string::npos) << response.statement();
  EXPECT_NE(response.statement().find("\nladder: main\ntier: bronze\n"), std::string::npos);
  EXPECT_NE(response.statement().find("\navailable: 452\n"), std::string::npos) << response.statement();
  EXPECT_NE(response.statement().find(fmt::format("\ntree-size: {}\n", response.tree_size())), std::string::npos);
  std::ofstream(directory_ / "note") << response.statement();
  std::ofstream(directory_ / "keys") << keys_;
  std::ostringstream out;
  EXPECT_EQ(verify::Run({"note", directory_ / "note", "--key", directory_ / "keys"}, {out, out}), verify::kExitHolds);
}

TEST_P(AuditBundle, IsExportedTwiceAtATimeAndAgainWhenOneIsCancelled) {
  // More than waits between server and client: 8 MB that no compression makes smaller.
  std::mt19937_64 random(1);
  for (int i = 0; i < 14; ++i) {
    std::vector<shard::SubmittedEvent> events;
    for (int j = 0; j < 10; ++j) {
      events.push_back(Fact());
      events.back().event.mutable_custom_event()->set_type("com.example.noise");
      std::string& noise = *events.back().event.mutable_custom_event()->mutable_data();
      noise.resize(60'000);
      for (char& byte : noise) byte = static_cast<char>(random());
    }
    server_.MustAppend(Request("account-1", fmt::format("noise-{}", i), events));
  }
  grpc::ClientContext first;
  grpc::ClientContext second;
  const auto one = server_.audit().ExportBundle(&first, ExportBundleRequest());
  const auto two = server_.audit().ExportBundle(&second, ExportBundleRequest());
  ExportBundleResponse piece;
  ASSERT_TRUE(one->Read(&piece));
  ASSERT_TRUE(two->Read(&piece));
  std::string file;
  const grpc::Status refused = Export("", file);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReadRpcError(refused).reason, "TOO_MANY_STREAMS");
  EXPECT_EQ(file, "");
  first.TryCancel();
  while (one->Read(&piece)) {
  }
  EXPECT_EQ(one->Finish().error_code(), grpc::StatusCode::CANCELLED);
  // The server learns of it soon.
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  grpc::Status status = refused;
  while (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED && std::chrono::steady_clock::now() < deadline) {
    file.clear();
    status = Export("", file);
  }
  EXPECT_TRUE(status.ok()) << ReadRpcError(status);
  EXPECT_EQ(Verify(file, {"--no-replay"}).code, verify::kExitHolds);
  second.TryCancel();
  while (two->Read(&piece)) {
  }
  EXPECT_EQ(two->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_P(AuditBundle, RefusesAnAccountThatIsNotThere) {
  std::string file;
  EXPECT_EQ(ReadRpcError(Export("nobody", file)).reason, "ACCOUNT_NOT_FOUND");
  EXPECT_EQ(ReadRpcError(Export("no body", file)).reason, "INVALID_FIELD");
  EXPECT_EQ(file, "");
  GetSignedStandingRequest request;
  GetSignedStandingResponse response;
  EXPECT_EQ(ReadRpcError(Call(server_.audit(), &AuditService::Stub::GetSignedStanding, request, &response)).reason,
            "INVALID_FIELD");
  request.set_account_id("nobody");
  EXPECT_EQ(ReadRpcError(Call(server_.audit(), &AuditService::Stub::GetSignedStanding, request, &response)).reason,
            "ACCOUNT_NOT_FOUND");
}

}  // namespace
}  // namespace keyledger::testing

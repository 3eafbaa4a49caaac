// What somebody did to a ledger is found and named, with kind and place: changes that the hashes show, and, in logs
// that were written anew and signed again by the one who holds the key, changes that only the derivation can show.
#include <algorithm>
#include <random>

#include "server/domain/program_set.h"
#include "server/domain/proto_time.h"
#include "server/merkle/note.h"
#include "tests/unit/audit/random_ledger.h"
#include "tests/unit/audit/replay_support.h"

namespace keyledger::testing {
namespace {

using audit::v1::Finding;
using events::v1::Event;
using events::v1::EventRecord;

constexpr uint64_t kSeeds = 4;

const Finding* Find(const Replayed& replayed, audit::v1::FindingKind kind, std::optional<uint64_t> position) {
  for (const Finding& finding : replayed.findings) {
    if (finding.kind() == kind &&
        (!position.has_value() || (finding.has_position() && finding.position() == *position))) {
      return &finding;
    }
  }
  return nullptr;
}

// A ledger of one shard, as it was recorded, signed.
class Sabotage : public ::testing::Test {
 protected:
  static MemorySource Made(uint64_t seed) {
    RandomLedger ledger(seed, 1);
    ledger.Run(250, /*reviews=*/false);
    return MemorySource(ledger.Logs());
  }
  // Signs the log as it is now.
  void Seal(MemorySource& source) {
    source.checkpoints()[0].clear();
    source.KeepTiles();
    source.Sign(0, source.logs()[0].size(), key_);
  }
  Replayed Run(MemorySource& source) {
    audit::ReplayOptions options;
    options.trusted_keys.push_back(merkle::VerifierKey(source.origin(0), key_.public_key()).Format());
    return ReplayAll(source, options);
  }
  // Any of the records for which `is_meant` holds.
  static std::optional<uint64_t> Any(const MemorySource& source, std::mt19937_64& random,
                                     const std::function<bool(const EventRecord&)>& is_meant) {
    std::vector<uint64_t> found;
    for (uint64_t i = 0; i < source.record_count(0); ++i) {
      if (is_meant(source.Get(0, i))) found.push_back(i);
    }
    return found.empty() ? std::nullopt : std::optional(found[random() % found.size()]);
  }
  // Of the account that the record at `position` belongs to, nothing else is found, and little of it.
  static void ExpectOnly(const Replayed& replayed, const std::string& account_id) {
    for (const Finding& finding : replayed.findings) EXPECT_EQ(finding.account_id(), account_id) << Listed(replayed);
  }

  const merkle::SigningKey key_ = merkle::SigningKey::Generate();
};

TEST_F(Sabotage, OfNothingIsNotFound) {
  MemorySource source = Made(1);
  Seal(source);
  const Replayed replayed = Run(source);
  EXPECT_EQ(replayed.report.findings(), 0u) << Listed(replayed);
  EXPECT_EQ(replayed.report.shards(0).checkpoints(), 1u);
  EXPECT_EQ(replayed.report.shards(0).checkpoint_size(), source.record_count(0));
  // A ledger reviews by itself what is due.
  for (const std::string& sentence : replayed.report.not_checked())
    EXPECT_EQ(sentence.find("the cuts"), 0u) << sentence;
}

TEST_F(Sabotage, OfOneByteIsFoundInItsRecord) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    MemorySource source = Made(seed);
    Seal(source);
    std::mt19937_64 random(seed);
    for (int turn = 0; turn < 25; ++turn) {
      MemorySource changed = source;
      // Of those whose hashes are in a full tile.
      const uint64_t position = random() % (source.record_count(0) / 256 * 256);
      std::string& bytes = changed.logs()[0][position];
      bytes[random() % bytes.size()] ^= static_cast<char>(1 << random() % 8);
      const Replayed replayed = Run(changed);
      const Finding* tile = Find(replayed, audit::v1::FINDING_KIND_BAD_TILE, position);
      ASSERT_NE(tile, nullptr) << "seed " << seed << " position " << position << "\n" << Listed(replayed);
      EXPECT_NE(Find(replayed, audit::v1::FINDING_KIND_ROOT_MISMATCH, std::nullopt), nullptr);
    }
  }
}

TEST_F(Sabotage, OfARecordThatIsDroppedIsFoundAtItsPlace) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    MemorySource source = Made(seed);
    std::mt19937_64 random(seed);
    const uint64_t position = random() % (source.record_count(0) - 3);
    const std::string account_id = source.Get(0, position).account_id();
    source.Drop(0, position);
    Seal(source);
    const Replayed replayed = Run(source);
    ASSERT_NE(Find(replayed, audit::v1::FINDING_KIND_MISSING_RECORD, position), nullptr)
        << "seed " << seed << " position " << position << "\n"
        << Listed(replayed);
  }
}

TEST_F(Sabotage, OfTheLastRecordsIsFoundByTheCheckpoint) {
  MemorySource source = Made(1);
  Seal(source);
  const uint64_t size = source.record_count(0);
  source.Drop(0, size - 1);
  source.Drop(0, size - 2);
  const Replayed replayed = Run(source);
  const Finding* finding = Find(replayed, audit::v1::FINDING_KIND_MISSING_RECORD, size - 2);
  ASSERT_NE(finding, nullptr) << Listed(replayed);
  EXPECT_EQ(finding->expected(), fmt::format("{} records", size));
  EXPECT_EQ(finding->found(), fmt::format("{} records", size - 2));
}

TEST_F(Sabotage, OfTwoRecordsThatChangedPlacesIsFoundAtBoth) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    MemorySource source = Made(seed);
    std::mt19937_64 random(seed);
    const uint64_t position = 1 + random() % (source.record_count(0) - 5);
    source.Swap(0, position, position + 1);
    Seal(source);
    const Replayed replayed = Run(source);
    EXPECT_NE(Find(replayed, audit::v1::FINDING_KIND_MISPLACED_RECORD, position), nullptr) << Listed(replayed);
    EXPECT_NE(Find(replayed, audit::v1::FINDING_KIND_MISPLACED_RECORD, position + 1), nullptr) << Listed(replayed);
  }
}

TEST_F(Sabotage, OfPointsOutOfNothingIsFoundThoughTheLogIsSignedAgain) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    MemorySource source = Made(seed);
    std::mt19937_64 random(seed);
    // Behind the last record of the account, so that what names records by their revisions stays true.
    std::map<std::string, uint64_t> last;
    for (uint64_t i = 0; i < source.record_count(0); ++i) last[source.Get(0, i).account_id()] = i;
    const auto place = Any(source, random, [&](const EventRecord& record) {
      return record.event().has_points_accrued() && !record.request_id().empty();
    });
    ASSERT_TRUE(place.has_value());
    EventRecord forged = source.Get(0, *place);
    const std::string account_id = forged.account_id();
    const uint64_t position = last[account_id] + 1;
    const EventRecord before = source.Get(0, position - 1);
    *forged.mutable_record_time() = before.record_time();
    forged.mutable_event()->mutable_points_accrued()->set_points(100'000);
    source.Insert(0, position, forged);
    Seal(source);
    const Replayed replayed = Run(source);
    const Finding* finding = Find(replayed, audit::v1::FINDING_KIND_UNFOUNDED_DECISION, position);
    ASSERT_NE(finding, nullptr) << "seed " << seed << " position " << position << "\n" << Listed(replayed);
    EXPECT_EQ(finding->account_id(), account_id);
    EXPECT_EQ(finding->rule(), forged.event().points_accrued().rule_id());
    EXPECT_NE(finding->found().find("points 100000"), std::string::npos) << finding->found();
    EXPECT_EQ(replayed.report.findings(), 1u) << Listed(replayed);
  }
}

TEST_F(Sabotage, OfAnAccrualIsFoundWithItsNumbersThoughTheLogIsSignedAgain) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    MemorySource source = Made(seed);
    std::mt19937_64 random(seed);
    const auto position =
        Any(source, random, [](const EventRecord& record) { return record.event().has_points_accrued(); });
    ASSERT_TRUE(position.has_value());
    int64_t points = 0;
    source.Change(0, *position, [&](EventRecord& record) {
      auto& accrued = *record.mutable_event()->mutable_points_accrued();
      points = accrued.points();
      accrued.set_points(points + 500);
      accrued.mutable_lines(0)->set_points(accrued.lines(0).points() + 500);
    });
    Seal(source);
    const Replayed replayed = Run(source);
    const Finding* finding = Find(replayed, audit::v1::FINDING_KIND_DIFFERENT_DECISION, *position);
    ASSERT_NE(finding, nullptr) << "seed " << seed << " position " << *position << "\n" << Listed(replayed);
    EXPECT_EQ(finding->expected().find(fmt::format("points {}", points)), 0u) << finding->expected();
    EXPECT_EQ(finding->found().find(fmt::format("points {}", points + 500)), 0u) << finding->found();
    EXPECT_EQ(finding->rule(), source.Get(0, *position).event().points_accrued().rule_id());
    EXPECT_FALSE(finding->program().empty());
    ExpectOnly(replayed, finding->account_id());
    EXPECT_LE(replayed.report.findings(), 4u) << Listed(replayed);
  }
}

TEST_F(Sabotage, OfATierIsFoundThoughTheLogIsSignedAgain) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    MemorySource source = Made(seed);
    std::mt19937_64 random(seed);
    const auto position = Any(
        source, random, [](const EventRecord& record) { return record.event().tier_assigned().ladder_id() == "main"; });
    ASSERT_TRUE(position.has_value());
    std::string tier;
    source.Change(0, *position, [&](EventRecord& record) {
      auto& assigned = *record.mutable_event()->mutable_tier_assigned();
      tier = assigned.tier_id();
      assigned.set_tier_id(tier == "gold" ? "silver" : "gold");
    });
    Seal(source);
    const Replayed replayed = Run(source);
    const Finding* finding = Find(replayed, audit::v1::FINDING_KIND_DIFFERENT_DECISION, *position);
    ASSERT_NE(finding, nullptr) << "seed " << seed << " position " << *position << "\n" << Listed(replayed);
    EXPECT_EQ(finding->rule(), "main");
    EXPECT_EQ(finding->expected(), "tier_id " + tier);
    ExpectOnly(replayed, finding->account_id());
    // What followed did so from the tier as it ought to have been, and is not said to differ.
    EXPECT_EQ(replayed.report.findings(), 1u) << Listed(replayed);
  }
}

TEST_F(Sabotage, OfARedemptionBeyondTheBalanceIsARefusedFact) {
  MemorySource source = Made(2);
  std::mt19937_64 random(2);
  const auto position =
      Any(source, random, [](const EventRecord& record) { return record.event().has_points_redeemed(); });
  ASSERT_TRUE(position.has_value());
  source.Change(0, *position, [](EventRecord& record) {
    auto& redeemed = *record.mutable_event()->mutable_points_redeemed();
    redeemed.set_points(redeemed.points() + 1'000'000);
  });
  Seal(source);
  const Replayed replayed = Run(source);
  const Finding* finding = Find(replayed, audit::v1::FINDING_KIND_REFUSED_FACT, *position);
  ASSERT_NE(finding, nullptr) << Listed(replayed);
  EXPECT_NE(finding->expected().find("points asked for"), std::string::npos) << finding->expected();
  EXPECT_NE(Find(replayed, audit::v1::FINDING_KIND_CONTRADICTION, *position), nullptr) << Listed(replayed);
}

TEST_F(Sabotage, OfARecordTimeIsFound) {
  MemorySource source = Made(3);
  source.Change(0, 40, [](EventRecord& record) {
    domain::SetTimestamp(record.mutable_record_time(),
                         domain::MicrosOf(record.record_time()) - 86'400 * kMicrosPerSecond * 400);
  });
  Seal(source);
  const Replayed replayed = Run(source);
  EXPECT_NE(Find(replayed, audit::v1::FINDING_KIND_TIME_GOES_BACK, 40), nullptr) << Listed(replayed);
}

TEST_F(Sabotage, OfAProgramIsFoundByItsSourceText) {
  MemorySource source = Made(4);
  std::mt19937_64 random(4);
  const auto position = Any(source, random, [](const EventRecord& record) {
    return record.event().program_published().program_id() == "full";
  });
  ASSERT_TRUE(position.has_value());
  std::string name;
  source.Change(0, *position, [&](EventRecord& record) {
    auto& published = *record.mutable_event()->mutable_program_published();
    programs::v1::Program program;
    ASSERT_TRUE(program.ParseFromString(published.program()));
    program.mutable_accrual_rules(0)->mutable_per_money()->set_points(77);
    published.set_program(program.SerializeAsString());
    name = fmt::format("full@{}", published.version());
  });
  Seal(source);
  const Replayed replayed = Run(source);
  const Finding* finding = Find(replayed, audit::v1::FINDING_KIND_BAD_PROGRAM, *position);
  ASSERT_NE(finding, nullptr) << Listed(replayed);
  EXPECT_EQ(finding->program(), name);
}

TEST_F(Sabotage, OfAProgramWithItsSourceTextIsFoundByTheDecisionsUnderIt) {
  MemorySource source = Made(5);
  std::mt19937_64 random(5);
  // The first version of it: decisions were taken under that.
  const auto position = Any(source, random, [](const EventRecord& record) {
    return record.event().program_published().program_id() == "full" &&
           record.event().program_published().version() == 1;
  });
  ASSERT_TRUE(position.has_value());
  source.Change(0, *position, [](EventRecord& record) {
    auto& published = *record.mutable_event()->mutable_program_published();
    std::string text = published.source_yaml();
    const size_t at = text.find("per_money: {points: 1,");
    ASSERT_NE(at, std::string::npos);
    text.replace(at, 22, "per_money: {points: 9,");
    domain::ParsedProgram parsed = domain::ParseProgramYaml(text);
    ASSERT_TRUE(parsed.program.has_value());
    parsed.program->set_version(1);
    published.set_source_yaml(text);
    published.set_program(parsed.program->SerializeAsString());
  });
  Seal(source);
  const Replayed replayed = Run(source);
  EXPECT_EQ(Find(replayed, audit::v1::FINDING_KIND_BAD_PROGRAM, std::nullopt), nullptr) << Listed(replayed);
  const Finding* finding = Find(replayed, audit::v1::FINDING_KIND_DIFFERENT_DECISION, std::nullopt);
  ASSERT_NE(finding, nullptr) << Listed(replayed);
  EXPECT_EQ(finding->program(), "full@1");
  EXPECT_EQ(finding->rule(), "base");
}

TEST_F(Sabotage, OfATransferIsFoundOnTheOtherSide) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    MemorySource source = Made(seed);
    std::mt19937_64 random(seed);
    const auto position =
        Any(source, random, [](const EventRecord& record) { return record.event().has_points_transfer_received(); });
    if (!position.has_value()) continue;
    source.Change(0, *position, [](EventRecord& record) {
      auto& received = *record.mutable_event()->mutable_points_transfer_received();
      received.set_points(received.points() + 9);
      received.mutable_lot()->set_accrued(received.points());
    });
    Seal(source);
    const Replayed replayed = Run(source);
    EXPECT_NE(Find(replayed, audit::v1::FINDING_KIND_BAD_TRANSFER, std::nullopt), nullptr) << "seed " << seed << "\n"
                                                                                           << Listed(replayed);
  }
}

TEST_F(Sabotage, OfATileIsFoundAtItsEntry) {
  MemorySource source = Made(1);
  Seal(source);
  MemorySource other = source;
  other.logs()[0][100] += "x";
  other.KeepTiles();
  // Tiles of a log in which record 100 was another one.
  std::swap(other.logs(), source.logs());
  other.checkpoints() = source.checkpoints();
  const Replayed replayed = Run(other);
  EXPECT_NE(Find(replayed, audit::v1::FINDING_KIND_BAD_TILE, 100), nullptr) << Listed(replayed);
  EXPECT_EQ(Find(replayed, audit::v1::FINDING_KIND_ROOT_MISMATCH, std::nullopt), nullptr) << Listed(replayed);
}

TEST_F(Sabotage, OfACheckpointIsFound) {
  MemorySource source = Made(1);
  Seal(source);
  const merkle::SigningKey stranger = merkle::SigningKey::Generate();
  source.Sign(0, 50, stranger);
  source.checkpoints()[0].push_back("no note at all");
  const Replayed replayed = Run(source);
  EXPECT_EQ(replayed.report.findings(), 2u) << Listed(replayed);
  EXPECT_EQ(replayed.report.by_kind(0).kind(), audit::v1::FINDING_KIND_BAD_CHECKPOINT);
}

}  // namespace
}  // namespace keyledger::testing

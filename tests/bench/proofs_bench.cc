// What proofs cost: hashing records into the tree as they are appended, and making a proof out of a log of many
// records.
#include <time.h>

#include <random>

#include <fmt/format.h>

#include "server/merkle/proof.h"
#include "server/store/shard_store.h"
#include "tests/bench/baselines.h"
#include "tests/bench/bench.h"

namespace keyledger::bench {
namespace {

// Records of the stream's purchases are about as long, and come in groups of about as many.
constexpr size_t kRecordBytes = 276;
constexpr uint64_t kGroupRecords = 1'400;

double CpuMicros() {
  timespec used{};
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0) Fail("no processor time");
  return static_cast<double>(used.tv_sec) * 1e6 + static_cast<double>(used.tv_nsec) / 1e3;
}

std::unique_ptr<store::ShardStore> OpenStore(const std::string& path) {
  store::StoreOptions options;
  options.path = path;
  options.ledger_id = "bench";
  options.disk_reserve_bytes = 0;
  auto opened = store::ShardStore::Open(options);
  if (!opened.ok()) Fail("a store cannot be opened: " + std::string(opened.status().message()));
  return *std::move(opened);
}

void MustAppend(store::ShardStore& store, const store::CommitGroup& group) {
  const absl::Status status = store.Append(group);
  if (!status.ok()) Fail("a group cannot be written: " + std::string(status.message()));
}

void AddTiles(std::vector<merkle::FullTile>& full, store::CommitGroup& group) {
  for (merkle::FullTile& tile : full) group.tiles.push_back({tile.level, tile.index, std::move(tile.hashes)});
  full.clear();
}

// Processor time of hashing a record, growing the tree and writing the full tiles, as the committer does for each
// group.
double HashingMicros(const std::string& scratch_dir, uint64_t groups) {
  const auto store = OpenStore(scratch_dir);
  const std::vector<std::string> records(kGroupRecords, std::string(kRecordBytes, 'r'));
  merkle::Tree tree;
  std::vector<merkle::FullTile> full;
  const double start = CpuMicros();
  for (uint64_t i = 0; i < groups; ++i) {
    for (const std::string& record : records) tree.Append(merkle::LeafHash(record), full);
    store::CommitGroup group;
    AddTiles(full, group);
    if (!group.empty()) MustAppend(*store, group);
  }
  return (CpuMicros() - start) / static_cast<double>(groups * kGroupRecords);
}

// A log of small records in large groups, with its tiles.
merkle::Tree FillStore(store::ShardStore& store, uint64_t records) {
  constexpr uint64_t kGroup = 65'536;
  merkle::Tree tree;
  std::vector<merkle::FullTile> full;
  while (tree.size() < records) {
    store::CommitGroup group;
    group.first_position = tree.size();
    while (group.records.size() < kGroup && tree.size() < records) {
      std::string bytes = fmt::format("record {:>12} of a log that is long", tree.size());
      tree.Append(merkle::LeafHash(bytes), full);
      group.records.push_back({"acme", tree.size() - 1, std::move(bytes)});
    }
    AddTiles(full, group);
    MustAppend(store, group);
  }
  return tree;
}

void MeasureProofs(const store::ShardStore& store, const merkle::Tree& tree, const Scale& scale, Report& report) {
  constexpr uint64_t kSeed = 20261122;
  std::mt19937_64 random(kSeed);
  const auto read_tile = [&](uint32_t level, uint64_t index) -> absl::StatusOr<std::string> {
    auto tile = store.GetTile(level, index);
    if (!tile.ok() || !tile->has_value()) Fail("a tile is missing");
    return **std::move(tile);
  };
  std::vector<double> inclusion_median, inclusion_slow, consistency_median, consistency_slow, tiles;
  for (int repetition = 0; repetition < scale.repetitions; ++repetition) {
    std::vector<double> inclusions, consistencies;
    uint64_t tiles_read = 0;
    for (int i = 0; i < scale.proofs; ++i) {
      const uint64_t size = 1 + random() % tree.size();
      const uint64_t index = random() % size;
      double start = Now();
      merkle::TileNodes nodes(tree, read_tile);
      const auto inclusion = merkle::InclusionProof(index, size, nodes.reader());
      const auto record = store.GetRecord(index);
      inclusions.push_back((Now() - start) * 1e6);
      tiles_read += nodes.tiles_read();
      start = Now();
      merkle::TileNodes others(tree, read_tile);
      const auto consistency = merkle::ConsistencyProof(index + 1, size, others.reader());
      consistencies.push_back((Now() - start) * 1e6);
      const auto root = merkle::RootOf(size, nodes.reader());
      if (!inclusion.ok() || !record.ok() || !consistency.ok() || !root.ok() ||
          !merkle::VerifyInclusion(merkle::LeafHash(*record), index, size, *inclusion, *root)) {
        Fail("a proof does not hold");
      }
    }
    inclusion_median.push_back(Percentile(inclusions, 50));
    inclusion_slow.push_back(Percentile(inclusions, 99));
    consistency_median.push_back(Percentile(consistencies, 50));
    consistency_slow.push_back(Percentile(consistencies, 99));
    tiles.push_back(static_cast<double>(tiles_read) / scale.proofs);
  }
  report.Figure("inclusion proof, median", "us", inclusion_median);
  report.Figure("inclusion proof, p99", "us", inclusion_slow);
  report.Figure("consistency proof, median", "us", consistency_median);
  report.Figure("consistency proof, p99", "us", consistency_slow);
  report.Figure("tiles read for an inclusion proof", "tiles", tiles);
}

}  // namespace

void BenchProofs(Ledger& ledger, const std::string& scratch_dir, const Scale& scale, Report& report) {
  constexpr uint64_t kWarmUp = 2'000;
  const double warm_up = ledger.SendPurchases(kWarmUp, 1);
  const auto requests = static_cast<uint64_t>(scale.seconds * static_cast<double>(kWarmUp) / warm_up) + 1;
  std::vector<double> hashing, appending;
  for (int i = 0; i < scale.repetitions; ++i) {
    ledger.AwaitProjections();
    const uint64_t before = ledger.Status().record_count();
    const double seconds = ledger.SendPurchases(requests, 1);
    appending.push_back(seconds * 1e6 / static_cast<double>(ledger.Status().record_count() - before));
    ledger.AwaitProjections();
    hashing.push_back(HashingMicros(fmt::format("{}/hashing-{}", scratch_dir, i), requests / kGroupRecords + 10));
  }
  report.Compare("hashing and tiles", "us/record", hashing, "AppendStream, 1 stream, no program", appending,
                 Target::kAtMost, 0.15);
  const auto store = OpenStore(scratch_dir + "/proofs-store");
  const merkle::Tree tree = FillStore(*store, scale.proved);
  report.Note(
      fmt::format("proofs of {} records in sizes up to {}, of records and sizes at random", scale.proofs, tree.size()));
  MeasureProofs(*store, tree, scale, report);
}

}  // namespace keyledger::bench

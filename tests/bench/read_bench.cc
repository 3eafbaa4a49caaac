// Reading, and what a ledger takes up: ReadLog and rebuilds against an iterator, start-up time, memory, disk.
#include <time.h>

#include <array>
#include <map>

#include <fmt/format.h>

#include "server/store/shard_store.h"
#include "tests/bench/baselines.h"
#include "tests/bench/bench.h"

namespace keyledger::bench {
namespace {

constexpr double kMebibyte = 1 << 20;
constexpr std::array<const char*, 3> kRebuilt = {"points", "tiers", "retention"};

// Reads the whole log over gRPC; the client counts, and keeps nothing.
WalkResult ReadWholeLog(Ledger& ledger) {
  grpc::ClientContext context;
  WalkResult result;
  const double start = Now();
  const auto reader = ledger.log().ReadLog(&context, {});
  ledger::v1::ReadLogResponse frame;
  while (reader->Read(&frame)) {
    result.records += static_cast<uint64_t>(frame.records_size());
    for (const std::string& record : frame.records()) result.bytes += record.size();
  }
  const grpc::Status status = reader->Finish();
  result.seconds = Now() - start;
  if (!status.ok()) Fail("ReadLog: " + status.error_message());
  return result;
}

double Rate(const WalkResult& result) { return static_cast<double>(result.records) / result.seconds; }

// Rebuilds completed, by projection.
std::map<std::string, uint64_t> Rebuilds(Ledger& ledger) {
  grpc::ClientContext context;
  ledger::v1::ListProjectionsResponse response;
  if (!ledger.admin().ListProjections(&context, {}, &response).ok()) Fail("ListProjections failed");
  std::map<std::string, uint64_t> rebuilds;
  for (const auto& one : response.projections()) rebuilds[one.name()] = one.rebuilds();
  return rebuilds;
}

// Rebuilds all three at once and returns the seconds until the last of them serves.
double RebuildAll(Ledger& ledger) {
  const std::map<std::string, uint64_t> before = Rebuilds(ledger);
  const double start = Now();
  for (const char* name : kRebuilt) {
    grpc::ClientContext context;
    ledger::v1::RebuildProjectionRequest request;
    request.set_name(name);
    ledger::v1::RebuildProjectionResponse response;
    const grpc::Status status = ledger.admin().RebuildProjection(&context, request, &response);
    if (!status.ok()) Fail("RebuildProjection: " + status.error_message());
  }
  for (bool done = false; !done;) {
    const timespec pause{0, 5'000'000};
    nanosleep(&pause, nullptr);
    const std::map<std::string, uint64_t> now = Rebuilds(ledger);
    done = true;
    for (const char* name : kRebuilt) done = done && now.at(name) > before.at(name);
  }
  return Now() - start;
}

}  // namespace

void BenchReadLog(Ledger& ledger, const Scale& scale, Report& report) {
  std::vector<double> ours, theirs, megabytes;
  // The first of each brings the files into the page cache.
  WalkRecords(ledger.shard_dir(), false);
  ReadWholeLog(ledger);
  for (int i = 0; i < scale.repetitions; ++i) {
    const WalkResult read = ReadWholeLog(ledger);
    const WalkResult walk = WalkRecords(ledger.shard_dir(), false);
    if (read.records != walk.records || read.bytes != walk.bytes) Fail("ReadLog and the iterator differ");
    ours.push_back(Rate(read));
    theirs.push_back(Rate(walk));
    megabytes.push_back(static_cast<double>(read.bytes) / read.seconds / kMebibyte);
  }
  report.Compare("ReadLog", "records/s", ours, "RocksDB iterator", theirs, Target::kAtLeast, 0.3);
  report.Figure("ReadLog, bytes", "MiB/s", megabytes);
}

void BenchRebuild(Ledger& ledger, const Scale& scale, Report& report) {
  std::vector<double> ours, theirs;
  WalkRecords(ledger.shard_dir(), true);
  for (int i = 0; i < scale.repetitions; ++i) {
    const WalkResult walk = WalkRecords(ledger.shard_dir(), true);
    theirs.push_back(Rate(walk));
    ours.push_back(static_cast<double>(walk.records) / RebuildAll(ledger));
  }
  report.Compare("rebuild of points + tiers + retention", "records/s", ours, "RocksDB iterator + parse", theirs,
                 Target::kAtLeast, 0.3);
}

void BenchStart(Ledger& ledger, Ledger& small, const Scale& scale, Report& report) {
  const std::string records = fmt::format("{} records", ledger.Status().record_count());
  const std::string few_records = fmt::format("{} records", small.Status().record_count());
  report.Figure("resident memory after the load, " + records, "MiB",
                {static_cast<double>(ledger.server().ResidentBytes()) / kMebibyte});
  std::vector<double> many, few, resident;
  for (int i = 0; i < scale.starts; ++i) {
    small.Restart();
    few.push_back(small.server().start_seconds() * 1e3);
    ledger.Restart();
    many.push_back(ledger.server().start_seconds() * 1e3);
    resident.push_back(static_cast<double>(ledger.server().ResidentBytes()) / kMebibyte);
  }
  report.Compare("start-up, " + records, "ms", many, few_records, few, Target::kAtMost, 1.5);
  report.Figure("resident memory after the start", "MiB", resident);
}

void BenchDisk(Ledger& ledger, Report& report) {
  const WalkResult log = ReadWholeLog(ledger);
  store::StoreOptions options;
  options.path = ledger.shard_dir();
  options.ledger_id = ledger.FullStatus().ledger_id();
  ledger.Stop();
  {
    const auto opened = store::ShardStore::Open(options);
    if (!opened.ok()) Fail("cannot open the store");
    if (!(*opened)->FlushAndCompact().ok()) Fail("cannot compact the store");
  }
  report.Compare("disk, whole shard, compacted", "bytes/record",
                 {static_cast<double>(DiskUsage(options.path)) / static_cast<double>(log.records)}, "record bytes",
                 {static_cast<double>(log.bytes) / static_cast<double>(log.records)}, Target::kAtMost, 1.0);
}

}  // namespace keyledger::bench

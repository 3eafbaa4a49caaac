// What questions about retention cost: folding the projection "retention" alone, and asking it about many accounts. In
// the process of the bench, from a store that was just filled.
#include <algorithm>
#include <atomic>

#include <fmt/format.h>

#include "projections/engine/lane.h"
#include "projections/retention/retention_projection.h"
#include "projections/retention/retention_queries.h"
#include "server/base/error.h"
#include "server/store/shard_store.h"
#include "tests/bench/baselines.h"
#include "tests/bench/bench.h"

namespace keyledger::bench {
namespace {

using projections::RetentionScope;

// Two years, in which the purchases follow each other at one distance.
constexpr int64_t kFirstSecond = 1'704'067'200;
constexpr int64_t kSpanSeconds = 730 * 86'400;
// One purchase in so many reaches the ledger 200 days after it was made.
constexpr uint64_t kLateOne = 50;
constexpr int64_t kLateSeconds = 200 * 86'400;
// As an engine that is far behind does.
constexpr uint64_t kChunkRecords = 160'000;

std::unique_ptr<store::ShardStore> OpenStore(const std::string& path) {
  store::StoreOptions options;
  options.path = path;
  options.ledger_id = "bench";
  options.disk_reserve_bytes = 0;
  auto opened = store::ShardStore::Open(options);
  if (!opened.ok()) Fail("a store cannot be opened: " + std::string(opened.status().message()));
  return *std::move(opened);
}

void Must(const absl::Status& status) {
  if (!status.ok()) Fail(std::string(status.message()));
}

// Stores `count` purchases of `accounts` accounts, as the stream's are.
void FillStore(store::ShardStore& store, uint64_t count, uint64_t accounts) {
  constexpr uint64_t kGroup = 65'536;
  store::CommitGroup group;
  for (uint64_t number = 0; number < count; ++number) {
    ledger::v1::AppendRequest request = Purchase(number, accounts);
    int64_t second = kFirstSecond + static_cast<int64_t>(number * static_cast<uint64_t>(kSpanSeconds) / count);
    events::v1::EventRecord record;
    record.set_account_id(request.account_id());
    record.set_request_id(request.request_id());
    record.set_position(number);
    record.set_revision(number / accounts);
    record.mutable_record_time()->set_seconds(second);
    if (number % kLateOne == 0) second -= kLateSeconds;
    record.mutable_occurred_time()->set_seconds(second);
    record.mutable_event()->Swap(request.mutable_events(0)->mutable_event());
    group.records.push_back({record.account_id(), record.revision(), record.SerializeAsString()});
    if (group.records.size() < kGroup && number + 1 < count) continue;
    Must(store.Append(group));
    group = store::CommitGroup();
    group.first_position = number + 1;
  }
  Must(store.FlushAndCompact());
}

// Folds all records into a new table. Returns the seconds.
double FoldAll(store::ShardStore& store, const std::string& table_name, uint64_t records) {
  const auto table = store.OpenTable(table_name);
  Must(table.status());
  const projections::RetentionProjection projection;
  const std::atomic<bool> stop{false};
  const double start = Now();
  projections::Lane lane(projection, **table);
  for (uint64_t from = 0; from < records; from += kChunkRecords) {
    projections::FoldRecords(store, from, std::min(records, from + kChunkRecords), {&lane}, stop);
  }
  const double seconds = Now() - start;
  Must(lane.failure());
  Must(lane.postponed());
  if ((*table)->applied() != records) Fail("not every record was folded");
  return seconds;
}

void MeasureFold(const std::string& path, uint64_t accounts, const Scale& scale, Report& report) {
  const auto store = OpenStore(path);
  FillStore(*store, scale.records, accounts);
  std::vector<double> ours, theirs;
  WalkRecords(path, true);
  for (int i = 0; i < scale.repetitions; ++i) {
    const WalkResult walk = WalkRecords(path, true);
    theirs.push_back(static_cast<double>(walk.records) / walk.seconds);
    const std::string table = fmt::format("retention.{}", i);
    ours.push_back(static_cast<double>(walk.records) / FoldAll(*store, table, walk.records));
    Must(store->DropTable(table));
  }
  report.Compare(fmt::format("fold of retention, {} accounts", accounts), "records/s", ours, "RocksDB iterator + parse",
                 theirs, Target::kAtLeast, 0.3);
}

// Milliseconds of each call.
template <class Query>
std::vector<double> Milliseconds(int calls, const Query& query) {
  std::vector<double> taken;
  for (int i = 0; i < calls; ++i) {
    const double start = Now();
    const auto answer = query();
    Must(answer.status());
    taken.push_back((Now() - start) * 1e3);
  }
  return taken;
}

void MeasureQueries(const std::string& path, const Scale& scale, Report& report) {
  constexpr int kCalls = 21;
  constexpr double kCohortsMillisMax = 50;
  const auto store = OpenStore(path);
  FillStore(*store, 2 * scale.reviewed, scale.reviewed);
  FoldAll(*store, "retention.0", 2 * scale.reviewed);
  const auto table = store->OpenTable("retention.0");
  Must(table.status());
  Must((*table)->Flush());
  const auto reader = (*table)->NewReader();
  const std::vector<const store::TableReader*> shards = {reader.get()};
  const RetentionScope months;
  RetentionScope quarters;
  quarters.unit = CalendarUnit::kQuarter;
  const std::vector<double> cohorts = Milliseconds(kCalls, [&] { return projections::GetCohortTable(shards, months); });
  report.Compare(fmt::format("cohorts of {} accounts by month, p50", scale.reviewed), "ms", {Percentile(cohorts, 50)},
                 "wanted", {kCohortsMillisMax}, Target::kAtMost, 1);
  report.Figure(fmt::format("cohorts of {} accounts by month, p99", scale.reviewed), "ms", {Percentile(cohorts, 99)});
  report.Figure(fmt::format("retention of {} accounts by month", scale.reviewed), "ms",
                Milliseconds(kCalls, [&] { return projections::GetRetentionTable(shards, months); }));
  report.Figure(fmt::format("cohorts of {} accounts by quarter, read from them", scale.reviewed), "ms",
                Milliseconds(scale.repetitions, [&] { return projections::GetCohortTable(shards, quarters); }));
  report.Figure(fmt::format("histories of {} accounts", scale.reviewed), "ms",
                Milliseconds(scale.repetitions, [&]() -> absl::StatusOr<int64_t> {
                  projections::HistoryScan scan(months);
                  int64_t trades = 0;
                  KL_RETURN_IF_ERROR(scan.Run(shards, [&](const projections::AccountHistory& history) {
                    trades += static_cast<int64_t>(history.trades.size());
                    return absl::OkStatus();
                  }));
                  return trades;
                }));
}

}  // namespace

void BenchRetention(const std::string& scratch_dir, const Scale& scale, Report& report) {
  MeasureFold(scratch_dir + "/fold-few", scale.accounts, scale, report);
  MeasureFold(scratch_dir + "/fold-many", scale.reviewed, scale, report);
  MeasureQueries(scratch_dir + "/queries", scale, report);
}

}  // namespace keyledger::bench

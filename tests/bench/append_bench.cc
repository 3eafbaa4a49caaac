// Writing: AppendStream against RocksDB alone, unary appends against an echo, a lone append against one sync.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>

#include <fmt/format.h>
#include <grpcpp/generic/generic_stub.h>

#include "tests/bench/baselines.h"
#include "tests/bench/bench.h"
#include "tests/bench/echo_server.h"

namespace keyledger::bench {
namespace {

using ledger::v1::AppendRequest;
using ledger::v1::AppendResponse;

constexpr int kUnaryInFlight = 64;

// A call that stays in memory until it is answered.
template <class Response>
struct Call {
  grpc::ClientContext context;
  Response response;
};

// Makes one call per request with `in_flight` of them under way, each started by the end of another. Returns the
// seconds from the first to the last answer.
template <class Response>
double RunInFlight(const std::vector<AppendRequest>& requests, size_t in_flight,
                   const std::function<void(grpc::ClientContext*, const AppendRequest*, Response*,
                                            std::function<void(grpc::Status)>)>& start_call) {
  std::mutex mutex;
  std::condition_variable changed;
  size_t answered = 0;
  std::atomic<size_t> next{0};
  std::function<void()> start_next = [&] {
    const size_t at = next.fetch_add(1);
    if (at >= requests.size()) return;
    auto* const call = new Call<Response>();
    start_call(&call->context, &requests[at], &call->response, [&, call](const grpc::Status& status) {
      if (!status.ok()) Fail("a unary call failed: " + status.error_message());
      delete call;
      start_next();
      const std::lock_guard lock(mutex);
      if (++answered == requests.size()) changed.notify_one();
    });
  };
  const double start = Now();
  for (size_t i = 0; i < std::min(in_flight, requests.size()); ++i) start_next();
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return answered == requests.size(); });
  return Now() - start;
}

double RunAppends(Ledger& ledger, const std::vector<AppendRequest>& requests, size_t in_flight) {
  auto* const async = ledger.log().async();
  return RunInFlight<AppendResponse>(requests, in_flight,
                                     [async](auto* context, auto* request, auto* response, auto done) {
                                       async->Append(context, request, response, std::move(done));
                                     });
}

double RunEchoes(const std::shared_ptr<grpc::Channel>& channel, const std::vector<AppendRequest>& requests,
                 size_t in_flight) {
  grpc::TemplatedGenericStub<AppendRequest, AppendRequest> stub(channel);
  return RunInFlight<AppendRequest>(
      requests, in_flight, [&stub](auto* context, auto* request, auto* response, auto done) {
        stub.UnaryCall(context, kEchoMethod, grpc::StubOptions(), request, response, std::move(done));
      });
}

std::vector<AppendRequest> TakePurchases(Ledger& ledger, uint64_t count) {
  std::vector<AppendRequest> requests;
  for (uint64_t i = 0; i < count; ++i) requests.push_back(ledger.NextPurchase());
  return requests;
}

// One repetition of AppendStream and of its baseline.
struct StreamRun {
  double records_per_second = 0;
  double baseline_per_second = 0;
  double caught_up_per_second = 0;
  // Of the server, until its projections have caught up.
  double cpu_micros_per_record = 0;
  double group = 0;
  double record_bytes = 0;
};

StreamRun RunStream(Ledger& ledger, uint64_t requests, int streams, const std::string& scratch_dir) {
  const auto before = ledger.Status();
  const std::string head = ledger.HeadCursor();
  const double cpu = ledger.server().CpuSeconds();
  const double seconds = ledger.SendPurchases(requests, streams);
  const auto after = ledger.Status();
  const double lag_seconds = ledger.AwaitProjections();
  const auto records = static_cast<double>(after.record_count() - before.record_count());
  StreamRun run;
  run.group = records / static_cast<double>(after.committed_groups() - before.committed_groups());
  run.cpu_micros_per_record = (ledger.server().CpuSeconds() - cpu) * 1e6 / records;
  run.records_per_second = records / seconds;
  run.caught_up_per_second = records / (seconds + lag_seconds);
  const std::vector<std::string> bytes = ledger.Records(head);
  for (const std::string& record : bytes) run.record_bytes += static_cast<double>(record.size()) / records;
  run.baseline_per_second =
      records / WriteGroups(scratch_dir + "/baseline", bytes, static_cast<uint64_t>(run.group + 0.5));
  return run;
}

}  // namespace

void BenchAppendStream(Ledger& ledger, const std::string& label, const std::string& scratch_dir, const Scale& scale,
                       Report& report) {
  // Warms up, and tells how many requests fill the time.
  constexpr uint64_t kWarmUp = 2'000;
  const double warm_up = ledger.SendPurchases(kWarmUp, 1);
  ledger.AwaitProjections();
  const auto requests = static_cast<uint64_t>(scale.seconds * static_cast<double>(kWarmUp) / warm_up) + 1;
  for (const int streams : {1, 4}) {
    std::vector<double> ours, theirs, caught_up, cpu, groups, sizes;
    for (int i = 0; i < scale.repetitions; ++i) {
      const StreamRun run = RunStream(ledger, requests, streams, scratch_dir);
      ours.push_back(run.records_per_second);
      theirs.push_back(run.baseline_per_second);
      caught_up.push_back(run.caught_up_per_second);
      cpu.push_back(run.cpu_micros_per_record);
      groups.push_back(run.group);
      sizes.push_back(run.record_bytes);
    }
    const std::string name = fmt::format("AppendStream, {} stream{}, {}", streams, streams == 1 ? "" : "s", label);
    report.Compare(name, "records/s", ours, "RocksDB, same bytes and groups", theirs, Target::kAtLeast, 0.3);
    report.Figure(name + ", until projected", "records/s", caught_up);
    report.Figure(name + ", server's CPU", "us/record", cpu);
    report.Figure(name + ", group", "records", groups);
    report.Figure(name + ", record", "bytes", sizes);
  }
}

void BenchUnary(Ledger& ledger, const std::string& label, const std::string& scratch_dir, const Scale& scale,
                Report& report) {
  const auto echo = StartEcho(scratch_dir);
  const auto channel = echo->NewChannel();
  constexpr uint64_t kWarmUp = 500;
  RunEchoes(channel, TakePurchases(ledger, kWarmUp), kUnaryInFlight);
  const double warm_up = RunAppends(ledger, TakePurchases(ledger, kWarmUp), kUnaryInFlight);
  const auto count = static_cast<uint64_t>(scale.seconds * static_cast<double>(kWarmUp) / warm_up) + 1;
  std::vector<double> ours, theirs;
  for (int i = 0; i < scale.repetitions; ++i) {
    const std::vector<AppendRequest> requests = TakePurchases(ledger, count);
    ours.push_back(static_cast<double>(count) / RunAppends(ledger, requests, kUnaryInFlight));
    ledger.AwaitProjections();
    theirs.push_back(static_cast<double>(count) / RunEchoes(channel, requests, kUnaryInFlight));
  }
  report.Compare(fmt::format("unary Append, {} in flight, {}", kUnaryInFlight, label), "calls/s", ours,
                 "bare gRPC echo", theirs, Target::kAtLeast, 0.3);
}

void BenchLone(Ledger& ledger, const std::string& scratch_dir, const Scale& scale, Report& report) {
  std::vector<double> ours, theirs, our_medians, their_medians;
  for (int i = 0; i < scale.repetitions; ++i) {
    // In turns of a few, so that both see the same moods of the disk.
    constexpr int kTurn = 25;
    std::vector<double> appends, syncs;
    while (static_cast<int>(appends.size()) < scale.lone) {
      const std::string head = ledger.HeadCursor();
      for (const AppendRequest& request : TakePurchases(ledger, kTurn)) {
        grpc::ClientContext context;
        AppendResponse response;
        const double start = Now();
        const grpc::Status status = ledger.log().Append(&context, request, &response);
        appends.push_back((Now() - start) * 1e6);
        if (!status.ok()) Fail("a lone append failed: " + status.error_message());
      }
      // As many bytes as an append brought into the log.
      size_t size = 0;
      for (const std::string& record : ledger.Records(head)) size += record.size();
      const std::string bytes(size / kTurn, 'x');
      for (const double seconds : SyncTimes(scratch_dir + "/sync", bytes, kTurn)) syncs.push_back(seconds * 1e6);
    }
    ours.push_back(Percentile(appends, 99));
    theirs.push_back(Percentile(syncs, 99));
    our_medians.push_back(Percentile(appends, 50));
    their_medians.push_back(Percentile(syncs, 50));
  }
  report.Compare("lone append, p99", "us", ours, "write + fdatasync, p99", theirs, Target::kAtMost, 3);
  report.Compare("lone append, median", "us", our_medians, "write + fdatasync, median", their_medians, Target::kNone,
                 0);
}

}  // namespace keyledger::bench

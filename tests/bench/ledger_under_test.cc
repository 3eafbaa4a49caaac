// Ledger: a keyledgerd and what the bench does to it; see bench.h.
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "keyledger/ledger/v1/program_service.grpc.pb.h"
#include "tests/bench/bench.h"

namespace keyledger::bench {
namespace {

// Requests of one stream that wait for an answer.
constexpr uint64_t kInFlightMax = 4'096;
// Requests made and kept in memory at a time while a ledger is filled.
constexpr uint64_t kFillBatch = 100'000;

void Expect(const grpc::Status& status, const char* what) {
  if (!status.ok()) Fail(fmt::format("{}: {} ({})", what, status.error_message(), int{status.error_code()}));
}

// Sends every `step`-th frame from `first` on over one stream; a thread of its own takes the answers.
void SendOverOneStream(ledger::v1::LedgerService::Stub& stub, const Frames& frames, size_t first, size_t step) {
  grpc::ClientContext context;
  const auto stream = stub.AppendStream(&context);
  std::mutex mutex;
  std::condition_variable changed;
  uint64_t answered = 0;
  bool ended = false;
  std::thread reader([&] {
    ledger::v1::AppendStreamResponse frame;
    while (stream->Read(&frame)) {
      for (const auto& result : frame.results()) {
        if (!result.has_response()) Fail("an append was refused: " + result.status());
      }
      {
        const std::lock_guard lock(mutex);
        answered += static_cast<uint64_t>(frame.results_size());
      }
      changed.notify_one();
    }
    const std::lock_guard lock(mutex);
    ended = true;
    changed.notify_one();
  });
  uint64_t sent = 0;
  for (size_t at = first; at < frames.size(); at += step) {
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return ended || sent - answered <= kInFlightMax - kRequestsPerFrame; });
    }
    if (!stream->Write(frames[at])) break;
    sent += static_cast<uint64_t>(frames[at].requests_size());
  }
  stream->WritesDone();
  reader.join();
  Expect(stream->Finish(), "AppendStream");
  if (answered != sent) Fail("AppendStream left requests unanswered");
}

}  // namespace

Ledger::Ledger(std::string data_dir, std::string program)
    : data_dir_(std::move(data_dir)), program_(std::move(program)) {
  Connect();
}

void Ledger::Connect() {
  server_ = StartLedger(program_, data_dir_);
  channel_ = server_->NewChannel();
  log_ = ledger::v1::LedgerService::NewStub(channel_);
  admin_ = ledger::v1::AdminService::NewStub(channel_);
  tiers_ = ledger::v1::TierService::NewStub(channel_);
  audit_ = ledger::v1::AuditService::NewStub(channel_);
}

void Ledger::Restart() {
  server_.reset();
  Connect();
}

std::string Ledger::shard_dir() const { return data_dir_ + "/shard-000"; }

void Ledger::PublishProgram(const std::string& source_yaml) {
  const auto stub = ledger::v1::ProgramService::NewStub(channel_);
  grpc::ClientContext context;
  ledger::v1::PublishProgramRequest request;
  request.set_source_yaml(source_yaml);
  request.set_request_id("bench");
  ledger::v1::PublishProgramResponse response;
  Expect(stub->PublishProgram(&context, request, &response), "PublishProgram");
}

double Ledger::Send(const Frames& frames, int streams) {
  const double start = Now();
  std::vector<std::thread> threads;
  for (int i = 0; i < streams; ++i) {
    threads.emplace_back(
        [&, i] { SendOverOneStream(*log_, frames, static_cast<size_t>(i), static_cast<size_t>(streams)); });
  }
  for (std::thread& thread : threads) thread.join();
  return Now() - start;
}

double Ledger::SendPurchases(uint64_t count, int streams) {
  const Frames frames = Purchases(next_purchase_, count, accounts_);
  next_purchase_ += count;
  return Send(frames, streams);
}

void Ledger::OpenAccounts(uint64_t count) {
  accounts_ = count;
  Send(bench::OpenAccounts(count), 1);
}

void Ledger::FillTo(uint64_t records) {
  for (uint64_t have = Status().record_count(); have < records; have = Status().record_count()) {
    // A purchase may bring about decisions: halfway each time, until it hardly matters.
    const uint64_t missing = records - have;
    SendPurchases(std::clamp<uint64_t>(missing / 2, 1, kFillBatch), 1);
  }
}

double Ledger::AwaitProjections() {
  const double start = Now();
  const uint64_t head = Status().record_count();
  for (;;) {
    grpc::ClientContext context;
    ledger::v1::ListProjectionsResponse response;
    Expect(admin_->ListProjections(&context, {}, &response), "ListProjections");
    const auto& all = response.projections();
    for (const auto& one : all) {
      if (one.state() == ledger::v1::PROJECTION_STATE_FAILED) Fail("a projection stopped: " + one.detail());
    }
    if (std::all_of(all.begin(), all.end(), [head](const auto& one) { return one.applied() >= head; })) break;
    const timespec pause{0, 2'000'000};
    nanosleep(&pause, nullptr);
  }
  return Now() - start;
}

ledger::v1::GetStatusResponse Ledger::FullStatus() {
  grpc::ClientContext context;
  ledger::v1::GetStatusResponse response;
  Expect(admin_->GetStatus(&context, {}, &response), "GetStatus");
  if (response.shards_size() != 1) Fail("the ledger does not have one shard");
  return response;
}

ledger::v1::ShardInfo Ledger::Status() { return FullStatus().shards(0); }

std::string Ledger::HeadCursor() { return FullStatus().head_cursor(); }

std::vector<std::string> Ledger::Records(const std::string& cursor) {
  grpc::ClientContext context;
  ledger::v1::ReadLogRequest request;
  request.mutable_start()->set_cursor(cursor);
  const auto reader = log_->ReadLog(&context, request);
  std::vector<std::string> records;
  ledger::v1::ReadLogResponse frame;
  while (reader->Read(&frame)) {
    for (std::string& record : *frame.mutable_records()) records.push_back(std::move(record));
  }
  Expect(reader->Finish(), "ReadLog");
  return records;
}

}  // namespace keyledger::bench

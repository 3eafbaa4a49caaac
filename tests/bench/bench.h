// The measurements, each printing its figures into the report.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "keyledger/ledger/v1/admin_service.grpc.pb.h"
#include "keyledger/ledger/v1/audit_service.grpc.pb.h"
#include "keyledger/ledger/v1/ledger_service.grpc.pb.h"
#include "keyledger/ledger/v1/tier_service.grpc.pb.h"
#include "tests/bench/ledger_process.h"
#include "tests/bench/report.h"
#include "tests/bench/workload.h"

namespace keyledger::bench {

// How much is done.
struct Scale {
  // Records in the ledger that is read, rebuilt and started.
  uint64_t records = 1'000'000;
  // Records in the small ledger whose start-up it is compared with.
  uint64_t few_records = 10'000;
  // Seconds that one repetition of an append measurement takes, about.
  double seconds = 5;
  int repetitions = 3;
  uint64_t accounts = 20'000;
  // Lone appends and syncs per repetition.
  int lone = 500;
  int starts = 5;
  // Accounts that a review ranks, and that retention is asked about.
  uint64_t reviewed = 1'000'000;
  // Accounts that meetings are made with.
  uint64_t met = 100'000;
  // Records of the log that proofs are made of, and proofs per repetition.
  uint64_t proved = 10'000'000;
  int proofs = 5'000;
};

// A ledger with a server on it.
class Ledger {
 public:
  // On the directory, created if missing; `program` is the path of keyledgerd.
  Ledger(std::string data_dir, std::string program);

  // Publishes the program of the workload.
  void PublishProgram(const std::string& source_yaml = kProgramYaml);
  // Sends the frames over `streams` streams. Every request must be applied. Returns the seconds from the first request
  // to the last answer.
  double Send(const Frames& frames, int streams);
  // As Send, of the next `count` purchases, which are made before the clock starts.
  double SendPurchases(uint64_t count, int streams);
  void OpenAccounts(uint64_t count);
  // Sends purchases until the log has `records` records.
  void FillTo(uint64_t records);
  // Blocks until no projection lags. Returns the seconds that took.
  double AwaitProjections();

  ledger::v1::GetStatusResponse FullStatus();
  // Of the only shard.
  ledger::v1::ShardInfo Status();
  // Place after the last record.
  std::string HeadCursor();
  // The bytes of the records after a cursor.
  std::vector<std::string> Records(const std::string& cursor);
  // The next purchase of the series.
  ledger::v1::AppendRequest NextPurchase() { return Purchase(next_purchase_++, accounts_); }

  // Stops the server and starts it again on what it has stored.
  void Restart();
  void Stop() { server_.reset(); }

  const std::string& data_dir() const { return data_dir_; }
  // Directory of the only shard.
  std::string shard_dir() const;
  ServerProcess& server() { return *server_; }
  ledger::v1::LedgerService::Stub& log() { return *log_; }
  ledger::v1::AdminService::Stub& admin() { return *admin_; }
  ledger::v1::TierService::Stub& tiers() { return *tiers_; }
  ledger::v1::AuditService::Stub& audit() { return *audit_; }

 private:
  void Connect();

  const std::string data_dir_;
  const std::string program_;
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<ledger::v1::LedgerService::Stub> log_;
  std::unique_ptr<ledger::v1::AdminService::Stub> admin_;
  std::unique_ptr<ledger::v1::TierService::Stub> tiers_;
  std::unique_ptr<ledger::v1::AuditService::Stub> audit_;
  std::shared_ptr<grpc::Channel> channel_;
  uint64_t accounts_ = 1;
  uint64_t next_purchase_ = 0;
};

// Durable records per second through AppendStream, against RocksDB alone. `label` tells ledgers apart.
void BenchAppendStream(Ledger& ledger, const std::string& label, const std::string& scratch_dir, const Scale& scale,
                       Report& report);
// Appends per second, 64 calls in flight, against the echo server.
void BenchUnary(Ledger& ledger, const std::string& label, const std::string& scratch_dir, const Scale& scale,
                Report& report);
// The slowest hundredth of appends made one at a time, against that of syncs.
void BenchLone(Ledger& ledger, const std::string& scratch_dir, const Scale& scale, Report& report);
// Records per second out of ReadLog, against an iterator.
void BenchReadLog(Ledger& ledger, const Scale& scale, Report& report);
// Records per second through a rebuild, against an iterator that parses.
void BenchRebuild(Ledger& ledger, const Scale& scale, Report& report);
// Start-up time and memory.
void BenchStart(Ledger& ledger, Ledger& small, const Scale& scale, Report& report);
// A review that ranks many accounts: accounts per second, and the memory it takes. On a ledger without a program.
void BenchReview(Ledger& ledger, const Scale& scale, Report& report);
// An audit replay of everything, as fast as it goes.
void BenchReplay(Ledger& ledger, Report& report);
// What hashing costs per record beside an append through the stream, and how long a proof takes. On a ledger without a
// program.
void BenchProofs(Ledger& ledger, const std::string& scratch_dir, const Scale& scale, Report& report);
// Folding retention alone, and what is asked of it about many accounts.
void BenchRetention(const std::string& scratch_dir, const Scale& scale, Report& report);
// What is due for one owner among many accounts that were met for three years.
void BenchEngagement(const std::string& scratch_dir, const Scale& scale, Report& report);
// Microseconds of the sequencer that deciding one purchase takes, by program.
void BenchDecide(const Scale& scale, Report& report);
// Bytes on the disk. Stops the ledger's server for good.
void BenchDisk(Ledger& ledger, Report& report);

}  // namespace keyledger::bench

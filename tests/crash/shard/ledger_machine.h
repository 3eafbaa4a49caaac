// LedgerMachine: a whole ledger in this process, on a machine whose power can be cut and whose disk can fail, with the
// writers that append to it and everything that must hold of it afterwards.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/base/clock.h"
#include "server/base/error.h"
#include "server/shard/ledger.h"
#include "tests/crash/history/log_copy.h"
#include "tests/crash/history/writer.h"
#include "tests/support/fault_env.h"
#include "tests/support/temp_dir.h"

namespace keyledger::testing {

// Writer and place of a request.
using Sent = std::pair<size_t, size_t>;
// How many requests were refused for each reason; kUnspecified: none, they were applied.
using Outcomes = std::map<Reason, int>;

// Every check returns "" or the first thing that is wrong.
// Threads: confined to one thread.
class LedgerMachine {
 public:
  LedgerMachine(uint32_t shards, uint64_t seed, uint64_t disk_reserve_bytes = 0);
  ~LedgerMachine();

  FaultEnv& machine() { return machine_; }
  const std::string& data_dir() const { return options_.data_dir; }
  absl::Status Open();
  void Close();
  // Requires: open.
  shard::Ledger& ledger() { return *ledger_; }

  absl::Status PublishExample();
  // Makes `count` new requests of any writer.
  std::vector<Sent> Make(size_t count);
  // Every request that has no answer, in the order each writer made them.
  std::vector<Sent> Unanswered() const;
  // Hands the requests over at once and waits for every outcome. Applied and INSUFFICIENT_POINTS are answers; any other
  // refusal leaves the request unanswered. `last` (may be null) gets the last refusal of that kind.
  Outcomes Send(const std::vector<Sent>& requests, absl::Status* last = nullptr);
  // What an answer contradicted, if one did.
  const std::string& wrong_answer() const { return wrong_answer_; }

  // The log is as the writers know it; the store verifies, its tiles included; the tree's root is that of the records;
  // every account's state is the fold of its whole stream.
  std::string Check();
  // The projections hold, row for row, what they hold in a ledger that was given the same records and never crashed.
  std::string CheckProjections();
  uint64_t record_count() const { return log_.record_count(); }
  uint64_t answered() const { return answered_; }

 private:
  class LateClock final : public Clock {
   public:
    // 2026-06-01, after everything the writers tell of.
    Micros Now() const override { return Micros{1'780'272'000} * kMicrosPerSecond; }
  };

  std::string CheckStore(uint32_t number);
  std::string CheckStates(uint32_t number);

  TempDir directory_{TempDir::Place::kMemory};
  FaultEnv machine_;
  LateClock clock_;
  shard::LedgerOptions options_;
  std::vector<Writer> writers_;
  std::mt19937_64 random_;
  LogCopy log_;
  std::string wrong_answer_;
  uint64_t answered_ = 0;
  std::unique_ptr<shard::Ledger> ledger_;
};

// The text of the example program.
std::string ExampleProgram();

// KEYLEDGER_SEED, or a random one.
uint64_t CrashSeed();

}  // namespace keyledger::testing

// FaultEnv: a machine whose power can be cut and whose disk can fail, for RocksDB and whatever else writes through a
// rocksdb::Env.
//
// SIGKILL leaves the page cache alone, so it says nothing about missing syncs. Here files are written to the real file
// system, and what was not synced is remembered: bytes of files, and names in directories. Restore() then takes it away
// again, whole or torn, the way a power loss may.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include <rocksdb/env.h>

namespace keyledger::testing {

class FaultFileSystem;

// Threads: thread-safe. Lifetime: must outlive everything opened with env().
class FaultEnv {
 public:
  FaultEnv();
  ~FaultEnv();
  rocksdb::Env* env() { return env_.get(); }

  // Operations that change something (write, sync, create, rename, delete, sync of a directory) since construction.
  uint64_t operations() const;

  // Cuts the power at the n-th operation from now (1: the next one), which may still have reached the disk in part.
  // From then on nothing changes any more and every such operation fails.
  void CutPowerAfter(uint64_t n);
  void CutPower();
  bool power_is_off() const;
  // Turns the power on again, after taking away what was not synced: of every file either all unsynced bytes or the end
  // of them, with some of the sectors that are kept turned to garbage; of every directory the latest changes.
  // Requires:
  // nothing opened with env() is open any more.
  void Restore(std::mt19937_64& random);

  enum class Operation { kWrite, kSync };
  enum class Failure { kInputOutput, kNoSpace };
  // Makes the n-th operation of the kind (1: the next) on files whose name ends with `suffix` fail, and all later ones
  // too if `stays`. A failed write leaves half of its bytes; a failed sync leaves bytes unsynced.
  void FailAfter(Operation operation, uint64_t n, Failure failure, const std::string& suffix, bool stays);
  void StopFailing();
  // True if an operation was made to fail since FailAfter.
  bool has_failed() const;

  // What the file system says it has free; nothing: the truth.
  void SetFreeBytes(std::optional<uint64_t> bytes);

 private:
  const std::shared_ptr<FaultFileSystem> file_system_;
  const std::unique_ptr<rocksdb::Env> env_;
};

}  // namespace keyledger::testing

// Ledger: the shards of one data directory, with routing, programs, cursors, projections and the sweeper. What the
// services talk to.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "projections/engine/engine.h"
#include "server/base/clock.h"
#include "server/base/cursor.h"
#include "server/base/mutex.h"
#include "server/domain/program_set.h"
#include "server/shard/append_command.h"
#include "server/shard/checkpoint_keeper.h"
#include "server/shard/courier.h"
#include "server/shard/portfolio.h"
#include "server/shard/privacy.h"
#include "server/shard/reviewer.h"
#include "server/shard/shard.h"
#include "server/store/shard_store.h"
#include "server/vault/vault.h"

namespace keyledger::shard {

// Which accounts a person ever had a role for, told by a projection's rows.
struct OwnerIndex {
  std::string projection;
  // As OwnedAccounts, of the rows of one shard.
  std::function<absl::StatusOr<std::vector<std::string>>(const store::TableReader& rows, const std::string& person,
                                                         const std::string& after, size_t limit)>
      list;
};

struct LedgerOptions {
  // Created if missing. Holds the file LEDGER (what the ledger is) and a directory per shard.
  std::string data_dir;
  // Number of shards of a new ledger; of an existing one it must be the same. Absent: 1, or what the ledger has.
  std::optional<uint32_t> shard_count;
  // Shared by all shards: each gets its part.
  uint64_t store_cache_bytes = 64ull << 20;
  uint64_t disk_reserve_bytes = 256ull << 20;
  // Number and count of the shard are filled in; cache_bytes_max and queue_bytes_max are for all shards together.
  ShardOptions shard;
  projections::EngineOptions engine;
  std::vector<std::shared_ptr<const projections::Projection>> projections;
  // Absent: portfolios cannot be transferred, as in tests of something else.
  std::optional<OwnerIndex> owner_index;
  // How often decisions that time brings are looked for. Zero: never.
  std::chrono::milliseconds sweep_interval{60'000};
  // An account that was written to within this time is left for later, so that an import of the past is not overtaken.
  Micros sweep_quiet = 600 * kMicrosPerSecond;
  // Told what a sweep could not do, at most five failures per shard and sweep; each is tried again. Called on the
  // sweeping thread, with no lock held. May be empty.
  std::function<void(uint32_t shard, const absl::Status& failure)> on_sweep_failure;
  // Signed checkpoints and the key that signs them. Absent: none are kept, as in tests of something else.
  std::optional<CheckpointOptions> checkpoints;
  // Keys of data subjects, which erasures destroy; must outlive the ledger. Requires checkpoints: an erasure is
  // certified with their key. Null: there is no master key.
  vault::Vault* vault = nullptr;
  // Takes `vault` though it is not the one the ledger was written with, which is lost for good.
  bool accept_other_vault = false;
  // As in store::StoreOptions.
  rocksdb::Env* env = nullptr;
};

// Rows of one projection over all shards.
using TableReaders = std::vector<std::shared_ptr<const store::TableReader>>;

// Threads: thread-safe. Lifetime: the clock must outlive it.
class Ledger {
 public:
  // Opens or creates the ledger and starts its threads.
  // Errors: those of ShardStore::Open, Shard::Open and CheckpointKeeper::Open; FAILED_PRECONDITION if shard_count
  // differs, or the vault is not the ledger's; UNAVAILABLE if the directory cannot be used.
  static absl::StatusOr<std::unique_ptr<Ledger>> Open(const LedgerOptions& options, const Clock& clock);
  // Stops.
  ~Ledger();

  // Stops the projections: queries that wait for one are answered kStopping. Idempotent.
  void StopProjections();
  // Finishes what is queued, refuses what comes, stops projections and the sweeper. Readers stay usable until
  // destruction. Idempotent.
  void Stop();

  const std::string& ledger_id() const { return ledger_id_; }
  // The vault that holds the keys of its data subjects, also if it is opened without; empty if it never had one.
  const std::string& vault_id() const { return vault_id_; }
  uint32_t shard_count() const { return static_cast<uint32_t>(parts_.size()); }
  Shard& shard(uint32_t number) { return *parts_[number].shard; }
  projections::Engine& engine(uint32_t number) { return *parts_[number].engine; }
  // Requires: open.
  Reviewer& reviewer() { return *reviewer_; }
  // Requires: open.
  Courier& courier() { return *courier_; }
  // Requires: open, with an owner index.
  Portfolio& portfolio() { return *portfolio_; }
  // Requires: open.
  Privacy& privacy() { return *privacy_; }
  bool has_checkpoints() const { return checkpoints_ != nullptr; }
  // Requires: open, with checkpoints.
  CheckpointKeeper& checkpoints() { return *checkpoints_; }
  Shard& ShardOfAccount(std::string_view account_id);

  // Routes a request to its shard.
  void Append(AppendCommand command, AppendDone done);

  // Publishes a program to every shard, the first one deciding its version.
  // Errors: INVALID_ARGUMENT (kInvalidProgram, a field per mistake), FAILED_PRECONDITION (kProgramConflict),
  // ALREADY_EXISTS (kRequestIdReused), as Append. Blocks: until durable on every shard.
  absl::StatusOr<PublishedProgram> Publish(const std::string& source_yaml, const std::string& request_id,
                                           const std::string& actor);
  // All versions, by program_id, then version.
  std::vector<PublishedProgram> published() const;

  // Place after the last durable record of every shard.
  Cursor HeadCursor() const;
  // Cursors as tokens, bound to this ledger. Errors: INVALID_ARGUMENT (kInvalidToken).
  std::string Format(const Cursor& cursor) const { return FormatCursor(cursor, ledger_id_); }
  absl::StatusOr<Cursor> Parse(std::string_view token) const { return ParseCursor(token, shard_count(), ledger_id_); }
  // Rows of a projection, at least up to `min_cursor` if that is not empty.
  // Errors: INVALID_ARGUMENT (kInvalidToken), DEADLINE_EXCEEDED (kProjectionBehind), NOT_FOUND (kProjectionNotFound).
  // Blocks: until the projection is there.
  absl::StatusOr<TableReaders> Readers(std::string_view projection, std::string_view min_cursor,
                                       std::chrono::steady_clock::time_point deadline) const;
  // The same for the one shard that holds the account.
  absl::StatusOr<std::shared_ptr<const store::TableReader>> ReaderOf(
      std::string_view projection, std::string_view account_id, std::string_view min_cursor,
      std::chrono::steady_clock::time_point deadline) const;

  // Looks for due decisions now instead of at the next interval, and waits until they are recorded. For tests and the
  // bench.
  absl::Status SweepNow();

 private:
  struct Part {
    std::unique_ptr<store::ShardStore> store;
    std::unique_ptr<Shard> shard;
    std::unique_ptr<projections::Engine> engine;
    // How far the timers have been set anew (guarded by sweep_mutex_), and for which publication.
    std::string rearm_after;
    uint64_t rearm_started = 0;
  };

  Ledger(const LedgerOptions& options, const Clock& clock, std::string ledger_id);
  absl::Status OpenParts(uint32_t shard_count);
  // Sees that the vault is the ledger's. A ledger that has none yet takes an empty one. See server/vault/FORMAT.md.
  absl::Status BindVault();
  absl::Status OpenCheckpoints();
  absl::Status OpenPortfolio(const std::vector<Shard*>& shards);
  absl::Status OpenPrivacy(const std::vector<Shard*>& shards, std::vector<projections::Engine*> engines);
  // Brings shards up to the programs of the first one, after a crash or a failure in the middle of Publish.
  absl::Status CompletePublications();
  // What the request published before; nothing if it is new. Errors: ALREADY_EXISTS (kRequestIdReused) if it published
  // another text.
  absl::StatusOr<std::optional<PublishedProgram>> PublishedBy(const std::string& request_id,
                                                              const std::string& source_yaml) const;
  absl::StatusOr<AppendAnswer> PublishTo(Part& part, const PublishedProgram& program, const std::string& request_id,
                                         const std::string& actor);
  absl::Status WaitFor(uint32_t number, std::string_view projection, uint64_t applied,
                       std::chrono::steady_clock::time_point deadline) const;
  void SweepLoop();
  // `undecided` says which accounts can be neither read nor decided, if any.
  absl::Status Sweep(Part& part, absl::Status& undecided);
  absl::Status RearmAll(Part& part);

  const LedgerOptions options_;
  const Clock& clock_;
  const std::string ledger_id_;
  // Set by BindVault.
  std::string vault_id_;
  std::vector<Part> parts_;

  // Publications one after the other.
  Mutex publish_mutex_;
  // Sweeps one after the other.
  Mutex sweep_mutex_;
  // A scan that sets the timers anew counts only if no publication began or ended while it ran.
  Mutex rearm_mutex_;
  uint64_t publications_started_ ABSL_GUARDED_BY(rearm_mutex_) = 0;
  uint64_t publications_finished_ ABSL_GUARDED_BY(rearm_mutex_) = 0;

  std::unique_ptr<Reviewer> reviewer_;
  std::unique_ptr<Courier> courier_;
  std::unique_ptr<Portfolio> portfolio_;
  std::unique_ptr<Privacy> privacy_;
  std::unique_ptr<CheckpointKeeper> checkpoints_;

  Mutex mutex_;
  CondVar stop_changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread sweeper_;
};

}  // namespace keyledger::shard

// Shard: one independent log with its sequencer, committer and database. The unit of order and of writing.
//
// An append runs through three threads, each the only one at its step, groups handed from one to the next:
//   sequencer  repeated request? expected revision, decide, evolve, encode: builds the next group while the committer
//   writes the one before committer  leaf hashes and tiles, one synced write, publishes the head completer  answers the
//   callers
// Nothing is locked around an account's state: only the sequencer has it. Reads go to the store and fold for themselves
// (ReadState).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "server/base/clock.h"
#include "server/base/head_watch.h"
#include "server/domain/account_state.h"
#include "server/domain/program_set.h"
#include "server/domain/review.h"
#include "server/domain/transfers.h"
#include "server/merkle/proof.h"
#include "server/merkle/tree.h"
#include "server/shard/append_command.h"
#include "server/store/shard_store.h"

namespace keyledger::shard {

struct ShardOptions {
  uint32_t shard = 0;
  uint32_t shard_count = 1;
  // Requests waiting, at most.
  size_t queue_requests_max = 65'536;
  // Their bytes together, at most.
  size_t queue_bytes_max = 64u << 20;
  // Records in one group, about (a request is never split).
  size_t group_records_max = 8'192;
  // Bytes of records in one group, about.
  size_t group_bytes_max = 8u << 20;
  // Bytes of account states kept by the sequencer.
  size_t cache_bytes_max = 256u << 20;
  // A snapshot is written when a stream has grown by this many records since the last one (more for large states).
  // A KiB of large records counts as one.
  uint64_t snapshot_every_records = 128;
  // How far ahead of the clock an occurred_time may be.
  Micros skew_max = 300 * kMicrosPerSecond;
  // Told of every transfer that was sent and every merge, once it is durable, on a thread of the shard. Must not block.
  // May be empty.
  std::function<void(const std::string& account_id, const std::string& transfer_id)> on_transfer_sent;
  // The store of another shard of the ledger, where a return may find what was bought on an account that was merged
  // into one of this shard. Asked on a thread of the shard while it decides an append; the store must outlive that.
  // May be empty: only this shard is asked.
  std::function<const store::ShardStore&(uint32_t shard)> store_of;
};

// Gets whether what the sweep of an account came to was written and, if the account can be neither read nor decided,
// why: it is put off for an hour then.
using SweepDone = std::function<void(const absl::Status& written, const absl::Status& decided)>;

// Counters since start, and gauges.
struct ShardStats {
  uint64_t queued_requests = 0;
  uint64_t committed_groups = 0;
  uint64_t committed_records = 0;
  uint64_t refused_requests = 0;
  uint64_t replayed_requests = 0;
  uint64_t cached_accounts = 0;
};

// A program as published.
struct PublishedProgram {
  std::shared_ptr<const domain::CompiledProgram> program;
  std::string source_yaml;
  Micros publish_time = 0;
  // Who published it; may be empty.
  std::string actor;
};

// Called once, when what the verdict led to is durable, or the reason why it could not be decided is known.
using VerdictDone = std::function<void(absl::StatusOr<domain::ReviewEffect>)>;

class Committer;
class Sequencer;

// Threads: thread-safe. Lifetime: store, commit log and clock must outlive it.
// Durability: an answer is given only after the records it speaks of are fsynced.
class Shard {
 public:
  // Loads the Merkle tree's edge, the programs and the end of the log; takes time independent of the log's length.
  // `log` is the store itself, or a stand-in for it. Errors: DATA_LOSS (kStoreDamaged).
  static absl::StatusOr<std::unique_ptr<Shard>> Open(store::ShardStore& store, store::CommitLog& log,
                                                     const Clock& clock, const ShardOptions& options);
  // Stops.
  ~Shard();

  // Finishes what is queued, then refuses. Joins the threads. Idempotent.
  // Blocks: until the queue is drained.
  void Stop();

  // Queues a request. `done` gets the answer or the refusal; see AppendRequest for the errors.
  void Append(AppendCommand command, AppendDone done);

  // Takes the decisions about an account that have fallen due up to `until` and puts the account's next timer in place
  // of `timer`. An account whose last record is younger than `quiet` is left for later.
  void Sweep(const store::TimerEntry& timer, Micros until, Micros quiet, SweepDone done);

  // Sets the account's timer anew, after the programs changed.
  void Rearm(const std::string& account_id, std::function<void(absl::Status)> done);

  // Appends ProgramPublished to the stream of programs. Requires: program.version is the next one.
  void Publish(std::shared_ptr<const domain::CompiledProgram> program, const std::string& source_yaml,
               const std::string& request_id, const std::string& actor, AppendDone done);

  // Appends a record of the ledger's own to one of its streams. A repeated request_id gets the first answer.
  void RecordOwn(std::string_view stream, events::v1::Event event, const std::string& request_id,
                 const std::string& actor, const std::string& digest, AppendDone done, OwnIndex index = {});

  // Decides a review's verdict against the account as it is when its turn comes, and records what follows. Once per
  // account and request_id: repeated, it says what the first one did.
  void Apply(const std::string& account_id, const std::string& request_id,
             std::shared_ptr<const domain::ReviewVerdict> verdict, VerdictDone done);

  // Gives an account of this shard the points of a transfer. Once per account and request_id: repeated, it says what
  // the first one did. Errors: those of domain::DecideTransferReceipt, or the shard could not be asked.
  void Receive(std::shared_ptr<const domain::TransferReceipt> receipt, const std::string& request_id, AppendDone done);
  // Ends a transfer that an account of this shard sent. One that is not open is left alone.
  void EndTransfer(const std::string& account_id, domain::TransferResult result,
                   std::function<void(absl::Status)> done);

  // The programs whose publication is durable.
  std::shared_ptr<const domain::ProgramSet> programs() const;
  // The same with their texts, in the order of their publication.
  std::vector<PublishedProgram> published() const;

  // The account at the head, folded from its snapshot and the records after it. Nothing for an account without records.
  // Errors: DATA_LOSS (kStoreDamaged).
  absl::StatusOr<std::optional<domain::AccountState>> ReadState(std::string_view account_id) const;

  uint32_t number() const { return options_.shard; }
  const store::ShardStore& store() const { return store_; }
  // As ShardStore::PutMeta.
  absl::Status PutMeta(std::string_view key, std::string_view value) { return store_.PutMeta(key, value); }
  HeadWatch& head() { return head_; }
  // OK, or why writes are refused.
  absl::Status write_status() const;
  ShardStats stats() const;
  // Size and root of the Merkle tree over the durable records.
  std::pair<uint64_t, merkle::Hash> Root() const;
  // The nodes of that tree, for proofs. Must not outlive the shard.
  merkle::TileNodes Nodes() const;

 private:
  Shard(store::ShardStore& store, const ShardOptions& options);

  store::ShardStore& store_;
  const ShardOptions options_;
  HeadWatch head_;
  // The sequencer feeds the committer: it is stopped and destroyed first.
  std::unique_ptr<Committer> committer_;
  std::unique_ptr<Sequencer> sequencer_;
};

}  // namespace keyledger::shard

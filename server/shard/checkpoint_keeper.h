// CheckpointKeeper: signs what the logs of a ledger hold, keeps that outside the database, and finds at the start
// whether a log lost or changed what was published.
//
// A checkpoint covers durable records only. It is in the history and in the file of the newest one, both synced, before
// anybody gets it, so every checkpoint ever given out can be held against the log. Files, their formats and what a
// crash leaves behind: CHECKPOINTS.md.
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

#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/merkle/checkpoint.h"
#include "server/merkle/note.h"
#include "server/shard/checkpoint_history.h"
#include "server/shard/key_directory.h"
#include "server/shard/shard.h"

namespace keyledger::shard {

struct CheckpointOptions {
  // Files of the checkpoints; created if missing. Better on another disk than the database: what is lost together
  // cannot be missed.
  std::string directory;
  // The private signing key; created, readable by the owner only, if missing.
  std::string key_directory;
  // How often a checkpoint is published if the log grew. Zero: only when asked for and at a clean stop.
  std::chrono::milliseconds interval{60'000};
  // Start although checkpoints of a ledger that had some are gone.
  bool accept_missing = false;
  // Told what could not be published on the interval or at the stop. Called with no lock held. May be empty.
  std::function<void(uint32_t shard, const absl::Status& failure)> on_failure;
  // Called before each step that changes a file or the log, by its name in CHECKPOINTS.md; an error ends the operation
  // there, as a crash would. For tests.
  std::function<absl::Status(std::string_view step)> before_step;
};

// A public key of one shard's log, as recorded there.
struct PublishedKey {
  merkle::VerifierKey key;
  // Of the record that published it.
  Micros publish_time = 0;
  uint64_t position = 0;
  // Whether it signs now.
  bool current = false;
};

// Threads: thread-safe. Lifetime: shards and clock must outlive it.
class CheckpointKeeper {
 public:
  // Opens the files and holds the newest checkpoint of each shard against its log: the log must begin with what the
  // checkpoint covers. Takes time independent of the length of log and history. Errors: DATA_LOSS (kStoreDamaged):
  // records are missing or changed, and the message says which, as closely as the older checkpoints tell; a file is
  // damaged; checkpoints are gone. FAILED_PRECONDITION: the signing key is missing, is not the one that the log names,
  // or can be read by others. UNAVAILABLE.
  static absl::StatusOr<std::unique_ptr<CheckpointKeeper>> Open(const CheckpointOptions& options,
                                                                std::string_view ledger_id, std::vector<Shard*> shards,
                                                                const Clock& clock);
  // Stops.
  ~CheckpointKeeper();

  // Records the key on every shard that has not heard of it, completes a rotation that was begun, publishes a first
  // checkpoint and starts the interval's thread. Requires: the shards take records. Errors: those of Shard::RecordOwn
  // and Publish.
  absl::Status Start();
  // Ends the thread and publishes a last checkpoint of each shard. Idempotent.
  // Requires: the shards take no more records.
  void Stop();

  // Name of the shard's log and of the keys that sign its checkpoints.
  const std::string& origin(uint32_t shard) const { return slots_[shard]->origin; }
  // The newest checkpoint; nothing while the shard never had one.
  std::optional<PublishedCheckpoint> Latest(uint32_t shard) const;
  // Publishes a checkpoint over everything durable now, unless the newest covers it; returns the newest. Nothing for an
  // empty log. Errors: UNAVAILABLE if a file cannot be written, those of RecordOwn if the key is not on the record yet.
  // Blocks: until it is on disk.
  absl::StatusOr<std::optional<PublishedCheckpoint>> Publish(uint32_t shard);
  // All of them, by size.
  const CheckpointHistory& history(uint32_t shard) const { return *slots_[shard]->history; }

  // A note of any text (a standing, a certificate), signed by the shard's current key. Errors: those of
  // merkle::SignNote.
  absl::StatusOr<std::string> SignText(uint32_t shard, std::string_view text) const;

  // The keys recorded on the shard, oldest first.
  std::vector<PublishedKey> keys(uint32_t shard) const;
  std::vector<merkle::VerifierKey> verifier_keys(uint32_t shard) const;

  // Puts a new key in use: recorded on every shard, then covered by a checkpoint that the old and the new key sign,
  // then alone in the key file. Returns the new key of each shard. Interrupted, it is completed at the next start or by
  // the next call. Repeated with the same request_id: the first result. Errors: ALREADY_EXISTS (kRequestIdReused) if
  // the request_id was used with another reason; those of RecordOwn and Publish. Blocks.
  absl::StatusOr<std::vector<PublishedKey>> RotateKey(const std::string& request_id, const std::string& reason,
                                                      const std::string& actor);

 private:
  struct Slot {
    Shard* shard = nullptr;
    std::string origin;
    std::string file;
    std::unique_ptr<CheckpointHistory> history;
    // Publications one after the other; held while files are written.
    Mutex publishing;
    mutable Mutex mutex;
    std::optional<PublishedCheckpoint> newest ABSL_GUARDED_BY(mutex);
    std::vector<PublishedKey> keys ABSL_GUARDED_BY(mutex);
  };

  CheckpointKeeper(const CheckpointOptions& options, const Clock& clock)
      : options_(options), clock_(clock), key_directory_(options.key_directory) {}

  // checkpoint_check.cc
  absl::Status LoadNewest(Slot& slot);
  absl::Status CheckLog(Slot& slot, const std::vector<merkle::SigningKey>& keys);
  absl::StatusOr<bool> Holds(Slot& slot, const merkle::Checkpoint& checkpoint) const;
  absl::Status Differs(Slot& slot, const PublishedCheckpoint& newest) const;

  // key_rotation.cc
  absl::Status LoadKeys();
  absl::Status CheckKey(const merkle::SigningKey& key, const std::optional<merkle::SigningKey>& next) const;
  // Signs with the key that is in place from here on.
  absl::Status ReloadKey();
  absl::Status ReadKeys(Slot& slot);
  absl::Status RecordKey(Slot& slot, const merkle::SigningKey& key, const std::string& request_id,
                         const std::string& reason, const std::string& actor);
  absl::Status EnsureRecorded(Slot& slot);
  absl::Status CompleteRotation() ABSL_EXCLUSIVE_LOCKS_REQUIRED(rotating_);
  absl::StatusOr<std::optional<std::vector<PublishedKey>>> RotatedBefore(const std::string& request_id,
                                                                         const std::string& digest) const;

  absl::Status CatchUp();
  absl::Status Step(std::string_view name) const {
    return options_.before_step ? options_.before_step(name) : absl::OkStatus();
  }
  std::shared_ptr<const merkle::SigningKey> key() const;
  // Publishes with these keys, also if the newest checkpoint covers everything but lacks the signature of one of them.
  absl::Status PublishWith(Slot& slot, const std::vector<const merkle::SigningKey*>& keys);
  void IntervalLoop();

  const CheckpointOptions options_;
  const Clock& clock_;
  std::vector<std::unique_ptr<Slot>> slots_;
  // Rotations one after the other; guards the key directory.
  Mutex rotating_;
  KeyDirectory key_directory_;

  mutable Mutex mutex_;
  std::shared_ptr<const merkle::SigningKey> key_ ABSL_GUARDED_BY(mutex_);
  CondVar stop_changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace keyledger::shard

// Vault: a key for each data subject, kept apart from the log, wrapped by a master key.
//
// What is sealed under a subject's key (seal.h) stands in records for ever; destroying the key is what forgets a
// person.
//
// What Erase promises: once it has returned, no file of the vault's directory holds the key any more, wrapped or not,
// and neither does this process, apart from requests that are just using it. What it cannot promise: copies made before
// it. A backup of the vault's file, a snapshot of its volume, and the spare blocks of flash storage or of a file system
// that copies on write can still hold the wrapped key; whoever has one of them AND the master key can unseal what the
// log holds. So keep few backups of the vault, destroy those that are older than the erasures they must not outlive,
// and change the master key and destroy the old one: that ends all of them at once. The vault must be backed up, and
// apart from the log: without it all personal data is lost, and beside the log in one archive it would outlive every
// erasure there.
//
// The format is in FORMAT.md.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "server/base/mutex.h"
#include "server/vault/cipher.h"
#include "server/vault/master_key.h"
#include "server/vault/slot.h"
#include "server/vault/vault_files.h"

namespace keyledger::vault {

// What the vault knows of a subject.
enum class SubjectState {
  // Nothing: no key was ever made.
  kUnknown,
  kLive,
  // The key is destroyed, durably.
  kErased,
  // Its place in the file cannot be read. Only erasing it is possible.
  kDamaged,
};

struct VaultOptions {
  // Where keys and nonces come from.
  RandomSource random = FillRandom;
  // For tests that end the process at a step.
  StepHook on_step = [](std::string_view) {};
  // For tests that fail a step: an error given for "write" or "sync" is taken for that of the file.
  std::function<absl::Status(std::string_view)> fail_step = [](std::string_view) { return absl::OkStatus(); };
  // Keys kept unwrapped in memory, at most. When there are more, all are wiped and the next ones are unwrapped anew.
  size_t cached_keys_max = 65'536;
  // New keys are refused while the file system has fewer bytes free than this, as appends are. 0: never.
  uint64_t disk_reserve_bytes = 0;
};

class Vault;

// The keys of a request's subjects, for as long as it is not decided whether anything is recorded under them. Those
// that were made for it and that nobody else uses or has confirmed go when it does, so that a refused request leaves
// none behind. A crash may leave them: keys that nothing is sealed under.
// Threads: confined to one thread at a time. Lifetime: the vault must outlive it.
class KeyUse {
 public:
  KeyUse() = default;
  KeyUse(KeyUse&& other) noexcept { *this = std::move(other); }
  KeyUse& operator=(KeyUse&& other) noexcept;
  // Gives up keys that were not confirmed.
  ~KeyUse();

  // In the order asked for.
  const std::vector<SecretKey>& keys() const { return keys_; }
  // Something is recorded under the keys, or may be: they stay.
  void Confirm();

 private:
  friend class Vault;
  using Mark = std::array<char, 16>;

  // Null: nothing to give up.
  Vault* vault_ = nullptr;
  std::vector<SecretKey> keys_;
  // Of subjects whose keys are new.
  std::vector<Mark> fresh_;
};

// Threads: thread-safe. Lifetime: holds the directory's lock until destroyed.
// Durability: a key is on disk before it is given out for the first time; an erasure before it returns. When the disk
// has no room, new keys are refused until it has. After any other failed write or sync, whose outcome nobody knows, no
// key is made any more until the vault is opened again. Erasures are tried all the same, each time they are asked for:
// what one writes it also syncs.
class Vault {
 public:
  // Whether there is a vault in the directory.
  static bool ExistsIn(const std::string& directory);

  // Opens the vault in `directory`, or makes one there. If it is still wrapped by `previous`,
  // all keys are wrapped anew by `master` first; from then on `previous` is not needed. A crash during that leaves the
  // old vault or the new one. Errors: FAILED_PRECONDITION if another process has it open or it is wrapped by neither
  // key, DATA_LOSS (kStoreDamaged) if its header cannot be read, UNAVAILABLE if its files cannot be read or written.
  // Blocks: reads the whole file, 128 bytes a subject.
  static absl::StatusOr<std::unique_ptr<Vault>> Open(const std::string& directory, const MasterKey& master,
                                                     const std::optional<MasterKey>& previous,
                                                     VaultOptions options = {});
  ~Vault();

  // Returns the keys of the subjects, in their order. Those that have none get one; all new ones of a call, and of
  // calls at the same time, share one sync. Errors: FAILED_PRECONDITION (kSubjectErased), DATA_LOSS (kStoreDamaged),
  // UNAVAILABLE (kDiskNearlyFull: later calls may succeed; kShardReadOnly after a failed write); with the metadata
  // entry "subject_id". Blocks: for the sync if a key is new; see NeedsNoSync.
  absl::StatusOr<KeyUse> UseKeys(std::span<const std::string_view> subject_ids);
  // The same, confirmed.
  absl::StatusOr<std::vector<SecretKey>> KeysFor(std::span<const std::string_view> subject_ids);

  // The key of one subject, which must have one.
  // Errors: NOT_FOUND (kSubjectNotFound) if it never had one; otherwise those of KeysFor.
  absl::StatusOr<SecretKey> KeyOf(std::string_view subject_id) const;

  // Whether KeysFor would need no sync: every subject has a key or is refused. May be out of date when it returns.
  bool NeedsNoSync(std::span<const std::string_view> subject_ids) const;

  // Destroys the key of a subject. One that never had a key is marked all the same and never gets one. Erasing again
  // changes nothing.
  // Ensures: when it returns OK the key is overwritten on disk and wiped from memory, and stays so after any crash.
  // Errors: UNAVAILABLE (kShardReadOnly): it is not known to be on disk; the key is not given out any more, and erasing
  // again tries again. Works below the disk reserve, and after a failed write.
  // Blocks: for a sync.
  absl::Status Erase(std::string_view subject_id);
  // The same for several, with one sync. Returns how many of them were not erased before. Errors: as Erase; then any of
  // them may be erased.
  absl::StatusOr<size_t> EraseAll(std::span<const std::string_view> subject_ids);

  SubjectState State(std::string_view subject_id) const;

  // Number of subjects by state, and of slots that cannot be read.
  struct Counts {
    uint64_t live = 0;
    uint64_t erased = 0;
    uint64_t damaged_slots = 0;
    bool operator==(const Counts&) const = default;
  };
  Counts counts() const;
  // Names the vault, for ever: 32 hex digits, random.
  const std::string& id() const { return id_; }
  const std::string& directory() const { return files_.directory; }
  // Names the master key in use.
  std::string master_id() const { return master_.id(); }

 private:
  friend class KeyUse;
  // First 16 bytes of the hash of a subject id.
  using Mark = KeyUse::Mark;
  struct HashMark {
    // A part of a hash is as good as a hash of it.
    size_t operator()(const Mark& mark) const {
      size_t value = 0;
      std::memcpy(&value, mark.data(), sizeof(value));
      return value;
    }
  };
  // kCreating and kErasing: being written, not known to be durable. kNotErased: an erasure failed; nobody gets the key.
  enum class EntryState : uint8_t { kCreating, kLive, kErasing, kNotErased, kErased, kDamaged };
  struct Entry {
    uint32_t slot = 0;
    EntryState state = EntryState::kCreating;
  };
  // Writes of one caller, waiting for their turn.
  struct Batch {
    // New keys; otherwise erasures.
    bool creates = false;
    std::vector<std::pair<uint32_t, std::string>> writes;
    bool done = false;
    absl::Status status;
  };

  Vault(Files files, const MasterKey& master, VaultOptions options, std::unique_ptr<File> lock)
      : files_(std::move(files)), master_(master), options_(std::move(options)), lock_(std::move(lock)) {}
  absl::Status OpenFile(const std::optional<MasterKey>& previous);
  absl::Status Load() ABSL_LOCKS_EXCLUDED(mutex_);
  void LoadSlot(uint32_t number, std::string_view bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static Mark MarkOf(std::string_view subject_id);
  // Writes the batch, together with those of other callers, and syncs.
  absl::Status Commit(Batch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Writes and syncs a group; each batch gets its outcome. Returns an error if that of a write is unknown.
  absl::Status WriteGroup(const std::vector<Batch*>& group) const;
  absl::Status WriteBatch(const Batch& batch) const;
  // Takes back the slots of a batch for which there was no room.
  absl::Status UndoBatch(const Batch& batch) const;
  // Errors: kDiskNearlyFull.
  absl::Status CheckDiskReserve() const;
  // A slot for a subject that has none. Errors: kShardReadOnly if the vault is full.
  absl::StatusOr<uint32_t> TakeSlot() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Makes keys for those that have none, and adds these to `fresh`, each counted once in undecided_. Errors: as
  // UseKeys.
  absl::Status CreateKeys(std::span<const std::string_view> subject_ids, const std::vector<Mark>& marks,
                          std::vector<Mark>& fresh) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void GiveUp(const std::vector<Mark>& fresh) ABSL_LOCKS_EXCLUDED(mutex_);
  void Keep(const std::vector<Mark>& fresh) ABSL_LOCKS_EXCLUDED(mutex_);
  void Remember(uint32_t slot, const SecretKey& key) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Refusal(std::string_view subject_id, EntryState state) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<SecretKey> KeyAt(std::string_view subject_id, const Mark& mark) const ABSL_LOCKS_EXCLUDED(mutex_);

  const Files files_;
  const MasterKey master_;
  const VaultOptions options_;
  const std::unique_ptr<File> lock_;
  // Both set by Open. The file's slots are written by one caller of Commit at a time.
  std::string id_;
  std::unique_ptr<File> file_;

  mutable Mutex mutex_;
  mutable CondVar changed_;
  std::unordered_map<Mark, Entry, HashMark> entries_ ABSL_GUARDED_BY(mutex_);
  // By slot.
  mutable std::unordered_map<uint32_t, SecretKey> cache_ ABSL_GUARDED_BY(mutex_);
  // New subjects that nothing is known to be recorded of, by how many requests that are not decided yet.
  std::unordered_map<Mark, uint32_t, HashMark> undecided_ ABSL_GUARDED_BY(mutex_);
  std::deque<Batch*> waiting_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  // Why no key is made any more. Sticky.
  absl::Status failed_ ABSL_GUARDED_BY(mutex_);
  // Slots before the next one that nobody has: they read as zeros.
  std::vector<uint32_t> free_slots_ ABSL_GUARDED_BY(mutex_);
  uint32_t next_slot_ ABSL_GUARDED_BY(mutex_) = 1;
  uint64_t damaged_slots_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace keyledger::vault

// Privacy: the ledger's register of legal holds and erasures of data subjects.
//
// Both are records on the stream "$privacy": holds, and erasures they refused, on the first shard; SubjectErased on
// every shard. Nothing here is folded from that stream when the ledger opens: a hold in force has a mark beside the
// timers of the first shard (store::kHoldInForce) that is written and cleared with its records, so that opening takes
// time by the holds in force, not by those there ever were; and whether a hold or an erasure was recorded, and where,
// is a lookup of a unique key. Those of erasures are walked once at the start: the vault must know all of them.
//
// An erasure, once accepted, is the ledger's to finish. Its steps, on a thread of the register, each of which may be
// taken again:
//   1  the meta row "erasure.open" of the first shard is written, synced: from here on the erasure cannot be undone
//   2  the subject's key is destroyed
//   3  SubjectErased is recorded on every shard, on the first one last: a record there says that all are there
//   4  what projections have deleted of the subject is removed from their files
//   5  the meta row is cleared
// What a crash leaves behind is the row, and opening begins again at step 2. Read next: erasure_certificate.h,
// PRIVACY.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "keyledger/events/v1/record.pb.h"
#include "keyledger/storage/v1/store_rows.pb.h"
#include "projections/engine/engine.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/shard/shard.h"

namespace keyledger::shard {

// Holds that a refused erasure names in its record, at most; and in the error.
inline constexpr size_t kRefusedHoldsMax = 1'000;
inline constexpr size_t kNamedHoldsMax = 16;

// What the requests have in common. `digest`: SHA-256 of the request's body, which says what kind of request it is.
struct PrivacyRequest {
  std::string request_id;
  std::string actor;
  std::string digest;
  std::string subject_id;
  std::string reason;
};

// A legal hold, in force or over.
struct LegalHold {
  std::string hold_id;
  std::string subject_id;
  std::string reason;
  std::string actor;
  Micros place_time = 0;
};

struct ReleasedHold {
  LegalHold hold;
  Micros release_time = 0;
};

struct HoldPage {
  std::vector<LegalHold> holds;
  // Whether more follow the last one.
  bool more = false;
};

// A subject that was erased.
struct Erasure {
  // Signed note; see erasure_certificate.h.
  std::string certificate;
  // record_time on the first shard.
  Micros erase_time = 0;
  // SubjectErased, by shard.
  std::vector<events::v1::EventRecord> records;
};

struct PrivacyOptions {
  std::string ledger_id;
  // Destroys the key of a subject, and remembers that it must never have one again; done already: OK. Empty: the ledger
  // has no master key and seals nothing.
  std::function<absl::Status(const std::string& subject_id)> destroy_key;
  // The same for subjects that are erased on the record; returns how many of them the vault did not know to be. Empty:
  // as above.
  std::function<absl::StatusOr<size_t>(const std::vector<std::string>& subject_ids)> destroy_again;
  // Signs a text with the current key of a shard and returns the note.
  std::function<absl::StatusOr<std::string>(uint32_t shard, const std::string& text)> sign;
  // For tests that let the reading of a record fail that was just written: an error is taken for the store's.
  std::function<absl::Status(uint64_t position)> before_read_back = [](uint64_t) { return absl::OkStatus(); };
  // How long step 4 may wait for projections before the erasure reports what it waits for and tries again.
  std::chrono::milliseconds purge_patience{30'000};
};

// Threads: thread-safe. Lifetime: shards and engines must outlive it, and the shards must have stopped before it is
// destroyed. Memory: about 300 bytes a hold in force.
class Privacy {
 public:
  // `engines`: of the same shards.
  Privacy(std::vector<Shard*> shards, std::vector<projections::Engine*> engines, PrivacyOptions options);
  // Stops.
  ~Privacy();

  // Reads the holds in force, destroys again the keys of erased subjects that an older copy of the vault brought back,
  // and takes up an erasure that a stop or a crash interrupted. Once, before anything else. Takes time by the holds in
  // force and the subjects that were ever erased. Errors: DATA_LOSS (kStoreDamaged); those of destroy_again.
  absl::Status Open();
  // Erased subjects of which the vault did not know it when this was opened.
  uint64_t erased_again() const { return erased_again_; }
  // Leaves the erasure under way to the next start. Joins the thread. Idempotent.
  void Stop();

  // Repeated with the same request_id, the three below give the first answer. Errors of all: ALREADY_EXISTS
  // (kRequestIdReused), as Append. Block: until the records are durable.

  // Errors: ALREADY_EXISTS (kLegalHoldExists), FAILED_PRECONDITION (kSubjectErased).
  absl::StatusOr<LegalHold> PlaceHold(const PrivacyRequest& request, const std::string& hold_id);
  // The subject of the request is left empty. Errors: NOT_FOUND (kLegalHoldNotFound).
  absl::StatusOr<ReleasedHold> ReleaseHold(const PrivacyRequest& request, const std::string& hold_id);
  // Erases the subject, or finds it erased: a subject is erased once, and whoever asks again, under whatever
  // request_id, gets a certificate over the same records. It is refused while a hold is in force, and the refusal
  // recorded, once for each request_id and set of holds. A request that was refused or found the subject erased is not
  // remembered. Errors: FAILED_PRECONDITION (kLegalHold with metadata "hold_ids"; kNoMasterKey); DEADLINE_EXCEEDED
  // (kProjectionBehind): the erasure goes on, and the request repeated gets its certificate. Also blocks while another
  // subject is being erased.
  absl::StatusOr<Erasure> Erase(const PrivacyRequest& request, std::chrono::steady_clock::time_point deadline);

  // Holds in force, by subject, then hold: of one subject or (empty) of all, after the place given, at most `limit`.
  // Errors: DATA_LOSS (kStoreDamaged).
  absl::StatusOr<HoldPage> ListHolds(std::string_view subject_id, const std::pair<std::string, std::string>& after,
                                     size_t limit) const;

  // Why the erasure under way could not go on when it was last tried; OK if it could, or there is none.
  absl::Status failure() const;

 private:
  // What an erasure that is asked for has to wait for.
  struct Wait {
    uint64_t number = 0;
    // It erases the subject asked for.
    bool mine = false;
  };

  // What the request recorded before; nothing if it is new. Errors: kRequestIdReused.
  absl::StatusOr<std::optional<events::v1::EventRecord>> RecordedBy(const PrivacyRequest& request) const;
  // Errors: kRequestIdReused if the request_id is that of the erasure under way.
  absl::Status CheckNotOfOpenErasure(const PrivacyRequest& request) const;
  absl::StatusOr<std::optional<events::v1::EventRecord>> FindUnique(uint32_t shard, const std::string& key) const;
  absl::Status DestroyAgain();
  absl::StatusOr<bool> IsErased(const std::string& subject_id) const;
  absl::StatusOr<LegalHold> ReadHold(const std::string& hold_id) const;
  // Appends to "$privacy" of a shard and waits until that is durable; returns the position.
  absl::StatusOr<uint64_t> Record(uint32_t shard, const events::v1::Event& event, const std::string& request_id,
                                  const std::string& actor, const std::string& digest, OwnIndex index) const;
  // A record that Record has appended.
  absl::StatusOr<events::v1::EventRecord> ReadBack(uint32_t shard, uint64_t position) const;

  // Nothing to wait for: the subject is erased.
  absl::StatusOr<std::optional<Wait>> BeginErasure(const PrivacyRequest& request);
  absl::Status RefuseHeld(const PrivacyRequest& request, const std::vector<std::string>& hold_ids) const;
  absl::Status AwaitErasure(uint64_t number, std::chrono::steady_clock::time_point deadline);
  absl::StatusOr<Erasure> ReadErasure(const std::string& subject_id) const;
  void Loop();
  absl::Status CompleteErasure(const storage::v1::OpenErasure& open) const;

  const std::vector<Shard*> shards_;
  const std::vector<projections::Engine*> engines_;
  const PrivacyOptions options_;
  // Set by Open.
  uint64_t erased_again_ = 0;

  // Requests one after the other, while they decide and wait for their records: a hold is in force for the next
  // erasure, and an erasure that began for the next hold.
  Mutex order_mutex_;

  mutable Mutex mutex_;
  CondVar changed_;
  // Holds in force: subject and hold.
  std::map<std::pair<std::string, std::string>, uint64_t> holds_ ABSL_GUARDED_BY(mutex_);
  // Under way; nothing: none.
  std::optional<storage::v1::OpenErasure> open_ ABSL_GUARDED_BY(mutex_);
  // Erasures begun and ended since the start; one at most is under way.
  uint64_t begun_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t ended_ ABSL_GUARDED_BY(mutex_) = 0;
  // Of the one under way: how often it could not go on, and why the last time.
  uint64_t failures_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  // Somebody waits for it: it is tried again at once.
  bool hurry_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace keyledger::shard

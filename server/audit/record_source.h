// RecordSource: where an audit replay reads records from: a live ledger, a data directory at rest, an offline bundle, a
// test. Read replay.h next.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace keyledger::audit {

// What a source has.
enum class SourceScope {
  // Every record of every shard below some place.
  kLedger,
  // One account's records and those that its decisions rest on: see RecordSource.
  kAccount,
};

// A record as it is stored.
struct StoredRecord {
  // Its place in the log: where it stands, whatever it says of itself.
  uint64_t position = 0;
  // Its bytes, as hashed. Valid during the call that gives it.
  std::string_view bytes;
  // Why there are no bytes; OK if there are.
  absl::Status damage;
};

// Everything it gives is untrusted: nobody has looked into the records before.
//
// A source of kLedger gives the positions 0 to record_count - 1 of every shard and all streams in them. One of kAccount
// gives the whole stream of account_id(); the stream "$programs" of its shard and of shard 0; the stream "$reviews" of
// shard 0; of transfers that the account sent, what the receivers recorded, and of those it received, the sender's
// record. Not the streams of accounts that were merged into it: returns of what those had bought are not decided again.
// Its records carry proofs of their own, which it answers for: there is no tree to check.
//
// Threads: one thread at a time. Errors of all readers: those of the callback, as they are, and whatever keeps the
// source from being read at all. A record that is missing or unreadable is no error: it is given with its damage, or
// left out.
class RecordSource {
 public:
  // Returns an error to end the reading with it.
  using VisitRecord = std::function<absl::Status(const StoredRecord& record)>;
  using VisitText = std::function<absl::Status(const std::string& text)>;

  virtual ~RecordSource() = default;

  virtual SourceScope scope() const = 0;
  // Of kAccount.
  virtual std::string account_id() const { return {}; }
  // At least 1, also where only some shards have records here.
  virtual uint32_t shard_count() const = 0;
  // Of the shard's checkpoints: "keyledger/<ledger_id>/<shard>".
  virtual std::string origin(uint32_t shard) const = 0;
  // Records of the shard that there ought to be. Does not change.
  virtual uint64_t record_count(uint32_t shard) const = 0;

  // Gives the shard's records in the order of their places, each place at most once.
  virtual absl::Status ReadLog(uint32_t shard, const VisitRecord& visit) = 0;

  // Gives the ids of the shard's streams, those of accounts and the ledger's own, each once, in whatever order suits
  // the source. Within a call of `visit` the stream may be read, several times, also while it is being read, and that
  // is fast; and so may other streams of any shard, which may be slow.
  virtual absl::Status ListStreams(uint32_t shard, const VisitText& visit) = 0;
  // Gives the records of one stream in the order of their revisions: those that the source holds to be of it, whatever
  // they say of themselves. None if there is no such stream. Outside of ListStreams it may be slow.
  virtual absl::Status ReadStream(uint32_t shard, const std::string& stream, const VisitRecord& visit) = 0;

  // Gives signed checkpoints of the shard (C2SP signed notes), in any order: those that its records have to cover. A
  // live source leaves out what was signed after the place up to which it reads.
  virtual absl::Status ReadCheckpoints(uint32_t shard, const VisitText& visit) {
    static_cast<void>(shard);
    static_cast<void>(visit);
    return absl::OkStatus();
  }
  // Whether the source has stored tiles, and a full tile's hashes as stored; nothing if it is not there.
  virtual bool has_tiles() const { return false; }
  virtual absl::StatusOr<std::optional<std::string>> ReadTile(uint32_t shard, uint32_t level, uint64_t index) {
    static_cast<void>(shard);
    static_cast<void>(level);
    static_cast<void>(index);
    return std::nullopt;
  }
};

}  // namespace keyledger::audit

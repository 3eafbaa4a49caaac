// TransferMatch: holds what accounts say of a transfer against each other: what was sent arrived as it was sent, once,
// and ended the way it ended. A merge is a transfer whose first record on the receiver is AccountMergeReceived.
// Internal to the room.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "keyledger/audit/v1/replay.pb.h"
#include "keyledger/events/v1/record.pb.h"
#include "server/base/clock.h"

namespace keyledger::audit {

// What is kept of the records of a transfer until all of them were read.
struct TransferPlace {
  uint32_t shard = 0;
  uint64_t position = 0;
  uint64_t revision = 0;
  Micros recorded = 0;
};
struct TransferSent {
  TransferPlace place;
  std::string to_account_id;
  std::string event_id;
  Micros occurred = 0;
  int64_t points = 0;
  // Of the lots as they ought to arrive: points and terms of each.
  std::string lots_digest;
  int lots = 0;
  std::vector<Micros> lots_occurred;
};
struct TransferReceived {
  TransferPlace place;
  std::string account_id;
  std::string event_id;
  std::string sent_event_id;
  int64_t points = 0;
  std::string lots_digest;
  int lots = 0;
  std::vector<Micros> occurred;
};
struct TransferEnded {
  TransferPlace place;
  bool arrived = false;
  int64_t points = 0;
  std::string received_event_id;
};

// Takes the records of every shard's log in order, shard after shard. Memory: transfers of which not all was read yet.
// Threads: thread-compatible.
class TransferMatch {
 public:
  using OnFinding = std::function<void(v1::Finding finding)>;

  // A record of a log, at its place. Others than those of transfers end what a receiver takes in together.
  void Take(uint32_t shard, uint64_t position, const events::v1::EventRecord& record, const OnFinding& report);
  // The shard's log ends here; its last record was recorded at `last`.
  void EndShard(uint32_t shard, Micros last, const OnFinding& report);

  // What is left. `only_account`: of kAccount, whose transfers are at hand; empty: all are.
  void Finish(const std::string& only_account, uint32_t shard_count, const OnFinding& report);

  // Points that were received while the sender's records do not say so yet, less those that the sender says were
  // received while the receiver's records are past the end. After Finish.
  int64_t under_way() const { return under_way_; }
  // Transfers of which one side is missing that may stand past the end of what was read. After Finish.
  uint64_t excused() const { return excused_; }
  // When the receiver was opened, where a receipt claims that this is why it is dated later than it was sent. By shard
  // and position of the receipt's first record; the second pass checks them.
  const std::map<std::pair<uint32_t, uint64_t>, Micros>& dated_by_opening() const { return dated_by_opening_; }

 private:
  struct Transfer {
    std::optional<TransferSent> sent;
    std::optional<TransferReceived> received;
    std::optional<TransferEnded> ended;
  };
  // Sender and transfer_id.
  using Name = std::pair<std::string, std::string>;

  void TakeSent(const TransferPlace& place, const events::v1::EventRecord& record, const OnFinding& report);
  void TakeEnd(const TransferPlace& place, const events::v1::EventRecord& record, const OnFinding& report);
  // What the receiver takes in at once is complete.
  void CloseGroup(const OnFinding& report);
  void Check(const Name& name, const OnFinding& report);
  void CheckArrival(const Name& name, const TransferSent& sent, const TransferReceived& received,
                    const OnFinding& report);
  static v1::Finding About(const Name& name, const TransferPlace& place, const std::string& account_id);
  // Whether what another shard says of the same transfer may stand past the end of what was read of it: of a ledger,
  // the ends of the logs are taken in the order of the shards, and what a record follows from was durable before it. Of
  // an account, the end of its own log is taken first, so nothing of the other side can be past.
  bool MayBePast(const TransferPlace& place, uint32_t other_shard) const;

  std::map<Name, Transfer> transfers_;
  // The receipt being read.
  std::optional<std::pair<Name, TransferReceived>> group_;
  std::string group_lots_;
  uint64_t group_next_ = 0;
  std::vector<Micros> last_recorded_;
  std::map<std::pair<uint32_t, uint64_t>, Micros> dated_by_opening_;
  int64_t under_way_ = 0;
  uint64_t excused_ = 0;
};

}  // namespace keyledger::audit

// Courier: carries transfers of points from the sender's shard to the receiver's, and how they ended back. Merges of
// two accounts go the same way, as a transfer under domain::kMergeTransferId.
//
// A transfer is three requests: the client's, which takes the points out of the sender's lots; the receipt, on the
// receiver; the end, on the sender. The second has a request_id made of sender and transfer_id, so that however often
// it is sent it is applied once; the third is taken only while the transfer is open.
//
// What a crash leaves behind: the sender's open transfer, and a mark beside the shard's timers (store::kUnderWay).
// Opening reads the marks, whatever the number of accounts, and carries each open transfer again from its beginning.
// Nothing can come of that twice: a receipt that was applied says so; and a refusal of the receiver is given up only
// together with the process, so that a transfer whose points may have gone back is never offered again while the
// sender's log does not say that it is still open.
//
// A merge that came back may be tried again, under the same name: one that is announced while the one before is still
// at hand is looked at again afterwards.
//
// Read next: server/domain/transfers.h (what is decided).
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "server/base/mutex.h"
#include "server/shard/shard.h"

namespace keyledger::shard {

// Threads: thread-safe. Lifetime: the shards must outlive it, and must have stopped before it is destroyed.
class Courier {
 public:
  // Starts, with the transfers that are under way in the stores.
  explicit Courier(std::vector<Shard*> shards);
  // Stops.
  ~Courier();

  // A transfer was sent from an account of this shard, and is durable. Does not block.
  void Notify(uint32_t shard, const std::string& account_id, const std::string& transfer_id);
  // Leaves what is under way to the next start. Joins the thread. Idempotent.
  void Stop();

  // Why a transfer has been waiting for a while to be tried again; OK if none has.
  absl::Status failure() const;
  // Returns when no transfer is under way but those that wait to be tried again. For tests and the bench.
  void WaitUntilSettled();

 private:
  using Steady = std::chrono::steady_clock;
  // Account and id.
  using Name = std::pair<std::string, std::string>;
  // One transfer. Whoever holds it (the thread, or a callback of a shard) may change it; one attempt is in flight.
  struct Errand {
    uint32_t shard = 0;
    Name name;
    // The receiver has answered; what is left is to tell the sender.
    bool delivered = false;
    domain::TransferResult result;
    int attempts = 0;
    absl::Status failure;
    // It was announced again. Only touched under the mutex.
    bool again = false;
  };
  // A look through the marks of one shard.
  struct Scan {
    bool wanted = false;
    bool running = false;
    std::string after;
    // Why not everything could be read by the latest look.
    absl::Status failure;
  };

  void Loop();
  // Takes up transfers marked in the stores, as far as there is room.
  void ScanStores() ABSL_LOCKS_EXCLUDED(mutex_);
  // It is looked through again later.
  void NoteScanFailure(uint32_t shard, const absl::Status& failure) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns whether the shard has been looked through, as far as it can be read.
  bool ScanPage(uint32_t shard, std::string& after);
  bool ScanDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Add(uint32_t shard, Name name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Step(const std::shared_ptr<Errand>& errand);
  // What the receiver is to be given; nothing if the transfer is not open any more.
  absl::StatusOr<std::shared_ptr<const domain::TransferReceipt>> FindReceipt(const Errand& errand) const;
  void Delivered(const std::shared_ptr<Errand>& errand, const absl::StatusOr<AppendAnswer>& answer);
  void Ended(const std::shared_ptr<Errand>& errand, const absl::Status& status);
  void TryLater(const std::shared_ptr<Errand>& errand, const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::vector<Shard*> shards_;

  mutable Mutex mutex_;
  CondVar changed_;
  // Everything taken up and not at its end.
  std::map<Name, std::shared_ptr<Errand>> errands_ ABSL_GUARDED_BY(mutex_);
  // Each errand is in one of these, or in flight.
  std::deque<std::shared_ptr<Errand>> ready_ ABSL_GUARDED_BY(mutex_);
  std::multimap<Steady::time_point, std::shared_ptr<Errand>> later_ ABSL_GUARDED_BY(mutex_);
  size_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  // By shard.
  std::vector<Scan> scans_ ABSL_GUARDED_BY(mutex_);
  Steady::time_point next_scan_ ABSL_GUARDED_BY(mutex_);
  bool scanning_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace keyledger::shard

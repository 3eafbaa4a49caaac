// Portfolio: hands everything that one person is responsible for to another, over all shards, on a thread of its own,
// one transfer after the other.
//
// What is looked at is fixed when a transfer begins: the accounts for which the person had a role at its places in the
// logs. Each of them gets an ordinary fact, OwnerTransferred, through its shard's sequencer. PortfolioTransferStarted
// stands before, PortfolioTransferCompleted after them, both on the stream "$owners" of the first shard. An account
// that the person gave up or lost meanwhile is left as it is, also if it came back: that is another responsibility.
//
// What a crash leaves behind: a transfer that was accepted is in the first shard's meta row "portfolio.open". Opening
// finds it there and runs it again from its beginning: every record has a request_id derived from the transfer's, so
// that each account goes over once.
//
// Read next: server/shard/reviewer.h, which does the same with reviews.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "keyledger/events/v1/owner.pb.h"
#include "keyledger/storage/v1/store_rows.pb.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/domain/account_state.h"
#include "server/shard/shard.h"

namespace keyledger::shard {

// Lists accounts of a shard that the person ever had a role for by records below `place`, perhaps others too: in order
// of account_id, those after `after` (empty: from the first), at most `limit`. May wait a while for what it reads to
// come that far, and is asked again if it answers kProjectionBehind.
using OwnedAccounts = std::function<absl::StatusOr<std::vector<std::string>>(
    uint32_t shard, const std::string& person, const std::string& after, size_t limit, uint64_t place)>;

struct PortfolioRequest {
  std::string from_person;
  // Empty: nobody.
  std::string to_person;
  // Empty: every role.
  std::string role;
  events::v1::OwnerChangeReason reason = events::v1::OWNER_CHANGE_REASON_UNSPECIFIED;
  uint32_t rank = 0;
  // Empty: every region.
  std::string region;
  // Absent: now.
  std::optional<Micros> transfer_time;
  std::string note;
  std::string request_id;
  std::string actor;
  // SHA-256 of the request's body.
  std::string digest;
};

enum class PortfolioPhase { kRunning, kCompleted, kPreview };

// A transfer, under way or over.
struct PortfolioStatus {
  events::v1::PortfolioTransferStarted started;
  PortfolioPhase phase = PortfolioPhase::kRunning;
  // Found so far.
  uint64_t accounts = 0;
  uint64_t transferred = 0;
  uint64_t overtaken = 0;
  uint64_t undecided = 0;
  // What it waits for, or why the first account undecided was not decided.
  std::string detail;
  std::string actor;
  Micros start_time = 0;
  // Zero: not over.
  Micros complete_time = 0;
};

struct PortfolioOptions {
  OwnedAccounts list;
  // How far ahead of the clock transfer_time may be.
  Micros skew_max = 0;
};

// Threads: thread-safe. Lifetime: shards and clock must outlive it.
class Portfolio {
 public:
  Portfolio(std::vector<Shard*> shards, const Clock& clock, PortfolioOptions options);
  // Stops.
  ~Portfolio();

  // Takes up a transfer that a stop or a crash interrupted. Once, before anything else. Errors: DATA_LOSS
  // (kStoreDamaged).
  absl::Status Resume();
  // Leaves the transfer under way to the next start. Joins the thread. Idempotent.
  void Stop();

  // Begins a transfer and returns once it is durable; Get shows how it goes. Repeated, it says how the first one is.
  // Errors: INVALID_ARGUMENT (kOccurredInFuture for transfer_time); ALREADY_EXISTS (kRequestIdReused);
  // FAILED_PRECONDITION (kPortfolioTransferRunning with metadata "transfer_id").
  absl::StatusOr<PortfolioStatus> Start(const PortfolioRequest& request);
  // Counts the accounts that would go over now, and records nothing. Waits for an index until `deadline`. `canceled`
  // is asked before each account. Errors: as Start; DEADLINE_EXCEEDED (kProjectionBehind); DATA_LOSS (kStoreDamaged);
  // CANCELLED once `canceled` says true; none: it never does. Blocks: until then.
  absl::StatusOr<PortfolioStatus> Preview(const PortfolioRequest& request,
                                          std::chrono::steady_clock::time_point deadline,
                                          const std::function<bool()>& canceled = nullptr);

  // Errors: NOT_FOUND (kPortfolioTransferNotFound), DATA_LOSS (kStoreDamaged).
  absl::StatusOr<PortfolioStatus> Get(const std::string& transfer_id) const;
  // Transfers with numbers below `before`, latest first, at most `limit`. Errors: DATA_LOSS (kStoreDamaged).
  absl::StatusOr<std::vector<PortfolioStatus>> List(uint64_t before, size_t limit) const;

  // The number in the id of a transfer.
  static uint64_t NumberOf(const PortfolioStatus& status);
  // Returns when no transfer is under way. For tests.
  void WaitUntilIdle();

 private:
  struct Job;
  enum class Effect { kTransferred, kOvertaken, kChanged };

  absl::StatusOr<events::v1::PortfolioTransferStarted> Plan(const PortfolioRequest& request) const;
  absl::StatusOr<std::optional<PortfolioStatus>> FindRepeated(const PortfolioRequest& request) const;
  void Loop();
  // Takes the transfer to its end. An error with the row still standing: it is tried again.
  absl::Status Run(Job& job);
  absl::Status RecordStart(Job& job);
  // Calls `visit` with each account that the plan is about and its state at the plan's place. An account that cannot be
  // read is told instead of a state. `go_on` is asked before each account, `behind` while an index is behind; what they
  // refuse ends it.
  using Visit = std::function<absl::Status(Shard&, const std::string&, absl::StatusOr<domain::AccountState>)>;
  absl::Status ForEachAccount(const events::v1::PortfolioTransferStarted& plan,
                              const std::function<absl::Status()>& go_on,
                              const std::function<absl::Status(const absl::Status&)>& behind, const Visit& visit) const;
  absl::Status TransferOne(Job& job, Shard& shard, const std::string& account_id, domain::AccountState state);
  // One attempt; `state` comes to be that of the account's last durable record. kChanged: the account got records in
  // between, and the transfer was to follow that record directly (`exactly`).
  absl::StatusOr<Effect> TryTransfer(const Job& job, Shard& shard, const std::string& account_id, bool exactly,
                                     domain::AccountState& state) const;
  void NoteUndecided(Job& job, const std::string& account_id, const absl::Status& why);
  absl::Status Complete(Job& job);
  // Appends to "$owners" and waits until that is durable, while the queue is full too.
  absl::Status RecordOwn(const events::v1::Event& event, const std::string& request_id, const std::string& actor,
                         const std::string& digest);
  absl::Status CheckRunning() const;
  // Waits for a moment. Errors: UNAVAILABLE (kStopping).
  absl::Status Pause(std::chrono::milliseconds time);

  // How many there are. Errors: DATA_LOSS (kStoreDamaged).
  absl::StatusOr<uint64_t> RecordedTransfers() const;
  absl::StatusOr<PortfolioStatus> ReadTransfer(uint64_t number) const;
  PortfolioStatus StatusOf(const Job& job) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Of one since the last start; null: none. Requires: mutex_.
  std::shared_ptr<Job> FindJob(const std::function<bool(const Job&)>& is_it) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::vector<Shard*> shards_;
  const Clock& clock_;
  const PortfolioOptions options_;

  // Starts one after the other.
  Mutex start_mutex_;

  mutable Mutex mutex_;
  CondVar changed_;
  // Under way; null: none.
  std::shared_ptr<Job> current_ ABSL_GUARDED_BY(mutex_);
  // Run since the last start, latest last.
  std::deque<std::shared_ptr<Job>> finished_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace keyledger::shard

// Sequencer: decides requests one after the other, in the order they came, on states that nobody else touches, and
// builds groups for the committer.
//
// It works ahead of durability: the state it decides on includes records that are still being written. If a commit
// fails, everything that was decided on top of it is refused and the sequencer starts again from what is durable (or,
// when the outcome is unknown, refuses from then on).
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "server/base/head_watch.h"
#include "server/base/mutex.h"
#include "server/domain/decide.h"
#include "server/domain/transfers.h"
#include "server/shard/append_command.h"
#include "server/shard/committer.h"
#include "server/shard/shard.h"
#include "server/shard/state_cache.h"

namespace keyledger::shard {

// Threads: the public methods are thread-safe; the rest is confined to the sequencer's own thread.
class Sequencer {
 public:
  struct SweepCommand {
    store::TimerEntry timer;
    Micros until = 0;
    Micros quiet = 0;
    SweepDone done;
  };
  struct RearmCommand {
    std::string account_id;
    std::function<void(absl::Status)> done;
  };
  struct PublishCommand {
    std::shared_ptr<const domain::CompiledProgram> program;
    AppendCommand append;
    AppendDone done;
  };
  // A record of the ledger's own; its stream is append.account_id.
  struct OwnCommand {
    AppendCommand append;
    OwnIndex index;
    AppendDone done;
  };
  struct VerdictCommand {
    // Without events: account, request_id and digest.
    AppendCommand append;
    std::shared_ptr<const domain::ReviewVerdict> verdict;
    VerdictDone done;
  };
  struct ReceiptCommand {
    // Without events: account, request_id and digest.
    AppendCommand append;
    std::shared_ptr<const domain::TransferReceipt> receipt;
    AppendDone done;
  };
  struct TransferEndCommand {
    std::string account_id;
    domain::TransferResult result;
    std::function<void(absl::Status)> done;
  };
  struct ClientCommand {
    AppendCommand append;
    AppendDone done;
  };
  using Command = std::variant<ClientCommand, SweepCommand, RearmCommand, PublishCommand, OwnCommand, VerdictCommand,
                               ReceiptCommand, TransferEndCommand>;

  // `last_record_time`: of the log's last record. `published`: what the log holds.
  Sequencer(store::ShardStore& store, Committer& committer, HeadWatch& head, const Clock& clock,
            const ShardOptions& options, Micros last_record_time, std::vector<PublishedProgram> published);
  // Requires: Stop was called.
  ~Sequencer();

  // Queues a command; refuses it at once (on this thread) if the queue is full or the shard stops.
  void Submit(Command command, size_t bytes);
  // The committer is idle again.
  void Wake();
  // Lets everything queued be handed to the committer, then joins. Idempotent.
  void Stop();

  std::shared_ptr<const domain::ProgramSet> programs() const;
  std::vector<PublishedProgram> published() const;
  ShardStats stats() const;

 private:
  struct Queued {
    Command command;
    size_t bytes = 0;
  };
  // What is known of a request whose records are not durable yet.
  struct PendingRequest {
    std::string digest;
  };

  void Run();
  // Puts back what did not fit into the group.
  void GiveBack(std::vector<Queued>& bite, size_t from);
  void Process(Command& command);
  void ProcessAppend(AppendCommand& command, AppendDone done);
  void ProcessPublish(PublishCommand& command);
  void ProcessSweep(SweepCommand& command);
  void ProcessRearm(RearmCommand& command);
  void ProcessOwn(OwnCommand& command);
  void ProcessVerdict(VerdictCommand& command);
  void ProcessReceipt(ReceiptCommand& command);
  void ProcessTransferEnd(TransferEndCommand& command);

  absl::StatusOr<AppendAnswer> DecideAppend(AppendCommand& command);
  // True if the request is a repetition and has been dealt with.
  bool AnswerRepeated(AppendCommand& command, AppendDone& done);
  absl::Status CheckExpected(const AppendCommand& command, const domain::AccountState& state) const;
  absl::Status CheckUnique(const AppendCommand& command, std::vector<std::pair<std::string, int>>& keys);
  // That every record said not to have been so is one of the account's: revision, position and kind name the same one.
  // Records still on their way to the store count.
  absl::Status CheckRetractions(const AppendCommand& command);
  absl::Status CheckRetraction(const std::string& account_id, const events::v1::FactRetracted& retracted);
  absl::Status CheckSkew(const AppendCommand& command, Micros record_time) const;
  // What the returns among the events name, as far as it is on record. `state`: of the command's account.
  absl::StatusOr<domain::RecordedPurchases> FindPurchases(const AppendCommand& command,
                                                          const domain::AccountState& state);
  // The purchase that an invoice's key means on the account: the one of this shard, if it is the account's own or of
  // one that was merged into it; otherwise the first of such an account on the other shards, in their order; otherwise
  // the one of this shard, whosever it is.
  absl::StatusOr<std::optional<domain::RecordedPurchase>> FindPurchase(const std::string& account_id,
                                                                       const domain::AccountState& state,
                                                                       const std::string& key);
  absl::StatusOr<std::optional<domain::RecordedPurchase>> FindAbsorbedElsewhere(const domain::AccountState& state,
                                                                                const std::string& key);
  absl::StatusOr<std::optional<uint64_t>> FindUnique(const std::string& key);

  absl::StatusOr<CachedAccount*> Load(const std::string& account_id);
  // Encodes decided events into the group and brings the account up to date.
  void Record(CachedAccount& account, domain::Outcome outcome, AppendCommand* command, Micros record_time,
              AppendAnswer* answer);
  void AddRequestRow(const AppendCommand& command, const AppendAnswer& answer, uint64_t first_position);
  // `looked_until`: what is due by then has been decided, without a record.
  void Arm(CachedAccount& account, Micros looked_until = std::numeric_limits<Micros>::min());
  // Has the shard's owner told of transfers that were sent, once they are durable.
  void AnnounceTransfers(const domain::DecideInput& input);
  void Snapshot(CachedAccount& account);
  void EvictStates();
  Micros NextRecordTime() const;
  uint64_t next_position() const { return group_->end_position(); }
  // Bytes of a record that may not be durable yet. Empty if it is: ask the store.
  std::string_view PendingBytes(uint64_t position) const;
  // A record of this shard, on its way to the store or in it. Errors: DATA_LOSS (kStoreDamaged).
  absl::Status RecordAt(uint64_t position, events::v1::EventRecord& record) const;

  void NewGroup(uint64_t first_position);
  void HandOver();
  bool GroupFull() const;
  // Refuses what was built on a failed commit and starts again from what is durable.
  void StartOver(absl::Status failure);
  void Refuse(Command& command, const absl::Status& status);
  void Complete(AppendDone done, absl::StatusOr<AppendAnswer> answer);

  store::ShardStore& store_;
  Committer& committer_;
  HeadWatch& head_;
  const Clock& clock_;
  const ShardOptions options_;

  mutable Mutex mutex_;
  CondVar wake_;
  std::deque<Queued> queue_ ABSL_GUARDED_BY(mutex_);
  size_t queue_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // The thread waits, with a group to hand over.
  bool waits_for_committer_ ABSL_GUARDED_BY(mutex_) = false;

  mutable Mutex published_mutex_;
  std::shared_ptr<const domain::ProgramSet> durable_programs_ ABSL_GUARDED_BY(published_mutex_);
  std::vector<PublishedProgram> published_ ABSL_GUARDED_BY(published_mutex_);

  std::atomic<uint64_t> committed_records_{0};
  std::atomic<uint64_t> refused_requests_{0};
  std::atomic<uint64_t> replayed_requests_{0};
  std::atomic<uint64_t> cached_accounts_{0};

  // The sequencer's thread only.
  StateCache cache_;
  Micros last_record_time_;
  // With those of the group under construction; with those of the group being written; and only the durable ones.
  std::shared_ptr<const domain::ProgramSet> programs_;
  std::shared_ptr<const domain::ProgramSet> in_flight_programs_;
  std::shared_ptr<const domain::ProgramSet> committed_programs_;
  std::shared_ptr<Group> group_;
  std::shared_ptr<Group> in_flight_;
  absl::flat_hash_map<std::string, PendingRequest> pending_requests_;
  absl::flat_hash_map<std::string, uint64_t> pending_uniques_;
  // Why every new request is refused, once a commit's outcome is unknown; repeats of durable ones are still answered.
  absl::Status read_only_;
  events::v1::EventRecord scratch_;

  std::thread thread_;
};

// The key under which an invoice (or, `is_return`, a credit note) is unique.
std::string InvoiceKey(bool is_return, std::string_view merchant, std::string_view number);

// The key under which a transfer is unique.
std::string TransferKey(const std::string& account_id, const std::string& transfer_id);

// The answer to a request that was applied before, read back from the store. `result` is its serialized RequestResult.
absl::StatusOr<AppendAnswer> ReadAnswer(const store::ShardStore& store, uint32_t shard, std::string_view result,
                                        bool want_decisions);

}  // namespace keyledger::shard

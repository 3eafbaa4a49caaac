// AccountCheck: the second pass over one account: folds its records, decides again what was decided, and compares.
// Internal to the room.
//
// What the ledger records together it decided at once: a stream is taken apart into what one request, one look at the
// clock, one review or one transfer brought, and each is decided again on the state before it under the programs of its
// place. Where the records differ, they count: the state goes on from what is recorded. Beside it a second state goes
// on from what ought to have been recorded, so that a single forged record does not make everything behind it differ.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/audit/named_purchases.h"
#include "server/audit/points_count.h"
#include "server/audit/replay_run.h"
#include "server/domain/decide.h"
#include "server/domain/review.h"
#include "server/domain/transfers.h"

namespace keyledger::audit {

// Threads: thread-compatible.
class AccountCheck {
 public:
  AccountCheck(ReplayRun& run, uint32_t shard, std::string account_id);

  // The next record of the stream. Errors: those of on_step, and of the source, which a review's verdict and purchases
  // of accounts that were merged into this one are read from.
  absl::Status Take(const StoredRecord& stored);
  // The stream ends here. `total`: what this account's points are added to.
  absl::Status Finish(PointsParts& total);

 private:
  struct Recorded {
    uint64_t position = 0;
    events::v1::EventRecord record;
  };
  // Decides again, on the state before.
  using Decider = std::function<absl::StatusOr<domain::Outcome>(const domain::AccountState& state)>;
  // Facts to be decided again.
  struct Submitted {
    domain::DecideInput input;
    // Why they cannot be: what they rest on is not at hand, or is not built upon. Empty: they can.
    std::string doubt;
  };

  // Takes commands from the front of block_ until at most `keep` records are left.
  absl::Status Process(size_t keep);
  // Each checks the command at block_[at], whose records end at `end` or before, and returns where the next one begins.
  absl::StatusOr<size_t> CheckCommand(size_t at);
  size_t CheckPassingOfTime(size_t at);
  size_t CheckTransferEnd(size_t at);
  size_t CheckReceipt(size_t at);
  absl::StatusOr<size_t> CheckVerdict(size_t at);
  absl::StatusOr<size_t> CheckRequest(size_t at);
  absl::StatusOr<size_t> CheckByFact(size_t at, const std::vector<size_t>& facts, size_t end);
  // A record that no command explains.
  size_t CheckStray(size_t at, const std::string& message);
  // End of the records from `at` on that carry its request_id one after the other.
  size_t EndOfRequest(size_t at) const;

  // The verdict that the review comes to on this account; nothing, with a reason: none.
  absl::StatusOr<std::optional<domain::ReviewVerdict>> FindVerdict(const std::string& review_id, std::string& why);
  absl::StatusOr<std::optional<domain::AccountState>> FoldForReview(uint64_t end, Micros as_of);
  domain::TransferReceipt ReceiptAt(size_t at, size_t end) const;
  // The programs that the record was decided under.
  std::shared_ptr<const domain::ProgramSet> ProgramsAt(size_t at) const;
  // Errors: those of the source and of on_step.
  absl::StatusOr<Submitted> SubmittedAt(const std::vector<size_t>& facts);
  // Adds the purchase that the return names, of an account that was merged into this one, if there is one, or a doubt.
  absl::Status AddAbsorbed(const events::v1::PurchaseReturned& returned, Submitted& submitted);
  bool HasAbsorbed(const std::string& account_id) const;

  // If `decide` gives, on the recorded state or beside it, the records from `at` on, as many as it gives and at least
  // up to `end_min`, at most up to `end_max`: takes them and returns their end.
  std::optional<size_t> Explain(size_t at, size_t end_min, size_t end_max, const Decider& decide);
  bool Matches(size_t at, size_t end_min, size_t end_max, const domain::Outcome& outcome) const;
  bool EventMatches(const Recorded& recorded, const domain::DecidedEvent& decided, const std::string& cause) const;
  // Reports how the records [at, end) differ from what was to be expected, and takes them as they are. `rests_on`: a
  // purchase of another account, whose own record may yet turn out to differ.
  void ReportAndFold(size_t at, size_t end, absl::StatusOr<domain::Outcome> expected,
                     const domain::RecordedPurchase* rests_on = nullptr);
  void ReportDifferences(size_t at, size_t end, const domain::Outcome& expected);
  void ReportPair(const Recorded& recorded, domain::DecidedEvent expected, const std::string& cause);
  void ReportUnfounded(const Recorded& recorded);
  void ReportMissing(const Recorded& near, const domain::DecidedEvent& expected);
  // Folds records that cannot be decided again.
  void FoldUnchecked(size_t at, size_t end);
  // Folds the records as they are. Returns false if they do not fold; nothing more can be said of the account then.
  bool FoldRecorded(size_t at, size_t end);
  void Accept(size_t at, size_t end);
  // What stands in these records is not built upon.
  void Distrust(size_t at, size_t end);

  // Leaves the rest of the account.
  void Abandon(const std::string& why);
  void CountPoints(const Recorded& recorded);
  v1::Finding About(v1::FindingKind kind, const Recorded& recorded) const;

  ReplayRun& run_;
  const uint32_t shard_;
  const std::string account_id_;
  // Records of commands that may not be complete yet: one after the other in the log, recorded at one time.
  std::deque<Recorded> block_;
  uint64_t next_revision_ = 0;
  bool abandoned_ = false;
  domain::AccountState state_;
  // What the account would be if what differed had been recorded as it ought to have been; nothing: nothing differed.
  std::optional<domain::AccountState> other_;
  PointsCount points_;
  bool points_at_fault_ = false;
  NamedPurchases purchases_;
  AbsorbedPurchases absorbed_;
  std::set<InvoiceKey> distrusted_;
};

}  // namespace keyledger::audit

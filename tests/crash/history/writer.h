// Writer: one client of a ledger that crashes. Makes requests, the same ones for the same seed, and remembers what each
// was answered, independently of the ledger.
//
// Read next: log_copy.h, which holds the log against what the writers remember.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "keyledger/ledger/v1/ledger_service.pb.h"

namespace keyledger::testing {

// Threads: thread-compatible.
class Writer {
 public:
  enum class Outcome { kUnanswered, kApplied, kRefused };

  struct Entry {
    ledger::v1::AppendRequest request;
    Outcome outcome = Outcome::kUnanswered;
    // How often it was sent while it had no answer.
    int sent = 0;
    // Of the first answer, if applied.
    ledger::v1::AppendResponse response;
    // The records have been compared with the request.
    bool compared = false;
  };

  // Accounts, invoices and request ids begin with "w<number>-".
  Writer(int number, uint64_t seed);

  // Makes the next request and returns its place: a new account, purchases, a return of an earlier purchase, a
  // redemption, an adjustment or another fact. All of them are accepted by any ledger that has applied the requests
  // before them in order, but for redemptions, which may ask for more than there is.
  size_t Next();

  size_t size() const { return entries_.size(); }
  const Entry& entry(size_t place) const { return entries_[place]; }
  std::vector<Entry>& entries() { return entries_; }

  // The request, about to be sent.
  const ledger::v1::AppendRequest& Send(size_t place) {
    ++entries_[place].sent;
    return entries_[place].request;
  }
  // Takes down an answer. Empty if it may be one, else what is wrong with it: a second answer that differs from the
  // first.
  std::string Applied(size_t place, ledger::v1::AppendResponse response);
  void Refused(size_t place) { entries_[place].outcome = Outcome::kRefused; }
  // Places without an answer, ascending: what has to be sent again, in this order.
  std::vector<size_t> Unanswered() const;

 private:
  struct Purchase {
    std::string account_id;
    std::string invoice;
    events::v1::PurchaseLine first_line;
    bool has_one_line = false;
  };

  uint64_t Draw(uint64_t low, uint64_t high) { return low + random_() % (high - low + 1); }
  ledger::v1::SubmittedEvent& AddEvent(ledger::v1::AppendRequest& request);
  void Open(ledger::v1::AppendRequest& request);
  void Buy(ledger::v1::AppendRequest& request);
  void Return(ledger::v1::AppendRequest& request);

  const std::string name_;
  std::mt19937_64 random_;
  std::vector<Entry> entries_;
  std::vector<std::string> accounts_;
  std::vector<Purchase> purchases_;
  // Business time, seconds since 1970.
  int64_t now_ = 1'704'067'200;
};

// "" if `again` is the first answer given again: same places, ids, decisions and standing; else what differs.
std::string CompareAnswers(const ledger::v1::AppendResponse& first, const ledger::v1::AppendResponse& again);

}  // namespace keyledger::testing

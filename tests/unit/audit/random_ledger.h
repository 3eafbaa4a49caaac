// RandomLedger: a real ledger that is given random requests of every kind: purchases and what comes back of them,
// movements of points, transfers, tiers fixed by people, things granted and given, owners, interactions and everything
// that is under way, population reviews, sweeps, facts that come late, programs published in between.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/audit/memory_source.h"
#include "tests/unit/audit/random_facts.h"
#include "tests/unit/shard/shard_fixture.h"

namespace keyledger::testing {

// Threads: confined to one thread.
class RandomLedger {
 public:
  RandomLedger(uint64_t seed, uint32_t shards);

  // Makes so many requests, and lets what they set in motion come to its end.
  void Run(int requests, bool reviews = true);
  // Waits until merges under way are at their ends. What was bought on an account that was merged comes back on the
  // one that goes on from here on; a part of it does so at once.
  void FollowMerges();
  WholeLedger& whole() { return whole_; }
  // All records, as stored.
  MemorySource::Logs Logs();
  // Requests that were applied.
  int applied() const { return applied_; }

 private:
  struct Bought {
    std::string account_id;
    std::string invoice;
    std::vector<std::pair<int64_t, int64_t>> lines;
    std::string currency;
  };

  int64_t Pick(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random_() % static_cast<uint64_t>(high - low + 1));
  }
  bool Chance(int percent) { return Pick(0, 99) < percent; }
  Micros Moment();
  void Publish();
  void Review();
  void PassTime();
  void Request();
  // Now and then tells something about a relationship, in a request of its own.
  void Relate();
  // Now and then takes what is under way with an account one step further, or tells something new, in a request of its
  // own.
  void Engage();
  // The retraction of one of the account's records; nothing: it has none that can be retracted.
  std::optional<shard::SubmittedEvent> Retraction(const std::string& account_id, Micros occurred);
  shard::SubmittedEvent OneFact(const std::string& account_id);
  shard::SubmittedEvent Purchase(const std::string& account_id);
  shard::SubmittedEvent Return(const std::string& account_id);
  // A return of nothing yet.
  shard::SubmittedEvent Credit();
  // Adds some of what was bought to the return.
  void GiveBack(const Bought& bought, shard::SubmittedEvent& fact);
  shard::SubmittedEvent MovePoints(const std::string& account_id);
  shard::SubmittedEvent EndHold(const std::string& account_id);
  shard::SubmittedEvent Conduct();
  shard::SubmittedEvent FixTier();

  std::mt19937_64 random_;
  // Of the facts about relationships, which decide nothing: the rest of a ledger is the same without them.
  std::mt19937_64 relations_;
  // Of owners, interactions, items and the like.
  RandomFacts engagements_;
  WholeLedger whole_;
  std::vector<std::string> accounts_;
  std::vector<bool> opened_;
  std::vector<Bought> bought_;
  // The last reservation that was placed, by account.
  std::map<std::string, std::string> held_;
  // Requests about relationships so far.
  int related_ = 0;
  // Requests about what is under way so far.
  int engaged_ = 0;
  // The contract that runs, by account.
  std::map<std::string, std::string> contracts_;
  int published_ = 0;
  int reviews_ = 0;
  int requests_ = 0;
  int names_ = 0;
  int applied_ = 0;
};

}  // namespace keyledger::testing

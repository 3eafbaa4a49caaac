// LogModel: makes commit groups that hang together, without the domain: a small independent model of what a shard's log
// must hold.
//
// A record's bytes are "position|account_id|revision|request_id|padding", so that the verifier can ask a record what it
// claims to be.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "server/merkle/tree.h"
#include "server/store/commit_log.h"
#include "server/store/verify.h"

namespace keyledger::testing {

// Threads: thread-compatible.
class LogModel {
 public:
  explicit LogModel(uint64_t seed) : random_(seed) {}

  // A group of `requests` requests of 1 to 3 records each on one of 16 accounts, with everything that travels with
  // them. Nothing changes until Accept.
  store::CommitGroup NextGroup(size_t requests);
  // Takes the group into the model.
  void Accept(const store::CommitGroup& group);

  // Bytes of the records accepted, by position.
  const std::vector<std::string>& records() const { return records_; }
  // Timers that are set.
  const std::map<std::string, Micros>& timers() const { return timers_; }
  merkle::Hash root() const { return tree_.Root(); }

  // Empty if the store holds exactly the model's records and passes the verifier, tiles included; else what is wrong.
  std::string Compare(const store::ShardStore& store) const;

 private:
  std::mt19937_64 random_;
  std::vector<std::string> records_;
  std::map<std::string, uint64_t> revisions_;
  std::map<std::string, Micros> timers_;
  merkle::Tree tree_;
};

// What a record of the model claims.
absl::StatusOr<store::RecordClaims> ReadModelRecord(std::string_view bytes);

// Runs the verifier over a store of model records, tiles included.
store::VerifyReport VerifyModelStore(const store::ShardStore& store);

}  // namespace keyledger::testing

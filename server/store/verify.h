// VerifyStore: reads a whole store and reports everything in it that does not fit together. One verifier for tests,
// operators and auditors.
//
// Payloads are bytes in this room, so the caller says what a record claims to be, and may check more of it on the way
// (its leaf in the Merkle tree, for example).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "server/store/shard_store.h"

namespace keyledger::store {

// What a record says about itself.
struct RecordClaims {
  uint64_t position = 0;
  std::string account_id;
  uint64_t revision = 0;
  // Empty: caused by no request.
  std::string request_id;
};

struct VerifyOptions {
  // Required. Called once for each record in position order; an error is reported as a problem of that record.
  std::function<absl::StatusOr<RecordClaims>(uint64_t position, std::string_view bytes)> read_record;
  // Optional. Called now and then with the number of records read so far and in all.
  std::function<void(uint64_t done, uint64_t total)> progress;
  // Further problems are counted, not kept.
  size_t problems_max = 100;
};

struct VerifyReport {
  uint64_t records = 0;
  uint64_t problem_count = 0;
  // The first VerifyOptions::problems_max, each naming its place.
  std::vector<std::string> problems;

  bool ok() const { return problem_count == 0; }
};

// Checks that
// - positions have no gap, and every record is at the position it claims;
// - streams and records name each other, and the revisions of an account have no gap;
// - requests name records of their account that say they belong to the request, and each record that names a request is
// in that request's range;
// - uniques name records that exist; timers and tiles are well-formed; exactly the full tiles are there;
// - snapshots belong to accounts that have records.
// Threads: may run beside an appending thread; it looks at the records there at the call, and rows written later are
// not problems.
// Blocks: for a time proportional to the store; memory does not grow with it.
VerifyReport VerifyStore(const ShardStore& store, const VerifyOptions& options);

}  // namespace keyledger::store

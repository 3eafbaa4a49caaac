// The iterators behind ShardStore::ReadRecords and ReadStream; internal to server/store.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "server/store/database.h"
#include "server/store/shard_store.h"

namespace keyledger::store {

// Records [from, to). Requires: to is at most the number of records.
std::unique_ptr<RecordIterator> NewLogIterator(const Database& database, uint64_t from, uint64_t to);

// Records of an account, revisions [from, to), descending if `backwards`.
// Requires: to is at most the account's number
// of records.
std::unique_ptr<RecordIterator> NewStreamIterator(const Database& database, std::string account_id, uint64_t from,
                                                  uint64_t to, bool backwards);

// Yields nothing and has the given status.
std::unique_ptr<RecordIterator> NewFailedIterator(absl::Status status);

}  // namespace keyledger::store

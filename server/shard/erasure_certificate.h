// The certificate of an erasure: the text that is signed, which follows from the records of SubjectErased alone.
// PRIVACY.md describes it for those who read one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/base/clock.h"
#include "server/merkle/tree.h"

namespace keyledger::shard {

// The record of SubjectErased in one shard: where it stands, and the leaf of the shard's tree that it is.
struct ErasureRecord {
  uint32_t shard = 0;
  uint64_t position = 0;
  merkle::Hash leaf{};
};

// Returns the text, lines that end with a newline. `erase_time`: record_time on the first shard. `records`: by shard.
std::string ErasureCertificateText(std::string_view ledger_id, std::string_view subject_id, std::string_view reason,
                                   Micros erase_time, const std::vector<ErasureRecord>& records);

}  // namespace keyledger::shard

// Single notes and proofs: a checkpoint, a standing statement, a certificate of erasure; and that one checkpoint's log
// begins with another's.
#pragma once

#include <string>
#include <vector>

#include "client/verify/app.h"

namespace keyledger::verify {

// Prints who signed the note, of the keys given, and what it says. Returns the exit code.
int CheckNote(const std::string& path, const std::vector<std::string>& keys, bool json, Environment& environment);

// Checks both checkpoints' signatures and the proof between them: a file with the JSON of a ConsistencyProof, or of a
// message that has one as `proof`. Returns the exit code.
int CheckConsistency(const std::string& old_path, const std::string& new_path, const std::string& proof_path,
                     const std::vector<std::string>& keys, Environment& environment);

}  // namespace keyledger::verify

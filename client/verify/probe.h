// Probes: proofs with what is expected of them, one JSON object a line, as the test vectors of Merkle trees come.
#pragma once

#include <string>

#include "client/verify/app.h"

namespace keyledger::verify {

// Prints for each line `file`, whether the proof is accepted, and whether that is what the line expects.
// A line is {"file", "leafIdx", "treeSize", "root", "leafHash", "proof", "wantErr"} or {"file", "size1", "size2",
// "root1", "root2", "proof", "wantErr"}; hashes are base64, proof may be null. Hashes and sizes that are none are
// rejected; so is every consistency with an empty tree. Returns the exit code.
int CheckProbes(const std::string& path, bool json, Environment& environment);

}  // namespace keyledger::verify

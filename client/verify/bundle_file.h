// Reading a bundle from a file.
#pragma once

#include <string>

#include <absl/status/status.h>

#include "server/audit/bundle_reader.h"

namespace keyledger::verify {

// Gives every frame of the file, in order; Enough() from the callback ends the reading early.
// Errors: those of BundleReader; UNAVAILABLE if the file cannot be read; CANCELLED after Enough().
absl::Status ReadBundle(const std::string& path, audit::BundleReader::OnFrame on_frame);

// What the callback returns to read no further.
absl::Status Enough();

}  // namespace keyledger::verify

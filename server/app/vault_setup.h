// From options to the vault: which master key, where, and what a start without one means.
#pragma once

#include <memory>

#include <absl/status/statusor.h>

#include "server/app/options.h"
#include "server/vault/vault.h"

namespace keyledger::app {

// Opens the vault, or makes one, if a master key is configured; nothing without one. Logs what a person should know of
// it: how many subjects, and damage.
// Errors: FAILED_PRECONDITION if there is a vault and no master key; those of ReadMasterKeyFile, RunMasterKeyCommand
// and Vault::Open. Blocks: for the command, at most 30 seconds.
absl::StatusOr<std::unique_ptr<vault::Vault>> OpenVault(const Options& options);

}  // namespace keyledger::app

// See vault_setup.h.
#include "server/app/vault_setup.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "server/base/error.h"
#include "server/vault/master_key.h"

namespace keyledger::app {
namespace {

constexpr std::chrono::seconds kCommandLimit{30};

// One of the two is given, or neither.
absl::StatusOr<std::optional<vault::MasterKey>> ReadMasterKey(const std::string& file, const std::string& command) {
  if (file.empty() && command.empty()) return std::optional<vault::MasterKey>();
  absl::StatusOr<vault::MasterKey> key =
      file.empty() ? vault::RunMasterKeyCommand(command, kCommandLimit) : vault::ReadMasterKeyFile(file);
  KL_RETURN_IF_ERROR(key.status());
  return std::optional<vault::MasterKey>(*key);
}

}  // namespace

absl::StatusOr<std::unique_ptr<vault::Vault>> OpenVault(const Options& options) {
  const std::string directory = options.vault_dir.empty() ? options.data_dir + "/vault" : options.vault_dir;
  KL_ASSIGN_OR_RETURN(const std::optional<vault::MasterKey> master,
                      ReadMasterKey(options.master_key_file, options.master_key_command));
  if (!master.has_value()) {
    if (!vault::Vault::ExistsIn(directory)) return std::unique_ptr<vault::Vault>();
    return absl::FailedPreconditionError(fmt::format(
        "there is a vault in {}, but no master key: give --master-key-file or --master-key-command", directory));
  }
  KL_ASSIGN_OR_RETURN(const std::optional<vault::MasterKey> previous,
                      ReadMasterKey(options.previous_master_key_file, options.previous_master_key_command));
  vault::VaultOptions vault_options;
  vault_options.disk_reserve_bytes = uint64_t{options.disk_reserve_mib} << 20;
  KL_ASSIGN_OR_RETURN(std::unique_ptr<vault::Vault> vault,
                      vault::Vault::Open(directory, *master, previous, std::move(vault_options)));
  const vault::Vault::Counts counts = vault->counts();
  spdlog::info("the vault {} in {} holds the keys of {} data subjects, {} were erased; master key {}", vault->id(),
               directory, counts.live, counts.erased, vault->master_id());
  if (counts.damaged_slots > 0) {
    spdlog::error(
        "the vault {} has {} damaged keys: what is sealed under them cannot be read; stop the server and put "
        "a backup of the vault in its place",
        directory, counts.damaged_slots);
  }
  return vault;
}

}  // namespace keyledger::app

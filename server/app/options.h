// Options: what keyledgerd is told, by file and by flag. Every key of the file is a flag of the same name; a flag wins.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace keyledger::app {

struct Options {
  std::string data_dir;
  std::string listen = "127.0.0.1:7450";
  std::string port_file;
  std::optional<uint32_t> shards;
  bool allow_insecure = false;
  std::string tls_certificate;
  std::string tls_key;
  std::string tls_client_ca;
  std::string vault_dir;
  std::string master_key_file;
  std::string master_key_command;
  std::string previous_master_key_file;
  std::string previous_master_key_command;
  std::string log_level = "info";
  std::string log_format = "text";
  uint32_t worker_threads = 4;
  uint32_t query_threads = 8;
  uint32_t worker_queue = 1'024;
  uint32_t streams_max = 1'000;
  uint32_t queue_requests_max = 65'536;
  uint32_t queue_mib_max = 64;
  uint32_t state_cache_mib = 256;
  uint32_t block_cache_mib = 64;
  uint32_t disk_reserve_mib = 256;
  uint32_t skew_seconds_max = 300;
  uint32_t sweep_interval_seconds = 60;
  uint32_t sweep_quiet_seconds = 600;
  uint32_t stop_seconds_max = 30;
  uint32_t projection_chunk_records = 10'000;
  // Empty: below data_dir.
  std::string checkpoint_dir;
  std::string signing_key_dir;
  uint32_t checkpoint_interval_seconds = 60;
  bool accept_missing_checkpoints = false;
  bool accept_other_vault = false;
  // Replay the directory instead of serving it.
  bool replay = false;
  std::string replay_report = "text";
  std::vector<std::string> replay_keys;
};

// What the command line came to.
struct ParsedOptions {
  // Set if the process should end now (help, version, mistakes), with this exit code.
  std::optional<int> exit_code;
  Options options;
};

// Reads flags and, if --config names one, the file. Prints help, version and mistakes itself.
ParsedOptions ParseOptions(int argc, char** argv);

}  // namespace keyledger::app

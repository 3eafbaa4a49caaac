// See options.h.
#include "server/app/options.h"

#include <CLI/CLI.hpp>

#include "server/base/ids.h"

namespace keyledger::app {

ParsedOptions ParseOptions(int argc, char** argv) {
  ParsedOptions parsed;
  Options& options = parsed.options;
  CLI::App app("keyledgerd: the ledger of a company's key accounts, served over gRPC.", "keyledgerd");
  app.set_version_flag("--version", "keyledgerd " KEYLEDGER_VERSION);
  app.set_config("--config", "",
                 "Configuration file: lines \"key = value\", the keys being the flags below without the dashes")
      ->check(CLI::ExistingFile);
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.add_option("--data-dir", options.data_dir, "Directory of the ledger, REQUIRED; created if missing");
  app.add_option("--listen", options.listen, "HOST:PORT to serve on; port 0 takes a free one")->capture_default_str();
  app.add_option("--port-file", options.port_file, "File to write the port to once the server serves");
  app.add_option("--shards", options.shards, "Number of shards of a new ledger (1 if absent); fixed from then on")
      ->check(CLI::Range(1u, kShardsMax));
  app.add_flag("--allow-insecure", options.allow_insecure, "Serve without TLS on an address that is not loopback");
  app.add_option("--tls-certificate", options.tls_certificate,
                 "PEM file with the server's certificate chain; needs --tls-key")
      ->check(CLI::ExistingFile);
  app.add_option("--tls-key", options.tls_key, "PEM file with the server's private key")->check(CLI::ExistingFile);
  app.add_option("--tls-client-ca", options.tls_client_ca,
                 "PEM file with the authorities whose clients are let in (mutual TLS)")
      ->check(CLI::ExistingFile);
  app.add_option("--vault-dir", options.vault_dir,
                 "Directory of the keys that seal personal data (DATA_DIR/vault if absent); back it up, and apart from "
                 "the ledger");
  app.add_option(
      "--master-key-file", options.master_key_file,
      "File with the key that wraps them, 64 hex digits or base64, readable by its owner only; make one with "
      "(umask 077; openssl rand -hex 32 > FILE)");
  app.add_option("--master-key-command", options.master_key_command,
                 "Command that prints this key, run once at start; without a key personal data is refused");
  app.add_option(
      "--previous-master-key-file", options.previous_master_key_file,
      "File with the key the vault is wrapped by, to change it to the one given above; not needed afterwards");
  app.add_option("--previous-master-key-command", options.previous_master_key_command, "Command that prints this key");
  app.add_option("--log-level", options.log_level, "How much to log")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
  app.add_option("--log-format", options.log_format, "Form of the log lines, on standard error")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_option("--worker-threads", options.worker_threads, "Threads for streams and short reads")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--query-threads", options.query_threads, "Threads for queries of projections")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--worker-queue", options.worker_queue, "Calls that may wait for a thread, of either kind")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--streams-max", options.streams_max, "Streaming calls open at once")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--queue-requests-max", options.queue_requests_max, "Appends that may wait, per shard")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  app.add_option("--queue-mib-max", options.queue_mib_max, "Their size together, MiB, over all shards")
      ->check(CLI::Range(8, 65'536))
      ->capture_default_str();
  app.add_option("--state-cache-mib", options.state_cache_mib, "Account states kept for deciding, MiB, over all shards")
      ->check(CLI::Range(1, 65'536))
      ->capture_default_str();
  app.add_option("--block-cache-mib", options.block_cache_mib, "Cache of stored blocks, MiB, over all shards")
      ->check(CLI::Range(8, 65'536))
      ->capture_default_str();
  app.add_option("--disk-reserve-mib", options.disk_reserve_mib,
                 "Appends are refused while less is free on the disk, MiB; 0: never")
      ->capture_default_str();
  app.add_option("--skew-seconds-max", options.skew_seconds_max,
                 "How far occurred_time may be ahead of the server's clock")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  app.add_option("--sweep-interval-seconds", options.sweep_interval_seconds,
                 "How often decisions that time brings are looked for; 0: never")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  app.add_option("--sweep-quiet-seconds", options.sweep_quiet_seconds,
                 "An account written to within this time is left for later")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  app.add_option("--stop-seconds-max", options.stop_seconds_max, "How long calls may take to end after SIGTERM")
      ->check(CLI::Range(1, 600))
      ->capture_default_str();
  app.add_option("--projection-chunk-records", options.projection_chunk_records,
                 "Records a projection folds between two writes")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option(
      "--checkpoint-dir", options.checkpoint_dir,
      "Directory of the signed checkpoints (<data-dir>/checkpoints if absent); better on another disk than the "
      "data, so that a log that loses records is noticed");
  app.add_option("--checkpoint-interval-seconds", options.checkpoint_interval_seconds,
                 "How often a checkpoint is signed if a log grew; 0: only when asked for and at a clean stop")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  app.add_option(
      "--signing-key-dir", options.signing_key_dir,
      "Directory of the private key that signs checkpoints (<data-dir>/keys if absent), signing.pem; made at the "
      "first start if missing, readable by its owner only");
  app.add_flag("--accept-missing-checkpoints", options.accept_missing_checkpoints,
               "Start although the checkpoints of a ledger that had some are gone");
  app.add_flag("--accept-other-vault", options.accept_other_vault,
               "Start with the vault of --vault-dir although it is not the one the ledger was written with, which is "
               "lost for good: what was sealed before can never be read again");
  app.add_flag("--replay", options.replay,
               "Serve nothing: replay the ledger of the data directory, which no server may hold, for an audit; writes "
               "nothing. Exit code 0: nothing found, 1: cannot run, 8: something is wrong");
  app.add_option("--replay-report", options.replay_report, "Form of what --replay prints")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_option(
      "--replay-keys", options.replay_keys,
      "Keys that --replay trusts for checkpoints: a verifier key (origin+hash+key) or a file with one a line; "
      "may be repeated");
  try {
    app.parse(argc, argv);
    // Not CLI11's own check, which would come before it names an option it does not know.
    if (options.data_dir.empty()) throw CLI::RequiredError("--data-dir");
    if (options.tls_certificate.empty() != options.tls_key.empty()) {
      throw CLI::RequiredError("--tls-certificate and --tls-key go together: the other one");
    }
    if (!options.tls_client_ca.empty() && options.tls_certificate.empty()) {
      throw CLI::RequiredError("--tls-client-ca needs a server certificate: --tls-certificate");
    }
    const bool master = !options.master_key_file.empty() || !options.master_key_command.empty();
    const bool previous = !options.previous_master_key_file.empty() || !options.previous_master_key_command.empty();
    if (!options.master_key_file.empty() && !options.master_key_command.empty())
      throw CLI::ExcludesError("--master-key-file", "--master-key-command");
    if (!options.previous_master_key_file.empty() && !options.previous_master_key_command.empty())
      throw CLI::ExcludesError("--previous-master-key-file", "--previous-master-key-command");
    if (previous && !master) {
      throw CLI::RequiredError(
          "--previous-master-key-... needs the key to change to: --master-key-file or "
          "--master-key-command");
    }
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    parsed.exit_code = code == 0 ? 0 : 2;
  }
  return parsed;
}

}  // namespace keyledger::app

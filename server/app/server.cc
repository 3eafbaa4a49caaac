// See server.h.
#include "server/app/server.h"

#include <arpa/inet.h>

#include <grpcpp/ext/channelz_service_plugin.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <spdlog/spdlog.h>

#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "grpc/health/v1/health.pb.h"
#include "projections/accesses/accesses_projection.h"
#include "projections/accounts/accounts_projection.h"
#include "projections/contacts/contacts_projection.h"
#include "projections/engagement/engagement_projection.h"
#include "projections/engagement/owner_index.h"
#include "projections/points/points_projection.h"
#include "projections/retention/retention_projection.h"
#include "projections/tiers/tiers_projection.h"
#include "server/app/vault_setup.h"
#include "server/base/error.h"
#include "server/service/account_service.h"
#include "server/service/audit_service.h"
#include "server/service/engagement_service.h"
#include "server/service/ledger_service.h"
#include "server/service/operator_services.h"
#include "server/service/pipeline_service.h"
#include "server/service/points_service.h"
#include "server/service/portfolio_service.h"
#include "server/service/retention_service.h"
#include "server/service/tier_service.h"

namespace keyledger::app {
namespace {

// A failure of the same kind is logged again no sooner than after an hour.
constexpr Micros kSameFailureEvery = 3'600 * kMicrosPerSecond;

shard::LedgerOptions ToLedgerOptions(const Options& options) {
  shard::LedgerOptions out;
  out.data_dir = options.data_dir;
  out.shard_count = options.shards;
  out.store_cache_bytes = uint64_t{options.block_cache_mib} << 20;
  out.disk_reserve_bytes = uint64_t{options.disk_reserve_mib} << 20;
  out.shard.queue_requests_max = options.queue_requests_max;
  out.shard.queue_bytes_max = size_t{options.queue_mib_max} << 20;
  out.shard.cache_bytes_max = size_t{options.state_cache_mib} << 20;
  out.shard.skew_max = Micros{options.skew_seconds_max} * kMicrosPerSecond;
  out.engine.chunk_records = options.projection_chunk_records;
  out.sweep_interval = std::chrono::seconds(options.sweep_interval_seconds);
  out.sweep_quiet = Micros{options.sweep_quiet_seconds} * kMicrosPerSecond;
  shard::CheckpointOptions& checkpoints = out.checkpoints.emplace();
  checkpoints.directory = options.checkpoint_dir.empty() ? options.data_dir + "/checkpoints" : options.checkpoint_dir;
  checkpoints.key_directory = options.signing_key_dir.empty() ? options.data_dir + "/keys" : options.signing_key_dir;
  checkpoints.interval = std::chrono::seconds(options.checkpoint_interval_seconds);
  checkpoints.accept_missing = options.accept_missing_checkpoints;
  out.projections = {projections::MakeAccountsProjection(),  projections::MakePointsProjection(),
                     projections::MakeTiersProjection(),     projections::MakeRetentionProjection(),
                     projections::MakeContactsProjection(),  projections::MakeAccessesProjection(),
                     projections::MakeEngagementProjection()};
  out.owner_index = shard::OwnerIndex{
      "engagement",
      [](const store::TableReader& rows, const std::string& person, const std::string& after, size_t limit) {
        return projections::engagement::ListOwned(rows, person, projections::engagement::OwnedBy::kRole, after, limit);
      }};
  return out;
}

bool IsLoopback(const std::string& listen) {
  const std::string host = listen.substr(0, listen.rfind(':'));
  // An address, not a name that begins like one.
  in_addr address{};
  const bool loopback4 = inet_pton(AF_INET, host.c_str(), &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
  return host == "localhost" || host == "[::1]" || loopback4 || listen.starts_with("unix:");
}

// What a person should know of how ledger and vault fit.
void LogVault(shard::Ledger& ledger, const vault::Vault* vault) {
  if (vault == nullptr && !ledger.vault_id().empty()) {
    spdlog::warn(
        "the ledger's personal data is sealed with the keys of vault {}: without it none can be read, "
        "recorded or erased",
        ledger.vault_id());
  }
  if (const uint64_t again = ledger.privacy().erased_again(); again > 0) {
    spdlog::warn(
        "the vault did not know of the erasure of {} data subjects, as an older copy of it would not: their "
        "keys are destroyed again",
        again);
  }
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::shared_ptr<grpc::ServerCredentials> Credentials(const Options& options) {
  if (options.tls_certificate.empty()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions ssl(options.tls_client_ca.empty()
                                            ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                                            : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  ssl.pem_key_cert_pairs.push_back({ReadFile(options.tls_key), ReadFile(options.tls_certificate)});
  if (!options.tls_client_ca.empty()) ssl.pem_root_certs = ReadFile(options.tls_client_ca);
  return grpc::SslServerCredentials(ssl);
}

}  // namespace

Server::Server(const Options& options, const Clock& clock)
    : options_(options),
      clock_(clock),
      sweep_failures_(clock, kSameFailureEvery, "sweep", [](const std::string& line) { spdlog::error("{}", line); }),
      checkpoint_failures_(clock, kSameFailureEvery, "checkpoint",
                           [](const std::string& line) { spdlog::error("{}", line); }),
      simulations_(service::kSimulationsMax),
      forecasts_(service::kForecastsMax),
      workers_(options.worker_threads, options.worker_queue),
      queries_(options.query_threads, options.worker_queue),
      streams_(options.streams_max) {}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Options& options, const Clock& clock) {
  if (options.tls_certificate.empty() && !options.allow_insecure && !IsLoopback(options.listen)) {
    return absl::FailedPreconditionError(fmt::format(
        "--listen {} is not loopback: give --tls-certificate and --tls-key, or --allow-insecure to serve without TLS",
        options.listen));
  }
  std::unique_ptr<Server> server(new Server(options, clock));
  shard::LedgerOptions ledger_options = ToLedgerOptions(options);
  ledger_options.on_sweep_failure = [failures = &server->sweep_failures_](uint32_t shard, const absl::Status& failure) {
    failures->Note(shard, failure);
  };
  ledger_options.checkpoints->on_failure = [failures = &server->checkpoint_failures_](uint32_t shard,
                                                                                      const absl::Status& failure) {
    failures->Note(shard, failure);
  };
  KL_ASSIGN_OR_RETURN(server->vault_, OpenVault(options));
  ledger_options.vault = server->vault_.get();
  ledger_options.accept_other_vault = options.accept_other_vault;
  KL_ASSIGN_OR_RETURN(server->ledger_, shard::Ledger::Open(ledger_options, clock));
  LogVault(*server->ledger_, server->vault_.get());
  for (uint32_t shard = 0; shard < server->ledger_->shard_count(); ++shard) {
    for (const shard::PublishedKey& key : server->ledger_->checkpoints().keys(shard)) {
      if (key.current) spdlog::info("checkpoints of shard {} are signed by {}", shard, key.key.Format());
    }
  }
  KL_RETURN_IF_ERROR(server->Listen());
  return server;
}

absl::Status Server::Listen() {
  const service::ServiceContext context{*ledger_, clock_,       workers_,   queries_,
                                        streams_, simulations_, forecasts_, vault_.get()};
  services_.push_back(std::make_unique<service::LedgerServiceImpl>(context));
  services_.push_back(std::make_unique<service::AccountServiceImpl>(context));
  services_.push_back(std::make_unique<service::PointsServiceImpl>(context));
  services_.push_back(std::make_unique<service::TierServiceImpl>(context));
  services_.push_back(std::make_unique<service::RetentionServiceImpl>(context));
  services_.push_back(std::make_unique<service::PortfolioServiceImpl>(context));
  services_.push_back(std::make_unique<service::EngagementServiceImpl>(context));
  services_.push_back(std::make_unique<service::PipelineServiceImpl>(context));
  services_.push_back(std::make_unique<service::ProgramServiceImpl>(context));
  services_.push_back(std::make_unique<service::AuditServiceImpl>(context));
  services_.push_back(std::make_unique<service::AdminServiceImpl>(context, KEYLEDGER_VERSION));

  // Reflection clients ask for the health service's descriptor, which only a use of the generated code brings in.
  static_cast<void>(grpc::health::v1::HealthCheckRequest::descriptor());
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::channelz::experimental::InitChannelzService();

  grpc::ServerBuilder builder;
  // gRPC would let two servers share a port, each getting some of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 4'096);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 9'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.SetMaxReceiveMessageSize(static_cast<int>(service::kMessageBytesMax));
  builder.SetMaxSendMessageSize(64 << 20);
  builder.AddListeningPort(options_.listen, Credentials(options_), &port_);
  for (const auto& service : services_) builder.RegisterService(service.get());
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port_ == 0) {
    return absl::UnavailableError(
        fmt::format("cannot listen on {}: is the port in use, the address this machine's and the certificate readable?",
                    options_.listen));
  }
  return absl::OkStatus();
}

Server::~Server() { Stop(); }

void Server::Stop() {
  if (server_ != nullptr) {
    if (auto* health = server_->GetHealthCheckService()) health->SetServingStatus(false);
    // Subscriptions never end by themselves, and Shutdown waits for every call.
    streams_.StopAll();
    // Neither does a query that waits for a projection.
    ledger_->StopProjections();
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(options_.stop_seconds_max));
    server_.reset();
  }
  if (ledger_ != nullptr) ledger_->Stop();
  queries_.Stop();
  workers_.Stop();
}

}  // namespace keyledger::app

// TLS, and TLS in both directions, with certificates made by openssl for the test.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

std::string Contents(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// A self-signed certificate for 127.0.0.1: <stem>.crt and <stem>.key.
void MakeCertificate(const std::string& stem, const std::string& name) {
  const std::string command =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout " + stem +
      ".key -out " + stem + ".crt -subj /CN=" + name + " -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

grpc::Status Ask(const app::Server& server, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto channel = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server.port()), credentials, arguments);
  const auto stub = ledger::v1::AdminService::NewStub(channel);
  ledger::v1::GetStatusResponse response;
  return Call(*stub, &ledger::v1::AdminService::Stub::GetStatus, ledger::v1::GetStatusRequest(), &response);
}

class Tls : public ::testing::Test {
 protected:
  void SetUp() override {
    MakeCertificate(directory_ / "server", "server");
    MakeCertificate(directory_ / "client", "client");
    MakeCertificate(directory_ / "stranger", "stranger");
  }
  std::unique_ptr<app::Server> StartServer(bool mutual) {
    app::Options options = TestOptions(directory_ / "ledger");
    options.tls_certificate = directory_ / "server.crt";
    options.tls_key = directory_ / "server.key";
    if (mutual) options.tls_client_ca = directory_ / "client.crt";
    auto server = app::Server::Start(options, clock_);
    EXPECT_TRUE(server.ok()) << server.status();
    return *std::move(server);
  }
  // `as` empty: without a certificate of one's own.
  std::shared_ptr<grpc::ChannelCredentials> Trusting(const std::string& root, const std::string& as = "") {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = Contents(directory_ / (root + ".crt"));
    if (!as.empty()) {
      options.pem_private_key = Contents(directory_ / (as + ".key"));
      options.pem_cert_chain = Contents(directory_ / (as + ".crt"));
    }
    return grpc::SslCredentials(options);
  }

  const TempDir directory_;
  FakeClock clock_{kToday};
};

TEST_F(Tls, ServesThoseWhoTrustTheCertificate) {
  const auto server = StartServer(false);
  EXPECT_TRUE(Ask(*server, Trusting("server")).ok());
  EXPECT_EQ(Ask(*server, Trusting("stranger")).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Ask(*server, grpc::InsecureChannelCredentials()).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(Tls, InBothDirectionsRefusesAClientWithoutACertificateOrWithAStrangers) {
  const auto server = StartServer(true);
  EXPECT_TRUE(Ask(*server, Trusting("server", "client")).ok());
  EXPECT_EQ(Ask(*server, Trusting("server")).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Ask(*server, Trusting("server", "stranger")).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(Tls, MayListenBeyondLoopback) {
  app::Options options = TestOptions(directory_ / "ledger");
  options.listen = "0.0.0.0:0";
  options.tls_certificate = directory_ / "server.crt";
  options.tls_key = directory_ / "server.key";
  const auto server = app::Server::Start(options, clock_);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_TRUE(Ask(**server, Trusting("server")).ok());
}

TEST_F(Tls, WithACertificateThatIsNoneDoesNotStart) {
  app::Options options = TestOptions(directory_ / "ledger");
  std::ofstream(directory_ / "bad.crt") << "not a certificate";
  options.tls_certificate = directory_ / "bad.crt";
  options.tls_key = directory_ / "server.key";
  EXPECT_EQ(app::Server::Start(options, clock_).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace keyledger::testing

// keyledger audit: what it prints, and that verify believes keys and hashes and never the server.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "client/cli/app.h"
#include "keyledger/ledger/v1/audit_service.grpc.pb.h"
#include "server/merkle/checkpoint.h"
#include "server/merkle/proof.h"

namespace keyledger::cli {
namespace {

namespace v1 = ledger::v1;

constexpr char kOrigin[] = "keyledger/0123456789abcdef0123456789abcdef/0";

std::string BytesOf(const merkle::Hash& hash) { return std::string(hash.begin(), hash.end()); }

// A ledger of one shard that answers honestly, unless a test bends an answer.
class FakeAudit final : public v1::AuditService::Service {
 public:
  FakeAudit() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    Grow(20);
  }
  ~FakeAudit() override { server_->Shutdown(); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  void Grow(uint64_t size) {
    std::vector<merkle::FullTile> full;
    while (tree_.size() < size) {
      events::v1::EventRecord record;
      record.set_position(tree_.size());
      record.set_account_id("acme");
      record.set_revision(tree_.size());
      record.mutable_event()->mutable_account_opened()->set_display_name("Acme");
      records.push_back(record.SerializeAsString());
      tree_.Append(merkle::LeafHash(records.back()), full);
    }
  }
  merkle::TileNodes Nodes() const {
    return merkle::TileNodes(tree_,
                             [](uint32_t, uint64_t) -> absl::StatusOr<std::string> { return absl::NotFoundError(""); });
  }
  std::string Note(uint64_t size) const { return Note(size, key); }
  std::string Note(uint64_t size, const merkle::SigningKey& signer) const {
    merkle::TileNodes nodes = Nodes();
    const merkle::Checkpoint checkpoint{kOrigin, size, *merkle::RootOf(size, nodes.reader())};
    return *merkle::SignNote(merkle::FormatCheckpoint(checkpoint), std::vector<merkle::NoteSigner>{{kOrigin, &signer}});
  }
  std::string vkey() const { return merkle::VerifierKey(kOrigin, key.public_key()).Format(); }

  grpc::Status GetCheckpoint(grpc::ServerContext*, const v1::GetCheckpointRequest* request,
                             v1::GetCheckpointResponse* response) override {
    asked = request->ShortDebugString();
    response->set_checkpoint(Note(tree_.size()));
    response->set_tree_size(tree_.size());
    response->mutable_publish_time()->set_seconds(1'767'225'600);
    bend_checkpoint(*response);
    return grpc::Status::OK;
  }
  grpc::Status ListCheckpoints(grpc::ServerContext*, const v1::ListCheckpointsRequest* request,
                               v1::ListCheckpointsResponse* response) override {
    asked = request->ShortDebugString();
    v1::GetCheckpointResponse& checkpoint = *response->add_checkpoints();
    checkpoint.set_tree_size(1'234);
    checkpoint.set_root_hash(BytesOf(merkle::EmptyRoot()));
    checkpoint.mutable_publish_time()->set_seconds(1'767'225'600);
    return grpc::Status::OK;
  }
  grpc::Status GetInclusionProof(grpc::ServerContext*, const v1::GetInclusionProofRequest* request,
                                 v1::GetInclusionProofResponse* response) override {
    asked = request->ShortDebugString();
    const uint64_t position = request->has_place() ? request->place().position() : request->revision().revision();
    const uint64_t size = request->tree_size() == 0 ? tree_.size() : request->tree_size();
    merkle::TileNodes nodes = Nodes();
    response->set_record(records[position]);
    response->mutable_proof()->set_leaf_index(position);
    response->mutable_proof()->set_tree_size(size);
    const merkle::Proof proof = *merkle::InclusionProof(position, size, nodes.reader());
    for (const merkle::Hash& hash : proof) response->mutable_proof()->add_hashes(BytesOf(hash));
    response->set_root_hash(BytesOf(*merkle::RootOf(size, nodes.reader())));
    if (request->tree_size() == 0) response->set_checkpoint(Note(size));
    bend_inclusion(*response);
    return grpc::Status::OK;
  }
  grpc::Status GetConsistencyProof(grpc::ServerContext*, const v1::GetConsistencyProofRequest* request,
                                   v1::GetConsistencyProofResponse* response) override {
    merkle::TileNodes nodes = Nodes();
    const merkle::Proof proof =
        *merkle::ConsistencyProof(request->first_size(), request->second_size(), nodes.reader());
    for (const merkle::Hash& hash : proof) response->mutable_proof()->add_hashes(BytesOf(hash));
    bend_consistency(*response);
    return grpc::Status::OK;
  }
  grpc::Status ListSigningKeys(grpc::ServerContext*, const v1::ListSigningKeysRequest*,
                               v1::ListSigningKeysResponse* response) override {
    FillKey(*response->add_keys());
    return grpc::Status::OK;
  }
  grpc::Status RotateSigningKey(grpc::ServerContext*, const v1::RotateSigningKeyRequest* request,
                                v1::RotateSigningKeyResponse* response) override {
    rotation = *request;
    FillKey(*response->add_keys());
    return grpc::Status::OK;
  }

  const merkle::SigningKey key = merkle::SigningKey::Generate();
  std::vector<std::string> records;
  std::string asked;
  v1::RotateSigningKeyRequest rotation;
  std::function<void(v1::GetCheckpointResponse&)> bend_checkpoint = [](auto&) {};
  std::function<void(v1::GetInclusionProofResponse&)> bend_inclusion = [](auto&) {};
  std::function<void(v1::GetConsistencyProofResponse&)> bend_consistency = [](auto&) {};

 private:
  static void FillKey(v1::SigningKey& key) {
    key.set_shard(3);
    key.set_verifier_key("the+key");
    key.mutable_publish_time()->set_seconds(1'767'225'600);
    key.set_position(17);
    key.set_current(true);
  }

  merkle::Tree tree_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

class AuditCommand : public ::testing::Test {
 protected:
  AuditCommand() {
    std::string pattern = (std::filesystem::temp_directory_path() / "kl_audit_test.XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~AuditCommand() override { std::filesystem::remove_all(folder_); }

  std::string File(const std::string& name) const { return (folder_ / name).string(); }
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(File(name), std::ios::binary) << text;
    return File(name);
  }
  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  Outcome Audit(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--server", server.address(), "--timeout", "10", "audit"});
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    Outcome outcome;
    outcome.code = cli::Run(arguments, Environment{in, out, err});
    outcome.out = out.str();
    outcome.err = err.str();
    return outcome;
  }
  // Verifies online since an older checkpoint.
  Outcome Since(const std::string& note) {
    return Audit({"verify", "--key", server.vkey(), "--since", Write("since", note)});
  }
  // Proves record 5 and verifies the file, with what `change` makes of it.
  Outcome VerifyProof(const std::function<void(std::string&)>& change = [](std::string&) {}) {
    const Outcome proved = Audit({"prove", "--position", "5", "--out", File("proof.json")});
    EXPECT_EQ(proved.code, 0) << proved.err;
    std::string json = Read(File("proof.json"));
    change(json);
    return Audit({"verify", Write("proof.json", json), "--key", server.vkey()});
  }

  FakeAudit server;

 private:
  std::filesystem::path folder_;
};

TEST_F(AuditCommand, CheckpointPrintsTheNoteAsItIs) {
  const Outcome outcome = Audit({"checkpoint", "--shard", "0"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, server.Note(20));
  EXPECT_EQ(server.asked, "");
  EXPECT_EQ(Audit({"checkpoint", "--shard", "2", "--fresh"}).code, 0);
  EXPECT_EQ(server.asked, "shard: 2 fresh: true");
  server.bend_checkpoint = [](v1::GetCheckpointResponse& response) { response.Clear(); };
  EXPECT_EQ(Audit({"checkpoint"}).err, "shard 0 has no checkpoint yet; ask with --fresh\n");
}

TEST_F(AuditCommand, CheckpointListsWhatWasPublished) {
  const Outcome outcome = Audit({"checkpoint", "--list", "--page-size", "7"});
  EXPECT_EQ(outcome.out,
            "published              size  root hash\n"
            "2026-01-01T00:00:00Z  1,234  e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n");
  EXPECT_EQ(server.asked, "page_size: 7");
}

TEST_F(AuditCommand, ProvePrintsRecordProofAndCheckpoint) {
  const Outcome outcome = Audit({"prove", "--account", "acme", "--revision", "3"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(server.asked, "revision { account_id: \"acme\" revision: 3 }");
  EXPECT_NE(outcome.out.find("record       0/3\naccount      acme\n"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("in a log of  20 records\n"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find(server.Note(20)), std::string::npos) << outcome.out;
  EXPECT_EQ(Audit({"prove", "--shard", "0", "--position", "3", "--tree-size", "9"}).code, 0);
  EXPECT_EQ(server.asked, "place { position: 3 } tree_size: 9");
}

TEST_F(AuditCommand, ProveWantsOneWayToNameTheRecord) {
  EXPECT_EQ(Audit({"prove"}).code, 2);
  EXPECT_EQ(Audit({"prove", "--account", "acme", "--position", "3"}).code, 2);
  EXPECT_EQ(Audit({"prove", "--position", "3", "--out", File("no/such/folder")}).code, 2);
}

TEST_F(AuditCommand, VerifyTakesTheServersSignedCheckpoint) {
  const Outcome outcome = Audit({"verify", "--key", server.vkey()});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(
      outcome.out,
      fmt::format(
          "verified: the server's newest checkpoint is a checkpoint of {} with 20 records, signed by a key given\n",
          kOrigin));
}

TEST_F(AuditCommand, VerifyTakesKeysFromAFile) {
  const std::string file = Write("keys", "# of the auditors\n\n" + server.vkey() + "\n");
  EXPECT_EQ(Audit({"verify", "--key", file}).code, 0);
  EXPECT_EQ(Audit({"verify", "--key", Write("none", "# nothing\n")}).code, 2);
  EXPECT_EQ(Audit({"verify", "--key", "garbage"}).code, 2);
  EXPECT_EQ(Audit({"verify"}).code, 2);
}

TEST_F(AuditCommand, VerifyRefusesAStrangersSignatureAndAChangedCheckpoint) {
  const merkle::SigningKey stranger = merkle::SigningKey::Generate();
  server.bend_checkpoint = [&](v1::GetCheckpointResponse& response) {
    response.set_checkpoint(server.Note(20, stranger));
  };
  Outcome outcome = Audit({"verify", "--key", server.vkey()});
  EXPECT_EQ(outcome.code, 8);
  EXPECT_EQ(outcome.err, "NOT VERIFIED: the server's newest checkpoint: none of the given keys signed the note\n");
  server.bend_checkpoint = [&](v1::GetCheckpointResponse& response) {
    response.mutable_checkpoint()->replace(response.checkpoint().find("\n20\n"), 4, "\n21\n");
  };
  outcome = Audit({"verify", "--key", server.vkey()});
  EXPECT_EQ(outcome.code, 8);
  EXPECT_NE(outcome.err.find("the note was changed, or never signed by this key"), std::string::npos) << outcome.err;
}

TEST_F(AuditCommand, VerifySinceShowsThatTheLogOnlyGrew) {
  for (const uint64_t size : {1u, 7u, 8u, 20u}) {
    const Outcome outcome = Since(server.Note(size));
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find(fmt::format(
                  "verified: the log of 20 records begins with the {} records of the older checkpoint", size)),
              std::string::npos)
        << outcome.out;
  }
}

TEST_F(AuditCommand, VerifySinceFindsALogThatLostOrChangedRecords) {
  const std::string newest = server.Note(20);
  server.Grow(25);
  const std::string longer = server.Note(25);
  // The server shows an older state.
  server.bend_checkpoint = [&](v1::GetCheckpointResponse& response) { response.set_checkpoint(newest); };
  Outcome outcome = Since(longer);
  EXPECT_EQ(outcome.code, 8);
  EXPECT_NE(outcome.err.find("the log has lost records: it has 20, the older checkpoint 25"), std::string::npos)
      << outcome.err;
  server.bend_checkpoint = [](auto&) {};
  // The older checkpoint is of another history.
  merkle::Checkpoint other{kOrigin, 10, merkle::LeafHash("another")};
  const std::string forked =
      *merkle::SignNote(merkle::FormatCheckpoint(other), std::vector<merkle::NoteSigner>{{kOrigin, &server.key}});
  outcome = Since(forked);
  EXPECT_EQ(outcome.code, 8);
  EXPECT_NE(outcome.err.find("the log of 25 records is not shown to begin with the 10 records of the older checkpoint"),
            std::string::npos)
      << outcome.err;
  other.size = 25;
  outcome = Since(
      *merkle::SignNote(merkle::FormatCheckpoint(other), std::vector<merkle::NoteSigner>{{kOrigin, &server.key}}));
  EXPECT_EQ(outcome.code, 8);
  // A proof that proves nothing.
  for (const auto& bend : std::vector<std::function<void(v1::GetConsistencyProofResponse&)>>{
           [](auto& response) { response.mutable_proof()->clear_hashes(); },
           [](auto& response) { response.mutable_proof()->set_hashes(0, "short"); },
           [](auto& response) { (*response.mutable_proof()->mutable_hashes(0))[0] ^= 1; }}) {
    server.bend_consistency = bend;
    EXPECT_EQ(Since(newest).code, 8);
  }
}

TEST_F(AuditCommand, VerifySinceRefusesAnotherLogsCheckpoint) {
  const std::string origin = "keyledger/0123456789abcdef0123456789abcdef/1";
  const merkle::Checkpoint other{origin, 10, merkle::LeafHash("another")};
  const std::string note =
      *merkle::SignNote(merkle::FormatCheckpoint(other), std::vector<merkle::NoteSigner>{{origin, &server.key}});
  const std::string keys =
      Write("keys", server.vkey() + "\n" + merkle::VerifierKey(origin, server.key.public_key()).Format() + "\n");
  const Outcome outcome = Audit({"verify", "--key", keys, "--since", Write("since", note)});
  EXPECT_EQ(outcome.code, 8);
  EXPECT_NE(outcome.err.find("choose the --shard of the older one"), std::string::npos) << outcome.err;
}

TEST_F(AuditCommand, VerifyTakesFilesOfCheckpointsAndProofs) {
  const Outcome proof = VerifyProof();
  EXPECT_EQ(proof.code, 0) << proof.err;
  EXPECT_NE(proof.out.find(fmt::format("proof.json: revision 5 of account acme is record 5 of {}\n", kOrigin)),
            std::string::npos)
      << proof.out;
  const Outcome both =
      Audit({"verify", File("proof.json"), Write("checkpoint", server.Note(7)), "--key", server.vkey()});
  EXPECT_EQ(both.code, 0) << both.err;
  EXPECT_NE(both.out.find("with 7 records"), std::string::npos) << both.out;
  EXPECT_EQ(Audit({"verify", File("no-such-file"), "--key", server.vkey()}).code, 2);
  EXPECT_EQ(Audit({"verify", File("proof.json"), "--since", File("checkpoint"), "--key", server.vkey()}).code, 2);
  const Outcome json = Audit({"--output", "json", "verify", File("checkpoint"), "--key", server.vkey()});
  EXPECT_TRUE(json.out.starts_with("{\"holds\":[")) << json.out;
  EXPECT_TRUE(json.out.ends_with("\"verified\":true}\n")) << json.out;
}

TEST_F(AuditCommand, VerifyRefusesAProofThatWasBent) {
  for (const auto& bend : std::vector<std::function<void(v1::GetInclusionProofResponse&)>>{
           [](auto& response) { response.mutable_record()->back() ^= 1; },
           [](auto& response) { response.mutable_proof()->set_leaf_index(6); },
           [](auto& response) { response.mutable_proof()->set_tree_size(19); },
           [](auto& response) { (*response.mutable_proof()->mutable_hashes(1))[3] ^= 1; },
           [](auto& response) { response.mutable_proof()->mutable_hashes()->RemoveLast(); },
           [](auto& response) { response.mutable_proof()->add_hashes("short"); },
           [&](auto& response) { response.set_checkpoint(server.Note(19)); },
           [](auto& response) { response.clear_checkpoint(); }}) {
    server.bend_inclusion = bend;
    EXPECT_EQ(VerifyProof().code, 8);
  }
  server.bend_inclusion = [](auto&) {};
  EXPECT_EQ(VerifyProof([](std::string& json) { json = "{"; }).code, 8);
  EXPECT_EQ(VerifyProof([](std::string& json) { json = "garbage"; }).code, 8);
  EXPECT_EQ(VerifyProof([](std::string& json) { json.clear(); }).code, 8);
}

TEST_F(AuditCommand, VerifyFindsARecordThatSaysItIsElsewhere) {
  // Signed and in the tree, but not what it says: only a broken ledger does that.
  server.bend_inclusion = [&](v1::GetInclusionProofResponse& response) {
    events::v1::EventRecord record;
    record.set_position(4);
    const std::string bytes = record.SerializeAsString();
    const merkle::Checkpoint alone{kOrigin, 1, merkle::LeafHash(bytes)};
    response.Clear();
    response.set_record(bytes);
    response.mutable_proof()->set_tree_size(1);
    response.set_checkpoint(
        *merkle::SignNote(merkle::FormatCheckpoint(alone), std::vector<merkle::NoteSigner>{{kOrigin, &server.key}}));
  };
  const Outcome outcome = VerifyProof();
  EXPECT_EQ(outcome.code, 8);
  EXPECT_NE(outcome.err.find("the record is in the log at 0 but says it is somewhere else"), std::string::npos)
      << outcome.err;
}

TEST_F(AuditCommand, KeysAreShownAndRotated) {
  const std::string table =
      "shard  published             position  signs  verifier key\n"
      "    3  2026-01-01T00:00:00Z        17  now    the+key\n";
  EXPECT_EQ(Audit({"key", "show"}).out, table);
  EXPECT_EQ(Audit({"key", "rotate", "--reason", "yearly", "--actor", "officer", "--request-id", "r1"}).out, table);
  EXPECT_EQ(server.rotation.ShortDebugString(), "request_id: \"r1\" reason: \"yearly\" actor: \"officer\"");
  EXPECT_EQ(Audit({"key", "rotate", "--reason", "yearly"}).code, 0);
  EXPECT_FALSE(server.rotation.request_id().empty());
  EXPECT_EQ(Audit({"key", "rotate"}).code, 2);
}

TEST_F(AuditCommand, KeyGenerateWritesAKeyForItsOwnerOnlyAndNeverOverOne) {
  const Outcome made = Audit({"key", "generate", File("signing.pem")});
  EXPECT_EQ(made.code, 0) << made.err;
  struct stat status {};
  ASSERT_EQ(::stat(File("signing.pem").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  const std::string pem = Read(File("signing.pem"));
  EXPECT_TRUE(merkle::SigningKey::FromPem(pem).ok());
  EXPECT_EQ(made.out.find("PRIVATE"), std::string::npos);
  EXPECT_EQ(Audit({"key", "generate", File("signing.pem")}).code, 2);
  EXPECT_EQ(Read(File("signing.pem")), pem);
}

}  // namespace
}  // namespace keyledger::cli

// keyledger audit prove: a proof that a record is in the log, to be verified by anyone who has the public key.
#include <fstream>

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include "client/cli/commands.h"
#include "client/cli/describe.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/audit_service.pb.h"

namespace keyledger::cli {
namespace {

struct ProveFlags {
  uint32_t shard = 0;
  std::optional<uint64_t> position;
  std::string account;
  uint64_t revision = 0;
  uint64_t tree_size = 0;
  std::string out;
};

void PrintProof(Session& session, const v1::GetInclusionProofResponse& response) {
  Table table = Table::Fields();
  ev::EventRecord record;
  table.Add({"record", fmt::format("{}/{}", response.shard(), response.proof().leaf_index())});
  if (record.ParseFromString(response.record())) {
    table.Add({"account", record.account_id()});
    table.Add({"event", DescribeEvent(record.event())});
  }
  table.Add({"in a log of", FormatCount(response.proof().tree_size()) + " records"});
  table.Add({"root hash", Hex(response.root_hash())});
  for (int i = 0; i < response.proof().hashes_size(); ++i)
    table.Add({i == 0 ? "proof" : "", Hex(response.proof().hashes(i))});
  session.Print(table);
  if (response.checkpoint().empty()) {
    session.out() << "\nno checkpoint of this size was published: hold the root hash against one that was (audit "
                     "verify --since)\n";
  } else {
    session.out() << "\n" << response.checkpoint();
  }
}

int Prove(Session& session, const ProveFlags& flags) {
  if (flags.account.empty() == !flags.position.has_value()) {
    return session.Usage("name the record: --shard and --position, or --account and --revision");
  }
  v1::GetInclusionProofRequest request;
  if (flags.position.has_value()) {
    request.mutable_place()->set_shard(flags.shard);
    request.mutable_place()->set_position(*flags.position);
  } else {
    request.mutable_revision()->set_account_id(flags.account);
    request.mutable_revision()->set_revision(flags.revision);
  }
  request.set_tree_size(flags.tree_size);
  const auto result = session.client().GetInclusionProof(request);
  if (result.ok() && !flags.out.empty()) {
    google::protobuf::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    options.add_whitespace = true;
    std::string json;
    const auto status = google::protobuf::util::MessageToJsonString(*result, &json, options);
    std::ofstream file(flags.out);
    file << json;
    file.close();
    if (!status.ok() || !file) {
      session.err() << "error: cannot write " << flags.out << "\n";
      return kExitUsage;
    }
  }
  return Show(session, result, [&](const v1::GetInclusionProofResponse& response) { PrintProof(session, response); });
}

}  // namespace

void AddAuditProve(CLI::App* audit, Action& selected) {
  auto flags = std::make_shared<ProveFlags>();
  CLI::App* verb = AddVerb(audit, "prove", "Proves that a record is in the log of a signed checkpoint", selected,
                           [flags](Session& session) { return Prove(session, *flags); });
  verb->add_option("--shard", flags->shard, "Shard of the record")->capture_default_str();
  verb->add_option("--position", flags->position, "Its position");
  verb->add_option("--account", flags->account, "Account of the record");
  verb->add_option("--revision", flags->revision, "Its revision")->capture_default_str();
  verb->add_option("--tree-size", flags->tree_size,
                   "Prove it in the log when it had this many records; 0: in the newest checkpoint")
      ->capture_default_str();
  verb->add_option("--out", flags->out, "Also write record, proof and checkpoint to this JSON file, for audit verify");
}

}  // namespace keyledger::cli

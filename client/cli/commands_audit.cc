// keyledger audit: checkpoint; the other verbs are in the files named commands_audit_*.cc.
#include <fmt/format.h>

#include "client/cli/commands.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/audit_service.pb.h"

namespace keyledger::cli {
namespace {

struct CheckpointFlags {
  uint32_t shard = 0;
  bool fresh = false;
  bool list = false;
  PageFlags page;
};

int ListCheckpoints(Session& session, const CheckpointFlags& flags) {
  v1::ListCheckpointsRequest request;
  request.set_shard(flags.shard);
  return ShowPages<v1::ListCheckpointsRequest, v1::ListCheckpointsResponse>(
      session, request, flags.page, &client::Client::ListCheckpoints,
      Table({{"published"}, {"size", Align::kRight}, {"root hash"}}),
      [](Table& table, const v1::ListCheckpointsResponse& response) {
        for (const v1::GetCheckpointResponse& checkpoint : response.checkpoints()) {
          table.Add({FormatTime(checkpoint.publish_time()), FormatCount(checkpoint.tree_size()),
                     Hex(checkpoint.root_hash())});
        }
      });
}

int ShowCheckpoint(Session& session, const CheckpointFlags& flags) {
  if (flags.list) return ListCheckpoints(session, flags);
  v1::GetCheckpointRequest request;
  request.set_shard(flags.shard);
  request.set_fresh(flags.fresh);
  // The note as it is, so that it can be piped into a file and verified.
  return Show(session, session.client().GetCheckpoint(request), [&](const v1::GetCheckpointResponse& response) {
    session.out() << response.checkpoint();
    if (response.checkpoint().empty())
      session.err() << "shard " << flags.shard << " has no checkpoint yet; ask with --fresh\n";
  });
}

}  // namespace

void AddAuditCommands(CLI::App& root, Action& selected) {
  CLI::App* noun = root.add_subcommand(
      "audit",
      "Compliance: signed checkpoints, proofs and their verification, keys; replays; erasure, legal holds, accesses");
  auto flags = std::make_shared<CheckpointFlags>();
  CLI::App* checkpoint =
      AddVerb(noun, "checkpoint", "Prints the newest signed checkpoint of a shard (a C2SP signed note)", selected,
              [flags](Session& session) { return ShowCheckpoint(session, *flags); });
  checkpoint->add_option("--shard", flags->shard, "The shard")->capture_default_str();
  checkpoint->add_flag("--fresh", flags->fresh, "Have one signed over everything recorded by now");
  checkpoint->add_flag("--list", flags->list, "List the checkpoints published, newest first");
  flags->page.AddTo(checkpoint);
  AddAuditProve(noun, selected);
  AddAuditVerify(noun, selected);
  AddAuditKey(noun, selected);
  AddAuditPrivacy(noun, selected);
  AddAuditExport(noun, selected);
  AddAuditReplay(noun, selected);
}

}  // namespace keyledger::cli

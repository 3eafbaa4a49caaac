// keyledger fact retract.
#include "client/cli/commands.h"

#include <fmt/format.h>

#include "client/cli/describe.h"
#include "keyledger/ledger/v1/ledger_service.pb.h"

namespace keyledger::cli {
namespace {

struct RetractFlags {
  WriteFlags write;
  uint64_t revision = 0;
  std::string reason;
};

// The record at that revision of the account. Nothing if it cannot be read; the message has been printed.
std::optional<ev::EventRecord> ReadRecord(Session& session, const std::string& account, uint64_t revision, int& code) {
  v1::ReadAccountRequest request;
  request.set_account_id(account);
  request.set_from_revision(revision);
  request.set_limit(1);
  ev::EventRecord record;
  bool found = false;
  const auto error = session.client().ReadAccount(request, [&](const v1::ReadAccountResponse& frame) {
    for (const std::string& bytes : frame.records()) {
      found = record.ParseFromString(bytes) && record.revision() == revision;
    }
    return !found;
  });
  if (error) {
    code = session.Fail(*error);
    return std::nullopt;
  }
  if (!found) {
    code = session.NotFound(fmt::format("account {} has no revision {}", account, revision));
    return std::nullopt;
  }
  return record;
}

int Retract(Session& session, const RetractFlags& flags) {
  int code = kExitOk;
  const std::optional<ev::EventRecord> record = ReadRecord(session, flags.write.account, flags.revision, code);
  if (!record) {
    return code;
  }
  ev::Event event;
  ev::FactRetracted& retracted = *event.mutable_fact_retracted();
  retracted.set_revision(flags.revision);
  retracted.set_position(record->position());
  retracted.set_kind(static_cast<ev::EventKind>(record->event().payload_case()));
  retracted.set_reason(flags.reason);
  if (!session.json()) {
    session.out() << "retracts " << DescribeEvent(record->event()) << "\n";
  }
  return AppendEvent(session, flags.write, std::move(event));
}

}  // namespace

void AddFactCommands(CLI::App& root, Action& selected) {
  CLI::App* noun = Noun(root, "fact", "Facts that were recorded by mistake");
  auto flags = std::make_shared<RetractFlags>();
  CLI::App* verb = AddVerb(noun, "retract", "Takes back a fact that nothing was decided by", selected,
                           [flags](Session& session) { return Retract(session, *flags); });
  verb->footer("Example: keyledger fact retract acme --revision 41 --reason \"wrong account\"");
  flags->write.AddTo(verb);
  verb->add_option("--revision", flags->revision, "Its revision, as keyledger log account shows it")->required();
  verb->add_option("--reason", flags->reason, "Why")->required();
}

}  // namespace keyledger::cli

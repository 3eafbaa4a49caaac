// keyledger audit key: show, rotate, generate.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "client/cli/commands.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/audit_service.pb.h"
#include "server/merkle/base64.h"
#include "server/merkle/note.h"

namespace keyledger::cli {
namespace {

template <typename Keys>
void PrintKeys(Session& session, const Keys& keys) {
  Table table({{"shard", Align::kRight}, {"published"}, {"position", Align::kRight}, {"signs"}, {"verifier key"}});
  for (const v1::SigningKey& key : keys) {
    table.Add({std::to_string(key.shard()), FormatTime(key.publish_time()), std::to_string(key.position()),
               key.current() ? "now" : "before", key.verifier_key()});
  }
  session.Print(table);
}

struct RotateFlags {
  std::string request_id;
  std::string reason;
  std::string actor;
};

int Rotate(Session& session, const RotateFlags& flags) {
  v1::RotateSigningKeyRequest request;
  request.set_request_id(flags.request_id);
  request.set_reason(flags.reason);
  request.set_actor(flags.actor);
  return Show(session, session.client().RotateSigningKey(request),
              [&](const v1::RotateSigningKeyResponse& response) { PrintKeys(session, response.keys()); });
}

// Never writes over a file: what it held may be the only copy of a key.
int Generate(Session& session, const std::string& path) {
  const merkle::SigningKey key = merkle::SigningKey::Generate();
  std::string pem = key.ToPem();
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const bool written =
      fd >= 0 && ::write(fd, pem.data(), pem.size()) == static_cast<ssize_t>(pem.size()) && ::fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  explicit_bzero(pem.data(), pem.size());
  if (!written) {
    if (fd >= 0) ::unlink(path.c_str());
    session.err() << "error: cannot write " << Printable(path) << ": " << std::strerror(error) << "\n";
    return kExitUsage;
  }
  const std::string public_key(key.public_key().begin(), key.public_key().end());
  if (session.json()) {
    session.out() << fmt::format("{{\"public_key\":\"{}\"}}\n", merkle::EncodeBase64(public_key));
    return kExitOk;
  }
  session.out() << fmt::format(
      "public key {}\nput {} in place as signing.pem of the server's --signing-key-dir before its first start; the "
      "verifier keys then are those of audit key show\n",
      merkle::EncodeBase64(public_key), Printable(path));
  return kExitOk;
}

}  // namespace

void AddAuditKey(CLI::App* audit, Action& selected) {
  CLI::App* noun = audit->add_subcommand("key", "The keys that sign checkpoints");
  AddVerb(noun, "show", "Lists the public keys that sign or signed checkpoints", selected, [](Session& session) {
    return Show(session, session.client().ListSigningKeys(v1::ListSigningKeysRequest()),
                [&](const v1::ListSigningKeysResponse& response) { PrintKeys(session, response.keys()); });
  });
  auto flags = std::make_shared<RotateFlags>();
  CLI::App* rotate = AddVerb(noun, "rotate", "Puts a new signing key in use and destroys the private key before it",
                             selected, [flags](Session& session) { return Rotate(session, *flags); });
  rotate->add_option("--reason", flags->reason, "Why; goes on the record")->required();
  rotate->add_option("--actor", flags->actor, "Who asks; goes on the record");
  rotate->add_option("--request-id", flags->request_id, "Makes the request safe to repeat (default: a new random id)");
  auto file = std::make_shared<std::string>();
  CLI::App* generate = AddVerb(noun, "generate", "Makes a private signing key, locally, readable by its owner only",
                               selected, [file](Session& session) { return Generate(session, *file); });
  generate->add_option("FILE", *file, "File to write; must not exist")->required();
}

}  // namespace keyledger::cli

// keyledger audit verify: checks signed checkpoints and proofs on this machine, with nothing but a public key. The
// server's word counts for nothing here.
#include <algorithm>
#include <filesystem>
#include <sstream>
#include <system_error>

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>
#include <nlohmann/json.hpp>

#include "client/cli/commands.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/audit_service.pb.h"
#include "server/base/error.h"
#include "server/merkle/base64.h"
#include "server/merkle/checkpoint.h"
#include "server/merkle/proof.h"

namespace keyledger::cli {
namespace {

struct VerifyFlags {
  std::vector<std::string> keys;
  std::vector<std::string> files;
  uint32_t shard = 0;
  bool fresh = false;
  std::string since;
};

// What was found; printed at the end, the first thing that does not hold last.
class Findings {
 public:
  void Holds(const std::string& what) { holds_.push_back(what); }
  // Returns false, for the caller to return.
  bool Fails(const std::string& what) {
    failure_ = what;
    return false;
  }
  int Print(Session& session) const {
    if (session.json()) {
      nlohmann::json json;
      json["verified"] = failure_.empty();
      json["holds"] = holds_;
      if (!failure_.empty()) json["failure"] = failure_;
      session.out() << json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
    } else {
      for (const std::string& what : holds_) session.out() << "verified: " << Printable(what) << "\n";
      if (!failure_.empty()) session.err() << "NOT VERIFIED: " << Printable(failure_) << "\n";
    }
    return failure_.empty() ? kExitOk : kExitInternal;
  }

 private:
  std::vector<std::string> holds_;
  std::string failure_;
};

// Verifier keys as given: each a key itself, or a file with one a line (blank lines and lines that begin with # aside).
std::optional<std::vector<merkle::VerifierKey>> ReadKeys(Session& session, const std::vector<std::string>& given) {
  std::vector<merkle::VerifierKey> keys;
  for (const std::string& argument : given) {
    std::error_code error;
    std::string text = argument;
    if (std::filesystem::is_regular_file(argument, error)) {
      const auto file = ReadInput(session, argument);
      if (!file) return std::nullopt;
      text = *file;
    }
    std::istringstream lines(text);
    std::string line;
    while (std::getline(lines, line)) {
      const std::string_view trimmed = Trim(line);
      if (trimmed.empty() || trimmed.front() == '#') continue;
      const auto key = merkle::VerifierKey::Parse(trimmed);
      if (!key.ok()) {
        session.Usage(fmt::format("--key {}: {}", Printable(argument), MessageOf(key.status())));
        return std::nullopt;
      }
      keys.push_back(*key);
    }
  }
  if (keys.empty()) {
    session.Usage("--key must give a verifier key, or a file with one a line (see audit key show)");
    return std::nullopt;
  }
  return keys;
}

std::optional<merkle::Hash> HashOf(const std::string& bytes) {
  merkle::Hash hash{};
  if (bytes.size() != hash.size()) return std::nullopt;
  std::copy(bytes.begin(), bytes.end(), hash.begin());
  return hash;
}

template <typename Message>
std::optional<merkle::Proof> ProofOf(const Message& message) {
  merkle::Proof proof;
  for (const std::string& bytes : message.hashes()) {
    const std::optional<merkle::Hash> hash = HashOf(bytes);
    if (!hash.has_value()) return std::nullopt;
    proof.push_back(*hash);
  }
  return proof;
}

std::optional<merkle::Checkpoint> CheckNote(const std::string& where, const std::string& note,
                                            const std::vector<merkle::VerifierKey>& keys, Findings& findings) {
  const auto checkpoint = merkle::OpenCheckpoint(note, "", keys);
  if (!checkpoint.ok()) {
    findings.Fails(fmt::format("{}: {}", where, MessageOf(checkpoint.status())));
    return std::nullopt;
  }
  findings.Holds(fmt::format("{} is a checkpoint of {} with {} records, signed by a key given", where,
                             checkpoint->origin, checkpoint->size));
  return *checkpoint;
}

// A file of audit prove --out.
bool CheckProof(const std::string& where, const std::string& json, const std::vector<merkle::VerifierKey>& keys,
                Findings& findings) {
  v1::GetInclusionProofResponse response;
  if (!google::protobuf::util::JsonStringToMessage(json, &response).ok()) {
    return findings.Fails(where + " is neither a signed checkpoint nor a file of audit prove --out");
  }
  if (response.checkpoint().empty()) {
    return findings.Fails(
        where + " carries no signed checkpoint, so nobody vouches for its root; prove the record without --tree-size");
  }
  const auto checkpoint = CheckNote("the checkpoint in " + where, response.checkpoint(), keys, findings);
  if (!checkpoint.has_value()) return false;
  const auto proof = ProofOf(response.proof());
  const uint64_t index = response.proof().leaf_index();
  if (response.proof().tree_size() != checkpoint->size || !proof.has_value() ||
      !merkle::VerifyInclusion(merkle::LeafHash(response.record()), index, checkpoint->size, *proof,
                               checkpoint->root)) {
    return findings.Fails(
        fmt::format("{}: the proof does not show that the record is number {} of the {} records of the checkpoint",
                    where, index, checkpoint->size));
  }
  ev::EventRecord record;
  if (!record.ParseFromString(response.record()) || record.position() != index ||
      !checkpoint->origin.ends_with(fmt::format("/{}", record.shard()))) {
    return findings.Fails(
        fmt::format("{}: the record is in the log at {} but says it is somewhere else", where, index));
  }
  findings.Holds(fmt::format("{}: revision {} of account {} is record {} of {}", where, record.revision(),
                             record.account_id(), index, checkpoint->origin));
  return true;
}

bool CheckFile(const std::string& where, const std::string& text, const std::vector<merkle::VerifierKey>& keys,
               Findings& findings) {
  if (Trim(text).starts_with("{")) return CheckProof(where, text, keys, findings);
  return CheckNote(where, text, keys, findings).has_value();
}

// Two checkpoints of one log, and the server's proof that the later one only added to the earlier.
bool CheckGrowth(const merkle::Checkpoint& before, const merkle::Checkpoint& now,
                 const v1::GetConsistencyProofResponse& answer, Findings& findings) {
  const auto proof = ProofOf(answer.proof());
  if (!proof.has_value() || !merkle::VerifyConsistency(before.size, now.size, before.root, now.root, *proof)) {
    return findings.Fails(
        fmt::format("the log of {} records is not shown to begin with the {} records of the older checkpoint: records "
                    "were changed or removed, or the "
                    "server cannot prove that they were not",
                    now.size, before.size));
  }
  findings.Holds(fmt::format(
      "the log of {} records begins with the {} records of the older checkpoint: nothing was changed or removed",
      now.size, before.size));
  return true;
}

int VerifyOnline(Session& session, const VerifyFlags& flags, const std::vector<merkle::VerifierKey>& keys) {
  v1::GetCheckpointRequest request;
  request.set_shard(flags.shard);
  request.set_fresh(flags.fresh);
  const auto fetched = session.client().GetCheckpoint(request);
  if (!fetched.ok()) return session.Fail(fetched.error());
  Findings findings;
  const auto now = CheckNote("the server's newest checkpoint", fetched->checkpoint(), keys, findings);
  if (!now.has_value() || flags.since.empty()) return findings.Print(session);
  const auto note = ReadInput(session, flags.since);
  if (!note) return kExitUsage;
  const auto before = CheckNote(flags.since, *note, keys, findings);
  if (!before.has_value()) return findings.Print(session);
  if (before->origin != now->origin) {
    findings.Fails(
        fmt::format("{} is of the log {}, the server's checkpoint of {}: choose the --shard of the older one",
                    flags.since, before->origin, now->origin));
    return findings.Print(session);
  }
  if (before->size > now->size) {
    findings.Fails(
        fmt::format("the log has lost records: it has {}, the older checkpoint {} (if the older one was published "
                    "after the server's newest, ask with --fresh)",
                    now->size, before->size));
    return findings.Print(session);
  }
  v1::GetConsistencyProofResponse answer;
  // From the empty log there is nothing to prove, and equal sizes need no proof.
  if (before->size > 0 && before->size < now->size) {
    v1::GetConsistencyProofRequest grew;
    grew.set_shard(flags.shard);
    grew.set_first_size(before->size);
    grew.set_second_size(now->size);
    const auto proved = session.client().GetConsistencyProof(grew);
    if (!proved.ok()) return session.Fail(proved.error());
    answer = *proved;
  }
  CheckGrowth(*before, *now, answer, findings);
  return findings.Print(session);
}

int Verify(Session& session, const VerifyFlags& flags) {
  const auto keys = ReadKeys(session, flags.keys);
  if (!keys) return kExitUsage;
  if (flags.files.empty()) return VerifyOnline(session, flags, *keys);
  if (!flags.since.empty()) return session.Usage("--since goes with the server's checkpoint: leave out FILE");
  Findings findings;
  for (const std::string& file : flags.files) {
    const auto text = ReadInput(session, file);
    if (!text) return kExitUsage;
    if (!CheckFile(file, *text, *keys, findings)) break;
  }
  return findings.Print(session);
}

}  // namespace

void AddAuditVerify(CLI::App* audit, Action& selected) {
  auto flags = std::make_shared<VerifyFlags>();
  CLI::App* verb = AddVerb(audit, "verify",
                           "Verifies, on this machine and with a public key, files of checkpoints and proofs, or the "
                           "server's newest checkpoint (exit code 8 if something "
                           "does not hold)",
                           selected, [flags](Session& session) { return Verify(session, *flags); });
  verb->add_option("FILE", flags->files,
                   "Checkpoints, or files of audit prove --out; none: asks the server for its checkpoint");
  verb->add_option("--key", flags->keys, "Verifier key (<origin>+<hash>+<key>), or a file with one a line")
      ->required()
      ->allow_extra_args(false);
  verb->add_option("--shard", flags->shard, "Shard to ask the server for")->capture_default_str();
  verb->add_flag("--fresh", flags->fresh, "Have the server sign one over everything recorded by now");
  verb->add_option("--since", flags->since, "An older checkpoint: also checks that the log only grew since");
}

}  // namespace keyledger::cli

// See note_check.h.
#include "client/verify/note_check.h"

#include <algorithm>

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>
#include <nlohmann/json.hpp>

#include "client/verify/keys.h"
#include "client/verify/shallow_json.h"
#include "keyledger/audit/v1/proof.pb.h"
#include "server/audit/standing_statement.h"
#include "server/base/error.h"
#include "server/merkle/checkpoint.h"
#include "server/merkle/proof.h"

namespace keyledger::verify {
namespace {

using merkle::VerifierKey;

// What a note is, by its text.
struct NoteKind {
  std::string name;
  // The log it speaks of; empty: it does not say.
  std::string origin;
};

NoteKind KindOf(const std::string& text) {
  if (const auto standing = audit::ParseStanding(text); standing.ok()) {
    return {"standing statement", standing->checkpoint.origin};
  }
  if (const auto checkpoint = merkle::ParseCheckpoint(text); checkpoint.ok()) return {"checkpoint", checkpoint->origin};
  if (text.starts_with("keyledger-erasure/")) return {"certificate of erasure", ""};
  return {"note", ""};
}

int Fail(Environment& environment, const absl::Status& status) {
  environment.err << "error: " << MessageOf(status) << "\n";
  return absl::IsUnavailable(status) ? kExitCannotRead : kExitUsage;
}

}  // namespace

int CheckNote(const std::string& path, const std::vector<std::string>& key_arguments, bool as_json,
              Environment& environment) {
  const auto keys = ReadKeys(key_arguments);
  if (!keys.ok()) return Fail(environment, keys.status());
  const auto bytes = ReadSmallFile(path);
  if (!bytes.ok()) return Fail(environment, bytes.status());

  const auto opened = merkle::OpenNote(*bytes, *keys);
  std::string wrong = opened.ok() ? "" : MessageOf(opened.status());
  NoteKind kind;
  if (opened.ok()) {
    kind = KindOf(opened->text);
    // A key speaks for the log it is named after only.
    const auto speaks = [&](const VerifierKey& key) { return kind.origin.empty() || key.name() == kind.origin; };
    if (!std::any_of(opened->verified.begin(), opened->verified.end(), speaks)) {
      wrong = fmt::format("it speaks of the log {}, and no key of that log signed it", kind.origin);
    }
  }
  if (as_json) {
    nlohmann::json answer = {{"holds", wrong.empty()}};
    if (!wrong.empty()) answer["message"] = wrong;
    if (opened.ok()) {
      answer["kind"] = kind.name;
      answer["text"] = opened->text;
      for (const VerifierKey& key : opened->verified) answer["signed_by"].push_back(key.Format());
    }
    environment.out << answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  } else if (!wrong.empty()) {
    environment.out << "DOES NOT HOLD: " << wrong << "\n";
  } else {
    environment.out << fmt::format("This {} is signed by {}:\n\n{}", kind.name, opened->verified[0].Format(),
                                   opened->text);
  }
  return wrong.empty() ? kExitHolds : kExitDoesNotHold;
}

namespace {

// Nothing readable: INVALID_ARGUMENT.
absl::StatusOr<audit::v1::ConsistencyProof> ParseProof(const std::string& text) {
  const nlohmann::json parsed = ParseShallowJson(text);
  if (!parsed.is_object()) {
    return MakeError(Reason::kInvalidField,
                     fmt::format("the proof is no JSON object, or one nested deeper than {}", kJsonDepthMax));
  }
  const std::string inner = parsed.contains("proof") ? parsed["proof"].dump() : text;
  audit::v1::ConsistencyProof proof;
  if (const auto status = google::protobuf::util::JsonStringToMessage(inner, &proof); !status.ok()) {
    return MakeError(Reason::kInvalidField, fmt::format("the proof is no ConsistencyProof in proto3 JSON: {}",
                                                        std::string(status.message().data(), status.message().size())));
  }
  return proof;
}

}  // namespace

int CheckConsistency(const std::string& old_path, const std::string& new_path, const std::string& proof_path,
                     const std::vector<std::string>& key_arguments, Environment& environment) {
  const auto keys = ReadKeys(key_arguments);
  if (!keys.ok()) return Fail(environment, keys.status());
  std::vector<std::string> texts;
  for (const std::string& path : {old_path, new_path, proof_path}) {
    auto text = ReadSmallFile(path);
    if (!text.ok()) return Fail(environment, text.status());
    texts.push_back(*std::move(text));
  }
  const auto refuse = [&](const std::string& what) {
    environment.out << "DOES NOT HOLD: " << what << "\n";
    return kExitDoesNotHold;
  };
  const auto older = merkle::OpenCheckpoint(texts[0], "", *keys);
  if (!older.ok()) return refuse(fmt::format("{}: {}", old_path, MessageOf(older.status())));
  const auto newer = merkle::OpenCheckpoint(texts[1], older->origin, *keys);
  if (!newer.ok()) return refuse(fmt::format("{}: {}", new_path, MessageOf(newer.status())));
  const auto message = ParseProof(texts[2]);
  if (!message.ok()) return refuse(fmt::format("{}: {}", proof_path, MessageOf(message.status())));
  if (message->first_size() != older->size || message->second_size() != newer->size) {
    return refuse(fmt::format("the proof is from size {} to {}, the checkpoints are of {} and {}",
                              message->first_size(), message->second_size(), older->size, newer->size));
  }
  merkle::Proof proof;
  for (const std::string& bytes : message->hashes()) {
    if (bytes.size() != merkle::kHashBytes) return refuse("a hash of the proof has not 32 bytes");
    std::copy(bytes.begin(), bytes.end(), proof.emplace_back().begin());
  }
  if (!merkle::VerifyConsistency(older->size, newer->size, older->root, newer->root, proof)) {
    return refuse("the proof does not lead from one root to the other");
  }
  environment.out << fmt::format("The log {} of size {} begins with that of size {}.\n", newer->origin, newer->size,
                                 older->size);
  return kExitHolds;
}

}  // namespace keyledger::verify

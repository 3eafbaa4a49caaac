#include "server/store/wal_evidence.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include <rocksdb/env.h>

#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/store/keys.h"
#include "server/store/log_fragments.h"
#include "server/store/rocks_status.h"

namespace keyledger::store {
namespace {

// A batch: sequence number (8 bytes), count (4 bytes), entries; a note is an entry of tag 3 with a length and bytes.
constexpr size_t kBatchHeaderBytes = 12;
constexpr char kNoteTag = 3;

// The first position noted in a batch, of which `payload` is at least the start.
std::optional<uint64_t> NoteOf(std::string_view payload) {
  if (payload.size() <= kBatchHeaderBytes) return std::nullopt;
  payload.remove_prefix(kBatchHeaderBytes);
  if (payload[0] != kNoteTag) return std::nullopt;
  payload.remove_prefix(1);
  uint64_t length = 0;
  if (!GetVarint64(payload, length) || length > payload.size()) return std::nullopt;
  return DecodeGroupNote(payload.substr(0, length));
}

}  // namespace

absl::StatusOr<WalEvidence> ReadWalEvidence(rocksdb::Env* env, const std::string& path) {
  std::vector<std::string> names;
  if (auto status = env->GetChildren(path, &names); !status.ok()) return OpenError(path, status);
  WalEvidence evidence;
  for (const std::string& name : names) {
    if (!name.ends_with(".log")) continue;
    KL_RETURN_IF_ERROR(ReadLogFragments(env, path + "/" + name, [&](const LogFragment& fragment) {
      if (!fragment.intact || !fragment.starts_record()) return;
      const auto note = NoteOf(fragment.payload);
      if (!note.has_value()) return;
      evidence.first_group = std::min(evidence.first_group.value_or(*note), *note);
      evidence.last_group = std::max(evidence.last_group.value_or(*note), *note);
    }));
  }
  return evidence;
}

}  // namespace keyledger::store

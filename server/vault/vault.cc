// See vault.h.
#include "server/vault/vault.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>

#include "server/base/check.h"
#include "server/base/error.h"

namespace keyledger::vault {
namespace {

constexpr uint64_t kSlotsPerRead = 8'192;
// Clients are told to wait so long before they ask a full disk again.
constexpr int kDiskRetryMs = 5000;
constexpr uint64_t kSlotsMax = std::numeric_limits<uint32_t>::max();

std::string Hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<uint8_t>(byte));
  return text;
}

absl::Status About(std::string_view subject_id, absl::Status status) {
  AddMetadata(status, "subject_id", subject_id);
  return status;
}

}  // namespace

Vault::~Vault() = default;

bool Vault::ExistsIn(const std::string& directory) {
  const Files files{directory};
  return Exists(files.keys()) || Exists(files.keys_old());
}

absl::StatusOr<std::unique_ptr<Vault>> Vault::Open(const std::string& directory, const MasterKey& master,
                                                   const std::optional<MasterKey>& previous, VaultOptions options) {
  const Files files{directory};
  KL_RETURN_IF_ERROR(MakeDirectory(directory, 0700));
  KL_ASSIGN_OR_RETURN(std::unique_ptr<File> lock, File::Open(files.lock(), O_RDWR | O_CREAT));
  if (!lock->Lock())
    return absl::FailedPreconditionError(fmt::format("another process has the vault {} open", directory));
  std::unique_ptr<Vault> vault(new Vault(files, master, std::move(options), std::move(lock)));
  KL_RETURN_IF_ERROR(vault->OpenFile(previous));
  KL_RETURN_IF_ERROR(vault->Load());
  return vault;
}

absl::Status Vault::OpenFile(const std::optional<MasterKey>& previous) {
  if (!Exists(files_.keys())) {
    if (Exists(files_.keys_old())) {
      return MakeError(Reason::kStoreDamaged,
                       fmt::format("the vault's {} is missing, but {} is there; put a backup of the vault in its place",
                                   files_.keys(), files_.keys_old()));
    }
    KL_RETURN_IF_ERROR(CreateKeysFile(files_, master_, options_.random));
  }
  std::string header;
  {
    KL_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, File::Open(files_.keys(), O_RDONLY));
    KL_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
    KL_RETURN_IF_ERROR(file->Read(0, std::min<uint64_t>(size, kSlotBytes), header));
  }
  Header read;
  switch (DecodeHeader(header, read)) {
    case HeaderKind::kIntact:
      break;
    case HeaderKind::kOlder:
      return MakeError(Reason::kStoreDamaged,
                       fmt::format("the vault's {} was written by an older version, before vaults had ids; this one "
                                   "cannot use it",
                                   files_.keys()));
    case HeaderKind::kNewer:
      return MakeError(Reason::kStoreDamaged,
                       fmt::format("the vault's {} was written by a newer version", files_.keys()));
    case HeaderKind::kDamaged:
      return MakeError(
          Reason::kStoreDamaged,
          fmt::format("the vault's {} has no readable header; put a backup of the vault in its place", files_.keys()));
  }
  const bool current = read.master_id == master_.id_bytes() && HeaderFits(header, master_);
  if (!current && !(previous.has_value() && read.master_id == previous->id_bytes() && HeaderFits(header, *previous))) {
    return absl::FailedPreconditionError(fmt::format(
        "the vault {} is wrapped by the master key {}, but the one given is {}{}; give the right one, or the "
        "right one as the previous master key to change it",
        files_.directory, Hex(read.master_id), master_.id(),
        previous.has_value() ? fmt::format(" and the previous one {}", previous->id()) : ""));
  }
  id_ = Hex(read.vault_id);
  KL_RETURN_IF_ERROR(RemoveRemains(files_));
  if (!current) {
    KL_RETURN_IF_ERROR(Rewrap(files_, read.vault_id, *previous, master_, options_.random, options_.on_step));
  }
  KL_ASSIGN_OR_RETURN(file_, File::Open(files_.keys(), O_RDWR));
  // What a process that was killed has written must not be believed before it is on disk.
  return file_->Sync();
}

absl::Status Vault::Load() {
  KL_ASSIGN_OR_RETURN(uint64_t size, file_->Size());
  if (size % kSlotBytes != 0) {
    // The beginning of a slot that was never synced, for which the file was not long enough.
    size -= size % kSlotBytes;
    KL_RETURN_IF_ERROR(file_->Truncate(size));
  }
  const uint64_t slots = size / kSlotBytes;
  if (slots > kSlotsMax)
    return MakeError(Reason::kStoreDamaged, fmt::format("the vault's {} is too long", files_.keys()));
  MutexLock lock(mutex_);
  entries_.reserve(slots);
  std::string chunk;
  for (uint64_t slot = 1; slot < slots; slot += kSlotsPerRead) {
    const uint64_t count = std::min(kSlotsPerRead, slots - slot);
    KL_RETURN_IF_ERROR(file_->Read(slot * kSlotBytes, count * kSlotBytes, chunk));
    for (uint64_t i = 0; i < count; ++i) {
      LoadSlot(static_cast<uint32_t>(slot + i), std::string_view(chunk).substr(i * kSlotBytes, kSlotBytes));
    }
  }
  next_slot_ = static_cast<uint32_t>(slots);
  return absl::OkStatus();
}

void Vault::LoadSlot(uint32_t number, std::string_view bytes) {
  Slot slot;
  const SlotKind kind = DecodeSlot(bytes, slot);
  if (kind == SlotKind::kUnused) {
    free_slots_.push_back(number);
    return;
  }
  const bool erased = kind == SlotKind::kIntact && slot.state == SlotState::kErased;
  const bool live = kind == SlotKind::kIntact && !erased && slot.master_id == master_.id_bytes();
  if (!live && !erased) ++damaged_slots_;
  for (const std::string_view text : SubjectMarks(bytes)) {
    Mark mark;
    std::copy(text.begin(), text.end(), mark.begin());
    const auto [entry, added] = entries_.try_emplace(mark);
    // Two slots of one subject: only damage makes them. An erasure counts for more than a key, and a key, which unseals
    // or does not, for more than what cannot be read.
    const EntryState state = erased ? EntryState::kErased : live ? EntryState::kLive : EntryState::kDamaged;
    const bool better = added || state == EntryState::kErased ||
                        (state == EntryState::kLive && entry->second.state == EntryState::kDamaged);
    if (better) entry->second = {number, state};
  }
}

Vault::Mark Vault::MarkOf(std::string_view subject_id) {
  const Digest hash = SubjectHash(subject_id);
  Mark mark;
  std::copy_n(hash.begin(), mark.size(), mark.begin());
  return mark;
}

absl::Status Vault::Refusal(std::string_view subject_id, EntryState state) const {
  switch (state) {
    case EntryState::kErasing:
    case EntryState::kNotErased:
    case EntryState::kErased:
      return About(
          subject_id,
          MakeError(Reason::kSubjectErased,
                    fmt::format("subject {} has been erased; nothing can be recorded or read of it", subject_id)));
    case EntryState::kDamaged:
      return About(subject_id,
                   MakeError(Reason::kStoreDamaged,
                             fmt::format("the key of subject {} in the vault is damaged; stop the server and put a "
                                         "backup of the vault in its place, or erase the subject",
                                         subject_id)));
    case EntryState::kCreating:
    case EntryState::kLive:
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

KeyUse& KeyUse::operator=(KeyUse&& other) noexcept {
  std::swap(vault_, other.vault_);
  keys_.swap(other.keys_);
  fresh_.swap(other.fresh_);
  return *this;
}

KeyUse::~KeyUse() {
  if (vault_ != nullptr && !fresh_.empty()) vault_->GiveUp(fresh_);
}

void KeyUse::Confirm() {
  if (vault_ != nullptr && !fresh_.empty()) vault_->Keep(fresh_);
  vault_ = nullptr;
  fresh_.clear();
}

absl::StatusOr<std::vector<SecretKey>> Vault::KeysFor(std::span<const std::string_view> subject_ids) {
  KL_ASSIGN_OR_RETURN(KeyUse use, UseKeys(subject_ids));
  use.Confirm();
  return use.keys();
}

absl::StatusOr<KeyUse> Vault::UseKeys(std::span<const std::string_view> subject_ids) {
  std::vector<Mark> marks;
  marks.reserve(subject_ids.size());
  for (const std::string_view id : subject_ids) marks.push_back(MarkOf(id));
  KeyUse use;
  use.vault_ = this;
  {
    MutexLock lock(mutex_);
    // A key that another call is making may yet come to nothing.
    const auto is_created = [this](const Mark& mark) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      const auto entry = entries_.find(mark);
      return entry != entries_.end() && entry->second.state == EntryState::kCreating;
    };
    while (std::any_of(marks.begin(), marks.end(), is_created)) changed_.Wait(mutex_);
    // A refused request makes no keys.
    for (size_t i = 0; i < marks.size(); ++i) {
      const auto entry = entries_.find(marks[i]);
      if (entry != entries_.end()) KL_RETURN_IF_ERROR(Refusal(subject_ids[i], entry->second.state));
    }
    // From here on nobody takes the keys there are away.
    for (const Mark& mark : marks) {
      const auto undecided = undecided_.find(mark);
      if (undecided == undecided_.end()) continue;
      undecided->second += 1;
      use.fresh_.push_back(mark);
    }
    KL_RETURN_IF_ERROR(CreateKeys(subject_ids, marks, use.fresh_));
  }
  use.keys_.reserve(marks.size());
  for (size_t i = 0; i < marks.size(); ++i) {
    KL_ASSIGN_OR_RETURN(SecretKey key, KeyAt(subject_ids[i], marks[i]));
    use.keys_.push_back(key);
  }
  return use;
}

absl::Status Vault::CreateKeys(std::span<const std::string_view> subject_ids, const std::vector<Mark>& marks,
                               std::vector<Mark>& fresh) {
  Batch batch;
  batch.creates = true;
  std::vector<std::pair<Mark, SecretKey>> keys;
  absl::Status status;
  for (size_t i = 0; i < marks.size() && status.ok(); ++i) {
    if (entries_.contains(marks[i])) continue;
    if (batch.writes.empty()) status = failed_.ok() ? CheckDiskReserve() : failed_;
    const absl::StatusOr<uint32_t> slot = status.ok() ? TakeSlot() : status;
    if (!slot.ok()) {
      status = About(subject_ids[i], slot.status());
      break;
    }
    entries_[marks[i]] = {*slot, EntryState::kCreating};
    SecretKey key;
    options_.random(key.data(), kKeyBytes);
    batch.writes.emplace_back(*slot, EncodeSlot(WrapKey(SubjectHash(subject_ids[i]), key, master_, options_.random)));
    keys.emplace_back(marks[i], key);
    ++undecided_[marks[i]];
    fresh.push_back(marks[i]);
  }
  const bool written = status.ok();
  if (written && !batch.writes.empty()) status = Commit(batch);
  for (const auto& [mark, key] : keys) {
    Entry& entry = entries_.at(mark);
    KL_CHECK(entry.state == EntryState::kCreating);
    if (status.ok()) {
      entry.state = EntryState::kLive;
      Remember(entry.slot, key);
      continue;
    }
    // A slot whose bytes may be there is nobody's until the vault is opened again.
    if (!written || ReasonOf(status) == Reason::kDiskNearlyFull) free_slots_.push_back(entry.slot);
    entries_.erase(mark);
  }
  changed_.NotifyAll();
  return status;
}

absl::StatusOr<uint32_t> Vault::TakeSlot() {
  if (!free_slots_.empty()) {
    const uint32_t slot = free_slots_.back();
    free_slots_.pop_back();
    return slot;
  }
  if (next_slot_ == kSlotsMax) return MakeError(Reason::kShardReadOnly, "the vault is full: 4294967294 subjects");
  return next_slot_++;
}

absl::Status Vault::CheckDiskReserve() const {
  if (options_.disk_reserve_bytes == 0) return absl::OkStatus();
  const std::optional<uint64_t> free_bytes = FreeBytes(files_.directory);
  if (!free_bytes.has_value() || *free_bytes >= options_.disk_reserve_bytes) return absl::OkStatus();
  absl::Status status =
      MakeError(Reason::kDiskNearlyFull,
                fmt::format("the file system of the vault {} has {} bytes free, and {} are kept in reserve: make room",
                            files_.directory, *free_bytes, options_.disk_reserve_bytes));
  SetRetryDelayMs(status, kDiskRetryMs);
  return status;
}

void Vault::Keep(const std::vector<Mark>& fresh) {
  MutexLock lock(mutex_);
  for (const Mark& mark : fresh) undecided_.erase(mark);
}

void Vault::GiveUp(const std::vector<Mark>& fresh) {
  MutexLock lock(mutex_);
  for (const Mark& mark : fresh) {
    const auto undecided = undecided_.find(mark);
    if (undecided == undecided_.end() || --undecided->second > 0) continue;
    undecided_.erase(undecided);
    const auto entry = entries_.find(mark);
    if (entry == entries_.end() || entry->second.state != EntryState::kLive) continue;
    // Not synced: what a crash brings back is a key that nothing is sealed under. Whoever syncs next, as an erasure
    // does, syncs this too.
    const uint32_t slot = entry->second.slot;
    if (!file_->Write(uint64_t{slot} * kSlotBytes, std::string(kSlotBytes, '\0')).ok()) continue;
    cache_.erase(slot);
    entries_.erase(entry);
    free_slots_.push_back(slot);
  }
}

absl::StatusOr<SecretKey> Vault::KeyOf(std::string_view subject_id) const {
  return KeyAt(subject_id, MarkOf(subject_id));
}

absl::StatusOr<SecretKey> Vault::KeyAt(std::string_view subject_id, const Mark& mark) const {
  uint32_t number = 0;
  {
    MutexLock lock(mutex_);
    auto entry = entries_.find(mark);
    while (entry != entries_.end() && entry->second.state == EntryState::kCreating) {
      changed_.Wait(mutex_);
      entry = entries_.find(mark);
    }
    if (entry == entries_.end()) {
      if (!failed_.ok()) return About(subject_id, failed_);
      return About(subject_id, MakeError(Reason::kSubjectNotFound, fmt::format("there is no subject {}", subject_id)));
    }
    KL_RETURN_IF_ERROR(Refusal(subject_id, entry->second.state));
    number = entry->second.slot;
    if (const auto cached = cache_.find(number); cached != cache_.end()) return cached->second;
  }
  std::string bytes;
  KL_RETURN_IF_ERROR(file_->Read(uint64_t{number} * kSlotBytes, kSlotBytes, bytes));
  Slot slot;
  std::optional<SecretKey> key;
  if (DecodeSlot(bytes, slot) == SlotKind::kIntact && slot.subject == SubjectHash(subject_id))
    key = UnwrapKey(slot, master_);
  MutexLock lock(mutex_);
  // An erasure may have come in between, and even half of its bytes; or the key was given up.
  const auto entry = entries_.find(mark);
  if (entry == entries_.end() || entry->second.slot != number) {
    return About(subject_id, MakeError(Reason::kSubjectNotFound, fmt::format("there is no subject {}", subject_id)));
  }
  KL_RETURN_IF_ERROR(Refusal(subject_id, entry->second.state));
  if (!key.has_value()) return Refusal(subject_id, EntryState::kDamaged);
  Remember(number, *key);
  return *key;
}

bool Vault::NeedsNoSync(std::span<const std::string_view> subject_ids) const {
  MutexLock lock(mutex_);
  return std::all_of(subject_ids.begin(), subject_ids.end(), [this](std::string_view id) {
    const auto entry = entries_.find(MarkOf(id));
    return entry != entries_.end() && entry->second.state != EntryState::kCreating;
  });
}

void Vault::Remember(uint32_t slot, const SecretKey& key) const {
  if (cache_.size() >= options_.cached_keys_max) cache_.clear();
  cache_.insert_or_assign(slot, key);
}

absl::Status Vault::Erase(std::string_view subject_id) {
  return EraseAll(std::span<const std::string_view>(&subject_id, 1)).status();
}

absl::StatusOr<size_t> Vault::EraseAll(std::span<const std::string_view> subject_ids) {
  MutexLock lock(mutex_);
  // Another call's writing comes first: one that creates a key, or erases it and has to be waited for.
  const auto is_written = [this](std::string_view id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto entry = entries_.find(MarkOf(id));
    return entry != entries_.end() &&
           (entry->second.state == EntryState::kCreating || entry->second.state == EntryState::kErasing);
  };
  while (std::any_of(subject_ids.begin(), subject_ids.end(), is_written)) changed_.Wait(mutex_);
  Batch batch;
  std::vector<Mark> marks;
  absl::Status status;
  for (const std::string_view id : subject_ids) {
    const Mark mark = MarkOf(id);
    auto entry = entries_.find(mark);
    if (entry == entries_.end()) {
      const absl::StatusOr<uint32_t> slot = TakeSlot();
      status = slot.status();
      if (!status.ok()) break;
      entry = entries_.emplace(mark, Entry{*slot, EntryState::kErasing}).first;
    } else if (entry->second.state == EntryState::kErased || entry->second.state == EntryState::kErasing) {
      continue;
    }
    // From here on nobody gets the key, whatever becomes of the writing.
    entry->second.state = EntryState::kErasing;
    cache_.erase(entry->second.slot);
    batch.writes.emplace_back(entry->second.slot, EncodeSlot(Tombstone(SubjectHash(id))));
    marks.push_back(mark);
  }
  if (marks.empty() && status.ok()) return 0;
  if (status.ok()) status = Commit(batch);
  for (const Mark& mark : marks) {
    entries_.at(mark).state = status.ok() ? EntryState::kErased : EntryState::kNotErased;
  }
  changed_.NotifyAll();
  if (!status.ok()) return About(subject_ids.front(), status);
  return marks.size();
}

absl::Status Vault::Commit(Batch& batch) {
  waiting_.push_back(&batch);
  while (!batch.done) {
    if (writing_) {
      changed_.Wait(mutex_);
      continue;
    }
    // This caller writes for all that wait.
    writing_ = true;
    const std::vector<Batch*> group(waiting_.begin(), waiting_.end());
    waiting_.clear();
    for (Batch* const each : group) {
      if (each->creates) each->status = failed_;
    }
    mutex_.Unlock();
    const absl::Status status = WriteGroup(group);
    mutex_.Lock();
    writing_ = false;
    if (!status.ok() && failed_.ok()) {
      failed_ = MakeError(Reason::kShardReadOnly,
                          fmt::format("the vault could not be written ({}), it takes no new subjects until the server "
                                      "is started again",
                                      MessageOf(status)));
    }
    for (Batch* const done : group) {
      done->done = true;
      if (done->creates && ReasonOf(done->status) == Reason::kShardReadOnly) done->status = failed_;
    }
    changed_.NotifyAll();
  }
  return batch.status;
}

absl::Status Vault::WriteGroup(const std::vector<Batch*>& group) const {
  options_.on_step("write");
  absl::Status unknown;
  const auto fail = [&unknown](Batch& batch, const absl::Status& why) {
    batch.status = MakeError(Reason::kShardReadOnly, fmt::format("the vault could not be written: {}", MessageOf(why)));
    if (unknown.ok()) unknown = why;
  };
  for (Batch* const batch : group) {
    if (!batch->status.ok()) continue;
    const absl::Status written = WriteBatch(*batch);
    if (written.ok()) continue;
    // Whoever erases tries again; of a new key nothing may stay.
    if (ReasonOf(written) == Reason::kDiskNearlyFull && (!batch->creates || UndoBatch(*batch).ok())) {
      batch->status = written;
    } else {
      fail(*batch, written);
    }
  }
  options_.on_step("sync");
  absl::Status synced = options_.fail_step("sync");
  if (synced.ok()) synced = file_->Sync();
  if (synced.ok()) return unknown;
  for (Batch* const batch : group) {
    if (batch->status.ok()) fail(*batch, synced);
  }
  return synced;
}

absl::Status Vault::WriteBatch(const Batch& batch) const {
  KL_RETURN_IF_ERROR(options_.fail_step("write"));
  for (const auto& [number, bytes] : batch.writes) {
    KL_RETURN_IF_ERROR(file_->Write(uint64_t{number} * kSlotBytes, bytes));
  }
  return absl::OkStatus();
}

absl::Status Vault::UndoBatch(const Batch& batch) const {
  KL_ASSIGN_OR_RETURN(const uint64_t size, file_->Size());
  for (const auto& [number, bytes] : batch.writes) {
    const uint64_t offset = uint64_t{number} * kSlotBytes;
    if (offset >= size) continue;
    KL_RETURN_IF_ERROR(file_->Write(offset, std::string(std::min<uint64_t>(kSlotBytes, size - offset), '\0')));
  }
  return absl::OkStatus();
}

SubjectState Vault::State(std::string_view subject_id) const {
  MutexLock lock(mutex_);
  const auto entry = entries_.find(MarkOf(subject_id));
  if (entry == entries_.end()) return SubjectState::kUnknown;
  switch (entry->second.state) {
    case EntryState::kCreating:
      return SubjectState::kUnknown;
    case EntryState::kErased:
      return SubjectState::kErased;
    case EntryState::kDamaged:
      return SubjectState::kDamaged;
    case EntryState::kLive:
    case EntryState::kErasing:
    case EntryState::kNotErased:
      break;
  }
  return SubjectState::kLive;
}

Vault::Counts Vault::counts() const {
  MutexLock lock(mutex_);
  Counts counts;
  for (const auto& [mark, entry] : entries_) {
    counts.live += entry.state == EntryState::kLive ? 1 : 0;
    counts.erased += entry.state == EntryState::kErased ? 1 : 0;
  }
  counts.damaged_slots = damaged_slots_;
  return counts;
}

}  // namespace keyledger::vault

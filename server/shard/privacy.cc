// See privacy.h. Holds, and what both kinds of request share; erasures are in erasure.cc.
#include "server/shard/privacy.h"

#include <pthread.h>

#include <future>

#include <fmt/format.h>

#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/shard/account_reader.h"
#include "server/shard/privacy_keys.h"

namespace keyledger::shard {
namespace {

constexpr size_t kScanPage = 1'000;

absl::StatusOr<events::v1::EventRecord> RecordAt(const store::ShardStore& store, uint64_t position) {
  KL_ASSIGN_OR_RETURN(const std::string bytes, store.GetRecord(position));
  events::v1::EventRecord record;
  if (!record.ParseFromString(bytes)) return UnreadableRecord(kPrivacyStream, position);
  return record;
}

LegalHold HoldOf(const events::v1::EventRecord& record) {
  const events::v1::LegalHoldPlaced& placed = record.event().legal_hold_placed();
  return {placed.hold_id(), placed.subject_id(), placed.reason(), record.actor(),
          domain::MicrosOf(record.record_time())};
}

}  // namespace

Privacy::Privacy(std::vector<Shard*> shards, std::vector<projections::Engine*> engines, PrivacyOptions options)
    : shards_(std::move(shards)), engines_(std::move(engines)), options_(std::move(options)) {
  KL_CHECK(shards_.size() == engines_.size());
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "kl-erase");
    Loop();
  });
}

Privacy::~Privacy() { Stop(); }

void Privacy::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

absl::Status Privacy::Open() {
  const store::ShardStore& store = shards_[0]->store();
  std::string after;
  for (;;) {
    KL_ASSIGN_OR_RETURN(const std::vector<std::string> names, store.ListHoldsInForce(after, kScanPage));
    if (names.empty()) break;
    for (const std::string& name : names) {
      KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> position, store.GetUnique(HoldKey(name)));
      if (!position.has_value()) {
        return MakeError(Reason::kStoreDamaged, fmt::format("the record of legal hold {} is missing", name));
      }
      KL_ASSIGN_OR_RETURN(const LegalHold hold, ReadHold(name));
      MutexLock lock(mutex_);
      holds_.emplace(std::pair(hold.subject_id, hold.hold_id), *position);
    }
    after = names.back();
  }
  KL_RETURN_IF_ERROR(DestroyAgain());
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> row, store.GetMeta(kOpenErasureKey));
  if (!row.has_value() || row->empty()) return absl::OkStatus();
  storage::v1::OpenErasure open;
  if (!open.ParseFromString(*row)) return MakeError(Reason::kStoreDamaged, "the erasure under way cannot be read");
  MutexLock lock(mutex_);
  open_ = std::move(open);
  begun_ += 1;
  changed_.NotifyAll();
  return absl::OkStatus();
}

absl::Status Privacy::DestroyAgain() {
  if (!options_.destroy_again) return absl::OkStatus();
  const std::string prefix = ErasureKey("");
  std::string after;
  for (;;) {
    KL_ASSIGN_OR_RETURN(std::vector<std::string> keys, shards_[0]->store().ListUniques(prefix, after, kScanPage));
    if (keys.empty()) return absl::OkStatus();
    after = keys.back();
    for (std::string& key : keys) key.erase(0, prefix.size());
    KL_ASSIGN_OR_RETURN(const size_t destroyed, options_.destroy_again(keys));
    erased_again_ += destroyed;
  }
}

absl::StatusOr<std::optional<events::v1::EventRecord>> Privacy::RecordedBy(const PrivacyRequest& request) const {
  const store::ShardStore& store = shards_[0]->store();
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> row, store.GetRequest(kPrivacyStream, request.request_id));
  if (!row.has_value()) return std::nullopt;
  storage::v1::RequestResult result;
  if (!result.ParseFromString(*row)) {
    return MakeError(Reason::kStoreDamaged, "a stored request result cannot be read");
  }
  if (result.digest() != request.digest) return RequestReused();
  KL_ASSIGN_OR_RETURN(events::v1::EventRecord record, RecordAt(store, result.first_position()));
  return record;
}

absl::StatusOr<std::optional<events::v1::EventRecord>> Privacy::FindUnique(uint32_t shard,
                                                                           const std::string& key) const {
  const store::ShardStore& store = shards_[shard]->store();
  KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> position, store.GetUnique(key));
  if (!position.has_value()) return std::nullopt;
  KL_ASSIGN_OR_RETURN(events::v1::EventRecord record, RecordAt(store, *position));
  return record;
}

absl::StatusOr<LegalHold> Privacy::ReadHold(const std::string& hold_id) const {
  KL_ASSIGN_OR_RETURN(const auto record, FindUnique(0, HoldKey(hold_id)));
  if (!record.has_value() || record->event().legal_hold_placed().hold_id() != hold_id) {
    return MakeError(Reason::kStoreDamaged, fmt::format("the record of legal hold {} is missing", hold_id));
  }
  return HoldOf(*record);
}

absl::StatusOr<uint64_t> Privacy::Record(uint32_t shard, const events::v1::Event& event, const std::string& request_id,
                                         const std::string& actor, const std::string& digest, OwnIndex index) const {
  std::promise<absl::StatusOr<AppendAnswer>> promise;
  shards_[shard]->RecordOwn(
      kPrivacyStream, event, request_id, actor, digest,
      [&](absl::StatusOr<AppendAnswer> answer) { promise.set_value(std::move(answer)); }, std::move(index));
  KL_ASSIGN_OR_RETURN(const AppendAnswer answer, promise.get_future().get());
  return answer.events.at(0).position;
}

absl::StatusOr<events::v1::EventRecord> Privacy::ReadBack(uint32_t shard, uint64_t position) const {
  KL_RETURN_IF_ERROR(options_.before_read_back(position));
  return RecordAt(shards_[shard]->store(), position);
}

absl::Status Privacy::CheckNotOfOpenErasure(const PrivacyRequest& request) const {
  MutexLock lock(mutex_);
  // Its record is still to come, under this id.
  return open_.has_value() && open_->request_id() == request.request_id ? RequestReused() : absl::OkStatus();
}

absl::StatusOr<LegalHold> Privacy::PlaceHold(const PrivacyRequest& request, const std::string& hold_id) {
  MutexLock order(order_mutex_);
  KL_RETURN_IF_ERROR(CheckNotOfOpenErasure(request));
  KL_ASSIGN_OR_RETURN(const auto before, RecordedBy(request));
  if (before.has_value()) return HoldOf(*before);
  KL_ASSIGN_OR_RETURN(const bool erased, IsErased(request.subject_id));
  if (erased) {
    return MakeError(Reason::kSubjectErased,
                     fmt::format("subject {} is erased; there is nothing left to hold", request.subject_id));
  }
  KL_ASSIGN_OR_RETURN(const auto named, FindUnique(0, HoldKey(hold_id)));
  if (named.has_value()) {
    return MakeError(Reason::kLegalHoldExists,
                     fmt::format("there is or was a legal hold {}; give the new one another name", hold_id));
  }
  events::v1::Event event;
  events::v1::LegalHoldPlaced& placed = *event.mutable_legal_hold_placed();
  placed.set_hold_id(hold_id);
  placed.set_subject_id(request.subject_id);
  placed.set_reason(request.reason);
  KL_ASSIGN_OR_RETURN(const uint64_t position,
                      Record(0, event, request.request_id, request.actor, request.digest,
                             {.unique_key = HoldKey(hold_id), .hold_placed = hold_id, .hold_released = {}}));
  {
    // It is in force once it is durable, whether it can be read back or not.
    MutexLock lock(mutex_);
    holds_.emplace(std::pair(request.subject_id, hold_id), position);
  }
  KL_ASSIGN_OR_RETURN(const events::v1::EventRecord record, ReadBack(0, position));
  return HoldOf(record);
}

absl::StatusOr<ReleasedHold> Privacy::ReleaseHold(const PrivacyRequest& request, const std::string& hold_id) {
  MutexLock order(order_mutex_);
  KL_RETURN_IF_ERROR(CheckNotOfOpenErasure(request));
  KL_ASSIGN_OR_RETURN(const auto before, RecordedBy(request));
  if (before.has_value()) {
    KL_ASSIGN_OR_RETURN(LegalHold hold, ReadHold(hold_id));
    return ReleasedHold{std::move(hold), domain::MicrosOf(before->record_time())};
  }
  KL_ASSIGN_OR_RETURN(const auto named, FindUnique(0, HoldKey(hold_id)));
  LegalHold hold = named.has_value() ? HoldOf(*named) : LegalHold();
  const auto key = std::pair(hold.subject_id, hold_id);
  bool in_force = false;
  {
    MutexLock lock(mutex_);
    in_force = holds_.contains(key);
  }
  if (!in_force) {
    return MakeError(Reason::kLegalHoldNotFound,
                     fmt::format("there is no legal hold {} in force; ListLegalHolds shows those there are", hold_id));
  }
  events::v1::Event event;
  events::v1::LegalHoldReleased& released = *event.mutable_legal_hold_released();
  released.set_hold_id(hold_id);
  released.set_subject_id(hold.subject_id);
  released.set_reason(request.reason);
  KL_ASSIGN_OR_RETURN(const uint64_t position, Record(0, event, request.request_id, request.actor, request.digest,
                                                      {.unique_key = {}, .hold_placed = {}, .hold_released = hold_id}));
  {
    MutexLock lock(mutex_);
    holds_.erase(key);
  }
  KL_ASSIGN_OR_RETURN(const events::v1::EventRecord record, ReadBack(0, position));
  return ReleasedHold{std::move(hold), domain::MicrosOf(record.record_time())};
}

absl::StatusOr<HoldPage> Privacy::ListHolds(std::string_view subject_id,
                                            const std::pair<std::string, std::string>& after, size_t limit) const {
  std::vector<uint64_t> positions;
  HoldPage page;
  {
    MutexLock lock(mutex_);
    auto at = holds_.upper_bound(std::max(after, std::pair(std::string(subject_id), std::string())));
    for (; at != holds_.end() && (subject_id.empty() || at->first.first == subject_id); ++at) {
      if (positions.size() == limit) {
        page.more = true;
        break;
      }
      positions.push_back(at->second);
    }
  }
  for (const uint64_t position : positions) {
    KL_ASSIGN_OR_RETURN(const events::v1::EventRecord record, RecordAt(shards_[0]->store(), position));
    page.holds.push_back(HoldOf(record));
  }
  return page;
}

}  // namespace keyledger::shard

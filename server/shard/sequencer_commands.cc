// What each command does to the group under construction. Everything here runs on the sequencer's thread. See
// sequencer.h.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "keyledger/storage/v1/store_rows.pb.h"
#include "server/base/calendar.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/event_kinds.h"
#include "server/domain/proto_time.h"
#include "server/shard/account_reader.h"
#include "server/shard/sequencer.h"

namespace keyledger::shard {
namespace {

// When an account that could not be swept is tried again.
constexpr Micros kSweepRetryMicros = 3'600 * kMicrosPerSecond;

// Where an account's tail is measured, so many bytes count as a record.
constexpr uint64_t kRecordBytes = 1'024;

std::string RequestKey(const AppendCommand& command) {
  std::string key = command.account_id;
  key += '\0';
  key += command.request_id;
  return key;
}

// The key under which a reservation ('h') or a transfer ('t') is unique; see InvoiceKey for the others.
std::string NameKey(char kind, const std::string& account_id, const std::string& name) {
  std::string key = kind + account_id;
  key += '\0';
  key += name;
  return key;
}

absl::Status RequestReused() {
  return MakeError(Reason::kRequestIdReused,
                   "request_id was used before with another body; take a new request_id for a new request");
}

}  // namespace

std::string TransferKey(const std::string& account_id, const std::string& transfer_id) {
  return NameKey('t', account_id, transfer_id);
}

void Sequencer::ProcessAppend(AppendCommand& command, AppendDone done) {
  if (AnswerRepeated(command, done)) return;
  Complete(std::move(done), DecideAppend(command));
}

bool Sequencer::AnswerRepeated(AppendCommand& command, AppendDone& done) {
  const std::string key = RequestKey(command);
  if (const auto pending = pending_requests_.find(key); pending != pending_requests_.end()) {
    if (pending->second.digest != command.digest) {
      Complete(std::move(done), RequestReused());
      return true;
    }
    // The first answer becomes readable with the group that is being written or built; this completion runs after it.
    replayed_requests_.fetch_add(1, std::memory_order_relaxed);
    group_->completions.push_back([this, done = std::move(done), account_id = command.account_id,
                                   request_id = command.request_id,
                                   want = command.want_decisions](const absl::Status& commit) {
      if (!commit.ok()) return done(commit);
      absl::StatusOr<std::optional<std::string>> row = store_.GetRequest(account_id, request_id);
      if (!row.ok()) return done(row.status());
      if (!row->has_value()) {
        return done(MakeError(Reason::kStoreDamaged, "the result of a request just committed is missing"));
      }
      done(ReadAnswer(store_, options_.shard, **row, want));
    });
    return true;
  }
  absl::StatusOr<std::optional<std::string>> row = store_.GetRequest(command.account_id, command.request_id);
  if (!row.ok()) {
    Complete(std::move(done), row.status());
    return true;
  }
  if (!row->has_value()) return false;
  storage::v1::RequestResult result;
  if (!result.ParseFromString(**row)) {
    Complete(std::move(done), MakeError(Reason::kStoreDamaged, "a stored request result cannot be read"));
  } else if (result.digest() != command.digest) {
    Complete(std::move(done), RequestReused());
  } else {
    replayed_requests_.fetch_add(1, std::memory_order_relaxed);
    Complete(std::move(done), ReadAnswer(store_, options_.shard, **row, command.want_decisions));
  }
  return true;
}

absl::StatusOr<AppendAnswer> Sequencer::DecideAppend(AppendCommand& command) {
  const Micros record_time = NextRecordTime();
  KL_RETURN_IF_ERROR(CheckSkew(command, record_time));
  KL_ASSIGN_OR_RETURN(CachedAccount* const account, Load(command.account_id));
  KL_RETURN_IF_ERROR(CheckExpected(command, account->state));
  std::vector<std::pair<std::string, int>> keys;
  KL_RETURN_IF_ERROR(CheckUnique(command, keys));
  KL_RETURN_IF_ERROR(CheckRetractions(command));

  domain::DecideInput input;
  input.account_id = command.account_id;
  KL_ASSIGN_OR_RETURN(input.purchases, FindPurchases(command, account->state));
  input.facts.reserve(command.events.size());
  for (SubmittedEvent& event : command.events) input.facts.push_back({std::move(event.event), event.occurred});
  KL_ASSIGN_OR_RETURN(domain::Outcome outcome, domain::Decide(account->state, input, *programs_));

  AppendAnswer answer;
  answer.shard = options_.shard;
  const uint64_t first_position = next_position();
  Record(*account, std::move(outcome), &command, record_time, &answer);
  AddRequestRow(command, answer, first_position);
  AnnounceTransfers(input);
  for (auto& [key, event_index] : keys) {
    const uint64_t position = answer.events[event_index].position;
    group_->commit.uniques.push_back({key, position});
    group_->unique_keys.push_back(key);
    pending_uniques_.emplace(std::move(key), position);
  }
  return answer;
}

absl::Status Sequencer::CheckExpected(const AppendCommand& command, const domain::AccountState& state) const {
  const uint64_t next = state.next_revision;
  switch (command.expected.kind) {
    case ExpectedRevision::Kind::kAny:
      return absl::OkStatus();
    case ExpectedRevision::Kind::kNewAccount:
      if (next == 0) return absl::OkStatus();
      return MakeError(Reason::kAccountExists, fmt::format("account {} exists already", command.account_id));
    case ExpectedRevision::Kind::kExact:
      break;
  }
  if (next > 0 && next - 1 == command.expected.exact) return absl::OkStatus();
  const std::string actual = next == 0 ? "none" : std::to_string(next - 1);
  absl::Status status = MakeError(Reason::kStaleRevision,
                                  fmt::format("account {} is at revision {}, not {}; read it again and decide anew",
                                              command.account_id, actual, command.expected.exact));
  AddMetadata(status, "actual_revision", actual);
  return status;
}

absl::Status Sequencer::CheckSkew(const AppendCommand& command, Micros record_time) const {
  absl::Status status;
  for (size_t i = 0; i < command.events.size(); ++i) {
    if (command.events[i].occurred <= record_time + options_.skew_max) continue;
    const std::string field = fmt::format("events[{}].occurred_time", i);
    if (status.ok()) {
      status = MakeError(Reason::kOccurredInFuture,
                         fmt::format("{} is more than {} seconds ahead of the ledger's clock ({})", field,
                                     options_.skew_max / kMicrosPerSecond, FormatMicros(record_time)));
    }
    AddField(status, field, "too far in the future");
  }
  return status;
}

absl::StatusOr<std::optional<uint64_t>> Sequencer::FindUnique(const std::string& key) {
  if (const auto pending = pending_uniques_.find(key); pending != pending_uniques_.end()) return pending->second;
  return store_.GetUnique(key);
}

absl::Status Sequencer::CheckUnique(const AppendCommand& command, std::vector<std::pair<std::string, int>>& keys) {
  for (size_t i = 0; i < command.events.size(); ++i) {
    const events::v1::Event& event = command.events[i].event;
    std::string key;
    if (event.has_purchase_recorded() && !event.purchase_recorded().invoice_number().empty()) {
      key = InvoiceKey(false, event.purchase_recorded().merchant_id(), event.purchase_recorded().invoice_number());
    } else if (event.has_purchase_returned() && !event.purchase_returned().return_number().empty()) {
      key = InvoiceKey(true, event.purchase_returned().merchant_id(), event.purchase_returned().return_number());
    } else if (event.has_points_reserved()) {
      key = NameKey('h', command.account_id, event.points_reserved().reservation_id());
    } else if (event.has_points_transfer_sent()) {
      key = NameKey('t', command.account_id, event.points_transfer_sent().transfer_id());
    } else {
      continue;
    }
    const bool twice = std::any_of(keys.begin(), keys.end(), [&](const auto& entry) { return entry.first == key; });
    KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> holder, FindUnique(key));
    if (!twice && !holder.has_value()) {
      keys.emplace_back(std::move(key), static_cast<int>(i));
      continue;
    }
    const std::string number = key.substr(key.find('\0') + 1);
    if (event.has_points_reserved()) {
      return MakeError(Reason::kReservationExists,
                       fmt::format("events[{}]: reservation_id '{}' was used before; take a new one", i, number));
    }
    if (event.has_points_transfer_sent()) {
      return MakeError(Reason::kTransferExists,
                       fmt::format("events[{}]: transfer_id '{}' was used before; take a new one", i, number));
    }
    absl::Status status = MakeError(
        Reason::kInvoiceExists,
        twice ? fmt::format("events[{}]: number {} occurs twice in the request", i, number)
              : fmt::format("events[{}]: number {} of merchant {} was recorded before, at position {} of shard {}", i,
                            number, key.substr(1, key.find('\0') - 1), *holder, options_.shard));
    if (holder.has_value()) {
      AddMetadata(status, "position", std::to_string(*holder));
      AddMetadata(status, "shard", std::to_string(options_.shard));
      events::v1::EventRecord record;
      if (RecordAt(*holder, record).ok()) AddMetadata(status, "account_id", record.account_id());
    }
    return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<CachedAccount*> Sequencer::Load(const std::string& account_id) {
  if (CachedAccount* cached = cache_.Find(account_id)) return cached;
  CachedAccount account;
  account.account_id = account_id;
  KL_ASSIGN_OR_RETURN(std::optional<domain::AccountState> state,
                      FoldAccount(store_, account_id, kHead, &account.snapshot_revision));
  if (state.has_value()) account.state = *std::move(state);
  return cache_.Insert(std::move(account));
}

void Sequencer::Record(CachedAccount& account, domain::Outcome outcome, AppendCommand* command, Micros record_time,
                       AppendAnswer* answer) {
  uint64_t revision = account.state.next_revision;
  std::vector<std::string> fact_ids(command == nullptr ? 0 : command->events.size());
  bool digest_written = false;
  for (domain::DecidedEvent& decided : outcome.events) {
    const uint64_t position = next_position();
    events::v1::EventRecord& record = scratch_;
    record.Clear();
    record.set_shard(options_.shard);
    record.set_position(position);
    record.set_account_id(account.account_id);
    record.set_revision(revision);
    domain::SetTimestamp(record.mutable_occurred_time(), decided.occurred);
    domain::SetTimestamp(record.mutable_record_time(), record_time);
    if (command != nullptr && (decided.fact_index >= 0 || !decided.is_decision || command->events.empty()))
      record.set_request_id(command->request_id);
    record.set_event_id(fmt::format("{}-{}", options_.shard, position));
    if (decided.is_decision) {
      // A review's command has no facts: its request shows on what it decided.
      if (command != nullptr && command->events.empty() && !std::exchange(digest_written, true)) {
        record.set_request_digest(command->digest);
      }
      if (decided.fact_index >= 0) record.set_causation_id(fact_ids[decided.fact_index]);
      if (!decided.program_id.empty()) {
        record.mutable_program()->set_program_id(decided.program_id);
        record.mutable_program()->set_version(decided.program_version);
      }
    } else {
      SubmittedEvent& submitted = command->events[decided.fact_index];
      if (!submitted.event_id.empty()) record.set_event_id(submitted.event_id);
      fact_ids[decided.fact_index] = record.event_id();
      record.set_actor(command->actor);
      if (!std::exchange(digest_written, true)) record.set_request_digest(command->digest);
      record.set_correlation_id(submitted.correlation_id);
      record.set_causation_id(submitted.causation_id);
      answer->events.push_back({position, revision, record.event_id()});
    }
    *record.mutable_event() = std::move(decided.event);
    store::RecordEntry entry{account.account_id, revision, {}};
    const bool serialized = record.SerializeToString(&entry.bytes);
    KL_CHECK(serialized);
    group_->record_bytes += entry.bytes.size();
    account.tail_bytes += entry.bytes.size();
    group_->commit.records.push_back(std::move(entry));
    if (decided.is_decision && answer != nullptr && command != nullptr && command->want_decisions) {
      answer->decisions.push_back(record);
    }
    ++revision;
  }
  if (account.state.transfers.empty() != outcome.state.transfers.empty()) {
    // A transfer sent in a group does not end in it, so a mark that is cleared and set in one group is to be set.
    auto& marks = outcome.state.transfers.empty() ? group_->commit.timers_cleared : group_->commit.timers_set;
    marks.push_back({store::kUnderWay, account.account_id});
  }
  account.state = std::move(outcome.state);
  KL_CHECK(account.state.next_revision == revision);
  account.last_position_end = next_position();
  account.last_record_time = record_time;
  last_record_time_ = record_time;
  if (answer != nullptr) {
    const domain::AccountState& state = account.state;
    answer->next_position = next_position();
    answer->standing = {revision - 1, state.available_points(), state.pending_points(), state.tier.ladder_id,
                        state.tier.tier_id};
  }
  Arm(account);
  // A few records of many lots are as much to fold again as many of one.
  const uint64_t tail = std::max(revision - account.snapshot_revision, account.tail_bytes / kRecordBytes);
  // Large states are written less often, so that snapshots cost no more than the records they stand for.
  if (tail >= options_.snapshot_every_records && tail * 128 >= account.bytes) Snapshot(account);
  cache_.Resize(account);
}

void Sequencer::AddRequestRow(const AppendCommand& command, const AppendAnswer& answer, uint64_t first_position) {
  storage::v1::RequestResult row;
  row.set_digest(command.digest);
  row.set_first_position(first_position);
  row.set_record_count(static_cast<uint32_t>(answer.next_position - first_position));
  for (const AppendedEvent& event : answer.events)
    row.add_fact_offsets(static_cast<uint32_t>(event.position - first_position));
  row.set_revision(answer.standing.revision);
  row.set_available_points(answer.standing.available_points);
  row.set_pending_points(answer.standing.pending_points);
  row.set_ladder_id(answer.standing.ladder_id);
  row.set_tier_id(answer.standing.tier_id);
  group_->commit.requests.push_back({command.account_id, command.request_id, row.SerializeAsString()});
  std::string key = RequestKey(command);
  group_->request_keys.push_back(key);
  pending_requests_.emplace(std::move(key), PendingRequest{command.digest});
}

void Sequencer::Arm(CachedAccount& account, Micros looked_until) {
  if (IsOwnStream(account.account_id)) return;
  const Micros due = domain::NextDue(account.state, *programs_, looked_until);
  if (account.armed == due) return;
  if (account.armed.has_value() && *account.armed != domain::kNever) {
    group_->commit.timers_cleared.push_back({*account.armed, account.account_id});
  }
  if (due != domain::kNever) group_->commit.timers_set.push_back({due, account.account_id});
  account.armed = due;
}

void Sequencer::Snapshot(CachedAccount& account) {
  if (IsOwnStream(account.account_id)) return;
  group_->commit.snapshots.push_back({account.account_id, domain::EncodeState(account.state)});
  account.snapshot_revision = account.state.next_revision;
  account.tail_bytes = 0;
}

void Sequencer::ProcessSweep(SweepCommand& command) {
  // An account that cannot be decided must not stand before all others in the list of timers for ever.
  const auto put_off = [&](const absl::Status& why) {
    group_->commit.timers_cleared.push_back(command.timer);
    group_->commit.timers_set.push_back({command.until + kSweepRetryMicros, command.timer.account_id});
    group_->completions.push_back(
        [done = std::move(command.done), why](const absl::Status& commit) { done(commit, why); });
  };
  absl::StatusOr<CachedAccount*> loaded = Load(command.timer.account_id);
  if (!loaded.ok()) return put_off(loaded.status());
  CachedAccount& account = **loaded;
  const auto finish = [&] {
    group_->completions.push_back(
        [done = std::move(command.done)](const absl::Status& commit) { done(commit, absl::OkStatus()); });
  };
  // The timer that fired is gone; Arm puts the account's next one in its place.
  const auto clear = [&] {
    group_->commit.timers_cleared.push_back(command.timer);
    account.armed = std::nullopt;
  };
  if (!account.last_record_time.has_value() && account.state.next_revision > 0) {
    absl::StatusOr<std::optional<uint64_t>> position =
        store_.PositionOf(account.account_id, account.state.next_revision - 1);
    absl::StatusOr<std::string> bytes = position.ok() && position->has_value()
                                            ? store_.GetRecord(**position)
                                            : absl::StatusOr<std::string>(std::string());
    events::v1::EventRecord record;
    account.last_record_time =
        bytes.ok() && record.ParseFromString(*bytes) ? domain::MicrosOf(record.record_time()) : Micros{0};
  }
  const Micros quiet_until = account.last_record_time.value_or(0) + command.quiet;
  if (quiet_until > command.until) {
    // Someone is writing to the account, perhaps importing its past: look again later. The row only has to be found
    // then, so any due time will do.
    clear();
    group_->commit.timers_set.push_back({quiet_until, account.account_id});
    account.armed = quiet_until;
    return finish();
  }
  absl::StatusOr<domain::Outcome> outcome = domain::Advance(account.state, command.until, *programs_);
  if (!outcome.ok()) return put_off(outcome.status());
  clear();
  if (outcome->events.empty()) {
    Arm(account, command.until);
  } else {
    Record(account, *std::move(outcome), nullptr, NextRecordTime(), nullptr);
  }
  finish();
}

void Sequencer::ProcessRearm(RearmCommand& command) {
  absl::StatusOr<CachedAccount*> loaded = Load(command.account_id);
  if (!loaded.ok()) return command.done(loaded.status());
  Arm(**loaded);
  group_->completions.push_back([done = std::move(command.done)](const absl::Status& commit) { done(commit); });
}

void Sequencer::ProcessPublish(PublishCommand& command) {
  if (AnswerRepeated(command.append, command.done)) return;
  absl::StatusOr<CachedAccount*> loaded = Load(command.append.account_id);
  if (!loaded.ok()) return Complete(std::move(command.done), loaded.status());
  domain::Outcome outcome;
  outcome.state = (*loaded)->state;
  domain::DecidedEvent decided;
  decided.occurred = NextRecordTime();
  decided.fact_index = 0;
  decided.event = command.append.events[0].event;
  outcome.state.next_revision += 1;
  const PublishedProgram published{command.program, decided.event.program_published().source_yaml(), decided.occurred,
                                   command.append.actor};
  outcome.events.push_back(std::move(decided));
  AppendAnswer answer;
  answer.shard = options_.shard;
  const uint64_t first_position = next_position();
  Record(**loaded, std::move(outcome), &command.append, published.publish_time, &answer);
  AddRequestRow(command.append, answer, first_position);
  programs_ = programs_->With(command.program);
  group_->completions.push_back([this, published, durable = programs_](const absl::Status& commit) {
    if (!commit.ok()) return;
    MutexLock lock(published_mutex_);
    durable_programs_ = durable;
    published_.push_back(published);
  });
  Complete(std::move(command.done), std::move(answer));
}

}  // namespace keyledger::shard

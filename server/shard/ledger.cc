// See ledger.h.
#include "server/shard/ledger.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <future>
#include <set>

#include <fmt/format.h>

#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/shard/ledger_file.h"
#include "server/shard/privacy_keys.h"
#include "server/shard/sequencer.h"

namespace keyledger::shard {
namespace {

constexpr size_t kSweepBatch = 1'000;
// How long a transfer of a portfolio waits for the index of owners before it looks whether the ledger stops.
constexpr std::chrono::milliseconds kIndexWait{200};
// Meta row that says that the timers have to be set anew since the programs changed.
constexpr char kRearmKey[] = "sweeper.rearm";

// Counts what is still to come back, keeps the first error.
class Gather {
 public:
  explicit Gather(size_t count) : left_(count) {}
  void Done(const absl::Status& status) {
    // Notified under the lock: the waiter may destroy this object as soon as it sees zero.
    MutexLock lock(mutex_);
    if (!status.ok() && status_.ok()) status_ = status;
    left_ -= 1;
    if (left_ == 0) changed_.NotifyAll();
  }
  absl::Status Wait() {
    MutexLock lock(mutex_);
    while (left_ > 0) changed_.Wait(mutex_);
    return status_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  size_t left_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

// The accounts that a sweep could not advance: how many, and what the first one's trouble is.
class Undecided {
 public:
  void Note(const std::string& account_id, const absl::Status& status) {
    if (status.ok()) return;
    MutexLock lock(mutex_);
    count_ += 1;
    if (count_ == 1) {
      account_id_ = account_id;
      status_ = status;
    }
  }
  // OK if there are none.
  absl::Status failure() const {
    MutexLock lock(mutex_);
    if (count_ == 0) return absl::OkStatus();
    const std::string others = count_ == 1 ? "" : fmt::format(", nor can {} more", count_ - 1);
    const std::string text = fmt::format("account '{}' cannot be advanced{}; tried again in an hour: {}", account_id_,
                                         others, MessageOf(status_));
    return ReasonOf(status_) == Reason::kUnspecified ? absl::Status(status_.code(), text)
                                                     : MakeError(ReasonOf(status_), text);
  }

 private:
  mutable Mutex mutex_;
  uint64_t count_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string account_id_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

Ledger::Ledger(const LedgerOptions& options, const Clock& clock, std::string ledger_id)
    : options_(options), clock_(clock), ledger_id_(std::move(ledger_id)) {}

absl::StatusOr<std::unique_ptr<Ledger>> Ledger::Open(const LedgerOptions& options, const Clock& clock) {
  KL_ASSIGN_OR_RETURN(const LedgerIdentity identity, OpenLedgerFile(options.data_dir, options.shard_count));
  std::unique_ptr<Ledger> ledger(new Ledger(options, clock, identity.ledger_id));
  KL_RETURN_IF_ERROR(CheckShardsPresent(options.data_dir, identity.shard_count));
  KL_RETURN_IF_ERROR(ledger->OpenParts(identity.shard_count));
  KL_RETURN_IF_ERROR(MarkComplete(options.data_dir));
  // Before anything is added to a log that may not be the one that was published.
  KL_RETURN_IF_ERROR(ledger->OpenCheckpoints());
  KL_RETURN_IF_ERROR(ledger->BindVault());
  // On a full disk the ledger can still be read, and the next publication completes this one.
  if (absl::Status status = ledger->CompletePublications();
      !status.ok() && ReasonOf(status) != Reason::kDiskNearlyFull) {
    return status;
  }
  std::vector<Shard*> shards;
  std::vector<projections::Engine*> engines;
  for (Part& part : ledger->parts_) {
    part.engine->Start();
    shards.push_back(part.shard.get());
    engines.push_back(part.engine.get());
  }
  KL_RETURN_IF_ERROR(ledger->OpenPrivacy(shards, std::move(engines)));
  ledger->courier_ = std::make_unique<Courier>(shards);
  KL_RETURN_IF_ERROR(ledger->OpenPortfolio(shards));
  ledger->reviewer_ = std::make_unique<Reviewer>(std::move(shards), clock,
                                                 ReviewerOptions{options.shard.skew_max, options.sweep_quiet});
  KL_RETURN_IF_ERROR(ledger->reviewer_->Resume());
  if (ledger->checkpoints_ != nullptr) KL_RETURN_IF_ERROR(ledger->checkpoints_->Start());
  if (options.sweep_interval.count() > 0) {
    ledger->sweeper_ = std::thread([raw = ledger.get()] {
      pthread_setname_np(pthread_self(), "kl-sweep");
      raw->SweepLoop();
    });
  }
  return ledger;
}

absl::Status Ledger::BindVault() {
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> named, parts_[0].store->GetMeta(kVaultKey));
  vault_id_ = named.value_or("");
  const vault::Vault* const vault = options_.vault;
  if (vault == nullptr || vault_id_ == vault->id()) return absl::OkStatus();
  const bool empty = vault->counts() == vault::Vault::Counts{};
  if (!vault_id_.empty() && !options_.accept_other_vault) {
    return absl::FailedPreconditionError(fmt::format(
        "the ledger's personal data is sealed with the keys of vault {}, but the one in {} is vault {}{}; start with "
        "the directory of the right one (--vault-dir), or put a backup of it there; if it is lost for good, "
        "--accept-other-vault goes on with this one, and nothing sealed before can be read any more",
        vault_id_, vault->directory(), vault->id(), empty ? ", which is empty" : ""));
  }
  if (!empty && !options_.accept_other_vault) {
    const vault::Vault::Counts counts = vault->counts();
    return absl::FailedPreconditionError(fmt::format(
        "the ledger has no vault yet, and the vault {} in {} holds keys ({} data subjects, {} erased), so it is that "
        "of another ledger or this is an old copy of the ledger; start with a directory of its own (--vault-dir), or "
        "with --accept-other-vault if it is this ledger's all the same",
        vault->id(), vault->directory(), counts.live, counts.erased));
  }
  // A crash before this leaves an empty vault, which the next start takes.
  KL_RETURN_IF_ERROR(parts_[0].store->PutMeta(kVaultKey, vault->id()));
  vault_id_ = vault->id();
  return absl::OkStatus();
}

absl::Status Ledger::OpenCheckpoints() {
  if (!options_.checkpoints.has_value()) return absl::OkStatus();
  std::vector<Shard*> shards;
  for (Part& part : parts_) shards.push_back(part.shard.get());
  KL_ASSIGN_OR_RETURN(checkpoints_,
                      CheckpointKeeper::Open(*options_.checkpoints, ledger_id_, std::move(shards), clock_));
  return absl::OkStatus();
}

absl::Status Ledger::OpenPortfolio(const std::vector<Shard*>& shards) {
  if (!options_.owner_index.has_value()) return absl::OkStatus();
  PortfolioOptions portfolio;
  portfolio.skew_max = options_.shard.skew_max;
  portfolio.list = [this](uint32_t shard, const std::string& person, const std::string& after, size_t limit,
                          uint64_t place) -> absl::StatusOr<std::vector<std::string>> {
    const OwnerIndex& index = *options_.owner_index;
    const projections::Engine& engine = *parts_[shard].engine;
    KL_RETURN_IF_ERROR(engine.WaitFor(index.projection, place, std::chrono::steady_clock::now() + kIndexWait));
    KL_ASSIGN_OR_RETURN(const auto rows, engine.Reader(index.projection));
    return index.list(*rows, person, after, limit);
  };
  portfolio_ = std::make_unique<Portfolio>(shards, clock_, std::move(portfolio));
  return portfolio_->Resume();
}

absl::Status Ledger::OpenPrivacy(const std::vector<Shard*>& shards, std::vector<projections::Engine*> engines) {
  PrivacyOptions privacy;
  privacy.ledger_id = ledger_id_;
  if (options_.vault != nullptr) {
    KL_CHECK(checkpoints_ != nullptr);
    privacy.destroy_key = [vault = options_.vault](const std::string& subject_id) { return vault->Erase(subject_id); };
    privacy.destroy_again = [vault = options_.vault](const std::vector<std::string>& subject_ids) {
      return vault->EraseAll(std::vector<std::string_view>(subject_ids.begin(), subject_ids.end()));
    };
  }
  // Also without a vault: who is erased already gets the certificate.
  if (checkpoints_ != nullptr) {
    privacy.sign = [this](uint32_t shard, const std::string& text) { return checkpoints_->SignText(shard, text); };
  }
  privacy_ = std::make_unique<Privacy>(shards, std::move(engines), std::move(privacy));
  return privacy_->Open();
}

absl::Status Ledger::OpenParts(uint32_t shard_count) {
  for (uint32_t number = 0; number < shard_count; ++number) {
    Part part;
    store::StoreOptions store_options;
    store_options.path = ShardDirectory(options_.data_dir, number);
    store_options.ledger_id = ledger_id_;
    store_options.shard = number;
    store_options.shard_count = shard_count;
    store_options.cache_bytes = options_.store_cache_bytes / shard_count;
    store_options.disk_reserve_bytes = options_.disk_reserve_bytes;
    store_options.env = options_.env;
    KL_ASSIGN_OR_RETURN(part.store, store::ShardStore::Open(store_options));
    ShardOptions shard_options = options_.shard;
    shard_options.shard = number;
    shard_options.shard_count = shard_count;
    // Nothing is appended to an account before the courier is there.
    shard_options.on_transfer_sent = [this, number](const std::string& account_id, const std::string& transfer_id) {
      courier_->Notify(number, account_id, transfer_id);
    };
    // Nor before all parts are there; and all shards have stopped before the first store is closed.
    shard_options.store_of = [this](uint32_t other) -> const store::ShardStore& { return *parts_[other].store; };
    shard_options.cache_bytes_max = std::max<size_t>(options_.shard.cache_bytes_max / shard_count, 1u << 20);
    shard_options.queue_bytes_max = std::max<size_t>(options_.shard.queue_bytes_max / shard_count, 8u << 20);
    KL_ASSIGN_OR_RETURN(part.shard, Shard::Open(*part.store, *part.store, clock_, shard_options));
    KL_ASSIGN_OR_RETURN(
        part.engine, projections::Engine::Open(*part.store, part.shard->head(), options_.projections, options_.engine));
    parts_.push_back(std::move(part));
  }
  return absl::OkStatus();
}

Ledger::~Ledger() {
  Stop();
  // Within a part: the engine reads the store and listens to the shard's head, the shard writes to the store.
  for (Part& part : parts_) {
    part.engine.reset();
    part.shard.reset();
    part.store.reset();
  }
}

void Ledger::StopProjections() {
  for (Part& part : parts_) part.engine->Stop();
}

void Ledger::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  stop_changed_.NotifyAll();
  // Shards first: a sweep that waits for them gets its answer.
  for (Part& part : parts_) part.shard->Stop();
  if (reviewer_ != nullptr) reviewer_->Stop();
  if (portfolio_ != nullptr) portfolio_->Stop();
  if (courier_ != nullptr) courier_->Stop();
  if (checkpoints_ != nullptr) checkpoints_->Stop();
  if (sweeper_.joinable()) sweeper_.join();
  StopProjections();
  // After them: an erasure under way waits for projections.
  if (privacy_ != nullptr) privacy_->Stop();
}

Shard& Ledger::ShardOfAccount(std::string_view account_id) {
  // The ledger's own streams are in the first shard, whatever their names hash to.
  return *parts_[IsOwnStream(account_id) ? 0 : ShardOf(account_id, shard_count())].shard;
}

void Ledger::Append(AppendCommand command, AppendDone done) {
  Shard& shard = ShardOfAccount(command.account_id);
  shard.Append(std::move(command), std::move(done));
}

Cursor Ledger::HeadCursor() const {
  Cursor cursor;
  for (const Part& part : parts_) cursor.next.push_back(part.shard->head().head());
  return cursor;
}

absl::Status Ledger::WaitFor(uint32_t number, std::string_view projection, uint64_t applied,
                             std::chrono::steady_clock::time_point deadline) const {
  const uint64_t head = parts_[number].shard->head().head();
  if (applied > head) {
    return MakeError(Reason::kInvalidToken,
                     fmt::format("min_cursor is past the end of shard {} ({} records)", number, head));
  }
  return parts_[number].engine->WaitFor(projection, applied, deadline);
}

absl::StatusOr<TableReaders> Ledger::Readers(std::string_view projection, std::string_view min_cursor,
                                             std::chrono::steady_clock::time_point deadline) const {
  Cursor cursor{std::vector<uint64_t>(parts_.size(), 0)};
  if (!min_cursor.empty()) {
    KL_ASSIGN_OR_RETURN(cursor, Parse(min_cursor));
  }
  TableReaders readers;
  for (uint32_t number = 0; number < shard_count(); ++number) {
    KL_RETURN_IF_ERROR(WaitFor(number, projection, cursor.next[number], deadline));
    KL_ASSIGN_OR_RETURN(auto reader, parts_[number].engine->Reader(projection));
    readers.push_back(std::move(reader));
  }
  return readers;
}

absl::StatusOr<std::shared_ptr<const store::TableReader>> Ledger::ReaderOf(
    std::string_view projection, std::string_view account_id, std::string_view min_cursor,
    std::chrono::steady_clock::time_point deadline) const {
  const uint32_t number = ShardOf(account_id, shard_count());
  if (!min_cursor.empty()) {
    KL_ASSIGN_OR_RETURN(const Cursor cursor, Parse(min_cursor));
    KL_RETURN_IF_ERROR(WaitFor(number, projection, cursor.next[number], deadline));
  }
  return parts_[number].engine->Reader(projection);
}

std::vector<PublishedProgram> Ledger::published() const {
  std::vector<PublishedProgram> published = parts_[0].shard->published();
  std::sort(published.begin(), published.end(), [](const PublishedProgram& a, const PublishedProgram& b) {
    const programs::v1::Program& left = a.program->program();
    const programs::v1::Program& right = b.program->program();
    return std::pair(left.program_id(), left.version()) < std::pair(right.program_id(), right.version());
  });
  return published;
}

absl::StatusOr<AppendAnswer> Ledger::PublishTo(Part& part, const PublishedProgram& program,
                                               const std::string& request_id, const std::string& actor) {
  {
    // A crash between here and the end of the scan leaves the row: the next start scans again.
    MutexLock lock(rearm_mutex_);
    KL_RETURN_IF_ERROR(part.store->PutMeta(kRearmKey, "1"));
    publications_started_ += 1;
  }
  std::promise<absl::StatusOr<AppendAnswer>> promise;
  part.shard->Publish(program.program, program.source_yaml, request_id, actor,
                      [&](absl::StatusOr<AppendAnswer> answer) { promise.set_value(std::move(answer)); });
  auto answer = promise.get_future().get();
  MutexLock lock(rearm_mutex_);
  publications_finished_ += 1;
  return answer;
}

absl::StatusOr<PublishedProgram> Ledger::Publish(const std::string& source_yaml, const std::string& request_id,
                                                 const std::string& actor) {
  domain::ParsedProgram parsed = domain::ParseProgramYaml(source_yaml);
  if (!parsed.findings.empty()) return domain::FindingsError(parsed.findings);
  MutexLock lock(publish_mutex_);
  // What an earlier call could not bring to every shard comes first: all shards hold the programs in the same order.
  KL_RETURN_IF_ERROR(CompletePublications());
  Part& first = parts_[0];
  KL_ASSIGN_OR_RETURN(const std::optional<PublishedProgram> before, PublishedBy(request_id, source_yaml));
  if (before.has_value()) return *before;
  programs::v1::Program program = *std::move(parsed.program);
  const std::vector<PublishedProgram> all = published();
  const PublishedProgram* latest = nullptr;
  for (const PublishedProgram& entry : all) {
    if (entry.program->program().program_id() == program.program_id()) latest = &entry;
  }
  if (latest != nullptr && latest->source_yaml == source_yaml) return *latest;
  program.set_version(latest == nullptr ? 1 : latest->program->program().version() + 1);
  KL_ASSIGN_OR_RETURN(auto compiled, domain::CompiledProgram::Compile(std::move(program)));
  if (latest != nullptr && compiled->effective_from() < latest->program->effective_from()) {
    return MakeError(Reason::kProgramConflict,
                     fmt::format("version {} of {} is in force from {}; a later version cannot begin before it",
                                 latest->program->program().version(), compiled->program().program_id(),
                                 FormatMicros(latest->program->effective_from())));
  }
  const auto answer = PublishTo(first, {compiled, source_yaml, 0, actor}, request_id, actor);
  if (!answer.ok()) return answer.status();
  KL_RETURN_IF_ERROR(CompletePublications());
  for (const PublishedProgram& entry : first.shard->published()) {
    if (entry.program == compiled) return entry;
  }
  return MakeError(Reason::kStoreDamaged, "the program just published is not among those of the first shard");
}

absl::StatusOr<std::optional<PublishedProgram>> Ledger::PublishedBy(const std::string& request_id,
                                                                    const std::string& source_yaml) const {
  const Part& first = parts_[0];
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> row, first.store->GetRequest(kProgramsStream, request_id));
  if (!row.has_value()) return std::nullopt;
  KL_ASSIGN_OR_RETURN(const AppendAnswer answer, ReadAnswer(*first.store, 0, *row, false));
  KL_ASSIGN_OR_RETURN(const std::string bytes, first.store->GetRecord(answer.events.at(0).position));
  events::v1::EventRecord record;
  if (!record.ParseFromString(bytes))
    return MakeError(Reason::kStoreDamaged, "the record of a published program cannot be read");
  const events::v1::ProgramPublished& published = record.event().program_published();
  for (const PublishedProgram& entry : first.shard->published()) {
    if (published.program_id() != entry.program->program().program_id() ||
        published.version() != entry.program->program().version()) {
      continue;
    }
    if (entry.source_yaml == source_yaml) return entry;
    return MakeError(Reason::kRequestIdReused,
                     "request_id was used before with another program; take a new request_id for a new request");
  }
  return MakeError(Reason::kStoreDamaged, "the program that a stored request published is missing");
}

absl::Status Ledger::CompletePublications() {
  const auto key = [](const PublishedProgram& entry) {
    return std::pair(entry.program->program().program_id(), entry.program->program().version());
  };
  const std::vector<PublishedProgram> all = parts_[0].shard->published();
  for (size_t i = 1; i < parts_.size(); ++i) {
    std::set<std::pair<std::string, uint32_t>> known;
    for (const PublishedProgram& entry : parts_[i].shard->published()) known.insert(key(entry));
    for (const PublishedProgram& entry : all) {
      if (known.contains(key(entry))) continue;
      // No client can send a request_id with spaces, so this one is free.
      const auto copied =
          PublishTo(parts_[i], entry, fmt::format("complete {} {}", key(entry).first, key(entry).second), entry.actor);
      if (!copied.ok()) return copied.status();
    }
  }
  return absl::OkStatus();
}

void Ledger::SweepLoop() {
  for (;;) {
    {
      const auto deadline = std::chrono::steady_clock::now() + options_.sweep_interval;
      MutexLock lock(mutex_);
      while (!stopping_ && stop_changed_.WaitUntil(mutex_, deadline)) {
      }
      if (stopping_) return;
    }
    // A failed sweep is tried again at the next interval; what it could not write, nobody has been told.
    static_cast<void>(SweepNow());
  }
}

absl::Status Ledger::SweepNow() {
  absl::Status first;
  std::vector<std::array<absl::Status, 6>> failures(parts_.size());
  {
    MutexLock lock(sweep_mutex_);
    // What one shard cannot do is no reason for the others to wait.
    for (size_t number = 0; number < parts_.size(); ++number) {
      auto& [rearmed, swept, undecided, reviewed, carried, erased] = failures[number];
      rearmed = RearmAll(parts_[number]);
      swept = Sweep(parts_[number], undecided);
      first.Update(rearmed);
      first.Update(swept);
    }
  }
  // Reviews are recorded by the first shard.
  failures[0][3] = reviewer_->StartDue();
  first.Update(failures[0][3]);
  failures[0][4] = courier_->failure();
  failures[0][5] = privacy_->failure();
  if (options_.on_sweep_failure == nullptr) return first;
  for (uint32_t number = 0; number < failures.size(); ++number) {
    for (const absl::Status& failure : failures[number]) {
      // Stopping is none.
      if (!failure.ok() && ReasonOf(failure) != Reason::kStopping) options_.on_sweep_failure(number, failure);
    }
  }
  return first;
}

absl::Status Ledger::Sweep(Part& part, absl::Status& undecided) {
  // Outlives what is gathered.
  Undecided accounts;
  const Micros until = clock_.Now();
  // Accounts that are being written to arm their timers again while this runs: it has to end all the same.
  const auto give_up =
      std::chrono::steady_clock::now() + std::max(options_.sweep_interval, std::chrono::milliseconds(1'000));
  for (;;) {
    KL_ASSIGN_OR_RETURN(const std::vector<store::TimerEntry> timers, part.store->ListTimers(until, kSweepBatch));
    if (timers.empty()) return absl::OkStatus();
    Gather gather(timers.size());
    for (const store::TimerEntry& timer : timers) {
      part.shard->Sweep(timer, until, options_.sweep_quiet,
                        [&](const absl::Status& written, const absl::Status& decided) {
                          accounts.Note(timer.account_id, decided);
                          gather.Done(written);
                        });
    }
    const absl::Status written = gather.Wait();
    undecided = accounts.failure();
    KL_RETURN_IF_ERROR(written);
    if (std::chrono::steady_clock::now() >= give_up) return absl::OkStatus();
  }
}

absl::Status Ledger::RearmAll(Part& part) {
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> pending, part.store->GetMeta(kRearmKey));
  if (!pending.has_value() || *pending == "0") return absl::OkStatus();
  uint64_t started = 0;
  {
    MutexLock lock(rearm_mutex_);
    started = publications_started_;
    if (publications_finished_ != started) return absl::OkStatus();
  }
  // A scan that had to stop goes on where it was, unless another program has come since.
  if (part.rearm_started != started) part.rearm_after.clear();
  part.rearm_started = started;
  for (;;) {
    KL_ASSIGN_OR_RETURN(const std::vector<std::string> accounts,
                        part.store->ListStreams(part.rearm_after, kSweepBatch));
    if (accounts.empty()) break;
    Gather gather(accounts.size());
    for (const std::string& account : accounts) {
      // A damaged account has nothing to be decided; it is reported where it is read.
      part.shard->Rearm(account, [&](const absl::Status& status) {
        gather.Done(ReasonOf(status) == Reason::kStoreDamaged ? absl::OkStatus() : status);
      });
    }
    KL_RETURN_IF_ERROR(gather.Wait());
    part.rearm_after = accounts.back();
  }
  part.rearm_after.clear();
  MutexLock lock(rearm_mutex_);
  if (publications_started_ != started) return absl::OkStatus();
  return part.store->PutMeta(kRearmKey, "0");
}

}  // namespace keyledger::shard

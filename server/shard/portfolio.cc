// See portfolio.h.
#include "server/shard/portfolio.h"

#include <pthread.h>

#include <algorithm>
#include <charconv>
#include <future>
#include <utility>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/evolve.h"
#include "server/domain/owners.h"
#include "server/domain/proto_time.h"
#include "server/shard/account_reader.h"

namespace keyledger::shard {
namespace {

using events::v1::PortfolioTransferStarted;

constexpr char kOpenPortfolioKey[] = "portfolio.open";
constexpr std::string_view kTransferPrefix = "portfolio-";
constexpr size_t kFinishedMax = 8;
constexpr size_t kPage = 512;
// Attempts to append to an account as far as its records were looked at. One that clients append to without a pause has
// more records under way each time; the last attempt goes by the roles where it is decided. There only a person who
// gave a role up and took it on again in that very moment is not told from one who kept it.
constexpr int kAttemptsMax = 5;

// Before a shard that is full or refuses to write is asked again, and before an index is waited for again.
constexpr std::chrono::milliseconds kBusyPause{50};
// Before a transfer that failed as a whole is tried again.
constexpr std::chrono::milliseconds kRetryPause{1'000};

// Ids of requests that no client can send, since they have spaces.
std::string FactId(const PortfolioTransferStarted& plan) { return "portfolio " + plan.transfer_id(); }
std::string CompletionId(const PortfolioTransferStarted& plan) { return "complete " + plan.transfer_id(); }

// The number in "portfolio-7"; nothing if it is no such id.
std::optional<uint64_t> ParseNumber(std::string_view transfer_id) {
  if (!transfer_id.starts_with(kTransferPrefix)) return std::nullopt;
  transfer_id.remove_prefix(kTransferPrefix.size());
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(transfer_id.data(), transfer_id.data() + transfer_id.size(), number);
  const bool canonical = error == std::errc() && end == transfer_id.data() + transfer_id.size() && number > 0 &&
                         transfer_id.front() != '0';
  return canonical ? std::optional(number) : std::nullopt;
}

absl::Status NoTransfer(const std::string& transfer_id) {
  return MakeError(
      Reason::kPortfolioTransferNotFound,
      fmt::format("there is no transfer of a portfolio {}; ListPortfolioTransfers shows those there are", transfer_id));
}

absl::Status Stopping() {
  return MakeError(Reason::kStopping, "the server is stopping; the transfer goes on when it is back");
}

bool Holds(const domain::AccountState& state, const PortfolioTransferStarted& plan) {
  return plan.role().empty() ? !domain::RolesOf(state, plan.from_person()).empty()
                             : domain::HasRole(state, plan.role(), plan.from_person());
}

// True if only the account is in trouble, not the transfer.
bool IsOfTheAccount(const absl::Status& status) { return ReasonOf(status) == Reason::kStoreDamaged; }

// True if the shard may take the same later.
bool IsBusy(const absl::Status& status) {
  switch (ReasonOf(status)) {
    case Reason::kQueueFull:
    case Reason::kShardReadOnly:
    case Reason::kDiskNearlyFull:
    case Reason::kCommitOutcomeUnknown:
      return true;
    default:
      return false;
  }
}

AppendCommand CommandOf(const storage::v1::OpenPortfolioTransfer& open, const std::string& account_id,
                        ExpectedRevision expected) {
  const PortfolioTransferStarted& plan = open.plan();
  AppendCommand command;
  command.account_id = account_id;
  command.request_id = FactId(plan);
  command.expected = expected;
  command.actor = open.actor();
  command.digest = command.request_id;
  command.want_decisions = false;
  SubmittedEvent& fact = command.events.emplace_back();
  fact.occurred = domain::MicrosOf(plan.transfer_time());
  fact.correlation_id = plan.transfer_id();
  events::v1::OwnerTransferred& transferred = *fact.event.mutable_owner_transferred();
  transferred.set_from_person(plan.from_person());
  transferred.set_to_person(plan.to_person());
  transferred.set_role(plan.role());
  transferred.set_reason(plan.reason());
  transferred.set_rank(plan.rank());
  transferred.set_transfer_id(plan.transfer_id());
  command.bytes = fact.event.ByteSizeLong() + account_id.size();
  return command;
}

}  // namespace

// Written by the portfolio's thread only, under its mutex_ but for what is constant.
struct Portfolio::Job {
  explicit Job(storage::v1::OpenPortfolioTransfer opened) : open(std::move(opened)) {}

  const storage::v1::OpenPortfolioTransfer open;
  uint64_t accounts = 0;
  uint64_t transferred = 0;
  uint64_t overtaken = 0;
  uint64_t undecided = 0;
  std::string waits_for;
  std::string first_undecided;
  Micros complete_time = 0;
};

Portfolio::Portfolio(std::vector<Shard*> shards, const Clock& clock, PortfolioOptions options)
    : shards_(std::move(shards)), clock_(clock), options_(std::move(options)) {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "kl-portfolio");
    Loop();
  });
}

Portfolio::~Portfolio() { Stop(); }

void Portfolio::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void Portfolio::WaitUntilIdle() {
  MutexLock lock(mutex_);
  while (current_ != nullptr && !stopping_) changed_.Wait(mutex_);
}

absl::Status Portfolio::CheckRunning() const {
  MutexLock lock(mutex_);
  return stopping_ ? Stopping() : absl::OkStatus();
}

absl::Status Portfolio::Pause(std::chrono::milliseconds time) {
  const auto deadline = std::chrono::steady_clock::now() + time;
  MutexLock lock(mutex_);
  while (!stopping_ && changed_.WaitUntil(mutex_, deadline)) {
  }
  return stopping_ ? Stopping() : absl::OkStatus();
}

absl::Status Portfolio::Resume() {
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> row, shards_[0]->store().GetMeta(kOpenPortfolioKey));
  if (!row.has_value() || row->empty()) return absl::OkStatus();
  storage::v1::OpenPortfolioTransfer open;
  if (!open.ParseFromString(*row) || open.plan().places_size() != static_cast<int>(shards_.size())) {
    return MakeError(Reason::kStoreDamaged, "the transfer of a portfolio under way cannot be read");
  }
  MutexLock lock(mutex_);
  current_ = std::make_shared<Job>(std::move(open));
  changed_.NotifyAll();
  return absl::OkStatus();
}

absl::StatusOr<PortfolioTransferStarted> Portfolio::Plan(const PortfolioRequest& request) const {
  const Micros now = clock_.Now();
  const Micros time = request.transfer_time.value_or(now);
  if (time > now + options_.skew_max) {
    absl::Status status =
        MakeError(Reason::kOccurredInFuture,
                  fmt::format("transfer_time is ahead of the ledger's clock ({}): a portfolio goes over when it does",
                              FormatMicros(now)));
    AddField(status, "transfer_time", "too far in the future");
    return status;
  }
  PortfolioTransferStarted plan;
  plan.set_from_person(request.from_person);
  plan.set_to_person(request.to_person);
  plan.set_role(request.role);
  plan.set_reason(request.reason);
  plan.set_rank(request.rank);
  plan.set_region(request.region);
  plan.set_note(request.note);
  domain::SetTimestamp(plan.mutable_transfer_time(), time);
  for (Shard* shard : shards_) {
    events::v1::PortfolioPlace& place = *plan.add_places();
    place.set_shard(shard->number());
    place.set_next_position(shard->head().head());
  }
  return plan;
}

absl::StatusOr<PortfolioStatus> Portfolio::Start(const PortfolioRequest& request) {
  MutexLock start(start_mutex_);
  KL_ASSIGN_OR_RETURN(const std::optional<PortfolioStatus> repeated, FindRepeated(request));
  if (repeated.has_value()) return *repeated;
  storage::v1::OpenPortfolioTransfer open;
  {
    MutexLock lock(mutex_);
    if (stopping_) return Stopping();
    if (current_ != nullptr) {
      const std::string& running = current_->open.plan().transfer_id();
      absl::Status status =
          MakeError(Reason::kPortfolioTransferRunning,
                    fmt::format("{} is under way, and transfers follow one another; GetPortfolioTransfer shows how far "
                                "it is",
                                running));
      AddMetadata(status, "transfer_id", running);
      return status;
    }
  }
  KL_ASSIGN_OR_RETURN(*open.mutable_plan(), Plan(request));
  KL_ASSIGN_OR_RETURN(const uint64_t recorded, RecordedTransfers());
  open.mutable_plan()->set_transfer_id(fmt::format("{}{}", kTransferPrefix, recorded + 1));
  open.set_request_id(request.request_id);
  open.set_digest(request.digest);
  open.set_actor(request.actor);
  open.set_start_micros(clock_.Now());
  // From here on the transfer is the ledger's to finish.
  KL_RETURN_IF_ERROR(shards_[0]->PutMeta(kOpenPortfolioKey, open.SerializeAsString()));
  MutexLock lock(mutex_);
  current_ = std::make_shared<Job>(std::move(open));
  changed_.NotifyAll();
  return StatusOf(*current_);
}

absl::StatusOr<PortfolioStatus> Portfolio::Preview(const PortfolioRequest& request,
                                                   std::chrono::steady_clock::time_point deadline,
                                                   const std::function<bool()>& canceled) {
  PortfolioStatus status;
  KL_ASSIGN_OR_RETURN(status.started, Plan(request));
  status.phase = PortfolioPhase::kPreview;
  status.actor = request.actor;
  status.start_time = clock_.Now();
  const auto go_on = [&]() -> absl::Status {
    if (canceled && canceled()) return absl::CancelledError("nobody waits for the answer any more");
    return CheckRunning();
  };
  const auto behind = [&](const absl::Status& why) -> absl::Status {
    if (std::chrono::steady_clock::now() >= deadline) return why;
    return Pause(kBusyPause);
  };
  const auto visit = [&](const Shard&, const std::string&, const absl::StatusOr<domain::AccountState>& state) {
    status.accounts += 1;
    if (!state.ok()) status.undecided += 1;
    return absl::OkStatus();
  };
  KL_RETURN_IF_ERROR(ForEachAccount(status.started, go_on, behind, visit));
  return status;
}

absl::StatusOr<std::optional<PortfolioStatus>> Portfolio::FindRepeated(const PortfolioRequest& request) const {
  const absl::Status reused =
      MakeError(Reason::kRequestIdReused,
                "request_id was used before with another body; take a new request_id for a new transfer");
  {
    MutexLock lock(mutex_);
    const std::shared_ptr<Job> job =
        FindJob([&](const Job& one) { return one.open.request_id() == request.request_id; });
    if (job != nullptr && job->open.digest() != request.digest) return reused;
    if (job != nullptr) return StatusOf(*job);
  }
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> row,
                      shards_[0]->store().GetRequest(kOwnersStream, request.request_id));
  if (!row.has_value()) return std::nullopt;
  storage::v1::RequestResult result;
  if (!result.ParseFromString(*row)) {
    return MakeError(Reason::kStoreDamaged, "the result of a stored request cannot be read");
  }
  if (result.digest() != request.digest) return reused;
  KL_ASSIGN_OR_RETURN(PortfolioStatus status, ReadTransfer(result.revision() / 2 + 1));
  return status;
}

std::shared_ptr<Portfolio::Job> Portfolio::FindJob(const std::function<bool(const Job&)>& is_it) const {
  if (current_ != nullptr && is_it(*current_)) return current_;
  const auto found = std::find_if(finished_.begin(), finished_.end(), [&](const auto& job) { return is_it(*job); });
  return found == finished_.end() ? nullptr : *found;
}

void Portfolio::Loop() {
  for (;;) {
    std::shared_ptr<Job> job;
    {
      MutexLock lock(mutex_);
      while (!stopping_ && current_ == nullptr) changed_.Wait(mutex_);
      if (stopping_) return;
      job = current_;
    }
    const absl::Status status = Run(*job);
    if (!status.ok()) {
      {
        MutexLock lock(mutex_);
        job->waits_for = fmt::format("waits to be tried again: {}", MessageOf(status));
      }
      if (!Pause(kRetryPause).ok()) return;
      continue;
    }
    MutexLock lock(mutex_);
    job->waits_for.clear();
    job->complete_time = clock_.Now();
    current_ = nullptr;
    finished_.push_back(job);
    if (finished_.size() > kFinishedMax) finished_.pop_front();
    changed_.NotifyAll();
  }
}

absl::Status Portfolio::Run(Job& job) {
  const PortfolioTransferStarted& plan = job.open.plan();
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> completed,
                      shards_[0]->store().GetRequest(kOwnersStream, CompletionId(plan)));
  if (!completed.has_value()) {
    {
      // An interrupted one begins again.
      MutexLock lock(mutex_);
      job.accounts = job.transferred = job.overtaken = job.undecided = 0;
      job.waits_for.clear();
      job.first_undecided.clear();
    }
    KL_RETURN_IF_ERROR(RecordStart(job));
    const auto go_on = [this] { return CheckRunning(); };
    const auto behind = [&](const absl::Status& why) -> absl::Status {
      {
        MutexLock lock(mutex_);
        job.waits_for = MessageOf(why);
      }
      return Pause(kBusyPause);
    };
    const auto visit = [&](Shard& shard, const std::string& account_id,
                           const absl::StatusOr<domain::AccountState>& state) -> absl::Status {
      {
        MutexLock lock(mutex_);
        job.waits_for.clear();
        job.accounts += 1;
      }
      if (state.ok()) return TransferOne(job, shard, account_id, *state);
      NoteUndecided(job, account_id, state.status());
      return absl::OkStatus();
    };
    KL_RETURN_IF_ERROR(ForEachAccount(plan, go_on, behind, visit));
    KL_RETURN_IF_ERROR(Complete(job));
  } else {
    // Interrupted before its row was cleared. What it came to is on record.
    KL_ASSIGN_OR_RETURN(const PortfolioStatus over, ReadTransfer(ParseNumber(plan.transfer_id()).value_or(0)));
    MutexLock lock(mutex_);
    job.accounts = over.accounts;
    job.transferred = over.transferred;
    job.overtaken = over.overtaken;
    job.undecided = over.undecided;
  }
  return shards_[0]->PutMeta(kOpenPortfolioKey, "");
}

absl::Status Portfolio::RecordStart(Job& job) {
  events::v1::Event event;
  *event.mutable_portfolio_transfer_started() = job.open.plan();
  return RecordOwn(event, job.open.request_id(), job.open.actor(), job.open.digest());
}

absl::Status Portfolio::RecordOwn(const events::v1::Event& event, const std::string& request_id,
                                  const std::string& actor, const std::string& digest) {
  for (;;) {
    std::promise<absl::StatusOr<AppendAnswer>> promise;
    shards_[0]->RecordOwn(kOwnersStream, event, request_id, actor, digest,
                          [&](absl::StatusOr<AppendAnswer> answer) { promise.set_value(std::move(answer)); });
    const absl::StatusOr<AppendAnswer> answer = promise.get_future().get();
    if (ReasonOf(answer.status()) != Reason::kQueueFull) return answer.status();
    KL_RETURN_IF_ERROR(Pause(kBusyPause));
  }
}

absl::Status Portfolio::ForEachAccount(const PortfolioTransferStarted& plan, const std::function<absl::Status()>& go_on,
                                       const std::function<absl::Status(const absl::Status&)>& behind,
                                       const Visit& visit) const {
  for (Shard* shard : shards_) {
    const uint64_t place = plan.places(static_cast<int>(shard->number())).next_position();
    std::string after;
    for (bool more = true; more;) {
      KL_RETURN_IF_ERROR(go_on());
      const auto listed = options_.list(shard->number(), plan.from_person(), after, kPage, place);
      if (ReasonOf(listed.status()) == Reason::kProjectionBehind) {
        KL_RETURN_IF_ERROR(behind(listed.status()));
        continue;
      }
      if (!listed.ok()) return listed.status();
      more = listed->size() == kPage;
      for (const std::string& account_id : *listed) {
        KL_RETURN_IF_ERROR(go_on());
        after = account_id;
        absl::StatusOr<std::optional<domain::AccountState>> state = FoldAccount(shard->store(), account_id, place);
        if (!state.ok() && !IsOfTheAccount(state.status())) return state.status();
        if (!state.ok()) {
          KL_RETURN_IF_ERROR(visit(*shard, account_id, state.status()));
        } else if (state->has_value() && Holds(**state, plan) && RegionContains(plan.region(), (*state)->region)) {
          KL_RETURN_IF_ERROR(visit(*shard, account_id, **std::move(state)));
        }
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Portfolio::TransferOne(Job& job, Shard& shard, const std::string& account_id, domain::AccountState state) {
  for (int changes = 0;;) {
    const absl::StatusOr<Effect> effect = TryTransfer(job, shard, account_id, changes + 1 < kAttemptsMax, state);
    if (IsBusy(effect.status())) {
      {
        MutexLock lock(mutex_);
        job.waits_for = fmt::format("account '{}' waits: {}", account_id, MessageOf(effect.status()));
      }
      KL_RETURN_IF_ERROR(Pause(kBusyPause));
    } else if (ReasonOf(effect.status()) == Reason::kStopping) {
      return effect.status();
    } else if (!effect.ok()) {
      NoteUndecided(job, account_id, effect.status());
      return absl::OkStatus();
    } else if (*effect == Effect::kChanged) {
      KL_RETURN_IF_ERROR(CheckRunning());
      changes += 1;
      MutexLock lock(mutex_);
      job.waits_for = fmt::format("account '{}' waits: it gets other records meanwhile", account_id);
    } else {
      MutexLock lock(mutex_);
      job.waits_for.clear();
      (*effect == Effect::kTransferred ? job.transferred : job.overtaken) += 1;
      return absl::OkStatus();
    }
  }
}

absl::StatusOr<Portfolio::Effect> Portfolio::TryTransfer(const Job& job, Shard& shard, const std::string& account_id,
                                                         bool exactly, domain::AccountState& state) const {
  const PortfolioTransferStarted& plan = job.open.plan();
  const std::string own = FactId(plan);
  std::optional<Effect> effect;
  const auto follow = [&](const events::v1::EventRecord& record) -> absl::StatusOr<bool> {
    if (record.request_id() == own) {
      effect = Effect::kTransferred;
      return false;
    }
    KL_RETURN_IF_ERROR(domain::Evolve(state, record.event(), domain::MicrosOf(record.occurred_time())));
    if (Holds(state, plan)) return true;
    // What an interrupted run recorded does not come after this.
    effect = Effect::kOvertaken;
    return false;
  };
  KL_RETURN_IF_ERROR(ForEachRecord(shard.store(), account_id, state.next_revision, kHead, follow));
  if (effect.has_value()) return *effect;
  // Who may do what to whom was looked at up to here.
  const ExpectedRevision looked_at{ExpectedRevision::Kind::kExact, state.next_revision - 1};
  std::promise<absl::StatusOr<AppendAnswer>> promise;
  shard.Append(CommandOf(job.open, account_id, exactly ? looked_at : ExpectedRevision{}),
               [&](absl::StatusOr<AppendAnswer> answer) { promise.set_value(std::move(answer)); });
  const absl::StatusOr<AppendAnswer> answer = promise.get_future().get();
  if (answer.ok()) return Effect::kTransferred;
  if (ReasonOf(answer.status()) == Reason::kOwnerNotAssigned) return Effect::kOvertaken;
  if (ReasonOf(answer.status()) == Reason::kStaleRevision) return Effect::kChanged;
  return answer.status();
}

void Portfolio::NoteUndecided(Job& job, const std::string& account_id, const absl::Status& why) {
  MutexLock lock(mutex_);
  job.waits_for.clear();
  job.undecided += 1;
  if (!job.first_undecided.empty()) return;
  job.first_undecided = fmt::format("account '{}' stays as it is: {}", account_id, MessageOf(why));
}

absl::Status Portfolio::Complete(Job& job) {
  events::v1::Event event;
  events::v1::PortfolioTransferCompleted& completed = *event.mutable_portfolio_transfer_completed();
  completed.set_transfer_id(job.open.plan().transfer_id());
  {
    MutexLock lock(mutex_);
    completed.set_transferred(job.transferred);
    completed.set_overtaken(job.overtaken);
    completed.set_undecided(job.undecided);
  }
  const std::string request_id = CompletionId(job.open.plan());
  return RecordOwn(event, request_id, "", request_id);
}

uint64_t Portfolio::NumberOf(const PortfolioStatus& status) {
  return ParseNumber(status.started.transfer_id()).value_or(0);
}

absl::StatusOr<uint64_t> Portfolio::RecordedTransfers() const {
  KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> last, shards_[0]->store().LastRevision(kOwnersStream));
  // Each transfer has two records, and the second may be missing of the last.
  return last.has_value() ? *last / 2 + 1 : 0;
}

absl::StatusOr<PortfolioStatus> Portfolio::ReadTransfer(uint64_t number) const {
  const store::ShardStore& store = shards_[0]->store();
  KL_ASSIGN_OR_RETURN(const events::v1::EventRecord started, ReadRecord(store, kOwnersStream, 2 * (number - 1)));
  if (!started.event().has_portfolio_transfer_started()) {
    return MakeError(Reason::kStoreDamaged,
                     fmt::format("{}: a transfer does not begin where it should", kOwnersStream));
  }
  PortfolioStatus status;
  status.started = started.event().portfolio_transfer_started();
  status.actor = started.actor();
  status.start_time = domain::MicrosOf(started.record_time());
  KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> last, store.LastRevision(kOwnersStream));
  if (!last.has_value() || *last < 2 * number - 1) return status;
  KL_ASSIGN_OR_RETURN(const events::v1::EventRecord over, ReadRecord(store, kOwnersStream, 2 * number - 1));
  const events::v1::PortfolioTransferCompleted& completed = over.event().portfolio_transfer_completed();
  status.phase = PortfolioPhase::kCompleted;
  status.transferred = completed.transferred();
  status.overtaken = completed.overtaken();
  status.undecided = completed.undecided();
  status.accounts = status.transferred + status.overtaken + status.undecided;
  status.complete_time = domain::MicrosOf(over.record_time());
  return status;
}

PortfolioStatus Portfolio::StatusOf(const Job& job) const {
  PortfolioStatus status;
  status.started = job.open.plan();
  status.phase = job.complete_time == 0 ? PortfolioPhase::kRunning : PortfolioPhase::kCompleted;
  status.accounts = job.accounts;
  status.transferred = job.transferred;
  status.overtaken = job.overtaken;
  status.undecided = job.undecided;
  status.detail = job.waits_for.empty() ? job.first_undecided : job.waits_for;
  status.actor = job.open.actor();
  status.start_time = job.open.start_micros();
  status.complete_time = job.complete_time;
  return status;
}

absl::StatusOr<PortfolioStatus> Portfolio::Get(const std::string& transfer_id) const {
  {
    MutexLock lock(mutex_);
    const std::shared_ptr<Job> job =
        FindJob([&](const Job& one) { return one.open.plan().transfer_id() == transfer_id; });
    if (job != nullptr) return StatusOf(*job);
  }
  const std::optional<uint64_t> number = ParseNumber(transfer_id);
  KL_ASSIGN_OR_RETURN(const uint64_t recorded, RecordedTransfers());
  if (!number.has_value() || *number > recorded) return NoTransfer(transfer_id);
  return ReadTransfer(*number);
}

absl::StatusOr<std::vector<PortfolioStatus>> Portfolio::List(uint64_t before, size_t limit) const {
  std::vector<PortfolioStatus> transfers;
  KL_ASSIGN_OR_RETURN(uint64_t last, RecordedTransfers());
  {
    // One under way may not be on the stream yet.
    MutexLock lock(mutex_);
    if (current_ != nullptr) last = std::max(last, ParseNumber(current_->open.plan().transfer_id()).value_or(0));
  }
  for (uint64_t number = std::min(before, last + 1); number > 1 && transfers.size() < limit; --number) {
    KL_ASSIGN_OR_RETURN(PortfolioStatus status, Get(fmt::format("{}{}", kTransferPrefix, number - 1)));
    transfers.push_back(std::move(status));
  }
  return transfers;
}

}  // namespace keyledger::shard

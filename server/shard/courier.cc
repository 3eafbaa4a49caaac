// See courier.h.
#include "server/shard/courier.h"

#include <pthread.h>

#include <algorithm>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/merges.h"

namespace keyledger::shard {
namespace {

// Transfers kept in memory; those beyond are found by their marks when there is room again.
constexpr size_t kErrandsMax = 4'096;
// Of these, transfers that wait to be tried again before the receiver has answered: a shard that refuses for long shall
// not keep the others' from being carried. Their marks bring them back.
constexpr size_t kWaitingMax = 1'024;
// Requests that wait in the queues of shards.
constexpr size_t kInFlightMax = 256;
// Accounts read at a time in a scan.
constexpr size_t kScanPage = 64;
constexpr std::chrono::milliseconds kRetryMin{50};
constexpr std::chrono::milliseconds kRetryMax{30'000};
// Attempts that failed before anybody is told.
constexpr int kAttemptsQuiet = 5;

std::string FirstReceived(const AppendAnswer& answer) {
  for (const events::v1::EventRecord& record : answer.decisions) {
    const events::v1::Event& event = record.event();
    if (event.has_account_merge_received() || event.has_points_transfer_received()) return record.event_id();
  }
  return "";
}

}  // namespace

Courier::Courier(std::vector<Shard*> shards) : shards_(std::move(shards)) {
  {
    MutexLock lock(mutex_);
    scans_.resize(shards_.size());
    for (Scan& scan : scans_) scan.wanted = true;
  }
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "kl-courier");
    Loop();
  });
}

Courier::~Courier() { Stop(); }

void Courier::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

bool Courier::HasRoom() const { return errands_.size() < kErrandsMax; }

bool Courier::ScanDue() const {
  return HasRoom() && Steady::now() >= next_scan_ &&
         std::any_of(scans_.begin(), scans_.end(), [](const Scan& scan) { return scan.wanted || scan.running; });
}

void Courier::Add(uint32_t shard, Name name) {
  const auto [entry, is_new] = errands_.try_emplace(std::move(name));
  if (!is_new) {
    entry->second->again = entry->first.second == domain::kMergeTransferId;
    return;
  }
  entry->second = std::make_shared<Errand>();
  entry->second->shard = shard;
  entry->second->name = entry->first;
  entry->second->result.transfer_id = entry->first.second;
  ready_.push_back(entry->second);
}

void Courier::Notify(uint32_t shard, const std::string& account_id, const std::string& transfer_id) {
  {
    MutexLock lock(mutex_);
    if (HasRoom()) {
      Add(shard, {account_id, transfer_id});
    } else {
      scans_[shard].wanted = true;
    }
  }
  changed_.NotifyAll();
}

absl::Status Courier::failure() const {
  MutexLock lock(mutex_);
  for (const auto& [when, errand] : later_) {
    if (errand->attempts <= kAttemptsQuiet) continue;
    const std::string text = fmt::format("transfer '{}' of account '{}' waits to be tried again: {}",
                                         errand->name.second, errand->name.first, MessageOf(errand->failure));
    return ReasonOf(errand->failure) == Reason::kUnspecified ? absl::Status(errand->failure.code(), text)
                                                             : MakeError(ReasonOf(errand->failure), text);
  }
  for (const Scan& scan : scans_) {
    if (!scan.failure.ok()) return scan.failure;
  }
  return absl::OkStatus();
}

void Courier::WaitUntilSettled() {
  MutexLock lock(mutex_);
  while (!stopping_ && (!ready_.empty() || in_flight_ > 0 || scanning_ || ScanDue())) changed_.Wait(mutex_);
}

void Courier::Loop() {
  for (;;) {
    std::vector<std::shared_ptr<Errand>> steps;
    {
      MutexLock lock(mutex_);
      scanning_ = false;
      for (;;) {
        const Steady::time_point now = Steady::now();
        for (auto due = later_.begin(); due != later_.end() && due->first <= now; due = later_.erase(due)) {
          ready_.push_back(due->second);
        }
        if (stopping_ || ScanDue() || (!ready_.empty() && in_flight_ < kInFlightMax)) break;
        changed_.NotifyAll();
        Steady::time_point wake = now + kRetryMax;
        if (!later_.empty()) wake = std::min(wake, later_.begin()->first);
        if (next_scan_ > now) wake = std::min(wake, next_scan_);
        static_cast<void>(changed_.WaitUntil(mutex_, wake));
      }
      if (stopping_) return;
      scanning_ = ScanDue();
      while (!ready_.empty() && in_flight_ < kInFlightMax) {
        steps.push_back(std::move(ready_.front()));
        ready_.pop_front();
        in_flight_ += 1;
      }
    }
    for (const std::shared_ptr<Errand>& errand : steps) Step(errand);
    ScanStores();
  }
}

void Courier::ScanStores() {
  for (uint32_t shard = 0; shard < shards_.size(); ++shard) {
    std::string after;
    {
      MutexLock lock(mutex_);
      Scan& scan = scans_[shard];
      if (!scanning_ || (!scan.running && !scan.wanted) || !HasRoom()) continue;
      // What is asked for from here on is not certain to be seen by this look.
      if (!scan.running) scan = {false, true, "", absl::OkStatus()};
      after = scan.after;
    }
    const bool is_over = ScanPage(shard, after);
    MutexLock lock(mutex_);
    scans_[shard].after = after;
    if (is_over) scans_[shard].running = false;
  }
}

void Courier::NoteScanFailure(uint32_t shard, const absl::Status& failure) {
  scans_[shard].wanted = true;
  scans_[shard].failure = failure;
  next_scan_ = Steady::now() + kRetryMax;
}

bool Courier::ScanPage(uint32_t shard, std::string& after) {
  const absl::StatusOr<std::vector<std::string>> accounts = shards_[shard]->store().ListUnderWay(after, kScanPage);
  if (!accounts.ok()) {
    MutexLock lock(mutex_);
    NoteScanFailure(shard, accounts.status());
    return true;
  }
  for (const std::string& account_id : *accounts) {
    // One that cannot be read must not keep the others waiting; it is looked at again later.
    const absl::StatusOr<std::optional<domain::AccountState>> state = shards_[shard]->ReadState(account_id);
    MutexLock lock(mutex_);
    if (!state.ok()) {
      NoteScanFailure(shard, state.status());
    } else if (state->has_value()) {
      for (const auto& [id, transfer] : (*state)->transfers) Add(shard, {account_id, id});
    }
    after = account_id;
  }
  return accounts->size() < kScanPage;
}

absl::StatusOr<std::shared_ptr<const domain::TransferReceipt>> Courier::FindReceipt(const Errand& errand) const {
  const Shard& shard = *shards_[errand.shard];
  const auto& [account_id, transfer_id] = errand.name;
  // Asked while this errand is the only one of its transfer: what a scan saw may have ended since.
  KL_ASSIGN_OR_RETURN(const std::optional<domain::AccountState> state, shard.ReadState(account_id));
  if (!state.has_value()) return std::shared_ptr<const domain::TransferReceipt>();
  const auto open = state->transfers.find(transfer_id);
  if (open == state->transfers.end()) return std::shared_ptr<const domain::TransferReceipt>();
  KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> position,
                      shard.store().PositionOf(account_id, open->second.sent_revision));
  events::v1::EventRecord record;
  if (position.has_value()) {
    KL_ASSIGN_OR_RETURN(const std::string bytes, shard.store().GetRecord(*position));
    if (record.ParseFromString(bytes) && domain::SentBy(record.event()) != nullptr) {
      return std::make_shared<const domain::TransferReceipt>(domain::ReceiptOf(record));
    }
  }
  return MakeError(
      Reason::kStoreDamaged,
      fmt::format("the record that sent transfer '{}' of account '{}' cannot be read", transfer_id, account_id));
}

void Courier::Step(const std::shared_ptr<Errand>& errand) {
  if (errand->delivered) {
    return shards_[errand->shard]->EndTransfer(errand->name.first, errand->result,
                                               [this, errand](const absl::Status& status) { Ended(errand, status); });
  }
  const auto receipt = FindReceipt(*errand);
  // A transfer that is not open has ended.
  if (!receipt.ok() || *receipt == nullptr) return Ended(errand, receipt.status());
  Shard& receiver = *shards_[ShardOf((*receipt)->to_account_id, static_cast<uint32_t>(shards_.size()))];
  receiver.Receive(*receipt, domain::ReceiptRequestId((*receipt)->from_account_id, (*receipt)->transfer_id),
                   [this, errand](const absl::StatusOr<AppendAnswer>& answer) { Delivered(errand, answer); });
}

void Courier::Delivered(const std::shared_ptr<Errand>& errand, const absl::StatusOr<AppendAnswer>& answer) {
  {
    MutexLock lock(mutex_);
    in_flight_ -= 1;
    if (answer.ok()) {
      errand->result.received_event_id = FirstReceived(*answer);
    } else if (domain::IsTransferRefusal(answer.status())) {
      errand->result.refusal = domain::RefusalName(answer.status());
    } else {
      TryLater(errand, answer.status());
    }
    if (answer.ok() || !errand->result.refusal.empty()) {
      errand->delivered = true;
      errand->attempts = 0;
      ready_.push_back(errand);
    }
  }
  changed_.NotifyAll();
}

void Courier::Ended(const std::shared_ptr<Errand>& errand, const absl::Status& status) {
  {
    MutexLock lock(mutex_);
    in_flight_ -= 1;
    if (status.ok()) {
      const bool again = errand->again;
      errands_.erase(errand->name);
      if (again) Add(errand->shard, errand->name);
    } else {
      TryLater(errand, status);
    }
  }
  changed_.NotifyAll();
}

void Courier::TryLater(const std::shared_ptr<Errand>& errand, const absl::Status& why) {
  // A full queue empties soon, and whoever waits long for it is overtaken by all that do not.
  const int doublings = ReasonOf(why) == Reason::kQueueFull ? 0 : std::min(errand->attempts, 10);
  const std::chrono::milliseconds delay = std::min(kRetryMax, kRetryMin * (1 << doublings));
  errand->attempts += 1;
  errand->failure = why;
  if (!errand->delivered && later_.size() >= kWaitingMax) {
    errands_.erase(errand->name);
    scans_[errand->shard].wanted = true;
    next_scan_ = Steady::now() + kRetryMax;
    return;
  }
  later_.emplace(Steady::now() + delay, errand);
}

}  // namespace keyledger::shard

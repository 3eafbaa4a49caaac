// See ledger_replay.h.
#include "server/shard/ledger_replay.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/shard/ledger.h"

namespace keyledger::shard {
namespace {

constexpr std::chrono::milliseconds kProgressEvery{250};
// Of the niceness that the process runs with: writers that want the processor get it.
constexpr int kNicer = 10;

audit::v1::Finding UnreadableCheckpoint(uint32_t shard, const absl::Status& why) {
  audit::v1::Finding finding;
  finding.set_kind(audit::v1::FINDING_KIND_BAD_CHECKPOINT);
  finding.set_shard(shard);
  finding.set_expected("a checkpoint");
  finding.set_message(fmt::format("a checkpoint that shard {} keeps cannot be read: {}", shard, MessageOf(why)));
  return finding;
}

}  // namespace

LedgerReplay::LedgerReplay(Ledger& ledger, LedgerReplayOptions options, std::function<void()> wake)
    : ledger_(ledger), options_(std::move(options)), wake_(std::move(wake)) {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "kl-replay");
    // Of this thread alone; if it is not to be had, the rate still bounds what is read.
    static_cast<void>(setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNicer));
    Run();
  });
}

LedgerReplay::~LedgerReplay() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
}

absl::StatusOr<std::optional<LedgerReplay::Frame>> LedgerReplay::Next(bool& over) {
  std::optional<Frame> frame;
  {
    MutexLock lock(mutex_);
    over = frames_.empty() && over_;
    if (over) return status_.ok() ? absl::StatusOr<std::optional<Frame>>(std::nullopt) : status_;
    if (frames_.empty()) return std::nullopt;
    frame = std::move(frames_.front());
    frames_.pop_front();
  }
  changed_.NotifyAll();
  return frame;
}

void LedgerReplay::Run() {
  absl::StatusOr<audit::v1::ReplayReport> report = Replay();
  {
    MutexLock lock(mutex_);
    status_ = report.status();
    if (report.ok()) frames_.emplace_back(*std::move(report));
    over_ = true;
  }
  wake_();
}

absl::StatusOr<audit::v1::ReplayReport> LedgerReplay::Replay() {
  ReplayStores stores{ledger_.ledger_id(), {}, {}};
  audit::ReplayOptions options;
  for (uint32_t shard = 0; shard < ledger_.shard_count(); ++shard) {
    if (ledger_.has_checkpoints()) {
      // Without it, what was recorded since the last interval is only not covered.
      if (options_.account_id.empty()) static_cast<void>(ledger_.checkpoints().Publish(shard));
      for (const merkle::VerifierKey& key : ledger_.checkpoints().verifier_keys(shard)) {
        options.trusted_keys.push_back(key.Format());
      }
    }
    stores.stores.push_back(&ledger_.shard(shard).store());
  }
  audit::Findings findings(options_.findings_max, [this](const audit::v1::Finding& finding) { Put(finding); });
  if (ledger_.has_checkpoints()) {
    stores.checkpoints = [&](uint32_t shard, uint64_t size_max, const auto& visit) -> absl::Status {
      const CheckpointHistory& history = ledger_.checkpoints().history(shard);
      for (uint64_t i = 0; i < history.count(); ++i) {
        const absl::StatusOr<PublishedCheckpoint> published = history.Read(i);
        if (!published.ok()) {
          findings.Add(UnreadableCheckpoint(shard, published.status()));
          continue;
        }
        if (published->checkpoint.size > size_max) break;
        KL_RETURN_IF_ERROR(visit(published->note));
      }
      return absl::OkStatus();
    };
  }
  std::unique_ptr<audit::RecordSource> source;
  if (options_.account_id.empty()) {
    source = MakeLedgerSource(std::move(stores));
  } else {
    KL_ASSIGN_OR_RETURN(source, MakeAccountSource(std::move(stores), options_.account_id));
  }
  started_ = told_ = std::chrono::steady_clock::now();
  options.on_step = [this](const audit::v1::ReplayProgress& progress) { return Pace(progress); };
  return audit::Replay(*source, options, findings);
}

absl::Status LedgerReplay::Pace(const audit::v1::ReplayProgress& progress) {
  const uint64_t read = progress.records_checked() + progress.records_replayed() + progress.records_reread();
  const auto due =
      started_ + std::chrono::microseconds(read * 1'000'000 / std::max<uint32_t>(options_.records_per_second_max, 1));
  const auto now = std::chrono::steady_clock::now();
  if (now - told_ >= kProgressEvery) {
    told_ = now;
    Put(progress);
  }
  MutexLock lock(mutex_);
  while (!stopping_ && frames_.size() >= kFramesMax) changed_.Wait(mutex_);
  while (!stopping_ && changed_.WaitUntil(mutex_, due)) {
  }
  return stopping_ ? absl::CancelledError("the replay was ended") : absl::OkStatus();
}

void LedgerReplay::Put(Frame frame) {
  {
    MutexLock lock(mutex_);
    // Findings of one account may come faster than they are taken; there is a bound to what is wrong with it.
    while (!stopping_ && frames_.size() >= kFramesMax) changed_.Wait(mutex_);
    frames_.push_back(std::move(frame));
  }
  wake_();
}

}  // namespace keyledger::shard

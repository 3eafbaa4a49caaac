// See bundle_check.h.
#include "client/verify/bundle_check.h"

#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "client/verify/account_proofs.h"
#include "client/verify/bundle_file.h"
#include "client/verify/bundle_source.h"
#include "client/verify/spill.h"
#include "server/audit/replay.h"
#include "server/audit/standing_statement.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/merkle/checkpoint.h"

namespace keyledger::verify {
namespace {

using audit::v1::BundleFrame;
using audit::v1::Finding;

// A partition of about so many bytes of the file: ten times that when it is decompressed.
constexpr uint64_t kPartitionFileBytes = 4u << 20;
// All of them are open files. A partition with more records than expected is read in several passes.
constexpr uint64_t kPartitionsMax = 128;

uint64_t FileBytes(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
}

// One check. The parts run in the order in which they stand here.
class BundleCheck {
 public:
  explicit BundleCheck(const BundleOptions& options)
      : options_(options),
        findings_(options.findings_max, [this](const Finding& finding) { verdict_.findings.push_back(finding); }) {}

  absl::StatusOr<BundleVerdict> Run();

 private:
  bool is_account() const { return verdict_.header.scope() == audit::v1::BUNDLE_SCOPE_ACCOUNT; }
  void Report(audit::v1::FindingKind kind, uint32_t shard, const std::string& message);

  // Reads the whole file once: checks it, and puts the records where they can be read by stream.
  absl::Status TakeIn();
  absl::Status TakeFrame(const BundleFrame& frame);
  absl::Status TakeHeader(const audit::v1::BundleHeader& header);
  absl::Status TakeRecord(uint32_t shard, uint64_t position, const std::string& bytes,
                          const audit::v1::ProvenRecord* proven);
  // Each shard has the records that its checkpoint covers.
  void CheckCounts();
  absl::Status ReplayAll();
  void CheckStanding();

  const BundleOptions& options_;
  BundleVerdict verdict_;
  audit::Findings findings_;
  // By shard.
  std::vector<uint64_t> counts_;
  std::unique_ptr<Spill> spill_;
  std::unique_ptr<AccountProofs> proofs_;
  std::string standing_note_;
  // The standing as the replay of the account came to it.
  std::optional<audit::StandingStatement> derived_;
  events::v1::EventRecord record_;
};

void BundleCheck::Report(audit::v1::FindingKind kind, uint32_t shard, const std::string& message) {
  Finding finding;
  finding.set_kind(kind);
  finding.set_shard(shard);
  finding.set_message(message);
  findings_.Add(finding);
}

absl::StatusOr<BundleVerdict> BundleCheck::Run() {
  const absl::Status taken = TakeIn();
  if (absl::IsDataLoss(taken)) {
    Report(audit::v1::FINDING_KIND_UNREADABLE, 0, fmt::format("the bundle is damaged: {}", MessageOf(taken)));
    verdict_.report.add_not_checked("anything after the damage, and the replay");
  } else {
    KL_RETURN_IF_ERROR(taken);
    if (proofs_ != nullptr) {
      proofs_->Finish();
      verdict_.proofs = proofs_->proofs();
      verdict_.checkpoints = proofs_->checkpoints();
    }
    CheckCounts();
    KL_RETURN_IF_ERROR(ReplayAll());
    if (is_account()) CheckStanding();
  }
  findings_.Summarize(verdict_.report);
  return std::move(verdict_);
}

absl::Status BundleCheck::TakeIn() {
  KL_RETURN_IF_ERROR(ReadBundle(options_.path, [this](const audit::BundlePlace&, BundleFrame& frame) {
    ++verdict_.frames;
    return TakeFrame(frame);
  }));
  return spill_->Seal();
}

absl::Status BundleCheck::TakeFrame(const BundleFrame& frame) {
  switch (frame.frame_case()) {
    case BundleFrame::kHeader:
      return TakeHeader(frame.header());
    case BundleFrame::kCheckpoint:
      // A ledger's are read again by the replay.
      if (is_account()) proofs_->TakeCheckpoint(frame.checkpoint());
      return absl::OkStatus();
    case BundleFrame::kRun: {
      uint64_t position = frame.run().first_position();
      for (const std::string& record : frame.run().records()) {
        KL_RETURN_IF_ERROR(TakeRecord(frame.run().shard(), position, record, nullptr));
        ++position;
      }
      return absl::OkStatus();
    }
    case BundleFrame::kProven:
      return TakeRecord(frame.proven().shard(), frame.proven().proof().leaf_index(), frame.proven().record(),
                        &frame.proven());
    case BundleFrame::kStanding:
      standing_note_ = frame.standing();
      return absl::OkStatus();
    default:
      return absl::OkStatus();
  }
}

absl::Status BundleCheck::TakeHeader(const audit::v1::BundleHeader& header) {
  verdict_.header = header;
  counts_.assign(header.shard_count(), 0);
  if (is_account()) proofs_ = std::make_unique<AccountProofs>(header, options_.keys, findings_);
  const uint64_t partitions = std::clamp<uint64_t>(FileBytes(options_.path) / kPartitionFileBytes, 1, kPartitionsMax);
  const uint64_t per_shard = std::max<uint64_t>(1, partitions / header.shard_count());
  KL_ASSIGN_OR_RETURN(spill_,
                      Spill::Create(options_.temp_dir, header.shard_count(), per_shard, options_.temp_bytes_max));
  return absl::OkStatus();
}

absl::Status BundleCheck::TakeRecord(uint32_t shard, uint64_t position, const std::string& bytes,
                                     const audit::v1::ProvenRecord* proven) {
  ++counts_[shard];
  ++verdict_.records;
  const bool read = record_.ParseFromString(bytes);
  if (proven != nullptr) proofs_->TakeRecord(*proven, read ? &record_ : nullptr);
  // One that cannot be read, or that names what can be no stream, is of none: the replay meets it in the log.
  const bool has_stream = read && !record_.account_id().empty() && record_.account_id().size() <= kAccountIdBytesMax;
  return has_stream ? spill_->Add(shard, position, record_.account_id(), bytes) : absl::OkStatus();
}

void BundleCheck::CheckCounts() {
  if (is_account()) return;
  // A whole ledger is what the keys say it is: each shard is signed by one of them, and no shard of theirs is missing.
  const std::string prefix = fmt::format("keyledger/{}/", verdict_.header.ledger_id());
  for (const audit::v1::BundleShard& shard : verdict_.header.shards()) {
    if (std::none_of(options_.keys.begin(), options_.keys.end(),
                     [&](const merkle::VerifierKey& key) { return key.name() == shard.origin(); })) {
      Report(audit::v1::FINDING_KIND_BAD_CHECKPOINT, shard.shard(),
             fmt::format("no key that was given is named '{}': who signed the log of shard {} is not known",
                         shard.origin(), shard.shard()));
    }
  }
  for (const merkle::VerifierKey& key : options_.keys) {
    const auto is_its = [&](const audit::v1::BundleShard& shard) { return shard.origin() == key.name(); };
    if (!key.name().starts_with(prefix) ||
        std::any_of(verdict_.header.shards().begin(), verdict_.header.shards().end(), is_its)) {
      continue;
    }
    Report(audit::v1::FINDING_KIND_MISSING_RECORD, 0,
           fmt::format("the log '{}', whose key was given, is not in the bundle of the ledger", key.name()));
  }
  for (const audit::v1::BundleShard& shard : verdict_.header.shards()) {
    const uint64_t count = counts_[shard.shard()];
    const auto text = merkle::UnverifiedText(shard.checkpoint());
    const auto stated = text.ok() ? merkle::ParseCheckpoint(*text) : text.status();
    const uint64_t size = stated.ok() ? stated->size : 0;
    if (size > count) {
      Report(
          audit::v1::FINDING_KIND_MISSING_RECORD, shard.shard(),
          fmt::format("the checkpoint of shard {} covers {} records, the bundle has {}", shard.shard(), size, count));
    } else if (size < count) {
      Report(audit::v1::FINDING_KIND_BAD_CHECKPOINT, shard.shard(),
             fmt::format("the bundle has {} records of shard {}, and the checkpoint in its header covers only {}",
                         count, shard.shard(), size));
    }
  }
}

absl::Status BundleCheck::ReplayAll() {
  audit::ReplayOptions options;
  for (const merkle::VerifierKey& key : options_.keys) options.trusted_keys.push_back(key.Format());
  options.decisions = options_.replay;
  options.on_step = [this](const audit::v1::ReplayProgress& progress) {
    if (options_.on_progress) options_.on_progress(progress);
    return absl::OkStatus();
  };
  const std::string& account = verdict_.header.account_id();
  const uint32_t home = is_account() ? ShardOf(account, verdict_.header.shard_count()) : 0;
  options.on_account = [&](const audit::ReplayedAccount& replayed) {
    if (!is_account() || replayed.account_id != account || replayed.shard != home || !replayed.is_whole) return;
    if (const auto& checkpoint = proofs_->checkpoint(home)) {
      derived_ = audit::StandingOf(*checkpoint, account, replayed.state, *replayed.programs);
    }
  };
  BundleSource source(options_.path, verdict_.header, counts_, std::move(spill_));
  KL_ASSIGN_OR_RETURN(verdict_.report, audit::Replay(source, options, findings_));
  return absl::OkStatus();
}

void BundleCheck::CheckStanding() {
  const std::string& account = verdict_.header.account_id();
  const uint32_t home = ShardOf(account, verdict_.header.shard_count());
  const auto refuse = [&](const std::string& line, const std::string& expected, const std::string& found,
                          const std::string& message) {
    Finding finding;
    finding.set_kind(audit::v1::FINDING_KIND_FALSE_STATEMENT);
    finding.set_shard(home);
    finding.set_account_id(account);
    finding.set_rule(line);
    finding.set_expected(expected);
    finding.set_found(found);
    finding.set_message(message);
    findings_.Add(finding);
  };
  const std::vector<merkle::VerifierKey>& trusted = proofs_->trusted(home);
  const auto opened = merkle::OpenNote(standing_note_, trusted);
  if (!opened.ok()) {
    refuse("", "", "",
           fmt::format("the signed standing is not signed by a trusted key of shard {}: {}", home,
                       MessageOf(opened.status())));
    return;
  }
  const auto stated = audit::ParseStanding(opened->text);
  if (!stated.ok()) {
    refuse("", "", "", MessageOf(stated.status()));
    return;
  }
  verdict_.standing = opened->text;
  if (!options_.replay) {
    verdict_.report.add_not_checked("that the signed standing follows from the records");
    return;
  }
  if (!derived_.has_value()) {
    refuse("", "", "", fmt::format("the standing of {} cannot be derived from the records", account));
    return;
  }
  for (const audit::StandingDifference& difference : audit::DifferencesOf(*stated, *derived_)) {
    refuse(difference.line, difference.derived, difference.stated,
           fmt::format("the signed standing says {}: {}, and the records come to {}", difference.line,
                       difference.stated, difference.derived));
  }
}

}  // namespace

absl::StatusOr<BundleVerdict> CheckBundle(const BundleOptions& options) { return BundleCheck(options).Run(); }

}  // namespace keyledger::verify

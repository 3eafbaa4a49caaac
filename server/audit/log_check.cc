// See log_check.h.
#include "server/audit/log_check.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "keyledger/programs/v1/program.pb.h"
#include "server/base/calendar.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"

namespace keyledger::audit {
namespace {

using domain::MicrosOf;
using events::v1::Event;
using events::v1::EventRecord;

// The stream that a record of the ledger about itself belongs to; empty: it belongs to an account.
std::string_view OwnStreamOf(const Event& event) {
  switch (event.payload_case()) {
    case Event::kProgramPublished:
      return kProgramsStream;
    case Event::kReviewStarted:
    case Event::kReviewCompleted:
      return kReviewsStream;
    case Event::kSubjectErased:
    case Event::kLegalHoldPlaced:
    case Event::kLegalHoldReleased:
    case Event::kErasureRefused:
      return kPrivacyStream;
    case Event::kPersonalDataRead:
      return kAccessesStream;
    case Event::kSigningKeyPublished:
      return kKeysStream;
    case Event::kForecastRecorded:
      return kForecastsStream;
    case Event::kPortfolioTransferStarted:
    case Event::kPortfolioTransferCompleted:
      return kOwnersStream;
    default:
      return "";
  }
}

// What is wrong with the program that a record publishes; empty: nothing. `compiled` is set if it can be decided under.
std::string ProgramFault(const events::v1::ProgramPublished& published,
                         std::shared_ptr<const domain::CompiledProgram>& compiled) {
  programs::v1::Program program;
  if (!program.ParseFromString(published.program())) return "its program cannot be read";
  if (program.program_id() != published.program_id() || program.version() != published.version()) {
    return fmt::format("its program calls itself {}@{}", program.program_id(), program.version());
  }
  const uint32_t version = program.version();
  auto made = domain::CompiledProgram::Compile(std::move(program));
  if (!made.ok()) return "its program is not valid: " + MessageOf(made.status());
  compiled = *std::move(made);
  domain::ParsedProgram parsed = domain::ParseProgramYaml(published.source_yaml());
  if (!parsed.program.has_value()) return "its source text is not a program";
  parsed.program->set_version(version);
  const auto from_source = domain::CompiledProgram::Compile(*std::move(parsed.program));
  if (!from_source.ok()) return "its source text is not a valid program";
  if ((*from_source)->program().SerializeAsString() != compiled->program().SerializeAsString()) {
    return "its source text says something else than the program that decisions are taken under";
  }
  return "";
}

}  // namespace

LogCheck::LogCheck(ReplayRun& run, uint32_t shard, const std::vector<merkle::VerifierKey>& trusted)
    : run_(run), shard_(shard), whole_(run.source.scope() == SourceScope::kLedger), tree_(run, shard, trusted) {}

void LogCheck::Report(v1::FindingKind kind, uint64_t position, const std::string& account_id,
                      const std::string& expected, const std::string& found, const std::string& message) {
  v1::Finding finding;
  finding.set_kind(kind);
  finding.set_shard(shard_);
  finding.set_position(position);
  finding.set_account_id(account_id);
  finding.set_expected(expected);
  finding.set_found(found);
  finding.set_message(message);
  run_.Report(std::move(finding));
}

absl::Status LogCheck::Run() {
  if (whole_) KL_RETURN_IF_ERROR(tree_.Load());
  uint64_t records = 0;
  KL_RETURN_IF_ERROR(run_.source.ReadLog(shard_, [&](const StoredRecord& stored) {
    records += 1;
    return Take(stored);
  }));
  if (whole_) CheckGap(run_.source.record_count(shard_));
  SettleStrays();
  run_.basis.transfers.EndShard(shard_, last_recorded_, [&](v1::Finding finding) { run_.Report(std::move(finding)); });
  if (!whole_ && records == 0) return absl::OkStatus();
  v1::ReplayedShard& shard = *run_.report.add_shards();
  shard.set_shard(shard_);
  shard.set_origin(run_.source.origin(shard_));
  shard.set_records(records);
  return whole_ ? tree_.Finish(shard) : absl::OkStatus();
}

void LogCheck::CheckGap(uint64_t position) {
  if (next_ >= position) return;
  const std::string missing =
      next_ + 1 == position ? fmt::format("record {}", next_) : fmt::format("records {} to {}", next_, position - 1);
  Report(v1::FINDING_KIND_MISSING_RECORD, next_, "", missing, "nothing",
         fmt::format("{} of shard {} {} missing", missing, shard_, next_ + 1 == position ? "is" : "are"));
  tree_.Break(next_);
}

absl::Status LogCheck::Take(const StoredRecord& stored) {
  KL_RETURN_IF_ERROR(run_.Read(true));
  if (whole_) {
    CheckGap(stored.position);
    next_ = stored.position + 1;
  }
  TakeRecord(stored);
  // After the record was looked into: a checkpoint that ends with it may be signed with a key that it announces.
  if (!whole_) return absl::OkStatus();
  if (stored.damage.ok()) return tree_.Append(stored.bytes);
  tree_.Break(stored.position);
  return absl::OkStatus();
}

void LogCheck::TakeRecord(const StoredRecord& stored) {
  const uint64_t position = stored.position;
  if (!stored.damage.ok()) {
    const bool missing = stored.damage.code() == absl::StatusCode::kNotFound;
    Report(missing ? v1::FINDING_KIND_MISSING_RECORD : v1::FINDING_KIND_UNREADABLE, position, "", "a record",
           MessageOf(stored.damage),
           fmt::format("record {} of shard {} cannot be read: {}", position, shard_, MessageOf(stored.damage)));
    return;
  }
  if (!record_.ParseFromArray(stored.bytes.data(), static_cast<int>(stored.bytes.size()))) {
    Report(v1::FINDING_KIND_UNREADABLE, position, "", "an event record", fmt::format("{} bytes", stored.bytes.size()),
           fmt::format("record {} of shard {} is not an event record", position, shard_));
    return;
  }
  if (record_.event().payload_case() == Event::PAYLOAD_NOT_SET || !HasSoundTimes(record_)) {
    Report(
        v1::FINDING_KIND_UNREADABLE, position, record_.account_id(), "an event that the ledger writes",
        record_.event().payload_case() == Event::PAYLOAD_NOT_SET ? "an event of no known kind" : "a time out of range",
        fmt::format("record {} of shard {} holds what no ledger writes", position, shard_));
    return;
  }
  CheckPlace(position, record_);
  Collect(position, record_);
}

void LogCheck::CheckPlace(uint64_t position, const EventRecord& record) {
  if (whole_) {
    CheckPosition(position, record);
  } else if (record.position() != position) {
    Report(v1::FINDING_KIND_MISPLACED_RECORD, position, record.account_id(), std::to_string(position),
           std::to_string(record.position()),
           fmt::format("the record at {} of shard {} claims position {}", position, shard_, record.position()));
  }
  CheckStream(position, record);
  const Micros recorded = MicrosOf(record.record_time());
  if (recorded < last_recorded_) {
    Report(v1::FINDING_KIND_TIME_GOES_BACK, position, record.account_id(),
           "no earlier than " + FormatMicros(last_recorded_), FormatMicros(recorded),
           fmt::format("record_time of record {} of shard {} goes back", position, shard_));
  }
  last_recorded_ = recorded;
}

void LogCheck::CheckPosition(uint64_t position, const EventRecord& record) {
  const int64_t shift = static_cast<int64_t>(record.position() - position);
  if (shift == shift_ && strays_.empty()) return;
  if (shift == shift_ || (!strays_.empty() && strays_.back().shift == shift)) {
    // Either they were strays between records in place, or from the first of these two on everything has moved.
    if (shift == shift_) return SettleStrays();
    const Stray moved = strays_.back();
    strays_.pop_back();
    SettleStrays();
    const bool missing = shift > shift_;
    Report(missing ? v1::FINDING_KIND_MISSING_RECORD : v1::FINDING_KIND_MISPLACED_RECORD, moved.position,
           moved.account_id, fmt::format("position {}", static_cast<int64_t>(moved.position) + shift_),
           fmt::format("position {}", moved.claimed),
           missing ? fmt::format("{} records of shard {} are missing before the one that claims position {}",
                                 shift - shift_, shard_, moved.claimed)
                   : fmt::format("from place {} of shard {} on, records claim positions that others have",
                                 moved.position, shard_));
    shift_ = shift;
    return;
  }
  if (strays_.size() >= 16) SettleStrays();
  strays_.push_back({position, record.position(), shift, record.account_id()});
}

void LogCheck::SettleStrays() {
  for (const Stray& stray : strays_) {
    Report(v1::FINDING_KIND_MISPLACED_RECORD, stray.position, stray.account_id,
           fmt::format("position {}", static_cast<int64_t>(stray.position) + shift_),
           fmt::format("position {}", stray.claimed),
           fmt::format("the record at place {} of shard {} claims position {}", stray.position, shard_, stray.claimed));
  }
  strays_.clear();
}

void LogCheck::CheckStream(uint64_t position, const EventRecord& record) {
  const auto misplaced = [&](const std::string& expected, const std::string& found, const std::string& what) {
    Report(v1::FINDING_KIND_MISPLACED_RECORD, position, record.account_id(), expected, found,
           fmt::format("record {} of shard {} {}", position, shard_, what));
  };
  if (record.shard() != shard_) {
    return misplaced(std::to_string(shard_), std::to_string(record.shard()),
                     fmt::format("claims to be of shard {}", record.shard()));
  }
  const std::string_view own = OwnStreamOf(record.event());
  if (own != (IsOwnStream(record.account_id()) ? std::string_view(record.account_id()) : "")) {
    return misplaced(own.empty() ? "the stream of an account" : std::string(own), record.account_id(),
                     "is of a kind that does not belong into its stream");
  }
  if (own.empty() && !IsAccountId(record.account_id())) {
    return misplaced("the id of an account", record.account_id(), "belongs to no possible account");
  }
  const bool on_first = own == kReviewsStream || own == kForecastsStream || own == kOwnersStream;
  const uint32_t home = on_first ? 0 : ShardOf(record.account_id(), run_.source.shard_count());
  if ((own.empty() || on_first) && home != shard_) {
    misplaced(fmt::format("shard {}", home), fmt::format("shard {}", shard_),
              fmt::format("belongs to '{}', which lives on shard {}", record.account_id(), home));
  }
}

void LogCheck::Collect(uint64_t position, const EventRecord& record) {
  const Event& event = record.event();
  run_.basis.transfers.Take(shard_, position, record, [&](v1::Finding finding) { run_.Report(std::move(finding)); });
  switch (event.payload_case()) {
    case Event::kProgramPublished:
      return CollectProgram(position, record);
    case Event::kReviewStarted:
      run_.basis.reviews.emplace(event.review_started().review_id(), event.review_started());
      return;
    case Event::kSigningKeyPublished:
      return tree_.Announce(position, event.signing_key_published().verifier_key());
    case Event::kPurchaseReturned: {
      const auto& returned = event.purchase_returned();
      if (returned.purchase_invoice_number().empty()) return;
      run_.basis.returned_purchases.insert(
          PurchaseHash(record.account_id(), returned.merchant_id(), returned.purchase_invoice_number()));
      return;
    }
    default:
      return;
  }
}

void LogCheck::CollectProgram(uint64_t position, const EventRecord& record) {
  const events::v1::ProgramPublished& published = record.event().program_published();
  const std::string name = fmt::format("{}@{}", published.program_id(), published.version());
  const auto bad = [&](const std::string& expected, const std::string& found, const std::string& what) {
    v1::Finding finding;
    finding.set_kind(v1::FINDING_KIND_BAD_PROGRAM);
    finding.set_shard(shard_);
    finding.set_position(position);
    finding.set_account_id(record.account_id());
    finding.set_revision(record.revision());
    finding.set_program(name);
    finding.set_expected(expected);
    finding.set_found(found);
    finding.set_message(
        fmt::format("program {}, published at position {} of shard {}: {}", name, position, shard_, what));
    run_.Report(std::move(finding));
  };
  ProgramHistory& history = run_.basis.programs[shard_];
  if (history.versions() == kProgramVersionsMax) {
    published_.push_back({published.program_id(), published.version(), merkle::Sha256(published.program()), position});
    return run_.NotChecked(fmt::format("shard {}: what was decided under program versions published after the first {}",
                                       shard_, kProgramVersionsMax));
  }
  const domain::CompiledProgram* latest = history.Latest(published.program_id());
  const uint32_t due = latest == nullptr ? 1 : latest->program().version() + 1;
  if (published.version() != due) {
    bad(fmt::format("version {}", due), fmt::format("version {}", published.version()),
        "a version is skipped or repeated");
  }
  std::shared_ptr<const domain::CompiledProgram> compiled;
  if (const std::string fault = ProgramFault(published, compiled); !fault.empty()) {
    bad("the program of its source text", "another", fault);
  }
  if (compiled != nullptr && latest != nullptr && compiled->effective_from() < latest->effective_from()) {
    bad("in force from " + FormatMicros(latest->effective_from()) + " or later",
        "from " + FormatMicros(compiled->effective_from()), "it begins before the version that it supersedes");
  }
  published_.push_back({published.program_id(), published.version(), merkle::Sha256(published.program()), position});
  // What cannot be compiled, or is there already, decides nothing.
  if (compiled == nullptr || history.Contains(published.program_id(), published.version())) return;
  history.Add(position + 1, std::move(compiled));
}

}  // namespace keyledger::audit

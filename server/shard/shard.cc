// See shard.h.
#include "server/shard/shard.h"

#include <limits>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/shard/account_reader.h"
#include "server/shard/committer.h"
#include "server/shard/sequencer.h"

namespace keyledger::shard {
namespace {

absl::Status Unreadable(uint64_t position) {
  return MakeError(Reason::kStoreDamaged, fmt::format("record {} cannot be read", position));
}

absl::StatusOr<std::vector<PublishedProgram>> ReadPrograms(const store::ShardStore& store) {
  std::vector<PublishedProgram> published;
  auto records = store.ReadStream(kProgramsStream, 0, std::numeric_limits<uint64_t>::max(), false);
  events::v1::EventRecord record;
  while (records->Next()) {
    const std::string_view bytes = records->bytes();
    programs::v1::Program program;
    if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
        !record.event().has_program_published() ||
        !program.ParseFromString(record.event().program_published().program())) {
      return Unreadable(records->position());
    }
    KL_ASSIGN_OR_RETURN(auto compiled, domain::CompiledProgram::Compile(std::move(program)));
    published.push_back({std::move(compiled), record.event().program_published().source_yaml(),
                         domain::MicrosOf(record.record_time()), record.actor()});
  }
  KL_RETURN_IF_ERROR(records->status());
  return published;
}

absl::StatusOr<Micros> LastRecordTime(const store::ShardStore& store) {
  const uint64_t count = store.record_count();
  if (count == 0) return std::numeric_limits<int64_t>::min();
  KL_ASSIGN_OR_RETURN(const std::string bytes, store.GetRecord(count - 1));
  events::v1::EventRecord record;
  if (!record.ParseFromString(bytes)) return Unreadable(count - 1);
  return domain::MicrosOf(record.record_time());
}

}  // namespace

Shard::Shard(store::ShardStore& store, const ShardOptions& options)
    : store_(store), options_(options), head_(store.record_count()) {}

absl::StatusOr<std::unique_ptr<Shard>> Shard::Open(store::ShardStore& store, store::CommitLog& log, const Clock& clock,
                                                   const ShardOptions& options) {
  KL_ASSIGN_OR_RETURN(merkle::Tree tree, LoadTree(store));
  KL_ASSIGN_OR_RETURN(std::vector<PublishedProgram> published, ReadPrograms(store));
  KL_ASSIGN_OR_RETURN(const Micros last_record_time, LastRecordTime(store));
  std::unique_ptr<Shard> shard(new Shard(store, options));
  Shard* const raw = shard.get();
  // The committer calls back only for groups that the sequencer gave it, so the sequencer exists by then.
  shard->committer_ =
      std::make_unique<Committer>(store, log, shard->head_, std::move(tree), [raw] { raw->sequencer_->Wake(); });
  shard->sequencer_ = std::make_unique<Sequencer>(store, *shard->committer_, shard->head_, clock, options,
                                                  last_record_time, std::move(published));
  return shard;
}

Shard::~Shard() { Stop(); }

void Shard::Stop() {
  if (sequencer_ != nullptr) sequencer_->Stop();
  if (committer_ != nullptr) committer_->Stop();
  head_.Close();
}

void Shard::Append(AppendCommand command, AppendDone done) {
  const size_t bytes = command.bytes;
  sequencer_->Submit(Sequencer::ClientCommand{std::move(command), std::move(done)}, bytes);
}

void Shard::Sweep(const store::TimerEntry& timer, Micros until, Micros quiet, SweepDone done) {
  sequencer_->Submit(Sequencer::SweepCommand{timer, until, quiet, std::move(done)}, timer.account_id.size());
}

void Shard::Rearm(const std::string& account_id, std::function<void(absl::Status)> done) {
  sequencer_->Submit(Sequencer::RearmCommand{account_id, std::move(done)}, account_id.size());
}

void Shard::Publish(std::shared_ptr<const domain::CompiledProgram> program, const std::string& source_yaml,
                    const std::string& request_id, const std::string& actor, AppendDone done) {
  AppendCommand append;
  append.account_id = std::string(kProgramsStream);
  append.request_id = request_id;
  append.actor = actor;
  const merkle::Hash digest = merkle::Sha256(source_yaml);
  append.digest.assign(digest.begin(), digest.end());
  SubmittedEvent event;
  events::v1::ProgramPublished& published = *event.event.mutable_program_published();
  published.set_program_id(program->program().program_id());
  published.set_version(program->program().version());
  published.set_program(program->program().SerializeAsString());
  published.set_source_yaml(source_yaml);
  append.bytes = source_yaml.size() * 2;
  append.events.push_back(std::move(event));
  const size_t bytes = append.bytes;
  sequencer_->Submit(Sequencer::PublishCommand{std::move(program), std::move(append), std::move(done)}, bytes);
}

void Shard::RecordOwn(std::string_view stream, events::v1::Event event, const std::string& request_id,
                      const std::string& actor, const std::string& digest, AppendDone done, OwnIndex index) {
  AppendCommand append;
  append.account_id = std::string(stream);
  append.request_id = request_id;
  append.actor = actor;
  append.digest = digest;
  append.bytes = event.ByteSizeLong();
  append.events.emplace_back().event = std::move(event);
  const size_t bytes = append.bytes;
  sequencer_->Submit(Sequencer::OwnCommand{std::move(append), std::move(index), std::move(done)}, bytes);
}

void Shard::Apply(const std::string& account_id, const std::string& request_id,
                  std::shared_ptr<const domain::ReviewVerdict> verdict, VerdictDone done) {
  AppendCommand append;
  append.account_id = account_id;
  append.request_id = request_id;
  const merkle::Hash digest = merkle::Sha256(request_id);
  append.digest.assign(digest.begin(), digest.end());
  const size_t bytes = account_id.size() + verdict->assigned.ByteSizeLong();
  sequencer_->Submit(Sequencer::VerdictCommand{std::move(append), std::move(verdict), std::move(done)}, bytes);
}

void Shard::Receive(std::shared_ptr<const domain::TransferReceipt> receipt, const std::string& request_id,
                    AppendDone done) {
  AppendCommand append;
  append.account_id = receipt->to_account_id;
  append.request_id = request_id;
  const merkle::Hash digest = merkle::Sha256(request_id);
  append.digest.assign(digest.begin(), digest.end());
  const size_t bytes = append.account_id.size() + receipt->sent.ByteSizeLong();
  sequencer_->Submit(Sequencer::ReceiptCommand{std::move(append), std::move(receipt), std::move(done)}, bytes);
}

void Shard::EndTransfer(const std::string& account_id, domain::TransferResult result,
                        std::function<void(absl::Status)> done) {
  sequencer_->Submit(Sequencer::TransferEndCommand{account_id, std::move(result), std::move(done)}, account_id.size());
}

std::shared_ptr<const domain::ProgramSet> Shard::programs() const { return sequencer_->programs(); }

std::vector<PublishedProgram> Shard::published() const { return sequencer_->published(); }

absl::StatusOr<std::optional<domain::AccountState>> Shard::ReadState(std::string_view account_id) const {
  return FoldAccount(store_, account_id);
}

absl::Status Shard::write_status() const { return store_.write_status(); }

ShardStats Shard::stats() const { return sequencer_->stats(); }

std::pair<uint64_t, merkle::Hash> Shard::Root() const { return committer_->Root(); }

merkle::TileNodes Shard::Nodes() const {
  return merkle::TileNodes(committer_->tree(),
                           [this](uint32_t level, uint64_t index) { return ReadTile(store_, level, index); });
}

}  // namespace keyledger::shard

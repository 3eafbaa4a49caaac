// See ledger_machine.h.
#include "tests/crash/shard/ledger_machine.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "projections/accounts/accounts_projection.h"
#include "projections/engagement/engagement_projection.h"
#include "projections/engagement/owner_index.h"
#include "projections/points/points_projection.h"
#include "projections/retention/retention_projection.h"
#include "projections/tiers/tiers_projection.h"
#include "server/base/check.h"
#include "server/base/ids.h"
#include "server/base/mutex.h"
#include "server/domain/account_state.h"
#include "server/domain/evolve.h"
#include "server/domain/proto_time.h"
#include "server/merkle/tree.h"
#include "server/service/append_request.h"
#include "server/store/verify.h"

namespace keyledger::testing {
namespace {

constexpr size_t kWriters = 3;
constexpr auto kPatience = std::chrono::seconds(60);

std::vector<std::shared_ptr<const projections::Projection>> AllProjections() {
  return {projections::MakeAccountsProjection(), projections::MakePointsProjection(),
          projections::MakeTiersProjection(), projections::MakeRetentionProjection(),
          projections::MakeEngagementProjection()};
}

// Digests of the engine's projections once they have applied `head` records.
absl::StatusOr<std::map<std::string, std::string>> Digests(const projections::Engine& engine, uint64_t head) {
  std::map<std::string, std::string> digests;
  for (const auto& projection : AllProjections()) {
    const std::string name(projection->name());
    KL_RETURN_IF_ERROR(engine.WaitFor(name, head, std::chrono::steady_clock::now() + kPatience));
    KL_ASSIGN_OR_RETURN(digests[name], engine.Digest(name));
  }
  return digests;
}

// The same records in a store of its own, folded in one go.
absl::StatusOr<std::map<std::string, std::string>> DigestsWithoutACrash(const std::vector<std::string>& records) {
  const TempDir directory(TempDir::Place::kMemory);
  store::StoreOptions options;
  options.path = directory / "shard";
  options.ledger_id = "never-crashed";
  options.disk_reserve_bytes = 0;
  KL_ASSIGN_OR_RETURN(const auto store, store::ShardStore::Open(options));
  store::CommitGroup group;
  events::v1::EventRecord record;
  for (const std::string& bytes : records) {
    KL_CHECK(record.ParseFromString(bytes));
    group.records.push_back({record.account_id(), record.revision(), bytes});
  }
  KL_RETURN_IF_ERROR(store->Append(group));
  HeadWatch head(store->record_count());
  KL_ASSIGN_OR_RETURN(const auto engine, projections::Engine::Open(*store, head, AllProjections(), {}));
  engine->Start();
  auto digests = Digests(*engine, records.size());
  engine->Stop();
  return digests;
}

}  // namespace

LedgerMachine::LedgerMachine(uint32_t shards, uint64_t seed, uint64_t disk_reserve_bytes)
    : random_(seed), log_(shards) {
  options_.data_dir = directory_ / "data";
  options_.shard_count = shards;
  options_.disk_reserve_bytes = disk_reserve_bytes;
  options_.env = machine_.env();
  options_.projections = AllProjections();
  options_.owner_index = shard::OwnerIndex{
      "engagement",
      [](const store::TableReader& rows, const std::string& person, const std::string& after, size_t limit) {
        return projections::engagement::ListOwned(rows, person, projections::engagement::OwnedBy::kRole, after, limit);
      }};
  // Small, so that there are many groups, snapshots, evictions and chunks for a crash to fall between.
  options_.shard.group_records_max = 48;
  options_.shard.snapshot_every_records = 8;
  options_.engine.chunk_records = 50;
  options_.sweep_interval = std::chrono::milliseconds(0);
  options_.sweep_quiet = 0;
  for (size_t i = 0; i < kWriters; ++i) writers_.emplace_back(static_cast<int>(i), seed + i);
}

LedgerMachine::~LedgerMachine() = default;

absl::Status LedgerMachine::Open() {
  KL_CHECK(ledger_ == nullptr);
  KL_ASSIGN_OR_RETURN(ledger_, shard::Ledger::Open(options_, clock_));
  return absl::OkStatus();
}

void LedgerMachine::Close() { ledger_.reset(); }

absl::Status LedgerMachine::PublishExample() {
  return ledger_->Publish(ExampleProgram(), "program", "operator").status();
}

std::vector<Sent> LedgerMachine::Make(size_t count) {
  std::vector<Sent> made;
  for (size_t i = 0; i < count; ++i) {
    const size_t writer = random_() % writers_.size();
    made.emplace_back(writer, writers_[writer].Next());
  }
  return made;
}

std::vector<Sent> LedgerMachine::Unanswered() const {
  std::vector<Sent> unanswered;
  for (size_t writer = 0; writer < writers_.size(); ++writer) {
    for (const size_t place : writers_[writer].Unanswered()) unanswered.emplace_back(writer, place);
  }
  return unanswered;
}

Outcomes LedgerMachine::Send(const std::vector<Sent>& requests, absl::Status* last) {
  Mutex mutex;
  CondVar all_there;
  std::vector<std::optional<absl::StatusOr<shard::AppendAnswer>>> answers(requests.size());
  size_t missing = requests.size();
  for (size_t i = 0; i < requests.size(); ++i) {
    auto command = service::ToCommand(writers_[requests[i].first].Send(requests[i].second));
    KL_CHECK(command.ok());
    ledger_->Append(*std::move(command), [&, i](absl::StatusOr<shard::AppendAnswer> answer) {
      // Notified under the lock: the waiter leaves with what is locked as soon as it sees zero.
      MutexLock lock(mutex);
      KL_CHECK(!answers[i].has_value());
      answers[i] = std::move(answer);
      if (--missing == 0) all_there.NotifyAll();
    });
  }
  MutexLock lock(mutex);
  while (missing > 0) all_there.Wait(mutex);
  Outcomes outcomes;
  for (size_t i = 0; i < requests.size(); ++i) {
    Writer& writer = writers_[requests[i].first];
    const size_t place = requests[i].second;
    absl::StatusOr<shard::AppendAnswer>& answer = *answers[i];
    const Reason reason = answer.ok() ? Reason::kUnspecified : ReasonOf(answer.status());
    ++outcomes[reason];
    if (answer.ok()) {
      ++answered_;
      ledger::v1::AppendResponse response;
      const bool full = writer.entry(place).request.view() != ledger::v1::APPEND_VIEW_BASIC;
      service::FillResponse(*std::move(answer), full, "", response);
      if (std::string wrong = writer.Applied(place, std::move(response)); !wrong.empty()) wrong_answer_ = wrong;
    } else if (reason == Reason::kInsufficientPoints) {
      ++answered_;
      writer.Refused(place);
    } else if (last != nullptr) {
      *last = answer.status();
    }
  }
  return outcomes;
}

std::string LedgerMachine::Check() {
  if (!wrong_answer_.empty()) return wrong_answer_;
  for (uint32_t number = 0; number < ledger_->shard_count(); ++number) {
    const store::ShardStore& store = ledger_->shard(number).store();
    std::vector<std::string> records;
    const auto it = store.ReadRecords(0, store.record_count());
    while (it->Next()) records.emplace_back(it->bytes());
    if (!it->status().ok()) return MessageOf(it->status());
    if (records.size() != store.record_count()) return "the log ends before its head";
    if (std::string wrong = log_.Take(number, records); !wrong.empty()) return wrong;
    if (std::string wrong = CheckStore(number); !wrong.empty()) return wrong;
    if (std::string wrong = CheckStates(number); !wrong.empty()) return wrong;
  }
  return log_.Check(writers_);
}

std::string LedgerMachine::CheckStore(uint32_t number) {
  const store::ShardStore& store = ledger_->shard(number).store();
  merkle::Tree tree;
  store::VerifyOptions options;
  options.read_record = [&](uint64_t, std::string_view bytes) -> absl::StatusOr<store::RecordClaims> {
    std::vector<merkle::FullTile> full;
    tree.Append(merkle::LeafHash(bytes), full);
    for (const merkle::FullTile& tile : full) {
      KL_ASSIGN_OR_RETURN(const auto stored, store.GetTile(tile.level, tile.index));
      if (stored != tile.hashes) return MakeError(Reason::kStoreDamaged, "a tile is not the one of the records");
    }
    events::v1::EventRecord record;
    if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return MakeError(Reason::kStoreDamaged, "does not parse");
    }
    return store::RecordClaims{record.position(), record.account_id(), record.revision(), record.request_id()};
  };
  const store::VerifyReport report = store::VerifyStore(store, options);
  if (!report.ok()) return fmt::format("shard {}: {}", number, report.problems[0]);
  if (ledger_->shard(number).Root() != std::pair(tree.size(), tree.Root())) {
    return fmt::format("shard {}: the root is not that of the records", number);
  }
  return "";
}

std::string LedgerMachine::CheckStates(uint32_t number) {
  std::map<std::string, domain::AccountState> states;
  events::v1::EventRecord record;
  for (const std::string& bytes : log_.records(number)) {
    record.ParseFromString(bytes);
    if (IsOwnStream(record.account_id())) continue;
    const absl::Status evolved =
        domain::Evolve(states[record.account_id()], record.event(), domain::MicrosOf(record.occurred_time()));
    if (!evolved.ok()) return MessageOf(evolved);
  }
  for (const auto& [account_id, state] : states) {
    const auto read = ledger_->shard(number).ReadState(account_id);
    if (!read.ok()) return MessageOf(read.status());
    if (!read->has_value() || !(**read == state)) return fmt::format("the state of {} is not its fold", account_id);
  }
  return "";
}

std::string LedgerMachine::CheckProjections() {
  for (uint32_t number = 0; number < ledger_->shard_count(); ++number) {
    const std::vector<std::string>& records = log_.records(number);
    const auto crashed = Digests(ledger_->engine(number), records.size());
    if (!crashed.ok()) return MessageOf(crashed.status());
    const auto wanted = DigestsWithoutACrash(records);
    if (!wanted.ok()) return MessageOf(wanted.status());
    for (const auto& [name, digest] : *wanted) {
      if (crashed->at(name) != digest) return fmt::format("shard {}: the rows of {} differ", number, name);
    }
  }
  return "";
}

std::string ExampleProgram() {
  std::ifstream in(KL_EXAMPLE_PROGRAM);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

uint64_t CrashSeed() {
  const char* text = std::getenv("KEYLEDGER_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device()();
}

}  // namespace keyledger::testing

// See simulate_source.h.
#include "server/service/simulate_source.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "server/base/checked.h"
#include "server/base/cursor.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/program_set.h"
#include "server/domain/proto_time.h"
#include "server/domain/simulate.h"
#include "server/shard/account_reader.h"
#include "server/shard/purchase_reader.h"

namespace keyledger::service {
namespace {

using ledger::v1::SimulatedAccount;
using ledger::v1::SimulateRequest;
using ledger::v1::SimulateResponse;

constexpr size_t kSourceBytesMax = 1u << 20;
constexpr int kAccountIdsMax = 1'000;
constexpr int kAccountsMax = 10'000;
constexpr int kAccountsDefault = 100;
constexpr int kFrameAccountsMax = 100;
// A frame is full with the account that reaches so many bytes.
constexpr size_t kFrameBytes = 1u << 20;
constexpr int kRetryDelayMs = 1'000;
// Records, and accounts, looked at between two frames: how long a cancelled call goes on, but for one large account.
constexpr int64_t kFrameRecords = 20'000;
constexpr int64_t kFrameAccountsSeen = 2'000;
constexpr size_t kStreamsPerList = 1'000;

// What to simulate, with the program found or read.
struct Simulation {
  domain::SimulationRules rules;
  ledger::v1::ProgramVersion program;
  // Sorted, distinct; empty: all.
  std::vector<std::string> account_ids;
  std::string region;
  std::string segment;
  size_t accounts_max = kAccountsDefault;
};

absl::StatusOr<programs::v1::Program> FindProgram(const domain::ProgramSet& published, const SimulateRequest& request,
                                                  ledger::v1::ProgramVersion& named) {
  if (request.program_case() == SimulateRequest::kSourceYaml) {
    if (request.source_yaml().size() > kSourceBytesMax) {
      return MakeError(Reason::kPayloadTooLarge, fmt::format("source_yaml has {} bytes, at most {} are allowed",
                                                             request.source_yaml().size(), kSourceBytesMax));
    }
    domain::ParsedProgram parsed = domain::ParseProgramYaml(request.source_yaml());
    if (!parsed.findings.empty()) return domain::FindingsError(parsed.findings);
    named.set_program_id(parsed.program->program_id());
    return *std::move(parsed.program);
  }
  if (request.program_case() != SimulateRequest::kPublished)
    return FieldError("program", "is required: source_yaml or published");
  const ledger::v1::ProgramVersion& wanted = request.published();
  if (wanted.program_id().empty()) return FieldError("published.program_id", "is required");
  const domain::CompiledProgram* const found = wanted.version() == 0
                                                   ? published.Latest(wanted.program_id())
                                                   : published.Find(wanted.program_id(), wanted.version());
  if (found == nullptr) {
    return MakeError(
        Reason::kProgramNotFound,
        fmt::format("there is no version {} of program {}",
                    wanted.version() == 0 ? "at all" : std::to_string(wanted.version()), wanted.program_id()));
  }
  named.set_program_id(wanted.program_id());
  named.set_version(found->program().version());
  return found->program();
}

absl::Status FillSubset(const SimulateRequest& request, Simulation& simulation) {
  if (request.account_ids_size() > kAccountIdsMax) {
    return FieldError("account_ids",
                      fmt::format("has {} ids, at most {} are allowed", request.account_ids_size(), kAccountIdsMax));
  }
  for (int i = 0; i < request.account_ids_size(); ++i) {
    KL_RETURN_IF_ERROR(CheckAccountId(request.account_ids(i), fmt::format("account_ids[{}]", i)));
    simulation.account_ids.push_back(request.account_ids(i));
  }
  std::sort(simulation.account_ids.begin(), simulation.account_ids.end());
  simulation.account_ids.erase(std::unique(simulation.account_ids.begin(), simulation.account_ids.end()),
                               simulation.account_ids.end());
  simulation.region = request.region();
  simulation.segment = request.segment();
  if (request.accounts_max() < 0 || request.accounts_max() > kAccountsMax)
    return FieldError("accounts_max", fmt::format("must be 0 to {}", kAccountsMax));
  if (request.accounts_max() > 0) simulation.accounts_max = static_cast<size_t>(request.accounts_max());
  return absl::OkStatus();
}

absl::StatusOr<Simulation> ToSimulation(const ServiceContext& context, const SimulateRequest& request) {
  Simulation simulation;
  KL_RETURN_IF_ERROR(FillSubset(request, simulation));
  if (!request.has_from_time()) return FieldError("from_time", "is required");
  KL_ASSIGN_OR_RETURN(simulation.rules.from, CheckTime(request.from_time(), "from_time"));
  simulation.rules.to = context.clock.Now() + 1;
  if (request.has_to_time()) {
    KL_ASSIGN_OR_RETURN(const Micros to, CheckTime(request.to_time(), "to_time"));
    if (to > simulation.rules.to) return FieldError("to_time", "must not be later than now");
    simulation.rules.to = to;
  }
  if (simulation.rules.from >= simulation.rules.to) return FieldError("to_time", "must be after from_time");
  simulation.rules.actual = context.ledger.shard(0).programs();
  KL_ASSIGN_OR_RETURN(programs::v1::Program program,
                      FindProgram(*simulation.rules.actual, request, simulation.program));
  KL_ASSIGN_OR_RETURN(simulation.rules.simulated,
                      domain::SimulatedPrograms(*simulation.rules.actual, std::move(program), simulation.rules.from,
                                                simulation.rules.to));
  return simulation;
}

void FillFlow(const domain::PointsFlow& flow, ledger::v1::PointsFlow& out) {
  out.set_issued(flow.issued);
  out.set_redeemed(flow.redeemed);
  out.set_expired(flow.expired);
  out.set_reversed(flow.reversed);
  out.set_outstanding(flow.outstanding);
}

// Returns false if a sum leaves 64 bits.
bool AddFlow(const domain::PointsFlow& more, domain::PointsFlow& sum) {
  const std::array<std::pair<int64_t*, int64_t>, 5> parts = {{{&sum.issued, more.issued},
                                                              {&sum.redeemed, more.redeemed},
                                                              {&sum.expired, more.expired},
                                                              {&sum.reversed, more.reversed},
                                                              {&sum.outstanding, more.outstanding}}};
  for (const auto& [part, points] : parts) {
    const auto next = CheckedAdd(*part, points);
    if (!next.has_value()) return false;
    *part = *next;
  }
  return true;
}

void FillTier(const domain::SimulatedSide& side, ledger::v1::SimulatedTier& out) {
  out.set_ladder_id(side.tier.ladder_id);
  out.set_tier_id(side.tier.tier_id);
  if (!side.assigned.has_value()) return;
  *out.mutable_decision() = *side.assigned;
  domain::SetTimestamp(out.mutable_decision_time(), side.assigned_time);
}

SimulatedAccount MakeAccount(const std::string& account_id, const domain::AccountSimulation& result) {
  SimulatedAccount account;
  account.set_account_id(account_id);
  FillFlow(result.actual.flow, *account.mutable_actual());
  FillFlow(result.simulated.flow, *account.mutable_simulated());
  std::map<std::string, std::pair<int64_t, int64_t>> rules;
  for (const auto& [rule_id, points] : result.actual.issued_by_rule) rules[rule_id].first = points;
  for (const auto& [rule_id, points] : result.simulated.issued_by_rule) rules[rule_id].second = points;
  for (const auto& [rule_id, points] : rules) {
    if (points.first == points.second) continue;
    ledger::v1::RuleDifference& rule = *account.add_rules();
    rule.set_rule_id(rule_id);
    rule.set_actual_points(points.first);
    rule.set_simulated_points(points.second);
  }
  FillTier(result.actual, *account.mutable_actual_tier());
  FillTier(result.simulated, *account.mutable_simulated_tier());
  account.set_refused_facts(result.refused_facts);
  account.set_first_refusal(result.first_refusal);
  return account;
}

// The accounts with the largest differences, at most so many.
class LargestDifferences {
 public:
  explicit LargestDifferences(size_t accounts_max) : accounts_max_(accounts_max) {}

  void Add(const std::string& account_id, const domain::AccountSimulation& result) {
    const Rank rank = RankOf(account_id, result);
    if (heap_.size() == accounts_max_) {
      if (!(rank < heap_.front().first)) return;
      std::pop_heap(heap_.begin(), heap_.end(), Less);
      heap_.pop_back();
    }
    heap_.emplace_back(rank, MakeAccount(account_id, result));
    std::push_heap(heap_.begin(), heap_.end(), Less);
  }

  // The largest first.
  std::vector<std::pair<std::tuple<Int128, Int128, std::string>, SimulatedAccount>> Take() {
    std::sort_heap(heap_.begin(), heap_.end(), Less);
    return std::move(heap_);
  }

 private:
  // Negative differences of points outstanding and issued, so that the largest come first; the account decides ties.
  using Rank = std::tuple<Int128, Int128, std::string>;
  using Entry = std::pair<Rank, SimulatedAccount>;

  static Int128 Away(int64_t a, int64_t b) {
    const Int128 difference = static_cast<Int128>(a) - b;
    return difference < 0 ? difference : -difference;
  }
  static Rank RankOf(const std::string& account_id, const domain::AccountSimulation& result) {
    const domain::PointsFlow& actual = result.actual.flow;
    const domain::PointsFlow& simulated = result.simulated.flow;
    return {Away(simulated.outstanding, actual.outstanding), Away(simulated.issued, actual.issued), account_id};
  }
  static bool Less(const Entry& a, const Entry& b) { return a.first < b.first; }

  const size_t accounts_max_;
  // The smallest difference in front.
  std::vector<Entry> heap_;
};

class SimulateSource final : public FrameSource<SimulateResponse> {
 public:
  SimulateSource(const ServiceContext& context, Simulation simulation, CallSlots::Slot slot)
      : slot_(std::move(slot)),
        context_(context),
        simulation_(std::move(simulation)),
        head_(context.ledger.HeadCursor()),
        largest_(simulation_.accounts_max) {
    for (const uint64_t records : head_.next) total_records_ += static_cast<int64_t>(records);
  }

  absl::StatusOr<Produced> Produce(SimulateResponse& frame) override {
    if (!summed_up_) {
      KL_ASSIGN_OR_RETURN(const bool more, Run());
      if (more) {
        FillProgress(*frame.mutable_progress());
        return Produced::kFrame;
      }
      summed_up_ = true;
      FillSummary(*frame.mutable_summary());
      listed_ = largest_.Take();
      return Produced::kFrame;
    }
    if (next_listed_ == listed_.size()) return Produced::kEnd;
    ledger::v1::SimulatedAccounts& accounts = *frame.mutable_accounts();
    size_t bytes = 0;
    while (next_listed_ < listed_.size() && accounts.accounts_size() < kFrameAccountsMax && bytes < kFrameBytes) {
      accounts.add_accounts()->Swap(&listed_[next_listed_++].second);
      bytes += accounts.accounts().rbegin()->ByteSizeLong();
    }
    return Produced::kFrame;
  }

 private:
  // Simulates accounts until it is time for a frame; false: there are no more.
  absl::StatusOr<bool> Run() {
    const int64_t records_end = records_ + kFrameRecords;
    const int64_t accounts_end = accounts_seen_ + kFrameAccountsSeen;
    while (records_ < records_end && accounts_seen_ < accounts_end) {
      KL_ASSIGN_OR_RETURN(const std::string account_id, NextAccount());
      if (account_id.empty()) return false;
      accounts_seen_ += 1;
      KL_RETURN_IF_ERROR(SimulateAccount(account_id));
    }
    return true;
  }

  // Empty: no more.
  absl::StatusOr<std::string> NextAccount() {
    if (!simulation_.account_ids.empty()) {
      return next_id_ < simulation_.account_ids.size() ? simulation_.account_ids[next_id_++] : std::string();
    }
    while (true) {
      while (next_stream_ < streams_.size()) {
        const std::string& stream = streams_[next_stream_++];
        if (!IsOwnStream(stream)) return stream;
      }
      if (shard_ == context_.ledger.shard_count()) return std::string();
      const std::string after = streams_.empty() ? std::string() : streams_.back();
      KL_ASSIGN_OR_RETURN(streams_, context_.ledger.shard(shard_).store().ListStreams(after, kStreamsPerList));
      next_stream_ = 0;
      if (streams_.empty()) shard_ += 1;
    }
  }

  // Gives `visit` the records of the stream from `revision` on until it returns false. What has been recorded since the
  // call began is not seen.
  template <class Visit>
  absl::Status VisitRecords(const std::string& account_id, uint64_t revision, const Visit& visit) {
    const shard::Shard& home = context_.ledger.ShardOfAccount(account_id);
    return shard::ForEachRecord(home.store(), account_id, revision, head_.next[home.number()],
                                [&](const events::v1::EventRecord& record) {
                                  records_ += 1;
                                  return visit(record);
                                });
  }

  absl::StatusOr<domain::RecordedPurchase> ReadMerged(const std::string& account_id, uint64_t revision) {
    const shard::Shard& home = context_.ledger.ShardOfAccount(account_id);
    KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> position, home.store().PositionOf(account_id, revision));
    if (position.has_value()) return shard::ReadPurchase(home.store(), home.number(), *position);
    return MakeError(
        Reason::kStoreDamaged,
        fmt::format("a return names revision {} of account '{}', which is not there", revision, account_id));
  }

  absl::Status SimulateAccount(const std::string& account_id) {
    domain::AccountSimulator simulator(account_id, simulation_.rules);
    KL_RETURN_IF_ERROR(
        VisitRecords(account_id, 0, [&](const events::v1::EventRecord& record) { return simulator.Observe(record); }));
    if (const auto from = simulator.replay_from(); from.has_value()) {
      const int64_t before = records_;
      for (const auto& [merged_id, revision] : simulator.merged_purchases()) {
        KL_ASSIGN_OR_RETURN(domain::RecordedPurchase purchase, ReadMerged(merged_id, revision));
        simulator.AddMerged(std::move(purchase));
      }
      KL_RETURN_IF_ERROR(VisitRecords(account_id, *from,
                                      [&](const events::v1::EventRecord& record) { return simulator.Replay(record); }));
      // Each record counts once.
      records_ = before;
    }
    KL_ASSIGN_OR_RETURN(const domain::AccountSimulation result, simulator.Finish());
    if (!result.exists || !RegionContains(simulation_.region, result.region)) return absl::OkStatus();
    if (!simulation_.segment.empty() && simulation_.segment != result.segment) return absl::OkStatus();
    return Count(account_id, result);
  }

  absl::Status Count(const std::string& account_id, const domain::AccountSimulation& result) {
    accounts_ += 1;
    refused_facts_ += result.refused_facts;
    if (!AddFlow(result.actual.flow, actual_) || !AddFlow(result.simulated.flow, simulated_)) {
      return MakeError(Reason::kArithmeticRange, "a sum of points does not fit in 64 bits; simulate fewer accounts");
    }
    movements_[{result.actual.tier.ladder_id, result.actual.tier.tier_id, result.simulated.tier.ladder_id,
                result.simulated.tier.tier_id}] += 1;
    if (!result.Changed()) return absl::OkStatus();
    changed_accounts_ += 1;
    largest_.Add(account_id, result);
    return absl::OkStatus();
  }

  void FillProgress(ledger::v1::SimulationProgress& progress) const {
    progress.set_accounts(accounts_seen_);
    progress.set_records(records_);
    progress.set_total_records(total_records_);
  }

  void FillSummary(ledger::v1::SimulationSummary& summary) const {
    *summary.mutable_program() = simulation_.program;
    domain::SetTimestamp(summary.mutable_from_time(), simulation_.rules.from);
    domain::SetTimestamp(summary.mutable_to_time(), simulation_.rules.to);
    summary.set_accounts(accounts_);
    summary.set_changed_accounts(changed_accounts_);
    FillFlow(actual_, *summary.mutable_actual());
    FillFlow(simulated_, *summary.mutable_simulated());
    for (const auto& [tiers, accounts] : movements_) {
      ledger::v1::TierMovement& movement = *summary.add_tier_movements();
      std::tie(*movement.mutable_actual_ladder_id(), *movement.mutable_actual_tier_id(),
               *movement.mutable_simulated_ladder_id(), *movement.mutable_simulated_tier_id()) = tiers;
      movement.set_accounts(accounts);
    }
    summary.set_refused_facts(refused_facts_);
  }

  const CallSlots::Slot slot_;
  const ServiceContext context_;
  const Simulation simulation_;
  // What the log held when the call began.
  const Cursor head_;
  int64_t total_records_ = 0;

  // Where it is: among the ids asked for, or in a shard's list of streams.
  size_t next_id_ = 0;
  uint32_t shard_ = 0;
  std::vector<std::string> streams_;
  size_t next_stream_ = 0;

  int64_t accounts_seen_ = 0;
  int64_t records_ = 0;
  int64_t accounts_ = 0;
  int64_t changed_accounts_ = 0;
  int64_t refused_facts_ = 0;
  domain::PointsFlow actual_;
  domain::PointsFlow simulated_;
  // By actual ladder and tier, simulated ladder and tier.
  std::map<std::tuple<std::string, std::string, std::string, std::string>, int64_t> movements_;
  LargestDifferences largest_;

  bool summed_up_ = false;
  std::vector<std::pair<std::tuple<Int128, Int128, std::string>, SimulatedAccount>> listed_;
  size_t next_listed_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<FrameSource<SimulateResponse>>> MakeSimulateSource(const ServiceContext& context,
                                                                                  const SimulateRequest& request) {
  KL_ASSIGN_OR_RETURN(Simulation simulation, ToSimulation(context, request));
  std::optional<CallSlots::Slot> slot = context.simulations.Take();
  if (!slot.has_value()) {
    absl::Status refusal = MakeError(
        Reason::kTooManyStreams, fmt::format("{} simulations are under way already; repeat the call when one is over",
                                             context.simulations.max()));
    SetRetryDelayMs(refusal, kRetryDelayMs);
    return refusal;
  }
  return std::make_unique<SimulateSource>(context, std::move(simulation), *std::move(slot));
}

}  // namespace keyledger::service

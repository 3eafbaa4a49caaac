// What it costs to ask for somebody's duties and how they were kept: three years of meetings with many accounts, folded
// into the projection "engagement", and the list and the last year of each owner in turn. In the process of the bench.
#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "projections/engagement/duty_queries.h"
#include "projections/engagement/engagement_projection.h"
#include "projections/engine/lane.h"
#include "server/base/calendar.h"
#include "server/domain/program_set.h"
#include "server/store/shard_store.h"
#include "tests/bench/baselines.h"
#include "tests/bench/bench.h"

namespace keyledger::bench {
namespace {

namespace engagement = projections::engagement;

using events::v1::InteractionKind;

// Of the program; it begins years before.
constexpr const char* kZone = "Asia/Shanghai";
constexpr int kMonths = 36;
constexpr uint64_t kAccountsOfAnOwner = 100;
// As an engine that is far behind does.
constexpr uint64_t kChunkRecords = 160'000;
// 2024-01-01 and 2027-01-15 in that zone.
constexpr Micros kFirstDay = 1'704'038'400 * kMicrosPerSecond;
constexpr Micros kAsked = 1'799'942'400 * kMicrosPerSecond;
constexpr double kListMillisMax = 20;

void Must(const absl::Status& status) {
  if (!status.ok()) Fail(std::string(status.message()));
}

std::shared_ptr<const domain::CompiledProgram> TobaccoProgram() {
  std::ifstream in(std::string(KL_PROGRAMS_DIR) + "/tobacco/program.yaml");
  std::stringstream text;
  text << in.rdbuf();
  domain::ParsedProgram parsed = domain::ParseProgramYaml(text.str());
  if (!parsed.program.has_value()) Fail("the tobacco company's program cannot be read");
  parsed.program->set_version(1);
  auto compiled = domain::CompiledProgram::Compile(*parsed.program);
  Must(compiled.status());
  return *compiled;
}

std::string AccountOf(uint64_t number) { return fmt::format("account-{:07}", number); }
std::string OwnerOf(uint64_t number) { return fmt::format("km-{:04}", number / kAccountsOfAnOwner); }

// Folds records that are made one after the other, without storing them.
class Folding {
 public:
  Folding(const projections::Projection& projection, store::Table& table) : lane_(projection, table) {}

  // Fold the record of `account` that `fill` completes.
  template <class Fill>
  void Add(uint64_t account, Micros occurred, const Fill& fill) {
    record_.Clear();
    record_.set_account_id(AccountOf(account));
    record_.set_position(records_);
    // One of many records of the account: what counts is its size.
    record_.set_revision(records_ % 200);
    fill(*record_.mutable_event());
    lane_.Apply(records_, {record_, occurred, occurred + kMicrosPerSecond});
    records_ += 1;
    if (records_ % kChunkRecords == 0) lane_.Flush();
  }

  uint64_t Finish() {
    lane_.Flush();
    Must(lane_.failure());
    Must(lane_.postponed());
    return records_;
  }

 private:
  projections::Lane lane_;
  events::v1::EventRecord record_;
  uint64_t records_ = 0;
};

struct Meeting {
  InteractionKind kind;
  int day;
  // Every so many months.
  int months;
};

// The cadence of class A.
constexpr std::array<Meeting, 7> kCadence = {{{events::v1::INTERACTION_KIND_PHONE, 4, 1},
                                              {events::v1::INTERACTION_KIND_VISIT, 9, 1},
                                              {events::v1::INTERACTION_KIND_PHONE, 11, 1},
                                              {events::v1::INTERACTION_KIND_MAIL, 15, 1},
                                              {events::v1::INTERACTION_KIND_ACTIVITY, 18, 2},
                                              {events::v1::INTERACTION_KIND_PHONE, 22, 1},
                                              {events::v1::INTERACTION_KIND_FRIENDSHIP_MEETING, 25, 3}}};

void Meet(const Meeting& meeting, uint64_t account, Micros occurred, events::v1::Event& event) {
  events::v1::InteractionMade& made = *event.mutable_interaction_made();
  made.set_kind(meeting.kind);
  made.add_people(OwnerOf(account));
  made.add_contact_ids("buyer-1");
  made.set_our_minutes(30);
  made.set_result(
      "What was talked about, and what the account said of it, in a sentence or two, as people write them down.");
  if (meeting.kind != events::v1::INTERACTION_KIND_VISIT) return;
  made.set_purpose("annual need");
  made.set_interest(events::v1::INTEREST_HIGH);
  made.mutable_next_step()->set_what("send the offer");
  made.mutable_next_step()->mutable_due_time()->set_seconds(occurred / kMicrosPerSecond + 14 * 86'400);
}

uint64_t FoldYears(store::Table& table, uint64_t accounts) {
  const projections::EngagementProjection projection;
  Folding folding(projection, table);
  for (uint64_t account = 0; account < accounts; ++account) {
    folding.Add(account, kFirstDay, [&](events::v1::Event& event) {
      event.mutable_account_opened()->set_owner(OwnerOf(account));
      event.mutable_account_opened()->set_region("CN");
    });
    folding.Add(account, kFirstDay, [](events::v1::Event& event) {
      event.mutable_tier_assigned()->set_ladder_id("class");
      event.mutable_tier_assigned()->set_tier_id("a");
    });
  }
  const std::optional<Zone> zone = Zone::Load(kZone);
  if (!zone.has_value()) Fail("the machine does not know the zone of the program");
  for (int month = 0; month < kMonths; ++month) {
    const Micros start = zone->PeriodStart(kFirstDay, CalendarUnit::kMonth, month);
    for (const Meeting& meeting : kCadence) {
      if (month % meeting.months != 0) continue;
      for (uint64_t account = 0; account < accounts; ++account) {
        // One in ten is left out: lists are not empty.
        if ((account * 7 + static_cast<uint64_t>(month * 3 + meeting.day)) % 10 == 0) continue;
        const Micros occurred =
            start + meeting.day * kMicrosPerDay + static_cast<Micros>(account % 600) * 60 * kMicrosPerSecond;
        folding.Add(account, occurred, [&](events::v1::Event& event) { Meet(meeting, account, occurred, event); });
      }
    }
  }
  return folding.Finish();
}

}  // namespace

void BenchEngagement(const std::string& scratch_dir, const Scale& scale, Report& report) {
  store::StoreOptions options;
  options.path = scratch_dir + "/engagement";
  options.ledger_id = "bench";
  options.disk_reserve_bytes = 0;
  auto store = store::ShardStore::Open(options);
  Must(store.status());
  const auto table = (*store)->OpenTable("engagement.0");
  Must(table.status());
  const double start = Now();
  const uint64_t records = FoldYears(**table, scale.met);
  Must((*table)->Flush());
  report.Figure(fmt::format("fold of engagement, {} records of {} accounts", records, scale.met), "records/s",
                {static_cast<double>(records) / (Now() - start)});
  const auto reader = (*table)->NewReader();
  const engagement::Shards shards = {reader.get()};
  const domain::ProgramSet programs({TobaccoProgram()});
  const engagement::EngagementScope scope{.as_of = kAsked, .filter = {}, .canceled = {}};
  std::vector<double> taken;
  std::vector<double> cadence_taken;
  double due = 0;
  const uint64_t owners = (scale.met + kAccountsOfAnOwner - 1) / kAccountsOfAnOwner;
  for (uint64_t owner = 0; owner < owners; ++owner) {
    engagement::DueQuestion question;
    question.person = OwnerOf(owner * kAccountsOfAnOwner);
    const double asked = Now();
    const auto answer = engagement::ListDue(shards, scope, programs, question);
    taken.push_back((Now() - asked) * 1e3);
    Must(answer.status());
    due += static_cast<double>(answer->due_count);
    engagement::CadenceQuestion cadence;
    cadence.start = kAsked - 365 * kMicrosPerDay;
    cadence.filter.person = question.person;
    const double cadence_asked = Now();
    Must(engagement::GetCadence(shards, scope, programs, cadence).status());
    cadence_taken.push_back((Now() - cadence_asked) * 1e3);
  }
  report.Compare(fmt::format("duties of one of {} owners of {} accounts, p50", owners, scale.met), "ms",
                 {Percentile(taken, 50)}, "wanted", {kListMillisMax}, Target::kAtMost, 1);
  report.Figure("duties of one owner, p99", "ms", {Percentile(taken, 99)});
  report.Figure("duties of one owner, how many", "duties", {due / static_cast<double>(owners)});
  report.Compare(fmt::format("cadence of a year of one of {} owners, p50", owners), "ms",
                 {Percentile(cadence_taken, 50)}, "wanted", {kListMillisMax}, Target::kAtMost, 1);
  report.Figure("cadence of a year of one owner, p99", "ms", {Percentile(cadence_taken, 99)});
}

}  // namespace keyledger::bench

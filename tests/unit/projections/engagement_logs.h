// What tests of engagement have in common: logs of meetings written out by hand, and programs with a cadence.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/time/civil_time.h>
#include <absl/time/time.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "projections/engagement/duties.h"
#include "projections/engagement/engagement_history.h"
#include "projections/engagement/engagement_projection.h"
#include "server/base/ids.h"
#include "server/domain/program_set.h"
#include "tests/support/record_log.h"

namespace keyledger::projections::engagement {

using testing::Utc;

// A moment on the clocks of a zone.
inline Micros In(const std::string& zone, int year, int month, int day, int hour = 0, int minute = 0) {
  absl::TimeZone loaded;
  EXPECT_TRUE(absl::LoadTimeZone(zone, &loaded)) << zone;
  return absl::ToUnixMicros(absl::FromCivil(absl::CivilSecond(year, month, day, hour, minute), loaded));
}

// A meeting, in the order of what is usually said.
struct Met {
  events::v1::InteractionKind kind = events::v1::INTERACTION_KIND_PHONE;
  std::string person = "km-07";
  events::v1::Interest interest = events::v1::INTEREST_UNSPECIFIED;
  std::string contact_id;
  Micros recorded = 0;
  // Of the plan that it carries out.
  std::string interaction_id;
};

// A log of meetings.
class MeetingLog : public testing::RecordLog {
 public:
  events::v1::Event& Event(const std::string& account, Micros occurred, Micros recorded = 0) {
    return *Add(account, occurred, recorded).mutable_event();
  }

  void OpenFor(const std::string& account, Micros occurred, const std::string& owner = "km-07",
               const std::string& region = "") {
    auto* opened = Event(account, occurred).mutable_account_opened();
    opened->set_owner(owner);
    opened->set_region(region);
  }

  void Tier(const std::string& account, Micros occurred, const std::string& tier) {
    auto* assigned = Event(account, occurred).mutable_tier_assigned();
    assigned->set_ladder_id("class");
    assigned->set_tier_id(tier);
  }

  void Declare(const std::string& account, Micros occurred, const std::string& key, const std::string& value) {
    auto* fact = Event(account, occurred).mutable_account_facts_updated()->add_set_facts();
    fact->set_key(key);
    fact->set_value(value);
  }

  // Returns its place in records().
  size_t Meet(const std::string& account, Micros occurred, const Met& met = {}) {
    auto* made = Event(account, occurred, met.recorded).mutable_interaction_made();
    made->set_kind(met.kind);
    made->add_people(met.person);
    made->set_interest(met.interest);
    made->set_interaction_id(met.interaction_id);
    if (!met.contact_id.empty()) made->add_contact_ids(met.contact_id);
    return records().size() - 1;
  }

  void Retract(size_t place, Micros recorded = 0) {
    const events::v1::EventRecord taken_back = records()[place];
    auto* retracted = Event(taken_back.account_id(), testing::MicrosOfTime(taken_back.occurred_time()), recorded)
                          .mutable_fact_retracted();
    retracted->set_revision(taken_back.revision());
    retracted->set_position(taken_back.position());
    retracted->set_kind(static_cast<events::v1::EventKind>(taken_back.event().payload_case()));
  }

  void Assign(const std::string& account, Micros occurred, const std::string& role, const std::string& person,
              uint32_t rank = 0) {
    auto* assigned = Event(account, occurred).mutable_owner_assigned();
    assigned->set_role(role);
    assigned->set_person(person);
    assigned->set_rank(rank);
  }

  // All that a merge records on the account that ends.
  void Merge(const std::string& source, const std::string& target, Micros occurred) {
    Event(source, occurred).mutable_account_merged()->set_into_account_id(target);
    Event(target, occurred).mutable_account_merge_received()->set_from_account_id(source);
    Event(source, occurred).mutable_account_merge_completed()->set_into_account_id(target);
  }
};

inline std::shared_ptr<const domain::CompiledProgram> ProgramOf(const std::string& yaml, uint32_t version = 1) {
  domain::ParsedProgram parsed = domain::ParseProgramYaml(yaml);
  for (const domain::ProgramFinding& finding : parsed.findings) {
    ADD_FAILURE() << finding.line << ":" << finding.column << " " << finding.path << " " << finding.message;
  }
  if (!parsed.program.has_value()) return nullptr;
  parsed.program->set_version(version);
  auto compiled = domain::CompiledProgram::Compile(*parsed.program);
  EXPECT_TRUE(compiled.ok()) << compiled.status();
  return compiled.ok() ? *compiled : nullptr;
}

// The beginning of a program, with two classes.
inline std::string Head(const std::string& zone = "UTC", const std::string& from = "2000-01-01") {
  return fmt::format(
      "program_id: test\ntime_zone: {}\ncurrency_code: CNY\neffective_from: {}\n"
      "tier_ladder:\n  ladder_id: class\n  metric: net_spend\n  window: {{rolling_days: 365}}\n"
      "  review_period: quarter\n  tiers:\n    - {{tier_id: potential, entrance: 0}}\n"
      "    - {{tier_id: a, entrance: 50_000_000_000}}\n",
      zone, from);
}

// The rows of a log in so many shards, each with the records of its accounts.
class FoldedShards {
 public:
  explicit FoldedShards(const testing::RecordLog& log, uint32_t count = 1, size_t chunk = 1000) {
    std::vector<std::vector<events::v1::EventRecord>> parts(count);
    for (events::v1::EventRecord record : log.records()) {
      auto& part = parts[ShardOf(record.account_id(), count)];
      if (count > 1 && record.event().has_fact_retracted()) {
        // A retraction names a place of the log; here the shards' places are counted anew.
        for (const auto& other : part) {
          if (other.account_id() == record.account_id() &&
              other.revision() == record.event().fact_retracted().revision()) {
            record.mutable_event()->mutable_fact_retracted()->set_position(other.position());
          }
        }
      }
      record.set_position(part.size());
      part.push_back(std::move(record));
    }
    for (const auto& part : parts) {
      tables_.push_back(testing::FoldAll(EngagementProjection(), part, chunk));
      readers_.push_back(tables_.back()->NewReader());
      pointers_.push_back(readers_.back().get());
    }
  }

  const std::vector<const store::TableReader*>& readers() const { return pointers_; }

 private:
  std::vector<std::unique_ptr<testing::MemoryTable>> tables_;
  std::vector<std::unique_ptr<store::TableReader>> readers_;
  std::vector<const store::TableReader*> pointers_;
};

}  // namespace keyledger::projections::engagement

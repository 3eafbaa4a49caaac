// Logs and programs for the tests of queries over the projection "engagement", written as protobuf text.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "projections/engagement/engagement_history.h"
#include "projections/engagement/engagement_projection.h"
#include "server/domain/program_set.h"
#include "tests/support/record_log.h"

namespace keyledger::testing {

// "seconds: 12", for times inside of an event.
inline std::string TimeText(Micros time) { return "{ seconds: " + std::to_string(time / kMicrosPerSecond) + " }"; }

class MeetingLog : public RecordLog {
 public:
  // Adds the event written as text; returns its record.
  events::v1::EventRecord& Say(const std::string& account, Micros occurred, const std::string& event,
                               Micros recorded = 0) {
    events::v1::EventRecord& record = Add(account, occurred, recorded);
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(event, record.mutable_event())) << event;
    return record;
  }
  // An interaction of one of ours; `more`: other fields as text.
  events::v1::EventRecord& Meet(const std::string& account, Micros occurred, const std::string& person,
                                const std::string& more = "", Micros recorded = 0) {
    return Say(account, occurred,
               "interaction_made { kind: INTERACTION_KIND_VISIT people: \"" + person + "\" " + more + " }", recorded);
  }
  void TakeBack(const events::v1::EventRecord& record, Micros occurred) {
    // The log may move its records when one is added.
    const uint64_t position = record.position();
    const uint64_t revision = record.revision();
    const std::string account = record.account_id();
    auto& retracted = *Add(account, occurred).mutable_event()->mutable_fact_retracted();
    retracted.set_position(position);
    retracted.set_revision(revision);
    retracted.set_reason("entered twice");
  }
};

inline std::unique_ptr<store::TableReader> MeetingRows(const RecordLog& log) {
  return FoldRows(*projections::MakeEngagementProjection(), log);
}

// A program that has begun long ago, with what the text says.
inline domain::ProgramSet ProgramOf(const std::string& text) {
  programs::v1::Program program;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "program_id: \"shop\" version: 1 time_zone: \"UTC\" currency_code: \"USD\" effective_from { seconds: 1577836800 }"
      "accrual_rules { rule_id: \"base\" per_money { points: 1 per_micros: 1000000 } }"
      "return_policy: RETURN_POLICY_NEGATIVE_ALLOWED " +
          text,
      &program))
      << text;
  auto compiled = domain::CompiledProgram::Compile(std::move(program));
  EXPECT_TRUE(compiled.ok()) << compiled.status();
  return compiled.ok() ? domain::ProgramSet({*compiled}) : domain::ProgramSet();
}

inline projections::engagement::EngagementScope ScopeAt(Micros as_of) {
  projections::engagement::EngagementScope scope;
  scope.as_of = as_of;
  return scope;
}

}  // namespace keyledger::testing

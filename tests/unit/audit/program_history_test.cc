// The programs in force at each place of a log: right, and no more memory than is allowed however many versions there
// are.
#include "server/audit/program_history.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "keyledger/events/v1/record.pb.h"
#include "server/domain/proto_time.h"
#include "tests/unit/audit/memory_source.h"
#include "tests/unit/audit/replay_support.h"

namespace keyledger::audit {
namespace {

// 2024-01-01.
constexpr Micros kFrom = int64_t{1'704'067'200} * kMicrosPerSecond;

programs::v1::Program ProgramOf(const std::string& id, uint32_t version) {
  programs::v1::Program program;
  program.set_program_id(id);
  program.set_version(version);
  program.set_time_zone("UTC");
  program.set_currency_code("USD");
  domain::SetTimestamp(program.mutable_effective_from(), kFrom);
  return program;
}

std::shared_ptr<const domain::CompiledProgram> Compiled(const std::string& id, uint32_t version) {
  auto compiled = domain::CompiledProgram::Compile(ProgramOf(id, version));
  EXPECT_TRUE(compiled.ok()) << compiled.status();
  return *compiled;
}

// "a1 a2 b1".
std::string Names(const domain::ProgramSet& set) {
  std::string names;
  for (const auto& program : set.programs()) {
    if (!names.empty()) names += " ";
    names += fmt::format("{}{}", program->program().program_id(), program->program().version());
  }
  return names;
}

TEST(ProgramHistory, HasAtEachPlaceWhatWasPublishedBefore) {
  ProgramHistory history;
  EXPECT_EQ(Names(*history.At(7)), "");
  history.Add(3, Compiled("b", 1));
  history.Add(5, Compiled("a", 1));
  history.Add(5, Compiled("a", 2));
  EXPECT_EQ(Names(*history.At(2)), "");
  EXPECT_EQ(Names(*history.At(3)), "b1");
  EXPECT_EQ(Names(*history.At(4)), "b1");
  EXPECT_EQ(Names(*history.At(5)), "a1 a2 b1");
  EXPECT_EQ(Names(*history.Last()), "a1 a2 b1");
  EXPECT_EQ(history.Latest("a")->program().version(), 2u);
  EXPECT_EQ(history.Latest("c"), nullptr);
  EXPECT_TRUE(history.Contains("a", 1));
  EXPECT_FALSE(history.Contains("a", 3));
  EXPECT_FALSE(history.Contains("c", 1));
  EXPECT_EQ(history.versions(), 3u);
}

TEST(ProgramHistory, KeepsASetForThoseWhoAskAgainAndNotOneForEveryVersion) {
  ProgramHistory history;
  for (uint64_t i = 0; i < kProgramVersionsMax; ++i) history.Add(i, Compiled(fmt::format("p{}", i), 1));
  std::vector<std::weak_ptr<const domain::ProgramSet>> sets;
  for (uint64_t i = 0; i < kProgramVersionsMax; ++i) {
    const auto set = history.At(i);
    ASSERT_EQ(set->programs().size(), i + 1);
    EXPECT_EQ(history.At(i), set);
    sets.push_back(set);
  }
  size_t kept = 0;
  for (const auto& set : sets) kept += set.expired() ? 0 : 1;
  // 16 Mi pointers, of which each of the last takes two million.
  EXPECT_EQ(kept, 8u);
  EXPECT_EQ(history.At(0)->programs().size(), 1u);
}

TEST(ProgramHistory, EndsWithTheLastVersionThatCountsAndTheReplaySaysSo) {
  for (const uint32_t versions : {1'000u, 1'003u}) {
    testing::MemorySource::Logs logs(1);
    for (uint32_t i = 0; i < versions; ++i) {
      const programs::v1::Program program = ProgramOf("p", i + 1);
      events::v1::EventRecord record;
      record.set_position(i);
      record.set_revision(i);
      record.set_account_id("$programs");
      record.set_event_id(std::to_string(i));
      domain::SetTimestamp(record.mutable_record_time(), kFrom);
      domain::SetTimestamp(record.mutable_occurred_time(), kFrom);
      auto& published = *record.mutable_event()->mutable_program_published();
      published.set_program_id("p");
      published.set_version(i + 1);
      published.set_program(program.SerializeAsString());
      published.set_source_yaml(
          "program_id: p\ntime_zone: UTC\ncurrency_code: USD\neffective_from: 2024-01-01T00:00:00Z\n");
      logs[0].push_back(record.SerializeAsString());
    }
    testing::MemorySource source(std::move(logs));
    const testing::Replayed replayed = testing::ReplayAll(source);
    EXPECT_EQ(replayed.report.findings(), 0u) << testing::Listed(replayed);
    const auto& said = replayed.report.not_checked();
    const bool says =
        std::find(said.begin(), said.end(),
                  "shard 0: what was decided under program versions published after the first 1000") != said.end();
    EXPECT_EQ(says, versions == 1'003) << replayed.report.DebugString();
  }
}

}  // namespace
}  // namespace keyledger::audit

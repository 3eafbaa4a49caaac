// The trail of accesses: what is folded into it and what can be asked of it.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "projections/accesses/accesses_projection.h"
#include "projections/accesses/accesses_queries.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using testing::RecordLog;
using testing::Utc;

void AddReading(RecordLog& log, Micros recorded, const std::string& account, const std::string& reader,
                const std::vector<std::string>& subjects, const std::string& purpose = "service") {
  auto* read = log.Add(std::string(kAccessesStream), recorded, recorded).mutable_event()->mutable_personal_data_read();
  read->set_read_account_id(account);
  read->set_reader(reader);
  read->set_purpose(purpose);
  read->set_method("keyledger.ledger.v1.AccountService/ListContacts");
  for (const std::string& subject : subjects) read->add_subject_ids(subject);
}

// "<shard>/<position> <reader>" of all pages.
std::vector<std::string> List(const std::vector<const store::TableReader*>& shards, const AccessQuery& query,
                              size_t page_size = 1'000) {
  std::vector<std::string> lines;
  std::string continuation;
  do {
    const auto page = ListDataAccesses(shards, query, page_size, continuation);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) break;
    EXPECT_LE(page->accesses.size(), page_size);
    for (const DataAccess& access : page->accesses) {
      lines.push_back(fmt::format("{}/{} {}", access.shard, access.position, access.reader));
    }
    continuation = page->continuation;
  } while (!continuation.empty());
  return lines;
}

using Lines = std::vector<std::string>;

TEST(AccessesProjection, ShowsAReadingAsItWasRecorded) {
  RecordLog log;
  log.Open("acme", Utc(2026, 1, 1));
  AddReading(log, Utc(2026, 3, 1), "acme", "zhao", {"person-1", "person-2"}, "birthday card");
  const auto rows = testing::FoldRows(AccessesProjection(), log);
  const auto page = ListDataAccesses({rows.get()}, {.by = AccessBy::kSubject, .id = "person-2"}, 10, "");
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->accesses.size(), 1u);
  const DataAccess& access = page->accesses[0];
  EXPECT_EQ(access.record_time, Utc(2026, 3, 1));
  EXPECT_EQ(access.reader, "zhao");
  EXPECT_EQ(access.purpose, "birthday card");
  EXPECT_EQ(access.account_id, "acme");
  EXPECT_EQ(access.subject_ids, (std::vector<std::string>{"person-1", "person-2"}));
  EXPECT_EQ(access.method, "keyledger.ledger.v1.AccountService/ListContacts");
  EXPECT_EQ(access.shard, 0u);
  EXPECT_EQ(access.position, 1u);
  EXPECT_EQ(page->continuation, "");
}

TEST(AccessesProjection, FindsReadingsBySubjectAccountAndReaderNewestFirst) {
  RecordLog log;
  AddReading(log, Utc(2026, 3, 1), "acme", "zhao", {"person-1", "person-2"});
  AddReading(log, Utc(2026, 3, 2), "beta", "li", {"person-2"});
  AddReading(log, Utc(2026, 3, 3), "", "zhao", {"person-1"});
  AddReading(log, Utc(2026, 3, 4), "acme", "li", {"person-11"});
  const auto rows = testing::FoldRows(AccessesProjection(), log);
  EXPECT_EQ(List({rows.get()}, {.by = AccessBy::kSubject, .id = "person-1"}), (Lines{"0/2 zhao", "0/0 zhao"}));
  EXPECT_EQ(List({rows.get()}, {.by = AccessBy::kSubject, .id = "person-2"}), (Lines{"0/1 li", "0/0 zhao"}));
  EXPECT_EQ(List({rows.get()}, {.by = AccessBy::kAccount, .id = "acme"}), (Lines{"0/3 li", "0/0 zhao"}));
  EXPECT_EQ(List({rows.get()}, {.by = AccessBy::kReader, .id = "zhao"}), (Lines{"0/2 zhao", "0/0 zhao"}));
  EXPECT_EQ(List({rows.get()}, {.by = AccessBy::kReader, .id = "acme"}), Lines{});
  EXPECT_EQ(List({rows.get()}, {.by = AccessBy::kSubject, .id = "person"}), Lines{});
}

TEST(AccessesProjection, KeepsReadersApartWhateverTheirNames) {
  RecordLog log;
  AddReading(log, Utc(2026, 3, 1), "acme", std::string("a\0b", 3), {"p"});
  AddReading(log, Utc(2026, 3, 2), "acme", "a", {"p"});
  AddReading(log, Utc(2026, 3, 3), "acme", std::string(128, 'a'), {"p"});
  const auto rows = testing::FoldRows(AccessesProjection(), log);
  EXPECT_EQ(List({rows.get()}, {.by = AccessBy::kReader, .id = "a"}), Lines{"0/1 a"});
  EXPECT_EQ(List({rows.get()}, {.by = AccessBy::kReader, .id = std::string("a\0b", 3)}),
            Lines{std::string("0/0 a\0b", 7)});
}

TEST(AccessesProjection, IgnoresEverythingElse) {
  RecordLog log;
  log.Open("acme", Utc(2026, 1, 1));
  log.Purchase("acme", Utc(2026, 1, 2), 5'000'000);
  auto* contact = log.Add("acme", Utc(2026, 1, 3)).mutable_event()->mutable_contact_recorded();
  contact->mutable_person()->mutable_sealed()->set_ciphertext("sealed");
  const auto rows = testing::FoldRows(AccessesProjection(), log);
  const auto it = rows->NewIterator();
  it->Seek("");
  EXPECT_FALSE(it->Valid());
}

// Readings of one day each, on three shards; two of the same moment on two shards, two on one.
class AccessesOverShards : public ::testing::Test {
 protected:
  AccessesOverShards() {
    RecordLog logs[3];
    AddReading(logs[0], Utc(2026, 3, 1), "", "r", {"p"});
    AddReading(logs[0], Utc(2026, 3, 5), "", "r", {"p"});
    AddReading(logs[1], Utc(2026, 3, 2), "b", "r", {"p"});
    AddReading(logs[1], Utc(2026, 3, 5), "b", "r", {"p"});
    AddReading(logs[2], Utc(2026, 3, 5), "c", "r", {"p"});
    AddReading(logs[2], Utc(2026, 3, 7), "c", "r", {"p"});
    for (RecordLog& log : logs) {
      std::vector<events::v1::EventRecord> records = log.records();
      if (&log == &logs[1]) {
        records.push_back(records.back());
        records.back().set_position(records.size() - 1);
      }
      rows_.push_back(testing::FoldAll(AccessesProjection(), records)->NewReader());
    }
    for (const auto& rows : rows_) shards_.push_back(rows.get());
  }

  std::vector<std::unique_ptr<store::TableReader>> rows_;
  std::vector<const store::TableReader*> shards_;
};

const Lines kAllOverShards = {"2/1 r", "0/1 r", "1/2 r", "1/1 r", "2/0 r", "1/0 r", "0/0 r"};

TEST_F(AccessesOverShards, AreMergedNewestFirstThenByShardThenLatestPosition) {
  EXPECT_EQ(List(shards_, {.by = AccessBy::kSubject, .id = "p"}), kAllOverShards);
}

TEST_F(AccessesOverShards, AreTheSameInPagesOfAnySize) {
  for (const size_t size : {1u, 2u, 3u, 4u, 6u, 7u, 8u}) {
    EXPECT_EQ(List(shards_, {.by = AccessBy::kReader, .id = "r"}, size), kAllOverShards) << size;
  }
}

TEST_F(AccessesOverShards, AreCutByTimeFromInclusiveToExclusive) {
  const auto list = [&](Micros from, Micros to) {
    return List(shards_, {.by = AccessBy::kReader, .id = "r", .from = from, .to = to}, 2);
  };
  const Micros fifth = Utc(2026, 3, 5);
  EXPECT_EQ(list(fifth, fifth + 1), (Lines{"0/1 r", "1/2 r", "1/1 r", "2/0 r"}));
  EXPECT_EQ(list(fifth, fifth), Lines{});
  EXPECT_EQ(list(fifth + 1, Utc(2027, 1, 1)), (Lines{"2/1 r"}));
  EXPECT_EQ(list(Utc(2026, 1, 1), fifth), (Lines{"1/0 r", "0/0 r"}));
  EXPECT_EQ(list(Utc(2026, 3, 2), fifth), (Lines{"1/0 r"}));
}

TEST_F(AccessesOverShards, RefuseAForeignContinuation) {
  for (const char* continuation : {"x", "0123456789012345678901"}) {
    const auto page = ListDataAccesses(shards_, {.by = AccessBy::kReader, .id = "r"}, 10, continuation);
    EXPECT_EQ(ReasonOf(page.status()), Reason::kInvalidToken) << continuation;
  }
}

TEST(AccessesProjection, CutsAPageShortThatWouldBeTooLarge) {
  RecordLog log;
  std::vector<std::string> subjects;
  for (int i = 0; i < 1'000; ++i) subjects.push_back(fmt::format("{:0>128}", i));
  for (int i = 0; i < 40; ++i) AddReading(log, Utc(2026, 3, 1), "acme", "r", subjects);
  const auto rows = testing::FoldRows(AccessesProjection(), log);
  const auto page = ListDataAccesses({rows.get()}, {.by = AccessBy::kReader, .id = "r"}, 1'000, "");
  ASSERT_TRUE(page.ok());
  // 130 KB each, 2 MiB a page.
  EXPECT_EQ(page->accesses.size(), 17u);
  EXPECT_NE(page->continuation, "");
  EXPECT_EQ(List({rows.get()}, {.by = AccessBy::kReader, .id = "r"}).size(), 40u);
}

}  // namespace
}  // namespace keyledger::projections

// The verifier finds nothing in a sound store, and each kind of fault in one that is not.
#include <string>
#include <vector>

#include "keyledger/storage/v1/store_rows.pb.h"
#include "server/store/verify.h"
#include "tests/unit/store/store_fixture.h"

namespace keyledger::store {
namespace {

class VerifyTest : public StoreTest {
 protected:
  void SetUp() override { Open(); }

  // Two sound records, of request "r".
  CommitGroup Sound() {
    CommitGroup group;
    group.records = {{"a", 0, "0|a|0|r|"}, {"a", 1, "1|a|1|r|"}};
    group.requests = {{"a", "r", Result(0, 2, 1)}};
    return group;
  }
  static std::string Result(uint64_t first, uint32_t records, uint64_t revision) {
    storage::v1::RequestResult result;
    result.set_first_position(first);
    result.set_record_count(records);
    result.set_revision(revision);
    return result.SerializeAsString();
  }
  // What the verifier says of a store with just this group.
  std::vector<std::string> Problems(const CommitGroup& group) {
    EXPECT_TRUE(store_->Append(group).ok());
    return keyledger::testing::VerifyModelStore(*store_).problems;
  }
};

using Strings = std::vector<std::string>;

TEST_F(VerifyTest, ASoundStoreHasNoProblems) {
  AppendModel(200);
  const auto report = keyledger::testing::VerifyModelStore(*store_);
  EXPECT_EQ(report.problems, Strings{});
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.records, model_.records().size());
}

TEST_F(VerifyTest, ReportsProgressToTheEnd) {
  AppendModel(3);
  VerifyOptions options;
  options.read_record = [](uint64_t, std::string_view bytes) { return keyledger::testing::ReadModelRecord(bytes); };
  uint64_t last_done = 0;
  options.progress = [&](uint64_t done, uint64_t total) {
    EXPECT_EQ(total, model_.records().size());
    last_done = done;
  };
  EXPECT_TRUE(VerifyStore(*store_, options).ok());
  EXPECT_EQ(last_done, model_.records().size());
}

TEST_F(VerifyTest, SoundGroupOfTheseTestsIsSound) { EXPECT_EQ(Problems(Sound()), Strings{}); }

TEST_F(VerifyTest, FindsARecordThatDoesNotParse) {
  CommitGroup group = Sound();
  group.records[1].bytes = "garbage";
  EXPECT_EQ(Problems(group), (Strings{"record 1: does not parse"}));
}

TEST_F(VerifyTest, FindsARecordAtAnotherPositionThanItClaims) {
  CommitGroup group = Sound();
  group.records[1].bytes = "7|a|1|r|";
  EXPECT_EQ(Problems(group), (Strings{"record 1: claims position 7"}));
}

TEST_F(VerifyTest, FindsARecordOfAnotherStream) {
  CommitGroup group = Sound();
  group.records[1].bytes = "1|b|1||";
  EXPECT_EQ(Problems(group), (Strings{"record 1: is not where account 'b' has its revision 1"}));
}

TEST_F(VerifyTest, FindsAGapInAStream) {
  CommitGroup group = Sound();
  group.records[1] = {"a", 2, "1|a|2|r|"};
  group.requests[0].result = Result(0, 2, 2);
  EXPECT_EQ(Problems(group), (Strings{"streams row 1: account 'a' has revision 2 where 1 is due"}));
}

TEST_F(VerifyTest, FindsARequestWithoutAResult) {
  CommitGroup group = Sound();
  group.requests.clear();
  EXPECT_EQ(Problems(group), (Strings{"record 0: names request 'r', which has no result",
                                      "record 1: names request 'r', which has no result"}));
}

TEST_F(VerifyTest, FindsARequestWhoseRecordsAreElsewhere) {
  CommitGroup group = Sound();
  group.requests[0].result = Result(1, 1, 1);
  EXPECT_EQ(Problems(group), (Strings{"record 0: names request 'r', whose records are elsewhere"}));
}

TEST_F(VerifyTest, FindsARequestPastTheEnd) {
  CommitGroup group = Sound();
  group.requests[0].result = Result(0, 3, 1);
  EXPECT_EQ(Problems(group), (Strings{"requests row 0: its records end at 3, past the end"}));
}

TEST_F(VerifyTest, FindsAUniqueWithoutARecord) {
  CommitGroup group = Sound();
  group.uniques = {{"invoice", 2}};
  EXPECT_EQ(Problems(group), (Strings{"uniques row 0: names record 2, which does not exist"}));
}

TEST_F(VerifyTest, FindsSnapshotsAndTimersOfNobody) {
  CommitGroup group = Sound();
  group.snapshots = {{"nobody", "state"}};
  group.timers_set = {{5, "nobody"}};
  EXPECT_EQ(Problems(group), (Strings{"snapshots row 0: account 'nobody' has no records",
                                      "timers row 0: account 'nobody' has no records"}));
}

TEST_F(VerifyTest, FindsATileTooEarlyAndOneMissing) {
  CommitGroup group = Sound();
  group.tiles = {{0, 0, std::string(8192, 'h')}};
  EXPECT_EQ(Problems(group), (Strings{"tree row 0: tile 0/0 cannot be full yet"}));
}

TEST_F(VerifyTest, FindsAMissingTile) {
  while (model_.records().size() < 256) {
    CommitGroup group = model_.NextGroup(1);
    model_.Accept(group);
    group.tiles.clear();
    ASSERT_TRUE(store_->Append(group).ok());
  }
  EXPECT_EQ(keyledger::testing::VerifyModelStore(*store_).problems,
            (Strings{"record 255: tile 0/0 is not the one of the records", "tree: tile 0/0 is missing"}));
}

TEST_F(VerifyTest, CountsProblemsItDoesNotKeep) {
  CommitGroup group;
  for (uint64_t i = 0; i < 10; ++i) group.records.push_back({"a", i, "garbage"});
  ASSERT_TRUE(store_->Append(group).ok());
  VerifyOptions options;
  options.read_record = [](uint64_t, std::string_view bytes) { return keyledger::testing::ReadModelRecord(bytes); };
  options.problems_max = 3;
  const auto report = VerifyStore(*store_, options);
  EXPECT_EQ(report.problems.size(), 3u);
  EXPECT_EQ(report.problem_count, 10u);
  EXPECT_FALSE(report.ok());
}

}  // namespace
}  // namespace keyledger::store

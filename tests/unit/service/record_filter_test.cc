// RecordFilter: what passes, decided from stored bytes.
#include "server/service/record_filter.h"

#include <gtest/gtest.h>

#include "keyledger/events/v1/record.pb.h"
#include "server/base/error.h"

namespace keyledger::service {
namespace {

std::string Stored(const std::string& account_id, bool purchase) {
  events::v1::EventRecord record;
  record.set_shard(3);
  record.set_position(70'000);
  record.set_account_id(account_id);
  record.set_revision(5);
  record.set_event_id("3-70000");
  record.mutable_occurred_time()->set_seconds(1'700'000'000);
  record.set_request_digest(std::string(32, '\xff'));
  if (purchase) {
    record.mutable_event()->mutable_purchase_recorded()->add_lines()->set_quantity(1);
  } else {
    record.mutable_event()->mutable_program_published()->set_version(1);
  }
  return record.SerializeAsString();
}

ledger::v1::RecordFilter Wanted(std::vector<int> kinds, std::vector<std::string> prefixes) {
  ledger::v1::RecordFilter filter;
  for (const int kind : kinds) filter.add_kinds(static_cast<events::v1::EventKind>(kind));
  for (const std::string& prefix : prefixes) filter.add_account_prefixes(prefix);
  return filter;
}

bool Passes(const ledger::v1::RecordFilter& filter, const std::string& bytes) {
  const auto made = RecordFilter::Make(filter);
  EXPECT_TRUE(made.ok()) << made.status();
  return made.ok() && made->Passes(bytes);
}

TEST(RecordPeek, ReadsAccountAndKindOfAnyRecord) {
  const std::string bytes = Stored("acme", true);
  RecordPeek peek;
  ASSERT_TRUE(PeekRecord(bytes, peek));
  EXPECT_EQ(peek.account_id, "acme");
  EXPECT_EQ(peek.kind, 5);
  const std::string program = Stored("$programs", false);
  ASSERT_TRUE(PeekRecord(program, peek));
  EXPECT_EQ(peek.kind, 80);
}

TEST(RecordPeek, RefusesEveryTruncationInsideAField) {
  const std::string bytes = Stored("acme", true);
  events::v1::EventRecord record;
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::string cut = bytes.substr(0, size);
    RecordPeek peek;
    EXPECT_EQ(PeekRecord(cut, peek), record.ParseFromString(cut)) << size;
  }
}

TEST(RecordFilter, WithoutConditionsPassesEverything) {
  const auto filter = RecordFilter::Make({});
  ASSERT_TRUE(filter.ok());
  EXPECT_TRUE(filter->passes_all());
  EXPECT_TRUE(filter->Passes("any bytes"));
}

TEST(RecordFilter, PassesAnyOfTheKinds) {
  EXPECT_TRUE(Passes(Wanted({5}, {}), Stored("acme", true)));
  EXPECT_TRUE(Passes(Wanted({1, 5}, {}), Stored("acme", true)));
  EXPECT_FALSE(Passes(Wanted({6}, {}), Stored("acme", true)));
}

TEST(RecordFilter, PassesAnyOfThePrefixes) {
  EXPECT_TRUE(Passes(Wanted({}, {"ac"}), Stored("acme", true)));
  EXPECT_TRUE(Passes(Wanted({}, {"x", "acme"}), Stored("acme", true)));
  EXPECT_FALSE(Passes(Wanted({}, {"acme-2"}), Stored("acme", true)));
}

TEST(RecordFilter, NeedsBothKindAndPrefix) {
  EXPECT_TRUE(Passes(Wanted({5}, {"ac"}), Stored("acme", true)));
  EXPECT_FALSE(Passes(Wanted({5}, {"x"}), Stored("acme", true)));
  EXPECT_FALSE(Passes(Wanted({6}, {"ac"}), Stored("acme", true)));
}

TEST(RecordFilter, RefusesUnknownKinds) {
  for (const int kind : {0, 67, 79, 92, 146, 999, -1}) {
    const absl::Status refused = RecordFilter::Make(Wanted({5, kind}, {})).status();
    EXPECT_EQ(ReasonOf(refused), Reason::kInvalidField) << kind;
    ASSERT_EQ(FieldsOf(refused).size(), 1u);
    EXPECT_EQ(FieldsOf(refused)[0].first, "filter.kinds[1]");
  }
}

TEST(RecordFilter, TakesFiftyConditionsOfEachKind) {
  EXPECT_TRUE(RecordFilter::Make(Wanted(std::vector<int>(50, 5), std::vector<std::string>(50, "a"))).ok());
  EXPECT_EQ(FieldsOf(RecordFilter::Make(Wanted(std::vector<int>(51, 5), {})).status()).at(0).first, "filter.kinds");
  EXPECT_EQ(FieldsOf(RecordFilter::Make(Wanted({}, std::vector<std::string>(51, "a"))).status()).at(0).first,
            "filter.account_prefixes");
}

}  // namespace
}  // namespace keyledger::service

// Facts that were not so: which can be retracted, and that a retraction changes nothing but the log.
#include "server/domain/retraction.h"

#include <fmt/format.h>

#include "tests/unit/domain/account_ledger.h"
#include "tests/unit/domain/fact_fields.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;

const Micros kDay1 = At("2026-01-01");

Fact Retracted(uint64_t revision, events::v1::EventKind kind) {
  Fact fact{{}, kDay1};
  auto* retracted = fact.event.mutable_fact_retracted();
  retracted->set_revision(revision);
  retracted->set_kind(kind);
  retracted->set_reason("entered twice");
  return fact;
}

TEST(RetractionShape, IsChecked) {
  Event event;
  event.mutable_fact_retracted();
  EXPECT_EQ(RefusedFields(event), (FieldNames{"kind", "reason"}));
  EXPECT_EQ(RefusedFields(Retracted(0, events::v1::EVENT_KIND_NEED_STATED).event), FieldNames{});
  event = Retracted(0, static_cast<events::v1::EventKind>(99)).event;
  event.mutable_fact_retracted()->set_reason(std::string(513, 'r'));
  EXPECT_EQ(RefusedFields(event), (FieldNames{"kind", "reason"}));
}

TEST(Retraction, IsForFactsThatNothingWasDecidedBy) {
  std::string retractable;
  const auto& kinds = *events::v1::EventKind_descriptor();
  for (int i = 0; i < kinds.value_count(); ++i) {
    if (IsRetractable(static_cast<events::v1::EventKind>(kinds.value(i)->number()))) {
      retractable += fmt::format("{} ", kinds.value(i)->number());
    }
  }
  EXPECT_EQ(retractable, "23 24 25 26 27 30 38 42 43 45 46 112 130 131 132 137 140 141 142 144 ");
}

TEST(Retraction, ChangesNoState) {
  AccountLedger ledger{Head()};
  ASSERT_TRUE(ledger.Submit({AccountLedger::Open(kDay1)}).ok());
  Fact need{{}, kDay1};
  need.event.mutable_need_stated()->set_need_id("n-1");
  need.event.mutable_need_stated()->set_description("40 vans");
  ASSERT_TRUE(ledger.Submit({need}).ok());
  AccountState expected = ledger.state();
  expected.next_revision += 1;
  const auto recorded = ledger.Submit({Retracted(1, events::v1::EVENT_KIND_NEED_STATED)});
  ASSERT_TRUE(recorded.ok()) << recorded.status();
  EXPECT_EQ(AccountLedger::Kinds(*recorded), "fact_retracted");
  EXPECT_TRUE(ledger.state() == expected);
}

TEST(Retraction, OfAPurchaseOrOfWhatIsNotThereIsRefused) {
  AccountLedger ledger{Head()};
  ASSERT_TRUE(ledger.Submit({AccountLedger::Open(kDay1)}).ok());
  const absl::Status refused = ledger.Submit({Retracted(0, events::v1::EVENT_KIND_PURCHASE_RECORDED)}).status();
  EXPECT_EQ(ReasonOf(refused), Reason::kNotRetractable);
  EXPECT_EQ(MetadataOf(refused),
            (std::vector<std::pair<std::string, std::string>>{{"kind", "EVENT_KIND_PURCHASE_RECORDED"}}));
  EXPECT_EQ(ReasonOf(ledger.Submit({Retracted(1, events::v1::EVENT_KIND_NEED_STATED)}).status()),
            Reason::kRecordNotFound)
      << "the retraction itself would be revision 1";
}

}  // namespace
}  // namespace keyledger::domain

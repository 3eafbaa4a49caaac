// Interactions: their shape, what hangs on the moment they occurred at, and limits of how often who may be approached.
#include <fmt/format.h>

#include "tests/unit/domain/conduct_facts.h"
#include "tests/unit/domain/fact_fields.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;

const Micros kDay1 = At("2026-01-01");
const Micros kTenYears = 3'660 * kMicrosPerDay;

Fact Planned(Micros at, Micros start) {
  Fact fact{{}, at};
  auto* planned = fact.event.mutable_interaction_planned();
  planned->set_interaction_id("v-1");
  planned->set_kind(events::v1::INTERACTION_KIND_PHONE);
  planned->add_people("km-7");
  SetTimestamp(planned->mutable_start_time(), start);
  return fact;
}

Fact Made(Micros at, events::v1::InteractionKind kind, const std::vector<std::string>& contacts = {},
          int64_t cost_micros = -1, const std::string& currency = "USD") {
  Fact fact{{}, at};
  auto* made = fact.event.mutable_interaction_made();
  made->set_kind(kind);
  made->add_people("km-7");
  for (const std::string& contact : contacts) made->add_contact_ids(contact);
  if (cost_micros < 0) return fact;
  made->mutable_cost()->set_currency_code(currency);
  made->mutable_cost()->set_micros(cost_micros);
  return fact;
}

Fact Visit(Micros at, Micros due) {
  Fact fact = Made(at, events::v1::INTERACTION_KIND_VISIT);
  auto* made = fact.event.mutable_interaction_made();
  made->set_purpose("annual need");
  made->set_preparation("price list");
  made->set_result("wants 40 in May");
  made->mutable_next_step()->set_what("offer");
  SetTimestamp(made->mutable_next_step()->mutable_due_time(), due);
  return fact;
}

TEST(InteractionShape, OfAPlanIsChecked) {
  Event event;
  auto& planned = *event.mutable_interaction_planned();
  EXPECT_EQ(RefusedFields(event), (FieldNames{"interaction_id", "kind", "start_time", "people"}));
  planned = Planned(kDay1, kDay1).event.interaction_planned();
  EXPECT_EQ(RefusedFields(event), FieldNames{});
  planned.set_interaction_id(std::string(129, 'i'));
  planned.set_preparation(std::string(2'049, 'p'));
  planned.set_purpose(std::string(513, 'p'));
  planned.set_activity_id(std::string(129, 'a'));
  planned.set_opportunity_id(std::string(129, 'o'));
  planned.add_people("km-7");
  planned.add_contact_ids("");
  EXPECT_EQ(RefusedFields(event), (FieldNames{"interaction_id", "people[1]", "contact_ids[0]", "purpose", "preparation",
                                              "activity_id", "opportunity_id"}));
}

TEST(InteractionShape, OfAPlanAsksForThePurposeOfAVisitAndTheNameOfAnActivity) {
  Event event = Planned(kDay1, kDay1).event;
  auto& planned = *event.mutable_interaction_planned();
  for (const auto kind : {events::v1::INTERACTION_KIND_VISIT, events::v1::INTERACTION_KIND_FIRST_VISIT}) {
    planned.set_kind(kind);
    planned.clear_purpose();
    EXPECT_EQ(RefusedFields(event), FieldNames{"purpose"});
    planned.set_purpose(std::string(512, 'p'));
    EXPECT_EQ(RefusedFields(event), FieldNames{});
  }
  planned.set_kind(events::v1::INTERACTION_KIND_ACTIVITY);
  EXPECT_EQ(RefusedFields(event), FieldNames{"activity_id"});
  planned.set_activity_id(std::string(128, 'a'));
  EXPECT_EQ(RefusedFields(event), FieldNames{});
}

TEST(InteractionShape, OfAPlanHasTwentyPeopleAndFiftyContactsAtMost) {
  Event event = Planned(kDay1, kDay1).event;
  auto& planned = *event.mutable_interaction_planned();
  for (int i = 1; i < 20; ++i) planned.add_people(fmt::format("p{}", i));
  for (int i = 0; i < 50; ++i) planned.add_contact_ids(fmt::format("c{}", i));
  EXPECT_EQ(RefusedFields(event), FieldNames{});
  planned.add_people("more");
  planned.add_contact_ids("more");
  EXPECT_EQ(RefusedFields(event), (FieldNames{"people", "contact_ids"}));
}

TEST(InteractionShape, OfOneThatWasMadeIsChecked) {
  Event event;
  auto& made = *event.mutable_interaction_made();
  EXPECT_EQ(RefusedFields(event), (FieldNames{"kind", "people"}));
  made = Made(kDay1, events::v1::INTERACTION_KIND_PHONE, {"li"}, 0).event.interaction_made();
  made.set_our_minutes(1'000'000);
  made.set_account_minutes(1'000'000);
  made.set_late_minutes(100'000);
  made.set_result(std::string(8'192, 'r'));
  EXPECT_EQ(RefusedFields(event), FieldNames{});
  made.set_interaction_id(std::string(129, 'i'));
  made.add_contact_ids("li");
  made.set_result(std::string(8'193, 'r'));
  made.set_interest(static_cast<events::v1::Interest>(4));
  made.mutable_cost()->set_micros(-1);
  made.set_our_minutes(1'000'001);
  made.set_account_minutes(1'000'001);
  made.set_initiator(static_cast<events::v1::Initiator>(3));
  made.set_end_customer(std::string(129, 'e'));
  made.set_late_minutes(100'001);
  EXPECT_EQ(RefusedFields(event),
            (FieldNames{"interaction_id", "contact_ids[1]", "result", "interest", "cost.micros", "our_minutes",
                        "account_minutes", "initiator", "end_customer", "late_minutes"}));
  made = Made(kDay1, events::v1::INTERACTION_KIND_PHONE).event.interaction_made();
  made.add_counts();
  EXPECT_EQ(RefusedFields(event), FieldNames{"counts"}) << "the ledger writes it";
  made = Made(kDay1, events::v1::INTERACTION_KIND_ACTIVITY).event.interaction_made();
  EXPECT_EQ(RefusedFields(event), FieldNames{"activity_id"});
}

TEST(InteractionShape, OfAVisitNeedsWhatItWasForAndWhatCameOfIt) {
  Event event = Visit(kDay1, kDay1 + 1).event;
  EXPECT_EQ(RefusedFields(event), FieldNames{});
  auto& made = *event.mutable_interaction_made();
  made.clear_purpose();
  made.clear_preparation();
  made.clear_result();
  made.clear_next_step();
  EXPECT_EQ(RefusedFields(event), (FieldNames{"purpose", "preparation", "result", "next_step"}));
  made.set_kind(events::v1::INTERACTION_KIND_FIRST_VISIT);
  made.mutable_next_step();
  EXPECT_EQ(RefusedFields(event),
            (FieldNames{"next_step.what", "next_step.due_time", "purpose", "preparation", "result"}));
}

TEST(InteractionShape, OfOneThatWasMissedIsChecked) {
  Event event;
  auto& missed = *event.mutable_interaction_missed();
  EXPECT_EQ(RefusedFields(event), (FieldNames{"interaction_id", "cause"}));
  missed.set_interaction_id("v-1");
  missed.set_cause(events::v1::MISSED_CAUSE_OURS);
  EXPECT_EQ(RefusedFields(event), FieldNames{});
  SetTimestamp(missed.mutable_new_start_time(), kDay1);
  EXPECT_EQ(RefusedFields(event), FieldNames{"new_start_time"}) << "it is not put off";
  missed.set_cause(events::v1::MISSED_CAUSE_POSTPONED);
  EXPECT_EQ(RefusedFields(event), FieldNames{});
  missed.clear_new_start_time();
  missed.set_reason(std::string(513, 'r'));
  EXPECT_EQ(RefusedFields(event), (FieldNames{"reason", "new_start_time"}));
}

TEST(InteractionShape, OfAHandoverIsChecked) {
  Event given;
  given.mutable_handover_given();
  EXPECT_EQ(RefusedFields(given), (FieldNames{"handover_id", "from_person", "to_person", "what"}));
  auto& handed = *given.mutable_handover_given();
  handed.set_handover_id("h-1");
  handed.set_from_person("inside-3");
  handed.set_to_person("km-7");
  handed.set_what("a plan for 40 in May");
  handed.set_need_id(std::string(128, 'n'));
  EXPECT_EQ(RefusedFields(given), FieldNames{});
  handed.mutable_due_time()->set_nanos(1);
  EXPECT_EQ(RefusedFields(given), FieldNames{"due_time"});
  Event acknowledged;
  acknowledged.mutable_handover_acknowledged()->mutable_next_step();
  EXPECT_EQ(RefusedFields(acknowledged), (FieldNames{"handover_id", "person", "next_step.what", "next_step.due_time"}));
}

class Interactions : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(ledger_.Submit({AccountLedger::Open(At("2025-01-01"))}).ok()); }
  // The fields refused of one fact, with their paths; nothing: it is recorded.
  FieldNames Refused(const Fact& fact) {
    const auto recorded = ledger_.Submit({fact});
    FieldNames fields;
    for (const auto& [field, description] : FieldsOf(recorded.status())) fields.push_back(field);
    return fields;
  }
  AccountLedger ledger_{Head()};
};

TEST_F(Interactions, ArePlannedTenYearsAheadAtMost) {
  EXPECT_EQ(Refused(Planned(kDay1, kDay1 + kTenYears + 1)), FieldNames{"events[0].interaction_planned.start_time"});
  EXPECT_EQ(Refused(Planned(kDay1, kDay1 + kTenYears)), FieldNames{});
}

TEST_F(Interactions, HaveANextStepAfterThem) {
  const FieldNames due{"events[0].interaction_made.next_step.due_time"};
  EXPECT_EQ(Refused(Visit(kDay1, kDay1)), due);
  EXPECT_EQ(Refused(Visit(kDay1, kDay1 + 1)), FieldNames{});
  EXPECT_EQ(Refused(Visit(kDay1, kDay1 + kTenYears)), FieldNames{});
  EXPECT_EQ(Refused(Visit(kDay1, kDay1 + kTenYears + 1)), due);
}

TEST_F(Interactions, OfAClosedAccountGoOn) {
  ASSERT_EQ(Refused(AccountLedger::Close(kDay1)), FieldNames{});
  EXPECT_TRUE(ledger_.Submit({Visit(kDay1, kDay1 + 1)}).ok());
}

class InteractionLimit : public ::testing::Test {
 protected:
  static AccountLedger Ledger(const std::string& allowance, const std::string& on_breach = "refuse") {
    AccountLedger ledger(
        Limits("  - {limit_id: samples, on_breach: " + on_breach + ", interactions: {" + allowance + "}}\n"));
    EXPECT_TRUE(ledger.Submit({AccountLedger::Open(At("2025-01-01"))}).ok());
    return ledger;
  }
  // "counter micros_before+micros times_before" of each count of the interaction recorded first.
  static FieldNames Counts(const absl::StatusOr<std::vector<DecidedEvent>>& recorded) {
    EXPECT_TRUE(recorded.ok()) << recorded.status();
    FieldNames counts;
    for (const auto& count : (*recorded)[0].event.interaction_made().counts()) {
      counts.push_back(
          fmt::format("{} {}+{} {}", count.counter(), count.micros_before(), count.micros(), count.times_before()));
    }
    return counts;
  }
};

TEST_F(InteractionLimit, RefusesTheSecondSampleOfAMonth) {
  AccountLedger ledger = Ledger("names: [sample], period: month, max_times: 1");
  EXPECT_EQ(Counts(ledger.Submit({Made(At("2026-01-31"), events::v1::INTERACTION_KIND_SAMPLE)})),
            FieldNames{"test/limits.samples/month 0+0 0"});
  EXPECT_EQ(Counts(ledger.Submit({Made(At("2026-01-31"), events::v1::INTERACTION_KIND_MAIL)})), FieldNames{})
      << "of another kind";
  const auto second = ledger.Submit({Made(At("2026-01-31"), events::v1::INTERACTION_KIND_SAMPLE)});
  EXPECT_EQ(Verdict(second),
            "exceeded rule=limits.samples;program=test version 1;limit=1;requested=1;used=1;"
            "opens_time=2026-02-01T00:00:00Z;");
  EXPECT_TRUE(MessageOf(second.status()).find("the account may be approached 1 times in a month, and has been 1") !=
              std::string::npos)
      << second.status();
  EXPECT_EQ(Verdict(ledger.Submit({Made(At("2026-02-01"), events::v1::INTERACTION_KIND_SAMPLE)})), "ok");
}

TEST_F(InteractionLimit, CountsEachContactNamed) {
  AccountLedger ledger = Ledger("scope: contact, period: month, max_times: 2");
  EXPECT_EQ(Counts(ledger.Submit({Made(kDay1, events::v1::INTERACTION_KIND_PHONE, {"li", "wang"}, 5 * kUnit)})),
            (FieldNames{"test/limits.samples/li/month 0+5000000 0", "test/limits.samples/wang/month 0+5000000 0"}));
  EXPECT_EQ(Counts(ledger.Submit({Made(kDay1, events::v1::INTERACTION_KIND_PHONE, {"li"})})),
            FieldNames{"test/limits.samples/li/month 5000000+0 1"});
  EXPECT_EQ(ReasonOf(ledger.Submit({Made(kDay1, events::v1::INTERACTION_KIND_PHONE, {"wang", "li"})}).status()),
            Reason::kLimitExceeded);
  EXPECT_EQ(Counts(ledger.Submit({Made(kDay1, events::v1::INTERACTION_KIND_PHONE, {"wang"})})),
            FieldNames{"test/limits.samples/wang/month 5000000+0 1"})
      << "what was refused is not counted";
  const auto nobody = ledger.Submit({Made(kDay1, events::v1::INTERACTION_KIND_PHONE)});
  ASSERT_EQ(FieldsOf(nobody.status()).size(), 1u);
  EXPECT_EQ(FieldsOf(nobody.status())[0].first, "events[0].interaction_made.contact_ids");
}

TEST_F(InteractionLimit, HoldsCostsAgainstAMaximumOfMoney) {
  AccountLedger ledger = Ledger("period: year, max_micros: 10000000");
  EXPECT_EQ(Verdict(ledger.Submit({Made(kDay1, events::v1::INTERACTION_KIND_VISIT)})), "1 ") << "a visit needs more";
  EXPECT_EQ(Counts(ledger.Submit({Made(kDay1, events::v1::INTERACTION_KIND_PHONE)})),
            FieldNames{"test/limits.samples/year 0+0 0"})
      << "what states no cost costs nothing, in any currency";
  EXPECT_EQ(Verdict(ledger.Submit({Made(kDay1, events::v1::INTERACTION_KIND_PHONE, {}, 10 * kUnit)})), "ok");
  EXPECT_EQ(Verdict(ledger.Submit({Made(kDay1, events::v1::INTERACTION_KIND_PHONE, {}, 1)})),
            "exceeded rule=limits.samples;program=test version 1;limit=10000000;requested=1;used=10000000;"
            "opens_time=2027-01-01T00:00:00Z;");
}

TEST_F(InteractionLimit, FlagsWhatGoesBeyondWhereItDoesNotRefuse) {
  AccountLedger ledger = Ledger("names: [greeting], period: month, max_times: 1", "flag");
  EXPECT_EQ(FlagsOf(ledger.Submit({Made(kDay1, events::v1::INTERACTION_KIND_GREETING)})), FieldNames{});
  EXPECT_EQ(FlagsOf(ledger.Submit({Made(kDay1, events::v1::INTERACTION_KIND_GREETING)})),
            FieldNames{"samples LIMIT_MEASURE_TIMES 2>1 of 2 from 2026-01-01T00:00:00Z"});
}

TEST_F(InteractionLimit, CanProhibitAKind) {
  AccountLedger ledger = Ledger("names: [message], prohibited: true");
  EXPECT_EQ(Verdict(ledger.Submit({Made(kDay1, events::v1::INTERACTION_KIND_MESSAGE)})),
            "exceeded rule=limits.samples;program=test version 1;limit=0;requested=1;");
  EXPECT_EQ(Verdict(ledger.Submit({Made(kDay1, events::v1::INTERACTION_KIND_MAIL)})), "ok");
}

TEST_F(InteractionLimit, CountsWhatTheStateKeeps) {
  AccountLedger ledger = Ledger("period: month, max_times: 5");
  ASSERT_TRUE(ledger.Submit({Made(kDay1, events::v1::INTERACTION_KIND_PHONE)}).ok());
  const auto decoded = DecodeState(EncodeState(ledger.state()));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->counts.at({"test/limits.samples/month", kDay1}), (PeriodCount{0, 1}));
}

Fact Accrued(Micros at, const std::string& id, int64_t micros) {
  Fact fact{{}, at};
  auto* accrued = fact.event.mutable_commission_accrued();
  accrued->set_commission_id(id);
  accrued->set_contact_id("li");
  accrued->mutable_amount()->set_currency_code("USD");
  accrued->mutable_amount()->set_micros(micros);
  return fact;
}

TEST(CommissionLimit, CountsWhatAccruesAndNotAgainWhatIsPaidOfIt) {
  AccountLedger ledger(
      Limits("  - {limit_id: commissions, commissions: {scope: contact, period: year, max_micros: 10000000}}\n"));
  ASSERT_TRUE(ledger.Submit({AccountLedger::Open(At("2025-01-01"))}).ok());
  const auto accrued = ledger.Submit({Accrued(kDay1, "c-1", 8 * kUnit)});
  ASSERT_TRUE(accrued.ok()) << accrued.status();
  const auto& counts = (*accrued)[0].event.commission_accrued().counts();
  ASSERT_EQ(counts.size(), 1);
  EXPECT_EQ(counts[0].counter(), "test/limits.commissions/li/year");
  EXPECT_EQ(counts[0].micros(), 8 * kUnit);
  EXPECT_EQ(ReasonOf(ledger.Submit({Accrued(kDay1, "c-2", 3 * kUnit)}).status()), Reason::kLimitExceeded);
  EXPECT_EQ(ReasonOf(ledger.Submit({Commission(kDay1, 3 * kUnit)}).status()), Reason::kLimitExceeded)
      << "one that is paid at once is held against the same";
  Fact paid = Commission(kDay1, 8 * kUnit);
  paid.event.mutable_commission_paid()->set_commission_id("c-1");
  const auto recorded = ledger.Submit({paid});
  ASSERT_TRUE(recorded.ok()) << recorded.status();
  EXPECT_EQ((*recorded)[0].event.commission_paid().counts_size(), 0);
  EXPECT_EQ(Verdict(ledger.Submit({Commission(kDay1, 2 * kUnit)})), "ok") << "8 of 10 are counted";
}

}  // namespace
}  // namespace keyledger::domain

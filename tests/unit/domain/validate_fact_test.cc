// The shape of submitted events.
#include <fmt/format.h>

#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using L = AccountLedger;
using events::v1::Event;

const Micros kDay1 = At("2024-01-01");

std::vector<std::string> Fields(const Event& event) {
  const absl::Status status = ValidateFact(event, "events[3]");
  EXPECT_TRUE(status.ok() || ReasonOf(status) == Reason::kInvalidField) << status;
  std::vector<std::string> fields;
  for (const auto& [field, description] : FieldsOf(status)) fields.push_back(field);
  return fields;
}

using Paths = std::vector<std::string>;

TEST(EventShape, NeedsAPayload) {
  const absl::Status status = ValidateFact(Event(), "events[0]");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), Reason::kUnknownEvent);
  Event newer;
  newer.GetReflection()->MutableUnknownFields(&newer)->AddLengthDelimited(40, "");
  EXPECT_EQ(ReasonOf(ValidateFact(newer, "events[0]")), Reason::kUnknownEvent);
}

TEST(EventShape, RefusesDecisions) {
  std::vector<Event> events(6);
  events[0].mutable_points_accrued();
  events[1].mutable_points_activated();
  events[2].mutable_points_reversed();
  events[3].mutable_points_expired();
  events[4].mutable_tier_assigned();
  events[5].mutable_program_published();
  for (const Event& event : events) {
    const absl::Status status = ValidateFact(event, "events[0]");
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(ReasonOf(status), Reason::kDecisionNotAccepted);
  }
}

TEST(EventShape, RefusesUnknownFieldsWhereverTheyAre) {
  Event event = L::Buy(kDay1, {{kUnit}, {kUnit}}).event;
  auto* amount = event.mutable_purchase_recorded()->mutable_lines(1)->mutable_amount();
  amount->GetReflection()->MutableUnknownFields(amount)->AddVarint(9, 1);
  const absl::Status status = ValidateFact(event, "events[3]");
  ASSERT_EQ(FieldsOf(status).size(), 1u);
  EXPECT_EQ(FieldsOf(status)[0].first, "events[3].purchase_recorded.lines[1].amount");
  EXPECT_NE(FieldsOf(status)[0].second.find("9"), std::string::npos);
}

TEST(EventShape, OfReservationsIsChecked) {
  Event reserved;
  reserved.mutable_points_reserved()->add_allocations();
  reserved.mutable_points_reserved()->add_counts();
  const std::string at = "events[3].points_reserved.";
  EXPECT_EQ(FieldsOf(ValidateFact(reserved, "events[3]")).size(), 5u)
      << "id, points, hold_until and two of the ledger's";
  reserved.mutable_points_reserved()->Clear();
  reserved.mutable_points_reserved()->set_reservation_id(std::string(128, 'r'));
  reserved.mutable_points_reserved()->set_points(1'000'000'000'000);
  reserved.mutable_points_reserved()->mutable_hold_until()->set_seconds(1);
  EXPECT_TRUE(ValidateFact(reserved, "events[3]").ok());
  reserved.mutable_points_reserved()->set_reservation_id(std::string(129, 'r'));
  reserved.mutable_points_reserved()->set_points(1'000'000'000'001);
  const auto fields = FieldsOf(ValidateFact(reserved, "events[3]"));
  ASSERT_EQ(fields.size(), 2u);
  EXPECT_EQ(fields[0].first, at + "reservation_id");
  EXPECT_EQ(fields[1].first, at + "points");
  Event captured;
  captured.mutable_reservation_captured()->set_points(0);
  captured.mutable_reservation_captured()->add_released();
  EXPECT_EQ(FieldsOf(ValidateFact(captured, "events[3]")).size(), 3u);
  Event released;
  released.mutable_reservation_released()->add_allocations();
  EXPECT_EQ(FieldsOf(ValidateFact(released, "events[3]")).size(), 2u);
}

TEST(EventShape, OfTransfersIsChecked) {
  Event sent;
  sent.mutable_points_transfer_sent()->add_allocations();
  sent.mutable_points_transfer_sent()->add_counts();
  EXPECT_EQ(FieldsOf(ValidateFact(sent, "events[3]")).size(), 5u) << "id, receiver, points and two of the ledger's";
  sent = L::Send(kDay1, std::string(128, 't'), 1'000'000'000'000, std::string(128, 'a')).event;
  sent.mutable_points_transfer_sent()->set_reason(std::string(512, 'r'));
  EXPECT_TRUE(ValidateFact(sent, "events[3]").ok());
  sent = L::Send(kDay1, std::string(129, 't'), 1'000'000'000'001, std::string(129, 'a')).event;
  sent.mutable_points_transfer_sent()->set_reason(std::string(513, 'r'));
  EXPECT_EQ(FieldsOf(ValidateFact(sent, "events[3]")).size(), 4u);
  sent = L::Send(kDay1, "t", 1, "$programs").event;
  const auto fields = FieldsOf(ValidateFact(sent, "events[3]"));
  ASSERT_EQ(fields.size(), 1u);
  EXPECT_EQ(fields[0].first, "events[3].points_transfer_sent.to_account_id");
  Event received;
  received.mutable_points_transfer_received()->set_points(1);
  EXPECT_EQ(ReasonOf(ValidateFact(received, "events[3]")), Reason::kDecisionNotAccepted);
}

TEST(EventShape, OfPurchasesPaidWithPointsIsChecked) {
  Event event = L::Buy(kDay1, {{kUnit}}).event;
  auto* line = event.mutable_purchase_recorded()->mutable_lines(0);
  line->set_points_paid(1'000'000'000'000);
  EXPECT_TRUE(ValidateFact(event, "events[3]").ok());
  line->set_points_paid(-1);
  line->add_points_allocations();
  event.mutable_purchase_recorded()->add_counts();
  EXPECT_EQ(FieldsOf(ValidateFact(event, "events[3]")).size(), 3u);
}

TEST(EventShape, ReportsEveryViolationAtOnce) {
  Event event;
  auto* purchase = event.mutable_purchase_recorded();
  purchase->set_invoice_number("i1");
  purchase->set_region("/x");
  purchase->set_sale_mode(static_cast<events::v1::SaleMode>(17));
  auto* line = purchase->add_lines();
  line->set_sku(std::string(65, 's'));
  line->set_quantity(0);
  line = purchase->add_lines();
  line->set_quantity(1);
  line->mutable_amount()->set_currency_code("usd");
  line->mutable_amount()->set_micros(-1);
  line = purchase->add_lines();
  line->set_quantity(1'000'000'001);
  line->mutable_amount()->set_currency_code("USD");
  line->mutable_amount()->set_micros(9'000'000'000'000'001);
  line->mutable_cost()->set_currency_code("EUR");
  const std::string p = "events[3].purchase_recorded.";
  EXPECT_EQ(Fields(event),
            (Paths{p + "merchant_id", p + "region", p + "sale_mode", p + "lines[0].sku", p + "lines[0].quantity",
                   p + "lines[0].amount", p + "lines[1].amount.currency_code", p + "lines[1].amount.micros",
                   p + "lines[2].quantity", p + "lines[2].amount.micros", p + "lines[2].cost.currency_code"}));
}

TEST(EventShape, ReportsNoMoreViolationsThanAStatusShouldHoldAndCountsTheRest) {
  Event event;
  for (int i = 0; i < 500; ++i) event.mutable_purchase_recorded()->add_lines();
  const absl::Status status = ValidateFact(event, "events[3]");
  EXPECT_EQ(FieldsOf(status).size(), 32u);
  EXPECT_NE(MessageOf(status).find("(and 999 more)"), std::string::npos) << status;
}

TEST(EventShape, LooksNoFurtherIntoAListThatIsTooLong) {
  Event event;
  for (int i = 0; i < 200'000; ++i) event.mutable_purchase_recorded()->add_lines();
  EXPECT_EQ(Fields(event), Paths{"events[3].purchase_recorded.lines"});
  for (int i = 0; i < 200'000; ++i) event.mutable_purchase_returned()->add_lines();
  EXPECT_EQ(Fields(event), Paths{"events[3].purchase_returned.lines"});
  for (int i = 0; i < 200'000; ++i) event.mutable_account_opened()->add_facts();
  EXPECT_EQ(Fields(event), Paths{"events[3].account_opened.facts"});
  for (int i = 0; i < 200'000; ++i) event.mutable_account_facts_updated()->add_removed_keys();
  EXPECT_EQ(Fields(event), Paths{"events[3].account_facts_updated.removed_keys"});
}

TEST(EventShape, NamesTheFirstUnknownFieldsOnly) {
  Event event = L::Buy(kDay1, {{kUnit}}).event;
  auto* unknown = event.GetReflection()->MutableUnknownFields(&event);
  for (int i = 0; i < 200'000; ++i) unknown->AddVarint(90, 1);
  EXPECT_EQ(Fields(event), Paths(8, "events[3]"));
}

TEST(EventShape, AcceptsTheLargestThatIsAllowed) {
  Event event;
  auto* purchase = event.mutable_purchase_recorded();
  purchase->set_merchant_id(std::string(64, 'm'));
  purchase->set_invoice_number(std::string(64, 'i'));
  for (int i = 0; i < 500; ++i) {
    auto* line = purchase->add_lines();
    line->set_quantity(1'000'000'000);
    line->mutable_amount()->set_currency_code("USD");
    line->mutable_amount()->set_micros(9'000'000'000'000'000);
  }
  EXPECT_EQ(Fields(event), Paths{});
  *purchase->add_lines() = purchase->lines(0);
  EXPECT_EQ(Fields(event), Paths{"events[3].purchase_recorded.lines"});
  purchase->clear_lines();
  EXPECT_EQ(Fields(event), Paths{"events[3].purchase_recorded.lines"});
}

TEST(EventShape, RefusesFieldsThatOnlyTheLedgerSets) {
  Event event = L::Return(kDay1, {{kUnit}}).event;
  event.mutable_purchase_returned()->set_purchase_revision(0);
  EXPECT_EQ(Fields(event), Paths{"events[3].purchase_returned.purchase_revision"});
  event = L::Redeem(kDay1, 1).event;
  event.mutable_points_redeemed()->add_allocations();
  EXPECT_EQ(Fields(event), Paths{"events[3].points_redeemed.allocations"});
  event = L::Adjust(kDay1, -1).event;
  event.mutable_points_adjusted()->add_allocations();
  EXPECT_EQ(Fields(event), Paths{"events[3].points_adjusted.allocations"});
}

TEST(EventShape, HoldsTheLimitsOfPoints) {
  EXPECT_EQ(Fields(L::Redeem(kDay1, 0).event).size(), 1u);
  EXPECT_EQ(Fields(L::Redeem(kDay1, 1).event).size(), 0u);
  EXPECT_EQ(Fields(L::Redeem(kDay1, 1'000'000'000'000).event).size(), 0u);
  EXPECT_EQ(Fields(L::Redeem(kDay1, 1'000'000'000'001).event).size(), 1u);
  EXPECT_EQ(Fields(L::Adjust(kDay1, 0).event).size(), 1u);
  EXPECT_EQ(Fields(L::Adjust(kDay1, -1'000'000'000'000).event).size(), 0u);
  EXPECT_EQ(Fields(L::Adjust(kDay1, -1'000'000'000'001).event).size(), 1u);
  EXPECT_EQ(Fields(L::Adjust(kDay1, std::numeric_limits<int64_t>::min()).event).size(), 1u);
  EXPECT_EQ(Fields(L::Adjust(kDay1, -1, kDay1).event), Paths{"events[3].points_adjusted.expire_time"});
  Event event = L::Adjust(kDay1, 1, kDay1).event;
  event.mutable_points_adjusted()->mutable_expire_time()->set_nanos(1);
  EXPECT_EQ(Fields(event), Paths{"events[3].points_adjusted.expire_time"});
  event.mutable_points_adjusted()->clear_expire_time();
  event.mutable_points_adjusted()->clear_reason();
  EXPECT_EQ(Fields(event), Paths{"events[3].points_adjusted.reason"});
}

TEST(EventShape, ChecksReturns) {
  Event event = L::Return(kDay1, {{kUnit}}).event;
  event.mutable_purchase_returned()->set_return_number("c1");
  event.mutable_purchase_returned()->mutable_lines(0)->set_line_number(501);
  event.mutable_purchase_returned()->add_lines()->set_quantity(1);
  const std::string p = "events[3].purchase_returned.";
  EXPECT_EQ(Fields(event), (Paths{p + "merchant_id", p + "lines[0].line_number", p + "lines[1].amount"}));
}

TEST(EventShape, ChecksWhatIsSaidOfAccounts) {
  Event event;
  auto* opened = event.mutable_account_opened();
  opened->set_display_name(std::string(257, 'x'));
  opened->set_segment(std::string(65, 'x'));
  opened->set_owner("a\nb");
  for (const char* key : {"ok", "ok", "Not"}) {
    auto* fact = opened->add_facts();
    fact->set_key(key);
    fact->set_value("v");
  }
  opened->add_facts()->set_key("empty");
  const std::string p = "events[3].account_opened.";
  EXPECT_EQ(Fields(event), (Paths{p + "display_name", p + "segment", p + "owner", p + "facts[1].key",
                                  p + "facts[2].key", p + "facts[3].value"}));
  event.mutable_account_facts_updated();
  EXPECT_EQ(Fields(event), Paths{"events[3].account_facts_updated"});
  event.mutable_account_facts_updated()->set_region("");
  EXPECT_EQ(Fields(event), Paths{}) << "an empty region removes it";
  event.mutable_account_facts_updated()->add_removed_keys("a");
  event.mutable_account_facts_updated()->add_removed_keys("a");
  EXPECT_EQ(Fields(event), Paths{"events[3].account_facts_updated.removed_keys[1]"});
  event.mutable_account_closed();
  EXPECT_EQ(Fields(event), Paths{"events[3].account_closed.reason"});
  event.mutable_account_reopened()->set_reason(std::string(513, 'x'));
  EXPECT_EQ(Fields(event), Paths{"events[3].account_reopened.reason"});
}

TEST(EventShape, BoundsCustomPayloads) {
  Event event;
  event.mutable_custom_event()->set_data(std::string(64 * 1024, 'x'));
  EXPECT_EQ(Fields(event), Paths{"events[3].custom_event.type"});
  event.mutable_custom_event()->set_type("com.example.visit");
  EXPECT_EQ(Fields(event), Paths{});
  event.mutable_custom_event()->mutable_data()->push_back('x');
  const absl::Status status = ValidateFact(event, "events[3]");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(status), Reason::kPayloadTooLarge);
}

// A contact with nothing wrong, and its details.
Event Contact() {
  Event event;
  auto& recorded = *event.mutable_contact_recorded();
  recorded.set_contact_id("c-1");
  recorded.mutable_person()->set_subject_id("s-1");
  recorded.mutable_person()->mutable_details()->set_name("Grace Hopper");
  return event;
}

TEST(ContactShape, NeedsAContactASubjectAndAContent) {
  EXPECT_EQ(Fields(Contact()), Paths{});
  const std::string p = "events[3].contact_recorded.";
  Event event;
  event.mutable_contact_recorded();
  EXPECT_EQ(Fields(event), (Paths{p + "contact_id", p + "person"}));
  event.mutable_contact_recorded()->mutable_person();
  event.mutable_contact_recorded()->add_related();
  EXPECT_EQ(Fields(event), (Paths{p + "contact_id", p + "person.subject_id", p + "person", p + "related[0].relation",
                                  p + "related[0].person"}));
  event = Contact();
  event.mutable_contact_recorded()->mutable_person()->mutable_details()->Clear();
  EXPECT_EQ(Fields(event), Paths{p + "person.details"});
  event = Contact();
  event.mutable_contact_recorded()->set_contact_id(std::string(128, 'c'));
  EXPECT_EQ(Fields(event), Paths{});
  event.mutable_contact_recorded()->set_contact_id(std::string(129, 'c'));
  EXPECT_EQ(Fields(event), Paths{p + "contact_id"});
}

TEST(ContactShape, TakesSubjectIdsThatNameThingsOnly) {
  for (const std::string& id : {std::string("s-1"), std::string("a.b_c:d@e-F9"), std::string(128, 's')}) {
    Event event = Contact();
    event.mutable_contact_recorded()->mutable_person()->set_subject_id(id);
    EXPECT_EQ(Fields(event), Paths{}) << id;
  }
  for (const std::string& id : {std::string("a b"), std::string("a/b"), std::string("\xc3\xa9"), std::string("a\n"),
                                std::string("a\0", 2), std::string(129, 's')}) {
    Event event = Contact();
    event.mutable_contact_recorded()->mutable_person()->set_subject_id(id);
    EXPECT_EQ(Fields(event), Paths{"events[3].contact_recorded.person.subject_id"}) << id;
  }
}

TEST(ContactShape, TakesUpTo32RelatedPeopleEachASubjectOfItsOwn) {
  Event event = Contact();
  const auto add = [&event](const std::string& subject) {
    auto& related = *event.mutable_contact_recorded()->add_related();
    related.set_relation("daughter");
    related.mutable_person()->set_subject_id(subject);
    related.mutable_person()->set_data("x");
  };
  for (int i = 0; i < 32; ++i) add(fmt::format("r-{}", i));
  EXPECT_EQ(Fields(event), Paths{});
  add("r-32");
  EXPECT_EQ(Fields(event), Paths{"events[3].contact_recorded.related"});
  event = Contact();
  add("r-1");
  add("s-1");
  add("r-1");
  EXPECT_EQ(Fields(event), (Paths{"events[3].contact_recorded.related[1].person.subject_id",
                                  "events[3].contact_recorded.related[2].person.subject_id"}));
  event = Contact();
  add("r-1");
  auto& relation = *event.mutable_contact_recorded()->mutable_related(0)->mutable_relation();
  relation = std::string(64, 'r');
  EXPECT_EQ(Fields(event), Paths{});
  relation = std::string(65, 'r');
  EXPECT_EQ(Fields(event), Paths{"events[3].contact_recorded.related[0].relation"});
}

TEST(ContactShape, BoundsEveryDetail) {
  Event event = Contact();
  auto& details = *event.mutable_contact_recorded()->mutable_person()->mutable_details();
  const std::string p = "events[3].contact_recorded.person.details.";
  const auto fill = [&details](size_t more) {
    details.set_name(std::string(256 + more, 'n'));
    details.set_post(std::string(128 + more, 'p'));
    details.set_note(std::string(8192 + more, 'n'));
    details.add_habits(std::string(256 + more, 'h'));
    details.add_phones(std::string(64 + more, '1'));
    details.add_emails(std::string(254 + more, 'e'));
    auto& fact = *details.add_facts();
    fact.set_key(std::string(64 + more, 'k'));
    fact.set_value(std::string(1024 + more, 'v'));
  };
  fill(0);
  EXPECT_EQ(Fields(event), Paths{});
  details.Clear();
  fill(1);
  EXPECT_EQ(Fields(event), (Paths{p + "name", p + "habits[0]", p + "post", p + "phones[0]", p + "emails[0]",
                                  p + "facts[0].key", p + "facts[0].value", p + "note"}));
  details.Clear();
  details.add_habits();
  details.add_phones();
  details.add_emails();
  details.add_facts();
  EXPECT_EQ(Fields(event),
            (Paths{p + "habits[0]", p + "phones[0]", p + "emails[0]", p + "facts[0].key", p + "facts[0].value"}));
}

TEST(ContactShape, CountsEveryList) {
  Event event = Contact();
  auto& details = *event.mutable_contact_recorded()->mutable_person()->mutable_details();
  const std::string p = "events[3].contact_recorded.person.details.";
  for (int i = 0; i < 64; ++i) {
    auto& day = *details.add_important_days();
    day.set_name("day");
    day.set_month(1);
    day.set_day(1);
    details.add_habits("golf");
    auto& fact = *details.add_facts();
    fact.set_key(fmt::format("key_{}", i));
    fact.set_value("v");
  }
  for (int i = 0; i < 16; ++i) {
    details.add_phones("+86 21");
    details.add_emails("a@example.org");
  }
  for (const auto role : {events::v1::CONTACT_ROLE_SPONSOR, events::v1::CONTACT_ROLE_ANTI_SPONSOR,
                          events::v1::CONTACT_ROLE_COACH, events::v1::CONTACT_ROLE_KEY_PLAYER}) {
    details.add_roles(role);
  }
  EXPECT_EQ(Fields(event), Paths{});
  details.add_important_days();
  details.add_habits("golf");
  details.add_facts();
  details.add_phones("+86 21");
  details.add_emails("a@example.org");
  for (int i = 0; i < 5; ++i) details.add_roles(events::v1::CONTACT_ROLE_COACH);
  EXPECT_EQ(Fields(event),
            (Paths{p + "important_days", p + "habits", p + "roles", p + "phones", p + "emails", p + "facts"}));
}

TEST(ContactShape, KnowsRolesAndFactsOnce) {
  Event event = Contact();
  auto& details = *event.mutable_contact_recorded()->mutable_person()->mutable_details();
  const std::string p = "events[3].contact_recorded.person.details.";
  details.add_roles(events::v1::CONTACT_ROLE_COACH);
  details.add_roles(events::v1::CONTACT_ROLE_COACH);
  details.add_roles(events::v1::CONTACT_ROLE_UNSPECIFIED);
  details.add_roles(static_cast<events::v1::ContactRole>(99));
  for (const char* key : {"dog", "dog", "Dog"}) {
    auto& fact = *details.add_facts();
    fact.set_key(key);
    fact.set_value("rex");
  }
  EXPECT_EQ(Fields(event),
            (Paths{p + "roles[1]", p + "roles[2]", p + "roles[3]", p + "facts[1].key", p + "facts[2].key"}));
}

TEST(ContactShape, TakesDaysThatExist) {
  const auto fields = [](uint32_t year, uint32_t month, uint32_t day) {
    Event event = Contact();
    auto& birthday = *event.mutable_contact_recorded()->mutable_person()->mutable_details()->mutable_birthday();
    birthday.set_year(year);
    birthday.set_month(month);
    birthday.set_day(day);
    return Fields(event);
  };
  const std::string p = "events[3].contact_recorded.person.details.birthday.";
  EXPECT_EQ(fields(0, 2, 29), Paths{});
  EXPECT_EQ(fields(2024, 2, 29), Paths{});
  EXPECT_EQ(fields(1900, 2, 29), Paths{p + "day"});
  EXPECT_EQ(fields(2023, 2, 29), Paths{p + "day"});
  EXPECT_EQ(fields(0, 2, 30), Paths{p + "day"});
  EXPECT_EQ(fields(1, 1, 1), Paths{});
  EXPECT_EQ(fields(9999, 12, 31), Paths{});
  EXPECT_EQ(fields(10000, 12, 31), Paths{p + "year"});
  EXPECT_EQ(fields(1970, 4, 30), Paths{});
  EXPECT_EQ(fields(1970, 4, 31), Paths{p + "day"});
  EXPECT_EQ(fields(1970, 0, 1), Paths{p + "month"});
  EXPECT_EQ(fields(1970, 13, 1), Paths{p + "month"});
  EXPECT_EQ(fields(1970, 1, 0), Paths{p + "day"});
  EXPECT_EQ(fields(1970, 1, 32), Paths{p + "day"});
  EXPECT_EQ(fields(4294967295, 4294967295, 4294967295), (Paths{p + "year", p + "month", p + "day"}));
  // Other days need a name; a birthday has one.
  Event event = Contact();
  auto& day = *event.mutable_contact_recorded()->mutable_person()->mutable_details()->add_important_days();
  day.set_month(6);
  day.set_day(1);
  EXPECT_EQ(Fields(event), Paths{"events[3].contact_recorded.person.details.important_days[0].name"});
  day.set_name(std::string(128, 'd'));
  EXPECT_EQ(Fields(event), Paths{});
  day.set_name(std::string(129, 'd'));
  EXPECT_EQ(Fields(event), Paths{"events[3].contact_recorded.person.details.important_days[0].name"});
}

TEST(ContactShape, RefusesWhatTheLedgerWrites) {
  Event event = Contact();
  event.mutable_contact_recorded()->mutable_person()->mutable_sealed();
  EXPECT_EQ(Fields(event), Paths{"events[3].contact_recorded.person.sealed"});
  // In the place of a content it is no content either.
  event.mutable_contact_recorded()->mutable_person()->clear_content();
  EXPECT_EQ(Fields(event), (Paths{"events[3].contact_recorded.person.sealed", "events[3].contact_recorded.person"}));
}

TEST(ContactShape, OfRemovalsIsChecked) {
  Event event;
  event.mutable_contact_removed();
  EXPECT_EQ(Fields(event), (Paths{"events[3].contact_removed.contact_id", "events[3].contact_removed.reason"}));
  event.mutable_contact_removed()->set_contact_id(std::string(128, 'c'));
  event.mutable_contact_removed()->set_reason(std::string(512, 'r'));
  EXPECT_EQ(Fields(event), Paths{});
  event.mutable_contact_removed()->set_contact_id(std::string(129, 'c'));
  event.mutable_contact_removed()->set_reason(std::string(513, 'r'));
  EXPECT_EQ(Fields(event), (Paths{"events[3].contact_removed.contact_id", "events[3].contact_removed.reason"}));
}

TEST(CustomEventShape, BoundsWhatIsAboutPeople) {
  Event event;
  event.mutable_custom_event()->set_type("com.example.visit");
  const auto add = [&event](const std::string& subject, size_t bytes) {
    auto& person = *event.mutable_custom_event()->add_personal();
    person.set_subject_id(subject);
    person.set_data(std::string(bytes, 'x'));
  };
  for (int i = 0; i < 32; ++i) add(fmt::format("s-{}", i), i == 0 ? 32'768 : 1);
  EXPECT_EQ(Fields(event), Paths{});
  add("s-32", 1);
  EXPECT_EQ(Fields(event), Paths{"events[3].custom_event.personal"});
  event.mutable_custom_event()->clear_personal();
  add("s-1", 32'769);
  add("s-1", 0);
  event.mutable_custom_event()->add_personal()->set_subject_id("s-2");
  EXPECT_EQ(Fields(event),
            (Paths{"events[3].custom_event.personal[0].data", "events[3].custom_event.personal[1].subject_id",
                   "events[3].custom_event.personal[1].data", "events[3].custom_event.personal[2]"}));
}

TEST(Contacts, AreRecordedOfOpenAndOfClosedAccountsAndChangeNothingElse) {
  L ledger(Head());
  EXPECT_EQ(ReasonOf(ledger.Submit({{Contact(), kDay1}}).status()), Reason::kAccountNotFound);
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1)}).ok());
  ASSERT_TRUE(ledger.Submit({{Contact(), kDay1}}).ok());
  Event closed;
  closed.mutable_account_closed()->set_reason("moved away");
  Event removed;
  removed.mutable_contact_removed()->set_contact_id("never known");
  removed.mutable_contact_removed()->set_reason("tidying up");
  ASSERT_TRUE(ledger.Submit({{closed, kDay1}}).ok());
  const auto recorded = ledger.Submit({{Contact(), kDay1}, {removed, kDay1}});
  ASSERT_TRUE(recorded.ok()) << recorded.status();
  EXPECT_EQ(recorded->size(), 2u);
  EXPECT_EQ(ledger.state().next_revision, 5u);
  EXPECT_EQ(ledger.state().lifecycle, Lifecycle::kClosed);
}

}  // namespace
}  // namespace keyledger::domain

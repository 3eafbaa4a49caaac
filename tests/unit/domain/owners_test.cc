// Who is responsible for an account: the shape of the facts, what is refused, and who has which role afterwards.
#include <fmt/format.h>

#include "server/domain/explain_standing.h"
#include "server/domain/review.h"
#include "tests/unit/domain/account_ledger.h"
#include "tests/unit/domain/fact_fields.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;
using Roles = std::map<std::pair<std::string, std::string>, RoleHeld>;
using Metadata = std::vector<std::pair<std::string, std::string>>;

const Micros kDay1 = At("2026-01-01");
const Micros kDay2 = At("2026-01-02");
const Micros kDay3 = At("2026-01-03");

Fact Assigned(Micros at, const std::string& role, const std::string& person, uint32_t rank = 0) {
  Fact fact{{}, at};
  fact.event.mutable_owner_assigned()->set_role(role);
  fact.event.mutable_owner_assigned()->set_person(person);
  fact.event.mutable_owner_assigned()->set_rank(rank);
  return fact;
}

Fact Released(Micros at, const std::string& role, const std::string& person) {
  Fact fact{{}, at};
  fact.event.mutable_owner_released()->set_role(role);
  fact.event.mutable_owner_released()->set_person(person);
  fact.event.mutable_owner_released()->set_reason(events::v1::OWNER_CHANGE_REASON_REQUESTED);
  return fact;
}

Fact Transferred(Micros at, const std::string& from, const std::string& to, const std::string& role = "") {
  Fact fact{{}, at};
  auto* transferred = fact.event.mutable_owner_transferred();
  transferred->set_from_person(from);
  transferred->set_to_person(to);
  transferred->set_role(role);
  transferred->set_reason(events::v1::OWNER_CHANGE_REASON_DEPARTED);
  return fact;
}

TEST(OwnerShape, IsChecked) {
  Event assigned;
  assigned.mutable_owner_assigned();
  EXPECT_EQ(RefusedFields(assigned), (FieldNames{"role", "person"}));
  assigned = Assigned(kDay1, "engineer", std::string(128, 'p'), 9).event;
  assigned.mutable_owner_assigned()->set_reason(std::string(512, 'r'));
  EXPECT_EQ(RefusedFields(assigned), FieldNames{});
  assigned = Assigned(kDay1, "Engineer", std::string(129, 'p'), 10).event;
  assigned.mutable_owner_assigned()->set_reason(std::string(513, 'r'));
  EXPECT_EQ(RefusedFields(assigned), (FieldNames{"role", "person", "rank", "reason"}));

  Event released;
  released.mutable_owner_released();
  EXPECT_EQ(RefusedFields(released), (FieldNames{"role", "person", "reason"}));
  released.mutable_owner_released()->set_reason(static_cast<events::v1::OwnerChangeReason>(5));
  EXPECT_EQ(RefusedFields(released), (FieldNames{"role", "person", "reason"}));
  EXPECT_EQ(RefusedFields(Released(kDay1, "engineer", "p").event), FieldNames{});
}

TEST(OwnerShape, OfATransferIsChecked) {
  Event event;
  event.mutable_owner_transferred();
  EXPECT_EQ(RefusedFields(event), (FieldNames{"from_person", "reason"}));
  EXPECT_EQ(RefusedFields(Transferred(kDay1, "a", "").event), FieldNames{}) << "nobody takes over";
  EXPECT_EQ(RefusedFields(Transferred(kDay1, "a", "a").event), FieldNames{"to_person"});
  event = Transferred(kDay1, "a", "b", "Head").event;
  event.mutable_owner_transferred()->set_rank(10);
  event.mutable_owner_transferred()->set_transfer_id(std::string(65, 't'));
  EXPECT_EQ(RefusedFields(event), (FieldNames{"role", "rank", "transfer_id"}));
  event = Transferred(kDay1, "a", "b").event;
  event.mutable_owner_transferred()->add_roles("engineer");
  EXPECT_EQ(RefusedFields(event), FieldNames{"roles"}) << "the ledger writes it";
}

class Owners : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(ledger_.Submit({AccountLedger::Open(kDay1)}).ok()); }
  // Why one fact is refused; kUnspecified: it is not.
  Reason Submit(const Fact& fact) {
    const auto recorded = ledger_.Submit({fact});
    return recorded.ok() ? Reason::kUnspecified : ReasonOf(recorded.status());
  }
  // The roles that a transfer completed by the ledger names.
  FieldNames RolesOfTransfer(const Fact& fact) {
    const auto recorded = ledger_.Submit({fact});
    EXPECT_TRUE(recorded.ok()) << recorded.status();
    const auto& roles = (*recorded)[0].event.owner_transferred().roles();
    return {roles.begin(), roles.end()};
  }
  const AccountState& state() const { return ledger_.state(); }

  AccountLedger ledger_{Head()};
};

TEST_F(Owners, AreOneInTheRoleOwnerWhoeverSaidSoLast) {
  EXPECT_EQ(Submit(Assigned(kDay1, "owner", "anna")), Reason::kUnspecified);
  EXPECT_EQ(state().owner, "anna");
  EXPECT_EQ(Submit(Assigned(kDay1, "owner", "ben")), Reason::kUnspecified);
  EXPECT_EQ(state().owner, "ben");
  Fact updated{{}, kDay2};
  updated.event.mutable_account_facts_updated()->set_owner("carl");
  EXPECT_EQ(Submit(updated), Reason::kUnspecified);
  EXPECT_EQ(Submit(Released(kDay2, "owner", "ben")), Reason::kOwnerNotAssigned);
  EXPECT_EQ(Submit(Released(kDay2, "owner", "carl")), Reason::kUnspecified);
  EXPECT_EQ(state().owner, "");
  EXPECT_EQ(state().roles, Roles{}) << "the owner is not among the other roles";
}

TEST_F(Owners, OfOtherRolesMayBeSeveral) {
  EXPECT_EQ(Submit(Assigned(kDay1, "engineer", "ben", 5)), Reason::kUnspecified);
  EXPECT_EQ(Submit(Assigned(kDay2, "engineer", "anna")), Reason::kUnspecified);
  EXPECT_EQ(Submit(Assigned(kDay2, "general_manager", "anna", 1)), Reason::kUnspecified);
  EXPECT_EQ(state().roles, (Roles{{{"engineer", "anna"}, {0, kDay2}},
                                  {{"engineer", "ben"}, {5, kDay1}},
                                  {{"general_manager", "anna"}, {1, kDay2}}}));
  EXPECT_EQ(Submit(Assigned(kDay3, "engineer", "ben", 4)), Reason::kUnspecified);
  EXPECT_EQ(state().roles.at({"engineer", "ben"}), (RoleHeld{4, kDay1})) << "only the rank changes";
  EXPECT_EQ(Submit(Released(kDay3, "engineer", "anna")), Reason::kUnspecified);
  EXPECT_EQ(state().roles, (Roles{{{"engineer", "ben"}, {4, kDay1}}, {{"general_manager", "anna"}, {1, kDay2}}}));
}

TEST_F(Owners, WhoDoNotHaveTheRoleAreRefusedAndTheHoldersNamed) {
  ASSERT_EQ(Submit(Assigned(kDay1, "engineer", "ben")), Reason::kUnspecified);
  ASSERT_EQ(Submit(Assigned(kDay1, "engineer", "anna")), Reason::kUnspecified);
  const auto refused = ledger_.Submit({Released(kDay2, "engineer", "carl")});
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kOwnerNotAssigned);
  EXPECT_EQ(MessageOf(refused.status()),
            "events[0]: 'carl' does not have the role 'engineer' for the account; those who have: anna,ben");
  EXPECT_EQ(MetadataOf(refused.status()),
            (Metadata{{"role", "engineer"}, {"person", "carl"}, {"holders", "anna,ben"}}));
  const auto nobody = ledger_.Submit({Transferred(kDay2, "anna", "dora", "sales_manager")});
  EXPECT_EQ(MetadataOf(nobody.status()), (Metadata{{"role", "sales_manager"}, {"person", "anna"}, {"holders", ""}}));
  EXPECT_EQ(MessageOf(nobody.status()),
            "events[0]: 'anna' does not have the role 'sales_manager' for the account; nobody has");
  const auto none = ledger_.Submit({Transferred(kDay2, "carl", "dora")});
  EXPECT_EQ(MetadataOf(none.status()), (Metadata{{"role", ""}, {"person", "carl"}, {"holders", "anna,ben"}}));
}

TEST_F(Owners, OfARefusalAreSixteenAtMostAndTheOthersCounted) {
  for (int i = 10; i < 27; ++i) {
    ASSERT_EQ(Submit(Assigned(kDay1, "engineer", fmt::format("p{}", i))), Reason::kUnspecified) << i;
  }
  const std::string sixteen = "p10,p11,p12,p13,p14,p15,p16,p17,p18,p19,p20,p21,p22,p23,p24,p25";
  const auto refused = ledger_.Submit({Released(kDay2, "engineer", "carl")});
  EXPECT_EQ(MessageOf(refused.status()),
            "events[0]: 'carl' does not have the role 'engineer' for the account; those who have: " + sixteen +
                " and 1 more");
  EXPECT_EQ(MetadataOf(refused.status()), (Metadata{{"role", "engineer"}, {"person", "carl"}, {"holders", sixteen}}));
}

TEST_F(Owners, GoOverWithEveryRoleInOneRecord) {
  ASSERT_EQ(Submit(Assigned(kDay1, "owner", "anna")), Reason::kUnspecified);
  ASSERT_EQ(Submit(Assigned(kDay1, "sales_manager", "anna", 3)), Reason::kUnspecified);
  ASSERT_EQ(Submit(Assigned(kDay1, "engineer", "anna", 5)), Reason::kUnspecified);
  ASSERT_EQ(Submit(Assigned(kDay1, "engineer", "ben", 4)), Reason::kUnspecified);
  Fact over = Transferred(kDay2, "anna", "ben");
  over.event.mutable_owner_transferred()->set_rank(2);
  EXPECT_EQ(RolesOfTransfer(over), (FieldNames{"engineer", "owner", "sales_manager"}));
  EXPECT_EQ(state().owner, "ben");
  EXPECT_EQ(state().roles, (Roles{{{"engineer", "ben"}, {4, kDay1}}, {{"sales_manager", "ben"}, {2, kDay2}}}))
      << "who has a role already just keeps it";
}

TEST_F(Owners, GoOverWithOneRoleOrLeaveItToNobody) {
  ASSERT_EQ(Submit(Assigned(kDay1, "owner", "anna")), Reason::kUnspecified);
  ASSERT_EQ(Submit(Assigned(kDay1, "engineer", "anna")), Reason::kUnspecified);
  EXPECT_EQ(RolesOfTransfer(Transferred(kDay2, "anna", "ben", "engineer")), FieldNames{"engineer"});
  EXPECT_EQ(state().owner, "anna");
  EXPECT_EQ(state().roles, (Roles{{{"engineer", "ben"}, {0, kDay2}}}));
  EXPECT_EQ(RolesOfTransfer(Transferred(kDay3, "anna", "", "owner")), FieldNames{"owner"});
  EXPECT_EQ(state().owner, "");
  EXPECT_EQ(RolesOfTransfer(Transferred(kDay3, "ben", "")), FieldNames{"engineer"});
  EXPECT_EQ(state().roles, Roles{});
}

TEST_F(Owners, AreAHundredAtMostBesideTheOwner) {
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(Submit(Assigned(kDay1, "engineer", fmt::format("p{}", i))), Reason::kUnspecified) << i;
  }
  EXPECT_EQ(Submit(Assigned(kDay1, "engineer", "more")), Reason::kAccountLimit);
  EXPECT_EQ(Submit(Assigned(kDay1, "engineer", "p7", 3)), Reason::kUnspecified) << "one who has it already";
  EXPECT_EQ(Submit(Assigned(kDay1, "owner", "more")), Reason::kUnspecified);
  EXPECT_EQ(Submit(Transferred(kDay1, "p1", "more")), Reason::kUnspecified);
  EXPECT_EQ(state().roles.size(), 100u);
  EXPECT_EQ(Submit(Released(kDay1, "engineer", "p0")), Reason::kUnspecified);
  EXPECT_EQ(Submit(Assigned(kDay1, "engineer", "another")), Reason::kUnspecified);
}

TEST_F(Owners, OfAClosedAccountStillChange) {
  ASSERT_EQ(Submit(Assigned(kDay1, "owner", "anna")), Reason::kUnspecified);
  ASSERT_EQ(Submit(AccountLedger::Close(kDay1)), Reason::kUnspecified);
  EXPECT_EQ(Submit(Transferred(kDay2, "anna", "ben")), Reason::kUnspecified);
  EXPECT_EQ(Submit(Assigned(kDay2, "engineer", "carl")), Reason::kUnspecified);
  EXPECT_EQ(Submit(Released(kDay2, "engineer", "carl")), Reason::kUnspecified);
  EXPECT_EQ(state().owner, "ben");
}

TEST_F(Owners, AreKeptInTheStoredState) {
  ASSERT_EQ(Submit(Assigned(kDay1, "owner", "anna")), Reason::kUnspecified);
  ASSERT_EQ(Submit(Assigned(kDay1, "engineer", "ben", 4)), Reason::kUnspecified);
  const auto decoded = DecodeState(EncodeState(state()));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_TRUE(*decoded == state());
  EXPECT_EQ(decoded->roles, (Roles{{{"engineer", "ben"}, {4, kDay1}}}));
}

constexpr char kByOwners[] = R"(tier_ladder:
  ladder_id: key
  metric: net_spend
  window: {rolling_days: 30}
  review_period: month
  tiers:
    - tier_id: base
    - tier_id: covered
      entrance_rule: {any_of: [{all_of: [{metric: owner_count, at_least: 2}]}]}
)";

TEST(OwnerCount, CountsEachPersonOnceAndRaisesTheTier) {
  AccountLedger ledger(Head() + kByOwners);
  ASSERT_TRUE(ledger.Submit({AccountLedger::Open(kDay1)}).ok());
  const auto kinds = [&](const Fact& fact) {
    const auto recorded = ledger.Submit({fact});
    EXPECT_TRUE(recorded.ok()) << recorded.status();
    return AccountLedger::Kinds(*recorded);
  };
  EXPECT_EQ(kinds(Assigned(kDay1, "owner", "anna")), "owner_assigned");
  EXPECT_EQ(kinds(Assigned(kDay1, "engineer", "anna")), "owner_assigned") << "one person in two roles";
  EXPECT_EQ(kinds(Assigned(kDay2, "engineer", "ben")), "owner_assigned tier_assigned");
  const auto& evidence = ledger.log().back().event.tier_assigned().met(0);
  EXPECT_EQ(evidence.metric(), events::v1::METRIC_OWNER_COUNT);
  EXPECT_EQ(evidence.value(), 2);
  EXPECT_EQ(kinds(Transferred(kDay3, "anna", "ben")), "owner_transferred") << "the tier falls at a review only";
  EXPECT_EQ(ledger.state().tier.tier_id, "covered");
  ASSERT_EQ(ledger.AdvanceTo(At("2026-02-01")).size(), 1u);
  EXPECT_EQ(ledger.state().tier.tier_id, "base");
}

TEST(OwnerCount, IsExplainedByWhoCameAndWent) {
  AccountLedger ledger(Head() + kByOwners);
  ASSERT_TRUE(ledger.Submit({AccountLedger::Open(kDay1)}).ok());
  for (const Fact& fact : {Assigned(kDay1, "owner", "anna"), Assigned(kDay1, "engineer", "anna"),
                           Assigned(kDay2, "engineer", "ben"), Transferred(kDay3, "ben", "anna")}) {
    ASSERT_TRUE(ledger.Submit({fact}).ok());
  }
  const std::vector<ValueSource> sources{{events::v1::METRIC_OWNER_COUNT, "", "", std::nullopt}};
  ContributionFinder finder(sources, 10);
  for (size_t i = 0; i < ledger.log().size(); ++i) {
    events::v1::EventRecord record;
    *record.mutable_event() = ledger.log()[i].event;
    record.set_revision(i);
    SetTimestamp(record.mutable_occurred_time(), ledger.log()[i].occurred);
    finder.Observe(record);
  }
  const std::vector<Contributions> found = std::move(finder).Take();
  std::vector<std::pair<uint64_t, int64_t>> amounts;
  for (const Contribution& one : found[0].largest) amounts.emplace_back(one.revision, one.amount);
  // 0 opened, 1 tier begun, 2 owner, 3 the same person, 4 another, 5 tier, 6 gone again.
  EXPECT_EQ(amounts, (std::vector<std::pair<uint64_t, int64_t>>{{2, 1}, {4, 1}, {6, -1}}));
}

// The records of a log as one who looks back at a moment folds them.
class OwnersAsOf : public Owners {
 protected:
  void SetUp() override {
    Owners::SetUp();
    ASSERT_EQ(Submit(Assigned(kDay3, "engineer", "ben", 4)), Reason::kUnspecified);
    ASSERT_EQ(Submit(Assigned(kDay3, "owner", "anna")), Reason::kUnspecified);
    // Entered late: they occurred before what they end.
    ASSERT_EQ(Submit(Transferred(kDay2, "anna", "carl")), Reason::kUnspecified);
    ASSERT_EQ(Submit(Released(kDay2, "engineer", "ben")), Reason::kUnspecified);
  }
  template <typename Fold>
  AccountState Before(Micros as_of, const Fold& fold) const {
    AccountState state;
    for (size_t i = 0; i < ledger_.log().size(); ++i) {
      events::v1::EventRecord record;
      *record.mutable_event() = ledger_.log()[i].event;
      record.set_revision(i);
      SetTimestamp(record.mutable_occurred_time(), ledger_.log()[i].occurred);
      const absl::Status folded = fold(state, record, as_of);
      EXPECT_TRUE(folded.ok()) << folded;
    }
    return state;
  }
};

TEST_F(OwnersAsOf, AMomentAreThoseWhoHadTakenOnTheRoleByThen) {
  EXPECT_EQ(Before(kDay2, FoldMeasured).owner, "");
  EXPECT_EQ(Before(kDay3, FoldMeasured).owner, "carl")
      << "a transfer of what nobody took on before is none the less one";
  EXPECT_EQ(Before(kDay3, FoldForStanding).roles, Roles{}) << "and a release ends nothing";
  EXPECT_EQ(Before(kDay3 + 1, FoldForStanding).owner, "carl");
}

}  // namespace
}  // namespace keyledger::domain

// From a request on the wire to a command for the shard: what the digest covers, and the limits.
#include "server/service/append_request.h"

#include <iterator>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "server/base/error.h"
#include "server/merkle/tree.h"
#include "tests/support/append_requests.h"
#include "tests/support/temp_dir.h"

namespace keyledger::service {
namespace {

using keyledger::testing::Bought;
using keyledger::testing::Exactly;
using keyledger::testing::kNewAccount;
using keyledger::testing::kToday;
using keyledger::testing::Opened;
using keyledger::testing::Request;
using keyledger::testing::Visited;

shard::AppendCommand MustConvert(const ledger::v1::AppendRequest& request) {
  absl::StatusOr<shard::AppendCommand> command = ToCommand(request);
  EXPECT_TRUE(command.ok()) << command.status();
  return command.ok() ? *std::move(command) : shard::AppendCommand{};
}

TEST(AppendRequest, BecomesTheCommandItSays) {
  ledger::v1::AppendRequest request = Request("acme", "r1", {Opened(), Bought(5)}, Exactly(7));
  request.mutable_events(1)->set_event_id("till-1");
  request.mutable_events(1)->set_correlation_id("c");
  request.mutable_events(1)->set_causation_id("d");
  const shard::AppendCommand command = MustConvert(request);
  EXPECT_EQ(command.account_id, "acme");
  EXPECT_EQ(command.request_id, "r1");
  EXPECT_EQ(command.actor, "tester");
  EXPECT_EQ(command.expected.kind, shard::ExpectedRevision::Kind::kExact);
  EXPECT_EQ(command.expected.exact, 7u);
  EXPECT_TRUE(command.want_decisions);
  ASSERT_EQ(command.events.size(), 2u);
  EXPECT_EQ(command.events[1].event_id, "till-1");
  EXPECT_EQ(command.events[1].correlation_id, "c");
  EXPECT_EQ(command.events[1].causation_id, "d");
  EXPECT_EQ(command.events[1].occurred, kToday);
  EXPECT_EQ(command.events[1].event.purchase_recorded().lines(0).amount().micros(), 5'000'000);
  EXPECT_EQ(MustConvert(Request("acme", "r1", {Opened()}, kNewAccount)).expected.kind,
            shard::ExpectedRevision::Kind::kNewAccount);
}

TEST(AppendRequest, HasADigestOfEverythingButTheView) {
  const ledger::v1::AppendRequest request = Request("acme", "r1", {Visited()});
  const std::string digest = MustConvert(request).digest;
  EXPECT_EQ(digest.size(), 32u);
  EXPECT_EQ(MustConvert(request).digest, digest);
  ledger::v1::AppendRequest basic = request;
  basic.set_view(ledger::v1::APPEND_VIEW_BASIC);
  EXPECT_EQ(MustConvert(basic).digest, digest);
  EXPECT_FALSE(MustConvert(basic).want_decisions);
  ledger::v1::AppendRequest other = request;
  other.set_actor("someone else");
  EXPECT_NE(MustConvert(other).digest, digest);
  other = request;
  other.mutable_expected_revision()->set_exact(0);
  EXPECT_NE(MustConvert(other).digest, digest);
  other = request;
  other.mutable_events(0)->mutable_occurred_time()->set_nanos(1'000);
  EXPECT_NE(MustConvert(other).digest, digest);
}

TEST(AppendRequest, TakesAThousandEventsAndNotOneMore) {
  std::vector<shard::SubmittedEvent> events(1'000, Visited());
  EXPECT_EQ(MustConvert(Request("acme", "r1", events)).events.size(), 1'000u);
  events.push_back(Visited());
  EXPECT_EQ(ReasonOf(ToCommand(Request("acme", "r1", events)).status()), Reason::kTooManyEvents);
}

TEST(AppendRequest, TakesIdsUpToTheirLength) {
  const std::string longest(128, 'a');
  ledger::v1::AppendRequest request = Request(longest, longest, {Visited()});
  request.set_actor(longest);
  request.mutable_events(0)->set_event_id(longest);
  request.mutable_events(0)->set_correlation_id(longest);
  request.mutable_events(0)->set_causation_id(longest);
  EXPECT_TRUE(ToCommand(request).ok());
}

TEST(AppendRequest, TakesEventIdsThatOnlyResembleAssignedOnes) {
  for (const char* const id : {"-1", "1-", "0-1a", "a0-1", "01"}) {
    ledger::v1::AppendRequest request = Request("acme", "r1", {Visited()});
    request.mutable_events(0)->set_event_id(id);
    EXPECT_TRUE(ToCommand(request).ok()) << id;
  }
}

TEST(AppendRequest, TakesTheFirstMomentOf1900) {
  ledger::v1::AppendRequest request = Request("acme", "r1", {Visited()});
  request.mutable_events(0)->mutable_occurred_time()->set_seconds(-2'208'988'800);
  EXPECT_TRUE(ToCommand(request).ok());
  request.mutable_events(0)->mutable_occurred_time()->set_seconds(-2'208'988'801);
  EXPECT_FALSE(ToCommand(request).ok());
}

TEST(AppendRequest, NamesTheFirstReasonAndEveryField) {
  ledger::v1::AppendRequest request = Request("", "", {Visited()});
  request.mutable_events(0)->clear_event();
  const absl::Status refused = ToCommand(request).status();
  EXPECT_EQ(ReasonOf(refused), Reason::kInvalidField);
  std::vector<std::string> fields;
  for (const auto& [field, description] : FieldsOf(refused)) fields.push_back(field);
  EXPECT_EQ(fields, (std::vector<std::string>{"account_id", "request_id", "events[0].event"}));
}

// A visit that says something of a person.
shard::SubmittedEvent Met(const std::string& subject, const std::string& what) {
  shard::SubmittedEvent fact = Visited();
  fact.event.mutable_custom_event()->add_personal()->set_subject_id(subject);
  fact.event.mutable_custom_event()->mutable_personal(0)->set_data(what);
  return fact;
}

std::unique_ptr<vault::Vault> OpenVault(const testing::TempDir& dir) {
  auto vault =
      vault::Vault::Open(dir / "vault", vault::MasterKey{vault::SecretKey::From(std::string(32, 'm'))}, std::nullopt);
  EXPECT_TRUE(vault.ok()) << vault.status();
  return *std::move(vault);
}

TEST(PersonalDataInARequest, IsSealedBeforeTheDigestIsTaken) {
  const testing::TempDir dir;
  const auto vault = OpenVault(dir);
  const ledger::v1::AppendRequest request = Request("acme", "r1", {Visited(), Met("s-1", "likes ponies")});
  EXPECT_TRUE(HasPersonal(request));
  EXPECT_FALSE(HasPersonal(Request("acme", "r1", {Visited()})));
  vault::KeyUse keys;
  const auto command = ToCommand(request, vault.get(), &keys);
  ASSERT_TRUE(command.ok()) << command.status();
  EXPECT_FALSE(command->events[0].event.custom_event().personal_size());
  const auto& personal = command->events[1].event.custom_event().personal(0);
  EXPECT_EQ(personal.subject_id(), "s-1");
  EXPECT_EQ(personal.content_case(), events::v1::PersonalData::CONTENT_NOT_SET);
  EXPECT_TRUE(personal.has_sealed());
  // The digest is that of the request with what is sealed in the place of what was said.
  ledger::v1::AppendRequest sealed = request;
  *sealed.mutable_events(1)->mutable_event() = command->events[1].event;
  const merkle::Hash digest = merkle::Sha256(sealed.SerializeAsString());
  EXPECT_EQ(command->digest, std::string(digest.begin(), digest.end()));
  vault::KeyUse again;
  EXPECT_EQ(ToCommand(request, vault.get(), &again)->digest, command->digest);
  EXPECT_NE(ToCommand(Request("acme", "r1", {Visited(), Met("s-1", "likes Ponies")}), vault.get(), &again)->digest,
            command->digest);
}

TEST(PersonalDataInARequest, NeedsAVaultAndASubjectThatIsNotErased) {
  const testing::TempDir dir;
  const auto vault = OpenVault(dir);
  const ledger::v1::AppendRequest request = Request("acme", "r1", {Met("s-1", "likes ponies")});
  EXPECT_EQ(ReasonOf(ToCommand(request).status()), Reason::kNoMasterKey);
  ASSERT_TRUE(vault->Erase("s-1").ok());
  vault::KeyUse keys;
  EXPECT_EQ(ReasonOf(ToCommand(request, vault.get(), &keys).status()), Reason::kSubjectErased);
}

TEST(PersonalDataInARequest, KeepsItsKeysUnlessTheRequestWasRefused) {
  const testing::TempDir dir;
  const auto vault = OpenVault(dir);
  const struct {
    absl::Status outcome;
    vault::SubjectState state;
  } cases[] = {
      {MakeError(Reason::kStaleRevision, "stale"), vault::SubjectState::kUnknown},
      {MakeError(Reason::kDiskNearlyFull, "full"), vault::SubjectState::kUnknown},
      // Its records may be there after the next start.
      {MakeError(Reason::kCommitOutcomeUnknown, "unknown"), vault::SubjectState::kLive},
      {absl::OkStatus(), vault::SubjectState::kLive},
  };
  for (size_t i = 0; i < std::size(cases); ++i) {
    const std::string subject = fmt::format("s-{}", i);
    vault::KeyUse keys;
    ASSERT_TRUE(ToCommand(Request("acme", "r1", {Met(subject, "x")}), vault.get(), &keys).ok());
    EXPECT_EQ(vault->State(subject), vault::SubjectState::kLive);
    SettleKeys(cases[i].outcome, keys);
    EXPECT_EQ(vault->State(subject), cases[i].state) << i;
  }
}

TEST(PersonalDataInARequest, MakesKeysForAllValidRequestsOfAFrameAtOnce) {
  const testing::TempDir dir;
  const auto vault = OpenVault(dir);
  ASSERT_TRUE(vault->Erase("s-4").ok());
  google::protobuf::RepeatedPtrField<ledger::v1::AppendRequest> requests;
  *requests.Add() = Request("acme", "r0", {Met("s-0", "x")});
  *requests.Add() = Request("acme", "r1", {Met("s-1", "x")});
  *requests.Add() = Request("acme", "", {Met("s-2", "x")});
  *requests.Add() = Request("acme", "r3", {Visited(), Met("s-3", "x"), Met("s-1", "x")});
  *requests.Add() = Request("acme", "r4", {Met("s-4", "x")});
  vault::KeyUse keys = MakeKeys(requests, 1, *vault);
  EXPECT_EQ(vault->State("s-0"), vault::SubjectState::kUnknown) << "before the first";
  EXPECT_EQ(vault->State("s-1"), vault::SubjectState::kLive);
  EXPECT_EQ(vault->State("s-2"), vault::SubjectState::kUnknown) << "a refused request makes no keys";
  EXPECT_EQ(vault->State("s-3"), vault::SubjectState::kLive);
  EXPECT_EQ(vault->State("s-4"), vault::SubjectState::kErased);
  // What no request has taken up goes.
  keys = vault::KeyUse();
  EXPECT_EQ(vault->State("s-1"), vault::SubjectState::kUnknown);
}

}  // namespace
}  // namespace keyledger::service

// EngagementService over the wire, on one shard and on four: what is due, what happened, what is known, and what is
// refused.
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>

#include <google/protobuf/text_format.h>

#include "server/base/codec.h"
#include "server/base/cursor.h"
#include "server/domain/proto_time.h"
#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;

using Fields = std::vector<std::string>;
using Texts = std::vector<std::string>;
using Stub = EngagementService::Stub;

// 2026-01-10 12:00 is today: all times are so many days before it.
constexpr Micros Ago(int64_t days) { return kToday - days * kMicrosPerDay; }

// A call a month, one gift a month and contact, and an industry that must be known.
constexpr char kMeetingProgram[] = R"(program_id: meeting
time_zone: UTC
currency_code: USD
effective_from: 2000-01-01
accrual_rules:
  - rule_id: base
    per_money: {points: 1, per_micros: 1_000_000}
cadence:
  duties:
    - {rule_id: call, kinds: [phone], times: 1, unit: month}
limits:
  - {limit_id: gifts, on_breach: flag, gifts: {scope: contact, period: month, max_times: 1}}
profiles:
  - facts:
      - {fact_key: industry}
coverage:
  - {min_people: 2, window_days: 90}
)";

shard::SubmittedEvent Said(Micros at, const std::string& text) {
  shard::SubmittedEvent fact = Fact(at);
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &fact.event)) << text;
  return fact;
}

std::string Seconds(Micros time) { return "{ seconds: " + std::to_string(time / kMicrosPerSecond) + " }"; }

shard::SubmittedEvent Gift(Micros at) {
  return Said(at, R"(gift_given { contact_id: "buyer" item: "tea" quantity: 1 purpose: "thanks"
                                  value { micros: 5000000 currency_code: "USD" } })");
}

class Engagement : public ::testing::TestWithParam<uint32_t> {
 protected:
  Engagement() {
    server_.Publish(kMeetingProgram);
    server_.MustAppend(Request(
        "a", "r1",
        {Said(Ago(60), R"(account_opened { display_name: "Acme" owner: "km-1" })"), Bought(100, "", Ago(10)),
         Said(Ago(5), R"(interaction_made { kind: INTERACTION_KIND_VISIT people: "km-1" contact_ids: "buyer"
                         purpose: "annual need" preparation: "prices" result: "wants 40" our_minutes: 30
                         next_step { what: "offer" due_time )" +
                          Seconds(kToday + 3600 * kMicrosPerSecond) + " } }"),
         Gift(Ago(4)), Gift(Ago(3)),
         Said(Ago(2), R"(violation_recorded { violation_id: "v-1" side: SIDE_EMPLOYEE description: "late" })"),
         Said(Ago(1), R"(sanction_imposed { sanction_id: "s-1" violation_id: "v-1" kind: "reprimand" person: "gm" })"),
         Said(Ago(1), R"(score_stated { score_id: "size" value: 40 })")}));
    server_.MustAppend(Request("b", "r1", {Said(Ago(60), R"(account_opened { owner: "km-2" })")}));
    cursor_ = server_.HeadCursor();
    server_.clock().Advance(kMicrosPerSecond);
  }

  template <class Req, class Response>
  Response Get(grpc::Status (Stub::*method)(grpc::ClientContext*, const Req&, Response*), Req request) {
    request.set_min_cursor(cursor_);
    Response response;
    const grpc::Status status = Call(server_.engagement(), method, request, &response);
    EXPECT_TRUE(status.ok()) << ReadRpcError(status);
    return response;
  }

  template <class Req, class Response>
  RpcError Refused(grpc::Status (Stub::*method)(grpc::ClientContext*, const Req&, Response*), Req request) {
    request.set_min_cursor(cursor_);
    Response response;
    return ReadRpcError(Call(server_.engagement(), method, request, &response));
  }

  LiveServer server_{GetParam()};
  std::string cursor_;
};

// "a call 2026-01-01 lapsed".
Texts Lines(const ListDueResponse& response) {
  Texts lines;
  for (const Duty& duty : response.duties()) {
    lines.push_back(duty.account_id() + " " + (duty.rule_id().empty() ? duty.what() : duty.rule_id()) + " " +
                    duty.due_day() +
                    (duty.lapsed()    ? " lapsed"
                     : duty.overdue() ? " overdue"
                                      : ""));
  }
  return lines;
}

TEST_P(Engagement, ListDueTellsWhatIsDueTodayAndOverdue) {
  ListDueRequest request;
  const ListDueResponse all = Get(&Stub::ListDue, request);
  // Nobody was called in December; January is not over. The next step is due in an hour.
  EXPECT_EQ(Lines(all), (Texts{"a call 2025-12-31 lapsed", "b call 2025-12-31 lapsed", "a offer 2026-01-10"}));
  EXPECT_EQ(all.due_count(), 3);
  EXPECT_EQ(all.overdue_count(), 2);
  EXPECT_EQ(all.account_count(), 2);
  EXPECT_EQ(all.duties(0).display_name(), "Acme");
  EXPECT_EQ(all.duties(0).people(0), "km-1");
  request.set_person("km-2");
  EXPECT_EQ(Lines(Get(&Stub::ListDue, request)), Texts{"b call 2025-12-31 lapsed"});
  request.clear_person();
  request.set_page_size(2);
  const ListDueResponse first = Get(&Stub::ListDue, request);
  EXPECT_EQ(first.duties_size(), 2);
  server_.clock().Advance(kMicrosPerDay);
  request.set_page_token(first.next_page_token());
  const ListDueResponse second = Get(&Stub::ListDue, request);
  EXPECT_EQ(Lines(second), Texts{"a offer 2026-01-10"}) << "as of the moment of the first page";
  EXPECT_EQ(second.next_page_token(), "");
}

TEST_P(Engagement, ListDueIsAsOfAnyMomentAndAsKnownAtAnother) {
  ListDueRequest request;
  domain::SetTimestamp(request.mutable_scope()->mutable_as_of(), Ago(5));
  EXPECT_EQ(Lines(Get(&Stub::ListDue, request)), (Texts{"a call 2025-12-31 lapsed", "b call 2025-12-31 lapsed"}));
  request.mutable_scope()->clear_as_of();
  // Nothing had been recorded, and no program published.
  domain::SetTimestamp(request.mutable_scope()->mutable_known_at(), kToday);
  EXPECT_EQ(Get(&Stub::ListDue, request).due_count(), 0);
}

TEST_P(Engagement, ListDueRefusesWhatItCannotAnswer) {
  ListDueRequest request;
  request.add_kinds(DUTY_KIND_UNSPECIFIED);
  EXPECT_EQ(Refused(&Stub::ListDue, request).field_names(), Fields{"kinds[0]"});
  request.clear_kinds();
  domain::SetTimestamp(request.mutable_scope()->mutable_as_of(), server_.clock().Now() + 2);
  EXPECT_EQ(Refused(&Stub::ListDue, request).field_names(), Fields{"scope.as_of"});
  request.clear_scope();
  request.set_reader("km-1");
  EXPECT_EQ(Refused(&Stub::ListDue, request).field_names(), Fields{"purpose"});
  request.set_purpose("greetings");
  EXPECT_EQ(Refused(&Stub::ListDue, request).field_names(), Fields{"reader"}) << "only of a person or an account";
  request.set_person("km-1");
  domain::SetTimestamp(request.mutable_scope()->mutable_as_of(), Ago(5));
  EXPECT_EQ(Refused(&Stub::ListDue, request).field_names(), Fields{"reader"}) << "not as it was then";
  request.mutable_scope()->clear_as_of();
  domain::SetTimestamp(request.mutable_scope()->mutable_known_at(), kToday);
  EXPECT_EQ(Refused(&Stub::ListDue, request).field_names(), Fields{"reader"});
  request.clear_scope();
  EXPECT_EQ(Refused(&Stub::ListDue, request).reason, "NO_MASTER_KEY");
  ListDueRequest page;
  page.set_page_token("torn");
  EXPECT_EQ(Refused(&Stub::ListDue, page).reason, "INVALID_TOKEN");
  ListDueRequest nobody;
  nobody.set_account_id("nobody");
  EXPECT_EQ(Refused(&Stub::ListDue, nobody).reason, "ACCOUNT_NOT_FOUND");
}

// A token as the server would have given it for a first page of that moment. Requires: the request says nothing of
// pages and places.
template <class Request>
Request Continued(Request request, Micros moment) {
  std::string continuation;
  PutOrdered64(continuation, moment);
  const std::string binding = Request::descriptor()->full_name() + request.SerializeAsString();
  request.set_page_token(FormatPageToken(continuation + "a", binding));
  return request;
}

TEST_P(Engagement, PagesAreOfNoMomentThatCouldNotBeAskedFor) {
  constexpr Micros kLeast = std::numeric_limits<int64_t>::min();
  constexpr Micros kMost = std::numeric_limits<int64_t>::max();
  for (const Micros moment : {kLeast, kMost, domain::kTimeMin - 1, server_.clock().Now() + 2}) {
    EXPECT_EQ(Refused(&Stub::ListDue, Continued(ListDueRequest(), moment)).reason, "INVALID_TOKEN") << moment;
    EXPECT_EQ(Refused(&Stub::GetCadence, Continued(GetCadenceRequest(), moment)).reason, "INVALID_TOKEN") << moment;
    EXPECT_EQ(Refused(&Stub::GetCoverage, Continued(GetCoverageRequest(), moment)).reason, "INVALID_TOKEN") << moment;
  }
  Get(&Stub::GetCoverage, Continued(GetCoverageRequest(), server_.clock().Now()));
}

TEST_P(Engagement, GetCadenceCountsWhatCameDue) {
  GetCadenceRequest request;
  request.set_account_id("a");
  const GetCadenceResponse response = Get(&Stub::GetCadence, request);
  // December's call; the next step is not due yet.
  EXPECT_EQ(response.total().required(), 1);
  EXPECT_EQ(response.total().missed(), 1);
  ASSERT_GE(response.periods_size(), 1);
  EXPECT_EQ(response.appointments().ShortDebugString(), "");
  server_.MustAppend(
      Request("a", "r2",
              {Said(Ago(3), R"(interaction_planned { interaction_id: "i-1" kind: INTERACTION_KIND_PHONE people: "km-1"
                       start_time )" +
                                Seconds(Ago(2)) + " }"),
               Said(Ago(2), R"(interaction_made { interaction_id: "i-1" kind: INTERACTION_KIND_PHONE people: "km-1"
                       late_minutes: 20 })")}));
  cursor_ = server_.HeadCursor();
  server_.clock().Advance(kMicrosPerSecond);
  EXPECT_EQ(Get(&Stub::GetCadence, request).appointment_people(0).ShortDebugString(),
            "person: \"km-1\" appointments: 1 made: 1 made_late: 1 mean_late_minutes: 20");
  request.set_rule_id("Call");
  EXPECT_EQ(Refused(&Stub::GetCadence, request).field_names(), Fields{"rule_id"});
}

TEST_P(Engagement, GetTimelineHoldsEverything) {
  GetTimelineRequest request;
  request.set_account_id("a");
  request.set_page_size(5);
  GetTimelineResponse response = Get(&Stub::GetTimeline, request);
  ASSERT_EQ(response.entries_size(), 5);
  EXPECT_TRUE(response.entries(0).record().event().has_score_stated());
  EXPECT_EQ(response.entries(2).record().event().violation_recorded().violation_id(), "v-1");
  request.set_page_token(response.next_page_token());
  response = Get(&Stub::GetTimeline, request);
  ASSERT_EQ(response.entries_size(), 3);
  EXPECT_EQ(response.entries(0).record().event().interaction_made().result(), "wants 40");
  EXPECT_EQ(response.next_page_token(), "");
  request.clear_page_token();
  request.add_kinds(events::v1::EVENT_KIND_COMPLIANCE_FLAGGED);
  EXPECT_EQ(Get(&Stub::GetTimeline, request).entries_size(), 1);
  request.add_kinds(events::v1::EVENT_KIND_PROGRAM_PUBLISHED);
  EXPECT_EQ(Refused(&Stub::GetTimeline, request).field_names(), Fields{"kinds[1]"});
  request.clear_kinds();
  request.set_account_id("nobody");
  EXPECT_EQ(Refused(&Stub::GetTimeline, request).reason, "ACCOUNT_NOT_FOUND");
}

TEST_P(Engagement, PagesOfATimelineFitIntoAMessageWhateverTheRecords) {
  server_.MustAppend(Request("big", "open", {Opened()}));
  // 5 MiB in all.
  for (int i = 0; i < 80; ++i) {
    shard::SubmittedEvent visited = Visited("org.example.scan");
    visited.event.mutable_custom_event()->set_data(std::string(64 * 1024, 'x'));
    visited.event_id = "scan-" + std::to_string(i);
    cursor_ = server_.MustAppend(Request("big", visited.event_id, {visited})).cursor();
  }
  GetTimelineRequest request;
  request.set_account_id("big");
  request.set_page_size(1'000);
  request.add_kinds(events::v1::EVENT_KIND_CUSTOM_EVENT);
  int next = 79;
  int pages = 0;
  do {
    const GetTimelineResponse response = Get(&Stub::GetTimeline, request);
    ASSERT_GE(response.entries_size(), 1);
    EXPECT_LT(response.ByteSizeLong(), 512u << 10);
    for (const TimelineEntry& entry : response.entries()) {
      EXPECT_EQ(entry.record().event_id(), "scan-" + std::to_string(next--));
    }
    request.set_page_token(response.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(next, -1);
  EXPECT_EQ(pages, 20);
}

TEST_P(Engagement, GetCoverageAndListOwnersTellOnWhomAccountsRest) {
  const GetCoverageResponse coverage = Get(&Stub::GetCoverage, GetCoverageRequest());
  ASSERT_EQ(coverage.accounts_size(), 2);
  EXPECT_EQ(coverage.accounts(0).account_id(), "a");
  EXPECT_EQ(coverage.accounts(0).revenue_micros(), 100 * kUnit);
  EXPECT_EQ(coverage.accounts(0).people(0).person(), "km-1");
  EXPECT_EQ(coverage.accounts(0).flags_size(), 2) << "one person, where two are asked for";
  EXPECT_EQ(coverage.account_count(), 2);
  EXPECT_EQ(coverage.currency_code(), "USD");
  const ListOwnersResponse owners = Get(&Stub::ListOwners, ListOwnersRequest());
  ASSERT_EQ(owners.owners_size(), 2);
  EXPECT_EQ(owners.owners(0).person(), "km-1");
  EXPECT_EQ(owners.owners(0).owned(), 1);
  EXPECT_EQ(owners.owners(0).due(), 2);
  EXPECT_EQ(owners.owners(0).overdue(), 1);
  EXPECT_EQ(owners.owners(1).person(), "km-2");
  GetCoverageRequest wrong;
  wrong.set_window_days(1'097);
  EXPECT_EQ(Refused(&Stub::GetCoverage, wrong).field_names(), Fields{"window_days"});
}

TEST_P(Engagement, ListAttendanceIsOfAllAccounts) {
  for (const char* account : {"a", "b"}) {
    server_.MustAppend(Request(
        account, "r2",
        {Said(Ago(2), R"(interaction_made { kind: INTERACTION_KIND_ACTIVITY activity_id: "gathering-26" people: "km-1"
                         contact_ids: "buyer" })")}));
  }
  cursor_ = server_.HeadCursor();
  server_.clock().Advance(kMicrosPerSecond);
  ListAttendanceRequest request;
  request.set_activity_id("gathering-26");
  request.set_page_size(1);
  const ListAttendanceResponse first = Get(&Stub::ListAttendance, request);
  ASSERT_EQ(first.attendances_size(), 1);
  EXPECT_EQ(first.attendances(0).account_id(), "a");
  EXPECT_EQ(first.attendances(0).contact_ids(0), "buyer");
  EXPECT_EQ(first.attendances(0).people(0), "km-1");
  EXPECT_EQ(first.account_count(), 2);
  EXPECT_EQ(first.contact_count(), 2);
  request.set_page_token(first.next_page_token());
  const ListAttendanceResponse second = Get(&Stub::ListAttendance, request);
  ASSERT_EQ(second.attendances_size(), 1);
  EXPECT_EQ(second.attendances(0).account_id(), "b");
  EXPECT_EQ(second.next_page_token(), "");
  request.clear_page_token();
  request.set_activity_id("another");
  EXPECT_EQ(Get(&Stub::ListAttendance, request).account_count(), 0);
  request.clear_activity_id();
  EXPECT_EQ(Refused(&Stub::ListAttendance, request).field_names(), Fields{"activity_id"});
}

TEST_P(Engagement, GetManagementCountsWhatIsManaged) {
  server_.MustAppend(Request("b", "r2",
                             {Said(Ago(3), R"(plan_drafted { plan_id: "p-1" description: "more" start_time )" +
                                               Seconds(Ago(3)) + " end_time " + Seconds(Ago(-100)) + " }"),
                              Said(Ago(2), R"(plan_agreed { plan_id: "p-1" contact_ids: "buyer" })")}));
  cursor_ = server_.HeadCursor();
  server_.clock().Advance(kMicrosPerSecond);
  GetManagementRequest request;
  request.set_dimension(GROUP_DIMENSION_OWNER);
  // December's call was made with neither; a was met.
  const GetManagementResponse year = Get(&Stub::GetManagement, request);
  EXPECT_EQ(year.total().ShortDebugString(),
            "accounts: 2 owned: 2 planned: 1 reviewed: 1 asked: 2 met: 1 managed_share: 0");
  domain::SetTimestamp(request.mutable_start_time(), Ago(4));
  const GetManagementResponse recent = Get(&Stub::GetManagement, request);
  ASSERT_EQ(recent.groups_size(), 2);
  EXPECT_EQ(recent.groups(0).ShortDebugString(), "value: \"km-1\" accounts: 1 owned: 1 managed_share: 0");
  EXPECT_EQ(recent.groups(1).ShortDebugString(),
            "value: \"km-2\" accounts: 1 owned: 1 planned: 1 reviewed: 1 managed: 1 managed_share: 1");
  EXPECT_EQ(recent.without(), 0);
  request.set_dimension(static_cast<GroupDimension>(9));
  EXPECT_EQ(Refused(&Stub::GetManagement, request).field_names(), Fields{"dimension"});
  request.clear_dimension();
  EXPECT_EQ(Get(&Stub::GetManagement, request).groups_size(), 0);
  domain::SetTimestamp(request.mutable_start_time(), server_.clock().Now() + kMicrosPerDay);
  EXPECT_EQ(Refused(&Stub::GetManagement, request).field_names(), Fields{"start_time"});
}

TEST_P(Engagement, ListOwnersIsOnAllPagesAsOfTheFirst) {
  ListOwnersRequest request;
  request.set_page_size(1);
  const ListOwnersResponse first = Get(&Stub::ListOwners, request);
  ASSERT_EQ(first.owners_size(), 1);
  EXPECT_EQ(first.owners(0).person(), "km-1");
  server_.clock().Advance(400 * kMicrosPerDay);
  request.set_page_token(first.next_page_token());
  const ListOwnersResponse second = Get(&Stub::ListOwners, request);
  ASSERT_EQ(second.owners_size(), 1);
  EXPECT_EQ(second.owners(0).person(), "km-2");
  EXPECT_EQ(second.owners(0).changes(), 1) << "taken on less than a year before";
  EXPECT_EQ(second.next_page_token(), "");
}

TEST_P(Engagement, ProfilesSayWhatIsMissing) {
  GetProfileRequest request;
  request.set_account_id("a");
  const GetProfileResponse profile = Get(&Stub::GetProfile, request);
  ASSERT_EQ(profile.gaps_size(), 1);
  EXPECT_EQ(profile.gaps(0).kind(), GAP_KIND_FACT_MISSING);
  EXPECT_EQ(profile.gaps(0).name(), "industry");
  ASSERT_EQ(profile.facts_size(), 1);
  EXPECT_EQ(profile.facts(0).fact().value(), "40");
  EXPECT_EQ(profile.facts(0).person(), "tester") << "who recorded it judged";
  EXPECT_EQ(profile.switching_cost().our_minutes(), 30);
  EXPECT_EQ(profile.switching_cost().points(), 100);
  server_.MustAppend(Request("a", "r2", {Said(Ago(3), R"(tender_list_stated { list_id: "city" registered: true })")}));
  cursor_ = server_.HeadCursor();
  server_.clock().Advance(kMicrosPerSecond);
  const GetProfileResponse listed = Get(&Stub::GetProfile, request);
  ASSERT_EQ(listed.tender_lists_size(), 1);
  ASSERT_EQ(listed.tender_list_times_size(), 1);
  EXPECT_EQ(listed.tender_list_times(0).seconds(), Ago(3) / kMicrosPerSecond);
  const ListProfilesResponse profiles = Get(&Stub::ListProfiles, ListProfilesRequest());
  EXPECT_EQ(profiles.profiles_size(), 2);
  EXPECT_EQ(profiles.complete_count(), 0);
  request.set_account_id("nobody");
  EXPECT_EQ(Refused(&Stub::GetProfile, request).reason, "ACCOUNT_NOT_FOUND");
}

TEST_P(Engagement, WhatWasGivenIsHeldAgainstLimits) {
  const ListGivenResponse given = Get(&Stub::ListGiven, ListGivenRequest());
  ASSERT_EQ(given.rows_size(), 1);
  EXPECT_EQ(given.rows(0).contact_id(), "buyer");
  EXPECT_EQ(given.rows(0).period(), "2026-01");
  EXPECT_EQ(given.rows(0).times(), 2);
  ASSERT_EQ(given.rows(0).purposes_size(), 1);
  EXPECT_EQ(given.rows(0).purposes(0), "thanks");
  ASSERT_EQ(given.rows(0).limits_size(), 1);
  EXPECT_EQ(given.rows(0).limits(0).times(), 2);
  EXPECT_EQ(given.rows(0).limits(0).max_times(), 1);
  const ListFlagsResponse flags = Get(&Stub::ListFlags, ListFlagsRequest());
  ASSERT_EQ(flags.flags_size(), 1);
  EXPECT_EQ(flags.flags(0).fact_kind(), events::v1::EVENT_KIND_GIFT_GIVEN);
  EXPECT_EQ(flags.flags(0).program_id(), "meeting");
  EXPECT_EQ(flags.flags(0).program_version(), 1u);
  const ListViolationsResponse violations = Get(&Stub::ListViolations, ListViolationsRequest());
  ASSERT_EQ(violations.violations_size(), 1);
  EXPECT_EQ(violations.violations(0).records_size(), 2);
  EXPECT_EQ(violations.violations(0).sanctions_open(), 1);
  ListGivenRequest wrong;
  wrong.add_kinds(events::v1::EVENT_KIND_PURCHASE_RECORDED);
  EXPECT_EQ(Refused(&Stub::ListGiven, wrong).field_names(), Fields{"kinds[0]"});
}

TEST_P(Engagement, TellsDelayEffortAndProspects) {
  const GetEntryDelayResponse delay = Get(&Stub::GetEntryDelay, GetEntryDelayRequest());
  EXPECT_EQ(delay.total().interactions(), 1);
  EXPECT_EQ(delay.total().median_minutes(), 7'200) << "five days";
  EXPECT_EQ(delay.people(0).person(), "km-1");
  const GetEffortResponse effort = Get(&Stub::GetEffort, GetEffortRequest());
  ASSERT_EQ(effort.periods_size(), 1);
  EXPECT_EQ(effort.periods(0).period(), "2026-01");
  EXPECT_EQ(effort.periods(0).old_accounts().interactions(), 1);
  ListProspectsRequest request;
  request.add_order()->set_score_id("size");
  const ListProspectsResponse prospects = Get(&Stub::ListProspects, request);
  ASSERT_EQ(prospects.prospects_size(), 1);
  EXPECT_EQ(prospects.prospects(0).account_id(), "b");
  EXPECT_EQ(prospects.prospect_count(), 1);
  request.mutable_order(0)->set_score_id("Size");
  EXPECT_EQ(Refused(&Stub::ListProspects, request).field_names(), Fields{"order[0].score_id"});
}

constexpr char kGreetingProgram[] = R"(program_id: greeting
time_zone: UTC
currency_code: USD
effective_from: 2000-01-01
accrual_rules:
  - rule_id: base
    per_money: {points: 1, per_micros: 1_000_000}
cadence:
  occasions:
    - {rule_id: greet, kinds: [greeting], contact_days: true}
)";

std::string WriteKey(const TempDir& dir) {
  const std::string path = dir / "key";
  std::ofstream(path) << "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
  std::filesystem::permissions(path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  return path;
}

// An account with a buyer whose birthday is today.
AppendRequest BuyerOf(const std::string& account) {
  return Request(account, "r1",
                 {Said(Ago(60), R"(account_opened { owner: "km-1" })"),
                  Said(Ago(50), R"(contact_recorded { contact_id: "buyer" person { subject_id: "s-1"
                                   details { birthday { month: 1 day: 10 year: 1980 } } } })")});
}

TEST(Greetings, AreToldToWhoSaysWhatForAndThatGoesOnRecord) {
  const TempDir keys;
  LiveServer server(4, [&keys](app::Options& options) { options.master_key_file = WriteKey(keys); });
  server.Publish(kGreetingProgram);
  server.MustAppend(BuyerOf("a"));
  const auto ask = [&server](ListDueRequest request) {
    request.set_account_id("a");
    request.set_min_cursor(server.HeadCursor());
    ListDueResponse response;
    const grpc::Status status = Call(server.engagement(), &Stub::ListDue, request, &response);
    EXPECT_TRUE(status.ok()) << ReadRpcError(status);
    return response;
  };
  const auto readings = [&server] {
    int count = 0;
    for (const ShardRecords& shard : server.ReadLog()) {
      for (const events::v1::EventRecord& record : shard) count += record.event().has_personal_data_read() ? 1 : 0;
    }
    return count;
  };
  server.clock().Advance(kMicrosPerSecond);
  EXPECT_EQ(ask({}).due_count(), 0) << "days of contacts are sealed";
  EXPECT_EQ(readings(), 0);
  ListDueRequest request;
  request.set_reader("km-1");
  request.set_purpose("greetings");
  const ListDueResponse told = ask(request);
  ASSERT_EQ(told.duties_size(), 1);
  EXPECT_EQ(told.duties(0).kind(), DUTY_KIND_OCCASION);
  EXPECT_EQ(told.duties(0).contact_id(), "buyer");
  EXPECT_EQ(told.duties(0).item_id(), "birthday");
  EXPECT_EQ(told.duties(0).due_day(), "2026-01-10");
  EXPECT_EQ(readings(), 1);
  server.MustAppend(Request("a", "r2", {Said(kToday, R"(interaction_made { kind: INTERACTION_KIND_GREETING
                                                        people: "km-1" contact_ids: "buyer" })")}));
  EXPECT_EQ(ask(request).due_count(), 0) << "the buyer was greeted";
  EXPECT_EQ(readings(), 1) << "nothing was given out";
}

TEST(Greetings, LeaveARecordOfThoseWhoseDaysTheAnswerRestsOn) {
  const TempDir keys;
  LiveServer server(4, [&keys](app::Options& options) { options.master_key_file = WriteKey(keys); });
  server.Publish(kGreetingProgram);
  // More than are recorded at a time. Each has a contact whose birthday is today and one whose birthday is in summer.
  constexpr int kAccounts = 300;
  for (int i = 0; i < kAccounts; ++i) {
    const std::string id = std::to_string(i);
    server.MustAppend(Request("a" + id, "r1",
                              {Said(Ago(60), R"(account_opened { owner: "km-1" })"),
                               Said(Ago(50), "contact_recorded { contact_id: 'winter' person { subject_id: 'w-" + id +
                                                 "' details { birthday { month: 1 day: 10 year: 1980 } } } }"),
                               Said(Ago(50), "contact_recorded { contact_id: 'summer' person { subject_id: 's-" + id +
                                                 "' details { birthday { month: 7 day: 10 year: 1980 } } } }")}));
  }
  server.clock().Advance(kMicrosPerSecond);
  ListDueRequest request;
  request.set_person("km-1");
  request.set_reader("km-1");
  request.set_purpose("greetings");
  request.set_page_size(2);
  request.set_min_cursor(server.HeadCursor());
  ListDueResponse response;
  const grpc::Status status = Call(server.engagement(), &Stub::ListDue, request, &response);
  ASSERT_TRUE(status.ok()) << ReadRpcError(status);
  EXPECT_EQ(response.duties_size(), 2);
  EXPECT_EQ(response.due_count(), kAccounts);
  std::map<std::string, std::string> read;
  for (const ShardRecords& shard : server.ReadLog()) {
    for (const events::v1::EventRecord& record : shard) {
      if (!record.event().has_personal_data_read()) continue;
      const events::v1::PersonalDataRead& reading = record.event().personal_data_read();
      ASSERT_EQ(reading.subject_ids_size(), 1) << "nobody asked about July";
      EXPECT_TRUE(read.emplace(reading.read_account_id(), reading.subject_ids(0)).second);
    }
  }
  ASSERT_EQ(read.size(), static_cast<size_t>(kAccounts));
  for (const auto& [account, subject] : read) EXPECT_EQ(subject, "w-" + account.substr(1));
}

TEST(Greetings, OfAContactOfAMergedAccountEndWhenItIsRemovedUnderTheNameItHasNow) {
  const TempDir keys;
  LiveServer server(4, [&keys](app::Options& options) { options.master_key_file = WriteKey(keys); });
  server.Publish(kGreetingProgram);
  server.MustAppend(Request("a", "r1", {Said(Ago(60), R"(account_opened { owner: "km-1" })")}));
  server.MustAppend(BuyerOf("b"));
  server.MustAppend(
      Request("b", "r2", {Said(kToday, R"(account_merged { into_account_id: "a" reason: "entered twice" })")}));
  server.server().ledger().courier().WaitUntilSettled();
  server.clock().Advance(kMicrosPerSecond);
  const auto ask = [&server] {
    ListDueRequest request;
    request.set_account_id("a");
    request.set_reader("km-1");
    request.set_purpose("greetings");
    request.set_min_cursor(server.HeadCursor());
    ListDueResponse response;
    const grpc::Status status = Call(server.engagement(), &Stub::ListDue, request, &response);
    EXPECT_TRUE(status.ok()) << ReadRpcError(status);
    return response;
  };
  const ListDueResponse told = ask();
  ASSERT_EQ(told.duties_size(), 1);
  EXPECT_EQ(told.duties(0).contact_id(), "b:buyer");
  server.MustAppend(Request("a", "r2", {Said(kToday, R"(contact_removed { contact_id: "b:buyer" reason: "moved" })")}));
  EXPECT_EQ(ask().due_count(), 0);
}

INSTANTIATE_TEST_SUITE_P(Shards, Engagement, ::testing::Values(1u, 4u));

}  // namespace
}  // namespace keyledger::testing

// Everything a client can get wrong: refused with code, reason and fields that name it, and nothing changed.
#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;
using Fields = std::vector<std::string>;
using grpc::StatusCode;

// acme has 10 points and the invoice inv-1; other exists.
class BadInput : public ::testing::Test {
 protected:
  BadInput() {
    server_.Publish(kPlainProgram);
    server_.MustAppend(Request("acme", "used", {Opened(), Bought(10, "inv-1")}));
    server_.MustAppend(Request("other", "used", {Opened()}));
    before_ = server_.HeadCursor();
  }
  ~BadInput() override { EXPECT_EQ(server_.HeadCursor(), before_) << "something was recorded"; }

  void Expect(const AppendRequest& request, StatusCode code, const std::string& reason, const Fields& fields = {}) {
    const RpcError error = server_.Refused(request);
    EXPECT_EQ(error.code, code) << error;
    EXPECT_EQ(error.reason, reason) << error;
    EXPECT_EQ(error.domain, "keyledger") << error;
    EXPECT_EQ(error.field_names(), fields) << error;
    EXPECT_FALSE(error.message.empty());
  }
  void ExpectField(const AppendRequest& request, const std::string& field) {
    Expect(request, StatusCode::INVALID_ARGUMENT, "INVALID_FIELD", {field});
  }
  static AppendRequest Visit() { return Request("acme", "r1", {Visited()}); }
  static AppendRequest Purchase() { return Request("acme", "r1", {Bought(5)}); }
  static events::v1::PurchaseLine& Line(AppendRequest& request) {
    return *request.mutable_events(0)->mutable_event()->mutable_purchase_recorded()->mutable_lines(0);
  }

  LiveServer server_;
  std::string before_;
};

TEST_F(BadInput, MalformedAccountIds) {
  for (const std::string& id : {std::string(), std::string("two words"), std::string("-dash"), std::string("$programs"),
                                std::string(129, 'a')}) {
    AppendRequest request = Visit();
    request.set_account_id(id);
    ExpectField(request, "account_id");
  }
}

TEST_F(BadInput, MalformedRequestIds) {
  for (const std::string& id : {std::string(), std::string("two words"), std::string(129, 'r')}) {
    AppendRequest request = Visit();
    request.set_request_id(id);
    ExpectField(request, "request_id");
  }
}

TEST_F(BadInput, MalformedEventIds) {
  for (const std::string& id : {std::string("0-17"), std::string("two words"), std::string(129, 'e')}) {
    AppendRequest request = Visit();
    request.mutable_events(0)->set_event_id(id);
    ExpectField(request, "events[0].event_id");
  }
}

TEST_F(BadInput, LongActorsAndCorrelations) {
  AppendRequest request = Visit();
  request.set_actor(std::string(129, 'a'));
  ExpectField(request, "actor");
  request = Visit();
  request.mutable_events(0)->set_correlation_id(std::string(129, 'c'));
  ExpectField(request, "events[0].correlation_id");
  request = Visit();
  request.mutable_events(0)->set_causation_id(std::string(129, 'c'));
  ExpectField(request, "events[0].causation_id");
}

TEST_F(BadInput, MissingParts) {
  AppendRequest request = Visit();
  request.clear_expected_revision();
  ExpectField(request, "expected_revision");
  request = Visit();
  request.clear_events();
  ExpectField(request, "events");
  request = Visit();
  request.mutable_events(0)->clear_event();
  ExpectField(request, "events[0].event");
  request = Visit();
  request.mutable_events(0)->clear_occurred_time();
  ExpectField(request, "events[0].occurred_time");
  request = Request("acme", "r1", {Adjusted(5)});
  request.clear_actor();
  ExpectField(request, "actor");
}

TEST_F(BadInput, AnEventWithoutPayloadIsUnknown) {
  AppendRequest request = Visit();
  request.mutable_events(0)->mutable_event()->clear_payload();
  const RpcError error = server_.Refused(request);
  EXPECT_EQ(error.code, StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(error.reason, "UNKNOWN_EVENT");
}

// What a client newer than the server would send.
TEST_F(BadInput, AnEventOfTheFutureIsRefusedNotDropped) {
  AppendRequest request = Visit();
  // Field 190, length-delimited, 2 bytes.
  ASSERT_TRUE(request.mutable_events(0)->mutable_event()->ParseFromString(std::string("\xf2\x0b\x02hi", 5)));
  const RpcError error = server_.Refused(request);
  EXPECT_EQ(error.code, StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(error.reason, "UNKNOWN_EVENT");
}

TEST_F(BadInput, MalformedMoney) {
  AppendRequest request = Purchase();
  for (const char* const code : {"", "usd", "DOLLAR", "U$D"}) {
    Line(request).mutable_amount()->set_currency_code(code);
    ExpectField(request, "events[0].event.purchase_recorded.lines[0].amount.currency_code");
  }
  for (const int64_t micros : {int64_t{-1}, int64_t{9'000'000'000'000'001}}) {
    request = Purchase();
    Line(request).mutable_amount()->set_micros(micros);
    ExpectField(request, "events[0].event.purchase_recorded.lines[0].amount.micros");
  }
  request = Purchase();
  *request.mutable_events(0)->mutable_event()->mutable_purchase_recorded()->add_lines() = Line(request);
  request.mutable_events(0)
      ->mutable_event()
      ->mutable_purchase_recorded()
      ->mutable_lines(1)
      ->mutable_amount()
      ->set_currency_code("EUR");
  ExpectField(request, "events[0].event.purchase_recorded.lines[1].amount.currency_code");
}

TEST_F(BadInput, QuantitiesOutOfRange) {
  for (const int64_t quantity : {int64_t{0}, int64_t{-1}, int64_t{1'000'000'001}}) {
    AppendRequest request = Purchase();
    Line(request).set_quantity(quantity);
    ExpectField(request, "events[0].event.purchase_recorded.lines[0].quantity");
  }
}

TEST_F(BadInput, UnknownEnumValues) {
  AppendRequest request = Purchase();
  request.mutable_events(0)->mutable_event()->mutable_purchase_recorded()->set_sale_mode(
      static_cast<events::v1::SaleMode>(99));
  ExpectField(request, "events[0].event.purchase_recorded.sale_mode");
  request = Visit();
  request.set_view(static_cast<AppendView>(99));
  ExpectField(request, "view");

  ReadLogRequest read;
  read.mutable_filter()->add_kinds(static_cast<events::v1::EventKind>(999));
  grpc::ClientContext context;
  const auto reader = server_.ledger().ReadLog(&context, read);
  ReadLogResponse frame;
  EXPECT_FALSE(reader->Read(&frame));
  EXPECT_EQ(ReadRpcError(reader->Finish()).field_names(), Fields{"filter.kinds[0]"});

  ListAccountsRequest list;
  list.mutable_filter()->set_state(static_cast<AccountState>(99));
  ListAccountsResponse accounts;
  EXPECT_EQ(ReadRpcError(Call(server_.accounts(), &AccountService::Stub::ListAccounts, list, &accounts)).field_names(),
            Fields{"filter.state"});
  ListLotsRequest lots;
  lots.set_account_id("acme");
  lots.set_state(static_cast<LotState>(99));
  ListLotsResponse lots_response;
  EXPECT_EQ(ReadRpcError(Call(server_.points(), &PointsService::Stub::ListLots, lots, &lots_response)).field_names(),
            Fields{"state"});
  GetRetentionRequest retention;
  retention.mutable_scope()->set_period(static_cast<Period>(99));
  GetRetentionResponse retention_response;
  EXPECT_EQ(
      ReadRpcError(Call(server_.retention(), &RetentionService::Stub::GetRetention, retention, &retention_response))
          .field_names(),
      Fields{"scope.period"});
}

TEST_F(BadInput, DecisionsSubmittedByAClient) {
  for (int kind = 0; kind < 6; ++kind) {
    AppendRequest request = Visit();
    events::v1::Event& event = *request.mutable_events(0)->mutable_event();
    switch (kind) {
      case 0:
        event.mutable_points_accrued()->set_points(1'000);
        break;
      case 1:
        event.mutable_points_activated()->set_points(1);
        break;
      case 2:
        event.mutable_points_reversed()->set_points(1);
        break;
      case 3:
        event.mutable_points_expired()->set_points(1);
        break;
      case 4:
        event.mutable_tier_assigned()->set_tier_id("gold");
        break;
      default:
        event.mutable_program_published()->set_program_id("mine");
    }
    const RpcError error = server_.Refused(request);
    EXPECT_EQ(error.code, StatusCode::INVALID_ARGUMENT) << error;
    EXPECT_EQ(error.reason, "DECISION_NOT_ACCEPTED") << error;
  }
}

TEST_F(BadInput, FieldsThatOnlyTheLedgerFills) {
  AppendRequest request = Request("acme", "r1", {Redeemed(1)});
  request.mutable_events(0)->mutable_event()->mutable_points_redeemed()->add_allocations()->set_points(1);
  ExpectField(request, "events[0].event.points_redeemed.allocations");
}

TEST_F(BadInput, AStaleRevisionCarriesTheActualOne) {
  const RpcError error = server_.Refused(Request("acme", "r1", {Visited()}, Exactly(0)));
  EXPECT_EQ(error.code, StatusCode::ABORTED);
  EXPECT_EQ(error.reason, "STALE_REVISION");
  // Opened, tier, purchase, accrual.
  EXPECT_EQ(error.metadata, (std::map<std::string, std::string>{{"actual_revision", "3"}}));
  EXPECT_EQ(server_.Refused(Request("new", "r1", {Opened()}, Exactly(0))).metadata.at("actual_revision"), "none");
}

TEST_F(BadInput, AnAccountThatExists) {
  Expect(Request("acme", "r1", {Opened()}), StatusCode::ALREADY_EXISTS, "ACCOUNT_EXISTS");
  Expect(Request("acme", "r1", {Visited()}, kNewAccount), StatusCode::ALREADY_EXISTS, "ACCOUNT_EXISTS");
}

TEST_F(BadInput, AnAccountThatDoesNotExist) {
  Expect(Request("nobody", "r1", {Visited()}), StatusCode::NOT_FOUND, "ACCOUNT_NOT_FOUND");
  GetAccountRequest request;
  request.set_account_id("nobody");
  GetAccountResponse response;
  const RpcError error = ReadRpcError(Call(server_.accounts(), &AccountService::Stub::GetAccount, request, &response));
  EXPECT_EQ(error.code, StatusCode::NOT_FOUND);
  EXPECT_EQ(error.reason, "ACCOUNT_NOT_FOUND");
}

TEST_F(BadInput, ADuplicateInvoiceNamesItsHolder) {
  const RpcError error = server_.Refused(Request("other", "r1", {Bought(10, "inv-1")}));
  EXPECT_EQ(error.code, StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(error.reason, "INVOICE_EXISTS");
  // After the signing key's record, the program, the account and its tier.
  EXPECT_EQ(error.metadata,
            (std::map<std::string, std::string>{{"account_id", "acme"}, {"position", "4"}, {"shard", "0"}}));
}

TEST_F(BadInput, AReusedRequestId) {
  Expect(Request("acme", "used", {Visited()}), StatusCode::ALREADY_EXISTS, "REQUEST_ID_REUSED");
}

TEST_F(BadInput, MorePointsThanAvailable) {
  const RpcError error = server_.Refused(Request("acme", "r1", {Redeemed(11)}));
  EXPECT_EQ(error.code, StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(error.reason, "INSUFFICIENT_POINTS");
  EXPECT_EQ(error.preconditions, Fields{"INSUFFICIENT_POINTS"});
  EXPECT_EQ(error.metadata, (std::map<std::string, std::string>{{"available", "10"}, {"requested", "11"}}));
}

TEST_F(BadInput, MoreReturnedThanBought) {
  Expect(Request("acme", "r1", {Returned(11, "inv-1")}), StatusCode::FAILED_PRECONDITION, "RETURN_EXCEEDS_PURCHASE");
  Expect(Request("other", "r1", {Returned(1, "inv-1")}), StatusCode::FAILED_PRECONDITION, "PURCHASE_OF_OTHER_ACCOUNT");
}

TEST_F(BadInput, DatesBeyondTheSkewAndBefore1900) {
  Expect(Request("acme", "r1", {Visited("v", kToday + 301 * kMicrosPerSecond)}), StatusCode::INVALID_ARGUMENT,
         "OCCURRED_IN_FUTURE", {"events[0].occurred_time"});
  AppendRequest request = Visit();
  request.mutable_events(0)->mutable_occurred_time()->set_seconds(-2'208'988'801);
  ExpectField(request, "events[0].occurred_time");
  request.mutable_events(0)->mutable_occurred_time()->set_seconds(253'402'300'800);
  ExpectField(request, "events[0].occurred_time");
  request = Visit();
  request.mutable_events(0)->mutable_occurred_time()->set_nanos(1'000'000'000);
  ExpectField(request, "events[0].occurred_time");
}

TEST_F(BadInput, AnOversizePayload) {
  AppendRequest request = Visit();
  request.mutable_events(0)->mutable_event()->mutable_custom_event()->set_data(std::string(65'537, 'x'));
  const RpcError error = server_.Refused(request);
  EXPECT_EQ(error.code, StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(error.reason, "PAYLOAD_TOO_LARGE");
}

TEST_F(BadInput, AMessageOver4MiB) {
  AppendRequest request = Visit();
  for (int i = 0; i < 70; ++i) {
    *request.add_events() = request.events(0);
    request.mutable_events(i + 1)->mutable_event()->mutable_custom_event()->set_data(std::string(61'000, 'x'));
  }
  ASSERT_GT(request.ByteSizeLong(), 4u << 20);
  const RpcError error = server_.Refused(request);
  EXPECT_EQ(error.code, StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_NE(error.message.find("larger than max"), std::string::npos) << error;
}

TEST_F(BadInput, MoreThanAThousandEvents) {
  AppendRequest request = Request("acme", "r1", std::vector<shard::SubmittedEvent>(1'001, Visited()));
  Expect(request, StatusCode::RESOURCE_EXHAUSTED, "TOO_MANY_EVENTS");
}

TEST_F(BadInput, SeveralMistakesAreAllNamed) {
  AppendRequest request = Request("two words", "", {Bought(5)});
  Line(request).set_quantity(0);
  Line(request).mutable_amount()->set_currency_code("usd");
  Expect(request, StatusCode::INVALID_ARGUMENT, "INVALID_FIELD",
         {"account_id", "request_id", "events[0].event.purchase_recorded.lines[0].quantity",
          "events[0].event.purchase_recorded.lines[0].amount.currency_code"});
}

// Details travel in HTTP/2 headers, which are bounded: a client gets enough to begin with.
TEST_F(BadInput, HundredsOfMistakesStillFitIntoTheAnswer) {
  AppendRequest request = Visit();
  for (int i = 0; i < 900; ++i) request.add_events()->set_event_id("two words");
  AppendResponse response;
  const grpc::Status status = server_.Append(request, &response);
  EXPECT_LT(status.error_details().size(), 5'500u);
  const RpcError error = ReadRpcError(status);
  EXPECT_EQ(error.code, StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(error.reason, "INVALID_FIELD");
  ASSERT_GE(error.fields.size(), 20u);
  EXPECT_LT(error.fields.size(), 100u);
  EXPECT_EQ(error.fields[0].first, "events[1].event_id");
  EXPECT_EQ(error.fields[1].first, "events[1].occurred_time");
  EXPECT_EQ(error.fields[2].first, "events[1].event");
}

TEST_F(BadInput, AProgramWithSeveralMistakesReportsEachByLine) {
  PublishProgramRequest request;
  request.set_source_yaml(
      "program_id: Bad Id\n"
      "time_zone: Mars/Olympus\n"
      "currency_code: USD\n"
      "effective_from: 2000-01-01\n"
      "accrual_rules:\n"
      "  - rule_id: base\n"
      "    per_money: {points: 0, per_micros: 1_000_000}\n"
      "colour: red\n");
  request.set_request_id("p1");
  PublishProgramResponse response;
  const RpcError error =
      ReadRpcError(Call(server_.programs(), &ProgramService::Stub::PublishProgram, request, &response));
  EXPECT_EQ(error.code, StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(error.reason, "INVALID_PROGRAM");
  Fields lines;
  for (const auto& [field, description] : error.fields) lines.push_back(description.substr(0, 7));
  EXPECT_EQ(lines, (Fields{"line 1:", "line 2:", "line 7:", "line 8:"})) << error;
}

TEST_F(BadInput, AProgramThatIsMissingOrHasABadRequestId) {
  PublishProgramRequest request;
  request.set_source_yaml(kPendingProgram);
  request.set_request_id("two words");
  PublishProgramResponse response;
  EXPECT_EQ(
      ReadRpcError(Call(server_.programs(), &ProgramService::Stub::PublishProgram, request, &response)).field_names(),
      Fields{"request_id"});
  GetProgramRequest get;
  get.set_program_id("nothing");
  GetProgramResponse got;
  const RpcError error = ReadRpcError(Call(server_.programs(), &ProgramService::Stub::GetProgram, get, &got));
  EXPECT_EQ(error.code, StatusCode::NOT_FOUND);
  EXPECT_EQ(error.reason, "PROGRAM_NOT_FOUND");
}

TEST_F(BadInput, AProjectionThatIsMissing) {
  RebuildProjectionRequest request;
  request.set_name("nothing");
  RebuildProjectionResponse response;
  const RpcError error =
      ReadRpcError(Call(server_.admin(), &AdminService::Stub::RebuildProjection, request, &response));
  EXPECT_EQ(error.code, StatusCode::NOT_FOUND);
  EXPECT_EQ(error.reason, "PROJECTION_NOT_FOUND");
}

}  // namespace
}  // namespace keyledger::testing

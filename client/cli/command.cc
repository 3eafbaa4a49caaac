// What commands share. See command.h.
#include "client/cli/command.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include "client/cli/describe.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/ledger_service.pb.h"

namespace keyledger::cli {
namespace {

// What a person can do about a fact or a review that the rules refuse; the metadata printed above says which rule.
std::string AdviceOnRules(const client::ClientError& error) {
  const std::string& reason = error.reason;
  const std::string opens = error.Metadata("opens_time");
  if (reason == "REDEMPTION_WINDOW_CLOSED") {
    return opens.empty() ? "keyledger program explain ID shows when points can be redeemed"
                         : "redeem again from " + opens + " on";
  }
  if (reason == "REDEMPTION_LIMIT" || reason == "TRANSFER_LIMIT" || reason == "LIMIT_EXCEEDED") {
    return opens.empty() ? "stay within the limit" : "stay within the limit, or come back from " + opens + " on";
  }
  if (reason == "RESERVATION_EXISTS" || reason == "TRANSFER_EXISTS") {
    return "use a new id; to repeat a command whose outcome is not known, give it the --request-id it had";
  }
  if (reason == "RESERVATION_NOT_OPEN") {
    return "it was captured, released or has ended, or never was; keyledger log account ID shows which";
  }
  if (reason == "RESERVATION_LIMIT") {
    return "hold the points for a shorter time that is still to come, or capture or release another reservation first";
  }
  if (reason == "TRANSFER_NOT_FOUND") {
    return "name the account that sent; keyledger log account ID shows its transfers";
  }
  if (reason == "REVIEW_RUNNING") {
    return "wait for its end, which shows: keyledger tier review show " + error.Metadata("review_id");
  }
  if (reason == "REVIEW_NOT_POSSIBLE") {
    return "--preview tries a review out, --reruns REVIEW repeats one; keyledger tier review list shows those there "
           "are";
  }
  if (reason == "REVIEW_NOT_FOUND") {
    return "keyledger tier review list shows those there are, without previews";
  }
  return "";
}

// What a person can do about a step of an item, an owner or an account that the ledger refuses.
std::string AdviceOnItems(const client::ClientError& error) {
  const std::string& reason = error.reason;
  if (reason == "ITEM_EXISTS") {
    return "use a new id, or go a step on with the one there is; keyledger account timeline ID shows it";
  }
  if (reason == "ITEM_NOT_OPEN") {
    return "keyledger account timeline ID shows what is open, and what has ended";
  }
  if (reason == "STEP_NOT_ALLOWED") {
    const std::string needs = error.Metadata("needs");
    return needs.empty() ? "take one of the steps that are possible: " + error.Metadata("legal_steps")
                         : "record what it needs first: " + needs;
  }
  if (reason == "OWNER_NOT_ASSIGNED") {
    return "keyledger account profile ID shows who has which role";
  }
  if (reason == "ACCOUNT_MERGED") {
    return "record it on the account that goes on: " + error.Metadata("into_account_id");
  }
  if (reason == "ENTITLEMENT_SPENT") {
    return "use no more than is left, while it is valid, or grant another";
  }
  if (reason == "NOT_RETRACTABLE") {
    return "correct it by its next step, or a return; only facts that nothing was decided by can be retracted";
  }
  if (reason == "PORTFOLIO_TRANSFER_RUNNING") {
    return "wait for its end, which shows: keyledger owner transfer-status " + error.Metadata("transfer_id");
  }
  if (reason == "PORTFOLIO_TRANSFER_NOT_FOUND") {
    return "keyledger owner transfers shows those there are";
  }
  return "";
}

// What a person can do about a failure.
std::string Advice(const client::ClientError& error, const std::string& server) {
  if (std::string advice = AdviceOnRules(error); !advice.empty()) {
    return advice;
  }
  if (std::string advice = AdviceOnItems(error); !advice.empty()) {
    return advice;
  }
  if (error.reason == "STALE_REVISION") {
    return "read the account again and decide anew; --expect " + error.Metadata("actual_revision") + " would match now";
  }
  if (error.reason == "COMMIT_OUTCOME_UNKNOWN") {
    return "repeat the command with the same --request-id: it is applied once";
  }
  if (error.reason == "REQUEST_ID_REUSED") {
    return "use a new request id, or repeat the request exactly";
  }
  if (error.reason == "ACCOUNT_NOT_FOUND") {
    const std::string into = error.Metadata("into_account_id");
    return into.empty() ? "open it with: keyledger account open ID" : "ask for the account that goes on: " + into;
  }
  if (error.reason == "FORECAST_NOT_POSSIBLE") {
    return "it takes more accounts or a longer history: leave filters out, give a later --as-of, or wait for more "
           "purchases";
  }
  if (error.reason == "INVALID_TOKEN") {
    return "give a token as it was printed, with the command it was printed for; without one a list starts at its "
           "first "
           "page";
  }
  if (error.reason == "FORECAST_NOT_FOUND") {
    return "keyledger retention forecasts lists those there are";
  }
  if (error.reason == "CONTRACT_EXISTS" || error.reason == "CONTRACT_NOT_OPEN") {
    return "keyledger log account ID shows the account's contracts";
  }
  if (error.reason == "PROJECTION_BEHIND") {
    return "try again, with a larger --timeout, or look at: keyledger admin projections";
  }
  if (error.reason == "SHARD_READ_ONLY" || error.reason == "DISK_NEARLY_FULL" || error.reason == "STORE_DAMAGED") {
    return "the operator has to act; see: keyledger admin status";
  }
  if (error.code == grpc::StatusCode::UNAVAILABLE && error.reason.empty()) {
    return "is keyledgerd running at " + server + "? name another with --server HOST:PORT or KEYLEDGER_SERVER";
  }
  if (error.code == grpc::StatusCode::UNIMPLEMENTED) {
    return "the server at " + server + " does not know this call: it is older than this command";
  }
  if (error.code == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return "no answer from " + server + " in time: try again with a larger --timeout, or name another with --server";
  }
  return "";
}

}  // namespace

bool Session::colour() const {
  return options_.color == "always" ||
         (options_.color == "auto" && environment_.out_is_terminal && !environment_.no_color);
}

std::chrono::milliseconds Session::timeout() const {
  return std::chrono::milliseconds(static_cast<int64_t>(options_.timeout_seconds * 1000));
}

client::Client& Session::client() {
  if (!client_) {
    client::ChannelOptions channel;
    channel.address = options_.server;
    client::CallOptions call;
    call.timeout = timeout();
    call.frame_timeout = std::max(call.frame_timeout, timeout());
    client_ = std::make_unique<client::Client>(channel, call);
  }
  return *client_;
}

void Session::PrintJson(const google::protobuf::Message& message, bool line) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  options.add_whitespace = environment_.out_is_terminal && !line;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
  if (!status.ok()) {
    err() << "error: the answer cannot be written as JSON: " << status.message() << "\n";
    return;
  }
  out() << text << (options.add_whitespace ? "" : "\n") << std::flush;
}

std::string Session::JsonText(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string text;
  // Fails for text that is not UTF-8 alone, which no message read from the wire holds.
  return google::protobuf::util::MessageToJsonString(message, &text, options).ok() ? text : "null";
}

void Session::Print(const Table& table) { out() << table.Render(colour()) << std::flush; }

int Session::Fail(const client::ClientError& error, const std::string& advice) {
  const bool red = options_.color == "always" ||
                   (options_.color == "auto" && environment_.err_is_terminal && !environment_.no_color);
  err() << (red ? "\x1b[31merror:\x1b[0m " : "error: ")
        << Printable(error.message.empty() ? "no message" : error.message) << "\n";
  err() << "  reason: " << (error.reason.empty() ? std::string() : Printable(error.reason) + " ") << "("
        << client::CodeName(error.code) << ")\n";
  for (const client::FieldViolation& violation : error.fields) {
    err() << "  field:  " << Printable(violation.field) << ": " << Printable(violation.description) << "\n";
  }
  for (const auto& [key, value] : error.metadata) {
    err() << "  " << Printable(key) << ": " << Printable(value) << "\n";
  }
  if (error.retry_delay) {
    err() << "  retry:  after " << error.retry_delay->count() << " ms\n";
  }
  if (const std::string help = advice.empty() ? Advice(error, options_.server) : advice; !help.empty()) {
    err() << "  do:     " << Printable(help) << "\n";
  }
  return ExitCodeOf(error);
}

int Session::NotFound(const std::string& message) {
  err() << "error: " << Printable(message) << "\n";
  return kExitNotFound;
}

int Session::Usage(const std::string& message) {
  err() << "error: " << message << "\n";
  return kExitUsage;
}

CLI::App* Noun(CLI::App& root, const std::string& name, const std::string& description) {
  const std::vector<CLI::App*> there = root.get_subcommands([&](CLI::App* noun) { return noun->get_name() == name; });
  return there.empty() ? root.add_subcommand(name, description) : there.front();
}

CLI::App* AddVerb(CLI::App* noun, const std::string& name, const std::string& description, Action& selected,
                  Action action) {
  CLI::App* verb = noun->add_subcommand(name, description);
  verb->callback([&selected, action = std::move(action)] { selected = action; });
  return verb;
}

CLI::Validator TimeText() {
  return CLI::Validator(
      [](const std::string& text) {
        return ParseTimeMicros(text)
                   ? std::string()
                   : fmt::format("'{}' is no time: give RFC 3339 (2026-01-31T08:15:00Z), a date (2026-01-31) or now",
                                 text);
      },
      "TIME");
}

CLI::Validator MoneyText() {
  return CLI::Validator(
      [](const std::string& text) {
        return ParseMicros(text)
                   ? std::string()
                   : fmt::format("'{}' is no amount: give a decimal number with at most six decimals", text);
      },
      "AMOUNT");
}

CLI::Validator PercentText() {
  return CLI::Validator(
      [](const std::string& text) {
        return ParsePercentMilli(text)
                   ? std::string()
                   : fmt::format("'{}' is no percentage: give a number with at most one decimal", text);
      },
      "PERCENT");
}

int32_t MilliOf(const std::string& text) { return ParsePercentMilli(text).value_or(0); }

google::protobuf::Timestamp TimeOf(const std::string& text) {
  return TimestampFromMicros(ParseTimeMicros(text).value_or(0));
}

void ReadFlags::AddTo(CLI::App* verb, bool with_as_of) {
  if (with_as_of) {
    verb->add_option("--as-of", as_of, "As it stood just before this time")->check(TimeText());
  }
  verb->add_option("--min-cursor", min_cursor, "Wait until the answer includes this cursor (read your own write)");
}

void PageFlags::AddTo(CLI::App* verb) {
  verb->add_option("--page-size", page_size, "Entries a page, 1 to 1000 (default 100)")->check(CLI::Range(1, 1000));
  verb->add_option("--page-token", page_token, "Go on after this page");
  verb->add_flag("--all", all, "All pages");
}

void WriteFlags::AddTo(CLI::App* verb) {
  verb->add_option("ACCOUNT", account, "Account id")->required();
  verb->add_option("--occurred", occurred, "When it happened: RFC 3339, a date or now")
      ->check(TimeText())
      ->capture_default_str();
  verb->add_option("--request-id", request_id, "Makes the request safe to repeat (default: a new random id)");
  verb->add_option("--expect", expect, "Revision the account must have: a number, new or any")->capture_default_str();
  verb->add_option("--actor", actor, "Who submits");
  verb->add_option("--event-id", event_id, "The event's own id");
  verb->add_option("--correlation-id", correlation_id, "Correlates records across systems");
  verb->add_option("--causation-id", causation_id, "event_id of what caused it");
}

std::optional<v1::AppendRequest> MakeAppend(Session& session, const WriteFlags& flags, ev::Event event) {
  v1::AppendRequest request;
  request.set_account_id(flags.account);
  request.set_request_id(flags.request_id);
  request.set_actor(flags.actor);
  if (flags.expect == "any") {
    request.mutable_expected_revision()->mutable_any();
  } else if (flags.expect == "new") {
    request.mutable_expected_revision()->mutable_new_account();
  } else if (const std::optional<int64_t> revision = ParseInteger(flags.expect); revision && *revision >= 0) {
    request.mutable_expected_revision()->set_exact(static_cast<uint64_t>(*revision));
  } else {
    session.Usage(fmt::format("--expect: '{}' is neither a revision nor new nor any", flags.expect));
    return std::nullopt;
  }
  v1::SubmittedEvent& submitted = *request.add_events();
  submitted.set_event_id(flags.event_id);
  submitted.set_correlation_id(flags.correlation_id);
  submitted.set_causation_id(flags.causation_id);
  *submitted.mutable_occurred_time() = TimeOf(flags.occurred);
  *submitted.mutable_event() = std::move(event);
  return request;
}

int AppendEvent(Session& session, const WriteFlags& flags, ev::Event event) {
  std::optional<v1::AppendRequest> request = MakeAppend(session, flags, std::move(event));
  if (!request) {
    return kExitUsage;
  }
  return Show(session, session.client().Append(*std::move(request)),
              [&](const v1::AppendResponse& response) { PrintAppended(session, response); });
}

void PrintAppended(Session& session, const v1::AppendResponse& response) {
  Table events({{"shard"}, {"position", Align::kRight}, {"revision", Align::kRight}, {"event id"}, {"what"}});
  for (const v1::AppendedEvent& event : response.events()) {
    events.Add({std::to_string(response.shard()), std::to_string(event.position()), std::to_string(event.revision()),
                event.event_id(), response.replayed() ? "applied before" : "appended"});
  }
  for (const ev::EventRecord& decision : response.decisions()) {
    events.Add({std::to_string(decision.shard()), std::to_string(decision.position()),
                std::to_string(decision.revision()), decision.event_id(), DescribeEvent(decision.event())});
  }
  session.Print(events);
  if (response.has_standing()) {
    const v1::AccountStanding& standing = response.standing();
    session.out() << fmt::format("points {} available, {} pending; tier {}\n", FormatCount(standing.available_points()),
                                 FormatCount(standing.pending_points()),
                                 standing.tier_id().empty() ? "none" : Printable(standing.tier_id()));
  }
  session.out() << "cursor " << Printable(response.cursor()) << "\n";
}

std::optional<std::string> ReadInput(Session& session, const std::string& path) {
  if (path == "-") {
    return std::string(std::istreambuf_iterator<char>(session.in()), {});
  }
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) {
    session.err() << "error: cannot read " << path << "\n";
    return std::nullopt;
  }
  return text;
}

bool IsFileName(const std::string& argument) {
  return argument == "-" || argument.find_first_of("./") != std::string::npos;
}

}  // namespace keyledger::cli
